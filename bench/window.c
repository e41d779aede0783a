/*
 * window - see window.h.
 */
#include "bench/window.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double window_median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

struct window_summary window_summarise(const struct window *windows, unsigned n,
				       enum placement placement)
{
	struct window_summary summary = {.windows = 0};
	double *mpps = calloc(2 * (size_t)n + 1, sizeof(*mpps)), *gbps = mpps + n;
	uint64_t sent = 0, lost = 0;

	if (!mpps)
		return summary;
	for (unsigned i = 0; i < n; i++) {
		const struct stream_counts *counts = &windows[i].counts;

		if (windows[i].placement != placement)
			continue;
		mpps[summary.windows] = window_mpps(&windows[i]);
		gbps[summary.windows] = (double)counts->bytes * 8 / windows[i].seconds / 1e9;
		summary.windows++;
		sent += counts->sent;
		lost += windows[i].lost;
		summary.wrong += counts->late + counts->corrupt + counts->foreign;
	}
	if (summary.windows) {
		summary.mpps = window_median(mpps, summary.windows);
		summary.best_mpps = mpps[summary.windows - 1];
		summary.gbps = window_median(gbps, summary.windows);
		summary.loss = sent ? (double)lost / (double)sent : 0;
	}
	free(mpps);
	return summary;
}

void window_print_heading(FILE *to)
{
	fprintf(to, "%-24s %-9s %7s %8s %8s %8s %9s %6s\n", "", "placement", "windows", "Mpps",
		"best", "Gbit/s", "loss", "wrong");
}

void window_print(FILE *to, const char *title, const struct window *windows, unsigned n)
{
	for (enum placement placement = 0; placement < PLACEMENT__COUNT; placement++) {
		struct window_summary summary = window_summarise(windows, n, placement);

		if (summary.windows)
			fprintf(to, "%-24s %-9s %7u %8.3f %8.3f %8.2f %8.4f%% %6llu\n", title,
				placement_name(placement), summary.windows, summary.mpps,
				summary.best_mpps, summary.gbps, 100 * summary.loss,
				(unsigned long long)summary.wrong);
	}
}

json_t *window_report(const struct window *windows, unsigned n)
{
	json_t *placements = json_object(), *list = json_array();

	for (enum placement placement = 0; placement < PLACEMENT__COUNT; placement++) {
		struct window_summary s = window_summarise(windows, n, placement);

		if (s.windows)
			json_object_set_new(placements, placement_name(placement),
					    json_pack("{si sf sf sf sf sI}", "windows",
						      (int)s.windows, "mpps", s.mpps, "best-mpps",
						      s.best_mpps, "gbps", s.gbps, "loss", s.loss,
						      "wrong", (json_int_t)s.wrong));
	}
	for (unsigned i = 0; i < n; i++) {
		const struct stream_counts *counts = &windows[i].counts;

		json_array_append_new(
			list,
			json_pack("{ss sf sI sI sI sI sI sI sI sI sI}", "placement",
				  placement_name(windows[i].placement), "seconds",
				  windows[i].seconds, "sent", (json_int_t)counts->sent, "received",
				  (json_int_t)counts->received, "bytes", (json_int_t)counts->bytes,
				  "lost", (json_int_t)windows[i].lost, "late",
				  (json_int_t)counts->late, "corrupt", (json_int_t)counts->corrupt,
				  "foreign", (json_int_t)counts->foreign, "stolen-ms",
				  (json_int_t)windows[i].stolen_ms, "waited-ns",
				  (json_int_t)windows[i].waited_ns));
	}
	return json_pack("{so so}", "placements", placements, "windows", list);
}
