/*
 * session_packet - reading a snapshot for the sessions; see session_packet.h.
 */
#include "switch/session_packet.h"

#include <netinet/in.h>

enum {
	TCP_SIZE = 20,	 /* RFC 9293, 3.1, without options */
	UDP_SIZE = 8,	 /* RFC 768 */
	DCCP_SIZE = 12,	 /* RFC 4340, 5.1 */
	SCTP_SIZE = 12,	 /* RFC 9260, 3.1 */
	ICMP_SIZE = 8,	 /* RFC 792, RFC 4443, 2.1 */
	QUOTED_SIZE = 8, /* of an offending packet's transport header (RFC 792) */
	SCALE_MAX = 14,	 /* RFC 7323, 2.3 */
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_SCALE = 3,
	PACKET_MAX = 65535,
};

/* Message types that begin a session: their answers are other types. */
static const struct query {
	uint8_t version, question, answer;
} queries[] = {
	{4, 8, 0},     /* echo (RFC 792) */
	{4, 13, 14},   /* timestamp (RFC 792) */
	{4, 15, 16},   /* information (RFC 792) */
	{4, 17, 18},   /* address mask (RFC 950) */
	{6, 128, 129}, /* echo (RFC 4443, 4) */
};

static bool is_error(uint8_t version, uint8_t type)
{
	if (version == 4)
		return type == 3 || type == 4 || type == 11 || type == 12;
	return type >= 1 && type <= 4;
}

static void bad(struct session_packet *packet, enum session_fault fault)
{
	packet->kind = SESSION_KIND_BAD;
	packet->fault = fault;
}

static void read_addresses(const struct frame *frame, const struct frame_ip *ip,
			   struct session_key *key)
{
	key->version = ip->version;
	key->protocol = ip->protocol;
	if (ip->version == 4) {
		key->src[0] = key->dst[0] = 0;
		key->src[1] = UINT64_C(0xffff) << 32 | frame_load32(frame, ip->l3 + 12U);
		key->dst[1] = UINT64_C(0xffff) << 32 | frame_load32(frame, ip->l3 + 16U);
		return;
	}
	key->src[0] = frame_load64(frame, ip->l3 + 8U);
	key->src[1] = frame_load64(frame, ip->l3 + 16U);
	key->dst[0] = frame_load64(frame, ip->l3 + 24U);
	key->dst[1] = frame_load64(frame, ip->l3 + 32U);
}

/* Where the packet ends, as an offset from the frame's first byte; 0 if that cannot be. */
static uint32_t end_of(const struct frame *frame, const struct frame_ip *ip)
{
	uint32_t end;

	if (ip->version == 4)
		end = ip->l3 + frame_load16(frame, ip->l3 + 2U);
	else
		end = ip->l3 + 40U + frame_load16(frame, ip->l3 + 4U);
	return end <= frame->len && end >= ip->l4 ? end : 0;
}

static bool is_multicast(const struct session_key *key)
{
	uint32_t dst = (uint32_t)key->dst[1];

	if (key->version == 6)
		return key->dst[0] >> 56 == 0xff;
	return dst >> 28 == 0xe || dst == UINT32_MAX;
}

