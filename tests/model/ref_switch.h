/*
 * ref_switch - a switch so simple that one can see that it is right.
 *
 * Arrays and linear scans; no hash, no list, no snapshot, no bytes. It follows
 * the documentation (VLAN.md, RULES.md, fdb.h, guard.h, session.h), not the code, and
 * knows what should come of a frame that is described to it: ref_rules says what the
 * rules of groups and ACLs do, ref_session what the connections do that they let begin. It remembers addresses as
 * fdb.h says: what has aged or gone stale reads as unknown, but has its place
 * until a sweep or a newcomer takes it.
 */
#ifndef TESTS_MODEL_REF_SWITCH_H
#define TESTS_MODEL_REF_SWITCH_H

#include "switch/policy.h"
#include "tests/model/ref_rules.h"
#include "tests/model/ref_session.h"

enum {
	REF_NETWORKS = 6, /* ids 1..5 */
	REF_PORTS = 10,	  /* ids 1..9 */
	REF_BOUND = 2,	  /* MACs that a port may bind */
	REF_LEARNED = 1024,
	REF_LISTS = 4, /* groups, and as many ACLs */
	REF_RULES = 6, /* of a list */
	REF_SETS = 2,
	REF_MEMBERS = 2,
	REF_TENANT = 1, /* of all */
	REF_UNTAGGED = -1,
};

/* A group or an ACL. Peers are called by letter and place: g2, s1. */
struct ref_list {
	unsigned n_rules;
	union {
		struct rule_group group;
		struct rule_acl acl;
	} rules[REF_RULES];
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
	bool live, trunk, qinq, guarded, down; /* neither trunk nor qinq: an access port */
	bool is_server, is_router, is_bridge;  /* may speak as one */
	uint16_t generation, native;
	uint16_t tags[REF_NETWORKS]; /* trunk: by network, 0: not carried by a tag */
	enum policy_role role;
	uint16_t community;
	uint32_t quota;
	unsigned n_macs;
	mac48 macs[REF_BOUND];
	uint32_t address;		  /* IPv4, that it binds by itself; 0: none */
	struct ref_limit packets, floods; /* that it sends */
	unsigned n_groups;
	uint16_t groups[REF_LISTS]; /* places, ascending */
	uint16_t acl_in, acl_out;   /* places + 1; 0: none */
	uint32_t sessions_max;
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
	uint64_t generation; /* of the configuration */
	uint32_t tenant_sessions_max;
	struct ref_list groups[REF_LISTS], acls[REF_LISTS];
	struct address_prefix sets[REF_SETS][REF_MEMBERS];
	struct ref_sessions sessions;
	uint32_t begun; /* sessions so far */
};

/* What a frame is about. */
enum ref_talk {
	REF_PLAIN, /* nothing that the switch knows */
	REF_DHCP_CLIENT,
	REF_DHCP_SERVER,
	REF_ROUTER_SOLICIT,
	REF_ROUTER, /* an advertisement */
	REF_ARP,    /* a request */
	REF_TALKS,
	REF_IP, /* what ref_frame.packet says */
};

struct ref_frame {
	uint16_t port;
	mac48 src, dst;
	enum ref_talk talk;
	unsigned n_tags, n_ours;    /* of them are ours; behind these, a customer's */
	uint16_t tpids[2], tcis[2]; /* outermost first */
	uint32_t len;		    /* bytes, tags included */
	uint32_t claimed, asked;    /* by ARP; 0: nobody's */
	struct ref_header header;   /* what rules see */
	struct ref_packet packet;   /* what sessions see, but for the places it goes between */
};

struct ref_copy {
	uint16_t port;
	int tci; /* or REF_UNTAGGED */
	uint16_t tpid;
};

/*
 * What becomes of @frame, and what is learned from it: the copies that arrive,
 * in the order of ports, or why there is none.
 */
enum drop ref_send(struct ref_switch *ref, const struct ref_frame *frame,
		   struct ref_copy ret_copies[REF_PORTS], unsigned *ret_n);

/* Another data plane begins: what was saved or owed is forgotten, sessions are asked for again. */
void ref_forgive(struct ref_switch *ref);
void ref_sweep(struct ref_switch *ref);
void ref_flush(struct ref_switch *ref, uint16_t network, struct port_ref port);
void ref_flush_sessions(struct ref_switch *ref, uint16_t network, struct port_ref port);

#endif
