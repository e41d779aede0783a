/*
 * test_compile - the policy says what the model says, and ids stay.
 */
#include <errno.h>
#include <stdio.h>

#include "control/compile.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

/* A model, its ids and its policy. */
struct compiled {
	struct model *model;
	struct ids *ids;
	struct policy *policy;
};

/* Compile @model (taken) as the commit behind @ids. */
static struct compiled compile(struct model *model, const struct ids *ids, uint64_t generation)
{
	struct compiled compiled = {.model = model};
	char reason[COMPILE_WHY];
	const char *why;

	assert_int_equal(ids_next(ids, model, generation, &compiled.ids), 0);
	assert_int_equal(
		compile_policy(model, compiled.ids, generation, 99, NULL, reason, &compiled.policy),
		0);
	assert_int_equal(policy_check(compiled.policy, compiled.policy->size, &why), 0);
	return compiled;
}

static struct compiled compile_first(struct model *model)
{
	struct compiled compiled;
	struct ids *nobody;

	assert_int_equal(ids_create(&nobody), 0);
	compiled = compile(model, nobody, 1);
	ids_destroy(nobody);
	return compiled;
}

static void discard(struct compiled *compiled)
{
	model_destroy(compiled->model);
	ids_destroy(compiled->ids);
	free(compiled->policy);
}

static const struct policy_port *port_of(const struct compiled *compiled, const char *name)
{
	const struct policy_port *port =
		policy_port(compiled->policy, ids_port(compiled->ids, name));

	assert_non_null(port);
	assert_string_equal(policy_at(compiled->policy, port->name), name);
	return port;
}

static const struct policy_network *network_of(const struct compiled *compiled, const char *name)
{
	const struct policy_network *network =
		policy_network(compiled->policy, ids_network(compiled->ids, name));

	assert_non_null(network);
	assert_string_equal(policy_at(compiled->policy, network->name), name);
	return network;
}

static const char example[] =
	"tenants:\n"
	"  a:\n"
	"    quota: {macs-per-port: 9}\n"
	"    rate: {out: 10gbit}\n"
	"    networks: {n: {vlan: 5, age: 7s, mtu: 9000, macs: 3}, i: {isolated: true, learning: off,\n"
	"               unknown-unicast: drop, neighbour-suppression: on}}\n"
	"    ports:\n"
	"      p: {tap: p, network: n, macs: [02:00:00:00:00:01], addresses: [10.0.0.1, fd00::/64]}\n"
	"      q: {tap: q, trunk: {native: i, allow: [n]}, promiscuous: true, spoof-guard: off}\n"
	"      r: {vhost-user: r, network: i, community: x, rate: {in: 1mbit, over: wait}}\n"
	"      s: {tap: s, network: i, community: y}\n"
	"      t: {tap: t, network: i, community: x}\n"
	"      o: {tap: o, dhcp-server: allow, router-advertisements: allow, bpdu: allow,\n"
	"          rate: {in: 1gbit, out-pps: 1kpps, burst: 20ms}, storm: {multicast: 10pps},\n"
	"          pcp: keep, dscp: 0}\n"
	"  b: {networks: {n: {vlan: 6}}}\n"
	"uplinks: {u: {device: u, trunk: all, map: {a/n: 50}}}\n";

static void networks_are_as_described(void **state)
{
	struct compiled compiled = compile_first(written_model(example));
	const struct policy_network *n = network_of(&compiled, "a/n"),
				    *i = network_of(&compiled, "a/i");

	assert_int_equal(compiled.policy->generation, 1);
	assert_int_equal(compiled.policy->hash_seed, 99);
	assert_int_equal(n->vlan, 5);
	assert_int_equal(n->age_ms, 7000);
	assert_int_equal(n->mtu, 9000);
	assert_int_equal(n->macs_max, 3);
	assert_int_equal(n->flags, POLICY_NET_OWNED);
	assert_int_equal(n->tenant, ids_tenant(compiled.ids, "a"));
	assert_int_equal(i->flags, POLICY_NET_ISOLATED | POLICY_NET_NO_LEARNING |
					   POLICY_NET_NO_UNKNOWN | POLICY_NET_SUPPRESSES);
	assert_int_equal(i->macs_max, LIMIT_NETWORK_MACS);
	assert_int_equal(network_of(&compiled, "b/n")->tenant, ids_tenant(compiled.ids, "b"));
	discard(&compiled);
}

