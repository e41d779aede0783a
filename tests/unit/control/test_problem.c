/*
 * test_problem - problems are safe to print, bounded, and in order.
 */
#include <stdio.h>

#include "control/problem.h"
#include "tests/unit/control/unit.h"

static void assert_printed(const struct problems *problems, const char *wanted)
{
	char text[2000] = "";
	FILE *stream = fmemopen(text, sizeof(text), "w");

	problems_print(problems, stream);
	fclose(stream);
	assert_string_equal(text, wanted);
}

static void a_problem_is_one_line(void **state)
{
	const struct place place = {"a.yaml", 3, 7}, file = {"b.yaml", 0, 0};
	struct problems problems = {0};

	problems_add(&problems, PROBLEM_OUT_OF_RANGE, &place, "x.y", "%d is too much", 5);
	problems_hint(&problems, "at most %d", 4);
	problems_add(&problems, PROBLEM_UNREADABLE, &file, "", "cannot read it");
	problems_add(&problems, PROBLEM_EXISTS, NULL, "z", "is there");
	assert_printed(&problems, "a.yaml:3:7: x.y: 5 is too much; at most 4\n"
				  "b.yaml: cannot read it\n"
				  "z: is there\n");
	problems_clear(&problems);
	assert_int_equal(problems.total, 0);
	assert_printed(&problems, "");
}

static void they_are_sorted_by_place(void **state)
{
	static const struct place places[] = {{"b", 1, 1}, {"a", 2, 1}, {NULL, 0, 0}, {"a", 1, 9},
					      {"a", 1, 2}, {"c", 0, 0}, {"a", 1, 2}};
	static const char *const order[] = {"4", "6", "3", "1", "0", "2", "5"};
	struct problems problems = {0};

	for (int i = 0; i < 7; i++)
		problems_add(&problems, PROBLEM_SYNTAX, &places[i], "", "%d", i);
	problems_sort(&problems);
	for (int i = 0; i < 7; i++)
		assert_string_equal(problems.list[i].message, order[i]);
	problems_clear(&problems);
}

/* Foreign text cannot talk to the terminal, nor break JSON. */
static void foreign_text_is_cleaned(void **state)
{
	struct problems problems = {0};
	const struct place place = {"f\xff", 1, 1};
	json_t *array;

	problems_add(&problems, PROBLEM_BAD_NAME, &place, "p\n",
		     "\x1b[2J\xc2\x9b \xc3\xa9 \xff \xe2\x82 "
		     "\xed\xa0\x80 \xf0\x9f\x98\x80 \xc0\x80");
	problems_hint(&problems, "%s", "\x7f");
	assert_string_equal(problems.list[0].place.file, "f?");
	assert_string_equal(problems.list[0].path, "p?");
	assert_string_equal(problems.list[0].message,
			    "?[2J? \xc3\xa9 ? ?? ??? \xf0\x9f\x98\x80 ??");
	assert_string_equal(problems.list[0].hint, "?");
	array = problems_json(&problems);
	assert_non_null(array);
	json_decref(array);
	problems_clear(&problems);
}

static void long_text_is_cut_between_characters(void **state)
{
	struct problems problems = {0};
	char text[3 * PROBLEM_TEXT + 1];

	for (int i = 0; i < PROBLEM_TEXT; i++)
		memcpy(text + 3 * i, "\xe2\x82\xac", 3);
	text[3 * PROBLEM_TEXT] = '\0';
	problems_add(&problems, PROBLEM_BAD_NAME, NULL, text, "%s", text);
	assert_int_equal(strlen(problems.list[0].message), PROBLEM_TEXT / 3 * 3);
	assert_int_equal(strlen(problems.list[0].path), PROBLEM_TEXT / 3 * 3);
	problems_clear(&problems);
}

static void the_first_are_kept_and_all_are_counted(void **state)
{
	struct problems problems = {0};
	char text[8000] = "";
	FILE *stream = fmemopen(text, sizeof(text), "w");

	for (int i = 0; i < PROBLEMS_MAX + 5; i++) {
		problems_add(&problems, PROBLEM_SYNTAX, NULL, "", "%d", i);
		problems_hint(&problems, "hint %d", i);
	}
	assert_int_equal(problems.count, PROBLEMS_MAX);
	assert_int_equal(problems.total, PROBLEMS_MAX + 5);
	assert_string_equal(problems.list[PROBLEMS_MAX - 1].hint, "hint 99");
	problems_print(&problems, stream);
	fclose(stream);
	assert_non_null(strstr(text, "\nand 5 more\n"));
	problems_clear(&problems);
}

static void as_json_they_have_what_is_known(void **state)
{
	const struct place place = {"a.yaml", 3, 7};
	struct problems problems = {0};
	json_t *seen, *wanted;

	problems_add(&problems, PROBLEM_UNKNOWN_KEY, &place, "x", "m");
	problems_hint(&problems, "h");
	problems_add(&problems, PROBLEM_NOT_YET, NULL, "y", "n");
	seen = problems_json(&problems);
	wanted = json_loads(
		"[{\"reason\": \"unknown-key\", \"path\": \"x\", \"message\": \"m\", \"hint\": \"h\","
		" \"file\": \"a.yaml\", \"line\": 3, \"column\": 7},"
		" {\"reason\": \"not-yet\", \"path\": \"y\", \"message\": \"n\"}]",
		0, NULL);
	assert_true(json_equal(seen, wanted));
	json_decref(seen);
	json_decref(wanted);
	problems_clear(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_problem_is_one_line),
		cmocka_unit_test(they_are_sorted_by_place),
		cmocka_unit_test(foreign_text_is_cleaned),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(the_first_are_kept_and_all_are_counted),
		cmocka_unit_test(as_json_they_have_what_is_known),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
