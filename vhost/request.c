/*
 * request - what each message of the front-end means.
 *
 * One table says all that can be said about a message without looking into it:
 * its number and name, how long its payload may be, how many fds come with it,
 * which protocol features it belongs to, and whether it has an answer of its own.
 * What disagrees with the table never reaches a function below.
 *
 * Each of them acts once and whole: when it returns, the effect is there, for all
 * workers; only then it is acknowledged. What fails leaves things as they were.
 * The front-end that asked for an acknowledgement is told of a failure and may go
 * on; any other would believe that all is well, so its session ends.
 */
#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhost/closer.h"
#include "vhost/device.h"
#include "vhost/inflight.h"

static const uint64_t protocol_features_offered =
	DEVICE_BIT(PROTO_F_MQ) | DEVICE_BIT(PROTO_F_LOG_SHMFD) | DEVICE_BIT(PROTO_F_RARP) |
	DEVICE_BIT(PROTO_F_REPLY_ACK) | DEVICE_BIT(PROTO_F_NET_MTU) |
	DEVICE_BIT(PROTO_F_BACKEND_REQ) | DEVICE_BIT(PROTO_F_INFLIGHT_SHMFD) |
	DEVICE_BIT(PROTO_F_RESET_DEVICE) | DEVICE_BIT(PROTO_F_CONFIGURE_MEM_SLOTS) |
	DEVICE_BIT(PROTO_F_STATUS);

struct answer {
	union proto_payload payload;
	size_t size;
	int fd; /* -1, or becomes the stream's */
};

typedef int request_server(struct vhost_device *device, struct message *in, struct answer *answer);

static void answer_number(struct answer *answer, uint64_t number)
{
	answer->payload.number = number;
	answer->size = sizeof(number);
}

/* ---- features and the session ---- */

static int get_features(struct vhost_device *device, struct message *in, struct answer *answer)
{
	answer_number(answer, vhost_features_offered());
	return 0;
}

static int set_features(struct vhost_device *device, struct message *in, struct answer *answer)
{
	uint64_t features = in->payload.number;
	uint64_t changed = features ^ device->features;

	if (features & ~vhost_features_offered())
		return device_fail(device, -EINVAL, "0x%llx were not offered",
				   (unsigned long long)(features & ~vhost_features_offered()));
	/* QEMU starts and ends a migration by this message, while all is running. */
	changed &= ~(DEVICE_BIT(VHOST_F_LOG_ALL) | DEVICE_BIT(PROTO_F_PROTOCOL_FEATURES));
	if (changed && device->n_running > 0)
		return device_fail(device, -EBUSY, "0x%llx changed while rings run",
				   (unsigned long long)changed);
	device->features = features;
	/* Where a ring of one layout stands is no place of the other. */
	if (changed & DEVICE_BIT(VIRTIO_F_RING_PACKED))
		vring_forget(device);
	vring_update(device);
	return 0;
}

static int get_protocol_features(struct vhost_device *device, struct message *in,
				 struct answer *answer)
{
	answer_number(answer, protocol_features_offered);
	return 0;
}

static int set_protocol_features(struct vhost_device *device, struct message *in,
				 struct answer *answer)
{
	uint64_t unknown = in->payload.number & ~protocol_features_offered;

	if (unknown)
		return device_fail(device, -EINVAL, "0x%llx were not offered",
				   (unsigned long long)unknown);
	device->protocol_features = in->payload.number;
	return 0;
}

static int set_owner(struct vhost_device *device, struct message *in, struct answer *answer)
{
	return 0;
}

/* Deprecated, and understood in several ways; all agree that rings stop. */
static int reset_owner(struct vhost_device *device, struct message *in, struct answer *answer)
{
	vring_stop_all(device);
	return 0;
}

static int reset_device(struct vhost_device *device, struct message *in, struct answer *answer)
{
	vring_stop_all(device);
	device->features = 0;
	device->status = 0;
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++) {
		struct vhost_queue *queue = device->queues[i];

		if (!queue)
			continue;
		queue->ask.enable = QUEUE_ENABLE_UNSET;
		queue->ask.size = 0;
		queue->ask.base = 0;
		queue->ask.has_addr = false;
	}
	return 0;
}

