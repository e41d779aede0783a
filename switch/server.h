/*
 * server - the data plane's end of the channel (channel.h).
 *
 * It listens on a socket that it was started with and serves one connection;
 * a new one replaces it, because a control process that came back is right and
 * the one that it replaces is dead or about to be. Without a connection the data
 * plane goes on; what happens meanwhile is told when somebody asks (LIST).
 *
 * Nobody can make it wait. A peer that does not read gets no more requests
 * served until it does; what it has not been told yet is one event a port.
 *
 * Threads. The control thread's alone.
 */
#ifndef SWITCH_SERVER_H
#define SWITCH_SERVER_H

#include <poll.h>
#include <sys/types.h>

#include "switch/plane.h"

struct server;

struct server_options {
	struct plane *plane;
	int listen_fd;
	uid_t starter;	 /* who may connect beside root */
	int counters_fd; /* given out by HELLO; stays the caller's, as the others do */
	int state_fd;
	uint32_t n_workers;
	clock_ms started;
};

int server_create(const struct server_options *options, struct server **ret_server)
	__attribute__((warn_unused_result));
void server_destroy(struct server *server); /* NULL is fine */

/* What to poll for: two entries, the second perhaps with fd -1. */
void server_polled(const struct server *server, struct pollfd ret_polled[2]);

/* Serve what has come and send what waits. True: a STOP was answered. */
bool server_serve(struct server *server);

#endif
