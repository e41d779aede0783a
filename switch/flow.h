/*
 * flow - what was decided about frames like this one: an exact-match cache in
 * front of decide(), one to each worker.
 *
 * Two tables. A path says where frames of one Ethernet header go: the port that they come
 * from, both addresses and the tag lead to the port that they leave by. For ports of which
 * no more is read that is all. For those of which more is read
 * (POLICY_PORT_READS_FLOW) a flow says whether the packets between two ends may go
 * that way: addresses, protocol and ports of a TCP or UDP packet in one
 * piece, on one path. Frames of one path mostly come together, so its line is
 * hot; a flow of IPv4 is half a line more. Frames that no key can stand for go the long
 * way each time, and so do all that are not passed to exactly one port.
 * Nothing is wildcarded: traffic cannot make a search longer.
 *
 * Validity. A path holds as long as everything that was read: the policy (with another
 * one all is forgotten), the addresses that were looked up or learned (two words of the FDB
 * that change with it), and a time: no path and no flow is believed for more than
 * FLOW_LIFE_MS without having been decided again. A path that goes elsewhere than before
 * has another serial, and the flows on it are no more.
 *
 * Fairness and size: see flow_index.h. The hash is keyed. A miss costs one decision
 * and two entries written.
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
#include "switch/flow_index.h"
#include "switch/hash.h"

enum {
	FLOW_LIFE_MS = 8000, /* shorter than any session's, see session_timeout_ms() */
	FLOW_KEY_WORDS = 3,
	FLOW_ENDS_WORDS = 5,
};

/* The Ethernet header, and the port it came by. */
struct flow_key {
	uint64_t words[FLOW_KEY_WORDS];
};

/*
 * Two ends, as they stand in the header. Word 0: IPv4: both addresses; IPv6: the
 * source's first half, the other halves in words 2 to 4. Word 1: ports, protocol, version.
 */
struct flow_ends {
	uint64_t words[FLOW_ENDS_WORDS];
};

struct flow_path {
	uint64_t key[FLOW_KEY_WORDS];
	const _Atomic uint32_t *witnesses[2]; /* of source and destination */
	uint32_t values[2];
	uint32_t serial;
	uint32_t until; /* low bits of a clock_ms */
	uint16_t output;
	uint16_t tag;
	uint32_t wire_max; /* longest frame, see frame_wire_len() */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow_path) == 64, "one line");

/* What most frames of IPv4 need of a flow: half a line. */
struct flow {
	uint64_t addresses; /* word 0 of its ends */
	uint64_t about;	    /* word 1, and flags above the protocol */
	uint32_t path;	    /* its serial */
	uint32_t until;
	struct session_ref session; /* that its frames go on with, or none */
};
_Static_assert(sizeof(struct flow) == 32, "two to a line");

enum {
	FLOW_REPLY = 1 << 16, /* against the session's opener */
	FLOW_RULED = 1 << 17, /* its frames meet rules of ACLs, see struct flow_rest */
	FLOW_FLAGS = FLOW_REPLY | FLOW_RULED,
};

struct flow_rest {
	uint64_t ends[FLOW_ENDS_WORDS - 2]; /* IPv6 only */
	uint16_t lists[2];		    /* FLOW_RULED: the ACLs, 0 for none */
	uint32_t rules[2];		    /* and the rules' places there */
};

struct flow_table {
	struct flow_index path_index, flow_index;
	struct flow_path *paths; /* room for FLOW_PLACES of each */
	struct flow *flows;
	struct flow_rest *rests; /* of the same number */
	void *memory;
	uint32_t serial; /* of the latest path */
	uint64_t seed[3];
	/* the policy that all was decided by: an address alone may come back */
	const struct policy *policy;
	uint64_t policy_generation, policy_seed;
};

/* -ENOMEM, -EIO. */
int flow_create(struct flow_table **ret_table) __attribute__((warn_unused_result));
void flow_destroy(struct flow_table *table); /* NULL is fine */

