/*
 * command_pair - `sluice-bench pair A.sock B.sock`: what goes through a switch.
 */
#include <stdlib.h>

#include "bench/command.h"
#include "bench/options.h"
#include "tests/lib/check.h"

static const double percents[] = {50, 90, 99, 99.9, 99.99};
enum { PERCENTS = sizeof(percents) / sizeof(percents[0]) };

static void print_latency(const struct histogram *latency, double rate_pps)
{
	printf("latency at %.0f frames a second, us: ", rate_pps);
	for (unsigned i = 0; i < PERCENTS; i++)
		printf("p%g %.1f  ", percents[i],
		       (double)histogram_percentile(latency, percents[i]) / 1000);
	printf("max %.1f  (%llu frames)\n", (double)latency->max / 1000,
	       (unsigned long long)latency->count);
}

static json_t *report_latency(const struct histogram *latency, double rate_pps)
{
	json_t *report = json_pack("{sf sI sI}", "rate-pps", rate_pps, "frames",
				   (json_int_t)latency->count, "max-ns", (json_int_t)latency->max);
	char name[32];

	for (unsigned i = 0; i < PERCENTS; i++) {
		snprintf(name, sizeof(name), "p%g-ns", percents[i]);
		json_object_set_new(
			report, name,
			json_integer((json_int_t)histogram_percentile(latency, percents[i])));
	}
	return report;
}

static void title_of(const struct options *options, char *ret_title, size_t room)
{
	const struct stream_options *stream = &options->stream;
	char size[16];

	snprintf(size, sizeof(size), stream->size ? "%u B" : "IMIX", stream->size);
	snprintf(ret_title, room, "%s, %u flow%s%s", size, stream->flows,
		 stream->flows > 1 ? "s" : "", options->both ? ", both" : "");
}

static void print(const struct options *options, const struct pair *pair,
		  const struct window *windows, unsigned n)
{
	char title[64];

	title_of(options, title, sizeof(title));
	if (options->json) {
		json_t *report = window_report(windows, n);

		json_object_set_new(report, "traffic", json_string(title));
		if (options->rate_pps > 0)
			json_object_set_new(report, "latency",
					    report_latency(&pair->latency, options->rate_pps));
		options_print_json(report);
		return;
	}
	window_print_heading(stdout);
	window_print(stdout, title, windows, n);
	if (options->rate_pps > 0)
		print_latency(&pair->latency, options->rate_pps);
}

/*
 * Measure as many windows as asked for, if all goes well: how many. One in which processors were missing tells
 * nothing about the switch: it is said, and measured again.
 */
static unsigned measure(const struct options *options, struct pair *pair, struct window *windows)
{
	unsigned n = 0, starved = 0;

	while (n < options->windows) {
		options_progress("window %u of %u", n + 1, options->windows);
		if (pair_measure(pair, options->seconds, options->rate_pps, &windows[n])) {
			options_progress("window %u of %u: %s, %.3f Mpps", n + 1, options->windows,
					 placement_name(windows[n].placement),
					 window_mpps(&windows[n]));
			n++;
			continue;
		}
		fprintf(stderr, "sluice-bench: nothing arrived in window %u: %s\n", n + 1,
			pair_silence_name(pair->silence));
		if (pair->silence != PAIR_STARVED || ++starved > options->windows)
			break;
	}
	options_progress(NULL);
	return n;
}

static int run(const struct options *options, struct pair *pair)
{
	struct window *windows = calloc(options->windows, sizeof(*windows));
	uint64_t wrong = 0;
	unsigned n;

	check(windows, "out of memory");
	pair_load(pair, &options->stream, options->both, options->warmup_s);
	n = measure(options, pair, windows);
	if (n > 0)
		print(options, pair, windows, n);
	for (unsigned i = 0; i < n; i++)
		wrong += windows[i].counts.late + windows[i].counts.corrupt +
			 windows[i].counts.foreign;
	free(windows);
	if (wrong)
		fprintf(stderr, "sluice-bench: %llu frames were late, corrupt or foreign\n",
			(unsigned long long)wrong);
	return n == options->windows && !wrong ? COMMAND_OK : COMMAND_FAILED;
}

int command_pair(struct options *options, char *const *paths)
{
	static struct pair pair;
	int status;

	if (pair_create(&pair, &options->pair, paths[0], paths[1]))
		return COMMAND_FAILED;
	status = run(options, &pair);
	pair_destroy(&pair);
	return status;
}
