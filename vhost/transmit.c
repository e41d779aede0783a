/*
 * transmit - takes frames from a queue on which the guest transmits.
 *
 * A burst goes through three passes, each of which prefetches for the next: the
 * heads, the first descriptors, the frames. What a decision will read (the
 * virtio-net header and the first bytes) is copied to private memory here, once;
 * the rest is only located.
 */
#include "vhost/chain.h"
#include "vhost/copy.h"
#include "vhost/split.h"

enum {
	TRANSMIT_BURST = 64,
};

/* Where the pieces of the frames go: the caller's pool. */
struct pool {
	struct iovec *pieces;
	unsigned n;
};

/*
 * Move @len bytes from the front of the pieces to private memory, and drop those
 * that are empty then.
 */
static void pull(struct iovec **pieces, unsigned *n, void *to, size_t len)
{
	uint8_t *at = to;

	while (len > 0) {
		struct iovec *piece = *pieces;
		size_t part = piece->iov_len < len ? piece->iov_len : len;

		copy_bytes(at, piece->iov_base, part);
		at += part;
		len -= part;
		piece->iov_base = (char *)piece->iov_base + part;
		piece->iov_len -= part;
		if (piece->iov_len == 0) {
			(*pieces)++;
			(*n)--;
		}
	}
}

static void frame_refuse(struct vhost_queue *queue, struct vhost_frame *frame,
			 enum chain_fault fault)
{
	chain_count(queue, fault);
	frame->hdr = (struct virtio_net_hdr_v1){0};
	frame->len = 0;
	frame->head_len = 0;
	frame->n_tail = 0;
	frame->tail = NULL;
	frame->malformed = true;
}

/* Header, head and tail of @frame from @n pieces with @bytes bytes in all. */
static void frame_fill(struct vhost_frame *frame, struct iovec *pieces, unsigned n, uint32_t bytes,
		       uint16_t head_max)
{
	frame->len = bytes - QUEUE_HEADER;
	frame->head_len = (uint16_t)(frame->len < head_max ? frame->len : head_max);
	frame->malformed = false;
	pull(&pieces, &n, &frame->hdr, QUEUE_HEADER);
	pull(&pieces, &n, frame->head, frame->head_len);
	guest_forget();
	frame->n_tail = (uint16_t)n;
	frame->tail = pieces;
}

/* The usual frame: one buffer, in one piece, at @host. */
static void frame_fill_single(struct vhost_frame *frame, uint8_t *host, uint32_t bytes,
			      uint16_t head_max, struct pool *pool)
{
	uint32_t len = bytes - QUEUE_HEADER;
	uint16_t head_len = (uint16_t)(len < head_max ? len : head_max);

	memcpy(&frame->hdr, host, QUEUE_HEADER);
	copy_bytes(frame->head, host + QUEUE_HEADER, head_len);
	guest_forget();
	frame->len = len;
	frame->head_len = head_len;
	frame->malformed = false;
	frame->n_tail = len > head_len;
	frame->tail = pool->pieces;
	if (len > head_len) {
		*pool->pieces++ =
			(struct iovec){host + QUEUE_HEADER + head_len, (size_t)(len - head_len)};
		pool->n--;
	}
}

/* A frame of more than one piece. The pool has room for the longest chain. */
static void frame_read(struct vhost_queue *queue, const struct ring *ring, struct desc first,
		       struct vhost_frame *frame, uint16_t head_max, struct pool *pool)
{
	struct chain chain;
	enum chain_fault fault = chain_read(ring, &queue->hint, first, 0, pool->pieces, &chain);

	if (!fault && (chain.bytes < QUEUE_HEADER || chain.bytes > QUEUE_HEADER + VHOST_FRAME_MAX))
		fault = CHAIN_MALFORMED;
	if (fault) {
		frame_refuse(queue, frame, fault);
		return;
	}
	frame_fill(frame, pool->pieces, chain.n, (uint32_t)chain.bytes, head_max);
	pool->pieces += chain.n;
	pool->n -= chain.n;
}

/* Load @n heads. Returns how many are good: a bad one breaks the queue. */
static unsigned heads_load(struct vhost_queue *queue, const struct ring *ring, unsigned n,
			   uint16_t *ret_heads)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t head = split_head(ring, (uint16_t)(queue->next_avail + i));

		if (head >= ring->size) {
			queue_break(queue, ring);
			return i;
		}
		__builtin_prefetch(&ring->desc[head]);
		ret_heads[i] = head;
	}
	return n;
}

unsigned vhost_queue_take(struct vhost_queue *queue, struct vhost_frame *frames, unsigned max,
			  uint16_t head_max, struct iovec *pool_pieces, unsigned n_pool)
{
	const struct ring *ring = queue_ring(queue);
	struct pool pool = {pool_pieces, n_pool};
	uint16_t heads[TRANSMIT_BURST];
	struct desc first[TRANSMIT_BURST];
	uint8_t *host[TRANSMIT_BURST];

	if (!ring || queue_is_broken(queue))
		return 0;
	unsigned n = split_waiting(queue, ring);
	if (n > max)
		n = max;
	if (n > TRANSMIT_BURST)
		n = TRANSMIT_BURST;
	n = heads_load(queue, ring, n, heads);

	for (unsigned i = 0; i < n; i++) {
		first[i] = desc_load(&ring->desc[heads[i]]);
		host[i] = desc_single(ring, &queue->hint, first[i], 0);
		if (host[i])
			__builtin_prefetch(host[i]);
	}

	unsigned taken;
	for (taken = 0; taken < n; taken++) {
		uint32_t bytes = first[taken].len;

		if (host[taken] && bytes >= QUEUE_HEADER &&
		    bytes <= QUEUE_HEADER + VHOST_FRAME_MAX && pool.n > 0)
			frame_fill_single(&frames[taken], host[taken], bytes, head_max, &pool);
		else if (pool.n >= VHOST_CHAIN_PIECES_MAX)
			frame_read(queue, ring, first[taken], &frames[taken], head_max, &pool);
		else
			break;
		split_use(ring, (uint16_t)(queue->next_used + taken), heads[taken], 0);
	}
	queue->burst =
		ring; /* that vhost_queue_give_back() goes with, whatever is published meanwhile */
	queue->next_avail = (uint16_t)(queue->next_avail + taken);
	queue->next_used = (uint16_t)(queue->next_used + taken);
	return taken;
}

void vhost_queue_give_back(struct vhost_queue *queue)
{
	const struct ring *ring = queue->burst;

	if (ring && split_publish(queue, ring))
		queue_call(ring);
	queue->burst = NULL;
}
