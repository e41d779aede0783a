/*
 * message - receives and sends messages, a piece at a time.
 */
#include "vhost/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void message_close_fds(struct message *message)
{
	for (unsigned i = 0; i < message->n_fds; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	message->n_fds = 0;
}

void channel_init(struct channel *channel, int fd)
{
	memset(channel, 0, sizeof(*channel));
	channel->fd = fd;
}

void channel_fini(struct channel *channel)
{
	message_close_fds(&channel->in);
	message_close_fds(&channel->out);
	close(channel->fd);
	channel->fd = -1;
}

/* Take the fds that came with some bytes. All of them, before anything can go wrong. */
static int collect_fds(struct message *message, struct msghdr *msg, const char **ret_why)
{
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
				close(fd);
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
static ssize_t channel_read(struct channel *channel, void *to, size_t size, const char **ret_why)
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

	ssize_t n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	int err = collect_fds(&channel->in, &msg, ret_why);
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

int channel_receive(struct channel *channel, const char **ret_why)
{
	const size_t header_size = sizeof(channel->in.header);
	struct message *in = &channel->in;

	while (channel->received < header_size) {
		ssize_t n = channel_read(channel, (char *)&in->header + channel->received,
					 header_size - channel->received, ret_why);
		if (n <= 0)
			return (int)n;
		channel->received += (size_t)n;
	}
	int err = header_check(&in->header, ret_why);
	if (err < 0)
		return err;
	while (channel->received < header_size + in->header.size) {
		size_t got = channel->received - header_size;
		ssize_t n = channel_read(channel, (char *)&in->payload + got,
					 in->header.size - got, ret_why);
		if (n <= 0)
			return (int)n;
		channel->received += (size_t)n;
	}
	return 1;
}

void channel_next(struct channel *channel)
{
	message_close_fds(&channel->in);
	memset(&channel->in, 0, sizeof(channel->in));
	channel->received = 0;
}

int message_take_fd(struct message *message, unsigned place)
{
	if (place >= message->n_fds)
		return -1;
	int fd = message->fds[place];
	message->fds[place] = -1;
	return fd;
}

int channel_reply(struct channel *channel, const union proto_payload *payload, size_t size, int fd)
{
	struct message *out = &channel->out;

	out->header = (struct proto_header){
		.request = channel->in.header.request,
		.flags = PROTO_VERSION | PROTO_FLAG_REPLY,
		.size = (uint32_t)size,
	};
	memcpy(&out->payload, payload, size);
	out->n_fds = fd >= 0;
	out->fds[0] = fd;
	channel->unsent = sizeof(out->header) + size;
	return channel_flush(channel);
}

int channel_flush(struct channel *channel)
{
	struct message *out = &channel->out;

	while (channel->unsent > 0) {
		size_t total = sizeof(out->header) + out->header.size;
		size_t sent = total - channel->unsent;
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
		ssize_t n = sendmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EPIPE)
			return -ECONNRESET;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			message_close_fds(out); /* they went with the first byte */
			channel->unsent -= (size_t)n;
		}
	}
	return 0;
}
