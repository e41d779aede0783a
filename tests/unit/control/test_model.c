/*
 * test_model - what a good document means, and its canonical form.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

static const char example[] =
	"tenants:\n"
	"  acme:\n"
	"    quota: {ports: 64, networks: 16, rules: 10000, macs-per-port: 64, sessions: 100000}\n"
	"    users: [bob, '@acme']\n"
	"    networks:\n"
	"      web: {vlan: 100}\n"
	"      db:  {vlan: 101, isolated: true}\n"
	"      lab: {mtu: 9000, learning: off, age: 5m, macs: 10, unknown-unicast: drop}\n"
	"    ports:\n"
	"      vm1: {vhost-user: vm1.sock, network: web, macs: [\"52:54:00:00:00:01\"],\n"
	"            addresses: [10.0.0.1, fd00::/64]}\n"
	"      vm2: {tap: tap-vm2, network: web, queues: 4, worker: 1, spoof-guard: off,\n"
	"            dhcp-server: allow, router-advertisements: deny, bpdu: allow, pcp: 0, dscp: 46,\n"
	"            rate: {burst: 50ms, in-pps: 7pps, out: 1500kbit, in: 2000mbit, pps: 1000pps},\n"
	"            storm: {unknown-unicast: 50pps, broadcast: 1kpps}}\n"
	"      fw:  {vhost-user: /srv/fw.sock, mode: client, queues: 2, rate: {in: 5gbit, over: wait},\n"
	"            trunk: {native: web, allow: [db, web]}, promiscuous: true}\n"
	"      old: {tap: tap-old, rate: {pps: 3000kpps}, storm: 1000pps}\n"
	"      in:  {device: veth0, network: db, community: front}\n"
	"  beta:\n"
	"    rate: {out: 10gbit}\n"
	"    networks: {c: {service-tag: 802.1ad}, d: {service-tag: 802.1ad, neighbour-suppression: on, multicast: snoop},\n"
	"               e: {service-tag: 802.1q}}\n"
	"    ports: {c: {tap: c, qinq: c}}\n"
	"uplinks:\n"
	"  fabric: {device: eth1, trunk: all, map: {acme/db: 300}}\n"
	"  spare: {tap: spare0, trunk: [acme/web], promiscuous: on}\n";

static void tenants_have_quotas_and_users(void **state)
{
	struct model *model = written_model(example);
	const struct model_tenant *acme = model_tenant(model, "acme");

	assert_int_equal(model->n_tenants, 2);
	assert_int_equal(acme->quota.ports, 64);
	assert_int_equal(acme->quota.macs_per_port, 64);
	assert_int_equal(acme->quota.sessions, 100000);
	assert_int_equal(acme->n_users, 2);
	assert_string_equal(acme->users[0], "@acme");
	assert_string_equal(acme->users[1], "bob");
	assert_int_equal(acme->n_ports, 5);
	assert_int_equal(acme->n_networks, 3);
	assert_int_equal(model_tenant(model, "beta")->quota.ports, UINT32_MAX);
	assert_null(model_tenant(model, "gamma"));
	model_destroy(model);
}

static void networks_have_defaults(void **state)
{
	struct model *model = written_model(example);
	const struct model_network *web = model_network(model, "acme/web");
	const struct model_network *lab = model_network(model, "acme/lab");

	assert_int_equal(web->vlan, 100);
	assert_int_equal(web->mtu, 1500);
	assert_int_equal(web->age_ms, 300000);
	assert_true(web->learning && web->flood_unknown && !web->isolated);
	assert_int_equal(web->n_ports, 5);
	assert_int_equal(lab->vlan, 0);
	assert_int_equal(lab->mtu, 9000);
	assert_int_equal(lab->age_ms, 300000);
	assert_int_equal(lab->macs_max, 10);
	assert_true(!lab->learning && !lab->flood_unknown);
	assert_int_equal(lab->n_ports, 0);
	assert_true(model_network(model, "acme/db")->isolated);
	assert_null(model_network(model, "web"));
	model_destroy(model);
}

static void ports_attach(void **state)
{
	struct model *model = written_model(example);
	const struct model_port *vm1 = model_port(model, "acme/vm1");
	const struct model_port *vm2 = model_port(model, "acme/vm2");
	const struct model_port *fw = model_port(model, "acme/fw");

	assert_int_equal(vm1->device, MODEL_VHOST_USER);
	assert_string_equal(vm1->path, "/run/sluice/vm1.sock");
	assert_false(vm1->dials);
	assert_int_equal(vm1->queues, 1);
	assert_int_equal(vm1->worker, MODEL_ANY_WORKER);
	assert_true(vm1->spoof_guard);
	assert_int_equal(vm2->device, MODEL_TAP);
	assert_string_equal(vm2->device_name, "tap-vm2");
	assert_int_equal(vm2->queues, 4);
	assert_int_equal(vm2->worker, 1);
	assert_false(vm2->spoof_guard);
	assert_string_equal(fw->path, "/srv/fw.sock");
	assert_true(fw->dials);
	assert_int_equal(model_port(model, "acme/in")->device, MODEL_DEVICE);
	model_destroy(model);
}

static void ports_carry_networks(void **state)
{
	struct model *model = written_model(example);
	const struct model_network *web = model_network(model, "acme/web");
	const struct model_network *db = model_network(model, "acme/db");
	const struct model_port *fw = model_port(model, "acme/fw");
	const struct model_port *fabric = model_port(model, "fabric");

	assert_ptr_equal(model_port(model, "acme/vm1")->native, web);
	assert_int_equal(model_port(model, "acme/vm1")->mode, POLICY_ACCESS);
	assert_null(model_port(model, "acme/old")->native);
	assert_int_equal(model_port_mtu(model_port(model, "acme/old")), 1500);
	assert_int_equal(fw->mode, POLICY_TRUNK);
	assert_ptr_equal(fw->native, web);
	assert_int_equal(fw->n_trunk, 1); /* the native one is carried anyway */
	assert_ptr_equal(fw->trunk[0].network, db);
	assert_int_equal(fw->trunk[0].vlan, 101);
	assert_null(fabric->tenant);
	assert_true(fabric->trunk_all);
	assert_int_equal(fabric->n_trunk, 2); /* lab has no VLAN */
	assert_ptr_equal(fabric->trunk[0].network, db);
	assert_int_equal(fabric->trunk[0].vlan, 300);
	assert_int_equal(fabric->trunk[1].vlan, 100);
	assert_true(model_port_carries(fabric, web));
	assert_false(model_port_carries(model_port(model, "spare"), db));
	model_destroy(model);
}

