/*
 * command_load - `sluice-bench load`: what a switch takes of its processor, and how long frames
 * take through it, at rates from few to as many as it holds. A switch that polls always takes
 * all of it; one that only sleeps is late at every frame.
 */
#include <string.h>

#include "bench/command.h"
#include "bench/plot.h"
#include "bench/subject.h"

static const double rates[] = {1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 2e6, 4e6, 8e6, 12e6, 16e6};
enum { RATES = sizeof(rates) / sizeof(rates[0]) };

/* What was seen at one rate. */
struct point {
	double load; /* of a processor */
	double mpps; /* that arrived */
	double loss;
	uint64_t p50_ns;
	uint64_t p99_ns;
};

static bool measure(struct subject *subject, const struct options *options, double pps,
		    struct point *ret_point)
{
	struct pair *pair = &subject->pair;
	uint64_t before = subject_cpu_ns(subject, options), after;
	struct window window;

	pair->latency = (struct histogram){.count = 0};
	options_progress("%g frames a second", pps);
	if (!pair_measure(pair, options->seconds, pps, &window))
		return false;
	after = subject_cpu_ns(subject, options);
	*ret_point = (struct point){
		.load = (double)(after - before) / 1e9 / window.seconds,
		.mpps = window_mpps(&window),
		.loss = window_loss(&window),
		.p50_ns = histogram_percentile(&pair->latency, 50),
		.p99_ns = histogram_percentile(&pair->latency, 99),
	};
	return true;
}

static void print(const struct point *points, unsigned n)
{
	printf("%12s %10s %10s %16s %10s %10s\n", "offered pps", "Mpps", "loss", "% of a processor",
	       "p50 us", "p99 us");
	for (unsigned i = 0; i < n; i++)
		printf("%12.0f %10.3f %9.3f%% %16.1f %10.1f %10.1f\n", rates[i], points[i].mpps,
		       100 * points[i].loss, 100 * points[i].load, (double)points[i].p50_ns / 1000,
		       (double)points[i].p99_ns / 1000);
}

static json_t *report(const struct point *points, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{sf sf sf sf sI sI}", "offered-pps",
						      rates[i], "mpps", points[i].mpps, "loss",
						      points[i].loss, "load", points[i].load,
						      "p50-ns", (json_int_t)points[i].p50_ns,
						      "p99-ns", (json_int_t)points[i].p99_ns));
	return list;
}

static int plot(const struct point *points, unsigned n, const char *folder, const char *path)
{
	FILE *to = plot_open(path, folder, 800, 420);

	if (!to)
		return plot_close(to, path, folder);
	fputs("$points << END\n", to);
	for (unsigned i = 0; i < n; i++)
		fprintf(to, "%g %g %g\n", rates[i], 100 * points[i].load,
			(double)points[i].p50_ns / 1000);
	fputs("END\n"
	      "set title 'The processor and the latency of a switch against its load'\n"
	      "set logscale x\nset format x '10^{%T}'\nset grid\nset key top left\n"
	      "set xlabel 'frames a second'\nset ylabel '% of a processor'\nset yrange [0:110]\n"
	      "set y2label 'median latency, us'\nset y2tics\nset y2range [0:*]\n"
	      "plot $points using 1:2 with linespoints lw 2 title 'processor', "
	      "$points using 1:3 axes x1y2 with linespoints lw 2 title 'latency'\n",
	      to);
	return plot_close(to, path, folder);
}

static int write_out(const struct options *options, const struct subject *subject,
		     const struct point *points, unsigned n)
{
	int error = options_record(options, options->record ? report(points, n) : NULL);

	if (options->json)
		options_print_json(report(points, n));
	else
		print(points, n);
	if (error || !options->plot)
		return error;
	return plot(points, n, subject->started ? subject->place.folder : "/tmp", options->plot);
}

int command_load(struct options *options, char *const *paths)
{
	static struct subject subject;
	struct point points[RATES];
	unsigned n = 0;
	int error;

	if (paths && !options->pid)
		return COMMAND_USAGE;
	if (subject_create(&subject, options, paths))
		return COMMAND_FAILED;
	pair_load(&subject.pair, &options->stream, options->both, options->warmup_s);
	while (n < RATES && !place_is_interrupted() &&
	       measure(&subject, options, rates[n], &points[n]))
		n++;
	options_progress(NULL);
	error = write_out(options, &subject, points, n);
	subject_destroy(&subject);
	return n == RATES && !error ? COMMAND_OK : COMMAND_FAILED;
}
