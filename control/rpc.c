/*
 * rpc - see rpc.h.
 */
#include "control/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_CHUNK = 64 << 10, /* bytes read in one turn */
	TURN_LINES = 8,	       /* requests answered in one turn */
	TURN_ACCEPTS = 16,     /* connections taken in one turn */
	ACCEPT_PAUSE_MS = 100, /* out of file descriptors: do not spin */
};

struct rpc_client {
	struct rpc_server *server;
	struct rpc_client *next, *prev;
	struct loop_watch watch;
	struct loop_timer stall;
	struct rpc_peer peer;
	int fd;
	char *in; /* unanswered bytes */
	size_t in_length;
	size_t in_room;
	size_t in_scanned; /* bytes known to hold no newline */
	char *out;
	size_t out_length;
	size_t out_sent;
	clock_ms heard; /* when it last said something */
	bool finished;	/* nothing more to read: close when all is said */
	bool subscribed;
	bool dead; /* close at the end of this turn */
};

struct rpc_server {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer pause;
	int fd;
	rpc_answer *answer;
	void *user;
	struct rpc_client *clients;
	unsigned n_clients;
};

#define REFUSAL(code, message, reason)                                                             \
	"{\"jsonrpc\": \"2.0\", \"id\": null, \"error\": {\"code\": " code                         \
	", \"message\": \"" message "\", \"data\": {\"reason\": \"" reason "\"}}}\n"

static const char too_long[] =
	REFUSAL("-32600", "the request is longer than 24 MiB", "request-too-long");
_Static_assert(RPC_LINE_MAX == 24 << 20, "the message says so");

static const char too_much[] =
	REFUSAL("1", "too much is being asked at once; ask again", "too-much-at-once");

static const char too_many[] = REFUSAL("1", "too many connections", "too-many-connections");

static void client_close(struct rpc_client *client)
{
	struct rpc_server *server = client->server;

	loop_unwatch(&client->watch);
	loop_timer_cancel(&client->stall);
	close(client->fd);
	if (client->prev)
		client->prev->next = client->next;
	else
		server->clients = client->next;
	if (client->next)
		client->next->prev = client->prev;
	server->n_clients--;
	free(client->in);
	free(client->out);
	free(client);
}

/* Queue @line and a newline. False: no memory. */
static bool client_say(struct rpc_client *client, const char *line)
{
	size_t length = strlen(line);
	size_t pending = client->out_length - client->out_sent;
	char *out = malloc(pending + length + 1);

	if (!out)
		return false;
	if (pending)
		memcpy(out, client->out + client->out_sent, pending);
	memcpy(out + pending, line, length);
	out[pending + length] = '\n';
	free(client->out);
	client->out = out;
	client->out_sent = 0;
	client->out_length = pending + length + 1;
	return true;
}

/* Write what the peer takes. */
static void client_flush(struct rpc_client *client)
{
	while (client->out_sent < client->out_length) {
		ssize_t n =
			send(client->fd, client->out + client->out_sent,
			     client->out_length - client->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (!client->stall.loop)
				loop_timer_set(client->server->loop, &client->stall, RPC_STALL_MS);
			return;
		}
		if (n < 0) {
			client->dead = true;
			return;
		}
		client->out_sent += (size_t)n;
		loop_timer_cancel(&client->stall);
	}
	free(client->out);
	client->out = NULL;
	client->out_length = client->out_sent = 0;
}

/* The last that it is told: what it asked is not read any more. */
static void client_refuse(struct rpc_client *client, const char *refusal)
{
	ssize_t n = send(client->fd, refusal, strlen(refusal), MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)n; /* a courtesy: the connection ends either way */
	client->dead = true;
}

/* May @client hold @room bytes of an unfinished request, beside what all hold? */
static bool server_has_memory(const struct rpc_server *server, const struct rpc_client *client,
			      size_t room)
{
	size_t of_all = room, of_user = room;
	uid_t uid = client->peer.uid;

	for (const struct rpc_client *c = server->clients; c; c = c->next) {
		of_all += c == client ? 0 : c->in_room;
		of_user += c == client || c->peer.uid != uid ? 0 : c->in_room;
	}
	if (uid == 0)
		return of_all <= RPC_INPUT_MAX;
	return of_all <= RPC_INPUT_MAX - RPC_INPUT_PER_USER && of_user <= RPC_INPUT_PER_USER;
}

