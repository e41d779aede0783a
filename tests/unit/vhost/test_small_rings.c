/*
 * test_small_rings - every way through rings of 1 to 8 entries, of both layouts.
 *
 *	test_vhost_small_rings [--all]		without it up to 6 entries
 *
 * A case is: where the ring stands (each place, in laps of both kinds), how its
 * entries are cut into chains (each way, of each number of entries), how many
 * chains a burst takes, and when the guest wants to be called (at each place
 * ahead, or always, or never). Each frame comes once, whole and in order; each
 * chain is given back once; a call is made if it was wanted, and else none; who
 * went to sleep on an empty ring asked for the kick that wakes him.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/virtio_config.h>

#include "tests/unit/vhost/front.h"
#include "vhost/layout.h"

enum {
	ENTRIES_MAX = 8,
	HEADER = 12,
	PIECE = 4,    /* bytes of a frame in each descriptor that is sent */
	BUFFER = 16,  /* bytes of each descriptor that receives: the header and one piece */
	ALWAYS = 100, /* instead of a place: all calls, or none */
	NEVER = 101,
	TX = 1,
	RX = 0,
};

static unsigned entries_max = 6;

struct course {
	struct front front;
	struct front_ring *ring;
	bool event_idx;
	uint32_t serial; /* of the next frame */
	unsigned passed; /* since the case began: places of a packed ring, chains of a split one */
	unsigned wish;	 /* when the guest is to be called: a number of those, or ALWAYS, NEVER */
};

/* Chains that @n entries are cut into: bit i of @cuts: one ends behind entry i. */
struct shape {
	unsigned n;
	unsigned cuts;
};

static unsigned chain_end(const struct shape *shape, unsigned at)
{
	while (at + 1 < shape->n && !(shape->cuts >> at & 1))
		at++;
	return at + 1;
}

/* ---- the guest ---- */

