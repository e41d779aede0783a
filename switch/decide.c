/*
 * decide - the stages of decide.h, in their order.
 *
 * Place, after IEEE 802.1Q-2018. VLAN.md is the same table for users, with the
 * script case that tests each row.
 *
 *	frame			access port	trunk			clause
 *	untagged		its network	native network, else	6.9.1, PVID
 *						untagged-on-trunk
 *	VID 0 (priority tag)	as untagged	as untagged		6.9.1
 *	VID allowed		tag-on-access	its network		6.9.1, 8.6.2
 *	VID of the native	tag-on-access	native network		6.9.1
 *	other VID 1..4094	tag-on-access	vlan-not-allowed	8.6.2
 *	VID 4095		tag-on-access	vlan-reserved		table 9-2
 *	outer 0x88a8		service-tag	its network if a customer's, 5.5, 9.5
 *						else service-tag
 *	outer 0x9100		service-tag	service-tag
 *	second tag		double-tag	the same, else double-tag
 *	shorter than its header	runt		runt			(802.3, 3.2.5)
 *	longer than the mtu	giant		giant			6.5.8
 *
 * Of a customer's port (qinq) all of that is its network's, tags and all (clause 15).
 *
 * On the way out an access port and a trunk's native network are untagged, all
 * else has the tag of its trunk (8.6.4, 8.8.2), with the priority bits it
 * came with.
 */
#include <stddef.h>
#include <string.h>

#include "switch/decide.h"
#include "switch/guard.h"
#include "switch/neighbour.h"

enum {
	VID_PRIORITY = 0, /* IEEE 802.1Q, table 9-2 */
	VID_RESERVED = 0xfff,
};

/* What decide() was asked. */
struct asked {
	const struct policy *policy;
	const struct fdb *fdb;
	const struct sessions *sessions;
	const struct frame *frame;
	struct port_ref in;
	clock_ms now;
};

/* The network of a frame from an access port. */
static enum drop place_access(const struct policy_port *port, const struct frame_l2 *l2,
			      uint16_t *ret_network)
{
	if (l2->tagged && l2->tpid != ETHERTYPE_VLAN)
		return DROP_SERVICE_TAG;
	if (l2->stacked)
		return DROP_DOUBLE_TAG;
	if (l2->tagged && (l2->tci & VID_RESERVED) != VID_PRIORITY)
		return DROP_TAG_ON_ACCESS;
	if (port->native == 0)
		return DROP_NO_NETWORK;
	*ret_network = port->native;
	return DROP_NONE;
}

/* Of a customer's port: its tags are its own affair. */
static enum drop place_qinq(const struct policy_port *port, uint16_t *ret_network)
{
	if (port->native == 0)
		return DROP_NO_NETWORK;
	*ret_network = port->native;
	return DROP_NONE;
}

/* May a frame of @network, 0 for none yet, come by trunk with the tags of @l2? */
static enum drop check_tags(const struct policy *policy, const struct frame_l2 *l2,
			    uint16_t network)
{
	unsigned flags = network ? policy_networks(policy)[network].flags : 0;

	if (l2->tagged && l2->tpid != ETHERTYPE_VLAN &&
	    (l2->tpid != ETHERTYPE_SERVICE || !(flags & POLICY_NET_SERVICE)))
		return DROP_SERVICE_TAG;
	if (l2->stacked && !(flags & POLICY_NET_QINQ))
		return DROP_DOUBLE_TAG;
	if (flags & POLICY_NET_SERVICE && l2->tpid != ETHERTYPE_SERVICE)
		return DROP_VLAN_NOT_ALLOWED;
	return DROP_NONE;
}

static enum drop place_trunk(const struct policy *policy, const struct policy_port *port,
			     const struct frame_l2 *l2, uint16_t *ret_network)
{
	const uint16_t *vlan_in = policy_at(policy, port->vlan_in);
	uint16_t vid = l2->tci & VID_RESERVED; /* of untagged frames as of priority tags */
	uint16_t network = vid == VID_PRIORITY ? port->native : vlan_in[vid];
	enum drop drop = check_tags(policy, l2, network);

	if (drop != DROP_NONE)
		return drop;
	if (vid == VID_RESERVED)
		return DROP_VLAN_RESERVED;
	if (network == 0)
		return vid == VID_PRIORITY ? DROP_UNTAGGED_ON_TRUNK : DROP_VLAN_NOT_ALLOWED;
	*ret_network = network;
	return DROP_NONE;
}

