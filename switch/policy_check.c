/*
 * policy_check - is this blob a policy?
 *
 * The data plane runs what the control process compiled, but does not take its
 * word for it: after policy_check() no offset, count, id or name leads outside
 * of the blob, no search in it runs for ever, and the tables agree with one
 * another. Agreement matters for isolation: a network's member list, a trunk's
 * two tables and the statics all say the same, and nobody but an uplink is a
 * member of a foreign tenant's network that is not shared with it. The builder's last step is the same
 * check, so what it says no to cannot be built either.
 *
 * Stands apart from policy.c because it is read once per commit, by people who
 * ask what can be trusted afterwards, and not once per frame.
 *
 * Each check relies on those before it, in the order of the table at the end.
 * They return NULL, or why not.
 */
#include <errno.h>
#include <string.h>

#include "switch/policy.h"

enum {
	PORT_FLAGS = POLICY_PORT_UPLINK | POLICY_PORT_SPOOF_GUARD | POLICY_PORT_READS_FLOW |
		     POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD | POLICY_PORT_BPDU |
		     POLICY_PORT_WAITS | POLICY_PORT_CLAIM_GUARD | POLICY_PORT_STACKS,
	NETWORK_FLAGS = POLICY_NET_NO_LEARNING | POLICY_NET_NO_UNKNOWN | POLICY_NET_ISOLATED |
			POLICY_NET_FILTERED | POLICY_NET_OWNED | POLICY_NET_SUPPRESSES |
			POLICY_NET_QINQ | POLICY_NET_SERVICE | POLICY_NET_SNOOPS,
	NAME_MAX_LETTERS = 2 * LIMIT_NAME + 1, /* "tenant/port" */
};

/* Do @count elements of @size bytes at @offset lie behind the head and inside the blob? */
static bool array_fits(const struct policy *policy, uint32_t offset, uint64_t count, size_t size)
{
	if (count == 0)
		return offset == 0;
	return offset >= sizeof(*policy) && offset % 8 == 0 && offset <= policy->size &&
	       count <= (policy->size - offset) / size;
}

static bool name_fits(const struct policy *policy, uint32_t name)
{
	uint32_t start = name - policy->names;

	if (name < policy->names || start >= policy->names_size)
		return false;
	/* The names end with a NUL, so this stays inside of them. */
	return strnlen(policy_at(policy, name), NAME_MAX_LETTERS + 1) <= NAME_MAX_LETTERS;
}

static bool tenant_exists(const struct policy *policy, uint16_t tenant)
{
	const uint32_t *tenants = policy_at(policy, policy->tenants);

	return tenant == 0 || (tenant < policy->n_tenants && tenants[tenant] != 0);
}

static const char *check_head(const struct policy *policy)
{
	if (policy->n_ports > LIMIT_PORTS || policy->n_networks > LIMIT_NETWORKS ||
	    policy->n_tenants > LIMIT_TENANTS || policy->n_statics > 2 * LIMIT_STATICS ||
	    policy->n_owners > 2 * LIMIT_OWNERS || policy->n_rules > LIMIT_LISTS ||
	    policy->n_groups > LIMIT_GROUPS)
		return "a count is over the limit";
	if (policy->n_statics & (policy->n_statics - 1) ||
	    policy->n_owners & (policy->n_owners - 1))
		return "the number of statics or owners is no power of two";
	if (!array_fits(policy, policy->ports, policy->n_ports, sizeof(struct policy_port)) ||
	    !array_fits(policy, policy->networks, policy->n_networks,
			sizeof(struct policy_network)) ||
	    !array_fits(policy, policy->tenants, policy->n_tenants, sizeof(uint32_t)) ||
	    !array_fits(policy, policy->statics, policy->n_statics, sizeof(struct policy_static)) ||
	    !array_fits(policy, policy->owners, policy->n_owners, sizeof(struct policy_owner)) ||
	    !array_fits(policy, policy->names, policy->names_size, 1) ||
	    !array_fits(policy, policy->rules, policy->n_rules, sizeof(struct policy_rules)) ||
	    !array_fits(policy, policy->groups, policy->n_groups, sizeof(struct policy_group)) ||
	    !array_fits(policy, policy->sets, policy->n_tenants, sizeof(struct policy_section)))
		return "an array lies outside of the policy";
	if (policy->names_size &&
	    ((const char *)policy_at(policy, policy->names))[policy->names_size - 1] != '\0')
		return "the names have no end";
	return NULL;
}

