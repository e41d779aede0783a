/*
 * fuzz - what a fuzz target is, and how it says that something is wrong.
 *
 * A target is one file, fuzz_NAME.c, with one function. Built by clang with
 * -fsanitize=fuzzer-no-link it becomes a libFuzzer program; otherwise replay.c
 * runs its corpus, corpus/NAME, and some noise on top of it. A new target is
 * that file, that folder, and a line in meson.build.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns 0 always (libFuzzer asks for it). */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* What must hold whatever the input was. */
#define fuzz_demand(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/*
 * Many formats have so much that must be right that noise never gets past the
 * first check. Their input is a list of edits to a sound specimen: 2 bytes of
 * offset (modulo @size), 8 bytes of what to write there.
 */
void fuzz_edit(void *specimen, size_t size, const uint8_t *edits, size_t edits_size);

#endif
