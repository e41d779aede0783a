/*
 * test_frame - what the snapshot's headers are read as, at every length.
 */
#include <netinet/in.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"

#define A ((mac48)0x02000000000a)
#define B ((mac48)0x02000000000b)

static struct sketch packet;
static struct frame frame;

static enum drop parse(struct frame_l2 *l2)
{
	sketch_frame(&packet, &frame);
	return frame_parse(&frame, l2);
}

static void untagged(void **state)
{
	struct frame_l2 l2;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
	assert_drop(parse(&l2), DROP_NONE);
	assert_true(l2.dst == A && l2.src == B);
	assert_int_equal(l2.ethertype, ETHERTYPE_IPV4);
	assert_false(l2.tagged || l2.stacked);
	assert_int_equal(l2.tci, 0);
	assert_int_equal(frame_l2_size(&l2), 14);
}

static void tagged(void **state)
{
	struct frame_l2 l2;

	sketch_ethernet(&packet, A, B, ETHERTYPE_ARP);
	sketch_tag(&packet, ETHERTYPE_VLAN, 0xa064);
	assert_drop(parse(&l2), DROP_NONE);
	assert_true(l2.dst == A && l2.src == B);
	assert_int_equal(l2.ethertype, ETHERTYPE_ARP);
	assert_true(l2.tagged);
	assert_int_equal(l2.tci, 0xa064);
	assert_int_equal(frame_l2_size(&l2), 18);
}

static void a_priority_tag_is_a_tag(void **state)
{
	struct frame_l2 l2;

	sketch_ethernet(&packet, A, B, ETHERTYPE_ARP);
	sketch_tag(&packet, ETHERTYPE_VLAN, 0);
	assert_drop(parse(&l2), DROP_NONE);
	assert_true(l2.tagged);
}

static void stacked_tags(void **state)
{
	static const uint16_t tpids[] = {ETHERTYPE_VLAN, ETHERTYPE_SERVICE, ETHERTYPE_QINQ};
	struct frame_l2 l2;

	for (unsigned outer = 0; outer < 3; outer++) {
		for (unsigned inner = 0; inner < 3; inner++) {
			sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
			sketch_tag(&packet, tpids[inner], 100);
			sketch_tag(&packet, tpids[outer], 7);
			assert_drop(parse(&l2), DROP_NONE);
			assert_true(l2.tagged && l2.stacked);
			assert_int_equal(l2.tpid, tpids[outer]);
			assert_int_equal(l2.tci, 7);
			assert_int_equal(l2.ethertype, ETHERTYPE_IPV4);
			assert_int_equal(frame_l2_size(&l2), 22);
			sketch_tag(&packet, ETHERTYPE_SERVICE, 8);
			assert_drop(parse(&l2), DROP_NONE);
			assert_int_equal(l2.ethertype, tpids[inner]);
		}
	}
}

static void runts_at_every_length(void **state)
{
	struct frame_l2 l2;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
	for (uint32_t len = 0; len <= 14; len++) {
		packet.len = len;
		assert_drop(parse(&l2), len < 14 ? DROP_RUNT : DROP_NONE);
	}
	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
	sketch_tag(&packet, ETHERTYPE_VLAN, 1);
	for (uint32_t len = 0; len <= 18; len++) {
		packet.len = len;
		assert_drop(parse(&l2), len < 18 ? DROP_RUNT : DROP_NONE);
	}
	sketch_tag(&packet, ETHERTYPE_VLAN, 1);
	for (uint32_t len = 0; len <= 22; len++) {
		packet.len = len;
		assert_drop(parse(&l2), len < 22 ? DROP_RUNT : DROP_NONE);
	}
}

static bool parse_ip(struct frame_ip *ip)
{
	struct frame_l2 l2;

	assert_drop(parse(&l2), DROP_NONE);
	return frame_parse_ip(&frame, &l2, ip);
}

static void ipv4(void **state)
{
	struct frame_ip ip;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_UDP, 1, 2);
	assert_true(parse_ip(&ip));
	assert_int_equal(ip.version, 4);
	assert_int_equal(ip.protocol, IPPROTO_UDP);
	assert_int_equal(ip.l3, 14);
	assert_int_equal(ip.l4, 34);
	assert_true(ip.first);
	assert_false(ip.fragment);
	sketch_tag(&packet, ETHERTYPE_VLAN, 1);
	assert_true(parse_ip(&ip));
	assert_int_equal(ip.l3, 18);
	assert_int_equal(ip.l4, 38);
}

static void ipv4_that_is_none(void **state)
{
	struct frame_ip ip;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_UDP, 1, 2);
	for (packet.len = 14; packet.len < 34; packet.len++)
		assert_false(parse_ip(&ip));
	packet.bytes[14] = 0x65; /* version 6 */
	assert_false(parse_ip(&ip));
	packet.bytes[14] = 0x44; /* a header of 16 bytes */
	assert_false(parse_ip(&ip));
	packet.bytes[14] = 0x46; /* options that are not there */
	assert_false(parse_ip(&ip));
	packet.len += 4;
	assert_true(parse_ip(&ip));
	assert_int_equal(ip.l4, 38);
}

