/*
 * command - the commands of sluice-bench: what each is called with, and what it does.
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include "bench/options.h"

enum { COMMAND_OK = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 }; /* exit status */

/* Which commands an option belongs to is a sum of these. */
enum command_bit {
	COMMAND_PAIR = 1 << 0,
	COMMAND_COMPARE = 1 << 1,
	COMMAND_NDR = 1 << 2,
	COMMAND_SCALE = 1 << 3,
	COMMAND_LOAD = 1 << 4,
	COMMAND_WAKE = 1 << 5,
	COMMAND_WIRE = 1 << 6,
	COMMAND_NOISY = 1 << 7,
};

enum command_sockets {
	SOCKETS_NONE = 0, /* it starts the switches itself */
	SOCKETS_MAYBE,	  /* two, or none: it starts a switch then */
	SOCKETS_TWO,
};

struct command {
	const char *name;
	const char *purpose;
	const char *examples; /* a line each */
	enum command_bit bit;
	enum command_sockets sockets;
	/* The defaults of its options. */
	unsigned windows;
	double seconds;
	double warmup_s;
	double rate_pps; /* 0: all that it can */
	/* The exit status. @paths: two sockets, or NULL. The thread is on the generator's processor. */
	int (*run)(struct options *options, char *const *paths);
};

enum { COMMANDS = 8 };

extern const struct command commands[COMMANDS];

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);

/* What stands behind the options on its command line. */
const char *command_arguments(const struct command *command);

int command_pair(struct options *options, char *const *paths);
int command_compare(struct options *options, char *const *paths);
int command_ndr(struct options *options, char *const *paths);
int command_scale(struct options *options, char *const *paths);
int command_load(struct options *options, char *const *paths);
int command_wake(struct options *options, char *const *paths);
int command_noisy(struct options *options, char *const *paths);
int command_wire(struct options *options, char *const *paths);

#endif
