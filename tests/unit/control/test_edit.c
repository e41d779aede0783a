/*
 * test_edit - documents made from documents: merge, add, set, delete, diff.
 */
#include <errno.h>

#include "control/edit.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

static void assert_json(const json_t *seen, const char *wanted_text)
{
	json_t *wanted = written_json(wanted_text);

	if (!json_equal(seen, wanted))
		fail_msg("wanted %s\n  seen %s", wanted_text, json_dumps(seen, JSON_COMPACT));
	json_decref(wanted);
}

static void kinds_have_words(void **state)
{
	for (int kind = 0; kind < EDIT__KINDS; kind++) {
		enum edit_kind back;

		assert_int_equal(edit_kind_parse(edit_kind_word((enum edit_kind)kind), &back), 0);
		assert_int_equal(back, kind);
	}
	enum edit_kind none;

	assert_int_equal(edit_kind_parse("ports", &none), -ENOENT);
}

/* One edit, expected to succeed or to fail with a problem at a path. */
typedef int edit_function(const json_t *base, enum edit_kind kind, const char *name,
			  const json_t *fields, struct problems *problems, json_t **ret);

static int delete_object(const json_t *base, enum edit_kind kind, const char *name,
			 const json_t *fields, struct problems *problems, json_t **ret)
{
	return edit_delete(base, kind, name, problems, ret);
}

static void assert_edit(edit_function *edit, const char *base_text, enum edit_kind kind,
			const char *name, const char *fields_text, const char *wanted)
{
	json_t *base = written_json(base_text), *fields = written_json(fields_text), *edited = NULL;
	struct problems problems = {0};

	assert_int_equal(edit(base, kind, name, fields, &problems, &edited), 0);
	assert_int_equal(problems.total, 0);
	assert_json(edited, wanted);
	assert_json(base, base_text); /* is a value */
	assert_json(fields, fields_text);
	json_decref(base);
	json_decref(fields);
	json_decref(edited);
}

static void assert_refused(edit_function *edit, const char *base_text, enum edit_kind kind,
			   const char *name, int error, enum problem_reason reason,
			   const char *path)
{
	json_t *base = written_json(base_text), *fields = json_object(), *edited = NULL;
	struct problems problems = {0};

	assert_int_equal(edit(base, kind, name, fields, &problems, &edited), error);
	assert_null(edited);
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.list[0].reason, reason);
	assert_string_equal(problems.list[0].path, path);
	problems_clear(&problems);
	json_decref(base);
	json_decref(fields);
}

static void objects_are_added(void **state)
{
	assert_edit(edit_add, "{}", EDIT_TENANT, "a", "{}", "{'tenants': {'a': {}}}");
	assert_edit(edit_add, "{'tenants': {'a': {}}}", EDIT_NETWORK, "a/n", "{'vlan': 5}",
		    "{'tenants': {'a': {'networks': {'n': {'vlan': 5}}}}}");
	assert_edit(edit_add, "{'tenants': {'a': {'ports': {'p': {}}}}}", EDIT_PORT, "a/q",
		    "{'tap': 't', 'network': null}",
		    "{'tenants': {'a': {'ports': {'p': {}, 'q': {'tap': 't'}}}}}");
	assert_edit(edit_add, "{}", EDIT_UPLINK, "u", "{'trunk': 'all'}",
		    "{'uplinks': {'u': {'trunk': 'all'}}}");
	assert_edit(edit_add, "{'tenants': {'a': {}}}", EDIT_GROUP, "a/g", "['allow out any']",
		    "{'tenants': {'a': {'groups': {'g': ['allow out any']}}}}");
}

static void adding_can_fail(void **state)
{
	const char *base = "{'tenants': {'a': {'ports': {'p': {}}}}}";

	assert_refused(edit_add, base, EDIT_PORT, "a/p", -EEXIST, PROBLEM_EXISTS,
		       "tenants.a.ports.p");
	assert_refused(edit_add, base, EDIT_TENANT, "a", -EEXIST, PROBLEM_EXISTS, "tenants.a");
	assert_refused(edit_add, base, EDIT_PORT, "b/p", -ENOENT, PROBLEM_NOT_FOUND,
		       "tenants.b.ports.p");
	assert_refused(edit_add, base, EDIT_PORT, "p", -EINVAL, PROBLEM_BAD_NAME, "");
	assert_refused(edit_add, base, EDIT_PORT, "a/p/q", -EINVAL, PROBLEM_BAD_NAME, "");
	assert_refused(edit_add, base, EDIT_PORT, "/p", -EINVAL, PROBLEM_BAD_NAME, "");
	assert_refused(edit_add, base, EDIT_TENANT, "A", -EINVAL, PROBLEM_BAD_NAME, "");
	assert_refused(edit_add, base, EDIT_UPLINK, "a/u", -EINVAL, PROBLEM_BAD_NAME, "");
}

