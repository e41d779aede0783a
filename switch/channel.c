/*
 * channel - sending and receiving the messages of channel.h.
 *
 * Apart from the rest because both processes use it. What arrives is believed
 * in nothing: a packet that is not exactly one message, or brings more fds than
 * a message may have, is refused and its fds are closed. Nothing is allocated.
 */
#include "switch/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the fds, aligned as control messages have to be (cmsg(3)). */
union ancillary {
	char bytes[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
	struct cmsghdr align;
};

int channel_send(int socket, const struct channel_message *message, const int *fds, unsigned n_fds)
{
	union ancillary ancillary = {.bytes = {0}};
	struct iovec body = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
	struct msghdr packet = {.msg_iov = &body, .msg_iovlen = 1};
	ssize_t sent;

	if (n_fds > CHANNEL_FDS)
		return -E2BIG;
	if (n_fds) {
		size_t size = n_fds * sizeof(int);
		struct cmsghdr *cmsg;

		packet.msg_control = ancillary.bytes;
		packet.msg_controllen = CMSG_SPACE(size);
		cmsg = CMSG_FIRSTHDR(&packet);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(cmsg), fds, size);
	}
	do
		sent = sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return 0;
}

/* Take the fds out of a received packet; those beyond CHANNEL_FDS are closed. Returns how many came. */
static unsigned collect_fds(struct msghdr *packet, int *fds)
{
	unsigned n = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(packet); cmsg; cmsg = CMSG_NXTHDR(packet, cmsg)) {
		size_t count;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (n < CHANNEL_FDS)
				fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

/* Texts come from another process: whatever they hold, they end. */
static void end_texts(struct channel_message *message)
{
	if (message->type == CHANNEL_REPLY)
		message->reply.text[CHANNEL_TEXT - 1] = '\0';
	else if (message->type == CHANNEL_EVENT)
		message->event.text[CHANNEL_TEXT - 1] = '\0';
}

int channel_receive(int socket, struct channel_message *ret_message, int *ret_fds,
		    unsigned *ret_n_fds)
{
	union ancillary ancillary;
	struct channel_message message;
	struct iovec body = {.iov_base = &message, .iov_len = sizeof(message)};
	struct msghdr packet = {
		.msg_iov = &body,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes),
	};
	int fds[CHANNEL_FDS];
	unsigned n_fds;
	ssize_t got;

	do
		got = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	n_fds = collect_fds(&packet, fds);
	if (got != sizeof(message) || packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    n_fds > CHANNEL_FDS) {
		for (unsigned i = 0; i < n_fds && i < CHANNEL_FDS; i++)
			close(fds[i]);
		/* an empty packet reads like the end of the connection, and is taken for it */
		return got == 0 && n_fds == 0 ? -ECONNRESET : -EPROTO;
	}
	end_texts(&message);
	*ret_message = message;
	for (unsigned i = 0; i < CHANNEL_FDS; i++)
		ret_fds[i] = i < n_fds ? fds[i] : -1;
	*ret_n_fds = n_fds;
	return 0;
}
