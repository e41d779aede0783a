/*
 * fdb_table - how the forwarding database lies in memory. For fdb.c, which
 * reads, fdb_learn.c, which writes, and fdb_group.c; nobody else includes it.
 *
 * Shared memory holds a head of one page and buckets of one cache line, so a
 * lookup costs one line. 64 buckets, a page, are a group. A group is believed
 * only if its bit in the head is set: a lookup in one that never held an entry
 * touches no memory, and what a predecessor left there means nothing.
 *
 * A bucket is read under its sequence, which is odd while a writer is at it.
 * There is one writer at a time (the lock of the books). An entry is free if
 * its key is 0, and the key is the last word written: a writer that dies half
 * way leaves a free entry.
 *
 * Behind the buckets each port has a page for the groups that it wants (fdb_group.c).
 *
 * The books are the writer's private memory: for each entry its place in the
 * list of its port, oldest first, and counts. They say again which port and
 * network an entry belongs to, so that whatever becomes of the shared memory,
 * no list can be led astray.
 */
#ifndef SWITCH_FDB_TABLE_H
#define SWITCH_FDB_TABLE_H

#include <stdatomic.h>

#include "switch/fdb.h"
#include "switch/hash.h"

enum {
	FDB_MAGIC = 0x534c4631, /* "SLF1" */
	FDB_VERSION = 2,
	FDB_WAYS = 3,	/* entries of a bucket */
	FDB_GROUP = 64, /* buckets of a group */
	FDB_GROUPS_MAX = LIMIT_FDB_ENTRIES / 2 / FDB_GROUP,
	FDB_HEAD = 4096,    /* bytes before the first bucket */
	FDB_TICK_SHIFT = 7, /* a tick is 128 ms: 32 bits last for 17 years of uptime */
	/* stamp an entry again after a second: stamping each frame would bounce its cache line */
	FDB_STAMP_TICKS = 8,
	FDB_TRIES = 64, /* to read a bucket that a writer is at */
	FDB_WISH_WAYS = 4,
	FDB_WISH_BUCKETS = 32, /* of a port */
};

struct fdb_bucket {
	_Atomic uint32_t sequence;
	_Atomic uint32_t seen[FDB_WAYS];  /* ticks */
	_Atomic uint64_t key[FDB_WAYS];	  /* network id << 48 | MAC; 0: free */
	_Atomic uint64_t where[FDB_WAYS]; /* network generation, port id, port generation */
};
_Static_assert(sizeof(struct fdb_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct fdb_bucket) * FDB_GROUP == 4096, "a group is a page");

/* What a port wants, as a reader found it. */
struct fdb_wish {
	struct policy_address group;
	uint64_t where; /* network id << 32 | its generation << 16 | the port's; 0: free */
	uint32_t until; /* tick */
};

struct fdb_wish_bucket {
	_Atomic uint32_t sequence; /* as a bucket's */
	_Atomic uint32_t until[FDB_WISH_WAYS];
	uint32_t reserved;
	_Atomic uint64_t high[FDB_WISH_WAYS], low[FDB_WISH_WAYS], where[FDB_WISH_WAYS];
	uint64_t reserved2;
};

struct fdb_wish_page {
	struct fdb_wish_bucket buckets[FDB_WISH_BUCKETS];
};
_Static_assert(sizeof(struct fdb_wish_page) == 4096, "a port's wishes are a page");

struct fdb_table {
	uint32_t magic;
	uint32_t version;
	uint32_t n_buckets;
	uint32_t reserved;
	uint64_t seed[2];
	_Atomic uint64_t used[FDB_GROUPS_MAX / 64]; /* a bit for each group */
};
_Static_assert(sizeof(struct fdb_table) <= FDB_HEAD, "the head fits into its page");

/* Slots are counted from 1 here, so that zeroed books are empty ones. */
struct fdb_link {
	uint32_t older, newer;
	uint16_t port, network;
};

struct fdb_list {
	uint32_t oldest, newest;
	uint32_t count;
};

struct fdb_books {
	_Atomic uint32_t lock;
	uint32_t n_entries;
	uint32_t networks[LIMIT_NETWORKS]; /* entries of each */
	_Atomic uint32_t wish_locks[LIMIT_PORTS];
	struct fdb_list ports[LIMIT_PORTS];
	struct fdb_link links[]; /* one for each slot, and the unused 0 */
};

struct fdb {
	struct fdb_table *table;
	struct fdb_bucket *buckets;
	struct fdb_wish_page *wishes; /* one for each port */
	struct fdb_books *books;      /* NULL: only to look at */
	uint32_t n_buckets;
	uint32_t next_swept; /* bucket */
	uint64_t seed[2];
};

/* An entry as a reader found it, all of one moment. */
struct fdb_found {
	uint64_t key;
	uint64_t where;
	uint32_t seen;
};

static inline uint32_t fdb_bucket_of(const struct fdb *fdb, uint64_t key)
{
	return (uint32_t)(hash_word(key, fdb->seed[0], fdb->seed[1]) >> 32) & (fdb->n_buckets - 1);
}

static inline bool fdb_group_is_used(const struct fdb *fdb, uint32_t bucket)
{
	uint32_t group = bucket / FDB_GROUP;

	/* acquire: who sees the bit sees the group cleared before it was set */
	return atomic_load_explicit(&fdb->table->used[group / 64], memory_order_acquire) >>
		       (group % 64) &
	       1;
}

static inline uint64_t fdb_where(uint16_t network_generation, struct port_ref port)
{
	return (uint64_t)network_generation << 32 | (uint64_t)port.id << 16 | port.generation;
}

static inline struct port_ref fdb_where_port(uint64_t where)
{
	return (struct port_ref){(uint16_t)(where >> 16), (uint16_t)where};
}

/* Read the entry @way of @bucket, or the one with @key; false if there is none. */
bool fdb_bucket_read(const struct fdb_bucket *bucket, unsigned way, struct fdb_found *ret_found);
bool fdb_bucket_find(const struct fdb_bucket *bucket, uint64_t key, struct fdb_found *ret_found);

/* Is an entry too old, or its network or port gone, or its port not in the network any more? */
bool fdb_is_dead(const struct policy *policy, const struct fdb_found *found, clock_ms now);

/* Make the books of @fdb from its entries, free what makes no sense. -ENOMEM. */
int fdb_rebuild(struct fdb *fdb) __attribute__((warn_unused_result));

#endif
