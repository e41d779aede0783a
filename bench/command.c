/*
 * command - see command.h.
 */
#include "bench/command.h"

#include <string.h>

const struct command commands[COMMANDS] = {
	{.name = "pair",
	 .purpose = "throughput, or latency at a rate, between two ports",
	 .examples = "  sluice-bench pair vm1.sock vm2.sock\n"
		     "  sluice-bench pair --switch-cpu 0 --size imix --flows 30000 --both vm1.sock "
		     "vm2.sock\n"
		     "  sluice-bench pair --rate 1M --packed vm1.sock vm2.sock\n",
	 .bit = COMMAND_PAIR,
	 .sockets = SOCKETS_TWO,
	 .windows = 8,
	 .seconds = 0.25,
	 .warmup_s = 0.5,
	 .run = command_pair},
	{.name = "compare",
	 .purpose = "Sluice, OVS-DPDK, testpmd and the bare wire, side by side",
	 .examples =
		 "  sluice-bench compare --plot compare.svg --record compare.json\n"
		 "  sluice-bench compare --switches sluice,ovs --workloads 64,1518 --windows 12\n"
		 "  sluice-bench compare --policy\n"
		 "  sluice-bench compare --taps --windows 12\n",
	 .bit = COMMAND_COMPARE,
	 .windows = 24,
	 .seconds = 0.08,
	 .warmup_s = 0.3,
	 .run = command_compare},
	{.name = "ndr",
	 .purpose = "the highest rate without loss, and the latency below it",
	 .examples = "  sluice-bench ndr\n"
		     "  sluice-bench ndr --switches testpmd --size 1518\n"
		     "  sluice-bench ndr --switch-cpu 0 vm1.sock vm2.sock\n",
	 .bit = COMMAND_NDR,
	 .sockets = SOCKETS_MAYBE,
	 .seconds = 0.2,
	 .warmup_s = 0.5,
	 .run = command_ndr},
	{.name = "scale",
	 .purpose = "what ports, MACs, flows, networks, tenants, rules and sessions cost",
	 .examples = "  sluice-bench scale --plot scale.svg\n"
		     "  sluice-bench scale --sweeps ports,rules\n",
	 .bit = COMMAND_SCALE,
	 .windows = 12,
	 .seconds = 0.08,
	 .warmup_s = 0.2,
	 .run = command_scale},
	{.name = "load",
	 .purpose = "the processor it takes, and its latency, against the rate",
	 .examples = "  sluice-bench load --plot load.svg\n"
		     "  sluice-bench load --pid \"$(pidof sluice-dp)\" vm1.sock vm2.sock\n",
	 .bit = COMMAND_LOAD,
	 .sockets = SOCKETS_MAYBE,
	 .seconds = 0.25,
	 .warmup_s = 0.5,
	 .run = command_load},
	{.name = "wake",
	 .purpose = "from a kick to the delivery at an idle switch; its idle load",
	 .examples = "  sluice-bench wake\n"
		     "  sluice-bench wake --count 1000 --gap 5 vm1.sock vm2.sock\n",
	 .bit = COMMAND_WAKE,
	 .sockets = SOCKETS_MAYBE,
	 .warmup_s = 0.5,
	 .run = command_wake},
	{.name = "noisy",
	 .purpose = "what a guest that floods Sluice does to its neighbours",
	 .examples = "  sluice-bench noisy\n  sluice-bench noisy --floods tso,memory --json\n",
	 .bit = COMMAND_NOISY,
	 .windows = 6,
	 .seconds = 0.3,
	 .warmup_s = 0.2,
	 .rate_pps = 200e3,
	 .run = command_noisy},
	{.name = "wire",
	 .purpose = "be the bare wire: one copy from ring to ring, nothing decided",
	 .examples = "  sluice-bench wire --cpu 0 a.sock b.sock &\n"
		     "  sluice-bench pair --cpu 1 --switch-cpu 0 a.sock b.sock\n",
	 .bit = COMMAND_WIRE,
	 .sockets = SOCKETS_TWO,
	 .run = command_wire},
};

const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

const char *command_arguments(const struct command *command)
{
	static const char *const arguments[] = {
		[SOCKETS_NONE] = "",
		[SOCKETS_MAYBE] = "[A.sock B.sock]",
		[SOCKETS_TWO] = "A.sock B.sock",
	};

	return arguments[command->sockets];
}
