/*
 * test_guard_server - what only servers and routers say, and all the ways to hide it.
 *
 * Besides the rows of guard.h: guard_wants_look(), which stands before a memory of
 * decisions, never overlooks a frame that the guards refuse, by a million frames
 * that are nearly such messages.
 */
#include <netinet/in.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/guard.h"

#define SELF ((mac48)0x02000000000a)

enum {
	GUARDED = 1,
	DHCP_ONLY, /* guarded against the one, allowed the other */
	ROUTER_ONLY,
	FREE,
	CLAIMS, /* not guarded itself, beside the next */
	OWNER,
	NPORTS,

	FRAMES = 1000000,
	FIRST_FRAGMENT = 0x00010000, /* of an IPv6 fragment header: more follow */
	LATER_FRAGMENT = 0x00090000,
};

static const struct sketch_ip6 local6 = {0xfe80000000000000, 0x1234},
			       all_nodes6 = {0xff02000000000000, 1};

static struct policy *policy;
static struct sketch packet;

/* The ports behind FREE are in a network where addresses are owned. */
static uint16_t network_of(uint16_t port)
{
	return port > FREE ? 2 : 1;
}

static int build(void **state)
{
	static const struct policy_prefix4 address = {0x0a000001, 0xffffffff};
	static const struct policy_prefix6 address6 = {{0x20010db800000000, 1}, {~0ULL, ~0ULL}};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	struct policy_port_spec ports[NPORTS - 1];

	for (uint16_t id = 1; id < NPORTS; id++)
		ports[id - 1] = sketch_access(id, network_of(id));
	ports[GUARDED - 1].flags = POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD;
	ports[DHCP_ONLY - 1].flags = POLICY_PORT_DHCP_GUARD;
	ports[ROUTER_ONLY - 1].flags = POLICY_PORT_ROUTER_GUARD;
	ports[OWNER - 1].addresses4 = &address;
	ports[OWNER - 1].n_addresses4 = 1;
	ports[OWNER - 1].addresses6 = &address6;
	ports[OWNER - 1].n_addresses6 = 1;
	policy = SKETCH_POLICY(networks, ports);
	return 0;
}

static int release(void **state)
{
	free(policy);
	return 0;
}

/* What the guard says of the packet; it must have wanted to look if it says no. */
static enum drop check(uint16_t port)
{
	struct frame_l2 l2;
	struct frame frame;
	enum drop drop;

	sketch_frame(&packet, &frame);
	assert_drop(frame_parse(&frame, &l2), DROP_NONE);
	drop = guard_check(policy, port, network_of(port), &frame, &l2);
	if (drop != DROP_NONE)
		assert_true(guard_wants_look(&policy_ports(policy)[port], &frame));
	return drop;
}

static bool is_looked_at(uint16_t port)
{
	struct frame frame;

	sketch_frame(&packet, &frame);
	return guard_wants_look(&policy_ports(policy)[port], &frame);
}

static void make_udp(bool six, uint16_t from, uint16_t to)
{
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (six)
		sketch_ipv6(&packet, IPPROTO_UDP, local6, all_nodes6);
	else
		sketch_ipv4(&packet, IPPROTO_UDP, 0x0a000001, 0xffffffff);
	sketch_udp(&packet, from, to);
	sketch_payload(&packet, 10);
	sketch_end(&packet);
}

static void make_icmp(bool six, uint8_t type)
{
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (six)
		sketch_ipv6(&packet, IPPROTO_ICMPV6, local6, all_nodes6);
	else
		sketch_ipv4(&packet, IPPROTO_ICMP, 0x0a000001, 0xffffffff);
	sketch_put32(&packet, (uint32_t)type << 24);
	sketch_payload(&packet, 20);
	sketch_end(&packet);
}

/* A router advertisement behind one extension header of kind @kind. */
static void make_behind(uint8_t kind, uint32_t word)
{
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, kind, local6, all_nodes6);
	sketch_extension(&packet, IPPROTO_ICMPV6, word);
	sketch_put32(&packet, (uint32_t)GUARD_ICMP6_ROUTER << 24);
	sketch_payload(&packet, 12);
	sketch_end(&packet);
}

