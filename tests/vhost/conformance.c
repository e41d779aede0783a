/*
 * conformance - every front-end's way of saying things leads to the same: frames
 * flow, and what was acknowledged has happened.
 *
 * The orders are those of QEMU 7.2, 8.2 and 10, Cloud Hypervisor, DPDK's
 * virtio-user, and a front-end that knows no protocol features at all.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/scene.h"

#define PACKED		 VU_BIT(VIRTIO_F_RING_PACKED)
#define IN_ORDER	 VU_BIT(VIRTIO_F_IN_ORDER)
#define WITHOUT(feature) (FRONTEND_PLAIN & ~VU_BIT(feature))

/* What guests of one front-end may differ in. */
static const struct frontend_options variants[] = {
	{.features = FRONTEND_PLAIN},
	{.features = 0},
	{.features = WITHOUT(VIRTIO_NET_F_MRG_RXBUF), .rx_buffer = 9100, .indirect = true},
	{.features = WITHOUT(VIRTIO_RING_F_EVENT_IDX), .tx_shape = SHAPE_SPLIT, .indirect = true},
	{.features = WITHOUT(VIRTIO_RING_F_INDIRECT_DESC),
	 .tx_shape = SHAPE_SCATTERED,
	 .rx_shape = SHAPE_SPLIT},
	{.features = FRONTEND_PLAIN,
	 .tx_shape = SHAPE_SCATTERED,
	 .rx_shape = SHAPE_SCATTERED,
	 .indirect = true,
	 .ring_size = 1024},
	{.features = FRONTEND_PLAIN, .layout = GUEST_PC, .rx_buffer = 100},
	{.features = FRONTEND_PLAIN, .layout = GUEST_ADJACENT, .ring_size = 64},
	{.features = FRONTEND_PLAIN, .ring_size = 2, .rx_buffer = 1600},
	{.features = FRONTEND_PLAIN,
	 .ring_size = 32768,
	 .rx_buffer = 1600,
	 .memory_size = 128 << 20},
	{.features = FRONTEND_PLAIN | PACKED},
	{.features = FRONTEND_PLAIN | PACKED | IN_ORDER,
	 .tx_shape = SHAPE_SCATTERED,
	 .rx_shape = SHAPE_SPLIT,
	 .indirect = true,
	 .ring_size = 1024},
	{.features = PACKED | IN_ORDER, .tx_shape = SHAPE_SPLIT, .rx_shape = SHAPE_SPLIT},
	{.features = VU_BIT(VIRTIO_NET_F_MRG_RXBUF) | PACKED,
	 .tx_shape = SHAPE_SCATTERED,
	 .rx_buffer = 100,
	 .ring_size = 1024},
	{.features = FRONTEND_PLAIN | IN_ORDER},
};

/* After a stop, the ring's base is where the guest saw it end. */
static void check_bases(const struct frontend *fe)
{
	for (unsigned i = 0; i < fe->n_queues; i++)
		check(fe->bases[i] == guest_ring_base(&fe->queues[i].ring),
		      "ring %u: base %#x, but used %#x", i, fe->bases[i],
		      guest_ring_base(&fe->queues[i].ring));
}

static void pass_in_manner(struct scene *scene, enum frontend_manner manner)
{
	const struct frontend_options of_peer = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer;
	int error;

	scene_join(scene, &peer, PEER, &of_peer);
	for (unsigned i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct frontend_options options = variants[i];

		options.manner = manner;
		scene_join(scene, &fe, OFFENDER, &options);
		scene_pass(&fe, OFFENDER, &peer, PEER, 40);
		scene_pass(&peer, PEER, &fe, OFFENDER, 40);
		check(frontend_drain(&fe, 0, CLOCK_PATIENCE_MS), "variant %u: not drained", i);
		error = frontend_stop(&fe);
		check(error == 0, "variant %u: stop: %s", i, strerror(-error));
		check_bases(&fe);
		scene_leave(scene, &fe, OFFENDER);
	}
	scene_leave(scene, &peer, PEER);
}

static void order_qemu_10(struct scene *scene)
{
	pass_in_manner(scene, MANNER_QEMU_10);
}

static void order_qemu_8_2(struct scene *scene)
{
	pass_in_manner(scene, MANNER_QEMU_8_2);
}

