/*
 * tcp - TCP frames with their checksums, whole or left to somebody else, and the
 * judge of what became of them.
 *
 * The payload is a function of the sequence number, so segments prove by
 * themselves which bytes of a stream they carry. Checksums are computed here
 * from RFC 1071, byte by byte: slowly, and not by the code under test.
 */
#ifndef TESTS_LIB_TCP_H
#define TESTS_LIB_TCP_H

#include <linux/virtio_net.h>

#include "tests/lib/packet.h"

enum {
	TCP_FIN = 0x01,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_CWR = 0x80,
};

/* What is sent, and what is read again. */
struct tcp_frame {
	mac48 dst;
	mac48 src;
	int tci; /* PACKET_UNTAGGED or the tag */
	bool v6;
	uint32_t seq;
	uint32_t payload; /* bytes */
	uint8_t flags;
	uint16_t ip_id; /* IPv4 */
};

/* Build it with a whole checksum: its length. */
uint32_t tcp_build(uint8_t *frame, const struct tcp_frame *tcp);

/*
 * Leave the checksum to the receiver: the pseudo-header's sum in its place and
 * NEEDS_CSUM in *@ret_hdr; with @mss also the segmentation.
 */
void tcp_leave_checksum(uint8_t *frame, uint32_t len, const struct tcp_frame *tcp, uint16_t mss,
			struct virtio_net_hdr_v1 *ret_hdr);

/* RFC 1071: the sum of @len bytes as words, not inverted; 0xffff over bytes and their checksum. */
uint16_t tcp_sum(const uint8_t *bytes, uint32_t len);

/*
 * Read a frame that was received with @hdr, and judge every length, checksum and
 * byte of payload. NULL if all are right, else what is wrong.
 */
const char *tcp_judge(const uint8_t *frame, uint32_t len, const struct virtio_net_hdr_v1 *hdr,
		      struct tcp_frame *ret_tcp);

#endif
