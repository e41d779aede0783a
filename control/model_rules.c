/*
 * model_rules - address sets, security groups and ACLs of the tenants, and what
 * ports name of them.
 *
 * Names may be used before they are described, and groups name one another; so
 * all sets, groups and ACLs are known by name before the first rule is read.
 * Rules name what their own tenant has, and nothing else exists for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/model_parts.h"

/* A kind of named object of tenants. */
enum owned {
	OWNED_SET,
	OWNED_GROUP,
	OWNED_ACL,
	OWNED__KINDS,
};

static const struct {
	const char *section;
	const char *word;
	size_t size; /* of one in the model; each begins with its name */
} kinds[OWNED__KINDS] = {
	[OWNED_SET] = {"sets", "address set", sizeof(struct model_set)},
	[OWNED_GROUP] = {"groups", "group", sizeof(struct model_rules)},
	[OWNED_ACL] = {"acls", "ACL", sizeof(struct model_rules)},
};

/* Where the model keeps them. */
static void *objects_of(const struct model *model, enum owned kind, uint32_t *ret_count)
{
	switch (kind) {
	case OWNED_SET: *ret_count = model->n_sets; return model->sets;
	case OWNED_GROUP: *ret_count = model->n_groups; return model->groups;
	case OWNED_ACL:
	case OWNED__KINDS: break;
	}
	*ret_count = model->n_acls;
	return model->acls;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The object of @tenant with that local name, or NULL. */
static void *find_owned(const struct model *model, enum owned kind,
			const struct model_tenant *tenant, const char *local)
{
	char full[2 * LIMIT_NAME + 2];
	const char *name = full;
	uint32_t count;
	void *objects = objects_of(model, kind, &count);

	if (snprintf(full, sizeof(full), "%s/%s", tenant->name, local) >= (int)sizeof(full))
		return NULL;
	return count ? bsearch(&name, objects, count, kinds[kind].size, compare_names) : NULL;
}

/* The same, or a problem at @node that says which ones there are. */
static const void *demand_owned(struct reading *reading, const struct node *node, enum owned kind,
				const struct model_tenant *tenant, const char *local)
{
	const void *found = find_owned(reading->model, kind, tenant, local);
	struct suggest suggest = reading_suggest(reading, local);
	size_t prefix = strlen(tenant->name) + 1;
	const char *objects;
	uint32_t count;

	if (found)
		return found;
	objects = objects_of(reading->model, kind, &count);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = *(const char *const *)(objects + i * kinds[kind].size);

		if (!strncmp(name, tenant->name, prefix - 1) && name[prefix - 1] == '/')
			suggest_offer(&suggest, name + prefix);
	}
	reading_problem(reading, node, PROBLEM_NO_SUCH_NAME, "there is no %s \"%s\" in tenant %s",
			kinds[kind].word, local, tenant->name);
	if (suggest.best)
		problems_hint(reading->problems, "did you mean \"%s\"?", suggest.best);
	else
		problems_hint(reading->problems, "describe it under tenants.%s.%s", tenant->name,
			      kinds[kind].section);
	return NULL;
}

/* ---- walking the document ---- */

/* Call @visit with each object of the kind, and with its tenant. */
static void each_owned(struct reading *reading, const struct node *tenants, enum owned kind,
		       void (*visit)(struct reading *reading, const struct node *node,
				     enum owned kind, struct model_tenant *tenant))
{
	const char *key, *name;
	json_t *value, *object;

	json_object_foreach (tenants->value, key, value) {
		const struct node *node = reading_member(reading, tenants, key);
		const struct node *section =
			node ? reading_member(reading, node, kinds[kind].section) : NULL;
		/* the model is still ours to fill */
		struct model_tenant *tenant =
			(struct model_tenant *)model_tenant(reading->model, key);

		if (!section || !tenant || !json_is_object(section->value))
			continue;
		json_object_foreach (section->value, name, object) {
			const struct node *member = reading_member(reading, section, name);

			if (member && !reading->no_memory)
				visit(reading, member, kind, tenant);
		}
	}
}

