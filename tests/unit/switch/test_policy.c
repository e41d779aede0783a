/*
 * test_policy - the builder, and the questions that frames ask of what it built.
 */
#include <errno.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/policy_sketch.h"

static const struct policy_trunk_entry trunk_1_2[] = {{1, 100}, {2, 200}};

static void an_empty_policy_is_a_policy(void **state)
{
	struct policy_builder *builder;
	struct policy *policy;

	assert_int_equal(policy_builder_create(7, 9, &builder), 0);
	assert_int_equal(policy_builder_finish(builder, &policy), 0);
	policy_builder_destroy(builder);
	assert_int_equal(policy->generation, 7);
	assert_null(policy_port(policy, (struct port_ref){1, 1}));
	assert_null(policy_network(policy, 1));
	assert_int_equal(policy_tag(policy, 1, 1), POLICY_NOT_MEMBER);
	assert_int_equal(policy_static_port(policy, 1, 2), 0);
	assert_drop(policy_permits(policy, 1, 1, 2).drop, DROP_OTHER_NETWORK);
	free(policy);
	policy_builder_destroy(NULL);
}

static void ports_without_any_network(void **state)
{
	struct policy_port_spec ports[] = {sketch_access(1, 0), sketch_trunk(2, 0, NULL, 0)};
	struct policy *policy = sketch_policy(NULL, 0, ports, 2);

	assert_non_null(policy_port(policy, sketch_ref(2)));
	assert_int_equal(policy_tag(policy, 1, 2), POLICY_NOT_MEMBER);
	assert_drop(policy_permits(policy, 1, 1, 2).drop, DROP_OTHER_NETWORK);
	free(policy);
}

static void a_reference_dies_with_its_generation(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[] = {sketch_access(3, 1)};
	struct policy *policy = SKETCH_POLICY(networks, ports);

	assert_non_null(policy_port(policy, (struct port_ref){3, 1}));
	assert_null(policy_port(policy, (struct port_ref){3, 2}));
	assert_null(policy_port(policy, (struct port_ref){3, 0}));
	assert_null(policy_port(policy, (struct port_ref){2, 0}));
	assert_null(policy_port(policy, (struct port_ref){4, 1}));
	assert_null(policy_network(policy, 0));
	assert_null(policy_network(policy, UINT16_MAX));
	free(policy);
}

static void tags_follow_the_mode(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200),
						 sketch_network(3, 300)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_trunk(2, 0, trunk_1_2, 2),
					   sketch_trunk(3, 3, trunk_1_2, 2),
					   sketch_trunk(4, 1, trunk_1_2, 2), sketch_access(5, 0)};
	struct policy *policy = SKETCH_POLICY(networks, ports);
	const uint16_t none = POLICY_NOT_MEMBER;
	const uint16_t want[6][4] = {
		{none, none, none, none}, {none, 0, none, none}, {none, 100, 200, none},
		{none, 100, 200, 0},	  {none, 0, 200, none},	 {none, none, none, none},
	};

	for (uint16_t port = 0; port < 6; port++) {
		for (uint16_t network = 0; network < 4; network++)
			assert_int_equal(policy_tag(policy, network, port), want[port][network]);
	}
	assert_int_equal(policy_tag(policy, 4, 1), none);
	assert_int_equal(policy_tag(policy, 1, 6), none);
	assert_int_equal(policy_tag(policy, UINT16_MAX, UINT16_MAX), none);
	free(policy);
}

static const uint16_t *vlan_in(const struct policy *policy, uint16_t port)
{
	return policy_at(policy, policy_ports(policy)[port].vlan_in);
}

