/*
 * window - what was measured in one short span of time, and medians of many.
 *
 * Windows are compared only with windows of the same placement (placement.h):
 * a summary is the median and the best of those, for each placement that was seen.
 */
#ifndef BENCH_WINDOW_H
#define BENCH_WINDOW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/placement.h"
#include "bench/stream.h"

struct window {
	enum placement placement;
	double seconds;
	struct stream_counts
		counts; /* received and bytes: in time; all else: of all that was sent */
	uint64_t lost;
	uint64_t unsent; /* at a rate: frames that were due, and there was no room to send them */
	uint64_t gap_ns; /* at a rate: the longest time in which the generator did nothing */
	uint64_t stolen_ms; /* that the hypervisor kept processors to itself */
	uint64_t waited_ns; /* that generator and switch waited for processors that others had */
};

struct window_summary {
	unsigned windows;
	double mpps; /* medians */
	double gbps;
	double best_mpps;
	double loss;	/* of all that was sent, 0..1 */
	uint64_t wrong; /* frames that were late, corrupt or foreign */
};

enum { WINDOW_GAP_MAX_NS = 1000000 };

/* Did the machine take a processor away? What was lost or late then tells nothing about the switch. */
static inline bool window_is_disturbed(const struct window *window)
{
	return window->stolen_ms > 0 || window->gap_ns > WINDOW_GAP_MAX_NS;
}

static inline double window_mpps(const struct window *window)
{
	return (double)window->counts.received / window->seconds / 1e6;
}

/* The part of what was offered that did not arrive. */
static inline double window_loss(const struct window *window)
{
	uint64_t missing = window->lost + window->unsent;
	uint64_t offered = window->counts.sent + window->unsent;

	return offered ? (double)missing / (double)offered : 0;
}

/* The median of @n values, which are sorted by it. */
double window_median(double *values, unsigned n);

/* Of the windows with @placement among @n. */
struct window_summary window_summarise(const struct window *windows, unsigned n,
				       enum placement placement);

/* A line for each placement that was seen, behind @title. */
void window_print_heading(FILE *to);
void window_print(FILE *to, const char *title, const struct window *windows, unsigned n);

/* The same, and every window, as an object. */
json_t *window_report(const struct window *windows, unsigned n);

#endif
