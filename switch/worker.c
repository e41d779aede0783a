/*
 * worker - looks, naps, sleeps; see worker.h.
 *
 * Queues. Each has a place for as long as the worker serves it. The control
 * thread fills and empties places; the worker keeps a list of those that are
 * active. A place that is filled anew is looked at because of the news flag; one
 * that was emptied is dropped from the list when the worker finds it empty.
 *
 * Quiet without losing a wake-up. Before a queue leaves the list it is armed:
 * "tell me from now on", then looked at once more (reference H7). If the frame
 * was published before the arming, the look finds it; if after, its sender sees
 * the arming and kicks. Kick fds are watched edge-triggered, so a kick is kept in
 * the epoll set until the worker asks, whether it sleeps or is busy elsewhere:
 * the queue is then active again. Nobody has to read them; a kick that comes for
 * nothing costs one look. Who fills up its own eventfd is heard once a second
 * (worker_look()). What the control thread has to say works the same way:
 * it stores first (a place, the order to stop), then writes to the wake fd, which
 * is level-triggered and read before the worker loads what was stored.
 * tests/unit/runtime/test_sleep.c tries all interleavings.
 *
 * Looks. After a frame the worker looks again at once. After an empty look it
 * waits: naps while it has little to do, the longer the less, so that the
 * processor's time follows the load; or short pauses, twice as long each time, while
 * it has much to do, when so much would pile up in a nap that it is no gain. A queue
 * whose frames come further apart than the worker would nap for is not waited for
 * at all: it is quiet after its first empty look, and its kicks are cheaper. Taps and
 * devices always are. A worker that has much to do and whose queues are all quiet asks for
 * kicks, for a latency, before it sleeps: to wake a processor costs its waker more than a frame.
 *
 * Turns. What may be cheap or dear is a frame: one that becomes a thousand segments costs as much
 * as thousands that pass. So turns are weighed by what they cost, not by frames. A burst that
 * took longer than a quantum makes the next ones of its queue shorter, to a quantum if a frame
 * allows; and what it took beyond is a debt, of which each round pays a quantum: until then the
 * others have their turns (deficit round robin). If they want none, then who owes least goes on
 * at once. A debt is bounded, for it may be the kernel's that took the processor away. The plain
 * path's bursts take a fraction of a quantum and know nothing of this.
 *
 * Time. One reading of the clock a round, without a system call (vDSO), serves
 * the ageing of addresses, the accounting and the decision to rest. A burst's
 * cycles are charged to its queue: worker_set.h balances by them.
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
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "switch/rcu.h"

enum {
	EVENTS = 64, /* taken from the epoll set at a time */
	PLACES = LIMIT_PORTS * 2 *
		 LIMIT_QUEUE_PAIRS, /* all there can be: port_vhost.c says why twice */
	WAKE = PLACES,	       /* what the wake fd's event carries, where kicks' have a place */
	PATIENCE = 4,	       /* latencies without a frame until a busy queue is quiet */
	PAUSES_MAX = 256,      /* longest distance between two looks without a nap: some 5 us */
	LOOK_MIN_NS = 10000,   /* between two looks for kicks, however short the latency */
	NAP_MIN_NS = 16000,    /* a shorter one costs more than it saves */
	WINDOW_NS = 250000,    /* over which the load is measured */
	NAP_LOAD_PERCENT = 35, /* the most that there may be to do for naps */
	QUANTUM_NS = 50000,    /* a burst may take as long, and its queue owes nothing */
	DEBT_QUANTA = 16,      /* the most that a queue can owe */
};

/* A queue that the worker serves. */
struct place {
	struct port_queue *_Atomic queue; /* NULL: none */
	atomic_bool timed;		  /* it cannot kick */
	counter cycles;			  /* spent on its bursts */

	/* the worker's own */
	bool active;
	uint64_t last_frame; /* ns */
	uint64_t busy_until; /* before, it is not quiet */
	uint64_t debt;	     /* cycles that it took beyond its quanta */
	unsigned room;	     /* frames that its next burst may have; 0: there was none yet */

