/*
 * places - where each member of a tree was written.
 *
 * A table beside the tree: jansson's values know nothing of lines. A member is
 * known by what holds it (the mapping or list itself, by identity) and by its key
 * or index, so even values that jansson shares, such as null, have a place.
 *
 * Memory. Grows with the tree, one entry a member; holds no references. An
 * entry whose member is gone is never asked for.
 */
#ifndef CONTROL_PLACES_H
#define CONTROL_PLACES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct places;

/* Lines and columns count from 1. */
struct spot {
	uint32_t file; /* its number in the document */
	uint32_t key_line;
	uint32_t key_column;
	uint32_t line; /* of the value */
	uint32_t column;
	bool exact;   /* a scalar on one line without escapes: as it is written */
	uint8_t lead; /* then: characters before its first, a quote */
};

int places_create(struct places **ret) __attribute__((warn_unused_result));
void places_destroy(struct places *places); /* NULL is fine */

/* Say where a member of @parent is: of @key, or of @index if @key is NULL. 0 or -ENOMEM. */
int places_set(struct places *places, const json_t *parent, const char *key, size_t index,
	       const struct spot *spot) __attribute__((warn_unused_result));

/* The spot of a member, or NULL. */
struct spot *places_find(const struct places *places, const json_t *parent, const char *key,
			 size_t index);

#endif
