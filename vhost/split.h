/*
 * split - the split virtqueue (virtio 1.3, 2.7): where indices and used elements
 * lie, and when which side is notified.
 *
 * Inline, because it is the innermost loop of the switch. Everything here works on
 * one queue and the ring that its burst found. A used element is written where it
 * belongs as soon as its chain is taken or filled; the guest does not look there
 * before the index is published, once a burst.
 */
#ifndef VHOST_SPLIT_H
#define VHOST_SPLIT_H

#include "vhost/queue.h"

enum {
	SPLIT_AVAIL_NO_INTERRUPT = 1, /* virtio 1.3, 2.7.7 */
	SPLIT_USED_NO_NOTIFY = 1,     /* virtio 1.3, 2.7.10 */
};

/* The used event of the guest: call me when you use this one (virtio 1.3, 2.7.7.2). */
static inline const struct guest16 *split_used_event(const struct ring *ring)
{
	return &ring->avail->heads[ring->size];
}

static inline struct guest16 *split_avail_event(const struct ring *ring)
{
	return (struct guest16 *)&ring->used->elements[ring->size];
}

/* Bytes of the rings (virtio 1.3, 2.7), the event fields included. */
static inline uint64_t split_avail_bytes(unsigned size)
{
	return sizeof(struct guest_avail) + sizeof(struct guest16) * ((uint64_t)size + 1);
}

static inline uint64_t split_used_bytes(unsigned size)
{
	return sizeof(struct guest_used) + 8 * (uint64_t)size + sizeof(struct guest16);
}

/* The guest cannot be further ahead of us than the ring is long. */
static inline bool split_is_possible(const struct ring *ring, uint16_t avail, uint16_t used)
{
	return (uint16_t)(avail - used) <= ring->size;
}

/*
 * How many chains wait? The guest's index is loaded once; what it covers may be
 * read then. An index further ahead than the ring is long breaks the queue, and
 * nothing waits in a broken one.
 */
static inline unsigned split_waiting(struct vhost_queue *queue, const struct ring *ring)
{
	/* Acquire: heads and descriptors were written before the index. */
	uint16_t idx = guest_load16_acquire(&ring->avail->idx);

	if (__builtin_expect(!split_is_possible(ring, idx, queue->next_avail), 0)) {
		queue_break(queue, ring);
		return 0;
	}
	queue->avail_seen = idx;
	return (uint16_t)(idx - queue->next_avail);
}

static inline bool split_pending(const struct vhost_queue *queue, const struct ring *ring)
{
	return guest_load16(&ring->avail->idx) != queue->next_avail;
}

/* The head at place @at of the available ring; unchecked. */
static inline uint16_t split_head(const struct ring *ring, uint16_t at)
{
	return guest_load16(&ring->avail->heads[at & (ring->size - 1)]);
}

/* Fill the used element at @at of a ring whose size is @mask + 1. */
static inline void split_use(struct guest_used *used, unsigned mask, uint16_t at, uint16_t head,
			     uint32_t len)
{
	guest_store64(&used->elements[at & mask], head | (uint64_t)len << 32);
}

/* Was @event passed by a step from @old to @now? (virtio 1.3, 2.7.7.2) */
static inline bool split_event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static inline void split_mark_used(struct vhost_queue *queue, const struct ring *ring)
{
	unsigned slot = queue->published & (ring->size - 1U);
	unsigned n = (uint16_t)(queue->next_used - queue->published);
	unsigned straight = ring->size - slot < n ? ring->size - slot : n;

	dirty_mark(ring->log, &queue->dirty, ring->log_used + 4 + 8 * (uint64_t)slot,
		   8 * (uint64_t)straight);
	dirty_mark(ring->log, &queue->dirty, ring->log_used + 4, 8 * (uint64_t)(n - straight));
	dirty_flush(ring->log, &queue->dirty);
}

/* Log a write to the index or the event field, after it was done. */
static inline void split_mark_field(struct vhost_queue *queue, const struct ring *ring,
				    const struct guest16 *field)
{
	uint64_t offset = (uint64_t)((const char *)field - (const char *)ring->used);

	dirty_mark(ring->log, &queue->dirty, ring->log_used + offset, sizeof(*field));
	dirty_flush(ring->log, &queue->dirty);
}

/*
 * Let the guest see the used index. Release: the elements, and all that was read
 * from or written to their buffers, come before.
 */
static inline void split_show(struct vhost_queue *queue, const struct ring *ring)
{
	guest_store16_release(&ring->used->idx, queue->published);
	if (__builtin_expect(ring->log != NULL, 0))
		split_mark_field(queue, ring, &ring->used->idx);
}

/* Does the guest want to be called for what was just published? */
static inline bool split_wants_call(struct vhost_queue *queue, const struct ring *ring,
				    uint16_t now, uint16_t old)
{
	bool first = !queue->called;

	queue->called = true;
	if (ring->call_fd < 0)
		return false;
	if (ring->event_idx)
		return first || split_event_passed(guest_load16(split_used_event(ring)), now, old);
	return !(guest_load16(&ring->avail->flags) & SPLIT_AVAIL_NO_INTERRUPT);
}

/* Give the guest all used elements of the burst. True: then call it. */
static inline bool split_publish(struct vhost_queue *queue, const struct ring *ring)
{
	uint16_t old = queue->published, now = queue->next_used;

	if (old == now)
		return false;
	if (__builtin_expect(ring->log != NULL, 0))
		split_mark_used(queue, ring);
	queue->published = now;
	split_show(queue, ring);
	/* The guest asks for a call, then looks at the index once more: publish before looking. */
	guest_fence();
	if (!split_wants_call(queue, ring, now, old))
		return false;
	queue_count(&queue->calls);
	return true;
}

/* Ask for a kick with the next chain. True: there is one already. */
static inline bool split_arm(struct vhost_queue *queue, const struct ring *ring)
{
	struct guest16 *field = ring->event_idx ? split_avail_event(ring) : &ring->used->flags;

	guest_store16(field, ring->event_idx ? queue->next_avail : 0);
	if (ring->log)
		split_mark_field(queue, ring, field);
	/* The guest writes its index, then looks whether we sleep: ask before looking. */
	guest_fence();
	return split_pending(queue, ring);
}

/*
 * No kicks, please. With the event index nothing is to be done: the guest kicks
 * once when it passes the place that split_arm() left, and then not for long.
 */
static inline void split_disarm(struct vhost_queue *queue, const struct ring *ring)
{
	if (ring->event_idx)
		return;
	guest_store16(&ring->used->flags, SPLIT_USED_NO_NOTIFY);
	if (ring->log)
		split_mark_field(queue, ring, &ring->used->flags);
}

#endif
