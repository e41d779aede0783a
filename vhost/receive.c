/*
 * receive - puts frames into a queue on which the guest receives.
 *
 * Many workers may put into one queue; a lock makes them take turns, a burst
 * each. A frame goes into one chain, or into several if the guest merges buffers
 * (virtio 1.3, 5.1.6.4): all of them are read and found to have room before the
 * first byte is written, so a frame that does not fit leaves no trace (reference
 * H10).
 */
#include <errno.h>
#include <sched.h>

#include "vhost/chain.h"
#include "vhost/copy.h"
#include "vhost/split.h"

enum {
	RECEIVE_SPINS = 1000,	 /* looks at the lock before the processor is left to others */
	RECEIVE_PIECES = 512,	 /* that a frame may be spread over */
	RECEIVE_FAULTS_MAX = 16, /* malformed chains that one frame skips */
};

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void queue_lock(struct vhost_queue *queue)
{
	unsigned spins = 0;

	/* Acquire: what the last holder did with the queue is seen. */
	while (atomic_exchange_explicit(&queue->locked, true, memory_order_acquire)) {
		while (atomic_load_explicit(&queue->locked, memory_order_relaxed)) {
			if (++spins % RECEIVE_SPINS == 0)
				sched_yield(); /* the holder may wait for this processor */
			relax();
		}
	}
}

static void queue_unlock(struct vhost_queue *queue)
{
	atomic_store_explicit(&queue->locked, false, memory_order_release);
}

/* The chains of one frame. */
struct room {
	uint64_t bytes;
	unsigned n_pieces;
	unsigned n_chains;
	uint16_t avail; /* where the rings stand behind these chains */
	uint16_t used;	/* where the first of them goes; before it, malformed ones */
	struct {
		uint16_t head;
		uint64_t bytes;
	} chains[RECEIVE_PIECES];
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

/*
 * Read the chain at room->avail. -ENOBUFS: there is none; -EBADMSG: it was
 * malformed and is skipped.
 */
static int room_add(struct vhost_queue *queue, const struct ring *ring, struct room *room)
{
	struct chain chain;

	if (room->avail == queue->avail_seen) {
		if (split_waiting(queue, ring) == 0 && queue_is_broken(queue))
			return -EIO;
		if (room->avail == queue->avail_seen)
			return -ENOBUFS;
	}
	uint16_t head = split_head(ring, room->avail);
	if (head >= ring->size) {
		queue_break(queue, ring);
		return -EIO;
	}
	room->avail++;
	enum chain_fault fault = chain_read(ring, &queue->hint, desc_load(&ring->desc[head]),
					    DESC_WRITE, room->pieces + room->n_pieces, &chain);
	/* Each buffer has room for a header at least (virtio 1.3, 5.1.6.3.1). */
	if (!fault && chain.bytes < QUEUE_HEADER)
		fault = CHAIN_MALFORMED;
	if (fault) {
		chain_count(queue, fault);
		split_use(ring, room->used++, head, 0);
		return -EBADMSG;
	}
	room->chains[room->n_chains].head = head;
	room->chains[room->n_chains].bytes = chain.bytes;
	room->n_chains++;
	room->n_pieces += chain.n;
	room->bytes += chain.bytes;
	return 0;
}

/* Find room for @need bytes. */
static int room_find(struct vhost_queue *queue, const struct ring *ring, uint32_t need,
		     struct room *room)
{
	unsigned faults = 0;

