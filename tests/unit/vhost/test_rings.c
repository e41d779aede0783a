/*
 * test_rings - frames through rings of both layouts: what is taken, what is put, and
 * when the guest sees it and is told.
 *
 * Each case runs with split and with packed rings, unless it is about one of them.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"
#include "vhost/split.h"

enum {
	HEADER = 12,
	POOL = 1024,
	BURST = 64,
};

#define PACKED	  (UINT64_C(1) << VIRTIO_F_RING_PACKED)
#define IN_ORDER  (UINT64_C(1) << VIRTIO_F_IN_ORDER)
#define MERGEABLE (UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF)
#define EVENT_IDX (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

/* Each case's state: the features that make a layout. */
static uint64_t layouts[] = {0, PACKED, IN_ORDER, PACKED | IN_ORDER};

static uint64_t layout(void **state)
{
	return *(const uint64_t *)*state;
}

static struct front_frame frames[BURST];
static struct iovec pool[POOL];

static unsigned take(struct front_ring *ring, unsigned max, uint16_t head_max)
{
	return front_take_frames(ring->queue, frames, max, head_max, pool, POOL);
}

/* Head and tail of a frame in one piece. */
static void gather(const struct vhost_frame *frame, uint8_t *ret_bytes)
{
	memcpy(ret_bytes, frame + 1, frame->head_len);
	uint32_t at = frame->head_len;
	for (unsigned i = 0; i < frame->n_tail; i++) {
		memcpy(ret_bytes + at, frame->tail[i].iov_base, frame->tail[i].iov_len);
		at += (uint32_t)frame->tail[i].iov_len;
	}
	assert_int_equal(at, frame->len);
}

/* Some of the frame is in private memory, the rest is not. */
static int put(struct front_ring *ring, const void *frame, uint32_t len)
{
	uint16_t head_len = (uint16_t)(len < 64 ? len : 64 + len % 128);

	if (head_len > len)
		head_len = (uint16_t)len;
	struct iovec tail = {(char *)(uintptr_t)frame + head_len, len - head_len};
	struct front_frame put = {.is = {
					  .len = len,
					  .head_len = head_len,
					  .n_tail = 1,
					  .tail = &tail,
					  .hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						  .csum_start = 34,
						  .num_buffers = 1},
				  }};
	memcpy(put.head, frame, head_len);
	return front_put(ring->queue, &put);
}

static int put_one(struct front_ring *ring, const void *frame, uint32_t len)
{
	assert_true(vhost_queue_begin(ring->queue));
	int err = put(ring, frame, len);
	vhost_queue_end(ring->queue);
	return err;
}

/* ---- transmit ---- */

/* T7: the header in pieces of any size, with frames of any size behind it. */
static void t7_headers_in_pieces(void **state)
{
	struct front front;
	struct vring_used_elem element;
	uint8_t whole[HEADER + 300], got[300];

	front_open(&front);
	front_up(&front, layout(state) | INDIRECT, 64);
	struct front_ring *tx = &front.rings[1];
	for (unsigned i = 0; i < sizeof(whole); i++)
		whole[i] = (uint8_t)(i * 7 + 1);
	for (unsigned len = 0; len < sizeof(whole); len += len < 40 ? 1 : 37) {
		for (unsigned step = 1; step <= 64; step = step < 14 ? step + 1 : step * 2) {
			unsigned n = 0;
			uint8_t *at = front_buffer(&front, 0);

			if ((len + step - 1) / step > 64)
				continue;
			memcpy(at, whole, len);
			for (unsigned done = 0; done < len || n == 0; done += step, n++)
				front_desc(tx, n, front_gpa(&front, at + done),
					   len - done < step ? len - done : step,
					   done + step < len ? VRING_DESC_F_NEXT : 0,
					   (uint16_t)(n + 1));
			front_make_available(tx, 0);
			assert_int_equal(take(tx, BURST, 128), 1);
			assert_int_equal(frames[0].is.fault, len < HEADER);
			assert_int_equal(frames[0].is.len, len < HEADER ? 0 : len - HEADER);
			if (len >= HEADER) {
				assert_memory_equal(&frames[0].is.hdr, whole, HEADER);
				assert_int_equal(frames[0].is.head_len,
						 len - HEADER < 128 ? len - HEADER : 128);
				gather(&frames[0].is, got);
				assert_memory_equal(got, whole + HEADER, len - HEADER);
			}
			vhost_queue_give_back(tx->queue);
			assert_true(front_used(tx, &element));
			assert_int_equal(element.id, 0);
			assert_int_equal(element.len, 0);
		}
	}
	front_close(&front);
}

