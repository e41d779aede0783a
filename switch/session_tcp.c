/*
 * session_tcp - what a packet does to a session: TCP's windows and states, and
 * the simple states of all else.
 *
 * Pure: a line in, a line out. Stands apart because it knows nothing of tables
 * and can be tried packet by packet. After G. van Rooij, "Real Stateful TCP Packet
 * Filtering", with these bounds for a segment of an end S whose peer is R:
 *	I	seq <= S.max_end			R has offered that much
 *	II	seq + len >= S.end - R.max_window	no older than what R may lack
 *	III	ack <= R.end				R has sent that
 *	IV	ack >= R.end - max(S.max_window, 66000)	no older than what may be under way
 * All comparisons are modulo 2^32 (RFC 9293, 3.4).
 *
 * States come from what was seen of both ends (enum session_seen), which only
 * grows: no table of transitions, and simultaneous opens and closes need no
 * care. What is seen is never taken from a packet that failed the bounds.
 */
#include <netinet/in.h>

#include "switch/session_table.h"

enum {
	ACK_SLACK = 66000, /* IV: an acknowledgement may wait for a window of old times */
	FLAGS_ASIDE = SESSION_TCP_PSH | SESSION_TCP_URG | 0xc0, /* and ECE, CWR (RFC 3168) */
	WINDOW_MAX = 1 << 30,					/* RFC 7323, 2.3 */
	SEEN_ALL_SYN_ACK = SESSION_SEEN_SYN_ACK | SESSION_SEEN_SYN_ACK << SESSION_SEEN_SHIFT,
	SEEN_ANY_FIN = SESSION_SEEN_FIN | SESSION_SEEN_FIN << SESSION_SEEN_SHIFT,
	SEEN_ALL_FIN_ACK = SESSION_SEEN_FIN_ACK | SESSION_SEEN_FIN_ACK << SESSION_SEEN_SHIFT,
	SEEN_HANDSHAKE =
		(SESSION_SEEN_SYN | SESSION_SEEN_SYN_ACK) * (1 + (1 << SESSION_SEEN_SHIFT)),
};

/* A segment on its way from end @from to end @to. */
struct segment {
	const struct session_tcp *tcp;
	unsigned from, to;
	uint32_t end; /* behind its last byte; SYN and FIN count as one each */
	bool syn, fin, ack;
};

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool after(uint32_t a, uint32_t b)
{
	return before(b, a);
}

static uint8_t seen_of(unsigned end, enum session_seen what)
{
	return (uint8_t)(what << (end ? SESSION_SEEN_SHIFT : 0));
}

static bool was_seen(const struct session_line *line, unsigned end, enum session_seen what)
{
	return line->seen & seen_of(end, what);
}

static void see(struct session_line *line, unsigned end, enum session_seen what)
{
	line->seen |= seen_of(end, what);
}

static void set_state(struct session_line *line, enum session_state state)
{
	line->state = (uint8_t)((line->state & SESSION_LOOSE) | state);
}

static struct segment segment_of(const struct session_tcp *tcp, bool reply)
{
	struct segment segment = {
		.tcp = tcp,
		.from = reply,
		.to = !reply,
		.syn = tcp->flags & SESSION_TCP_SYN,
		.fin = tcp->flags & SESSION_TCP_FIN,
		.ack = tcp->flags & SESSION_TCP_ACK,
	};

	segment.end = tcp->seq + tcp->len + segment.syn + segment.fin;
	return segment;
}

/* The first SYN of an end. */
static void take_syn(struct session_line *line, const struct segment *segment)
{
	const struct session_tcp *tcp = segment->tcp;
	struct session_side *from = &line->side[segment->from], *to = &line->side[segment->to];

	from->end = segment->end;
	/* The window of a SYN is never scaled (RFC 7323, 2.2); one of 0 is none yet. */
	from->max_window = tcp->window ? tcp->window : 1;
	if (!was_seen(line, segment->to, SESSION_SEEN_SYN))
		from->max_end = segment->end;
	else
		from->max_end = tcp->seq + 1 + to->max_window;
	to->ack = tcp->seq + 1; /* the least that it may acknowledge */
	line->scale[segment->from] = tcp->scale;
	see(line, segment->from, SESSION_SEEN_SYN);
	/* Both have to offer it, or neither does it (RFC 7323, 2.2). */
	if (was_seen(line, segment->to, SESSION_SEEN_SYN) &&
	    (line->scale[0] == SESSION_SCALE_NONE || line->scale[1] == SESSION_SCALE_NONE))
		line->scale[0] = line->scale[1] = 0;
}

