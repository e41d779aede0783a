/*
 * packed - finds out where a packed ring stands.
 *
 * A split ring has an index that says it; a packed one has not, and a front-end
 * whose back-end died can only say where that began. But the descriptors remember.
 * Their available bits change at one place: there the guest makes the next one
 * available. Before it lie the places that wait, as many as have different bits; what
 * lies before those was given back.
 *
 * Only the first place of a chain, or with IN_ORDER of a batch, is written to when it
 * is given back: the others look as if they waited. Its used element names the buffer,
 * which is named by the last of them too, so their end can be found. Without IN_ORDER,
 * where drivers name buffers in turn, a chain that waits may bear the same name by
 * right; then the front-end's word decides.
 *
 * A guest that forges its ring misleads only itself: each place is loaded by itself,
 * and the result is a position inside of the ring, whatever it says.
 */
#include "vhost/layout.h"

/* Position @by places before @at. */
static uint16_t step_back(const struct ring *ring, uint16_t at, unsigned by)
{
	if (packed_place(at) >= by)
		return (uint16_t)(at - by);
	return (uint16_t)((at ^ PACKED_WRAP) + ring->size - by);
}

static uint16_t flags_at(const struct ring *ring, uint16_t at)
{
	return (uint16_t)(packed_load(ring, at) >> 48);
}

static uint16_t id_at(const struct ring *ring, uint16_t at)
{
	return (uint16_t)(packed_load(ring, at) >> 32);
}

static bool is_used(uint16_t flags)
{
	return !(flags & PACKED_AVAIL) == !(flags & PACKED_USED);
}

/* Where the guest will make the next chain available. */
static uint16_t driver_position(const struct ring *ring)
{
	bool first = flags_at(ring, 0) & PACKED_AVAIL;

	for (unsigned place = 1; place < ring->size; place++)
		if (!(flags_at(ring, (uint16_t)place) & PACKED_AVAIL) == first)
			return (uint16_t)(place | (first ? PACKED_WRAP : 0));
	return first ? 0 : PACKED_WRAP;
}

/*
 * A back-end that died between the elements of a burst and the first of them, which
 * shows them: show them. The length that it would have had is lost, so the guest
 * drops that frame if it was one for it.
 */
static void finish_burst(const struct ring *ring, uint16_t at, unsigned waiting)
{
	for (unsigned n = 1; n <= ring->size - waiting; n++) {
		uint16_t before = step_back(ring, at, n);

		if (!is_used(flags_at(ring, before))) {
			if (n > 1)
				guest_store_word_release(
					&ring->slots[packed_place(before)].rest,
					packed_used(before, id_at(ring, before), 0));
			return;
		}
	}
}

uint16_t packed_resume(const struct ring *ring, uint16_t base)
{
	uint16_t end = driver_position(ring);
	unsigned waiting = 0;

	while (waiting < ring->size && !is_used(flags_at(ring, step_back(ring, end, waiting + 1))))
		waiting++;
	uint16_t at = step_back(ring, end, waiting);
	if (waiting == ring->size)
		return at; /* nothing was ever given back */
	uint16_t given_back = id_at(ring, step_back(ring, at, 1));
	for (unsigned n = 0; n < waiting; n++) {
		uint16_t last = packed_step(ring->size, at, n),
			 next = packed_step(ring->size, at, n + 1);

		if (id_at(ring, last) == given_back && !(flags_at(ring, last) & DESC_NEXT) &&
		    (ring->in_order || base == next))
			return next;
	}
	if (!ring->in_order)
		finish_burst(ring, at, waiting);
	return at;
}
