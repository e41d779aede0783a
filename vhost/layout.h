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

/* Header and head of @frame, as a guest's ring has them. */
LAYOUT_INLINE uint8_t *frame_bytes(const struct vhost_frame *frame)
{
	return (uint8_t *)(uintptr_t)frame + offsetof(struct vhost_frame, hdr);
}

/* A chain that waits, and what was read of it: its first descriptor. */
struct head {
	/* Where its buffer lies if it is the only one, in one piece, for the right direction. */
	uint8_t *host;
	uint64_t addr; /* set where host is NULL */
	uint64_t rest;
	uint16_t id; /* by which the guest knows it */
};

LAYOUT_INLINE struct desc head_desc(const struct head *head, bool packed)
{
	return packed ? desc_packed(head->addr, head->rest) : desc_split(head->addr, head->rest);
}

LAYOUT_INLINE uint32_t head_len(const struct head *head)
{
	return (uint32_t)head->rest;
}

/* What heads are wanted for. */
enum head_use {
	HEAD_READ,
	HEAD_WRITE,
	HEAD_STREAM, /* to write whole lines past the caches */
};

/* A line that is going to be written to. */
LAYOUT_INLINE void prefetch_for_writing(const uint8_t *line)
{
#if defined(__x86_64__)
	/* The compiler takes the one for reading, unless it may use newer instructions. */
	__asm__ volatile("prefetchw %0" ::"m"(*line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/*
 * Have the first lines of a buffer of @len bytes brought near, as it will be used: of one
 * that is read, what a snapshot takes.
 */
LAYOUT_INLINE void head_prefetch(const uint8_t *host, uint32_t len, enum head_use use)
{
	switch (use) {
	case HEAD_READ:
		__builtin_prefetch(host);
		if (len > QUEUE_LINE)
			__builtin_prefetch(host + QUEUE_LINE);
		if (len > 2 * QUEUE_LINE)
			__builtin_prefetch(host + 2 * QUEUE_LINE);
		break;
	case HEAD_WRITE: prefetch_for_writing(host); break;
	case HEAD_STREAM:
		/* What is written as a whole line, and not through the cache, is better not here. */
		if ((uintptr_t)host % QUEUE_LINE)
			prefetch_for_writing(host);
		break;
	}
}

/*
 * Where the buffer at @addr lies if it can be used as it is, or NULL; @rest is the other
 * word of its descriptor.
 */
LAYOUT_INLINE uint8_t *head_locate(struct vhost_queue *queue, const struct ring *ring,
				   struct memory_window *window, enum head_use use, uint64_t addr,
				   uint64_t rest, bool packed)
{
	const unsigned shift = packed ? 48 : 32; /* of the flags */
	const uint64_t flags = use == HEAD_READ ? 0 : DESC_WRITE;
	const uint64_t mask = (uint64_t)(DESC_NEXT | DESC_WRITE | DESC_INDIRECT) << shift;
	uint8_t *host;

	if (__builtin_expect((rest & mask) != flags << shift, 0))
		return NULL;
	host = memory_window_find(window, addr, (uint32_t)rest);
	if (__builtin_expect(host != NULL, 1))
		return host;
	/* Perhaps in another region: look there first from now on. */
	*window = memory_window_search(ring->memory, &queue->hint, addr);
	return memory_window_find(window, addr, (uint32_t)rest);
}

/* What becomes of the two words of a first descriptor. */
LAYOUT_INLINE void head_fill(struct vhost_queue *queue, const struct ring *ring,
			     struct memory_window *window, enum head_use use, uint64_t addr,
			     uint64_t rest, struct head *head, bool packed)
{
	head->rest = rest;
	head->host = head_locate(queue, ring, window, use, addr, rest, packed);
	if (__builtin_expect(head->host != NULL, 1))
		head_prefetch(head->host, head_len(head), use);
	else
		head->addr = addr;
}

/* Have descriptors of the @n chains from @at on brought near: mostly they are used in turn. */
LAYOUT_INLINE void split_prefetch(const struct ring *ring, uint16_t at, unsigned n)
{
	const unsigned per_line = QUEUE_LINE / sizeof(struct guest_desc);

	for (unsigned i = 0; i < n; i += per_line)
		__builtin_prefetch(&ring->desc[split_head(ring, (uint16_t)(at + i))]);
}

LAYOUT_INLINE unsigned split_heads(struct vhost_queue *queue, const struct ring *ring, unsigned max,
				   enum head_use use, struct head *heads)
{
	struct memory_window window = memory_window(ring->memory, queue->hint);
	const struct guest16 *avail = ring->avail->heads;
	const struct guest_desc *descs = ring->desc;
	const unsigned size = ring->size, at = queue->next_avail;
	unsigned n = split_waiting(queue, ring);

	if (n > max)
		n = max;
	split_prefetch(ring, queue->next_avail, n);
	for (unsigned i = 0; i < n; i++) {
		uint16_t id = guest_load16(&avail[(at + i) & (size - 1)]);

		if (__builtin_expect(id >= size, 0)) {
			queue_break(queue, ring);
			return i;
		}
		heads[i].id = id;
		head_fill(queue, ring, &window, use, guest_load64(&descs[id].addr),
			  guest_load64(&descs[id].rest), &heads[i], false);
	}
	return n;
}

/*
 * Ends behind a chain of several places: where the next one is, only those tell who
 * read all of it.
 */
LAYOUT_INLINE unsigned packed_heads(struct vhost_queue *queue, const struct ring *ring,
				    unsigned max, enum head_use use, struct head *heads)
{
	struct memory_window window = memory_window(ring->memory, queue->hint);
	uint16_t at = queue->next_avail;
	unsigned n;

	for (n = 0; n < max; n++) {
		uint64_t rest = packed_load(ring, at);

		if (!packed_is_available((uint16_t)(rest >> 48), at))
			break;
		heads[n].id = (uint16_t)(rest >> 32);
		head_fill(queue, ring, &window, use,
			  guest_load64(&ring->slots[packed_place(at)].addr), rest, &heads[n], true);
		if (__builtin_expect((rest >> 48 & DESC_NEXT) != 0, 0))
			return n + 1;
		at = packed_step(ring->size, at, 1);
	}
	return n;
}

/*
 * Read the first descriptors of up to @max chains that wait, and have their buffers
 * brought near for @use. How many; each is looked at again if it is not taken.
 * A broken queue has none.
 */
LAYOUT_INLINE unsigned layout_heads(struct vhost_queue *queue, const struct ring *ring,
				    unsigned max, enum head_use use, struct head *heads,
				    bool packed)
{
	if (queue_is_broken(queue))
		return 0;
	return packed ? packed_heads(queue, ring, max, use, heads)
		      : split_heads(queue, ring, max, use, heads);
}

/* The position @by chains of one place each behind @at. */
LAYOUT_INLINE uint16_t layout_step(const struct ring *ring, uint16_t at, unsigned by, bool packed)
{
	return packed ? packed_step(ring->size, at, by) : (uint16_t)(at + by);
}

/*
 * The used elements of a burst, filled one after another: private, so that what is
 * written to guests' memory meanwhile cannot be taken for a change of them.
 */
struct used_run {
	uint16_t at; /* the next one */

	/* split */
	struct guest_used *used;
	uint16_t mask;

	/* packed */
	struct guest_slot *slots;
	uint16_t size;
	uint16_t published;
	uint64_t first;
};

LAYOUT_INLINE struct used_run used_begin(const struct vhost_queue *queue, const struct ring *ring,
					 bool packed)
{
	struct used_run run = {.at = queue->next_used};

	if (packed) {
		run.slots = ring->slots;
		run.size = ring->size;
		run.published = queue->published;
		run.first = queue->first_used;
	} else {
		run.used = ring->used;
		run.mask = (uint16_t)(ring->size - 1);
	}
	return run;
}

/* Give back the chain @id, which took @slots places and of which @len bytes were written. */
LAYOUT_INLINE void used_add(struct used_run *run, uint16_t id, uint32_t len, unsigned slots,
			    bool packed)
{
	if (packed) {
		uint64_t used = packed_used(run->at, id, len);

		/* The guest looks at this one: it is stored when the burst is published. */
		if (run->at == run->published)
			run->first = used;
		else
			guest_store_word(&run->slots[packed_place(run->at)].rest, used);
		run->at = packed_step(run->size, run->at, slots);
	} else {
		split_use(run->used, run->mask, run->at++, id, len);
	}
}

LAYOUT_INLINE void used_end(struct vhost_queue *queue, const struct used_run *run, bool packed)
{
	queue->next_used = run->at;
	if (packed)
		queue->first_used = run->first;
}

/* Have brought near what the next burst will look at first, as far as it is known to wait. */
LAYOUT_INLINE void layout_prefetch(const struct vhost_queue *queue, const struct ring *ring,
				   unsigned burst, bool packed)
{
	const unsigned per_line = QUEUE_LINE / sizeof(struct guest_desc);
	unsigned waiting = (uint16_t)(queue->avail_seen - queue->next_avail);

	if (!packed) {
		split_prefetch(ring, queue->next_avail, waiting < burst ? waiting : burst);
		return;
	}
	for (unsigned i = packed_place(queue->next_avail), n = 0; n < burst && i < ring->size;
	     i += per_line, n += per_line)
		__builtin_prefetch(&ring->slots[i]);
}

/* Give the guest all used elements of the burst. True: then call it. */
static inline bool layout_publish(struct vhost_queue *queue, const struct ring *ring)
{
	return ring->packed ? packed_publish(queue, ring) : split_publish(queue, ring);
}

#endif