/* Picked up in the middle: both ends have long agreed, on what is not known. */
static void begin_in_the_middle(struct session_line *line, const struct segment *segment)
{
	struct session_side *from = &line->side[0], *to = &line->side[1];

	line->state = SESSION_ESTABLISHED_TCP | SESSION_LOOSE;
	line->seen = SEEN_HANDSHAKE;
	line->scale[0] = line->scale[1] = 0;
	from->end = from->max_end = segment->end;
	from->max_window = segment->tcp->window ? segment->tcp->window : 1;
	from->ack = segment->tcp->ack;
	to->end = to->max_end = segment->tcp->ack;
	to->ack = segment->tcp->seq;
	if (segment->fin) {
		see(line, 0, SESSION_SEEN_FIN);
		set_state(line, SESSION_CLOSING);
	}
}

void session_tcp_begin(const struct session_tcp *tcp, struct session_line *ret_line)
{
	struct segment segment = segment_of(tcp, false);

	*ret_line = (struct session_line){.state = SESSION_OPENING};
	if (segment.syn)
		take_syn(ret_line, &segment);
	else
		begin_in_the_middle(ret_line, &segment);
}

/* Bounds I and II. */
static inline bool is_in_window(bool loose, const struct session_side *from,
				const struct session_side *to, const struct segment *segment)
{
	if (loose)
		return true;
	/* a refused connection: one end has no numbers yet */
	if (!from->max_window || !to->max_window)
		return false;
	return !after(segment->tcp->seq, from->max_end) &&
	       !before(segment->end, from->end - to->max_window);
}

/* Bounds III and IV. */
static inline bool is_good_ack(bool loose, const struct session_side *from,
			       const struct session_side *to, const struct segment *segment)
{
	uint32_t slack = from->max_window > ACK_SLACK ? from->max_window : ACK_SLACK;

	if (loose || !segment->ack)
		return true;
	return !after(segment->tcp->ack, to->end) && !before(segment->tcp->ack, to->end - slack);
}

/*
 * RFC 9293, 3.10.7.3: before its SYN an end may refuse, and its refusal names
 * the other's SYN. RFC 5961, 3.2: later it names the very number that the other
 * end expects, which is what that has acknowledged, or all that was sent.
 */
static enum session_fault step_reset(struct session_line *line, const struct segment *segment)
{
	const struct session_side *from = &line->side[segment->from];
	const struct session_side *to = &line->side[segment->to];
	uint32_t seq = segment->tcp->seq, ack = segment->tcp->ack;

	if (from->max_window == 0 && !(line->state & SESSION_LOOSE)) {
		if (!segment->ack || before(ack, from->ack) || after(ack, to->end))
			return SESSION_FAULT_RESET;
		set_state(line, SESSION_CLOSED);
		return SESSION_FAULT_NONE;
	}
	/* An opener that finds a forgotten connection at the other end resets that one. */
	if (to->max_window == 0 && !(line->state & SESSION_LOOSE))
		return SESSION_FAULT_NONE;
	if (seq == to->ack || seq == from->end)
		set_state(line, SESSION_CLOSED);
	else if (!is_in_window(line->state & SESSION_LOOSE, from, to, segment))
		return SESSION_FAULT_RESET;
	return SESSION_FAULT_NONE;
}

/* Only one end has sent a SYN yet. */
static enum session_fault step_opening(struct session_line *line, const struct segment *segment)
{
	struct session_side *from = &line->side[segment->from], *to = &line->side[segment->to];
	uint32_t ack = segment->tcp->ack;

	if (segment->from == 0) { /* the opener tries again, perhaps anew */
		if (!segment->syn || segment->ack)
			return SESSION_FAULT_WINDOW;
		take_syn(line, segment);
		return SESSION_FAULT_NONE;
	}
	if (!segment->syn) {
		/* RFC 5961, 4.2: the challenge of an end that remembers another connection */
		return segment->fin || segment->tcp->len ? SESSION_FAULT_WINDOW
							 : SESSION_FAULT_NONE;
	}
	if (segment->ack) {
		if (before(ack, from->ack) || after(ack, to->end))
			return SESSION_FAULT_WINDOW;
		from->ack = ack;
		see(line, segment->to, SESSION_SEEN_SYN_ACK);
		to->max_end = ack + segment->tcp->window;
	}
	take_syn(line, segment);
	set_state(line, SESSION_SYN_RECEIVED);
	return SESSION_FAULT_NONE;
}

