/*
 * command_noisy - `sluice-bench noisy`: what a guest that floods its switch does to its neighbours.
 */
#include <errno.h>

#include "bench/command.h"
#include "bench/compare.h"
#include "bench/noisy.h"

enum { HUGE_MIB = 64 };

struct row {
	const struct flood_kind *kind;
	struct noisy_result result;
};

static const char *verdict_of(const struct noisy_result *result)
{
	if (!result->windows)
		return "not measured: others had the processors";
	return noisy_is_met(result) ? "met" : "missed";
}

static void print(const struct options *options, const struct row *rows, unsigned n)
{
	printf("a pair at %g frames a second and a guest of another tenant that floods, one worker\n"
	       "%-32s %9s %-9s %7s %9s %6s %8s %8s %8s %8s %7s\n",
	       options->rate_pps, "flood", "a second", "placement", "windows", "lost", "wrong",
	       "p50 us", "flooded", "p99 us", "flooded", "growth");
	for (unsigned i = 0; i < n; i++) {
		const struct noisy_result *r = &rows[i].result;

		printf("%-32s %9.0f %-9s %7u %9llu %6llu %8.1f %8.1f %8.1f %8.1f %5.2f x  %s\n",
		       rows[i].kind->title, r->flood_pps, placement_name(r->placement), r->windows,
		       (unsigned long long)r->lost, (unsigned long long)r->wrong, r->p50_us[0],
		       r->p50_us[1], r->p99_us[0], r->p99_us[1],
		       r->p99_us[0] > 0 ? r->p99_us[1] / r->p99_us[0] : 0, verdict_of(r));
	}
	printf("bar: nothing lost or wrong, p99 less than %u times as long\n",
	       (unsigned)NOISY_GROWTH);
}

static json_t *report(const struct row *rows, unsigned n)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < n; i++) {
		const struct noisy_result *r = &rows[i].result;
		json_t *row = json_pack("{ss si si sf sI sI sI sf sf sf sf sb}", "placement",
					placement_name(r->placement), "windows", (int)r->windows,
					"disturbed", (int)r->disturbed, "flood-pps", r->flood_pps,
					"sent", (json_int_t)r->sent, "lost", (json_int_t)r->lost,
					"wrong", (json_int_t)r->wrong, "quiet-p50-us", r->p50_us[0],
					"p50-us", r->p50_us[1], "quiet-p99-us", r->p99_us[0],
					"p99-us", r->p99_us[1], "met", noisy_is_met(r));

		json_object_set_new(all, rows[i].kind->name, row);
	}
	return all;
}

int command_noisy(struct options *options, char *const *paths)
{
	struct row rows[FLOODS];
	struct place place;
	unsigned n = 0;
	bool met = true;
	int error = place_create(&place, options->pair.switch_cpu, HUGE_MIB);

	if (error)
		return COMMAND_FAILED;
	for (unsigned i = 0; i < FLOODS && !error && !place_is_interrupted(); i++) {
		rows[n].kind = &flood_kinds[i];
		if (!compare_chooses(options->floods, flood_kinds[i].name))
			continue;
		error = noisy_measure(options, &place, &flood_kinds[i], &rows[n].result);
		met = met && !error && noisy_is_met(&rows[n].result);
		n += !error;
	}
	if (options_record(options, options->record ? report(rows, n) : NULL))
		met = false;
	if (options->json)
		options_print_json(report(rows, n));
	else
		print(options, rows, n);
	place_destroy(&place, error && !place_is_interrupted());
	return met && !place_is_interrupted() ? COMMAND_OK : COMMAND_FAILED;
}
