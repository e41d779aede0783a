/*
 * test_model_problems - each thing that can be wrong with a document, where it is
 * told, and what the hint says.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

/* One tenant with networks n (VLAN 5), m (VLAN 6), x (none); then its ports. */
#define PORTS(ports)                                                                               \
	"tenants:\n  a:\n    networks: {n: {vlan: 5}, m: {vlan: 6}, x: {}}\n    ports:\n" ports
#define PORT(port)	 PORTS("      p: " port "\n")
#define NETWORK(network) "tenants:\n  a:\n    networks:\n      n: " network "\n"
#define UPLINK(uplink)                                                                             \
	"tenants:\n  a: {networks: {n: {vlan: 5}, m: {vlan: 6}, x: {}}}\n"                         \
	"  b: {networks: {n: {vlan: 7}}}\nuplinks:\n  u: " uplink "\n"

static void unknown_keys(void **state)
{
	EXPECT("tenant: {}", "1:1 unknown-key tenant | did you mean \"tenants\"?");
	EXPECT("tenants: {a: {port: {}}}", "1:15 unknown-key tenants.a.port | \"ports\"");
	EXPECT(NETWORK("{vlna: 5}"), "4:11 unknown-key tenants.a.networks.n.vlna | \"vlan\"");
	EXPECT(NETWORK("{wlan: 5, completely: 1}"),
	       "4:11 unknown-key tenants.a.networks.n.wlan | \"vlan\"",
	       "4:20 unknown-key tenants.a.networks.n.completely | vlan, isolated, mtu");
	EXPECT(PORT("{tap: t, networks: n}"),
	       "5:19 unknown-key tenants.a.ports.p.networks | \"network\"");
	EXPECT(PORT("{tap: t, map: {}}"), "5:19 unknown-key tenants.a.ports.p.map | \"tap\"");
	EXPECT(PORT("{tap: t, trunk: {alow: [n]}}"),
	       "5:27 unknown-key tenants.a.ports.p.trunk.alow | \"allow\"");
	EXPECT(UPLINK("{device: d, trunk: all, macs: []}"), "5:30 unknown-key uplinks.u.macs");
	EXPECT("tenants: {a: {quota: {port: 1}}}",
	       "1:23 unknown-key tenants.a.quota.port | \"ports\"");
}

static void wrong_types(void **state)
{
	EXPECT("tenants: []", "1:10 wrong-type tenants");
	EXPECT("tenants: {a: b}", "1:14 wrong-type tenants.a");
	EXPECT("tenants: {a: {networks: [n], ports: 1, quota: x}}",
	       "1:25 wrong-type tenants.a.networks", "1:37 wrong-type tenants.a.ports",
	       "1:47 wrong-type tenants.a.quota");
	EXPECT("tenants: {a: {users: bob}}", "1:22 wrong-type tenants.a.users | [A, B, ...]");
	EXPECT(NETWORK("{vlan: [5], mtu: {}, age: }"), "4:17 wrong-type tenants.a.networks.n.vlan",
	       "4:27 wrong-type tenants.a.networks.n.mtu",
	       "4:36 wrong-type tenants.a.networks.n.age");
	EXPECT(PORT("tap"), "5:10 wrong-type tenants.a.ports.p");
	EXPECT(PORT("{tap: t, macs: 02:00:00:00:00:01}"), "5:25 wrong-type tenants.a.ports.p.macs");
	EXPECT(PORT("{tap: t, macs: [[]]}"), "5:26 wrong-type tenants.a.ports.p.macs[0]");
	EXPECT(PORT("{tap: t, trunk: all}"), "5:26 wrong-type tenants.a.ports.p.trunk | {native:");
	EXPECT(PORT("{tap: t, trunk: {allow: n}}"),
	       "5:34 wrong-type tenants.a.ports.p.trunk.allow");
	EXPECT(UPLINK("{device: d, trunk: a/n}"), "5:25 wrong-type uplinks.u.trunk | write all");
	EXPECT(UPLINK("{device: d, trunk: all, map: 5}"), "5:35 wrong-type uplinks.u.map");
}

