/*
 * event - the eventfds by which a guest and this process wake each other.
 *
 * They come from the front-end, and might be anything. What is no eventfd is
 * refused, and not touched to find that out: to stat a file of a file system run
 * by the front-end, or to write to a full pipe, would let a thread wait for it.
 *
 * An eventfd may be full as well, and whether a write() then waits is a property
 * of the open file, which the front-end has too and may change at any time. So
 * none is written to: the kernel is made to signal it, which never waits.
 *
 * Threads: any.
 */
#ifndef VHOST_EVENT_H
#define VHOST_EVENT_H

#include <stdbool.h>

/* Before the first use; any number of times. -errno: the kernel has no queue for us. */
int event_prepare(void) __attribute__((warn_unused_result));

/* Is @fd an eventfd? */
bool event_accept(int fd);

/* Wake the other side. A full eventfd stays full: it has not looked at earlier ones yet. */
void event_signal(int fd);

#endif
