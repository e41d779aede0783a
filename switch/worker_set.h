/*
 * worker_set - all workers, and which of them serves which queue.
 *
 * A queue goes to the worker with the least to do among those that its port may
 * be served by: all, unless the control process knows better, because it sees on
 * which processors the guest runs. About once a second the set is balanced by the
 * cycles that each queue's bursts took: one queue moves from the busiest worker
 * if that lowers the load of the busier of the two by an eighth of a processor or
 * more; moving it back would not, so nothing swings. A move is a removal (unlink,
 * wait) and an addition: between two bursts, and no frame overtakes another.
 *
 * Threads. All functions belong to the control thread.
 */
#ifndef SWITCH_WORKER_SET_H
#define SWITCH_WORKER_SET_H

#include "switch/worker.h"

enum {
	WORKER_SET_RECENT = 4, /* balancings that "recent" in the counters means */
};

/* What a worker had counted at some time. */
struct worker_sample {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint64_t busy_ns, cycles, frames;
};

struct worker_set {
	unsigned n;
	struct worker *workers[LIMIT_WORKERS];
	struct counters *counters; /* NULL: nobody wants to know what is recent */

	/* by port id: bit i: worker i may serve it; 0: any worker */
	uint32_t allowed[LIMIT_PORTS];
	/* how many queues of a port a worker serves */
	uint8_t served[LIMIT_PORTS][LIMIT_WORKERS];

	uint64_t load[LIMIT_WORKERS]; /* cycles between the last two balancings */
	uint64_t balanced_at;	      /* cycles; 0: never */
	unsigned n_samples;	      /* ever */
	struct worker_sample samples[WORKER_SET_RECENT][LIMIT_WORKERS];
};

void worker_set_add(struct worker_set *set, struct port_queue *queue);
void worker_set_remove(struct worker_set *set, struct port_queue *queue);
void worker_set_rekick(struct worker_set *set, struct port_queue *queue, int kick);

/*
 * Let only the workers of @allowed (a mask; 0: any) serve port @id. Those that
 * there are not do not count; if none is left, any may. Its queues move at once.
 */
void worker_set_place(struct worker_set *set, uint16_t id, uint32_t allowed);

/* The workers that serve queues of port @id, as a mask. */
uint32_t worker_set_serving(const struct worker_set *set, uint16_t id);

/*
 * Measure, balance, say in the counters what was recent, and let all quiet queues be
 * looked at. To be called about once a second.
 */
void worker_set_balance(struct worker_set *set);

#endif
