/*
 * fdb - making, finding and reading a table. fdb_table.h says how it lies in
 * memory; fdb_learn.c changes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "switch/fdb_table.h"

enum {
	SLOTS_MIN = 2 * FDB_GROUP,
};

size_t fdb_size(uint32_t slots)
{
	return FDB_HEAD + (size_t)slots / 2 * sizeof(struct fdb_bucket) +
	       LIMIT_PORTS * sizeof(struct fdb_wish_page);
}

static bool slots_are_valid(uint32_t slots)
{
	return slots >= SLOTS_MIN && slots <= LIMIT_FDB_ENTRIES && (slots & (slots - 1)) == 0;
}

/* A handle on a table whose head is sound; with books for who is going to write. */
static int open_table(void *memory, uint32_t n_buckets, bool with_books, struct fdb **ret_fdb)
{
	struct fdb_table *table = memory;
	struct fdb *fdb = calloc(1, sizeof(*fdb));

	if (!fdb)
		return -ENOMEM;
	fdb->table = table;
	fdb->buckets = (struct fdb_bucket *)((char *)memory + FDB_HEAD);
	fdb->wishes = (struct fdb_wish_page *)(fdb->buckets + n_buckets);
	fdb->n_buckets = n_buckets;
	fdb->seed[0] = table->seed[0];
	fdb->seed[1] = table->seed[1];
	if (with_books) {
		/* Zeroed memory of this size comes fresh from the kernel: no page is touched. */
		fdb->books = calloc(1, sizeof(*fdb->books) + ((size_t)n_buckets * FDB_WAYS + 1) *
								     sizeof(struct fdb_link));
		if (!fdb->books) {
			free(fdb);
			return -ENOMEM;
		}
	}
	*ret_fdb = fdb;
	return 0;
}

void fdb_close(const struct fdb *fdb)
{
	if (!fdb)
		return;
	free(fdb->books);
	free((struct fdb *)fdb);
}

int fdb_init(void *memory, size_t size, uint32_t slots, struct fdb **ret_fdb)
{
	struct fdb_table *table = memory;
	uint64_t seed[2];

	if (!slots_are_valid(slots) || size < fdb_size(slots) || (uintptr_t)memory % 64 != 0)
		return -EINVAL;
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	memset(table, 0, sizeof(*table));
	table->version = FDB_VERSION;
	table->n_buckets = slots / 2;
	memcpy(table->seed, seed, sizeof(seed));
	table->magic = FDB_MAGIC;
	return open_table(memory, slots / 2, true, ret_fdb);
}

/* The number of buckets of a table that somebody else made, or 0 if it is none. */
static uint32_t check_table(const void *memory, size_t size)
{
	const struct fdb_table *table = memory;
	uint32_t n_buckets;

	if (size < FDB_HEAD || (uintptr_t)memory % 64 != 0 || table->magic != FDB_MAGIC ||
	    table->version != FDB_VERSION)
		return 0;
	/* Read once: the memory may change, what is returned may not. */
	n_buckets = *(const volatile uint32_t *)&table->n_buckets;
	if (n_buckets > LIMIT_FDB_ENTRIES / 2 || !slots_are_valid(n_buckets * 2) ||
	    size < fdb_size(n_buckets * 2))
		return 0;
	return n_buckets;
}

int fdb_adopt(void *memory, size_t size, struct fdb **ret_fdb)
{
	uint32_t n_buckets = check_table(memory, size);
	struct fdb *fdb;
	int error;

	if (n_buckets == 0)
		return -EPROTO;
	error = open_table(memory, n_buckets, true, &fdb);
	if (error)
		return error;
	error = fdb_rebuild(fdb);
	if (error) {
		fdb_close(fdb);
		return error;
	}
	*ret_fdb = fdb;
	return 0;
}

int fdb_view(const void *memory, size_t size, const struct fdb **ret_fdb)
{
	uint32_t n_buckets = check_table(memory, size);
	struct fdb *fdb;
	int error;

	if (n_buckets == 0)
		return -EPROTO;
	/* Without books nothing is ever written through the handle. */
	error = open_table((void *)memory, n_buckets, false, &fdb);
	if (error)
		return error;
	*ret_fdb = fdb;
	return 0;
}

static bool read_way(const struct fdb_bucket *bucket, unsigned way, struct fdb_found *ret_found)
{
	/*
	 * acquire: a reader that sees any word of a write sees the odd sequence
	 * stored before it, when it compares the sequence afterwards
	 */
	ret_found->key = atomic_load_explicit(&bucket->key[way], memory_order_acquire);
	ret_found->where = atomic_load_explicit(&bucket->where[way], memory_order_acquire);
	ret_found->seen = atomic_load_explicit(&bucket->seen[way], memory_order_acquire);
	return ret_found->key != 0;
}

/*
 * Begin and end of reading a bucket. A writer is done in nanoseconds, unless it
 * lost its processor or its life: readers try a few times, then go without.
 */
static uint32_t read_begin(const struct fdb_bucket *bucket)
{
	return atomic_load_explicit(&bucket->sequence, memory_order_acquire);
}

