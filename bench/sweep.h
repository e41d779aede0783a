/*
 * sweep - one size of a Sluice after another: which sizes, and with which document and traffic.
 */
#ifndef BENCH_SWEEP_H
#define BENCH_SWEEP_H

#include <stdio.h>

#include "bench/stream.h"

enum { SWEEP_POINTS = 5, SWEEPS = 9 };

struct sweep {
	const char *name; /* one word */
	const char *title;
	unsigned sizes
		[SWEEP_POINTS]; /* the first is what the others are compared with; 0: no more */
	/* What is meant to hold at the size @bar, of the first one's speed or in itself; 0: nothing. */
	unsigned bar;
	double keeps;
	double mpps;
	void (*write)(FILE *to, unsigned size);			     /* the document's tenants */
	void (*shape)(struct stream_options *stream, unsigned size); /* NULL: 64 B, 1 flow */
	void (*warm)(struct stream_options *stream, unsigned size);  /* what goes before; or NULL */
	bool ports; /* the size is that of the ports, of which all but two have idle guests */
};

extern const struct sweep sweeps[SWEEPS];

/* How many sizes there are. */
unsigned sweep_points(const struct sweep *sweep);

/* The whole document of that size. 0 or -errno. */
int sweep_write(const struct sweep *sweep, unsigned size, const char *path);

#endif
