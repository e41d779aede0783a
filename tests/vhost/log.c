/*
 * log - the dirty log of live migration: whatever the backend writes into a
 * guest's memory has its bit set, and set after it was written.
 *
 * The test migrates a guest as QEMU does: a copy of its memory, then again and
 * again the pages whose bits are found set (and cleared in finding them), while
 * traffic goes on; at the end, after the rings have stopped, once more. Where
 * the backend writes, the copy must then be the memory, byte by byte.
 *
 * Names and numbers T27 and T37 are those of the test specifications.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/stream.h"
#include "tests/vhost/pair.h"

/* A log as the front-end keeps it: one bit a page of guest memory. */
struct log {
	int fd;
	size_t size;
	uint64_t *words;
};

static void create_log(struct log *log, const struct guest_memory *memory)
{
	const struct guest_region *last = &memory->regions[memory->n_regions - 1];

	log->size = (last->gpa + last->size) / VU_LOG_PAGE / 8 + 8;
	log->fd = memfd_create("log", MFD_CLOEXEC);
	check(log->fd >= 0 && ftruncate(log->fd, (off_t)log->size) == 0, "log: %s",
	      strerror(errno));
	log->words = mmap(NULL, log->size, PROT_READ | PROT_WRITE, MAP_SHARED, log->fd, 0);
	check(log->words != MAP_FAILED, "log: %s", strerror(errno));
}

static void destroy_log(struct log *log)
{
	munmap(log->words, log->size);
	close(log->fd);
}

/* SET_LOG_BASE is answered always, by a u64 or by nothing; an error by a negative acknowledgement. */
static int set_log_base(struct frontend *fe, uint64_t size, uint64_t offset, int fd)
{
	struct vu_log wire = {.mmap_size = size, .mmap_offset = offset};
	uint64_t answer = 0;
	int result =
		frontend_say(fe, VU_SET_LOG_BASE, VU_VERSION, &wire, sizeof(wire), &fd, fd >= 0);

	if (result == 0)
		result = frontend_await_reply(fe, VU_SET_LOG_BASE, &answer, sizeof(answer), NULL,
					      CLOCK_PATIENCE_MS);
	if (result < 0)
		return result == -EPIPE ? -ECONNRESET : result;
	return result == sizeof(answer) && answer != 0 ? -EIO : 0;
}

/* LOG_ALL on or off as QEMU does it: features, then the addresses again, on running rings. */
static void set_logging(struct frontend *fe, bool on)
{
	uint64_t features = fe->features | (on ? VU_BIT(VU_F_LOG_ALL) : 0);

	check(frontend_do_u64(fe, VU_SET_FEATURES, features) == 0, "LOG_ALL %d", on);
	for (unsigned i = 0; i < fe->n_queues; i++)
		check(frontend_set_addr(fe, i, on ? VU_VRING_F_LOG : 0,
					fe->queues[i].ring.used_gpa) == 0,
		      "ADDR with the log flag %d", on);
}

/* The guest goes on writing while it is copied, as under every migration: no race to be reported. */
__attribute__((no_sanitize("thread"))) static void copy_live(uint8_t *to, const uint8_t *from,
							     size_t size)
{
	const volatile uint64_t *words = (const volatile uint64_t *)(const void *)from;

	for (size_t i = 0; i < size / 8; i++)
		((volatile uint64_t *)(void *)to)[i] = words[i];
}

/* Copy each page whose bit is set, after clearing the bit. How many. */
static unsigned copy_dirty_pages(const struct log *log, const struct guest_memory *memory,
				 uint8_t *copy)
{
	const struct guest_region *region = &memory->regions[0];
	unsigned n = 0;

	for (size_t i = 0; i < log->size / 8; i++) {
		/* Acquire: a bit that is seen stands for bytes that were written before it. */
		uint64_t bits = __atomic_exchange_n(&log->words[i], 0, __ATOMIC_ACQ_REL);

		for (; bits; bits &= bits - 1, n++) {
			size_t page = i * 64 + (size_t)__builtin_ctzll(bits);

			check((page + 1) * VU_LOG_PAGE <= region->size,
			      "page %zu is not the guest's", page);
			copy_live(copy + page * VU_LOG_PAGE, region->host + page * VU_LOG_PAGE,
				  VU_LOG_PAGE);
		}
	}
	return n;
}

