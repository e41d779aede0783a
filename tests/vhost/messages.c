/*
 * messages - what a front-end can send that no front-end should: wrong headers,
 * sizes, fds, numbers, and half a message.
 *
 * Names and numbers T23.. are those of the test specifications. A message that
 * is refused is answered so, or ends the session; whatever fds came with it are
 * closed; nobody waits for the rest of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/stream.h"
#include "tests/vhost/pair.h"

/* A session that got as far as the handshake, and no ring. */
static void open_session(struct scene *scene, struct frontend *fe)
{
	scene_attach(scene, fe, OFFENDER);
	check(frontend_handshake(fe) == 0, "handshake");
	/* an answer: all of it has been heard */
	check(frontend_ask_u64(fe, VU_GET_FEATURES, &fe->features_offered) == 0, "GET_FEATURES");
}

static void close_session(struct scene *scene, struct frontend *fe)
{
	frontend_hang_up(fe);
	(void)harness_detach(&scene->dp, OFFENDER); /* -ENOENT if it ended by itself */
}

/* As many fds as before all this, in the end. */
static void check_fds(struct scene *scene, unsigned before, const char *what)
{
	unsigned now = 0;

	check(clock_await(CLOCK_PATIENCE_MS, (now = harness_resources(&scene->dp).fds) == before),
	      "%s: %u fds became %u", what, before, now);
}

/* ---- T23 ---- */

static void refuse_state(struct pair *pair, uint32_t request, uint32_t index, uint32_t num,
			 const char *what)
{
	int result = frontend_do_state(&pair->fe, request, index, num);

	scene_expect_refusal(pair->scene, &pair->fe, OFFENDER, result, what);
	pair_pass(pair, 1);
}

static void t23_ring_numbers(struct scene *scene)
{
	/* a GET_QUEUE_NUM of 2 may be read as two pairs: rings 0 to 3 are thinkable */
	const uint32_t wrong[] = {4, 64, 255, 256, 0x10000, 0x10001, UINT32_MAX};
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vu_vring_addr addr = {.index = wrong[i]};
		struct vu_vring_state state = {.index = wrong[i]};
		int result;

		refuse_state(&pair, VU_SET_VRING_NUM, wrong[i], 256, "NUM of no ring");
		refuse_state(&pair, VU_SET_VRING_BASE, wrong[i], 0, "BASE of no ring");
		refuse_state(&pair, VU_SET_VRING_ENABLE, wrong[i], 1, "ENABLE of no ring");
		result = frontend_do(&pair.fe, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "ADDR of no ring");
		result = frontend_ask(&pair.fe, VU_GET_VRING_BASE, &state, sizeof(state), &state,
				      sizeof(state), NULL);
		if (result == -ECONNRESET)
			scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "no ring's base");
		for (uint32_t request = VU_SET_VRING_KICK; request <= VU_SET_VRING_ERR; request++) {
			/* Of these, only the low 8 bits are an index. */
			uint64_t value = wrong[i] & 0xff ? wrong[i] & 0xff : 100;
			int fd = frontend_tx(&pair.fe, 0)->kick;

			result = frontend_do(&pair.fe, request, &value, sizeof(value), &fd, 1);
			if (value > 3)
				scene_expect_refusal(scene, &pair.fe, OFFENDER, result,
						     "an fd for no ring");
		}
	}
	pair_restart(&pair);
	pair_pass(&pair, 3);
	pair_close(&pair);
}

static void t23_ring_sizes(struct scene *scene)
{
	const uint32_t wrong[] = {0, 3, 100, 32769, 65536, 0x80000000, UINT32_MAX};
	struct pair pair;
	uint32_t base;

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (scene->packed && wrong[i] > 0 && wrong[i] <= 32768)
			continue; /* a packed ring may have any number */
		check(frontend_get_base(&pair.fe, 0, &base) == 0, "GET_VRING_BASE");
		scene_expect_refusal(scene, &pair.fe, OFFENDER,
				     frontend_do_state(&pair.fe, VU_SET_VRING_NUM, 0, wrong[i]),
				     "an impossible ring size");
		pair_restart(&pair);
	}
	refuse_state(&pair, VU_SET_VRING_NUM, 0, 512, "another size for a running ring");
	refuse_state(&pair, VU_SET_VRING_BASE, 1, 77, "another base for a running ring");
	pair_close(&pair);
}

