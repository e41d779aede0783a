/*
 * flow_index - which entry of a table has a key? For flow.h, whose two tables have
 * an index each.
 *
 * A key may have one of FLOW_WAYS places, which are a group: a cache line. A place is some
 * bits of its key's hash, those of a group side by side so that they are compared at
 * once, and the number of an entry. So who is not there is missed without an entry being read.
 * The entry itself is compared by the caller: bits of a hash prove nothing.
 *
 * Entries are numbered as they come, so that those in use lie together: ten thousand spread
 * over a large table would touch a page each, and pages cost more than lines.
 *
 * Fairness. A newcomer may have a place that is free, else that of a port with more
 * places than its own, else one of its own port's, else that of an entry which is dead:
 * who fills the table gives way to who does not.
 *
 * Size. When a quarter of its places is taken an index forgets everything and goes on with
 * twice as many, as long as it can: the more are free, the fewer keys find their group full.
 */
#ifndef SWITCH_FLOW_INDEX_H
#define SWITCH_FLOW_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "switch/limits.h"

enum {
	FLOW_WAYS = 8, /* places of a key */
	FLOW_PLACES_MIN = 1 << 11,
	FLOW_PLACES = 1 << 19, /* most that there can be */
};

struct flow_group {
	uint16_t tags[FLOW_WAYS];    /* 0: free */
	uint16_t owners[FLOW_WAYS];  /* the ports */
	uint32_t numbers[FLOW_WAYS]; /* of entries */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow_group) == 64, "a group is a cache line");

struct flow_index {
	struct flow_group *groups;
	uint32_t mask;		     /* groups in use - 1: a power of two - 1 */
	uint32_t count;		     /* of entries, whose numbers are below it */
	uint32_t owned[LIMIT_PORTS]; /* entries of each port */
};

enum { FLOW_INDEX_SIZE = FLOW_PLACES / FLOW_WAYS * (int)sizeof(struct flow_group) };

/* Make an empty index of FLOW_INDEX_SIZE zeroed bytes at @memory, aligned as a group is. */
void flow_index_init(struct flow_index *index, void *memory);

/* Forget everything, and make it smaller if little was in it. */
void flow_index_clear(struct flow_index *index);

/* Forget everything and double it, if it is so full and can be; true if it did. */
bool flow_index_grow(struct flow_index *index);

/*
 * A place for a newcomer of port @in, whose key has @hash: the number of its entry; or -1:
 * all are of ports that have no more than @in, and not dead as @is_dead says of an
 * entry of @entries.
 */
int32_t flow_index_take(struct flow_index *index, uint64_t hash, uint16_t in,
			bool (*is_dead)(const void *entries, uint32_t number, uint32_t now),
			const void *entries, uint32_t now);

static inline struct flow_group *flow_index_group(const struct flow_index *index, uint64_t hash)
{
	return &index->groups[(uint32_t)hash & index->mask];
}

static inline uint16_t flow_index_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 48) | 1;
}

static inline void flow_index_prefetch(const struct flow_index *index, uint64_t hash)
{
	__builtin_prefetch(flow_index_group(index, hash));
}

/* Ways of @group whose tag is @tag: bit 8 * way. */
static inline uint64_t flow_group_marks(const struct flow_group *group, uint16_t tag)
{
	/* side by side where the processor can, one after the other where not: the same code */
	typedef int16_t tags __attribute__((vector_size(2 * FLOW_WAYS)));
	typedef int8_t marks __attribute__((vector_size(FLOW_WAYS)));
	marks equal;
	uint64_t ways;
	tags all;

	memcpy(&all, group->tags, sizeof(all));
	equal = __builtin_convertvector(all == (int16_t)tag, marks);
	memcpy(&ways, &equal, sizeof(ways));
	return ways & UINT64_C(0x0101010101010101);
}

static inline unsigned flow_group_way(uint64_t marks)
{
	return (unsigned)__builtin_ctzll(marks) / 8;
}

/* Entries that may have the key of @hash: a mark for each, in *@ret_group. */
static inline uint64_t flow_index_find(const struct flow_index *index, uint64_t hash,
				       const struct flow_group **ret_group)
{
	*ret_group = flow_index_group(index, hash);
	return flow_group_marks(*ret_group, flow_index_tag(hash));
}

static inline uint32_t flow_group_number(const struct flow_group *group, uint64_t marks)
{
	return group->numbers[flow_group_way(marks)];
}

#endif
