/*
 * victims - two guests who did nothing, in a network of their own, and whose
 * traffic must never notice what happens at other ports.
 *
 * A thread of their own sends bursts to and fro, sleeps on their call eventfds
 * like a driver, and checks every frame: all of them, in order, unchanged. Only
 * as many frames are under way as the rings hold easily, so there is no excuse
 * for a loss: the first one fails the test.
 */
#ifndef TESTS_LIB_VICTIMS_H
#define TESTS_LIB_VICTIMS_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/lib/frontend.h"

struct victims {
	struct frontend guests[2];
	pthread_t thread;
	atomic_bool stop;
	atomic_bool pause;
	atomic_bool paused;
	_Atomic uint64_t frames;   /* received and found right */
	_Atomic uint64_t worst_ns; /* longest that a burst took, there; reset by anybody */
};

struct harness;

/* Both guests are attached and up, as ports @port and @port + 1, before it returns. */
void victims_start(struct victims *victims, struct harness *harness, uint16_t port);
void victims_stop(struct victims *victims);

/* Let nothing be under way, and go on. */
void victims_pause(struct victims *victims);
void victims_resume(struct victims *victims);

/* Wait until @n more frames have passed. */
void victims_await(struct victims *victims, unsigned n);

#endif
