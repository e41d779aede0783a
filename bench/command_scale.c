/*
 * command_scale - `sluice-bench scale`: speed, idle load and memory of Sluice against its size.
 */
#include <errno.h>
#include <stdlib.h>

#include "bench/command.h"
#include "bench/compare.h"
#include "bench/plot.h"
#include "bench/scale.h"

enum { HUGE_MIB = 256 };

enum { PORT_KIB_MAX = 256 }; /* memory that a port may cost */

/* The point that a sweep's bar is for, measured at @placement; -1: it was not. */
static int find_bar(const struct scale *scale, unsigned number, enum placement placement)
{
	for (unsigned i = 0; i < sweep_points(&sweeps[number]); i++)
		if (sweeps[number].sizes[i] == sweeps[number].bar &&
		    scale_mpps(scale, number, i, placement) > 0)
			return (int)i;
	return -1;
}

static void print_verdict(double measured, double wanted)
{
	if (measured >= wanted)
		printf("met\n");
	else
		printf("missed by %.0f %%\n", 100 * (1 - measured / wanted));
}

static void print_bars(const struct scale *scale, unsigned number, enum placement placement)
{
	const struct scale_sweep *result = &scale->sweeps[number];
	const struct sweep *sweep = &sweeps[number];
	int at = find_bar(scale, number, placement);

	if (at < 0)
		return;
	if (sweep->keeps > 0) {
		printf("  bar: %u keep %.0f %% of the first's speed: ", sweep->bar,
		       100 * sweep->keeps);
		print_verdict(scale_part(scale, number, (unsigned)at, placement), sweep->keeps);
	}
	if (sweep->mpps > 0) {
		printf("  bar: %g Mpps with %u: ", sweep->mpps, sweep->bar);
		print_verdict(scale_mpps(scale, number, (unsigned)at, placement), sweep->mpps);
	}
	if (sweep->ports) {
		double each = (double)(result->memory_kib[at] - result->memory_kib[0]) /
			      (double)(sweep->bar - sweep->sizes[0]);

		printf("  bar: a port costs %.0f KiB, less than %u: %s\n", each,
		       (unsigned)PORT_KIB_MAX, each < PORT_KIB_MAX ? "met" : "missed");
	}
}

static void print_sweep(const struct scale *scale, unsigned number)
{
	const struct scale_sweep *result = &scale->sweeps[number];
	const struct sweep *sweep = &sweeps[number];
	enum placement placement = turn_most_seen(result->cells, SWEEP_POINTS);

	printf("\n%-38s %8s %8s %8s %11s%s\n", sweep->title, "windows", "Mpps", "of first",
	       "memory KiB", sweep->ports ? "  idle, % of a processor" : "");
	for (unsigned i = 0; i < sweep_points(sweep); i++) {
		const struct turn_cell *cell = &result->cells[i];

		printf("  %-8u %-27s %8u %8.3f %7.0f %% %11llu", sweep->sizes[i],
		       placement_name(placement),
		       window_summarise(cell->windows, cell->n, placement).windows,
		       scale_mpps(scale, number, i, placement),
		       100 * scale_part(scale, number, i, placement),
		       (unsigned long long)result->memory_kib[i]);
		if (sweep->ports)
			printf("  %.3f", 100 * result->idle[i]);
		if (cell->silent)
			printf("  nothing arrived in %u windows: %s", cell->silent,
			       pair_silence_name(cell->cause));
		putchar('\n');
	}
	print_bars(scale, number, placement);
}

static json_t *report(const struct scale *scale)
{
	json_t *all = json_object();

	for (unsigned s = 0; s < SWEEPS; s++) {
		const struct scale_sweep *result = &scale->sweeps[s];
		json_t *list = json_array();

		for (unsigned i = 0; i < sweep_points(&sweeps[s]) && result->done; i++) {
			json_t *point = window_report(result->cells[i].windows, result->cells[i].n);

			json_object_set_new(point, "size", json_integer(sweeps[s].sizes[i]));
			json_object_set_new(point, "memory-kib",
					    json_integer((json_int_t)result->memory_kib[i]));
			if (sweeps[s].ports)
				json_object_set_new(point, "idle-load", json_real(result->idle[i]));
			json_array_append_new(list, point);
		}
		if (result->done)
			json_object_set_new(all, sweeps[s].name, list);
		else
			json_decref(list);
	}
	return all;
}

/* A line for each sweep: its size against the part of the speed that is left. */
static int plot(const struct scale *scale, const char *path)
{
	FILE *to = plot_open(path, scale->place.folder, 900, 480);

	if (!to)
		return plot_close(to, path, scale->place.folder);
	for (unsigned s = 0; s < SWEEPS; s++) {
		enum placement placement = turn_most_seen(scale->sweeps[s].cells, SWEEP_POINTS);

		fprintf(to, "$sweep%u << END\n", s);
		for (unsigned i = 0; i < sweep_points(&sweeps[s]) && scale->sweeps[s].done; i++)
			fprintf(to, "%u %.4f\n", sweeps[s].sizes[i] ? sweeps[s].sizes[i] : 1,
				100 * scale_part(scale, s, i, placement));
		fputs("END\n", to);
	}
	fputs("set title 'Sluice, 64 B, one core: what size costs'\n"
	      "set logscale x\nset format x '10^{%T}'\nset yrange [0:130]\nset grid\n"
	      "set xlabel 'how many'\nset ylabel '% of the speed of the smallest'\n"
	      "set key outside right\nplot ",
	      to);
	for (unsigned s = 0; s < SWEEPS; s++)
		if (scale->sweeps[s].done)
			fprintf(to, "$sweep%u with linespoints lw 2 title '%s', ", s,
				sweeps[s].title);
	fputs("\n", to);
	return plot_close(to, path, scale->place.folder);
}

static int write_out(const struct scale *scale)
{
	const struct options *options = scale->options;
	int error = options_record(options, options->record ? report(scale) : NULL);

	if (options->json)
		options_print_json(report(scale));
	for (unsigned s = 0; s < SWEEPS && !options->json; s++)
		if (scale->sweeps[s].done)
			print_sweep(scale, s);
	return !error && options->plot ? plot(scale, options->plot) : error;
}

int command_scale(struct options *options, char *const *paths)
{
	static struct scale scale;
	int error = 0;

	scale.options = options;
	if (place_create(&scale.place, options->pair.switch_cpu, HUGE_MIB))
		return COMMAND_FAILED;
	for (unsigned s = 0; s < SWEEPS && !place_is_interrupted(); s++)
		if (compare_chooses(options->sweeps, sweeps[s].name) && scale_run(&scale, s))
			error = -EIO;
	if (write_out(&scale))
		error = -EIO;
	for (unsigned s = 0; s < SWEEPS; s++)
		for (unsigned i = 0; i < SWEEP_POINTS; i++)
			free(scale.sweeps[s].cells[i].windows);
	place_destroy(&scale.place, error && !place_is_interrupted());
	return error ? COMMAND_FAILED : COMMAND_OK;
}
