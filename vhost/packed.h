/*
 * packed - the packed virtqueue (virtio 1.3, 2.8): who owns which place, and when
 * which side is notified.
 *
 * One ring holds what is available and what is used; two bits of each descriptor,
 * read together with a counter that flips at each lap, tell which. A place and its
 * wrap counter are one number here (the counter on top), which is also how
 * VRING_BASE and the event areas have them.
 *
 * Inline like split.h, its counterpart. A used element overwrites a descriptor that
 * was taken, so it may be stored as soon as that is loaded; the guest looks at the
 * first place only, and the element there is stored last, once a burst.
 */
#ifndef VHOST_PACKED_H
#define VHOST_PACKED_H

#include "vhost/queue.h"

enum {
	PACKED_WRITTEN = 1 << 1, /* of a used element: its buffer was written to */
	PACKED_AVAIL = 1 << 7,
	PACKED_USED = 1 << 15,

	PACKED_WRAP = 1 << 15, /* of a position: the wrap counter */
	PACKED_PLACE = PACKED_WRAP - 1,

	PACKED_START = PACKED_WRAP, /* where a ring begins (virtio 1.3, 2.8.1) */

	/* what an event area wants (virtio 1.3, 2.8.14), in its upper half */
	PACKED_EVENT_ALL = 0,
	PACKED_EVENT_NONE = 1,
	PACKED_EVENT_AT = 2, /* the position in its lower half */
};

static inline unsigned packed_place(uint16_t at)
{
	return at & PACKED_PLACE;
}

/* The position @by places behind @at in a ring of @size, which is the most that it may be. */
static inline uint16_t packed_step(unsigned size, uint16_t at, unsigned by)
{
	if (packed_place(at) + by < size)
		return (uint16_t)(at + by);
	return (uint16_t)((at ^ PACKED_WRAP) + by - size);
}

/* Do the flags of a descriptor at @at say that it waits? (virtio 1.3, 2.8.1) */
static inline bool packed_is_available(uint16_t flags, uint16_t at)
{
	unsigned want = at & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED;

	return (flags & (PACKED_AVAIL | PACKED_USED)) == want;
}

/*
 * Length, id and flags at @at. Acquire, for all of the chain was written before the
 * flags of its first descriptor.
 */
static inline uint64_t packed_load(const struct ring *ring, uint16_t at)
{
	return guest_load_word_acquire(&ring->slots[packed_place(at)].rest);
}

static inline bool packed_pending(const struct vhost_queue *queue, const struct ring *ring)
{
	return packed_is_available((uint16_t)(packed_load(ring, queue->next_avail) >> 48),
				   queue->next_avail);
}

/* The used element of the buffer @id, at @at (virtio 1.3, 2.8.6). */
static inline uint64_t packed_used(uint16_t at, uint16_t id, uint32_t len)
{
	unsigned flags = (at & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0) |
			 (len > 0 ? PACKED_WRITTEN : 0);

	return len | (uint64_t)id << 32 | (uint64_t)flags << 48;
}

/* Log the writes to the places from @from to before @to. */
static inline void packed_mark_used(struct vhost_queue *queue, const struct ring *ring,
				    uint16_t from, uint16_t to)
{
	const uint64_t bytes = sizeof(struct guest_slot);
	uint64_t start = packed_place(from), end = packed_place(to);

	if ((from ^ to) & PACKED_WRAP) {
		dirty_mark(ring->log, &queue->dirty, ring->log_desc, bytes * end);
		end = ring->size;
	}
	dirty_mark(ring->log, &queue->dirty, ring->log_desc + bytes * start, bytes * (end - start));
	dirty_flush(ring->log, &queue->dirty);
}

/* Was the position @event passed by a step from @old to @now? (virtio 1.3, 2.8.14) */
static inline bool packed_event_passed(const struct ring *ring, uint16_t event, uint16_t now,
				       uint16_t old)
{
	unsigned end = packed_place(now), size = ring->size;
	/* Counted from the beginning of the lap that @now is in, one lap further. */
	unsigned from = packed_place(old) + ((old ^ now) & PACKED_WRAP ? 0 : size);
	unsigned at = packed_place(event) + ((event ^ now) & PACKED_WRAP ? 0 : size);

	return at >= from && at < end + size;
}

/* Does the guest want to be called for what was just published? */
static inline bool packed_wants_call(struct vhost_queue *queue, const struct ring *ring,
				     uint16_t now, uint16_t old)
{
	bool first = !queue->called;

	queue->called = true;
	if (ring->call_fd < 0)
		return false;
	uint32_t event = guest_load32(ring->driver_event);
	switch (event >> 16 & 3) {
	case PACKED_EVENT_NONE: return false;
	case PACKED_EVENT_AT:
		return !ring->event_idx || first ||
		       packed_event_passed(ring, (uint16_t)event, now, old);
	default: return true;
	}
}

/* Give the guest all used elements of the burst. True: then call it. */
static inline bool packed_publish(struct vhost_queue *queue, const struct ring *ring)
{
	uint16_t old = queue->published, now = queue->next_used;

	if (old == now)
		return false;
	if (__builtin_expect(ring->log != NULL, 0))
		dirty_flush(ring->log, &queue->dirty);
	queue->published = now;
	/* Release: the other elements, and all that was done with the buffers, come before. */
	guest_store_word_release(&ring->slots[packed_place(old)].rest, queue->first_used);
	if (__builtin_expect(ring->log != NULL, 0))
		packed_mark_used(queue, ring, old, now);
	/* The guest asks for a call, then looks at the ring once more: publish before looking. */
	guest_fence();
	if (!packed_wants_call(queue, ring, now, old))
		return false;
	queue_count(&queue->calls);
	return true;
}

static inline void packed_ask(struct vhost_queue *queue, const struct ring *ring, uint32_t event)
{
	guest_store32(ring->device_event, event);
	if (ring->log) {
		dirty_mark(ring->log, &queue->dirty, ring->log_used, sizeof(*ring->device_event));
		dirty_flush(ring->log, &queue->dirty);
	}
}

/* Ask for a kick with the next chain. True: there is one already. */
static inline bool packed_arm(struct vhost_queue *queue, const struct ring *ring)
{
	packed_ask(queue, ring,
		   ring->event_idx ? queue->next_avail | (uint32_t)PACKED_EVENT_AT << 16
				   : (uint32_t)PACKED_EVENT_ALL << 16);
	/* The guest writes a descriptor, then looks whether we sleep: ask before looking. */
	guest_fence();
	return packed_pending(queue, ring);
}

/* No kicks, please; as split_disarm(). */
static inline void packed_disarm(struct vhost_queue *queue, const struct ring *ring)
{
	if (!ring->event_idx)
		packed_ask(queue, ring, (uint32_t)PACKED_EVENT_NONE << 16);
}

/*
 * Where the ring of a guest stands that no back-end is at work on, as far as its
 * descriptors tell; @base, the front-end's word, settles what they leave open. Gives
 * back what a back-end that died in the middle of packed_publish() left.
 */
uint16_t packed_resume(const struct ring *ring, uint16_t base);

#endif