	/* the control thread's own */
	uint64_t measured; /* cycles at the last worker_measure() */
	uint64_t share;	   /* cycles between the last two */
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
	uint64_t latency;      /* ns */
	uint64_t now;	       /* CLOCK_MONOTONIC, ns: when it last looked */
	uint64_t cycles;       /* the same moment */
	uint64_t looked;       /* when it last looked for kicks */
	uint64_t last_frame;   /* when it last had one, of any queue */
	uint64_t timed_at;     /* when it last looked at the queues that cannot kick */
	unsigned pauses;       /* until the next look, instead of a nap */
	uint64_t window;       /* ns that have passed of the window */
	uint64_t window_busy;  /* of them */
	uint64_t window_began; /* in cycles */
	uint64_t quantum;      /* QUANTUM_NS in cycles, as of the last window; at first for ever */
	unsigned load;	       /* percent of the last window */
	unsigned n_active;
	uint16_t active[PLACES]; /* the places that are looked at in each round */

	/* written by the control thread, read by the worker */
	atomic_bool stop;
	atomic_uint n_timed;
	atomic_uint n_places; /* up to the last that is filled */
	atomic_bool news; /* a place was filled, or its kick changed; the worker takes it back */
	struct place places[PLACES];

	unsigned n_queues; /* the control thread's */
};
_Static_assert(PLACES <= 1 << 16, "a place's number fits the list");

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t worker_cycles_now(void)
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

/* ---- the thread: queues ---- */

/* Look at @number in the next rounds; if it is empty then it is quiet again at once. */
static void activate(struct worker *worker, unsigned number)
{
	struct place *place = &worker->places[number];
	struct port_queue *queue = rcu_read(&place->queue);

	if (!queue)
		return;
	queue->port->ops->disarm(queue);
	if (place->active)
		return;
	place->active = true;
	place->busy_until = 0;
	if (!place->room)
		place->room = LIMIT_BURST;
	worker->active[worker->n_active++] = (uint16_t)number;
}

/* Is an empty @queue to be left until it kicks? Then it is armed. */
static bool becomes_quiet(struct worker *worker, struct place *place, struct port_queue *queue)
{
	if (!queue->calls && (!worker->latency || worker->now < place->busy_until))
		return false;
	if (!queue->port->ops->arm(queue))
		return true;
	/* a frame came in between */
	queue->port->ops->disarm(queue);
	return false;
}

/* Frames came: more are to be expected soon if these came soon after the last ones. */
static void becomes_busy(struct worker *worker, struct place *place)
{
	uint64_t patience = PATIENCE * worker->latency;

	if (worker->now - place->last_frame < patience)
		place->busy_until = worker->now + patience;
	place->last_frame = worker->now;
}

/* A burst of @n frames from @place took @cycles: what its next ones may have, and when. */
static void charge(const struct worker *worker, struct place *place, unsigned n, uint64_t cycles)
{
	const uint64_t quantum = worker->quantum;

	counter_add(&place->cycles, cycles);
	if (__builtin_expect(cycles > quantum, 0)) {
		uint64_t debt = cycles - quantum, debt_max = DEBT_QUANTA * quantum;

		place->debt = debt < debt_max ? debt : debt_max;
		place->room = (unsigned)(n * quantum / cycles);
		place->room += !place->room;
	} else if (n >= place->room && cycles < quantum / 2) {
		place->room = place->room < LIMIT_BURST / 2 ? 2 * place->room : LIMIT_BURST;
	}
}

/* Is it the others' turn? Then @place owes less. */
static bool waits(const struct worker *worker, struct place *place)
{
	if (__builtin_expect(!place->debt, 1))
		return false;
	place->debt -= place->debt < worker->quantum ? place->debt : worker->quantum;
	return true;
}

/* One burst from @place. Returns how many frames were taken; *@ret_keep: it stays active. */
static unsigned visit(struct worker *worker, struct place *place, bool *ret_keep)
{
	const struct worker_options *options = &worker->options;
	struct port_queue *queue = rcu_read(&place->queue);
	const struct policy *policy = rcu_read(options->policy);
	unsigned n = 0;

	*ret_keep = queue;
	if (!queue)
		return 0;
	if (policy)
		n = pipeline_run(worker->pipeline, policy, options->fdb, queue, place->room,
				 worker->now / 1000000);
	if (n) {
		uint64_t cycles = worker_cycles_now();

		charge(worker, place, n, cycles - worker->cycles);
		worker->cycles = cycles;
		becomes_busy(worker, place);
	} else {
		*ret_keep = !becomes_quiet(worker, place, queue);
	}
	return n;
}

