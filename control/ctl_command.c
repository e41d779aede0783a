/*
 * ctl_command - the table. See ctl_command.h.
 */
#include "control/ctl_command.h"

#include <string.h>

#include "control/ctl_run.h"

/* clang-format off */
const struct ctl_option ctl_global_options[] = {
	{"socket", "PATH", "", SHAPE_TEXT, "control socket of sluiced [/run/sluice/control.sock, or SLUICE_SOCKET]"},
	{"o", "table|json|yaml", "", SHAPE_TEXT, "how to print the answer [table]"},
	{"timeout", "SECONDS", "", SHAPE_TEXT, "how long to wait for an answer [30]"},
	{"help", NULL, "", SHAPE_TRUE, "about a command, or all of them"},
	{0},
};

/* ---- options ---- */

static const struct ctl_option dry_run[] = {
	{"dry-run", NULL, "dry_run", SHAPE_TRUE, "check it and say what would change"},
	{0},
};
static const struct ctl_option unset[] = {
	{"unset", "FIELD", "fields", SHAPE_UNSET, "take fields away, as options or documents call them: --unset address,acl-in"},
	{"dry-run", NULL, "dry_run", SHAPE_TRUE, "check it and say what would change"},
	{0},
};
static const struct ctl_option files[] = {
	{"f", "FILE", "file", SHAPE_LIST, "the document: a file, a directory of *.yaml, or - for standard input"},
	{"prune", NULL, "prune", SHAPE_TRUE, "it is all: what it does not name is deleted"},
	{0},
};
static const struct ctl_option tenant_fields[] = {
	{"user", "NAME", "fields.users", SHAPE_LIST, "who may act for it: a Unix user, or a group as @GROUP"},
	{"rate", "WHAT=RATE", "fields.rate", SHAPE_MAP, "of all its ports together: in, out, pps, in-pps, out-pps, burst"},
	{"quota", "WHAT=N", "fields.quota", SHAPE_MAP, "ports, networks, rules, macs-per-port, sessions"},
	{0},
};
static const struct ctl_option network_fields[] = {
	{"vlan", "N", "fields.vlan", SHAPE_TEXT, "its tag on trunks and uplinks, 1 to 4094"},
	{"mtu", "BYTES", "fields.mtu", SHAPE_TEXT, "largest payload of a frame [1500]"},
	{"isolated", "on|off", "fields.isolated", SHAPE_TEXT, "a private VLAN: ports talk as their roles say"},
	{"learning", "on|off", "fields.learning", SHAPE_TEXT, "learn addresses from frames [on]"},
	{"age", "TIME", "fields.age", SHAPE_TEXT, "forget an address that is silent for so long [300s]"},
	{"macs", "N", "fields.macs", SHAPE_TEXT, "most addresses that are learned"},
	{"unknown-unicast", "flood|drop", "fields.unknown-unicast", SHAPE_TEXT, "frames for nobody known [flood]"},
	{"service-tag", "802.1ad|802.1q", "fields.service-tag", SHAPE_TEXT, "customers': what its tag on trunks is: 0x88a8 [802.1ad] or 0x8100"},
	{"multicast", "flood|snoop", "fields.multicast", SHAPE_TEXT, "to all, or to who asked for it by IGMP or MLD [flood]"},
	{"neighbour-suppression", "on|off", "fields.neighbour-suppression", SHAPE_TEXT, "ARP and ND for a bound address go to its port only [off]"},
	{"share", "TENANT", "fields.share", SHAPE_LIST, "let ports of another tenant join it"},
	{0},
};
static const struct ctl_option port_fields[] = {
	{"network", "NAME", "fields.network", SHAPE_TEXT, "access port of this network", true},
	{"native", "NAME", "fields.trunk.native", SHAPE_TEXT, "trunk: the network of untagged frames", true},
	{"trunk", "NAME,...", "fields.trunk.allow", SHAPE_LIST, "trunk: the networks that it carries by tag", true},
	{"qinq", "NAME", "fields.qinq", SHAPE_TEXT, "customer's port of this network: his tags stay in the frames", true},
	{"vhost-user", "PATH", "fields.vhost-user", SHAPE_TEXT, "socket of a guest; relative to the run directory"},
	{"mode", "server|client", "fields.mode", SHAPE_TEXT, "who listens on it: we [server], or QEMU"},
	{"tap", "IFNAME", "fields.tap", SHAPE_TEXT, "a tap interface, made and removed with the port"},
	{"device", "IFNAME", "fields.device", SHAPE_TEXT, "an existing interface of the host"},
	{"queues", "N", "fields.queues", SHAPE_TEXT, "queue pairs [1]"},
	{"worker", "N", "fields.worker", SHAPE_TEXT, "the worker that serves it [one that shares a cache with the guest]"},
	{"mac", "MAC", "fields.macs", SHAPE_LIST, "bind an address of its guest"},
	{"address", "IP", "fields.addresses", SHAPE_LIST, "bind an IP address or prefix of its guest"},
	{"group", "NAME", "fields.groups", SHAPE_LIST, "security group", true},
	{"acl-in", "NAME", "fields.acl.in", SHAPE_TEXT, "ACL for frames from its guest", true},
	{"acl-out", "NAME", "fields.acl.out", SHAPE_TEXT, "ACL for frames to its guest", true},
	{"spoof-guard", "on|off", "fields.spoof-guard", SHAPE_TEXT, "enforce what is bound [on]"},
	{"dhcp-server", "deny|allow", "fields.dhcp-server", SHAPE_TEXT, "may it answer DHCP clients? [deny]"},
	{"router-advertisements", "deny|allow", "fields.router-advertisements", SHAPE_TEXT, "may it say it is a router? [deny]"},
	{"bpdu", "deny|allow", "fields.bpdu", SHAPE_TEXT, "may it send spanning tree frames? [deny]"},
	{"rate", "WHAT=RATE", "fields.rate", SHAPE_MAP, "in (from its guest), out, pps, in-pps, out-pps, burst, over: in=1gbit"},
	{"storm", "PPS|WHAT=PPS", "fields.storm", SHAPE_TEXT_OR_MAP, "most floods: 1kpps; or of broadcast, multicast, unknown-unicast: broadcast=100pps"},
	{"pcp", "keep|0-7", "fields.pcp", SHAPE_TEXT, "priority of its frames where they are tagged [keep]"},
	{"dscp", "keep|0-63", "fields.dscp", SHAPE_TEXT, "differentiated services of its packets [keep]"},
	{"promiscuous", "on|off", "fields.promiscuous", SHAPE_TEXT, "isolated network: talks to all"},
	{"isolated", "on|off", "fields.isolated", SHAPE_TEXT, "isolated network: talks to promiscuous ports only"},
	{"community", "NAME", "fields.community", SHAPE_TEXT, "isolated network: talks to its community, too"},
	{0},
};
static const struct ctl_option uplink_fields[] = {
	{"device", "IFNAME", "fields.device", SHAPE_TEXT, "the interface of the host"},
	{"tap", "IFNAME", "fields.tap", SHAPE_TEXT, "a tap interface, made and removed with the uplink"},
	{"trunk", "all|NAME,...", "fields.trunk", SHAPE_ALL_OR_LIST, "the networks (TENANT/NAME) that it carries"},
	{"map", "NETWORK=TAG", "fields.map", SHAPE_MAP, "another tag than the network's own"},
	{"queues", "N", "fields.queues", SHAPE_TEXT, "queue pairs [1]"},
	{"worker", "N", "fields.worker", SHAPE_TEXT, "the worker that serves it [one that shares a cache with the guest]"},
	{"rate", "WHAT=RATE", "fields.rate", SHAPE_MAP, "in (from the wire), out, pps, in-pps, out-pps, burst: out=10gbit"},
	{"storm", "PPS|WHAT=PPS", "fields.storm", SHAPE_TEXT_OR_MAP, "most floods: 1kpps; or of broadcast, multicast, unknown-unicast"},
	{"promiscuous", "on|off", "fields.promiscuous", SHAPE_TEXT, "isolated networks: talks to all"},
	{0},
};
static const struct ctl_option stats_options[] = {
	{"watch", NULL, "watch", SHAPE_TRUE, "every second, as rates, until interrupted"},
	{0},
};
static const struct ctl_option session_options[] = {
	{"limit", "N", "limit", SHAPE_TEXT, "no more than so many [10000]"},
	{0},
};

