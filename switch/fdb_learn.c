/*
 * fdb_learn - everything that changes the forwarding database.
 *
 * Stands apart from fdb.c because it has a lock and books to keep in step with
 * the table. The lock is a spin lock that is held for one entry at most; a
 * worker that does not get it soon learns the address from the next frame.
 * The books, and the words of the table for writing, belong to its holder.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/fdb_table.h"

enum {
	LOCK_TRIES = 128, /* of a worker; microseconds */
	SWEEP = 1 << 17,  /* buckets that one sweep looks at: milliseconds */
};

/* What a frame told: @key lives at @where. */
struct lesson {
	const struct policy *policy;
	const struct policy_network *network;
	const struct policy_port *port;
	uint64_t key;
	uint64_t where;
	uint16_t network_id;
	uint16_t port_id;
	clock_ms now;
};

/* Tell the processor that this is a loop around somebody else's store. */
#ifdef __x86_64__
#define relax() __builtin_ia32_pause()
#else
#define relax() atomic_signal_fence(memory_order_seq_cst)
#endif

static bool try_lock(struct fdb_books *books, unsigned tries)
{
	for (unsigned i = 0; i < tries; i++) {
		/* acquire: with the lock come the books as the last holder left them */
		if (!atomic_load_explicit(&books->lock, memory_order_relaxed) &&
		    !atomic_exchange_explicit(&books->lock, 1, memory_order_acquire))
			return true;
		relax();
	}
	return false;
}

static void lock(struct fdb_books *books)
{
	while (!try_lock(books, LOCK_TRIES))
		;
}

static void unlock(struct fdb_books *books)
{
	atomic_store_explicit(&books->lock, 0, memory_order_release);
}

/* Slots are counted from 1. */
static struct fdb_bucket *bucket_of_slot(const struct fdb *fdb, uint32_t slot)
{
	return &fdb->buckets[(slot - 1) / FDB_WAYS];
}

static unsigned way_of_slot(uint32_t slot)
{
	return (slot - 1) % FDB_WAYS;
}

/* With the lock held nobody else writes: no sequence needed. */
static struct fdb_found slot_load(const struct fdb *fdb, uint32_t slot)
{
	const struct fdb_bucket *bucket = bucket_of_slot(fdb, slot);
	unsigned way = way_of_slot(slot);

	return (struct fdb_found){
		.key = atomic_load_explicit(&bucket->key[way], memory_order_relaxed),
		.where = atomic_load_explicit(&bucket->where[way], memory_order_relaxed),
		.seen = atomic_load_explicit(&bucket->seen[way], memory_order_relaxed),
	};
}

static void slot_store(struct fdb *fdb, uint32_t slot, const struct fdb_found *found)
{
	struct fdb_bucket *bucket = bucket_of_slot(fdb, slot);
	unsigned way = way_of_slot(slot);
	uint32_t sequence = atomic_load_explicit(&bucket->sequence, memory_order_relaxed) | 1;

	atomic_store_explicit(&bucket->sequence, sequence, memory_order_relaxed);
	/* release: a reader that sees one of these sees the odd sequence, and tries again */
	atomic_store_explicit(&bucket->key[way], 0, memory_order_release);
	atomic_store_explicit(&bucket->where[way], found->where, memory_order_release);
	atomic_store_explicit(&bucket->seen[way], found->seen, memory_order_release);
	atomic_store_explicit(&bucket->key[way], found->key, memory_order_release);
	/* release: a reader that sees it even sees all of the entry */
	atomic_store_explicit(&bucket->sequence, sequence + 1, memory_order_release);
}

static void books_enter(struct fdb_books *books, uint32_t slot, uint16_t network, uint16_t port)
{
	struct fdb_list *list = &books->ports[port];

	books->links[slot] = (struct fdb_link){list->newest, 0, port, network};
	if (list->newest)
		books->links[list->newest].newer = slot;
	else
		list->oldest = slot;
	list->newest = slot;
	list->count++;
	books->networks[network]++;
	books->n_entries++;
}

