/*
 * topology - see topology.h.
 */
#include "control/topology.h"

#include <stdio.h>
#include <unistd.h>

enum { NODES = 64 };

/* The first processor that shares the L3 of @cpu names the domain. */
static short domain_read(const char *sys, unsigned cpu)
{
	char path[256];
	FILE *file;
	int first;

	snprintf(path, sizeof(path), "%s/devices/system/cpu/cpu%u/cache/index3/shared_cpu_list",
		 sys, cpu);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &first) != 1 || first < 0 || first >= TOPOLOGY_CPUS)
		first = -1;
	fclose(file);
	return (short)first;
}

static short node_read(const char *sys, unsigned cpu)
{
	char path[256];

	for (short node = 0; node < NODES; node++) {
		snprintf(path, sizeof(path), "%s/devices/system/cpu/cpu%u/node%d", sys, cpu, node);
		if (!access(path, F_OK))
			return node;
	}
	return -1;
}

void topology_read(const char *sys, struct topology *ret_topology)
{
	for (unsigned cpu = 0; cpu < TOPOLOGY_CPUS; cpu++) {
		char path[256];

		ret_topology->domain[cpu] = ret_topology->node[cpu] = -1;
		snprintf(path, sizeof(path), "%s/devices/system/cpu/cpu%u", sys, cpu);
		if (access(path, F_OK))
			continue;
		ret_topology->domain[cpu] = domain_read(sys, cpu);
		ret_topology->node[cpu] = node_read(sys, cpu);
	}
}
