/*
 * mark - see mark.h. Touches only bytes that the snapshot holds; what is no whole
 * IP header is left as it is.
 */
#include "switch/mark.h"

enum {
	TCI_AT = FRAME_ETH,
	TCI_VID_HIGH = 0x0f, /* of the first byte of a tag's TCI: what is not priority */
	ECN = 0x03,	     /* of the byte that DSCP shares with it (RFC 3168, 5) */
	IPV4_SIZE = 20,
	IPV6_SIZE = 40,
};

static void store16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The header's checksum changes with the byte: RFC 1624, equation 3. */
static void mark_ipv4(struct frame *frame, unsigned l3, uint8_t dscp)
{
	uint8_t *header = frame->head + l3;
	uint32_t before = frame_load16(frame, l3), sum;

	header[1] = (uint8_t)(dscp << 2 | (header[1] & ECN));
	sum = (frame_load16(frame, l3 + 10) ^ 0xffffU) + (before ^ 0xffffU) +
	      frame_load16(frame, l3);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store16(header + 10, ~sum);
}

/* The traffic class lies across the first two bytes (RFC 8200, 3). */
static void mark_ipv6(struct frame *frame, unsigned l3, uint8_t dscp)
{
	uint32_t word = frame_load16(frame, l3);

	store16(frame->head + l3, (word & ~(uint32_t)0x0fc0) | (uint32_t)dscp << 6);
}

void mark_frame(const struct policy_port *port, struct frame *frame)
{
	struct frame_l2 l2;
	unsigned l3;

	if (frame_parse(frame, &l2) != DROP_NONE)
		return;
	l3 = frame_l2_size(&l2);
	if (l2.tagged && port->pcp && port->mode != POLICY_QINQ)
		frame->head[TCI_AT] &= TCI_VID_HIGH;
	if (!port->dscp)
		return;
	if (l2.ethertype == ETHERTYPE_IPV4 && frame->head_len >= l3 + IPV4_SIZE &&
	    frame->head[l3] >> 4 == 4)
		mark_ipv4(frame, l3, (uint8_t)(port->dscp - 1));
	if (l2.ethertype == ETHERTYPE_IPV6 && frame->head_len >= l3 + IPV6_SIZE &&
	    frame->head[l3] >> 4 == 6)
		mark_ipv6(frame, l3, (uint8_t)(port->dscp - 1));
}