static void dhcp_servers(void **state)
{
	static const struct {
		bool six;
		uint16_t from, to;
		enum drop drop;
	} rows[] = {
		{false, 67, 68, DROP_DHCP_SERVER},   {false, 67, 67, DROP_DHCP_SERVER},
		{false, 4011, 68, DROP_DHCP_SERVER}, {false, 68, 68, DROP_DHCP_SERVER},
		{false, 68, 67, DROP_NONE},	     {false, 547, 546, DROP_NONE},
		{false, 5000, 5001, DROP_NONE},	     {true, 547, 546, DROP_DHCP_SERVER},
		{true, 547, 547, DROP_DHCP_SERVER},  {true, 5000, 546, DROP_DHCP_SERVER},
		{true, 546, 547, DROP_NONE},	     {true, 67, 68, DROP_NONE},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_udp(rows[i].six, rows[i].from, rows[i].to);
		assert_drop(check(GUARDED), rows[i].drop);
		assert_drop(check(DHCP_ONLY), rows[i].drop);
		assert_drop(check(ROUTER_ONLY), DROP_NONE);
		assert_drop(check(FREE), DROP_NONE);
		assert_int_equal(is_looked_at(GUARDED), rows[i].drop != DROP_NONE);
		sketch_tag(&packet, ETHERTYPE_VLAN, 0);
		assert_drop(check(GUARDED), rows[i].drop);
		assert_int_equal(is_looked_at(GUARDED), rows[i].drop != DROP_NONE);
	}
}

static void routers(void **state)
{
	for (unsigned type = 0; type < 256; type++) {
		bool refused4 = type == 5 || type == 9, refused6 = type == 134 || type == 137;

		make_icmp(false, (uint8_t)type);
		assert_drop(check(GUARDED), refused4 ? DROP_ROUTER : DROP_NONE);
		assert_drop(check(DHCP_ONLY), DROP_NONE);
		assert_drop(check(FREE), DROP_NONE);
		assert_int_equal(is_looked_at(GUARDED), refused4);
		make_icmp(true, (uint8_t)type);
		assert_drop(check(GUARDED), refused6 ? DROP_ROUTER : DROP_NONE);
		assert_drop(check(ROUTER_ONLY), refused6 ? DROP_ROUTER : DROP_NONE);
		assert_drop(check(FREE), DROP_NONE);
		assert_int_equal(is_looked_at(GUARDED), refused6);
	}
}

static void what_most_frames_are_is_not_looked_at(void **state)
{
	sketch_ethernet(&packet, SELF, SELF + 1, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_TCP, 1, 2);
	sketch_tcp(&packet, 67, 68, 1, 2);
	assert_false(is_looked_at(GUARDED));
	sketch_ethernet(&packet, SELF, SELF + 1, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_TCP, local6, local6);
	sketch_tcp(&packet, 547, 546, 1, 2);
	assert_false(is_looked_at(GUARDED));
	sketch_ethernet(&packet, SELF, SELF + 1, ETHERTYPE_ARP);
	sketch_arp(&packet, 1, SELF, 1, 2);
	assert_false(is_looked_at(GUARDED));
	make_udp(false, 67, 68);
	assert_false(is_looked_at(FREE));
}

static enum drop check_claim(mac48 dst, uint32_t sender)
{
	sketch_ethernet(&packet, dst, SELF, ETHERTYPE_ARP);
	sketch_arp(&packet, 2, SELF, sender, 3);
	return check(CLAIMS);
}