/* The window scale of a SYN's options between @at and @end. False if they are malformed. */
static bool read_scale(const struct frame *frame, unsigned at, unsigned end, uint8_t *ret_scale)
{
	while (at < end && frame->head[at] != OPTION_END) {
		unsigned size;

		if (frame->head[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 2 > end)
			return false;
		size = frame->head[at + 1];
		if (size < 2 || at + size > end)
			return false;
		if (frame->head[at] == OPTION_SCALE && size == 3) {
			uint8_t scale = frame->head[at + 2];

			*ret_scale = scale < SCALE_MAX ? scale : SCALE_MAX;
		}
		at += size;
	}
	return true;
}

/* The TCP header at @at of a packet that ends at @end. */
static bool read_tcp(const struct frame *frame, unsigned at, uint32_t end,
		     struct session_tcp *ret_tcp)
{
	struct session_tcp tcp = {.scale = SESSION_SCALE_NONE};
	unsigned header;

	if (at + TCP_SIZE > frame->head_len || at + TCP_SIZE > end)
		return false;
	header = (frame->head[at + 12] >> 4) * 4U;
	if (header < TCP_SIZE || at + header > end)
		return false;
	tcp.seq = frame_load32(frame, at + 4);
	tcp.ack = frame_load32(frame, at + 8);
	tcp.flags = frame->head[at + 13];
	tcp.window = frame_load16(frame, at + 14);
	tcp.len = end - at - header;
	if (tcp.flags & SESSION_TCP_SYN &&
	    (at + header > frame->head_len ||
	     !read_scale(frame, at + TCP_SIZE, at + header, &tcp.scale)))
		return false;
	*ret_tcp = tcp;
	return true;
}

bool session_packet_read_tcp(const struct frame *frame, const struct frame_ip *ip,
			     struct session_tcp *ret_tcp)
{
	uint32_t end = end_of(frame, ip);

	return !ip->fragment && end && read_tcp(frame, ip->l4, end, ret_tcp);
}

/* What a TCP may set together: RFC 9293, 3.10. Of the others (ECN, RFC 3168) nothing is known. */
static bool flags_are_sound(uint8_t flags)
{
	switch (flags & (SESSION_TCP_FIN | SESSION_TCP_SYN | SESSION_TCP_RST | SESSION_TCP_ACK)) {
	case SESSION_TCP_SYN:
	case SESSION_TCP_SYN | SESSION_TCP_ACK:
	case SESSION_TCP_ACK:
	case SESSION_TCP_FIN | SESSION_TCP_ACK:
	case SESSION_TCP_RST:
	case SESSION_TCP_RST | SESSION_TCP_ACK: return true;
	}
	return false;
}

/* The size of the transport header that ports are read from; 0: no ports in it. */
static unsigned ports_header(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP: return TCP_SIZE;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE: return UDP_SIZE;
	case IPPROTO_DCCP: return DCCP_SIZE;
	case IPPROTO_SCTP: return SCTP_SIZE;
	}
	return 0;
}

/* The identifier and the kind of question of an ICMP query at @at; false if it is none. */
static bool read_query(const struct frame *frame, unsigned at, struct session_packet *packet)
{
	for (unsigned i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		const struct query *query = &queries[i];
		uint8_t type = frame->head[at];

		if (query->version != packet->key.version ||
		    (type != query->question && type != query->answer))
			continue;
		packet->answer = type == query->answer;
		packet->key.src_port = frame_load16(frame, at + 4);
		packet->key.dst_port = query->question;
		return true;
	}
	return false;
}