static void fields_are_set(void **state)
{
	assert_edit(edit_set, "{'tenants': {'a': {'networks': {'n': {'vlan': 5, 'mtu': 9000}}}}}",
		    EDIT_NETWORK, "a/n", "{'vlan': 6, 'mtu': null, 'isolated': true}",
		    "{'tenants': {'a': {'networks': {'n': {'vlan': 6, 'isolated': true}}}}}");
	assert_edit(edit_set,
		    "{'tenants': {'a': {'quota': {'ports': 1, 'rules': 2}, 'ports': {}}}}",
		    EDIT_TENANT, "a", "{'quota': {'ports': 3}}",
		    "{'tenants': {'a': {'quota': {'ports': 3, 'rules': 2}, 'ports': {}}}}");
	assert_edit(edit_set, "{'uplinks': {'u': {'trunk': 'all', 'map': {'a/n': 5}}}}",
		    EDIT_UPLINK, "u", "{'trunk': ['a/n'], 'map': {'a/n': null, 'a/m': 6}}",
		    "{'uplinks': {'u': {'trunk': ['a/n'], 'map': {'a/m': 6}}}}");
	assert_edit(edit_set, "{'tenants': {'a': {'groups': {'g': ['x']}}}}", EDIT_GROUP, "a/g",
		    "['y']", "{'tenants': {'a': {'groups': {'g': ['y']}}}}");
	assert_refused(edit_set, "{}", EDIT_PORT, "a/p", -ENOENT, PROBLEM_NOT_FOUND,
		       "tenants.a.ports.p");
}

#define P(fields) "{'tenants': {'a': {'ports': {'p': {" fields "}}}}}"

static void what_is_set_takes_the_place_of_what_it_excludes(void **state)
{
	assert_edit(edit_set, P("'vhost-user': 's', 'mode': 'client', 'network': 'n'"), EDIT_PORT,
		    "a/p", "{'tap': 't'}", P("'network': 'n', 'tap': 't'"));
	assert_edit(edit_set, P("'tap': 't', 'network': 'n'"), EDIT_PORT, "a/p",
		    "{'trunk': {'native': 'n'}}", P("'tap': 't', 'trunk': {'native': 'n'}"));
	assert_edit(edit_set, P("'tap': 't', 'trunk': {'native': 'n', 'allow': ['m']}"), EDIT_PORT,
		    "a/p", "{'trunk': {'native': 'o'}}",
		    P("'tap': 't', 'trunk': {'native': 'o', 'allow': ['m']}"));
	assert_edit(edit_set, P("'tap': 't', 'promiscuous': true"), EDIT_PORT, "a/p",
		    "{'community': 'c'}", P("'tap': 't', 'community': 'c'"));
	assert_edit(edit_set, P("'tap': 't', 'promiscuous': true"), EDIT_PORT, "a/p",
		    "{'isolated': false}", P("'tap': 't', 'promiscuous': true, 'isolated': false"));
	assert_edit(edit_set, P("'tap': 't', 'promiscuous': true"), EDIT_PORT, "a/p",
		    "{'isolated': 'no'}", P("'tap': 't', 'promiscuous': true, 'isolated': 'no'"));
	assert_edit(edit_set, P("'vhost-user': 's', 'mode': 'client'"), EDIT_PORT, "a/p",
		    "{'vhost-user': 'r'}", P("'vhost-user': 'r', 'mode': 'client'"));
}

