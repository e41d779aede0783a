/*
 * contender_ovs - Open vSwitch with its datapath over DPDK, from Debian: a bridge with two access
 * ports of one VLAN and the action NORMAL (learning), one PMD thread. Its database is its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/contender.h"

static const char program[] = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";
static const char schema[] = "/usr/share/openvswitch/vswitch.ovsschema";

enum { WORDS = 40 };

static bool is_found(const struct place *place)
{
	return child_is_found(program) && child_is_found("ovsdb-server") &&
	       child_is_found("ovs-vsctl");
}

/* ovs-vsctl, with @words for it. 0 or -errno. */
static int configure(const struct place *place, const char *const *words)
{
	const char *argv[WORDS] = {"ovs-vsctl", "--timeout=20"};
	char db[120];
	unsigned n = 3;

	snprintf(db, sizeof(db), "--db=unix:%s/ovs-db.sock", place->folder);
	argv[2] = db;
	while (*words && n < WORDS - 1)
		argv[n++] = *words++;
	return child_run(argv, place->cpu, place->folder, "ovs-vsctl") == 0 ? 0 : -EPROTO;
}

static int start_database(struct contender *contender, const struct place *place)
{
	char database[80], remote[120];
	const char *create[] = {"ovsdb-tool", "create", database, schema, NULL};
	const char *serve[] = {"ovsdb-server", remote, database, NULL};
	const char *const wait[] = {"--no-wait", "--retry", "init", NULL};
	int error;

	snprintf(database, sizeof(database), "%s/ovs.db", place->folder);
	snprintf(remote, sizeof(remote), "--remote=punix:%s/ovs-db.sock", place->folder);
	setenv("OVS_RUNDIR", place->folder, 1);
	if (child_run(create, place->cpu, place->folder, "ovsdb-tool"))
		return -EPROTO;
	error = child_start(&contender->children[0], serve, place->cpu, place->folder,
			    "ovsdb-server");
	return error ? error : configure(place, wait);
}

static int set_datapath(const struct place *place)
{
	char lcores[64], pmd[64];
	const char *const words[] = {"--no-wait",
				     "set",
				     "Open_vSwitch",
				     ".",
				     "other_config:dpdk-init=true",
				     place->huge ? "other_config:dpdk-socket-mem=512"
						 : "other_config:dpdk-alloc-mem=512",
				     place->huge ? "other_config:dpdk-socket-limit=512"
						 : "other_config:smc-enable=true",
				     lcores,
				     pmd,
				     "other_config:smc-enable=true",
				     place->huge ? "other_config:dpdk-extra=--no-pci --in-memory"
						 : "other_config:dpdk-extra=--no-pci --no-huge",
				     NULL};

	snprintf(lcores, sizeof(lcores), "other_config:dpdk-lcore-mask=0x%lx", 1UL << place->cpu);
	snprintf(pmd, sizeof(pmd), "other_config:pmd-cpu-mask=0x%lx", 1UL << place->cpu);
	return configure(place, words);
}

static int add_ports(const struct contender *contender, const struct place *place)
{
	char paths[CONTENDER_PORTS][160];
	const char *const words[] = {"add-br",
				     "br0",
				     "--",
				     "set",
				     "bridge",
				     "br0",
				     "datapath_type=netdev",
				     "--",
				     "add-port",
				     "br0",
				     "a",
				     "tag=10",
				     "--",
				     "set",
				     "interface",
				     "a",
				     "type=dpdkvhostuserclient",
				     paths[0],
				     "--",
				     "add-port",
				     "br0",
				     "b",
				     "tag=10",
				     "--",
				     "set",
				     "interface",
				     "b",
				     "type=dpdkvhostuserclient",
				     paths[1],
				     NULL};

	for (unsigned i = 0; i < CONTENDER_PORTS; i++)
		snprintf(paths[i], sizeof(paths[i]), "options:vhost-server-path=%s",
			 contender->paths[i]);
	return configure(place, words);
}

static int start(struct contender *contender, const struct place *place)
{
	char remote[100];
	const char *argv[] = {program, remote, NULL};
	int error = start_database(contender, place);

	if (!error)
		error = set_datapath(place);
	if (error)
		return error;
	snprintf(remote, sizeof(remote), "unix:%s/ovs-db.sock", place->folder);
	snprintf(contender->note, sizeof(contender->note),
		 "access ports in VLAN 10, NORMAL, EMC and SMC on, one PMD thread, %s",
		 place->huge ? "512 MiB of huge pages" : "no huge pages: they cannot be had");
	error = child_start(&contender->children[1], argv, place->cpu, place->folder, "ovs");
	return error ? error : add_ports(contender, place);
}

const struct contender_kind contender_ovs = {
	.name = "ovs",
	.title = "OVS-DPDK",
	.package = "openvswitch-switch-dpdk",
	.dials = true,
	.is_found = is_found,
	.start = start,
};
