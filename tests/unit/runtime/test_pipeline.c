/*
 * test_pipeline - bursts between ports in memory: who gets what, with which tag,
 * which offloads and from where, and that the ledger balances afterwards.
 */
#include "switch/pipeline.h"
#include "switch/rate.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/unit/runtime/port_memory.h"
#include "tests/unit/switch/unit.h"

enum {
	RED = 1,     /* VLAN 10 */
	BLUE = 2,    /* VLAN 20 */
	A = 1,	     /* access, red */
	B,	     /* access, red */
	C,	     /* access, red */
	D,	     /* access, blue */
	TRUNK,	     /* red and blue by tag */
	OTHER_TRUNK, /* the same */
	PORTS,
	SLOTS = 1024, /* of the FDB */
	PAYLOAD = 400,
};

static const mac48 mac_a = 0x02000000000a, mac_b = 0x02000000000b, mac_c = 0x02000000000c;

/* The stage: everything that pipeline_run() needs, new for each test. */
static struct port_table table;
static struct memory_port ports[PORTS];
static struct counters *counters;
static struct policy *policy;
static struct fdb *fdb;
static void *fdb_memory;
static struct pipeline *pipeline;
static struct rate_table *rates;
static struct sketch sketch;

static struct policy *make_policy(uint16_t generation_of_b)
{
	static const struct policy_trunk_entry both[] = {{RED, 10}, {BLUE, 20}};
	const struct policy_network_spec networks[] = {
		sketch_network(RED, 10),
		sketch_network(BLUE, 20),
	};
	struct policy_port_spec specs[] = {
		sketch_access(A, RED),		 sketch_access(B, RED),
		sketch_access(C, RED),		 sketch_access(D, BLUE),
		sketch_trunk(TRUNK, 0, both, 2), sketch_trunk(OTHER_TRUNK, 0, both, 2),
	};

	specs[B - 1].ref.generation = generation_of_b;
	return SKETCH_POLICY(networks, specs);
}

/* Give A a rate of 100 packets a second, one at once, for which it waits. */
static void let_a_wait(void)
{
	const struct policy_limits limits = {.of[POLICY_IN_PACKETS] = rate_limit(100, 10)};
	const struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	struct policy_port_spec specs[] = {sketch_access(A, RED), sketch_access(B, RED)};

	specs[0].limits = &limits;
	specs[0].flags = POLICY_PORT_WAITS;
	specs[0].dscp = 46 + 1;
	free(policy);
	policy = SKETCH_POLICY(networks, specs);
}

static int set_stage(void **state)
{
	struct pipeline_options options = {.ports = &table};

	memset(&table, 0, sizeof(table));
	for (uint16_t id = A; id < PORTS; id++)
		memory_port_init(&ports[id], &table, id);
	counters = aligned_alloc(64, counters_size());
	memset(counters, 0, counters_size());
	counters->n_workers = 1;
	counters->n_ports = LIMIT_PORTS;
	policy = make_policy(1);
	fdb_memory = aligned_alloc(4096, (fdb_size(SLOTS) + 4095) / 4096 * 4096);
	memset(fdb_memory, 0, fdb_size(SLOTS));
	assert_int_equal(fdb_init(fdb_memory, fdb_size(SLOTS), SLOTS, &fdb), 0);
	options.counters = counters;
	assert_int_equal(rate_create(&rates), 0);
	options.rates = rates;
	assert_int_equal(pipeline_create(&options, &pipeline), 0);
	return 0;
}

/* Good until the next call. Static: AddressSanitizer's own stack does not align as it should. */
static const struct port_counters *sum_of(uint16_t id)
{
	static struct port_counters sum;

	counters_sum(counters, sketch_ref(id), &sum);
	return &sum;
}

/* received = delivered + dropped + consumed; offered = sent + missed: for every port. */
static int strike_stage(void **state)
{
	for (uint16_t id = A; id < PORTS; id++) {
		const struct port_counters *sum = sum_of(id);
		uint64_t dropped = 0, missed = 0;

		for (unsigned i = 0; i < DROP__COUNT; i++) {
			dropped += sum->dropped[i];
			missed += sum->missed[i];
		}
		assert_int_equal(sum->rx_frames, sum->delivered + dropped + sum->consumed);
		assert_int_equal(sum->offered, sum->tx_frames + missed);
		assert_int_equal(ports[id].begins, ports[id].ends);
		assert_int_equal(ports[id].gave_back, ports[id].n_taken);
	}
	pipeline_destroy(pipeline);
	rate_destroy(rates);
	fdb_close(fdb);
	free(fdb_memory);
	free(policy);
	free(counters);
	return 0;
}

