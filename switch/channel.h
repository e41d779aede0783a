/*
 * channel - what the control process and the data plane say to one another.
 *
 * A SOCK_SEQPACKET Unix socket, one message a packet: a fixed struct, and file
 * descriptors beside it. The data plane holds the listening socket (inherited
 * at its start), so that a restarted control process can connect again; it
 * serves one connection at a time and a new one replaces the old. Peers are
 * checked with SO_PEERCRED: root or the data plane's own starter.
 *
 * The control process asks, the data plane answers each request with one REPLY
 * of the same seq, in order, after the effect. EVENTs come unasked and tell what
 * was not asked for: a port that DETACH or POLICY took its device from has none.
 * Everything a message holds is checked by the receiver: neither side trusts the
 * other.
 *
 *   request        fds                      effect
 *   HELLO          -                        comes first; REPLY carries the fds: policy (if any),
 *                                           counters, state
 *   POLICY         1: the sealed memfd      checked, published, old one freed; ports that left it die;
 *                                           -ESTALE unless its generation is higher
 *   ATTACH         vhost-user: 1 connected  the port takes its device; -EBUSY if it has one
 *                  tap: 1 a queue pair
 *                  device: 1 packet socket
 *   DETACH         -                        the port has no device any more, its fds are closed
 *   FDB_FLUSH      -                        REPLY.value: entries forgotten
 *   SESSION_FLUSH  -                        REPLY.value: sessions forgotten
 *   LIST           -                        one EVENT a port with a device, then the REPLY
 *   LEND           -                        REPLY carries copies of the fds that the port was attached
 *                                           with, if another data plane could go on with them (taps)
 *   PLACE          -                        only these workers serve the port, until it has another device
 *   STOP           -                        REPLY, then the data plane ends
 */
#ifndef SWITCH_CHANNEL_H
#define SWITCH_CHANNEL_H

#include "switch/limits.h"
#include "switch/types.h"

enum {
	CHANNEL_VERSION = 2,
	CHANNEL_FDS = LIMIT_QUEUE_PAIRS,
	CHANNEL_TEXT = 160, /* bytes, NUL included; so is */
	CHANNEL_COPY = 8,
};

enum channel_type {
	CHANNEL_HELLO = 1,
	CHANNEL_POLICY,
	CHANNEL_ATTACH,
	CHANNEL_DETACH,
	CHANNEL_FDB_FLUSH,
	CHANNEL_LIST,
	CHANNEL_LEND,
	CHANNEL_STOP,
	CHANNEL_PLACE,
	CHANNEL_SESSION_FLUSH,
	CHANNEL_REPLY = 64,
	CHANNEL_EVENT,
};

enum channel_kind {
	KIND_VHOST_USER = 1,
	KIND_TAP,
	KIND_DEVICE,
};

enum channel_port_state {
	CHANNEL_PORT_WAITING = 1, /* has a device, but the guest's driver does not run yet */
	CHANNEL_PORT_UP,	  /* frames flow */
	CHANNEL_PORT_CLOSED,	  /* the device is gone; text says why */
};

struct channel_message {
	uint32_t type; /* enum channel_type */
	uint32_t seq;  /* request: chosen by the asker; REPLY: the request's; EVENT: 0 */
	union {
		struct {
			uint32_t version; /* CHANNEL_VERSION; another one: REPLY -EPROTO */
		} hello;
		struct {
			uint64_t size; /* bytes of the memfd that are policy */
		} policy;
		struct {
			struct port_ref port;
			uint32_t kind;	      /* enum channel_kind */
			uint32_t queue_pairs; /* vhost-user: at most; tap: as many as fds */
			uint32_t mtu;	      /* largest that NET_SET_MTU may ask for */
			uint64_t cookie; /* given back by LIST: what the device was made from */
		} attach;
		struct {
			struct port_ref port;
		} detach;
		struct {
			struct port_ref port;
		} lend;
		struct {
			struct port_ref port;
			uint32_t workers; /* bit i: worker i; 0, or none that there is: any */
		} place;
		struct {
			uint16_t network; /* id, 0: all */
			uint16_t reserved;
			struct port_ref port; /* PORT_NONE: all */
		} flush;		      /* FDB_FLUSH, SESSION_FLUSH */
		struct {
			int32_t error; /* 0 or -errno */
			uint32_t value;
			/* HELLO only */
			uint32_t version;
			uint32_t n_workers;
			uint32_t pid;
			uint32_t has_policy;
			uint64_t generation;	 /* of the running policy */
			uint64_t started_ms;	 /* CLOCK_MONOTONIC */
			char text[CHANNEL_TEXT]; /* why, if error */
		} reply;
		struct {
			struct port_ref port;
			uint32_t kind;
			uint32_t state;	      /* enum channel_port_state */
			uint32_t queue_pairs; /* running */
			uint32_t pid;	      /* vhost-user: of the front-end; 0: not known */
			uint32_t workers;     /* that serve it, a bit each */
			uint64_t cookie;
			uint64_t features; /* vhost-user: virtio features that the guest accepted */
			char copy
				[CHANNEL_COPY]; /* vhost-user: how frames are copied to it, or "" */
			char text[CHANNEL_TEXT]; /* the last thing worth telling: an error, or "" */
		} event;
	};
};

/*
 * Send one message with @n_fds fds (which stay the caller's). 0 or -errno;
 * -EAGAIN if the peer does not read.
 */
int channel_send(int socket, const struct channel_message *message, const int *fds, unsigned n_fds)
	__attribute__((warn_unused_result));

/*
 * Receive one message without waiting. 0; -EAGAIN: nothing there; -ECONNRESET:
 * the peer is gone; -EPROTO: not a message, all its fds closed. The fds, opened
 * close-on-exec, become the caller's: @ret_fds has room for CHANNEL_FDS, unused
 * places hold -1. Texts are NUL-terminated.
 */
int channel_receive(int socket, struct channel_message *ret_message, int *ret_fds,
		    unsigned *ret_n_fds) __attribute__((warn_unused_result));

/* Command line of sluice-dp: `sluice-dp --listen FD [--state FD] [--workers CPULIST] [--latency US]`. */

#endif
