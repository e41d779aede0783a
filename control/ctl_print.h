/*
 * ctl_print - results for people and for programs: tables, JSON, YAML.
 *
 * Data goes to stdout. A table has a line of titles, and columns as wide as
 * what is in them; numbers stand right. Colour only where a person looks.
 */
#ifndef CONTROL_CTL_PRINT_H
#define CONTROL_CTL_PRINT_H

#include "control/ctl.h"

enum ctl_style {
	STYLE_TEXT,	/* left; lists with commas between */
	STYLE_NUMBER,	/* right */
	STYLE_FRACTION, /* right, one digit behind the point */
	STYLE_SUM,	/* right: of an object's numbers */
	STYLE_STATE,	/* a port's state, in its colour */
};

struct ctl_column {
	const char *title;
	const char *path; /* of the member: "name", "rx.packets" */
	enum ctl_style style;
};

/* @list, an array of objects, with @columns, the last of which has no title. */
void ctl_print_table(const struct ctl *ctl, const json_t *list, const struct ctl_column *columns);

/* One object, a line a member. */
void ctl_print_object(const struct ctl *ctl, const json_t *object);

/* As JSON or YAML. */
void ctl_print_value(const struct ctl *ctl, const json_t *value);

/* The member of @object at @path ("a.b.c"), or NULL. */
const json_t *ctl_member(const json_t *object, const char *path);

#endif
