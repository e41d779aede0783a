/*
 * counters - adding up what the writers counted.
 *
 * Everything is read with relaxed loads while workers go on writing: a sum is
 * a moment's view, exact once the workers are quiet. The memory belongs to the
 * data plane, whom the reader does not trust: the one number in it that bounds
 * anything is read once, and bounded itself.
 */
#include <string.h>

#include "switch/counters.h"

static uint64_t load(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void add(counter *sum, const counter *c)
{
	counter_add(sum, load(c));
}

static void latest(counter *sum, const counter *c)
{
	uint64_t when = load(c);

	if (when > load(sum))
		atomic_store_explicit(sum, when, memory_order_relaxed);
}

static void add_row(struct port_counters *sum, const struct port_counters *row)
{
	add(&sum->rx_frames, &row->rx_frames);
	add(&sum->rx_bytes, &row->rx_bytes);
	add(&sum->delivered, &row->delivered);
	add(&sum->consumed, &row->consumed);
	add(&sum->offered, &row->offered);
	add(&sum->tx_frames, &row->tx_frames);
	add(&sum->tx_bytes, &row->tx_bytes);
	add(&sum->replicated, &row->replicated);
	add(&sum->fdb_moves, &row->fdb_moves);
	add(&sum->fdb_evictions, &row->fdb_evictions);
	add(&sum->segmented, &row->segmented);
	for (unsigned i = 0; i < DROP__COUNT; i++) {
		add(&sum->dropped[i], &row->dropped[i]);
		add(&sum->missed[i], &row->missed[i]);
		latest(&sum->dropped_last_ms[i], &row->dropped_last_ms[i]);
		latest(&sum->missed_last_ms[i], &row->missed_last_ms[i]);
	}
}

void counters_sum(const struct counters *counters, struct port_ref port,
		  struct port_counters *ret_sum)
{
	uint32_t owner = (uint32_t)port.id << 16 | port.generation;
	uint32_t n_workers = *(const volatile uint32_t *)&counters->n_workers;

	memset(ret_sum, 0, sizeof(*ret_sum));
	atomic_store_explicit(&ret_sum->port, owner, memory_order_relaxed);
	if (port_ref_is_none(port) || port.id >= LIMIT_PORTS)
		return;
	for (unsigned writer = 0; writer <= n_workers && writer <= LIMIT_WORKERS; writer++) {
		const struct port_counters *row = (const struct port_counters *)(counters + 1) +
						  (size_t)writer * LIMIT_PORTS + port.id;

		/* The row's counters are zeroed before its owner's name is written. */
		if (atomic_load_explicit(&row->port, memory_order_acquire) == owner)
			add_row(ret_sum, row);
	}
}