/* To be called before each burst: from here on only decisions of @policy are remembered. */
static inline void flow_begin(struct flow_table *table, const struct policy *policy);

/* Forget everything. */
void flow_forget(struct flow_table *table, const struct policy *policy);

/* The key of the untagged or tagged @frame from port @in; false if none can stand for it. */
static inline bool flow_key(const struct frame *frame, uint16_t in, struct flow_key *ret_key);

/*
 * The ends of @frame, whose key is @key: false if it is no IPv4 or IPv6 packet of TCP or UDP
 * in one piece with whole headers.
 */
static inline bool flow_ends(const struct frame *frame, const struct flow_key *key,
			     struct flow_ends *ret_ends);

/* Has @frame the Ethernet header of @like, which has no tag? Then it has the same key. */
static inline bool flow_is_like(const struct frame *frame, const struct frame *like)
{
	return frame->head_len >= FRAME_ETH + FRAME_TAG &&
	       memcmp(frame->head, like->head, FRAME_ETH) == 0;
}

/* Their hashes, which what follows wants. */
static inline uint64_t flow_hash(const struct flow_table *table, const struct flow_key *key);
static inline uint64_t flow_ends_hash(const struct flow_table *table, const struct flow_path *path,
				      const struct flow_ends *ends);

/* Where frames of @key go that are @wire_len bytes long; or NULL. */
static inline const struct flow_path *flow_find_path(const struct flow_table *table,
						     const struct flow_key *key, uint64_t hash,
						     uint32_t wire_len, clock_ms now);

/*
 * What flow_find() will look at first, if the index is near already; it is fetched. NULL: it
 * will find nothing.
 */
static inline const struct flow *flow_guess(const struct flow_table *table,
					    const struct flow_ends *ends, uint64_t hash);

/* What was decided about packets between @ends on @path; or NULL. @hash: flow_ends_hash(). */
static inline const struct flow *flow_find(const struct flow_table *table,
					   const struct flow_path *path,
					   const struct flow_ends *ends, uint64_t hash,
					   clock_ms now);

/*
 * Remember that frames of @key, and if more is read of them (else NULL) of @ends, were
 * decided as @decision says, if it is one that can be, and after its source was
 * learned. @session is the one that they go on with, or none.
 */
void flow_remember(struct flow_table *table, const struct fdb *fdb, const struct flow_key *key,
		   uint64_t hash, const struct flow_ends *ends, const struct decision *decision,
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

static inline bool flow_key(const struct frame *frame, uint16_t in, struct flow_key *ret_key)
{
	uint64_t first, second;
	uint16_t type = 0;

	if (__builtin_expect(frame->head_len < FRAME_ETH + FRAME_TAG, 0))
		return false;
	first = flow_load(frame->head);
	second = flow_load(frame->head + 8);
	ret_key->words[1] = second;
	if (flow_key_is_tagged(ret_key))
		type = frame_load16(frame, FRAME_ETH + 2);
	else
		ret_key->words[1] &= ~UINT64_C(0xffff);
	ret_key->words[0] = first;
	ret_key->words[2] = (uint64_t)type << 16 | in;
	return true;
}

static inline bool flow_same_key(const struct flow_key *a, const struct flow_key *b)
{
	return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
		(a->words[2] ^ b->words[2])) == 0;
}

enum {
	FLOW_IPV4_SIZE = 20, /* RFC 791, 3.1, without options */
	FLOW_UDP_SIZE = 8,
	FLOW_IPV4_PLAIN = 0x45,	     /* version, words of the header */
	FLOW_IPV4_FRAGMENT = 0x3fff, /* more fragments, and the offset */
};

/* Does a transport header with ports at @l4 stand whole in the @left bytes from there? */
static inline bool flow_has_ports(const struct frame *frame, uint8_t protocol, unsigned l4,
				  uint32_t left)
{
	unsigned size = FLOW_UDP_SIZE;

	/* RFC 9293, 3.1: the header's own length, which is 20 at least */
	if (protocol == IPPROTO_TCP)
		size = l4 + 12 < frame->head_len ? (frame->head[l4 + 12] >> 4) * 4U : 0;
	else if (protocol != IPPROTO_UDP)
		return false;
	return size >= (protocol == IPPROTO_TCP ? 20U : FLOW_UDP_SIZE) && size <= left &&
	       l4 + size <= frame->head_len;
}

