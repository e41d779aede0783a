/*
 * frontend - the guest's life and its frames: see frontend.h.
 */
#include "tests/lib/frontend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/guest_packed.h"

enum { PIECES_MAX = GUEST_RING_INDIRECT_MAX };

static void fill_in_defaults(struct frontend_options *options)
{
	const uint64_t known = VU_BIT(VU_PROTOCOL_MQ) | VU_BIT(VU_PROTOCOL_LOG_SHMFD) |
			       VU_BIT(VU_PROTOCOL_RARP) | VU_BIT(VU_PROTOCOL_REPLY_ACK) |
			       VU_BIT(VU_PROTOCOL_MTU) | VU_BIT(VU_PROTOCOL_BACKEND_REQ) |
			       VU_BIT(VU_PROTOCOL_INFLIGHT_SHMFD) |
			       VU_BIT(VU_PROTOCOL_RESET_DEVICE) | VU_BIT(VU_PROTOCOL_STATUS) |
			       VU_BIT(VU_PROTOCOL_CONFIGURE_MEM_SLOTS);

	options->features |= VU_BIT(VIRTIO_F_VERSION_1) | VU_BIT(VU_F_PROTOCOL_FEATURES);
	if (!options->protocol)
		options->protocol = known;
	if (!options->pairs)
		options->pairs = 1;
	if (!options->ring_size)
		options->ring_size = 256;
	if (!options->rx_buffer)
		options->rx_buffer = 2048;
	if (!options->tx_buffer)
		options->tx_buffer = 2048;
	if (!options->memory_size)
		options->memory_size = 16 << 20;
}

static uint32_t first_base(const struct frontend *fe)
{
	return fe->options.features >> VIRTIO_F_RING_PACKED & 1 ? GUEST_PACKED_BASE : 0;
}

void frontend_create(struct frontend *fe, const struct frontend_options *options)
{
	*fe = (struct frontend){
		.options = *options, .socket = -1, .backend_req = -1, .inflight = -1};
	fill_in_defaults(&fe->options);
	check(fe->options.pairs <= FRONTEND_PAIRS_MAX, "%u queue pairs", fe->options.pairs);
	fe->memory = fe->options.memory;
	if (!fe->memory) {
		fe->memory = &fe->own_memory;
		guest_memory_create(fe->memory, fe->options.layout, fe->options.memory_size);
	}
	fe->n_queues = 2 * fe->options.pairs;
	for (unsigned i = 0; i < fe->n_queues; i++) {
		struct frontend_queue *queue = &fe->queues[i];

		guest_ring_create(&queue->ring, fe->memory, fe->options.ring_size,
				  fe->options.features, fe->options.indirect);
		queue->buffer = i % 2 ? fe->options.tx_buffer : fe->options.rx_buffer;
		queue->slots = calloc(fe->options.ring_size, sizeof(*queue->slots));
		check(queue->slots, "out of memory");
		fe->bases[i] = first_base(fe);
		for (unsigned head = 0; head < fe->options.ring_size; head++)
			queue->slots[head] = guest_memory_take(fe->memory, queue->buffer, 64);
	}
}

static void close_connection(struct frontend *fe)
{
	if (fe->socket >= 0)
		close(fe->socket);
	if (fe->backend_req >= 0)
		close(fe->backend_req);
	fe->socket = fe->backend_req = -1;
}

void frontend_destroy(struct frontend *fe)
{
	close_connection(fe);
	if (fe->inflight >= 0)
		close(fe->inflight);
	for (unsigned i = 0; i < fe->n_queues; i++) {
		guest_ring_destroy(&fe->queues[i].ring);
		free(fe->queues[i].slots);
	}
	if (fe->memory == &fe->own_memory)
		guest_memory_destroy(fe->memory);
	fe->n_queues = 0;
}

