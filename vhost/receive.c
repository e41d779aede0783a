/*
 * receive - puts frames into a queue on which the guest receives.
 *
 * Many workers may put into one queue; a lock makes them take turns, a burst
 * each, and wait for each other within bounds. A frame goes into one chain, or into several if the guest merges buffers
 * (virtio 1.3, 5.1.6.4): all of them are read and found to have room before the
 * first byte is written, so a frame that does not fit leaves no trace (reference
 * H10).
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "vhost/copy.h"
#include "vhost/layout.h"
#include "vhost/stream.h"

enum {
	RECEIVE_SPINS = 1000, /* looks at the lock before the processor is left to others */
	RECEIVE_PATIENCE_NS = 1000000, /* more than the longest burst takes */
	RECEIVE_PIECES = 512,	       /* that a frame may be spread over */
	RECEIVE_FAULTS_MAX = 16,       /* malformed chains that one frame skips */
};

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * Take the ring, or not: a holder that lost its processor must not hold up others for
 * longer than once. Who waited in vain says so, and until the ring is released nobody
 * waits any more.
 */
static bool queue_lock(struct vhost_queue *queue)
{
	uint64_t end = 0;

	for (unsigned spins = 1;; spins++) {
		unsigned state = atomic_load_explicit(&queue->lock, memory_order_relaxed);

		/* Acquire: what the last holder did with the queue is seen. */
		if (state == QUEUE_FREE && atomic_compare_exchange_weak_explicit(
						   &queue->lock, &state, QUEUE_HELD,
						   memory_order_acquire, memory_order_relaxed))
			return true;
		if (state == QUEUE_STUCK)
			return false;
		relax();
		if (spins % RECEIVE_SPINS)
			continue;
		if (end == 0)
			end = now_ns() + RECEIVE_PATIENCE_NS;
		if (now_ns() >= end) {
			state = QUEUE_HELD;
			atomic_compare_exchange_strong_explicit(&queue->lock, &state, QUEUE_STUCK,
								memory_order_relaxed,
								memory_order_relaxed);
			return false;
		}
		sched_yield(); /* the holder may wait for this processor */
	}
}

static void queue_unlock(struct vhost_queue *queue)
{
	atomic_store_explicit(&queue->lock, QUEUE_FREE, memory_order_release);
}

/* A chain that was read. */
struct taken {
	uint64_t bytes;
	unsigned slots;
	uint16_t id;
};

/* The chains of one frame. */
struct room {
	uint64_t bytes;
	unsigned n_pieces;
	unsigned n_chains;
	unsigned n_faults;
	uint16_t avail; /* where the ring stands behind these chains */
	struct taken chains[RECEIVE_PIECES];
	struct taken faults[RECEIVE_FAULTS_MAX]; /* malformed ones among them */
	struct iovec pieces[RECEIVE_PIECES + VHOST_CHAIN_PIECES_MAX];
};

/* A place in the pieces of a room. */
struct cursor {
	const struct iovec *piece;
	size_t offset;
};

static void cursor_write(struct cursor *to, const void *from, size_t len)
{
	const uint8_t *at = from;

	while (len > 0) {
		size_t left = to->piece->iov_len - to->offset;
		size_t part = left < len ? left : len;

		copy_bytes((uint8_t *)to->piece->iov_base + to->offset, at, part);
		at += part;
		len -= part;
		to->offset += part;
		if (to->offset == to->piece->iov_len)
			*to = (struct cursor){to->piece + 1, 0};
	}
}

/* The chain at @at of a split ring: -ENOBUFS if there is none, -EIO if there cannot be. */
static int split_next(struct vhost_queue *queue, const struct ring *ring, uint16_t at,
		      uint16_t *ret_id, struct desc *ret_first)
{
	if (at == queue->avail_seen) {
		if (split_waiting(queue, ring) == 0 && queue_is_broken(queue))
			return -EIO;
		if (at == queue->avail_seen)
			return -ENOBUFS;
	}
	uint16_t id = split_head(ring, at);
	if (id >= ring->size) {
		queue_break(queue, ring);
		return -EIO;
	}
	*ret_id = id;
	*ret_first = desc_load(&ring->desc[id], false);
	return 0;
}

