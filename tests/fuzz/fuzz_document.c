/*
 * fuzz_document - any text as a configuration.
 *
 * A byte 0xff (in no UTF-8) parts the input into several texts of one document.
 * Either there are problems, which can be printed, or there is a model: then it
 * exports to what means the same, as JSON and as YAML, differs in nothing from
 * it, and compiles to a policy.
 */
#include <errno.h>
#include <string.h>

#include "control/compile.h"
#include "control/edit.h"
#include "control/emit.h"
#include "control/model.h"
#include "tests/fuzz/fuzz.h"

static const struct model_host host = {
	.run_dir = "/run/sluice",
	.taken = (const char *const[]){"control.sock", NULL},
};

static struct document *read_texts(const uint8_t *input, size_t size, struct problems *problems)
{
	struct document *document;
	unsigned before = 0;

	fuzz_demand(!document_create(&document));
	for (;;) {
		const uint8_t *end = size ? memchr(input, 0xff, size) : NULL;
		size_t text_size = end ? (size_t)(end - input) : size;
		int error = document_add_text(document, "t.yaml", (const char *)input, text_size,
					      problems);

		fuzz_demand(error == 0 || problems->total > before);
		before = problems->total;
		if (!end)
			return document;
		input += text_size + 1;
		size -= text_size + 1;
	}
}

static void check_problems(struct problems *problems)
{
	static char text[1 << 20];
	FILE *stream = fmemopen(text, sizeof(text), "w");
	json_t *array;

	fuzz_demand(problems->total > 0 && problems->count > 0);
	problems_sort(problems);
	problems_print(problems, stream);
	fclose(stream);
	array = problems_json(problems);
	fuzz_demand(array && json_array_size(array) == problems->count);
	json_decref(array);
}

/* The canonical form of what must be without problems; takes @document. */
static json_t *canonical_of(struct document *document)
{
	struct problems problems = {0};
	struct model *model;
	json_t *canonical;

	fuzz_demand(!model_build(document, &host, &problems, &model));
	canonical = model_export(model);
	model_destroy(model);
	document_destroy(document);
	return canonical;
}

static void check_exports(const struct model *model)
{
	json_t *canonical = model_export(model), *from_json, *from_yaml, *changes;
	struct problems problems = {0};
	struct document *document;
	char *yaml = emit_yaml(canonical);

	fuzz_demand(!document_from_json(canonical, &document));
	from_json = canonical_of(document);
	fuzz_demand(json_equal(canonical, from_json));
	document = read_texts((const uint8_t *)yaml, strlen(yaml), &problems);
	from_yaml = canonical_of(document);
	fuzz_demand(json_equal(canonical, from_yaml));
	changes = edit_diff(canonical, from_yaml);
	fuzz_demand(json_array_size(changes) == 0);
	json_decref(changes);
	json_decref(canonical);
	json_decref(from_json);
	json_decref(from_yaml);
	free(yaml);
}

static void check_policy(const struct model *model)
{
	struct ids *nobody, *ids;
	struct policy *policy;
	char reason[COMPILE_WHY];
	const char *why;
	int error;

	fuzz_demand(!ids_create(&nobody));
	fuzz_demand(!ids_next(nobody, model, 1, &ids));
	error = compile_policy(model, ids, 1, 2, NULL, reason, &policy);
	fuzz_demand(!error || error == -E2BIG); /* rules that cost too much to look up */
	if (!error) {
		fuzz_demand(!policy_check(policy, policy->size, &why));
		free(policy);
	}
	ids_destroy(ids);
	ids_destroy(nobody);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct problems problems = {0};
	struct document *document = read_texts(input, size, &problems);
	bool refused = problems.total > 0;
	struct model *model;

	if (model_build(document, &host, &problems, &model)) {
		check_problems(&problems);
	} else {
		fuzz_demand(!refused && !problems.total);
		check_exports(model);
		check_policy(model);
		model_destroy(model);
	}
	problems_clear(&problems);
	document_destroy(document);
	return 0;
}
