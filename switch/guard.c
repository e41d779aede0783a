/*
 * guard - the table of guard.h, in its order.
 *
 * Pure: reads the policy and the snapshot. Every header is looked at from its
 * first byte to its last or not at all, and what is compared is compared whole
 * (a mask that did not cover the ND target cost others CVE-2023-5366).
 */
#include <stddef.h>

#include "switch/guard.h"
#include "switch/neighbour.h"

/* IEEE 802.1Q, table 8-1: 01:80:c2:00:00:00 to 0f, never forwarded by a bridge. */
#define RESERVED_GROUPS ((mac48)0x0180c2000000ULL)
#define BRIDGE_GROUP	RESERVED_GROUPS		   /* spanning trees of all kinds */
#define PVST_GROUP	((mac48)0x01000ccccccdULL) /* Cisco's, one tree for each VLAN */

enum {
	IPV6_SIZE = 40, /* RFC 8200, 3 */

	ICMPV6_MLD_REPORT = 131,  /* RFC 2710 */
	ICMPV6_MLD2_REPORT = 143, /* RFC 3810 */

	ND_OPTION_SOURCE = 1, /* RFC 4861, 4.6 */
	ND_OPTION_TARGET = 2,
};

#define LINK_LOCAL_64 0xfe80000000000000ULL /* fe80::/64, RFC 4291, 2.5.6 */

static bool is_link_local(uint64_t high)
{
	return high >> 54 == LINK_LOCAL_64 >> 54; /* fe80::/10 */
}

/* The link-local address that a host makes of its MAC without being told (RFC 4291, appendix A). */
static struct policy_address link_local_of(mac48 mac)
{
	uint64_t identifier = (mac >> 24) << 40 | (uint64_t)0xfffe << 24 | (mac & 0xffffff);

	return (struct policy_address){LINK_LOCAL_64, identifier ^ (uint64_t)2 << 56};
}

/*
 * May @port speak from @address with the MAC @src? A link-local one, unless it binds
 * some of its own: any if it binds other IPv6 addresses, else what comes of the MAC.
 */
static bool has_address6(const struct policy *policy, const struct policy_port *port, mac48 src,
			 struct policy_address address)
{
	const struct policy_prefix6 *prefixes = policy_at(policy, port->addresses6);

	if (policy_port_binds(policy, port, address))
		return true;
	if (port->n_addresses6 == 0)
		return policy_address_equal(address, link_local_of(src));
	for (unsigned i = 0; i < port->n_addresses6; i++)
		if (is_link_local(prefixes[i].address[0]))
			return false;
	return is_link_local(address.high);
}

static struct policy_address load_address6(const struct frame *frame, unsigned at)
{
	return (struct policy_address){frame_load64(frame, at), frame_load64(frame, at + 8)};
}

static bool is_unspecified(struct policy_address address)
{
	return (address.high | address.low) == 0;
}

static bool is_dhcp_client(const struct frame *frame, const struct frame_ip *ip)
{
	return ip->protocol == IPPROTO_UDP && ip->first && ip->l4 + 4 <= frame->head_len &&
	       frame_load16(frame, ip->l4) == GUARD_DHCP_CLIENT &&
	       frame_load16(frame, ip->l4 + 2U) == GUARD_DHCP_SERVER;
}

static bool may_send_ipv4(const struct policy *policy, const struct policy_port *port,
			  const struct frame *frame, const struct frame_l2 *l2)
{
	struct frame_ip ip;
	uint32_t source;

	if (port->n_addresses4 == 0 || !frame_parse_ip(frame, l2, &ip))
		return false;
	source = frame_load32(frame, ip.l3 + 12U);
	return policy_port_binds(policy, port, policy_address4(source)) ||
	       (source == 0 && is_dhcp_client(frame, &ip));
}

static bool may_send_arp(const struct policy *policy, const struct policy_port *port,
			 const struct frame *frame, const struct frame_l2 *l2)
{
	unsigned at = frame_l2_size(l2);
	uint32_t sender;

	if (at + NEIGHBOUR_ARP_SIZE > frame->head_len)
		return false;
	/* hardware type 1, protocol IPv4, addresses of 6 and 4 bytes: nothing else is read */
	if (frame_load64(frame, at) >> 16 != 0x000108000604ULL)
		return false;
	if (mac_load(frame->head + at + 8) != l2->src)
		return false;
	sender = frame_load32(frame, at + 14);
	if (sender == 0 && (port->n_addresses4 || l2->ethertype == ETHERTYPE_RARP))
		return true;
	return policy_port_binds(policy, port, policy_address4(sender));
}

