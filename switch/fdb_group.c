/*
 * fdb_group - which port wants which multicast group: the part of the FDB that snoop.h
 * fills (IEEE 802.1Q, 8.8.4: registration entries).
 *
 * Stands apart from fdb.c because it is another table: behind the buckets of addresses
 * each port has a page of its own, of buckets found by the hash of network and group. So
 * no port's wishes can take another's place, and nothing is counted or listed. An entry
 * ends by its time; there is nothing to sweep.
 *
 * A bucket is read under its sequence, as one of addresses is. Writers hold the port's
 * lock, which is in the books; a worker that does not get it soon leaves it to the next
 * report.
 */
#include <string.h>

#include "switch/fdb_table.h"

enum { LOCK_TRIES = 128 };

static uint32_t tick_of(clock_ms now)
{
	return (uint32_t)(now >> FDB_TICK_SHIFT);
}

static uint64_t where_of(const struct policy *policy, uint16_t network, struct port_ref port)
{
	return (uint64_t)network << 32 |
	       (uint64_t)policy_networks(policy)[network].generation << 16 | port.generation;
}

static struct fdb_wish_bucket *bucket_of(const struct fdb *fdb, uint16_t port, uint64_t where,
					 struct policy_address group)
{
	uint64_t hash = hash_word(group.high ^ where >> 16, fdb->seed[0], fdb->seed[1]);

	hash = hash_word(hash ^ group.low, fdb->seed[0], fdb->seed[1]);
	return &fdb->wishes[port].buckets[(uint32_t)(hash >> 32) % FDB_WISH_BUCKETS];
}

static struct fdb_wish load_way(const struct fdb_wish_bucket *bucket, unsigned way)
{
	/* acquire: see read_way() in fdb.c */
	return (struct fdb_wish){
		.group = {atomic_load_explicit(&bucket->high[way], memory_order_acquire),
			  atomic_load_explicit(&bucket->low[way], memory_order_acquire)},
		.where = atomic_load_explicit(&bucket->where[way], memory_order_acquire),
		.until = atomic_load_explicit(&bucket->until[way], memory_order_acquire),
	};
}

static void store_way(struct fdb_wish_bucket *bucket, unsigned way, const struct fdb_wish *wish)
{
	uint32_t sequence = atomic_load_explicit(&bucket->sequence, memory_order_relaxed) | 1;

	atomic_store_explicit(&bucket->sequence, sequence, memory_order_relaxed);
	/* release: a reader that sees one of these sees the odd sequence, and tries again */
	atomic_store_explicit(&bucket->high[way], wish->group.high, memory_order_release);
	atomic_store_explicit(&bucket->low[way], wish->group.low, memory_order_release);
	atomic_store_explicit(&bucket->where[way], wish->where, memory_order_release);
	atomic_store_explicit(&bucket->until[way], wish->until, memory_order_release);
	/* release: a reader that sees it even sees all of the entry */
	atomic_store_explicit(&bucket->sequence, sequence + 1, memory_order_release);
}

static bool is_live(const struct fdb_wish *wish, uint32_t now)
{
	/* no longer than any may be: the memory may be a stranger's */
	return wish->where && wish->until - now - 1 < FDB_WANT_MS >> FDB_TICK_SHIFT;
}

static bool is_same(const struct fdb_wish *wish, uint64_t where, struct policy_address group)
{
	return wish->where == where && policy_address_equal(wish->group, group);
}

bool fdb_wants(const struct fdb *fdb, const struct policy *policy, uint16_t network, uint16_t port,
	       struct policy_address group, clock_ms now)
{
	struct port_ref ref = {port, policy_ports(policy)[port].generation};
	uint64_t where = where_of(policy, network, ref);
	const struct fdb_wish_bucket *bucket = bucket_of(fdb, port, where, group);

	for (unsigned try = 0; try < FDB_TRIES; try++) {
		/* acquire: the entries are no older than this number */
		uint32_t sequence = atomic_load_explicit(&bucket->sequence, memory_order_acquire);
		bool wants = false;

		for (unsigned way = 0; way < FDB_WISH_WAYS; way++) {
			struct fdb_wish wish = load_way(bucket, way);

			wants |= is_same(&wish, where, group) && is_live(&wish, tick_of(now));
		}
		if (!(sequence & 1) &&
		    atomic_load_explicit(&bucket->sequence, memory_order_relaxed) == sequence)
			return wants;
	}
	return false;
}

/* Put @wish into its bucket: over itself, or what is dead, or if it @must the first to end. */
static bool put(struct fdb_wish_bucket *bucket, const struct fdb_wish *wish, bool must,
		uint32_t now)
{
	unsigned dead = FDB_WISH_WAYS, first = 0;
	uint32_t least = UINT32_MAX;

	for (unsigned way = 0; way < FDB_WISH_WAYS; way++) {
		struct fdb_wish other = load_way(bucket, way);

		if (is_same(&other, wish->where, wish->group)) {
			store_way(bucket, way, wish);
			return true;
		}
		if (!is_live(&other, now)) {
			dead = way;
		} else if (other.until - now < least) {
			least = other.until - now;
			first = way;
		}
	}
	if (dead == FDB_WISH_WAYS && !must)
		return false;
	store_way(bucket, dead < FDB_WISH_WAYS ? dead : first, wish);
	return true;
}

void fdb_want(struct fdb *fdb, const struct policy *policy, uint16_t network, struct port_ref port,
	      struct policy_address group, uint32_t left_ms, clock_ms now)
{
	bool router = policy_address_equal(group, FDB_ROUTERS4) ||
		      policy_address_equal(group, FDB_ROUTERS6);
	struct fdb_wish wish = {
		.group = group,
		.where = where_of(policy, network, port),
		.until = tick_of(now) + (left_ms >> FDB_TICK_SHIFT),
	};
	_Atomic uint32_t *lock = &fdb->books->wish_locks[port.id];

	for (unsigned try = 0; atomic_exchange_explicit(lock, 1, memory_order_acquire); try++)
		if (try == LOCK_TRIES)
			return;
	if (!put(bucket_of(fdb, port.id, wish.where, group), &wish, router, tick_of(now))) {
		wish.group = FDB_EVERYTHING;
		(void)put(bucket_of(fdb, port.id, wish.where, wish.group), &wish, true,
			  tick_of(now));
	}
	atomic_store_explicit(lock, 0, memory_order_release);
}

bool fdb_next_wanted(const struct fdb *fdb, const struct policy *policy, struct port_ref port,
		     uint32_t *cursor, clock_ms now, struct fdb_wanted *ret_wanted)
{
	const struct fdb_wish_page *page = &fdb->wishes[port.id];

	while (*cursor < FDB_WISH_BUCKETS * FDB_WISH_WAYS) {
		uint32_t at = (*cursor)++;
		struct fdb_wish wish =
			load_way(&page->buckets[at / FDB_WISH_WAYS], at % FDB_WISH_WAYS);
		uint16_t network = (uint16_t)(wish.where >> 32);

		/* a torn one is of nobody, or told as it was a moment ago */
		if (!is_live(&wish, tick_of(now)) || !policy_network(policy, network) ||
		    wish.where != where_of(policy, network, port))
			continue;
		*ret_wanted = (struct fdb_wanted){
			.network = network,
			.group = wish.group,
			.left_ms = (wish.until - tick_of(now)) << FDB_TICK_SHIFT,
		};
		return true;
	}
	return false;
}
