/*
 * turn - several switches on one processor, measured by turns.
 *
 * All are started, and frozen. The windows go round: one is thawed, a short window
 * is measured, it is frozen again, and the next one has its turn; every second
 * round goes the other way. So whatever the machine does within seconds, it does to
 * all. Each window knows the distance of the two processors at its time.
 */
#ifndef BENCH_TURN_H
#define BENCH_TURN_H

#include "bench/contender.h"
#include "bench/options.h"

/* What was measured of one switch under one kind of traffic. */
struct turn_cell {
	struct window *windows;
	unsigned n;
	unsigned silent;	 /* windows in which nothing arrived: they stand in no median */
	enum pair_silence cause; /* of the last of them */
};

/* Who takes part. */
struct turn {
	struct contender contender; /* runs, frozen */
	struct pair pair;
	bool connected;
	uint32_t frame_max; /* of the pair */
};

/* Connect two guests, and let traffic flow until it arrives. @options tell what guests they are. */
void turn_connect(struct turn *turn, const struct pair_options *options);
void turn_disconnect(struct turn *turn);

/* Load the pair with other traffic, and warm the switch for @warmup_s. */
void turn_load(struct turn *turn, const struct stream_options *stream, double warmup_s);

/* Measure @options->windows rounds: cell i is of turn i. Progress bears the @title. */
void turn_measure(struct turn *turns, struct turn_cell *cells, unsigned n,
		  const struct options *options, const char *title);

/* The placement of which there are most windows. */
enum placement turn_most_seen(const struct turn_cell *cells, unsigned n);

#endif