static void ipv4_fragments(void **state)
{
	static const struct {
		uint16_t field;
		bool fragment, first;
	} cases[] = {{0x4000, false, true},
		     {0x2000, true, true},
		     {0x2001, true, false},
		     {0x0001, true, false},
		     {0x1fff, true, false}};
	struct frame_ip ip;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sketch_ethernet(&packet, A, B, ETHERTYPE_IPV4);
		sketch_ipv4(&packet, IPPROTO_UDP, 1, 2);
		packet.bytes[20] = (uint8_t)(cases[i].field >> 8);
		packet.bytes[21] = (uint8_t)cases[i].field;
		assert_true(parse_ip(&ip));
		assert_int_equal(ip.fragment, cases[i].fragment);
		assert_int_equal(ip.first, cases[i].first);
	}
}

static const struct sketch_ip6 one = {0, 1};

static void ipv6(void **state)
{
	struct frame_ip ip;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_TCP, one, one);
	for (packet.len = 14; packet.len < 54; packet.len++)
		assert_false(parse_ip(&ip));
	assert_true(parse_ip(&ip));
	assert_int_equal(ip.version, 6);
	assert_int_equal(ip.protocol, IPPROTO_TCP);
	assert_int_equal(ip.l4, 54);
	packet.bytes[14] = 0x40;
	assert_false(parse_ip(&ip));
}

static void ipv6_extensions_are_skipped(void **state)
{
	struct frame_ip ip;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_HOPOPTS, one, one);
	sketch_extension(&packet, IPPROTO_DSTOPTS, 0x01040000);
	sketch_extension(&packet, IPPROTO_ROUTING, 0x01040000);
	sketch_extension(&packet, IPPROTO_ICMPV6, 0);
	assert_true(parse_ip(&ip));
	assert_int_equal(ip.protocol, IPPROTO_ICMPV6);
	assert_int_equal(ip.l4, 54 + 24);
	for (packet.len = 54; packet.len < 54 + 24; packet.len++)
		assert_false(parse_ip(&ip)); /* at no length does one end early */
	packet.bytes[55] = 200;		     /* an extension that reaches beyond the snapshot */
	assert_false(parse_ip(&ip));
}

static void ipv6_fragments(void **state)
{
	struct frame_ip ip;

	sketch_ethernet(&packet, A, B, ETHERTYPE_IPV6);
	sketch_ipv6(&packet, IPPROTO_FRAGMENT, one, one);
	sketch_extension(&packet, IPPROTO_UDP, 0x00000000); /* an atomic fragment, RFC 6946 */
	assert_true(parse_ip(&ip));
	assert_true(ip.first && !ip.fragment);
	assert_int_equal(ip.protocol, IPPROTO_UDP);
	packet.bytes[54 + 3] = 0x01; /* more follow */
	assert_true(parse_ip(&ip));
	assert_true(ip.first && ip.fragment);
	packet.bytes[54] = IPPROTO_HOPOPTS; /* what follows in a later one is no header */
	packet.bytes[54 + 3] = 0x08;
	assert_true(parse_ip(&ip));
	assert_true(!ip.first && ip.fragment);
	assert_int_equal(ip.l4, 62);
}

static void other_types_are_no_ip(void **state)
{
	struct frame_ip ip;

	sketch_ethernet(&packet, A, B, ETHERTYPE_ARP);
	sketch_ipv4(&packet, IPPROTO_UDP, 1, 2);
	assert_false(parse_ip(&ip));
}

/* Of two service access points either makes it one; what is cut before them could be one. */
static void snap_is_what_could_be(void **state)
{
	static const struct {
		uint8_t dsap, ssap;
		bool snap;
	} cases[] = {{0xaa, 0xaa, true}, {0xab, 0xab, true},  {0xaa, 0x00, true},
		     {0x00, 0xaa, true}, {0x42, 0x42, false}, {0xac, 0xa9, false}};
	struct frame_l2 l2;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sketch_ethernet(&packet, A, B, 46);
		sketch_payload(&packet, 46);
		packet.bytes[14] = cases[i].dsap;
		packet.bytes[15] = cases[i].ssap;
		assert_drop(parse(&l2), DROP_NONE);
		assert_int_equal(frame_is_snap(&frame, &l2), cases[i].snap);
		l2.ethertype = ETHERTYPE_MIN;
		assert_false(frame_is_snap(&frame, &l2));
	}
	sketch_ethernet(&packet, A, B, 46);
	sketch_payload(&packet, 1);
	assert_drop(parse(&l2), DROP_NONE);
	assert_true(frame_is_snap(&frame, &l2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untagged),
		cmocka_unit_test(tagged),
		cmocka_unit_test(a_priority_tag_is_a_tag),
		cmocka_unit_test(stacked_tags),
		cmocka_unit_test(runts_at_every_length),
		cmocka_unit_test(ipv4),
		cmocka_unit_test(ipv4_that_is_none),
		cmocka_unit_test(ipv4_fragments),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(ipv6_extensions_are_skipped),
		cmocka_unit_test(ipv6_fragments),
		cmocka_unit_test(other_types_are_no_ip),
		cmocka_unit_test(snap_is_what_could_be),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
