/*
 * classify - which rule of a list does a frame meet first?
 *
 * A classifier is one compiled list of rules: an ACL, or one direction of a
 * group. It is built once by the control process, lies as a flat section in
 * the policy, and is only read from then on. ACLs are ordered and the first
 * match wins (RFC 8519, 4.1); a group's rules only allow, so the first that
 * matches is as good as any, and its number names the rule to count a hit for.
 *
 * What a rule may look at is a key: sixteen words, taken from the frame's
 * snapshot. A rule is a box in that space: a first and a last value for each
 * word (a list of port ranges makes a box of each pair of ranges). The
 * compiled form is a tree that cuts the space until few boxes are left, and
 * then a leaf that compares them side by side. It is compiled from the rules
 * alone: traffic never adds to it, so nobody can blow it up by what he sends.
 *
 * Cost. What a lookup may read at most, in cache lines, is known when the
 * list is compiled and is checked with the section: classify_cost(). A
 * hundred thousand rules as people write them cost some 30 to 60 lines. A list
 * made to be bad costs more, and says so: whoever compiles it refuses what is
 * over CLASSIFY_BUDGET.
 *
 * Peers by reference. A rule whose peer is a set of addresses (an address set,
 * a group's members) names the set by number. The members are not here, but in
 * the tenant's table of sets (switch/address_set.h), which says which sets an
 * address is in; a lookup is given these numbers. A member that comes or goes
 * changes that table and no classifier.
 *
 * A port with several groups looks its classifiers up one after the other
 * (allow-only: the first that matches decides). The cost of a port is their
 * sum; nothing is compiled for combinations of groups.
 *
 * A classifier is const and position-independent: any number of threads may
 * look up at once, and nothing is allocated or written.
 */
#ifndef SWITCH_CLASSIFY_H
#define SWITCH_CLASSIFY_H

#include <stddef.h>

#include "switch/types.h"

enum {
	CLASSIFY_WORDS = 16,

	CLASSIFY_ALIGN =
		64, /* a section that starts so costs what it says; 8 is enough to be right */
	CLASSIFY_RULES = 1 << 20, /* in one list */
	CLASSIFY_RANGES = 16,	  /* of ports, at each end of a rule */
	CLASSIFY_BOXES = 1 << 20, /* pairs of port ranges of all rules of a list */
	CLASSIFY_KEY_SETS = 16,	  /* sets that one address may be in */
	CLASSIFY_BUDGET = 256, /* lines that a lookup should cost at most, for a peer in 16 sets */

	/* Values of words where the frame has none. */
	CLASSIFY_NO_PORT = 0x10000,   /* neither ports nor an ICMP type, or not to be found */
	CLASSIFY_NO_PROTOCOL = 0x100, /* not IP */

	CLASSIFY_ANY = -1, /* a protocol or an ethertype that the rule does not ask for */
};

/*
 * What rules see of a frame. Zero it, then set what there is:
 *
 *   ethertype  of what follows the tag
 *   IPv4       src[0] and dst[0]; the other words stay 0
 *   IPv6       src[0..3], dst[0..3], the first four bytes in word 0
 *   not IP     protocol = CLASSIFY_NO_PROTOCOL, both ports CLASSIFY_NO_PORT
 *   ports      as numbers; ICMP, ICMPv6: dst_port = classify_icmp(), src_port = CLASSIFY_NO_PORT;
 *              other protocols, later fragments, headers that do not parse: CLASSIFY_NO_PORT
 *   MACs       may stay 0 where no list asks for them (groups)
 *
 * All numbers are in host byte order.
 */
struct classify_key {
	union {
		struct {
			uint32_t src[4];
			uint32_t dst[4];
			uint32_t src_port;
			uint32_t dst_port;
			uint32_t protocol;
			uint32_t ethertype;
			uint32_t src_mac[2]; /* bits 47..32, bits 31..0 */
			uint32_t dst_mac[2];
		};
		uint32_t word[CLASSIFY_WORDS];
	};
};
_Static_assert(sizeof(struct classify_key) == 64, "a key is one cache line");

