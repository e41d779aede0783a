/*
 * test_fdb - learning, ageing, moves, quotas, taking over: one thread, and a
 * clock of its own.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/fdb_table.h"

#define MAC(i) ((mac48)(0x020000000000 + (mac48)(i)))

enum {
	SLOTS = 4096,
	START = 1000000,

	RED = 1, /* networks */
	BLUE,
	NARROW, /* room for 3 addresses */
};

static const struct policy_trunk_entry all[] = {{RED, 10}, {BLUE, 20}, {NARROW, 30}};

static struct policy *policy;
static struct fdb *fdb;
static void *memory;
static size_t memory_size;

/* Ports 1..3 in RED, 4 in BLUE, 5 a trunk of all, 6 in RED with a quota of @quota. */
static struct policy *make_policy(uint32_t quota, uint16_t generation)
{
	struct policy_network_spec networks[] = {sketch_network(RED, 10), sketch_network(BLUE, 20),
						 sketch_network(NARROW, 30)};
	struct policy_port_spec ports[] = {sketch_access(1, RED),      sketch_access(2, RED),
					   sketch_access(3, RED),      sketch_access(4, BLUE),
					   sketch_trunk(5, 0, all, 3), sketch_access(6, RED)};

	networks[2].macs_max = 3;
	ports[5].macs_max = quota;
	ports[2].ref.generation = generation;
	return SKETCH_POLICY(networks, ports);
}

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static int setup(void **state)
{
	memory_size = fdb_size(SLOTS);
	memory = map(memory_size);
	assert_int_equal(fdb_init(memory, memory_size, SLOTS, &fdb), 0);
	policy = make_policy(4, 1);
	return 0;
}

static int teardown(void **state)
{
	fdb_close(fdb);
	munmap(memory, memory_size);
	free(policy);
	return 0;
}

static enum fdb_learned learn(uint16_t network, mac48 mac, uint16_t port, clock_ms now)
{
	return fdb_learn(fdb, policy, network, mac, sketch_ref(port), START + now);
}

static uint16_t look(uint16_t network, mac48 mac, clock_ms now)
{
	return fdb_lookup(fdb, policy, network, mac, START + now).id;
}

static unsigned count_entries(const struct fdb *of)
{
	struct fdb_entry entry;
	uint32_t cursor = 0;
	unsigned count = 0;

	while (fdb_next(of, &cursor, &entry))
		count++;
	return count;
}

static void learns_and_finds(void **state)
{
	assert_int_equal(look(RED, MAC(1), 0), 0);
	assert_int_equal(learn(RED, MAC(1), 1, 0), FDB_ADDED);
	assert_int_equal(learn(RED, MAC(1), 1, 0), FDB_KNOWN);
	assert_int_equal(learn(RED, MAC(1), 1, 5000), FDB_KNOWN);
	assert_int_equal(look(RED, MAC(1), 5000), 1);
	assert_int_equal(look(RED, MAC(2), 5000), 0);
}

static void networks_do_not_know_of_each_other(void **state)
{
	learn(RED, MAC(1), 5, 0);
	assert_int_equal(look(BLUE, MAC(1), 0), 0);
	assert_int_equal(learn(BLUE, MAC(1), 4, 0), FDB_ADDED);
	assert_int_equal(look(RED, MAC(1), 0), 5);
	assert_int_equal(look(BLUE, MAC(1), 0), 4);
	assert_int_equal(look(0, MAC(1), 0), 0);
	assert_int_equal(look(9, MAC(1), 0), 0);
	assert_int_equal(look(UINT16_MAX, MAC(1), 0), 0);
}

static void silence_ages(void **state)
{
	learn(RED, MAC(1), 1, 0);
	assert_int_equal(look(RED, MAC(1), SKETCH_AGE_MS - 200), 1);
	assert_int_equal(look(RED, MAC(1), SKETCH_AGE_MS + 200), 0);
	learn(RED, MAC(1), 1, SKETCH_AGE_MS - 200); /* speaking again is enough */
	assert_int_equal(look(RED, MAC(1), SKETCH_AGE_MS + 200), 1);
	assert_int_equal(learn(RED, MAC(1), 2, 3 * SKETCH_AGE_MS), FDB_ADDED); /* not a move */
}

static void a_clock_that_is_far_ahead_is_not_believed(void **state)
{
	learn(RED, MAC(1), 1, 500000);
	assert_int_equal(look(RED, MAC(1), 499500), 1); /* another worker's clock */
	assert_int_equal(look(RED, MAC(1), 0), 0);
}

