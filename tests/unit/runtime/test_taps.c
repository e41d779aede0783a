/*
 * test_taps - the real sluice-dp between taps and devices of a network namespace
 * of its own: what is sent into one interface comes out of the right others,
 * with the right tag, and offloads pass untouched.
 */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/harness.h"
#include "tests/lib/packet.h"
#include "tests/unit/runtime/wire.h"
#include "tests/unit/switch/unit.h"

enum {
	RED = 1,  /* VLAN 10 */
	BLUE = 2, /* VLAN 20 */
	A = 1,	  /* access, red */
	B,	  /* access, red */
	C,	  /* access, blue */
	TRUNK,	  /* red and blue by tag */
	FRAME = 600,
	GSO_PAYLOAD = 40000,
};

static const mac48 mac_a = 0x02000000000a, mac_b = 0x02000000000b, mac_c = 0x02000000000c;

static struct harness dp;

static void add_network(struct policy_builder *builder, uint16_t id, uint16_t vlan)
{
	struct policy_network_spec network = {
		.id = id,
		.generation = 1,
		.name = vlan == 10 ? "t/red" : "t/blue",
		.vlan = vlan,
		.mtu = 1500,
		.age_ms = 300000,
		.macs_max = 1000,
	};

	assert_int_equal(policy_builder_network(builder, &network), 0);
}

static void add_port(struct policy_builder *builder, uint16_t id, uint16_t network)
{
	static const struct policy_trunk_entry both[] = {{RED, 10}, {BLUE, 20}};
	char name[] = {'t', '/', (char)('a' + id), '\0'};
	struct policy_port_spec port = {
		.ref = harness_ref(id),
		.name = name,
		.macs_max = 100,
		.mode = network ? POLICY_ACCESS : POLICY_TRUNK,
		.native = network,
		.trunk = both,
		.n_trunk = network ? 0 : 2,
	};

	assert_int_equal(policy_builder_port(builder, &port), 0);
}

static void publish(bool with_b)
{
	struct policy_builder *builder = harness_begin_policy(&dp);

	add_network(builder, RED, 10);
	add_network(builder, BLUE, 20);
	add_port(builder, A, RED);
	if (with_b)
		add_port(builder, B, RED);
	add_port(builder, C, BLUE);
	add_port(builder, TRUNK, 0);
	harness_publish(&dp, builder);
}

/* ATTACH of something else than vhost-user: what was replied. The fds are closed here. */
static int attach(uint16_t id, uint32_t kind, const int *fds, unsigned n_fds)
{
	struct channel_message message = {
		.type = CHANNEL_ATTACH,
		.seq = ++dp.seq,
		.attach = {.port = harness_ref(id), .kind = kind, .queue_pairs = n_fds},
	};
	int spare[CHANNEL_FDS];
	unsigned n;

	assert_int_equal(channel_send(dp.channel, &message, fds, n_fds), 0);
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
	do
		assert_true(clock_await(CLOCK_PATIENCE_MS,
					channel_receive(dp.channel, &message, spare, &n) == 0));
	while (message.type != CHANNEL_REPLY);
	return message.reply.error;
}

/* A tap on port @id and its far end. */
static int attach_tap(uint16_t id, const char *name)
{
	int fd;

	wire_tap(name, 1, &fd);
	assert_int_equal(attach(id, KIND_TAP, &fd, 1), 0);
	return wire_far(name);
}

static void send_frame(int far, mac48 dst, mac48 src, int tci, uint32_t number)
{
	uint8_t frame[FRAME];
	uint32_t header = packet_ethernet(frame, dst, src, tci, PACKET_ETHERTYPE);

	packet_stamp(frame, header, FRAME, 1, number);
	wire_send(far, NULL, frame, FRAME);
}

