/*
 * test_guard - the table of guard.h, row by row, and around each row's edges.
 */
#include <netinet/in.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/guard.h"

#define OWN   ((mac48)0x02000000000a)
#define OTHER ((mac48)0x02000000000b)
#define FREE  ((mac48)0x02000000000f)

enum {
	IP_OWN = 0x0a000001,
	IP_NET = 0xc0a80000, /* 192.168.0.0/24 is bound as well */
	IP_OTHER = 0x0a000002,
	IP_ALL = 0xffffffff,

	/* ports of the policy */
	MACS = 1, /* OWN bound */
	BOTH,	  /* IPv4 and IPv6 bound, no MAC */
	ONLY4,
	ONLY6,
	LINK_LOCAL, /* binds a link-local address of its own */
	LIFTED,	    /* everything bound, spoof guard off */
	PLAIN,
	NEIGHBOUR, /* OTHER bound */
	NPORTS,

	NS = 135,
	NA = 136,
};

static const struct sketch_ip6 any6 = {0, 0}, own6 = {0x20010db800000000, 1},
			       other6 = {0x20010db800000000, 2},
			       local6 = {0xfe80000000000000, 0x1234},
			       pinned6 = {0xfe80000000000000, 1},
			       all_nodes6 = {0xff02000000000000, 1};

static struct policy *policy;
static struct sketch packet;

static int build(void **state)
{
	static mac48 own[] = {OWN}, other[] = {OTHER};
	static struct policy_prefix4 four[] = {{IP_OWN, IP_ALL}, {IP_NET, 0xffffff00}};
	static struct policy_prefix6 six[] = {{{0x20010db800000000, 1}, {~0ULL, ~0ULL}}},
				     pinned[] = {{{0xfe80000000000000, 1}, {~0ULL, ~0ULL}}};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 0)};
	struct policy_port_spec ports[NPORTS - 1];

	for (uint16_t id = 1; id < NPORTS; id++) {
		ports[id - 1] = sketch_access(id, 1);
		ports[id - 1].flags = POLICY_PORT_SPOOF_GUARD;
	}
	ports[MACS - 1].macs = own;
	ports[MACS - 1].n_macs = 1;
	ports[NEIGHBOUR - 1].macs = other;
	ports[NEIGHBOUR - 1].n_macs = 1;
	for (uint16_t id = BOTH; id <= LIFTED; id++) {
		if (id != ONLY6) {
			ports[id - 1].addresses4 = four;
			ports[id - 1].n_addresses4 = 2;
		}
		if (id != ONLY4) {
			ports[id - 1].addresses6 = id == LINK_LOCAL ? pinned : six;
			ports[id - 1].n_addresses6 = 1;
		}
	}
	ports[LIFTED - 1].flags = 0;
	policy = SKETCH_POLICY(networks, ports);
	return 0;
}

static int release(void **state)
{
	free(policy);
	return 0;
}

static enum drop check(uint16_t port)
{
	struct frame_l2 l2;
	struct frame frame;

	sketch_frame(&packet, &frame);
	assert_drop(frame_parse(&frame, &l2), DROP_NONE);
	return guard_check(policy, port, 1, &frame, &l2);
}

static enum drop check_macs(uint16_t port, mac48 dst, mac48 src)
{
	sketch_ethernet(&packet, dst, src, 0x88b5);
	return check(port);
}

static void bad_sources_from_every_port(void **state)
{
	for (uint16_t port = 1; port < NPORTS; port++) {
		assert_drop(check_macs(port, FREE, 0), DROP_BAD_SOURCE);
		assert_drop(check_macs(port, FREE, MAC_BROADCAST), DROP_BAD_SOURCE);
		assert_drop(check_macs(port, FREE, 0x01005e000001), DROP_BAD_SOURCE);
	}
}