/* What a segment within the bounds tells of both ends. */
static inline void move_on(struct session_side *from, struct session_side *to,
			   const struct segment *segment, unsigned scale)
{
	const struct session_tcp *tcp = segment->tcp;
	/* the mask is for memory that another process writes, against all promises */
	uint32_t window = (uint32_t)tcp->window << (segment->syn ? 0 : scale & 0xf);

	if (window > from->max_window)
		from->max_window = window;
	if (after(segment->end, from->max_end)) {
		/* it may begin at the edge, and then the other end may ask for it again */
		uint32_t beyond = to->max_window + (segment->end - from->max_end);

		to->max_window = beyond < WINDOW_MAX ? beyond : WINDOW_MAX;
		from->max_end = segment->end;
	}
	if (after(segment->end, from->end))
		from->end = segment->end;
	if (!segment->ack)
		return;
	if (after(tcp->ack + window, to->max_end))
		to->max_end = tcp->ack + window;
	if (after(tcp->ack, from->ack))
		from->ack = tcp->ack;
}

static void see_flags(struct session_line *line, const struct segment *segment, bool new_syn_ack)
{
	enum session_state state = session_line_state(line);

	if (new_syn_ack)
		see(line, segment->to, SESSION_SEEN_SYN_ACK);
	if (segment->fin)
		see(line, segment->from, SESSION_SEEN_FIN);
	if (segment->ack && was_seen(line, segment->to, SESSION_SEEN_FIN) &&
	    segment->tcp->ack == line->side[segment->to].end)
		see(line, segment->to, SESSION_SEEN_FIN_ACK);
	if (state == SESSION_CLOSED)
		return;
	if ((line->seen & SEEN_ALL_FIN_ACK) == SEEN_ALL_FIN_ACK)
		set_state(line, SESSION_TIME_WAIT);
	else if (line->seen & SEEN_ANY_FIN)
		set_state(line, SESSION_CLOSING);
	else if ((line->seen & SEEN_ALL_SYN_ACK) == SEEN_ALL_SYN_ACK)
		set_state(line, SESSION_ESTABLISHED_TCP);
}

enum session_fault session_tcp_step(struct session_line *line, const struct session_tcp *tcp,
				    bool reply, bool cut)
{
	struct segment segment = segment_of(tcp, reply);
	struct session_side *from = &line->side[segment.from], *to = &line->side[segment.to];
	bool loose = line->state & SESSION_LOOSE, acks_syn;

	if (tcp->flags & SESSION_TCP_RST)
		return step_reset(line, &segment);
	if (session_line_state(line) == SESSION_OPENING)
		return step_opening(line, &segment);
	/* RFC 5961, 4.2: whatever its number, it is for the other end to challenge. */
	if (segment.syn && !segment.ack)
		return SESSION_FAULT_NONE;
	if (!is_in_window(loose, from, to, &segment) || !is_good_ack(loose, from, to, &segment))
		return SESSION_FAULT_WINDOW;
	/* Nothing comes behind a FIN. */
	if (was_seen(line, segment.from, SESSION_SEEN_FIN) && after(segment.end, from->end) &&
	    !loose)
		return SESSION_FAULT_WINDOW;
	acks_syn = segment.ack && was_seen(line, segment.to, SESSION_SEEN_SYN) &&
		   !before(tcp->ack, from->ack);
	if (cut)
		line->state |= SESSION_LOOSE;
	move_on(from, to, &segment, line->scale[segment.from]);
	see_flags(line, &segment, acks_syn);
	return SESSION_FAULT_NONE;
}

bool session_tcp_advance(struct session_slot *slot, const struct session_tcp *tcp, bool reply)
{
	uint32_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
	struct segment segment = {.tcp = tcp, .end = tcp->seq + tcp->len, .ack = true};
	bool loose = state & SESSION_LOOSE;
	struct session_side from, to;

	if ((state & 0xff & ~(uint32_t)SESSION_LOOSE) != SESSION_ESTABLISHED_TCP ||
	    (tcp->flags & ~FLAGS_ASIDE) != SESSION_TCP_ACK)
		return false;
	session_slot_load_side(slot, reply, &from);
	session_slot_load_side(slot, !reply, &to);
	if (!is_in_window(loose, &from, &to, &segment) || !is_good_ack(loose, &from, &to, &segment))
		return false;
	move_on(&from, &to, &segment, state >> (reply ? 24 : 16));
	session_slot_store_side(slot, reply, &from);
	session_slot_store_side(slot, !reply, &to);
	return true;
}

