/*
 * memory - tables of guest memory that lie, change under traffic, or stand for
 * memory that goes away.
 *
 * Names and numbers T19.. are those of the test specifications. A table that is
 * refused leaves the one before it in force. Memory that its front-end takes
 * away costs the port that it belongs to, and nobody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/stream.h"
#include "tests/vhost/pair.h"

/* Tables are sent whole: without slots. */
static const struct frontend_options with_tables = {
	.features = FRONTEND_PLAIN,
	.protocol = VU_BIT(VU_PROTOCOL_MQ) | VU_BIT(VU_PROTOCOL_REPLY_ACK),
};

static struct vu_memory table_of(const struct frontend *fe)
{
	struct vu_memory table = {.n_regions = fe->memory->n_regions};

	for (unsigned i = 0; i < table.n_regions; i++)
		table.regions[i] = guest_region_wire(&fe->memory->regions[i]);
	return table;
}

static int set_table(struct frontend *fe, const struct vu_memory *table, const int *fds,
		     unsigned n_fds)
{
	uint32_t n = table->n_regions < VU_REGIONS_MAX ? table->n_regions : VU_REGIONS_MAX;

	return frontend_do(fe, VU_SET_MEM_TABLE, table,
			   (uint32_t)(8 + n * sizeof(struct vu_region)), fds, n_fds);
}

static void expect_table_refused(struct pair *pair, const struct vu_memory *table, const int *fds,
				 unsigned n_fds, const char *what)
{
	int result = set_table(&pair->fe, table, fds, n_fds);

	scene_expect_refusal(pair->scene, &pair->fe, OFFENDER, result, what);
	pair_pass(pair, 3);
}

/* ---- T19 ---- */

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * A table with an extra region comes and goes every millisecond, while frames
 * that lie outside of it run in both directions and none is lost.
 */
static void t19_memory_table_storm(struct scene *scene)
{
	const unsigned n = runner_amount(400, 10000);
	uint64_t *times = calloc(n, sizeof(*times));
	struct stream out, in;
	struct guest_memory extra;
	struct vu_memory table;
	struct pair pair;
	int fds[2];

	check(times, "out of memory");
	pair_open(&pair, scene, &with_tables);
	guest_memory_create(&extra, GUEST_ONE, 4 << 20);
	table = table_of(&pair.fe);
	table.regions[1] = guest_region_wire(&extra.regions[0]);
	table.regions[1].gpa = 1ULL << 40;
	fds[0] = pair.fe.memory->regions[0].fd;
	fds[1] = extra.regions[0].fd;

	out = (struct stream){.from = &pair.fe,
			      .to = &pair.peer,
			      .from_port = OFFENDER,
			      .to_port = PEER,
			      .lossless = true,
			      .length = PACKET_MIN};
	in = (struct stream){.from = &pair.peer,
			     .to = &pair.fe,
			     .from_port = PEER,
			     .to_port = OFFENDER,
			     .lossless = true};
	stream_start(&out);
	stream_start(&in);
	for (unsigned i = 0; i < n; i++) {
		uint64_t began = clock_now_ns();
		int error;

		table.n_regions = 1 + i % 2;
		error = set_table(&pair.fe, &table, fds, table.n_regions);
		check(error == 0, "table %u: %s", i, strerror(-error));
		times[i] = clock_now_ns() - began;
		clock_nap_us(1000);
	}
	stream_await(&out, 100);
	stream_await(&in, 100);
	stream_stop(&out);
	stream_stop(&in);
	qsort(times, n, sizeof(*times), compare_times);
#ifndef SLUICE_SANITIZED
	check(times[n * 9 / 10] < 10000000, "a table takes %llu us",
	      (unsigned long long)times[n * 9 / 10] / 1000);
#endif
	free(times);
	guest_memory_destroy(&extra);
	pair_close(&pair);
}

