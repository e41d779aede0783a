/*
 * command_wake - `sluice-bench wake A.sock B.sock`: how fast an idle switch awakes.
 *
 * Nothing is sent for a while; then one frame, with a kick if the switch asks for
 * it; and the receiver's ring is watched until the frame is there. A switch that
 * polls asks for no kick and is not woken: the report says how often it slept.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "bench/command.h"
#include "bench/options.h"
#include "tests/lib/clock.h"

enum { IDLE_S = 2, LOST_NS = 1000000000 };

struct findings {
	struct histogram latency; /* from before the kick until the frame was seen */
	unsigned lost;
	uint64_t kicks;
	double idle; /* processor time a second without traffic; below 0: nobody asked */
};

/* Processor time of the process, all threads, in ns; or -errno. */
static int64_t cpu_time(int pid)
{
	struct timespec used;
	clockid_t clock;
	int error = clock_getcpuclockid(pid, &clock);

	if (error)
		return -error;
	if (clock_gettime(clock, &used))
		return -errno;
	return used.tv_sec * 1000000000LL + used.tv_nsec;
}

static int measure_idle(int pid, double *ret_load)
{
	uint64_t began = clock_now_ns();
	int64_t before = cpu_time(pid), after;

	options_progress("leaving the switch alone for %d s", IDLE_S);
	nanosleep(&(struct timespec){.tv_sec = IDLE_S}, NULL);
	after = cpu_time(pid);
	options_progress(NULL);
	if (before < 0 || after < 0) {
		fprintf(stderr, "sluice-bench: process %d: %s\n", pid, strerror(ESRCH));
		return -ESRCH;
	}
	*ret_load = (double)(after - before) / (double)(clock_now_ns() - began);
	return 0;
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
		printf("idle load of process %d: %.3f %% of a processor\n", options->pid,
		       100 * findings->idle);
}

int command_wake(int argc, char **argv)
{
	static struct findings findings;
	static struct pair pair;
	struct options options = options_defaults();
	uint64_t kicks;
	int error = 0;

	if (options_parse(argc, argv, &options) != 2)
		return COMMAND_USAGE;
	if (placement_pin(options.cpu)) {
		fprintf(stderr, "sluice-bench: processor %d: %s\n", options.cpu, strerror(errno));
		return COMMAND_FAILED;
	}
	if (pair_create(&pair, &options.pair, argv[argc - 2], argv[argc - 1]))
		return COMMAND_FAILED;
	pair_load(&pair, &options.stream, false, options.warmup_s);
	findings.idle = -1;
	if (options.pid)
		error = measure_idle(options.pid, &findings.idle);
	kicks = pair.guests[0].tx.kicks;
	for (unsigned i = 0; i < options.count && !error; i++) {
		clock_nap_us(options.gap_ms * 1000);
		wake_once(&pair.streams[0], &findings);
		if (i % 10 == 0)
			options_progress("%u of %u", i, options.count);
	}
	options_progress(NULL);
	findings.kicks = pair.guests[0].tx.kicks - kicks;
	if (!error)
		print(&options, &findings);
	pair_destroy(&pair);
	return !error && findings.latency.count ? COMMAND_OK : COMMAND_FAILED;
}
