/*
 * command_ndr - `sluice-bench ndr`: the highest rate without loss, and with little; the latency
 * below it; and how long a burst may be.
 */
#include <string.h>

#include "bench/command.h"
#include "bench/ndr.h"
#include "bench/subject.h"
#include "tests/lib/clock.h"

enum {
	GOALS = 2,
	POINTS = 3,
	PERCENTS = 4,
	MAXIMA = 5,
	AGAIN = 20,
	REPEATED_MAX = 150,
	MOVED_US = 20000
};

static const double goals[GOALS] = {0, 0.005};
static const double points[POINTS] = {0.1, 0.5, 0.9};
static const double percents[PERCENTS] = {50, 90, 99, 99.9};

struct findings {
	double most_pps; /* closed loop: the median of a few windows */
	struct ndr_rate rates[GOALS];
	enum placement placement; /* PLACEMENT_UNKNOWN: it changed, or was not asked for */
	unsigned trials;
	unsigned repeated; /* windows that told about the machine, not about the switch */
	struct histogram latency[POINTS];
	uint64_t burst; /* the longest without loss */
};

struct search {
	struct pair *pair;
	const struct options *options;
	struct findings *findings;
	double goal;
};

/*
 * One window at @pps, in all. Again if the processors moved meanwhile, for it would tell about
 * another machine; and if more than @loss was lost while the machine took a processor away,
 * which no switch can help. A machine that never rests is taken as it is in the end. False:
 * nothing arrived, or interrupted.
 */
static bool measure(struct search *search, double seconds, double pps, double loss,
		    struct window *ret_window)
{
	struct findings *findings = search->findings;
	bool same = false, clean = false;

	for (unsigned i = 0; i == 0 || (i < AGAIN && findings->repeated < REPEATED_MAX); i++) {
		search->pair->latency = (struct histogram){.count = 0};
		if (place_is_interrupted() ||
		    !pair_measure(search->pair, seconds, search->options->both ? pps / 2 : pps,
				  ret_window))
			return false;
		same = ret_window->placement == findings->placement;
		clean = !window_is_disturbed(ret_window) || window_loss(ret_window) <= loss;
		if (same && clean)
			return true;
		findings->repeated++;
		if (!same)
			clock_nap_us(MOVED_US);
	}
	if (!same)
		findings->placement = PLACEMENT_UNKNOWN;
	return true;
}

static double run_trial(void *user, double pps, double seconds)
{
	struct search *search = user;
	struct window window;
	double loss;

	search->findings->trials++;
	if (!measure(search, seconds, pps, search->goal, &window))
		return search->pair->silence == PAIR_STARVED ? 1 : -1;
	loss = window_loss(&window);
	options_progress("goal %g %% loss: %.3f Mpps for %.2f s: %.4f %% lost", 100 * search->goal,
			 pps / 1e6, seconds, 100 * loss);
	return loss;
}

/* The maximum, and the placement for all that follows. */
static bool find_most(struct search *search)
{
	struct findings *findings = search->findings;
	struct window windows[MAXIMA];

	if (!pair_measure(search->pair, search->options->seconds, 0, &windows[0]))
		return false;
	findings->placement = windows[0].placement;
	for (unsigned i = 0; i < MAXIMA; i++) {
		options_progress("the maximum: %u of %u", i + 1, (unsigned)MAXIMA);
		if (!measure(search, search->options->seconds, 0, 1, &windows[i]))
			return false;
	}
	findings->most_pps = window_summarise(windows, MAXIMA, findings->placement).mpps * 1e6;
	return findings->most_pps > 0;
}

static bool measure_latency(struct search *search)
{
	struct window window;

	search->pair->untimed = false;
	for (unsigned i = 0; i < POINTS; i++) {
		double pps = points[i] * search->findings->rates[0].held_pps;

		options_progress("latency at %.0f %%", 100 * points[i]);
		if (pps <= 0 || !measure(search, search->options->seconds, pps, 0, &window))
			return false;
		search->findings->latency[i] = search->pair->latency;
	}
	return true;
}

/* RFC 9004: the longest burst of which nothing is lost, of those that are powers of two; each twice. */
static void find_burst(struct search *search)
{
	for (uint64_t n = 64; n <= 1 << 20 && !place_is_interrupted(); n *= 2) {
		options_progress("a burst of %llu frames", (unsigned long long)n);
		if (pair_burst(search->pair, n) || pair_burst(search->pair, n))
			return;
		search->findings->burst = n;
	}
}

