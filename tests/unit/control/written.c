/*
 * written - see written.h.
 */
#include "tests/unit/control/written.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/control/unit.h"

const struct model_host written_host = {
	.run_dir = "/run/sluice",
	.taken = (const char *const[]){"control.sock", NULL},
};

static void expect_none(struct problems *problems, int error)
{
	problems_print(problems, stderr);
	assert_int_equal(error, 0);
	assert_int_equal(problems->total, 0);
	problems_clear(problems);
}

struct document *written_document(const char *text)
{
	struct problems problems = {0};
	struct document *document;

	assert_int_equal(document_create(&document), 0);
	expect_none(&problems, document_add_text(document, "t.yaml", text, strlen(text), &problems));
	return document;
}

json_t *written_tree(const char *text)
{
	struct document *document = written_document(text);
	json_t *tree = json_incref(document_root(document));

	document_destroy(document);
	return tree;
}

json_t *written_json(const char *text)
{
	char *quoted = strdup(text);
	json_t *value;

	for (char *at = quoted; *at; at++)
		if (*at == '\'')
			*at = '"';
	value = json_loads(quoted, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	free(quoted);
	return value;
}

struct model *written_model(const char *text)
{
	struct document *document = written_document(text);
	struct problems problems = {0};
	struct model *model;

	expect_none(&problems, model_build(document, &written_host, &problems, &model));
	document_destroy(document);
	return model;
}

struct model *written_model_of(json_t *tree)
{
	struct problems problems = {0};
	struct document *document;
	struct model *model;

	assert_int_equal(document_from_json(tree, &document), 0);
	expect_none(&problems, model_build(document, &written_host, &problems, &model));
	document_destroy(document);
	return model;
}

json_t *written_canonical(json_t *tree)
{
	struct model *model = written_model_of(tree);
	json_t *canonical = model_export(model);

	assert_non_null(canonical);
	model_destroy(model);
	return canonical;
}

static void expect_problem(const struct problem *problem, const char *expected)
{
	const char *hint = strstr(expected, " | ");
	size_t length = hint ? (size_t)(hint - expected) : strlen(expected);
	char seen[1000];

	snprintf(seen, sizeof(seen), "%u:%u %s %s", problem->place.line, problem->place.column,
		 problem_word(problem->reason), problem->path);
	if (strlen(seen) != length || strncmp(seen, expected, length))
		fail_msg("expected %s\n    seen %s: %s; %s", expected, seen, problem->message,
			 problem->hint ? problem->hint : "");
	if (hint && (!problem->hint || !strstr(problem->hint, hint + 3)))
		fail_msg("expected hint %s\n    seen %s", hint + 3,
			 problem->hint ? problem->hint : "none");
	assert_string_equal(problem->place.file, "t.yaml");
}

void written_expect(const char *text, const char *const *expected)
{
	struct problems problems = {0};
	struct document *document;
	struct model *model = NULL;
	unsigned count = 0;

	assert_int_equal(document_create(&document), 0);
	(void)!document_add_text(document, "t.yaml", text, strlen(text), &problems);
	assert_int_equal(model_build(document, &written_host, &problems, &model), -EINVAL);
	assert_null(model);
	document_destroy(document); /* problems own all they say */
	problems_sort(&problems);
	while (expected[count] && count < problems.count) {
		expect_problem(&problems.list[count], expected[count]);
		count++;
	}
	if (expected[count])
		fail_msg("expected %s\n    seen nothing more", expected[count]);
	if (count < problems.count)
		fail_msg("not expected: %u:%u %s: %s", problems.list[count].place.line,
			 problems.list[count].place.column, problems.list[count].path,
			 problems.list[count].message);
	problems_clear(&problems);
}

/* xorshift64* (Marsaglia, Vigna) */
uint32_t written_random(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dULL >> 32) % below);
}
