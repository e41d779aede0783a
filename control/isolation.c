/*
 * isolation - see isolation.h.
 */
#include "control/isolation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "switch/decide.h"

static const char *port_name(const struct policy *policy, uint16_t port)
{
	return policy_at(policy, policy_ports(policy)[port].name);
}

static const char *network_name(const struct policy *policy, uint16_t network)
{
	return policy_at(policy, policy_networks(policy)[network].name);
}

static bool is_uplink(const struct policy *policy, uint16_t port)
{
	return policy_ports(policy)[port].flags & POLICY_PORT_UPLINK;
}

/* May a frame of @network pass between the two, in either direction? */
static bool is_path(const struct policy *policy, uint16_t network, uint16_t a, uint16_t b)
{
	return policy_permits(policy, network, a, b).drop == DROP_NONE ||
	       policy_permits(policy, network, b, a).drop == DROP_NONE;
}

/* Port @port, which should not be in @network: does it hear anybody else there? */
static int check_stranger(const struct policy *policy, uint16_t network, uint16_t port,
			  char ret_path[static ISOLATION_PATH])
{
	const struct policy_port *ports = policy_ports(policy);

	for (uint32_t p = 1; p < policy->n_ports; p++) {
		bool is_own =
			ports[p].tenant == ports[port].tenant && !is_uplink(policy, (uint16_t)p);

		if (is_own || !is_path(policy, network, port, (uint16_t)p))
			continue;
		snprintf(ret_path, ISOLATION_PATH,
			 "port %s is in network %s, which is not shared with its tenant, and "
			 "reaches %s",
			 port_name(policy, port), network_name(policy, network),
			 port_name(policy, (uint16_t)p));
		return -EPERM;
	}
	return 0;
}

/* All networks that port @port is in. */
static int check_port(const struct policy *policy, uint16_t port,
		      char ret_path[static ISOLATION_PATH])
{
	const struct policy_port *p = &policy_ports(policy)[port];
	uint32_t first = 1, end = policy->n_networks;
	int error = 0;

	if (p->mode != POLICY_TRUNK) {
		first = p->native ? p->native : end;
		end = p->native ? first + 1U : end;
	}
	for (uint32_t n = first; !error && n < end; n++)
		if (policy_tag(policy, (uint16_t)n, port) != POLICY_NOT_MEMBER &&
		    !policy_network_admits(policy, &policy_networks(policy)[n], p->tenant))
			error = check_stranger(policy, (uint16_t)n, port, ret_path);
	return error;
}

/*
 * The network of a frame from the wire of @port with @tag. The frame has no source, which
 * is refused right after it has been placed: nothing else is asked about it.
 */
static uint16_t placed(const struct policy *policy, uint16_t port, uint16_t tag)
{
	struct frame frame = {.len = 64, .head_len = 64};
	struct port_ref in = {port, policy_ports(policy)[port].generation};
	struct decision decision;
	unsigned at = 12;

	memset(frame.head, 0xff, 6);
	if (tag != POLICY_UNTAGGED) {
		uint16_t tpid = tag & POLICY_SERVICE ? ETHERTYPE_SERVICE : ETHERTYPE_VLAN;

		frame.head[at] = (uint8_t)(tpid >> 8);
		frame.head[at + 1] = (uint8_t)tpid;
		frame.head[at + 2] = (uint8_t)((tag & ~POLICY_SERVICE) >> 8);
		frame.head[at + 3] = (uint8_t)tag;
		at += 4;
	}
	frame.head[at] = 0x88; /* IEEE 802, 9.2.3: for local experiments */
	frame.head[at + 1] = 0xb5;
	decide(policy, NULL, NULL, &frame, in, 0, &decision);
	return decision.network;
}

/* What leaves by the uplink with a tag is what that tag means on its wire. */
static int check_wire(const struct policy *policy, uint16_t uplink,
		      char ret_path[static ISOLATION_PATH])
{
	for (uint32_t n = 1; n < policy->n_networks; n++) {
		uint16_t tag = policy_tag(policy, (uint16_t)n, uplink), meant;

		if (tag == POLICY_NOT_MEMBER)
			continue;
		meant = placed(policy, uplink, tag);
		if (meant == 0 || meant == n)
			continue;
		snprintf(ret_path, ISOLATION_PATH,
			 "frames of %s leave by uplink %s with VLAN %u, which is %s there",
			 network_name(policy, (uint16_t)n), port_name(policy, uplink),
			 tag & ~(unsigned)POLICY_SERVICE, network_name(policy, meant));
		return -EPERM;
	}
	return 0;
}

int isolation_check(const struct policy *policy, char ret_path[static ISOLATION_PATH])
{
	int error = 0;

	for (uint32_t p = 1; !error && p < policy->n_ports; p++) {
		if (policy_ports(policy)[p].generation == 0)
			continue;
		error = is_uplink(policy, (uint16_t)p) ? check_wire(policy, (uint16_t)p, ret_path)
						       : check_port(policy, (uint16_t)p, ret_path);
	}
	return error;
}
