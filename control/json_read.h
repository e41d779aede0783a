/*
 * json_read - JSON text to a value: all of it, or none.
 *
 * jansson's lexer does not look whether its buffer could grow: where memory is
 * short, a text loses characters and is a value all the same. What is read for a
 * configuration must not be another one.
 *
 * Threads: one at a time.
 */
#ifndef CONTROL_JSON_READ_H
#define CONTROL_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/* As json_loadb(); NULL with json_error_out_of_memory if any allocation failed. */
json_t *json_read(const char *text, size_t size, size_t flags, json_error_t *ret_error);

#endif
