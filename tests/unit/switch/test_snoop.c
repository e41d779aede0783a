/*
 * test_snoop - reports of every length and shape, wishes without end, and memory that a
 * stranger wrote.
 */
#include <netinet/in.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/snoop.h"

enum {
	SLOTS = 128,
	NOW = 1000000,
	GROUP = 0xef010203, /* 239.1.2.3 */
	GUEST = 1,
	OTHER,
	RECORD = 8, /* bytes of one without sources */
};

static struct policy *policy;
static struct fdb *fdb;
static void *memory;
static struct sketch packet;
static struct frame frame;

static int setup(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 10)};
	struct policy_port_spec ports[] = {sketch_access(GUEST, 1), sketch_access(OTHER, 1)};

	networks[0].flags = POLICY_NET_SNOOPS;
	policy = SKETCH_POLICY(networks, ports);
	memory = mmap(NULL, fdb_size(SLOTS), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(fdb_init(memory, fdb_size(SLOTS), SLOTS, &fdb), 0);
	return 0;
}

static int teardown(void **state)
{
	fdb_close(fdb);
	munmap(memory, fdb_size(SLOTS));
	free(policy);
	return 0;
}

static bool wants_at(uint16_t port, uint32_t group, clock_ms now)
{
	return fdb_wants(fdb, policy, 1, port, policy_address4(group), now);
}

static bool wants(uint16_t port, uint32_t group)
{
	return wants_at(port, group, NOW);
}

/* An IGMPv3 report of @n groups, from @group on, that says @said. */
static void draw_report(uint32_t group, unsigned n, unsigned said)
{
	sketch_ethernet(&packet, 0x01005e000016, 0x02000000000a, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_IGMP, 0x0a000001, 0xe0000016);
	packet.bytes[packet.l3 + 8] = 1;
	sketch_put32(&packet, 0x22000000);
	sketch_put32(&packet, said);
	for (unsigned i = 0; i < n; i++) {
		sketch_put32(&packet, 4U << 24);
		sketch_put32(&packet, group + i);
	}
	sketch_end(&packet);
}

static void learn(void)
{
	struct frame_l2 l2;

	sketch_frame(&packet, &frame);
	assert_drop(frame_parse(&frame, &l2), DROP_NONE);
	snoop_learn(policy, fdb, 1, &frame, &l2, sketch_ref(GUEST), NOW);
}

static void a_report_is_read_beyond_the_snapshot(void **state)
{
	draw_report(GROUP, 100, 100);
	learn();
	for (unsigned i = 0; i < 100; i++)
		assert_true(wants(GUEST, GROUP + i) ||
			    fdb_wants(fdb, policy, 1, GUEST, FDB_EVERYTHING, NOW));
	assert_false(wants(OTHER, GROUP));
	assert_false(wants_at(GUEST, GROUP, NOW + FDB_WANT_MS));
	assert_true(wants_at(GUEST, GROUP, NOW + FDB_WANT_MS - 1000));
}

static void no_truncation_is_believed(void **state)
{
	draw_report(GROUP, 3, 3);
	for (uint32_t len = packet.len - 1; len >= 14; len--) {
		packet.len = len;
		learn();
		assert_false(wants(GUEST, GROUP));
	}
}

static void no_wrong_byte_is_believed(void **state)
{
	for (unsigned at = 34; at < 34 + 8 + RECORD; at++) {
		draw_report(GROUP, 1, 1);
		packet.bytes[at] ^= 1;
		learn();
		assert_false(wants(GUEST, GROUP));
	}
	draw_report(GROUP, 1, 1);
	learn();
	assert_true(wants(GUEST, GROUP));
}

static void more_records_and_sources_than_there_are(void **state)
{
	draw_report(GROUP, 2, 0xffff);
	packet.bytes[34 + 8 + RECORD + 2] = 0xff; /* sources of the second */
	sketch_end(&packet);
	learn();
	assert_true(wants(GUEST, GROUP));
	assert_true(wants(GUEST, GROUP + 1));
	assert_false(fdb_wants(fdb, policy, 1, GUEST, FDB_EVERYTHING, NOW));
}

static void who_wants_too_much_gets_everything_and_costs_nobody(void **state)
{
	fdb_want(fdb, policy, 1, sketch_ref(OTHER), policy_address4(GROUP), FDB_WANT_MS, NOW);
	for (uint32_t i = 0; i < 10000; i++)
		fdb_want(fdb, policy, 1, sketch_ref(GUEST), policy_address4(GROUP + i), FDB_WANT_MS,
			 NOW);
	assert_true(fdb_wants(fdb, policy, 1, GUEST, FDB_EVERYTHING, NOW));
	assert_true(wants(OTHER, GROUP));
	assert_false(fdb_wants(fdb, policy, 1, OTHER, FDB_EVERYTHING, NOW));
	/* a router is found all the same */
	fdb_want(fdb, policy, 1, sketch_ref(GUEST), FDB_ROUTERS4, FDB_WANT_MS, NOW);
	assert_true(fdb_wants(fdb, policy, 1, GUEST, FDB_ROUTERS4, NOW));
}

static void a_wish_is_of_its_port_and_network(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 10)};
	struct policy_port_spec ports[] = {sketch_access(GUEST, 1), sketch_access(OTHER, 1)};
	struct policy *first = policy;

	fdb_want(fdb, policy, 1, sketch_ref(GUEST), policy_address4(GROUP), FDB_WANT_MS, NOW);
	ports[0].ref.generation = 2;
	policy = SKETCH_POLICY(networks, ports);
	assert_false(wants(GUEST, GROUP));
	free(policy);
	ports[0].ref.generation = 1;
	networks[0].generation = 2;
	policy = SKETCH_POLICY(networks, ports);
	assert_false(wants(GUEST, GROUP));
	free(policy);
	policy = first;
	assert_true(wants(GUEST, GROUP));
}

/* Whatever is in the memory: every question has an answer, and nothing wished lasts too long. */
static void a_strangers_memory_may_say_anything(void **state)
{
	uint64_t noise = 1;

	for (size_t at = fdb_size(SLOTS) - LIMIT_PORTS * 4096UL; at < fdb_size(SLOTS); at += 8) {
		noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
		*(uint64_t *)((char *)memory + at) = noise;
		if (at > fdb_size(SLOTS) - LIMIT_PORTS * 4096UL + 8 * 4096)
			break;
	}
	for (uint32_t i = 0; i < 1000; i++)
		(void)wants(GUEST, GROUP + i);
	fdb_want(fdb, policy, 1, sketch_ref(GUEST), policy_address4(GROUP), FDB_WANT_MS, NOW);
	assert_true(wants(GUEST, GROUP));
	assert_false(wants_at(GUEST, GROUP, NOW - 1000000));
	assert_false(wants_at(GUEST, GROUP, NOW + FDB_WANT_MS));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_report_is_read_beyond_the_snapshot),
		CASE(no_truncation_is_believed),
		CASE(no_wrong_byte_is_believed),
		CASE(more_records_and_sources_than_there_are),
		CASE(who_wants_too_much_gets_everything_and_costs_nobody),
		CASE(a_wish_is_of_its_port_and_network),
		CASE(a_strangers_memory_may_say_anything),
	};

	return cmocka_run_group_tests_name("snoop", tests, NULL, NULL);
}