static void books_leave(struct fdb_books *books, uint32_t slot)
{
	struct fdb_link *link = &books->links[slot];
	struct fdb_list *list = &books->ports[link->port];

	if (link->older)
		books->links[link->older].newer = link->newer;
	else
		list->oldest = link->newer;
	if (link->newer)
		books->links[link->newer].older = link->older;
	else
		list->newest = link->older;
	list->count--;
	books->networks[link->network]--;
	books->n_entries--;
}

static void slot_free(struct fdb *fdb, uint32_t slot)
{
	books_leave(fdb->books, slot);
	slot_store(fdb, slot, &(struct fdb_found){0});
}

static void slot_fill(struct fdb *fdb, uint32_t slot, const struct lesson *lesson)
{
	struct fdb_found found = {
		.key = lesson->key,
		.where = lesson->where,
		.seen = (uint32_t)(lesson->now >> FDB_TICK_SHIFT),
	};

	slot_store(fdb, slot, &found);
	books_enter(fdb->books, slot, lesson->network_id, lesson->port_id);
}

static bool slot_is_dead(const struct fdb *fdb, uint32_t slot, const struct lesson *lesson)
{
	struct fdb_found found = slot_load(fdb, slot);

	return fdb_is_dead(lesson->policy, &found, lesson->now);
}

/* Free the oldest entry of the lesson's port. True if it was alive. */
static bool evict_oldest(struct fdb *fdb, const struct lesson *lesson)
{
	uint32_t slot = fdb->books->ports[lesson->port_id].oldest;
	bool alive = !slot_is_dead(fdb, slot, lesson);

	slot_free(fdb, slot);
	return alive;
}

/* Begin a group: from here on its memory is used, and whatever was there is gone. */
static void use_group(struct fdb *fdb, uint32_t bucket)
{
	uint32_t group = bucket / FDB_GROUP;
	_Atomic uint64_t *used = &fdb->table->used[group / 64];

	if (fdb_group_is_used(fdb, bucket))
		return;
	memset(&fdb->buckets[group * FDB_GROUP], 0, FDB_GROUP * sizeof(struct fdb_bucket));
	/* release: see fdb_group_is_used() */
	atomic_fetch_or_explicit(used, UINT64_C(1) << (group % 64), memory_order_release);
}

/*
 * The slot of the bucket that a newcomer may have: a free one, a dead one, or
 * one of the same port, which then gives way. 0 if there is none.
 */
static uint32_t make_room(struct fdb *fdb, uint32_t bucket, const struct lesson *lesson,
			  bool *ret_evicted)
{
	uint32_t first = bucket * FDB_WAYS + 1;
	uint32_t dead = 0, own = 0;

	for (uint32_t slot = first; slot < first + FDB_WAYS; slot++) {
		if (slot_load(fdb, slot).key == 0)
			return slot;
		if (slot_is_dead(fdb, slot, lesson))
			dead = slot;
		else if (fdb->books->links[slot].port == lesson->port_id)
			own = slot;
	}
	if (!dead && !own)
		return 0;
	slot_free(fdb, dead ? dead : own);
	*ret_evicted = !dead;
	return dead ? dead : own;
}

static enum fdb_learned learn_new(struct fdb *fdb, uint32_t bucket, const struct lesson *lesson)
{
	struct fdb_books *books = fdb->books;
	struct fdb_list *list = &books->ports[lesson->port_id];
	bool port_full = list->count >= lesson->port->macs_max;
	bool evicted = false;
	uint32_t slot;

	if (lesson->port->macs_max == 0)
		return FDB_NO_ROOM;
	/* Eviction makes room in the port; elsewhere only if what goes was there. */
	if (books->networks[lesson->network_id] >= lesson->network->macs_max &&
	    !(port_full && books->links[list->oldest].network == lesson->network_id))
		return FDB_NO_ROOM;
	if (books->n_entries >= fdb->n_buckets && !port_full)
		return FDB_NO_ROOM;
	slot = make_room(fdb, bucket, lesson, &evicted);
	if (slot == 0)
		return FDB_NO_ROOM;
	if (list->count >= lesson->port->macs_max)
		evicted |= evict_oldest(fdb, lesson);
	slot_fill(fdb, slot, lesson);
	return evicted ? FDB_EVICTED : FDB_ADDED;
}

