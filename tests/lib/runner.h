/*
 * runner - runs tests by name, each in a process and process group of its own.
 *
 * A test fails by a failed check, by crashing, or by its time limit; whatever
 * it started dies with it. Output is TAP (testanything.org), so that the build
 * system counts tests, not programs.
 *
 *	program [--list] [--soak] [NAME...]	NAME: a part of a test's name
 */
#ifndef TESTS_LIB_RUNNER_H
#define TESTS_LIB_RUNNER_H

#include <stdbool.h>

struct scene; /* what a test is given; the runner does not look into it */

struct runner_test {
	const char *name;
	void (*run)(struct scene *scene);
	const char *skip; /* why it is not run, or NULL */
	unsigned limit_s; /* 0: RUNNER_LIMIT_S */
	unsigned workers; /* of the data plane; 0: 1 */
	unsigned fds;	  /* that the data plane may have; 0: as many as everybody */
	bool one_layout;  /* chooses the layout of its rings itself */
	bool packed;	  /* set by scene_main() */
};

enum { RUNNER_LIMIT_S = 30 };

/* Runs what the arguments ask for, each by @play; the exit status for main(). */
int runner_main(int argc, char **argv, const struct runner_test *tests, unsigned n_tests,
		void (*play)(const struct runner_test *test));

/* How long or how often: the everyday amount, or the one for `--soak`. */
unsigned runner_amount(unsigned everyday, unsigned soak);

#endif
