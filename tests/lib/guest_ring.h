/*
 * guest_ring - the driver's side of one virtqueue.
 *
 * Split (virtio 1.3, 2.7) or packed (2.8, guest_packed.h). What the driver must
 * remember it keeps in private memory, so a test may scribble over the ring's own
 * memory and see what the device makes of it: desc, avail and used are plain pointers
 * for that, which a packed ring has too (places, driver event, device event).
 *
 * What a device says is checked where it is read: a head that was not given to
 * it, or more bytes written than there was room for, fails the test.
 *
 * Threads: one ring, one thread.
 */
#ifndef TESTS_LIB_GUEST_RING_H
#define TESTS_LIB_GUEST_RING_H

#include <linux/virtio_ring.h>
#include <stdbool.h>

#include "tests/lib/guest_memory.h"

enum {
	GUEST_RING_INDIRECT_MAX = 64, /* pieces of an indirect chain */
	GUEST_RING_PIECES_MAX = 1024, /* of any other */
};

/* One buffer of a chain. */
struct guest_piece {
	uint64_t gpa;
	uint32_t len;
	bool writable; /* the device writes it */
};

struct guest_ring {
	struct guest_memory *memory;
	uint16_t size;
	bool event_idx;
	bool packed;
	bool in_order;
	bool indirect;	/* chains of two and more pieces go through a table */
	bool forgiving; /* a test broke the rules itself: do not check what comes back */

	uint64_t desc_gpa;
	uint64_t avail_gpa;
	uint64_t used_gpa;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;

	uint64_t tables_gpa; /* one indirect table for each head */
	uint16_t *next;	     /* the descriptor behind each, in a chain or in the free list */
	uint16_t *count;     /* descriptors of the chain that starts here; 0: not given out */
	uint32_t *room;	     /* writable bytes of that chain */
	uint16_t free_head;
	uint16_t n_free;
	uint16_t avail_idx; /* chains added */
	uint16_t shown_idx; /* chains published */
	uint16_t used_idx;  /* chains taken back */

	/* packed: positions, and what is not shown yet of the first chain added */
	uint16_t avail_at;
	uint16_t shown_at;
	uint16_t used_at;
	uint16_t first_flags;

	/* IN_ORDER: one used element may stand for several chains, up to its own */
	uint16_t *order; /* heads as they were added */
	bool in_batch;
	uint16_t batch; /* the last head of the batch */

	int kick; /* eventfds */
	int call;
	int err;
};

/* @size entries (a power of two) in fresh memory; @features as negotiated. */
void guest_ring_create(struct guest_ring *ring, struct guest_memory *memory, uint16_t size,
		       uint64_t features, bool indirect);
void guest_ring_destroy(struct guest_ring *ring);

/* As after a reset: empty, all indices zero. */
void guest_ring_reset(struct guest_ring *ring);

/* Add a chain: its head, or -1 if the ring has no room. The device sees it with the next publish. */
int guest_ring_add(struct guest_ring *ring, const struct guest_piece *pieces, unsigned n_pieces);

/*
 * Add @n descriptors word for word as a test wrote them, where the ring has its
 * next free ones: in them, `next` counts from the first of them (as long as it
 * stays among them). In a packed ring, where each is followed by its neighbour,
 * `next` says nothing. The head.
 */
int guest_ring_add_crafted(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n);

/* Put @head into the next avail entry as it is, without a chain or a check. */
void guest_ring_add_raw(struct guest_ring *ring, uint16_t head);

/* Show all chains added to the device: true if it asks for a kick. And kick it then. */
bool guest_ring_show(struct guest_ring *ring);
void guest_ring_publish(struct guest_ring *ring);
void guest_ring_kick(struct guest_ring *ring);

/* Take back one used chain: its head, or -1. */
int guest_ring_take(struct guest_ring *ring, uint32_t *ret_len);

/*
 * Were all chains used that were shown? Then they are forgotten, whatever the ring
 * says of them: for a test that scribbles there.
 */
bool guest_ring_forget_used(struct guest_ring *ring);

/* Ask for a call with the next used chain; true if one is there already. And: do not ask. */
bool guest_ring_arm(struct guest_ring *ring);
void guest_ring_disarm(struct guest_ring *ring);

/* Wait for used chains by the call eventfd alone; false after @limit_ms. */
bool guest_ring_wait(struct guest_ring *ring, unsigned limit_ms);

/* Read the call eventfd empty. */
void guest_ring_forget_call(struct guest_ring *ring);

/* Are used chains waiting? */
bool guest_ring_pending(const struct guest_ring *ring);

/* Where the device stands, as VRING_BASE has it: in a packed ring, both sides. */
uint32_t guest_ring_base(const struct guest_ring *ring);

/* Chains that the device holds. */
static inline uint16_t guest_ring_held(const struct guest_ring *ring)
{
	return (uint16_t)(ring->avail_idx - ring->used_idx);
}

#endif
