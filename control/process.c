/*
 * process - see process.h.
 */
#include "control/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHILD_FD = 3, /* the child's first descriptor that is not standard */
	CHILD_FDS_MAX = 4,
	PARENT_FD = 16, /* ours lie above all of the child's: none overwrites another */
};

static int spawn_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, defaults;
	int error = posix_spawnattr_init(attributes);

	if (error)
		return -error;
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &defaults);
	/* What ends our session (a terminal, a signal to the group) spares the child. */
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						     POSIX_SPAWN_SETSIGDEF);
	return 0;
}

static int spawn_with(const char *program, const char *const *arguments, const int *fds,
		      unsigned n_fds, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return -error;
	error = spawn_attributes(&attributes);
	if (error)
		goto destroy_actions;
	error = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	for (unsigned i = 0; i < n_fds && !error; i++)
		error = -posix_spawn_file_actions_adddup2(&actions, fds[i], (int)(CHILD_FD + i));
	if (!error)
		/* It takes what it does not change as what it might: a wart of POSIX. */
		error = -posix_spawn(ret_pid, program, &actions, &attributes,
				     (char *const *)(uintptr_t)arguments, environ);
	posix_spawnattr_destroy(&attributes);
destroy_actions:
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

int process_spawn(const char *program, const char *const *arguments, const int *fds, unsigned n_fds,
		  pid_t *ret_pid, int *ret_pidfd)
{
	int high[CHILD_FDS_MAX] = {0};
	unsigned n = 0;
	int error = n_fds > CHILD_FDS_MAX ? -E2BIG : 0;
	pid_t pid;
	int pidfd;

	for (; n < n_fds && !error; n++) {
		high[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, PARENT_FD);
		if (high[n] < 0) {
			error = -errno;
			break;
		}
	}
	if (!error)
		error = spawn_with(program, arguments, high, n_fds, &pid);
	while (n > 0)
		close(high[--n]);
	if (error)
		return error;
	/* Our own child: the pid is its until we wait for it. */
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		error = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return error;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

/* When process @pid began, in clock ticks since boot; 0: there is none. */
static unsigned long long process_began(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long began = 0;
	const char *after;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* proc(5): the 22nd field; the second may hold anything and ends with the last bracket. */
	after = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	if (after && sscanf(after,
			    ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
			    "%*d %*d %*d %*d %*d %llu",
			    &began) != 1)
		began = 0;
	fclose(file);
	return began;
}

int process_remember(const char *path, pid_t pid)
{
	FILE *file = fopen(path, "we");
	int error;

	if (!file)
		return -errno;
	fprintf(file, "%d %llu\n", (int)pid, process_began(pid));
	error = fclose(file) ? -errno : 0;
	return error;
}

int process_recall(const char *path, pid_t *ret_pid, int *ret_pidfd)
{
	unsigned long long began = 0;
	int pid = 0, n, pidfd;
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	n = fscanf(file, "%d %llu", &pid, &began);
	fclose(file);
	if (n != 2 || pid <= 1 || !began)
		return -ESRCH;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return -errno;
	/* Compared after the open: whom the pidfd means cannot change any more. */
	if (process_began(pid) != began) {
		close(pidfd);
		return -ESRCH;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}
