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
	expect_none(&problems,
		    document_add_text(document, "t.yaml", text, strlen(text), &problems));
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

static bool chance(uint64_t *seed, uint32_t percent)
{
	return written_random(seed, 100) < percent;
}

/* Networks have a VLAN of their own each, so they fit on any wire. */
static json_t *random_networks(uint64_t *seed, uint32_t tenant)
{
	json_t *networks = json_object();

	for (uint32_t n = 0; n < 5; n++) {
		json_t *network = json_object();
		char name[8];

		snprintf(name, sizeof(name), "n%u", n);
		if (chance(seed, 70))
			json_object_set_new(network, "vlan", json_integer(100 + tenant * 10 + n));
		if (chance(seed, 30))
			json_object_set_new(network, "isolated", json_true());
		if (chance(seed, 20))
			json_object_set_new(network, "age", json_sprintf("%us", 1 + n));
		if (chance(seed, 20))
			json_object_set_new(network, "learning", json_string("off"));
		if (chance(seed, 20))
			json_object_set_new(network, "unknown-unicast", json_string("drop"));
		if (chance(seed, 20))
			json_object_set_new(network, "neighbour-suppression", json_true());
		if (chance(seed, 20))
			json_object_set_new(network, "multicast", json_string("snoop"));
		if (chance(seed, 80))
			json_object_set_new(networks, name, network);
		else
			json_decref(network);
	}
	return networks;
}

/* Some of @networks, those with a VLAN only; "native" may be any. */
static json_t *random_trunk(uint64_t *seed, const json_t *networks)
{
	json_t *trunk = json_object(), *allow = json_array();
	const char *name;
	json_t *network;

	json_object_foreach ((json_t *)networks, name, network) {
		if (chance(seed, 30))
			json_object_set_new(trunk, "native", json_string(name));
		else if (json_object_get(network, "vlan") && chance(seed, 50))
			json_array_append_new(allow, json_string(name));
	}
	json_object_set_new(trunk, "allow", allow);
	return trunk;
}

static void random_role(uint64_t *seed, json_t *port, const json_t *network)
{
	if (chance(seed, 20))
		json_object_set_new(port, "promiscuous", json_true());
	else if (json_object_get(network, "isolated") && chance(seed, 30))
		json_object_set_new(port, "isolated", json_true());
	else if (json_object_get(network, "isolated") && chance(seed, 50))
		json_object_set_new(port, "community",
				    json_sprintf("c%u", written_random(seed, 2)));
}

static json_t *random_port(uint64_t *seed, const json_t *networks, uint32_t tenant, uint32_t number)
{
	static const char *const leaves[] = {"dhcp-server", "router-advertisements", "bpdu"};
	json_t *port = json_object();
	char network[8];

	if (chance(seed, 50))
		json_object_set_new(port, "vhost-user",
				    json_sprintf("s%u-%u.sock", tenant, number));
	else
		json_object_set_new(port, "tap", json_sprintf("t%u-%u", tenant, number));
	snprintf(network, sizeof(network), "n%u", written_random(seed, 5));
	if (json_object_get(networks, network) && chance(seed, 80)) {
		json_object_set_new(port, "network", json_string(network));
		random_role(seed, port, json_object_get(networks, network));
	} else if (chance(seed, 70)) {
		json_object_set_new(port, "trunk", random_trunk(seed, networks));
	}
	if (chance(seed, 50))
		json_object_set_new(
			port, "macs",
			json_pack("[o, o]", json_sprintf("02:00:00:00:%02x:%02x", tenant, number),
				  json_sprintf("02-00-00-01-%02X-%02X", tenant, number)));
	if (chance(seed, 40))
		json_object_set_new(port, "addresses",
				    json_pack("[o, s]", json_sprintf("10.%u.0.%u", tenant, number),
					      "fd00::/64"));
	if (chance(seed, 20))
		json_object_set_new(port, "spoof-guard", json_false());
	if (chance(seed, 20))
		json_object_set_new(port, "rate",
				    json_pack("{ss, so, ss}", "out", "1gbit", "in-pps",
					      json_sprintf("%upps", 1 + written_random(seed, 5000)),
					      "burst", chance(seed, 50) ? "10ms" : "1s"));
	if (chance(seed, 20))
		json_object_set_new(port, "storm",
				    chance(seed, 50) ? json_string("100pps")
						     : json_pack("{ss}", "multicast", "2kpps"));
	for (unsigned i = 0; i < 3; i++)
		if (chance(seed, 20))
			json_object_set_new(port, leaves[i],
					    json_string(chance(seed, 50) ? "allow" : "deny"));
	return port;
}

static json_t *random_tenant(uint64_t *seed, uint32_t number)
{
	json_t *tenant = json_object(), *ports = json_object();
	json_t *networks = random_networks(seed, number);

	for (uint32_t p = 0; p < 8; p++)
		if (chance(seed, 60))
			json_object_set_new(ports, (char[]){'p', (char)('0' + p), '\0'},
					    random_port(seed, networks, number, p));
	if (chance(seed, 30))
		json_object_set_new(tenant, "quota", json_pack("{si}", "macs-per-port", 7));
	if (chance(seed, 30))
		json_object_set_new(
			tenant, "rate",
			json_pack("{so, ss}", "in",
				  json_sprintf("%ukbit", 1 + written_random(seed, 9999)), "pps",
				  "9kpps"));
	if (json_object_size(networks) || chance(seed, 50))
		json_object_set(tenant, "networks", networks);
	json_decref(networks);
	json_object_set_new(tenant, "ports", ports);
	return tenant;
}

json_t *written_random_tree(uint64_t *seed)
{
	json_t *tree = json_object(), *tenants = json_object(), *uplinks = json_object();

	for (uint32_t t = 0; t < 4; t++)
		if (chance(seed, 75))
			json_object_set_new(tenants, (char[]){'t', (char)('0' + t), '\0'},
					    random_tenant(seed, t));
	for (uint32_t u = 0; u < 2; u++)
		if (chance(seed, 50))
			json_object_set_new(uplinks, (char[]){'u', (char)('0' + u), '\0'},
					    json_pack("{so, ss}", "device",
						      json_sprintf("eth%u", u), "trunk", "all"));
	json_object_set_new(tree, "tenants", tenants);
	json_object_set_new(tree, "uplinks", uplinks);
	return tree;
}
