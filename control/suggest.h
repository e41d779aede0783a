/*
 * suggest - did you mean?
 *
 * Words that were mistyped are compared with those that would be right, by the
 * number of letters inserted, left out, changed or swapped (Damerau's distance).
 */
#ifndef CONTROL_SUGGEST_H
#define CONTROL_SUGGEST_H

/* Offer candidates one by one; starts with {.word = what was typed}. */
struct suggest {
	const char *word;
	const char *best;  /* the nearest candidate so far that is near enough, or NULL */
	unsigned distance; /* of best */
};

/* @candidate must live as long as @suggest is looked at. */
void suggest_offer(struct suggest *suggest, const char *candidate);

#endif
