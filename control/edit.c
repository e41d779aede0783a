/*
 * edit - see edit.h.
 *
 * A new document shares with its base all that is not on the way to what
 * changed: only the mappings from the root down to the object are copied.
 */
#include "control/edit.h"

#include <errno.h>
#include <string.h>

#include "control/name.h"
#include "control/node.h"

static const struct {
	const char *word;
	const char *section;
	bool owned; /* by a tenant */
} kinds[EDIT__KINDS] = {
	[EDIT_TENANT] = {"tenant", "tenants", false},
	[EDIT_NETWORK] = {"network", "networks", true},
	[EDIT_SET] = {"address-set", "sets", true},
	[EDIT_GROUP] = {"group", "groups", true},
	[EDIT_ACL] = {"acl", "acls", true},
	[EDIT_PORT] = {"port", "ports", true},
	[EDIT_UPLINK] = {"uplink", "uplinks", false},
	[EDIT_MIRROR] = {"mirror", "mirrors", false},
};

const char *edit_kind_word(enum edit_kind kind)
{
	return kinds[kind].word;
}

const char *edit_kind_section(enum edit_kind kind)
{
	return kinds[kind].section;
}

bool edit_kind_is_owned(enum edit_kind kind)
{
	return kinds[kind].owned;
}

int edit_kind_parse(const char *word, enum edit_kind *ret)
{
	for (int kind = 0; kind < EDIT__KINDS; kind++) {
		if (!strcmp(word, kinds[kind].word)) {
			*ret = (enum edit_kind)kind;
			return 0;
		}
	}
	return -ENOENT;
}

/* Add to @into what @from has and it has not, down through what only gathers objects. */
static int complete(struct node *into, const json_t *from)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)from, key, value) {
		struct node member = {into, key, 0, json_object_get(into->value, key)};
		int error = 0;

		if (!member.value || json_is_null(member.value))
			error = json_object_set(into->value, key, value) ? -ENOMEM : 0;
		else if (node_is_section(&member) && json_is_object(member.value))
			error = complete(&member, value);
		if (error)
			return error;
	}
	return 0;
}

int edit_merge(const json_t *base, struct document *change)
{
	struct node root = {.value = document_root(change)};

	return json_is_object(root.value) ? complete(&root, base) : 0;
}

/* A name taken apart: "acme/vm1" is vm1 of acme. */
struct object_name {
	enum edit_kind kind;
	const char *full;
	char tenant[LIMIT_NAME + 1]; /* "" for what no tenant owns */
	const char *local;
};

static int parse_name(enum edit_kind kind, const char *name, struct object_name *ret)
{
	struct object_name parsed = {.kind = kind, .full = name, .local = name};
	const char *slash = strchr(name, '/');

	if (kinds[kind].owned) {
		if (!slash || (size_t)(slash - name) > LIMIT_NAME)
			return -EINVAL;
		memcpy(parsed.tenant, name, (size_t)(slash - name));
		parsed.local = slash + 1;
		if (!name_is_valid(parsed.tenant))
			return -EINVAL;
	}
	if (!name_is_valid(parsed.local))
		return -EINVAL;
	*ret = parsed;
	return 0;
}

/* The mapping that holds objects like this one, or NULL. */
static json_t *find_section(const json_t *base, const struct object_name *name)
{
	json_t *holder = (json_t *)base;

	if (kinds[name->kind].owned)
		holder = json_object_get(json_object_get(base, "tenants"), name->tenant);
	return json_object_get(holder, kinds[name->kind].section);
}

static json_t *find_object(const json_t *base, const struct object_name *name)
{
	return json_object_get(find_section(base, name), name->local);
}

json_t *edit_find(const json_t *base, enum edit_kind kind, const char *name)
{
	struct object_name parsed;

	return parse_name(kind, name, &parsed) ? NULL : find_object(base, &parsed);
}