static void ports_are_as_described(void **state)
{
	struct compiled compiled = compile_first(written_model(example));
	const struct policy_port *p = port_of(&compiled, "a/p"), *q = port_of(&compiled, "a/q");
	const struct policy_port *u = port_of(&compiled, "u");
	uint16_t n = ids_network(compiled.ids, "a/n");
	const int guards = POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD;

	assert_int_equal(p->mode, POLICY_ACCESS);
	assert_int_equal(p->native, n);
	assert_int_equal(p->flags, POLICY_PORT_SPOOF_GUARD | POLICY_PORT_READS_FLOW |
					   POLICY_PORT_CLAIM_GUARD | guards);
	assert_int_equal(p->macs_max, 9);
	assert_int_equal(p->n_macs, 1);
	assert_int_equal(p->n_addresses4, 1);
	assert_int_equal(p->n_addresses6, 1);
	assert_int_equal(policy_static_port(compiled.policy, n, 0x020000000001),
			 ids_port(compiled.ids, "a/p").id);
	assert_int_equal(q->mode, POLICY_TRUNK);
	assert_int_equal(q->role, POLICY_PROMISCUOUS);
	assert_int_equal(q->flags, POLICY_PORT_CLAIM_GUARD | guards);
	assert_int_equal(port_of(&compiled, "a/r")->flags,
			 POLICY_PORT_SPOOF_GUARD | POLICY_PORT_WAITS | guards);
	assert_int_equal(port_of(&compiled, "a/o")->flags,
			 POLICY_PORT_SPOOF_GUARD | POLICY_PORT_BPDU);
	assert_int_equal(port_of(&compiled, "a/r")->role, POLICY_COMMUNITY);
	assert_int_equal(port_of(&compiled, "a/r")->community,
			 port_of(&compiled, "a/t")->community);
	assert_int_not_equal(port_of(&compiled, "a/r")->community,
			     port_of(&compiled, "a/s")->community);
	assert_int_equal(port_of(&compiled, "a/o")->native, 0);
	assert_int_equal(u->flags, POLICY_PORT_UPLINK | POLICY_PORT_CLAIM_GUARD);
	assert_int_equal(u->tenant, 0);
	assert_int_equal(u->macs_max, LIMIT_UPLINK_MACS);
	assert_int_equal(policy_tag(compiled.policy, n, ids_port(compiled.ids, "u").id), 50);
	assert_int_equal(policy_tag(compiled.policy, n, ids_port(compiled.ids, "a/q").id), 5);
	discard(&compiled);
}

static void limits_have_prices(void **state)
{
	struct compiled compiled = compile_first(written_model(example));
	const struct policy_port *p = port_of(&compiled, "a/p"), *o = port_of(&compiled, "a/o");
	const struct policy_limits *limits = policy_at(compiled.policy, o->limits);
	const struct policy_limits *tenants = policy_at(compiled.policy, o->tenant_limits);

	assert_int_equal(p->limits, 0);
	assert_int_equal(p->tenant_limits, o->tenant_limits);
	assert_int_equal(port_of(&compiled, "u")->tenant_limits, 0);
	assert_int_equal(limits->of[POLICY_IN_BITS].price, 1ULL << 32); /* a bit a nanosecond */
	assert_int_equal(limits->of[POLICY_IN_BITS].burst, 20000000);
	assert_int_equal(limits->of[POLICY_OUT_BITS].price, 0);
	assert_int_equal(limits->of[POLICY_OUT_PACKETS].price, 1000000ULL << 32);
	assert_int_equal(limits->of[POLICY_MULTICASTS].price, 100000000ULL << 32);
	assert_int_equal(limits->of[POLICY_MULTICASTS].burst, 1000000000);
	assert_int_equal(o->pcp, 0);
	assert_int_equal(o->dscp, 1);
	assert_int_equal(tenants->of[POLICY_OUT_BITS].price, (1ULL << 32) / 10 + 1);
	discard(&compiled);
}

