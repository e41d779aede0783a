/*
 * rule - see rule.h. A scanner over words; each part of the grammar is one
 * function that takes the word it is about.
 */
#include "control/rule.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/name.h"
#include "control/quantity.h"
#include "control/rule_words.h"

struct scan {
	const char *text;
	size_t next;	      /* behind the present word */
	size_t start;	      /* of the present word */
	char word[RULE_TEXT]; /* the present word; "" at the end */
	struct rule_fault *fault;
};

/* Go to the next word. */
static void advance(struct scan *scan)
{
	size_t length;

	scan->start = scan->next + strspn(scan->text + scan->next, " \t\n");
	length = strcspn(scan->text + scan->start, " \t\n");
	memcpy(scan->word, scan->text + scan->start, length);
	scan->word[length] = '\0';
	scan->next = scan->start + length;
}

static bool is_word(const struct scan *scan, const char *word)
{
	return !strcmp(scan->word, word);
}

static bool at_end(const struct scan *scan)
{
	return !scan->word[0];
}

/* The present word is wrong; @hint says what would be right. */
static __attribute__((format(printf, 3, 4))) int refuse(struct scan *scan, const char *hint,
							const char *message, ...)
{
	va_list args;

	scan->fault->offset = scan->start;
	va_start(args, message);
	vsnprintf(scan->fault->message, sizeof(scan->fault->message), message, args);
	va_end(args);
	snprintf(scan->fault->hint, sizeof(scan->fault->hint), "%s", hint);
	return -EINVAL;
}

/* The present word is not what the grammar has here. */
static int refuse_word(struct scan *scan, const char *wanted)
{
	if (at_end(scan))
		return refuse(scan, wanted, "the rule ends too early");
	return refuse(scan, wanted, "\"%.60s\" does not belong here", scan->word);
}

static int begin(struct scan *scan)
{
	if (strlen(scan->text) >= RULE_TEXT)
		return refuse(scan, "write several shorter rules",
			      "the rule has more than %d bytes", RULE_TEXT - 1);
	advance(scan);
	return 0;
}

const struct rule_word_number rule_protocols[] = {
	{"any", RULE_ANY},
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"sctp", IPPROTO_SCTP},
	{"icmp", IPPROTO_ICMP},
	{"icmpv6", IPPROTO_ICMPV6},
	{NULL, 0},
};

/* RFC 792, RFC 1256 */
const struct rule_word_number rule_icmp_types[] = {
	{"echo-reply", 0},
	{"destination-unreachable", 3},
	{"redirect", 5},
	{"echo-request", 8},
	{"router-advertisement", 9},
	{"router-solicitation", 10},
	{"time-exceeded", 11},
	{"parameter-problem", 12},
	{"timestamp-request", 13},
	{"timestamp-reply", 14},
	{NULL, 0},
};

/* RFC 4443, RFC 4861, RFC 3810 */
const struct rule_word_number rule_icmpv6_types[] = {
	{"destination-unreachable", 1},
	{"packet-too-big", 2},
	{"time-exceeded", 3},
	{"parameter-problem", 4},
	{"echo-request", 128},
	{"echo-reply", 129},
	{"listener-query", 130},
	{"listener-report", 131},
	{"router-solicitation", 133},
	{"router-advertisement", 134},
	{"neighbor-solicitation", 135},
	{"neighbor-advertisement", 136},
	{"redirect", 137},
	{"listener-report-v2", 143},
	{NULL, 0},
};

const struct rule_word_number rule_ethertypes[] = {
	{"ip", 0x0800},
	{"arp", 0x0806},
	{"ipv6", 0x86dd},
	{NULL, 0},
};

/* The present word as one of @words, or as a number of at most 255. */
static bool word_or_byte(const struct scan *scan, const struct rule_word_number *words, int *ret)
{
	uint64_t number;

	for (; words->word; words++) {
		if (is_word(scan, words->word)) {
			*ret = words->number;
			return true;
		}
	}
	if (quantity_count(scan->word, &number) || number > 255)
		return false;
	*ret = (int)number;
	return true;
}

