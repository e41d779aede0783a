/*
 * test_worker - threads that poll, sleep and wake, under queues and policies that
 * come and go. Most of what it finds it finds under ThreadSanitizer and
 * AddressSanitizer.
 */
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "switch/rcu.h"
#include "switch/worker_set.h"
#include "tests/lib/clock.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/unit/switch/unit.h"

enum {
	RED = 1,
	SPRING = 1, /* the port that frames well up from */
	SINK = 2,
	WORKERS = 2,
	SLOTS = 1024,
	IDLE_QUEUES = 16,
	MANY_QUEUES = 256,
	MANY_ROUNDS = 100,
	KICKS = 50,
	FULL_RATE = 1000, /* frames */
#ifdef SLUICE_SANITIZED
	FULL_RATE_NS = 100000000, /* it is not the speed of these builds that is asked for */
#else
	FULL_RATE_NS = 1000000,
#endif
	MOVES = 300,
	DEAR_NS = 500000, /* a frame that is expensive: ten quanta */
	DEAR_TURNS = 40,
	IDLE_MS = 300,
};

static const mac48 mac_spring = 0x02000000000a, mac_sink = 0x02000000000b;

/* A port that has as many frames as somebody said it has, always the same one. */
struct spring {
	struct port port;
	struct port_queue queue;
	atomic_uint waiting; /* frames that have not been taken */
	atomic_uint taken;
	atomic_uint asleep; /* armed and found empty */
	atomic_uint sunk;   /* frames that were put */
	atomic_uint looks;  /* how often it was looked at */
	atomic_int inside;  /* workers between take and give_back */
	atomic_bool shared; /* there were two at a time */
	uint64_t cost_ns;   /* of each of its frames */
	atomic_uint widest; /* frames taken at a time */
};

static struct sketch sketch;
static struct frame frame;

static struct port_table table;
static struct counters *counters;
static const struct policy *_Atomic policy;
static struct fdb *fdb;
static void *fdb_memory;
static struct worker_set workers;

/* ---- the spring ---- */

/* Be busy for so long. */
static void spend(uint64_t ns)
{
	uint64_t began = ns ? clock_now_ns() : 0;

	while (ns && clock_now_ns() - began < ns)
		;
}

static void take(struct port_queue *queue, struct burst *burst)
{
	struct spring *spring = queue->port->device;
	unsigned n = atomic_load(&spring->waiting);

	atomic_fetch_add(&spring->looks, 1);
	n = n < burst->room ? n : burst->room;
	for (unsigned i = 0; i < n; i++)
		burst->frames[i] = frame;
	burst->count = n;
	if (n > atomic_load(&spring->widest))
		atomic_store(&spring->widest, n);
	spend(n * spring->cost_ns);
	atomic_fetch_sub(&spring->waiting, n);
	if (n && atomic_fetch_add(&spring->inside, 1))
		atomic_store(&spring->shared, true);
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
	struct spring *spring = queue->port->device;

	atomic_fetch_sub(&spring->inside, 1);
	atomic_fetch_add(&spring->taken, burst->count);
}

static void *begin(struct port *port, struct uring *ring, uint32_t spread)
{
	return port->device;
}

static uint64_t put(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed)
{
	struct spring *spring = sink;

	atomic_fetch_add(&spring->sunk, n);
	return 0;
}

static uint64_t end(void *sink, enum drop *ret_missed)
{
	return 0;
}

static bool arm(struct port_queue *queue)
{
	struct spring *spring = queue->port->device;

	if (atomic_load(&spring->waiting))
		return true;
	atomic_fetch_add(&spring->asleep, 1);
	return false;
}

static void disarm(struct port_queue *queue)
{
}

static const struct port_ops spring_ops = {
	.kind = "spring",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put,
	.end = end,
	.arm = arm,
	.disarm = disarm,
};

static struct spring *spring_create(uint16_t id, int kick)
{
	struct spring *spring = calloc(1, sizeof(*spring));

	spring->port = (struct port){
		.ops = &spring_ops,
		.ref = sketch_ref(id),
		.accepts = PORT_ACCEPTS_ALL,
		.watch = -1,
		.device = spring,
	};
	spring->queue = (struct port_queue){
		.port = &spring->port,
		.kick = kick,
		.timed = kick < 0,
	};
	return spring;
}

/* Let @n frames well up, and kick if the port can. */
static void well_up(struct spring *spring, unsigned n)
{
	uint64_t one = 1;

	atomic_fetch_add(&spring->waiting, n);
	if (spring->queue.kick >= 0)
		assert_int_equal(write(spring->queue.kick, &one, sizeof(one)), sizeof(one));
}

