/*
 * transmit - takes frames from a queue on which the guest transmits.
 *
 * A burst goes through passes, each of which prefetches for the next: the heads,
 * the first descriptors, the frames; and at the end the descriptors of the next
 * burst. What a decision will read (the virtio-net header and the first bytes) is
 * copied to private memory here, once; the rest is only located.
 */
#include "vhost/copy.h"
#include "vhost/layout.h"

enum {
	TRANSMIT_BURST = 64,
};

/*
 * Move @len bytes from the front of the pieces to private memory, and drop those
 * that are empty then.
 */
static void pull(struct iovec **pieces, unsigned *n, void *to, size_t len)
{
	uint8_t *at = to;

	while (len > 0) {
		struct iovec *piece = *pieces;
		size_t part = piece->iov_len < len ? piece->iov_len : len;

		copy_bytes(at, piece->iov_base, part);
		at += part;
		len -= part;
		piece->iov_base = (char *)piece->iov_base + part;
		piece->iov_len -= part;
		if (piece->iov_len == 0) {
			(*pieces)++;
			(*n)--;
		}
	}
}

/* Header, head and tail of @frame from @n pieces with @bytes bytes in all. */
static void frame_fill(struct vhost_frame *frame, struct iovec *pieces, unsigned n, uint32_t bytes,
		       uint16_t head_max)
{
	frame->len = bytes - QUEUE_HEADER;
	frame->head_len = (uint16_t)(frame->len < head_max ? frame->len : head_max);
	frame->fault = 0;
	pull(&pieces, &n, frame_bytes(frame), QUEUE_HEADER + frame->head_len);
	frame->n_tail = (uint16_t)n;
	frame->tail = pieces;
}

/* @n pieces were taken, with @bytes in them. When these are enough, there is room for none more. */
LAYOUT_INLINE void room_use(struct vhost_room *room, unsigned n, uint32_t bytes)
{
	room->pieces += n;
	room->n_pieces -= n;
	if (bytes >= room->n_bytes) {
		room->n_bytes = 0;
		room->n_pieces = 0;
	} else {
		room->n_bytes -= bytes;
	}
}

/* The next frame goes behind the last one. */
LAYOUT_INLINE void room_step(struct vhost_room *room)
{
	room->frames = (struct vhost_frame *)((uint8_t *)room->frames + room->stride);
	room->n_frames--;
}

/* Does the head's buffer hold all of a frame, of a length that can be? */
LAYOUT_INLINE bool is_single(const struct head *head)
{
	return head->host && head_len(head) - QUEUE_HEADER <= VHOST_FRAME_MAX;
}

/* The usual frame: one buffer, in one piece. */
LAYOUT_INLINE void frame_fill_single(const struct head *head, struct vhost_room *room, bool wide)
{
	struct vhost_frame *frame = room->frames;
	uint32_t len = head_len(head) - QUEUE_HEADER;
	uint32_t near = len;

	frame->len = len;
	frame->n_tail = 0;
	frame->tail = room->pieces;
	frame->fault = 0;
	if (len > room->head_max) {
		near = room->head_max;
		frame->n_tail = 1;
		*room->pieces = (struct iovec){head->host + QUEUE_HEADER + near, len - near};
		room_use(room, 1, len - near);
	}
	frame->head_len = (uint16_t)near;
	copy_head(frame_bytes(frame), head->host, QUEUE_HEADER + near, wide);
	room_step(room);
}

/*
 * A frame of more than one piece, or a malformed chain. There is room for the longest.
 * Returns how many places of the ring it takes; 0: nobody can tell, and the queue is
 * broken.
 */
static __attribute__((noinline)) unsigned frame_read(struct vhost_queue *queue,
						     const struct ring *ring, struct head *head,
						     struct vhost_room *room)
{
	struct vhost_frame *frame = room->frames;
	struct chain chain;
	enum chain_fault fault =
		chain_read(ring, &queue->hint, head_desc(head, ring->packed),
			   packed_place(queue->next_avail), 0, room->pieces, &chain);

	if (!ring->packed)
		chain.slots = 1;
	else
		head->id = chain.id;
	if (fault == CHAIN_ENDLESS) {
		queue_break(queue, ring);
		return 0;
	}
	if (!fault && (chain.bytes < QUEUE_HEADER || chain.bytes > QUEUE_HEADER + VHOST_FRAME_MAX))
		fault = CHAIN_MALFORMED;
	room_step(room);
	if (fault) {
		chain_count(queue, fault);
		*frame = (struct vhost_frame){.fault = room->fault};
		return chain.slots;
	}
	frame_fill(frame, room->pieces, chain.n, (uint32_t)chain.bytes, room->head_max);
	room_use(room, chain.n, (uint32_t)chain.bytes);
	return chain.slots;
}

