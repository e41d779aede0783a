/*
 * test_offload - what offload_check() lets through, and that what
 * offload_complete() makes is what a receiver would have wanted: every header
 * and checksum is compared with ones made by other means.
 */
#include <endian.h>
#include <netinet/in.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/packet_sketch.h"
#include "switch/offload.h"

#define A ((mac48)0x02000000000a)
#define B ((mac48)0x02000000000b)

enum {
	FIN = 0x01,
	PSH = 0x08,
	ACK = 0x10,
	CWR = 0x80,
	SEQ = 0xfffffff0, /* wraps within the frame */

	NEEDS = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	TCPV4 = VIRTIO_NET_HDR_GSO_TCPV4,
	TCPV6 = VIRTIO_NET_HDR_GSO_TCPV6,
	ECN = VIRTIO_NET_HDR_GSO_ECN,
};

static const struct sketch_ip6 src6 = {0x20010db800000000, 1}, dst6 = {0x20010db800000000, 2};
static struct sketch packet;
static struct frame frame;

static void make_ip(bool v4, uint8_t protocol, bool tagged)
{
	sketch_ethernet(&packet, A, B, v4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	if (tagged)
		sketch_tag(&packet, ETHERTYPE_VLAN, 100);
	if (v4)
		sketch_ipv4(&packet, protocol, 0x0a000001, 0x0a000002);
	else
		sketch_ipv6(&packet, protocol, src6, dst6);
}

static void make_tcp(bool v4, bool tagged, uint32_t payload)
{
	make_ip(v4, IPPROTO_TCP, tagged);
	sketch_tcp(&packet, 4000, 80, SEQ, FIN | PSH | ACK | CWR);
	sketch_payload(&packet, payload);
	sketch_end_partial(&packet);
}

static struct virtio_net_hdr_v1 header(uint8_t flags, uint8_t gso, uint16_t start, uint16_t offset,
				       uint16_t mss)
{
	return (struct virtio_net_hdr_v1){
		.flags = flags,
		.gso_type = gso,
		.csum_start = htole16(start),
		.csum_offset = htole16(offset),
		.gso_size = htole16(mss),
		.hdr_len = htole16(0x7777), /* never to be trusted */
		.num_buffers = htole16(0x5555),
	};
}

static enum drop check(struct virtio_net_hdr_v1 hdr)
{
	struct frame_l2 l2;

	sketch_frame(&packet, &frame);
	assert_drop(frame_parse(&frame, &l2), DROP_NONE);
	frame.hdr = hdr;
	return offload_check(&frame, &l2);
}

static bool asks_nothing(const struct virtio_net_hdr_v1 *hdr)
{
	struct virtio_net_hdr_v1 left = *hdr;

	left.num_buffers = 0; /* for the destination to say */
	return memcmp(&left, &(struct virtio_net_hdr_v1){0}, sizeof(left)) == 0;
}

static void nothing_asked_is_nothing(void **state)
{
	make_tcp(true, false, 10);
	assert_drop(check(header(0, 0, 9999, 9999, 9999)), DROP_NONE);
	assert_true(asks_nothing(&frame.hdr));
	/* a claim of validity, RSC, and bits that do not exist */
	assert_drop(check(header(0xfe, 0, 1, 1, 1)), DROP_NONE);
	assert_true(asks_nothing(&frame.hdr));
}

static void transport_checksums(void **state)
{
	make_tcp(true, false, 10);
	assert_drop(check(header(NEEDS | 2, 0, 34, 16, 99)), DROP_NONE);
	assert_int_equal(frame.hdr.flags, NEEDS);
	assert_int_equal(le16toh(frame.hdr.csum_start), 34);
	assert_int_equal(le16toh(frame.hdr.csum_offset), 16);
	assert_int_equal(frame.hdr.gso_size, 0);
	assert_int_equal(frame.hdr.hdr_len, 0);
	assert_int_equal(le16toh(frame.hdr.num_buffers), 1);
	make_tcp(false, true, 10);
	assert_drop(check(header(NEEDS, 0, 58, 16, 0)), DROP_NONE);
	assert_drop(check(header(NEEDS, 0, 54, 16, 0)), DROP_BAD_OFFLOAD);
	make_ip(true, IPPROTO_UDP, false);
	sketch_udp(&packet, 1, 2);
	assert_drop(check(header(NEEDS, 0, 34, 6, 0)), DROP_NONE);
	assert_drop(check(header(NEEDS, 0, 34, 7, 0)), DROP_BAD_OFFLOAD);
}

/* Every place but the transport's own checksum is one that some check has read. */
static void a_checksum_cannot_be_written_over_what_was_checked(void **state)
{
	for (uint16_t start = 0; start < 60; start++) {
		for (uint16_t offset = 0; offset < 60; offset++) {
			bool own = start == 34 && offset == 16;

			make_tcp(true, false, 100);
			assert_drop(check(header(NEEDS, 0, start, offset, 0)),
				    own ? DROP_NONE : DROP_BAD_OFFLOAD);
		}
	}
	sketch_ethernet(&packet, A, B, ETHERTYPE_ARP);
	sketch_arp(&packet, 1, B, 1, 2);
	assert_drop(check(header(NEEDS, 0, 14, 14, 0)), DROP_BAD_OFFLOAD);
	sketch_ethernet(&packet, A, B, 100); /* a sum over LLC could make SNAP of it */
	sketch_payload(&packet, 100);
	assert_drop(check(header(NEEDS, 0, 14, 0, 0)), DROP_BAD_OFFLOAD);
	make_ip(false, IPPROTO_ICMPV6, false);
	sketch_nd(&packet, 136, src6, 2, B);
	assert_drop(check(header(NEEDS, 0, 54, 8, 0)), DROP_BAD_OFFLOAD);
	make_ip(false, IPPROTO_DSTOPTS, false);
	sketch_extension(&packet, IPPROTO_ICMPV6, 0x01040000);
	sketch_nd(&packet, 136, src6, 2, B);
	assert_drop(check(header(NEEDS, 0, 62, 8, 0)), DROP_BAD_OFFLOAD);
	make_tcp(true, false, 10);
	packet.bytes[20] = 0x20; /* a fragment */
	assert_drop(check(header(NEEDS, 0, 34, 16, 0)), DROP_BAD_OFFLOAD);
}

static void the_inner_checksum_of_a_tunnel(void **state)
{
	make_ip(true, IPPROTO_UDP, false); /* VXLAN, an inner TCP in it */
	sketch_udp(&packet, 50000, 4789);
	sketch_payload(&packet, 8 + 14 + 20 + 40);
	assert_drop(check(header(NEEDS, 0, 34 + 8 + 8 + 14 + 20, 16, 0)), DROP_NONE);
	assert_drop(check(header(NEEDS, 0, 34 + 4, 2, 0)), DROP_BAD_OFFLOAD);
	make_ip(true, 47, false); /* GRE */
	sketch_payload(&packet, 4 + 20 + 40);
	assert_drop(check(header(NEEDS, 0, 34 + 4 + 20, 16, 0)), DROP_NONE);
	assert_drop(check(header(NEEDS, 0, 33, 16, 0)), DROP_BAD_OFFLOAD);
}

static void a_place_inside_the_frame(void **state)
{
	sketch_ethernet(&packet, A, B, 0x88b5);
	sketch_payload(&packet, 100);
	assert_drop(check(header(NEEDS, 0, 14, 98, 0)), DROP_NONE);
	assert_drop(check(header(NEEDS, 0, 14, 99, 0)), DROP_BAD_OFFLOAD);
	assert_drop(check(header(NEEDS, 0, 13, 16, 0)), DROP_BAD_OFFLOAD);
	assert_drop(check(header(NEEDS, 0, UINT16_MAX, UINT16_MAX, 0)), DROP_BAD_OFFLOAD);
	assert_drop(check(header(NEEDS, 0, 0, 0, 0)), DROP_BAD_OFFLOAD);
}

static void segmentation_that_fits(void **state)
{
	for (int tagged = 0; tagged < 2; tagged++) {
		for (int v4 = 0; v4 < 2; v4++) {
			uint16_t l4 = (uint16_t)(14 + 4 * tagged + (v4 ? 20 : 40));
			uint8_t gso = v4 ? TCPV4 : TCPV6;

			make_tcp(v4, tagged, 5000);
			assert_drop(check(header(NEEDS, gso | ECN, l4, 16, 1448)), DROP_NONE);
			assert_int_equal(frame.hdr.gso_type, gso | ECN);
			assert_int_equal(le16toh(frame.hdr.gso_size), 1448);
			assert_int_equal(le16toh(frame.hdr.hdr_len), l4 + 32);
		}
	}
}

static void segmentation_of_one_segment_is_none(void **state)
{
	static const uint32_t lens[] = {0, 1, 1448};

	for (unsigned i = 0; i < 3; i++) {
		make_tcp(true, false, lens[i]);
		assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), DROP_NONE);
		assert_int_equal(frame.hdr.gso_type, 0);
		assert_int_equal(frame.hdr.gso_size, 0);
		assert_int_equal(frame.hdr.flags, NEEDS);
	}
	make_tcp(true, false, 1449);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), DROP_NONE);
	assert_int_equal(frame.hdr.gso_type, TCPV4);
}

