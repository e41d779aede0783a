/*
 * compile_lists - see compile_lists.h.
 */
#include "control/compile_lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/compile_rule.h"

/* ---- numbers ---- */

uint16_t compile_group_number(const struct model *model, const struct model_rules *group)
{
	return (uint16_t)(group - model->groups + 1);
}

uint16_t compile_list_in(const struct model *model, const struct model_rules *group)
{
	return (uint16_t)(2 * compile_group_number(model, group) - 1);
}

uint16_t compile_list_out(const struct model *model, const struct model_rules *group)
{
	return (uint16_t)(2 * compile_group_number(model, group));
}

uint16_t compile_list_acl(const struct model *model, const struct model_rules *acl)
{
	return acl ? (uint16_t)(2 * model->n_groups + 1 + (acl - model->acls)) : 0;
}

static uint32_t set_number(const struct model *model, const struct model_rule *rule)
{
	if (rule->peer_group)
		return compile_group_number(model, rule->peer_group);
	return rule->peer_set ? POLICY_SETS + 1 + (uint32_t)(rule->peer_set - model->sets) : 0;
}

/* One list of the policy: which rules of which object it holds. */
struct list {
	const struct model_rules *rules;
	enum policy_rules_kind kind;
	enum rule_direction direction;
	uint16_t number;
	uint32_t n_rules;
	uint64_t digest;
	uint32_t hits, hits_tag; /* tag 0: no place yet */
};

static bool is_of(const struct list *list, const struct model_rule *rule)
{
	return list->kind == POLICY_ACL || rule->group->out == (list->kind == POLICY_GROUP_OUT);
}

/* The list with the number @number; false if there is none. */
static bool find_list(const struct model *model, uint32_t number, struct list *ret_list)
{
	struct list list = {.number = (uint16_t)number};
	uint32_t n_group_lists = 2 * model->n_groups;

	if (number == 0 || number > n_group_lists + model->n_acls)
		return false;
	if (number <= n_group_lists) {
		list.rules = &model->groups[(number - 1) / 2];
		list.kind = number % 2 ? POLICY_GROUP_IN : POLICY_GROUP_OUT;
		list.direction = number % 2 ? RULE_IN : RULE_OUT;
	} else {
		list.rules = &model->acls[number - n_group_lists - 1];
		list.kind = POLICY_ACL;
	}
	list.n_rules = list.rules->list->counts[list.direction];
	list.digest = list.rules->list->digests[list.direction];
	*ret_list = list;
	return true;
}

const struct model_rule *compile_find_rule(const struct model *model, uint16_t number,
					   uint32_t rule, const struct model_rules **ret_rules)
{
	struct list list;

	if (!find_list(model, number, &list))
		return NULL;
	*ret_rules = list.rules;
	for (uint32_t i = 0; i < list.rules->n_rules; i++)
		if (is_of(&list, &list.rules->rules[i]) && rule-- == 0)
			return &list.rules->rules[i];
	return NULL;
}

/* ---- places of hits ---- */

static int compare_lists(const void *a, const void *b)
{
	const struct list *left = *(const struct list *const *)a;
	const struct list *right = *(const struct list *const *)b;
	int order = strcmp(left->rules->name, right->rules->name);

	return order ? order : (int)left->kind - (int)right->kind;
}

/* What ran before keeps its places, if it still says the same. */
static void keep_places(struct list **by_name, uint32_t n_lists, const struct policy *previous)
{
	for (uint32_t i = 1; i < previous->n_rules; i++) {
		const struct policy_rules *old = policy_rules(previous, (uint16_t)i);
		struct model_rules named = {.name = policy_at(previous, old->name)};
		struct list key = {.rules = &named, .kind = old->kind};
		struct list *wanted = &key, **found;

		if (!old->kind)
			continue;
		found = bsearch(&wanted, by_name, n_lists, sizeof(by_name[0]), compare_lists);
		if (!found || (*found)->digest != old->digest || (*found)->n_rules != old->n_rules)
			continue;
		(*found)->hits = old->hits;
		(*found)->hits_tag = old->hits_tag;
	}
}

