/*
 * worker - the threads that move frames.
 *
 * A worker takes a burst from each of its active queues in turn, and passes a
 * quiescent point (rcu.h) after each burst: that is how long the control thread
 * ever waits for it. A queue that was empty for a while becomes quiet: it is
 * asked to tell when frames come (a kick), and not touched until it does. So
 * idle ports cost a busy worker nothing, and a worker all of whose queues are
 * quiet sleeps.
 *
 * Turns are weighed by the time that bursts took, whatever made them dear: a queue
 * whose burst took longer than a quantum (50 us) gets shorter ones, down to a frame,
 * and leaves out as many turns as it took quanta too many, while others have frames.
 *
 * The bound. With a latency of L, a frame waits at most L before its worker looks
 * for it, and for the time that the kernel needs to wake a thread: naps between
 * two looks are never longer than L, and a worker that is busy asks for kicks
 * once every L. While there is much to do it looks without a pause. An L of 0
 * means: never nap, never wait for a kick.
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
	WORKER_LATENCY_US = 50,	       /* unless it is told otherwise */
	WORKER_LATENCY_MAX_US = 10000, /* naps are in whole milliseconds from one on */
	WORKER_TIMED_MS = 1,	       /* how often to look at quiet queues that cannot kick */
	WORKER_UNPINNED = -1,
};

struct worker;

struct worker_options {
	unsigned index; /* its number; its rows of counters */
	int cpu;	/* to run on, or WORKER_UNPINNED */
	uint32_t latency_us;
	struct counters *counters;
	const struct port_table *ports;
	const struct policy *_Atomic *policy; /* the published one; NULL: none yet */
	struct fdb *fdb;
	struct sessions *sessions; /* NULL: none are kept */
	struct uring *ring;	   /* NULL: no ports that need one */
	struct rate_table *rates;
};

/* Start a worker without queues. -errno. */
int worker_create(const struct worker_options *options, struct worker **ret_worker)
	__attribute__((warn_unused_result));

/* Stop the thread and wait for it. It must have no queues any more. NULL is fine. */
void worker_destroy(struct worker *worker);

/* How many queues it serves. */
unsigned worker_load(const struct worker *worker);

/*
 * Let the worker serve @queue, and look at it once right away. Fills in the
 * queue's worker and ring.
 */
void worker_add(struct worker *worker, struct port_queue *queue);

/*
 * Unlink @queue. The worker may still use it until the next grace period:
 * rcu_synchronize() comes before anything of it is freed, or another worker gets it.
 */
void worker_remove(struct worker *worker, struct port_queue *queue);

/* The queue's kick fd is @kick from now on; the old one is still open. */
void worker_rekick(struct worker *worker, struct port_queue *queue, int kick);

/*
 * Let the worker look at all its queues once, quiet ones too. To be called now and
 * then for the sake of those that have spoilt their kicks: an eventfd that its owner
 * has filled up has no more edges.
 */
void worker_look(struct worker *worker);

/*
 * What its queues cost since the last call: their cycles in all. Until the next
 * call worker_share() tells of each, at @cursor (0 at first, moved on): NULL when
 * there are no more.
 */
uint64_t worker_measure(struct worker *worker);
struct port_queue *worker_share(const struct worker *worker, unsigned *cursor,
				uint64_t *ret_cycles);

/* A processor's own counter of time: the TSC, or what is like it. */
uint64_t worker_cycles_now(void);

#endif
