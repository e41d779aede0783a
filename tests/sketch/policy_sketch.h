/*
 * policy_sketch - policies for tests, in few words.
 *
 * A test takes a description with everything ordinary in it, changes what it is
 * about, and compiles. A policy that cannot be built ends the test program.
 */
#ifndef TESTS_SKETCH_POLICY_SKETCH_H
#define TESTS_SKETCH_POLICY_SKETCH_H

#include "switch/policy.h"

enum {
	SKETCH_AGE_MS = 300000,
	SKETCH_NETWORK_MACS = 8192,
	SKETCH_PORT_MACS = 256,
	SKETCH_PORT_SESSIONS = 1000,
};

/* An ordinary network, generation 1, of no tenant: learning, flooding, mtu 1500. */
struct policy_network_spec sketch_network(uint16_t id, uint16_t vlan);

/* An ordinary access port, generation 1, of no tenant. */
struct policy_port_spec sketch_access(uint16_t id, uint16_t network);

/* A trunk with @n pairs at @trunk, which must live until the policy is built. */
struct policy_port_spec sketch_trunk(uint16_t id, uint16_t native,
				     const struct policy_trunk_entry *trunk, uint32_t n);

/* The policy of all that; the caller frees it. */
struct policy *sketch_policy(const struct policy_network_spec *networks, unsigned n_networks,
			     const struct policy_port_spec *ports, unsigned n_ports);

/* The same for two arrays. */
#define SKETCH_POLICY(networks, ports)                                                             \
	sketch_policy(networks, sizeof(networks) / sizeof((networks)[0]), ports,                   \
		      sizeof(ports) / sizeof((ports)[0]))

/* What policy_builder_finish() says about it, and nothing else. */
int sketch_verdict(const struct policy_network_spec *networks, unsigned n_networks,
		   const struct policy_port_spec *ports, unsigned n_ports);

#define SKETCH_VERDICT(networks, ports)                                                            \
	sketch_verdict(networks, sizeof(networks) / sizeof((networks)[0]), ports,                  \
		       sizeof(ports) / sizeof((ports)[0]))

static inline struct port_ref sketch_ref(uint16_t id)
{
	return (struct port_ref){id, 1};
}

#endif
