/*
 * frontend_manner - in which order the front-ends of this world say things.
 *
 * A manner is two lists of steps, for connecting and for the start of the
 * guest's driver. QEMU goes through a list once for each queue pair (each is a
 * device of its own there, on one socket), the others once for all queues.
 * Which messages ask for an acknowledgement is part of the manner too: QEMU
 * asks for few, Cloud Hypervisor for every one.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/frontend.h"

/* Queues [first, end). */
struct span {
	unsigned first;
	unsigned end;
};

typedef int step(struct frontend *fe, struct span span);

enum { STEPS_MAX = 12 };

struct manner {
	const char *name;
	bool each_pair;	      /* go through the lists once per queue pair */
	bool acknowledge_all; /* NEED_REPLY with everything, once negotiated */
	bool disable_first;   /* on stop: ENABLE 0 before GET_VRING_BASE */
	bool plain;	      /* no protocol features, no ENABLE */
	step *connect[STEPS_MAX];
	step *start[STEPS_MAX];
};

static const struct manner manners[MANNER__COUNT];

static bool has(const struct frontend *fe, unsigned protocol_feature)
{
	return fe->protocol >> protocol_feature & 1;
}

/* Send a message of no importance: acknowledged only if the manner wants everything to be. */
static int tell(struct frontend *fe, uint32_t request, const void *payload, uint32_t size,
		const int *fds, unsigned n_fds)
{
	if (manners[fe->options.manner].acknowledge_all && has(fe, VU_PROTOCOL_REPLY_ACK))
		return frontend_do(fe, request, payload, size, fds, n_fds);
	return frontend_say(fe, request, VU_VERSION, payload, size, fds, n_fds);
}

static int tell_u64(struct frontend *fe, uint32_t request, uint64_t value)
{
	return tell(fe, request, &value, sizeof(value), NULL, 0);
}

static int tell_state(struct frontend *fe, uint32_t request, unsigned index, unsigned num)
{
	struct vu_vring_state state = {index, num};

	return tell(fe, request, &state, sizeof(state), NULL, 0);
}

static int get_features(struct frontend *fe, struct span span)
{
	return frontend_ask_u64(fe, VU_GET_FEATURES, &fe->features_offered);
}

static int get_protocol(struct frontend *fe, struct span span)
{
	if (!(fe->features_offered >> VU_F_PROTOCOL_FEATURES & 1))
		return -EPROTO;
	return frontend_ask_u64(fe, VU_GET_PROTOCOL_FEATURES, &fe->protocol_offered);
}

static int set_protocol(struct frontend *fe, struct span span)
{
	uint64_t accepted = fe->protocol_offered & fe->options.protocol;
	int error = tell_u64(fe, VU_SET_PROTOCOL_FEATURES, accepted);

	fe->protocol = accepted;
	return error;
}

static int get_queue_num(struct frontend *fe, struct span span)
{
	if (!has(fe, VU_PROTOCOL_MQ))
		return 0;
	return frontend_ask_u64(fe, VU_GET_QUEUE_NUM, &fe->queues_max);
}

static int get_slots(struct frontend *fe, struct span span)
{
	if (!has(fe, VU_PROTOCOL_CONFIGURE_MEM_SLOTS))
		return 0;
	return frontend_ask_u64(fe, VU_GET_MAX_MEM_SLOTS, &fe->slots_max);
}

static int give_backend_socket(struct frontend *fe, struct span span)
{
	int sockets[2], error;

	if (span.first > 0 || !has(fe, VU_PROTOCOL_BACKEND_REQ))
		return 0;
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair");
	error = tell(fe, VU_SET_BACKEND_REQ_FD, NULL, 0, &sockets[1], 1);
	close(sockets[1]);
	if (fe->backend_req >= 0)
		close(fe->backend_req);
	fe->backend_req = sockets[0];
	return error;
}

static int set_owner(struct frontend *fe, struct span span)
{
	return span.first > 0 ? 0 : tell(fe, VU_SET_OWNER, NULL, 0, NULL, 0);
}

static int set_features(struct frontend *fe, struct span span)
{
	fe->features = fe->features_offered & fe->options.features;
	if (manners[fe->options.manner].plain)
		fe->features &= ~VU_BIT(VU_F_PROTOCOL_FEATURES);
	return tell_u64(fe, VU_SET_FEATURES, fe->features);
}

