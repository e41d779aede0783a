/*
 * test_document - YAML and JSON into a tree with places; what is refused, and where.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

static void assert_tree(const char *text, const char *json)
{
	json_t *seen = written_tree(text), *wanted = written_json(json);

	if (!json_equal(seen, wanted))
		fail_msg("%s\nis read as %s\nnot as %s", text, json_dumps(seen, 0), json);
	json_decref(seen);
	json_decref(wanted);
}

static void scalars_stay_text(void **state)
{
	assert_tree("a: on", "{'a': 'on'}");
	assert_tree("a: [no, off, yes, ~, true, 1, 1.5, 0x10, 010, 1e3, 1:2, 2001-01-01, .inf]",
		    "{'a': ['no','off','yes','~','true','1','1.5','0x10','010','1e3','1:2',"
		    "'2001-01-01','.inf']}");
	assert_tree("a: 52:54:00:00:00:01", "{'a': '52:54:00:00:00:01'}");
	assert_tree("a: 'null'", "{'a': 'null'}");
	assert_tree("no: x\n1: y", "{'no': 'x', '1': 'y'}");
}

static void only_nothing_and_null_are_null(void **state)
{
	assert_tree("a:\nb: null\nc: ''\nd: Null", "{'a': null, 'b': null, 'c': '', 'd': 'Null'}");
}

static void json_is_read_by_the_same_parser(void **state)
{
	assert_tree("{\"a\": {\"b\": [1, true, null, \"x\\u00e9\\n\"]},\n\t\"c\": {}}",
		    "{'a': {'b': ['1', 'true', null, 'x\\u00e9\\n']}, 'c': {}}");
}

static void styles_of_yaml_are_read(void **state)
{
	assert_tree("# a comment\n---\na: >\n  folded\n  text\nb: |\n  two\n  lines\n"
		    "c: 'it''s'\nd: \"\\x41\\t\"\n? e\n: f\n...\n",
		    "{'a': 'folded text\\n', 'b': 'two\\nlines\\n', 'c': 'it\\u0027s', 'd': 'A\\t',"
		    " 'e': 'f'}");
	assert_tree("\xef\xbb\xbf"
		    "a: b",
		    "{'a': 'b'}"); /* a byte order mark */
	assert_tree("a: b\r\nc: d\r\n", "{'a': 'b', 'c': 'd'}");
}

static void an_empty_text_is_an_empty_document(void **state)
{
	assert_tree("", "{}");
	assert_tree("# nothing\n", "{}");
	assert_tree("---\n", "{}");
	assert_tree("{}", "{}");
}

static void empty_sections_are_mappings(void **state)
{
	assert_tree("tenants:\nuplinks:\n", "{'tenants': {}, 'uplinks': {}}");
	assert_tree("tenants:\n  acme:\n    ports:\n", "{'tenants': {'acme': {'ports': {}}}}");
}

static void each_member_has_its_place(void **state)
{
	struct document *document = written_document("tenants:\n"
						     "  acme: {users: [root, 'bob'],\n"
						     "         quota: null}\n");
	json_t *tenants = json_object_get(document_root(document), "tenants");
	json_t *acme = json_object_get(tenants, "acme");
	json_t *users = json_object_get(acme, "users");
	struct place place = document_place(document, tenants, "acme", 0, DOCUMENT_KEY_PART);

	assert_string_equal(place.file, "t.yaml");
	assert_int_equal(place.line, 2);
	assert_int_equal(place.column, 3);
	place = document_place(document, tenants, "acme", 0, DOCUMENT_VALUE_PART);
	assert_int_equal(place.column, 9);
	place = document_place(document, users, NULL, 1, DOCUMENT_VALUE_PART);
	assert_int_equal(place.line, 2);
	assert_int_equal(place.column, 24);
	place = document_place_within(document, users, NULL, 1, 2);
	assert_int_equal(place.column, 27); /* behind the quote */
	place = document_place(document, acme, "quota", 0, DOCUMENT_VALUE_PART);
	assert_int_equal(place.line, 3);
	assert_int_equal(place.column, 17);
	place = document_place(document, acme, "nothing", 0, DOCUMENT_VALUE_PART);
	assert_int_equal(place.line, 0);
	document_destroy(document);
}

