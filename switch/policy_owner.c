/*
 * policy_owner - whose address is it? The addresses that the ports of a network
 * bind by themselves, turned around: from an address to its port.
 *
 * Stands apart from policy.c because everything about this one table is here: how it
 * is filled, what makes it right, and how it is read. It is an open hash, at most
 * half full, over the networks' and addresses' words.
 *
 * An address that several ports bind (a virtual one of VRRP) belongs to all of them. But
 * who joins another tenant's network takes nothing away from that tenant: what he binds
 * there is his as long as none of its ports binds it.
 */
#include "switch/policy.h"

/* The slot where a search starts. */
static uint32_t home(const struct policy *policy, uint16_t network, struct policy_address address)
{
	uint64_t hash = hash_word(address.high ^ network, policy->hash_seed, ~policy->hash_seed);

	hash = hash_word(hash ^ address.low, policy->hash_seed, ~policy->hash_seed);
	return (uint32_t)(hash >> 32) & (policy->n_owners - 1);
}

/* The slot of @address, or the empty one where a search for it ends. */
static uint32_t find(const struct policy *policy, uint16_t network, struct policy_address address)
{
	const struct policy_owner *owners = policy_at(policy, policy->owners);
	uint32_t at = home(policy, network, address);

	while (owners[at].network && (owners[at].network != network ||
				      !policy_address_equal(owners[at].address, address)))
		at = (at + 1) & (policy->n_owners - 1);
	return at;
}

uint16_t policy_owner(const struct policy *policy, uint16_t network, struct policy_address address)
{
	const struct policy_owner *owner = policy_at(policy, policy->owners);

	if (policy->n_owners == 0)
		return 0;
	owner += find(policy, network, address);
	return owner->network ? owner->port : 0;
}

/* Is @port of another tenant than @network? */
static bool is_joined(const struct policy *policy, uint16_t network, uint16_t port)
{
	return policy_ports(policy)[port].tenant != policy_networks(policy)[network].tenant;
}

/* Is what @owner says one or more of those? */
static bool is_joined_owner(const struct policy *policy, uint16_t network, uint16_t owner)
{
	return owner == POLICY_SHARED_JOINED ||
	       (policy_owner_is_one(owner) && is_joined(policy, network, owner));
}

bool policy_may_claim(const struct policy *policy, uint16_t network, uint16_t port,
		      struct policy_address address)
{
	const struct policy_port *p = &policy_ports(policy)[port];
	uint16_t owner = policy_owner(policy, network, address);

	if (owner == 0 || owner == port)
		return true;
	if (p->flags & POLICY_PORT_UPLINK)
		return is_joined_owner(policy, network, owner);
	if (!policy_port_binds(policy, p, address))
		return false;
	return !is_joined(policy, network, port) || owner == POLICY_SHARED_JOINED ||
	       (owner != POLICY_SHARED && policy_ports(policy)[owner].tenant == p->tenant);
}

/* The addresses that @port binds by themselves, one at a time: *@cursor starts at 0. */
static bool next_owned(const struct policy *policy, const struct policy_port *port,
		       uint32_t *cursor, struct policy_address *ret_address)
{
	const struct policy_prefix4 *four = policy_at(policy, port->addresses4);
	const struct policy_prefix6 *six = policy_at(policy, port->addresses6);

	while (*cursor < port->n_addresses4) {
		const struct policy_prefix4 *prefix = &four[(*cursor)++];

		if (prefix->mask != UINT32_MAX)
			continue;
		*ret_address = policy_address4(prefix->address);
		return true;
	}
	while (*cursor - port->n_addresses4 < port->n_addresses6) {
		const struct policy_prefix6 *prefix = &six[(*cursor)++ - port->n_addresses4];

		if ((prefix->mask[0] & prefix->mask[1]) != UINT64_MAX)
			continue;
		*ret_address = (struct policy_address){prefix->address[0], prefix->address[1]};
		return true;
	}
	return false;
}

/* How many addresses the members of @network own; one that is shared counts for each. */
static uint32_t count_owned(const struct policy *policy, uint16_t network)
{
	const struct policy_network *n = &policy_networks(policy)[network];
	const uint16_t *members = policy_at(policy, n->members);
	struct policy_address address;
	uint32_t count = 0;

	for (uint32_t i = 0; n->generation && i < n->n_members; i++)
		for (uint32_t at = 0;
		     next_owned(policy, &policy_ports(policy)[members[i]], &at, &address);)
			count++;
	return count;
}

