/*
 * noisy - what a guest that floods its switch does to the others on the same worker.
 *
 * A pair of one tenant, the victim, has frames sent at a fixed rate, with and without the
 * flood of a guest of another tenant (flood.h), by turns. Windows in which the machine took a
 * processor away are measured again: what they tell is not about the switch.
 */
#ifndef BENCH_NOISY_H
#define BENCH_NOISY_H

#include "bench/flood.h"
#include "bench/options.h"
#include "bench/place.h"

/* What the victim saw of one flood, at the placement of which there are most windows. */
struct noisy_result {
	enum placement placement;
	unsigned windows;   /* that count */
	unsigned disturbed; /* that do not */
	double flood_pps;   /* steps or frames of the flood a second */
	uint64_t sent;
	uint64_t lost;
	uint64_t wrong;
	double p50_us[2]; /* without the flood, and with it: medians */
	double p99_us[2];
};

enum { NOISY_GROWTH = 3 }; /* how many times as long the 99th percentile may become */

/* No frame lost or wrong, and in time? */
bool noisy_is_met(const struct noisy_result *result);

/*
 * Measure one flood at a Sluice of its own, which is started on the processor of @place.
 * 0 or -errno, said on stderr.
 */
int noisy_measure(const struct options *options, const struct place *place,
		  const struct flood_kind *kind, struct noisy_result *ret_result);

#endif
