/*
 * compare_plot - a picture of a comparison: a group of bars for each workload, a bar for each switch.
 *
 * The bars of a group are medians at the placement of which it has most windows, and
 * which stands under it; a line on each reaches up to the best of them.
 */
#include <string.h>

#include "bench/compare_report.h"
#include "bench/plot.h"

enum { MARGIN = 260, GROUP = 155 }; /* points of width */

static const char *const colors[COMPARE_KINDS] = {
	"#1b6ca8", "#c05621", "#718096", "#cbd5e0", "#4c9f70", "#8e6c8a", "#b7950b",
	"#5dade2", "#a04000", "#e2b6b6", "#1b6ca8", "#c05621", "#718096"};

/* A line of the table: the workload's title, and of each contender the median and the best. */
static void write_row(const struct compare *compare, unsigned w, FILE *to)
{
	enum placement placement = turn_most_seen(compare->cells[w], compare->n_turns);

	fprintf(to, "\"%s\\n(%s)\"", workloads[w].title, placement_name(placement));
	for (unsigned i = 0; i < compare->n_turns; i++) {
		const struct turn_cell *cell = &compare->cells[w][i];
		struct window_summary s = window_summarise(cell->windows, cell->n, placement);

		if (s.windows)
			fprintf(to, " %.3f %.3f", s.mpps, s.best_mpps);
		else
			fputs(" 0 0", to);
	}
	fputc('\n', to);
}

int compare_plot(const struct compare *compare, const char *path)
{
	unsigned groups = 0;
	FILE *to;

	for (unsigned w = 0; w < WORKLOAD__COUNT; w++)
		groups += compare->cells[w][0].windows != NULL;
	to = plot_open(path, compare->place.folder, MARGIN + GROUP * groups, 480);

	if (!to)
		return plot_close(to, path, compare->place.folder);
	fputs("$table << END\n", to);
	for (unsigned w = 0; w < WORKLOAD__COUNT; w++)
		if (compare->cells[w][0].windows)
			write_row(compare, w, to);
	fputs("END\n", to);
	fputs("set title 'Guest to guest over one core; line: best window'\n"
	      "set style data histogram\n"
	      "set style histogram errorbars gap 1.5 lw 1\n"
	      "set style fill solid 0.9 noborder\n"
	      "set boxwidth 0.9\n"
	      "set errorbars linecolor '#4a5568'\n"
	      "set ylabel 'million frames a second'\n"
	      "set yrange [0:*]\nset bmargin 4\nset grid ytics\nset key top right\nplot ",
	      to);
	for (unsigned i = 0; i < compare->n_turns; i++)
		fprintf(to, "$table using %u:%u:%u%s title '%s' linecolor '%s', ", 2 * i + 2,
			2 * i + 2, 2 * i + 3, i == 0 ? ":xtic(1)" : "",
			compare->turns[i].contender.kind->title, colors[i]);
	fputs("\n", to);
	return plot_close(to, path, compare->place.folder);
}