static void order_qemu_7_2(struct scene *scene)
{
	pass_in_manner(scene, MANNER_QEMU_7_2);
}

static void order_cloud_hypervisor(struct scene *scene)
{
	pass_in_manner(scene, MANNER_CLOUD_HYPERVISOR);
}

static void order_virtio_user(struct scene *scene)
{
	pass_in_manner(scene, MANNER_VIRTIO_USER);
}

static void order_plain(struct scene *scene)
{
	pass_in_manner(scene, MANNER_PLAIN);
}

/* Without REPLY_ACK a GET_FEATURES is the barrier: it must not overtake what was sent before. */
static void without_acknowledgements(struct scene *scene)
{
	const struct frontend_options of_peer = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer;

	scene_join(scene, &peer, PEER, &of_peer);
	for (enum frontend_manner manner = 0; manner < MANNER__COUNT; manner++) {
		const struct frontend_options options = {
			.features = FRONTEND_PLAIN,
			.protocol = VU_BIT(VU_PROTOCOL_MQ),
			.manner = manner,
			.layout = GUEST_ADJACENT,
		};

		scene_join(scene, &fe, OFFENDER, &options);
		scene_pass(&fe, OFFENDER, &peer, PEER, 10);
		scene_pass(&peer, PEER, &fe, OFFENDER, 10);
		scene_leave(scene, &fe, OFFENDER);
	}
	scene_leave(scene, &peer, PEER);
}

static void several_queue_pairs(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN, .pairs = 4};
	const struct frontend_options of_peer = {.features = FRONTEND_PLAIN};
	uint8_t frame[PACKET_MIN], seen[2048];
	struct virtio_net_hdr_v1 hdr;
	struct frontend fe, peer;

	for (enum frontend_manner manner = 0; manner < MANNER_PLAIN; manner++) {
		struct frontend_options now = options;

		now.manner = manner;
		scene_join(scene, &fe, OFFENDER, &now);
		scene_join(scene, &peer, PEER, &of_peer);
		/* GET_QUEUE_NUM is read as pairs by some, as rings by others: enough for both. */
		check(fe.queues_max >= fe.n_queues, "%llu queues for 4 pairs",
		      (unsigned long long)fe.queues_max);
		check(scene->dp.ports[OFFENDER].queue_pairs == 4, "%u pairs run",
		      scene->dp.ports[OFFENDER].queue_pairs);
		for (unsigned i = 0; i < 40; i++) {
			packet_build(frame, sizeof(frame), scene_mac(PEER), scene_mac(OFFENDER), 1,
				     i);
			frontend_send(&fe, i % 4, NULL, frame, sizeof(frame));
			check(frontend_receive(&peer, 0, &hdr, seen, sizeof(seen),
					       CLOCK_PATIENCE_MS) == sizeof(frame) &&
				      memcmp(seen, frame, sizeof(frame)) == 0,
			      "nothing came of frame %u, sent by pair %u", i, i % 4);
		}
		scene_leave(scene, &fe, OFFENDER);
		scene_leave(scene, &peer, PEER);
	}
}

/* As many regions as slots were promised; frames from the first to the last of them. */
static void memory_slots_509(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .layout = GUEST_SLOTS,
						 .memory_size = 16 << 20,
						 .ring_size = 1024};
	const struct frontend_options of_peer = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer;
	struct harness_resources now;
	int error;

	scene_join(scene, &peer, PEER, &of_peer);
	scene_join(scene, &fe, OFFENDER, &options);
	check(fe.slots_max >= GUEST_REGIONS_MAX, "%llu slots", (unsigned long long)fe.slots_max);
	scene_pass(&fe, OFFENDER, &peer, PEER, 1100);
	scene_pass(&peer, PEER, &fe, OFFENDER, 1100);
	error = frontend_stop(&fe);
	check(error == 0, "stop: %s", strerror(-error));
	for (unsigned i = 0; i < fe.memory->n_regions; i++) {
		struct vu_single_region slot = {.region =
							guest_region_wire(&fe.memory->regions[i])};

		error = frontend_do(&fe, VU_REM_MEM_REG, &slot, sizeof(slot), NULL, 0);
		check(error == 0, "REM_MEM_REG %u: %s", i, strerror(-error));
	}
	/* Acknowledged means done: what the guest unplugged is not mapped any more. */
	now = harness_resources(&scene->dp);
	check(now.guest_mappings <= scene->before.guest_mappings + 1, "%u mappings are left",
	      now.guest_mappings - scene->before.guest_mappings);
	scene_leave(scene, &fe, OFFENDER);
	scene_leave(scene, &peer, PEER);
}