static void segmentation_that_does_not_fit(void **state)
{
	const enum drop bad = DROP_BAD_OFFLOAD;
	static const uint8_t types[] = {2, 3, 5, 6, 0x20, 0x40, 0x21, ECN, ECN | 3, 0x7f};

	make_tcp(true, false, 5000);
	for (unsigned i = 0; i < sizeof(types); i++)
		assert_drop(check(header(NEEDS, types[i], 34, 16, 1448)), bad);
	assert_drop(check(header(0, TCPV4, 34, 16, 1448)), bad);
	assert_drop(check(header(NEEDS, TCPV6, 34, 16, 1448)), bad);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 0)), bad);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, OFFLOAD_MSS_MIN - 1)), bad);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, OFFLOAD_MSS_MIN)), DROP_NONE);
	make_ip(true, IPPROTO_UDP, false);
	sketch_udp(&packet, 1, 2);
	sketch_payload(&packet, 5000);
	sketch_end(&packet);
	assert_drop(check(header(NEEDS, TCPV4, 34, 6, 1448)), bad);
	make_tcp(true, false, 5000);
	packet.bytes[34 + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), bad);
	make_tcp(true, false, 5000);
	packet.bytes[16] ^= 1; /* an IP length that is another one */
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), bad);
	packet.bytes[16] = packet.bytes[17] = 0; /* left to the reader */
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), DROP_NONE);
	make_tcp(false, false, 5000);
	packet.bytes[18] ^= 1;
	assert_drop(check(header(NEEDS, TCPV6, 54, 16, 1448)), bad);
	make_tcp(true, false, 0);
	packet.len = 40; /* the TCP header is cut off */
	assert_drop(check(header(NEEDS, TCPV4, 34, 4, 1448)), bad);
}

