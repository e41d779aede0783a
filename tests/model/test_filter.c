/*
 * test_filter - rules from the document to the decision, against reading them.
 *
 *	test_filter [ROUNDS [FIRST_SEED]]
 *
 * A round is a document made up from a seed: groups, ACLs, address sets, and ports
 * that use them, in the language that users write. The product compiles it and
 * decides about random packets between all pairs of ports; beside it stands the
 * plainest reading of the same rules: each in turn, word for word. Both must say
 * the same, reason included. Sessions are left out: tests/model/test_session.c
 * has them. What fails names its seed.
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

static const char *const prefixes4[] = {"10.0.0.0/8",  "10.0.0.0/30", "10.0.0.1",
					"10.0.0.2/31", "10.0.1.0/24", "0.0.0.0/0"};
static const char *const prefixes6[] = {"fd00::/16", "fd00::1", "fd00::2/127", "::/0"};
static const char *const ports[] = {"22", "80", "22,80", "20-30", "443", "1-79,81-65535"};
static const char *const protocols[] = {"any", "tcp", "udp", "icmp", "icmpv6", "47", "tcp", "udp"};

static const char *prefix_of(bool six)
{
	return six ? prefixes6[any(4)] : prefixes4[any(6)];
}

static bool has_ports(const char *protocol)
{
	return !strcmp(protocol, "tcp") || !strcmp(protocol, "udp");
}

static void say_group_rule(void)
{
	const char *protocol = protocols[any(8)];
	bool out = chance(50);

	say("        - \"allow %s %s", out ? "out" : "in", protocol);
	if (has_ports(protocol) && chance(60))
		say(" %s", ports[any(6)]);
	else if (!strncmp(protocol, "icmp", 4) && chance(50))
		say(" %s", protocol[4] ? "128" : "echo-request");
	switch (any(5)) {
	case 0: say(" %s any", out ? "to" : "from"); break;
	case 1: say(" %s %s", out ? "to" : "from", prefix_of(chance(40))); break;
	case 2: say(" %s group:g%u", out ? "to" : "from", any(GROUPS)); break;
	case 3: say(" %s set:s%u", out ? "to" : "from", any(SETS)); break;
	}
	say("\"\n");
}

static void say_acl_rule(void)
{
	const char *protocol = protocols[any(8)];
	bool six = chance(40), link = !strcmp(protocol, "any") && chance(30);

	say("        - \"%s %s", chance(60) ? "accept" : "drop", protocol);
	for (int end = 0; end < 2; end++) {
		if (!chance(50) || link)
			continue;
		say(" %s %s", end ? "to" : "from", chance(30) ? "any" : prefix_of(six));
		if (has_ports(protocol) && chance(50))
			say(" port %s", ports[any(6)]);
	}
	if (link)
		say(" ethertype %s", chance(50) ? "arp" : "0x88b5");
	if (chance(10))
		say(" src-mac 02:00:00:00:00:0%u", any(PORTS));
	if (chance(10))
		say(" dst-mac 02:00:00:00:00:0%u", any(PORTS));
	say("\"\n");
}

static void say_rules(const char *section, char letter, unsigned count, void (*say_rule)(void))
{
	say("    %s:\n", section);
	for (unsigned i = 0; i < count; i++) {
		say("      %c%u:\n", letter, i);
		for (unsigned left = 1 + any(5); left; left--)
			say_rule();
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
		say("      s%u: ['%s', '%s']\n", i, prefixes4[any(5)], prefixes6[any(3)]);
	say_rules("groups", 'g', GROUPS, say_group_rule);
	say_rules("acls", 'l', ACLS, say_acl_rule);
	say("    ports:\n");
	for (unsigned i = 0; i < PORTS; i++)
		say_port(i);
}

/* ---- a packet ---- */