bool policy_network_is_owned(const struct policy *policy, uint16_t network)
{
	return count_owned(policy, network) != 0;
}

bool policy_guards_claims(const struct policy *policy, uint16_t port)
{
	for (uint32_t n = 1; n < policy->n_networks; n++)
		if (policy_networks(policy)[n].flags & POLICY_NET_OWNED &&
		    policy_tag(policy, (uint16_t)n, port) != POLICY_NOT_MEMBER)
			return true;
	return false;
}

uint64_t policy_owners_due(const struct policy *policy)
{
	uint64_t due = 0;

	for (uint32_t n = 1; n < policy->n_networks; n++)
		due += count_owned(policy, (uint16_t)n);
	return due;
}

/* Put what @port binds in @network into @owners, after all of the network's own tenant. */
static void fill_port(const struct policy *policy, uint16_t network, uint16_t port,
		      struct policy_owner *owners)
{
	bool joined = is_joined(policy, network, port);
	struct policy_address address;

	for (uint32_t cursor = 0;
	     next_owned(policy, &policy_ports(policy)[port], &cursor, &address);) {
		struct policy_owner *owner = &owners[find(policy, network, address)];
		uint16_t before = owner->network ? owner->port : port;

		if (joined && before != port && !is_joined_owner(policy, network, before))
			continue;
		*owner = (struct policy_owner){
			.address = address,
			.network = network,
			.port = before == port ? port
				: joined       ? POLICY_SHARED_JOINED
					       : POLICY_SHARED,
		};
	}
}

void policy_owners_fill(const struct policy *policy, struct policy_owner *owners)
{
	for (uint32_t n = 1; n < policy->n_networks; n++) {
		const struct policy_network *network = &policy_networks(policy)[n];
		const uint16_t *members = policy_at(policy, network->members);

		for (int joined = 0; joined < 2; joined++)
			for (uint32_t i = 0; i < network->n_members; i++)
				if (is_joined(policy, (uint16_t)n, members[i]) == joined)
					fill_port(policy, (uint16_t)n, members[i], owners);
	}
}

/* Is every address that @port binds by itself its own in @network, shared, or the tenant's there? */
static bool owns_its_own(const struct policy *policy, uint16_t network, uint16_t port)
{
	struct policy_address address;

	for (uint32_t cursor = 0;
	     next_owned(policy, &policy_ports(policy)[port], &cursor, &address);) {
		uint16_t owner = policy_owner(policy, network, address);

		if (owner == 0 ||
		    (policy_owner_is_one(owner) && owner != port &&
		     (!is_joined(policy, network, port) || is_joined(policy, network, owner))))
			return false;
	}
	return true;
}

/* Is every owner within as many slots of its home as a search may look at? */
static bool are_near_home(const struct policy *policy)
{
	const struct policy_owner *owners = policy_at(policy, policy->owners);

	for (uint32_t i = 0; i < policy->n_owners; i++) {
		const struct policy_owner *owner = &owners[i];

		if (owner->network && ((i - home(policy, owner->network, owner->address)) &
				       (policy->n_owners - 1)) >= POLICY_PROBES)
			return false;
	}
	return true;
}

const char *policy_owners_check(const struct policy *policy)
{
	const struct policy_owner *owners = policy_at(policy, policy->owners);
	uint32_t used = 0;

	for (uint32_t i = 0; i < policy->n_owners; i++) {
		const struct policy_owner *owner = &owners[i];

		used += owner->network != 0;
		if (owner->network == 0 || owner->port >= POLICY_SHARED_JOINED)
			continue;
		if (policy_tag(policy, owner->network, owner->port) == POLICY_NOT_MEMBER ||
		    !policy_port_binds(policy, &policy_ports(policy)[owner->port], owner->address))
			return "an owner is no port of its network, or does not bind the address";
	}
	if (used > policy->n_owners / 2)
		return "the owners are more than half full";
	if (!are_near_home(policy))
		return "an owner is far from where it is looked for";
	for (uint32_t n = 1; n < policy->n_networks; n++) {
		const struct policy_network *network = &policy_networks(policy)[n];
		const uint16_t *members = policy_at(policy, network->members);

		for (uint32_t i = 0; network->generation && i < network->n_members; i++)
			if (!owns_its_own(policy, (uint16_t)n, members[i]))
				return "a bound address has no owner, or another one";
	}
	return NULL;
}
