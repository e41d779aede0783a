/*
 * filter - may this frame pass by the rules of the two ports?
 *
 * policy_permits() says which ports belong together; filter_permits() says what
 * they may tell one another. Whatever takes a frame from one port to another
 * asks both: unicast, flood, trace. RULES.md is the table of what becomes of
 * which frame, with the script that tests each row.
 *
 * A frame meets up to four lists, in this order, and must pass all of them:
 *	the sender's `acl: in`		before anything is looked up
 *	the sender's groups		rules of direction out
 *	the receiver's groups		rules of direction in
 *	the receiver's `acl: out`
 *
 * ACLs are ordered and stateless: the first rule that matches decides, and a frame
 * that no rule matches is dropped (RFC 8519). Groups only allow: one rule of
 * one of the port's groups is enough. ARP and neighbour discovery pass groups
 * without a rule, and ACLs unless a rule matches them.
 *
 * Groups are stateful: their rules are asked about the packet that begins a
 * session (switch/session.h), in its direction, and about all packets that can be of
 * none. What belongs to a session that the rules still allow passes. Without a
 * table of sessions they are asked about every packet.
 *
 * A group as a peer means its members' ports: a frame is from a group if it comes
 * from such a port, whatever it says of itself. An address set as a peer means the
 * packet's address.
 *
 * Pure, as decide() is, whose part this is.
 */
#ifndef SWITCH_FILTER_H
#define SWITCH_FILTER_H

#include "switch/frame.h"
#include "switch/policy.h"
#include "switch/session.h"

/* What rules can see of a frame. */
enum filter_kind {
	FILTER_UNREAD = 0, /* nobody asked; passes where there are no rules, and only there */
	FILTER_ILLEGIBLE,  /* IP whose headers cannot be read: no rules let it pass */
	FILTER_NEIGHBOUR,  /* ARP, RARP, neighbour and listener discovery */
	FILTER_OTHER,	   /* anything else that has a key */
};

enum filter_step {
	FILTER_ACL_IN,
	FILTER_GROUP_OUT,
	FILTER_GROUP_IN,
	FILTER_ACL_OUT,
	FILTER__STEPS,
};

enum { FILTER_NO_RULE = 0xffffffff };

/* The rule that a frame met first in a list. */
struct filter_hit {
	uint16_t list; /* number of the list; 0: none was asked */
	bool log;
	uint32_t rule; /* its place in the list, or FILTER_NO_RULE: none matched */
};

struct filter {
	enum filter_kind kind;
	bool plain;   /* TCP or UDP in one piece, nothing between its headers: see decide_reads */
	bool tracked; /* what follows the key is set: a port with groups takes part */
	struct classify_key key;
	struct session_packet packet;
	struct session_found found;
};

/* Read what rules ask of @frame. */
void filter_read(const struct frame *frame, const struct frame_l2 *l2, struct filter *ret_filter);

/*
 * What is @frame of @network, read before, to the sessions? @out is PORT_NONE if
 * it is flooded. To be asked before filter_permits() if either port has groups.
 */
void filter_track(const struct policy *policy, const struct sessions *sessions,
		  const struct frame *frame, const struct frame_l2 *l2, uint16_t network,
		  struct port_ref in, struct port_ref out, clock_ms now, struct filter *filter);

/* May it come in? Asks `acl: in` of port @in. Fills the step's place in @ret_hits. */
enum drop filter_admits(const struct policy *policy, const struct filter *filter, uint16_t in,
			struct filter_hit ret_hits[FILTER__STEPS]);

/*
 * May it go from port @in to port @out, which policy_permits() lets it? Fills the
 * places in @ret_hits of the steps it asks, the last of which refused.
 */
enum drop filter_permits(const struct policy *policy, const struct filter *filter, uint16_t in,
			 uint16_t out, struct filter_hit ret_hits[FILTER__STEPS]);

#endif
