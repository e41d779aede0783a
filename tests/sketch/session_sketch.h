/*
 * session_sketch - packets as sessions see them, for tests, in few words.
 *
 * Hosts are numbers: host 7 has 10.0.0.7 and sits behind port 7, generation 1,
 * in network 1, generation 1.
 */
#ifndef TESTS_SKETCH_SESSION_SKETCH_H
#define TESTS_SKETCH_SESSION_SKETCH_H

#include "switch/session.h"

struct session_packet sketch_datagram(uint8_t protocol, uint16_t src, uint16_t src_port,
				      uint16_t dst, uint16_t dst_port);

/* ICMP echo with @id, or the answer to one. */
struct session_packet sketch_echo(uint16_t src, uint16_t dst, uint16_t id, bool answer);

/* A segment with a window of 1000 and no scale. */
struct session_packet sketch_segment(uint16_t src, uint16_t src_port, uint16_t dst,
				     uint16_t dst_port, uint8_t flags, uint32_t seq, uint32_t ack,
				     uint32_t len);

/* An ICMP error about @packet, as @packet was sent, to who sent it. */
struct session_packet sketch_error(const struct session_packet *packet);

/* By policy 1, at the expense of who sends @packet, with more room than any test needs. */
struct session_grant sketch_grant(const struct session_packet *packet);

#endif
