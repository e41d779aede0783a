/*
 * main - sluice-bench: a vhost-user guest without a VM, to measure switches with.
 */
#include <stdio.h>
#include <string.h>

#include "bench/command.h"
#include "bench/options.h"

static const struct {
	const char *name;
	const char *arguments;
	const char *purpose;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"pair", "A.sock B.sock", "throughput, or latency at a rate, between two ports",
	 command_pair},
	{"compare", "", "Sluice, OVS-DPDK, testpmd and the bare wire, side by side",
	 command_compare},
	{"ndr", "[A.sock B.sock]", "the highest rate without loss, and the latency below it",
	 command_ndr},
	{"scale", "", "what ports, MACs, flows, networks, tenants and rules cost", command_scale},
	{"wake", "A.sock B.sock", "from a kick to the delivery at an idle switch; its idle load",
	 command_wake},
	{"wire", "A.sock B.sock", "be the bare wire: one copy from ring to ring, nothing decided",
	 command_wire},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *to)
{
	fputs("usage: sluice-bench COMMAND [OPTION...] ARGUMENT...\n\n", to);
	for (unsigned i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %-16s  %s\n", commands[i].name, commands[i].arguments,
			commands[i].purpose);
	fprintf(to, "\n%s", options_usage);
}

int main(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_usage(stdout);
		return COMMAND_OK;
	}
	for (unsigned i = 0; argc > 1 && i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			int status = commands[i].run(argc - 1, argv + 1);

			if (status == COMMAND_USAGE)
				print_usage(stderr);
			return status;
		}
	}
	print_usage(stderr);
	return COMMAND_USAGE;
}
