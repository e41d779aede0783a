/*
 * model_future - the words that are not built yet.
 *
 * What a document says is enforced, or the document is refused: a security group
 * that is accepted and ignored would be a hole. So these words are read with
 * all their syntax, their mistakes are told, and each is refused by name.
 */
#include <errno.h>
#include <string.h>

#include "control/model_parts.h"
#include "control/quantity.h"
#include "control/rule.h"

static void refuse_not_yet(struct reading *reading, const struct node *node, const char *what)
{
	reading_problem_key(reading, node, PROBLEM_NOT_YET, "%s are not built yet", what);
	problems_hint(reading->problems,
		      "remove \"%s\"; nothing may stand here that is not enforced",
		      node->key ? node->key : what);
}

typedef int rule_parser(const char *text, struct rule_fault *ret_fault);

static int parse_group(const char *text, struct rule_fault *ret_fault)
{
	struct rule_group rule;

	return rule_parse_group(text, &rule, ret_fault);
}

static int parse_acl(const char *text, struct rule_fault *ret_fault)
{
	struct rule_acl rule;

	return rule_parse_acl(text, &rule, ret_fault);
}

/* A rule on one line: a fault is told at its own column. */
static void read_rule_line(struct reading *reading, const struct node *node, rule_parser *parse)
{
	const char *text = json_string_value(node->value);
	char path[PROBLEM_TEXT];
	struct rule_fault fault;
	struct place place;
	size_t characters = 0;

	if (!parse(text, &fault))
		return;
	for (size_t i = 0; i < fault.offset; i++)
		if ((text[i] & 0xc0) != 0x80)
			characters++;
	place = document_place_within(reading->document, node->up->value, node->key, node->index,
				      characters);
	node_path(node, path, sizeof(path));
	problems_add(reading->problems, PROBLEM_BAD_VALUE, &place, path, "%s", fault.message);
	problems_hint(reading->problems, "%s", fault.hint);
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

static void read_rule_mapping(struct reading *reading, const struct node *node,
			      const struct rule_word *words, rule_parser *parse)
{
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
			return;
		if (!is_rule_word(words, key)) {
			reading_problem_key(reading, member, PROBLEM_UNKNOWN_KEY,
					    "unknown key \"%s\"", key);
			return;
		}
	}
	for (; words->key; words++) {
		const struct node *member = reading_member(reading, node, words->key);

		if (!member)
			continue;
		if (!append_word(reading, member, words, line))
			return;
		members[count] = member;
		ends[count++] = strlen(line);
	}
	if (!parse(line, &fault))
		return;
	for (unsigned i = count; i-- > 0;)
		if (fault.offset < ends[i])
			blamed = members[i];
	reading_problem(reading, blamed, PROBLEM_BAD_VALUE, "%s", fault.message);
	problems_hint(reading->problems, "%s", fault.hint);
}

static void read_rules(struct reading *reading, const struct node *node,
		       const struct rule_word *words, rule_parser *parse)
{
	if (!reading_is_list(reading, node))
		return;
	for (size_t i = 0; i < json_array_size(node->value); i++) {
		const struct node *rule = reading_element(reading, node, i);

		if (!rule)
			return;
		if (json_is_string(rule->value)) {
			read_rule_line(reading, rule, parse);
		} else if (json_is_object(rule->value)) {
			read_rule_mapping(reading, rule, words, parse);
		} else {
			reading_problem(reading, rule, PROBLEM_WRONG_TYPE,
					"a rule is one line or a mapping");
			problems_hint(reading->problems,
				      words == group_words ? "as in: allow in tcp 80 from any"
							   : "as in: accept tcp to any port 80");
		}
	}
}

/* The named lists of rules of a tenant, each of which is refused. */
static void read_rule_lists(struct reading *reading, const struct node *node,
			    const struct rule_word *words, rule_parser *parse, const char *what)
{
	const char *key;
	json_t *value;

	if (!reading_is_mapping(reading, node))
		return;
	json_object_foreach (node->value, key, value) {
		const struct node *list = reading_member(reading, node, key);

		if (!list)
			return;
		reading_key_is_name(reading, list);
		read_rules(reading, list, words, parse);
		refuse_not_yet(reading, list, what);
	}
}

void model_read_groups(struct reading *reading, const struct node *node, void *tenant)
{
	read_rule_lists(reading, node, group_words, parse_group, "security groups");
}

void model_read_acls(struct reading *reading, const struct node *node, void *tenant)
{
	read_rule_lists(reading, node, acl_words, parse_acl, "ACLs");
}

