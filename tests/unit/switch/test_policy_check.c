/*
 * test_policy_check - blobs that somebody bent. Each case bends a sound one in
 * one place and demands the reason; the last bends it everywhere at random and
 * demands only that what passes can be used.
 */
#include <errno.h>

#include "tests/unit/switch/unit.h"
#include "switch/filter.h"
#include "tests/sketch/policy_sketch.h"

static const struct policy_trunk_entry trunk[] = {{1, 100}, {2, 200}};
static mac48 macs[] = {0x020000000001, 0x020000000002};
static struct policy_prefix4 addresses4[] = {{0x0a000001, 0xffffffff}};
static struct policy_prefix6 addresses6[] = {{{1, 2}, {~0ULL, ~0ULL}}};
static const struct policy_limits limits = {{{1 << 20, 1000000}}};

/* Two networks, an access port with everything bound, a trunk. */
static struct policy *make(void)
{
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_trunk(2, 2, trunk, 2)};

	networks[0].tenant = 1;
	networks[1].tenant = 1;
	ports[0].tenant = 1;
	ports[0].macs = macs;
	ports[0].n_macs = 2;
	ports[0].addresses4 = addresses4;
	ports[0].n_addresses4 = 1;
	ports[0].addresses6 = addresses6;
	ports[0].n_addresses6 = 1;
	ports[0].limits = &limits;
	ports[1].flags = POLICY_PORT_UPLINK;
	return SKETCH_POLICY(networks, ports);
}

static struct policy_port *port(struct policy *policy, unsigned id)
{
	return (struct policy_port *)policy_ports(policy) + id;
}

static struct policy_network *network(struct policy *policy, unsigned id)
{
	return (struct policy_network *)policy_networks(policy) + id;
}

static uint16_t *table(struct policy *policy, uint32_t offset)
{
	return (uint16_t *)((char *)policy + offset);
}

/* One place to bend, and what policy_check() has to say about it. */
#define BENT(why, ...)                                                                             \
	do {                                                                                       \
		struct policy *p = make();                                                         \
		size_t size = p->size;                                                             \
		const char *said = "nothing";                                                      \
		__VA_ARGS__;                                                                       \
		assert_int_equal(policy_check(p, size, &said), -EPROTO);                           \
		assert_string_equal(said, why);                                                    \
		free(p);                                                                           \
	} while (0)

static void the_head(void **state)
{
	BENT("too short or not aligned", size = sizeof(struct policy) - 1);
	BENT("no policy of this version", p->magic++);
	BENT("no policy of this version", p->version++);
	BENT("the size is wrong", size--);
	BENT("the size is wrong", p->size++);
	BENT("a count is over the limit", p->n_ports = LIMIT_PORTS + 1);
	BENT("a count is over the limit", p->n_networks = LIMIT_NETWORKS + 1);
	BENT("a count is over the limit", p->n_tenants = UINT32_MAX);
	BENT("a count is over the limit", p->n_statics = UINT32_MAX / 2 + 1);
	BENT("the number of statics or owners is no power of two", p->n_statics = 3);
	BENT("an array lies outside of the policy", p->ports = 0);
	BENT("an array lies outside of the policy", p->ports += 4);
	BENT("an array lies outside of the policy", p->ports = UINT32_MAX - 7);
	BENT("an array lies outside of the policy", p->networks = (uint32_t)p->size - 8);
	BENT("an array lies outside of the policy", p->statics = 8);
	BENT("an array lies outside of the policy", p->names_size = UINT32_MAX);
	BENT("the names have no end", p->names_size--);
}

static void tenants_and_networks(void **state)
{
	BENT("a tenant's name or index", *(uint32_t *)((char *)p + p->tenants) = p->names);
	BENT("a tenant's name or index", ((uint32_t *)((char *)p + p->tenants))[1] = 4);
	BENT("network id 0 is in use", network(p, 0)->generation = 1);
	BENT("a network's name", network(p, 1)->name = p->names + p->names_size);
	BENT("a network's name", network(p, 1)->name = 0);
	BENT("a network's tenant", network(p, 1)->tenant = 9);
	BENT("a network's vlan", network(p, 1)->vlan = 4095);
	BENT("a network's flags", network(p, 1)->flags = 0x8000);
	BENT("a network's mtu", network(p, 1)->mtu = LIMIT_MTU_MIN - 1);
	BENT("a network's mtu", network(p, 1)->mtu = LIMIT_MTU_MAX + 1);
	BENT("a network is shared with nobody, or twice", network(p, 1)->n_shares = 1);
	BENT("a network is shared with nobody, or twice",
	     network(p, 1)->shares = network(p, 1)->members);
	BENT("a network is shared with nobody, or twice", network(p, 1)->n_shares = UINT32_MAX);
	BENT("a network's members lie outside of the policy", network(p, 1)->members = 0);
	BENT("a network's members lie outside of the policy", network(p, 1)->n_members = 1000);
	BENT("a network's members lie outside of the policy",
	     network(p, 1)->n_members = UINT32_MAX);
}

