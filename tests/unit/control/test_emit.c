/*
 * test_emit - YAML that reads well and means the same.
 */
#include "control/emit.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

static void assert_emitted(const char *json, const char *wanted)
{
	json_t *value = written_json(json);
	char *seen = emit_yaml(value);

	assert_string_equal(seen, wanted);
	free(seen);
	json_decref(value);
}

static void a_document_reads_like_a_document(void **state)
{
	assert_emitted(
		"{'tenants': {'acme': {'quota': {'ports': 64}, 'users': ['bob', '@acme'],"
		" 'networks': {'web': {'vlan': 100}, 'lab': {}},"
		" 'groups': {'web': ['allow in tcp 80,443 from any', 'allow out any']},"
		" 'ports': {'vm1': {'vhost-user': 'vm1.sock', 'network': 'web',"
		"  'macs': ['52:54:00:00:00:01'], 'addresses': ['10.0.0.1', 'fd00::/64']},"
		"  'fw': {'vhost-user': 'fw.sock', 'mode': 'client', 'queues': 2,"
		"  'trunk': {'native': 'web', 'allow': ['db']}}}}, 'beta': {}},"
		" 'uplinks': {'fabric': {'device': 'eth1', 'trunk': 'all', 'map': {'acme/db': 300}}}}",
		"tenants:\n"
		"  acme:\n"
		"    quota: {ports: 64}\n"
		"    users: [bob, \"@acme\"]\n"
		"    networks:\n"
		"      web: {vlan: 100}\n"
		"      lab: {}\n"
		"    groups:\n"
		"      web:\n"
		"        - allow in tcp 80,443 from any\n"
		"        - allow out any\n"
		"    ports:\n"
		"      vm1:\n"
		"        vhost-user: vm1.sock\n"
		"        network: web\n"
		"        macs: [\"52:54:00:00:00:01\"]\n"
		"        addresses: [10.0.0.1, \"fd00::/64\"]\n"
		"      fw: {vhost-user: fw.sock, mode: client, queues: 2, trunk: {native: web, allow: [db]}}\n"
		"  beta: {}\n"
		"uplinks:\n"
		"  fabric: {device: eth1, trunk: all, map: {acme/db: 300}}\n");
}

static void lists_of_objects_are_rows(void **state)
{
	assert_emitted(
		"[{'name': 'a/p', 'state': 'up', 'rx_packets': 5}, {'name': 'b', 'macs': []}]",
		"- {name: a/p, state: up, rx_packets: 5}\n"
		"- {name: b, macs: []}\n");
	assert_emitted(
		"[{'name': 'a-long-name-of-a-port-of-an-acme', 'note': 'words that go on and on and on',"
		" 'more': 'words that go on, and on'}, [1, [2, [3]], 'x y']]",
		"- name: a-long-name-of-a-port-of-an-acme\n"
		"  note: words that go on and on and on\n"
		"  more: words that go on, and on\n"
		"- - 1\n"
		"  - - 2\n"
		"    - [3]\n"
		"  - x y\n");
}

static void scalars_stand_alone(void **state)
{
	assert_emitted("{}", "{}\n");
	assert_emitted("[]", "[]\n");
	assert_emitted("5", "5\n");
	assert_emitted("'a b'", "a b\n");
	assert_emitted("null", "null\n");
	assert_emitted("{'a': null, 'b': true, 'c': false, 'd': -7, 'e': 0.5}",
		       "a: null\nb: true\nc: false\nd: -7\ne: 0.5\n");
}

/* What one reader or another takes for something else is quoted. */
static void text_stays_text_for_every_reader(void **state)
{
	static const char *const quoted[] = {
		"no",	      "No",   "on",    "OFF", "y",
		"true",	      "null", "~",     "1",   "1.5",
		"0x10",	      "1e3",  "1_000", "1:2", "52:54:00:00:00:01",
		"2001-01-01", ".5",   "-",     "- a", "=",
		"<<",	      "",     " a",    "a ",  "a: b",
		"a #b",	      "1,2",  "[",     "{",   "&a",
		"*a",	      "!a",   "@a",    "%a",  "?",
		"|",	      ">",    "'",     "#",   "a:",
		"7d",	      "0b1",  "0o7",
	};
	static const char *const plain[] = {"a",	  "vm1.sock", "10.0.0.1", "10.0.0.0/8",
					    "300s",	  "64k",      "1gbit",	  "acme/web",
					    "/var/run/x", "_a",	      "a-b",	  "allow out any",
					    "north"};

	for (unsigned i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		json_t *value = json_string(quoted[i]);
		char *text = emit_yaml(value);

		if (text[0] != '"')
			fail_msg("%s is not quoted", quoted[i]);
		free(text);
		json_decref(value);
	}
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		json_t *value = json_string(plain[i]);
		char *text = emit_yaml(value);

		if (text[0] == '"')
			fail_msg("%s is quoted", plain[i]);
		free(text);
		json_decref(value);
	}
}

