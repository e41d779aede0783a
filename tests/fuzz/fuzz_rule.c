/*
 * fuzz_rule - any text as a rule of a group and of an ACL (rule.h).
 *
 * What is refused is refused at a place within the text, with a reason, and has written no
 * rule. What is accepted has a line that is accepted too, is an equal rule, and is its own
 * line. An attacker is a tenant, who may write any text into his groups and ACLs.
 */
#include <string.h>
#include <sys/socket.h>

#include "control/rule.h"
#include "tests/fuzz/fuzz.h"

enum { UNTOUCHED = 0x5a };

static bool is_untouched(const void *rule, size_t size)
{
	const uint8_t *bytes = rule;

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != UNTOUCHED)
			return false;
	return true;
}

static bool prefixes_equal(const struct address_prefix *a, const struct address_prefix *b)
{
	if (a->family != b->family)
		return false;
	return a->family == AF_INET ? memcmp(&a->v4, &b->v4, sizeof(a->v4)) == 0
				    : memcmp(&a->v6, &b->v6, sizeof(a->v6)) == 0;
}

static bool ports_equal(const struct rule_ports *a, const struct rule_ports *b)
{
	return a->count == b->count &&
	       memcmp(a->ranges, b->ranges, a->count * sizeof(a->ranges[0])) == 0;
}

static bool peers_equal(const struct rule_peer *a, const struct rule_peer *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == RULE_PEER_PREFIX ? prefixes_equal(&a->prefix, &b->prefix)
					   : strcmp(a->name, b->name) == 0;
}

static bool groups_equal(const struct rule_group *a, const struct rule_group *b)
{
	return a->out == b->out && a->protocol == b->protocol &&
	       ports_equal(&a->ports, &b->ports) && a->icmp_type == b->icmp_type &&
	       peers_equal(&a->peer, &b->peer);
}

static bool ends_equal(const struct rule_end *a, const struct rule_end *b)
{
	return a->any == b->any && (a->any || prefixes_equal(&a->prefix, &b->prefix)) &&
	       ports_equal(&a->ports, &b->ports);
}

static bool acls_equal(const struct rule_acl *a, const struct rule_acl *b)
{
	return a->accept == b->accept && a->log == b->log && a->protocol == b->protocol &&
	       a->ethertype == b->ethertype && ends_equal(&a->from, &b->from) &&
	       ends_equal(&a->to, &b->to) && a->has_src_mac == b->has_src_mac &&
	       a->has_dst_mac == b->has_dst_mac && a->src_mac == b->src_mac &&
	       a->dst_mac == b->dst_mac;
}

static void check_ports(const struct rule_ports *ports)
{
	fuzz_demand(ports->count <= RULE_PORT_RANGES);
	for (unsigned i = 0; i < ports->count; i++) {
		fuzz_demand(ports->ranges[i].first >= 1);
		fuzz_demand(ports->ranges[i].first <= ports->ranges[i].last);
		fuzz_demand(i == 0 || ports->ranges[i].first > ports->ranges[i - 1].last + 1);
	}
}

static void check_fault(const char *text, const struct rule_fault *fault)
{
	fuzz_demand(fault->offset <= strlen(text));
	fuzz_demand(fault->message[0] && memchr(fault->message, '\0', sizeof(fault->message)));
	fuzz_demand(fault->hint[0] && memchr(fault->hint, '\0', sizeof(fault->hint)));
}

static void try_group(const char *text)
{
	struct rule_group rule, again;
	struct rule_fault fault = {0};
	char line[RULE_TEXT], line_again[RULE_TEXT];

	memset(&rule, UNTOUCHED, sizeof(rule));
	if (rule_parse_group(text, &rule, &fault)) {
		check_fault(text, &fault);
		fuzz_demand(is_untouched(&rule, sizeof(rule)));
		return;
	}
	check_ports(&rule.ports);
	rule_format_group(&rule, line);
	fuzz_demand(!rule_parse_group(line, &again, &fault));
	fuzz_demand(groups_equal(&rule, &again));
	rule_format_group(&again, line_again);
	fuzz_demand(strcmp(line, line_again) == 0);
}

static void try_acl(const char *text)
{
	struct rule_acl rule, again;
	struct rule_fault fault = {0};
	char line[RULE_TEXT], line_again[RULE_TEXT];

	memset(&rule, UNTOUCHED, sizeof(rule));
	if (rule_parse_acl(text, &rule, &fault)) {
		check_fault(text, &fault);
		fuzz_demand(is_untouched(&rule, sizeof(rule)));
		return;
	}
	check_ports(&rule.from.ports);
	check_ports(&rule.to.ports);
	rule_format_acl(&rule, line);
	fuzz_demand(!rule_parse_acl(line, &again, &fault));
	fuzz_demand(acls_equal(&rule, &again));
	rule_format_acl(&again, line_again);
	fuzz_demand(strcmp(line, line_again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, input, size);
	text[size] = '\0';
	try_group(text);
	try_acl(text);
	free(text);
	return 0;
}
