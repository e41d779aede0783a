/*
 * emit - see emit.h.
 *
 * Every value is first tried as flow text (`{a: b}`), which goes on the present
 * line if it may and fits; else it becomes a block. Text grows in one buffer,
 * in which a failed try is simply cut off again.
 */
#include "control/emit.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	EMIT_COLUMNS = 100,
	EMIT_INDENT = 2,       /* as wide as a list's dash and its space */
	EMIT_KEY_SIMPLE = 512, /* bytes; libyaml takes keys of 1024 without `?` */
};

struct emit {
	char *text;
	size_t size;
	size_t room;
	unsigned flow; /* how many brackets are open */
	bool failed;   /* no memory */
};

static void emit_block(struct emit *emit, const json_t *value, unsigned indent);

static void put_bytes(struct emit *emit, const char *bytes, size_t size)
{
	if (emit->size + size + 1 > emit->room) {
		size_t room = (emit->size + size + 1) * 2;
		char *text = emit->failed ? NULL : realloc(emit->text, room);

		if (!text) {
			emit->failed = true;
			return;
		}
		emit->text = text;
		emit->room = room;
	}
	memcpy(emit->text + emit->size, bytes, size);
	emit->size += size;
}

static void put(struct emit *emit, const char *text)
{
	put_bytes(emit, text, strlen(text));
}

/* Begin a line; what stands behind a list's dash is on its line already. */
static void put_indent(struct emit *emit, unsigned indent)
{
	if (emit->size && emit->text[emit->size - 1] != '\n')
		return;
	for (unsigned i = 0; i < indent; i++)
		put(emit, " ");
}

