/*
 * rule_words - the numbers that have names in rules; for rule.c and rule_format.c.
 */
#ifndef CONTROL_RULE_WORDS_H
#define CONTROL_RULE_WORDS_H

#include <stddef.h>

struct rule_word_number {
	const char *word; /* NULL: the end of a table */
	int number;
};

extern const struct rule_word_number rule_protocols[];
extern const struct rule_word_number rule_icmp_types[];
extern const struct rule_word_number rule_icmpv6_types[];
extern const struct rule_word_number rule_ethertypes[];

/* The name of @number, or NULL. */
static inline const char *rule_word_of(const struct rule_word_number *words, int number)
{
	for (; words->word; words++)
		if (words->number == number)
			return words->word;
	return NULL;
}

#endif