static unsigned run_at(uint16_t from, clock_ms now)
{
	return pipeline_run(pipeline, policy, fdb, &ports[from].queue, LIMIT_BURST, now);
}

static unsigned run(uint16_t from)
{
	return pipeline_run(pipeline, policy, fdb, &ports[from].queue, LIMIT_BURST, 1000);
}

/* A UDP datagram in the sketch, with its checksum. */
static void draw_datagram(mac48 dst, mac48 src)
{
	sketch_ethernet(&sketch, dst, src, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, 17, 0x0a000001, 0x0a000002);
	sketch_udp(&sketch, 1, 2);
	sketch_payload(&sketch, PAYLOAD);
}

/* Send what the sketch holds from @from. */
static void send_sketch(uint16_t from)
{
	struct frame frame;

	sketch_frame(&sketch, &frame);
	memory_port_send(&ports[from], &frame);
}

static void send_datagram(uint16_t from, mac48 dst, mac48 src)
{
	draw_datagram(dst, src);
	sketch_end(&sketch);
	send_sketch(from);
}

/* The address @mac is learned behind @port of red. */
static void learn(mac48 mac, uint16_t port)
{
	assert_int_equal(fdb_learn(fdb, policy, RED, mac, sketch_ref(port), 1000), FDB_ADDED);
}

static void a_known_address_gets_it_alone(void **state)
{
	learn(mac_b, B);
	send_datagram(A, mac_b, mac_a);
	assert_int_equal(run(A), 1);
	assert_int_equal(ports[B].n_seen, 1);
	assert_int_equal(ports[B].seen[0].len, sketch.len);
	assert_memory_equal(ports[B].seen[0].bytes, sketch.bytes, sketch.len);
	assert_int_equal(ports[C].n_seen + ports[D].n_seen + ports[TRUNK].n_seen, 0);
	assert_int_equal(sum_of(A)->rx_bytes, sketch.len);
	assert_int_equal(sum_of(A)->delivered, 1);
	assert_int_equal(sum_of(B)->tx_bytes, sketch.len);
	/* and the sender is known now */
	assert_int_equal(fdb_lookup(fdb, policy, RED, mac_a, 1000).id, A);
}

static void an_unknown_one_floods_its_network(void **state)
{
	send_datagram(A, mac_b, mac_a);
	run(A);
	assert_int_equal(ports[A].n_seen, 0);
	assert_int_equal(ports[B].n_seen, 1);
	assert_int_equal(ports[C].n_seen, 1);
	assert_int_equal(ports[D].n_seen, 0);
	assert_int_equal(ports[TRUNK].n_seen, 1);
	assert_int_equal(sum_of(A)->delivered, 1);
	assert_int_equal(sum_of(A)->replicated, 3);
}

static void headers_come_from_the_snapshot(void **state)
{
	struct frame frame;

	draw_datagram(mac_b, mac_a);
	sketch_end(&sketch);
	sketch_frame(&sketch, &frame);
	assert_true(frame.n_tail == 1 && frame.head_len == FRAME_HEAD);
	memory_port_send(&ports[A], &frame);
	/* a guest that rewrites its header now is late; its payload is its own affair */
	memset(sketch.bytes, 0xee, FRAME_HEAD);
	run(A);
	draw_datagram(mac_b, mac_a);
	sketch_end(&sketch);
	assert_memory_equal(ports[B].seen[0].bytes, sketch.bytes, FRAME_HEAD);
	/* and that is read in its place, once */
	assert_ptr_equal(ports[B].seen[0].last, frame.tail->iov_base);
	assert_true(ports[B].seen[0].first < sketch.bytes ||
		    ports[B].seen[0].first >= sketch.bytes + sizeof(sketch.bytes));
}

/* What @seen should be: the sketch, with @tci pushed after @stripped bytes of tag came off. */
static void assert_retagged(const struct memory_seen *seen, uint32_t stripped, int tci)
{
	uint32_t tag = tci < 0 ? 0 : 4;
	uint32_t rest = sketch.len - 12 - stripped;

	assert_int_equal(seen->len, 12 + tag + rest);
	assert_memory_equal(seen->bytes, sketch.bytes, 12);
	if (tag) {
		const uint8_t expected[] = {0x81, 0, (uint8_t)(tci >> 8), (uint8_t)tci};

		assert_memory_equal(seen->bytes + 12, expected, 4);
	}
	assert_memory_equal(seen->bytes + 12 + tag, sketch.bytes + 12 + stripped, rest);
}

