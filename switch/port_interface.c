/*
 * port_interface - an interface of the kernel: a tap, one fd a queue pair; or an
 * existing one through a packet socket: an uplink, or the veth of a container.
 *
 * Frames come and go with a virtio-net header and every offload, so an interface
 * takes whatever a guest sends as it is: writing is one copy, by the kernel, from
 * the sender's memory. I/O goes through the worker's ring (uring.h); all buffers
 * are the ring's. A queue's fd is its kick: the worker's epoll set tells when there
 * is something to read, and a queue that was read to its end is left until then.
 *
 * A packet socket differs in two things. The kernel takes the VLAN tag off a
 * received frame and tells it beside the frame (PACKET_AUXDATA, packet(7)); it is
 * put back into the snapshot as it was found, so that every stage sees the frame
 * that was on the wire. And the interface is not ours: it may go down and come up
 * again. It is gone when the socket is bound to nothing any more. A tap that is
 * removed answers with -EBADFD; the worker that finds out leaves a note, and
 * check() tells the control thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "switch/port_kinds.h"
#include "switch/rcu.h"

enum {
	TAP_HEADER = sizeof(struct virtio_net_hdr_v1), /* what the control process asked for */
	SOCKET_HEADER = sizeof(struct virtio_net_hdr), /* what PACKET_VNET_HDR means */
	ADDRESSES = 12,				       /* bytes before a tag */
	TUN_MAJOR = 10, /* /dev/net/tun: Linux, Documentation/admin-guide/devices.txt */
	TUN_MINOR = 200,
};
_Static_assert(TAP_HEADER <= (int)URING_HEADER_MAX, "the ring has room for the header");

struct interface_queue {
	struct port_queue queue;
	int fd;
	unsigned slot; /* in the rings */
	bool drained;  /* its worker's: nothing to read, until it kicks */
};

struct interface_port {
	struct port port;
	const struct port_house *house;
	bool is_socket;
	uint32_t header; /* bytes before a frame */
	atomic_int lost; /* -errno: the tap is gone */
	unsigned n_queues;
	struct interface_queue queues[LIMIT_QUEUE_PAIRS];
};

static struct interface_queue *queue_of(struct port_queue *queue)
{
	struct interface_port *port = queue->port->device;

	return &port->queues[queue->index];
}

/* ---- workers ---- */

/* The tag that the kernel took off, type and control in one number; 0: none. */
static uint32_t stripped_tag(struct msghdr *message)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg;
	     cmsg = CMSG_NXTHDR(message, cmsg)) {
		struct tpacket_auxdata beside;

		if (cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA ||
		    cmsg->cmsg_len < CMSG_LEN(sizeof(beside)))
			continue;
		memcpy(&beside, CMSG_DATA(cmsg), sizeof(beside));
		if (!(beside.tp_status & TP_STATUS_VLAN_VALID))
			return 0;
		/* kernels before 3.14 do not tell the type: it is a customer tag then */
		if (!(beside.tp_status & TP_STATUS_VLAN_TPID_VALID))
			beside.tp_vlan_tpid = ETHERTYPE_VLAN;
		return (uint32_t)beside.tp_vlan_tpid << 16 | beside.tp_vlan_tci;
	}
	return 0;
}

/* Put @tag back behind the addresses at @bytes: 16 bytes of @frame's snapshot, from 12. */
static void put_tag_back(struct frame *frame, const uint8_t *bytes, uint32_t tag)
{
	memcpy(frame->head, bytes, ADDRESSES);
	for (unsigned i = 0; i < FRAME_TAG; i++)
		frame->head[ADDRESSES + i] = (uint8_t)(tag >> (24 - 8 * i));
	/* offsets count from the first byte of the frame, which has grown before them */
	frame->hdr.csum_start = (uint16_t)(frame->hdr.csum_start + FRAME_TAG);
	if (frame->hdr.hdr_len)
		frame->hdr.hdr_len = (uint16_t)(frame->hdr.hdr_len + FRAME_TAG);
}

