/*
 * lifecycle - sessions and rings that begin, pause and end at every possible
 * moment, under traffic.
 *
 * Names and numbers T31.. are those of the test specifications. What was
 * acknowledged has happened: a ring whose base was given writes nothing any
 * more, a disabled one receives nothing. What starts is looked at once without
 * a kick.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/stream.h"
#include "tests/vhost/pair.h"

/* Traffic from the peer to the hostile guest, whether that one takes it or not. */
static struct stream flood_of(struct pair *pair)
{
	return (struct stream){.from = &pair->peer, .from_port = PEER, .to_port = OFFENDER};
}

/* ---- T31 ---- */

/* The connection ends in the middle of a message, at each of its bytes, with and without an fd. */
static void t31_cut_messages(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	static const struct {
		uint32_t request;
		uint32_t size;
		bool fd;
	} messages[] = {
		{VU_GET_FEATURES, 0, false},   {VU_SET_FEATURES, 8, false},
		{VU_SET_MEM_TABLE, 40, true},  {VU_SET_VRING_ADDR, 40, false},
		{VU_SET_VRING_KICK, 8, true},  {VU_ADD_MEM_REG, 40, true},
		{VU_GET_VRING_BASE, 8, false}, {VU_SET_LOG_BASE, 16, true},
	};
	struct frontend fe;

	scene_create(scene, &fe, &options);
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct {
			struct vu_header header;
			uint8_t payload[40];
		} message = {.header = {messages[i].request, VU_VERSION, messages[i].size}};
		uint32_t whole = (uint32_t)sizeof(struct vu_header) + messages[i].size;

		for (uint32_t length = 1; length < whole; length++) {
			scene_attach(scene, &fe, OFFENDER);
			check(frontend_handshake(&fe) == 0, "handshake");
			check(frontend_write(&fe, &message, length, &fe.memory->regions[0].fd,
					     messages[i].fd) == 0,
			      "write");
			frontend_hang_up(&fe);
		}
	}
	frontend_destroy(&fe);
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sessions come and go under traffic: each gets its frames at once, and nothing is left behind. */
static void t31_reconnects(struct scene *scene)
{
	const unsigned n = runner_amount(150, 10000);
	uint64_t *times = calloc(n, sizeof(*times));
	struct stream in;
	struct pair pair;

	check(times, "out of memory");
	pair_open(&pair, scene, NULL);
	in = flood_of(&pair);
	stream_start(&in);
	for (unsigned i = 0; i < n; i++) {
		struct virtio_net_hdr_v1 hdr;
		uint8_t frame[2048];
		uint64_t began;

		frontend_hang_up(&pair.fe);
		scene_attach(scene, &pair.fe, OFFENDER);
		began = clock_now_ns();
		if (i % 2)
			frontend_reset(&pair.fe);
		frontend_bring_up(&pair.fe);
		check(frontend_receive(&pair.fe, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS) >
			      0,
		      "session %u receives nothing", i);
		times[i] = clock_now_ns() - began;
		scene_discard(&pair.fe);
	}
	stream_stop(&in);
	qsort(times, n, sizeof(*times), compare_times);
#ifndef SLUICE_SANITIZED
	check(times[n / 2] < 50000000, "the first frame takes %llu us",
	      (unsigned long long)times[n / 2] / 1000);
#endif
	free(times);
	pair_close(&pair);
}

static void t31_two_sessions_at_once(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend second;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	scene_create(scene, &second, &options);
	check(harness_attach(&scene->dp, OFFENDER, frontend_dial(&second), 1) == -EBUSY,
	      "a port took two devices");
	pair_pass(&pair, 10);
	frontend_destroy(&second);
	pair_close(&pair);
}

/* ---- T36 ---- */

static uint8_t *copy_memory(const struct guest_memory *memory)
{
	uint8_t *copy = malloc(memory->regions[0].size);

	check(copy, "out of memory");
	memcpy(copy, memory->regions[0].host, memory->regions[0].size);
	return copy;
}

/* After the answers to GET_VRING_BASE not one byte of the guest's memory changes any more. */
static void t36_base_stops_writes(struct scene *scene)
{
	const struct frontend_options options = {
		.features = FRONTEND_PLAIN, .ring_size = 1024, .memory_size = 8 << 20};
	struct stream in;
	struct pair pair;

	pair_open(&pair, scene, &options);
	in = flood_of(&pair);
	stream_start(&in);
	for (unsigned round = 0; round < runner_amount(25, 1000); round++) {
		uint8_t frame[100], *copy;

		/* Frames to send are waiting as well. */
		for (unsigned i = 0; i < 300; i++) {
			packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 1,
				     i);
			(void)frontend_queue(&pair.fe, 0, NULL, frame, sizeof(frame));
		}
		frontend_flush(&pair.fe, 0);
		clock_nap_us(round * 20);
		check(frontend_stop(&pair.fe) == 0, "stop");
		copy = copy_memory(pair.fe.memory);
		stream_await(&in, 500);
		check(memcmp(copy, pair.fe.memory->regions[0].host,
			     pair.fe.memory->regions[0].size) == 0,
		      "round %u: memory changed after the rings had stopped", round);
		free(copy);
		for (unsigned i = 0; i < 2; i++)
			check(pair.fe.bases[i] == guest_ring_base(&pair.fe.queues[i].ring),
			      "round %u: ring %u: base %u, used %u", round, i, pair.fe.bases[i],
			      guest_ring_base(&pair.fe.queues[i].ring));
		/* It goes on where it stopped: nothing was lost or done twice on the way out. */
		check(frontend_start(&pair.fe) == 0, "start");
		check(frontend_drain(&pair.fe, 0, CLOCK_PATIENCE_MS), "not drained");
		scene_discard(&pair.fe);
	}
	stream_stop(&in);
	pair_settle(&pair);
	pair_pass(&pair, 10);
	pair_close(&pair);
}