static void mtu_is_negotiated(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend fe;

	scene_join(scene, &fe, OFFENDER, &options);
	check(frontend_do_u64(&fe, VU_NET_SET_MTU, 9000) == 0, "MTU 9000 is refused");
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t wrong[] = {0, 67, 65536};
		int result = frontend_do_u64(&fe, VU_NET_SET_MTU, wrong[i]);

		scene_expect_refusal(scene, &fe, OFFENDER, result, "an impossible MTU");
	}
	scene_leave(scene, &fe, OFFENDER);
}

static void expect_rarp(struct frontend *fe, mac48 mac)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	ssize_t len = frontend_receive(fe, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS);

	/* RFC 903: hardware 1, protocol 0x0800, 6, 4, opcode 3; the asker asks for itself. */
	check(len >= PACKET_ETH + 28, "no RARP: %zd bytes", len);
	check(mac_load(frame) == MAC_BROADCAST && mac_load(frame + 6) == mac &&
		      packet_load16(frame + 12) == 0x8035,
	      "not a RARP of %012llx", (unsigned long long)mac);
	check(packet_load16(frame + 14) == 1 && packet_load16(frame + 16) == 0x0800 &&
		      frame[18] == 6 && frame[19] == 4 && packet_load16(frame + 20) == 3,
	      "the RARP's fields are wrong");
	check(mac_load(frame + 22) == mac && mac_load(frame + 32) == mac,
	      "the RARP speaks of another address");
}

/* SEND_RARP: the guest moved here; its network learns where it is. */
static void rarp_moves_the_guest(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer, witness, stranger;
	const mac48 mac = 0x0200000abcde;
	uint8_t frame[PACKET_MIN];
	uint64_t wire = 0;

	scene_join(scene, &fe, OFFENDER, &options);
	scene_join(scene, &peer, PEER, &options);
	scene_join(scene, &witness, WITNESS, &options);
	scene_join(scene, &stranger, STRANGER, &options);
	mac_store(mac, (uint8_t *)&wire);
	check(frontend_do_u64(&fe, VU_SEND_RARP, wire) == 0, "SEND_RARP is refused");
	expect_rarp(&peer, mac);
	expect_rarp(&witness, mac);

	packet_build(frame, sizeof(frame), mac, scene_mac(PEER), 1, 1);
	frontend_send(&peer, 0, NULL, frame, sizeof(frame));
	scene_pass(&peer, PEER, &witness, WITNESS, 1);
	check(guest_ring_pending(frontend_rx(&fe, 0)), "the guest did not get its frame");
	check(!guest_ring_pending(frontend_rx(&witness, 0)), "its frame was flooded all the same");
	check(!guest_ring_pending(frontend_rx(&stranger, 0)), "the RARP left its network");
	scene_leave(scene, &fe, OFFENDER);
	scene_leave(scene, &peer, PEER);
	scene_leave(scene, &witness, WITNESS);
	scene_leave(scene, &stranger, STRANGER);
}

/* The address in SEND_RARP is the front-end's word: it passes the same guard as a frame. */
static void rarp_cannot_spoof(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer;
	uint64_t wire = 0;

	scene_join(scene, &fe, BOUND, &options);
	scene_join(scene, &peer, PEER, &options);
	mac_store(scene_mac(WITNESS), (uint8_t *)&wire);
	(void)frontend_do_u64(&fe, VU_SEND_RARP, wire);
	wire = 0;
	mac_store(scene_mac(BOUND), (uint8_t *)&wire);
	check(frontend_do_u64(&fe, VU_SEND_RARP, wire) == 0, "SEND_RARP is refused");
	expect_rarp(&peer, scene_mac(BOUND));
	check(!guest_ring_pending(frontend_rx(&peer, 0)), "two announcements, one was spoofed");
	scene_leave(scene, &fe, BOUND);
	scene_leave(scene, &peer, PEER);
}

/* The last session may have died before it called: the new one calls once, for all that is there. */
static void check_called(const struct frontend *fe)
{
	for (unsigned i = 0; i < fe->n_queues; i++) {
		struct pollfd call = {.fd = fe->queues[i].ring.call, .events = POLLIN};

		check(poll(&call, 1, CLOCK_PATIENCE_MS) == 1, "ring %u: no call after its start",
		      i);
	}
}