/* T6: the most that a frame may be, and one byte more; lengths that wrap. */
static void t6_lengths(void **state)
{
	const struct {
		uint32_t lens[4];
		bool good;
	} cases[] = {
		{{HEADER + VHOST_FRAME_MAX}, true},
		{{HEADER + VHOST_FRAME_MAX + 1}, false},
		{{HEADER, VHOST_FRAME_MAX - 1, 1}, true},
		{{HEADER, VHOST_FRAME_MAX, 1}, false},
		{{65535 + HEADER}, true},
		{{65536, HEADER}, true},
		{{1 << 20, 1 << 20, 1 << 20, 1 << 20}, false},
		{{HEADER, UINT32_MAX, 61}, false},
	};
	struct front front;

	front_open(&front);
	front_up(&front, layout(state), 8);
	struct front_ring *tx = &front.rings[1];
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;

		for (unsigned k = 0; k < 4; k++) {
			bool more = k < 3 && cases[i].lens[k + 1];

			front_desc(tx, k, front_gpa(&front, front_buffer(&front, 0)),
				   cases[i].lens[k], more ? VRING_DESC_F_NEXT : 0,
				   (uint16_t)(k + 1));
			bytes += cases[i].lens[k];
			if (!more)
				break;
		}
		front_make_available(tx, 0);
		assert_int_equal(take(tx, 1, 128), 1);
		assert_int_equal(frames[0].is.fault, !cases[i].good);
		if (cases[i].good)
			assert_int_equal(frames[0].is.len, bytes - HEADER);
		vhost_queue_give_back(tx->queue);
	}
	struct vhost_queue_stats stats = vhost_queue_stats(tx->queue);
	assert_int_equal(stats.bad_chain + stats.bad_address, 4);
	front_close(&front);
}

/* Frames that might not fit into the pool wait; none is lost, the order stays. */
static void a_small_pool_takes_a_few(void **state)
{
	struct front front;
	unsigned next = 0;

	front_open(&front);
	front_up(&front, layout(state), 64);
	struct front_ring *tx = &front.rings[1];
	for (unsigned i = 0; i < 32; i++) {
		front_desc(tx, 2 * i, front_gpa(&front, front_buffer(&front, i)), HEADER + 200,
			   VRING_DESC_F_NEXT, (uint16_t)(2 * i + 1));
		front_desc(tx, 2 * i + 1, front_gpa(&front, front_buffer(&front, i)), 100, 0, 0);
		front_buffer(&front, i)[HEADER] = (uint8_t)i;
		front_make_available(tx, (uint16_t)(2 * i));
	}
	assert_int_equal(front_take_frames(tx->queue, frames, BURST, 128, pool, 255), 0);
	vhost_queue_give_back(tx->queue);
	while (next < 32) {
		unsigned n = front_take_frames(tx->queue, frames, BURST, 128, pool, 260);

		/* two pieces a frame: 260, 258 and 256 are enough for any, 254 is not */
		assert_int_equal(n, next < 30 ? 3 : 2);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(frames[i].head[0], next++);
		vhost_queue_give_back(tx->queue);
	}
	assert_int_equal(front_done(tx), 32);
	front_close(&front);
}