static const struct ctl_option trace_options[] = {
	{"src-mac", "MAC", "src-mac", SHAPE_TEXT, "sender [what is bound to the port, or was seen there]"},
	{"dst-mac", "MAC", "dst-mac", SHAPE_TEXT, "receiver [of the port that the address is bound to]"},
	{"vlan", "N", "vlan", SHAPE_TEXT, "tag it"},
	{"hex", "DIGITS", "hex", SHAPE_TEXT, "a whole frame, instead of words"},
	{"pcap", "FILE", "pcap", SHAPE_TEXT, "each frame of a capture (pcap or pcapng; -: standard input)"},
	{"explain", NULL, "explain", SHAPE_TRUE, "which traffic gets to another port, and what stops the rest"},
	{0},
};
static const struct ctl_option attach_options[] = {
	{"qemu", NULL, "qemu", SHAPE_TRUE, "arguments for qemu-system"},
	{"libvirt", NULL, "libvirt", SHAPE_TRUE, "elements for a domain's XML"},
	{0},
};

/* ---- columns ---- */

static const struct ctl_column tenant_columns[] = {
	{"NAME", "name"}, {"NETWORKS", "networks", STYLE_NUMBER}, {"PORTS", "ports", STYLE_NUMBER},
	{"USERS", "users"}, {0},
};
static const struct ctl_column network_columns[] = {
	{"NAME", "name"}, {"VLAN", "vlan", STYLE_NUMBER}, {"PORTS", "ports", STYLE_NUMBER},
	{"MACS", "macs", STYLE_NUMBER}, {"MTU", "mtu", STYLE_NUMBER}, {"ISOLATED", "isolated"},
	{"SHARED WITH", "share"}, {0},
};
static const struct ctl_column port_columns[] = {
	{"NAME", "name"}, {"TYPE", "type"}, {"NETWORK", "network"}, {"VLAN", "vlan", STYLE_NUMBER},
	{"MODE", "mode"}, {"STATE", "state", STYLE_STATE}, {"MAC", "mac"}, {"ADDRESSES", "addresses"},
	{"RX", "rx_packets", STYLE_NUMBER}, {"TX", "tx_packets", STYLE_NUMBER},
	{"DROPS", "drops", STYLE_NUMBER}, {0},
};
static const struct ctl_column fdb_columns[] = {
	{"NETWORK", "network"}, {"MAC", "mac"}, {"PORT", "port"}, {"AGE", "age_s", STYLE_NUMBER},
	{"STATIC", "static"}, {0},
};
static const struct ctl_column multicast_columns[] = {
	{"NETWORK", "network"}, {"GROUP", "group"}, {"PORT", "port"},
	{"LEFT", "left_s", STYLE_NUMBER}, {0},
};
static const struct ctl_column stats_columns[] = {
	{"PORT", "port"},
	{"RX-PACKETS", "rx.packets", STYLE_NUMBER}, {"RX-BYTES", "rx.bytes", STYLE_NUMBER},
	{"RX-DROPS", "rx.drops", STYLE_SUM},
	{"TX-PACKETS", "tx.packets", STYLE_NUMBER}, {"TX-BYTES", "tx.bytes", STYLE_NUMBER},
	{"TX-DROPS", "tx.drops", STYLE_SUM}, {0},
};
static const struct ctl_column drop_columns[] = {
	{"PORT", "port"}, {"PACKETS", "packets", STYLE_NUMBER}, {"LAST", "last_s", STYLE_NUMBER},
	{"REASON", "reason"}, {"EXPLANATION", "explanation"}, {0},
};
static const struct ctl_column usage_columns[] = {
	{"TENANT", "tenant"}, {"NETWORKS", "networks", STYLE_NUMBER}, {"OF", "networks_max", STYLE_NUMBER},
	{"PORTS", "ports", STYLE_NUMBER}, {"OF", "ports_max", STYLE_NUMBER},
	{"RULES", "rules", STYLE_NUMBER}, {"OF", "rules_max", STYLE_NUMBER},
	{"SESSIONS", "sessions", STYLE_NUMBER}, {"OF", "sessions_max", STYLE_NUMBER},
	{"RX-PACKETS", "rx_packets", STYLE_NUMBER}, {"RX-BYTES", "rx_bytes", STYLE_NUMBER},
	{"TX-PACKETS", "tx_packets", STYLE_NUMBER}, {"TX-BYTES", "tx_bytes", STYLE_NUMBER}, {0},
};
static const struct ctl_column worker_columns[] = {
	{"WORKER", "worker", STYLE_NUMBER}, {"CPU", "cpu", STYLE_NUMBER},
	{"BUSY%", "busy_percent", STYLE_FRACTION},
	{"CYCLES/PACKET", "cycles_per_packet", STYLE_NUMBER}, {"PACKETS", "packets", STYLE_NUMBER},
	{"QUEUES", "ports", STYLE_NUMBER}, {0},
};

