/*
 * address - MACs and IP prefixes between text and number.
 */
#ifndef CONTROL_ADDRESS_H
#define CONTROL_ADDRESS_H

#include "switch/policy.h"
#include "switch/types.h"

enum {
	ADDRESS_MAC_TEXT = 18,	  /* bytes of "52:54:00:00:00:01", NUL included */
	ADDRESS_PREFIX_TEXT = 50, /* bytes of the longest IPv6 prefix, NUL included */
};

/* Six bytes in hex, separated by `:` or by `-`, in either case. 0 or -EINVAL. */
int address_parse_mac(const char *text, mac48 *ret) __attribute__((warn_unused_result));

/* In small letters with `:`. Gives @ret_text. */
char *address_format_mac(mac48 mac, char ret_text[ADDRESS_MAC_TEXT]);

struct address_prefix {
	int family; /* AF_INET or AF_INET6 */
	union {
		struct policy_prefix4 v4;
		struct policy_prefix6 v6;
	};
};

/*
 * An address or a prefix: `10.0.0.1`, `10.0.0.0/8`, `fd00::/64`. 0; -EINVAL: it
 * is neither; -EDOM: a prefix with bits set behind its length (`10.0.0.1/8`),
 * where *@ret is the prefix without them.
 */
int address_parse_prefix(const char *text, struct address_prefix *ret)
	__attribute__((warn_unused_result));

/* RFC 5952 spelling; without the length if it is a single address. Gives @ret_text. */
char *address_format_prefix4(const struct policy_prefix4 *prefix,
			     char ret_text[ADDRESS_PREFIX_TEXT]);
char *address_format_prefix6(const struct policy_prefix6 *prefix,
			     char ret_text[ADDRESS_PREFIX_TEXT]);

#endif
