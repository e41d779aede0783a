/*
 * edit_diff - what turns one document into another.
 *
 * For each kind, the objects of both documents are gathered, ordered by name,
 * and compared side by side.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/edit.h"

/* An object as it is in the two documents; NULL: it is not there. */
struct pair {
	char *name;
	const json_t *old;
	const json_t *new;
};

struct pairs {
	struct pair *list;
	size_t count;
	size_t room;
	bool failed; /* no memory */
};

static void pairs_fini(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++)
		free(pairs->list[i].name);
	free(pairs->list);
}

static void add_pair(struct pairs *pairs, const char *tenant, const char *name, const json_t *old,
		     const json_t *new)
{
	struct pair pair = {.old = old, .new = new};

	if (pairs->count == pairs->room) {
		size_t room = pairs->room ? pairs->room * 2 : 64;
		struct pair *list = reallocarray(pairs->list, room, sizeof(*list));

		if (!list) {
			pairs->failed = true;
			return;
		}
		pairs->list = list;
		pairs->room = room;
	}
	if (asprintf(&pair.name, "%s%s%s", tenant ? tenant : "", tenant ? "/" : "", name) < 0)
		pairs->failed = true;
	else
		pairs->list[pairs->count++] = pair;
}

/* Gather the objects of one section as it is in both documents. */
static void gather_section(struct pairs *pairs, const char *tenant, const json_t *old,
			   const json_t *new)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)old, name, value)
		add_pair(pairs, tenant, name, value, json_object_get(new, name));
	json_object_foreach ((json_t *)new, name, value)
		if (!json_object_get(old, name))
			add_pair(pairs, tenant, name, NULL, value);
}

/* Gather what tenants own in @section. */
static void gather_owned(struct pairs *pairs, const char *section, const json_t *old,
			 const json_t *new)
{
	const char *tenant;
	json_t *value;

	json_object_foreach ((json_t *)old, tenant, value)
		gather_section(pairs, tenant, json_object_get(value, section),
			       json_object_get(json_object_get(new, tenant), section));
	json_object_foreach ((json_t *)new, tenant, value)
		if (!json_object_get(old, tenant))
			gather_section(pairs, tenant, NULL, json_object_get(value, section));
}

static int compare_pairs(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

/* Is it a tenant's own field, and not a section of what it owns? */
static bool is_field(enum edit_kind kind, const char *key)
{
	for (int owned = 0; kind == EDIT_TENANT && owned < EDIT__KINDS; owned++)
		if (edit_kind_is_owned((enum edit_kind)owned) &&
		    !strcmp(key, edit_kind_section((enum edit_kind)owned)))
			return false;
	return true;
}

static void add_field(json_t *fields, const char *key, json_t *old, json_t *new, bool *failed)
{
	if (old && new &&json_equal(old, new))
		return;
	if (json_object_set_new(fields, key, json_pack("{sO?, sO?}", "old", old, "new", new)))
		*failed = true;
}

/* The fields that differ; a list of rules or addresses is one field. */
static json_t *changed_fields(enum edit_kind kind, const struct pair *pair, bool *failed)
{
	json_t *fields = json_object();
	const char *key;
	json_t *value;

	if (!json_is_object(pair->old) || !json_is_object(pair->new)) {
		add_field(fields, kind == EDIT_SET ? "addresses" : "rules", (json_t *)pair->old,
			  (json_t *)pair->new, failed);
		return fields;
	}
	json_object_foreach ((json_t *)pair->old, key, value)
		if (is_field(kind, key))
			add_field(fields, key, value, json_object_get(pair->new, key), failed);
	json_object_foreach ((json_t *)pair->new, key, value)
		if (is_field(kind, key) && !json_object_get(pair->old, key))
			add_field(fields, key, NULL, value, failed);
	return fields;
}

static void add_change(json_t *changes, enum edit_kind kind, const struct pair *pair, bool *failed)
{
	const char *op = !pair->old ? "add" : !pair->new ? "delete" : "change";
	json_t *fields = NULL, *change;

	if (pair->old && pair->new) {
		fields = changed_fields(kind, pair, failed);
		if (!fields)
			*failed = true;
		if (!json_object_size(fields)) {
			json_decref(fields);
			return;
		}
	}
	change = json_pack("{ss, ss, ss, so*}", "op", op, "kind", edit_kind_word(kind), "name",
			   pair->name, "fields", fields);
	if (json_array_append_new(changes, change))
		*failed = true;
}

static bool diff_kind(enum edit_kind kind, const json_t *old, const json_t *new, json_t *changes)
{
	const char *section = edit_kind_section(kind);
	struct pairs pairs = {0};

	if (edit_kind_is_owned(kind))
		gather_owned(&pairs, section, json_object_get(old, "tenants"),
			     json_object_get(new, "tenants"));
	else
		gather_section(&pairs, NULL, json_object_get(old, section),
			       json_object_get(new, section));
	if (pairs.count)
		qsort(pairs.list, pairs.count, sizeof(pairs.list[0]), compare_pairs);
	for (size_t i = 0; i < pairs.count; i++)
		add_change(changes, kind, &pairs.list[i], &pairs.failed);
	pairs_fini(&pairs);
	return !pairs.failed;
}

json_t *edit_diff(const json_t *old, const json_t *new)
{
	json_t *changes = json_array();

	for (int kind = 0; changes && kind < EDIT__KINDS; kind++) {
		if (!diff_kind((enum edit_kind)kind, old, new, changes)) {
			json_decref(changes);
			changes = NULL;
		}
	}
	return changes;
}
