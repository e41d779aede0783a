/*
 * chains - descriptors as no driver would write them: loops, odd tables, wrong
 * lengths, directions and addresses. Each costs its sender one frame.
 *
 * Names and numbers T1.. are those of the test specifications.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/vhost/pair.h"

enum {
	HEADER = FRONTEND_HEADER,
	NEXT = VRING_DESC_F_NEXT,
	WRITE = VRING_DESC_F_WRITE,
	INDIRECT = VRING_DESC_F_INDIRECT,
};

/* ---- T1 ---- */

struct flipper {
	struct vring_desc *desc; /* 256 */
	uint64_t addrs[4];
	uint32_t lens[8];
	atomic_bool stop;
};

static void *flip(void *argument)
{
	struct flipper *flipper = argument;
	uint64_t state = 1;

	while (!atomic_load(&flipper->stop)) {
		uint64_t noise = packet_noise(&state);
		struct vring_desc *desc = &flipper->desc[noise >> 32 & 255];

		__atomic_store_n(&desc->addr, flipper->addrs[noise & 3], __ATOMIC_RELAXED);
		__atomic_store_n(&desc->len, flipper->lens[noise >> 8 & 7], __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 * Address and length of waiting descriptors change all the time, among them
 * values that are far outside. What is delivered was in one buffer or the
 * other, and no frame is half of each.
 */
static void t01_descriptor_flip(struct scene *scene)
{
	uint64_t end = clock_now_ms() + runner_amount(600, 10000);
	unsigned delivered = 0;
	struct flipper flipper = {0};
	struct guest_ring *ring;
	uint64_t a, b, before;
	struct pair pair;
	pthread_t thread;

	pair_open(&pair, scene, NULL);
	ring = frontend_tx(&pair.fe, 0);
	ring->forgiving = true;
	a = pair_make_buffer(&pair, 1000, 0xa);
	b = pair_make_buffer(&pair, 1000, 0xb);
	flipper.desc = ring->desc;
	memcpy(flipper.addrs, (uint64_t[]){a, b, 15 << 20, 0xffffffffffffff00}, 32);
	memcpy(flipper.lens, (uint32_t[]){72, 212, 1012, 11, 0, 0xffffffff, 0x7fffffff, 600}, 32);
	check(pthread_create(&thread, NULL, flip, &flipper) == 0, "pthread_create");
	before = pair_drops(&pair);
	while (clock_now_ms() < end) {
		struct virtio_net_hdr_v1 hdr;
		uint32_t stream, number;
		uint8_t frame[2048];
		ssize_t len;

		for (unsigned i = 0; i < 64; i++)
			guest_ring_add_crafted(ring, &(struct vring_desc){.addr = a, .len = 72}, 1);
		guest_ring_publish(ring);
		check(clock_await(CLOCK_PATIENCE_MS, guest_ring_forget_used(ring)),
		      "the ring stands still");
		while ((len = frontend_take(&pair.peer, 0, &hdr, frame, sizeof(frame))) >= 0) {
			check(packet_read_stamp(frame, PACKET_ETH, (uint32_t)len, &stream,
						&number) &&
				      (stream == 0xa || stream == 0xb),
			      "a frame of %zd bytes that was never written", len);
			delivered++;
		}
	}
	atomic_store(&flipper.stop, true);
	pthread_join(thread, NULL);
	check(delivered > 0, "no frame came through");
	check(pair_drops(&pair) > before, "no chain was refused");
	pair_close(&pair);
}

/* ---- T2, T3, T4: chains ---- */

/*
 * In a packed ring a chain goes on in the next place, so the only loop is all of the
 * ring; nobody can say where the next chain would begin.
 */
static void loop_packed(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN, .ring_size = 64};
	struct vring_desc descs[64];
	struct pair pair;

	for (unsigned i = 0; i < 64; i++)
		descs[i] =
			(struct vring_desc){.addr = 0x1000, .len = i % 2 ? 0 : 100, .flags = NEXT};
	pair_open(&pair, scene, &options);
	pair_watch_errors(&pair);
	for (unsigned i = 0; i < 3; i++) {
		struct guest_ring *tx = frontend_tx(&pair.fe, 0);

		pair_await_return(&pair.fe, "frames before");
		guest_ring_add_crafted(tx, descs, 64);
		guest_ring_publish(tx);
		scene_check_idle(scene); /* nobody spins on a broken ring */
		pair_expect_broken(&pair, tx, "a chain without end");
	}
	pair_close(&pair);
	scene_expect_faults(scene, OFFENDER, FAULT_BAD_INDEX, 3);
}

static void t02_chain_loops(struct scene *scene)
{
	const struct vring_desc to_itself[] = {{.addr = 0x1000, .len = 100, .flags = NEXT}};
	struct vring_desc two[] = {{.addr = 0x1000, .len = 100, .flags = NEXT, .next = 1},
				   {.addr = 0x1000, .len = 100, .flags = NEXT, .next = 0}};
	struct vring_desc outside[] = {{.addr = 0x1000, .len = 100, .flags = NEXT, .next = 256}};
	struct vring_desc table;
	struct pair pair;
	uint64_t gpa;

	if (scene->packed) {
		loop_packed(scene);
		return;
	}
	pair_open(&pair, scene, NULL);
	pair_expect_drop(&pair, to_itself, 1, DROP_BAD_CHAIN, "a descriptor behind itself");
	pair_expect_drop(&pair, two, 2, DROP_BAD_CHAIN, "a loop of two");
	pair_expect_drop(&pair, outside, 1, DROP_BAD_CHAIN, "next outside of the ring");
	two[0].len = two[1].len = 0;
	pair_expect_drop(&pair, two, 2, DROP_BAD_CHAIN, "a loop of empty descriptors");

	gpa = guest_memory_take(pair.fe.memory, sizeof(two), 16);
	guest_memory_write(pair.fe.memory, gpa, two, sizeof(two));
	table = (struct vring_desc){.addr = gpa, .len = sizeof(two), .flags = INDIRECT};
	pair_expect_drop(&pair, &table, 1, DROP_BAD_CHAIN, "a loop in an indirect table");
	pair_close(&pair);
	scene_expect_faults(scene, OFFENDER, FAULT_BAD_CHAIN, 5);
}

/* In a packed ring the last two words change places, and say nothing but WRITE (2.8.7). */
static void write_table(struct frontend *fe, uint64_t gpa, const struct vring_desc *table,
			unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct vring_desc desc = table[i];

		if (frontend_tx(fe, 0)->packed)
			desc = (struct vring_desc){desc.addr, desc.len, 0, desc.flags};
		guest_memory_write(fe->memory, gpa + i * sizeof(desc), &desc, sizeof(desc));
	}
}

/* A table in memory, and the descriptor that names it with another length. */
static struct vring_desc name_table(struct frontend *fe, const struct vring_desc *table, unsigned n,
				    uint32_t len)
{
	uint64_t gpa = guest_memory_take(fe->memory, n * sizeof(*table), 16);

	write_table(fe, gpa, table, n);
	return (struct vring_desc){.addr = gpa, .len = len, .flags = INDIRECT};
}

static void t03_indirect_tables(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .layout = GUEST_ADJACENT};
	const uint64_t border = 4 << 20;
	struct vring_desc table[300], both[2], desc;
	struct virtio_net_hdr_v1 hdr;
	struct pair pair;
	uint8_t frame[2048];
	uint64_t buffer;

	pair_open(&pair, scene, &options);
	buffer = pair_make_buffer(&pair, 100, 3);
	/* The first descriptor of each is a whole frame: nothing is wrong but the table itself. */
	for (unsigned i = 0; i < 300; i++)
		table[i] = (struct vring_desc){.addr = buffer, .len = 112};
	for (unsigned i = 0; i < 6; i++) {
		const uint32_t lens[] = {0, 8, 17, 0xfffffff0, 16 * 0x10001, 15};

		desc = name_table(&pair.fe, table, 2, lens[i]);
		pair_expect_drop(&pair, &desc, 1, DROP_BAD_CHAIN,
				 "an indirect table of odd length");
	}
	desc = name_table(&pair.fe, table, 257, 257 * 16);
	pair_expect_drop(&pair, &desc, 1, DROP_BAD_CHAIN, "an indirect table larger than the ring");
	desc = (struct vring_desc){.addr = 0xfff0000000, .len = 32, .flags = INDIRECT};
	pair_expect_drop(&pair, &desc, 1, DROP_BAD_CHAIN, "an indirect table outside of memory");

	table[0] = name_table(&pair.fe, table + 1, 1, 16);
	desc = name_table(&pair.fe, table, 1, 16);
	/* in a packed ring INDIRECT says nothing there: a buffer of 16 bytes, too short for a frame */
	pair_expect_drop(&pair, &desc, 1, scene->packed ? DROP_RUNT : DROP_BAD_CHAIN,
			 "an indirect table in an indirect table");
	both[0] = name_table(&pair.fe, table + 1, 1, 16);
	both[0].flags |= NEXT;
	both[0].next = 1;
	both[1] = table[1];
	pair_expect_drop(&pair, both, 2, DROP_BAD_CHAIN, "INDIRECT and NEXT at once");

	/* A table across two regions that are neighbours only for the guest: read right, or refused. */
	table[0] = (struct vring_desc){.addr = buffer, .len = HEADER, .flags = NEXT, .next = 1};
	table[1] = (struct vring_desc){.addr = buffer + HEADER, .len = 100};
	write_table(&pair.fe, border - 24, table, 2);
	desc = (struct vring_desc){.addr = border - 24, .len = 32, .flags = INDIRECT};
	guest_ring_add_crafted(frontend_tx(&pair.fe, 0), &desc, 1);
	frontend_flush(&pair.fe, 0);
	pair_await_return(&pair.fe, "a table across regions");
	if (frontend_take(&pair.peer, 0, &hdr, frame, sizeof(frame)) >= 0)
		check(memcmp(frame, guest_memory_at(pair.fe.memory, buffer + HEADER, 100), 100) ==
			      0,
		      "a table across regions was read wrongly");
	scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 1);
	pair_close(&pair);
}

