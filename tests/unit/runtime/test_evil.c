/*
 * test_evil - a data plane that was taken over tries to get out, and cannot.
 *
 * Each deed is done by a process of its own (evil.c): once as it is, where the
 * list of system calls ends it or refuses; and once without that list, where
 * user, capabilities, namespaces and Landlock have to refuse by themselves.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/runtime/evil.h"
#include "tests/unit/switch/unit.h"

#ifdef SLUICE_SANITIZED
static const char *const skipped = "the sandbox of a sanitized build is wider";
#else
static const char *const skipped;
#endif

enum { USER = 12345 };

/* The channel's listening socket, which the start needs, with somebody at the door. */
static int listener(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t size = sizeof(name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&name, &size) ||
	    connect(client, (struct sockaddr *)&name, size))
		return -1;
	return fd;
}

static void become_evil(const char *deed, const char *layer, bool as_user)
{
	const char *program = getenv("SLUICE_DP_EVIL");
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", listener());
	setenv("EVIL", deed, 1);
	setenv("EVIL_LAYER", layer, 1);
	if (as_user && (setresgid(USER, USER, USER) || setresuid(USER, USER, USER)))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, "--listen", fd, (char *)NULL);
	_exit(1);
}

static int status_of(const char *deed, const char *layer, bool as_user)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		become_evil(deed, layer, as_user);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static const char *const deeds[] = {
	"open_file",	"open_proc",	  "open_root",	 "make_file",	     "connect_out",
	"open_packets", "open_tap",	  "run_program", "trace_control",    "read_control",
	"kill_control", "kill_everybody", "run_code",	 "run_stack",	     "become_root",
	"mount_proc",	"load_bpf",	  "call_ioctl",	 "send_to_stranger",
};

static void nothing_gets_out(void **state)
{
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		int status = status_of(deeds[i], "all", i % 2);

		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
			continue;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != EVIL_REFUSED)
			fail_msg("%s: wait status %#x", deeds[i], (unsigned)status);
	}
}

/* Without the list of system calls: what reaches something outside of the process. */
static void each_wall_stands_alone(void **state)
{
	static const char *const outward[] = {
		"open_file",  "open_proc",   "open_root",     "make_file",    "open_packets",
		"open_tap",   "run_program", "trace_control", "read_control", "become_root",
		"mount_proc", "load_bpf",    "kill_control",  "connect_out",
	};

	for (size_t i = 0; i < 2 * sizeof(outward) / sizeof(outward[0]); i++) {
		int status = status_of(outward[i / 2], "namespaces", i % 2);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != EVIL_REFUSED)
			fail_msg("%s as %s: wait status %#x", outward[i / 2],
				 i % 2 ? "a user" : "root", (unsigned)status);
	}
}

/* A deed that is none would be refused by everybody. */
static void what_is_allowed_is_seen(void **state)
{
	int status = status_of("run_code", "namespaces", false);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EVIL_SUCCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gets_out),
		cmocka_unit_test(each_wall_stands_alone),
		cmocka_unit_test(what_is_allowed_is_seen),
	};
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = EVIL_SOCKET};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (skipped || geteuid() != 0) {
		printf("1..0 # SKIP %s\n", skipped ? skipped : "not root");
		return 0;
	}
	/* when two of us run, the other's listens as well */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&name, EVIL_SOCKET_SIZE) == 0)
		(void)!listen(fd, 100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
