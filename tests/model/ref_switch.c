/*
 * ref_switch - the rules, one after the other, as one would tell them.
 */
#include "tests/model/ref_switch.h"

#include <netinet/in.h>

enum { TAG_8021Q = 0x8100, TAG_8021AD = 0x88a8 };

/* A frame on its way, placed in a network. */
struct way {
	const struct ref_frame *frame;
	uint16_t network;
	bool tracked; /* a port with groups may take part: the next two are set */
	struct ref_packet packet;
	struct ref_session_found found;
};

static bool is_member(const struct ref_switch *ref, uint16_t network, uint16_t port)
{
	const struct ref_port *p = &ref->ports[port];

	if (!p->live || !ref->networks[network].live)
		return false;
	return p->native == network || (p->trunk && p->tags[network]);
}

/* The network of a VID on a trunk: its tag there, or the native one's own VLAN if that is free. */
static uint16_t network_of_vid(const struct ref_switch *ref, const struct ref_port *port,
			       uint16_t vid)
{
	for (uint16_t n = 1; n < REF_NETWORKS; n++) {
		if (port->tags[n] == vid)
			return n;
	}
	if (port->native && !port->tags[port->native] && ref->networks[port->native].vlan == vid)
		return port->native;
	return 0;
}

static bool has(const struct ref_switch *ref, uint16_t network, unsigned flag)
{
	return network && ref->networks[network].flags & flag;
}

/* May a frame of @network, if of any, have these tags on a trunk? */
static enum drop check_tags(const struct ref_switch *ref, const struct ref_frame *frame,
			    uint16_t network)
{
	bool service = frame->n_tags && frame->tpids[0] == TAG_8021AD;
	bool due = has(ref, network, POLICY_NET_SERVICE);

	if (frame->n_tags && frame->tpids[0] != TAG_8021Q && !(service && due))
		return DROP_SERVICE_TAG;
	if (frame->n_tags > 1 && !has(ref, network, POLICY_NET_QINQ))
		return DROP_DOUBLE_TAG;
	return due && !service ? DROP_VLAN_NOT_ALLOWED : DROP_NONE;
}

static enum drop place_on_trunk(const struct ref_switch *ref, const struct ref_frame *frame,
				uint16_t *ret_network)
{
	const struct ref_port *port = &ref->ports[frame->port];
	uint16_t vid = frame->n_tags ? frame->tcis[0] & 0xfff : 0;
	uint16_t network = vid ? network_of_vid(ref, port, vid) : port->native;
	enum drop drop = check_tags(ref, frame, network);

	if (drop != DROP_NONE)
		return drop;
	if (vid == 4095)
		return DROP_VLAN_RESERVED;
	if (!network)
		return vid ? DROP_VLAN_NOT_ALLOWED : DROP_UNTAGGED_ON_TRUNK;
	*ret_network = network;
	return DROP_NONE;
}

/* On an access port, or a customer's, whose tags are nobody's business. */
static enum drop place_elsewhere(const struct ref_switch *ref, const struct ref_frame *frame,
				 uint16_t *ret_network)
{
	const struct ref_port *port = &ref->ports[frame->port];

	if (!port->qinq && frame->n_tags) {
		enum drop drop = check_tags(ref, frame, 0);

		if (drop != DROP_NONE)
			return drop;
		if (frame->tcis[0] & 0xfff)
			return DROP_TAG_ON_ACCESS;
	}
	if (!port->native)
		return DROP_NO_NETWORK;
	*ret_network = port->native;
	return DROP_NONE;
}

static enum drop place(const struct ref_switch *ref, const struct ref_frame *frame,
		       uint16_t *ret_network)
{
	enum drop drop;

	if (frame->len < 14 + 4 * frame->n_tags)
		return DROP_RUNT;
	if (ref->ports[frame->port].trunk)
		drop = place_on_trunk(ref, frame, ret_network);
	else
		drop = place_elsewhere(ref, frame, ret_network);
	if (drop != DROP_NONE)
		return drop;
	if (frame->len > ref->networks[*ret_network].mtu + 14 + 4 * frame->n_tags)
		return DROP_GIANT;
	return DROP_NONE;
}

/* What is behind a customer's tag is in his own network: no address of ours. */
static bool is_customers(const struct ref_frame *frame)
{
	return frame->n_tags > frame->n_ours;
}

