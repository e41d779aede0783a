/*
 * policy - the whole configuration as the data plane reads it: one flat blob.
 *
 * The control process compiles the desired state into a policy (with the
 * builder below), writes it into a sealed memfd, and hands it to the data
 * plane, which checks it once and publishes it with one pointer. It is never
 * edited. The same bytes serve the unit tests, the fuzzers and `trace`.
 *
 * Shape. A head, then arrays at offsets from the head's first byte, each
 * 8-byte aligned. No pointers; host byte order (a policy never leaves its
 * host). An offset of 0 means "none". Ports are indexed by port id, networks
 * by network id: both ids are given out by the control process, are stable as
 * long as the object lives, and carry a generation that changes when the slot
 * is used again. A slot with generation 0 is free. Id 0 is never used, so that
 * 0 can mean "none" in every table.
 *
 * Rules. A list of rules (an ACL, or one direction of a security group) is
 * compiled, and lies in the policy as a section with a format of its own:
 * switch/classify.h. Each tenant's address sets are one such section more:
 * switch/address_set.h. Who asks them is switch/filter.h.
 *
 * Isolation. policy_permits() is the one function that decides whether a frame
 * of a network may go from one port to another. Everything asks it: unicast,
 * flood, trace, tests. What it builds on is checked with the blob: a port that
 * is no uplink is a member of networks of its own tenant, and of those that are
 * shared with it, only.
 */
#ifndef SWITCH_POLICY_H
#define SWITCH_POLICY_H

#include <stddef.h>

#include "switch/address_set.h"
#include "switch/classify.h"
#include "switch/drop.h"
#include "switch/hash.h"
#include "switch/limits.h"
#include "switch/types.h"

enum {
	POLICY_MAGIC = 0x534c5031, /* "SLP1" */
	POLICY_VERSION = 3,

	POLICY_VLANS = 4096, /* values of a VID (IEEE 802.1Q, 9.6) */

	/* Egress tags in policy_port.vlan_out; 1..4094 is a VLAN tag, with POLICY_SERVICE a service tag. */
	POLICY_SERVICE = 0x1000,
	POLICY_UNTAGGED = 0,
	POLICY_NOT_MEMBER = 0xffff,

	/* In policy_owner.port: several ports bind the address; none is the network's own tenant's. */
	POLICY_SHARED = 0xffff,
	POLICY_SHARED_JOINED = 0xfffe,

	/*
	 * Slots that a search in one of its hashes looks at, at most. At half full and with a
	 * random seed a hundred are rare; who chooses the seed could make them all of them.
	 */
	POLICY_PROBES = 256,

	/* Number of the first address set; groups have those below. */
	POLICY_SETS = LIMIT_GROUPS,
	/* Sets that an address may be in, groups not counted. */
	POLICY_SETS_DEPTH = CLASSIFY_KEY_SETS - LIMIT_PORT_GROUPS,
};

enum policy_port_mode {
	POLICY_ACCESS = 1, /* one network, untagged */
	POLICY_TRUNK = 2,  /* many networks by tag, perhaps one native without */
	POLICY_QINQ = 3,   /* one network, whatever tags its frames have: a customer's port */
};

/* Roles in an isolated network (private VLAN, RFC 5517). */
enum policy_role {
	POLICY_ORDINARY = 0, /* in an isolated network: the same as isolated */
	POLICY_PROMISCUOUS,
	POLICY_ISOLATED,
	POLICY_COMMUNITY, /* talks to its own community and to promiscuous ports */
};

