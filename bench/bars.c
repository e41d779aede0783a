/*
 * bars - see bars.h.
 *
 * A bar is a ratio of two medians of the same placement: of Sluice under a
 * workload, and of a peer under the same, or of Sluice under another.
 */
#include "bench/bars.h"

struct bar {
	enum workload_id workload;
	const struct contender_kind *ours;
	const struct contender_kind *peer;
	enum workload_id than; /* the peer's workload */
	double ratio;
	bool far; /* for processors that share no cache; else for those that do */
};

static const struct bar bars[] = {
	{WORKLOAD_64, &contender_sluice, &contender_ovs, WORKLOAD_64, 1.8, false},
	{WORKLOAD_64_1K, &contender_sluice, &contender_ovs, WORKLOAD_64_1K, 1.8, false},
	{WORKLOAD_64_30K, &contender_sluice, &contender_ovs, WORKLOAD_64_30K, 2.5, false},
	{WORKLOAD_64_30K, &contender_sluice, &contender_sluice, WORKLOAD_64, 0.85, false},
	{WORKLOAD_64, &contender_sluice, &contender_testpmd, WORKLOAD_64, 1.2, false},
	{WORKLOAD_64_1K, &contender_sluice, &contender_testpmd, WORKLOAD_64_1K, 1.2, false},
	{WORKLOAD_64_PACKED, &contender_sluice, &contender_sluice, WORKLOAD_64, 1, false},
	{WORKLOAD_64_PACKED, &contender_sluice, &contender_testpmd, WORKLOAD_64_PACKED, 1.2, false},
	{WORKLOAD_1518, &contender_sluice, &contender_ovs, WORKLOAD_1518, 2.5, false},
	{WORKLOAD_1518, &contender_sluice, &contender_testpmd, WORKLOAD_1518, 2, false},
	{WORKLOAD_IMIX, &contender_sluice, &contender_testpmd, WORKLOAD_IMIX, 2, false},
	{WORKLOAD_64, &contender_sluice, &contender_wire, WORKLOAD_64, 0.75, false},
	{WORKLOAD_1518, &contender_sluice, &contender_wire, WORKLOAD_1518, 0.85, false},
	{WORKLOAD_TSO, &contender_sluice, &contender_memcpy, WORKLOAD_TSO, 0.8, false},
	{WORKLOAD_64, &contender_sluice, &contender_ovs, WORKLOAD_64, 1.8, true},
	{WORKLOAD_64, &contender_sluice, &contender_testpmd, WORKLOAD_64, 1.8, true},
	{WORKLOAD_64_1K, &contender_sluice_rules, &contender_ovs_rules, WORKLOAD_64_1K, 1.6, false},
	{WORKLOAD_64_1K, &contender_sluice_groups, &contender_ovs_groups, WORKLOAD_64_1K, 4, false},
};
enum { BARS = sizeof(bars) / sizeof(bars[0]), WINDOWS_MIN = 3 };

/* The ratio that was measured; 0: it was not. */
static double measure(const struct compare *compare, const struct bar *bar,
		      enum placement placement)
{
	int ours = compare_find(compare, bar->ours);
	int theirs = compare_find(compare, bar->peer);
	const struct turn_cell *cell, *than;
	struct window_summary us, them;

	if (ours < 0 || theirs < 0)
		return 0;
	cell = &compare->cells[bar->workload][ours];
	than = &compare->cells[bar->than][theirs];
	us = window_summarise(cell->windows, cell->n, placement);
	them = window_summarise(than->windows, than->n, placement);
	return us.windows >= WINDOWS_MIN && them.windows >= WINDOWS_MIN ? us.mpps / them.mpps : 0;
}

/* Did both take part, under the workload that the bar is for? */
static bool was_run(const struct compare *compare, const struct bar *bar)
{
	return compare_find(compare, bar->ours) >= 0 && compare_find(compare, bar->peer) >= 0 &&
	       compare->cells[bar->workload][0].windows;
}

static void title_of(const struct bar *bar, char *ret_title, size_t room)
{
	bool self = bar->peer == bar->ours;

	/* Of one switch, under two workloads that did not take turns: the machine may have changed. */
	snprintf(ret_title, room, "%s: %g x %s%s", workloads[bar->workload].title, bar->ratio,
		 self ? workloads[bar->than].title : bar->peer->title, self ? " (earlier)" : "");
}

/* Each bar at each placement where it holds and was measured. Returns how many were at none. */
static unsigned each(const struct compare *compare,
		     void (*say)(void *user, const char *title, enum placement placement,
				 double wanted, double measured),
		     void *user)
{
	/* Windows during which the processors moved count only where nothing else is known. */
	bool blind = turn_most_seen(&compare->cells[0][0], WORKLOAD__COUNT * COMPARE_KINDS) ==
		     PLACEMENT_UNKNOWN;
	unsigned missing = 0;
	char title[100];

	for (unsigned b = 0; b < BARS; b++) {
		bool measured = false;

		title_of(&bars[b], title, sizeof(title));
		for (enum placement placement = blind ? PLACEMENT_UNKNOWN : PLACEMENT_CORE;
		     placement < PLACEMENT__COUNT; placement++) {
			double ratio = measure(compare, &bars[b], placement);

			if (ratio <= 0 || (placement == PLACEMENT_FAR) != bars[b].far)
				continue;
			say(user, title, placement, bars[b].ratio, ratio);
			measured = true;
		}
		missing += !measured && was_run(compare, &bars[b]);
	}
	return missing;
}

static void print_one(void *user, const char *title, enum placement placement, double wanted,
		      double measured)
{
	fprintf(user, "  %-50s %-9s %6.2f x  ", title, placement_name(placement), measured);
	if (measured >= wanted)
		fprintf(user, "met\n");
	else
		fprintf(user, "missed by %.0f %%\n", 100 * (1 - measured / wanted));
}

void bars_print(const struct compare *compare, FILE *to)
{
	unsigned missing;

	fprintf(to, "\n%-52s %-9s measured\n", "bars", "placement");
	missing = each(compare, print_one, to);
	if (missing)
		fprintf(to,
			"  %u more not measured: each needs %u windows of both at one placement\n",
			missing, (unsigned)WINDOWS_MIN);
}

static void report_one(void *user, const char *title, enum placement placement, double wanted,
		       double measured)
{
	json_array_append_new(user, json_pack("{ss ss sf sf sb}", "bar", title, "placement",
					      placement_name(placement), "wanted", wanted,
					      "measured", measured, "met", measured >= wanted));
}

json_t *bars_report(const struct compare *compare)
{
	json_t *list = json_array();

	each(compare, report_one, list);
	return list;
}