static void ports_are_bound(void **state)
{
	struct model *model = written_model(example);
	const struct model_port *vm1 = model_port(model, "acme/vm1");

	assert_int_equal(vm1->n_macs, 1);
	assert_int_equal(vm1->macs[0], 0x525400000001);
	assert_int_equal(vm1->n_addresses4, 1);
	assert_int_equal(vm1->addresses4[0].address, 0x0a000001);
	assert_int_equal(vm1->addresses4[0].mask, UINT32_MAX);
	assert_int_equal(vm1->n_addresses6, 1);
	assert_int_equal(vm1->addresses6[0].mask[0], UINT64_MAX);
	assert_int_equal(vm1->addresses6[0].mask[1], 0);
	assert_int_equal(model_port(model, "acme/fw")->role, POLICY_PROMISCUOUS);
	assert_int_equal(model_port(model, "spare")->role, POLICY_PROMISCUOUS);
	assert_int_equal(model_port(model, "fabric")->role, POLICY_ORDINARY);
	assert_int_equal(model_port(model, "acme/in")->role, POLICY_COMMUNITY);
	assert_string_equal(model_port(model, "acme/in")->community, "front");
	model_destroy(model);
}

/* `/` sorts behind `-` and `.`, so the order of full names is not that of tenants. */
static void names_are_found_in_any_order(void **state)
{
	static const char *const tenants[] = {"a", "a-b", "a.b", "a_b", "ab", "a0", "0", "-", "."};
	char text[2000] = "tenants:\n", name[100];
	struct model *model;

	for (unsigned i = 0; i < 9; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "  %s: {networks: {n: {}, n-1: {}}, ports: {p: {tap: t%u, network: n}}}\n",
			 tenants[i], i);
	model = written_model(text);
	assert_int_equal(model->n_networks, 18);
	for (unsigned i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "%s/n", tenants[i]);
		assert_string_equal(model_network(model, name)->name, name);
		snprintf(name, sizeof(name), "%s/p", tenants[i]);
		assert_string_equal(model_port(model, name)->native->tenant->name, tenants[i]);
	}
	model_destroy(model);
}

