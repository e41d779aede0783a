/*
 * front - a front-end and its guest in the test's own process: a socketpair, a
 * memfd, and rings that are written by hand, a descriptor at a time.
 *
 * Everything happens in one thread: front_say() sends a message and lets the
 * device serve it.
 */
#ifndef TESTS_UNIT_VHOST_FRONT_H
#define TESTS_UNIT_VHOST_FRONT_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost/proto.h"
#include "vhost/vhost.h"

enum {
	FRONT_MEMORY = 4 << 20,
	FRONT_QUEUES = 4,
	FRONT_RING_SPACE = 1 << 16, /* of memory, for each ring */
	FRONT_BUFFERS = 1 << 20,    /* where buffers begin */
	FRONT_ELEMENTS = 2048,
};

#define FRONT_GPA  UINT64_C(0x40000000)
#define FRONT_USER UINT64_C(0x7f0000000000)

/* Where memory lies, in the two regions that a front has by default. */
#define FRONT_SPLIT (FRONT_MEMORY / 2)

/* A ring as the guest's driver keeps it, of either layout. */
struct front_ring {
	unsigned size;
	bool packed;
	/* What front_make_available() makes chains from; of a split ring, the ring's own. */
	struct vring_desc *desc;
	struct vhost_queue *queue; /* NULL while it does not run */
	int kick, call, err;
	uint16_t seen; /* used elements that front_used() returned */

	/* split */
	struct vring_avail *avail;
	struct vring_used *used;

	/* packed; positions as in vhost/packed.h */
	struct vring_packed_desc *slots;
	struct vring_packed_desc_event *driver_event, *device_event;
	uint16_t avail_at, used_at;
	uint16_t *chain_slots; /* by buffer id */

	/* With IN_ORDER a used element stands for all chains up to its own (2.7.9, 2.8.9). */
	bool in_order;
	uint32_t n_available, n_returned;
	uint16_t order[FRONT_ELEMENTS];

	/* All used elements so far, the last FRONT_ELEMENTS of them. */
	uint32_t n_elements;
	struct vring_used_elem elements[FRONT_ELEMENTS];
};

struct front {
	int fd;
	int memfd;
	uint64_t features; /* negotiated */
	uint8_t *bytes;	   /* the guest's memory */
	struct vhost_device *device;
	struct front_ring rings[FRONT_QUEUES];
	unsigned quiesced; /* calls of quiesce() */
	unsigned stopping; /* queues that were told to stop since */
	unsigned kicks_changed;
	uint64_t announced;
};

void front_open(struct front *front);
void front_open_copy(struct front *front, enum vhost_copy copy);
void front_open_with(struct front *front, const struct vhost_ops *ops, void *user);
void front_close(struct front *front);

/* Send one message with @fds, serve it: what vhost_device_serve() says. */
int front_say(struct front *front, uint32_t request, uint32_t flags, const void *payload,
	      uint32_t size, const int *fds, unsigned n_fds);
int front_say_number(struct front *front, uint32_t request, uint64_t number);
int front_say_state(struct front *front, uint32_t request, uint32_t index, uint32_t num);
int front_say_fd(struct front *front, uint32_t request, unsigned index, int fd);

/* The reply, or -EAGAIN if there is none; its fd, or -1. Returns the size of its payload. */
int front_reply(struct front *front, uint32_t *ret_request, union proto_payload *ret_payload,
		int *ret_fd);

/* A request that is answered by a number. */
uint64_t front_ask(struct front *front, uint32_t request);

/* Is the request acknowledged? Needs REPLY_ACK. */
bool front_acked(struct front *front, uint32_t request, const void *payload, uint32_t size,
		 const int *fds, unsigned n_fds);

/* VERSION_1, protocol features, and these virtio features. */
void front_negotiate(struct front *front, uint64_t features);

/*
 * The table of two regions that lie apart here, next to each other in the guest,
 * halves of one file.
 */
void front_table(struct front *front, struct proto_memory *ret_table, int *ret_fds);
void front_set_memory(struct front *front);

/* Describe a ring of @size and have it run. */
void front_describe(struct front *front, unsigned index, unsigned size);
void front_start(struct front *front, unsigned index, unsigned size);

/* All of it: memory, features, rings 0 and 1. */
void front_up(struct front *front, uint64_t features, unsigned size);

/*
 * The guest's: a descriptor, a chain of them made available, what was used. In a
 * packed ring the number of a chain's first descriptor is its buffer id.
 */
uint64_t front_gpa(const struct front *front, const void *address);
uint8_t *front_buffer(struct front *front, unsigned number);
void front_desc(struct front_ring *ring, unsigned at, uint64_t gpa, uint32_t len, uint16_t flags,
		uint16_t next);
void front_make_available(struct front_ring *ring, uint16_t head);
bool front_used(struct front_ring *ring, struct vring_used_elem *ret_element);

/* How many were used so far; the one of number @n, of the last FRONT_ELEMENTS. */
unsigned front_done(struct front_ring *ring);
struct vring_used_elem front_element(struct front_ring *ring, unsigned n);

/* Which calls the guest wants: all, none, or when the used element @n is there. */
enum front_calls { FRONT_CALLS_ALL, FRONT_CALLS_NONE, FRONT_CALLS_AT };
void front_want_calls(struct front_ring *ring, enum front_calls calls, unsigned n);

/* Is a kick asked for when the chain @n is made available? (chains of one descriptor) */
bool front_kick_wanted(const struct front_ring *ring, bool event_idx, unsigned n);

/*
 * The guest transmits @n small frames, descriptors 0 to n - 1 of ring 1; that
 * ring's are taken and given back.
 */
void front_send(struct front *front, unsigned n);
unsigned front_take(struct front *front, unsigned max);

/* A frame, with room for its head. */
struct front_frame {
	struct vhost_frame is;
	uint8_t head[256];
};

/* Take up to @n frames; of each the first @head_max bytes, the rest in @n_pieces @pieces. */
unsigned front_take_frames(struct vhost_queue *queue, struct front_frame *frames, unsigned n,
			   uint16_t head_max, struct iovec *pieces, unsigned n_pieces);

/* vhost_queue_put() of one frame: what became of it. */
int front_put(struct vhost_queue *queue, const struct front_frame *frame);

/* The same for a frame of @len bytes that lie in @n_tail pieces. */
int front_put_tail(struct vhost_queue *queue, const struct virtio_net_hdr_v1 *hdr,
		   struct iovec *tail, unsigned n_tail, uint32_t len);

/* The fds of this process. */
unsigned front_count_fds(void);

/* How often was the eventfd signalled since? */
uint64_t front_count(int eventfd);

#endif