static void reserved_groups_from_every_port(void **state)
{
	for (uint16_t port = BOTH; port < NEIGHBOUR; port++) {
		for (mac48 i = 0; i < 16; i++)
			assert_drop(check_macs(port, 0x0180c2000000 + i, FREE),
				    i ? DROP_RESERVED_GROUP : DROP_BPDU);
		assert_drop(check_macs(port, 0x0180c2000010, FREE), DROP_NONE);
		assert_drop(check_macs(port, 0x0180c1ffffff, FREE), DROP_NONE);
	}
}

static void a_port_with_macs_has_only_these(void **state)
{
	assert_drop(check_macs(MACS, FREE, OWN), DROP_NONE);
	assert_drop(check_macs(MACS, FREE, FREE), DROP_SPOOFED_MAC);
	assert_drop(check_macs(MACS, FREE, OTHER), DROP_SPOOFED_MAC);
}

static void a_bound_mac_comes_from_its_port_only(void **state)
{
	for (uint16_t port = 1; port < NPORTS; port++)
		assert_drop(check_macs(port, FREE, OTHER),
			    port == NEIGHBOUR ? DROP_NONE : DROP_SPOOFED_MAC);
	assert_drop(check_macs(PLAIN, FREE, FREE), DROP_NONE);
}

static enum drop check4(uint16_t port, uint32_t src)
{
	sketch_ethernet(&packet, FREE, FREE, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_TCP, src, IP_OTHER);
	sketch_payload(&packet, 20);
	return check(port);
}

static void ipv4_sources(void **state)
{
	assert_drop(check4(BOTH, IP_OWN), DROP_NONE);
	assert_drop(check4(BOTH, IP_NET + 77), DROP_NONE);
	assert_drop(check4(BOTH, IP_NET + 256), DROP_SPOOFED_ADDRESS);
	assert_drop(check4(BOTH, IP_OTHER), DROP_SPOOFED_ADDRESS);
	assert_drop(check4(BOTH, 0), DROP_SPOOFED_ADDRESS);
	assert_drop(check4(ONLY4, IP_OWN), DROP_NONE);
	assert_drop(check4(ONLY6, IP_OWN), DROP_SPOOFED_ADDRESS);
	assert_drop(check4(LIFTED, IP_OTHER), DROP_NONE);
	assert_drop(check4(PLAIN, IP_OTHER), DROP_NONE);
}