enum policy_port_flags {
	POLICY_PORT_UPLINK = 1 << 0,	  /* of no tenant */
	POLICY_PORT_SPOOF_GUARD = 1 << 1, /* bound MACs and addresses are enforced */
	/*
	 * What becomes of its frames may depend on more than their Ethernet header
	 * (DECIDE_READS_FLOW, DECIDE_READS_ALL). The builder finds out.
	 */
	POLICY_PORT_READS_FLOW = 1 << 2,
	POLICY_PORT_DHCP_GUARD = 1 << 3,   /* answers no DHCP or DHCPv6 client */
	POLICY_PORT_ROUTER_GUARD = 1 << 4, /* sends no router advertisement, no redirect */
	POLICY_PORT_BPDU = 1 << 5,	   /* its spanning tree frames pass */
	POLICY_PORT_WAITS = 1 << 6,	   /* what is over its rate stays in its guest's ring */
	/* A network of it has owned addresses; the builder finds out. */
	POLICY_PORT_CLAIM_GUARD = 1 << 7,
	POLICY_PORT_STACKS = 1 << 8, /* is in a POLICY_NET_QINQ; the builder finds out */
};

enum policy_network_flags {
	POLICY_NET_NO_LEARNING = 1 << 0,
	POLICY_NET_NO_UNKNOWN = 1 << 1, /* drop unknown unicast instead of flooding it */
	POLICY_NET_ISOLATED = 1 << 2,
	POLICY_NET_FILTERED =
		1 << 3,		   /* a member has rules for what it gets; the builder's to say */
	POLICY_NET_OWNED = 1 << 4, /* addresses have owners in it; the builder's to say */
	POLICY_NET_SUPPRESSES = 1 << 5, /* of whom ARP or ND asks is asked alone */
	/*
	 * A customer's, whose own tags stay in the frames (IEEE 802.1Q, 15): its ports are
	 * POLICY_QINQ, or trunks that carry it by a tag; of 802.1ad (0x88a8) or not.
	 */
	POLICY_NET_QINQ = 1 << 6,
	POLICY_NET_SERVICE = 1 << 7,
	POLICY_NET_SNOOPS = 1 << 8, /* multicast goes to who wants it (snoop.h) */
};

/* What a port may send and get a second, and all ports of a tenant together (rate.h). */
enum policy_limit_kind {
	POLICY_IN_BITS, /* from the port into the switch */
	POLICY_OUT_BITS,
	POLICY_IN_PACKETS,
	POLICY_OUT_PACKETS,
	/* of its frames that are flooded: all of these kinds together, and each by itself */
	POLICY_FLOODS,
	POLICY_BROADCASTS,
	POLICY_MULTICASTS,
	POLICY_UNKNOWNS, /* unicast to an address that is not known */
	POLICY_LIMITS,
};

struct policy_limit {
	uint64_t price; /* what a bit or packet costs: 2^-32 ns; 0: no limit */
	uint64_t burst; /* ns: what may pass at once, in time that it costs */
};

struct policy_limits {
	struct policy_limit of[POLICY_LIMITS];
};

struct policy_port {
	uint16_t generation; /* 0: free slot */
	uint8_t mode;	     /* enum policy_port_mode */
	uint8_t role;	     /* enum policy_role */
	uint16_t flags;	     /* enum policy_port_flags */
	uint16_t community;  /* number of the community, 0 for none */
	uint16_t native;     /* network id of untagged frames, 0 for none */
	uint16_t tenant;     /* index of its tenant, 0 for uplinks */
	uint32_t macs_max;   /* addresses that may be learned behind the port */
	uint32_t name;	     /* offset of "tenant/port" or "uplink", NUL-terminated */
	uint32_t vlan_in;    /* trunks: offset of uint16_t[POLICY_VLANS], VLAN -> network id or 0 */
	uint32_t vlan_out;   /* trunks: offset of uint16_t[n_networks], network id -> tag */
	uint32_t macs;	     /* offset of mac48[n_macs], ascending */
	uint32_t addresses4; /* offset of struct policy_prefix4[n_addresses4] */
	uint32_t addresses6; /* offset of struct policy_prefix6[n_addresses6] */
	uint32_t limits;     /* offset of struct policy_limits, 0 for none */
	uint32_t tenant_limits; /* the same of its tenant */
	uint16_t n_macs;
	uint16_t n_addresses4;
	uint16_t n_addresses6;
	uint16_t n_groups;
	uint32_t groups;       /* offset of uint16_t[n_groups], ascending: its security groups */
	uint16_t acl_in;       /* list of rules for frames from the port, 0 for none */
	uint16_t acl_out;      /* for frames to it */
	uint32_t sessions_max; /* that it may hold */
	uint32_t tenant_sessions_max; /* that all ports of its tenant may */
	uint8_t pcp;		      /* of its frames: the priority + 1, 0: as they came */
	uint8_t dscp;		      /* likewise */
	uint16_t reserved;	      /* 0 */
};

