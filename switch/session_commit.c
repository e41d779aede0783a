/*
 * session_commit - what workers and the control thread do to sessions: begin
 * them, go on with them, end them.
 *
 * A worker that goes on with a session holds nothing but that session's word,
 * for some ten instructions. Only if the packet made a weak session strong, or the
 * other way round, and to begin and to end one, it takes the lock of the books
 * (session_books.c). Whoever waits for too long gives up: the packet is dropped, as
 * on any congested way.
 */
#include <errno.h>
#include <netinet/in.h>

#include "switch/session_table.h"

enum {
	COMMIT_TRIES = 4, /* the session changes hands between finding and entering it */
};

/* A packet that passes, with all that is needed to write it down. */
struct passage {
	struct sessions *sessions;
	const struct session_packet *packet;
	const struct session_grant *grant;
	clock_ms now;
};

/* The session changed hands on the way: look again. Not for callers. */
enum { SESSION_MOVED = -1 };

static uint64_t pack_ports(struct port_ref in, struct port_ref out)
{
	return in.id | (uint64_t)in.generation << 16 | (uint64_t)out.id << 32 |
	       (uint64_t)out.generation << 48;
}

/* With the slot's word held: one more packet. */
static void count_packet(struct session_slot *slot, clock_ms now)
{
	uint64_t packets = atomic_load_explicit(&slot->packets, memory_order_relaxed);

	atomic_store_explicit(&slot->packets, packets + 1, memory_order_release);
	atomic_store_explicit(&slot->seen, session_ticks(now), memory_order_release);
}

/* With the slot's word held: allowed by this grant, between these ports. */
static void stamp_grant(struct session_slot *slot, const struct passage *passage, bool reply)
{
	const struct session_packet *packet = passage->packet;
	const struct session_grant *grant = passage->grant;

	/* A flooded packet says nothing about the two ports of the session. */
	if (port_ref_is_none(packet->out))
		return;
	atomic_store_explicit(&slot->ports,
			      reply ? pack_ports(packet->out, packet->in)
				    : pack_ports(packet->in, packet->out),
			      memory_order_release);
	atomic_store_explicit(&slot->policy, (uint32_t)grant->policy, memory_order_release);
	atomic_store_explicit(&slot->rule, grant->rule, memory_order_release);
}

/* A session became weak or strong: keep its owner's list in step. */
static void rank_again(struct sessions *sessions, struct session_ref session)
{
	struct session_image image;

	session_books_lock(sessions->books);
	/* Under the lock it cannot be freed; its state is what it is now. */
	if (session_slot_read(sessions, session.slot, &image) == 0 &&
	    image.ref.generation == session.generation)
		session_books_rank(sessions, session.slot,
				   session_state_is_weak(session_line_state(&image.line)));
	session_books_unlock(sessions->books);
}

static int go_on(const struct passage *passage, const struct session_image *image, bool reply)
{
	struct session_slot *slot = &passage->sessions->slots[image->ref.slot];
	bool stamp =
		image->policy != (uint32_t)passage->grant->policy ||
		!port_ref_equal(reply ? passage->packet->out : passage->packet->in, image->in) ||
		!port_ref_equal(reply ? passage->packet->in : passage->packet->out, image->out);
	struct session_line line;
	enum session_fault fault;
	uint64_t word;
	bool was_weak, is_weak;

	switch (session_slot_enter(slot, image->ref.generation, &word)) {
	case -ENOENT: return SESSION_MOVED;
	case -EBUSY: return SESSION_BUSY;
	}
	session_slot_load_line(slot, &line);
	was_weak = session_state_is_weak(session_line_state(&line));
	/* Another worker may have closed it since it was found. */
	if (session_is_restart(&line, passage->packet)) {
		session_slot_leave(slot, word, image->ref.generation);
		return SESSION_MOVED;
	}
	fault = session_line_step(&line, passage->packet, reply);
	if (fault == SESSION_FAULT_NONE) {
		session_slot_store_line(slot, &line);
		count_packet(slot, passage->now);
		if (stamp)
			stamp_grant(slot, passage, reply);
	}
	session_slot_leave(slot, word, image->ref.generation);
	if (fault != SESSION_FAULT_NONE)
		return SESSION_REFUSED;
	is_weak = session_state_is_weak(session_line_state(&line));
	if (is_weak != was_weak)
		rank_again(passage->sessions, image->ref);
	return SESSION_ADVANCED;
}

/* Is @image a session that the packet belongs to, or one to be replaced? */
static bool goes_on(const struct passage *passage, const struct session_image *image)
{
	return !session_is_over(image, passage->now) &&
	       !session_is_restart(&image->line, passage->packet);
}