static int set_memory(struct frontend *fe, struct span span)
{
	return span.first > 0 ? 0 : frontend_set_memory(fe);
}

/* Every front-end that knows acknowledgements asks for this one. */
static int set_mtu(struct frontend *fe, struct span span)
{
	if (span.first > 0 || !has(fe, VU_PROTOCOL_MTU) || !(fe->features >> VIRTIO_NET_F_MTU & 1))
		return 0;
	return frontend_do_u64(fe, VU_NET_SET_MTU, 1500);
}

static int set_ring(struct frontend *fe, unsigned index, uint32_t request)
{
	struct guest_ring *ring = &fe->queues[index].ring;
	bool kick = request == VU_SET_VRING_KICK;
	uint64_t value = index;

	return tell(fe, request, &value, sizeof(value), kick ? &ring->kick : &ring->call, 1);
}

static int set_calls(struct frontend *fe, struct span span)
{
	int error = 0;

	for (unsigned i = span.first; i < span.end && !error; i++)
		error = set_ring(fe, i, VU_SET_VRING_CALL);
	return error;
}

static int set_nums(struct frontend *fe, struct span span)
{
	int error = 0;

	for (unsigned i = span.first; i < span.end && !error; i++)
		error = tell_state(fe, VU_SET_VRING_NUM, i, fe->queues[i].ring.size);
	return error;
}

/* QEMU: NUM, BASE, ADDR, KICK, CALL for each queue. */
static int set_rings_base_first(struct frontend *fe, struct span span)
{
	int error = 0;

	for (unsigned i = span.first; i < span.end && !error; i++) {
		error = tell_state(fe, VU_SET_VRING_NUM, i, fe->queues[i].ring.size);
		if (!error)
			error = tell_state(fe, VU_SET_VRING_BASE, i, fe->bases[i]);
		if (!error)
			error = frontend_set_addr(fe, i, 0, 0);
		if (!error)
			error = set_ring(fe, i, VU_SET_VRING_KICK);
		if (!error)
			error = set_ring(fe, i, VU_SET_VRING_CALL);
	}
	return error;
}

/* Cloud Hypervisor: ADDR, BASE, CALL, KICK for each queue. */
static int set_rings_addr_first(struct frontend *fe, struct span span)
{
	int error = 0;

	for (unsigned i = span.first; i < span.end && !error; i++) {
		error = frontend_set_addr(fe, i, 0, 0);
		if (!error)
			error = tell_state(fe, VU_SET_VRING_BASE, i, fe->bases[i]);
		if (!error)
			error = set_ring(fe, i, VU_SET_VRING_CALL);
		if (!error)
			error = set_ring(fe, i, VU_SET_VRING_KICK);
	}
	return error;
}

static int enable_rings(struct frontend *fe, struct span span)
{
	int error = 0;

	for (unsigned i = span.first; i < span.end && !error; i++)
		error = tell_state(fe, VU_SET_VRING_ENABLE, i, 1);
	return error;
}

/* QEMU 8.2 and later wait for it: else a kick could overtake it. */
static int enable_rings_acknowledged(struct frontend *fe, struct span span)
{
	int error = 0;

	for (unsigned i = span.first; i < span.end && !error; i++)
		error = frontend_enable(fe, i, true);
	return error;
}

