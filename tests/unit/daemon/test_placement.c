/*
 * test_placement - from what the kernel tells (here: files of the test's own) to
 * the workers that should serve a guest.
 *
 * The machine: processors 0 to 7; 0-1, 2-3, 4-5 and 6-7 share an L3 each, 0-3 and
 * 4-7 a node.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/placement.h"
#include "control/vcpu.h"
#include "tests/unit/daemon/unit.h"

enum { CPUS = 8, PID = 4711 };

static char root[] = "/tmp/test_placement.XXXXXX";
static struct topology topology;

/* A file with @text at @path below the root, and the directories to it. */
static void put(const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void put_thread(unsigned task, const char *name, unsigned ticks, unsigned cpu)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/task/%u/stat", PID, task);
	/* proc(5): 14 and 15 are times, 39 is the processor */
	snprintf(text, sizeof(text),
		 "%u (%s) R 1 1 1 0 -1 0 0 0 0 0 %u 1 0 0 20 0 1 0 1 1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 "
		 "17 %u 0 0\n",
		 task, name, ticks, cpu);
	put(path, text);
}

static int make_machine(void **state)
{
	assert_non_null(mkdtemp(root));
	for (int cpu = 0; cpu < CPUS; cpu++) {
		char path[96], text[16];

		snprintf(path, sizeof(path),
			 "sys/devices/system/cpu/cpu%d/cache/index3/shared_cpu_list", cpu);
		snprintf(text, sizeof(text), "%d-%d\n", cpu & ~1, cpu | 1);
		put(path, text);
		snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/node%d", cpu, cpu / 4);
		put(path, "");
	}
	return 0;
}

static int remove_machine(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static const char *below(const char *path)
{
	static char full[64];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return full;
}

static void domains_and_nodes_are_read(void **state)
{
	topology_read(below("sys"), &topology);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		assert_int_equal(topology.domain[cpu], cpu & ~1);
		assert_int_equal(topology.node[cpu], cpu / 4);
	}
	assert_int_equal(topology.domain[CPUS], -1);
	assert_int_equal(topology.node[CPUS], -1);
}

/* The workers at @cpus for a guest that runs on processor @cpu alone. */
static uint32_t mask_for(const int *cpus, unsigned n, unsigned cpu)
{
	uint64_t ticks[TOPOLOGY_CPUS] = {0};

	ticks[cpu] = 10;
	return placement_mask(&topology, cpus, n, ticks);
}

static void a_guest_is_served_from_its_own_cache(void **state)
{
	const int everywhere[] = {0, 2, 4, 6}, few[] = {0, 4}, unpinned[] = {-1, -1};

	topology_read(below("sys"), &topology);
	assert_int_equal(mask_for(everywhere, 4, 1), 1 << 0);
	assert_int_equal(mask_for(everywhere, 4, 7), 1 << 3);
	/* none shares its cache: of the same node then */
	assert_int_equal(mask_for(few, 2, 3), 1 << 0);
	assert_int_equal(mask_for(few, 2, 6), 1 << 1);
	/* none of the same node, or not pinned: any */
	assert_int_equal(mask_for(few, 1, 6), 0);
	assert_int_equal(mask_for(unpinned, 2, 6), 0);
}

static void a_guest_is_where_it_runs_most(void **state)
{
	const int cpus[] = {0, 2, 4, 6};
	uint64_t ticks[TOPOLOGY_CPUS] = {0};

	topology_read(below("sys"), &topology);
	ticks[0] = 50;
	ticks[4] = 30;
	ticks[5] = 30;
	assert_int_equal(placement_mask(&topology, cpus, 4, ticks), 1 << 2);
	ticks[1] = 11;
	assert_int_equal(placement_mask(&topology, cpus, 4, ticks), 1 << 0);
}

static void threads_of_a_front_end_are_counted(void **state)
{
	uint64_t ticks[TOPOLOGY_CPUS] = {0};

	put_thread(1, "qemu-system-x86", 1000, 0);
	put_thread(2, "a) R (b", 500, 1);
	assert_int_equal(vcpu_look(below("proc"), PID, ticks), 2);
	assert_int_equal(ticks[0], 1002);
	assert_int_equal(ticks[1], 502);
	/* threads that run the guest are what counts, if they can be told */
	put_thread(3, "CPU 0/KVM", 7, 4);
	put_thread(4, "CPU 1/KVM", 8, 4);
	memset(ticks, 0, sizeof(ticks));
	assert_int_equal(vcpu_look(below("proc"), PID, ticks), 2);
	assert_int_equal(ticks[0], 0);
	assert_int_equal(ticks[4], 19);
}

static void nonsense_is_nobody(void **state)
{
	uint64_t ticks[TOPOLOGY_CPUS] = {0};

	assert_int_equal(vcpu_look(below("proc"), PID + 1, ticks), -ENOENT);
	put("proc/4713/task/1/stat", "1 (no end R 1 1");
	put("proc/4713/task/2/stat", "");
	put("proc/4713/task/3/stat", "3 (x) R 1 2 3");
	assert_int_equal(vcpu_look(below("proc"), PID + 2, ticks), 0);
}

/* This process, as the kernel really tells of it. */
static void the_kernel_is_understood(void **state)
{
	uint64_t ticks[TOPOLOGY_CPUS] = {0}, sum = 0;

	assert_true(vcpu_look("/proc", getpid(), ticks) >= 1);
	for (unsigned cpu = 0; cpu < TOPOLOGY_CPUS; cpu++)
		sum += ticks[cpu];
	assert_true(sum >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_and_nodes_are_read),
		cmocka_unit_test(a_guest_is_served_from_its_own_cache),
		cmocka_unit_test(a_guest_is_where_it_runs_most),
		cmocka_unit_test(threads_of_a_front_end_are_counted),
		cmocka_unit_test(nonsense_is_nobody),
		cmocka_unit_test(the_kernel_is_understood),
	};

	return cmocka_run_group_tests(tests, make_machine, remove_machine);
}