/* The address is there already: behind this port, or behind another one. */
static enum fdb_learned learn_again(struct fdb *fdb, uint32_t slot, const struct lesson *lesson)
{
	bool same = slot_load(fdb, slot).where == lesson->where;

	if (lesson->port->macs_max == 0)
		return FDB_NO_ROOM;
	books_leave(fdb->books, slot);
	if (!same && fdb->books->ports[lesson->port_id].count >= lesson->port->macs_max)
		evict_oldest(fdb, lesson);
	slot_fill(fdb, slot, lesson);
	return same ? FDB_KNOWN : FDB_MOVED;
}

static enum fdb_learned learn_locked(struct fdb *fdb, uint32_t bucket, const struct lesson *lesson)
{
	uint32_t first = bucket * FDB_WAYS + 1;

	use_group(fdb, bucket);
	for (uint32_t slot = first; slot < first + FDB_WAYS; slot++) {
		if (slot_load(fdb, slot).key != lesson->key)
			continue;
		if (!slot_is_dead(fdb, slot, lesson))
			return learn_again(fdb, slot, lesson);
		slot_free(fdb, slot);
		break;
	}
	return learn_new(fdb, bucket, lesson);
}

enum fdb_learned fdb_learn(struct fdb *fdb, const struct policy *policy, uint16_t network,
			   mac48 mac, struct port_ref port, clock_ms now)
{
	struct lesson lesson = {
		.policy = policy,
		.network = policy_network(policy, network),
		.port = policy_port(policy, port),
		.key = policy_static_key(network, mac),
		.network_id = network,
		.port_id = port.id,
		.now = now,
	};
	uint32_t bucket = fdb_bucket_of(fdb, lesson.key);
	struct fdb_found found;
	enum fdb_learned learned;

	if (!lesson.network || !lesson.port)
		return FDB_NO_ROOM;
	lesson.where = fdb_where(lesson.network->generation, port);
	if (fdb_group_is_used(fdb, bucket) &&
	    fdb_bucket_find(&fdb->buckets[bucket], lesson.key, &found) &&
	    found.where == lesson.where &&
	    (uint32_t)(now >> FDB_TICK_SHIFT) - found.seen < FDB_STAMP_TICKS)
		return FDB_KNOWN;
	if (!try_lock(fdb->books, LOCK_TRIES))
		return FDB_NO_ROOM;
	learned = learn_locked(fdb, bucket, &lesson);
	unlock(fdb->books);
	return learned;
}

/* Why an entry may go: for fdb_sweep() and fdb_flush(). */
struct removal {
	const struct policy *policy; /* NULL: flush */
	clock_ms now;
	uint16_t network;
	struct port_ref port;
};

static bool shall_go(const struct removal *removal, const struct fdb_found *found)
{
	if (removal->policy)
		return fdb_is_dead(removal->policy, found, removal->now);
	return (removal->network == 0 || removal->network == found->key >> 48) &&
	       (port_ref_is_none(removal->port) ||
		port_ref_equal(removal->port, fdb_where_port(found->where)));
}

/* From bucket @first up to before @end. */
static uint32_t remove_entries(struct fdb *fdb, uint32_t first, uint32_t end,
			       const struct removal *removal)
{
	uint32_t removed = 0;

	for (uint32_t bucket = first; bucket < end; bucket++) {
		if (!fdb_group_is_used(fdb, bucket)) {
			bucket |= FDB_GROUP - 1;
			continue;
		}
		for (unsigned way = 0; way < FDB_WAYS; way++) {
			uint32_t slot = bucket * FDB_WAYS + way + 1;
			struct fdb_found found;

			/* Looked at without the lock, judged again with it. */
			if (!fdb_bucket_read(&fdb->buckets[bucket], way, &found) ||
			    !shall_go(removal, &found))
				continue;
			lock(fdb->books);
			found = slot_load(fdb, slot);
			if (found.key && shall_go(removal, &found)) {
				slot_free(fdb, slot);
				removed++;
			}
			unlock(fdb->books);
		}
	}
	return removed;
}

