/*
 * rule_sketch - making lists of rules up.
 *
 * Addresses of the ClassBench-like mixes come from a tree of networks that
 * grows with the list, so that prefixes nest as they do where people write
 * them. Ends the program for want of memory.
 */
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "switch/frame.h"
#include "tests/sketch/rule_sketch.h"

enum { RANGES = 4 /* kept for each end of a rule */ };

static const char *const words[SKETCH_MIXES] = {
	[SKETCH_ACL] = "acl",	  [SKETCH_FW] = "fw",	    [SKETCH_IPC] = "ipc",
	[SKETCH_ACL6] = "acl6",	  [SKETCH_DENSE] = "dense", [SKETCH_RANGES] = "ranges",
	[SKETCH_CROSS] = "cross", [SKETCH_NEST] = "nest",   [SKETCH_SQUARES] = "squares",
};

const char *sketch_mix_word(enum sketch_mix mix)
{
	return words[mix];
}

/* splitmix64 */
static uint64_t draw(struct sketch_rules *sketch)
{
	uint64_t z = sketch->noise += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t sketch_rules_any(struct sketch_rules *sketch, uint32_t n)
{
	return (uint32_t)((draw(sketch) >> 32) * n >> 32);
}

static bool percent(struct sketch_rules *sketch, uint32_t chance)
{
	return sketch_rules_any(sketch, 100) < chance;
}

static uint32_t word_of(uint64_t number)
{
	return (uint32_t)(number * 0x9e3779b97f4a7c15ULL >> 32);
}

/* A prefix out of as many nets of /16, /24 and hosts as a list of @n rules would know. */
static void draw_prefix(struct sketch_rules *sketch, int family, uint8_t shortest,
			struct classify_prefix *ret)
{
	static const uint8_t lengths[] = {8,  16, 16, 20, 24, 24, 24, 24,
					  26, 28, 30, 32, 32, 32, 32};
	uint32_t nets = sketch->n / 256 + 4, net = sketch_rules_any(sketch, nets);
	uint32_t address = (word_of(net / 4) & 0xff000000) | (word_of(net) & 0x00ff0000) |
			   sketch_rules_any(sketch, 32) << 8 | sketch_rules_any(sketch, 256);
	uint8_t length;

	do
		length = lengths[sketch_rules_any(sketch, sizeof(lengths))];
	while (length < shortest);
	ret->length = length;
	ret->address[0] = address;
	if (family == 6) {
		/* 2001:db8:... with the same tree behind the first word */
		ret->length = (uint8_t)(length == 32 ? 128 : length + 32);
		ret->address[0] = 0x20010db8;
		ret->address[1] = address;
		ret->address[2] = 0;
		ret->address[3] = length == 32 ? sketch_rules_any(sketch, 4) : 0;
	}
}

static struct classify_ports draw_ports(struct sketch_rules *sketch, struct classify_range *ranges,
					uint32_t exact, uint32_t wide, uint32_t lists)
{
	static const uint16_t services[] = {20,	  21,	22,   23,   25,	  53,  80,  110,
					    123,  143,	161,  389,  443,  445, 514, 993,
					    1433, 1521, 3306, 3389, 5060, 8080};
	uint32_t roll = sketch_rules_any(sketch, 100);
	struct classify_ports ports = {ranges, 1};

	if (roll < exact) {
		uint16_t port = services[sketch_rules_any(sketch, sizeof(services) / 2)];

		if (percent(sketch, 40))
			port = (uint16_t)sketch_rules_any(sketch, 65536);
		ranges[0] = (struct classify_range){port, port};
	} else if (roll < exact + wide / 2) {
		ranges[0] = (struct classify_range){1024, 65535};
	} else if (roll < exact + wide) {
		uint16_t first = (uint16_t)sketch_rules_any(sketch, 60000);

		ranges[0] = (struct classify_range){
			first, (uint16_t)(first + sketch_rules_any(sketch, 5000))};
	} else if (roll < exact + wide + lists) {
		ports.n_ranges = 2 + sketch_rules_any(sketch, RANGES - 1);
		for (uint32_t i = 0; i < ports.n_ranges; i++) {
			uint16_t port = services[sketch_rules_any(sketch, sizeof(services) / 2)];

			ranges[i] = (struct classify_range){port, (uint16_t)(port + i)};
		}
	} else {
		ports.n_ranges = 0;
	}
	return ports;
}

/* What the ClassBench-like mixes differ in, in percent. */
static const struct shape {
	uint32_t any_src, any_dst, any_protocol;
	uint32_t src_exact, src_wide;
	uint32_t dst_exact, dst_wide, dst_lists;
} shapes[] = {
	[SKETCH_ACL] = {45, 2, 10, 0, 1, 65, 15, 8},
	[SKETCH_FW] = {45, 25, 15, 10, 25, 45, 25, 2},
	[SKETCH_IPC] = {10, 8, 20, 12, 8, 45, 10, 2},
	[SKETCH_ACL6] = {45, 2, 10, 0, 1, 65, 15, 8},
};

static void draw_typical(struct sketch_rules *sketch, struct classify_rule *rule,
			 struct classify_range *ranges)
{
	const struct shape *shape = &shapes[sketch->mix];
	int family = sketch->mix == SKETCH_ACL6 ? 6 : 4;

	rule->family = family;
	if (!percent(sketch, shape->any_src))
		draw_prefix(sketch, family, percent(sketch, 20) ? 8 : 16, &rule->src);
	/* Nobody writes thousands of rules behind one that takes nearly all. */
	if (rule->src.length < 24 || !percent(sketch, shape->any_dst))
		draw_prefix(sketch, family, percent(sketch, 5) ? 16 : 24, &rule->dst);
	if (percent(sketch, shape->any_protocol))
		return;
	rule->protocol = percent(sketch, 80) ? IPPROTO_TCP : IPPROTO_UDP;
	rule->src_ports = draw_ports(sketch, ranges, shape->src_exact, shape->src_wide, 0);
	rule->dst_ports = draw_ports(sketch, ranges + RANGES, shape->dst_exact, shape->dst_wide,
				     shape->dst_lists);
	if (sketch->mix == SKETCH_FW && rule->dst_ports.n_ranges && percent(sketch, 5))
		rule->dst.length = 0;
}

static void draw_small_prefix(struct sketch_rules *sketch, int family, struct classify_prefix *ret)
{
	static const uint8_t lengths[] = {0, 1, 8, 29, 30, 31, 32, 33, 63, 64, 65, 97, 127, 128};

	do
		ret->length = lengths[sketch_rules_any(sketch, sizeof(lengths))];
	while (family == 4 && ret->length > 32);
	ret->address[0] = 0x0a000000 + sketch_rules_any(sketch, 8);
	for (unsigned i = 1; family == 6 && i < 4; i++)
		ret->address[i] = sketch_rules_any(sketch, 2) << 31 | sketch_rules_any(sketch, 3);
}

static struct classify_ports draw_small_ports(struct sketch_rules *sketch,
					      struct classify_range *ranges)
{
	struct classify_ports ports = {ranges, sketch_rules_any(sketch, RANGES + 1)};

	for (uint32_t i = 0; i < ports.n_ranges; i++) {
		uint16_t first = (uint16_t)(percent(sketch, 20) ? 65530 : 0);

		ranges[i].first = (uint16_t)(first + sketch_rules_any(sketch, 4));
		ranges[i].last = (uint16_t)(ranges[i].first + sketch_rules_any(sketch, 3));
	}
	return ports;
}

static void draw_dense(struct sketch_rules *sketch, struct classify_rule *rule,
		       struct classify_range *ranges)
{
	static const int ethertypes[] = {ETHERTYPE_ARP, 0x88cc, 0x0600, 0xffff};

	rule->family = (int)sketch_rules_any(sketch, 4) * 2;
	if (rule->family == 2) {
		rule->family = 0;
		rule->ethertype = ethertypes[sketch_rules_any(sketch, 4)];
	}
	if (rule->family) {
		draw_small_prefix(sketch, rule->family, &rule->src);
		draw_small_prefix(sketch, rule->family, &rule->dst);
	}
	if (percent(sketch, 70))
		rule->protocol = (int)sketch_rules_any(sketch, 3);
	if (percent(sketch, 50))
		rule->src_ports = draw_small_ports(sketch, ranges);
	if (percent(sketch, 50))
		rule->dst_ports = draw_small_ports(sketch, ranges + RANGES);
	rule->has_src_mac = percent(sketch, 20);
	rule->src_mac = 0x020000000000 + ((mac48)sketch_rules_any(sketch, 2) << 32) +
			sketch_rules_any(sketch, 2);
	rule->has_dst_mac = percent(sketch, 20);
	rule->dst_mac = 0x020000000000 + sketch_rules_any(sketch, 3);
	rule->portless_too = percent(sketch, 30);
	rule->log = percent(sketch, 30);
	if (percent(sketch, 30))
		rule->set = 1 + sketch_rules_any(sketch, 6);
}

static void one_range(struct classify_ports *ports, struct classify_range *ranges, uint32_t first,
		      uint32_t last)
{
	ranges[0] = (struct classify_range){(uint16_t)first, (uint16_t)last};
	*ports = (struct classify_ports){ranges, 1};
}

static void draw_cross(struct sketch_rules *sketch, struct classify_rule *rule, uint32_t i,
		       struct classify_range *ranges)
{
	uint32_t at = i / 4 * 7 % 65536;

	switch (i % 4) {
	case 0: rule->src = (struct classify_prefix){{word_of(i)}, 32}; break;
	case 1: rule->dst = (struct classify_prefix){{word_of(i)}, 32}; break;
	case 2: one_range(&rule->src_ports, ranges, at, at | 3); break;
	case 3: one_range(&rule->dst_ports, ranges, at, at | 3); break;
	}
}

/* Rule @i of @n: the most specific first. */
static void draw_nest(struct sketch_rules *sketch, struct classify_rule *rule, uint32_t i,
		      struct classify_range *ranges)
{
	uint32_t back = sketch->n - 1 - i, length = back % 17;

	rule->src = (struct classify_prefix){{0x0a0a0a0a}, (uint8_t)(back / 17 % 33)};
	rule->dst = (struct classify_prefix){{0xc0a80101}, (uint8_t)(back / 17 / 33 % 33)};
	one_range(&rule->dst_ports, ranges, 443 & ~(0xffffu >> length), 443 | 0xffffu >> length);
}

static void draw_square(struct sketch_rules *sketch, struct classify_rule *rule,
			struct classify_range *ranges)
{
	uint32_t edges[4];

	for (unsigned i = 0; i < 4; i += 2) {
		edges[i] = sketch_rules_any(sketch, 65536);
		edges[i + 1] = edges[i] + sketch_rules_any(sketch, 65536 - edges[i]);
	}
	one_range(&rule->src_ports, ranges, edges[0], edges[1]);
	one_range(&rule->dst_ports, ranges + RANGES, edges[2], edges[3]);
}

static void draw_rule(struct sketch_rules *sketch, uint32_t i)
{
	struct classify_rule *rule = &sketch->rules[i];
	struct classify_range *ranges = sketch->ranges + (size_t)i * 2 * RANGES;

	*rule = CLASSIFY_RULE_ANY;
	rule->accept = percent(sketch, 60);
	if (sketch->mix <= SKETCH_ACL6) {
		draw_typical(sketch, rule, ranges);
		return;
	}
	if (sketch->mix == SKETCH_DENSE) {
		draw_dense(sketch, rule, ranges);
		return;
	}
	rule->family = 4;
	rule->protocol = IPPROTO_TCP;
	switch (sketch->mix) {
	case SKETCH_RANGES:
		one_range(&rule->dst_ports, ranges, 32767 - i % 32768, 32768 + i % 32768);
		break;
	case SKETCH_CROSS: draw_cross(sketch, rule, i, ranges); break;
	case SKETCH_NEST: draw_nest(sketch, rule, i, ranges); break;
	default: draw_square(sketch, rule, ranges); break;
	}
}

void sketch_rules_make(enum sketch_mix mix, uint32_t n, uint64_t seed, struct sketch_rules *ret)
{
	struct sketch_rules sketch = {.mix = mix, .n = n, .noise = seed};

	sketch.rules = calloc(n + 1, sizeof(*sketch.rules));
	sketch.ranges = calloc((size_t)n + 1, 2 * RANGES * sizeof(*sketch.ranges));
	if (!sketch.rules || !sketch.ranges)
		abort();
	for (uint32_t i = 0; i < n; i++)
		draw_rule(&sketch, i);
	*ret = sketch;
}

void sketch_rules_free(struct sketch_rules *sketch)
{
	free(sketch->rules);
	free(sketch->ranges);
}

/* An address in @prefix, or beside it. */
static void draw_address(struct sketch_rules *sketch, int family,
			 const struct classify_prefix *prefix, uint32_t ret[4])
{
	bool edge = percent(sketch, 30);

	for (unsigned i = 0; i < (family == 4 ? 1 : 4); i++) {
		unsigned length = prefix->length > 32 * i ? prefix->length - 32 * i : 0;
		uint32_t host = length >= 32 ? 0 : UINT32_MAX >> length;
		uint32_t noise = edge ? -sketch_rules_any(sketch, 2) : (uint32_t)draw(sketch);

		ret[i] = (prefix->address[i] & ~host) | (noise & host);
	}
	if (percent(sketch, 5))
		ret[0] ^= 1u << sketch_rules_any(sketch, 32);
}

static uint32_t draw_port(struct sketch_rules *sketch, const struct classify_ports *ports)
{
	struct classify_range range = {0, UINT16_MAX};

	if (ports->n_ranges)
		range = ports->ranges[sketch_rules_any(sketch, ports->n_ranges)];
	if (percent(sketch, 20))
		return (uint32_t)range.first;
	if (percent(sketch, 20))
		return (uint32_t)range.last;
	if (percent(sketch, 5))
		return range.last + 1u;
	if (percent(sketch, 5))
		return sketch_rules_any(sketch, 65536);
	return range.first + sketch_rules_any(sketch, range.last - range.first + 1u);
}

static void draw_anything(struct sketch_rules *sketch, struct classify_key *ret)
{
	ret->ethertype = ETHERTYPE_IPV4;
	ret->src[0] = (uint32_t)draw(sketch);
	ret->dst[0] = (uint32_t)draw(sketch);
	ret->protocol = IPPROTO_TCP;
	ret->src_port = sketch_rules_any(sketch, 65536);
	ret->dst_port = sketch_rules_any(sketch, 65536);
}

void sketch_rules_key(struct sketch_rules *sketch, struct classify_key *ret)
{
	const struct classify_rule *rule;
	int family;

	memset(ret, 0, sizeof(*ret));
	if (sketch->n == 0 || percent(sketch, 20)) {
		draw_anything(sketch, ret);
		return;
	}
	rule = &sketch->rules[sketch_rules_any(sketch, sketch->n)];
	classify_split_mac(percent(sketch, 90) ? rule->src_mac : 0x020000000001, ret->src_mac);
	classify_split_mac(percent(sketch, 90) ? rule->dst_mac : 0x020000000001, ret->dst_mac);
	family = rule->family ? rule->family : (int)sketch_rules_any(sketch, 4) * 2;
	ret->src_port = ret->dst_port = CLASSIFY_NO_PORT;
	if (rule->ethertype != CLASSIFY_ANY || (family != 4 && family != 6)) {
		ret->ethertype =
			rule->ethertype != CLASSIFY_ANY ? (uint32_t)rule->ethertype : 0x88b5;
		ret->protocol = CLASSIFY_NO_PROTOCOL;
		return;
	}
	ret->ethertype = family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	draw_address(sketch, family, &rule->src, ret->src);
	draw_address(sketch, family, &rule->dst, ret->dst);
	ret->protocol = rule->protocol != CLASSIFY_ANY ? (uint32_t)rule->protocol
						       : sketch_rules_any(sketch, 3);
	if (percent(sketch, 95)) {
		ret->src_port = draw_port(sketch, &rule->src_ports);
		ret->dst_port = draw_port(sketch, &rule->dst_ports);
	}
}