static bool run(struct search *search)
{
	struct findings *findings = search->findings;
	bool good = find_most(search);

	search->pair->untimed = true;
	for (unsigned i = 0; i < GOALS && good; i++) {
		const struct ndr_goal goal = {
			.loss = goals[i],
			.least_pps = i ? findings->rates[i - 1].held_pps : 0,
			.most_pps = 1.05 * findings->most_pps,
			.width = 0.01,
			.trial_s = search->options->seconds,
		};

		search->goal = goals[i];
		good = ndr_search(&goal, &(const struct ndr_trial){run_trial, search},
				  &findings->rates[i]);
	}
	good = good && measure_latency(search);
	if (good)
		find_burst(search);
	options_progress(NULL);
	return good;
}

static void print_bar(const char *title, bool met)
{
	printf("bar: %-44s %s\n", title, met ? "met" : "missed");
}

/* What Sluice is meant to reach; the latency as far as the machine lets any process. */
static void print_bars(const struct findings *findings)
{
	const struct histogram *half = &findings->latency[1];

	print_bar("no loss at 90 % of the maximum",
		  findings->rates[0].held_pps >= 0.9 * findings->most_pps);
	print_bar("p50 under 10 us at half the rate", histogram_percentile(half, 50) < 10000);
	print_bar("p99 under 50 us at half the rate", histogram_percentile(half, 99) < 50000);
}

static void print(const struct findings *findings)
{
	printf("%-22s %8.3f Mpps   processors: %s\n", "maximum", findings->most_pps / 1e6,
	       placement_name(findings->placement));
	for (unsigned i = 0; i < GOALS; i++)
		printf("held with %3g %% loss    %8.3f Mpps   %.0f %% of the maximum; %.3f forwarded\n",
		       100 * goals[i], findings->rates[i].held_pps / 1e6,
		       100 * findings->rates[i].held_pps / findings->most_pps,
		       findings->rates[i].forwarded_pps / 1e6);
	for (unsigned i = 0; i < POINTS; i++) {
		printf("latency at %2.0f %%, us    ", 100 * points[i]);
		for (unsigned p = 0; p < PERCENTS; p++)
			printf(" p%g %.1f ", percents[p],
			       (double)histogram_percentile(&findings->latency[i], percents[p]) /
				       1000);
		printf(" max %.1f\n", (double)findings->latency[i].max / 1000);
	}
	printf("longest burst          %8llu frames without loss%s\n",
	       (unsigned long long)findings->burst,
	       findings->burst == 1 << 20 ? ", the longest that is tried" : "");
	printf("%u trials of which most decide at each rate; %u windows again: processors moved, or\n"
	       "one was taken away while frames were lost\n",
	       findings->trials, findings->repeated);
	print_bars(findings);
}

static json_t *report(const struct findings *findings)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < POINTS; i++) {
		json_t *point = json_pack("{sf sI}", "of-held", points[i], "max-ns",
					  (json_int_t)findings->latency[i].max);
		char name[32];

		for (unsigned p = 0; p < PERCENTS; p++) {
			snprintf(name, sizeof(name), "p%g-ns", percents[p]);
			json_object_set_new(point, name,
					    json_integer((json_int_t)histogram_percentile(
						    &findings->latency[i], percents[p])));
		}
		json_array_append_new(list, point);
	}
	return json_pack("{ss sf sf sf sf si si sI so}", "placement",
			 placement_name(findings->placement), "maximum-pps", findings->most_pps,
			 "no-loss-pps", findings->rates[0].held_pps, "half-percent-loss-pps",
			 findings->rates[1].held_pps, "half-percent-loss-forwarded-pps",
			 findings->rates[1].forwarded_pps, "trials", (int)findings->trials,
			 "repeated", (int)findings->repeated, "longest-burst",
			 (json_int_t)findings->burst, "latency", list);
}

int command_ndr(struct options *options, char *const *paths)
{
	static struct findings findings;
	static struct subject subject;
	struct search search = {&subject.pair, options, &findings, 0};
	bool good;

	if (subject_create(&subject, options, paths))
		return COMMAND_FAILED;
	pair_load(&subject.pair, &options->stream, options->both, options->warmup_s);
	good = run(&search);
	if (!good)
		fprintf(stderr, "sluice-bench: not finished: %s\n",
			place_is_interrupted() ? "interrupted"
					       : pair_silence_name(subject.pair.silence));
	else if (options->json)
		options_print_json(report(&findings));
	else
		print(&findings);
	subject_destroy(&subject);
	return good ? COMMAND_OK : COMMAND_FAILED;
}
