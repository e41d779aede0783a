/*
 * runner - see runner.h.
 */
#include "tests/lib/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/clock.h"

static bool soak;

unsigned runner_amount(unsigned everyday, unsigned when_soaking)
{
	return soak ? when_soaking : everyday;
}

/* The child's status; it is killed at its time limit, and its group in any case. */
static int wait_for(pid_t child, unsigned limit_s, bool *ret_late)
{
	uint64_t end = clock_now_ms() + limit_s * 1000ULL;
	int status;

	*ret_late = false;
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (clock_now_ms() > end) {
			*ret_late = true;
			kill(-child, SIGKILL);
			waitpid(child, &status, 0);
			break;
		}
		clock_nap_us(2000);
	}
	kill(-child, SIGKILL);
	return status;
}

static bool run_one(const struct runner_test *test, void (*play)(const struct runner_test *test))
{
	unsigned limit_s = test->limit_s ? test->limit_s : RUNNER_LIMIT_S;
	bool late;
	int status;
	pid_t child;

#ifdef SLUICE_SANITIZED
	limit_s *= 4;
#endif
	if (soak)
		limit_s *= 20;
	fflush(stdout);
	child = fork();
	if (child < 0) {
		printf("# fork: %s\n", strerror(errno));
		return false;
	}
	if (child == 0) {
		setpgid(0, 0);
		play(test);
		_exit(0);
	}
	setpgid(child, child); /* both sides: whoever comes first */
	status = wait_for(child, limit_s, &late);
	if (late)
		printf("# longer than %u s\n", limit_s);
	else if (WIFSIGNALED(status))
		printf("# the test died of %s\n", strsignal(WTERMSIG(status)));
	return !late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_wanted(const struct runner_test *test, char **names, int n_names)
{
	for (int i = 0; i < n_names; i++)
		if (strstr(test->name, names[i]))
			return true;
	return n_names == 0;
}

int runner_main(int argc, char **argv, const struct runner_test *tests, unsigned n_tests,
		void (*play)(const struct runner_test *test))
{
	unsigned n_run = 0, n_failed = 0;
	bool list = false;
	int first = 1;

	for (; first < argc && argv[first][0] == '-'; first++) {
		if (strcmp(argv[first], "--soak") == 0) {
			soak = true;
		} else if (strcmp(argv[first], "--list") == 0) {
			list = true;
		} else {
			fprintf(stderr, "usage: %s [--list] [--soak] [NAME...]\n", argv[0]);
			return 2;
		}
	}
	for (unsigned i = 0; i < n_tests; i++) {
		uint64_t started = clock_now_ms();
		bool good;

		if (!is_wanted(&tests[i], argv + first, argc - first))
			continue;
		if (list) {
			printf("%s\n", tests[i].name);
			continue;
		}
		n_run++;
		if (tests[i].skip) {
			printf("ok %u - %s # SKIP %s\n", n_run, tests[i].name, tests[i].skip);
			continue;
		}
		good = run_one(&tests[i], play);
		n_failed += !good;
		printf("%s %u - %s\n# %.2f s\n", good ? "ok" : "not ok", n_run, tests[i].name,
		       (double)(clock_now_ms() - started) / 1000);
		fflush(stdout);
	}
	if (!list)
		printf("1..%u\n", n_run);
	return n_failed != 0;
}