/* A session ends and another begins with the same memory: the rings go on where they stood. */
static void reconnect(struct scene *scene, uint64_t features)
{
	const struct frontend_options of_peer = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer;

	scene_join(scene, &peer, PEER, &of_peer);
	for (enum frontend_manner manner = 0; manner < MANNER__COUNT; manner++) {
		const struct frontend_options options = {.features = FRONTEND_PLAIN | features,
							 .manner = manner};

		scene_join(scene, &fe, OFFENDER, &options);
		for (unsigned i = 0; i < 5; i++) {
			scene_pass(&fe, OFFENDER, &peer, PEER, 30);
			scene_pass(&peer, PEER, &fe, OFFENDER, 30);
			check(frontend_drain(&fe, 0, CLOCK_PATIENCE_MS), "not drained");
			frontend_hang_up(&fe);
			scene_attach(scene, &fe, OFFENDER);
			for (unsigned ring = 0; ring < fe.n_queues; ring++)
				guest_ring_forget_call(&fe.queues[ring].ring);
			frontend_bring_up(&fe);
			harness_await_port(&scene->dp, OFFENDER, CHANNEL_PORT_UP);
			check_called(&fe);
		}
		/* A guest that only receives gets its frames at once, too. */
		scene_pass(&peer, PEER, &fe, OFFENDER, 30);
		scene_leave(scene, &fe, OFFENDER);
	}
	scene_leave(scene, &peer, PEER);
}

static void reconnect_goes_on(struct scene *scene)
{
	reconnect(scene, 0);
	reconnect(scene, IN_ORDER);
}

/* The front-end says where the ring began, for it knows no more: the ring tells the rest. */
static void t42_packed_base(struct scene *scene)
{
	reconnect(scene, PACKED);
	reconnect(scene, PACKED | IN_ORDER);
}

/* What is offered never changes: a live guest could not come back otherwise. */
static void offers_are_stable(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	const uint64_t must = VU_BIT(VIRTIO_F_VERSION_1) | VU_BIT(VU_F_PROTOCOL_FEATURES) |
			      VU_BIT(VU_F_LOG_ALL) | FRONTEND_PLAIN | FRONTEND_SEND_OFFLOADS |
			      FRONTEND_RECEIVE_OFFLOADS | VU_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);
	const uint64_t must_protocol = VU_BIT(VU_PROTOCOL_MQ) | VU_BIT(VU_PROTOCOL_LOG_SHMFD) |
				       VU_BIT(VU_PROTOCOL_RARP) | VU_BIT(VU_PROTOCOL_REPLY_ACK) |
				       VU_BIT(VU_PROTOCOL_MTU) |
				       VU_BIT(VU_PROTOCOL_CONFIGURE_MEM_SLOTS);
	struct frontend first, second;

	scene_join(scene, &first, OFFENDER, &options);
	scene_join(scene, &second, PEER, &options);
	check(first.features_offered == second.features_offered &&
		      first.protocol_offered == second.protocol_offered &&
		      first.slots_max == second.slots_max,
	      "two guests are offered different things");
	check((first.features_offered & must) == must, "not offered: %#llx",
	      (unsigned long long)(must & ~first.features_offered));
	check((first.protocol_offered & must_protocol) == must_protocol, "not offered: %#llx",
	      (unsigned long long)(must_protocol & ~first.protocol_offered));
	scene_leave(scene, &first, OFFENDER);
	scene_leave(scene, &second, PEER);
}