static bool is_icmp(const struct frame_ip *ip)
{
	return ip->protocol == (ip->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* The packet that an ICMP error at @at is about: its addresses, ports, sequence number. */
static void read_error(const struct frame *frame, unsigned at, struct session_packet *packet)
{
	uint64_t dst[2] = {packet->key.dst[0], packet->key.dst[1]};
	struct frame_ip inner;

	if (!frame_parse_ip_at(frame, packet->key.version, (uint16_t)(at + ICMP_SIZE), &inner) ||
	    inner.l4 + QUOTED_SIZE > frame->head_len) {
		bad(packet, SESSION_FAULT_HEADER);
		return;
	}
	packet->kind = SESSION_KIND_ERROR;
	packet->error_dst[0] = dst[0];
	packet->error_dst[1] = dst[1];
	read_addresses(frame, &inner, &packet->key);
	if (!inner.first) {
		bad(packet, SESSION_FAULT_STRANGER);
	} else if (ports_header(inner.protocol)) {
		packet->key.src_port = frame_load16(frame, inner.l4);
		packet->key.dst_port = frame_load16(frame, inner.l4 + 2U);
		packet->tcp.seq = frame_load32(frame, inner.l4 + 4U);
	} else if (is_icmp(&inner) && !read_query(frame, inner.l4, packet)) {
		/* RFC 1122, 3.2.2: no error is sent about an error */
		bad(packet, SESSION_FAULT_STRANGER);
	}
}

static void read_icmp(const struct frame *frame, const struct frame_ip *ip, uint32_t end,
		      struct session_packet *packet)
{
	if (ip->l4 + ICMP_SIZE > frame->head_len || (uint32_t)ip->l4 + ICMP_SIZE > end)
		bad(packet, SESSION_FAULT_HEADER);
	else if (read_query(frame, ip->l4, packet))
		packet->kind = SESSION_KIND_PLAIN;
	else if (is_error(ip->version, frame->head[ip->l4]))
		read_error(frame, ip->l4, packet);
}

static void read_transport(const struct frame *frame, const struct frame_ip *ip, uint32_t end,
			   struct session_packet *packet)
{
	unsigned header = ports_header(ip->protocol);

	packet->kind = SESSION_KIND_PLAIN;
	if (header == 0)
		return;
	if (ip->l4 + header > frame->head_len || ip->l4 + header > end) {
		bad(packet, SESSION_FAULT_HEADER);
		return;
	}
	packet->key.src_port = frame_load16(frame, ip->l4);
	packet->key.dst_port = frame_load16(frame, ip->l4 + 2U);
	if (ip->protocol != IPPROTO_TCP)
		return;
	if (!read_tcp(frame, ip->l4, end, &packet->tcp))
		bad(packet, SESSION_FAULT_HEADER);
	else if (!flags_are_sound(packet->tcp.flags))
		bad(packet, SESSION_FAULT_FLAGS);
}

static void read_ip(const struct frame *frame, const struct frame_l2 *l2,
		    struct session_packet *packet)
{
	struct frame_ip ip;
	uint32_t end;

	if (!frame_parse_ip(frame, l2, &ip) || (end = end_of(frame, &ip)) == 0) {
		bad(packet, SESSION_FAULT_HEADER);
		return;
	}
	read_addresses(frame, &ip, &packet->key);
	if (ip.fragment) {
		packet->fragment = true;
		packet->fragment_id = ip.part_id;
		packet->fragment_offset = ip.part_offset;
		packet->fragment_end = ip.part_offset + (end - ip.part);
		if (packet->fragment_end > PACKET_MAX) { /* the "ping of death" */
			bad(packet, SESSION_FAULT_HEADER);
			return;
		}
	}
	if (!ip.first)
		packet->kind = SESSION_KIND_FRAGMENT;
	else if (is_multicast(&packet->key))
		packet->kind = SESSION_KIND_UNTRACKED;
	else if (is_icmp(&ip))
		read_icmp(frame, &ip, end, packet);
	else if (ip.protocol != IPPROTO_IGMP)
		read_transport(frame, &ip, end, packet);
}

void session_packet_read(const struct frame *frame, const struct frame_l2 *l2, uint16_t network,
			 uint16_t network_generation, struct session_packet *ret_packet)
{
	*ret_packet = (struct session_packet){
		.kind = SESSION_KIND_UNTRACKED,
		.key = {.network = network, .network_generation = network_generation},
	};
	if (l2->ethertype == ETHERTYPE_IPV4 || l2->ethertype == ETHERTYPE_IPV6)
		read_ip(frame, l2, ret_packet);
}

/* clang-format off */
static const struct {
	const char *word;
	const char *text;
} faults[SESSION_FAULT__COUNT] = {
	[SESSION_FAULT_NONE] = {"none", "nothing is wrong with it"},
	[SESSION_FAULT_HEADER] = {"bad-header",
		"an IP or transport header is malformed, cut off, or too long to be read"},
	[SESSION_FAULT_FLAGS] = {"bad-flags",
		"no TCP sets these flags together: a scan, or a broken sender"},
	[SESSION_FAULT_STRANGER] = {"no-session",
		"continues or answers a session that is not known: it was never allowed, has timed out, or was ended by a change of the rules"},
	[SESSION_FAULT_WINDOW] = {"out-of-window",
		"its TCP numbers are not ones that this connection could use now: a forgery, or very late"},
	[SESSION_FAULT_RESET] = {"bad-reset",
		"a TCP reset with a number that the other end does not expect"},
	[SESSION_FAULT_FRAGMENT] = {"bad-fragment",
		"a later fragment whose first one was not seen to pass here within 30 s, or which would overwrite part of it"},
};
/* clang-format on */

const char *session_fault_word(enum session_fault fault)
{
	return (unsigned)fault < SESSION_FAULT__COUNT ? faults[fault].word : "unknown";
}

const char *session_fault_text(enum session_fault fault)
{
	return (unsigned)fault < SESSION_FAULT__COUNT ? faults[fault].text : "unknown";
}
