/*
 * ndr - the search for the highest rate whose loss stays within a goal.
 *
 * RFC 2544 halves an interval. On a machine that others disturb one trial proves
 * little, so here (as in MLRsearch) a rate is judged by two trials, the second
 * twice as long; if they disagree, by a third that is twice as long again. A
 * disturbance makes a trial worse, never better: the rate that is found is one
 * that was really held, and the end above it is tried once more before it is believed.
 */
#ifndef BENCH_NDR_H
#define BENCH_NDR_H

#include <stdbool.h>

struct ndr_goal {
	double loss;	  /* the part of the frames that may be lost: 0, or 0.005 */
	double least_pps; /* a rate that is held, or 0 */
	double most_pps;  /* a rate that surely is too high */
	double width;	  /* how narrow the interval must become, as a part of the rate */
	double trial_s;	  /* of the shortest trial */
};

/* Offer @pps for @seconds: the part that was lost, 0 to 1. Below 0: stop. */
struct ndr_trial {
	double (*run)(void *user, double pps, double seconds);
	void *user;
};

/* The highest rate that was held; least_pps: no other was. False: a trial said stop. */
bool ndr_search(const struct ndr_goal *goal, const struct ndr_trial *trial, double *ret_pps);

#endif
