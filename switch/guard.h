/*
 * guard - may this port say that?
 *
 * The checks of a frame against what is bound to its port: source MAC, IPv4 and
 * IPv6 source, ARP sender, ND target; and what no guest may send at all (group
 * or zero source, link-local groups of IEEE 802.1Q, table 8-1). Reads only the
 * snapshot; what cannot be read completely from it and is bound, is refused.
 */
#ifndef SWITCH_GUARD_H
#define SWITCH_GUARD_H

#include "switch/frame.h"
#include "switch/policy.h"

/* DROP_NONE, or the reason to refuse @frame of network @network from port @in. */
enum drop guard_check(const struct policy *policy, uint16_t in, uint16_t network,
		      const struct frame *frame, const struct frame_l2 *l2);

#endif
