/*
 * option_table - the options of sluice-bench: how each is written, what it means, and which
 * commands have it.
 */
#ifndef BENCH_OPTION_TABLE_H
#define BENCH_OPTION_TABLE_H

#include <stdbool.h>

enum option_id {
	OPT_SERVER = 256, /* above all letters */
	OPT_RING,
	OPT_MERGEABLE,
	OPT_BUFFER,
	OPT_EVENT_IDX,
	OPT_PACKED,
	OPT_IN_ORDER,
	OPT_HUGE,
	OPT_WAIT,
	OPT_SIZE,
	OPT_FLOWS,
	OPT_VARY,
	OPT_VLAN,
	OPT_BOTH,
	OPT_VERIFY,
	OPT_POLICY,
	OPT_TAPS,
	OPT_SWITCHES,
	OPT_WORKLOADS,
	OPT_SWEEPS,
	OPT_FLOODS,
	OPT_WINDOWS,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_RATE,
	OPT_COUNT,
	OPT_GAP,
	OPT_PID,
	OPT_CPU,
	OPT_SWITCH_CPU,
	OPT_OUTPUT,
	OPT_JSON,
	OPT_RECORD,
	OPT_PLOT,
};

struct option_row {
	const char *name;     /* NULL: a heading for those behind it */
	const char *argument; /* NULL: it takes none */
	const char *help;     /* a second line begins behind a line feed */
	enum option_id id;
	unsigned commands; /* that have it: a sum of enum command_bit */
};

extern const struct option_row option_rows[];
extern const unsigned n_option_rows;

/* The @i'th word that may stand in the list that is this option's argument; NULL: there is none. */
const char *option_list_word(enum option_id id, unsigned i);

#endif