static void bad_names(void **state)
{
	EXPECT("tenants: {Acme: {}, 'a b': {}, '': {}}",
	       "1:11 bad-name tenants.Acme | small letters", "1:21 bad-name tenants.a b",
	       "1:32 bad-name tenants.");
	EXPECT("tenants:\n  a:\n    networks: {n/m: {}}\n", "3:16 bad-name tenants.a.networks.n/m");
	EXPECT(PORTS("      P: {tap: t}\n"), "5:7 bad-name tenants.a.ports.P");
	EXPECT("tenants: {0123456789012345678901234567890123456789012345678901234567890123: {}}",
	       "1:11 bad-name "
	       "tenants.0123456789012345678901234567890123456789012345678901234567890123 | 63");
	EXPECT(PORT("{tap: t, community: 'x y'}"), "5:30 bad-name tenants.a.ports.p.community");
	EXPECT("tenants: {a: {users: ['x y', '@', -x]}}", "1:23 bad-value tenants.a.users[0] | @",
	       "1:30 bad-value tenants.a.users[1]", "1:35 bad-value tenants.a.users[2]");
}

static void numbers_and_units(void **state)
{
	EXPECT(NETWORK("{vlan: 0, mtu: 67, macs: 1048577}"),
	       "4:17 out-of-range tenants.a.networks.n.vlan | from 1 to 4094",
	       "4:25 out-of-range tenants.a.networks.n.mtu | from 68 to 65535",
	       "4:35 out-of-range tenants.a.networks.n.macs");
	EXPECT(NETWORK("{vlan: 4095, mtu: 0x10, macs: -1}"),
	       "4:17 out-of-range tenants.a.networks.n.vlan",
	       "4:28 bad-value tenants.a.networks.n.mtu",
	       "4:40 bad-value tenants.a.networks.n.macs");
	EXPECT(NETWORK("{vlan: 010, mtu: 1e3}"), "4:17 bad-value tenants.a.networks.n.vlan",
	       "4:27 bad-value tenants.a.networks.n.mtu");
	EXPECT(NETWORK("{vlan: 99999999999999999999999}"),
	       "4:17 out-of-range tenants.a.networks.n.vlan");
	EXPECT(NETWORK("{age: 300}"), "4:16 missing-unit tenants.a.networks.n.age | 300s");
	EXPECT(NETWORK("{age: 300x}"), "4:16 bad-value tenants.a.networks.n.age");
	EXPECT(NETWORK("{age: 999ms}"), "4:16 out-of-range tenants.a.networks.n.age");
	EXPECT(NETWORK("{age: 12d}"), "4:16 out-of-range tenants.a.networks.n.age");
	EXPECT(NETWORK("{isolated: maybe, learning: 1}"),
	       "4:21 bad-value tenants.a.networks.n.isolated",
	       "4:38 bad-value tenants.a.networks.n.learning | on or off");
	EXPECT(NETWORK("{unknown-unicast: allow}"),
	       "4:28 bad-value tenants.a.networks.n.unknown-unicast | flood or drop");
	EXPECT(PORT("{tap: t, queues: 17}"), "5:27 out-of-range tenants.a.ports.p.queues | 16");
	EXPECT(PORT("{tap: t, worker: 16}"), "5:27 out-of-range tenants.a.ports.p.worker | 15");
}

static void attachments(void **state)
{
	EXPECT(PORT("{network: n}"), "5:7 missing-key tenants.a.ports.p | \"vhost-user\"");
	EXPECT(PORT(""), "5:7 missing-key tenants.a.ports.p");
	EXPECT(PORT("{tap: t, vhost-user: s}"),
	       "5:19 conflict tenants.a.ports.p.vhost-user | keep one");
	EXPECT(PORT("{tap: t, mode: client}"), "5:19 conflict tenants.a.ports.p.mode");
	EXPECT(PORT("{vhost-user: s, mode: both}"),
	       "5:32 bad-value tenants.a.ports.p.mode | client or server");
	EXPECT(PORT("{device: d, queues: 2}"), "5:30 conflict tenants.a.ports.p.queues");
	EXPECT(PORT("{tap: t123456789012345}"),
	       "5:16 bad-value tenants.a.ports.p.tap | at most 15");
	EXPECT(PORT("{tap: a/b}"), "5:16 bad-value tenants.a.ports.p.tap");
	EXPECT(PORT("{tap: 'a b'}"), "5:16 bad-value tenants.a.ports.p.tap");
	EXPECT(PORT("{tap: tap%d}"), "5:16 bad-value tenants.a.ports.p.tap");
	EXPECT(PORT("{device: ..}"), "5:19 bad-value tenants.a.ports.p.device");
	EXPECT(PORT("{vhost-user: ../x}"), "5:23 bad-value tenants.a.ports.p.vhost-user");
	EXPECT(PORT("{vhost-user: a//b}"), "5:23 bad-value tenants.a.ports.p.vhost-user");
	EXPECT(PORT("{vhost-user: ''}"), "5:23 bad-value tenants.a.ports.p.vhost-user");
	EXPECT(PORT("{vhost-user: /}"), "5:23 bad-value tenants.a.ports.p.vhost-user");
	EXPECT(PORT("{vhost-user: control.sock}"),
	       "5:23 device-twice tenants.a.ports.p.vhost-user");
	EXPECT(PORT("{vhost-user: /run/sluice/control.sock}"),
	       "5:23 device-twice tenants.a.ports.p.vhost-user");
}

