/*
 * mark - what class of traffic a port's frames are: their priority and their
 * differentiated services.
 *
 * A guest may write what it likes into the priority of its tags (IEEE 802.1Q, 6.9.3)
 * and the DSCP of its packets (RFC 2474, 3); a port may keep it, or say itself what
 * it is. Marks are written into the snapshot before anything is decided, so what was
 * decided about is what is delivered; no decision reads them.
 */
#ifndef SWITCH_MARK_H
#define SWITCH_MARK_H

#include "switch/frame.h"
#include "switch/policy.h"

static inline bool mark_is_due(const struct policy_port *port)
{
	return port->pcp || port->dscp;
}

/*
 * Mark a frame that came from @port. Its priority is taken out of the tag that it came
 * with, if it is the port's to say (a customer's tags are not, POLICY_QINQ): mark_tci() has it for the tag that it leaves with.
 */
void mark_frame(const struct policy_port *port, struct frame *frame);

/* What to add to a VLAN that is pushed on frames from @port. */
static inline uint16_t mark_tci(const struct policy_port *port)
{
	return port->pcp ? (uint16_t)((port->pcp - 1) << 13) : 0;
}

#endif
