/*
 * child - a program that a comparison runs: a switch, or what a switch needs.
 *
 * It runs on one processor, writes to a log of its own, and ends with us, however
 * we end. All that it starts is frozen and thawed with it: a switch that polls
 * would otherwise take the processor from the one that is measured.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_PATH = 108 }; /* as long as a socket's name may be (unix(7)) */

struct child {
	pid_t pid; /* 0: none */
	int input; /* its standard input, open and empty for as long as it lives */
	char log[CHILD_PATH];
};

/* Start @argv, found by PATH, on @cpu; its log is @folder/@name.log. 0 or -errno. */
int child_start(struct child *child, const char *const *argv, int cpu, const char *folder,
		const char *name);

void child_freeze(const struct child *child);
void child_thaw(const struct child *child);
bool child_lives(const struct child *child);

/*
 * What it and all that it started took until now: processor time, and memory, of which what is
 * shared counts in parts and what is our guests' does not count.
 */
uint64_t child_process_cpu_ns(pid_t pid); /* of one, whoever started it; 0: there is none */
uint64_t child_cpu_ns(const struct child *child);
uint64_t child_memory_kib(const struct child *child);

/* A thread: how long it ran, and how long it waited for a processor that others had. */
struct child_thread {
	uint64_t ran_ns;
	uint64_t waited_ns;
};

/* Put into *@busiest the thread that ran longest, of those that the child started and itself. */
void child_find_busiest(const struct child *child, struct child_thread *busiest);

/* SIGTERM, and SIGKILL for what does not end by that. */
void child_end(struct child *child);

/* We end at once, whatever goes on: tell all that still runs to end, frozen or not. */
void child_abandon(void);

/* Run @argv to its end: its exit status, or -errno. */
int child_run(const char *const *argv, int cpu, const char *folder, const char *name);

/* Is @program found by PATH? */
bool child_is_found(const char *program);

#endif