/* A name of a tenant's object. */
static void read_reference(struct reading *reading, const struct node *node, void *object)
{
	const char *text = reading_text(reading, node);

	if (text)
		reading_is_name(reading, node, text);
}

void model_read_port_groups(struct reading *reading, const struct node *node, void *draft)
{
	if (reading_is_list(reading, node)) {
		for (size_t i = 0; i < json_array_size(node->value); i++) {
			const struct node *name = reading_element(reading, node, i);

			if (name)
				read_reference(reading, name, draft);
		}
	}
	refuse_not_yet(reading, node, "security groups");
}

static const struct reading_key acl_keys[] = {
	{"in", read_reference},
	{"out", read_reference},
	{NULL, NULL},
};

void model_read_port_acl(struct reading *reading, const struct node *node, void *draft)
{
	reading_mapping(reading, node, acl_keys, draft);
	refuse_not_yet(reading, node, "ACLs");
}

static void read_quantity(struct reading *reading, const struct node *node,
			  int (*parse)(const char *text, uint64_t *ret), const char *examples)
{
	const char *text = reading_text(reading, node);
	uint64_t amount;
	int error = text ? parse(text, &amount) : 0;

	if (!error)
		return;
	if (error == -EDOM)
		reading_problem(reading, node, PROBLEM_MISSING_UNIT, "\"%s\" has no unit", text);
	else if (error == -ERANGE)
		reading_problem(reading, node, PROBLEM_OUT_OF_RANGE, "%s is out of range", text);
	else
		reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a rate", text);
	problems_hint(reading->problems, "write a number and its unit, as in %s", examples);
}

static void read_bitrate(struct reading *reading, const struct node *node, void *draft)
{
	read_quantity(reading, node, quantity_bitrate, "500mbit, 1gbit");
}

static void read_packetrate(struct reading *reading, const struct node *node, void *draft)
{
	read_quantity(reading, node, quantity_packetrate, "500pps, 200kpps");
}

static const struct reading_key rate_keys[] = {
	{"in", read_bitrate},
	{"out", read_bitrate},
	{"pps", read_packetrate},
	{NULL, NULL},
};

void model_read_rate(struct reading *reading, const struct node *node, void *draft)
{
	reading_mapping(reading, node, rate_keys, draft);
	refuse_not_yet(reading, node, "rates");
}

void model_read_storm(struct reading *reading, const struct node *node, void *draft)
{
	read_packetrate(reading, node, draft);
	refuse_not_yet(reading, node, "storm limits");
}

void model_read_guard(struct reading *reading, const struct node *node, void *draft)
{
	static const char *const words[] = {"deny", "allow", NULL};
	unsigned word;

	reading_word(reading, node, words, &word);
	refuse_not_yet(reading, node, "guards against guests' servers and bridges");
}

void model_read_qinq(struct reading *reading, const struct node *node, void *draft)
{
	read_reference(reading, node, draft);
	refuse_not_yet(reading, node, "qinq ports");
}

void model_read_pcap(struct reading *reading, const struct node *node, void *draft)
{
	reading_text(reading, node);
	refuse_not_yet(reading, node, "pcap ports");
}

static void read_mirror_from(struct reading *reading, const struct node *node, void *mirror)
{
	if (!reading_is_list(reading, node))
		return;
	for (size_t i = 0; i < json_array_size(node->value); i++) {
		const struct node *name = reading_element(reading, node, i);

		if (name)
			reading_text(reading, name);
	}
}

static void read_mirror_direction(struct reading *reading, const struct node *node, void *mirror)
{
	static const char *const words[] = {"in", "out", "both", NULL};
	unsigned word;

	reading_word(reading, node, words, &word);
}

static void read_mirror_to(struct reading *reading, const struct node *node, void *mirror)
{
	reading_text(reading, node);
}

static const struct reading_key mirror_keys[] = {
	{"from", read_mirror_from},
	{"direction", read_mirror_direction},
	{"to", read_mirror_to},
	{NULL, NULL},
};

void model_read_mirrors(struct reading *reading, const struct node *node)
{
	const char *key;
	json_t *value;

	if (!reading_is_mapping(reading, node))
		return;
	json_object_foreach (node->value, key, value) {
		const struct node *mirror = reading_member(reading, node, key);

		if (!mirror)
			return;
		reading_key_is_name(reading, mirror);
		reading_mapping(reading, mirror, mirror_keys, NULL);
		refuse_not_yet(reading, mirror, "mirrors");
	}
}
