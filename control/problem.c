/*
 * problem - see problem.h.
 *
 * Every text passes clean_text() on its way in, so that nothing a stranger
 * wrote reaches a terminal or a JSON string as control characters or broken
 * UTF-8.
 */
#include "control/problem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *problem_word(enum problem_reason reason)
{
	static const char *const words[] = {
#define X(name, word) [PROBLEM_##name] = word,
		PROBLEM_REASONS(X)
#undef X
	};

	return words[reason];
}

static void problem_fini(struct problem *problem)
{
	free((char *)problem->place.file);
	free(problem->path);
	free(problem->message);
	free(problem->hint);
}

void problems_clear(struct problems *problems)
{
	for (unsigned i = 0; i < problems->count; i++)
		problem_fini(&problems->list[i]);
	problems->count = 0;
	problems->total = 0;
}

/* Bytes of the UTF-8 character at @text (RFC 3629), or 0 if it is none. */
static size_t character_size(const unsigned char *text)
{
	size_t size = text[0] < 0x80			  ? 1
		      : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
		      : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
		      : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
							  : 0;

	for (size_t i = 1; i < size; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return size;
}

/* C0, DEL and C1: what a terminal would obey. */
static bool is_control(const unsigned char *text)
{
	return text[0] < 0x20 || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0);
}

/* A copy of @text that is safe to print, PROBLEM_TEXT bytes at most; NULL without memory. */
static char *clean_text(const char *text)
{
	const unsigned char *from = (const unsigned char *)text;
	char clean[PROBLEM_TEXT + 1];
	size_t at = 0;

	while (*from) {
		size_t size = character_size(from);
		bool bad = !size || is_control(from);

		if (at + (bad ? 1 : size) > PROBLEM_TEXT)
			break;
		if (!size)
			size = 1;
		if (bad) {
			clean[at++] = '?';
		} else {
			memcpy(clean + at, from, size);
			at += size;
		}
		from += size;
	}
	clean[at] = '\0';
	return strdup(clean);
}

static __attribute__((format(printf, 1, 0))) char *format_clean(const char *format, va_list args)
{
	char *text, *clean;

	if (vasprintf(&text, format, args) < 0)
		return NULL;
	clean = clean_text(text);
	free(text);
	return clean;
}

void problems_add(struct problems *problems, enum problem_reason reason, const struct place *place,
		  const char *path, const char *message, ...)
{
	struct problem problem = {.reason = reason, .order = problems->total};
	va_list args;

	problems->total++;
	if (problems->count == PROBLEMS_MAX)
		return;
	if (place) {
		problem.place = *place;
		problem.place.file = place->file ? clean_text(place->file) : NULL;
	}
	problem.path = clean_text(path);
	va_start(args, message);
	problem.message = format_clean(message, args);
	va_end(args);
	if (!problem.path || !problem.message || (place && place->file && !problem.place.file))
		problem_fini(&problem);
	else
		problems->list[problems->count++] = problem;
}

void problems_hint(struct problems *problems, const char *hint, ...)
{
	struct problem *last;
	va_list args;

	if (!problems->count)
		return;
	last = &problems->list[problems->count - 1];
	if (last->order != problems->total - 1) /* the last one was not kept */
		return;
	free(last->hint);
	va_start(args, hint);
	last->hint = format_clean(hint, args);
	va_end(args);
}

void problems_hint_all(struct problems *problems, enum problem_reason reason, const char *hint)
{
	for (unsigned i = 0; i < problems->count; i++) {
		struct problem *problem = &problems->list[i];

		if (problem->reason != reason)
			continue;
		free(problem->hint);
		problem->hint = strdup(hint);
	}
}

void problem_hide(struct problem *problem, const char *message)
{
	char *copy = strdup(message);

	free((char *)problem->place.file);
	free(problem->hint);
	problem->place = (struct place){0};
	problem->path[0] = '\0';
	problem->hint = NULL;
	if (copy) {
		free(problem->message);
		problem->message = copy;
	} else {
		problem->message[0] = '\0';
	}
}

static int compare_problems(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;
	int order;

	if (!a->place.line != !b->place.line)
		return a->place.line ? -1 : 1;
	order = strcmp(a->place.file ? a->place.file : "", b->place.file ? b->place.file : "");
	if (order)
		return order;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void problems_sort(struct problems *problems)
{
	qsort(problems->list, problems->count, sizeof(problems->list[0]), compare_problems);
}

void problems_print(const struct problems *problems, FILE *stream)
{
	for (unsigned i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->list[i];

		if (problem->place.file)
			fprintf(stream, "%s:", problem->place.file);
		if (problem->place.line)
			fprintf(stream, "%u:%u:", problem->place.line, problem->place.column);
		if (problem->place.file || problem->place.line)
			fputc(' ', stream);
		if (problem->path[0])
			fprintf(stream, "%s: ", problem->path);
		fputs(problem->message, stream);
		if (problem->hint)
			fprintf(stream, "; %s", problem->hint);
		fputc('\n', stream);
	}
	if (problems->total > problems->count)
		fprintf(stream, "and %u more\n", problems->total - problems->count);
}

json_t *problems_json(const struct problems *problems)
{
	json_t *array = json_array();

	for (unsigned i = 0; array && i < problems->count; i++) {
		const struct problem *problem = &problems->list[i];
		json_t *object =
			json_pack("{ss, ss, ss, ss*, ss*}", "reason", problem_word(problem->reason),
				  "path", problem->path, "message", problem->message, "hint",
				  problem->hint, "file", problem->place.file);

		if (object && problem->place.line &&
		    (json_object_set_new(object, "line", json_integer(problem->place.line)) ||
		     json_object_set_new(object, "column", json_integer(problem->place.column)))) {
			json_decref(object);
			object = NULL;
		}
		if (json_array_append_new(array, object)) { /* fails on NULL, too */
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