static void a_name_without_an_end_in_reach(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[] = {sketch_access(1, 1)};
	char name[2 * LIMIT_NAME + 3];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ports[0].name = name;
	assert_int_equal(SKETCH_VERDICT(networks, ports), -EINVAL);
	name[sizeof(name) - 2] = '\0';
	assert_int_equal(SKETCH_VERDICT(networks, ports), 0);
}

static void ports(void **state)
{
	BENT("port id 0 is in use", port(p, 0)->generation = 1);
	BENT("a free port has a mode", port(p, 1)->generation = 0);
	BENT("a port's name", port(p, 1)->name = 8);
	BENT("a port's tenant", port(p, 1)->tenant = UINT16_MAX);
	BENT("a port's flags", port(p, 1)->flags = 0x4000);
	BENT("an uplink with a tenant", port(p, 2)->tenant = 1);
	BENT("a port's role", port(p, 1)->role = POLICY_COMMUNITY + 1);
	BENT("a port's community", port(p, 1)->role = POLICY_COMMUNITY);
	BENT("a port's community", port(p, 1)->community = 1);
	BENT("a port's marks", port(p, 1)->pcp = 9);
	BENT("a port's marks", port(p, 1)->dscp = 65);
	BENT("a port's limits", port(p, 1)->limits += 4);
	BENT("a port's limits", port(p, 1)->tenant_limits = (uint32_t)p->size - 8);
	BENT("a port's limits", port(p, 2)->tenant_limits = port(p, 1)->limits);
	BENT("a port's limits",
	     ((struct policy_limits *)((char *)p + port(p, 1)->limits))->of[3].price = 1ULL << 62);
	BENT("a port's limits",
	     ((struct policy_limits *)((char *)p + port(p, 1)->limits))->of[7].burst = 1ULL << 40);
	BENT("a port's mode", port(p, 1)->mode = 0);
	BENT("a port's mode", port(p, 1)->mode = POLICY_QINQ + 1);
	BENT("a port's network does not exist", port(p, 1)->native = 3);
	BENT("an access port with VLANs", port(p, 1)->vlan_in = port(p, 2)->vlan_in);
	BENT("a port has too many addresses bound", port(p, 1)->n_macs = LIMIT_BOUND_MACS + 1);
	BENT("a port's addresses lie outside of the policy", port(p, 1)->macs = UINT32_MAX & ~7U);
	BENT("a port's addresses lie outside of the policy", port(p, 1)->addresses4++);
	BENT("a port's addresses lie outside of the policy", port(p, 1)->addresses6 = 0);
	BENT("bound MACs are not in order",
	     ((mac48 *)((char *)p + port(p, 1)->macs))[1] = 0x020000000001);
	BENT("a bound MAC is no unicast address",
	     ((mac48 *)((char *)p + port(p, 1)->macs))[1] = MAC_BROADCAST);
	BENT("a bound IPv4 prefix",
	     ((struct policy_prefix4 *)((char *)p + port(p, 1)->addresses4))->mask = 1);
	BENT("a bound IPv6 prefix",
	     ((struct policy_prefix6 *)((char *)p + port(p, 1)->addresses6))->mask[0] = 0);
}