static int compare_places(const void *a, const void *b)
{
	const struct list *left = *(const struct list *const *)a;
	const struct list *right = *(const struct list *const *)b;

	/* those that have places first, in their order; then the others */
	if (!left->hits_tag != !right->hits_tag)
		return left->hits_tag ? -1 : 1;
	return (left->hits > right->hits) - (left->hits < right->hits);
}

/*
 * Give places to the lists that have none: the first gap that is large enough,
 * from behind the one given last. False: no gap was.
 */
static bool give_places(struct list **lists, uint32_t n_lists, uint32_t tag)
{
	uint32_t n_kept = 0, next = 0, at = 0;

	qsort(lists, n_lists, sizeof(lists[0]), compare_places);
	while (n_kept < n_lists && lists[n_kept]->hits_tag)
		n_kept++;
	for (uint32_t i = n_kept; i < n_lists; i++) {
		while (next < n_kept && lists[next]->hits - at < lists[i]->n_rules) {
			at = lists[next]->hits + lists[next]->n_rules;
			next++;
		}
		if (lists[i]->n_rules > LIMIT_HITS - at)
			return false;
		lists[i]->hits = at;
		lists[i]->hits_tag = tag;
		at += lists[i]->n_rules;
	}
	return true;
}

/* Where each list has its counters. */
static int place_hits(struct list *lists, uint32_t n_lists, uint64_t generation,
		      const struct policy *previous)
{
	struct list **sorted = calloc(n_lists + 1, sizeof(*sorted));
	uint32_t tag = (uint32_t)generation ? (uint32_t)generation : 1;

	if (!sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_lists; i++)
		sorted[i] = &lists[i];
	qsort(sorted, n_lists, sizeof(*sorted), compare_lists);
	if (previous)
		keep_places(sorted, n_lists, previous);
	if (!give_places(sorted, n_lists, tag)) {
		/* there is room for all, but in pieces: everything anew */
		for (uint32_t i = 0; i < n_lists; i++)
			lists[i].hits = lists[i].hits_tag = 0;
		(void)give_places(sorted, n_lists, tag);
	}
	free(sorted);
	return 0;
}

/* ---- into the policy ---- */

/* Do the rules of both, which say the same, name the same numbers? */
static bool same_sets(const struct model *model, const struct model_rules *rules,
		      const struct model *previous, const struct model_rules *before)
{
	for (uint32_t i = 0; i < rules->n_rules; i++)
		if (set_number(model, &rules->rules[i]) != set_number(previous, &before->rules[i]))
			return false;
	return true;
}

/* What compiling @list would give, out of the previous policy; NULL if that is not known. */
static const struct classify *find_compiled(const struct model *model, const struct list *list,
					    const struct compile_previous *previous)
{
	const struct model_rules *before;
	uint16_t number;

	if (!previous || !previous->model)
		return NULL;
	before = list->kind == POLICY_ACL ? model_acl(previous->model, list->rules->name)
					  : model_group(previous->model, list->rules->name);
	if (!before || before->list != list->rules->list ||
	    !same_sets(model, list->rules, previous->model, before))
		return NULL;
	number = list->kind == POLICY_ACL	 ? compile_list_acl(previous->model, before)
		 : list->kind == POLICY_GROUP_IN ? compile_list_in(previous->model, before)
						 : compile_list_out(previous->model, before);
	return policy_compiled(previous->policy, number);
}

