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

struct place node_place(const struct document *document, const struct node *node,
			enum document_part part)
{
	if (!node->up)
		return (struct place){NULL, 0, 0};
	return document_place(document, node->up->value, node->key, node->index, part);
}