/* Word 1 of the ends: of TCP and UDP the ports come first. */
static inline uint64_t flow_ports_word(const struct frame *frame, unsigned l4, uint8_t protocol,
				       uint8_t version)
{
	uint32_t ports;

	memcpy(&ports, frame->head + l4, sizeof(ports));
	return (uint64_t)ports << 32 | (uint64_t)protocol << 8 | version;
}

static inline bool flow_ends_are_long(const struct flow_ends *ends)
{
	return (uint8_t)ends->words[1] == 6;
}

/* flow_ends() of an IPv6 packet at @l3. */
bool flow_ends_ipv6(const struct frame *frame, unsigned l3, struct flow_ends *ret_ends);

static inline bool flow_ends(const struct frame *frame, const struct flow_key *key,
			     struct flow_ends *ret_ends)
{
	bool tagged = flow_key_is_tagged(key);
	uint16_t type = (uint16_t)((tagged ? key->words[2] : key->words[1]) >> 16);
	unsigned l3 = tagged ? FRAME_ETH + FRAME_TAG : FRAME_ETH;
	uint64_t first;
	uint32_t total;
	uint8_t protocol;

	if (type == ETHERTYPE_IPV6)
		return flow_ends_ipv6(frame, l3, ret_ends);
	if (type != ETHERTYPE_IPV4 || l3 + FLOW_IPV4_SIZE + FLOW_UDP_SIZE > frame->head_len)
		return false;
	/* version, size, service, total length; identification, fragment */
	first = flow_load(frame->head + l3);
	total = (uint32_t)(first >> 32) & 0xffff;
	if (first >> 56 != FLOW_IPV4_PLAIN || first & FLOW_IPV4_FRAGMENT ||
	    total < FLOW_IPV4_SIZE || total > frame->len - l3)
		return false;
	protocol = frame->head[l3 + 9];
	if (!flow_has_ports(frame, protocol, l3 + FLOW_IPV4_SIZE, total - FLOW_IPV4_SIZE))
		return false;
	memcpy(&ret_ends->words[0], frame->head + l3 + 12, sizeof(uint64_t));
	ret_ends->words[1] = flow_ports_word(frame, l3 + FLOW_IPV4_SIZE, protocol, 4);
	return true;
}

static inline bool flow_same_ends(const struct flow_ends *a, const struct flow_ends *b)
{
	if (((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1])) != 0)
		return false;
	return !flow_ends_are_long(a) ||
	       ((a->words[2] ^ b->words[2]) | (a->words[3] ^ b->words[3]) |
		(a->words[4] ^ b->words[4])) == 0;
}

static inline uint64_t flow_hash(const struct flow_table *table, const struct flow_key *key)
{
	uint64_t hash = hash_fold(key->words[0] ^ table->seed[0], key->words[1] ^ table->seed[1]);

	return hash_fold(hash ^ key->words[2], table->seed[2] | 1);
}

static inline uint64_t flow_ends_hash(const struct flow_table *table, const struct flow_path *path,
				      const struct flow_ends *ends)
{
	const uint64_t *words = ends->words;
	uint64_t hash = hash_fold(words[0] ^ table->seed[0], words[1] ^ table->seed[1]);

	if (flow_ends_are_long(ends)) {
		hash = hash_fold(hash ^ words[2] ^ table->seed[0], words[3] ^ table->seed[1]);
		hash = hash_fold(hash ^ words[4], table->seed[1] | 1);
	}
	return hash_fold(hash ^ path->serial, table->seed[2] | 1);
}

