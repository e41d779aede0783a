/*
 * eventfds - what a front-end can pass as the other end of a ring's calls, kicks
 * and errors, and what it can do to it afterwards.
 *
 * Names and number T30 are those of the test specifications. Nothing of it may
 * make a thread of the data plane wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/fuse_file.h"
#include "tests/lib/packet.h"
#include "tests/lib/stream.h"
#include "tests/vhost/pair.h"

/* ---- T30 ---- */

static void t30_odd_notification_fds(struct scene *scene)
{
	struct pair pair;
	struct stream in;
	int ends[2], sockets[2];

	pair_open(&pair, scene, NULL);
	in = (struct stream){
		.from = &pair.peer, .to = &pair.fe, .from_port = PEER, .to_port = OFFENDER};
	check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	check(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
	while (write(ends[1], ends, sizeof(ends)) > 0)
		;
	check(fcntl(ends[1], F_SETFL, 0) == 0, "O_NONBLOCK");
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair");
	for (unsigned i = 0; i < 8; i++) {
		const uint64_t full = UINT64_MAX - 1;
		int fd = i == 0	  ? dup(ends[1])
			 : i == 1 ? dup(ends[0])
			 : i == 2 ? dup(sockets[0])
			 : i == 3 ? eventfd(0, EFD_CLOEXEC)
			 : i == 4 ? eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)
			 : i == 5 ? memfd_create("file", MFD_CLOEXEC)
			 : i == 6 ? open("/dev/zero", O_RDWR | O_CLOEXEC)
				  : open("/", O_RDONLY | O_CLOEXEC);

		check(fd >= 0, "fd %u: %s", i, strerror(errno));
		if (i == 3 || i == 4)
			check(write(fd, &full, sizeof(full)) == sizeof(full), "eventfd");
		/* As the call of a ring that runs: a write must neither block nor matter. */
		(void)frontend_set_fd(&pair.fe, VU_SET_VRING_CALL, 0, fd);
		stream_start(&in);
		stream_await(&in, 200);
		stream_stop(&in);
		pair_await_return(&pair.peer, "frames to an odd eventfd");
		victims_await(&scene->victims, 100);
		if (frontend_is_cut(&pair.fe, 0))
			pair_restart(&pair);
		/* As its kick: it may be ready for ever, or not pollable at all. */
		if (i != 4) {
			(void)frontend_set_fd(&pair.fe, VU_SET_VRING_KICK, 1, fd);
			scene_check_idle(scene);
		}
		close(fd);
		scene_discard(&pair.fe);
		pair_restart(&pair);
		pair_pass(&pair, 2);
	}
	for (unsigned i = 0; i < 2; i++) {
		close(ends[i]);
		close(sockets[i]);
	}
	pair_close(&pair);
}

/* Fill an eventfd, so that the next write to it waits. */
static void fill_eventfd(int fd)
{
	const uint64_t most = UINT64_MAX - 1;
	uint64_t count;

	/* It does not wait yet; the other side may write between our two calls. */
	while (write(fd, &most, sizeof(most)) < 0)
		check(errno == EAGAIN && (read(fd, &count, sizeof(count)) > 0 || errno == EAGAIN),
		      "eventfd: %s", strerror(errno));
	check(fcntl(fd, F_SETFL, 0) == 0, "O_NONBLOCK");
}

/* An index that jumps; in a packed ring, a chain without end. */
static void break_ring(struct guest_ring *ring)
{
	if (!ring->packed)
		__atomic_store_n(&ring->avail->idx, (uint16_t)(ring->avail_idx + 999),
				 __ATOMIC_RELEASE);
	for (unsigned i = 0; ring->packed && i < ring->size; i++)
		__atomic_or_fetch(&((struct vring_packed_desc *)(void *)ring->desc)[i].flags,
				  VRING_DESC_F_NEXT, __ATOMIC_RELAXED);
	guest_ring_kick(ring);
}

/*
 * Whether a write may wait is a property of the open file, which the front-end
 * has too: it lets the data plane find an eventfd that does not wait, and changes
 * it afterwards. Call and error eventfd of the receive ring, then the call of the
 * other, which is written when frames are given back.
 */
