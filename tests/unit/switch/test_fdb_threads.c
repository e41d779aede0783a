/*
 * test_fdb_threads - workers that learn, look up and move the same addresses
 * while the control thread sweeps and flushes. Under TSan it says whether the
 * table has a race; anywhere it says whether a reader ever saw an entry that
 * nobody wrote.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/fdb_table.h"

enum {
	WORKERS = 3,
	PORTS = 6,
	MACS = 256,
	SLOTS = 128, /* few, so that buckets are crowded and written all the time */
	ROUNDS = 40000,
};

/* How often a slot changes hands: a torn read is a matter of luck, and sanitizers are slow. */
#ifdef SLUICE_SANITIZED
enum { TURNS = 50000 };
#else
enum { TURNS = 500000 };
#endif

static struct policy *policy;
static struct fdb *fdb;
static _Atomic unsigned running, wrong;

/* Address i lives behind port 1 + i % 3, or moves to the port 3 further on; nowhere else. */
static bool may_live(unsigned i, uint16_t port)
{
	return port == 0 || (port - 1) % 3 == (int)(i % 3);
}

static mac48 mac_of(unsigned i)
{
	return 0x020000000000 + i;
}

static void *work(void *seed)
{
	uint64_t noise = (uintptr_t)seed * 0x9e3779b97f4a7c15ULL + 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned i = (unsigned)(noise >> 33) % MACS;
		uint16_t port = (uint16_t)(1 + i % 3 + (noise >> 60 & 1) * 3);
		clock_ms now = 1000000 + round;

		noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
		fdb_learn(fdb, policy, 1, mac_of(i), sketch_ref(port), now);
		for (unsigned j = i; j < i + 4; j++) {
			if (!may_live(j, fdb_lookup(fdb, policy, 1, mac_of(j), now).id))
				wrong++;
		}
	}
	running--;
	return NULL;
}

static void *control(void *unused)
{
	unsigned round = 0;

	while (running > 0) {
		struct fdb_entry entry;
		uint32_t cursor = 0;

		while (fdb_next(fdb, &cursor, &entry)) {
			unsigned i = (unsigned)(entry.mac - mac_of(0));

			if (i >= MACS + 4 || entry.network != 1 || !may_live(i, entry.port.id))
				wrong++;
		}
		fdb_sweep(fdb, policy, 1000000 + ROUNDS);
		if (++round % 16 == 0)
			fdb_flush(fdb, 1, sketch_ref((uint16_t)(1 + round % PORTS)));
	}
	return NULL;
}

static void nobody_sees_what_nobody_wrote(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[PORTS];
	pthread_t threads[WORKERS + 1];
	size_t size = fdb_size(SLOTS);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fdb *successor;
	uint32_t n_entries;

	for (uint16_t i = 0; i < PORTS; i++) {
		ports[i] = sketch_access((uint16_t)(i + 1), 1);
		ports[i].macs_max = 16;
	}
	policy = SKETCH_POLICY(networks, ports);
	assert_int_equal(fdb_init(memory, size, SLOTS, &fdb), 0);
	running = WORKERS;
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
	assert_int_equal(pthread_create(&threads[WORKERS], NULL, control, NULL), 0);
	for (unsigned i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);

	/* the books kept step: a successor counts the same, and no port is over its quota */
	n_entries = fdb->books->n_entries;
	for (unsigned i = 1; i <= PORTS; i++)
		assert_true(fdb->books->ports[i].count <= 16);
	assert_int_equal(fdb_adopt(memory, size, &successor), 0);
	assert_int_equal(successor->books->n_entries, n_entries);
	for (unsigned i = 1; i <= PORTS; i++)
		assert_int_equal(successor->books->ports[i].count, fdb->books->ports[i].count);
	fdb_close(successor);
	fdb_close(fdb);
	munmap(memory, size);
	free(policy);
}

/* Two addresses of one bucket, which have its slots in turn: A behind port 1, B behind port 2. */
static mac48 in_turn[2];

static void *take_turns(void *unused)
{
	for (unsigned turn = 0; turn < TURNS; turn++) {
		uint16_t i = turn % 2;

		fdb_learn(fdb, policy, 1, in_turn[i], sketch_ref((uint16_t)(i + 1)), 1000000);
		fdb_flush(fdb, 0, sketch_ref((uint16_t)(i + 1)));
	}
	running = 0;
	return NULL;
}

static void a_slot_that_changes_hands(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_access(2, 1)};
	size_t size = fdb_size(SLOTS);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned seen[3] = {0}, i = 1;
	pthread_t writer;

	policy = SKETCH_POLICY(networks, ports);
	assert_int_equal(fdb_init(memory, size, SLOTS, &fdb), 0);
	in_turn[0] = mac_of(0);
	while (fdb_bucket_of(fdb, policy_static_key(1, mac_of(i))) !=
	       fdb_bucket_of(fdb, policy_static_key(1, mac_of(0))))
		i++;
	in_turn[1] = mac_of(i);
	running = 1;
	assert_int_equal(pthread_create(&writer, NULL, take_turns, NULL), 0);
	for (unsigned round = 0; running; round++) {
		uint16_t port = fdb_lookup(fdb, policy, 1, in_turn[round % 2], 1000000).id;

		assert_true(port == 0 || port == 1 + round % 2);
		seen[port]++;
	}
	pthread_join(writer, NULL);
	assert_true(seen[0] && seen[1] && seen[2]); /* it did change hands */
	fdb_close(fdb);
	munmap(memory, size);
	free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_that_changes_hands),
		cmocka_unit_test(nobody_sees_what_nobody_wrote),
	};

	return cmocka_run_group_tests_name("fdb_threads", tests, NULL, NULL);
}
