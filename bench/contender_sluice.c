/*
 * contender_sluice - Sluice itself, as a tenant has it: access ports of a network with a VLAN,
 * learning, bound source addresses, statistics; and with rules.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bench/contender.h"
#include "bench/document.h"

static bool is_found(const struct place *place)
{
	char path[300];

	place_path(place, "sluiced", path, sizeof(path));
	return child_is_found(path);
}

int contender_start_sluice(struct contender *contender, const struct place *own,
			   const char *document)
{
	char program[300], state[80], cpu[16];
	const char *argv[] = {program,	   "--config",	"",	     "--state-dir", state,
			      "--run-dir", own->folder, "--workers", cpu,	    NULL};
	int error;

	argv[2] = document;
	place_path(own, "sluiced", program, sizeof(program));
	snprintf(state, sizeof(state), "%s/state", own->folder);
	snprintf(cpu, sizeof(cpu), "%d", own->cpu);
	if (mkdir(state, 0700))
		return -errno;
	error = child_start(&contender->children[0], argv, own->cpu, own->folder, "sluice");
	return error ? error : contender_await_ports(contender);
}

static int write_document(const struct contender *contender, const char *path)
{
	enum contender_policy policy = contender->kind->policy;
	const char *groups = policy & POLICY_GROUPS ? ", groups: [g]" : "";
	char a[160], b[160];
	FILE *to = fopen(path, "we");

	if (!to)
		return -errno;
	snprintf(a, sizeof(a), "%s%s%s", document_mac_a, groups,
		 policy & POLICY_RULES ? ", acl: {in: many}" : "");
	snprintf(b, sizeof(b), "%s%s", document_mac_b, groups);
	fputs("tenants:\n", to);
	document_begin(to, "vlan: 10");
	if (policy & POLICY_RULES)
		document_rules(to, CONTENDER_RULES);
	if (policy & POLICY_GROUPS)
		document_group(to);
	if (contender->kind->side == GUEST_VHOST)
		document_ports(to, a, b);
	else
		document_taps(to, contender->paths[0], a, contender->paths[1], b);
	return fclose(to) ? -EIO : 0;
}

static int start(struct contender *contender, const struct place *own)
{
	static const char *const notes[] = {
		[POLICY_NONE] = "",
		[POLICY_RULES] = ", 1000 ACL rules",
		[POLICY_GROUPS] = ", stateful groups",
		[POLICY_BOTH] = ", 1000 ACL rules and stateful groups",
	};
	char document[80];
	int error;

	for (int i = 0; i < CONTENDER_PORTS && contender->kind->side != GUEST_VHOST; i++)
		snprintf(contender->paths[i], sizeof(contender->paths[i]), "sluice-%c", 'a' + i);
	snprintf(document, sizeof(document), "%s/sluice.yaml", own->folder);
	snprintf(contender->note, sizeof(contender->note),
		 "access ports%s in VLAN 10, learning, bound MACs, statistics%s; one worker",
		 contender->kind->side == GUEST_VHOST ? "" : " with taps",
		 notes[contender->kind->policy]);
	error = write_document(contender, document);
	return error ? error : contender_start_sluice(contender, own, document);
}

const struct contender_kind contender_sluice = {
	.name = "sluice",
	.title = "Sluice",
	.fields = FIELD_PLAIN | FIELD_POLICY,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_sluice_rules = {
	.name = "sluice-rules",
	.title = "Sluice, 1000 rules",
	.fields = FIELD_POLICY,
	.policy = POLICY_RULES,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_sluice_groups = {
	.name = "sluice-groups",
	.title = "Sluice, stateful",
	.fields = FIELD_POLICY,
	.policy = POLICY_GROUPS,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_sluice_both = {
	.name = "sluice-both",
	.title = "Sluice, both",
	.fields = FIELD_POLICY,
	.policy = POLICY_BOTH,
	.is_found = is_found,
	.start = start,
};

const struct contender_kind contender_sluice_taps = {
	.name = "sluice-taps",
	.title = "Sluice, taps",
	.side = GUEST_PACKET,
	.fields = FIELD_TAPS,
	.is_found = is_found,
	.start = start,
};
