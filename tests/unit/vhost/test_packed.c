/*
 * test_packed - what is peculiar to packed rings: where they begin and go on, whom an
 * event position means, and what hostile ones may hold. What both layouts have in
 * common, test_rings tries with both.
 */
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"
#include "vhost/packed.h"

enum { HEADER = 12, SIZE = 11 };

#define PACKED	 (UINT64_C(1) << VIRTIO_F_RING_PACKED)
#define IN_ORDER (UINT64_C(1) << VIRTIO_F_IN_ORDER)
#define INDIRECT (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

/*
 * Make @n frames available, of @pieces descriptors each, and have them taken. No name
 * is used twice in a row.
 */
static void pass(struct front *front, unsigned n, unsigned pieces)
{
	struct front_ring *tx = &front->rings[1];

	for (unsigned i = 0; i < n; i++) {
		unsigned before = front_done(tx), head = i % 2 ? 3 : 6;

		for (unsigned k = 0; k < pieces; k++)
			front_desc(tx, head + k, front_gpa(front, front_buffer(front, k)), 60,
				   k + 1 < pieces ? VRING_DESC_F_NEXT : 0,
				   (uint16_t)(head + k + 1));
		front_make_available(tx, (uint16_t)head);
		assert_int_equal(front_take(front, 16), 1);
		assert_int_equal(front_done(tx), before + 1);
	}
}

static uint32_t get_base(struct front *front, unsigned index)
{
	union proto_payload payload = {.state = {index, 0}};
	uint32_t request;
	int fd;

	assert_int_equal(front_say(front, 11, PROTO_VERSION, &payload, 8, NULL, 0), 0);
	assert_int_equal(front_reply(front, &request, &payload, &fd), 8);
	return payload.state.num;
}

/* As after a reconnection: the ring is as it was, and @base all that is said of it. */
static void restart(struct front *front, unsigned index, uint32_t base)
{
	struct front_ring *ring = &front->rings[index];

	assert_int_equal(front_say_state(front, 10, index, base), 0);
	assert_int_equal(front_say_fd(front, 13, index, ring->call), 0);
	assert_int_equal(front_say_fd(front, 12, index, ring->kick), 0);
	assert_non_null(ring->queue);
}

/*
 * T42: the base in all its forms, at every place of the ring, in laps of both kinds,
 * with chains and batches of several lengths, and something waiting or not.
 */
static void t42_base(void **state)
{
	for (unsigned way = 0; way < 2 * 3 * 4; way++) {
		uint64_t features = PACKED | (way & 1 ? IN_ORDER : 0);
		unsigned pieces = 1 + way / 2 % 3, form = way / 6;

		for (unsigned done = 0; done < 3 * SIZE; done++) {
			struct front front;

			front_open(&front);
			front_up(&front, features, SIZE);
			struct front_ring *tx = &front.rings[1];
			pass(&front, done, pieces);
			uint16_t at = tx->used_at;
			if (done % 2)
				front_send(&front, 2);
			uint32_t base = get_base(&front, 1);
			assert_int_equal(base, at | (uint32_t)at << 16);
			switch (form) {
			case 0: break;
			case 1: base &= 0xffff; break;
			case 2: base = (base & 0xffff0000) | tx->avail_at; break;
			default:
				base = 0x80008000; /* of a back-end that died: all that QEMU knows */
			}
			/* what tells the end of a chain of several: IN_ORDER, or a true base */
			bool true_base = form < 2 || (form == 2 && base >> 16);
			bool lost = pieces > 1 && !true_base && !(features & IN_ORDER);
			restart(&front, 1, base);
			if (!lost) {
				if (done % 2)
					assert_int_equal(front_take(&front, 16), 2);
				pass(&front, SIZE, 1);
				assert_int_equal(front_take(&front, 16), 0);
			}
			front_close(&front);
		}
	}
}

