/*
 * api_change - see api_change.h.
 */
#include "control/api_change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/edit.h"

/* Ports that could not be opened: they do not fail the commit, but the user shall know. */
static json_t *failed_ports(struct daemon *daemon)
{
	const struct running *running = &daemon->running;
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < running->model->n_ports; i++) {
		const char *name = running->model->ports[i].name;
		struct attachment_report report;

		if (attachments_report(daemon->attachments, ids_port(running->ids, name),
				       &report) &&
		    report.state == ATTACHMENT_FAILED)
			json_array_append_new(list, json_pack("{s:s, s:o}", "name", name, "text",
							      api_json_text(report.text)));
	}
	return list;
}

/* A change can fail for what another tenant has: whose that is, and what, is not the caller's. */
static void hide_others(struct api_call *call)
{
	for (unsigned i = 0; i < call->problems.count; i++) {
		struct problem *problem = &call->problems.list[i];
		char tenant[LIMIT_NAME + 1];

		if (call->caller.full || sscanf(problem->path, "tenants.%63[^.]", tenant) != 1 ||
		    caller_sees(&call->caller, tenant))
			continue;
		problem_hide(problem, "it does not fit what another tenant has");
	}
}

/* Commit @document, or say what it would change. */
static json_t *change_commit(struct api_call *call, const struct document *document, bool dry_run)
{
	struct running_change change = {.document = document, .dry_run = dry_run};
	char why[RUNNING_WHY];
	json_t *changes = NULL, *result;
	int error = daemon_commit(call->daemon, &change, &call->problems, &changes, why);

	if (error) {
		problems_sort(&call->problems);
		hide_others(call);
		return api_fail_problems(call, error, why);
	}
	result = json_pack("{s:I, s:b, s:o, s:o}", "generation",
			   (json_int_t)call->daemon->running.state.generation, "dry_run", dry_run,
			   "changes", changes, "failed", failed_ports(call->daemon));
	return result ? result
		      : api_fail(call, API_FAILED, "no-answer",
				 "it is done, but there is no memory for the answer");
}

/* The texts of `files` as one document. */
static int files_read(struct api_call *call, struct document **ret_document)
{
	const json_t *files = json_object_get(call->params, "files");
	struct document *document = NULL;
	int error = document_create(&document);

	for (size_t i = 0; !error && i < json_array_size(files); i++) {
		const json_t *file = json_array_get(files, i);
		const char *name = json_string_value(json_object_get(file, "name"));
		const json_t *text = json_object_get(file, "text");

		if (!name || !json_is_string(text)) {
			error = -EPROTO;
			break;
		}
		error = document_add_text(document, name, json_string_value(text),
					  json_string_length(text), &call->problems);
		/* The model refuses it, and says what else is wrong. */
		if (error == -EINVAL)
			error = 0;
	}
	if (error) {
		document_destroy(document);
		return error;
	}
	*ret_document = document;
	return 0;
}

/* The whole document that applying `files` leads to. */
static int files_merge(struct api_call *call, struct document **ret_document)
{
	struct document *document = NULL;
	int error = files_read(call, &document);

	if (!error && !api_flag(call, "prune"))
		error = edit_merge(call->daemon->running.state.document, document);
	if (error) {
		document_destroy(document);
		return error;
	}
	*ret_document = document;
	return 0;
}

static json_t *change_files(struct api_call *call, bool dry_run)
{
	struct document *document;
	json_t *result;
	int error = files_merge(call, &document);

	if (error == -EPROTO)
		return api_fail(call, API_INVALID_PARAMS, "bad-params",
				"each of `files` is an object with `name` and `text`");
	if (error) {
		problems_sort(&call->problems);
		return api_fail_problems(call, error, strerror(-error));
	}
	result = change_commit(call, document, dry_run);
	document_destroy(document);
	return result;
}

json_t *change_apply(struct api_call *call)
{
	return change_files(call, api_flag(call, "dry_run"));
}

json_t *change_diff(struct api_call *call)
{
	return change_files(call, true);
}

/*
 * May a tenant's user give these fields? Not what reaches out of the tenant:
 * interfaces of the host, sockets elsewhere, and tags on wires that it shares.
 */