static void objects_are_deleted(void **state)
{
	assert_edit(delete_object, P("'tap': 't'"), EDIT_PORT, "a/p", "{}",
		    "{'tenants': {'a': {'ports': {}}}}");
	assert_edit(delete_object, "{'tenants': {'a': {'ports': {}, 'quota': {}}, 'b': {}}}",
		    EDIT_TENANT, "a", "{}", "{'tenants': {'b': {}}}");
	assert_refused(delete_object, P("'tap': 't'"), EDIT_PORT, "a/q", -ENOENT, PROBLEM_NOT_FOUND,
		       "tenants.a.ports.q");
	assert_refused(delete_object, P("'tap': 't'"), EDIT_TENANT, "a", -ENOTEMPTY,
		       PROBLEM_NOT_EMPTY, "tenants.a");
	assert_refused(delete_object, "{}", EDIT_UPLINK, "u", -ENOENT, PROBLEM_NOT_FOUND,
		       "uplinks.u");
}

/* Trees that no model would take are edited, or refused, but never fatal. */
static void odd_trees_are_tolerated(void **state)
{
	static const char *const trees[] = {"null",
					    "5",
					    "[]",
					    "{'tenants': 5}",
					    "{'tenants': {'a': []}}",
					    "{'tenants': {'a': {'ports': 'x'}}}",
					    "{'tenants': {'a': {'ports': {'p': [1]}}}}"};

	for (unsigned i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		json_t *base = written_json(trees[i]), *fields = written_json("{'tap': 't'}");
		struct problems problems = {0};
		json_t *edited = NULL;

		if (!edit_add(base, EDIT_PORT, "a/p", fields, &problems, &edited))
			json_decref(edited);
		if (!edit_set(base, EDIT_PORT, "a/p", fields, &problems, &edited))
			json_decref(edited);
		if (!edit_delete(base, EDIT_TENANT, "a", &problems, &edited))
			json_decref(edited);
		edited = edit_diff(base, fields);
		assert_non_null(edited);
		json_decref(edited);
		problems_clear(&problems);
		json_decref(base);
		json_decref(fields);
	}
}

static void assert_merged(const char *base_text, const char *change_text, const char *wanted)
{
	json_t *base = written_json(base_text), *change = written_json(change_text);
	struct document *document;

	assert_int_equal(document_from_json(change, &document), 0);
	assert_int_equal(edit_merge(base, document), 0);
	assert_json(document_root(document), wanted);
	assert_json(base, base_text);
	document_destroy(document);
	json_decref(base);
	json_decref(change);
}

static void merging_replaces_objects_and_keeps_others(void **state)
{
	const char *base =
		"{'tenants': {'a': {'quota': {'ports': 5, 'rules': 1}, 'networks': {'n': {'vlan': 5}},"
		" 'ports': {'p': {'tap': 't', 'network': 'n'}}}, 'b': {}}, 'uplinks': {'u': {'tap': 'u'}}}";

	assert_merged(base, "{}", base);
	assert_merged("{}", base, base);
	assert_merged(
		base, "{'tenants': {'a': {'ports': {'p': {'tap': 'x'}, 'q': {'tap': 'y'}}}}}",
		"{'tenants': {'a': {'quota': {'ports': 5, 'rules': 1}, 'networks': {'n': {'vlan': 5}},"
		" 'ports': {'p': {'tap': 'x'}, 'q': {'tap': 'y'}}}, 'b': {}}, 'uplinks': {'u': {'tap': 'u'}}}");
	assert_merged(base, "{'tenants': {'a': {'quota': {'ports': 6}}, 'c': {}}, 'uplinks': null}",
		      "{'tenants': {'a': {'quota': {'ports': 6}, 'networks': {'n': {'vlan': 5}},"
		      " 'ports': {'p': {'tap': 't', 'network': 'n'}}}, 'b': {}, 'c': {}},"
		      " 'uplinks': {'u': {'tap': 'u'}}}");
	assert_merged(base, "[]", "[]");
}

/* Merge @change_text into @base_text, and expect one problem of the whole at a line and path. */
static void assert_blamed(const char *base_text, const char *change_text, unsigned line,
			  const char *path)
{
	struct document *change = written_document(change_text);
	json_t *base = written_json(base_text);
	struct problems problems = {0};
	struct model *model;

	assert_int_equal(edit_merge(base, change), 0);
	assert_int_equal(model_build(change, &written_host, &problems, &model), -EINVAL);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].path, path);
	assert_int_equal(problems.list[0].place.line, line);
	problems_clear(&problems);
	document_destroy(change);
	json_decref(base);
}

