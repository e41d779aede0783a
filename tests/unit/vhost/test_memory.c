/*
 * test_memory - tables of guest memory: what is refused, what is found where.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost/memory.h"
#include "vhost/vhost.h"

enum {
	PAGE = 4096,
	FILE_PAGES = 16,
};

static atomic_bool dead;

static int file_create(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FILE_PAGES * PAGE), 0);
	return fd;
}

static int create(const struct proto_region *regions, unsigned n, int fd,
		  struct memory **ret_memory)
{
	int fds[8] = {fd, fd, fd, fd, fd, fd, fd, fd};
	struct memory_fault fault;

	return memory_create(regions, fds, n, NULL, &dead, ret_memory, &fault);
}

static void bad_regions_are_refused(void **state)
{
	const struct {
		struct proto_region region;
		int err;
	} bad[] = {
		{{0, 0, 0, 0}, -EINVAL},
		{{UINT64_MAX - PAGE + 1, PAGE, 0, 0}, -EINVAL},
		{{UINT64_MAX - PAGE + 2, PAGE, 0, 0}, -EINVAL},
		{{0, PAGE, UINT64_MAX - PAGE + 1, 0}, -EINVAL},
		{{0, PAGE, 0, UINT64_MAX - PAGE + 1}, -EINVAL},
		{{0, UINT64_MAX, 0, 0}, -EINVAL},
		{{0, UINT64_C(1) << 43, 0, 0}, -EINVAL},
		{{0, FILE_PAGES * PAGE + 1, 0, 0}, -ERANGE},
		{{0, PAGE + 1, 0, (FILE_PAGES - 1) * PAGE}, -ERANGE},
		{{0, PAGE, 0, FILE_PAGES * PAGE}, -ERANGE},
		{{0, PAGE, 0, 1}, -EINVAL},
		{{0, PAGE, 0, PAGE / 2}, -EINVAL},
	};
	struct memory *memory;
	int fd = file_create();

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(create(&bad[i].region, 1, fd, &memory), bad[i].err);
	close(fd);
}

static void bad_files_are_refused(void **state)
{
	struct proto_region region = {0, PAGE, 0, 0};
	struct memory *memory;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(create(&region, 1, ends[0], &memory), -EMEDIUMTYPE);
	close(ends[0]);
	close(ends[1]);

	FILE *disk = fopen("/proc/self/exe", "r");
	assert_non_null(disk);
	assert_int_equal(create(&region, 1, fileno(disk), &memory), -EMEDIUMTYPE);
	fclose(disk);

	/* it can be read, but not written to */
	int fd = file_create();
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* not made for seals */
	close(fd);
	fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(create(&region, 1, fd, &memory), -EPERM);
	close(fd);
}

static void overlaps_are_refused(void **state)
{
	struct memory *memory;
	int fd = file_create();
	struct proto_region regions[2] = {
		{10 * PAGE, 4 * PAGE, 100 * PAGE, 0},
		{0, 2 * PAGE, 0, 8 * PAGE},
	};

	for (unsigned at = 7; at < 16; at++) {
		int want = at + 2 <= 10 || at >= 14 ? 0 : -EINVAL;

		regions[1].guest_addr = at * PAGE;
		regions[1].user_addr = 0;
		assert_int_equal(create(regions, 2, fd, &memory), want);
		if (!want)
			memory_destroy(memory);
		regions[1].guest_addr = 0;
		regions[1].user_addr = (90 + at) * PAGE;
		assert_int_equal(create(regions, 2, fd, &memory), want);
		if (!want)
			memory_destroy(memory);
	}
	close(fd);
}

/* Three regions in no order; the first two are next to each other in the guest, not here. */
static struct memory *three(int fd)
{
	const struct proto_region regions[3] = {
		{0x200000, 2 * PAGE, 0x7000000, 2 * PAGE},
		{0x100000 + 2 * PAGE, 3 * PAGE, 0x5000000, 5 * PAGE},
		{0x100000, 2 * PAGE, 0x6000000, 9 * PAGE},
	};
	struct memory *memory;

