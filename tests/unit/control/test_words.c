/*
 * test_words - the small texts of the language: quantities, addresses, names, suggestions.
 */
#include <errno.h>
#include <sys/socket.h>

#include "control/address.h"
#include "control/name.h"
#include "control/quantity.h"
#include "control/suggest.h"
#include "tests/unit/control/unit.h"

struct quantity_case {
	const char *text;
	int error;
	uint64_t value;
};

static void assert_quantities(int (*parse)(const char *text, uint64_t *ret),
			      const struct quantity_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 77;
		int error = parse(cases[i].text, &value);

		if (error != cases[i].error || value != (error ? 77 : cases[i].value))
			fail_msg("%s gives %d, %lu", cases[i].text, error, (unsigned long)value);
	}
}

static void counts_are_decimal(void **state)
{
	static const struct quantity_case cases[] = {
		{"0", 0, 0},
		{"64", 0, 64},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"01", -EINVAL, 0},
		{"0x1", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"1k", -EINVAL, 0},
	};

	assert_quantities(quantity_count, cases, sizeof(cases) / sizeof(cases[0]));
}

static void times_have_units(void **state)
{
	static const struct quantity_case cases[] = {
		{"500ms", 0, 500},   {"300s", 0, 300000}, {"5m", 0, 300000},
		{"5min", 0, 300000}, {"1h", 0, 3600000},  {"7d", 0, 604800000},
		{"300", -EDOM, 0},   {"s", -EINVAL, 0},	  {"1w", -EINVAL, 0},
		{"1S", -EINVAL, 0},  {"1 s", -EINVAL, 0}, {"999999999999999999d", -ERANGE, 0},
	};

	assert_quantities(quantity_duration, cases, sizeof(cases) / sizeof(cases[0]));
}

static void rates_have_units(void **state)
{
	static const struct quantity_case bits[] = {
		{"1gbit", 0, 1000000000}, {"64kbit", 0, 64000},	  {"1bit", 0, 1},
		{"1000", -EDOM, 0},	  {"1gbyte", -EINVAL, 0}, {"1kpps", -EINVAL, 0},
	};
	static const struct quantity_case packets[] = {
		{"200kpps", 0, 200000},
		{"1pps", 0, 1},
		{"1000", -EDOM, 0},
		{"1kbit", -EINVAL, 0},
	};

	assert_quantities(quantity_bitrate, bits, sizeof(bits) / sizeof(bits[0]));
	assert_quantities(quantity_packetrate, packets, sizeof(packets) / sizeof(packets[0]));
}

static void macs_are_six_bytes(void **state)
{
	static const char *const wrong[] = {"",
					    "52:54:00:00:00",
					    "52:54:00:00:00:01:02",
					    "52:54:00:00:00:0g",
					    "525400000001",
					    "52:54-00:00:00:01",
					    "52:54:00:00:00:1",
					    " 52:54:00:00:00:01",
					    "52.54.00.00.00.01"};
	char text[ADDRESS_MAC_TEXT];
	mac48 mac;

	assert_int_equal(address_parse_mac("52:54:00:00:ab:CD", &mac), 0);
	assert_int_equal(mac, 0x52540000abcd);
	assert_string_equal(address_format_mac(mac, text), "52:54:00:00:ab:cd");
	assert_int_equal(address_parse_mac("ff-ff-ff-ff-ff-ff", &mac), 0);
	assert_int_equal(mac, MAC_BROADCAST);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(address_parse_mac(wrong[i], &mac), -EINVAL);
}

/* Parsed and written again. */
static void assert_prefix(const char *text, const char *again)
{
	char seen[ADDRESS_PREFIX_TEXT];
	struct address_prefix prefix;

	assert_int_equal(address_parse_prefix(text, &prefix), 0);
	if (prefix.family == AF_INET)
		address_format_prefix4(&prefix.v4, seen);
	else
		address_format_prefix6(&prefix.v6, seen);
	assert_string_equal(seen, again);
}

