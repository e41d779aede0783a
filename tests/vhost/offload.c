/*
 * offload - checksums and segments that a sender leaves to somebody else.
 *
 * Whatever two guests negotiated, the receiver gets frames that it can take, and
 * the same bytes of TCP. And a virtio-net header is a guest's word: what it asks
 * for beyond what was negotiated, or beyond its frame, is refused.
 *
 * Names and numbers T11.. are those of the test specifications.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/tcp.h"
#include "tests/vhost/pair.h"

enum {
	MSS = 1400,
	STREAM = 30000, /* bytes in one frame */
	LARGEST = 65535 + PACKET_ETH,
};

static const uint64_t send_checksum = VU_BIT(VIRTIO_NET_F_CSUM);
static const uint64_t send_segments = VU_BIT(VIRTIO_NET_F_HOST_TSO4) |
				      VU_BIT(VIRTIO_NET_F_HOST_TSO6) |
				      VU_BIT(VIRTIO_NET_F_HOST_ECN);
static const uint64_t take_checksum = VU_BIT(VIRTIO_NET_F_GUEST_CSUM);
static const uint64_t take_segments = VU_BIT(VIRTIO_NET_F_GUEST_TSO4) |
				      VU_BIT(VIRTIO_NET_F_GUEST_TSO6) |
				      VU_BIT(VIRTIO_NET_F_GUEST_ECN);

/* Receive the bytes [seq, seq + n) of a stream, in as many frames as they come. How many. */
static unsigned receive_stream(struct frontend *to, const struct tcp_frame *sent, bool may_checksum,
			       bool may_segment, const char *what)
{
	static uint8_t frame[LARGEST + PACKET_TAG];
	uint32_t next = sent->seq;
	unsigned n = 0;

	while (next != sent->seq + sent->payload) {
		struct virtio_net_hdr_v1 hdr;
		struct tcp_frame tcp;
		const char *wrong;
		ssize_t len =
			frontend_receive(to, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS);

		check(len > 0, "%s: %u of %u bytes arrived", what, next - sent->seq, sent->payload);
		wrong = tcp_judge(frame, (uint32_t)len, &hdr, &tcp);
		check(!wrong, "%s: frame %u of %zd bytes: wrong %s", what, n, len, wrong);
		check(tcp.seq == next && tcp.v6 == sent->v6, "%s: byte %u where %u is due", what,
		      tcp.seq, next);
		check((hdr.flags & ~(may_checksum ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0)) == 0,
		      "%s: header flags %#x", what, hdr.flags);
		check(hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE || (may_checksum && may_segment),
		      "%s: gso_type %#x", what, hdr.gso_type);
		next += tcp.payload;
		check((tcp.flags & TCP_ACK) &&
			      !(tcp.flags & TCP_FIN) == !(next == sent->seq + sent->payload &&
							  sent->flags & TCP_FIN) &&
			      !(tcp.flags & TCP_CWR) == !(n == 0 && sent->flags & TCP_CWR),
		      "%s: segment %u has flags %#x", what, n, tcp.flags);
		check(tcp.v6 || tcp.ip_id == (uint16_t)(sent->ip_id + n), "%s: IP id %u", what,
		      tcp.ip_id);
		n++;
	}
	check(!guest_ring_pending(frontend_rx(to, 0)), "%s: more arrived than was sent", what);
	return n;
}

struct combination {
	bool send_checksum, send_segments, take_checksum, take_segments;
};

static void send_whole(struct pair *pair, const struct combination *with, struct tcp_frame tcp,
		       const char *what)
{
	uint8_t frame[2000];
	uint32_t len;

	tcp.payload = 1000;
	len = tcp_build(frame, &tcp);
	frontend_send(&pair->fe, 0, NULL, frame, len);
	check(receive_stream(&pair->peer, &tcp, with->take_checksum, with->take_segments, what) ==
		      1,
	      "%s: a small frame in pieces", what);
}

