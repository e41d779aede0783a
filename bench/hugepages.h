/*
 * hugepages - huge pages of 2 MiB for those who run better with them: DPDK's peers and the guests.
 */
#ifndef BENCH_HUGEPAGES_H
#define BENCH_HUGEPAGES_H

#include <stdbool.h>

/*
 * See to it that @mib MiB are free, as root; false: they cannot be had. What was
 * reserved for that is given up again by hugepages_release().
 */
bool hugepages_reserve(unsigned mib);
void hugepages_release(void);

#endif