/* Make room in the line buffer for one read more, or refuse the client. */
static bool client_make_room(struct rpc_client *client)
{
	size_t room = client->in_room * 2 + READ_CHUNK + 1;
	char *in;

	if (client->in_room - client->in_length >= READ_CHUNK + 1)
		return true;
	if (room > RPC_LINE_MAX + 2 * READ_CHUNK)
		room = RPC_LINE_MAX + 2 * READ_CHUNK;
	/* a first read is anybody's: who fills the memory takes long requests from others only */
	if (client->in && !server_has_memory(client->server, client, room)) {
		client_refuse(client, too_much);
		return false;
	}
	in = realloc(client->in, room);
	if (!in) {
		client->dead = true;
		return false;
	}
	client->in = in;
	client->in_room = room;
	return true;
}

/* One read into the line buffer. */
static void client_read(struct rpc_client *client)
{
	ssize_t n;

	if (!client_make_room(client))
		return;
	client->heard = loop_now();
	n = recv(client->fd, client->in + client->in_length, READ_CHUNK, MSG_DONTWAIT);
	if (n > 0)
		client->in_length += (size_t)n;
	else if (n == 0)
		client->finished = true;
	else if (errno != EAGAIN && errno != EINTR)
		client->dead = true;
}

/* The end of the first line in the buffer, or NULL. */
static char *client_line_end(struct rpc_client *client)
{
	char *end = NULL;

	if (client->in_scanned < client->in_length)
		end = memchr(client->in + client->in_scanned, '\n',
			     client->in_length - client->in_scanned);
	if (!end)
		client->in_scanned = client->in_length;
	return end;
}

/* Answer the line that ends at @end and take it out of the buffer. */
static void client_answer(struct rpc_client *client, char *end)
{
	struct rpc_server *server = client->server;
	size_t length = (size_t)(end - client->in);
	char *answer;

	*end = '\0';
	if (length) {
		answer = server->answer(server->user, client, client->in, length);
		if (answer && !client_say(client, answer))
			client->dead = true;
		free(answer);
	}
	client->in_length -= length + 1;
	memmove(client->in, end + 1, client->in_length);
	client->in_scanned = 0;
	if (!client->in_length) {
		/* an idle client holds no buffer */
		free(client->in);
		client->in = NULL;
		client->in_room = 0;
	}
}

/* Answer lines while the peer takes the answers. True: more lines wait for the next turn. */
static bool client_answer_lines(struct rpc_client *client)
{
	for (unsigned i = 0; !client->dead && !client->out; i++) {
		char *end = client_line_end(client);
		size_t length = end ? (size_t)(end - client->in) : client->in_length;

		if (length > RPC_LINE_MAX) {
			client_refuse(client, too_long);
			return false;
		}
		if (!end)
			return false;
		if (i == TURN_LINES)
			return true;
		client_answer(client, end);
		client_flush(client);
	}
	return false;
}

/* Say what to wait for next. @more: lines are left over for another turn. */
static void client_await(struct rpc_client *client, bool more)
{
	uint32_t events = 0;

	if (!client->out && !client->finished)
		events |= EPOLLIN;
	/* With lines left over, "writable" is just the word that brings the next turn. */
	if (client->out || more)
		events |= EPOLLOUT;
	loop_watch_change(&client->watch, events);
}

static void client_ready(void *user, uint32_t events)
{
	struct rpc_client *client = user;
	bool more;

	if (events & EPOLLERR)
		client->dead = true;
	if (client->out && !client->dead)
		client_flush(client);
	if (!client->out && !client->dead && !client->finished && events & (EPOLLIN | EPOLLHUP))
		client_read(client);
	more = client_answer_lines(client);
	/* The peer closed both ways and reads no answer any more. */
	if (events & EPOLLHUP && client->out)
		client->dead = true;
	if (client->dead || (client->finished && !client->out && !more))
		client_close(client);
	else
		client_await(client, more);
}

static void client_stalled(void *user)
{
	client_close(user);
}

static int peer_read(int fd, struct rpc_peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
		return -errno;
	ret_peer->uid = credentials.uid;
	ret_peer->gid = credentials.gid;
	size = sizeof(ret_peer->groups);
	ret_peer->n_groups = 0;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ret_peer->groups, &size))
		ret_peer->n_groups = (unsigned)(size / sizeof(gid_t));
	return 0;
}

/* Nothing is under way with it, and nothing was for a while. */
static bool client_is_idle(const struct rpc_client *client)
{
	return !client->in_length && !client->out && !client->subscribed &&
	       loop_now() - client->heard >= RPC_IDLE_MS;
}

