/*
 * test_filter - rules from the document to the decision, against reading them.
 *
 *	test_filter [ROUNDS [FIRST_SEED]]
 *
 * A round is a document made up from a seed: groups, ACLs, address sets, and ports
 * that use them, in the language that users write. The product compiles it and
 * decides about random packets between all pairs of ports; beside it stands the
 * plainest reading of the same rules: each in turn, word for word. Both must say
 * the same, reason included. Sessions are left out: tests/model/test_model.c has
 * them. What fails names its seed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control/compile.h"
#include "control/model.h"
#include "switch/decide.h"
#include "tests/model/ref_rules.h"
#include "tests/model/rule_text.h"
#include "tests/sketch/packet_sketch.h"

enum {
	PORTS = 4,
	GROUPS = 4,
	ACLS = 3,
	SETS = 3,
	PACKETS = 200,
	SLOTS = 128,
	TEXT = 1 << 16,
#ifdef SLUICE_SANITIZED
	ROUNDS = 300,
#else
	ROUNDS = 3000,
#endif
};

static const struct model_host host = {.run_dir = "/run/sluice"};
static uint64_t noise, frames, passed;

/* xorshift64* (Marsaglia, Vigna) */
static uint32_t any(uint32_t below)
{
	noise ^= noise >> 12;
	noise ^= noise << 25;
	noise ^= noise >> 27;
	return (uint32_t)((noise * 0x2545f4914f6cdd1dULL >> 32) % below);
}

static bool chance(uint32_t percent)
{
	return any(100) < percent;
}

/* ---- a document ---- */

static char document_text[TEXT];

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	size_t used = strlen(document_text);
	va_list args;

	va_start(args, format);
	vsnprintf(document_text + used, TEXT - used, format, args);
	va_end(args);
}

static void make_group_rule(char *text)
{
	rule_text_group(any, GROUPS, SETS, text);
}

static void make_acl_rule(char *text)
{
	rule_text_acl(any, text);
}

static void say_rules(const char *section, char letter, unsigned count, void (*make)(char *text))
{
	char text[RULE_TEXT];

	say("    %s:\n", section);
	for (unsigned i = 0; i < count; i++) {
		say("      %c%u:\n", letter, i);
		for (unsigned left = 1 + any(5); left; left--) {
			make(text);
			say("        - \"%s\"\n", text);
		}
	}
}

static void say_port(unsigned id)
{
	bool twice = chance(40);

	say("      p%u: {tap: t%u, network: n, macs: ['02:00:00:00:00:0%u'], spoof-guard: off", id,
	    id, id);
	say(", dhcp-server: allow, router-advertisements: allow");
	if (chance(60))
		say(twice ? ", groups: [g0, g%u]" : ", groups: [g%u]", 1 + any(GROUPS - 1));
	if (chance(50))
		say(", acl: {%s: l%u}", chance(50) ? "in" : "out", any(ACLS));
	say("}\n");
}

static void say_document(void)
{
	document_text[0] = '\0';
	say("tenants:\n  a:\n    networks: {n: {}}\n    sets:\n");
	for (unsigned i = 0; i < SETS; i++)
		say("      s%u: ['%s', '%s']\n", i, rule_text_prefix(any, false),
		    rule_text_prefix(any, true));
	say_rules("groups", 'g', GROUPS, make_group_rule);
	say_rules("acls", 'l', ACLS, make_acl_rule);
	say("    ports:\n");
	for (unsigned i = 0; i < PORTS; i++)
		say_port(i);
}

/* ---- a packet ---- */

static struct packet {
	struct ref_header header;
	struct sketch sketch;
	struct frame frame;
} packet;