static void tags_come_and_go(void **state)
{
	/* pushed */
	send_datagram(A, mac_b, mac_a);
	run(A);
	assert_retagged(&ports[B].seen[0], 0, -1);
	assert_retagged(&ports[TRUNK].seen[0], 0, 10);
	assert_int_equal(sum_of(TRUNK)->tx_bytes, sketch.len + 4);
	/* taken off; from trunk to trunk rewritten, with its priority */
	draw_datagram(mac_b, mac_c);
	sketch_end(&sketch);
	sketch_tag(&sketch, ETHERTYPE_VLAN, 5 << 13 | 10);
	send_sketch(TRUNK);
	run(TRUNK);
	assert_retagged(&ports[B].seen[1], 4, -1);
	assert_retagged(&ports[OTHER_TRUNK].seen[1], 4, 5 << 13 | 10);
	/* a priority tag is no VLAN: it comes off */
	draw_datagram(mac_b, mac_a);
	sketch_end(&sketch);
	sketch_tag(&sketch, ETHERTYPE_VLAN, 3 << 13);
	send_sketch(A);
	run(A);
	assert_retagged(&ports[B].seen[2], 4, -1);
}

/* The sketch's frame with its checksum left to others, from @from. */
static void send_partial(uint16_t from, int gso_size)
{
	struct frame frame;

	sketch_end_partial(&sketch);
	sketch_frame(&sketch, &frame);
	frame.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	frame.hdr.csum_start = (uint16_t)sketch.l4;
	frame.hdr.csum_offset = gso_size ? 16 : 6;
	if (gso_size) {
		frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		frame.hdr.gso_size = (uint16_t)gso_size;
		frame.hdr.hdr_len = (uint16_t)(sketch.l4 + 32);
	}
	memory_port_send(&ports[from], &frame);
}

static void the_place_of_a_checksum_moves_with_the_tag(void **state)
{
	draw_datagram(MAC_BROADCAST, mac_a);
	send_partial(A, 0);
	run(A);
	assert_int_equal(ports[B].seen[0].hdr.csum_start, 34);
	assert_int_equal(ports[TRUNK].seen[0].hdr.csum_start, 38);
	assert_int_equal(ports[TRUNK].seen[0].hdr.csum_offset, 6);
	draw_datagram(MAC_BROADCAST, mac_b);
	sketch_tag(&sketch, ETHERTYPE_VLAN, 10);
	send_partial(TRUNK, 0);
	run(TRUNK);
	assert_int_equal(ports[B].seen[1].hdr.csum_start, 34);
	assert_int_equal(ports[OTHER_TRUNK].seen[1].hdr.csum_start, 38);
}

