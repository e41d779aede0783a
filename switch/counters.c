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
	for (unsigned i = 0; i < FAULT__COUNT; i++)
		add(&sum->faults[i], &row->faults[i]);
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

struct port_counters *counters_own_row(struct counters *counters, unsigned writer,
				       struct port_ref port)
{
	struct port_counters *row = counters_row(counters, writer, port.id);
	uint32_t name = (uint32_t)port.id << 16 | port.generation;

	if (atomic_load_explicit(&row->port, memory_order_relaxed) == name)
		return row;
	/*
	 * Release: a reader that finds the new name finds no number of the old
	 * port; while the row has no name, it belongs to nobody.
	 */
	atomic_store_explicit(&row->port, 0, memory_order_release);
	for (counter *c = &row->rx_frames; c < (counter *)(row + 1); c++)
		atomic_store_explicit(c, 0, memory_order_relaxed);
	atomic_store_explicit(&row->port, name, memory_order_release);
	return row;
}

void counters_hit(struct counters *counters, unsigned writer, uint32_t place, uint32_t tag,
		  uint64_t hits, uint64_t bytes)
{
	struct rule_counters *rule = counters_rule(counters, writer, place);

	if (atomic_load_explicit(&rule->tag, memory_order_relaxed) != tag) {
		/* release: who finds the new tag finds none of the old numbers */
		atomic_store_explicit(&rule->tag, 0, memory_order_release);
		atomic_store_explicit(&rule->hits, 0, memory_order_relaxed);
		atomic_store_explicit(&rule->bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&rule->tag, tag, memory_order_release);
	}
	counter_add(&rule->hits, hits);
	counter_add(&rule->bytes, bytes);
}

void counters_sum_rule(const struct counters *counters, uint32_t place, uint32_t tag,
		       uint64_t *ret_hits, uint64_t *ret_bytes)
{
	uint64_t hits = 0, bytes = 0;

	for (unsigned writer = 0; writer <= LIMIT_WORKERS; writer++) {
		const struct rule_counters *rule =
			counters_rule((struct counters *)(uintptr_t)counters, writer, place);

		/* acquire: the numbers are no older than the tag */
		if (atomic_load_explicit(&rule->tag, memory_order_acquire) != tag)
			continue;
		hits += atomic_load_explicit(&rule->hits, memory_order_relaxed);
		bytes += atomic_load_explicit(&rule->bytes, memory_order_relaxed);
	}
	*ret_hits = hits;
	*ret_bytes = bytes;
}
