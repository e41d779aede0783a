/*
 * driver - the guest's side of a virtqueue, split or packed, as lean as a driver can be.
 *
 * The generator must cost less per frame than the switch that it measures, so
 * this is another ring than the one of the tests (tests/lib/guest_ring.h): every
 * chain is one descriptor that names one buffer for ever, and nothing is allocated
 * or counted per frame. The place where a chain came back is the place where it is
 * made available again, so as long as a switch returns buffers in order nothing but
 * the ring's own words are written:
 *
 * split (virtio 1.3, 2.7): the available ring itself is the list of free
 * descriptors; an entry that was used is read by the device no more.
 * packed (2.8): length, id and flags of a place are one store, the first place of a
 * burst last; the address stands there already.
 *
 * With IN_ORDER a switch may say of many chains that they are used by naming the
 * last. For received frames it must name each, or their lengths are not known.
 *
 * Nothing is assumed about the order otherwise; what a device says is checked as
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

	struct vring_packed_desc *packed;	    /* NULL: the ring is split */
	const struct vring_packed_desc_event *wish; /* of the device, for kicks */
	uint64_t *words;	   /* by descriptor: length, id and the flags that do not change */
	uint16_t *ids;		   /* by place: which descriptor stands there */
	const uint64_t *addresses; /* by descriptor */

	uint8_t **buffers;  /* by descriptor */
	uint16_t size;	    /* a power of two */
	uint16_t filled;    /* chains made ready */
	uint16_t published; /* chains that the device was shown */
	uint16_t taken;	    /* chains taken back */
	bool event_idx;
	bool in_order;
	bool broken; /* the device returned what it never had */
	int kick;
	uint64_t kicks;
};

enum {
	DRIVER_AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	DRIVER_USED = 1 << VRING_PACKED_DESC_F_USED,
	DRIVER_LOOK_MAX = 128, /* of a packed ring, so many places are looked at in one go */
};

static inline unsigned driver_place(const struct driver_ring *ring, uint16_t chain)
{
	return chain & (ring->size - 1U);
}

/* The wrap counter of a packed ring when it comes to @chain (virtio 1.3, 2.8.1): 1 in the first lap. */
static inline bool driver_wrap(const struct driver_ring *ring, uint16_t chain)
{
	return !(chain & ring->size);
}

/* How long the frame in descriptor @id is, header included. */
static inline void driver_set_len(struct driver_ring *ring, uint16_t id, uint32_t len)
{
	if (ring->packed)
		ring->words[id] = (ring->words[id] & ~(uint64_t)UINT32_MAX) | len;
	else
		ring->desc[id].len = len;
}

/* Chains that the driver may fill. */
static inline uint16_t driver_free(const struct driver_ring *ring)
{
	return (uint16_t)(ring->size - (uint16_t)(ring->filled - ring->taken));
}

/* The descriptor to be filled @ahead chains later; there must be so many free ones and one more. */
static inline uint16_t driver_peek(const struct driver_ring *ring, unsigned ahead)
{
	unsigned place = driver_place(ring, (uint16_t)(ring->filled + ahead));

	return ring->packed ? ring->ids[place] : ring->avail->ring[place];
}

/* The descriptor to be filled next; there must be a free one. */
static inline uint16_t driver_next(struct driver_ring *ring)
{
	uint16_t id = driver_peek(ring, 0);

	ring->filled++;
	return id;
}

/* Of a packed ring: was @chain used? */
static inline bool driver_was_used(const struct driver_ring *ring, uint16_t chain)
{
	/* Acquire: the rest of the element and the buffer were written before the flags. */
	uint16_t flags =
		__atomic_load_n(&ring->packed[driver_place(ring, chain)].flags, __ATOMIC_ACQUIRE);

	return (flags & (DRIVER_AVAIL | DRIVER_USED)) ==
	       (driver_wrap(ring, chain) ? DRIVER_AVAIL | DRIVER_USED : 0);
}

/*
 * How many chains were used and not taken back, as far as each was named? What is
 * in them may be read then.
 */
static inline uint16_t driver_used(const struct driver_ring *ring)
{
	uint16_t held = (uint16_t)(ring->published - ring->taken), n = 0;

	/* Acquire: used elements and buffers were written before the index. */
	if (!ring->packed)
		return (uint16_t)(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) -
				  ring->taken);
	while (n < held && n < DRIVER_LOOK_MAX &&
	       driver_was_used(ring, (uint16_t)(ring->taken + n)))
		n++;
	return n;
}

