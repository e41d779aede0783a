/*
 * train - frames that came one behind the other and have one key, and what the flow cache
 * knows of them.
 *
 * Stands apart from pipeline.c because looking up a burst's trains is a matter of distance: it
 * goes in steps over all of them, each of which fetches what the next will read, so that what
 * is far away is waited for once and not once for each train.
 *
 * A train that was looked up holds pointers into the cache: until something is remembered there,
 * or learned. Then it is looked up again.
 */
#ifndef SWITCH_TRAIN_H
#define SWITCH_TRAIN_H

#include "switch/flow.h"

/* Frames with one key; or one frame without. */
struct train {
	uint64_t frames;   /* bit i: frame i */
	uint32_t wire_len; /* of the longest */
	bool keyed;	   /* the rest is set */
	bool follows;	   /* the key is that of the train before */
	uint64_t hash;
	struct flow_key key;
	const struct flow_path *path; /* NULL: nobody knows */
	/* where more than the Ethernet header is read */
	struct flow_ends ends;
	uint64_t ends_hash;
	const struct flow *flow; /* NULL: nobody knows */
};

/* Where do the frames of @n trains go, of which @n_keys do not follow? @deep: also hash their ends. */
void train_look_up_paths(struct train *trains, unsigned n, unsigned n_keys,
			 const struct flow_table *flows, bool deep, clock_ms now);

/* May their packets go there? Where more than the Ethernet header is read, after the paths. */
void train_look_up_flows(struct train *trains, unsigned n, const struct flow_table *flows,
			 const struct sessions *sessions, clock_ms now);

/* Both for one train, once more. */
void train_look_up(struct train *train, const struct flow_table *flows, bool deep, clock_ms now);

#endif
