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
	double rate_pps;       /* 0: all that it can */
	unsigned count;	       /* wake: how often */
	unsigned gap_ms;       /* wake: how long the switch is left alone before */
	int pid;	       /* wake: whose idle load; 0: nobody's */
	bool taps;	       /* compare: with devices */
	bool policy;	       /* compare: by rules */
	const char *switches;  /* compare: which, with commas between; NULL: all */
	const char *workloads; /* compare: likewise */
	const char *floods;    /* noisy: likewise */
	const char *sweeps;    /* scale: likewise */
	const char *record;    /* a file for the report in JSON, too; or NULL */
	const char *plot;      /* a file for a picture; or NULL */
};

struct command;

/*
 * Parse what follows the name of the command, which is @argv[0], into options that have the command's
 * defaults. The number of arguments that are no options, which stand at the end of @argv
 * then, or -EINVAL, said on stderr.
 */
int options_parse(int argc, char **argv, const struct command *command,
		  struct options *ret_options);

/* If nobody named the switch's processor: one that is not the generator's. 0 or -errno, said on stderr. */
int options_choose_switch_cpu(struct options *options);

/* The options of a command, for people. */
void options_print(const struct command *command, FILE *to);

/* For completion, a line each: the options of a command; and the words that may follow one of them. */
void options_offer_names(const struct command *command);
void options_offer_words(const struct command *command, const char *option);

/* Write the report to the file that the options name, if they name one, and free it. 0 or -errno, said on stderr. */
int options_record(const struct options *options, json_t *report);

/* Write the report to the standard output, and free it. */
void options_print_json(json_t *report);

/* Progress for whoever watches: one line on a terminal, else nothing. NULL clears it. */
void options_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
