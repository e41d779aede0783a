/*
 * contender_testpmd - DPDK's testpmd over librte_vhost: no switch at all, it moves what comes in
 * at one port out of the other. Two copies, through its pool of buffers.
 */
#include <errno.h>
#include <stdio.h>

#include "bench/contender.h"

static bool is_found(const struct place *place)
{
	return child_is_found("dpdk-testpmd");
}

static int start(struct contender *contender, const struct place *place)
{
	char cores[32], first[160], second[160];
	/* The processor of the frames is the one of the commands: nothing is typed. */
	const char *argv[] = {"dpdk-testpmd",
			      "--lcores",
			      cores,
			      "-m",
			      "256",
			      "--no-pci",
			      "--no-telemetry",
			      place->huge ? "--in-memory" : "--no-huge",
			      "--vdev",
			      first,
			      "--vdev",
			      second,
			      "--",
			      "--forward-mode=io",
			      "--auto-start",
			      "--no-numa",
			      "--total-num-mbufs=65536",
			      "--rxd=1024",
			      "--txd=1024",
			      NULL};
	int error;

	snprintf(cores, sizeof(cores), "0@%d,1@%d", place->cpu, place->cpu);
	snprintf(first, sizeof(first), "net_vhost0,iface=%s", contender->paths[0]);
	snprintf(second, sizeof(second), "net_vhost1,iface=%s", contender->paths[1]);
	snprintf(contender->note, sizeof(contender->note),
		 "io mode over net_vhost, %s, rings of 1024, --no-numa",
		 place->huge ? "256 MiB of huge pages" : "no huge pages: they cannot be had");
	error = child_start(&contender->children[0], argv, place->cpu, place->folder, "testpmd");
	return error ? error : contender_await_ports(contender);
}

const struct contender_kind contender_testpmd = {
	.name = "testpmd",
	.title = "testpmd io",
	.package = "dpdk-dev",
	.fields = FIELD_PLAIN,
	.huge_mib = 256,
	.rival = &contender_sluice,
	.is_found = is_found,
	.start = start,
};
