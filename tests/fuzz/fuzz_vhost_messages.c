/*
 * fuzz_vhost_messages - any sequence of messages with any fds: the library
 * refuses or obeys, keeps no fd too many, and its queues work or do not run.
 *
 * The input is a list of messages, each 4 bytes and a payload:
 *
 *	request		the message's number
 *	shape		how to say it: see enum shape
 *	fds		low half: how many; high half: of which kind
 *	length		bytes of payload that follow
 *
 * The payload is laid over a sound one (by exclusive or), so that noise is often
 * almost right.
 */
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_session.h"

enum shape {
	SHAPE_NEED_REPLY = 1 << 0,
	SHAPE_BARE = 1 << 1,	   /* nothing sound below */
	SHAPE_OWN_SIZE = 1 << 2,   /* the size is that of the bytes given */
	SHAPE_LYING_SIZE = 1 << 3, /* the header speaks of more than there is */
	SHAPE_ODD_FLAGS = 1 << 4,
	SHAPE_UNSERVED = 1 << 5, /* the next one comes before this one is looked at */
	SHAPE_OWN_FDS =
		1 << 6, /* as many fds as the input says, of its kind; else the right ones */
};

enum { MESSAGES_MAX = 64, FDS_MAX = 9 };

enum fd_kind { FD_MEMORY, FD_EVENT, FD_LOG, FD_NULL, FD_KINDS };

struct sound {
	uint32_t size;
	uint8_t n_fds;
	uint8_t fd_kind;
	union vu_payload payload;
};

/* What a front-end in its right mind would say, about ring 0. */
static void say_soundly(uint32_t request, struct sound *ret)
{
	const struct vu_region region = {0, SESSION_MEMORY, SESSION_USER, 0};

	memset(ret, 0, sizeof(*ret));
	ret->size = 8;
	switch (request) {
	case VU_SET_FEATURES: ret->payload.u64 = vhost_features_offered(); break;
	case VU_SET_PROTOCOL_FEATURES: ret->payload.u64 = 0x1b03f; break;
	case VU_SET_MEM_TABLE:
		ret->payload.memory = (struct vu_memory){.n_regions = 1, .regions = {region}};
		ret->size = 8 + sizeof(region);
		ret->n_fds = 1;
		break;
	case VU_ADD_MEM_REG:
	case VU_REM_MEM_REG:
		ret->n_fds = request == VU_ADD_MEM_REG;
		ret->payload.single_region.region = region;
		ret->size = sizeof(ret->payload.single_region);
		break;
	case VU_SET_VRING_NUM: ret->payload.state.num = 16; break;
	case VU_SET_VRING_ENABLE: ret->payload.state.num = 1; break;
	case VU_SET_VRING_ADDR:
		ret->payload.addr.desc = SESSION_USER;
		ret->payload.addr.avail = SESSION_USER + 0x1000;
		ret->payload.addr.used = SESSION_USER + 0x2000;
		ret->size = sizeof(ret->payload.addr);
		break;
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ERR:
		ret->n_fds = 1;
		ret->fd_kind = FD_EVENT;
		break;
	case VU_SET_LOG_BASE:
		ret->payload.log.mmap_size = 4096;
		ret->size = sizeof(ret->payload.log);
		ret->n_fds = 1;
		ret->fd_kind = FD_LOG;
		break;
	case VU_GET_INFLIGHT_FD:
	case VU_SET_INFLIGHT_FD:
		ret->payload.inflight = (struct vu_inflight){4096, 0, 2, 16, 0};
		ret->size = VU_INFLIGHT_SIZE;
		ret->n_fds = request == VU_SET_INFLIGHT_FD;
		ret->fd_kind = FD_LOG;
		break;
	case VU_NET_SET_MTU: ret->payload.u64 = 1500; break;
	case VU_GET_FEATURES:
	case VU_SET_OWNER:
	case VU_RESET_OWNER:
	case VU_GET_PROTOCOL_FEATURES:
	case VU_GET_QUEUE_NUM:
	case VU_RESET_DEVICE:
	case VU_GET_MAX_MEM_SLOTS:
	case VU_GET_STATUS: ret->size = 0; break;
	case VU_SET_BACKEND_REQ_FD:
		ret->size = 0;
		ret->n_fds = 1;
		ret->fd_kind = FD_EVENT;
		break;
	}
}

static int open_fd(const struct fuzz_session *session, unsigned kind)
{
	int fd;

	switch (kind % FD_KINDS) {
	case FD_EVENT: return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case FD_LOG:
		fd = memfd_create("log", MFD_CLOEXEC);
		fuzz_demand(fd >= 0 && ftruncate(fd, 4096) == 0);
		return fd;
	case FD_NULL: return dup(session->socket);
	default: return dup(session->memory_fd);
	}
}

/* One message of the input; how many bytes of it were used. */
static size_t say(struct fuzz_session *session, const uint8_t *input, size_t size)
{
	uint8_t request = input[0], shape = input[1], fds = input[2];
	size_t length = input[3] < size - 4 ? input[3] : size - 4;
	struct {
		struct vu_header header;
		uint8_t payload[512];
	} message = {0};
	struct sound sound;
	int opened[FDS_MAX];
	unsigned n_fds;

	say_soundly(request, &sound);
	if (!(shape & SHAPE_BARE))
		memcpy(message.payload, &sound.payload, sizeof(message.payload));
	for (size_t i = 0; i < length; i++)
		message.payload[i] ^= input[4 + i];
	message.header.request = request;
	message.header.flags = VU_VERSION | (shape & SHAPE_NEED_REPLY ? VU_NEED_REPLY : 0);
	message.header.flags ^= shape & SHAPE_ODD_FLAGS ? fds : 0;
	message.header.size = shape & SHAPE_OWN_SIZE ? (uint32_t)length : sound.size;
	n_fds = shape & SHAPE_OWN_FDS ? (fds & 15u) % (FDS_MAX + 1) : sound.n_fds;
	for (unsigned i = 0; i < n_fds; i++)
		opened[i] = open_fd(session, shape & SHAPE_OWN_FDS ? fds >> 4 : sound.fd_kind);
	size = sizeof(message.header) + message.header.size;
	if (shape & SHAPE_LYING_SIZE)
		message.header.size += (uint32_t)length * 100 + 1;
	fuzz_session_write(session, &message, size, opened, n_fds);
	for (unsigned i = 0; i < n_fds; i++)
		close(opened[i]);
	return 4 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct fuzz_session session;
	bool alive = true;

	fuzz_session_open(&session);
	for (unsigned i = 0; alive && size >= 4 && i < MESSAGES_MAX; i++) {
		bool served = !(input[1] & SHAPE_UNSERVED);
		size_t used = say(&session, input, size);

		input += used;
		size -= used;
		if (served) {
			alive = fuzz_session_serve(&session);
			fuzz_session_work(&session);
		}
	}
	if (alive)
		(void)fuzz_session_serve(&session);
	fuzz_session_close(&session);
	return 0;
}