/* Tables in which buffers, or the rings themselves, are missing: chains are bad, rings stop. */
static void t19_rings_lose_their_memory(struct scene *scene)
{
	struct frontend_options options = with_tables;
	struct stream in;
	struct pair pair;

	options.layout = GUEST_ADJACENT;
	options.ring_size = 1024;
	options.memory_size = 8 << 20;
	pair_open(&pair, scene, &options);
	in = (struct stream){.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
	stream_start(&in);
	for (unsigned round = 0; round < runner_amount(30, 1000); round++) {
		struct vu_memory table = table_of(&pair.fe);
		unsigned first = round % 5; /* the rings lie in the first region */
		int fds[4], error;

		table.n_regions -= first;
		for (unsigned i = 0; i < table.n_regions; i++) {
			table.regions[i] = table.regions[i + first];
			fds[i] = pair.fe.memory->regions[i + first].fd;
		}
		if (round % 2) { /* the last instead of the first are missing */
			table = table_of(&pair.fe);
			table.n_regions -= first;
			for (unsigned i = 0; i < table.n_regions; i++)
				fds[i] = pair.fe.memory->regions[i].fd;
		}
		error = set_table(&pair.fe, &table, fds, table.n_regions);
		check(error == 0 || error == -EIO || error == -ECONNRESET, "table %u: %s", round,
		      strerror(-error));
		stream_await(&in, 50);
		pair_restart(&pair);
	}
	stream_stop(&in);
	pair_settle(&pair);
	pair_pass(&pair, 10);
	pair_close(&pair);
}

/* A region leaves while frames run through others: acknowledged means unmapped. */
static void t19_slot_removed_under_traffic(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .layout = GUEST_ADJACENT};
	struct harness_resources with, without;
	struct stream out, in;
	struct pair pair;

	pair_open(&pair, scene, &options);
	with = harness_resources(&scene->dp);
	out = (struct stream){.from = &pair.fe,
			      .to = &pair.peer,
			      .from_port = OFFENDER,
			      .to_port = PEER,
			      .lossless = true};
	in = (struct stream){.from = &pair.peer,
			     .to = &pair.fe,
			     .from_port = PEER,
			     .to_port = OFFENDER,
			     .lossless = true};
	stream_start(&out);
	stream_start(&in);
	for (unsigned i = 0; i < runner_amount(100, 10000); i++) {
		const struct guest_region *last = &pair.fe.memory->regions[3];
		struct vu_single_region slot = {.region = guest_region_wire(last)};
		int error = frontend_do(&pair.fe, VU_REM_MEM_REG, &slot, sizeof(slot), NULL, 0);

		check(error == 0, "REM_MEM_REG: %s", strerror(-error));
		if (i % 10 == 0) {
			without = harness_resources(&scene->dp);
			check(without.guest_mappings + 1 == with.guest_mappings,
			      "%u mappings with the region, %u without", with.guest_mappings,
			      without.guest_mappings);
		}
		error = frontend_do(&pair.fe, VU_ADD_MEM_REG, &slot, sizeof(slot), &last->fd, 1);
		check(error == 0, "ADD_MEM_REG: %s", strerror(-error));
	}
	stream_stop(&out);
	stream_stop(&in);
	pair_close(&pair);
}

/* ---- T20 ---- */

