/*
 * policy_owner - whose address is it? The addresses that the ports of a network
 * bind by themselves, turned around: from an address to its port.
 *
 * Stands apart from policy.c because everything about this one table is here: how it
 * is filled, what makes it right, and how it is read. It is an open hash, at most
 * half full, over the networks' and addresses' words.
 *
 * An address that several ports bind (a virtual one of VRRP) belongs to all of them.
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

void policy_owners_fill(const struct policy *policy, struct policy_owner *owners)
{
	for (uint32_t n = 1; n < policy->n_networks; n++) {
		const struct policy_network *network = &policy_networks(policy)[n];
		const uint16_t *members = policy_at(policy, network->members);

		for (uint32_t i = 0; i < network->n_members; i++) {
			struct policy_address address;

			for (uint32_t cursor = 0;
			     next_owned(policy, &policy_ports(policy)[members[i]], &cursor,
					&address);) {
				uint32_t at = find(policy, (uint16_t)n, address);

				owners[at] = (struct policy_owner){
					.address = address,
					.network = (uint16_t)n,
					.port = owners[at].network && owners[at].port != members[i]
							? POLICY_SHARED
							: members[i],
				};
			}
		}
	}
}

/* Is every address that @port binds by itself its own in @network, or shared? */
static bool owns_its_own(const struct policy *policy, uint16_t network, uint16_t port)
{
	struct policy_address address;

	for (uint32_t cursor = 0;
	     next_owned(policy, &policy_ports(policy)[port], &cursor, &address);) {
		uint16_t owner = policy_owner(policy, network, address);

		if (owner != port && owner != POLICY_SHARED)
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
		if (owner->network == 0 || owner->port == POLICY_SHARED)
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
