/*
 * policy - questions that a frame asks of a policy.
 *
 * Everything here reads a blob that policy_check() has passed, so offsets and
 * ids found inside of it are followed without another look. Ids that come from
 * outside (a stale port_ref, a learned address) are compared with the counts
 * first. Nothing is written; any thread may ask.
 */
#include "switch/policy.h"

const struct policy_port *policy_port(const struct policy *policy, struct port_ref ref)
{
	const struct policy_port *port;

	if (ref.id >= policy->n_ports || port_ref_is_none(ref))
		return NULL;
	port = &policy_ports(policy)[ref.id];
	return port->generation == ref.generation ? port : NULL;
}

const struct policy_network *policy_network(const struct policy *policy, uint16_t id)
{
	const struct policy_network *network;

	if (id >= policy->n_networks)
		return NULL;
	network = &policy_networks(policy)[id];
	return network->generation ? network : NULL;
}

/* RFC 5517, section 3: which pairs of ports of a private VLAN may talk. */
static bool roles_permit(const struct policy_port *in, const struct policy_port *out)
{
	if (in->role == POLICY_PROMISCUOUS || out->role == POLICY_PROMISCUOUS)
		return true;
	return in->role == POLICY_COMMUNITY && out->role == POLICY_COMMUNITY &&
	       in->community == out->community;
}

struct permit policy_permits(const struct policy *policy, uint16_t network, uint16_t in,
			     uint16_t out)
{
	const struct policy_port *ports = policy_ports(policy);
	uint16_t tag = policy_tag(policy, network, out);

	if (tag == POLICY_NOT_MEMBER || policy_tag(policy, network, in) == POLICY_NOT_MEMBER)
		return (struct permit){DROP_OTHER_NETWORK, 0};
	if (in == out)
		return (struct permit){DROP_SAME_PORT, 0};
	if (policy_networks(policy)[network].flags & POLICY_NET_ISOLATED &&
	    !roles_permit(&ports[in], &ports[out]))
		return (struct permit){DROP_PRIVATE_VLAN, 0};
	return (struct permit){DROP_NONE, tag};
}

bool policy_reads_flow(const struct policy *policy, uint16_t port)
{
	const struct policy_port *p = &policy_ports(policy)[port];

	if (p->acl_in || p->n_groups)
		return true;
	if (p->flags & POLICY_PORT_SPOOF_GUARD && (p->n_addresses4 || p->n_addresses6))
		return true;
	for (uint32_t n = 1; n < policy->n_networks; n++)
		if (policy_networks(policy)[n].flags & POLICY_NET_FILTERED &&
		    policy_tag(policy, (uint16_t)n, port) != POLICY_NOT_MEMBER)
			return true;
	return false;
}

bool policy_network_is_filtered(const struct policy *policy, uint16_t network)
{
	const struct policy_network *n = &policy_networks(policy)[network];
	const uint16_t *members = policy_at(policy, n->members);

	for (uint32_t i = 0; i < n->n_members; i++)
		if (policy_filters_out(&policy_ports(policy)[members[i]]))
			return true;
	return false;
}

bool policy_stacks(const struct policy *policy, uint16_t port)
{
	for (uint32_t n = 1; n < policy->n_networks; n++)
		if (policy_networks(policy)[n].flags & POLICY_NET_QINQ &&
		    policy_tag(policy, (uint16_t)n, port) != POLICY_NOT_MEMBER)
			return true;
	return false;
}

bool policy_port_binds(const struct policy *policy, const struct policy_port *port,
		       struct policy_address address)
{
	const struct policy_prefix4 *four = policy_at(policy, port->addresses4);
	const struct policy_prefix6 *six = policy_at(policy, port->addresses6);

	if (address.high == 0 && address.low >> 32 == POLICY_MAPPED4 >> 32) {
		for (unsigned i = 0; i < port->n_addresses4; i++)
			if (((uint32_t)address.low & four[i].mask) == four[i].address)
				return true;
		return false;
	}
	for (unsigned i = 0; i < port->n_addresses6; i++)
		if ((address.high & six[i].mask[0]) == six[i].address[0] &&
		    (address.low & six[i].mask[1]) == six[i].address[1])
			return true;
	return false;
}

uint16_t policy_static_port(const struct policy *policy, uint16_t network, mac48 mac)
{
	const struct policy_static *statics = policy_at(policy, policy->statics);
	uint64_t key = policy_static_key(network, mac);

	if (policy->n_statics == 0)
		return 0;
	/* At most half of the slots are used, so the search meets an empty one. */
	for (uint32_t i = policy_static_home(policy, key);; i = (i + 1) & (policy->n_statics - 1)) {
		if (statics[i].key == key)
			return statics[i].port;
		if (statics[i].key == 0)
			return 0;
	}
}
