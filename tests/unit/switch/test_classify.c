/*
 * test_classify - what a list of rules means, case by case; what it may cost;
 * and what its check refuses. Lists at random are for tests/model.
 */
#include <errno.h>
#include <netinet/in.h>

#include "tests/unit/switch/unit.h"
#include "switch/classify_table.h"
#include "switch/frame.h"
#include "tests/sketch/rule_sketch.h"

static struct classify *compile(const struct classify_rule *rules, uint32_t n)
{
	struct classify *classify;
	const char *why = NULL;

	assert_int_equal(classify_build(rules, n, &classify), 0);
	assert_int_equal((uintptr_t)classify % CLASSIFY_ALIGN, 0);
	assert_int_equal(classify_check(classify, classify_size(classify), &why), 0);
	return classify;
}

enum { NOTHING = -1 };

/* The rule that @key meets in @rules when its peer is in @sets. */
static int ask_with(const struct classify_rule *rules, uint32_t n, struct classify_key key,
		    const uint32_t *sets, unsigned n_sets)
{
	struct classify *classify = compile(rules, n);
	struct classify_match match;
	int rule = NOTHING;

	if (classify_lookup(classify, &key, sets, n_sets, &match)) {
		rule = (int)match.rule;
		assert_int_equal(match.accept, rules[rule].accept);
		assert_int_equal(match.log, rules[rule].log);
	}
	free(classify);
	return rule;
}

static int ask(const struct classify_rule *rules, uint32_t n, struct classify_key key)
{
	return ask_with(rules, n, key, NULL, 0);
}

static struct classify_key tcp(uint32_t src, uint32_t dst, uint32_t port)
{
	return (struct classify_key){
		.ethertype = ETHERTYPE_IPV4,
		.protocol = IPPROTO_TCP,
		.src = {src},
		.dst = {dst},
		.src_port = 4000,
		.dst_port = port,
	};
}

static struct classify_rule tcp_to(const struct classify_range *ranges, uint32_t n, bool accept)
{
	struct classify_rule rule = CLASSIFY_RULE_ANY;

	rule.protocol = IPPROTO_TCP;
	rule.dst_ports = (struct classify_ports){ranges, n};
	rule.accept = accept;
	return rule;
}

/* RFC 8519, 4.1: the first that matches, and no other. */
static void test_first_match(void **state)
{
	static const struct classify_range telnet = {23, 23}, low = {0, 1023};
	struct classify_rule rules[] = {tcp_to(&telnet, 1, false), tcp_to(&low, 1, true),
					CLASSIFY_RULE_ANY};

	rules[0].log = true;
	assert_int_equal(ask(rules, 3, tcp(1, 2, 23)), 0);
	assert_int_equal(ask(rules, 3, tcp(1, 2, 24)), 1);
	assert_int_equal(ask(rules, 3, tcp(1, 2, 1024)), 2);
	assert_int_equal(ask(rules, 2, tcp(1, 2, 1024)), NOTHING);
	assert_int_equal(ask(rules, 0, tcp(1, 2, 23)), NOTHING);
}

static void test_families(void **state)
{
	struct classify_rule rules[] = {CLASSIFY_RULE_ANY, CLASSIFY_RULE_ANY, CLASSIFY_RULE_ANY};
	struct classify_key key = tcp(0x20010db8, 0, 80);

	rules[0].family = 6;
	rules[0].src = (struct classify_prefix){{0x20010db8}, 32};
	rules[1].ethertype = ETHERTYPE_ARP;
	rules[2].family = 4;
	assert_int_equal(ask(rules, 3, key), 2);
	key.ethertype = ETHERTYPE_IPV6;
	assert_int_equal(ask(rules, 3, key), 0);
	key.src[3] = 7; /* behind the prefix */
	assert_int_equal(ask(rules, 3, key), 0);
	key.src[0]++;
	assert_int_equal(ask(rules, 3, key), NOTHING);
	key = (struct classify_key){.ethertype = ETHERTYPE_ARP,
				    .protocol = CLASSIFY_NO_PROTOCOL,
				    .src_port = CLASSIFY_NO_PORT,
				    .dst_port = CLASSIFY_NO_PORT};
	assert_int_equal(ask(rules, 3, key), 1);
}

