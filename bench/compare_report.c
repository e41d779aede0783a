/*
 * compare_report - see compare_report.h.
 */
#include "bench/compare_report.h"

#include <string.h>

#include "bench/bars.h"

static struct window_summary summary_of(const struct turn_cell *cell, enum placement placement)
{
	return window_summarise(cell->windows, cell->n, placement);
}

/* How many times as fast as contender @i is its rival there? Nothing: one of them has no window of that kind. */
static void print_ratio(const struct compare *compare, unsigned i, unsigned w,
			enum placement placement, FILE *to)
{
	int rival = compare_find(compare, compare->turns[i].contender.kind->rival);
	struct window_summary ours, theirs = summary_of(&compare->cells[w][i], placement);

	if (rival < 0)
		return;
	ours = summary_of(&compare->cells[w][rival], placement);
	if (ours.windows && theirs.windows)
		fprintf(to, "  %5.2f x  (best %.2f x)", ours.mpps / theirs.mpps,
			ours.best_mpps / theirs.best_mpps);
}

static void print_workload(const struct compare *compare, unsigned w, FILE *to)
{
	fprintf(to, "\n%-22s %-9s %7s %8s %8s %8s %9s %6s  Sluice is\n", workloads[w].title,
		"placement", "windows", "Mpps", "best", "Gbit/s", "loss", "wrong");
	for (enum placement placement = 0; placement < PLACEMENT__COUNT; placement++)
		for (unsigned i = 0; i < compare->n_turns; i++) {
			struct window_summary s = summary_of(&compare->cells[w][i], placement);

			if (!s.windows)
				continue;
			fprintf(to, "  %-20s %-9s %7u %8.3f %8.3f %8.2f %8.4f%% %6llu",
				compare->turns[i].contender.kind->title, placement_name(placement),
				s.windows, s.mpps, s.best_mpps, s.gbps, 100 * s.loss,
				(unsigned long long)s.wrong);
			print_ratio(compare, i, w, placement, to);
			fputc('\n', to);
		}
	for (unsigned i = 0; i < compare->n_turns; i++)
		if (compare->cells[w][i].silent)
			fprintf(to, "  %s: nothing arrived in %u windows: %s\n",
				compare->turns[i].contender.kind->title,
				compare->cells[w][i].silent,
				pair_silence_name(compare->cells[w][i].cause));
}

void compare_print(const struct compare *compare, FILE *to)
{
	fprintf(to,
		"one processor for the switch, one for the generator; windows of %g s in turn\n",
		compare->options->seconds);
	for (unsigned i = 0; i < compare->n_turns; i++)
		fprintf(to, "  %-20s %s\n", compare->turns[i].contender.kind->title,
			compare->turns[i].contender.note);
	for (unsigned w = 0; w < WORKLOAD__COUNT; w++)
		if (compare->cells[w][0].windows)
			print_workload(compare, w, to);
	bars_print(compare, to);
}

json_t *compare_report(const struct compare *compare)
{
	json_t *switches = json_object(), *found = json_object();

	for (unsigned i = 0; i < compare->n_turns; i++)
		json_object_set_new(switches, compare->turns[i].contender.kind->name,
				    json_string(compare->turns[i].contender.note));
	for (unsigned w = 0; w < WORKLOAD__COUNT; w++) {
		json_t *row;

		if (!compare->cells[w][0].windows)
			continue;
		row = json_object();
		for (unsigned i = 0; i < compare->n_turns; i++) {
			const struct turn_cell *cell = &compare->cells[w][i];
			json_t *report = window_report(cell->windows, cell->n);

			json_object_set_new(report, "silent", json_integer(cell->silent));
			json_object_set_new(row, compare->turns[i].contender.kind->name, report);
		}
		json_object_set_new(found, workloads[w].name, row);
	}
	return json_pack("{sf so so so}", "seconds", compare->options->seconds, "switches",
			 switches, "workloads", found, "bars", bars_report(compare));
}