static int packed_next(const struct ring *ring, uint16_t at, struct desc *ret_first)
{
	uint64_t rest = packed_load(ring, at);

	if (!packed_is_available((uint16_t)(rest >> 48), at))
		return -ENOBUFS;
	*ret_first = desc_packed(guest_load64(&ring->slots[packed_place(at)].addr), rest);
	return 0;
}

/*
 * Read the chain at room->avail. -ENOBUFS: there is none; -EBADMSG: it was malformed
 * and is skipped.
 */
static int room_add(struct vhost_queue *queue, const struct ring *ring, struct room *room)
{
	struct desc first;
	struct chain chain;
	struct taken taken = {.slots = 1};
	int err = ring->packed ? packed_next(ring, room->avail, &first)
			       : split_next(queue, ring, room->avail, &taken.id, &first);

	if (err < 0)
		return err;
	enum chain_fault fault = chain_read(ring, &queue->hint, first, packed_place(room->avail),
					    DESC_WRITE, room->pieces + room->n_pieces, &chain);
	if (fault == CHAIN_ENDLESS) {
		queue_break(queue, ring);
		return -EIO;
	}
	if (ring->packed) {
		taken.id = chain.id;
		taken.slots = chain.slots;
	}
	room->avail = layout_step(ring, room->avail, taken.slots, ring->packed);
	/* Each buffer has room for a header at least (virtio 1.3, 5.1.6.3.1). */
	if (!fault && chain.bytes < QUEUE_HEADER)
		fault = CHAIN_MALFORMED;
	if (fault) {
		chain_count(queue, fault);
		room->faults[room->n_faults++] = taken;
		return -EBADMSG;
	}
	taken.bytes = chain.bytes;
	room->chains[room->n_chains++] = taken;
	room->n_pieces += chain.n;
	room->bytes += chain.bytes;
	return 0;
}

/* Find room for @need bytes. */
static int room_find(struct vhost_queue *queue, const struct ring *ring, uint32_t need,
		     struct room *room)
{
	room->bytes = 0;
	room->n_pieces = 0;
	room->n_chains = 0;
	room->n_faults = 0;
	room->avail = queue->next_avail;
	while (room->bytes < need) {
		if (room->n_chains > 0 && (!ring->mergeable || room->n_pieces >= RECEIVE_PIECES))
			return -EMSGSIZE;
		int err = room_add(queue, ring, room);
		if (err == -EBADMSG && room->n_faults < RECEIVE_FAULTS_MAX)
			continue;
		if (err < 0)
			return err == -EBADMSG ? -ENOBUFS : err;
	}
	return 0;
}

/*
 * Give back the chains of the room, @len bytes in them: malformed ones first, for
 * those of a frame must follow each other.
 */
static void room_use(struct vhost_queue *queue, const struct ring *ring, const struct room *room,
		     uint32_t len)
{
	struct used_run run = used_begin(queue, ring, ring->packed);

	for (unsigned i = 0; i < room->n_faults; i++)
		used_add(&run, room->faults[i].id, 0, room->faults[i].slots, ring->packed);
	for (unsigned i = 0; i < room->n_chains; i++) {
		const struct taken *chain = &room->chains[i];
		uint32_t part = chain->bytes < len ? (uint32_t)chain->bytes : len;

		used_add(&run, chain->id, part, chain->slots, ring->packed);
		len -= part;
	}
	used_end(queue, &run, ring->packed);
	queue->next_avail = room->avail;
}

/* Of what a piece of a tail holds, what the frame has left. */
static inline uint32_t tail_part(const struct iovec *piece, uint32_t left)
{
	return piece->iov_len < left ? (uint32_t)piece->iov_len : left;
}

