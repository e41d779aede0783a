/*
 * guest_socket - how a vhost-user front-end is reached: one path in the file
 * system, listened on or dialled.
 *
 * Seeks one connection at a time: from guest_socket_seek() until it has one to
 * give. A listener stays bound all the while, so others wait in its backlog.
 * A dialler tries when the socket appears in its directory, which inotify
 * tells, and now and then, for what inotify does not tell.
 */
#ifndef CONTROL_GUEST_SOCKET_H
#define CONTROL_GUEST_SOCKET_H

#include "control/loop.h"
#include "control/socket.h"

/* The sockets of all guests, which share one inotify. */
struct guest_sockets;
int guest_sockets_create(struct loop *loop, gid_t group, struct guest_sockets **ret_sockets)
	__attribute__((warn_unused_result));
void guest_sockets_destroy(struct guest_sockets *sockets); /* after all of them; NULL is fine */

struct guest_socket_ops {
	/* A connection, which becomes the callee's. Seek again when it has ended. */
	void (*connected)(void *user, int fd);
	/* Not now, and why; it goes on trying. @broken: not for want of a guest. "": all is well again. */
	void (*not_yet)(void *user, const char *why, bool broken);
};

struct guest_socket;

/* A socket at @path (borrowed). Nothing happens before guest_socket_seek(). */
int guest_socket_create(struct guest_sockets *sockets, const char *path, bool dials,
			const struct guest_socket_ops *ops, void *user,
			struct guest_socket **ret_socket) __attribute__((warn_unused_result));

/* Seek a connection in @pause_ms, 0: at once. */
void guest_socket_seek(struct guest_socket *socket, unsigned pause_ms);

/* Be there for guests to find, but seek nothing: a listener listens. */
void guest_socket_stand(struct guest_socket *socket);

/* Close it; @withdraw: a listener's path goes, too. NULL is fine. */
void guest_socket_destroy(struct guest_socket *socket, bool withdraw);

#endif
