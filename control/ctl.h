/*
 * ctl - what the files of sluicectl share: options for the whole program, the
 * connection, and exit codes.
 */
#ifndef CONTROL_CTL_H
#define CONTROL_CTL_H

#include <jansson.h>
#include <stdbool.h>

/* INTERFACE: what scripts may rely on. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_FOUND = 3,
	CTL_DENIED = 4,
	CTL_CONFLICT = 5,
	CTL_QUOTA = 6,
	CTL_NO_DAEMON = 7,
	CTL_TIMEOUT = 8,
};

enum ctl_format {
	CTL_TABLE,
	CTL_JSON,
	CTL_YAML,
};

struct ctl {
	const char *socket_path;
	enum ctl_format format;
	unsigned timeout_s;
	bool color;
	int socket;  /* -1: not connected yet */
	char *input; /* bytes received behind the last answer */
	size_t input_length;
	int status; /* why the last call failed: enum ctl_exit */
};

/* Say what is wrong, on stderr, and note @status: returns it. */
int ctl_fail(struct ctl *ctl, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Call @method of the daemon with @params, which are taken (NULL: none). The
 * result, the caller's; or NULL after all that is wrong was said on stderr, and
 * ctl->status tells what sort it is of.
 */
json_t *ctl_call(struct ctl *ctl, const char *method, json_t *params);

/* The next event after a `watch`; waits for it. NULL as above. */
json_t *ctl_next_event(struct ctl *ctl);

void ctl_close(struct ctl *ctl);

#endif
