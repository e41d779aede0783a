/*
 * driver - the guest's side of a split virtqueue, as lean as a driver can be.
 *
 * The generator must cost less per frame than the switch that it measures, so
 * this is another ring than the one of the tests (tests/lib/guest_ring.h): every
 * descriptor names one buffer for ever, nothing is allocated or counted per
 * frame, and the available ring itself is the list of free descriptors. An entry
 * of it that was used is read by the device no more, so the descriptor that comes
 * back at place i of the used ring is written to place i of the available ring
 * (virtio 1.3, 2.7.6 and 2.7.8), and as long as a switch returns buffers in order
 * that store is the value that stands there already, and left out.
 *
 * Nothing is assumed about the order of the device; what it says is checked as
 * far as memory safety needs it. Threads: one ring, one thread.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

struct driver_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint8_t **buffers;  /* by descriptor */
	uint16_t size;	    /* a power of two */
	uint16_t filled;    /* chains made ready */
	uint16_t published; /* chains that the device was shown */
	uint16_t taken;	    /* chains taken back */
	bool event_idx;
	bool broken; /* the device returned what it never had */
	int kick;
	uint64_t kicks;
};

/* Chains that the driver may fill. */
static inline uint16_t driver_free(const struct driver_ring *ring)
{
	return (uint16_t)(ring->size - (uint16_t)(ring->filled - ring->taken));
}

/* The descriptor to be filled next; there must be a free one. */
static inline uint16_t driver_next(struct driver_ring *ring)
{
	return ring->avail->ring[ring->filled++ & (ring->size - 1)];
}

/* How many chains were used and not taken back? What is in them may be read then. */
static inline uint16_t driver_used(const struct driver_ring *ring)
{
	/* Acquire: used elements and buffers were written before the index. */
	return (uint16_t)(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) - ring->taken);
}

/* The @ahead'th of the used chains; false: the device returned a descriptor that does not exist. */
static inline bool driver_look(struct driver_ring *ring, uint16_t ahead, uint16_t *ret_id,
			       uint32_t *ret_len)
{
	unsigned place = (uint16_t)(ring->taken + ahead) & (ring->size - 1U);
	uint32_t id = ring->used->ring[place].id;

	if (__builtin_expect(id >= ring->size, 0)) {
		ring->broken = true;
		return false;
	}
	*ret_id = (uint16_t)id;
	*ret_len = ring->used->ring[place].len;
	return true;
}

/* The next used chain, which is descriptor @id, becomes free. */
static inline void driver_take(struct driver_ring *ring, uint16_t id)
{
	__virtio16 *entry = &ring->avail->ring[ring->taken++ & (ring->size - 1)];

	if (*entry != id)
		*entry = id;
}

/* Take back all used chains, whatever is in them. */
static inline void driver_reclaim(struct driver_ring *ring)
{
	uint16_t id;
	uint32_t len;

	for (uint16_t n = driver_used(ring); n > 0 && driver_look(ring, 0, &id, &len); n--)
		driver_take(ring, id);
}

/* Wake the device. */
void driver_kick(struct driver_ring *ring);

/* Show the device what was filled, and kick it if it asks for that. */
static inline void driver_publish(struct driver_ring *ring)
{
	uint16_t old = ring->published, now = ring->filled;
	bool wanted;

	if (old == now)
		return;
	/* Release: the device that sees the index sees entries and buffers behind it. */
	__atomic_store_n(&ring->avail->idx, now, __ATOMIC_RELEASE);
	ring->published = now;
	/* The index must be visible before we read whether a kick is wanted, or both sides sleep. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring->event_idx)
		wanted = vring_need_event(
			*(volatile __virtio16 *)(void *)&ring->used->ring[ring->size], now, old);
	else
		wanted = !(*(volatile __virtio16 *)&ring->used->flags & VRING_USED_F_NO_NOTIFY);
	if (__builtin_expect(wanted, 0))
		driver_kick(ring);
}

#endif
