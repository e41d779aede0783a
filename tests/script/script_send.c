/*
 * script_send - a frame from its description, and off it goes.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/script/script.h"

enum {
	NEIGHBOUR_SOLICIT = 135,
	NEIGHBOUR_ADVERT = 136,
	ARP_REQUEST = 1,
	TCP_FLAGS = 0x99, /* CWR, ACK, PSH, FIN */
	TAGS = 3,
};

/* What the words of one `send` come to, before it is a packet. */
struct described {
	mac48 src, dst;
	unsigned n_tags;
	struct {
		uint16_t tpid, tci;
	} tags[TAGS];
	uint32_t len, payload, cut;
	bool partial;
	int csum_start, csum_offset, gso_type;
};

static bool next_address(struct script *script, bool *ret_six, uint32_t *ret4,
			 struct sketch_ip6 *ret6)
{
	const char *word = script_next(script);
	uint8_t b[16];

	*ret_six = strchr(word, ':') != NULL;
	if (inet_pton(*ret_six ? AF_INET6 : AF_INET, word, b) != 1)
		return script_fail(script, "'%s' is no address", word);
	*ret4 = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	*ret6 = (struct sketch_ip6){0, 0};
	for (unsigned i = 0; i < 8 && *ret_six; i++) {
		ret6->high = ret6->high << 8 | b[i];
		ret6->low = ret6->low << 8 | b[i + 8];
	}
	return true;
}

static bool expect_word(struct script *script, const char *word)
{
	return script_accept(script, word) || script_fail(script, "'%s' is missing", word);
}

static void set_ethertype(struct sketch *packet, uint16_t type)
{
	packet->bytes[12] = (uint8_t)(type >> 8);
	packet->bytes[13] = (uint8_t)type;
}

/* flags LETTERS SEQ ACK: of SFRPA */
static bool say_flags(struct script *script, uint16_t from, uint16_t to)
{
	static const char letters[] = "FSRPA"; /* in the order of their bits */
	struct sketch *packet = &script->sent.packet;
	uint32_t seq, ack;
	uint8_t flags = 0;

	for (const char *c = script_next(script); *c; c++) {
		const char *letter = strchr(letters, *c);

		if (!letter)
			return script_fail(script, "'%c' is no flag", *c);
		flags |= (uint8_t)(1 << (letter - letters));
	}
	if (!script_next_number(script, &seq) || !script_next_number(script, &ack))
		return false;
	sketch_tcp(packet, from, to, seq, flags);
	for (unsigned i = 0; i < 4; i++)
		packet->bytes[packet->l4 + 8 + i] = (uint8_t)(ack >> (24 - 8 * i));
	return true;
}

static bool say_ports(struct script *script, bool tcp)
{
	struct sketch *packet = &script->sent.packet;
	uint32_t from, to;
	uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;

	if (!script_next_number(script, &from) || !expect_word(script, ">") ||
	    !script_next_number(script, &to))
		return false;
	packet->bytes[packet->l3 + (packet->bytes[packet->l3] >> 4 == 4 ? 9 : 6)] = protocol;
	packet->protocol = protocol;
	if (!tcp)
		sketch_udp(packet, (uint16_t)from, (uint16_t)to);
	else if (script_accept(script, "flags"))
		return say_flags(script, (uint16_t)from, (uint16_t)to);
	else
		sketch_tcp(packet, (uint16_t)from, (uint16_t)to, 1000, TCP_FLAGS);
	return true;
}

static bool say_icmp(struct script *script, uint8_t protocol)
{
	struct sketch *packet = &script->sent.packet;
	uint32_t type;

	if (!script_next_number(script, &type))
		return false;
	packet->bytes[packet->l3 + (packet->bytes[packet->l3] >> 4 == 4 ? 9 : 6)] = protocol;
	packet->protocol = protocol;
	sketch_put32(packet, type << 24);
	sketch_put32(packet, 0);
	return true;
}