static void the_native_network_is_taken_with_its_own_vlan(void **state)
{
	static const struct policy_trunk_entry translated[] = {{2, 100}}, other_tag[] = {{1, 150}};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200),
						 sketch_network(3, 0)};
	struct policy_port_spec ports[] = {
		sketch_trunk(1, 1, NULL, 0), sketch_trunk(2, 1, translated, 1),
		sketch_trunk(3, 1, other_tag, 1), sketch_trunk(4, 3, NULL, 0)};
	struct policy *policy = SKETCH_POLICY(networks, ports);

	assert_int_equal(vlan_in(policy, 1)[100], 1);
	assert_int_equal(vlan_in(policy, 2)[100], 2); /* translation has the number */
	assert_int_equal(vlan_in(policy, 3)[150], 1);
	assert_int_equal(vlan_in(policy, 3)[100], 0);
	assert_int_equal(policy_tag(policy, 1, 3), POLICY_UNTAGGED);
	for (unsigned vlan = 0; vlan < POLICY_VLANS; vlan++)
		assert_int_equal(vlan_in(policy, 4)[vlan], 0);
	free(policy);
}

static void member_lists_are_what_the_ports_say(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200),
						 sketch_network(4, 0)};
	struct policy_port_spec ports[] = {sketch_access(9, 1), sketch_trunk(2, 4, trunk_1_2, 2),
					   sketch_access(5, 2), sketch_access(1, 1)};
	struct policy *policy = SKETCH_POLICY(networks, ports);
	const struct policy_network *network = policy_network(policy, 1);
	const uint16_t *members = policy_at(policy, network->members);

	assert_int_equal(network->n_members, 3);
	assert_int_equal(members[0], 1);
	assert_int_equal(members[1], 2);
	assert_int_equal(members[2], 9);
	assert_int_equal(policy_network(policy, 2)->n_members, 2);
	assert_int_equal(policy_network(policy, 4)->n_members, 1);
	assert_null(policy_network(policy, 3));
	free(policy);
}

static void no_hairpin_and_no_crossing(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_access(2, 1),
					   sketch_access(3, 2), sketch_trunk(4, 0, trunk_1_2, 2)};
	struct policy *policy = SKETCH_POLICY(networks, ports);

	assert_drop(policy_permits(policy, 1, 1, 2).drop, DROP_NONE);
	assert_int_equal(policy_permits(policy, 1, 1, 2).tag, POLICY_UNTAGGED);
	assert_int_equal(policy_permits(policy, 1, 1, 4).tag, 100);
	assert_int_equal(policy_permits(policy, 2, 3, 4).tag, 200);
	assert_drop(policy_permits(policy, 1, 1, 1).drop, DROP_SAME_PORT);
	assert_drop(policy_permits(policy, 1, 4, 4).drop, DROP_SAME_PORT);
	assert_drop(policy_permits(policy, 1, 1, 3).drop, DROP_OTHER_NETWORK);
	assert_drop(policy_permits(policy, 2, 1, 3).drop, DROP_OTHER_NETWORK);
	assert_drop(policy_permits(policy, 2, 4, 1).drop, DROP_OTHER_NETWORK);
	assert_drop(policy_permits(policy, 0, 1, 2).drop, DROP_OTHER_NETWORK);
	assert_drop(policy_permits(policy, 1, 0, 2).drop, DROP_OTHER_NETWORK);
	assert_drop(policy_permits(policy, 1, 1, 0).drop, DROP_OTHER_NETWORK);
	assert_drop(policy_permits(policy, 1, 1, UINT16_MAX).drop, DROP_OTHER_NETWORK);
	free(policy);
}

/* RFC 5517: rows and columns are ordinary, promiscuous, isolated, community 1, community 2. */
static void private_vlan_roles(void **state)
{
	static const struct {
		enum policy_role role;
		uint16_t community;
	} kinds[5] = {{POLICY_ORDINARY, 0},
		      {POLICY_PROMISCUOUS, 0},
		      {POLICY_ISOLATED, 0},
		      {POLICY_COMMUNITY, 1},
		      {POLICY_COMMUNITY, 2}};
	static const char *const may[5] = {".*...", "*****", ".*...", ".*.*.", ".*..*"};
	struct policy_network_spec networks[] = {sketch_network(1, 0), sketch_network(2, 0)};
	struct policy_port_spec ports[10];
	struct policy *policy;

	networks[0].flags = POLICY_NET_ISOLATED;
	for (uint16_t i = 0; i < 10; i++) { /* two of each kind */
		ports[i] = sketch_access((uint16_t)(i + 1), 1);
		ports[i].role = kinds[i % 5].role;
		ports[i].community = kinds[i % 5].community;
	}
	policy = SKETCH_POLICY(networks, ports);
	for (uint16_t in = 0; in < 10; in++) {
		for (uint16_t out = 0; out < 10; out++) {
			enum drop want =
				may[in % 5][out % 5] == '*' ? DROP_NONE : DROP_PRIVATE_VLAN;

			if (in == out)
				want = DROP_SAME_PORT;
			assert_drop(
				policy_permits(policy, 1, (uint16_t)(in + 1), (uint16_t)(out + 1))
					.drop,
				want);
		}
	}
	free(policy);

	networks[0].flags = 0; /* in an ordinary network roles mean nothing */
	policy = SKETCH_POLICY(networks, ports);
	assert_drop(policy_permits(policy, 1, 3, 8).drop, DROP_NONE);
	free(policy);
}