/* Nobody else wants the time: those that owe least owe nothing any more. */
static void forgive(struct worker *worker)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < worker->n_active; i++) {
		uint64_t debt = worker->places[worker->active[i]].debt;

		if (debt && debt < least)
			least = debt;
	}
	for (unsigned i = 0; i < worker->n_active; i++) {
		struct place *place = &worker->places[worker->active[i]];

		place->debt -= place->debt ? least : 0;
	}
}

/*
 * One burst from each active queue whose turn it is. Returns how many frames were
 * taken; *@ret_waiting: how many queues had no turn.
 */
static unsigned run_turns(struct worker *worker, unsigned *ret_waiting)
{
	uint64_t began = worker->cycles;
	unsigned taken = 0, bursts = 0, waiting = 0;

	for (unsigned i = 0; i < worker->n_active;) {
		struct place *place = &worker->places[worker->active[i]];
		bool keep;
		unsigned n;

		if (waits(worker, place)) {
			waiting++;
			i++;
			continue;
		}
		n = visit(worker, place, &keep);
		rcu_quiescent();
		taken += n;
		bursts += n != 0;
		if (keep) {
			i++;
		} else {
			place->active = false;
			worker->active[i] = worker->active[--worker->n_active];
		}
	}
	rcu_quiescent();
	if (taken) {
		counter_add(&worker->row->frames, taken);
		counter_add(&worker->row->bursts, bursts);
		counter_add(&worker->row->cycles, worker->cycles - began);
	}
	*ret_waiting = waiting;
	return taken;
}

/* Turns, until somebody had frames or nobody waits. Returns how many frames were taken. */
static unsigned run_round(struct worker *worker)
{
	unsigned waiting, taken = run_turns(worker, &waiting);

	if (!taken && waiting) {
		forgive(worker);
		taken = run_turns(worker, &waiting);
	}
	return taken;
}

/* Look once at all queues, or at those that cannot kick. */
static void activate_all(struct worker *worker, bool timed_only)
{
	unsigned n = atomic_load_explicit(&worker->n_places, memory_order_relaxed);

	for (unsigned i = 0; i < n; i++)
		if (!timed_only ||
		    atomic_load_explicit(&worker->places[i].timed, memory_order_relaxed))
			activate(worker, i);
}

/* ---- the thread: time ---- */

/* Wait for kicks, for @ns at most; UINT64_MAX: until there is one. */
static int wait_for_events(struct worker *worker, uint64_t ns, struct epoll_event *ret_events)
{
	struct timespec limit = {.tv_nsec = (long)ns};
	int n;

	if (!ns)
		return epoll_wait(worker->epoll, ret_events, EVENTS, 0);
	rcu_offline();
	/* kernels before 5.11 have no naps: the call fails at once, and the worker looks instead */
	if (ns < 1000000)
		n = epoll_pwait2(worker->epoll, ret_events, EVENTS, &limit, NULL);
	else
		n = epoll_wait(worker->epoll, ret_events, EVENTS,
			       ns == UINT64_MAX ? -1 : (int)(ns / 1000000));
	rcu_online();
	return n;
}

/* Note which queues have something to say; if none has, wait for @ns. */
static void listen_for(struct worker *worker, uint64_t ns)
{
	struct epoll_event events[EVENTS];
	int n = wait_for_events(worker, ns, events);
	uint64_t count;

	for (int i = 0; i < n; i++) {
		if (events[i].data.u32 == WAKE)
			(void)!read(worker->wake, &count, sizeof(count));
		else
			activate(worker, events[i].data.u32);
	}
	/* Acquire: with the flag, what the control thread stored before it is seen. */
	if (atomic_exchange_explicit(&worker->news, false, memory_order_acquire))
		activate_all(worker, false);
}

