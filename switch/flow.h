/*
 * flow - what was decided about frames like this one: an exact-match cache in
 * front of decide(), one to each worker.
 *
 * An entry says where frames of one key go. The key is all that the decision
 * depended on (enum decide_reads): the port, the Ethernet header and the tag and,
 * for ports of which more is read (POLICY_PORT_READS_FLOW), the addresses, the
 * protocol and the ports of a TCP or UDP packet in one piece. Frames that no key
 * can stand for go the long way each time, and so do all that are not passed to
 * exactly one port. Nothing is wildcarded: traffic cannot make a search longer.
 *
 * Validity. An entry holds as long as everything that was read: the policy (the
 * epoch), the addresses that were looked up or learned (two words of the FDB that
 * change with it), and a time: no entry is believed for more than FLOW_LIFE_MS
 * without having been decided again.
 *
 * Fairness. A key has two places. A newcomer may have one that is free or dead, else
 * that of a port with more entries than its own, else one of its own port's: who
 * fills the cache gives way to who does not. The hash is keyed. A miss costs one
 * decision and one entry written.
 *
 * Size. A few flows spread over a large table would touch a page each, and pages
 * cost more than lines. So the table begins small; when half of it is in use it
 * forgets everything and goes on with twice as many places.
 *
 * Threads, memory. One worker's; all of it is reserved by flow_create(), and the
 * kernel gives it page by page as it is used.
 */
#ifndef SWITCH_FLOW_H
#define SWITCH_FLOW_H

#include <endian.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "switch/decide.h"
#include "switch/hash.h"

enum {
	FLOW_ENTRIES_MIN = 1 << 11,
	FLOW_ENTRIES = 1 << 18, /* most that there can be */
	FLOW_WAYS = 2,		/* places of a key */
	FLOW_LIFE_MS = 1000,

	FLOW_L2_WORDS = 3,
	FLOW_WORDS = 8,
};

/* Where nothing behind the Ethernet header is read, only the first FLOW_L2_WORDS are set. */
struct flow_key {
	uint64_t words[FLOW_WORDS];
};

struct flow {
	/* the first line: all that a frame of an L2 key needs */
	uint64_t l2[FLOW_L2_WORDS];
	const _Atomic uint32_t *witnesses[2]; /* of source and destination */
	uint32_t values[2];
	uint32_t epoch; /* 0: free */
	uint32_t until; /* low bits of a clock_ms */
	uint16_t output;
	uint16_t tag;
	uint32_t wire_max; /* longest frame, see frame_wire_len() */

	/* the second */
	uint64_t rest[FLOW_WORDS - FLOW_L2_WORDS];
	struct session_ref session; /* that its frames go on with, or none */
	uint16_t lists[2];	    /* the ACLs whose rules they meet, 0 for none */
	uint32_t rules[2];	    /* and the rules' places there */
	bool filtered;		    /* one of these is to be looked at for each frame */
	bool reply;		    /* against the session's opener */
	bool tcp;
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct flow, rest) == 64, "two lines");
_Static_assert(sizeof(struct flow) == 128, "two lines");

struct flow_table {
	struct flow *flows; /* room for FLOW_ENTRIES */
	uint32_t mask;	    /* places in use - 1: a power of two - 1 */
	uint32_t n_flows;   /* in this epoch */
	uint32_t epoch;
	uint64_t seed[2];
	/* the policy of the epoch: an address alone may come back */
	const struct policy *policy;
	uint64_t policy_generation, policy_seed;
	uint32_t owned[LIMIT_PORTS]; /* entries of each port, in this epoch */
};

/* -ENOMEM, -EIO. */
int flow_create(struct flow_table **ret_table) __attribute__((warn_unused_result));
void flow_destroy(struct flow_table *table); /* NULL is fine */

/* To be called before each burst: from here on only decisions of @policy are remembered. */
static inline void flow_begin(struct flow_table *table, const struct policy *policy);

/* Forget everything. */
void flow_forget(struct flow_table *table, const struct policy *policy);

/*
 * The key of the untagged or tagged @frame from port @in; false if none can stand
 * for it. @deep: more than its Ethernet header is read.
 */
static inline bool flow_key(const struct frame *frame, uint16_t in, bool deep,
			    struct flow_key *ret_key);

/* Its hash, which the next two want. */
static inline uint64_t flow_hash(const struct flow_table *table, const struct flow_key *key,
				 bool deep);