/* RESET_OWNER is what old stacks say at a stop: no memory may be lost by it. RESET_DEVICE stops. */
static void resets(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct frontend fe, peer;
	int error;

	scene_join(scene, &fe, OFFENDER, &options);
	scene_join(scene, &peer, PEER, &options);
	scene_pass(&fe, OFFENDER, &peer, PEER, 10);

	check(frontend_do(&fe, VU_RESET_OWNER, NULL, 0, NULL, 0) == 0, "RESET_OWNER is refused");
	frontend_reset(&fe);
	for (unsigned i = 0; i < fe.n_queues; i++) {
		uint32_t base;

		check(frontend_get_base(&fe, i, &base) == 0, "GET_VRING_BASE");
		check(frontend_set_ring(&fe, i) == 0 && frontend_enable(&fe, i, true) == 0,
		      "ring %u does not start again", i);
	}
	frontend_fill(&fe, 0);
	scene_pass(&fe, OFFENDER, &peer, PEER, 10);
	scene_pass(&peer, PEER, &fe, OFFENDER, 10);

	if (fe.protocol >> VU_PROTOCOL_RESET_DEVICE & 1) {
		error = frontend_do(&fe, VU_RESET_DEVICE, NULL, 0, NULL, 0);
		check(error == 0, "RESET_DEVICE: %s", strerror(-error));
		frontend_reset(&fe);
		error = frontend_start(&fe);
		check(error == 0, "start after RESET_DEVICE: %s", strerror(-error));
		frontend_fill(&fe, 0);
		scene_pass(&fe, OFFENDER, &peer, PEER, 10);
		scene_pass(&peer, PEER, &fe, OFFENDER, 10);
	}
	scene_leave(scene, &fe, OFFENDER);
	scene_leave(scene, &peer, PEER);
}

/* A jumbo frame needs several merged buffers, or one that is large enough. */
static void jumbo_frames(struct scene *scene)
{
	static uint8_t sent[9014], seen[9100];
	const struct frontend_options large = {
		.features = WITHOUT(VIRTIO_NET_F_MRG_RXBUF), .rx_buffer = 9100, .tx_buffer = 9100};
	const struct frontend_options merging = {
		.features = FRONTEND_PLAIN, .rx_buffer = 1000, .tx_buffer = 9100};
	struct virtio_net_hdr_v1 hdr;
	struct frontend fe, peer;

	scene_join(scene, &fe, OFFENDER, &large);
	scene_join(scene, &peer, PEER, &merging);
	for (uint32_t len = 900; len <= sizeof(sent); len += len < 1100 ? 1 : 501) {
		packet_build(sent, len, scene_mac(PEER), scene_mac(OFFENDER), 1, len);
		frontend_send(&fe, 0, NULL, sent, len);
		check(frontend_receive(&peer, 0, &hdr, seen, sizeof(seen), CLOCK_PATIENCE_MS) ==
				      (ssize_t)len &&
			      memcmp(sent, seen, len) == 0,
		      "%u bytes did not arrive in merged buffers", len);
		check(hdr.num_buffers == (len + FRONTEND_HEADER + 999) / 1000,
		      "%u bytes in %u buffers of 1000", len, hdr.num_buffers);
		packet_build(sent, len, scene_mac(OFFENDER), scene_mac(PEER), 2, len);
		frontend_send(&peer, 0, NULL, sent, len);
		check(frontend_receive(&fe, 0, &hdr, seen, sizeof(seen), CLOCK_PATIENCE_MS) ==
				      (ssize_t)len &&
			      memcmp(sent, seen, len) == 0,
		      "%u bytes did not arrive in one buffer", len);
	}
	scene_leave(scene, &fe, OFFENDER);
	scene_leave(scene, &peer, PEER);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "order_qemu_10", order_qemu_10, .one_layout = true},
		{.name = "order_qemu_8_2", order_qemu_8_2, .one_layout = true},
		{.name = "order_qemu_7_2", order_qemu_7_2, .one_layout = true},
		{.name = "order_cloud_hypervisor", order_cloud_hypervisor, .one_layout = true},
		{.name = "order_virtio_user", order_virtio_user, .one_layout = true},
		{.name = "order_plain", order_plain, .one_layout = true},
		{.name = "without_acknowledgements", without_acknowledgements, .one_layout = true},
		{.name = "several_queue_pairs", several_queue_pairs, .workers = 2},
		{.name = "memory_slots_509", memory_slots_509, .one_layout = true},
		{.name = "mtu_is_negotiated", mtu_is_negotiated, .one_layout = true},
		{.name = "rarp_moves_the_guest", rarp_moves_the_guest},
		{.name = "rarp_cannot_spoof", rarp_cannot_spoof},
		{.name = "reconnect_goes_on", reconnect_goes_on, .one_layout = true},
		{.name = "offers_are_stable", offers_are_stable, .one_layout = true},
		{.name = "resets", resets},
		{.name = "jumbo_frames", jumbo_frames},
		{.name = "t42_packed_base", t42_packed_base, .one_layout = true},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