/* Read the clocks; what passed since the last time was @busy or not. */
static void pass_time(struct worker *worker, bool busy)
{
	struct worker_counters *row = worker->row;
	uint64_t now = clock_ns(), passed = now - worker->now;
	uint64_t cycles = worker_cycles_now();

	counter_add(busy ? &row->busy_ns : &row->idle_ns, passed);
	worker->window += passed;
	worker->window_busy += busy ? passed : 0;
	if (worker->window >= WINDOW_NS) {
		worker->load = (unsigned)(100 * worker->window_busy / worker->window);
		worker->quantum = (cycles - worker->window_began) / (worker->window / QUANTUM_NS);
		worker->window_began = cycles;
		worker->window = worker->window_busy = 0;
	}
	worker->now = now;
	worker->cycles = cycles;
}

/* Nothing came, and all queues are quiet. */
static void sleep_well(struct worker *worker)
{
	unsigned timed = atomic_load_explicit(&worker->n_timed, memory_order_relaxed);

	counter_add(&worker->row->sleeps, 1);
	listen_for(worker, timed ? WORKER_TIMED_MS * 1000000ULL : UINT64_MAX);
}

/* How long a nap may be: the latency at most, and less if there is something to do; 0: none. */
static uint64_t nap_ns(const struct worker *worker)
{
	uint64_t nap;

	if (worker->load >= NAP_LOAD_PERCENT)
		return 0;
	nap = worker->latency * (NAP_LOAD_PERCENT - worker->load) / NAP_LOAD_PERCENT;
	return nap >= NAP_MIN_NS ? nap : 0;
}

/* Nothing came: look again soon, or later, or when somebody calls. */
static void rest(struct worker *worker)
{
	uint64_t nap = nap_ns(worker);
	bool all_quiet = !worker->n_active && worker->latency;

	if (all_quiet && (nap || worker->now - worker->last_frame >= worker->latency)) {
		sleep_well(worker);
	} else if (nap) {
		counter_add(&worker->row->naps, 1);
		listen_for(worker, nap);
	} else if (all_quiet) {
		listen_for(worker, 0);
	} else {
		for (unsigned i = 0; i < worker->pauses; i++)
			relax();
		worker->pauses = worker->pauses < PAUSES_MAX ? 2 * worker->pauses : PAUSES_MAX;
		pass_time(worker, false);
		return;
	}
	pass_time(worker, false);
	worker->looked = worker->now;
}

/* What is due by the clock, however busy the worker is. */
static void keep_promises(struct worker *worker)
{
	uint64_t every = worker->latency > LOOK_MIN_NS ? worker->latency : LOOK_MIN_NS;

	if (worker->now - worker->looked >= every) {
		listen_for(worker, 0);
		worker->looked = worker->now;
	}
	if (worker->now - worker->timed_at >= WORKER_TIMED_MS * 1000000ULL) {
		if (atomic_load_explicit(&worker->n_timed, memory_order_relaxed))
			activate_all(worker, true);
		worker->timed_at = worker->now;
	}
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;

	rcu_register();
	/* naps end when they should: by default the kernel adds up to 50 us */
	prctl(PR_SET_TIMERSLACK, 1);
	sem_post(&worker->running);
	worker->now = clock_ns();
	worker->cycles = worker_cycles_now();
	worker->window_began = worker->cycles;
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		unsigned taken = run_round(worker);

		pass_time(worker, taken > 0);
		if (taken) {
			worker->pauses = 1;
			worker->last_frame = worker->now;
		} else {
			rest(worker);
		}
		keep_promises(worker);
	}
	rcu_unregister();
	return NULL;
}

/* ---- the control thread ---- */

static int watch(struct worker *worker, int fd, uint32_t events, unsigned number)
{
	struct epoll_event event = {.events = events, .data.u32 = number};

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
		.rates = options->rates,
		.sessions = options->sessions,
	};
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	if (!worker)
		return -ENOMEM;
	worker->options = *options;
	worker->latency = options->latency_us * 1000ULL;
	worker->pauses = 1;
	worker->quantum = UINT64_MAX;
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
	error = watch(worker, worker->wake, EPOLLIN, WAKE);
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