/* A burst of long frames ends when there are bytes enough; what is left comes with the next. */
static void bytes_end_a_burst(void **state)
{
	const struct vhost_room room = {
		.frames = &frames[0].is,
		.stride = sizeof(frames[0]),
		.n_frames = BURST,
		.head_max = 128,
		.pieces = pool,
		.n_pieces = POOL,
		.n_bytes = 5000,
	};
	struct front front;

	front_open(&front);
	front_up(&front, layout(state), 64);
	struct front_ring *tx = &front.rings[1];
	for (unsigned i = 0; i < 8; i++) {
		/* the third in two pieces, the last so short that no byte of it counts */
		unsigned len = i < 7 ? 2500 : 100;

		front_desc(tx, 2 * i, front_gpa(&front, front_buffer(&front, i)),
			   i == 2 ? 300 : len, i == 2 ? VRING_DESC_F_NEXT : 0,
			   (uint16_t)(2 * i + 1));
		if (i == 2)
			front_desc(tx, 2 * i + 1, front_gpa(&front, front_buffer(&front, i)),
				   len - 300, 0, 0);
		front_make_available(tx, (uint16_t)(2 * i));
	}
	for (unsigned left = 8; left > 0;) {
		unsigned n = vhost_queue_take(tx->queue, &room);

		assert_int_equal(n, left > 2 ? 3 : 2);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(frames[i].is.fault, 0);
		vhost_queue_give_back(tx->queue);
		left -= n;
	}
	assert_int_equal(front_done(tx), 8);
	front_close(&front);
}

