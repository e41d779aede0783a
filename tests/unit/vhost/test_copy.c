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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(copies_are_like_memmove)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
