/*
 * test_copier - both ways of copying a frame give the same bytes, and the cheaper one
 * is settled on.
 */
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"
#include "vhost/copier.h"
#include "vhost/stream.h"

enum { HEADER = 12, SPACE = 1024, RING = 256, BURST = 32 };

/*
 * Every length and alignment, in pieces of several sizes: what is written is the
 * frame, and behind it nothing but zeros up to the end of its line, where the buffer
 * has that.
 */
static void a_stream_is_what_was_copied(void **state)
{
	static _Alignas(STREAM_LINE) uint8_t to[SPACE + 2 * STREAM_LINE];
	uint8_t from[SPACE];

	for (unsigned i = 0; i < SPACE; i++)
		from[i] = (uint8_t)(1 + i % 255);
	for (unsigned at = 0; at < STREAM_LINE; at += at < 20 ? 1 : 11) {
		for (unsigned len = 0; len < 400; len++) {
			unsigned step = 1 + (at * 7 + len * 13) % 150;
			unsigned room = len + (at + len) % 80;
			struct stream stream;

			memset(to, 0x55, sizeof(to));
			stream_begin(&stream, to + at);
			for (unsigned done = 0; done < len; done += step)
				stream_write(&stream, from + done,
					     len - done < step ? len - done : step);
			stream_end(&stream, to + at + room);
			stream_finish();
			for (unsigned i = 0; i < at; i++)
				assert_int_equal(to[i], 0x55);
			assert_memory_equal(to + at, from, len);
			unsigned line_end =
				(at + len + STREAM_LINE - 1) / STREAM_LINE * STREAM_LINE;
			bool fills = at + len > STREAM_LINE || at == 0;
			if (!fills || len == 0 || line_end > at + room)
				line_end = at + len;
			for (unsigned i = at + len; i < sizeof(to); i++)
				assert_int_equal(to[i], i < line_end ? 0 : 0x55);
		}
	}
}

/* Frames of all lengths, with heads and tails of all, by both ways and through both layouts. */
static void both_ways_give_the_same_frames(void **state)
{
	const enum vhost_copy ways[] = {VHOST_COPY_PLAIN, VHOST_COPY_STREAM};
	uint8_t bytes[2][2][SPACE];
	uint8_t frame[SPACE];

	for (unsigned i = 0; i < SPACE; i++)
		frame[i] = (uint8_t)(i * 7 + 1);
	for (uint32_t len = 0; len < 700; len += len < 160 ? 1 : 37) {
		for (unsigned way = 0; way < 4; way++) {
			struct front front;
			uint16_t head_len = (uint16_t)(len < 128 ? len : 128);
			struct iovec tail = {frame + head_len, len - head_len};
			struct front_frame put = {
				.is = {
					.len = len,
					.head_len = head_len,
					.n_tail = 1,
					.tail = &tail,
					.hdr = {.csum_start = 34, .num_buffers = 1},
				}};

			front_open_copy(&front, ways[way & 1]);
			front_up(&front, way & 2 ? UINT64_C(1) << VIRTIO_F_RING_PACKED : 0, 8);
			struct front_ring *rx = &front.rings[0];
			uint8_t *buffer = front_buffer(&front, 0) + len % 70;
			memset(front_buffer(&front, 0), 0, 4096);
			front_desc(rx, 0, front_gpa(&front, buffer), HEADER + len,
				   VRING_DESC_F_WRITE, 0);
			front_make_available(rx, 0);
			memcpy(put.head, frame, head_len);
			assert_true(vhost_queue_begin(rx->queue));
			assert_int_equal(front_put(rx->queue, &put), 0);
			vhost_queue_end(rx->queue);
			assert_int_equal(front_done(rx), 1);
			assert_int_equal(front_element(rx, 0).len, HEADER + len);
			if (STREAM_EXISTS)
				assert_string_equal(vhost_queue_stats(rx->queue).copy,
						    way & 1 ? "stream" : "plain");
			memcpy(bytes[way / 2][way & 1], front_buffer(&front, 0), SPACE);
			front_close(&front);
		}
		assert_memory_equal(bytes[0][0] + len % 70 + HEADER, frame, len);
		for (unsigned i = 1; i < 4; i++)
			assert_memory_equal(bytes[0][0], bytes[i / 2][i % 2], SPACE);
	}
}

