/*
 * frontend - a guest without a virtual machine: the front-end of vhost-user and
 * the driver of virtio-net in one.
 *
 * It does what QEMU, Cloud Hypervisor and DPDK's virtio-user do, in the order
 * in which each does it, and sends and receives frames; or it does anything
 * else, well-formed or not, that a test asks for with the functions for single
 * messages. Replies are taken as QEMU takes them: the request's own id, flags
 * of exactly VERSION and REPLY, or the session is broken.
 *
 * Life: create (memory and rings) - dial (a connection; give the other end to a
 * backend) - handshake - start - send and receive - stop - hang_up - destroy.
 * After hang_up, dial begins again with the same memory and rings, as after a
 * backend's restart (see frontend_resume()).
 *
 * Errors of the session are returned (tests provoke them); what a correct
 * backend can never cause fails the test at once (check.h). Threads: one
 * front-end, one thread; separate rings may be worked by separate threads.
 */
#ifndef TESTS_LIB_FRONTEND_H
#define TESTS_LIB_FRONTEND_H

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <sys/types.h>

#include "tests/lib/guest_ring.h"

enum {
	FRONTEND_PAIRS_MAX = 16,
	FRONTEND_FRAME_MAX = 65535 + 18,
	FRONTEND_HEADER = sizeof(struct virtio_net_hdr_v1),
};

/* In whose order and with whose habits messages are sent. */
enum frontend_manner {
	MANNER_QEMU_10 = 0,
	MANNER_QEMU_8_2,
	MANNER_QEMU_7_2,
	MANNER_CLOUD_HYPERVISOR,
	MANNER_VIRTIO_USER,
	MANNER_PLAIN, /* knows no protocol features: rings are enabled at once */
	MANNER__COUNT,
};

/* How a buffer is cut into descriptors. */
enum frontend_shape {
	SHAPE_ONE = 0,	 /* header and frame in one */
	SHAPE_SPLIT,	 /* header, then the frame */
	SHAPE_SCATTERED, /* header in 3 pieces, the frame in pieces of 1, 2, 3... bytes */
};

struct frontend_options {
	uint64_t
		features; /* virtio features to accept; VERSION_1 and the protocol bit come by themselves */
	uint64_t protocol; /* protocol features to accept; 0: all that are known here */
	enum frontend_manner manner;
	enum guest_layout layout;
	enum frontend_shape rx_shape;
	enum frontend_shape tx_shape;
	bool indirect;		     /* chains of several pieces go through a table */
	unsigned pairs;		     /* 0: 1 */
	uint16_t ring_size;	     /* 0: 256 */
	uint32_t rx_buffer;	     /* bytes, header included; 0: 2048 */
	uint32_t tx_buffer;	     /* 0: 2048 */
	uint64_t memory_size;	     /* 0: 16 MiB */
	struct guest_memory *memory; /* somebody else's to share, or NULL */
};

/* What guests of today negotiate with a switch that offers no offloads. */
#define FRONTEND_PLAIN                                                                             \
	(VU_BIT(VIRTIO_NET_F_MRG_RXBUF) | VU_BIT(VIRTIO_RING_F_EVENT_IDX) |                        \
	 VU_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VU_BIT(VIRTIO_NET_F_MQ) | VU_BIT(VIRTIO_NET_F_MTU))
#define FRONTEND_SEND_OFFLOADS                                                                     \
	(VU_BIT(VIRTIO_NET_F_CSUM) | VU_BIT(VIRTIO_NET_F_HOST_TSO4) |                              \
	 VU_BIT(VIRTIO_NET_F_HOST_TSO6) | VU_BIT(VIRTIO_NET_F_HOST_ECN))
#define FRONTEND_RECEIVE_OFFLOADS                                                                  \
	(VU_BIT(VIRTIO_NET_F_GUEST_CSUM) | VU_BIT(VIRTIO_NET_F_GUEST_TSO4) |                       \
	 VU_BIT(VIRTIO_NET_F_GUEST_TSO6) | VU_BIT(VIRTIO_NET_F_GUEST_ECN))

/* A ring and the buffers that its frames lie in. */
struct frontend_queue {
	struct guest_ring ring;
	uint32_t buffer; /* bytes of each */
	uint64_t *slots; /* gpa of the buffer that belongs to each head */
};

struct frontend {
	struct frontend_options options;
	int socket; /* -1: not connected */
	uint64_t features_offered;
	uint64_t protocol_offered;
	uint64_t features; /* accepted */
	uint64_t protocol;
	uint64_t queues_max; /* what GET_QUEUE_NUM said */
	uint64_t slots_max;  /* what GET_MAX_MEM_SLOTS said */
	bool has_slots;	     /* ADD_MEM_REG was said for all of them in this session */
	int backend_req;     /* our end of the backend's channel, or -1 */
	int inflight;	     /* what GET_INFLIGHT_FD gave, or -1 */
	struct vu_inflight inflight_shape;
	struct guest_memory *memory;
	struct guest_memory own_memory;
	unsigned n_queues; /* 2i: receive, 2i+1: transmit */
	struct frontend_queue queues[2 * FRONTEND_PAIRS_MAX];
	uint32_t bases[2 * FRONTEND_PAIRS_MAX]; /* for SET_VRING_BASE; filled by stop and resume */
};

