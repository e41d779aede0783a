/*
 * test_rule_log - what is recorded of frames that met a rule with `log`: of a port its own, the
 * newest, each once, and no more of a rule than its rate.
 */
#include <sys/mman.h>

#include "switch/rule_log.h"
#include "tests/unit/switch/unit.h"

static struct counters *counters;
static const struct frame frame = {.len = 74, .head_len = 74, .head = {1, 2, 3}};

/* As much of a policy as it takes: one list with counters from place 100 on. */
static struct {
	struct policy policy;
	struct policy_rules rules[2];
} small = {
	.policy = {.generation = 42, .n_rules = 2, .rules = offsetof(__typeof__(small), rules)},
	.rules = {{0}, {.kind = POLICY_ACL, .hits = 100}},
};

static int setup(void **state)
{
	counters = mmap(NULL, counters_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	return counters == MAP_FAILED;
}

static int teardown(void **state)
{
	munmap(counters, counters_size());
	return 0;
}

static void note(unsigned writer, struct port_ref in, uint32_t rule, clock_ms now)
{
	const struct filter_hit hit = {.list = 1, .log = true, .rule = rule};

	rule_log_note(counters, writer, in, (struct port_ref){7, 9}, &frame, &small.policy, &hit,
		      FILTER_ACL_OUT, now);
}

static void each_once(void **state)
{
	struct refusal records[RULE_LOG_PLACES];
	struct port_ref a = {1, 1}, b = {2, 1};
	uint64_t seen = 0, others = 0;

	assert_int_equal(rule_log_read(counters, 0, a, &seen, records), 0);
	note(0, a, 5, 1000);
	note(0, a, 6, 1001);
	assert_int_equal(rule_log_read(counters, 0, a, &seen, records), 2);
	assert_int_equal(records[0].rule, 5);
	assert_int_equal(records[1].rule, 6);
	assert_int_equal(records[1].when, 1001);
	assert_int_equal(records[1].policy, 42);
	assert_int_equal(records[1].list, 1);
	assert_int_equal(records[1].len, 74);
	assert_int_equal(records[1].stage, FILTER_ACL_OUT);
	assert_true(port_ref_equal(records[1].output, (struct port_ref){7, 9}));
	assert_memory_equal(records[1].head, frame.head, 74);
	assert_int_equal(rule_log_read(counters, 0, a, &seen, records), 0);
	assert_int_equal(rule_log_read(counters, 0, b, &others, records), 0);
	assert_int_equal(rule_log_read(counters, 1, a, &others, records), 0);
}

/* It writes over the oldest, and nothing of anybody else. */
static void flood(void **state)
{
	struct refusal records[RULE_LOG_PLACES];
	struct port_ref loud = {3, 1}, quiet = {4, 1};
	uint64_t seen = 0;

	note(0, quiet, 1, 5000);
	for (uint32_t i = 0; i < 1000; i++)
		note(0, loud, 10 + i, 5000);
	assert_int_equal(rule_log_read(counters, 0, loud, &seen, records), RULE_LOG_PLACES);
	assert_int_equal(records[0].rule, 10 + 1000 - RULE_LOG_PLACES);
	assert_int_equal(records[RULE_LOG_PLACES - 1].rule, 10 + 999);
	seen = 0;
	assert_int_equal(rule_log_read(counters, 0, quiet, &seen, records), 1);
}

static void rate_of_a_rule(void **state)
{
	struct refusal records[RULE_LOG_PLACES];
	struct port_ref a = {5, 1};
	uint64_t seen = 0;

	for (unsigned i = 0; i < 1000; i++)
		note(0, a, 2000, 1024 * 7);
	assert_int_equal(rule_log_read(counters, 0, a, &seen, records), RULE_LOG_A_SECOND);
	for (unsigned i = 0; i < 1000; i++)
		note(0, a, 2000, 1024 * 8);
	assert_int_equal(rule_log_read(counters, 0, a, &seen, records), RULE_LOG_A_SECOND);
}

/* Who reads has seen more than there is: the slot has a new port. */
static void another_port_of_the_slot(void **state)
{
	struct refusal records[RULE_LOG_PLACES];
	struct port_ref before = {6, 1}, now = {6, 2};
	uint64_t seen = 0;

	note(0, before, 3000, 9000);
	note(0, before, 3001, 9000);
	assert_int_equal(rule_log_read(counters, 0, before, &seen, records), 2);
	note(0, now, 3002, 9000);
	assert_int_equal(rule_log_read(counters, 0, before, &seen, records), 0);
	assert_int_equal(rule_log_read(counters, 0, now, &seen, records), 1);
	assert_int_equal(records[0].rule, 3002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_once),
		cmocka_unit_test(flood),
		cmocka_unit_test(rate_of_a_rule),
		cmocka_unit_test(another_port_of_the_slot),
	};

	return cmocka_run_group_tests_name("rule_log", tests, setup, teardown);
}
