/*
 * test_counters - sums over writers: of the right port and generation only.
 */
#include "tests/unit/switch/unit.h"
#include "switch/counters.h"

enum { WORKERS = 2 };

static struct counters *make(void)
{
	struct counters *counters = aligned_alloc(64, counters_size());

	assert_non_null(counters);
	memset(counters, 0, counters_size());
	counters->n_workers = WORKERS;
	counters->n_ports = LIMIT_PORTS;
	return counters;
}

static struct port_counters *row(struct counters *counters, unsigned writer, struct port_ref port)
{
	struct port_counters *row = counters_row(counters, writer, port.id);

	atomic_store(&row->port, (uint32_t)port.id << 16 | port.generation);
	return row;
}

static void rows_of_all_writers_add_up(void **state)
{
	struct counters *counters = make();
	struct port_ref port = {LIMIT_PORTS - 1, 3};
	struct port_counters sum;

	for (unsigned writer = 0; writer <= WORKERS; writer++) {
		struct port_counters *r = row(counters, writer, port);

		counter_add(&r->rx_frames, 10 + writer);
		counter_add(&r->tx_bytes, 1);
		counter_add(&r->dropped[DROP_RUNT], 2);
		counter_add(&r->missed[DROP_RING_FULL], writer);
		atomic_store(&r->dropped_last_ms[DROP_RUNT], 1000 - writer);
	}
	counters_sum(counters, port, &sum);
	assert_int_equal(sum.rx_frames, 10 + 11 + 12);
	assert_int_equal(sum.tx_bytes, 3);
	assert_int_equal(sum.dropped[DROP_RUNT], 6);
	assert_int_equal(sum.missed[DROP_RING_FULL], 3);
	assert_int_equal(sum.dropped_last_ms[DROP_RUNT], 1000);
	assert_int_equal(sum.dropped_last_ms[DROP_GIANT], 0);
	free(counters);
}

static void a_former_port_of_the_slot_is_not_counted(void **state)
{
	struct counters *counters = make();
	struct port_counters sum;

	counter_add(&row(counters, 0, (struct port_ref){5, 1})->rx_frames, 7);
	counter_add(&row(counters, 1, (struct port_ref){5, 2})->rx_frames, 1);
	counters_sum(counters, (struct port_ref){5, 2}, &sum);
	assert_int_equal(sum.rx_frames, 1);
	counters_sum(counters, (struct port_ref){5, 3}, &sum);
	assert_int_equal(sum.rx_frames, 0);
	free(counters);
}

static void nobody_and_far_ports_are_zero(void **state)
{
	struct counters *counters = make();
	struct port_counters sum;

	counters_sum(counters, PORT_NONE, &sum);
	assert_int_equal(sum.rx_frames, 0);
	counters_sum(counters, (struct port_ref){UINT16_MAX, 1}, &sum);
	assert_int_equal(sum.rx_frames, 0);
	free(counters);
}

/* A data plane that went bad may write what it likes: the reader stays inside of its mapping. */
static void numbers_in_it_are_not_believed(void **state)
{
	struct counters *counters = make();
	struct port_ref port = {LIMIT_PORTS - 1, 1};
	struct port_counters sum;

	counter_add(&row(counters, 1, port)->rx_frames, 5);
	counters->n_workers = counters->n_ports = UINT32_MAX;
	counters_sum(counters, port, &sum);
	assert_int_equal(sum.rx_frames, 5);
	free(counters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_all_writers_add_up),
		cmocka_unit_test(a_former_port_of_the_slot_is_not_counted),
		cmocka_unit_test(nobody_and_far_ports_are_zero),
		cmocka_unit_test(numbers_in_it_are_not_believed),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
