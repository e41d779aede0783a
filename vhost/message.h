/*
 * message - one vhost-user message, and the socket it comes through.
 *
 * A socket delivers bytes, not messages, and a front-end may send one byte a
 * minute: what has arrived of a message is kept between calls, and nothing here
 * ever waits. The same holds for the one reply that may be on its way; while it
 * is, no further message is received.
 */
#ifndef VHOST_MESSAGE_H
#define VHOST_MESSAGE_H

#include <stdbool.h>
#include <stdatomic.h>
#include <stddef.h>

#include "vhost/proto.h"

struct message {
	struct proto_header header;
	union proto_payload payload;
	unsigned n_fds;
	int fds[PROTO_FDS_MAX + 1]; /* owned, or -1; one more than allowed shows an excess */
};

struct message_stream {
	int fd;
	atomic_uint *unclosed; /* of the files that came: closer.h */
	struct message in;
	size_t received; /* bytes of @in that are there, header and payload */
	struct message out;
	size_t unsent; /* bytes of @out that are still to be sent, header and payload */
};

/* @fd becomes the stream's. @unclosed outlives it. */
void message_init(struct message_stream *stream, int fd, atomic_uint *unclosed);
void message_fini(struct message_stream *stream);

/*
 * Receive more of the message. 1: stream->in is complete, to be released by
 * message_next(); 0: not yet. -ECONNRESET: the peer is gone; -EPROTO: what comes
 * is no message, @ret_why says more; others from recvmsg().
 */
int message_receive(struct message_stream *stream, const char **ret_why)
	__attribute__((warn_unused_result));

/* Close what fds of the message nobody took, and be ready for another. */
void message_next(struct message_stream *stream);

/* The fd at @place becomes the caller's. -1: there is none. */
int message_take_fd(struct message *message, unsigned place);

/*
 * Reply to stream->in with @size bytes of @payload and perhaps an fd (-1: none),
 * which becomes the stream's. Then as message_flush().
 */
int message_reply(struct message_stream *stream, const union proto_payload *payload, size_t size,
		  int fd) __attribute__((warn_unused_result));

/* Send what is left of the reply. 0, even if some is left (stream->unsent); or -errno. */
int message_flush(struct message_stream *stream) __attribute__((warn_unused_result));

#endif
