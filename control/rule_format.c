/*
 * rule_format - a rule as its line again.
 *
 * Two rules that mean the same have the same line: what is at its default is
 * left out, known numbers have their names. rule.c reads the line back into an
 * equal rule. Stands apart from rule.c because that one is about faults, and
 * here nothing can fail: a rule's line fits RULE_LINE, whatever it holds.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "control/rule.h"
#include "control/rule_words.h"

static __attribute__((format(printf, 2, 3))) void add(char line[static RULE_LINE],
						      const char *format, ...)
{
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, RULE_LINE - used, format, args);
	va_end(args);
}

/* @number by its name, if it has one, behind a space. */
static void add_word(char line[static RULE_LINE], const struct rule_word_number *words, int number)
{
	const char *word = rule_word_of(words, number);

	if (word)
		add(line, " %s", word);
	else
		add(line, " %d", number);
}

static void add_ports(char line[static RULE_LINE], const struct rule_ports *ports)
{
	for (unsigned i = 0; i < ports->count; i++) {
		const struct rule_port_range *range = &ports->ranges[i];

		add(line, "%s%u", i ? "," : " ", range->first);
		if (range->last != range->first)
			add(line, "-%u", range->last);
	}
}

static void add_prefix(char line[static RULE_LINE], const struct address_prefix *prefix)
{
	char text[ADDRESS_PREFIX_TEXT];

	add(line, " %s",
	    prefix->family == AF_INET ? address_format_prefix4(&prefix->v4, text)
				      : address_format_prefix6(&prefix->v6, text));
}

void rule_format_group(const struct rule_group *rule, char ret_line[RULE_LINE])
{
	char *line = ret_line;

	snprintf(line, RULE_LINE, "allow %s", rule->out ? "out" : "in");
	add_word(line, rule_protocols, rule->protocol);
	add_ports(line, &rule->ports);
	if (rule->icmp_type != RULE_ANY)
		add_word(line, rule->protocol == IPPROTO_ICMP ? rule_icmp_types : rule_icmpv6_types,
			 rule->icmp_type);
	if (rule->peer.kind != RULE_PEER_ANY)
		add(line, " %s", rule->out ? "to" : "from");
	switch (rule->peer.kind) {
	case RULE_PEER_ANY: break;
	case RULE_PEER_PREFIX: add_prefix(line, &rule->peer.prefix); break;
	case RULE_PEER_SET: add(line, " set:%s", rule->peer.name); break;
	case RULE_PEER_GROUP: add(line, " group:%s", rule->peer.name); break;
	}
}

static void add_end(char line[static RULE_LINE], const char *word, const struct rule_end *end)
{
	if (end->any && !end->ports.count)
		return;
	add(line, " %s", word);
	if (end->any)
		add(line, " any");
	else
		add_prefix(line, &end->prefix);
	if (end->ports.count) {
		add(line, " port");
		add_ports(line, &end->ports);
	}
}

void rule_format_acl(const struct rule_acl *rule, char ret_line[RULE_LINE])
{
	char *line = ret_line, text[ADDRESS_MAC_TEXT];

	snprintf(line, RULE_LINE, "%s", rule->accept ? "accept" : "drop");
	add_word(line, rule_protocols, rule->protocol);
	add_end(line, "from", &rule->from);
	add_end(line, "to", &rule->to);
	if (rule->ethertype != RULE_ANY) {
		const char *word = rule_word_of(rule_ethertypes, rule->ethertype);

		add(line, " ethertype ");
		if (word)
			add(line, "%s", word);
		else
			add(line, "0x%04x", (unsigned)rule->ethertype);
	}
	if (rule->has_src_mac)
		add(line, " src-mac %s", address_format_mac(rule->src_mac, text));
	if (rule->has_dst_mac)
		add(line, " dst-mac %s", address_format_mac(rule->dst_mac, text));
	if (rule->log)
		add(line, " log");
}
