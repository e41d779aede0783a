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
 * Meet the switch at the sockets @paths; or, if there are no @n_paths, start the one that
 * the options name (Sluice). 0 or -errno, said on stderr.
 */
int subject_create(struct subject *subject, struct options *options, int n_paths,
		   char *const *paths);
void subject_destroy(struct subject *subject);

/* Its name for titles. */
const char *subject_title(const struct subject *subject);

#endif
