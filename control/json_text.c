/*
 * json_text - see json_text.h.
 */
#include "control/json_text.h"

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

/* What jansson takes between these two is watched. */
struct watch {
	json_malloc_t take;
	json_free_t give_back;
};

static void watch_begin(struct watch *ret_watch)
{
	json_get_alloc_funcs(&ret_watch->take, &ret_watch->give_back);
	json_set_alloc_funcs(take, free);
	is_short = false;
}

static void watch_end(const struct watch *watch)
{
	json_set_alloc_funcs(watch->take, watch->give_back);
}

json_t *json_text_read(const char *text, size_t size, size_t flags, json_error_t *ret_error)
{
	struct watch watch;
	json_t *value;

	watch_begin(&watch);
	value = json_loadb(text, size, flags, ret_error);
	watch_end(&watch);
	if (!is_short)
		return value;
	json_decref(value);
	snprintf(ret_error->text, sizeof(ret_error->text), "no memory to read it");
	/* where json_error_code() looks */
	ret_error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
	return NULL;
}

char *json_text_write(const json_t *value, size_t flags)
{
	struct watch watch;
	char *text;

	watch_begin(&watch);
	text = json_dumps(value, flags);
	watch_end(&watch);
	if (!is_short)
		return text;
	free(text);
	return NULL;
}