static bool say_neighbour(struct script *script, uint8_t type)
{
	struct sketch *packet = &script->sent.packet;
	struct sketch_ip6 target;
	uint32_t unused;
	bool six;
	mac48 address = 0;
	uint8_t option = type == NEIGHBOUR_ADVERT ? 2 : 1;

	if (!next_address(script, &six, &unused, &target))
		return false;
	if (script_accept(script, "lladdr")) {
		if (!script_mac(script, script_next(script), &address))
			return false;
	} else {
		option = 0;
	}
	packet->bytes[packet->l3 + 6] = IPPROTO_ICMPV6;
	packet->protocol = IPPROTO_ICMPV6;
	sketch_nd(packet, type, target, option, address);
	return true;
}

/* report1|report|leave|query|done GROUP, v3|v2 [KIND GROUP SOURCES]...: of IGMP or MLD */
static bool say_listener(struct script *script, bool mld)
{
	static const struct {
		const char *word;
		uint8_t igmp, mld;
	} types[] = {{"query", 0x11, 130},
		     {"report1", 0x12, 131},
		     {"report", 0x16, 131},
		     {"leave", 0x17, 132},
		     {"records", 0x22, 143}};
	struct sketch *packet = &script->sent.packet;
	const char *word = script_next(script);
	uint32_t kind, sources, n = 0, group4, at;
	struct sketch_ip6 group6;
	unsigned type = 0;
	bool six;

	while (type < 5 && strcmp(types[type].word, word) != 0)
		type++;
	if (type == 5)
		return script_fail(script, "'%s' is nothing that listeners say", word);
	packet->protocol = mld ? IPPROTO_ICMPV6 : IPPROTO_IGMP;
	packet->bytes[packet->l3 + (mld ? 6 : 9)] = packet->protocol;
	at = packet->len;
	sketch_put32(packet, (uint32_t)(mld ? types[type].mld : types[type].igmp) << 24);
	if (type < 4 && mld)
		sketch_put32(packet, 0);
	if (type == 4)
		sketch_put32(packet, 0);
	while (type < 4 || isdigit((unsigned char)*script_peek(script))) {
		if (type == 4 &&
		    (!script_next_number(script, &kind) || !script_next_number(script, &sources)))
			return false;
		if (!next_address(script, &six, &group4, &group6))
			return false;
		if (type == 4)
			sketch_put32(packet, kind << 24 | sources);
		for (unsigned word6 = 0; word6 < 4 && mld; word6++)
			sketch_put32(packet, (uint32_t)((word6 < 2 ? group6.high : group6.low) >>
							(word6 % 2 ? 0 : 32)));
		if (!mld)
			sketch_put32(packet, group4);
		for (uint32_t i = 0; type == 4 && i < sources * (mld ? 4 : 1); i++)
			sketch_put32(packet, 0x0a000001 + i);
		if (type < 4)
			return true;
		packet->bytes[at + 7] = (uint8_t)++n;
	}
	return true;
}

/* What stands between the addresses and the transport header, or for it. */
static bool say_between(struct script *script)
{
	struct sketch *packet = &script->sent.packet;
	bool six = packet->bytes[packet->l3] >> 4 == 6;
	uint32_t number;

	for (;;) {
		bool protocol = script_accept(script, "proto");
		bool fragment = !protocol && script_accept(script, "frag");
		bool more = fragment && script_accept(script, "more");
		bool hops = !protocol && !fragment && script_accept(script, "hops");

		if (!protocol && !fragment && !hops)
			return true;
		if (!script_next_number(script, &number))
			return false;
		if (protocol) {
			packet->protocol = (uint8_t)number;
			packet->bytes[packet->l3 + (six ? 6 : 9)] = (uint8_t)number;
		} else if (hops) {
			packet->bytes[packet->l3 + (six ? 7 : 8)] = (uint8_t)number;
		} else if (!six) {
			packet->bytes[packet->l3 + 6] =
				(uint8_t)((more ? 0x20 : 0) | number / 8 >> 8);
			packet->bytes[packet->l3 + 7] = (uint8_t)(number / 8);
		} else {
			return script_fail(script, "fragments are IPv4 here");
		}
	}
}