static void who_lacks_an_offload_gets_it_done(void **state)
{
	ports[B].port.accepts = 0;
	ports[TRUNK].port.accepts = 0;
	draw_datagram(MAC_BROADCAST, mac_a);
	send_partial(A, 0);
	run(A);
	assert_int_equal(ports[B].seen[0].hdr.flags, 0);
	assert_true(sketch_checksums_are_right(ports[B].seen[0].bytes, ports[B].seen[0].len));
	assert_int_equal(ports[TRUNK].seen[0].hdr.flags, 0);
	assert_true(
		sketch_checksums_are_right(ports[TRUNK].seen[0].bytes, ports[TRUNK].seen[0].len));
	/* the others get it as it was sent */
	assert_int_equal(ports[C].seen[0].hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_memory_equal(ports[C].seen[0].bytes, sketch.bytes, sketch.len);
	assert_int_equal(sum_of(B)->segmented, 1);
	assert_int_equal(sum_of(C)->segmented, 0);
}

static void a_large_segment_is_cut_for_who_needs_it(void **state)
{
	uint32_t headers;

	ports[B].port.accepts = PORT_ACCEPTS_CSUM;
	sketch_ethernet(&sketch, MAC_BROADCAST, mac_a, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, 6, 0x0a000001, 0x0a000002);
	sketch_tcp(&sketch, 1, 2, 100, 0x10);
	headers = sketch.len;
	sketch_payload(&sketch, 2500);
	send_partial(A, 1000);
	run(A);
	assert_int_equal(ports[B].n_seen, 3);
	assert_int_equal(ports[B].seen[0].len, headers + 1000);
	assert_int_equal(ports[B].seen[2].len, headers + 500);
	assert_int_equal(ports[B].seen[0].hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_int_equal(ports[C].n_seen, 1);
	assert_int_equal(ports[C].seen[0].hdr.gso_size, 1000);
	/* one frame, however many pieces */
	assert_int_equal(sum_of(B)->tx_frames, 1);
	assert_int_equal(sum_of(B)->segmented, 1);
}

static void an_impossible_offload_is_dropped_and_not_learned(void **state)
{
	struct frame frame;

	draw_datagram(mac_b, mac_a);
	sketch_end(&sketch);
	sketch_frame(&sketch, &frame);
	frame.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	frame.hdr.csum_start = 60000;
	memory_port_send(&ports[A], &frame);
	run(A);
	assert_int_equal(sum_of(A)->dropped[DROP_BAD_OFFLOAD], 1);
	assert_int_equal(ports[B].n_seen, 0);
	assert_true(port_ref_is_none(fdb_lookup(fdb, policy, RED, mac_a, 1000)));
}

/* Only what is cut into frames that fit may be longer than the mtu (1500). */
static void an_offload_is_checked_before_the_length(void **state)
{
	sketch_ethernet(&sketch, MAC_BROADCAST, mac_a, ETHERTYPE_IPV4);
	sketch_ipv4(&sketch, 6, 0x0a000001, 0x0a000002);
	sketch_tcp(&sketch, 1, 2, 100, 0x10);
	sketch_payload(&sketch, 2000);
	/* one segment is no segmentation */
	send_partial(A, 2000);
	send_partial(A, 1000);
	run(A);
	assert_int_equal(sum_of(A)->dropped[DROP_GIANT], 1);
	assert_int_equal(sum_of(A)->delivered, 1);
}

static void a_full_ring_is_charged_to_both(void **state)
{
	learn(mac_b, B);
	ports[B].room = 3;
	for (unsigned i = 0; i < 5; i++)
		send_datagram(A, mac_b, mac_a);
	run(A);
	assert_int_equal(sum_of(A)->delivered, 3);
	assert_int_equal(sum_of(A)->dropped[DROP_RING_FULL], 2);
	assert_int_equal(sum_of(A)->dropped_last_ms[DROP_RING_FULL], 1000);
	assert_int_equal(sum_of(B)->missed[DROP_RING_FULL], 2);
	assert_int_equal(sum_of(B)->missed_last_ms[DROP_RING_FULL], 1000);
}

static void one_copy_is_enough_to_be_delivered(void **state)
{
	ports[B].room = 0;
	ports[C].down = true;
	atomic_store(&table.slots[TRUNK], NULL);
	send_datagram(A, MAC_BROADCAST, mac_a);
	run(A);
	assert_int_equal(ports[OTHER_TRUNK].n_seen, 1);
	assert_int_equal(sum_of(A)->delivered, 1);
	assert_int_equal(sum_of(A)->replicated, 0);
	assert_int_equal(sum_of(B)->missed[DROP_RING_FULL], 1);
	assert_int_equal(sum_of(C)->missed[DROP_PORT_DOWN], 1);
	assert_int_equal(sum_of(TRUNK)->missed[DROP_PORT_DOWN], 1);
	/* and none is not: one reason, the first */
	ports[OTHER_TRUNK].down = true;
	send_datagram(A, MAC_BROADCAST, mac_a);
	run(A);
	assert_int_equal(sum_of(A)->dropped[DROP_RING_FULL], 1);
}

static void a_failure_told_late_counts(void **state)
{
	learn(mac_b, B);
	ports[B].fails_late = 1u << 1;
	for (unsigned i = 0; i < 3; i++)
		send_datagram(A, mac_b, mac_a);
	run(A);
	assert_int_equal(sum_of(A)->delivered, 2);
	assert_int_equal(sum_of(A)->dropped[DROP_DEVICE_ERROR], 1);
	assert_int_equal(sum_of(B)->missed[DROP_DEVICE_ERROR], 1);
	assert_int_equal(sum_of(B)->tx_bytes, 2 * sketch.len);
}

static void what_the_port_refused_is_only_counted(void **state)
{
	struct frame frame = {.fault = DROP_BAD_CHAIN};

	memory_port_send(&ports[A], &frame);
	assert_int_equal(run(A), 1);
	assert_int_equal(sum_of(A)->rx_frames, 1);
	assert_int_equal(sum_of(A)->dropped[DROP_BAD_CHAIN], 1);
}

static void each_destination_is_visited_once_a_burst(void **state)
{
	learn(mac_b, B);
	learn(mac_c, C);
	for (unsigned i = 0; i < LIMIT_BURST + 1; i++)
		send_datagram(A, i % 2 ? mac_b : mac_c, mac_a);
	assert_int_equal(run(A), LIMIT_BURST);
	assert_int_equal(ports[B].begins, 1);
	assert_int_equal(ports[C].begins, 1);
	for (unsigned i = 0; i < LIMIT_BURST / 2; i++)
		assert_int_equal(ports[B].seen[i].place, 2 * i + 1);
	assert_int_equal(run(A), 1);
	assert_int_equal(run(A), 0);
}

static void a_device_of_the_former_port_gets_nothing(void **state)
{
	learn(mac_b, B);
	free(policy);
	policy = make_policy(2);
	send_datagram(A, MAC_BROADCAST, mac_a);
	run(A);
	assert_int_equal(ports[B].n_seen, 0);
	/* its slot's row belongs to the new port, and starts from nothing */
	{
		static struct port_counters sum;

		counters_sum(counters, (struct port_ref){B, 2}, &sum);
		assert_int_equal(sum.missed[DROP_PORT_DOWN], 1);
		assert_int_equal(sum.offered, 1);
	}
	/* and what it sends itself is nobody's */
	send_datagram(B, MAC_BROADCAST, mac_b);
	run(B);
	assert_int_equal(ports[A].n_seen, 0);
	assert_int_equal(sum_of(B)->dropped[DROP_NO_NETWORK], 1);
}

static void a_frame_of_our_own_goes_the_same_way(void **state)
{
	send_datagram(A, MAC_BROADCAST, mac_a);
	pipeline_inject(pipeline, policy, fdb, sketch_ref(A), sketch.bytes, sketch.len, 1000);
	assert_int_equal(ports[B].n_seen, 1);
	assert_memory_equal(ports[B].seen[0].bytes, sketch.bytes, sketch.len);
	assert_int_equal(ports[D].n_seen, 0);
	assert_int_equal(sum_of(A)->delivered, 1);
	assert_int_equal(fdb_lookup(fdb, policy, RED, mac_a, 1000).id, A);
	/* and a short one */
	pipeline_inject(pipeline, policy, fdb, sketch_ref(A), sketch.bytes, 60, 1000);
	assert_int_equal(ports[B].seen[1].len, 60);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, set_stage, strike_stage)

/* Back-pressure: what is over the rate is not even taken, and nothing is dropped. */
static void who_waits_keeps_his_frames(void **state)
{
	unsigned taken = 0;

	let_a_wait();
	for (unsigned i = 0; i < 20; i++)
		send_datagram(A, mac_b, mac_a);
	for (clock_ms now = 1000; now < 1100; now++)
		taken += run_at(A, now);
	assert_int_equal(taken, 11); /* ten, and one at once */
	assert_int_equal(ports[B].n_seen, 11);
	assert_int_equal(ports[B].seen[0].bytes[15], 46 << 2);
	assert_true(sketch_checksums_are_right(ports[B].seen[0].bytes, ports[B].seen[0].len));
	assert_int_equal(sum_of(A)->delivered, 11);
	assert_int_equal(sum_of(A)->dropped[DROP_RATE], 0);
	for (clock_ms now = 1100; now < 2000; now++)
		taken += run_at(A, now);
	assert_int_equal(taken, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_known_address_gets_it_alone),
		UNIT(an_unknown_one_floods_its_network),
		UNIT(headers_come_from_the_snapshot),
		UNIT(tags_come_and_go),
		UNIT(the_place_of_a_checksum_moves_with_the_tag),
		UNIT(who_lacks_an_offload_gets_it_done),
		UNIT(a_large_segment_is_cut_for_who_needs_it),
		UNIT(an_impossible_offload_is_dropped_and_not_learned),
		UNIT(an_offload_is_checked_before_the_length),
		UNIT(a_full_ring_is_charged_to_both),
		UNIT(one_copy_is_enough_to_be_delivered),
		UNIT(a_failure_told_late_counts),
		UNIT(what_the_port_refused_is_only_counted),
		UNIT(each_destination_is_visited_once_a_burst),
		UNIT(a_device_of_the_former_port_gets_nothing),
		UNIT(a_frame_of_our_own_goes_the_same_way),
		cmocka_unit_test_setup_teardown(who_waits_keeps_his_frames, set_stage,
						strike_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