/*
 * Link-layer address options are all the Ethernet source, and all options can
 * be read. They end with the packet, not with the frame, which may be padded.
 */
static bool nd_options_are_own(const struct frame *frame, const struct frame_l2 *l2,
			       const struct frame_ip *ip)
{
	unsigned at = ip->l4 + NEIGHBOUR_ND_SIZE;
	unsigned end = (unsigned)ip->l3 + IPV6_SIZE + frame_load16(frame, ip->l3 + 4U);

	while (at < end) {
		unsigned size;

		if (at + 8 > frame->head_len)
			return false;
		size = frame->head[at + 1] * 8U; /* RFC 4861, 4.6 */
		if (size == 0)
			return false;
		if ((frame->head[at] == ND_OPTION_SOURCE || frame->head[at] == ND_OPTION_TARGET) &&
		    mac_load(frame->head + at + 2) != l2->src)
			return false;
		at += size;
	}
	return true;
}

static bool may_send_icmpv6(const struct policy *policy, const struct policy_port *port,
			    const struct frame *frame, const struct frame_l2 *l2,
			    const struct frame_ip *ip, struct policy_address source)
{
	struct policy_address target;
	uint8_t type;

	if (!ip->first)
		return !is_unspecified(source);
	if (ip->l4 + 4 > frame->head_len)
		return false;
	type = frame->head[ip->l4];
	if (type == ICMPV6_MLD_REPORT || type == ICMPV6_MLD2_REPORT ||
	    type == NEIGHBOUR_ROUTER_SOLICIT)
		return true;
	if (type != NEIGHBOUR_SOLICIT && type != NEIGHBOUR_ADVERT)
		return !is_unspecified(source);

	if (ip->fragment || ip->l4 + NEIGHBOUR_ND_SIZE > frame->head_len)
		return false;
	target = load_address6(frame, ip->l4 + 8U);
	if (is_unspecified(source) && type == NEIGHBOUR_ADVERT)
		return false;
	if ((is_unspecified(source) || type == NEIGHBOUR_ADVERT) &&
	    !has_address6(policy, port, l2->src, target))
		return false;
	return nd_options_are_own(frame, l2, ip);
}

static bool may_send_ipv6(const struct policy *policy, const struct policy_port *port,
			  const struct frame *frame, const struct frame_l2 *l2)
{
	struct policy_address source;
	struct frame_ip ip;

	if (!frame_parse_ip(frame, l2, &ip))
		return false;
	source = load_address6(frame, ip.l3 + 8U);
	if (!is_unspecified(source) && !has_address6(policy, port, l2->src, source))
		return false;
	if (ip.protocol == IPPROTO_ICMPV6)
		return may_send_icmpv6(policy, port, frame, l2, &ip, source);
	return !is_unspecified(source);
}

static bool addresses_are_own(const struct policy *policy, const struct policy_port *port,
			      const struct frame *frame, const struct frame_l2 *l2)
{
	switch (l2->ethertype) {
	case ETHERTYPE_IPV4: return may_send_ipv4(policy, port, frame, l2);
	case ETHERTYPE_IPV6: return may_send_ipv6(policy, port, frame, l2);
	case ETHERTYPE_ARP:
	case ETHERTYPE_RARP: return may_send_arp(policy, port, frame, l2);
	}
	return !frame_is_snap(frame, l2) && !frame_is_tag(l2->ethertype);
}

/* RFC 1042 and IEEE 802.1H: an Ethernet type behind LLC/SNAP, which some receivers look at. */
static bool is_wrapped_ethernet(const struct frame *frame, const struct frame_l2 *l2)
{
	unsigned oui = frame_l2_size(l2) + 3U;

	if (!frame_is_snap(frame, l2) || oui + 5 > frame->head_len)
		return false;
	return frame->head[oui] == 0 && frame->head[oui + 1] == 0 &&
	       (frame->head[oui + 2] == 0 || frame->head[oui + 2] == 0xf8);
}