struct policy_prefix4 {
	uint32_t address; /* host byte order */
	uint32_t mask;
};

struct policy_prefix6 {
	uint64_t address[2]; /* host byte order, high half first */
	uint64_t mask[2];
};

/* What a list of rules is. */
enum policy_rules_kind {
	POLICY_ACL = 1,	  /* ordered, stateless; what no rule matches is dropped (RFC 8519) */
	POLICY_GROUP_IN,  /* what a group's members may be sent */
	POLICY_GROUP_OUT, /* what they may send */
};

/*
 * A list of rules. A port refers to its lists; rules refer to sets of addresses and
 * to groups by number, so nothing is multiplied out (switch/classify.h).
 */
struct policy_rules {
	uint8_t kind; /* enum policy_rules_kind; 0: free slot */
	uint8_t reserved;
	uint16_t tenant;
	uint32_t name; /* offset of "tenant/list" */
	uint32_t n_rules;
	uint32_t classify; /* offset of the compiled list, classify_size bytes; 0: no rules */
	uint32_t classify_size;
	uint32_t hits;	   /* the first rule's place among the counters of hits */
	uint32_t hits_tag; /* whose these places are: changes when others get them */
	uint32_t reserved2;
	uint64_t digest; /* of what is written in it: who compiles next knows it again */
};

/* A security group: what its members may send and be sent, as numbers of lists. */
struct policy_group {
	uint16_t in; /* 0: free slot */
	uint16_t out;
};

/* A part of the policy that has a format of its own. */
struct policy_section {
	uint32_t at; /* offset; 0: none */
	uint32_t size;
};

struct policy_network {
	uint16_t generation; /* 0: free slot */
	uint16_t vlan;	     /* 1..4094, or 0: stays on this host */
	uint16_t tenant;
	uint16_t flags;	   /* enum policy_network_flags */
	uint32_t mtu;	   /* bytes of payload, of each segment of a frame with GSO */
	uint32_t age_ms;   /* silent longer than this: forgotten */
	uint32_t macs_max; /* learned in the whole network */
	uint32_t name;	   /* offset of "tenant/network" */
	uint32_t members;  /* offset of uint16_t[n_members]: ids of the ports in it */
	uint32_t n_members;
	uint32_t shares; /* offset of uint16_t[n_shares]: other tenants that may have ports in it */
	uint32_t n_shares;
};

/* A MAC that is bound to one port of a network (`macs:`); never learned, never aged. */
struct policy_static {
	uint64_t key;  /* policy_static_key(); 0: empty slot */
	uint16_t port; /* port id */
	uint16_t reserved[3];
};

/* An IPv6 address, or an IPv4-mapped one (RFC 4291, 2.5.5.2), in host byte order. */
struct policy_address {
	uint64_t high, low;
};

/*
 * An address that a port of a network binds by itself, and not in a prefix: nobody
 * else there may claim it. A prefix only permits. Where ports of tenants that the network
 * is shared with bind what one of its own tenant's binds, it is the latter's.
 */
struct policy_owner {
	struct policy_address address;
	uint16_t network; /* 0: empty slot */
	uint16_t port;	  /* or POLICY_SHARED, POLICY_SHARED_JOINED */
	uint32_t reserved;
};