/*
 * What a burst gives back. Chains go back in the order in which they are taken; where
 * the guest knows that (IN_ORDER), one used element of the last says it for all of
 * them (virtio 1.3, 2.7.9 and 2.8.9).
 */
struct batch {
	struct used_run run;
	unsigned slots;
	uint16_t last;
};

/* Take @n chains, or as many as there is room for. False: that was not all of them. */
LAYOUT_INLINE bool take_heads(struct vhost_queue *queue, const struct ring *ring,
			      struct head *heads, unsigned n, struct vhost_room *room,
			      struct batch *batch, bool packed, bool in_order, bool wide)
{
	struct vhost_room left = *room; /* by value: in registers */
	uint16_t at = queue->next_avail;
	bool all = true;

	for (unsigned i = 0; i < n; i++) {
		unsigned slots = 1;

		if (__builtin_expect(is_single(&heads[i]) && left.n_pieces > 0, 1)) {
			frame_fill_single(&heads[i], &left, wide);
		} else {
			queue->next_avail = at;
			*room = left;
			all = left.n_pieces >= VHOST_CHAIN_PIECES_MAX;
			if (all)
				slots = frame_read(queue, ring, &heads[i], room);
			if (!all || slots == 0)
				break;
			left = *room;
		}
		at = layout_step(ring, at, slots, packed);
		if (in_order) {
			batch->slots += slots;
			batch->last = heads[i].id;
		} else {
			used_add(&batch->run, heads[i].id, 0, slots, packed);
		}
	}
	*room = left;
	queue->next_avail = at;
	return all;
}

LAYOUT_INLINE void take(struct vhost_queue *queue, const struct ring *ring, struct vhost_room *room,
			bool packed, bool in_order, bool wide)
{
	struct head heads[TRANSMIT_BURST];
	struct batch batch = {.run = used_begin(queue, ring, packed)};
	bool more;

	do {
		unsigned max = room->n_frames < TRANSMIT_BURST ? room->n_frames : TRANSMIT_BURST;
		unsigned n = layout_heads(queue, ring, max, HEAD_READ, heads, packed);

		/* Packed: behind a chain of several places there may be more. */
		more = packed && n > 0 && (head_desc(&heads[n - 1], packed).flags & DESC_NEXT);
		more &= take_heads(queue, ring, heads, n, room, &batch, packed, in_order, wide);
	} while (more);
	if (batch.slots > ring->size) {
		/* Places offered twice, the first time not given back yet: there is no such step. */
		queue_break(queue, ring);
	} else if (batch.slots > 0) {
		used_add(&batch.run, batch.last, 0, batch.slots, packed);
		if (!packed)
			batch.run.at = queue->next_avail;
	}
	used_end(queue, &batch.run, packed);
	layout_prefetch(queue, ring, TRANSMIT_BURST, packed);
	guest_forget();
}

/* One function for each kind of ring: together they would not get registers enough. */
#define TAKE(name, packed, in_order)                                                               \
	static void name(struct vhost_queue *queue, const struct ring *ring,                       \
			 struct vhost_room *room)                                                  \
	{                                                                                          \
		take(queue, ring, room, packed, in_order, false);                                  \
	}                                                                                          \
	static COPY_WIDE void name##_wide(struct vhost_queue *queue, const struct ring *ring,      \
					  struct vhost_room *room)                                 \
	{                                                                                          \
		take(queue, ring, room, packed, in_order, true);                                   \
	}
TAKE(take_split, false, false)
TAKE(take_split_in_order, false, true)
TAKE(take_packed, true, false)
TAKE(take_packed_in_order, true, true)
#undef TAKE

/* By ring: packed, in order, wide. */
static void (*const takes[2][2][2])(struct vhost_queue *queue, const struct ring *ring,
				    struct vhost_room *room) = {
	{{take_split, take_split_wide}, {take_split_in_order, take_split_in_order_wide}},
	{{take_packed, take_packed_wide}, {take_packed_in_order, take_packed_in_order_wide}},
};

unsigned vhost_queue_take(struct vhost_queue *queue, const struct vhost_room *room)
{
	const struct ring *ring = queue_ring(queue);
	struct vhost_room left = *room;

	if (!ring)
		return 0;
	takes[ring->packed][ring->in_order][ring->wide](queue, ring, &left);
	/* vhost_queue_give_back() goes with this ring, whatever is published meanwhile. */
	queue->burst = left.n_frames < room->n_frames ? ring : NULL;
	return room->n_frames - left.n_frames;
}

void vhost_queue_give_back(struct vhost_queue *queue)
{
	const struct ring *ring = queue->burst;

	if (ring && layout_publish(queue, ring))
		queue_call(ring);
	queue->burst = NULL;
}