static const struct ctl_column rules_columns[] = {
	{"NAME", "name"}, {"RULES", "rules", STYLE_NUMBER}, {"PORTS", "ports", STYLE_NUMBER},
	{"COST", "cost", STYLE_NUMBER}, {0},
};
static const struct ctl_column set_columns[] = {
	{"NAME", "name"}, {"ADDRESSES", "addresses", STYLE_NUMBER}, {0},
};
static const struct ctl_column rule_columns[] = {
	{"LIST", "list"}, {"DIRECTION", "direction"}, {"HITS", "hits", STYLE_NUMBER},
	{"BYTES", "bytes", STYLE_NUMBER}, {"RULE", "rule"}, {"WRITTEN", "written"}, {0},
};
static const struct ctl_column log_columns[] = {
	{"TIME", "time"}, {"PORT", "port"}, {"DIRECTION", "direction"}, {"ACTION", "action"},
	{"LIST", "list"}, {"RULE", "number", STYLE_NUMBER}, {"FRAME", "frame"},
	{"LEFT-OUT", "left_out", STYLE_NUMBER}, {0},
};
static const struct ctl_column session_columns[] = {
	{"NETWORK", "network"}, {"PROTO", "proto"}, {"SRC", "src"}, {"DST", "dst"},
	{"ICMP", "icmp_type"}, {"ID", "icmp_id", STYLE_NUMBER}, {"STATE", "state"}, {"AGE", "age_s", STYLE_NUMBER}, {"PACKETS", "packets", STYLE_NUMBER},
	{0},
};

