/*
 * test_uring - bursts through a worker's ring: from and to pipes, which know
 * RWF_NOWAIT as taps do since Linux 6.5, and from an inotify file, which does not,
 * as taps before.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "switch/uring.h"
#include "tests/lib/clock.h"
#include "tests/unit/switch/unit.h"

enum { PACKETS = 12, RACED = 5000, PIECE = 64 };
_Static_assert(PACKETS <= 16, "a pipe holds so many (pipe(7))");

static struct uring_set set;
static struct uring *ring;
static struct uring_taken taken[LIMIT_BURST];
static int error;
static int ring_fd;

/* The number of the next file to be opened. */
static int next_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void create_rings(bool plain)
{
	memset(&set, 0, sizeof(set));
	ring_fd = next_fd();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(uring_create(plain, &set.rings[set.n++]), 0);
	ring = set.rings[0];
}

static int create(void **state)
{
	create_rings(false);
	return 0;
}

/* As if the kernel were older than 6.5. */
static int create_plain(void **state)
{
	create_rings(true);
	return 0;
}

static int destroy(void **state)
{
	for (unsigned i = 0; i < set.n; i++)
		uring_destroy(set.rings[i]);
	return 0;
}

/* A pipe that keeps packets apart (pipe(7)), as a tap does. */
static void open_pipe(int *ends)
{
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
}

static unsigned add(int fd)
{
	int slot = uring_set_add(&set, fd);

	assert_true(slot >= 0);
	return (unsigned)slot;
}

/* Wait until there is something to read, as a worker does by its epoll set. */
static void await(int fd)
{
	struct pollfd sleeper = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&sleeper, 1, CLOCK_PATIENCE_MS), 1);
}

static void write_number(int fd, unsigned number)
{
	assert_int_equal(write(fd, &number, sizeof(number)), sizeof(number));
}

static unsigned number_of(const struct uring_taken *one)
{
	unsigned number;

	assert_int_equal(one->len, sizeof(number));
	memcpy(&number, one->bytes, sizeof(number));
	return number;
}

static void packets_come_in_order_and_once(void **state)
{
	unsigned slot, seen = 0, n;
	int ends[2];

	open_pipe(ends);
	slot = add(ends[0]);
	assert_int_equal(uring_take_file(ring, slot, ends[0], taken, &error), 0);
	assert_int_equal(error, -EAGAIN);
	for (unsigned i = 0; i < PACKETS; i++)
		write_number(ends[1], i);
	while (seen < PACKETS) {
		n = uring_take_file(ring, slot, ends[0], taken, &error);
		assert_true(n > 0);
		/* it says that there is no more only when there is none */
		assert_true(error == (seen + n < PACKETS ? 0 : -EAGAIN) || !error);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(number_of(&taken[i]), seen++);
	}
	assert_int_equal(uring_take_file(ring, slot, ends[0], taken, &error), 0);
	assert_int_equal(error, -EAGAIN);
	uring_set_remove(&set, slot);
	close(ends[0]), close(ends[1]);
}

/* Packets that arrive between the reads of one take are not lost. */
static void nothing_is_lost_in_a_race(void **state)
{
	unsigned slot, seen = 0, n;
	int ends[2];
	pid_t writer;

	open_pipe(ends);
	slot = add(ends[0]);
	error = 0;
	writer = fork();
	if (writer == 0) {
		for (unsigned i = 0; i < RACED; i++)
			while (write(ends[1], &i, sizeof(i)) < 0)
				;
		_exit(0);
	}
	while (seen < RACED) {
		/* whoever heard that there is no more is told of the next by an edge */
		if (error)
			await(ends[0]);
		n = uring_take_file(ring, slot, ends[0], taken, &error);
		assert_true(error == 0 || error == -EAGAIN);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(number_of(&taken[i]), seen++);
	}
	uring_set_remove(&set, slot);
	close(ends[0]), close(ends[1]);
}

static void a_file_that_knows_no_nowait_is_read_plainly(void **state)
{
	char name[] = "/tmp/test_uring.XXXXXX";
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), watched = mkstemp(name);
	unsigned slot;

	assert_true(fd >= 0 && watched >= 0);
	assert_true(inotify_add_watch(fd, name, IN_OPEN) >= 0);
	slot = add(fd);
	assert_int_equal(uring_take_file(ring, slot, fd, taken, &error), 0);
	assert_int_equal(error, -EAGAIN);
	for (unsigned i = 0; i < 3; i++) {
		close(open(name, O_RDONLY));
		await(fd);
		assert_int_equal(uring_take_file(ring, slot, fd, taken, &error), 1);
		assert_int_equal(error, -EAGAIN);
		assert_int_equal(((struct inotify_event *)taken[0].bytes)->mask, IN_OPEN);
	}
	uring_set_remove(&set, slot);
	close(fd), close(watched), unlink(name);
}

static void the_end_of_a_file_is_an_error_told(void **state)
{
	unsigned slot;
	int end = open("/proc/self", O_RDONLY | O_DIRECTORY);

	slot = add(end);
	uring_take_file(ring, slot, end, taken, &error);
	assert_true(error < 0 && error != -EAGAIN);
	uring_set_remove(&set, slot);
	close(end);
}

