/*
 * packet_sketch - plain and slow on purpose: checksums are added up two bytes
 * at a time, so that a test compares the switch with something else than itself.
 */
#include <netinet/in.h>
#include <string.h>

#include "tests/sketch/packet_sketch.h"

static void put(struct sketch *sketch, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sketch->bytes[sketch->len++] = (uint8_t)(value >> (8 * (n - 1 - i)));
}

static uint32_t get(const uint8_t *bytes, unsigned n)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void set16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

void sketch_put16(struct sketch *sketch, uint32_t value)
{
	put(sketch, value, 2);
}

void sketch_put32(struct sketch *sketch, uint32_t value)
{
	put(sketch, value, 4);
}

void sketch_ethernet(struct sketch *sketch, mac48 dst, mac48 src, uint16_t ethertype)
{
	sketch->len = sketch->l3 = sketch->l4 = 0;
	sketch->protocol = 0;
	put(sketch, dst, 6);
	put(sketch, src, 6);
	put(sketch, ethertype, 2);
}

void sketch_tag(struct sketch *sketch, uint16_t tpid, uint16_t tci)
{
	memmove(sketch->bytes + 16, sketch->bytes + 12, sketch->len - 12);
	set16(sketch->bytes + 12, tpid);
	set16(sketch->bytes + 14, tci);
	sketch->len += 4;
	sketch->l3 += sketch->l3 ? 4 : 0;
	sketch->l4 += sketch->l4 ? 4 : 0;
}

void sketch_arp(struct sketch *sketch, uint16_t op, mac48 sender, uint32_t sender_ip,
		uint32_t target_ip)
{
	put(sketch, 0x0001, 2);
	put(sketch, 0x0800, 2);
	put(sketch, 0x0604, 2);
	put(sketch, op, 2);
	put(sketch, sender, 6);
	put(sketch, sender_ip, 4);
	put(sketch, 0, 6);
	put(sketch, target_ip, 4);
}

void sketch_ipv4(struct sketch *sketch, uint8_t protocol, uint32_t src, uint32_t dst)
{
	sketch->l3 = sketch->len;
	put(sketch, 0x4500, 2);
	put(sketch, 0, 2);
	put(sketch, 0x1234, 2); /* identification */
	put(sketch, 0x4000, 2); /* don't fragment */
	put(sketch, 64, 1);
	put(sketch, protocol, 1);
	put(sketch, 0, 2);
	put(sketch, src, 4);
	put(sketch, dst, 4);
	sketch->l4 = sketch->len;
	sketch->protocol = protocol;
}

void sketch_ipv6(struct sketch *sketch, uint8_t protocol, struct sketch_ip6 src,
		 struct sketch_ip6 dst)
{
	sketch->l3 = sketch->len;
	put(sketch, 0x60000000, 4);
	put(sketch, 0, 2);
	put(sketch, protocol, 1);
	put(sketch, 255, 1);
	put(sketch, src.high, 8);
	put(sketch, src.low, 8);
	put(sketch, dst.high, 8);
	put(sketch, dst.low, 8);
	sketch->l4 = sketch->len;
	sketch->protocol = protocol;
}

void sketch_extension(struct sketch *sketch, uint8_t next, uint32_t word)
{
	put(sketch, next, 1);
	put(sketch, 0, 1);
	put(sketch, word, 4);
	put(sketch, 0, 2);
	sketch->l4 = sketch->len;
	sketch->protocol = next;
}

void sketch_udp(struct sketch *sketch, uint16_t src, uint16_t dst)
{
	put(sketch, src, 2);
	put(sketch, dst, 2);
	put(sketch, 0, 4);
}

void sketch_tcp(struct sketch *sketch, uint16_t src, uint16_t dst, uint32_t seq, uint8_t flags)
{
	put(sketch, src, 2);
	put(sketch, dst, 2);
	put(sketch, seq, 4);
	put(sketch, 7, 4);
	put(sketch, 0x80, 1); /* 32 bytes: with options */
	put(sketch, flags, 1);
	put(sketch, 0xffff, 2);
	put(sketch, 0, 4);
	put(sketch, 0x0101080a, 4); /* a time stamp, RFC 7323 */
	put(sketch, 0x1122334455667788, 8);
}