/*
 * Is there a place for one more connection of @uid? *@ret_idle is the one of the same
 * user that could give way, or NULL.
 */
static bool server_has_room(const struct rpc_server *server, uid_t uid,
			    struct rpc_client **ret_idle)
{
	struct rpc_client *idle = NULL;
	unsigned of_user = 0;

	for (struct rpc_client *c = server->clients; c; c = c->next) {
		if (c->peer.uid != uid)
			continue;
		of_user++;
		if (client_is_idle(c) && (!idle || c->heard < idle->heard))
			idle = c;
	}
	*ret_idle = idle;
	if (uid == 0)
		return server->n_clients < RPC_CLIENTS_MAX;
	/* The last places are root's: users together cannot lock it out. */
	return server->n_clients < RPC_CLIENTS_MAX - RPC_CLIENTS_PER_USER &&
	       of_user < RPC_CLIENTS_PER_USER;
}

/* Make a place for one more connection of @uid, if that can be. Not in a client's own turn. */
static bool server_make_room(struct rpc_server *server, uid_t uid)
{
	struct rpc_client *idle;

	if (server_has_room(server, uid, &idle))
		return true;
	if (!idle)
		return false;
	client_refuse(idle, too_many);
	client_close(idle);
	return true;
}

static void server_adopt(struct rpc_server *server, int fd)
{
	struct rpc_client *client = calloc(1, sizeof(*client));

	if (!client || peer_read(fd, &client->peer) ||
	    !server_make_room(server, client->peer.uid)) {
		ssize_t n = send(fd, too_many, sizeof(too_many) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

		(void)n; /* a courtesy: the connection ends either way */
		goto close_fd;
	}
	client->server = server;
	client->fd = fd;
	client->heard = loop_now();
	client->watch.ready = client_ready;
	client->stall.expired = client_stalled;
	client->watch.user = client->stall.user = client;
	if (loop_watch(server->loop, &client->watch, fd, EPOLLIN))
		goto close_fd;
	client->next = server->clients;
	if (client->next)
		client->next->prev = client;
	server->clients = client;
	server->n_clients++;
	return;
close_fd:
	close(fd);
	free(client);
}

static void server_ready(void *user, uint32_t events)
{
	struct rpc_server *server = user;
	int fd;

	for (unsigned i = 0; i < TURN_ACCEPTS; i++) {
		fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		server_adopt(server, fd);
	}
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
		loop_watch_change(&server->watch, 0);
		loop_timer_set(server->loop, &server->pause, ACCEPT_PAUSE_MS);
	}
}

static void server_resume(void *user)
{
	struct rpc_server *server = user;

	loop_watch_change(&server->watch, EPOLLIN);
}

int rpc_server_create(struct loop *loop, int fd, rpc_answer *answer, void *user,
		      struct rpc_server **ret_server)
{
	struct rpc_server *server = calloc(1, sizeof(*server));
	int error = -ENOMEM;

	if (!server)
		goto close_fd;
	server->loop = loop;
	server->fd = fd;
	server->answer = answer;
	server->user = user;
	server->watch.ready = server_ready;
	server->pause.expired = server_resume;
	server->watch.user = server->pause.user = server;
	error = loop_watch(loop, &server->watch, fd, EPOLLIN);
	if (error)
		goto free_server;
	*ret_server = server;
	return 0;
free_server:
	free(server);
close_fd:
	close(fd);
	return error;
}

void rpc_server_destroy(struct rpc_server *server)
{
	if (!server)
		return;
	while (server->clients)
		client_close(server->clients);
	loop_timer_cancel(&server->pause);
	loop_unwatch(&server->watch);
	close(server->fd);
	free(server);
}

const struct rpc_peer *rpc_client_peer(const struct rpc_client *client)
{
	return &client->peer;
}

void rpc_client_subscribe(struct rpc_client *client)
{
	client->subscribed = true;
}

struct rpc_client *rpc_server_next_subscriber(struct rpc_server *server, struct rpc_client *client)
{
	client = client ? client->next : server->clients;
	while (client && !client->subscribed)
		client = client->next;
	return client;
}

void rpc_client_publish(struct rpc_client *client, const char *line)
{
	if (client->out_length - client->out_sent + strlen(line) > RPC_EVENTS_MAX ||
	    !client_say(client, line))
		client->dead = true;
	else
		client_flush(client);
	/* It may be in the middle of its own turn: it is closed later. */
	if (client->dead)
		loop_timer_set(client->server->loop, &client->stall, 0);
	else
		client_await(client, client->in_length > 0);
}
