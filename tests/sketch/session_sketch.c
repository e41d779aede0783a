/*
 * session_sketch - packets as sessions see them, for tests.
 */
#include "tests/sketch/session_sketch.h"

#include <netinet/in.h>

static void set_address(uint64_t *address, uint16_t host)
{
	address[0] = 0;
	address[1] = 0xffff0a000000ULL + host;
}

struct session_packet sketch_datagram(uint8_t protocol, uint16_t src, uint16_t src_port,
				      uint16_t dst, uint16_t dst_port)
{
	struct session_packet packet = {
		.kind = SESSION_KIND_PLAIN,
		.key = {.src_port = src_port,
			.dst_port = dst_port,
			.network = 1,
			.network_generation = 1,
			.version = 4,
			.protocol = protocol},
		.in = {src, 1},
		.out = {dst, 1},
	};

	set_address(packet.key.src, src);
	set_address(packet.key.dst, dst);
	return packet;
}

struct session_packet sketch_echo(uint16_t src, uint16_t dst, uint16_t id, bool answer)
{
	struct session_packet packet = sketch_datagram(IPPROTO_ICMP, src, id, dst, 8);

	packet.answer = answer;
	return packet;
}

struct session_packet sketch_segment(uint16_t src, uint16_t src_port, uint16_t dst,
				     uint16_t dst_port, uint8_t flags, uint32_t seq, uint32_t ack,
				     uint32_t len)
{
	struct session_packet packet = sketch_datagram(IPPROTO_TCP, src, src_port, dst, dst_port);

	packet.tcp = (struct session_tcp){
		.seq = seq,
		.ack = ack,
		.len = len,
		.window = 1000,
		.flags = flags,
		.scale = SESSION_SCALE_NONE,
	};
	return packet;
}

struct session_packet sketch_error(const struct session_packet *packet)
{
	struct session_packet error = *packet;

	error.kind = SESSION_KIND_ERROR;
	error.error_dst[0] = packet->key.src[0];
	error.error_dst[1] = packet->key.src[1];
	error.in = packet->out;
	error.out = packet->in;
	return error;
}

struct session_grant sketch_grant(const struct session_packet *packet)
{
	return (struct session_grant){
		.policy = 1,
		.owner = packet->in,
		.tenant = 1,
		.port_max = 1 << 20,
		.tenant_max = 1 << 20,
	};
}