/* T10: a transmit chain that is for writing, a receive chain that is for reading. */
static void t10_wrong_direction(void **state)
{
	struct front front;
	uint8_t frame[60] = {1};

	front_open(&front);
	front_up(&front, layout(state) | MERGEABLE, 8);
	struct front_ring *tx = &front.rings[1], *rx = &front.rings[0];
	uint64_t gpa = front_gpa(&front, front_buffer(&front, 0));
	front_desc(tx, 0, gpa, 100, VRING_DESC_F_WRITE, 0);
	front_make_available(tx, 0);
	assert_int_equal(take(tx, 1, 128), 1);
	assert_true(frames[0].is.fault);
	vhost_queue_give_back(tx->queue);

	memset(front_buffer(&front, 0), 0x55, 4096);
	front_desc(rx, 0, gpa, 100, 0, 0);
	front_desc(rx, 1, gpa, 100, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	front_desc(rx, 2, gpa, 100, 0, 0);
	front_make_available(rx, 0);
	front_make_available(rx, 1);
	assert_int_equal(put_one(rx, frame, sizeof(frame)), -ENOBUFS);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(front_buffer(&front, 0)[i], 0x55);
	/* both are given back, empty */
	assert_int_equal(front_done(rx), 2);
	assert_int_equal(front_element(rx, 1).len, 0);
	assert_int_equal(vhost_queue_stats(rx->queue).bad_chain, 2);
	front_close(&front);
}

/* T15: indices and heads that cannot be: the ring is silent until it is started anew. */
static void t15_impossible_indices(void **state)
{
	for (unsigned way = 0; way < 6; way++) {
		struct front front;
		uint8_t frame[60] = {0};

		front_open(&front);
		front_up(&front, layout(state), 8);
		struct front_ring *ring = &front.rings[way & 1];
		if (way / 2 == 0) {
			ring->avail->idx = 9;
		} else if (way / 2 == 1) {
			ring->avail->idx = UINT16_MAX;
		} else {
			ring->avail->ring[0] = 8;
			ring->avail->idx = 1;
		}
		for (unsigned i = 0; i < 3; i++) {
			if (way & 1) {
				assert_int_equal(take(ring, BURST, 128), 0);
				vhost_queue_give_back(ring->queue);
			} else {
				assert_int_equal(put_one(ring, frame, sizeof(frame)), -EIO);
			}
		}
		assert_true(vhost_queue_is_broken(ring->queue));
		assert_false(vhost_queue_pending(ring->queue));
		assert_false(vhost_queue_arm(ring->queue));
		assert_int_equal(front_count(ring->err), 1);
		assert_int_equal(vhost_queue_stats(ring->queue).bad_index, 1);
		assert_int_equal(ring->used->idx, 0);

		/* disabling and enabling is no new start */
		assert_int_equal(front_say_state(&front, 18, way & 1, 0), 0);
		assert_int_equal(front_say_state(&front, 18, way & 1, 1), 0);
		assert_true(vhost_queue_is_broken(ring->queue));

		union proto_payload payload = {.state = {way & 1, 0}};
		uint32_t request;
		int fd;
		assert_int_equal(front_say(&front, 11, PROTO_VERSION, &payload, 8, NULL, 0), 0);
		assert_int_equal(front_reply(&front, &request, &payload, &fd), 8);
		assert_int_equal(payload.state.num, 0);
		ring->avail->idx = 0;
		front_start(&front, way & 1, 8);
		assert_false(vhost_queue_is_broken(ring->queue));
		front_close(&front);
	}
}

/* ---- receive ---- */

/*
 * T8: buffers of all small sizes, merged or not: what fits is whole, what does
 * not leaves no trace.
 */
static void t8_buffers_of_all_sizes(void **state)
{
	uint8_t frame[100];

	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(200 - i);
	for (unsigned way = 0; way < 2; way++) {
		for (uint32_t size = 0; size < 130; size++) {
			struct front front;

			front_open(&front);
			front_up(&front, layout(state) | (way ? MERGEABLE : 0), 16);
			struct front_ring *rx = &front.rings[0];
			for (unsigned i = 0; i < 16; i++) {
				memset(front_buffer(&front, i), 0x55, 200);
				front_desc(rx, i, front_gpa(&front, front_buffer(&front, i)), size,
					   VRING_DESC_F_WRITE, 0);
				front_make_available(rx, (uint16_t)i);
			}
			uint32_t need = HEADER + sizeof(frame);
			uint32_t n = size < HEADER ? 0 : (need + size - 1) / size;
			int want = 0;
			if (size < HEADER)
				want = -ENOBUFS; /* malformed: all are given back */
			else if (!way && n > 1)
				want = -EMSGSIZE;
			assert_int_equal(put_one(rx, frame, sizeof(frame)), want);
			assert_int_equal(front_done(rx), want ? (size < HEADER ? 16 : 0) : n);

			uint32_t left = want ? 0 : need, at = 0;
			for (unsigned i = 0; i < 16; i++) {
				uint8_t *buffer = front_buffer(&front, i);
				uint32_t part = left < size ? left : size;

				if (i < front_done(rx)) {
					assert_int_equal(front_element(rx, i).id, i);
					assert_int_equal(front_element(rx, i).len, part);
				}
				for (uint32_t k = 0; k < part; k++, at++)
					if (at >= HEADER)
						assert_int_equal(buffer[k], frame[at - HEADER]);
				for (uint32_t k = part; k < 200; k++)
					assert_int_equal(buffer[k], 0x55);
				left -= part;
			}
			if (!want) {
				struct virtio_net_hdr_v1 hdr;

				memcpy(&hdr, front_buffer(&front, 0), sizeof(hdr));
				assert_int_equal(hdr.num_buffers, n);
				assert_int_equal(hdr.csum_start, 34);
				assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			}
			front_close(&front);
		}
	}
}

/* H10: a frame that finds too few buffers takes none; a smaller one still fits. */
static void too_few_buffers_are_not_taken(void **state)
{
	struct front front;
	uint8_t frame[1000] = {0};

	front_open(&front);
	front_up(&front, layout(state) | MERGEABLE, 8);
	struct front_ring *rx = &front.rings[0];
	for (unsigned i = 0; i < 3; i++) {
		front_desc(rx, i, front_gpa(&front, front_buffer(&front, i)), 200,
			   VRING_DESC_F_WRITE, 0);
		front_make_available(rx, (uint16_t)i);
	}
	assert_true(vhost_queue_begin(rx->queue));
	assert_int_equal(put(rx, frame, 1000), -ENOBUFS);
	assert_int_equal(put(rx, frame, 300), 0);
	assert_int_equal(put(rx, frame, 300), -ENOBUFS);
	assert_int_equal(put(rx, frame, 100), 0);
	assert_int_equal(put(rx, frame, 1), -ENOBUFS);
	assert_int_equal(front_done(rx), 0); /* nothing is seen before the end */
	vhost_queue_end(rx->queue);
	assert_int_equal(front_done(rx), 3);
	assert_int_equal(front_element(rx, 0).len, 200);
	assert_int_equal(front_element(rx, 1).len, 112);
	assert_int_equal(front_element(rx, 2).id, 2);
	assert_int_equal(front_element(rx, 2).len, 112);
	front_close(&front);
}

/* A malformed chain between good ones is given back empty, and the frame goes around it. */
static void malformed_buffers_are_skipped(void **state)
{
	struct front front;
	uint8_t frame[300] = {0};

	front_open(&front);
	front_up(&front, layout(state) | MERGEABLE, 8);
	struct front_ring *rx = &front.rings[0];
	for (unsigned i = 0; i < 4; i++) {
		front_desc(rx, i, i % 2 ? 16 : front_gpa(&front, front_buffer(&front, i)), 200,
			   VRING_DESC_F_WRITE, 0);
		front_make_available(rx, (uint16_t)i);
	}
	assert_int_equal(put_one(rx, frame, 300), 0);
	assert_int_equal(front_done(rx), 3); /* number 3 was not reached */
	assert_int_equal(front_element(rx, 0).id, 1);
	assert_int_equal(front_element(rx, 0).len, 0);
	assert_int_equal(front_element(rx, 1).id, 0);
	assert_int_equal(front_element(rx, 1).len, 200);
	assert_int_equal(front_element(rx, 2).id, 2);
	assert_int_equal(front_element(rx, 2).len, 112);
	assert_int_equal(vhost_queue_stats(rx->queue).bad_address, 1);
	front_close(&front);
}

/* The largest frame, over buffers of all kinds; frames from many pieces. */
static void large_frames_are_whole(void **state)
{
	const uint32_t sizes[] = {140, 256, 1526, 4096, 65562};
	uint8_t *frame = malloc(VHOST_FRAME_MAX), *got = malloc(VHOST_FRAME_MAX + HEADER);
	struct iovec src[VHOST_CHAIN_PIECES_MAX];

	for (unsigned i = 0; i < VHOST_FRAME_MAX; i++)
		frame[i] = (uint8_t)(i * 13 + i / 251);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct front front;
		unsigned n_src = 0;
		uint32_t done = 0, at = 0;

		front_open(&front);
		front_up(&front, layout(state) | MERGEABLE, 1024);
		struct front_ring *rx = &front.rings[0];
		unsigned n = (HEADER + VHOST_FRAME_MAX + sizes[i] - 1) / sizes[i];
		for (unsigned k = 0; k < n; k++) {
			front_desc(rx, k, FRONT_GPA + FRONT_BUFFERS + k * (uint64_t)sizes[i],
				   sizes[i], VRING_DESC_F_WRITE, 0);
			front_make_available(rx, (uint16_t)k);
		}
		for (; done < VHOST_FRAME_MAX; n_src++) {
			uint32_t part = 1 + n_src * 7;

			if (part > VHOST_FRAME_MAX - done)
				part = VHOST_FRAME_MAX - done;
			src[n_src] = (struct iovec){frame + done, part};
			done += part;
		}
		const struct virtio_net_hdr_v1 hdr = {.num_buffers = 1};
		assert_true(vhost_queue_begin(rx->queue));
		assert_int_equal(front_put_tail(rx->queue, &hdr, src, n_src, VHOST_FRAME_MAX + 1),
				 -EMSGSIZE);
		assert_int_equal(front_put_tail(rx->queue, &hdr, src, n_src, VHOST_FRAME_MAX), 0);
		vhost_queue_end(rx->queue);
		assert_int_equal(front_done(rx), n);
		for (unsigned k = 0; k < n; k++) {
			memcpy(got + at, front.bytes + FRONT_BUFFERS + k * (size_t)sizes[i],
			       front_element(rx, k).len);
			at += front_element(rx, k).len;
		}
		assert_int_equal(at, HEADER + VHOST_FRAME_MAX);
		assert_memory_equal(got + HEADER, frame, VHOST_FRAME_MAX);
		front_close(&front);
	}
	free(frame);
	free(got);
}

