/*
 * server - serves the channel's requests; see server.h.
 */
#include "switch/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUESTS_A_TURN = 16, /* before ports have their turn again */
};

struct server {
	struct server_options options;
	int spare;	/* an fd to give up when there are no more */
	int connection; /* -1: none */
	bool greeted;	/* the peer has said HELLO and speaks our version */
	bool stopping;	/* a STOP was received */

	bool replying; /* reply waits to be sent; no other request is read before */
	struct channel_message reply;
	int reply_fds[CHANNEL_FDS];
	unsigned n_reply_fds;
	bool replying_copies; /* reply_fds are ours to close */
};

/* A request as its server gets it; fds that it keeps it replaces by -1. */
struct request {
	struct channel_message message;
	int fds[CHANNEL_FDS];
	unsigned n_fds;
};

/* ---- requests: 0 or -errno, with a sentence if it could help ---- */

static int say_hello(struct server *server, struct request *request, const char **ret_why)
{
	const struct server_options *options = &server->options;
	const struct policy *policy;
	int policy_fd;

	if (request->message.hello.version != CHANNEL_VERSION) {
		*ret_why = "this data plane speaks another version of the channel";
		return -EPROTO;
	}
	server->greeted = true;
	policy = plane_policy(options->plane, &policy_fd);
	if (policy)
		server->reply_fds[server->n_reply_fds++] = policy_fd;
	server->reply_fds[server->n_reply_fds++] = options->counters_fd;
	server->reply_fds[server->n_reply_fds++] = options->state_fd;
	server->reply.reply.version = CHANNEL_VERSION;
	server->reply.reply.n_workers = options->n_workers;
	server->reply.reply.pid = (uint32_t)getpid();
	server->reply.reply.has_policy = policy != NULL;
	server->reply.reply.generation = policy ? policy->generation : 0;
	server->reply.reply.started_ms = options->started;
	return 0;
}

static int take_policy(struct server *server, struct request *request, const char **ret_why)
{
	int error;

	if (request->n_fds != 1) {
		*ret_why = "one fd belongs to a policy";
		return -EINVAL;
	}
	error = plane_publish(server->options.plane, request->fds[0], request->message.policy.size,
			      ret_why);
	if (!error)
		request->fds[0] = -1;
	return error;
}

static int attach(struct server *server, struct request *request, const char **ret_why)
{
	int error = plane_attach(server->options.plane, &request->message, request->fds,
				 request->n_fds, ret_why);

	/* they are the port's, or closed */
	request->n_fds = 0;
	return error;
}

static int detach(struct server *server, struct request *request, const char **ret_why)
{
	return plane_detach(server->options.plane, request->message.detach.port, ret_why);
}

static int flush_fdb(struct server *server, struct request *request, const char **ret_why)
{
	server->reply.reply.value = plane_flush(
		server->options.plane, request->message.flush.network, request->message.flush.port);
	return 0;
}

static int flush_sessions(struct server *server, struct request *request, const char **ret_why)
{
	server->reply.reply.value = plane_flush_sessions(
		server->options.plane, request->message.flush.network, request->message.flush.port);
	return 0;
}

/* The events go out before the reply does. */
static int list(struct server *server, struct request *request, const char **ret_why)
{
	plane_tell_all(server->options.plane);
	return 0;
}

/* Copies: the port may be gone before the reply goes out. */
static int lend(struct server *server, struct request *request, const char **ret_why)
{
	int fds[CHANNEL_FDS];
	int n = plane_lend(server->options.plane, request->message.lend.port, fds, ret_why);

	server->replying_copies = true;
	for (int i = 0; i < n; i++) {
		int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

		if (copy < 0) {
			*ret_why = "no more file descriptors";
			return -errno;
		}
		server->reply_fds[server->n_reply_fds++] = copy;
	}
	return n < 0 ? n : 0;
}

static int place(struct server *server, struct request *request, const char **ret_why)
{
	return plane_place(server->options.plane, request->message.place.port,
			   request->message.place.workers, ret_why);
}

static int stop(struct server *server, struct request *request, const char **ret_why)
{
	server->stopping = true;
	return 0;
}

static int (*const requests[])(struct server *, struct request *, const char **) = {
	[CHANNEL_HELLO] = say_hello,	 [CHANNEL_POLICY] = take_policy,
	[CHANNEL_ATTACH] = attach,	 [CHANNEL_DETACH] = detach,
	[CHANNEL_FDB_FLUSH] = flush_fdb, [CHANNEL_LIST] = list,
	[CHANNEL_LEND] = lend,		 [CHANNEL_STOP] = stop,
	[CHANNEL_PLACE] = place,	 [CHANNEL_SESSION_FLUSH] = flush_sessions,
};