static void t04_thousands_of_pieces(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .ring_size = 32768,
						 .rx_buffer = 1600,
						 .memory_size = 128 << 20};
	struct vring_desc *descs = calloc(32768, sizeof(*descs));
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	struct pair pair;
	uint64_t buffer;
	ssize_t len;

	check(descs, "out of memory");
	pair_open(&pair, scene, &options);
	buffer = pair_make_buffer(&pair, 100, 4);
	pair_watch_errors(&pair);
	for (unsigned n = 300; n <= 32768; n = n < 30000 ? n * 3 : n + 1) {
		n = n > 30000 ? 32768 : n;
		for (unsigned i = 0; i < n; i++)
			descs[i] = (struct vring_desc){.addr = buffer + i % 112,
						       .len = 1,
						       .flags = (uint16_t)(i + 1 < n ? NEXT : 0),
						       .next = (uint16_t)(i + 1 < n ? i + 1 : 0)};
		/* descriptors in a row are needed: nothing but crafted chains goes through this ring */
		guest_ring_add_crafted(frontend_tx(&pair.fe, 0), descs, (uint16_t)n);
		frontend_flush(&pair.fe, 0);
		if (scene->packed) { /* its end is not looked for */
			pair_expect_broken(&pair, frontend_tx(&pair.fe, 0), "thousands of bytes");
			scene_discard(&pair.peer);
			continue;
		}
		pair_await_return(&pair.fe, "a chain of thousands of bytes");
		check(frontend_take(&pair.peer, 0, &hdr, frame, sizeof(frame)) < 0,
		      "%u pieces were delivered", n);
	}
	check(scene->packed || scene_dropped(scene, OFFENDER, DROP_BAD_CHAIN) >= 4,
	      "they were not counted");

	/* Empty descriptors between full ones: legal for nobody, harmful to nobody. */
	for (unsigned i = 0; i < 40; i++)
		descs[i] = (struct vring_desc){.addr = buffer + i / 2 * 5,
					       .len = i % 2 ? 0 : 5,
					       .flags = i < 39 ? NEXT : 0,
					       .next = (uint16_t)(i < 39 ? i + 1 : 0)};
	guest_ring_add_crafted(frontend_tx(&pair.fe, 0), descs, 40);
	frontend_flush(&pair.fe, 0);
	pair_await_return(&pair.fe, "empty descriptors");
	len = frontend_take(&pair.peer, 0, &hdr, frame, sizeof(frame));
	check(len < 0 || (len == 88 &&
			  memcmp(frame, guest_memory_at(pair.fe.memory, buffer + HEADER, 88), 88) ==
				  0),
	      "empty descriptors made a frame of %zd bytes", len);
	scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 10);
	free(descs);
	pair_close(&pair);
}

