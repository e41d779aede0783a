/*
 * front - sends messages, keeps rings.
 */
#include "tests/unit/vhost/front.h"

#include <dirent.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost/packed.h"

static void queue_started(void *user, unsigned index, struct vhost_queue *queue)
{
	struct front *front = user;

	assert_in_range(index, 0, FRONT_QUEUES - 1);
	assert_null(front->rings[index].queue);
	front->rings[index].queue = queue;
}

static void queue_stopping(void *user, unsigned index, struct vhost_queue *queue)
{
	struct front *front = user;

	assert_ptr_equal(front->rings[index].queue, queue);
	front->rings[index].queue = NULL;
	front->stopping++;
}

static void kick_changed(void *user, unsigned index, struct vhost_queue *queue)
{
	struct front *front = user;

	assert_ptr_equal(front->rings[index].queue, queue);
	front->kicks_changed++;
}

static void quiesce(void *user)
{
	struct front *front = user;

	front->quiesced++;
	front->stopping = 0;
}

static void announce(void *user, uint64_t mac)
{
	struct front *front = user;

	front->announced = mac;
}

static const struct vhost_ops front_ops = {
	.queue_started = queue_started,
	.queue_stopping = queue_stopping,
	.kick_changed = kick_changed,
	.quiesce = quiesce,
	.announce = announce,
};

static void open_device(struct front *front, const struct vhost_options *options,
			const struct vhost_ops *ops, void *user)
{
	int fds[2];

	memset(front, 0, sizeof(*front));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	front->fd = fds[0];
	front->memfd = memfd_create("front", MFD_CLOEXEC);
	assert_true(front->memfd >= 0);
	assert_int_equal(ftruncate(front->memfd, FRONT_MEMORY), 0);
	front->bytes =
		mmap(NULL, FRONT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, front->memfd, 0);
	assert_ptr_not_equal(front->bytes, MAP_FAILED);
	for (unsigned i = 0; i < FRONT_QUEUES; i++) {
		struct front_ring *ring = &front->rings[i];

		ring->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ring->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		ring->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_true(ring->kick >= 0 && ring->call >= 0 && ring->err >= 0);
	}
	assert_int_equal(vhost_device_create(options, ops, user, fds[1], &front->device), 0);
}

void front_open_with(struct front *front, const struct vhost_ops *ops, void *user)
{
	const struct vhost_options options = {.queue_pairs = 2, .mtu_max = 9000};

	open_device(front, &options, ops, user);
}

void front_open(struct front *front)
{
	front_open_with(front, &front_ops, front);
}

void front_open_copy(struct front *front, enum vhost_copy copy)
{
	const struct vhost_options options = {.queue_pairs = 2, .mtu_max = 9000, .copy = copy};

	open_device(front, &options, &front_ops, front);
}

void front_close(struct front *front)
{
	vhost_device_destroy(front->device);
	assert_int_equal(front->stopping, 0);
	for (unsigned i = 0; i < FRONT_QUEUES; i++) {
		assert_null(front->rings[i].queue);
		close(front->rings[i].kick);
		close(front->rings[i].call);
		close(front->rings[i].err);
		free(front->rings[i].chain_slots);
		if (front->rings[i].packed)
			free(front->rings[i].desc);
	}
	munmap(front->bytes, FRONT_MEMORY);
	close(front->memfd);
	close(front->fd);
}

int front_say(struct front *front, uint32_t request, uint32_t flags, const void *payload,
	      uint32_t size, const int *fds, unsigned n_fds)
{
	struct proto_header header = {request, flags, size};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)(uintptr_t)payload, size}};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(32 * sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(front->fd, &msg, MSG_NOSIGNAL), sizeof(header) + size);
	return vhost_device_serve(front->device);
}

int front_say_number(struct front *front, uint32_t request, uint64_t number)
{
	return front_say(front, request, PROTO_VERSION, &number, sizeof(number), NULL, 0);
}

int front_say_state(struct front *front, uint32_t request, uint32_t index, uint32_t num)
{
	struct proto_vring_state state = {index, num};

	return front_say(front, request, PROTO_VERSION, &state, sizeof(state), NULL, 0);
}

int front_say_fd(struct front *front, uint32_t request, unsigned index, int fd)
{
	uint64_t number = index | (fd < 0 ? PROTO_VRING_NOFD : 0);

	return front_say(front, request, PROTO_VERSION, &number, sizeof(number), &fd, fd >= 0);
}