/* A frame that needs more than one buffer in one piece, or meets a malformed chain. */
static __attribute__((noinline)) int put_room(struct vhost_queue *queue, const struct ring *ring,
					      const struct vhost_frame *frame)
{
	struct room room;
	struct virtio_net_hdr_v1 hdr = frame->hdr;
	uint32_t left = frame->len - frame->head_len;

	if (frame->len > VHOST_FRAME_MAX)
		return -EMSGSIZE;
	int err = room_find(queue, ring, QUEUE_HEADER + frame->len, &room);
	if (err < 0) {
		/* Malformed chains at the front are done with; others are met again. */
		if (room.n_chains == 0)
			room_use(queue, ring, &room, 0);
		return err;
	}

	struct cursor to = {room.pieces, 0};
	hdr.num_buffers = htole16((uint16_t)room.n_chains);
	cursor_write(&to, &hdr, QUEUE_HEADER);
	cursor_write(&to, frame + 1, frame->head_len);
	for (unsigned i = 0; i < frame->n_tail && left > 0; i++) {
		uint32_t part = tail_part(&frame->tail[i], left);

		cursor_write(&to, frame->tail[i].iov_base, part);
		left -= part;
	}
	for (const struct iovec *piece = room.pieces; ring->log && piece < to.piece; piece++)
		queue_mark_dirty(queue, ring, piece->iov_base, piece->iov_len);
	if (ring->log && to.offset > 0)
		queue_mark_dirty(queue, ring, to.piece->iov_base, to.offset);
	room_use(queue, ring, &room, QUEUE_HEADER + frame->len);
	return 0;
}

/* Write header and frame to @host, where there is room. */
LAYOUT_INLINE void write_frame(uint8_t *host, const struct vhost_frame *frame, bool wide)
{
	uint32_t left = frame->len - frame->head_len;

	copy_head(host, frame_bytes(frame), QUEUE_HEADER + frame->head_len, wide);
	if (left == 0)
		return;
	host += QUEUE_HEADER + frame->head_len;
	for (unsigned i = 0; i < frame->n_tail; i++) {
		uint32_t part = tail_part(&frame->tail[i], left);

		copy_bytes(host, frame->tail[i].iov_base, part);
		host += part;
		left -= part;
	}
}

/* Does the frame lie, in part, where it shall go? */
static inline bool overlaps(const uint8_t *host, const struct vhost_frame *frame)
{
	for (unsigned i = 0; i < frame->n_tail; i++) {
		uintptr_t from = (uintptr_t)frame->tail[i].iov_base, to = (uintptr_t)host;

		if (from < to + QUEUE_HEADER + frame->len && to < from + frame->tail[i].iov_len)
			return true;
	}
	return false;
}

/* The same, past the caches; there is room for @room bytes. */
static void stream_frame(uint8_t *host, uint32_t room, const struct vhost_frame *frame)
{
	uint32_t left = frame->len - frame->head_len;
	struct stream stream;

	if (overlaps(host, frame)) {
		write_frame(host, frame, false);
		return;
	}
	stream_begin(&stream, host);
	stream_write(&stream, frame_bytes(frame), QUEUE_HEADER + frame->head_len);
	for (unsigned i = 0; i < frame->n_tail && left > 0; i++) {
		uint32_t part = tail_part(&frame->tail[i], left);

		stream_write(&stream, frame->tail[i].iov_base, part);
		left -= part;
	}
	stream_end(&stream, host + room);
}

/* What is put, and what became of it. */
struct batch {
	const struct vhost_put *puts; /* those that are left */
	unsigned n;
	uint64_t bytes;	 /* that were written, lines begun counted whole */
	uint64_t failed; /* by place */
	int *errors;
};

/* The next frame does not go. */
static void fail(struct batch *batch, int error)
{
	batch->failed |= UINT64_C(1) << batch->puts->place;
	batch->errors[batch->puts->place] = error;
}

/* Put frames into the chains of @heads while each fits into its own. How many did. */
LAYOUT_INLINE unsigned put_heads(struct vhost_queue *queue, const struct ring *ring,
				 const struct head *heads, unsigned n, struct batch *batch,
				 bool packed, bool streams, bool wide)
{
	struct used_run run = used_begin(queue, ring, packed);
	const struct vhost_put *puts = batch->puts;
	const bool logs = ring->log != NULL;
	uint64_t bytes = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		const struct vhost_frame *frame = puts[i].frame;
		uint32_t need = QUEUE_HEADER + frame->len;

		if (!heads[i].host || frame->len > VHOST_FRAME_MAX || head_len(&heads[i]) < need)
			break;
		if (streams)
			stream_frame(heads[i].host, head_len(&heads[i]), frame);
		else
			write_frame(heads[i].host, frame, wide);
		if (__builtin_expect(logs, 0))
			queue_mark_dirty(queue, ring, heads[i].host, need);
		used_add(&run, heads[i].id, need, 1, packed);
		bytes += need + QUEUE_LINE - 1;
	}
	batch->bytes += bytes;
	batch->puts += i;
	batch->n -= i;
	used_end(queue, &run, packed);
	queue->next_avail = layout_step(ring, queue->next_avail, i, packed);
	return i;
}

