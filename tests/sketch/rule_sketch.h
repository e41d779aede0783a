/*
 * rule_sketch - lists of rules by the thousand, and keys that meet them.
 *
 * Three mixes have the shapes that ClassBench (Taylor and Turner, 2007) found
 * in real lists; one mixes all that a rule can say in a space so small that
 * everything overlaps; the others are made to be bad for a classifier. The same
 * kind, length and seed give the same list.
 */
#ifndef TESTS_SKETCH_RULE_SKETCH_H
#define TESTS_SKETCH_RULE_SKETCH_H

#include "switch/classify.h"

enum sketch_mix {
	SKETCH_ACL,	/* specific destinations and ports, half of the sources any */
	SKETCH_FW,	/* many wildcards and port ranges at both ends */
	SKETCH_IPC,	/* pairs of hosts and nets */
	SKETCH_ACL6,	/* SKETCH_ACL in IPv6 */
	SKETCH_DENSE,	/* everything, overlapping */
	SKETCH_RANGES,	/* port ranges inside of each other, the innermost first */
	SKETCH_CROSS,	/* thin in one word, any in all others: every pair crosses */
	SKETCH_NEST,	/* all lengths of both prefixes and of ports around one point, as of TSE */
	SKETCH_SQUARES, /* rectangles of two port ranges at random */
	SKETCH_MIXES,
};

struct sketch_rules {
	enum sketch_mix mix;
	uint32_t n;
	struct classify_rule *rules;
	struct classify_range *ranges; /* that the rules point to */
	uint64_t noise;
};

const char *sketch_mix_word(enum sketch_mix mix);

void sketch_rules_make(enum sketch_mix mix, uint32_t n, uint64_t seed, struct sketch_rules *ret);
void sketch_rules_free(struct sketch_rules *sketch);

/* A key: at an edge of some rule, inside of one, or anywhere. */
void sketch_rules_key(struct sketch_rules *sketch, struct classify_key *ret);

/* A number below @n, from the sketch's noise. */
uint32_t sketch_rules_any(struct sketch_rules *sketch, uint32_t n);

#endif
