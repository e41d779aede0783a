/*
 * stream - traffic in the background, from one guest to another, while a test
 * does something to one of them.
 *
 * A thread sends stamped frames from one front-end's transmit ring and takes
 * them from another's receive ring: nothing else may touch these two rings
 * meanwhile; their sockets are the test's. What arrives must be intact and in
 * order; frames may be missing unless the stream is lossless.
 */
#ifndef TESTS_LIB_STREAM_H
#define TESTS_LIB_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/lib/frontend.h"

struct stream {
	struct frontend *from; /* NULL: only take */
	struct frontend *to;   /* NULL: only send */
	unsigned pair;
	uint16_t from_port; /* frames go from scene_mac() to scene_mac() */
	uint16_t to_port;
	uint32_t length; /* of each frame; 0: all lengths */
	bool broadcast;
	bool lossless; /* few under way, and each must arrive */

	pthread_t thread;
	atomic_bool stop;
	_Atomic uint64_t sent;
	_Atomic uint64_t received;
};

void stream_start(struct stream *stream);

/* End it; a lossless one waits for its last frames. */
void stream_stop(struct stream *stream);

/* Wait until @n more frames were sent (if there is a sender), or else received. */
void stream_await(struct stream *stream, unsigned n);

#endif