static int get_status(struct vhost_device *device, struct message *in, struct answer *answer)
{
	answer_number(answer, device->status);
	return 0;
}

static int set_status(struct vhost_device *device, struct message *in, struct answer *answer)
{
	if (in->payload.number > UINT8_MAX)
		return device_fail(device, -EINVAL, "0x%llx is no status",
				   (unsigned long long)in->payload.number);
	device->status = (uint8_t)in->payload.number;
	if (device->status == 0)
		vring_stop_all(device); /* virtio 1.3, 2.1.1: a reset */
	return 0;
}

static int get_queue_num(struct vhost_device *device, struct message *in, struct answer *answer)
{
	answer_number(answer, 2 * (uint64_t)device->options.queue_pairs);
	return 0;
}

static int set_backend_req_fd(struct vhost_device *device, struct message *in,
			      struct answer *answer)
{
	if (!closer_is_unix_socket(in->fds[0]))
		return device_fail(device, -EINVAL, "not a Unix socket");
	if (device->backend_fd >= 0)
		close(device->backend_fd);
	device->backend_fd = message_take_fd(in, 0);
	return 0;
}

static int net_set_mtu(struct vhost_device *device, struct message *in, struct answer *answer)
{
	const uint32_t least = 68; /* virtio 1.3, 5.1.4.1 */

	if (in->payload.number < least || in->payload.number > device->options.mtu_max)
		return device_fail(device, -EINVAL, "%llu is not from %u to %u",
				   (unsigned long long)in->payload.number, least,
				   device->options.mtu_max);
	return 0;
}

static int send_rarp(struct vhost_device *device, struct message *in, struct answer *answer)
{
	const uint8_t *bytes = (const uint8_t *)&in->payload.number;
	uint64_t mac = 0;

	for (int i = 0; i < 6; i++)
		mac = mac << 8 | bytes[i];
	device->ops.announce(device->user, mac);
	return 0;
}

/* ---- memory ---- */

/* Let all rings work with @memory; the old table goes. */
static void memory_replace(struct vhost_device *device, struct memory *memory)
{
	struct memory *old = device->memory;

	device->memory = memory;
	vring_update(device);
	memory_destroy(old);
}

static int memory_fail(struct vhost_device *device, int err, struct memory_fault fault)
{
	return device_fail(device, err, "region %u: %s", fault.region, fault.why);
}

static int set_mem_table(struct vhost_device *device, struct message *in, struct answer *answer)
{
	const struct proto_memory *table = &in->payload.memory;
	struct memory_fault fault;
	struct memory *memory;

	if (table->n_regions == 0 || table->n_regions > PROTO_REGIONS_MAX)
		return device_fail(device, -EINVAL, "%u regions%s", table->n_regions,
				   table->n_regions ? "" : ": is the memory shared (share=on)?");
	if (in->header.size < offsetof(struct proto_memory, regions[table->n_regions]))
		return device_fail(device, -EINVAL, "too short for %u regions", table->n_regions);
	if (in->n_fds != table->n_regions)
		return device_fail(device, -EINVAL, "%u fds for %u regions", in->n_fds,
				   table->n_regions);
	int err = memory_create(table->regions, in->fds, table->n_regions, device->memory,
				&device->dead, &memory, &fault);
	if (err < 0)
		return memory_fail(device, err, fault);
	memory_replace(device, memory);
	return 0;
}

static int get_max_mem_slots(struct vhost_device *device, struct message *in, struct answer *answer)
{
	answer_number(answer, PROTO_MEM_SLOTS);
	return 0;
}

static int add_mem_reg(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct memory_fault fault;
	struct memory *memory;

	if (memory_has(device->memory, &in->payload.slot.region, in->fds[0]))
		return 0; /* told again after a reset */
	if (device->memory && device->memory->n >= PROTO_MEM_SLOTS)
		return device_fail(device, -ENOSPC, "all %d slots are taken", PROTO_MEM_SLOTS);
	int err = memory_add(device->memory, &in->payload.slot.region, in->fds[0], &device->dead,
			     &memory, &fault);
	if (err < 0)
		return memory_fail(device, err, fault);
	memory_replace(device, memory);
	return 0;
}

