/*
 * explain - what the rules said about a frame, in words.
 *
 * For `trace` and `why`: names the rule that a frame met, as it was written and
 * where, or says that none matched.
 */
#ifndef CONTROL_EXPLAIN_H
#define CONTROL_EXPLAIN_H

#include "control/model.h"
#include "switch/decide.h"

enum { EXPLAIN_TEXT = RULE_TEXT + 400 };

/*
 * "rule 3 of acme/web, "drop tcp to any port 23" (site.yaml:12)", or "no rule of
 * acme/web matches". @hit is of a policy that was compiled from @model. Gives @ret_text.
 */
const char *explain_hit(const struct model *model, const struct filter_hit *hit,
			char ret_text[EXPLAIN_TEXT]);

/* Where a frame was refused for @reason, as `trace` calls it: "acl", "groups". */
const char *explain_stage(enum decide_stage stage, enum drop reason);

/* The names of @port's groups: "acme/ssh, acme/web". Gives @ret_text. */
const char *explain_groups(const struct model_port *port, char ret_text[EXPLAIN_TEXT]);

#endif
