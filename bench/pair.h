/*
 * pair - two guests at two ports of one switch, and the traffic between them.
 *
 * One thread works both guests, so that the generator needs one processor and the
 * switch has the other. Full speed is a closed loop: what arrived is taken before
 * anything is sent, and the sender's ring is kept full. At a fixed rate the loop
 * is open: each frame has a time at which it was meant to be sent, and its latency
 * counts from there, however late the sender is (no coordinated omission).
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "bench/histogram.h"
#include "bench/window.h"

struct pair_options {
	struct guest_options guest; /* buffer and frame_max are filled in from frame_max below */
	uint32_t frame_max;	    /* of all streams that will run, without FCS */
	unsigned limit_s;	    /* for the switch to appear */
	int switch_cpu;		    /* -1: windows bear no label */
};

/* Why nothing arrived in a window, found out by waiting and, after that, kicking. */
enum pair_silence {
	PAIR_HEARD = 0,
	PAIR_STARVED,  /* it came later by itself: the switch, or we, had no processor */
	PAIR_UNKICKED, /* it came after another kick: a wake-up was lost */
	PAIR_DROPPED,  /* the switch took the frames, and nobody got them */
	PAIR_DEAF,     /* the switch does not take frames, kicked or not */
	PAIR_BROKEN,   /* a ring broke */
};

struct pair {
	struct guest guests[2];
	struct stream streams[2];
	unsigned n_streams; /* 0: not loaded */
	struct placement_probe *probe;
	uint16_t nonce;
	struct histogram latency;  /* of windows with a rate */
	enum pair_silence silence; /* of the last window */
	bool untimed;		   /* windows with a rate measure no latency */
	/* What else the generator does in windows with a rate, between two looks at the clock; or NULL. */
	void (*beside)(void *user, uint64_t now_ns);
	void *user;
};

/* Two guests that meet nobody. 0 or -errno, said on stderr. */
int pair_create_alone(struct pair *pair, const struct pair_options *options);

/* Connect to both sockets. On failure a message was written to stderr. */
int pair_create(struct pair *pair, const struct pair_options *options, const char *path_a,
		const char *path_b);
void pair_destroy(struct pair *pair);

/*
 * Change the traffic: from the first guest to the second and, if @both, back.
 * Then let it flow for @warmup_s (in both directions: switches learn), unmeasured.
 */
void pair_load(struct pair *pair, const struct stream_options *options, bool both, double warmup_s);

/*
 * Measure one window. @rate_pps: what each direction offers; 0: all that it can.
 * False: a ring broke, or nothing at all arrived; pair->silence says why.
 */
bool pair_measure(struct pair *pair, double seconds, double rate_pps, struct window *ret_window);

/* Send @n frames as fast as they go, each way that is loaded: how many were lost. */
uint64_t pair_burst(struct pair *pair, uint64_t n);

/* Did the switch return buffers that it never had? */
bool pair_is_broken(const struct pair *pair);

const char *pair_silence_name(enum pair_silence silence);

#endif