static const char *check_tenants(const struct policy *policy)
{
	const uint32_t *tenants = policy_at(policy, policy->tenants);

	for (uint32_t i = 0; i < policy->n_tenants; i++) {
		if (tenants[i] != 0 && (i == 0 || !name_fits(policy, tenants[i])))
			return "a tenant's name or index";
	}
	return NULL;
}

static const char *check_lists(const struct policy *policy)
{
	uint64_t compiled =
		0; /* bytes: were they looked at more than once, it could take for ever */

	for (uint32_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rules *rules = policy_rules(policy, (uint16_t)i);
		const char *why;

		if (rules->kind == 0)
			continue;
		if (i == 0 || rules->kind > POLICY_GROUP_OUT)
			return "a list's number or kind";
		if (!name_fits(policy, rules->name))
			return "a list's name";
		if (rules->tenant == 0 || !tenant_exists(policy, rules->tenant))
			return "a list's tenant";
		if (rules->hits > LIMIT_HITS || rules->n_rules > LIMIT_HITS - rules->hits)
			return "a list's counters";
		if (!array_fits(policy, rules->classify, rules->classify_size, 1) ||
		    (rules->classify == 0) != (rules->n_rules == 0))
			return "a list's rules lie outside of the policy";
		if (rules->classify == 0)
			continue;
		compiled += rules->classify_size;
		if (compiled > policy->size)
			return "lists of rules lie over one another";
		if (classify_check(policy_at(policy, rules->classify), rules->classify_size, &why))
			return why;
		if (classify_cost(policy_at(policy, rules->classify), CLASSIFY_KEY_SETS) >
		    CLASSIFY_BUDGET)
			return "a list of rules that costs too much";
		if (classify_rules(policy_at(policy, rules->classify)) != rules->n_rules)
			return "a list has not as many rules as it says";
	}
	return NULL;
}

/* Is @number, unless 0, a list of this kind and tenant? */
static bool list_is(const struct policy *policy, uint16_t number, enum policy_rules_kind kind,
		    uint16_t tenant)
{
	return number == 0 ||
	       (number < policy->n_rules && policy_rules(policy, number)->kind == kind &&
		policy_rules(policy, number)->tenant == tenant);
}

static const char *check_groups(const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_groups; i++) {
		const struct policy_group *group = policy_group(policy, (uint16_t)i);

		if (group->in == 0 && group->out == 0)
			continue;
		if (i == 0 || group->in == 0 || group->out == 0 || group->in >= policy->n_rules)
			return "a group's number or lists";
		if (!list_is(policy, group->in, POLICY_GROUP_IN,
			     policy_rules(policy, group->in)->tenant) ||
		    !list_is(policy, group->out, POLICY_GROUP_OUT,
			     policy_rules(policy, group->in)->tenant))
			return "a group's lists are none, or not of one tenant";
	}
	return NULL;
}

static const char *check_sets(const struct policy *policy)
{
	const struct policy_section *sets = policy_at(policy, policy->sets);
	uint64_t compiled = 0;

	for (uint32_t i = 0; i < policy->n_tenants; i++) {
		const char *why;

		if (sets[i].at == 0 && sets[i].size == 0)
			continue;
		if (!array_fits(policy, sets[i].at, sets[i].size, 1))
			return "a tenant's sets lie outside of the policy";
		compiled += sets[i].size;
		if (compiled > policy->size)
			return "tenants' sets lie over one another";
		if (address_set_check(policy_at(policy, sets[i].at), sets[i].size, &why))
			return why;
	}
	return NULL;
}