static void bound_macs_are_found_in_each_network_of_their_port(void **state)
{
	mac48 macs1[] = {0x020000000003, 0x020000000001}, macs2[] = {0x020000000002};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_trunk(2, 0, trunk_1_2, 2),
					   sketch_access(3, 2)};
	struct policy *policy;

	ports[0].macs = macs1;
	ports[0].n_macs = 2;
	ports[1].macs = macs2;
	ports[1].n_macs = 1;
	ports[2].macs = macs1; /* the same MAC in another network is another guest */
	ports[2].n_macs = 1;
	policy = SKETCH_POLICY(networks, ports);
	assert_int_equal(policy_static_port(policy, 1, 0x020000000001), 1);
	assert_int_equal(policy_static_port(policy, 1, 0x020000000003), 1);
	assert_int_equal(policy_static_port(policy, 2, 0x020000000003), 3);
	assert_int_equal(policy_static_port(policy, 2, 0x020000000001), 0);
	assert_int_equal(policy_static_port(policy, 1, 0x020000000002), 2);
	assert_int_equal(policy_static_port(policy, 2, 0x020000000002), 2);
	assert_int_equal(policy_static_port(policy, 3, 0x020000000002), 0);
	free(policy);
}

static void a_full_house_of_statics(void **state)
{
	static mac48 macs[8][LIMIT_BOUND_MACS];
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	struct policy_port_spec ports[8];
	struct policy *policy;

	for (uint16_t p = 0; p < 8; p++) {
		ports[p] = sketch_trunk((uint16_t)(p + 1), 0, trunk_1_2, 2);
		ports[p].macs = macs[p];
		ports[p].n_macs = LIMIT_BOUND_MACS;
		for (unsigned m = 0; m < LIMIT_BOUND_MACS; m++)
			macs[p][m] = 0x020000000000ULL + p + 8 * m;
	}
	policy = SKETCH_POLICY(networks, ports);
	for (mac48 m = 0; m < 8 * LIMIT_BOUND_MACS; m++) {
		assert_int_equal(policy_static_port(policy, 1, 0x020000000000 + m), m % 8 + 1);
		assert_int_equal(policy_static_port(policy, 2, 0x020000000000 + m), m % 8 + 1);
	}
	assert_int_equal(policy_static_port(policy, 1, 0x02ffffffffff), 0);
	free(policy);
}

