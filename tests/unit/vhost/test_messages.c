/*
 * test_messages - what arrives is taken for a message only if it is one: sizes,
 * fds, flags, a byte at a time, cut off anywhere. No fd stays behind.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"

enum {
	REQUESTS = 50,
	FDS_TRIED = 10,
};

/* What the specification says about each request, written down a second time. */
static const struct {
	uint8_t number;
	uint8_t size_min;
	uint16_t size_max;
	uint8_t fds_min, fds_max;
	bool answers;
} requests[] = {
	{1, 0, 0, 0, 0, true},	  {2, 8, 8, 0, 0, false},    {3, 0, 0, 0, 0, false},
	{4, 0, 0, 0, 0, false},	  {5, 8, 264, 0, 8, false},  {6, 16, 16, 1, 1, true},
	{7, 0, 8, 1, 1, false},	  {8, 8, 8, 0, 0, false},    {9, 40, 40, 0, 0, false},
	{10, 8, 8, 0, 0, false},  {11, 8, 8, 0, 0, true},    {12, 8, 8, 0, 1, false},
	{13, 8, 8, 0, 1, false},  {14, 8, 8, 0, 1, false},   {15, 0, 0, 0, 0, true},
	{16, 8, 8, 0, 0, false},  {17, 0, 0, 0, 0, true},    {18, 8, 8, 0, 0, false},
	{19, 8, 8, 0, 0, false},  {20, 8, 8, 0, 0, false},   {21, 0, 0, 1, 1, false},
	{31, 20, 24, 0, 0, true}, {32, 20, 24, 1, 1, false}, {34, 0, 0, 0, 0, false},
	{36, 0, 0, 0, 0, true},	  {37, 40, 40, 1, 1, false}, {38, 40, 40, 0, 1, false},
	{39, 8, 8, 0, 0, false},  {40, 0, 0, 0, 0, true},
};

/*
 * Each number with each size and each number of fds, all zero: what the table
 * does not allow is refused, what it allows has its answer or acknowledgement
 * (which may well be a refusal: zeros are no sensible memory table).
 */
static void every_request_in_every_shape(void **state)
{
	static const uint8_t zeros[300];
	unsigned before = front_count_fds();
	struct front front;
	int fds[FDS_TRIED];

	front_open(&front);
	front_negotiate(&front, 0);
	for (unsigned i = 0; i < FDS_TRIED; i++)
		fds[i] = front.rings[0].kick;
	for (uint32_t number = 0; number < REQUESTS; number++) {
		for (uint32_t size = 0; size <= 265; size++) {
			for (unsigned n = 0; n < FDS_TRIED; n++) {
				bool fits = false, answers = false;
				union proto_payload payload;
				uint32_t answered;
				int fd = -1;

				if (size > 48 && size < 260)
					continue; /* nothing ends there */
				for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]);
				     i++) {
					if (requests[i].number != number)
						continue;
					answers = requests[i].answers;
					fits = size >= requests[i].size_min &&
					       size <= requests[i].size_max &&
					       n >= requests[i].fds_min && n <= requests[i].fds_max;
				}
				int err = front_say(&front, number,
						    PROTO_VERSION | PROTO_FLAG_NEED_REPLY, zeros,
						    size, fds, n);
				int reply = front_reply(&front, &answered, &payload, &fd);
				if (fd >= 0)
					close(fd);
				if (!fits && err == 0) {
					assert_int_equal(reply, 8);
					assert_int_not_equal(payload.number, 0);
				}
				if (fits && !answers)
					assert_int_equal(err, 0);
				if (err == 0)
					assert_int_equal(answered, number);
				else
					assert_true(strlen(vhost_device_error(front.device)) > 0);
				/* 16 and 2 were zeros too: begin again */
				if (err < 0 || number == 16) {
					front_close(&front);
					front_open(&front);
					front_negotiate(&front, 0);
					for (unsigned i = 0; i < FDS_TRIED; i++)
						fds[i] = front.rings[0].kick;
				}
			}
		}
	}
	front_close(&front);
	assert_int_equal(front_count_fds(), before);
}

