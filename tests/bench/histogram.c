/*
 * histogram - percentiles against sorted values.
 */
#include "bench/histogram.h"

#include <math.h>
#include <stdlib.h>

#include "tests/lib/check.h"
#include "tests/lib/runner.h"

enum { VALUES = 10000 };

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void percentiles_are_close(struct scene *scene)
{
	static const double percents[] = {0, 1, 50, 90, 99, 99.9, 99.99, 100};
	static struct histogram histogram;
	static uint64_t values[VALUES];
	uint64_t random = 1;

	for (unsigned i = 0; i < VALUES; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		/* all magnitudes up to 2^40 ns */
		values[i] = (random >> 24) >> (random % 41);
		histogram_add(&histogram, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
	for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double rank = ceil(VALUES * percents[i] / 100);
		uint64_t right = values[rank < 1 ? 0 : (unsigned)rank - 1];
		uint64_t said = histogram_percentile(&histogram, percents[i]);

		check(said >= right && said - right <= right / 64, "p%g is %llu, not %llu",
		      percents[i], (unsigned long long)right, (unsigned long long)said);
	}
}

static void what_is_beyond_counts(struct scene *scene)
{
	static struct histogram histogram;

	check(histogram_percentile(&histogram, 50) == 0, "nothing has a median");
	histogram_add(&histogram, UINT64_MAX);
	check(histogram.count == 1 && histogram.max == UINT64_MAX, "it was not counted");
	check(histogram_percentile(&histogram, 50) > 1ULL << 40, "it is small");
}

static void play(const struct runner_test *test)
{
	test->run(NULL);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{"percentiles are close", percentiles_are_close},
		{"what is beyond counts", what_is_beyond_counts},
	};

	return runner_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]), play);
}
