/*
 * filter - the steps of filter.h. Stands apart from decide.c because that one is
 * about where a frame goes, and this one about what it says.
 */
#include <netinet/in.h>
#include <string.h>

#include "switch/filter.h"

enum {
	IPV4_SIZE = 20, /* RFC 791, 3.1, without options */
	IPV6_SIZE = 40, /* RFC 8200, 3 */

	ICMPV6_LISTENER_QUERY = 130, /* RFC 2710 */
	ICMPV6_LISTENER_DONE = 132,
	ICMPV6_ROUTER_SOLICIT = 133, /* RFC 4861 */
	ICMPV6_REDIRECT = 137,
	ICMPV6_LISTENER_REPORT2 = 143, /* RFC 3810 */
	HOPS_NEIGHBOUR = 255,	       /* RFC 4861, 7.1: what came from further away is none */
	HOPS_LISTENER = 1,	       /* RFC 2710, 3 */
};

/* ---- reading ---- */

static void read_addresses(const struct frame *frame, const struct frame_ip *ip,
			   struct classify_key *key)
{
	if (ip->version == 4) {
		key->src[0] = frame_load32(frame, ip->l3 + 12U);
		key->dst[0] = frame_load32(frame, ip->l3 + 16U);
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		key->src[i] = frame_load32(frame, ip->l3 + 8U + 4 * i);
		key->dst[i] = frame_load32(frame, ip->l3 + 24U + 4 * i);
	}
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Ports, or an ICMP type, of a packet that begins here; they stay unknown if they are cut off. */
static void read_ports(const struct frame *frame, const struct frame_ip *ip,
		       struct classify_key *key)
{
	bool icmp = ip->protocol == (ip->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (!ip->first || ip->l4 + 4 > frame->head_len)
		return;
	if (has_ports(ip->protocol)) {
		key->src_port = frame_load16(frame, ip->l4);
		key->dst_port = frame_load16(frame, ip->l4 + 2U);
	} else if (icmp) {
		key->dst_port = classify_icmp(frame->head[ip->l4], frame->head[ip->l4 + 1]);
	}
}

/* Neighbour and listener discovery, which never leave their link. */
static bool is_neighbour(const struct frame *frame, const struct frame_ip *ip)
{
	uint8_t hops, type;

	if (ip->version != 6 || ip->protocol != IPPROTO_ICMPV6 || ip->fragment ||
	    ip->l4 + 4 > frame->head_len)
		return false;
	hops = frame->head[ip->l3 + 7];
	type = frame->head[ip->l4];
	if (type >= ICMPV6_ROUTER_SOLICIT && type <= ICMPV6_REDIRECT)
		return hops == HOPS_NEIGHBOUR;
	return hops == HOPS_LISTENER &&
	       (type == ICMPV6_LISTENER_REPORT2 ||
		(type >= ICMPV6_LISTENER_QUERY && type <= ICMPV6_LISTENER_DONE));
}

static bool is_plain(const struct frame *frame, const struct frame_ip *ip)
{
	unsigned header = ip->version == 4 ? IPV4_SIZE : IPV6_SIZE;

	return !ip->fragment && ip->l4 == ip->l3 + header && ip->l4 + 4 <= frame->head_len &&
	       (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP);
}

void filter_read(const struct frame *frame, const struct frame_l2 *l2, struct filter *ret_filter)
{
	struct filter filter = {.kind = FILTER_OTHER};
	struct classify_key *key = &filter.key;
	struct frame_ip ip;

	key->ethertype = l2->ethertype;
	key->src_port = key->dst_port = CLASSIFY_NO_PORT;
	key->protocol = CLASSIFY_NO_PROTOCOL;
	classify_split_mac(l2->src, key->src_mac);
	classify_split_mac(l2->dst, key->dst_mac);
	if (l2->ethertype == ETHERTYPE_ARP || l2->ethertype == ETHERTYPE_RARP) {
		filter.kind = FILTER_NEIGHBOUR;
	} else if (l2->ethertype == ETHERTYPE_IPV4 || l2->ethertype == ETHERTYPE_IPV6) {
		if (frame_parse_ip(frame, l2, &ip)) {
			key->protocol = ip.protocol;
			read_addresses(frame, &ip, key);
			read_ports(frame, &ip, key);
			filter.plain = is_plain(frame, &ip);
			if (is_neighbour(frame, &ip))
				filter.kind = FILTER_NEIGHBOUR;
		} else {
			filter.kind = FILTER_ILLEGIBLE;
		}
	} else if (frame_is_snap(frame, l2) || frame_is_tag(l2->ethertype)) {
		filter.kind = FILTER_ILLEGIBLE;
	}
	*ret_filter = filter;
}

/* ---- asking ---- */

/* The first rule of list @number that matches; false if none does. */
static bool look_up(const struct policy *policy, uint16_t number, const struct classify_key *key,
		    const uint32_t *sets, unsigned n_sets, struct filter_hit *ret_hit,
		    bool *ret_accept)
{
	const struct policy_rules *list = policy_rules(policy, number);
	struct classify_match match;

	*ret_hit = (struct filter_hit){.list = number, .rule = FILTER_NO_RULE};
	if (!list->classify ||
	    !classify_lookup(policy_at(policy, list->classify), key, sets, n_sets, &match))
		return false;
	ret_hit->rule = match.rule;
	ret_hit->log = match.log;
	*ret_accept = match.accept;
	return true;
}

static bool acl_accepts(const struct policy *policy, uint16_t number, const struct filter *filter,
			struct filter_hit *ret_hit)
{
	bool accept;