bool session_tcp_is_quoted(const struct session_line *line, uint32_t seq, bool reply)
{
	const struct session_side *from = &line->side[reply], *to = &line->side[!reply];
	uint32_t back = to->max_window > ACK_SLACK ? to->max_window : ACK_SLACK;

	return line->state & SESSION_LOOSE ||
	       (from->max_window && !after(seq, from->end) && !before(seq, from->end - back));
}

bool session_is_restart(const struct session_line *line, const struct session_packet *packet)
{
	enum session_state state = session_line_state(line);

	return packet->kind == SESSION_KIND_PLAIN && packet->key.protocol == IPPROTO_TCP &&
	       (packet->tcp.flags & (SESSION_TCP_SYN | SESSION_TCP_ACK)) == SESSION_TCP_SYN &&
	       (state == SESSION_TIME_WAIT || state == SESSION_CLOSED);
}

bool session_is_beginning(const struct session_packet *packet)
{
	uint8_t flags = packet->tcp.flags & (SESSION_TCP_SYN | SESSION_TCP_RST | SESSION_TCP_ACK);

	if (packet->kind != SESSION_KIND_PLAIN || packet->answer)
		return false;
	if (packet->key.protocol != IPPROTO_TCP)
		return true;
	return flags == SESSION_TCP_SYN || (flags == SESSION_TCP_ACK && packet->pickup);
}

void session_line_begin(const struct session_packet *packet, struct session_line *ret_line)
{
	if (packet->key.protocol == IPPROTO_TCP)
		session_tcp_begin(&packet->tcp, ret_line);
	else
		*ret_line = (struct session_line){.state = SESSION_OPENING};
	if (packet->key.protocol == IPPROTO_TCP && packet->fragment)
		ret_line->state |= SESSION_LOOSE;
}

enum session_fault session_line_step(struct session_line *line, const struct session_packet *packet,
				     bool reply)
{
	uint8_t protocol = packet->key.protocol;

	if (protocol == IPPROTO_TCP) {
		struct session_line next = *line;
		enum session_fault fault =
			session_tcp_step(&next, &packet->tcp, reply, packet->fragment);

		if (fault == SESSION_FAULT_NONE)
			*line = next;
		return fault;
	}
	if (line->state == SESSION_OPENING && reply)
		line->state = SESSION_REPLIED;
	else if (line->state == SESSION_REPLIED && !reply && protocol != IPPROTO_ICMP &&
		 protocol != IPPROTO_ICMPV6)
		line->state = SESSION_STREAM;
	return SESSION_FAULT_NONE;
}

const char *session_state_word(enum session_state state)
{
	static const char *const words[SESSION_STATE__COUNT] = {
		[SESSION_FREE] = "free",
		[SESSION_OPENING] = "opening",
		[SESSION_SYN_RECEIVED] = "syn-received",
		[SESSION_REPLIED] = "replied",
		[SESSION_STREAM] = "stream",
		[SESSION_ESTABLISHED_TCP] = "established",
		[SESSION_CLOSING] = "closing",
		[SESSION_TIME_WAIT] = "time-wait",
		[SESSION_CLOSED] = "closed",
	};

	return (unsigned)state < SESSION_STATE__COUNT ? words[state] : "unknown";
}

uint32_t session_timeout_ms(enum session_state state, uint8_t protocol)
{
	bool datagrams = protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;

	switch (state) {
	case SESSION_OPENING: return 30 * 1000;
	case SESSION_SYN_RECEIVED: return 30 * 1000;
	case SESSION_REPLIED: return datagrams ? 30 * 1000 : 60 * 1000;	 /* RFC 5508, 3.2 */
	case SESSION_STREAM: return datagrams ? 180 * 1000 : 600 * 1000; /* RFC 4787, 4.3 */
	case SESSION_ESTABLISHED_TCP: return 24 * 3600 * 1000;
	case SESSION_CLOSING: return 900 * 1000;
	case SESSION_TIME_WAIT: return 60 * 1000;
	case SESSION_CLOSED: return 10 * 1000;
	case SESSION_FREE:
	case SESSION_STATE__COUNT: break;
	}
	return 0;
}
