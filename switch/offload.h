/*
 * offload - checksums and segments that a sender left for somebody else to do.
 *
 * offload_check() judges a virtio-net header against the frame's snapshot
 * before anything trusts it (virtio 1.3, 5.1.6.2; reference vhost.md 2.4).
 * offload_complete() does in software what the destination cannot take.
 */
#ifndef SWITCH_OFFLOAD_H
#define SWITCH_OFFLOAD_H

#include <endian.h>

#include "switch/frame.h"
#include "switch/port.h"

enum {
	OFFLOAD_MSS_MIN = 48, /* smallest gso_size: bounds the segments of one frame to 1366 */
};

/* The header of a frame that asks for nothing: in one buffer, for all that is known so far. */
#define OFFLOAD_NONE ((struct virtio_net_hdr_v1){.num_buffers = htole16(1)})

/* Does @hdr ask for anything? If not, its other members mean nothing (virtio 1.3, 5.1.6.2). */
static inline bool offload_is_asked(const struct virtio_net_hdr_v1 *hdr)
{
	return hdr->flags || hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

/*
 * Check and normalise frame->hdr: DROP_NONE, or DROP_BAD_OFFLOAD. After it,
 * NEEDS_CSUM means a start and an offset inside the frame, gso_type is NONE,
 * TCPV4 or TCPV6 (perhaps with ECN) with a hdr_len and a gso_size that fit (a
 * frame of one segment is none), DATA_VALID and unknown flags are cleared, and
 * num_buffers is 1. @l2 may be tagged: all offsets count from the first byte of
 * the frame as it was received. Whether the sender negotiated the offload is for
 * its port to know and to check.
 *
 * Whoever finishes the checksum writes two bytes into the frame where the sender
 * says, after every check of the frame. So the place is one that no check has
 * read: a transport checksum, or behind the transport header (of a packet in a
 * tunnel); never in LLC, an ARP, an ICMP or a fragment.
 */
enum drop offload_check(struct frame *frame, const struct frame_l2 *l2);

/* What a destination would have to accept (enum port_accepts) to get @hdr as it is. */
uint32_t offload_needs(const struct virtio_net_hdr_v1 *hdr);

/*
 * Give @bytes (@len of them, contiguous and private, with the destination's tag
 * already in place; @hdr past offload_check(), with offsets to match) to @emit as frames that a
 * port accepting @accepts can take: checksums completed, segments made. @emit
 * gets each one's header and pieces, valid during the call, and returns DROP_NONE
 * to go on. Returns the first drop, or DROP_SEGMENT_ERROR if @hdr does not fit
 * @bytes. @bytes is scribbled on.
 */
typedef enum drop offload_emit(void *user, const struct virtio_net_hdr_v1 *hdr,
			       const struct iovec *pieces, unsigned n_pieces, uint32_t len);
enum drop offload_complete(uint8_t *bytes, uint32_t len, const struct virtio_net_hdr_v1 *hdr,
			   uint32_t accepts, offload_emit *emit, void *user);

#endif
