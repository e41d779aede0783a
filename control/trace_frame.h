/*
 * trace_frame - a frame from a line of words, as people say it.
 *
 *	tcp|udp A:PORT > B:PORT		IPv6 addresses in brackets: [fd00::1]:80
 *	icmp A > B			an echo request, ICMPv6 if the addresses are
 *	arp who-has A tell B
 *	arp A is-at MAC			a gratuitous reply
 *	eth [TYPE]			nothing but the header
 * and, in any order behind it: src-mac MAC, dst-mac MAC, vlan N
 *
 * Checksums are zero: no decision reads them.
 */
#ifndef CONTROL_TRACE_FRAME_H
#define CONTROL_TRACE_FRAME_H

#include "control/address.h"
#include "switch/types.h"

enum {
	TRACE_FRAME_WHY = 160,
	TRACE_FRAME_BYTES = 1518,
};

struct trace_frame {
	mac48 src, dst; /* 0: to be filled in */
	bool tagged;
	uint16_t vlan;
	struct address_prefix target; /* whose MAC dst should be; family 0: of nobody */
	uint16_t ethertype;
	uint8_t payload[128]; /* behind the Ethernet header */
	unsigned length;
};

/* Read @text. -EINVAL with what is wrong with it in @ret_why. */
int trace_frame_parse(const char *text, struct trace_frame *ret_frame,
		      char ret_why[static TRACE_FRAME_WHY]) __attribute__((warn_unused_result));

/* The bytes of @frame, its MACs filled in by now; an ARP gets the sender's. Returns how many. */
unsigned trace_frame_write(const struct trace_frame *frame,
			   uint8_t ret_bytes[static TRACE_FRAME_BYTES]);

/* Hex digits, with blanks and colons wherever: the bytes. Their number, or -EINVAL, -E2BIG. */
int trace_frame_hex(const char *text, uint8_t ret_bytes[static TRACE_FRAME_BYTES])
	__attribute__((warn_unused_result));

#endif
