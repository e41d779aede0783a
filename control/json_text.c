/*
 * json_text - see json_text.h.
 */
#include "control/json_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* What a text may become in memory: `0,` is 2 bytes, and 40 as a value. */
	READ_FLOOR = 32 << 20,
	READ_FACTOR = 4,
	NUMBER_TEXT = 64, /* bytes of the longest number, as jansson writes it */
};

/* ---- reading ---- */

static bool is_short;	 /* an allocation failed */
static size_t allowance; /* bytes that may still be taken */

static void *take(size_t size)
{
	void *memory = size <= allowance ? malloc(size) : NULL;

	is_short |= !memory;
	allowance -= memory ? size : 0;
	return memory;
}

/* What jansson takes between these two is watched. */
struct watch {
	json_malloc_t take;
	json_free_t give_back;
};

static void watch_begin(struct watch *ret_watch)
{
	json_get_alloc_funcs(&ret_watch->take, &ret_watch->give_back);
	json_set_alloc_funcs(take, free);
	is_short = false;
}

static void watch_end(const struct watch *watch)
{
	json_set_alloc_funcs(watch->take, watch->give_back);
}

json_t *json_text_read(const char *text, size_t size, size_t flags, json_error_t *ret_error)
{
	struct watch watch;
	json_t *value;

	watch_begin(&watch);
	allowance = READ_FLOOR + READ_FACTOR * size;
	value = json_loadb(text, size, flags, ret_error);
	watch_end(&watch);
	if (!is_short)
		return value;
	json_decref(value);
	snprintf(ret_error->text, sizeof(ret_error->text), "no memory to read it");
	/* where json_error_code() looks */
	ret_error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
	return NULL;
}

/* ---- writing ---- */

struct text {
	char *bytes;
	size_t length;
	size_t room;
};

/* Room for @size bytes more; NULL without memory. */
static char *text_more(struct text *text, size_t size)
{
	size_t room = text->room ? text->room : 256;
	char *bytes;

	if (size > SIZE_MAX / 4 - text->length)
		return NULL;
	while (room - text->length < size)
		room *= 2;
	if (room > text->room) {
		bytes = realloc(text->bytes, room);
		if (!bytes)
			return NULL;
		text->bytes = bytes;
		text->room = room;
	}
	return text->bytes + text->length;
}

static bool put(struct text *text, const char *bytes, size_t size)
{
	char *at = text_more(text, size);

	if (!at)
		return false;
	memcpy(at, bytes, size);
	text->length += size;
	return true;
}

/* RFC 8259, 7: what must not stand in a string as it is. */
static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

/*
 * The same of eight at once. Of a word's bytes, those below n have their highest bit set in
 * (word - n) & ~word; what is equal to a letter is below 1 after the xor with it.
 */
static bool eight_are_plain(const char *string)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t word, quote, backslash;

	memcpy(&word, string, sizeof(word));
	quote = word ^ ones * '"';
	backslash = word ^ ones * '\\';
	return !((((word - ones * ' ') & ~word) | ((quote - ones) & ~quote) |
		  ((backslash - ones) & ~backslash)) &
		 high);
}

static bool put_string(struct text *text, const char *string, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const char *end = string + length;
	bool good = put(text, "\"", 1);

	while (good && string < end) {
		const char *first = string;

		while (end - string >= 8 && eight_are_plain(string))
			string += 8;
		while (string < end && is_plain(*string))
			string++;
		good = put(text, first, (size_t)(string - first));
		if (good && string < end) {
			const unsigned char c = (unsigned char)*string++;
			const char escaped[] = {'\\',		'u',	       '0', '0',
						digits[c >> 4], digits[c & 15]};

			good = put(text, escaped, sizeof(escaped));
		}
	}
	return good && put(text, "\"", 1);
}

static bool put_value(struct text *text, const json_t *value);

static bool put_object(struct text *text, const json_t *object)
{
	bool good = put(text, "{", 1), first = true;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
		good = good && (first || put(text, ",", 1)) && put_string(text, key, strlen(key)) &&
		       put(text, ":", 1) && put_value(text, value);
		first = false;
	}
	return good && put(text, "}", 1);
}

static bool put_array(struct text *text, const json_t *array)
{
	bool good = put(text, "[", 1);

	for (size_t i = 0; good && i < json_array_size(array); i++)
		good = (!i || put(text, ",", 1)) && put_value(text, json_array_get(array, i));
	return good && put(text, "]", 1);
}

static bool put_number(struct text *text, const json_t *number)
{
	char *at = text_more(text, NUMBER_TEXT);
	size_t length = at ? json_dumpb(number, at, NUMBER_TEXT, JSON_ENCODE_ANY) : 0;

	text->length += length;
	return length > 0;
}

static bool put_value(struct text *text, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return put_object(text, value);
	case JSON_ARRAY: return put_array(text, value);
	case JSON_STRING:
		return put_string(text, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
	case JSON_REAL: return put_number(text, value);
	case JSON_TRUE: return put(text, "true", 4);
	case JSON_FALSE: return put(text, "false", 5);
	case JSON_NULL: break;
	}
	return put(text, "null", 4);
}

char *json_text_write(const json_t *value, size_t *ret_length)
{
	struct text text = {0};

	if (!put_value(&text, value) || !put(&text, "", 1)) {
		free(text.bytes);
		return NULL;
	}
	if (ret_length)
		*ret_length = text.length - 1;
	return text.bytes;
}
