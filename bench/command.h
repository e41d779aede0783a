/*
 * command - the commands of sluice-bench: each parses its arguments and returns
 * the program's exit status.
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

/* Throughput, or latency at a rate, between two ports. */
int command_pair(int argc, char **argv);

/* Sluice and other switches side by side, and the bars. */
int command_compare(int argc, char **argv);

/* The highest rate without loss, and the latency below it. */
int command_ndr(int argc, char **argv);

/* Speed, idle load and memory against ports, MACs, flows, networks, tenants and rules. */
int command_scale(int argc, char **argv);

/* The processor that a switch takes, and its latency, against the rate. */
int command_load(int argc, char **argv);

/* From a kick to the delivery at an idle switch, and what it costs to be idle. */
int command_wake(int argc, char **argv);

/* The bare wire: copies frames from ring to ring and decides nothing. */
int command_wire(int argc, char **argv);

enum { COMMAND_OK = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

#endif
