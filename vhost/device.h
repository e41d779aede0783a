/*
 * device - a session, as the files that make it up see it.
 *
 * device.c owns its life and serves its socket, request.c knows what each message
 * means, vring.c makes the rings run as they were asked to. All of it runs on the
 * control thread.
 */
#ifndef VHOST_DEVICE_H
#define VHOST_DEVICE_H

#include <stdatomic.h>
#include <stdint.h>

#include "vhost/dirty.h"
#include "vhost/event.h"
#include "vhost/memory.h"
#include "vhost/message.h"
#include "vhost/queue.h"
#include "vhost/vhost.h"

enum {
	/*
	 * GET_QUEUE_NUM is understood as pairs by some front-ends (QEMU) and as
	 * rings by others (Cloud Hypervisor): the answer is the number of rings, and
	 * whoever takes it for pairs may really have that many.
	 */
	DEVICE_QUEUES_MAX = 4 * VHOST_QUEUE_PAIRS_MAX,
};

#define DEVICE_BIT(n) (UINT64_C(1) << (n))

struct vhost_device {
	struct vhost_ops ops;
	void *user;
	struct vhost_options options;
	struct message_stream stream;

	uint64_t features;
	uint64_t protocol_features;
	uint8_t status;
	int backend_fd;	       /* SET_BACKEND_REQ_FD; kept, for closing it would tell something */
	struct memory *memory; /* NULL until there is some */
	struct dirty_log *log; /* NULL until there is one */
	struct vhost_queue *queues[DEVICE_QUEUES_MAX]; /* NULL until they are named */
	unsigned n_running;

	atomic_bool dead;    /* memory was truncated: set by vhost_memory_fault() */
	uint64_t refused;    /* messages */
	const char *request; /* the name of the message that is being handled, or NULL */
	char error[VHOST_ERROR_MAX];
};

/* Keep a sentence for vhost_device_error(). Returns @err. */
int device_fail(struct vhost_device *device, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- request.c ---- */

/*
 * Handle the message that came, and reply if it is due. 0, or why the
 * session ends.
 */
int request_serve(struct vhost_device *device) __attribute__((warn_unused_result));

/* ---- vring.c ---- */

/* The queue @index, which may be new; NULL with a sentence if there can be none. */
struct vhost_queue *vring_get(struct vhost_device *device, uint64_t index);

/* Can a ring of the layout that was negotiated have @size entries? */
bool vring_is_size(const struct vhost_device *device, uint32_t size);

/* Would the ring of @addr, with @size entries, lie in the memory that there is? */
bool vring_fits(const struct vhost_device *device, const struct proto_vring_addr *addr,
		uint16_t size);

/*
 * Make each ring run, or not, as asked and possible. When this returns, no worker
 * uses a ring, memory or log that the device does not have any more.
 */
void vring_update(struct vhost_device *device);

/*
 * Replace one of a queue's eventfds (&queue->ask.kick_fd ...), which becomes the
 * device's; the old one is closed when nobody uses it any more.
 */
void vring_set_fd(struct vhost_device *device, int *slot, int fd);

/* Where rings that rest stood means nothing any more: they say it themselves when they start. */
void vring_forget(struct vhost_device *device);

/* Stop a ring, or all: nobody touches it any more, its kick and call fds are closed. */
void vring_stop(struct vhost_device *device, struct vhost_queue *queue);
void vring_stop_all(struct vhost_device *device);

#endif