/* Addresses are judged when they come or when the ring starts: a ring that cannot work does not. */
static void t23_ring_addresses(struct scene *scene)
{
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < 8; i++) {
		struct guest_ring *ring = frontend_tx(&pair.fe, 0);
		struct vu_vring_addr addr = {
			.index = 1,
			.desc = guest_memory_user_addr(pair.fe.memory, ring->desc_gpa),
			.avail = guest_memory_user_addr(pair.fe.memory, ring->avail_gpa),
			.used = guest_memory_user_addr(pair.fe.memory, ring->used_gpa),
		};
		const uint64_t end = guest_memory_user_addr(pair.fe.memory, 0) + (16 << 20);
		uint64_t *const fields[] = {&addr.desc, &addr.avail, &addr.used};
		uint32_t base;
		int result;

		if (i < 3)
			*fields[i] += 1;
		else if (i < 6)
			*fields[i - 3] = i == 3 ? end - 64 : end; /* event areas have 4 bytes */
		else
			addr.desc = i == 6 ? 0 : UINT64_MAX - 15;
		check(frontend_get_base(&pair.fe, 1, &base) == 0, "GET_VRING_BASE");
		result = frontend_do(&pair.fe, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
		if (result == 0)
			result = frontend_set_fd(&pair.fe, VU_SET_VRING_KICK, 1, ring->kick);
		check(result == 0 || result == -EIO || result == -ECONNRESET, "address %u: %s", i,
		      strerror(-result));
		if (result == 0) { /* then it does not run, and does no harm */
			guest_ring_kick(ring);
			check(guest_ring_held(ring) == 0, "it holds something");
		}
		pair_restart(&pair);
		pair_pass(&pair, 2);
	}
	pair_close(&pair);
}

/* ---- T24 ---- */

/* Every message there is, and some there are not, with fds that do not belong to it. */
static void t24_unexpected_fds(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	const unsigned counts[] = {0, 1, 2, 8, 9, 253};
	const uint8_t zeros[40] = {0};
	int fds[253], spare = eventfd(0, EFD_CLOEXEC);
	struct frontend fe;
	unsigned before;

	for (unsigned i = 0; i < 253; i++)
		fds[i] = spare;
	scene_create(scene, &fe, &options);
	before = harness_resources(&scene->dp).fds;
	for (uint32_t request = 0; request <= 46; request++) {
		for (unsigned i = 0; i < 6; i++) {
			bool addr = request == VU_SET_VRING_ADDR || request == VU_ADD_MEM_REG ||
				    request == VU_REM_MEM_REG;

			open_session(scene, &fe);
			(void)frontend_say(&fe, request, VU_VERSION | VU_NEED_REPLY, zeros,
					   addr ? 40 : 8, fds, counts[i]);
			(void)frontend_say(&fe, request, VU_VERSION | VU_NEED_REPLY, zeros, 0, fds,
					   counts[i]);
			close_session(scene, &fe);
		}
		check_fds(scene, before, "a message with fds");
	}
	close(spare);
	frontend_destroy(&fe);
}

/* Messages without fds, with one: they must be refused, not obeyed. */
static void t24_fds_are_refused(struct scene *scene)
{
	struct pair pair;
	int fd = eventfd(0, EFD_CLOEXEC);

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < 4; i++) {
		const uint32_t requests[] = {VU_SET_VRING_NUM, VU_SET_VRING_ENABLE, VU_SET_OWNER,
					     VU_NET_SET_MTU};
		const uint32_t sizes[] = {8, 8, 0, 8};
		struct vu_vring_state state = {.index = 0, .num = 256};
		int result = frontend_do(&pair.fe, requests[i], &state, sizes[i], &fd, 1);

		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "an fd that is not due");
	}
	close(fd);
	pair_close(&pair);
}

enum { FEW_FDS = 160 };

/* Make the data plane hold fds until it has room for @room more. */
static void fill_with_fds(struct scene *scene, struct frontend *filler, unsigned room)
{
	static const uint32_t requests[] = {VU_SET_VRING_CALL, VU_SET_VRING_KICK, VU_SET_VRING_ERR};

	scene_attach(scene, filler, WITNESS);
	check(frontend_handshake(filler) == 0, "handshake");
	for (unsigned i = 0; harness_resources(&scene->dp).fds + room < FEW_FDS; i++)
		check(frontend_set_fd(filler, requests[i % 3], i / 3,
				      filler->queues[0].ring.kick) == 0,
		      "%u fds, and no more", i);
}

