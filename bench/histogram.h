/*
 * histogram - times in nanoseconds, counted in places that are 1.6 % wide.
 *
 * The shape is that of HDR histograms: each power of two is divided into 64
 * places, so that every percentile is known to that precision whatever the range,
 * adding a value is a shift and an increment, and the memory is fixed.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_BITS = 6,			/* 64 places for each power of two */
	HISTOGRAM_POWERS = 42 - HISTOGRAM_BITS, /* up to an hour and more */
	HISTOGRAM_PLACES = (HISTOGRAM_POWERS + 1) << HISTOGRAM_BITS,
};

struct histogram {
	uint64_t count;
	uint64_t max;
	uint64_t places[HISTOGRAM_PLACES];
};

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	unsigned high = 63 - (unsigned)__builtin_clzll(value | 1 << HISTOGRAM_BITS);
	unsigned shift = high - HISTOGRAM_BITS;
	uint64_t place = ((uint64_t)shift << HISTOGRAM_BITS) + (value >> shift);

	if (place >= HISTOGRAM_PLACES)
		place = HISTOGRAM_PLACES - 1;
	histogram->places[place]++;
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
}

/* The value that @percent of all values do not exceed, rounded up to the end of its place; 0 if there is none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
