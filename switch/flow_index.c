/*
 * flow_index - who has which place; see flow_index.h.
 */
#include "switch/flow_index.h"

enum { GROUPS_MIN = FLOW_PLACES_MIN / FLOW_WAYS, GROUPS = FLOW_PLACES / FLOW_WAYS };

void flow_index_init(struct flow_index *index, void *memory)
{
	memset(index, 0, sizeof(*index));
	index->groups = memory;
	index->mask = GROUPS_MIN - 1;
}

static void forget(struct flow_index *index)
{
	memset(index->groups, 0, (index->mask + 1) * sizeof(*index->groups));
	memset(index->owned, 0, sizeof(index->owned));
	index->count = 0;
}

void flow_index_clear(struct flow_index *index)
{
	bool shrink = index->count < index->mask / 2 && index->mask >= GROUPS_MIN;

	forget(index);
	if (shrink)
		index->mask /= 2;
}

bool flow_index_grow(struct flow_index *index)
{
	if (index->count <= index->mask * FLOW_WAYS / 4 || index->mask == GROUPS - 1)
		return false;
	index->mask = index->mask * 2 + 1;
	forget(index);
	return true;
}

/* Whose way a newcomer of port @in may have, all being taken; or -1. */
static int find_victim(const struct flow_index *index, const struct flow_group *group,
		       unsigned start, uint16_t in)
{
	int own = -1;

	for (unsigned i = 0; i < FLOW_WAYS; i++) {
		unsigned way = (start + i) % FLOW_WAYS;

		if (index->owned[group->owners[way]] > index->owned[in])
			return (int)way;
		if (own < 0 && group->owners[way] == in)
			own = (int)way;
	}
	return own;
}

int32_t flow_index_take(struct flow_index *index, uint64_t hash, uint16_t in,
			bool (*is_dead)(const void *entries, uint32_t number, uint32_t now),
			const void *entries, uint32_t now)
{
	struct flow_group *group = flow_index_group(index, hash);
	uint64_t free = flow_group_marks(group, 0);
	int way;

	if (free) {
		way = (int)flow_group_way(free);
		group->numbers[way] = index->count++;
	} else {
		/* not always the same gives way */
		way = find_victim(index, group, (hash >> 40) % FLOW_WAYS, in);
		for (int i = 0; way < 0 && i < FLOW_WAYS; i++)
			if (is_dead(entries, group->numbers[i], now))
				way = i;
		if (way < 0)
			return -1;
		index->owned[group->owners[way]]--;
	}
	group->tags[way] = flow_index_tag(hash);
	group->owners[way] = in;
	index->owned[in]++;
	return (int32_t)group->numbers[way];
}