static void trunk_tables(void **state)
{
	BENT("a trunk's tables lie outside of the policy", port(p, 2)->vlan_in = 0);
	BENT("a trunk's tables lie outside of the policy", port(p, 2)->vlan_out += 2);
	BENT("a trunk's tables lie outside of the policy",
	     port(p, 2)->vlan_in = ((uint32_t)p->size - 8) & ~7U);
	BENT("a trunk takes a reserved VLAN", table(p, port(p, 2)->vlan_in)[0] = 1);
	BENT("a trunk takes a reserved VLAN", table(p, port(p, 2)->vlan_in)[4095] = 1);
	BENT("a trunk takes a VLAN that it does not send", table(p, port(p, 2)->vlan_in)[5] = 1);
	BENT("a trunk takes a VLAN that it does not send", table(p, port(p, 2)->vlan_in)[5] = 77);
	BENT("a trunk takes a VLAN that it does not send", table(p, port(p, 2)->vlan_out)[1] = 5);
	BENT("a trunk sends a VLAN that it does not take", table(p, port(p, 2)->vlan_in)[100] = 0);
	BENT("a trunk takes a VLAN that it does not send",
	     table(p, port(p, 2)->vlan_out)[1] = POLICY_UNTAGGED);
	BENT("a trunk carries a network that does not exist",
	     table(p, port(p, 2)->vlan_out)[0] = 300);
	BENT("a trunk's native network has a tag", table(p, port(p, 2)->vlan_out)[2] = 200);
}

static void customers(void **state)
{
	BENT("a network's flags", network(p, 1)->flags |= POLICY_NET_SERVICE);
	BENT("a customer's port or network without the other",
	     network(p, 1)->flags |= POLICY_NET_QINQ);
	BENT("a customer's port or network without the other", port(p, 1)->mode = POLICY_QINQ);
	BENT("a trunk sends a tag of another kind",
	     table(p, port(p, 2)->vlan_out)[1] |= POLICY_SERVICE);
	BENT("a port's frames have tags in tags or not, against its flags",
	     port(p, 1)->flags |= POLICY_PORT_STACKS);
}

static void members(void **state)
{
	BENT("a network's members are not in order",
	     table(p, network(p, 1)->members)[1] = table(p, network(p, 1)->members)[0]);
	BENT("a network's member is not in it", table(p, network(p, 2)->members)[0] = 1);
	BENT("a network's member is not in it", table(p, network(p, 1)->members)[1] = 3);
	BENT("a network's members are not complete", network(p, 1)->n_members = 1);
	BENT("a port is in a foreign tenant's network", port(p, 1)->tenant = 2);
	BENT("a port is in a foreign tenant's network", port(p, 2)->flags = 0);
}

static struct policy_static *used_static(struct policy *policy)
{
	struct policy_static *statics = (struct policy_static *)((char *)policy + policy->statics);

	while (statics->key == 0)
		statics++;
	return statics;
}

static void statics(void **state)
{
	BENT("the statics are more than half full",
	     for (unsigned i = 0; i < p->n_statics;
		  i++)((struct policy_static *)((char *)p + p->statics))[i]
		     .key |= 1);
	BENT("the statics are not the ports' MACs", used_static(p)->key = 0);
	BENT("a static is bound to no port of its network", used_static(p)->port = 9);
	BENT("a static is bound to no port of its network", used_static(p)->port = 2);
	BENT("a static is bound to no port of its network", used_static(p)->key += 8);
	BENT("a static is there twice or out of reach", p->hash_seed ^= 1;
	     for (unsigned i = 0;
		  policy_static_port(p, 1, macs[0]) && policy_static_port(p, 1, macs[1]) && i < 64;
		  i++) p->hash_seed++);
}

static struct policy_owner *used_owner(struct policy *policy)
{
	struct policy_owner *owners = (struct policy_owner *)((char *)policy + policy->owners);

	while (owners->network == 0)
		owners++;
	return owners;
}

static void owners(void **state)
{
	BENT("a count is over the limit", p->n_owners = UINT32_MAX / 2 + 1);
	BENT("the number of statics or owners is no power of two", p->n_owners = 3);
	BENT("an array lies outside of the policy", p->owners = 8);
	BENT("an owner is no port of its network, or does not bind the address",
	     used_owner(p)->port = 2);
	BENT("an owner is no port of its network, or does not bind the address",
	     used_owner(p)->port = 9);
	BENT("an owner is no port of its network, or does not bind the address",
	     used_owner(p)->network = 2);
	BENT("an owner is no port of its network, or does not bind the address",
	     used_owner(p)->address.low++);
	BENT("a bound address has no owner, or another one", used_owner(p)->network = 0);
	BENT("a bound address has no owner, or another one", p->n_owners = p->owners = 0);
	BENT("the owners are more than half full",
	     for (unsigned i = 0; i < p->n_owners;
		  i++)((struct policy_owner *)((char *)p + p->owners))[i] = *used_owner(p));
	BENT("a network has owned addresses or not, against its flags",
	     network(p, 2)->flags |= POLICY_NET_OWNED);
	BENT("a port's claims are guarded or not, against its flags",
	     port(p, 2)->flags &= (uint16_t)~POLICY_PORT_CLAIM_GUARD);
}

