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
	const char *examples; /* a line each */
	int (*run)(int argc, char **argv);
} commands[] = {
	{"pair", "A.sock B.sock", "throughput, or latency at a rate, between two ports",
	 "  sluice-bench pair vm1.sock vm2.sock\n"
	 "  sluice-bench pair --switch-cpu 0 --size imix --flows 30000 --both vm1.sock vm2.sock\n"
	 "  sluice-bench pair --rate 1M --packed vm1.sock vm2.sock\n",
	 command_pair},
	{"compare", "", "Sluice, OVS-DPDK, testpmd and the bare wire, side by side",
	 "  sluice-bench compare --plot compare.svg --record compare.json\n"
	 "  sluice-bench compare --switches sluice,ovs --workloads 64,1518 --windows 12\n",
	 command_compare},
	{"ndr", "[A.sock B.sock]", "the highest rate without loss, and the latency below it",
	 "  sluice-bench ndr\n  sluice-bench ndr --switches testpmd --size 1518\n"
	 "  sluice-bench ndr --switch-cpu 0 vm1.sock vm2.sock\n",
	 command_ndr},
	{"scale", "", "what ports, MACs, flows, networks, tenants and rules cost",
	 "  sluice-bench scale --plot scale.svg\n  sluice-bench scale --sweeps ports,rules\n",
	 command_scale},
	{"load", "[A.sock B.sock]", "the processor it takes, and its latency, against the rate",
	 "  sluice-bench load --plot load.svg\n"
	 "  sluice-bench load --pid \"$(pidof sluice-dp)\" vm1.sock vm2.sock\n",
	 command_load},
	{"wake", "[A.sock B.sock]", "from a kick to the delivery at an idle switch; its idle load",
	 "  sluice-bench wake\n  sluice-bench wake --count 1000 --gap 5 vm1.sock vm2.sock\n",
	 command_wake},
	{"wire", "A.sock B.sock", "be the bare wire: one copy from ring to ring, nothing decided",
	 "  sluice-bench wire --cpu 0 a.sock b.sock &\n  sluice-bench pair --cpu 1 --switch-cpu 0 a.sock b.sock\n",
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

static void print_help(FILE *to, unsigned command)
{
	fprintf(to, "usage: sluice-bench %s [OPTION...]%s%s\n%s\n\nexamples\n%s\noptions\n%s",
		commands[command].name, *commands[command].arguments ? " " : "",
		commands[command].arguments, commands[command].purpose, commands[command].examples,
		options_usage);
}

int main(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_usage(stdout);
		return COMMAND_OK;
	}
	for (unsigned i = 0; argc > 1 && i < COMMANDS; i++) {
		int status;

		if (strcmp(argv[1], commands[i].name))
			continue;
		if (argc == 3 && strcmp(argv[2], "--help") == 0) {
			print_help(stdout, i);
			return COMMAND_OK;
		}
		status = commands[i].run(argc - 1, argv + 1);
		if (status == COMMAND_USAGE)
			fprintf(stderr, "see sluice-bench %s --help\n", commands[i].name);
		return status;
	}
	if (argc > 1)
		fprintf(stderr, "sluice-bench: there is no command %s; see sluice-bench --help\n",
			argv[1]);
	else
		print_usage(stderr);
	return COMMAND_USAGE;
}