static void send_partial(struct pair *pair, const struct combination *with, struct tcp_frame tcp,
			 const char *what)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2000];
	uint32_t len;

	for (tcp.payload = 0; tcp.payload < 1400; tcp.payload += 333) { /* odd lengths as well */
		if (tcp.payload == 0)
			continue;
		len = tcp_build(frame, &tcp);
		tcp_leave_checksum(frame, len, &tcp, 0, &hdr);
		frontend_send(&pair->fe, 0, &hdr, frame, len);
		check(receive_stream(&pair->peer, &tcp, with->take_checksum, with->take_segments,
				     what) == 1,
		      "%s: a small frame in pieces", what);
	}
}

static void send_large(struct pair *pair, const struct combination *with, struct tcp_frame tcp,
		       const char *what)
{
	static uint8_t frame[LARGEST];
	struct virtio_net_hdr_v1 hdr;
	unsigned n, pieces = (STREAM + MSS - 1) / MSS;
	uint32_t len;

	tcp.payload = STREAM;
	len = tcp_build(frame, &tcp);
	tcp_leave_checksum(frame, len, &tcp, MSS, &hdr);
	if (!with->send_checksum || !with->send_segments) {
		pair_expect_frame_drop(pair, &hdr, frame, len, DROP_BAD_OFFLOAD, what);
		return;
	}
	frontend_send(&pair->fe, 0, &hdr, frame, len);
	n = receive_stream(&pair->peer, &tcp, with->take_checksum, with->take_segments, what);
	check(n == (with->take_checksum && with->take_segments ? 1 : pieces),
	      "%s: a large frame in %u pieces", what, n);
}

static void send_everything(struct pair *pair, const struct combination *with)
{
	struct tcp_frame tcp = {.dst = scene_mac(PEER),
				.src = scene_mac(OFFENDER),
				.tci = PACKET_UNTAGGED,
				.seq = 0xfffff000,
				.ip_id = 0xfffe};
	char what[96];

	for (unsigned i = 0; i < 4; i++) {
		tcp.v6 = i % 2;
		tcp.flags = i / 2 ? TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR : TCP_ACK;
		snprintf(what, sizeof(what), "from csum %d tso %d to csum %d tso %d, IPv%d",
			 with->send_checksum, with->send_segments, with->take_checksum,
			 with->take_segments, tcp.v6 ? 6 : 4);
		send_whole(pair, with, tcp, what);
		if (with->send_checksum)
			send_partial(pair, with, tcp, what);
		send_large(pair, with, tcp, what);
	}
}

/* All pairs of {checksum, TSO} at the sender and at the receiver, with and without merged buffers. */
static void sixteen_combinations(struct scene *scene)
{
	for (unsigned i = 0; i < 32; i++) {
		const struct combination with = {i & 1, i & 2, i & 4, i & 8};
		const bool merge = i & 16;
		const struct frontend_options of_sender = {
			.features = FRONTEND_PLAIN | (with.send_checksum ? send_checksum : 0) |
				    (with.send_segments ? send_segments : 0),
			.tx_buffer = 66 << 10,
			.ring_size = 64,
		};
		const struct frontend_options of_receiver = {
			.features = (merge ? FRONTEND_PLAIN : 0) |
				    (with.take_checksum ? take_checksum : 0) |
				    (with.take_segments ? take_segments : 0),
			.rx_buffer = merge ? 2048 : 66 << 10,
			.ring_size = 64,
		};
		struct pair pair = {.scene = scene};

		scene_join(scene, &pair.fe, OFFENDER, &of_sender);
		scene_join(scene, &pair.peer, PEER, &of_receiver);
		send_everything(&pair, &with);
		pair_close(&pair);
	}
}

