/*
 * fuzz_session - see fuzz_session.h.
 */
#include "tests/fuzz/fuzz_session.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BURST = 32, HEAD = 128, POOL = 512, FRAME = 3000, PUTS = 4, FDS_ROOM = 16 };

static int first_free_fd;

static int free_fd(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static void queue_started(void *user, unsigned index, struct vhost_queue *queue)
{
	struct fuzz_session *session = user;

	fuzz_demand(index < SESSION_QUEUES && !session->queues[index]);
	session->queues[index] = queue;
}

static void queue_stopping(void *user, unsigned index, struct vhost_queue *queue)
{
	struct fuzz_session *session = user;

	fuzz_demand(index < SESSION_QUEUES && session->queues[index] == queue);
	session->queues[index] = NULL;
}

static void kick_changed(void *user, unsigned index, struct vhost_queue *queue)
{
	struct fuzz_session *session = user;

	fuzz_demand(index < SESSION_QUEUES && session->queues[index] == queue);
}

static void quiesce(void *user)
{
}

static void announce(void *user, uint64_t mac)
{
	fuzz_demand(mac >> 48 == 0);
}

/* One memory for all inputs, zeroed for each: a new one would cost more than all the rest. */
static void take_memory(struct fuzz_session *session)
{
	static uint8_t *memory;
	static int fd;

	if (!memory) {
		fd = memfd_create("guest", MFD_CLOEXEC);
		fuzz_demand(fd >= 0 && ftruncate(fd, SESSION_MEMORY) == 0);
		memory = mmap(NULL, SESSION_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		fuzz_demand(memory != MAP_FAILED);
	}
	memset(memory, 0, SESSION_MEMORY);
	session->memory = memory;
	session->memory_fd = fd;
}

void fuzz_session_open(struct fuzz_session *session)
{
	static const struct vhost_options options = {.queue_pairs = SESSION_PAIRS, .mtu_max = 9000};
	static const struct vhost_ops ops = {queue_started, queue_stopping, kick_changed, quiesce,
					     announce};
	int sockets[2];

	memset(session, 0, sizeof(*session));
	take_memory(session);
	first_free_fd = free_fd();
	fuzz_demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) ==
		    0);
	session->socket = sockets[0];
	fuzz_demand(vhost_device_create(&options, &ops, session, sockets[1], &session->device) ==
		    0);
}

void fuzz_session_close(struct fuzz_session *session)
{
	vhost_device_destroy(session->device);
	for (unsigned i = 0; i < SESSION_QUEUES; i++)
		fuzz_demand(!session->queues[i]);
	close(session->socket);
	fuzz_demand(free_fd() == first_free_fd);
}

void fuzz_session_write(struct fuzz_session *session, const void *bytes, size_t size,
			const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0 && n_fds <= FDS_ROOM) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	/* What does not fit, or is for a session that ended, is lost: no matter. */
	if (sendmsg(session->socket, &message, MSG_NOSIGNAL) < 0)
		return;
}

void fuzz_session_say(struct fuzz_session *session, uint32_t request, const void *payload,
		      uint32_t size, const int *fds, unsigned n_fds)
{
	struct {
		struct vu_header header;
		uint8_t payload[512];
	} message = {.header = {request, VU_VERSION, size}};

	memcpy(message.payload, payload, size);
	fuzz_session_write(session, &message, sizeof(message.header) + size, fds, n_fds);
}

/* Read all answers, and close what fds came with them. */
static void discard_answers(struct fuzz_session *session)
{
	for (;;) {
		union {
			struct cmsghdr header;
			char room[CMSG_SPACE(sizeof(int))];
		} control;
		char bytes[1024];
		struct iovec iov = {bytes, sizeof(bytes)};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = &control,
					 .msg_controllen = sizeof(control)};
		const struct cmsghdr *cmsg;
		int fd;

		if (recvmsg(session->socket, &message, MSG_CMSG_CLOEXEC) <= 0)
			return;
		cmsg = CMSG_FIRSTHDR(&message);
		if (cmsg && cmsg->cmsg_type == SCM_RIGHTS) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			close(fd);
		}
	}
}

