/*
 * daemon - the parts of sluiced, put together.
 *
 * One thread; everything lives from daemon_create() to daemon_destroy(). Who
 * answers requests (api.h and its methods) sees the parts; they are changed
 * only by the functions here.
 */
#ifndef CONTROL_DAEMON_H
#define CONTROL_DAEMON_H

#include "control/attachment.h"
#include "control/caller.h"
#include "control/dataplane.h"
#include "control/loop.h"
#include "control/netdev.h"
#include "control/placement.h"
#include "control/rpc.h"
#include "control/running.h"

/* Names in the run directory that are the daemon's own; NULL at the end. */
extern const char *const daemon_taken[];

struct daemon_options {
	const char *config; /* file or directory; NULL: none */
	const char *state_dir;
	const char *run_dir; /* absolute; exists, and is ours alone */
	const char *dp_program;
	const char *workers; /* CPULIST or NULL */
	const char *latency; /* microseconds or NULL */
};

struct daemon {
	struct daemon_options options;
	struct loop *loop;
	struct store *store;
	struct dataplane *dataplane;
	struct attachments *attachments;
	struct netdev_monitor *monitor;
	struct placement *placement;
	struct records *records; /* of rules that say `log` */
	struct running running;
	struct rights *rights; /* of running.model */
	struct rpc_server *rpc;
	char *socket_path; /* the control socket */
	int socket_fd;	   /* its listener, the server's */
	clock_ms started;
};

/*
 * Bring everything up: what is stored or configured runs, and the sockets
 * stand. What goes wrong is said on stderr. The daemon keeps @options.
 */
int daemon_create(const struct daemon_options *options, struct loop *loop,
		  struct daemon **ret_daemon) __attribute__((warn_unused_result));

/*
 * End this process's part. @stop: the data plane and the sockets, too; otherwise
 * frames go on, and the next sluiced takes over. NULL is fine.
 */
void daemon_destroy(struct daemon *daemon, bool stop);

/*
 * Read the configuration file or directory, and apply it if it is not what was
 * last applied from it. Problems are said on stderr; 0, or -errno and all is as
 * it was.
 */
int daemon_configure(struct daemon *daemon) __attribute__((warn_unused_result));

/*
 * running_commit(), and what follows from it: rights of tenants' users, an event
 * for watchers. Same errors.
 */
int daemon_commit(struct daemon *daemon, const struct running_change *change,
		  struct problems *problems, json_t **ret_changes, char ret_why[static RUNNING_WHY])
	__attribute__((warn_unused_result));

#endif
