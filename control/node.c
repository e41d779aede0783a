/*
 * node - see node.h.
 */
#include "control/node.h"

#include <stdio.h>
#include <string.h>

void node_path(const struct node *node, char *ret_path, size_t size)
{
	const struct node *steps[DOCUMENT_DEPTH + 2];
	unsigned depth = 0;
	size_t at = 0;

	for (; node->up && depth < DOCUMENT_DEPTH + 2; node = node->up)
		steps[depth++] = node;
	ret_path[0] = '\0';
	while (depth-- && at < size) {
		const struct node *step = steps[depth];

		if (step->key)
			snprintf(ret_path + at, size - at, "%s%s", at ? "." : "", step->key);
		else
			snprintf(ret_path + at, size - at, "[%zu]", step->index);
		at += strlen(ret_path + at);
	}
}

bool node_is_section(const struct node *node)
{
	static const char *const owned[] = {"networks", "sets", "groups", "acls", "ports"};
	const struct node *steps[3];
	unsigned depth = 0;

	for (; node->up; node = node->up) {
		if (depth == 3 || !node->key)
			return false;
		steps[depth++] = node;
	}
	if (depth == 0)
		return true;
	if (depth == 1)
		return !strcmp(steps[0]->key, "tenants") || !strcmp(steps[0]->key, "uplinks") ||
		       !strcmp(steps[0]->key, "mirrors");
	if (strcmp(steps[depth - 1]->key, "tenants"))
		return false;
	if (depth == 2)
		return true;
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (!strcmp(steps[0]->key, owned[i]))
			return true;
	return false;
}

struct place node_place(const struct document *document, const struct node *node,
			enum document_part part)
{
	if (!node->up)
		return (struct place){NULL, 0, 0};
	return document_place(document, node->up->value, node->key, node->index, part);
}
