/*
 * quantity - see quantity.h. A number, then a word from a table.
 */
#include "control/quantity.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct unit {
	const char *word;
	uint64_t factor;
};

/* Read digits at @text; *@ret_end is behind them. */
static int parse_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	const char *at = text;
	uint64_t number = 0;
	int error = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			error = -ERANGE;
	if (at == text || (*text == '0' && at > text + 1))
		return -EINVAL;
	*ret = number;
	*ret_end = at;
	return error;
}

static int parse_unit(const char *text, const struct unit *units, uint64_t *ret)
{
	const char *end = NULL;
	uint64_t number;
	int error = parse_digits(text, &number, &end);

	if (error)
		return error;
	if (!*end)
		return -EDOM;
	while (units->word && strcmp(end, units->word))
		units++;
	if (!units->word)
		return -EINVAL;
	if (__builtin_mul_overflow(number, units->factor, &number))
		return -ERANGE;
	*ret = number;
	return 0;
}

int quantity_count(const char *text, uint64_t *ret)
{
	const char *end = NULL;
	uint64_t number;
	int error = parse_digits(text, &number, &end);

	if (error)
		return error;
	if (*end)
		return -EINVAL;
	*ret = number;
	return 0;
}

int quantity_duration(const char *text, uint64_t *ret_ms)
{
	static const struct unit units[] = {
		{"ms", 1},	{"s", 1000},	 {"m", 60000}, {"min", 60000},
		{"h", 3600000}, {"d", 86400000}, {NULL, 0},
	};

	return parse_unit(text, units, ret_ms);
}

int quantity_bitrate(const char *text, uint64_t *ret_bps)
{
	static const struct unit units[] = {
		{"bit", 1},	      {"kbit", 1000},	       {"mbit", 1000000},
		{"gbit", 1000000000}, {"tbit", 1000000000000}, {NULL, 0},
	};

	return parse_unit(text, units, ret_bps);
}

int quantity_packetrate(const char *text, uint64_t *ret_pps)
{
	static const struct unit units[] = {
		{"pps", 1}, {"kpps", 1000}, {"mpps", 1000000}, {"gpps", 1000000000}, {NULL, 0},
	};

	return parse_unit(text, units, ret_pps);
}
