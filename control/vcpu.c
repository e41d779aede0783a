/*
 * vcpu - see vcpu.h.
 */
#include "control/vcpu.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	THREADS_MAX = 512,
	STAT_MAX = 1024, /* bytes of a stat file: some 50 numbers and a name of 16 bytes */
	/* words behind the name's closing parenthesis (proc(5): fields 14, 15 and 39) */
	WORD_UTIME = 11,
	WORD_STIME = 12,
	WORD_PROCESSOR = 36,
};

struct thread {
	bool is_vcpu;
	unsigned cpu;
	uint64_t ticks;
};

/* A number of the @n-th word of @text, or -1. */
static long long word_number(const char *text, unsigned n)
{
	for (; n; n--) {
		text = strchr(text, ' ');
		if (!text)
			return -1;
		text++;
	}
	return *text >= '0' && *text <= '9' ? strtoll(text, NULL, 10) : -1;
}

static bool thread_read(const char *proc, pid_t pid, const char *task, struct thread *ret_thread)
{
	char path[128], text[STAT_MAX];
	const char *name, *rest;
	long long utime, stime, cpu;
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/task/%.16s/stat", proc, (int)pid, task);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	/* the name is the thread's to choose, and may hold parentheses */
	name = strchr(text, '(');
	rest = strrchr(text, ')');
	if (!name || !rest || rest < name || rest[1] != ' ')
		return false;
	rest += 2;
	utime = word_number(rest, WORD_UTIME);
	stime = word_number(rest, WORD_STIME);
	cpu = word_number(rest, WORD_PROCESSOR);
	if (utime < 0 || stime < 0 || cpu < 0 || cpu >= TOPOLOGY_CPUS)
		return false;
	ret_thread->is_vcpu = !strncmp(name, "(CPU ", 5);
	ret_thread->cpu = (unsigned)cpu;
	/* one that has just begun counts, too */
	ret_thread->ticks = (uint64_t)utime + (uint64_t)stime + 1;
	return true;
}

int vcpu_look(const char *proc, pid_t pid, uint64_t ret_ticks[static TOPOLOGY_CPUS])
{
	struct thread threads[THREADS_MAX];
	unsigned n = 0, counted = 0;
	bool any_vcpu = false;
	struct dirent *entry;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "%s/%d/task", proc, (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while (n < THREADS_MAX && (entry = readdir(tasks))) {
		if (*entry->d_name == '.' || !thread_read(proc, pid, entry->d_name, &threads[n]))
			continue;
		any_vcpu |= threads[n++].is_vcpu;
	}
	closedir(tasks);
	for (unsigned i = 0; i < n; i++) {
		if (any_vcpu && !threads[i].is_vcpu)
			continue;
		ret_ticks[threads[i].cpu] += threads[i].ticks;
		counted++;
	}
	return (int)counted;
}
