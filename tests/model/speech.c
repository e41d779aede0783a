/*
 * speech - see speech.h.
 */
#include "tests/model/speech.h"

#include <netinet/in.h>
#include <string.h>

#include "tests/sketch/session_sketch.h"

#define A SESSION_TCP_ACK
#define S SESSION_TCP_SYN
#define F SESSION_TCP_FIN
#define R SESSION_TCP_RST

int64_t speech_initial(speech_any *any)
{
	int64_t epoch = (int64_t)(1 + any(1000)) << 32;

	return any(2) ? epoch - any(3000) : epoch + any(UINT32_MAX);
}

int64_t speech_near(speech_any *any, int64_t number)
{
	switch (any(8)) {
	case 0: return number + 1;
	case 1: return number - 1;
	case 2: return number + any(2000);
	case 3: return number - any(2000);
	case 4: return number + any(200000) - 100000;
	default: return number;
	}
}

uint8_t speech_flags(speech_any *any)
{
	static const uint8_t flags[] = {A,     A,     A, A,	A,     A, A | SESSION_TCP_PSH,
					F | A, F | A, S, S | A, S | A, R, R | A};

	return flags[any(sizeof(flags))];
}

void speech_tcp(speech_any *any, uint8_t flags, int64_t seq, int64_t ack, struct ref_packet *ret)
{
	static const uint32_t lens[] = {0, 0, 0, 1, 10, 536, 1460, 60000};
	/* scaled, at most half of what RFC 7323 allows: strangers may use all of it at once */
	static const uint16_t windows[] = {0, 1, 1000, 1000, 8192, 32767};

	ret->seq = seq;
	ret->ack = flags & A ? ack : 0;
	ret->packet.tcp = (struct session_tcp){
		.seq = (uint32_t)ret->seq,
		.ack = (uint32_t)ret->ack,
		.len = flags & S ? (any(8) ? 0 : 100) : lens[any(8)],
		.window = windows[any(6)],
		.flags = flags,
		.scale = flags & S && any(4) ? (uint8_t)any(15) : SESSION_SCALE_NONE,
	};
}

void speech_segment(speech_any *any, const struct ref_session *session, bool reply,
		    struct ref_packet *packet)
{
	const struct ref_end *from = &session->ends[reply], *to = &session->ends[!reply];
	int64_t seqs[] = {from->end,	from->end, to->ack, from->limit, from->end - to->window,
			  from->end - 1};
	int64_t acks[] = {to->end, to->end, from->ack, to->end - 66000, to->end - from->window};
	uint8_t flags = speech_flags(any);
	bool fresh = (!from->spoke && !session->loose) || (flags == S && any(2));

	speech_tcp(any, flags, fresh ? speech_initial(any) : speech_near(any, seqs[any(6)]),
		   speech_near(any, acks[any(5)]), packet);
	/* a handshake that is to succeed, or none would get far */
	if (session->state == SESSION_OPENING && reply && any(3))
		speech_tcp(any, S | A, speech_initial(any), to->end, packet);
	else if (session->state == SESSION_SYN_RECEIVED && any(3))
		speech_tcp(any, A, from->end, to->end, packet);
	packet->packet.fragment = any(200) == 0;
}

struct ref_packet speech_member(speech_any *any, const struct ref_session *session)
{
	bool reply = any(2), icmp = session->opener.protocol == IPPROTO_ICMP ||
				    session->opener.protocol == IPPROTO_ICMPV6;
	struct ref_packet packet = {0};
	struct session_packet *plain = &packet.packet;

	plain->kind = SESSION_KIND_PLAIN;
	plain->key = session->opener;
	if (reply) {
		memcpy(plain->key.src, session->opener.dst, sizeof(plain->key.src));
		memcpy(plain->key.dst, session->opener.src, sizeof(plain->key.dst));
	}
	if (icmp) {
		plain->answer = reply;
	} else if (reply) {
		plain->key.src_port = session->opener.dst_port;
		plain->key.dst_port = session->opener.src_port;
	}
	plain->in = reply ? session->out : session->in;
	plain->out = reply ? session->in : session->out;
	if (session->opener.protocol == IPPROTO_TCP)
		speech_segment(any, session, reply, &packet);
	if (any(24) == 0) {
		packet.packet = sketch_error(plain);
		packet.seq = speech_near(any, session->ends[reply].end - (any(2) ? 66000 : 0));
		packet.packet.tcp.seq = (uint32_t)packet.seq;
		if (any(4) == 0)
			packet.packet.error_dst[1]++;
	}
	return packet;
}