static void moves(void **state)
{
	learn(RED, MAC(1), 1, 0);
	assert_int_equal(learn(RED, MAC(1), 2, 0), FDB_MOVED);
	assert_int_equal(look(RED, MAC(1), 0), 2);
	assert_int_equal(learn(RED, MAC(1), 1, 0), FDB_MOVED);
	assert_int_equal(count_entries(fdb), 1);
}

static void a_full_port_evicts_its_own_oldest(void **state)
{
	learn(RED, MAC(100), 1, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(learn(RED, MAC(i), 6, 10 + i), FDB_ADDED);
	learn(RED, MAC(0), 6, 5000); /* not the oldest any more */
	assert_int_equal(learn(RED, MAC(4), 6, 5001), FDB_EVICTED);
	assert_int_equal(look(RED, MAC(0), 5001), 6);
	assert_int_equal(look(RED, MAC(1), 5001), 0);
	assert_int_equal(look(RED, MAC(4), 5001), 6);
	assert_int_equal(look(RED, MAC(100), 5001), 1);
	/* an address that moves to it takes the place of its oldest as well */
	assert_int_equal(learn(RED, MAC(100), 6, 5002), FDB_MOVED);
	assert_int_equal(look(RED, MAC(2), 5002), 0);
	assert_int_equal(count_entries(fdb), 4);
}

static void what_is_dead_gives_way_before_what_lives(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		learn(RED, MAC(i), 6, 0);
	assert_int_equal(learn(RED, MAC(4), 6, SKETCH_AGE_MS + 1000), FDB_ADDED);
}

static void a_port_without_a_quota_is_not_learned(void **state)
{
	free(policy);
	policy = make_policy(0, 1);
	assert_int_equal(learn(RED, MAC(1), 6, 0), FDB_NO_ROOM);
	assert_int_equal(learn(RED, MAC(1), 1, 0), FDB_ADDED);
	assert_int_equal(learn(RED, MAC(1), 6, 0), FDB_NO_ROOM);
	assert_int_equal(look(RED, MAC(1), 0), 1);
}

static void a_network_has_a_limit(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(learn(NARROW, MAC(i), 5, i), FDB_ADDED);
	assert_int_equal(learn(NARROW, MAC(3), 5, 10), FDB_NO_ROOM);
	assert_int_equal(learn(BLUE, MAC(3), 5, 10), FDB_ADDED); /* the port has room */
	assert_int_equal(look(NARROW, MAC(0), 10), 5);
	assert_int_equal(fdb_flush(fdb, NARROW, PORT_NONE), 3);
	assert_int_equal(learn(NARROW, MAC(3), 5, 10), FDB_ADDED);
}

static void a_reference_that_died_is_unknown(void **state)
{
	struct policy *reborn = make_policy(4, 2), *former = policy;

	learn(RED, MAC(1), 3, 0);
	policy = reborn;
	assert_int_equal(look(RED, MAC(1), 0), 0);
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(2), sketch_ref(3), START), FDB_NO_ROOM);
	assert_int_equal(count_entries(fdb), 1);
	fdb_sweep(fdb, policy, START);
	assert_int_equal(count_entries(fdb), 0);
	free(former);
}

static void a_port_that_left_the_network_is_unknown(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(RED, 10), sketch_network(BLUE, 20)};
	struct policy_port_spec ports[] = {sketch_access(1, BLUE)};

	learn(RED, MAC(1), 1, 0);
	free(policy);
	policy = SKETCH_POLICY(networks, ports);
	assert_int_equal(look(RED, MAC(1), 0), 0);
	fdb_sweep(fdb, policy, START);
	assert_int_equal(count_entries(fdb), 0);
}

static void a_network_that_was_made_anew_knows_nothing(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	struct policy_port_spec ports[] = {sketch_access(1, RED)};

	learn(RED, MAC(1), 1, 0);
	networks[0].generation = 2;
	free(policy);
	policy = SKETCH_POLICY(networks, ports);
	assert_int_equal(look(RED, MAC(1), 0), 0);
	assert_int_equal(learn(RED, MAC(1), 1, 0), FDB_ADDED);
	assert_int_equal(look(RED, MAC(1), 0), 1);
	assert_int_equal(count_entries(fdb), 1);
}