static void what_is_needed(void **state)
{
	struct virtio_net_hdr_v1 hdr = header(0, 0, 0, 0, 0);

	assert_int_equal(offload_needs(&hdr), 0);
	hdr.flags = NEEDS;
	assert_int_equal(offload_needs(&hdr), PORT_ACCEPTS_CSUM);
	hdr.gso_type = TCPV4;
	assert_int_equal(offload_needs(&hdr), PORT_ACCEPTS_CSUM | PORT_ACCEPTS_TSO4);
	hdr.gso_type = TCPV6 | ECN;
	assert_int_equal(offload_needs(&hdr),
			 PORT_ACCEPTS_CSUM | PORT_ACCEPTS_TSO6 | PORT_ACCEPTS_ECN);
}

/* What offload_complete() emitted, one after the other. */
struct emitted {
	unsigned count, stop_at;
	uint32_t lens[2048];
	struct virtio_net_hdr_v1 hdr;
	uint8_t bytes[2048 * 200 + LIMIT_FRAME];
	uint32_t size;
};
static struct emitted emitted;

static enum drop keep(void *user, const struct virtio_net_hdr_v1 *hdr, const struct iovec *pieces,
		      unsigned n_pieces, uint32_t len)
{
	uint32_t size = 0;

	assert_ptr_equal(user, &emitted);
	assert_true(emitted.count < 2048);
	for (unsigned i = 0; i < n_pieces; i++) {
		memcpy(emitted.bytes + emitted.size + size, pieces[i].iov_base, pieces[i].iov_len);
		size += (uint32_t)pieces[i].iov_len;
	}
	assert_int_equal(size, len);
	emitted.size += size;
	emitted.lens[emitted.count++] = len;
	emitted.hdr = *hdr;
	return emitted.count == emitted.stop_at ? DROP_RING_FULL : DROP_NONE;
}

static enum drop complete(uint32_t accepts)
{
	static struct sketch copy;

	emitted.count = emitted.size = 0;
	copy = packet;
	return offload_complete(copy.bytes, copy.len, &frame.hdr, accepts, keep, &emitted);
}

