/*
 * test_process - children that are found again, and nobody else; and memory that
 * is sealed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/process.h"
#include "control/sealed.h"
#include "tests/unit/daemon/unit.h"

static char dir[] = "/tmp/sluice-test-process-XXXXXX";
static char path[sizeof(dir) + 8];

static int begin(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/pid", dir);
	return 0;
}

static int end(void **state)
{
	unlink(path);
	return rmdir(dir);
}

/* A shell that runs @script with two pipes as its descriptors 3 (to read) and 4 (to write). */
static int spawn_shell(const char *script, int *ret_to, int *ret_from, pid_t *ret_pid)
{
	const char *arguments[] = {"sh", "-c", script, NULL};
	int to[2], from[2], pidfd;

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	/* in the order that would go wrong if each were copied to its place in turn */
	assert_int_equal(
		process_spawn("/bin/sh", arguments, (int[]){to[0], from[1]}, 2, ret_pid, &pidfd),
		0);
	close(to[0]);
	close(from[1]);
	*ret_to = to[1];
	*ret_from = from[0];
	return pidfd;
}

static void reap(int pidfd, int to, int from)
{
	siginfo_t status;

	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	assert_int_equal(waitid(P_PIDFD, (id_t)pidfd, &status, WEXITED), 0);
	close(pidfd);
	close(to);
	close(from);
}

static void a_child_gets_its_descriptors(void **state)
{
	enum { OURS = 100 };
	char answer[16] = "";
	int to, from;
	pid_t pid;
	int ours = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, OURS);
	int pidfd = spawn_shell("read word <&3; test -e /proc/self/fd/100 || echo got-$word >&4",
				&to, &from, &pid);

	assert_int_equal(ours, OURS);
	assert_int_equal(write(to, "it\n", 3), 3);
	assert_int_equal(read(from, answer, sizeof(answer)), 7);
	assert_string_equal(answer, "got-it\n");
	close(ours);
	reap(pidfd, to, from);
}

static void a_child_has_a_session_of_its_own(void **state)
{
	int to, from;
	pid_t pid;
	int pidfd = spawn_shell("read word <&3", &to, &from, &pid);

	assert_int_equal(getsid(pid), pid);
	reap(pidfd, to, from);
}

static void a_program_that_is_not_there(void **state)
{
	const char *arguments[] = {"none", NULL};
	pid_t pid;
	int pidfd;

	assert_int_equal(process_spawn("/no/such/program", arguments, NULL, 0, &pid, &pidfd),
			 -ENOENT);
	assert_int_equal(process_spawn("/tmp", arguments, NULL, 0, &pid, &pidfd), -EACCES);
}

static void who_is_remembered_is_found(void **state)
{
	int to, from, again;
	pid_t pid, found = 0;
	int pidfd = spawn_shell("read word <&3", &to, &from, &pid);
	struct pollfd gone;

	assert_int_equal(process_remember(path, pid), 0);
	assert_int_equal(process_recall(path, &found, &again), 0);
	assert_int_equal(found, pid);
	/* it is the same process: killed by the one, it is gone for the other */
	gone = (struct pollfd){.fd = again, .events = POLLIN};
	assert_int_equal(poll(&gone, 1, 0), 0);
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	assert_int_equal(poll(&gone, 1, 5000), 1);
	close(again);
	reap(pidfd, to, from);
	assert_true(process_recall(path, &found, &again) < 0);
}

/* The pid was given to somebody else meanwhile: its birth is another. */
static void nobody_else_is_found(void **state)
{
	static const char *const texts[] = {"",	    "x",    "1 1", "-1 1", "0 0", "999999999 5",
					    "%d 1", "%d 0", "%d"};
	pid_t found;
	int pidfd;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		if (!strncmp(texts[i], "%d", 2))
			fprintf(file, "%d%s", (int)getpid(), texts[i] + 2);
		else
			fputs(texts[i], file);
		fclose(file);
		if (process_recall(path, &found, &pidfd) >= 0)
			fail_msg("`%s` names a process", texts[i]);
	}
	unlink(path);
	assert_int_equal(process_recall(path, &found, &pidfd), -ENOENT);
}

static void sealed_memory(void **state)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct sealed sealed = SEALED_NONE;
	int fd;

	assert_int_equal(sealed_make("test", "twelve bytes", 12, &fd), 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(sealed_map(fd, all, &sealed), 0);
	assert_int_equal(sealed.size, 12);
	assert_memory_equal(sealed.memory, "twelve bytes", 12);
	sealed_release(&sealed);
	sealed_release(&sealed);
}

static void unsealed_memory(void **state)
{
	struct sealed sealed = SEALED_NONE;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(sealed_map(fd, F_SEAL_SHRINK, &sealed), -EPROTO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(sealed_map(fd, F_SEAL_SHRINK, &sealed), -EPROTO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(sealed_map(fd, F_SEAL_SHRINK | F_SEAL_WRITE, &sealed), -EPROTO);
	assert_int_equal(sealed_map(STDIN_FILENO, F_SEAL_SHRINK, &sealed), -EPROTO);
	assert_int_equal(sealed_map(fd, F_SEAL_SHRINK, &sealed), 0);
	sealed_release(&sealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_gets_its_descriptors),
		cmocka_unit_test(a_child_has_a_session_of_its_own),
		cmocka_unit_test(a_program_that_is_not_there),
		cmocka_unit_test(who_is_remembered_is_found),
		cmocka_unit_test(nobody_else_is_found),
		cmocka_unit_test(sealed_memory),
		cmocka_unit_test(unsealed_memory),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
