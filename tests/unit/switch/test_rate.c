/*
 * test_rate - what passes is what is allowed: to 2 % from 1 Mbit/s to 40 Gbit/s,
 * whatever the frames' sizes and however coarse the clock.
 */
#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/rate.h"

enum {
	TENANT = 1,
	A = 1,
	B = 2,
	BURST_MS = 10,
	START = 1000000, /* ms */
	THREADS = 4,
	ATTEMPTS = 64, /* of a thread in a millisecond, more than may pass */
	THREADED_MS = 2000,
};

static const struct policy_limits none;

/* Ports A and B with @own limits each, and @shared ones of their tenant; NULL for none. */
static struct policy *make_policy(const struct policy_limits *own,
				  const struct policy_limits *shared, uint16_t generation)
{
	struct policy_network_spec network = sketch_network(1, 100);
	struct policy_builder *builder;
	struct policy *policy;

	network.tenant = TENANT;
	assert_int_equal(policy_builder_create(1, 99, &builder), 0);
	assert_int_equal(policy_builder_tenant(builder, TENANT, "t"), 0);
	if (shared)
		assert_int_equal(policy_builder_tenant_limits(builder, TENANT, shared), 0);
	assert_int_equal(policy_builder_network(builder, &network), 0);
	for (uint16_t id = A; id <= B; id++) {
		struct policy_port_spec port = sketch_access(id, 1);

		port.limits = own;
		port.tenant = TENANT;
		port.ref.generation = generation;
		assert_int_equal(policy_builder_port(builder, &port), 0);
	}
	assert_int_equal(policy_builder_finish(builder, &policy), 0);
	policy_builder_destroy(builder);
	return policy;
}

static struct policy_limits limits_of(enum policy_limit_kind kind, uint64_t per_second,
				      uint32_t burst_ms)
{
	struct policy_limits limits = none;

	limits.of[kind] = rate_limit(per_second, burst_ms);
	return limits;
}

static struct rate_table *make_table(void)
{
	struct rate_table *table;

	assert_int_equal(rate_create(&table), 0);
	return table;
}

/* Offer frames of @len bytes at @now until one is refused; the bits that passed. */
static uint64_t fill(struct rate_table *table, const struct policy *policy, enum rate_way way,
		     uint32_t len, clock_ms now)
{
	uint64_t bits = 0;

	while (rate_admit(table, policy, A, way, len, 1, now))
		bits += 8ULL * len;
	return bits;
}

static void assert_near(uint64_t got, uint64_t want, uint64_t per_mille)
{
	if (got * 1000 > want * (1000 + per_mille) || got * 1000 < want * (1000 - per_mille))
		fail_msg("%lu are not %lu", (unsigned long)got, (unsigned long)want);
}

/* By steps of @steps_ms in turn, long enough for many frames. */
static void check_accuracy(uint64_t bps, uint32_t len, const unsigned steps_ms[3])
{
	const struct policy_limits limits = limits_of(POLICY_IN_BITS, bps, BURST_MS);
	struct policy *policy = make_policy(&limits, NULL, 1);
	struct rate_table *table = make_table();
	uint64_t bits = 0, duration_ms = 400 * 8000ULL * len / bps;
	clock_ms now = START;

	duration_ms = duration_ms < 30 ? 30 : duration_ms;
	fill(table, policy, RATE_IN, len, now); /* the burst, and the debt of one frame */
	for (unsigned i = 0; now - START < duration_ms; i++) {
		now += steps_ms[i % 3];
		bits += fill(table, policy, RATE_IN, len, now);
	}
	assert_near(bits, bps / 1000 * (now - START), 20);
	rate_destroy(table);
	free(policy);
}

static void what_passes_is_the_rate(void **state)
{
	static const uint64_t rates[] = {1000000,    3000000,	  64000000,   1000000000,
					 2500000000, 10000000000, 40000000000};
	static const uint32_t sizes[] = {60, 1514, 65549};
	static const unsigned fine[] = {1, 1, 1}, coarse[] = {1, 9, 4};

	for (unsigned r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		for (unsigned s = 0; s < 3; s++) {
			check_accuracy(rates[r], sizes[s], fine);
			check_accuracy(rates[r], sizes[s], coarse);
		}
	}
}

static void packets_are_counted(void **state)
{
	const struct policy_limits limits = limits_of(POLICY_OUT_PACKETS, 200000, BURST_MS);
	struct policy *policy = make_policy(&limits, NULL, 1);
	struct rate_table *table = make_table();
	uint64_t packets = 0;

	fill(table, policy, RATE_OUT, 60, START);
	for (clock_ms now = START + 1; now <= START + 1000; now++) {
		while (rate_admit(table, policy, A, RATE_OUT, 9000, 3, now))
			packets += 3;
	}
	assert_near(packets, 200000, 5);
	/* the other way has no limit, nor has the other port had its own */
	assert_true(rate_admit(table, policy, A, RATE_IN, 60, 1, START + 1000));
	assert_true(rate_admit(table, policy, B, RATE_OUT, 60, 1, START + 1000));
	rate_destroy(table);
	free(policy);
}