/* ---- commands ---- */

/* The five verbs of a kind of object that is a list. */
#define LIST_OBJECT(noun, what, several, item, columns, add_example)                               \
	{noun " list", noun ".list", {0}, {0}, columns, NULL, "all " several, noun " list"},       \
	{noun " show", noun ".show", {"NAME"}, {0}, NULL, NULL, "everything about " what, NULL}, \
	{noun " add", noun ".add", {"NAME", item}, {dry_run}, NULL, ctl_run_change,                \
	 "add " what, add_example},                                                             \
	{noun " set", noun ".set", {"NAME", item}, {dry_run}, NULL, ctl_run_change,                \
	 "replace all of " what, NULL},                                                          \
	{noun " delete", noun ".delete", {"NAME"}, {dry_run}, NULL, ctl_run_change,                \
	 "delete " what, NULL}

/* The five verbs of a kind of object. */
#define OBJECT(noun, what, fields, columns, add_example, set_example)                              \
	{noun " list", noun ".list", {0}, {0}, columns, NULL, "all " noun "s", noun " list"},      \
	{noun " show", noun ".show", {"NAME"}, {0}, NULL, NULL, "everything about " what, NULL}, \
	{noun " add", noun ".add", {"NAME"}, {fields, dry_run}, NULL, ctl_run_change,              \
	 "add " what, add_example},                                                             \
	{noun " set", noun ".set", {"NAME"}, {fields, unset}, NULL, ctl_run_change,                \
	 "change fields of " what, set_example},                                                 \
	{noun " delete", noun ".delete", {"NAME"}, {dry_run}, NULL, ctl_run_change,                \
	 "delete " what, NULL}