	if (look_up(policy, number, &filter->key, NULL, 0, ret_hit, &accept))
		return accept;
	return filter->kind == FILTER_NEIGHBOUR;
}

/*
 * The sets that a peer is in: the groups of its port, then the tenant's sets of
 * addresses that have @address. Their numbers ascend, and all groups' are below
 * all others'. policy_builder_sets() has seen to it that they fit.
 */
static unsigned peer_sets(const struct policy *policy, const struct policy_port *peer,
			  uint16_t tenant, uint32_t ethertype, const uint32_t address[4],
			  uint32_t ret_sets[CLASSIFY_KEY_SETS])
{
	const uint16_t *groups = policy_at(policy, peer->groups);
	const struct policy_section *section =
		(const struct policy_section *)policy_at(policy, policy->sets) + tenant;
	const uint32_t *found;
	unsigned count = 0, n_found;

	for (unsigned i = 0; i < peer->n_groups; i++)
		ret_sets[count++] = groups[i];
	if (!section->at || (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6))
		return count;
	n_found = address_set_lookup(policy_at(policy, section->at),
				     ethertype == ETHERTYPE_IPV4 ? 4 : 6, address, &found);
	for (unsigned i = 0; i < n_found && count < CLASSIFY_KEY_SETS; i++)
		ret_sets[count++] = found[i];
	return count;
}

/* Does a group of @port allow it, sent @out of the port to @peer or into it from there? */
static bool groups_allow(const struct policy *policy, const struct policy_port *port, bool out,
			 const struct policy_port *peer, const struct classify_key *key,
			 struct filter_hit *ret_hit)
{
	const uint16_t *groups = policy_at(policy, port->groups);
	uint32_t sets[CLASSIFY_KEY_SETS];
	unsigned n_sets = peer_sets(policy, peer, port->tenant, key->ethertype,
				    out ? key->dst : key->src, sets);
	bool accept;

