/*
 * decide - where does a frame go, and why? The pipeline as a pure function.
 *
 * decide() reads a policy, the learned state and a frame's snapshot, and says
 * what shall happen. It changes nothing and knows no ports but by number.
 * Workers, `sluicectl trace`, the model tests and the fuzzers call this same
 * function; there is no second implementation that could disagree.
 *
 * The stages, in this order, each of which may drop with a reason of its own:
 *   parse    the Ethernet header and at most one tag         (frame_parse)
 *   place    which network does it belong to?                (the port's mode)
 *   guard    may this port say that?                         (guard_check)
 *   admit    does the sender's `acl: in` let it in?          (filter_admits)
 *   look up  static address, learned address, unknown, group; where the network
 *            suppresses questions, the port that is asked for (neighbour.h); where
 *            it snoops, the ports that want the group (snoop.h)
 *   permit   each candidate output asks policy_permits()
 *   filter   and then the rules of both ports                (filter_permits)
 *
 * Before it stands offload_check(), which edits the frame's virtio-net header
 * and so cannot be part of a pure function: the place stage asks that header
 * whether the frame is longer than its network's mtu because it is to be
 * segmented. VLAN.md has the place stage as a table,
 * RULES.md what the rules see of which frame.
 */
#ifndef SWITCH_DECIDE_H
#define SWITCH_DECIDE_H

#include "switch/fdb.h"
#include "switch/filter.h"
#include "switch/frame.h"
#include "switch/policy.h"
#include "switch/snoop.h"

/* How far a frame came; the stage of a drop is the stage that refused it. */
enum decide_stage {
	STAGE_PARSE,
	STAGE_PLACE,
	STAGE_GUARD,
	STAGE_ADMIT,
	STAGE_LOOKUP,
	STAGE_PERMIT,
	STAGE_FILTER,
	STAGE_DONE,
};

enum fate {
	FATE_DROP,    /* see drop */
	FATE_UNICAST, /* to output, with tag */
	FATE_FLOOD,   /* to every port that decide_flood_next() names */
};

/*
 * What a decision depended on besides the policy and what is learned: how much
 * of a frame another one must have in common with it to be decided alike.
 */
enum decide_reads {
	/* its port, MACs, tag, ethertype, and whether it is too long for its network */
	DECIDE_READS_L2,
	/* and addresses, protocol, ports: of TCP or UDP in one piece, headers whole */
	DECIDE_READS_FLOW,
	/* anything: no two frames are alike */
	DECIDE_READS_ALL,
};

/* How the destination was found. */
enum lookup {
	LOOKUP_NONE,
	LOOKUP_STATIC, /* bound by the configuration */
	LOOKUP_LEARNED,
	LOOKUP_UNKNOWN, /* unicast, nowhere seen */
	LOOKUP_GROUP,	/* broadcast or multicast */
	LOOKUP_WANTED,	/* multicast that some ports want: see decision.wanted */
	LOOKUP_OWNER,	/* as a group, but asks for an address that one port owns */
};

struct decision {
	enum fate fate;
	enum decide_stage stage;
	enum drop drop;
	enum lookup lookup;
	enum decide_reads reads;
	uint16_t network; /* id, once placed */
	uint16_t in;	  /* port id */
	uint16_t output;  /* FATE_UNICAST: port id */
	uint16_t tag;	  /* FATE_UNICAST: POLICY_UNTAGGED or the VLAN to push, with l2's PCP */
	bool learn;	  /* the caller shall fdb_learn() l2.src behind in, whatever the fate */
	bool tells;	  /* the caller shall snoop_learn() from it, whatever the fate */
	bool strip;	  /* a tag (priority tags included) comes off before delivery */
	struct frame_l2 l2;
	/* the rules that it met; FATE_FLOOD: only those before the lookup */
	struct filter_hit hits[FILTER__STEPS];
	struct session_ref end; /* the rules that let it begin are gone: session_end() it */
	bool commit; /* it passes by its session: the caller shall session_commit() filter.packet */
	struct filter filter;	   /* for decide_flood_next(), as the next */
	struct snoop_ports wanted; /* LOOKUP_WANTED: by these */
};

/*
 * Decide about @frame, which has passed offload_check(), from port @in at time
 * @now. @sessions may be NULL: then groups are asked about every packet. @in must be
 * a live port of @policy, otherwise the fate is a drop for NO_NETWORK. Pure: the same
 * arguments, the same answer, and nothing is written but *@ret.
 */
void decide(const struct policy *policy, const struct fdb *fdb, const struct sessions *sessions,
	    const struct frame *frame, struct port_ref in, clock_ms now, struct decision *ret);

/*
 * May @port get a frame that is flooded as @decision says, and with which tag? Why not, or
 * DROP_NONE; fills the places in @ret_hits as filter_permits() does. A decision that found
 * nobody may be asked, too.
 */
enum drop decide_flood_permits(const struct policy *policy, const struct decision *decision,
			       uint16_t port, uint16_t *ret_tag,
			       struct filter_hit ret_hits[FILTER__STEPS]);

/*
 * The outputs of a FATE_FLOOD decision, one at a time: *@cursor starts at 0.
 * False at the end. Only permitted ports are named; the sender never is.
 */
bool decide_flood_next(const struct policy *policy, const struct decision *decision,
		       uint32_t *cursor, uint16_t *ret_port, uint16_t *ret_tag);

#endif