static void the_canonical_form_is_this(void **state)
{
	json_t *wanted = written_json(
		"{'tenants': {'acme': {"
		"'quota': {'ports': 64, 'networks': 16, 'rules': 10000, 'macs-per-port': 64,"
		" 'sessions': 100000}, 'users': ['@acme', 'bob'],"
		"'networks': {'db': {'vlan': 101, 'isolated': true},"
		" 'lab': {'mtu': 9000, 'learning': false, 'macs': 10, 'unknown-unicast': 'drop'},"
		" 'web': {'vlan': 100}},"
		"'ports': {'fw': {'vhost-user': '/srv/fw.sock', 'mode': 'client', 'queues': 2,"
		"  'trunk': {'native': 'web', 'allow': ['db']}, 'rate': {'in': '5gbit', 'over': 'wait'},"
		"  'promiscuous': true},"
		" 'in': {'device': 'veth0', 'network': 'db', 'community': 'front'},"
		" 'old': {'tap': 'tap-old', 'rate': {'pps': '3mpps'}, 'storm': '1kpps'},"
		" 'vm1': {'vhost-user': 'vm1.sock', 'network': 'web', 'macs': ['52:54:00:00:00:01'],"
		"  'addresses': ['10.0.0.1', 'fd00::/64']},"
		" 'vm2': {'tap': 'tap-vm2', 'queues': 4, 'worker': 1, 'network': 'web',"
		"  'spoof-guard': false,"
		"  'dhcp-server': 'allow', 'bpdu': 'allow', 'pcp': 0, 'dscp': 46, 'rate': {'in': '2gbit', 'out': '1500kbit',"
		"   'in-pps': '7pps', 'out-pps': '1kpps', 'burst': '50ms'},"
		"  'storm': {'broadcast': '1kpps', 'unknown-unicast': '50pps'}}}},"
		"'beta': {'rate': {'out': '10gbit'}, 'networks': {'c': {},"
		"  'd': {'service-tag': '802.1ad', 'multicast': 'snoop', 'neighbour-suppression': true},"
		"  'e': {'service-tag': '802.1q'}}, 'ports': {'c': {'tap': 'c', 'qinq': 'c'}}}},"
		"'uplinks': {'fabric': {'device': 'eth1', 'trunk': 'all', 'map': {'acme/db': 300}},"
		" 'spare': {'tap': 'spare0', 'trunk': ['acme/web'], 'promiscuous': true}}}");
	struct model *model = written_model(example);
	json_t *seen = model_export(model);
	char *seen_text = json_dumps(seen, 0), *wanted_text = json_dumps(wanted, 0);

	assert_string_equal(seen_text, wanted_text); /* order of keys included */
	free(seen_text);
	free(wanted_text);
	json_decref(seen);
	json_decref(wanted);
	model_destroy(model);
}

/* Documents that mean the same. */
static void the_canonical_form_is_one(void **state)
{
	static const char *const texts[] = {
		"tenants: {a: {networks: {n: {vlan: 5, age: 300s, learning: on}}, ports: {p: {tap: t,"
		" network: n, macs: ['02:00:00:00:00:0A', 02-00-00-00-00-01], spoof-guard: true,"
		" addresses: [FD00:0::1, 10.0.0.1/32], queues: 1, isolated: off}}}}",
		"{\"tenants\": {\"a\": {\"ports\": {\"p\": {\"addresses\": [\"10.0.0.1\", \"fd00::1\"],"
		" \"macs\": [\"02:00:00:00:00:01\", \"02:00:00:00:00:0a\"], \"network\": \"n\", \"tap\":"
		" \"t\"}}, \"networks\": {\"n\": {\"mtu\": 1500, \"vlan\": \"5\", \"macs\": 8192}}}}}",
	};
	json_t *canonical[2];

	for (unsigned i = 0; i < 2; i++) {
		struct model *model = written_model(texts[i]);
		json_t *again;

		canonical[i] = model_export(model);
		again = written_canonical(canonical[i]);
		assert_true(json_equal(canonical[i], again));
		json_decref(again);
		model_destroy(model);
	}
	assert_true(json_equal(canonical[0], canonical[1]));
	json_decref(canonical[0]);
	json_decref(canonical[1]);
}

