/*
 * bars - how fast Sluice is meant to be, compared with others, and whether it was.
 */
#ifndef BENCH_BARS_H
#define BENCH_BARS_H

#include "bench/compare.h"

void bars_print(const struct compare *compare, FILE *to);
json_t *bars_report(const struct compare *compare);

#endif
