/*
 * closer - closes fds that a front-end sent and nobody has a use for.
 *
 * To close is all that must be done with any fd, and for some kinds of file it
 * waits: a file system run by the front-end (FUSE) is asked first, a TCP socket
 * lingers, a network file system writes. A file in memory, an eventfd and a Unix
 * socket do not, and are all that a front-end has reason to send: those are closed
 * at once. Anything else is left to a thread that may wait for as long as it takes.
 * It is one for all: only who sends strange files waits for others who do.
 *
 * How many files of one owner are not closed yet stands in a number of his, so that
 * he can be held to account for them.
 *
 * Threads: any.
 */
#ifndef VHOST_CLOSER_H
#define VHOST_CLOSER_H

#include <stdatomic.h>
#include <stdbool.h>

/* Start the thread, while the process may; any number of times. 0 or -errno. */
int closer_prepare(void) __attribute__((warn_unused_result));

/* Is @fd a Unix socket? */
bool closer_is_unix_socket(int fd);

/* Can @fd be closed without waiting for anybody? Nobody is asked. */
bool closer_is_quick(int fd);

/* Close @fd, now or later. What is to be closed later counts in *@unclosed, which must outlive it. */
void closer_close(int fd, atomic_uint *unclosed);

#endif