static void nothing_is_a_policy_too(void **state)
{
	struct compiled compiled = compile_first(written_model(""));

	assert_int_equal(ids_port(compiled.ids, "a/p").generation, 0);
	assert_int_equal(ids_network(compiled.ids, "a/n"), 0);
	assert_int_equal(ids_network_generation(compiled.ids, "a/n"), 0);
	discard(&compiled);
}

/* The tag by which a port of the model carries a network: what policy_tag() should say. */
static uint16_t tag_of(const struct model_port *port, const struct model_network *network)
{
	if (port->native == network)
		return POLICY_UNTAGGED;
	for (uint32_t i = 0; i < port->n_trunk; i++)
		if (port->trunk[i].network == network)
			return port->trunk[i].vlan;
	return POLICY_NOT_MEMBER;
}

/* RFC 5517 in other words than policy.c's. */
static bool may_talk(const struct model_port *a, const struct model_port *b,
		     const struct model_network *network)
{
	if (!network->isolated || a->role == POLICY_PROMISCUOUS || b->role == POLICY_PROMISCUOUS)
		return true;
	return a->community && b->community && a->tenant == b->tenant &&
	       !strcmp(a->community, b->community);
}

static void compare_pair(const struct compiled *compiled, const struct model_network *network,
			 const struct model_port *in, const struct model_port *out)
{
	uint16_t tag = tag_of(out, network);
	bool wanted = in != out && tag != POLICY_NOT_MEMBER &&
		      tag_of(in, network) != POLICY_NOT_MEMBER && may_talk(in, out, network);
	struct permit seen = policy_permits(
		compiled->policy, ids_network(compiled->ids, network->name),
		ids_port(compiled->ids, in->name).id, ids_port(compiled->ids, out->name).id);

	if ((seen.drop == DROP_NONE) != wanted || (wanted && seen.tag != tag))
		fail_msg("%s from %s to %s: %s", network->name, in->name, out->name,
			 drop_word(seen.drop));
	if (wanted && in->tenant && out->tenant)
		assert_ptr_equal(in->tenant, out->tenant);
}

static void who_may_talk_is_what_the_document_says(void **state)
{
	uint64_t seed = 1;

	for (int round = 0; round < 60; round++) {
		json_t *tree = written_random_tree(&seed);
		struct compiled compiled = compile_first(written_model_of(tree));
		const struct model *model = compiled.model;

		for (uint32_t n = 0; n < model->n_networks; n++)
			for (uint32_t i = 0; i < model->n_ports; i++)
				for (uint32_t o = 0; o < model->n_ports; o++)
					compare_pair(&compiled, &model->networks[n],
						     &model->ports[i], &model->ports[o]);
		discard(&compiled);
		json_decref(tree);
	}
}

static void the_same_model_gives_the_same_policy(void **state)
{
	uint64_t seed = 5;
	json_t *tree = written_random_tree(&seed);
	struct compiled a = compile_first(written_model_of(tree)),
			b = compile_first(written_model_of(tree));

	assert_int_equal(a.policy->size, b.policy->size);
	assert_memory_equal(a.policy, b.policy, a.policy->size);
	discard(&a);
	discard(&b);
	json_decref(tree);
}

/* What was given to whom, ever: a reference never means a second port. */
struct given {
	struct port_ref ref;
	char name[20];
};

static void note_given(struct given *given, size_t *count, struct port_ref ref, const char *name)
{
	for (size_t i = 0; i < *count; i++) {
		if (port_ref_equal(given[i].ref, ref)) {
			assert_string_equal(given[i].name, name);
			return;
		}
	}
	given[*count].ref = ref;
	snprintf(given[(*count)++].name, sizeof(given->name), "%s", name);
}

static void compare_ids(const struct compiled *old, const struct compiled *new)
{
	for (uint32_t i = 0; i < new->model->n_ports; i++) {
		const char *name = new->model->ports[i].name;
		struct port_ref ref = ids_port(new->ids, name);

		assert_int_not_equal(ref.generation, 0);
		assert_in_range(ref.id, 1, LIMIT_PORTS - 1);
		if (model_port(old->model, name))
			assert_true(port_ref_equal(ref, ids_port(old->ids, name)));
	}
	for (uint32_t i = 0; i < new->model->n_networks; i++) {
		const char *name = new->model->networks[i].name;

		if (!model_network(old->model, name))
			continue;
		assert_int_equal(ids_network(new->ids, name), ids_network(old->ids, name));
		assert_int_equal(ids_network_generation(new->ids, name),
				 ids_network_generation(old->ids, name));
	}
	for (uint32_t i = 0; i < old->model->n_ports; i++)
		if (!model_port(new->model, old->model->ports[i].name))
			assert_true(
				port_ref_is_none(ids_port(new->ids, old->model->ports[i].name)));
}