static size_t count_owned(const struct node *tenants, enum owned kind)
{
	size_t count = 0;
	const char *key;
	json_t *value;

	json_object_foreach (tenants->value, key, value)
		count += json_object_size(json_object_get(value, kinds[kind].section));
	return count;
}

/* Enter an object's name; its rules or addresses come later. */
static void enter(struct reading *reading, const struct node *node, enum owned kind,
		  struct model_tenant *tenant)
{
	struct model *model = reading->model;
	char *name;

	if (!reading_key_is_name(reading, node))
		return;
	name = arena_format(reading->arena, "%s/%s", tenant->name, node->key);
	if (!name)
		reading->no_memory = true;
	else if (kind == OWNED_SET)
		model->sets[model->n_sets++] = (struct model_set){.name = name, .tenant = tenant};
	else if (kind == OWNED_GROUP)
		model->groups[model->n_groups++] =
			(struct model_rules){.name = name, .tenant = tenant};
	else
		model->acls[model->n_acls++] = (struct model_rules){.name = name, .tenant = tenant};
}

/* Make room for all, and enter their names. False if there are too many. */
static bool enter_all(struct reading *reading, const struct node *tenants)
{
	struct model *model = reading->model;
	size_t counts[OWNED__KINDS];

	for (enum owned kind = 0; kind < OWNED__KINDS; kind++) {
		counts[kind] = count_owned(tenants, kind);
		if (counts[kind] < LIMIT_GROUPS)
			continue;
		reading_problem_key(reading, tenants, PROBLEM_LIMIT, "%zu %ss are too many",
				    counts[kind], kinds[kind].word);
		problems_hint(reading->problems, "a switch has at most %d", LIMIT_GROUPS - 1);
		return false;
	}
	model->sets = reading_alloc(reading, counts[OWNED_SET], sizeof(model->sets[0]));
	model->groups = reading_alloc(reading, counts[OWNED_GROUP], sizeof(model->groups[0]));
	model->acls = reading_alloc(reading, counts[OWNED_ACL], sizeof(model->acls[0]));
	if (reading->no_memory)
		return false;
	for (enum owned kind = 0; kind < OWNED__KINDS; kind++) {
		uint32_t count;
		void *objects;

		each_owned(reading, tenants, kind, enter);
		objects = objects_of(model, kind, &count);
		qsort(objects, count, kinds[kind].size, compare_names);
	}
	return !reading->no_memory;
}

/* ---- their contents ---- */

/* Does @count fit into what is left of the limit of the whole switch? */
static bool claim_room(struct reading *reading, const struct node *node, size_t *used, size_t count,
		       size_t limit, const char *what)
{
	*used += count;
	if (*used <= limit)
		return true;
	reading_problem_key(reading, node, PROBLEM_LIMIT, "with these there are %zu %s", *used,
			    what);
	problems_hint(reading->problems, "a switch has at most %zu", limit);
	return false;
}

static void read_set(struct reading *reading, const struct node *node, enum owned kind,
		     struct model_tenant *tenant)
{
	struct model_set *set = find_owned(reading->model, kind, tenant, node->key);
	size_t count = json_array_size(node->value);

	if (!set || !reading_is_list(reading, node) ||
	    !claim_room(reading, node, &reading->n_set_prefixes, count, LIMIT_SET_PREFIXES,
			"addresses in sets"))
		return;
	reading_prefixes(reading, node, &set->addresses4, &set->n_addresses4, &set->addresses6,
			 &set->n_addresses6);
}

/* ---- what they have in common with those before ---- */

enum { AHEAD = 16 }; /* rules that may have gone from one place of a list */

static const struct model_rules *previous_rules(const struct model *previous, enum owned kind,
						const char *name)
{
	if (!previous)
		return NULL;
	return kind == OWNED_ACL ? model_acl(previous, name) : model_group(previous, name);
}

static bool same_line(const struct model_rules *a, uint32_t i, const struct model_rules *b,
		      uint32_t j)
{
	const char *left = rule_list_line(a->list, i), *right = rule_list_line(b->list, j);

	return left == right || !strcmp(left, right);
}

