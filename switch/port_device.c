/*
 * port_device - an existing interface of the kernel, through a packet socket:
 * an uplink, or the veth of a container.
 *
 * Like a tap, but for two things. The kernel takes the VLAN tag off a received
 * frame and tells it beside the frame (PACKET_AUXDATA, packet(7)); it is put
 * back into the snapshot as it was found, so that every stage sees the frame
 * that was on the wire. And the interface is not ours: it may go down and come
 * up again. It is gone when the socket is bound to nothing any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "switch/port_kinds.h"
#include "switch/rcu.h"

enum {
	HEADER = sizeof(struct virtio_net_hdr), /* what PACKET_VNET_HDR means */
	ADDRESSES = 12,				/* bytes before a tag */
};

struct device_port {
	struct port port;
	const struct port_house *house;
	unsigned slot;
	int fd;
	struct port_queue queue;
};

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

/* Set up @frame, with its tag where it was, for @len bytes of header and frame at @bytes. */
static void snapshot(struct frame *frame, uint8_t *bytes, uint32_t len, uint32_t tag,
		     struct iovec *tail)
{
	uint8_t *head = frame->head;
	uint32_t copied = 0; /* bytes of the frame as received that are in the snapshot */
	uint32_t got = 0;    /* bytes in the snapshot */

	if (len < HEADER + ADDRESSES || len - HEADER > LIMIT_FRAME - (tag ? FRAME_TAG : 0)) {
		*frame = (struct frame){
			.fault = len < HEADER + ADDRESSES ? DROP_RUNT : DROP_GIANT,
		};
		return;
	}
	frame->hdr = (struct virtio_net_hdr_v1){0};
	memcpy(&frame->hdr, bytes, HEADER);
	bytes += HEADER;
	len -= HEADER;
	if (tag) {
		memcpy(head, bytes, ADDRESSES);
		for (unsigned i = 0; i < FRAME_TAG; i++)
			head[ADDRESSES + i] = (uint8_t)(tag >> (24 - 8 * i));
		copied = ADDRESSES;
		got = ADDRESSES + FRAME_TAG;
		/* offsets count from the first byte of the frame, which has grown before them */
		frame->hdr.csum_start = (uint16_t)(frame->hdr.csum_start + FRAME_TAG);
		if (frame->hdr.hdr_len)
			frame->hdr.hdr_len = (uint16_t)(frame->hdr.hdr_len + FRAME_TAG);
	}
	frame->fault = DROP_NONE;
	frame->len = len + (got - copied);
	frame->head_len = (uint16_t)(frame->len < FRAME_HEAD ? frame->len : FRAME_HEAD);
	memcpy(head + got, bytes + copied, frame->head_len - got);
	copied += frame->head_len - got;
	frame->tail = tail;
	frame->n_tail = len > copied;
	*tail = (struct iovec){bytes + copied, len - copied};
}

static void take(struct port_queue *queue, struct burst *burst)
{
	struct device_port *port = queue->port->device;
	struct uring_taken taken[LIMIT_BURST];
	int error;

	if (!uring_ready(queue->ring, port->slot))
		return;
	/* an error is told once (the interface went down) and ends nothing: check() finds out what does */
	burst->count = uring_take_socket(queue->ring, port->slot, taken, &error);
	for (unsigned i = 0; i < burst->count; i++)
		snapshot(&burst->frames[i], taken[i].bytes, taken[i].len,
			 stripped_tag(taken[i].message), &burst->pool[i]);
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
}

static void *begin(struct port *base, struct uring *ring, uint32_t spread)
{
	struct device_port *port = base->device;

	if (!ring)
		return NULL;
	uring_begin(ring, port->slot, true);
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
	struct device_port *port = queue->port->device;

	return uring_ready(queue->ring, port->slot);
}

static void disarm(struct port_queue *queue)
{
}

/* The number of the interface, or 0: gone. */
static int bound_to(int fd)
{
	struct sockaddr_ll address = {.sll_ifindex = 0};
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size))
		return 0;
	return address.sll_ifindex > 0 ? address.sll_ifindex : 0;
}

static int check(struct port *base)
{
	struct device_port *port = base->device;

	return bound_to(port->fd) ? 0 : -ENODEV;
}

static void status(const struct port *base, struct port_status *ret_status)
{
	const struct device_port *port = base->device;
	bool there = bound_to(port->fd);

	*ret_status = (struct port_status){
		.up = there,
		.queue_pairs = 1,
		.text = there ? "" : "the interface is gone",
	};
}

static void destroy(struct port *base)
{
	struct device_port *port = base->device;

	worker_set_remove(port->house->workers, &port->queue);
	rcu_synchronize();
	uring_set_remove(port->house->rings, port->slot);
	close(port->fd);
	free(port);
}

static const struct port_ops port_device_ops = {
	.kind = "device",
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
};

/* A raw packet socket with virtio-net headers, bound to an interface. */
static int check_fd(int fd)
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

int port_device_create(const struct port_house *house, const struct port_request *request,
		       struct port **ret_port)
{
	struct device_port *port = NULL;
	int error = request->n_fds == 1 ? check_fd(request->fds[0]) : -EINVAL;

	if (error)
		goto close_fds;
	port = calloc(1, sizeof(*port));
	if (!port) {
		error = -ENOMEM;
		goto close_fds;
	}
	error = uring_set_add(house->rings, request->fds[0]);
	if (error < 0)
		goto close_fds;
	port->slot = (unsigned)error;
	port->fd = request->fds[0];
	port->house = house;
	port->port = (struct port){
		.ops = &port_device_ops,
		.ref = request->ref,
		.accepts = PORT_ACCEPTS_ALL,
		.watch = -1,
		.device = port,
	};
	port->queue = (struct port_queue){.port = &port->port, .kick = -1};
	worker_set_add(house->workers, &port->queue);
	*ret_port = &port->port;
	return 0;

close_fds:
	for (unsigned i = 0; i < request->n_fds; i++)
		close(request->fds[i]);
	free(port);
	return error;
}
