/*
 * channel_client - see channel_client.h.
 */
#include "control/channel_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/loop.h"

enum {
	EVENTS_FIRST = 16,	       /* room, to begin with; it doubles */
	EVENTS_MAX = 16 * LIMIT_PORTS, /* more than it has reason to send */
};

void channel_client_open(struct channel_client *client, int socket)
{
	*client = (struct channel_client){.socket = socket};
}

void channel_client_close(struct channel_client *client)
{
	if (client->socket >= 0)
		close(client->socket);
	free(client->events);
	*client = (struct channel_client){.socket = -1};
}

void channel_client_close_fds(const int fds[CHANNEL_FDS])
{
	for (unsigned i = 0; i < CHANNEL_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* The message is an event, or the data plane breaks the protocol. */
static int event_keep(struct channel_client *client, const struct channel_message *message)
{
	unsigned n = client->n_events;

	if (message->type != CHANNEL_EVENT || n == EVENTS_MAX)
		return -EPROTO;
	/* full at EVENTS_FIRST times a power of two */
	if (!n || (n >= EVENTS_FIRST && !(n & (n - 1)))) {
		size_t room = n ? 2 * (size_t)n : EVENTS_FIRST;
		void *events = reallocarray(client->events, room, sizeof(*client->events));

		if (!events)
			return -ENOMEM;
		client->events = events;
	}
	client->events[client->n_events++] = *message;
	return 0;
}

/* Wait until the socket is ready for @events; -ETIMEDOUT at the deadline. */
static int socket_await(struct channel_client *client, short events, clock_ms deadline)
{
	struct pollfd wait = {.fd = client->socket, .events = events};
	clock_ms now = loop_now();

	if (now >= deadline)
		return -ETIMEDOUT;
	return poll(&wait, 1, (int)(deadline - now)) < 0 && errno != EINTR ? -errno : 0;
}

/* Send, although the data plane may be slow to read. */
static int request_send(struct channel_client *client, clock_ms deadline,
			const struct channel_message *request, const int *fds, unsigned n_fds)
{
	int error;

	while ((error = channel_send(client->socket, request, fds, n_fds)) == -EAGAIN) {
		error = socket_await(client, POLLOUT, deadline);
		if (error)
			return error;
	}
	return error;
}

/* The next reply; events before it are kept. */
static int reply_await(struct channel_client *client, clock_ms deadline,
		       struct channel_message *ret_reply, int *ret_fds)
{
	for (;;) {
		unsigned n_fds;
		int error = channel_receive(client->socket, ret_reply, ret_fds, &n_fds);

		if (!error && ret_reply->type == CHANNEL_REPLY)
			return 0;
		if (!error) {
			channel_client_close_fds(ret_fds);
			error = event_keep(client, ret_reply);
		} else if (error == -EAGAIN) {
			error = socket_await(client, POLLIN, deadline);
		}
		if (error)
			return error;
	}
}

int channel_client_ask(struct channel_client *client, struct channel_message *request,
		       const int *fds, unsigned n_fds, unsigned limit_ms,
		       struct channel_message *ret_reply, int ret_fds[CHANNEL_FDS])
{
	clock_ms deadline = loop_now() + limit_ms;
	struct channel_message reply;
	int error;

	request->seq = ++client->seq;
	error = request_send(client, deadline, request, fds, n_fds);
	if (!error)
		error = reply_await(client, deadline, &reply, ret_fds);
	if (!error && reply.seq != request->seq) {
		channel_client_close_fds(ret_fds);
		error = -EPROTO;
	}
	if (!error)
		*ret_reply = reply;
	return error;
}

int channel_client_read(struct channel_client *client)
{
	struct channel_message message;
	int fds[CHANNEL_FDS];
	unsigned n_fds;
	int error;

	while (!(error = channel_receive(client->socket, &message, fds, &n_fds))) {
		channel_client_close_fds(fds);
		error = event_keep(client, &message);
		if (error)
			return error;
	}
	return error == -EAGAIN ? 0 : error;
}

unsigned channel_client_take(struct channel_client *client, struct channel_message **ret_events)
{
	unsigned n = client->n_events;

	*ret_events = client->events;
	client->events = NULL;
	client->n_events = 0;
	return n;
}
