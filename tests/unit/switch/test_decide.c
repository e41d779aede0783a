/*
 * test_decide - each stage, each fate, and that deciding changes nothing. What
 * whole conversations look like is for tests/script; whether the rules hold for
 * everything at random is for tests/model.
 */
#include <endian.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/decide.h"

#define A     ((mac48)0x02000000000a)
#define B     ((mac48)0x02000000000b)
#define BOUND ((mac48)0x0200000000ff)

enum {
	NOW = 1000000,
	SLOTS = 128,

	RED = 1, /* vlan 10 */
	BLUE,	 /* vlan 20, jumbo */
	QUIET,	 /* vlan 30: no flooding, no learning */
	EMPTY,	 /* of one port */
	PRIVATE, /* an isolated network */
};

static const struct policy_trunk_entry pairs[] = {{RED, 10}, {BLUE, 20}, {QUIET, 30}};

static struct policy *policy;
static struct fdb *fdb;
static void *memory;
static struct sketch packet;
static struct frame frame;
static struct decision decision;

static int setup(void **state)
{
	static mac48 bound[] = {BOUND};
	struct policy_network_spec networks[] = {
		sketch_network(RED, 10), sketch_network(BLUE, 20), sketch_network(QUIET, 30),
		sketch_network(EMPTY, 0), sketch_network(PRIVATE, 0)};
	struct policy_port_spec ports[] = {
		sketch_access(1, RED),		 sketch_access(2, RED),
		sketch_trunk(3, BLUE, pairs, 3), sketch_trunk(4, 0, pairs, 3),
		sketch_access(5, EMPTY),	 sketch_access(6, PRIVATE),
		sketch_access(7, PRIVATE),	 sketch_access(8, 0),
		sketch_access(9, RED),		 sketch_access(10, QUIET)};

	networks[1].mtu = 9000;
	networks[2].flags = POLICY_NET_NO_LEARNING | POLICY_NET_NO_UNKNOWN;
	networks[4].flags = POLICY_NET_ISOLATED;
	ports[8].macs = bound;
	ports[8].n_macs = 1;
	policy = SKETCH_POLICY(networks, ports);
	memory = mmap(NULL, fdb_size(SLOTS), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	return fdb_init(memory, fdb_size(SLOTS), SLOTS, &fdb);
}

static int teardown(void **state)
{
	fdb_close(fdb);
	munmap(memory, fdb_size(SLOTS));
	free(policy);
	return 0;
}

/* Decide about a frame from @port with @tci (-1: untagged) of @len bytes. */
static void ask_len(uint16_t port, mac48 dst, mac48 src, int tci, uint32_t len)
{
	sketch_ethernet(&packet, dst, src, 0x88b5);
	if (tci >= 0)
		sketch_tag(&packet, ETHERTYPE_VLAN, (uint16_t)tci);
	sketch_payload(&packet, len - packet.len);
	sketch_frame(&packet, &frame);
	memset(&decision, 0xee, sizeof(decision));
	decide(policy, fdb, NULL, &frame, sketch_ref(port), NOW, &decision);
}

static void ask(uint16_t port, mac48 dst, mac48 src, int tci)
{
	ask_len(port, dst, src, tci, 60);
}

static void dropped(enum decide_stage stage, enum drop drop)
{
	assert_int_equal(decision.fate, FATE_DROP);
	assert_drop(decision.drop, drop);
	assert_int_equal(decision.stage, stage);
}

/* The flood goes to these ports with these tags, in this order; 0 ends. */
static void flooded(const uint16_t (*want)[2])
{
	uint32_t cursor = 0;
	uint16_t port, tag;

	assert_drop(decision.drop, DROP_NONE);
	assert_int_equal(decision.fate, FATE_FLOOD);
	assert_int_equal(decision.stage, STAGE_DONE);
	for (; (*want)[0]; want++) {
		assert_true(decide_flood_next(policy, &decision, &cursor, &port, &tag));
		assert_int_equal(port, (*want)[0]);
		assert_int_equal(tag, (*want)[1]);
	}
	assert_false(decide_flood_next(policy, &decision, &cursor, &port, &tag));
}

static void group_frames_flood_their_network(void **state)
{
	ask(1, MAC_BROADCAST, A, -1);
	flooded((const uint16_t[][2]){{2, 0}, {3, 10}, {4, 10}, {9, 0}, {0, 0}});
	assert_int_equal(decision.lookup, LOOKUP_GROUP);
	assert_int_equal(decision.network, RED);
	assert_int_equal(decision.in, 1);
	assert_true(decision.learn);
	assert_false(decision.strip);
	ask(3, 0x01005e000001, A, -1);
	flooded((const uint16_t[][2]){{4, 20}, {0, 0}});
	assert_int_equal(decision.network, BLUE);
}

static void unknown_unicast_floods_unless_it_shall_not(void **state)
{
	ask(1, B, A, -1);
	flooded((const uint16_t[][2]){{2, 0}, {3, 10}, {4, 10}, {9, 0}, {0, 0}});
	assert_int_equal(decision.lookup, LOOKUP_UNKNOWN);
	ask(10, B, A, -1);
	dropped(STAGE_LOOKUP, DROP_UNKNOWN_UNICAST);
	assert_false(decision.learn);
	ask(10, MAC_BROADCAST, A, -1);
	flooded((const uint16_t[][2]){{3, 30}, {4, 30}, {0, 0}});
}

static void known_unicast_goes_to_one(void **state)
{
	fdb_learn(fdb, policy, RED, B, sketch_ref(4), NOW);
	ask(1, B, A, -1);
	assert_int_equal(decision.fate, FATE_UNICAST);
	assert_int_equal(decision.lookup, LOOKUP_LEARNED);
	assert_int_equal(decision.output, 4);
	assert_int_equal(decision.tag, 10);
	assert_int_equal(decision.stage, STAGE_DONE);
	ask(4, B, A, 10);
	dropped(STAGE_PERMIT, DROP_SAME_PORT);
	assert_true(decision.learn);
}

static void bound_addresses_need_no_learning(void **state)
{
	fdb_learn(fdb, policy, RED, BOUND, sketch_ref(1), NOW); /* hearsay */
	ask(2, BOUND, A, -1);
	assert_int_equal(decision.lookup, LOOKUP_STATIC);
	assert_int_equal(decision.output, 9);
	ask(9, A, BOUND, -1);
	assert_false(decision.learn);
	ask(1, A, BOUND, -1);
	dropped(STAGE_GUARD, DROP_SPOOFED_MAC);
	assert_false(decision.learn);
}

static void tags_come_off(void **state)
{
	ask(4, MAC_BROADCAST, A, 10);
	assert_true(decision.strip);
	flooded((const uint16_t[][2]){{1, 0}, {2, 0}, {3, 10}, {9, 0}, {0, 0}});
	ask(1, MAC_BROADCAST, A, 0xe000); /* a priority tag */
	assert_true(decision.strip);
	assert_int_equal(decision.network, RED);
	assert_int_equal(decision.l2.tci, 0xe000);
}

static void nobody_there(void **state)
{
	ask(5, MAC_BROADCAST, A, -1);
	dropped(STAGE_PERMIT, DROP_NO_RECEIVER);
	assert_true(decision.learn);
	ask(6, MAC_BROADCAST, A, -1); /* there is one, but none that may hear it */
	dropped(STAGE_PERMIT, DROP_NO_RECEIVER);
	fdb_learn(fdb, policy, PRIVATE, B, sketch_ref(7), NOW);
	ask(6, B, A, -1);
	dropped(STAGE_PERMIT, DROP_PRIVATE_VLAN);
}

static void a_port_that_is_not_there(void **state)
{
	ask(1, B, A, -1);
	decide(policy, fdb, NULL, &frame, (struct port_ref){1, 2}, NOW, &decision);
	dropped(STAGE_PLACE, DROP_NO_NETWORK);
	decide(policy, fdb, NULL, &frame, PORT_NONE, NOW, &decision);
	dropped(STAGE_PLACE, DROP_NO_NETWORK);
	decide(policy, fdb, NULL, &frame, (struct port_ref){UINT16_MAX, 1}, NOW, &decision);
	dropped(STAGE_PLACE, DROP_NO_NETWORK);
	ask(8, B, A, -1); /* a port without a network */
	dropped(STAGE_PLACE, DROP_NO_NETWORK);
}

static void every_vlan_of_every_mode(void **state)
{
	for (int vid = 0; vid < 4096; vid++) {
		uint16_t network = vid == 10 ? RED : vid == 20 ? BLUE : vid == 30 ? QUIET : 0;

		ask(1, MAC_BROADCAST, A, vid);
		if (vid)
			dropped(STAGE_PLACE, DROP_TAG_ON_ACCESS);
		else
			assert_int_equal(decision.network, RED);
		for (uint16_t trunk = 3; trunk <= 4; trunk++) {
			ask(trunk, MAC_BROADCAST, A, vid);
			if (vid == 0 && trunk == 3)
				assert_int_equal(decision.network, BLUE);
			else if (vid == 0)
				dropped(STAGE_PLACE, DROP_UNTAGGED_ON_TRUNK);
			else if (vid == 4095)
				dropped(STAGE_PLACE, DROP_VLAN_RESERVED);
			else if (network == 0)
				dropped(STAGE_PLACE, DROP_VLAN_NOT_ALLOWED);
			else
				assert_int_equal(decision.network, network);
		}
	}
	ask(4, MAC_BROADCAST, A, -1);
	dropped(STAGE_PLACE, DROP_UNTAGGED_ON_TRUNK);
}

static void broken_headers_stop_at_the_first_stage(void **state)
{
	ask(1, B, A, 100);
	sketch_tag(&packet, ETHERTYPE_VLAN, 0);
	sketch_frame(&packet, &frame);
	decide(policy, fdb, NULL, &frame, sketch_ref(1), NOW, &decision);
	dropped(STAGE_PLACE, DROP_DOUBLE_TAG);
	ask_len(1, B, A, -1, 14);
	assert_drop(decision.drop, DROP_NONE);
	frame.head_len = 13;
	frame.len = 13;
	decide(policy, fdb, NULL, &frame, sketch_ref(1), NOW, &decision);
	dropped(STAGE_PARSE, DROP_RUNT);
}

static void giants(void **state)
{
	ask_len(1, B, A, -1, 1514);
	assert_drop(decision.drop, DROP_NONE);
	ask_len(1, B, A, -1, 1515);
	dropped(STAGE_PLACE, DROP_GIANT);
	ask_len(1, B, A, 0, 1518);
	assert_drop(decision.drop, DROP_NONE);
	ask_len(1, B, A, 0, 1519);
	dropped(STAGE_PLACE, DROP_GIANT);
	ask_len(4, B, A, 20, 9018); /* the mtu is the network's */
	assert_drop(decision.drop, DROP_NONE);
	ask_len(4, B, A, 20, 9019);
	dropped(STAGE_PLACE, DROP_GIANT);

	ask_len(1, B, A, -1, 65000); /* what is to be segmented may be long, within limits */
	frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame.hdr.hdr_len = htole16(54);
	frame.hdr.gso_size = htole16(1461); /* its segments may not */
	decide(policy, fdb, NULL, &frame, sketch_ref(1), NOW, &decision);
	dropped(STAGE_PLACE, DROP_GIANT);
	frame.hdr.gso_size = htole16(1460);
	decide(policy, fdb, NULL, &frame, sketch_ref(1), NOW, &decision);
	assert_drop(decision.drop, DROP_NONE);
	frame.len = LIMIT_FRAME + 1;
	decide(policy, fdb, NULL, &frame, sketch_ref(1), NOW, &decision);
	dropped(STAGE_PLACE, DROP_GIANT);
}

/* What the flow cache may take one frame's fate for. */
static void what_a_decision_read(void **state)
{
	static struct policy_prefix4 bound[] = {{0x0a000001, 0xffffffff}};
	struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	struct policy_port_spec ports[] = {sketch_access(1, RED), sketch_access(2, RED)};

	ask(1, MAC_BROADCAST, A, -1);
	assert_int_equal(decision.reads, DECIDE_READS_L2);
	assert_false(policy_ports(policy)[1].flags & POLICY_PORT_READS_FLOW);
	ports[0].flags = POLICY_PORT_SPOOF_GUARD;
	ports[0].addresses4 = bound;
	ports[0].n_addresses4 = 1;
	free(policy);
	policy = SKETCH_POLICY(networks, ports);
	ask(1, MAC_BROADCAST, A, -1);
	assert_int_equal(decision.reads, DECIDE_READS_ALL);
	assert_true(policy_ports(policy)[1].flags & POLICY_PORT_READS_FLOW);
	assert_false(policy_ports(policy)[2].flags & POLICY_PORT_READS_FLOW);
}

/* Pure: the same answer twice, and not a byte of what it reads is written. */
static void deciding_changes_nothing(void **state)
{
	struct decision again;
	size_t size = fdb_size(SLOTS);
	void *before = malloc(size);
	struct frame frame_before;

	fdb_learn(fdb, policy, RED, B, sketch_ref(2), NOW);
	memcpy(before, memory, size);
	ask(1, B, A, -1);
	frame_before = frame;
	decide(policy, fdb, NULL, &frame, sketch_ref(1), NOW, &again);
	assert_int_equal(again.output, decision.output);
	assert_int_equal(again.fate, decision.fate);
	assert_memory_equal(memory, before, size);
	assert_memory_equal(&frame, &frame_before, sizeof(frame));
	free(before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(group_frames_flood_their_network),
		CASE(unknown_unicast_floods_unless_it_shall_not),
		CASE(known_unicast_goes_to_one),
		CASE(bound_addresses_need_no_learning),
		CASE(tags_come_off),
		CASE(nobody_there),
		CASE(a_port_that_is_not_there),
		CASE(every_vlan_of_every_mode),
		CASE(broken_headers_stop_at_the_first_stage),
		CASE(giants),
		CASE(what_a_decision_read),
		CASE(deciding_changes_nothing),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
