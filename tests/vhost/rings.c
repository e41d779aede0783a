/*
 * rings - indices as no driver would write them, and the ring's own memory under
 * attack. A ring that is wrong stops and says so on its error eventfd; the guest
 * may reset it and go on.
 *
 * Names and numbers T15.. are those of the test specifications.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/stream.h"
#include "tests/vhost/pair.h"

static void set_avail_idx(struct guest_ring *ring, uint16_t idx)
{
	__atomic_store_n(&ring->avail->idx, idx, __ATOMIC_RELEASE);
	guest_ring_kick(ring);
}

/* Frames to a guest whose receive ring is out of buffers or has none that is right. */
static void offer_frames(struct pair *pair, unsigned n)
{
	uint8_t frame[PACKET_MIN];

	packet_build(frame, sizeof(frame), scene_mac(OFFENDER), scene_mac(PEER), 1, 1);
	for (unsigned i = 0; i < n; i++)
		frontend_send(&pair->peer, 0, NULL, frame, sizeof(frame));
	pair_await_return(&pair->peer, "frames to a broken ring");
}

/*
 * A packed ring has no index: its descriptors' flags say what is available. Here at
 * random: whatever is made of it comes to rest. (Without end: t02_chain_loops_packed.)
 */
static void jump_packed(struct scene *scene)
{
	uint64_t state = 15;
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < runner_amount(16, 1000); i++) {
		struct guest_ring *ring = &pair.fe.queues[i % 2].ring;

		for (unsigned k = 0; k < 4U * ring->size; k++) {
			struct vring_packed_desc *slot =
				(void *)&ring->desc[packet_noise(&state) % ring->size];

			__atomic_store_n(&slot->flags, (uint16_t)packet_noise(&state),
					 __ATOMIC_RELAXED);
			__atomic_store_n(&slot->id, (uint16_t)packet_noise(&state),
					 __ATOMIC_RELAXED);
			guest_ring_kick(ring);
		}
		offer_frames(&pair, 64);
		if (i % 8 < 2)
			scene_check_idle(scene);
		pair_restart(&pair);
		scene_discard(&pair.peer);
		scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 2);
	}
	pair_close(&pair);
	check(harness_counters(&scene->dp, OFFENDER)->faults[FAULT_BAD_CHAIN] > 0,
	      "no chain was refused");
}

static void t15_index_jumps(struct scene *scene)
{
	struct guest_ring *tx, *rx;
	uint64_t state = 15;
	struct pair pair;

	if (scene->packed) {
		jump_packed(scene);
		return;
	}
	pair_open(&pair, scene, NULL);
	tx = frontend_tx(&pair.fe, 0);
	rx = frontend_rx(&pair.fe, 0);
	pair_watch_errors(&pair);
	set_avail_idx(tx, (uint16_t)(tx->avail_idx + tx->size + 1));
	scene_check_idle(scene); /* nobody spins on a broken ring */
	pair_expect_broken(&pair, tx, "a jump by more than the ring");
	set_avail_idx(tx, (uint16_t)(tx->avail_idx - 1));
	pair_expect_broken(&pair, tx, "a step back");
	guest_ring_add_raw(tx, tx->size);
	guest_ring_publish(tx);
	pair_expect_broken(&pair, tx, "a head outside of the ring");
	guest_ring_add_raw(tx, 0xffff);
	guest_ring_publish(tx);
	scene_check_idle(scene);
	pair_expect_broken(&pair, tx, "head 65535");

	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 50; k++)
			set_avail_idx(tx, (uint16_t)packet_noise(&state));
		set_avail_idx(tx, (uint16_t)(tx->avail_idx + 3 * tx->size));
		pair_expect_broken(&pair, tx, "random indices");
	}

	/* The receive ring is looked at again when all that was seen of it is used up. */
	for (unsigned i = 0; i < 2; i++) {
		if (i == 0)
			set_avail_idx(rx, (uint16_t)(rx->used_idx + 2 * rx->size));
		else
			for (unsigned k = 0; k < rx->size; k++)
				rx->avail->ring[k] = (uint16_t)(rx->size + k);
		offer_frames(&pair, rx->size + 1U);
		scene_check_idle(scene);
		pair_expect_broken(&pair, rx,
				   i == 0 ? "receive ring: a jump" : "receive ring: heads");
	}
	pair_close(&pair);
	scene_expect_faults(scene, OFFENDER, FAULT_BAD_INDEX, 26);
}

