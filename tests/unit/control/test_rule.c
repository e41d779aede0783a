/*
 * test_rule - the rules of groups and ACLs: what is in the language, and where it is left.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "control/rule.h"
#include "tests/unit/control/unit.h"

static struct rule_group group(const char *text)
{
	struct rule_fault fault;
	struct rule_group rule;

	if (rule_parse_group(text, &rule, &fault))
		fail_msg("%s: %s; %s", text, fault.message, fault.hint);
	return rule;
}

static struct rule_acl acl(const char *text)
{
	struct rule_fault fault;
	struct rule_acl rule;

	if (rule_parse_acl(text, &rule, &fault))
		fail_msg("%s: %s; %s", text, fault.message, fault.hint);
	return rule;
}

static void groups_allow(void **state)
{
	struct rule_group rule = group("allow in tcp 80,443,8000-8999 from any");

	assert_false(rule.out);
	assert_int_equal(rule.protocol, IPPROTO_TCP);
	assert_int_equal(rule.ports.count, 3);
	assert_int_equal(rule.ports.ranges[0].first, 80);
	assert_int_equal(rule.ports.ranges[0].last, 80);
	assert_int_equal(rule.ports.ranges[2].first, 8000);
	assert_int_equal(rule.ports.ranges[2].last, 8999);
	assert_int_equal(rule.peer.kind, RULE_PEER_ANY);
	rule = group("  allow \t out   any ");
	assert_true(rule.out);
	assert_int_equal(rule.protocol, RULE_ANY);
	assert_int_equal(rule.ports.count, 0);
	assert_int_equal(rule.icmp_type, RULE_ANY);
	assert_int_equal(group("allow in 89").protocol, 89);
	assert_int_equal(group("allow in 6 22").ports.count, 1);
	assert_int_equal(group("allow in udp").ports.count, 0);
}

static void groups_know_icmp(void **state)
{
	assert_int_equal(group("allow in icmp").icmp_type, RULE_ANY);
	assert_int_equal(group("allow in icmp echo-request").icmp_type, 8);
	assert_int_equal(group("allow in icmpv6 echo-request from fd00::/8").icmp_type, 128);
	assert_int_equal(group("allow out icmp 0 to any").icmp_type, 0);
}

static void groups_have_peers(void **state)
{
	struct rule_group rule = group("allow in any from 10.0.0.0/8");

	assert_int_equal(rule.peer.kind, RULE_PEER_PREFIX);
	assert_int_equal(rule.peer.prefix.v4.mask, 0xff000000);
	rule = group("allow out udp 53 to set:dns-servers");
	assert_int_equal(rule.peer.kind, RULE_PEER_SET);
	assert_string_equal(rule.peer.name, "dns-servers");
	rule = group("allow in sctp from group:web");
	assert_int_equal(rule.peer.kind, RULE_PEER_GROUP);
	assert_string_equal(rule.peer.name, "web");
}

static void acls_match(void **state)
{
	struct rule_acl rule = acl("accept any");

	assert_true(rule.accept && rule.from.any && rule.to.any && !rule.log);
	assert_int_equal(rule.protocol, RULE_ANY);
	assert_int_equal(rule.ethertype, RULE_ANY);
	rule = acl("drop tcp to any port 23 log");
	assert_true(!rule.accept && rule.to.any && rule.log);
	assert_int_equal(rule.to.ports.ranges[0].first, 23);
	rule = acl("accept udp from 10.0.0.0/8 port 53,5353 to 10.1.0.1");
	assert_int_equal(rule.from.ports.count, 2);
	assert_int_equal(rule.to.prefix.v4.address, 0x0a010001);
	rule = acl("drop any ethertype 0x88CC src-mac 02:00:00:00:00:01 dst-mac ff:ff:ff:ff:ff:ff");
	assert_int_equal(rule.ethertype, 0x88cc);
	assert_int_equal(rule.src_mac, 0x020000000001);
	assert_int_equal(rule.dst_mac, MAC_BROADCAST);
	assert_true(rule.has_src_mac && rule.has_dst_mac);
	assert_int_equal(acl("accept any ethertype arp").ethertype, 0x806);
}

struct fault_case {
	const char *text;
	size_t offset;
	const char *hint;
};

static void group_faults_are_at_their_word(void **state)
{
	static const struct fault_case cases[] = {
		{"", 0, "allow in"},
		{"deny in tcp", 0, "allow in"},
		{"allow", 5, "\"in\" or \"out\""},
		{"allow both tcp", 6, "\"in\" or \"out\""},
		{"allow in", 8, "a protocol"},
		{"allow in http", 9, "a protocol"},
		{"allow in 256", 9, "a protocol"},
		{"allow in tcp 80x", 13, "ports come here"},
		{"allow in tcp 80,", 13, "ports come here"},
		{"allow in tcp 0", 13, "ports come here"},
		{"allow in tcp 65536", 13, "ports come here"},
		{"allow in tcp 90-80", 13, "ports come here"},
		{"allow in tcp 80-", 13, "ports come here"},
		{"allow in tcp 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 13, "several rules"},
		{"allow in any 80", 13, "tcp, udp and sctp"},
		{"allow in 89 80", 12, "tcp, udp and sctp"},
		{"allow in icmp echo", 14, "an ICMP type"},
		{"allow in icmp packet-too-big", 14, "an ICMP type"},
		{"allow in icmp 300", 14, "an ICMP type"},
		{"allow in tcp 80 to any", 16, "\"from\""},
		{"allow out tcp 80 from any", 17, "\"to\""},
		{"allow in tcp 80 by any", 16, "from PEER"},
		{"allow in tcp from", 17, "set:NAME"},
		{"allow in tcp from 10.0.0.1/8", 18, "zero"},
		{"allow in tcp from 10.0.0", 18, "prefix"},
		{"allow in tcp from set:", 18, "small letters"},
		{"allow in tcp from group:A", 18, "small letters"},
		{"allow in tcp from any any", 22, "end here"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule_fault fault = {0};
		struct rule_group rule = {.protocol = 77};

		assert_int_equal(rule_parse_group(cases[i].text, &rule, &fault), -EINVAL);
		if (fault.offset != cases[i].offset || !strstr(fault.hint, cases[i].hint))
			fail_msg("%s: at %zu %s; %s", cases[i].text, fault.offset, fault.message,
				 fault.hint);
		assert_int_equal(rule.protocol, 77);
	}
}

static void acl_faults_are_at_their_word(void **state)
{
	static const struct fault_case cases[] = {
		{"", 0, "accept"},
		{"allow any", 0, "accept"},
		{"accept", 6, "a protocol"},
		{"accept tcp 80", 11, "from, to"},
		{"accept tcp from", 15, "prefix"},
		{"accept tcp from group:web", 16, "prefix"},
		{"accept tcp from any port", 24, "ports come here"},
		{"accept icmp from any port 8", 26, "tcp, udp and sctp"},
		{"accept tcp from any from any", 20, "once"},
		{"accept any log log", 15, "once"},
		{"accept any from 10.0.0.1 to fd00::1", 35, "both are IPv4"},
		{"accept any ethertype 0x5ff", 21, "EtherType"},
		{"accept any ethertype 0x10000", 21, "EtherType"},
		{"accept any ethertype 2048", 21, "EtherType"},
		{"accept any ethertype 0x", 21, "EtherType"},
		{"accept any ethertype 0x-800", 21, "EtherType"},
		{"accept any to fd00::1 ethertype ip", 34, "addresses say it"},
		{"accept tcp ethertype arp", 24, "any instead"},
		{"accept any src-mac 02", 19, "MAC"},
		{"accept any dst-mac", 18, "MAC"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule_fault fault = {0};
		struct rule_acl rule;

		assert_int_equal(rule_parse_acl(cases[i].text, &rule, &fault), -EINVAL);
		if (fault.offset != cases[i].offset || !strstr(fault.hint, cases[i].hint))
			fail_msg("%s: at %zu %s; %s", cases[i].text, fault.offset, fault.message,
				 fault.hint);
	}
}

static void long_rules_are_refused(void **state)
{
	char text[RULE_TEXT + 100];
	struct rule_fault fault;
	struct rule_group rule;

	for (size_t length = 13; length < sizeof(text) - 1; length++) {
		memset(text, '1', sizeof(text));
		memcpy(text, "allow in tcp ", 13);
		text[length] = '\0';
		if (rule_parse_group(text, &rule, &fault))
			assert_int_equal(fault.offset, length < RULE_TEXT ? 13 : 0);
		else
			assert_true(length <= 18); /* 11111 is a port, 111111 is none */
	}
}

