/*
 * guest_packed - see guest_packed.h.
 */
#include "tests/lib/guest_packed.h"

#include <linux/virtio_config.h>
#include <string.h>

#include "tests/lib/check.h"

enum {
	WRAP = 1 << VRING_PACKED_EVENT_F_WRAP_CTR,
	AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	USED = 1 << VRING_PACKED_DESC_F_USED,
};

static unsigned place(uint16_t at)
{
	return at & (WRAP - 1U);
}

static uint16_t step(const struct guest_ring *ring, uint16_t at, unsigned by)
{
	unsigned to = place(at) + by;

	return to < ring->size ? (uint16_t)(at + by) : (uint16_t)((at ^ WRAP) + by - ring->size);
}

static struct vring_packed_desc *slot(const struct guest_ring *ring, uint16_t at)
{
	return (struct vring_packed_desc *)(void *)&ring->desc[place(at)];
}

static struct vring_packed_desc_event *driver_event(struct guest_ring *ring)
{
	return (void *)ring->avail;
}

static struct vring_packed_desc_event *device_event(struct guest_ring *ring)
{
	return (void *)ring->used;
}

void guest_packed_reset(struct guest_ring *ring)
{
	ring->avail_at = ring->shown_at = ring->used_at = GUEST_PACKED_START;
}

void guest_packed_add(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n,
		      uint16_t id)
{
	uint16_t first = ring->avail_at;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t at = step(ring, first, i);
		uint16_t flags = (uint16_t)(descs[i].flags | (at & WRAP ? AVAIL : USED));

		/* one by one, for another thread of the test may change them meanwhile */
		__atomic_store_n(&slot(ring, at)->addr, descs[i].addr, __ATOMIC_RELAXED);
		__atomic_store_n(&slot(ring, at)->len, descs[i].len, __ATOMIC_RELAXED);
		__atomic_store_n(&slot(ring, at)->id, id, __ATOMIC_RELAXED);
		/* the device looks at the first that was not shown yet */
		if (at == ring->shown_at)
			ring->first_flags = flags;
		else
			__atomic_store_n(&slot(ring, at)->flags, flags, __ATOMIC_RELAXED);
	}
	ring->avail_at = step(ring, first, n);
}

bool guest_packed_publish(struct guest_ring *ring)
{
	uint16_t from = ring->shown_at;
	uint32_t event;

	/* Release: the device that sees the flags sees all descriptors. */
	__atomic_store_n(&slot(ring, from)->flags, ring->first_flags, __ATOMIC_RELEASE);
	ring->shown_at = ring->avail_at;
	/* The flags must be visible before we read whether a kick is wanted, or both sides sleep. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = __atomic_load_n((uint32_t *)(void *)device_event(ring), __ATOMIC_RELAXED);
	if (event >> 16 != VRING_PACKED_EVENT_FLAG_DESC)
		return event >> 16 == VRING_PACKED_EVENT_FLAG_ENABLE;
	for (uint16_t at = from; at != ring->shown_at; at = step(ring, at, 1))
		if (at == (uint16_t)event)
			return true;
	return false;
}

static bool is_used(const struct guest_ring *ring, uint16_t at)
{
	/* Acquire: what the device wrote before the flags is visible behind them. */
	uint16_t flags = __atomic_load_n(&slot(ring, at)->flags, __ATOMIC_ACQUIRE);

	return (flags & (AVAIL | USED)) == (at & WRAP ? AVAIL | USED : 0);
}

bool guest_packed_all_used(const struct guest_ring *ring)
{
	uint16_t at = ring->used_at;

	/* each: of a burst, the device stores the first one last */
	while (at != ring->shown_at && is_used(ring, at))
		at = step(ring, at, 1);
	return at == ring->shown_at;
}

bool guest_packed_pending(const struct guest_ring *ring)
{
	return is_used(ring, ring->used_at);
}

uint16_t guest_packed_position(const struct guest_ring *ring)
{
	uint16_t at = ring->used_at, taken = ring->used_idx;

	while (taken != ring->shown_idx && (ring->in_batch || is_used(ring, at))) {
		uint16_t id = ring->in_batch ? ring->batch : slot(ring, at)->id;

		/* all up to this one, or it alone */
		while (ring->in_order && ring->order[taken % ring->size] != id)
			at = step(ring, at, ring->count[ring->order[taken++ % ring->size]]);
		at = step(ring, at, ring->count[id]);
		taken++;
		if (ring->in_batch)
			break;
	}
	return at;
}

struct vring_used_elem guest_packed_used(const struct guest_ring *ring)
{
	const struct vring_packed_desc *used = slot(ring, ring->used_at);

	return (struct vring_used_elem){used->id, used->len};
}

void guest_packed_pass(struct guest_ring *ring, unsigned n)
{
	ring->used_at = step(ring, ring->used_at, n);
}

void guest_packed_arm(struct guest_ring *ring)
{
	uint32_t flags =
		ring->event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE;

	__atomic_store_n((uint32_t *)(void *)driver_event(ring), ring->used_at | flags << 16,
			 __ATOMIC_RELAXED);
}

void guest_packed_disarm(struct guest_ring *ring)
{
	__atomic_store_n((uint32_t *)(void *)driver_event(ring),
			 (uint32_t)VRING_PACKED_EVENT_FLAG_DISABLE << 16, __ATOMIC_RELAXED);
}
