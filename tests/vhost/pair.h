/*
 * pair - a hostile guest and a quiet peer in the same network, both up: what
 * most tests of the backend begin with.
 */
#ifndef TESTS_VHOST_PAIR_H
#define TESTS_VHOST_PAIR_H

#include "tests/lib/scene.h"

struct pair {
	struct scene *scene;
	struct frontend fe;   /* at port OFFENDER */
	struct frontend peer; /* at port PEER */
};

/* @options are the hostile guest's; NULL: FRONTEND_PLAIN. */
void pair_open(struct pair *pair, struct scene *scene, const struct frontend_options *options);
void pair_close(struct pair *pair);

/* A new session for the hostile guest, its rings empty; or also without a receive buffer posted. */
void pair_restart(struct pair *pair);
void pair_restart_without_buffers(struct pair *pair);

/* The hostile guest's error eventfds are said to the backend. */
void pair_watch_errors(struct pair *pair);

/* Its @ring broke: the error eventfd says so, and a new session, with the same eventfds, works. */
void pair_expect_broken(struct pair *pair, struct guest_ring *ring, const char *what);

/* A few frames each way. */
void pair_pass(struct pair *pair, unsigned n);

/* After a stream from the peer: all its frames have arrived or were dropped, and are thrown away. */
void pair_settle(struct pair *pair);

/* Wait until the backend has given back everything that @fe sent. */
void pair_await_return(struct frontend *fe, const char *what);

/* All frames of the hostile guest that were dropped, for whatever reason. */
uint64_t pair_drops(const struct pair *pair);

/*
 * The hostile guest sends one chain, word for word: it must be dropped for
 * @reason, and the next good frame must pass.
 */
void pair_expect_drop(struct pair *pair, const struct vring_desc *descs, uint16_t n,
		      enum drop reason, const char *what);

/* The same for one frame with @hdr. */
void pair_expect_frame_drop(struct pair *pair, const struct virtio_net_hdr_v1 *hdr,
			    const void *frame, uint32_t len, enum drop reason, const char *what);

/* A stamped frame of @len bytes to the peer, its header in front, in memory of its own: the gpa. */
uint64_t pair_make_buffer(struct pair *pair, uint32_t len, uint32_t stream);

#endif
