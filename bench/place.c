/*
 * place - see place.h.
 */
#include "bench/place.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/hugepages.h"
#include "tests/lib/check.h"

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	interrupted = 1;
}

bool place_is_interrupted(void)
{
	return interrupted;
}

/* Where this program lies. */
static int find_programs(char *ret_folder, size_t room)
{
	ssize_t len = readlink("/proc/self/exe", ret_folder, room - 1);

	if (len < 0)
		return -errno;
	ret_folder[len] = 0;
	*strrchr(ret_folder, '/') = 0;
	return 0;
}

/* A failed check ends this process: what was started and reserved would stay. */
static void abandon(void)
{
	child_abandon();
	hugepages_release();
}

/* Guests and switches with many ports have many files open: as many as we may. */
static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int place_create(struct place *place, int cpu, unsigned huge_mib)
{
	int error;

	*place = (struct place){.cpu = cpu, .folder = "/tmp/sluice-bench-XXXXXX"};
	error = find_programs(place->programs, sizeof(place->programs));
	if (!error && !mkdtemp(place->folder))
		error = -errno;
	if (error) {
		fprintf(stderr, "sluice-bench: %s: %s\n", place->folder, strerror(-error));
		return error;
	}
	allow_files();
	signal(SIGINT, interrupt);
	signal(SIGTERM, interrupt);
	check_epilogue = abandon;
	place->huge = hugepages_reserve(huge_mib);
	return 0;
}

int place_hide_devices(void)
{
	int error = unshare(CLONE_NEWNET) ? -errno : 0;
	FILE *to = error ? NULL : fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "we");

	/* A device that comes up would send frames of its own otherwise. */
	if (to) {
		fputs("1", to);
		fclose(to);
	}
	if (error)
		fprintf(stderr, "sluice-bench: a network namespace: %s\n", strerror(-error));
	return error;
}

void place_destroy(const struct place *place, bool keep)
{
	const char *const argv[] = {"rm", "-r", place->folder, NULL};

	hugepages_release();
	if (keep)
		fprintf(stderr, "sluice-bench: the logs are in %s\n", place->folder);
	else
		child_run(argv, place->cpu, place->folder, "rm");
}

void place_path(const struct place *place, const char *program, char *ret_path, size_t room)
{
	snprintf(ret_path, room, "%s/%s", place->programs, program);
}