static void expect_taken(struct spring *spring, unsigned n)
{
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->taken) == n));
}

/* ---- the stage ---- */

static struct policy *make_policy(uint32_t mtu)
{
	struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	const struct policy_port_spec ports[] = {sketch_access(SPRING, RED),
						 sketch_access(SINK, RED)};

	networks[0].mtu = mtu;
	return SKETCH_POLICY(networks, ports);
}

static int start(void **state)
{
	memset(&table, 0, sizeof(table));
	memset(&workers, 0, sizeof(workers));
	counters = aligned_alloc(64, counters_size());
	memset(counters, 0, counters_size());
	counters->n_workers = WORKERS;
	counters->n_ports = LIMIT_PORTS;
	atomic_store(&policy, make_policy(1500));
	fdb_memory = aligned_alloc(4096, (fdb_size(SLOTS) + 4095) / 4096 * 4096);
	memset(fdb_memory, 0, fdb_size(SLOTS));
	assert_int_equal(fdb_init(fdb_memory, fdb_size(SLOTS), SLOTS, &fdb), 0);
	sketch_ethernet(&sketch, mac_sink, mac_spring, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, 17, 0x0a000001, 0x0a000002);
	sketch_udp(&sketch, 1, 2);
	sketch_payload(&sketch, 100);
	sketch_end(&sketch);
	sketch_frame(&sketch, &frame);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker_options options = {
			.index = i,
			.cpu = WORKER_UNPINNED,
			.latency_us = WORKER_LATENCY_US,
			.counters = counters,
			.ports = &table,
			.policy = &policy,
			.fdb = fdb,
		};

		assert_int_equal(worker_create(&options, &workers.workers[i]), 0);
		workers.n++;
	}
	return 0;
}

static int stop(void **state)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_destroy(workers.workers[i]);
	free((void *)atomic_load(&policy));
	fdb_close(fdb);
	free(fdb_memory);
	free(counters);
	return 0;
}

/* ---- tests ---- */

static void a_kick_wakes_a_sleeper(void **state)
{
	struct spring *spring = spring_create(SPRING, eventfd(0, EFD_NONBLOCK));

	worker_set_add(&workers, &spring->queue);
	for (unsigned i = 1; i <= 50; i++) {
		/* it has found nothing and sleeps, or is about to */
		assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) >= i));
		well_up(spring, 40);
		expect_taken(spring, 40 * i);
	}
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	close(spring->queue.kick);
	free(spring);
}

static void who_cannot_kick_is_looked_at_by_the_clock(void **state)
{
	struct spring *spring = spring_create(SPRING, -1);

	worker_set_add(&workers, &spring->queue);
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) > 0));
	well_up(spring, 1);
	expect_taken(spring, 1);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	free(spring);
}

static void a_changed_kick_is_heard(void **state)
{
	struct spring *spring = spring_create(SPRING, eventfd(0, EFD_NONBLOCK));
	int old = spring->queue.kick;
	unsigned naps;

	worker_set_add(&workers, &spring->queue);
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) > 0));
	naps = atomic_load(&spring->asleep);
	worker_set_rekick(&workers, &spring->queue, eventfd(0, EFD_NONBLOCK));
	close(old);
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) > naps));
	well_up(spring, 3);
	expect_taken(spring, 3);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	close(spring->queue.kick);
	free(spring);
}

/* An eventfd that is full has no more edges: such a queue is looked at when the set is balanced. */
static void a_spoilt_kick_is_heard_by_the_clock(void **state)
{
	struct spring *spring = spring_create(SPRING, eventfd(0, EFD_NONBLOCK));
	const uint64_t most = UINT64_MAX - 1, one = 1;
	unsigned naps;

	worker_set_add(&workers, &spring->queue);
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) > 0));
	naps = atomic_load(&spring->asleep);
	assert_int_equal(write(spring->queue.kick, &most, sizeof(most)), sizeof(most));
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) > naps));
	atomic_fetch_add(&spring->waiting, 1);
	assert_int_equal(write(spring->queue.kick, &one, sizeof(one)), -1);
	worker_set_balance(&workers);
	expect_taken(spring, 1);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	close(spring->queue.kick);
	free(spring);
}

