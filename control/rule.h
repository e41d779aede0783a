/*
 * rule - the one-line language of security groups and ACLs.
 *
 *   group: allow in|out PROTO [PORTS|TYPE] [from|to PEER]
 *   acl:   accept|drop PROTO [from PREFIX [port PORTS]] [to PREFIX [port PORTS]]
 *          [ethertype T] [src-mac MAC] [dst-mac MAC] [log]
 *
 *   PROTO  any tcp udp sctp icmp icmpv6, or a number (IANA protocol numbers)
 *   PORTS  80 or 80,443 or 8000-8999, of tcp, udp and sctp
 *   TYPE   of icmp or icmpv6, by name (echo-request) or number
 *   PEER   any, a prefix, set:NAME, group:NAME; `from` with in, `to` with out
 *   PREFIX any, an address or a prefix; both ends of one family
 *   T      ip ipv6 arp, or a number in hex (0x88cc)
 *
 * The parts of an ACL rule behind PROTO may come in any order, once each. What no
 * frame can be (`tcp ethertype arp`) is refused.
 *
 * Ranges of a list of ports need not be in order; they are put in order, and
 * joined where they meet.
 *
 * A text that is not in the language gives a fault: where in it, and what would
 * be right. Pure functions; nothing allocates.
 */
#ifndef CONTROL_RULE_H
#define CONTROL_RULE_H

#include "control/address.h"
#include "switch/limits.h"

enum {
	RULE_ANY = -1,	       /* a protocol, an ICMP type or an EtherType that was not said */
	RULE_PORT_RANGES = 16, /* in one list of ports */
	RULE_TEXT = 640,       /* bytes of a rule's text; the longest line of one has 572 */
};

struct rule_ports {
	unsigned count; /* 0: all ports */
	struct rule_port_range {
		uint16_t first;
		uint16_t last;
	} ranges[RULE_PORT_RANGES];
};

enum rule_peer_kind {
	RULE_PEER_ANY,
	RULE_PEER_PREFIX,
	RULE_PEER_SET,
	RULE_PEER_GROUP,
};

struct rule_peer {
	enum rule_peer_kind kind;
	struct address_prefix prefix;
	char name[LIMIT_NAME + 1]; /* of the set or group */
};

struct rule_group {
	bool out;
	int protocol; /* 0..255 or RULE_ANY */
	struct rule_ports ports;
	int icmp_type; /* 0..255 or RULE_ANY */
	struct rule_peer peer;
};

struct rule_end {
	bool any;
	struct address_prefix prefix;
	struct rule_ports ports;
};

struct rule_acl {
	bool accept;
	bool log;
	int protocol;
	int ethertype; /* 0x600..0xffff or RULE_ANY */
	struct rule_end from;
	struct rule_end to;
	bool has_src_mac;
	bool has_dst_mac;
	mac48 src_mac;
	mac48 dst_mac;
};

struct rule_fault {
	size_t offset; /* bytes before the word that is wrong; at the end: one is missing */
	char message[160];
	char hint[160];
};

/* 0; -EINVAL and *@ret_fault. */
int rule_parse_group(const char *text, struct rule_group *ret, struct rule_fault *ret_fault)
	__attribute__((warn_unused_result));
int rule_parse_acl(const char *text, struct rule_acl *ret, struct rule_fault *ret_fault)
	__attribute__((warn_unused_result));

/* The rule as a line, spelled in one way; parsing it gives an equal rule. */
void rule_format_group(const struct rule_group *rule, char ret_line[RULE_TEXT]);
void rule_format_acl(const struct rule_acl *rule, char ret_line[RULE_TEXT]);

#endif