static int parse_protocol(struct scan *scan, int *ret)
{
	if (!word_or_byte(scan, rule_protocols, ret))
		return refuse_word(scan,
				   "a protocol comes here: any, tcp, udp, sctp, icmp, icmpv6, "
				   "or a number from 0 to 255");
	advance(scan);
	return 0;
}

static bool has_ports(int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* One element of a list of ports: `80` or `8000-8999`. It is ours to cut. */
static bool parse_port_range(char *text, struct rule_port_range *ret)
{
	char *dash = strchr(text, '-');
	uint64_t first, last;

	if (dash)
		*dash++ = '\0';
	if (quantity_count(text, &first) || quantity_count(dash ? dash : text, &last) ||
	    first < 1 || first > last || last > UINT16_MAX)
		return false;
	*ret = (struct rule_port_range){(uint16_t)first, (uint16_t)last};
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct rule_port_range *left = a, *right = b;

	return left->first != right->first ? left->first - right->first : left->last - right->last;
}

/* In order, and joined where they meet: one spelling for one set of ports. */
static void order_ports(struct rule_ports *ports)
{
	unsigned count = 0;

	qsort(ports->ranges, ports->count, sizeof(ports->ranges[0]), compare_ranges);
	for (unsigned i = 0; i < ports->count; i++) {
		struct rule_port_range range = ports->ranges[i];
		struct rule_port_range *last = count ? &ports->ranges[count - 1] : NULL;

		if (!last || range.first > last->last + 1)
			ports->ranges[count++] = range;
		else if (range.last > last->last)
			last->last = range.last;
	}
	ports->count = count;
}

static int parse_ports(struct scan *scan, int protocol, struct rule_ports *ret)
{
	char list[RULE_TEXT], *rest = list, *element;

	if (!has_ports(protocol))
		return refuse(scan, "ports belong to tcp, udp and sctp",
			      "ports mean nothing for this protocol");
	snprintf(list, sizeof(list), "%s", scan->word);
	while ((element = strsep(&rest, ","))) {
		if (ret->count == RULE_PORT_RANGES)
			return refuse(scan, "write several rules", "more than %d ports or ranges",
				      RULE_PORT_RANGES);
		if (!parse_port_range(element, &ret->ranges[ret->count++]))
			return refuse_word(scan, "ports come here, from 1 to 65535, as in 80, "
						 "80,443 or 8000-8999");
	}
	order_ports(ret);
	advance(scan);
	return 0;
}

static int parse_icmp_type(struct scan *scan, int protocol, int *ret)
{
	if (!word_or_byte(scan, protocol == IPPROTO_ICMP ? rule_icmp_types : rule_icmpv6_types,
			  ret))
		return refuse_word(scan,
				   "an ICMP type comes here, by name (echo-request) or number");
	advance(scan);
	return 0;
}

static int parse_prefix(struct scan *scan, struct address_prefix *ret)
{
	int error = address_parse_prefix(scan->word, ret);

	if (error == -EDOM)
		return refuse(scan, "the bits behind the prefix's length must be zero",
			      "\"%.60s\" is an address with the length of a network", scan->word);
	if (error)
		return refuse_word(scan, "an address or prefix comes here, as in 10.0.0.0/8 or "
					 "fd00::/64, or any");
	advance(scan);
	return 0;
}

static int parse_peer_name(struct scan *scan, enum rule_peer_kind kind, struct rule_peer *ret)
{
	const char *name = strchr(scan->word, ':') + 1;

	if (!name_is_valid(name))
		return refuse(scan, NAME_HINT, "\"%.80s\" is not a name", name);
	ret->kind = kind;
	memcpy(ret->name, name, strlen(name) + 1);
	advance(scan);
	return 0;
}

static int parse_peer(struct scan *scan, struct rule_peer *ret)
{
	if (is_word(scan, "any")) {
		advance(scan);
		return 0;
	}
	if (!strncmp(scan->word, "set:", 4))
		return parse_peer_name(scan, RULE_PEER_SET, ret);
	if (!strncmp(scan->word, "group:", 6))
		return parse_peer_name(scan, RULE_PEER_GROUP, ret);
	if (at_end(scan))
		return refuse_word(scan, "any, a prefix, set:NAME or group:NAME comes here");
	ret->kind = RULE_PEER_PREFIX;
	return parse_prefix(scan, &ret->prefix);
}

/* [from|to PEER], the end of a group's rule. */
static int parse_direction_peer(struct scan *scan, struct rule_group *rule)
{
	if (at_end(scan))
		return 0;
	if (is_word(scan, rule->out ? "from" : "to"))
		return refuse(scan, rule->out ? "write \"to\"" : "write \"from\"",
			      "the peer of \"%s\" is not \"%s\" somebody", rule->out ? "out" : "in",
			      scan->word);
	if (!is_word(scan, rule->out ? "to" : "from"))
		return refuse_word(scan,
				   rule->out ? "\"to PEER\" or the end of the rule comes here"
					     : "\"from PEER\" or the end of the rule comes here");
	advance(scan);
	return parse_peer(scan, &rule->peer);
}

static int parse_group(struct scan *scan, struct rule_group *rule)
{
	int error = begin(scan);

	if (error)
		return error;
	if (!is_word(scan, "allow"))
		return refuse_word(scan,
				   "a group's rule begins with \"allow in\" or \"allow out\"");
	advance(scan);
	if (!is_word(scan, "in") && !is_word(scan, "out"))
		return refuse_word(scan, "\"in\" or \"out\" comes here");
	rule->out = is_word(scan, "out");
	advance(scan);
	error = parse_protocol(scan, &rule->protocol);
	if (!error && !at_end(scan) && !is_word(scan, "from") && !is_word(scan, "to")) {
		if (rule->protocol == IPPROTO_ICMP || rule->protocol == IPPROTO_ICMPV6)
			error = parse_icmp_type(scan, rule->protocol, &rule->icmp_type);
		else
			error = parse_ports(scan, rule->protocol, &rule->ports);
	}
	if (!error)
		error = parse_direction_peer(scan, rule);
	if (!error && !at_end(scan))
		error = refuse_word(scan, "the rule should end here");
	return error;
}

int rule_parse_group(const char *text, struct rule_group *ret, struct rule_fault *ret_fault)
{
	struct scan scan = {.text = text, .fault = ret_fault};
	struct rule_group rule = {.protocol = RULE_ANY, .icmp_type = RULE_ANY};
	int error = parse_group(&scan, &rule);

	if (!error)
		*ret = rule;
	return error;
}

/* PREFIX [port PORTS], behind `from` or `to`. */
static int parse_end(struct scan *scan, int protocol, struct rule_end *end)
{
	int error = 0;

	end->any = is_word(scan, "any");
	if (end->any)
		advance(scan);
	else
		error = parse_prefix(scan, &end->prefix);
	if (error || !is_word(scan, "port"))
		return error;
	advance(scan);
	return parse_ports(scan, protocol, &end->ports);
}

static int parse_ethertype(struct scan *scan, int *ret)
{
	unsigned long number;
	char *end;

	for (const struct rule_word_number *known = rule_ethertypes; known->word; known++)
		if (is_word(scan, known->word))
			*ret = known->number;
	if (*ret == RULE_ANY && !strncmp(scan->word, "0x", 2)) {
		number = strtoul(scan->word + 2, &end, 16);
		/* IEEE 802.3, 3.2.6: smaller numbers are lengths */
		if (scan->word[2] &&
		    strspn(scan->word + 2, "0123456789abcdefABCDEF") == strlen(scan->word + 2) &&
		    number >= 0x600 && number <= 0xffff)
			*ret = (int)number;
	}
	if (*ret == RULE_ANY)
		return refuse_word(scan,
				   "an EtherType comes here: ip, ipv6, arp, or 0x0600 to 0xffff");
	advance(scan);
	return 0;
}

static int parse_mac(struct scan *scan, mac48 *ret)
{
	if (address_parse_mac(scan->word, ret))
		return refuse_word(scan, "a MAC address comes here, as in 52:54:00:12:34:56");
	advance(scan);
	return 0;
}

/* One part of an ACL rule behind the protocol; @seen has a bit for each that was there. */
static int parse_acl_part(struct scan *scan, struct rule_acl *rule, unsigned *seen)
{
	static const char *const parts[] = {"from", "to", "ethertype", "src-mac", "dst-mac", "log"};
	unsigned part = 0;

	while (part < 6 && !is_word(scan, parts[part]))
		part++;
	if (part == 6)
		return refuse_word(scan,
				   "from, to, ethertype, src-mac, dst-mac, log, or the end of "
				   "the rule comes here");
	if (*seen & 1u << part)
		return refuse(scan, "say it once", "\"%s\" is there already", scan->word);
	*seen |= 1u << part;
	advance(scan);
	switch (part) {
	case 0: return parse_end(scan, rule->protocol, &rule->from);
	case 1: return parse_end(scan, rule->protocol, &rule->to);
	case 2: return parse_ethertype(scan, &rule->ethertype);
	case 3: rule->has_src_mac = true; return parse_mac(scan, &rule->src_mac);
	case 4: rule->has_dst_mac = true; return parse_mac(scan, &rule->dst_mac);
	default: rule->log = true; return 0;
	}
}

/* No frame is of another ethertype than what the rest of the rule asks for. */
static int check_ethertype(struct scan *scan, const struct rule_acl *rule)
{
	const struct rule_end *end = rule->from.any ? &rule->to : &rule->from;

	if (rule->ethertype == RULE_ANY)
		return 0;
	if (!end->any && rule->ethertype != (end->prefix.family == AF_INET ? 0x0800 : 0x86dd))
		return refuse(scan, "leave it out: the addresses say it",
			      "the ethertype is not that of the addresses");
	if (rule->protocol != RULE_ANY && rule->ethertype != 0x0800 && rule->ethertype != 0x86dd)
		return refuse(scan, "write any instead of the protocol",
			      "a protocol belongs to ethertypes ip and ipv6");
	return 0;
}

static int parse_acl(struct scan *scan, struct rule_acl *rule)
{
	unsigned seen = 0;
	int error = begin(scan);

	if (error)
		return error;
	if (!is_word(scan, "accept") && !is_word(scan, "drop"))
		return refuse_word(scan, "an ACL's rule begins with \"accept\" or \"drop\"");
	rule->accept = is_word(scan, "accept");
	advance(scan);
	error = parse_protocol(scan, &rule->protocol);
	while (!error && !at_end(scan)) {
		error = parse_acl_part(scan, rule, &seen);
		if (!error && !rule->from.any && !rule->to.any &&
		    rule->from.prefix.family != rule->to.prefix.family)
			error = refuse(scan, "both are IPv4, or both are IPv6",
				       "from and to are of different families");
	}
	return error ? error : check_ethertype(scan, rule);
}

int rule_parse_acl(const char *text, struct rule_acl *ret, struct rule_fault *ret_fault)
{
	struct scan scan = {.text = text, .fault = ret_fault};
	struct rule_acl rule = {
		.protocol = RULE_ANY,
		.ethertype = RULE_ANY,
		.from.any = true,
		.to.any = true,
	};
	int error = parse_acl(&scan, &rule);

	if (!error)
		*ret = rule;
	return error;
}
