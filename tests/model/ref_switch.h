/*
 * ref_switch - a switch so simple that one can see that it is right.
 *
 * Arrays and linear scans; no hash, no list, no snapshot, no bytes. It follows
 * the documentation (VLAN.md, fdb.h, guard.h), not the code, and knows what
 * should come of a frame that is described to it. It remembers addresses as
 * fdb.h says: what has aged or gone stale reads as unknown, but has its place
 * until a sweep or a newcomer takes it.
 */
#ifndef TESTS_MODEL_REF_SWITCH_H
#define TESTS_MODEL_REF_SWITCH_H

#include "switch/policy.h"

enum {
	REF_NETWORKS = 6, /* ids 1..5 */
	REF_PORTS = 10,	  /* ids 1..9 */
	REF_BOUND = 2,	  /* MACs that a port may bind */
	REF_LEARNED = 1024,
	REF_UNTAGGED = -1,
};

struct ref_network {
	bool live;
	uint16_t generation, vlan, flags;
	uint32_t age_ms, macs_max, mtu;
};

/* So many a second, and of @burst_ms at once. */
struct ref_limit {
	uint32_t per_second; /* 0: no limit; a divisor of 1000 */
	uint32_t burst_ms;
	int64_t saved_ms; /* time that was not used, at most the burst; below 0: owed */
	clock_ms since;
};

struct ref_port {
	bool live, trunk, guarded, down;
	bool is_server, is_router, is_bridge; /* may speak as one */
	uint16_t generation, native;
	uint16_t tags[REF_NETWORKS]; /* trunk: by network, 0: not carried by a tag */
	enum policy_role role;
	uint16_t community;
	uint32_t quota;
	unsigned n_macs;
	mac48 macs[REF_BOUND];
	struct ref_limit packets, floods; /* that it sends */
};

struct ref_learned {
	uint16_t network, network_generation;
	mac48 mac;
	struct port_ref port;
	clock_ms seen;
	uint64_t order; /* of the last stamp */
};

struct ref_switch {
	clock_ms now;
	struct ref_network networks[REF_NETWORKS];
	struct ref_port ports[REF_PORTS];
	unsigned n_learned;
	struct ref_learned learned[REF_LEARNED];
	uint64_t stamps;
	unsigned moves[REF_PORTS], evictions[REF_PORTS];
};

/* What a frame is about. */
enum ref_talk {
	REF_PLAIN, /* nothing that the switch knows */
	REF_DHCP_CLIENT,
	REF_DHCP_SERVER,
	REF_ROUTER_SOLICIT,
	REF_ROUTER, /* an advertisement */
	REF_TALKS,
};

struct ref_frame {
	uint16_t port;
	mac48 src, dst;
	enum ref_talk talk;
	unsigned n_tags;
	uint16_t tpids[2], tcis[2]; /* outermost first */
	uint32_t len;		    /* bytes, tags included */
};

struct ref_copy {
	uint16_t port;
	int tci; /* or REF_UNTAGGED */
};

/*
 * What becomes of @frame, and what is learned from it: the copies that arrive,
 * in the order of ports, or why there is none.
 */
enum drop ref_send(struct ref_switch *ref, const struct ref_frame *frame,
		   struct ref_copy ret_copies[REF_PORTS], unsigned *ret_n);

/* Another data plane begins: what was saved or owed is forgotten. */
void ref_forgive(struct ref_switch *ref);
void ref_sweep(struct ref_switch *ref);
void ref_flush(struct ref_switch *ref, uint16_t network, struct port_ref port);

#endif
