/*
 * compare - several switches under the same traffic, a window of each in turn.
 *
 * All of them are started, and frozen. For each workload, the windows go round:
 * one switch is thawed, a short window is measured, it is frozen again, and the
 * next one has its turn; every second round goes the other way. So whatever the
 * machine does within seconds, it does to all. Each window knows the distance of
 * the two processors at its time, and only like is compared with like.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "bench/contender.h"
#include "bench/options.h"
#include "bench/workload.h"

enum { COMPARE_KINDS = 4 };

extern const struct contender_kind *const compare_kinds[COMPARE_KINDS];

/* What one switch made of one workload. */
struct compare_cell {
	struct window *windows;
	unsigned n;
	unsigned silent;	 /* windows in which nothing arrived: they stand in no median */
	enum pair_silence cause; /* of the last of them */
};

struct compare {
	const struct options *options;
	struct place place;
	struct contender contenders[COMPARE_KINDS];
	unsigned n_contenders;
	struct pair pairs[COMPARE_KINDS];
	bool connected[COMPARE_KINDS];
	struct compare_cell cells[COMPARE_KINDS][WORKLOAD__COUNT];
};

/*
 * Start what is found of the switches that the options name, into a folder of its
 * own. 0, or -errno, said on stderr; -ENOENT: none was. compare_destroy() is due then as well.
 */
int compare_create(struct compare *compare, const struct options *options);
void compare_destroy(struct compare *compare);

/* Measure all workloads that the options name. False: interrupted. */
bool compare_run(struct compare *compare);

/* Which of the contenders is of @kind? -1: none. */
int compare_find(const struct compare *compare, const struct contender_kind *kind);

/* Was this word (a switch, a workload) chosen by the list @words of the options? NULL chooses all. */
bool compare_chooses(const char *words, const char *word);

#endif
