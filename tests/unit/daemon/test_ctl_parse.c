/*
 * test_ctl_parse - command lines, and the requests that they are.
 */
#include <stdio.h>

#include "control/ctl_parse.h"
#include "tests/unit/daemon/unit.h"

enum { WORDS_MAX = 32 };

/* Take @line apart at blanks and parse it. */
static int parse(const char *line, struct ctl *ctl, struct ctl_request *ret_request)
{
	static char text[1024];
	char *argv[WORDS_MAX + 1] = {(char[]){"sluicectl"}};
	int argc = 1;
	char *rest, *word;

	snprintf(text, sizeof(text), "%s", line);
	for (word = strtok_r(text, " ", &rest); word && argc < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	*ctl = (struct ctl){.socket = -1, .timeout_s = 1};
	return ctl_parse(ctl, argc, argv, ret_request);
}

/* @line is the command @words with @params, as JSON with single quotes. */
static void assert_request(const char *line, const char *words, const char *params)
{
	char *quoted = strdup(params), *text;
	struct ctl_request request;
	struct ctl ctl;
	json_t *expected;
	int status = parse(line, &ctl, &request);

	if (status != -1)
		fail_msg("`%s` is refused (%d)", line, status);
	for (char *c = quoted; *c; c++)
		if (*c == '\'')
			*c = '"';
	expected = json_loads(quoted, 0, NULL);
	assert_non_null(expected);
	assert_string_equal(request.command->words, words);
	text = json_dumps(request.params, JSON_SORT_KEYS);
	if (!json_equal(request.params, expected))
		fail_msg("`%s` is %s, expected %s", line, text, quoted);
	free(text);
	free(quoted);
	json_decref(expected);
	json_decref(request.params);
}

static void requests(void **state)
{
	assert_request("status", "status", "{}");
	assert_request("port show acme/vm1", "port show", "{'name': 'acme/vm1'}");
	assert_request("fdb list", "fdb list", "{}");
	assert_request("fdb list acme/web", "fdb list", "{'network': 'acme/web'}");
	assert_request("apply -f a.yaml -f b.yaml,c.yaml --prune", "apply",
		       "{'file': ['a.yaml', 'b.yaml', 'c.yaml'], 'prune': true}");
	assert_request("apply -f -", "apply", "{'file': ['-']}");
	assert_request("trace acme/vm1 tcp 10.0.0.1:1 > 10.0.0.2:2 --vlan 7", "trace",
		       "{'port': 'acme/vm1', 'frame': 'tcp 10.0.0.1:1 > 10.0.0.2:2', 'vlan': '7'}");
	assert_request("-- status", "status", "{}");
	assert_request("port delete -- --odd", "port delete", "{'name': '--odd'}");
}

static void fields(void **state)
{
	assert_request("port add acme/a --network web --tap t0 --queues=2", "port add",
		       "{'name': 'acme/a', 'fields': {'network': 'web', 'tap': 't0',"
		       " 'queues': '2'}}");
	assert_request("port add acme/a --mac 1,2 --mac 3 --address 4", "port add",
		       "{'name': 'acme/a', 'fields': {'macs': ['1', '2', '3'],"
		       " 'addresses': ['4']}}");
	assert_request("port set acme/a --native w --trunk x,y", "port set",
		       "{'name': 'acme/a', 'fields': {'trunk': {'native': 'w',"
		       " 'allow': ['x', 'y']}}}");
	assert_request("port set acme/a --unset macs,rate --dry-run", "port set",
		       "{'name': 'acme/a', 'fields': {'macs': null, 'rate': null},"
		       " 'dry_run': true}");
	/* as the options call them, too: and of a mapping that part */
	assert_request("port set acme/a --unset group,acl-in,trunk", "port set",
		       "{'name': 'acme/a', 'fields': {'groups': null, 'acl': {'in': null},"
		       " 'trunk': null}}");
	assert_request("tenant add a --quota ports=4,networks=2 --user u", "tenant add",
		       "{'name': 'a', 'fields': {'quota': {'ports': '4', 'networks': '2'},"
		       " 'users': ['u']}}");
	assert_request("uplink add f --device e --trunk all", "uplink add",
		       "{'name': 'f', 'fields': {'device': 'e', 'trunk': 'all'}}");
	assert_request("uplink add f --device e --trunk a/b,c/d --map a/b=7", "uplink add",
		       "{'name': 'f', 'fields': {'device': 'e', 'trunk': ['a/b', 'c/d'],"
		       " 'map': {'a/b': '7'}}}");
}

/* A name within the object's tenant may be said with it, on either side of the object's name. */
static void names_of_the_tenant(void **state)
{
	assert_request("port add acme/a --network acme/web", "port add",
		       "{'name': 'acme/a', 'fields': {'network': 'web'}}");
	assert_request("port set --native acme/w --trunk acme/x,y acme/a", "port set",
		       "{'name': 'acme/a', 'fields': {'trunk': {'native': 'w',"
		       " 'allow': ['x', 'y']}}}");
	/* another's stays as it was said: to be refused */
	assert_request("port add acme/a --network acmes/web", "port add",
		       "{'name': 'acme/a', 'fields': {'network': 'acmes/web'}}");
}

static void global_options(void **state)
{
	struct ctl_request request;
	struct ctl ctl;

	assert_int_equal(parse("-o json port list --socket /s --timeout 5", &ctl, &request), -1);
	assert_int_equal(ctl.format, CTL_JSON);
	assert_int_equal(ctl.timeout_s, 5);
	assert_string_equal(ctl.socket_path, "/s");
	json_decref(request.params);
	assert_int_equal(parse("port list -o=yaml --socket=/t", &ctl, &request), -1);
	assert_int_equal(ctl.format, CTL_YAML);
	assert_string_equal(ctl.socket_path, "/t");
	json_decref(request.params);
}

static void refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"port",
		"prot list",
		"port lsit",
		"port show",
		"port list more",
		"fdb list a b",
		"status --network x",
		"port add a --network",
		"port list --dry-run",
		"port delete a --dry-run=yes",
		"tenant add a --quota ports",
		"-o xml status",
		"--timeout 0 status",
		"--timeout x status",
		"--timeout 5s status",
		"-x status",
		"--o json status",
		"-socket /s status",
		"completion",
		"trace",
	};
	struct ctl_request request;
	struct ctl ctl;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (parse(wrong[i], &ctl, &request) != CTL_USAGE)
			fail_msg("`%s` is not refused", wrong[i]);
}

/* Every command has what the rest of the program relies on. */
static void the_table(void **state)
{
	for (unsigned i = 0; i < ctl_n_commands; i++) {
		const struct ctl_command *command = &ctl_commands[i];

		assert_true(command->method || command->run);
		assert_true(command->summary[0] >= 'a' && command->summary[0] <= 'z');
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(command->words, ctl_commands[j].words);
		for (unsigned g = 0; g < CTL_OPTION_GROUPS_MAX; g++)
			for (const struct ctl_option *o = command->options[g]; o && o->name; o++) {
				assert_true(*o->path && o->help);
				assert_int_equal(o->shape == SHAPE_TRUE, o->value == NULL);
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(fields),
		cmocka_unit_test(names_of_the_tenant),
		cmocka_unit_test(global_options),
		cmocka_unit_test(refused),
		cmocka_unit_test(the_table),
	};

	/* what is said about wrong lines is not what is tested here */
	if (!freopen("/dev/null", "w", stderr))
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