/* The @ahead'th of the used chains; false: the device returned a descriptor that does not exist. */
static inline bool driver_look(struct driver_ring *ring, uint16_t ahead, uint16_t *ret_id,
			       uint32_t *ret_len)
{
	unsigned place = driver_place(ring, (uint16_t)(ring->taken + ahead));
	uint32_t id = ring->packed ? ring->packed[place].id : ring->used->ring[place].id;

	if (__builtin_expect(id >= ring->size, 0)) {
		ring->broken = true;
		return false;
	}
	*ret_id = (uint16_t)id;
	*ret_len = ring->packed ? ring->packed[place].len : ring->used->ring[place].len;
	return true;
}

/* The next used chain, which is descriptor @id, becomes free. */
static inline void driver_take(struct driver_ring *ring, uint16_t id)
{
	unsigned place = driver_place(ring, ring->taken++);

	if (ring->packed) {
		if (__builtin_expect(ring->ids[place] != id, 0)) {
			ring->ids[place] = id;
			ring->packed[place].addr = ring->addresses[id];
		}
	} else if (ring->avail->ring[place] != id) {
		ring->avail->ring[place] = id;
	}
}

/* Take back all used chains, whatever is in them. */
void driver_reclaim(struct driver_ring *ring);

/* Wake the device. */
void driver_kick(struct driver_ring *ring);

/* Make the chains from @from to before @to available. */
static inline void driver_show_packed(struct driver_ring *ring, uint16_t from, uint16_t to)
{
	/* Backwards: the device goes no further than to a place that is not available. */
	while (to != from) {
		unsigned place = driver_place(ring, --to);
		uint64_t flags = driver_wrap(ring, to) ? DRIVER_AVAIL : DRIVER_USED;
		/* A word that is aligned and as long as its half of the descriptor. */
		uint64_t *word = (uint64_t *)(void *)&ring->packed[place].len;

		/* Release: the device that sees the flags sees address and buffer. */
		__atomic_store_n(word, ring->words[ring->ids[place]] | flags << 48,
				 __ATOMIC_RELEASE);
	}
}

/* Does the device ask for a kick when the chains from @old to before @now are available? */
static inline bool driver_is_asked(const struct driver_ring *ring, uint16_t old, uint16_t now)
{
	const volatile __le16 *wish;
	uint16_t event, place;

	if (!ring->packed && ring->event_idx)
		return vring_need_event(
			*(volatile __virtio16 *)(void *)&ring->used->ring[ring->size], now, old);
	if (!ring->packed)
		return !(*(volatile __virtio16 *)&ring->used->flags & VRING_USED_F_NO_NOTIFY);
	wish = &ring->wish->flags;
	if (*wish != VRING_PACKED_EVENT_FLAG_DESC)
		return *wish == VRING_PACKED_EVENT_FLAG_ENABLE;
	event = *(const volatile __le16 *)&ring->wish->off_wrap;
	place = event & (uint16_t) ~(1U << VRING_PACKED_EVENT_F_WRAP_CTR);
	/* Places are compared as if there were one lap: of another lap are those behind us. */
	if (event >> VRING_PACKED_EVENT_F_WRAP_CTR != driver_wrap(ring, now))
		place = (uint16_t)(place - ring->size);
	return vring_need_event(
		place, (uint16_t)driver_place(ring, now),
		(uint16_t)(driver_place(ring, now) - (unsigned)(uint16_t)(now - old)));
}

/* Show the device what was filled, and kick it if it asks for that. */
static inline void driver_publish(struct driver_ring *ring)
{
	uint16_t old = ring->published, now = ring->filled;

	if (old == now)
		return;
	/* Release: the device that sees the index sees entries and buffers behind it. */
	if (ring->packed)
		driver_show_packed(ring, old, now);
	else
		__atomic_store_n(&ring->avail->idx, now, __ATOMIC_RELEASE);
	ring->published = now;
	/* What was shown must be visible before we read whether a kick is wanted, or both sides sleep. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__builtin_expect(driver_is_asked(ring, old, now), 0))
		driver_kick(ring);
}

#endif