static void queues_are_shared_out(void **state)
{
	struct spring *springs[6];

	for (unsigned i = 0; i < 6; i++) {
		springs[i] = spring_create(SPRING, -1);
		worker_set_add(&workers, &springs[i]->queue);
		assert_int_equal(springs[i]->queue.worker, i % 2);
	}
	/* the holes are filled first */
	worker_set_remove(&workers, &springs[0]->queue);
	worker_set_remove(&workers, &springs[2]->queue);
	worker_set_add(&workers, &springs[0]->queue);
	assert_int_equal(springs[0]->queue.worker, 0);
	worker_set_add(&workers, &springs[2]->queue);
	assert_int_equal(springs[2]->queue.worker, 0);
	assert_int_equal(atomic_load(&counters->workers[0].ports), 3);
	/* whoever moved into a hole is polled all the same */
	for (unsigned i = 0; i < 6; i++)
		well_up(springs[i], 1);
	for (unsigned i = 0; i < 6; i++) {
		expect_taken(springs[i], 1);
		worker_set_remove(&workers, &springs[i]->queue);
	}
	rcu_synchronize();
	for (unsigned i = 0; i < 6; i++)
		free(springs[i]);
}

static void expect_looks(struct spring *spring, unsigned n)
{
	unsigned looks = atomic_load(&spring->looks);

	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->looks) - looks >= n));
}

/* A queue whose frames are dear has the shorter bursts and the fewer turns; alone it has all. */
static void who_is_dear_waits_for_the_others(void **state)
{
	struct spring *dear = spring_create(SPRING, -1), *cheap = spring_create(SPRING, -1);
	struct worker *worker = workers.workers[0];
	struct worker_counters *row = &counters->workers[0];
	unsigned turns;
	uint64_t idle;

	dear->cost_ns = DEAR_NS;
	well_up(dear, 1u << 30);
	well_up(cheap, 1u << 30);
	worker_add(worker, &dear->queue);
	worker_add(worker, &cheap->queue);
	/* it has to learn what they cost */
	expect_looks(dear, 4);
	atomic_store(&dear->widest, 0);
	turns = atomic_load(&cheap->looks);
	expect_looks(dear, DEAR_TURNS);
	assert_int_equal(atomic_load(&dear->widest), 1);
	assert_true(atomic_load(&cheap->looks) - turns >= 4 * DEAR_TURNS);

	worker_remove(worker, &cheap->queue);
	rcu_synchronize();
	expect_looks(dear, 2);
	idle = atomic_load(&row->idle_ns);
	expect_looks(dear, DEAR_TURNS);
	assert_int_equal(atomic_load(&row->idle_ns), idle);
	worker_remove(worker, &dear->queue);
	rcu_synchronize();
	free(dear);
	free(cheap);
}

/* The unlink, wait, release of a port, under a full load from both sides. */
static void ports_come_and_go_under_load(void **state)
{
	struct spring *spring = spring_create(SPRING, -1);

	well_up(spring, 1u << 30);
	worker_set_add(&workers, &spring->queue);
	for (unsigned i = 0; i < 300; i++) {
		struct spring *sink = spring_create(SINK, -1);
		struct spring *second = spring_create(SPRING, -1);

		rcu_publish(&table.slots[SINK], &sink->port);
		well_up(second, 1u << 30);
		worker_set_add(&workers, &second->queue);
		assert_true(
			clock_await(CLOCK_PATIENCE_MS, atomic_load(&sink->sunk) > 0 &&
							       atomic_load(&second->taken) > 0));
		rcu_publish(&table.slots[SINK], NULL);
		worker_set_remove(&workers, &second->queue);
		rcu_synchronize();
		memset(sink, 0xee, sizeof(*sink));
		memset(second, 0xee, sizeof(*second));
		free(sink);
		free(second);
	}
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	free(spring);
}

static void a_policy_is_never_seen_after_its_time(void **state)
{
	struct spring *spring = spring_create(SPRING, -1);
	struct spring *sink = spring_create(SINK, -1);

	rcu_publish(&table.slots[SINK], &sink->port);
	well_up(spring, 1u << 30);
	worker_set_add(&workers, &spring->queue);
	for (unsigned i = 0; i < 300; i++) {
		struct policy *old = (void *)atomic_load(&policy);
		size_t size = old->size;

		rcu_publish(&policy, make_policy(1500 + i));
		rcu_synchronize();
		memset(old, 0xee, size);
		free(old);
	}
	rcu_publish(&table.slots[SINK], NULL);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	assert_true(atomic_load(&sink->sunk) > 0);
	free(spring);
	free(sink);
}