int front_reply(struct front *front, uint32_t *ret_request, union proto_payload *ret_payload,
		int *ret_fd)
{
	struct proto_header header;
	struct iovec iov[2] = {{&header, sizeof(header)}, {ret_payload, sizeof(*ret_payload)}};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(front->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	assert_true(n >= (ssize_t)sizeof(header));
	assert_int_equal(header.flags, PROTO_VERSION | PROTO_FLAG_REPLY);
	assert_int_equal(n, sizeof(header) + header.size);
	*ret_request = header.request;
	*ret_fd = -1;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return (int)header.size;
}

uint64_t front_ask(struct front *front, uint32_t request)
{
	union proto_payload payload;
	uint32_t answered;
	int fd;

	assert_int_equal(front_say(front, request, PROTO_VERSION, NULL, 0, NULL, 0), 0);
	assert_int_equal(front_reply(front, &answered, &payload, &fd), sizeof(uint64_t));
	assert_int_equal(answered, request);
	assert_int_equal(fd, -1);
	return payload.number;
}

bool front_acked(struct front *front, uint32_t request, const void *payload, uint32_t size,
		 const int *fds, unsigned n_fds)
{
	union proto_payload answer;
	uint32_t answered;
	int fd;

	assert_int_equal(front_say(front, request, PROTO_VERSION | PROTO_FLAG_NEED_REPLY, payload,
				   size, fds, n_fds),
			 0);
	assert_int_equal(front_reply(front, &answered, &answer, &fd), sizeof(uint64_t));
	assert_int_equal(answered, request);
	return answer.number == 0;
}

void front_negotiate(struct front *front, uint64_t features)
{
	uint64_t protocol = front_ask(front, 15);

	assert_int_equal(front_say_number(front, 16, protocol), 0);
	features |= UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << PROTO_F_PROTOCOL_FEATURES;
	front->features = features;
	assert_int_equal(front_say_number(front, 2, features), 0);
}

void front_table(struct front *front, struct proto_memory *ret_table, int *ret_fds)
{
	*ret_table = (struct proto_memory){.n_regions = 2};
	for (unsigned i = 0; i < 2; i++) {
		/* here the second lies before the first, with a gap */
		ret_table->regions[i] = (struct proto_region){
			.guest_addr = FRONT_GPA + i * FRONT_SPLIT,
			.size = FRONT_SPLIT,
			.user_addr = FRONT_USER + (1 - i) * (uint64_t)FRONT_MEMORY,
			.mmap_offset = i * FRONT_SPLIT,
		};
		ret_fds[i] = front->memfd;
	}
}

void front_set_memory(struct front *front)
{
	struct proto_memory table;
	int fds[2];

	front_table(front, &table, fds);
	assert_int_equal(front_say(front, 5, PROTO_VERSION, &table,
				   offsetof(struct proto_memory, regions[2]), fds, 2),
			 0);
}

static uint64_t user_address(const struct front *front, const void *address)
{
	uint64_t offset = (uint64_t)((const uint8_t *)address - front->bytes);

	return FRONT_USER + (offset < FRONT_SPLIT ? FRONT_MEMORY + offset : offset - FRONT_SPLIT);
}

uint64_t front_gpa(const struct front *front, const void *address)
{
	return FRONT_GPA + (uint64_t)((const uint8_t *)address - front->bytes);
}

uint8_t *front_buffer(struct front *front, unsigned number)
{
	return front->bytes + FRONT_BUFFERS + 4096UL * number;
}

/* A new driver. A packed ring begins empty; a split one, where its indices say. */
static void reset_driver(struct front *front, struct front_ring *ring, unsigned size, uint8_t *at)
{
	if (ring->packed)
		free(ring->desc);
	free(ring->chain_slots);
	ring->size = size;
	ring->packed = front->features >> VIRTIO_F_RING_PACKED & 1;
	ring->in_order = front->features >> VIRTIO_F_IN_ORDER & 1;
	ring->n_available = ring->n_returned = 0;
	ring->chain_slots = calloc(1 << 16, sizeof(*ring->chain_slots));
	assert_non_null(ring->chain_slots);
	ring->avail_at = ring->used_at = PACKED_START;
	if (ring->packed) {
		memset(at, 0, FRONT_RING_SPACE);
		ring->n_elements = 0;
		ring->seen = 0;
		ring->slots = (struct vring_packed_desc *)at;
		ring->driver_event = (struct vring_packed_desc_event *)(at + 16UL * size);
		ring->device_event = (void *)(at + FRONT_RING_SPACE / 2);
		ring->desc = calloc(size, sizeof(*ring->desc));
		assert_non_null(ring->desc);
	} else {
		ring->desc = (struct vring_desc *)at;
		ring->avail = (struct vring_avail *)(at + 16UL * size);
		ring->used = (struct vring_used *)(at + FRONT_RING_SPACE / 2);
		ring->n_elements = ring->used->idx;
	}
}

void front_describe(struct front *front, unsigned index, unsigned size)
{
	struct front_ring *ring = &front->rings[index];
	uint8_t *at = front->bytes + (size_t)index * FRONT_RING_SPACE;

	reset_driver(front, ring, size, at);
	struct proto_vring_addr addr = {
		.index = index,
		.desc = user_address(front, at),
		.avail = user_address(front, at + 16UL * size),
		.used = user_address(front, at + FRONT_RING_SPACE / 2),
		.log = front_gpa(front, at + FRONT_RING_SPACE / 2),
	};
	assert_int_equal(front_say_state(front, 8, index, size), 0);
	assert_int_equal(front_say_state(front, 10, index, ring->packed ? 0x80008000 : 0), 0);
	assert_int_equal(front_say(front, 9, PROTO_VERSION, &addr, sizeof(addr), NULL, 0), 0);
}

void front_start(struct front *front, unsigned index, unsigned size)
{
	front_describe(front, index, size);
	assert_int_equal(front_say_fd(front, 14, index, front->rings[index].err), 0);
	assert_int_equal(front_say_fd(front, 13, index, front->rings[index].call), 0);
	assert_int_equal(front_say_fd(front, 12, index, front->rings[index].kick), 0);
	assert_int_equal(front_say_state(front, 18, index, 1), 0);
	assert_non_null(front->rings[index].queue);
	front_count(front->rings[index].call);
}

void front_up(struct front *front, uint64_t features, unsigned size)
{
	front_negotiate(front, features);
	front_set_memory(front);
	front_start(front, 0, size);
	front_start(front, 1, size);
}

void front_desc(struct front_ring *ring, unsigned at, uint64_t gpa, uint32_t len, uint16_t flags,
		uint16_t next)
{
	ring->desc[at] = (struct vring_desc){gpa, len, flags, next};
}

static uint16_t step(const struct front_ring *ring, uint16_t at, unsigned by)
{
	return packed_step(ring->size, at, by);
}

/* The chain of descriptors from @head on, into places that follow each other (2.8.6). */
static void make_available_packed(struct front_ring *ring, uint16_t head)
{
	uint16_t first = ring->avail_at, n = 0;
	uint16_t first_flags = 0;

	for (uint16_t from = head;; from = ring->desc[from].next, n++) {
		const struct vring_desc *desc = &ring->desc[from];
		uint16_t at = step(ring, first, n);
		uint16_t flags =
			(uint16_t)(desc->flags | (at & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED));
		struct vring_packed_desc *slot = &ring->slots[packed_place(at)];

		slot->addr = desc->addr;
		slot->len = desc->len;
		slot->id = head;
		if (n == 0)
			first_flags = flags;
		else
			slot->flags = flags;
		if (!(desc->flags & VRING_DESC_F_NEXT) || n + 1U == ring->size)
			break;
	}
	n++;
	__atomic_store_n(&ring->slots[packed_place(first)].flags, first_flags, __ATOMIC_RELEASE);
	ring->chain_slots[head] = n;
	ring->avail_at = step(ring, first, n);
}

void front_make_available(struct front_ring *ring, uint16_t head)
{
	ring->order[ring->n_available++ % FRONT_ELEMENTS] = head;
	if (ring->packed) {
		make_available_packed(ring, head);
		return;
	}
	ring->avail->ring[ring->avail->idx % ring->size] = head;
	__atomic_store_n(&ring->avail->idx, ring->avail->idx + 1, __ATOMIC_RELEASE);
}

/* Remember what @element stands for. Returns how many places of a packed ring that is. */
static unsigned note(struct front_ring *ring, struct vring_used_elem element)
{
	unsigned slots = 0;

	for (bool last = !ring->in_order; !last;) {
		uint16_t id = ring->order[ring->n_returned++ % FRONT_ELEMENTS];

		assert_true(ring->n_returned <= ring->n_available);
		last = id == element.id;
		if (!last) {
			slots += ring->chain_slots[id];
			ring->elements[ring->n_elements++ % FRONT_ELEMENTS] =
				(struct vring_used_elem){id, 0};
		}
	}
	ring->elements[ring->n_elements++ % FRONT_ELEMENTS] = element;
	return slots + ring->chain_slots[element.id];
}

unsigned front_done(struct front_ring *ring)
{
	if (!ring->packed) {
		uint16_t idx = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);

		while ((uint16_t)ring->n_elements != idx)
			note(ring, ring->used->ring[ring->n_elements % ring->size]);
		return ring->n_elements;
	}
	for (;;) {
		struct vring_packed_desc *slot = &ring->slots[packed_place(ring->used_at)];
		uint16_t flags = __atomic_load_n(&slot->flags, __ATOMIC_ACQUIRE);
		uint16_t used = ring->used_at & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0;

		if ((flags & (PACKED_AVAIL | PACKED_USED)) != used || !ring->chain_slots[slot->id])
			return ring->n_elements;
		assert_int_equal(!(flags & PACKED_WRITTEN), slot->len == 0);
		ring->used_at = step(ring, ring->used_at,
				     note(ring, (struct vring_used_elem){slot->id, slot->len}));
	}
}

