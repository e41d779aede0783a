/*
 * trace_frame - see trace_frame.h.
 */
#include "control/trace_frame.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 16,
	LINE_MAX_BYTES = 256,
	IP4_HEADER = 20,    /* RFC 791, 3.1 */
	IP6_HEADER = 40,    /* RFC 8200, 3 */
	TCP_HEADER = 20,    /* RFC 9293, 3.1 */
	PROBE_PORT = 33000, /* where a port was not said */
};

/* The words of a line, read one after the other. */
struct words {
	char line[LINE_MAX_BYTES];
	char *list[WORDS_MAX + 1]; /* NULL at the end */
	unsigned at;
	char *why;
};

__attribute__((format(printf, 2, 3))) static int fail(struct words *words, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words->why, TRACE_FRAME_WHY, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int words_split(struct words *words, const char *text)
{
	unsigned n = 0;
	char *rest, *word;

	if (strlen(text) >= sizeof(words->line))
		return fail(words, "the description is too long");
	memcpy(words->line, text, strlen(text) + 1);
	for (word = strtok_r(words->line, " \t", &rest); word;
	     word = strtok_r(NULL, " \t", &rest)) {
		if (n == WORDS_MAX)
			return fail(words, "the description has too many words");
		words->list[n++] = word;
	}
	return n ? 0 : fail(words, "say what frame: `tcp 10.0.0.1:4000 > 10.0.0.2:80`");
}

static const char *words_next(struct words *words)
{
	return words->list[words->at] ? words->list[words->at++] : "";
}

static int words_expect(struct words *words, const char *expected)
{
	const char *word = words_next(words);

	return strcmp(word, expected)
		       ? fail(words, "expected `%s` where `%.40s` stands", expected, word)
		       : 0;
}

static int number_parse(struct words *words, const char *text, unsigned long max,
			uint16_t *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 0);

	if (!isdigit((unsigned char)*text) || *end || number > max)
		return fail(words, "`%.40s` is no number up to %lu", text, max);
	*ret_number = (uint16_t)number;
	return 0;
}

static int mac_parse(struct words *words, mac48 *ret_mac)
{
	const char *text = words_next(words);

	return address_parse_mac(text, ret_mac) ? fail(words, "`%.40s` is no MAC address", text)
						: 0;
}

static bool is_host(const struct address_prefix *address)
{
	if (address->family == AF_INET)
		return address->v4.mask == UINT32_MAX;
	return address->v6.mask[0] == UINT64_MAX && address->v6.mask[1] == UINT64_MAX;
}

/* An address with perhaps a port: `10.0.0.1:80`, `[fd00::1]:80`, `fd00::1`. */
static int endpoint_parse(struct words *words, struct address_prefix *ret_address,
			  uint16_t *ret_port)
{
	char text[LINE_MAX_BYTES];
	char *address = text, *port = NULL;
	const char *word = words_next(words);

	snprintf(text, sizeof(text), "%s", word);
	if (*text == '[') {
		address++;
		port = strchr(address, ']');
		if (!port || (port[1] && port[1] != ':'))
			return fail(words, "`%.60s`: the bracket is not closed", word);
		*port++ = '\0';
	} else if (strchr(text, ':') == strrchr(text, ':')) {
		port = strchr(text, ':');
	}
	if (port && *port)
		*port++ = '\0';
	if (address_parse_prefix(address, ret_address) || !is_host(ret_address))
		return fail(words, "`%.60s` is no address", word);
	return port && *port ? number_parse(words, port, UINT16_MAX, ret_port) : 0;
}

static void put16(uint8_t *at, uint16_t value)
{
	value = htobe16(value);
	memcpy(at, &value, sizeof(value));
}

static void put_address(uint8_t *at, const struct address_prefix *address)
{
	if (address->family == AF_INET) {
		uint32_t v4 = htobe32(address->v4.address);

		memcpy(at, &v4, sizeof(v4));
	} else {
		uint64_t v6[2] = {htobe64(address->v6.address[0]), htobe64(address->v6.address[1])};

		memcpy(at, v6, sizeof(v6));
	}
}

