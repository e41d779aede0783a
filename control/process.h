/*
 * process - a child that may outlive its parent, and be found again.
 *
 * A pid is a number that the kernel gives to somebody else later. Here a
 * process is its pidfd; across a restart of ours it is the pid and the moment
 * of its birth, in a file. So nobody else is ever killed by mistake.
 */
#ifndef CONTROL_PROCESS_H
#define CONTROL_PROCESS_H

#include <sys/types.h>

/*
 * Run @program with @arguments (argv[0] first) in a session of its own, with
 * @fds[0..n) as its descriptors 3, 4, ...; everything else that is open is
 * close-on-exec. *@ret_pidfd becomes the caller's.
 */
int process_spawn(const char *program, const char *const *arguments, const int *fds, unsigned n_fds,
		  pid_t *ret_pid, int *ret_pidfd) __attribute__((warn_unused_result));

/* Write down who @pid is, into the file @path. */
int process_remember(const char *path, pid_t pid) __attribute__((warn_unused_result));

/* The process that is written down in @path, if it still lives: its pidfd, the caller's; else -ESRCH... */
int process_recall(const char *path, pid_t *ret_pid, int *ret_pidfd)
	__attribute__((warn_unused_result));

#endif
