/*
 * rule_format - a rule as its line again.
 *
 * Two rules that mean the same have the same line: what is at its default is
 * left out, known numbers have their names. rule.c reads the line back into an
 * equal rule. Stands apart from rule.c because that one is about faults, and
 * here nothing can fail: a rule's line fits RULE_TEXT, whatever it holds.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "control/decimal.h"
#include "control/rule.h"
#include "control/rule_words.h"

/* Each add_*() writes at @at, a NUL behind it, and gives the NUL's place. */

static char *add(char *at, const char *text)
{
	return stpcpy(at, text);
}

/* @number by its name, if it has one, behind a space. */
static char *add_word(char *at, const struct rule_word_number *words, int number)
{
	const char *word = rule_word_of(words, number);

	at = add(at, " ");
	return word ? add(at, word) : decimal_write(at, (uint32_t)number);
}

static char *add_ports(char *at, const struct rule_ports *ports)
{
	for (unsigned i = 0; i < ports->count; i++) {
		const struct rule_port_range *range = &ports->ranges[i];

		at = decimal_write(add(at, i ? "," : " "), range->first);
		if (range->last != range->first)
			at = decimal_write(add(at, "-"), range->last);
	}
	return at;
}

static char *add_prefix(char *at, const struct address_prefix *prefix)
{
	at = add(at, " ");
	if (prefix->family == AF_INET)
		address_format_prefix4(&prefix->v4, at);
	else
		address_format_prefix6(&prefix->v6, at);
	return at + strlen(at);
}

static char *add_mac(char *at, const char *word, mac48 mac)
{
	at = add(at, word);
	address_format_mac(mac, at);
	return at + strlen(at);
}

void rule_format_group(const struct rule_group *rule, char ret_line[RULE_TEXT])
{
	char *at = add(ret_line, rule->out ? "allow out" : "allow in");

	at = add_word(at, rule_protocols, rule->protocol);
	at = add_ports(at, &rule->ports);
	if (rule->icmp_type != RULE_ANY)
		at = add_word(at,
			      rule->protocol == IPPROTO_ICMP ? rule_icmp_types : rule_icmpv6_types,
			      rule->icmp_type);
	if (rule->peer.kind != RULE_PEER_ANY)
		at = add(at, rule->out ? " to" : " from");
	switch (rule->peer.kind) {
	case RULE_PEER_ANY: break;
	case RULE_PEER_PREFIX: add_prefix(at, &rule->peer.prefix); break;
	case RULE_PEER_SET: add(add(at, " set:"), rule->peer.name); break;
	case RULE_PEER_GROUP: add(add(at, " group:"), rule->peer.name); break;
	}
}

static char *add_end(char *at, const char *word, const struct rule_end *end)
{
	if (end->any && !end->ports.count)
		return at;
	at = add(at, word);
	at = end->any ? add(at, " any") : add_prefix(at, &end->prefix);
	return end->ports.count ? add_ports(add(at, " port"), &end->ports) : at;
}

static char *add_ethertype(char *at, int ethertype)
{
	static const char digits[] = "0123456789abcdef";
	const char *word = rule_word_of(rule_ethertypes, ethertype);

	at = add(at, " ethertype ");
	if (word)
		return add(at, word);
	at = add(at, "0x");
	for (int shift = 12; shift >= 0; shift -= 4)
		*at++ = digits[ethertype >> shift & 0xf];
	*at = '\0';
	return at;
}

void rule_format_acl(const struct rule_acl *rule, char ret_line[RULE_TEXT])
{
	char *at = add(ret_line, rule->accept ? "accept" : "drop");

	at = add_word(at, rule_protocols, rule->protocol);
	at = add_end(at, " from", &rule->from);
	at = add_end(at, " to", &rule->to);
	if (rule->ethertype != RULE_ANY)
		at = add_ethertype(at, rule->ethertype);
	if (rule->has_src_mac)
		at = add_mac(at, " src-mac ", rule->src_mac);
	if (rule->has_dst_mac)
		at = add_mac(at, " dst-mac ", rule->dst_mac);
	if (rule->log)
		add(at, " log");
}