static void prefixes_are_of_both_families(void **state)
{
	static const char *const wrong[] = {"",
					    "/",
					    "10",
					    "10.0.0.0/",
					    "10.0.0.0/33",
					    "10.0.0.0/08",
					    "10.0.0.0/-1",
					    "10.0.0.0/8/8",
					    "10.0.0.256",
					    "fd00::/129",
					    "fd00:::1",
					    "any",
					    "10.0.0.0 /8",
					    "::1%eth0",
					    "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};
	struct address_prefix prefix;

	assert_prefix("10.0.0.1", "10.0.0.1");
	assert_prefix("10.0.0.1/32", "10.0.0.1");
	assert_prefix("10.0.0.0/8", "10.0.0.0/8");
	assert_prefix("0.0.0.0/0", "0.0.0.0/0");
	assert_prefix("FD00:0::0001", "fd00::1");
	assert_prefix("fd00::/64", "fd00::/64");
	assert_prefix("fd00::/65", "fd00::/65");
	assert_prefix("fc00::/7", "fc00::/7");
	assert_prefix("::/0", "::/0");
	assert_prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(address_parse_prefix(wrong[i], &prefix), -EINVAL);
	assert_int_equal(address_parse_prefix("10.0.0.1/24", &prefix), -EDOM);
	assert_int_equal(prefix.v4.address, 0x0a000000);
	assert_int_equal(address_parse_prefix("fd00::1/64", &prefix), -EDOM);
}

static void names_have_small_letters(void **state)
{
	char longest[LIMIT_NAME + 2];

	memset(longest, 'a', sizeof(longest));
	longest[LIMIT_NAME + 1] = '\0';
	assert_false(name_is_valid(longest));
	longest[LIMIT_NAME] = '\0';
	assert_true(name_is_valid(longest));
	assert_true(name_is_valid("vm-1_a.b"));
	assert_false(name_is_valid(""));
	assert_false(name_is_valid("A"));
	assert_false(name_is_valid("a/b"));
	assert_false(name_is_valid("a b"));
	assert_false(name_is_valid("\xc3\xa9"));
}

static const char *best_of(const char *word, const char *const *candidates)
{
	struct suggest suggest = {.word = word};

	while (*candidates)
		suggest_offer(&suggest, *candidates++);
	return suggest.best ? suggest.best : "";
}

static void suggestions_are_near(void **state)
{
	static const char *const words[] = {"network", "vlan", "trunk", "vhost-user",
					    "macs",    "mtu",  NULL};

	assert_string_equal(best_of("netwrok", words), "network");  /* swapped */
	assert_string_equal(best_of("netwok", words), "network");   /* left out */
	assert_string_equal(best_of("networks", words), "network"); /* too much */
	assert_string_equal(best_of("metwark", words), "network");  /* two changed */
	assert_string_equal(best_of("nteworsk", words), "network");
	assert_string_equal(best_of("natworc", words), "network");
	assert_string_equal(best_of("mutwurc", words), "");
	assert_string_equal(best_of("vlna", words), "vlan");
	assert_string_equal(best_of("vln", words), "vlan");
	assert_string_equal(best_of("vlxx", words), "");
	assert_string_equal(best_of("mt", words), "");
	assert_string_equal(best_of("vhostuser", words), "vhost-user");
	assert_string_equal(best_of("", words), "");
	assert_string_equal(best_of("x", words), "");
	assert_string_equal(best_of("mac", words), "macs");
}

/* Against the whole table, which nobody could afford for every word. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[16][16], m = (unsigned)strlen(a), n = (unsigned)strlen(b);

	for (unsigned i = 0; i <= m; i++) {
		for (unsigned j = 0; j <= n; j++) {
			unsigned best = i > j ? i : j;

			if (i && j) {
				best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
				if (rows[i - 1][j] + 1 < best)
					best = rows[i - 1][j] + 1;
				if (rows[i][j - 1] + 1 < best)
					best = rows[i][j - 1] + 1;
			}
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    rows[i - 2][j - 2] + 1 < best)
				best = rows[i - 2][j - 2] + 1;
			rows[i][j] = best;
		}
	}
	return rows[m][n];
}

static void the_band_loses_nothing(void **state)
{
	uint32_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct suggest suggest = {0};
		char words[2][12];

		for (int w = 0; w < 2; w++) {
			unsigned length = 3 + (seed >> 16) % 8;

			for (unsigned i = 0; i < length; i++) {
				seed = seed * 1103515245 + 12345;
				words[w][i] = (char)('a' + (seed >> 16) % 3);
			}
			words[w][length] = '\0';
		}
		suggest.word = words[0];
		suggest_offer(&suggest, words[1]);
		if ((suggest.best != NULL) !=
		    (distance(words[0], words[1]) <= (strlen(words[0]) < 6 ? 1u : 2u)))
			fail_msg("%s %s: %u", words[0], words[1], distance(words[0], words[1]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_decimal),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(rates_have_units),
		cmocka_unit_test(macs_are_six_bytes),
		cmocka_unit_test(prefixes_are_of_both_families),
		cmocka_unit_test(names_have_small_letters),
		cmocka_unit_test(suggestions_are_near),
		cmocka_unit_test(the_band_loses_nothing),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
