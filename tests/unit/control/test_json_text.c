/*
 * test_json_text - what is written is what was there: jansson reads it back, and
 * writes the same where it has no choice.
 */
#include "control/json_text.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

static void expect_text(const char *json, const char *text)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	size_t length;
	char *seen = json_text_write(value, &length);

	assert_string_equal(seen, text);
	assert_int_equal(length, strlen(text));
	free(seen);
	json_decref(value);
}

static void values_have_one_spelling(void **state)
{
	expect_text("{ }", "{}");
	expect_text("[ ]", "[]");
	expect_text("{\"b\": [1, -2, true, false, null], \"a\": {\"\": \"\"}}",
		    "{\"b\":[1,-2,true,false,null],\"a\":{\"\":\"\"}}");
	expect_text("[0.5, 9223372036854775807]", "[0.5,9223372036854775807]");
	expect_text("\"\\\"\\\\/\\n\\u0001 \\u00e4\"",
		    "\"\\u0022\\u005c/\\u000a\\u0001 \xc3\xa4\"");
}

static json_t *random_value(uint64_t *seed, unsigned depth)
{
	char text[8] = "", key[2] = "a";
	json_t *value;

	switch (written_random(seed, depth ? 6 : 4)) {
	case 0: return json_integer(written_random(seed, UINT32_MAX) - 2000000000LL);
	case 1: return json_boolean(written_random(seed, 2));
	case 2:
	case 3:
		for (unsigned i = 0; i < sizeof(text) - 1; i++)
			text[i] = (char)written_random(seed, 128);
		return json_string(text);
	case 4: value = json_array(); break;
	default: value = json_object(); break;
	}
	for (uint32_t n = written_random(seed, 5); n; n--, key[0]++)
		if (json_is_array(value))
			json_array_append_new(value, random_value(seed, depth - 1));
		else
			json_object_set_new(value, key, random_value(seed, depth - 1));
	return value;
}

static void jansson_reads_it(void **state)
{
	uint64_t seed = 3;

	for (unsigned i = 0; i < 5000; i++) {
		json_t *value = random_value(&seed, 4);
		char *text = json_text_write(value, NULL);
		json_t *again = json_loads(text, JSON_DECODE_ANY, NULL);

		assert_true(json_equal(value, again));
		json_decref(again);
		free(text);
		json_decref(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_one_spelling),
		cmocka_unit_test(jansson_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
