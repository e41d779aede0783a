/*
 * neighbour - see neighbour.h. What no receiver would believe is not a message: ARP
 * that is cut off or not of Ethernet and IPv4 addresses, neighbour discovery from
 * afar or in fragments (RFC 4861, 7.1; RFC 6980).
 */
#include <netinet/in.h>
#include <string.h>

#include "switch/neighbour.h"

enum {
	HOPS = 255, /* RFC 4861, 7.1: what came from further away is none */
	ARP_REQUEST = 1,
};

static void claim(struct neighbour *said, struct policy_address address)
{
	if (address.high | (address.low & ~POLICY_MAPPED4))
		said->claims[said->n_claims++] = address;
}

static void read_arp(const struct frame *frame, unsigned at, bool arp, struct neighbour *said)
{
	/* Some receivers look at the addresses' sizes, and at nothing before them. */
	if (at + NEIGHBOUR_ARP_SIZE > frame->head_len || frame_load16(frame, at + 4) != 0x0604)
		return;
	claim(said, policy_address4(frame_load32(frame, at + 14)));
	said->asks = arp && frame_load16(frame, at + 6) == ARP_REQUEST;
	said->asked = policy_address4(frame_load32(frame, at + 24));
}

static struct policy_address load_address(const struct frame *frame, unsigned at)
{
	return (struct policy_address){frame_load64(frame, at), frame_load64(frame, at + 8)};
}

static void read_nd(const struct frame *frame, const struct frame_ip *ip, struct neighbour *said)
{
	struct policy_address source = load_address(frame, ip->l3 + 8U), target;
	uint8_t type = frame->head[ip->l4];

	claim(said, source);
	if (type < NEIGHBOUR_SOLICIT || ip->l4 + NEIGHBOUR_ND_SIZE > frame->head_len)
		return;
	target = load_address(frame, ip->l4 + 8U);
	if (type != NEIGHBOUR_SOLICIT || said->n_claims == 0)
		claim(said, target);
	said->asks = type == NEIGHBOUR_SOLICIT;
	said->asked = target;
}

bool neighbour_read(const struct frame *frame, const struct frame_l2 *l2,
		    struct neighbour *ret_said)
{
	struct frame_ip ip;

	memset(ret_said, 0, sizeof(*ret_said));
	if (l2->ethertype == ETHERTYPE_ARP || l2->ethertype == ETHERTYPE_RARP) {
		read_arp(frame, frame_l2_size(l2), l2->ethertype == ETHERTYPE_ARP, ret_said);
		return true;
	}
	if (l2->ethertype != ETHERTYPE_IPV6)
		return true;
	if (!frame_parse_ip(frame, l2, &ip))
		return false;
	if (ip.protocol != IPPROTO_ICMPV6 || ip.fragment || frame->head[ip.l3 + 7] != HOPS)
		return true;
	if (ip.l4 + 4 > frame->head_len)
		return false;
	if (frame->head[ip.l4] >= NEIGHBOUR_ROUTER_SOLICIT &&
	    frame->head[ip.l4] <= NEIGHBOUR_REDIRECT)
		read_nd(frame, &ip, ret_said);
	return true;
}