/* virtio 1.3, 3.1.1: the driver's way to DRIVER_OK, as far as the backend is told of it. */
static int set_status_ok(struct frontend *fe, struct span span)
{
	if (span.end < fe->n_queues || !has(fe, VU_PROTOCOL_STATUS))
		return 0;
	return tell_u64(fe, VU_SET_STATUS,
			VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static int set_status_early(struct frontend *fe, struct span span)
{
	int error;

	if (!has(fe, VU_PROTOCOL_STATUS))
		return 0;
	error = tell_u64(fe, VU_SET_STATUS, 0);
	if (!error)
		error = tell_u64(fe, VU_SET_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	if (!error)
		error = tell_u64(fe, VU_SET_STATUS,
				 VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	return error;
}

/* The inflight area survives sessions: asked for once, given to every later one. */
static int exchange_inflight(struct frontend *fe, struct span span)
{
	struct vu_inflight wish = {.n_queues = (uint16_t)fe->n_queues,
				   .queue_size = fe->queues[0].ring.size};
	int size;

	if (!has(fe, VU_PROTOCOL_INFLIGHT_SHMFD))
		return 0;
	if (fe->inflight < 0) {
		size = frontend_ask(fe, VU_GET_INFLIGHT_FD, &wish, VU_INFLIGHT_SIZE,
				    &fe->inflight_shape, sizeof(fe->inflight_shape), &fe->inflight);
		if (size < 0)
			return size;
		check(size == VU_INFLIGHT_SIZE && fe->inflight >= 0,
		      "GET_INFLIGHT_FD: %d bytes, fd %d", size, fe->inflight);
	}
	return tell(fe, VU_SET_INFLIGHT_FD, &fe->inflight_shape, VU_INFLIGHT_SIZE, &fe->inflight,
		    1);
}

static const struct manner manners[MANNER__COUNT] =
	{
		[MANNER_QEMU_10] =
			{
				.name = "QEMU 10",
				.each_pair = true,
				.disable_first = true,
				.connect = {get_features, get_protocol, set_protocol, get_queue_num,
					    get_slots, give_backend_socket, set_owner, get_features,
					    set_calls},
				.start = {enable_rings_acknowledged, set_features, set_mtu,
					  set_memory, set_rings_base_first, set_status_ok},
			},
		[MANNER_QEMU_8_2] =
			{
				.name = "QEMU 8.2",
				.each_pair = true,
				.disable_first = true,
				.connect = {get_features, get_protocol, set_protocol, get_queue_num,
					    get_slots, give_backend_socket, set_owner, get_features,
					    set_calls},
				.start = {enable_rings_acknowledged, set_features, set_mtu,
					  set_memory, set_rings_base_first},
			},
		[MANNER_QEMU_7_2] =
			{
				.name = "QEMU 7.2",
				.each_pair = true,
				.connect = {get_features, get_protocol, set_protocol, get_queue_num,
					    get_slots, give_backend_socket, set_owner, get_features,
					    set_calls},
				.start = {set_features, set_mtu, set_memory, set_rings_base_first,
					  enable_rings},
			},
		[MANNER_CLOUD_HYPERVISOR] =
			{
				.name = "Cloud Hypervisor",
				.acknowledge_all = true,
				.connect = {set_owner, get_features, get_protocol, set_protocol,
					    get_queue_num},
				.start = {set_features, set_memory, set_nums, exchange_inflight,
					  set_rings_addr_first, enable_rings, give_backend_socket},
			},
		[MANNER_VIRTIO_USER] =
			{
				.name = "virtio-user",
				.connect = {set_owner, get_features, get_protocol, set_protocol,
					    get_queue_num, set_status_early},
				.start = {set_calls, set_features, set_memory, set_rings_base_first,
					  enable_rings, set_status_ok},
			},
		[MANNER_PLAIN] =
			{
				.name = "a front-end without protocol features",
				.plain = true,
				.connect = {set_owner, get_features},
				.start = {set_features, set_memory, set_rings_base_first},
			},
};

static int walk(struct frontend *fe, step *const *steps)
{
	bool each_pair = manners[fe->options.manner].each_pair;
	unsigned width = each_pair ? 2 : fe->n_queues;
	int error = 0;

	for (unsigned first = 0; first < fe->n_queues && !error; first += width)
		for (unsigned i = 0; i < STEPS_MAX && steps[i] && !error; i++)
			error = steps[i](fe, (struct span){first, first + width});
	return error == -EPIPE ? -ECONNRESET : error;
}

int frontend_handshake(struct frontend *fe)
{
	return walk(fe, manners[fe->options.manner].connect);
}

int frontend_start(struct frontend *fe)
{
	uint64_t features;
	int error = walk(fe, manners[fe->options.manner].start);

	/* Messages are handled in order: an answer to this one means that all of them were. */
	return error ? error : frontend_ask_u64(fe, VU_GET_FEATURES, &features);
}

int frontend_stop(struct frontend *fe)
{
	const struct manner *manner = &manners[fe->options.manner];
	int error = 0;

	for (unsigned i = 0; i < fe->n_queues && !error; i++) {
		if (manner->disable_first)
			error = tell_state(fe, VU_SET_VRING_ENABLE, i, 0);
		if (!error)
			error = frontend_get_base(fe, i, &fe->bases[i]);
		if (!manner->disable_first && !manner->plain && !error)
			error = tell_state(fe, VU_SET_VRING_ENABLE, i, 0);
	}
	return error == -EPIPE ? -ECONNRESET : error;
}

const char *frontend_manner_name(enum frontend_manner manner)
{
	return manners[manner].name;
}
