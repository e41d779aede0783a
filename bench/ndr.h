/*
 * ndr - the search for the highest rate whose loss stays within a goal.
 *
 * RFC 2544 halves an interval and believes each trial. On a machine that others disturb one
 * trial proves little, so a rate is judged here as MLRsearch does (RFC 9971): by the majority of
 * several trials, which is an exceed ratio of one half. What the search returns is the highest
 * rate that held and its conditional throughput: what was forwarded of it in the trial that stands
 * in the middle. A disturbance makes a trial worse, never better: the rate was really
 * held, and the end above it is tried once more before it is believed.
 *
 * Whoever runs the trials knows more: a lossy one during which the machine was taken away from
 * the generator or the switch is to be run again, not returned.
 */
#ifndef BENCH_NDR_H
#define BENCH_NDR_H

#include <stdbool.h>

struct ndr_goal {
	double loss;	  /* the part of the frames that may be lost: 0, or 0.005 */
	double least_pps; /* a rate that is held, or 0 */
	double most_pps;  /* a rate that surely is too high */
	double width;	  /* how narrow the interval must become, as a part of the rate */
	double trial_s;	  /* of each trial */
};

/* Offer @pps for @seconds: the part that was lost, 0 to 1. Below 0: stop. */
struct ndr_trial {
	double (*run)(void *user, double pps, double seconds);
	void *user;
};

struct ndr_rate {
	double held_pps;      /* that was offered; least_pps: no other held */
	double forwarded_pps; /* of it: the conditional throughput */
};

/* False: a trial said stop. */
bool ndr_search(const struct ndr_goal *goal, const struct ndr_trial *trial,
		struct ndr_rate *ret_rate);

#endif