/* Forget everything but the running policy, as a restarted control process has to. */
static void restart(struct compiled *compiled)
{
	struct ids *adopted;

	assert_int_equal(ids_adopt(compiled->policy, &adopted), 0);
	for (uint32_t i = 0; i < compiled->model->n_ports; i++) {
		const char *name = compiled->model->ports[i].name;

		assert_true(port_ref_equal(ids_port(adopted, name), ids_port(compiled->ids, name)));
	}
	ids_destroy(compiled->ids);
	compiled->ids = adopted;
}

static void ids_stay_over_random_edits_and_restarts(void **state)
{
	struct compiled present = compile_first(written_model(""));
	struct given *given = calloc(100000, sizeof(*given));
	uint64_t seed = 9;
	size_t count = 0;

	for (uint64_t commit = 2; commit < 300; commit++) {
		json_t *tree = written_random_tree(&seed);
		struct compiled next = compile(written_model_of(tree), present.ids, commit);

		compare_ids(&present, &next);
		for (uint32_t i = 0; i < next.model->n_ports; i++) {
			const char *name = next.model->ports[i].name;

			note_given(given, &count, ids_port(next.ids, name), name);
		}
		discard(&present);
		present = next;
		if (written_random(&seed, 4) == 0)
			restart(&present);
		json_decref(tree);
	}
	discard(&present);
	free(given);
}

static struct model *one_port(const char *name)
{
	char text[100];

	snprintf(text, sizeof(text), "uplinks: {%s: {tap: t, trunk: all}}", name);
	return written_model(text);
}

/* Never used slots first, then those that have been free the longest. */
static void slots_rest_as_long_as_they_can(void **state)
{
	struct ids *present;
	uint32_t commit = 2;
	char name[20];

	assert_int_equal(ids_create(&present), 0);
	for (int round = 0; round < 2; round++) {
		for (uint16_t id = 1; id < LIMIT_PORTS; id++, commit++) {
			struct model *model;
			struct ids *next;

			snprintf(name, sizeof(name), "p%d-%d", round, id);
			model = one_port(name);
			assert_int_equal(ids_next(present, model, commit, &next), 0);
			assert_int_equal(ids_port(next, name).id, id);
			assert_int_equal(ids_port(next, name).generation, commit + 1);
			model_destroy(model);
			ids_destroy(present);
			present = next;
		}
	}
	ids_destroy(present);
}

/* Another port under a known name is the same port to the data plane. */
static void a_name_is_an_identity_within_a_commit(void **state)
{
	struct compiled first = compile_first(one_port("u")), second, third, fourth;

	second = compile(written_model("uplinks: {u: {device: other, trunk: []}}"), first.ids, 2);
	assert_true(port_ref_equal(ids_port(first.ids, "u"), ids_port(second.ids, "u")));
	third = compile(written_model(""), second.ids, 3);
	fourth = compile(one_port("u"), third.ids, 4);
	assert_false(port_ref_equal(ids_port(first.ids, "u"), ids_port(fourth.ids, "u")));
	discard(&first);
	discard(&second);
	discard(&third);
	discard(&fourth);
}

/* Generations wrap without ever being nobody's. */
static void generations_are_never_zero(void **state)
{
	static const uint64_t commits[] = {0, 1, 65534, 65535, 65536, 131070, UINT64_MAX};

	for (unsigned i = 0; i < 7; i++) {
		struct model *model = one_port("u");
		struct ids *nobody, *ids;

		assert_int_equal(ids_create(&nobody), 0);
		assert_int_equal(ids_next(nobody, model, commits[i], &ids), 0);
		assert_int_not_equal(ids_port(ids, "u").generation, 0);
		ids_destroy(ids);
		ids_destroy(nobody);
		model_destroy(model);
	}
}

