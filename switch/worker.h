/*
 * worker - the threads that move frames.
 *
 * A worker polls the queues that it was given, one burst each in turn, and
 * passes a quiescent point (rcu.h) after each burst: that is how long the
 * control thread ever waits for it. As long as frames come it does not sleep;
 * after the last one it keeps looking for a short time, ever more seldom, then
 * asks all its queues to be woken up, looks once more, and sleeps.
 *
 * Threads. All functions belong to the control thread. What worker and control
 * thread share are atomics: the places of the worker's queues, its order to
 * stop, and the policy.
 *
 * Memory. Everything is allocated by worker_create().
 */
#ifndef SWITCH_WORKER_H
#define SWITCH_WORKER_H

#include "switch/pipeline.h"

enum {
	WORKER_SPIN_US = 50, /* how long to look for more after the last frame: about one wake-up */
	WORKER_TIMED_MS = 1, /* how often to look at queues that cannot wake anybody */
	WORKER_UNPINNED = -1,
};

struct worker;

struct worker_options {
	unsigned index; /* its number; its rows of counters */
	int cpu;	/* to run on, or WORKER_UNPINNED */
	struct counters *counters;
	const struct port_table *ports;
	const struct policy *_Atomic *policy; /* the published one; NULL: none yet */
	struct fdb *fdb;
	struct uring *ring; /* NULL: no ports that need one */
};

/* Start a worker without queues. -errno. */
int worker_create(const struct worker_options *options, struct worker **ret_worker)
	__attribute__((warn_unused_result));

/* Stop the thread and wait for it. It must have no queues any more. NULL is fine. */
void worker_destroy(struct worker *worker);

/* How many queues it polls. */
unsigned worker_load(const struct worker *worker);

/*
 * Let the worker poll @queue, and look at it once right away. Fills in the
 * queue's worker and ring.
 */
void worker_add(struct worker *worker, struct port_queue *queue);

/*
 * Unlink @queue. The worker may still use it until the next grace period:
 * rcu_synchronize() comes before anything of it is freed.
 */
void worker_remove(struct worker *worker, struct port_queue *queue);

/* The queue's kick fd is @kick from now on; the old one is still open. */
void worker_rekick(struct worker *worker, struct port_queue *queue, int kick);

/* All workers; queues go to the one with the fewest. */
struct worker_set {
	unsigned n;
	struct worker *workers[LIMIT_WORKERS];
};

void worker_set_add(struct worker_set *set, struct port_queue *queue);
void worker_set_remove(struct worker_set *set, struct port_queue *queue);
void worker_set_rekick(struct worker_set *set, struct port_queue *queue, int kick);

#endif
