/*
 * report_counter - what was moved and what was lost, by port and by worker.
 */
#include <string.h>

#include "control/report.h"

const struct port_counters *report_counters(const struct daemon *daemon, struct port_ref port)
{
	/* Not on the stack: it is large, and aligned for writers in a hurry. */
	static struct port_counters sum;
	const struct counters *counters = dataplane_counters(daemon->dataplane);

	memset(&sum, 0, sizeof(sum));
	if (counters && !port_ref_is_none(port))
		counters_sum(counters, port, &sum);
	return &sum;
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

/* Packets, bytes and drops in one direction. */
static json_t *direction_make(uint64_t packets, uint64_t bytes, const counter *drops)
{
	json_t *object = json_object();

	json_object_set_new(object, "packets", number(packets));
	json_object_set_new(object, "bytes", number(bytes));
	json_object_set_new(object, "drops", reasons_make(drops));
	return object;
}

static void add_stats(json_t *list, const char *name, const struct port_counters *c)
{
	json_t *row = json_object();

	json_object_set_new(row, "port", json_string(name));
	json_object_set_new(row, "rx", direction_make(c->rx_frames, c->rx_bytes, c->dropped));
	json_object_set_new(row, "tx", direction_make(c->tx_frames, c->tx_bytes, c->missed));
	json_object_set_new(row, "delivered", number(c->delivered));
	json_object_set_new(row, "consumed", number(c->consumed));
	json_object_set_new(row, "offered", number(c->offered));
	json_object_set_new(row, "replicated", number(c->replicated));
	json_object_set_new(row, "fdb_moves", number(c->fdb_moves));
	json_object_set_new(row, "fdb_evictions", number(c->fdb_evictions));
	json_object_set_new(row, "segmented", number(c->segmented));
	json_array_append_new(list, row);
}

/* How long ago @ms was, in seconds; null if it never was. */
static json_t *age_or_null(clock_ms ms, clock_ms now)
{
	return ms ? number(now > ms ? (now - ms) / 1000 : 0) : json_null();
}

static clock_ms later(clock_ms a, clock_ms b)
{
	return a > b ? a : b;
}

static void add_drops(json_t *list, const char *name, const struct port_counters *c)
{
	clock_ms now = loop_now();

	for (unsigned i = 1; i < DROP__COUNT; i++) {
		uint64_t received = c->dropped[i], missed = c->missed[i];
		clock_ms last = later(c->dropped_last_ms[i], c->missed_last_ms[i]);
		json_t *row;

		if (!received && !missed)
			continue;
		row = json_object();
		json_object_set_new(row, "port", json_string(name));
		json_object_set_new(row, "reason", json_string(drop_word((enum drop)i)));
		json_object_set_new(row, "explanation", json_string(drop_text((enum drop)i)));
		json_object_set_new(row, "packets", number(received + missed));
		json_object_set_new(row, "rx_packets", number(received));
		json_object_set_new(row, "tx_packets", number(missed));
		json_object_set_new(row, "last_s", age_or_null(last, now));
		json_array_append_new(list, row);
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

		if (only ? strcmp(only, name) != 0 : !caller_sees(&call->caller, name))
			continue;
		add(list, name, report_counters(call->daemon, ids_port(running->ids, name)));
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
	uint64_t cpu = worker->cpu, ns = worker->recent_ns, busy = worker->recent_busy_ns;
	uint64_t frames = worker->recent_frames, cycles = worker->recent_cycles;
	double percent = ns ? (double)(busy < ns ? busy : ns) * 100 / (double)ns : 0;
	json_t *row = json_object();

	json_object_set_new(row, "worker", number(index));
	json_object_set_new(row, "cpu", cpu == UINT64_MAX ? json_null() : number(cpu));
	json_object_set_new(row, "busy_percent", json_real(percent));
	json_object_set_new(row, "cycles_per_packet",
			    frames ? number(cycles / frames) : json_null());
	json_object_set_new(row, "packets", number(worker->frames));
	json_object_set_new(row, "ports", number(worker->ports));
	json_object_set_new(row, "bursts", number(worker->bursts));
	json_object_set_new(row, "naps", number(worker->naps));
	json_object_set_new(row, "sleeps", number(worker->sleeps));
	json_object_set_new(row, "busy_ns", number(worker->busy_ns));
	json_object_set_new(row, "idle_ns", number(worker->idle_ns));
	return row;
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
