/*
 * document - a configuration as it was written: a tree, and where each of its
 * nodes stands in which file.
 *
 * YAML and JSON are read by the same parser, from one text or from several that
 * together are one document (a directory). The tree is jansson's, but nothing
 * in it is typed by YAML: every scalar is text (`on`, `0x10`, `1:2`, `no`), and
 * the model says what it means. Only an absent value and a plain `null` are
 * JSON's null. Values that come through the API are JSON already, may hold
 * numbers and booleans, and have no places.
 *
 * Refused, each with its place: duplicate keys, anchors, aliases, tags, merge
 * keys, keys that are not scalars, more than one document in a text, control
 * characters, anything but UTF-8, and what exceeds the limits below. So reading
 * is linear in the size of the text, whoever wrote it.
 *
 * Several texts. Mappings that only gather named objects (`tenants`,
 * `tenants.acme`, `tenants.acme.ports`, `uplinks`, ...) may occur once in each
 * text and are joined; an object that occurs in two texts is a duplicate.
 *
 * Memory. A document owns its tree; document_root() is borrowed.
 */
#ifndef CONTROL_DOCUMENT_H
#define CONTROL_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/problem.h"

enum {
	DOCUMENT_BYTES = 16 << 20, /* of all texts together */
	DOCUMENT_NODES = 500000,
	DOCUMENT_DEPTH = 32,
	DOCUMENT_KEY = 255, /* bytes of a key */
};

struct document;

int document_create(struct document **ret) __attribute__((warn_unused_result));
void document_destroy(struct document *document); /* NULL is fine */

/*
 * Read one more text into @document. @file is its name in problems. 0; -EINVAL:
 * problems were added (go on with further texts and with model_build(), which
 * adds what else it finds and then refuses the document); -ENOMEM.
 */
int document_add_text(struct document *document, const char *file, const char *text, size_t size,
		      struct problems *problems) __attribute__((warn_unused_result));

/*
 * Read @path: a file, or a directory's *.yaml in the order of their names (an
 * empty directory is an empty document). As above; what cannot be read is a
 * problem and -EINVAL, too, but -ENOENT if there is no @path at all.
 */
int document_add_path(struct document *document, const char *path, struct problems *problems)
	__attribute__((warn_unused_result));

/* A document without places from a JSON value, of which it keeps a reference. */
int document_from_json(json_t *value, struct document **ret) __attribute__((warn_unused_result));

/* The tree; an object, unless document_from_json() was given something else. */
json_t *document_root(const struct document *document);

/* Was anything refused while reading? And did reading end before the end of a text? */
bool document_is_refused(const struct document *document);
bool document_is_broken(const struct document *document);

/*
 * A digest of everything that was read, names of files excluded: to see whether
 * a configuration changed since it was last applied. Not against an adversary.
 */
uint64_t document_digest(const struct document *document);

/* Where a member stands: its key or its value. */
enum document_part {
	DOCUMENT_KEY_PART,
	DOCUMENT_VALUE_PART,
};

/*
 * The place of a member of @parent (which is in the tree): of the object's
 * @key, or of the array's @index if @key is NULL. Line 0 if it has none.
 */
struct place document_place(const struct document *document, const json_t *parent, const char *key,
			    size_t index, enum document_part part);

/*
 * The place of character @offset of a text scalar, if it is written on one line
 * without escapes; else of its beginning.
 */
struct place document_place_within(const struct document *document, const json_t *parent,
				   const char *key, size_t index, size_t offset);

#endif
