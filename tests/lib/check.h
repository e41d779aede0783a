/*
 * check - what a test says when something is not as it should be.
 *
 * A failed check ends the test's process at once, from whatever thread found
 * it: the runner (runner.h) gives each test a process of its own. The words are
 * for the person who has to find out why, so they name what was expected and
 * what was seen.
 */
#ifndef TESTS_LIB_CHECK_H
#define TESTS_LIB_CHECK_H

#include <stdbool.h>

#define check(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                 \
	} while (0)

_Noreturn void check_failed(const char *file, int line, const char *condition, const char *format,
			    ...) __attribute__((format(printf, 4, 5)));

/* Called before the process ends, to say more ("the data plane died of SIGSEGV"). */
extern void (*check_epilogue)(void);

#endif