static enum drop place(const struct policy *policy, struct port_ref in, const struct frame *frame,
		       const struct frame_l2 *l2, uint16_t *ret_network)
{
	const struct policy_port *port = policy_port(policy, in);
	uint16_t network;
	enum drop drop;

	if (!port)
		return DROP_NO_NETWORK;
	if (port->mode == POLICY_TRUNK)
		drop = place_trunk(policy, port, l2, &network);
	else if (port->mode == POLICY_QINQ)
		drop = place_qinq(port, &network);
	else
		drop = place_access(port, l2, &network);
	if (drop != DROP_NONE)
		return drop;
	*ret_network = network;
	if (frame->len > LIMIT_FRAME ||
	    frame_wire_len(frame) > policy_networks(policy)[network].mtu + frame_l2_size(l2))
		return DROP_GIANT;
	return DROP_NONE;
}

/*
 * The port that a frame for all asks for, by ARP or ND, if that port alone owns the
 * address and may be asked by this one; 0: all are to hear it.
 */
static uint16_t asked_port(const struct asked *asked, const struct decision *decision)
{
	const struct policy *policy = asked->policy;
	struct neighbour said;
	uint16_t owner;

	if (!neighbour_read(asked->frame, &decision->l2, &said) || !said.asks)
		return 0;
	owner = policy_owner(policy, decision->network, said.asked);
	if (!policy_owner_is_one(owner) ||
	    policy_permits(policy, decision->network, decision->in, owner).drop != DROP_NONE)
		return 0;
	return owner;
}

/* The same for a frame for all, of which only some may be meant. */
static enum lookup look_up_group(const struct asked *asked, struct decision *decision)
{
	const struct policy *policy = asked->policy;
	unsigned flags = policy_networks(policy)[decision->network].flags;

	if (!(flags & (POLICY_NET_SUPPRESSES | POLICY_NET_SNOOPS)) ||
	    policy_is_customers(policy, decision->network, decision->in,
				decision->l2.tagged + decision->l2.stacked))
		return LOOKUP_GROUP;
	decision->reads = DECIDE_READS_ALL;
	if (flags & POLICY_NET_SUPPRESSES)
		decision->output = asked_port(asked, decision);
	if (decision->output)
		return LOOKUP_OWNER;
	if (flags & POLICY_NET_SNOOPS && decision->l2.dst != MAC_BROADCAST &&
	    snoop_choose(policy, asked->fdb, decision->network, asked->frame, &decision->l2,
			 asked->now, &decision->tells, &decision->wanted))
		return LOOKUP_WANTED;
	return LOOKUP_GROUP;
}

/* How the destination is found: one port in decision->output, or 0 for many. */
static enum lookup look_up(const struct asked *asked, struct decision *decision)
{
	const struct policy *policy = asked->policy;
	uint16_t network = decision->network;
	mac48 dst = decision->l2.dst;
	struct port_ref learned;

	if (mac_is_group(dst))
		return look_up_group(asked, decision);
	decision->output = policy_static_port(policy, network, dst);
	if (decision->output)
		return LOOKUP_STATIC;
	learned = fdb_lookup(asked->fdb, policy, network, dst, asked->now);
	decision->output = learned.id;
	return port_ref_is_none(learned) ? LOOKUP_UNKNOWN : LOOKUP_LEARNED;
}

/* Is a flooded frame for @port, as far as the lookup goes? */
static bool is_meant(const struct decision *decision, uint16_t port)
{
	return decision->lookup != LOOKUP_WANTED || snoop_has(&decision->wanted, port);
}