/* A tag that comes or goes on the way moves the checksum's place by four bytes. */
static void offloads_across_tags(struct scene *scene)
{
	for (unsigned i = 0; i < 8; i++) {
		const bool tagged = i & 1, take = i & 2;
		const uint16_t from_port = tagged ? TRUNK : STRANGER;
		const uint16_t to_port = tagged ? STRANGER : TRUNK;
		const struct frontend_options of_sender = {.features = FRONTEND_PLAIN |
								       FRONTEND_SEND_OFFLOADS,
							   .tx_buffer = 66 << 10,
							   .ring_size = 64};
		const struct frontend_options of_receiver = {
			.features = FRONTEND_PLAIN | (take ? FRONTEND_RECEIVE_OFFLOADS : 0)};
		struct tcp_frame tcp = {.dst = scene_mac(to_port),
					.src = scene_mac(from_port),
					.tci = tagged ? 20 : PACKET_UNTAGGED,
					.v6 = i & 4,
					.flags = TCP_ACK,
					.payload = 1000};
		static uint8_t frame[LARGEST + PACKET_TAG];
		struct virtio_net_hdr_v1 hdr;
		struct frontend from, to;
		uint32_t len;

		scene_join(scene, &from, from_port, &of_sender);
		scene_join(scene, &to, to_port, &of_receiver);
		len = tcp_build(frame, &tcp);
		tcp_leave_checksum(frame, len, &tcp, 0, &hdr);
		frontend_send(&from, 0, &hdr, frame, len);
		receive_stream(&to, &tcp, take, take, "a tag comes or goes");
		tcp.payload = STREAM;
		len = tcp_build(frame, &tcp);
		tcp_leave_checksum(frame, len, &tcp, MSS, &hdr);
		frontend_send(&from, 0, &hdr, frame, len);
		receive_stream(&to, &tcp, take, take, "a tag comes or goes, and segments");
		scene_leave(scene, &from, from_port);
		scene_leave(scene, &to, to_port);
	}
}

/* ---- T11 ---- */

struct racer {
	uint8_t *header; /* of virtio-net */
	uint8_t *frame;
	atomic_bool stop;
};