static void a_burst_is_what_passes_at_once(void **state)
{
	const struct policy_limits limits = limits_of(POLICY_IN_BITS, 8000000, 100);
	struct policy *policy = make_policy(&limits, NULL, 1);
	struct rate_table *table = make_table();

	/* 100 ms of 1000 bytes each; time unused before does not add up */
	assert_int_equal(fill(table, policy, RATE_IN, 1000, START), 100 * 8000);
	assert_int_equal(fill(table, policy, RATE_IN, 1000, START), 0);
	assert_int_equal(fill(table, policy, RATE_IN, 1000, START + 60000), 100 * 8000);
	/* one that is longer than the burst passes once, and is waited for */
	assert_int_equal(fill(table, policy, RATE_IN, 200000, START + 120000), 200000 * 8);
	assert_false(rate_admit(table, policy, A, RATE_IN, 1, 1, START + 120099));
	assert_true(rate_admit(table, policy, A, RATE_IN, 1, 1, START + 120101));
	rate_destroy(table);
	free(policy);
}

static void a_tenant_shares_one_rate(void **state)
{
	const struct policy_limits shared = limits_of(POLICY_IN_BITS, 1000000000, BURST_MS);
	struct policy *policy = make_policy(NULL, &shared, 1);
	struct rate_table *table = make_table();
	uint64_t bits[3] = {0};

	fill(table, policy, RATE_IN, 1000, START);
	for (clock_ms now = START + 1; now <= START + 100; now++) {
		uint16_t port = A;

		for (; rate_admit(table, policy, port, RATE_IN, 1000, 1, now); port = B + A - port)
			bits[port] += 8000;
	}
	assert_near(bits[A] + bits[B], 100000000, 5);
	assert_near(bits[A], bits[B], 50);
	rate_destroy(table);
	free(policy);
}

static void what_one_limit_refuses_is_charged_to_none(void **state)
{
	struct policy_limits own = limits_of(POLICY_IN_BITS, 8000000, 100);
	const struct policy_limits shared = limits_of(POLICY_IN_PACKETS, 10, 100);
	struct policy *policy = make_policy(&own, &shared, 1);
	struct rate_table *table = make_table();

	assert_true(rate_admit(table, policy, A, RATE_IN, 1000, 1, START));
	for (unsigned i = 0; i < 1000; i++) /* the tenant has no packet left */
		assert_false(rate_admit(table, policy, A, RATE_IN, 1000, 1, START));
	free(policy);
	policy = make_policy(&own, NULL, 1);
	assert_int_equal(fill(table, policy, RATE_IN, 1000, START), 99 * 8000);
	rate_destroy(table);
	free(policy);
}

static unsigned flood(struct rate_table *table, const struct policy *policy, mac48 dst,
		      clock_ms now)
{
	unsigned n = 0;

	while (n < 10000 && rate_admit_flood(table, policy, A, dst, now))
		n++;
	return n;
}

static void floods_are_limited_by_kind_and_together(void **state)
{
	const mac48 multicast = 0x01005e000001, unknown = 0x020000000099;
	struct policy_limits limits = limits_of(POLICY_BROADCASTS, 100, 1000);
	struct policy *policy;
	struct rate_table *table = make_table();

	limits.of[POLICY_UNKNOWNS] = rate_limit(50, 1000);
	policy = make_policy(&limits, NULL, 1);
	assert_int_equal(flood(table, policy, MAC_BROADCAST, START), 100);
	assert_int_equal(flood(table, policy, unknown, START), 50);
	assert_int_equal(flood(table, policy, multicast, START), 10000);
	assert_int_equal(flood(table, policy, MAC_BROADCAST, START + 500), 50);
	free(policy);

	limits = limits_of(POLICY_FLOODS, 100, 1000);
	policy = make_policy(&limits, NULL, 1);
	assert_int_equal(flood(table, policy, MAC_BROADCAST, START + 9000), 100);
	assert_int_equal(flood(table, policy, unknown, START + 9000), 0);
	assert_int_equal(flood(table, policy, multicast, START + 9100), 10);
	rate_destroy(table);
	free(policy);
}

static void a_new_port_has_no_debt(void **state)
{
	const struct policy_limits limits = limits_of(POLICY_IN_BITS, 1000, BURST_MS);
	struct policy *old = make_policy(&limits, NULL, 1), *new = make_policy(&limits, NULL, 2);
	struct rate_table *table = make_table();

	assert_true(rate_admit(table, old, A, RATE_IN, 65000, 1, START));
	assert_false(rate_admit(table, old, A, RATE_IN, 60, 1, START + 1000));
	assert_int_equal(rate_room(table, old, A, START + 1000), 0);
	assert_int_equal(rate_room(table, new, A, START + 1000), 1);
	assert_true(rate_admit(table, new, A, RATE_IN, 60, 1, START + 1000));
	rate_destroy(table);
	free(old);
	free(new);
}

