/*
 * report_counter - what was moved and what was lost, by port and by worker.
 */
#include <string.h>

#include "control/report.h"

void report_counters(const struct daemon *daemon, struct port_ref port,
		     struct port_counters *ret_counters)
{
	const struct counters *counters = dataplane_counters(daemon->dataplane);

	memset(ret_counters, 0, sizeof(*ret_counters));
	if (counters && !port_ref_is_none(port))
		counters_sum(counters, port, ret_counters);
}

uint64_t report_lost(const struct port_counters *counters)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < DROP__COUNT; i++)
		lost += counters->dropped[i] + counters->missed[i];
	return lost;
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* The counts of one direction that are not zero, by the reasons' words. */
static json_t *reasons_make(const counter *counts)
{
	json_t *object = json_object();

	for (unsigned i = 1; object && i < DROP__COUNT; i++)
		if (counts[i])
			json_object_set_new(object, drop_word((enum drop)i), number(counts[i]));
	return object;
}

static void add_stats(json_t *list, const char *name, const struct port_counters *c)
{
	json_array_append_new(
		list,
		json_pack("{s:s, s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, "
			  "s:o, s:o}",
			  "port", name, "rx", "packets", number(c->rx_frames), "bytes",
			  number(c->rx_bytes), "drops", reasons_make(c->dropped), "tx", "packets",
			  number(c->tx_frames), "bytes", number(c->tx_bytes), "drops",
			  reasons_make(c->missed), "delivered", number(c->delivered), "consumed",
			  number(c->consumed), "offered", number(c->offered), "replicated",
			  number(c->replicated), "fdb_moves", number(c->fdb_moves),
			  "fdb_evictions", number(c->fdb_evictions), "segmented",
			  number(c->segmented)));
}

static void add_drops(json_t *list, const char *name, const struct port_counters *c)
{
	clock_ms now = loop_now();

	for (unsigned i = 1; i < DROP__COUNT; i++) {
		clock_ms last = c->dropped_last_ms[i] > c->missed_last_ms[i] ?
					c->dropped_last_ms[i] : c->missed_last_ms[i];

		if (!c->dropped[i] && !c->missed[i])
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "port", name,
					"reason", drop_word((enum drop)i), "explanation",
					drop_text((enum drop)i), "packets",
					number(c->dropped[i] + c->missed[i]), "rx_packets",
					number(c->dropped[i]), "tx_packets", number(c->missed[i]),
					"last_s",
					last ? number(now > last ? (now - last) / 1000 : 0) :
					       json_null()));
	}
}

/* A list of what @add says about params.port, or about every port that the caller sees. */
static json_t *each_port(struct api_call *call,
			 void (*add)(json_t *list, const char *name, const struct port_counters *c))
{
	const struct running *running = &call->daemon->running;
	const char *only = api_text(call, "port");
	json_t *list;

	if (only && !api_sees(call, only))
		return NULL;
	if (only && !model_port(running->model, only))
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no port `%s`", only);
	list = json_array();
	for (uint32_t i = 0; list && i < running->model->n_ports; i++) {
		const char *name = running->model->ports[i].name;
		struct port_counters counters;

		if (only ? strcmp(only, name) != 0 : !caller_sees(&call->caller, name))
			continue;
		report_counters(call->daemon, ids_port(running->ids, name), &counters);
		add(list, name, &counters);
	}
	return api_result(call, list);
}

json_t *report_stats(struct api_call *call)
{
	return each_port(call, add_stats);
}

json_t *report_drops(struct api_call *call)
{
	return each_port(call, add_drops);
}

static json_t *worker_make(unsigned index, const struct worker_counters *worker)
{
	uint64_t cpu = worker->cpu, busy = worker->busy_ns, idle = worker->idle_ns;
	uint64_t frames = worker->frames, cycles = worker->cycles;

	return json_pack("{s:i, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "worker",
			 (int)index, "cpu", cpu == UINT64_MAX ? json_null() : number(cpu),
			 "busy_percent",
			 busy + idle ? (double)busy * 100 / (double)(busy + idle) : 0.0,
			 "cycles_per_packet", frames ? number(cycles / frames) : json_null(),
			 "packets", number(frames), "ports", number(worker->ports), "bursts",
			 number(worker->bursts), "sleeps", number(worker->sleeps), "busy_ns",
			 number(busy), "idle_ns", number(idle));
}

json_t *report_workers(struct api_call *call)
{
	const struct counters *counters = dataplane_counters(call->daemon->dataplane);
	/* It was checked when it was mapped; shared memory is read once and bounded again. */
	uint32_t n = counters ? *(const volatile uint32_t *)&counters->n_workers : 0;
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n && i < LIMIT_WORKERS; i++)
		json_array_append_new(list, worker_make(i, &counters->workers[i]));
	return api_result(call, list);
}
