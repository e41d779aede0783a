/*
 * queue - one virtqueue, as the control thread and the workers share it.
 *
 * A queue has two halves. The `ring` is all that the control thread decides:
 * where the ring lies, the memory table and the dirty log, features, the call fd.
 * It is immutable and published by one pointer, which a burst loads once: a
 * change makes another ring, publishes it, waits until the workers are done with
 * the old one, and frees that (vring.c). The rest is where the ring stands, and
 * belongs to whoever works the queue; the control thread reads it when the queue
 * was stopped and the workers passed a quiescent point.
 *
 * How a ring is laid out, split.h and packed.h know; what is the same for both,
 * layout.h; what a frame is, transmit.c and receive.c.
 */
#ifndef VHOST_QUEUE_H
#define VHOST_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost/copier.h"
#include "vhost/dirty.h"
#include "vhost/guest.h"
#include "vhost/memory.h"
#include "vhost/vhost.h"

enum {
	QUEUE_LINE = 64,	/* bytes that cores exchange */
	QUEUE_SIZE_MAX = 32768, /* virtio 1.3, 2.7 */
	QUEUE_HEADER = 12,	/* virtio 1.3, 5.1.6: with VERSION_1 always this long */
};
_Static_assert(QUEUE_HEADER == sizeof(struct virtio_net_hdr_v1), "the header is this long");

/* A descriptor of the guest's (virtio 1.3, 2.7.5 and 2.8.13); desc_load() reads it. */
struct guest_desc {
	struct guest64 addr;
	struct guest64 rest; /* len, flags, next; in a packed ring len, id, flags */
};

/* The same as a place of a packed ring, which we write to as well. */
struct guest_slot {
	struct guest64 addr;
	struct guest_word rest;
};
_Static_assert(sizeof(struct guest_slot) == sizeof(struct guest_desc), "the same bytes");

struct guest_avail {
	struct guest16 flags;
	struct guest16 idx;
	struct guest16 heads[]; /* behind the last one: used_event */
};

struct guest_used {
	struct guest16 flags;
	struct guest16 idx;
	struct guest64 elements[]; /* id and len; behind the last one: avail_event */
};

struct ring {
	const struct guest_desc *desc;
	union {
		struct { /* split */
			struct guest_avail *avail;
			struct guest_used *used;
		};
		struct { /* packed */
			struct guest_slot *slots;
			const struct guest32 *driver_event; /* what the guest wants to hear of */
			struct guest32 *device_event;
		};
	};
	const struct memory *memory;
	const struct dirty_log *log; /* NULL while nobody wants to know */
	uint64_t log_used;	     /* guest-physical address of the used ring or device event */
	uint64_t log_desc;	     /* and of the descriptors */
	uint64_t features;
	uint16_t size; /* of a split ring a power of two */
	bool packed;
	bool in_order;
	bool event_idx;
	bool indirect;
	bool mergeable;
	bool wide;   /* the processor has what COPY_WIDE wants (copy.h) */
	int call_fd; /* -1: the guest polls */
	int err_fd;
};

/*
 * What the front-end asked for: the control thread's. The ring runs when all of
 * it fits together.
 */
struct queue_ask {
	bool started; /* SET_VRING_KICK came, and no GET_VRING_BASE since */
	enum {
		QUEUE_ENABLE_UNSET, /* nobody said: enabled unless there are protocol features */
		QUEUE_DISABLED,
		QUEUE_ENABLED,
	} enable;
	uint16_t size;
	uint16_t base; /* of a packed ring: place and wrap counter, as in packed.h */
	bool resumed;  /* the indices below are those of the ring as it was started */
	bool has_addr;
	struct proto_vring_addr addr;
	int kick_fd;
	int call_fd;
	int err_fd;
};

/* Of vhost_queue.lock. */
enum {
	QUEUE_FREE,
	QUEUE_HELD,
	QUEUE_STUCK, /* held for too long: nobody waits for it any more */
};

struct vhost_queue {
	/* Read by all, written by the control thread. */
	_Atomic(struct ring *) ring; /* NULL while the queue does not run */
	atomic_int kick_fd;
	unsigned index;
	struct queue_ask ask;

	/* Of a receive queue: is it worked? On a line of its own, for the sake of the holder. */
	_Alignas(QUEUE_LINE) atomic_uint lock;

	/* Where the ring stands: the worker's. */
	_Alignas(QUEUE_LINE) const struct ring *burst; /* the ring of the burst that runs */
	/*
	 * Split: indices, which count on for ever. Packed: places with their wrap
	 * counters (packed.h).
	 */
	uint16_t next_avail; /* the next chain to take */
	uint16_t next_used;  /* where the next used element goes */
	uint16_t published;  /* up to here the guest knows */
	uint16_t avail_seen; /* split: the guest's index when it was last looked at */
	uint64_t first_used; /* packed: the used element at `published`, not stored yet */
	unsigned hint;	     /* the region where the last buffer lay */
	bool called; /* the guest was asked about calls; the first burst makes one unasked */
	atomic_bool broken;
	atomic_uint_fast64_t bad_index;
	atomic_uint_fast64_t bad_chain;
	atomic_uint_fast64_t bad_address;
	atomic_uint_fast64_t calls;

	struct copier copier;
	struct dirty_cache dirty;
};

/* Counters have one writer at a time: no locked instruction. */
static inline void queue_count(atomic_uint_fast64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static inline bool queue_is_broken(const struct vhost_queue *queue)
{
	return atomic_load_explicit(&queue->broken, memory_order_relaxed);
}

/* The ring of a burst. Acquire: the control thread filled it in before it published it. */
static inline const struct ring *queue_ring(const struct vhost_queue *queue)
{
	return atomic_load_explicit(&queue->ring, memory_order_acquire);
}

/* A queue that nobody asked anything of yet; NULL when there is no memory. */
struct vhost_queue *queue_create(unsigned index, enum vhost_copy copy);

/* Frees the queue, which does not run, and closes its fds. */
void queue_destroy(struct vhost_queue *queue);

/*
 * Find out where the ring starts: at what it says itself, for what was taken was
 * always given back. The front-end's word (ask.base) is less: after a reconnection
 * some say the available index, and would have frames skipped, others 0 (reference
 * 1.5, 1.7). It counts when the ring cannot be right. False if neither can; the
 * queue is broken then.
 */
bool queue_resume(struct vhost_queue *queue, const struct ring *ring);

/* The guest broke the rules that hold a ring together: work it no more. */
void queue_break(struct vhost_queue *queue, const struct ring *ring);

/* Notify the guest, as layout_publish() said. */
void queue_call(const struct ring *ring);

/* The guest's memory from @host on was written; to be called while ring->log is set. */
void queue_mark_dirty(struct vhost_queue *queue, const struct ring *ring, const void *host,
		      uint64_t len);

#endif