static void serve_request(struct server *server, struct request *request)
{
	uint32_t type = request->message.type;
	const char *why = "";
	int error;

	server->reply = (struct channel_message){
		.type = CHANNEL_REPLY,
		.seq = request->message.seq,
	};
	server->n_reply_fds = 0;
	if (type >= sizeof(requests) / sizeof(requests[0]) || !requests[type]) {
		why = "no such request";
		error = -EPROTO;
	} else if (!server->greeted && type != CHANNEL_HELLO) {
		why = "say HELLO first";
		error = -EPROTO;
	} else {
		error = requests[type](server, request, &why);
	}
	for (unsigned i = 0; i < request->n_fds; i++)
		if (request->fds[i] >= 0)
			close(request->fds[i]);
	server->reply.reply.error = error;
	if (error)
		snprintf(server->reply.reply.text, CHANNEL_TEXT, "%s", why);
	server->replying = true;
}

/* ---- the connection ---- */

/* The reply went out, or never will. */
static void end_reply(struct server *server)
{
	for (unsigned i = 0; i < server->n_reply_fds && server->replying_copies; i++)
		close(server->reply_fds[i]);
	server->replying_copies = false;
	server->n_reply_fds = 0;
	server->replying = false;
}

static void disconnect(struct server *server)
{
	if (server->connection >= 0)
		close(server->connection);
	server->connection = -1;
	server->greeted = false;
	end_reply(server);
}

static bool may_connect(const struct server *server, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	return peer.uid == 0 || peer.uid == server->options.starter;
}

/* A new connection, or -1. Ports that have all our fds shall not keep the control process out. */
static int accept_any(struct server *server)
{
	int fd;

	if (server->spare < 0)
		server->spare = fcntl(server->options.listen_fd, F_DUPFD_CLOEXEC, 0);
	fd = accept4(server->options.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 || errno != EMFILE || server->spare < 0)
		return fd;
	close(server->spare);
	server->spare = -1;
	return accept4(server->options.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void accept_connection(struct server *server)
{
	int fd = accept_any(server);

	if (fd < 0)
		return;
	if (!may_connect(server, fd)) {
		close(fd);
		return;
	}
	disconnect(server);
	server->connection = fd;
}

/* Send events, then the reply. 0: nothing waits any more; else -errno. */
static int send_waiting(struct server *server)
{
	struct channel_message event;
	int error;

	while (server->greeted && plane_next_event(server->options.plane, &event)) {
		error = channel_send(server->connection, &event, NULL, 0);
		if (error)
			return error;
		plane_told(server->options.plane, event.event.port.id);
	}
	if (!server->replying)
		return 0;
	error = channel_send(server->connection, &server->reply, server->reply_fds,
			     server->n_reply_fds);
	if (!error)
		end_reply(server);
	return error;
}

/* Serve requests as long as their replies go out. */
static int serve_connection(struct server *server)
{
	struct request request;
	int error = send_waiting(server);

	for (unsigned i = 0; i < REQUESTS_A_TURN && !error && !server->stopping; i++) {
		error = channel_receive(server->connection, &request.message, request.fds,
					&request.n_fds);
		if (error)
			break;
		serve_request(server, &request);
		error = send_waiting(server);
	}
	return error == -EAGAIN ? 0 : error;
}

void server_polled(const struct server *server, struct pollfd ret_polled[2])
{
	struct channel_message event;
	bool waiting = server->replying ||
		       (server->greeted && plane_next_event(server->options.plane, &event));

	ret_polled[0] = (struct pollfd){.fd = server->options.listen_fd, .events = POLLIN};
	ret_polled[1] = (struct pollfd){
		.fd = server->connection,
		.events = waiting ? POLLOUT : POLLIN,
	};
}

bool server_serve(struct server *server)
{
	accept_connection(server);
	if (server->connection >= 0 && serve_connection(server))
		disconnect(server);
	return server->stopping && !server->replying;
}

int server_create(const struct server_options *options, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->options = *options;
	server->connection = -1;
	server->spare = fcntl(options->listen_fd, F_DUPFD_CLOEXEC, 0);
	*ret_server = server;
	return 0;
}

void server_destroy(struct server *server)
{
	if (!server)
		return;
	disconnect(server);
	close(server->spare);
	free(server);
}
