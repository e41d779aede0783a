/*
 * contender_bridge - the Linux bridge between two devices: taps, which our guests hold as virtual
 * machines do, or veths, of which they have the other ends as containers do.
 *
 * It has no process. Receive packet steering (RPS) moves its work to the switch's processor;
 * without, it would be done on the sender's. All is in the network namespace of this run.
 */
#include <errno.h>
#include <stdio.h>

#include "bench/contender.h"

static const char make[] = "ip link add $1 type bridge\n"
			   "for port in a b; do\n"
			   "	if [ $2 = tap ]; then\n"
			   "		ip tuntap add $1-$port mode tap vnet_hdr\n"
			   "		inner=$1-$port\n"
			   "	else\n"
			   "		ip link add $1-$port type veth peer $1-${port}1\n"
			   "		inner=$1-${port}1\n"
			   "	fi\n"
			   "	ip link set $inner master $1 up\n"
			   "	echo $3 > /sys/class/net/$inner/queues/rx-0/rps_cpus\n"
			   "done\n"
			   "ip link set $1 up\n";

static bool is_found(const struct place *place)
{
	return child_is_found("ip") && child_is_found("unshare");
}

static int start(struct contender *contender, const struct place *own)
{
	const char *kind = contender->kind->side == GUEST_TAP ? "tap" : "veth";
	const char *bridge = contender->kind->side == GUEST_TAP ? "brt" : "brv";
	char mask[24], script[sizeof(make) + 80];
	/* What is to be seen under /sys are the devices of who mounted it. */
	const char *argv[] = {"unshare", "--mount", "sh", "-ec", script,
			      "sh",	 bridge,    kind, mask,	 NULL};

	snprintf(mask, sizeof(mask), "%lx", 1UL << own->cpu);
	snprintf(script, sizeof(script), "mount -t sysfs sysfs /sys\n%s", make);
	for (int i = 0; i < CONTENDER_PORTS; i++)
		snprintf(contender->paths[i], sizeof(contender->paths[i]), "%s-%c", bridge,
			 'a' + i);
	snprintf(contender->note, sizeof(contender->note),
		 "Linux bridge between %ss, its work on the switch's processor (RPS)", kind);
	return child_run(argv, own->cpu, own->folder, "bridge") == 0 ? 0 : -EPROTO;
}

const struct contender_kind contender_bridge_taps = {
	.name = "bridge-taps",
	.title = "bridge, taps",
	.package = "iproute2",
	.side = GUEST_TAP,
	.fields = FIELD_TAPS,
	.rival = &contender_sluice_taps,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_bridge_veths = {
	.name = "bridge-veths",
	.title = "bridge, veths",
	.package = "iproute2",
	.side = GUEST_PACKET,
	.fields = FIELD_TAPS,
	.rival = &contender_sluice_taps,
	.is_found = is_found,
	.start = start,
};