static void ipv4_behind_a_tag_and_with_options(void **state)
{
	sketch_ethernet(&packet, FREE, FREE, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_TCP, IP_OTHER, IP_OTHER);
	sketch_tag(&packet, ETHERTYPE_VLAN, 0);
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	packet.bytes[18 + 12 + 3] = 1; /* 10.0.0.1 */
	assert_drop(check(BOTH), DROP_NONE);
	packet.bytes[18] = 0x4f; /* options that are not there */
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

static void ipv4_that_cannot_be_read_is_refused(void **state)
{
	sketch_ethernet(&packet, FREE, FREE, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_TCP, IP_OWN, IP_OTHER);
	for (packet.len = 14; packet.len < 34; packet.len++)
		assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	assert_drop(check(BOTH), DROP_NONE);
	packet.bytes[14] = 0x65;
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

static enum drop check_dhcp(uint16_t port, uint32_t src, uint16_t from, uint16_t to)
{
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_UDP, src, IP_ALL);
	sketch_udp(&packet, from, to);
	sketch_payload(&packet, 240);
	return check(port);
}

static void dhcp_clients_may_ask(void **state)
{
	assert_drop(check_dhcp(BOTH, 0, 68, 67), DROP_NONE);
	assert_drop(check_dhcp(BOTH, 0, 67, 68), DROP_SPOOFED_ADDRESS);
	assert_drop(check_dhcp(BOTH, 0, 68, 68), DROP_SPOOFED_ADDRESS);
	assert_drop(check_dhcp(BOTH, IP_OTHER, 68, 67), DROP_SPOOFED_ADDRESS);
	assert_drop(check_dhcp(ONLY6, 0, 68, 67), DROP_SPOOFED_ADDRESS);
	check_dhcp(BOTH, 0, 68, 67);
	packet.bytes[21] = 1; /* a later fragment: what looks like ports is payload */
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	check_dhcp(BOTH, 0, 68, 67);
	packet.len = 14 + 20 + 3;
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

static enum drop check_arp(uint16_t port, mac48 sender, uint32_t sender_ip)
{
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_ARP);
	sketch_arp(&packet, 1, sender, sender_ip, IP_OTHER);
	return check(port);
}

static void arp_senders(void **state)
{
	assert_drop(check_arp(BOTH, FREE, IP_OWN), DROP_NONE);
	assert_drop(check_arp(BOTH, FREE, IP_NET + 9), DROP_NONE);
	assert_drop(check_arp(BOTH, FREE, 0), DROP_NONE); /* a probe */
	assert_drop(check_arp(BOTH, FREE, IP_OTHER), DROP_SPOOFED_ADDRESS);
	assert_drop(check_arp(BOTH, OTHER, IP_OWN), DROP_SPOOFED_ADDRESS);
	assert_drop(check_arp(ONLY6, FREE, 0), DROP_SPOOFED_ADDRESS);
	assert_drop(check_arp(ONLY6, FREE, IP_OWN), DROP_SPOOFED_ADDRESS);
	assert_drop(check_arp(PLAIN, OTHER, IP_OTHER), DROP_NONE);
	assert_drop(check_arp(LIFTED, OTHER, IP_OTHER), DROP_NONE);
}

static void arp_of_another_shape_is_refused(void **state)
{
	for (unsigned at = 14; at < 20; at++) {
		check_arp(BOTH, FREE, IP_OWN);
		packet.bytes[at] ^= 1;
		assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	}
	check_arp(BOTH, FREE, IP_OWN);
	for (packet.len = 14; packet.len < 14 + 28; packet.len++)
		assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

static void rarp_asks_for_an_address_and_has_none(void **state)
{
	static const uint16_t ports[] = {BOTH, ONLY4, ONLY6, PLAIN};

	for (unsigned i = 0; i < 4; i++) {
		sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_RARP);
		sketch_arp(&packet, 3, FREE, 0, 0);
		assert_drop(check(ports[i]), DROP_NONE);
	}
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_RARP);
	sketch_arp(&packet, 3, OTHER, 0, 0);
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_RARP);
	sketch_arp(&packet, 3, FREE, IP_OTHER, 0);
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

static enum drop check6(uint16_t port, struct sketch_ip6 src)
{
	sketch_ethernet(&packet, FREE, FREE, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_TCP, src, other6);
	sketch_payload(&packet, 20);
	return check(port);
}

/* fe80::ff:fe00:f, of FREE. */
static void the_link_local_address_of_the_mac_needs_no_binding(void **state)
{
	struct sketch_ip6 made = {0xfe80000000000000, 0x000000fffe00000f};
	struct sketch_ip6 wrong[] = {{0xfe80000000000000, 0x020000fffe00000f},
				     {0xfe80000000000000, 0x000000fffe00000e},
				     {0xfe80000000000001, 0x000000fffe00000f},
				     {0xfec0000000000000, 0x000000fffe00000f}};

	assert_drop(check6(ONLY4, made), DROP_NONE);
	assert_drop(check6(ONLY6, made), DROP_NONE);
	assert_drop(check6(LINK_LOCAL, made), DROP_SPOOFED_ADDRESS);
	for (unsigned i = 0; i < 4; i++)
		assert_drop(check6(ONLY4, wrong[i]), DROP_SPOOFED_ADDRESS);
}