	room->bytes = 0;
	room->n_pieces = 0;
	room->n_chains = 0;
	room->avail = queue->next_avail;
	room->used = queue->next_used;
	while (room->bytes < need) {
		if (room->n_chains > 0 && (!ring->mergeable || room->n_pieces >= RECEIVE_PIECES))
			return -EMSGSIZE;
		int err = room_add(queue, ring, room);
		if (err == -EBADMSG && ++faults < RECEIVE_FAULTS_MAX)
			continue;
		if (err < 0)
			return err == -EBADMSG ? -ENOBUFS : err;
	}
	return 0;
}

/* A frame that needs more than one buffer in one piece, or meets a malformed chain. */
static __attribute__((noinline)) int put_room(struct vhost_queue *queue, const struct ring *ring,
					      struct virtio_net_hdr_v1 hdr, const struct iovec *src,
					      unsigned n_src, uint32_t len)
{
	struct room room;
	uint32_t left = QUEUE_HEADER + len;
	int err = room_find(queue, ring, left, &room);

	if (err < 0) {
		/* Malformed chains at the front are done with; others are met again. */
		if (room.n_chains == 0) {
			queue->next_avail = room.avail;
			queue->next_used = room.used;
		}
		return err;
	}

	struct cursor to = {room.pieces, 0};
	hdr.num_buffers = htole16((uint16_t)room.n_chains);
	cursor_write(&to, &hdr, QUEUE_HEADER);
	for (unsigned i = 0; i < n_src && len > 0; i++) {
		uint32_t part = src[i].iov_len < len ? (uint32_t)src[i].iov_len : len;

		cursor_write(&to, src[i].iov_base, part);
		len -= part;
	}
	for (const struct iovec *piece = room.pieces; ring->log && piece < to.piece; piece++)
		queue_mark_dirty(queue, ring, piece->iov_base, piece->iov_len);
	if (ring->log && to.offset > 0)
		queue_mark_dirty(queue, ring, to.piece->iov_base, to.offset);

	for (unsigned i = 0; i < room.n_chains; i++) {
		uint32_t part = room.chains[i].bytes < left ? (uint32_t)room.chains[i].bytes : left;

		split_use(ring, room.used++, room.chains[i].head, part);
		left -= part;
	}
	queue->next_avail = room.avail;
	queue->next_used = room.used;
	return 0;
}

/* Write header and frame to @host, where there is room. */
static inline void write_frame(uint8_t *host, const struct virtio_net_hdr_v1 *hdr,
			       const struct iovec *src, unsigned n_src, uint32_t len)
{
	memcpy(host, hdr, QUEUE_HEADER);
	host += QUEUE_HEADER;
	for (unsigned i = 0; i < n_src && len > 0; i++) {
		uint32_t part = src[i].iov_len < len ? (uint32_t)src[i].iov_len : len;

		copy_bytes(host, src[i].iov_base, part);
		host += part;
		len -= part;
	}
}

void vhost_queue_begin(struct vhost_queue *queue)
{
	queue_lock(queue);
	const struct ring *ring = queue_ring(queue);
	queue->burst = ring;
	/* Once a burst, even if buffers are left from the last: a broken ring is noticed soon. */
	if (ring && !queue_is_broken(queue))
		split_waiting(queue, ring);
}

static int put_frame(struct vhost_queue *queue, const struct ring *ring,
		     const struct vhost_put *put)
{
	struct virtio_net_hdr_v1 hdr = *put->hdr;

	if (!ring || queue_is_broken(queue))
		return -EIO;
	if (put->len > VHOST_FRAME_MAX)
		return -EMSGSIZE;
	uint32_t need = QUEUE_HEADER + put->len;
	if (queue->next_avail == queue->avail_seen && split_waiting(queue, ring) == 0)
		return queue_is_broken(queue) ? -EIO : -ENOBUFS;

	uint16_t head = split_head(ring, queue->next_avail);
	if (head >= ring->size) {
		queue_break(queue, ring);
		return -EIO;
	}
	struct desc desc = desc_load(&ring->desc[head]);
	uint8_t *host = desc_single(ring, &queue->hint, desc, DESC_WRITE);
	if (!host || desc.len < need)
		return put_room(queue, ring, hdr, put->src, put->n_src, put->len);

	hdr.num_buffers = htole16(1);
	write_frame(host, &hdr, put->src, put->n_src, put->len);
	if (__builtin_expect(ring->log != NULL, 0))
		queue_mark_dirty(queue, ring, host, need);
	split_use(ring, queue->next_used, head, need);
	queue->next_avail++;
	queue->next_used++;
	return 0;
}

void vhost_queue_put(struct vhost_queue *queue, struct vhost_put *puts, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		puts[i].error = (int16_t)put_frame(queue, queue->burst, &puts[i]);
}

void vhost_queue_end(struct vhost_queue *queue)
{
	const struct ring *ring = queue->burst;
	bool call = ring && split_publish(queue, ring);

	queue->burst = NULL;
	queue_unlock(queue);
	/* Not under the lock: a system call. The ring lasts until the worker's quiescent point. */
	if (call)
		queue_call(ring);
}
