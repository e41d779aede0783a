/*
 * ref_switch - the rules, one after the other, as one would tell them.
 */
#include "tests/model/ref_switch.h"

enum { TAG_8021Q = 0x8100 };

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

static enum drop place(const struct ref_switch *ref, const struct ref_frame *frame,
		       uint16_t *ret_network)
{
	const struct ref_port *port = &ref->ports[frame->port];
	uint16_t vid = frame->n_tags ? frame->tcis[0] & 0xfff : 0;

	if (frame->len < 14)
		return DROP_RUNT;
	if (frame->n_tags && frame->tpids[0] != TAG_8021Q)
		return DROP_SERVICE_TAG;
	if (frame->n_tags && frame->len < 18)
		return DROP_RUNT;
	if (frame->n_tags > 1)
		return DROP_DOUBLE_TAG;
	if (!port->trunk) {
		if (vid)
			return DROP_TAG_ON_ACCESS;
		if (!port->native)
			return DROP_NO_NETWORK;
	}
	if (vid == 0 && !port->native)
		return DROP_UNTAGGED_ON_TRUNK;
	if (vid == 4095)
		return DROP_VLAN_RESERVED;
	*ret_network = vid ? network_of_vid(ref, port, vid) : port->native;
	if (*ret_network == 0)
		return DROP_VLAN_NOT_ALLOWED;
	if (frame->len > ref->networks[*ret_network].mtu + 14 + 4 * frame->n_tags)
		return DROP_GIANT;
	return DROP_NONE;
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

static enum drop guard(const struct ref_switch *ref, const struct ref_frame *frame,
		       uint16_t network)
{
	const struct ref_port *port = &ref->ports[frame->port];
	uint16_t bound = bound_port(ref, network, frame->src);

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
	int priority = frame->n_tags ? frame->tcis[0] & 0xf000 : 0;

	if (!out->trunk || out->native == network)
		return (struct ref_copy){port, REF_UNTAGGED};
	return (struct ref_copy){port, priority | out->tags[network]};
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

/* Who should get it, and why nobody if nobody. */
static enum drop find_outputs(struct ref_switch *ref, const struct ref_frame *frame,
			      uint16_t network, uint16_t *ret_outputs, unsigned *ret_n)
{
	uint16_t to = 0;
	enum drop drop;

	*ret_n = 0;
	if (!(frame->dst >> 40 & 1)) {
		struct ref_learned *learned = find(ref, network, frame->dst);

		to = bound_port(ref, network, frame->dst);
		if (!to && learned && !is_dead(ref, learned))
			to = learned->port.id;
		if (!to && ref->networks[network].flags & POLICY_NET_NO_UNKNOWN)
			return DROP_UNKNOWN_UNICAST;
	}
	if (to) {
		drop = permits(ref, network, frame->port, to);
		if (drop == DROP_NONE)
			ret_outputs[(*ret_n)++] = to;
		return drop;
	}
	for (uint16_t p = 1; p < REF_PORTS; p++) {
		if (permits(ref, network, frame->port, p) == DROP_NONE)
			ret_outputs[(*ret_n)++] = p;
	}
	if (*ret_n && !admit(ref, &ref->ports[frame->port].floods)) {
		*ret_n = 0;
		return DROP_STORM;
	}
	return *ret_n ? DROP_NONE : DROP_NO_RECEIVER;
}

enum drop ref_send(struct ref_switch *ref, const struct ref_frame *frame,
		   struct ref_copy ret_copies[REF_PORTS], unsigned *ret_n)
{
	uint16_t network = 0, outputs[REF_PORTS];
	unsigned n_outputs;
	enum drop drop;

	*ret_n = 0;
	if (!admit(ref, &ref->ports[frame->port].packets))
		return DROP_RATE;
	drop = place(ref, frame, &network);
	if (drop == DROP_NONE)
		drop = guard(ref, frame, network);
	if (drop != DROP_NONE)
		return drop;
	drop = find_outputs(ref, frame, network, outputs, &n_outputs);
	if (!(ref->networks[network].flags & POLICY_NET_NO_LEARNING) &&
	    !bound_port(ref, network, frame->src))
		learn(ref, frame, network);
	for (unsigned i = 0; i < n_outputs; i++) {
		if (!ref->ports[outputs[i]].down)
			ret_copies[(*ret_n)++] = copy_for(ref, frame, network, outputs[i]);
	}
	return n_outputs && !*ret_n ? DROP_PORT_DOWN : drop;
}

void ref_forgive(struct ref_switch *ref)
{
	for (uint16_t p = 1; p < REF_PORTS; p++) {
		ref->ports[p].packets.saved_ms = ref->ports[p].packets.burst_ms;
		ref->ports[p].floods.saved_ms = ref->ports[p].floods.burst_ms;
	}
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