/* The port of @network that binds @mac, or 0. */
static uint16_t bound_port(const struct ref_switch *ref, uint16_t network, mac48 mac)
{
	for (uint16_t p = 1; p < REF_PORTS; p++) {
		for (unsigned i = 0; i < ref->ports[p].n_macs; i++) {
			if (ref->ports[p].macs[i] == mac && is_member(ref, network, p))
				return p;
		}
	}
	return 0;
}

/* How many ports of @network bind @address; and one of them. */
static unsigned count_owners(const struct ref_switch *ref, uint16_t network, uint32_t address,
			     uint16_t *ret_owner)
{
	unsigned count = 0;

	for (uint16_t p = 1; address && p < REF_PORTS; p++) {
		if (ref->ports[p].address != address || !is_member(ref, network, p))
			continue;
		*ret_owner = p;
		count++;
	}
	return count;
}

static enum drop guard(const struct ref_switch *ref, const struct ref_frame *frame,
		       uint16_t network)
{
	const struct ref_port *port = &ref->ports[frame->port];
	uint16_t bound = bound_port(ref, network, frame->src), owner;

	if (frame->src == 0 || frame->src >> 40 & 1)
		return DROP_BAD_SOURCE;
	if (frame->dst == 0x0180c2000000 && !port->is_bridge)
		return DROP_BPDU;
	if (frame->dst > 0x0180c2000000 && frame->dst <= 0x0180c200000f)
		return DROP_RESERVED_GROUP;
	if (bound && bound != frame->port)
		return DROP_SPOOFED_MAC;
	if (port->guarded && port->n_macs && bound != frame->port)
		return DROP_SPOOFED_MAC;
	if (frame->talk == REF_ARP && !is_customers(frame) && port->address != frame->claimed &&
	    count_owners(ref, network, frame->claimed, &owner))
		return DROP_CLAIMED_ADDRESS;
	if (frame->talk == REF_DHCP_SERVER && !port->is_server)
		return DROP_DHCP_SERVER;
	if (frame->talk == REF_ROUTER && !port->is_router)
		return DROP_ROUTER;
	return DROP_NONE;
}

static enum drop permits(const struct ref_switch *ref, uint16_t network, uint16_t in, uint16_t out)
{
	const struct ref_port *a = &ref->ports[in], *b = &ref->ports[out];

	if (in == out)
		return DROP_SAME_PORT;
	if (!is_member(ref, network, in) || !is_member(ref, network, out))
		return DROP_OTHER_NETWORK;
	if (!(ref->networks[network].flags & POLICY_NET_ISOLATED))
		return DROP_NONE;
	if (a->role == POLICY_PROMISCUOUS || b->role == POLICY_PROMISCUOUS)
		return DROP_NONE;
	if (a->role == POLICY_COMMUNITY && b->role == POLICY_COMMUNITY &&
	    a->community == b->community)
		return DROP_NONE;
	return DROP_PRIVATE_VLAN;
}

static bool is_dead(const struct ref_switch *ref, const struct ref_learned *learned)
{
	const struct ref_network *network = &ref->networks[learned->network];
	const struct ref_port *port = &ref->ports[learned->port.id];

	return !network->live || network->generation != learned->network_generation ||
	       !port->live || port->generation != learned->port.generation ||
	       !is_member(ref, learned->network, learned->port.id) ||
	       ref->now - learned->seen > network->age_ms;
}

static struct ref_learned *find(struct ref_switch *ref, uint16_t network, mac48 mac)
{
	for (unsigned i = 0; i < ref->n_learned; i++) {
		if (ref->learned[i].network == network && ref->learned[i].mac == mac)
			return &ref->learned[i];
	}
	return NULL;
}

static void forget(struct ref_switch *ref, struct ref_learned *learned)
{
	*learned = ref->learned[--ref->n_learned];
}

static unsigned count_of_port(const struct ref_switch *ref, uint16_t port)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ref->n_learned; i++)
		count += ref->learned[i].port.id == port;
	return count;
}

static unsigned count_of_network(const struct ref_switch *ref, uint16_t network)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ref->n_learned; i++)
		count += ref->learned[i].network == network;
	return count;
}

static struct ref_learned *oldest_of(struct ref_switch *ref, uint16_t port)
{
	struct ref_learned *oldest = NULL;

