/*
 * stream - what the generator sends, and whether it notices what a switch does wrong.
 *
 * A switch is played here: it takes frames from one guest's transmit ring, does
 * something to them, and puts them into the other's receive ring. Each test says
 * what it did, and the counts must say the same.
 */
#include "bench/stream.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/runner.h"

enum { RING = 64, HELD_MAX = 2 * RING, FRAME_ROOM = 2048 };

/* A frame on its way through the switch, virtio-net header included. */
struct held {
	uint32_t len;
	uint8_t bytes[FRAME_ROOM];
};

struct bed {
	struct guest guests[2];
	struct stream stream;
	struct held held[HELD_MAX];
	unsigned n_held;
	uint16_t tx_seen; /* by the switch */
	uint16_t rx_seen;
};

static void bed_create(struct bed *bed, const struct stream_options *options, uint32_t buffer)
{
	const struct guest_options guest = {
		.ring_size = RING,
		.buffer = buffer,
		.frame_max = stream_frame_max(options),
		.mergeable = true,
	};

	for (unsigned i = 0; i < 2; i++) {
		guest_create(&bed->guests[i], &guest);
		bed->guests[i].mergeable = true;
	}
	stream_create(&bed->stream, options, &bed->guests[0], &bed->guests[1], 0, 0x1234);
	driver_publish(&bed->guests[1].rx);
}

static void bed_destroy(struct bed *bed)
{
	stream_destroy(&bed->stream);
	for (unsigned i = 0; i < 2; i++)
		guest_destroy(&bed->guests[i]);
	free(bed);
}

static void use(struct driver_ring *ring, uint16_t id, uint32_t len)
{
	uint16_t at = ring->used->idx;

	ring->used->ring[at % RING] = (struct vring_used_elem){.id = id, .len = len};
	__atomic_store_n(&ring->used->idx, (uint16_t)(at + 1), __ATOMIC_RELEASE);
}

/* The switch takes all that was sent; it gives the buffers back in an order of its own. */
static void take_all(struct bed *bed)
{
	struct driver_ring *tx = &bed->guests[0].tx;
	uint16_t ids[RING];
	unsigned n = 0;

	for (; bed->tx_seen != tx->avail->idx; bed->tx_seen++) {
		uint16_t id = tx->avail->ring[bed->tx_seen % RING];
		struct held *held = &bed->held[bed->n_held++];

		held->len = tx->desc[id].len;
		memcpy(held->bytes, tx->buffers[id], held->len);
		ids[n++] = id;
	}
	while (n > 0)
		use(tx, ids[--n], 0);
}

/* The switch puts a frame into as many receive buffers as it needs. */
static void put(struct bed *bed, struct held *held)
{
	struct driver_ring *rx = &bed->guests[1].rx;
	uint32_t room = rx->desc[0].len, done = 0;

	((struct virtio_net_hdr_v1 *)(void *)held->bytes)->num_buffers =
		(uint16_t)((held->len + room - 1) / room);
	while (done < held->len) {
		uint16_t id = rx->avail->ring[bed->rx_seen++ % RING];
		uint32_t part = held->len - done < room ? held->len - done : room;

		check(bed->rx_seen != (uint16_t)(rx->avail->idx + 1), "no receive buffer is left");
		memcpy(rx->buffers[id], held->bytes + done, part);
		use(rx, id, part);
		done += part;
	}
}

static void put_all(struct bed *bed)
{
	for (unsigned i = 0; i < bed->n_held; i++)
		put(bed, &bed->held[i]);
	bed->n_held = 0;
	while (stream_receive(&bed->stream, NULL))
		;
}

/* @n frames are sent and lie in the switch. */
static struct bed *bed_with(const struct stream_options *options, uint32_t buffer, unsigned n)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	check(bed, "out of memory");
	bed_create(bed, options, buffer);
	check(stream_send(&bed->stream, n) == n, "could not send %u frames", n);
	take_all(bed);
	return bed;
}

static const struct stream_options plain = {.size = 64, .flows = 1, .verify = true};

static void expect(struct bed *bed, uint64_t received, uint64_t late, uint64_t corrupt,
		   uint64_t foreign)
{
	const struct stream_counts *counts = &bed->stream.counts;

	check(counts->received == received, "received: %llu, not %llu",
	      (unsigned long long)counts->received, (unsigned long long)received);
	check(counts->late == late, "late: %llu", (unsigned long long)counts->late);
	check(counts->corrupt == corrupt, "corrupt: %llu", (unsigned long long)counts->corrupt);
	check(counts->foreign == foreign, "foreign: %llu", (unsigned long long)counts->foreign);
	bed_destroy(bed);
}

