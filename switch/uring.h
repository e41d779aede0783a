/*
 * uring - a worker's io_uring: bursts of frames from and to files of the kernel.
 *
 * A system call costs more than a frame, so frames of taps and packet sockets
 * are read and written a burst a call. Everything a burst submits is complete
 * when the call returns: no I/O outlives the burst, buffers are the ring's own,
 * registered and shared by all files, and detaching a port has nothing to wait for.
 * That is why multishot reads are not used: they fill buffers when they like, so
 * each file would need some of its own; they measured no faster than this.
 *
 * Theory of operation. A file has a slot in the table of fixed files of every
 * ring, because any worker may write to it; it is read by one worker only, which
 * learns from its epoll set when there is something to read (worker.h).
 *
 * Restrictions. A ring accepts a handful of operations, on fixed files only,
 * and no registration but of files and buffers; it is closed like this before the sandbox
 * (IORING_REGISTER_RESTRICTIONS), so that who takes over a worker finds in it
 * no way around the list of system calls.
 *
 * Threads. Create, set_add and set_remove: control thread. The rest: the one
 * thread that the ring belongs to.
 */
#ifndef SWITCH_URING_H
#define SWITCH_URING_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "switch/drop.h"
#include "switch/limits.h"

enum {
	URING_FILES = 1024,    /* queues of taps and devices, all ports together */
	URING_HEADER_MAX = 12, /* bytes of a virtio-net header */
	/* longest thing that is read whole; one byte more tells that a frame was longer */
	URING_READ_MAX = URING_HEADER_MAX + LIMIT_FRAME,
};

struct uring;

/*
 * Make a ring and close it to all but what this file does. -errno: the kernel does
 * not let us. @plain: read character devices with a call a frame, as is done where
 * the kernel's taps do not know RWF_NOWAIT (before Linux 6.5).
 */
int uring_create(bool plain, struct uring **ret_ring) __attribute__((warn_unused_result));
void uring_destroy(struct uring *ring); /* NULL is fine */

/* One thing that was read, in memory of the ring until the next take. */
struct uring_taken {
	uint8_t *bytes;
	uint32_t len;		/* more than URING_READ_MAX: cut off */
	struct msghdr *message; /* sockets: what came beside it */
};

/*
 * Read up to LIMIT_BURST frames from @slot, which is @fd. Returns how many;
 * *@ret_error is 0 if there may be more, -EAGAIN if there was no more, or what
 * else ended it. A socket's messages come with what stood beside them.
 */
unsigned uring_take_file(struct uring *ring, unsigned slot, int fd, struct uring_taken *ret_taken,
			 int *ret_error);
unsigned uring_take_socket(struct uring *ring, unsigned slot, struct uring_taken *ret_taken,
			   int *ret_error);

/*
 * Write a burst: begin, put..., end. put takes @n_head and @n_tail pieces, of which
 * the first begins with the header. What they point at must stay readable until end,
 * which returns when all is written: the places that the kernel refused, a bit each.
 */
void uring_begin(struct uring *ring, unsigned slot, bool is_socket);
void uring_put(struct uring *ring, unsigned place, const struct iovec *head, unsigned n_head,
	       const struct iovec *tail, unsigned n_tail);
uint64_t uring_end(struct uring *ring);

/* All rings of the data plane; a file has the same slot in each. */
struct uring_set {
	unsigned n;
	struct uring *rings[LIMIT_WORKERS + 1];
	uint64_t used[URING_FILES / 64];
};

/* Give @fd (which stays the caller's) a slot in every ring: the slot, or -errno. */
int uring_set_add(struct uring_set *set, int fd) __attribute__((warn_unused_result));

/* Take it away again. No worker may use the slot any more. */
void uring_set_remove(struct uring_set *set, unsigned slot);

#endif
