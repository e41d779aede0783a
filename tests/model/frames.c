/*
 * frames - see frames.h.
 */
#include "tests/model/frames.h"

#include <netinet/in.h>
#include <string.h>

#include "tests/sketch/session_sketch.h"

enum {
	FREE_MACS = 10,
	TALK_BYTES = 44,    /* of the longest headers that draw_talk() makes */
	PAYLOAD_MAX = 1400, /* most segments fit the mtu */
	ICMP_UNREACHABLE = 3,
	ICMPV6_UNREACHABLE = 1,
};

static const uint64_t v4_mapped = UINT64_C(0xffff) << 32;

static bool once_in(speech_any *any, uint32_t n)
{
	return any(n) == 0;
}

/* ---- describing ---- */

static mac48 any_mac(speech_any *any)
{
	static const mac48 odd[] = {0,
				    MAC_BROADCAST,
				    0x01005e000001,
				    0x0180c2000000,
				    0x0180c200000f,
				    0x0180c2000010,
				    0x010000000001};

	if (once_in(any, 6))
		return odd[any(sizeof(odd) / sizeof(odd[0]))];
	if (once_in(any, 4))
		return frames_bound_mac((uint16_t)(1 + any(REF_PORTS - 1)), any(REF_BOUND));
	return 0x020000000001ULL + any(FREE_MACS);
}

static uint16_t any_tci(speech_any *any)
{
	static const uint16_t vids[] = {0,    1,    10,	  20,	30,   40,  50,
					1001, 1002, 1003, 1004, 4094, 4095};

	return (uint16_t)((once_in(any, 3) ? any(16) << 12 : 0) |
			  vids[any(sizeof(vids) / sizeof(vids[0]))]);
}

static void any_address(speech_any *any, uint8_t version, uint64_t ret[2])
{
	static const uint32_t hosts[] = {0x0a000001, 0x0a000002, 0x0a000103, 0xc0000201};

	ret[0] = version == 4 ? 0 : (once_in(any, 5) ? 0x2001ULL : 0xfd00ULL) << 48;
	ret[1] = version == 4 ? v4_mapped | hosts[any(4)] : 1 + any(3);
}

/* The first packet of a connection, or one that pretends to be of some. */
static struct ref_packet any_stranger(speech_any *any)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_TCP,
					    IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE};
	static const uint16_t numbers[] = {22, 80, 81, 443};
	uint8_t protocol = protocols[any(6)], version = any(3) ? 4 : 6;
	struct ref_packet packet = {.packet = {.kind = SESSION_KIND_PLAIN}};
	struct session_key *key = &packet.packet.key;

	any_address(any, version, key->src);
	any_address(any, version, key->dst);
	key->version = version;
	key->protocol = protocol;
	if (protocol == IPPROTO_ICMP) {
		key->protocol = version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		key->src_port = (uint16_t)(1 + any(4));
		key->dst_port = version == 4 ? 8 : 128;
		packet.packet.answer = once_in(any, 8);
	} else if (protocol != IPPROTO_GRE) {
		key->src_port = (uint16_t)(4000 + any(4));
		key->dst_port = numbers[any(4)];
	}
	if (protocol == IPPROTO_TCP)
		speech_tcp(any, once_in(any, 6) ? speech_flags(any) : SESSION_TCP_SYN,
			   speech_initial(any), speech_initial(any), &packet);
	return packet;
}

/* A session of @port's in a network that is still there; or NULL. */
static const struct ref_session *any_session_of(const struct ref_switch *ref, uint16_t port,
						speech_any *any)
{
	for (unsigned tries = 0; tries < 40; tries++) {
		const struct ref_session *session = &ref->sessions.list[any(REF_SESSIONS)];

		if (session->live && (session->in.id == port || session->out.id == port) &&
		    ref->networks[session->opener.network].live)
			return session;
	}
	return NULL;
}

static void push_tag(struct ref_frame *frame, uint16_t tpid, uint16_t tci)
{
	frame->tpids[frame->n_tags] = tpid;
	frame->tcis[frame->n_tags++] = tci;
}

static const uint16_t tpids[] = {ETHERTYPE_VLAN, ETHERTYPE_SERVICE, ETHERTYPE_QINQ};

/* The tags and the MACs that take it from @frame's port to port @to of @network. */
static void address_to(const struct ref_switch *ref, uint16_t network, uint16_t to, speech_any *any,
		       struct ref_frame *frame)
{
	const struct ref_port *from = &ref->ports[frame->port], *port = &ref->ports[to];
	uint16_t flags = ref->networks[network].flags;

