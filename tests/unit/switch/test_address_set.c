/*
 * test_address_set - a table of sets against looking at every member; its
 * limits; and whether its check holds what it promises.
 */
#include <errno.h>

#include "tests/unit/switch/unit.h"
#include "switch/address_set.h"

enum { MEMBERS = 60, ROUNDS = 3000, KEYS = 60 };

static uint64_t noise = 1;
static volatile uint32_t sink; /* what was read */

/* A number below @n (splitmix64). */
static uint32_t any(uint32_t n)
{
	uint64_t z = noise += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

/* Few different addresses, the first and the last of all among them. */
static void draw_address(int family, uint32_t ret[4])
{
	static const uint32_t words[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

	memset(ret, 0, 4 * sizeof(*ret));
	for (int i = 0; i < (family == 4 ? 1 : 4); i++)
		ret[i] = words[any(6)];
}

static struct address_set_member draw_member(uint32_t sets)
{
	static const uint8_t lengths[] = {0, 1, 2, 16, 30, 31, 32, 33, 63, 64, 65, 126, 127, 128};
	struct address_set_member member = {.set = 1 + any(sets), .family = any(2) ? 4 : 6};

	draw_address(member.family, member.prefix.address);
	member.prefix.length = lengths[any(member.family == 4 ? 7 : 14)];
	return member;
}

static bool has(const struct address_set_member *member, int family, const uint32_t address[4])
{
	if (member->family != family)
		return false;
	for (unsigned bit = 0; bit < member->prefix.length; bit++) {
		uint32_t differs = member->prefix.address[bit / 32] ^ address[bit / 32];

		if (differs >> (31 - bit % 32) & 1)
			return false;
	}
	return true;
}

static void compare(const struct address_set *table, const struct address_set_member *members,
		    uint32_t n, uint32_t n_sets)
{
	int family = any(2) ? 4 : 6;
	uint32_t address[4];
	const uint32_t *sets;
	unsigned found, next = 0;

	draw_address(family, address);
	found = address_set_lookup(table, family, address, &sets);
	for (uint32_t set = 1; set <= n_sets; set++) {
		bool in = false;

		for (uint32_t i = 0; i < n; i++)
			in |= members[i].set == set && has(&members[i], family, address);
		if (in) {
			assert_true(next < found);
			assert_int_equal(sets[next++], set);
		}
	}
	assert_int_equal(next, found);
	assert_true(found <= address_set_depth(table));
}

static void test_agrees(void **state)
{
	struct address_set_member members[MEMBERS];

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t n = any(MEMBERS + 1), n_sets = 1 + any(CLASSIFY_KEY_SETS);
		struct address_set *table;
		const char *why;

		for (uint32_t i = 0; i < n; i++)
			members[i] = draw_member(n_sets);
		assert_int_equal(address_set_build(members, n, &table), 0);
		assert_int_equal(address_set_check(table, address_set_size(table), &why), 0);
		for (unsigned i = 0; i < KEYS; i++)
			compare(table, members, n, n_sets);
		free(table);
	}
}

static void test_refusals(void **state)
{
	struct address_set_member members[CLASSIFY_KEY_SETS + 1];
	struct address_set *table = NULL;

	for (uint32_t i = 0; i <= CLASSIFY_KEY_SETS; i++)
		members[i] =
			(struct address_set_member){i + 1, 4, {{0x0a000000}, (uint8_t)(8 + i)}};
	assert_int_equal(address_set_build(members, CLASSIFY_KEY_SETS + 1, &table), -E2BIG);
	assert_int_equal(address_set_build(members, CLASSIFY_KEY_SETS, &table), 0);
	assert_int_equal(address_set_depth(table), CLASSIFY_KEY_SETS);
	free(table);
	table = NULL;
	members[0].prefix.length = 33;
	assert_int_equal(address_set_build(members, 1, &table), -EINVAL);
	members[0] = (struct address_set_member){0, 4, {{0}, 0}};
	assert_int_equal(address_set_build(members, 1, &table), -EINVAL);
	members[0] = (struct address_set_member){1, 5, {{0}, 0}};
	assert_int_equal(address_set_build(members, 1, &table), -EINVAL);
	assert_null(table);
}

/* Any word changed: refused, or still safe to ask (a sanitizer watches). */
static void test_check(void **state)
{
	struct address_set_member members[20];
	struct address_set *table;
	uint32_t *copy, words, refused = 0;
	const char *why = NULL;

	for (unsigned i = 0; i < 20; i++)
		members[i] = draw_member(8);
	assert_int_equal(address_set_build(members, 20, &table), 0);
	words = (uint32_t)(address_set_size(table) / sizeof(*copy));
	copy = malloc(address_set_size(table));
	assert_non_null(copy);
	for (uint32_t i = 0; i < words * 64; i++) {
		const struct address_set *bent = (const struct address_set *)copy;
		uint32_t address[4];
		const uint32_t *sets;

		memcpy(copy, table, address_set_size(table));
		copy[i % words] = any(2) ? any(64) : copy[i % words] ^ 1u << any(32);
		if (address_set_check(copy, words * sizeof(*copy), &why)) {
			refused++;
			continue;
		}
		for (int family = 4; family <= 6; family += 2) {
			draw_address(family, address);
			for (unsigned n = address_set_lookup(bent, family, address, &sets); n; n--)
				sink += sets[n - 1];
		}
	}
	assert_true(refused > words);
	assert_int_equal(address_set_check(table, sizeof(uint32_t), &why), -EPROTO);
	free(copy);
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