/* Note why an object cannot be edited. Gives @error. */
static int refuse(struct problems *problems, enum problem_reason reason,
		  const struct object_name *name, const char *message, int error)
{
	char path[PROBLEM_TEXT];

	snprintf(path, sizeof(path), "%s%s%s%s.%s", kinds[name->kind].owned ? "tenants." : "",
		 name->tenant, kinds[name->kind].owned ? "." : "", kinds[name->kind].section,
		 name->local);
	problems_add(problems, reason, NULL, path, "%s %s %s", kinds[name->kind].word, name->full,
		     message);
	return error;
}

static int parse_or_refuse(struct problems *problems, enum edit_kind kind, const char *name,
			   struct object_name *ret)
{
	int error = parse_name(kind, name, ret);

	if (!error)
		return 0;
	problems_add(problems, PROBLEM_BAD_NAME, NULL, "", "\"%s\" is not the name of a %s", name,
		     kinds[kind].word);
	problems_hint(problems, "%s%s", kinds[kind].owned ? "write TENANT/NAME; " : "", NAME_HINT);
	return error;
}

/* jansson's copies lose members when memory ends, and do not say so: @copy, or NULL. */
static json_t *whole_copy(json_t *copy, const json_t *original)
{
	if (!copy || json_equal(copy, original))
		return copy;
	json_decref(copy);
	return NULL;
}

/* Replace the member @key of @mapping by a copy of its own, or by an empty mapping. */
static json_t *own_member(json_t *mapping, const char *key)
{
	json_t *member = json_object_get(mapping, key);

	member = json_is_object(member) ? whole_copy(json_copy(member), member) : json_object();
	if (json_object_set_new(mapping, key, member)) /* refuses NULL, too */
		return NULL;
	return member;
}

/*
 * A copy of @base in which @object has replaced what is under the name, or
 * nothing has if @object is NULL. Takes the reference of @object.
 */
static int with_object(const json_t *base, const struct object_name *name, json_t *object,
		       json_t **ret)
{
	json_t *root =
		json_is_object(base) ? whole_copy(json_copy((json_t *)base), base) : json_object();
	json_t *holder = root;
	int error = 0;

	if (kinds[name->kind].owned)
		holder = own_member(own_member(root, "tenants"), name->tenant);
	holder = own_member(holder, kinds[name->kind].section);
	if (!holder || (object && json_object_set(holder, name->local, object)))
		error = -ENOMEM;
	else if (!object)
		json_object_del(holder, name->local);
	json_decref(object);
	if (error)
		json_decref(root);
	else
		*ret = root;
	return error;
}

/* RFC 7396, section 2: @target (taken) as @patch changes it; NULL without memory. */
static json_t *merge_patch(json_t *target, const json_t *patch)
{
	const char *key;
	json_t *value;

	if (!json_is_object(patch)) {
		json_decref(target);
		return whole_copy(json_deep_copy(patch), patch);
	}
	if (!json_is_object(target)) {
		json_decref(target);
		target = json_object();
	}
	json_object_foreach ((json_t *)patch, key, value) {
		if (json_is_null(value)) {
			json_object_del(target, key);
			continue;
		}
		if (json_object_set_new(
			    target, key,
			    merge_patch(json_incref(json_object_get(target, key)), value))) {
			json_decref(target);
			return NULL;
		}
	}
	return target;
}

/* Keys that take one another's place. */
static const char *const exclusive[][5] = {
	{"vhost-user", "tap", "device", "pcap", NULL},
	{"network", "trunk", "qinq", NULL},
	{"promiscuous", "isolated", "community", NULL},
};

/* Does @value only take away, as {native: null}? */
static bool takes_away(const json_t *value)
{
	const char *key;
	json_t *member;

	if (!json_is_object(value) || !json_object_size(value))
		return false;
	json_object_foreach ((json_t *)(uintptr_t)value, key, member)
		if (!json_is_null(member))
			return false;
	return true;
}

