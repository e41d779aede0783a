/*
 * ref_session - the list, and TCP with numbers that do not wrap.
 */
#include "tests/model/ref_session.h"

#include <netinet/in.h>
#include <string.h>

enum {
	TICK = 128, /* ms */
	SYN = SESSION_TCP_SYN,
	ACK = SESSION_TCP_ACK,
	FIN = SESSION_TCP_FIN,
	RST = SESSION_TCP_RST,
};

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool is_icmp(const struct session_key *key)
{
	return key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;
}

static bool is_tcp(const struct session_key *key)
{
	return key->protocol == IPPROTO_TCP;
}

bool ref_session_is_weak(const struct ref_session *session)
{
	switch (session->state) {
	case SESSION_STREAM:
	case SESSION_ESTABLISHED_TCP:
	case SESSION_CLOSING: return false;
	default: return true;
	}
}

bool ref_session_is_over(const struct ref_session *session, clock_ms now)
{
	clock_ms tick = now / TICK * TICK;
	uint32_t timeout = session_timeout_ms(session->state, session->opener.protocol);

	if (session->seen > tick)
		return session->seen - tick > 1000;
	return tick - session->seen > timeout;
}

bool ref_session_same_ends(const struct session_key *a, const struct session_key *b)
{
	return a->src[0] == b->src[0] && a->src[1] == b->src[1] && a->dst[0] == b->dst[0] &&
	       a->dst[1] == b->dst[1] && a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       a->network == b->network && a->network_generation == b->network_generation &&
	       a->version == b->version && a->protocol == b->protocol;
}

static struct session_key turned(const struct session_key *key)
{
	struct session_key other = *key;

	memcpy(other.src, key->dst, sizeof(other.src));
	memcpy(other.dst, key->src, sizeof(other.dst));
	if (!is_icmp(key)) {
		other.src_port = key->dst_port;
		other.dst_port = key->src_port;
	}
	return other;
}

static struct ref_session *search(struct ref_sessions *ref, const struct session_packet *packet,
				  bool *ret_reply)
{
	struct session_key other = turned(&packet->key);

	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		struct ref_session *session = &ref->list[i];
		bool forward = ref_session_same_ends(&session->opener, &packet->key);
		bool reply = ref_session_same_ends(&session->opener, &other);

		if (!session->live)
			continue;
		if (is_icmp(&packet->key))
			forward = forward && !packet->answer, reply = reply && packet->answer;
		if (!forward && !reply)
			continue;
		*ret_reply = !forward;
		return session;
	}
	return NULL;
}

static bool is_syn(const struct session_packet *packet)
{
	return (packet->tcp.flags & (SYN | ACK)) == SYN;
}

static bool restarts(const struct ref_session *session, const struct session_packet *packet)
{
	return packet->kind == SESSION_KIND_PLAIN && is_tcp(&packet->key) && is_syn(packet) &&
	       (session->state == SESSION_TIME_WAIT || session->state == SESSION_CLOSED);
}

static bool begins(const struct session_packet *packet)
{
	if (packet->kind != SESSION_KIND_PLAIN || packet->answer)
		return false;
	if (!is_tcp(&packet->key) || is_syn(packet))
		return true;
	return packet->pickup && !(packet->tcp.flags & (SYN | RST));
}

static void hear_syn(struct ref_session *session, const struct ref_packet *packet, bool reply)
{
	struct ref_end *from = &session->ends[reply], *to = &session->ends[!reply];
	const struct session_tcp *tcp = &packet->packet.tcp;

	from->spoke = from->syn = true;
	from->end = packet->seq + 1 + tcp->len + (tcp->flags & FIN ? 1 : 0);
	from->window = tcp->window ? tcp->window : 1;
	from->limit = to->syn ? packet->seq + 1 + to->window : from->end;
	to->ack = packet->seq + 1;
	from->scales = tcp->scale != SESSION_SCALE_NONE;
	from->scale = from->scales ? tcp->scale : 0;
	if (to->syn && !(from->scales && to->scales))
		from->scale = to->scale = 0;
}

