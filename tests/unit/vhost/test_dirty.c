/*
 * test_dirty - which bits of the log are set, and none but those.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost/dirty.h"
#include "vhost/inflight.h"

enum {
	LOG_BYTES = 100,
	LOG_PAGES = LOG_BYTES * 8,
};

static struct dirty_log *log_create(void)
{
	struct dirty_log *log;
	atomic_bool dead;
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(dirty_log_create(fd, 0, LOG_BYTES, &dead, &log), 0);
	close(fd);
	return log;
}

static bool is_dirty(const struct dirty_log *log, unsigned page)
{
	return log->mapping->bytes[page / 8] >> page % 8 & 1;
}

static void ranges_mark_their_pages(void **state)
{
	struct dirty_log *log = log_create();
	struct dirty_cache cache = {0};

	for (uint64_t gpa = 0; gpa < 5 * DIRTY_PAGE; gpa += 1023) {
		for (uint64_t len = 0; len < 3 * DIRTY_PAGE; len += len < 4 ? 1 : 1021) {
			memset(log->mapping->bytes, 0, 4096);
			dirty_mark(log, &cache, gpa, len);
			dirty_flush(log, &cache);
			for (unsigned page = 0; page < 16; page++) {
				bool want = len > 0 && page * DIRTY_PAGE < gpa + len &&
					    (page + 1UL) * DIRTY_PAGE > gpa;

				assert_int_equal(is_dirty(log, page), want);
			}
		}
	}
	dirty_log_destroy(log);
}

static void nothing_is_marked_outside(void **state)
{
	struct dirty_log *log = log_create();
	struct dirty_cache cache = {0};

	dirty_mark(log, &cache, LOG_PAGES * UINT64_C(4096), 4096);
	dirty_mark(log, &cache, UINT64_MAX, 1);
	dirty_mark(log, &cache, UINT64_MAX - 4096, UINT64_MAX);
	dirty_mark(log, &cache, LOG_PAGES * UINT64_C(4096) - 1, UINT64_MAX);
	dirty_flush(log, &cache);
	for (unsigned page = 0; page < 4096 * 8; page++)
		assert_int_equal(log->mapping->bytes[page / 8] >> page % 8 & 1,
				 page == LOG_PAGES - 1);
	dirty_log_destroy(log);
}

static void more_pages_than_the_cache_holds(void **state)
{
	struct dirty_log *log = log_create();
	struct dirty_cache cache = {0};

	for (unsigned page = 3; page < LOG_PAGES; page += 9)
		dirty_mark(log, &cache, page * UINT64_C(4096), 1);
	dirty_flush(log, &cache);
	for (unsigned page = 0; page < LOG_PAGES; page++)
		assert_int_equal(is_dirty(log, page), page % 9 == 3);
	dirty_log_destroy(log);
}

static void bits_of_others_stay(void **state)
{
	struct dirty_log *log = log_create();
	struct dirty_cache cache = {0};

	dirty_mark(log, &cache, 0, 1);
	log->mapping->bytes[0] = 0x80; /* between mark and flush, by the other side */
	dirty_flush(log, &cache);
	assert_int_equal(log->mapping->bytes[0], 0x81);
	dirty_log_destroy(log);
}

static void a_log_covers_what_it_has_bits_for(void **state)
{
	struct dirty_log *log = log_create();

	assert_true(dirty_log_covers(log, 0));
	assert_true(dirty_log_covers(log, LOG_PAGES * UINT64_C(4096)));
	assert_false(dirty_log_covers(log, LOG_PAGES * UINT64_C(4096) + 1));
	assert_false(dirty_log_covers(log, UINT64_MAX));
	dirty_log_destroy(log);
}

static void inflight_areas_have_the_size_of_the_specification(void **state)
{
	/* 16 bytes and 16 for each descriptor, in whole 64 bytes, for each queue */
	assert_int_equal(inflight_size(1, 1), 64);
	assert_int_equal(inflight_size(1, 3), 64);
	assert_int_equal(inflight_size(1, 4), 128);
	assert_int_equal(inflight_size(2, 256), 2 * (256 * 16 + 64));
	assert_int_equal(inflight_size(128, 32768), 128 * (32768 * 16 + 64));

	int fd = inflight_create(inflight_size(2, 256));
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), inflight_size(2, 256));
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_mark_their_pages),
		cmocka_unit_test(nothing_is_marked_outside),
		cmocka_unit_test(more_pages_than_the_cache_holds),
		cmocka_unit_test(bits_of_others_stay),
		cmocka_unit_test(a_log_covers_what_it_has_bits_for),
		cmocka_unit_test(inflight_areas_have_the_size_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
