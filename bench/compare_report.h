/*
 * compare_report - what a comparison found: a table of ratios, the bars, JSON and a plot.
 */
#ifndef BENCH_COMPARE_REPORT_H
#define BENCH_COMPARE_REPORT_H

#include "bench/compare.h"

void compare_print(const struct compare *compare, FILE *to);
json_t *compare_report(const struct compare *compare);

/* A picture of the medians, drawn by gnuplot (SVG, or PNG by its name). 0 or -errno, said on stderr. */
int compare_plot(const struct compare *compare, const char *path);

#endif
