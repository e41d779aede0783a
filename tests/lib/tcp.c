/*
 * tcp - see tcp.h.
 */
#include "tests/lib/tcp.h"

#include <string.h>

enum {
	IPV4 = 0x0800,
	IPV6 = 0x86dd,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 32,   /* with the time stamp option, as most senders have it */
	TCP_CHECKSUM = 16, /* its place in the header */
};

/* RFC 1071: the sum of 16-bit words, not yet inverted; @len may be odd. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint16_t tcp_sum(const uint8_t *bytes, uint32_t len)
{
	return (uint16_t)add_words(0, bytes, len);
}

/* RFC 9293, 3.1: addresses, protocol, length of the TCP part. */
static uint32_t add_pseudo_header(const uint8_t *ip, bool v6, uint32_t tcp_len)
{
	uint32_t sum = v6 ? add_words(0, ip + 8, 32) : add_words(0, ip + 12, 8);
	const uint8_t rest[] = {0,
				6,
				(uint8_t)(tcp_len >> 8),
				(uint8_t)tcp_len,
				(uint8_t)(tcp_len >> 24),
				(uint8_t)(tcp_len >> 16)};

	return add_words(sum, rest, sizeof(rest));
}

static uint8_t payload_at(uint32_t position)
{
	return (uint8_t)(position * 0x9e3779b1 >> 24);
}

static void build_ip(uint8_t *ip, const struct tcp_frame *tcp, uint32_t tcp_len)
{
	if (tcp->v6) {
		memset(ip, 0, IPV6_HEADER);
		ip[0] = 0x60;
		packet_store16(ip + 4, tcp_len);
		ip[6] = 6;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
	} else {
		memset(ip, 0, IPV4_HEADER);
		ip[0] = 0x45;
		packet_store16(ip + 2, IPV4_HEADER + tcp_len);
		packet_store16(ip + 4, tcp->ip_id);
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = 6;
		packet_store32(ip + 12, 0x0a000001);
		packet_store32(ip + 16, 0x0a000002);
		packet_store16(ip + 10, ~add_words(0, ip, IPV4_HEADER) & 0xffff);
	}
}

uint32_t tcp_build(uint8_t *frame, const struct tcp_frame *tcp)
{
	uint32_t l2 = packet_ethernet(frame, tcp->dst, tcp->src, tcp->tci, tcp->v6 ? IPV6 : IPV4);
	uint8_t *ip = frame + l2, *header = ip + (tcp->v6 ? IPV6_HEADER : IPV4_HEADER);
	uint32_t tcp_len = TCP_HEADER + tcp->payload;

	build_ip(ip, tcp, tcp_len);
	memset(header, 0, TCP_HEADER);
	packet_store16(header, 4000);
	packet_store16(header + 2, 80);
	packet_store32(header + 4, tcp->seq);
	header[12] = TCP_HEADER / 4 << 4;
	header[13] = tcp->flags;
	packet_store16(header + 14, 1000);
	memcpy(header + 20, (uint8_t[]){1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, 12);
	for (uint32_t i = 0; i < tcp->payload; i++)
		header[TCP_HEADER + i] = payload_at(tcp->seq + i);
	packet_store16(header + TCP_CHECKSUM,
		       ~add_words(add_pseudo_header(ip, tcp->v6, tcp_len), header, tcp_len) &
			       0xffff);
	return (uint32_t)(header - frame) + tcp_len;
}

void tcp_leave_checksum(uint8_t *frame, uint32_t len, const struct tcp_frame *tcp, uint16_t mss,
			struct virtio_net_hdr_v1 *ret_hdr)
{
	uint32_t l2 = PACKET_ETH + (tcp->tci == PACKET_UNTAGGED ? 0 : PACKET_TAG);
	uint32_t start = l2 + (tcp->v6 ? IPV6_HEADER : IPV4_HEADER);

	*ret_hdr = (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.hdr_len = (uint16_t)(start + TCP_HEADER),
		.csum_start = (uint16_t)start,
		.csum_offset = TCP_CHECKSUM,
	};
	if (mss) {
		ret_hdr->gso_size = mss;
		ret_hdr->gso_type = tcp->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		if (tcp->flags & TCP_CWR)
			ret_hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	}
	packet_store16(frame + start + TCP_CHECKSUM,
		       add_pseudo_header(frame + l2, tcp->v6, len - start));
}

/* The checksum of a frame as its receiver has to see it: whole, or its start as promised. */
static const char *judge_checksum(const uint8_t *frame, const uint8_t *ip, const uint8_t *header,
				  uint32_t tcp_len, bool v6, const struct virtio_net_hdr_v1 *hdr)
{
	uint32_t pseudo = add_pseudo_header(ip, v6, tcp_len);

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return add_words(pseudo, header, tcp_len) == 0xffff ? NULL : "TCP checksum";
	if (hdr->csum_start != header - frame || hdr->csum_offset != TCP_CHECKSUM)
		return "csum_start or csum_offset";
	return packet_load16(header + TCP_CHECKSUM) == pseudo ? NULL : "pseudo-header checksum";
}

const char *tcp_judge(const uint8_t *frame, uint32_t len, const struct virtio_net_hdr_v1 *hdr,
		      struct tcp_frame *ret_tcp)
{
	bool tagged = packet_load16(frame + 12) == 0x8100;
	uint32_t l2 = PACKET_ETH + (tagged ? PACKET_TAG : 0);
	bool v6 = packet_load16(frame + l2 - 2) == IPV6;
	uint32_t ip_header = v6 ? IPV6_HEADER : IPV4_HEADER, tcp_len;
	const uint8_t *ip = frame + l2, *header = ip + ip_header;

	if (len < l2 + ip_header + TCP_HEADER)
		return "length of the frame";
	tcp_len = len - l2 - ip_header;
	if (!v6 && packet_load16(frame + l2 - 2) != IPV4)
		return "ethertype";
	if (!v6 && (packet_load16(ip + 2) != len - l2 || add_words(0, ip, IPV4_HEADER) != 0xffff))
		return "IPv4 length or checksum";
	if (v6 && packet_load16(ip + 4) != tcp_len)
		return "IPv6 length";
	*ret_tcp = (struct tcp_frame){
		.dst = mac_load(frame),
		.src = mac_load(frame + 6),
		.tci = tagged ? packet_load16(frame + 14) : PACKET_UNTAGGED,
		.v6 = v6,
		.seq = packet_load32(header + 4),
		.payload = tcp_len - TCP_HEADER,
		.flags = header[13],
		.ip_id = v6 ? 0 : packet_load16(ip + 4),
	};
	for (uint32_t i = 0; i < ret_tcp->payload; i++)
		if (header[TCP_HEADER + i] != payload_at(ret_tcp->seq + i))
			return "payload";
	return judge_checksum(frame, ip, header, tcp_len, v6, hdr);
}
