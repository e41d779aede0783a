/*
 * api - see api.h.
 */
#include "control/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api_change.h"
#include "control/json_text.h"
#include "control/reach.h"
#include "control/records.h"
#include "control/report.h"
#include "control/trace.h"
#include "control/why.h"

enum { PARAMS_MAX = 4 };

enum param_type {
	PARAM_TEXT = 1,
	PARAM_FLAG,
	PARAM_LIST,
	PARAM_NUMBER,
	PARAM_ANY,
	PARAM_NEEDED = 16, /* or-ed to it */
};

enum audience {
	FOR_ALL,      /* tenants' users, too: the method looks only at what they see */
	FOR_OPERATOR, /* who may do everything */
};

static const struct method {
	const char *name;
	enum audience audience;
	api_method *run;
	enum edit_kind kind;
	struct {
		const char *name;
		int type;
	} params[PARAMS_MAX];
} methods[] = {
/* clang-format off */
#define NAME {"name", PARAM_TEXT | PARAM_NEEDED}
#define CHANGE NAME, {"fields", PARAM_ANY}, {"dry_run", PARAM_FLAG}
#define OBJECT(word, kind, list, who)                                                              \
	{word ".list", FOR_ALL, list, kind, {{0}}},                                                \
	{word ".show", FOR_ALL, report_object, kind, {NAME}},                                      \
	{word ".add", who, change_add, kind, {CHANGE}},                                            \
	{word ".set", who, change_set, kind, {CHANGE}},                                            \
	{word ".delete", who, change_delete, kind, {NAME, {"dry_run", PARAM_FLAG}}}
	OBJECT("tenant", EDIT_TENANT, report_tenants, FOR_OPERATOR),
	OBJECT("network", EDIT_NETWORK, report_networks, FOR_ALL),
	OBJECT("address-set", EDIT_SET, report_sets, FOR_ALL),
	OBJECT("group", EDIT_GROUP, report_lists, FOR_ALL),
	OBJECT("acl", EDIT_ACL, report_lists, FOR_ALL),
	OBJECT("port", EDIT_PORT, report_ports, FOR_ALL),
	OBJECT("uplink", EDIT_UPLINK, report_ports, FOR_OPERATOR),
	{"apply", FOR_OPERATOR, change_apply, 0,
	 {{"files", PARAM_LIST | PARAM_NEEDED}, {"prune", PARAM_FLAG}, {"dry_run", PARAM_FLAG}}},
	{"diff", FOR_OPERATOR, change_diff, 0,
	 {{"files", PARAM_LIST | PARAM_NEEDED}, {"prune", PARAM_FLAG}}},
	{"export", FOR_OPERATOR, report_document, 0, {{0}}},
	{"fdb.list", FOR_ALL, report_fdb, EDIT_NETWORK, {{"network", PARAM_TEXT}}},
	{"multicast.list", FOR_ALL, report_multicast, EDIT_NETWORK, {{"network", PARAM_TEXT}}},
	{"fdb.flush", FOR_ALL, change_fdb_flush, EDIT_NETWORK, {{"network", PARAM_TEXT}}},
	{"session.list", FOR_ALL, report_sessions, EDIT_NETWORK,
	 {{"network", PARAM_TEXT}, {"from", PARAM_NUMBER}}},
	{"session.flush", FOR_ALL, change_session_flush, EDIT_NETWORK, {{"network", PARAM_TEXT}}},
	{"rule.list", FOR_ALL, report_rules, EDIT_PORT, {{"port", PARAM_TEXT}}},
	{"rule.log", FOR_ALL, records_report, EDIT_PORT, {{"port", PARAM_TEXT}}},
	{"stats", FOR_ALL, report_stats, EDIT_PORT, {{"port", PARAM_TEXT}}},
	{"drops", FOR_ALL, report_drops, EDIT_PORT, {{"port", PARAM_TEXT}}},
	{"why", FOR_ALL, why_port, EDIT_PORT, {{"port", PARAM_TEXT | PARAM_NEEDED}}},
	{"usage", FOR_ALL, report_usage, EDIT_TENANT, {{"tenant", PARAM_TEXT}}},
	{"worker.list", FOR_OPERATOR, report_workers, 0, {{0}}},
	{"status", FOR_ALL, report_status, 0, {{0}}},
	{"version", FOR_ALL, report_version, 0, {{0}}},
	{"trace", FOR_ALL, trace_port, EDIT_PORT,
	 {{"port", PARAM_TEXT | PARAM_NEEDED}, {"frame", PARAM_TEXT}, {"hex", PARAM_TEXT},
	  {"length", PARAM_ANY}}},
	{"trace.explain", FOR_ALL, reach_explain, EDIT_PORT,
	 {{"from", PARAM_TEXT | PARAM_NEEDED}, {"to", PARAM_TEXT | PARAM_NEEDED}}},
	{"watch", FOR_ALL, report_watch, 0, {{0}}},
#undef OBJECT
#undef CHANGE
#undef NAME
	/* clang-format on */
};

