/*
 * subject - the one switch that a command measures: at two sockets that the user names,
 * or started for the purpose.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "bench/contender.h"
#include "bench/options.h"

struct subject {
	bool started; /* by us */
	struct place place;
	struct contender contender;
	struct pair pair;
};

/*
 * Meet the switch at the two sockets @paths; or, if they are NULL, start the one that
 * the options name (Sluice). 0 or -errno, said on stderr.
 */
int subject_create(struct subject *subject, struct options *options, char *const *paths);
void subject_destroy(struct subject *subject);

/*
 * Processor time that it took until now, in ns: of all its processes if we started it, else of
 * the one that the options name. 0: nobody knows.
 */
uint64_t subject_cpu_ns(const struct subject *subject, const struct options *options);

#endif