static void t16_head_twice(struct scene *scene)
{
	struct guest_ring *ring;
	struct vring_desc desc;
	struct pair pair;
	uint64_t before, seen;
	unsigned n = 0;

	pair_open(&pair, scene, NULL);
	ring = frontend_tx(&pair.fe, 0);
	before = harness_counters(&scene->dp, OFFENDER)->rx_frames;
	desc = (struct vring_desc){.addr = pair_make_buffer(&pair, 100, 16), .len = 112};
	ring->forgiving = true;
	for (; n < 200; n += 2) {
		int head = guest_ring_add_crafted(ring, &desc, 1);

		if (scene->packed) { /* another descriptor of the same name */
			guest_ring_add_crafted(ring, &desc, 1);
			((struct vring_packed_desc *)(void *)ring->desc)[n + 1].id = (uint16_t)head;
		} else {
			guest_ring_add_raw(ring, (uint16_t)head);
		}
	}
	guest_ring_publish(ring);
	check(clock_await(CLOCK_PATIENCE_MS, guest_ring_forget_used(ring)),
	      "not all that was available was used");
	clock_nap_us(10000);
	check(!guest_ring_pending(ring), "more was used than was available");
	seen = harness_counters(&scene->dp, OFFENDER)->rx_frames - before;
	check(seen == n, "%llu frames of %u were counted", (unsigned long long)seen, n);
	pair_close(&pair);
}

struct scribbler {
	uint8_t *bytes;
	size_t size;
	atomic_bool stop;
};

static void *scribble(void *argument)
{
	struct scribbler *scribbler = argument;
	uint64_t state = 17;

	while (!atomic_load(&scribbler->stop)) {
		uint64_t noise = packet_noise(&state);

		__atomic_store_n(&scribbler->bytes[noise % scribbler->size], (uint8_t)(noise >> 56),
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 * The guest writes noise over its own used rings while they run; or over all of a
 * packed ring, where used elements take the place of descriptors.
 */
static void t17_used_ring_overwritten(struct scene *scene)
{
	struct scribbler scribblers[2];
	struct stream to_fe;
	struct pair pair;
	pthread_t threads[2];

	pair_open(&pair, scene, NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct guest_ring *ring = &pair.fe.queues[i].ring;

		scribblers[i] = (struct scribbler){.bytes = (uint8_t *)ring->used,
						   .size = 6 + 8UL * ring->size};
		if (scene->packed)
			scribblers[i] = (struct scribbler){.bytes = (uint8_t *)ring->desc,
							   .size = 16UL * ring->size};
		check(pthread_create(&threads[i], NULL, scribble, &scribblers[i]) == 0,
		      "pthread_create");
	}
	to_fe = (struct stream){.from = &pair.peer, .from_port = PEER, .to_port = OFFENDER};
	stream_start(&to_fe);
	stream_await(&to_fe, runner_amount(3000, 100000));
	for (unsigned i = 0; i < 200; i++) {
		uint8_t frame[100];

		packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 1, i);
		guest_memory_write(pair.fe.memory, pair.fe.queues[1].slots[i] + FRONTEND_HEADER,
				   frame, sizeof(frame));
		guest_ring_add_crafted(frontend_tx(&pair.fe, 0),
				       &(struct vring_desc){.addr = pair.fe.queues[1].slots[i],
							    .len = FRONTEND_HEADER + sizeof(frame)},
				       1);
		guest_ring_publish(frontend_tx(&pair.fe, 0));
		guest_ring_kick(frontend_tx(&pair.fe, 0));
	}
	stream_stop(&to_fe);
	pair_await_return(&pair.peer, "frames to a broken ring");
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&scribblers[i].stop, true);
		pthread_join(threads[i], NULL);
	}
	pair_restart(&pair);
	scene_discard(&pair.peer);
	scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 3);
	pair_close(&pair);
}

/* Receive buffers that are the guest's own rings: it shoots itself, nobody else. */
static void t17_buffers_over_rings(struct scene *scene)
{
	struct pair pair;

	pair_open(&pair, scene, NULL);
	for (unsigned target = 0; target < 6; target++) {
		struct guest_ring *ring = &pair.fe.queues[target / 3].ring;
		const uint64_t places[] = {ring->desc_gpa, ring->avail_gpa, ring->used_gpa};
		struct vring_desc desc = {
			.addr = places[target % 3], .len = 2048, .flags = VRING_DESC_F_WRITE};
		uint8_t frame[1000];

		pair_restart_without_buffers(&pair);
		/* The worker has met both rings: their start does not race with what follows. */
		scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 1);
		for (unsigned i = 0; i < 32; i++)
			guest_ring_add_crafted(frontend_rx(&pair.fe, 0), &desc, 1);
		guest_ring_publish(frontend_rx(&pair.fe, 0));
		for (unsigned i = 0; i < 64; i++) {
			packet_build(frame, sizeof(frame), scene_mac(OFFENDER), scene_mac(PEER), 1,
				     i);
			frontend_send(&pair.peer, 0, NULL, frame, sizeof(frame));
			guest_ring_kick(frontend_tx(&pair.fe, 0));
		}
		pair_await_return(&pair.peer, "frames into rings");
	}
	pair_restart(&pair);
	scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 3);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t15_index_jumps", t15_index_jumps},
		{.name = "t16_head_twice", t16_head_twice},
		{.name = "t17_used_ring_overwritten", t17_used_ring_overwritten},
		{.name = "t17_buffers_over_rings", t17_buffers_over_rings},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
