/*
 * test_session_packet - what headers are to the sessions, whole and cut, and
 * what becomes of fragments.
 */
#include <endian.h>
#include <netinet/in.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/session_sketch.h"

#define MAC_A	 ((mac48)0x02000000000a)
#define MAC_B	 ((mac48)0x02000000000b)
#define V4(host) (0x0a000000U + (host))

enum { NETWORK = 7, GENERATION = 3, NOW = 1000000, MORE = 0x2000, SESSIONS = 64 };

static const struct sketch_ip6 v6_a = {0x20010db800000000, 1}, v6_b = {0x20010db800000000, 2};
static struct sketch sketch;
static struct frame frame;
static struct session_packet packet;

/* Read what is sketched, with all of its bytes or only @len of them. */
static enum session_kind read_cut(uint32_t len)
{
	struct frame_l2 l2;

	sketch_frame(&sketch, &frame);
	if (len < frame.len) {
		frame.len = len;
		frame.head_len = (uint16_t)(len < frame.head_len ? len : frame.head_len);
	}
	if (frame_parse(&frame, &l2) != DROP_NONE)
		return SESSION_KIND_UNTRACKED;
	session_packet_read(&frame, &l2, NETWORK, GENERATION, &packet);
	return packet.kind;
}

static enum session_kind read_all(void)
{
	sketch_end(&sketch);
	return read_cut(UINT32_MAX);
}

static void sketch_v4(uint8_t protocol)
{
	sketch_ethernet(&sketch, MAC_B, MAC_A, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, protocol, V4(1), V4(2));
}

static void sketch_v6(uint8_t protocol)
{
	sketch_ethernet(&sketch, MAC_B, MAC_A, ETHERTYPE_IPV6);
	sketch_ipv6(&sketch, protocol, v6_a, v6_b);
}

static void put_icmp(uint8_t type, uint16_t id)
{
	sketch_put32(&sketch, (uint32_t)type << 24);
	sketch_put32(&sketch, (uint32_t)id << 16);
}

static void expect_key(uint8_t version, uint8_t protocol, uint16_t src_port, uint16_t dst_port)
{
	assert_int_equal(packet.key.version, version);
	assert_int_equal(packet.key.protocol, protocol);
	assert_int_equal(packet.key.src_port, src_port);
	assert_int_equal(packet.key.dst_port, dst_port);
	assert_int_equal(packet.key.network, NETWORK);
	assert_int_equal(packet.key.network_generation, GENERATION);
	assert_true(packet.key.src[0] == (version == 4 ? 0 : v6_a.high));
	assert_true(packet.key.src[1] == (version == 4 ? 0xffff0a000001 : v6_a.low));
	assert_true(packet.key.dst[1] == (version == 4 ? 0xffff0a000002 : v6_b.low));
}

static void tcp(void **state)
{
	for (unsigned version = 4; version <= 6; version += 2) {
		version == 4 ? sketch_v4(IPPROTO_TCP) : sketch_v6(IPPROTO_TCP);
		sketch_tcp(&sketch, 4000, 80, 77, SESSION_TCP_ACK);
		sketch_payload(&sketch, 300);
		assert_int_equal(read_all(), SESSION_KIND_PLAIN);
		expect_key((uint8_t)version, IPPROTO_TCP, 4000, 80);
		assert_int_equal(packet.tcp.seq, 77);
		assert_int_equal(packet.tcp.len, 300);
		assert_int_equal(packet.tcp.flags, SESSION_TCP_ACK);
		assert_int_equal(packet.tcp.scale, SESSION_SCALE_NONE);
	}
}

