/*
 * loop - one thread, many waits: file descriptors and timers by epoll.
 *
 * The control process does everything on this loop, so nothing in control/
 * needs a lock, and nothing it calls may block. Watches and timers are members
 * of the objects that need them: the loop allocates nothing after its creation
 * and cannot fail to set a timer.
 *
 * A watch or a timer may be removed, and its object freed, from any callback,
 * its own included: an event that was already fetched for it is forgotten.
 */
#ifndef CONTROL_LOOP_H
#define CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "switch/types.h"

struct loop;

/* Wait for @events (EPOLLIN, ...) of a file descriptor, which stays the caller's. */
struct loop_watch {
	struct loop *loop; /* NULL: not watched */
	int fd;
	void (*ready)(void *user, uint32_t events);
	void *user;
};

/* Call once when the time has come. */
struct loop_timer {
	struct loop *loop; /* NULL: not set */
	struct loop_timer *next, *prev;
	clock_ms due;
	void (*expired)(void *user);
	void *user;
};

int loop_create(struct loop **ret_loop) __attribute__((warn_unused_result));

/* No watch and no timer may be left. NULL is fine. */
void loop_destroy(struct loop *loop);

/* Serve until loop_stop(). 0 or -errno. */
int loop_run(struct loop *loop) __attribute__((warn_unused_result));
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC, now. */
clock_ms loop_now(void);

/*
 * Begin to watch @fd. The watch's ready() and user must be set. Returns 0 or
 * -errno (-EPERM: a regular file).
 */
int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
	__attribute__((warn_unused_result));
void loop_watch_change(struct loop_watch *watch, uint32_t events);

/* Stop watching, before the fd is closed. Fine for a watch that is not watched. */
void loop_unwatch(struct loop_watch *watch);

/* Set @timer, or set it anew, to expire in @ms, in the next round at the earliest. Its expired() and user must be set. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t ms);
void loop_timer_cancel(struct loop_timer *timer); /* fine for one that is not set */

#endif