/* Mistakes of the whole are told where the user wrote, not at what was there before. */
static void merging_keeps_places(void **state)
{
	const char *base =
		"{'tenants': {'a': {'networks': {'n': {'vlan': 5}}, 'ports': {'p': {'tap': 't',"
		" 'network': 'n', 'macs': ['02:00:00:00:00:01']}}}},"
		" 'uplinks': {'u': {'device': 'd', 'trunk': 'all'}}}";

	assert_blamed(base, "tenants:\n  a:\n    ports:\n      q: {tap: t}\n", 4,
		      "tenants.a.ports.q.tap");
	assert_blamed(base, "tenants:\n  a:\n    ports:\n      b: {tap: t}\n", 4,
		      "tenants.a.ports.b.tap");
	assert_blamed(base,
		      "tenants:\n  a:\n    ports:\n"
		      "      b: {tap: v, network: n, macs: [02:00:00:00:00:01]}\n",
		      4, "tenants.a.ports.b.macs[0]");
	assert_blamed(base, "tenants:\n  a:\n    networks: {b: {vlan: 5}}\n", 3,
		      "tenants.a.networks.b.vlan");
}

static void assert_diff(const char *old_text, const char *new_text, const char *wanted)
{
	json_t *old = written_json(old_text), *new = written_json(new_text),
	       *changes = edit_diff(old, new);

	assert_json(changes, wanted);
	json_decref(changes);
	json_decref(old);
	json_decref(new);
}

static void differences_are_listed_by_kind_and_name(void **state)
{
	assert_diff("{}", "{}", "[]");
	assert_diff(
		"{'tenants': {'a': {'quota': {'ports': 1}, 'networks': {'n': {'vlan': 5}, 'm': {}}}},"
		" 'uplinks': {'u': {'tap': 'x'}}}",
		"{'tenants': {'a': {'networks': {'n': {'mtu': 9000}, 'l': {}}}, 'a-': {'ports': {'p': {}}}}}",
		"[{'op': 'change', 'kind': 'tenant', 'name': 'a', 'fields': {'quota': {'old': {'ports': 1},"
		"  'new': null}}},"
		" {'op': 'add', 'kind': 'tenant', 'name': 'a-'},"
		" {'op': 'add', 'kind': 'network', 'name': 'a/l'},"
		" {'op': 'delete', 'kind': 'network', 'name': 'a/m'},"
		" {'op': 'change', 'kind': 'network', 'name': 'a/n', 'fields': {'vlan': {'old': 5, 'new': null},"
		"  'mtu': {'old': null, 'new': 9000}}},"
		" {'op': 'add', 'kind': 'port', 'name': 'a-/p'},"
		" {'op': 'delete', 'kind': 'uplink', 'name': 'u'}]");
	assert_diff(
		"{'tenants': {'a': {'groups': {'g': ['x']}}}}",
		"{'tenants': {'a': {'groups': {'g': ['y']}}}}",
		"[{'op': 'change', 'kind': 'group', 'name': 'a/g', 'fields': {'rules': {'old': ['x'],"
		" 'new': ['y']}}}]");
}

/* Set the fields that differ; mappings in them are replaced, not merged. */
static int replay_change(const json_t *present, enum edit_kind kind, const char *name,
			 const json_t *fields, struct problems *problems, json_t **ret)
{
	json_t *nulls = json_object(), *patch = json_object(), *field, *cleared = NULL;
	const char *key;
	int error;

	json_object_foreach ((json_t *)fields, key, field) {
		json_object_set_new(nulls, key, json_null());
		json_object_set(patch, key, json_object_get(field, "new"));
	}
	error = edit_set(present, kind, name, nulls, problems, &cleared);
	if (!error)
		error = edit_set(cleared, kind, name, patch, problems, ret);
	json_decref(cleared);
	json_decref(nulls);
	json_decref(patch);
	return error;
}

static int replay_add(const json_t *present, enum edit_kind kind, const char *name,
		      const json_t *new, struct problems *problems, json_t **ret)
{
	json_t *fields = json_deep_copy(edit_find(new, kind, name));
	int error;

	if (kind == EDIT_TENANT) { /* what it owns is added by itself */
		json_object_del(fields, "networks");
		json_object_del(fields, "ports");
	}
	error = edit_add(present, kind, name, fields, problems, ret);
	json_decref(fields);
	return error;
}

