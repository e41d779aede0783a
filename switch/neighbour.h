/*
 * neighbour - what ARP and neighbour discovery say about addresses.
 *
 * Hosts believe one another's neighbour messages without proof: whoever speaks from
 * an address, or advertises it, is from then on taken for its owner. So some
 * addresses in a message are claims, and one may be a question:
 *	ARP, RARP	claims the sender's address; a request asks for the target
 *			(RFC 826; announcements, RFC 5227, 3)
 *	ND		claims the source of any of its messages (their link-layer
 *			options are learned for it: RFC 4861, 7.2.3 and 6.2.6) and the
 *			target of an advertisement or a redirect; a solicitation asks for
 *			its target; from :: it claims it as well (RFC 4862, 5.4.3)
 * The unspecified address is nobody's. guard.h says who may claim what, decide.h who
 * is asked.
 *
 * Pure; reads the snapshot only.
 */
#ifndef SWITCH_NEIGHBOUR_H
#define SWITCH_NEIGHBOUR_H

#include "switch/frame.h"
#include "switch/policy.h"

enum {
	NEIGHBOUR_ARP_SIZE = 28, /* RFC 826, for Ethernet and IPv4 */
	NEIGHBOUR_ND_SIZE = 24,	 /* solicitations and advertisements, without options */

	NEIGHBOUR_ROUTER_SOLICIT = 133, /* types of ICMPv6, RFC 4861, 4 */
	NEIGHBOUR_SOLICIT = 135,
	NEIGHBOUR_ADVERT = 136,
	NEIGHBOUR_REDIRECT = 137,
};

struct neighbour {
	unsigned n_claims;
	struct policy_address claims[2];
	bool asks;
	struct policy_address asked;
};

/*
 * What @frame says: all zero if it is no neighbour message. False: it is IPv6 that
 * could be one, but hides its ICMPv6 header.
 */
bool neighbour_read(const struct frame *frame, const struct frame_l2 *l2,
		    struct neighbour *ret_said);

#endif
