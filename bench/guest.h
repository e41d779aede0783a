/*
 * guest - one vhost-user guest without a VM: memory, a session, and two rings.
 *
 * The session is spoken by the frontend of the tests (tests/lib/frontend.h), in
 * the manner of DPDK's virtio-user, which every vhost-user switch knows. Only the
 * rings are worked here, by driver.h.
 *
 * What a switch does wrong in the session ends the program with a sentence: there
 * is nothing to be measured then. Threads: one.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include "bench/driver.h"
#include "tests/lib/frontend.h"

enum { GUEST_HEADER = FRONTEND_HEADER };

/* How it reaches its switch. */
enum guest_side {
	GUEST_VHOST = 0, /* vhost-user */
	GUEST_PACKET,	 /* a network device and a packet socket (device.h) */
	GUEST_TAP,	 /* a tap that it holds (device.h) */
};

struct guest_options {
	enum guest_side side;
	uint16_t ring_size;
	uint32_t buffer;    /* bytes of a receive buffer, header included */
	uint32_t frame_max; /* bytes of the longest frame to be sent */
	bool server;	    /* the switch dials */
	bool mergeable;
	bool event_idx;
	bool packed;   /* packed rings, or no session */
	bool in_order; /* if the switch has it */
	bool tso;      /* whole TCP segments of 64 KiB both ways, or no session */
	bool huge;     /* huge pages of 2 MiB */
};

/* Of a guest at a device: how far its rings were served. */
struct guest_device {
	int fd;
	uint16_t tx_seen;
	uint16_t rx_seen;
	uint64_t heard_ns; /* when one of its frames arrived last */
};

struct guest {
	struct guest_options options;
	struct frontend frontend;
	struct guest_memory memory;
	struct driver_ring rx;
	struct driver_ring tx;
	struct guest_device device; /* unless its side is GUEST_VHOST */
	bool mergeable;		    /* as negotiated */
};

/* Memory and rings, all receive buffers posted. @path is for messages to the user. */
void guest_create(struct guest *guest, const struct guest_options *options);
void guest_destroy(struct guest *guest);

/*
 * Meet the switch at the socket @path, as client or server, within @limit_s
 * seconds, or at the device of that name, and start the rings. 0 or -errno. A server's guest_listen() comes first.
 */
int guest_listen(const char *path);
int guest_connect(struct guest *guest, const char *path, int listener, unsigned limit_s);

#endif