/* Tenants that there are, each once, and not its own. */
static bool shares_fit(const struct policy *policy, const struct policy_network *network)
{
	const uint16_t *shares = policy_at(policy, network->shares);

	if (network->n_shares >= LIMIT_TENANTS ||
	    !array_fits(policy, network->shares, network->n_shares, sizeof(uint16_t)))
		return false;
	for (uint32_t i = 0; i < network->n_shares; i++)
		if (shares[i] == 0 || !tenant_exists(policy, shares[i]) ||
		    shares[i] == network->tenant || (i > 0 && shares[i - 1] >= shares[i]))
			return false;
	return true;
}

static const char *check_networks(const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_networks; i++) {
		const struct policy_network *network = &policy_networks(policy)[i];

		if (network->generation == 0)
			continue;
		if (i == 0)
			return "network id 0 is in use";
		if (!name_fits(policy, network->name))
			return "a network's name";
		if (!tenant_exists(policy, network->tenant))
			return "a network's tenant";
		if (network->vlan >= POLICY_VLANS - 1)
			return "a network's vlan";
		if (network->flags & ~NETWORK_FLAGS ||
		    (network->flags & (POLICY_NET_QINQ | POLICY_NET_SERVICE)) == POLICY_NET_SERVICE)
			return "a network's flags";
		if (network->mtu < LIMIT_MTU_MIN || network->mtu > LIMIT_MTU_MAX)
			return "a network's mtu";
		if (network->n_members > LIMIT_PORTS ||
		    !array_fits(policy, network->members, network->n_members, sizeof(uint16_t)))
			return "a network's members lie outside of the policy";
		if (!shares_fit(policy, network))
			return "a network is shared with nobody, or twice";
	}
	return NULL;
}

/* VLAN -> network and network -> tag agree, and name live networks only. */
static const char *check_trunk(const struct policy *policy, const struct policy_port *port)
{
	const uint16_t *vlan_in = policy_at(policy, port->vlan_in);
	const uint16_t *vlan_out = policy_at(policy, port->vlan_out);

	if (!array_fits(policy, port->vlan_in, POLICY_VLANS, sizeof(uint16_t)) ||
	    !array_fits(policy, port->vlan_out, policy->n_networks, sizeof(uint16_t)))
		return "a trunk's tables lie outside of the policy";
	for (uint32_t vlan = 0; vlan < POLICY_VLANS; vlan++) {
		uint16_t network = vlan_in[vlan];

		if (network == 0)
			continue;
		if (vlan == 0 || vlan == POLICY_VLANS - 1)
			return "a trunk takes a reserved VLAN";
		if (network >= policy->n_networks ||
		    ((vlan_out[network] & ~POLICY_SERVICE) != vlan && network != port->native))
			return "a trunk takes a VLAN that it does not send";
	}
	for (uint32_t network = 0; network < policy->n_networks; network++) {
		uint16_t tag = vlan_out[network];

		if (tag == POLICY_NOT_MEMBER)
			continue;
		if (!policy_network(policy, (uint16_t)network))
			return "a trunk carries a network that does not exist";
		if (!!(tag & POLICY_SERVICE) !=
		    !!(policy_networks(policy)[network].flags & POLICY_NET_SERVICE))
			return "a trunk sends a tag of another kind";
		tag &= (uint16_t)~POLICY_SERVICE;
		if (tag == POLICY_UNTAGGED ? network != port->native
					   : tag >= POLICY_VLANS || vlan_in[tag] != network)
			return "a trunk sends a VLAN that it does not take";
	}
	if (port->native && vlan_out[port->native] != POLICY_UNTAGGED)
		return "a trunk's native network has a tag";
	return NULL;
}