/* Does the patch turn the key on? `isolated: false` takes nobody's place. */
static bool turns_on(const json_t *patch, const char *key)
{
	const json_t *value = json_object_get(patch, key);
	const char *text = json_string_value(value);

	return value && !json_is_null(value) && !json_is_false(value) && !takes_away(value) &&
	       !(text && (!strcmp(text, "off") || !strcmp(text, "false") || !strcmp(text, "no")));
}

static void drop_replaced(json_t *target, const json_t *patch, const char *const *keys)
{
	bool replaced = false;

	for (unsigned i = 0; keys[i]; i++)
		replaced |= turns_on(patch, keys[i]);
	for (unsigned i = 0; replaced && keys[i]; i++)
		if (!turns_on(patch, keys[i]))
			json_object_del(target, keys[i]);
}

/* Take away from the port @target (a copy) what @patch puts something else in place of. */
static void drop_excluded(json_t *target, const json_t *patch)
{
	for (size_t i = 0; i < sizeof(exclusive) / sizeof(exclusive[0]); i++)
		drop_replaced(target, patch, exclusive[i]);
	if (!json_object_get(target, "vhost-user") && !json_object_get(patch, "vhost-user"))
		json_object_del(target, "mode");
}

int edit_add(const json_t *base, enum edit_kind kind, const char *name, const json_t *fields,
	     struct problems *problems, json_t **ret)
{
	struct object_name parsed;
	json_t *object;
	int error = parse_or_refuse(problems, kind, name, &parsed);

	if (error)
		return error;
	if (find_object(base, &parsed))
		return refuse(problems, PROBLEM_EXISTS, &parsed, "exists already", -EEXIST);
	if (kinds[kind].owned &&
	    !json_object_get(json_object_get(base, "tenants"), parsed.tenant)) {
		error = refuse(problems, PROBLEM_NOT_FOUND, &parsed,
			       "cannot be added: there is no such tenant", -ENOENT);
		problems_hint(problems, "add tenant %s first", parsed.tenant);
		return error;
	}
	object = merge_patch(NULL, fields);
	return object ? with_object(base, &parsed, object, ret) : -ENOMEM;
}

int edit_set(const json_t *base, enum edit_kind kind, const char *name, const json_t *fields,
	     struct problems *problems, json_t **ret)
{
	struct object_name parsed;
	json_t *present, *object;
	int error = parse_or_refuse(problems, kind, name, &parsed);

	if (error)
		return error;
	present = find_object(base, &parsed);
	if (!present)
		return refuse(problems, PROBLEM_NOT_FOUND, &parsed, "does not exist", -ENOENT);
	object = whole_copy(json_deep_copy(present), present);
	if (object && (kind == EDIT_PORT || kind == EDIT_UPLINK))
		drop_excluded(object, fields);
	object = object ? merge_patch(object, fields) : NULL;
	return object ? with_object(base, &parsed, object, ret) : -ENOMEM;
}

/* Does the tenant own anything? */
static bool owns_objects(const json_t *tenant)
{
	for (int kind = 0; kind < EDIT__KINDS; kind++)
		if (kinds[kind].owned &&
		    json_object_size(json_object_get(tenant, kinds[kind].section)))
			return true;
	return false;
}

int edit_delete(const json_t *base, enum edit_kind kind, const char *name,
		struct problems *problems, json_t **ret)
{
	struct object_name parsed;
	json_t *present;
	int error = parse_or_refuse(problems, kind, name, &parsed);

	if (error)
		return error;
	present = find_object(base, &parsed);
	if (!present)
		return refuse(problems, PROBLEM_NOT_FOUND, &parsed, "does not exist", -ENOENT);
	if (kind == EDIT_TENANT && owns_objects(present)) {
		error = refuse(problems, PROBLEM_NOT_EMPTY, &parsed, "still owns objects",
			       -ENOTEMPTY);
		problems_hint(problems, "delete its ports, networks, sets, groups and ACLs first");
		return error;
	}
	return with_object(base, &parsed, NULL, ret);
}