static void checksums_are_completed(void **state)
{
	static struct sketch whole;

	for (uint32_t len = 0; len < 300; len++) {
		for (int kind = 0; kind < 8; kind++) {
			bool v4 = kind & 1, tagged = kind & 2, tcp = kind & 4;
			uint16_t l4 = (uint16_t)((tagged ? 18 : 14) + (v4 ? 20 : 40));

			make_ip(v4, tcp ? IPPROTO_TCP : IPPROTO_UDP, tagged);
			if (tcp)
				sketch_tcp(&packet, 1, 2, len, ACK);
			else
				sketch_udp(&packet, 1, 2);
			sketch_payload(&packet, len);
			whole = packet;
			sketch_end(&whole);
			sketch_end_partial(&packet);
			assert_drop(check(header(NEEDS, 0, l4, tcp ? 16 : 6, 0)), DROP_NONE);
			assert_drop(complete(0), DROP_NONE);
			assert_int_equal(emitted.count, 1);
			assert_true(asks_nothing(&emitted.hdr));
			assert_memory_equal(emitted.bytes, whole.bytes, whole.len);
		}
	}
}

/* RFC 768: a UDP checksum that comes out as zero is sent as all ones. */
static void udp_never_has_checksum_zero(void **state)
{
	make_ip(true, IPPROTO_UDP, false);
	sketch_udp(&packet, 1, 2);
	sketch_put16(&packet, 0);
	sketch_end(&packet);
	/* the payload that makes the sum all ones is the checksum without it */
	memcpy(packet.bytes + packet.len - 2, packet.bytes + 34 + 6, 2);
	sketch_end_partial(&packet);
	assert_drop(check(header(NEEDS, 0, 34, 6, 0)), DROP_NONE);
	assert_drop(complete(0), DROP_NONE);
	assert_int_equal(emitted.bytes[34 + 6], 0xff);
	assert_int_equal(emitted.bytes[34 + 7], 0xff);
}

static void what_is_accepted_passes_untouched(void **state)
{
	make_tcp(true, false, 5000);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), DROP_NONE);
	assert_drop(complete(PORT_ACCEPTS_CSUM | PORT_ACCEPTS_TSO4), DROP_NONE);
	assert_int_equal(emitted.count, 1);
	assert_memory_equal(emitted.bytes, packet.bytes, packet.len);
	assert_memory_equal(&emitted.hdr, &frame.hdr, sizeof(frame.hdr));
}

static uint32_t load(const uint8_t *bytes, unsigned n)
{
	uint32_t value = 0;

	while (n--)
		value = value << 8 | *bytes++;
	return value;
}

/* Demand that the emitted segments are @packet cut at @mss, header by header. */
static void demand_segments(bool v4, bool tagged, uint32_t payload, uint32_t mss, bool partial)
{
	uint32_t l3 = tagged ? 18 : 14, l4 = l3 + (v4 ? 20 : 40), size = l4 + 32, done = 0;
	const uint8_t *at = emitted.bytes;

	assert_int_equal(emitted.count, (payload + mss - 1) / mss);
	for (unsigned i = 0; i < emitted.count; i++) {
		uint32_t part = payload - done < mss ? payload - done : mss;
		uint8_t flags = at[l4 + 13];

		assert_int_equal(emitted.lens[i], size + part);
		assert_memory_equal(at, packet.bytes, l3); /* addresses, tag, type */
		if (v4) {
			assert_int_equal(load(at + l3 + 2, 2), size - l3 + part);
			assert_int_equal(load(at + l3 + 4, 2), 0x1234 + i);
		} else {
			assert_int_equal(load(at + l3 + 4, 2), 32 + part);
		}
		assert_int_equal(load(at + l4 + 4, 4), (uint32_t)(SEQ + done));
		assert_int_equal((flags & (FIN | PSH)) != 0, i + 1 == emitted.count);
		assert_int_equal((flags & CWR) != 0, i == 0);
		assert_int_equal(flags & ACK, ACK);
		assert_memory_equal(at + size, packet.bytes + size + done, part);
		if (partial) { /* the receiver finishes it: do so, and it has to be right */
			static struct sketch segment;

			memcpy(segment.bytes, at, size + part);
			segment.len = size + part;
			segment.l3 = l3;
			segment.l4 = l4;
			segment.protocol = IPPROTO_TCP;
			sketch_end_partial(&segment);
			assert_memory_equal(segment.bytes, at, size + part);
		} else {
			assert_true(sketch_checksums_are_right(at, size + part));
		}
		done += part;
		at += size + part;
	}
	assert_int_equal(done, payload);
}