json_t *api_fail(struct api_call *call, enum api_code code, const char *reason, const char *format,
		 ...)
{
	va_list arguments;

	call->code = code;
	call->reason = reason;
	va_start(arguments, format);
	vsnprintf(call->message, sizeof(call->message), format, arguments);
	va_end(arguments);
	return NULL;
}

/* Of what sort is a problem, if a command has no other? */
static enum api_code problem_code(enum problem_reason reason)
{
	switch (reason) {
	case PROBLEM_NOT_FOUND:
	case PROBLEM_NO_SUCH_NAME: return API_NOT_FOUND;
	case PROBLEM_EXISTS:
	case PROBLEM_NOT_EMPTY:
	case PROBLEM_VLAN_TWICE:
	case PROBLEM_MAC_TWICE:
	case PROBLEM_DEVICE_TWICE: return API_CONFLICT;
	case PROBLEM_QUOTA:
	case PROBLEM_LIMIT: return API_QUOTA;
	default: return API_FAILED;
	}
}

json_t *api_fail_problems(struct api_call *call, int error, const char *why)
{
	const struct problems *problems = &call->problems;
	enum api_code code;

	if (!problems->total)
		return api_fail(call, error == -ETIMEDOUT ? API_TIMEOUT : API_FAILED,
				error == -ETIMEDOUT ? "time-out"
				: error == -EPIPE   ? "no-dataplane"
				: error == -ENOMEM  ? "no-memory"
				: error == -EPERM   ? "isolation"
						    : "failed",
				"%s", why);
	code = problems->count ? problem_code(problems->list[0].reason) : API_FAILED;
	for (unsigned i = 1; i < problems->count; i++)
		if (problem_code(problems->list[i].reason) != code)
			code = API_FAILED;
	if (problems->total == 1 && problems->count)
		return api_fail(call, code, problem_word(problems->list[0].reason), "%s",
				problems->list[0].message);
	return api_fail(call, code,
			problems->count ? problem_word(problems->list[0].reason) : "failed",
			"%u problems", problems->total);
}

json_t *api_result(struct api_call *call, json_t *result)
{
	return result ? result : api_fail(call, API_FAILED, "no-memory", "no memory");
}

const char *api_text(const struct api_call *call, const char *key)
{
	return json_string_value(json_object_get(call->params, key));
}

bool api_flag(const struct api_call *call, const char *key)
{
	return json_is_true(json_object_get(call->params, key));
}

json_t *api_json_text(const char *text)
{
	json_t *json = json_string(text);
	char *copy;

	if (json || !(copy = strdup(text)))
		return json;
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	json = json_string(copy);
	free(copy);
	return json;
}

bool api_sees(struct api_call *call, const char *name)
{
	if (caller_sees(&call->caller, name))
		return true;
	api_fail(call, API_NOT_FOUND, "not-found", "there is no %s `%s`",
		 edit_kind_word(call->kind), name);
	return false;
}

const struct model_network *api_network(struct api_call *call, const char *name)
{
	const struct model_network *network = model_network(call->daemon->running.model, name);

	if (network && caller_sees_network(&call->caller, network))
		return network;
	api_fail(call, API_NOT_FOUND, "not-found", "there is no network `%s`", name);
	return NULL;
}

bool api_sees_list(const struct api_call *call, uint16_t number)
{
	const struct policy *policy = call->daemon->running.policy;

	return number < policy->n_rules && policy_rules(policy, number)->kind &&
	       caller_sees(&call->caller, policy_at(policy, policy_rules(policy, number)->name));
}

const char *api_port_name(const struct api_call *call, const struct model_port *port)
{
	if (caller_sees(&call->caller, port->name))
		return port->name;
	return port->tenant ? "(another tenant's)" : "(uplink)";
}

