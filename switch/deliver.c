/*
 * deliver - edits, completes and puts frames; see deliver.h.
 *
 * Most frames go as they came: header and head stand in the snapshot as a ring
 * wants them, the rest lies with the sender. If a tag changes, header and head
 * are written anew beside the snapshot, which other destinations need as it is;
 * that copy lives until the destination's end, because a device may write it
 * only then. A frame that needs completing is first brought together in one
 * private buffer: what is checksummed is what is sent (reference H2).
 */
#include "switch/deliver.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/offload.h"
#include "switch/policy.h"

enum {
	ADDRESSES = 12, /* bytes of both addresses, before any tag */
	LINEAR = LIMIT_FRAME + FRAME_TAG,
	TCI_VID = 0x0fff,
};

struct deliver_scratch {
	struct frame edited[LIMIT_BURST];  /* with another tag than they came with */
	struct port_put puts[LIMIT_BURST]; /* that the port was not given yet */
	uint8_t linear[LINEAR];
};

/* A destination, while it gets its share. */
struct outlet {
	const struct port_ops *ops;
	void *sink;
	unsigned place;	 /* of the frame that is completed */
	uint64_t failed; /* places that did not go */
	enum drop *missed;
};

int deliver_create(struct deliver_scratch **ret_scratch)
{
	struct deliver_scratch *scratch = malloc(sizeof(*scratch));

	if (!scratch)
		return -ENOMEM;
	*ret_scratch = scratch;
	return 0;
}

void deliver_destroy(struct deliver_scratch *scratch)
{
	free(scratch);
}

/*
 * The offsets of a virtio-net header count from the first byte of the frame
 * (virtio 1.3, 5.1.6.2), so they move with a tag.
 */
static void shift_offsets(struct virtio_net_hdr_v1 *hdr, int by)
{
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		hdr->csum_start = (uint16_t)(hdr->csum_start + by);
	if (hdr->hdr_len)
		hdr->hdr_len = (uint16_t)(hdr->hdr_len + by);
}

/*
 * Priority and drop eligibility of the tag that a frame came with are kept (IEEE
 * 802.1Q, 6.9.3 and 6.9.4); without one they are 0. A customer's own is not looked at.
 */
static void write_tag(uint8_t *tag, const uint8_t *head, bool strip, uint16_t vlan)
{
	uint16_t tpid = vlan & POLICY_SERVICE ? ETHERTYPE_SERVICE : ETHERTYPE_VLAN;
	uint16_t tci = (uint16_t)(vlan & ~POLICY_SERVICE);

	if (strip)
		tci |= (uint16_t)((head[ADDRESSES + 2] << 8 | head[ADDRESSES + 3]) & ~TCI_VID);
	tag[0] = (uint8_t)(tpid >> 8);
	tag[1] = (uint8_t)tpid;
	tag[2] = (uint8_t)(tci >> 8);
	tag[3] = (uint8_t)tci;
}

/* @frame for a destination that wants it with @tag; all but header and head is left where it is. */
static void edit(const struct frame *frame, bool strip, uint16_t tag, struct frame *ret_edited)
{
	unsigned taken = strip ? ADDRESSES + FRAME_TAG : ADDRESSES;
	uint8_t *at = ret_edited->head + ADDRESSES;
	int growth = (tag != POLICY_UNTAGGED ? FRAME_TAG : 0) - (strip ? FRAME_TAG : 0);

	ret_edited->len = frame->len + (uint32_t)growth;
	ret_edited->head_len = (uint16_t)(frame->head_len + growth);
	ret_edited->n_tail = frame->n_tail;
	ret_edited->tail = frame->tail;
	ret_edited->hdr = frame->hdr;
	shift_offsets(&ret_edited->hdr, growth);
	memcpy(ret_edited->head, frame->head, ADDRESSES);
	if (tag != POLICY_UNTAGGED) {
		write_tag(at, frame->head, strip, tag);
		at += FRAME_TAG;
	}
	memcpy(at, frame->head + taken, frame->head_len - taken);
}

