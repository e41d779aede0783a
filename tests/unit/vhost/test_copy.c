/*
 * test_copy - every length and every overlap that the small copies know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vhost/copy.h"

enum {
	LONGEST = 300,
	ROOM = 3 * LONGEST,
};

static void copies_are_like_memmove(void **state)
{
	uint8_t want[ROOM], got[ROOM];

	for (size_t len = 0; len <= LONGEST; len++) {
		for (size_t to = 0; to <= 2 * LONGEST; to += to < LONGEST - 20 ? 7 : 1) {
			for (size_t i = 0; i < ROOM; i++)
				want[i] = got[i] = (uint8_t)(i * 31 + len);
			memmove(want + to, want + LONGEST, len);
			copy_bytes(got + to, got + LONGEST, len);
			assert_memory_equal(want, got, ROOM);
		}
	}
}

static COPY_WIDE void copy_widely(uint8_t *to, const uint8_t *from, size_t len)
{
	copy_head(to, from, len, true);
}

/* What needs no wide registers and what has them copy the same bytes, and no others. */
static void wide_copies_are_the_same(void **state)
{
	uint8_t from[ROOM], narrow[ROOM], wide[ROOM];

	if (!copy_is_wide())
		skip();
	for (size_t i = 0; i < ROOM; i++)
		from[i] = (uint8_t)(i * 31 + 7);
	for (size_t len = 0; len <= LONGEST; len++) {
		for (size_t at = 0; at < 64; at += at < 8 ? 1 : 7) {
			memset(narrow, 0xee, ROOM);
			memset(wide, 0xee, ROOM);
			copy_head(narrow + at, from + 64 - at, len, false);
			copy_widely(wide + at, from + 64 - at, len);
			assert_memory_equal(narrow, wide, ROOM);
			assert_memory_equal(wide + at, from + 64 - at, len);
			for (size_t i = 0; i < ROOM; i++)
				assert_true((i >= at && i < at + len) || wide[i] == 0xee);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_like_memmove),
		cmocka_unit_test(wide_copies_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
