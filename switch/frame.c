/*
 * frame - reading headers from a snapshot.
 *
 * All reads are checked against head_len, the bytes of the snapshot that the
 * sender really sent. Byte offsets in comments count from the header's start.
 */
#include <netinet/in.h>

#include "switch/frame.h"

enum {
	IPV4_SIZE = 20, /* RFC 791, 3.1, without options */
	IPV6_SIZE = 40, /* RFC 8200, 3 */
};

enum drop frame_parse(const struct frame *frame, struct frame_l2 *ret_l2)
{
	struct frame_l2 l2 = {0};

	if (frame->head_len < FRAME_ETH)
		return DROP_RUNT;
	l2.ethertype = frame_load16(frame, 12);
	if (frame_is_tag(l2.ethertype)) {
		if (frame->head_len < FRAME_ETH + FRAME_TAG)
			return DROP_RUNT;
		l2.tagged = true;
		l2.tpid = l2.ethertype;
		l2.tci = frame_load16(frame, 14);
		l2.ethertype = frame_load16(frame, 16);
		if (frame_is_tag(l2.ethertype)) {
			if (frame->head_len < FRAME_ETH + 2 * FRAME_TAG)
				return DROP_RUNT;
			l2.stacked = true;
			l2.ethertype = frame_load16(frame, 20);
		}
	}
	l2.dst = mac_load(frame->head);
	l2.src = mac_load(frame->head + 6);
	*ret_l2 = l2;
	return DROP_NONE;
}

bool frame_is_snap(const struct frame *frame, const struct frame_l2 *l2)
{
	unsigned at = frame_l2_size(l2);

	if (l2->ethertype >= ETHERTYPE_MIN)
		return false;
	return at + 2 > frame->head_len || (frame->head[at] | 1) == 0xab ||
	       (frame->head[at + 1] | 1) == 0xab;
}

static bool parse_ipv4(const struct frame *frame, uint16_t l3, struct frame_ip *ret_ip)
{
	unsigned header, fragment;

	if (l3 + IPV4_SIZE > frame->head_len || frame->head[l3] >> 4 != 4)
		return false;
	header = (frame->head[l3] & 0xf) * 4U;
	if (header < IPV4_SIZE || l3 + header > frame->head_len)
		return false;
	fragment = frame_load16(frame, l3 + 6U); /* flags and fragment offset */
	*ret_ip = (struct frame_ip){
		.version = 4,
		.protocol = frame->head[l3 + 9],
		.l3 = l3,
		.l4 = (uint16_t)(l3 + header),
		.fragment = (fragment & 0x3fff) != 0,
		.first = (fragment & 0x1fff) == 0,
		.part = (uint16_t)(l3 + header),
		.part_offset = (uint16_t)((fragment & 0x1fff) * 8),
		.part_id = frame_load16(frame, l3 + 4U),
	};
	return true;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_AH;
}

/*
 * Skip extension headers (RFC 8200, 4); the snapshot bounds their number. What
 * follows the header of a later fragment is payload, whatever it looks like.
 */
static bool parse_ipv6(const struct frame *frame, uint16_t l3, struct frame_ip *ret_ip)
{
	struct frame_ip ip = {.version = 6, .l3 = l3, .first = true};
	unsigned at = l3 + IPV6_SIZE, size;

	if (at > frame->head_len || frame->head[l3] >> 4 != 6)
		return false;
	ip.protocol = frame->head[l3 + 6];
	for (; ip.first && is_extension(ip.protocol); at += size) {
		if (at + 8 > frame->head_len)
			return false;
		if (ip.protocol == IPPROTO_FRAGMENT) {
			size = 8;
			ip.fragment |= (frame_load16(frame, at + 2) & 0xfff9) != 0;
			ip.first = frame_load16(frame, at + 2) >> 3 == 0;
			ip.part = (uint16_t)(at + size);
			ip.part_offset = frame_load16(frame, at + 2) & 0xfff8;
			ip.part_id = frame_load32(frame, at + 4);
		} else if (ip.protocol == IPPROTO_AH) {
			size = (frame->head[at + 1] + 2U) * 4; /* RFC 4302, 2.2 */
		} else {
			size = (frame->head[at + 1] + 1U) * 8;
		}
		ip.protocol = frame->head[at];
	}
	if (at > frame->head_len)
		return false;
	ip.l4 = (uint16_t)at;
	if (!ip.fragment)
		ip.part = ip.l4;
	*ret_ip = ip;
	return true;
}

bool frame_parse_ip_at(const struct frame *frame, unsigned version, uint16_t l3,
		       struct frame_ip *ret_ip)
{
	return version == 4 ? parse_ipv4(frame, l3, ret_ip) : parse_ipv6(frame, l3, ret_ip);
}

bool frame_parse_ip(const struct frame *frame, const struct frame_l2 *l2, struct frame_ip *ret_ip)
{
	if (l2->ethertype == ETHERTYPE_IPV4)
		return parse_ipv4(frame, frame_l2_size(l2), ret_ip);
	if (l2->ethertype == ETHERTYPE_IPV6)
		return parse_ipv6(frame, frame_l2_size(l2), ret_ip);
	return false;
}
