/*
 * json_read - see json_read.h.
 */
#include "control/json_read.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_short; /* an allocation failed */

static void *take(size_t size)
{
	void *memory = malloc(size);

	is_short |= !memory;
	return memory;
}

json_t *json_read(const char *text, size_t size, size_t flags, json_error_t *ret_error)
{
	json_malloc_t usual_take;
	json_free_t usual_free;
	json_t *value;

	json_get_alloc_funcs(&usual_take, &usual_free);
	json_set_alloc_funcs(take, free);
	is_short = false;
	value = json_loadb(text, size, flags, ret_error);
	json_set_alloc_funcs(usual_take, usual_free);
	if (!is_short)
		return value;
	json_decref(value);
	snprintf(ret_error->text, sizeof(ret_error->text), "no memory to read it");
	/* where json_error_code() looks */
	ret_error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
	return NULL;
}
