/*
 * driver - see driver.h.
 */
#include "bench/driver.h"

#include <errno.h>
#include <unistd.h>

void driver_kick(struct driver_ring *ring)
{
	uint64_t one = 1;

	ring->kicks++;
	/* A full counter is a kick that was not yet seen: as good as another. */
	if (write(ring->kick, &one, sizeof(one)) < 0 && errno != EAGAIN)
		ring->broken = true;
}

/*
 * IN_ORDER: the place of the next chain names the last chain of those that were
 * used (virtio 1.3, 2.8.9), and nothing ever moved: place and descriptor are one.
 */
static void reclaim_in_order(struct driver_ring *ring)
{
	while (ring->taken != ring->published && driver_was_used(ring, ring->taken)) {
		unsigned place = driver_place(ring, ring->taken);
		uint16_t n = (uint16_t)(((ring->packed[place].id - place) & (ring->size - 1U)) + 1);

		if (n > (uint16_t)(ring->published - ring->taken)) {
			ring->broken = true;
			return;
		}
		ring->taken = (uint16_t)(ring->taken + n);
	}
}

void driver_reclaim(struct driver_ring *ring)
{
	uint16_t n, id;
	uint32_t len;

	if (ring->in_order && ring->packed) {
		reclaim_in_order(ring);
		return;
	}
	n = driver_used(ring);
	if (n > (uint16_t)(ring->published - ring->taken)) {
		ring->broken = true;
	} else if (ring->in_order) {
		/* Elements of a split ring may be missing, its index counts them all (2.7.9). */
		ring->taken = (uint16_t)(ring->taken + n);
	} else {
		for (; n > 0 && driver_look(ring, 0, &id, &len); n--)
			driver_take(ring, id);
	}
}
