/*
 * session_commit - what workers and the control thread do to sessions: begin
 * them, go on with them, end them.
 *
 * A worker that goes on with a session holds nothing, or for TCP that session's
 * word, for some ten instructions. Only if the packet made a weak session strong, or the
 * other way round, and to begin and to end one, it takes the lock of the books
 * (session_books.c). Nobody waits for long, as whoever has the lock may have lost his
 * processor: a packet that begins a session is dropped then, as on any congested way; a
 * session that is to end stays, and is asked for again by its next packet; and what
 * a session's rank became is put right by the next sweep.
 */
#include <errno.h>
#include <netinet/in.h>

#include "switch/session_table.h"

enum {
	COMMIT_TRIES = 4,  /* the session changes hands between finding and entering it */
	FLUSH_TRIES = 256, /* for the lock of the books; the control thread has some milliseconds */
	/* So long may any session be silent, and clocks differ: see session_is_silent(). */
	LIVELY_TICKS = 10 * 1000 >> SESSION_TICK_SHIFT,
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

/* With the slot's word held: one more packet, and those that only the pulse was told of. */
static void count_packet(struct session_slot *slot, struct session_pulse *pulse, bool reply,
			 clock_ms now)
{
	uint64_t packets = atomic_load_explicit(&slot->packets, memory_order_relaxed);

	packets += 1 + atomic_exchange_explicit(&pulse->packets[reply], 0, memory_order_release);
	atomic_store_explicit(&slot->packets, packets, memory_order_release);
	atomic_store_explicit(&pulse->seen, session_ticks(now), memory_order_release);
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

/* A session became weak or strong: keep its owner's list in step. False: the lock is taken. */
static bool rank_again(struct sessions *sessions, struct session_ref session)
{
	struct session_image image;

	if (!session_books_try_lock(sessions->books))
		return false;
	/* Under the lock it cannot be freed; its state is what it is now. */
	if (session_slot_read(sessions, session.slot, &image) == 0 &&
	    image.ref.generation == session.generation)
		session_books_rank(sessions, session.slot,
				   session_state_is_weak(session_line_state(&image.line)));
	session_books_unlock(sessions->books);
	return true;
}

static int go_on(const struct passage *passage, const struct session_image *image, bool reply)
{
	struct session_slot *slot = &passage->sessions->slots[image->ref.slot];
	struct session_pulse *pulse = &passage->sessions->pulses[image->ref.slot];
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
		atomic_store_explicit(
			&pulse->phase,
			session_phase(image->ref.generation, session_line_state(&line)),
			memory_order_release);
		count_packet(slot, pulse, reply, passage->now);
		if (stamp)
			stamp_grant(slot, passage, reply);
	}
	session_slot_leave(slot, word, image->ref.generation);
	if (fault != SESSION_FAULT_NONE)
		return SESSION_REFUSED;
	is_weak = session_state_is_weak(session_line_state(&line));
	if (is_weak != was_weak && !rank_again(passage->sessions, image->ref))
		atomic_store_explicit(&passage->sessions->books->misranked, true,
				      memory_order_relaxed);
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

/* @n more packets, in their direction's pulse. */
static inline void beat(struct session_pulse *pulse, bool reply, unsigned n)
{
	uint32_t packets = atomic_load_explicit(&pulse->packets[reply], memory_order_relaxed);

	atomic_store_explicit(&pulse->packets[reply], packets + n, memory_order_relaxed);
}

/* In these states a packet that is not TCP passes and changes nothing, by its direction. */
static const uint16_t steady[2] = {
	1 << SESSION_STREAM | 1 << SESSION_OPENING,
	1 << SESSION_STREAM | 1 << SESSION_REPLIED,
};

/* The same asked of any packet; ICMP has no streams, since each question may be the last. */
static bool is_steady(enum session_state state, uint8_t protocol, bool reply)
{
	return steady[reply] >> state & 1 ||
	       (state == SESSION_REPLIED &&
		(protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6));
}

/* How many of the @n segments, from the first, go the short way. */
static unsigned advance_tcp(struct session_slot *slot, struct session_ref session, bool reply,
			    const struct session_tcp *segments, unsigned n)
{
	unsigned went = 0;
	uint64_t word;

	if (session_slot_enter(slot, session.generation, &word))
		return 0;
	while (went < n && session_tcp_advance(slot, &segments[went], reply))
		went++;
	session_slot_leave(slot, word, session.generation);
	return went;
}

/* session_advance() for TCP, for the first packets of a tick, and for ICMP. Apart: it is long. */
static __attribute__((noinline)) unsigned advance_with_care(struct sessions *sessions,
							    struct session_ref session, bool reply,
							    const struct session_tcp *segments,
							    unsigned n, clock_ms now)
{
	struct session_pulse *pulse = &sessions->pulses[session.slot];
	struct session_slot *slot = &sessions->slots[session.slot];
	uint32_t phase = atomic_load_explicit(&pulse->phase, memory_order_relaxed);
	uint32_t seen = atomic_load_explicit(&pulse->seen, memory_order_relaxed);
	enum session_state state = phase & SESSION_PHASE_STATE;
	uint8_t protocol = IPPROTO_TCP;

	if (!segments || session_ticks(now) - seen > LIVELY_TICKS)
		protocol = (uint8_t)atomic_load_explicit(&slot->about, memory_order_relaxed);
	if (session_ticks(now) - seen > LIVELY_TICKS &&
	    session_is_silent(state, protocol, seen, now))
		return 0;
	if (segments)
		n = advance_tcp(slot, session, reply, segments, n);
	else if (!is_steady(state, protocol, reply))
		return 0;
	if (n == 0)
		return 0;
	beat(pulse, reply, n);
	atomic_store_explicit(&pulse->seen, session_ticks(now), memory_order_relaxed);
	return n;
}

unsigned session_advance(struct sessions *sessions, struct session_ref session, bool reply,
			 const struct session_tcp *segments, unsigned n, clock_ms now)
{
	struct session_pulse *pulse;
	uint32_t state;

	if (session.slot >= sessions->n_slots || session_ref_is_none(session))
		return 0;
	pulse = &sessions->pulses[session.slot];
	/* acquire: who finds the phase finds the pulse of this session */
	state = atomic_load_explicit(&pulse->phase, memory_order_acquire) ^
		session_phase(session.generation, 0);
	/* of another generation more is left than a state; of no session none */
	if (state - 1 >= SESSION_STATE__COUNT - 1)
		return 0;
	if (segments || !(steady[reply] >> state & 1) ||
	    atomic_load_explicit(&pulse->seen, memory_order_relaxed) != session_ticks(now))
		return advance_with_care(sessions, session, reply, segments, n, now);
	beat(pulse, reply, n);
	return n;
}

void session_prefetch(const struct sessions *sessions, struct session_ref session, bool tcp)
{
	if (session.slot >= sessions->n_slots)
		return;
	__builtin_prefetch(&sessions->pulses[session.slot], 1);
	if (tcp)
		__builtin_prefetch(&sessions->slots[session.slot], 1);
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

/*
 * End @session if it is still there, and still to go: looked at without the lock, judged
 * with it. How many ended, 0 or 1; -EBUSY: the lock was taken.
 */
static int end_session(struct sessions *sessions, struct session_ref session,
		       const struct removal *removal)
{
	struct session_image image;
	bool ended;

	if (!session_books_try_lock(sessions->books))
		return -EBUSY;
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

/*
 * Whether every slot is to be read: a port or a network may be gone with another policy, and
 * a rank may be wrong. Twice round, since a worker may still commit by the policy before.
 */
static void plan_sweep(struct session_books *books, const struct policy *policy, uint32_t high)
{
	bool misranked = atomic_exchange_explicit(&books->misranked, false, memory_order_relaxed);

	if (misranked || books->swept_policy != policy->generation)
		books->n_to_look = 2 * high;
	books->swept_policy = policy->generation;
}

/* Is there a session that has been silent for longer than some may be? Its slot is not read. */
static bool may_be_over(const struct session_pulse *pulse, clock_ms now)
{
	uint32_t seen = atomic_load_explicit(&pulse->seen, memory_order_relaxed);

	return atomic_load_explicit(&pulse->phase, memory_order_relaxed) &&
	       session_ticks(now) - seen > LIVELY_TICKS;
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
	plan_sweep(books, policy, high);
	while (slots-- > 0) {
		struct session_image image;
		uint32_t slot = books->hand < high ? books->hand : 0;
		bool look = books->n_to_look > 0;

		books->hand = slot + 1;
		books->n_to_look -= look;
		if ((!look && !may_be_over(&sessions->pulses[slot], now)) ||
		    session_slot_read(sessions, slot, &image))
			continue;
		if (is_dead(&image, policy, now))
			freed += end_session(sessions, image.ref, &removal) > 0;
		else if (look && !rank_again(sessions, image.ref))
			atomic_store_explicit(&books->misranked, true, memory_order_relaxed);
	}
	return freed;
}

uint32_t session_flush(struct sessions *sessions, uint16_t network, struct port_ref port)
{
	struct session_entry entry;
	uint32_t cursor = 0, flushed = 0;

	while (session_next(sessions, &cursor, &entry)) {
		int ended = -EBUSY;

		if (network != 0 && entry.opener.network != network)
			continue;
		if (!port_ref_is_none(port) && !port_ref_equal(port, entry.in) &&
		    !port_ref_equal(port, entry.out))
			continue;
		for (unsigned i = 0; i < FLUSH_TRIES && ended < 0; i++)
			ended = end_session(sessions, entry.session, &(struct removal){0});
		flushed += ended > 0;
	}
	return flushed;
}
