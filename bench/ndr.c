/*
 * ndr - see ndr.h.
 */
#include "bench/ndr.h"

enum { TRIALS = 5, MAJORITY = TRIALS / 2 + 1, SEARCHES = 4 };

static const double nothing = 1e-4; /* a rate that is as good as none, as a part of the most */

/* Put @loss among the @n that are sorted. */
static void insert(double *losses, unsigned n, double loss)
{
	for (; n > 0 && losses[n - 1] > loss; n--)
		losses[n] = losses[n - 1];
	losses[n] = loss;
}

/*
 * Is the loss at @pps within the goal, in most trials? Then *ret_rate is what held. No more trials
 * than settle it. False in return: stop.
 */
static bool judge(const struct ndr_goal *goal, const struct ndr_trial *trial, double pps,
		  bool *ret_held, struct ndr_rate *ret_rate)
{
	unsigned n = 0, good = 0;
	double losses[TRIALS];

	while (good < MAJORITY && n - good < MAJORITY) {
		double loss = trial->run(trial->user, pps, goal->trial_s);

		if (loss < 0)
			return false;
		insert(losses, n++, loss);
		good += loss <= goal->loss;
	}
	*ret_held = good == MAJORITY;
	/* The middle one of all trials, had those that were not needed been as bad as can be. */
	if (*ret_held)
		*ret_rate = (struct ndr_rate){pps, pps * (1 - losses[MAJORITY - 1])};
	return true;
}

/* The search: what held, and what did not. */
struct interval {
	struct ndr_rate low;
	double high_pps;
};

/* Halve it until it is narrow. False: stop. */
static bool narrow(const struct ndr_goal *goal, const struct ndr_trial *trial,
		   struct interval *interval)
{
	while (interval->high_pps - interval->low.held_pps > goal->width * interval->high_pps &&
	       interval->high_pps > nothing * goal->most_pps) {
		double middle = (interval->low.held_pps + interval->high_pps) / 2;
		bool held;

		if (!judge(goal, trial, middle, &held, &interval->low))
			return false;
		if (!held)
			interval->high_pps = middle;
	}
	return true;
}

bool ndr_search(const struct ndr_goal *goal, const struct ndr_trial *trial,
		struct ndr_rate *ret_rate)
{
	struct interval interval = {{goal->least_pps, goal->least_pps}, goal->most_pps};
	bool held = true;

	for (unsigned again = 0; held && again < SEARCHES; again++) {
		if (!narrow(goal, trial, &interval))
			return false;
		if (interval.high_pps >= goal->most_pps)
			break;
		/* Was the upper end too much, or disturbed? Then there is more above it. */
		if (!judge(goal, trial, interval.high_pps, &held, &interval.low))
			return false;
		if (held)
			interval.high_pps = goal->most_pps;
	}
	*ret_rate = interval.low;
	return true;
}