/* sun_path has 108 bytes with its NUL; /run/sluice/ takes twelve. */
static void socket_paths_fit(void **state)
{
	char text[400], name[120];

	memset(name, 'x', sizeof(name));
	name[95] = '\0';
	snprintf(text, sizeof(text), PORT("{vhost-user: %s}"), name);
	model_destroy(written_model(text));
	name[95] = 'x';
	name[96] = '\0';
	snprintf(text, sizeof(text), PORT("{vhost-user: %s}"), name);
	EXPECT(text, "5:23 out-of-range tenants.a.ports.p.vhost-user | at most 107");
}

static void devices_are_used_once(void **state)
{
	EXPECT(PORTS("      p: {vhost-user: s}\n      q: {vhost-user: /run/sluice/s}\n"),
	       "6:23 device-twice tenants.a.ports.q.vhost-user");
	EXPECT(PORTS("      p: {tap: t}\n      q: {device: t}\n"),
	       "6:19 device-twice tenants.a.ports.q.device");
	/* what belongs to two is told to both */
	EXPECT(PORT("{tap: t}") "uplinks: {u: {device: t, trunk: all}}",
	       "5:16 device-twice tenants.a.ports.p.tap", "6:23 device-twice uplinks.u.device");
}

static void references(void **state)
{
	EXPECT(PORT("{tap: t, network: o}"),
	       "5:28 no-such-name tenants.a.ports.p.network | tenants.a.networks");
	EXPECT(PORT("{tap: t, network: a/n}"),
	       "5:28 no-such-name tenants.a.ports.p.network | without \"a/\"");
	EXPECT(PORT("{tap: t, network: b/n}"),
	       "5:28 no-such-name tenants.a.ports.p.network | own tenant");
	EXPECT("tenants:\n  a:\n    networks: {backend: {}}\n    ports: {p: {tap: t, network: bakcend}}\n",
	       "4:34 no-such-name tenants.a.ports.p.network | did you mean \"backend\"?");
	EXPECT(PORT("{tap: t, trunk: {native: o, allow: [n, o]}}"),
	       "5:35 no-such-name tenants.a.ports.p.trunk.native",
	       "5:49 no-such-name tenants.a.ports.p.trunk.allow[1]");
	EXPECT(UPLINK("{device: d, trunk: [a/n, n, c/n]}"),
	       "5:31 no-such-name uplinks.u.trunk[1] | TENANT/NETWORK",
	       "5:34 no-such-name uplinks.u.trunk[2]");
	EXPECT(UPLINK("{device: d, trunk: all, map: {a/o: 9}}"),
	       "5:41 no-such-name uplinks.u.map.a/o");
}

/* A foreign tenant's networks are as if they were not there. */
static void references_stay_within_the_tenant(void **state)
{
	EXPECT("tenants: {a: {networks: {n: {}}, ports: {p: {tap: t, network: secret}}},\n"
	       "          b: {networks: {secret: {}, secrets: {}}}}\n",
	       "1:63 no-such-name tenants.a.ports.p.network | tenants.a.networks");
	/* whether there is such a network is not told */
	EXPECT("tenants: {a: {ports: {p: {tap: t, network: b/secret}, q: {tap: u, network: b/o}}},\n"
	       "          b: {networks: {secret: {}}}}\n",
	       "1:44 no-such-name tenants.a.ports.p.network | \"share: [a]\"",
	       "1:76 no-such-name tenants.a.ports.q.network | \"share: [a]\"");
}