static bool say_ip(struct script *script)
{
	struct sketch *packet = &script->sent.packet;
	struct sketch_ip6 src6, dst6;
	uint32_t src4, dst4;
	bool six, also_six;

	if (!next_address(script, &six, &src4, &src6) || !expect_word(script, ">") ||
	    !next_address(script, &also_six, &dst4, &dst6))
		return false;
	set_ethertype(packet, six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (six)
		sketch_ipv6(packet, 253, src6, dst6); /* for experiments, RFC 3692 */
	else
		sketch_ipv4(packet, 253, src4, dst4);
	if (!say_between(script))
		return false;
	if (script_accept(script, "udp"))
		return say_ports(script, false);
	if (script_accept(script, "tcp"))
		return say_ports(script, true);
	if (script_accept(script, "icmp"))
		return say_icmp(script, IPPROTO_ICMP);
	if (script_accept(script, "icmp6"))
		return say_icmp(script, IPPROTO_ICMPV6);
	if (script_accept(script, "igmp"))
		return say_listener(script, false);
	if (script_accept(script, "mld"))
		return say_listener(script, true);
	if (script_accept(script, "solicit"))
		return say_neighbour(script, NEIGHBOUR_SOLICIT);
	if (script_accept(script, "advert"))
		return say_neighbour(script, NEIGHBOUR_ADVERT);
	return true;
}

static bool say_arp(struct script *script, uint16_t ethertype, mac48 src)
{
	struct sketch_ip6 unused;
	uint32_t sender, target;
	bool six;

	if (!next_address(script, &six, &sender, &unused) || !expect_word(script, "?") ||
	    !next_address(script, &six, &target, &unused))
		return false;
	if (script_accept(script, "lladdr") && !script_mac(script, script_next(script), &src))
		return false;
	set_ethertype(&script->sent.packet, ethertype);
	sketch_arp(&script->sent.packet, ARP_REQUEST, src, sender, target);
	return true;
}

static bool say_tag(struct script *script, struct described *d, uint16_t tpid)
{
	unsigned vid, pcp = 0;
	const char *word = script_next(script);

	if (d->n_tags == TAGS || sscanf(word, "%u/%u", &vid, &pcp) < 1)
		return script_fail(script, "'%s' is no tag", word);
	d->tags[d->n_tags].tpid = tpid;
	d->tags[d->n_tags++].tci = (uint16_t)(pcp << 13 | vid);
	return true;
}

static bool say_numbered(struct script *script, struct described *d)
{
	const char *word = script_next(script);
	uint32_t number, offset;

	if (!script_next_number(script, &number))
		return script_fail(script, "'%s' is nothing of a frame", word);
	if (strcmp(word, "len") == 0)
		d->len = number;
	else if (strcmp(word, "payload") == 0)
		d->payload = number;
	else if (strcmp(word, "cut") == 0)
		d->cut = number;
	else if (strcmp(word, "times") == 0)
		script->sent.times = number;
	else if (strcmp(word, "tso") == 0)
		script->sent.mss = (uint16_t)number;
	else if (strcmp(word, "gso") == 0)
		d->gso_type = (int)number;
	else if (strcmp(word, "type") == 0)
		set_ethertype(&script->sent.packet, (uint16_t)number);
	else if (strcmp(word, "csum") == 0 && script_next_number(script, &offset)) {
		d->csum_start = (int)number;
		d->csum_offset = (int)offset;
	} else
		return script_fail(script, "'%s' is nothing of a frame", word);
	return true;
}

static bool describe(struct script *script, struct described *d)
{
	while (*script_peek(script)) {
		bool said = true;

		if (script_accept(script, "tag"))
			said = say_tag(script, d, ETHERTYPE_VLAN);
		else if (script_accept(script, "stag"))
			said = say_tag(script, d, ETHERTYPE_SERVICE);
		else if (script_accept(script, "qtag"))
			said = say_tag(script, d, ETHERTYPE_QINQ);
		else if (script_accept(script, "ip"))
			said = say_ip(script);
		else if (script_accept(script, "arp"))
			said = say_arp(script, ETHERTYPE_ARP, d->src);
		else if (script_accept(script, "rarp"))
			said = say_arp(script, ETHERTYPE_RARP, d->src);
		else if (script_accept(script, "partial"))
			d->partial = true;
		else
			said = say_numbered(script, d);
		if (!said)
			return false;
	}
	return true;
}

/* The virtio-net header, for offsets that count from the frame's first byte. */
static void set_header(struct script_sent *sent, const struct described *d)
{
	bool v4 = sent->packet.bytes[sent->packet.l3] >> 4 == 4;

	if (d->partial) {
		sent->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		sent->hdr.csum_start = htole16((uint16_t)sent->packet.l4);
		sent->hdr.csum_offset = htole16(sent->packet.protocol == IPPROTO_TCP ? 16 : 6);
	}
	if (sent->mss) {
		sent->hdr.gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		sent->hdr.gso_size = htole16(sent->mss);
	}
	if (d->gso_type >= 0)
		sent->hdr.gso_type = (uint8_t)d->gso_type;
	if (d->csum_start >= 0) {
		sent->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		sent->hdr.csum_start = htole16((uint16_t)d->csum_start);
		sent->hdr.csum_offset = htole16((uint16_t)d->csum_offset);
	}
}

/* From the words to the packet: payload, checksums, then the tags from inside out. */
static bool finish(struct script *script, struct described *d)
{
	struct script_sent *sent = &script->sent;
	struct sketch *packet = &sent->packet;
	uint32_t tags = 4 * d->n_tags;
	unsigned ours; /* of the tags; all others are a customer's */

	d->partial |= sent->mss != 0;
	if (d->len)
		d->payload = d->len > packet->len + tags ? d->len - packet->len - tags : 0;
	if (packet->len + tags + d->payload > LIMIT_FRAME)
		return script_fail(script, "too long for a frame");
	sketch_payload(packet, d->payload);
	if (d->partial)
		sketch_end_partial(packet);
	else
		sketch_end(packet);
	sent->untagged = *packet;
	ours = script->ports[sent->port].spec.mode != POLICY_QINQ;
	for (unsigned i = d->n_tags; i > 0; i--) {
		sketch_tag(packet, d->tags[i - 1].tpid, d->tags[i - 1].tci);
		if (i > ours)
			sent->untagged = *packet;
	}
	sent->tagged = d->n_tags > 0 && ours;
	sent->customers = d->n_tags > ours;
	sent->tci = d->tags[0].tci;
	set_header(sent, d);
	if (d->cut && d->cut < packet->len)
		packet->len = d->cut;
	return true;
}

bool script_say_send(struct script *script)
{
	struct described d = {.payload = 46, .csum_start = -1, .gso_type = -1};
	struct script_sent *sent = &script->sent;

	if (!script_compile(script) || !script_port(script, script_next(script), &sent->port) ||
	    !script_mac(script, script_next(script), &d.src) || !expect_word(script, "->") ||
	    !script_mac(script, script_next(script), &d.dst))
		return false;
	sent->times = 1;
	sent->mss = 0;
	memset(&sent->hdr, 0, sizeof(sent->hdr));
	sketch_ethernet(&sent->packet, d.dst, d.src, 0x88b5);
	if (!describe(script, &d) || !finish(script, &d))
		return false;

	lab_forget(script->lab);
	lab_count(script->lab, script->ports[sent->port].spec.ref, &sent->before);
	for (unsigned left = sent->times; left;) {
		unsigned n = left < LIMIT_BURST ? left : LIMIT_BURST;

		for (unsigned i = 0; i < n; i++)
			lab_offer(script->lab, sent->port, &sent->packet, &sent->hdr);
		lab_run(script->lab, sent->port);
		left -= n;
	}
	return true;
}
