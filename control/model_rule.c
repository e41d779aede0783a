/*
 * model_rule - one rule of a group or an ACL, from the document.
 *
 * A rule is a line of the language in rule.h, or a mapping with the same words
 * as keys. The mapping is made into the line it stands for, so there is one
 * parser; a fault in it is told at the key that it came from.
 */
#include <errno.h>
#include <string.h>

#include "control/model_parts.h"

/* What a rule is read into, before it has a place in its list. */
struct rule_draft {
	bool is_acl;
	union {
		struct rule_group group;
		struct rule_acl acl;
	};
};

/* 0, or -EINVAL and the fault. */
static int parse(const char *text, struct rule_draft *draft, struct rule_fault *ret_fault)
{
	return draft->is_acl ? rule_parse_acl(text, &draft->acl, ret_fault)
			     : rule_parse_group(text, &draft->group, ret_fault);
}

/* A rule on one line: a fault is told at its own column. */
static bool read_line(struct reading *reading, const struct node *node, struct rule_draft *draft)
{
	const char *text = json_string_value(node->value);
	char path[PROBLEM_TEXT];
	struct rule_fault fault;
	struct place place;
	size_t characters = 0;

	if (!parse(text, draft, &fault))
		return true;
	for (size_t i = 0; i < fault.offset; i++)
		if ((text[i] & 0xc0) != 0x80)
			characters++;
	place = document_place_within(reading->document, node->up->value, node->key, node->index,
				      characters);
	node_path(node, path, sizeof(path));
	problems_add(reading->problems, PROBLEM_BAD_VALUE, &place, path, "%s", fault.message);
	problems_hint(reading->problems, "%s", fault.hint);
	return false;
}

/* A rule as a mapping: the line's words as keys, in the line's order. */
struct rule_word {
	const char *key;
	const char *word; /* in the line, before the value; "" for none */
};

static const struct rule_word group_words[] = {
	{"allow", "allow"}, {"proto", ""}, {"ports", ""}, {"type", ""},
	{"from", "from"},   {"to", "to"},  {NULL, NULL},
};

static const struct rule_word acl_words[] = {
	{"accept", "accept"},
	{"drop", "drop"},
	{"from", "from"},
	{"from-port", "port"},
	{"to", "to"},
	{"to-port", "port"},
	{"ethertype", "ethertype"},
	{"src-mac", "src-mac"},
	{"dst-mac", "dst-mac"},
	{"log", "log"},
	{NULL, NULL},
};

static bool is_rule_word(const struct rule_word *words, const char *key)
{
	for (; words->key; words++)
		if (!strcmp(words->key, key))
			return true;
	return false;
}

/*
 * Append the word and value of one key to @line. A flag (`log: true`) is only
 * its word. False if it is not a value, or the line is full.
 */
static bool append_word(struct reading *reading, const struct node *member,
			const struct rule_word *word, char line[RULE_TEXT])
{
	size_t used = strlen(line);
	bool on = false;
	const char *text = "";

	if (!strcmp(word->key, "log")) {
		if (!reading_flag(reading, member, &on))
			return false;
		if (!on)
			return true;
	} else {
		text = reading_text(reading, member);
	}
	if (!text)
		return false;
	if (snprintf(line + used, RULE_TEXT - used, "%s%s%s%s", used ? " " : "", word->word,
		     *word->word && *text ? " " : "", text) < (int)(RULE_TEXT - used))
		return true;
	reading_problem(reading, member->up, PROBLEM_TOO_BIG, "the rule is too long");
	problems_hint(reading->problems, "write several shorter rules");
	return false;
}

static bool read_mapping(struct reading *reading, const struct node *node, struct rule_draft *draft)
{
	const struct rule_word *words = draft->is_acl ? acl_words : group_words;
	const struct node *blamed = node;
	char line[RULE_TEXT] = "";
	size_t ends[16];
	const struct node *members[16];
	struct rule_fault fault;
	unsigned count = 0;
	const char *key;
	json_t *value;

	json_object_foreach (node->value, key, value) {
		const struct node *member = reading_member(reading, node, key);

		if (!member)
			return false;
		if (!is_rule_word(words, key)) {
			reading_problem_key(reading, member, PROBLEM_UNKNOWN_KEY,
					    "unknown key \"%s\"", key);
			problems_hint(reading->problems, "%s",
				      draft->is_acl ? "as in {accept: tcp, to: any, to-port: 80}"
						    : "as in {allow: in, proto: tcp, ports: 80, "
						      "from: any}");
			return false;
		}
	}
	for (; words->key; words++) {
		const struct node *member = reading_member(reading, node, words->key);

		if (!member)
			continue;
		if (!append_word(reading, member, words, line))
			return false;
		members[count] = member;
		ends[count++] = strlen(line);
	}
	if (!parse(line, draft, &fault))
		return true;
	for (unsigned i = count; i-- > 0;)
		if (fault.offset < ends[i])
			blamed = members[i];
	reading_problem(reading, blamed, PROBLEM_BAD_VALUE, "%s", fault.message);
	problems_hint(reading->problems, "%s", fault.hint);
	return false;
}

static bool read_draft(struct reading *reading, const struct node *node, struct rule_draft *draft)
{
	if (json_is_string(node->value))
		return read_line(reading, node, draft);
	if (json_is_object(node->value))
		return read_mapping(reading, node, draft);
	reading_problem(reading, node, PROBLEM_WRONG_TYPE, "a rule is one line or a mapping");
	problems_hint(reading->problems, draft->is_acl ? "as in: accept tcp to any port 80"
						       : "as in: allow in tcp 80 from any");
	return false;
}

bool model_read_rule(struct reading *reading, const struct node *node, struct rule_list *list,
		     uint32_t index)
{
	struct rule_draft draft = {.is_acl = list->is_acl};

	if (!read_draft(reading, node, &draft))
		return false;
	if (list->is_acl)
		list->acls[index] = draft.acl;
	else
		list->groups[index] = draft.group;
	return true;
}
