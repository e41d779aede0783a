/*
 * layout - split and packed rings behind the same verbs.
 *
 * The loops of transmit.c and receive.c are written once, and compiled once per
 * layout: they are given @packed as a constant, and so are all that they call here.
 * A burst asks the ring for its layout once.
 */
#ifndef VHOST_LAYOUT_H
#define VHOST_LAYOUT_H

#include "vhost/chain.h"
#include "vhost/packed.h"
#include "vhost/split.h"

/* With a constant @packed: one copy of the code for each layout. */
#define LAYOUT_INLINE static inline __attribute__((always_inline))

/* A chain that waits, and what was read of it. */
struct head {
	struct desc desc; /* its first descriptor */
	uint16_t id;	  /* by which the guest knows it */
	/* Where its buffer lies if it is the only one, in one piece, for the right direction. */
	uint8_t *host;
};

/*
 * The line at @host will be written (@flags DESC_WRITE) or read: have it brought here.
 */
LAYOUT_INLINE void head_prefetch(const uint8_t *host, unsigned flags)
{
#if defined(__x86_64__)
	/* The compiler takes the plain one for both, unless it may use newer instructions. */
	if (flags & DESC_WRITE)
		__asm__ volatile("prefetchw %0" ::"m"(*host));
	else
		__builtin_prefetch(host);
#else
	if (flags & DESC_WRITE)
		__builtin_prefetch(host, 1);
	else
		__builtin_prefetch(host, 0);
#endif
}

/* What is known of @head when its first descriptor was read. */
LAYOUT_INLINE void head_locate(struct vhost_queue *queue, const struct ring *ring, unsigned flags,
			       struct head *head)
{
	head->host = desc_single(ring, &queue->hint, head->desc, flags);
	if (head->host)
		head_prefetch(head->host, flags);
}

LAYOUT_INLINE unsigned split_heads(struct vhost_queue *queue, const struct ring *ring, unsigned max,
				   unsigned flags, struct head *heads)
{
	unsigned n = split_waiting(queue, ring);

	if (n > max)
		n = max;
	for (unsigned i = 0; i < n; i++) {
		uint16_t id = split_head(ring, (uint16_t)(queue->next_avail + i));

		if (__builtin_expect(id >= ring->size, 0)) {
			queue_break(queue, ring);
			n = i;
			break;
		}
		__builtin_prefetch(&ring->desc[id]);
		heads[i].id = id;
	}
	for (unsigned i = 0; i < n; i++) {
		heads[i].desc = desc_load(&ring->desc[heads[i].id]);
		head_locate(queue, ring, flags, &heads[i]);
	}
	return n;
}

/*
 * Ends behind a chain of several places: where the next one is, only those tell who
 * read all of it.
 */
LAYOUT_INLINE unsigned packed_heads(struct vhost_queue *queue, const struct ring *ring,
				    unsigned max, unsigned flags, struct head *heads)
{
	uint16_t at = queue->next_avail;
	unsigned n;

	for (n = 0; n < max; n++) {
		uint64_t rest = packed_load(ring, at);

		if (!packed_is_available((uint16_t)(rest >> 48), at))
			break;
		heads[n].desc =
			packed_desc(guest_load64(&ring->slots[packed_place(at)].addr), rest);
		heads[n].id = heads[n].desc.next;
		head_locate(queue, ring, flags, &heads[n]);
		if (__builtin_expect(heads[n].desc.flags & DESC_NEXT, 0))
			return n + 1;
		at = packed_step(ring, at, 1);
	}
	return n;
}

/*
 * Read the first descriptors of up to @max chains that wait, and have their buffers
 * (for @flags) brought near. How many; each is looked at again if it is not taken.
 * A broken queue has none.
 */
LAYOUT_INLINE unsigned layout_heads(struct vhost_queue *queue, const struct ring *ring,
				    unsigned max, unsigned flags, struct head *heads, bool packed)
{
	if (queue_is_broken(queue))
		return 0;
	return packed ? packed_heads(queue, ring, max, flags, heads)
		      : split_heads(queue, ring, max, flags, heads);
}

/* The position @by chains of one place each behind @at. */
LAYOUT_INLINE uint16_t layout_step(const struct ring *ring, uint16_t at, unsigned by, bool packed)
{
	return packed ? packed_step(ring, at, by) : (uint16_t)(at + by);
}

/* Fill the next used element: for the chain @id, which took @slots places. */
LAYOUT_INLINE void layout_use(struct vhost_queue *queue, const struct ring *ring, uint16_t id,
			      uint32_t len, unsigned slots, bool packed)
{
	if (packed)
		packed_use(queue, ring, id, len, slots);
	else
		split_use(ring, queue->next_used++, id, len);
}

/* Give the guest all used elements of the burst. True: then call it. */
static inline bool layout_publish(struct vhost_queue *queue, const struct ring *ring)
{
	return ring->packed ? packed_publish(queue, ring) : split_publish(queue, ring);
}

#endif