static void sweep_frees_the_aged_and_trims_the_shrunk(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		learn(RED, MAC(i), 1, i < 50 ? 0 : SKETCH_AGE_MS / 2);
	for (unsigned i = 0; i < 4; i++)
		learn(RED, MAC(200 + i), 6, SKETCH_AGE_MS / 2 + i);
	free(policy);
	policy = make_policy(2, 1);
	fdb_sweep(fdb, policy, START + SKETCH_AGE_MS + 1000);
	assert_int_equal(count_entries(fdb), 50 + 2);
	assert_int_equal(look(RED, MAC(203), SKETCH_AGE_MS + 1000), 6);
	assert_int_equal(look(RED, MAC(200), SKETCH_AGE_MS + 1000), 0);
}

static void flush_forgets_what_it_is_told_to(void **state)
{
	learn(RED, MAC(1), 1, 0);
	learn(RED, MAC(2), 2, 0);
	learn(RED, MAC(3), 5, 0);
	learn(BLUE, MAC(4), 5, 0);
	assert_int_equal(fdb_flush(fdb, RED, sketch_ref(5)), 1);
	assert_int_equal(look(BLUE, MAC(4), 0), 5);
	assert_int_equal(fdb_flush(fdb, 0, (struct port_ref){1, 2}), 0);
	assert_int_equal(fdb_flush(fdb, 0, sketch_ref(1)), 1);
	assert_int_equal(fdb_flush(fdb, RED, PORT_NONE), 1);
	assert_int_equal(fdb_flush(fdb, 0, PORT_NONE), 1);
	assert_int_equal(count_entries(fdb), 0);
}

static void entries_are_told_as_they_are(void **state)
{
	struct fdb_entry entry;
	uint32_t cursor = 0;

	learn(BLUE, MAC(77), 4, 12345);
	assert_true(fdb_next(fdb, &cursor, &entry));
	assert_int_equal(entry.network, BLUE);
	assert_int_equal(entry.network_generation, 1);
	assert_true(entry.mac == MAC(77));
	assert_true(port_ref_equal(entry.port, sketch_ref(4)));
	assert_true(entry.seen <= START + 12345 && entry.seen > START + 12345 - 128);
	assert_false(fdb_next(fdb, &cursor, &entry));
}

/* The smallest table, crowded: who comes late may be refused, who was there stays. */
static void crowded_buckets_cost_their_own_port(void **state)
{
	size_t size = fdb_size(128);
	void *small = map(size);
	bool known[40];
	unsigned refused = 0;

	fdb_close(fdb);
	assert_int_equal(fdb_init(small, size, 128, &fdb), 0);
	for (unsigned i = 0; i < 40; i++)
		learn(RED, MAC(i), 1, 0);
	for (unsigned i = 0; i < 40; i++)
		known[i] = look(RED, MAC(i), 0) == 1; /* nearly all */
	for (unsigned i = 1000; i < 2000; i++) {
		refused += learn(RED, MAC(i), 2, 0) == FDB_NO_ROOM;
		assert_true(count_entries(fdb) <= 64);
	}
	assert_true(refused > 0);
	for (unsigned i = 0; i < 40; i++)
		assert_true(!known[i] || look(RED, MAC(i), 0) == 1);
	fdb_close(fdb);
	munmap(small, size);
	fdb = NULL;
}

static void a_successor_knows_what_was_known(void **state)
{
	struct fdb *successor;

	for (unsigned i = 0; i < 100; i++)
		learn(RED, MAC(i), 1 + i % 2, i);
	for (unsigned i = 0; i < 4; i++)
		learn(RED, MAC(200 + i), 6, 1000 * (4 - i)); /* the last learned is the oldest */
	assert_int_equal(fdb_adopt(memory, memory_size, &successor), 0);
	fdb_close(fdb);
	fdb = successor;
	assert_int_equal(count_entries(fdb), 104);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(look(RED, MAC(i), 5000), 1 + i % 2);
	assert_int_equal(learn(RED, MAC(300), 6, 5000), FDB_EVICTED);
	assert_int_equal(look(RED, MAC(203), 5000), 0);
	assert_int_equal(fdb_flush(fdb, 0, PORT_NONE), 104);
}