/* ---- T38 ---- */

static void t38_enable_toggles(struct scene *scene)
{
	struct stream in;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	in = flood_of(&pair);
	stream_start(&in);
	for (unsigned round = 0; round < runner_amount(100, 10000); round++) {
		struct guest_ring *rx = frontend_rx(&pair.fe, 0);
		uint32_t used;

		check(frontend_enable(&pair.fe, 0, false) == 0, "disable");
		used = guest_ring_base(rx);
		stream_await(&in, 100);
		check(guest_ring_base(rx) == used, "a disabled ring received");
		check(frontend_enable(&pair.fe, 0, true) == 0, "enable");
		scene_discard(&pair.fe);
		check(guest_ring_wait(rx, CLOCK_PATIENCE_MS), "an enabled ring receives nothing");
		scene_discard(&pair.fe);
	}
	stream_stop(&in);
	pair_settle(&pair);

	/* Frames sent while disabled may be dropped; after it, none may need another kick. */
	for (unsigned round = 0; round < runner_amount(100, 10000); round++) {
		uint8_t frame[100];

		check(frontend_enable(&pair.fe, 1, false) == 0, "disable");
		packet_build(frame, sizeof(frame), scene_mac(WITNESS), scene_mac(OFFENDER), 1, 1);
		frontend_send(&pair.fe, 0, NULL, frame, sizeof(frame));
		check(frontend_enable(&pair.fe, 1, true) == 0, "enable");
		check(frontend_drain(&pair.fe, 0, CLOCK_PATIENCE_MS), "round %u: stuck", round);
	}
	scene_discard(&pair.peer);
	pair_pass(&pair, 10);
	pair_close(&pair);
}

/* All messages of a start but the last: then frames and a kick, then ENABLE. */
static void start_but_enable(struct pair *pair)
{
	frontend_hang_up(&pair->fe);
	scene_attach(pair->scene, &pair->fe, OFFENDER);
	frontend_reset(&pair->fe);
	check(frontend_handshake(&pair->fe) == 0, "handshake");
	pair->fe.features = pair->fe.features_offered & pair->fe.options.features;
	check(frontend_do_u64(&pair->fe, VU_SET_FEATURES, pair->fe.features) == 0, "SET_FEATURES");
	check(frontend_set_memory(&pair->fe) == 0, "memory");
}

/* ---- T39 ---- */

static void t39_kick_before_enable(struct scene *scene)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[100], seen[2048];
	struct pair pair;

	pair_open(&pair, scene, NULL);
	packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 39, 0);
	for (unsigned i = 0; i < 50; i++) {
		start_but_enable(&pair);
		for (unsigned ring = 0; ring < 2; ring++)
			check(frontend_set_ring(&pair.fe, ring) == 0, "ring %u", ring);
		frontend_fill(&pair.fe, 0);
		frontend_send(&pair.fe, 0, NULL, frame, sizeof(frame));
		guest_ring_kick(frontend_tx(&pair.fe, 0));
		clock_nap_us(i * 20);
		for (unsigned ring = 0; ring < 2; ring++)
			check(frontend_enable(&pair.fe, ring, true) == 0, "enable");
		check(frontend_receive(&pair.peer, 0, &hdr, seen, sizeof(seen),
				       CLOCK_PATIENCE_MS) == sizeof(frame),
		      "round %u: a kick was lost", i);
		check(frontend_drain(&pair.fe, 0, CLOCK_PATIENCE_MS), "not drained");
	}
	pair_pass(&pair, 5);
	pair_close(&pair);
}

/* The rings are full before the backend ever hears of them, and nobody kicks. */
static void t39_start_with_full_ring(struct scene *scene)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[100], seen[2048];
	struct pair pair;

	pair_open(&pair, scene, NULL);
	packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 39, 0);
	for (unsigned round = 0; round < 10; round++) {
		struct guest_ring *tx = frontend_tx(&pair.fe, 0);
		unsigned n = 0;

		start_but_enable(&pair);
		while (frontend_queue(&pair.fe, 0, NULL, frame, sizeof(frame)))
			n++;
		check(n == tx->size, "%u frames fill the ring", n);
		guest_ring_show(tx);
		for (unsigned ring = 0; ring < 2; ring++)
			check(frontend_enable(&pair.fe, ring, true) == 0 &&
				      frontend_set_ring(&pair.fe, ring) == 0,
			      "ring %u", ring);
		check(frontend_drain(&pair.fe, 0, CLOCK_PATIENCE_MS), "a full ring stays full");
		while (n > 0 && frontend_receive(&pair.peer, 0, &hdr, seen, sizeof(seen), 1000) > 0)
			n--;
		check(n == 0, "%u frames are missing", n);
	}
	pair_close(&pair);
}

