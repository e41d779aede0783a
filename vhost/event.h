/*
 * event - the eventfds by which a guest and this process wake each other.
 *
 * They come from the front-end, and might be anything. What is no eventfd is
 * refused: a write to a full pipe, or to a file of a file system run by the
 * front-end, would let a worker wait for it.
 */
#ifndef VHOST_EVENT_H
#define VHOST_EVENT_H

#include <stdbool.h>
#include <sys/types.h>

/* The inode that all eventfds of this kernel share. */
struct event_identity {
	dev_t device;
	ino_t inode;
};

int event_identity_learn(struct event_identity *ret_identity) __attribute__((warn_unused_result));

/* Is @fd an eventfd? If so it is made non-blocking. */
bool event_accept(const struct event_identity *identity, int fd);

/* Wake the other side. True if it will; false if that side has broken its eventfd. */
bool event_signal(int fd);

#endif
