/*
 * rpc - the control socket: lines in, lines out, for many clients that nobody
 * has reason to trust.
 *
 * This file knows connections, lines and who is at the other end; what a line
 * says is api.h's business. Each request line is given to a function that
 * answers at once.
 *
 * A client costs only itself. A line is bounded, and so are connections and what is
 * held of unfinished lines, in all and per user. While an answer waits to be read no more
 * requests are read from that client, so what is buffered for it is one answer; a client
 * that does not read it for half a minute is dropped. Each client's turn is short.
 *
 * Connections that ask nothing lock nobody out: where there is no place for a new one,
 * the one of the same user that has been idle for longest gives way, and is told.
 */
#ifndef CONTROL_RPC_H
#define CONTROL_RPC_H

#include <stddef.h>
#include <sys/types.h>

#include "control/loop.h"

enum {
	RPC_LINE_MAX = 24 << 20,       /* bytes of a request: a whole document, escaped */
	RPC_INPUT_MAX = 128 << 20,     /* bytes of unfinished requests, beside a first read each */
	RPC_INPUT_PER_USER = 32 << 20, /* of one user but root; as much is kept for root */
	RPC_CLIENTS_MAX = 128,	       /* connections at once */
	RPC_CLIENTS_PER_USER = 32,     /* of one user but root; as many are kept for root */
	RPC_EVENTS_MAX = 1 << 20,      /* bytes of events that wait for a watcher */
	RPC_STALL_MS = 30000,	       /* an answer that nobody reads for so long is given up */
	RPC_IDLE_MS = 1000,	       /* a connection so long idle may have to give way */
	RPC_GROUPS_MAX = 64,
};

/* Who is at the other end, from the kernel (SO_PEERCRED, SO_PEERGROUPS). */
struct rpc_peer {
	uid_t uid;
	gid_t gid;
	gid_t groups[RPC_GROUPS_MAX]; /* supplementary; a longer list counts as empty */
	unsigned n_groups;
};

struct rpc_server;
struct rpc_client;

/*
 * Answer one line (@length bytes and a NUL; without its newline): a malloc()ed
 * string without a newline, or NULL for no answer.
 */
typedef char *rpc_answer(void *user, struct rpc_client *client, const char *line, size_t length);

/*
 * Serve the listening socket @fd, which becomes the server's in any case. Lines
 * go to @answer.
 */
int rpc_server_create(struct loop *loop, int fd, rpc_answer *answer, void *user,
		      struct rpc_server **ret_server) __attribute__((warn_unused_result));

/* Close all connections. NULL is fine. Not from within @answer. */
void rpc_server_destroy(struct rpc_server *server);

const struct rpc_peer *rpc_client_peer(const struct rpc_client *client);

/* From now on this client gets what is published. */
void rpc_client_subscribe(struct rpc_client *client);

/* The next client that subscribed, after @client (NULL: the first), or NULL. */
struct rpc_client *rpc_server_next_subscriber(struct rpc_server *server, struct rpc_client *client);

/* Send @line, without a newline, to a subscriber. One who does not keep up is dropped. */
void rpc_client_publish(struct rpc_client *client, const char *line);

#endif
