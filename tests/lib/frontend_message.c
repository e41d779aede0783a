/*
 * frontend_message - single messages, right or wrong: see frontend.h.
 *
 * The socket blocks for writing (up to a limit) and is polled for reading, so
 * that a backend which says nothing is a time-out and not a hung test.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/frontend.h"

enum { FDS_ROOM = 253 }; /* SCM_MAX_FD of the kernel: the most that one message can carry */

int frontend_write(struct frontend *fe, const void *bytes, size_t size, const int *fds,
		   unsigned n_fds)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	sent = sendmsg(fe->socket, &message, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == size ? 0 : -ETIMEDOUT;
}

int frontend_say(struct frontend *fe, uint32_t request, uint32_t flags, const void *payload,
		 uint32_t size, const int *fds, unsigned n_fds)
{
	struct {
		struct vu_header header;
		uint8_t payload[VU_PAYLOAD_MAX];
	} __attribute__((packed)) message = {.header = {request, flags, size}};

	check(size <= sizeof(message.payload), "a payload of %u bytes", size);
	if (size > 0)
		memcpy(message.payload, payload, size);
	return frontend_write(fe, &message, sizeof(message.header) + size, fds, n_fds);
}

/* Exactly @size bytes before @end, and at most one fd with the first of them. */
static int read_all(struct frontend *fe, void *to, size_t size, int *ret_fd, uint64_t end)
{
	size_t done = 0;

	while (done < size) {
		union {
			struct cmsghdr header;
			char room[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec iov = {(char *)to + done, size - done};
		struct msghdr message = {.msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = &control,
					 .msg_controllen = sizeof(control)};
		struct pollfd poll_fd = {.fd = fe->socket, .events = POLLIN};
		uint64_t now = clock_now_ms();
		const struct cmsghdr *cmsg;
		ssize_t got;

		if (now >= end || poll(&poll_fd, 1, (int)(end - now)) == 0)
			return -ETIMEDOUT;
		got = recvmsg(fe->socket, &message, MSG_CMSG_CLOEXEC);
		if (got <= 0)
			return got == 0 || errno == ECONNRESET ? -ECONNRESET : -errno;
		cmsg = CMSG_FIRSTHDR(&message);
		if (cmsg && cmsg->cmsg_type == SCM_RIGHTS) {
			check(ret_fd && *ret_fd < 0, "an fd came that nobody asked for");
			memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
		}
		done += (size_t)got;
	}
	return 0;
}

int frontend_await_reply(struct frontend *fe, uint32_t request, void *ret_answer, uint32_t room,
			 int *ret_fd, unsigned limit_ms)
{
	uint64_t end = clock_now_ms() + limit_ms;
	struct vu_header header;
	int fd = -1;
	int error = read_all(fe, &header, sizeof(header), ret_fd ? &fd : NULL, end);

	if (error)
		return error;
	check(header.request == request, "asked %u, answered %u", request, header.request);
	check(header.flags == (VU_VERSION | VU_REPLY), "reply to %u with flags %#x", request,
	      header.flags);
	check(header.size <= room, "reply to %u of %u bytes, at most %u are right", request,
	      header.size, room);
	if (header.size > 0)
		error = read_all(fe, ret_answer, header.size, NULL, end);
	if (ret_fd)
		*ret_fd = fd;
	return error ? error : (int)header.size;
}

int frontend_ask(struct frontend *fe, uint32_t request, const void *payload, uint32_t size,
		 void *ret_answer, uint32_t room, int *ret_fd)
{
	int result = frontend_say(fe, request, VU_VERSION, payload, size, NULL, 0);

	if (result == 0)
		result = frontend_await_reply(fe, request, ret_answer, room, ret_fd,
					      CLOCK_PATIENCE_MS);
	return result == -EPIPE ? -ECONNRESET : result;
}

int frontend_ask_u64(struct frontend *fe, uint32_t request, uint64_t *ret_value)
{
	uint64_t value = 0;
	int size = frontend_ask(fe, request, NULL, 0, &value, sizeof(value), NULL);

	if (size < 0)
		return size;
	check(size == sizeof(value), "reply to %u of %d bytes", request, size);
	*ret_value = value;
	return 0;
}

int frontend_do(struct frontend *fe, uint32_t request, const void *payload, uint32_t size,
		const int *fds, unsigned n_fds)
{
	bool acknowledged = fe->protocol >> VU_PROTOCOL_REPLY_ACK & 1;
	uint64_t answer = 0;
	int result = frontend_say(fe, request, VU_VERSION | (acknowledged ? VU_NEED_REPLY : 0),
				  payload, size, fds, n_fds);

	if (result)
		return result == -EPIPE ? -ECONNRESET : result;
	if (!acknowledged)
		return frontend_ask_u64(fe, VU_GET_FEATURES, &answer);
	result =
		frontend_await_reply(fe, request, &answer, sizeof(answer), NULL, CLOCK_PATIENCE_MS);
	if (result < 0)
		return result;
	check(result == sizeof(answer), "acknowledgement of %u: %d bytes", request, result);
	return answer == 0 ? 0 : -EIO;
}

int frontend_do_u64(struct frontend *fe, uint32_t request, uint64_t value)
{
	return frontend_do(fe, request, &value, sizeof(value), NULL, 0);
}

int frontend_do_state(struct frontend *fe, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_vring_state state = {index, num};

	return frontend_do(fe, request, &state, sizeof(state), NULL, 0);
}

bool frontend_is_cut(struct frontend *fe, unsigned limit_ms)
{
	uint64_t end = clock_now_ms() + limit_ms;
	char rest[256];

	for (;;) {
		struct pollfd poll_fd = {.fd = fe->socket, .events = POLLIN};
		uint64_t now = clock_now_ms();

		if (poll(&poll_fd, 1, now < end ? (int)(end - now) : 0) == 0)
			return false;
		if (recv(fe->socket, rest, sizeof(rest), 0) <= 0)
			return true;
	}
}

/* Slots outlive resets of the guest: QEMU only tells what changed. */
static int add_slots(struct frontend *fe)
{
	if (fe->has_slots)
		return 0;
	for (unsigned i = 0; i < fe->memory->n_regions; i++) {
		const struct guest_region *region = &fe->memory->regions[i];
		struct vu_single_region slot = {.region = guest_region_wire(region)};
		int error = frontend_do(fe, VU_ADD_MEM_REG, &slot, sizeof(slot), &region->fd, 1);

		if (error)
			return error;
	}
	fe->has_slots = true;
	return 0;
}

int frontend_set_memory(struct frontend *fe)
{
	struct vu_memory table = {.n_regions = fe->memory->n_regions};
	int fds[VU_REGIONS_MAX];

	if (fe->protocol >> VU_PROTOCOL_CONFIGURE_MEM_SLOTS & 1)
		return add_slots(fe);
	check(table.n_regions <= VU_REGIONS_MAX, "%u regions without slots", table.n_regions);
	for (unsigned i = 0; i < table.n_regions; i++) {
		table.regions[i] = guest_region_wire(&fe->memory->regions[i]);
		fds[i] = fe->memory->regions[i].fd;
	}
	return frontend_do(fe, VU_SET_MEM_TABLE, &table,
			   (uint32_t)(8 + table.n_regions * sizeof(struct vu_region)), fds,
			   table.n_regions);
}

int frontend_set_addr(struct frontend *fe, unsigned index, uint32_t flags, uint64_t log)
{
	const struct guest_ring *ring = &fe->queues[index].ring;
	struct vu_vring_addr addr = {
		.index = index,
		.flags = flags,
		.desc = guest_memory_user_addr(fe->memory, ring->desc_gpa),
		.avail = guest_memory_user_addr(fe->memory, ring->avail_gpa),
		.used = guest_memory_user_addr(fe->memory, ring->used_gpa),
		.log = log,
	};

	return frontend_do(fe, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
}

int frontend_set_fd(struct frontend *fe, uint32_t request, unsigned index, int fd)
{
	uint64_t value = index | (fd < 0 ? VU_VRING_NOFD : 0);

	return frontend_do(fe, request, &value, sizeof(value), &fd, fd < 0 ? 0 : 1);
}

int frontend_set_ring(struct frontend *fe, unsigned index)
{
	const struct guest_ring *ring = &fe->queues[index].ring;
	int error = frontend_do_state(fe, VU_SET_VRING_NUM, index, ring->size);

	if (!error)
		error = frontend_do_state(fe, VU_SET_VRING_BASE, index, fe->bases[index]);
	if (!error)
		error = frontend_set_addr(fe, index, 0, 0);
	if (!error)
		error = frontend_set_fd(fe, VU_SET_VRING_KICK, index, ring->kick);
	if (!error)
		error = frontend_set_fd(fe, VU_SET_VRING_CALL, index, ring->call);
	return error;
}

int frontend_enable(struct frontend *fe, unsigned index, bool enable)
{
	return frontend_do_state(fe, VU_SET_VRING_ENABLE, index, enable);
}

int frontend_get_base(struct frontend *fe, unsigned index, uint32_t *ret_base)
{
	struct vu_vring_state state = {index, 0};
	int size = frontend_ask(fe, VU_GET_VRING_BASE, &state, sizeof(state), &state, sizeof(state),
				NULL);

	if (size < 0)
		return size;
	check(size == sizeof(state) && state.index == index, "GET_VRING_BASE of %u answered for %u",
	      index, state.index);
	check(state.num <= UINT16_MAX || fe->queues[index].ring.packed,
	      "ring %u stands at %#x: not a split ring's index", index, state.num);
	*ret_base = state.num;
	return 0;
}