	assert_int_equal(create(regions, 3, fd, &memory), 0);
	return memory;
}

static void addresses_are_translated(void **state)
{
	int fd = file_create();
	struct memory *memory = three(fd);
	uint8_t *file = mmap(NULL, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	const struct {
		uint64_t gpa, offset, len; /* len 0: not there */
	} cases[] = {
		{0, 0, 0},
		{0x100000 - 1, 0, 0},
		{0x100000, 9 * PAGE, 2 * PAGE},
		{0x100000 + 2 * PAGE - 1, 11 * PAGE - 1, 1},
		{0x100000 + 2 * PAGE, 5 * PAGE, 3 * PAGE},
		{0x100000 + 5 * PAGE - 1, 8 * PAGE - 1, 1},
		{0x100000 + 5 * PAGE, 0, 0},
		{0x200000 - 1, 0, 0},
		{0x200000, 2 * PAGE, 2 * PAGE},
		{0x200000 + 2 * PAGE - 1, 4 * PAGE - 1, 1},
		{0x200000 + 2 * PAGE, 0, 0},
		{UINT64_MAX, 0, 0},
	};

	/* whatever was found last, and even if it is a place that does not exist */
	for (unsigned start = 0; start < 5; start++) {
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			unsigned hint = start;
			uint64_t len = 12345;
			uint8_t *host = memory_translate(memory, &hint, cases[i].gpa, &len);

			if (!cases[i].len) {
				assert_null(host);
				continue;
			}
			assert_non_null(host);
			assert_int_equal(len, cases[i].len);
			assert_int_equal(memory_gpa(memory, host), cases[i].gpa);
			file[cases[i].offset] = (uint8_t)(i + 1);
			assert_int_equal(*host, i + 1);
		}
	}
	munmap(file, FILE_PAGES * PAGE);
	memory_destroy(memory);
	close(fd);
}

static void a_ring_lies_in_one_region(void **state)
{
	int fd = file_create();
	struct memory *memory = three(fd);
	uint64_t gpa;

	assert_non_null(memory_translate_user(memory, 0x6000000, 2 * PAGE, &gpa));
	assert_int_equal(gpa, 0x100000);
	assert_null(memory_translate_user(memory, 0x6000000, 2 * PAGE + 1, &gpa));
	assert_null(memory_translate_user(memory, 0x6000001, 2 * PAGE, &gpa));
	assert_non_null(memory_translate_user(memory, 0x6000000 + 2 * PAGE - 16, 16, &gpa));
	assert_int_equal(gpa, 0x100000 + 2 * PAGE - 16);
	assert_null(memory_translate_user(memory, 0x6000000 + 2 * PAGE, 1, &gpa));
	assert_null(memory_translate_user(memory, 0x6000000 - 1, 1, &gpa));
	assert_null(memory_translate_user(memory, 0x6000000, UINT64_MAX, &gpa));
	assert_null(memory_translate_user(memory, UINT64_MAX, 16, &gpa));
	memory_destroy(memory);
	close(fd);
}