static void t20_impossible_tables(struct scene *scene)
{
	struct frontend_options options = with_tables;
	struct vu_memory table;
	struct pair pair;
	int fds[VU_REGIONS_MAX + 1];

	options.layout = GUEST_ADJACENT;
	pair_open(&pair, scene, &options);
	for (unsigned i = 0; i <= VU_REGIONS_MAX; i++)
		fds[i] = pair.fe.memory->regions[i % 4].fd;

	table = table_of(&pair.fe);
	table.n_regions = 9;
	expect_table_refused(&pair, &table, fds, 8, "nine regions");
	table.n_regions = UINT32_MAX;
	expect_table_refused(&pair, &table, fds, 8, "4294967295 regions");
	table.n_regions = 4;
	expect_table_refused(&pair, &table, fds, 3, "fewer fds than regions");
	expect_table_refused(&pair, &table, fds, 5, "more fds than regions");
	expect_table_refused(&pair, &table, fds, 0, "no fds");

	table = table_of(&pair.fe);
	table.regions[1].gpa -= 4096;
	expect_table_refused(&pair, &table, fds, 4, "overlapping guest addresses");
	table = table_of(&pair.fe);
	table.regions[3].gpa = table.regions[0].gpa;
	expect_table_refused(&pair, &table, fds, 4, "the same guest address twice");
	table = table_of(&pair.fe);
	table.regions[2].user_addr = table.regions[1].user_addr + 4096;
	expect_table_refused(&pair, &table, fds, 4, "overlapping user addresses");
	table = table_of(&pair.fe);
	table.regions[3].gpa = UINT64_MAX - 4095;
	expect_table_refused(&pair, &table, fds, 4, "guest addresses around the end");
	table = table_of(&pair.fe);
	table.regions[3].user_addr = UINT64_MAX - 4095;
	expect_table_refused(&pair, &table, fds, 4, "user addresses around the end");
	pair_close(&pair);
}

/* ---- T21 ---- */

struct bad_fd {
	const char *what;
	int fd;
	uint64_t size; /* of the region to be made of it */
};

