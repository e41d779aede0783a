/*
 * histogram - see histogram.h.
 */
#include "bench/histogram.h"

#include <math.h>

/* The largest value that is counted at @place. */
static uint64_t place_end(unsigned place)
{
	unsigned shift = place >> HISTOGRAM_BITS;
	uint64_t value = place - ((uint64_t)shift << HISTOGRAM_BITS);

	/* The first two rows have no shift: every value has a place of its own. */
	if (shift > 0) {
		shift--;
		value += 1 << HISTOGRAM_BITS;
	}
	return ((value + 1) << shift) - 1;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	uint64_t rank = (uint64_t)ceil((double)histogram->count * percent / 100);
	uint64_t below = 0;

	if (histogram->count == 0)
		return 0;
	for (unsigned place = 0; place < HISTOGRAM_PLACES; place++) {
		below += histogram->places[place];
		if (below >= rank && below > 0) {
			uint64_t end = place_end(place);

			return end < histogram->max ? end : histogram->max;
		}
	}
	return histogram->max;
}