static bool fields_allowed(struct api_call *call, const json_t *fields)
{
	static const char *const reserved[] = {"tap", "device", "pcap", "vlan", "mode", "worker"};
	const char *path = json_string_value(json_object_get(fields, "vhost-user"));

	if (call->caller.full)
		return true;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (json_object_get(fields, reserved[i])) {
			api_fail(call, API_DENIED, "denied", "`%s` is for the operator to set",
				 reserved[i]);
			return false;
		}
	if (path && strchr(path, '/')) {
		api_fail(call, API_DENIED, "denied",
			 "a socket outside of the run directory is for the operator to set");
		return false;
	}
	return true;
}

typedef int edit_function(const json_t *base, enum edit_kind kind, const char *name,
			  const json_t *fields, struct problems *problems, json_t **ret);

static int delete_without_fields(const json_t *base, enum edit_kind kind, const char *name,
				 const json_t *fields, struct problems *problems, json_t **ret)
{
	return edit_delete(base, kind, name, problems, ret);
}

/* Commit the running document with one object edited. */
static json_t *change_object(struct api_call *call, edit_function *edit)
{
	const char *name = api_text(call, "name");
	json_t *fields = json_object_get(call->params, "fields");
	json_t *empty = fields ? json_incref(fields) : json_object();
	struct document *document = NULL;
	json_t *edited = NULL, *result;
	int error;

	if (!api_sees(call, name) || !fields_allowed(call, fields)) {
		json_decref(empty);
		return NULL;
	}
	error = edit(call->daemon->running.state.document, call->kind, name, empty, &call->problems,
		     &edited);
	if (!error)
		error = document_from_json(edited, &document);
	json_decref(edited);
	json_decref(empty);
	if (error)
		return api_fail_problems(call, error, strerror(-error));
	result = change_commit(call, document, api_flag(call, "dry_run"));
	document_destroy(document);
	return result;
}

json_t *change_add(struct api_call *call)
{
	return change_object(call, edit_add);
}

json_t *change_set(struct api_call *call)
{
	return change_object(call, edit_set);
}

json_t *change_delete(struct api_call *call)
{
	json_t *result = change_object(call, delete_without_fields);

	/* What still refers to the object is not "not found": it is in the way. */
	if (!result && call->code == API_NOT_FOUND && call->problems.count &&
	    call->problems.list[0].reason == PROBLEM_NO_SUCH_NAME) {
		call->code = API_CONFLICT;
		problems_hint_all(&call->problems, PROBLEM_NO_SUCH_NAME,
				  "it is still named here; change this first");
	}
	return result;
}

typedef int flush_function(struct dataplane *dataplane, uint16_t network, struct port_ref port,
			   uint32_t *ret_count, char ret_why[static DATAPLANE_WHY]);

/* Forget what @flush is about in @network (0: all networks); its count is added to @ret_count. */
static int flush_one(struct api_call *call, flush_function *flush, uint16_t network,
		     uint32_t *ret_count, char why[static DATAPLANE_WHY])
{
	uint32_t count;
	int error = flush(call->daemon->dataplane, network, PORT_NONE, &count, why);

	if (!error)
		*ret_count += count;
	return error;
}

static json_t *change_flush(struct api_call *call, flush_function *flush)
{
	const struct running *running = &call->daemon->running;
	const char *network = api_text(call, "network");
	char why[DATAPLANE_WHY];
	uint32_t count = 0;
	int error = 0;

	if (network) {
		uint16_t id = ids_network(running->ids, network);

		if (!api_sees(call, network))
			return NULL;
		if (!id)
			return api_fail(call, API_NOT_FOUND, "not-found",
					"there is no network `%s`", network);
		error = flush_one(call, flush, id, &count, why);
	} else if (call->caller.full) {
		error = flush_one(call, flush, 0, &count, why);
	} else {
		for (uint32_t i = 0; !error && i < running->model->n_networks; i++)
			if (caller_sees(&call->caller, running->model->networks[i].name))
				error = flush_one(
					call, flush,
					ids_network(running->ids, running->model->networks[i].name),
					&count, why);
	}
	if (error)
		return api_fail_problems(call, error, why);
	return api_result(call, json_pack("{s:I}", "flushed", (json_int_t)count));
}

json_t *change_fdb_flush(struct api_call *call)
{
	return change_flush(call, dataplane_flush_fdb);
}

json_t *change_session_flush(struct api_call *call)
{
	return change_flush(call, dataplane_flush_sessions);
}