/* Let the worker look at all its places. */
static void tell_news(struct worker *worker)
{
	/* Release: the place is whole before the worker is told. */
	atomic_store_explicit(&worker->news, true, memory_order_release);
	wake(worker);
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
	return worker->n_queues;
}

/* Watch the queue's kicks; a kick fd that cannot be watched is as good as none. */
static void watch_kick(struct worker *worker, unsigned number, struct port_queue *queue)
{
	if (queue->kick >= 0 && watch(worker, queue->kick, EPOLLIN | EPOLLET, number)) {
		queue->kick = -1;
		queue->timed = true;
	}
	atomic_store_explicit(&worker->places[number].timed, queue->timed, memory_order_relaxed);
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

static struct port_queue *queue_at(const struct worker *worker, unsigned number)
{
	return atomic_load_explicit(&worker->places[number].queue, memory_order_relaxed);
}

/* The place of @queue, or the first free one for NULL. */
static unsigned find(const struct worker *worker, const struct port_queue *queue)
{
	unsigned n = atomic_load_explicit(&worker->n_places, memory_order_relaxed);
	unsigned i = 0;

	while (i < n && queue_at(worker, i) != queue)
		i++;
	return i;
}

static void count_queues(struct worker *worker, unsigned n)
{
	worker->n_queues = n;
	atomic_store_explicit(&worker->row->ports, n, memory_order_relaxed);
}

void worker_add(struct worker *worker, struct port_queue *queue)
{
	unsigned number = find(worker, NULL);
	struct place *place = &worker->places[number];

	queue->worker = (uint16_t)worker->options.index;
	queue->ring = worker->options.ring;
	/* its former queue is nobody's measure */
	place->measured = atomic_load_explicit(&place->cycles, memory_order_relaxed);
	place->share = 0;
	watch_kick(worker, number, queue);
	rcu_publish(&place->queue, queue);
	if (number == atomic_load_explicit(&worker->n_places, memory_order_relaxed))
		atomic_store_explicit(&worker->n_places, number + 1, memory_order_relaxed);
	count_queues(worker, worker->n_queues + 1);
	tell_news(worker);
}

void worker_remove(struct worker *worker, struct port_queue *queue)
{
	unsigned n = atomic_load_explicit(&worker->n_places, memory_order_relaxed);
	unsigned number = find(worker, queue);

	if (number == n)
		return;
	unwatch_kick(worker, queue);
	rcu_publish(&worker->places[number].queue, NULL);
	while (n > 0 && !queue_at(worker, n - 1))
		n--;
	atomic_store_explicit(&worker->n_places, n, memory_order_relaxed);
	count_queues(worker, worker->n_queues - 1);
}

void worker_rekick(struct worker *worker, struct port_queue *queue, int kick)
{
	unsigned number = find(worker, queue);

	unwatch_kick(worker, queue);
	queue->kick = kick;
	queue->timed = kick < 0;
	watch_kick(worker, number, queue);
	/* a kick may have gone to the old fd unseen */
	tell_news(worker);
}

void worker_look(struct worker *worker)
{
	if (worker->n_queues)
		tell_news(worker);
}

uint64_t worker_measure(struct worker *worker)
{
	unsigned n = atomic_load_explicit(&worker->n_places, memory_order_relaxed);
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		struct place *place = &worker->places[i];
		uint64_t cycles = atomic_load_explicit(&place->cycles, memory_order_relaxed);

		place->share = cycles - place->measured;
		place->measured = cycles;
		if (atomic_load_explicit(&place->queue, memory_order_relaxed))
			sum += place->share; /* not what a queue cost that has moved away since */
	}
	return sum;
}

struct port_queue *worker_share(const struct worker *worker, unsigned *cursor, uint64_t *ret_cycles)
{
	unsigned n = atomic_load_explicit(&worker->n_places, memory_order_relaxed);

	while (*cursor < n) {
		const struct place *place = &worker->places[(*cursor)++];
		struct port_queue *queue =
			atomic_load_explicit(&place->queue, memory_order_relaxed);

		if (queue) {
			*ret_cycles = place->share;
			return queue;
		}
	}
	return NULL;
}
