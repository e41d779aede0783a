/*
 * port_memory - a port without a device: frames are taken from an array, and
 * what is put is kept as it was put.
 *
 * It is as awkward as a test wants it: short of room, down, slow to tell of its
 * failures, without offloads. It checks what port.h promises to a port: one
 * begin and one end around the puts, one destination at a time.
 */
#ifndef TESTS_UNIT_RUNTIME_PORT_MEMORY_H
#define TESTS_UNIT_RUNTIME_PORT_MEMORY_H

#include "switch/port.h"

enum {
	MEMORY_SENT = 2 * LIMIT_BURST, /* frames that wait to be taken */
	MEMORY_SEEN = 128,	       /* frames that were put */
	MEMORY_FRAME = 4096,	       /* bytes of a frame that are kept */
};

/* A frame as it was put. */
struct memory_seen {
	unsigned place;
	struct virtio_net_hdr_v1 hdr;
	uint32_t len;
	uint8_t bytes[MEMORY_FRAME];
	const uint8_t *first, *last; /* where its first and its last piece lay */
};

struct memory_port {
	struct port port;
	struct port_queue queue;
	unsigned n_sent, n_taken;
	struct frame sent[MEMORY_SENT];
	unsigned n_seen;
	struct memory_seen seen[MEMORY_SEEN];
	unsigned begins, ends, gave_back;
	bool open; /* between begin and end */

	bool down;	     /* begin says so */
	unsigned room;	     /* puts until DROP_RING_FULL */
	uint64_t fails_late; /* places that end reports as DROP_DEVICE_ERROR */
};

/* An empty port that accepts everything, in its slot of @table. */
void memory_port_init(struct memory_port *port, struct port_table *table, uint16_t id);

/* Let @frame be taken next. Its tail must outlive the burst. */
void memory_port_send(struct memory_port *port, const struct frame *frame);

#endif
