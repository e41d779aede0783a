/*
 * fdb - behind which port does an address live?
 *
 * The forwarding database is the only thing the switch remembers because a
 * guest said so; treat it as hearsay. It maps (network, MAC) to a port. Static
 * addresses are not here: they are part of the policy (policy_static_port()).
 *
 * Memory. The table lies in the state memory that outlives a data plane: flat,
 * no pointers, nothing but entries. What can be derived from them (lists,
 * counts, the lock) belongs to the process that writes, and is reached through
 * its handle, a struct fdb; so is the size, which nobody reads twice. Nothing
 * allocates after the handle is made. The control process maps the same memory
 * read-only for `fdb list` and `trace`; all reads are atomic loads that tolerate
 * a writer. Parts of the memory where no entry ever was are not touched, so a
 * sparse file stays sparse, whatever a guest looks up.
 *
 * Isolation. The network's id and generation are part of the key, so what is
 * learned in one network cannot steer a frame in another, nor in a later
 * network that got the same id.
 *
 * Fairness. A port that fills its quota loses its own oldest entry, never a
 * neighbour's. The hash is keyed with a seed from the kernel: a guest chooses
 * MACs, but not where they collide. In a bucket that is full all the same, an
 * entry of the newcomer's own port gives way; if there is none, the newcomer is
 * not learned and gets its frames flooded.
 *
 * Removal. An entry holds a port_ref, and a port_ref goes stale when its port
 * dies. A stale entry reads as unknown, and so does one whose network died or
 * whose port left the network; fdb_sweep() frees them.
 *
 * Threads. fdb_lookup(): anybody, any time. fdb_learn(): any worker; it writes
 * (under a lock that is held for one entry) only when an entry is new, moved, or
 * was stamped over a second ago. fdb_sweep() and fdb_flush(): the data plane's
 * control thread.
 */
#ifndef SWITCH_FDB_H
#define SWITCH_FDB_H

#include <stdatomic.h>
#include <stddef.h>

#include "switch/limits.h"
#include "switch/policy.h"
#include "switch/types.h"

struct fdb; /* a process's handle of a table in shared memory */

/* What fdb_learn() did with an address. */
enum fdb_learned {
	FDB_KNOWN,   /* already behind this port */
	FDB_ADDED,   /* new, room was left */
	FDB_EVICTED, /* new; this port's oldest entry gave way */
	FDB_MOVED,   /* was behind another port of the same network */
	FDB_NO_ROOM, /* quota 0, the network's `macs` reached, bucket full or busy: not learned */
};

/* Bytes that a table of @slots (a power of two, 128 at least) needs; @slots / 2 addresses fit. */
size_t fdb_size(uint32_t slots);

/*
 * Make an empty table in @size zeroed bytes at @memory, page aligned, with a
 * seed from getrandom(). The memory must outlive the handle. -EINVAL, -ENOMEM.
 */
int fdb_init(void *memory, size_t size, uint32_t slots, struct fdb **ret_fdb)
	__attribute__((warn_unused_result));

/*
 * Take over a table that another process left in @memory, perhaps dying in the
 * middle of a write, perhaps hostile: everything derived (lists, counts, locks)
 * is rebuilt from the entries, and entries that make no sense are freed.
 * -EPROTO if it is not a table of this version and size.
 */
int fdb_adopt(void *memory, size_t size, struct fdb **ret_fdb) __attribute__((warn_unused_result));

/* Look at a table in memory that is mapped read-only: for fdb_lookup() and fdb_next(). */
int fdb_view(const void *memory, size_t size, const struct fdb **ret_fdb)
	__attribute__((warn_unused_result));

/* Free the handle; the table stays in its memory. NULL is fine. */
void fdb_close(const struct fdb *fdb);

/*
 * The port of @mac in network @network of @policy, or PORT_NONE if unknown, too
 * old, or stale. The caller still has to ask policy_permits().
 */
struct port_ref fdb_lookup(const struct fdb *fdb, const struct policy *policy, uint16_t network,
			   mac48 mac, clock_ms now);

/*
 * What somebody who remembers a lookup's answer must look at to know whether it
 * still holds: *@word is @value as long as nothing in the entry's place changed.
 */
struct fdb_witness {
	const _Atomic uint32_t *word;
	uint32_t value;
	struct port_ref port; /* where the address lives */
	clock_ms stamp_due;   /* from then on fdb_learn() has something to write */
	clock_ms dead;	      /* of age */
};

/* As fdb_lookup(), with a witness. False if the address is unknown, too old, or stale. */
bool fdb_witness(const struct fdb *fdb, const struct policy *policy, uint16_t network, mac48 mac,
		 clock_ms now, struct fdb_witness *ret_witness);

/* Note that @mac (unicast, and past every guard) spoke on @port. */
enum fdb_learned fdb_learn(struct fdb *fdb, const struct policy *policy, uint16_t network,
			   mac48 mac, struct port_ref port, clock_ms now);

/*
 * Free aged and stale entries of a part of the table (of all of it, if it is not
 * large), and another the next time; bounded work, called about once a second.
 */
void fdb_sweep(struct fdb *fdb, const struct policy *policy, clock_ms now);

/* Forget a network (0: all) and a port (PORT_NONE: all). Returns how many entries went. */
uint32_t fdb_flush(struct fdb *fdb, uint16_t network, struct port_ref port);

/* ---- groups: which port wants which multicast (snoop.h) ---- */

enum { FDB_WANT_MS = 260000 }; /* how long a wish lasts: RFC 3376, 8.4 */

/* What is wanted by multicast routers, of IPv4 and IPv6, and by who wants too much to be kept. */
#define FDB_ROUTERS4   ((struct policy_address){0, POLICY_MAPPED4 | 0xe0000000})
#define FDB_ROUTERS6   ((struct policy_address){0xff02ULL << 48, 0})
#define FDB_EVERYTHING ((struct policy_address){0, 0})

/* Does live port @port want @group in live network @network? */
bool fdb_wants(const struct fdb *fdb, const struct policy *policy, uint16_t network, uint16_t port,
	       struct policy_address group, clock_ms now);

/*
 * Live port @port wants @group for @left_ms more, FDB_WANT_MS at most. Any worker. A
 * port that has no place left for a group wants everything.
 */
void fdb_want(struct fdb *fdb, const struct policy *policy, uint16_t network, struct port_ref port,
	      struct policy_address group, uint32_t left_ms, clock_ms now);

struct fdb_wanted {
	uint16_t network;
	struct policy_address group;
	uint32_t left_ms;
};

/* What live port @port wants, one at a time: *@cursor starts at 0. */
bool fdb_next_wanted(const struct fdb *fdb, const struct policy *policy, struct port_ref port,
		     uint32_t *cursor, clock_ms now, struct fdb_wanted *ret_wanted);

struct fdb_entry {
	uint16_t network;
	uint16_t network_generation;
	mac48 mac;
	struct port_ref port;
	clock_ms seen;
};

/*
 * The next entry at or after *@cursor (start with 0); false at the end. Aged and
 * stale ones that no sweep has freed yet are named too.
 */
bool fdb_next(const struct fdb *fdb, uint32_t *cursor, struct fdb_entry *ret_entry);

#endif