static void shares(void **state)
{
	EXPECT("tenants: {a: {networks: {n: {share: [b, x, a, b]}, m: {share: b}}}, b: {}}\n",
	       "1:41 no-such-name tenants.a.networks.n.share[1] | under tenants",
	       "1:44 bad-value tenants.a.networks.n.share[2] | other tenants",
	       "1:47 bad-value tenants.a.networks.n.share[3] | remove",
	       "1:63 wrong-type tenants.a.networks.m.share");
	/* on one wire a tag is one network, whoever has it */
	EXPECT("tenants: {a: {networks: {n: {vlan: 5, share: [b]}, m: {vlan: 5}}},\n"
	       "          b: {networks: {n: {vlan: 5}},\n"
	       "              ports: {p: {tap: t, trunk: {allow: [n, a/n]}}}}}\n"
	       "uplinks: {u: {device: d, trunk: [a/m, b/n], map: {b/n: 5}}}\n",
	       "3:54 vlan-twice tenants.b.ports.p.trunk.allow[1]",
	       "4:39 vlan-twice uplinks.u.trunk[1]");
	/* nor is a MAC twice in it; whose it is, is not told */
	EXPECT("tenants: {a: {networks: {n: {share: [b]}},\n"
	       "              ports: {p: {tap: t, network: n, macs: [02:00:00:00:00:01]}}},\n"
	       "          b: {ports: {p: {tap: u, network: a/n, macs: [02:00:00:00:00:01]}}}}\n",
	       "3:56 mac-twice tenants.b.ports.p.macs[0]");
}

static void trunks(void **state)
{
	EXPECT(PORT("{tap: t, network: n, qinq: n}"),
	       "5:31 conflict tenants.a.ports.p.qinq | keep one of them");
	EXPECT(PORTS("      p: {tap: p, qinq: n}\n      q: {tap: q, network: n}\n"),
	       "6:19 conflict tenants.a.ports.q.network | \"qinq\" instead");
	EXPECT(PORTS("      p: {tap: p, qinq: n}\n      q: {tap: q, trunk: {native: n}}\n"),
	       "6:19 conflict tenants.a.ports.q.trunk | \"qinq\" instead");
	EXPECT(NETWORK("{service-tag: 88a8}"),
	       "4:24 bad-value tenants.a.networks.n.service-tag | 802.1ad or 802.1q");
	EXPECT(PORT("{tap: t, network: n, trunk: {allow: [m]}}"),
	       "5:31 conflict tenants.a.ports.p.trunk | keep one");
	EXPECT(PORT("{tap: t, trunk: {native: n, allow: [x]}}"),
	       "5:46 no-vlan tenants.a.ports.p.trunk.allow[0] | make it native");
	EXPECT(PORT("{tap: t, trunk: {allow: [m, n, m]}}"),
	       "5:41 bad-value tenants.a.ports.p.trunk.allow[2]");
	EXPECT(UPLINK("{device: d}"), "5:3 missing-key uplinks.u | trunk: all");
	EXPECT(UPLINK("{trunk: all}"), "5:3 missing-key uplinks.u | \"device\" or \"tap\"");
	EXPECT(UPLINK("{device: d, trunk: [a/x]}"), "5:26 no-vlan uplinks.u.trunk[0] | map it");
	EXPECT(UPLINK("{device: d, trunk: [a/n, a/n]}"), "5:31 bad-value uplinks.u.trunk[1]");
	EXPECT(UPLINK("{device: d, trunk: [a/n], map: {a/m: 9}}"),
	       "5:38 conflict uplinks.u.map.a/m | \"trunk\"");
	EXPECT(UPLINK("{device: d, trunk: all, map: {a/x: 9}}"),
	       "5:36 conflict uplinks.u.map.a/x | vlan");
	EXPECT(UPLINK("{device: d, trunk: all, map: {a/n: 0}}"),
	       "5:41 out-of-range uplinks.u.map.a/n");
}

static void a_vlan_means_one_network_on_a_wire(void **state)
{
	static const char twice[] = "tenants:\n"
				    "  a:\n"
				    "    networks: {n: {vlan: 5}, m: {vlan: 5}}\n"
				    "    ports:\n"
				    "      p: {tap: t, trunk: {allow: [n, m]}}\n"
				    "      q: {tap: u, trunk: {native: n, allow: [m]}}\n"
				    "      r: {tap: v, network: n}\n";

	EXPECT(twice, "5:38 vlan-twice tenants.a.ports.p.trunk.allow[1]",
	       "6:46 vlan-twice tenants.a.ports.q.trunk.allow[0]");
	EXPECT("tenants:\n  a: {networks: {n: {vlan: 5}}}\n  b: {networks: {n: {vlan: 5}}}\n"
	       "uplinks:\n  u: {device: d, trunk: all}\n",
	       "3:28 vlan-twice tenants.b.networks.n.vlan | \"u\"");
	EXPECT("tenants:\n  a: {networks: {n: {vlan: 5}}}\n  b: {networks: {n: {vlan: 5}}}\n"
	       "uplinks:\n  u: {device: d, trunk: [b/n, a/n]}\n",
	       "5:31 vlan-twice uplinks.u.trunk[1]");
	EXPECT(UPLINK("{device: d, trunk: all, map: {a/n: 6}}"),
	       "5:41 vlan-twice uplinks.u.map.a/n");
	EXPECT(UPLINK("{device: d, trunk: [a/m, a/n], map: {a/n: 6}}"),
	       "5:31 vlan-twice uplinks.u.trunk[1]");
}

