/*
 * flood - a guest that makes as much work for its switch as it can, one step at a time.
 *
 * It shares a worker with others, and the generator's processor with whoever measures these: a
 * step is short, and is done between two looks at the clock. Its frames go to a second guest of
 * the same tenant, which takes them. Threads: one.
 */
#ifndef BENCH_FLOOD_H
#define BENCH_FLOOD_H

#include "bench/guest.h"

struct flood_kind {
	const char *name; /* one word */
	const char *title;
	bool tso;      /* the sender may leave segments to others; the taker must have them cut */
	bool stateful; /* its ports are in a group that remembers each flow */
	/* Make the next frame of the sender's; NULL: it sends none. */
	void (*make)(uint8_t *frame, uint64_t random);
	/* What else it does in a step; or NULL. */
	void (*act)(struct guest *guest);
	unsigned pause_ns; /* between two steps */
};

enum { FLOODS = 6 };

extern const struct flood_kind flood_kinds[FLOODS];

struct flood {
	const struct flood_kind *kind;
	struct guest sender;
	struct guest taker;
	uint64_t random;
	uint64_t steps;
	uint64_t frames; /* that the switch was shown */
	uint64_t next_ns;
};

/* Two guests at two sockets, nothing sent. 0 or -errno, said on stderr; only then is nothing to be destroyed. */
int flood_create(struct flood *flood, const struct flood_kind *kind, const char *path_sender,
		 const char *path_taker);
void flood_destroy(struct flood *flood);

/* A step. */
void flood_step(struct flood *flood, uint64_t now_ns);

#endif
