/*
 * child - see child.h.
 */
#include "bench/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/placement.h"
#include "tests/lib/clock.h"

enum { END_MS = 3000, CHILD_TREE = 32, LIVING = 32 };

/* Who was started and not ended, for child_abandon(). */
static pid_t living[LIVING];

static void replace_living(pid_t was, pid_t is)
{
	for (unsigned i = 0; i < LIVING; i++)
		if (living[i] == was) {
			living[i] = is;
			return;
		}
}

void child_abandon(void)
{
	for (unsigned i = 0; i < LIVING; i++)
		if (living[i]) {
			kill(living[i], SIGTERM);
			kill(living[i], SIGCONT);
		}
}

/* In the new process: become the program. */
_Noreturn static void become(const char *const *argv, int cpu, int input, int log, pid_t parent)
{
	/* Ctrl-C is ours: we end it when we are done. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || placement_pin(cpu) < 0)
		_exit(126);
	dup2(input, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	/* execvp() changes neither the words nor the pointers to them. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int child_start(struct child *child, const char *const *argv, int cpu, const char *folder,
		const char *name)
{
	pid_t parent = getpid();
	int input[2], log;

	*child = (struct child){.input = -1};
	snprintf(child->log, sizeof(child->log), "%s/%s.log", folder, name);
	log = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return -errno;
	if (pipe2(input, O_CLOEXEC)) {
		close(log);
		return -errno;
	}
	child->pid = fork();
	if (child->pid == 0)
		become(argv, cpu, input[0], log, parent);
	close(log);
	close(input[0]);
	if (child->pid < 0) {
		close(input[1]);
		child->pid = 0;
		return -EAGAIN;
	}
	child->input = input[1];
	replace_living(0, child->pid);
	return 0;
}

bool child_lives(const struct child *child)
{
	siginfo_t ended = {.si_pid = 0};

	return child->pid &&
	       waitid(P_PID, (id_t)child->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       ended.si_pid == 0;
}

/*
 * It and what it started, and so on: Sluice's data plane has a session of its own. Returns how
 * many; at most CHILD_TREE.
 */
static unsigned find_tree(const struct child *child, pid_t tree[CHILD_TREE])
{
	unsigned n = 0;

	if (!child->pid)
		return 0;
	tree[n++] = child->pid;
	for (unsigned i = 0; i < n; i++) {
		char path[64];
		FILE *from;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", tree[i], tree[i]);
		from = fopen(path, "re");
		while (from && n < CHILD_TREE && fscanf(from, "%d", &tree[n]) == 1)
			n++;
		if (from)
			fclose(from);
	}
	return n;
}

static void tell(const struct child *child, int signal)
{
	pid_t tree[CHILD_TREE];
	unsigned n = find_tree(child, tree);

	for (unsigned i = 0; i < n; i++)
		kill(tree[i], signal);
}

void child_freeze(const struct child *child)
{
	tell(child, SIGSTOP);
}

void child_thaw(const struct child *child)
{
	tell(child, SIGCONT);
}

uint64_t child_process_cpu_ns(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* Is a thread of @pid busier than *@busiest? It is that, then. */
static void find_busiest(pid_t pid, struct child_thread *busiest)
{
	struct dirent *task;
	char path[320];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		unsigned long long ran, waited;
		FILE *from;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, task->d_name);
		from = fopen(path, "re");
		if (from && fscanf(from, "%llu %llu", &ran, &waited) == 2 && ran > busiest->ran_ns)
			*busiest = (struct child_thread){ran, waited};
		if (from)
			fclose(from);
	}
	if (tasks)
		closedir(tasks);
}

/* The proportional set size (proc(5)) of all mappings but those of our guests' memory. */
static uint64_t memory_kib(pid_t pid)
{
	unsigned long kib, sum = 0;
	char path[64], line[512];
	bool ours = false;
	FILE *from;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	from = fopen(path, "re");
	while (from && fgets(line, sizeof(line), from)) {
		if (strstr(line, " /memfd:guest"))
			ours = true;
		else if (strncmp(line, "VmFlags:", 8) == 0) /* a mapping's last line */
			ours = false;
		else if (!ours && sscanf(line, "Pss: %lu kB", &kib) == 1)
			sum += kib;
	}
	if (from)
		fclose(from);
	return sum;
}

/* The sum of a measure over all of them. */
static uint64_t sum(const struct child *child, uint64_t (*measure)(pid_t pid))
{
	pid_t tree[CHILD_TREE];
	unsigned n = find_tree(child, tree);
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += measure(tree[i]);
	return total;
}

uint64_t child_cpu_ns(const struct child *child)
{
	return sum(child, child_process_cpu_ns);
}

void child_find_busiest(const struct child *child, struct child_thread *busiest)
{
	pid_t tree[CHILD_TREE];
	unsigned n = find_tree(child, tree);

	for (unsigned i = 0; i < n; i++)
		find_busiest(tree[i], busiest);
}

uint64_t child_memory_kib(const struct child *child)
{
	return sum(child, memory_kib);
}

void child_end(struct child *child)
{
	pid_t tree[CHILD_TREE];
	unsigned n;

	if (!child->pid)
		return;
	child_thaw(child);
	n = find_tree(child, tree);
	kill(child->pid, SIGTERM);
	if (!clock_await(END_MS, !child_lives(child)))
		for (unsigned i = 0; i < n; i++)
			kill(tree[i], SIGKILL);
	waitpid(child->pid, NULL, 0);
	replace_living(child->pid, 0);
	close(child->input);
	child->pid = 0;
}

int child_run(const char *const *argv, int cpu, const char *folder, const char *name)
{
	struct child child;
	int error = child_start(&child, argv, cpu, folder, name), status;

	if (error)
		return error;
	if (waitpid(child.pid, &status, 0) != child.pid)
		return -errno;
	replace_living(child.pid, 0);
	close(child.input);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

bool child_is_found(const char *program)
{
	const char *folders = getenv("PATH");
	char path[4096];

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	while (folders && *folders) {
		size_t len = strcspn(folders, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)len, folders, program);
		if (access(path, X_OK) == 0)
			return true;
		folders += len + (folders[len] == ':');
	}
	return false;
}