/* The call eventfd is exchanged all the time; whoever waits on the newest is woken. */
static void t39_call_exchanged(struct scene *scene)
{
	struct guest_ring *rx;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	rx = frontend_rx(&pair.fe, 0);
	for (unsigned i = 0; i < runner_amount(500, 50000); i++) {
		uint8_t frame[100], seen[2048];
		struct virtio_net_hdr_v1 hdr;
		int old = rx->call;

		guest_ring_arm(rx);
		packet_build(frame, sizeof(frame), scene_mac(OFFENDER), scene_mac(PEER), 1, i);
		frontend_send(&pair.peer, 0, NULL, frame, sizeof(frame));
		rx->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		check(rx->call >= 0, "eventfd");
		check(frontend_set_fd(&pair.fe, VU_SET_VRING_CALL, 0, rx->call) == 0, "CALL");
		close(old);
		/* The frame's call went to the old one or the new one: if it was the old, the new must tell. */
		check(poll(&(struct pollfd){.fd = rx->call, .events = POLLIN}, 1,
			   CLOCK_PATIENCE_MS) == 1,
		      "round %u: nobody calls", i);
		check(frontend_receive(&pair.fe, 0, &hdr, seen, sizeof(seen), CLOCK_PATIENCE_MS) ==
			      sizeof(frame),
		      "round %u: no frame", i);
	}
	pair_close(&pair);
}

/* ---- T41 ---- */

/* The guest reboots on a living connection, each time as another driver, with frames under way. */
static void t41_reboots(struct scene *scene)
{
	static const uint64_t kinds[] = {
		FRONTEND_PLAIN,
		0,
		VU_BIT(VIRTIO_RING_F_EVENT_IDX),
		VU_BIT(VIRTIO_NET_F_MRG_RXBUF),
		FRONTEND_PLAIN | FRONTEND_SEND_OFFLOADS | FRONTEND_RECEIVE_OFFLOADS,
	};
	const uint64_t base = VU_BIT(VIRTIO_F_VERSION_1) | VU_BIT(VU_F_PROTOCOL_FEATURES);
	const struct frontend_options options = {
		.features = FRONTEND_PLAIN, .rx_buffer = 68 << 10, .ring_size = 64};
	struct stream in;
	struct pair pair;

	pair_open(&pair, scene, &options);
	in = flood_of(&pair);
	stream_start(&in);
	for (unsigned round = 0; round < runner_amount(60, 5000); round++) {
		uint8_t frame[1400];

		packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 1, 1);
		while (frontend_queue(&pair.fe, 0, NULL, frame, sizeof(frame)))
			;
		frontend_flush(&pair.fe, 0);
		if (round % 3 == 0 && pair.fe.protocol >> VU_PROTOCOL_RESET_DEVICE & 1)
			check(frontend_do(&pair.fe, VU_RESET_DEVICE, NULL, 0, NULL, 0) == 0,
			      "RESET_DEVICE");
		else if (round % 3 == 1 && pair.fe.protocol >> VU_PROTOCOL_STATUS & 1)
			check(frontend_do_u64(&pair.fe, VU_SET_STATUS, 0) == 0, "SET_STATUS 0");
		check(frontend_stop(&pair.fe) == 0, "stop");
		frontend_reset(&pair.fe);
		pair.fe.options.features =
			base | kinds[round % 5] |
			(pair.fe.options.features & VU_BIT(VIRTIO_F_RING_PACKED));
		for (unsigned i = 0; i < 2; i++)
			pair.fe.queues[i].ring.event_idx =
				kinds[round % 5] >> VIRTIO_RING_F_EVENT_IDX & 1;
		check(frontend_start(&pair.fe) == 0, "round %u: start", round);
		frontend_fill(&pair.fe, 0);
		check(guest_ring_wait(frontend_rx(&pair.fe, 0), CLOCK_PATIENCE_MS),
		      "round %u: nothing is received", round);
		scene_discard(&pair.fe);
	}
	stream_stop(&in);
	pair_settle(&pair);
	pair_pass(&pair, 10);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t31_cut_messages", t31_cut_messages},
		{.name = "t31_reconnects", t31_reconnects},
		{.name = "t31_two_sessions_at_once", t31_two_sessions_at_once},
		{.name = "t36_base_stops_writes", t36_base_stops_writes, .workers = 2},
		{.name = "t38_enable_toggles", t38_enable_toggles},
		{.name = "t39_kick_before_enable", t39_kick_before_enable},
		{.name = "t39_start_with_full_ring", t39_start_with_full_ring},
		{.name = "t39_call_exchanged", t39_call_exchanged},
		{.name = "t41_reboots", t41_reboots, .workers = 2},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
