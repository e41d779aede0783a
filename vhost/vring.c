/*
 * vring - makes rings run as they were asked to.
 *
 * Messages may come in any order (reference 1.6), so none of them starts a ring:
 * each leaves what it asks for in the queue's `ask`, and vring_update() compares
 * that with what runs. A ring runs while all of this holds:
 *
 *	started    a kick fd (or the word that there is none) came, and no GET_VRING_BASE since
 *	enabled    SET_VRING_ENABLE, or no protocol features
 *	described  it has a size and addresses, and lies in the guest's memory
 *	modern     VERSION_1 was accepted
 *
 *	   ask says no                          ask says yes
 *	  ┌──────────── stopped ──────────────────────────────┐
 *	  │              ▲  release                           ▼ resume, publish, queue_started()
 *	  │           quiesce                              running ──┐ other memory, log, fds:
 *	  │              ▲  queue_stopping()                  │  ▲   │ publish, quiesce, release
 *	  └──────────────┴────────────────────────────────────┘  └───┘
 *
 * Removal is always: unlink (the published pointer, the worker's list), wait
 * (quiesce), release; one wait for all queues of a device.
 */
#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vhost/device.h"
#include "vhost/copy.h"
#include "vhost/layout.h"

struct vhost_queue *vring_get(struct vhost_device *device, uint64_t index)
{
	if (index >= 4 * (uint64_t)device->options.queue_pairs) {
		device_fail(device, -EINVAL, "ring %llu: there is none", (unsigned long long)index);
		return NULL;
	}
	struct vhost_queue **queue = &device->queues[index];
	if (!*queue)
		*queue = queue_create((unsigned)index, device->options.copy);
	if (!*queue)
		device_fail(device, -ENOMEM, "ring %llu: no memory", (unsigned long long)index);
	return *queue;
}

static bool is_aligned(const void *address, uintptr_t to)
{
	return (uintptr_t)address % to == 0;
}

/*
 * Find the three parts of a ring. Alignments as virtio 1.3, 2.7 and 2.8.10.1 have
 * them, here too: a region may begin at an odd address.
 */
static bool split_locate(struct ring *ring, const struct memory *memory,
			 const struct proto_vring_addr *addr, uint64_t *ret_used_gpa)
{
	uint64_t avail_gpa;

	ring->avail = memory_translate_user(memory, addr->avail, split_avail_bytes(ring->size),
					    &avail_gpa);
	ring->used = memory_translate_user(memory, addr->used, split_used_bytes(ring->size),
					   ret_used_gpa);
	return ring->avail && ring->used && is_aligned(ring->avail, 2) && is_aligned(ring->used, 4);
}

static bool packed_locate(struct ring *ring, const struct memory *memory,
			  const struct proto_vring_addr *addr, uint64_t *ret_used_gpa)
{
	uint64_t driver_gpa;

	ring->slots = (struct guest_slot *)(uintptr_t)ring->desc;
	ring->driver_event = memory_translate_user(memory, addr->avail, sizeof(*ring->driver_event),
						   &driver_gpa);
	ring->device_event = memory_translate_user(memory, addr->used, sizeof(*ring->device_event),
						   ret_used_gpa);
	return ring->driver_event && ring->device_event && is_aligned(ring->driver_event, 4) &&
	       is_aligned(ring->device_event, 4);
}

static bool ring_locate(struct ring *ring, const struct memory *memory,
			const struct proto_vring_addr *addr)
{
	uint64_t used_gpa;

	ring->desc = memory_translate_user(memory, addr->desc,
					   sizeof(struct guest_desc) * (uint64_t)ring->size,
					   &ring->log_desc);
	if (!ring->desc || !is_aligned(ring->desc, 16) ||
	    !(ring->packed ? packed_locate : split_locate)(ring, memory, addr, &used_gpa))
		return false;
	/* The front-end's word, because the log may be of another address space than the table. */
	ring->log_used = addr->flags & PROTO_VRING_LOG ? addr->log : used_gpa;
	return true;
}

static bool is_packed(const struct vhost_device *device)
{
	return device->features & DEVICE_BIT(VIRTIO_F_RING_PACKED);
}

bool vring_is_size(const struct vhost_device *device, uint32_t size)
{
	return size > 0 && size <= QUEUE_SIZE_MAX &&
	       (is_packed(device) || (size & (size - 1)) == 0);
}

bool vring_fits(const struct vhost_device *device, const struct proto_vring_addr *addr,
		uint16_t size)
{
	struct ring ring = {.size = size, .packed = is_packed(device)};

	return ring_locate(&ring, device->memory, addr);
}

static bool is_enabled(const struct vhost_device *device, const struct queue_ask *ask)
{
	if (ask->enable == QUEUE_ENABLE_UNSET)
		return !(device->features & DEVICE_BIT(PROTO_F_PROTOCOL_FEATURES));
	return ask->enable == QUEUE_ENABLED;
}

/* The ring as it is asked for, or NULL if it shall not or cannot run. */
static struct ring *ring_create(struct vhost_device *device, const struct vhost_queue *queue)
{
	const struct queue_ask *ask = &queue->ask;