/* An IP header in front of @body bytes that are there already; returns where the body is. */
static uint8_t *ip_write(struct trace_frame *frame, uint8_t protocol,
			 const struct address_prefix *src, const struct address_prefix *dst,
			 unsigned body)
{
	uint8_t *ip = frame->payload;

	frame->target = *dst;
	if (src->family == AF_INET) {
		frame->ethertype = ETHERTYPE_IP;
		frame->length = IP4_HEADER + body;
		ip[0] = 0x45;
		put16(ip + 2, (uint16_t)frame->length);
		ip[8] = 64;
		ip[9] = protocol;
		put_address(ip + 12, src);
		put_address(ip + 16, dst);
		return ip + IP4_HEADER;
	}
	frame->ethertype = ETHERTYPE_IPV6;
	frame->length = IP6_HEADER + body;
	ip[0] = 0x60;
	put16(ip + 4, (uint16_t)body);
	ip[6] = protocol;
	ip[7] = 64;
	put_address(ip + 8, src);
	put_address(ip + 24, dst);
	return ip + IP6_HEADER;
}

/* Both ends of an IP packet. */
static int ends_parse(struct words *words, struct address_prefix *src, uint16_t *src_port,
		      struct address_prefix *dst, uint16_t *dst_port)
{
	int error = endpoint_parse(words, src, src_port);

	if (!error)
		error = words_expect(words, ">");
	if (!error)
		error = endpoint_parse(words, dst, dst_port);
	if (!error && src->family != dst->family)
		error = fail(words, "one end is IPv4, the other IPv6");
	return error;
}

static int transport_parse(struct words *words, uint8_t protocol, struct trace_frame *frame)
{
	struct address_prefix src, dst;
	uint16_t src_port = PROBE_PORT, dst_port = PROBE_PORT;
	unsigned size = protocol == IPPROTO_TCP ? TCP_HEADER : 8;
	int error = ends_parse(words, &src, &src_port, &dst, &dst_port);
	uint8_t *header;

	if (error)
		return error;
	header = ip_write(frame, protocol, &src, &dst, size);
	put16(header, src_port);
	put16(header + 2, dst_port);
	if (protocol == IPPROTO_TCP) {
		header[12] = TCP_HEADER / 4 << 4;
		header[13] = 0x02; /* SYN */
	} else {
		put16(header + 4, 8);
	}
	return 0;
}

static int icmp_parse(struct words *words, struct trace_frame *frame)
{
	struct address_prefix src, dst;
	uint16_t none = 0;
	int error = ends_parse(words, &src, &none, &dst, &none);
	uint8_t *header;

	if (error)
		return error;
	header = ip_write(frame, src.family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6, &src, &dst,
			  8);
	/* An echo request: RFC 792, RFC 4443 4.1. */
	header[0] = src.family == AF_INET ? 8 : 128;
	return 0;
}

/* RFC 826: a request, or a reply to nobody's request. */
static int arp_parse(struct words *words, struct trace_frame *frame)
{
	struct address_prefix sender, target;
	uint16_t none = 0;
	uint8_t *arp = frame->payload;
	bool asks = !strcmp(words->list[words->at] ? words->list[words->at] : "", "who-has");
	int error;

	words->at += asks;
	error = endpoint_parse(words, &target, &none);
	sender = target;
	if (!error)
		error = words_expect(words, asks ? "tell" : "is-at");
	if (!error)
		error = asks ? endpoint_parse(words, &sender, &none)
			     : mac_parse(words, &frame->src);
	if (error)
		return error;
	if (sender.family != AF_INET || target.family != AF_INET)
		return fail(words, "ARP is for IPv4; neighbours of IPv6 are found by ICMPv6");
	frame->ethertype = ETHERTYPE_ARP;
	frame->dst = MAC_BROADCAST;
	frame->length = 28;
	put16(arp, 1);		      /* Ethernet */
	put16(arp + 2, ETHERTYPE_IP); /* for IPv4 */
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, asks ? 1 : 2);
	put_address(arp + 14, &sender);
	put_address(arp + 24, &target);
	return 0;
}

