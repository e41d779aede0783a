/*
 * session_table - how the session table lies in memory. For the session files,
 * nobody else includes it; session.c makes and reads it, session_commit.c and
 * session_books.c change it, session_adopt.c takes one over, session_tcp.c knows what TCP does to a session,
 * session_fragment.c the fragments.
 *
 * Shared memory holds, one behind the other: a head of one page; the index,
 * buckets of one cache line; the pulses, four to a cache line; the slots, two
 * cache lines each; and a page of fragments for each port. A bucket is 16 words, each a slot's number and some
 * bits of its hash; it is believed only if the bit of its group (a page) is set in
 * the head, and slots only below `high`, so memory that never held anything is not
 * touched. The index only helps to find: who follows it compares the slot's own
 * key, and so needs no care for a writer at the bucket.
 *
 * A slot is read and written under its word: the generation of the session and
 * a sequence, which is odd while a writer is at it. One compare-and-swap makes
 * it odd, and fails if the session is not the one that was meant. A session is free
 * if its state is SESSION_FREE, and that is the first word written by who frees and
 * the last by who fills: a writer that dies half way leaves a free slot, or an
 * old session somewhere between two packets.
 *
 * A pulse is all of a session that most packets touch: which session it is and how
 * it stands, when it was last seen, and how many packets came since somebody last
 * entered the slot. It stands apart because of where the time goes when many
 * sessions are in use: a hundred thousand pulses fit into a processor's second
 * cache, as many slots do not. It is written without the word, each direction by the worker
 * that has the direction's frames; a packet that two workers count at the very
 * same time in the same direction may be counted once.
 *
 * The books are the writer's private memory: for each slot its owner, its bucket, and
 * its place in the owner's list of weak sessions, and counts. They say again
 * what the slots say, so that whatever becomes of the shared memory, no list can
 * be led astray.
 */
#ifndef SWITCH_SESSION_TABLE_H
#define SWITCH_SESSION_TABLE_H

#include <errno.h>
#include <stdatomic.h>

#include "switch/hash.h"
#include "switch/session.h"

enum {
	SESSION_MAGIC = 0x534c5431, /* "SLT1" */
	SESSION_VERSION = 2,
	SESSION_WAYS = 16,  /* words of a bucket */
	SESSION_GROUP = 64, /* buckets of a group */
	SESSION_SLOTS_PER_BUCKET = 8,
	SESSION_SLOTS_MAX = LIMIT_SESSIONS + LIMIT_PORTS * LIMIT_SESSION_SHARE,
	SESSION_BUCKETS_MAX = 2 * LIMIT_SESSIONS / SESSION_SLOTS_PER_BUCKET,
	SESSION_GROUPS_MAX = SESSION_BUCKETS_MAX / SESSION_GROUP,
	SESSION_PAGE = 4096,	    /* bytes of the head, of a group, of a port's fragments */
	SESSION_TICK_SHIFT = 7,	    /* a tick is 128 ms */
	SESSION_SLOT_BITS = 21,	    /* of an index word; the others are of the hash */
	SESSION_TRIES = 64,	    /* to read a slot that a writer is at */
	SESSION_ENTER_TRIES = 4096, /* to enter it; tens of microseconds */
};
_Static_assert(SESSION_SLOTS_MAX < 1 << SESSION_SLOT_BITS, "an index word can name each slot");
_Static_assert(2 * LIMIT_SESSIONS >= SESSION_SLOTS_MAX, "a bucket has twice the room it needs");

/* How a session's TCP stands, and for other protocols its state. Ends: 0 the opener. */
struct session_line {
	uint8_t state;	  /* enum session_state; SESSION_LOOSE */
	uint8_t seen;	  /* enum session_seen */
	uint8_t scale[2]; /* while only one SYN was seen perhaps SESSION_SCALE_NONE */
	struct session_side {
		uint32_t end;	     /* behind the last byte sent */
		uint32_t max_end;    /* behind the last byte that the other end lets it send */
		uint32_t max_window; /* the largest it ever offered, scaled; 0: has not spoken */
		uint32_t ack;	     /* the highest acknowledgement sent */
	} side[2];
};