/* T32: a frame copied within the guest's own memory, over itself. */
static void t32_overlapping_copy(void **state)
{
	uint8_t want[2000];

	for (int shift = -600; shift <= 600; shift += 100) {
		struct front front;

		front_open(&front);
		front_up(&front, layout(state), 8);
		struct front_ring *tx = &front.rings[1], *rx = &front.rings[0];
		uint8_t *from = front_buffer(&front, 4);
		for (unsigned i = 0; i < sizeof(want); i++)
			want[i] = from[HEADER + i] = (uint8_t)(i + i / 256);
		front_desc(tx, 0, front_gpa(&front, from), HEADER + sizeof(want), 0, 0);
		front_make_available(tx, 0);
		front_desc(rx, 0, front_gpa(&front, from + shift), 4096, VRING_DESC_F_WRITE, 0);
		front_make_available(rx, 0);
		assert_int_equal(take(tx, 1, 0), 1);
		assert_true(vhost_queue_begin(rx->queue));
		assert_int_equal(front_put(rx->queue, &frames[0]), 0);
		vhost_queue_end(rx->queue);
		vhost_queue_give_back(tx->queue);
		/* the header is written first, and may lie on the frame: behind it all is well */
		unsigned skip = shift > 0 ? HEADER + (unsigned)shift : 0;
		if (shift <= 0 || skip >= sizeof(want))
			assert_memory_equal(from + shift + HEADER, want, sizeof(want));
		front_close(&front);
	}
}

