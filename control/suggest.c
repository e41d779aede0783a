/*
 * suggest - see suggest.h.
 */
#include "control/suggest.h"

#include <string.h>

#include "switch/limits.h"

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * The distance of two words of at most LIMIT_NAME letters, where swapping two
 * neighbours counts as one (optimal string alignment).
 */
static unsigned distance(const char *a, unsigned a_len, const char *b, unsigned b_len)
{
	unsigned rows[3][LIMIT_NAME + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= b_len; j++)
		above[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *recycled = before;

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned changed = a[i - 1] != b[j - 1];

			row[j] = min2(min2(above[j] + 1, row[j - 1] + 1), above[j - 1] + changed);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min2(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = recycled;
	}
	return above[b_len];
}

void suggest_offer(struct suggest *suggest, const char *candidate)
{
	size_t word_len = strlen(suggest->word), candidate_len = strlen(candidate);
	unsigned found, near;

	if (word_len > LIMIT_NAME || candidate_len > LIMIT_NAME)
		return;
	/* one slip in a short word, two in a longer one */
	near = word_len < 3 ? 0 : word_len < 6 ? 1 : 2;
	found = distance(suggest->word, (unsigned)word_len, candidate, (unsigned)candidate_len);
	if (found > near || (suggest->best && found >= suggest->distance))
		return;
	suggest->best = candidate;
	suggest->distance = found;
}