static int rem_mem_reg(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct memory *memory;
	int err = memory_remove(device->memory, &in->payload.slot.region, &memory);

	if (err < 0)
		return device_fail(device, err, "%s",
				   err == -ENOENT ? "no such region" : "no memory");
	memory_replace(device, memory);
	return 0;
}

static int set_log_base(struct vhost_device *device, struct message *in, struct answer *answer)
{
	const struct proto_log *wanted = &in->payload.log;
	struct dirty_log *old = device->log, *log;
	int err = dirty_log_create(in->fds[0], wanted->mmap_offset, wanted->mmap_size,
				   &device->dead, &log);

	if (err < 0)
		return device_fail(device, err, "the log cannot be mapped");
	if (!dirty_log_covers(log, memory_end(device->memory))) {
		dirty_log_destroy(log);
		return device_fail(device, -EINVAL, "the log is too small for the guest's memory");
	}
	device->log = log;
	vring_update(device);
	dirty_log_destroy(old);
	answer_number(answer, 0);
	return 0;
}

/* An eventfd for log errors, of which there are none. */
static int set_log_fd(struct vhost_device *device, struct message *in, struct answer *answer)
{
	return 0;
}

static int get_inflight_fd(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct proto_inflight inflight = in->payload.inflight;

	answer->size = in->header.size;
	inflight.mmap_offset = 0;
	inflight.mmap_size = 0; /* none */
	if (inflight.n_queues > 0 && inflight.n_queues <= DEVICE_QUEUES_MAX &&
	    inflight.queue_size > 0 && inflight.queue_size <= QUEUE_SIZE_MAX) {
		uint64_t size = inflight_size(inflight.n_queues, inflight.queue_size);
		int fd = inflight_create(size);

		if (fd < 0)
			return device_fail(device, fd, "no memory");
		answer->fd = fd;
		inflight.mmap_size = size;
	}
	answer->payload.inflight = inflight;
	return 0;
}

static int set_inflight_fd(struct vhost_device *device, struct message *in, struct answer *answer)
{
	const struct proto_inflight *inflight = &in->payload.inflight;
	uint64_t end;
	struct stat st;

	if (inflight->n_queues == 0 || inflight->n_queues > DEVICE_QUEUES_MAX ||
	    inflight->queue_size == 0 || inflight->queue_size > QUEUE_SIZE_MAX ||
	    inflight->mmap_size < inflight_size(inflight->n_queues, inflight->queue_size) ||
	    __builtin_add_overflow(inflight->mmap_offset, inflight->mmap_size, &end) ||
	    !mapping_accepts(in->fds[0]) || fstat(in->fds[0], &st) < 0 || st.st_size < 0 ||
	    (uint64_t)st.st_size < end)
		return device_fail(device, -EINVAL, "not an area for %u queues of %u",
				   inflight->n_queues, inflight->queue_size);
	return 0;
}

/* ---- rings ---- */

/* The queue of a message that only a ring at rest may have; or NULL, with a sentence. */
static struct vhost_queue *queue_at_rest(struct vhost_device *device, uint32_t index)
{
	struct vhost_queue *queue = vring_get(device, index);

	if (queue && queue_ring(queue)) {
		device_fail(device, -EBUSY, "ring %u: runs", index);
		return NULL;
	}
	return queue;
}

static int set_vring_num(struct vhost_device *device, struct message *in, struct answer *answer)
{
	uint32_t num = in->payload.state.num;
	struct vhost_queue *queue = queue_at_rest(device, in->payload.state.index);

	if (!queue)
		return -EINVAL;
	if (!vring_is_size(device, num))
		return device_fail(device, -EINVAL, "ring %u: %u is no size of its ring",
				   queue->index, num);
	queue->ask.size = (uint16_t)num;
	queue->ask.resumed = false;
	vring_update(device);
	return 0;
}

static bool same_place(const struct proto_vring_addr *a, const struct proto_vring_addr *b)
{
	return a->desc == b->desc && a->avail == b->avail && a->used == b->used;
}

