/*
 * copier - how the frames of one receive queue are copied: by plain stores, or past
 * the caches (stream.h).
 *
 * Which is faster depends on how far the guest's processor is from the worker's, on
 * how long the ring is, and on what the guest does with its buffers; none of that can
 * be known, all of it can be measured. From time to time each way is used for some
 * laps of the ring, of which the last is timed: the state in which a lap leaves the
 * lines is part of what the next one costs. What the guest's own reads cost cannot be
 * seen from here, so plain stores, which leave the frame in a cache, are kept unless
 * they are much dearer.
 *
 * In between, some bursts are timed: when these cost much more or less than they did,
 * twice in turn, then a processor moved. What was learned is forgotten, and a trial
 * begins at once.
 *
 * Threads: belongs to whoever works the queue.
 */
#ifndef VHOST_COPIER_H
#define VHOST_COPIER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost/vhost.h"

enum copier_way {
	COPIER_PLAIN,
	COPIER_STREAM,
	COPIER_WAYS,
};

enum { COPIER_WATCH = 8 }; /* while it is settled, one burst of so many is timed */

struct copier {
	enum vhost_copy wish;
	_Atomic(enum copier_way) way; /* used now; others may look */
	enum {
		COPIER_SETTLED,
		COPIER_TIMED, /* the way that was settled on, once more */
		COPIER_OTHER, /* the other one, until the ring is as it leaves it */
		COPIER_OTHER_TIMED,
	} phase;
	int64_t left;		    /* frames of the phase */
	uint64_t ns, lines;	    /* of its bursts that were timed */
	uint64_t cost[COPIER_WAYS]; /* picoseconds a line; 0: not known */
	unsigned trials;	    /* since nothing was known, as far as it matters */

	/* while it is settled */
	unsigned bursts;
	uint64_t usual; /* cost, of the first that were timed; 0: not known */
	unsigned odd;	/* how often in turn it was another one */
};

void copier_create(struct copier *copier, enum vhost_copy wish);

/* A burst went to a ring of @size: @frames, @lines of them written, and how long it took. */
void copier_burst(struct copier *copier, unsigned size, unsigned frames, uint64_t lines,
		  uint64_t ns);

/* Shall the burst be timed? */
static inline bool copier_is_timed(const struct copier *copier)
{
	if (copier->phase == COPIER_SETTLED)
		return copier->wish == VHOST_COPY_MEASURED && copier->bursts % COPIER_WATCH == 0;
	return copier->phase != COPIER_OTHER;
}

const char *copier_name(const struct copier *copier);

#endif
