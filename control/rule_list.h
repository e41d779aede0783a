/*
 * rule_list - the rules of a group or an ACL, as a value that models share.
 *
 * A list of rules is read once and written once, however many models it then is
 * in: the next configuration takes from the running one the lists that say the
 * same. Who finds the same list in two models knows, without looking at a rule,
 * that all that follows from its rules alone is the same.
 *
 * Memory. Counted references; not changed any more after rule_list_finish().
 * Threads: the control process's one.
 */
#ifndef CONTROL_RULE_LIST_H
#define CONTROL_RULE_LIST_H

#include <jansson.h>

#include "control/rule.h"

/* A list of a group is two for the policy: for each direction one. */
enum rule_direction {
	RULE_IN,
	RULE_OUT,
	RULE_DIRECTIONS,
};

struct rule_list {
	unsigned references;
	bool is_acl;
	uint32_t n_rules;
	struct rule_acl *acls;	   /* n_rules of them, if it is an ACL */
	struct rule_group *groups; /* if it is none */
	json_t *lines;		   /* an array: each rule as rule_format_*() writes it */
	/* what the rules of a direction say, and how many they are; an ACL's are RULE_IN */
	uint64_t digests[RULE_DIRECTIONS];
	uint32_t counts[RULE_DIRECTIONS];
};

/* A list of @n_rules empty rules, for the caller to fill in. -ENOMEM. */
int rule_list_create(bool is_acl, uint32_t n_rules, struct rule_list **ret)
	__attribute__((warn_unused_result));

/* All rules are in: write their lines. -ENOMEM. */
int rule_list_finish(struct rule_list *list) __attribute__((warn_unused_result));

/* One reference more; one less, and without any it is freed (NULL is fine). */
struct rule_list *rule_list_take(struct rule_list *list);
void rule_list_drop(struct rule_list *list);

/* The line of a rule, which lives as long as the list. */
const char *rule_list_line(const struct rule_list *list, uint32_t rule);

#endif
