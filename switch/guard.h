/*
 * guard - may this port say that?
 *
 * The checks of a frame against what is bound to its port: source MAC, IPv4 and
 * IPv6 source, ARP sender, ND target; and what no guest may send at all (group
 * or zero source, link-local groups of IEEE 802.1Q, table 8-1). Reads only the
 * snapshot; what cannot be read completely from it and is bound, is refused.
 *
 * From every port, with or without POLICY_PORT_SPOOF_GUARD, are refused: a
 * group or zero source, a reserved group as destination, and a source MAC that
 * is bound to another port of the network.
 *
 * From a port with POLICY_PORT_SPOOF_GUARD and MACs bound: any other source MAC.
 *
 * From a port with POLICY_PORT_SPOOF_GUARD and addresses bound, of either family,
 * passes only:
 *	IPv4	a bound source; or, if an IPv4 address is bound, a DHCP client's
 *		frame from 0.0.0.0, UDP port 68 to 67 (RFC 2131, 4.1)
 *	ARP,	the Ethernet source as sender hardware address, and a bound sender
 *	RARP	address; or 0.0.0.0 (probes, RFC 5227, 2.1.1; RARP, RFC 903)
 *	IPv6	a bound source; or, if an IPv6 address is bound, a link-local one
 *		(unless a link-local one is bound, then only that); or :: with
 *		ICMPv6 messages that have it by right (neighbour solicitation for
 *		duplicate address detection, router solicitation: RFC 4861, 4.1 and
 *		4.3; MLD reports: RFC 3590)
 *	ND	besides: the target of an advertisement, and of a solicitation from
 *		::, is an address that could be a source; link-layer address options
 *		hold the Ethernet source; no fragments (RFC 6980)
 *	others	everything but LLC/SNAP frames (RFC 1042), which could hide an IP header
 * A family without a bound address is closed, link-local addresses included; RARP
 * asks for an address, and passes with 0.0.0.0 whatever is bound.
 */
#ifndef SWITCH_GUARD_H
#define SWITCH_GUARD_H

#include "switch/frame.h"
#include "switch/policy.h"

/* DROP_NONE, or the reason to refuse @frame of network @network from port @in. */
enum drop guard_check(const struct policy *policy, uint16_t in, uint16_t network,
		      const struct frame *frame, const struct frame_l2 *l2);

#endif