static void a_writer_that_died_leaves_no_torn_entry(void **state)
{
	struct fdb_bucket *bucket;

	learn(RED, MAC(1), 1, 0);
	bucket = &fdb->buckets[fdb_bucket_of(fdb, policy_static_key(RED, MAC(1)))];
	atomic_store(&bucket->sequence, 7); /* odd: somebody is writing, for ever */
	assert_int_equal(look(RED, MAC(1), 0), 0);
	fdb_close(fdb);
	assert_int_equal(fdb_adopt(memory, memory_size, &fdb), 0);
	assert_int_equal(look(RED, MAC(1), 0), 1);
}

static void what_is_no_table_is_refused(void **state)
{
	struct fdb_table *table = memory;
	struct fdb *none = NULL;
	const struct fdb *view = NULL;
	struct {
		uint32_t *word;
		uint32_t value;
	} bent[] = {{&table->magic, 1},
		    {&table->version, 99},
		    {&table->n_buckets, 0},
		    {&table->n_buckets, 3},
		    {&table->n_buckets, UINT32_MAX},
		    {&table->n_buckets, SLOTS},
		    {&table->n_buckets, UINT32_C(1) << 31}};

	for (unsigned i = 0; i < sizeof(bent) / sizeof(bent[0]); i++) {
		uint32_t was = *bent[i].word;

		*bent[i].word = bent[i].value;
		assert_int_equal(fdb_adopt(memory, memory_size, &none), -EPROTO);
		assert_int_equal(fdb_view(memory, memory_size, &view), -EPROTO);
		*bent[i].word = was;
	}
	assert_int_equal(fdb_adopt(memory, memory_size - 1, &none), -EPROTO);
	assert_int_equal(fdb_adopt(memory, 16, &none), -EPROTO);
	assert_null(none);
	assert_int_equal(fdb_init(memory, memory_size - 1, SLOTS, &none), -EINVAL);
	assert_int_equal(fdb_init(memory, memory_size, SLOTS - 1, &none), -EINVAL);
	assert_int_equal(fdb_init(memory, memory_size, 64, &none), -EINVAL);
	fdb_close(NULL);
}

/* Every entry lies where a lookup goes, and is nobody's twin. */
static void demand_order(const struct fdb *of)
{
	struct fdb_entry entry, found;
	uint32_t cursor = 0;

	while (fdb_next(of, &cursor, &entry)) {
		uint64_t key = policy_static_key(entry.network, entry.mac);
		uint32_t bucket = (cursor - 1) / FDB_WAYS, other = bucket * FDB_WAYS;

		assert_int_equal(fdb_bucket_of(of, key), bucket);
		assert_true(entry.network && entry.network < LIMIT_NETWORKS);
		assert_true(entry.port.id && entry.port.id < LIMIT_PORTS);
		while (other < cursor - 1 && fdb_next(of, &other, &found) && other < cursor)
			assert_false(found.network == entry.network && found.mac == entry.mac);
	}
}

/* Whatever lies in the table: adopting, using and emptying it stays in bounds. */
static void hostile_entries(void **state)
{
	uint64_t noise = 88172645463325252ULL;

	for (unsigned round = 0; round < 300; round++) {
		for (uint32_t b = 0; b < fdb->n_buckets * 8; b++) {
			noise ^= noise << 13;
			noise ^= noise >> 7;
			noise ^= noise << 17;
			/* half of the time something that looks like an entry */
			((uint64_t *)fdb->buckets)[b] =
				noise & 1 ? noise >> 8 : UINT64_C(1) << 48 | MAC(noise >> 56);
		}
		for (unsigned i = 0; i < FDB_GROUPS_MAX / 64; i++)
			atomic_store(&fdb->table->used[i], round % 2 ? UINT64_MAX : noise);
		for (unsigned i = 0; i < 20; i++) { /* and some that are right */
			uint64_t key = policy_static_key(RED, MAC(i));
			struct fdb_bucket *bucket = &fdb->buckets[fdb_bucket_of(fdb, key)];

			atomic_store(&bucket->key[i % 3], key);
			atomic_store(&bucket->where[i % 3], fdb_where(1, sketch_ref(1)));
		}
		fdb_close(fdb);
		assert_int_equal(fdb_adopt(memory, memory_size, &fdb), 0);
		demand_order(fdb);
		for (unsigned i = 0; i < 500; i++) {
			learn(RED, MAC(i), (uint16_t)(1 + i % 3), i);
			look(RED, MAC(i), i);
		}
		fdb_sweep(fdb, policy, START);
		fdb_flush(fdb, 0, PORT_NONE);
		assert_int_equal(count_entries(fdb), 0);
		assert_int_equal(fdb->books->n_entries, 0);
	}
}

