/*
 * reading - see reading.h.
 */
#include "control/reading.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/name.h"
#include "control/quantity.h"

static __attribute__((format(printf, 5, 0))) void
note_problem(struct reading *reading, const struct node *node, enum document_part part,
	     enum problem_reason reason, const char *message, va_list args)
{
	struct place place = node_place(reading->document, node, part);
	char path[PROBLEM_TEXT], text[PROBLEM_TEXT];

	vsnprintf(text, sizeof(text), message, args);
	node_path(node, path, sizeof(path));
	problems_add(reading->problems, reason, &place, path, "%s", text);
}

void reading_problem(struct reading *reading, const struct node *node, enum problem_reason reason,
		     const char *message, ...)
{
	va_list args;

	va_start(args, message);
	note_problem(reading, node, DOCUMENT_VALUE_PART, reason, message, args);
	va_end(args);
}

void reading_problem_key(struct reading *reading, const struct node *node,
			 enum problem_reason reason, const char *message, ...)
{
	va_list args;

	va_start(args, message);
	note_problem(reading, node, DOCUMENT_KEY_PART, reason, message, args);
	va_end(args);
}

const struct node *reading_later(const struct reading *reading, const struct node *a,
				 const struct node *b)
{
	struct place first = node_place(reading->document, a, DOCUMENT_VALUE_PART);
	struct place second = node_place(reading->document, b, DOCUMENT_VALUE_PART);
	int order;

	if (!first.line || !second.line)
		return first.line ? a : b;
	order = strcmp(first.file, second.file);
	if (!order)
		order = first.line != second.line ? (first.line > second.line ? 1 : -1)
						  : (first.column > second.column ? 1 : -1);
	return order > 0 ? a : b;
}

void *reading_alloc(struct reading *reading, size_t count, size_t size)
{
	void *memory = arena_alloc(reading->arena, count, size);

	if (!memory)
		reading->no_memory = true;
	return memory;
}

void *reading_scratch(struct reading *reading, size_t count, size_t size)
{
	void *memory = arena_alloc(reading->scratch, count, size);

	if (!memory)
		reading->no_memory = true;
	return memory;
}

static const struct node *make_node(struct reading *reading, const struct node *up, const char *key,
				    size_t index, json_t *value)
{
	struct node *node = reading_scratch(reading, 1, sizeof(*node));

	if (node)
		*node = (struct node){up, key, index, value};
	return node;
}

const struct node *reading_member(struct reading *reading, const struct node *mapping,
				  const char *key)
{
	json_t *value = json_object_get(mapping->value, key);

	return value ? make_node(reading, mapping, key, 0, value) : NULL;
}

const struct node *reading_element(struct reading *reading, const struct node *list, size_t index)
{
	json_t *value = json_array_get(list->value, index);

	return value ? make_node(reading, list, NULL, index, value) : NULL;
}

static const char *type_word(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "a mapping";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "a text";
	case JSON_INTEGER: return "a number";
	case JSON_REAL: return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE: return "true or false";
	case JSON_NULL: break;
	}
	return "nothing";
}

bool reading_is_mapping(struct reading *reading, const struct node *node)
{
	if (json_is_object(node->value) || json_is_null(node->value))
		return true;
	reading_problem(reading, node, PROBLEM_WRONG_TYPE, "must be a mapping, is %s",
			type_word(node->value));
	problems_hint(reading->problems,
		      "write {KEY: VALUE, ...}, or KEY: VALUE on lines indented below");
	return false;
}

bool reading_is_list(struct reading *reading, const struct node *node)
{
	if (json_is_array(node->value))
		return true;
	reading_problem(reading, node, PROBLEM_WRONG_TYPE, "must be a list, is %s",
			type_word(node->value));
	problems_hint(reading->problems, "write [A, B, ...]");
	return false;
}

struct suggest reading_suggest(const struct reading *reading, const char *word)
{
	return (struct suggest){.word = reading->problems->count < PROBLEMS_MAX ? word : ""};
}

/* What would be right in place of an unknown key: one that is near, or all there are. */
static void hint_keys(struct reading *reading, const struct suggest *suggest,
		      const struct reading_key *keys)
{
	char list[PROBLEM_TEXT] = "";
	size_t used = 0;

	if (suggest->best) {
		problems_hint(reading->problems, "did you mean \"%s\"?", suggest->best);
		return;
	}
	for (; keys->name && used < sizeof(list); keys++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
					 keys->name);
	problems_hint(reading->problems, "what may stand here: %s", list);
}

