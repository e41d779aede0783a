/*
 * compile_rule - a rule as the classifier wants it.
 *
 * Between the language (rule.h) and the data plane (switch/classify.h). Pure.
 */
#ifndef CONTROL_COMPILE_RULE_H
#define CONTROL_COMPILE_RULE_H

#include "control/rule.h"
#include "switch/classify.h"

_Static_assert((int)RULE_PORT_RANGES <= (int)CLASSIFY_RANGES, "each list of ports fits");

/* A rule and the ranges that it points to; it must stay where it was made. */
struct compile_rule {
	struct classify_rule rule;
	struct classify_range src[RULE_PORT_RANGES];
	struct classify_range dst[RULE_PORT_RANGES];
};

/* @set: the number of the group or address set that is the peer; 0 if it is none. */
void compile_rule_group(const struct rule_group *rule, uint32_t set, struct compile_rule *ret);
void compile_rule_acl(const struct rule_acl *rule, struct compile_rule *ret);

/* A prefix; *@ret_family: 4 or 6. The length comes from the mask. */
void compile_rule_prefix(const struct address_prefix *prefix, struct classify_prefix *ret_prefix,
			 int *ret_family);

#endif