struct vring_used_elem front_element(struct front_ring *ring, unsigned n)
{
	assert_true(n < front_done(ring) && n + FRONT_ELEMENTS >= ring->n_elements);
	return ring->elements[n % FRONT_ELEMENTS];
}

bool front_used(struct front_ring *ring, struct vring_used_elem *ret_element)
{
	if ((uint16_t)front_done(ring) == ring->seen)
		return false;
	*ret_element = ring->elements[ring->seen++ % FRONT_ELEMENTS];
	return true;
}

/* Where the element or chain of number @n is, if each takes one place. */
static uint16_t position(const struct front_ring *ring, unsigned n)
{
	return (uint16_t)(n % ring->size | (n / ring->size % 2 ? 0 : PACKED_WRAP));
}

void front_want_calls(struct front_ring *ring, enum front_calls calls, unsigned n)
{
	if (ring->packed) {
		ring->driver_event->off_wrap = position(ring, n);
		ring->driver_event->flags = (uint16_t)calls;
	} else {
		ring->avail->flags = calls == FRONT_CALLS_NONE;
		ring->avail->ring[ring->size] = (uint16_t)n;
	}
}

bool front_kick_wanted(const struct front_ring *ring, bool event_idx, unsigned n)
{
	if (ring->packed && event_idx)
		return ring->device_event->flags == VRING_PACKED_EVENT_FLAG_DESC &&
		       ring->device_event->off_wrap == position(ring, n);
	if (ring->packed)
		return ring->device_event->flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	if (event_idx)
		return *(const uint16_t *)&ring->used->ring[ring->size] == (uint16_t)n;
	return !(ring->used->flags & VRING_USED_F_NO_NOTIFY);
}