enum { SESSION_LOOSE = 0x80 }; /* in state: windows are not known, and so not checked */

/* What was seen of end 0; of end 1 the same, shifted by SESSION_SEEN_SHIFT. */
enum session_seen {
	SESSION_SEEN_SYN = 1 << 0,
	SESSION_SEEN_SYN_ACK = 1 << 1, /* its SYN was acknowledged */
	SESSION_SEEN_FIN = 1 << 2,
	SESSION_SEEN_FIN_ACK = 1 << 3,
	SESSION_SEEN_SHIFT = 4,
};

/* An end-to-end key as a slot holds it, and as it is hashed. */
struct session_words {
	uint64_t src[2], dst[2];
	uint64_t ends;	/* ports, network, network generation */
	uint64_t about; /* version, protocol; in a slot, above them: see SESSION_ABOUT_MASK */
};

enum { SESSION_ABOUT_MASK = 0xffff };

/*
 * Generation and state in one word, so that one look says whether a packet may pass. The
 * generation lacks its highest bits, which nobody who remembers one lives to see change.
 */
enum { SESSION_PHASE_STATE = 0xf, SESSION_PHASE_SHIFT = 4 };
_Static_assert(SESSION_STATE__COUNT <= SESSION_PHASE_STATE + 1, "a phase has room for the state");

struct session_pulse {
	_Atomic uint32_t phase; /* 0: no session */
	_Atomic uint32_t seen;	/* tick */
	_Atomic uint32_t
		packets[2]; /* of the opener's direction and the other, not in the slot's */
};
_Static_assert(sizeof(struct session_pulse) == 16, "four pulses are a cache line");

struct session_slot {
	/* written by each segment, and where a packet changes more than the pulse */
	_Atomic uint64_t word; /* generation << 32 | sequence */
	_Atomic uint64_t packets;
	_Atomic uint32_t policy; /* generation, its low half */
	_Atomic uint32_t rule;
	uint32_t reserved;
	_Atomic uint32_t state; /* state, seen, scales of struct session_line */
	struct {
		_Atomic uint32_t end, max_end, max_window, ack;
	} side[2];
	/* written when it begins, and when it moves to other ports */
	_Atomic uint64_t src[2], dst[2]; /* the opener's */
	_Atomic uint64_t ends;
	_Atomic uint64_t about; /* and the tenant << 16, the tick of its beginning << 32 */
	_Atomic uint64_t ports; /* in's id and generation, out's */
	_Atomic uint64_t owner; /* id and generation */
};
_Static_assert(sizeof(struct session_slot) == 128, "a session is two cache lines");

struct session_bucket {
	_Atomic uint32_t entry[SESSION_WAYS]; /* bits of the hash, slot + 1; 0: free */
};
_Static_assert(sizeof(struct session_bucket) == 64, "a bucket is a cache line");

struct session_table {
	uint32_t magic;
	uint32_t version;
	uint32_t n_sessions;
	uint32_t share;
	uint64_t seed[2];
	_Atomic uint64_t fragment_seed; /* another one with each owner of the table */
	_Atomic uint32_t high;		/* slots from here on never held a session */
	uint32_t reserved;
	_Atomic uint64_t used[SESSION_GROUPS_MAX / 64]; /* a bit for each group of buckets */
};
_Static_assert(sizeof(struct session_table) <= SESSION_PAGE, "the head fits into its page");

/*
 * A first fragment that passed. Both words are written without a lock: a reader
 * that finds them of different writes does not find its tag.
 */
struct session_fragment {
	_Atomic uint64_t passed;  /* tick << 32 | end << 16 | low bits of the policy's generation */
	_Atomic uint64_t checked; /* passed ^ tag of the packet */
};

enum {
	SESSION_FRAGMENT_WAYS = 4, /* a cache line */
	SESSION_FRAGMENT_SETS = SESSION_PAGE / 64,
	SESSION_FRAGMENT_TICKS = 30000 >> SESSION_TICK_SHIFT,
};

