/*
 * uring - bursts through io_uring; see uring.h.
 *
 * Why nothing waits. Reads carry RWF_NOWAIT or MSG_DONTWAIT, so the kernel does
 * them inside the submitting call or fails them with -EAGAIN; it never parks
 * them on a wait queue (many parked reads of one tap would all wake for each
 * frame) and never hands them to a thread of its own. Taps understand
 * RWF_NOWAIT since Linux 6.5; before, they are read with plain read(2), which
 * costs a call a frame and nothing else. Writes to taps do not block at all:
 * their socket has no send buffer limit (drivers/net/tun.c sets sk_sndbuf to INT_MAX).
 *
 * Completions carry in user_data what they are about, and a number.
 */
#include "switch/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	ENTRIES = 2 * LIMIT_BURST,
	BUFFER = 17 * 4096, /* URING_READ_MAX + 1, whole pages */
	ANCILLARY = 64,	    /* struct tpacket_auxdata and its header (packet(7)) */
	PIECES = LIMIT_BURST * 8 + LIMIT_FRAME_PIECES + 2,
	TAKE_MIN = 4,
	TAKE_MAX = 32,
	PATIENCE = 1000, /* submissions that the kernel may put off in a row */
};
_Static_assert(BUFFER > (int)URING_READ_MAX, "one byte more than the longest frame");

enum about {
	ABOUT_TAKE = 1, /* number: place */
	ABOUT_PUT,
};

struct uring {
	struct io_uring kernel;
	unsigned files;	  /* slots */
	bool broken;	  /* the kernel takes no submissions: every file reads as failed */
	bool nowait;	  /* character devices understand RWF_NOWAIT */
	unsigned pending; /* submitted and not complete */

	atomic_bool registered;	    /* the kernel holds the buffers; set once, by control */
	uint8_t depth[URING_FILES]; /* how many reads to try: grows while they all succeed */
	uint8_t *buffers;	    /* BUFFER bytes a place */
	int32_t taken[TAKE_MAX];    /* results, by place */
	struct msghdr incoming[TAKE_MAX];
	struct iovec incoming_body[TAKE_MAX];
	uint8_t ancillary[TAKE_MAX][ANCILLARY] __attribute__((aligned(16)));

	unsigned slot; /* between begin and end */
	bool is_socket;
	unsigned n_put; /* prepared, not yet submitted */
	unsigned n_pieces;
	uint64_t failed; /* bit mask of places */
	struct msghdr outgoing[ENTRIES];
	struct iovec pieces[PIECES];
};
_Static_assert(LIMIT_BURST <= 64, "a burst's places fit a mask");
_Static_assert((int)TAKE_MAX <= (int)LIMIT_BURST, "what is read at once is a burst");

static uint64_t tag_of(enum about about, unsigned number)
{
	return (uint64_t)about << 32 | number;
}

/* ---- creation ---- */

/* liburing 2.3 declares functions for what this is needed for, and does not export them. */
static int configure(const struct io_uring *kernel, unsigned operation, const void *list,
		     unsigned n)
{
	return syscall(SYS_io_uring_register, kernel->ring_fd, operation, list, n) < 0 ? -errno : 0;
}

