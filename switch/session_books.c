/*
 * session_books - making and freeing sessions: the lock, the quotas, the index.
 *
 * Stands apart from session_commit.c because everything here belongs to the
 * holder of one lock, which is held for one session at most. A slot is written
 * under its own word too, since workers that hold a reference do not take the
 * lock; whoever has the lock may wait for the word, never the other way.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "switch/session_table.h"

enum {
	LOCK_TRIES = 512, /* some microseconds: several holders' turns, if all of them run */
	EVICTIONS = 4,	  /* for one newcomer: a quota that shrank is reached step by step */
};

bool session_books_try_lock(struct session_books *books)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		/* acquire: with the lock come the books as the last holder left them */
		if (!atomic_load_explicit(&books->lock, memory_order_relaxed) &&
		    !atomic_exchange_explicit(&books->lock, 1, memory_order_acquire))
			return true;
		session_relax();
	}
	return false;
}

void session_books_unlock(struct session_books *books)
{
	atomic_store_explicit(&books->lock, 0, memory_order_release);
}

void session_slot_store_line(struct session_slot *slot, const struct session_line *line)
{
	session_slot_store_side(slot, 0, &line->side[0]);
	session_slot_store_side(slot, 1, &line->side[1]);
	atomic_store_explicit(&slot->state, session_line_pack(line), memory_order_release);
}

static uint64_t pack_port(struct port_ref port)
{
	return port.id | (uint64_t)port.generation << 16;
}

/* The state is stored last: until then the slot is free. Releases as in session_slot_store_side(). */
static void store_image(struct session_slot *slot, struct session_pulse *pulse,
			const struct session_image *image)
{
	for (int i = 0; i < 2; i++) {
		atomic_store_explicit(&slot->src[i], image->words.src[i], memory_order_release);
		atomic_store_explicit(&slot->dst[i], image->words.dst[i], memory_order_release);
	}
	atomic_store_explicit(&slot->ends, image->words.ends, memory_order_release);
	atomic_store_explicit(&slot->about,
			      (image->words.about & SESSION_ABOUT_MASK) |
				      (uint64_t)image->tenant << 16 |
				      (uint64_t)image->created << 32,
			      memory_order_release);
	atomic_store_explicit(&slot->ports, pack_port(image->in) | pack_port(image->out) << 32,
			      memory_order_release);
	atomic_store_explicit(&slot->owner, pack_port(image->owner), memory_order_release);
	atomic_store_explicit(&slot->packets, image->packets, memory_order_release);
	atomic_store_explicit(&pulse->packets[0], 0, memory_order_release);
	atomic_store_explicit(&pulse->packets[1], 0, memory_order_release);
	atomic_store_explicit(&pulse->seen, image->seen, memory_order_release);
	atomic_store_explicit(&slot->policy, image->policy, memory_order_release);
	atomic_store_explicit(&slot->rule, image->rule, memory_order_release);
	session_slot_store_line(slot, &image->line);
}

static void list_enter(struct session_books *books, uint32_t number)
{
	struct session_link *link = &books->links[number];
	struct session_account *account = &books->ports[link->owner];

	link->weak = true;
	link->older = account->newest;
	link->newer = 0;
	if (account->newest)
		books->links[account->newest].newer = number;
	else
		account->oldest = number;
	account->newest = number;
}

static void list_leave(struct session_books *books, uint32_t number)
{
	struct session_link *link = &books->links[number];
	struct session_account *account = &books->ports[link->owner];

	if (link->older)
		books->links[link->older].newer = link->newer;
	else
		account->oldest = link->newer;
	if (link->newer)
		books->links[link->newer].older = link->older;
	else
		account->newest = link->older;
	link->older = link->newer = 0;
	link->weak = false;
}

void session_books_rank(struct sessions *sessions, uint32_t slot, bool weak)
{
	struct session_link *link = &sessions->books->links[slot + 1];

	/* what has no owner is in no list: another process wrote it, against all promises */
	if (link->weak == weak || !link->owner)
		return;
	if (weak)
		list_enter(sessions->books, slot + 1);
	else
		list_leave(sessions->books, slot + 1);
}

static void books_enter(struct sessions *sessions, uint32_t number, uint32_t bucket,
			const struct session_image *image)
{
	struct session_books *books = sessions->books;
	struct session_account *account = &books->ports[image->owner.id];

	books->links[number] = (struct session_link){
		.bucket = bucket,
		.owner = image->owner.id,
		.tenant = image->tenant & 0x7fffU,
	};
	if (account->count++ >= sessions->share)
		books->n_beyond++;
	books->tenants[image->tenant]++;
	atomic_fetch_add_explicit(&books->n_held, 1, memory_order_relaxed);
}