static void the_scale_of_a_syn(void **state)
{
	static const struct {
		uint32_t options[2];
		enum session_kind kind;
		uint8_t scale;
	} cases[] = {
		{{0x020405b4, 0x01030307}, SESSION_KIND_PLAIN, 7},
		{{0x020405b4, 0x0103030f}, SESSION_KIND_PLAIN, 14},
		{{0x01010101, 0x00030307}, SESSION_KIND_PLAIN, SESSION_SCALE_NONE},
		{{0x020405b4, 0x01030407}, SESSION_KIND_BAD, 0},
		{{0x01010101, 0x01010103}, SESSION_KIND_BAD, 0},
		{{0x01010101, 0x01010800}, SESSION_KIND_BAD, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sketch_v4(IPPROTO_TCP);
		sketch_tcp(&sketch, 4000, 80, 77, SESSION_TCP_SYN);
		sketch.bytes[sketch.l4 + 12] = 0xa0;
		sketch_put32(&sketch, cases[i].options[0]);
		sketch_put32(&sketch, cases[i].options[1]);
		assert_int_equal(read_all(), cases[i].kind);
		if (cases[i].kind == SESSION_KIND_PLAIN)
			assert_int_equal(packet.tcp.scale, cases[i].scale);
	}
}

static void flags_that_no_tcp_sets(void **state)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		bool fin = flags & SESSION_TCP_FIN, syn = flags & SESSION_TCP_SYN;
		bool rst = flags & SESSION_TCP_RST, ack = flags & SESSION_TCP_ACK;
		bool sound = (fin + syn + rst <= 1) && (ack || syn || rst) && !(fin && !ack);

		sketch_v4(IPPROTO_TCP);
		sketch_tcp(&sketch, 4000, 80, 77, (uint8_t)flags);
		assert_int_equal(read_all(), sound ? SESSION_KIND_PLAIN : SESSION_KIND_BAD);
		if (!sound)
			assert_int_equal(packet.fault, SESSION_FAULT_FLAGS);
	}
}

static void other_protocols(void **state)
{
	sketch_v4(IPPROTO_UDP);
	sketch_udp(&sketch, 4000, 53);
	assert_int_equal(read_all(), SESSION_KIND_PLAIN);
	expect_key(4, IPPROTO_UDP, 4000, 53);

	sketch_v6(IPPROTO_SCTP);
	sketch_put32(&sketch, 4000U << 16 | 36412);
	sketch_put32(&sketch, 1);
	sketch_put32(&sketch, 2);
	assert_int_equal(read_all(), SESSION_KIND_PLAIN);
	expect_key(6, IPPROTO_SCTP, 4000, 36412);

	sketch_v4(IPPROTO_GRE);
	sketch_put32(&sketch, 0x0800);
	assert_int_equal(read_all(), SESSION_KIND_PLAIN);
	expect_key(4, IPPROTO_GRE, 0, 0);
}

static void queries_and_answers(void **state)
{
	static const struct {
		uint8_t version, type, question;
		bool answer;
	} cases[] = {{4, 8, 8, false},	{4, 0, 8, true},      {4, 13, 13, false},
		     {4, 14, 13, true}, {6, 128, 128, false}, {6, 129, 128, true}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t protocol = cases[i].version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

		cases[i].version == 4 ? sketch_v4(protocol) : sketch_v6(protocol);
		put_icmp(cases[i].type, 99);
		assert_int_equal(read_all(), SESSION_KIND_PLAIN);
		expect_key(cases[i].version, protocol, 99, cases[i].question);
		assert_int_equal(packet.answer, cases[i].answer);
	}
}

static void what_has_no_session(void **state)
{
	sketch_ethernet(&sketch, MAC_B, MAC_A, ETHERTYPE_ARP);
	sketch_arp(&sketch, 1, MAC_A, V4(1), V4(2));
	assert_int_equal(read_all(), SESSION_KIND_UNTRACKED);

	sketch_ethernet(&sketch, MAC_B, MAC_A, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, IPPROTO_UDP, V4(1), 0xe00000fb);
	sketch_udp(&sketch, 5353, 5353);
	assert_int_equal(read_all(), SESSION_KIND_UNTRACKED);

	sketch_ethernet(&sketch, MAC_B, MAC_A, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, IPPROTO_UDP, 0, 0xffffffff);
	sketch_udp(&sketch, 68, 67);
	assert_int_equal(read_all(), SESSION_KIND_UNTRACKED);

	sketch_v6(IPPROTO_ICMPV6);
	sketch_nd(&sketch, 135, v6_b, 1, MAC_A);
	assert_int_equal(read_all(), SESSION_KIND_UNTRACKED);

	sketch_v4(IPPROTO_ICMP);
	put_icmp(5, 0); /* redirect */
	assert_int_equal(read_all(), SESSION_KIND_UNTRACKED);
}

/* Put an ICMP error from host 2 about what host 1 sent to host 3. */
static void put_error(uint8_t protocol)
{
	sketch_ethernet(&sketch, MAC_A, MAC_B, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, IPPROTO_ICMP, V4(2), V4(1));
	put_icmp(3, 0);
	sketch_put32(&sketch, 0x45000054);
	sketch_put32(&sketch, 0);
	sketch_put32(&sketch, 0x40000000 | (uint32_t)protocol << 16);
	sketch_put32(&sketch, V4(1));
	sketch_put32(&sketch, V4(3));
}