static bool read_was_whole(const struct fdb_bucket *bucket, uint32_t sequence)
{
	return !(sequence & 1) &&
	       atomic_load_explicit(&bucket->sequence, memory_order_relaxed) == sequence;
}

bool fdb_bucket_read(const struct fdb_bucket *bucket, unsigned way, struct fdb_found *ret_found)
{
	for (unsigned i = 0; i < FDB_TRIES; i++) {
		uint32_t sequence = read_begin(bucket);
		struct fdb_found found;
		bool used = read_way(bucket, way, &found);

		if (read_was_whole(bucket, sequence)) {
			if (used)
				*ret_found = found;
			return used;
		}
	}
	return false;
}

bool fdb_bucket_find(const struct fdb_bucket *bucket, uint64_t key, struct fdb_found *ret_found)
{
	for (unsigned i = 0; i < FDB_TRIES; i++) {
		uint32_t sequence = read_begin(bucket);
		struct fdb_found found;
		bool hit = false;

		for (unsigned way = 0; way < FDB_WAYS && !hit; way++) {
			if (atomic_load_explicit(&bucket->key[way], memory_order_acquire) == key)
				hit = read_way(bucket, way, &found) && found.key == key;
		}
		if (read_was_whole(bucket, sequence)) {
			if (hit)
				*ret_found = found;
			return hit;
		}
	}
	return false;
}

/* How long ago, in ticks. Workers' clocks differ by a burst; what lies further ahead is nonsense. */
static bool is_aged(uint32_t seen, uint32_t age_ms, clock_ms now)
{
	int32_t age = (int32_t)((uint32_t)(now >> FDB_TICK_SHIFT) - seen);

	return age < -(1000 >> FDB_TICK_SHIFT) ||
	       (age > 0 && (uint64_t)age << FDB_TICK_SHIFT > age_ms);
}

bool fdb_is_dead(const struct policy *policy, const struct fdb_found *found, clock_ms now)
{
	uint16_t id = (uint16_t)(found->key >> 48);
	const struct policy_network *network = policy_network(policy, id);
	struct port_ref port = fdb_where_port(found->where);

	return !network || network->generation != (uint16_t)(found->where >> 32) ||
	       !policy_port(policy, port) || policy_tag(policy, id, port.id) == POLICY_NOT_MEMBER ||
	       is_aged(found->seen, network->age_ms, now);
}

struct port_ref fdb_lookup(const struct fdb *fdb, const struct policy *policy, uint16_t network,
			   mac48 mac, clock_ms now)
{
	uint64_t key = policy_static_key(network, mac);
	uint32_t bucket = fdb_bucket_of(fdb, key);
	struct fdb_found found;

	if (!fdb_group_is_used(fdb, bucket) ||
	    !fdb_bucket_find(&fdb->buckets[bucket], key, &found) ||
	    fdb_is_dead(policy, &found, now))
		return PORT_NONE;
	return fdb_where_port(found.where);
}

bool fdb_witness(const struct fdb *fdb, const struct policy *policy, uint16_t network, mac48 mac,
		 clock_ms now, struct fdb_witness *ret_witness)
{
	uint64_t key = policy_static_key(network, mac);
	uint32_t at = fdb_bucket_of(fdb, key);
	const struct fdb_bucket *bucket = &fdb->buckets[at];
	clock_ms stamped;
	struct fdb_found found;
	uint32_t sequence;

	if (!fdb_group_is_used(fdb, at))
		return false;
	sequence = read_begin(bucket);
	if (!fdb_bucket_find(bucket, key, &found) || !read_was_whole(bucket, sequence) ||
	    fdb_is_dead(policy, &found, now))
		return false;
	stamped = (clock_ms)found.seen << FDB_TICK_SHIFT;
	*ret_witness = (struct fdb_witness){
		.word = &bucket->sequence,
		.value = sequence,
		.port = fdb_where_port(found.where),
		.stamp_due = stamped + ((clock_ms)FDB_STAMP_TICKS << FDB_TICK_SHIFT),
		.dead = stamped + policy_networks(policy)[network].age_ms,
	};
	return true;
}

bool fdb_next(const struct fdb *fdb, uint32_t *cursor, struct fdb_entry *ret_entry)
{
	while (*cursor < fdb->n_buckets * FDB_WAYS) {
		uint32_t bucket = *cursor / FDB_WAYS, way = *cursor % FDB_WAYS;
		struct fdb_found found;

		if (!fdb_group_is_used(fdb, bucket)) {
			*cursor = (bucket / FDB_GROUP + 1) * FDB_GROUP * FDB_WAYS;
			continue;
		}
		++*cursor;
		if (!fdb_bucket_read(&fdb->buckets[bucket], way, &found))
			continue;
		*ret_entry = (struct fdb_entry){
			.network = (uint16_t)(found.key >> 48),
			.network_generation = (uint16_t)(found.where >> 32),
			.mac = found.key & MAC_BROADCAST,
			.port = fdb_where_port(found.where),
			.seen = (clock_ms)found.seen << FDB_TICK_SHIFT,
		};
		return true;
	}
	return false;
}