/* Why nobody gets a flooded frame: rules refuse it, if anything else would let it pass. */
static enum drop refuse_flood(const struct policy *policy, struct decision *decision)
{
	const struct policy_network *network = &policy_networks(policy)[decision->network];
	const uint16_t *members = policy_at(policy, network->members);

	for (uint32_t i = 0; i < network->n_members; i++) {
		if (!is_meant(decision, members[i]) ||
		    policy_permits(policy, decision->network, decision->in, members[i]).drop !=
			    DROP_NONE)
			continue;
		decision->stage = STAGE_FILTER;
		return filter_permits(policy, &decision->filter, decision->in, members[i],
				      decision->hits);
	}
	return DROP_NO_RECEIVER;
}

/* What is the frame to the sessions, if a port with groups takes part? */
static void track(const struct asked *asked, struct decision *decision)
{
	const struct policy_port *ports = policy_ports(asked->policy);
	const struct policy_network *network = &policy_networks(asked->policy)[decision->network];
	struct port_ref out = {decision->output, ports[decision->output].generation};
	bool groups = ports[decision->in].n_groups != 0;

	if (decision->output)
		groups |= ports[decision->output].n_groups != 0;
	else
		groups |= (network->flags & POLICY_NET_FILTERED) != 0;
	if (groups)
		filter_track(asked->policy, asked->sessions, asked->frame, &decision->l2,
			     decision->network, asked->in, decision->output ? out : PORT_NONE,
			     asked->now, &decision->filter);
}

/* Does a flooded frame get to a port whose groups were asked, or come from one? */
static bool flood_is_tracked(const struct policy *policy, const struct decision *decision)
{
	const struct policy_port *ports = policy_ports(policy);
	uint32_t cursor = 0;
	uint16_t port, tag;

	if (!decision->filter.tracked || ports[decision->in].n_groups)
		return decision->filter.tracked;
	while (decide_flood_next(policy, decision, &cursor, &port, &tag))
		if (ports[port].n_groups)
			return true;
	return false;
}

/* The session whose rules are gone, if that is why the frame between its ports was refused. */
static struct session_ref session_to_end(const struct filter *filter, enum drop drop)
{
	const struct session_found *found = &filter->found;
	bool reply = found->verdict == SESSION_REPLY;
	struct port_ref opener = reply ? filter->packet.out : filter->packet.in;
	struct port_ref other = reply ? filter->packet.in : filter->packet.out;

	if (!filter->tracked || !found->again ||
	    (drop != DROP_GROUP_OUT && drop != DROP_GROUP_IN && drop != DROP_SESSION_ENDED) ||
	    (!reply && found->verdict != SESSION_ESTABLISHED) ||
	    !port_ref_equal(opener, found->in) || !port_ref_equal(other, found->out))
		return SESSION_NONE;
	return found->session;
}

/* Where a frame goes that has a network and may say what it says. */
static enum drop choose_output(const struct asked *asked, struct decision *decision)
{
	const struct policy *policy = asked->policy;
	const struct policy_network *network = &policy_networks(policy)[decision->network];
	uint32_t cursor = 0;
	uint16_t port, tag;

	decision->stage = STAGE_LOOKUP;
	decision->lookup = look_up(asked, decision);
	if (decision->lookup == LOOKUP_UNKNOWN && network->flags & POLICY_NET_NO_UNKNOWN)
		return DROP_UNKNOWN_UNICAST;

	decision->stage = STAGE_PERMIT;
	if (!decision->output) {
		track(asked, decision);
		if (!decide_flood_next(policy, decision, &cursor, &port, &tag))
			return refuse_flood(policy, decision);
		decision->commit = flood_is_tracked(policy, decision);
		decision->fate = FATE_FLOOD;
	} else {
		struct permit permit =
			policy_permits(policy, decision->network, decision->in, decision->output);

		if (permit.drop != DROP_NONE)
			return permit.drop;
		decision->stage = STAGE_FILTER;
		track(asked, decision);
		permit.drop = filter_permits(policy, &decision->filter, decision->in,
					     decision->output, decision->hits);
		if (permit.drop != DROP_NONE) {
			decision->end = session_to_end(&decision->filter, permit.drop);
			return permit.drop;
		}
		decision->tag = permit.tag;
		decision->commit = decision->filter.tracked;
		decision->fate = FATE_UNICAST;
	}
	decision->stage = STAGE_DONE;
	return DROP_NONE;
}