static struct packet {
	mac48 src_mac, dst_mac;
	uint16_t ethertype;
	bool neighbour;
	int family; /* 4, 6, or 0: not IP */
	int protocol;
	bool has_ports, has_type;
	uint32_t src4, dst4;
	struct sketch_ip6 src6, dst6;
	uint16_t src_port, dst_port;
	uint8_t type;
	struct sketch sketch;
	struct frame frame;
} packet;

static void make_transport(void)
{
	static const uint16_t numbers[] = {22, 80, 81, 443};
	static const uint8_t types[] = {8, 0, 128, 3};

	packet.src_port = numbers[any(4)];
	packet.dst_port = numbers[any(4)];
	packet.type = types[any(4)];
	switch (packet.protocol) {
	case IPPROTO_TCP:
		sketch_tcp(&packet.sketch, packet.src_port, packet.dst_port, 1, 0x10);
		packet.has_ports = true;
		break;
	case IPPROTO_UDP:
		sketch_udp(&packet.sketch, packet.src_port, packet.dst_port);
		packet.has_ports = true;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		sketch_put32(&packet.sketch, (uint32_t)packet.type << 24);
		packet.has_type =
			packet.protocol == (packet.family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		break;
	}
}

static void make_ip(void)
{
	static const uint8_t numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
					  47};
	static const uint32_t addresses[] = {0x0a000001, 0x0a000002, 0x0a000103, 0xc0000201};

	packet.protocol = numbers[any(5)];
	packet.src4 = addresses[any(4)];
	packet.dst4 = addresses[any(4)];
	packet.src6 =
		(struct sketch_ip6){chance(80) ? 0xfd00ULL << 48 : 0x2001ULL << 48, 1 + any(3)};
	packet.dst6 = (struct sketch_ip6){0xfd00ULL << 48, 1 + any(3)};
	if (packet.family == 4)
		sketch_ipv4(&packet.sketch, (uint8_t)packet.protocol, packet.src4, packet.dst4);
	else
		sketch_ipv6(&packet.sketch, (uint8_t)packet.protocol, packet.src6, packet.dst6);
	if (packet.family == 4 && chance(15)) /* a later fragment */
		packet.sketch.bytes[packet.sketch.l3 + 7] = 8;
	else
		make_transport();
	sketch_payload(&packet.sketch, 30);
}

static void make_packet(unsigned from, unsigned to)
{
	static const uint16_t types[] = {ETHERTYPE_IPV4, ETHERTYPE_IPV4, ETHERTYPE_IPV6,
					 ETHERTYPE_IPV6, ETHERTYPE_ARP,	 0x88b5};

	packet = (struct packet){
		.src_mac = 0x020000000000 + from,
		.dst_mac = 0x020000000000 + to,
		.ethertype = types[any(6)],
		.protocol = -1,
	};
	packet.family = packet.ethertype == ETHERTYPE_IPV4   ? 4
			: packet.ethertype == ETHERTYPE_IPV6 ? 6
							     : 0;
	packet.neighbour = packet.ethertype == ETHERTYPE_ARP;
	sketch_ethernet(&packet.sketch, packet.dst_mac, packet.src_mac, packet.ethertype);
	if (packet.neighbour)
		sketch_arp(&packet.sketch, 1, packet.src_mac, 1, 2);
	else if (packet.family)
		make_ip();
	else
		sketch_payload(&packet.sketch, 50);
	sketch_frame(&packet.sketch, &packet.frame);
}

/* ---- the plain reading ---- */

static bool in_prefix4(const struct policy_prefix4 *prefix, uint32_t address)
{
	return packet.family == 4 && (address & prefix->mask) == prefix->address;
}

static bool in_prefix6(const struct policy_prefix6 *prefix, struct sketch_ip6 address)
{
	return packet.family == 6 && (address.high & prefix->mask[0]) == prefix->address[0] &&
	       (address.low & prefix->mask[1]) == prefix->address[1];
}