static void what_cannot_be_printed_is_escaped(void **state)
{
	assert_emitted(
		"'a\\\"b\\\\c\\n\\u001b\\u009f\\u2028\\ufeff\\u00e9\\ud83d\\ude00'",
		"\"a\\\"b\\\\c\\u000a\\u001b\\u009f\\u2028\\ufeff\xc3\xa9\xf0\x9f\x98\x80\"\n");
}

/* Every scalar as its text, as the parser gives it. */
static json_t *as_text(const json_t *value)
{
	json_t *copy, *member;
	const char *key;
	size_t index;

	if (json_is_object(value)) {
		copy = json_object();
		json_object_foreach ((json_t *)value, key, member)
			json_object_set_new(copy, key, as_text(member));
		return copy;
	}
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach (value, index, member)
			json_array_append_new(copy, as_text(member));
		return copy;
	}
	if (json_is_integer(value))
		return json_sprintf("%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return json_sprintf("%.17g", json_real_value(value));
	if (json_is_boolean(value))
		return json_string(json_is_true(value) ? "true" : "false");
	return json_incref((json_t *)value);
}

static json_t *random_text(uint64_t *seed)
{
	static const char *const pieces[] = {"a",
					     "Z",
					     "0",
					     "9",
					     " ",
					     ":",
					     ": ",
					     " #",
					     "-",
					     ".",
					     "/",
					     "\"",
					     "'",
					     "\\",
					     "\n",
					     "\t",
					     "\xc3\xa9",
					     "\xe2\x82\xac",
					     "\xc2\x85",
					     "\xef\xbb\xbf",
					     "{",
					     "}",
					     "[",
					     ",",
					     "&",
					     "*",
					     "!",
					     "|",
					     ">",
					     "%",
					     "@",
					     "`",
					     "no",
					     "null",
					     "~",
					     "?",
					     "=",
					     "<<",
					     "\xf0\x9f\x98\x80"};
	char text[64] = "";

	for (uint32_t i = written_random(seed, 6); i > 0; i--)
		strcat(text, pieces[written_random(seed, sizeof(pieces) / sizeof(pieces[0]))]);
	return json_string(text);
}

static json_t *random_value(uint64_t *seed, unsigned depth)
{
	json_t *value;

	switch (written_random(seed, depth ? 9 : 6)) {
	case 0: return json_integer((json_int_t)written_random(seed, 1000) - 500);
	case 1: return json_boolean(written_random(seed, 2));
	case 2: return json_null();
	case 3: return json_real(written_random(seed, 1000) / 8.0);
	case 4:
	case 5: return random_text(seed);
	case 6:
		value = json_array();
		for (uint32_t i = written_random(seed, 5); i > 0; i--)
			json_array_append_new(value, random_value(seed, depth - 1));
		return value;
	default:
		value = json_object();
		for (uint32_t i = written_random(seed, 6); i > 0; i--) {
			json_t *key = random_text(seed);

			if (strcmp(json_string_value(key),
				   "<<")) /* a key that the language has not */
				json_object_set_new(value, json_string_value(key),
						    random_value(seed, depth - 1));
			json_decref(key);
		}
		return value;
	}
}

/* The parser wants a mapping; a wrapper makes one of anything. */
static void assert_round_trip(json_t *value)
{
	json_t *wrapped = json_pack("{sO}", "x", value), *wanted = as_text(wrapped);
	char *text = emit_yaml(wrapped);
	json_t *again = written_tree(text);

	if (!json_equal(again, wanted))
		fail_msg("%s\n%s\n%s", text, json_dumps(wanted, 0), json_dumps(again, 0));
	json_decref(wrapped);
	json_decref(wanted);
	json_decref(again);
	free(text);
}

static void anything_is_read_back(void **state)
{
	uint64_t seed = 7;

	for (int round = 0; round < 5000; round++) {
		json_t *value = random_value(&seed, 5);

		assert_round_trip(value);
		json_decref(value);
	}
}

/* export | apply - changes nothing. */
static void an_exported_document_is_the_same_document(void **state)
{
	uint64_t seed = 8;

	for (int round = 0; round < 100; round++) {
		json_t *tree = written_random_tree(&seed), *canonical = written_canonical(tree);
		char *text = emit_yaml(canonical);
		json_t *again = written_tree(text), *canonical_again = written_canonical(again);

		assert_true(json_equal(canonical, canonical_again));
		free(text);
		json_decref(tree);
		json_decref(canonical);
		json_decref(again);
		json_decref(canonical_again);
	}
}

static void long_keys_are_read_back(void **state)
{
	char key[DOCUMENT_KEY + 1];
	json_t *value = json_object();

	memset(key, 'k', DOCUMENT_KEY);
	key[DOCUMENT_KEY] = '\0';
	json_object_set_new(value, key, json_integer(1));
	assert_round_trip(value);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_reads_like_a_document),
		cmocka_unit_test(lists_of_objects_are_rows),
		cmocka_unit_test(scalars_stand_alone),
		cmocka_unit_test(text_stays_text_for_every_reader),
		cmocka_unit_test(what_cannot_be_printed_is_escaped),
		cmocka_unit_test(anything_is_read_back),
		cmocka_unit_test(an_exported_document_is_the_same_document),
		cmocka_unit_test(long_keys_are_read_back),
	};

	return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}
