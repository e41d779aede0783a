/*
 * test_trace_frame - frames said in words, against their bytes.
 */
#include <errno.h>
#include <stdio.h>

#include "control/trace_frame.h"
#include "tests/unit/daemon/unit.h"

static void hex_of(const uint8_t *bytes, unsigned length, char *ret_text)
{
	for (unsigned i = 0; i < length; i++)
		sprintf(ret_text + 2 * i, "%02x", bytes[i]);
}

/* The bytes of @words, from and to fixed addresses unless they say others. */
static void assert_frame(const char *words, const char *hex)
{
	uint8_t bytes[TRACE_FRAME_BYTES];
	char text[2 * TRACE_FRAME_BYTES + 1] = "", why[TRACE_FRAME_WHY] = "";
	struct trace_frame frame;

	if (trace_frame_parse(words, &frame, why))
		fail_msg("%s: %s", words, why);
	if (!frame.src)
		frame.src = 0x020000000001;
	if (!frame.dst)
		frame.dst = 0x020000000002;
	hex_of(bytes, trace_frame_write(&frame, bytes), text);
	if (strcmp(text, hex))
		fail_msg("%s:\n%s, expected\n%s", words, text, hex);
}

#define MACS "020000000002020000000001"

static void frames_in_words(void **state)
{
	assert_frame("tcp 10.0.0.1:4000 > 10.0.0.2:80",
		     MACS "0800"
			  "4500002800000000400600000a0000010a000002"
			  "0fa000500000000000000000"
			  "5002000000000000");
	assert_frame("udp 10.0.0.1:53 > 10.0.0.2:0x35",
		     MACS "0800"
			  "4500001c00000000401100000a0000010a000002"
			  "0035003500080000");
	assert_frame("icmp 10.0.0.1 > 10.0.0.2", MACS "0800"
						      "4500001c00000000400100000a0000010a000002"
						      "0800000000000000");
	assert_frame("icmp fd00::1 > fd00::2", MACS "86dd"
						    "6000000000083a40"
						    "fd000000000000000000000000000001"
						    "fd000000000000000000000000000002"
						    "8000000000000000");
	assert_frame("udp [fd00::1]:1 > [fd00::2]:2", MACS "86dd"
							   "6000000000081140"
							   "fd000000000000000000000000000001"
							   "fd000000000000000000000000000002"
							   "0001000200080000");
	assert_frame("arp who-has 10.0.0.2 tell 10.0.0.1", "ffffffffffff020000000001"
							   "0806"
							   "0001080006040001"
							   "0200000000010a000001"
							   "0000000000000a000002");
	assert_frame("arp 10.0.0.1 is-at 52:54:00:00:00:09", "ffffffffffff525400000009"
							     "0806"
							     "0001080006040002"
							     "5254000000090a000001"
							     "0000000000000a000001");
}

static void options_behind_words(void **state)
{
	assert_frame("icmp 10.0.0.1 > 10.0.0.2 vlan 100 src-mac 52-54-00-00-00-03",
		     "020000000002525400000003"
		     "81000064"
		     "0800"
		     "4500001c00000000400100000a0000010a000002"
		     "0800000000000000");
	assert_frame("  arp  who-has 10.0.0.2\ttell 10.0.0.1  dst-mac 02:00:00:00:00:07 ",
		     "020000000007020000000001"
		     "0806"
		     "0001080006040001"
		     "0200000000010a000001"
		     "0000000000000a000002");
	assert_frame(
		"eth 0x88cc vlan 0", MACS
		"81000000"
		"88cc"
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"000000000000");
}

static void words_that_are_no_frame(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"ip",
		"tcp",
		"tcp 10.0.0.1",
		"tcp 10.0.0.1 >",
		"tcp 10.0.0.1 < 10.0.0.2",
		"tcp 10.0.0.1:65536 > 10.0.0.2:1",
		"tcp 10.0.0.1:x > 10.0.0.2:1",
		"tcp 10.0.0.1:-1 > 10.0.0.2:1",
		"tcp 10.0.0.256 > 10.0.0.2",
		"tcp 10.0.0.0/8 > 10.0.0.2",
		"udp [fd00::1 > [fd00::2]",
		"udp [fd00::1]x > [fd00::2]",
		"icmp 10.0.0.1 > fd00::1",
		"arp who-has 10.0.0.1",
		"arp who-has fd00::1 tell fd00::2",
		"arp 10.0.0.1 is-at 10.0.0.2",
		"eth 0x10000",
		"eth ten",
		"icmp 10.0.0.1 > 10.0.0.2 vlan",
		"icmp 10.0.0.1 > 10.0.0.2 vlan 4096",
		"icmp 10.0.0.1 > 10.0.0.2 src-mac 52:54",
		"icmp 10.0.0.1 > 10.0.0.2 ttl 3",
		"eth 1 vlan 1 vlan 1 vlan 1 vlan 1 vlan 1 vlan 1 vlan 1 vlan 1 vlan 1",
	};
	char why[TRACE_FRAME_WHY];
	struct trace_frame frame;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		why[0] = '\0';
		if (trace_frame_parse(wrong[i], &frame, why) != -EINVAL || !*why)
			fail_msg("`%s` is taken for a frame", wrong[i]);
	}
}

static void hex_digits(void **state)
{
	uint8_t bytes[TRACE_FRAME_BYTES];
	char text[2 * TRACE_FRAME_BYTES + 3];

	assert_int_equal(trace_frame_hex("00 01:0aFf\n", bytes), 4);
	assert_memory_equal(bytes, "\x00\x01\x0a\xff", 4);
	assert_int_equal(trace_frame_hex("", bytes), 0);
	assert_int_equal(trace_frame_hex("0", bytes), -EINVAL);
	assert_int_equal(trace_frame_hex("0g", bytes), -EINVAL);
	assert_int_equal(trace_frame_hex("0x00", bytes), -EINVAL);
	memset(text, '7', sizeof(text) - 1);
	text[2 * TRACE_FRAME_BYTES] = '\0';
	assert_int_equal(trace_frame_hex(text, bytes), TRACE_FRAME_BYTES);
	text[2 * TRACE_FRAME_BYTES] = '7';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(trace_frame_hex(text, bytes), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_words),
		cmocka_unit_test(options_behind_words),
		cmocka_unit_test(words_that_are_no_frame),
		cmocka_unit_test(hex_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
