/*
 * workload - what a comparison sends: named traffic, the same for every switch.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "bench/stream.h"

struct workload {
	const char *name; /* one word */
	const char *title;
	struct stream_options stream;
	bool packed; /* over packed rings */
};

enum workload_id {
	WORKLOAD_64 = 0,
	WORKLOAD_64_1K,
	WORKLOAD_64_30K,
	WORKLOAD_1518,
	WORKLOAD_IMIX,
	WORKLOAD_64_PACKED,
	WORKLOAD_1518_PACKED,
	WORKLOAD_TSO,
	WORKLOAD__COUNT,
};

extern const struct workload workloads[WORKLOAD__COUNT];

#endif