static void ipv6_sources(void **state)
{
	assert_drop(check6(BOTH, own6), DROP_NONE);
	assert_drop(check6(BOTH, other6), DROP_SPOOFED_ADDRESS);
	assert_drop(check6(BOTH, local6), DROP_NONE);
	assert_drop(check6(BOTH, any6), DROP_SPOOFED_ADDRESS);
	assert_drop(check6(ONLY4, own6), DROP_SPOOFED_ADDRESS);
	assert_drop(check6(ONLY4, local6), DROP_SPOOFED_ADDRESS);
	assert_drop(check6(LINK_LOCAL, pinned6), DROP_NONE);
	assert_drop(check6(LINK_LOCAL, local6), DROP_SPOOFED_ADDRESS);
	assert_drop(check6(LIFTED, other6), DROP_NONE);
	check6(BOTH, own6);
	for (packet.len = 14; packet.len < 54; packet.len++)
		assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

static void nd_packet(struct sketch_ip6 src, uint8_t type, struct sketch_ip6 target, uint8_t option,
		      mac48 address)
{
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_ICMPV6, src, all_nodes6);
	sketch_nd(&packet, type, target, option, address);
	sketch_end(&packet);
}

static enum drop check_nd(uint16_t port, struct sketch_ip6 src, uint8_t type,
			  struct sketch_ip6 target, uint8_t option, mac48 address)
{
	nd_packet(src, type, target, option, address);
	return check(port);
}

static void neighbour_discovery(void **state)
{
	const enum drop no = DROP_SPOOFED_ADDRESS;

	/* who asks for another is not the other */
	assert_drop(check_nd(BOTH, own6, NS, other6, 1, FREE), DROP_NONE);
	assert_drop(check_nd(BOTH, own6, NS, other6, 1, OTHER), no);
	/* duplicate address detection is for an address of one's own */
	assert_drop(check_nd(BOTH, any6, NS, own6, 0, 0), DROP_NONE);
	assert_drop(check_nd(BOTH, any6, NS, local6, 0, 0), DROP_NONE);
	assert_drop(check_nd(BOTH, any6, NS, other6, 0, 0), no);
	assert_drop(check_nd(LINK_LOCAL, any6, NS, local6, 0, 0), no);
	assert_drop(check_nd(ONLY4, any6, NS, local6, 0, 0), no);

	assert_drop(check_nd(BOTH, own6, NA, own6, 2, FREE), DROP_NONE);
	assert_drop(check_nd(BOTH, local6, NA, own6, 2, FREE), DROP_NONE);
	assert_drop(check_nd(BOTH, own6, NA, local6, 2, FREE), DROP_NONE);
	assert_drop(check_nd(BOTH, own6, NA, other6, 2, FREE), no);
	assert_drop(check_nd(BOTH, own6, NA, own6, 2, OTHER), no);
	assert_drop(check_nd(BOTH, any6, NA, own6, 2, FREE), no);
	assert_drop(check_nd(BOTH, other6, NA, own6, 2, FREE), no);
	assert_drop(check_nd(PLAIN, other6, NA, other6, 2, OTHER), DROP_NONE);
}

/* CVE-2023-5366: the ND target behind something that the check did not look through. */
static void neighbour_advertisements_cannot_hide(void **state)
{
	const enum drop no = DROP_SPOOFED_ADDRESS;

	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_DSTOPTS, own6, all_nodes6);
	sketch_extension(&packet, IPPROTO_ICMPV6, 0x01040000);
	sketch_nd(&packet, NA, other6, 2, FREE);
	sketch_end(&packet);
	assert_drop(check(BOTH), no);

	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_FRAGMENT, own6, all_nodes6);
	sketch_extension(&packet, IPPROTO_ICMPV6, 0x00010000); /* the first of several */
	sketch_nd(&packet, NA, own6, 2, FREE);
	sketch_end(&packet);
	assert_drop(check(BOTH), no);

	/* so many extension headers that the message is beyond the snapshot */
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_DSTOPTS, own6, all_nodes6);
	for (unsigned i = 0; i < 8; i++)
		sketch_extension(&packet, IPPROTO_DSTOPTS, 0x01040000);
	sketch_extension(&packet, IPPROTO_ICMPV6, 0x01040000);
	sketch_nd(&packet, NA, other6, 2, FREE);
	sketch_end(&packet);
	assert_drop(check(BOTH), no);
}

