/*
 * port_tap - a tap interface of the kernel, one fd a queue pair.
 *
 * Frames come and go with a virtio-net header and every offload, so a tap takes
 * whatever a guest sends as it is: writing is one copy, by the kernel, from the
 * sender's memory. I/O goes through the worker's ring (uring.h); all buffers are
 * the ring's.
 *
 * An interface that is removed answers with -EBADFD; the worker that finds out
 * leaves a note, and check() tells the control thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "switch/port_kinds.h"
#include "switch/rcu.h"

enum {
	HEADER = sizeof(struct virtio_net_hdr_v1),
	TUN_MAJOR = 10, /* /dev/net/tun: Linux, Documentation/admin-guide/devices.txt */
	TUN_MINOR = 200,
};
_Static_assert(HEADER <= (int)URING_HEADER_MAX, "the ring has room for the header");

struct tap_port {
	struct port port;
	const struct port_house *house;
	atomic_int lost; /* -errno: the interface is gone */
	unsigned n_queues;
	struct port_queue queues[LIMIT_QUEUE_PAIRS];
	unsigned slots[LIMIT_QUEUE_PAIRS];
	int fds[LIMIT_QUEUE_PAIRS];
};

/* Set up @frame for @len bytes of header and frame at @bytes. */
static void snapshot(struct frame *frame, uint8_t *bytes, uint32_t len, struct iovec *tail)
{
	if (len < HEADER || len > URING_READ_MAX) {
		*frame = (struct frame){.fault = len < HEADER ? DROP_RUNT : DROP_GIANT};
		return;
	}
	memcpy(&frame->hdr, bytes, HEADER);
	frame->fault = DROP_NONE;
	frame->len = len - HEADER;
	frame->head_len = (uint16_t)(frame->len < FRAME_HEAD ? frame->len : FRAME_HEAD);
	memcpy(frame->head, bytes + HEADER, frame->head_len);
	frame->tail = tail;
	frame->n_tail = frame->len > frame->head_len;
	*tail = (struct iovec){bytes + HEADER + frame->head_len, frame->len - frame->head_len};
}

static void take(struct port_queue *queue, struct burst *burst)
{
	struct tap_port *port = queue->port->device;
	unsigned slot = port->slots[queue->index];
	struct uring_taken taken[LIMIT_BURST];
	int error;

	if (!uring_ready(queue->ring, slot) ||
	    atomic_load_explicit(&port->lost, memory_order_relaxed))
		return;
	burst->count = uring_take_file(queue->ring, slot, port->fds[queue->index], taken, &error);
	for (unsigned i = 0; i < burst->count; i++)
		snapshot(&burst->frames[i], taken[i].bytes, taken[i].len, &burst->pool[i]);
	if (error)
		atomic_store_explicit(&port->lost, error, memory_order_relaxed);
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
}

/* Written on the queue that the source's number chooses, so that a flow stays in order. */
static void *begin(struct port *base, struct uring *ring, uint32_t spread)
{
	struct tap_port *port = base->device;

	if (!ring)
		return NULL;
	uring_begin(ring, port->slots[spread % port->n_queues], false);
	return ring;
}

static uint64_t put(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed)
{
	for (unsigned i = 0; i < n; i++) {
		struct iovec head = port_put_head(&puts[i]);

		uring_put(sink, puts[i].place, puts[i].hdr, HEADER, &head, puts[i].tail,
			  puts[i].n_tail);
	}
	return 0;
}

static uint64_t end(void *sink, enum drop *ret_missed)
{
	uint64_t failed = uring_end(sink);

	for (uint64_t left = failed; left; left &= left - 1)
		ret_missed[__builtin_ctzll(left)] = DROP_DEVICE_ERROR;
	return failed;
}

static bool arm(struct port_queue *queue)
{
	struct tap_port *port = queue->port->device;

	return uring_ready(queue->ring, port->slots[queue->index]) &&
	       !atomic_load_explicit(&port->lost, memory_order_relaxed);
}

static void disarm(struct port_queue *queue)
{
}

static int check(struct port *base)
{
	struct tap_port *port = base->device;

	return atomic_load_explicit(&port->lost, memory_order_relaxed);
}

static void status(const struct port *base, struct port_status *ret_status)
{
	const struct tap_port *port = base->device;
	bool lost = atomic_load_explicit(&port->lost, memory_order_relaxed);

	*ret_status = (struct port_status){
		.up = !lost,
		.queue_pairs = port->n_queues,
		.text = lost ? "the interface is gone" : "",
	};
}

static void destroy(struct port *base)
{
	struct tap_port *port = base->device;

	for (unsigned i = 0; i < port->n_queues; i++)
		worker_set_remove(port->house->workers, &port->queues[i]);
	rcu_synchronize();
	for (unsigned i = 0; i < port->n_queues; i++) {
		uring_set_remove(port->house->rings, port->slots[i]);
		close(port->fds[i]);
	}
	free(port);
}

static unsigned lend(const struct port *base, int ret_fds[LIMIT_QUEUE_PAIRS])
{
	const struct tap_port *port = base->device;

	memcpy(ret_fds, port->fds, port->n_queues * sizeof(*ret_fds));
	return port->n_queues;
}

static const struct port_ops port_tap_ops = {
	.kind = "tap",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put,
	.end = end,
	.arm = arm,
	.disarm = disarm,
	.check = check,
	.status = status,
	.destroy = destroy,
	.lend = lend,
};

/* A tap, and one that does not block. */
static int check_fd(int fd)
{
	struct stat kind;
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, &kind) || flags < 0)
		return -errno;
	if (!S_ISCHR(kind.st_mode) || kind.st_rdev != makedev(TUN_MAJOR, TUN_MINOR))
		return -EINVAL;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

static int install(struct tap_port *port, int fd)
{
	int error = check_fd(fd);
	int slot;

	if (error)
		return error;
	slot = uring_set_add(port->house->rings, fd);
	if (slot < 0)
		return slot;
	port->slots[port->n_queues] = (unsigned)slot;
	port->fds[port->n_queues] = fd;
	port->queues[port->n_queues] = (struct port_queue){
		.port = &port->port,
		.index = (uint16_t)port->n_queues,
		.kick = -1,
	};
	port->n_queues++;
	return 0;
}

int port_tap_create(const struct port_house *house, const struct port_request *request,
		    struct port **ret_port)
{
	struct tap_port *port = NULL;
	int error = -EINVAL;

	if (!request->n_fds || request->n_fds > LIMIT_QUEUE_PAIRS)
		goto close_fds;
	error = -ENOMEM;
	port = calloc(1, sizeof(*port));
	if (!port)
		goto close_fds;
	port->port = (struct port){
		.ops = &port_tap_ops,
		.ref = request->ref,
		.accepts = PORT_ACCEPTS_ALL,
		.watch = -1,
		.device = port,
	};
	port->house = house;
	for (unsigned i = 0; i < request->n_fds; i++) {
		error = install(port, request->fds[i]);
		if (error)
			goto uninstall;
	}
	for (unsigned i = 0; i < port->n_queues; i++)
		worker_set_add(house->workers, &port->queues[i]);
	*ret_port = &port->port;
	return 0;

uninstall:
	for (unsigned i = 0; i < port->n_queues; i++)
		uring_set_remove(house->rings, port->slots[i]);
close_fds:
	for (unsigned i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
	free(port);
	return error;
}
