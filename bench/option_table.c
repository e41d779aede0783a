/*
 * option_table - see option_table.h.
 */
#include "bench/option_table.h"

#include <stddef.h>

#include "bench/command.h"
#include "bench/compare.h"
#include "bench/flood.h"
#include "bench/sweep.h"

enum {
	ONE = COMMAND_PAIR | COMMAND_NDR | COMMAND_LOAD |
	      COMMAND_WAKE, /* they measure one switch */
	MANY = COMMAND_COMPARE | COMMAND_SCALE | COMMAND_NOISY,
	ALL = ONE | MANY,
};

const struct option_row option_rows[] = {
	{NULL, NULL, "the session"},
	{"server", NULL, "the switch dials, the guests listen", OPT_SERVER, ONE},
	{"ring", "N", "entries of each ring, a power of two (1024)", OPT_RING, ALL},
	{"mergeable", "on|off", "receive buffers merge (on)", OPT_MERGEABLE, ALL},
	{"buffer", "BYTES", "of a receive buffer (2048, or what a frame needs)", OPT_BUFFER, ONE},
	{"event-idx", "on|off", "the event index (on)", OPT_EVENT_IDX, ALL},
	{"packed", NULL, "packed rings", OPT_PACKED, ONE},
	{"in-order", NULL, "buffers come back in order, if the switch has that", OPT_IN_ORDER, ALL},
	{"huge", NULL, "guests' memory in huge pages of 2 MiB", OPT_HUGE, ONE},
	{"wait", "S", "for the switch to appear (10)", OPT_WAIT, ONE},
	{NULL, NULL, "the frames"},
	{"size", "BYTES|imix", "64 to 9018, FCS included (64)", OPT_SIZE, ONE},
	{"flows", "N", "1 to 1048576 (1)", OPT_FLOWS, ONE},
	{"vary", "ports|macs", "what tells flows apart (ports)", OPT_VARY, ONE},
	{"vlan", "N", "tagged", OPT_VLAN, ONE},
	{"both", NULL, "in both directions", OPT_BOTH, COMMAND_PAIR | COMMAND_NDR | COMMAND_LOAD},
	{"verify", NULL, "compare every frame byte by byte, not one in 64", OPT_VERIFY, ONE},
	{NULL, NULL, "what is measured"},
	{"policy", NULL,
	 "how fast the same rules are decided by: 1000 stateless\nones, stateful ones, both",
	 OPT_POLICY, COMMAND_COMPARE},
	{"taps", NULL, "Sluice with taps and the Linux bridge, in a network\nnamespace", OPT_TAPS,
	 COMMAND_COMPARE},
	{"switches", "LIST", "which (all that are here)", OPT_SWITCHES, COMMAND_COMPARE},
	{"switches", "WORD", "the one to start without sockets (sluice)", OPT_SWITCHES,
	 COMMAND_NDR | COMMAND_LOAD | COMMAND_WAKE},
	{"workloads", "LIST", "which (all)", OPT_WORKLOADS, COMMAND_COMPARE},
	{"sweeps", "LIST", "which (all)", OPT_SWEEPS, COMMAND_SCALE},
	{"floods", "LIST", "which (all)", OPT_FLOODS, COMMAND_NOISY},
	{"rate", "PPS", "of the victim's frames (200k)", OPT_RATE, COMMAND_NOISY},
	{"rate", "PPS",
	 "offer so many frames a second each way, and measure\n"
	 "latency; with a suffix k or M if you like",
	 OPT_RATE, COMMAND_PAIR},
	{"count", "N", "how often (200)", OPT_COUNT, COMMAND_WAKE},
	{"gap", "MS", "how long the switch is left alone before each (20)", OPT_GAP, COMMAND_WAKE},
	{"pid", "N", "a process of the switch at the sockets: its load is\nmeasured", OPT_PID,
	 COMMAND_LOAD | COMMAND_WAKE},
	{"windows", "N", "how many", OPT_WINDOWS, MANY | COMMAND_PAIR},
	{"seconds", "S", "length of a window", OPT_SECONDS, ALL & ~COMMAND_WAKE},
	{"warmup", "S", "before the first", OPT_WARMUP, ALL},
	{NULL, NULL, "the place"},
	{"cpu", "N", "processor of the generator (the last one)", OPT_CPU, ALL},
	{"cpu", "N", "processor to run on (the last one)", OPT_CPU, COMMAND_WIRE},
	{"switch-cpu", "N", "processor of the switch: windows are labelled by the\ndistance",
	 OPT_SWITCH_CPU, ALL},
	{NULL, NULL, "the report"},
	{"output", "table|json", "(table); -o for short", OPT_OUTPUT, ALL},
	{"json", NULL, "short for -o json", OPT_JSON, ALL},
	{"record", "FILE", "in JSON into a file, too", OPT_RECORD, MANY | COMMAND_LOAD},
	{"plot", "FILE", "a picture, SVG or PNG, drawn by gnuplot", OPT_PLOT,
	 COMMAND_COMPARE | COMMAND_SCALE | COMMAND_LOAD},
};

const unsigned n_option_rows = sizeof(option_rows) / sizeof(option_rows[0]);

const char *option_list_word(enum option_id id, unsigned i)
{
	switch (id) {
	case OPT_SWITCHES: return i < COMPARE_KINDS ? compare_kinds[i]->name : NULL;
	case OPT_WORKLOADS: return i < WORKLOAD__COUNT ? workloads[i].name : NULL;
	case OPT_FLOODS: return i < FLOODS ? flood_kinds[i].name : NULL;
	case OPT_SWEEPS: return i < SWEEPS ? sweeps[i].name : NULL;
	default: return NULL;
	}
}
