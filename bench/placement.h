/*
 * placement - how far apart two processors are, right now.
 *
 * A hypervisor moves virtual processors between hardware threads within seconds:
 * from sharing a core to sharing an L3 cache to sharing nothing, and a switch's
 * throughput by a factor of five with it. So a figure is worth something only
 * with the distance at its moment, which this measures: a cache line goes back
 * and forth between the two processors, and the fastest round trips are timed.
 *
 * The thread on the other processor runs with real-time priority for the instant,
 * to get past a switch that polls there; without the privilege it waits for its
 * turn. Threads: the functions belong to one thread, pinned by placement_pin().
 */
#ifndef BENCH_PLACEMENT_H
#define BENCH_PLACEMENT_H

#include <stdint.h>

enum placement {
	PLACEMENT_UNKNOWN = 0, /* not asked for, or it changed meanwhile */
	PLACEMENT_CORE,	       /* two threads of one core */
	PLACEMENT_L3,	       /* two cores that share an L3 cache */
	PLACEMENT_FAR,	       /* neither */
	PLACEMENT__COUNT,
};

struct placement_probe;

const char *placement_name(enum placement placement);

/* What the hypervisor kept of all processors to itself until now; 0 where it does not tell. */
uint64_t placement_stolen_ms(void);

/* How long this thread waited until now for a processor that others had (/proc/PID/schedstat). */
uint64_t placement_waited_ns(void);

/* Keep this thread on @cpu. 0 or -errno. */
int placement_pin(int cpu);

/* A probe between the processor of this thread and @cpu. 0 or -errno. */
int placement_create(int cpu, struct placement_probe **ret_probe);
void placement_destroy(struct placement_probe *probe);

/* The distance now. A NULL probe knows nothing. */
enum placement placement_measure(struct placement_probe *probe);

#endif