LAYOUT_INLINE void put(struct vhost_queue *queue, const struct ring *ring, struct batch *batch,
		       bool packed, bool streams, bool wide)
{
	struct head heads[VHOST_PUT_MAX];

	while (batch->n > 0) {
		unsigned max = batch->n < VHOST_PUT_MAX ? batch->n : VHOST_PUT_MAX;
		unsigned got = layout_heads(queue, ring, max, streams ? HEAD_STREAM : HEAD_WRITE,
					    heads, packed);

		if (put_heads(queue, ring, heads, got, batch, packed, streams, wide) < got) {
			int error = put_room(queue, ring, batch->puts->frame);

			if (error)
				fail(batch, error);
			batch->puts++;
			batch->n--;
		} else if (got == 0) {
			for (; batch->n > 0; batch->puts++, batch->n--)
				fail(batch, queue_is_broken(queue) ? -EIO : -ENOBUFS);
		}
	}
	layout_prefetch(queue, ring, VHOST_PUT_MAX, packed);
}

/* One function for each layout and way: together they would not get registers enough. */
#define PUT(name, packed)                                                                          \
	static void name(struct vhost_queue *queue, const struct ring *ring, struct batch *batch)  \
	{                                                                                          \
		put(queue, ring, batch, packed, false, false);                                     \
	}                                                                                          \
	static COPY_WIDE void name##_wide(struct vhost_queue *queue, const struct ring *ring,      \
					  struct batch *batch)                                     \
	{                                                                                          \
		put(queue, ring, batch, packed, false, true);                                      \
	}                                                                                          \
	static void name##_streaming(struct vhost_queue *queue, const struct ring *ring,           \
				     struct batch *batch)                                          \
	{                                                                                          \
		put(queue, ring, batch, packed, true, false);                                      \
	}
PUT(put_split, false)
PUT(put_packed, true)
#undef PUT

enum way {
	WAY_PLAIN,
	WAY_WIDE,
	WAY_STREAMING,
	WAYS,
};

static void (*const puts_by[2][WAYS])(struct vhost_queue *queue, const struct ring *ring,
				      struct batch *batch) = {
	{put_split, put_split_wide, put_split_streaming},
	{put_packed, put_packed_wide, put_packed_streaming},
};

static enum way way_of(const struct vhost_queue *queue, const struct ring *ring)
{
	/* What fills up a line would have to be logged, too. */
	if (queue->copier.way == COPIER_STREAM && !ring->log)
		return WAY_STREAMING;
	return ring->wide ? WAY_WIDE : WAY_PLAIN;
}

bool vhost_queue_begin(struct vhost_queue *queue)
{
	if (!queue_lock(queue))
		return false;
	queue->burst = queue_ring(queue);
	return true;
}

uint64_t vhost_queue_put(struct vhost_queue *queue, const struct vhost_put *puts, unsigned n,
			 int ret_errors[VHOST_PUT_MAX])
{
	const struct ring *ring = queue->burst;
	struct copier *copier = &queue->copier;
	struct batch batch = {.puts = puts, .n = n, .errors = ret_errors};

	if (!ring) {
		for (; batch.n > 0; batch.puts++, batch.n--)
			fail(&batch, -EIO);
		return batch.failed;
	}
	uint64_t start = copier_is_timed(copier) ? now_ns() : 0;
	puts_by[ring->packed][way_of(queue, ring)](queue, ring, &batch);
	/* Before any used element is published. */
	if (copier->way == COPIER_STREAM)
		stream_finish();
	copier_burst(copier, ring->size, n, batch.bytes / QUEUE_LINE, start ? now_ns() - start : 0);
	return batch.failed;
}

void vhost_queue_end(struct vhost_queue *queue)
{
	const struct ring *ring = queue->burst;
	bool call = ring && layout_publish(queue, ring);

	queue->burst = NULL;
	queue_unlock(queue);
	/* Not under the lock: a system call. The ring lasts until the worker's quiescent point. */
	if (call)
		queue_call(ring);
}