static const char *check_mode(const struct policy *policy, const struct policy_port *port)
{
	if (port->native && !policy_network(policy, port->native))
		return "a port's network does not exist";
	switch ((enum policy_port_mode)port->mode) {
	case POLICY_ACCESS:
	case POLICY_QINQ:
		return port->vlan_in || port->vlan_out ? "an access port with VLANs" : NULL;
	case POLICY_TRUNK: return check_trunk(policy, port);
	}
	return "a port's mode";
}

/* A customer's tag in a frame without one of ours would be taken for ours: VLAN hopping. */
static const char *check_customer(const struct policy *policy, const struct policy_port *port)
{
	bool customers =
		port->native && policy_networks(policy)[port->native].flags & POLICY_NET_QINQ;

	if (port->native && customers != (port->mode == POLICY_QINQ))
		return "a customer's port or network without the other";
	return NULL;
}

/* Masks of leading ones, and no address bits behind them. */
static bool prefix4_is_valid(const struct policy_prefix4 *prefix)
{
	uint32_t host = ~prefix->mask;

	return (host & (host + 1)) == 0 && (prefix->address & host) == 0;
}

static bool prefix6_is_valid(const struct policy_prefix6 *prefix)
{
	uint64_t host0 = ~prefix->mask[0], host1 = ~prefix->mask[1];

	return (host0 & (host0 + 1)) == 0 && (host1 & (host1 + 1)) == 0 &&
	       (host0 == 0 || prefix->mask[1] == 0) && (prefix->address[0] & host0) == 0 &&
	       (prefix->address[1] & host1) == 0;
}

static const char *check_bound(const struct policy *policy, const struct policy_port *port)
{
	const mac48 *macs = policy_at(policy, port->macs);
	const struct policy_prefix4 *addresses4 = policy_at(policy, port->addresses4);
	const struct policy_prefix6 *addresses6 = policy_at(policy, port->addresses6);

	if (port->n_macs > LIMIT_BOUND_MACS || port->n_addresses4 > LIMIT_BOUND_ADDRESSES ||
	    port->n_addresses6 > LIMIT_BOUND_ADDRESSES)
		return "a port has too many addresses bound";
	if (!array_fits(policy, port->macs, port->n_macs, sizeof(*macs)) ||
	    !array_fits(policy, port->addresses4, port->n_addresses4, sizeof(*addresses4)) ||
	    !array_fits(policy, port->addresses6, port->n_addresses6, sizeof(*addresses6)))
		return "a port's addresses lie outside of the policy";
	for (unsigned i = 0; i < port->n_macs; i++) {
		if (macs[i] == 0 || macs[i] > MAC_BROADCAST || mac_is_group(macs[i]))
			return "a bound MAC is no unicast address";
		if (i > 0 && macs[i - 1] >= macs[i])
			return "bound MACs are not in order";
	}
	for (unsigned i = 0; i < port->n_addresses4; i++) {
		if (!prefix4_is_valid(&addresses4[i]))
			return "a bound IPv4 prefix";
	}
	for (unsigned i = 0; i < port->n_addresses6; i++) {
		if (!prefix6_is_valid(&addresses6[i]))
			return "a bound IPv6 prefix";
	}
	return NULL;
}

/* Groups and ACLs of the port's own tenant; who has none has no rules of others. */
static const char *check_filters(const struct policy *policy, const struct policy_port *port)
{
	const uint16_t *groups = policy_at(policy, port->groups);

	if (port->n_groups > LIMIT_PORT_GROUPS ||
	    !array_fits(policy, port->groups, port->n_groups, sizeof(*groups)))
		return "a port's groups lie outside of the policy";
	for (unsigned i = 0; i < port->n_groups; i++) {
		if (groups[i] >= policy->n_groups || policy_group(policy, groups[i])->in == 0)
			return "a port's group does not exist";
		if (i > 0 && groups[i - 1] >= groups[i])
			return "a port's groups are not in order";
		if (policy_rules(policy, policy_group(policy, groups[i])->in)->tenant !=
		    port->tenant)
			return "a port's group is a foreign tenant's";
	}
	if (!list_is(policy, port->acl_in, POLICY_ACL, port->tenant) ||
	    !list_is(policy, port->acl_out, POLICY_ACL, port->tenant))
		return "a port's ACL does not exist or is a foreign tenant's";
	return NULL;
}

