/*
 * socket - Unix sockets in the file system, listened on and dialled with care.
 *
 * A path may be a leftover of a program that died, another program's live
 * socket, or no socket at all; the last two are never touched (vhost.md T40).
 * Functions that fail say why in a sentence.
 */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

enum { SOCKET_WHY = 160 };

/*
 * Listen at @path on a socket of @type (SOCK_STREAM, SOCK_SEQPACKET) with
 * permissions @mode and group @group ((gid_t)-1: leave it). A leftover socket
 * that nobody listens on is replaced; -EADDRINUSE if somebody does, -EEXIST if
 * @path is something else. Non-blocking, close-on-exec.
 */
int socket_listen(const char *path, int type, mode_t mode, gid_t group, int *ret_fd,
		  char ret_why[static SOCKET_WHY]) __attribute__((warn_unused_result));

/* Connect to @path without waiting: -ENOENT, -ECONNREFUSED, -EAGAIN (its backlog is full)... */
int socket_dial(const char *path, int type, int *ret_fd, char ret_why[static SOCKET_WHY])
	__attribute__((warn_unused_result));

/* Close the listening socket @fd and remove @path if it still is that socket. */
void socket_retire(int fd, const char *path);

#endif