/* ---- who is told when ---- */

/*
 * H8: was an event passed between two indices? Against counting, for all small
 * distances, over the wrap.
 */
static void h8_event_arithmetic(void **state)
{
	for (unsigned old = 65530; old < 65536 + 6; old++) {
		for (unsigned step = 0; step < 12; step++) {
			for (unsigned event = 65520; event < 65536 + 20; event++) {
				bool want = event >= old && event < old + step;

				assert_int_equal(split_event_passed((uint16_t)event,
								    (uint16_t)(old + step),
								    (uint16_t)old),
						 want);
			}
		}
	}
}

static void give_back_one(struct front *front, struct front_ring *tx)
{
	front_desc(tx, 0, front_gpa(front, front_buffer(front, 0)), 100, 0, 0);
	front_make_available(tx, 0);
	assert_int_equal(take(tx, 1, 128), 1);
	vhost_queue_give_back(tx->queue);
}

static void calls_follow_the_event_index(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, layout(state) | EVENT_IDX, 8);
	struct front_ring *tx = &front.rings[1];

	front_want_calls(tx, FRONT_CALLS_AT, 1000);
	give_back_one(&front, tx); /* the first time always */
	assert_int_equal(front_count(tx->call), 1);
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 0);
	front_want_calls(tx, FRONT_CALLS_AT, front_done(tx));
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 1);
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 0);
	front_want_calls(tx, FRONT_CALLS_AT, front_done(tx) + 1);
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 0);
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 1);
	/* nothing done, nothing told */
	front_want_calls(tx, FRONT_CALLS_AT, front_done(tx));
	assert_int_equal(take(tx, 1, 128), 0);
	vhost_queue_give_back(tx->queue);
	assert_int_equal(front_count(tx->call), 0);
	assert_int_equal(vhost_queue_stats(tx->queue).calls, 3);
	front_close(&front);
}

