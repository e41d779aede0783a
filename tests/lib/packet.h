/*
 * packet - frames that prove by their own bytes that they arrived unchanged.
 *
 * A stamped frame's payload follows from two numbers, a stream and a sequence
 * number, that stand in front of it: whoever receives it needs no copy to
 * compare with, and one byte of another frame, or of memory that is no frame,
 * shows.
 */
#ifndef TESTS_LIB_PACKET_H
#define TESTS_LIB_PACKET_H

#include <stddef.h>

#include "switch/types.h"

enum {
	PACKET_ETH = 14,
	PACKET_TAG = 4,
	PACKET_ETHERTYPE = 0x88b5, /* IEEE 802, 9.2.4: for local experiments */
	PACKET_STAMP = 12,	   /* bytes of magic, stream and number */
	PACKET_MIN = 60,
	PACKET_UNTAGGED = -1,
};

/* The Ethernet header, with an 802.1Q tag unless @tci is PACKET_UNTAGGED. Its length. */
uint32_t packet_ethernet(uint8_t *frame, mac48 dst, mac48 src, int tci, uint16_t ethertype);

/* Fill the payload behind the first @header bytes: at least PACKET_STAMP of them. */
void packet_stamp(uint8_t *frame, uint32_t header, uint32_t len, uint32_t stream, uint32_t number);

/* An untagged stamped frame of @len bytes. */
void packet_build(uint8_t *frame, uint32_t len, mac48 dst, mac48 src, uint32_t stream,
		  uint32_t number);

/* Is the payload behind the first @header bytes a stamp with not one bit wrong? */
bool packet_read_stamp(const uint8_t *frame, uint32_t header, uint32_t len, uint32_t *ret_stream,
		       uint32_t *ret_number);

static inline uint16_t packet_load16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline void packet_store16(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static inline uint32_t packet_load32(const uint8_t *bytes)
{
	return (uint32_t)packet_load16(bytes) << 16 | packet_load16(bytes + 2);
}

static inline void packet_store32(uint8_t *bytes, uint32_t value)
{
	packet_store16(bytes, value >> 16);
	packet_store16(bytes + 2, value);
}

/* A fast generator of test noise (xorshift64); @state must not be 0. */
static inline uint64_t packet_noise(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
