/*
 * rate - how much may pass: bits and packets a second, and floods.
 *
 * A limit is a bucket that is kept as one number: the time at which all that has
 * passed is paid for (the virtual scheduling of ITU-T I.371, annex A). A frame
 * passes if that time is less than a burst ahead of now, and moves it by what
 * the frame costs. So a frame larger than the burst passes, too, and who comes
 * next waits for it: in the long run exactly the rate passes, whatever the sizes
 * of the frames, and the burst bounds only what passes at once.
 *
 * Apart from decide(), because it remembers. The time comes from the caller, in
 * milliseconds: a coarse clock makes the frames of a millisecond pass together,
 * and loses nothing as long as the burst is not below it.
 *
 * Threads. The ports and tenants of all workers share one table, without a lock:
 * a bucket is one atomic word, to which each frame adds its cost. Workers who
 * look at the same moment may let one frame each pass where there was room for
 * one; it is paid for afterwards. Memory. rate_create() allocates all of it,
 * private to the data plane; a new data plane begins with full bursts.
 */
#ifndef SWITCH_RATE_H
#define SWITCH_RATE_H

#include "switch/frame.h"
#include "switch/policy.h"

struct rate_table;

/* A limit of @per_second bits or packets (0: none), and @burst_ms of it at once. */
struct policy_limit rate_limit(uint64_t per_second, uint32_t burst_ms);

int rate_create(struct rate_table **ret_table) __attribute__((warn_unused_result));
void rate_destroy(struct rate_table *table); /* NULL is fine */

enum rate_way {
	RATE_IN,  /* from the port into the switch */
	RATE_OUT, /* to the port */
};

/* For the two functions below: has the port any limit at all? */
static inline bool rate_is_limited(const struct policy_port *port)
{
	return port->limits || port->tenant_limits;
}

/*
 * May @packets of @len bytes together pass live port @port, now, for its own rate
 * and its tenant's? True: they are paid for.
 */
bool rate_admit(struct rate_table *table, const struct policy *policy, uint16_t port,
		enum rate_way way, uint32_t len, uint32_t packets, clock_ms now);

/*
 * May a frame that live port @in sends to @dst be flooded? Broadcast, multicast,
 * and, if @dst is neither, unknown unicast count. True: it is paid for.
 */
bool rate_admit_flood(struct rate_table *table, const struct policy *policy, uint16_t in, mac48 dst,
		      clock_ms now);

/*
 * For back-pressure, from a port with POLICY_PORT_WAITS. How many frames, of any
 * size, may be taken from it now: 0, or so few that the largest frames do not
 * pass much more at once than the burst. And what they cost, once they are taken.
 */
unsigned rate_room(const struct rate_table *table, const struct policy *policy, uint16_t in,
		   clock_ms now);
void rate_charge(struct rate_table *table, const struct policy *policy, uint16_t port,
		 enum rate_way way, uint32_t len, uint32_t packets, clock_ms now);

/* As how many packets a frame counts: of one to be segmented, the segments. */
uint32_t rate_packets(const struct frame *frame);

#endif
