/*
 * test_flow - what the cache of decisions believes, for how long, and whose place
 * it gives away.
 */
#include <netinet/in.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/flow.h"

#define MAC(i) ((mac48)(0x020000000000 + (mac48)(i)))

enum { SLOTS = 4096, START = 1000000, RED = 1, FLOODER = 1, QUIET = 2, TARGET = 3, DEEP = 4 };

static struct flow_table *table;
static struct policy *policy;
static struct fdb *fdb;
static void *memory;
static struct sketch packet;
static struct frame frame;

static struct policy *make_policy(void)
{
	static const struct policy_prefix4 address = {0x0a000004, 0xffffffff};
	struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	struct policy_port_spec ports[] = {sketch_access(FLOODER, RED), sketch_access(QUIET, RED),
					   sketch_access(TARGET, RED), sketch_access(DEEP, RED)};

	ports[DEEP - 1].flags = POLICY_PORT_SPOOF_GUARD;
	ports[DEEP - 1].addresses4 = &address;
	ports[DEEP - 1].n_addresses4 = 1;
	return SKETCH_POLICY(networks, ports);
}

static int setup(void **state)
{
	memory = mmap(NULL, fdb_size(SLOTS), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(fdb_init(memory, fdb_size(SLOTS), SLOTS, &fdb), 0);
	assert_int_equal(flow_create(&table), 0);
	policy = make_policy();
	flow_begin(table, policy);
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(TARGET), sketch_ref(TARGET), START),
			 FDB_ADDED);
	return 0;
}

static int teardown(void **state)
{
	flow_destroy(table);
	fdb_close(fdb);
	munmap(memory, fdb_size(SLOTS));
	free(policy);
	return 0;
}

/* A datagram of @len bytes in all. */
static void make_frame(mac48 dst, mac48 src, uint16_t from_port, uint32_t len)
{
	sketch_ethernet(&packet, dst, src, ETHERTYPE_IPV4);
	sketch_ipv4(&packet, IPPROTO_UDP, 0x0a000004, 0x0a000002);
	sketch_udp(&packet, from_port, 9);
	sketch_payload(&packet, len - packet.len);
	sketch_end(&packet);
	sketch_frame(&packet, &frame);
}

/* Where the cache sends the frame: a port, or 0. */
static uint16_t ask(uint16_t in, bool deep, clock_ms now)
{
	const struct flow_path *path;
	struct flow_ends ends;
	struct flow_key key;

	if (!flow_key(&frame, in, &key) || (deep && !flow_ends(&frame, &key, &ends)))
		return 0;
	path = flow_find_path(table, &key, flow_hash(table, &key), frame_wire_len(&frame), now);
	if (path && deep && !flow_find(table, path, &ends, flow_ends_hash(table, path, &ends), now))
		return 0;
	return path ? path->output : 0;
}

/* Decide as the pipeline does, and remember. */
static void decide_and_remember(uint16_t in, bool deep, clock_ms now)
{
	struct decision decision;
	struct flow_ends ends;
	struct flow_key key;

	decide(policy, fdb, NULL, &frame, sketch_ref(in), now, &decision);
	if (decision.learn)
		fdb_learn(fdb, policy, decision.network, decision.l2.src, sketch_ref(in), now);
	if (flow_key(&frame, in, &key) && (!deep || flow_ends(&frame, &key, &ends)))
		flow_remember(table, fdb, &key, flow_hash(table, &key), deep ? &ends : NULL,
			      &decision, SESSION_NONE, now);
}

static void what_was_decided_is_found(void **state)
{
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	assert_int_equal(ask(QUIET, false, START), 0);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START), TARGET);
	/* by that port, with those addresses, untagged; the datagram's ports were not looked at */
	assert_int_equal(ask(FLOODER, false, START), 0);
	make_frame(MAC(TARGET), MAC(QUIET), 8, 100);
	assert_int_equal(ask(QUIET, false, START), TARGET);
	make_frame(MAC(TARGET), MAC(QUIET + 1), 7, 100);
	assert_int_equal(ask(QUIET, false, START), 0);
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	sketch_tag(&packet, ETHERTYPE_VLAN, 0);
	sketch_frame(&packet, &frame);
	assert_int_equal(ask(QUIET, false, START), 0);
}