/* A simulated burst, which costs what it would. */
static void burst(struct copier *copier, uint64_t plain_ps, uint64_t stream_ps)
{
	const uint64_t lines = 64;
	uint64_t ps = copier->way == COPIER_PLAIN ? plain_ps : stream_ps;

	copier_burst(copier, RING, BURST, lines, copier_is_timed(copier) ? ps * lines / 1000 : 0);
}

/* Bursts until it settled again @trials times. */
static void run(struct copier *copier, uint64_t plain_ps, uint64_t stream_ps, unsigned trials)
{
	for (unsigned settled = 0; settled < trials;) {
		bool tried = copier->phase == COPIER_OTHER_TIMED;

		burst(copier, plain_ps, stream_ps);
		settled += tried && copier->phase == COPIER_SETTLED;
	}
}

static void the_cheaper_way_is_found(void **state)
{
	struct copier copier;

	if (!STREAM_EXISTS)
		skip();
	copier_create(&copier, VHOST_COPY_MEASURED);
	assert_int_equal(copier.way, COPIER_PLAIN);
	run(&copier, 28000, 2500, 1);
	assert_int_equal(copier.way, COPIER_STREAM);
	/* the guest moved nearer: found within some trials */
	run(&copier, 1000, 2500, 10);
	assert_int_equal(copier.way, COPIER_PLAIN);
	/* nearly the same is no reason to change, either way */
	run(&copier, 3000, 2500, 10);
	assert_int_equal(copier.way, COPIER_PLAIN);
	run(&copier, 9000, 2500, 20);
	assert_int_equal(copier.way, COPIER_STREAM);
	run(&copier, 3400, 2500, 20);
	assert_int_equal(copier.way, COPIER_STREAM);
	/* a phase in which somebody else had the processor changes nothing */
	run(&copier, 9000, 2500, 20);
	while (copier.phase != COPIER_TIMED)
		burst(&copier, 9000, 2500);
	run(&copier, 9000, 25000000, 1);
	assert_int_equal(copier.way, COPIER_STREAM);
}

/* A processor moves far away and back: the right way is found within some thousand frames. */
static void a_move_is_noticed(void **state)
{
	const struct {
		uint64_t plain_ps, stream_ps;
		enum copier_way way;
	} places[] = {{28000, 2500, COPIER_STREAM}, {1000, 4000, COPIER_PLAIN}};
	struct copier copier;

	if (!STREAM_EXISTS)
		skip();
	copier_create(&copier, VHOST_COPY_MEASURED);
	run(&copier, 1000, 4000, 10);
	for (unsigned move = 0; move < 10; move++) {
		uint64_t plain_ps = places[move % 2].plain_ps;
		uint64_t stream_ps = places[move % 2].stream_ps;
		unsigned frames = 0;

		/* wherever it stands between two trials */
		for (unsigned i = 0; i < move * 1000; i++)
			burst(&copier, places[1 - move % 2].plain_ps,
			      places[1 - move % 2].stream_ps);
		while (copier.way != places[move % 2].way || copier.phase != COPIER_SETTLED) {
			burst(&copier, plain_ps, stream_ps);
			frames += BURST;
		}
		assert_in_range(frames, 1, 1 << 16);
	}
}

static void a_wish_is_kept(void **state)
{
	struct copier copier;

	copier_create(&copier, VHOST_COPY_PLAIN);
	for (unsigned i = 0; i < 1 << 18; i++) {
		copier_burst(&copier, RING, 64, 128, 0);
		assert_false(copier_is_timed(&copier));
	}
	assert_string_equal(copier_name(&copier), "plain");
	copier_create(&copier, VHOST_COPY_STREAM);
	assert_string_equal(copier_name(&copier), STREAM_EXISTS ? "stream" : "plain");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_what_was_copied),
		cmocka_unit_test(both_ways_give_the_same_frames),
		cmocka_unit_test(the_cheaper_way_is_found),
		cmocka_unit_test(a_move_is_noticed),
		cmocka_unit_test(a_wish_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
