/*
 * json_text - JSON text to a value and back: all of it, or nothing.
 *
 * jansson looks in neither direction whether the buffer of a string could grow:
 * where memory is short, a text loses characters, or a whole key, and is taken for
 * good all the same. What is read for a configuration, stored or answered must not
 * be another one. So writing is done here; it is also what a commit among a hundred
 * thousand rules takes longest for.
 *
 * Threads: one at a time.
 */
#ifndef CONTROL_JSON_TEXT_H
#define CONTROL_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/*
 * As json_loadb(); NULL with json_error_out_of_memory if any allocation failed, or if
 * the value would take much more memory than such texts do.
 */
json_t *json_text_read(const char *text, size_t size, size_t flags, json_error_t *ret_error);

/*
 * The text of @value, without blanks, which the caller frees; *@ret_length (NULL: not
 * wanted) without the NUL at its end. NULL without memory.
 */
char *json_text_write(const json_t *value, size_t *ret_length);

#endif