static void t30_eventfds_made_to_wait(struct scene *scene)
{
	uint8_t frame[100];
	struct pair pair;
	struct stream in;

	pair_open(&pair, scene, NULL);
	in = (struct stream){.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
	for (unsigned i = 0; i < 6; i++) {
		struct guest_ring *ring = &pair.fe.queues[i % 2].ring;
		int fd = i < 4 ? ring->call : ring->err;

		check(frontend_set_fd(&pair.fe, VU_SET_VRING_ERR, i % 2, ring->err) == 0, "ERR");
		fill_eventfd(fd);
		guest_ring_arm(ring);
		stream_start(&in);
		for (unsigned k = 0; k < 100; k++) {
			packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 30,
				     k);
			frontend_send(&pair.fe, 0, NULL, frame, sizeof(frame));
		}
		stream_await(&in, 600);
		stream_stop(&in);
		if (i >= 4) { /* the ring breaks, which the error eventfd is to tell */
			break_ring(ring);
		}
		victims_await(&scene->victims, 500);
		check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
		pair_await_return(&pair.peer, "frames to an eventfd that waits");
		pair_restart(&pair);
		scene_discard(&pair.peer);
		pair_pass(&pair, 2);
	}
	pair_close(&pair);
}

/* Empties an eventfd and fills it again, many times over, and leaves it full. */
struct toggler {
	int fd;
	atomic_uint asked; /* how often it is to do that */
	atomic_uint done;
	atomic_bool stop;
};

static void *toggle(void *argument)
{
	struct toggler *toggler = argument;
	const uint64_t most = UINT64_MAX - 1;
	uint64_t count;

	while (!atomic_load(&toggler->stop)) {
		if (atomic_load(&toggler->asked) == atomic_load(&toggler->done)) {
			clock_nap_us(1);
			continue;
		}
		for (unsigned i = 0; i < 16; i++) {
			(void)!read(toggler->fd, &count, sizeof(count));
			(void)!write(toggler->fd, &most, sizeof(most));
		}
		atomic_fetch_add(&toggler->done, 1);
	}
	return NULL;
}

/*
 * The eventfd becomes full between any two system calls of the data plane: a
 * thread that found room in it and then writes would wait. The toggler itself
 * waits if it was signalled between its own two calls, and is helped out.
 */
