/*
 * port_vhost - a guest that speaks vhost-user; the only file that knows vhost.h.
 *
 * Receive queues (the guest's) are found by any worker through an array of
 * pointers and a mask of those that run; transmit queues are polled by one
 * worker each. The library tells when a queue starts and stops, and waits for
 * a grace period in between where it must: this file unlinks, it never frees
 * what a worker may hold.
 *
 * The guest's offloads are judged here against what it negotiated; whether they
 * fit the frame is offload_check()'s to say.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "switch/port_kinds.h"
#include "switch/rcu.h"
#include "vhost/vhost.h"

enum {
	/* A front-end that takes GET_QUEUE_NUM for pairs may use twice those asked for (vhost.h). */
	PAIRS_MAX = 2 * LIMIT_QUEUE_PAIRS,
};

struct vhost_port {
	struct port port;
	const struct port_house *house;
	struct vhost_device *session;
	uint64_t told[VHOST_FAULTS]; /* of what the session counts */

	/* the guest receives: any worker puts */
	atomic_uint receiving; /* mask of queue pairs */
	struct vhost_queue *_Atomic receive[PAIRS_MAX];

	/* the guest transmits: one worker takes from each */
	uint32_t may_send; /* enum port_accepts: offloads negotiated */
	uint32_t polled;   /* mask of queue pairs that a worker polls */
	struct vhost_queue *transmit[PAIRS_MAX];
	struct port_queue queues[PAIRS_MAX];
};
_Static_assert(PAIRS_MAX <= 32, "queue pairs fit a mask");
_Static_assert(LIMIT_QUEUE_PAIRS <= (int)VHOST_QUEUE_PAIRS_MAX, "the library can have as many");

/* The offloads that four feature bits stand for, as what a port accepts. */
static uint32_t offloads(uint64_t features, unsigned csum, unsigned tso4, unsigned tso6,
			 unsigned ecn)
{
	return (features >> csum & 1 ? PORT_ACCEPTS_CSUM : 0) |
	       (features >> tso4 & 1 ? PORT_ACCEPTS_TSO4 : 0) |
	       (features >> tso6 & 1 ? PORT_ACCEPTS_TSO6 : 0) |
	       (features >> ecn & 1 ? PORT_ACCEPTS_ECN : 0);
}

/* ---- workers ---- */

/*
 * The library's frames and puts are the beginnings of the switch's, or the same: nothing
 * is converted for each frame.
 */
#define SAME_PLACE(member)                                                                         \
	_Static_assert(offsetof(struct frame, member) == offsetof(struct vhost_frame, member),     \
		       #member " stands where the library has it")
SAME_PLACE(len);
SAME_PLACE(head_len);
SAME_PLACE(n_tail);
SAME_PLACE(tail);
SAME_PLACE(fault);
SAME_PLACE(hdr);
#undef SAME_PLACE
_Static_assert(offsetof(struct frame, head) == sizeof(struct vhost_frame),
	       "the head stands behind");
_Static_assert(sizeof(struct port_put) == sizeof(struct vhost_put) &&
		       offsetof(struct port_put, place) == offsetof(struct vhost_put, place),
	       "what is put is the same");
_Static_assert(DROP_NONE == 0, "what the library calls no fault");
_Static_assert((int)VHOST_CHAIN_PIECES_MAX <= (int)LIMIT_FRAME_PIECES &&
		       (int)VHOST_FRAME_MAX <= (int)LIMIT_FRAME,
	       "the library takes no longer frames than there may be");
_Static_assert((int)LIMIT_BURST <= (int)VHOST_PUT_MAX, "a burst can be put at once");

static void take(struct port_queue *queue, struct burst *burst)
{
	struct vhost_port *port = queue->port->device;
	const struct vhost_room room = {
		.frames = (struct vhost_frame *)burst->frames,
		.stride = sizeof(burst->frames[0]),
		.n_frames = burst->room,
		.head_max = FRAME_HEAD,
		.pieces = burst->pool,
		.n_pieces = sizeof(burst->pool) / sizeof(burst->pool[0]),
		.n_bytes = LIMIT_BURST_BYTES,
		.fault = DROP_BAD_CHAIN,
	};

	burst->count = vhost_queue_take(port->transmit[queue->index], &room);
	burst->may_ask = port->may_send;
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
	struct vhost_port *port = queue->port->device;

	vhost_queue_give_back(port->transmit[queue->index]);
}

/* The running receive queue that frames of one source go to: always the same, while none starts or stops. */
static void *begin(struct port *base, struct uring *ring, uint32_t spread)
{
	struct vhost_port *port = base->device;
	unsigned running = atomic_load_explicit(&port->receiving, memory_order_relaxed);
	struct vhost_queue *queue;

	if (!running)
		return NULL;
	for (spread %= (unsigned)__builtin_popcount(running); spread; spread--)
		running &= running - 1;
	queue = rcu_read(&port->receive[__builtin_ctz(running)]);
	return queue && vhost_queue_begin(queue) ? queue : NULL;
}

static enum drop missed(int error)
{
	switch (error) {
	case -ENOBUFS: return DROP_RING_FULL;
	case -EMSGSIZE: return DROP_BUFFER_SMALL;
	default: return DROP_RING_BROKEN;
	}
}

static uint64_t put(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed)
{
	int errors[VHOST_PUT_MAX];
	uint64_t failed = vhost_queue_put(sink, (const struct vhost_put *)puts, n, errors);

	for (uint64_t left = failed; left; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);

		ret_missed[place] = missed(errors[place]);
	}
	return failed;
}