	for (unsigned i = 0; i < port->n_groups; i++) {
		const struct policy_group *group = policy_group(policy, groups[i]);

		if (look_up(policy, out ? group->out : group->in, key, sets, n_sets, ret_hit,
			    &accept))
			return true;
	}
	return false;
}

/* The rules of both ports for what @in sends to @out. */
static enum drop ask_groups(const struct policy *policy, const struct classify_key *key,
			    const struct policy_port *in, const struct policy_port *out,
			    struct filter_hit ret_hits[FILTER__STEPS])
{
	if (in->n_groups && !groups_allow(policy, in, true, out, key, &ret_hits[FILTER_GROUP_OUT]))
		return DROP_GROUP_OUT;
	if (out->n_groups && !groups_allow(policy, out, false, in, key, &ret_hits[FILTER_GROUP_IN]))
		return DROP_GROUP_IN;
	return DROP_NONE;
}

/* The first packet of a session, as rules see it. */
static void opener_key(const struct session_key *opener, struct classify_key *ret_key)
{
	struct classify_key key = {.protocol = opener->protocol};
	bool icmp = opener->protocol == (opener->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	key.ethertype = opener->version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	if (opener->version == 4) { /* ::ffff:a.b.c.d */
		key.src[0] = (uint32_t)opener->src[1];
		key.dst[0] = (uint32_t)opener->dst[1];
	}
	for (unsigned i = 0; i < 4 && opener->version == 6; i++) {
		key.src[i] = (uint32_t)(opener->src[i / 2] >> (i % 2 ? 0 : 32));
		key.dst[i] = (uint32_t)(opener->dst[i / 2] >> (i % 2 ? 0 : 32));
	}
	key.src_port = has_ports(opener->protocol) ? opener->src_port : CLASSIFY_NO_PORT;
	key.dst_port = has_ports(opener->protocol) ? opener->dst_port : CLASSIFY_NO_PORT;
	if (icmp) /* queries have no codes */
		key.dst_port = classify_icmp((uint8_t)opener->dst_port, 0);
	*ret_key = key;
}

/* The rules of both ports, asked for the packet that began the session. */
static enum drop ask_opener(const struct policy *policy, const struct filter *filter, uint16_t in,
			    uint16_t out, struct filter_hit ret_hits[FILTER__STEPS])
{
	const struct policy_port *ports = policy_ports(policy);
	struct classify_key key;

	opener_key(&filter->found.opener, &key);
	return ask_groups(policy, &key, &ports[in], &ports[out], ret_hits);
}

static enum drop refuse_invalid(enum session_fault fault)
{
	switch (fault) {
	case SESSION_FAULT_FLAGS: return DROP_SESSION_FLAGS;
	case SESSION_FAULT_STRANGER: return DROP_SESSION_STRANGER;
	case SESSION_FAULT_WINDOW: return DROP_SESSION_WINDOW;
	case SESSION_FAULT_RESET: return DROP_SESSION_RESET;
	case SESSION_FAULT_FRAGMENT: return DROP_SESSION_FRAGMENT;
	case SESSION_FAULT_NONE:
	case SESSION_FAULT_HEADER:
	case SESSION_FAULT__COUNT: break;
	}
	return DROP_SESSION_HEADER;
}

/* The groups of both ports, of which one at least has some; see the table in session.h. */
static enum drop groups_permit(const struct policy *policy, const struct filter *filter,
			       uint16_t in, uint16_t out, struct filter_hit ret_hits[FILTER__STEPS])
{
	const struct policy_port *ports = policy_ports(policy);
	const struct session_found *found = &filter->found;
	struct port_ref opener = found->in, other = found->out;
	struct filter_hit hits[FILTER__STEPS]; /* of another packet than this one */

	if (!filter->tracked)
		return ask_groups(policy, &filter->key, &ports[in], &ports[out], ret_hits);
	switch (found->verdict) {
	case SESSION_UNTRACKED:
	case SESSION_NEW:
		return ask_groups(policy, &filter->key, &ports[in], &ports[out], ret_hits);
	case SESSION_ESTABLISHED:
		return found->again ? ask_opener(policy, filter, in, out, ret_hits) : DROP_NONE;
	case SESSION_REPLY:
		if (!found->again || ask_opener(policy, filter, out, in, hits) == DROP_NONE)
			return DROP_NONE;
		return DROP_SESSION_ENDED;
	case SESSION_RELATED:
		/* whoever on the way sends it, it is about what these two ports began */
		if (!found->again)
			return DROP_NONE;
		if (!policy_port(policy, opener) || !policy_port(policy, other))
			return DROP_SESSION_ENDED;
		return ask_opener(policy, filter, opener.id, other.id, hits) ? DROP_SESSION_ENDED
									     : DROP_NONE;
	case SESSION_FRAGMENT: return DROP_NONE;
	case SESSION_INVALID: break;
	}
	return refuse_invalid(found->fault);
}

void filter_track(const struct policy *policy, const struct sessions *sessions,
		  const struct frame *frame, const struct frame_l2 *l2, uint16_t network,
		  struct port_ref in, struct port_ref out, clock_ms now, struct filter *filter)
{
	if (!sessions || filter->kind != FILTER_OTHER)
		return;
	session_packet_read(frame, l2, network, policy_networks(policy)[network].generation,
			    &filter->packet);
	filter->packet.in = in;
	filter->packet.out = out;
	session_find(sessions, &filter->packet, policy->generation, now, &filter->found);
	filter->tracked = true;
}

enum drop filter_admits(const struct policy *policy, const struct filter *filter, uint16_t in,
			struct filter_hit ret_hits[FILTER__STEPS])
{
	const struct policy_port *port = &policy_ports(policy)[in];

	if (!port->acl_in)
		return DROP_NONE;
	if (filter->kind <= FILTER_ILLEGIBLE)
		return DROP_ILLEGIBLE;
	return acl_accepts(policy, port->acl_in, filter, &ret_hits[FILTER_ACL_IN]) ? DROP_NONE
										   : DROP_ACL_IN;
}

enum drop filter_permits(const struct policy *policy, const struct filter *filter, uint16_t in,
			 uint16_t out, struct filter_hit ret_hits[FILTER__STEPS])
{
	const struct policy_port *sender = &policy_ports(policy)[in];
	const struct policy_port *receiver = &policy_ports(policy)[out];

	if (!sender->n_groups && !policy_filters_out(receiver))
		return DROP_NONE;
	if (filter->kind <= FILTER_ILLEGIBLE)
		return DROP_ILLEGIBLE;
	if (filter->kind != FILTER_NEIGHBOUR && (sender->n_groups || receiver->n_groups)) {
		enum drop drop = groups_permit(policy, filter, in, out, ret_hits);

		if (drop != DROP_NONE)
			return drop;
	}
	if (receiver->acl_out &&
	    !acl_accepts(policy, receiver->acl_out, filter, &ret_hits[FILTER_ACL_OUT]))
		return DROP_ACL_OUT;
	return DROP_NONE;
}