/* The entry that a search will look at first, if the index is near already. */
static inline void flow_prefetch_path(const struct flow_table *table, uint64_t hash)
{
	const struct flow_group *group;
	uint64_t marks = flow_index_find(&table->path_index, hash, &group);

	if (marks)
		__builtin_prefetch(&table->paths[flow_group_number(group, marks)]);
}

static inline const struct flow *flow_guess(const struct flow_table *table,
					    const struct flow_ends *ends, uint64_t hash)
{
	const struct flow_group *group;
	uint64_t marks = flow_index_find(&table->flow_index, hash, &group);
	uint32_t number;

	if (!marks)
		return NULL;
	number = flow_group_number(group, marks);
	__builtin_prefetch(&table->flows[number]);
	if (flow_ends_are_long(ends))
		__builtin_prefetch(&table->rests[number]);
	return &table->flows[number];
}

static inline bool flow_is_past(uint32_t until, uint32_t now)
{
	return (int32_t)(until - now) <= 0;
}

/*
 * Acquire: who still finds the word that the decision was made under, finds the
 * FDB no older than the decision did.
 */
static inline bool flow_path_holds(const struct flow_path *path, unsigned which)
{
	return atomic_load_explicit(path->witnesses[which], memory_order_acquire) ==
	       path->values[which];
}

static inline bool flow_path_has_key(const struct flow_path *path, const struct flow_key *key)
{
	return ((path->key[0] ^ key->words[0]) | (path->key[1] ^ key->words[1]) |
		(path->key[2] ^ key->words[2])) == 0;
}

static inline const struct flow_path *flow_find_path(const struct flow_table *table,
						     const struct flow_key *key, uint64_t hash,
						     uint32_t wire_len, clock_ms now)
{
	const struct flow_group *group;
	uint64_t marks = flow_index_find(&table->path_index, hash, &group);

	for (; marks; marks &= marks - 1) {
		const struct flow_path *path = &table->paths[flow_group_number(group, marks)];

		if (!flow_path_has_key(path, key))
			continue;
		return !flow_is_past(path->until, (uint32_t)now) && wire_len <= path->wire_max &&
				       flow_path_holds(path, 0) && flow_path_holds(path, 1)
			       ? path
			       : NULL;
	}
	return NULL;
}

static inline bool flow_is_tcp(const struct flow *flow)
{
	return (uint8_t)(flow->about >> 8) == IPPROTO_TCP;
}

/* Is there something to look at for each of its frames? */
static inline bool flow_is_filtered(const struct flow *flow)
{
	return flow->about & FLOW_RULED || !session_ref_is_none(flow->session);
}

/* Is @flow that between @ends on the path of that serial? */
static inline bool flow_is_between(const struct flow_table *table, const struct flow *flow,
				   uint32_t path, const struct flow_ends *ends)
{
	const uint64_t *rest;

	if (((flow->addresses ^ ends->words[0]) |
	     ((flow->about ^ ends->words[1]) & ~(uint64_t)FLOW_FLAGS) | (flow->path ^ path)) != 0)
		return false;
	if (!flow_ends_are_long(ends))
		return true;
	rest = table->rests[flow - table->flows].ends;
	return ((rest[0] ^ ends->words[2]) | (rest[1] ^ ends->words[3]) |
		(rest[2] ^ ends->words[4])) == 0;
}

static inline const struct flow *flow_find(const struct flow_table *table,
					   const struct flow_path *path,
					   const struct flow_ends *ends, uint64_t hash,
					   clock_ms now)
{
	const struct flow_group *group;
	uint64_t marks = flow_index_find(&table->flow_index, hash, &group);

	for (; marks; marks &= marks - 1) {
		const struct flow *flow = &table->flows[flow_group_number(group, marks)];

		if (flow_is_between(table, flow, path->serial, ends))
			return flow_is_past(flow->until, (uint32_t)now) ? NULL : flow;
	}
	return NULL;
}

/* The rules that frames of @flow meet, which is FLOW_RULED. */
static inline const struct flow_rest *flow_rest(const struct flow_table *table,
						const struct flow *flow)
{
	return &table->rests[flow - table->flows];
}

#endif