static void claims(void **state)
{
	static const struct sketch_ip6 owned = {0x20010db800000000, 1};

	assert_drop(check_claim(SELF + 1, 0x0a000001), DROP_CLAIMED_ADDRESS);
	packet.bytes[15] = 6; /* IEEE 802 instead of Ethernet: Linux takes it */
	assert_drop(check(CLAIMS), DROP_CLAIMED_ADDRESS);
	assert_drop(check_claim(SELF + 1, 0x0a000002), DROP_NONE);
	assert_true(is_looked_at(CLAIMS));
	for (check_claim(SELF, 0x0a000001); packet.len > 14; packet.len--)
		assert_drop(check(CLAIMS), packet.len < 42 ? DROP_NONE : DROP_CLAIMED_ADDRESS);
	for (unsigned type = 0; type < 256; type++) {
		bool neighbour = type >= 133 && type <= 137;

		sketch_ethernet(&packet, SELF + 1, SELF, ETHERTYPE_IPV6);
		sketch_ipv6(&packet, IPPROTO_ICMPV6, owned, all_nodes6);
		sketch_put32(&packet, type << 24);
		sketch_payload(&packet, 40);
		assert_drop(check(CLAIMS), neighbour ? DROP_CLAIMED_ADDRESS : DROP_NONE);
	}
	sketch_ethernet(&packet, SELF, SELF + 1, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_TCP, 1, 2);
	sketch_tcp(&packet, 67, 68, 1, 2);
	assert_false(is_looked_at(CLAIMS));
}

/* RFC 7113, 3: the evasions of the first router advertisement guards. */
static void extension_headers_hide_nothing(void **state)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING};

	for (unsigned i = 0; i < sizeof(kinds); i++) {
		make_behind(kinds[i], 0x01040000);
		assert_drop(check(GUARDED), DROP_ROUTER);
		assert_drop(check(DHCP_ONLY), DROP_NONE);
	}
	make_behind(IPPROTO_FRAGMENT, FIRST_FRAGMENT);
	assert_drop(check(GUARDED), DROP_ROUTER);
	make_behind(IPPROTO_FRAGMENT, 0); /* atomic, RFC 6946 */
	assert_drop(check(GUARDED), DROP_ROUTER);
	make_behind(IPPROTO_FRAGMENT, LATER_FRAGMENT);
	assert_drop(check(GUARDED), DROP_NONE);
}

static void a_chain_that_does_not_end_in_sight_is_refused(void **state)
{
	/* more headers than the snapshot holds */
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_DSTOPTS, local6, all_nodes6);
	for (unsigned i = 0; i < 9; i++)
		sketch_extension(&packet, IPPROTO_DSTOPTS, 0x01040000);
	sketch_extension(&packet, IPPROTO_ICMPV6, 0x01040000);
	sketch_put32(&packet, (uint32_t)GUARD_ICMP6_ROUTER << 24);
	sketch_payload(&packet, 12);
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	assert_drop(check(DHCP_ONLY), DROP_HIDDEN_HEADER);
	assert_drop(check(FREE), DROP_NONE);

	/* one that says it is longer than the frame */
	make_behind(IPPROTO_DSTOPTS, 0x01040000);
	packet.bytes[14 + 40 + 1] = 200;
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);

	/* a first fragment that ends before the message begins: the next would hold it */
	make_behind(IPPROTO_FRAGMENT, FIRST_FRAGMENT);
	packet.len = 14 + 40 + 8;
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	assert_drop(check(FREE), DROP_NONE);
}

static void every_truncation(void **state)
{
	make_udp(true, 547, 546);
	for (packet.len = 14; packet.len < 14 + 40 + 4; packet.len++)
		assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	assert_drop(check(GUARDED), DROP_DHCP_SERVER);
	make_udp(false, 67, 68);
	for (packet.len = 14; packet.len < 14 + 20 + 4; packet.len++)
		assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	assert_drop(check(GUARDED), DROP_DHCP_SERVER);
}

static void headers_of_another_shape(void **state)
{
	make_udp(false, 67, 68);
	packet.bytes[14] = 0x44; /* shorter than it can be */
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	packet.bytes[14] = 0x65; /* another version */
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	make_udp(true, 547, 546);
	packet.bytes[14] = 0x45;
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);

	/* with options the ports stand elsewhere */
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_UDP, 0x0a000001, 0xffffffff);
	packet.bytes[14] = 0x46;
	sketch_put32(&packet, 0x01010101);
	sketch_udp(&packet, 67, 68);
	assert_drop(check(GUARDED), DROP_DHCP_SERVER);
}