	for (unsigned i = 0; i < ref->n_learned; i++) {
		struct ref_learned *learned = &ref->learned[i];

		if (learned->port.id == port && (!oldest || learned->order < oldest->order))
			oldest = learned;
	}
	return oldest;
}

static void learn(struct ref_switch *ref, const struct ref_frame *frame, uint16_t network)
{
	const struct ref_port *port = &ref->ports[frame->port];
	struct port_ref self = {frame->port, port->generation};
	struct ref_learned *known = find(ref, network, frame->src), *oldest = NULL;
	bool moved = false, stamped = false;

	if (known && is_dead(ref, known)) {
		forget(ref, known);
		known = NULL;
	}
	if (known && port_ref_equal(known->port, self) && known->seen == ref->now)
		return;
	if (port->quota == 0)
		return;
	if (known) {
		moved = !port_ref_equal(known->port, self);
		stamped = !moved;
		forget(ref, known);
	}
	if (!stamped && count_of_port(ref, frame->port) >= port->quota)
		oldest = oldest_of(ref, frame->port);
	if (!known && count_of_network(ref, network) >= ref->networks[network].macs_max &&
	    !(oldest && oldest->network == network))
		return;
	if (oldest) {
		ref->evictions[frame->port] += !known && !is_dead(ref, oldest);
		forget(ref, oldest);
	}
	ref->moves[frame->port] += moved;
	ref->learned[ref->n_learned++] = (struct ref_learned){
		.network = network,
		.network_generation = ref->networks[network].generation,
		.mac = frame->src,
		.port = self,
		.seen = ref->now,
		.order = ++ref->stamps,
	};
}

static struct ref_copy copy_for(const struct ref_switch *ref, const struct ref_frame *frame,
				uint16_t network, uint16_t port)
{
	const struct ref_port *out = &ref->ports[port];
	uint16_t tpid = has(ref, network, POLICY_NET_SERVICE) ? TAG_8021AD : TAG_8021Q;
	int priority = frame->n_ours ? frame->tcis[0] & 0xf000 : 0;

	if (!out->trunk || out->native == network)
		return (struct ref_copy){port, REF_UNTAGGED, 0};
	return (struct ref_copy){port, priority | out->tags[network], tpid};
}

/* May one more pass? If so, it is paid for. */
static bool admit(const struct ref_switch *ref, struct ref_limit *limit)
{
	if (!limit->per_second)
		return true;
	limit->saved_ms += (int64_t)(ref->now - limit->since);
	limit->since = ref->now;
	if (limit->saved_ms > limit->burst_ms)
		limit->saved_ms = limit->burst_ms;
	if (limit->saved_ms <= 0)
		return false;
	limit->saved_ms -= 1000 / limit->per_second;
	return true;
}

/* ---- rules ---- */

static bool in_set(const struct ref_switch *ref, unsigned set, const struct ref_header *header,
		   bool source)
{
	for (unsigned i = 0; i < REF_MEMBERS; i++) {
		if (ref_in_prefix(header, &ref->sets[set][i], source))
			return true;
	}
	return false;
}

static bool is_peer(const struct ref_switch *ref, const struct rule_peer *peer,
		    const struct ref_header *header, bool out, const struct ref_port *other)
{
	unsigned number = (unsigned)(peer->name[1] - '0');

	if (peer->kind == RULE_PEER_SET)
		return in_set(ref, number, header, !out);
	for (unsigned i = 0; peer->kind == RULE_PEER_GROUP && i < other->n_groups; i++) {
		if (other->groups[i] == number)
			return true;
	}
	return false;
}

static bool groups_allow(const struct ref_switch *ref, const struct ref_port *port, bool out,
			 const struct ref_port *other, const struct ref_header *header)
{
	for (unsigned i = 0; i < port->n_groups; i++) {
		const struct ref_list *group = &ref->groups[port->groups[i]];

		for (unsigned r = 0; r < group->n_rules; r++) {
			const struct rule_group *rule = &group->rules[r].group;

			if (ref_group_allows(rule, out, header,
					     is_peer(ref, &rule->peer, header, out, other)))
				return true;
		}
	}
	return false;
}

static enum drop ask_groups(const struct ref_switch *ref, const struct ref_header *header,
			    uint16_t in, uint16_t out)
{
	const struct ref_port *from = &ref->ports[in], *to = &ref->ports[out];

	if (from->n_groups && !groups_allow(ref, from, true, to, header))
		return DROP_GROUP_OUT;
	if (to->n_groups && !groups_allow(ref, to, false, from, header))
		return DROP_GROUP_IN;
	return DROP_NONE;
}