static int protocol_parse(struct words *words, struct trace_frame *frame)
{
	const char *protocol = words_next(words);
	const char *next = words->list[words->at];

	if (!strcmp(protocol, "tcp"))
		return transport_parse(words, IPPROTO_TCP, frame);
	if (!strcmp(protocol, "udp"))
		return transport_parse(words, IPPROTO_UDP, frame);
	if (!strcmp(protocol, "icmp") || !strcmp(protocol, "icmpv6"))
		return icmp_parse(words, frame);
	if (!strcmp(protocol, "arp"))
		return arp_parse(words, frame);
	if (strcmp(protocol, "eth"))
		return fail(words, "`%.40s`: a frame begins with tcp, udp, icmp, arp or eth",
			    protocol);
	frame->ethertype = 0x88b5; /* IEEE 802, 9.2.3: for local experiments */
	frame->length = 46;
	if (next && isdigit((unsigned char)*next))
		return number_parse(words, words_next(words), UINT16_MAX, &frame->ethertype);
	return 0;
}

static int options_parse(struct words *words, struct trace_frame *frame)
{
	int error = 0;

	while (!error && words->list[words->at]) {
		const char *option = words_next(words);

		if (!strcmp(option, "src-mac")) {
			error = mac_parse(words, &frame->src);
		} else if (!strcmp(option, "dst-mac")) {
			error = mac_parse(words, &frame->dst);
		} else if (!strcmp(option, "vlan")) {
			frame->tagged = true;
			error = number_parse(words, words_next(words), 4095, &frame->vlan);
		} else {
			error = fail(words, "`%.40s`: what may follow is src-mac, dst-mac or vlan",
				     option);
		}
	}
	return error;
}

int trace_frame_parse(const char *text, struct trace_frame *ret_frame,
		      char ret_why[static TRACE_FRAME_WHY])
{
	struct words words = {.why = ret_why};
	struct trace_frame frame = {0};
	int error = words_split(&words, text);

	if (!error)
		error = protocol_parse(&words, &frame);
	if (!error)
		error = options_parse(&words, &frame);
	if (!error)
		*ret_frame = frame;
	return error;
}

unsigned trace_frame_write(const struct trace_frame *frame,
			   uint8_t ret_bytes[static TRACE_FRAME_BYTES])
{
	uint8_t *at = ret_bytes + 12;

	mac_store(frame->dst, ret_bytes);
	mac_store(frame->src, ret_bytes + 6);
	if (frame->tagged) {
		put16(at, ETHERTYPE_VLAN);
		put16(at + 2, frame->vlan);
		at += 4;
	}
	put16(at, frame->ethertype);
	at += 2;
	memcpy(at, frame->payload, frame->length);
	if (frame->ethertype == ETHERTYPE_ARP && frame->length == 28)
		mac_store(frame->src, at + 8); /* the sender's hardware address */
	return (unsigned)(at - ret_bytes) + frame->length;
}

int trace_frame_hex(const char *text, uint8_t ret_bytes[static TRACE_FRAME_BYTES])
{
	unsigned digits = 0;

	for (; *text; text++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit;

		if (isspace((unsigned char)*text) || *text == ':')
			continue;
		digit = strchr(hex, tolower((unsigned char)*text));
		if (!digit)
			return -EINVAL;
		if (digits / 2 == TRACE_FRAME_BYTES)
			return -E2BIG;
		if (digits % 2)
			ret_bytes[digits / 2] |= (uint8_t)(digit - hex);
		else
			ret_bytes[digits / 2] = (uint8_t)((digit - hex) << 4);
		digits++;
	}
	return digits % 2 ? -EINVAL : (int)(digits / 2);
}