	if (!ask->started || !is_enabled(device, ask) || !ask->size || !ask->has_addr ||
	    !device->features || atomic_load(&device->dead))
		return NULL;
	if (!vring_is_size(device, ask->size)) {
		device_fail(device, -EINVAL, "ring %u: %u is not a size of a split ring",
			    queue->index, ask->size);
		return NULL;
	}
	if (!(device->features & DEVICE_BIT(VIRTIO_F_VERSION_1))) {
		device_fail(device, -EINVAL, "ring %u: the guest's driver is a legacy one",
			    queue->index);
		return NULL;
	}
	struct ring *ring = calloc(1, sizeof(*ring));
	if (!ring) {
		device_fail(device, -ENOMEM, "ring %u: no memory", queue->index);
		return NULL;
	}
	ring->size = ask->size;
	ring->packed = is_packed(device);
	if (!device->memory || !ring_locate(ring, device->memory, &ask->addr)) {
		device_fail(device, -EFAULT,
			    "ring %u: not in the memory that the front-end shares (share=on?)",
			    queue->index);
		free(ring);
		return NULL;
	}
	ring->memory = device->memory;
	ring->log = device->features & DEVICE_BIT(VHOST_F_LOG_ALL) ? device->log : NULL;
	ring->features = device->features;
	ring->in_order = device->features & DEVICE_BIT(VIRTIO_F_IN_ORDER);
	ring->event_idx = device->features & DEVICE_BIT(VIRTIO_RING_F_EVENT_IDX);
	ring->indirect = device->features & DEVICE_BIT(VIRTIO_RING_F_INDIRECT_DESC);
	ring->wide = copy_is_wide();
	ring->mergeable = device->features & DEVICE_BIT(VIRTIO_NET_F_MRG_RXBUF);
	ring->call_fd = ask->call_fd;
	ring->err_fd = ask->err_fd;
	return ring;
}

/* Release: a worker that finds the ring finds it complete. */
static void ring_publish(struct vhost_queue *queue, struct ring *ring)
{
	atomic_store_explicit(&queue->ring, ring, memory_order_release);
}

/* A call that nothing caused: the guest may have missed one on the eventfd before this. */
static void call_once(const struct ring *ring)
{
	if (ring->call_fd >= 0)
		event_signal(ring->call_fd);
}

static void ring_start(struct vhost_device *device, struct vhost_queue *queue, struct ring *ring)
{
	device->error[0] = '\0';
	if (!queue->ask.resumed && !queue_resume(queue, ring))
		device_fail(device, -EINVAL, "ring %u: its indices are further apart than its size",
			    queue->index);
	queue->ask.resumed = true;
	atomic_store_explicit(&queue->kick_fd, queue->ask.kick_fd, memory_order_release);
	ring_publish(queue, ring);
	device->n_running++;
	call_once(ring);
	device->ops.queue_started(device->user, queue->index, queue);
}

/* What becomes of one queue in an update. */
struct turn {
	struct ring *from;
	struct ring *to;
};

/* Let no worker begin with what is to go. True if some may still be using it. */
static bool turn_unlink(struct vhost_device *device, struct vhost_queue *queue, struct turn *turn)
{
	bool wait = false;

	if (!turn->from)
		return false;
	if (!turn->to) {
		device->ops.queue_stopping(device->user, queue->index, queue);
		return true;
	}
	if (memcmp(turn->from, turn->to, sizeof(*turn->to)) == 0) {
		free(turn->to);
		turn->to = turn->from;
	} else {
		ring_publish(queue, turn->to);
		wait = true;
	}
	if (queue->ask.kick_fd != vhost_queue_kick_fd(queue)) {
		atomic_store_explicit(&queue->kick_fd, queue->ask.kick_fd, memory_order_release);
		device->ops.kick_changed(device->user, queue->index, queue);
		wait = true;
	}
	return wait;
}

/* Release what went, start what came. */
static void turn_finish(struct vhost_device *device, struct vhost_queue *queue,
			const struct turn *turn)
{
	if (!turn->from && turn->to)
		ring_start(device, queue, turn->to);
	if (!turn->from || turn->from == turn->to)
		return;
	if (!turn->to) {
		ring_publish(queue, NULL);
		device->n_running--;
	} else if (turn->to->call_fd != turn->from->call_fd) {
		call_once(turn->to);
	}
	free(turn->from);
}

void vring_update(struct vhost_device *device)
{
	struct turn turns[DEVICE_QUEUES_MAX];
	bool wait = false;

	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++) {
		struct vhost_queue *queue = device->queues[i];

		if (!queue)
			continue;
		turns[i].from = atomic_load_explicit(&queue->ring, memory_order_relaxed);
		turns[i].to = ring_create(device, queue);
		wait |= turn_unlink(device, queue, &turns[i]);
	}
	if (wait)
		device->ops.quiesce(device->user);
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		if (device->queues[i])
			turn_finish(device, device->queues[i], &turns[i]);
}

void vring_forget(struct vhost_device *device)
{
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		if (device->queues[i])
			device->queues[i]->ask.resumed = false;
}

static void close_fd(int *slot)
{
	if (*slot >= 0)
		close(*slot);
	*slot = -1;
}

void vring_set_fd(struct vhost_device *device, int *slot, int fd)
{
	int old = *slot;

	*slot = fd;
	vring_update(device);
	close_fd(&old);
}

static void stop_finish(struct vhost_queue *queue)
{
	close_fd(&queue->ask.kick_fd);
	close_fd(&queue->ask.call_fd);
	if (queue->ask.resumed)
		queue->ask.base = queue->next_avail;
	queue->ask.resumed = false;
}

void vring_stop(struct vhost_device *device, struct vhost_queue *queue)
{
	queue->ask.started = false;
	vring_update(device);
	stop_finish(queue);
}

void vring_stop_all(struct vhost_device *device)
{
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		if (device->queues[i])
			device->queues[i]->ask.started = false;
	vring_update(device);
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		if (device->queues[i])
			stop_finish(device->queues[i]);
}