static uint64_t end(void *sink, enum drop *ret_missed)
{
	vhost_queue_end(sink);
	return 0;
}

static bool arm(struct port_queue *queue)
{
	struct vhost_port *port = queue->port->device;

	return vhost_queue_arm(port->transmit[queue->index]);
}

static void disarm(struct port_queue *queue)
{
	struct vhost_port *port = queue->port->device;

	vhost_queue_disarm(port->transmit[queue->index]);
}

/* ---- what the library tells: control thread ---- */

static void start_receive(struct vhost_port *port, unsigned pair, struct vhost_queue *queue)
{
	uint32_t accepts =
		offloads(vhost_queue_features(queue), VIRTIO_NET_F_GUEST_CSUM,
			 VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN);

	/* all queues of a session have the same features: no worker sees this change */
	if (port->port.accepts != accepts)
		port->port.accepts = accepts;
	rcu_publish(&port->receive[pair], queue);
	atomic_fetch_or_explicit(&port->receiving, 1u << pair, memory_order_release);
}

static void start_transmit(struct vhost_port *port, unsigned pair, struct vhost_queue *queue)
{
	struct port_queue *source = &port->queues[pair];
	uint32_t may_send =
		offloads(vhost_queue_features(queue), VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4,
			 VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN);

	if (port->may_send != may_send)
		port->may_send = may_send;
	port->transmit[pair] = queue;
	source->port = &port->port;
	source->index = (uint16_t)pair;
	source->kick = vhost_queue_kick_fd(queue);
	source->timed = source->kick < 0;
	worker_set_add(port->house->workers, source);
	port->polled |= 1u << pair;
}

static void queue_started(void *user, unsigned index, struct vhost_queue *queue)
{
	struct vhost_port *port = user;

	if (index % 2 == 0)
		start_receive(port, index / 2, queue);
	else
		start_transmit(port, index / 2, queue);
}

static void queue_stopping(void *user, unsigned index, struct vhost_queue *queue)
{
	struct vhost_port *port = user;
	uint32_t pair = 1u << index / 2;

	if (index % 2 == 0) {
		atomic_fetch_and_explicit(&port->receiving, ~pair, memory_order_relaxed);
		rcu_publish(&port->receive[index / 2], NULL);
	} else if (port->polled & pair) {
		worker_set_remove(port->house->workers, &port->queues[index / 2]);
		port->polled &= ~pair;
	}
}

static void kick_changed(void *user, unsigned index, struct vhost_queue *queue)
{
	struct vhost_port *port = user;

	if (index % 2 && port->polled >> index / 2 & 1)
		worker_set_rekick(port->house->workers, &port->queues[index / 2],
				  vhost_queue_kick_fd(queue));
}

static void quiesce(void *user)
{
	rcu_synchronize();
}

static void announce(void *user, uint64_t mac)
{
	struct vhost_port *port = user;

	port->house->announce(port->house->user, port->port.ref, mac);
}

/* ---- control thread ---- */