struct session_fragments { /* of one port */
	struct session_fragment set[SESSION_FRAGMENT_SETS][SESSION_FRAGMENT_WAYS];
};
_Static_assert(sizeof(struct session_fragments) == SESSION_PAGE, "a port's fragments are a page");

/* Slots are counted from 1 in the books, so that zeroed books are empty ones. */
struct session_link {
	uint32_t older, newer; /* weak sessions; free slots: newer is the next free one */
	uint32_t bucket;
	uint32_t owner : 16; /* port id; 0: the slot is free */
	uint32_t tenant : 15;
	uint32_t weak : 1;
};
_Static_assert(LIMIT_TENANTS <= 1 << 15, "a tenant fits into its bits");

struct session_account {
	uint32_t oldest, newest; /* of its weak sessions */
	uint32_t count;		 /* of all */
};

struct session_books {
	_Atomic uint32_t lock;
	_Atomic uint32_t n_held;
	uint32_t n_beyond;	/* sessions that ports hold beyond their shares */
	uint32_t free;		/* first of the free slots */
	uint32_t high;		/* as in the table */
	uint32_t hand;		/* where the next sweep begins */
	uint64_t swept_policy;	/* generation of what the last sweep was told */
	uint32_t n_to_look;	/* slots that sweeps have still to read, however lively they are */
	_Atomic bool misranked; /* a session changed, and the lock was taken */
	_Atomic uint64_t created, recycled, refused;
	uint32_t tenants[LIMIT_TENANTS]; /* sessions of each */
	struct session_account ports[LIMIT_PORTS];
	struct session_link links[]; /* one for each slot, and the unused 0 */
};

struct sessions {
	struct session_table *table;
	struct session_bucket *buckets;
	struct session_pulse *pulses; /* one for each slot */
	struct session_slot *slots;
	struct session_fragments *fragments;
	struct session_books *books; /* NULL: only to look at */
	uint32_t n_buckets;
	uint32_t n_slots;
	uint32_t n_sessions; /* that may be held beyond the shares */
	uint32_t share;
	uint64_t seed[2];
	uint64_t fragment_seed;
};

/* A session as a reader found it, all of one moment. */
struct session_image {
	struct session_ref ref;
	struct session_line line;
	struct session_words words;
	struct port_ref in, out, owner;
	uint64_t packets;
	uint32_t seen;
	uint32_t policy;
	uint32_t rule;
	uint32_t created;
	uint16_t tenant;
};

static inline enum session_state session_line_state(const struct session_line *line)
{
	return line->state & ~SESSION_LOOSE;
}

static inline bool session_state_is_weak(enum session_state state)
{
	return state != SESSION_STREAM && state != SESSION_ESTABLISHED_TCP &&
	       state != SESSION_CLOSING;
}

static inline uint32_t session_ticks(clock_ms now)
{
	return (uint32_t)(now >> SESSION_TICK_SHIFT);
}

static inline uint32_t session_phase(uint32_t generation, enum session_state state)
{
	return generation << SESSION_PHASE_SHIFT | state;
}

