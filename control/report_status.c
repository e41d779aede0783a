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
		json_object_set_new(ports, attachment_state_word(state),
				    json_integer(count[state]));
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

static json_t *dataplane_make(const struct dataplane_report *report)
{
	bool runs = report->state == DATAPLANE_RUNNING;
	json_t *object = json_object();

	json_object_set_new(object, "pid", runs ? json_integer(report->pid) : json_null());
	json_object_set_new(object, "state", json_string(state_word(report->state)));
	json_object_set_new(object, "since_s",
			    json_integer((json_int_t)((loop_now() - report->since) / 1000)));
	json_object_set_new(object, "restarts", json_integer(report->restarts));
	json_object_set_new(object, "workers", json_integer(report->workers));
	json_object_set_new(object, "trouble",
			    *report->trouble ? api_json_text(report->trouble) : json_null());
	return object;
}

json_t *report_status(struct api_call *call)
{
	const struct daemon *daemon = call->daemon;
	struct dataplane_report dataplane = dataplane_report(daemon->dataplane);
	json_int_t generation = (json_int_t)daemon->running.state.generation;
	json_int_t uptime_s = (json_int_t)((loop_now() - daemon->started) / 1000);
	json_t *status = json_object();

	json_object_set_new(status, "version", json_string(SLUICE_VERSION));
	json_object_set_new(status, "generation", json_integer(generation));
	json_object_set_new(status, "uptime_s", json_integer(uptime_s));
	json_object_set_new(status, "dataplane", dataplane_make(&dataplane));
	json_object_set_new(status, "ports", count_states(call));
	return api_result(call, status);
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