static void calls_follow_the_flag(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, layout(state), 8);
	struct front_ring *tx = &front.rings[1];

	front_want_calls(tx, FRONT_CALLS_NONE, 0);
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 0);
	front_want_calls(tx, FRONT_CALLS_ALL, 0);
	give_back_one(&front, tx);
	assert_int_equal(front_count(tx->call), 1);
	front_close(&front);
}

static void kicks_are_asked_for(void **state)
{
	for (unsigned way = 0; way < 2; way++) {
		struct front front;

		front_open(&front);
		front_up(&front, layout(state) | (way ? EVENT_IDX : 0), 8);
		struct front_ring *tx = &front.rings[1];

		for (unsigned i = 0; i < 20; i++) {
			assert_false(vhost_queue_arm(tx->queue));
			assert_true(front_kick_wanted(tx, way, i));
			vhost_queue_disarm(tx->queue);
			/* with the event index, the place that was named is passed soon */
			assert_int_equal(front_kick_wanted(tx, way, i), way);
			front_desc(tx, 0, front_gpa(&front, front_buffer(&front, 0)), 100, 0, 0);
			front_make_available(tx, 0);
			assert_true(vhost_queue_pending(tx->queue));
			assert_true(vhost_queue_arm(tx->queue));
			assert_int_equal(take(tx, 1, 128), 1);
			vhost_queue_give_back(tx->queue);
			assert_int_equal(front_done(tx), i + 1);
			assert_false(vhost_queue_pending(tx->queue));
		}
		front_close(&front);
	}
}

/* The indices wrap at 65536, whatever the ring's size is; size 1 works. */
static void indices_wrap(void **state)
{
	for (unsigned size = 1; size <= 64; size *= 8) {
		struct front front;
		uint8_t frame[60] = {0};

		front_open(&front);
		front_up(&front, layout(state) | EVENT_IDX, size);
		struct front_ring *tx = &front.rings[1], *rx = &front.rings[0];
		for (unsigned i = 0; i < 70000 / size; i++) {
			for (unsigned k = 0; k < size; k++) {
				front_desc(tx, k, front_gpa(&front, front_buffer(&front, k)), 72, 0,
					   0);
				front_make_available(tx, (uint16_t)k);
				front_desc(rx, k, front_gpa(&front, front_buffer(&front, k)), 72,
					   VRING_DESC_F_WRITE, 0);
				front_make_available(rx, (uint16_t)k);
			}
			assert_int_equal(take(tx, BURST, 128), size);
			vhost_queue_give_back(tx->queue);
			assert_true(vhost_queue_begin(rx->queue));
			for (unsigned k = 0; k < size; k++)
				assert_int_equal(put(rx, frame, 60), 0);
			assert_int_equal(put(rx, frame, 60), -ENOBUFS);
			vhost_queue_end(rx->queue);
			assert_int_equal(front_done(tx), (i + 1) * size);
			assert_int_equal(front_done(rx), (i + 1) * size);
		}
		front_close(&front);
	}
}

#define WITH(layout, test)                                                                         \
	{                                                                                          \
#test " " #layout, test, NULL, NULL, &layouts[layout]                              \
	}
#define SPLIT_ONLY(test) WITH(0, test)
#define ALL(test)	 WITH(0, test), WITH(1, test), WITH(2, test), WITH(3, test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(t7_headers_in_pieces),
		ALL(t6_lengths),
		ALL(a_small_pool_takes_a_few),
		ALL(bytes_end_a_burst),
		ALL(t10_wrong_direction),
		SPLIT_ONLY(t15_impossible_indices),
		ALL(t8_buffers_of_all_sizes),
		ALL(too_few_buffers_are_not_taken),
		WITH(0, malformed_buffers_are_skipped), /* which breaks their order */
		WITH(1, malformed_buffers_are_skipped),
		ALL(large_frames_are_whole),
		ALL(t32_overlapping_copy),
		SPLIT_ONLY(h8_event_arithmetic),
		ALL(calls_follow_the_event_index),
		ALL(calls_follow_the_flag),
		ALL(kicks_are_asked_for),
		ALL(indices_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
