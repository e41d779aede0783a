/*
 * port - where frames enter and leave: one interface, several kinds of device.
 *
 * A port is a slot in the port table (its id is the policy's). While a device
 * is attached it has a kind (`struct port_ops`: vhost, tap, device, and the
 * tests' memory port) and 1..LIMIT_QUEUE_PAIRS queue pairs. A queue is polled
 * by exactly one worker; any worker may put frames into any port.
 *
 * Threads. Attach and detach belong to the control thread; removal is always
 * unlink (port table slot, worker's queues), wait (grace period), release.
 * The functions of port_ops marked "worker" run inside a worker's burst.
 */
#ifndef SWITCH_PORT_H
#define SWITCH_PORT_H

#include <stdatomic.h>

#include "switch/frame.h"
#include "switch/types.h"

struct port;
struct uring; /* a worker's ring for I/O with the kernel: uring.h */

/* One burst of frames from one queue; lives in the worker, reused for each burst. */
struct burst {
	unsigned count;
	unsigned room; /* take() takes no more than so many, if its kind can; LIMIT_BURST at most */
	/* what frames may ask for (enum port_accepts): what their sender negotiated */
	uint32_t may_ask;
	struct frame frames[LIMIT_BURST];
	/* room for tail pieces; take() stops early rather than run out */
	struct iovec pool[LIMIT_BURST * 8 + LIMIT_FRAME_PIECES];
};

/* What a destination can be given as it is; what is missing is completed in software (offload.h). */
enum port_accepts {
	PORT_ACCEPTS_CSUM = 1 << 0, /* frames with NEEDS_CSUM */
	PORT_ACCEPTS_TSO4 = 1 << 1,
	PORT_ACCEPTS_TSO6 = 1 << 2,
	PORT_ACCEPTS_ECN = 1 << 3, /* TSO frames with the ECN bit */

	PORT_ACCEPTS_ALL = (1 << 4) - 1,
};

/* A queue to take frames from. Filled in by the port and, where marked, by the worker that gets it. */
struct port_queue {
	struct port *port;
	uint16_t index;	    /* of the queue pair */
	bool timed;	    /* nothing tells when frames come: look by the clock */
	bool calls;	    /* the kick tells of frames unasked: no looks in vain */
	int kick;	    /* an fd whose edges tell when frames come, or -1 */
	uint16_t worker;    /* who polls it */
	struct uring *ring; /* that worker's, NULL if there is none */
};

/* A frame on its way into a port: as the port shall get it, num_buffers 1. As vhost_put has it. */
struct port_put {
	const struct frame *frame;
	unsigned place; /* below LIMIT_BURST, names the frame; the segments of one share it */
};

/* How a port does, for those who watch it. */
struct port_status {
	bool up;	      /* frames flow */
	uint32_t queue_pairs; /* running */
	uint64_t features;    /* vhost-user: what the guest accepted */
	const char *copy;     /* vhost-user: how frames are copied to the guest, a word; or NULL */
	const char *text;     /* the last thing worth telling, or "" */
};

struct port_ops {
	const char *kind;

	/* worker: take a burst; frames with a fault set are only counted */
	void (*take)(struct port_queue *queue, struct burst *burst);
	/* worker: the burst is done with, its buffers go back to their owner */
	void (*give_back)(struct port_queue *queue, struct burst *burst);

	/*
	 * worker: begin, put..., end for one burst to one destination; one at a
	 * time per worker. begin returns what put and end are then called with,
	 * or NULL: the port is down. @ring is the worker's (may be NULL); @spread
	 * is the same for all frames of one source queue, to choose a queue by
	 * without reordering a flow.
	 * put takes @n frames, LIMIT_BURST at most, in their order, with headers
	 * that fit what the port accepts. What became of a frame put or end tells:
	 * each returns the places of those that did not go, a bit each, and stores
	 * the reason at ret_missed[place].
	 * The frames stay readable until end, but only those of a port that
	 * accepts everything: what is completed in software lies where the next
	 * frame will.
	 */
	void *(*begin)(struct port *port, struct uring *ring, uint32_t spread);
	uint64_t (*put)(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed);
	uint64_t (*end)(void *sink, enum drop *ret_missed);

	/* worker: before sleeping; true: frames are there already. And after waking. */
	bool (*arm)(struct port_queue *queue);
	void (*disarm)(struct port_queue *queue);

	/*
	 * control thread; a kind without a life of its own leaves them NULL.
	 * serve: something arrived at port->watch; returns whether it waits to
	 * write there. check: about once a second, and when something happened.
	 * Both: -errno if the device is gone. destroy: no worker knows the port
	 * any more but by its queues, which it takes away from them.
	 */
	int (*serve)(struct port *port);
	int (*check)(struct port *port);
	void (*status)(const struct port *port, struct port_status *ret_status);
	void (*destroy)(struct port *port);

	/*
	 * control thread: the fds that it was made from, which stay its own. How
	 * many; NULL: none that another data plane could go on with.
	 */
	unsigned (*lend)(const struct port *port, int ret_fds[LIMIT_QUEUE_PAIRS]);
};

struct port {
	const struct port_ops *ops;
	struct port_ref ref;
	uint32_t accepts; /* enum port_accepts; fixed while begin does not return NULL */
	int watch;	  /* fd that the control thread watches for the port, or -1 */
	void *device;	  /* the kind's own */
};

/* The port table: by port id, NULL where no device is attached. */
struct port_table {
	struct port *_Atomic slots[LIMIT_PORTS];
};

#endif