/* Tell what the guest did since it was told last. */
static void tell_faults(struct vhost_port *port)
{
	static const enum fault kinds[VHOST_FAULTS] = {
		[VHOST_BAD_INDEX] = FAULT_BAD_INDEX,	 [VHOST_BAD_CHAIN] = FAULT_BAD_CHAIN,
		[VHOST_BAD_ADDRESS] = FAULT_BAD_ADDRESS, [VHOST_BAD_MESSAGE] = FAULT_BAD_MESSAGE,
		[VHOST_LOST_MEMORY] = FAULT_LOST_MEMORY,
	};
	uint64_t counts[VHOST_FAULTS];

	vhost_device_faults(port->session, counts);
	for (unsigned i = 0; i < VHOST_FAULTS; i++) {
		if (counts[i] != port->told[i])
			port->house->blame(port->house->user, port->port.ref, kinds[i],
					   counts[i] - port->told[i]);
		port->told[i] = counts[i];
	}
}

static int serve(struct port *base)
{
	struct vhost_port *port = base->device;
	int error = vhost_device_serve(port->session);

	return error < 0 ? error : vhost_device_wants_write(port->session);
}

static int check(struct port *base)
{
	struct vhost_port *port = base->device;

	tell_faults(port);
	return vhost_device_is_dead(port->session) ? serve(base) : 0;
}

/* How frames are copied into the guest's queues; NULL: none runs. */
static const char *copy_word(const struct vhost_port *port)
{
	const char *word = NULL;

	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		const struct vhost_queue *queue = rcu_read(&port->receive[i]);
		const char *copy = queue ? vhost_queue_stats(queue).copy : word;

		if (word && copy != word)
			return "mixed";
		word = copy;
	}
	return word;
}

static void status(const struct port *base, struct port_status *ret_status)
{
	const struct vhost_port *port = base->device;
	unsigned running = vhost_device_running(port->session);

	ret_status->up = running > 0;
	ret_status->queue_pairs = (running + 1) / 2;
	ret_status->features = vhost_device_features(port->session);
	ret_status->copy = copy_word(port);
	ret_status->text = vhost_device_error(port->session);
}

static void destroy(struct port *base)
{
	struct vhost_port *port = base->device;

	vhost_device_stop(port->session);
	tell_faults(port);
	vhost_device_destroy(port->session);
	/* its queues are unlinked now; a worker may still be in its last burst with one */
	rcu_synchronize();
	free(port);
}

static const struct port_ops port_vhost_ops = {
	.kind = "vhost-user",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put,
	.end = end,
	.arm = arm,
	.disarm = disarm,
	.serve = serve,
	.check = check,
	.status = status,
	.destroy = destroy,
};

static const struct vhost_ops session_ops = {
	.queue_started = queue_started,
	.queue_stopping = queue_stopping,
	.kick_changed = kick_changed,
	.quiesce = quiesce,
	.announce = announce,
};

int port_vhost_prepare(void)
{
	return vhost_prepare();
}

int port_vhost_create(const struct port_house *house, const struct port_request *request,
		      struct port **ret_port)
{
	struct vhost_options options = {
		.queue_pairs = request->queue_pairs,
		.mtu_max = request->mtu,
		.copy = request->plain_copy ? VHOST_COPY_PLAIN : VHOST_COPY_MEASURED,
		.unclosed = request->unclosed,
	};
	struct vhost_port *port;
	int error = -EINVAL;

	if (request->n_fds != 1 || !request->queue_pairs ||
	    request->queue_pairs > LIMIT_QUEUE_PAIRS)
		goto close_fds;
	error = -ENOMEM;
	port = calloc(1, sizeof(*port));
	if (!port)
		goto close_fds;
	port->port = (struct port){
		.ops = &port_vhost_ops,
		.ref = request->ref,
		.device = port,
	};
	port->house = house;
	/* the fd is the session's from here on, whatever happens */
	error = vhost_device_create(&options, &session_ops, port, request->fds[0], &port->session);
	if (error) {
		free(port);
		return error;
	}
	port->port.watch = vhost_device_fd(port->session);
	*ret_port = &port->port;
	return 0;

close_fds:
	for (unsigned i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
	return error;
}

bool port_vhost_fault(void *address)
{
	return vhost_memory_fault(address);
}
