/*
 * guest_packed - the driver's side of a packed ring (virtio 1.3, 2.8): what
 * guest_ring.c calls for rings of this layout.
 *
 * Positions are a place and, on top, the wrap counter, as in event areas. Threads as
 * in guest_ring.h.
 */
#ifndef TESTS_LIB_GUEST_PACKED_H
#define TESTS_LIB_GUEST_PACKED_H

#include "tests/lib/guest_ring.h"

/* Where a ring begins: place 0, wrap counter 1; as a base, both sides. */
enum { GUEST_PACKED_START = 1 << 15 };
#define GUEST_PACKED_BASE UINT32_C(0x80008000)

/* As after a reset. */
void guest_packed_reset(struct guest_ring *ring);

/* Write @n descriptors (`next` says nothing) as the chain @id; shown with the next publish. */
void guest_packed_add(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n,
		      uint16_t id);

/* Show what was added. True: the device wants a kick for it. */
bool guest_packed_publish(struct guest_ring *ring);

/* Were all places used that were shown, each by itself? */
bool guest_packed_all_used(const struct guest_ring *ring);

bool guest_packed_pending(const struct guest_ring *ring);

/* The used element that is pending; and the next one is @n places further. */
struct vring_used_elem guest_packed_used(const struct guest_ring *ring);
void guest_packed_pass(struct guest_ring *ring, unsigned n);

/* Where the device stands, by what it has used, whether that was taken back or not. */
uint16_t guest_packed_position(const struct guest_ring *ring);

/* Ask for a call with the next used element, or for none. */
void guest_packed_arm(struct guest_ring *ring);
void guest_packed_disarm(struct guest_ring *ring);

#endif
