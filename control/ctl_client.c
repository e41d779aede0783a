/*
 * ctl_client - the connection to sluiced: lines out, lines in, errors in words.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl.h"

enum {
	READ_CHUNK = 64 << 10,
	ANSWER_MAX = 256 << 20, /* a daemon that says more is not ours */
};

int ctl_fail(struct ctl *ctl, int status, const char *format, ...)
{
	va_list arguments;

	fputs("sluicectl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	ctl->status = status;
	return status;
}

static bool ctl_connect(struct ctl *ctl)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = ctl->timeout_s};
	int error;

	if (ctl->socket >= 0)
		return true;
	if (strlen(ctl->socket_path) >= sizeof(address.sun_path)) {
		ctl_fail(ctl, CTL_USAGE, "the path of a socket has at most %zu bytes: %s",
			 sizeof(address.sun_path) - 1, ctl->socket_path);
		return false;
	}
	memcpy(address.sun_path, ctl->socket_path, strlen(ctl->socket_path) + 1);
	ctl->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ctl->socket >= 0) {
		/* They also limit connect(), when the daemon's backlog is full. */
		setsockopt(ctl->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		setsockopt(ctl->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (!connect(ctl->socket, (struct sockaddr *)&address, sizeof(address)))
			return true;
	}
	error = errno;
	if (error == EACCES || error == EPERM)
		ctl_fail(ctl, CTL_DENIED, "%s: you are not allowed to control this switch",
			 ctl->socket_path);
	else if (error == EAGAIN)
		ctl_fail(ctl, CTL_TIMEOUT, "%s: sluiced does not take the connection",
			 ctl->socket_path);
	else
		ctl_fail(ctl, CTL_NO_DAEMON,
			 "%s: %s: is sluiced running? (--socket PATH or "
			 "SLUICE_SOCKET name another)",
			 ctl->socket_path, strerror(error));
	ctl_close(ctl);
	return false;
}

void ctl_close(struct ctl *ctl)
{
	if (ctl->socket >= 0)
		close(ctl->socket);
	ctl->socket = -1;
	free(ctl->input);
	ctl->input = NULL;
	ctl->input_length = 0;
}

/* The connection failed with errno. */
static void connection_lost(struct ctl *ctl)
{
	if (errno == EAGAIN)
		ctl_fail(ctl, CTL_TIMEOUT, "sluiced did not answer within %u s", ctl->timeout_s);
	else
		ctl_fail(ctl, CTL_NO_DAEMON, "the connection to sluiced broke: %s",
			 strerror(errno));
	ctl_close(ctl);
}

static bool line_send(struct ctl *ctl, const char *line, size_t length)
{
	size_t sent = 0;

	while (sent < length) {
		ssize_t n = send(ctl->socket, line + sent, length - sent, MSG_NOSIGNAL);

		/* A daemon that refuses a request may close before it has read all of it. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return true;
		if (n < 0 && errno != EINTR) {
			connection_lost(ctl);
			return false;
		}
		sent += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* One line of input as JSON; waits for it. */
static json_t *line_receive(struct ctl *ctl)
{
	json_error_t error;
	json_t *message;
	size_t scanned = 0;
	char *end;

	while (!(end = ctl->input_length > scanned
			       ? memchr(ctl->input + scanned, '\n', ctl->input_length - scanned)
			       : NULL)) {
		char *input = realloc(ctl->input, ctl->input_length + READ_CHUNK);
		ssize_t n;

		scanned = ctl->input_length;
		if (!input || ctl->input_length > ANSWER_MAX) {
			ctl_fail(ctl, CTL_FAILED, "the answer is too long");
			return NULL;
		}
		ctl->input = input;
		do
			n = recv(ctl->socket, input + ctl->input_length, READ_CHUNK, 0);
		while (n < 0 && errno == EINTR);
		if (n <= 0) {
			errno = n < 0 ? errno : ECONNRESET;
			connection_lost(ctl);
			return NULL;
		}
		ctl->input_length += (size_t)n;
	}
	message = json_loadb(ctl->input, (size_t)(end - ctl->input), 0, &error);
	ctl->input_length -= (size_t)(end + 1 - ctl->input);
	memmove(ctl->input, end + 1, ctl->input_length);
	if (!message)
		ctl_fail(ctl, CTL_FAILED, "sluiced's answer is not JSON: %s", error.text);
	return message;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void problem_print(const json_t *problem)
{
	const char *file = text_of(problem, "file"), *path = text_of(problem, "path");
	const char *hint = text_of(problem, "hint"), *message = text_of(problem, "message");

	if (file)
		fprintf(stderr, "%s:%lld:%lld: ", file,
			(long long)json_integer_value(json_object_get(problem, "line")),
			(long long)json_integer_value(json_object_get(problem, "column")));
	if (path && *path)
		fprintf(stderr, "%s: ", path);
	fprintf(stderr, "%s%s%s\n", message ? message : "", hint ? "; " : "", hint ? hint : "");
}

/* What an error of the API says, in the same form as any other of our errors. */
static void error_print(struct ctl *ctl, const json_t *error)
{
	json_int_t code = json_integer_value(json_object_get(error, "code"));
	const json_t *problems = json_object_get(json_object_get(error, "data"), "problems");
	const char *message = text_of(error, "message");
	const json_t *problem;
	size_t i;

	json_array_foreach (problems, i, problem)
		problem_print(problem);
	ctl->status = code > 0 && code <= CTL_TIMEOUT	 ? (int)code
		      : code == -32601 || code == -32602 ? CTL_USAGE
							 : CTL_FAILED;
	/* One problem has said it already. */
	if (json_array_size(problems) != 1)
		ctl_fail(ctl, ctl->status, "%s", message ? message : "failed");
}

json_t *ctl_call(struct ctl *ctl, const char *method, json_t *params)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", params ? params : json_object());
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t length = text ? strlen(text) : 0;
	json_t *answer = NULL, *result = NULL;

	json_decref(request);
	if (!text) {
		ctl_fail(ctl, CTL_FAILED, "no memory");
		return NULL;
	}
	text[length] = '\n'; /* in the place of its NUL */
	if (ctl_connect(ctl) && line_send(ctl, text, length + 1))
		answer = line_receive(ctl);
	free(text);
	if (!answer)
		return NULL;
	result = json_incref(json_object_get(answer, "result"));
	if (!result)
		error_print(ctl, json_object_get(answer, "error"));
	json_decref(answer);
	return result;
}

json_t *ctl_next_event(struct ctl *ctl)
{
	const struct timeval forever = {0};
	json_t *message, *event;

	setsockopt(ctl->socket, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	message = line_receive(ctl);
	event = json_incref(json_object_get(message, "params"));
	json_decref(message);
	return event;
}