static void image_begin(const struct passage *passage, struct session_image *ret_image)
{
	const struct session_packet *packet = passage->packet;
	const struct session_grant *grant = passage->grant;

	*ret_image = (struct session_image){
		.in = packet->in,
		.out = packet->out,
		.owner = grant->owner,
		.packets = 1,
		.seen = session_ticks(passage->now),
		.created = session_ticks(passage->now),
		.policy = (uint32_t)grant->policy,
		.rule = grant->rule,
		.tenant = grant->tenant,
	};
	session_words_of(&packet->key, &ret_image->words);
	session_line_begin(packet, &ret_image->line);
}

/* Look again, now that nobody else can begin or end one. */
static int begin_locked(const struct passage *passage, struct session_ref *ret_session)
{
	struct session_image image;
	bool reply;
	int error = session_locate(passage->sessions, passage->packet, &image, &reply);

	if (error == -EBUSY)
		return SESSION_BUSY;
	if (!error) {
		if (goes_on(passage, &image))
			return SESSION_MOVED;
		if (session_books_free(passage->sessions, image.ref.slot))
			return SESSION_BUSY;
	}
	image_begin(passage, &image);
	return (int)session_books_create(passage->sessions, &image, passage->grant, passage->now,
					 ret_session);
}

static int begin(const struct passage *passage, struct session_ref *ret_session)
{
	int outcome;

	if (!session_is_beginning(passage->packet))
		return SESSION_REFUSED;
	if (!session_books_try_lock(passage->sessions->books))
		return SESSION_BUSY;
	outcome = begin_locked(passage, ret_session);
	session_books_unlock(passage->sessions->books);
	return outcome;
}

/* The packet was decided as one of this session: it goes on with that or not at all. */
static enum session_outcome commit_old(const struct passage *passage,
				       struct session_ref *ret_session)
{
	struct session_ref session = passage->grant->session;
	struct session_image image;
	int outcome;
	bool reply;

	switch (session_recall(passage->sessions, session, passage->packet, &image, &reply)) {
	case -ENOENT: return SESSION_REFUSED;
	case -EBUSY: return SESSION_BUSY;
	}
	if (!goes_on(passage, &image))
		return SESSION_REFUSED;
	outcome = go_on(passage, &image, reply);
	if (outcome == SESSION_ADVANCED)
		*ret_session = session;
	return outcome == SESSION_MOVED ? SESSION_REFUSED : (enum session_outcome)outcome;
}

static enum session_outcome commit_new(const struct passage *passage,
				       struct session_ref *ret_session)
{
	for (unsigned i = 0; i < COMMIT_TRIES; i++) {
		struct session_image image;
		bool reply;
		int outcome;

		/* Another worker may have begun it since. */
		if (session_locate(passage->sessions, passage->packet, &image, &reply) == 0 &&
		    goes_on(passage, &image)) {
			outcome = go_on(passage, &image, reply);
			if (outcome == SESSION_ADVANCED)
				*ret_session = image.ref;
		} else {
			outcome = begin(passage, ret_session);
		}
		if (outcome != SESSION_MOVED)
			return (enum session_outcome)outcome;
	}
	return SESSION_BUSY;
}

enum session_outcome session_commit(struct sessions *sessions, const struct session_packet *packet,
				    const struct session_grant *grant, clock_ms now,
				    struct session_ref *ret_session)
{
	struct passage passage = {sessions, packet, grant, now};
	enum session_outcome outcome = SESSION_PASSED;

	*ret_session = SESSION_NONE;
	switch (packet->kind) {
	case SESSION_KIND_BAD: return SESSION_REFUSED;
	case SESSION_KIND_ERROR:
	case SESSION_KIND_FRAGMENT: return SESSION_PASSED;
	case SESSION_KIND_UNTRACKED: break;
	case SESSION_KIND_PLAIN:
		outcome = session_ref_is_none(grant->session) ? commit_new(&passage, ret_session)
							      : commit_old(&passage, ret_session);
		break;
	}
	if (packet->fragment && outcome < SESSION_FULL)
		session_fragment_note(sessions, packet, grant->policy, now);
	return outcome;
}

