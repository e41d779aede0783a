/*
 * compile - see compile.h. Names become numbers, defaults become values.
 */
#include "control/compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/compile_lists.h"
#include "switch/rate.h"

static uint16_t network_flags(const struct model_network *network)
{
	return (uint16_t)((network->learning ? 0 : POLICY_NET_NO_LEARNING) |
			  (network->flood_unknown ? 0 : POLICY_NET_NO_UNKNOWN) |
			  (model_network_is_customers(network) ? POLICY_NET_QINQ : 0) |
			  (model_network_is_customers(network) &&
					   network->service != MODEL_SERVICE_802_1Q
				   ? POLICY_NET_SERVICE
				   : 0) |
			  (network->snoop ? POLICY_NET_SNOOPS : 0) |
			  (network->suppress ? POLICY_NET_SUPPRESSES : 0) |
			  (network->isolated ? POLICY_NET_ISOLATED : 0));
}

static int compare_ids(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static int compile_network(struct policy_builder *builder, const struct ids *ids,
			   const struct model_network *network)
{
	uint16_t shares[LIMIT_TENANTS];
	const struct policy_network_spec spec = {
		.id = ids_network(ids, network->name),
		.generation = ids_network_generation(ids, network->name),
		.name = network->name,
		.vlan = network->vlan,
		.tenant = ids_tenant(ids, network->tenant->name),
		.flags = network_flags(network),
		.mtu = network->mtu,
		.age_ms = network->age_ms,
		.macs_max = network->macs_max,
		.shares = shares,
		.n_shares = network->n_shares,
	};

	for (uint32_t i = 0; i < network->n_shares; i++)
		shares[i] = ids_tenant(ids, network->shares[i]->name);
	qsort(shares, network->n_shares, sizeof(shares[0]), compare_ids);
	return policy_builder_network(builder, &spec);
}

/* How many addresses may be learned behind the port. */
static uint32_t port_macs_max(const struct model_port *port)
{
	if (!port->tenant)
		return LIMIT_UPLINK_MACS;
	if (port->tenant->quota.macs_per_port != UINT32_MAX)
		return port->tenant->quota.macs_per_port;
	return LIMIT_PORT_MACS;
}

/*
 * The number of a port's community: the place of the first port of its tenant
 * that names it. Only equal or not matters to the policy.
 */
static uint16_t community_number(const struct model *model, const struct model_port *port)
{
	uint32_t first = 0;

	if (port->role != POLICY_COMMUNITY)
		return 0;
	while (model->ports[first].tenant != port->tenant || !model->ports[first].community ||
	       strcmp(model->ports[first].community, port->community))
		first++;
	return (uint16_t)(first + 1);
}

/* Limits with their prices; false: there are none. */
static bool compile_limits(const struct model_limits *limits, struct policy_limits *ret)
{
	bool any = false;

	for (unsigned kind = 0; kind < POLICY_LIMITS; kind++) {
		ret->of[kind] =
			rate_limit(limits->a_second[kind],
				   kind < POLICY_FLOODS ? limits->burst_ms : MODEL_STORM_BURST_MS);
		any |= limits->a_second[kind] != 0;
	}
	return any;
}

static int compile_tenant(struct policy_builder *builder, const struct ids *ids,
			  const struct model_tenant *tenant)
{
	uint16_t index = ids_tenant(ids, tenant->name);
	struct policy_limits limits;
	int error = policy_builder_tenant(builder, index, tenant->name);

	if (!error && compile_limits(&tenant->limits, &limits))
		error = policy_builder_tenant_limits(builder, index, &limits);
	return error;
}

static uint16_t port_flags(const struct model_port *port)
{
	return (uint16_t)((port->tenant ? 0 : POLICY_PORT_UPLINK) |
			  (port->spoof_guard ? POLICY_PORT_SPOOF_GUARD : 0) |
			  (port->dhcp_server ? 0 : POLICY_PORT_DHCP_GUARD) |
			  (port->router ? 0 : POLICY_PORT_ROUTER_GUARD) |
			  (port->limits.waits ? POLICY_PORT_WAITS : 0) |
			  (port->bpdu ? POLICY_PORT_BPDU : 0));
}

static int compile_port(struct policy_builder *builder, const struct ids *ids,
			const struct model *model, const struct model_port *port)
{
	struct policy_trunk_entry *trunk = calloc(port->n_trunk + 1, sizeof(*trunk));
	uint16_t groups[LIMIT_PORT_GROUPS];
	struct policy_port_spec spec = {
		.ref = ids_port(ids, port->name),
		.name = port->name,
		.mode = port->mode,
		.role = port->role,
		.community = community_number(model, port),
		.flags = port_flags(port),
		.tenant = port->tenant ? ids_tenant(ids, port->tenant->name) : 0,
		.native = port->native ? ids_network(ids, port->native->name) : 0,
		.trunk = trunk,
		.n_trunk = port->n_trunk,
		.macs_max = port_macs_max(port),
		.macs = port->macs,
		.n_macs = port->n_macs,
		.addresses4 = port->addresses4,
		.n_addresses4 = port->n_addresses4,
		.addresses6 = port->addresses6,
		.n_addresses6 = port->n_addresses6,
		.pcp = port->pcp,
		.dscp = port->dscp,
		.groups = groups,
		.n_groups = port->n_groups,
		.acl_in = compile_list_acl(model, port->acl_in),
		.acl_out = compile_list_acl(model, port->acl_out),
		.sessions_max = port->tenant ? LIMIT_PORT_SESSIONS : LIMIT_SESSIONS,
		.tenant_sessions_max = port->tenant ? port->tenant->quota.sessions : UINT32_MAX,
	};
	struct policy_limits limits;
	int error;

	if (!trunk)
		return -ENOMEM;
	if (compile_limits(&port->limits, &limits))
		spec.limits = &limits;
	for (uint32_t i = 0; i < port->n_trunk; i++)
		trunk[i] = (struct policy_trunk_entry){
			ids_network(ids, port->trunk[i].network->name), port->trunk[i].vlan};
	for (uint32_t i = 0; i < port->n_groups; i++)
		groups[i] = compile_group_number(model, port->groups[i]);
	error = policy_builder_port(builder, &spec);
	free(trunk);
	return error;
}

static int compile_all(struct policy_builder *builder, const struct ids *ids,
		       const struct model *model)
{
	int error = 0;

	for (uint32_t i = 0; !error && i < model->n_tenants; i++)
		error = compile_tenant(builder, ids, &model->tenants[i]);
	for (uint32_t i = 0; !error && i < model->n_networks; i++)
		error = compile_network(builder, ids, &model->networks[i]);
	for (uint32_t i = 0; !error && i < model->n_ports; i++)
		error = compile_port(builder, ids, model, &model->ports[i]);
	return error;
}

int compile_policy(const struct model *model, const struct ids *ids, uint64_t generation,
		   uint64_t hash_seed, const struct compile_previous *previous,
		   char ret_why[static COMPILE_WHY], struct policy **ret)
{
	struct policy_builder *builder;
	const char *blamed = NULL;
	int error = policy_builder_create(generation, hash_seed, &builder);

	snprintf(ret_why, COMPILE_WHY, "no memory");
	if (error)
		return error;
	error = compile_all(builder, ids, model);
	if (!error)
		error = compile_lists(builder, ids, model, generation, previous, &blamed);
	if (error == -E2BIG && blamed)
		snprintf(ret_why, COMPILE_WHY, "%s would cost too much to look up for each frame",
			 blamed);
	if (!error) {
		error = policy_builder_finish(builder, ret);
		snprintf(ret_why, COMPILE_WHY, "%s", strerror(-error));
	}
	policy_builder_destroy(builder);
	return error;
}