static void want_calls(struct course *course, unsigned wish)
{
	struct front_ring *ring = course->ring;

	/* with an event index, a split ring has no word for always, and for never a far one */
	if (course->event_idx && !ring->packed && wish == ALWAYS)
		wish = 0;
	course->wish = wish;
	course->passed = 0;
	if (course->event_idx && !ring->packed) {
		front_want_calls(ring, FRONT_CALLS_AT, front_done(ring) + wish);
	} else if (wish == ALWAYS || wish == NEVER) {
		front_want_calls(ring, wish == ALWAYS ? FRONT_CALLS_ALL : FRONT_CALLS_NONE, 0);
	} else {
		ring->driver_event->off_wrap = packed_step(ring->size, ring->used_at, wish);
		ring->driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
}

static bool wants_kick(const struct course *course)
{
	const struct front_ring *ring = course->ring;

	if (!ring->packed)
		return front_kick_wanted(ring, course->event_idx, ring->avail->idx);
	if (!course->event_idx)
		return ring->device_event->flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	return ring->device_event->flags == VRING_PACKED_EVENT_FLAG_DESC &&
	       ring->device_event->off_wrap == ring->avail_at;
}

/* The bytes of piece @piece of frame @serial. */
static uint32_t stamp_of(uint32_t serial, unsigned piece)
{
	return serial << 4 | piece;
}

static void add_chain(struct course *course, unsigned from, unsigned end, bool to_send)
{
	for (unsigned at = from; at < end; at++) {
		uint8_t *buffer = front_buffer(&course->front, at);
		uint32_t stamp = stamp_of(course->serial, at - from);
		unsigned header = at == from ? HEADER : 0;

		memset(buffer, 0, BUFFER);
		if (to_send)
			memcpy(buffer + header, &stamp, sizeof(stamp));
		front_desc(course->ring, at, front_gpa(&course->front, buffer),
			   to_send ? header + PIECE : BUFFER,
			   (uint16_t)((to_send ? 0 : VRING_DESC_F_WRITE) |
				      (at + 1 < end ? VRING_DESC_F_NEXT : 0)),
			   (uint16_t)(at + 1 < end ? at + 1 : 0));
	}
	front_make_available(course->ring, (uint16_t)from);
	course->serial += to_send;
}

/* All chains of @shape: the device sleeps, and the first of them wakes it. */
static void add_all(struct course *course, const struct shape *shape, bool to_send)
{
	if (to_send) {
		assert_false(vhost_queue_pending(course->ring->queue));
		assert_false(vhost_queue_arm(course->ring->queue));
		assert_true(wants_kick(course));
	}
	for (unsigned at = 0; at < shape->n; at = chain_end(shape, at))
		add_chain(course, at, chain_end(shape, at), to_send);
	if (to_send) {
		assert_true(vhost_queue_pending(course->ring->queue));
		assert_true(vhost_queue_arm(course->ring->queue));
		vhost_queue_disarm(course->ring->queue);
	}
}

/* ---- what must come of it ---- */

/* A publish that moved the ring on by @by: was the guest called for it as it wished? */
static void check_calls(struct course *course, uint64_t before, unsigned by)
{
	uint64_t calls = vhost_queue_stats(course->ring->queue).calls - before;
	unsigned from = course->passed;
	bool wanted = course->wish == ALWAYS || (course->wish >= from && course->wish < from + by);

	course->passed += by;
	assert_int_equal(calls, wanted);
}

static void check_frame(const struct front_frame *frame, uint32_t serial, unsigned pieces)
{
	assert_int_equal(frame->is.fault, 0);
	assert_int_equal(frame->is.len, PIECE * pieces);
	for (unsigned i = 0; i < pieces; i++) {
		uint32_t stamp;

		memcpy(&stamp, frame->head + PIECE * i, sizeof(stamp));
		assert_int_equal(stamp, stamp_of(serial, i));
	}
}

/* Take what was sent in bursts of @burst. */
static void take_all(struct course *course, const struct shape *shape, unsigned burst)
{
	struct front_ring *ring = course->ring;
	uint32_t serial = course->serial;
	unsigned done = front_done(ring), at = 0, chains = 0;

	for (unsigned i = 0; i < shape->n; i = chain_end(shape, i))
		chains++;
	serial -= chains;
	while (chains > 0) {
		struct front_frame frames[ENTRIES_MAX];
		struct iovec pieces[2 * VHOST_CHAIN_PIECES_MAX];
		uint64_t calls = vhost_queue_stats(ring->queue).calls;
		unsigned from = at, want = chains < burst ? chains : burst;

		assert_int_equal(front_take_frames(ring->queue, frames, burst, 128, pieces,
						   2 * VHOST_CHAIN_PIECES_MAX),
				 want);
		for (unsigned i = 0; i < want; i++) {
			unsigned end = chain_end(shape, at);

			check_frame(&frames[i], serial++, end - at);
			at = end;
		}
		assert_int_equal(front_done(ring), done);
		vhost_queue_give_back(ring->queue);
		done += want;
		chains -= want;
		assert_int_equal(front_done(ring), done);
		check_calls(course, calls, ring->packed ? at - from : want);
	}
	assert_int_equal(front_take(&course->front, 1), 0);
	assert_int_equal(front_done(ring), done);
}

/* Fill the buffers of @shape, @burst frames at a time, and one frame more than there is room for. */
static void put_all(struct course *course, const struct shape *shape, unsigned burst)
{
	struct front_ring *ring = course->ring;
	unsigned at = 0;

	while (at < shape->n) {
		uint64_t calls = vhost_queue_stats(ring->queue).calls;
		unsigned from = at, put = 0, done = front_done(ring);

		assert_true(vhost_queue_begin(ring->queue));
		for (; put < burst && at < shape->n; put++) {
			struct front_frame frame = {.is = {.len = PIECE, .head_len = PIECE}};
			uint32_t stamp = stamp_of(course->serial++, 0), seen;

			frame.is.hdr.num_buffers = 1;
			memcpy(frame.head, &stamp, sizeof(stamp));
			assert_int_equal(front_put(ring->queue, &frame), 0);
			memcpy(&seen, front_buffer(&course->front, at) + HEADER, sizeof(seen));
			assert_int_equal(seen, stamp);
			at = chain_end(shape, at);
		}
		if (at >= shape->n) {
			const struct front_frame late = {.is = {.hdr = {.num_buffers = 1}}};

			assert_int_equal(front_put(ring->queue, &late), -105);
		}
		assert_int_equal(front_done(ring), done);
		vhost_queue_end(ring->queue);
		assert_int_equal(front_done(ring), done + put);
		for (unsigned i = 0, head = from; i < put; i++, head = chain_end(shape, head)) {
			assert_int_equal(front_element(ring, done + i).id, head);
			assert_int_equal(front_element(ring, done + i).len, HEADER + PIECE);
		}
		check_calls(course, calls, ring->packed ? at - from : put);
	}
}

static void play(struct course *course, unsigned index, const struct shape *shape, unsigned burst,
		 unsigned wish)
{
	want_calls(course, wish);
	add_all(course, shape, index == TX);
	(index == TX ? take_all : put_all)(course, shape, burst);
}

/* One entry further, until the ring stands at @place of two laps. */
static void go_to(struct course *course, unsigned index, unsigned place)
{
	const struct shape one = {.n = 1};
	struct front_ring *ring = course->ring;

	for (;;) {
		unsigned at = ring->packed ? packed_place(ring->avail_at) +
						     (ring->avail_at & PACKED_WRAP ? 0 : ring->size)
					   : ring->avail->idx % (2 * ring->size);

		if (at == place)
			return;
		play(course, index, &one, 1, NEVER);
	}
}

static void play_all(struct course *course, unsigned index, const struct shape *shape)
{
	unsigned size = course->ring->size;

	for (unsigned place = 0; place < 2 * size; place++) {
		for (unsigned burst = 1; burst <= shape->n; burst += burst < 3 ? 1 : 5) {
			go_to(course, index, place);
			play(course, index, shape, burst, ALWAYS);
			go_to(course, index, place);
			play(course, index, shape, burst, NEVER);
			for (unsigned wish = 0; course->event_idx && wish < size; wish++) {
				go_to(course, index, place);
				play(course, index, shape, burst, wish);
			}
		}
	}
}

/* All shapes of a ring of @size; the indices of a split one wrap on the way. */
static void exhaust(uint64_t features, unsigned index, unsigned size)
{
	struct course course = {.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1};
	const struct shape one = {.n = 1};
	struct front *front = &course.front;

	front_open(front);
	if (!(features >> VIRTIO_F_RING_PACKED & 1)) {
		uint8_t *at = front->bytes + (size_t)index * FRONT_RING_SPACE;

		((struct vring_avail *)(at + 16UL * size))->idx = (uint16_t)(0 - 3 * size);
		((struct vring_used *)(at + FRONT_RING_SPACE / 2))->idx = (uint16_t)(0 - 3 * size);
	}
	front_up(front, features, size);
	course.ring = &front->rings[index];
	want_calls(&course, ALWAYS); /* the first call is unasked, so it counts as asked for */
	add_all(&course, &one, index == TX);
	(index == TX ? take_all : put_all)(&course, &one, 1);
	for (unsigned n = 1; n <= size; n++)
		for (unsigned cuts = 0; cuts < 1U << (n - 1); cuts++)
			play_all(&course, index, &(struct shape){n, cuts});
	front_close(front);
}

static void each_layout(unsigned index)
{
	for (unsigned way = 0; way < 8; way++) {
		uint64_t features = (way & 1 ? UINT64_C(1) << VIRTIO_F_RING_PACKED : 0) |
				    (way & 2 ? UINT64_C(1) << VIRTIO_F_IN_ORDER : 0) |
				    (way & 4 ? UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX : 0);

		for (unsigned size = 1; size <= entries_max; size += way & 1 ? 1 : size)
			exhaust(features, index, size);
	}
}

static void all_that_can_be_sent(void **state)
{
	each_layout(TX);
}

static void all_that_can_be_received(void **state)
{
	each_layout(RX);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_can_be_sent),
		cmocka_unit_test(all_that_can_be_received),
	};

	if (argc > 1 && strcmp(argv[1], "--all") == 0)
		entries_max = ENTRIES_MAX;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