static void regions_come_and_go(void **state)
{
	int fd = file_create();
	struct memory *memory = NULL;
	struct memory_fault fault;

	for (unsigned i = 0; i < 8; i++) {
		/* the last one first */
		struct proto_region region = {(8 - i) * 0x10000, PAGE, i * 0x10000, i * PAGE};
		struct memory *more;

		assert_int_equal(memory_add(memory, &region, fd, &dead, &more, &fault), 0);
		assert_int_equal(memory_add(more, &region, fd, &dead, &memory, &fault), -EINVAL);
		memory_destroy(memory);
		memory = more;
		assert_int_equal(memory->n, i + 1);
		assert_int_equal(memory_end(memory), 0x80000 + PAGE);
	}
	for (unsigned i = 0; i < 8; i++) {
		struct proto_region region = {(8 - i) * 0x10000, PAGE, i * 0x10000, 0};
		struct proto_region other = region;
		struct memory *less;

		other.size--;
		assert_int_equal(memory_remove(memory, &other, &less), -ENOENT);
		assert_int_equal(memory_remove(memory, &region, &less), 0);
		assert_non_null(memory_search(memory, region.guest_addr));
		assert_null(memory_search(less, region.guest_addr));
		memory_destroy(memory);
		memory = less;
	}
	assert_int_equal(memory_end(memory), 0);
	memory_destroy(memory);
	close(fd);
}

static void the_same_file_stays_mapped(void **state)
{
	const struct proto_region region = {0, 4 * PAGE, 0, PAGE};
	struct proto_region moved = {0x80000, 4 * PAGE, 0x90000, PAGE};
	int fd = file_create(), other = file_create();
	struct memory *first, *second, *third;
	struct memory_fault fault;

	assert_int_equal(memory_create(&region, &fd, 1, NULL, &dead, &first, &fault), 0);
	assert_int_equal(memory_create(&moved, &fd, 1, first, &dead, &second, &fault), 0);
	assert_ptr_equal(first->regions[0].host, second->regions[0].host);
	/* the same geometry, but another file */
	assert_int_equal(memory_create(&region, &other, 1, second, &dead, &third, &fault), 0);
	assert_ptr_not_equal(second->regions[0].host, third->regions[0].host);
	memory_destroy(first);
	second->regions[0].host[0] = 1;
	memory_destroy(third);
	second->regions[0].host[0] = 2;
	memory_destroy(second);
	close(fd);
	close(other);
}

static sigjmp_buf escape;

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	if (!vhost_memory_fault(info->si_addr))
		siglongjmp(escape, 1);
}

static void truncation_costs_its_owner(void **state)
{
	const struct proto_region region = {0, 4 * PAGE, 0, 0};
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO}, before;
	atomic_bool dead_first = false, dead_second = false;
	int fd = file_create(), other = file_create();
	struct memory *first, *second;
	struct memory_fault fault;

	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	assert_int_equal(memory_create(&region, &fd, 1, NULL, &dead_first, &first, &fault), 0);
	assert_int_equal(memory_create(&region, &other, 1, NULL, &dead_second, &second, &fault), 0);
	memset(first->regions[0].host, 1, 4 * PAGE);
	memset(second->regions[0].host, 2, 4 * PAGE);
	assert_int_equal(ftruncate(fd, PAGE), 0);

	volatile uint8_t *bytes = first->regions[0].host;
	assert_int_equal(bytes[0], 1);
	assert_false(dead_first);
	assert_int_equal(bytes[2 * PAGE], 0);
	assert_true(dead_first);
	bytes[3 * PAGE] = 3;
	assert_false(dead_second);
	assert_int_equal(second->regions[0].host[3 * PAGE], 2);

	/* what is not ours is not excused */
	uint8_t *mine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	if (sigsetjmp(escape, 1) == 0) {
		*(volatile uint8_t *)mine = 1;
		fail_msg("no SIGBUS");
	}
	munmap(mine, PAGE);
	memory_destroy(first);
	memory_destroy(second);
	assert_false(vhost_memory_fault((void *)(uintptr_t)bytes));
	sigaction(SIGBUS, &before, NULL);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_regions_are_refused),
		cmocka_unit_test(bad_files_are_refused),
		cmocka_unit_test(overlaps_are_refused),
		cmocka_unit_test(addresses_are_translated),
		cmocka_unit_test(a_ring_lies_in_one_region),
		cmocka_unit_test(regions_come_and_go),
		cmocka_unit_test(the_same_file_stays_mapped),
		cmocka_unit_test(truncation_costs_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