static void compare(const struct guest_memory *memory, const uint8_t *copy, uint64_t gpa,
		    uint64_t size, const char *what)
{
	const uint8_t *now = memory->regions[0].host;

	for (uint64_t at = gpa; at < gpa + size; at++)
		check(copy[at] == now[at], "%s: byte %#llx differs after migration", what,
		      (unsigned long long)at);
}

/* Where the backend writes: used rings and receive buffers. */
static void compare_written(const struct frontend *fe, const uint8_t *copy)
{
	for (unsigned i = 0; i < fe->n_queues; i++) {
		const struct frontend_queue *queue = &fe->queues[i];

		/* The used event of the driver is the last word of the avail ring, not of this. */
		compare(fe->memory, copy, queue->ring.used_gpa, 4 + 8ULL * queue->ring.size,
			"used ring");
		for (unsigned head = 0; i % 2 == 0 && head < queue->ring.size; head++)
			compare(fe->memory, copy, queue->slots[head], queue->buffer,
				"receive buffer");
	}
}

static void migrate(struct scene *scene, const struct frontend_options *options)
{
	struct stream in, out;
	struct pair pair;
	struct log log;
	uint8_t *copy;

	pair_open(&pair, scene, options);
	create_log(&log, pair.fe.memory);
	in = (struct stream){
		.from = &pair.peer, .to = &pair.fe, .from_port = PEER, .to_port = OFFENDER};
	out = (struct stream){
		.from = &pair.fe, .to = &pair.peer, .from_port = OFFENDER, .to_port = PEER};
	stream_start(&in);
	stream_start(&out);
	stream_await(&in, 200);
	for (unsigned attempt = 0; attempt < 2; attempt++) { /* a failed migration is tried again */
		unsigned pages = 0;

		check(set_log_base(&pair.fe, log.size, 0, log.fd) == 0, "SET_LOG_BASE");
		set_logging(&pair.fe, true);
		/* What is written from here on is logged: now the first copy may be taken. */
		copy = malloc(pair.fe.memory->regions[0].size);
		check(copy, "out of memory");
		copy_live(copy, pair.fe.memory->regions[0].host, pair.fe.memory->regions[0].size);
		for (unsigned i = 0; i < runner_amount(40, 2000); i++) {
			stream_await(&in, 50);
			pages += copy_dirty_pages(&log, pair.fe.memory, copy);
		}
		check(pages > 0, "nothing was logged");
		if (attempt == 0) {
			set_logging(&pair.fe, false);
			free(copy);
		}
	}
	check(frontend_stop(&pair.fe) == 0, "stop");
	copy_dirty_pages(&log, pair.fe.memory, copy);
	/* The driver's threads end before the comparison: they write what is not compared only. */
	stream_stop(&in);
	stream_stop(&out);
	compare_written(&pair.fe, copy);
	check(copy_dirty_pages(&log, pair.fe.memory, copy) == 0,
	      "it was logged after the rings had stopped");
	free(copy);
	destroy_log(&log);
	scene_discard(&pair.peer);
	pair_close(&pair);
}

static void t37_migration_mergeable(struct scene *scene)
{
	const struct frontend_options options = {
		.features = FRONTEND_PLAIN, .rx_buffer = 700, .memory_size = 8 << 20};

	migrate(scene, &options);
}

static void t37_migration_indirect(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN &
							     ~VU_BIT(VIRTIO_NET_F_MRG_RXBUF),
						 .rx_shape = SHAPE_SCATTERED,
						 .tx_shape = SHAPE_SPLIT,
						 .indirect = true,
						 .memory_size = 8 << 20};

	migrate(scene, &options);
}

static void t37_migration_plain(struct scene *scene)
{
	const struct frontend_options options = {.features = 0,
						 .rx_shape = SHAPE_SPLIT,
						 .ring_size = 1024,
						 .memory_size = 8 << 20,
						 .manner = MANNER_QEMU_7_2};

	migrate(scene, &options);
}

