/*
 * session - what was allowed to begin, so that its answers may come back.
 *
 * Stateful security groups ask their rules about the first packet of a
 * conversation only. The session table remembers what they allowed: TCP with
 * its windows, UDP, ICMP queries, and any other protocol by its addresses.
 * What a packet looks like to it is in session_packet.h.
 *
 * Two halves, as in fdb.h. session_find() is pure: it says what a packet is to
 * the sessions, for decide(), for `trace`, for tests. session_commit() is called
 * by the pipeline once decide() has let the packet pass, and writes it down.
 * session_advance() is both at once for the packet that nearly every packet is,
 * in a session that the flow cache holds a session_ref of. Between find and
 * commit another worker may have changed the session (both directions of a
 * connection arrive at once): commit checks again, and has the last word.
 *
 * How a caller decides about a packet between ports of which one has groups:
 *	UNTRACKED	ask the rules, for each packet, in the packet's direction
 *	NEW		ask the rules; allowed: session_commit()
 *	ESTABLISHED	pass; session_commit()
 *	REPLY		pass, though no rule may say so; session_commit()
 *	RELATED		pass, though no rule may say so; session_commit()
 *	FRAGMENT	pass; the first fragment was asked for
 *	INVALID		drop, whatever the rules say
 * If `again` is set, the session was allowed under another policy or between
 * other ports. Ask the rules about its opener first (in that direction, with
 * the ports that the packet now goes between): allowed, go on as above; not,
 * session_end() and drop. So a rule that is withdrawn ends its sessions at once,
 * and nobody has to sweep for it. A session vouches for its two ports only: a
 * frame that is flooded past them always asks.
 *
 * TCP follows "Real Stateful TCP Packet Filtering" (G. van Rooij): of each end
 * the highest sequence number sent, the highest acknowledged, and the highest
 * that its peer's window allows. SYN, FIN and their acknowledgements make the
 * state, so that simultaneous opens and closes need no rows of their own. A
 * reset ends a session only at exactly the number that the other end expects (RFC
 * 5961, 3.2); one within the window passes, and the other end will challenge it.
 * A SYN within an established session passes and changes nothing (RFC 5961, 4.2).
 *
 * Fairness. A session is paid for by its owner: one port, and the port's tenant.
 * When either has no room left, the owner port's own oldest session that is
 * still weak (see enum session_state) gives way; if there is none, the newcomer is
 * refused. Nobody's session gives way to another port's. LIMIT_SESSION_SHARE
 * sessions of each port are kept free for it whatever the others hold. The hash
 * is keyed with a seed from the kernel.
 *
 * Isolation. The network's id and generation are part of the key.
 *
 * Memory. As in fdb.h: sessions and their index lie flat in the state memory
 * that outlives a data plane; lists, counts and the lock belong to the process
 * that writes. A session is two cache lines and a quarter: what most packets
 * change stands apart from the rest, four sessions to a line. Nothing allocates after the handle is made, and memory that never
 * held a session is not touched. The control process maps the same memory
 * read-only for `session list` and `trace`.
 *
 * Threads. session_find(), session_next(), session_read(): anybody, any time.
 * session_commit(), session_advance(), session_end(): any worker; a session is
 * written under its own sequence word for some ten instructions, sessions are
 * made and freed under one lock that is held for one session. Nobody waits for
 * either without bound: the holder may have lost his processor.
 * session_sweep() and session_flush(): the data plane's control thread.
 */
#ifndef SWITCH_SESSION_H
#define SWITCH_SESSION_H

#include <stddef.h>

#include "switch/limits.h"
#include "switch/policy.h"
#include "switch/session_packet.h"

struct sessions; /* a process's handle of a table in shared memory */

/*
 * A session that knows when it is stale: a slot, and the generation of what lives
 * there, which changes when the slot is used again. Generation 0 is none.
 */
struct session_ref {
	uint32_t slot;
	uint32_t generation;
};

#define SESSION_NONE ((struct session_ref){0, 0})