static void errors(void **state)
{
	put_error(IPPROTO_TCP);
	sketch_put32(&sketch, 4000U << 16 | 80);
	sketch_put32(&sketch, 12345);
	assert_int_equal(read_all(), SESSION_KIND_ERROR);
	assert_int_equal(packet.key.protocol, IPPROTO_TCP);
	assert_true(packet.key.src[1] == 0xffff0a000001 && packet.key.dst[1] == 0xffff0a000003);
	assert_int_equal(packet.key.src_port, 4000);
	assert_int_equal(packet.key.dst_port, 80);
	assert_int_equal(packet.tcp.seq, 12345);
	assert_true(packet.error_dst[1] == 0xffff0a000001);

	put_error(IPPROTO_ICMP);
	put_icmp(8, 42);
	assert_int_equal(read_all(), SESSION_KIND_ERROR);
	assert_int_equal(packet.key.src_port, 42);
	assert_false(packet.answer);

	put_error(IPPROTO_ICMP); /* an error about an error (RFC 1122, 3.2.2) */
	put_icmp(3, 0);
	assert_int_equal(read_all(), SESSION_KIND_BAD);
	assert_int_equal(packet.fault, SESSION_FAULT_STRANGER);
}

/* Cut anywhere, it is bad, or has no session; never something else. */
static void cut_anywhere(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP};

	for (unsigned i = 0; i < sizeof(protocols); i++) {
		sketch_v4(protocols[i]);
		if (protocols[i] == IPPROTO_TCP)
			sketch_tcp(&sketch, 4000, 80, 77, SESSION_TCP_SYN);
		else if (protocols[i] == IPPROTO_UDP)
			sketch_udp(&sketch, 4000, 80);
		else
			put_icmp(8, 1), sketch_put32(&sketch, 0);
		sketch_end(&sketch);
		assert_int_equal(read_cut(sketch.len), SESSION_KIND_PLAIN);
		for (uint32_t len = 14; len < sketch.len; len++)
			assert_int_equal(read_cut(len), SESSION_KIND_BAD);
	}
}

static void lengths_that_lie(void **state)
{
	sketch_v4(IPPROTO_TCP);
	sketch_tcp(&sketch, 4000, 80, 77, SESSION_TCP_ACK);
	sketch_payload(&sketch, 20);
	sketch_end(&sketch);
	sketch.bytes[sketch.l4 + 12] = 0xf0; /* more header than packet */
	assert_int_equal(read_cut(UINT32_MAX), SESSION_KIND_BAD);
	sketch.bytes[sketch.l4 + 12] = 0x40;
	assert_int_equal(read_cut(UINT32_MAX), SESSION_KIND_BAD);
	sketch.bytes[sketch.l4 + 12] = 0x50;
	sketch.bytes[sketch.l3 + 3] = 39; /* the packet ends in its header */
	assert_int_equal(read_cut(UINT32_MAX), SESSION_KIND_BAD);
	sketch.bytes[sketch.l3 + 3] = 40; /* the rest is padding */
	assert_int_equal(read_cut(UINT32_MAX), SESSION_KIND_PLAIN);
	assert_int_equal(packet.tcp.len, 0);
}

static struct sessions *sessions;

static const char *pass(uint16_t in, uint16_t out, clock_ms now, uint64_t policy)
{
	struct session_found found;
	struct session_ref session;
	struct session_grant grant;

	packet.in = (struct port_ref){in, 1};
	packet.out = (struct port_ref){out, 1};
	grant = sketch_grant(&packet);
	grant.policy = policy;
	session_find(sessions, &packet, policy, now, &found);
	grant.session = found.session;
	if (found.verdict != SESSION_INVALID)
		assert_true(session_commit(sessions, &packet, &grant, now, &session) <
			    SESSION_FULL);
	return session_fault_word(found.fault);
}

