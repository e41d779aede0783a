/*
 * limits - the limits of the whole switch, on one page.
 *
 * Every table is bounded, and a full table costs only the one who filled it.
 * Sizes are in bytes, counts are counts, times carry their unit.
 */
#ifndef SWITCH_LIMITS_H
#define SWITCH_LIMITS_H

enum {
	/* Configuration */
	LIMIT_PORTS = 1024,    /* ports and uplinks of one switch */
	LIMIT_NETWORKS = 4096, /* networks of all tenants */
	LIMIT_TENANTS = 1024,
	LIMIT_QUEUE_PAIRS = 16,	    /* of one port */
	LIMIT_BOUND_MACS = 64,	    /* `macs:` of one port */
	LIMIT_BOUND_ADDRESSES = 64, /* `addresses:` of one port, IPv4 and IPv6 each */
	LIMIT_STATICS = 1 << 18,    /* bound MACs, once for each network of their port */
	LIMIT_OWNERS = 1 << 18,	    /* bound addresses, once for each network of their port */
	LIMIT_GROUPS = 1024,	    /* security groups of all tenants; ACLs, address sets alike */
	LIMIT_PORT_GROUPS = 8,	    /* `groups:` of one port */
	LIMIT_LISTS = 3 * LIMIT_GROUPS, /* of rules: ACLs, and two for each group */
	LIMIT_RULES = 1 << 17,		/* of all groups and ACLs */
	LIMIT_HITS = 2 * LIMIT_RULES,	/* places for counters of hits */
	LIMIT_SET_PREFIXES = 1 << 17,	/* in all address sets */
	LIMIT_BURST_MS = 10000,		/* of a rate */
	LIMIT_NAME = 63,		/* letters of a name, as DNS labels (RFC 1035, 2.3.4) */

	/* Data plane */
	LIMIT_WORKERS = 16,
	LIMIT_BURST = 64, /* frames taken from a queue before another has its turn */
	LIMIT_BURST_BYTES =
		1 << 17,	  /* after so many, fewer: two of 64 KiB, which may become 2,732 */
	LIMIT_FRAME = 65535 + 18, /* bytes: one GSO frame, its Ethernet header and a tag */
	LIMIT_FRAME_PIECES = 256, /* buffers that one frame may be scattered over */
	LIMIT_FDB_ENTRIES = 1 << 21, /* slots; kept at most half full */
	LIMIT_PORT_MACS = 256, /* learned behind a tenant's port, unless `quota` says otherwise */
	LIMIT_UPLINK_MACS = 65536,	 /* learned behind an uplink */
	LIMIT_NETWORK_MACS = 8192,	 /* learned in a network, unless `macs` says otherwise */
	LIMIT_SESSIONS = 1 << 20,	 /* of all ports, beside each port's share */
	LIMIT_PORT_SESSIONS = 1 << 18,	 /* that a tenant's port may hold */
	LIMIT_SESSION_SHARE = 256,	 /* kept free for each port, whatever the others hold */
	LIMIT_TENANT_SESSIONS = 1 << 18, /* of a tenant, unless `quota` says otherwise */

	LIMIT_MTU_MIN = 68, /* RFC 791, 3.2 */
	LIMIT_MTU_MAX = 65535,
	LIMIT_MTU_DEFAULT = 1500, /* RFC 894 */
};

#endif
