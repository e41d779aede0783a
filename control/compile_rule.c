/*
 * compile_rule - see compile_rule.h.
 */
#include "control/compile_rule.h"

#include <sys/socket.h>

_Static_assert((int)RULE_ANY == (int)CLASSIFY_ANY, "what was not said is the same number");

static uint8_t count_ones(uint64_t mask)
{
	return (uint8_t)__builtin_popcountll(mask);
}

void compile_rule_prefix(const struct address_prefix *prefix, struct classify_prefix *ret_prefix,
			 int *ret_family)
{
	if (prefix->family == AF_INET) {
		*ret_family = 4;
		ret_prefix->address[0] = prefix->v4.address;
		ret_prefix->length = count_ones(prefix->v4.mask);
		return;
	}
	*ret_family = 6;
	for (unsigned i = 0; i < 4; i++)
		ret_prefix->address[i] = (uint32_t)(prefix->v6.address[i / 2] >> (i % 2 ? 0 : 32));
	ret_prefix->length =
		(uint8_t)(count_ones(prefix->v6.mask[0]) + count_ones(prefix->v6.mask[1]));
}

static void put_ports(const struct rule_ports *ports, struct classify_range *ranges,
		      struct classify_ports *ret_ports)
{
	for (unsigned i = 0; i < ports->count; i++)
		ranges[i] = (struct classify_range){ports->ranges[i].first, ports->ranges[i].last};
	*ret_ports = (struct classify_ports){ranges, ports->count};
}

void compile_rule_group(const struct rule_group *rule, uint32_t set, struct compile_rule *ret)
{
	struct classify_rule *to = &ret->rule;

	*to = CLASSIFY_RULE_ANY;
	to->accept = true;
	to->protocol = rule->protocol;
	to->set = set;
	put_ports(&rule->ports, ret->dst, &to->dst_ports);
	if (rule->icmp_type != RULE_ANY) {
		ret->dst[0] =
			(struct classify_range){classify_icmp((uint8_t)rule->icmp_type, 0),
						classify_icmp((uint8_t)rule->icmp_type, UINT8_MAX)};
		to->dst_ports = (struct classify_ports){ret->dst, 1};
	}
	if (rule->peer.kind == RULE_PEER_PREFIX)
		compile_rule_prefix(&rule->peer.prefix, rule->out ? &to->dst : &to->src,
				    &to->family);
}

void compile_rule_acl(const struct rule_acl *rule, struct compile_rule *ret)
{
	struct classify_rule *to = &ret->rule;

	*to = CLASSIFY_RULE_ANY;
	to->accept = rule->accept;
	to->log = rule->log;
	to->protocol = rule->protocol;
	to->ethertype = rule->ethertype;
	to->has_src_mac = rule->has_src_mac;
	to->has_dst_mac = rule->has_dst_mac;
	to->src_mac = rule->src_mac;
	to->dst_mac = rule->dst_mac;
	/* What a drop might be meant for is dropped: later fragments, ports that are cut off. */
	to->portless_too = !rule->accept;
	put_ports(&rule->from.ports, ret->src, &to->src_ports);
	put_ports(&rule->to.ports, ret->dst, &to->dst_ports);
	if (!rule->from.any)
		compile_rule_prefix(&rule->from.prefix, &to->src, &to->family);
	if (!rule->to.any)
		compile_rule_prefix(&rule->to.prefix, &to->dst, &to->family);
}
