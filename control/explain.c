/*
 * explain - see explain.h.
 */
#include "control/explain.h"

#include <stdio.h>
#include <string.h>

#include "control/compile_lists.h"

const char *explain_hit(const struct model *model, const struct filter_hit *hit,
			char ret_text[EXPLAIN_TEXT])
{
	const struct model_rules *rules = NULL;
	const struct model_rule *rule;
	char line[RULE_TEXT];

	rule = compile_find_rule(model, hit->list, hit->rule, &rules);
	if (!rule) {
		snprintf(ret_text, EXPLAIN_TEXT, "no rule of %s matches",
			 rules ? rules->name : "the list");
		return ret_text;
	}
	/* lists of ACLs come behind those of groups */
	if (hit->list > 2 * model->n_groups)
		rule_format_acl(rule->acl, line);
	else
		rule_format_group(rule->group, line);
	snprintf(ret_text, EXPLAIN_TEXT, "rule %td of %s, \"%s\"", rule - rules->rules + 1,
		 rules->name, line);
	if (rule->written.file)
		snprintf(ret_text + strlen(ret_text), EXPLAIN_TEXT - strlen(ret_text), " (%s:%u)",
			 rule->written.file, rule->written.line);
	return ret_text;
}

const char *explain_groups(const struct model_port *port, char ret_text[EXPLAIN_TEXT])
{
	ret_text[0] = '\0';
	for (uint32_t i = 0; i < port->n_groups; i++) {
		size_t used = strlen(ret_text);

		snprintf(ret_text + used, EXPLAIN_TEXT - used, "%s%s", i ? ", " : "",
			 port->groups[i]->name);
	}
	return ret_text;
}

const char *explain_stage(enum decide_stage stage, enum drop reason)
{
	static const char *const words[] = {
		[STAGE_PARSE] = "parse",   [STAGE_PLACE] = "place",   [STAGE_GUARD] = "guard",
		[STAGE_ADMIT] = "acl",	   [STAGE_LOOKUP] = "lookup", [STAGE_PERMIT] = "permit",
		[STAGE_FILTER] = "groups", [STAGE_DONE] = "session",
	};

	switch (reason) { /* of stages that decide() knows nothing of */
	case DROP_BAD_CHAIN:
	case DROP_BAD_OFFLOAD: return "take";
	case DROP_RATE: return "rate";
	case DROP_STORM: return "storm";
	case DROP_PORT_DOWN:
	case DROP_RING_FULL:
	case DROP_BUFFER_SMALL:
	case DROP_RING_BROKEN:
	case DROP_DEVICE_ERROR:
	case DROP_SEGMENT_ERROR: return "deliver";
	default: break;
	}
	if (stage == STAGE_FILTER && reason != DROP_GROUP_IN && reason != DROP_GROUP_OUT)
		return reason == DROP_ACL_OUT ? "acl" : "session";
	return stage < sizeof(words) / sizeof(words[0]) ? words[stage] : "unknown";
}
