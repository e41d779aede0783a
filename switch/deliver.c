/*
 * deliver - edits, completes and puts frames; see deliver.h.
 *
 * A frame as a destination gets it is a list of pieces: first a few private
 * bytes if the tag changes (both addresses and the new tag), then what of the
 * snapshot stays, then the tail in the sender's memory. The private bytes of
 * all frames of a burst live until the destination's end, because a device may
 * write them only then. A frame that needs completing is first brought together
 * in one private buffer: what is checksummed is what is sent (reference H2).
 */
#include "switch/deliver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/offload.h"
#include "switch/policy.h"

enum {
	ADDRESSES = 12, /* bytes of both addresses, before any tag */
	TAGGED = ADDRESSES + FRAME_TAG,
	PIECES = LIMIT_FRAME_PIECES + 2,
	LINEAR = LIMIT_FRAME + FRAME_TAG,
	TCI_VID = 0x0fff,
};

struct deliver_scratch {
	uint8_t addresses[LIMIT_BURST][TAGGED]; /* by frame */
	struct iovec pieces[PIECES];
	uint8_t linear[LINEAR];
};

/* A frame as one destination gets it. */
struct edited {
	struct virtio_net_hdr_v1 hdr;
	const struct iovec *pieces; /* n_pieces of them */
	unsigned n_pieces;
	uint32_t len;
};

/* Where completed segments go. */
struct outlet {
	const struct port_ops *ops;
	void *sink;
	unsigned place;
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
 * The addresses and the tag of a frame that gets one, into @addresses. Priority
 * and drop eligibility of the tag that it came with are kept (IEEE 802.1Q, 6.9.3
 * and 6.9.4); without one they are 0.
 */
static void push_tag(uint8_t *addresses, const uint8_t *head, bool strip, uint16_t vlan)
{
	uint16_t tci = vlan;

	if (strip)
		tci |= (uint16_t)((head[ADDRESSES + 2] << 8 | head[ADDRESSES + 3]) & ~TCI_VID);
	memcpy(addresses, head, ADDRESSES);
	addresses[ADDRESSES] = ETHERTYPE_VLAN >> 8;
	addresses[ADDRESSES + 1] = ETHERTYPE_VLAN & 0xff;
	addresses[ADDRESSES + 2] = (uint8_t)(tci >> 8);
	addresses[ADDRESSES + 3] = (uint8_t)tci;
}

/* Make @frame ready for a destination that wants it with @tag. */
static void edit(struct deliver_scratch *scratch, const struct frame *frame, unsigned place,
		 bool strip, uint16_t tag, struct edited *ret)
{
	struct iovec *pieces = scratch->pieces;
	uint8_t *head = (uint8_t *)frame->head;
	unsigned kept = 0; /* bytes of the snapshot that are replaced by private ones */
	unsigned n = 0;

	ret->hdr = frame->hdr;
	ret->len = frame->len;
	if (tag != POLICY_UNTAGGED) {
		push_tag(scratch->addresses[place], head, strip, tag);
		pieces[n++] = (struct iovec){scratch->addresses[place], TAGGED};
		kept = strip ? TAGGED : ADDRESSES;
	} else if (strip) {
		pieces[n++] = (struct iovec){head, ADDRESSES};
		kept = TAGGED;
	}
	if (strip && tag == POLICY_UNTAGGED) {
		shift_offsets(&ret->hdr, -FRAME_TAG);
		ret->len -= FRAME_TAG;
	} else if (!strip && tag != POLICY_UNTAGGED) {
		shift_offsets(&ret->hdr, FRAME_TAG);
		ret->len += FRAME_TAG;
	}
	pieces[n++] = (struct iovec){head + kept, frame->head_len - kept};
	memcpy(pieces + n, frame->tail, frame->n_tail * sizeof(*pieces));
	ret->pieces = pieces;
	ret->n_pieces = n + frame->n_tail;
}

static enum drop emit(void *user, const struct virtio_net_hdr_v1 *hdr, const struct iovec *pieces,
		      unsigned n_pieces, uint32_t len)
{
	const struct outlet *outlet = user;

	return outlet->ops->put(outlet->sink, outlet->place, hdr, pieces, n_pieces, len);
}

/* Bring the pieces together and let software do what the destination cannot. */
static enum drop complete(struct deliver_scratch *scratch, const struct edited *edited,
			  uint32_t accepts, struct outlet *outlet)
{
	uint8_t *at = scratch->linear;

	if (edited->len > LINEAR)
		return DROP_SEGMENT_ERROR;
	for (unsigned i = 0; i < edited->n_pieces; i++) {
		memcpy(at, edited->pieces[i].iov_base, edited->pieces[i].iov_len);
		at += edited->pieces[i].iov_len;
	}
	return offload_complete(scratch->linear, edited->len, &edited->hdr, accepts, emit, outlet);
}

void deliver_nowhere(const struct deliver_share *share, struct deliver_result *ret_result)
{
	ret_result->completed = 0;
	ret_result->bytes = 0;
	for (uint32_t left = share->frames; left; left &= left - 1)
		ret_result->missed[__builtin_ctz(left)] = DROP_PORT_DOWN;
}

void deliver_share(struct deliver_scratch *scratch, const struct burst *burst, uint32_t strip,
		   struct port *port, const struct deliver_share *share, struct uring *ring,
		   uint32_t spread, struct deliver_result *ret_result)
{
	struct outlet outlet = {.ops = port->ops, .sink = port->ops->begin(port, ring, spread)};
	uint32_t lens[LIMIT_BURST];
	uint32_t accepts;

	if (!outlet.sink) {
		deliver_nowhere(share, ret_result);
		return;
	}
	ret_result->completed = 0;
	ret_result->bytes = 0;
	accepts = port->accepts;
	for (uint32_t left = share->frames; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		struct edited edited;

		edit(scratch, &burst->frames[i], i, strip >> i & 1, share->tags[i], &edited);
		lens[i] = edited.len;
		outlet.place = i;
		if (offload_needs(&edited.hdr) & ~accepts) {
			ret_result->missed[i] = complete(scratch, &edited, accepts, &outlet);
			ret_result->completed |= 1u << i;
		} else {
			ret_result->missed[i] = emit(&outlet, &edited.hdr, edited.pieces,
						     edited.n_pieces, edited.len);
		}
	}
	port->ops->end(outlet.sink, ret_result->missed);
	for (uint32_t left = share->frames; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		if (ret_result->missed[i] == DROP_NONE)
			ret_result->bytes += lens[i];
	}
}