static inline bool session_ref_is_none(struct session_ref ref)
{
	return ref.generation == 0;
}

/* Weak sessions give way to newcomers of their own port; the others stay until they time out. */
enum session_state {
	SESSION_FREE = 0,
	SESSION_OPENING,      /* weak; one end has spoken. TCP: its SYN was seen */
	SESSION_SYN_RECEIVED, /* weak; TCP: both SYNs were seen */
	SESSION_REPLIED,      /* weak; not TCP: the other end has spoken too */
	SESSION_STREAM,	      /* not TCP, not ICMP: the opener has spoken again after an answer */
	SESSION_ESTABLISHED_TCP, /* both SYNs acknowledged, or picked up in the middle */
	SESSION_CLOSING,	 /* TCP: a FIN was seen */
	SESSION_TIME_WAIT,	 /* weak; TCP: both FINs acknowledged */
	SESSION_CLOSED,		 /* weak; TCP: reset */
	SESSION_STATE__COUNT,
};

/* One stable word for each; never NULL. */
const char *session_state_word(enum session_state state);

/* How long a session of @protocol in @state lives without a packet. */
uint32_t session_timeout_ms(enum session_state state, uint8_t protocol);

enum session_verdict {
	SESSION_UNTRACKED,
	SESSION_NEW,	     /* no session; the packet could begin one */
	SESSION_ESTABLISHED, /* of a session, in its opener's direction */
	SESSION_REPLY,	     /* of a session, against it */
	SESSION_RELATED,     /* an ICMP error about a packet of a session */
	SESSION_FRAGMENT,    /* a later fragment of a packet that passed here */
	SESSION_INVALID,     /* see fault */
};

/* What session_find() knows. Below `session` all is zero unless there is one. */
struct session_found {
	enum session_verdict verdict;
	enum session_fault fault; /* SESSION_INVALID: why */
	bool again;		  /* the opener is to be asked for again, see above */
	struct session_ref session;
	enum session_state state;
	struct session_key opener; /* the first packet's ends */
	struct port_ref in, out;   /* the ports that it was allowed between; the opener's first */
	uint32_t rule;		   /* as session_commit() was told */
};

/* On whose account a session is, and what allowed it. */
struct session_grant {
	uint64_t policy; /* generation of the policy that decided */
	/*
	 * As session_find() found it; or SESSION_NONE if it said NEW: only then the
	 * packet may begin one. What was decided as an answer shall not become a
	 * question because its session ended meanwhile.
	 */
	struct session_ref session;
	struct port_ref owner; /* the packet's in or out port: in, unless that is an uplink */
	uint16_t tenant;       /* the owner's; 0 if it has none: then tenant_max means nothing */
	uint32_t port_max;     /* sessions that the owner may hold */
	uint32_t tenant_max;
	uint32_t rule; /* whatever the caller likes to find again: the rule that allowed it */
};

/* What session_commit() did. From SESSION_FULL on the packet must be dropped. */
enum session_outcome {
	SESSION_PASSED,	  /* nothing to write down */
	SESSION_ADVANCED, /* an old session goes on */
	SESSION_CREATED,
	SESSION_RECYCLED, /* created; the owner's oldest weak session gave way */
	SESSION_FULL,	  /* not created: the port's or the tenant's quota, or the table */
	SESSION_BUSY,	  /* other writers were in the way for too long */
	SESSION_REFUSED,  /* the session has changed since it was found: INVALID now */
};

/*
 * Bytes that a table needs which has room for @sessions (a power of two, 64 at
 * least), and beside them for @share of each port.
 */
size_t session_size(uint32_t sessions, uint32_t share);

/*
 * Make an empty table in @size zeroed bytes at @memory, page aligned, with a seed
 * from getrandom(). The memory must outlive the handle. -EINVAL, -ENOMEM, -EIO.
 */
int session_init(void *memory, size_t size, uint32_t sessions, uint32_t share,
		 struct sessions **ret_sessions) __attribute__((warn_unused_result));

