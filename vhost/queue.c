/*
 * queue - what both directions of a virtqueue share: life, faults, notifications.
 */
#include "vhost/queue.h"

#include <stdlib.h>
#include <unistd.h>

#include "vhost/event.h"
#include "vhost/layout.h"

struct vhost_queue *queue_create(unsigned index, enum vhost_copy copy)
{
	struct vhost_queue *queue = aligned_alloc(QUEUE_LINE, sizeof(*queue));

	if (!queue)
		return NULL;
	*queue = (struct vhost_queue){
		.kick_fd = -1,
		.index = index,
		.ask = {.kick_fd = -1, .call_fd = -1, .err_fd = -1},
	};
	copier_create(&queue->copier, copy);
	return queue;
}

void queue_destroy(struct vhost_queue *queue)
{
	if (!queue)
		return;
	const int fds[] = {queue->ask.kick_fd, queue->ask.call_fd, queue->ask.err_fd};
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(queue);
}

/* Where a split ring stands: at its used index, if that can be. */
static uint16_t split_resume(const struct ring *ring, uint16_t base)
{
	uint16_t used = guest_load16(&ring->used->idx);

	return split_is_possible(ring, guest_load16_acquire(&ring->avail->idx), used) ? used : base;
}

bool queue_resume(struct vhost_queue *queue, const struct ring *ring)
{
	uint16_t at = ring->packed ? packed_resume(ring, queue->ask.base)
				   : split_resume(ring, queue->ask.base);

	queue->next_avail = at;
	queue->next_used = at;
	queue->published = at;
	queue->avail_seen = at;
	queue->hint = 0;
	queue->called = false;
	queue->dirty.n = 0;
	atomic_store_explicit(&queue->broken, false, memory_order_relaxed);
	if (ring->packed)
		return true;
	if (split_waiting(queue, ring) == 0 && queue_is_broken(queue))
		return false;
	if (guest_load16(&ring->used->idx) != at)
		split_show(queue, ring);
	return true;
}

void queue_break(struct vhost_queue *queue, const struct ring *ring)
{
	queue_count(&queue->bad_index);
	atomic_store_explicit(&queue->broken, true, memory_order_relaxed);
	if (ring->err_fd >= 0)
		event_signal(ring->err_fd);
}

void queue_call(const struct ring *ring)
{
	event_signal(ring->call_fd);
}

void queue_mark_dirty(struct vhost_queue *queue, const struct ring *ring, const void *host,
		      uint64_t len)
{
	dirty_mark(ring->log, &queue->dirty, memory_gpa(ring->memory, host), len);
}

struct vhost_queue_stats vhost_queue_stats(const struct vhost_queue *queue)
{
	return (struct vhost_queue_stats){
		.bad_index = atomic_load_explicit(&queue->bad_index, memory_order_relaxed),
		.bad_chain = atomic_load_explicit(&queue->bad_chain, memory_order_relaxed),
		.bad_address = atomic_load_explicit(&queue->bad_address, memory_order_relaxed),
		.calls = atomic_load_explicit(&queue->calls, memory_order_relaxed),
		.copy = copier_name(&queue->copier),
	};
}

int vhost_queue_kick_fd(const struct vhost_queue *queue)
{
	return atomic_load_explicit(&queue->kick_fd, memory_order_acquire);
}

uint64_t vhost_queue_features(const struct vhost_queue *queue)
{
	const struct ring *ring = queue_ring(queue);

	return ring ? ring->features : 0;
}

bool vhost_queue_is_broken(const struct vhost_queue *queue)
{
	return queue_is_broken(queue);
}

bool vhost_queue_arm(struct vhost_queue *queue)
{
	const struct ring *ring = queue_ring(queue);

	if (!ring || queue_is_broken(queue))
		return false;
	return ring->packed ? packed_arm(queue, ring) : split_arm(queue, ring);
}

void vhost_queue_disarm(struct vhost_queue *queue)
{
	const struct ring *ring = queue_ring(queue);

	if (!ring || queue_is_broken(queue))
		return;
	if (ring->packed)
		packed_disarm(queue, ring);
	else
		split_disarm(queue, ring);
}

bool vhost_queue_pending(const struct vhost_queue *queue)
{
	const struct ring *ring = queue_ring(queue);

	if (!ring || queue_is_broken(queue))
		return false;
	return ring->packed ? packed_pending(queue, ring) : split_pending(queue, ring);
}