static uint64_t processor_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void idle_workers_sleep(void **state)
{
	struct spring *springs[IDLE_QUEUES];
	uint64_t before, sleeps;

	for (unsigned i = 0; i < IDLE_QUEUES; i++) {
		springs[i] = spring_create(SPRING, eventfd(0, EFD_NONBLOCK));
		worker_set_add(&workers, &springs[i]->queue);
	}
	for (unsigned i = 0; i < IDLE_QUEUES; i++)
		assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&springs[i]->asleep) > 0));
	sleeps = atomic_load(&counters->workers[0].sleeps);
	before = processor_ns();
	clock_nap_us(IDLE_MS * 1000);
	/* under one processor in a hundred */
	assert_true(processor_ns() - before < IDLE_MS * 1000000ULL / 100);
	assert_true(atomic_load(&counters->workers[0].sleeps) - sleeps < 10);
	for (unsigned i = 0; i < IDLE_QUEUES; i++)
		worker_set_remove(&workers, &springs[i]->queue);
	rcu_synchronize();
	for (unsigned i = 0; i < IDLE_QUEUES; i++) {
		close(springs[i]->queue.kick);
		free(springs[i]);
	}
}

/*
 * From sleep to full rate: the time from a kick until a thousand frames are through.
 * The best of many, as the machine may wake threads when it likes.
 */
static void it_is_at_full_rate_at_once(void **state)
{
	struct spring *spring = spring_create(SPRING, eventfd(0, EFD_NONBLOCK));
	uint64_t best = UINT64_MAX;

	worker_set_add(&workers, &spring->queue);
	for (unsigned i = 0; i < KICKS; i++) {
		uint64_t began;

		/* once when it was added, and after each thousand */
		assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->asleep) > i));
		began = clock_now_ns();
		well_up(spring, FULL_RATE);
		while (atomic_load(&spring->waiting) &&
		       clock_now_ns() - began < CLOCK_PATIENCE_MS * 1000000ULL)
			;
		if (clock_now_ns() - began < best)
			best = clock_now_ns() - began;
		expect_taken(spring, FULL_RATE * (i + 1));
	}
	assert_true(best < FULL_RATE_NS);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	close(spring->queue.kick);
	free(spring);
}

static unsigned sum_of_looks(struct spring **springs, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += atomic_load(&springs[i]->looks);
	return sum;
}

/* Queues that have nothing to say cost a busy worker nothing, and are heard when they do. */
static void quiet_queues_are_left_alone_and_heard(void **state)
{
	struct spring *busy = spring_create(SINK, eventfd(0, EFD_NONBLOCK));
	struct spring *quiet[MANY_QUEUES];
	unsigned looks, rounds;

	worker_set_place(&workers, SPRING, 1 << 0);
	worker_set_place(&workers, SINK, 1 << 0);
	for (unsigned i = 0; i < MANY_QUEUES; i++) {
		quiet[i] = spring_create(SPRING, eventfd(0, EFD_NONBLOCK));
		worker_set_add(&workers, &quiet[i]->queue);
	}
	worker_set_add(&workers, &busy->queue);
	well_up(busy, 1u << 30);
	for (unsigned i = 0; i < MANY_QUEUES; i++)
		assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&quiet[i]->asleep) > 0));

	looks = sum_of_looks(quiet, MANY_QUEUES);
	rounds = atomic_load(&busy->looks);
	assert_true(
		clock_await(CLOCK_PATIENCE_MS, atomic_load(&busy->looks) - rounds > MANY_ROUNDS));
	/* but for another look each, when it learns of the last ones */
	assert_true(sum_of_looks(quiet, MANY_QUEUES) - looks <= MANY_ROUNDS / 10 * MANY_QUEUES);

	for (unsigned i = 1; i <= KICKS; i++) {
		well_up(quiet[i], 1);
		expect_taken(quiet[i], 1);
	}
	for (unsigned i = 0; i < MANY_QUEUES; i++)
		worker_set_remove(&workers, &quiet[i]->queue);
	worker_set_remove(&workers, &busy->queue);
	rcu_synchronize();
	for (unsigned i = 0; i < MANY_QUEUES; i++) {
		close(quiet[i]->queue.kick);
		free(quiet[i]);
	}
	close(busy->queue.kick);
	free(busy);
}

/* Under load, from worker to worker; never is one queue at two. */
static void a_queue_moves_between_bursts(void **state)
{
	struct spring *spring = spring_create(SPRING, -1);
	struct spring *sink = spring_create(SINK, -1);

	rcu_publish(&table.slots[SINK], &sink->port);
	well_up(spring, 1u << 30);
	worker_set_add(&workers, &spring->queue);
	for (unsigned i = 0; i < MOVES; i++) {
		unsigned to = i % WORKERS, taken;

		worker_set_place(&workers, SPRING, 1u << to);
		assert_int_equal(spring->queue.worker, to);
		assert_int_equal(worker_set_serving(&workers, SPRING), 1 << to);
		taken = atomic_load(&spring->taken);
		assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&spring->taken) > taken));
	}
	/* workers that there are not do not count */
	worker_set_place(&workers, SPRING, 1u << LIMIT_WORKERS);
	rcu_publish(&table.slots[SINK], NULL);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	assert_int_equal(worker_set_serving(&workers, SPRING), 0);
	assert_false(atomic_load(&spring->shared));
	free(spring);
	free(sink);
}

