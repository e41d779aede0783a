/*
 * ref_rules - rules as one reads them: each in turn, word for word.
 *
 * The words are those of the rule language (control/rule.h), the header what is
 * written in a packet. Nothing is compiled, ordered or shared.
 */
#ifndef TESTS_MODEL_REF_RULES_H
#define TESTS_MODEL_REF_RULES_H

#include "control/rule.h"
#include "switch/types.h"

/* What rules can see of a frame. */
struct ref_header {
	mac48 src_mac, dst_mac;
	uint16_t ethertype;
	bool neighbour; /* ARP, or neighbour discovery */
	int family;	/* 4, 6, or 0: not IP */
	int protocol;	/* -1: not IP */
	bool has_ports, has_type;
	uint64_t src[2], dst[2]; /* as in struct session_key */
	uint16_t src_port, dst_port;
	uint8_t type; /* ICMP's */
};

bool ref_in_prefix(const struct ref_header *header, const struct address_prefix *prefix,
		   bool source);

/*
 * Does a rule of a group allow it, sent out of its port, or into it? @is_peer: what the rule
 * says of a group or set as its peer is true.
 */
bool ref_group_allows(const struct rule_group *rule, bool out, const struct ref_header *header,
		      bool is_peer);

bool ref_acl_matches(const struct rule_acl *rule, const struct ref_header *header);

#endif