struct policy {
	uint32_t magic;
	uint32_t version;
	uint64_t size;	     /* bytes of the whole blob, head included */
	uint64_t generation; /* of the configuration; grows by one with each commit */
	uint64_t hash_seed;  /* of the statics table, random for each policy */
	uint32_t n_ports;    /* slots in ports, highest id + 1 */
	uint32_t ports;	     /* offset of struct policy_port[n_ports] */
	uint32_t n_networks; /* slots in networks, highest id + 1 */
	uint32_t networks;   /* offset of struct policy_network[n_networks] */
	uint32_t n_tenants;  /* slots in tenants, highest index + 1 */
	uint32_t tenants;    /* offset of uint32_t[n_tenants]: offsets of names */
	uint32_t n_statics;  /* slots, a power of two, at most half full; 0 for none */
	uint32_t statics;    /* offset of struct policy_static[n_statics], open addressing */
	uint32_t names;	     /* offset of the names, each NUL-terminated */
	uint32_t names_size; /* bytes */
	uint32_t n_rules;    /* slots in rules, highest number + 1 */
	uint32_t rules;	     /* offset of struct policy_rules[n_rules] */
	uint32_t n_groups;   /* slots in groups, highest number + 1 */
	uint32_t groups;     /* offset of struct policy_group[n_groups] */
	uint32_t sets;	     /* offset of struct policy_section[n_tenants]: each tenant's sets */
	uint32_t n_owners;   /* slots, as n_statics */
	uint32_t owners;     /* offset of struct policy_owner[n_owners], open addressing */
	uint32_t reserved;
};

/* Access to the arrays. Ids must be below the counts; the blob must have passed policy_check(). */
static inline const void *policy_at(const struct policy *policy, uint32_t offset)
{
	return (const char *)policy + offset;
}

static inline const struct policy_port *policy_ports(const struct policy *policy)
{
	return policy_at(policy, policy->ports);
}

static inline const struct policy_network *policy_networks(const struct policy *policy)
{
	return policy_at(policy, policy->networks);
}

/* The list of rules @number, which must be in use. */
static inline const struct policy_rules *policy_rules(const struct policy *policy, uint16_t number)
{
	return (const struct policy_rules *)policy_at(policy, policy->rules) + number;
}

/* What the list of rules @number, which must be in use, was compiled into; NULL: no rules. */
static inline const struct classify *policy_compiled(const struct policy *policy, uint16_t number)
{
	const struct policy_rules *rules = policy_rules(policy, number);

	return rules->classify ? policy_at(policy, rules->classify) : NULL;
}

static inline const struct policy_group *policy_group(const struct policy *policy, uint16_t number)
{
	return (const struct policy_group *)policy_at(policy, policy->groups) + number;
}

/* Has @port rules for what it gets? */
static inline bool policy_filters_out(const struct policy_port *port)
{
	return port->n_groups || port->acl_out;
}

/* The live port of @ref, or NULL if the slot is free, used again, or out of range. */
const struct policy_port *policy_port(const struct policy *policy, struct port_ref ref);

/* The live network @id, or NULL. */
const struct policy_network *policy_network(const struct policy *policy, uint16_t id);

/* May ports of @tenant be in @network: is it theirs, or shared with them? */
static inline bool policy_network_admits(const struct policy *policy,
					 const struct policy_network *network, uint16_t tenant)
{
	const uint16_t *shares = (const uint16_t *)policy_at(policy, network->shares);
	uint32_t low = 0, high = network->n_shares;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (shares[middle] < tenant)
			low = middle + 1;
		else
			high = middle;
	}
	return network->tenant == tenant || (low < network->n_shares && shares[low] == tenant);
}

/*
 * Check a blob that somebody else wrote: @size bytes at @blob. 0, or -EPROTO
 * with the reason in *@ret_why (a string constant). After 0 no offset, count,
 * id or name in it can lead outside of it.
 */
int policy_check(const void *blob, size_t size, const char **ret_why)
	__attribute__((warn_unused_result));

/*
 * The tag that frames of @network leave port @port with: POLICY_UNTAGGED, a
 * VLAN (perhaps | POLICY_SERVICE), or POLICY_NOT_MEMBER. Any ids may be asked for.
 */
static inline uint16_t policy_tag(const struct policy *policy, uint16_t network, uint16_t port)
{
	const struct policy_port *p;

	if (network == 0 || network >= policy->n_networks || port >= policy->n_ports)
		return POLICY_NOT_MEMBER;
	p = &policy_ports(policy)[port];
	if (p->mode == POLICY_ACCESS || p->mode == POLICY_QINQ)
		return p->native == network ? POLICY_UNTAGGED : POLICY_NOT_MEMBER;
	if (p->mode == POLICY_TRUNK)
		return ((const uint16_t *)policy_at(policy, p->vlan_out))[network];
	return POLICY_NOT_MEMBER; /* a free slot */
}