static bool acl_accepts(const struct ref_switch *ref, uint16_t number,
			const struct ref_header *header)
{
	const struct ref_list *acl = &ref->acls[number - 1];

	for (unsigned i = 0; i < acl->n_rules; i++) {
		if (ref_acl_matches(&acl->rules[i].acl, header))
			return acl->rules[i].acl.accept;
	}
	return header->neighbour;
}

/* The packet that began a session, as rules see it. */
static struct ref_header header_of(const struct session_key *opener)
{
	bool ports = opener->protocol == IPPROTO_TCP || opener->protocol == IPPROTO_UDP;
	bool icmp = opener->protocol == (opener->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	return (struct ref_header){
		.family = opener->version,
		.protocol = opener->protocol,
		.has_ports = ports,
		.has_type = icmp,
		.src = {opener->src[0], opener->src[1]},
		.dst = {opener->dst[0], opener->dst[1]},
		.src_port = opener->src_port,
		.dst_port = opener->dst_port,
		.type = (uint8_t)opener->dst_port,
	};
}

static enum drop ask_opener(const struct ref_switch *ref, const struct way *way, uint16_t in,
			    uint16_t out)
{
	struct ref_header header = header_of(&way->found.session->opener);

	return ask_groups(ref, &header, in, out);
}

static bool is_there(const struct ref_switch *ref, struct port_ref port)
{
	return ref->ports[port.id].live && ref->ports[port.id].generation == port.generation;
}

static enum drop fault(enum session_fault fault)
{
	switch (fault) {
	case SESSION_FAULT_FLAGS: return DROP_SESSION_FLAGS;
	case SESSION_FAULT_STRANGER: return DROP_SESSION_STRANGER;
	case SESSION_FAULT_WINDOW: return DROP_SESSION_WINDOW;
	case SESSION_FAULT_RESET: return DROP_SESSION_RESET;
	default: return DROP_SESSION_HEADER;
	}
}

/* The table of session.h. */
static enum drop groups_permit(const struct ref_switch *ref, const struct way *way, uint16_t in,
			       uint16_t out)
{
	const struct ref_session_found *found = &way->found;

	switch (found->verdict) {
	case SESSION_ESTABLISHED: return found->again ? ask_opener(ref, way, in, out) : DROP_NONE;
	case SESSION_REPLY:
		return found->again && ask_opener(ref, way, out, in) ? DROP_SESSION_ENDED
								     : DROP_NONE;
	case SESSION_RELATED:
		if (!found->again)
			return DROP_NONE;
		return !is_there(ref, found->session->in) || !is_there(ref, found->session->out) ||
				       ask_opener(ref, way, found->session->in.id,
						  found->session->out.id)
			       ? DROP_SESSION_ENDED
			       : DROP_NONE;
	case SESSION_INVALID: return fault(found->fault);
	default: return ask_groups(ref, &way->frame->header, in, out);
	}
}

/* The rules of both ports. */
static enum drop rules_permit(const struct ref_switch *ref, const struct way *way, uint16_t in,
			      uint16_t out)
{
	const struct ref_port *from = &ref->ports[in], *to = &ref->ports[out];
	const struct ref_header *header = &way->frame->header;
	enum drop drop = DROP_NONE;

	if (!header->neighbour && (from->n_groups || to->n_groups))
		drop = groups_permit(ref, way, in, out);
	if (drop == DROP_NONE && to->acl_out && !acl_accepts(ref, to->acl_out, header))
		drop = DROP_ACL_OUT;
	return drop;
}

/* ---- sessions ---- */

/* What is the frame to the sessions, on its way to port @out, or to all (0)? */
static void track(struct ref_switch *ref, struct way *way, uint16_t out)
{
	const struct ref_frame *frame = way->frame;
	struct session_packet *packet = &way->packet.packet;

	if (frame->header.neighbour)
		return;
	way->tracked = true;
	way->packet = frame->packet;
	packet->key.network = way->network;
	packet->key.network_generation = ref->networks[way->network].generation;
	packet->in = (struct port_ref){frame->port, ref->ports[frame->port].generation};
	packet->out = out ? (struct port_ref){out, ref->ports[out].generation} : PORT_NONE;
	way->found = (struct ref_session_found){.verdict = SESSION_UNTRACKED};
	if (packet->kind != SESSION_KIND_UNTRACKED)
		ref_session_find(&ref->sessions, &way->packet, ref->generation, ref->now,
				 &way->found);
}

static enum drop commit(struct ref_switch *ref, struct way *way)
{
	const struct ref_port *port = &ref->ports[way->frame->port];
	struct ref_session *session = way->found.session;
	struct session_grant grant = {
		.policy = ref->generation,
		.session = session ? session->real : SESSION_NONE,
		.owner = way->packet.packet.in,
		.tenant = REF_TENANT,
		.port_max = port->sessions_max,
		.tenant_max = ref->tenant_sessions_max,
	};

