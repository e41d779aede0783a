/*
 * placement - which workers shall serve which port.
 *
 * Moving a frame costs two to three times as much when the worker and the guest
 * do not share a last-level cache. So a port is served by the workers of the
 * domain (topology.h) where its guest's threads run (vcpu.h), if there are any;
 * else by those of its node; else by any. A port with `worker: N` is served by
 * worker N, wherever the guest is.
 *
 * Guests move: each second some front-ends are looked at again, and a port follows
 * its guest when it was found in the same new domain at a few looks in a row. Where
 * all workers share one cache there is nothing to follow, and nobody is looked at.
 * The data plane chooses among the workers that a port may have (worker_set.h).
 */
#ifndef CONTROL_PLACEMENT_H
#define CONTROL_PLACEMENT_H

#include "control/attachment.h"
#include "control/running.h"
#include "control/topology.h"

struct placement;

struct placement_options {
	const char *sys, *proc; /* where the kernel tells; borrowed */
	struct dataplane *dataplane;
	const struct attachments *attachments;
	const struct running *running;
};

/* Begin; looks at once, then every second, from the loop. */
int placement_create(struct loop *loop, const struct placement_options *options,
		     struct placement **ret_placement) __attribute__((warn_unused_result));
void placement_destroy(struct placement *placement); /* NULL is fine */

/* Another port or another front-end: look soon. */
void placement_hurry(struct placement *placement);

/*
 * The workers, as a mask, that should serve a guest of which @ticks says how much
 * it runs on each processor; @cpus: of the @n workers, -1: not pinned. 0: any.
 */
uint32_t placement_mask(const struct topology *topology, const int *cpus, unsigned n,
			const uint64_t ticks[static TOPOLOGY_CPUS]);

#endif
