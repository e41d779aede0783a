/*
 * test_compile_next - a commit that takes what it can from the one before is the
 * commit that takes nothing, byte for byte.
 *
 * Random documents with groups, ACLs and address sets go from edit to edit as they do in
 * the control process. Each is built and compiled twice: knowing the model before, and not.
 */
#include <errno.h>
#include <stdio.h>

#include "control/compile.h"
#include "control/edit.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

enum {
	ROUNDS = 12,
	EDITS = 40, /* of a document */
	RULES = 7,  /* of a list, at most */
};

/* A model, its ids and its policy. */
struct commit {
	struct model *model;
	struct ids *ids;
	struct policy *policy;
};

static void discard(struct commit *commit)
{
	model_destroy(commit->model);
	ids_destroy(commit->ids);
	free(commit->policy);
}

/* The commit of @tree, which may know its @before and the model of that. */
static struct commit commit(json_t *tree, const struct commit *before, bool knows_model,
			    uint64_t generation)
{
	struct compile_previous previous = {before->policy, knows_model ? before->model : NULL};
	struct problems problems = {0};
	struct document *document;
	struct commit commit;
	char why[COMPILE_WHY];

	assert_int_equal(document_from_json(tree, &document), 0);
	assert_int_equal(
		model_build_next(document, &written_host, previous.model, &problems, &commit.model),
		0);
	document_destroy(document);
	assert_int_equal(ids_next(before->ids, commit.model, generation, &commit.ids), 0);
	assert_int_equal(compile_policy(commit.model, commit.ids, generation, 99,
					before->policy ? &previous : NULL, why, &commit.policy),
			 0);
	return commit;
}

static json_t *random_lines(enum edit_kind kind, uint64_t *seed)
{
	static const char *const sets[] = {"10.0.0.0/8", "10.1.0.0/16", "fd00::/8", "192.0.2.7"};
	static const char *const acl[] = {
		"accept tcp to any port 22",
		"drop any from 10.0.0.0/8",
		"accept any",
		"drop udp from any port 1000-2000,53 to 10.1.0.0/16",
		"accept any ethertype arp",
		"accept  TCP to any", /* not as it is written back */
	};
	static const char *const group[] = {
		"allow in tcp 80,443 from any", "allow out any to group:g1",  "allow in icmp",
		"allow in tcp 22 from set:s0",	"allow in any from group:g0", "allow out udp 53",
	};
	const char *const *texts = kind == EDIT_SET ? sets : kind == EDIT_ACL ? acl : group;
	uint32_t n_texts = kind == EDIT_SET ? 4 : kind == EDIT_ACL ? 5 : 6;
	uint32_t n = kind == EDIT_SET ? 1 : written_random(seed, RULES + 1);
	json_t *lines = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(lines, json_string(texts[written_random(seed, n_texts)]));
	return lines;
}

/* *@tree after one edit of it; some cannot be, and leave it alone. */
static void edit(json_t **tree, uint64_t *seed)
{
	static const struct {
		enum edit_kind kind;
		const char *letter;
	} kinds[] = {{EDIT_SET, "s"}, {EDIT_GROUP, "g"}, {EDIT_ACL, "a"}};
	uint32_t which = written_random(seed, 3), number = written_random(seed, 6);
	enum edit_kind kind = kinds[which].kind;
	struct problems problems = {0};
	json_t *lines = random_lines(kind, seed), *next = NULL;
	char name[16];
	int error;

	snprintf(name, sizeof(name), "t/%s%u", kinds[which].letter, number);
	if (!edit_find(*tree, kind, name))
		error = edit_add(*tree, kind, name, lines, &problems, &next);
	else if (number > 1 && !written_random(seed, 4)) /* rules name 0 and 1 */
		error = edit_delete(*tree, kind, name, &problems, &next);
	else
		error = edit_set(*tree, kind, name, lines, &problems, &next);
	assert_int_equal(error, 0);
	json_decref(lines);
	json_decref(*tree);
	*tree = next;
}

static void equal(const struct commit *a, const struct commit *b, json_t **ret_document)
{
	json_t *left = model_export(a->model), *right = model_export(b->model);

	assert_true(json_equal(left, right));
	assert_int_equal(a->policy->size, b->policy->size);
	assert_memory_equal(a->policy, b->policy, a->policy->size);
	json_decref(right);
	*ret_document = left;
}

/* Lists of @commit that it has from @before. */
static unsigned count_shared(const struct commit *commit, const struct commit *before)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < commit->model->n_acls; i++) {
		const struct model_rules *acl = &commit->model->acls[i];
		const struct model_rules *old = model_acl(before->model, acl->name);

		n += old && old->list == acl->list;
	}
	return n;
}

static void knowing_changes_nothing(void **state)
{
	uint64_t seed = 1;
	unsigned shared = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		json_t *tree = written_json(
			"{'tenants': {'t': {'sets': {'s0': ['10.0.0.1']}, 'groups': {'g0': [], "
			"'g1': []}, 'networks': {'n': {}}, 'ports': {'p': {'tap': 'p', "
			"'network': 'n', 'groups': ['g0', 'g1']}}}}}");
		struct commit before = {0};

		assert_int_equal(ids_create(&before.ids), 0);
		for (unsigned i = 1; i <= EDITS; i++) {
			struct commit knowing = commit(tree, &before, true, i);
			struct commit alone = commit(tree, &before, false, i);

			json_decref(tree);
			equal(&knowing, &alone, &tree);
			shared += before.model ? count_shared(&knowing, &before) : 0;
			discard(&alone);
			discard(&before);
			before = knowing;
			edit(&tree, &seed);
		}
		json_decref(tree);
		discard(&before);
	}
	/* and the test is about something */
	assert_true(shared > ROUNDS * EDITS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knowing_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