	if (way->packet.packet.kind == SESSION_KIND_UNTRACKED)
		return DROP_NONE;
	switch (ref_session_commit(&ref->sessions, &way->packet, &grant, ref->now, &session)) {
	case SESSION_CREATED:
	case SESSION_RECYCLED: session->real = (struct session_ref){0, ++ref->begun}; break;
	case SESSION_FULL: return DROP_SESSION_FULL;
	case SESSION_REFUSED: return DROP_SESSION_BUSY;
	default: break;
	}
	return DROP_NONE;
}

/* A session whose own rules refused the frame is over. */
static void end_session(const struct way *way, enum drop drop)
{
	const struct ref_session_found *found = &way->found;
	bool reply = found->verdict == SESSION_REPLY;
	struct port_ref in = way->packet.packet.in, out = way->packet.packet.out;

	if (way->tracked && found->again && (reply || found->verdict == SESSION_ESTABLISHED) &&
	    (drop == DROP_GROUP_OUT || drop == DROP_GROUP_IN || drop == DROP_SESSION_ENDED) &&
	    port_ref_equal(found->session->in, reply ? out : in) &&
	    port_ref_equal(found->session->out, reply ? in : out))
		found->session->live = false;
}

/* ---- where to ---- */

static enum drop to_one(struct ref_switch *ref, struct way *way, uint16_t out)
{
	const struct ref_port *ports = ref->ports;
	enum drop drop = permits(ref, way->network, way->frame->port, out);

	if (drop != DROP_NONE)
		return drop;
	if (ports[way->frame->port].n_groups || ports[out].n_groups)
		track(ref, way, out);
	drop = rules_permit(ref, way, way->frame->port, out);
	end_session(way, drop);
	if (drop == DROP_NONE && way->tracked)
		drop = commit(ref, way);
	return drop;
}

/* All whom it may reach; if rules alone keep it from all of them, the first's reason. */
static enum drop to_all(struct ref_switch *ref, struct way *way, uint16_t *ret_outputs,
			unsigned *ret_n)
{
	uint16_t in = way->frame->port;
	bool grouped = ref->ports[in].n_groups;
	enum drop drop = DROP_NO_RECEIVER;

	track(ref, way, 0);
	for (uint16_t p = 1; p < REF_PORTS; p++) {
		enum drop refused;

		if (permits(ref, way->network, in, p) != DROP_NONE)
			continue;
		refused = rules_permit(ref, way, in, p);
		if (refused == DROP_NONE) {
			ret_outputs[(*ret_n)++] = p;
			grouped |= ref->ports[p].n_groups != 0;
		} else if (drop == DROP_NO_RECEIVER) {
			drop = refused;
		}
	}
	if (!*ret_n)
		return drop;
	drop = way->tracked && grouped ? commit(ref, way) : DROP_NONE;
	if (drop == DROP_NONE && !admit(ref, &ref->ports[in].floods))
		drop = DROP_STORM;
	return drop;
}

/* Who should get it, and why nobody if nobody. */
static enum drop find_outputs(struct ref_switch *ref, struct way *way, uint16_t *ret_outputs,
			      unsigned *ret_n)
{
	mac48 dst = way->frame->dst;
	uint16_t to = 0;
	enum drop drop;

	*ret_n = 0;
	if (!(dst >> 40 & 1)) {
		struct ref_learned *learned = find(ref, way->network, dst);

		to = bound_port(ref, way->network, dst);
		if (!to && learned && !is_dead(ref, learned))
			to = learned->port.id;
		if (!to && ref->networks[way->network].flags & POLICY_NET_NO_UNKNOWN)
			return DROP_UNKNOWN_UNICAST;
	} else if (ref->networks[way->network].flags & POLICY_NET_SUPPRESSES &&
		   way->frame->talk == REF_ARP && !is_customers(way->frame)) {
		if (count_owners(ref, way->network, way->frame->asked, &to) != 1 ||
		    permits(ref, way->network, way->frame->port, to) != DROP_NONE)
			to = 0;
	}
	if (to) {
		ret_outputs[(*ret_n)++] = to;
		drop = to_one(ref, way, to);
	} else {
		drop = to_all(ref, way, ret_outputs, ret_n);
	}
	if (drop != DROP_NONE)
		*ret_n = 0;
	return drop;
}

enum drop ref_send(struct ref_switch *ref, const struct ref_frame *frame,
		   struct ref_copy ret_copies[REF_PORTS], unsigned *ret_n)
{
	const struct ref_port *port = &ref->ports[frame->port];
	struct way way = {.frame = frame};
	uint16_t outputs[REF_PORTS];
	unsigned n_outputs = 0;
	enum drop drop;

