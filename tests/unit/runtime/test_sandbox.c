/*
 * test_sandbox - what a worker that was taken over tries, and cannot.
 *
 * Each try is made by a process of its own that went through the sandbox as
 * sluice-dp does, from a second thread. It must die of the try, or be refused;
 * a try that succeeds ends it with a status that says so.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/sandbox.h"
#include "tests/unit/switch/unit.h"

#ifdef SLUICE_SANITIZED
static const char *const skipped = "the sandbox of a sanitized build is wider";
#else
static const char *const skipped;
#endif

enum {
	USER = 12345,
	STATUS_REFUSED = 10,
	STATUS_SUCCEEDED = 11,
	STATUS_NO_SANDBOX = 12,
};

/* Each: true if it worked. */

static bool try_open(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool try_openat2(void)
{
	return syscall(SYS_openat2, AT_FDCWD, "/", &(uint64_t[3]){0}, 24) >= 0;
}

static bool try_stat(void)
{
	struct stat seen;

	return stat("/etc/passwd", &seen) == 0;
}

static bool try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool try_connect(void)
{
	const struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/run/x"};

	return connect(STDIN_FILENO, (const struct sockaddr *)&nowhere, sizeof(nowhere)) == 0 ||
	       errno == ENOTSOCK;
}

static bool try_ioctl(void)
{
	int n;

	return ioctl(STDIN_FILENO, FIONREAD, &n) == 0 || errno == ENOTTY;
}

static bool try_execve(void)
{
	return execl("/bin/true", "true", (char *)NULL) == 0 || errno == ENOENT;
}

static bool try_fork(void)
{
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
}

static bool try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool try_kill(void)
{
	return kill(getppid(), 0) == 0 || errno == EPERM || errno == ESRCH;
}

static bool try_signal_the_parent(void)
{
	return syscall(SYS_tgkill, 1, 1, 0) == 0 || errno == EPERM || errno == ESRCH;
}

static bool try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

static bool try_making_memory_executable(void)
{
	static char page[8192];
	uintptr_t start = ((uintptr_t)page + 4095) & ~(uintptr_t)4095;

	return mprotect((void *)start, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

static bool try_new_ring(void)
{
	char params[256] = {0};

	return syscall(SYS_io_uring_setup, 1, params) >= 0;
}

static bool try_unshare(void)
{
	return syscall(SYS_unshare, 0) == 0;
}

static bool try_setuid(void)
{
	return syscall(SYS_setuid, 0) == 0;
}

static bool try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno != ENOSYS;
}

static bool (*tried)(void);
static int event;
static int begun[2], shut[2]; /* pipes: the thread has begun; the door is shut */

/* As a worker: begun before the door is shut, and behind it all the same. */
static void *worker(void *argument)
{
	char go;

	if (write(begun[1], "", 1) != 1 || read(shut[0], &go, 1) != 1)
		_exit(STATUS_NO_SANDBOX);
	syscall(SYS_exit_group, tried() ? STATUS_SUCCEEDED : STATUS_REFUSED);
	return NULL;
}

static void enter_and_try(bool in_a_thread)
{
	pthread_t thread;
	char go;

	sandbox_set_limits();
	event = eventfd(0, EFD_NONBLOCK);
	if (event < 0 || pipe(begun) || pipe(shut) || sandbox_leave_host())
		_exit(STATUS_NO_SANDBOX);
	if (in_a_thread &&
	    (pthread_create(&thread, NULL, worker, NULL) || read(begun[0], &go, 1) != 1))
		_exit(STATUS_NO_SANDBOX);
	if (sandbox_close())
		_exit(STATUS_NO_SANDBOX);
	if (in_a_thread) {
		if (write(shut[1], "", 1) != 1)
			_exit(STATUS_NO_SANDBOX);
		pthread_join(thread, NULL);
	}
	syscall(SYS_exit_group, tried() ? STATUS_SUCCEEDED : STATUS_REFUSED);
}

/* How a child ended that ran @run. */
static int status_of(void (*run)(bool), bool argument)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		run(argument);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void must_fail(void **state)
{
	tried = *state;
	for (unsigned in_a_thread = 0; in_a_thread < 2; in_a_thread++) {
		int status = status_of(enter_and_try, in_a_thread);

		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
			continue;
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), STATUS_REFUSED);
	}
}

/* A sandbox in which nothing works would pass everything above. */
static bool try_what_a_worker_does(void)
{
	uint64_t one = 1, count = 0;
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *heap = malloc(1 << 20);
	bool fine = memory != MAP_FAILED && heap &&
		    write(event, &one, sizeof(one)) == sizeof(one) &&
		    read(event, &count, sizeof(count)) == sizeof(count) && count == 1;

	free(heap);
	munmap(memory, 4096);
	return fine;
}

static void its_work_goes_on(void **state)
{
	tried = try_what_a_worker_does;
	for (unsigned in_a_thread = 0; in_a_thread < 2; in_a_thread++) {
		int status = status_of(enter_and_try, in_a_thread);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), STATUS_SUCCEEDED);
	}
}

/* Ends with 0 if nothing is left of what the process was, else with a line number. */
static void leave_and_look(bool as_user)
{
	struct if_nameindex *interfaces;
	bool was_root;

	/* dumpable, as after an execve: a user's own files in /proc are its own */
	if (as_user && (setresgid(USER, USER, USER) || setresuid(USER, USER, USER) ||
			prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
		_exit(STATUS_NO_SANDBOX);
	was_root = geteuid() == 0;
	if (sandbox_leave_host())
		_exit(STATUS_NO_SANDBOX);
#define LOOK(condition) ((condition) ? (void)0 : _exit(__LINE__ % 256))
	LOOK(geteuid() != 0 && getuid() != 0 && getgid() != 0);
	LOOK(capng_get_caps_process() == 0);
	LOOK(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
	LOOK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	LOOK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	LOOK(setresuid(0, 0, 0) != 0);
	if (was_root) {
		for (int cap = 0; cap <= 40; cap++)
			LOOK(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) <= 0);
		/* an empty network, and an empty root that stays so */
		interfaces = if_nameindex();
		LOOK(interfaces && interfaces[0].if_index && !interfaces[1].if_index);
		LOOK(access("/etc", F_OK) < 0 && errno == ENOENT);
		LOOK(mkdir("/folder", 0700) < 0 && errno == EROFS);
	}
	LOOK(open("/", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
	_exit(0);
}

static void nothing_is_left_of_root(void **state)
{
	assert_int_equal(status_of(leave_and_look, false), 0);
}

static void nor_of_an_ordinary_user(void **state)
{
	assert_int_equal(status_of(leave_and_look, true), 0);
}

#define TRY(what)                                                                                  \
	{                                                                                          \
#what, must_fail, NULL, NULL, try_##what                                           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRY(open),
		TRY(openat2),
		TRY(stat),
		TRY(socket),
		TRY(connect),
		TRY(ioctl),
		TRY(execve),
		TRY(fork),
		TRY(ptrace),
		TRY(kill),
		TRY(signal_the_parent),
		TRY(executable_memory),
		TRY(making_memory_executable),
		TRY(new_ring),
		TRY(unshare),
		TRY(setuid),
		TRY(bpf),
		cmocka_unit_test(its_work_goes_on),
		cmocka_unit_test(nothing_is_left_of_root),
		cmocka_unit_test(nor_of_an_ordinary_user),
	};

	if (skipped) {
		printf("1..0 # SKIP %s\n", skipped);
		return 0;
	}
	if (geteuid() != 0) {
		printf("1..0 # SKIP not root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
