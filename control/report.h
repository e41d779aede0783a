/*
 * report - the methods that show something and change nothing.
 *
 * Each gives what `sluicectl -o json` prints. Lists are arrays of objects, each
 * with all its fields; a field without a value is null. Objects that do not
 * exist for the caller are left out.
 *
 * One file a subject: report_object.c (tenants, networks, ports, the document),
 * report_counter.c (stats, drops, workers), report_fdb.c, report_rule.c (groups, ACLs, sets,
 * hits, sessions), report_status.c.
 */
#ifndef CONTROL_REPORT_H
#define CONTROL_REPORT_H

#include "control/api.h"

json_t *report_tenants(struct api_call *call);
json_t *report_usage(struct api_call *call); /* tenants with their traffic */
json_t *report_networks(struct api_call *call);
json_t *report_ports(struct api_call *call);  /* of tenants, or uplinks: as the call's kind says */
json_t *report_object(struct api_call *call); /* one of the call's kind, with all that is known */
json_t *report_document(struct api_call *call);

json_t *report_stats(struct api_call *call);
json_t *report_drops(struct api_call *call);
json_t *report_workers(struct api_call *call);

json_t *report_fdb(struct api_call *call);
json_t *report_multicast(struct api_call *call);

json_t *report_lists(struct api_call *call); /* groups or ACLs: as the call's kind says */
json_t *report_sets(struct api_call *call);
json_t *report_rules(struct api_call *call);
json_t *report_sessions(struct api_call *call);

json_t *report_status(struct api_call *call);
json_t *report_version(struct api_call *call);
json_t *report_watch(struct api_call *call); /* from now on the client gets events */

/* ---- what the reports share ---- */

/* The group, ACL or address set @name as `show` has it, or NULL. */
json_t *report_filter(const struct daemon *daemon, enum edit_kind kind, const char *name);

/* The counters of @port since its data plane began, all zero if there are none; until the next call. */
const struct port_counters *report_counters(const struct daemon *daemon, struct port_ref port);

/* Packets of @counters that were lost, in both directions. */
uint64_t report_lost(const struct port_counters *counters);

/* How many addresses were learned in each network, and one that was learned behind each port. */
struct learned {
	uint32_t networks[LIMIT_NETWORKS + 1];
	mac48 ports[LIMIT_PORTS]; /* by id; 0: none */
};
void report_learned(const struct daemon *daemon, struct learned *ret_learned);

#endif