/* A fragment or a cut header has no ports: a rule with ports passes it by, unless it says so. */
static void test_portless(void **state)
{
	static const struct classify_range telnet = {23, 23};
	struct classify_rule rules[] = {tcp_to(&telnet, 1, false), CLASSIFY_RULE_ANY};
	struct classify_key key = tcp(1, 2, CLASSIFY_NO_PORT);

	key.src_port = CLASSIFY_NO_PORT;
	assert_int_equal(ask(rules, 2, key), 1);
	rules[0].portless_too = true;
	assert_int_equal(ask(rules, 2, key), 0);
	key.protocol = IPPROTO_UDP;
	assert_int_equal(ask(rules, 2, key), 1);
	assert_int_equal(ask(rules, 2, tcp(1, 2, 22)), 1);
}

static void test_icmp(void **state)
{
	static const struct classify_range echo = {8 << 8, 8 << 8 | 255};
	struct classify_rule rule = CLASSIFY_RULE_ANY;
	struct classify_key key = tcp(1, 2, classify_icmp(8, 3));

	rule.family = 4;
	rule.protocol = IPPROTO_ICMP;
	rule.dst_ports = (struct classify_ports){&echo, 1};
	key.protocol = IPPROTO_ICMP;
	key.src_port = CLASSIFY_NO_PORT;
	assert_int_equal(ask(&rule, 1, key), 0);
	key.dst_port = classify_icmp(9, 0);
	assert_int_equal(ask(&rule, 1, key), NOTHING);
}

static void test_macs(void **state)
{
	struct classify_rule rule = CLASSIFY_RULE_ANY;
	struct classify_key key = tcp(1, 2, 80);
	struct classify *classify = compile(&rule, 1);

	assert_false(classify_reads_macs(classify));
	free(classify);
	rule.has_dst_mac = true;
	rule.dst_mac = 0x525400000001;
	classify = compile(&rule, 1);
	assert_true(classify_reads_macs(classify));
	free(classify);
	assert_int_equal(ask(&rule, 1, key), NOTHING);
	classify_split_mac(rule.dst_mac, key.dst_mac);
	assert_int_equal(ask(&rule, 1, key), 0);
}

/* A peer by reference: the list of sets decides, and the order of the list stays. */
static void test_sets(void **state)
{
	static const uint32_t both[] = {5, 9}, nine[] = {9};
	struct classify_rule rules[] = {CLASSIFY_RULE_ANY, CLASSIFY_RULE_ANY, CLASSIFY_RULE_ANY};

	rules[0].set = 9;
	rules[0].protocol = IPPROTO_UDP;
	rules[1].set = 5;
	rules[2].set = 9;
	assert_int_equal(ask_with(rules, 3, tcp(1, 2, 3), both, 2), 1);
	assert_int_equal(ask_with(rules, 3, tcp(1, 2, 3), nine, 1), 2);
	assert_int_equal(ask_with(rules, 3, tcp(1, 2, 3), NULL, 0), NOTHING);
	rules[1].set = 0;
	assert_int_equal(ask_with(rules, 3, tcp(1, 2, 3), nine, 1), 1);
}

static void test_refusals(void **state)
{
	static const struct classify_range crossed = {5, 4};
	static const struct classify_range many[CLASSIFY_RANGES + 1] = {{0, 0}};
	struct classify_rule good = CLASSIFY_RULE_ANY, bad[8];
	struct classify *classify = NULL;

	for (unsigned i = 0; i < 8; i++)
		bad[i] = good;
	bad[0].src.length = 8; /* of no family */
	bad[1].family = 4;
	bad[1].dst.length = 33;
	bad[2].protocol = 256;
	bad[3].ethertype = 0x10000;
	bad[4].family = 5;
	bad[5] = tcp_to(&crossed, 1, true);
	bad[6].has_src_mac = true;
	bad[6].src_mac = MAC_BROADCAST + 1;
	bad[7].family = 4;
	bad[7].ethertype = ETHERTYPE_IPV6;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(classify_build(&bad[i], 1, &classify), -EINVAL);
	good = tcp_to(many, CLASSIFY_RANGES + 1, true);
	assert_int_equal(classify_build(&good, 1, &classify), -E2BIG);
	assert_int_equal(classify_build(&good, CLASSIFY_RULES + 1, &classify), -E2BIG);
	assert_null(classify);
}

/* What a lookup of @key reads from @line on, read to the end. */
static uint32_t lines_read(const struct classify *classify, uint32_t line,
			   const struct classify_key *key)
{
	const struct classify_node *node = classify_line(classify, line);
	const struct classify_leaf *leaf = classify_line(classify, line);
	uint32_t lines = 1, child = 0;

	if (node->kind.what == CLASSIFY_IS_LEAF)
		return classify_leaf_lines(leaf->n_groups, leaf->n_words);
	if (node->kind.what == CLASSIFY_IS_FORK) {
		for (unsigned i = 0; i < CLASSIFY_FAN && node->child[i]; i++)
			lines += lines_read(classify, node->child[i], key);
		return lines;
	}
	while (child < CLASSIFY_FAN - 1 && key->word[node->kind.what] > node->last[child])
		child++;
	return lines + lines_read(classify, node->child[child], key);
}