	*ret_n = 0;
	if (!admit(ref, &ref->ports[frame->port].packets))
		return DROP_RATE;
	drop = place(ref, frame, &way.network);
	if (drop == DROP_NONE)
		drop = guard(ref, frame, way.network);
	if (drop != DROP_NONE)
		return drop;
	if (port->acl_in && !acl_accepts(ref, port->acl_in, &frame->header))
		drop = DROP_ACL_IN;
	else
		drop = find_outputs(ref, &way, outputs, &n_outputs);
	if (!(ref->networks[way.network].flags & POLICY_NET_NO_LEARNING) &&
	    !bound_port(ref, way.network, frame->src))
		learn(ref, frame, way.network);
	for (unsigned i = 0; i < n_outputs; i++) {
		if (!ref->ports[outputs[i]].down)
			ret_copies[(*ret_n)++] = copy_for(ref, frame, way.network, outputs[i]);
	}
	return n_outputs && !*ret_n ? DROP_PORT_DOWN : drop;
}

void ref_forgive(struct ref_switch *ref)
{
	for (uint16_t p = 1; p < REF_PORTS; p++) {
		ref->ports[p].packets.saved_ms = ref->ports[p].packets.burst_ms;
		ref->ports[p].floods.saved_ms = ref->ports[p].floods.burst_ms;
	}
	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		struct ref_session *session = &ref->sessions.list[i];

		session->policy = 0;
		session->weak_since = session->seen;
	}
	ref->sessions.weak_count = ref->now;
}

static bool is_left(const struct ref_switch *ref, const struct ref_session *session)
{
	const struct ref_network *network = &ref->networks[session->opener.network];

	return !ref_session_is_over(session, ref->now) && network->live &&
	       network->generation == session->opener.network_generation &&
	       is_there(ref, session->owner) && is_there(ref, session->in) &&
	       (port_ref_is_none(session->out) || is_there(ref, session->out));
}

void ref_sweep(struct ref_switch *ref)
{
	for (unsigned i = ref->n_learned; i > 0; i--) {
		if (is_dead(ref, &ref->learned[i - 1]))
			forget(ref, &ref->learned[i - 1]);
	}
	for (uint16_t p = 1; p < REF_PORTS; p++) {
		while (ref->ports[p].live && count_of_port(ref, p) > ref->ports[p].quota)
			forget(ref, oldest_of(ref, p));
	}
	for (unsigned i = 0; i < REF_SESSIONS; i++)
		ref->sessions.list[i].live &= is_left(ref, &ref->sessions.list[i]);
}

void ref_flush_sessions(struct ref_switch *ref, uint16_t network, struct port_ref port)
{
	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		struct ref_session *session = &ref->sessions.list[i];

		if ((network == 0 || session->opener.network == network) &&
		    (port_ref_is_none(port) || port_ref_equal(session->in, port) ||
		     port_ref_equal(session->out, port)))
			session->live = false;
	}
}

void ref_flush(struct ref_switch *ref, uint16_t network, struct port_ref port)
{
	for (unsigned i = ref->n_learned; i > 0; i--) {
		struct ref_learned *learned = &ref->learned[i - 1];

		if ((network == 0 || learned->network == network) &&
		    (port_ref_is_none(port) || port_ref_equal(learned->port, port)))
			forget(ref, learned);
	}
}