/* A receive ring that is full of buffers at any place goes on there, whatever the base says. */
static void a_full_ring_goes_on(void **state)
{
	const struct virtio_net_hdr_v1 hdr = {.num_buffers = 1};

	for (unsigned done = 0; done < 3 * SIZE; done++) {
		struct front front;

		front_open(&front);
		front_up(&front, PACKED, SIZE);
		struct front_ring *rx = &front.rings[0];
		for (unsigned i = 0; i < SIZE; i++) {
			front_desc(rx, i, front_gpa(&front, front_buffer(&front, i)), 100,
				   VRING_DESC_F_WRITE, 0);
			front_make_available(rx, (uint16_t)i);
		}
		for (unsigned i = 0; i < done + 2 * SIZE; i++) {
			if (i == done) {
				get_base(&front, 0);
				restart(&front, 0, 0x80008000);
			}
			assert_true(vhost_queue_begin(rx->queue));
			assert_int_equal(front_put_tail(rx->queue, &hdr, NULL, 0, 0), 0);
			vhost_queue_end(rx->queue);
			assert_int_equal(front_done(rx), i + 1);
			front_make_available(rx, (uint16_t)front_element(rx, i).id);
		}
		front_close(&front);
	}
}

/* Killed with a burst half given back: the guest gets the whole of it, and nothing stops. */
static void a_burst_that_was_cut_is_finished(void **state)
{
	for (unsigned done = 0; done < 2 * SIZE; done++) {
		struct front front;
		struct vring_used_elem element;

		front_open(&front);
		front_up(&front, PACKED, SIZE);
		struct front_ring *tx = &front.rings[1];
		pass(&front, done, 1);
		front_send(&front, 5);
		/* elements 1 and 2 of a burst are there, and element 0, which shows them, is not */
		for (unsigned i = 1; i < 3; i++) {
			uint16_t at = packed_step(SIZE, tx->used_at, i);
			uint64_t used = packed_used(at, (uint16_t)i, 0);

			memcpy(&tx->slots[packed_place(at)].len, &used, sizeof(used));
		}
		get_base(&front, 1);
		restart(&front, 1, 0x80008000);
		assert_int_equal(front_done(tx), done + 3);
		for (unsigned i = 0; i < 3; i++) {
			element = front_element(tx, done + i);
			assert_int_equal(element.id, i);
			assert_int_equal(element.len, 0);
		}
		assert_int_equal(front_take(&front, 16), 2);
		assert_int_equal(front_done(tx), done + 5);
		pass(&front, SIZE, 1);
		front_close(&front);
	}
}

/* Rings full of anything: the position found lies in the ring, and work on it ends. */
static void forged_rings_have_a_place(void **state)
{
	uint32_t seed = 1;

	for (unsigned round = 0; round < 20000; round++) {
		struct guest_slot slots[SIZE];
		struct ring ring = {.size = (uint16_t)(1 + round % SIZE), .slots = slots};

		for (unsigned i = 0; i < SIZE; i++) {
			seed = seed * 1103515245 + 12345;
			slots[i].rest.raw = (uint64_t)(seed >> 12 & 3) << 32 |
					    (seed & 0x10000 ? (uint64_t)PACKED_AVAIL << 48 : 0) |
					    (seed & 0x20000 ? (uint64_t)PACKED_USED << 48 : 0);
		}
		ring.in_order = round & 64;
		assert_true(packed_place(packed_resume(&ring, (uint16_t)(seed >> 16))) < ring.size);
	}
}

/* Was an event passed between two positions? Against counting, over several laps. */
static void h8_event_arithmetic(void **state)
{
	const struct ring ring = {.size = SIZE};

	for (unsigned old = 0; old < 2 * SIZE; old++) {
		for (unsigned n = 1; n <= SIZE; n++) {
			uint16_t from = (uint16_t)(old % SIZE | (old < SIZE ? PACKED_WRAP : 0));
			uint16_t to = packed_step(SIZE, from, n);

			for (unsigned event = 0; event < 2 * SIZE; event++) {
				uint16_t at =
					(uint16_t)(event % SIZE | (event < SIZE ? PACKED_WRAP : 0));
				bool want = false;

				for (unsigned i = 0; i < n; i++)
					want |= packed_step(SIZE, from, i) == at;
				assert_int_equal(packed_event_passed(&ring, at, to, from), want);
			}
		}
	}
}