static enum session_fault reset(struct ref_session *session, const struct ref_packet *packet,
				bool reply)
{
	struct ref_end *from = &session->ends[reply], *to = &session->ends[!reply];

	if (!from->spoke && !session->loose) { /* refuses */
		if (!(packet->packet.tcp.flags & ACK) || packet->ack < from->ack ||
		    packet->ack > to->end)
			return SESSION_FAULT_RESET;
		session->state = SESSION_CLOSED;
	} else if (to->spoke || session->loose) {
		if (packet->seq == to->ack || packet->seq == from->end)
			session->state = SESSION_CLOSED;
		else if (!session->loose &&
			 (packet->seq > from->limit ||
			  packet->seq + packet->packet.tcp.len < from->end - to->window))
			return SESSION_FAULT_RESET;
	}
	return SESSION_FAULT_NONE;
}

static enum session_fault opening(struct ref_session *session, const struct ref_packet *packet,
				  bool reply)
{
	struct ref_end *opener = &session->ends[0], *other = &session->ends[1];
	const struct session_tcp *tcp = &packet->packet.tcp;

	if (!reply && !is_syn(&packet->packet))
		return SESSION_FAULT_WINDOW;
	if (!reply) {
		hear_syn(session, packet, false);
		return SESSION_FAULT_NONE;
	}
	if (!(tcp->flags & SYN)) /* a challenge */
		return tcp->flags & FIN || tcp->len ? SESSION_FAULT_WINDOW : SESSION_FAULT_NONE;
	if (tcp->flags & ACK) {
		if (packet->ack < other->ack || packet->ack > opener->end)
			return SESSION_FAULT_WINDOW;
		other->ack = packet->ack;
		opener->syn_acked = true;
		opener->limit = packet->ack + tcp->window;
	}
	hear_syn(session, packet, true);
	session->state = SESSION_SYN_RECEIVED;
	return SESSION_FAULT_NONE;
}

static bool fits(const struct ref_session *session, const struct ref_packet *packet, bool reply,
		 int64_t end)
{
	const struct ref_end *from = &session->ends[reply], *to = &session->ends[!reply];

	if (session->loose)
		return true;
	if (!from->spoke || !to->spoke)
		return false;
	if (packet->seq > from->limit || end < from->end - to->window)
		return false;
	if (packet->packet.tcp.flags & ACK &&
	    (packet->ack > to->end || packet->ack < to->end - max(from->window, 66000)))
		return false;
	return !from->fin || end <= from->end;
}

static enum session_fault tcp(struct ref_session *session, const struct ref_packet *packet,
			      bool reply)
{
	struct ref_end *from = &session->ends[reply], *to = &session->ends[!reply];
	const struct session_tcp *tcp = &packet->packet.tcp;
	bool syn = tcp->flags & SYN, ack = tcp->flags & ACK, fin = tcp->flags & FIN;
	int64_t end = packet->seq + tcp->len + syn + fin;
	int64_t window = (int64_t)tcp->window << (syn ? 0 : from->scale);

	if (tcp->flags & RST)
		return reset(session, packet, reply);
	if (session->state == SESSION_OPENING)
		return opening(session, packet, reply);
	if (is_syn(&packet->packet))
		return SESSION_FAULT_NONE;
	if (!fits(session, packet, reply, end))
		return SESSION_FAULT_WINDOW;
	session->loose |= packet->packet.fragment;
	from->window = max(from->window, window);
	if (end > from->limit) {
		to->window = to->window + (end - from->limit);
		if (to->window > 1 << 30)
			to->window = 1 << 30;
		from->limit = end;
	}
	from->end = max(from->end, end);
	if (ack) {
		to->syn_acked |= to->syn && packet->ack >= from->ack;
		to->limit = max(to->limit, packet->ack + window);
		from->ack = max(from->ack, packet->ack);
	}
	from->fin |= fin;
	to->fin_acked |= ack && to->fin && packet->ack == to->end;
	if (session->state == SESSION_CLOSED)
		return SESSION_FAULT_NONE;
	if (from->fin_acked && to->fin_acked)
		session->state = SESSION_TIME_WAIT;
	else if (from->fin || to->fin)
		session->state = SESSION_CLOSING;
	else if (from->syn_acked && to->syn_acked)
		session->state = SESSION_ESTABLISHED_TCP;
	return SESSION_FAULT_NONE;
}

/* @session goes on with @packet, or is as it was. */
static enum session_fault go_on(struct ref_session *session, const struct ref_packet *packet,
				bool reply)
{
	struct ref_session before = *session;
	enum session_fault fault = SESSION_FAULT_NONE;

	if (is_tcp(&session->opener))
		fault = tcp(session, packet, reply);
	else if (session->state == SESSION_OPENING && reply)
		session->state = SESSION_REPLIED;
	else if (session->state == SESSION_REPLIED && !reply && !is_icmp(&session->opener))
		session->state = SESSION_STREAM;
	if (fault != SESSION_FAULT_NONE)
		*session = before;
	return fault;
}