static void what_one_object_says_is_refused_at_once(void **state)
{
	struct policy_builder *builder;
	struct policy_network_spec network = sketch_network(1, 0);
	struct policy_port_spec port = sketch_access(1, 1);

	assert_int_equal(policy_builder_create(1, 1, &builder), 0);
	assert_int_equal(policy_builder_network(builder, &network), 0);
	assert_int_equal(policy_builder_network(builder, &network), -EINVAL);
	network.id = 0;
	assert_int_equal(policy_builder_network(builder, &network), -EINVAL);
	network.id = LIMIT_NETWORKS;
	assert_int_equal(policy_builder_network(builder, &network), -EINVAL);
	network.id = 2;
	network.generation = 0;
	assert_int_equal(policy_builder_network(builder, &network), -EINVAL);

	assert_int_equal(policy_builder_port(builder, &port), 0);
	assert_int_equal(policy_builder_port(builder, &port), -EINVAL);
	port.ref = (struct port_ref){LIMIT_PORTS, 1};
	assert_int_equal(policy_builder_port(builder, &port), -EINVAL);
	port.ref = (struct port_ref){0, 1};
	assert_int_equal(policy_builder_port(builder, &port), -EINVAL);
	port.ref = (struct port_ref){2, 0};
	assert_int_equal(policy_builder_port(builder, &port), -EINVAL);
	port.ref = (struct port_ref){2, 1};
	port.n_macs = LIMIT_BOUND_MACS + 1;
	assert_int_equal(policy_builder_port(builder, &port), -E2BIG);

	assert_int_equal(policy_builder_tenant(builder, 0, "a"), -EINVAL);
	assert_int_equal(policy_builder_tenant(builder, LIMIT_TENANTS, "a"), -EINVAL);
	assert_int_equal(policy_builder_tenant(builder, 1, "a"), 0);
	assert_int_equal(policy_builder_tenant(builder, 1, "b"), -EINVAL);
	policy_builder_destroy(builder);
}

#define REFUSED(networks, ports) assert_int_equal(SKETCH_VERDICT(networks, ports), -EINVAL)

static void what_objects_say_together_is_refused_at_the_end(void **state)
{
	static const struct policy_trunk_entry same_vlan[] = {{1, 100}, {2, 100}},
					       same_network[] = {{1, 100}, {1, 101}},
					       no_network[] = {{3, 100}}, far[] = {{4000, 100}},
					       vlan_0[] = {{1, 0}}, vlan_4095[] = {{1, 4095}};
	static const struct {
		const struct policy_trunk_entry *trunk;
		uint32_t n;
	} bad[] = {{same_vlan, 2}, {same_network, 2}, {no_network, 1},
		   {far, 1},	   {vlan_0, 1},	      {vlan_4095, 1}};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200),
						 sketch_network(4, 0)};
	struct policy_port_spec ports[] = {sketch_access(1, 1)};

	assert_int_equal(SKETCH_VERDICT(networks, ports), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ports[0] = sketch_trunk(1, 0, bad[i].trunk, bad[i].n);
		REFUSED(networks, ports);
	}
	ports[0] = sketch_access(1, 3);
	REFUSED(networks, ports);
	ports[0] = sketch_access(1, 9);
	REFUSED(networks, ports);
	ports[0] = sketch_trunk(1, 3, NULL, 0);
	REFUSED(networks, ports);
}

static void a_mac_is_bound_once_in_a_network(void **state)
{
	mac48 mac[] = {0x020000000001, 0x020000000001}, group[] = {0x010000000001}, zero[] = {0},
	      long_one[] = {UINT64_C(0x1020000000001)};
	struct policy_network_spec networks[] = {sketch_network(1, 0), sketch_network(2, 0)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_access(2, 1)};

	ports[0].macs = ports[1].macs = mac;
	ports[0].n_macs = ports[1].n_macs = 1;
	REFUSED(networks, ports);
	ports[1].native = 2;
	assert_int_equal(SKETCH_VERDICT(networks, ports), 0);
	ports[1].n_macs = 2;
	REFUSED(networks, ports);
	ports[1].n_macs = 1;
	ports[1].macs = group;
	REFUSED(networks, ports);
	ports[1].macs = zero;
	REFUSED(networks, ports);
	ports[1].macs = long_one;
	REFUSED(networks, ports);
}

/* Isolation of tenants does not rest on the compiler of documents alone. */
static void only_uplinks_enter_a_foreign_tenants_network(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_trunk(2, 0, trunk_1_2, 2)};

	networks[0].tenant = 1;
	networks[1].tenant = 2;
	ports[0].tenant = 1;
	ports[1].flags = POLICY_PORT_UPLINK;
	assert_int_equal(SKETCH_VERDICT(networks, ports), 0);
	ports[0].tenant = 2;
	REFUSED(networks, ports);
	ports[0].tenant = 1;
	ports[1].flags = 0;
	ports[1].tenant = 1;
	REFUSED(networks, ports);
	ports[1].flags = POLICY_PORT_UPLINK; /* an uplink has no tenant */
	REFUSED(networks, ports);
	ports[1].tenant = 0;
	networks[0].tenant = 9; /* there is no such tenant */
	REFUSED(networks, ports);
}