/* Two networks may share a VLAN as long as no wire carries both; a map keeps them apart. */
static void a_vlan_may_be_used_on_two_wires(void **state)
{
	model_destroy(written_model(
		"tenants:\n  a: {networks: {n: {vlan: 5}}}\n  b: {networks: {n: {vlan: 5}}}\n"
		"uplinks: {u: {device: d, trunk: [a/n]}, v: {device: e, trunk: [b/n]},\n"
		"          w: {device: f, trunk: all, map: {b/n: 6}}}\n"));
	model_destroy(written_model(UPLINK("{device: d, trunk: all, map: {a/n: 6, a/m: 5}}")));
	model_destroy(written_model(UPLINK("{device: d, trunk: [a/x], map: {a/x: 5}}")));
}

static void macs(void **state)
{
	EXPECT(PORT("{tap: t, macs: [02:00:00:00:00:1, '01:00:00:00:00:00', 00:00:00:00:00:00]}"),
	       "5:26 bad-value tenants.a.ports.p.macs[0]",
	       "5:44 bad-value tenants.a.ports.p.macs[1] | even",
	       "5:65 bad-value tenants.a.ports.p.macs[2]");
	EXPECT(PORT("{tap: t, macs: [02:00:00:00:00:0a, 02-00-00-00-00-0A]}"),
	       "5:45 mac-twice tenants.a.ports.p.macs[1]");
	EXPECT(PORTS("      p: {tap: t, network: n, macs: ['02:00:00:00:00:01']}\n"
		     "      q: {tap: u, network: n, macs: ['02:00:00:00:00:02', '02:00:00:00:00:01']}\n"),
	       "6:59 mac-twice tenants.a.ports.q.macs[1]");
	EXPECT(PORTS("      p: {tap: t, trunk: {native: n, allow: [m]}, macs: ['02:00:00:00:00:01']}\n"
		     "      q: {tap: u, trunk: {native: m, allow: [n]}, macs: ['02:00:00:00:00:01']}\n"),
	       "6:58 mac-twice tenants.a.ports.q.macs[0]"); /* told once */
	model_destroy(
		written_model(PORTS("      p: {tap: t, network: n, macs: ['02:00:00:00:00:01']}\n"
				    "      q: {tap: u, network: m, macs: ['02:00:00:00:00:01']}\n"
				    "      r: {tap: v, macs: ['02:00:00:00:00:01']}\n")));
}

static void addresses(void **state)
{
	EXPECT(PORT("{tap: t, addresses: [10.0.0, 10.0.0.1/24, fd00::1/64, 10.0.0.0/33, '::/129']}"),
	       "5:31 bad-value tenants.a.ports.p.addresses[0]",
	       "5:39 bad-value tenants.a.ports.p.addresses[1] | 10.0.0.0/24",
	       "5:52 bad-value tenants.a.ports.p.addresses[2] | write fd00::1 for the address, fd00::/64",
	       "5:64 bad-value tenants.a.ports.p.addresses[3]",
	       "5:77 bad-value tenants.a.ports.p.addresses[4]");
	EXPECT(PORT("{tap: t, addresses: [fd00::1, FD00:0::1, 010.0.0.1]}"),
	       "5:40 bad-value tenants.a.ports.p.addresses[1]",
	       "5:51 bad-value tenants.a.ports.p.addresses[2]");
}

static void roles(void **state)
{
	EXPECT(PORT("{tap: t, isolated: true, community: c}"),
	       "5:35 conflict tenants.a.ports.p.community | one role");
	EXPECT(PORT("{tap: t, network: n, isolated: true}"),
	       "5:31 conflict tenants.a.ports.p.isolated | isolated: true");
	EXPECT(PORT("{tap: t, trunk: {allow: [n, m]}, community: c}"),
	       "5:43 conflict tenants.a.ports.p.community");
	model_destroy(written_model(PORT("{tap: t, network: n, promiscuous: true}")));
	model_destroy(written_model(PORT("{tap: t, isolated: true}")));
}