/* Set up @frame, with its @tag where it was, for @len bytes of header and frame at @bytes. */
static void snapshot(struct frame *frame, uint32_t header, uint8_t *bytes, uint32_t len,
		     uint32_t tag, struct iovec *tail)
{
	uint32_t copied = tag ? ADDRESSES : 0;		/* bytes of the frame as it was received */
	uint32_t got = tag ? ADDRESSES + FRAME_TAG : 0; /* of them and the tag, in the snapshot */

	if (len < header + copied || len - header > LIMIT_FRAME - (got - copied)) {
		*frame = (struct frame){.fault = len < header + copied ? DROP_RUNT : DROP_GIANT};
		return;
	}
	frame->hdr = (struct virtio_net_hdr_v1){0};
	memcpy(&frame->hdr, bytes, header);
	bytes += header;
	len -= header;
	if (tag)
		put_tag_back(frame, bytes, tag);
	frame->fault = DROP_NONE;
	frame->len = len + (got - copied);
	frame->head_len = (uint16_t)(frame->len < FRAME_HEAD ? frame->len : FRAME_HEAD);
	memcpy(frame->head + got, bytes + copied, frame->head_len - got);
	copied += frame->head_len - got;
	frame->tail = tail;
	frame->n_tail = len > copied;
	*tail = (struct iovec){bytes + copied, len - copied};
}

static void take(struct port_queue *queue, struct burst *burst)
{
	struct interface_port *port = queue->port->device;
	struct interface_queue *source = queue_of(queue);
	struct uring_taken taken[LIMIT_BURST];
	int error;

	if (source->drained)
		return;
	if (port->is_socket)
		burst->count = uring_take_socket(queue->ring, source->slot, taken, &error);
	else
		burst->count =
			uring_take_file(queue->ring, source->slot, source->fd, taken, &error);
	for (unsigned i = 0; i < burst->count; i++)
		snapshot(&burst->frames[i], port->header, taken[i].bytes, taken[i].len,
			 port->is_socket ? stripped_tag(taken[i].message) : 0, &burst->pool[i]);
	source->drained = error != 0;
	/* a socket's error is told once (it went down) and ends nothing: check() finds out what does */
	if (error && error != -EAGAIN && !port->is_socket)
		atomic_store_explicit(&port->lost, error, memory_order_relaxed);
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
}

/* Written on the queue that the source's number chooses, so that a flow stays in order. */
static void *begin(struct port *base, struct uring *ring, uint32_t spread)
{
	struct interface_port *port = base->device;

	if (!ring)
		return NULL;
	uring_begin(ring, port->queues[spread % port->n_queues].slot, port->is_socket);
	return ring;
}

/* The header that a tap gets stands before the head: one piece. */
static uint64_t put_tap(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed)
{
	for (unsigned i = 0; i < n; i++) {
		const struct frame *frame = puts[i].frame;
		struct iovec head = {(void *)&frame->hdr, TAP_HEADER + (size_t)frame->head_len};

		uring_put(sink, puts[i].place, &head, 1, frame->tail, frame->n_tail);
	}
	return 0;
}

static uint64_t put_socket(void *sink, const struct port_put *puts, unsigned n,
			   enum drop *ret_missed)
{
	for (unsigned i = 0; i < n; i++) {
		const struct frame *frame = puts[i].frame;
		struct iovec head[] = {{(void *)&frame->hdr, SOCKET_HEADER},
				       {(void *)frame->head, frame->head_len}};

		uring_put(sink, puts[i].place, head, 2, frame->tail, frame->n_tail);
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

/*
 * What was read to its end kicks with the next frame: the fd is watched for edges,
 * and there was nothing when the end was found.
 */
static bool arm(struct port_queue *queue)
{
	return !queue_of(queue)->drained;
}

static void disarm(struct port_queue *queue)
{
	struct interface_port *port = queue->port->device;

	if (!atomic_load_explicit(&port->lost, memory_order_relaxed))
		queue_of(queue)->drained = false;
}

/* ---- control thread ---- */

/* The number of the interface that a packet socket is bound to, or 0: gone. */
static int bound_to(int fd)
{
	struct sockaddr_ll address = {.sll_ifindex = 0};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size))
		return 0;
	return address.sll_ifindex > 0 ? address.sll_ifindex : 0;
}

/* 0, or -errno: the interface is gone. */
static int state_of(const struct interface_port *port)
{
	if (port->is_socket)
		return bound_to(port->queues[0].fd) ? 0 : -ENODEV;
	return atomic_load_explicit(&port->lost, memory_order_relaxed);
}

static int check(struct port *base)
{
	return state_of(base->device);
}