void sketch_nd(struct sketch *sketch, uint8_t type, struct sketch_ip6 target, uint8_t option,
	       mac48 address)
{
	put(sketch, type, 1);
	put(sketch, 0, 7);
	put(sketch, target.high, 8);
	put(sketch, target.low, 8);
	if (option) {
		put(sketch, option, 1);
		put(sketch, 1, 1);
		put(sketch, address, 6);
	}
}

void sketch_payload(struct sketch *sketch, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sketch->bytes[sketch->len++] = (uint8_t)(i * 7 + (i >> 8));
}

static uint32_t add_up(const uint8_t *bytes, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t pseudo_sum(const uint8_t *l3, uint8_t protocol, uint32_t len)
{
	bool v4 = l3[0] >> 4 == 4;

	return add_up(l3 + (v4 ? 12 : 8), v4 ? 8 : 32, protocol + len);
}

static unsigned csum_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP: return 16;
	case IPPROTO_UDP: return 6;
	case IPPROTO_IGMP:
	case IPPROTO_ICMPV6: return 2;
	}
	return 0;
}

static void end(struct sketch *sketch, bool partial)
{
	uint8_t *l3 = sketch->bytes + sketch->l3, *l4 = sketch->bytes + sketch->l4;
	uint32_t l4_len = sketch->len - sketch->l4;
	unsigned offset = csum_offset(sketch->protocol);
	uint32_t pseudo;

	if (sketch->l3 == 0)
		return;
	if (l3[0] >> 4 == 4) {
		set16(l3 + 2, sketch->len - sketch->l3);
		set16(l3 + 10, 0);
		set16(l3 + 10, ~add_up(l3, 20, 0));
	} else {
		set16(l3 + 4, sketch->len - sketch->l3 - 40);
	}
	if (offset == 0 || l4_len < offset + 2)
		return;
	if (sketch->protocol == IPPROTO_UDP)
		set16(l4 + 4, l4_len);
	pseudo = sketch->protocol == IPPROTO_IGMP ? 0 : pseudo_sum(l3, sketch->protocol, l4_len);
	set16(l4 + offset, 0);
	set16(l4 + offset, partial ? pseudo : ~add_up(l4, l4_len, pseudo));
}

void sketch_end(struct sketch *sketch)
{
	end(sketch, false);
}

void sketch_end_partial(struct sketch *sketch)
{
	end(sketch, true);
}

void sketch_frame(struct sketch *sketch, struct frame *ret_frame)
{
	uint16_t head = (uint16_t)(sketch->len < FRAME_HEAD ? sketch->len : FRAME_HEAD);

	memset(ret_frame, 0, sizeof(*ret_frame));
	ret_frame->len = sketch->len;
	ret_frame->head_len = head;
	memcpy(ret_frame->head, sketch->bytes, head);
	if (sketch->len > head) {
		sketch->tail = (struct iovec){sketch->bytes + head, sketch->len - head};
		ret_frame->tail = &sketch->tail;
		ret_frame->n_tail = 1;
	}
}

bool sketch_checksums_are_right(const uint8_t *bytes, uint32_t len)
{
	uint32_t l3 = get(bytes + 12, 2) == ETHERTYPE_VLAN ? 18 : 14;
	bool v4 = bytes[l3] >> 4 == 4;
	uint32_t l4 = l3 + (v4 ? (bytes[l3] & 0xfU) * 4 : 40);
	uint8_t protocol = bytes[l3 + (v4 ? 9 : 6)];

	if (v4 && add_up(bytes + l3, l4 - l3, 0) != 0xffff)
		return false;
	return add_up(bytes + l4, len - l4, pseudo_sum(bytes + l3, protocol, len - l4)) == 0xffff;
}
