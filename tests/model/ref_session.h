/*
 * ref_session - a list of sessions so simple that one can see that it is right.
 *
 * One array, searched from the front; no hash, no lists, no generations of
 * slots. It follows session.h and session_packet.h, not the code. TCP numbers
 * are 64 bits wide and never wrap; the packets that the switch sees have their
 * low halves.
 */
#ifndef TESTS_MODEL_REF_SESSION_H
#define TESTS_MODEL_REF_SESSION_H

#include "switch/session.h"

enum { REF_SESSIONS = 128, REF_SESSION_PORTS = 16, REF_SESSION_TENANTS = 4 };

struct ref_packet {
	struct session_packet packet;
	int64_t seq, ack;
};

struct ref_end {
	bool spoke, syn, syn_acked, fin, fin_acked, scales;
	int scale;
	int64_t end;	/* behind the last byte it sent */
	int64_t limit;	/* behind the last byte it was allowed to send */
	int64_t window; /* the largest it offered */
	int64_t ack;	/* the highest it acknowledged */
};

struct ref_session {
	bool live;
	struct session_key opener;
	struct port_ref in, out, owner;
	uint16_t tenant;
	enum session_state state;
	bool loose;
	struct ref_end ends[2];
	uint64_t policy, packets;
	uint32_t rule;
	clock_ms seen, created;	 /* to 128 ms, as the table has it */
	uint64_t weak_since;	 /* a number that grows */
	struct session_ref real; /* what the table called it */
};

struct ref_sessions {
	uint32_t n_beyond_max, share;
	struct ref_session list[REF_SESSIONS];
	uint64_t weak_count;
};

struct ref_session_found {
	enum session_verdict verdict;
	enum session_fault fault;
	bool again;
	struct ref_session *session;
};

void ref_session_find(struct ref_sessions *ref, const struct ref_packet *packet, uint64_t policy,
		      clock_ms now, struct ref_session_found *ret_found);

/* *@ret_session: the session, or NULL. */
enum session_outcome ref_session_commit(struct ref_sessions *ref, const struct ref_packet *packet,
					const struct session_grant *grant, clock_ms now,
					struct ref_session **ret_session);

bool ref_session_advance(struct ref_sessions *ref, struct ref_session *session, bool reply,
			 const struct ref_packet *packet, clock_ms now);

/* Whose network or port is gone is for the caller to say. */
uint32_t ref_session_sweep(struct ref_sessions *ref, clock_ms now,
			   bool (*is_gone)(const struct ref_session *session));

bool ref_session_same_ends(const struct session_key *a, const struct session_key *b);
bool ref_session_is_weak(const struct ref_session *session);
bool ref_session_is_over(const struct ref_session *session, clock_ms now);

#endif