	frame->n_tags = 0;
	if (from->native != network && from->tags[network])
		push_tag(frame, flags & POLICY_NET_SERVICE ? ETHERTYPE_SERVICE : ETHERTYPE_VLAN,
			 from->tags[network]);
	while (flags & POLICY_NET_QINQ && frame->n_tags < 2 && any(2))
		push_tag(frame, tpids[any(3)], any_tci(any));
	if (from->n_macs)
		frame->src = from->macs[0];
	else if (!once_in(any, 16))
		frame->src = 0x020000000001ULL + frame->port % FREE_MACS;
	for (unsigned i = 0; i < ref->n_learned; i++) {
		const struct ref_learned *learned = &ref->learned[i];

		if (learned->network == network && learned->port.id == to)
			frame->dst = learned->mac;
	}
	if (port->n_macs && !once_in(any, 8))
		frame->dst = port->macs[any(port->n_macs)];
}

/* To a port that has a network in common with @frame's, if one is soon found. */
static void address_to_any(const struct ref_switch *ref, speech_any *any, struct ref_frame *frame)
{
	const struct ref_port *from = &ref->ports[frame->port];

	for (unsigned tries = 0; tries < 20; tries++) {
		uint16_t to = (uint16_t)(1 + any(REF_PORTS - 1));
		uint16_t network = (uint16_t)(1 + any(REF_NETWORKS - 1));
		const struct ref_port *port = &ref->ports[to];

		if (to == frame->port || !port->live ||
		    (from->native != network && !from->tags[network]) ||
		    (port->native != network && !port->tags[network]))
			continue;
		address_to(ref, network, to, any, frame);
		return;
	}
}

static void describe_header(struct ref_frame *frame)
{
	const struct session_packet *packet = &frame->packet.packet;
	const struct session_key *key = &packet->key;
	bool error = packet->kind == SESSION_KIND_ERROR;
	struct ref_header *header = &frame->header;

	header->family = key->version;
	header->ethertype = key->version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	header->protocol = key->protocol;
	memcpy(header->src, error ? key->dst : key->src, sizeof(header->src));
	memcpy(header->dst, error ? packet->error_dst : key->dst, sizeof(header->dst));
	if (error)
		header->protocol = key->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	header->has_ports = header->protocol == IPPROTO_TCP || header->protocol == IPPROTO_UDP;
	header->has_type = header->protocol == IPPROTO_ICMP || header->protocol == IPPROTO_ICMPV6;
	header->src_port = key->src_port;
	header->dst_port = key->dst_port;
	if (error)
		header->type = key->version == 4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
	else if (header->has_type)
		header->type = (uint8_t)(key->version == 4 ? (packet->answer ? 0 : 8)
							   : 128 + packet->answer);
}

/*
 * The sessions that @packet might be of, in whatever network: how many, and one of
 * them. The reference counts in 64 bits, so TCP may not mistake one for another.
 */
static unsigned namesakes(const struct ref_switch *ref, const struct session_packet *packet,
			  const struct ref_session **ret_session, bool *ret_reply)
{
	struct session_key forth = packet->key, back = packet->key;
	unsigned n = 0;

	memcpy(back.src, forth.dst, sizeof(back.src));
	memcpy(back.dst, forth.src, sizeof(back.dst));
	back.src_port = forth.dst_port;
	back.dst_port = forth.src_port;
	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		const struct ref_session *session = &ref->sessions.list[i];

		forth.network = back.network = session->opener.network;
		forth.network_generation = back.network_generation =
			session->opener.network_generation;
		if (!session->live || (!ref_session_same_ends(&session->opener, &forth) &&
				       !ref_session_same_ends(&session->opener, &back)))
			continue;
		*ret_session = session;
		*ret_reply = !ref_session_same_ends(&session->opener, &forth);
		n++;
	}
	return n;
}

/* What @port's guest says in a connection of its own, or to begin one. */
static void speak(const struct ref_switch *ref, speech_any *any, struct ref_frame *frame)
{
	const struct ref_session *session = NULL, *namesake;
	bool reply;

	if (!once_in(any, 3))
		session = any_session_of(ref, frame->port, any);
	for (unsigned tries = 0; session && tries < 8; tries++) {
		frame->packet = speech_member(any, session);
		if (frame->packet.packet.in.id == frame->port)
			break;
	}
	if (session && (session->opener.protocol != IPPROTO_TCP ||
			namesakes(ref, &frame->packet.packet, &namesake, &reply) == 1)) {
		address_to(ref, session->opener.network, frame->packet.packet.out.id, any, frame);
		return;
	}
	if (!once_in(any, 8))
		address_to_any(ref, any, frame);
	for (;;) {
		unsigned n;

		frame->packet = any_stranger(any);
		n = namesakes(ref, &frame->packet.packet, &namesake, &reply);
		if (frame->packet.packet.key.protocol != IPPROTO_TCP || n == 0)
			return;
		if (n == 1) {
			speech_segment(any, namesake, reply, &frame->packet);
			return;
		}
	}
}