/* A quota that shrank: the oldest go. */
static void trim_port(struct fdb *fdb, uint16_t id, uint32_t macs_max)
{
	bool over;

	do {
		lock(fdb->books);
		over = fdb->books->ports[id].count > macs_max;
		if (over)
			slot_free(fdb, fdb->books->ports[id].oldest);
		unlock(fdb->books);
	} while (over);
}

void fdb_sweep(struct fdb *fdb, const struct policy *policy, clock_ms now)
{
	uint32_t first = fdb->next_swept;
	uint32_t end = fdb->n_buckets - first > SWEEP ? first + SWEEP : fdb->n_buckets;

	remove_entries(fdb, first, end, &(struct removal){.policy = policy, .now = now});
	fdb->next_swept = end < fdb->n_buckets ? end : 0;
	for (uint32_t id = 1; id < policy->n_ports; id++)
		trim_port(fdb, (uint16_t)id, policy_ports(policy)[id].macs_max);
}

uint32_t fdb_flush(struct fdb *fdb, uint16_t network, struct port_ref port)
{
	return remove_entries(fdb, 0, fdb->n_buckets,
			      &(struct removal){.network = network, .port = port});
}

struct aged_slot {
	uint32_t seen;
	uint32_t slot;
	uint16_t network, port;
};

static int compare_age(const void *a, const void *b)
{
	const struct aged_slot *left = a, *right = b;

	return (left->seen > right->seen) - (left->seen < right->seen);
}

/* Could fdb_learn() have written this entry into this bucket? */
static bool makes_sense(const struct fdb *fdb, uint32_t slot, const struct fdb_found *found)
{
	uint16_t network = (uint16_t)(found->key >> 48);
	mac48 mac = found->key & MAC_BROADCAST;
	struct port_ref port = fdb_where_port(found->where);
	uint32_t bucket = (slot - 1) / FDB_WAYS;

	if (network == 0 || network >= LIMIT_NETWORKS || mac == 0 || mac_is_group(mac) ||
	    port.id == 0 || port.id >= LIMIT_PORTS || port_ref_is_none(port) ||
	    found->where >> 48 || fdb_bucket_of(fdb, found->key) != bucket)
		return false;
	for (uint32_t other = bucket * FDB_WAYS + 1; other < slot; other++) {
		if (slot_load(fdb, other).key == found->key)
			return false;
	}
	return true;
}

int fdb_rebuild(struct fdb *fdb)
{
	uint32_t n_slots = fdb->n_buckets * FDB_WAYS, count = 0;
	struct aged_slot *aged = malloc(n_slots * sizeof(*aged));

	if (!aged)
		return -ENOMEM;
	for (uint32_t slot = 1; slot <= n_slots; slot++) {
		struct fdb_found found;

		if (!fdb_group_is_used(fdb, (slot - 1) / FDB_WAYS))
			continue;
		/* Loaded once: a predecessor that is not dead yet may still write. */
		found = slot_load(fdb, slot);
		if (makes_sense(fdb, slot, &found))
			aged[count++] = (struct aged_slot){
				.seen = found.seen,
				.slot = slot,
				.network = (uint16_t)(found.key >> 48),
				.port = fdb_where_port(found.where).id,
			};
		else
			found = (struct fdb_found){0};
		/* Stored even if sound: an odd sequence of a dead writer becomes even. */
		slot_store(fdb, slot, &found);
	}
	qsort(aged, count, sizeof(*aged), compare_age);
	for (uint32_t i = 0; i < count; i++)
		books_enter(fdb->books, aged[i].slot, aged[i].network, aged[i].port);
	free(aged);
	return 0;
}
