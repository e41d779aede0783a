/*
 * suggest - see suggest.h.
 */
#include "control/suggest.h"

#include <string.h>

#include "switch/limits.h"

enum {
	NEAR = 2,	     /* a word further away was not meant */
	BAND = 2 * NEAR + 1, /* how many cells of a row can be that near */
};

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * The distance of two words of at most LIMIT_NAME letters, where swapping two
 * neighbours counts as one (optimal string alignment); something above NEAR if
 * it is above NEAR. Cells further than NEAR from the diagonal are above it
 * anyway, so a row has BAND cells: cell j of row i stands at j - i + NEAR + 1.
 */
static unsigned distance(const char *a, unsigned a_len, const char *b, unsigned b_len)
{
	unsigned rows[3][BAND + 2]; /* with a cell out of reach at either end */
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	if (a_len > b_len + NEAR || b_len > a_len + NEAR)
		return NEAR + 1;
	for (unsigned k = 0; k < BAND + 2; k++)
		above[k] = before[k] = k < NEAR + 1 ? NEAR + 1 : k - (NEAR + 1);
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *recycled = before;

		row[0] = row[BAND + 1] = NEAR + 1;
		for (unsigned k = 1; k <= BAND; k++) {
			unsigned j = i + k - (NEAR + 1); /* wraps where it is below 0 */

			if (j == 0)
				row[k] = i;
			else if (j > b_len)
				row[k] = NEAR + 1;
			else
				row[k] = min2(min2(above[k + 1], row[k - 1]) + 1,
					      above[k] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && j <= b_len && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[k] = min2(row[k], before[k] + 1);
		}
		before = above;
		above = row;
		row = recycled;
	}
	return above[b_len - a_len + NEAR + 1];
}

void suggest_offer(struct suggest *suggest, const char *candidate)
{
	size_t word_len = strlen(suggest->word), candidate_len = strlen(candidate);
	unsigned found, near;

	/* one slip in a short word, two in a longer one */
	near = word_len < 3 ? 0 : word_len < 6 ? 1 : NEAR;
	if (!near || word_len > LIMIT_NAME || candidate_len > LIMIT_NAME)
		return;
	found = distance(suggest->word, (unsigned)word_len, candidate, (unsigned)candidate_len);
	if (found > near || (suggest->best && found >= suggest->distance))
		return;
	suggest->best = candidate;
	suggest->distance = found;
}
