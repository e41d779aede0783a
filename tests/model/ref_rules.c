/*
 * ref_rules - see ref_rules.h.
 */
#include "tests/model/ref_rules.h"

#include <sys/socket.h>

bool ref_in_prefix(const struct ref_header *header, const struct address_prefix *prefix,
		   bool source)
{
	const uint64_t *address = source ? header->src : header->dst;

	if (prefix->family == AF_INET)
		return header->family == 4 &&
		       ((uint32_t)address[1] & prefix->v4.mask) == prefix->v4.address;
	return header->family == 6 && (address[0] & prefix->v6.mask[0]) == prefix->v6.address[0] &&
	       (address[1] & prefix->v6.mask[1]) == prefix->v6.address[1];
}

/* @unseen: what to say if the rule asks for ports and the packet shows none. */
static bool ports_match(const struct rule_ports *wanted, const struct ref_header *header,
			uint16_t port, bool unseen)
{
	if (!wanted->count)
		return true;
	if (!header->has_ports)
		return unseen;
	for (unsigned i = 0; i < wanted->count; i++)
		if (port >= wanted->ranges[i].first && port <= wanted->ranges[i].last)
			return true;
	return false;
}

bool ref_group_allows(const struct rule_group *rule, bool out, const struct ref_header *header,
		      bool is_peer)
{
	if (rule->out != out || (rule->protocol != RULE_ANY && rule->protocol != header->protocol))
		return false;
	if (!ports_match(&rule->ports, header, header->dst_port, false))
		return false;
	if (rule->icmp_type != RULE_ANY && (!header->has_type || rule->icmp_type != header->type))
		return false;
	switch (rule->peer.kind) {
	case RULE_PEER_ANY: return true;
	case RULE_PEER_PREFIX: return ref_in_prefix(header, &rule->peer.prefix, !out);
	case RULE_PEER_SET:
	case RULE_PEER_GROUP: return is_peer;
	}
	return false;
}

bool ref_acl_matches(const struct rule_acl *rule, const struct ref_header *header)
{
	return (rule->protocol == RULE_ANY || rule->protocol == header->protocol) &&
	       (rule->from.any || ref_in_prefix(header, &rule->from.prefix, true)) &&
	       (rule->to.any || ref_in_prefix(header, &rule->to.prefix, false)) &&
	       ports_match(&rule->from.ports, header, header->src_port, !rule->accept) &&
	       ports_match(&rule->to.ports, header, header->dst_port, !rule->accept) &&
	       (rule->ethertype == RULE_ANY || rule->ethertype == header->ethertype) &&
	       (!rule->has_src_mac || rule->src_mac == header->src_mac) &&
	       (!rule->has_dst_mac || rule->dst_mac == header->dst_mac);
}