static inline bool flow_same_key(const struct flow_key *a, const struct flow_key *b, bool deep)
{
	if (((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
	     (a->words[2] ^ b->words[2])) != 0)
		return false;
	return !deep || memcmp(a->words + FLOW_L2_WORDS, b->words + FLOW_L2_WORDS,
			       sizeof(a->words) - sizeof(uint64_t) * FLOW_L2_WORDS) == 0;
}

static inline void flow_prefetch(const struct flow_table *table, uint64_t hash, bool deep);

/* What was decided about frames of @key that are @wire_len bytes long; or NULL. */
static inline const struct flow *flow_find(const struct flow_table *table,
					   const struct flow_key *key, bool deep, uint64_t hash,
					   uint32_t wire_len, clock_ms now);

/*
 * Remember that frames of @key were decided as @decision says, if it is one that
 * can be, and after its source was learned. @session is the one that it goes on
 * with, or none.
 */
void flow_remember(struct flow_table *table, const struct fdb *fdb, const struct flow_key *key,
		   bool deep, uint64_t hash, const struct decision *decision,
		   struct session_ref session, clock_ms now);

/* ---- inline, for the loop over a burst ---- */

static inline void flow_begin(struct flow_table *table, const struct policy *policy)
{
	if (__builtin_expect(policy != table->policy ||
				     policy->generation != table->policy_generation ||
				     policy->hash_seed != table->policy_seed,
			     0))
		flow_forget(table, policy);
}

static inline uint64_t flow_load(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return be64toh(word);
}

/* Did frames of @key come with a tag? */
static inline bool flow_key_is_tagged(const struct flow_key *key)
{
	return (uint16_t)(key->words[1] >> 16) == ETHERTYPE_VLAN;
}

/* The words behind the Ethernet header: an IPv4 or IPv6 packet of TCP or UDP with whole headers. */
bool flow_key_deep(const struct frame *frame, bool tagged, uint64_t *ret_words);

static inline bool flow_key(const struct frame *frame, uint16_t in, bool deep,
			    struct flow_key *ret_key)
{
	uint64_t first, second;
	uint16_t type = 0;
	bool tagged;

	if (__builtin_expect(frame->head_len < FRAME_ETH + FRAME_TAG, 0))
		return false;
	first = flow_load(frame->head);
	second = flow_load(frame->head + 8);
	ret_key->words[1] = second;
	tagged = flow_key_is_tagged(ret_key);
	if (tagged)
		type = frame_load16(frame, FRAME_ETH + 2);
	else
		ret_key->words[1] &= ~UINT64_C(0xffff);
	ret_key->words[0] = first;
	ret_key->words[2] = (uint64_t)type << 16 | in;
	if (__builtin_expect(deep, 0))
		return flow_key_deep(frame, tagged, ret_key->words + FLOW_L2_WORDS);
	return true;
}

static inline uint64_t flow_hash(const struct flow_table *table, const struct flow_key *key,
				 bool deep)
{
	const uint64_t *words = key->words;
	uint64_t hash = hash_fold(words[0] ^ table->seed[0], words[1] ^ table->seed[1]);

	hash = hash_fold(hash ^ words[2], table->seed[1] | 1);
	if (__builtin_expect(deep, 0)) {
		hash = hash_fold(hash ^ words[3] ^ table->seed[0], words[4] ^ table->seed[1]);
		hash = hash_fold(hash ^ words[5] ^ table->seed[0], words[6] ^ table->seed[1]);
		hash = hash_fold(hash ^ words[7], table->seed[0] | 1);
	}
	return hash;
}

static inline struct flow *flow_place(const struct flow_table *table, uint64_t hash, unsigned way)
{
	return &table->flows[((uint32_t)hash ^ way) & table->mask];
}

static inline void flow_prefetch(const struct flow_table *table, uint64_t hash, bool deep)
{
	const struct flow *flow = flow_place(table, hash, 0);

	__builtin_prefetch(flow);
	if (__builtin_expect(deep, 0))
		__builtin_prefetch(flow->rest);
}

static inline bool flow_has_key(const struct flow *flow, const struct flow_key *key, bool deep)
{
	if (((flow->l2[0] ^ key->words[0]) | (flow->l2[1] ^ key->words[1]) |
	     (flow->l2[2] ^ key->words[2])) != 0)
		return false;
	return !deep || memcmp(flow->rest, key->words + FLOW_L2_WORDS, sizeof(flow->rest)) == 0;
}

/*
 * Acquire: who still finds the word that the decision was made under, finds the
 * FDB no older than the decision did.
 */
static inline bool flow_holds(const struct flow *flow, unsigned which)
{
	return atomic_load_explicit(flow->witnesses[which], memory_order_acquire) ==
	       flow->values[which];
}

static inline bool flow_is_live(const struct flow_table *table, const struct flow *flow,
				clock_ms now)
{
	return flow->epoch == table->epoch && (int32_t)(flow->until - (uint32_t)now) > 0;
}

static inline const struct flow *flow_find(const struct flow_table *table,
					   const struct flow_key *key, bool deep, uint64_t hash,
					   uint32_t wire_len, clock_ms now)
{
	for (unsigned way = 0; way < FLOW_WAYS; way++) {
		const struct flow *flow = flow_place(table, hash, way);

		if (!flow_has_key(flow, key, deep))
			continue;
		if (flow_is_live(table, flow, now) && wire_len <= flow->wire_max &&
		    flow_holds(flow, 0) && flow_holds(flow, 1))
			return flow;
		return NULL;
	}
	return NULL;
}

#endif
