/*
 * port - where frames enter and leave: one interface, several kinds of device.
 *
 * A port is a slot in the port table (its id is the policy's). While a device
 * is attached it has a kind (`struct port_ops`: vhost, tap, device, and the
 * tests' memory port) and 1..LIMIT_QUEUE_PAIRS queue pairs. A queue is polled
 * by exactly one worker; any worker may put frames into any port.
 *
 * Threads. Attach and detach belong to the control thread; removal is always
 * unlink (port_table slot, worker's queue list), wait (grace period), release.
 * The functions of port_ops marked "worker" run inside a worker's burst.
 */
#ifndef SWITCH_PORT_H
#define SWITCH_PORT_H

#include <stdatomic.h>

#include "switch/frame.h"
#include "switch/types.h"

struct pipeline; /* a worker's private scratch: pipeline.h */
struct port;

/* One burst of frames from one queue; lives in the worker, reused for each burst. */
struct burst {
	unsigned count;
	struct frame frames[LIMIT_BURST];
	/* room for tail pieces; take() stops early rather than run out */
	struct iovec pool[LIMIT_BURST * 8 + LIMIT_FRAME_PIECES];
};

/* What a destination can be given as it is; what is missing is completed in software (offload.h). */
enum port_accepts {
	PORT_ACCEPTS_CSUM = 1 << 0,	/* frames with NEEDS_CSUM */
	PORT_ACCEPTS_TSO4 = 1 << 1,
	PORT_ACCEPTS_TSO6 = 1 << 2,
	PORT_ACCEPTS_ECN = 1 << 3,	/* TSO frames with the ECN bit */
};

struct port_queue {
	struct port *port;
	uint16_t index;			/* of the queue pair */
	uint16_t worker;		/* who polls it */
};

struct port_ops {
	const char *kind;

	/* worker: take a burst; frames with a fault set are only counted */
	void (*take)(struct port_queue *queue, struct burst *burst);
	/* worker: the burst is done with, its buffers go back to their owner */
	void (*give_back)(struct port_queue *queue, struct burst *burst);

	/*
	 * worker: begin, put..., end for one burst to one destination.
	 * put copies a frame of @len bytes (@n_src pieces) with @hdr, which fits
	 * what the port accepts: DROP_NONE, or why not. An asynchronous device
	 * may report late what became of its frames: in end, through @ret_failed,
	 * where each frame put has its place (0-based, in order).
	 */
	bool (*begin)(struct port *port, struct pipeline *pipeline);	/* false: PORT_DOWN */
	enum drop (*put)(struct port *port, struct pipeline *pipeline,
			 const struct virtio_net_hdr_v1 *hdr, const struct iovec *src,
			 unsigned n_src, uint32_t len);
	void (*end)(struct port *port, struct pipeline *pipeline, enum drop *ret_failed);

	/* worker: before sleeping; true: frames are there already. And after waking. */
	bool (*arm)(struct port_queue *queue);
	void (*disarm)(struct port_queue *queue);
};

struct port {
	const struct port_ops *ops;	/* NULL: no device */
	struct port_ref ref;
	uint32_t accepts;		/* enum port_accepts */
	void *device;			/* the kind's own */
};

#endif
