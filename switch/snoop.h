/*
 * snoop - who wants which multicast, by what hosts tell their routers (RFC 4541).
 *
 * In a network with POLICY_NET_SNOOPS what is sent to an IP group goes to the ports from
 * where it was asked for by IGMP (RFC 1112, 2236, 3376) or MLD (RFC 2710, 3810), and to
 * those of multicast routers, which queries and PIM hellos give away (but from ports with
 * POLICY_PORT_ROUTER_GUARD); what hosts report goes to routers only. Flooded as ever are,
 * besides all that is no IP:
 *	queries				so that all hosts answer
 *	to 224.0.0.0/24, ff02::1	of which nobody tells (RFC 4541, 2.1.2 and 3)
 *	to a group that nobody wants	hosts may be silent that want it (the same, 2.1.2)
 *	while no router is known	nobody asks hosts again: what they told has no end
 * Sources are not told apart: who wants a group of some sources, gets it of all.
 *
 * What was told is kept in the FDB (fdb.h, fdb_group.c), for each port, for 260 s
 * (RFC 3376, 8.4), and outlives a data plane. A leave counts at once where the port binds
 * one MAC, else after the 2 s in which another host behind it can object. A port that
 * wants more than there is place for gets everything; that costs nobody else.
 *
 * snoop_choose() is part of decide(), pure and of the snapshot; snoop_learn() reads the
 * whole packet, of which a report may need more than that, from a private copy.
 */
#ifndef SWITCH_SNOOP_H
#define SWITCH_SNOOP_H

#include "switch/fdb.h"
#include "switch/frame.h"
#include "switch/policy.h"

/* A bit for each port. */
struct snoop_ports {
	uint64_t words[LIMIT_PORTS / 64];
};

static inline bool snoop_has(const struct snoop_ports *ports, uint16_t port)
{
	return ports->words[port / 64] >> (port % 64) & 1;
}

/*
 * Is @frame, to a group MAC in @network, for some ports only? Then *@ret_ports are these.
 * *@ret_tells: it is one of which snoop_learn() may learn.
 */
bool snoop_choose(const struct policy *policy, const struct fdb *fdb, uint16_t network,
		  const struct frame *frame, const struct frame_l2 *l2, clock_ms now,
		  bool *ret_tells, struct snoop_ports *ret_ports);

/* Note what @frame from @in, of which snoop_choose() says that it tells something, tells. */
void snoop_learn(const struct policy *policy, struct fdb *fdb, uint16_t network,
		 const struct frame *frame, const struct frame_l2 *l2, struct port_ref in,
		 clock_ms now);

#endif