static bool in_prefix(const struct address_prefix *prefix, bool source)
{
	return prefix->family == AF_INET
		       ? in_prefix4(&prefix->v4, source ? packet.src4 : packet.dst4)
		       : in_prefix6(&prefix->v6, source ? packet.src6 : packet.dst6);
}

static bool in_set(const struct model_set *set, bool source)
{
	for (uint32_t i = 0; i < set->n_addresses4; i++)
		if (in_prefix4(&set->addresses4[i], source ? packet.src4 : packet.dst4))
			return true;
	for (uint32_t i = 0; i < set->n_addresses6; i++)
		if (in_prefix6(&set->addresses6[i], source ? packet.src6 : packet.dst6))
			return true;
	return false;
}

static bool in_group(const struct model_rules *group, const struct model_port *port)
{
	for (uint32_t i = 0; i < port->n_groups; i++)
		if (port->groups[i] == group)
			return true;
	return false;
}

/* @unseen: what to say if the rule asks for ports and the packet shows none. */
static bool ports_match(const struct rule_ports *wanted, uint16_t port, bool unseen)
{
	if (!wanted->count)
		return true;
	if (!packet.has_ports)
		return unseen;
	for (unsigned i = 0; i < wanted->count; i++)
		if (port >= wanted->ranges[i].first && port <= wanted->ranges[i].last)
			return true;
	return false;
}

static bool group_rule_allows(const struct model_rule *rule, bool out,
			      const struct model_port *peer)
{
	const struct rule_group *said = rule->group;

	if (said->out != out || (said->protocol != RULE_ANY && said->protocol != packet.protocol))
		return false;
	if (!ports_match(&said->ports, packet.dst_port, false))
		return false;
	if (said->icmp_type != RULE_ANY && (!packet.has_type || said->icmp_type != packet.type))
		return false;
	switch (said->peer.kind) {
	case RULE_PEER_ANY: return true;
	case RULE_PEER_PREFIX: return in_prefix(&said->peer.prefix, !out);
	case RULE_PEER_SET: return in_set(rule->peer_set, !out);
	case RULE_PEER_GROUP: return in_group(rule->peer_group, peer);
	}
	return false;
}

static bool groups_allow(const struct model_port *port, bool out, const struct model_port *peer)
{
	for (uint32_t g = 0; g < port->n_groups; g++)
		for (uint32_t i = 0; i < port->groups[g]->n_rules; i++)
			if (group_rule_allows(&port->groups[g]->rules[i], out, peer))
				return true;
	return false;
}

static bool acl_rule_matches(const struct rule_acl *rule)
{
	return (rule->protocol == RULE_ANY || rule->protocol == packet.protocol) &&
	       (rule->from.any || in_prefix(&rule->from.prefix, true)) &&
	       (rule->to.any || in_prefix(&rule->to.prefix, false)) &&
	       ports_match(&rule->from.ports, packet.src_port, !rule->accept) &&
	       ports_match(&rule->to.ports, packet.dst_port, !rule->accept) &&
	       (rule->ethertype == RULE_ANY || rule->ethertype == packet.ethertype) &&
	       (!rule->has_src_mac || rule->src_mac == packet.src_mac) &&
	       (!rule->has_dst_mac || rule->dst_mac == packet.dst_mac);
}

static bool acl_accepts(const struct model_rules *acl)
{
	for (uint32_t i = 0; acl && i < acl->n_rules; i++)
		if (acl_rule_matches(acl->rules[i].acl))
			return acl->rules[i].acl->accept;
	return !acl || packet.neighbour;
}

static enum drop read_rules(const struct model_port *from, const struct model_port *to)
{
	if (!acl_accepts(from->acl_in))
		return DROP_ACL_IN;
	if (!packet.neighbour && from->n_groups && !groups_allow(from, true, to))
		return DROP_GROUP_OUT;
	if (!packet.neighbour && to->n_groups && !groups_allow(to, false, from))
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