const struct ctl_command ctl_commands[] = {
	{"apply", "apply", {0}, {files, dry_run}, NULL, ctl_run_apply,
	 "make the switch what a document says: whole, at once, kept over a restart",
	 "apply -f site.yaml\n  apply -f /etc/sluice --prune --dry-run"},
	{"diff", "diff", {0}, {files}, NULL, ctl_run_diff,
	 "what `apply` would change; exit 0: nothing, 1: something", "diff -f site.yaml"},
	{"export", "export", {0}, {0}, NULL, ctl_run_export,
	 "the running configuration as a document", "export > site.yaml"},

	OBJECT("tenant", "a tenant", tenant_fields, tenant_columns,
	       "tenant add acme --quota ports=64 --user alice", "tenant set acme --quota ports=128"),
	OBJECT("network", "a network", network_fields, network_columns,
	       "network add acme/web --vlan 100", "network set acme/web --mtu 9000"),
	LIST_OBJECT("address-set", "an address set", "address sets", "[PREFIX ...]", set_columns,
		    "address-set add acme/office 192.0.2.0/24 2001:db8::/32"),
	LIST_OBJECT("group", "a security group", "security groups", "[RULE ...]", rules_columns,
		    "group add acme/web 'allow in tcp 80,443' 'allow in tcp 22 from 192.0.2.0/24'"),
	LIST_OBJECT("acl", "an ACL", "ACLs", "[RULE ...]", rules_columns,
		    "acl add acme/no-telnet 'drop tcp to any port 23' 'accept any'"),
	OBJECT("port", "a port", port_fields, port_columns,
	       "port add acme/vm1 --network web --vhost-user vm1.sock --mac 52:54:00:00:00:01\n"
	       "  port add acme/vm2 --network web --tap tap-vm2",
	       "port set acme/fw --native web --trunk db,web"),
	OBJECT("uplink", "an uplink", uplink_fields, port_columns,
	       "uplink add fabric --device eth1 --trunk all", "uplink set fabric --trunk acme/web"),

	{"fdb list", "fdb.list", {"[NETWORK]"}, {0}, fdb_columns, NULL,
	 "which addresses are behind which ports", "fdb list acme/web"},
	{"fdb flush", "fdb.flush", {"[NETWORK]"}, {0}, NULL, NULL, "forget learned addresses",
	 "fdb flush acme/web"},
	{"multicast list", "multicast.list", {"[NETWORK]"}, {0}, multicast_columns, NULL,
	 "which ports want which multicast, where it is snooped; LEFT is in seconds",
	 "multicast list acme/web"},
	{"session list", "session.list", {"[NETWORK]"}, {session_options}, session_columns,
	 ctl_run_sessions,
	 "connections that security groups let begin; AGE is of the last packet",
	 "session list acme/web --limit 100"},
	{"session flush", "session.flush", {"[NETWORK]"}, {0}, NULL, NULL,
	 "forget connections: the rules are asked anew", "session flush acme/web"},
	{"rule list", "rule.list", {"[PORT]"}, {0}, rule_columns, NULL,
	 "rules of groups and ACLs, and how often they matched", "rule list acme/vm1"},
	{"rule log", "rule.log", {"[PORT]"}, {0}, log_columns, NULL,
	 "frames that rules which say `log` have met: the last ones of each tenant", "rule log acme/vm1"},
	{"stats", "stats", {"[PORT]"}, {stats_options}, stats_columns, ctl_run_stats,
	 "packets, bytes and drops of ports; rx is what the switch received from the port",
	 "stats acme/vm1 --watch"},
	{"drops", "drops", {"[PORT]"}, {0}, drop_columns, NULL,
	 "which frames were not delivered, and why; LAST is seconds ago", "drops acme/vm1"},
	{"why", "why", {"PORT"}, {0}, NULL, ctl_run_why,
	 "the last frames that a port was refused: what, why, by which rule, what would let them pass",
	 "why acme/vm1"},
	{"usage", "usage", {"[TENANT]"}, {0}, usage_columns, NULL, "what tenants have and move",
	 "usage acme"},
	{"worker list", "worker.list", {0}, {0}, worker_columns, NULL,
	 "the threads that move frames", "worker list"},
	{"trace", "trace", {"PORT", "[FRAME...]"}, {trace_options}, NULL, ctl_run_trace,
	 "what would become of a frame from a port, step by step; exit 0 only if delivered",
	 "trace acme/vm1 'tcp 10.0.0.1:4000 > 10.0.0.2:80'\n"
	 "  trace acme/vm1 'arp who-has 10.0.0.2 tell 10.0.0.1'\n"
	 "  trace acme/fw icmp 10.0.0.1 '>' 10.0.0.2 --vlan 100\n"
	 "  trace acme/vm1 --pcap vm1.pcap\n"
	 "  trace --explain acme/vm1 acme/vm2"},
	{"attach", "port.show", {"NAME"}, {attach_options}, NULL, ctl_run_attach,
	 "what to give QEMU or libvirt to attach a guest to a port", "attach acme/vm1 --qemu"},
	{"watch", "watch", {0}, {0}, NULL, ctl_run_watch,
	 "events as they come: ports up and down, new generations, what rules log", "watch"},
	{"status", "status", {0}, {0}, NULL, NULL, "how the switch is", "status -o json"},
	{"version", "version", {0}, {0}, NULL, NULL, "which Sluice runs", "version"},
	{"completion", NULL, {"SHELL"}, {0}, NULL, ctl_run_completion,
	 "a completion script for bash or zsh", "completion bash > /etc/bash_completion.d/sluicectl\n"
	 "  completion zsh > /usr/local/share/zsh/site-functions/_sluicectl"},
};
/* clang-format on */

const unsigned ctl_n_commands = sizeof(ctl_commands) / sizeof(*ctl_commands);

static const struct ctl_option *option_in(const struct ctl_option *options, const char *name)
{
	for (; options && options->name; options++)
		if (!strcmp(options->name, name))
			return options;
	return NULL;
}

const struct ctl_option *ctl_option_find(const struct ctl_command *command, const char *name)
{
	const struct ctl_option *found = NULL;

	for (unsigned i = 0; command && i < CTL_OPTION_GROUPS_MAX && !found; i++)
		found = option_in(command->options[i], name);
	return found ? found : option_in(ctl_global_options, name);
}
