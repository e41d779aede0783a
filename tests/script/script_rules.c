/*
 * script_rules - groups, ACLs and address sets of a script.
 *
 * Rules are written as in a document, read by the same parser and compiled in the
 * same way. The number of a group is its place, that of an address set POLICY_SETS
 * and its place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/compile_rule.h"
#include "tests/script/script.h"

/* Numbers of lists: those of groups in pairs, then ACLs. */
static uint16_t list_in(unsigned group)
{
	return (uint16_t)(2 * group);
}

static uint16_t list_out(unsigned group)
{
	return (uint16_t)(2 * group + 1);
}

static uint16_t list_acl(unsigned acl)
{
	return (uint16_t)(2 * SCRIPT_LISTS + acl);
}

/* Where it has its counters of hits. */
static uint32_t list_hits(uint16_t number)
{
	return number * (uint32_t)SCRIPT_RULES;
}

static unsigned find_list(const struct script_list *lists, const char *name)
{
	for (unsigned i = 1; i < SCRIPT_LISTS; i++)
		if (strcmp(lists[i].name, name) == 0)
			return i;
	return 0;
}

static unsigned find_set(const struct script *script, const char *name)
{
	for (unsigned i = 1; i < SCRIPT_LISTS; i++)
		if (strcmp(script->sets[i].name, name) == 0)
			return i;
	return 0;
}

uint16_t script_find_group(struct script *script, const char *name)
{
	unsigned number = find_list(script->groups, name);

	if (!number)
		script_fail(script, "there is no group '%s'", name);
	return (uint16_t)number;
}

uint16_t script_find_acl(struct script *script, const char *name)
{
	unsigned number = find_list(script->acls, name);

	if (!number)
		script_fail(script, "there is no acl '%s'", name);
	return number ? list_acl(number) : 0;
}

/* The words that are left, as the text of a rule. */
static void rest_of_line(struct script *script, char text[static RULE_TEXT])
{
	text[0] = '\0';
	while (*script_peek(script))
		snprintf(text + strlen(text), RULE_TEXT - strlen(text), "%s ", script_next(script));
}

static bool say_list(struct script *script, struct script_list *lists, bool is_acl)
{
	const char *name = script_next(script);
	unsigned number = find_list(lists, name);
	struct script_list *list = &lists[number ? number : find_list(lists, "")];
	struct rule_fault fault;
	char text[RULE_TEXT];
	int error;

	if (!*name || list == lists || list->n_rules == SCRIPT_RULES || strlen(name) >= SCRIPT_NAME)
		return script_fail(script, "there is no room for '%s'", name);
	strcpy(list->name, name);
	script->changed = true;
	if (script_accept(script, "none")) {
		list->n_rules = 0;
		return true;
	}
	rest_of_line(script, text);
	error = is_acl ? rule_parse_acl(text, &list->rules[list->n_rules].acl, &fault)
		       : rule_parse_group(text, &list->rules[list->n_rules].group, &fault);
	if (error)
		return script_fail(script, "%s; %s", fault.message, fault.hint);
	list->n_rules++;
	return true;
}

bool script_say_group(struct script *script)
{
	return say_list(script, script->groups, false);
}

bool script_say_acl(struct script *script)
{
	return say_list(script, script->acls, true);
}

static bool add_member(struct script *script, unsigned number, const char *text)
{
	struct script_set *set = &script->sets[number];
	struct address_set_member *member = &set->members[set->n_members];
	struct address_prefix prefix;

	if (set->n_members == SCRIPT_RULES || address_parse_prefix(text, &prefix))
		return script_fail(script, "'%s' is no prefix", text);
	compile_rule_prefix(&prefix, &member->prefix, &member->family);
	member->set = POLICY_SETS + number;
	set->n_members++;
	return true;
}

bool script_say_set(struct script *script)
{
	const char *name = script_next(script);
	unsigned number = find_set(script, name);
	char list[256], *rest = list, *item;

	if (!number)
		number = find_set(script, "");
	if (!number || !*name || strlen(name) >= SCRIPT_NAME)
		return script_fail(script, "there is no room for '%s'", name);
	strcpy(script->sets[number].name, name);
	script->sets[number].n_members = 0;
	script->changed = true;
	snprintf(list, sizeof(list), "%s", script_next(script));
	while ((item = strsep(&rest, ",")))
		if (!add_member(script, number, item))
			return false;
	return true;
}

static uint32_t peer_number(const struct script *script, const struct rule_peer *peer)
{
	if (peer->kind == RULE_PEER_GROUP)
		return find_list(script->groups, peer->name);
	return peer->kind == RULE_PEER_SET ? POLICY_SETS + find_set(script, peer->name) : 0;
}

/* One direction of a group, or an ACL (@kind), of which @list has the rules. */
static int add_list(const struct script *script, struct policy_builder *builder, uint16_t number,
		    enum policy_rules_kind kind, const struct script_list *list)
{
	struct compile_rule compiled[SCRIPT_RULES];
	struct classify_rule rules[SCRIPT_RULES];
	struct policy_rules_spec spec = {.number = number,
					 .kind = kind,
					 .tenant = SCRIPT_TENANT,
					 .name = list->name,
					 .rules = rules,
					 .hits = list_hits(number),
					 .hits_tag = 1};

	for (unsigned i = 0; i < list->n_rules; i++) {
		const struct rule_group *rule = &list->rules[i].group;

		if (kind == POLICY_ACL)
			compile_rule_acl(&list->rules[i].acl, &compiled[i]);
		else if (rule->out == (kind == POLICY_GROUP_OUT))
			compile_rule_group(rule, peer_number(script, &rule->peer), &compiled[i]);
		else
			continue;
		rules[spec.n_rules++] = compiled[i].rule;
	}
	return policy_builder_rules(builder, &spec);
}

int script_add_lists(const struct script *script, struct policy_builder *builder)
{
	struct address_set_member members[SCRIPT_LISTS * SCRIPT_RULES];
	uint32_t n_members = 0;
	int error = 0;

	for (uint16_t i = 1; i < SCRIPT_LISTS && !error; i++) {
		const struct script_list *group = &script->groups[i];

		if (!group->name[0])
			continue;
		error = add_list(script, builder, list_in(i), POLICY_GROUP_IN, group);
		if (!error)
			error = add_list(script, builder, list_out(i), POLICY_GROUP_OUT, group);
		if (!error)
			error = policy_builder_group(builder, i, list_in(i), list_out(i));
	}
	for (uint16_t i = 1; i < SCRIPT_LISTS && !error; i++)
		if (script->acls[i].name[0])
			error = add_list(script, builder, list_acl(i), POLICY_ACL,
					 &script->acls[i]);
	for (unsigned i = 1; i < SCRIPT_LISTS; i++) {
		memcpy(members + n_members, script->sets[i].members,
		       script->sets[i].n_members * sizeof(members[0]));
		n_members += script->sets[i].n_members;
	}
	if (!error && n_members)
		error = policy_builder_sets(builder, SCRIPT_TENANT, members, n_members);
	return error;
}