static void another_policy_another_decision(void **state)
{
	struct policy *next = make_policy();

	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, false, START);
	flow_begin(table, policy);
	assert_int_equal(ask(QUIET, false, START), TARGET);
	flow_begin(table, next);
	assert_int_equal(ask(QUIET, false, START), 0);
	flow_begin(table, policy);
	assert_int_equal(ask(QUIET, false, START), 0);
	free(next);
}

/* The same place in memory, the same number, and another policy all the same. */
static void a_policy_is_known_by_more_than_its_address(void **state)
{
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, false, START);
	policy->hash_seed++;
	flow_begin(table, policy);
	assert_int_equal(ask(QUIET, false, START), 0);
}

static void an_address_that_moved_is_asked_for_again(void **state)
{
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(TARGET), sketch_ref(FLOODER), START),
			 FDB_MOVED);
	assert_int_equal(ask(QUIET, false, START), 0);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START), FLOODER);
	/* and the sender's own, so that it is learned back */
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(QUIET), sketch_ref(TARGET), START),
			 FDB_MOVED);
	assert_int_equal(ask(QUIET, false, START), 0);
	assert_int_equal(fdb_flush(fdb, RED, PORT_NONE), 2);
	assert_int_equal(ask(QUIET, false, START), 0);
}

/* Nobody is believed for longer than the address that is stamped, or dies, meanwhile. */
static void belief_ends_with_time(void **state)
{
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START + 500), TARGET);
	assert_int_equal(ask(QUIET, false, START + FLOW_LIFE_MS), 0);

	clock_ms last = START + SKETCH_AGE_MS - 100;

	decide_and_remember(QUIET, false, last);
	assert_int_equal(ask(QUIET, false, last), TARGET);
	assert_int_equal(ask(QUIET, false, last + 200), 0);
}

static void a_giant_is_not_let_through_by_others(void **state)
{
	make_frame(MAC(TARGET), MAC(QUIET), 7, 1514);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START), TARGET);
	make_frame(MAC(TARGET), MAC(QUIET), 7, 1515);
	assert_int_equal(ask(QUIET, false, START), 0);
}

static void drops_and_floods_are_not_remembered(void **state)
{
	make_frame(MAC(99), MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START), 0);
	make_frame(MAC(TARGET), MAC(QUIET), 7, 1600);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START), 0);
	make_frame(MAC_BROADCAST, MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, false, START);
	assert_int_equal(ask(QUIET, false, START), 0);
}

/* What is read deeper is remembered deeper, or not at all. */
static void a_shallow_key_holds_no_deep_decision(void **state)
{
	make_frame(MAC(TARGET), MAC(DEEP), 7, 100);
	decide_and_remember(DEEP, false, START);
	assert_int_equal(ask(DEEP, false, START), 0);
}

static bool has_ends(struct flow_ends *ret_ends)
{
	struct flow_key key;

	return flow_key(&frame, DEEP, &key) && flow_ends(&frame, &key, ret_ends);
}

static void ends_of_ipv4(void **state)
{
	struct flow_ends first, second;

	make_frame(MAC(TARGET), MAC(DEEP), 7, 100);
	assert_true(has_ends(&first));
	assert_true(flow_same_ends(&first, &first));
	make_frame(MAC(TARGET), MAC(DEEP), 8, 100);
	assert_true(has_ends(&second));
	assert_false(flow_same_ends(&first, &second));
	make_frame(MAC(TARGET), MAC(DEEP), 7, 100);
	frame.head[packet.l3 + 12]++; /* an address */
	assert_true(has_ends(&second));
	assert_false(flow_same_ends(&first, &second));
	frame.head[packet.l3 + 9] = IPPROTO_TCP; /* what follows is no whole TCP header */
	assert_false(has_ends(&first));
	frame.head[packet.l3 + 9] = IPPROTO_UDP;
	frame.head[packet.l3 + 6] = 0x20; /* more fragments */
	assert_false(has_ends(&first));
	frame.head[packet.l3 + 6] = 0;
	frame.head[packet.l3 + 7] = 1; /* a later one */
	assert_false(has_ends(&first));
	frame.head[packet.l3 + 7] = 0;
	frame.head[packet.l3] = 0x46; /* options */
	assert_false(has_ends(&first));
	frame.head[packet.l3] = 0x45;
	frame.head[packet.l3 + 2] = 0xff; /* longer than the frame */
	assert_false(has_ends(&first));
	frame.head[packet.l3 + 2] = 0;
	assert_true(has_ends(&first));
	for (unsigned cut = 0; cut < packet.l4 + 8; cut++) {
		frame.head_len = (uint16_t)cut;
		assert_false(has_ends(&first));
	}
}

