/*
 * sweep - see sweep.h.
 *
 * The two ports that traffic flows between are bench/a and bench/b, as
 * contender_start_sluice() wants them.
 */
#include "bench/sweep.h"

#include <errno.h>

enum { MANY_SESSIONS = 100000 };

static const char macs_a[] = ", macs: [\"02:0a:00:00:00:00\"]";
static const char macs_b[] = ", macs: [\"02:0b:00:00:00:00\"]";

static void write_ports(FILE *to, const char *more_a, const char *more_b)
{
	fprintf(to,
		"    ports:\n"
		"      a: {vhost-user: sluice-a.sock, network: n%s}\n"
		"      b: {vhost-user: sluice-b.sock, network: n%s}\n",
		more_a, more_b);
}

static void write_bench(FILE *to, const char *networks)
{
	fprintf(to, "  bench:\n    networks: {n: {%s}}\n", networks);
}

static void write_many_ports(FILE *to, unsigned size)
{
	write_bench(to, "vlan: 10");
	write_ports(to, macs_a, macs_b);
	for (unsigned i = 2; i < size; i++)
		fprintf(to, "      idle-%u: {vhost-user: idle-%u.sock, network: n}\n", i, i);
}

static void write_many_macs(FILE *to, unsigned size)
{
	fprintf(to, "  bench:\n    quota: {macs-per-port: %u}\n", size + 1);
	fprintf(to, "    networks: {n: {vlan: 10, macs: %u}}\n", 2 * size + 2);
	write_ports(to, "", "");
}

static void write_plain(FILE *to, unsigned size)
{
	write_bench(to, "vlan: 10");
	write_ports(to, macs_a, macs_b);
}

static void write_many_networks(FILE *to, unsigned size)
{
	fputs("  bench:\n    networks:\n      n: {vlan: 1}\n", to);
	for (unsigned i = 2; i <= size; i++)
		fprintf(to, "      n%u: {vlan: %u}\n", i, i);
	write_ports(to, macs_a, macs_b);
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

/* Rules that look at what the frames have, and match none of them: 10.0.0.1 is not among the sources. */
static void write_many_rules(FILE *to, unsigned size)
{
	write_bench(to, "vlan: 10");
	fputs("    acls:\n      many:\n", to);
	for (unsigned i = 0; i < size; i++)
		fprintf(to, "        - drop udp from 10.%u.%u.0/24 to any port %u\n",
			1 + i / 256 % 250, i % 256, 1000 + i % 4000);
	fputs("        - accept any\n", to);
	write_ports(to, ", macs: [\"02:0a:00:00:00:00\"], acl: {in: many}", macs_b);
}

/* Without groups, or with groups that remember every flow. */
static void write_many_sessions(FILE *to, unsigned size)
{
	write_bench(to, "vlan: 10");
	if (size == 0) {
		write_ports(to, macs_a, macs_b);
		return;
	}
	fputs("    groups:\n      g:\n        - allow in udp 4000-4999 from any\n"
	      "        - allow out udp 4000-4999\n",
	      to);
	write_ports(to, ", macs: [\"02:0a:00:00:00:00\"], groups: [g]",
		    ", macs: [\"02:0b:00:00:00:00\"], groups: [g]");
}

static void shape_macs(struct stream_options *stream, unsigned size)
{
	stream->flows = size;
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
	 .keeps = 0.9,
	 .write = write_many_ports,
	 .ports = true},
	{.name = "macs",
	 .title = "MACs learned of each guest, 1 flow",
	 .sizes = {1, 1000, 30000, 65000},
	 .keeps = 0.9,
	 .write = write_many_macs,
	 .warm = shape_macs},
	{.name = "macs-all",
	 .title = "MACs of each guest, 1 flow each",
	 .sizes = {1, 1000, 30000, 65000},
	 .write = write_many_macs,
	 .shape = shape_macs},
	{.name = "flows",
	 .title = "flows",
	 .sizes = {1, 1000, 30000, 1000000},
	 .write = write_plain,
	 .shape = shape_flows},
	{.name = "networks",
	 .title = "networks",
	 .sizes = {1, 100, 4094},
	 .keeps = 0.9,
	 .write = write_many_networks},
	{.name = "tenants",
	 .title = "tenants with a port each",
	 .sizes = {1, 100, 500},
	 .keeps = 0.9,
	 .write = write_many_tenants},
	{.name = "rules",
	 .title = "ACL rules, 1000 flows",
	 .sizes = {0, 100, 10000, 100000},
	 .keeps = 0.9,
	 .write = write_many_rules,
	 .shape = shape_some_flows},
	{.name = "rules-new",
	 .title = "ACL rules, every flow new",
	 .sizes = {0, 100, 10000, 100000},
	 .write = write_many_rules,
	 .shape = shape_new_flows},
	{.name = "sessions",
	 .title = "sessions (0: no groups, 100000 flows)",
	 .sizes = {0, 1000, 10000, MANY_SESSIONS},
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
