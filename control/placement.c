/*
 * placement - see placement.h.
 */
#include "control/placement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/vcpu.h"

enum {
	LOOK_MS = 1000,
	HURRY_MS = 20,
	LOOKS_A_TURN = 16, /* front-ends, of which each may have many threads */
	LOOKS_ALIKE = 3,   /* in a row, until a port follows its guest */
};

/* What is known of a port, by its id. */
struct placed {
	uint64_t cookie;  /* of the device that was told about */
	uint32_t told;	  /* workers; 0: any */
	uint32_t wish;	  /* of the last look */
	unsigned n_alike; /* looks with this wish */
};

struct placement {
	struct placement_options options;
	struct loop *loop;
	struct loop_timer timer;
	struct topology topology;
	uint32_t next; /* the model's port to go on with */
	struct placed ports[LIMIT_PORTS];
};

/* ---- choosing ---- */

/* The group, of those that @group tells for each processor, in which the guest runs most; -1: none. */
static short busiest_group(const short *group, const uint64_t *ticks)
{
	uint64_t sums[TOPOLOGY_CPUS] = {0};
	short best = -1;

	for (unsigned cpu = 0; cpu < TOPOLOGY_CPUS; cpu++) {
		short at = group[cpu];

		if (at < 0 || !ticks[cpu])
			continue;
		sums[at] += ticks[cpu];
		if (best < 0 || sums[at] > sums[best])
			best = at;
	}
	return best;
}

static uint32_t workers_of(const short *group, short wanted, const int *cpus, unsigned n)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < n; i++)
		if (wanted >= 0 && cpus[i] >= 0 && cpus[i] < TOPOLOGY_CPUS &&
		    group[cpus[i]] == wanted)
			mask |= 1u << i;
	return mask;
}

uint32_t placement_mask(const struct topology *topology, const int *cpus, unsigned n,
			const uint64_t ticks[static TOPOLOGY_CPUS])
{
	uint32_t mask =
		workers_of(topology->domain, busiest_group(topology->domain, ticks), cpus, n);

	if (!mask)
		mask = workers_of(topology->node, busiest_group(topology->node, ticks), cpus, n);
	/* all of them: no choice was made */
	return mask == (1u << n) - 1 ? 0 : mask;
}

/* The processors of the workers; how many there are. */
static unsigned workers_read(const struct placement *placement, int cpus[static LIMIT_WORKERS])
{
	const struct counters *counters = dataplane_counters(placement->options.dataplane);
	/* It was checked when it was mapped; shared memory is read once and bounded again. */
	uint32_t n = counters ? *(const volatile uint32_t *)&counters->n_workers : 0;

	if (n > LIMIT_WORKERS)
		n = LIMIT_WORKERS;
	for (unsigned i = 0; i < n; i++) {
		uint64_t cpu = counters->workers[i].cpu;

		cpus[i] = cpu < TOPOLOGY_CPUS ? (int)cpu : -1;
	}
	return n;
}

/* Is there anything to choose between? */
static bool workers_differ(const struct placement *placement, const int *cpus, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (cpus[0] >= 0 && cpus[i] >= 0 &&
		    placement->topology.domain[cpus[i]] != placement->topology.domain[cpus[0]])
			return true;
	return false;
}

/* ---- ports ---- */

/* Where the guest of @port is found now. False: it cannot be said. */
static bool guest_find(const struct placement *placement, pid_t pid, const int *cpus, unsigned n,
		       uint32_t *ret_mask)
{
	uint64_t ticks[TOPOLOGY_CPUS] = {0};

	if (pid <= 0 || vcpu_look(placement->options.proc, pid, ticks) <= 0)
		return false;
	*ret_mask = placement_mask(&placement->topology, cpus, n, ticks);
	return true;
}

static void port_tell(struct placement *placement, const struct model_port *port,
		      struct port_ref ref, struct placed *placed, uint32_t mask)
{
	char why[DATAPLANE_WHY];
	int error = dataplane_place(placement->options.dataplane, ref, mask, why);

	if (!error)
		placed->told = mask;
	else if (error != -ENOENT)
		fprintf(stderr, "sluiced: port %s: its workers: %s\n", port->name, why);
}

/* See to one port. True: a front-end was looked at. */
static bool port_place(struct placement *placement, const struct model_port *port, const int *cpus,
		       unsigned n, bool differ)
{
	struct port_ref ref = ids_port(placement->options.running->ids, port->name);
	struct attachment_report report;
	struct placed *placed;
	uint32_t wish = 0;
	bool looked = false;

	if (!attachments_report(placement->options.attachments, ref, &report) || !report.cookie)
		return false;
	placed = &placement->ports[ref.id];
	if (placed->cookie != report.cookie)
		*placed = (struct placed){.cookie = report.cookie, .n_alike = LOOKS_ALIKE};
	if (port->worker != MODEL_ANY_WORKER) {
		wish = 1u << port->worker;
	} else if (differ && report.pid > 0) {
		looked = true;
		if (!guest_find(placement, report.pid, cpus, n, &wish))
			return true;
		placed->n_alike = wish == placed->wish ? placed->n_alike + 1 : 1;
		placed->wish = wish;
		/* a guest that was never placed need not wait */
		if (placed->n_alike < LOOKS_ALIKE && placed->told)
			return true;
	}
	if (wish != placed->told)
		port_tell(placement, port, ref, placed, wish);
	return looked;
}

static void look(void *user)
{
	struct placement *placement = user;
	const struct model *model = placement->options.running->model;
	int cpus[LIMIT_WORKERS];
	unsigned n = workers_read(placement, cpus), looks = 0;
	bool differ = workers_differ(placement, cpus, n);
	uint32_t n_ports = model ? model->n_ports : 0;

	for (uint32_t i = 0; i < n_ports && n && looks < LOOKS_A_TURN; i++) {
		uint32_t at = placement->next++ % n_ports;

		looks += port_place(placement, &model->ports[at], cpus, n, differ);
	}
	/* overrides that were told stay told: only guests have to be looked at again */
	if (differ)
		loop_timer_set(placement->loop, &placement->timer, LOOK_MS);
}

void placement_hurry(struct placement *placement)
{
	if (placement)
		loop_timer_set(placement->loop, &placement->timer, HURRY_MS);
}

int placement_create(struct loop *loop, const struct placement_options *options,
		     struct placement **ret_placement)
{
	struct placement *placement = calloc(1, sizeof(*placement));

	if (!placement)
		return -ENOMEM;
	placement->options = *options;
	placement->loop = loop;
	placement->timer.expired = look;
	placement->timer.user = placement;
	topology_read(options->sys, &placement->topology);
	placement_hurry(placement);
	*ret_placement = placement;
	return 0;
}

void placement_destroy(struct placement *placement)
{
	if (!placement)
		return;
	loop_timer_cancel(&placement->timer);
	free(placement);
}