static int set_vring_addr(struct vhost_device *device, struct message *in, struct answer *answer)
{
	const struct proto_vring_addr *addr = &in->payload.addr;
	struct vhost_queue *queue = vring_get(device, addr->index);

	if (!queue)
		return -EINVAL;
	struct queue_ask *ask = &queue->ask;
	bool moved = !ask->has_addr || !same_place(addr, &ask->addr);

	/*
	 * A migration sends the same addresses again, to have the used ring
	 * logged, or not any more.
	 */
	if (moved && queue_ring(queue))
		return device_fail(device, -EBUSY, "ring %u: runs", queue->index);
	if (addr->flags & ~(uint32_t)PROTO_VRING_LOG)
		return device_fail(device, -EINVAL, "ring %u: flags 0x%x", queue->index,
				   addr->flags);
	if (addr->desc % 16 || addr->avail % 2 || addr->used % 4)
		return device_fail(device, -EINVAL, "ring %u: not aligned", queue->index);
	if (device->memory && ask->size && !vring_fits(device, addr, ask->size))
		return device_fail(device, -EFAULT, "ring %u: not in the guest's memory",
				   queue->index);
	ask->addr = *addr;
	ask->has_addr = true;
	if (moved)
		ask->resumed = false;
	vring_update(device);
	return 0;
}

/*
 * The index of a split ring; or the places of a packed one with their wrap counters,
 * of the available side in the lower half and of the used side in the upper, which
 * some leave empty. Where they differ, what lies between was taken and not given
 * back: the used one says what is undone.
 */
static int set_vring_base(struct vhost_device *device, struct message *in, struct answer *answer)
{
	uint32_t num = in->payload.state.num;
	struct vhost_queue *queue = queue_at_rest(device, in->payload.state.index);
	bool packed = device->features & DEVICE_BIT(VIRTIO_F_RING_PACKED);

	if (!queue)
		return -EINVAL;
	if (num > UINT16_MAX && !packed)
		return device_fail(device, -EINVAL, "ring %u: %u is no index of a split ring",
				   queue->index, num);
	queue->ask.base = (uint16_t)(num > UINT16_MAX ? num >> 16 : num);
	queue->ask.resumed = false;
	vring_update(device);
	return 0;
}

static int get_vring_base(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct vhost_queue *queue = vring_get(device, in->payload.state.index);

	if (!queue)
		return -EINVAL;
	vring_stop(device, queue);
	uint32_t num = queue->ask.base;
	if (device->features & DEVICE_BIT(VIRTIO_F_RING_PACKED))
		num |= num << 16;
	answer->payload.state = (struct proto_vring_state){.index = queue->index, .num = num};
	answer->size = sizeof(answer->payload.state);
	return 0;
}

static int set_vring_enable(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct vhost_queue *queue = vring_get(device, in->payload.state.index);

	if (!queue)
		return -EINVAL;
	if (in->payload.state.num > 1)
		return device_fail(device, -EINVAL, "ring %u: neither 0 nor 1", queue->index);
	queue->ask.enable = in->payload.state.num ? QUEUE_ENABLED : QUEUE_DISABLED;
	vring_update(device);
	return 0;
}

/*
 * The queue and the eventfd of SET_VRING_KICK, _CALL or _ERR. The fd, or -1 when
 * there shall be none, is the caller's.
 */
static int take_event(struct vhost_device *device, struct message *in,
		      struct vhost_queue **ret_queue, int *ret_fd)
{
	uint64_t number = in->payload.number;
	bool nofd = number & PROTO_VRING_NOFD;

	if (number & ~(uint64_t)(PROTO_VRING_INDEX | PROTO_VRING_NOFD))
		return device_fail(device, -EINVAL, "0x%llx: bits that have no meaning",
				   (unsigned long long)number);
	struct vhost_queue *queue = vring_get(device, number & PROTO_VRING_INDEX);
	if (!queue)
		return -EINVAL;
	if (in->n_fds != !nofd)
		return device_fail(device, -EINVAL, "ring %u: %u fds", queue->index, in->n_fds);
	if (!nofd && !event_accept(in->fds[0]))
		return device_fail(device, -EINVAL, "ring %u: not an eventfd", queue->index);
	*ret_queue = queue;
	*ret_fd = message_take_fd(in, 0);
	return 0;
}