/* What is written for a rule may be longer than what was read: `6` is tcp. */
static void the_longest_rule_is_read_again(void **state)
{
	static const char ports[] = "20000-20001,21000-21001,22000-22001,23000-23001,"
				    "24000-24001,25000-25001,26000-26001,27000-27001,"
				    "28000-28001,29000-29001,30000-30001,31000-31001,"
				    "32000-32001,33000-33001,34000-34001,35000-35001";
	static const char net[] = "2001:1db8:1111:2222:3333:4444:5555:6660/124";
	char text[RULE_TEXT], line[RULE_TEXT], again[RULE_TEXT];
	struct rule_acl rule;

	snprintf(text, sizeof(text),
		 "accept 132 from %s port %s to %s port %s ethertype 0x86dd "
		 "src-mac 52:54:00:00:00:01 dst-mac 52:54:00:00:00:02 log",
		 net, ports, net, ports);
	rule = acl(text);
	rule_format_acl(&rule, line);
	assert_int_equal(strlen(line), 572);
	rule = acl(line);
	rule_format_acl(&rule, again);
	assert_string_equal(line, again);
}

/* A rule is written in one way, which reads back as the same. */
static void rules_have_one_spelling(void **state)
{
	static const char *const lines[][2] = {
		{"allow  in tcp 443,80,81-90 from any", "allow in tcp 80-90,443"},
		{"allow out any to any", "allow out any"},
		{"allow in 17 53", "allow in udp 53"},
		{"allow in icmp 8 from 10.0.0.0/8", "allow in icmp echo-request from 10.0.0.0/8"},
		{"allow in icmpv6 200", "allow in icmpv6 200"},
		{"allow out tcp to group:db", "allow out tcp to group:db"},
		{"allow in 47 from set:x", "allow in 47 from set:x"},
		{"drop tcp log to any port 23", "drop tcp to any port 23 log"},
		{"accept any from any", "accept any"},
		{"accept any ethertype 0x88CC", "accept any ethertype 0x88cc"},
		{"drop any ethertype 0x806 src-mac 02-00-00-00-00-0A",
		 "drop any ethertype arp src-mac 02:00:00:00:00:0a"},
		{"accept udp dst-mac ff:ff:ff:ff:ff:ff to FD00::0/64 port 5,4 from fd00::1 port 9",
		 "accept udp from fd00::1 port 9 to fd00::/64 port 4-5 dst-mac ff:ff:ff:ff:ff:ff"},
	};
	char line[RULE_TEXT];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (int again = 0; again < 2; again++) {
			if (!strncmp(lines[i][0], "allow", 5)) {
				struct rule_group rule = group(lines[i][again]);

				rule_format_group(&rule, line);
			} else {
				struct rule_acl rule = acl(lines[i][again]);

				rule_format_acl(&rule, line);
			}
			assert_string_equal(line, lines[i][1]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_allow),
		cmocka_unit_test(groups_know_icmp),
		cmocka_unit_test(groups_have_peers),
		cmocka_unit_test(acls_match),
		cmocka_unit_test(rules_have_one_spelling),
		cmocka_unit_test(the_longest_rule_is_read_again),
		cmocka_unit_test(group_faults_are_at_their_word),
		cmocka_unit_test(acl_faults_are_at_their_word),
		cmocka_unit_test(long_rules_are_refused),
	};

	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