/* T2: a chain that never ends leaves no place to go on at: the ring is silent. */
static void t2_endless_chain(void **state)
{
	for (unsigned index = 0; index < 2; index++) {
		struct front front;
		const struct virtio_net_hdr_v1 hdr = {.num_buffers = 1};

		front_open(&front);
		front_up(&front, PACKED, SIZE);
		struct front_ring *ring = &front.rings[index];
		for (unsigned i = 0; i < SIZE; i++)
			front_desc(ring, i, front_gpa(&front, front_buffer(&front, i)), 60,
				   VRING_DESC_F_NEXT | (index ? 0 : VRING_DESC_F_WRITE),
				   (uint16_t)((i + 1) % SIZE));
		front_make_available(ring, 0);
		for (unsigned i = 0; i < 3; i++) {
			if (index) {
				assert_int_equal(front_take(&front, 16), 0);
			} else {
				assert_true(vhost_queue_begin(ring->queue));
				assert_int_equal(front_put_tail(ring->queue, &hdr, NULL, 0, 0), -5);
				vhost_queue_end(ring->queue);
			}
		}
		assert_true(vhost_queue_is_broken(ring->queue));
		assert_false(vhost_queue_arm(ring->queue));
		assert_int_equal(vhost_queue_stats(ring->queue).bad_index, 1);
		assert_int_equal(front_count(ring->err), 1);
		assert_int_equal(front_done(ring), 0);
		front_close(&front);
	}
}

/*
 * T9: among good ones, at every place of a line of four, one descriptor that is not:
 * it alone is dropped, and given back.
 */
static void t9_one_bad_of_four(void **state)
{
	const struct {
		uint64_t gpa;
		uint32_t len;
		uint16_t flags;
	} bad[] = {
		{0, HEADER - 1, 0},
		{0, 0, 0},
		{UINT64_MAX - 50, 100, 0},
		{16, 100, 0},
		{0, UINT32_MAX, 0},
		{0, 100, VRING_DESC_F_WRITE},
		{0, 100, VRING_DESC_F_INDIRECT},
		{0, 16, VRING_DESC_F_INDIRECT},
		{0, 0, VRING_DESC_F_INDIRECT},
	};
	struct front_frame frames[16];
	struct iovec pool[512];

	for (unsigned way = 0; way < 4 * sizeof(bad) / sizeof(bad[0]); way++) {
		struct front front;

		front_open(&front);
		front_up(&front, PACKED | INDIRECT, 16);
		struct front_ring *tx = &front.rings[1];
		memset(front_buffer(&front, 4), 0xff, 4096); /* no table either */
		for (unsigned i = 0; i < 8; i++) {
			uint64_t gpa =
				front_gpa(&front, front_buffer(&front, i % 4 == way % 4 ? 4 : i));

			if (i % 4 == way % 4)
				front_desc(tx, i, bad[way / 4].gpa ? bad[way / 4].gpa : gpa,
					   bad[way / 4].len, bad[way / 4].flags, 0);
			else
				front_desc(tx, i, gpa, 60 + i, 0, 0);
			front_make_available(tx, (uint16_t)i);
		}
		assert_int_equal(front_take_frames(tx->queue, frames, 16, 128, pool, 512), 8);
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(frames[i].is.fault, i % 4 == way % 4);
			assert_int_equal(frames[i].is.len, i % 4 == way % 4 ? 0 : 60 + i - HEADER);
		}
		vhost_queue_give_back(tx->queue);
		assert_int_equal(front_done(tx), 8);
		struct vhost_queue_stats stats = vhost_queue_stats(tx->queue);
		assert_int_equal(stats.bad_chain + stats.bad_address, 2);
		front_close(&front);
	}
}

/* Buffer ids are the driver's own affair: any number comes back as it was. */
static void ids_are_not_looked_at(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, PACKED, SIZE);
	struct front_ring *tx = &front.rings[1];
	tx->slots[0] = (struct vring_packed_desc){
		.addr = front_gpa(&front, front_buffer(&front, 0)),
		.len = 60,
		.id = 0xfff0,
		.flags = PACKED_AVAIL,
	};
	assert_int_equal(front_take(&front, 16), 1);
	assert_int_equal(tx->slots[0].id, 0xfff0);
	assert_int_equal(tx->slots[0].flags, PACKED_AVAIL | PACKED_USED);
	front_close(&front);
}

