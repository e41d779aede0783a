/*
 * document_tree - what the two files of the document share: the tree while it
 * is read. Not for others.
 */
#ifndef CONTROL_DOCUMENT_TREE_H
#define CONTROL_DOCUMENT_TREE_H

#include "control/document.h"
#include "control/places.h"

struct document {
	json_t *root;
	struct places *places;
	char **files; /* names, by the number in a spot */
	uint32_t n_files;
	size_t bytes; /* of all texts so far */
	size_t nodes; /* keys and values so far */
	uint64_t digest;
	bool broken;  /* reading ended early: what is missing says nothing */
	bool refused; /* there were problems */
};

/* Read one text, the document's newest file, into the tree. 0, -EINVAL, -ENOMEM. */
int document_parse(struct document *document, const char *text, size_t size,
		   struct problems *problems) __attribute__((warn_unused_result));

#endif