/* The outermost, but of a customer's port. */
static void count_ours(const struct ref_switch *ref, struct ref_frame *frame)
{
	frame->n_ours = frame->n_tags && !ref->ports[frame->port].qinq;
}

static void describe_ip(const struct ref_switch *ref, speech_any *any, struct ref_frame *frame)
{
	static struct sketch sketch;

	frame->talk = REF_IP;
	speak(ref, any, frame);
	count_ours(ref, frame);
	frame->packet.packet.fragment = false;
	if (frame->packet.packet.tcp.len > PAYLOAD_MAX)
		frame->packet.packet.tcp.len = PAYLOAD_MAX;
	describe_header(frame);
	frames_draw(frame, &sketch, &sketch);
	frame->len = sketch.len;
}

/* What only some may say, and ARP. */
static void describe_talk(speech_any *any, struct ref_frame *frame)
{
	struct ref_header *header = &frame->header;
	bool asks;

	frame->talk = (enum ref_talk)any(REF_TALKS);
	asks = frame->talk == REF_DHCP_CLIENT;
	switch (frame->talk) {
	case REF_DHCP_CLIENT:
	case REF_DHCP_SERVER:
		*header = (struct ref_header){.ethertype = ETHERTYPE_IPV4,
					      .family = 4,
					      .protocol = IPPROTO_UDP,
					      .has_ports = true,
					      .src = {0, v4_mapped | 0x0a000001},
					      .dst = {0, v4_mapped | 0xffffffff},
					      .src_port = asks ? 68 : 67,
					      .dst_port = asks ? 67 : 68};
		break;
	case REF_ROUTER:
	case REF_ROUTER_SOLICIT:
		*header = (struct ref_header){.ethertype = ETHERTYPE_IPV6,
					      .neighbour = true,
					      .family = 6,
					      .protocol = IPPROTO_ICMPV6,
					      .src = {0xfe80ULL << 48, 1},
					      .dst = {0xff02ULL << 48, 1}};
		break;
	case REF_ARP:
		header->neighbour = true;
		header->ethertype = ETHERTYPE_ARP;
		frame->claimed = any(3) ? 0x0a000001 + any(4) : 0;
		frame->asked = 0x0a000001 + any(4);
		break;
	default: break;
	}
}

void frames_describe(const struct ref_switch *ref, uint16_t port, speech_any *any,
		     struct ref_frame *ret)
{
	static const uint32_t mtu_edge[] = {1514, 1515, 1518, 1519};

	*ret = (struct ref_frame){.port = port, .src = any_mac(any), .dst = any_mac(any)};
	ret->header = (struct ref_header){.ethertype = 0x88b5, .protocol = -1};
	if (ref->ports[port].trunk || ref->ports[port].qinq || once_in(any, 8))
		ret->n_tags = once_in(any, 12) ? 2 : !once_in(any, 4);
	for (unsigned i = 0; i < ret->n_tags; i++) {
		ret->tpids[i] = tpids[once_in(any, 12) ? any(3) : 0];
		ret->tcis[i] = any_tci(any);
	}
	count_ours(ref, ret);
	ret->len = 14 + 4 * ret->n_tags + any(300);
	if (once_in(any, 8))
		ret->len = mtu_edge[any(4)];
	if (!once_in(any, 3)) {
		describe_ip(ref, any, ret);
	} else if (once_in(any, 12)) {
		ret->len = 1 + any(22);
	} else if (any(2)) {
		describe_talk(any, ret);
		ret->len += TALK_BYTES;
	}
	ret->header.src_mac = ret->src;
	ret->header.dst_mac = ret->dst;
}

/* ---- drawing ---- */

static void draw_address(const struct ref_frame *frame, uint8_t protocol, struct sketch *ret)
{
	const struct ref_header *header = &frame->header;
	struct sketch_ip6 src = {header->src[0], header->src[1]};
	struct sketch_ip6 dst = {header->dst[0], header->dst[1]};

	sketch_ethernet(ret, frame->dst, frame->src, header->ethertype);
	if (header->family == 4)
		sketch_ipv4(ret, protocol, (uint32_t)src.low, (uint32_t)dst.low);
	else
		sketch_ipv6(ret, protocol, src, dst);
}

