/*
 * scale - what size costs: a Sluice of each size of a sweep, by turns (turn.h).
 */
#ifndef BENCH_SCALE_H
#define BENCH_SCALE_H

#include "bench/sweep.h"
#include "bench/turn.h"

struct scale_sweep {
	bool done;
	struct turn_cell cells[SWEEP_POINTS];
	double idle[SWEEP_POINTS];	   /* of `ports`: processors used while nothing is sent */
	uint64_t memory_kib[SWEEP_POINTS]; /* of all sweeps: of both processes (child.h) */
};

struct scale {
	const struct options *options;
	struct place place;
	struct scale_sweep sweeps[SWEEPS];
};

/* Measure one sweep. 0 or -errno, said on stderr. */
int scale_run(struct scale *scale, unsigned number);

/* The speed at a point, and as a part of the first point's; 0: not measured at that placement. */
double scale_mpps(const struct scale *scale, unsigned number, unsigned point,
		  enum placement placement);
double scale_part(const struct scale *scale, unsigned number, unsigned point,
		  enum placement placement);

#endif