/* Packets that are longer than the buffers of the ring show that they were. */
static void what_is_written_arrives_from_all_its_pieces(void **state)
{
	static char bytes[PIECE * 3];
	struct iovec pieces[] = {{(char *)"head", 4},
				 {bytes, PIECE},
				 {bytes + PIECE, PIECE},
				 {bytes + 2 * PIECE, PIECE}};
	char seen[512];
	unsigned slot;
	int ends[2];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	open_pipe(ends);
	slot = add(ends[1]);
	uring_begin(ring, slot, false);
	for (unsigned place = 0; place < LIMIT_BURST / 4; place++)
		uring_put(ring, place, pieces, 2, pieces + 2, 2);
	assert_int_equal(uring_end(ring), 0);
	for (unsigned place = 0; place < LIMIT_BURST / 4; place++) {
		/* each piece is a packet of a pipe: they come one after the other */
		for (size_t at = 0; at < 4 + sizeof(bytes);) {
			ssize_t got = read(ends[0], seen + at, sizeof(seen) - at);

			assert_true(got > 0);
			at += (size_t)got;
		}
		assert_memory_equal(seen, "head", 4);
		assert_memory_equal(seen + 4, bytes, sizeof(bytes));
	}
	/* and a burst that does not fit is told, frame by frame */
	close(ends[0]);
	uring_begin(ring, slot, false);
	uring_put(ring, 5, pieces, 2, pieces + 2, 2);
	assert_int_equal(uring_end(ring), 1 << 5);
	uring_set_remove(&set, slot);
	close(ends[1]);
}

static void sockets_write_and_read(void **state)
{
	char text[] = "a datagram";
	struct iovec pieces[] = {{(char *)"head", 4}, {text, sizeof(text)}};
	unsigned from, to;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	from = add(ends[0]);
	to = add(ends[1]);
	uring_begin(ring, from, true);
	for (unsigned place = 0; place < 8; place++)
		uring_put(ring, place, pieces, 2, NULL, 0);
	assert_int_equal(uring_end(ring), 0);
	for (unsigned seen = 0; seen < 8;) {
		unsigned n;

		await(ends[1]);
		n = uring_take_socket(ring, to, taken, &error);
		assert_true(error == 0 || error == -EAGAIN);
		for (unsigned i = 0; i < n; i++, seen++) {
			assert_int_equal(taken[i].len, 4 + sizeof(text));
			assert_memory_equal(taken[i].bytes + 4, text, sizeof(text));
		}
	}
	uring_set_remove(&set, from);
	uring_set_remove(&set, to);
	close(ends[0]), close(ends[1]);
}

static void a_removed_file_is_closed(void **state)
{
	unsigned slot;
	int ends[2];

	open_pipe(ends);
	slot = add(ends[0]);
	uring_take_file(ring, slot, ends[0], taken, &error);
	uring_set_remove(&set, slot);
	close(ends[0]);
	/* nobody can read any more: EPIPE */
	assert_true(clock_await(CLOCK_PATIENCE_MS, write(ends[1], "", 1) < 0 && errno == EPIPE));
	close(ends[1]);
	/* the slot is given out again */
	open_pipe(ends);
	assert_int_equal(add(ends[0]), slot);
	uring_set_remove(&set, slot);
	close(ends[0]), close(ends[1]);
}

static void there_are_as_many_slots_as_it_says(void **state)
{
	int ends[2];

	open_pipe(ends);
	for (unsigned i = 0; i < URING_FILES; i++)
		assert_int_equal(uring_set_add(&set, ends[0]), i);
	assert_int_equal(uring_set_add(&set, ends[0]), -ENFILE);
	uring_set_remove(&set, 500);
	assert_int_equal(uring_set_add(&set, ends[0]), 500);
	close(ends[0]), close(ends[1]);
}

static void the_ring_is_closed_to_all_else(void **state)
{
	int fd = ring_fd, event = 0;

	assert_int_equal(syscall(SYS_io_uring_register, fd, IORING_REGISTER_PERSONALITY, NULL, 0),
			 -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(syscall(SYS_io_uring_register, fd, IORING_REGISTER_EVENTFD, &event, 1),
			 -1);
	assert_int_equal(errno, EACCES);
}

/* The kernel takes nothing any more: files read as failed, nothing is written, for ever. */
static void a_ring_that_broke_stays_quiet(void **state)
{
	static char text[] = "frame";
	const struct iovec head = {text, 5};
	int ends[2], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned slot;

	open_pipe(ends);
	slot = add(ends[0]);
	assert_int_equal(dup2(nothing, ring_fd), ring_fd);
	/* more than the ring has room for */
	for (unsigned i = 0; i < 4 * LIMIT_BURST; i++) {
		assert_int_equal(uring_take_file(ring, slot, ends[0], taken, &error), 0);
		assert_int_equal(error, -EIO);
		assert_int_equal(uring_take_socket(ring, slot, taken, &error), 0);
		assert_int_equal(error, -EIO);
		uring_begin(ring, slot, i % 2);
		uring_put(ring, 0, &head, 1, NULL, 0);
		assert_true(uring_end(ring) == UINT64_MAX);
	}
	close(ends[0]), close(ends[1]), close(nothing);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(packets_come_in_order_and_once),
		cmocka_unit_test_setup_teardown(packets_come_in_order_and_once, create_plain,
						destroy),
		UNIT(nothing_is_lost_in_a_race),
		cmocka_unit_test_setup_teardown(nothing_is_lost_in_a_race, create_plain, destroy),
		UNIT(a_file_that_knows_no_nowait_is_read_plainly),
		UNIT(the_end_of_a_file_is_an_error_told),
		UNIT(what_is_written_arrives_from_all_its_pieces),
		UNIT(sockets_write_and_read),
		UNIT(a_removed_file_is_closed),
		UNIT(there_are_as_many_slots_as_it_says),
		UNIT(the_ring_is_closed_to_all_else),
		UNIT(a_ring_that_broke_stays_quiet),
	};

	signal(SIGPIPE, SIG_IGN);
	if (uring_create(false, &ring)) {
		printf("1..0 # SKIP no io_uring for us\n");
		return 0;
	}
	uring_destroy(ring);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