/* With the slot's word held: can the packet go the short way? If so TCP has moved on. */
static bool step_plain(struct session_slot *slot, const struct session_tcp *tcp, bool reply,
		       clock_ms now)
{
	uint8_t protocol = (uint8_t)atomic_load_explicit(&slot->about, memory_order_relaxed);
	uint32_t seen = atomic_load_explicit(&slot->seen, memory_order_relaxed);
	uint32_t packed = atomic_load_explicit(&slot->state, memory_order_relaxed);
	enum session_state state = packed & 0xff & ~(uint32_t)SESSION_LOOSE;

	if (seen != session_ticks(now) && session_is_silent(state, protocol, seen, now))
		return false;
	if (protocol == IPPROTO_TCP)
		return tcp && session_tcp_advance(slot, tcp, reply);
	return state == SESSION_STREAM || (state == SESSION_OPENING && !reply) ||
	       (state == SESSION_REPLIED &&
		(reply || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6));
}

bool session_advance(struct sessions *sessions, struct session_ref session, bool reply,
		     const struct session_tcp *tcp, uint64_t policy, clock_ms now)
{
	struct session_slot *slot;
	uint64_t word;
	bool plain;

	if (session.slot >= sessions->n_slots || session_ref_is_none(session))
		return false;
	slot = &sessions->slots[session.slot];
	if (session_slot_enter(slot, session.generation, &word))
		return false;
	plain = atomic_load_explicit(&slot->policy, memory_order_relaxed) == (uint32_t)policy &&
		step_plain(slot, tcp, reply, now);
	if (plain)
		count_packet(slot, now);
	session_slot_leave(slot, word, session.generation);
	return plain;
}

void session_prefetch(const struct sessions *sessions, struct session_ref session)
{
	if (session.slot < sessions->n_slots) {
		__builtin_prefetch(&sessions->slots[session.slot].word, 1);
		__builtin_prefetch(&sessions->slots[session.slot].about, 0);
	}
}

/* Why a session may go: for session_end(), session_sweep(), session_flush(). */
struct removal {
	const struct policy *policy; /* NULL: whatever its state */
	clock_ms now;
};

static bool port_is_gone(const struct policy *policy, struct port_ref port)
{
	return !port_ref_is_none(port) && !policy_port(policy, port);
}

static bool is_dead(const struct session_image *image, const struct policy *policy, clock_ms now)
{
	uint16_t id = (uint16_t)(image->words.ends >> 32);
	const struct policy_network *network = policy_network(policy, id);

	return session_is_over(image, now) || !network ||
	       network->generation != image->words.ends >> 48 ||
	       port_is_gone(policy, image->owner) || port_is_gone(policy, image->in) ||
	       port_is_gone(policy, image->out);
}

/* End @session if it is still there, and still to go: looked at without the lock, judged with it. */
static bool end_session(struct sessions *sessions, struct session_ref session,
			const struct removal *removal)
{
	struct session_image image;
	bool ended;

	session_books_lock(sessions->books);
	ended = session_slot_read(sessions, session.slot, &image) == 0 &&
		image.ref.generation == session.generation &&
		(!removal->policy || is_dead(&image, removal->policy, removal->now)) &&
		session_books_free(sessions, session.slot) == 0;
	session_books_unlock(sessions->books);
	return ended;
}

void session_end(struct sessions *sessions, struct session_ref session)
{
	if (session.slot < sessions->n_slots && !session_ref_is_none(session))
		(void)end_session(sessions, session, &(struct removal){0});
}

uint32_t session_sweep(struct sessions *sessions, const struct policy *policy, uint32_t slots,
		       clock_ms now)
{
	uint32_t high = atomic_load_explicit(&sessions->table->high, memory_order_acquire);
	struct session_books *books = sessions->books;
	struct removal removal = {policy, now};
	uint32_t freed = 0;

	if (high > sessions->n_slots)
		high = sessions->n_slots;
	if (slots > high)
		slots = high;
	while (slots-- > 0) {
		struct session_image image;
		uint32_t slot = books->hand < high ? books->hand : 0;

		books->hand = slot + 1;
		if (session_slot_read(sessions, slot, &image) == 0 &&
		    is_dead(&image, policy, now) && end_session(sessions, image.ref, &removal))
			freed++;
	}
	return freed;
}

uint32_t session_flush(struct sessions *sessions, uint16_t network, struct port_ref port)
{
	struct session_entry entry;
	uint32_t cursor = 0, flushed = 0;

	while (session_next(sessions, &cursor, &entry)) {
		if (network != 0 && entry.opener.network != network)
			continue;
		if (!port_ref_is_none(port) && !port_ref_equal(port, entry.in) &&
		    !port_ref_equal(port, entry.out))
			continue;
		if (end_session(sessions, entry.session, &(struct removal){0}))
			flushed++;
	}
	return flushed;
}
