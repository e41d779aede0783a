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

#include <endian.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <sys/uio.h>

#include "switch/drop.h"
#include "switch/limits.h"
#include "switch/types.h"

enum {
	FRAME_HEAD = 128, /* bytes of the snapshot: all that any stage reads */
	FRAME_ETH = 14,	  /* bytes of an Ethernet header without a tag (IEEE 802.3, 3.1.1) */
	FRAME_TAG = 4,	  /* bytes of an IEEE 802.1Q tag */
};

struct frame {
	/* as vhost/vhost.h has it, which takes and puts frames as they are (port_vhost.c) */
	uint32_t len;	   /* bytes of the Ethernet frame as received, without FCS */
	uint16_t head_len; /* bytes in head: min(len, FRAME_HEAD) as received */
	uint16_t n_tail;
	struct iovec *tail; /* bytes [head_len, len) of the frame, in the sender's memory */
	enum drop fault;    /* set by the port that took it: not to be looked at, only counted */
	/* As a guest's ring has them, one behind the other: the usual frame is one copy each way. */
	struct virtio_net_hdr_v1 hdr; /* checked by offload_check() before anything uses it */
	uint8_t head[FRAME_HEAD + FRAME_TAG]; /* with room for a tag of the switch's own */
};
_Static_assert(offsetof(struct frame, head) ==
		       offsetof(struct frame, hdr) + sizeof(struct virtio_net_hdr_v1),
	       "the head stands behind the header");

/*
 * Bytes of the longest frame that comes of this one: of its segments, if it is
 * to be segmented. offload_check() has made sure of the numbers.
 */
static inline uint32_t frame_wire_len(const struct frame *frame)
{
	if (frame->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return frame->len;
	return (uint32_t)le16toh(frame->hdr.hdr_len) + le16toh(frame->hdr.gso_size);
}

/* The Ethernet header and at most two VLAN tags, as numbers. */
struct frame_l2 {
	mac48 dst;
	mac48 src;
	uint16_t ethertype; /* of what follows the tags */
	uint16_t tci;	    /* PCP, DEI, VID of the first tag; 0 when untagged */
	uint16_t tpid;	    /* its own ethertype */
	bool tagged;	    /* a tag stands first, VID 0 included */
	bool stacked;	    /* another one stands behind it */
};

/* Ethertypes that some stage knows (IANA "IEEE 802 Numbers"); below the first it is a length. */
enum {
	ETHERTYPE_MIN = 0x0600,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_RARP = 0x8035,
	ETHERTYPE_VLAN = 0x8100, /* IEEE 802.1Q customer tag */
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_SERVICE = 0x88a8, /* IEEE 802.1ad service tag */
	ETHERTYPE_QINQ = 0x9100,    /* the same, before there was a standard */
};

/* Where the payload of the Ethernet header begins. */
static inline uint16_t frame_l2_size(const struct frame_l2 *l2)
{
	return (uint16_t)(FRAME_ETH + FRAME_TAG * (l2->tagged + l2->stacked));
}

/* Does a tag follow, of IEEE 802.1Q or of its forerunners? */
static inline bool frame_is_tag(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SERVICE ||
	       ethertype == ETHERTYPE_QINQ;
}

/*
 * Read the Ethernet header of @frame's snapshot. Which tags it may have is its port's to
 * say. RUNT if it is cut off; @ret_l2 is untouched then.
 */
enum drop frame_parse(const struct frame *frame, struct frame_l2 *ret_l2);

/* Where the headers of an IP packet lie, as offsets into the snapshot. */
struct frame_ip {
	uint8_t version;  /* 4 or 6 */
	uint8_t protocol; /* of what stands at l4, extension headers skipped */
	uint16_t l3;
	uint16_t l4;	      /* not beyond the snapshot's end, but perhaps at it */
	bool fragment;	      /* one of several */
	bool first;	      /* holds the beginning of the packet: l4 is a transport header */
	uint16_t part;	      /* where that begins which fragments are parts of; l4 but for IPv6 */
	uint16_t part_offset; /* bytes of the packet before this part */
	uint32_t part_id;     /* what all fragments of the packet have (RFC 791, RFC 8200, 4.5) */
};

/*
 * Find the transport header of an IPv4 or IPv6 packet. False if it is neither,
 * or if a header on the way there is malformed or not completely in the
 * snapshot; @ret_ip is untouched then.
 */
bool frame_parse_ip(const struct frame *frame, const struct frame_l2 *l2, struct frame_ip *ret_ip);

/* The same for a header of IP @version (4 or 6) at @l3: one inside of an ICMP error. */
bool frame_parse_ip_at(const struct frame *frame, unsigned version, uint16_t l3,
		       struct frame_ip *ret_ip);

/*
 * A length instead of a type, and perhaps a SNAP header behind it (IEEE 802, 9.2),
 * which could be followed by IP (RFC 1042): said of more frames than are, since
 * receivers differ in which of the two service access points they look at.
 */
bool frame_is_snap(const struct frame *frame, const struct frame_l2 *l2);

/* Big-endian numbers of the snapshot; the bytes must lie inside of it. */
static inline uint16_t frame_load16(const struct frame *frame, unsigned at)
{
	return (uint16_t)(frame->head[at] << 8 | frame->head[at + 1]);
}

static inline uint32_t frame_load32(const struct frame *frame, unsigned at)
{
	return (uint32_t)frame_load16(frame, at) << 16 | frame_load16(frame, at + 2);
}

static inline uint64_t frame_load64(const struct frame *frame, unsigned at)
{
	return (uint64_t)frame_load32(frame, at) << 32 | frame_load32(frame, at + 4);
}

#endif