/* ---- life ---- */

void frontend_create(struct frontend *fe, const struct frontend_options *options);
void frontend_destroy(struct frontend *fe);

/* A new connection: the backend's end of it. */
int frontend_dial(struct frontend *fe);

/* Memory and rings as a guest that was reset: all rings empty, bases as in the beginning. */
void frontend_reset(struct frontend *fe);

/* What is sent before the guest's driver runs; then what makes the rings run. 0 or -errno. */
int frontend_handshake(struct frontend *fe);
int frontend_start(struct frontend *fe);

const char *frontend_manner_name(enum frontend_manner manner);

/* Handshake and start, which must succeed; then all receive buffers are posted. */
void frontend_bring_up(struct frontend *fe);

/* GET_VRING_BASE for every ring, and what else the manner asks for. */
int frontend_stop(struct frontend *fe);

/* Close the connection. The backend may still use the rings until it has noticed. */
void frontend_hang_up(struct frontend *fe);

/* Once it has: let the next session go on where the used rings stand. */
void frontend_resume(struct frontend *fe);

/* ---- frames ---- */

static inline struct guest_ring *frontend_rx(struct frontend *fe, unsigned pair)
{
	return &fe->queues[2 * pair].ring;
}

static inline struct guest_ring *frontend_tx(struct frontend *fe, unsigned pair)
{
	return &fe->queues[2 * pair + 1].ring;
}

/* Post every free receive buffer. */
void frontend_fill(struct frontend *fe, unsigned pair);

/* Add a frame to the transmit ring; false: no room. @hdr NULL: no offload. Shown by frontend_flush(). */
bool frontend_queue(struct frontend *fe, unsigned pair, const struct virtio_net_hdr_v1 *hdr,
		    const void *frame, uint32_t len);
void frontend_flush(struct frontend *fe, unsigned pair);

/* Queue and flush one frame, waiting for room if need be; the backend must make some. */
void frontend_send(struct frontend *fe, unsigned pair, const struct virtio_net_hdr_v1 *hdr,
		   const void *frame, uint32_t len);

/* Wait until the backend has given back all that was sent. */
bool frontend_drain(struct frontend *fe, unsigned pair, unsigned limit_ms);

/*
 * Take one frame of the receive ring and post its buffers again: its length, or
 * -EAGAIN. Of @ret_hdr, num_buffers has been checked.
 */
ssize_t frontend_take(struct frontend *fe, unsigned pair, struct virtio_net_hdr_v1 *ret_hdr,
		      void *ret_frame, size_t room);

/* The same, waiting for up to @limit_ms. */
ssize_t frontend_receive(struct frontend *fe, unsigned pair, struct virtio_net_hdr_v1 *ret_hdr,
			 void *ret_frame, size_t room, unsigned limit_ms);

/* ---- single messages ---- */

/* Any bytes with any fds. 0 or -errno (-EPIPE: the backend hung up). */
int frontend_write(struct frontend *fe, const void *bytes, size_t size, const int *fds,
		   unsigned n_fds);

/* One message and no more. */
int frontend_say(struct frontend *fe, uint32_t request, uint32_t flags, const void *payload,
		 uint32_t size, const int *fds, unsigned n_fds);

/*
 * One message, and wait until the backend has done it: by an acknowledgement if
 * that was negotiated, else by asking something that must be answered in order.
 * 0; -EIO: refused; -ECONNRESET: it hung up; -ETIMEDOUT.
 */
int frontend_do(struct frontend *fe, uint32_t request, const void *payload, uint32_t size,
		const int *fds, unsigned n_fds);
int frontend_do_u64(struct frontend *fe, uint32_t request, uint64_t value);
int frontend_do_state(struct frontend *fe, uint32_t request, uint32_t index, uint32_t num);

/* One message that has an answer of its own, at least @room bytes of it; an fd with it if asked for. */
int frontend_ask(struct frontend *fe, uint32_t request, const void *payload, uint32_t size,
		 void *ret_answer, uint32_t room, int *ret_fd);
int frontend_ask_u64(struct frontend *fe, uint32_t request, uint64_t *ret_value);

/* Await a reply to @request. Size of its payload, or -errno. */
int frontend_await_reply(struct frontend *fe, uint32_t request, void *ret_answer, uint32_t room,
			 int *ret_fd, unsigned limit_ms);

/* Has the backend hung up? Waits for up to @limit_ms for it. */
bool frontend_is_cut(struct frontend *fe, unsigned limit_ms);

/* ---- steps that tests repeat out of order ---- */

int frontend_set_memory(struct frontend *fe); /* SET_MEM_TABLE, or slot by slot */
int frontend_set_addr(struct frontend *fe, unsigned index, uint32_t flags, uint64_t log);
int frontend_set_fd(struct frontend *fe, uint32_t request, unsigned index, int fd);
int frontend_set_ring(struct frontend *fe, unsigned index); /* NUM, BASE, ADDR, KICK, CALL */
int frontend_enable(struct frontend *fe, unsigned index, bool enable);
int frontend_get_base(struct frontend *fe, unsigned index, uint32_t *ret_base);

#endif
