/*
 * packet_sketch - packets for tests, header after header, and the snapshots
 * that the switch would have of them.
 *
 * Headers are put one behind the other; sketch_end() fills in the lengths and
 * checksums of all of them. Addresses are host numbers.
 */
#ifndef TESTS_SKETCH_PACKET_SKETCH_H
#define TESTS_SKETCH_PACKET_SKETCH_H

#include "switch/frame.h"

/* Two words of an IPv6 address, as in struct policy_prefix6. */
struct sketch_ip6 {
	uint64_t high, low;
};

struct sketch {
	uint32_t len;
	uint32_t l3, l4;  /* where they begin; 0: there is none */
	uint8_t protocol; /* of what stands at l4 */
	uint8_t bytes[LIMIT_FRAME];
	struct iovec tail; /* of the frame that was made of it */
};

void sketch_ethernet(struct sketch *sketch, mac48 dst, mac48 src, uint16_t ethertype);
/* Put a tag behind the addresses of what is there so far; again for another outside of it. */
void sketch_tag(struct sketch *sketch, uint16_t tpid, uint16_t tci);
void sketch_arp(struct sketch *sketch, uint16_t op, mac48 sender, uint32_t sender_ip,
		uint32_t target_ip);
void sketch_ipv4(struct sketch *sketch, uint8_t protocol, uint32_t src, uint32_t dst);
void sketch_ipv6(struct sketch *sketch, uint8_t protocol, struct sketch_ip6 src,
		 struct sketch_ip6 dst);
/* An extension header of 8 bytes that says @next follows; @word fills it. */
void sketch_extension(struct sketch *sketch, uint8_t next, uint32_t word);
void sketch_udp(struct sketch *sketch, uint16_t src, uint16_t dst);
void sketch_tcp(struct sketch *sketch, uint16_t src, uint16_t dst, uint32_t seq, uint8_t flags);
/* A neighbour message and, unless @option is 0, a link-layer address option. */
void sketch_nd(struct sketch *sketch, uint8_t type, struct sketch_ip6 target, uint8_t option,
	       mac48 address);
/* Payload, a pattern that differs at each place. */
void sketch_payload(struct sketch *sketch, uint32_t len);
void sketch_put16(struct sketch *sketch, uint32_t value);
void sketch_put32(struct sketch *sketch, uint32_t value);

/* Lengths and checksums. */
void sketch_end(struct sketch *sketch);
/* The same, with the transport checksum left to others (NEEDS_CSUM): only the pseudo header's sum. */
void sketch_end_partial(struct sketch *sketch);

/* The snapshot of it, as a port would take it, with an empty virtio-net header. */
void sketch_frame(struct sketch *sketch, struct frame *ret_frame);

/* Is every checksum of @bytes right? (IPv4 header, TCP, UDP; of untagged or tagged frames) */
bool sketch_checksums_are_right(const uint8_t *bytes, uint32_t len);

#endif
