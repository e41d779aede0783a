/*
 * rule_log - frames that met a rule which says `log`.
 *
 * A record is a header and the rule, in the counters memory, from where the control
 * process takes it: no system call, no allocation, and nobody waits. Each writer has
 * RULE_LOG_PLACES places for each port, which it fills by turns with what came from
 * that port. So a port that floods loses its own records and no other's.
 *
 * Rates. A writer records a rule RULE_LOG_A_SECOND times a second at most; the rule's
 * hits count on. Frames that meet such a rule are decided about one by one: no flow of theirs is
 * cached (flow.h). Of a frame that is flooded, the receivers' rules are not recorded.
 */
#ifndef SWITCH_RULE_LOG_H
#define SWITCH_RULE_LOG_H

#include "switch/refusal.h"

enum {
	RULE_LOG_PLACES = COUNTERS_LOG_PLACES, /* of a writer, for a port */
	RULE_LOG_A_SECOND = 8,
};

/*
 * Note that @frame from @in, perhaps to @out, met the rule of @hit in @step. The
 * record's stage is the step. Writer only.
 */
void rule_log_note(struct counters *counters, unsigned writer, struct port_ref in,
		   struct port_ref out, const struct frame *frame, const struct policy *policy,
		   const struct filter_hit *hit, enum filter_step step, clock_ms now);

/*
 * What @writer recorded of @port since it had recorded *@seen times, oldest first; how many.
 * What it has overwritten meanwhile is lost. *@seen is brought up to date.
 */
unsigned rule_log_read(const struct counters *counters, unsigned writer, struct port_ref port,
		       uint64_t *seen, struct refusal ret_records[RULE_LOG_PLACES]);

#endif