static void segments_for_every_kind_of_destination(void **state)
{
	static const uint32_t payloads[] = {1449, 2896, 2897, 5001, 40000, 65000};
	static const uint32_t accepts[] = {0, PORT_ACCEPTS_CSUM,
					   PORT_ACCEPTS_CSUM | PORT_ACCEPTS_ECN};

	for (unsigned i = 0; i < 6 * 3 * 4; i++) {
		uint32_t payload = payloads[i % 6], accept = accepts[i / 6 % 3];
		bool v4 = i / 18 & 1, tagged = i / 36 & 1;
		uint16_t l4 = (uint16_t)((tagged ? 18 : 14) + (v4 ? 20 : 40));

		make_tcp(v4, tagged, payload);
		assert_drop(check(header(NEEDS, v4 ? TCPV4 : TCPV6, l4, 16, 1448)), DROP_NONE);
		assert_drop(complete(accept), DROP_NONE);
		demand_segments(v4, tagged, payload, 1448, accept & PORT_ACCEPTS_CSUM);
		if (accept & PORT_ACCEPTS_CSUM)
			assert_int_equal(le16toh(emitted.hdr.csum_start), l4);
		else
			assert_true(asks_nothing(&emitted.hdr));
		assert_int_equal(emitted.hdr.gso_type, 0);
	}
}

/* Reference vhost.md 2.3: TSO with ECN for a destination with TSO, but without ECN. */
static void ecn_alone_may_be_missing(void **state)
{
	make_tcp(true, false, 5000);
	assert_drop(check(header(NEEDS, TCPV4 | ECN, 34, 16, 1448)), DROP_NONE);
	assert_drop(complete(PORT_ACCEPTS_CSUM | PORT_ACCEPTS_TSO4), DROP_NONE);
	demand_segments(true, false, 5000, 1448, true);
}

static void the_work_of_one_frame_is_bounded(void **state)
{
	make_tcp(true, false, 65535 - 52);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, OFFLOAD_MSS_MIN)), DROP_NONE);
	assert_drop(complete(0), DROP_NONE);
	assert_true(emitted.count <= 1366);
	demand_segments(true, false, 65535 - 52, OFFLOAD_MSS_MIN, false);
}

static void a_destination_that_is_full_ends_it(void **state)
{
	make_tcp(true, false, 50000);
	assert_drop(check(header(NEEDS, TCPV4, 34, 16, 1448)), DROP_NONE);
	emitted.stop_at = 3;
	assert_drop(complete(0), DROP_RING_FULL);
	assert_int_equal(emitted.count, 3);
	emitted.stop_at = 0;
}

static void headers_that_do_not_fit_the_bytes(void **state)
{
	make_tcp(true, false, 5000);
	frame.hdr = header(NEEDS, TCPV4, 34, 16, 1448);
	assert_drop(complete(0), DROP_SEGMENT_ERROR); /* hdr_len is nonsense */
	frame.hdr = header(NEEDS, 0, 34, 16, 0);
	frame.hdr.csum_offset = htole16(UINT16_MAX);
	assert_drop(complete(0), DROP_SEGMENT_ERROR);
	frame.hdr = header(0, TCPV4, 34, 16, 1448);
	assert_drop(complete(0), DROP_SEGMENT_ERROR);
	frame.hdr = header(NEEDS, TCPV4, 34, 16, 1);
	frame.hdr.hdr_len = htole16(66);
	assert_drop(complete(0), DROP_SEGMENT_ERROR);
	frame.hdr = header(NEEDS, TCPV4, 20, 16, 1448);
	frame.hdr.hdr_len = htole16(66);
	assert_drop(complete(0), DROP_SEGMENT_ERROR);
	assert_int_equal(emitted.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_is_nothing),
		cmocka_unit_test(transport_checksums),
		cmocka_unit_test(a_checksum_cannot_be_written_over_what_was_checked),
		cmocka_unit_test(the_inner_checksum_of_a_tunnel),
		cmocka_unit_test(a_place_inside_the_frame),
		cmocka_unit_test(segmentation_that_fits),
		cmocka_unit_test(segmentation_of_one_segment_is_none),
		cmocka_unit_test(segmentation_that_does_not_fit),
		cmocka_unit_test(what_is_needed),
		cmocka_unit_test(checksums_are_completed),
		cmocka_unit_test(udp_never_has_checksum_zero),
		cmocka_unit_test(what_is_accepted_passes_untouched),
		cmocka_unit_test(segments_for_every_kind_of_destination),
		cmocka_unit_test(ecn_alone_may_be_missing),
		cmocka_unit_test(the_work_of_one_frame_is_bounded),
		cmocka_unit_test(a_destination_that_is_full_ends_it),
		cmocka_unit_test(headers_that_do_not_fit_the_bytes),
	};

	return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