static int build_list(struct policy_builder *builder, const struct ids *ids,
		      const struct model *model, const struct compile_previous *previous,
		      const struct list *list)
{
	struct compile_rule *compiled = NULL;
	struct classify_rule *rules = NULL;
	struct policy_rules_spec spec = {
		.number = list->number,
		.kind = list->kind,
		.tenant = ids_tenant(ids, list->rules->tenant->name),
		.name = list->rules->name,
		.n_rules = list->n_rules,
		.compiled = find_compiled(model, list, previous),
		.hits = list->hits,
		.hits_tag = list->hits_tag,
		.digest = list->digest,
	};
	uint32_t n = 0;
	int error = -ENOMEM;

	if (spec.compiled)
		return policy_builder_rules(builder, &spec);
	compiled = calloc(list->n_rules + 1, sizeof(*compiled));
	rules = calloc(list->n_rules + 1, sizeof(*rules));
	if (!compiled || !rules)
		goto free_rules;
	for (uint32_t i = 0; i < list->rules->n_rules; i++) {
		const struct model_rule *rule = &list->rules->rules[i];

		if (!is_of(list, rule))
			continue;
		if (list->kind == POLICY_ACL)
			compile_rule_acl(rule->acl, &compiled[n]);
		else
			compile_rule_group(rule->group, set_number(model, rule), &compiled[n]);
		rules[n] = compiled[n].rule;
		n++;
	}
	spec.rules = rules;
	error = policy_builder_rules(builder, &spec);

free_rules:
	free(rules);
	free(compiled);
	return error;
}

static uint32_t put_members(const struct model_set *set, uint32_t number,
			    struct address_set_member *ret_members)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < set->n_addresses4; i++) {
		struct address_prefix prefix = {.family = AF_INET, .v4 = set->addresses4[i]};

		ret_members[count].set = number;
		compile_rule_prefix(&prefix, &ret_members[count].prefix,
				    &ret_members[count].family);
		count++;
	}
	for (uint32_t i = 0; i < set->n_addresses6; i++) {
		struct address_prefix prefix = {.family = AF_INET6, .v6 = set->addresses6[i]};

		ret_members[count].set = number;
		compile_rule_prefix(&prefix, &ret_members[count].prefix,
				    &ret_members[count].family);
		count++;
	}
	return count;
}

/* The sets [@first, @end) of the model, which are one tenant's. */
static int build_sets(struct policy_builder *builder, const struct ids *ids,
		      const struct model *model, uint32_t first, uint32_t end)
{
	struct address_set_member *members;
	uint32_t count = 0;
	int error;

	for (uint32_t i = first; i < end; i++)
		count += model->sets[i].n_addresses4 + model->sets[i].n_addresses6;
	members = calloc(count + 1, sizeof(*members));
	if (!members)
		return -ENOMEM;
	count = 0;
	for (uint32_t i = first; i < end; i++)
		count += put_members(&model->sets[i], POLICY_SETS + 1 + i, members + count);
	error = policy_builder_sets(builder, ids_tenant(ids, model->sets[first].tenant->name),
				    members, count);
	free(members);
	return error;
}

static int build_all_sets(struct policy_builder *builder, const struct ids *ids,
			  const struct model *model, const char **ret_blamed)
{
	uint32_t end;
	int error = 0;

	for (uint32_t first = 0; !error && first < model->n_sets; first = end) {
		for (end = first;
		     end < model->n_sets && model->sets[end].tenant == model->sets[first].tenant;)
			end++;
		*ret_blamed = model->sets[first].name;
		error = build_sets(builder, ids, model, first, end);
	}
	return error;
}

int compile_lists(struct policy_builder *builder, const struct ids *ids, const struct model *model,
		  uint64_t generation, const struct compile_previous *previous,
		  const char **ret_blamed)
{
	uint32_t n_lists = 2 * model->n_groups + model->n_acls;
	struct list *lists = calloc(n_lists + 1, sizeof(*lists));
	int error = lists ? 0 : -ENOMEM;

	for (uint32_t i = 0; !error && i < n_lists; i++)
		find_list(model, i + 1, &lists[i]);
	if (!error)
		error = place_hits(lists, n_lists, generation, previous ? previous->policy : NULL);
	for (uint32_t i = 0; !error && i < n_lists; i++) {
		*ret_blamed = lists[i].rules->name;
		error = build_list(builder, ids, model, previous, &lists[i]);
	}
	for (uint16_t i = 1; !error && i <= model->n_groups; i++)
		error = policy_builder_group(builder, i, (uint16_t)(2 * i - 1), (uint16_t)(2 * i));
	if (!error)
		error = build_all_sets(builder, ids, model, ret_blamed);
	free(lists);
	return error;
}
