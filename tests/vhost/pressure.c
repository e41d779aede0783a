/*
 * pressure - a guest that does nothing forbidden, but all the time: it must get
 * its share of the data plane and no more.
 *
 * Names and numbers T18.. are those of the test specifications.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/stream.h"
#include "tests/lib/tcp.h"
#include "tests/vhost/pair.h"

/* The longest that a burst of the victims may take while others press; alone it takes 0.1 ms. And a late frame. */
#ifdef SLUICE_SANITIZED
enum { WORST_MS = 5000, LATE_MS = 950 };
#else
enum { WORST_MS = 500, LATE_MS = 900 };
#endif

/* How many frames the victims passed in @ms, and that none of their bursts starved. */
static uint64_t measure_victims(struct scene *scene, unsigned ms)
{
	uint64_t before = atomic_load(&scene->victims.frames), worst;

	atomic_store(&scene->victims.worst_ns, 0);
	clock_nap_us(ms * 1000);
	worst = atomic_load(&scene->victims.worst_ns);
	check(worst < WORST_MS * 1000000ULL, "victims: a burst took %llu ms",
	      (unsigned long long)worst / 1000000);
	return atomic_load(&scene->victims.frames) - before;
}

/* ---- T18 ---- */

struct kicker {
	struct frontend *fe;
	atomic_bool stop;
};