/* Carry out one difference by a single edit. */
static json_t *replay_one(json_t *present, const json_t *new, const json_t *change)
{
	const char *op = json_string_value(json_object_get(change, "op"));
	const char *name = json_string_value(json_object_get(change, "name"));
	struct problems problems = {0};
	enum edit_kind kind;
	json_t *next = NULL;
	int error;

	assert_int_equal(edit_kind_parse(json_string_value(json_object_get(change, "kind")), &kind),
			 0);
	if (!strcmp(op, "add"))
		error = replay_add(present, kind, name, new, &problems, &next);
	else if (!strcmp(op, "delete"))
		error = edit_delete(present, kind, name, &problems, &next);
	else
		error = replay_change(present, kind, name, json_object_get(change, "fields"),
				      &problems, &next);
	problems_print(&problems, stderr);
	assert_int_equal(error, 0);
	json_decref(present);
	return next;
}

static json_t *replay(const json_t *old, const json_t *new, const json_t *changes)
{
	json_t *present = json_deep_copy(old), *change;
	size_t index;

	/* tenants go last, when they own nothing any more */
	for (int pass = 0; pass < 2; pass++) {
		json_array_foreach (changes, index, change) {
			bool last = !strcmp("delete",
					    json_string_value(json_object_get(change, "op"))) &&
				    !strcmp("tenant",
					    json_string_value(json_object_get(change, "kind")));

			if (last == pass)
				present = replay_one(present, new, change);
		}
	}
	return present;
}

static void differences_lead_from_one_to_the_other(void **state)
{
	uint64_t seed = 3;

	for (int round = 0; round < 150; round++) {
		json_t *trees[2] = {written_random_tree(&seed), written_random_tree(&seed)};
		json_t *old = written_canonical(trees[0]), *new = written_canonical(trees[1]);
		json_t *changes = edit_diff(old, new), *none = edit_diff(new, new);
		json_t *replayed = replay(old, new, changes);
		json_t *canonical = written_canonical(replayed);

		assert_int_equal(json_array_size(none), 0);
		if (!json_equal(canonical, new))
			fail_msg("%s\n%s", json_dumps(new, 0), json_dumps(canonical, 0));
		json_decref(trees[0]);
		json_decref(trees[1]);
		json_decref(old);
		json_decref(new);
		json_decref(changes);
		json_decref(none);
		json_decref(replayed);
		json_decref(canonical);
	}
}

static json_t *merge(const json_t *base, const json_t *change)
{
	struct document *document;
	json_t *copy = json_deep_copy(change), *merged;

	assert_int_equal(document_from_json(copy, &document), 0);
	assert_int_equal(edit_merge(base, document), 0);
	merged = json_incref(document_root(document));
	document_destroy(document);
	json_decref(copy);
	return merged;
}

static void merging_has_these_properties(void **state)
{
	uint64_t seed = 4;

	for (int round = 0; round < 150; round++) {
		json_t *a = written_random_tree(&seed), *b = written_random_tree(&seed), *change;
		json_t *ab = merge(a, b), *again = merge(ab, b), *itself = merge(a, a);
		json_t *changes = edit_diff(a, ab);
		size_t index;

		assert_true(json_equal(ab, again)); /* applying twice is applying once */
		assert_true(json_equal(a, itself));
		json_array_foreach (changes, index, change) { /* nothing goes away */
			enum edit_kind kind;
			const char *name = json_string_value(json_object_get(change, "name"));

			assert_string_not_equal(json_string_value(json_object_get(change, "op")),
						"delete");
			assert_int_equal(
				edit_kind_parse(json_string_value(json_object_get(change, "kind")),
						&kind),
				0);
			if (kind != EDIT_TENANT)
				assert_true(json_equal(edit_find(ab, kind, name),
						       edit_find(b, kind, name)));
		}
		json_decref(a);
		json_decref(b);
		json_decref(ab);
		json_decref(again);
		json_decref(itself);
		json_decref(changes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_have_words),
		cmocka_unit_test(objects_are_added),
		cmocka_unit_test(adding_can_fail),
		cmocka_unit_test(fields_are_set),
		cmocka_unit_test(what_is_set_takes_the_place_of_what_it_excludes),
		cmocka_unit_test(objects_are_deleted),
		cmocka_unit_test(odd_trees_are_tolerated),
		cmocka_unit_test(merging_replaces_objects_and_keeps_others),
		cmocka_unit_test(merging_keeps_places),
		cmocka_unit_test(differences_are_listed_by_kind_and_name),
		cmocka_unit_test(differences_lead_from_one_to_the_other),
		cmocka_unit_test(merging_has_these_properties),
	};

	return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