static const struct method *method_find(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

static bool param_fits(int type, const json_t *value)
{
	switch (type & ~PARAM_NEEDED) {
	case PARAM_TEXT: return json_is_string(value);
	case PARAM_FLAG: return json_is_boolean(value);
	case PARAM_LIST: return json_is_array(value);
	case PARAM_NUMBER: return json_is_integer(value);
	default: return true;
	}
}

/* Are the members of params those that @method has, and of their types? */
static bool params_check(struct api_call *call, const struct method *method)
{
	const char *key;
	json_t *value;

	for (unsigned i = 0; i < PARAMS_MAX && method->params[i].name; i++) {
		value = json_object_get(call->params, method->params[i].name);
		if (!value && !(method->params[i].type & PARAM_NEEDED))
			continue;
		if (!value || !param_fits(method->params[i].type, value)) {
			api_fail(call, API_INVALID_PARAMS, "bad-params", "%s: `%s` is %s",
				 method->name, method->params[i].name,
				 value ? "of the wrong type" : "missing");
			return false;
		}
	}
	json_object_foreach ((json_t *)(uintptr_t)call->params, key, value) {
		bool is_known = false;

		for (unsigned i = 0; i < PARAMS_MAX && method->params[i].name; i++)
			is_known |= !strcmp(method->params[i].name, key);
		if (!is_known) {
			api_fail(call, API_INVALID_PARAMS, "bad-params",
				 "%s: there is no parameter `%.60s`", method->name, key);
			return false;
		}
	}
	return true;
}

/* Run the method that @request asks for: its result, or NULL and the reasons in @call. */
static json_t *request_run(struct api_call *call, const json_t *request)
{
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));
	const char *name = json_string_value(json_object_get(request, "method"));
	const json_t *params = json_object_get(request, "params");
	const struct method *method;

	if (!caller_is_known(&call->caller))
		return api_fail(call, API_DENIED, "denied",
				"user %u is not allowed to control this switch",
				(unsigned)call->caller.peer->uid);
	if (!json_is_object(request))
		return api_fail(call, API_INVALID_REQUEST, "invalid-request",
				"a request is one JSON object");
	if (!version || strcmp(version, "2.0") || !name)
		return api_fail(call, API_INVALID_REQUEST, "invalid-request",
				"not a JSON-RPC 2.0 request: it needs `jsonrpc` and `method`");
	if (params && !json_is_object(params))
		return api_fail(call, API_INVALID_PARAMS, "bad-params", "params is not an object");
	method = method_find(name);
	if (!method)
		return api_fail(call, API_NO_SUCH_METHOD, "no-such-method",
				"there is no method `%.60s`", name);
	if (method->audience == FOR_OPERATOR && !call->caller.full)
		return api_fail(call, API_DENIED, "denied", "%s is not for users of a tenant",
				method->name);
	call->kind = method->kind;
	call->params = params;
	return params_check(call, method) ? method->run(call) : NULL;
}

static json_t *error_make(const struct api_call *call)
{
	json_t *error = json_pack("{s:i, s:o, s:{s:s}}", "code", (int)call->code, "message",
				  api_json_text(call->message), "data", "reason", call->reason);
	json_t *problems;
	const struct problem *first = call->problems.list;

	if (!error || !call->problems.count)
		return error;
	problems = problems_json(&call->problems);
	json_object_set_new(json_object_get(error, "data"), "problems", problems);
	json_object_set_new(json_object_get(error, "data"), "path", json_string(first->path));
	if (first->hint)
		json_object_set_new(json_object_get(error, "data"), "hint",
				    json_string(first->hint));
	return error;
}

/* Without the id, which would need memory: whoever asked must look what runs now. */
static const char no_memory[] =
	"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"there is no memory for "
	"the answer\",\"data\":{\"reason\":\"no-answer\"}}}";

/* The answer to a request with @id, which is taken; @result, too. */
static char *answer_make(json_t *id, json_t *result, const struct api_call *call)
{
	json_t *answer;
	char *text = NULL;

	if (result)
		answer = json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
	else
		answer = json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id, "error",
				   error_make(call));
	if (answer)
		text = json_text_write(answer, NULL);
	json_decref(answer);
	return text ? text : strdup(no_memory);
}

char *api_answer(struct daemon *daemon, struct rpc_client *client, const struct rpc_peer *peer,
		 const char *line, size_t length)
{
	struct api_call call = {
		.daemon = daemon,
		.client = client,
		.caller = caller_make(daemon->rights, peer),
	};
	json_error_t error;
	json_t *request = json_text_read(line, length, JSON_REJECT_DUPLICATES, &error);
	json_t *id = json_object_get(request, "id");
	json_t *result = NULL;
	char *text = NULL;
	/* JSON-RPC 2.0, 4.1: without an id it is a notification, which has no answer. */
	bool silent = json_is_object(request) && !id;

	if (!request)
		api_fail(&call, API_PARSE_ERROR, "parse-error", "not JSON: column %d: %s",
			 error.column, error.text);
	else if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		api_fail(&call, API_INVALID_REQUEST, "invalid-request",
			 "the id is neither a text nor a number");
	else
		result = request_run(&call, request);
	if (silent)
		json_decref(result);
	else
		text = answer_make(json_is_string(id) || json_is_number(id) ? json_incref(id)
									    : json_null(),
				   result, &call);
	problems_clear(&call.problems);
	json_decref(request);
	return text;
}

void api_publish(struct daemon *daemon, const char *about, json_t *params)
{
	json_t *event =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", "event", "params", params);
	char *text = event ? json_text_write(event, NULL) : NULL;
	struct rpc_client *client = NULL;

	while (text && daemon->rpc && (client = rpc_server_next_subscriber(daemon->rpc, client))) {
		struct caller caller = caller_make(daemon->rights, rpc_client_peer(client));

		if (!about || caller_sees(&caller, about))
			rpc_client_publish(client, text);
	}
	free(text);
	json_decref(event);
}