/* An ICMP type and code as a port; RFC 792, RFC 4443. */
static inline uint16_t classify_icmp(uint8_t type, uint8_t code)
{
	return (uint16_t)(type << 8 | code);
}

static inline void classify_split_mac(mac48 mac, uint32_t ret_words[2])
{
	ret_words[0] = (uint32_t)(mac >> 32);
	ret_words[1] = (uint32_t)mac;
}

struct classify_prefix {
	uint32_t address[4]; /* as in a key; bits behind the length are not looked at */
	uint8_t length;	     /* 0..32, 0..128; 0: any address of the family */
};

struct classify_range {
	uint16_t first;
	uint16_t last;
};

struct classify_ports {
	const struct classify_range *ranges;
	uint32_t n_ranges; /* 0: any, and frames without ports too */
};

/*
 * One rule. All that it says must hold. Start from CLASSIFY_RULE_ANY, which
 * matches every frame.
 */
struct classify_rule {
	int family;    /* 4, 6, or 0 for any frame; needed where a prefix is longer than 0 */
	int protocol;  /* 0..255, or CLASSIFY_ANY */
	int ethertype; /* or CLASSIFY_ANY; family says it for IP */
	bool has_src_mac;
	bool has_dst_mac;
	mac48 src_mac;
	mac48 dst_mac;
	struct classify_prefix src;
	struct classify_prefix dst;
	struct classify_ports src_ports;
	struct classify_ports dst_ports; /* ICMP: ranges of classify_icmp() */
	/*
	 * Frames of its protocol whose ports cannot be seen (later fragments,
	 * truncated headers) match as if they had the right ones. For rules that
	 * drop: what might be meant is not let through.
	 */
	bool portless_too;
	uint32_t set; /* the peer must be in it; 0: none asked for */
	bool accept;
	bool log;
};

#define CLASSIFY_RULE_ANY                                                                          \
	((struct classify_rule){.protocol = CLASSIFY_ANY, .ethertype = CLASSIFY_ANY})

/* What a lookup found. */
struct classify_match {
	uint32_t rule; /* its place in the list, from 0 */
	bool accept;
	bool log;
};

struct classify;

/*
 * Compile @n_rules rules (none is fine: nothing ever matches) into a section,
 * classify_size() bytes, malloc()ed at CLASSIFY_ALIGN; the caller frees it or
 * copies it. -EINVAL for a rule that cannot be, -E2BIG for too many rules,
 * ranges or boxes and for lists that would cost beyond all measure, -ENOMEM.
 * Time and memory grow with the number of boxes, whatever the rules look like.
 */
int classify_build(const struct classify_rule *rules, uint32_t n_rules, struct classify **ret)
	__attribute__((warn_unused_result));

/*
 * Check a section that somebody else wrote: @size bytes at @section. 0, or
 * -EPROTO with the reason in *@ret_why (a string constant). After 0, no lookup
 * leaves the section, runs in a circle, or reads more than classify_cost()
 * lines of it; and the rules it names are below classify_rules().
 */
int classify_check(const void *section, size_t size, const char **ret_why)
	__attribute__((warn_unused_result));

/*
 * The first rule that @key matches, whose peer is in the sets @sets[@n_sets]
 * (ascending, at most CLASSIFY_KEY_SETS; more are not looked at). False if
 * there is none; *@ret is untouched then.
 */
bool classify_lookup(const struct classify *classify, const struct classify_key *key,
		     const uint32_t *sets, unsigned n_sets, struct classify_match *ret);

size_t classify_size(const struct classify *classify);
uint32_t classify_rules(const struct classify *classify);

/* The lines that a lookup reads at most for an address that is in at most @n_sets sets. */
uint32_t classify_cost(const struct classify *classify, unsigned n_sets);

/* Does any rule look at a MAC? Otherwise they may stay 0 in the key. */
bool classify_reads_macs(const struct classify *classify);

#endif
