/*
 * offload - is it true what the virtio-net header says, and doing it.
 *
 * The first half judges the header against the snapshot; it runs for every
 * frame that has any offload. The second half runs for a destination that lacks
 * one, on a private copy of the frame that has its final shape. It believes
 * nothing of the copy but what it bounds again: the copy's bytes behind the
 * snapshot were never looked at.
 *
 * All 16-bit fields of a virtio_net_hdr_v1 are little-endian (virtio 1.3, 1.4),
 * all of a packet's are big-endian. Checksums: RFC 1071.
 */
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "switch/offload.h"

enum {
	IPV4_SIZE = 20,
	IPV6_SIZE = 40,
	TCP_SIZE = 20, /* RFC 9293, 3.1, without options */
	TCP_CSUM = 16, /* offsets of the checksum in the transport header */
	UDP_CSUM = 6,
	UDP_SIZE = 8,

	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_CWR = 0x80,

	/* The snapshot bounds where TCP starts; its own header has 60 bytes at most. */
	HEADERS_MAX = FRAME_HEAD + FRAME_TAG + 60,
};

/*
 * May a checksum that starts at @start be written at @field? Only where no stage
 * has looked: see offload.h.
 */
static bool csum_place_is_own(const struct frame *frame, const struct frame_l2 *l2, unsigned start,
			      unsigned field)
{
	struct frame_ip ip;
	unsigned l4;

	if (start < frame_l2_size(l2))
		return false;
	/* a length: what follows is LLC, which the server guards look for IP in */
	if (l2->ethertype < ETHERTYPE_MIN)
		return false;
	if (l2->ethertype == ETHERTYPE_ARP || l2->ethertype == ETHERTYPE_RARP)
		return false;
	if (l2->ethertype != ETHERTYPE_IPV4 && l2->ethertype != ETHERTYPE_IPV6)
		return true;
	if (!frame_parse_ip(frame, l2, &ip) || ip.fragment || start < ip.l4)
		return false;
	l4 = ip.l4;
	switch (ip.protocol) {
	case IPPROTO_TCP: return start == l4 && field == l4 + TCP_CSUM;
	case IPPROTO_UDP: return start == l4 ? field == l4 + UDP_CSUM : start >= l4 + UDP_SIZE;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return false;
	}
	return true;
}

/* A length field that is 0 leaves it to the reader (as some LSO drivers do). */
static bool ip_length_fits(const struct frame *frame, const struct frame_ip *ip)
{
	unsigned rest = frame->len - ip->l3;
	unsigned length;

	if (ip->version == 4) {
		length = frame_load16(frame, ip->l3 + 2U);
		return length == 0 || length == rest;
	}
	length = frame_load16(frame, ip->l3 + 4U);
	return length == 0 || length == rest - IPV6_SIZE;
}

/* Where TCP's payload begins, or 0 if the headers are not what @gso_type says. */
static unsigned tso_header_size(const struct frame *frame, const struct frame_l2 *l2,
				unsigned gso_type)
{
	struct frame_ip ip;
	unsigned tcp_size;

	if (!frame_parse_ip(frame, l2, &ip) || ip.fragment || ip.protocol != IPPROTO_TCP)
		return 0;
	if (ip.version != (gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ? 4 : 6))
		return 0;
	if (ip.l4 + TCP_SIZE > frame->head_len || !ip_length_fits(frame, &ip))
		return 0;
	tcp_size = (frame->head[ip.l4 + 12] >> 4) * 4U;
	if (tcp_size < TCP_SIZE || ip.l4 + tcp_size > frame->len)
		return 0;
	return ip.l4 + tcp_size;
}

enum drop offload_check(struct frame *frame, const struct frame_l2 *l2)
{
	const struct virtio_net_hdr_v1 claim = frame->hdr;
	struct virtio_net_hdr_v1 hdr = OFFLOAD_NONE;
	unsigned gso_type = claim.gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
	unsigned start = le16toh(claim.csum_start);
	unsigned field = start + le16toh(claim.csum_offset);