void reading_mapping(struct reading *reading, const struct node *node,
		     const struct reading_key *keys, void *object)
{
	const char *name;
	json_t *value;

	if (!reading_is_mapping(reading, node))
		return;
	json_object_foreach (node->value, name, value) {
		const struct node *member = make_node(reading, node, name, 0, value);
		struct suggest suggest = reading_suggest(reading, name);
		const struct reading_key *key = keys;

		if (!member)
			return;
		while (key->name && strcmp(key->name, name)) {
			suggest_offer(&suggest, key->name);
			key++;
		}
		if (key->name) {
			key->read(reading, member, object);
			continue;
		}
		reading_problem_key(reading, member, PROBLEM_UNKNOWN_KEY, "unknown key \"%s\"",
				    name);
		hint_keys(reading, &suggest, keys);
	}
}

const char *reading_text(struct reading *reading, const struct node *node)
{
	const json_t *value = node->value;
	char *text;

	if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (json_is_integer(value)) {
		text = arena_format(reading->scratch, "%" JSON_INTEGER_FORMAT,
				    json_integer_value(value));
		if (!text)
			reading->no_memory = true;
		return text;
	}
	reading_problem(reading, node, PROBLEM_WRONG_TYPE, "must be one value, is %s",
			type_word(value));
	return NULL;
}

bool reading_word(struct reading *reading, const struct node *node, const char *const *words,
		  unsigned *ret)
{
	const char *text = reading_text(reading, node);
	char all[PROBLEM_TEXT] = "";

	if (!text)
		return false;
	for (unsigned i = 0; words[i]; i++) {
		size_t used = strlen(all);

		if (!strcmp(text, words[i])) {
			*ret = i;
			return true;
		}
		snprintf(all + used, sizeof(all) - used, "%s%s", used ? " or " : "", words[i]);
	}
	reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a choice here", text);
	problems_hint(reading->problems, "write %s", all);
	return false;
}

bool reading_flag(struct reading *reading, const struct node *node, bool *ret)
{
	static const char *const words[] = {"on", "true", "yes", "off", "false", "no"};
	const char *text = reading_text(reading, node);

	if (!text)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		if (!strcmp(text, words[i])) {
			*ret = i < 3;
			return true;
		}
	}
	reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is neither on nor off", text);
	problems_hint(reading->problems, "write on or off (true or false)");
	return false;
}

bool reading_count(struct reading *reading, const struct node *node, uint32_t min, uint32_t max,
		   uint32_t *ret)
{
	const char *text = reading_text(reading, node);
	uint64_t number;
	int error;

	if (!text)
		return false;
	error = quantity_count(text, &number);
	if (!error && number >= min && number <= max) {
		*ret = (uint32_t)number;
		return true;
	}
	if (error == -EINVAL)
		reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a whole number",
				text);
	else
		reading_problem(reading, node, PROBLEM_OUT_OF_RANGE, "%s is out of range", text);
	problems_hint(reading->problems, "write a number from %u to %u", min, max);
	return false;
}

bool reading_duration(struct reading *reading, const struct node *node, uint32_t min_ms,
		      uint32_t max_ms, uint32_t *ret_ms)
{
	const char *text = reading_text(reading, node);
	uint64_t duration_ms;
	int error;

	if (!text)
		return false;
	error = quantity_duration(text, &duration_ms);
	if (!error && duration_ms >= min_ms && duration_ms <= max_ms) {
		*ret_ms = (uint32_t)duration_ms;
		return true;
	}
	if (error == -EDOM) {
		reading_problem(reading, node, PROBLEM_MISSING_UNIT, "\"%s\" has no unit", text);
		problems_hint(reading->problems, "write %ss, or %sms, %sm, %sh", text, text, text,
			      text);
	} else if (error == -EINVAL) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a time", text);
		problems_hint(reading->problems,
			      "write a number and its unit, as in 500ms, 300s, 5m, 1h");
	} else {
		reading_problem(reading, node, PROBLEM_OUT_OF_RANGE, "%s is out of range", text);
		problems_hint(reading->problems, "at least %us, at most %us", min_ms / 1000,
			      max_ms / 1000);
	}
	return false;
}

bool reading_mac(struct reading *reading, const struct node *node, mac48 *ret)
{
	const char *text = reading_text(reading, node);
	mac48 mac;

	if (!text)
		return false;
	if (address_parse_mac(text, &mac)) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a MAC address",
				text);
		problems_hint(reading->problems,
			      "write six bytes in hex, as in \"52:54:00:12:34:56\"");
		return false;
	}
	if (mac == 0 || mac_is_group(mac)) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE,
				"%s is not the address of one station", text);
		problems_hint(reading->problems, "the first byte is even, and not all are zero");
		return false;
	}
	*ret = mac;
	return true;
}