/* Every field that a decision rests on, back and forth between a right and a wrong value. */
static void *race(void *argument)
{
	struct racer *racer = argument;
	uint64_t state = 11;

	while (!atomic_load(&racer->stop)) {
		uint64_t noise = packet_noise(&state);
		bool wrong = noise >> 40 & 1;
		uint32_t tag =
			wrong ? 0x14000081 : 0xa00fb588; /* as bytes: 81 00 00 14, 88 b5 0f a0 */

		switch (noise & 3) {
		case 0: /* to the witness instead of the peer */
			__atomic_store_n(racer->frame + 5, wrong ? WITNESS : PEER,
					 __ATOMIC_RELAXED);
			break;
		case 1: /* as somebody else */
			__atomic_store_n(racer->frame + 11, wrong ? WITNESS : BOUND_TRUNK,
					 __ATOMIC_RELAXED);
			break;
		case 2: /* in the other network */
			__atomic_store_n((uint32_t *)(void *)(racer->frame + 12), tag,
					 __ATOMIC_RELAXED);
			break;
		case 3: /* gso_type and flags */
			__atomic_store_n(racer->header + (noise >> 32 & 1),
					 wrong ? (uint8_t)(noise >> 48) : 0, __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

/* What an access port without offloads received, from a port that may only be itself. */
static unsigned judge_received(struct frontend *fe, uint16_t port)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	unsigned n = 0;

	for (; frontend_take(fe, 0, &hdr, frame, sizeof(frame)) >= 0; n++) {
		check(mac_load(frame + 6) == scene_mac(BOUND_TRUNK), "a spoofed source: %012llx",
		      (unsigned long long)mac_load(frame + 6));
		check(packet_load16(frame + 12) == PACKET_ETHERTYPE,
		      "port %u received ethertype %#x", port, packet_load16(frame + 12));
		check(port == STRANGER || mac_load(frame) == scene_mac(port),
		      "port %u received a frame to %012llx", port,
		      (unsigned long long)mac_load(frame));
		check(hdr.flags == 0 && hdr.gso_type == 0, "virtio-net header %#x %#x", hdr.flags,
		      hdr.gso_type);
	}
	return n;
}

/* A place for the racer: the frame's bytes 12 to 15 on a word's border. */
static struct racer place_frame(struct frontend *fe, uint64_t *ret_gpa)
{
	uint64_t gpa = guest_memory_take(fe->memory, 512, 64) + 8;
	struct racer racer = {.header = guest_memory_at(fe->memory, gpa, 200),
			      .frame = guest_memory_at(fe->memory, gpa + FRONTEND_HEADER, 188)};

	memset(racer.header, 0, 200);
	packet_ethernet(racer.frame, scene_mac(PEER), scene_mac(BOUND_TRUNK), 20, PACKET_ETHERTYPE);
	*ret_gpa = gpa;
	return racer;
}

/* The sender changes its headers while they are judged: what was judged is what is delivered. */
static void t11_header_race(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	const struct frontend_options of_racer = {.features =
							  FRONTEND_PLAIN | FRONTEND_SEND_OFFLOADS};
	uint64_t end = clock_now_ms() + runner_amount(1000, 60000);
	struct frontend fe, peer, witness, stranger;
	unsigned received = 0, crossed = 0;
	struct guest_ring *ring;
	struct racer racer;
	pthread_t thread;
	uint64_t gpa;

	scene_join(scene, &fe, BOUND_TRUNK, &of_racer);
	scene_join(scene, &peer, PEER, &options);
	scene_join(scene, &witness, WITNESS, &options);
	scene_join(scene, &stranger, STRANGER, &options);
	scene_pass(&peer, PEER, &fe, BOUND_TRUNK, 1); /* both are known from here on */
	scene_pass(&witness, WITNESS, &fe, BOUND_TRUNK, 1);
	scene_discard(&peer);
	scene_discard(&witness);
	ring = frontend_tx(&fe, 0);
	ring->forgiving = true;
	racer = place_frame(&fe, &gpa);
	check(pthread_create(&thread, NULL, race, &racer) == 0, "pthread_create");
	while (clock_now_ms() < end) {
		for (unsigned i = 0; i < 64; i++)
			guest_ring_add_crafted(ring, &(struct vring_desc){.addr = gpa, .len = 200},
					       1);
		guest_ring_publish(ring);
		check(clock_await(CLOCK_PATIENCE_MS, guest_ring_forget_used(ring)),
		      "the ring stands still");
		received += judge_received(&peer, PEER) + judge_received(&witness, WITNESS);
		crossed += judge_received(&stranger, STRANGER);
	}
	atomic_store(&racer.stop, true);
	pthread_join(thread, NULL);
	check(received > 1000 && crossed > 100,
	      "%u and %u frames passed: too few to prove anything", received, crossed);
	check(scene_dropped(scene, BOUND_TRUNK, DROP_SPOOFED_MAC) > 100, "no frame was spoofed");
	scene_leave(scene, &fe, BOUND_TRUNK);
	scene_leave(scene, &peer, PEER);
	scene_leave(scene, &witness, WITNESS);
	scene_leave(scene, &stranger, STRANGER);
}

/* ---- T12, T13, T14 ---- */

static void open_offloading(struct pair *pair, struct scene *scene)
{
	const struct frontend_options options = {.features =
							 FRONTEND_PLAIN | FRONTEND_SEND_OFFLOADS,
						 .tx_buffer = 66 << 10,
						 .ring_size = 64};

	pair_open(pair, scene, &options);
}

static struct tcp_frame large_frame(bool v6)
{
	return (struct tcp_frame){.dst = scene_mac(PEER),
				  .src = scene_mac(OFFENDER),
				  .tci = PACKET_UNTAGGED,
				  .v6 = v6,
				  .flags = TCP_ACK,
				  .payload = 5000};
}

static void t12_impossible_segments(struct scene *scene)
{
	static uint8_t frame[LARGEST];
	struct virtio_net_hdr_v1 good, hdr;
	struct tcp_frame tcp;
	struct pair pair;
	uint32_t len;

	open_offloading(&pair, scene);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		const uint8_t types[] = {
			2,    3,
			5,    0x7f,
			0x7e, 0x80,
			0xff, 0x20,
			0x41, v6 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6};

		tcp = large_frame(v6);
		len = tcp_build(frame, &tcp);
		tcp_leave_checksum(frame, len, &tcp, MSS, &good);
		for (unsigned i = 0; i < sizeof(types); i++) {
			hdr = good;
			hdr.gso_type = types[i];
			pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD,
					       "an impossible gso_type");
		}
		hdr = good;
		hdr.gso_size = 0;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD, "gso_size 0");
		hdr.gso_size = 1;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD, "gso_size 1");
		hdr = good;
		hdr.flags = 0;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD,
				       "segments without a checksum");
		hdr = good;
		hdr.csum_offset = 6;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD,
				       "TCP segments with the checksum of UDP");
		/* Headers that say more than the frame has. */
		hdr = good;
		frame[good.csum_start + 12] = 0xf0;
		pair_expect_frame_drop(&pair, &hdr, frame, good.csum_start + 40u, DROP_BAD_OFFLOAD,
				       "a TCP header longer than the frame");
		frame[good.csum_start + 12] = 0x40;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD,
				       "a TCP header shorter than any");
		frame[good.csum_start + 12] = 0x80;
		frame[PACKET_ETH] = v6 ? 0x40 : 0x44;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD,
				       "an IP header that is none");
		/* A segment size above the frame: there is nothing to segment. */
		len = tcp_build(frame, &tcp);
		tcp_leave_checksum(frame, len, &tcp, 65535, &hdr);
		frontend_send(&pair.fe, 0, &hdr, frame, len);
		receive_stream(&pair.peer, &tcp, false, false, "gso_size 65535");
	}
	pair_close(&pair);
}

