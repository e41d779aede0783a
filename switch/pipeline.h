/*
 * pipeline - one burst, from taking to giving back.
 *
 * pipeline_run() is a frame's life (ARCHITECTURE.md): take a burst from one
 * queue, decide() about each frame, learn, group the outputs by destination,
 * deliver to each destination once, give back, count. It runs to completion on
 * one worker and keeps nothing between bursts.
 *
 * Threads. A pipeline belongs to one thread, which is the only writer of its
 * rows of counters. Memory. pipeline_create() allocates all of it.
 */
#ifndef SWITCH_PIPELINE_H
#define SWITCH_PIPELINE_H

#include "switch/counters.h"
#include "switch/decide.h"
#include "switch/port.h"

struct pipeline;

struct pipeline_options {
	const struct port_table *ports;
	struct counters *counters;
	unsigned writer;	   /* whose rows of counters */
	struct uring *ring;	   /* for ports that need it; may be NULL */
	struct sessions *sessions; /* NULL: groups are asked about every packet */
	struct rate_table *rates;  /* of all workers; NULL where no port has limits */
};

int pipeline_create(const struct pipeline_options *options, struct pipeline **ret_pipeline)
	__attribute__((warn_unused_result));
void pipeline_destroy(struct pipeline *pipeline); /* NULL is fine */

/* Move one burst from @queue, of @most frames. Returns how many were taken. */
unsigned pipeline_run(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb,
		      struct port_queue *queue, unsigned most, clock_ms now);

/*
 * Inject a frame of the switch's own as if it came from @in (the RARP of
 * SEND_RARP): it passes the same decision, is flooded like any other, and is
 * counted as a frame of @in.
 */
void pipeline_inject(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb,
		     struct port_ref in, const uint8_t *bytes, uint32_t len, clock_ms now);

#endif
