/*
 * test_memory - each allocation fails once: nothing crashes, leaks, or passes for success.
 *
 * The linker puts __wrap_malloc() and its kin in the place of libc's, for the
 * project's code; jansson is told to use the same. A sanitizer that finds leaks
 * makes this test complete.
 */
#include <errno.h>

#include "control/compile.h"
#include "control/edit.h"
#include "control/emit.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__wrap_strdup(const char *text);

static unsigned long countdown; /* the allocation that fails; 0: none */

static bool fails(void)
{
	return countdown && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(memory, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static const char good[] =
	"tenants:\n"
	"  a:\n"
	"    quota: {ports: 5}\n"
	"    users: [bob, eve]\n"
	"    networks: {n: {vlan: 5}, i: {isolated: true}, m: {vlan: 6}}\n"
	"    sets: {s: [10.0.0.0/8, fd00::/8]}\n"
	"    groups: {g: [allow in tcp 80 from set:s, allow out any to group:g]}\n"
	"    acls: {l: [drop tcp to 10.0.0.0/8 port 23-25, accept any]}\n"
	"    ports:\n"
	"      p: {vhost-user: p.sock, groups: [g], acl: {in: l, out: l}, network: n, macs: [02:00:00:00:00:01], addresses: [10.0.0.1]}\n"
	"      q: {tap: q, trunk: {native: i, allow: [n, m]}, community: c}\n"
	"uplinks: {u: {device: u, trunk: all, map: {a/n: 50}}, v: {tap: v, trunk: [a/m]}}\n";

static const char bad[] =
	"tenants:\n"
	"  a:\n"
	"    networks: {n: {vlan: 5, vlna: 6}, m: {vlan: 5}, m: {}}\n"
	"    groups: {g: [allow in tcp 80x, {allow: in, proto: x}]}\n"
	"    ports: {p: {tap: t, network: o}, q: {tap: t, trunk: {allow: [n, m]}, macs: [x]}}\n";

/* 0, and a text that tells what was done; or -ENOMEM. */
typedef int work_function(char **ret_text);

/* From text to policy and back to text. */
static int travel(char **ret_text)
{
	struct problems problems = {0};
	struct document *document = NULL;
	struct model *model = NULL;
	struct ids *nobody = NULL, *ids = NULL;
	struct policy *policy = NULL;
	char why[COMPILE_WHY];
	json_t *canonical = NULL;
	char *yaml = NULL;
	int error = document_create(&document);

	if (!error)
		error = document_add_text(document, "t.yaml", good, strlen(good), &problems);
	if (!error)
		error = model_build(document, &written_host, &problems, &model);
	if (!error)
		error = ids_create(&nobody);
	if (!error)
		error = ids_next(nobody, model, 1, &ids);
	if (!error)
		error = compile_policy(model, ids, 1, 2, NULL, why, &policy);
	if (!error)
		error = (canonical = model_export(model)) ? 0 : -ENOMEM;
	if (!error)
		error = (yaml = emit_yaml(canonical)) ? 0 : -ENOMEM;
	assert_int_equal(problems.total, 0);
	*ret_text = yaml;
	json_decref(canonical);
	free(policy);
	ids_destroy(ids);
	ids_destroy(nobody);
	model_destroy(model);
	document_destroy(document);
	return error;
}

/*
 * A document with problems never passes for one without, however little memory
 * there is. Which of their texts were lost is not told.
 */
static int find_problems(char **ret_text)
{
	struct problems problems = {0};
	struct document *document = NULL;
	struct model *model = NULL;
	json_t *array = NULL;
	int error = document_create(&document);

	if (!error)
		error = document_add_text(document, "t.yaml", bad, strlen(bad), &problems);
	if (error == -EINVAL)
		error = model_build(document, &written_host, &problems, &model);
	assert_null(model);
	assert_true(error == -ENOMEM || (error == -EINVAL && problems.total > 0));
	if (error == -EINVAL)
		error = (array = problems_json(&problems)) ? 0 : -ENOMEM;
	json_decref(array);
	problems_clear(&problems);
	document_destroy(document);
	*ret_text = __real_strdup("problems");
	return error;
}

/* One step of an edit: *@present becomes what *@edited is, if @error is 0. */
static int step(int error, json_t **present, json_t **edited)
{
	if (error)
		return error;
	json_decref(*present);
	*present = *edited;
	return 0;
}

static int edit(char **ret_text)
{
	struct problems problems = {0};
	struct document *document = NULL;
	json_t *first = json_pack("{s{s{s{ss}}}}", "tenants", "a", "quota", "ports", "5");
	json_t *fields = json_pack("{ss, s{ss}}", "tap", "t", "trunk", "native", "n");
	json_t *present = json_incref(first), *edited = NULL, *changes = NULL;
	int error = first && fields ? 0 : -ENOMEM;

	if (!error)
		error = step(edit_add(present, EDIT_PORT, "a/p", fields, &problems, &edited),
			     &present, &edited);
	if (!error)
		error = step(edit_set(present, EDIT_PORT, "a/p", fields, &problems, &edited),
			     &present, &edited);
	if (!error)
		error = (changes = edit_diff(first, present)) ? 0 : -ENOMEM;
	if (!error)
		error = document_from_json(first, &document);
	if (!error)
		error = edit_merge(present, document);
	if (!error)
		error = step(edit_delete(present, EDIT_PORT, "a/p", &problems, &edited), &present,
			     &edited);
	if (!error)
		error = (*ret_text = emit_yaml(changes)) ? 0 : -ENOMEM;
	problems_clear(&problems);
	document_destroy(document);
	json_decref(changes);
	json_decref(present);
	json_decref(fields);
	json_decref(first);
	return error;
}

/*
 * Let the first allocation of @work fail, then the second, until none is left:
 * what succeeds all the same could do without it, and gives what it always gives.
 */
static void starve(work_function *work)
{
	unsigned long n = 0;
	char *wanted = NULL;
	bool failed;

	assert_int_equal(work(&wanted), 0);
	do {
		char *seen = NULL;
		int error;

		countdown = ++n;
		error = work(&seen);
		failed = countdown == 0;
		countdown = 0;
		assert_true(error == 0 || (failed && error == -ENOMEM));
		if (!error)
			assert_string_equal(seen, wanted);
		free(seen);
	} while (failed);
	assert_true(n > 20);
	free(wanted);
}

static void the_way_of_a_document(void **state)
{
	starve(travel);
}

static void problems(void **state)
{
	starve(find_problems);
}

static void edits(void **state)
{
	starve(edit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_way_of_a_document),
		cmocka_unit_test(problems),
		cmocka_unit_test(edits),
	};

	json_set_alloc_funcs(__wrap_malloc, free);
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
