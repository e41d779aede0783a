/*
 * isolation - every port, every tag, every destination: each frame goes where a
 * table says and nowhere else.
 *
 * The table is written down here a second time, as plainly as it can be said:
 * for each port, the network of each tag, and the tag of each network. Sixteen
 * real guests stand at ports of all modes; each sends each kind of frame, to
 * everybody and to each single other, and all receive rings are looked at. A
 * frame that is where it must not be fails the test, and so does one that is
 * missing.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/scene.h"

/* Besides RED and BLUE of the scene. */
enum {
	NONE = 0,
	PURPLE = 4,  /* VLAN 30 */
	OTHER = 5,   /* VLAN 20 too, but another tenant's: never on a wire with BLUE */
	PRIVATE = 6, /* VLAN 50, isolated */
	LOCAL = 7,   /* no tag */
	NETWORKS,
};

enum { FIRST = 10, PORTS = 18, ALL = -1 };

static const uint16_t vlans[NETWORKS] = {
	[RED] = 10, [BLUE] = 20, [PURPLE] = 30, [OTHER] = 20, [PRIVATE] = 50};

/* What a port is: its native network, the networks that it has by tag, its place in PRIVATE. */
static const struct kind {
	const char *name;
	uint16_t native;
	uint16_t tagged[4];
	bool trunk;
	enum policy_role role;
	uint16_t community;
	uint16_t flags;
} kinds[PORTS] = {
	{"access-red", RED},
	{"access-red-2", RED},
	{"access-blue", BLUE},
	{"access-purple", PURPLE},
	{"access-other", OTHER},
	{"access-local", LOCAL},
	{"access-local-2", LOCAL},
	{"trunk-no-native", NONE, {RED, BLUE}, true},
	{"trunk-native-red", RED, {BLUE}, true},
	{"trunk-native-blue", BLUE, {RED, PURPLE}, true},
	{"trunk-empty", NONE, {NONE}, true},
	{"uplink", NONE, {RED, BLUE, PURPLE}, true, .flags = POLICY_PORT_UPLINK},
	{"promiscuous", PRIVATE, .role = POLICY_PROMISCUOUS},
	{"isolated", PRIVATE, .role = POLICY_ISOLATED},
	{"isolated-2", PRIVATE, .role = POLICY_ISOLATED},
	{"community-1", PRIVATE, .role = POLICY_COMMUNITY, .community = 1},
	{"community-1-too", PRIVATE, .role = POLICY_COMMUNITY, .community = 1},
	{"community-2", PRIVATE, .role = POLICY_COMMUNITY, .community = 2},
};

/* How a frame is tagged: up to two tags behind the addresses. */
static const struct tagging {
	uint16_t tpid[2];
	uint16_t tci[2];
} taggings[] = {
	{{0}},
	{{0x8100}, {0}}, /* priority only: as untagged (IEEE 802.1Q, 6.9) */
	{{0x8100}, {0xe000}},
	{{0x8100}, {10}},
	{{0x8100}, {20}},
	{{0x8100}, {0xf014}}, /* 20 with a priority and DEI */
	{{0x8100}, {30}},
	{{0x8100}, {50}},
	{{0x8100}, {999}},
	{{0x8100}, {4095}},
	{{0x8100, 0x8100}, {10, 20}},
	{{0x8100, 0x8100}, {20, 10}},
	{{0x8100, 0x8100}, {0, 20}},
	{{0x8100, 0x88a8}, {10, 20}},
	{{0x88a8}, {20}},
	{{0x88a8, 0x8100}, {10, 20}},
	{{0x9100}, {20}}, /* 802.1ad before there was a standard */
	{{0x9200}, {20}}, /* no tag that anybody knows: an ethertype */
};

enum { TAGGINGS = sizeof(taggings) / sizeof(taggings[0]) };

static struct frontend guests[PORTS];

/* ---- what must happen ---- */

static bool is_member(unsigned port, uint16_t network)
{
	if (network != NONE && kinds[port].native == network)
		return true;
	for (unsigned i = 0; i < 4; i++)
		if (network != NONE && kinds[port].tagged[i] == network)
			return true;
	return false;
}

/* The network of a frame, or NONE if it must be dropped. */
static uint16_t place(unsigned port, const struct tagging *tagging)
{
	uint16_t vid = tagging->tci[0] & 0xfff;

	if (tagging->tpid[0] == 0x88a8 || tagging->tpid[0] == 0x9100 || tagging->tpid[1] != 0)
		return NONE;
	if (tagging->tpid[0] != 0x8100 || vid == 0)
		return kinds[port].native;
	if (kinds[port].trunk && kinds[port].native != NONE && vlans[kinds[port].native] == vid)
		return kinds[port].native;
	for (unsigned i = 0; i < 4 && kinds[port].trunk; i++)
		if (kinds[port].tagged[i] != NONE && vlans[kinds[port].tagged[i]] == vid)
			return kinds[port].tagged[i];
	return NONE;
}