	if (claim.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (field + 2 > frame->len || !csum_place_is_own(frame, l2, start, field))
			return DROP_BAD_OFFLOAD;
		hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr.csum_start = claim.csum_start;
		hdr.csum_offset = claim.csum_offset;
	}
	if (claim.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		unsigned size, mss = le16toh(claim.gso_size);

		if (gso_type != VIRTIO_NET_HDR_GSO_TCPV4 && gso_type != VIRTIO_NET_HDR_GSO_TCPV6)
			return DROP_BAD_OFFLOAD;
		if (!hdr.flags || mss < OFFLOAD_MSS_MIN)
			return DROP_BAD_OFFLOAD;
		size = tso_header_size(frame, l2, gso_type);
		if (size == 0)
			return DROP_BAD_OFFLOAD;
		if (frame->len - size > mss) {
			hdr.gso_type = claim.gso_type;
			hdr.gso_size = claim.gso_size;
			hdr.hdr_len = htole16((uint16_t)size);
		}
	}
	frame->hdr = hdr;
	return DROP_NONE;
}

uint32_t offload_needs(const struct virtio_net_hdr_v1 *hdr)
{
	uint32_t needs = hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? PORT_ACCEPTS_CSUM : 0;

	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4: needs |= PORT_ACCEPTS_TSO4; break;
	case VIRTIO_NET_HDR_GSO_TCPV6: needs |= PORT_ACCEPTS_TSO6; break;
	}
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		needs |= PORT_ACCEPTS_ECN;
	return needs;
}