bool fuzz_session_serve(struct fuzz_session *session)
{
	for (unsigned turn = 0; turn < 4; turn++) {
		if (vhost_device_serve(session->device) < 0) {
			fuzz_demand(vhost_device_error(session->device)[0] != '\0');
			return false;
		}
		discard_answers(session);
	}
	fuzz_demand(vhost_device_running(session->device) <= SESSION_QUEUES);
	return true;
}

/* A frame, with room for its head. */
struct private_frame {
	struct vhost_frame is;
	uint8_t head[HEAD];
};

/* Take a burst; what is listed must be what was said, and every byte of it readable. */
static void take(struct vhost_queue *queue)
{
	static struct private_frame frames[BURST];
	static struct iovec pool[POOL];
	static volatile uint8_t sink;
	const struct vhost_room room = {
		.frames = &frames[0].is,
		.stride = sizeof(frames[0]),
		.n_frames = BURST,
		.head_max = HEAD,
		.pieces = pool,
		.n_pieces = POOL,
		.n_bytes = 1 << 14,
		.fault = 1,
	};
	unsigned n = vhost_queue_take(queue, &room);

	fuzz_demand(n <= BURST);
	for (unsigned i = 0; i < n; i++) {
		const struct vhost_frame *frame = &frames[i].is;
		size_t left = frame->len - frame->head_len;

		fuzz_demand(frame->len <= VHOST_FRAME_MAX && frame->head_len <= HEAD &&
			    frame->head_len <= frame->len);
		fuzz_demand(!frame->fault || frame->len == 0);
		for (unsigned k = 0; k < frame->n_tail; k++) {
			const struct iovec *piece = &frame->tail[k];

			fuzz_demand(piece >= pool && piece < pool + POOL && piece->iov_len <= left);
			left -= piece->iov_len;
			for (size_t at = 0; at < piece->iov_len; at++)
				sink = (uint8_t)(sink + ((const uint8_t *)piece->iov_base)[at]);
		}
		fuzz_demand(left == 0);
	}
	vhost_queue_give_back(queue);
}

/* Put some frames of several sizes, part of each in private memory. */
static void put(struct fuzz_session *session, struct vhost_queue *queue)
{
	static uint8_t frame[FRAME];
	struct private_frame frames[PUTS];
	struct iovec tails[PUTS];
	struct vhost_put puts[PUTS];
	int errors[VHOST_PUT_MAX];
	uint64_t failed;

	for (unsigned i = 0; i < PUTS; i++) {
		uint32_t len =
			14 + (session->seed = session->seed * 1103515245 + 12345) % (FRAME - 14);
		uint32_t head = len < HEAD ? len : HEAD;

		tails[i] = (struct iovec){frame + head, len - head};
		frames[i] = (struct private_frame){.is = {
							   .len = len,
							   .head_len = (uint16_t)head,
							   .n_tail = len > head,
							   .tail = &tails[i],
							   .hdr = {.num_buffers = 1},
						   }};
		puts[i] = (struct vhost_put){&frames[i].is, i};
	}
	fuzz_demand(vhost_queue_begin(queue));
	failed = vhost_queue_put(queue, puts, PUTS, errors);
	vhost_queue_end(queue);
	for (unsigned i = 0; i < PUTS; i++)
		fuzz_demand(!(failed >> i & 1) || errors[i] == -ENOBUFS || errors[i] == -EMSGSIZE ||
			    errors[i] == -EIO);
}

void fuzz_session_work(struct fuzz_session *session)
{
	for (unsigned i = 0; i < SESSION_QUEUES; i++) {
		struct vhost_queue *queue = session->queues[i];

		if (!queue)
			continue;
		if (i % 2 == 0) {
			put(session, queue);
			continue;
		}
		vhost_queue_disarm(queue);
		take(queue);
		(void)vhost_queue_pending(queue);
		(void)vhost_queue_arm(queue);
		(void)vhost_queue_is_broken(queue);
	}
}
