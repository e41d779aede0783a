/*
 * topology - which processors share what, as the kernel tells it under /sys.
 *
 * A domain is what the processors with one last-level cache (L3) share, a node
 * what those with one memory controller share. Both are numbers to compare; -1
 * where the kernel does not tell.
 */
#ifndef CONTROL_TOPOLOGY_H
#define CONTROL_TOPOLOGY_H

enum { TOPOLOGY_CPUS = 1024 };

struct topology {
	short domain[TOPOLOGY_CPUS];
	short node[TOPOLOGY_CPUS];
};

/* What @sys (usually "/sys") says. */
void topology_read(const char *sys, struct topology *ret_topology);

#endif
