/*
 * test_drop - every reason has a word of its own and a sentence.
 */
#include <ctype.h>

#include "tests/unit/switch/unit.h"
#include "switch/drop.h"

static void words_are_unique_and_lower_case(void **state)
{
	for (int i = 0; i < DROP__COUNT; i++) {
		const char *word = drop_word((enum drop)i);

		assert_true(strlen(word) >= 4);
		for (const char *c = word; *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '-');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(word, drop_word((enum drop)j));
	}
}

static void texts_say_more_than_the_word(void **state)
{
	for (int i = 1; i < DROP__COUNT; i++)
		assert_true(strlen(drop_text((enum drop)i)) > strlen(drop_word((enum drop)i)));
}

static void unknown_reasons_have_words_too(void **state)
{
	assert_string_equal(drop_word((enum drop)DROP__COUNT), "unknown");
	assert_string_equal(drop_word((enum drop) - 1), "unknown");
	assert_non_null(drop_text((enum drop)12345));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_unique_and_lower_case),
		cmocka_unit_test(texts_say_more_than_the_word),
		cmocka_unit_test(unknown_reasons_have_words_too),
	};

	return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