static enum session_fault judge_error(const struct ref_session *session,
				      const struct ref_packet *packet, bool reply)
{
	const struct session_packet *error = &packet->packet;
	const struct ref_end *from = &session->ends[reply], *to = &session->ends[!reply];

	if (memcmp(error->error_dst, error->key.src, sizeof(error->error_dst)) != 0 ||
	    !port_ref_equal(error->out, reply ? session->out : session->in))
		return SESSION_FAULT_STRANGER;
	if (is_tcp(&error->key) && !session->loose &&
	    (!from->spoke || packet->seq > from->end ||
	     packet->seq < from->end - max(to->window, 66000)))
		return SESSION_FAULT_WINDOW;
	return SESSION_FAULT_NONE;
}

void ref_session_find(struct ref_sessions *ref, const struct ref_packet *packet, uint64_t policy,
		      clock_ms now, struct ref_session_found *ret_found)
{
	bool reply;
	struct ref_session *session = search(ref, &packet->packet, &reply);
	struct ref_session copy;

	*ret_found = (struct ref_session_found){.verdict = SESSION_NEW};
	if (!session || ref_session_is_over(session, now) || restarts(session, &packet->packet)) {
		if (!begins(&packet->packet)) {
			ret_found->verdict = SESSION_INVALID;
			ret_found->fault = SESSION_FAULT_STRANGER;
		}
		return;
	}
	ret_found->session = session;
	ret_found->again = session->policy != policy;
	copy = *session;
	if (packet->packet.kind == SESSION_KIND_ERROR) {
		ret_found->fault = judge_error(session, packet, reply);
		ret_found->verdict = SESSION_RELATED;
	} else {
		ret_found->fault = go_on(&copy, packet, reply);
		ret_found->verdict = reply ? SESSION_REPLY : SESSION_ESTABLISHED;
		ret_found->again |= !port_ref_equal(session->in, reply ? packet->packet.out
								       : packet->packet.in) ||
				    !port_ref_equal(session->out,
						    reply ? packet->packet.in : packet->packet.out);
	}
	if (ret_found->fault != SESSION_FAULT_NONE)
		ret_found->verdict = SESSION_INVALID;
}

/* What a port and a tenant hold, and what all ports hold beyond their shares. */
static bool has_room(const struct ref_sessions *ref, const struct session_grant *grant)
{
	uint32_t ports[REF_SESSION_PORTS] = {0}, tenants[REF_SESSION_TENANTS] = {0}, beyond = 0;

	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		if (!ref->list[i].live)
			continue;
		ports[ref->list[i].owner.id]++;
		tenants[ref->list[i].tenant]++;
	}
	for (unsigned i = 0; i < REF_SESSION_PORTS; i++)
		beyond += ports[i] > ref->share ? ports[i] - ref->share : 0;
	return ports[grant->owner.id] < grant->port_max &&
	       (grant->tenant == 0 || tenants[grant->tenant] < grant->tenant_max) &&
	       (ports[grant->owner.id] < ref->share || beyond < ref->n_beyond_max);
}

static struct ref_session *oldest_weak(struct ref_sessions *ref, uint16_t owner)
{
	struct ref_session *oldest = NULL;

	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		struct ref_session *session = &ref->list[i];

		if (session->live && session->owner.id == owner && ref_session_is_weak(session) &&
		    (!oldest || session->weak_since < oldest->weak_since))
			oldest = session;
	}
	return oldest;
}

static void pick_up(struct ref_session *session, const struct ref_packet *packet)
{
	struct ref_end *from = &session->ends[0], *to = &session->ends[1];
	const struct session_tcp *tcp = &packet->packet.tcp;

	session->loose = true;
	*from = *to = (struct ref_end){.syn = true, .syn_acked = true};
	from->spoke = true;
	from->fin = tcp->flags & FIN;
	from->end = from->limit = packet->seq + tcp->len + (from->fin ? 1 : 0);
	from->window = tcp->window ? tcp->window : 1;
	from->ack = packet->ack;
	to->end = to->limit = packet->ack;
	to->ack = packet->seq;
	session->state = from->fin ? SESSION_CLOSING : SESSION_ESTABLISHED_TCP;
}

