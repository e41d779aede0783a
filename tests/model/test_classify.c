/*
 * test_classify - the compiled classifier against reading the list from the top.
 *
 *	test_classify [LOOKUPS [FIRST_SEED]]
 *
 * A round is a list made up from a seed, of one mix and any length, and keys
 * that meet it; both must name the same rule. The reference follows classify.h,
 * rule by rule, and knows nothing of boxes. Each section passes its check. What
 * fails names its seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/frame.h"
#include "tests/sketch/rule_sketch.h"

enum {
	SETS = 6, /* sketch_rules_make() uses numbers up to this */
#ifdef SLUICE_SANITIZED
	LOOKUPS = 100000,
#else
	LOOKUPS = 2000000,
#endif
};

static bool prefix_has(const struct classify_prefix *prefix, const uint32_t address[4])
{
	for (unsigned bit = 0; bit < prefix->length; bit++) {
		uint32_t difference = prefix->address[bit / 32] ^ address[bit / 32];

		if (difference >> (31 - bit % 32) & 1)
			return false;
	}
	return true;
}

static bool ports_have(const struct classify_ports *ports, uint32_t port)
{
	for (uint32_t i = 0; i < ports->n_ranges; i++) {
		if (port >= ports->ranges[i].first && port <= ports->ranges[i].last)
			return true;
	}
	return ports->n_ranges == 0;
}

static bool ports_match(const struct classify_rule *rule, const struct classify_key *key)
{
	bool portless = (key->src_port == CLASSIFY_NO_PORT || rule->src_ports.n_ranges == 0) &&
			(key->dst_port == CLASSIFY_NO_PORT || rule->dst_ports.n_ranges == 0);

	if (portless && rule->portless_too)
		return true;
	return ports_have(&rule->src_ports, key->src_port) &&
	       ports_have(&rule->dst_ports, key->dst_port);
}

static bool is_mac(mac48 mac, const uint32_t words[2])
{
	return mac == ((mac48)words[0] << 32 | words[1]);
}

static bool has_set(const uint32_t *sets, unsigned n_sets, uint32_t set)
{
	for (unsigned i = 0; i < n_sets; i++) {
		if (sets[i] == set)
			return true;
	}
	return set == 0;
}

static bool rule_matches(const struct classify_rule *rule, const struct classify_key *key,
			 const uint32_t *sets, unsigned n_sets)
{
	if (rule->family == 4 && key->ethertype != ETHERTYPE_IPV4)
		return false;
	if (rule->family == 6 && key->ethertype != ETHERTYPE_IPV6)
		return false;
	if (rule->ethertype != CLASSIFY_ANY && key->ethertype != (uint32_t)rule->ethertype)
		return false;
	if (rule->protocol != CLASSIFY_ANY && key->protocol != (uint32_t)rule->protocol)
		return false;
	if (rule->has_src_mac && !is_mac(rule->src_mac, key->src_mac))
		return false;
	if (rule->has_dst_mac && !is_mac(rule->dst_mac, key->dst_mac))
		return false;
	return prefix_has(&rule->src, key->src) && prefix_has(&rule->dst, key->dst) &&
	       ports_match(rule, key) && has_set(sets, n_sets, rule->set);
}

/* The place of the first rule that matches, or the number of rules. */
static uint32_t ref_lookup(const struct sketch_rules *sketch, const struct classify_key *key,
			   const uint32_t *sets, unsigned n_sets)
{
	uint32_t i = 0;

	while (i < sketch->n && !rule_matches(&sketch->rules[i], key, sets, n_sets))
		i++;
	return i;
}

static unsigned draw_sets(struct sketch_rules *sketch, uint32_t sets[SETS])
{
	unsigned n = 0;

	for (uint32_t set = 1; set <= SETS; set++) {
		if (sketch_rules_any(sketch, 4) == 0)
			sets[n++] = set;
	}
	return n;
}

static _Noreturn void fail(const struct sketch_rules *sketch, uint64_t seed, const char *why)
{
	printf("not ok 1 - the classifier and the list agree\n# %s, %u rules, seed %lu: %s\n1..1\n",
	       sketch_mix_word(sketch->mix), sketch->n, (unsigned long)seed, why);
	exit(EXIT_FAILURE);
}

static void compare(struct sketch_rules *sketch, const struct classify *classify, uint64_t seed)
{
	struct classify_match match = {.rule = UINT32_MAX};
	struct classify_key key;
	uint32_t sets[SETS], want;
	unsigned n_sets = draw_sets(sketch, sets);
	bool found;

	sketch_rules_key(sketch, &key);
	want = ref_lookup(sketch, &key, sets, n_sets);
	found = classify_lookup(classify, &key, sets, n_sets, &match);
	if (found != (want < sketch->n))
		fail(sketch, seed, found ? "found what is not there" : "nothing found");
	if (!found && match.rule != UINT32_MAX)
		fail(sketch, seed, "an answer without a match");
	if (found && match.rule != want)
		fail(sketch, seed, "another rule found");
	if (found &&
	    (match.accept != sketch->rules[want].accept || match.log != sketch->rules[want].log))
		fail(sketch, seed, "the rule does something else");
}

/* Lists from none to some thousand rules; long ones less often, as the reference is slow. */
static uint32_t draw_length(uint64_t seed)
{
	static const uint32_t lengths[] = {0, 1, 2, 7, 8, 9, 17, 40, 64, 100, 300, 1000, 3000};

	return lengths[seed * 7 % (sizeof(lengths) / sizeof(lengths[0]))];
}

static uint64_t play(uint64_t seed)
{
	enum sketch_mix mix = (enum sketch_mix)(seed % SKETCH_MIXES);
	struct sketch_rules sketch;
	struct classify *classify;
	const char *why = NULL;
	uint32_t lookups;

	sketch_rules_make(mix, draw_length(seed / SKETCH_MIXES), seed, &sketch);
	if (classify_build(sketch.rules, sketch.n, &classify))
		fail(&sketch, seed, "it cannot be compiled");
	if (classify_check(classify, classify_size(classify), &why))
		fail(&sketch, seed, why);
	if (classify_rules(classify) != sketch.n)
		fail(&sketch, seed, "the number of rules");
	lookups = sketch.n > 500 ? 2000 : 8000;
	for (uint32_t i = 0; i < lookups; i++)
		compare(&sketch, classify, seed);
	free(classify);
	sketch_rules_free(&sketch);
	return lookups;
}

int main(int argc, char **argv)
{
	uint64_t due = argc > 1 ? strtoull(argv[1], NULL, 0) : LOOKUPS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	uint64_t lookups = 0, first = seed;

	while (lookups < due)
		lookups += play(seed++);
	printf("ok 1 - the classifier and the list agree\n1..1\n# %lu lookups, seeds %lu to %lu\n",
	       (unsigned long)lookups, (unsigned long)first, (unsigned long)(seed - 1));
	return EXIT_SUCCESS;
}
