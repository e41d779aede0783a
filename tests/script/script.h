/*
 * script - a little language for what a switch does to frames.
 *
 * One file is one case: a few ports, frames, and where each of them has to come
 * out. It runs on the real pipeline, in memory, on a clock that stands still
 * (tests/lab). `#` begins a comment; each file begins with one that says what it
 * is about. The statements:
 *
 *	network NAME [vlan N] [mtu N] [age SECONDS] [macs N] [isolated] [no-learning] [no-unknown]
 *		[suppress] [snoop] [qinq | qinq-8100]
 *	port NAME access NETWORK [OPTION...]
 *	port NAME qinq NETWORK [OPTION...]
 *	port NAME trunk [native NETWORK] [NETWORK[=VLAN]... | all] [OPTION...]
 *		options: macs HOST,... addresses PREFIX,... unguarded uplink quota N
 *		promiscuous isolated community N may dhcp|router|bpdu room N down fails pcp N
 *		groups NAME,... acl-in NAME acl-out NAME sessions N
 *		accepts none|csum,tso4,tso6,ecn
 *		limit in-bits|out-bits|in-pps|out-pps|floods|broadcasts|multicasts|unknowns N
 *	host NAME MAC
 *		A network that is a number needs no line: it is VLAN number N. The
 *		same line again changes the network or port.
 *	group NAME RULE, acl NAME RULE		a rule more, as in a document; the
 *		first makes the list. `acl NAME none`: it has no rules (any more)
 *	set NAME PREFIX,...
 *	remove port|network NAME		renew port|network NAME
 *		renew: removed and made again in the same slot
 *
 *	send PORT SRC -> DST [FRAME...]		one frame, or several alike
 *		SRC, DST: a host, a MAC or `broadcast`
 *		tag VID[/PCP], stag VID, qtag VID	outermost first
 *		ip A > B, arp|rarp A ? B, type HEX		what it carries
 *		right behind the addresses: proto N, hops N, frag [more] OFFSET
 *		udp N > N, tcp N > N [flags LETTERS SEQ ACK], of SFRPA
 *		solicit IP, advert IP, with lladdr HOST
 *		icmp TYPE, icmp6 TYPE
 *		igmp|mld query|report1|report|leave GROUP
 *		igmp|mld records [KIND SOURCES GROUP]...	v3 and v2; so many sources
 *		len N (of the frame), payload N, cut N, times N
 *		partial (checksum left to others), tso N, csum START OFFSET, gso TYPE
 *	expect PORT[:[s]VID[/PCP]][*N]...	exactly these, everything else silent;
 *						s: as a service tag (802.1ad)
 *	expect none[, drop REASON]		REASON is the sender's counter
 *		What comes out is compared byte by byte with what went in.
 *
 *	clock +N[.N]s				sweep			restart
 *		restart: another data plane takes over what this one had learned
 *	flush [NETWORK] [at PORT]		known HOST in NETWORK at PORT
 *	entries N				unknown HOST in NETWORK
 *	count PORT NAME N
 *		rx rx-bytes delivered offered tx tx-bytes replicated moves evictions
 *		segmented drop.REASON missed.REASON
 */
#ifndef TESTS_SCRIPT_SCRIPT_H
#define TESTS_SCRIPT_SCRIPT_H

#include "control/rule.h"
#include "tests/lab/lab.h"
#include "tests/sketch/policy_sketch.h"

enum {
	SCRIPT_NETWORKS = 64,
	SCRIPT_HOSTS = 64,
	SCRIPT_WORDS = 64,
	SCRIPT_NAME = 24,
	SCRIPT_BOUND = 8,
	SCRIPT_LISTS = 16,
	SCRIPT_RULES = 16,
};

struct script_network {
	char name[SCRIPT_NAME]; /* "": free */
	struct policy_network_spec spec;
};

