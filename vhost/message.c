/*
 * message - receives and sends messages, a piece at a time.
 */
#include "vhost/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vhost/closer.h"

static void message_close_fds(const struct message_stream *stream, struct message *message)
{
	for (unsigned i = 0; i < message->n_fds; i++)
		if (message->fds[i] >= 0)
			closer_close(message->fds[i], stream->unclosed);
	message->n_fds = 0;
}

void message_init(struct message_stream *stream, int fd, atomic_uint *unclosed)
{
	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->unclosed = unclosed;
}

void message_fini(struct message_stream *stream)
{
	message_close_fds(stream, &stream->in);
	message_close_fds(stream, &stream->out);
	close(stream->fd);
	stream->fd = -1;
}

/* Take the fds that came with some bytes. All of them, before anything can go wrong. */
static int collect_fds(struct message_stream *stream, struct msghdr *msg, const char **ret_why)
{
	struct message *message = &stream->in;
	bool excess = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (message->n_fds < PROTO_FDS_MAX + 1) {
				message->fds[message->n_fds++] = fd;
			} else {
				closer_close(fd, stream->unclosed);
				excess = true;
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC) {
		*ret_why = "fds were lost: too many, or not permitted by a security module";
		return -EPROTO;
	}
	if (excess) {
		*ret_why = "too many fds";
		return -EPROTO;
	}
	return 0;
}

/* Receive at most @size bytes to @to. Returns how many; 0: none are there. */
static ssize_t message_read(struct message_stream *stream, void *to, size_t size,
			    const char **ret_why)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE((PROTO_FDS_MAX + 1) * sizeof(int))];
	} control;
	struct iovec iov = {to, size};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	ssize_t n = recvmsg(stream->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	int err = collect_fds(stream, &msg, ret_why);
	if (err < 0)
		return err;
	return n > 0 ? n : -ECONNRESET;
}

static int header_check(const struct proto_header *header, const char **ret_why)
{
	if ((header->flags & PROTO_FLAG_VERSION) != PROTO_VERSION)
		*ret_why = "a version that is not 1";
	else if (header->flags & ~(uint32_t)(PROTO_FLAG_VERSION | PROTO_FLAG_NEED_REPLY))
		*ret_why = "flags that no request has";
	else if (header->size > sizeof(union proto_payload))
		*ret_why = "larger than any message";
	else
		return 0;
	return -EPROTO;
}

int message_receive(struct message_stream *stream, const char **ret_why)
{
	const size_t header_size = sizeof(stream->in.header);
	struct message *in = &stream->in;

	while (stream->received < header_size) {
		ssize_t n = message_read(stream, (char *)&in->header + stream->received,
					 header_size - stream->received, ret_why);
		if (n <= 0)
			return (int)n;
		stream->received += (size_t)n;
	}
	int err = header_check(&in->header, ret_why);
	if (err < 0)
		return err;
	while (stream->received < header_size + in->header.size) {
		size_t got = stream->received - header_size;
		ssize_t n = message_read(stream, (char *)&in->payload + got, in->header.size - got,
					 ret_why);
		if (n <= 0)
			return (int)n;
		stream->received += (size_t)n;
	}
	return 1;
}

void message_next(struct message_stream *stream)
{
	message_close_fds(stream, &stream->in);
	memset(&stream->in, 0, sizeof(stream->in));
	stream->received = 0;
}

int message_take_fd(struct message *message, unsigned place)
{
	if (place >= message->n_fds)
		return -1;
	int fd = message->fds[place];
	message->fds[place] = -1;
	return fd;
}

int message_reply(struct message_stream *stream, const union proto_payload *payload, size_t size,
		  int fd)
{
	struct message *out = &stream->out;

	out->header = (struct proto_header){
		.request = stream->in.header.request,
		.flags = PROTO_VERSION | PROTO_FLAG_REPLY,
		.size = (uint32_t)size,
	};
	memcpy(&out->payload, payload, size);
	out->n_fds = fd >= 0;
	out->fds[0] = fd;
	stream->unsent = sizeof(out->header) + size;
	return message_flush(stream);
}

int message_flush(struct message_stream *stream)
{
	struct message *out = &stream->out;

	while (stream->unsent > 0) {
		size_t total = sizeof(out->header) + out->header.size;
		size_t sent = total - stream->unsent;
		size_t of_header = sent < sizeof(out->header) ? sent : sizeof(out->header);
		struct iovec iov[2] = {
			{(char *)&out->header + of_header, sizeof(out->header) - of_header},
			{(char *)&out->payload + (sent - of_header),
			 out->header.size - (sent - of_header)},
		};
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(sizeof(int))];
		} control = {0};
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

		if (out->n_fds > 0) {
			msg.msg_control = &control;
			msg.msg_controllen = sizeof(control);
			control.header.cmsg_level = SOL_SOCKET;
			control.header.cmsg_type = SCM_RIGHTS;
			control.header.cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(&control.header), out->fds, sizeof(int));
		}
		ssize_t n = sendmsg(stream->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EPIPE)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			message_close_fds(stream, out); /* they went with the first byte */
			stream->unsent -= (size_t)n;
		}
	}
	return 0;
}
