/*
 * report_status - status, version, and events.
 */
#include "control/build.h"
#include "control/report.h"

/* How many ports that the caller sees are in each state. */
static json_t *count_states(const struct api_call *call)
{
	const struct running *running = &call->daemon->running;
	json_int_t count[4] = {0};
	json_t *ports = json_object();

	for (uint32_t i = 0; i < running->model->n_ports; i++) {
		const char *name = running->model->ports[i].name;
		struct attachment_report report;

		if (caller_sees(&call->caller, name) &&
		    attachments_report(call->daemon->attachments, ids_port(running->ids, name),
				       &report))
			count[report.state]++;
	}
	for (unsigned state = 0; state < sizeof(count) / sizeof(*count); state++)
		json_object_set_new(ports, attachment_state_word(state), json_integer(count[state]));
	return ports;
}

static const char *state_word(enum dataplane_state state)
{
	switch (state) {
	case DATAPLANE_RUNNING: return "running";
	case DATAPLANE_STARTING: return "starting";
	case DATAPLANE_FAILED: return "failed";
	}
	return "failed";
}

json_t *report_status(struct api_call *call)
{
	const struct daemon *daemon = call->daemon;
	struct dataplane_report dataplane = dataplane_report(daemon->dataplane);
	clock_ms now = loop_now();
	json_t *trouble = *dataplane.trouble ? api_json_text(dataplane.trouble) : json_null();

	return api_result(
		call,
		json_pack("{s:s, s:I, s:I, s:{s:i, s:s, s:I, s:i, s:i, s:o}, s:o}", "version",
			  SLUICE_VERSION, "generation", (json_int_t)daemon->running.state.generation,
			  "uptime_s", (json_int_t)((now - daemon->started) / 1000), "dataplane",
			  "pid", dataplane.state == DATAPLANE_RUNNING ? (int)dataplane.pid : 0,
			  "state", state_word(dataplane.state), "since_s",
			  (json_int_t)((now - dataplane.since) / 1000), "restarts",
			  (int)dataplane.restarts, "workers", (int)dataplane.workers, "trouble",
			  trouble, "ports", count_states(call)));
}

json_t *report_version(struct api_call *call)
{
	return api_result(call, json_pack("{s:s, s:i, s:i}", "version", SLUICE_VERSION, "policy",
					  POLICY_VERSION, "channel", CHANNEL_VERSION));
}

json_t *report_watch(struct api_call *call)
{
	if (!call->client)
		return api_fail(call, API_FAILED, "failed", "there is no connection to watch on");
	rpc_client_subscribe(call->client);
	return api_result(call, json_pack("{s:I}", "generation",
					  (json_int_t)call->daemon->running.state.generation));
}