static void status(const struct port *base, struct port_status *ret_status)
{
	const struct interface_port *port = base->device;
	bool there = !state_of(port);

	*ret_status = (struct port_status){
		.up = there,
		.queue_pairs = port->n_queues,
		.text = there ? "" : "the interface is gone",
	};
}

static void destroy(struct port *base)
{
	struct interface_port *port = base->device;

	for (unsigned i = 0; i < port->n_queues; i++)
		worker_set_remove(port->house->workers, &port->queues[i].queue);
	rcu_synchronize();
	for (unsigned i = 0; i < port->n_queues; i++) {
		uring_set_remove(port->house->rings, port->queues[i].slot);
		close(port->queues[i].fd);
	}
	free(port);
}

static unsigned lend(const struct port *base, int ret_fds[LIMIT_QUEUE_PAIRS])
{
	const struct interface_port *port = base->device;

	for (unsigned i = 0; i < port->n_queues; i++)
		ret_fds[i] = port->queues[i].fd;
	return port->n_queues;
}

static const struct port_ops tap_ops = {
	.kind = "tap",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put_tap,
	.end = end,
	.arm = arm,
	.disarm = disarm,
	.check = check,
	.status = status,
	.destroy = destroy,
	.lend = lend,
};

static const struct port_ops device_ops = {
	.kind = "device",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put_socket,
	.end = end,
	.arm = arm,
	.disarm = disarm,
	.check = check,
	.status = status,
	.destroy = destroy,
};

/* A tap, and one that does not block. */
static int check_tap(int fd)
{
	struct stat kind;
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, &kind) || flags < 0)
		return -errno;
	if (!S_ISCHR(kind.st_mode) || kind.st_rdev != makedev(TUN_MAJOR, TUN_MINOR))
		return -EINVAL;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

/* A raw packet socket with virtio-net headers, bound to an interface. */
static int check_socket(int fd)
{
	int domain = 0, type = 0, with_header = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) || domain != AF_PACKET ||
	    type != SOCK_RAW || getsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &with_header, &size) ||
	    !with_header || !bound_to(fd))
		return -EINVAL;
	return 0;
}

static int install(struct interface_port *port, int fd)
{
	int error = port->is_socket ? check_socket(fd) : check_tap(fd);
	int slot;

	if (error)
		return error;
	slot = uring_set_add(port->house->rings, fd);
	if (slot < 0)
		return slot;
	port->queues[port->n_queues] = (struct interface_queue){
		.queue =
			{
				.port = &port->port,
				.index = (uint16_t)port->n_queues,
				.calls = true,
				.kick = fd,
			},
		.fd = fd,
		.slot = (unsigned)slot,
	};
	port->n_queues++;
	return 0;
}

static int create(const struct port_house *house, const struct port_request *request,
		  bool is_socket, struct port **ret_port)
{
	struct interface_port *port = NULL;
	int error = -EINVAL;

	if (!request->n_fds || request->n_fds > (is_socket ? 1 : LIMIT_QUEUE_PAIRS))
		goto close_fds;
	error = -ENOMEM;
	port = calloc(1, sizeof(*port));
	if (!port)
		goto close_fds;
	port->port = (struct port){
		.ops = is_socket ? &device_ops : &tap_ops,
		.ref = request->ref,
		.accepts = PORT_ACCEPTS_ALL,
		.watch = -1,
		.device = port,
	};
	port->house = house;
	port->is_socket = is_socket;
	port->header = is_socket ? SOCKET_HEADER : TAP_HEADER;
	for (unsigned i = 0; i < request->n_fds; i++) {
		error = install(port, request->fds[i]);
		if (error)
			goto uninstall;
	}
	for (unsigned i = 0; i < port->n_queues; i++)
		worker_set_add(house->workers, &port->queues[i].queue);
	*ret_port = &port->port;
	return 0;

uninstall:
	for (unsigned i = 0; i < port->n_queues; i++)
		uring_set_remove(house->rings, port->queues[i].slot);
close_fds:
	for (unsigned i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
	free(port);
	return error;
}

int port_tap_create(const struct port_house *house, const struct port_request *request,
		    struct port **ret_port)
{
	return create(house, request, false, ret_port);
}

int port_device_create(const struct port_house *house, const struct port_request *request,
		       struct port **ret_port)
{
	return create(house, request, true, ret_port);
}