static uint16_t load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void store_be16(uint8_t *bytes, unsigned value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static uint32_t load_be32(const uint8_t *bytes)
{
	return (uint32_t)load_be16(bytes) << 16 | load_be16(bytes + 2);
}

static void store_be32(uint8_t *bytes, uint32_t value)
{
	store_be16(bytes, value >> 16);
	store_be16(bytes + 2, value & 0xffff);
}

/* The ones' complement sum of @len bytes, not folded: eight bytes at a time, carries counted. */
static uint64_t sum_bytes(const uint8_t *bytes, size_t len, uint64_t sum)
{
	uint64_t word;

	for (; len >= 8; bytes += 8, len -= 8) {
		memcpy(&word, bytes, 8);
		/* two halves: no carry is lost before 2^32 words */
		sum += (word >> 32) + (word & 0xffffffff);
	}
	if (len) {
		word = 0;
		memcpy(&word, bytes, len);
		sum += (word >> 32) + (word & 0xffffffff);
	}
	return sum;
}

/* Fold to 16 bits. Sums are made in host order: byte order only turns the result around. */
static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static void store_csum(uint8_t *field, uint64_t sum)
{
	uint16_t csum = (uint16_t)~fold(sum);

	memcpy(field, &csum, sizeof(csum));
}

/* Of a transport header: 0 means "none" in UDP (RFC 768), and ffff is as good in all of them. */
static void store_transport_csum(uint8_t *field, uint64_t sum)
{
	store_csum(field, sum);
	if (load_be16(field) == 0)
		store_be16(field, 0xffff);
}

/* One TCP frame on its way into segments. Offsets are into bytes. */
struct tso {
	const uint8_t *bytes;
	uint32_t len;
	unsigned l3, l4; /* of IP and TCP */
	unsigned size;	 /* of all headers */
	unsigned mss;
	bool ipv4;
	bool partial; /* the destination completes checksums itself */
};

/* Read the headers again, from the copy that will be sent. */
static bool tso_init(struct tso *tso, const uint8_t *bytes, uint32_t len,
		     const struct virtio_net_hdr_v1 *hdr, uint32_t accepts)
{
	*tso = (struct tso){
		.bytes = bytes,
		.len = len,
		.l3 = FRAME_ETH,
		.l4 = le16toh(hdr->csum_start),
		.size = le16toh(hdr->hdr_len),
		.mss = le16toh(hdr->gso_size),
		.ipv4 = (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV4,
		.partial = accepts & PORT_ACCEPTS_CSUM,
	};
	if (tso->size > HEADERS_MAX || tso->size > len || tso->mss < OFFLOAD_MSS_MIN)
		return false;
	while (tso->l3 + FRAME_TAG <= tso->size && frame_is_tag(load_be16(bytes + tso->l3 - 2)))
		tso->l3 += FRAME_TAG;
	return tso->l3 + (tso->ipv4 ? IPV4_SIZE : IPV6_SIZE) <= tso->l4 &&
	       tso->l4 + TCP_SIZE <= tso->size &&
	       (!tso->ipv4 || tso->l3 + (bytes[tso->l3] & 0xf) * 4U == tso->l4);
}

static void edit_ip(const struct tso *tso, uint8_t *head, uint32_t payload, uint32_t index)
{
	uint8_t *ip = head + tso->l3;

	if (!tso->ipv4) {
		store_be16(ip + 4, tso->size - tso->l3 - IPV6_SIZE + payload);
		return;
	}
	store_be16(ip + 2, tso->size - tso->l3 + payload);
	store_be16(ip + 4, load_be16(ip + 4) + index); /* one id each (RFC 6864) */
	store_be16(ip + 10, 0);
	store_csum(ip + 10, sum_bytes(ip, tso->l4 - tso->l3, 0));
}

/*
 * The checksum field holds the pseudo header's sum with the whole frame's TCP
 * length in it (virtio 1.3, 5.1.6.2); what differs in a segment is the length.
 */
static void edit_tcp(const struct tso *tso, uint8_t *head, const uint8_t *payload,
		     uint32_t payload_len, uint32_t offset)
{
	uint8_t *tcp = head + tso->l4;
	unsigned whole = tso->len - tso->l4;
	unsigned part = tso->size - tso->l4 + payload_len;
	uint64_t pseudo = (uint64_t)load_be16(tcp + TCP_CSUM) + (~whole & 0xffff) + part;

	store_be32(tcp + 4, load_be32(tcp + 4) + offset);
	if (offset + payload_len < tso->len - tso->size)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH); /* the last one has them */
	if (offset > 0)
		tcp[13] &= (uint8_t)~TCP_CWR; /* the first one has it (RFC 3168, 6.1.2) */
	store_be16(tcp + TCP_CSUM, fold(pseudo));
	if (tso->partial)
		return;
	store_transport_csum(tcp + TCP_CSUM, sum_bytes(payload, payload_len,
						       sum_bytes(tcp, tso->size - tso->l4, 0)));
}

static enum drop emit_segments(const struct tso *tso, const struct virtio_net_hdr_v1 *hdr,
			       offload_emit *emit, void *user)
{
	uint32_t payload_len = tso->len - tso->size;
	struct virtio_net_hdr_v1 out = {0};
	uint8_t head[HEADERS_MAX];

	if (tso->partial) {
		out.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		out.csum_start = hdr->csum_start;
		out.csum_offset = hdr->csum_offset;
	}
	for (uint32_t offset = 0, index = 0; offset < payload_len; offset += tso->mss, index++) {
		const uint8_t *payload = tso->bytes + tso->size + offset;
		uint32_t part = payload_len - offset < tso->mss ? payload_len - offset : tso->mss;
		struct iovec pieces[2] = {{head, tso->size}, {(void *)payload, part}};
		enum drop drop;

		memcpy(head, tso->bytes, tso->size);
		edit_ip(tso, head, part, index);
		edit_tcp(tso, head, payload, part, offset);
		drop = emit(user, &out, pieces, 2, tso->size + part);
		if (drop != DROP_NONE)
			return drop;
	}
	return DROP_NONE;
}

enum drop offload_complete(uint8_t *bytes, uint32_t len, const struct virtio_net_hdr_v1 *hdr,
			   uint32_t accepts, offload_emit *emit, void *user)
{
	struct virtio_net_hdr_v1 out = *hdr;
	struct iovec whole = {bytes, len};
	unsigned start = le16toh(hdr->csum_start);
	unsigned field = start + le16toh(hdr->csum_offset);

	if ((offload_needs(hdr) & ~accepts) == 0)
		return emit(user, hdr, &whole, 1, len);
	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || start > len || field + 2 > len)
		return DROP_SEGMENT_ERROR;
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		struct tso tso;

		if (!tso_init(&tso, bytes, len, hdr, accepts))
			return DROP_SEGMENT_ERROR;
		return emit_segments(&tso, hdr, emit, user);
	}
	/* The field holds the pseudo header's sum and is part of what is added up. */
	store_transport_csum(bytes + field, sum_bytes(bytes + start, len - start, 0));
	memset(&out, 0, sizeof(out));
	return emit(user, &out, &whole, 1, len);
}
