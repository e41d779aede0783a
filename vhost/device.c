/*
 * device - one vhost-user session: its life, and the serving of its socket.
 */
#include "vhost/device.h"

#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vhost/closer.h"

enum {
	DEVICE_MESSAGES = 16, /* handled before another session has its turn */
};

uint64_t vhost_features_offered(void)
{
	/*
	 * What lets a guest leave work to us, and us to it, comes whole: the ECN bits
	 * too, since a feature once negotiated has to be there after any restart.
	 * CTRL_VQ, CTRL_RX and GUEST_ANNOUNCE are the front-end's to serve; it needs
	 * our word that they may be.
	 */
	return DEVICE_BIT(VIRTIO_NET_F_CSUM) | DEVICE_BIT(VIRTIO_NET_F_HOST_TSO4) |
	       DEVICE_BIT(VIRTIO_NET_F_HOST_TSO6) | DEVICE_BIT(VIRTIO_NET_F_HOST_ECN) |
	       DEVICE_BIT(VIRTIO_NET_F_GUEST_CSUM) | DEVICE_BIT(VIRTIO_NET_F_GUEST_TSO4) |
	       DEVICE_BIT(VIRTIO_NET_F_GUEST_TSO6) | DEVICE_BIT(VIRTIO_NET_F_GUEST_ECN) |
	       DEVICE_BIT(VIRTIO_NET_F_MRG_RXBUF) | DEVICE_BIT(VIRTIO_NET_F_MTU) |
	       DEVICE_BIT(VIRTIO_NET_F_MQ) | DEVICE_BIT(VIRTIO_NET_F_CTRL_VQ) |
	       DEVICE_BIT(VIRTIO_NET_F_CTRL_RX) | DEVICE_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |
	       DEVICE_BIT(VHOST_F_LOG_ALL) | DEVICE_BIT(VIRTIO_F_ANY_LAYOUT) |
	       DEVICE_BIT(VIRTIO_RING_F_INDIRECT_DESC) | DEVICE_BIT(VIRTIO_RING_F_EVENT_IDX) |
	       DEVICE_BIT(PROTO_F_PROTOCOL_FEATURES) | DEVICE_BIT(VIRTIO_F_VERSION_1) |
	       DEVICE_BIT(VIRTIO_F_RING_PACKED) | DEVICE_BIT(VIRTIO_F_IN_ORDER);
}

int device_fail(struct vhost_device *device, int err, const char *format, ...)
{
	va_list args;
	int n = 0;

	if (device->request)
		n = snprintf(device->error, sizeof(device->error), "%s: ", device->request);
	va_start(args, format);
	vsnprintf(device->error + n, sizeof(device->error) - (size_t)n, format, args);
	va_end(args);
	return err;
}

/* Files of front-ends that nobody counts. */
static atomic_uint unasked;

int vhost_prepare(void)
{
	int err = closer_prepare();

	return err < 0 ? err : event_prepare();
}

int vhost_device_create(const struct vhost_options *options, const struct vhost_ops *ops,
			void *user, int fd, struct vhost_device **ret_device)
{
	int err = -EINVAL;
	struct vhost_device *device;

	if (options->queue_pairs == 0 || options->queue_pairs > VHOST_QUEUE_PAIRS_MAX)
		goto close_fd;
	err = -ENOMEM;
	device = calloc(1, sizeof(*device));
	if (!device)
		goto close_fd;
	err = vhost_prepare();
	if (err < 0)
		goto free_device;
	device->ops = *ops;
	device->user = user;
	device->options = *options;
	device->backend_fd = -1;
	message_init(&device->stream, fd, options->unclosed ? options->unclosed : &unasked);
	*ret_device = device;
	return 0;

free_device:
	free(device);
close_fd:
	close(fd);
	return err;
}

void vhost_device_destroy(struct vhost_device *device)
{
	if (!device)
		return;
	vring_stop_all(device);
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		queue_destroy(device->queues[i]);
	dirty_log_destroy(device->log);
	memory_destroy(device->memory);
	if (device->backend_fd >= 0)
		close(device->backend_fd);
	message_fini(&device->stream);
	free(device);
}

int vhost_device_fd(const struct vhost_device *device)
{
	return device->stream.fd;
}

bool vhost_device_wants_write(const struct vhost_device *device)
{
	return device->stream.unsent > 0;
}

/* The next message, handled. 1: it was; 0: there is none, or the last reply is not gone yet. */
static int device_step(struct vhost_device *device)
{
	const char *why = NULL;
	int err = message_flush(&device->stream);

	if (err < 0 || device->stream.unsent > 0)
		return err;
	err = message_receive(&device->stream, &why);
	if (why)
		device_fail(device, err, "message %u: %s", device->stream.in.header.request, why);
	device->refused += why != NULL;
	if (err <= 0)
		return err;
	err = request_serve(device);
	message_next(&device->stream);
	return err < 0 ? err : 1;
}

int vhost_device_serve(struct vhost_device *device)
{
	for (int i = 0; i < DEVICE_MESSAGES; i++) {
		int err = vhost_device_is_dead(device) ? -EFAULT : device_step(device);

		if (err == -EFAULT && vhost_device_is_dead(device))
			return device_fail(device, err, "the guest's memory was truncated");
		if (err <= 0)
			return err;
	}
	return 0;
}

void vhost_device_stop(struct vhost_device *device)
{
	vring_stop_all(device);
}

void vhost_device_faults(const struct vhost_device *device, uint64_t ret_counts[VHOST_FAULTS])
{
	memset(ret_counts, 0, VHOST_FAULTS * sizeof(ret_counts[0]));
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++) {
		if (!device->queues[i])
			continue;
		struct vhost_queue_stats stats = vhost_queue_stats(device->queues[i]);

		ret_counts[VHOST_BAD_INDEX] += stats.bad_index;
		ret_counts[VHOST_BAD_CHAIN] += stats.bad_chain;
		ret_counts[VHOST_BAD_ADDRESS] += stats.bad_address;
	}
	ret_counts[VHOST_BAD_MESSAGE] = device->refused;
	ret_counts[VHOST_LOST_MEMORY] = vhost_device_is_dead(device);
}

const char *vhost_device_error(const struct vhost_device *device)
{
	return device->error;
}

uint64_t vhost_device_features(const struct vhost_device *device)
{
	return device->features;
}

unsigned vhost_device_running(const struct vhost_device *device)
{
	return device->n_running;
}

bool vhost_device_is_dead(const struct vhost_device *device)
{
	return atomic_load(&device->dead);
}
