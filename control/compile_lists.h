/*
 * compile_lists - the groups, ACLs and address sets of a model, into a policy.
 *
 * Numbers. Groups are numbered as they stand in the model, from 1; each has two
 * lists of rules, one a direction; ACLs' lists come behind them, then address sets
 * from POLICY_SETS on. Numbers change with a commit; nothing remembers them longer.
 *
 * Hits. The counters of a list's rules have places, which stay with the list as
 * long as it says the same: @previous, the policy that runs, tells where they are.
 * A list that is new or says something else gets other places, with another tag.
 *
 * What is compiled already. A list that both models share (rule_list.h), and whose rules
 * name the same numbers in both, is not compiled again: the section of the previous
 * policy is what that would give.
 */
#ifndef CONTROL_COMPILE_LISTS_H
#define CONTROL_COMPILE_LISTS_H

#include "control/ids.h"
#include "control/model.h"
#include "switch/policy.h"

/* A policy that runs, and the model it was compiled from, or NULL if that is not known. */
struct compile_previous {
	const struct policy *policy;
	const struct model *model;
};

/* The numbers of lists: of @model's group and ACL, which must be its own; 0 for NULL. */
uint16_t compile_list_in(const struct model *model, const struct model_rules *group);
uint16_t compile_list_out(const struct model *model, const struct model_rules *group);
uint16_t compile_list_acl(const struct model *model, const struct model_rules *acl);
uint16_t compile_group_number(const struct model *model, const struct model_rules *group);

/*
 * The rule that a list of the policy calls @rule: a group's rules are counted in
 * their direction. NULL: @list is none of @model, or has not so many rules.
 */
const struct model_rule *compile_find_rule(const struct model *model, uint16_t list, uint32_t rule,
					   const struct model_rules **ret_rules);

/*
 * Put all of them into @builder. @previous may be NULL. -ENOMEM; -E2BIG, and
 * *@ret_blamed is the name of what would cost too much to look up.
 */
int compile_lists(struct policy_builder *builder, const struct ids *ids, const struct model *model,
		  uint64_t generation, const struct compile_previous *previous,
		  const char **ret_blamed) __attribute__((warn_unused_result));

#endif
