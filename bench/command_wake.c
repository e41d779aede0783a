/*
 * command_wake - `sluice-bench wake A.sock B.sock`: how fast an idle switch awakes.
 *
 * Nothing is sent for a while; then one frame, with a kick if the switch asks for
 * it; and the receiver's ring is watched until the frame is there. A switch that
 * polls asks for no kick and is not woken: the report says how often it slept.
 */
#include <string.h>

#include "bench/command.h"
#include "bench/subject.h"
#include "tests/lib/clock.h"

enum { IDLE_S = 2, LOST_NS = 1000000000 };

struct findings {
	struct histogram latency; /* from before the kick until the frame was seen */
	unsigned lost;
	uint64_t kicks;
	double idle; /* processor time a second without traffic; below 0: nobody asked */
};

/* What the switch takes while nobody sends; below 0: nobody knows. */
static double measure_idle(const struct subject *subject, const struct options *options)
{
	uint64_t began = clock_now_ns(), before = subject_cpu_ns(subject, options);

	if (!before)
		return -1;
	options_progress("leaving the switch alone for %d s", IDLE_S);
	clock_nap_us(IDLE_S * 1000000);
	options_progress(NULL);
	return (double)(subject_cpu_ns(subject, options) - before) /
	       (double)(clock_now_ns() - began);
}

/* Send one frame and await it. */
static void wake_once(struct stream *stream, struct findings *findings)
{
	uint64_t began = clock_now_ns(), now = began;

	stream_send(stream, 1);
	while (stream_receive(stream, NULL) == 0 && now - began < LOST_NS)
		now = clock_now_ns();
	now = clock_now_ns();
	if (now - began < LOST_NS)
		histogram_add(&findings->latency, now - began);
	else
		findings->lost++;
}

static void print(const struct options *options, const struct findings *findings)
{
	static const double percents[] = {50, 90, 99};
	const struct histogram *latency = &findings->latency;
	json_t *report;

	if (options->json) {
		report = json_pack("{sI sI sI sI sI sI sI}", "frames", (json_int_t)latency->count,
				   "lost", (json_int_t)findings->lost, "kicks",
				   (json_int_t)findings->kicks, "p50-ns",
				   (json_int_t)histogram_percentile(latency, 50), "p90-ns",
				   (json_int_t)histogram_percentile(latency, 90), "p99-ns",
				   (json_int_t)histogram_percentile(latency, 99), "max-ns",
				   (json_int_t)latency->max);
		if (findings->idle >= 0)
			json_object_set_new(report, "idle-load", json_real(findings->idle));
		options_print_json(report);
		return;
	}
	printf("from kick to delivery, us: ");
	for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		printf("p%g %.1f  ", percents[i],
		       (double)histogram_percentile(latency, percents[i]) / 1000);
	printf("max %.1f  (%llu frames, %u lost, %llu kicks)\n", (double)latency->max / 1000,
	       (unsigned long long)latency->count, findings->lost,
	       (unsigned long long)findings->kicks);
	if (findings->idle >= 0)
		printf("idle load: %.3f %% of a processor\n", 100 * findings->idle);
}

int command_wake(struct options *options, char *const *paths)
{
	static struct findings findings;
	static struct subject subject;
	struct pair *pair = &subject.pair;
	uint64_t kicks;

	if (subject_create(&subject, options, paths))
		return COMMAND_FAILED;
	pair_load(pair, &options->stream, false, options->warmup_s);
	findings.idle = measure_idle(&subject, options);
	kicks = pair->guests[0].tx.kicks;
	for (unsigned i = 0; i < options->count; i++) {
		clock_nap_us(options->gap_ms * 1000);
		wake_once(&pair->streams[0], &findings);
		if (i % 10 == 0)
			options_progress("%u of %u", i, options->count);
	}
	options_progress(NULL);
	findings.kicks = pair->guests[0].tx.kicks - kicks;
	print(options, &findings);
	subject_destroy(&subject);
	return findings.latency.count ? COMMAND_OK : COMMAND_FAILED;
}
