/*
 * test_mark - priorities and DSCP that a port writes, and checksums that stay right.
 */
#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "switch/mark.h"

static const struct sketch_ip6 one6 = {0x20010db800000000, 1}, two6 = {0x20010db800000000, 2};

static struct sketch packet;
static struct frame frame;

static void draw(bool six, int vid)
{
	sketch_ethernet(&packet, 0x02000000000b, 0x02000000000a,
			six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (six)
		sketch_ipv6(&packet, 17, one6, two6);
	else
		sketch_ipv4(&packet, 17, 0x0a000001, 0x0a000002);
	sketch_udp(&packet, 1, 2);
	sketch_payload(&packet, 40);
	sketch_end(&packet);
	if (vid >= 0)
		sketch_tag(&packet, ETHERTYPE_VLAN, (uint16_t)vid);
	sketch_frame(&packet, &frame);
}

static void the_dscp_of_ipv4_and_its_checksum(void **state)
{
	for (unsigned dscp = 0; dscp < 64; dscp++) {
		for (unsigned ecn = 0; ecn < 4; ecn++) {
			const struct policy_port port = {.dscp = (uint8_t)(dscp + 1)};

			draw(false, -1);
			packet.bytes[15] = (uint8_t)(packet.bytes[15] | ecn);
			sketch_end(&packet);
			sketch_frame(&packet, &frame);
			mark_frame(&port, &frame);
			assert_int_equal(frame.head[15], dscp << 2 | ecn);
			assert_true(sketch_checksums_are_right(frame.head, frame.head_len));
		}
	}
}

static void the_dscp_of_ipv6(void **state)
{
	const struct policy_port port = {.dscp = 46 + 1};

	draw(true, -1);
	frame.head[14] = 0x6f;
	frame.head[15] = 0xff;
	mark_frame(&port, &frame);
	assert_int_equal(frame.head[14], 0x6b);
	assert_int_equal(frame.head[15], 0xbf); /* 46 << 2 | 3, and the label as it was */
	draw(true, 100);
	mark_frame(&port, &frame);
	assert_int_equal(frame_load16(&frame, 18), 0x6b80);
}

static void the_priority_of_a_tag(void **state)
{
	const struct policy_port resets = {.pcp = 1}, high = {.pcp = 7 + 1};

	draw(false, 5 << 13 | 1 << 12 | 0x0abc);
	mark_frame(&resets, &frame);
	assert_int_equal(frame_load16(&frame, 14), 0x0abc);
	assert_int_equal(mark_tci(&resets), 0);
	assert_int_equal(mark_tci(&high), 0xe000);
}

static void nothing_but_the_mark_changes(void **state)
{
	const struct policy_port all = {.pcp = 4, .dscp = 11}, none = {0};
	static struct frame before;

	assert_false(mark_is_due(&none));
	assert_true(mark_is_due(&all));
	for (int kind = 0; kind < 4; kind++) {
		draw(kind & 1, kind & 2 ? 3 << 13 | 10 : -1);
		before = frame;
		mark_frame(&none, &frame);
		assert_memory_equal(&frame, &before, sizeof(frame));
		/* what is cut short is left alone; nothing behind its end is touched */
		for (uint16_t len = 0; len < 14 + (kind & 2 ? 4 : 0) + (kind & 1 ? 40 : 20);
		     len++) {
			frame = before;
			frame.head_len = len;
			mark_frame(&all, &frame);
			frame.head[14] = before.head[14]; /* of a tag: the priority */
			assert_memory_equal(frame.head, before.head, FRAME_HEAD);
		}
	}
	sketch_ethernet(&packet, 1, 2, ETHERTYPE_ARP);
	sketch_arp(&packet, 1, 2, 3, 4);
	sketch_frame(&packet, &frame);
	before = frame;
	mark_frame(&all, &frame);
	assert_memory_equal(&frame, &before, sizeof(frame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dscp_of_ipv4_and_its_checksum),
		cmocka_unit_test(the_dscp_of_ipv6),
		cmocka_unit_test(the_priority_of_a_tag),
		cmocka_unit_test(nothing_but_the_mark_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