static void t13_impossible_checksums(struct scene *scene)
{
	struct virtio_net_hdr_v1 good, hdr;
	struct tcp_frame tcp = large_frame(false);
	struct pair pair;
	uint8_t frame[2000];
	uint32_t len;

	open_offloading(&pair, scene);
	tcp.payload = 100;
	len = tcp_build(frame, &tcp);
	tcp_leave_checksum(frame, len, &tcp, 0, &good);
	for (unsigned i = 0; i < 9; i++) {
		const struct {
			uint32_t start, offset;
		} places[] = {
			{0, 16},     {13, 16},	     {len - 1, 0},   {len - 1, 16}, {65535, 16},
			{34, 65535}, {34, len - 35}, {65535, 65535}, {65520, 50},
		};

		hdr = good;
		hdr.csum_start = (uint16_t)places[i].start;
		hdr.csum_offset = (uint16_t)places[i].offset;
		pair_expect_frame_drop(&pair, &hdr, frame, len, DROP_BAD_OFFLOAD,
				       "a checksum outside of its frame");
	}
	/* The last place there is, in a frame of which nobody knows better: RFC 1071 says what it is. */
	packet_build(frame, 100, scene_mac(PEER), scene_mac(OFFENDER), 13, 0);
	packet_store16(frame + 98, 0);
	hdr = (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 14, .csum_offset = 84};
	frontend_send(&pair.fe, 0, &hdr, frame, 100);
	check(frontend_receive(&pair.peer, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS) == 100,
	      "a checksum in the last two bytes");
	check(tcp_sum(frame + 14, 86) == 0xffff, "the checksum is wrong");
	pair_close(&pair);
}

/* What the header holds beyond a request is the sender's business: never believed, never forwarded. */
static void t14_ignored_fields(struct scene *scene)
{
	struct virtio_net_hdr_v1 hdr, seen;
	struct pair pair;
	uint8_t frame[200], received[2048];

	open_offloading(&pair, scene);
	for (unsigned i = 0; i < 40; i++) {
		hdr = (struct virtio_net_hdr_v1){
			.flags = (uint8_t)(i * 6 & 0xfe),
			.hdr_len = i % 2 ? 65535 : 0,
			.gso_size = i % 3 ? 0 : 1448,
			.csum_start = (uint16_t)(i * 7919),
			.csum_offset = (uint16_t)(i * 104729),
			.num_buffers = (uint16_t)(i * 15485863),
		};
		packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 14, i);
		frontend_send(&pair.fe, 0, &hdr, frame, sizeof(frame));
		check(frontend_receive(&pair.peer, 0, &seen, received, sizeof(received),
				       CLOCK_PATIENCE_MS) == sizeof(frame) &&
			      memcmp(frame, received, sizeof(frame)) == 0,
		      "header %u: the frame did not pass", i);
		check(seen.flags == 0 && seen.gso_type == 0 && seen.gso_size == 0 &&
			      seen.num_buffers == 1,
		      "header %u: flags %#x, gso %u/%u, %u buffers came through", i, seen.flags,
		      seen.gso_type, seen.gso_size, seen.num_buffers);
	}
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "sixteen_combinations", sixteen_combinations},
		{.name = "offloads_across_tags", offloads_across_tags},
		{.name = "t11_header_race", t11_header_race},
		{.name = "t12_impossible_segments", t12_impossible_segments},
		{.name = "t13_impossible_checksums", t13_impossible_checksums},
		{.name = "t14_ignored_fields", t14_ignored_fields},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