static void a_full_switch_compiles(void **state)
{
	char *text = malloc(1 << 20), *at = stpcpy(text, "tenants:\n  t:\n    networks:\n");
	struct compiled compiled;

	for (int i = 1; i < LIMIT_NETWORKS - 1; i++)
		at += sprintf(at, "      n%d: {vlan: %d}\n", i, i);
	at = stpcpy(at, "    ports:\n");
	for (int i = 1; i < LIMIT_PORTS - 1; i++)
		at += sprintf(at, "      p%d: {tap: t%d, network: n%d}\n", i, i, i);
	at = stpcpy(at, "uplinks: {u: {device: u, trunk: all}}\n");
	compiled = compile_first(written_model(text));
	assert_int_equal(policy_tag(compiled.policy, ids_network(compiled.ids, "t/n4094"),
				    ids_port(compiled.ids, "u").id),
			 4094);
	discard(&compiled);
	free(text);
}

static void adopting_checks_names(void **state)
{
	struct compiled compiled = compile_first(written_model("uplinks: {a: {tap: a, trunk: all},"
							       " b: {tap: b, trunk: all}}"));
	struct policy_port *ports = (struct policy_port *)policy_ports(compiled.policy);
	struct ids *ids = NULL;

	ports[1].name = ports[2].name;
	assert_int_equal(ids_adopt(compiled.policy, &ids), -EPROTO);
	((char *)policy_at(compiled.policy, ports[1].name))[0] = '\0';
	assert_int_equal(ids_adopt(compiled.policy, &ids), -EPROTO);
	assert_null(ids);
	discard(&compiled);
}

static const struct policy_rules *list_of(const struct compiled *compiled, const char *name)
{
	for (uint16_t i = 1; i < compiled->policy->n_rules; i++) {
		const struct policy_rules *list = policy_rules(compiled->policy, i);

		if (list->kind && !strcmp(policy_at(compiled->policy, list->name), name))
			return list;
	}
	fail_msg("there is no list %s", name);
	return NULL;
}

#define FILTERED(first)                                                                            \
	"tenants:\n  a:\n    networks: {n: {}}\n    acls:\n      l: [" first                       \
	"accept any]\n      m: [drop tcp to any port 23, accept any]\n"                            \
	"    ports: {p: {tap: p, network: n, acl: {in: l, out: m}}}\n"

/* Counters stay with a list that says the same, and with no other. */
static void hits_stay_with_their_list(void **state)
{
	struct compiled first = compile_first(written_model(FILTERED("")));
	char why[COMPILE_WHY];
	struct compiled second = {.model = written_model(FILTERED("drop udp, "))};
	const struct compile_previous previous = {.policy = first.policy};
	const struct policy_rules *l, *m;

	assert_int_equal(list_of(&first, "a/l")->n_rules, 1);
	assert_int_equal(port_of(&first, "a/p")->acl_in + 1, port_of(&first, "a/p")->acl_out);
	assert_int_equal(ids_next(first.ids, second.model, 2, &second.ids), 0);
	assert_int_equal(
		compile_policy(second.model, second.ids, 2, 99, &previous, why, &second.policy), 0);
	l = list_of(&second, "a/l");
	m = list_of(&second, "a/m");
	assert_int_equal(m->hits, list_of(&first, "a/m")->hits);
	assert_int_equal(m->hits_tag, list_of(&first, "a/m")->hits_tag);
	assert_int_equal(l->n_rules, 2);
	assert_int_equal(l->hits_tag, 2);
	assert_true(l->hits + l->n_rules <= m->hits || m->hits + m->n_rules <= l->hits);
	discard(&first);
	discard(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_are_as_described),
		cmocka_unit_test(ports_are_as_described),
		cmocka_unit_test(limits_have_prices),
		cmocka_unit_test(nothing_is_a_policy_too),
		cmocka_unit_test(who_may_talk_is_what_the_document_says),
		cmocka_unit_test(the_same_model_gives_the_same_policy),
		cmocka_unit_test(ids_stay_over_random_edits_and_restarts),
		cmocka_unit_test(slots_rest_as_long_as_they_can),
		cmocka_unit_test(a_name_is_an_identity_within_a_commit),
		cmocka_unit_test(generations_are_never_zero),
		cmocka_unit_test(a_full_switch_compiles),
		cmocka_unit_test(adopting_checks_names),
		cmocka_unit_test(hits_stay_with_their_list),
	};

	return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