/* LOG_ALL comes and goes under traffic, the log is exchanged for a larger one: no frame is lost. */
static void log_toggles(struct scene *scene)
{
	struct stream in, out;
	struct log log, larger;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	create_log(&log, pair.fe.memory);
	create_log(&larger, pair.fe.memory);
	in = (struct stream){.from = &pair.peer,
			     .to = &pair.fe,
			     .from_port = PEER,
			     .to_port = OFFENDER,
			     .lossless = true};
	out = (struct stream){.from = &pair.fe,
			      .to = &pair.peer,
			      .from_port = OFFENDER,
			      .to_port = PEER,
			      .lossless = true};
	stream_start(&in);
	stream_start(&out);
	for (unsigned i = 0; i < runner_amount(100, 5000); i++) {
		struct log *now = i % 2 ? &log : &larger;

		check(set_log_base(&pair.fe, now->size, 0, now->fd) == 0, "SET_LOG_BASE");
		if (i % 4 == 0)
			set_logging(&pair.fe, true);
		stream_await(&in, 20);
		if (i % 4 == 3)
			set_logging(&pair.fe, false);
	}
	stream_stop(&in);
	stream_stop(&out);
	destroy_log(&log);
	destroy_log(&larger);
	pair_close(&pair);
}

/* ---- T27 ---- */

static void t27_impossible_logs(struct scene *scene)
{
	struct pair pair;
	struct log log;
	char path[64];
	int read_only;

	pair_open(&pair, scene, NULL);
	create_log(&log, pair.fe.memory);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", log.fd);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < 7; i++) {
		const struct {
			const char *what;
			uint64_t size, offset;
			int fd;
		} cases[] = {
			{"a log of size 0", 0, 0, log.fd},
			{"a log around the end", log.size, UINT64_MAX - 7, log.fd},
			{"a log of all addresses", UINT64_MAX, 0, log.fd},
			{"a log larger than its file", 1 << 20, 0, log.fd},
			{"a read-only log", log.size, 0, read_only},
			{"a log without an fd", log.size, 0, -1},
			{"a log in a pipe", log.size, 0, frontend_tx(&pair.fe, 0)->kick},
		};
		int result = set_log_base(&pair.fe, cases[i].size, cases[i].offset, cases[i].fd);

		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, cases[i].what);
		pair_pass(&pair, 1);
	}
	close(read_only);
	destroy_log(&log);
	pair_close(&pair);
}

/* A log too small for the guest: refused, or no bit is set outside of it. */
static void t27_short_log(struct scene *scene)
{
	struct pair pair;
	struct log log;
	int result;

	pair_open(&pair, scene, NULL);
	create_log(&log, pair.fe.memory);
	result = set_log_base(&pair.fe, 8, 0, log.fd);
	if (result == 0) {
		set_logging(&pair.fe, true);
		pair_pass(&pair, 300);
		for (size_t i = 1; i < log.size / 8; i++)
			check(log.words[i] == 0, "a bit behind the log's end");
	} else {
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "a short log");
	}
	destroy_log(&log);
	pair_close(&pair);
}

static void t27_truncated_log(struct scene *scene)
{
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned round = 0; round < runner_amount(3, 200); round++) {
		struct stream in = {.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
		struct log log;

		create_log(&log, pair.fe.memory);
		check(set_log_base(&pair.fe, log.size, 0, log.fd) == 0, "SET_LOG_BASE");
		set_logging(&pair.fe, true);
		stream_start(&in);
		stream_await(&in, 20);
		check(ftruncate(log.fd, 0) == 0, "ftruncate");
		for (unsigned i = 0; i < 10; i++) {
			scene_discard(&pair.fe);
			stream_await(&in, 40);
		}
		scene_expect_end(scene, &pair.fe, OFFENDER);
		stream_stop(&in);
		pair_await_return(&pair.peer, "frames to nobody");
		destroy_log(&log);
		pair_restart(&pair);
	}
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t27_impossible_logs", t27_impossible_logs},
		{.name = "t27_short_log", t27_short_log},
		{.name = "t27_truncated_log", t27_truncated_log},
		{.name = "t37_migration_mergeable", t37_migration_mergeable, .workers = 2},
		{.name = "t37_migration_indirect", t37_migration_indirect},
		{.name = "t37_migration_plain", t37_migration_plain},
		{.name = "log_toggles", log_toggles},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