static void columns_count_characters(void **state)
{
	EXPECT("\"\xc3\xa9\xc3\xa9\": 1", "1:1 unknown-key \xc3\xa9\xc3\xa9");
	EXPECT("uplinks: {\"\xe2\x82\xac\": {device: a, trunk: all}}",
	       "1:11 bad-name uplinks.\xe2\x82\xac");
}

static void duplicate_keys_name_both_places(void **state)
{
	EXPECT("tenants:\n  acme: {}\n  acme: {quota: {ports: 1}}\n",
	       "3:3 duplicate-key tenants.acme | line 2, column 3");
	EXPECT("tenants: {}\nuplinks: {}\ntenants: {}\n",
	       "3:1 duplicate-key tenants | line 1, column 1");
	EXPECT("{\"tenants\": {}, \"tenants\": {}}", "1:17 duplicate-key tenants");
}

static void yaml_that_hides_things_is_refused(void **state)
{
	EXPECT("tenants: &t {}\n", "1:10 syntax tenants | quote");
	EXPECT("tenants: {}\nuplinks: *t\n",
	       "2:10 syntax uplinks | quote"); /* libyaml resolves nothing */
	EXPECT("tenants: !!map {}\n", "1:10 syntax tenants | quote");
	EXPECT("tenants: ! {}\n", "1:10 syntax tenants");
	EXPECT("tenants:\n  acme:\n    <<: {}\n", "3:5 syntax tenants.acme | write the keys out");
	EXPECT("? [a]\n: b\n", "1:3 syntax ");
	EXPECT("tenants: {}\n---\nuplinks: {}\n", "2:1 syntax  | join them");
	EXPECT("&k tenants: {}\n", "1:1 syntax ");
	EXPECT("# a\n%TAG ! x\n---\n{}", "2:1 syntax  | directives");
	EXPECT("tenants: {\"a\\x1b\": {}}\n", "1:11 syntax tenants");
	EXPECT("tenants: {a: {users: [\"\\0\"]}}\n", "1:23 syntax tenants.a.users[0]");
}

static void reading_goes_on_behind_what_is_refused(void **state)
{
	EXPECT("tenants:\n"
	       "  acme: *x\n"
	       "  acme: {}\n"
	       "  acme: {}\n"
	       "uplinks: 7\n"
	       "mirror: {}\n",
	       "2:9 syntax tenants.acme", "4:3 duplicate-key tenants.acme",
	       "5:10 wrong-type uplinks", "6:1 unknown-key mirror | did you mean \"mirrors\"?");
}

static void bad_syntax_says_where(void **state)
{
	EXPECT("tenants:\n\tacme: {}\n", "2:1 syntax  | not with tabs");
	EXPECT("tenants: {a: {}\n", "2:1 syntax tenants | it began at line 1");
	EXPECT("tenants: [\n", "2:1 syntax tenants");
	EXPECT("tenants: @x\n", "1:10 syntax  | quotes");
	EXPECT("a: b: c\n", "1:5 syntax ");
	EXPECT("tenants: \"\n", "2:1 syntax ");
	EXPECT("- a\n", "1:1 wrong-type  | tenants");
	EXPECT("hello\n", "1:1 wrong-type ");
}

/* A text that may hold anything, its reason and place. */
static void expect_bytes(const char *text, size_t size, const char *expected)
{
	struct problems problems = {0};
	struct document *document;
	char seen[200];

	assert_int_equal(document_create(&document), 0);
	assert_int_equal(document_add_text(document, "t.yaml", text, size, &problems), -EINVAL);
	assert_int_equal(problems.count, 1);
	snprintf(seen, sizeof(seen), "%u:%u %s", problems.list[0].place.line,
		 problems.list[0].place.column, problem_word(problems.list[0].reason));
	assert_string_equal(seen, expected);
	problems_clear(&problems);
	document_destroy(document);
}

