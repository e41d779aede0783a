/*
 * frame_words - see frame_words.h.
 */
#include "control/frame_words.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
	ARP_SIZE = 28, /* RFC 826, of Ethernet and IPv4 */
	ARP_WORDS = 2 * ADDRESS_PREFIX_TEXT + 24,
};

static uint32_t load32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void frame_take_apart(const struct refusal *refusal, struct frame_told *ret_told)
{
	struct frame frame = {.len = refusal->len, .head_len = refusal->head_len};

	*ret_told = (struct frame_told){.refusal = refusal};
	memcpy(frame.head, refusal->head, refusal->head_len);
	ret_told->has_l2 = frame_parse(&frame, &ret_told->l2) == DROP_NONE;
	if (ret_told->has_l2)
		filter_read(&frame, &ret_told->l2, &ret_told->filter);
}

bool frame_told_is_ip(const struct frame_told *told)
{
	return told->filter.key.protocol != CLASSIFY_NO_PROTOCOL;
}

const char *frame_address_words(const struct frame_told *told, const uint32_t words[4],
				char text[static ADDRESS_PREFIX_TEXT])
{
	struct policy_prefix4 four = {words[0], UINT32_MAX};
	struct policy_prefix6 six = {
		{(uint64_t)words[0] << 32 | words[1], (uint64_t)words[2] << 32 | words[3]},
		{UINT64_MAX, UINT64_MAX}};

	return told->l2.ethertype == ETHERTYPE_IPV4 ? address_format_prefix4(&four, text)
						    : address_format_prefix6(&six, text);
}

const char *frame_protocol_words(uint32_t protocol, char text[static 8])
{
	switch (protocol) {
	case IPPROTO_TCP: return "tcp";
	case IPPROTO_UDP: return "udp";
	case IPPROTO_SCTP: return "sctp";
	case IPPROTO_ICMP: return "icmp";
	case IPPROTO_ICMPV6: return "icmpv6";
	}
	snprintf(text, 8, "%u", protocol);
	return text;
}

enum { ENDPOINT_TEXT = ADDRESS_PREFIX_TEXT + 8 };

/* "10.0.0.1:80", "[fd00::1]:80", or the address alone: as `trace` takes it. */
static void endpoint_text(const struct frame_told *told, const uint32_t words[4], uint32_t port,
			  char text[static ENDPOINT_TEXT])
{
	bool six = told->l2.ethertype != ETHERTYPE_IPV4;
	char address[ADDRESS_PREFIX_TEXT];

	frame_address_words(told, words, address);
	if (port == CLASSIFY_NO_PORT)
		snprintf(text, ENDPOINT_TEXT, "%s", address);
	else
		snprintf(text, ENDPOINT_TEXT, "%s%s%s:%u", six ? "[" : "", address, six ? "]" : "",
			 port & 0xffffU);
}

/* "arp who-has 10.0.0.2 tell 10.0.0.1", as `trace` takes it; "" if it is none of IPv4 (RFC 826). */
static void arp_words(const struct frame_told *told, char words[static ARP_WORDS])
{
	const struct refusal *refusal = told->refusal;
	const uint8_t *arp = refusal->head + frame_l2_size(&told->l2);
	const uint32_t type = 0x00010800, sizes = 0x0604; /* Ethernet, IPv4; of their addresses */
	struct policy_prefix4 sender, target;
	char from[ADDRESS_PREFIX_TEXT], to[ADDRESS_PREFIX_TEXT], mac[ADDRESS_MAC_TEXT];
	unsigned operation;

	words[0] = '\0';
	if (told->l2.ethertype != ETHERTYPE_ARP ||
	    refusal->head_len < frame_l2_size(&told->l2) + ARP_SIZE || load32(arp) != type ||
	    load32(arp + 4) >> 16 != sizes)
		return;
	operation = load32(arp + 4) & 0xffff;
	sender = (struct policy_prefix4){load32(arp + 14), UINT32_MAX};
	target = (struct policy_prefix4){load32(arp + 24), UINT32_MAX};
	address_format_prefix4(&sender, from);
	address_format_prefix4(&target, to);
	if (operation == 1)
		snprintf(words, ARP_WORDS, "arp who-has %s tell %s", to, from);
	else if (operation == 2)
		snprintf(words, ARP_WORDS, "arp %s is-at %s", from,
			 address_format_mac(mac_load(arp + 8), mac));
}

void frame_words(const struct frame_told *told, char words[static FRAME_WORDS])
{
	const struct classify_key *key = &told->filter.key;
	char macs[2 * ADDRESS_MAC_TEXT + 4], sender[ADDRESS_MAC_TEXT], receiver[ADDRESS_MAC_TEXT];
	char src[ENDPOINT_TEXT], dst[ENDPOINT_TEXT], number[8], type[16] = "", tag[24] = "";
	char arp[ARP_WORDS];
	bool icmp = key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;

	if (!told->has_l2) {
		snprintf(words, FRAME_WORDS, "%u bytes without a header that can be read",
			 told->refusal->len);
		return;
	}
	snprintf(macs, sizeof(macs), "%s > %s", address_format_mac(told->l2.src, sender),
		 address_format_mac(told->l2.dst, receiver));
	if (told->l2.tagged)
		snprintf(tag, sizeof(tag), ", vlan %u", told->l2.tci & 0xfffU);
	arp_words(told, arp);
	if (*arp) {
		snprintf(words, FRAME_WORDS, "%s, %s%s, %u bytes", arp, macs, tag,
			 told->refusal->len);
		return;
	}
	if (!frame_told_is_ip(told)) {
		snprintf(words, FRAME_WORDS, "%s 0x%04x, %s%s, %u bytes",
			 told->l2.ethertype == ETHERTYPE_ARP ? "arp, ethertype" : "ethertype",
			 told->l2.ethertype, macs, tag, told->refusal->len);
		return;
	}
	if (icmp && key->dst_port != CLASSIFY_NO_PORT)
		snprintf(type, sizeof(type), ", type %u", key->dst_port >> 8 & 0xffU);
	endpoint_text(told, key->src, icmp ? CLASSIFY_NO_PORT : key->src_port, src);
	endpoint_text(told, key->dst, icmp ? CLASSIFY_NO_PORT : key->dst_port, dst);
	snprintf(words, FRAME_WORDS, "%s %s > %s%s, %s%s, %u bytes",
		 frame_protocol_words(key->protocol, number), src, dst, type, macs, tag,
		 told->refusal->len);
}