/* RFC 5517: who may speak to whom in an isolated network. */
static bool may_speak(unsigned from, unsigned to, uint16_t network)
{
	const struct kind *a = &kinds[from], *b = &kinds[to];

	if (network != PRIVATE || a->role == POLICY_PROMISCUOUS || b->role == POLICY_PROMISCUOUS)
		return true;
	return a->role == POLICY_COMMUNITY && b->role == POLICY_COMMUNITY &&
	       a->community == b->community;
}

/* Must guest @to receive the frame? @target is its one destination, or ALL. */
static bool must_receive(unsigned from, unsigned to, uint16_t network, int target)
{
	if (network == NONE || from == to || !is_member(to, network) ||
	    !may_speak(from, to, network))
		return false;
	/* Everybody is known in all its networks; a stranger to this one is unknown: flooded. */
	return target == ALL || target == (int)to || !is_member((unsigned)target, network);
}

/* ---- what happens ---- */

static uint32_t build(uint8_t *frame, unsigned from, int target, const struct tagging *tagging,
		      uint32_t number)
{
	mac48 dst = target == ALL ? MAC_BROADCAST : scene_mac((uint16_t)(FIRST + target));
	uint32_t at = 12;

	mac_store(dst, frame);
	mac_store(scene_mac((uint16_t)(FIRST + from)), frame + 6);
	for (unsigned i = 0; i < 2 && tagging->tpid[i]; i++, at += 4) {
		packet_store16(frame + at, tagging->tpid[i]);
		packet_store16(frame + at + 2, tagging->tci[i]);
	}
	packet_store16(frame + at, PACKET_ETHERTYPE);
	packet_stamp(frame, at + 2, 100, from, number);
	return at + 2;
}

/* The frame at @to, as it must be there: the same, with @network's tag or none; priorities stay. */
static void judge(unsigned to, uint16_t network, const uint8_t *sent, uint32_t sent_header,
		  const struct tagging *tagging)
{
	bool strip = tagging->tpid[0] == 0x8100;
	bool untagged = kinds[to].native == network;
	uint32_t tci = vlans[network] | (strip ? tagging->tci[0] & 0xf000u : 0);
	uint32_t sent_at = strip ? sent_header - 2 : 12, seen_at = untagged ? 12 : 16;
	struct virtio_net_hdr_v1 hdr;
	uint8_t seen[2048];
	ssize_t len = frontend_take(&guests[to], 0, &hdr, seen, sizeof(seen));

	check(len == (ssize_t)(100 - sent_at + seen_at), "%s received %zd bytes", kinds[to].name,
	      len);
	check(memcmp(seen, sent, 12) == 0 &&
		      memcmp(seen + seen_at, sent + sent_at, 100 - sent_at) == 0,
	      "%s received other bytes", kinds[to].name);
	if (!untagged)
		check(packet_load16(seen + 12) == 0x8100 && packet_load16(seen + 14) == tci,
		      "%s received tag %#x %#x", kinds[to].name, packet_load16(seen + 12),
		      packet_load16(seen + 14));
	check(!guest_ring_pending(frontend_rx(&guests[to], 0)), "%s received it twice",
	      kinds[to].name);
}

static void try_frame(unsigned from, int target, const struct tagging *tagging)
{
	static uint32_t number;
	uint16_t network = place(from, tagging);
	uint8_t frame[120];
	uint32_t header = build(frame, from, target, tagging, number++);

	frontend_send(&guests[from], 0, NULL, frame, 100);
	/* Given back means delivered: what is not there now will never be. */
	check(frontend_drain(&guests[from], 0, CLOCK_PATIENCE_MS), "%s is stuck", kinds[from].name);
	for (unsigned to = 0; to < PORTS; to++) {
		bool due = must_receive(from, to, network, target);
		bool there = guest_ring_pending(frontend_rx(&guests[to], 0));

		check(due == there, "from %s, tags %#x/%#x %#x/%#x, to %s: %s %s it",
		      kinds[from].name, tagging->tpid[0], tagging->tci[0], tagging->tpid[1],
		      tagging->tci[1], target == ALL ? "all" : kinds[target].name, kinds[to].name,
		      there ? "must not receive" : "does not receive");
		if (there)
			judge(to, network, frame, header, tagging);
	}
}

/* ---- the stage ---- */

static void describe_network(struct policy_builder *builder, uint16_t id, const char *name,
			     uint16_t tenant, uint16_t flags)
{
	const struct policy_network_spec spec = {.id = id,
						 .generation = 1,
						 .name = name,
						 .vlan = vlans[id],
						 .tenant = tenant,
						 .flags = flags,
						 .mtu = 1500,
						 .age_ms = 300000,
						 .macs_max = 1024};

	check(policy_builder_network(builder, &spec) == 0, "network %s", name);
}

