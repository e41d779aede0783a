/*
 * guard - may this port say that?
 *
 * The checks of a frame against what is bound to its port: source MAC, IPv4 and
 * IPv6 source, ARP sender, ND target; what only servers, routers and bridges
 * say; and what no guest may send at all (group or zero source, link-local groups
 * of IEEE 802.1Q, table 8-1). Reads only the snapshot; what cannot be read
 * completely from it and is guarded, is refused.
 *
 * From every port, with or without POLICY_PORT_SPOOF_GUARD, are refused: a
 * group or zero source, a reserved group as destination, a source MAC that is
 * bound to another port of the network, and ARP or ND that claims an address which
 * other ports of the network own (policy_owner(), neighbour.h) and this one does not
 * bind. Where addresses are owned, what could hide such a claim is refused too: IPv6
 * whose ICMPv6 header cannot be seen, Ethernet behind LLC/SNAP. Of the reserved groups the one of
 * bridges, 01:80:c2:00:00:00, and Cisco's for a tree per VLAN pass from a port
 * with POLICY_PORT_BPDU, and only from there; pause, 802.1X, LACP, LLDP and the
 * like always end here (8.6.3).
 *
 * From a port with POLICY_PORT_SPOOF_GUARD and MACs bound: any other source MAC.
 *
 * From a port with POLICY_PORT_SPOOF_GUARD and addresses bound, of either family,
 * passes only:
 *	IPv4	a bound source; or, if an IPv4 address is bound, a DHCP client's
 *		frame from 0.0.0.0, UDP port 68 to 67 (RFC 2131, 4.1)
 *	ARP,	the Ethernet source as sender hardware address, and a bound sender
 *	RARP	address; or 0.0.0.0 (probes, RFC 5227, 2.1.1; RARP, RFC 903)
 *	IPv6	a bound source; or a link-local one, unless a link-local one is bound:
 *		any, if an IPv6 address is bound, else the one that its Ethernet source
 *		makes (RFC 4291, appendix A; as Neutron allows it); or :: with
 *		ICMPv6 messages that have it by right (neighbour solicitation for
 *		duplicate address detection, router solicitation: RFC 4861, 4.1 and
 *		4.3; MLD reports: RFC 3590)
 *	ND	besides: the target of an advertisement, and of a solicitation from
 *		::, is an address that could be a source; link-layer address options
 *		hold the Ethernet source; no fragments (RFC 6980)
 *	others	everything but LLC/SNAP frames (RFC 1042), which could hide an IP header
 * A family without a bound address is closed, but for that; RARP asks for an
 * address, and passes with 0.0.0.0 whatever is bound.
 *
 * From a port with POLICY_PORT_DHCP_GUARD: no UDP from a DHCP server's port (67,
 * DHCPv6 547) or to a client's (68, DHCPv6 546; RFC 7610). From one with
 * POLICY_PORT_ROUTER_GUARD: no router advertisement and no redirect, of ICMPv6
 * (RFC 4861, RFC 6105) or ICMP (RFC 1256, RFC 792). From a port with either, IP
 * whose transport header cannot be seen is refused too, since it could be such a
 * message: a malformed header, a chain of extension headers that is cut or longer
 * than the snapshot, a first fragment without its ports or type (RFC 7113), IP
 * behind LLC/SNAP (CVE-2021-27853). Later fragments pass: without the first they
 * come to nothing.
 *
 * Of a customer's frame (POLICY_NET_QINQ) all that is looked for behind up to two tags,
 * and what is behind more could hide it. Claims are not looked for behind a customer's
 * tag: its VLANs may use an address each.
 */
#ifndef SWITCH_GUARD_H
#define SWITCH_GUARD_H

#include <netinet/in.h>

#include "switch/frame.h"
#include "switch/policy.h"

enum {
	GUARD_DHCP_SERVER = 67, /* ports of UDP: RFC 2131, 4.1 */
	GUARD_DHCP_CLIENT = 68,
	GUARD_DHCP6_SERVER = 547, /* RFC 8415, 7.2 */
	GUARD_DHCP6_CLIENT = 546,