/* CVE-2021-27853: IP behind an LLC/SNAP header, with its type or with a tag. */
static void ip_behind_snap(void **state)
{
	static const uint32_t types[] = {0x00000800, 0x000086dd, 0x00008100};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		sketch_ethernet(&packet, MAC_BROADCAST, SELF, 100);
		sketch_put32(&packet, 0xaaaa0300);
		sketch_put32(&packet, types[i]);
		assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
		assert_drop(check(FREE), DROP_NONE);
	}
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, 100); /* a bridge tunnel, 802.1H */
	sketch_put32(&packet, 0xaaaa0300);
	sketch_put32(&packet, 0x00f886dd);
	assert_drop(check(GUARDED), DROP_HIDDEN_HEADER);
	sketch_ethernet(&packet, MAC_BROADCAST, SELF, 100); /* Cisco's, of no Ethernet type */
	sketch_put32(&packet, 0xaaaa0300);
	sketch_put32(&packet, 0x000c2000);
	assert_drop(check(GUARDED), DROP_NONE);
}

/* A number below @n (splitmix64). */
static unsigned any(unsigned n)
{
	static uint64_t noise = 1;
	uint64_t z = noise += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (unsigned)((z ^ (z >> 31)) >> 32) % n;
}

/* Headers in some order, a few bytes of them spoiled, the end cut off. */
static void make_nearly(void)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING,
					IPPROTO_FRAGMENT, IPPROTO_AH};
	static const uint16_t ports[] = {67, 68, 546, 547, 53, 0x8600};
	static const uint32_t words[] = {0, FIRST_FRAGMENT, LATER_FRAGMENT, 0x01040000};
	static const uint8_t ends[] = {IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_ICMP, IPPROTO_TCP};
	static const uint8_t types[] = {134, 137, 5, 9, 128};
	uint8_t next = ends[any(4)];
	bool six = any(2);

	sketch_ethernet(&packet, MAC_BROADCAST, SELF, six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (six) {
		unsigned n = any(3) ? 0 : any(9);

		sketch_ipv6(&packet, n ? kinds[any(5)] : next, local6, all_nodes6);
		for (; n > 0; n--)
			sketch_extension(&packet, n > 1 ? kinds[any(5)] : next, words[any(4)]);
	} else {
		sketch_ipv4(&packet, next, 0x0a000001, 0xffffffff);
	}
	if (next == IPPROTO_UDP)
		sketch_udp(&packet, ports[any(6)], ports[any(6)]);
	else
		sketch_put32(&packet, (uint32_t)types[any(5)] << 24);
	sketch_payload(&packet, any(40));
	if (any(2) == 0)
		sketch_tag(&packet, ETHERTYPE_VLAN, 0);
	for (unsigned n = any(3); n > 0; n--)
		packet.bytes[14 + any(50)] = (uint8_t)any(256);
	if (any(3) == 0)
		packet.len = 18 + any(packet.len - 17);
}

static void no_frame_is_overlooked(void **state)
{
	unsigned refused = 0, passed = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		uint16_t port = (uint16_t)(1 + any(NPORTS - 1));
		struct frame_l2 l2;
		struct frame frame;

		make_nearly();
		sketch_frame(&packet, &frame);
		if (frame_parse(&frame, &l2) != DROP_NONE)
			continue;
		if (guard_check(policy, port, network_of(port), &frame, &l2) == DROP_NONE) {
			passed++;
			continue;
		}
		refused++;
		if (!guard_wants_look(&policy_ports(policy)[port], &frame))
			fail_msg("frame %u is refused but not looked at", i);
	}
	assert_in_range(refused, FRAMES / 10, FRAMES);
	assert_in_range(passed, FRAMES / 10, FRAMES);
}

/* May @port of network 1 announce @address by ARP? */
static bool may_announce(const struct policy *joined, uint16_t port, uint32_t address)
{
	struct frame_l2 l2;
	struct frame frame;

	sketch_ethernet(&packet, MAC_BROADCAST, SELF, ETHERTYPE_ARP);
	sketch_arp(&packet, 1, SELF, address, address);
	sketch_end(&packet);
	sketch_frame(&packet, &frame);
	assert_drop(frame_parse(&frame, &l2), DROP_NONE);
	return guard_check(joined, port, 1, &frame, &l2) == DROP_NONE;
}