bool reading_prefix(struct reading *reading, const struct node *node, struct address_prefix *ret)
{
	const char *text = reading_text(reading, node);
	char right[ADDRESS_PREFIX_TEXT];
	struct address_prefix prefix;
	int error;

	if (!text)
		return false;
	error = address_parse_prefix(text, &prefix);
	if (!error) {
		*ret = prefix;
		return true;
	}
	if (error == -EDOM) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE,
				"\"%s\" is an address with the length of a network", text);
		problems_hint(reading->problems, "write %.*s for the address, %s for the network",
			      (int)strcspn(text, "/"), text,
			      prefix.family == AF_INET ? address_format_prefix4(&prefix.v4, right)
						       : address_format_prefix6(&prefix.v6, right));
	} else {
		reading_problem(reading, node, PROBLEM_BAD_VALUE,
				"\"%s\" is not an IP address or prefix", text);
		problems_hint(reading->problems, "as in 10.0.0.1, 10.0.0.0/24, fd00::1, fd00::/64");
	}
	return false;
}

/* A prefix of a list, and where in it. */
struct listed_prefix {
	struct address_prefix prefix;
	size_t index;
};

static int compare_words(const uint64_t *a, const uint64_t *b)
{
	for (int i = 0; i < 2; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static int compare_prefixes(const struct address_prefix *a, const struct address_prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	if (a->family == AF_INET) {
		if (a->v4.address != b->v4.address)
			return a->v4.address < b->v4.address ? -1 : 1;
		return (a->v4.mask > b->v4.mask) - (a->v4.mask < b->v4.mask);
	}
	order = compare_words(a->v6.address, b->v6.address);
	return order ? order : compare_words(a->v6.mask, b->v6.mask);
}

static int compare_listed(const void *a, const void *b)
{
	const struct listed_prefix *left = a, *right = b;
	int order = compare_prefixes(&left->prefix, &right->prefix);

	return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* The prefixes of the list in @ret_listed, in order; how many could be read. */
static size_t list_prefixes(struct reading *reading, const struct node *node,
			    struct listed_prefix *ret_listed)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(node->value); i++) {
		const struct node *element = reading_element(reading, node, i);

		ret_listed[count].index = i;
		if (element && reading_prefix(reading, element, &ret_listed[count].prefix))
			count++;
	}
	qsort(ret_listed, count, sizeof(ret_listed[0]), compare_listed);
	return count;
}

void reading_prefixes(struct reading *reading, const struct node *node,
		      struct policy_prefix4 **ret_prefixes4, uint32_t *ret_count4,
		      struct policy_prefix6 **ret_prefixes6, uint32_t *ret_count6)
{
	size_t count = json_array_size(node->value);
	struct listed_prefix *listed = reading_scratch(reading, count, sizeof(*listed));
	struct policy_prefix4 *prefixes4 = reading_alloc(reading, count, sizeof(*prefixes4));
	struct policy_prefix6 *prefixes6 = reading_alloc(reading, count, sizeof(*prefixes6));
	uint32_t count4 = 0, count6 = 0;

	if (!listed || !prefixes4 || !prefixes6)
		return;
	count = list_prefixes(reading, node, listed);
	for (size_t i = 0; i < count; i++) {
		const struct address_prefix *prefix = &listed[i].prefix;

		if (i && !compare_prefixes(&listed[i - 1].prefix, prefix)) {
			const struct node *twice = reading_element(reading, node, listed[i].index);

			if (!twice)
				return;
			reading_problem(reading, twice, PROBLEM_BAD_VALUE,
					"the address is in the list already");
			problems_hint(reading->problems, "remove one of them");
		} else if (prefix->family == AF_INET) {
			prefixes4[count4++] = prefix->v4;
		} else {
			prefixes6[count6++] = prefix->v6;
		}
	}
	*ret_prefixes4 = prefixes4;
	*ret_count4 = count4;
	*ret_prefixes6 = prefixes6;
	*ret_count6 = count6;
}

struct place reading_place(struct reading *reading, const struct node *node)
{
	struct place place = node_place(reading->document, node, DOCUMENT_VALUE_PART);

	if (!place.file)
		return place;
	if (place.file != reading->file) {
		reading->file = place.file;
		reading->file_copy = arena_text(reading->arena, place.file);
		if (!reading->file_copy)
			reading->no_memory = true;
	}
	place.file = reading->file_copy;
	return place;
}

bool reading_key_is_name(struct reading *reading, const struct node *node)
{
	if (name_is_valid(node->key))
		return true;
	reading_problem_key(reading, node, PROBLEM_BAD_NAME, "\"%s\" is not a name", node->key);
	problems_hint(reading->problems, NAME_HINT);
	return false;
}

bool reading_is_name(struct reading *reading, const struct node *node, const char *text)
{
	if (name_is_valid(text))
		return true;
	reading_problem(reading, node, PROBLEM_BAD_NAME, "\"%s\" is not a name", text);
	problems_hint(reading->problems, NAME_HINT);
	return false;
}
