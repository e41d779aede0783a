/*
 * rule_log - see rule_log.h.
 */
#include "switch/rule_log.h"

enum { SECOND_BITS = 10, COUNT_BITS = 8 }; /* a second of 1024 ms */

static struct refusal_place *place_of(const struct counters *counters, unsigned writer,
				      uint16_t port, uint64_t turn)
{
	struct refusal_place *places =
		(struct refusal_place *)((char *)(uintptr_t)counters + counters_logs());

	return &places[((size_t)writer * LIMIT_PORTS + port) * RULE_LOG_PLACES +
		       turn % RULE_LOG_PLACES];
}

/* May the rule be recorded once more in this second? The word is the second, and how often it was. */
static bool is_due(struct rule_counters *rule, clock_ms now)
{
	uint32_t word = atomic_load_explicit(&rule->logged, memory_order_relaxed);
	uint32_t second = (uint32_t)(now >> SECOND_BITS) << COUNT_BITS;

	if (word >> COUNT_BITS != second >> COUNT_BITS)
		word = second;
	if ((word & ((1U << COUNT_BITS) - 1)) >= RULE_LOG_A_SECOND)
		return false;
	atomic_store_explicit(&rule->logged, word + 1, memory_order_relaxed);
	return true;
}

void rule_log_note(struct counters *counters, unsigned writer, struct port_ref in,
		   struct port_ref out, const struct frame *frame, const struct policy *policy,
		   const struct filter_hit *hit, enum filter_step step, clock_ms now)
{
	struct port_counters *row = counters_own_row(counters, writer, in);
	uint64_t turn = atomic_load_explicit(&row->logged, memory_order_relaxed);
	uint32_t place = policy_rules(policy, hit->list)->hits + hit->rule;

	if (!is_due(counters_rule(counters, writer, place), now))
		return;
	refusal_write(place_of(counters, writer, in.id, turn), in, frame,
		      &(struct refusal){
			      .when = now,
			      .policy = policy->generation,
			      .rule = hit->rule,
			      .list = hit->list,
			      .output = out,
			      .stage = (uint8_t)step,
		      });
	/* release: who sees the number sees the record */
	atomic_store_explicit(&row->logged, turn + 1, memory_order_release);
}

unsigned rule_log_read(const struct counters *counters, unsigned writer, struct port_ref port,
		       uint64_t *seen, struct refusal ret_records[RULE_LOG_PLACES])
{
	const struct port_counters *row =
		counters_row((struct counters *)(uintptr_t)counters, writer, port.id);
	uint32_t name = (uint32_t)port.id << 16 | port.generation;
	uint64_t from = *seen, to;
	unsigned count = 0;

	if (atomic_load_explicit(&row->port, memory_order_acquire) != name)
		return 0;
	/* acquire: the records are no older than their number */
	to = atomic_load_explicit(&row->logged, memory_order_acquire);
	*seen = to;
	if (from > to) /* another port has the place, or another data plane counts */
		from = 0;
	if (to - from > RULE_LOG_PLACES)
		from = to - RULE_LOG_PLACES;
	for (; from < to; from++)
		count += refusal_read_place(place_of(counters, writer, port.id, from), port,
					    &ret_records[count]);
	return count;
}