/* The data plane has no room for the fds: the kernel cuts the message short (MSG_CTRUNC). */
static void t24_no_room_for_fds(struct scene *scene)
{
	const struct frontend_options options = {
		.features = FRONTEND_PLAIN, .pairs = 16, .ring_size = 2};
	struct frontend filler;
	struct pair pair;
	unsigned before;
	int fds[8];

	pair_open(&pair, scene, NULL);
	before = harness_resources(&scene->dp).fds;
	scene_create(scene, &filler, &options);
	for (unsigned i = 0; i < 8; i++)
		fds[i] = frontend_tx(&pair.fe, 0)->kick;
	for (unsigned room = 0; room < 8; room++) {
		struct vu_memory table = {.n_regions = 8};
		int result;

		check_fds(scene, before, "the round before");
		fill_with_fds(scene, &filler, room);
		result = frontend_do(&pair.fe, VU_SET_MEM_TABLE, &table, sizeof(table), fds, 8);
		check(result == -ECONNRESET, "room for %u of 8 fds: %s", room, strerror(-result));
		frontend_hang_up(&filler);
		(void)harness_detach(&scene->dp, WITNESS); /* -ENOENT if it was faster */
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "half a set of fds");
		pair_pass(&pair, 1);
	}
	frontend_destroy(&filler);
	pair_close(&pair);
}

/* ---- T25 ---- */

static void t25_repeated_settings(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct harness_resources early = {0}, late;
	struct frontend fe;
	int ends[2];

	scene_create(scene, &fe, &options);
	open_session(scene, &fe);
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
	for (unsigned i = 0; i < runner_amount(2000, 1000000); i++) {
		unsigned index = i % 2;
		struct guest_ring *ring = &fe.queues[index].ring;

		check(frontend_do_state(&fe, VU_SET_VRING_NUM, index, 1u << (1 + i % 15)) == 0,
		      "NUM, round %u", i);
		check(frontend_set_addr(&fe, index, 0, 0) == 0, "ADDR, round %u", i);
		check(frontend_set_fd(&fe, VU_SET_VRING_CALL, index, ring->call) == 0,
		      "CALL, round %u", i);
		check(frontend_set_fd(&fe, VU_SET_VRING_ERR, index, ring->err) == 0,
		      "ERR, round %u", i);
		check(frontend_set_fd(&fe, VU_SET_VRING_KICK, index, ring->kick) == 0 || true,
		      "KICK");
		if (fe.protocol >> VU_PROTOCOL_BACKEND_REQ & 1)
			check(frontend_do(&fe, VU_SET_BACKEND_REQ_FD, NULL, 0, ends, 1) == 0 ||
				      true,
			      "BACKEND_REQ");
		if (i == 100)
			early = harness_resources(&scene->dp);
	}
	late = harness_resources(&scene->dp);
	check(late.fds == early.fds && late.anonymous_kib <= early.anonymous_kib + SCENE_GROWTH_KIB,
	      "fds %u, %u; memory %llu, %llu KiB", early.fds, late.fds,
	      (unsigned long long)early.anonymous_kib, (unsigned long long)late.anonymous_kib);
	close(ends[0]);
	close(ends[1]);
	close_session(scene, &fe);
	frontend_destroy(&fe);
}

/* ---- T26 ---- */

static void t26_wrong_headers(struct scene *scene)
{
	static const struct {
		const char *what;
		struct vu_header header;
	} cases[] = {
		{"a payload of 4294967295 bytes", {VU_SET_FEATURES, VU_VERSION, UINT32_MAX}},
		{"a payload of 4097 bytes", {VU_SET_FEATURES, VU_VERSION, 4097}},
		{"version 0", {VU_GET_FEATURES, 0, 0}},
		{"version 2", {VU_GET_FEATURES, 2, 0}},
		{"version 3", {VU_GET_FEATURES, 3, 0}},
		{"request 0", {0, VU_VERSION, 0}},
		{"request 45", {45, VU_VERSION, 0}},
		{"request 200", {200, VU_VERSION, 0}},
		{"request 4294967295", {UINT32_MAX, VU_VERSION, 0}},
		{"SET_FEATURES without features", {VU_SET_FEATURES, VU_VERSION, 0}},
		{"SET_OWNER with 8 bytes", {VU_SET_OWNER, VU_VERSION, 8}},
		{"SET_VRING_ADDR of 8 bytes", {VU_SET_VRING_ADDR, VU_VERSION, 8}},
		{"SET_MEM_TABLE of 9 bytes", {VU_SET_MEM_TABLE, VU_VERSION, 9}},
		{"SET_MEM_TABLE of nothing", {VU_SET_MEM_TABLE, VU_VERSION, 0}},
		{"GET_FEATURES with 8 bytes", {VU_GET_FEATURES, VU_VERSION, 8}},
	};
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	const uint8_t payload[64] = {0};
	struct frontend fe;

	scene_create(scene, &fe, &options);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_session(scene, &fe);
		check(frontend_write(&fe, &cases[i].header, sizeof(cases[i].header), NULL, 0) == 0,
		      "write");
		if (cases[i].header.size > 0)
			(void)frontend_write(&fe, payload,
					     cases[i].header.size < 64 ? cases[i].header.size : 64,
					     NULL, 0);
		check(frontend_is_cut(&fe, CLOCK_PATIENCE_MS), "%s: the session goes on",
		      cases[i].what);
		scene_expect_end(scene, &fe, OFFENDER);
		close_session(scene, &fe);
	}
	/* Bits that mean nothing, and an answer that nobody asked for: ignored or refused. */
	for (uint32_t flags = 1u << 2; flags; flags <<= 1) {
		struct vu_header header = {VU_SET_OWNER, VU_VERSION | flags, 0};

		open_session(scene, &fe);
		check(frontend_write(&fe, &header, sizeof(header), NULL, 0) == 0, "write");
		close_session(scene, &fe);
	}
	frontend_destroy(&fe);
}

