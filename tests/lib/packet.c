/*
 * packet - see packet.h.
 */
#include "tests/lib/packet.h"

#include <string.h>

static const uint32_t magic = 0x51ce57a4;

uint32_t packet_ethernet(uint8_t *frame, mac48 dst, mac48 src, int tci, uint16_t ethertype)
{
	uint32_t at = 12;

	mac_store(dst, frame);
	mac_store(src, frame + 6);
	if (tci != PACKET_UNTAGGED) {
		packet_store16(frame + at, 0x8100);
		packet_store16(frame + at + 2, (uint32_t)tci);
		at += PACKET_TAG;
	}
	packet_store16(frame + at, ethertype);
	return at + 2;
}

static uint64_t seed(uint32_t stream, uint32_t number)
{
	return ((uint64_t)stream << 32 | number) * 0x9e3779b97f4a7c15ULL | 1;
}

void packet_stamp(uint8_t *frame, uint32_t header, uint32_t len, uint32_t stream, uint32_t number)
{
	uint64_t state = seed(stream, number);
	uint32_t at = header + PACKET_STAMP;

	packet_store32(frame + header, magic);
	packet_store32(frame + header + 4, stream);
	packet_store32(frame + header + 8, number);
	for (uint64_t word; at < len; at += 8) {
		word = packet_noise(&state);
		memcpy(frame + at, &word, len - at < 8 ? len - at : 8);
	}
}

void packet_build(uint8_t *frame, uint32_t len, mac48 dst, mac48 src, uint32_t stream,
		  uint32_t number)
{
	uint32_t header = packet_ethernet(frame, dst, src, PACKET_UNTAGGED, PACKET_ETHERTYPE);

	packet_stamp(frame, header, len, stream, number);
}

bool packet_read_stamp(const uint8_t *frame, uint32_t header, uint32_t len, uint32_t *ret_stream,
		       uint32_t *ret_number)
{
	uint32_t at = header + PACKET_STAMP;
	uint64_t state;

	if (len < at || packet_load32(frame + header) != magic)
		return false;
	*ret_stream = packet_load32(frame + header + 4);
	*ret_number = packet_load32(frame + header + 8);
	state = seed(*ret_stream, *ret_number);
	for (uint64_t word; at < len; at += 8) {
		word = packet_noise(&state);
		if (memcmp(frame + at, &word, len - at < 8 ? len - at : 8) != 0)
			return false;
	}
	return true;
}