static void an_empty_document_is_an_empty_model(void **state)
{
	struct model *model = written_model("");
	json_t *canonical = model_export(model);

	assert_int_equal(model->n_tenants + model->n_networks + model->n_ports, 0);
	assert_null(model_port(model, "a"));
	assert_int_equal(json_object_size(canonical), 0);
	json_decref(canonical);
	model_destroy(model);
	model_destroy(NULL);
}

static void a_full_switch_is_fast(void **state)
{
	char *text = malloc(1 << 20), *at = stpcpy(text, "tenants:\n  t:\n    networks:\n");
	struct model *model;

	for (int i = 1; i < LIMIT_NETWORKS; i++)
		at += sprintf(at, "      n%d: {%s%d}\n", i, i < 4095 ? "vlan: " : "mtu: ", i);
	at = stpcpy(at, "    ports:\n");
	for (int i = 1; i < LIMIT_PORTS; i++)
		at += sprintf(
			at, "      p%d: {tap: t%d, network: n%d, macs: [02:00:00:00:%02x:%02x]}\n",
			i, i, i, i >> 8, i & 0xff);
	model = written_model(text);
	assert_int_equal(model->n_ports, LIMIT_PORTS - 1);
	assert_int_equal(model->n_networks, LIMIT_NETWORKS - 1);
	model_destroy(model);
	free(text);
}

/* Rules' places go through the store; what is no place is passed over. */
static void places_of_rules(void **state)
{
	static const char text[] =
		"tenants:\n  a:\n    groups:\n      g:\n"
		"        - allow in tcp 1\n        - allow in tcp 2\n\n"
		"        - allow in tcp 3\n      h: [allow in any, allow out any]\n"
		"    acls: {g: [accept any]}\n";
	struct model *model = written_model(text);
	json_t *document = model_export(model), *places = model_places(model);
	struct model *again = written_model_of(document);
	const struct model_rules *rules;

	assert_int_equal(json_array_size(json_object_get(json_object_get(places, "groups"), "a/g")),
			 2);
	assert_null(model_group(again, "a/g")->rules[0].written.file);
	assert_int_equal(model_restore_places(again, places), 0);
	rules = model_group(again, "a/g");
	assert_string_equal(rules->rules[0].written.file, "t.yaml");
	assert_int_equal(rules->rules[0].written.line, 5);
	assert_int_equal(rules->rules[1].written.line, 6);
	assert_int_equal(rules->rules[2].written.line, 8);
	rules = model_group(again, "a/h");
	assert_int_equal(rules->rules[0].written.line, 9);
	assert_int_equal(rules->rules[1].written.line, 9);
	assert_int_equal(model_acl(again, "a/g")->rules[0].written.line, 10);
	json_decref(places);
	places = written_json(
		"{'files': [7, 't'], 'groups': {'a/h': [1, [], [0,3,0,1,0], [-1,1,0,1,0],"
		" [0,1,2,1,0], [0,1,0,0,0], [0,1,0,1,2], ['x',1,0,1,0],"
		" [2,9223372036854775807,0,1,1], [1,1,1,4,1]], 'no': [[0,1,0,1,0]]}}");
	assert_int_equal(model_restore_places(again, places), 0);
	assert_int_equal(rules->rules[0].written.line, 9);
	assert_int_equal(rules->rules[1].written.line, 4);
	assert_int_equal(model_restore_places(again, NULL), 0);
	json_decref(places);
	json_decref(document);
	model_destroy(again);
	model_destroy(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_of_rules),
		cmocka_unit_test(tenants_have_quotas_and_users),
		cmocka_unit_test(networks_have_defaults),
		cmocka_unit_test(ports_attach),
		cmocka_unit_test(ports_carry_networks),
		cmocka_unit_test(ports_are_bound),
		cmocka_unit_test(names_are_found_in_any_order),
		cmocka_unit_test(the_canonical_form_is_this),
		cmocka_unit_test(the_canonical_form_is_one),
		cmocka_unit_test(an_empty_document_is_an_empty_model),
		cmocka_unit_test(a_full_switch_is_fast),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