static void prefixes_are_masks_with_nothing_behind(void **state)
{
	struct policy_prefix4 good4[] = {{0x0a000000, 0xffffff00},
					 {0x0a000001, 0xffffffff},
					 {0, 0}},
			      holes4[] = {{0x0a000000, 0xff00ff00}},
			      host4[] = {{0x0a000001, 0xffffff00}};
	struct policy_prefix6 good6[] = {{{1, 0}, {~0ULL, 0}}, {{1, 2}, {~0ULL, ~0ULL}}},
			      holes6[] = {{{0, 0}, {0, ~0ULL}}}, host6[] = {{{1, 1}, {~0ULL, 0}}};
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[] = {sketch_access(1, 1)};

	ports[0].addresses4 = good4;
	ports[0].n_addresses4 = 3;
	ports[0].addresses6 = good6;
	ports[0].n_addresses6 = 2;
	assert_int_equal(SKETCH_VERDICT(networks, ports), 0);
	ports[0].n_addresses4 = ports[0].n_addresses6 = 1;
	ports[0].addresses4 = holes4;
	REFUSED(networks, ports);
	ports[0].addresses4 = host4;
	REFUSED(networks, ports);
	ports[0].addresses4 = good4;
	ports[0].addresses6 = holes6;
	REFUSED(networks, ports);
	ports[0].addresses6 = host6;
	REFUSED(networks, ports);
}

static void it_stays_small(void **state)
{
	static struct policy_network_spec networks[200];
	static struct policy_trunk_entry all[200];
	static struct policy_port_spec ports[64];
	struct policy *policy = sketch_policy(
		(struct policy_network_spec[]){sketch_network(1, 0)}, 1,
		(struct policy_port_spec[]){sketch_access(1, 1), sketch_access(2, 1)}, 2);

	assert_true(policy->size < 1024);
	free(policy);
	for (uint16_t i = 0; i < 200; i++) {
		networks[i] = sketch_network((uint16_t)(i + 1), (uint16_t)(i + 1));
		all[i] = (struct policy_trunk_entry){(uint16_t)(i + 1), (uint16_t)(i + 1)};
	}
	for (uint16_t i = 0; i < 64; i++)
		ports[i] = sketch_trunk((uint16_t)(i + 1), 0, all, 200);
	policy = SKETCH_POLICY(networks, ports);
	/* one pair of tables for all, and 200 lists of 64 members */
	assert_int_equal(policy_ports(policy)[1].vlan_in, policy_ports(policy)[64].vlan_in);
	assert_int_equal(policy_ports(policy)[1].vlan_out, policy_ports(policy)[64].vlan_out);
	assert_true(policy->size < 64 * 1024);
	free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_policy_is_a_policy),
		cmocka_unit_test(ports_without_any_network),
		cmocka_unit_test(a_reference_dies_with_its_generation),
		cmocka_unit_test(tags_follow_the_mode),
		cmocka_unit_test(the_native_network_is_taken_with_its_own_vlan),
		cmocka_unit_test(member_lists_are_what_the_ports_say),
		cmocka_unit_test(no_hairpin_and_no_crossing),
		cmocka_unit_test(private_vlan_roles),
		cmocka_unit_test(bound_macs_are_found_in_each_network_of_their_port),
		cmocka_unit_test(a_full_house_of_statics),
		cmocka_unit_test(what_one_object_says_is_refused_at_once),
		cmocka_unit_test(what_objects_say_together_is_refused_at_the_end),
		cmocka_unit_test(a_mac_is_bound_once_in_a_network),
		cmocka_unit_test(only_uplinks_enter_a_foreign_tenants_network),
		cmocka_unit_test(prefixes_are_masks_with_nothing_behind),
		cmocka_unit_test(it_stays_small),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