static void quotas_and_limits(void **state)
{
	char *text = malloc(1 << 20), *at;

	EXPECT("tenants:\n  a:\n    quota: {ports: 1, networks: 1}\n    networks: {n: {}, m: {}}\n"
	       "    ports: {p: {tap: t}, q: {tap: u}}\n",
	       "4:5 quota tenants.a.networks | quota.networks",
	       "5:5 quota tenants.a.ports | quota.ports");
	at = stpcpy(text, "tenants:\n  a:\n    ports:\n");
	for (int i = 0; i < LIMIT_PORTS; i++)
		at += sprintf(at, "      p%d: {tap: t%d}\n", i, i);
	EXPECT(text, "1:1 limit tenants | 1023");
	at = stpcpy(text, "tenants:\n  a:\n    networks:\n");
	for (int i = 0; i < LIMIT_NETWORKS; i++)
		at += sprintf(at, "      n%d: {}\n", i);
	EXPECT(text, "1:1 limit tenants | 4095");
	at = stpcpy(text, "tenants:\n");
	for (int i = 0; i < LIMIT_TENANTS; i++)
		at += sprintf(at, "  t%d:\n", i);
	EXPECT(text, "1:1 limit tenants | 1023");
	at = stpcpy(text, PORT("{tap: t, macs: [")) - 1;
	for (int i = 0; i <= LIMIT_BOUND_MACS; i++)
		at += sprintf(at, "'02:00:00:00:00:%02x', ", i);
	strcpy(at, "]}\n");
	EXPECT(text, "5:25 limit tenants.a.ports.p.macs | 64");
	free(text);
}

/* 65 trunks of 64 MACs in 64 networks each are more than LIMIT_STATICS. */
static void bound_macs_have_a_limit_in_all(void **state)
{
	char *text = malloc(4 << 20), *at = stpcpy(text, "tenants:\n  a:\n    networks:\n");

	for (int i = 1; i <= 64; i++)
		at += sprintf(at, "      n%d: {vlan: %d}\n", i, i);
	at = stpcpy(at, "    ports:\n");
	for (int p = 0; p < 65; p++) {
		at += sprintf(at, "      p%d:\n        tap: t%d\n        macs: [", p, p);
		for (int i = 0; i < 64; i++)
			at += sprintf(at, "'02:00:00:00:%02x:%02x', ", p, i);
		at = stpcpy(at, "]\n        trunk: {allow: [");
		for (int i = 1; i <= 64; i++)
			at += sprintf(at, "n%d, ", i);
		at = stpcpy(at, "]}\n");
	}
	EXPECT(text, "1:1 limit tenants | 262144");
	free(text);
}

static void what_is_not_built_is_refused(void **state)
{
	EXPECT(PORT("{tap: t, groups: [web], acl: {in: x}}"),
	       "5:28 no-such-name tenants.a.ports.p.groups[0] | tenants.a.groups",
	       "5:44 no-such-name tenants.a.ports.p.acl.in | tenants.a.acls");
	EXPECT(PORT("{pcap: /tmp/x, qinq: n}"), "5:11 not-yet tenants.a.ports.p.pcap");
	EXPECT("mirrors: {ids: {from: [a/p], direction: both, to: /var/tmp/x}}",
	       "1:11 not-yet mirrors.ids");
}

static void what_is_not_built_is_checked_all_the_same(void **state)
{
	EXPECT("mirrors: {ids: {form: [], direction: up}}", "1:11 not-yet mirrors.ids",
	       "1:17 unknown-key mirrors.ids.form | \"from\"",
	       "1:38 bad-value mirrors.ids.direction");
}

static void rates_have_units_and_bounds(void **state)
{
	EXPECT(PORT("{tap: t, rate: {in: 1000, out: 1xbit, up: 1gbit}}"),
	       "5:30 missing-unit tenants.a.ports.p.rate.in | 1gbit",
	       "5:41 bad-value tenants.a.ports.p.rate.out",
	       "5:48 unknown-key tenants.a.ports.p.rate.up");
	EXPECT(PORT("{tap: t, rate: {in: 999bit, pps: 0pps, burst: 11s}}"),
	       "5:30 out-of-range tenants.a.ports.p.rate.in",
	       "5:43 out-of-range tenants.a.ports.p.rate.pps",
	       "5:56 out-of-range tenants.a.ports.p.rate.burst");
	EXPECT(PORT("{tap: t, rate: 1gbit}"), "5:25 wrong-type tenants.a.ports.p.rate");
	EXPECT(PORT("{tap: t, storm: 99999999999999gpps, bpdu: maybe}"),
	       "5:26 out-of-range tenants.a.ports.p.storm",
	       "5:52 bad-value tenants.a.ports.p.bpdu");
	EXPECT(PORT("{tap: t, storm: {broadcast: 5, unicast: 5pps}}"),
	       "5:38 missing-unit tenants.a.ports.p.storm.broadcast | 500pps",
	       "5:41 unknown-key tenants.a.ports.p.storm.unicast");
	EXPECT(PORT("{tap: t, pcp: 8, dscp: high}"), "5:24 out-of-range tenants.a.ports.p.pcp",
	       "5:33 bad-value tenants.a.ports.p.dscp");
	EXPECT(PORT("{tap: t, rate: {in: 1gbit, over: wait}}"),
	       "5:43 conflict tenants.a.ports.p.rate.over | drop");
	EXPECT("tenants: {a: {rate: {over: wait}}}", "1:22 unknown-key tenants.a.rate.over");
	EXPECT("tenants: {a: {rate: {in: fast}}}", "1:26 bad-value tenants.a.rate.in");
}