/*
 * Take over a table that another process left in @memory, perhaps dying in the
 * middle of a write, perhaps hostile: everything derived is rebuilt from the
 * sessions, and sessions that make no sense are freed. -EPROTO if it is not a
 * table of this version and size.
 */
int session_adopt(void *memory, size_t size, struct sessions **ret_sessions)
	__attribute__((warn_unused_result));

/* Look at a table in memory that is mapped read-only: to find, to read, to count through. */
int session_view(const void *memory, size_t size, const struct sessions **ret_sessions)
	__attribute__((warn_unused_result));

/* Free the handle; the table stays in its memory. NULL is fine. */
void session_close(const struct sessions *sessions);

/* What is @packet to the sessions, under a policy of generation @policy? Pure. */
void session_find(const struct sessions *sessions, const struct session_packet *packet,
		  uint64_t policy, clock_ms now, struct session_found *ret_found);

/*
 * @packet passes, by @grant: begin its session or go on with it, which from now
 * on is allowed by the grant's policy, between the packet's ports. *@ret_session
 * is the session, or SESSION_NONE. Call it for every packet that session_find()
 * was asked about and that will be delivered.
 */
enum session_outcome session_commit(struct sessions *sessions, const struct session_packet *packet,
				    const struct session_grant *grant, clock_ms now,
				    struct session_ref *ret_session);

/*
 * @n more packets of @session pass, in the opener's direction or as replies: how many of
 * them, from the first, are as simple as that. The next one has to go the long way
 * (find, decide, commit). That is so if the session is gone, or a packet would change
 * its state; for TCP if a flag beside ACK, PSH and URG is set, the handshake is
 * not done, or the packet lies outside of the window. @segments is NULL for other
 * protocols. Neither ports nor the policy are looked at: who remembers a session (the
 * flow cache) has the ports in his key, and forgets it with the policy
 * that it was committed under.
 */
unsigned session_advance(struct sessions *sessions, struct session_ref session, bool reply,
			 const struct session_tcp *segments, unsigned n, clock_ms now);

/* Some packets before session_advance(): fetch what it will write. Any @session will do. */
void session_prefetch(const struct sessions *sessions, struct session_ref session, bool tcp);

/*
 * End @session, if it is still there: its rule was withdrawn. It stays if somebody else
 * is making or ending one and does not get done; then its next packet is asked for as this was.
 */
void session_end(struct sessions *sessions, struct session_ref session);

/*
 * Free sessions that timed out, or whose network or port is gone. Looks at @slots
 * of the table, from where the last call stopped; returns how many it freed.
 */
uint32_t session_sweep(struct sessions *sessions, const struct policy *policy, uint32_t slots,
		       clock_ms now);

/* Forget those of a network (0: all) and a port (PORT_NONE: all). Returns how many went. */
uint32_t session_flush(struct sessions *sessions, uint16_t network, struct port_ref port);

struct session_entry {
	struct session_ref session;
	struct session_key opener; /* its first packet's ends */
	struct port_ref in, out;
	struct port_ref owner;
	uint16_t tenant;
	enum session_state state;
	clock_ms created; /* to 128 ms */
	clock_ms seen;	  /* the last packet; to 128 ms */
	uint64_t packets; /* both ways */
	uint32_t rule;
};

/*
 * The next session at or after *@cursor (start with 0); false at the end. Timed-out
 * ones that no sweep has freed yet are named too.
 */
bool session_next(const struct sessions *sessions, uint32_t *cursor,
		  struct session_entry *ret_entry);

/* That one session; false if it is gone. */
bool session_read(const struct sessions *sessions, struct session_ref session,
		  struct session_entry *ret_entry);

/* Since the handle was made, but for `held`. Not for session_view(). */
struct session_counts {
	uint32_t held;
	uint64_t created;
	uint64_t recycled; /* weak sessions that gave way */
	uint64_t refused;  /* newcomers for whom there was no room */
};

void session_count(const struct sessions *sessions, struct session_counts *ret_counts);

#endif
