/*
 * frame - one Ethernet frame on its way through the switch.
 *
 * A frame is a private snapshot of everything that a decision may read (the
 * virtio-net header and the first bytes), and a list of the places in the
 * sender's memory where the rest still lies. The snapshot is fetched once;
 * decisions read it, and delivery writes it, so a guest that changes a header
 * after the check changes nothing (reference H1, H2). The rest is copied once,
 * straight to the receiver, and is never looked at.
 *
 * A frame lives for one burst on one worker. The tail pieces point into the
 * sender's memory, which stays mapped until the worker's next quiescent point.
 */
#ifndef SWITCH_FRAME_H
#define SWITCH_FRAME_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "switch/drop.h"
#include "switch/limits.h"
#include "switch/types.h"

enum {
	FRAME_HEAD = 128,	/* bytes of the snapshot: all that any stage reads */
	FRAME_ETH = 14,		/* bytes of an Ethernet header without a tag (IEEE 802.3, 3.1.1) */
	FRAME_TAG = 4,		/* bytes of an IEEE 802.1Q tag */
};

struct frame {
	struct virtio_net_hdr_v1 hdr;	/* checked by offload_check() before anything uses it */
	uint32_t len;			/* bytes of the Ethernet frame as received, without FCS */
	uint16_t head_len;		/* bytes in head: min(len, FRAME_HEAD) */
	uint16_t n_tail;
	struct iovec *tail;		/* bytes [head_len, len) of the frame, in the sender's memory */
	enum drop fault;		/* set by the port that took it: not to be looked at, only counted */
	uint8_t head[FRAME_HEAD];
};

/* The Ethernet header and at most one VLAN tag, as numbers. */
struct frame_l2 {
	mac48 dst;
	mac48 src;
	uint16_t ethertype;	/* of what follows the tag */
	uint16_t tci;		/* PCP, DEI, VID; 0 when untagged */
	bool tagged;		/* an 0x8100 tag stands first, VID 0 included */
};

/*
 * Read the Ethernet header of @frame's snapshot. Returns DROP_NONE, or why the
 * header cannot be used (RUNT, SERVICE_TAG, DOUBLE_TAG); @ret_l2 is untouched then.
 */
enum drop frame_parse(const struct frame *frame, struct frame_l2 *ret_l2);

#endif
