/*
 * fuzz_session - a session of the vhost library whose both ends are in one
 * thread: a message is written, served, and its answer thrown away; then the
 * workers have their turn. So an input always does the same.
 */
#ifndef TESTS_FUZZ_FUZZ_SESSION_H
#define TESTS_FUZZ_FUZZ_SESSION_H

#include <stdbool.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/vhost_user.h"
#include "vhost/vhost.h"

enum {
	SESSION_PAIRS = 2,
	SESSION_QUEUES = 4 * SESSION_PAIRS, /* the library answers for twice as many pairs */
	SESSION_MEMORY = 128 << 10,	    /* bytes, at guest address 0 */
	SESSION_USER = 0x10000000,	    /* the front-end's address of them */
};

struct fuzz_session {
	struct vhost_device *device;
	int socket; /* the front-end's end */
	int memory_fd;
	uint8_t *memory;
	struct vhost_queue *queues[SESSION_QUEUES]; /* those that run */
	uint32_t seed;				    /* for what the workers send */
};

/* A fresh session with zeroed memory. */
void fuzz_session_open(struct fuzz_session *session);

/* End it. No fd may be left that was not open before. */
void fuzz_session_close(struct fuzz_session *session);

/* Write any bytes with any fds. */
void fuzz_session_write(struct fuzz_session *session, const void *bytes, size_t size,
			const int *fds, unsigned n_fds);

/* One message. */
void fuzz_session_say(struct fuzz_session *session, uint32_t request, const void *payload,
		      uint32_t size, const int *fds, unsigned n_fds);

/* Let the library handle all that was written; false: it ended the session. */
bool fuzz_session_serve(struct fuzz_session *session);

/* Let the workers take from, and put into, every queue that runs. */
void fuzz_session_work(struct fuzz_session *session);

#endif