/* Every stage up to the first that drops. */
static enum drop run_stages(const struct asked *asked, struct decision *decision)
{
	const struct policy *policy = asked->policy;
	uint16_t in = asked->in.id;
	enum drop drop;

	decision->stage = STAGE_PARSE;
	drop = frame_parse(asked->frame, &decision->l2);
	if (drop != DROP_NONE)
		return drop;

	decision->stage = STAGE_PLACE;
	drop = place(policy, asked->in, asked->frame, &decision->l2, &decision->network);
	if (drop != DROP_NONE)
		return drop;
	decision->strip = decision->l2.tagged && policy_ports(policy)[in].mode != POLICY_QINQ;

	decision->stage = STAGE_GUARD;
	if (policy_ports(policy)[in].flags & POLICY_PORT_READS_FLOW) {
		filter_read(asked->frame, &decision->l2, &decision->filter);
		decision->reads = decision->filter.plain ? DECIDE_READS_FLOW : DECIDE_READS_ALL;
	}
	drop = guard_check(policy, in, decision->network, asked->frame, &decision->l2);
	if (drop != DROP_NONE)
		return drop;
	decision->learn =
		!(policy_networks(policy)[decision->network].flags & POLICY_NET_NO_LEARNING) &&
		!policy_static_port(policy, decision->network, decision->l2.src);

	decision->stage = STAGE_ADMIT;
	drop = filter_admits(policy, &decision->filter, in, decision->hits);
	if (drop != DROP_NONE)
		return drop;
	return choose_output(asked, decision);
}

void decide(const struct policy *policy, const struct fdb *fdb, const struct sessions *sessions,
	    const struct frame *frame, struct port_ref in, clock_ms now, struct decision *ret)
{
	const struct asked asked = {policy, fdb, sessions, frame, in, now};

	/* most of a filter is only written where there are rules */
	memset(ret, 0, offsetof(struct decision, filter));
	ret->filter.kind = FILTER_UNREAD;
	ret->filter.tracked = false;
	ret->in = in.id;
	ret->drop = run_stages(&asked, ret);
	if (ret->drop != DROP_NONE)
		ret->fate = FATE_DROP;
}

static inline enum drop flood_permits(const struct policy *policy, const struct decision *decision,
				      uint16_t port, uint16_t *ret_tag,
				      struct filter_hit ret_hits[FILTER__STEPS])
{
	struct permit permit = policy_permits(policy, decision->network, decision->in, port);

	if (permit.drop == DROP_NONE && !is_meant(decision, port))
		permit.drop = DROP_NO_RECEIVER;
	if (permit.drop == DROP_NONE)
		permit.drop =
			filter_permits(policy, &decision->filter, decision->in, port, ret_hits);
	if (permit.drop == DROP_NONE)
		*ret_tag = permit.tag;
	return permit.drop;
}

enum drop decide_flood_permits(const struct policy *policy, const struct decision *decision,
			       uint16_t port, uint16_t *ret_tag,
			       struct filter_hit ret_hits[FILTER__STEPS])
{
	return flood_permits(policy, decision, port, ret_tag, ret_hits);
}

bool decide_flood_next(const struct policy *policy, const struct decision *decision,
		       uint32_t *cursor, uint16_t *ret_port, uint16_t *ret_tag)
{
	const struct policy_network *network = &policy_networks(policy)[decision->network];
	const uint16_t *members = policy_at(policy, network->members);

	while (*cursor < network->n_members) {
		struct filter_hit hits[FILTER__STEPS];
		uint16_t port = members[(*cursor)++];

		/* the sender is a member of its network, and never asked about */
		if (port == decision->in ||
		    flood_permits(policy, decision, port, ret_tag, hits) != DROP_NONE)
			continue;
		*ret_port = port;
		return true;
	}
	return false;
}