/* Every byte of addresses and ports tells flows apart, tagged or not, and in the table too. */
static void every_byte_of_ipv6_ends_counts(void **state)
{
	static const struct sketch_ip6 from = {0xfd01, 1}, to = {0xfd02, 2};

	for (unsigned tagged = 0; tagged < 2; tagged++) {
		sketch_ethernet(&packet, MAC(TARGET), MAC(DEEP), ETHERTYPE_IPV6);
		sketch_ipv6(&packet, IPPROTO_TCP, from, to);
		sketch_tcp(&packet, 7, 9, 1, 0x10);
		sketch_end(&packet);
		if (tagged)
			sketch_tag(&packet, ETHERTYPE_VLAN, 0);
		sketch_frame(&packet, &frame);
		unsigned l3 = tagged ? 18 : 14;

		decide_and_remember(QUIET, true, START);
		assert_int_equal(ask(QUIET, true, START), TARGET);
		for (unsigned i = l3 + 8; i < l3 + 44; i++) {
			frame.head[i] ^= 0x10;
			assert_int_equal(ask(QUIET, true, START), 0);
			frame.head[i] ^= 0x10;
		}
		frame.head[l3 + 52] = 0xf0; /* a TCP header longer than the packet */
		assert_int_equal(ask(QUIET, true, START), 0);
		frame.head[l3 + 52] = 0x50;
		frame.head[l3 + 6] = IPPROTO_FRAGMENT;
		assert_int_equal(ask(QUIET, true, START), 0);
	}
}

/* What was decided about two ends holds on the way that they took, and on no other. */
static void flows_end_with_their_path(void **state)
{
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	decide_and_remember(QUIET, true, START);
	assert_int_equal(ask(QUIET, true, START), TARGET);
	make_frame(MAC(TARGET), MAC(QUIET), 8, 100);
	assert_int_equal(ask(QUIET, true, START), 0);
	/* the address moves; another flow takes the new way, which says nothing about the first */
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(TARGET), sketch_ref(FLOODER), START),
			 FDB_MOVED);
	decide_and_remember(QUIET, true, START);
	assert_int_equal(ask(QUIET, true, START), FLOODER);
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	assert_int_equal(ask(QUIET, true, START), 0);
	/* nor is what was decided on the old way true again when the address moves back */
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(TARGET), sketch_ref(TARGET), START),
			 FDB_MOVED);
	make_frame(MAC(TARGET), MAC(QUIET), 8, 100);
	decide_and_remember(QUIET, true, START);
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	assert_int_equal(ask(QUIET, true, START), 0);
	/* the same way decided once more: what took it goes on */
	decide_and_remember(QUIET, true, START);
	make_frame(MAC(TARGET), MAC(QUIET), 8, 100);
	decide_and_remember(QUIET, true, START + 10);
	make_frame(MAC(TARGET), MAC(QUIET), 7, 100);
	assert_int_equal(ask(QUIET, true, START + 10), TARGET);
}