static void readers(void **state)
{
	BENT("a port reads more or less than its flags say",
	     port(p, 1)->flags |= POLICY_PORT_READS_FLOW);
	BENT("a port reads more or less than its flags say",
	     port(p, 1)->flags |= POLICY_PORT_SPOOF_GUARD);
}

/* Use it as the data plane would: every question, with ids in and out of range. */
static void ask_everything(const struct policy *policy)
{
	for (uint16_t n = 0; n < 5; n++) {
		for (uint16_t a = 0; a < 5; a++) {
			for (uint16_t b = 0; b < 5; b++)
				(void)policy_permits(policy, n, a, b);
		}
		(void)policy_static_port(policy, n, macs[0]);
		(void)policy_owner(policy, n, policy_address4(addresses4[0].address));
		(void)policy_owner(policy, n, policy_address4(77));
		(void)policy_static_port(policy, n, 0x02deadbeef00);
	}
	for (uint16_t id = 1; id < policy->n_ports; id++) {
		const struct policy_port *live = &policy_ports(policy)[id];

		if (live->generation)
			assert_true(strlen(policy_at(policy, live->name)) <= 2 * LIMIT_NAME + 1);
	}
}

static void what_passes_can_be_used(void **state)
{
	struct policy *sound = make();
	uint64_t noise = 88172645463325252ULL;
	unsigned passed = 0;

	for (unsigned round = 0; round < 200000; round++) {
		struct policy *bent = malloc(sound->size);
		const char *why;

		assert_non_null(bent);
		memcpy(bent, sound, sound->size);
		for (unsigned i = 0; i <= round % 3; i++) {
			uint32_t at;

			noise ^= noise << 13;
			noise ^= noise >> 7;
			noise ^= noise << 17;
			/* the tables of the trunk are most of it, and the least interesting */
			at = (uint32_t)(noise >> 32) % (noise & 1 ? 1024 : (uint32_t)sound->size);
			((uint8_t *)bent)[at] = (uint8_t)(noise >> 8);
		}
		if (policy_check(bent, sound->size, &why) == 0) {
			ask_everything(bent);
			passed++;
		}
		free(bent);
	}
	assert_true(passed > 100); /* names, macs_max and the like may be bent */
	free(sound);
}

/* Two ports with a group, an ACL each way, and an address set. */
static struct policy *make_filtered(void)
{
	static const struct classify_range range = {22, 80};
	static const uint16_t groups[] = {1};
	struct address_set_member member = {.set = POLICY_SETS + 1,
					    .family = 4,
					    .prefix = {.address = {0x0a000000}, .length = 8}};
	struct classify_rule rules[] = {CLASSIFY_RULE_ANY, CLASSIFY_RULE_ANY};
	struct policy_rules_spec acl = {
		.number = 1, .kind = POLICY_ACL, .tenant = 1, .name = "t/l"};
	struct policy_network_spec network = sketch_network(1, 100);
	struct policy_port_spec specs[] = {sketch_access(1, 1), sketch_access(2, 1)};
	struct policy_rules_spec in = acl, out = acl;
	struct policy_builder *builder;
	struct policy *policy;

