/*
 * compare - Sluice and other switches under the same traffic, by turns (turn.h).
 *
 * Only windows of the same placement are compared.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/turn.h"
#include "bench/workload.h"

enum { COMPARE_KINDS = 13 };

extern const struct contender_kind *const compare_kinds[COMPARE_KINDS];

struct compare {
	const struct options *options;
	struct place place;
	struct turn turns[COMPARE_KINDS];
	unsigned n_turns;
	bool failed; /* one did not start: its logs are of use */
	struct turn_cell cells[WORKLOAD__COUNT][COMPARE_KINDS];
};

/*
 * Start what is found of the switches that the options name, into a folder of its
 * own. 0, or -errno, said on stderr; -ENOENT: none was. compare_destroy() is due then as well.
 */
int compare_create(struct compare *compare, const struct options *options);
void compare_destroy(struct compare *compare);

/* Measure all workloads that the options name. False: interrupted. */
bool compare_run(struct compare *compare);

/* Whose turn is @kind's? -1: none. */
int compare_find(const struct compare *compare, const struct contender_kind *kind);

/* Was this word (a switch, a workload) chosen by the list @words of the options? NULL chooses all. */
bool compare_chooses(const char *words, const char *word);

#endif