/* ---- T6, T7, T10: lengths and directions ---- */

static void t06_long_chains(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .memory_size = 64 << 20};
	struct vring_desc descs[72];
	struct pair pair;
	uint64_t drops;

	pair_open(&pair, scene, &options);
	for (unsigned round = 0; round < 4; round++) {
		const uint64_t totals[] = {65535 + HEADER, 65536 + HEADER, 65536 + 60 + HEADER,
					   (1ULL << 32) + 60 + HEADER};
		const uint32_t most = round < 3 ? 40000 : 64 << 20;
		uint64_t left = totals[round];
		uint16_t n = 0;

		for (; left > 0; n++) {
			uint32_t len = left < most ? (uint32_t)left : most;

			descs[n] = (struct vring_desc){.addr = 0, .len = len};
			left -= len;
		}
		for (uint16_t i = 0; i + 1 < n; i++) {
			descs[i].flags = NEXT;
			descs[i].next = (uint16_t)(i + 1);
		}
		drops = pair_drops(&pair);
		guest_ring_add_crafted(frontend_tx(&pair.fe, 0), descs, n);
		frontend_flush(&pair.fe, 0);
		pair_await_return(&pair.fe, "a long chain");
		check(clock_await(1000, pair_drops(&pair) == drops + 1),
		      "a chain of %#llx bytes was not dropped", (unsigned long long)totals[round]);
		scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 1);
		pair_restart(&pair); /* descriptors in a row again */
	}
	pair_close(&pair);
}

