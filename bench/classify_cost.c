/*
 * classify_cost - what classifiers cost: to compile, to hold and to ask.
 *
 *	classify_cost [--only MIX] [--rules N] [--lookups N]
 *
 * A row for each kind of list and length: the time to compile it, its size,
 * the lines that a lookup reads at most (what `acl show` prints), the time of a
 * lookup over keys at random all over the list, so with all that the processor's
 * caches miss, and how many of them a rule matches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sketch/rule_sketch.h"

enum { KEYS = 1 << 16 };

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The mean time of a lookup, each of another key than the one before. */
static double measure(const struct classify *classify, const struct classify_key *keys,
		      uint32_t lookups, uint32_t *ret_hits)
{
	double start = now_ns();
	struct classify_match match;
	uint32_t hits = 0;

	for (uint32_t i = 0; i < lookups; i++)
		hits += classify_lookup(classify, &keys[i % KEYS], NULL, 0, &match);
	*ret_hits = hits;
	return (now_ns() - start) / lookups;
}

static void show_row(enum sketch_mix mix, uint32_t n, uint32_t lookups)
{
	struct classify_key *keys = malloc(KEYS * sizeof(*keys));
	struct sketch_rules sketch;
	struct classify *classify;
	double build_ms, start, lookup_ns;
	uint32_t hits = 0;
	int error;

	sketch_rules_make(mix, n, 1, &sketch);
	start = now_ns();
	error = classify_build(sketch.rules, n, &classify);
	build_ms = (now_ns() - start) / 1e6;
	if (error || !keys) {
		printf("%-8s %7u  refused: %s\n", sketch_mix_word(mix), n, strerror(-error));
	} else {
		for (uint32_t i = 0; i < KEYS; i++)
			sketch_rules_key(&sketch, &keys[i]);
		measure(classify, keys, lookups / 4, &hits);
		lookup_ns = measure(classify, keys, lookups, &hits);
		printf("%-8s %7u %9.2f %10.1f %6u %8.1f %6.1f\n", sketch_mix_word(mix), n, build_ms,
		       (double)classify_size(classify) / 1024, classify_cost(classify, 0),
		       lookup_ns, 100.0 * hits / lookups);
		free(classify);
	}
	sketch_rules_free(&sketch);
	free(keys);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {10, 100, 1000, 10000, 100000};
	uint32_t rules = 0, lookups = 1 << 18;
	const char *only = NULL;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && strcmp(argv[i], "--only") == 0) {
			only = argv[i + 1];
		} else if (i + 1 < argc && strcmp(argv[i], "--rules") == 0) {
			rules = (uint32_t)strtoul(argv[i + 1], NULL, 0);
		} else if (i + 1 < argc && strcmp(argv[i], "--lookups") == 0) {
			lookups = (uint32_t)strtoul(argv[i + 1], NULL, 0);
		} else {
			fputs("usage: classify_cost [--only MIX] [--rules N] [--lookups N]\n",
			      stderr);
			return 2;
		}
	}
	printf("%-8s %7s %9s %10s %6s %8s %6s\n", "mix", "rules", "build ms", "KiB", "lines", "ns",
	       "hit %");
	for (enum sketch_mix mix = 0; mix < SKETCH_MIXES; mix++) {
		if (only && strcmp(only, sketch_mix_word(mix)) != 0)
			continue;
		for (unsigned i = 0; i < (rules ? 1 : 5); i++)
			show_row(mix, rules ? rules : sizes[i], lookups);
	}
	return 0;
}
