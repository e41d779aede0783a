/*
 * api - what a request line says, and the answer.
 *
 * JSON-RPC 2.0: one object a line, in and out; `params` is an object. Methods
 * are the commands' names (`port.add`, `apply`, `fdb.list`). An error's `code`
 * is one of JSON-RPC's own, or the exit code that sluicectl will end with; its
 * `data` holds `reason` (a stable word), and where there are problems with a
 * document, the first one's `path` and `hint` and all of them in `problems`.
 *
 * This file knows the protocol and the table of methods. The methods themselves
 * are in api_change.c (what changes the configuration) and the report_*.c (what
 * is to be seen), one function each: params in, result out.
 */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include <jansson.h>
#include <stddef.h>

#include "control/caller.h"
#include "control/daemon.h"
#include "control/edit.h"
#include "control/problem.h"

/* Errors, which are sluicectl's exit codes; below zero they are JSON-RPC's. */
enum api_code {
	API_FAILED = 1,
	API_USAGE = 2,
	API_NOT_FOUND = 3,
	API_DENIED = 4,
	API_CONFLICT = 5,
	API_QUOTA = 6,
	API_NO_DAEMON = 7,
	API_TIMEOUT = 8,
	API_PARSE_ERROR = -32700,
	API_INVALID_REQUEST = -32600,
	API_NO_SUCH_METHOD = -32601,
	API_INVALID_PARAMS = -32602,
};

enum { API_TEXT = 512 };

/* One call of one method. */
struct api_call {
	struct daemon *daemon;
	struct rpc_client *client; /* NULL: none (fuzzing) */
	struct caller caller;
	enum edit_kind kind;  /* of the objects that the method is about, if it is about one */
	const json_t *params; /* an object, with the members that the method has */
	/* why it failed */
	enum api_code code;
	const char *reason;
	char message[API_TEXT];
	struct problems problems;
};

/*
 * Answer @line (@length bytes) of @peer: a malloc()ed JSON text, or NULL if no
 * answer is due (a notification, or no memory).
 */
char *api_answer(struct daemon *daemon, struct rpc_client *client, const struct rpc_peer *peer,
		 const char *line, size_t length);

/* Tell subscribers: a notification `event` with @params, which is taken. @about: whose object it is. */
void api_publish(struct daemon *daemon, const char *about, json_t *params);

/* ---- for the methods, each of which returns its result or NULL after api_fail() ---- */

typedef json_t *api_method(struct api_call *call);

/* Note why @call fails; returns NULL, for `return api_fail(...)`. */
json_t *api_fail(struct api_call *call, enum api_code code, const char *reason, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* The same for problems, and for an errno without any; @why explains the latter. */
json_t *api_fail_problems(struct api_call *call, int error, const char *why);

/* @result, or the failure that stands for NULL. */
json_t *api_result(struct api_call *call, json_t *result);

/* A member of params: NULL or false if it is not there (or JSON's null). */
const char *api_text(const struct api_call *call, const char *key);
bool api_flag(const struct api_call *call, const char *key);

/* Does `params.name` exist for the caller? Otherwise false, after api_fail(). */
bool api_sees(struct api_call *call, const char *name);

/* The network @name, if it is the caller's or shared with him; otherwise NULL, after api_fail(). */
const struct model_network *api_network(struct api_call *call, const char *name);

/* Are the rules of list @number of the running policy the caller's? */
bool api_sees_list(const struct api_call *call, uint16_t number);

/* What the caller may know of a port by: its name, or what it is to him. */
const char *api_port_name(const struct api_call *call, const struct model_port *port);

/* A text of uncertain origin as a JSON string: what is no UTF-8 is replaced. */
json_t *api_json_text(const char *text);

#endif