static void t07_header_in_pieces(struct scene *scene)
{
	struct vring_desc descs[13];
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	struct pair pair;
	uint64_t buffer;

	pair_open(&pair, scene, NULL);
	buffer = pair_make_buffer(&pair, 100, 7);
	for (uint16_t i = 0; i < 13; i++)
		descs[i] = (struct vring_desc){.addr = buffer + i,
					       .len = i < 12 ? 1 : 100,
					       .flags = i < 12 ? NEXT : 0,
					       .next = (uint16_t)(i < 12 ? i + 1 : 0)};
	guest_ring_add_crafted(frontend_tx(&pair.fe, 0), descs, 13);
	frontend_flush(&pair.fe, 0);
	check(frontend_receive(&pair.peer, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS) ==
			      100 &&
		      memcmp(frame, guest_memory_at(pair.fe.memory, buffer + HEADER, 100), 100) ==
			      0,
	      "a header in twelve pieces");
	pair_await_return(&pair.fe, "a header in pieces");
	for (uint32_t len = 0; len <= HEADER + 14; len++) {
		uint64_t before = pair_drops(&pair);

		descs[0] = (struct vring_desc){.addr = buffer, .len = len};
		guest_ring_add_crafted(frontend_tx(&pair.fe, 0), descs, 1);
		frontend_flush(&pair.fe, 0);
		pair_await_return(&pair.fe, "a chain that is too short");
		if (len == HEADER + 14) /* a bare Ethernet header is the shortest frame */
			check(frontend_receive(&pair.peer, 0, &hdr, frame, sizeof(frame),
					       CLOCK_PATIENCE_MS) == 14,
			      "a frame of 14 bytes");
		else
			check(clock_await(1000, pair_drops(&pair) == before + 1),
			      "a chain of %u bytes was not dropped", len);
	}
	check(scene_dropped(scene, OFFENDER, DROP_BAD_CHAIN) +
			      scene_dropped(scene, OFFENDER, DROP_RUNT) ==
		      HEADER + 14,
	      "other reasons than bad-chain and runt");
	scene_pass(&pair.fe, OFFENDER, &pair.peer, PEER, 1);
	pair_close(&pair);
}

