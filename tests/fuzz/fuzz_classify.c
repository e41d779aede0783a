/*
 * fuzz_classify - a classifier, or a table of address sets, with anything
 * changed: either its check says no, or it can be asked anything.
 *
 * The first byte of the input chooses the specimen, the rest are its edits.
 */
#include <string.h>

#include "switch/address_set.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sketch/rule_sketch.h"

enum { LISTS = 3, KEYS = 24, MEMBERS = 40 };

static const struct {
	enum sketch_mix mix;
	uint32_t n;
} lists[LISTS] = {{SKETCH_DENSE, 60}, {SKETCH_CROSS, 150}, {SKETCH_ACL6, 120}};

static struct sketch_rules sketches[LISTS];
static struct classify *classifiers[LISTS];
static struct address_set *sets;
static volatile uint32_t sink; /* what was read */

static void prepare(void)
{
	struct address_set_member members[MEMBERS];

	for (unsigned i = 0; i < LISTS; i++) {
		sketch_rules_make(lists[i].mix, lists[i].n, i + 1, &sketches[i]);
		fuzz_demand(classify_build(sketches[i].rules, sketches[i].n, &classifiers[i]) == 0);
	}
	for (uint32_t i = 0; i < MEMBERS; i++)
		members[i] = (struct address_set_member){
			.set = 1 + i % 5,
			.family = i % 3 ? 4 : 6,
			.prefix = {{0x0a000000 + (i << 26), i}, (uint8_t)(i % 33)},
		};
	fuzz_demand(address_set_build(members, MEMBERS, &sets) == 0);
}

static void ask_classifier(const struct classify *classify, struct sketch_rules *sketch)
{
	static const uint32_t all[] = {1, 2, 3, 4, 5, 6};

	for (unsigned i = 0; i < KEYS; i++) {
		struct classify_match match;
		struct classify_key key;

		sketch_rules_key(sketch, &key);
		if (classify_lookup(classify, &key, all, i % 7, &match))
			fuzz_demand(match.rule < classify_rules(classify));
	}
	sink += classify_cost(classify, 3) + classify_reads_macs(classify);
}

static void ask_sets(const struct address_set *table)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t address[4] = {i << 27, i, ~i, i * 0x01010101};
		const uint32_t *found;

		for (int family = 4; family <= 6; family += 2) {
			unsigned n = address_set_lookup(table, family, address, &found);

			fuzz_demand(n <= address_set_depth(table));
			while (n)
				sink += found[--n];
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const char *why = NULL;
	unsigned choice;
	size_t length;
	void *section;

	if (!sets)
		prepare();
	if (size == 0)
		return 0;
	choice = input[0] % (LISTS + 1);
	length = choice < LISTS ? classify_size(classifiers[choice]) : address_set_size(sets);
	section = malloc(length);
	fuzz_demand(section);
	memcpy(section, choice < LISTS ? (void *)classifiers[choice] : (void *)sets, length);
	fuzz_edit(section, length, input + 1, size - 1);
	if (choice < LISTS) {
		if (classify_check(section, length, &why) == 0)
			ask_classifier(section, &sketches[choice]);
		else
			fuzz_demand(why);
	} else if (address_set_check(section, length, &why) == 0) {
		ask_sets(section);
	} else {
		fuzz_demand(why);
	}
	free(section);
	return 0;
}