/* Balance as the control thread does, in shorter intervals. */
static void balance_once(void)
{
	clock_nap_us(20000);
	worker_set_balance(&workers);
}

static void a_busy_worker_gives_a_queue_away(void **state)
{
	struct spring *one = spring_create(SPRING, -1), *two = spring_create(SINK, -1);

	for (unsigned id = SPRING; id <= SINK; id++)
		worker_set_place(&workers, (uint16_t)id, 1 << 0);
	well_up(one, 1u << 30);
	well_up(two, 1u << 30);
	worker_set_add(&workers, &one->queue);
	worker_set_add(&workers, &two->queue);
	balance_once();
	balance_once();
	/* they may not */
	assert_int_equal(one->queue.worker, 0);
	assert_int_equal(two->queue.worker, 0);
	worker_set_place(&workers, SPRING, 0);
	worker_set_place(&workers, SINK, 0);
	assert_true(clock_await(CLOCK_PATIENCE_MS,
				(balance_once(), one->queue.worker != two->queue.worker)));
	/* each has a worker of its own: no move is any gain */
	for (unsigned i = 0; i < 10; i++) {
		unsigned before = one->queue.worker;

		balance_once();
		assert_int_equal(one->queue.worker, before);
		assert_int_equal(two->queue.worker, 1 - before);
	}
	worker_set_remove(&workers, &one->queue);
	worker_set_remove(&workers, &two->queue);
	rcu_synchronize();
	free(one);
	free(two);
}

static void what_is_recent_is_told(void **state)
{
	struct spring *spring = spring_create(SPRING, -1);
	struct worker_counters *row = &counters->workers[0];

	workers.counters = counters;
	worker_set_place(&workers, SPRING, 1 << 0);
	worker_set_balance(&workers);
	well_up(spring, 1u << 30);
	worker_set_add(&workers, &spring->queue);
	assert_true(clock_await(CLOCK_PATIENCE_MS,
				(balance_once(), atomic_load(&row->recent_frames) > 0)));
	assert_true(row->recent_ns >= 20000000);
	assert_true(row->recent_busy_ns > 0 && row->recent_busy_ns <= row->recent_ns * 2);
	assert_true(row->recent_cycles > 0);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	/* and forgotten */
	for (unsigned i = 0; i <= WORKER_SET_RECENT; i++)
		balance_once();
	assert_int_equal(row->recent_frames, 0);
	assert_int_equal(row->recent_busy_ns, 0);
	free(spring);
}

static void it_counts_what_it_does(void **state)
{
	struct spring *spring = spring_create(SPRING, -1);
	struct worker_counters *row = &counters->workers[0];

	/* the hundredth of a second that it sleeps before is no work */
	clock_nap_us(10000);
	worker_set_add(&workers, &spring->queue);
	well_up(spring, 100);
	expect_taken(spring, 100);
	worker_set_remove(&workers, &spring->queue);
	rcu_synchronize();
	assert_true(clock_await(CLOCK_PATIENCE_MS, atomic_load(&row->frames) == 100 &&
							   atomic_load(&row->busy_ns) > 0));
	assert_true(atomic_load(&row->idle_ns) > 9000000);
	assert_true(atomic_load(&row->bursts) >= 100 / LIMIT_BURST + 1);
	assert_true(atomic_load(&row->cycles) > 0);
	assert_true(atomic_load(&row->cpu) == UINT64_MAX);
	free(spring);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_kick_wakes_a_sleeper),
		UNIT(who_cannot_kick_is_looked_at_by_the_clock),
		UNIT(a_changed_kick_is_heard),
		UNIT(queues_are_shared_out),
		UNIT(a_spoilt_kick_is_heard_by_the_clock),
		UNIT(ports_come_and_go_under_load),
		UNIT(a_policy_is_never_seen_after_its_time),
		UNIT(idle_workers_sleep),
		UNIT(it_counts_what_it_does),
		UNIT(it_is_at_full_rate_at_once),
		UNIT(quiet_queues_are_left_alone_and_heard),
		UNIT(a_queue_moves_between_bursts),
		UNIT(a_busy_worker_gives_a_queue_away),
		UNIT(what_is_recent_is_told),
		UNIT(who_is_dear_waits_for_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
