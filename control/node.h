/*
 * node - a value in a document and the way to it.
 *
 * Reading a tree goes down from the root; each step remembers the one above, so
 * that a problem can name the path and the place of what it is about.
 */
#ifndef CONTROL_NODE_H
#define CONTROL_NODE_H

#include <jansson.h>

#include "control/document.h"

struct node {
	const struct node *up; /* NULL: the root */
	const char *key;       /* in the mapping above, or NULL: index in the list above */
	size_t index;
	json_t *value; /* NULL while it is being read */
};

/* `tenants.acme.ports.vm1.macs[0]`, cut at @size bytes; "" for the root. */
void node_path(const struct node *node, char *ret_path, size_t size);

/*
 * Is it one of the mappings that only gather named objects: the root, `tenants`, a
 * tenant, its `networks`, `sets`, `groups`, `acls` and `ports`, `uplinks`, `mirrors`?
 */
bool node_is_section(const struct node *node);

/* Where the node stands in the document's text. */
struct place node_place(const struct document *document, const struct node *node,
			enum document_part part);

#endif