/* The next frame at @far is number @number, whole, with @tci. */
static void expect_frame(int far, int tci, uint32_t number)
{
	uint8_t frame[FRAME + 16];
	uint32_t len = wire_receive(far, frame, sizeof(frame), NULL);
	uint32_t header = tci == PACKET_UNTAGGED ? 14 : 18;
	uint32_t stream, seen;

	assert_true(len > header);
	if (tci != PACKET_UNTAGGED) {
		assert_int_equal(packet_load16(frame + 12), 0x8100);
		assert_int_equal(packet_load16(frame + 14), tci);
	}
	assert_int_equal(packet_load16(frame + header - 2), PACKET_ETHERTYPE);
	assert_true(packet_read_stamp(frame, header, len, &stream, &seen));
	assert_int_equal(seen, number);
}

static void frames_cross_within_their_network_only(void **state)
{
	int a, b, c, trunk;

	publish(true);
	a = attach_tap(A, "tap-a");
	b = attach_tap(B, "tap-b");
	c = attach_tap(C, "tap-c");
	trunk = attach_tap(TRUNK, "tap-t");
	assert_int_equal(harness_list(&dp), 4);
	assert_int_equal(dp.ports[A].state, CHANNEL_PORT_UP);

	/* unknown: flooded to b and, by tag, to the trunk; c hears nothing */
	send_frame(a, mac_b, mac_a, PACKET_UNTAGGED, 1);
	expect_frame(b, PACKET_UNTAGGED, 1);
	expect_frame(trunk, 10, 1);
	/* the answer is known, and nobody else hears it */
	send_frame(b, mac_a, mac_b, PACKET_UNTAGGED, 2);
	expect_frame(a, PACKET_UNTAGGED, 2);
	/* from the trunk into blue, its priority lost with the tag */
	send_frame(trunk, MAC_BROADCAST, mac_c, 20 | 5 << 13, 3);
	expect_frame(c, PACKET_UNTAGGED, 3);
	assert_true(wire_is_silent(a) && wire_is_silent(b) && wire_is_silent(c) &&
		    wire_is_silent(trunk));
	for (uint16_t id = A; id <= TRUNK; id++)
		harness_check_ledger(&dp, id);
	close(a), close(b), close(c), close(trunk);
}

static void a_burst_keeps_its_order(void **state)
{
	enum { BURST = 80 };
	int a, b;

	publish(true);
	a = attach_tap(A, "tap-a");
	b = attach_tap(B, "tap-b");
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < BURST; i++)
			send_frame(a, mac_b, mac_a, PACKET_UNTAGGED, i);
		for (unsigned i = 0; i < BURST; i++)
			expect_frame(b, PACKET_UNTAGGED, i);
	}
	close(a), close(b);
}

/* A TCP segment of 40000 bytes that its sender left to be cut and checksummed. */
static uint32_t large_segment(uint8_t *frame, struct virtio_net_hdr *ret_hdr)
{
	uint32_t l3 = packet_ethernet(frame, mac_b, mac_a, PACKET_UNTAGGED, 0x0800);
	uint32_t l4 = l3 + 20, payload = l4 + 20, sum = 0;

	memset(frame + l3, 0, payload - l3);
	frame[l3] = 0x45;
	packet_store16(frame + l3 + 2, 40 + GSO_PAYLOAD);
	frame[l3 + 8] = 64;
	frame[l3 + 9] = 6;
	packet_store32(frame + l3 + 12, 0x0a000001);
	packet_store32(frame + l3 + 16, 0x0a000002);
	for (unsigned i = 0; i < 20; i += 2)
		sum += packet_load16(frame + l3 + i);
	packet_store16(frame + l3 + 10, ~((sum & 0xffff) + (sum >> 16)));
	frame[l4 + 12] = 0x50;
	/* the pseudo header's sum, as a sender leaves it (virtio 1.3, 5.1.6.2) */
	sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 20 + GSO_PAYLOAD;
	packet_store16(frame + l4 + 16, (sum & 0xffff) + (sum >> 16));
	packet_stamp(frame, payload, payload + GSO_PAYLOAD, 1, 7);
	*ret_hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)payload,
		.gso_size = 1448,
		.csum_start = (uint16_t)l4,
		.csum_offset = 16,
	};
	return payload + GSO_PAYLOAD;
}

