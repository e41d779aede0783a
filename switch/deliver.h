/*
 * deliver - one destination's share of a burst.
 *
 * Between the decision and the ring: takes a VLAN tag off or puts one on, moves
 * the checksum's place along, completes offloads that the destination lacks,
 * and hands the frames to the port in one begin, put..., end.
 *
 * What was decided about is what is delivered: every byte of the headers comes
 * from the frame's snapshot, and only the rest is copied from where the sender
 * left it, once.
 */
#ifndef SWITCH_DELIVER_H
#define SWITCH_DELIVER_H

#include "switch/port.h"

/* One thread's private memory for delivering, reused for each destination. */
struct deliver_scratch;

int deliver_create(struct deliver_scratch **ret_scratch) __attribute__((warn_unused_result));
void deliver_destroy(struct deliver_scratch *scratch); /* NULL is fine */

/* What shall go to one destination. */
struct deliver_share {
	uint64_t frames; /* bit i: frame i of the burst */
	uint64_t tagged; /* of these: to leave with a tag */
	/* as far as tagged, by frame: the VLAN to push, and perhaps a priority */
	uint16_t tags[LIMIT_BURST];
};

/* How it went. */
struct deliver_result {
	uint64_t went;		       /* bit i: frame i of the share did */
	enum drop missed[LIMIT_BURST]; /* of the others: why not */
	uint64_t completed;	       /* bit i: software had to finish frame i */
	uint64_t bytes;		       /* of the frames that went, with the destination's tags */
};

/*
 * Put the frames of @share into @port. A tag that a frame came with comes off
 * first if its bit is set in @strip. @ring and @spread: see port.h, begin.
 */
void deliver_share(struct deliver_scratch *scratch, const struct burst *burst, uint64_t strip,
		   struct port *port, const struct deliver_share *share, struct uring *ring,
		   uint32_t spread, struct deliver_result *ret_result);

/* The same where there is no port: all of it is missed, PORT_DOWN. */
void deliver_nowhere(const struct deliver_share *share, struct deliver_result *ret_result);

#endif