/* Is a frame of @network that came from @port with @tags of them tagged by a customer as well? */
static inline bool policy_is_customers(const struct policy *policy, uint16_t network, uint16_t port,
				       int tags)
{
	int ours = policy_ports(policy)[port].mode == POLICY_TRUNK;

	return policy_networks(policy)[network].flags & POLICY_NET_QINQ && tags > ours;
}

/* What policy_permits() says. */
struct permit {
	enum drop drop; /* DROP_NONE: it may pass */
	uint16_t tag;	/* then: POLICY_UNTAGGED or the VLAN to push */
};

/*
 * May a frame of network @network, received from port @in, leave by port @out?
 * The one place where isolation is decided.
 */
struct permit policy_permits(const struct policy *policy, uint16_t network, uint16_t in,
			     uint16_t out);

/* Must live port @port have POLICY_PORT_READS_FLOW? */
bool policy_reads_flow(const struct policy *policy, uint16_t port);

/* Must live network @network have POLICY_NET_FILTERED? */
bool policy_network_is_filtered(const struct policy *policy, uint16_t network);

/* Must live network @network have POLICY_NET_OWNED, live port @port POLICY_PORT_CLAIM_GUARD? */
bool policy_network_is_owned(const struct policy *policy, uint16_t network);
bool policy_guards_claims(const struct policy *policy, uint16_t port);

/* Must live port @port have POLICY_PORT_STACKS? */
bool policy_stacks(const struct policy *policy, uint16_t port);

/* The port id that @mac is bound to in @network, or 0. */
uint16_t policy_static_port(const struct policy *policy, uint16_t network, mac48 mac);

static inline uint64_t policy_static_key(uint16_t network, mac48 mac)
{
	return (uint64_t)network << 48 | mac;
}

/* The port that owns @address in @network; POLICY_SHARED* if several do, 0 if nobody does. */
uint16_t policy_owner(const struct policy *policy, uint16_t network, struct policy_address address);

static inline bool policy_owner_is_one(uint16_t owner)
{
	return owner != 0 && owner < POLICY_SHARED_JOINED;
}

/*
 * May @port claim @address in @network by ARP or ND? What nobody owns; what it owns or shares;
 * what it binds in a prefix, if the owner's tenant is its own. The network's own tenant need not
 * stand back behind those that joined, nor its uplinks, which bind nothing.
 */
bool policy_may_claim(const struct policy *policy, uint16_t network, uint16_t port,
		      struct policy_address address);

/* Does @port bind @address, by itself or in a prefix? */
bool policy_port_binds(const struct policy *policy, const struct policy_port *port,
		       struct policy_address address);

#define POLICY_MAPPED4 0xffff00000000ULL /* what is before an IPv4 address in a mapped one */

static inline struct policy_address policy_address4(uint32_t address)
{
	return (struct policy_address){0, POLICY_MAPPED4 | address};
}

static inline bool policy_address_equal(struct policy_address a, struct policy_address b)
{
	return a.high == b.high && a.low == b.low;
}

/*
 * For the builder and the check: how many addresses are bound by themselves, once for
 * each network of their port; put them into @owners, the table's empty slots; and
 * NULL, or why the table is wrong.
 */
uint64_t policy_owners_due(const struct policy *policy);
void policy_owners_fill(const struct policy *policy, struct policy_owner *owners);
const char *policy_owners_check(const struct policy *policy);

/* The slot of the statics table where a search for @key starts. */
static inline uint32_t policy_static_home(const struct policy *policy, uint64_t key)
{
	uint64_t hash = hash_word(key, policy->hash_seed, ~policy->hash_seed);

	return (uint32_t)(hash >> 32) & (policy->n_statics - 1);
}

