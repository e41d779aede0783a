/*
 * socket - see socket.h.
 */
#include "control/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int address_set(const char *path, struct sockaddr_un *ret_address,
		       char ret_why[static SOCKET_WHY])
{
	if (strlen(path) >= sizeof(ret_address->sun_path)) {
		snprintf(ret_why, SOCKET_WHY,
			 "the path of a socket has at most %zu bytes: %.60s...",
			 sizeof(ret_address->sun_path) - 1, path);
		return -ENAMETOOLONG;
	}
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, path, strlen(path) + 1);
	return 0;
}

int socket_dial(const char *path, int type, int *ret_fd, char ret_why[static SOCKET_WHY])
{
	struct sockaddr_un address;
	int error = address_set(path, &address, ret_why);
	int fd;

	if (error)
		return error;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		error = -errno;
		snprintf(ret_why, SOCKET_WHY, "%.100s: %s", path, strerror(-error));
		if (fd >= 0)
			close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

/* Make way for a socket at @path: 0 if nothing is there any more. */
static int path_clear(const char *path, int type, char ret_why[static SOCKET_WHY])
{
	struct stat st;
	int error, fd;

	if (lstat(path, &st)) {
		error = errno == ENOENT ? 0 : -errno;
		if (error)
			snprintf(ret_why, SOCKET_WHY, "%.100s: %s", path, strerror(-error));
		return error;
	}
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(ret_why, SOCKET_WHY, "%.100s exists and is not a socket: left alone",
			 path);
		return -EEXIST;
	}
	error = socket_dial(path, type, &fd, ret_why);
	if (!error)
		close(fd);
	if (error != -ECONNREFUSED) {
		snprintf(ret_why, SOCKET_WHY, "%.100s: another program listens there", path);
		return -EADDRINUSE;
	}
	if (unlink(path)) {
		snprintf(ret_why, SOCKET_WHY, "%.100s: %s", path, strerror(errno));
		return -errno;
	}
	return 0;
}

int socket_listen(const char *path, int type, mode_t mode, gid_t group, int *ret_fd,
		  char ret_why[static SOCKET_WHY])
{
	struct sockaddr_un address;
	mode_t mask;
	int error = address_set(path, &address, ret_why);
	int fd;

	if (error)
		return error;
	error = path_clear(path, type, ret_why);
	if (error)
		return error;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		error = -errno;
		goto say_why;
	}
	/* The mask does what chmod() would do, but at once and to nothing else. */
	mask = umask(~mode & 0777);
	error = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(mask);
	if (error)
		goto close_fd;
	if ((group != (gid_t)-1 && lchown(path, (uid_t)-1, group)) || listen(fd, BACKLOG)) {
		error = -errno;
		goto unlink_path;
	}
	*ret_fd = fd;
	return 0;
unlink_path:
	unlink(path);
close_fd:
	close(fd);
say_why:
	snprintf(ret_why, SOCKET_WHY, "%.100s: %s", path, strerror(-error));
	return error;
}

void socket_retire(int fd, const char *path)
{
	struct sockaddr_un mine;
	socklen_t size = sizeof(mine);
	struct stat st;
	char why[SOCKET_WHY];
	int error, probe;
	bool bound = !getsockname(fd, (struct sockaddr *)&mine, &size) &&
		     size > sizeof(mine.sun_family) && !strcmp(mine.sun_path, path);

	close(fd);
	if (!bound || lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return;
	/* Somebody may have put another in its place: only one that nobody answers is ours. */
	error = socket_dial(path, SOCK_STREAM, &probe, why);
	if (error == -ECONNREFUSED)
		unlink(path);
	else if (!error)
		close(probe);
}