static void t30_eventfd_filled_in_a_race(struct scene *scene)
{
	const struct frontend_options calls = {.features = VU_BIT(VIRTIO_NET_F_MRG_RXBUF)};
	struct toggler toggler = {0};
	struct stream in;
	struct pair pair;
	pthread_t thread;
	uint64_t count;

	pair_open(&pair, scene, &calls);
	in = (struct stream){
		.from = &pair.peer, .to = &pair.fe, .from_port = PEER, .to_port = OFFENDER};
	toggler.fd = frontend_rx(&pair.fe, 0)->call;
	guest_ring_arm(frontend_rx(&pair.fe, 0));
	check(fcntl(toggler.fd, F_SETFL, 0) == 0, "O_NONBLOCK");
	check(pthread_create(&thread, NULL, toggle, &toggler) == 0, "pthread_create");
	stream_start(&in);
	for (unsigned i = 1; i <= runner_amount(400, 20000); i++) {
		atomic_store(&toggler.asked, i);
		while (!clock_await(2, atomic_load(&toggler.done) == i))
			(void)!read(toggler.fd, &count, sizeof(count));
		victims_await(&scene->victims, 40);
	}
	stream_stop(&in);
	atomic_store(&toggler.stop, true);
	pthread_join(thread, NULL);
	check(fcntl(toggler.fd, F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
	pair_settle(&pair);
	pair_restart(&pair);
	pair_pass(&pair, 2);
	pair_close(&pair);
}

/*
 * A file whose file system the front-end runs, as everything that may carry an
 * fd: it is told from what was asked for without asking the file system.
 */
static void t30_files_of_the_front_end(struct scene *scene)
{
	static const uint32_t requests[] = {
		VU_SET_VRING_KICK, VU_SET_VRING_CALL, VU_SET_VRING_ERR,	  VU_SET_LOG_BASE,
		VU_SET_MEM_TABLE,  VU_SET_OWNER,      VU_SET_INFLIGHT_FD, VU_SET_BACKEND_REQ_FD};
	struct fuse_file file;
	struct pair pair;

	check(fuse_file_create(&file), "FUSE: %s", strerror(errno));
	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct vu_memory table = {.n_regions = 1};
		int result;

		table.regions[0] = guest_region_wire(&pair.fe.memory->regions[0]);
		switch (requests[i]) {
		case VU_SET_MEM_TABLE:
			result = frontend_do(&pair.fe, requests[i], &table,
					     8 + sizeof(struct vu_region), &file.fd, 1);
			break;
		case VU_SET_LOG_BASE:
			result = frontend_do(&pair.fe, requests[i],
					     &(struct vu_log){.mmap_size = 1 << 20},
					     sizeof(struct vu_log), &file.fd, 1);
			break;
		case VU_SET_INFLIGHT_FD:
			result = frontend_do(&pair.fe, requests[i],
					     &(struct vu_inflight){4096, 0, 2, 16, 0},
					     VU_INFLIGHT_SIZE, &file.fd, 1);
			break;
		case VU_SET_BACKEND_REQ_FD:
			result = frontend_do(&pair.fe, requests[i], NULL, 0, &file.fd, 1);
			break;
		default: result = frontend_set_fd(&pair.fe, requests[i], 0, file.fd);
		}
		scene_expect_refusal(scene, &pair.fe, OFFENDER, result, "a file of FUSE");
		pair_pass(&pair, 2);
	}
	pair_close(&pair);
	check(atomic_load(file.questions) == 0, "the file was asked %u times",
	      atomic_load(file.questions));
	fuse_file_destroy(&file);
}

/*
 * And one whose file system does not even answer who closes it: the session ends and the
 * port has to wait; the data plane goes on, and so does what its control thread does for others.
 */
static void t30_a_file_that_does_not_close(struct scene *scene)
{
	int fds[9], ends[2], error;
	struct fuse_file file;
	struct pair pair;

	check(fuse_file_create(&file), "FUSE: %s", strerror(errno));
	for (unsigned i = 0; i < 9; i++)
		fds[i] = file.fd;
	pair_open(&pair, scene, NULL);
	atomic_store(file.held, 1);
	for (unsigned i = 0; i < 2; i++) { /* a message with a file too many, and eight of them */
		unsigned n = i ? 8 : 1;

		if (i)
			pair_restart(&pair);
		(void)frontend_say(&pair.fe, VU_SET_OWNER, 0, NULL, 0, fds, n);
		scene_expect_end(scene, &pair.fe, OFFENDER);
		frontend_hang_up(&pair.fe);
		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
		close(ends[0]);
		error = harness_attach(&scene->dp, OFFENDER, ends[1], 1);
		check(error == -EBUSY, "the port has a new session: %s", strerror(-error));
		for (unsigned k = 0; k < 20; k++)
			check(frontend_enable(&pair.peer, 0, k % 2) == 0, "another guest waits");
		victims_await(&scene->victims, 100);
		atomic_store(file.held, 0);
		check(clock_await(CLOCK_PATIENCE_MS,
				  harness_resources(&scene->dp).fds <= scene->before.fds + 20),
		      "its files are not closed");
		pair_restart(&pair);
		atomic_store(file.held, !i);
	}
	pair_pass(&pair, 2);
	pair_close(&pair);
	fuse_file_destroy(&file);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t30_odd_notification_fds", t30_odd_notification_fds},
		{.name = "t30_eventfds_made_to_wait", t30_eventfds_made_to_wait},
		{.name = "t30_eventfd_filled_in_a_race", t30_eventfd_filled_in_a_race},
		{.name = "t30_files_of_the_front_end", t30_files_of_the_front_end},
		{.name = "t30_a_file_that_does_not_close", t30_a_file_that_does_not_close},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