static void all_arrive(struct scene *scene)
{
	static const struct stream_options kinds[] = {
		{.size = 64, .flows = 1, .verify = true},
		{.size = 1518, .flows = 70000, .verify = true},
		{.size = 0, .flows = 3, .vary = STREAM_MACS, .verify = true},
		{.size = 64, .flows = 5, .vlan = 7, .verify = true},
	};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct bed *bed = bed_with(&kinds[i], FRAME_ROOM, RING);

		for (unsigned round = 0; round < 100; round++) {
			put_all(bed);
			check(stream_send(&bed->stream, RING) == RING, "buffers are missing");
			take_all(bed);
		}
		expect(bed, 100 * RING, 0, 0, 0);
	}
}

static void merged_frames_arrive(struct scene *scene)
{
	const struct stream_options big = {.size = 1518, .flows = 1, .verify = true};

	struct bed *bed = bed_with(&big, 512, 10);

	put_all(bed);
	expect(bed, 10, 0, 0, 0);
}

static void half_a_merged_frame_waits(struct scene *scene)
{
	const struct stream_options big = {.size = 1518, .flows = 1, .verify = true};
	struct bed *bed = bed_with(&big, 512, 1);
	struct driver_ring *rx = &bed->guests[1].rx;

	put(bed, &bed->held[0]);
	rx->used->idx = (uint16_t)(rx->used->idx - 1);
	check(stream_receive(&bed->stream, NULL) == 0, "half a frame was received");
	rx->used->idx = (uint16_t)(rx->used->idx + 1);
	check(stream_receive(&bed->stream, NULL) == 1, "the whole frame was not");
	expect(bed, 1, 0, 0, 0);
}

static void lost_frames_are_missing(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);

	bed->n_held = 7;
	put_all(bed);
	expect(bed, 7, 0, 0, 0);
}

static void a_changed_byte_is_seen(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);

	bed->held[3].bytes[GUEST_HEADER + 20] ^= 1;
	bed->held[4].bytes[bed->held[4].len - 1] ^= 1;
	put_all(bed);
	expect(bed, 10, 0, 2, 0);
}

static void a_wrong_length_is_seen(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);

	bed->held[5].len += 4;
	put_all(bed);
	expect(bed, 10, 0, 1, 0);
}

static void a_wrong_flow_is_seen(struct scene *scene)
{
	const struct stream_options flows = {.size = 64, .flows = 100, .verify = true};
	struct bed *bed = bed_with(&flows, FRAME_ROOM, 10);

	/* the source port of another flow */
	bed->held[2].bytes[GUEST_HEADER + 35] ^= 1;
	put_all(bed);
	expect(bed, 10, 0, 1, 0);
}

static void another_order_is_seen(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);
	struct held third = bed->held[2];

	bed->held[2] = bed->held[3];
	bed->held[3] = third;
	put_all(bed);
	expect(bed, 10, 1, 0, 0);
}

static void a_copy_is_seen(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);

	bed->held[bed->n_held] = bed->held[4];
	bed->n_held++;
	put_all(bed);
	expect(bed, 11, 1, 0, 0);
}

static void a_frame_of_others_is_seen(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);

	bed->held[1].bytes[GUEST_HEADER + 42] ^= 2; /* the mark */
	bed->held[2].len = GUEST_HEADER + 30;
	put_all(bed);
	expect(bed, 8, 0, 0, 2);
}

static void a_descriptor_that_is_none_breaks_the_ring(struct scene *scene)
{
	struct bed *bed = bed_with(&plain, FRAME_ROOM, 10);

	use(&bed->guests[1].rx, RING, 100);
	check(stream_receive(&bed->stream, NULL) == 0, "a frame came from nowhere");
	check(bed->guests[1].rx.broken, "the ring is still believed");
	bed_destroy(bed);
}

static void play(const struct runner_test *test)
{
	test->run(NULL);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{"all arrive", all_arrive},
		{"merged frames arrive", merged_frames_arrive},
		{"half a merged frame waits", half_a_merged_frame_waits},
		{"lost frames are missing", lost_frames_are_missing},
		{"a changed byte is seen", a_changed_byte_is_seen},
		{"a wrong length is seen", a_wrong_length_is_seen},
		{"a wrong flow is seen", a_wrong_flow_is_seen},
		{"another order is seen", another_order_is_seen},
		{"a copy is seen", a_copy_is_seen},
		{"a frame of others is seen", a_frame_of_others_is_seen},
		{"a descriptor that is none breaks the ring",
		 a_descriptor_that_is_none_breaks_the_ring},
	};

	return runner_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]), play);
}
