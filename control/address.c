/*
 * address - see address.h.
 */
#include "control/address.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/decimal.h"

static int hex_digit(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	if (letter >= 'a' && letter <= 'f')
		return letter - 'a' + 10;
	if (letter >= 'A' && letter <= 'F')
		return letter - 'A' + 10;
	return -1;
}

int address_parse_mac(const char *text, mac48 *ret)
{
	uint8_t bytes[6];

	if (strlen(text) != ADDRESS_MAC_TEXT - 1 || (text[2] != ':' && text[2] != '-'))
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != text[2]))
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = mac_load(bytes);
	return 0;
}

char *address_format_mac(mac48 mac, char ret_text[ADDRESS_MAC_TEXT])
{
	uint8_t bytes[6];

	mac_store(mac, bytes);
	snprintf(ret_text, ADDRESS_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
		 bytes[2], bytes[3], bytes[4], bytes[5]);
	return ret_text;
}

/* The length behind the slash: decimal, at most @max; or -1. */
static int parse_length(const char *text, int max)
{
	int length = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		length = length * 10 + *text - '0';
		if (length > max)
			return -1;
	}
	return length;
}

/* The @length highest of 64 bits. */
static uint64_t high_bits(int length)
{
	return length <= 0 ? 0 : length >= 64 ? UINT64_MAX : ~(UINT64_MAX >> length);
}

static int make_prefix4(const struct in_addr *address, int length, struct address_prefix *ret)
{
	uint32_t bits = ntohl(address->s_addr);
	uint32_t mask = (uint32_t)(high_bits(length) >> 32);

	ret->family = AF_INET;
	ret->v4 = (struct policy_prefix4){bits & mask, mask};
	return bits & ~mask ? -EDOM : 0;
}

static int make_prefix6(const struct in6_addr *address, int length, struct address_prefix *ret)
{
	uint64_t bits[2];
	uint64_t mask[2] = {high_bits(length), high_bits(length - 64)};

	memcpy(bits, address, sizeof(bits));
	bits[0] = be64toh(bits[0]);
	bits[1] = be64toh(bits[1]);
	ret->family = AF_INET6;
	ret->v6 =
		(struct policy_prefix6){{bits[0] & mask[0], bits[1] & mask[1]}, {mask[0], mask[1]}};
	return (bits[0] & ~mask[0]) | (bits[1] & ~mask[1]) ? -EDOM : 0;
}

int address_parse_prefix(const char *text, struct address_prefix *ret)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	size_t size = (size_t)(slash - text);
	struct in_addr v4;
	struct in6_addr v6;
	int length;

	if (size >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, size);
	address[size] = '\0';
	if (inet_pton(AF_INET, address, &v4) == 1) {
		length = *slash ? parse_length(slash + 1, 32) : 32;
		return length < 0 ? -EINVAL : make_prefix4(&v4, length, ret);
	}
	if (inet_pton(AF_INET6, address, &v6) == 1) {
		length = *slash ? parse_length(slash + 1, 128) : 128;
		return length < 0 ? -EINVAL : make_prefix6(&v6, length, ret);
	}
	return -EINVAL;
}

char *address_format_prefix4(const struct policy_prefix4 *prefix,
			     char ret_text[ADDRESS_PREFIX_TEXT])
{
	unsigned length = (unsigned)__builtin_popcount(prefix->mask);
	char *end = ret_text;

	for (int shift = 24; shift >= 0; shift -= 8)
		end = decimal_write(stpcpy(end, shift < 24 ? "." : ""),
				    prefix->address >> shift & 0xff);
	if (length < 32)
		decimal_write(stpcpy(end, "/"), length);
	return ret_text;
}

char *address_format_prefix6(const struct policy_prefix6 *prefix,
			     char ret_text[ADDRESS_PREFIX_TEXT])
{
	uint64_t bits[2] = {htobe64(prefix->address[0]), htobe64(prefix->address[1])};
	int length = __builtin_popcountll(prefix->mask[0]) + __builtin_popcountll(prefix->mask[1]);
	struct in6_addr address;
	char *end;

	memcpy(&address, bits, sizeof(address));
	inet_ntop(AF_INET6, &address, ret_text, ADDRESS_PREFIX_TEXT);
	end = ret_text + strlen(ret_text);
	if (length < 128)
		snprintf(end, (size_t)(ret_text + ADDRESS_PREFIX_TEXT - end), "/%d", length);
	return ret_text;
}