int frontend_dial(struct frontend *fe)
{
	const struct timeval limit = {.tv_sec = CLOCK_PATIENCE_MS / 1000};
	int sockets[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair: %s",
	      strerror(errno));
	check(setsockopt(sockets[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0,
	      "SO_SNDTIMEO: %s", strerror(errno));
	close_connection(fe);
	fe->socket = sockets[0];
	fe->protocol = 0;
	fe->has_slots = false;
	return sockets[1];
}

void frontend_reset(struct frontend *fe)
{
	for (unsigned i = 0; i < fe->n_queues; i++) {
		guest_ring_reset(&fe->queues[i].ring);
		fe->bases[i] = first_base(fe);
	}
}

void frontend_bring_up(struct frontend *fe)
{
	int error = frontend_handshake(fe);

	check(error == 0, "handshake in the manner of %s: %s",
	      frontend_manner_name(fe->options.manner), strerror(-error));
	error = frontend_start(fe);
	check(error == 0, "start in the manner of %s: %s", frontend_manner_name(fe->options.manner),
	      strerror(-error));
	for (unsigned pair = 0; pair < fe->options.pairs; pair++)
		frontend_fill(fe, pair);
}

void frontend_hang_up(struct frontend *fe)
{
	close_connection(fe);
}

void frontend_resume(struct frontend *fe)
{
	/*
	 * QEMU does the same when nobody is left to ask: what was used, was done; of a
	 * packed ring it knows only where that began.
	 */
	for (unsigned i = 0; i < fe->n_queues; i++)
		fe->bases[i] = fe->queues[i].ring.packed ? GUEST_PACKED_BASE
							 : guest_ring_base(&fe->queues[i].ring);
}

/* Cut @len bytes at @gpa, header first, into pieces. */
static unsigned cut(enum frontend_shape shape, uint64_t gpa, uint32_t len, bool writable,
		    struct guest_piece *ret_pieces)
{
	static const uint32_t header[] = {1, 4, 7};
	unsigned n = 0;
	uint32_t at = 0;

	if (shape == SHAPE_SPLIT && len > FRONTEND_HEADER) {
		ret_pieces[n++] = (struct guest_piece){gpa, FRONTEND_HEADER, writable};
		at = FRONTEND_HEADER;
	} else if (shape == SHAPE_SCATTERED && len > FRONTEND_HEADER) {
		for (; n < 3; at += header[n++])
			ret_pieces[n] = (struct guest_piece){gpa + at, header[n], writable};
		for (uint32_t size = 1; n < PIECES_MAX - 1 && at + size < len; at += size++)
			ret_pieces[n++] = (struct guest_piece){gpa + at, size, writable};
	}
	ret_pieces[n++] = (struct guest_piece){gpa + at, len - at, writable};
	return n;
}

void frontend_fill(struct frontend *fe, unsigned pair)
{
	struct frontend_queue *queue = &fe->queues[2 * pair];
	struct guest_piece pieces[PIECES_MAX];
	unsigned n;

	while (queue->ring.n_free > 0) {
		n = cut(fe->options.rx_shape, queue->slots[queue->ring.free_head], queue->buffer,
			true, pieces);
		if (guest_ring_add(&queue->ring, pieces, n) < 0)
			break;
	}
	guest_ring_publish(&queue->ring);
}

static void reclaim(struct guest_ring *ring)
{
	uint32_t len;

	/* virtio 1.3, 5.1.6.2: a transmit buffer has nothing to write to; guest_ring checks that. */
	while (guest_ring_take(ring, &len) >= 0)
		;
}

bool frontend_queue(struct frontend *fe, unsigned pair, const struct virtio_net_hdr_v1 *hdr,
		    const void *frame, uint32_t len)
{
	static const struct virtio_net_hdr_v1 plain;
	struct frontend_queue *queue = &fe->queues[2 * pair + 1];
	struct guest_piece pieces[PIECES_MAX];
	uint64_t slot;
	unsigned n;

	check(len + FRONTEND_HEADER <= queue->buffer, "a frame of %u bytes: tx_buffer is too small",
	      len);
	reclaim(&queue->ring);
	if (queue->ring.n_free == 0)
		return false;
	slot = queue->slots[queue->ring.free_head];
	guest_memory_write(fe->memory, slot, hdr ? hdr : &plain, FRONTEND_HEADER);
	guest_memory_write(fe->memory, slot + FRONTEND_HEADER, frame, len);
	n = cut(fe->options.tx_shape, slot, len + FRONTEND_HEADER, false, pieces);
	return guest_ring_add(&queue->ring, pieces, n) >= 0;
}

void frontend_flush(struct frontend *fe, unsigned pair)
{
	guest_ring_publish(frontend_tx(fe, pair));
}

void frontend_send(struct frontend *fe, unsigned pair, const struct virtio_net_hdr_v1 *hdr,
		   const void *frame, uint32_t len)
{
	bool queued = clock_await(CLOCK_PATIENCE_MS, frontend_queue(fe, pair, hdr, frame, len));

	check(queued, "the backend gives no transmit buffer back: %u held",
	      guest_ring_held(frontend_tx(fe, pair)));
	frontend_flush(fe, pair);
}

bool frontend_drain(struct frontend *fe, unsigned pair, unsigned limit_ms)
{
	struct guest_ring *ring = frontend_tx(fe, pair);

	return clock_await(limit_ms, (reclaim(ring), guest_ring_held(ring) == 0));
}

/* The next used receive buffer; it is a fault of the device if there is none. */
static uint16_t take_buffer(struct frontend *fe, struct frontend_queue *queue, uint32_t *ret_len)
{
	int head = guest_ring_take(&queue->ring, ret_len);

	check(head >= 0, "the buffers of one frame were not published together");
	return (uint16_t)head;
}

static size_t copy_out(struct frontend *fe, uint64_t gpa, size_t len, void *to, size_t at,
		       size_t room)
{
	check(at + len <= room, "a frame of more than %zu bytes was received", room);
	guest_memory_read(fe->memory, gpa, (uint8_t *)to + at, len);
	return len;
}

ssize_t frontend_take(struct frontend *fe, unsigned pair, struct virtio_net_hdr_v1 *ret_hdr,
		      void *ret_frame, size_t room)
{
	struct frontend_queue *queue = &fe->queues[2 * pair];
	bool mergeable = fe->features >> VIRTIO_NET_F_MRG_RXBUF & 1;
	size_t total = 0;
	uint32_t len;
	uint16_t head;

	if (!guest_ring_pending(&queue->ring))
		return -EAGAIN;
	head = take_buffer(fe, queue, &len);
	check(len >= FRONTEND_HEADER, "received %u bytes, less than a virtio-net header", len);
	guest_memory_read(fe->memory, queue->slots[head], ret_hdr, sizeof(*ret_hdr));
	/* virtio 1.3, 5.1.6.4.1: without MRG_RXBUF num_buffers is always 1. */
	check(ret_hdr->num_buffers >= 1 && (mergeable || ret_hdr->num_buffers == 1),
	      "num_buffers is %u", ret_hdr->num_buffers);
	total += copy_out(fe, queue->slots[head] + FRONTEND_HEADER, len - FRONTEND_HEADER,
			  ret_frame, total, room);
	for (unsigned i = 1; i < ret_hdr->num_buffers; i++) {
		check(len == queue->buffer, "a merged buffer before the last one is not full");
		head = take_buffer(fe, queue, &len);
		total += copy_out(fe, queue->slots[head], len, ret_frame, total, room);
	}
	frontend_fill(fe, pair);
	return (ssize_t)total;
}

ssize_t frontend_receive(struct frontend *fe, unsigned pair, struct virtio_net_hdr_v1 *ret_hdr,
			 void *ret_frame, size_t room, unsigned limit_ms)
{
	if (!guest_ring_wait(frontend_rx(fe, pair), limit_ms))
		return -EAGAIN;
	return frontend_take(fe, pair, ret_hdr, ret_frame, room);
}
