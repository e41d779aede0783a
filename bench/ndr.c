/*
 * ndr - see ndr.h.
 */
#include "bench/ndr.h"

enum { TRIALS = 3, SEARCHES = 4 };

static const double nothing = 1e-4; /* a rate that is as good as none, as a part of the most */

/* Is the loss at @pps within the goal? False in return: stop. */
static bool judge(const struct ndr_goal *goal, const struct ndr_trial *trial, double pps,
		  bool *ret_held)
{
	double seconds = goal->trial_s;
	bool held[TRIALS];

	for (unsigned i = 0; i < TRIALS; i++, seconds *= 2) {
		double loss = trial->run(trial->user, pps, seconds);

		if (loss < 0)
			return false;
		held[i] = loss <= goal->loss;
		/* The third is longer than both before it, and settles what they do not. */
		*ret_held = held[i];
		if (i == 1 && held[0] == held[1])
			break;
	}
	return true;
}

/* Halve the interval. False: stop. */
static bool narrow(const struct ndr_goal *goal, const struct ndr_trial *trial, double *low,
		   double *high)
{
	while (*high - *low > goal->width * *high && *high > nothing * goal->most_pps) {
		double middle = (*low + *high) / 2;
		bool held;

		if (!judge(goal, trial, middle, &held))
			return false;
		*(held ? low : high) = middle;
	}
	return true;
}

bool ndr_search(const struct ndr_goal *goal, const struct ndr_trial *trial, double *ret_pps)
{
	double low = goal->least_pps, high = goal->most_pps;
	bool held = true;

	for (unsigned again = 0; held && again < SEARCHES; again++) {
		if (!narrow(goal, trial, &low, &high))
			return false;
		if (high >= goal->most_pps)
			break;
		/* Was the upper end too much, or disturbed? Then there is more above it. */
		if (!judge(goal, trial, high, &held))
			return false;
		if (held) {
			low = high;
			high = goal->most_pps;
		}
	}
	*ret_pps = low;
	return true;
}