/* What came without a place, and stood in @previous as well, was written where it was there. */
static void inherit_places(struct reading *reading, struct model_rules *rules,
			   const struct model_rules *previous)
{
	const char *file = NULL, *copy = NULL;
	uint32_t from = 0;

	for (uint32_t i = 0; i < rules->n_rules; i++) {
		struct model_rule *rule = &rules->rules[i];
		uint32_t at = from;

		while (at < previous->n_rules && at < from + AHEAD &&
		       !same_line(rules, i, previous, at))
			at++;
		if (at == previous->n_rules || at == from + AHEAD)
			continue;
		from = at + 1;
		if (rule->written.file || !previous->rules[at].written.file)
			continue;
		if (previous->rules[at].written.file != file) {
			file = previous->rules[at].written.file;
			copy = arena_text(reading->arena, file);
			if (!copy) {
				reading->no_memory = true;
				return;
			}
		}
		rule->written = previous->rules[at].written;
		rule->written.file = copy;
	}
}

/* ---- their rules ---- */

/* Find what a group's rule names. */
static void resolve_peer(struct reading *reading, const struct node *node,
			 const struct model_tenant *tenant, struct model_rule *rule)
{
	const struct rule_peer *peer = &rule->group->peer;

	if (peer->kind == RULE_PEER_GROUP)
		rule->peer_group = demand_owned(reading, node, OWNED_GROUP, tenant, peer->name);
	else if (peer->kind == RULE_PEER_SET)
		rule->peer_set = demand_owned(reading, node, OWNED_SET, tenant, peer->name);
}

/* Do the rules at @node say what @previous says? Its own lines are known by where they lie. */
static bool says_the_same(const struct node *node, const struct model_rules *previous)
{
	return previous && (node->value == previous->list->lines ||
			    json_equal(node->value, previous->list->lines));
}

/* The rules at @node, read; NULL without memory. */
static struct rule_list *read_list(struct reading *reading, const struct node *node, bool is_acl)
{
	size_t count = json_array_size(node->value);
	struct rule_list *list;

	if (rule_list_create(is_acl, (uint32_t)count, &list)) {
		reading->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const struct node *element = reading_element(reading, node, i);

		if (element)
			(void)model_read_rule(reading, element, list, (uint32_t)i);
	}
	if (rule_list_finish(list)) {
		reading->no_memory = true;
		rule_list_drop(list);
		return NULL;
	}
	return list;
}

/* Rules with the same peer stand together. */
static bool same_peer(const struct model_rule *a, const struct model_rule *b)
{
	return a->group->peer.kind == b->group->peer.kind &&
	       !strcmp(a->group->peer.name, b->group->peer.name);
}

/* The rules of @rules, which were read from @node, with what they are in this model. */
static void enter_rules(struct reading *reading, const struct node *node, struct model_rules *rules)
{
	const struct rule_list *list = rules->list;
	bool has_places;

	rules->rules = reading_alloc(reading, list->n_rules, sizeof(rules->rules[0]));
	if (!rules->rules || !list->n_rules)
		return;
	has_places =
		document_place(reading->document, node->value, NULL, 0, DOCUMENT_VALUE_PART).file !=
		NULL;
	for (uint32_t i = 0; i < list->n_rules; i++) {
		struct model_rule *rule = &rules->rules[i];
		const struct node *element = NULL;

		if (list->is_acl)
			rule->acl = &list->acls[i];
		else
			rule->group = &list->groups[i];
		if (has_places || !list->is_acl)
			element = reading_element(reading, node, i);
		if (!element)
			continue;
		rule->written = reading_place(reading, element);
		if (list->is_acl)
			continue;
		if (i > 0 && same_peer(rule, rule - 1)) {
			rule->peer_group = rule[-1].peer_group;
			rule->peer_set = rule[-1].peer_set;
		} else {
			resolve_peer(reading, element, rules->tenant, rule);
		}
	}
	rules->n_rules = list->n_rules;
}