static void rules_are_told_at_their_column(void **state)
{
	EXPECT("tenants:\n  a:\n    groups:\n      g:\n"
	       "        - allow in tcp 80x from any\n"
	       "        - \"allow in udp 53 to any\"\n"
	       "        - >\n          allow maybe\n"
	       "        - {allow: in, proto: tcp, ports: 0}\n"
	       "        - {allow: in, prot: tcp}\n"
	       "        - [allow]\n"
	       "        - allow in\n",
	       "5:24 bad-value tenants.a.groups.g[0]",
	       "6:28 bad-value tenants.a.groups.g[1] | from",
	       "7:11 bad-value tenants.a.groups.g[2]", "9:42 bad-value tenants.a.groups.g[3].ports",
	       "10:23 unknown-key tenants.a.groups.g[4].prot",
	       "11:11 wrong-type tenants.a.groups.g[5]",
	       "12:19 bad-value tenants.a.groups.g[6] | protocol");
	EXPECT("tenants:\n  a:\n    acls:\n      l:\n"
	       "        - drop tcp to any port 23 log\n"
	       "        - {drop: tcp, to: any, to-port: 23, log: true}\n"
	       "        - {drop: tcp, to: any, to-port: 23, log: maybe}\n"
	       "        - {accept: any, ethertype: 0x5ff}\n",
	       "7:50 bad-value tenants.a.acls.l[2].log",
	       "8:36 bad-value tenants.a.acls.l[3].ethertype");
}

static void all_problems_are_told_at_once_and_bounded(void **state)
{
	char *text = malloc(1 << 20), *at = stpcpy(text, "tenants:\n  a:\n    networks:\n");
	struct problems problems = {0};
	struct document *document;
	struct model *model;

	for (int i = 0; i < 1000; i++)
		at += sprintf(at, "      n%d: {vlan: 0, mtu: 0}\n", i);
	document = written_document(text);
	assert_int_equal(model_build(document, &written_host, &problems, &model), -EINVAL);
	assert_int_equal(problems.count, PROBLEMS_MAX);
	assert_int_equal(problems.total, 2000);
	problems_clear(&problems);
	document_destroy(document);
	free(text);
}

static void rules_name_what_their_tenant_has(void **state)
{
	EXPECT("tenants:\n  a:\n    sets: {office: [10.0.0.0/8, 10.0.0.0/8, x]}\n"
	       "    groups:\n      web:\n        - allow in tcp from group:wbe\n"
	       "        - allow in tcp from set:offce\n"
	       "        - allow in tcp from set:theirs\n"
	       "  b:\n    sets: {theirs: [10.0.0.1]}\n",
	       "3:33 bad-value tenants.a.sets.office[1] | remove one",
	       "3:45 bad-value tenants.a.sets.office[2]",
	       "6:11 no-such-name tenants.a.groups.web[0] | \"web\"",
	       "7:11 no-such-name tenants.a.groups.web[1] | \"office\"",
	       "8:11 no-such-name tenants.a.groups.web[2] | tenants.a.sets");
}

static void rules_have_a_quota(void **state)
{
	EXPECT("tenants:\n  a:\n    quota: {rules: 2}\n    groups: {g: [allow in any, allow out any]}\n"
	       "    acls: {l: [accept any], m: [accept any]}\n",
	       "5:12 quota tenants.a.acls.l | raise quota.rules");
}