/* Kicks without end, and the driver's wishes about calls at random. */
static void *kick(void *argument)
{
	struct kicker *kicker = argument;
	const uint64_t most = UINT64_MAX - 1;
	uint64_t state = 18;

	while (!atomic_load(&kicker->stop)) {
		for (unsigned i = 0; i < 2; i++) {
			struct guest_ring *ring = &kicker->fe->queues[i].ring;
			uint64_t noise = packet_noise(&state);

			(void)!write(ring->kick, &most, sizeof(most));
			if (ring->packed) { /* an event area */
				__atomic_store_n((uint32_t *)(void *)ring->avail, (uint32_t)noise,
						 __ATOMIC_RELAXED);
				continue;
			}
			__atomic_store_n(&ring->avail->flags, noise & 1, __ATOMIC_RELAXED);
			__atomic_store_n(&ring->avail->ring[ring->size], (uint16_t)(noise >> 16),
					 __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

static void t18_kick_storm(struct scene *scene)
{
	struct kicker kicker;
	struct stream in;
	struct pair pair;
	pthread_t thread;
	uint64_t alone, pressed;

	pair_open(&pair, scene, NULL);
	alone = measure_victims(scene, 300);
	kicker = (struct kicker){.fe = &pair.fe};
	in = (struct stream){.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
	check(pthread_create(&thread, NULL, kick, &kicker) == 0, "pthread_create");
	stream_start(&in);
	pressed = measure_victims(scene, runner_amount(500, 20000));
	check(pressed > alone / 50, "victims: %llu frames in 300 ms alone, %llu in 500 ms",
	      (unsigned long long)alone, (unsigned long long)pressed);
	stream_stop(&in);
	atomic_store(&kicker.stop, true);
	pthread_join(thread, NULL);
	pair_await_return(&pair.peer, "frames under kicks");
	/* a full eventfd takes no kick: who fills it is heard once a second only */
	for (unsigned i = 0; i < 2; i++)
		(void)!read(pair.fe.queues[i].ring.kick, &alone, sizeof(alone));
	pair_restart(&pair);
	pair_pass(&pair, 10);
	pair_close(&pair);
}

/* A driver that asks for no calls and never kicks harms itself at most. */
static void t18_never_kicks(struct scene *scene)
{
	struct guest_ring *tx;
	struct pair pair;
	uint8_t frame[100];

	pair_open(&pair, scene, NULL);
	tx = frontend_tx(&pair.fe, 0);
	for (unsigned i = 0; i < 200; i++) {
		packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 18, i);
		check(frontend_queue(&pair.fe, 0, NULL, frame, sizeof(frame)), "no room");
		guest_ring_show(tx);
	}
	victims_await(&scene->victims, 200);
	guest_ring_kick(tx);
	pair_await_return(&pair.fe, "frames without a kick");
	scene_discard(&pair.peer);
	pair_pass(&pair, 10);
	scene_check_idle(scene);
	pair_close(&pair);
}

/*
 * One frame at a time, each at another moment around the one where the data plane
 * gives up looking and goes to sleep (H7): a kick that is lost there is a frame
 * that waits until workers look at all rings, which they do once a second.
 */
static void t18_no_wakeup_is_lost(struct scene *scene)
{
	unsigned late = 0;
	uint64_t state = 7;

	victims_pause(&scene->victims);
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		const struct frontend_options options = {
			.features = event_idx ? FRONTEND_PLAIN : VU_BIT(VIRTIO_NET_F_MRG_RXBUF)};
		struct pair pair;

		pair_open(&pair, scene, &options);
		for (unsigned i = 0; i < runner_amount(4000, 600000); i++) {
			uint64_t began = clock_now_ns(), end;

			scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 1);
			late += clock_now_ns() - began > LATE_MS * 1000000ULL;
			end = clock_now_ns() + packet_noise(&state) % 80000;
			while (clock_now_ns() < end) /* a nap would be too coarse */
				;
			if (i % 100 == 0) { /* and sometimes it sleeps soundly */
				clock_nap_us(2000);
				scene_pass(&pair.peer, PEER, &pair.fe, OFFENDER, 1);
			}
		}
		pair_close(&pair);
	}
	victims_resume(&scene->victims);
	/* on a busy machine, the odd one for other reasons */
	check(late < 3, "%u frames waited for the look that workers take once a second", late);
}

/*
 * Several workers put frames into one ring (H11): none is torn, none overtakes
 * another of its sender, and what the ring could not hold was counted.
 */
static void several_senders(struct scene *scene)
{
	const uint16_t ports[] = {OFFENDER, WITNESS, TRUNK};
	const struct frontend_options options = {.features = FRONTEND_PLAIN, .rx_buffer = 600};
	const unsigned n = runner_amount(30000, 3000000);
	uint32_t next[SCENE_PORT_END] = {0}, stream, number;
	struct frontend senders[3], peer;
	struct stream streams[3];
	uint64_t received = 0;

	scene_join(scene, &peer, PEER, &options);
	for (unsigned i = 0; i < 3; i++) {
		scene_join(scene, &senders[i], ports[i], &options);
		streams[i] = (struct stream){
			.from = &senders[i], .from_port = ports[i], .to_port = PEER};
		stream_start(&streams[i]);
	}
	while (received < n) {
		struct virtio_net_hdr_v1 hdr;
		uint8_t frame[2048];
		ssize_t len =
			frontend_receive(&peer, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS);

		check(len > 0, "nothing is received any more");
		check(packet_read_stamp(frame, PACKET_ETH, (uint32_t)len, &stream, &number) &&
			      stream < SCENE_PORT_END,
		      "a frame of %zd bytes was changed on its way", len);
		check(number >= next[stream], "frame %u of port %u after frame %u", number, stream,
		      next[stream] - 1);
		next[stream] = number + 1;
		received++;
	}
	for (unsigned i = 0; i < 3; i++) {
		stream_stop(&streams[i]);
		pair_await_return(&senders[i], "the last frames of a stream");
		check(next[ports[i]] > 0, "nothing came from port %u", ports[i]);
		scene_leave(scene, &senders[i], ports[i]);
	}
	for (struct virtio_net_hdr_v1 hdr; guest_ring_pending(frontend_rx(&peer, 0)); received++) {
		uint8_t frame[2048];

		check(frontend_take(&peer, 0, &hdr, frame, sizeof(frame)) > 0, "no frame");
	}
	check(harness_counters(&scene->dp, PEER)->tx_frames == received,
	      "%llu frames were sent, %llu received",
	      (unsigned long long)harness_counters(&scene->dp, PEER)->tx_frames,
	      (unsigned long long)received);
	scene_leave(scene, &peer, PEER);
}

/* ---- T33 ---- */

/* Malformed chains as fast as one thread can make them available. */
static void t33_malformed_at_full_speed(struct scene *scene)
{
	uint64_t end, alone, pressed, before, sent = 0;
	struct vring_desc malformed[30];
	struct guest_ring *ring;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < 30; i++)
		malformed[i] = (struct vring_desc){.addr = i % 2 ? 0xfff0000000 : 0,
						   .len = i % 3 ? 5 : 0xffffffff,
						   .flags = i % 5 ? 0 : VRING_DESC_F_WRITE};
	alone = measure_victims(scene, 300);
	ring = frontend_tx(&pair.fe, 0);
	ring->forgiving = true;
	before = pair_drops(&pair);
	pressed = atomic_load(&scene->victims.frames);
	atomic_store(&scene->victims.worst_ns, 0);
	end = clock_now_ms() + runner_amount(600, 60000);
	while (clock_now_ms() < end) {
		for (; guest_ring_held(ring) < ring->size; sent++)
			guest_ring_add_crafted(ring, &malformed[sent % 30], 1);
		guest_ring_publish(ring);
		while (!guest_ring_forget_used(ring) && clock_now_ms() < end)
			;
	}
	pressed = atomic_load(&scene->victims.frames) - pressed;
	check(atomic_load(&scene->victims.worst_ns) < WORST_MS * 1000000ULL,
	      "victims: a burst took %llu ms",
	      (unsigned long long)atomic_load(&scene->victims.worst_ns) / 1000000);
	check(pressed > alone / 10, "victims: %llu frames in 300 ms alone, %llu under it",
	      (unsigned long long)alone, (unsigned long long)pressed);
	check(clock_await(CLOCK_PATIENCE_MS, pair_drops(&pair) == before + sent),
	      "%llu chains, %llu drops", (unsigned long long)sent,
	      (unsigned long long)(pair_drops(&pair) - before));
	scene_check_idle(scene);
	pair_close(&pair);
}

/* ---- T34 ---- */

/* A guest that never takes its frames: floods reach the others whole, and it misses them. */
static void t34_nobody_receives(struct scene *scene)
{
	const unsigned n = runner_amount(20000, 1000000);
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend witness;
	struct stream flood;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	scene_join(scene, &witness, WITNESS, &options);
	flood = (struct stream){.from = &pair.peer,
				.to = &witness,
				.from_port = PEER,
				.to_port = WITNESS,
				.broadcast = true,
				.lossless = true};
	stream_start(&flood);
	while (atomic_load(&flood.sent) < n)
		stream_await(&flood, 32);
	stream_stop(&flood);
	check(scene_missed(scene, OFFENDER, DROP_RING_FULL) ==
		      atomic_load(&flood.sent) - frontend_rx(&pair.fe, 0)->size,
	      "of %llu frames %llu did not fit into a ring of 256",
	      (unsigned long long)atomic_load(&flood.sent),
	      (unsigned long long)scene_missed(scene, OFFENDER, DROP_RING_FULL));
	scene_leave(scene, &witness, WITNESS);
	pair_close(&pair);
}

/* ---- T35 ---- */

/* Large frames in the smallest segments, to a guest for whom they must be cut. */
static void t35_smallest_segments(struct scene *scene)
{
	const struct frontend_options options = {.features =
							 FRONTEND_PLAIN | FRONTEND_SEND_OFFLOADS,
						 .tx_buffer = 66 << 10,
						 .ring_size = 128};
	struct tcp_frame tcp = {.dst = scene_mac(PEER),
				.src = scene_mac(OFFENDER),
				.tci = PACKET_UNTAGGED,
				.flags = TCP_ACK,
				.payload = 65000};
	static uint8_t frame[65535 + PACKET_ETH];
	struct virtio_net_hdr_v1 hdr;
	struct pair pair;
	uint64_t end, before, sent = 0;
	uint32_t len;

	pair_open(&pair, scene, &options);
	scene_pass(&pair.peer, PEER, &pair.fe, OFFENDER, 1);
	len = tcp_build(frame, &tcp);
	tcp_leave_checksum(frame, len, &tcp, 48, &hdr);
	before = atomic_load(&scene->victims.frames);
	atomic_store(&scene->victims.worst_ns, 0);
	end = clock_now_ms() + runner_amount(600, 60000);
	while (clock_now_ms() < end) {
		while (frontend_queue(&pair.fe, 0, &hdr, frame, len))
			sent++;
		frontend_flush(&pair.fe, 0);
		scene_discard(&pair.peer);
	}
	check(atomic_load(&scene->victims.worst_ns) < WORST_MS * 1000000ULL,
	      "victims: a burst took %llu ms",
	      (unsigned long long)atomic_load(&scene->victims.worst_ns) / 1000000);
	check(atomic_load(&scene->victims.frames) > before + 100, "victims: %llu frames",
	      (unsigned long long)(atomic_load(&scene->victims.frames) - before));
	check(sent > 50, "only %llu large frames were taken", (unsigned long long)sent);
	pair_await_return(&pair.fe, "large frames");
	scene_discard(&pair.peer);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t18_kick_storm", t18_kick_storm},
		{.name = "t18_never_kicks", t18_never_kicks},
		{.name = "t18_no_wakeup_is_lost", t18_no_wakeup_is_lost},
		{.name = "several_senders", several_senders, .workers = 2},
		{.name = "t33_malformed_at_full_speed", t33_malformed_at_full_speed},
		{.name = "t34_nobody_receives", t34_nobody_receives},
		{.name = "t35_smallest_segments", t35_smallest_segments},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
