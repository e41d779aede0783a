/*
 * sweep - see sweep.h.
 */
#include "bench/sweep.h"

#include <errno.h>

#include "bench/document.h"

enum { MANY_SESSIONS = 100000 };

static void write_many_ports(FILE *to, unsigned size)
{
	document_begin(to, "vlan: 10");
	document_ports(to, document_mac_a, document_mac_b);
	for (unsigned i = 2; i < size; i++)
		fprintf(to, "      idle-%u: {vhost-user: idle-%u.sock, network: n}\n", i, i);
}

/* Half of them behind each guest. */
static void write_many_macs(FILE *to, unsigned size)
{
	fprintf(to, "  bench:\n    quota: {macs-per-port: %u}\n", size / 2 + 1);
	fprintf(to, "    networks: {n: {vlan: 10, macs: %u}}\n", size + 2);
	document_ports(to, "", "");
}

static void write_plain(FILE *to, unsigned size)
{
	document_begin(to, "vlan: 10");
	document_ports(to, document_mac_a, document_mac_b);
}

static void write_many_networks(FILE *to, unsigned size)
{
	fputs("  bench:\n    networks:\n      n: {vlan: 1}\n", to);
	for (unsigned i = 2; i <= size; i++)
		fprintf(to, "      n%u: {vlan: %u}\n", i, i);
	document_ports(to, document_mac_a, document_mac_b);
}

static void write_many_tenants(FILE *to, unsigned size)
{
	write_plain(to, size);
	for (unsigned i = 2; i <= size; i++)
		fprintf(to,
			"  t%u:\n    networks: {n: {vlan: %u}}\n    ports:\n"
			"      a: {vhost-user: t%u.sock, network: n}\n",
			i, i + 10, i);
}

/* None is no list at all. */
static void write_many_rules(FILE *to, unsigned size)
{
	if (size == 0) {
		write_plain(to, size);
		return;
	}
	document_begin(to, "vlan: 10");
	document_rules(to, size);
	document_ports(to, ", macs: [\"02:0a:00:00:00:00\"], acl: {in: many}", document_mac_b);
}

/* Without groups, or with groups that remember every flow. */
static void write_many_sessions(FILE *to, unsigned size)
{
	if (size == 0) {
		write_plain(to, size);
		return;
	}
	document_begin(to, "vlan: 10");
	fputs("    quota: {sessions: 1000000}\n", to);
	document_group(to);
	document_ports(to, ", macs: [\"02:0a:00:00:00:00\"], groups: [g]",
		       ", macs: [\"02:0b:00:00:00:00\"], groups: [g]");
}

static void shape_macs(struct stream_options *stream, unsigned size)
{
	stream->flows = size / 2;
	stream->vary = STREAM_MACS;
}

static void shape_flows(struct stream_options *stream, unsigned size)
{
	stream->flows = size;
}

static void shape_some_flows(struct stream_options *stream, unsigned size)
{
	stream->flows = 1000;
}

static void shape_sessions(struct stream_options *stream, unsigned size)
{
	stream->flows = size ? size : MANY_SESSIONS;
}

/* So many that a cache of flows knows none when it comes again. */
static void shape_new_flows(struct stream_options *stream, unsigned size)
{
	stream->flows = STREAM_FLOWS_MAX;
}

const struct sweep sweeps[SWEEPS] = {
	{.name = "ports",
	 .title = "ports, all but two idle",
	 .sizes = {2, 16, 64, 256},
	 .bar = 256,
	 .keeps = 0.9,
	 .write = write_many_ports,
	 .ports = true},
	{.name = "macs",
	 .title = "MACs learned, 1 flow",
	 .sizes = {2, 2000, 100000, 1000000},
	 .bar = 1000000,
	 .keeps = 0.9,
	 .write = write_many_macs,
	 .warm = shape_macs},
	{.name = "macs-all",
	 .title = "MACs, a flow of each pair",
	 .sizes = {2, 2000, 100000, 1000000},
	 .write = write_many_macs,
	 .shape = shape_macs},
	{.name = "flows",
	 .title = "flows",
	 .sizes = {1, 1000, 30000, 1000000},
	 .bar = 30000,
	 .keeps = 0.85,
	 .write = write_plain,
	 .shape = shape_flows},
	{.name = "networks",
	 .title = "networks",
	 .sizes = {1, 100, 4094},
	 .bar = 4094,
	 .keeps = 0.9,
	 .write = write_many_networks},
	{.name = "tenants",
	 .title = "tenants with a port each",
	 .sizes = {1, 100, 1000},
	 .bar = 1000,
	 .keeps = 0.9,
	 .write = write_many_tenants},
	{.name = "rules",
	 .title = "ACL rules, 1000 flows",
	 .sizes = {0, 1, 1000, 10000, 100000},
	 .bar = 10000,
	 .keeps = 0.9,
	 .write = write_many_rules,
	 .shape = shape_some_flows},
	{.name = "rules-new",
	 .title = "ACL rules, every flow new",
	 .sizes = {0, 1, 1000, 10000, 100000},
	 .bar = 100000,
	 .mpps = 1.5,
	 .write = write_many_rules,
	 .shape = shape_new_flows},
	{.name = "sessions",
	 .title = "sessions (0: no groups, 100000 flows)",
	 .sizes = {0, 1000, 10000, MANY_SESSIONS, 250000},
	 .bar = MANY_SESSIONS,
	 .keeps = 0.85,
	 .write = write_many_sessions,
	 .shape = shape_sessions},
};

unsigned sweep_points(const struct sweep *sweep)
{
	unsigned n = 1;

	while (n < SWEEP_POINTS && sweep->sizes[n])
		n++;
	return n;
}

int sweep_write(const struct sweep *sweep, unsigned size, const char *path)
{
	FILE *to = fopen(path, "we");

	if (!to)
		return -errno;
	fputs("tenants:\n", to);
	sweep->write(to, size);
	return fclose(to) ? -EIO : 0;
}