/* No sum of prices and bursts overflows (rate.c). */
static bool limits_are_bounded(const struct policy *policy, uint32_t offset)
{
	const struct policy_limits *limits = policy_at(policy, offset);

	if (offset == 0)
		return true;
	if (!array_fits(policy, offset, 1, sizeof(*limits)))
		return false;
	for (unsigned i = 0; i < POLICY_LIMITS; i++) {
		if (limits->of[i].price >> 62 ||
		    limits->of[i].burst > (uint64_t)LIMIT_BURST_MS * 1000000)
			return false;
	}
	return true;
}

static const char *check_port(const struct policy *policy, const struct policy_port *port)
{
	const char *why;

	if (!name_fits(policy, port->name))
		return "a port's name";
	if (!tenant_exists(policy, port->tenant))
		return "a port's tenant";
	if (port->flags & ~PORT_FLAGS)
		return "a port's flags";
	if (port->flags & POLICY_PORT_UPLINK && port->tenant)
		return "an uplink with a tenant";
	if (port->role > POLICY_COMMUNITY)
		return "a port's role";
	if ((port->role == POLICY_COMMUNITY) != (port->community != 0))
		return "a port's community";
	if (port->pcp > 8 || port->dscp > 64 || port->reserved)
		return "a port's marks";
	if (!limits_are_bounded(policy, port->limits) ||
	    !limits_are_bounded(policy, port->tenant_limits) ||
	    (port->tenant_limits && !port->tenant))
		return "a port's limits";
	why = check_mode(policy, port);
	if (!why)
		why = check_customer(policy, port);
	if (!why)
		why = check_bound(policy, port);
	return why ? why : check_filters(policy, port);
}

static const char *check_ports(const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy_ports(policy)[i];
		const char *why;

		if (port->generation == 0) {
			if (port->mode)
				return "a free port has a mode";
			continue;
		}
		if (i == 0)
			return "port id 0 is in use";
		why = check_port(policy, port);
		if (why)
			return why;
	}
	return NULL;
}

/*
 * Every member list is ascending and names members; so if the lists are as long
 * together as the ports have memberships, none is missing. The same for the
 * statics: each is right, none is there twice, and there are enough of them.
 */
static const char *check_members(const struct policy *policy)
{
	uint64_t listed = 0, memberships = 0;

	for (uint32_t n = 1; n < policy->n_networks; n++) {
		const struct policy_network *network = &policy_networks(policy)[n];
		const uint16_t *members = policy_at(policy, network->members);

		for (uint32_t p = 1; p < policy->n_ports; p++) {
			const struct policy_port *port = &policy_ports(policy)[p];

			if (policy_tag(policy, (uint16_t)n, (uint16_t)p) == POLICY_NOT_MEMBER)
				continue;
			if (!(port->flags & POLICY_PORT_UPLINK) &&
			    !policy_network_admits(policy, network, port->tenant))
				return "a port is in a foreign tenant's network";
			memberships++;
		}
		if (network->generation == 0)
			continue;
		for (uint32_t i = 0; i < network->n_members; i++) {
			if (i > 0 && members[i - 1] >= members[i])
				return "a network's members are not in order";
			if (policy_tag(policy, (uint16_t)n, members[i]) == POLICY_NOT_MEMBER)
				return "a network's member is not in it";
		}
		listed += network->n_members;
	}
	return listed == memberships ? NULL : "a network's members are not complete";
}

static bool port_has_mac(const struct policy *policy, const struct policy_port *port, mac48 mac)
{
	const mac48 *macs = policy_at(policy, port->macs);

	for (unsigned i = 0; i < port->n_macs; i++) {
		if (macs[i] == mac)
			return true;
	}
	return false;
}