static void draw_tcp(const struct session_packet *packet, struct sketch *ret)
{
	const struct session_tcp *tcp = &packet->tcp;
	bool scales = tcp->scale != SESSION_SCALE_NONE;

	sketch_put16(ret, packet->key.src_port);
	sketch_put16(ret, packet->key.dst_port);
	sketch_put32(ret, tcp->seq);
	sketch_put32(ret, tcp->ack);
	sketch_put16(ret, (uint32_t)(scales ? 6 : 5) << 12 | tcp->flags);
	sketch_put16(ret, tcp->window);
	sketch_put32(ret, 0);
	if (scales)
		sketch_put32(ret, 0x01030300U | tcp->scale); /* RFC 7323, 2.2 */
	sketch_payload(ret, tcp->len);
}

/* The packet inside of an ICMP error: as it was sent, its first bytes. */
static void draw_quoted(const struct session_packet *packet, struct sketch *ret)
{
	const struct session_key *key = &packet->key;
	static struct sketch inner;

	inner.len = 0;
	if (key->version == 4)
		sketch_ipv4(&inner, key->protocol, (uint32_t)key->src[1], (uint32_t)key->dst[1]);
	else
		sketch_ipv6(&inner, key->protocol, (struct sketch_ip6){key->src[0], key->src[1]},
			    (struct sketch_ip6){key->dst[0], key->dst[1]});
	if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6) {
		unsigned type = key->version == 4 ? (packet->answer ? 0 : 8) : 128 + packet->answer;

		sketch_put32(&inner, type << 24);
		sketch_put32(&inner, (uint32_t)key->src_port << 16);
	} else {
		sketch_put16(&inner, key->src_port);
		sketch_put16(&inner, key->dst_port);
		sketch_put32(&inner, packet->tcp.seq);
	}
	memcpy(ret->bytes + ret->len, inner.bytes, inner.len);
	ret->len += inner.len;
}

static void draw_ip(const struct ref_frame *frame, struct sketch *ret)
{
	const struct session_packet *packet = &frame->packet.packet;

	draw_address(frame, (uint8_t)frame->header.protocol, ret);
	if (packet->kind == SESSION_KIND_ERROR) {
		sketch_put32(ret, (uint32_t)frame->header.type << 24);
		sketch_put32(ret, 0);
		draw_quoted(packet, ret);
	} else if (packet->key.protocol == IPPROTO_TCP) {
		draw_tcp(packet, ret);
	} else if (packet->key.protocol == IPPROTO_UDP) {
		sketch_udp(ret, packet->key.src_port, packet->key.dst_port);
	} else if (frame->header.has_type) {
		sketch_put32(ret, (uint32_t)frame->header.type << 24);
		sketch_put32(ret, (uint32_t)packet->key.src_port << 16);
	} else {
		sketch_payload(ret, 20);
	}
	sketch_end(ret);
}

static void draw_talk(const struct ref_frame *frame, struct sketch *ret)
{
	const struct ref_header *header = &frame->header;

	switch (frame->talk) {
	case REF_DHCP_CLIENT:
	case REF_DHCP_SERVER:
		draw_address(frame, IPPROTO_UDP, ret);
		sketch_udp(ret, header->src_port, header->dst_port);
		break;
	case REF_ROUTER:
	case REF_ROUTER_SOLICIT:
		draw_address(frame, IPPROTO_ICMPV6, ret);
		sketch_put32(ret, (frame->talk == REF_ROUTER ? 134U : 133U) << 24);
		break;
	case REF_ARP:
		sketch_ethernet(ret, frame->dst, frame->src, ETHERTYPE_ARP);
		sketch_arp(ret, 1, frame->src, frame->claimed, frame->asked);
		break;
	default: sketch_ethernet(ret, frame->dst, frame->src, 0x88b5); break;
	}
}

void frames_draw(const struct ref_frame *frame, struct sketch *ret_bare, struct sketch *ret_frame)
{
	if (frame->talk == REF_IP) {
		draw_ip(frame, ret_bare);
	} else {
		draw_talk(frame, ret_bare);
		if (frame->len > ret_bare->len + 4 * frame->n_tags)
			sketch_payload(ret_bare, frame->len - 4 * frame->n_tags - ret_bare->len);
		sketch_end(ret_bare);
	}
	for (unsigned i = frame->n_tags; i > frame->n_ours; i--)
		sketch_tag(ret_bare, frame->tpids[i - 1], frame->tcis[i - 1]);
	if (ret_frame != ret_bare)
		*ret_frame = *ret_bare;
	for (unsigned i = frame->n_ours; i > 0; i--)
		sketch_tag(ret_frame, frame->tpids[i - 1], frame->tcis[i - 1]);
	if (frame->talk == REF_IP)
		return;
	/* fewer bytes than their headers have, perhaps */
	ret_frame->len = frame->len;
	ret_bare->len = frame->len - 4 * frame->n_ours;
}