/* A message that comes one byte at a time is a message; one that never ends holds up nobody. */
static void t26_slow_and_unfinished(struct scene *scene)
{
	const struct vu_header header = {VU_GET_FEATURES, VU_VERSION, 0};
	const struct vu_header unfinished = {VU_SET_FEATURES, VU_VERSION, 8};
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend slow[2];
	uint64_t features;

	for (unsigned i = 0; i < 2; i++) {
		scene_create(scene, &slow[i], &options);
		scene_attach(scene, &slow[i], (uint16_t)(WITNESS + i));
		check(frontend_handshake(&slow[i]) == 0, "handshake");
	}
	check(frontend_write(&slow[1], &unfinished, 12, NULL, 0) == 0, "write");
	check(frontend_write(&slow[1], &features, 5, NULL, 0) == 0, "write");
	for (unsigned at = 0; at < sizeof(header); at++) {
		struct pair pair;

		check(frontend_write(&slow[0], (const uint8_t *)&header + at, 1, NULL, 0) == 0,
		      "write");
		pair_open(&pair, scene, NULL);
		pair_pass(&pair, 1);
		pair_close(&pair);
		victims_await(&scene->victims, 50);
	}
	check(frontend_await_reply(&slow[0], VU_GET_FEATURES, &features, sizeof(features), NULL,
				   CLOCK_PATIENCE_MS) == sizeof(features) &&
		      features == slow[0].features_offered,
	      "the slow message was not answered");
	for (unsigned i = 0; i < 2; i++)
		scene_leave(scene, &slow[i], (uint16_t)(WITNESS + i));
}