static void books_leave(struct sessions *sessions, uint32_t number)
{
	struct session_books *books = sessions->books;
	struct session_link *link = &books->links[number];

	if (link->weak)
		list_leave(books, number);
	if (--books->ports[link->owner].count >= sessions->share)
		books->n_beyond--;
	books->tenants[link->tenant]--;
	atomic_fetch_sub_explicit(&books->n_held, 1, memory_order_relaxed);
	*link = (struct session_link){.newer = books->free};
	books->free = number;
}

static uint32_t entry_slot(uint32_t entry)
{
	return (entry & ((1U << SESSION_SLOT_BITS) - 1)) - 1;
}

/* The index word of @slot, by its number alone: the hash may not be what it was. */
static void index_remove(struct sessions *sessions, uint32_t bucket, uint32_t slot)
{
	for (unsigned way = 0; way < SESSION_WAYS; way++) {
		_Atomic uint32_t *entry = &sessions->buckets[bucket].entry[way];
		uint32_t word = atomic_load_explicit(entry, memory_order_relaxed);

		if (word && entry_slot(word) == slot)
			atomic_store_explicit(entry, 0, memory_order_relaxed);
	}
}

int session_books_free(struct sessions *sessions, uint32_t slot)
{
	struct session_slot *at = &sessions->slots[slot];
	uint64_t word = atomic_load_explicit(&at->word, memory_order_relaxed);
	uint32_t generation = session_word_generation(word);

	if (session_slot_enter(at, generation, &word))
		return -EBUSY;
	atomic_store_explicit(&at->state, SESSION_FREE, memory_order_release);
	/* release: who begins another one here finds this one ended */
	atomic_store_explicit(&sessions->pulses[slot].phase, 0, memory_order_release);
	/* 0 is no generation */
	session_slot_leave(at, word, generation + 1 ? generation + 1 : 1);
	if (!sessions->books->links[slot + 1].owner)
		return 0; /* as session_books_rank() */
	index_remove(sessions, sessions->books->links[slot + 1].bucket, slot);
	books_leave(sessions, slot + 1);
	return 0;
}

/* Begin a group: from here on its memory is used, and whatever was there is gone. */
static void use_group(struct sessions *sessions, uint32_t bucket)
{
	uint32_t group = bucket / SESSION_GROUP;

	if (session_group_is_used(sessions, bucket))
		return;
	memset(&sessions->buckets[group * SESSION_GROUP], 0,
	       SESSION_GROUP * sizeof(struct session_bucket));
	/* release: see session_group_is_used() */
	atomic_fetch_or_explicit(&sessions->table->used[group / 64], UINT64_C(1) << (group % 64),
				 memory_order_release);
}

static bool quota_has_room(const struct sessions *sessions, const struct session_grant *grant)
{
	const struct session_books *books = sessions->books;
	uint32_t count = books->ports[grant->owner.id].count;

	return count < grant->port_max &&
	       (grant->tenant == 0 || books->tenants[grant->tenant] < grant->tenant_max) &&
	       (count < sessions->share || books->n_beyond < sessions->n_sessions);
}

static bool is_weak(const struct sessions *sessions, uint32_t slot)
{
	uint32_t phase = atomic_load_explicit(&sessions->pulses[slot].phase, memory_order_relaxed);

	return session_state_is_weak(phase & SESSION_PHASE_STATE);
}

/* Free the owner's oldest weak sessions until there is room for one more. */
static bool make_quota_room(struct sessions *sessions, const struct session_grant *grant,
			    uint32_t *evicted)
{
	struct session_books *books = sessions->books;

	for (unsigned i = 0; i < EVICTIONS && !quota_has_room(sessions, grant); i++) {
		uint32_t oldest = books->ports[grant->owner.id].oldest;

		if (!oldest)
			return false;
		/* it became strong while somebody else had the lock */
		if (!is_weak(sessions, oldest - 1)) {
			list_leave(books, oldest);
			continue;
		}
		if (session_books_free(sessions, oldest - 1))
			return false;
		++*evicted;
	}
	return quota_has_room(sessions, grant);
}

/*
 * An index word for a newcomer: a free one, or that of a session which is over,
 * or of a weak one of the same owner. NULL if there is none: with all of the
 * table in use about once in a million.
 */