static void t10_directions(struct scene *scene)
{
	struct vring_desc descs[2];
	struct guest_ring *rx;
	struct pair pair;
	uint64_t buffer;
	uint8_t *bytes;

	pair_open(&pair, scene, NULL);
	buffer = pair_make_buffer(&pair, 200, 10);
	descs[0] = (struct vring_desc){.addr = buffer, .len = 212, .flags = WRITE};
	pair_expect_drop(&pair, descs, 1, DROP_BAD_CHAIN, "a writable descriptor to send");
	descs[0] = (struct vring_desc){.addr = buffer, .len = 100, .flags = NEXT, .next = 1};
	descs[1] = (struct vring_desc){.addr = buffer + 100, .len = 112, .flags = WRITE};
	pair_expect_drop(&pair, descs, 2, DROP_BAD_CHAIN,
			 "a writable descriptor behind a readable one");

	/* Receive buffers that are read-only, wholly or in part: not one byte may change. */
	for (unsigned round = 0; round < 3; round++) {
		pair_restart_without_buffers(&pair);
		rx = frontend_rx(&pair.fe, 0);
		rx->forgiving = true;
		bytes = guest_memory_at(pair.fe.memory, buffer, 212);
		memset(bytes, 0x5a, 212);
		descs[0] =
			(struct vring_desc){.addr = buffer,
					    .len = 100,
					    .next = 1,
					    .flags = (uint16_t)(NEXT | (round == 1 ? WRITE : 0))};
		descs[1] = (struct vring_desc){.addr = buffer + 100,
					       .len = 112,
					       .flags = (uint16_t)(round == 2 ? WRITE : 0)};
		guest_ring_add_crafted(rx, descs, 2);
		guest_ring_publish(rx);
		for (unsigned i = 0; i < 10; i++) {
			uint8_t frame[120];

			packet_build(frame, sizeof(frame), scene_mac(OFFENDER), scene_mac(PEER), 1,
				     i);
			frontend_send(&pair.peer, 0, NULL, frame, sizeof(frame));
		}
		pair_await_return(&pair.peer, "frames to a read-only buffer");
		for (unsigned i = 0; i < 212; i++)
			check(bytes[i] == 0x5a || (round == 1 && i < 100) ||
				      (round == 2 && i >= 100),
			      "round %u: byte %u of a read-only buffer was written", round, i);
	}
	pair_close(&pair);
}

/* ---- T5: buffers at the edges of regions ---- */

static void t05_region_edges(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .layout = GUEST_ADJACENT};
	const uint64_t border = 4 << 20, end = 16 << 20;
	struct vring_desc desc;
	struct frontend_queue *rx;
	struct pair pair;

	pair_open(&pair, scene, &options);
	/* Every buffer that is posted again lies across a border now, 10 bytes before it. */
	rx = &pair.fe.queues[0];
	for (unsigned i = 0; i < rx->ring.size; i++)
		rx->slots[i] = border - 10 - i % 3;
	pair_restart(&pair);
	for (unsigned i = 0; i < pair.fe.queues[1].ring.size; i++)
		pair.fe.queues[1].slots[i] = 2 * border - 10 - i % 7;
	pair_pass(&pair, 100);

	desc = (struct vring_desc){.addr = end - 112, .len = 113};
	pair_expect_drop(&pair, &desc, 1, DROP_BAD_CHAIN, "one byte past the last region");
	desc = (struct vring_desc){.addr = end, .len = 1};
	pair_expect_drop(&pair, &desc, 1, DROP_BAD_CHAIN, "the first byte past the last region");
	desc = (struct vring_desc){.addr = UINT64_MAX - 50, .len = 112};
	pair_expect_drop(&pair, &desc, 1, DROP_BAD_CHAIN, "a buffer around the end of addresses");
	pair_close(&pair);
}

/* ---- T8: small receive buffers ---- */

