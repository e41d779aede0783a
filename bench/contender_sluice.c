/*
 * contender_sluice - Sluice itself, as a tenant has it: access ports of a network with a VLAN,
 * learning, bound source addresses, statistics.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bench/contender.h"

static bool is_found(const struct place *place)
{
	char path[300];

	place_path(place, "sluiced", path, sizeof(path));
	return child_is_found(path);
}

int contender_start_sluice(struct contender *contender, const struct place *place,
			   const char *document)
{
	char program[300], state[80], cpu[16];
	const char *argv[] = {program,	   "--config",	  document,    "--state-dir", state,
			      "--run-dir", place->folder, "--workers", cpu,	      NULL};
	int error;

	place_path(place, "sluiced", program, sizeof(program));
	snprintf(state, sizeof(state), "%s/sluice-state", place->folder);
	snprintf(cpu, sizeof(cpu), "%d", place->cpu);
	if (mkdir(state, 0700))
		return -errno;
	error = child_start(&contender->children[0], argv, place->cpu, place->folder, "sluice");
	return error ? error : contender_await_sockets(contender);
}

static int write_document(const char *path)
{
	FILE *to = fopen(path, "we");

	if (!to)
		return -errno;
	/* The addresses are those of the streams (stream.h). */
	fputs("tenants:\n"
	      "  bench:\n"
	      "    networks: {n: {vlan: 10}}\n"
	      "    ports:\n"
	      "      a: {vhost-user: sluice-a.sock, network: n, macs: [\"02:0a:00:00:00:00\"]}\n"
	      "      b: {vhost-user: sluice-b.sock, network: n, macs: [\"02:0b:00:00:00:00\"]}\n",
	      to);
	return fclose(to) ? -EIO : 0;
}

static int start(struct contender *contender, const struct place *place)
{
	char document[80];
	int error;

	snprintf(document, sizeof(document), "%s/sluice.yaml", place->folder);
	snprintf(contender->note, sizeof(contender->note),
		 "access ports in VLAN 10, learning, bound MACs, statistics; one worker");
	error = write_document(document);
	return error ? error : contender_start_sluice(contender, place, document);
}

const struct contender_kind contender_sluice = {
	.name = "sluice",
	.title = "Sluice",
	.is_found = is_found,
	.start = start,
};
