/*
 * ctl_print - see ctl_print.h.
 */
#include "control/ctl_print.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/emit.h"

enum { CELL = 512, PATH_BYTES = 64, COLUMNS_MAX = 24 };

const json_t *ctl_member(const json_t *object, const char *path)
{
	char key[PATH_BYTES];

	while (object && *path) {
		size_t length = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		object = json_object_get(object, key);
		path += length + (path[length] == '.');
	}
	return object;
}

/* Append to the text in @cell as far as there is room. */
static void cell_add(char cell[static CELL], const char *text)
{
	size_t length = strlen(cell);

	snprintf(cell + length, CELL - length, "%s", text);
}

/* @value in one cell, behind what is there. */
static void cell_value(char cell[static CELL], const json_t *value)
{
	char number[32];
	const json_t *item;
	const char *key;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_STRING: cell_add(cell, json_string_value(value)); return;
	case JSON_TRUE: cell_add(cell, "yes"); return;
	case JSON_FALSE: cell_add(cell, "no"); return;
	case JSON_NULL: cell_add(cell, "-"); return;
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		cell_add(cell, number);
		return;
	case JSON_REAL:
		snprintf(number, sizeof(number), "%.1f", json_real_value(value));
		cell_add(cell, number);
		return;
	case JSON_ARRAY:
		if (!json_array_size(value))
			cell_add(cell, "-");
		json_array_foreach (value, i, item) {
			cell_add(cell, i ? "," : "");
			cell_value(cell, item);
		}
		return;
	case JSON_OBJECT:
		if (!json_object_size(value))
			cell_add(cell, "-");
		json_object_foreach ((json_t *)(uintptr_t)value, key, item) {
			if (*cell)
				cell_add(cell, " ");
			cell_add(cell, key);
			cell_add(cell, "=");
			cell_value(cell, item);
		}
		return;
	}
}

static json_int_t sum(const json_t *object)
{
	const char *key;
	json_t *value;
	json_int_t total = 0;

	json_object_foreach ((json_t *)(uintptr_t)object, key, value)
		total += json_integer_value(value);
	return total;
}

static void cell_make(char cell[static CELL], const json_t *row, const struct ctl_column *column)
{
	const json_t *value = ctl_member(row, column->path);

	*cell = '\0';
	if (!value)
		cell_add(cell, "-");
	else if (column->style == STYLE_SUM)
		snprintf(cell, CELL, "%lld", (long long)sum(value));
	else
		cell_value(cell, value);
}

/* Columns that a terminal shows: bytes that continue a character do not count. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static const char *state_color(const char *state)
{
	if (!strcmp(state, "up") || !strcmp(state, "running"))
		return "\033[32m";
	if (!strcmp(state, "failed"))
		return "\033[31m";
	return "\033[33m";
}

static void cell_print(const struct ctl *ctl, const struct ctl_column *column, const char *cell,
		       int wide, bool last)
{
	int pad = wide - width(cell);
	bool right = column->style == STYLE_NUMBER || column->style == STYLE_FRACTION ||
		     column->style == STYLE_SUM;
	bool color = ctl->color && column->style == STYLE_STATE;

	printf("%*s%s%s%s", right ? pad : 0, "", color ? state_color(cell) : "", cell,
	       color ? "\033[0m" : "");
	if (!last)
		printf("%*s", (right ? 0 : pad) + 2, "");
}

void ctl_print_table(const struct ctl *ctl, const json_t *list, const struct ctl_column *columns)
{
	int wide[COLUMNS_MAX] = {0};
	char cell[CELL];
	const json_t *row;
	size_t i;
	unsigned n = 0;

	for (; columns[n].title && n < COLUMNS_MAX; n++) {
		wide[n] = width(columns[n].title);
		json_array_foreach (list, i, row) {
			cell_make(cell, row, &columns[n]);
			if (width(cell) > wide[n])
				wide[n] = width(cell);
		}
	}
	for (unsigned c = 0; c < n; c++) {
		struct ctl_column title = columns[c];

		if (title.style == STYLE_STATE)
			title.style = STYLE_TEXT;
		if (ctl->color)
			fputs("\033[1m", stdout);
		cell_print(ctl, &title, title.title, wide[c], c == n - 1);
		if (ctl->color)
			fputs("\033[0m", stdout);
	}
	putchar('\n');
	json_array_foreach (list, i, row) {
		for (unsigned c = 0; c < n; c++) {
			cell_make(cell, row, &columns[c]);
			cell_print(ctl, &columns[c], cell, wide[c], c == n - 1);
		}
		putchar('\n');
	}
}

/* Is it a list of rules? They have spaces, and commas of their own. */
static bool is_lines(const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach (value, i, item)
		if (json_is_string(item) && strchr(json_string_value(item), ' '))
			return true;
	return false;
}

/* One below the other in @column, the first behind @gap. */
static void lines_print(const json_t *lines, int gap, int column)
{
	const json_t *line;
	char cell[CELL];
	size_t i;

	json_array_foreach (lines, i, line) {
		*cell = '\0';
		cell_value(cell, line);
		printf("%*s%s\n", i ? column : gap, "", cell);
	}
}

static void members_print(const struct ctl *ctl, const json_t *object, int indent)
{
	struct ctl_column plain = {.style = STYLE_TEXT}, state = {.style = STYLE_STATE};
	char cell[CELL];
	const char *key;
	json_t *value;
	int wide = 0;

	json_object_foreach ((json_t *)(uintptr_t)object, key, value)
		if (width(key) > wide)
			wide = width(key);
	json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
		printf("%*s%s", indent, "", key);
		if (json_is_object(value) && json_object_size(value)) {
			putchar('\n');
			members_print(ctl, value, indent + 2);
			continue;
		}
		if (is_lines(value)) {
			lines_print(value, wide - width(key) + 2, indent + wide + 2);
			continue;
		}
		*cell = '\0';
		cell_value(cell, value);
		printf("%*s", wide - width(key) + 2, "");
		cell_print(ctl, strcmp(key, "state") ? &plain : &state, cell, 0, true);
		putchar('\n');
	}
}

void ctl_print_object(const struct ctl *ctl, const json_t *object)
{
	members_print(ctl, object, 0);
}

void ctl_print_value(const struct ctl *ctl, const json_t *value)
{
	char *text = ctl->format == CTL_YAML ? emit_yaml(value)
					     : json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY |
									 JSON_REAL_PRECISION(10));

	if (!text)
		return;
	fputs(text, stdout);
	if (ctl->format != CTL_YAML)
		putchar('\n');
	free(text);
}
