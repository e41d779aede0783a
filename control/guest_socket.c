/*
 * guest_socket - see guest_socket.h.
 */
#include "control/guest_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SOCKET_MODE = 0660,
	RETRY_FIRST_MS = 2, /* a socket is seen when it is bound, a moment before it listens */
	RETRY_LAST_MS = 1000,
};

struct guest_sockets {
	struct loop *loop;
	struct loop_watch watch; /* inotify */
	gid_t group;
	struct guest_socket *first;
};

struct guest_socket {
	struct guest_sockets *all;
	struct guest_socket *next, *prev;
	const char *path;
	bool dials;
	bool seeking;
	bool broken; /* listener: it could not listen, and said so */
	struct guest_socket_ops ops;
	void *user;
	int fd; /* listener, or -1 */
	struct loop_watch watch;
	int directory; /* dialler: its inotify watch, or -1 */
	struct loop_timer timer;
	unsigned retry_ms;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- directories ---- */

/* Something appeared in directory @watch: who dials there tries at once. */
static void directory_changed(struct guest_sockets *sockets, int watch, const char *name)
{
	for (struct guest_socket *s = sockets->first; s; s = s->next) {
		if (s->directory != watch || strcmp(base_name(s->path), name))
			continue;
		s->retry_ms = 0;
		if (s->seeking)
			loop_timer_set(sockets->loop, &s->timer, 0);
	}
}

static void directory_lost(struct guest_sockets *sockets, int watch)
{
	for (struct guest_socket *s = sockets->first; s; s = s->next)
		if (s->directory == watch)
			s->directory = -1;
}

static void inotify_ready(void *user, uint32_t events)
{
	struct guest_sockets *sockets = user;
	union {
		struct inotify_event event;
		char bytes[4096];
	} buffer;
	ssize_t n = read(sockets->watch.fd, &buffer, sizeof(buffer));

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const void *)(buffer.bytes + at);

		/* A queue that overflowed is made good by the timers. */
		if (event->mask & IN_IGNORED)
			directory_lost(sockets, event->wd);
		else if (event->len)
			directory_changed(sockets, event->wd, event->name);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
}

/* Watch the directory that @socket's path lies in; without, there is still the timer. */
static void directory_watch(struct guest_socket *socket)
{
	const char *name = base_name(socket->path);
	char *directory = strndup(socket->path, (size_t)(name - socket->path));

	if (!directory)
		return;
	/* One directory has one watch, however often it is asked for. */
	socket->directory = inotify_add_watch(socket->all->watch.fd, *directory ? directory : ".",
					      IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	free(directory);
}

static void directory_forget(struct guest_socket *socket)
{
	struct guest_sockets *all = socket->all;

	if (socket->directory < 0)
		return;
	for (struct guest_socket *s = all->first; s; s = s->next)
		if (s != socket && s->directory == socket->directory)
			return;
	inotify_rm_watch(all->watch.fd, socket->directory);
}

int guest_sockets_create(struct loop *loop, gid_t group, struct guest_sockets **ret_sockets)
{
	struct guest_sockets *sockets = calloc(1, sizeof(*sockets));
	int error, fd;

	if (!sockets)
		return -ENOMEM;
	sockets->loop = loop;
	sockets->group = group;
	sockets->watch.ready = inotify_ready;
	sockets->watch.user = sockets;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0) {
		error = -errno;
		goto free_sockets;
	}
	error = loop_watch(loop, &sockets->watch, fd, EPOLLIN);
	if (error)
		goto close_inotify;
	*ret_sockets = sockets;
	return 0;
close_inotify:
	close(fd);
free_sockets:
	free(sockets);
	return error;
}

void guest_sockets_destroy(struct guest_sockets *sockets)
{
	if (!sockets)
		return;
	loop_unwatch(&sockets->watch);
	close(sockets->watch.fd);
	free(sockets);
}

/* ---- one socket ---- */

/* Try again, later each time. */
static void socket_retry(struct guest_socket *socket)
{
	socket->retry_ms = socket->retry_ms ? socket->retry_ms * 2 : RETRY_FIRST_MS;
	if (socket->retry_ms > RETRY_LAST_MS)
		socket->retry_ms = RETRY_LAST_MS;
	loop_timer_set(socket->all->loop, &socket->timer, socket->retry_ms);
}