/* What comes through the API has paths, but no places. */
static void json_has_no_places(void **state)
{
	json_t *tree =
		written_json("{'tenants': {'a': {'ports': {'p': {'tap': ['t']}}, 'users': 5}}}");
	struct problems problems = {0};
	struct document *document;
	struct model *model;

	assert_int_equal(document_from_json(tree, &document), 0);
	assert_int_equal(model_build(document, &written_host, &problems, &model), -EINVAL);
	assert_int_equal(problems.count, 2);
	assert_int_equal(problems.list[0].place.line, 0);
	assert_null(problems.list[0].place.file);
	assert_string_equal(problems.list[0].path, "tenants.a.users");
	assert_string_equal(problems.list[1].path, "tenants.a.ports.p.tap");
	problems_clear(&problems);
	document_destroy(document);
	json_decref(tree);
}

/* Values of every JSON type wherever a value may stand. */
static void no_type_is_trusted(void **state)
{
	static const char *const values[] = {"null",
					     "true",
					     "1",
					     "-1.5",
					     "''",
					     "'x'",
					     "[]",
					     "[[]]",
					     "{}",
					     "{'x': {'x': {}}}",
					     "[null, 1, true, {}]"};
	static const char *const places[] = {
		"%s",
		"{'tenants': %s, 'uplinks': %s, 'mirrors': %s}",
		"{'tenants': {'a': %s}, 'uplinks': {'u': %s}, 'mirrors': {'m': %s}}",
		"{'tenants': {'a': {'networks': %s, 'ports': %s, 'groups': %s, 'acls': %s, 'quota': %s,"
		" 'users': %s}}}",
		"{'tenants': {'a': {'networks': {'n': %s}, 'ports': {'p': %s}, 'groups': {'g': %s},"
		" 'acls': {'l': %s}, 'quota': {'ports': %s}, 'users': [%s]}}}",
		"{'tenants': {'a': {'ports': {'p': {'tap': %s, 'trunk': %s, 'macs': %s, 'addresses': %s,"
		" 'groups': %s, 'acl': %s, 'rate': %s, 'community': %s}}}}}",
		"{'tenants': {'a': {'ports': {'p': {'vhost-user': %s, 'network': %s, 'macs': [%s],"
		" 'trunk': {'native': %s, 'allow': [%s]}, 'mode': %s, 'queues': %s}}}}}",
		"{'uplinks': {'u': {'device': %s, 'trunk': %s, 'map': %s}}}",
		"{'uplinks': {'u': {'device': 'd', 'trunk': [%s], 'map': {'a/b': %s}}}}",
		"{'tenants': {'a': {'groups': {'g': [%s, {'allow': %s}]}, 'acls': {'l': [{'log': %s}]}}}}",
	};

	for (unsigned p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
		for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			struct problems problems = {0};
			struct document *document;
			struct model *model = NULL;
			const char *x = values[v];
			char text[1000];
			json_t *tree;

			snprintf(text, sizeof(text), places[p], x, x, x, x, x, x, x, x);
			tree = written_json(text);
			assert_int_equal(document_from_json(tree, &document), 0);
			if (model_build(document, &written_host, &problems, &model))
				assert_true(problems.count > 0);
			else
				model_destroy(model);
			problems_clear(&problems);
			document_destroy(document);
			json_decref(tree);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_keys),
		cmocka_unit_test(wrong_types),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(numbers_and_units),
		cmocka_unit_test(attachments),
		cmocka_unit_test(socket_paths_fit),
		cmocka_unit_test(devices_are_used_once),
		cmocka_unit_test(references),
		cmocka_unit_test(references_stay_within_the_tenant),
		cmocka_unit_test(shares),
		cmocka_unit_test(trunks),
		cmocka_unit_test(a_vlan_means_one_network_on_a_wire),
		cmocka_unit_test(a_vlan_may_be_used_on_two_wires),
		cmocka_unit_test(macs),
		cmocka_unit_test(addresses),
		cmocka_unit_test(roles),
		cmocka_unit_test(quotas_and_limits),
		cmocka_unit_test(bound_macs_have_a_limit_in_all),
		cmocka_unit_test(what_is_not_built_is_refused),
		cmocka_unit_test(what_is_not_built_is_checked_all_the_same),
		cmocka_unit_test(rates_have_units_and_bounds),
		cmocka_unit_test(rules_are_told_at_their_column),
		cmocka_unit_test(rules_name_what_their_tenant_has),
		cmocka_unit_test(rules_have_a_quota),
		cmocka_unit_test(all_problems_are_told_at_once_and_bounded),
		cmocka_unit_test(json_has_no_places),
		cmocka_unit_test(no_type_is_trusted),
	};

	return cmocka_run_group_tests_name("model-problems", tests, NULL, NULL);
}
