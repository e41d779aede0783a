/*
 * worker - polls, spins, sleeps; see worker.h.
 *
 * Queues. The control thread keeps the places dense: it fills the hole of a
 * removed queue with the last one. A worker that walks over them at that moment
 * may see a queue twice in a round or miss it until the next; both are harmless,
 * and nothing has to be allocated or freed.
 *
 * Sleeping without losing a wake-up. Before it sleeps the worker arms every
 * queue: "tell me from now on", then looks whether something had come already
 * (reference H7). Kick fds are watched edge-triggered: every kick wakes a
 * sleeper, and nobody has to read them. The control thread's wake fd is
 * level-triggered and read.
 *
 * Time. One reading of the clock a round, without a system call (vDSO), serves
 * the ageing of addresses, the accounting and the decision to sleep.
 */
#include "switch/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "switch/rcu.h"
#include "switch/uring.h"

enum {
	WAKE_EVENTS = 16,
	QUEUES = LIMIT_PORTS * 2 *
		 LIMIT_QUEUE_PAIRS, /* all there can be: port_vhost.c says why twice */
	PAUSES_MAX = 256, /* longest distance between two looks while spinning: some 5 us */
};

struct worker {
	struct worker_options options;
	struct pipeline *pipeline;
	struct worker_counters *row;
	pthread_t thread;
	sem_t running; /* posted when the thread has begun */
	int epoll;
	int wake; /* eventfd of the control thread */

	/* the worker's own */
	uint64_t now;	     /* CLOCK_MONOTONIC, ns: when it last looked */
	uint64_t cycles;     /* the same moment */
	uint64_t last_frame; /* when it last moved one */
	unsigned pauses;     /* until the next look */

	/* written by the control thread, read by the worker */
	atomic_bool stop;
	atomic_uint n_queues;
	atomic_uint n_timed;
	struct port_queue *_Atomic queues[QUEUES];
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A processor's own counter of time: the TSC, or what is like it. */
static uint64_t cycles_now(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return clock_ns();
#endif
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* ---- the thread ---- */

/* One burst from each queue. Returns how many frames were taken. */
static unsigned run_round(struct worker *worker, clock_ms now)
{
	const struct worker_options *options = &worker->options;
	unsigned taken = 0, bursts = 0;

	for (unsigned i = 0; i < atomic_load_explicit(&worker->n_queues, memory_order_relaxed);
	     i++) {
		struct port_queue *queue = rcu_read(&worker->queues[i]);
		const struct policy *policy = rcu_read(options->policy);
		unsigned n;

		if (queue && policy) {
			n = pipeline_run(worker->pipeline, policy, options->fdb, queue, now);
			taken += n;
			bursts += n != 0;
		}
		rcu_quiescent();
	}
	if (taken) {
		counter_add(&worker->row->frames, taken);
		counter_add(&worker->row->bursts, bursts);
	}
	return taken;
}

/* Call @arm for all queues until one has frames. True: one has. */
static bool arm_all(struct worker *worker)
{
	for (unsigned i = 0; i < atomic_load_explicit(&worker->n_queues, memory_order_relaxed);
	     i++) {
		struct port_queue *queue = rcu_read(&worker->queues[i]);

		if (queue && queue->port->ops->arm(queue))
			return true;
	}
	return false;
}

static void disarm_all(struct worker *worker)
{
	for (unsigned i = 0; i < atomic_load_explicit(&worker->n_queues, memory_order_relaxed);
	     i++) {
		struct port_queue *queue = rcu_read(&worker->queues[i]);

		if (queue)
			queue->port->ops->disarm(queue);
	}
}

/* Sleep until something may have come. */
static void wait_for_events(struct worker *worker)
{
	struct epoll_event events[WAKE_EVENTS];
	unsigned timed = atomic_load_explicit(&worker->n_timed, memory_order_relaxed);
	uint64_t count;
	int n;

	counter_add(&worker->row->sleeps, 1);
	rcu_offline();
	n = epoll_wait(worker->epoll, events, WAKE_EVENTS, timed ? WORKER_TIMED_MS : -1);
	rcu_online();
	for (int i = 0; i < n; i++)
		if (events[i].data.fd == worker->wake)
			(void)!read(worker->wake, &count, sizeof(count));
}

/* Read the clocks; what passed since the last time was @busy or not. */
static void pass_time(struct worker *worker, bool busy)
{
	struct worker_counters *row = worker->row;
	uint64_t now = clock_ns(), cycles = cycles_now();

	counter_add(busy ? &row->busy_ns : &row->idle_ns, now - worker->now);
	if (busy)
		counter_add(&row->cycles, cycles - worker->cycles);
	worker->now = now;
	worker->cycles = cycles;
}

/* Nothing came: look again soon, or later, or when somebody calls. */
static void rest(struct worker *worker)
{
	if (worker->now - worker->last_frame < WORKER_SPIN_US * 1000) {
		for (unsigned i = 0; i < worker->pauses; i++)
			relax();
		worker->pauses = worker->pauses < PAUSES_MAX ? 2 * worker->pauses : PAUSES_MAX;
	} else {
		if (!arm_all(worker))
			wait_for_events(worker);
		disarm_all(worker);
	}
	pass_time(worker, false);
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;

	rcu_register();
	sem_post(&worker->running);
	worker->now = worker->last_frame = clock_ns();
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		unsigned taken;

		if (worker->options.ring)
			uring_reap(worker->options.ring);
		taken = run_round(worker, worker->now / 1000000);
		pass_time(worker, taken > 0);
		if (taken) {
			worker->last_frame = worker->now;
			worker->pauses = 1;
		} else {
			rest(worker);
		}
	}
	rcu_unregister();
	return NULL;
}

/* ---- the control thread ---- */

static int watch(struct worker *worker, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int start_thread(struct worker *worker)
{
	pthread_attr_t attributes;
	cpu_set_t cpus;
	int error;

	error = pthread_attr_init(&attributes);
	if (error)
		return -error;
	if (worker->options.cpu != WORKER_UNPINNED) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)worker->options.cpu, &cpus);
		error = pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	}
	if (!error)
		error = pthread_create(&worker->thread, &attributes, worker_main, worker);
	pthread_attr_destroy(&attributes);
	if (error)
		return -error;
	/* libc makes system calls on the thread's first steps that the sandbox forbids later */
	while (sem_wait(&worker->running))
		;
	return 0;
}