static int set_vring_kick(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct vhost_queue *queue;
	int fd, err = take_event(device, in, &queue, &fd);

	if (err < 0)
		return err;
	queue->ask.started = true;
	vring_set_fd(device, &queue->ask.kick_fd, fd);
	return 0;
}

static int set_vring_call(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct vhost_queue *queue;
	int fd, err = take_event(device, in, &queue, &fd);

	if (err < 0)
		return err;
	vring_set_fd(device, &queue->ask.call_fd, fd);
	return 0;
}

static int set_vring_err(struct vhost_device *device, struct message *in, struct answer *answer)
{
	struct vhost_queue *queue;
	int fd, err = take_event(device, in, &queue, &fd);

	if (err < 0)
		return err;
	vring_set_fd(device, &queue->ask.err_fd, fd);
	return 0;
}

/* ---- the table ---- */

#define NO	     0
#define U64	     sizeof(uint64_t)
#define STATE	     sizeof(struct proto_vring_state)
#define ADDR	     sizeof(struct proto_vring_addr)
#define TABLE_MIN    offsetof(struct proto_memory, regions)
#define TABLE	     sizeof(struct proto_memory)
#define SLOT	     sizeof(struct proto_slot)
#define LOG	     sizeof(struct proto_log)
#define INFLIGHT_MIN offsetof(struct proto_inflight, padding)
#define INFLIGHT     sizeof(struct proto_inflight)
#define ALWAYS	     0
#define F(name)	     DEVICE_BIT(PROTO_F_##name)

/*
 * number, name, payload: least and most, fds: least and most, protocol features,
 * has an answer, function
 */
#define REQUESTS(X)                                                                                \
	X(1, GET_FEATURES, NO, NO, 0, 0, ALWAYS, true, get_features)                               \
	X(2, SET_FEATURES, U64, U64, 0, 0, ALWAYS, false, set_features)                            \
	X(3, SET_OWNER, NO, NO, 0, 0, ALWAYS, false, set_owner)                                    \
	X(4, RESET_OWNER, NO, NO, 0, 0, ALWAYS, false, reset_owner)                                \
	X(5, SET_MEM_TABLE, TABLE_MIN, TABLE, 0, 8, ALWAYS, false, set_mem_table)                  \
	X(6, SET_LOG_BASE, LOG, LOG, 1, 1, F(LOG_SHMFD), true, set_log_base)                       \
	X(7, SET_LOG_FD, NO, U64, 1, 1, ALWAYS, false, set_log_fd)                                 \
	X(8, SET_VRING_NUM, STATE, STATE, 0, 0, ALWAYS, false, set_vring_num)                      \
	X(9, SET_VRING_ADDR, ADDR, ADDR, 0, 0, ALWAYS, false, set_vring_addr)                      \
	X(10, SET_VRING_BASE, STATE, STATE, 0, 0, ALWAYS, false, set_vring_base)                   \
	X(11, GET_VRING_BASE, STATE, STATE, 0, 0, ALWAYS, true, get_vring_base)                    \
	X(12, SET_VRING_KICK, U64, U64, 0, 1, ALWAYS, false, set_vring_kick)                       \
	X(13, SET_VRING_CALL, U64, U64, 0, 1, ALWAYS, false, set_vring_call)                       \
	X(14, SET_VRING_ERR, U64, U64, 0, 1, ALWAYS, false, set_vring_err)                         \
	X(15, GET_PROTOCOL_FEATURES, NO, NO, 0, 0, ALWAYS, true, get_protocol_features)            \
	X(16, SET_PROTOCOL_FEATURES, U64, U64, 0, 0, ALWAYS, false, set_protocol_features)         \
	X(17, GET_QUEUE_NUM, NO, NO, 0, 0, F(MQ), true, get_queue_num)                             \
	X(18, SET_VRING_ENABLE, STATE, STATE, 0, 0, ALWAYS, false, set_vring_enable)               \
	X(19, SEND_RARP, U64, U64, 0, 0, F(RARP), false, send_rarp)                                \
	X(20, NET_SET_MTU, U64, U64, 0, 0, F(NET_MTU), false, net_set_mtu)                         \
	X(21, SET_BACKEND_REQ_FD, NO, NO, 1, 1, F(BACKEND_REQ), false, set_backend_req_fd)         \
	X(31, GET_INFLIGHT_FD, INFLIGHT_MIN, INFLIGHT, 0, 0, F(INFLIGHT_SHMFD), true,              \
	  get_inflight_fd)                                                                         \
	X(32, SET_INFLIGHT_FD, INFLIGHT_MIN, INFLIGHT, 1, 1, F(INFLIGHT_SHMFD), false,             \
	  set_inflight_fd)                                                                         \
	X(34, RESET_DEVICE, NO, NO, 0, 0, F(RESET_DEVICE), false, reset_device)                    \
	X(36, GET_MAX_MEM_SLOTS, NO, NO, 0, 0, F(CONFIGURE_MEM_SLOTS), true, get_max_mem_slots)    \
	X(37, ADD_MEM_REG, SLOT, SLOT, 1, 1, F(CONFIGURE_MEM_SLOTS), false, add_mem_reg)           \
	X(38, REM_MEM_REG, SLOT, SLOT, 0, 1, F(CONFIGURE_MEM_SLOTS), false, rem_mem_reg)           \
	X(39, SET_STATUS, U64, U64, 0, 0, F(STATUS), false, set_status)                            \
	X(40, GET_STATUS, NO, NO, 0, 0, F(STATUS), true, get_status)