static enum session_outcome create(struct ref_sessions *ref, const struct ref_packet *packet,
				   const struct session_grant *grant, clock_ms now,
				   struct ref_session **ret_session)
{
	struct ref_session *session = ref->list;
	bool recycled = false;

	for (unsigned i = 0; i < 4 && !has_room(ref, grant); i++) {
		struct ref_session *oldest = oldest_weak(ref, grant->owner.id);

		if (!oldest)
			return SESSION_FULL;
		oldest->live = false;
		recycled = true;
	}
	if (!has_room(ref, grant))
		return SESSION_FULL;
	while (session->live)
		session++;
	*session = (struct ref_session){
		.live = true,
		.opener = packet->packet.key,
		.in = packet->packet.in,
		.out = packet->packet.out,
		.owner = grant->owner,
		.tenant = grant->tenant,
		.state = SESSION_OPENING,
		.policy = grant->policy,
		.packets = 1,
		.rule = grant->rule,
		.seen = now / TICK * TICK,
		.created = now / TICK * TICK,
		.weak_since = ++ref->weak_count,
	};
	if (is_tcp(&packet->packet.key)) {
		session->loose = packet->packet.fragment;
		if (is_syn(&packet->packet))
			hear_syn(session, packet, false);
		else
			pick_up(session, packet);
	}
	*ret_session = session;
	return recycled ? SESSION_RECYCLED : SESSION_CREATED;
}

static void count_packet(struct ref_sessions *ref, struct ref_session *session, bool was_weak,
			 clock_ms now)
{
	session->packets++;
	session->seen = now / TICK * TICK;
	if (ref_session_is_weak(session) && !was_weak)
		session->weak_since = ++ref->weak_count;
}

enum session_outcome ref_session_commit(struct ref_sessions *ref, const struct ref_packet *packet,
					const struct session_grant *grant, clock_ms now,
					struct ref_session **ret_session)
{
	const struct session_packet *plain = &packet->packet;
	bool reply, was_weak;
	struct ref_session *session = search(ref, plain, &reply);

	*ret_session = NULL;
	if (plain->kind == SESSION_KIND_ERROR)
		return SESSION_PASSED;
	if (!session_ref_is_none(grant->session) &&
	    (!session || session->real.slot != grant->session.slot ||
	     session->real.generation != grant->session.generation ||
	     ref_session_is_over(session, now) || restarts(session, plain)))
		return SESSION_REFUSED;
	if (!session || ref_session_is_over(session, now) || restarts(session, plain)) {
		if (!begins(plain))
			return SESSION_REFUSED;
		if (session)
			session->live = false;
		return create(ref, packet, grant, now, ret_session);
	}
	was_weak = ref_session_is_weak(session);
	if (go_on(session, packet, reply) != SESSION_FAULT_NONE)
		return SESSION_REFUSED;
	if (!port_ref_is_none(plain->out)) {
		struct port_ref in = reply ? plain->out : plain->in;
		struct port_ref out = reply ? plain->in : plain->out;

		if (session->policy != grant->policy || !port_ref_equal(session->in, in) ||
		    !port_ref_equal(session->out, out))
			session->rule = grant->rule;
		session->in = in;
		session->out = out;
		session->policy = grant->policy;
	}
	count_packet(ref, session, was_weak, now);
	*ret_session = session;
	return SESSION_ADVANCED;
}

bool ref_session_advance(struct ref_sessions *ref, struct ref_session *session, bool reply,
			 const struct ref_packet *packet, clock_ms now)
{
	uint8_t flags = packet->packet.tcp.flags;
	struct ref_session next = *session;

	if (!session->live || ref_session_is_over(session, now))
		return false;
	if (is_tcp(&session->opener) && (session->state != SESSION_ESTABLISHED_TCP ||
					 !(flags & ACK) || flags & (SYN | FIN | RST)))
		return false;
	if (go_on(&next, packet, reply) != SESSION_FAULT_NONE || next.state != session->state)
		return false;
	*session = next;
	count_packet(ref, session, true, now);
	return true;
}

uint32_t ref_session_sweep(struct ref_sessions *ref, clock_ms now,
			   bool (*is_gone)(const struct ref_session *session))
{
	uint32_t freed = 0;

	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		struct ref_session *session = &ref->list[i];

		if (session->live && (ref_session_is_over(session, now) || is_gone(session))) {
			session->live = false;
			freed++;
		}
	}
	return freed;
}