/* Post eight buffers, and let the peer send frames of @len bytes to them. */
static void post_and_receive(struct pair *pair, const struct vring_desc *descs, uint32_t len)
{
	struct guest_ring *rx = frontend_rx(&pair->fe, 0);
	uint8_t frame[300];

	rx->forgiving = true;
	for (unsigned i = 0; i < 8; i++)
		guest_ring_add_crafted(rx, &descs[i], 1);
	guest_ring_publish(rx);
	for (unsigned i = 0; i < 4; i++) {
		packet_build(frame, len, scene_mac(OFFENDER), scene_mac(PEER), 8, i);
		frontend_send(&pair->peer, 0, NULL, frame, len);
	}
	pair_await_return(&pair->peer, "frames to small buffers");
}

static void t08_small_receive_buffers(struct scene *scene)
{
	const uint32_t sizes[] = {0, 1, 11, 12, 13, 311};

	for (unsigned mergeable = 0; mergeable < 2; mergeable++) {
		const struct frontend_options options = {.features =
								 mergeable ? FRONTEND_PLAIN : 0};
		struct pair pair;
		uint8_t *bytes;
		uint64_t gpa;

		pair_open(&pair, scene, &options);
		gpa = guest_memory_take(pair.fe.memory, 4096, 64);
		bytes = guest_memory_at(pair.fe.memory, gpa, 4096);
		for (unsigned i = 0; i < 6; i++) {
			struct vring_desc descs[8];

			for (unsigned k = 0; k < 8; k++)
				descs[k] = (struct vring_desc){
					.addr = gpa + k * 512, .len = sizes[i], .flags = WRITE};
			memset(bytes, 0xa5, 4096);
			pair_restart_without_buffers(&pair);
			/* all eight together would have room for the first of these */
			post_and_receive(&pair, descs, PACKET_MIN);
			for (unsigned at = 0; at < 4096; at++)
				check(bytes[at] == 0xa5 ||
					      (at % 512 < sizes[i] && sizes[i] >= HEADER),
				      "byte %u of a buffer of %u was written", at % 512, sizes[i]);
		}
		pair_close(&pair);
	}
}

/* Room for the header and nothing else, then a large buffer: legal if they may merge. */
static void t08_header_alone_then_merged(struct scene *scene)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t seen[300], sent[300];
	struct vring_desc descs[8];
	struct guest_ring *rx;
	struct pair pair;
	uint64_t gpa;
	uint32_t len;

	pair_open(&pair, scene, NULL);
	gpa = guest_memory_take(pair.fe.memory, 4096, 64);
	for (unsigned i = 0; i < 8; i++)
		descs[i] = (struct vring_desc){
			.addr = gpa + i * 512, .len = i % 2 ? 500 : HEADER, .flags = WRITE};
	pair_restart_without_buffers(&pair);
	post_and_receive(&pair, descs, sizeof(sent));
	rx = frontend_rx(&pair.fe, 0);
	check(guest_ring_wait(rx, CLOCK_PATIENCE_MS), "nothing was received");
	check(guest_ring_take(rx, &len) == 0 && len == HEADER, "first buffer: %u bytes", len);
	check(guest_ring_take(rx, &len) == 1 && len == sizeof(sent), "second buffer: %u bytes",
	      len);
	guest_memory_read(pair.fe.memory, gpa, &hdr, sizeof(hdr));
	guest_memory_read(pair.fe.memory, gpa + 512, seen, sizeof(seen));
	packet_build(sent, sizeof(sent), scene_mac(OFFENDER), scene_mac(PEER), 8, 0);
	check(hdr.num_buffers == 2 && memcmp(seen, sent, sizeof(sent)) == 0,
	      "%u buffers, or other bytes than were sent", hdr.num_buffers);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t01_descriptor_flip", t01_descriptor_flip},
		{.name = "t02_chain_loops", t02_chain_loops},
		{.name = "t03_indirect_tables", t03_indirect_tables},
		{.name = "t04_thousands_of_pieces", t04_thousands_of_pieces},
		{.name = "t05_region_edges", t05_region_edges},
		{.name = "t06_long_chains", t06_long_chains},
		{.name = "t07_header_in_pieces", t07_header_in_pieces},
		{.name = "t08_small_receive_buffers", t08_small_receive_buffers},
		{.name = "t08_header_alone_then_merged", t08_header_alone_then_merged},
		{.name = "t10_directions", t10_directions},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