static uint64_t count_statics_due(const struct policy *policy)
{
	uint64_t due = 0;

	for (uint32_t n = 1; n < policy->n_networks; n++) {
		const struct policy_network *network = &policy_networks(policy)[n];
		const uint16_t *members = policy_at(policy, network->members);

		for (uint32_t i = 0; network->generation && i < network->n_members; i++)
			due += policy_ports(policy)[members[i]].n_macs;
	}
	return due;
}

static const char *check_statics(const struct policy *policy)
{
	const struct policy_static *statics = policy_at(policy, policy->statics);
	uint64_t used = 0;

	for (uint32_t i = 0; i < policy->n_statics; i++)
		used += statics[i].key != 0;
	if (used > policy->n_statics / 2)
		return "the statics are more than half full";
	if (used != count_statics_due(policy))
		return "the statics are not the ports' MACs";
	for (uint32_t i = 0; i < policy->n_statics; i++) {
		uint16_t network = (uint16_t)(statics[i].key >> 48);
		uint32_t at, left = POLICY_PROBES;

		if (statics[i].key == 0)
			continue;
		if (policy_tag(policy, network, statics[i].port) == POLICY_NOT_MEMBER ||
		    !port_has_mac(policy, &policy_ports(policy)[statics[i].port],
				  statics[i].key & MAC_BROADCAST))
			return "a static is bound to no port of its network";
		/* Whoever looks for the key must find this slot: it is there once. */
		at = policy_static_home(policy, statics[i].key);
		while (statics[at].key && statics[at].key != statics[i].key && --left)
			at = (at + 1) & (policy->n_statics - 1);
		if (at != i)
			return "a static is there twice or out of reach";
	}
	return NULL;
}

/* A wrong flag would have one frame decided by what another one was. */
static const char *check_readers(const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_networks; i++) {
		const struct policy_network *network = &policy_networks(policy)[i];

		if (network->generation && policy_network_is_filtered(policy, (uint16_t)i) !=
						   !!(network->flags & POLICY_NET_FILTERED))
			return "a network is filtered or not, against its flags";
		if (network->generation && policy_network_is_owned(policy, (uint16_t)i) !=
						   !!(network->flags & POLICY_NET_OWNED))
			return "a network has owned addresses or not, against its flags";
	}
	for (uint32_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy_ports(policy)[i];

		if (port->generation && policy_reads_flow(policy, (uint16_t)i) !=
						!!(port->flags & POLICY_PORT_READS_FLOW))
			return "a port reads more or less than its flags say";
		if (port->generation && policy_guards_claims(policy, (uint16_t)i) !=
						!!(port->flags & POLICY_PORT_CLAIM_GUARD))
			return "a port's claims are guarded or not, against its flags";
		if (port->generation &&
		    policy_stacks(policy, (uint16_t)i) != !!(port->flags & POLICY_PORT_STACKS))
			return "a port's frames have tags in tags or not, against its flags";
	}
	return NULL;
}

static const char *(*const checks[])(const struct policy *policy) = {
	check_head,    check_tenants,	    check_lists,   check_groups,
	check_sets,    check_networks,	    check_ports,   check_members,
	check_statics, policy_owners_check, check_readers,
};

int policy_check(const void *blob, size_t size, const char **ret_why)
{
	const struct policy *policy = blob;
	const char *why = NULL;

	if (size < sizeof(*policy) || (uintptr_t)blob % 8 != 0)
		why = "too short or not aligned";
	else if (policy->magic != POLICY_MAGIC || policy->version != POLICY_VERSION)
		why = "no policy of this version";
	else if (policy->size != size || size > UINT32_MAX)
		why = "the size is wrong";
	for (size_t i = 0; !why && i < sizeof(checks) / sizeof(checks[0]); i++)
		why = checks[i](policy);
	if (!why)
		return 0;
	*ret_why = why;
	return -EPROTO;
}
