/*
 * test_refusal - what is recorded of refused frames: of each kind the last, of a
 * port its own, and nothing of an earlier port of the slot.
 */
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "switch/refusal.h"

static struct counters *counters;
static struct frame frame = {.len = 300, .head_len = FRAME_HEAD};

static int setup(void **state)
{
	counters = mmap(NULL, counters_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	for (unsigned i = 0; i < FRAME_HEAD; i++)
		frame.head[i] = (uint8_t)i;
	return counters == MAP_FAILED;
}

static int teardown(void **state)
{
	munmap(counters, counters_size());
	return 0;
}

static void note(unsigned writer, struct port_ref in, enum drop reason, clock_ms now)
{
	struct decision decision = {.stage = STAGE_FILTER, .drop = reason};

	decision.hits[FILTER_GROUP_IN] = (struct filter_hit){.list = 3, .rule = FILTER_NO_RULE};
	refusal_note(counters, writer, in, (struct port_ref){7, 9}, &frame, &decision, 42, now);
}

static void what_decide_knows_nothing_of(void **state)
{
	struct port_ref in = {2, 1}, out = {7, 9};
	struct refusal refusal;

	refusal_note_undecided(counters, 0, in, out, &frame, DROP_RING_FULL, 42, 1000);
	refusal_note_undecided(counters, 0, in, PORT_NONE, &frame, DROP_RING_FULL, 42, 1000);
	assert_true(refusal_read(counters, in, DROP_RING_FULL, &refusal));
	assert_int_equal(refusal.when, 1000);
	assert_int_equal(refusal.policy, 42);
	assert_true(port_ref_equal(refusal.output, out)); /* one a millisecond */
	assert_int_equal(refusal.list, 0);
	assert_memory_equal(refusal.head, frame.head, REFUSAL_HEAD);
}

static void the_last_of_each_kind(void **state)
{
	struct port_ref a = {1, 1}, later = {1, 2};
	struct refusal refusal;

	assert_false(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
	note(0, a, DROP_GROUP_IN, 1000);
	note(3, a, DROP_GROUP_IN, 1002);
	note(0, a, DROP_GROUP_IN, 1001);
	note(0, a, DROP_ACL_IN, 2000);
	assert_true(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
	assert_int_equal(refusal.when, 1002);
	assert_int_equal(refusal.policy, 42);
	assert_int_equal(refusal.len, 300);
	assert_int_equal(refusal.list, 3);
	assert_int_equal(refusal.rule, FILTER_NO_RULE);
	assert_true(port_ref_equal(refusal.output, (struct port_ref){7, 9}));
	assert_int_equal(refusal.head_len, REFUSAL_HEAD);
	assert_memory_equal(refusal.head, frame.head, REFUSAL_HEAD);
	assert_true(refusal_read(counters, a, DROP_ACL_IN, &refusal));
	assert_int_equal(refusal.list, 0); /* nothing was noted of that list */
	assert_false(refusal_read(counters, a, DROP_ACL_OUT, &refusal));
	assert_false(refusal_read(counters, later, DROP_GROUP_IN, &refusal));
	note(0, later, DROP_GROUP_IN, 1001);
	assert_true(refusal_read(counters, later, DROP_GROUP_IN, &refusal));
}

/* A flood writes once a millisecond. */
static void at_most_once_a_millisecond(void **state)
{
	struct port_ref a = {5, 1};
	struct refusal refusal;

	note(0, a, DROP_GROUP_IN, 1000);
	frame.len = 60;
	frame.head_len = 60;
	note(0, a, DROP_GROUP_IN, 1000);
	assert_true(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
	assert_int_equal(refusal.len, 300);
	note(0, a, DROP_GROUP_IN, 1001);
	assert_true(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
	assert_int_equal(refusal.len, 60);
	assert_int_equal(refusal.head_len, 60);
	frame.len = 300;
	frame.head_len = FRAME_HEAD;
}

/* The memory is a worker's, who is not trusted: a torn or impossible record is none. */
static void what_cannot_be_is_not_read(void **state)
{
	struct port_ref a = {6, 1};
	struct refusal_place *place;
	struct refusal refusal;

	note(0, a, DROP_GROUP_IN, 1000);
	place = (struct refusal_place *)((char *)counters + counters_refusals()) + 6 * DROP__COUNT +
		DROP_GROUP_IN;
	atomic_fetch_add(&place->sequence, 1);
	assert_false(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
	atomic_fetch_add(&place->sequence, 1);
	assert_true(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
	for (unsigned i = 0; i < REFUSAL_WORDS; i++)
		atomic_store(&place->words[i], UINT64_MAX);
	assert_false(refusal_read(counters, a, DROP_GROUP_IN, &refusal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_last_of_each_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(what_decide_knows_nothing_of, setup, teardown),
		cmocka_unit_test_setup_teardown(at_most_once_a_millisecond, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_not_read, setup, teardown),
	};

	return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