static void a_large_segment_passes_whole(void **state)
{
	static uint8_t frame[1 << 16], seen[1 << 16];
	struct virtio_net_hdr hdr, seen_hdr;
	uint32_t len = large_segment(frame, &hdr);
	int a, b, trunk;

	publish(true);
	a = attach_tap(A, "tap-a");
	b = attach_tap(B, "tap-b");
	trunk = attach_tap(TRUNK, "tap-t");
	wire_send(a, &hdr, frame, len);

	assert_int_equal(wire_receive(b, seen, sizeof(seen), &seen_hdr), len);
	assert_memory_equal(seen, frame, len);
	assert_int_equal(seen_hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(seen_hdr.gso_size, 1448);
	assert_int_equal(seen_hdr.csum_start, hdr.csum_start);
	/* with a tag before it, all that the header points at has moved */
	assert_int_equal(wire_receive(trunk, seen, sizeof(seen), &seen_hdr), len + 4);
	assert_memory_equal(seen + 16, frame + 12, len - 12);
	assert_int_equal(packet_load16(seen + 14), 10);
	assert_int_equal(seen_hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	close(a), close(b), close(trunk);
}

static void a_device_gives_tags_as_they_were(void **state)
{
	int fd, a, far;

	publish(true);
	a = attach_tap(A, "tap-a");
	wire_veth("up0", "up1");
	fd = wire_device("up0");
	assert_int_equal(attach(TRUNK, KIND_DEVICE, &fd, 1), 0);
	far = wire_far("up1");

	send_frame(far, MAC_BROADCAST, mac_b, 10, 1);
	expect_frame(a, PACKET_UNTAGGED, 1);
	send_frame(a, mac_b, mac_a, PACKET_UNTAGGED, 2);
	expect_frame(far, 10, 2);
	/* a service tag is no customer tag */
	{
		uint8_t frame[FRAME];

		packet_ethernet(frame, MAC_BROADCAST, mac_b, 10, PACKET_ETHERTYPE);
		packet_store16(frame + 12, 0x88a8);
		wire_send(far, NULL, frame, FRAME);
	}
	send_frame(far, MAC_BROADCAST, mac_b, 10, 3);
	expect_frame(a, PACKET_UNTAGGED, 3);
	assert_int_equal(system("ip link del up0"), 0);
	harness_await_port(&dp, TRUNK, CHANNEL_PORT_CLOSED);
	harness_check_ledger(&dp, TRUNK);
	close(a), close(far);
}

/* A UDP datagram from port @flow, number @number. */
static void send_datagram(int far, uint16_t flow, uint32_t number)
{
	uint8_t frame[FRAME] = {0};
	uint32_t l3 = packet_ethernet(frame, mac_b, mac_a, PACKET_UNTAGGED, 0x0800);
	uint32_t l4 = l3 + 20, payload = l4 + 8;

	frame[l3] = 0x45;
	packet_store16(frame + l3 + 2, FRAME - l3);
	frame[l3 + 8] = 64;
	frame[l3 + 9] = 17;
	packet_store32(frame + l3 + 12, 0x0a000001);
	packet_store32(frame + l3 + 16, 0x0a000002);
	packet_store16(frame + l4, flow);
	packet_store16(frame + l4 + 2, 9);
	packet_store16(frame + l4 + 4, FRAME - l4);
	packet_stamp(frame, payload, FRAME, flow, number);
	wire_send(far, NULL, frame, FRAME);
}

/* The kernel spreads flows over the queues of a tap; each stays in order, and none is lost. */
static void a_tap_may_have_several_queues(void **state)
{
	enum { QUEUES = 4, FLOWS = 32, EACH = 4, PAYLOAD = 14 + 20 + 8 };
	uint32_t next[FLOWS] = {0}, stream, number;
	uint8_t seen[FRAME + 16];
	int fds[QUEUES], a, b;

	publish(true);
	wire_tap("tap-a", QUEUES, fds);
	assert_int_equal(attach(A, KIND_TAP, fds, QUEUES), 0);
	a = wire_far("tap-a");
	b = attach_tap(B, "tap-b");
	assert_int_equal(harness_list(&dp), 2);
	assert_int_equal(dp.ports[A].queue_pairs, QUEUES);
	assert_int_equal(dp.ports[A].workers, 3);
	for (uint32_t i = 0; i < EACH; i++)
		for (uint16_t flow = 0; flow < FLOWS; flow++)
			send_datagram(a, flow, i);
	for (unsigned i = 0; i < FLOWS * EACH; i++) {
		assert_int_equal(wire_receive(b, seen, sizeof(seen), NULL), FRAME);
		assert_true(packet_read_stamp(seen, PAYLOAD, FRAME, &stream, &number));
		assert_true(stream < FLOWS);
		assert_int_equal(number, next[stream]++);
	}
	/* and back, on whichever queue */
	send_frame(b, mac_a, mac_b, PACKET_UNTAGGED, 7);
	expect_frame(a, PACKET_UNTAGGED, 7);
	harness_check_ledger(&dp, A);
	close(a), close(b);
}

static void a_tap_that_is_removed_closes_its_port(void **state)
{
	int a, b;

	publish(true);
	a = attach_tap(A, "tap-a");
	b = attach_tap(B, "tap-b");
	assert_int_equal(system("ip link del tap-a"), 0);
	assert_string_equal(harness_await_port(&dp, A, CHANNEL_PORT_CLOSED),
			    "the interface is gone");
	close(a);
	/* and can be replaced */
	a = attach_tap(A, "tap-a2");
	send_frame(b, MAC_BROADCAST, mac_b, PACKET_UNTAGGED, 1);
	expect_frame(a, PACKET_UNTAGGED, 1);
	close(a), close(b);
}

static void a_detached_tap_is_let_go(void **state)
{
	int a, b;

	publish(true);
	a = attach_tap(A, "tap-a");
	b = attach_tap(B, "tap-b");
	assert_int_equal(harness_detach(&dp, A), 0);
	/* nobody holds it any more: the kernel removes it */
	assert_true(clock_await(CLOCK_PATIENCE_MS, if_nametoindex("tap-a") == 0));
	/* a port that leaves the policy loses its device, too */
	publish(false);
	assert_true(clock_await(CLOCK_PATIENCE_MS, if_nametoindex("tap-b") == 0));
	close(a), close(b);
}

static void what_is_no_tap_is_refused(void **state)
{
	int fds[2];

	publish(true);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(attach(A, KIND_TAP, fds, 2), -EINVAL);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(attach(A, KIND_DEVICE, fds, 1), -EINVAL);
	assert_int_equal(attach(A, 99, &fds[1], 1), -EINVAL);
	assert_int_equal(attach(9, KIND_TAP, NULL, 0), -ENOENT);
}

static int start(void **state)
{
	harness_start(&dp, 2, 0);
	return 0;
}

/* Threads that the kernel made for I/O that it would not do at once. */
static unsigned count_io_threads(void)
{
	char path[64], name[32] = "";
	struct dirent *entry;
	unsigned n = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)dp.pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", (int)dp.pid,
			 entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(name, sizeof(name), file))
			n += !strncmp(name, "iou-wrk", 7);
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return n;
}

static int stop(void **state)
{
	assert_int_equal(count_io_threads(), 0);
	harness_stop(&dp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_cross_within_their_network_only, start,
						stop),
		cmocka_unit_test_setup_teardown(a_burst_keeps_its_order, start, stop),
		cmocka_unit_test_setup_teardown(a_large_segment_passes_whole, start, stop),
		cmocka_unit_test_setup_teardown(a_device_gives_tags_as_they_were, start, stop),
		cmocka_unit_test_setup_teardown(a_tap_may_have_several_queues, start, stop),
		cmocka_unit_test_setup_teardown(a_tap_that_is_removed_closes_its_port, start, stop),
		cmocka_unit_test_setup_teardown(a_detached_tap_is_let_go, start, stop),
		cmocka_unit_test_setup_teardown(what_is_no_tap_is_refused, start, stop),
	};

	if (!wire_enter()) {
		printf("1..0 # SKIP no network namespace or no /dev/net/tun for us\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
