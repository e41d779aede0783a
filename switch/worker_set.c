/*
 * worker_set - assigns and moves queues; see worker_set.h.
 */
#include "switch/worker_set.h"

#include <time.h>

#include "switch/rcu.h"

enum {
	GAIN_PART = 8,	/* a move must gain one in so many of a processor */
	ALIKE_PART = 8, /* loads that differ by less are the same to a new queue */
};

static uint32_t allowed_for(const struct worker_set *set, uint16_t id)
{
	uint32_t all = (1u << set->n) - 1, allowed = set->allowed[id] & all;

	return allowed ? allowed : all;
}

/* The worker of @allowed with the least to do: by what was measured, then by queues. */
static unsigned least_loaded(const struct worker_set *set, uint32_t allowed)
{
	uint64_t whole = 1, best_load = UINT64_MAX;
	unsigned best = 0, best_queues = 0;

	for (unsigned i = 0; i < set->n; i++)
		whole = set->load[i] > whole ? set->load[i] : whole;
	for (unsigned i = 0; i < set->n; i++) {
		uint64_t load = set->load[i] * ALIKE_PART / whole;
		unsigned queues = worker_load(set->workers[i]);

		if (!(allowed >> i & 1) || load > best_load ||
		    (load == best_load && queues >= best_queues))
			continue;
		best = i;
		best_load = load;
		best_queues = queues;
	}
	return best;
}

static void give(struct worker_set *set, unsigned worker, struct port_queue *queue)
{
	worker_add(set->workers[worker], queue);
	set->served[queue->port->ref.id][worker]++;
}

void worker_set_add(struct worker_set *set, struct port_queue *queue)
{
	give(set, least_loaded(set, allowed_for(set, queue->port->ref.id)), queue);
}

void worker_set_remove(struct worker_set *set, struct port_queue *queue)
{
	worker_remove(set->workers[queue->worker], queue);
	set->served[queue->port->ref.id][queue->worker]--;
}

void worker_set_rekick(struct worker_set *set, struct port_queue *queue, int kick)
{
	worker_rekick(set->workers[queue->worker], queue, kick);
}

/* Unlink, wait, add. */
static void move(struct worker_set *set, struct port_queue *queue, unsigned to)
{
	worker_set_remove(set, queue);
	rcu_synchronize();
	give(set, to, queue);
}

/* A queue of port @id at @worker, or NULL. */
static struct port_queue *find_queue(const struct worker_set *set, unsigned worker, uint16_t id)
{
	struct port_queue *queue;
	unsigned cursor = 0;
	uint64_t cycles;

	while ((queue = worker_share(set->workers[worker], &cursor, &cycles)))
		if (queue->port->ref.id == id)
			return queue;
	return NULL;
}

void worker_set_place(struct worker_set *set, uint16_t id, uint32_t allowed)
{
	struct port_queue *queue;

	set->allowed[id] = allowed;
	allowed = allowed_for(set, id);
	for (unsigned i = 0; i < set->n; i++)
		while (!(allowed >> i & 1) && set->served[id][i] &&
		       (queue = find_queue(set, i, id)))
			move(set, queue, least_loaded(set, allowed));
}

uint32_t worker_set_serving(const struct worker_set *set, uint16_t id)
{
	uint32_t serving = 0;

	for (unsigned i = 0; i < set->n; i++)
		serving |= (uint32_t)(set->served[id][i] != 0) << i;
	return serving;
}

/* A queue that could move, and what that would lower the higher of two loads by. */
struct move {
	struct port_queue *queue;
	unsigned to;
	uint64_t cycles, gain;
};

/* The best place for @queue, which costs @cycles at worker @from, if better than *@best. */
static void consider(const struct worker_set *set, unsigned from, struct port_queue *queue,
		     uint64_t cycles, struct move *best)
{
	uint32_t allowed = allowed_for(set, queue->port->ref.id);

	for (unsigned to = 0; to < set->n; to++) {
		uint64_t left = set->load[from] - cycles, then = set->load[to] + cycles;
		uint64_t higher = left > then ? left : then;

		if (to == from || !(allowed >> to & 1) || higher >= set->load[from] ||
		    set->load[from] - higher <= best->gain)
			continue;
		*best = (struct move){queue, to, cycles, set->load[from] - higher};
	}
}

/*
 * Move one queue of the busiest worker, if that gains more than @gain cycles. A queue that has
 * a worker to itself stays: it could only win what a measurement says wrongly.
 */
static void move_best(struct worker_set *set, uint64_t gain)
{
	struct move best = {.gain = gain};
	struct port_queue *queue;
	unsigned busiest = 0, cursor = 0;
	uint64_t cycles;

	for (unsigned i = 1; i < set->n; i++)
		if (set->load[i] > set->load[busiest])
			busiest = i;
	if (worker_load(set->workers[busiest]) < 2)
		return;
	while ((queue = worker_share(set->workers[busiest], &cursor, &cycles)))
		consider(set, busiest, queue, cycles, &best);
	if (!best.queue)
		return;
	move(set, best.queue, best.to);
	/* what comes until the next measurement knows of it */
	set->load[busiest] -= best.cycles;
	set->load[best.to] += best.cycles;
}

static struct worker_sample take_sample(const struct worker_counters *row)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct worker_sample){
		.ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
		.busy_ns = atomic_load_explicit(&row->busy_ns, memory_order_relaxed),
		.cycles = atomic_load_explicit(&row->cycles, memory_order_relaxed),
		.frames = atomic_load_explicit(&row->frames, memory_order_relaxed),
	};
}

/* Write into the counters what happened since the oldest sample, and put a new one in its place. */
static void tell_recent(struct worker_set *set)
{
	unsigned n = set->n_samples++, newest = n % WORKER_SET_RECENT;
	unsigned oldest = n < WORKER_SET_RECENT ? 0 : newest;

	for (unsigned i = 0; set->counters && i < set->n; i++) {
		struct worker_counters *row = &set->counters->workers[i];
		struct worker_sample now = take_sample(row), then = set->samples[oldest][i];

		set->samples[newest][i] = now;
		if (!n)
			continue;
		atomic_store_explicit(&row->recent_ns, now.ns - then.ns, memory_order_relaxed);
		atomic_store_explicit(&row->recent_busy_ns, now.busy_ns - then.busy_ns,
				      memory_order_relaxed);
		atomic_store_explicit(&row->recent_cycles, now.cycles - then.cycles,
				      memory_order_relaxed);
		atomic_store_explicit(&row->recent_frames, now.frames - then.frames,
				      memory_order_relaxed);
	}
}

void worker_set_balance(struct worker_set *set)
{
	uint64_t now = worker_cycles_now(), passed = now - set->balanced_at;
	bool first = !set->balanced_at;

	for (unsigned i = 0; i < set->n; i++) {
		set->load[i] = worker_measure(set->workers[i]);
		worker_look(set->workers[i]);
	}
	set->balanced_at = now;
	tell_recent(set);
	if (!first && set->n > 1)
		move_best(set, passed / GAIN_PART);
}