static void a_view_sees_and_does_not_touch(void **state)
{
	const struct fdb *view;

	learn(RED, MAC(1), 1, 0);
	assert_int_equal(mprotect(memory, memory_size, PROT_READ), 0);
	assert_int_equal(fdb_view(memory, memory_size, &view), 0);
	assert_int_equal(fdb_lookup(view, policy, RED, MAC(1), START).id, 1);
	assert_int_equal(count_entries(view), 1);
	fdb_close(view);
	mprotect(memory, memory_size, PROT_READ | PROT_WRITE);
}

static size_t resident_pages(void *at, size_t size)
{
	size_t pages = size / 4096, resident = 0;
	unsigned char *map_of = malloc(pages);

	assert_non_null(map_of);
	assert_int_equal(mincore(at, size, map_of), 0);
	for (size_t i = 0; i < pages; i++)
		resident += map_of[i] & 1;
	free(map_of);
	return resident;
}

/* A guest that looks up addresses at random must not make the file grow. */
static void a_sparse_file_stays_sparse(void **state)
{
	size_t size = fdb_size(LIMIT_FDB_ENTRIES);
	int fd = memfd_create("fdb", MFD_CLOEXEC);
	struct fdb *big;
	void *at;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(fdb_init(at, size, LIMIT_FDB_ENTRIES, &big), 0);
	for (unsigned i = 0; i < 100000; i++)
		fdb_lookup(big, policy, RED, MAC(i), START);
	fdb_sweep(big, policy, START);
	assert_int_equal(count_entries(big), 0);
	assert_true(resident_pages(at, size) <= 1);
	for (unsigned i = 0; i < 100; i++)
		fdb_learn(big, policy, RED, MAC(i), sketch_ref(1), START);
	fdb_close(big);
	assert_int_equal(fdb_adopt(at, size, &big), 0);
	fdb_sweep(big, policy, START);
	assert_int_equal(count_entries(big), 100);
	assert_true(resident_pages(at, size) <= 1 + 100);
	fdb_close(big);
	munmap(at, size);
	close(fd);
}

/* A large table is swept part by part, and each part in its turn. */
static void a_large_table_is_swept_in_turns(void **state)
{
	size_t size = fdb_size(LIMIT_FDB_ENTRIES);
	uint32_t left, before;
	unsigned sweeps = 0;
	struct fdb *big;
	void *at = map(size);

	assert_int_equal(fdb_init(at, size, LIMIT_FDB_ENTRIES, &big), 0);
	for (unsigned i = 0; i < 250; i++)
		assert_int_equal(fdb_learn(big, policy, RED, MAC(i), sketch_ref(1), START),
				 FDB_ADDED);
	for (left = 250; left > 0; sweeps++) {
		before = left;
		fdb_sweep(big, policy, START + SKETCH_AGE_MS + 1000);
		left = count_entries(big);
		assert_true(left < before);
	}
	assert_int_equal(sweeps, 8);
	fdb_close(big);
	munmap(at, size);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(learns_and_finds),
		CASE(networks_do_not_know_of_each_other),
		CASE(silence_ages),
		CASE(a_clock_that_is_far_ahead_is_not_believed),
		CASE(moves),
		CASE(a_full_port_evicts_its_own_oldest),
		CASE(what_is_dead_gives_way_before_what_lives),
		CASE(a_port_without_a_quota_is_not_learned),
		CASE(a_network_has_a_limit),
		CASE(a_reference_that_died_is_unknown),
		CASE(a_port_that_left_the_network_is_unknown),
		CASE(a_network_that_was_made_anew_knows_nothing),
		CASE(sweep_frees_the_aged_and_trims_the_shrunk),
		CASE(flush_forgets_what_it_is_told_to),
		CASE(entries_are_told_as_they_are),
		CASE(crowded_buckets_cost_their_own_port),
		CASE(a_successor_knows_what_was_known),
		CASE(a_writer_that_died_leaves_no_torn_entry),
		CASE(what_is_no_table_is_refused),
		CASE(hostile_entries),
		CASE(a_view_sees_and_does_not_touch),
		CASE(a_large_table_is_swept_in_turns),
		CASE(a_sparse_file_stays_sparse),
	};

	return cmocka_run_group_tests_name("fdb", tests, NULL, NULL);
}
