/*
 * test_channel - messages between the two processes, and what is not one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/channel.h"
#include "tests/unit/switch/unit.h"

static int near_end, far_end;
static struct channel_message message;
static int fds[CHANNEL_FDS];
static unsigned n_fds;

static int connect_ends(void **state)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	near_end = ends[0];
	far_end = ends[1];
	memset(&message, 0, sizeof(message));
	n_fds = 99;
	return 0;
}

static int close_ends(void **state)
{
	close(near_end);
	close(far_end);
	return 0;
}

static int receive(void)
{
	return channel_receive(near_end, &message, fds, &n_fds);
}

/* A packet of @size bytes with @n copies of one fd. */
static void send_packet(const void *bytes, size_t size, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(253 * sizeof(int))];
		struct cmsghdr align;
	} beside = {.bytes = {0}};
	struct iovec body = {(void *)bytes, size};
	struct msghdr packet = {.msg_iov = &body, .msg_iovlen = 1};

	if (n) {
		struct cmsghdr *cmsg = &beside.align;

		packet.msg_control = beside.bytes;
		packet.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &far_end, sizeof(int));
	}
	assert_int_equal(sendmsg(far_end, &packet, 0), size);
}

/* The lowest fd that is free: grows if one leaks. */
static int lowest_fd(void)
{
	int fd = dup(near_end);

	close(fd);
	return fd;
}

static void a_message_arrives_with_its_fds(void **state)
{
	struct channel_message sent = {.type = CHANNEL_ATTACH, .seq = 7, .attach.cookie = 42};
	const int two[] = {near_end, far_end};

	assert_int_equal(channel_send(far_end, &sent, two, 2), 0);
	assert_int_equal(receive(), 0);
	assert_memory_equal(&message, &sent, sizeof(sent));
	assert_int_equal(n_fds, 2);
	for (unsigned i = 0; i < CHANNEL_FDS; i++) {
		if (i >= n_fds) {
			assert_int_equal(fds[i], -1);
			continue;
		}
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
}

static void as_many_fds_as_a_message_may_have(void **state)
{
	struct channel_message sent = {.type = CHANNEL_ATTACH};
	int many[CHANNEL_FDS + 1];

	for (unsigned i = 0; i <= CHANNEL_FDS; i++)
		many[i] = far_end;
	assert_int_equal(channel_send(far_end, &sent, many, CHANNEL_FDS + 1), -E2BIG);
	assert_int_equal(channel_send(far_end, &sent, many, CHANNEL_FDS), 0);
	assert_int_equal(receive(), 0);
	assert_int_equal(n_fds, CHANNEL_FDS);
	for (unsigned i = 0; i < CHANNEL_FDS; i++)
		close(fds[i]);
}

static void what_is_no_message_is_refused_and_its_fds_closed(void **state)
{
	static const uint8_t bytes[2 * sizeof(struct channel_message)];
	const struct {
		size_t size;
		unsigned fds;
	} packets[] = {
		{1, 0},
		{sizeof(message) - 1, 1},
		{sizeof(message) + 1, 2},
		{sizeof(bytes), CHANNEL_FDS},
		{sizeof(message), CHANNEL_FDS + 1},
		{sizeof(message), 253},
		{sizeof(message) - 1, 253},
	};
	int lowest = lowest_fd();

	for (unsigned i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		send_packet(bytes, packets[i].size, packets[i].fds);
		assert_int_equal(receive(), -EPROTO);
		assert_int_equal(n_fds, 99);
		assert_int_equal(lowest_fd(), lowest);
	}
	/* the next packet is a message again */
	send_packet(bytes, sizeof(message), 0);
	assert_int_equal(receive(), 0);
}

static void texts_end(void **state)
{
	struct channel_message sent;

	memset(&sent, 'x', sizeof(sent));
	sent.type = CHANNEL_REPLY;
	assert_int_equal(channel_send(far_end, &sent, NULL, 0), 0);
	assert_int_equal(receive(), 0);
	assert_int_equal(strlen(message.reply.text), CHANNEL_TEXT - 1);
	sent.type = CHANNEL_EVENT;
	assert_int_equal(channel_send(far_end, &sent, NULL, 0), 0);
	assert_int_equal(receive(), 0);
	assert_int_equal(strlen(message.event.text), CHANNEL_TEXT - 1);
}

static void neither_side_waits(void **state)
{
	int error;

	assert_int_equal(receive(), -EAGAIN);
	do
		error = channel_send(far_end, &message, NULL, 0);
	while (!error);
	assert_int_equal(error, -EAGAIN);
}

static void the_end_is_told(void **state)
{
	close(far_end);
	assert_int_equal(receive(), -ECONNRESET);
	assert_int_equal(channel_send(near_end, &message, NULL, 0), -ECONNRESET);
	far_end = -1;
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, connect_ends, close_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_message_arrives_with_its_fds),
		UNIT(as_many_fds_as_a_message_may_have),
		UNIT(what_is_no_message_is_refused_and_its_fds_closed),
		UNIT(texts_end),
		UNIT(neither_side_waits),
		UNIT(the_end_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