static void make_transport(void)
{
	static const uint16_t numbers[] = {22, 80, 81, 443};
	static const uint8_t types[] = {8, 0, 128, 3};
	struct ref_header *header = &packet.header;

	header->src_port = numbers[any(4)];
	header->dst_port = numbers[any(4)];
	header->type = types[any(4)];
	switch (header->protocol) {
	case IPPROTO_TCP:
		sketch_tcp(&packet.sketch, header->src_port, header->dst_port, 1, 0x10);
		header->has_ports = true;
		break;
	case IPPROTO_UDP:
		sketch_udp(&packet.sketch, header->src_port, header->dst_port);
		header->has_ports = true;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		sketch_put32(&packet.sketch, (uint32_t)header->type << 24);
		header->has_type =
			header->protocol == (header->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		break;
	}
}

static void make_ip(void)
{
	static const uint8_t numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
					  47};
	static const uint32_t addresses[] = {0x0a000001, 0x0a000002, 0x0a000103, 0xc0000201};
	struct ref_header *header = &packet.header;

	header->protocol = numbers[any(5)];
	if (header->family == 4) {
		header->src[1] = addresses[any(4)];
		header->dst[1] = addresses[any(4)];
		sketch_ipv4(&packet.sketch, (uint8_t)header->protocol, (uint32_t)header->src[1],
			    (uint32_t)header->dst[1]);
	} else {
		header->src[0] = (chance(80) ? 0xfd00ULL : 0x2001ULL) << 48;
		header->src[1] = 1 + any(3);
		header->dst[0] = 0xfd00ULL << 48;
		header->dst[1] = 1 + any(3);
		sketch_ipv6(&packet.sketch, (uint8_t)header->protocol,
			    (struct sketch_ip6){header->src[0], header->src[1]},
			    (struct sketch_ip6){header->dst[0], header->dst[1]});
	}
	if (header->family == 4 && chance(15)) /* a later fragment */
		packet.sketch.bytes[packet.sketch.l3 + 7] = 8;
	else
		make_transport();
	sketch_payload(&packet.sketch, 30);
}

static void make_packet(unsigned from, unsigned to)
{
	static const uint16_t types[] = {ETHERTYPE_IPV4, ETHERTYPE_IPV4, ETHERTYPE_IPV6,
					 ETHERTYPE_IPV6, ETHERTYPE_ARP,	 0x88b5};
	struct ref_header *header = &packet.header;

	packet = (struct packet){.header = {
					 .src_mac = 0x020000000000 + from,
					 .dst_mac = 0x020000000000 + to,
					 .ethertype = types[any(6)],
					 .protocol = -1,
				 }};
	header->family = header->ethertype == ETHERTYPE_IPV4   ? 4
			 : header->ethertype == ETHERTYPE_IPV6 ? 6
							       : 0;
	header->neighbour = header->ethertype == ETHERTYPE_ARP;
	sketch_ethernet(&packet.sketch, header->dst_mac, header->src_mac, header->ethertype);
	if (header->neighbour)
		sketch_arp(&packet.sketch, 1, header->src_mac, 1, 2);
	else if (header->family)
		make_ip();
	else
		sketch_payload(&packet.sketch, 50);
	sketch_frame(&packet.sketch, &packet.frame);
}

/* ---- the plain reading ---- */

static bool in_set(const struct model_set *set, bool source)
{
	const struct ref_header *header = &packet.header;

	for (uint32_t i = 0; i < set->n_addresses4; i++) {
		struct address_prefix prefix = {.family = AF_INET, .v4 = set->addresses4[i]};

		if (ref_in_prefix(header, &prefix, source))
			return true;
	}
	for (uint32_t i = 0; i < set->n_addresses6; i++) {
		struct address_prefix prefix = {.family = AF_INET6, .v6 = set->addresses6[i]};

		if (ref_in_prefix(header, &prefix, source))
			return true;
	}
	return false;
}

static bool in_group(const struct model_rules *group, const struct model_port *port)
{
	for (uint32_t i = 0; i < port->n_groups; i++)
		if (port->groups[i] == group)
			return true;
	return false;
}

static bool is_peer(const struct model_rule *rule, bool out, const struct model_port *peer)
{
	switch (rule->group->peer.kind) {
	case RULE_PEER_SET: return in_set(rule->peer_set, !out);
	case RULE_PEER_GROUP: return in_group(rule->peer_group, peer);
	default: return false;
	}
}