static void write_all(int fd, const void *bytes, size_t size)
{
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

/* T26: headers that are none end the session at once, whatever is to follow. */
static void t26_bad_headers(void **state)
{
	const struct proto_header bad[] = {
		{1, 0, 0},
		{1, 2, 0},
		{1, 3, 0},
		{1, PROTO_VERSION | PROTO_FLAG_REPLY, 0},
		{1, PROTO_VERSION | 16, 0},
		{1, PROTO_VERSION | 1U << 31, 0},
		{5, PROTO_VERSION, 265},
		{5, PROTO_VERSION, 4097},
		{5, PROTO_VERSION, UINT32_MAX},
		{UINT32_MAX, PROTO_VERSION, UINT32_MAX},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct front front;

		front_open(&front);
		write_all(front.fd, &bad[i], sizeof(bad[i]));
		assert_int_equal(vhost_device_serve(front.device), -EPROTO);
		assert_true(strlen(vhost_device_error(front.device)) > 0);
		front_close(&front);
	}
}

/* Without NEED_REPLY nobody hears of a refusal: the session ends. With it, it goes on. */
static void refusals_are_heard(void **state)
{
	const uint32_t unknown[] = {0, 22, 24, 28, 33, 35, 44, 200, UINT32_MAX};

	for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct front front;

		front_open(&front);
		front_negotiate(&front, 0);
		assert_false(front_acked(&front, unknown[i], NULL, 0, NULL, 0));
		assert_int_equal(front_say(&front, unknown[i], PROTO_VERSION, NULL, 0, NULL, 0),
				 -EOPNOTSUPP);
		front_close(&front);

		/* not negotiated, not acknowledged */
		front_open(&front);
		assert_int_equal(front_say(&front, unknown[i],
					   PROTO_VERSION | PROTO_FLAG_NEED_REPLY, NULL, 0, NULL, 0),
				 -EOPNOTSUPP);
		front_close(&front);
	}
}

static void features_are_needed(void **state)
{
	const uint32_t numbers[] = {6, 17, 19, 20, 21, 31, 32, 34, 36, 37, 38, 39, 40};
	const uint32_t sizes[] = {16, 0, 8, 8, 0, 24, 24, 0, 0, 40, 40, 8, 0};
	static const uint8_t zeros[64];

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct front front;

		front_open(&front);
		bool has_fd =
			numbers[i] == 6 || numbers[i] == 21 || numbers[i] == 32 || numbers[i] == 37;
		assert_int_equal(front_say(&front, numbers[i], PROTO_VERSION, zeros, sizes[i],
					   &front.memfd, has_fd),
				 -EOPNOTSUPP);
		front_close(&front);
	}
}

/*
 * T31, T26: a message that comes byte by byte is the same message; one that is
 * cut off leaves nothing.
 */
static void t31_cut_anywhere(void **state)
{
	const size_t size = sizeof(struct proto_header) + offsetof(struct proto_memory, regions[2]);
	const struct proto_header header = {5, PROTO_VERSION | PROTO_FLAG_NEED_REPLY,
					    (uint32_t)(size - sizeof(struct proto_header))};
	uint8_t message[sizeof(header) + sizeof(struct proto_memory)];
	struct proto_memory table;
	unsigned before = front_count_fds();

	for (size_t cut = 0; cut <= size; cut++) {
		struct front front;
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(2 * sizeof(int))];
		} control = {0};
		struct iovec iov = {message, 1};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = &control,
				     .msg_controllen = sizeof(control)};

		front_open(&front);
		front_negotiate(&front, 0);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(2 * sizeof(int));
		int fds[2];
		front_table(&front, &table, fds);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
		memcpy(message, &header, sizeof(header));
		memcpy(message + sizeof(header), &table, sizeof(table));
		for (size_t at = 0; at < cut; at++) {
			if (at == 0)
				assert_int_equal(sendmsg(front.fd, &msg, 0), 1);
			else
				write_all(front.fd, message + at, 1);
			assert_int_equal(vhost_device_serve(front.device), 0);
			assert_false(vhost_device_wants_write(front.device));
		}
		union proto_payload payload;
		uint32_t request;
		int fd;
		int reply = front_reply(&front, &request, &payload, &fd);
		assert_int_equal(reply, cut == size ? 8 : -EAGAIN);
		if (cut == size)
			assert_int_equal(payload.number, 0);
		shutdown(front.fd, SHUT_RDWR);
		assert_int_equal(vhost_device_serve(front.device), -ECONNRESET);
		front_close(&front);
	}
	assert_int_equal(front_count_fds(), before);
}