uint64_t front_count(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

void front_send(struct front *front, unsigned n)
{
	struct front_ring *tx = &front->rings[1];

	for (unsigned i = 0; i < n; i++) {
		front_desc(tx, i, front_gpa(front, front_buffer(front, i)), 72, 0, 0);
		front_make_available(tx, (uint16_t)i);
	}
}

unsigned front_take_frames(struct vhost_queue *queue, struct front_frame *frames, unsigned n,
			   uint16_t head_max, struct iovec *pieces, unsigned n_pieces)
{
	const struct vhost_room room = {
		.frames = &frames->is,
		.stride = sizeof(*frames),
		.n_frames = n,
		.head_max = head_max,
		.pieces = pieces,
		.n_pieces = n_pieces,
		.n_bytes = UINT32_MAX,
		.fault = 1,
	};

	return vhost_queue_take(queue, &room);
}

unsigned front_take(struct front *front, unsigned max)
{
	struct front_frame frames[16];
	struct iovec pool[512];
	unsigned n = front_take_frames(front->rings[1].queue, frames, max, 128, pool, 512);

	vhost_queue_give_back(front->rings[1].queue);
	return n;
}

int front_put(struct vhost_queue *queue, const struct front_frame *frame)
{
	const struct vhost_put put = {.frame = &frame->is};
	int errors[VHOST_PUT_MAX] = {0};
	uint64_t failed = vhost_queue_put(queue, &put, 1, errors);

	assert_int_equal(failed, errors[0] != 0);
	return errors[0];
}

int front_put_tail(struct vhost_queue *queue, const struct virtio_net_hdr_v1 *hdr,
		   struct iovec *tail, unsigned n_tail, uint32_t len)
{
	const struct front_frame frame = {
		.is = {.len = len, .n_tail = (uint16_t)n_tail, .tail = tail, .hdr = *hdr}};

	return front_put(queue, &frame);
}

unsigned front_count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}