/* Flows and paths are each believed for their own time, across a wrap of the clock's low half. */
static void time_wraps(void **state)
{
	clock_ms before = (UINT64_C(7) << 32) - FLOW_LIFE_MS / 2;

	make_frame(MAC(99), MAC(QUIET), 7, 100);
	assert_int_equal(fdb_learn(fdb, policy, RED, MAC(99), sketch_ref(TARGET), before),
			 FDB_ADDED);
	decide_and_remember(QUIET, true, before);
	assert_int_equal(ask(QUIET, true, before + 2), TARGET);
	decide_and_remember(QUIET, true, before + FLOW_LIFE_MS / 2 - 1);
	assert_int_equal(ask(QUIET, true, before + FLOW_LIFE_MS / 2 + 1), TARGET);
	assert_int_equal(ask(QUIET, true, before + 2 * FLOW_LIFE_MS), 0);
}

/* Remember that frames of a key of port @in, its @i'th, go to TARGET. Are they found then? */
static bool remember(uint16_t in, uint32_t i)
{
	const struct flow_key key = {{(uint64_t)i << 16, ~(uint64_t)i, in}};
	const struct decision decision = {
		.fate = FATE_UNICAST, .network = RED, .in = in, .output = TARGET};
	uint64_t hash = flow_hash(table, &key);

	flow_remember(table, fdb, &key, hash, NULL, &decision, SESSION_NONE, START);
	return flow_find_path(table, &key, hash, 60, START) != NULL;
}

static bool is_remembered(uint16_t in, uint32_t i)
{
	const struct flow_key key = {{(uint64_t)i << 16, ~(uint64_t)i, in}};

	return flow_find_path(table, &key, flow_hash(table, &key), 60, START) != NULL;
}

static uint32_t places(void)
{
	return (table->path_index.mask + 1) * FLOW_WAYS;
}

/* One port fills the cache; the other's few entries stay, and new ones of it find room. */
static void who_fills_the_cache_gives_way(void **state)
{
	for (uint32_t i = 0; i < FLOW_PLACES; i++)
		remember(FLOODER, i);
	assert_int_equal(places(), FLOW_PLACES);
	for (uint32_t i = 0; i < 100; i++)
		assert_true(remember(QUIET, i));
	for (uint32_t i = 0; i < 4 * FLOW_PLACES; i++)
		remember(FLOODER, i);
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(is_remembered(QUIET, i));
		assert_true(remember(QUIET, 100 + i));
	}
	assert_true(table->path_index.count <= FLOW_PLACES);
}

/* It grows by what it holds, not by what it is asked, and shrinks with a new policy. */
static void it_is_as_large_as_it_must_be(void **state)
{
	for (uint32_t i = 0; i < 10 * FLOW_PLACES_MIN; i++)
		remember(QUIET, i % (FLOW_PLACES_MIN / 8));
	assert_int_equal(places(), FLOW_PLACES_MIN);
	for (uint32_t i = 0; i < 4 * FLOW_PLACES_MIN; i++)
		remember(QUIET, i);
	assert_true(places() >= 4 * FLOW_PLACES_MIN);
	for (unsigned i = 0; i < 20; i++)
		flow_forget(table, policy);
	assert_int_equal(places(), FLOW_PLACES_MIN);
}

/* As many as may be in it without a thought are found again, nearly all of them. */
static void few_find_no_place(void **state)
{
	unsigned found = 0;

	for (unsigned round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 100000; i++)
			remember(QUIET, i);
	for (uint32_t i = 0; i < 100000; i++)
		found += is_remembered(QUIET, i);
	assert_true(found > 99500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_decided_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(another_policy_another_decision, setup, teardown),
		cmocka_unit_test_setup_teardown(a_policy_is_known_by_more_than_its_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_address_that_moved_is_asked_for_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(belief_ends_with_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_giant_is_not_let_through_by_others, setup,
						teardown),
		cmocka_unit_test_setup_teardown(drops_and_floods_are_not_remembered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_shallow_key_holds_no_deep_decision, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ends_of_ipv4, setup, teardown),
		cmocka_unit_test_setup_teardown(every_byte_of_ipv6_ends_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(flows_end_with_their_path, setup, teardown),
		cmocka_unit_test_setup_teardown(time_wraps, setup, teardown),
		cmocka_unit_test_setup_teardown(who_fills_the_cache_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_as_large_as_it_must_be, setup, teardown),
		cmocka_unit_test_setup_teardown(few_find_no_place, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