/* Give the port the @n frames that wait for it. */
static void flush(struct deliver_scratch *scratch, struct outlet *outlet, unsigned n)
{
	if (n)
		outlet->failed |= outlet->ops->put(outlet->sink, scratch->puts, n, outlet->missed);
}

static enum drop emit(void *user, const struct virtio_net_hdr_v1 *hdr, const struct iovec *pieces,
		      unsigned n_pieces, uint32_t len)
{
	const struct outlet *outlet = user;
	struct frame frame;
	const struct port_put put = {&frame, outlet->place};

	frame.len = len;
	frame.head_len = 0;
	frame.n_tail = (uint16_t)n_pieces;
	frame.tail = (struct iovec *)pieces;
	frame.hdr = *hdr;
	frame.hdr.num_buffers = htole16(1);
	if (outlet->ops->put(outlet->sink, &put, 1, outlet->missed))
		return outlet->missed[outlet->place];
	return DROP_NONE;
}

/* Bring @frame together and let software do what the destination cannot. */
static void complete(struct deliver_scratch *scratch, const struct frame *frame, uint32_t accepts,
		     struct outlet *outlet)
{
	uint8_t *at = scratch->linear;
	enum drop drop = DROP_SEGMENT_ERROR;

	if (frame->len <= LINEAR) {
		memcpy(at, frame->head, frame->head_len);
		at += frame->head_len;
		for (unsigned i = 0; i < frame->n_tail; i++) {
			memcpy(at, frame->tail[i].iov_base, frame->tail[i].iov_len);
			at += frame->tail[i].iov_len;
		}
		drop = offload_complete(scratch->linear, frame->len, &frame->hdr, accepts, emit,
					outlet);
	}
	if (drop != DROP_NONE) {
		outlet->missed[outlet->place] = drop;
		outlet->failed |= UINT64_C(1) << outlet->place;
	}
}

void deliver_nowhere(const struct deliver_share *share, struct deliver_result *ret_result)
{
	ret_result->completed = 0;
	ret_result->bytes = 0;
	ret_result->went = 0;
	for (uint64_t left = share->frames; left; left &= left - 1)
		ret_result->missed[__builtin_ctzll(left)] = DROP_PORT_DOWN;
}

void deliver_share(struct deliver_scratch *scratch, const struct burst *burst, uint64_t strip,
		   struct port *port, const struct deliver_share *share, struct uring *ring,
		   uint32_t spread, struct deliver_result *ret_result)
{
	struct outlet outlet = {
		.ops = port->ops,
		.sink = port->ops->begin(port, ring, spread),
		.missed = ret_result->missed,
	};
	const uint64_t edited = strip | share->tagged;
	uint64_t bytes = 0, completed = 0;
	unsigned n = 0;

	if (!outlet.sink) {
		deliver_nowhere(share, ret_result);
		return;
	}
	for (uint64_t left = share->frames; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct frame *frame = &burst->frames[i];

		if (__builtin_expect(edited >> i & 1, 0)) {
			edit(frame, strip >> i & 1,
			     share->tagged >> i & 1 ? share->tags[i] : POLICY_UNTAGGED,
			     &scratch->edited[i]);
			frame = &scratch->edited[i];
		}
		bytes += frame->len;
		if (__builtin_expect(offload_is_asked(&frame->hdr), 0) &&
		    offload_needs(&frame->hdr) & ~port->accepts) {
			flush(scratch, &outlet, n);
			n = 0;
			outlet.place = i;
			complete(scratch, frame, port->accepts, &outlet);
			completed |= UINT64_C(1) << i;
		} else {
			scratch->puts[n++] = (struct port_put){frame, i};
		}
	}
	flush(scratch, &outlet, n);
	outlet.failed |= port->ops->end(outlet.sink, ret_result->missed);
	for (uint64_t left = share->frames & outlet.failed; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		bytes -= edited >> i & 1 ? scratch->edited[i].len : burst->frames[i].len;
	}
	ret_result->went = share->frames & ~outlet.failed;
	ret_result->completed = completed;
	ret_result->bytes = bytes;
}
