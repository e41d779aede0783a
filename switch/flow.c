/*
 * flow - making and filling a cache of decisions; see flow.h.
 */
#include "switch/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

enum {
	IPV4_SIZE = 20, /* RFC 791, 3.1, without options */
	IPV6_SIZE = 40, /* RFC 8200, 3 */
	UDP_SIZE = 8,
	TCP_SIZE = 20,		/* RFC 9293, 3.1, without options */
	SMALL = 1 << 14,	/* entries on pages of the usual size */
	IPV4_FRAGMENT = 0x3fff, /* more fragments, and the offset */
};

/* What never changes: the witness of what depends on nothing that is learned. */
static const _Atomic uint32_t constant;

int flow_create(struct flow_table **ret_table)
{
	struct flow_table *table = calloc(1, sizeof(*table));
	int error = -ENOMEM;

	if (!table)
		return -ENOMEM;
	table->mask = FLOW_ENTRIES_MIN - 1;
	table->flows = mmap(NULL, sizeof(struct flow) * FLOW_ENTRIES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table->flows == MAP_FAILED)
		goto free_table;
	/* Only a table that has grown beyond these gets there: its pages are full ones. */
	(void)madvise(table->flows + SMALL, sizeof(struct flow) * (FLOW_ENTRIES - SMALL),
		      MADV_HUGEPAGE);
	error = -EIO;
	if (getrandom(table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
		goto unmap;
	*ret_table = table;
	return 0;

unmap:
	munmap(table->flows, sizeof(struct flow) * FLOW_ENTRIES);
free_table:
	free(table);
	return error;
}

void flow_destroy(struct flow_table *table)
{
	if (!table)
		return;
	munmap(table->flows, sizeof(struct flow) * FLOW_ENTRIES);
	free(table);
}

/* Begin an epoch: all entries are free. */
static void forget(struct flow_table *table)
{
	table->n_flows = 0;
	memset(table->owned, 0, sizeof(table->owned));
	/* After 2^32 policies an entry of the first might be believed again: start anew. */
	if (++table->epoch == 0) {
		memset(table->flows, 0, sizeof(struct flow) * FLOW_ENTRIES);
		table->epoch = 1;
	}
}

void flow_forget(struct flow_table *table, const struct policy *policy)
{
	table->policy = policy;
	table->policy_generation = policy->generation;
	table->policy_seed = policy->hash_seed;
	if (table->n_flows < table->mask / 8 && table->mask >= FLOW_ENTRIES_MIN)
		table->mask /= 2;
	forget(table);
}

/* The ports, from @l4 on, of a packet that is @left bytes long from there. */
static bool load_ports(const struct frame *frame, uint8_t protocol, unsigned l4, uint32_t left,
		       uint64_t *ret_words)
{
	unsigned size = protocol == IPPROTO_TCP ? TCP_SIZE : UDP_SIZE;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return false;
	if (left < size || l4 + size > frame->head_len)
		return false;
	if (protocol == IPPROTO_TCP) {
		unsigned whole = (frame->head[l4 + 12] >> 4) * 4U;

		if (whole < TCP_SIZE || whole > left || l4 + whole > frame->head_len)
			return false;
	}
	ret_words[4] = (uint64_t)frame_load32(frame, l4) << 16 | (uint64_t)protocol << 8;
	return true;
}

static bool key_ipv4(const struct frame *frame, unsigned l3, uint64_t *ret_words)
{
	unsigned total;

	if (l3 + IPV4_SIZE > frame->head_len || frame->head[l3] != 0x45)
		return false;
	total = frame_load16(frame, l3 + 2);
	if (total < IPV4_SIZE || total > frame->len - l3 ||
	    frame_load16(frame, l3 + 6) & IPV4_FRAGMENT)
		return false;
	ret_words[0] = frame_load64(frame, l3 + 12);
	ret_words[1] = ret_words[2] = ret_words[3] = 0;
	return load_ports(frame, frame->head[l3 + 9], l3 + IPV4_SIZE, total - IPV4_SIZE, ret_words);
}

static bool key_ipv6(const struct frame *frame, unsigned l3, uint64_t *ret_words)
{
	unsigned payload;

	if (l3 + IPV6_SIZE > frame->head_len || frame->head[l3] >> 4 != 6)
		return false;
	payload = frame_load16(frame, l3 + 4);
	if (payload > frame->len - l3 - IPV6_SIZE)
		return false;
	for (unsigned i = 0; i < 4; i++)
		ret_words[i] = frame_load64(frame, l3 + 8 + 8 * i);
	return load_ports(frame, frame->head[l3 + 6], l3 + IPV6_SIZE, payload, ret_words);
}

bool flow_key_deep(const struct frame *frame, bool tagged, uint64_t *ret_words)
{
	unsigned l3 = tagged ? FRAME_ETH + FRAME_TAG : FRAME_ETH;

	switch (frame_load16(frame, l3 - 2)) {
	case ETHERTYPE_IPV4: return key_ipv4(frame, l3, ret_words);
	case ETHERTYPE_IPV6: return key_ipv6(frame, l3, ret_words);
	}
	return false;
}

static uint16_t port_of(const struct flow *flow)
{
	return (uint16_t)flow->l2[2];
}

/* How readily an entry gives way to a newcomer of port @in; 0: it does not. */
static unsigned readiness(const struct flow_table *table, const struct flow *flow, uint16_t in,
			  clock_ms now)
{
	if (flow->epoch != table->epoch)
		return 4;
	if (!flow_is_live(table, flow, now))
		return 3;
	if (table->owned[port_of(flow)] > table->owned[in])
		return 2;
	return port_of(flow) == in;
}

/* Where @key is or may be put; NULL: all places belong to ports that have no more than @in. */
static struct flow *find_place(struct flow_table *table, const struct flow_key *key, bool deep,
			       uint64_t hash, uint16_t in, clock_ms now)
{
	struct flow *best = NULL;
	unsigned readiest = 0;

	for (unsigned way = 0; way < FLOW_WAYS; way++) {
		struct flow *flow = flow_place(table, hash, way);
		unsigned ready = readiness(table, flow, in, now);

		if (flow->epoch == table->epoch && flow_has_key(flow, key, deep))
			return flow;
		if (ready > readiest) {
			readiest = ready;
			best = flow;
		}
	}
	return best;
}

/*
 * What the decision learned from @mac, which lives behind port @lives, as a
 * witness of @flow. False: it is not known (any more).
 */
static bool note_witness(struct flow *flow, unsigned which, const struct fdb *fdb,
			 const struct policy *policy, uint16_t network, mac48 mac, uint16_t lives,
			 clock_ms now, clock_ms *until)
{
	struct fdb_witness witness;
	clock_ms limit;

	if (!fdb_witness(fdb, policy, network, mac, now, &witness) || witness.port.id != lives)
		return false;
	flow->witnesses[which] = witness.word;
	flow->values[which] = witness.value;
	limit = which == 0 && witness.stamp_due < witness.dead ? witness.stamp_due : witness.dead;
	if (limit < *until)
		*until = limit;
	return true;
}

/* What is to be done for each frame besides sending it. */
static void note_filters(struct flow *flow, const struct decision *decision,
			 struct session_ref session)
{
	static const enum filter_step acls[] = {FILTER_ACL_IN, FILTER_ACL_OUT};
	const struct filter *filter = &decision->filter;

	for (unsigned i = 0; i < 2; i++) {
		const struct filter_hit *hit = &decision->hits[acls[i]];

		if (!hit->list || hit->rule == FILTER_NO_RULE)
			continue;
		flow->lists[i] = hit->list;
		flow->rules[i] = hit->rule;
		flow->filtered = true;
	}
	if (session_ref_is_none(session))
		return;
	flow->session = session;
	flow->reply = filter->found.verdict == SESSION_REPLY;
	flow->tcp = filter->packet.key.protocol == IPPROTO_TCP;
	flow->filtered = true;
}

/* A rule that logs is told of every frame; a packet that begins nothing is asked for each time. */
static bool may_remember(const struct decision *decision, bool deep, struct session_ref session)
{
	if (decision->fate != FATE_UNICAST ||
	    decision->reads > (deep ? DECIDE_READS_FLOW : DECIDE_READS_L2))
		return false;
	for (unsigned i = 0; i < FILTER__STEPS; i++)
		if (decision->hits[i].list && decision->hits[i].log)
			return false;
	return !decision->filter.tracked || !session_ref_is_none(session);
}

void flow_remember(struct flow_table *table, const struct fdb *fdb, const struct flow_key *key,
		   bool deep, uint64_t hash, const struct decision *decision,
		   struct session_ref session, clock_ms now)
{
	const struct policy *policy = table->policy;
	const struct policy_network *network = &policy_networks(policy)[decision->network];
	clock_ms until = now + FLOW_LIFE_MS;
	struct flow flow = {.witnesses = {&constant, &constant}};
	struct flow *place;

	if (!may_remember(decision, deep, session))
		return;
	if (decision->learn && !note_witness(&flow, 0, fdb, policy, decision->network,
					     decision->l2.src, decision->in, now, &until))
		return;
	if (decision->lookup == LOOKUP_LEARNED &&
	    !note_witness(&flow, 1, fdb, policy, decision->network, decision->l2.dst,
			  decision->output, now, &until))
		return;
	place = find_place(table, key, deep, hash, decision->in, now);
	if (!place)
		return;
	memcpy(flow.l2, key->words, sizeof(flow.l2));
	if (deep)
		memcpy(flow.rest, key->words + FLOW_L2_WORDS, sizeof(flow.rest));
	flow.epoch = table->epoch;
	flow.until = (uint32_t)until;
	flow.output = decision->output;
	flow.tag = decision->tag;
	flow.wire_max = network->mtu + frame_l2_size(&decision->l2);
	note_filters(&flow, decision, session);
	if (place->epoch == table->epoch)
		table->owned[port_of(place)]--;
	else
		table->n_flows++;
	table->owned[decision->in]++;
	*place = flow;
	if (table->n_flows > table->mask / 2 && table->mask < FLOW_ENTRIES - 1) {
		table->mask = table->mask * 2 + 1;
		forget(table);
	}
}