/* Part of a UDP packet: @len bytes at @offset. */
static void read_part(uint16_t id, uint16_t offset, uint16_t len, bool more)
{
	uint16_t field = (uint16_t)(offset / 8 | (more ? MORE : 0));

	sketch_v4(IPPROTO_UDP);
	if (offset == 0) {
		sketch_udp(&sketch, 4000, 53);
		len = (uint16_t)(len - 8);
	}
	sketch_payload(&sketch, len);
	sketch_end(&sketch);
	sketch.bytes[sketch.l3 + 4] = (uint8_t)(id >> 8);
	sketch.bytes[sketch.l3 + 5] = (uint8_t)id;
	sketch.bytes[sketch.l3 + 6] = (uint8_t)(field >> 8);
	sketch.bytes[sketch.l3 + 7] = (uint8_t)field;
	(void)read_cut(UINT32_MAX);
}

static void fragments_follow_their_first(void **state)
{
	size_t size = session_size(SESSIONS, 0);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_int_equal(session_init(memory, size, SESSIONS, 0, &sessions), 0);
	read_part(1, 800, 100, false);
	assert_int_equal(packet.kind, SESSION_KIND_FRAGMENT);
	assert_string_equal(pass(1, 2, NOW, 1), "bad-fragment"); /* before its first */
	read_part(1, 0, 400, true);
	assert_int_equal(packet.kind, SESSION_KIND_PLAIN);
	assert_int_equal(packet.fragment_end, 400);
	assert_string_equal(pass(1, 2, NOW, 1), "none");
	read_part(1, 400, 400, true);
	assert_string_equal(pass(1, 2, NOW, 1), "none");
	read_part(1, 800, 100, false);
	assert_string_equal(pass(1, 2, NOW + 29000, 1), "none");
	assert_string_equal(pass(1, 2, NOW + 31000, 1), "bad-fragment"); /* too late */
	assert_string_equal(pass(1, 3, NOW, 1), "bad-fragment");	 /* elsewhere */
	assert_string_equal(pass(3, 2, NOW, 1), "bad-fragment");
	assert_string_equal(pass(1, 2, NOW, 2), "bad-fragment"); /* by other rules */
	read_part(1, 392, 8, true);
	assert_string_equal(pass(1, 2, NOW, 1), "bad-fragment"); /* over what was judged */
	read_part(1, 8, 8, true);
	assert_string_equal(pass(1, 2, NOW, 1), "bad-fragment");
	read_part(2, 400, 8, true);
	assert_string_equal(pass(1, 2, NOW, 1), "bad-fragment"); /* another packet */
	session_close(sessions);
	munmap(memory, size);
}

/* RFC 1858: a first fragment without its header says nothing, and a packet has at most 65535 bytes. */
static void fragments_that_hide(void **state)
{
	sketch_v4(IPPROTO_TCP);
	sketch_put32(&sketch, 4000U << 16 | 80);
	sketch_put32(&sketch, 77);
	sketch_end(&sketch);
	sketch.bytes[sketch.l3 + 6] = MORE >> 8;
	assert_int_equal(read_cut(UINT32_MAX), SESSION_KIND_BAD);
	read_part(1, 65528, 8, false);
	assert_int_equal(packet.kind, SESSION_KIND_BAD);
}

static void ipv6_fragments(void **state)
{
	sketch_v6(IPPROTO_FRAGMENT);
	sketch_put32(&sketch, (uint32_t)IPPROTO_UDP << 24 | 1);
	sketch_put32(&sketch, 0xdeadbeef);
	sketch_udp(&sketch, 4000, 53);
	sketch_payload(&sketch, 24);
	assert_int_equal(read_all(), SESSION_KIND_PLAIN);
	assert_true(packet.fragment);
	assert_int_equal(packet.fragment_end, 32);
	assert_int_equal(packet.fragment_id, 0xdeadbeef);
	expect_key(6, IPPROTO_UDP, 4000, 53);

	sketch_v6(IPPROTO_FRAGMENT);
	sketch_put32(&sketch, (uint32_t)IPPROTO_UDP << 24 | 32);
	sketch_put32(&sketch, 0xdeadbeef);
	sketch_payload(&sketch, 24);
	assert_int_equal(read_all(), SESSION_KIND_FRAGMENT);
	assert_int_equal(packet.fragment_offset, 32);
	assert_int_equal(packet.fragment_end, 56);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp),
		cmocka_unit_test(the_scale_of_a_syn),
		cmocka_unit_test(flags_that_no_tcp_sets),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(queries_and_answers),
		cmocka_unit_test(what_has_no_session),
		cmocka_unit_test(errors),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(fragments_follow_their_first),
		cmocka_unit_test(fragments_that_hide),
		cmocka_unit_test(ipv6_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
