/*
 * test_isolation - who gets what: every pair of ports in every pair of modes,
 * every VLAN, by brute force.
 *
 * Each mode has a line of its own truth, written by hand: which network a VID
 * means there, and what tag a network leaves with. Two ports are put side by
 * side, everything that can be sent is sent from one, and the other must get it
 * exactly if both lines speak of the same network, with the second's tag.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "switch/decide.h"

enum {
	WEB = 1, /* vlan 100 */
	DB,	 /* vlan 200 */
	LAN,	 /* vlan 300, isolated */
	HOME,	 /* no vlan */
	NETWORKS = 5,

	NO = POLICY_NOT_MEMBER,
	UN = POLICY_UNTAGGED,
	IN = 1,
	OUT = 2,
	UNTAGGED = -1,
	NOW = 1000000,
	SLOTS = 128,
};

static const struct policy_trunk_entry web_db[] = {{WEB, 100}, {DB, 200}};
static const struct policy_trunk_entry all[] = {{WEB, 100}, {DB, 200}, {LAN, 300}};
static const struct policy_trunk_entry crossed[] = {{WEB, 200}, {DB, 100}};
static const struct policy_trunk_entry lan[] = {{LAN, 300}};

/* clang-format off */
static const struct mode {
	const char *name;
	enum policy_port_mode mode;
	uint16_t native;
	const struct policy_trunk_entry *trunk;
	uint32_t n_trunk;
	enum policy_role role;
	uint16_t community;
	uint16_t flags;
	/* the truth */
	uint16_t untagged;		/* network of frames without a VID */
	uint16_t vlan[3][2];		/* VID, network: all others are refused */
	uint16_t tag[NETWORKS];		/* by network: what it leaves with */
} modes[] = {
	{"access web", POLICY_ACCESS, WEB, NULL, 0, 0, 0, 0, WEB, {{0}}, {NO, UN, NO, NO, NO}},
	{"access db", POLICY_ACCESS, DB, NULL, 0, 0, 0, 0, DB, {{0}}, {NO, NO, UN, NO, NO}},
	{"access home", POLICY_ACCESS, HOME, NULL, 0, 0, 0, 0, HOME, {{0}}, {NO, NO, NO, NO, UN}},
	{"access none", POLICY_ACCESS, 0, NULL, 0, 0, 0, 0, 0, {{0}}, {NO, NO, NO, NO, NO}},
	{"trunk", POLICY_TRUNK, 0, web_db, 2, 0, 0, 0, 0,
	 {{100, WEB}, {200, DB}}, {NO, 100, 200, NO, NO}},
	{"trunk native web", POLICY_TRUNK, WEB, web_db, 2, 0, 0, 0, WEB,
	 {{100, WEB}, {200, DB}}, {NO, UN, 200, NO, NO}},
	{"trunk native only", POLICY_TRUNK, DB, NULL, 0, 0, 0, 0, DB,
	 {{200, DB}}, {NO, NO, UN, NO, NO}},
	{"trunk native home", POLICY_TRUNK, HOME, web_db, 2, 0, 0, 0, HOME,
	 {{100, WEB}, {200, DB}}, {NO, 100, 200, NO, UN}},
	{"trunk crossed", POLICY_TRUNK, 0, crossed, 2, 0, 0, 0, 0,
	 {{200, WEB}, {100, DB}}, {NO, 200, 100, NO, NO}},
	{"trunk of nothing", POLICY_TRUNK, 0, NULL, 0, 0, 0, 0, 0, {{0}}, {NO, NO, NO, NO, NO}},
	{"uplink all", POLICY_TRUNK, 0, all, 3, POLICY_PROMISCUOUS, 0, POLICY_PORT_UPLINK, 0,
	 {{100, WEB}, {200, DB}, {300, LAN}}, {NO, 100, 200, 300, NO}},
	{"lan ordinary", POLICY_ACCESS, LAN, NULL, 0, 0, 0, 0, LAN, {{0}}, {NO, NO, NO, UN, NO}},
	{"lan isolated", POLICY_ACCESS, LAN, NULL, 0, POLICY_ISOLATED, 0, 0, LAN, {{0}},
	 {NO, NO, NO, UN, NO}},
	{"lan promiscuous", POLICY_ACCESS, LAN, NULL, 0, POLICY_PROMISCUOUS, 0, 0, LAN, {{0}},
	 {NO, NO, NO, UN, NO}},
	{"lan community 1", POLICY_ACCESS, LAN, NULL, 0, POLICY_COMMUNITY, 1, 0, LAN, {{0}},
	 {NO, NO, NO, UN, NO}},
	{"lan community 2", POLICY_TRUNK, 0, lan, 1, POLICY_COMMUNITY, 2, 0, 0, {{300, LAN}},
	 {NO, NO, NO, 300, NO}},
};
/* clang-format on */

enum { MODES = sizeof(modes) / sizeof(modes[0]) };

