/*
 * command_wire - `sluice-bench wire A.sock B.sock`: the bare wire.
 *
 * What no switch can be faster than: each frame is copied once, from the buffer
 * where one guest has it to a buffer of the other, and nothing is read or decided.
 * It has the session, the checks of addresses and the rings of vhost/, so that the
 * distance to a switch built on these is what deciding costs. A frame for which
 * there is no buffer waits: a wire loses nothing.
 *
 * One thread does all: it polls the rings, and now and then looks at the sockets.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/options.h"
#include "vhost/copy.h"
#include "vhost/layout.h"

enum { BURST = 64, SOCKET_PASSES = 1 << 14 };

struct end {
	const char *path;
	int listener;
	struct vhost_device *device;
	struct vhost_queue *receive; /* of the guest; NULL: does not run */
	struct vhost_queue *transmit;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = 1;
}

static struct vhost_queue **place_of(struct end *end, unsigned index)
{
	return index == 0 ? &end->receive : index == 1 ? &end->transmit : NULL;
}

static void queue_started(void *user, unsigned index, struct vhost_queue *queue)
{
	struct vhost_queue **place = place_of(user, index);

	if (place)
		*place = queue;
	if (index == 1)
		vhost_queue_disarm(queue);
}

static void queue_stopping(void *user, unsigned index, struct vhost_queue *queue)
{
	struct vhost_queue **place = place_of(user, index);

	if (place)
		*place = NULL;
}

static void ignore_kick(void *user, unsigned index, struct vhost_queue *queue)
{
}

/* The thread that calls this is the only one: it is between two bursts. */
static void quiesce(void *user)
{
}

static void ignore_announcement(void *user, uint64_t mac)
{
}

static const struct vhost_ops ops = {queue_started, queue_stopping, ignore_kick, quiesce,
				     ignore_announcement};

static void publish(struct vhost_queue *queue, const struct ring *ring)
{
	if (layout_publish(queue, ring))
		queue_call(ring);
}

/* Copy a frame: how many bytes. What does not fit is lost. */
static inline uint32_t copy(const struct head *from, const struct head *to)
{
	const uint16_t one = htole16(1);
	uint32_t len = head_len(from);

	if (!from->host || !to->host || len < QUEUE_HEADER || head_len(to) < len)
		return 0;
	copy_bytes(to->host, from->host, len);
	memcpy(to->host + offsetof(struct virtio_net_hdr_v1, num_buffers), &one, sizeof(one));
	return len;
}

/* Both rings are laid out as @packed says. */
LAYOUT_INLINE void carry(struct vhost_queue *from, const struct ring *in, struct vhost_queue *to,
			 const struct ring *out, bool packed)
{
	struct head frames[BURST], buffers[BURST];
	struct used_run taken, filled;
	unsigned n = layout_heads(from, in, BURST, HEAD_READ, frames, packed);

	if (n > 0)
		n = layout_heads(to, out, n, HEAD_WRITE, buffers, packed);
	if (n == 0)
		return;
	taken = used_begin(from, in, packed);
	filled = used_begin(to, out, packed);
	for (unsigned i = 0; i < n; i++) {
		used_add(&filled, buffers[i].id, copy(&frames[i], &buffers[i]), 1, packed);
		used_add(&taken, frames[i].id, 0, 1, packed);
	}
	from->next_avail = layout_step(in, from->next_avail, n, packed);
	to->next_avail = layout_step(out, to->next_avail, n, packed);
	used_end(to, &filled, packed);
	used_end(from, &taken, packed);
	publish(to, out);
	publish(from, in);
}

/* Nothing passes between rings of two layouts: the guests of a run have the same. */
static void carry_any(struct vhost_queue *from, struct vhost_queue *to)
{
	const struct ring *in = from ? queue_ring(from) : NULL, *out = to ? queue_ring(to) : NULL;

	if (!in || !out || in->packed != out->packed)
		return;
	if (in->packed)
		carry(from, in, to, out, true);
	else
		carry(from, in, to, out, false);
}

/* A guest that came, said something, or went. */
static void serve(struct end *end)
{
	const struct vhost_options options = {.queue_pairs = 1, .mtu_max = 65535};
	int fd;

	if (end->device) {
		if (vhost_device_serve(end->device) == 0)
			return;
		vhost_device_destroy(end->device);
		end->device = NULL;
		return;
	}
	fd = accept4(end->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && vhost_device_create(&options, &ops, end, fd, &end->device))
		fprintf(stderr, "sluice-bench: %s: no memory for a session\n", end->path);
}

static void serve_all(struct end ends[2])
{
	struct pollfd fds[2];

	for (unsigned i = 0; i < 2; i++)
		fds[i] = (struct pollfd){.fd = ends[i].device ? vhost_device_fd(ends[i].device)
							      : ends[i].listener,
					 .events = POLLIN};
	if (poll(fds, 2, 0) <= 0)
		return;
	for (unsigned i = 0; i < 2; i++)
		if (fds[i].revents)
			serve(&ends[i]);
}

int command_wire(struct options *options, char *const *paths)
{
	struct end ends[2] = {{.listener = -1}, {.listener = -1}};
	int status = COMMAND_OK;

	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	for (unsigned i = 0; i < 2; i++) {
		ends[i].path = paths[i];
		ends[i].listener = guest_listen(ends[i].path);
		if (ends[i].listener < 0) {
			fprintf(stderr, "sluice-bench: %s: %s\n", ends[i].path,
				strerror(-ends[i].listener));
			status = COMMAND_FAILED;
		}
	}
	for (unsigned pass = 0; !stopped && status == COMMAND_OK; pass++) {
		if (pass % SOCKET_PASSES == 0)
			serve_all(ends);
		carry_any(ends[0].transmit, ends[1].receive);
		carry_any(ends[1].transmit, ends[0].receive);
	}
	for (unsigned i = 0; i < 2; i++) {
		vhost_device_destroy(ends[i].device);
		if (ends[i].listener >= 0) {
			close(ends[i].listener);
			unlink(ends[i].path);
		}
	}
	return status;
}