static void only_utf8_without_control_characters(void **state)
{
	expect_bytes("tenants: {}\nx\xff: 1\n", 17, "2:2 syntax");
	expect_bytes("a: \0b", 5, "1:4 syntax");
	expect_bytes("a: \x1b[2J", 7, "1:4 syntax");
	expect_bytes("a: \xed\xa0\x80", 6, "1:4 syntax"); /* a surrogate */
	expect_bytes("a: \xc0\xaf", 5, "1:4 syntax");	  /* overlong */
	expect_bytes("a: \xe2\x82", 5, "1:4 syntax");	  /* cut */
	expect_bytes("\xff\xfe"
		     "a\0:\0",
		     6, "1:1 syntax"); /* UTF-16 */
}

/* Read @size bytes that repeat @piece behind @begin; it must be refused as @reason, and quickly. */
static void expect_bomb(const char *begin, const char *piece, size_t size,
			enum problem_reason reason)
{
	size_t begin_size = strlen(begin), piece_size = strlen(piece);
	struct problems problems = {0};
	struct document *document;
	struct timespec before, after;
	char *text = malloc(size);

	for (size_t i = 0; i < size; i++)
		text[i] = i < begin_size ? begin[i] : piece[(i - begin_size) % piece_size];
	assert_int_equal(document_create(&document), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(document_add_text(document, "t.yaml", text, size, &problems), -EINVAL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_true(after.tv_sec - before.tv_sec <
		    10); /* a fraction of a second, but for sanitizers */
	assert_int_equal(problems.list[0].reason, reason);
	problems_clear(&problems);
	document_destroy(document);
	free(text);
}

static void bombs_do_not_go_off(void **state)
{
	expect_bomb("", "[", 1 << 20, PROBLEM_WRONG_TYPE);
	expect_bomb("a: ", "[", 1 << 20, PROBLEM_TOO_BIG);
	expect_bomb("", "{a: ", 1 << 20, PROBLEM_TOO_BIG);
	expect_bomb("a:\n ", "- ", 1 << 20, PROBLEM_TOO_BIG);
	expect_bomb("a: [", "b,", 2 << 20, PROBLEM_TOO_BIG); /* nodes */
	expect_bomb("a: ", "b", DOCUMENT_BYTES + 1, PROBLEM_TOO_BIG);
	expect_bomb("a: [", "*a,", 1 << 20, PROBLEM_SYNTAX); /* aliases */
	expect_bomb("", "a: &a {}\n", 1 << 20, PROBLEM_SYNTAX);
	expect_bomb("", "a: 1\n", 4 << 20, PROBLEM_DUPLICATE_KEY);
	expect_bomb("", "k", 1 << 20, PROBLEM_WRONG_TYPE); /* one huge scalar */
	expect_bomb("a: ", "[[a], ", 1 << 20, PROBLEM_TOO_BIG);
	expect_bomb("? ", "[", 1 << 20, PROBLEM_SYNTAX); /* a key */
	expect_bomb("a: 1\na: ", "[", 1 << 20, PROBLEM_DUPLICATE_KEY);
	expect_bomb("", "%TAG !1! a\n", 1 << 20, PROBLEM_SYNTAX);
}

static void many_keys_are_fast(void **state)
{
	enum { KEYS = 100000 };
	char *text = malloc(KEYS * 16 + 16), *at = stpcpy(text, "tenants:\n");
	struct document *document;

	for (int i = 0; i < KEYS; i++)
		at += sprintf(at, "  t%06d: {}\n", i);
	document = written_document(text);
	assert_int_equal(json_object_size(json_object_get(document_root(document), "tenants")),
			 KEYS);
	document_destroy(document);
	free(text);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_files(const char *dir)
{
	static const char *const names[] = {"10-a.yaml", "20-b.yaml", "note.txt", ".hidden.yaml"};
	char path[200];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void a_directory_is_one_document(void **state)
{
	char dir[] = "/tmp/sluice-document-XXXXXX";
	struct problems problems = {0};
	struct document *document;
	json_t *wanted = written_json(
		"{'tenants': {'acme': {'networks': {'web': {'vlan': '1'}}, 'ports': {'a': {'tap': 'a'},"
		" 'b': {'tap': 'b'}}}}, 'uplinks': {'u': {'device': 'u'}}}");

	assert_non_null(mkdtemp(dir));
	write_file(dir, "20-b.yaml",
		   "tenants: {acme: {ports: {b: {tap: b}}}}\nuplinks: {u: {device: u}}");
	write_file(dir, "10-a.yaml",
		   "tenants:\n  acme:\n    networks: {web: {vlan: 1}}\n"
		   "    ports: {a: {tap: a}}\nuplinks:\n");
	write_file(dir, "note.txt", "not: yaml: at: all");
	write_file(dir, ".hidden.yaml", "[");
	assert_int_equal(document_create(&document), 0);
	assert_int_equal(document_add_path(document, dir, &problems), 0);
	assert_true(json_equal(document_root(document), wanted));
	document_destroy(document);
	json_decref(wanted);
	remove_files(dir);
}

static void an_object_in_two_files_is_a_duplicate(void **state)
{
	char dir[] = "/tmp/sluice-document-XXXXXX", first[200];
	struct problems problems = {0};
	struct document *document;

	assert_non_null(mkdtemp(dir));
	write_file(dir, "10-a.yaml", "tenants: {acme: {ports: {a: {tap: a}}}}\n");
	write_file(dir, "20-b.yaml", "tenants:\n  acme:\n    ports:\n      a: {tap: b}\n");
	assert_int_equal(document_create(&document), 0);
	assert_int_equal(document_add_path(document, dir, &problems), -EINVAL);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].path, "tenants.acme.ports.a");
	assert_non_null(strstr(problems.list[0].place.file, "20-b.yaml"));
	assert_int_equal(problems.list[0].place.line, 4);
	snprintf(first, sizeof(first), "the first one is at %s/10-a.yaml:1:26", dir);
	assert_non_null(strstr(problems.list[0].hint, first));
	problems_clear(&problems);
	document_destroy(document);
	remove_files(dir);
}

static void what_cannot_be_read_is_a_problem(void **state)
{
	struct problems problems = {0};
	struct document *document;

	assert_int_equal(document_create(&document), 0);
	assert_int_equal(document_add_path(document, "/nonexistent/x.yaml", &problems), -ENOENT);
	assert_int_equal(document_add_path(document, "/proc/self/mem", &problems), -EINVAL);
	assert_int_equal(problems.count, 2);
	assert_int_equal(problems.list[0].reason, PROBLEM_UNREADABLE);
	assert_string_equal(problems.list[1].place.file, "/proc/self/mem");
	assert_true(document_is_refused(document));
	problems_clear(&problems);
	document_destroy(document);
}

static void the_digest_tells_texts_apart(void **state)
{
	static const char *const texts[] = {"", "a: b", "a: b ", "a: c", "# a: b"};
	uint64_t digests[5];

	for (unsigned i = 0; i < 5; i++) {
		struct document *document = written_document(texts[i]);

		digests[i] = document_digest(document);
		document_destroy(document);
		for (unsigned before = 0; before < i; before++)
			assert_int_not_equal(digests[before], digests[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_stay_text),
		cmocka_unit_test(only_nothing_and_null_are_null),
		cmocka_unit_test(json_is_read_by_the_same_parser),
		cmocka_unit_test(styles_of_yaml_are_read),
		cmocka_unit_test(an_empty_text_is_an_empty_document),
		cmocka_unit_test(empty_sections_are_mappings),
		cmocka_unit_test(each_member_has_its_place),
		cmocka_unit_test(columns_count_characters),
		cmocka_unit_test(duplicate_keys_name_both_places),
		cmocka_unit_test(yaml_that_hides_things_is_refused),
		cmocka_unit_test(reading_goes_on_behind_what_is_refused),
		cmocka_unit_test(bad_syntax_says_where),
		cmocka_unit_test(only_utf8_without_control_characters),
		cmocka_unit_test(bombs_do_not_go_off),
		cmocka_unit_test(many_keys_are_fast),
		cmocka_unit_test(a_directory_is_one_document),
		cmocka_unit_test(an_object_in_two_files_is_a_duplicate),
		cmocka_unit_test(what_cannot_be_read_is_a_problem),
		cmocka_unit_test(the_digest_tells_texts_apart),
	};

	return cmocka_run_group_tests_name("document", tests, NULL, NULL);
}