static void read_rules(struct reading *reading, const struct node *node, enum owned kind,
		       struct model_tenant *tenant)
{
	struct model_rules *rules = find_owned(reading->model, kind, tenant, node->key);
	size_t count = json_array_size(node->value);
	const struct model_rules *previous;

	if (!rules || !reading_is_list(reading, node) ||
	    !claim_room(reading, node, &reading->n_rules, count, LIMIT_RULES, "rules"))
		return;
	previous = previous_rules(reading->previous, kind, rules->name);
	rules->list = says_the_same(node, previous) ? rule_list_take(previous->list)
						    : read_list(reading, node, kind == OWNED_ACL);
	if (!rules->list)
		return;
	enter_rules(reading, node, rules);
	if (previous)
		inherit_places(reading, rules, previous);
	tenant->n_rules += (uint32_t)count;
	if (tenant->n_rules > tenant->quota.rules &&
	    tenant->n_rules - count <= tenant->quota.rules) {
		reading_problem_key(reading, node, PROBLEM_QUOTA,
				    "with these there are %u rules, the quota is %u",
				    tenant->n_rules, tenant->quota.rules);
		problems_hint(reading->problems, "remove some, or raise quota.rules of %s",
			      tenant->name);
	}
}

void model_read_rules(struct reading *reading, const struct node *tenants)
{
	if (!enter_all(reading, tenants))
		return;
	each_owned(reading, tenants, OWNED_SET, read_set);
	each_owned(reading, tenants, OWNED_GROUP, read_rules);
	each_owned(reading, tenants, OWNED_ACL, read_rules);
}

/* ---- what a port names ---- */

/* The object that the text at @node names; counted as used. */
static const struct model_rules *use(struct reading *reading, const struct node *node,
				     enum owned kind, const struct port_draft *draft)
{
	const char *text = reading_text(reading, node);
	const struct model_rules *found =
		text && reading_is_name(reading, node, text)
			? demand_owned(reading, node, kind, draft->port.tenant, text)
			: NULL;

	if (found) /* the model is still ours to fill */
		((struct model_rules *)found)->n_ports++;
	return found;
}

static int compare_groups(const void *a, const void *b)
{
	return strcmp((*(const struct model_rules *const *)a)->name,
		      (*(const struct model_rules *const *)b)->name);
}

void model_read_port_groups(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	struct model_port *port = &draft->port;
	size_t count = json_array_size(node->value);

	if (!reading_is_list(reading, node))
		return;
	if (count > LIMIT_PORT_GROUPS) {
		reading_problem(reading, node, PROBLEM_LIMIT, "%zu groups are too many", count);
		problems_hint(reading->problems, "a port has at most %d", LIMIT_PORT_GROUPS);
		return;
	}
	port->groups = reading_alloc(reading, count, sizeof(port->groups[0]));
	for (size_t i = 0; port->groups && i < count; i++) {
		const struct node *element = reading_element(reading, node, i);
		const struct model_rules *group =
			element ? use(reading, element, OWNED_GROUP, draft) : NULL;
		bool twice = false;

		for (uint32_t g = 0; g < port->n_groups; g++)
			twice |= port->groups[g] == group;
		if (group && !twice)
			port->groups[port->n_groups++] = group;
		if (!twice)
			continue;
		reading_problem(reading, element, PROBLEM_BAD_VALUE,
				"the group is in the list already");
		problems_hint(reading->problems, "remove one of them");
	}
	if (port->groups)
		qsort(port->groups, port->n_groups, sizeof(port->groups[0]), compare_groups);
}

static void read_acl_in(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;

	draft->port.acl_in = use(reading, node, OWNED_ACL, draft);
}

static void read_acl_out(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;

	draft->port.acl_out = use(reading, node, OWNED_ACL, draft);
}

static const struct reading_key acl_keys[] = {
	{"in", read_acl_in},
	{"out", read_acl_out},
	{NULL, NULL},
};

void model_read_port_acl(struct reading *reading, const struct node *node, void *draft)
{
	reading_mapping(reading, node, acl_keys, draft);
}