struct request {
	const char *name;
	uint32_t size_min, size_max;
	unsigned fds_min, fds_max;
	uint64_t needs; /* protocol features */
	bool answers;	/* always, instead of an acknowledgement */
	request_server *function;
};

#define ROW(number, name, size_min, size_max, fds_min, fds_max, needs, answers, function)          \
	[number] = {#name, size_min, size_max, fds_min, fds_max, needs, answers, function},
static const struct request requests[] = {REQUESTS(ROW)};
#undef ROW

static const struct request *request_find(uint32_t number)
{
	if (number >= sizeof(requests) / sizeof(requests[0]) || !requests[number].function)
		return NULL;
	return &requests[number];
}

static int request_check(struct vhost_device *device, const struct request *request,
			 const struct message *in)
{
	if (!request)
		return device_fail(device, -EOPNOTSUPP, "message %u: unknown", in->header.request);
	if ((device->protocol_features & request->needs) != request->needs)
		return device_fail(device, -EOPNOTSUPP, "its protocol feature was not negotiated");
	if (in->header.size < request->size_min || in->header.size > request->size_max)
		return device_fail(device, -EINVAL, "%u bytes", in->header.size);
	if (in->n_fds < request->fds_min || in->n_fds > request->fds_max)
		return device_fail(device, -EINVAL, "%u fds", in->n_fds);
	return 0;
}

/*
 * Nobody can tell for how long another kind of file stays open (closer.h): who sends
 * one loses his session, whatever it was for.
 */
static int check_files(struct vhost_device *device, const struct message *in)
{
	for (unsigned i = 0; i < in->n_fds; i++)
		if (!closer_is_quick(in->fds[i]))
			return device_fail(device, -EMEDIUMTYPE,
					   "fd %u is neither memory (memfd, tmpfs, hugetlbfs) nor "
					   "an eventfd nor a Unix socket",
					   i);
	return 0;
}

int request_serve(struct vhost_device *device)
{
	struct message *in = &device->stream.in;
	const struct request *request = request_find(in->header.request);
	struct answer answer = {.fd = -1};

	device->request = request ? request->name : NULL;
	int strange = check_files(device, in);
	int err = strange ? strange : request_check(device, request, in);
	if (err == 0)
		err = request->function(device, in, &answer);
	device->request = NULL;
	device->refused += err != 0;
	if (strange)
		return strange;

	bool answers = request && request->answers;
	if (err == 0 && answers)
		return message_reply(&device->stream, &answer.payload, answer.size, answer.fd);
	bool ack = (in->header.flags & PROTO_FLAG_NEED_REPLY) && !answers &&
		   (device->protocol_features & DEVICE_BIT(PROTO_F_REPLY_ACK));
	if (!ack)
		return err;
	answer_number(&answer, err != 0);
	return message_reply(&device->stream, &answer.payload, answer.size, -1);
}
