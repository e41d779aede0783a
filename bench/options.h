/*
 * options - what all commands of sluice-bench understand, in one place.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/pair.h"

struct options {
	struct pair_options pair;
	struct stream_options stream;
	bool both;
	bool json;
	int cpu;	/* of the generator */
	double seconds; /* of a window */
	unsigned windows;
	double warmup_s;
	double rate_pps; /* 0: all that it can */
	unsigned count;	 /* wake: how often */
	unsigned gap_ms; /* wake: how long the switch is left alone before */
	int pid;	 /* wake: whose idle load; 0: nobody's */
};

/*
 * Parse what follows the command. The number of arguments that are no options,
 * which stand at the end of @argv then, or -EINVAL, said on stderr.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

extern const char options_usage[];

/* Progress for whoever watches: one line on a terminal, else nothing. NULL clears it. */
void options_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
