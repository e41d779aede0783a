/*
 * workload - see workload.h.
 */
#include "bench/workload.h"

const struct workload workloads[WORKLOAD__COUNT] = {
	[WORKLOAD_64] = {"64", "64 B, 1 flow", {.size = 64, .flows = 1}, false},
	[WORKLOAD_64_1K] = {"64-1k", "64 B, 1000 flows", {.size = 64, .flows = 1000}, false},
	[WORKLOAD_64_30K] = {"64-30k", "64 B, 30000 flows", {.size = 64, .flows = 30000}, false},
	[WORKLOAD_1518] = {"1518", "1518 B, 1 flow", {.size = 1518, .flows = 1}, false},
	[WORKLOAD_IMIX] = {"imix", "IMIX, 1 flow", {.size = 0, .flows = 1}, false},
	[WORKLOAD_64_PACKED] = {"64-packed", "64 B, packed ring", {.size = 64, .flows = 1}, true},
	[WORKLOAD_1518_PACKED] = {"1518-packed",
				  "1518 B, packed ring",
				  {.size = 1518, .flows = 1},
				  true},
	[WORKLOAD_TSO] = {"tso",
			  "TSO, 64 KiB",
			  {.size = STREAM_SIZE_TSO, .flows = 1, .tso = true},
			  false},
};
