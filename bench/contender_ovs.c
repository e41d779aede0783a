/*
 * contender_ovs - Open vSwitch with its datapath over DPDK, from Debian: a bridge with two access
 * ports of one VLAN and the action NORMAL (learning), one PMD thread; and with rules before that
 * action. Its database is its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/contender.h"
#include "bench/document.h"

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
				     "ofport_request=1",
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
				     "ofport_request=2",
				     paths[1],
				     NULL};

	for (unsigned i = 0; i < CONTENDER_PORTS; i++)
		snprintf(paths[i], sizeof(paths[i]), "options:vhost-server-path=%s",
			 contender->paths[i]);
	return configure(place, words);
}

/* What document_rules() says, of frames that come from port 1. */
static void write_rules(FILE *to)
{
	for (unsigned i = 0; i < CONTENDER_RULES; i++) {
		struct document_rule rule = document_rule(i);

		fprintf(to,
			"priority=%u,in_port=1,udp,nw_src=10.%u.%u.0/24,tp_dst=%u,actions=drop\n",
			2000 + CONTENDER_RULES - i, rule.net[0], rule.net[1], rule.port);
	}
	fputs("priority=1,actions=NORMAL\n", to);
}

/* What document_group() says: 4000 to 4999 is seven prefixes of port numbers. */
static void write_group(FILE *to)
{
	static const char *const ports[] = {"0xfa0/0xffe0",  "0xfc0/0xffc0",  "0x1000/0xff00",
					    "0x1100/0xff00", "0x1200/0xff00", "0x1300/0xff80",
					    "0x1380/0xfff8"};

	fputs("table=0,priority=10,arp,actions=NORMAL\n"
	      "table=0,priority=10,ct_state=-trk,ip,actions=ct(table=1)\n"
	      "table=1,priority=10,ct_state=+trk+est,ip,actions=NORMAL\n",
	      to);
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		fprintf(to,
			"table=1,priority=9,ct_state=+trk+new,udp,tp_dst=%s,"
			"actions=ct(commit),NORMAL\n",
			ports[i]);
	fputs("table=1,priority=0,actions=drop\ntable=0,priority=0,actions=drop\n", to);
}

/* The rules, in place of the one that every bridge is born with. 0 or -errno. */
static int set_flows(const struct contender *contender, const struct place *place)
{
	char flows[80], bridge[100];
	const char *argv[] = {"ovs-ofctl", "-O",  "OpenFlow13", "replace-flows",
			      bridge,	   flows, NULL};
	FILE *to;

	if (contender->kind->policy == POLICY_NONE)
		return 0;
	snprintf(flows, sizeof(flows), "%s/flows", place->folder);
	snprintf(bridge, sizeof(bridge), "unix:%s/br0.mgmt", place->folder);
	to = fopen(flows, "we");
	if (!to)
		return -errno;
	if (contender->kind->policy == POLICY_RULES)
		write_rules(to);
	else
		write_group(to);
	if (fclose(to))
		return -EIO;
	return child_run(argv, place->cpu, place->folder, "ovs-ofctl") == 0 ? 0 : -EPROTO;
}

static int start(struct contender *contender, const struct place *place)
{
	static const char *const notes[] = {
		[POLICY_NONE] = "NORMAL",
		[POLICY_RULES] = "1000 OpenFlow rules, then NORMAL",
		[POLICY_GROUPS] = "conntrack, then NORMAL",
	};
	char remote[100];
	/* Its bridge has devices in the kernel: in a namespace of its own they meet no others. */
	const char *argv[] = {"unshare", "--net", program, remote, NULL};
	int error = start_database(contender, place);

	if (!error)
		error = set_datapath(place);
	if (error)
		return error;
	snprintf(remote, sizeof(remote), "unix:%s/ovs-db.sock", place->folder);
	snprintf(contender->note, sizeof(contender->note),
		 "access ports in VLAN 10, %s, EMC and SMC on, one PMD thread, %s",
		 notes[contender->kind->policy],
		 place->huge ? "512 MiB of huge pages" : "no huge pages: they cannot be had");
	error = child_start(&contender->children[1], argv, place->cpu, place->folder, "ovs");
	if (!error)
		error = add_ports(contender, place);
	return error ? error : set_flows(contender, place);
}

const struct contender_kind contender_ovs = {
	.name = "ovs",
	.title = "OVS-DPDK",
	.package = "openvswitch-switch-dpdk",
	.dials = true,
	.fields = FIELD_PLAIN,
	.huge_mib = 512,
	.rival = &contender_sluice,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_ovs_rules = {
	.name = "ovs-rules",
	.title = "OVS-DPDK, 1000 rules",
	.package = "openvswitch-switch-dpdk",
	.dials = true,
	.fields = FIELD_POLICY,
	.policy = POLICY_RULES,
	.huge_mib = 512,
	.rival = &contender_sluice_rules,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_ovs_groups = {
	.name = "ovs-groups",
	.title = "OVS-DPDK, stateful",
	.package = "openvswitch-switch-dpdk",
	.dials = true,
	.fields = FIELD_POLICY,
	.policy = POLICY_GROUPS,
	.huge_mib = 512,
	.rival = &contender_sluice_groups,
	.is_found = is_found,
	.start = start,
};