static int restrict_ring(const struct io_uring *kernel)
{
	static const uint8_t operations[] = {
		IORING_OP_READ,	   IORING_OP_READ_FIXED, IORING_OP_WRITEV,
		IORING_OP_RECVMSG, IORING_OP_SENDMSG,
	};
	static const uint8_t registrations[] = {
		IORING_REGISTER_FILES_UPDATE,
		IORING_REGISTER_BUFFERS,
	};
	struct io_uring_restriction list[sizeof(operations) + sizeof(registrations) + 1];
	unsigned n = 0;
	int error;

	memset(list, 0, sizeof(list));
	for (unsigned i = 0; i < sizeof(operations); i++, n++) {
		list[n].opcode = IORING_RESTRICTION_SQE_OP;
		list[n].sqe_op = operations[i];
	}
	for (unsigned i = 0; i < sizeof(registrations); i++, n++) {
		list[n].opcode = IORING_RESTRICTION_REGISTER_OP;
		list[n].register_op = registrations[i];
	}
	list[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	list[n++].sqe_flags = IOSQE_FIXED_FILE;
	error = configure(kernel, IORING_REGISTER_RESTRICTIONS, list, n);
	if (error)
		return error;
	return configure(kernel, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* The kernel allows no more fixed files than fds. */
static unsigned files_allowed(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= URING_FILES)
		return URING_FILES;
	return (unsigned)limit.rlim_cur;
}

int uring_create(bool plain, struct uring **ret_ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL,
	};
	struct uring *ring = aligned_alloc(64, (sizeof(*ring) + 63) / 64 * 64);
	int error;

	if (!ring)
		return -ENOMEM;
	memset(ring, 0, sizeof(*ring));
	ring->nowait = !plain;
	ring->files = files_allowed();
	ring->buffers = mmap(NULL, (size_t)BUFFER * TAKE_MAX, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ring->buffers == MAP_FAILED) {
		error = -ENOMEM;
		goto free_ring;
	}
	error = io_uring_queue_init_params(ENTRIES, &ring->kernel, &params);
	if (error < 0)
		goto unmap_buffers;
	error = io_uring_register_files_sparse(&ring->kernel, ring->files);
	if (error < 0)
		goto exit_queue;
	error = restrict_ring(&ring->kernel);
	if (error)
		goto exit_queue;
	*ret_ring = ring;
	return 0;

exit_queue:
	io_uring_queue_exit(&ring->kernel);
unmap_buffers:
	munmap(ring->buffers, (size_t)BUFFER * TAKE_MAX);
free_ring:
	free(ring);
	return error;
}

void uring_destroy(struct uring *ring)
{
	if (!ring)
		return;
	io_uring_queue_exit(&ring->kernel);
	munmap(ring->buffers, (size_t)BUFFER * TAKE_MAX);
	free(ring);
}

/* ---- submission and completion ---- */

static void complete(struct uring *ring, const struct io_uring_cqe *cqe)
{
	unsigned number = (uint32_t)cqe->user_data;

	switch ((enum about)(cqe->user_data >> 32)) {
	case ABOUT_TAKE: ring->taken[number] = cqe->res; break;
	case ABOUT_PUT: ring->failed |= (uint64_t)(cqe->res < 0) << number; break;
	}
	ring->pending--;
}

static void reap(struct uring *ring)
{
	struct io_uring_cqe *completions[LIMIT_BURST];
	unsigned n;

	do {
		n = io_uring_peek_batch_cqe(&ring->kernel, completions, LIMIT_BURST);
		for (unsigned i = 0; i < n; i++)
			complete(ring, completions[i]);
		io_uring_cq_advance(&ring->kernel, n);
	} while (n == LIMIT_BURST);
}

/*
 * Submit what is prepared and return when all of it is complete, which it is at
 * once. A ring that takes no submissions, again and again, is
 * given up: its files then read as failed and their ports close.
 */
static void submit(struct uring *ring)
{
	unsigned tries = 0;

	while (io_uring_sq_ready(&ring->kernel)) {
		int done = io_uring_submit(&ring->kernel);

		if (done < 0 && ++tries == PATIENCE) {
			ring->broken = true;
			return;
		}
		reap(ring);
	}
	while (ring->pending) {
		struct io_uring_cqe *cqe;
		int error = io_uring_wait_cqe(&ring->kernel, &cqe);

		if (error < 0 && error != -EINTR && ++tries == PATIENCE) {
			ring->broken = true;
			return;
		}
		reap(ring);
	}
}

/* An empty request; there always is one, as callers prepare at most ENTRIES between submits. */
static struct io_uring_sqe *prepare(struct uring *ring)
{
	return io_uring_get_sqe(&ring->kernel);
}

/* What every request has in common, once liburing has filled in the rest. */
static void finish(struct io_uring_sqe *sqe, uint64_t tag)
{
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = tag;
}

/* ---- reading ---- */

static uint8_t *buffer(const struct uring *ring, unsigned place)
{
	return ring->buffers + (size_t)place * BUFFER;
}

/*
 * What @n reads got, in order. A read that found nothing may stand before one
 * that did: the frame came between the two; only what the last one found says how
 * it stands now. The next take tries twice as many if all got something, and a few
 * more than now if not.
 */
static unsigned gather(struct uring *ring, unsigned slot, unsigned n, struct uring_taken *ret_taken,
		       int *ret_error)
{
	unsigned got = 0;

	*ret_error = ring->broken ? -EIO : 0;
	for (unsigned i = 0; i < n && !ring->broken; i++) {
		bool fatal = *ret_error && *ret_error != -EAGAIN;

		if (ring->taken[i] >= 0)
			ret_taken[got++] = (struct uring_taken){
				.bytes = buffer(ring, i),
				.len = (uint32_t)ring->taken[i],
				.message = &ring->incoming[i],
			};
		if (!fatal)
			*ret_error = ring->taken[i] < 0 ? ring->taken[i] : 0;
	}
	n = got == n ? 2 * n : got + TAKE_MIN;
	ring->depth[slot] = (uint8_t)(n < TAKE_MAX ? n : TAKE_MAX);
	return got;
}

/* The same with a call a frame, for kernels whose taps do not know RWF_NOWAIT; @fd is O_NONBLOCK. */
static void read_plainly(struct uring *ring, int fd, unsigned n)
{
	int32_t result = 0;

	for (unsigned i = 0; i < n; i++) {
		/* once there is nothing, the rest finds nothing, too */
		if (result >= 0) {
			ssize_t got = read(fd, buffer(ring, i), URING_READ_MAX + 1);

			result = got < 0 ? -errno : (int32_t)got;
		}
		ring->taken[i] = result;
	}
}

unsigned uring_take_file(struct uring *ring, unsigned slot, int fd, struct uring_taken *ret_taken,
			 int *ret_error)
{
	/* Acquire: they were registered before it was said. */
	bool registered = atomic_load_explicit(&ring->registered, memory_order_acquire);
	unsigned n = ring->depth[slot];

	if (ring->nowait && !ring->broken) {
		for (unsigned i = 0; i < n; i++) {
			struct io_uring_sqe *sqe = prepare(ring);

			if (registered)
				io_uring_prep_read_fixed(sqe, (int)slot, buffer(ring, i),
							 URING_READ_MAX + 1, 0, (int)i);
			else
				io_uring_prep_read(sqe, (int)slot, buffer(ring, i),
						   URING_READ_MAX + 1, 0);
			sqe->rw_flags = RWF_NOWAIT;
			finish(sqe, tag_of(ABOUT_TAKE, i));
		}
		ring->pending = n;
		submit(ring);
		ring->nowait = ring->taken[0] != -EOPNOTSUPP;
	}
	if (!ring->nowait)
		read_plainly(ring, fd, n);
	return gather(ring, slot, n, ret_taken, ret_error);
}

unsigned uring_take_socket(struct uring *ring, unsigned slot, struct uring_taken *ret_taken,
			   int *ret_error)
{
	unsigned n = ring->depth[slot];

	if (ring->broken)
		return gather(ring, slot, n, ret_taken, ret_error);
	for (unsigned i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = prepare(ring);

		ring->incoming_body[i] = (struct iovec){buffer(ring, i), URING_READ_MAX + 1};
		ring->incoming[i] = (struct msghdr){
			.msg_iov = &ring->incoming_body[i],
			.msg_iovlen = 1,
			.msg_control = ring->ancillary[i],
			.msg_controllen = ANCILLARY,
		};
		io_uring_prep_recvmsg(sqe, (int)slot, &ring->incoming[i], MSG_DONTWAIT);
		finish(sqe, tag_of(ABOUT_TAKE, i));
	}
	ring->pending = n;
	submit(ring);
	return gather(ring, slot, n, ret_taken, ret_error);
}

/* ---- writing ---- */

void uring_begin(struct uring *ring, unsigned slot, bool is_socket)
{
	ring->slot = slot;
	ring->is_socket = is_socket;
	ring->failed = 0;
	ring->n_put = 0;
	ring->n_pieces = 0;
}

static void write_out(struct uring *ring)
{
	ring->pending = ring->n_put;
	submit(ring);
	ring->n_put = 0;
	ring->n_pieces = 0;
}

void uring_put(struct uring *ring, unsigned place, const struct iovec *head, unsigned n_head,
	       const struct iovec *tail, unsigned n_tail)
{
	unsigned n = ring->n_put, n_pieces = n_head + n_tail;
	struct io_uring_sqe *sqe;
	struct iovec *pieces;

	if (n == ENTRIES || ring->n_pieces + n_pieces > PIECES) {
		write_out(ring);
		n = 0;
	}
	/* what the kernel did not take stays in the way, and must never go out later */
	if (ring->broken)
		return;
	sqe = prepare(ring);
	pieces = ring->pieces + ring->n_pieces;
	memcpy(pieces, head, n_head * sizeof(*head));
	if (n_tail)
		memcpy(pieces + n_head, tail, n_tail * sizeof(*tail));
	if (ring->is_socket) {
		ring->outgoing[n] = (struct msghdr){.msg_iov = pieces, .msg_iovlen = n_pieces};
		io_uring_prep_sendmsg(sqe, (int)ring->slot, &ring->outgoing[n],
				      MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		io_uring_prep_writev(sqe, (int)ring->slot, pieces, n_pieces, 0);
		sqe->rw_flags = ring->nowait ? RWF_NOWAIT : 0;
	}
	finish(sqe, tag_of(ABOUT_PUT, place));
	ring->n_put = n + 1;
	ring->n_pieces += n_pieces;
}

uint64_t uring_end(struct uring *ring)
{
	if (!ring->broken)
		write_out(ring);
	return ring->broken ? UINT64_MAX : ring->failed;
}

/* ---- slots ---- */

static int free_slot(const struct uring_set *set)
{
	for (unsigned i = 0; i < URING_FILES / 64; i++)
		if (~set->used[i])
			return (int)(i * 64) + __builtin_ctzll(~set->used[i]);
	return -ENFILE;
}

/*
 * Let the kernel keep hold of the buffers that are read into: it need not look them
 * up for each frame then. Done when there is a first file, as it takes memory; a
 * ring that may not lock so much reads a little slower.
 */
static void register_buffers(struct uring *ring)
{
	struct iovec buffers[TAKE_MAX];

	if (atomic_load_explicit(&ring->registered, memory_order_relaxed))
		return;
	for (unsigned i = 0; i < TAKE_MAX; i++)
		buffers[i] = (struct iovec){buffer(ring, i), BUFFER};
	/* Release: see uring_take_file(). */
	if (!configure(&ring->kernel, IORING_REGISTER_BUFFERS, buffers, TAKE_MAX))
		atomic_store_explicit(&ring->registered, true, memory_order_release);
}

int uring_set_add(struct uring_set *set, int fd)
{
	int slot = free_slot(set);
	int error;

	if (!set->n)
		return -ENOSYS;
	if (slot < 0)
		return slot;
	set->used[slot / 64] |= 1ULL << slot % 64;
	for (unsigned i = 0; i < set->n; i++) {
		struct uring *ring = set->rings[i];

		error = (unsigned)slot < ring->files
				? io_uring_register_files_update(&ring->kernel, (unsigned)slot, &fd,
								 1)
				: -ENFILE;
		if (error < 0) {
			uring_set_remove(set, (unsigned)slot);
			return error;
		}
		ring->depth[slot] = TAKE_MIN;
		/* the last is the control thread's, which reads nothing */
		if (i + 1 < set->n)
			register_buffers(ring);
	}
	return slot;
}

void uring_set_remove(struct uring_set *set, unsigned slot)
{
	int nothing = -1;

	for (unsigned i = 0; i < set->n; i++) {
		struct io_uring *kernel = &set->rings[i]->kernel;

		(void)io_uring_register_files_update(kernel, slot, &nothing, 1);
	}
	set->used[slot / 64] &= ~(1ULL << slot % 64);
}