/* Take what there is room for, in frames of @len bytes; the bits that were taken. */
static uint64_t take(struct rate_table *table, const struct policy *policy, uint32_t len,
		     clock_ms now)
{
	unsigned room;
	uint64_t bits = 0;

	while ((room = rate_room(table, policy, A, now))) {
		assert_in_range(room, 1, LIMIT_BURST);
		for (; room > 0; room--) {
			rate_charge(table, policy, A, RATE_IN, len, 1, now);
			bits += 8ULL * len;
		}
	}
	return bits;
}

static void who_waits_has_his_rate(void **state)
{
	static const uint64_t rates[] = {1000000, 100000000, 10000000000};
	static const uint32_t sizes[] = {60, 1514, 65549};

	for (unsigned i = 0; i < 9; i++) {
		const struct policy_limits limits =
			limits_of(POLICY_IN_BITS, rates[i / 3], BURST_MS);
		struct policy *policy = make_policy(&limits, NULL, 1);
		struct rate_table *table = make_table();
		uint32_t len = sizes[i % 3];
		uint64_t bits = 0, duration_ms = 30 + 400 * 8000ULL * len / rates[i / 3];

		take(table, policy, len, START);
		for (clock_ms now = START + 1; now <= START + duration_ms; now++) {
			uint64_t at_once = take(table, policy, len, now);

			/* a burst, and the frame that went into debt */
			assert_in_range(at_once, 0,
					rates[i / 3] / 1000 * BURST_MS + 2 * 8ULL * LIMIT_FRAME);
			bits += at_once;
		}
		assert_near(bits, rates[i / 3] / 1000 * duration_ms, 20);
		rate_destroy(table);
		free(policy);
	}
}

static void who_waits_waits_for_his_tenant_too(void **state)
{
	const struct policy_limits own = limits_of(POLICY_IN_PACKETS, 100000, BURST_MS);
	const struct policy_limits shared = limits_of(POLICY_IN_BITS, 8000000, BURST_MS);
	struct policy *policy = make_policy(&own, &shared, 1);
	struct rate_table *table = make_table();

	assert_true(rate_room(table, policy, A, START) > 0);
	rate_charge(table, policy, B, RATE_IN, 20000, 1, START);
	assert_int_equal(rate_room(table, policy, A, START + 9), 0);
	assert_int_equal(rate_room(table, policy, A, START + 11), 1);
	rate_destroy(table);
	free(policy);
}

static void a_frame_counts_as_its_segments(void **state)
{
	static struct frame frame;

	frame.len = 1514;
	assert_int_equal(rate_packets(&frame), 1);
	frame.len = 54 + 3 * 1448 + 1;
	frame.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame.hdr.hdr_len = htole16(54);
	frame.hdr.gso_size = htole16(1448);
	assert_int_equal(rate_packets(&frame), 4);
	frame.len--;
	assert_int_equal(rate_packets(&frame), 3);
}

struct crowd {
	struct rate_table *table;
	struct policy *policy;
	_Atomic clock_ms now;
	_Atomic uint64_t bits;
};

/* The first of the crowd turns the clock on when it has had its attempts. */
static void *take_part(void *argument)
{
	struct crowd *crowd = argument;
	static _Atomic unsigned arrived;
	bool first = atomic_fetch_add(&arrived, 1) == 0;
	uint64_t bits = 0;

	while (atomic_load(&crowd->now) < START + THREADED_MS) {
		for (unsigned i = 0; i < ATTEMPTS; i++) {
			if (rate_admit(crowd->table, crowd->policy, A, RATE_IN, 1514, 1,
				       atomic_load(&crowd->now)))
				bits += 8 * 1514;
		}
		if (first)
			atomic_fetch_add(&crowd->now, 1);
	}
	atomic_fetch_add(&crowd->bits, bits);
	return NULL;
}

static void several_workers_share_one_rate(void **state)
{
	const struct policy_limits limits = limits_of(POLICY_IN_BITS, 100000000, BURST_MS);
	struct crowd crowd = {make_table(), make_policy(&limits, NULL, 1), START, 0};
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_part, &crowd), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_near(crowd.bits, 100000 * (THREADED_MS + BURST_MS), 20);
	rate_destroy(crowd.table);
	free(crowd.policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes_is_the_rate),
		cmocka_unit_test(packets_are_counted),
		cmocka_unit_test(a_burst_is_what_passes_at_once),
		cmocka_unit_test(a_tenant_shares_one_rate),
		cmocka_unit_test(what_one_limit_refuses_is_charged_to_none),
		cmocka_unit_test(floods_are_limited_by_kind_and_together),
		cmocka_unit_test(a_new_port_has_no_debt),
		cmocka_unit_test(who_waits_has_his_rate),
		cmocka_unit_test(who_waits_waits_for_his_tenant_too),
		cmocka_unit_test(a_frame_counts_as_its_segments),
		cmocka_unit_test(several_workers_share_one_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