struct script_port {
	char name[SCRIPT_NAME];
	struct policy_port_spec spec;
	struct policy_trunk_entry pairs[SCRIPT_NETWORKS];
	mac48 macs[SCRIPT_BOUND];
	struct policy_prefix4 addresses4[SCRIPT_BOUND];
	struct policy_prefix6 addresses6[SCRIPT_BOUND];
	struct policy_limits limits;
	uint16_t groups[SCRIPT_BOUND];
	bool all; /* trunk of all networks that have a vlan */
	uint32_t room, accepts;
	bool down, fails_late;
};

/* A group or an ACL. */
struct script_list {
	char name[SCRIPT_NAME]; /* "": free */
	unsigned n_rules;
	union {
		struct rule_group group;
		struct rule_acl acl;
	} rules[SCRIPT_RULES];
};

struct script_set {
	char name[SCRIPT_NAME];
	unsigned n_members;
	struct address_set_member members[SCRIPT_RULES];
};

struct script_host {
	char name[SCRIPT_NAME];
	mac48 mac;
};

/* What was sent last, to compare with what came out. */
struct script_sent {
	uint16_t port;
	unsigned times;
	bool tagged;
	bool customers; /* its tags stay, but for one of ours */
	uint16_t tci;
	uint16_t mss;
	struct virtio_net_hdr_v1 hdr;
	struct sketch untagged; /* the frame without its one tag */
	struct sketch packet;
	struct port_counters before; /* of the sender */
};

struct script {
	struct lab *lab;
	struct script_network networks[SCRIPT_NETWORKS]; /* by id */
	struct script_port ports[LAB_PORTS];		 /* by id */
	struct script_list groups[SCRIPT_LISTS];	 /* by number, as the next two */
	struct script_list acls[SCRIPT_LISTS];
	struct script_set sets[SCRIPT_LISTS];
	struct script_host hosts[SCRIPT_HOSTS];
	unsigned n_hosts;
	uint64_t generation;
	bool changed; /* the policy is to be compiled again */
	struct script_sent sent;
	/* the line that runs */
	unsigned line;
	char *words[SCRIPT_WORDS];
	unsigned n_words, at;
	char why[512];
};

/* Run the file at @path. True if all of it held; else ret_why says where and why. */
bool script_run(const char *path, char *ret_why, size_t why_size);

/* For the statements: false, with the reason kept. */
bool script_fail(struct script *script, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The next word, or "" at the end of the line; and whether it is @word, which is then passed. */
const char *script_peek(const struct script *script);
const char *script_next(struct script *script);
bool script_accept(struct script *script, const char *word);
bool script_number(struct script *script, const char *text, uint32_t *ret_number);
bool script_next_number(struct script *script, uint32_t *ret_number);

bool script_mac(struct script *script, const char *text, mac48 *ret_mac);
uint16_t script_find_port(const struct script *script, const char *name); /* 0: there is none */
bool script_port(struct script *script, const char *name, uint16_t *ret_id);
bool script_network(struct script *script, const char *name, uint16_t *ret_id);
bool script_compile(struct script *script);

/* For the policy: the number of a list, 0 with a reason if there is none; and all of them. */
uint16_t script_find_group(struct script *script, const char *name);
uint16_t script_find_acl(struct script *script, const char *name);
int script_add_lists(const struct script *script, struct policy_builder *builder);
enum { SCRIPT_TENANT = 1 }; /* of all networks, and of all ports but uplinks */

/* The statements, each from the word behind its own. */
bool script_say_network(struct script *script);
bool script_say_port(struct script *script);
bool script_say_host(struct script *script);
bool script_say_group(struct script *script);
bool script_say_acl(struct script *script);
bool script_say_set(struct script *script);
bool script_say_remove(struct script *script);
bool script_say_renew(struct script *script);
bool script_say_send(struct script *script);
bool script_say_expect(struct script *script);
bool script_say_count(struct script *script);
bool script_say_known(struct script *script);
bool script_say_unknown(struct script *script);
bool script_say_entries(struct script *script);
bool script_say_flush(struct script *script);

#endif