static void describe_port(struct policy_builder *builder, unsigned port, const struct kind *kind)
{
	struct policy_trunk_entry trunk[4];
	struct policy_port_spec spec = {
		.ref = harness_ref((uint16_t)(FIRST + port)),
		.name = kind->name,
		.mode = kind->trunk ? POLICY_TRUNK : POLICY_ACCESS,
		.role = kind->role,
		.community = kind->community,
		.flags = kind->flags,
		.tenant = kind->flags & POLICY_PORT_UPLINK ? 0 : 1,
		.native = kind->native,
		.trunk = trunk,
		.macs_max = 64,
	};

	if (kind->native == OTHER)
		spec.tenant = 2;
	for (; spec.n_trunk < 4 && kind->tagged[spec.n_trunk] != NONE; spec.n_trunk++) {
		uint16_t network = kind->tagged[spec.n_trunk];

		trunk[spec.n_trunk] =
			(struct policy_trunk_entry){.network = network, .vlan = vlans[network]};
	}
	check(policy_builder_port(builder, &spec) == 0, "port %s", kind->name);
}

/* All networks and ports; of these, @moved is as @kind says and not as the table does. */
static void publish_with(struct scene *scene, unsigned moved, const struct kind *kind)
{
	struct policy_builder *builder = scene_begin_policy(scene);

	describe_network(builder, PURPLE, "mallory/purple", 1, 0);
	describe_network(builder, OTHER, "alice/other", 2, 0);
	describe_network(builder, PRIVATE, "mallory/private", 1, POLICY_NET_ISOLATED);
	describe_network(builder, LOCAL, "mallory/local", 1, 0);
	for (unsigned port = 0; port < PORTS; port++)
		describe_port(builder, port, port == moved ? kind : &kinds[port]);
	harness_publish(&scene->dp, builder);
}

static void publish(struct scene *scene)
{
	publish_with(scene, PORTS, NULL);
}

static void open_stage(struct scene *scene)
{
	const struct frontend_options options = {
		.features = FRONTEND_PLAIN, .ring_size = 64, .memory_size = 4 << 20};

	publish(scene);
	for (uint16_t port = 0; port < PORTS; port++)
		scene_join(scene, &guests[port], (uint16_t)(FIRST + port), &options);
	/* Everybody speaks once in each network, so that everybody is known there. */
	for (unsigned port = 0; port < PORTS; port++)
		for (unsigned i = 0; i < TAGGINGS; i++)
			try_frame(port, ALL, &taggings[i]);
}

static void close_stage(struct scene *scene)
{
	for (uint16_t port = 0; port < PORTS; port++) {
		scene_leave(scene, &guests[port], (uint16_t)(FIRST + port));
		harness_check_ledger(&scene->dp, (uint16_t)(FIRST + port));
	}
}

static void every_port_every_tag_every_destination(struct scene *scene)
{
	open_stage(scene);
	for (unsigned from = 0; from < PORTS; from++)
		for (unsigned i = 0; i < TAGGINGS; i++)
			for (int target = 0; target < PORTS; target++)
				try_frame(from, target, &taggings[i]);
	close_stage(scene);
}

/* The same frames in random order, while the policy is published again and again. */
static void while_the_policy_is_exchanged(struct scene *scene)
{
	uint64_t state = 7;

	open_stage(scene);
	for (unsigned i = 0; i < runner_amount(2000, 200000); i++) {
		uint64_t noise = packet_noise(&state);

		try_frame((unsigned)(noise % PORTS), (int)(noise >> 16 & 0xff) % (PORTS + 1) - 1,
			  &taggings[(noise >> 32) % TAGGINGS]);
		if (i % 20 == 0)
			publish(scene);
	}
	close_stage(scene);
}

/*
 * A guest that was known in one network stands in another from one moment to the
 * next: what was learned must not lead a single frame there.
 */
static void a_port_that_moves(struct scene *scene)
{
	const unsigned from = 0, moved = 1, witness = 2; /* two in red, one in blue */
	const struct kind elsewhere = {"access-red-2", BLUE};
	uint8_t frame[120];

	open_stage(scene);
	for (unsigned round = 0; round < 20; round++) {
		try_frame(from, (int)moved, &taggings[0]);
		publish_with(scene, moved, &elsewhere);
		build(frame, from, (int)moved, &taggings[0], round);
		frontend_send(&guests[from], 0, NULL, frame, 100);
		check(frontend_drain(&guests[from], 0, CLOCK_PATIENCE_MS), "stuck");
		check(!guest_ring_pending(frontend_rx(&guests[moved], 0)) &&
			      !guest_ring_pending(frontend_rx(&guests[witness], 0)),
		      "round %u: a frame of red came to blue", round);
		for (unsigned port = 0; port < PORTS; port++)
			scene_discard(&guests[port]);
		publish(scene);
		try_frame(moved, ALL, &taggings[0]); /* known in red again */
	}
	close_stage(scene);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "every_port_every_tag_every_destination",
		 every_port_every_tag_every_destination},
		{.name = "a_port_that_moves", a_port_that_moves},
		{.name = "while_the_policy_is_exchanged",
		 while_the_policy_is_exchanged,
		 .workers = 2},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