/* No lookup reads more than the cost says, and lists as people write them are in the budget. */
static void test_cost(void **state)
{
	for (enum sketch_mix mix = 0; mix < SKETCH_MIXES; mix++) {
		struct sketch_rules sketch;
		struct classify *classify;
		uint32_t worst = 0;

		sketch_rules_make(mix, 3000, 1, &sketch);
		classify = compile(sketch.rules, sketch.n);
		for (unsigned i = 0; i < 20000; i++) {
			struct classify_key key;
			uint32_t lines;

			sketch_rules_key(&sketch, &key);
			lines = 1 + lines_read(classify, classify->root, &key);
			worst = lines > worst ? lines : worst;
		}
		assert_true(worst <= classify_cost(classify, 0));
		assert_true(worst > classify_cost(classify, 0) / 4);
		assert_true(classify_size(classify) < 3000 * 600);
		if (mix != SKETCH_SQUARES)
			assert_true(classify_cost(classify, 0) <= CLASSIFY_BUDGET);
		assert_true(classify_cost(classify, 2) <= classify_cost(classify, 16));
		free(classify);
		sketch_rules_free(&sketch);
	}
}

/* A hundred thousand rules: bounded in every way that a tenant could use. */
static void test_large(void **state)
{
	for (enum sketch_mix mix = 0; mix < SKETCH_MIXES; mix++) {
		struct sketch_rules sketch;
		struct classify *classify;

		sketch_rules_make(mix, 100000, 1, &sketch);
		classify = compile(sketch.rules, sketch.n);
		assert_true(classify_size(classify) < 100000 * 600);
		if (mix <= SKETCH_NEST)
			assert_true(classify_cost(classify, 0) <= CLASSIFY_BUDGET);
		free(classify);
		sketch_rules_free(&sketch);
	}
}

/* One wrong word in a sound section, and the check's reason. */
static void refuse(const struct classify *sound, size_t offset, uint32_t value, const char *want)
{
	size_t size = classify_size(sound);
	char *copy = aligned_alloc(CLASSIFY_ALIGN, size);
	const char *why = "nothing";

	assert_non_null(copy);
	memcpy(copy, sound, size);
	memcpy(copy + offset, &value, sizeof(value));
	assert_int_equal(classify_check(copy, size, &why), -EPROTO);
	assert_string_equal(why, want);
	free(copy);
}

static void test_check(void **state)
{
	struct sketch_rules sketch;
	struct classify *classify;
	size_t node;
	const char *why;

	sketch_rules_make(SKETCH_CROSS, 200, 1, &sketch);
	classify = compile(sketch.rules, sketch.n);
	node = (size_t)(classify->nodes + classify->n_nodes - 1) * CLASSIFY_LINE; /* the root */
	refuse(classify, offsetof(struct classify, magic), 1, "no classifier");
	refuse(classify, offsetof(struct classify, n_lines), 1, "the size is wrong");
	refuse(classify, offsetof(struct classify, n_rules), UINT32_MAX, "too many rules or words");
	refuse(classify, offsetof(struct classify, nodes), 9,
	       "the nodes lie outside of the section");
	refuse(classify, offsetof(struct classify, root), classify->n_lines, "the root");
	refuse(classify, node, 0, "a node costs more than it says");
	refuse(classify, node, UINT16_MAX, "a node leads to more leaves than it says");
	refuse(classify, node, 0xff000000, "a node's kind");
	/* itself: a circle */
	refuse(classify, node + offsetof(struct classify_node, child),
	       (uint32_t)(node / CLASSIFY_LINE), "a node's child");
	/* the middle of what is no leaf */
	refuse(classify, node + offsetof(struct classify_node, child), classify->n_lines - 1,
	       "a node's child");
	assert_int_equal(classify_check(classify, sizeof(*classify) - 1, &why), -EPROTO);
	free(classify);
	sketch_rules_free(&sketch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match), cmocka_unit_test(test_families),
		cmocka_unit_test(test_portless),    cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_macs),	    cmocka_unit_test(test_sets),
		cmocka_unit_test(test_refusals),    cmocka_unit_test(test_cost),
		cmocka_unit_test(test_large),	    cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