/* Questions whose answers are never read: the backend neither waits nor hoards. */
static void t26_answers_never_read(struct scene *scene)
{
	const struct vu_header header = {VU_GET_FEATURES, VU_VERSION, 0};
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend fe;
	int error = 0;

	scene_create(scene, &fe, &options);
	open_session(scene, &fe);
	check(fcntl(fe.socket, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
	for (unsigned i = 0; i < 100000 && error == 0; i++)
		error = frontend_write(&fe, &header, sizeof(header), NULL, 0);
	check(error == -EAGAIN || error == -EPIPE || error == -ECONNRESET || error == -ETIMEDOUT,
	      "100000 questions were taken: %s", strerror(-error));
	victims_await(&scene->victims, 500);
	check(harness_resources(&scene->dp).anonymous_kib <=
		      scene->before.anonymous_kib + SCENE_GROWTH_KIB,
	      "it keeps the answers");
	close_session(scene, &fe);
	frontend_destroy(&fe);
}

/* ---- T28 ---- */

static void t28_inflight(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	const uint16_t numbers[] = {0, 1, 2, 33, 65535};
	struct vu_inflight shape;
	struct frontend fe;
	unsigned before;
	int fd, size;

	scene_create(scene, &fe, &options);
	open_session(scene, &fe);
	before = harness_resources(&scene->dp).fds;
	for (unsigned i = 0; i < runner_amount(250, 100000); i++) {
		struct vu_inflight wish = {.n_queues = numbers[i % 5],
					   .queue_size = numbers[i / 5 % 5]};

		fd = -1;
		size = frontend_ask(&fe, VU_GET_INFLIGHT_FD, &wish, VU_INFLIGHT_SIZE, &shape,
				    sizeof(shape), &fd);
		if (fd >= 0)
			close(fd);
		if (size == -ECONNRESET) {
			scene_expect_end(scene, &fe, OFFENDER);
			close_session(scene, &fe);
			open_session(scene, &fe);
		}
	}
	for (unsigned i = 0; i < 24; i++) {
		struct vu_inflight lie = {.mmap_size = i & 1 ? 64 : UINT64_MAX,
					  .mmap_offset = i & 2 ? UINT64_MAX - 10 : 0,
					  .n_queues = numbers[i % 5],
					  .queue_size = 1024};

		fd = memfd_create("inflight", MFD_CLOEXEC);
		check(fd >= 0 && ftruncate(fd, i % 3 ? 4096 : 0) == 0, "memfd");
		size = frontend_do(&fe, VU_SET_INFLIGHT_FD, &lie, VU_INFLIGHT_SIZE, &fd, i != 7);
		check(ftruncate(fd, 0) == 0, "ftruncate");
		close(fd);
		if (size == -ECONNRESET) {
			scene_expect_end(scene, &fe, OFFENDER);
			close_session(scene, &fe);
			open_session(scene, &fe);
		}
	}
	/* One area at most is kept for the session: as an fd or as a mapping. */
	check(clock_await(CLOCK_PATIENCE_MS, harness_resources(&scene->dp).fds <= before + 1),
	      "%u fds became %u", before, harness_resources(&scene->dp).fds);
	close_session(scene, &fe);
	frontend_destroy(&fe);
}

/* ---- T29 ---- */

static void t29_feature_toggles(struct scene *scene)
{
	struct pair pair;
	uint64_t good;
	int result;

	pair_open(&pair, scene, NULL);
	good = pair.fe.features;
	for (unsigned bit = 0; bit < 64; bit++) {
		if (pair.fe.features_offered >> bit & 1)
			continue;
		result = frontend_do_u64(&pair.fe, VU_SET_FEATURES, good | VU_BIT(bit));
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "a feature not offered");
	}
	pair_pass(&pair, 3);
	result = frontend_do_u64(&pair.fe, VU_SET_FEATURES, good & ~VU_BIT(VIRTIO_F_VERSION_1));
	scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "a legacy guest");

	/* Under running rings the layout of buffers must not change: refused, or without effect. */
	result = frontend_do_u64(&pair.fe, VU_SET_FEATURES, good & ~VU_BIT(VIRTIO_NET_F_MRG_RXBUF));
	if (result == -ECONNRESET)
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "another buffer layout");
	pair_pass(&pair, 3);

	/* Stopped rings may start again with other features, in any order of messages. */
	for (unsigned i = 0; i < 4; i++) {
		pair.fe.options.features =
			(i % 2 ? FRONTEND_PLAIN : 0) |
			(good & (VU_BIT(VIRTIO_F_VERSION_1) | VU_BIT(VU_F_PROTOCOL_FEATURES) |
				 VU_BIT(VIRTIO_F_RING_PACKED)));
		for (unsigned k = 0; k < 2; k++)
			pair.fe.queues[k].ring.event_idx = i % 2;
		check(frontend_stop(&pair.fe) == 0, "stop");
		frontend_reset(&pair.fe);
		check(frontend_set_addr(&pair.fe, 0, 0, 0) == 0, "ADDR before SET_FEATURES");
		check(frontend_start(&pair.fe) == 0, "start");
		frontend_fill(&pair.fe, 0);
		harness_await_port(&scene->dp, OFFENDER, CHANNEL_PORT_UP);
		pair_pass(&pair, 5);
	}
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t23_ring_numbers", t23_ring_numbers},
		{.name = "t23_ring_sizes", t23_ring_sizes},
		{.name = "t23_ring_addresses", t23_ring_addresses},
		{.name = "t24_unexpected_fds", t24_unexpected_fds},
		{.name = "t24_fds_are_refused", t24_fds_are_refused},
		{.name = "t24_no_room_for_fds", t24_no_room_for_fds, .fds = FEW_FDS},
		{.name = "t25_repeated_settings", t25_repeated_settings},
		{.name = "t26_wrong_headers", t26_wrong_headers},
		{.name = "t26_slow_and_unfinished", t26_slow_and_unfinished},
		{.name = "t26_answers_never_read", t26_answers_never_read},
		{.name = "t28_inflight", t28_inflight},
		{.name = "t29_feature_toggles", t29_feature_toggles},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