static unsigned long asked, passed;

static struct policy_port_spec port_of(uint16_t id, const struct mode *mode)
{
	struct policy_port_spec port = sketch_trunk(id, mode->native, mode->trunk, mode->n_trunk);

	port.mode = mode->mode;
	port.role = mode->role;
	port.community = mode->community;
	port.flags = mode->flags;
	return port;
}

static struct policy *put_side_by_side(const struct mode *in, const struct mode *out)
{
	struct policy_network_spec networks[] = {sketch_network(WEB, 100), sketch_network(DB, 200),
						 sketch_network(LAN, 300), sketch_network(HOME, 0)};
	struct policy_port_spec ports[] = {port_of(IN, in), port_of(OUT, out)};

	networks[2].flags = POLICY_NET_ISOLATED;
	return SKETCH_POLICY(networks, ports);
}

/* By hand: who of the modes in the isolated network may hear whom (RFC 5517). */
static bool roles_allow(const struct mode *in, const struct mode *out)
{
	if (in->role == POLICY_PROMISCUOUS || out->role == POLICY_PROMISCUOUS)
		return true;
	return in->community && in->community == out->community;
}

static uint16_t network_of(const struct mode *mode, int vid)
{
	if (vid <= 0)
		return mode->untagged;
	for (unsigned i = 0; i < 3; i++) {
		if (mode->vlan[i][0] == vid)
			return mode->vlan[i][1];
	}
	return 0;
}

static _Noreturn void fail(const struct mode *in, const struct mode *out, int vid, const char *what)
{
	printf("not ok 1 - every pair of modes, every VLAN\n# from '%s' to '%s', VID %d: %s\n1..1\n",
	       in->name, out->name, vid, what);
	exit(EXIT_FAILURE);
}

/* The tag that the other port gets the frame with, or POLICY_NOT_MEMBER for not at all. */
static uint16_t outcome(const struct policy *policy, const struct decision *decision)
{
	uint32_t cursor = 0;
	uint16_t port, tag;

	switch (decision->fate) {
	case FATE_DROP: return NO;
	case FATE_UNICAST: return decision->output == OUT ? decision->tag : 0xdead;
	case FATE_FLOOD:
		if (!decide_flood_next(policy, decision, &cursor, &port, &tag) || port != OUT ||
		    decide_flood_next(policy, decision, &cursor, &port, &port))
			return 0xdead;
		return tag;
	}
	return 0xdead;
}

static void ask(const struct policy *policy, const struct fdb *fdb, const struct mode *in,
		const struct mode *out, int vid, mac48 dst)
{
	uint16_t network = network_of(in, vid), want = network ? out->tag[network] : NO;
	struct decision decision;
	struct sketch packet;
	struct frame frame;

	if (network == LAN && !roles_allow(in, out))
		want = NO;
	sketch_ethernet(&packet, dst, 0x020000000001, 0x88b5);
	if (vid != UNTAGGED)
		sketch_tag(&packet, ETHERTYPE_VLAN, (uint16_t)vid);
	sketch_frame(&packet, &frame);
	decide(policy, fdb, NULL, &frame, sketch_ref(IN), NOW, &decision);
	asked++;
	passed += want != NO;
	if (outcome(policy, &decision) != want)
		fail(in, out, vid, want == NO ? "passed" : drop_word(decision.drop));
	if (want != NO && decision.network != network)
		fail(in, out, vid, "passed in another network");
}

/* The other port has been heard in all networks: hearsay must not open a door. */
static void learn_everywhere(struct fdb *fdb, const struct policy *policy, mac48 mac)
{
	for (uint16_t network = 1; network < NETWORKS; network++)
		(void)fdb_learn(fdb, policy, network, mac, sketch_ref(OUT), NOW);
}

static void try_pair(const struct mode *in, const struct mode *out)
{
	static const mac48 known = 0x020000000002, unknown = 0x020000000003;
	struct policy *policy = put_side_by_side(in, out);
	size_t size = fdb_size(SLOTS);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fdb *fdb;

	if (memory == MAP_FAILED || fdb_init(memory, size, SLOTS, &fdb) != 0)
		fail(in, out, 0, "no table");
	learn_everywhere(fdb, policy, known);
	for (int vid = UNTAGGED; vid < POLICY_VLANS; vid++) {
		ask(policy, fdb, in, out, vid, MAC_BROADCAST);
		ask(policy, fdb, in, out, vid, known);
		ask(policy, fdb, in, out, vid, unknown);
	}
	fdb_close(fdb);
	munmap(memory, size);
	free(policy);
}

int main(void)
{
	for (unsigned in = 0; in < MODES; in++) {
		for (unsigned out = 0; out < MODES; out++)
			try_pair(&modes[in], &modes[out]);
	}
	printf("ok 1 - every pair of modes, every VLAN\n1..1\n# %lu frames, %lu passed\n", asked,
	       passed);
	return EXIT_SUCCESS;
}
