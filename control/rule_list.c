/*
 * rule_list - see rule_list.h.
 */
#include "control/rule_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/hash.h"

int rule_list_create(bool is_acl, uint32_t n_rules, struct rule_list **ret)
{
	struct rule_list *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->references = 1;
	list->is_acl = is_acl;
	list->n_rules = n_rules;
	if (is_acl)
		list->acls = calloc((size_t)n_rules + 1, sizeof(list->acls[0]));
	else
		list->groups = calloc((size_t)n_rules + 1, sizeof(list->groups[0]));
	list->lines = json_array();
	if ((!list->acls && !list->groups) || !list->lines) {
		rule_list_drop(list);
		return -ENOMEM;
	}
	*ret = list;
	return 0;
}

struct rule_list *rule_list_take(struct rule_list *list)
{
	list->references++;
	return list;
}

void rule_list_drop(struct rule_list *list)
{
	if (!list || --list->references)
		return;
	json_decref(list->lines);
	free(list->acls);
	free(list->groups);
	free(list);
}

static void digest_line(uint64_t *digest, const char *line, size_t length)
{
	uint64_t word;

	for (size_t left = length + 1, n; left; line += n, left -= n) {
		word = 0;
		n = left < sizeof(word) ? left : sizeof(word);
		memcpy(&word, line, n);
		*digest = hash_word(*digest ^ word, UINT64_C(0x9e3779b97f4a7c15),
				    UINT64_C(0xd1b54a32d192ed03));
	}
}

int rule_list_finish(struct rule_list *list)
{
	char line[RULE_TEXT];

	for (uint32_t i = 0; i < list->n_rules; i++) {
		enum rule_direction direction = RULE_IN;
		size_t length;

		if (list->is_acl) {
			rule_format_acl(&list->acls[i], line);
		} else {
			rule_format_group(&list->groups[i], line);
			direction = list->groups[i].out ? RULE_OUT : RULE_IN;
		}
		length = strlen(line);
		/* a rule's line is ASCII */
		if (json_array_append_new(list->lines, json_stringn_nocheck(line, length)))
			return -ENOMEM;
		digest_line(&list->digests[direction], line, length);
		list->counts[direction]++;
	}
	return 0;
}

const char *rule_list_line(const struct rule_list *list, uint32_t rule)
{
	return json_string_value(json_array_get(list->lines, rule));
}