/* 2.8.7: of the flags in an indirect table WRITE alone means something; its end is its length. */
static void indirect_tables_are_lists(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, PACKED | INDIRECT, SIZE);
	struct front_ring *tx = &front.rings[1];
	struct vring_packed_desc *table = (void *)front_buffer(&front, 5);
	for (unsigned i = 0; i < 3; i++)
		table[i] = (struct vring_packed_desc){
			.addr = front_gpa(&front, front_buffer(&front, i)),
			.len = 30,
			.id = 77,
			.flags = (uint16_t)(i == 1 ? VRING_DESC_F_INDIRECT
						   : VRING_DESC_F_NEXT | PACKED_USED),
		};
	front_desc(tx, 0, front_gpa(&front, table), sizeof(*table) * 3, VRING_DESC_F_INDIRECT, 0);
	front_make_available(tx, 0);
	struct front_frame frame;
	struct iovec pool[256];
	assert_int_equal(front_take_frames(tx->queue, &frame, 1, 20, pool, 256), 1);
	assert_false(frame.is.fault);
	assert_int_equal(frame.is.len, 90 - HEADER);
	vhost_queue_give_back(tx->queue);
	assert_int_equal(front_done(tx), 1);
	front_close(&front);
}

/*
 * A guest that makes places available again in the middle of a burst, before it got
 * them back: more than a ring of two can hold. Here the snapshots do it: each lies in
 * the ring, and what is copied there is the next lap.
 */
static void a_lap_too_many_breaks(void **state)
{
	enum {
		BEFORE = 4
	}; /* bytes of the snapshot that lie before the ring: it must be aligned */
	struct iovec pool[1024];
	struct front front;

	front_open(&front);
	front_up(&front, PACKED | IN_ORDER, 2);
	struct front_ring *tx = &front.rings[1];
	const struct vhost_room room = {
		.frames = (void *)((char *)tx->slots - BEFORE - offsetof(struct vhost_frame, hdr)),
		.stride = 0,
		.n_frames = 3,
		.head_max = 128,
		.pieces = pool,
		.n_pieces = 1024,
		.n_bytes = UINT32_MAX,
	};
	for (unsigned lap = 4; lap-- > 0;) {
		uint16_t available = lap % 2 ? PACKED_USED : PACKED_AVAIL;
		uint64_t gpa = front_gpa(&front, front_buffer(&front, lap));
		struct vring_packed_desc chain[2] = {
			{gpa, 16, 0, available | VRING_DESC_F_NEXT},
			{gpa + 16, 16 + BEFORE, 0, available},
		};

		memcpy(lap ? front_buffer(&front, lap - 1) + BEFORE : (void *)tx->slots, chain,
		       sizeof(chain));
	}
	assert_true(vhost_queue_take(tx->queue, &room) > 1);
	vhost_queue_give_back(tx->queue);
	assert_true(vhost_queue_is_broken(tx->queue));
	assert_int_equal(vhost_queue_take(tx->queue, &room), 0);
	front_close(&front);
}

/* Another layout for rings that rest: they begin anew, and not where the old ones stood. */
static void another_layout_begins_anew(void **state)
{
	struct front_frame frame;
	struct iovec pool[256];
	struct front front;

	front_open(&front);
	front_up(&front, 0, 8);
	struct front_ring *tx = &front.rings[1];
	front_desc(tx, 0, front_gpa(&front, front_buffer(&front, 0)), 60, 0, 0);
	for (unsigned i = 0; i < 40; i++) {
		front_make_available(tx, 0);
		assert_int_equal(front_take(&front, 16), 1);
	}
	/* where a packed ring at place 40 would look: behind its end */
	memcpy(&((struct vring_packed_desc *)(void *)tx->desc)[40],
	       &(struct vring_packed_desc){front_gpa(&front, front_buffer(&front, 0)), 60, 0,
					   PACKED_USED},
	       sizeof(struct vring_packed_desc));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(front_say_state(&front, 18, i, 0), 0);
	assert_int_equal(front_say_number(&front, 2, front.features | PACKED), 0);
	assert_int_equal(front_say_state(&front, 18, 1, 1), 0);
	assert_non_null(tx->queue);
	assert_int_equal(front_take_frames(tx->queue, &frame, 1, 128, pool, 256), 0);
	front_close(&front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t42_base),
		cmocka_unit_test(a_full_ring_goes_on),
		cmocka_unit_test(a_burst_that_was_cut_is_finished),
		cmocka_unit_test(forged_rings_have_a_place),
		cmocka_unit_test(h8_event_arithmetic),
		cmocka_unit_test(t2_endless_chain),
		cmocka_unit_test(t9_one_bad_of_four),
		cmocka_unit_test(ids_are_not_looked_at),
		cmocka_unit_test(indirect_tables_are_lists),
		cmocka_unit_test(a_lap_too_many_breaks),
		cmocka_unit_test(another_layout_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
