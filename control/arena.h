/*
 * arena - memory that is given back all at once.
 *
 * A model is one value of many small parts that live and die together; an arena
 * holds them, so there is one free and nothing to forget. Allocations are
 * zeroed and aligned for any type.
 */
#ifndef CONTROL_ARENA_H
#define CONTROL_ARENA_H

#include <stddef.h>

struct arena;

int arena_create(struct arena **ret) __attribute__((warn_unused_result));
void arena_destroy(struct arena *arena); /* NULL is fine */

/* @count zeroed members of @size bytes, or NULL. A count of 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t count, size_t size)
	__attribute__((warn_unused_result));

/* A copy of a string, or NULL. */
char *arena_text(struct arena *arena, const char *text) __attribute__((warn_unused_result));

/* A formatted string, or NULL. */
char *arena_format(struct arena *arena, const char *format, ...)
	__attribute__((warn_unused_result, format(printf, 2, 3)));

#endif