static void options_are_read_to_the_end_of_the_packet(void **state)
{
	const enum drop no = DROP_SPOOFED_ADDRESS;

	nd_packet(own6, NA, own6, 2, FREE);
	packet.bytes[packet.len - 7] = 0; /* an option without a length would never end */
	assert_drop(check(BOTH), no);

	nd_packet(own6, NA, own6, 14, FREE); /* a nonce, then somebody else's address */
	sketch_put16(&packet, 0x0201);
	sketch_put16(&packet, OTHER >> 32);
	sketch_put32(&packet, (uint32_t)OTHER);
	sketch_end(&packet);
	assert_drop(check(BOTH), no);

	nd_packet(own6, NA, own6, 2, FREE);
	packet.len += 10; /* padding of the frame is no option */
	memset(packet.bytes + packet.len - 10, 0, 10);
	assert_drop(check(BOTH), DROP_NONE);

	for (nd_packet(own6, NA, own6, 2, FREE); packet.len > 54; packet.len--) {
		struct sketch cut = packet;

		packet.len--;
		assert_drop(check(BOTH), no);
		packet = cut;
	}
}

static void mld_and_router_solicitations_from_nowhere(void **state)
{
	static const struct {
		uint8_t type;
		bool may;
	} types[] = {{131, true},  {143, true},	 {133, true},
		     {128, false}, {134, false}, {132, false}};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_drop(check_nd(BOTH, any6, types[i].type, any6, 0, 0),
			    types[i].may ? DROP_NONE : DROP_SPOOFED_ADDRESS);
		assert_drop(check_nd(BOTH, local6, types[i].type, any6, 0, 0), DROP_NONE);
		assert_drop(check_nd(BOTH, other6, types[i].type, any6, 0, 0),
			    DROP_SPOOFED_ADDRESS);
	}
}

static void llc_frames_that_could_hide_an_address(void **state)
{
	sketch_ethernet(&packet, MAC_BROADCAST, FREE, 100); /* a length */
	sketch_put32(&packet, 0xaaaa0300);
	sketch_put32(&packet, 0x00000800);
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	assert_drop(check(PLAIN), DROP_HIDDEN_HEADER); /* it could claim what others own */
	packet.bytes[14] = 0xab;
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
	packet.bytes[14] = packet.bytes[15] = 0x42; /* not SNAP */
	assert_drop(check(BOTH), DROP_NONE);
	packet.len = 15;
	assert_drop(check(BOTH), DROP_SPOOFED_ADDRESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_sources_from_every_port),
		cmocka_unit_test(reserved_groups_from_every_port),
		cmocka_unit_test(a_port_with_macs_has_only_these),
		cmocka_unit_test(a_bound_mac_comes_from_its_port_only),
		cmocka_unit_test(ipv4_sources),
		cmocka_unit_test(ipv4_behind_a_tag_and_with_options),
		cmocka_unit_test(ipv4_that_cannot_be_read_is_refused),
		cmocka_unit_test(dhcp_clients_may_ask),
		cmocka_unit_test(arp_senders),
		cmocka_unit_test(arp_of_another_shape_is_refused),
		cmocka_unit_test(rarp_asks_for_an_address_and_has_none),
		cmocka_unit_test(the_link_local_address_of_the_mac_needs_no_binding),
		cmocka_unit_test(ipv6_sources),
		cmocka_unit_test(neighbour_discovery),
		cmocka_unit_test(neighbour_advertisements_cannot_hide),
		cmocka_unit_test(options_are_read_to_the_end_of_the_packet),
		cmocka_unit_test(mld_and_router_solicitations_from_nowhere),
		cmocka_unit_test(llc_frames_that_could_hide_an_address),
	};

	return cmocka_run_group_tests_name("guard", tests, build, release);
}
