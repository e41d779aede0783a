/*
 * flow - making and filling a cache of decisions; see flow.h.
 */
#include "switch/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

enum {
	IPV6_SIZE = 40, /* RFC 8200, 3 */
	PATHS_SIZE = FLOW_PLACES * (int)sizeof(struct flow_path),
	FLOWS_SIZE = FLOW_PLACES * (int)sizeof(struct flow),
	RESTS_SIZE = FLOW_PLACES * (int)sizeof(struct flow_rest),
	MEMORY_SIZE = PATHS_SIZE + FLOWS_SIZE + RESTS_SIZE + 2 * FLOW_INDEX_SIZE,
	SMALL = 1 << 21, /* bytes of each on pages of the usual size */
};

/* What never changes: the witness of what depends on nothing that is learned. */
static const _Atomic uint32_t constant;

/* The next @size bytes of *@memory. Only a table that has grown beyond SMALL has full pages. */
static void *lay_out(char **memory, size_t size)
{
	char *part = *memory;

	(void)madvise(part + SMALL, size - SMALL, MADV_HUGEPAGE);
	*memory = part + size;
	return part;
}

int flow_create(struct flow_table **ret_table)
{
	struct flow_table *table = calloc(1, sizeof(*table));
	int error = -ENOMEM;
	char *memory;

	if (!table)
		return -ENOMEM;
	memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		goto free_table;
	table->memory = memory;
	table->paths = lay_out(&memory, PATHS_SIZE);
	table->flows = lay_out(&memory, FLOWS_SIZE);
	table->rests = lay_out(&memory, RESTS_SIZE);
	flow_index_init(&table->path_index, lay_out(&memory, FLOW_INDEX_SIZE));
	flow_index_init(&table->flow_index, lay_out(&memory, FLOW_INDEX_SIZE));
	error = -EIO;
	if (getrandom(table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
		goto unmap;
	*ret_table = table;
	return 0;

unmap:
	munmap(table->memory, MEMORY_SIZE);
free_table:
	free(table);
	return error;
}

void flow_destroy(struct flow_table *table)
{
	if (!table)
		return;
	munmap(table->memory, MEMORY_SIZE);
	free(table);
}

void flow_forget(struct flow_table *table, const struct policy *policy)
{
	table->policy = policy;
	table->policy_generation = policy->generation;
	table->policy_seed = policy->hash_seed;
	flow_index_clear(&table->path_index);
	flow_index_clear(&table->flow_index);
}

bool flow_ends_ipv6(const struct frame *frame, unsigned l3, struct flow_ends *ret_ends)
{
	uint64_t *words = ret_ends->words;
	unsigned l4 = l3 + IPV6_SIZE, payload;
	uint8_t protocol;

	if (l4 + FLOW_UDP_SIZE > frame->head_len || frame->head[l3] >> 4 != 6)
		return false;
	payload = frame_load16(frame, l3 + 4);
	protocol = frame->head[l3 + 6];
	if (payload > frame->len - l4 || !flow_has_ports(frame, protocol, l4, payload))
		return false;
	memcpy(&words[0], frame->head + l3 + 8, sizeof(words[0]));
	memcpy(&words[2], frame->head + l3 + 16, 3 * sizeof(words[2]));
	words[1] = flow_ports_word(frame, l4, protocol, 6);
	return true;
}

/*
 * What the decision learned from @mac, which lives behind port @lives, as a
 * witness of @path. False: it is not known (any more).
 */
static bool note_witness(struct flow_path *path, unsigned which, const struct fdb *fdb,
			 const struct policy *policy, uint16_t network, mac48 mac, uint16_t lives,
			 clock_ms now, clock_ms *until)
{
	struct fdb_witness witness;
	clock_ms limit;

	if (!fdb_witness(fdb, policy, network, mac, now, &witness) || witness.port.id != lives)
		return false;
	path->witnesses[which] = witness.word;
	path->values[which] = witness.value;
	limit = which == 0 && witness.stamp_due < witness.dead ? witness.stamp_due : witness.dead;
	if (limit < *until)
		*until = limit;
	return true;
}

/* What is to be done for each frame besides sending it. */
static void note_filters(struct flow *flow, struct flow_rest *rest, const struct decision *decision,
			 struct session_ref session)
{
	static const enum filter_step acls[] = {FILTER_ACL_IN, FILTER_ACL_OUT};

	for (unsigned i = 0; i < 2; i++) {
		const struct filter_hit *hit = &decision->hits[acls[i]];

		if (!hit->list || hit->rule == FILTER_NO_RULE)
			continue;
		rest->lists[i] = hit->list;
		rest->rules[i] = hit->rule;
		flow->about |= FLOW_RULED;
	}
	flow->session = session;
	if (!session_ref_is_none(session) && decision->filter.found.verdict == SESSION_REPLY)
		flow->about |= FLOW_REPLY;
}

/* A rule that logs is told of every frame; a packet that begins nothing is asked for each time. */
static bool may_remember(const struct decision *decision, enum decide_reads reads,
			 struct session_ref session)
{
	if (decision->fate != FATE_UNICAST || decision->reads > reads)
		return false;
	for (unsigned i = 0; i < FILTER__STEPS; i++)
		if (decision->hits[i].list && decision->hits[i].log)
			return false;
	return !decision->filter.tracked || !session_ref_is_none(session);
}

static bool path_is_dead(const void *paths, uint32_t number, uint32_t now)
{
	return flow_is_past(((const struct flow_path *)paths)[number].until, now);
}

static bool flow_is_dead(const void *flows, uint32_t number, uint32_t now)
{
	return flow_is_past(((const struct flow *)flows)[number].until, now);
}

/* The path of @key, dead or alive; NULL: it is not there. */
static struct flow_path *known_path(const struct flow_table *table, const struct flow_key *key,
				    uint64_t hash)
{
	const struct flow_group *group;
	uint64_t marks = flow_index_find(&table->path_index, hash, &group);

	for (; marks; marks &= marks - 1) {
		struct flow_path *path = &table->paths[flow_group_number(group, marks)];

		if (flow_path_has_key(path, key))
			return path;
	}
	return NULL;
}

/* The number of the flow between @ends on that path, dead or alive; or of a place for it; or -1. */
static int32_t flow_number(struct flow_table *table, uint32_t path, const struct flow_ends *ends,
			   uint64_t hash, uint16_t in, clock_ms now)
{
	const struct flow_group *group;
	uint64_t marks = flow_index_find(&table->flow_index, hash, &group);

	for (; marks; marks &= marks - 1)
		if (flow_is_between(table, &table->flows[flow_group_number(group, marks)], path,
				    ends))
			return (int32_t)flow_group_number(group, marks);
	return flow_index_take(&table->flow_index, hash, in, flow_is_dead, table->flows,
			       (uint32_t)now);
}

/* The path of frames of @key, remembered; NULL: it cannot be. */
static const struct flow_path *remember_path(struct flow_table *table, const struct fdb *fdb,
					     const struct flow_key *key, uint64_t hash,
					     const struct decision *decision, clock_ms now)
{
	const struct policy *policy = table->policy;
	struct flow_path path = {
		.witnesses = {&constant, &constant},
		.output = decision->output,
		.tag = decision->tag,
		.wire_max = policy_networks(policy)[decision->network].mtu +
			    frame_l2_size(&decision->l2),
	};
	clock_ms until = now + FLOW_LIFE_MS;
	struct flow_path *old;
	int32_t number;

	if (decision->learn && !note_witness(&path, 0, fdb, policy, decision->network,
					     decision->l2.src, decision->in, now, &until))
		return NULL;
	if (decision->lookup == LOOKUP_LEARNED &&
	    !note_witness(&path, 1, fdb, policy, decision->network, decision->l2.dst,
			  decision->output, now, &until))
		return NULL;
	memcpy(path.key, key->words, sizeof(path.key));
	path.until = (uint32_t)until;
	old = known_path(table, key, hash);
	if (old) {
		/* what went this way may go on, if it still leads there */
		bool same = old->output == path.output && old->tag == path.tag &&
			    old->wire_max == path.wire_max;

		path.serial = same ? old->serial : ++table->serial;
		*old = path;
		return old;
	}
	number = flow_index_take(&table->path_index, hash, decision->in, path_is_dead, table->paths,
				 (uint32_t)now);
	if (number < 0)
		return NULL;
	path.serial = ++table->serial;
	table->paths[number] = path;
	return &table->paths[number];
}

static void remember_flow(struct flow_table *table, const struct flow_path *path,
			  const struct flow_ends *ends, const struct decision *decision,
			  struct session_ref session, clock_ms now)
{
	uint64_t hash = flow_ends_hash(table, path, ends);
	struct flow flow = {
		.addresses = ends->words[0],
		.about = ends->words[1],
		.path = path->serial,
		.until = (uint32_t)(now + FLOW_LIFE_MS),
	};
	struct flow_rest rest = {.lists = {0}};
	int32_t number = flow_number(table, path->serial, ends, hash, decision->in, now);

	if (number < 0)
		return;
	note_filters(&flow, &rest, decision, session);
	if (flow_ends_are_long(ends))
		memcpy(rest.ends, ends->words + 2, sizeof(rest.ends));
	if (flow_ends_are_long(ends) || flow.about & FLOW_RULED)
		table->rests[number] = rest;
	table->flows[number] = flow;
}

void flow_remember(struct flow_table *table, const struct fdb *fdb, const struct flow_key *key,
		   uint64_t hash, const struct flow_ends *ends, const struct decision *decision,
		   struct session_ref session, clock_ms now)
{
	const struct flow_path *path;

	if (!may_remember(decision, ends ? DECIDE_READS_FLOW : DECIDE_READS_L2, session))
		return;
	path = remember_path(table, fdb, key, hash, decision, now);
	if (path && ends)
		remember_flow(table, path, ends, decision, session, now);
	/* without their paths flows are no more */
	if (flow_index_grow(&table->path_index))
		flow_index_clear(&table->flow_index);
	(void)flow_index_grow(&table->flow_index);
}