static bool is_from_dhcp_server(const struct frame *frame, const struct frame_ip *ip)
{
	uint16_t from = frame_load16(frame, ip->l4), to = frame_load16(frame, ip->l4 + 2U);

	if (ip->version == 4)
		return from == GUARD_DHCP_SERVER || to == GUARD_DHCP_CLIENT;
	return from == GUARD_DHCP6_SERVER || to == GUARD_DHCP6_CLIENT;
}

static bool is_from_router(const struct frame *frame, const struct frame_ip *ip)
{
	uint8_t type = frame->head[ip->l4];

	if (ip->version == 4)
		return type == GUARD_ICMP_ROUTER || type == GUARD_ICMP_REDIRECT;
	return type == GUARD_ICMP6_ROUTER || type == GUARD_ICMP6_REDIRECT;
}

/* The last paragraph of guard.h's table. */
static enum drop check_server(const struct policy_port *port, const struct frame *frame,
			      const struct frame_l2 *l2)
{
	bool dhcp = port->flags & POLICY_PORT_DHCP_GUARD;
	bool router = port->flags & POLICY_PORT_ROUTER_GUARD;
	struct frame_ip ip;
	bool is_udp, is_icmp;

	if (!dhcp && !router)
		return DROP_NONE;
	if (is_wrapped_ethernet(frame, l2) || frame_is_tag(l2->ethertype))
		return DROP_HIDDEN_HEADER;
	if (l2->ethertype != ETHERTYPE_IPV4 && l2->ethertype != ETHERTYPE_IPV6)
		return DROP_NONE;
	if (!frame_parse_ip(frame, l2, &ip))
		return DROP_HIDDEN_HEADER;
	is_udp = ip.protocol == IPPROTO_UDP;
	is_icmp = ip.protocol == (ip.version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (!ip.first || !((dhcp && is_udp) || (router && is_icmp)))
		return DROP_NONE;
	if (ip.l4 + 4 > frame->head_len)
		return DROP_HIDDEN_HEADER;
	if (is_udp)
		return is_from_dhcp_server(frame, &ip) ? DROP_DHCP_SERVER : DROP_NONE;
	return is_from_router(frame, &ip) ? DROP_ROUTER : DROP_NONE;
}

/* Does it claim what another port of the network owns? */
static enum drop check_claims(const struct policy *policy, uint16_t in, uint16_t network,
			      const struct frame *frame, const struct frame_l2 *l2)
{
	struct neighbour said;

	if (is_wrapped_ethernet(frame, l2) || !neighbour_read(frame, l2, &said))
		return DROP_HIDDEN_HEADER;
	for (unsigned i = 0; i < said.n_claims; i++)
		if (!policy_may_claim(policy, network, in, said.claims[i]))
			return DROP_CLAIMED_ADDRESS;
	return DROP_NONE;
}

static bool is_bpdu(const struct frame_l2 *l2)
{
	return l2->dst == BRIDGE_GROUP || l2->dst == PVST_GROUP;
}

enum drop guard_check(const struct policy *policy, uint16_t in, uint16_t network,
		      const struct frame *frame, const struct frame_l2 *l2)
{
	const struct policy_port *port = &policy_ports(policy)[in];
	enum drop drop = DROP_NONE;
	uint16_t bound_to;

	if (l2->src == 0 || mac_is_group(l2->src))
		return DROP_BAD_SOURCE;
	if (is_bpdu(l2)) {
		if (!(port->flags & POLICY_PORT_BPDU))
			return DROP_BPDU;
	} else if ((l2->dst & ~(mac48)0xf) == RESERVED_GROUPS) {
		return DROP_RESERVED_GROUP;
	}
	bound_to = policy_static_port(policy, network, l2->src);
	if (bound_to && bound_to != in)
		return DROP_SPOOFED_MAC;
	if (port->flags & POLICY_PORT_SPOOF_GUARD) {
		if (port->n_macs && bound_to != in)
			return DROP_SPOOFED_MAC;
		if ((port->n_addresses4 || port->n_addresses6) &&
		    !addresses_are_own(policy, port, frame, l2))
			return DROP_SPOOFED_ADDRESS;
	}
	if (policy_networks(policy)[network].flags & POLICY_NET_OWNED &&
	    !policy_is_customers(policy, network, in, l2->tagged + l2->stacked))
		drop = check_claims(policy, in, network, frame, l2);
	return drop == DROP_NONE ? check_server(port, frame, l2) : drop;
}
