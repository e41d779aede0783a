/*
 * session_packet - what sessions have to know of a packet, read from its
 * snapshot once.
 *
 * Stands apart from session.h so that who only reads headers (a flow cache, a
 * classifier, `trace`) need not know the table. Pure: a snapshot in, numbers
 * out. Lengths are believed only as far as the frame is long; what does not
 * parse is SESSION_KIND_BAD and no rule lets it pass.
 *
 * What becomes of a packet:
 *	not IP (ARP, LLDP)			UNTRACKED
 *	to a multicast address, 255.255.255.255	UNTRACKED
 *	IGMP, ICMPv6 ND and MLD, ICMP of types	UNTRACKED
 *	that are neither query nor error
 *	TCP, UDP, UDP-Lite, DCCP, SCTP		PLAIN: addresses and ports
 *	ICMP echo, timestamp; ICMPv6 echo	PLAIN: addresses, identifier, type
 *	other protocols (GRE, ESP)		PLAIN: addresses
 *	ICMP errors (RFC 792, RFC 4443)		ERROR: the key is that of the packet
 *						inside, as it was sent
 *	first fragments				as whole packets; their transport
 *						header must be complete (RFC 1858, RFC 7112)
 *	later fragments				FRAGMENT: addresses and identification
 *	a header that is malformed, cut off by	BAD, with the reason
 *	the frame's end, or beyond FRAME_HEAD
 */
#ifndef SWITCH_SESSION_PACKET_H
#define SWITCH_SESSION_PACKET_H

#include "switch/frame.h"
#include "switch/types.h"

enum session_kind {
	SESSION_KIND_UNTRACKED, /* nothing that a session could remember; rules decide alone */
	SESSION_KIND_PLAIN,
	SESSION_KIND_ERROR,
	SESSION_KIND_FRAGMENT,
	SESSION_KIND_BAD,
};

/* Why a packet cannot be of any session. As words: session_fault_word(), session_fault_text(). */
enum session_fault {
	SESSION_FAULT_NONE,
	SESSION_FAULT_HEADER,	/* malformed, cut off, or too long to be read */
	SESSION_FAULT_FLAGS,	/* TCP flags that no TCP sends together */
	SESSION_FAULT_STRANGER, /* speaks as of a session, but there is none */
	SESSION_FAULT_WINDOW,	/* TCP: outside of what the other end may be sent */
	SESSION_FAULT_RESET,	/* TCP: a reset that the other end would not believe */
	SESSION_FAULT_FRAGMENT, /* a later fragment whose first was not seen to pass, or overlaps it */
	SESSION_FAULT__COUNT,
};

/* The two ends of a packet. */
struct session_key {
	uint64_t src[2]; /* host byte order, high half first; IPv4: ::ffff:a.b.c.d */
	uint64_t dst[2];
	uint16_t src_port; /* 0 where there is none; ICMP queries: the identifier */
	uint16_t dst_port; /* ICMP queries: the type of the question, in answers too */
	uint16_t network;
	uint16_t network_generation;
	uint8_t version; /* 4 or 6 */
	uint8_t protocol;
};

/* RFC 9293, 3.1; the bits as in the header. */
enum session_tcp_flags {
	SESSION_TCP_FIN = 0x01,
	SESSION_TCP_SYN = 0x02,
	SESSION_TCP_RST = 0x04,
	SESSION_TCP_PSH = 0x08,
	SESSION_TCP_ACK = 0x10,
	SESSION_TCP_URG = 0x20,
};

enum { SESSION_SCALE_NONE = 0xff }; /* no window scale option (RFC 7323, 2.2) */

struct session_tcp {
	uint32_t seq;
	uint32_t ack;
	uint32_t len; /* of the payload; SYN and FIN not counted */
	uint16_t window;
	uint8_t flags; /* enum session_tcp_flags */
	uint8_t scale; /* of a SYN: its window scale, at most 14; or SESSION_SCALE_NONE */
};

struct session_packet {
	enum session_kind kind;
	enum session_fault fault; /* SESSION_KIND_BAD: why */
	struct session_key key;
	struct session_tcp tcp; /* if key.protocol is TCP; SESSION_KIND_ERROR: only seq */
	bool answer;		/* an ICMP answer, and so of a session or of none */

	/* Of IP fragments; offset and end count bytes of the IP payload. */
	bool fragment;
	uint16_t fragment_offset;
	uint32_t fragment_end;
	uint32_t fragment_id;

	uint64_t error_dst[2]; /* SESSION_KIND_ERROR: whom the error is sent to */

	/* Known to the caller, not written in the packet. */
	struct port_ref in;
	struct port_ref out; /* PORT_NONE: several, or not known yet */
	bool pickup;	     /* the policy lets TCP begin in the middle */
};

/*
 * Read the packet in @frame, whose Ethernet header is @l2 and which was placed in
 * @network. Leaves @ret_packet's in, out and pickup to the caller, zeroed.
 */
void session_packet_read(const struct frame *frame, const struct frame_l2 *l2, uint16_t network,
			 uint16_t network_generation, struct session_packet *ret_packet);

/*
 * Only the TCP header, of a packet whose IP header was found at @ip before: for
 * session_advance(). False if it is a fragment, malformed, or not all there.
 */
bool session_packet_read_tcp(const struct frame *frame, const struct frame_ip *ip,
			     struct session_tcp *ret_tcp);

/* A fault as one stable word, and as a sentence that says what would let it pass. Never NULL. */
const char *session_fault_word(enum session_fault fault);
const char *session_fault_text(enum session_fault fault);

#endif