/* T24: more fds than any message has. */
static void t24_too_many_fds(void **state)
{
	unsigned before = front_count_fds();
	int fds[32];

	for (unsigned n = 0; n <= 32; n++) {
		struct front front;

		front_open(&front);
		front_negotiate(&front, 0);
		for (unsigned i = 0; i < n; i++)
			fds[i] = front.memfd;
		int err = front_say(&front, 3, PROTO_VERSION, NULL, 0, fds, n);
		assert_int_equal(err == 0, n == 0);
		front_close(&front);
	}
	assert_int_equal(front_count_fds(), before);
}

/* A front-end that does not read its replies is not listened to until it does. */
static void replies_wait_for_their_reader(void **state)
{
	struct proto_header ask = {1, PROTO_VERSION, 0};
	const unsigned n = 20000;
	struct front front;
	unsigned asked = 0, answered = 0, waits = 0;
	int room = 0; /* the least there can be */

	front_open(&front);
	assert_int_equal(setsockopt(vhost_device_fd(front.device), SOL_SOCKET, SO_SNDBUF, &room,
				    sizeof(room)),
			 0);
	while (answered < n) {
		while (asked < n && send(front.fd, &ask, sizeof(ask), MSG_NOSIGNAL) == sizeof(ask))
			asked++;
		for (unsigned i = 0; i < 2000 && !vhost_device_wants_write(front.device); i++)
			assert_int_equal(vhost_device_serve(front.device), 0);
		/* it does not grow: it waits */
		waits += vhost_device_wants_write(front.device);
		assert_int_equal(vhost_device_serve(front.device), 0);

		uint8_t reply[20];
		while (recv(front.fd, reply, sizeof(reply), MSG_DONTWAIT | MSG_PEEK) ==
		       sizeof(reply)) {
			assert_int_equal(recv(front.fd, reply, sizeof(reply), 0), sizeof(reply));
			answered++;
		}
		assert_int_equal(vhost_device_serve(front.device), 0);
	}
	assert_true(waits > 10);
	assert_false(vhost_device_wants_write(front.device));
	front_close(&front);
}

/* T30: what is no eventfd is refused, an eventfd that is full is not. */
static void t30_fds_that_are_no_eventfds(void **state)
{
	for (uint32_t request = 12; request <= 14; request++) {
		struct front front;
		int ends[2], sockets[2];

		front_open(&front);
		front_negotiate(&front, 0);
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
		int wrong[] = {sockets[0], front.memfd};
		uint64_t index = 0;
		for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
			assert_false(front_acked(&front, request, &index, 8, &wrong[i], 1));
		/* neither an fd nor the word that there is none; both */
		assert_false(front_acked(&front, request, &index, 8, NULL, 0));
		index = PROTO_VRING_NOFD;
		assert_false(front_acked(&front, request, &index, 8, &front.rings[0].kick, 1));
		assert_true(front_acked(&front, request, &index, 8, NULL, 0));
		index = 0;
		int full = eventfd(0, 0);
		uint64_t most = UINT64_MAX - 1;
		assert_int_equal(write(full, &most, 8), 8);
		assert_true(front_acked(&front, request, &index, 8, &full, 1));
		close(full);
		/* what may wait when it is closed ends the session, asked for an answer or not */
		assert_int_equal(
			front_say(&front, request,
				  PROTO_VERSION | (request % 2 ? PROTO_FLAG_NEED_REPLY : 0), &index,
				  8, &ends[request % 2], 1),
			-EMEDIUMTYPE);
		for (unsigned i = 0; i < 2; i++) {
			close(ends[i]);
			close(sockets[i]);
		}
		front_close(&front);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_in_every_shape),
		cmocka_unit_test(t26_bad_headers),
		cmocka_unit_test(refusals_are_heard),
		cmocka_unit_test(features_are_needed),
		cmocka_unit_test(t31_cut_anywhere),
		cmocka_unit_test(t24_too_many_fds),
		cmocka_unit_test(replies_wait_for_their_reader),
		cmocka_unit_test(t30_fds_that_are_no_eventfds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