/*
 * The builder: the only way to make a policy. Describe every object, in any
 * order, then policy_builder_finish(). All strings and arrays are copied.
 * Functions return 0 or -ENOMEM, -EINVAL (id out of range or twice), -E2BIG;
 * what concerns several objects (a network that does not exist, a VLAN or a MAC
 * used twice, a foreign tenant's network that is not shared) is refused with -EINVAL at the finish.
 */
struct policy_builder;

struct policy_port_spec {
	struct port_ref ref;
	const char *name;
	enum policy_port_mode mode;
	enum policy_role role;
	uint16_t community;
	uint16_t flags;
	uint16_t tenant;
	uint16_t native; /* network id or 0 */
	/*
	 * Trunks: n_trunk pairs; the native network need not be among them. It
	 * leaves untagged, and is taken with its own VLAN as well as without.
	 */
	const struct policy_trunk_entry {
		uint16_t network;
		uint16_t vlan;
	} * trunk;
	uint32_t n_trunk;
	uint32_t macs_max;
	const mac48 *macs;
	uint32_t n_macs;
	const struct policy_prefix4 *addresses4;
	uint32_t n_addresses4;
	const struct policy_prefix6 *addresses6;
	uint32_t n_addresses6;
	const uint16_t *groups; /* ascending */
	uint32_t n_groups;
	uint16_t acl_in; /* numbers of lists, 0 for none */
	uint16_t acl_out;
	uint32_t sessions_max;
	uint32_t tenant_sessions_max;
	const struct policy_limits *limits; /* NULL: none */
	uint8_t pcp;			    /* as in struct policy_port */
	uint8_t dscp;
};

struct policy_rules_spec {
	uint16_t number;
	enum policy_rules_kind kind;
	uint16_t tenant;
	const char *name;
	const struct classify_rule *rules; /* sets by number: a group's, or POLICY_SETS + a set's */
	/* Or what compiling them gives, out of another policy, which outlives the builder. */
	const struct classify *compiled;
	uint32_t n_rules;
	uint32_t hits;
	uint32_t hits_tag;
	uint64_t digest;
};

struct policy_network_spec {
	uint16_t id;
	uint16_t generation;
	const char *name;
	uint16_t vlan;
	uint16_t tenant;
	uint16_t flags;
	uint32_t mtu;
	uint32_t age_ms;
	uint32_t macs_max;
	const uint16_t *shares; /* tenants besides its own whose ports may be in it */
	uint32_t n_shares;
};

int policy_builder_create(uint64_t generation, uint64_t hash_seed, struct policy_builder **ret)
	__attribute__((warn_unused_result));
void policy_builder_destroy(struct policy_builder *builder); /* NULL is fine */
int policy_builder_tenant(struct policy_builder *builder, uint16_t index, const char *name)
	__attribute__((warn_unused_result));
/* What all ports of the tenant, which has been told of, may do together. */
int policy_builder_tenant_limits(struct policy_builder *builder, uint16_t index,
				 const struct policy_limits *limits)
	__attribute__((warn_unused_result));
int policy_builder_network(struct policy_builder *builder, const struct policy_network_spec *spec)
	__attribute__((warn_unused_result));
int policy_builder_port(struct policy_builder *builder, const struct policy_port_spec *spec)
	__attribute__((warn_unused_result));

/* Compile a list of rules. Besides the above: -E2BIG if a lookup would cost too much. */
int policy_builder_rules(struct policy_builder *builder, const struct policy_rules_spec *spec)
	__attribute__((warn_unused_result));
/* The group @number, with the lists of its two directions. */
int policy_builder_group(struct policy_builder *builder, uint16_t number, uint16_t in, uint16_t out)
	__attribute__((warn_unused_result));
/* The members of all address sets of @tenant. */
int policy_builder_sets(struct policy_builder *builder, uint16_t tenant,
			const struct address_set_member *members, uint32_t n_members)
	__attribute__((warn_unused_result));

/* The finished blob, malloc()ed, which passes policy_check(); the caller frees it. */
int policy_builder_finish(struct policy_builder *builder, struct policy **ret_policy)
	__attribute__((warn_unused_result));

#endif