static inline uint32_t session_word_generation(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static inline uint32_t session_line_pack(const struct session_line *line)
{
	return line->state | (uint32_t)line->seen << 8 | (uint32_t)line->scale[0] << 16 |
	       (uint32_t)line->scale[1] << 24;
}

static inline void session_line_unpack(uint32_t packed, struct session_line *line)
{
	line->state = (uint8_t)packed;
	line->seen = (uint8_t)(packed >> 8);
	line->scale[0] = (uint8_t)(packed >> 16);
	line->scale[1] = (uint8_t)(packed >> 24);
}

static inline bool session_group_is_used(const struct sessions *sessions, uint32_t bucket)
{
	uint32_t group = bucket / SESSION_GROUP;

	/* acquire: who sees the bit sees the group cleared before it was set */
	return atomic_load_explicit(&sessions->table->used[group / 64], memory_order_acquire) >>
		       (group % 64) &
	       1;
}

/* Tell the processor that this is a loop around somebody else's store. */
#ifdef __x86_64__
#define session_relax() __builtin_ia32_pause()
#else
#define session_relax() atomic_signal_fence(memory_order_seq_cst)
#endif

/*
 * Enter and leave a slot for writing. -ENOENT: another session is there, -EBUSY: so is
 * another writer. Leaving with another generation makes all references stale.
 */
static inline int session_slot_enter(struct session_slot *slot, uint32_t generation,
				     uint64_t *ret_word)
{
	for (unsigned i = 0; i < SESSION_ENTER_TRIES; i++) {
		uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

		if (session_word_generation(word) != generation)
			return -ENOENT;
		/* acquire: with the word comes the slot as the last writer left it */
		if (!(word & 1) && atomic_compare_exchange_weak_explicit(
					   &slot->word, &word, word | 1, memory_order_acquire,
					   memory_order_relaxed)) {
			*ret_word = word;
			return 0;
		}
		session_relax();
	}
	return -EBUSY;
}

static inline void session_slot_leave(struct session_slot *slot, uint64_t word, uint32_t generation)
{
	/* release: a reader that sees it even sees all of the session */
	atomic_store_explicit(&slot->word, (uint64_t)generation << 32 | (uint32_t)(word + 2),
			      memory_order_release);
}

/* acquire: see session_slot_read() */
static inline void session_slot_load_side(const struct session_slot *slot, unsigned end,
					  struct session_side *ret_side)
{
	ret_side->end = atomic_load_explicit(&slot->side[end].end, memory_order_acquire);
	ret_side->max_end = atomic_load_explicit(&slot->side[end].max_end, memory_order_acquire);
	ret_side->max_window =
		atomic_load_explicit(&slot->side[end].max_window, memory_order_acquire);
	ret_side->ack = atomic_load_explicit(&slot->side[end].ack, memory_order_acquire);
}

/* release: who sees one of these sees the odd word, and tries again */
static inline void session_slot_store_side(struct session_slot *slot, unsigned end,
					   const struct session_side *side)
{
	atomic_store_explicit(&slot->side[end].end, side->end, memory_order_release);
	atomic_store_explicit(&slot->side[end].max_end, side->max_end, memory_order_release);
	atomic_store_explicit(&slot->side[end].max_window, side->max_window, memory_order_release);
	atomic_store_explicit(&slot->side[end].ack, side->ack, memory_order_release);
}

/* The same for both directions. */
static inline uint64_t session_hash(const struct sessions *sessions,
				    const struct session_words *words)
{
	uint64_t seed0 = sessions->seed[0], seed1 = sessions->seed[1];
	uint64_t src = hash_fold(words->src[0] ^ seed0, words->src[1] ^ seed1);
	uint64_t dst = hash_fold(words->dst[0] ^ seed0, words->dst[1] ^ seed1);
	uint64_t source = hash_word(src ^ (words->ends & 0xffff), seed0, seed1);
	uint64_t target = hash_word(dst ^ (words->ends >> 16 & 0xffff), seed0, seed1);
	uint64_t rest = words->ends >> 32 ^ (words->about & SESSION_ABOUT_MASK) << 32;

	/* sums and products of both ends: an exclusive or would be 0 for an end with itself */
	return hash_word((source + target) ^ hash_word(rest, seed1, seed0), seed0, seed1);
}

static inline uint32_t session_bucket_of(const struct sessions *sessions, uint64_t hash)
{
	return (uint32_t)hash & (sessions->n_buckets - 1);
}

/* What the index says of slot @slot, whose key has @hash. */
static inline uint32_t session_index_word(uint64_t hash, uint32_t slot)
{
	return (uint32_t)(hash >> 32) << SESSION_SLOT_BITS | (slot + 1);
}

/* The key of a packet as it was sent, and of one that goes the other way. */
void session_words_of(const struct session_key *key, struct session_words *ret_words);
void session_words_turn(struct session_words *words);

/* Read slot @slot. -ENOENT: it is free; -EBUSY: a writer did not get out of the way. */
int session_slot_read(const struct sessions *sessions, uint32_t slot,
		      struct session_image *ret_image);

/*
 * The session of @packet, timed out or not. @ret_reply: the packet goes against
 * it. -ENOENT: there is none; -EBUSY: one that it could be cannot be read now.
 */
int session_locate(const struct sessions *sessions, const struct session_packet *packet,
		   struct session_image *ret_image, bool *ret_reply);

/* The same of @session alone: -ENOENT if it is gone, or @packet is none of its. */
int session_recall(const struct sessions *sessions, struct session_ref session,
		   const struct session_packet *packet, struct session_image *ret_image,
		   bool *ret_reply);

/* Has a session that was last seen at tick @seen been silent for too long? */
bool session_is_silent(enum session_state state, uint8_t protocol, uint32_t seen, clock_ms now);

static inline bool session_is_over(const struct session_image *image, clock_ms now)
{
	return session_is_silent(session_line_state(&image->line), (uint8_t)image->words.about,
				 image->seen, now);
}

/* Would @packet end the session of @line and begin another between the same ends? */
bool session_is_restart(const struct session_line *line, const struct session_packet *packet);

/* Could @packet begin a session? */
bool session_is_beginning(const struct session_packet *packet);

/* The line of a session that @packet begins. */
void session_line_begin(const struct session_packet *packet, struct session_line *ret_line);

/*
 * @packet comes in a session that stands at @line: SESSION_FAULT_NONE, and @line
 * has moved on; or why it cannot be, and @line is as it was.
 */
enum session_fault session_line_step(struct session_line *line, const struct session_packet *packet,
				     bool reply);

/* The part of that for TCP; @cut: a first fragment, whose length is not the segment's. */
enum session_fault session_tcp_step(struct session_line *line, const struct session_tcp *tcp,
				    bool reply, bool cut);
void session_tcp_begin(const struct session_tcp *tcp, struct session_line *ret_line);

/*
 * The same with the slot's word held, for a segment without any flag that matters in
 * an established connection. False, and nothing has changed, if it is none, or
 * does not fit.
 */
bool session_tcp_advance(struct session_slot *slot, const struct session_tcp *tcp, bool reply);

/* Is the sequence number that an ICMP error quotes one that this end has sent lately? */
bool session_tcp_is_quoted(const struct session_line *line, uint32_t seq, bool reply);

/* A first fragment passed; did that of this later one? */
void session_fragment_note(struct sessions *sessions, const struct session_packet *packet,
			   uint64_t policy, clock_ms now);
bool session_fragment_find(const struct sessions *sessions, const struct session_packet *packet,
			   uint64_t policy, clock_ms now);

void session_slot_load_line(const struct session_slot *slot, struct session_line *ret_line);
void session_slot_store_line(struct session_slot *slot, const struct session_line *line);

/* Everything below with the lock of the books held. */
bool session_books_try_lock(struct session_books *books);
void session_books_unlock(struct session_books *books);

/* A new session as @image says, but for its ref, which is returned in @ret_ref. */
enum session_outcome session_books_create(struct sessions *sessions,
					  const struct session_image *image,
					  const struct session_grant *grant, clock_ms now,
					  struct session_ref *ret_ref);

/* Free slot @slot, which is in use. -EBUSY: a writer is at it. */
int session_books_free(struct sessions *sessions, uint32_t slot);

/* The session has become weak, or is not any more. */
void session_books_rank(struct sessions *sessions, uint32_t slot, bool weak);

/* Enter slot @slot, which holds @image, into the books and the index; false if that is full. */
bool session_books_take(struct sessions *sessions, uint32_t slot,
			const struct session_image *image);

/* Make the books and the index of @sessions from its slots, free what makes no sense. -ENOMEM. */
int session_books_rebuild(struct sessions *sessions) __attribute__((warn_unused_result));

#endif
