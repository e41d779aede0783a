/*
 * records - what rules that say `log` have recorded.
 *
 * The data plane leaves records in the counters memory (switch/rule_log.h). While some
 * rule of the configuration says `log`, they are looked for five times a second, put into
 * words, told to watchers, and kept for `rule log`: of each tenant the last
 * RECORDS_KEPT, in memory. Nothing is written to a file or to stderr, so nobody's
 * traffic can fill a disk.
 *
 * Of a tenant's rules RECORDS_A_SECOND are told at most; how many were left out
 * is in the next that is told. Tenants have each their own.
 *
 * A record names its rule by numbers of a policy. It is understood while that one runs:
 * records_collect() comes before each change of it.
 *
 * One thread, the daemon's.
 */
#ifndef CONTROL_RECORDS_H
#define CONTROL_RECORDS_H

#include "control/api.h"

enum {
	RECORDS_KEPT = 100,
	RECORDS_A_SECOND = 32,
};

struct records;

int records_create(struct daemon *daemon, struct records **ret) __attribute__((warn_unused_result));
void records_destroy(struct records *records); /* NULL is fine */

/* Take what there is. */
void records_collect(struct records *records);

/* Another configuration runs: does it record anything? */
void records_configure(struct records *records);

/* `rule.log`: what is kept of the tenants that the caller sees, or of one port. */
json_t *records_report(struct api_call *call);

#endif