static _Atomic uint32_t *make_index_room(struct sessions *sessions, uint32_t bucket, uint16_t owner,
					 clock_ms now, uint32_t *evicted)
{
	for (unsigned way = 0; way < SESSION_WAYS; way++) {
		_Atomic uint32_t *entry = &sessions->buckets[bucket].entry[way];

		if (!atomic_load_explicit(entry, memory_order_relaxed))
			return entry;
	}
	for (unsigned way = 0; way < SESSION_WAYS; way++) {
		_Atomic uint32_t *entry = &sessions->buckets[bucket].entry[way];
		uint32_t slot = entry_slot(atomic_load_explicit(entry, memory_order_relaxed));
		const struct session_link *link = &sessions->books->links[slot + 1];
		struct session_image image;
		bool own;

		/* a word that another process wrote against all promises */
		if (slot >= sessions->n_slots || link->owner == 0 || link->bucket != bucket)
			return entry;
		own = link->weak && link->owner == owner && is_weak(sessions, slot);
		if (!own &&
		    (session_slot_read(sessions, slot, &image) || !session_is_over(&image, now)))
			continue;
		if (session_books_free(sessions, slot))
			continue;
		*evicted += own;
		return entry;
	}
	return NULL;
}

/* Slots of old sessions first, so that those in use stay together. Counted from 1; 0: none. */
static uint32_t take_slot(struct sessions *sessions)
{
	struct session_books *books = sessions->books;
	uint32_t number = books->free;

	if (number) {
		books->free = books->links[number].newer;
	} else if (books->high < sessions->n_slots) {
		number = ++books->high;
		atomic_store_explicit(&sessions->table->high, books->high, memory_order_release);
	}
	return number;
}

static struct session_ref fill_slot(struct sessions *sessions, uint32_t slot,
				    const struct session_image *image)
{
	struct session_pulse *pulse = &sessions->pulses[slot];
	struct session_slot *at = &sessions->slots[slot];
	uint64_t word = atomic_load_explicit(&at->word, memory_order_relaxed) & ~UINT64_C(1);
	uint32_t generation = session_word_generation(word);

	if (generation == 0)
		generation = 1;
	/* Nobody has a reference to a free slot: no compare-and-swap needed. */
	atomic_store_explicit(&at->word, word | 1, memory_order_relaxed);
	store_image(at, pulse, image);
	/* release: who finds the phase finds the pulse of this session */
	atomic_store_explicit(&pulse->phase,
			      session_phase(generation, session_line_state(&image->line)),
			      memory_order_release);
	session_slot_leave(at, word, generation);
	return (struct session_ref){slot, generation};
}

enum session_outcome session_books_create(struct sessions *sessions,
					  const struct session_image *image,
					  const struct session_grant *grant, clock_ms now,
					  struct session_ref *ret_ref)
{
	struct session_books *books = sessions->books;
	uint64_t hash = session_hash(sessions, &image->words);
	uint32_t bucket = session_bucket_of(sessions, hash);
	uint32_t evicted = 0, number = 0;
	_Atomic uint32_t *entry = NULL;

	if (grant->owner.id == 0 || grant->owner.id >= LIMIT_PORTS ||
	    grant->tenant >= LIMIT_TENANTS)
		return SESSION_FULL;
	use_group(sessions, bucket);
	if (make_quota_room(sessions, grant, &evicted))
		entry = make_index_room(sessions, bucket, grant->owner.id, now, &evicted);
	if (entry)
		number = take_slot(sessions);
	atomic_fetch_add_explicit(&books->recycled, evicted, memory_order_relaxed);
	if (!number) {
		atomic_fetch_add_explicit(&books->refused, 1, memory_order_relaxed);
		return SESSION_FULL;
	}
	*ret_ref = fill_slot(sessions, number - 1, image);
	/* release: see session_locate() */
	atomic_store_explicit(entry, session_index_word(hash, number - 1), memory_order_release);
	books_enter(sessions, number, bucket, image);
	if (session_state_is_weak(session_line_state(&image->line)))
		list_enter(books, number);
	atomic_fetch_add_explicit(&books->created, 1, memory_order_relaxed);
	return evicted ? SESSION_RECYCLED : SESSION_CREATED;
}

bool session_books_take(struct sessions *sessions, uint32_t slot, const struct session_image *image)
{
	uint64_t hash = session_hash(sessions, &image->words);
	uint32_t bucket = session_bucket_of(sessions, hash);

	use_group(sessions, bucket);
	for (unsigned way = 0; way < SESSION_WAYS; way++) {
		_Atomic uint32_t *entry = &sessions->buckets[bucket].entry[way];

		if (atomic_load_explicit(entry, memory_order_relaxed))
			continue;
		atomic_store_explicit(entry, session_index_word(hash, slot), memory_order_release);
		books_enter(sessions, slot + 1, bucket, image);
		return true;
	}
	return false;
}

void session_count(const struct sessions *sessions, struct session_counts *ret_counts)
{
	const struct session_books *books = sessions->books;

	*ret_counts = (struct session_counts){
		.held = atomic_load_explicit(&books->n_held, memory_order_relaxed),
		.created = atomic_load_explicit(&books->created, memory_order_relaxed),
		.recycled = atomic_load_explicit(&books->recycled, memory_order_relaxed),
		.refused = atomic_load_explicit(&books->refused, memory_order_relaxed),
	};
}