static bool groups_allow(const struct model_port *port, bool out, const struct model_port *peer)
{
	for (uint32_t g = 0; g < port->n_groups; g++) {
		const struct model_rules *group = port->groups[g];

		for (uint32_t i = 0; i < group->n_rules; i++)
			if (ref_group_allows(group->rules[i].group, out, &packet.header,
					     is_peer(&group->rules[i], out, peer)))
				return true;
	}
	return false;
}

static bool acl_accepts(const struct model_rules *acl)
{
	for (uint32_t i = 0; acl && i < acl->n_rules; i++)
		if (ref_acl_matches(acl->rules[i].acl, &packet.header))
			return acl->rules[i].acl->accept;
	return !acl || packet.header.neighbour;
}

static enum drop read_rules(const struct model_port *from, const struct model_port *to)
{
	if (!acl_accepts(from->acl_in))
		return DROP_ACL_IN;
	if (!packet.header.neighbour && from->n_groups && !groups_allow(from, true, to))
		return DROP_GROUP_OUT;
	if (!packet.header.neighbour && to->n_groups && !groups_allow(to, false, from))
		return DROP_GROUP_IN;
	return acl_accepts(to->acl_out) ? DROP_NONE : DROP_ACL_OUT;
}

/* ---- a round ---- */

static void demand(bool holds, const char *what)
{
	if (holds)
		return;
	printf("not ok 1 - %s\n%s", what, document_text);
	exit(1);
}

static void run_packets(const struct model *model, const struct ids *ids,
			const struct policy *policy, const struct fdb *fdb, uint64_t seed)
{
	for (unsigned n = 0; n < PACKETS; n++) {
		unsigned from = any(PORTS), to = (from + 1 + any(PORTS - 1)) % PORTS;
		const struct model_port *sender = &model->ports[from];
		struct decision decision;
		enum drop expected;
		char what[200];

		make_packet(from, to);
		expected = read_rules(sender, &model->ports[to]);
		decide(policy, fdb, NULL, &packet.frame, ids_port(ids, sender->name), 1000,
		       &decision);
		snprintf(what, sizeof(what), "seed %llu, p%u > p%u: decided %s, rules say %s",
			 (unsigned long long)seed, from, to, drop_word(decision.drop),
			 drop_word(expected));
		demand(decision.drop == expected &&
			       decision.fate == (expected ? FATE_DROP : FATE_UNICAST),
		       what);
		frames++;
		passed += expected == DROP_NONE;
	}
}

static void run_round(uint64_t seed, const struct fdb *fdb)
{
	struct problems problems = {0};
	struct document *document;
	struct ids *nobody = NULL, *ids = NULL;
	char why[COMPILE_WHY];
	struct policy *policy;
	struct model *model = NULL;

	noise = seed * 0x9e3779b97f4a7c15ULL + 1;
	say_document();
	demand(!document_create(&document), "no memory");
	demand(!document_add_text(document, "made", document_text, strlen(document_text),
				  &problems) &&
		       !model_build(document, &host, &problems, &model),
	       "the document is refused");
	demand(!ids_create(&nobody) && !ids_next(nobody, model, 1, &ids), "no numbers");
	demand(!compile_policy(model, ids, 1, seed, NULL, why, &policy), why);
	run_packets(model, ids, policy, fdb, seed);
	free(policy);
	ids_destroy(ids);
	ids_destroy(nobody);
	model_destroy(model);
	document_destroy(document);
	problems_clear(&problems);
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : ROUNDS;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	void *memory = mmap(NULL, fdb_size(SLOTS), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fdb *fdb;

	demand(memory != MAP_FAILED && !fdb_init(memory, fdb_size(SLOTS), SLOTS, &fdb), "no fdb");
	for (uint64_t seed = first; seed < first + rounds; seed++)
		run_round(seed, fdb);
	fdb_close(fdb);
	munmap(memory, fdb_size(SLOTS));
	printf("ok 1 - rules mean what they say\n1..1\n# %llu frames, %llu passed\n",
	       (unsigned long long)frames, (unsigned long long)passed);
	return 0;
}