	rules[0].protocol = 6;
	rules[0].dst_ports = (struct classify_ports){&range, 1};
	rules[0].set = POLICY_SETS + 1;
	acl.rules = in.rules = out.rules = rules;
	acl.n_rules = in.n_rules = 2;
	in.number = 2;
	in.kind = POLICY_GROUP_IN;
	out.number = 3;
	out.kind = POLICY_GROUP_OUT;
	network.name = "t/n";
	network.tenant = 1;
	assert_int_equal(policy_builder_create(1, 99, &builder), 0);
	assert_int_equal(policy_builder_tenant(builder, 1, "t"), 0);
	assert_int_equal(policy_builder_tenant(builder, 2, "u"), 0);
	assert_int_equal(policy_builder_network(builder, &network), 0);
	assert_int_equal(policy_builder_rules(builder, &acl), 0);
	assert_int_equal(policy_builder_rules(builder, &in), 0);
	assert_int_equal(policy_builder_rules(builder, &out), 0);
	assert_int_equal(policy_builder_group(builder, 1, 2, 3), 0);
	assert_int_equal(policy_builder_sets(builder, 1, &member, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		specs[i].name = "t/p";
		specs[i].tenant = 1;
		specs[i].groups = groups;
		specs[i].n_groups = 1;
		specs[i].acl_in = specs[i].acl_out = 1;
		assert_int_equal(policy_builder_port(builder, &specs[i]), 0);
	}
	assert_int_equal(policy_builder_finish(builder, &policy), 0);
	policy_builder_destroy(builder);
	return policy;
}

static struct policy_rules *list(struct policy *policy, uint16_t number)
{
	return (struct policy_rules *)policy_rules(policy, number);
}

#define BENT_FILTERS(why, ...)                                                                     \
	do {                                                                                       \
		struct policy *p = make_filtered();                                                \
		const char *said = "nothing";                                                      \
		__VA_ARGS__;                                                                       \
		assert_int_equal(policy_check(p, p->size, &said), -EPROTO);                        \
		assert_string_equal(said, why);                                                    \
		free(p);                                                                           \
	} while (0)

static void lists_of_rules(void **state)
{
	BENT_FILTERS("a list's number or kind", list(p, 1)->kind = 9);
	BENT_FILTERS("a list's name", list(p, 1)->name = 4);
	BENT_FILTERS("a list's tenant", list(p, 1)->tenant = 0);
	BENT_FILTERS("a list's counters", list(p, 1)->hits = LIMIT_HITS - 1);
	BENT_FILTERS("a list's rules lie outside of the policy",
		     list(p, 1)->classify_size = UINT32_MAX);
	BENT_FILTERS("a list's rules lie outside of the policy", list(p, 3)->n_rules = 1);
	BENT_FILTERS("a list has not as many rules as it says", list(p, 1)->n_rules = 3);
	BENT_FILTERS("a group's lists are none, or not of one tenant",
		     ((struct policy_group *)policy_group(p, 1))->out = 1);
	BENT_FILTERS("a group's lists are none, or not of one tenant", list(p, 3)->tenant = 2);
	BENT_FILTERS("a port's group is a foreign tenant's",
		     list(p, 2)->tenant = list(p, 3)->tenant = 2);
	BENT_FILTERS("a port's ACL does not exist or is a foreign tenant's",
		     list(p, 1)->tenant = 2);
	BENT_FILTERS("a port's ACL does not exist or is a foreign tenant's",
		     port(p, 1)->acl_in = 2);
	BENT_FILTERS("a port's group does not exist", *table(p, port(p, 1)->groups) = 7);
	BENT_FILTERS("a network is filtered or not, against its flags", network(p, 1)->flags = 0);
}

/* A large list by many numbers would be checked as often: it lies in the blob once for each. */
static void nothing_is_checked_twice(void **state)
{
	enum { LISTS = 40, RULES = 200 };
	struct classify_rule rules[RULES];
	struct classify_range ranges[RULES];
	struct policy_rules_spec acl = {
		.kind = POLICY_ACL, .tenant = 1, .name = "t/l", .rules = rules};
	struct policy_builder *builder;
	struct policy *policy;
	const char *why;

	for (uint32_t i = 0; i < RULES; i++) {
		ranges[i] = (struct classify_range){(uint16_t)i, (uint16_t)i};
		rules[i] = CLASSIFY_RULE_ANY;
		rules[i].dst_ports = (struct classify_ports){&ranges[i], 1};
	}
	assert_int_equal(policy_builder_create(1, 99, &builder), 0);
	assert_int_equal(policy_builder_tenant(builder, 1, "t"), 0);
	for (uint16_t i = 1; i <= LISTS; i++) {
		acl.number = i;
		acl.n_rules = i == 1 ? RULES : 1;
		assert_int_equal(policy_builder_rules(builder, &acl), 0);
	}
	assert_int_equal(policy_builder_finish(builder, &policy), 0);
	policy_builder_destroy(builder);
	for (uint16_t i = 2; i <= LISTS; i++) {
		list(policy, i)->n_rules = RULES;
		list(policy, i)->classify = list(policy, 1)->classify;
		list(policy, i)->classify_size = list(policy, 1)->classify_size;
	}
	assert_int_equal(policy_check(policy, policy->size, &why), -EPROTO);
	assert_string_equal(why, "lists of rules lie over one another");
	free(policy);
}

/* Who knows the seed can find MACs that all begin at one slot: no search may be that long. */
static void no_search_is_long(void **state)
{
	enum { PORTS = POLICY_PROBES / LIMIT_BOUND_MACS + 1 };
	static mac48 chosen[PORTS][LIMIT_BOUND_MACS];
	struct policy_network_spec networks[] = {sketch_network(1, 100)};
	struct policy_port_spec ports[PORTS];
	struct policy *sound = make();
	struct policy guess = {.hash_seed = sound->hash_seed, .n_statics = 2};
	mac48 mac = 0x020000000000;

	while (guess.n_statics < 2 * PORTS * LIMIT_BOUND_MACS)
		guess.n_statics *= 2;
	for (uint16_t p = 0; p < PORTS; p++) {
		ports[p] = sketch_access((uint16_t)(p + 1), 1);
		ports[p].macs = chosen[p];
		ports[p].n_macs = LIMIT_BOUND_MACS;
		for (unsigned m = 0; m < LIMIT_BOUND_MACS; m++) {
			while (policy_static_home(&guess, policy_static_key(1, ++mac)))
				;
			chosen[p][m] = mac;
		}
	}
	assert_int_equal(SKETCH_VERDICT(networks, ports), -EINVAL);
	/* as many as may be are not too many */
	for (uint16_t p = 0; p < PORTS; p++)
		ports[p].n_macs = LIMIT_BOUND_MACS - 1 - LIMIT_BOUND_MACS / PORTS;
	assert_true((LIMIT_BOUND_MACS - 1 - LIMIT_BOUND_MACS / PORTS) * PORTS < POLICY_PROBES);
	assert_int_equal(SKETCH_VERDICT(networks, ports), 0);
	free(sound);
}

/* Whatever of the rules is bent, what passes can be asked. */
static void bent_rules_can_be_asked(void **state)
{
	struct policy *sound = make_filtered();
	uint64_t noise = 88172645463325252ULL;
	unsigned passed = 0;

	for (unsigned round = 0; round < 100000; round++) {
		struct policy *bent = aligned_alloc(64, (sound->size + 63) & ~63UL);
		struct filter filter = {.kind = FILTER_OTHER};
		struct filter_hit hits[FILTER__STEPS];
		const char *why;

		memcpy(bent, sound, sound->size);
		for (unsigned i = 0; i <= round % 2; i++) {
			noise ^= noise << 13;
			noise ^= noise >> 7;
			noise ^= noise << 17;
			((uint8_t *)bent)[(noise >> 32) % sound->size] = (uint8_t)(noise >> 8);
		}
		filter.key.protocol = 6;
		filter.key.ethertype = ETHERTYPE_IPV4;
		filter.key.src[0] = 0x0a000001;
		filter.key.dst_port = (uint32_t)(noise >> 20) & 0x7f;
		if (policy_check(bent, sound->size, &why) == 0) {
			(void)filter_admits(bent, &filter, 1, hits);
			(void)filter_permits(bent, &filter, 1, 2, hits);
			passed++;
		}
		free(bent);
	}
	assert_true(passed > 100);
	free(sound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head),
		cmocka_unit_test(tenants_and_networks),
		cmocka_unit_test(a_name_without_an_end_in_reach),
		cmocka_unit_test(ports),
		cmocka_unit_test(trunk_tables),
		cmocka_unit_test(customers),
		cmocka_unit_test(members),
		cmocka_unit_test(statics),
		cmocka_unit_test(owners),
		cmocka_unit_test(readers),
		cmocka_unit_test(what_passes_can_be_used),
		cmocka_unit_test(lists_of_rules),
		cmocka_unit_test(nothing_is_checked_twice),
		cmocka_unit_test(no_search_is_long),
		cmocka_unit_test(bent_rules_can_be_asked),
	};

	return cmocka_run_group_tests_name("policy_check", tests, NULL, NULL);
}