/* Words that some YAML reader takes for a boolean or nothing (YAML 1.1's types). */
static bool is_reserved_word(const char *text)
{
	static const char *const words[] = {"y",   "n",	   "yes",   "no",  "on",
					    "off", "true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

/*
 * Could a reader take @text, which begins like a number, for one? Not if it has
 * a letter that no number has, or a slash, or more than one dot: `300s`,
 * `10.0.0.0/8`, `10.0.0.1`.
 */
static bool may_be_number(const char *text)
{
	unsigned dots = 0;

	for (; *text; text++) {
		dots += *text == '.';
		if (*text == '/' || dots > 1 ||
		    strchr("ghijklmnpqrstuvwyzGHIJKLMNPQRSTUVWYZ", *text))
			return false;
	}
	return true;
}

/* May the text stand without quotes for every reader of YAML? Between brackets a comma ends it. */
static bool is_plain(const char *text, size_t size, bool in_flow)
{
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"
	const char *allowed = in_flow ? LETTERS DIGITS "./_-@ " : LETTERS DIGITS "./_-@ ,";

	if (!size || strspn(text, allowed) != size || text[size - 1] == ' ' ||
	    is_reserved_word(text))
		return false;
	if (strchr(DIGITS, text[0]))
		return !may_be_number(text);
	return strchr(LETTERS "/_", text[0]) != NULL;
#undef LETTERS
#undef DIGITS
}

/* The Unicode number of the UTF-8 character at @text, which jansson has checked; its bytes. */
static size_t decode(const unsigned char *text, uint32_t *ret)
{
	size_t size = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t number = size == 1 ? text[0] : text[0] & (0x7fu >> size);

	for (size_t i = 1; i < size; i++)
		number = number << 6 | (text[i] & 0x3f);
	*ret = number;
	return size;
}

/* What must be escaped between double quotes: what is not printable (YAML 1.2, 5.1). */
static bool must_escape(uint32_t number)
{
	return number < 0x20 || (number >= 0x7f && number < 0xa0) || number == 0x2028 ||
	       number == 0x2029 || number == 0xfeff || number == 0xfffe || number == 0xffff;
}

static void put_quoted(struct emit *emit, const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + size;

	put(emit, "\"");
	while (at < end) {
		char escape[8];
		uint32_t number;
		size_t bytes = decode(at, &number);

		if (number == '"' || number == '\\') {
			put(emit, number == '"' ? "\\\"" : "\\\\");
		} else if (must_escape(number)) {
			snprintf(escape, sizeof(escape), "\\u%04x", number);
			put(emit, escape);
		} else {
			put_bytes(emit, (const char *)at, bytes);
		}
		at += bytes;
	}
	put(emit, "\"");
}

static void put_text(struct emit *emit, const char *text, size_t size)
{
	if (is_plain(text, size, emit->flow > 0))
		put_bytes(emit, text, size);
	else
		put_quoted(emit, text, size);
}

static void put_scalar(struct emit *emit, const json_t *value)
{
	char number[64];

	switch (json_typeof(value)) {
	case JSON_STRING:
		put_text(emit, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
		put(emit, number);
		break;
	case JSON_REAL:
		snprintf(number, sizeof(number), "%.17g", json_real_value(value));
		put(emit, number);
		break;
	case JSON_TRUE: put(emit, "true"); break;
	case JSON_FALSE: put(emit, "false"); break;
	case JSON_NULL: put(emit, "null"); break;
	case JSON_OBJECT:
	case JSON_ARRAY: break;
	}
}

static bool is_container(const json_t *value)
{
	return json_is_object(value) || json_is_array(value);
}

static bool is_empty(const json_t *value)
{
	return !json_object_size(value) && !json_array_size(value);
}

/* A list on one line holds words, not sentences, and nothing nested. */
static bool list_may_flow(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *element = json_array_get(list, i);

		if (is_container(element) ||
		    (json_is_string(element) && strchr(json_string_value(element), ' ')))
			return false;
	}
	return true;
}

/*
 * May @value stand on one line? An object may if it has something of its own:
 * one that only holds objects is a collection, which reads better as a block.
 */
static bool may_flow(const json_t *value)
{
	bool is_collection = true;
	const char *key;
	json_t *member;

	if (!is_container(value) || is_empty(value))
		return true;
	if (json_is_array(value))
		return list_may_flow(value);
	json_object_foreach ((json_t *)value, key, member) {
		if (!may_flow(member) || strlen(key) > EMIT_KEY_SIMPLE)
			return false;
		is_collection &= json_is_object(member);
	}
	return !is_collection;
}

static void put_flow(struct emit *emit, const json_t *value)
{
	const char *separator = "";
	const char *key;
	json_t *member;

	if (!is_container(value)) {
		put_scalar(emit, value);
		return;
	}
	emit->flow++;
	put(emit, json_is_array(value) ? "[" : "{");
	json_object_foreach ((json_t *)value, key, member) {
		put(emit, separator);
		put_text(emit, key, strlen(key));
		put(emit, ": ");
		put_flow(emit, member);
		separator = ", ";
	}
	for (size_t i = 0; i < json_array_size(value); i++) {
		put(emit, separator);
		put_flow(emit, json_array_get(value, i));
		separator = ", ";
	}
	put(emit, json_is_array(value) ? "]" : "}");
	emit->flow--;
}

/* Does the text since the last newline fit on a line? */
static bool line_fits(const struct emit *emit)
{
	const char *newline = emit->size ? memrchr(emit->text, '\n', emit->size) : NULL;
	size_t start = newline ? (size_t)(newline - emit->text) + 1 : 0;

	return emit->size - start <= EMIT_COLUMNS;
}

/* @value on the present line, and its newline; false and nothing if it does not belong there. */
static bool try_flow(struct emit *emit, const json_t *value, const char *before)
{
	size_t size = emit->size;

	if (!may_flow(value))
		return false;
	put(emit, before);
	put_flow(emit, value);
	if (is_container(value) && !is_empty(value) && !line_fits(emit)) {
		emit->size = size;
		return false;
	}
	put(emit, "\n");
	return true;
}

static void emit_members(struct emit *emit, const json_t *object, unsigned indent)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		bool simple = strlen(key) <= EMIT_KEY_SIMPLE;

		put_indent(emit, indent);
		if (!simple)
			put(emit, "? ");
		put_text(emit, key, strlen(key));
		if (!simple) {
			put(emit, "\n");
			put_indent(emit, indent);
		}
		put(emit, ":");
		if (try_flow(emit, value, " "))
			continue;
		put(emit, "\n");
		emit_block(emit, value, indent + EMIT_INDENT);
	}
}

static void emit_elements(struct emit *emit, const json_t *list, unsigned indent)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *element = json_array_get(list, i);

		put_indent(emit, indent);
		put(emit, "- ");
		if (!try_flow(emit, element, ""))
			emit_block(emit, element, indent + EMIT_INDENT);
	}
}

static void emit_block(struct emit *emit, const json_t *value, unsigned indent)
{
	if (json_is_object(value))
		emit_members(emit, value, indent);
	else
		emit_elements(emit, value, indent);
}

char *emit_yaml(const json_t *value)
{
	struct emit emit = {0};

	if (!is_container(value) || is_empty(value)) {
		put_flow(&emit, value);
		put(&emit, "\n");
	} else {
		emit_block(&emit, value, 0);
	}
	if (!emit.failed)
		emit.text[emit.size] = '\0';
	if (!emit.failed)
		return emit.text;
	free(emit.text);
	return NULL;
}