/* Tenant 1 lets 2 and 3 join; what they bind takes nothing away from it. */
static void who_joins_takes_no_address(void **state)
{
	enum { VM = 1, ROUTER_A, ROUTER_B, PLAIN, GREEDY, PAIR, UPLINK, OTHER, ALL };
	enum { OF_VM = 0x0a000001, VIRTUAL, GATEWAY, OF_PAIR };
	static const struct policy_prefix4 vm = {OF_VM, ~0U}, shared = {VIRTUAL, ~0U},
					   pair = {OF_PAIR, ~0U};
	static const struct policy_prefix4 greed[] = {
		{OF_VM, ~0U}, {VIRTUAL, ~0U}, {GATEWAY, ~0U}, {OF_PAIR, ~0U}, {0x0a000000, ~0xffU}};
	static const uint16_t shares[] = {2, 3};
	static const struct policy_trunk_entry trunk = {1, 100};
	struct policy_network_spec networks[] = {sketch_network(1, 100)};
	struct policy_port_spec ports[ALL - 1];
	struct policy *joined;

	networks[0].tenant = 1;
	networks[0].shares = shares;
	networks[0].n_shares = 2;
	for (uint16_t id = 1; id < ALL; id++) {
		ports[id - 1] = sketch_access(id, 1);
		ports[id - 1].tenant = id == OTHER ? 3 : id >= GREEDY ? 2 : 1;
		ports[id - 1].n_addresses4 = id != PLAIN && id != UPLINK;
	}
	ports[UPLINK - 1] = sketch_trunk(UPLINK, 0, &trunk, 1);
	ports[UPLINK - 1].flags = POLICY_PORT_UPLINK;
	ports[VM - 1].addresses4 = &vm;
	ports[ROUTER_A - 1].addresses4 = ports[ROUTER_B - 1].addresses4 = &shared;
	ports[PAIR - 1].addresses4 = &pair;
	ports[OTHER - 1].addresses4 = &greed[4];
	ports[GREEDY - 1].addresses4 = greed;
	ports[GREEDY - 1].n_addresses4 = 5;
	joined = SKETCH_POLICY(networks, ports);

	assert_true(may_announce(joined, VM, OF_VM));
	assert_false(may_announce(joined, GREEDY, OF_VM));
	assert_int_equal(policy_owner(joined, 1, policy_address4(OF_VM)), VM);
	assert_true(may_announce(joined, ROUTER_A, VIRTUAL));
	assert_true(may_announce(joined, ROUTER_B, VIRTUAL));
	assert_false(may_announce(joined, GREEDY, VIRTUAL));
	/* behind the uplink, where nothing can be bound */
	assert_true(may_announce(joined, UPLINK, GATEWAY));
	assert_false(may_announce(joined, UPLINK, OF_VM));
	/* among themselves: both bind it, or a prefix of another tenant's */
	assert_true(may_announce(joined, PAIR, OF_PAIR));
	assert_true(may_announce(joined, GREEDY, OF_PAIR));
	assert_true(may_announce(joined, GREEDY, GATEWAY));
	assert_false(may_announce(joined, OTHER, GATEWAY));
	assert_false(may_announce(joined, PLAIN, GATEWAY));
	free(joined);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dhcp_servers),
		cmocka_unit_test(routers),
		cmocka_unit_test(claims),
		cmocka_unit_test(who_joins_takes_no_address),
		cmocka_unit_test(what_most_frames_are_is_not_looked_at),
		cmocka_unit_test(extension_headers_hide_nothing),
		cmocka_unit_test(a_chain_that_does_not_end_in_sight_is_refused),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(headers_of_another_shape),
		cmocka_unit_test(ip_behind_snap),
		cmocka_unit_test(no_frame_is_overlooked),
	};

	return cmocka_run_group_tests(tests, build, release);
}