int worker_create(const struct worker_options *options, struct worker **ret_worker)
{
	struct pipeline_options pipeline_options = {
		.ports = options->ports,
		.counters = options->counters,
		.writer = options->index,
		.ring = options->ring,
	};
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	if (!worker)
		return -ENOMEM;
	worker->options = *options;
	worker->pauses = 1;
	worker->row = &options->counters->workers[options->index];
	atomic_store_explicit(&worker->row->cpu, (uint64_t)(int64_t)options->cpu,
			      memory_order_relaxed);
	error = pipeline_create(&pipeline_options, &worker->pipeline);
	if (error)
		goto free_worker;
	sem_init(&worker->running, 0, 0);
	worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (worker->wake < 0 || worker->epoll < 0) {
		error = -errno;
		goto close_fds;
	}
	error = watch(worker, worker->wake, EPOLLIN);
	if (!error && options->ring)
		error = watch(worker, uring_fd(options->ring), EPOLLIN);
	if (!error)
		error = start_thread(worker);
	if (error)
		goto close_fds;
	*ret_worker = worker;
	return 0;

close_fds:
	if (worker->wake >= 0)
		close(worker->wake);
	if (worker->epoll >= 0)
		close(worker->epoll);
	pipeline_destroy(worker->pipeline);
free_worker:
	free(worker);
	return error;
}

static void wake(struct worker *worker)
{
	uint64_t one = 1;

	(void)!write(worker->wake, &one, sizeof(one));
}

void worker_destroy(struct worker *worker)
{
	if (!worker)
		return;
	atomic_store_explicit(&worker->stop, true, memory_order_relaxed);
	wake(worker);
	pthread_join(worker->thread, NULL);
	close(worker->wake);
	close(worker->epoll);
	pipeline_destroy(worker->pipeline);
	free(worker);
}

unsigned worker_load(const struct worker *worker)
{
	return atomic_load_explicit(&worker->n_queues, memory_order_relaxed);
}

/* Watch the queue's kicks; a kick fd that cannot be watched is as good as none. */
static void watch_kick(struct worker *worker, struct port_queue *queue)
{
	if (queue->kick >= 0 && watch(worker, queue->kick, EPOLLIN | EPOLLET)) {
		queue->kick = -1;
		queue->timed = true;
	}
	if (queue->timed)
		atomic_fetch_add_explicit(&worker->n_timed, 1, memory_order_relaxed);
}

static void unwatch_kick(struct worker *worker, struct port_queue *queue)
{
	if (queue->kick >= 0)
		epoll_ctl(worker->epoll, EPOLL_CTL_DEL, queue->kick, NULL);
	if (queue->timed)
		atomic_fetch_sub_explicit(&worker->n_timed, 1, memory_order_relaxed);
}

void worker_add(struct worker *worker, struct port_queue *queue)
{
	unsigned n = worker_load(worker);

	queue->worker = (uint16_t)worker->options.index;
	queue->ring = worker->options.ring;
	watch_kick(worker, queue);
	rcu_publish(&worker->queues[n], queue);
	atomic_store_explicit(&worker->n_queues, n + 1, memory_order_relaxed);
	atomic_store_explicit(&worker->row->ports, n + 1, memory_order_relaxed);
	wake(worker);
}

void worker_remove(struct worker *worker, struct port_queue *queue)
{
	unsigned n = worker_load(worker);

	for (unsigned i = 0; i < n; i++) {
		if (rcu_read(&worker->queues[i]) != queue)
			continue;
		rcu_publish(&worker->queues[i], rcu_read(&worker->queues[n - 1]));
		rcu_publish(&worker->queues[n - 1], NULL);
		atomic_store_explicit(&worker->n_queues, n - 1, memory_order_relaxed);
		atomic_store_explicit(&worker->row->ports, n - 1, memory_order_relaxed);
		unwatch_kick(worker, queue);
		return;
	}
}

void worker_rekick(struct worker *worker, struct port_queue *queue, int kick)
{
	unwatch_kick(worker, queue);
	queue->kick = kick;
	queue->timed = kick < 0;
	watch_kick(worker, queue);
	/* a kick may have gone to the old fd unseen */
	wake(worker);
}

void worker_set_add(struct worker_set *set, struct port_queue *queue)
{
	struct worker *least = set->workers[0];

	for (unsigned i = 1; i < set->n; i++)
		if (worker_load(set->workers[i]) < worker_load(least))
			least = set->workers[i];
	worker_add(least, queue);
}

void worker_set_remove(struct worker_set *set, struct port_queue *queue)
{
	worker_remove(set->workers[queue->worker], queue);
}

void worker_set_rekick(struct worker_set *set, struct port_queue *queue, int kick)
{
	worker_rekick(set->workers[queue->worker], queue, kick);
}