static unsigned open_bad_fds(struct bad_fd *ret_fds)
{
	int ends[2], memfd, huge;
	unsigned n = 0;
	char path[64];

	check(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	ret_fds[n++] = (struct bad_fd){"a pipe", ends[0], 16 << 20};
	ret_fds[n++] = (struct bad_fd){"a pipe's other end", ends[1], 16 << 20};
	ret_fds[n++] = (struct bad_fd){"a directory", open("/", O_RDONLY | O_CLOEXEC), 16 << 20};
	ret_fds[n++] =
		(struct bad_fd){"/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC), 16 << 20};
	ret_fds[n++] =
		(struct bad_fd){"an empty memfd", memfd_create("guest", MFD_CLOEXEC), 16 << 20};
	memfd = memfd_create("guest", MFD_CLOEXEC);
	check(memfd >= 0 && ftruncate(memfd, 64 << 20) == 0, "memfd: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	ret_fds[n++] =
		(struct bad_fd){"a read-only memfd", open(path, O_RDONLY | O_CLOEXEC), 16 << 20};
	close(memfd);
	huge = memfd_create("guest", MFD_CLOEXEC | MFD_HUGETLB);
	if (huge >= 0 && ftruncate(huge, 1LL << 40) == 0)
		ret_fds[n++] = (struct bad_fd){"huge pages that do not exist", huge, 1ULL << 40};
	else if (huge >= 0)
		close(huge);
	return n;
}

static void t21_impossible_regions(struct scene *scene)
{
	static const struct {
		const char *what;
		uint64_t size;
		uint64_t offset;
	} shapes[] = {
		{"size 0", 0, 0},
		{"size and offset around the end", 4096, UINT64_MAX - 4095},
		{"offset around the end when rounded", 4096, INT64_MAX - 100},
		{"larger than its file", 17 << 20, 0},
		{"behind the end of its file", 4096, 16 << 20},
		{"a size of all addresses", UINT64_MAX, 0},
	};
	const struct frontend_options with_slots = {.features = FRONTEND_PLAIN};
	struct bad_fd bad_fds[8];
	struct vu_memory table;
	struct pair pair;
	unsigned n_bad;

	pair_open(&pair, scene, &with_tables);
	n_bad = open_bad_fds(bad_fds);
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		table = table_of(&pair.fe);
		table.regions[0].size = shapes[i].size;
		table.regions[0].mmap_offset = shapes[i].offset;
		expect_table_refused(&pair, &table, &pair.fe.memory->regions[0].fd, 1,
				     shapes[i].what);
	}
	for (unsigned i = 0; i < n_bad; i++) {
		table = table_of(&pair.fe);
		table.regions[0].size = bad_fds[i].size;
		expect_table_refused(&pair, &table, &bad_fds[i].fd, 1, bad_fds[i].what);
	}
	scene_leave(scene, &pair.fe, OFFENDER);

	scene_join(scene, &pair.fe, OFFENDER, &with_slots);
	for (unsigned i = 0; i < n_bad; i++) {
		struct vu_single_region slot = {.region = {.gpa = 1ULL << 40,
							   .size = bad_fds[i].size,
							   .user_addr = 1ULL << 40}};
		int result;

		result = frontend_do(&pair.fe, VU_ADD_MEM_REG, &slot, sizeof(slot), &bad_fds[i].fd,
				     1);
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, bad_fds[i].what);
		pair_pass(&pair, 1);
		close(bad_fds[i].fd);
	}
	pair_close(&pair);
}

/* ---- T22 ---- */

/* Nothing here may touch the guest's memory from its first truncation on: we would die as well. */
static void bury(struct pair *pair)
{
	scene_expect_end(pair->scene, &pair->fe, OFFENDER);
	(void)harness_detach(&pair->scene->dp, OFFENDER); /* -ENOENT: its end was its detachment */
	frontend_destroy(&pair->fe);
}

/*
 * The front-end truncates its memory while the data plane works in it: reading
 * the guest's frames, writing frames to the guest, or about to do either.
 */
static void t22_truncated_memory(struct scene *scene)
{
	static const struct frontend_options options = {
		.features = FRONTEND_PLAIN, .ring_size = 4096, .memory_size = 32 << 20};
	const unsigned rounds = runner_amount(9, 501);
	uint64_t waited = 0;
	struct pair pair;

	pair_open(&pair, scene, &options);
	for (unsigned round = 0; round < rounds; round++) {
		struct stream in = {.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
		uint64_t began;
		uint8_t frame[1500];

		stream_start(&in);
		stream_await(&in, 32 * (round % 5));
		packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 1, 1);
		for (unsigned i = 0; i < 2000; i++)
			check(frontend_queue(&pair.fe, 0, NULL, frame, sizeof(frame)), "full");
		frontend_flush(&pair.fe, 0);
		clock_nap_us(round * 50);
		check(ftruncate(pair.fe.memory->regions[0].fd, round % 3 == 0 ? 0 : 1 << 20) == 0,
		      "ftruncate: %s", strerror(errno));
		guest_ring_kick(frontend_tx(&pair.fe, 0));
		began = clock_now_ms();
		stream_await(&in, 100);
		if (round % 3 == 0) {
			bury(&pair);
			waited += clock_now_ms() - began;
		} else { /* its rings lie below 1 MiB: it may never be noticed */
			close(pair.fe.socket);
			pair.fe.socket = -1;
			frontend_destroy(&pair.fe);
		}
		stream_stop(&in);
		pair_await_return(&pair.peer, "frames to nobody");
		scene_discard(&pair.peer);
		scene_join(scene, &pair.fe, OFFENDER, &options);
	}
	/* at once, not when the data plane looks after its ports next */
	check(waited < rounds / 3 * CLOCK_PATIENCE_MS / 50, "the ends took %llu ms",
	      (unsigned long long)waited);
	pair_pass(&pair, 10);
	pair_close(&pair);
}

/* Holes are zero pages again: indices jump back, rings break, nothing else. */
static void t22_punched_holes(struct scene *scene)
{
	struct stream in;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned round = 0; round < runner_amount(20, 500); round++) {
		in = (struct stream){.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
		stream_start(&in);
		stream_await(&in, 100);
		check(fallocate(pair.fe.memory->regions[0].fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 16 << 20) == 0,
		      "fallocate: %s", strerror(errno));
		guest_ring_kick(frontend_tx(&pair.fe, 0));
		stream_await(&in, 100);
		stream_stop(&in);
		pair_await_return(&pair.peer, "frames into a hole");
		pair_restart(&pair);
		pair_pass(&pair, 2);
	}
	pair_close(&pair);
}

/*
 * Pages that the front-end has promised to bring itself (userfaultfd) and never
 * does: that holds for its own address space, not for ours, which gets zeros.
 */
static void t22_pages_of_a_userfaultfd(struct scene *scene)
{
	const uint64_t gpa = 12 << 20; /* untouched so far */
	const struct guest_piece piece = {.gpa = gpa, .len = 100};
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffd_msg fault;
	struct pair pair;
	int fd;

	pair_open(&pair, scene, NULL);
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	check(fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0, "userfaultfd: %s", strerror(errno));
	range.range.start = (uintptr_t)guest_memory_at(pair.fe.memory, gpa, 1 << 20);
	range.range.len = 1 << 20;
	check(ioctl(fd, UFFDIO_REGISTER, &range) == 0, "UFFDIO_REGISTER: %s", strerror(errno));
	check(guest_ring_add(frontend_tx(&pair.fe, 0), &piece, 1) >= 0, "no room");
	frontend_flush(&pair.fe, 0);
	pair_await_return(&pair.fe, "a frame on a page that is not there");
	check(read(fd, &fault, sizeof(fault)) < 0 && errno == EAGAIN, "the front-end was asked");
	victims_await(&scene->victims, 100);
	close(fd);
	pair_pass(&pair, 2);
	pair_close(&pair);
}

/* ---- T32 ---- */

/* Two ports in one memory: a sender's buffer may be the receiver's. Nobody else may notice. */
static void t32_shared_memory(struct scene *scene)
{
	struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend one, two;
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[1400], seen[2048];

	scene_join(scene, &one, OFFENDER, &options);
	options.memory = one.memory;
	scene_create(scene, &two, &options);
	/* Own buffers first: two sessions with the same memory. */
	scene_attach(scene, &two, PEER);
	frontend_bring_up(&two);
	harness_await_port(&scene->dp, PEER, CHANNEL_PORT_UP);
	scene_pass(&one, OFFENDER, &two, PEER, 50);
	scene_pass(&two, PEER, &one, OFFENDER, 50);

	/* Then each receive buffer lies some bytes before or behind the sender's. */
	for (int shift = -200; shift <= 200; shift += 25) {
		check(frontend_drain(&one, 0, CLOCK_PATIENCE_MS), "not drained");
		frontend_hang_up(&two);
		for (unsigned i = 0; i < two.queues[0].ring.size; i++)
			two.queues[0].slots[i] =
				one.queues[1].slots[frontend_tx(&one, 0)->free_head] +
				(uint64_t)shift;
		scene_restart(scene, &two, PEER);
		packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 32, 1);
		frontend_send(&one, 0, NULL, frame, sizeof(frame));
		check(frontend_drain(&one, 0, CLOCK_PATIENCE_MS), "not drained");
		/* Two mappings of one memory: what overlaps may be torn, and is theirs alone. */
		check(frontend_take(&two, 0, &hdr, seen, sizeof(seen)) == sizeof(frame),
		      "shifted by %d: no frame of the right length", shift);
	}
	scene_leave(scene, &two, PEER);
	scene_leave(scene, &one, OFFENDER);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t19_memory_table_storm", t19_memory_table_storm},
		{.name = "t19_rings_lose_their_memory", t19_rings_lose_their_memory},
		{.name = "t19_slot_removed_under_traffic", t19_slot_removed_under_traffic},
		{.name = "t20_impossible_tables", t20_impossible_tables},
		{.name = "t21_impossible_regions", t21_impossible_regions},
		{.name = "t22_truncated_memory", t22_truncated_memory},
		{.name = "t22_punched_holes", t22_punched_holes},
		{.name = "t22_pages_of_a_userfaultfd", t22_pages_of_a_userfaultfd},
		{.name = "t32_shared_memory", t32_shared_memory},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
