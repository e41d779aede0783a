/*
 * ndr - the search against switches that are a formula, undisturbed and disturbed.
 */
#include "bench/ndr.h"

#include <stddef.h>

#include "tests/lib/check.h"
#include "tests/lib/runner.h"

enum { CAPACITY = 10000000, MOST = 12000000 };

struct formula {
	double capacity;
	unsigned trials;
	unsigned disturbed_each; /* so many trials, one loses frames for no reason; 0: none */
	unsigned stop_at;	 /* the trial that says stop; 0: none */
};

static double run(void *user, double pps, double seconds)
{
	struct formula *formula = user;

	formula->trials++;
	check(seconds > 0 && pps > 0, "a trial of %g s at %g", seconds, pps);
	if (formula->trials == formula->stop_at)
		return -1;
	if (formula->disturbed_each && formula->trials % formula->disturbed_each == 0)
		return 0.1;
	return pps > formula->capacity ? 1 - formula->capacity / pps : 0;
}

static struct ndr_rate search(struct formula *formula, double loss, double least)
{
	const struct ndr_goal goal = {
		.loss = loss, .least_pps = least, .most_pps = MOST, .width = 0.01, .trial_s = 0.1};
	struct ndr_rate rate;

	check(ndr_search(&goal, &(const struct ndr_trial){run, formula}, &rate), "it stopped");
	return rate;
}

static void expect(struct ndr_rate rate, double right)
{
	double pps = rate.held_pps;

	check(pps <= right && pps >= 0.98 * right, "%g was found, not %g", pps, right);
}

static void the_capacity_is_found(struct scene *scene)
{
	struct formula formula = {.capacity = CAPACITY};

	expect(search(&formula, 0, 0), CAPACITY);
	check(formula.trials < 50, "%u trials", formula.trials);
}

static void a_goal_above_zero_finds_more(struct scene *scene)
{
	struct formula formula = {.capacity = CAPACITY};

	struct ndr_rate rate = search(&formula, 0.1, CAPACITY);

	expect(rate, CAPACITY / 0.9);
	check(rate.forwarded_pps > 0.99 * CAPACITY && rate.forwarded_pps < 1.01 * CAPACITY,
	      "%g were forwarded", rate.forwarded_pps);
}

static void disturbances_do_not_mislead(struct scene *scene)
{
	for (unsigned each = 3; each < 9; each++) {
		struct formula formula = {.capacity = CAPACITY, .disturbed_each = each};

		expect(search(&formula, 0, 0), CAPACITY);
	}
}

static void nothing_is_held(struct scene *scene)
{
	struct formula formula = {.capacity = 0};
	double pps = search(&formula, 0, 0).held_pps;

	check(pps == 0, "%g was found", pps);
}

static void a_trial_stops_it(struct scene *scene)
{
	struct formula formula = {.capacity = CAPACITY, .stop_at = 5};
	const struct ndr_goal goal = {.most_pps = MOST, .width = 0.01, .trial_s = 0.1};
	struct ndr_rate rate = {.held_pps = -1};

	check(!ndr_search(&goal, &(const struct ndr_trial){run, &formula}, &rate), "it went on");
	check(rate.held_pps < 0 && formula.trials == 5, "%u trials", formula.trials);
}

static void play(const struct runner_test *test)
{
	test->run(NULL);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{"the capacity is found", the_capacity_is_found},
		{"a goal above zero finds more", a_goal_above_zero_finds_more},
		{"disturbances do not mislead", disturbances_do_not_mislead},
		{"nothing is held", nothing_is_held},
		{"a trial stops it", a_trial_stops_it},
	};

	return runner_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]), play);
}
