/*
 * lab - a whole switch in memory: the real policy, FDB, pipeline and counters,
 * ports that are arrays, and a clock that stands still until it is told.
 *
 * The only thing that is not the data plane's own is the kind of its ports.
 * Scripts and models run on it. It ends the program when the lab itself breaks,
 * and when the ledger of counters.h does not balance after a burst.
 */
#ifndef TESTS_LAB_LAB_H
#define TESTS_LAB_LAB_H

#include "switch/counters.h"
#include "switch/fdb.h"
#include "switch/session.h"
#include "switch/pipeline.h"
#include "switch/rate.h"
#include "tests/sketch/packet_sketch.h"

enum {
	LAB_PORTS = 64,	     /* ids below this */
	LAB_RECEIVED = 2048, /* frames that a port keeps until lab_forget() */
	LAB_ROOM = 1 << 30,  /* as good as endless */
	LAB_SESSIONS = 1024,
	LAB_SESSION_SHARE = 16,
};

struct lab_frame {
	struct virtio_net_hdr_v1 hdr;
	uint32_t len;
	uint8_t *bytes;
};

/* A port's device: what it will send and what it has got. Tests may set what is above the line. */
struct lab_port {
	uint32_t room; /* receive buffers left; each frame takes one */
	bool down;
	bool fails_late; /* accepts frames, and says at the end that they were lost */

	struct port port;
	struct port_queue queue;
	unsigned n_sending;
	struct lab_frame sending[LIMIT_BURST];
	unsigned n_received, n_put;
	unsigned places[LAB_RECEIVED];
	struct lab_frame received[LAB_RECEIVED];
};

struct lab {
	clock_ms now;
	struct policy *policy;
	struct fdb *fdb;
	void *fdb_memory;
	uint32_t fdb_slots;
	struct sessions *sessions;
	void *session_memory;
	struct counters *counters;
	struct pipeline *pipeline;
	struct rate_table *rates;
	struct port_table table;
	struct lab_port ports[LAB_PORTS];
};

struct lab *lab_create(uint32_t fdb_slots);
void lab_destroy(struct lab *lab);

/*
 * Run with @policy, which is the lab's from now on. A port that is new or has a
 * new generation gets a device that accepts everything; one that is gone loses it.
 */
void lab_publish(struct lab *lab, struct policy *policy);

/* Let port @id have one more frame to send, LIMIT_BURST at most. */
void lab_offer(struct lab *lab, uint16_t id, const struct sketch *sketch,
	       const struct virtio_net_hdr_v1 *hdr);

/* Run one burst of what port @id has to send. Returns how many frames were taken. */
unsigned lab_run(struct lab *lab, uint16_t id);

/* Forget what the ports received. */
void lab_forget(struct lab *lab);

/* The counters of port @id, or of the former port of that id. */
void lab_count(const struct lab *lab, struct port_ref port, struct port_counters *ret_sum);

/* Another data plane takes over: the FDB is adopted from its memory, everything else is new. */
void lab_succeed(struct lab *lab);

#endif