	/* Flags of ports of which guard_wants_look() may say yes. */
	GUARD_LOOKS = POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD | POLICY_PORT_CLAIM_GUARD |
		      POLICY_PORT_STACKS,

	GUARD_ICMP_REDIRECT = 5,  /* RFC 792 */
	GUARD_ICMP_ROUTER = 9,	  /* RFC 1256, 3 */
	GUARD_ICMP6_ND = 133,	  /* the first of neighbour discovery, RFC 4861, 4.1 */
	GUARD_ICMP6_ROUTER = 134, /* RFC 4861, 4.2 and 4.5 */
	GUARD_ICMP6_REDIRECT = 137,
};

/* DROP_NONE, or the reason to refuse @frame of network @network from port @in. */
enum drop guard_check(const struct policy *policy, uint16_t in, uint16_t network,
		      const struct frame *frame, const struct frame_l2 *l2);

/*
 * For who remembers decisions by less than what guard_check() reads: could the
 * server, router or claim guard of @port refuse @frame? Where it says no, they
 * let the frame pass; where it says yes, decide() must be asked, and what it
 * answers holds for this frame only. So it does for tags of which a key knows
 * nothing, a customer's and of service. It says yes more often than need be, but never for TCP, for UDP between ports of no server, or for echoes.
 */
static inline bool guard_wants_look(const struct policy_port *port, const struct frame *frame)
{
	const uint8_t *head = frame->head;
	unsigned type = frame_load16(frame, 12), l3 = FRAME_ETH;
	bool claims = port->flags & POLICY_PORT_CLAIM_GUARD;

	if (!(port->flags & GUARD_LOOKS))
		return false;
	if (port->flags & POLICY_PORT_STACKS && frame_is_tag((uint16_t)type) &&
	    (port->mode == POLICY_QINQ || type != ETHERTYPE_VLAN ||
	     frame_is_tag(frame_load16(frame, FRAME_ETH + 2))))
		return true;
	if (type == ETHERTYPE_VLAN) {
		type = frame_load16(frame, FRAME_ETH + 2);
		l3 = FRAME_ETH + FRAME_TAG;
	}
	if (type == ETHERTYPE_IPV4) {
		/* 20 bytes without options, then ports, or type and code */
		if (frame->head_len < l3 + 24 || head[l3] != 0x45)
			return true;
		if (head[l3 + 9] == IPPROTO_UDP)
			return frame_load16(frame, l3 + 20) == GUARD_DHCP_SERVER ||
			       frame_load16(frame, l3 + 22) == GUARD_DHCP_CLIENT;
		return head[l3 + 9] == IPPROTO_ICMP &&
		       (head[l3 + 20] == GUARD_ICMP_REDIRECT || head[l3 + 20] == GUARD_ICMP_ROUTER);
	}
	if (type == ETHERTYPE_IPV6) {
		if (frame->head_len < l3 + 44 || head[l3] >> 4 != 6)
			return true;
		if (head[l3 + 6] == IPPROTO_UDP)
			return frame_load16(frame, l3 + 40) == GUARD_DHCP6_SERVER ||
			       frame_load16(frame, l3 + 42) == GUARD_DHCP6_CLIENT;
		if (head[l3 + 6] == IPPROTO_ICMPV6)
			return head[l3 + 40] == GUARD_ICMP6_ROUTER ||
			       head[l3 + 40] == GUARD_ICMP6_REDIRECT ||
			       (claims && head[l3 + 40] >= GUARD_ICMP6_ND &&
				head[l3 + 40] < GUARD_ICMP6_REDIRECT);
		return head[l3 + 6] != IPPROTO_TCP; /* an extension header, perhaps */
	}
	if (type == ETHERTYPE_ARP || type == ETHERTYPE_RARP)
		return claims;
	return type < ETHERTYPE_MIN; /* LLC, perhaps SNAP */
}

#endif