static void socket_found(struct guest_socket *socket, int fd)
{
	socket->seeking = false;
	socket->retry_ms = 0;
	socket->ops.connected(socket->user, fd);
}

static void socket_dial_now(struct guest_socket *socket)
{
	char why[SOCKET_WHY];
	bool broken;
	int error, fd;

	/* The watch comes before the attempt: what appears in between is noticed. */
	if (socket->directory < 0)
		directory_watch(socket);
	error = socket_dial(socket->path, SOCK_STREAM, &fd, why);
	if (!error) {
		socket_found(socket, fd);
		return;
	}
	broken = error != -ENOENT && error != -ECONNREFUSED && error != -EAGAIN;
	socket_retry(socket);
	socket->ops.not_yet(socket->user, why, broken);
}

static void socket_accept(void *user, uint32_t events)
{
	struct guest_socket *socket = user;
	int fd = accept4(socket->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		loop_watch_change(&socket->watch, 0);
		socket_found(socket, fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		loop_watch_change(&socket->watch, 0);
		socket->ops.not_yet(socket->user, strerror(errno), true);
		socket_retry(socket);
	}
}

/* Listen, if it does not yet. */
static int socket_stand(struct guest_socket *socket, char ret_why[static SOCKET_WHY])
{
	int error;

	if (socket->fd >= 0)
		return 0;
	error = socket_listen(socket->path, SOCK_STREAM, SOCKET_MODE, socket->all->group,
			      &socket->fd, ret_why);
	if (error)
		return error;
	error = loop_watch(socket->all->loop, &socket->watch, socket->fd, 0);
	if (error) {
		snprintf(ret_why, SOCKET_WHY, "%.100s: %s", socket->path, strerror(-error));
		socket_retire(socket->fd, socket->path);
		socket->fd = -1;
	}
	return error;
}

static void socket_try(void *user)
{
	struct guest_socket *socket = user;
	char why[SOCKET_WHY];

	if (socket->dials) {
		if (socket->seeking)
			socket_dial_now(socket);
	} else if (socket_stand(socket, why)) {
		socket->broken = true;
		socket_retry(socket);
		socket->ops.not_yet(socket->user, why, true);
	} else {
		if (socket->broken)
			socket->ops.not_yet(socket->user, "", false);
		if (socket->seeking)
			loop_watch_change(&socket->watch, EPOLLIN);
		socket->broken = false;
	}
}

int guest_socket_create(struct guest_sockets *sockets, const char *path, bool dials,
			const struct guest_socket_ops *ops, void *user,
			struct guest_socket **ret_socket)
{
	struct guest_socket *socket = calloc(1, sizeof(*socket));

	if (!socket)
		return -ENOMEM;
	socket->all = sockets;
	socket->path = path;
	socket->dials = dials;
	socket->ops = *ops;
	socket->user = user;
	socket->fd = socket->directory = -1;
	socket->watch.ready = socket_accept;
	socket->timer.expired = socket_try;
	socket->watch.user = socket->timer.user = socket;
	socket->next = sockets->first;
	if (socket->next)
		socket->next->prev = socket;
	sockets->first = socket;
	*ret_socket = socket;
	return 0;
}

void guest_socket_seek(struct guest_socket *socket, unsigned pause_ms)
{
	socket->seeking = true;
	loop_timer_set(socket->all->loop, &socket->timer, pause_ms);
}

void guest_socket_stand(struct guest_socket *socket)
{
	socket_try(socket);
}

void guest_socket_destroy(struct guest_socket *socket, bool withdraw)
{
	if (!socket)
		return;
	loop_timer_cancel(&socket->timer);
	loop_unwatch(&socket->watch);
	directory_forget(socket);
	if (socket->fd >= 0 && withdraw)
		socket_retire(socket->fd, socket->path);
	else if (socket->fd >= 0)
		close(socket->fd);
	if (socket->prev)
		socket->prev->next = socket->next;
	else
		socket->all->first = socket->next;
	if (socket->next)
		socket->next->prev = socket->prev;
	free(socket);
}
