/*
 * policy_sketch - the builder, driven in one go.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sketch/policy_sketch.h"

struct policy_network_spec sketch_network(uint16_t id, uint16_t vlan)
{
	return (struct policy_network_spec){
		.id = id,
		.generation = 1,
		.name = "a/network",
		.vlan = vlan,
		.mtu = LIMIT_MTU_DEFAULT,
		.age_ms = SKETCH_AGE_MS,
		.macs_max = SKETCH_NETWORK_MACS,
	};
}

struct policy_port_spec sketch_access(uint16_t id, uint16_t network)
{
	return (struct policy_port_spec){
		.ref = sketch_ref(id),
		.name = "a/port",
		.mode = POLICY_ACCESS,
		.native = network,
		.macs_max = SKETCH_PORT_MACS,
		.sessions_max = SKETCH_PORT_SESSIONS,
		.tenant_sessions_max = UINT32_MAX,
	};
}

struct policy_port_spec sketch_trunk(uint16_t id, uint16_t native,
				     const struct policy_trunk_entry *trunk, uint32_t n)
{
	struct policy_port_spec port = sketch_access(id, native);

	port.mode = POLICY_TRUNK;
	port.trunk = trunk;
	port.n_trunk = n;
	return port;
}

static int build(const struct policy_network_spec *networks, unsigned n_networks,
		 const struct policy_port_spec *ports, unsigned n_ports, struct policy **ret_policy)
{
	struct policy_builder *builder;
	int error = policy_builder_create(1, 0x5eed9e3779b97f4a, &builder);

	if (error)
		return error;
	for (uint16_t tenant = 1; tenant < 4 && !error; tenant++)
		error = policy_builder_tenant(builder, tenant, "tenant");
	for (unsigned i = 0; i < n_networks && !error; i++)
		error = policy_builder_network(builder, &networks[i]);
	for (unsigned i = 0; i < n_ports && !error; i++)
		error = policy_builder_port(builder, &ports[i]);
	if (!error)
		error = policy_builder_finish(builder, ret_policy);
	policy_builder_destroy(builder);
	return error;
}

struct policy *sketch_policy(const struct policy_network_spec *networks, unsigned n_networks,
			     const struct policy_port_spec *ports, unsigned n_ports)
{
	struct policy *policy;
	int error = build(networks, n_networks, ports, n_ports, &policy);

	if (error) {
		fprintf(stderr, "this policy cannot be built: error %d\n", -error);
		abort();
	}
	return policy;
}

int sketch_verdict(const struct policy_network_spec *networks, unsigned n_networks,
		   const struct policy_port_spec *ports, unsigned n_ports)
{
	struct policy *policy = NULL;
	int error = build(networks, n_networks, ports, n_ports, &policy);

	free(policy);
	return error;
}
