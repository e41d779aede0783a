/*
 * pair - the generator and the real data plane: all arrives, and nothing is wrong with it.
 *
 * The program (SLUICE_BENCH in the environment) is run as a user runs it; the data
 * plane is given the connections of its two guests. Its exit status says whether
 * a frame was late, corrupt or foreign; its report, how many came.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/harness.h"
#include "tests/lib/runner.h"

enum { PORTS = 2, NETWORK = 1, ARGUMENTS = 24 };

/* The command, and windows that are short. */
#define PAIR "pair", "--windows=2", "--seconds=0.2"

/* The listening socket of port @i, in a directory of this process. */
static int listen_at(char *ret_path, size_t room, const char *folder, unsigned i)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(ret_path, room, "%s/%u.sock", folder, i);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/%u.sock", folder, i);
	check(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 &&
		      listen(fd, 1) == 0,
	      "%s: %s", ret_path, strerror(errno));
	return fd;
}

static void publish_two_ports(struct harness *dp)
{
	struct policy_builder *builder = harness_begin_policy(dp);
	const struct policy_network_spec network = {.id = NETWORK,
						    .generation = 1,
						    .name = "t/n",
						    .vlan = 10,
						    .tenant = 1,
						    .mtu = 9000,
						    .age_ms = 300000,
						    .macs_max = 1024};

	check(policy_builder_tenant(builder, 1, "t") == 0, "tenant");
	check(policy_builder_network(builder, &network) == 0, "network");
	for (uint16_t id = 1; id <= PORTS; id++) {
		const struct policy_port_spec port = {.ref = harness_ref(id),
						      .name = id == 1 ? "t/a" : "t/b",
						      .mode = POLICY_ACCESS,
						      .tenant = 1,
						      .native = NETWORK,
						      .macs_max = 64};

		check(policy_builder_port(builder, &port) == 0, "port %u", id);
	}
	harness_publish(dp, builder);
}

/* Start the program; its standard output can be read from @ret_report. */
static pid_t start_bench(const char *const *options, char paths[PORTS][64], FILE **ret_report)
{
	const char *arguments[ARGUMENTS] = {
		getenv("SLUICE_BENCH"), *options++, "-o", "json", "--warmup", "0.1"};
	unsigned n = 6;
	int ends[2];
	pid_t pid;

	while (*options)
		arguments[n++] = *options++;
	for (unsigned i = 0; i < PORTS; i++)
		arguments[n++] = paths[i];
	check(arguments[0] && pipe(ends) == 0, "SLUICE_BENCH is not set");
	pid = fork();
	check(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execv(arguments[0], (char **)(uintptr_t)arguments);
		_exit(127);
	}
	close(ends[1]);
	*ret_report = fdopen(ends[0], "r");
	return pid;
}

static void attach_guest(struct harness *dp, uint16_t port, int listener)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
	int fd;

	check(poll(&poll_fd, 1, CLOCK_PATIENCE_MS) == 1, "nobody connects as port %u", port);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	check(fd >= 0, "accept: %s", strerror(errno));
	check(harness_attach(dp, port, fd, 1) == 0, "port %u does not attach", port);
	close(listener);
}

/* Of all windows; or of a report that has none. */
static json_int_t received_of(const json_t *report)
{
	const json_t *windows = json_object_get(report, "windows");
	json_int_t received = json_integer_value(json_object_get(report, "frames"));

	for (size_t i = 0; i < json_array_size(windows); i++)
		received +=
			json_integer_value(json_object_get(json_array_get(windows, i), "received"));
	return received;
}

/* Run the command that @options begin with; at least @n_frames must arrive. */
static void run_with(const char *const *options, json_int_t n_frames)
{
	char folder[] = "/tmp/sluice-bench-XXXXXX", paths[PORTS][64];
	int listeners[PORTS], status;
	struct harness dp;
	json_t *report;
	FILE *output;
	pid_t bench;

	check(mkdtemp(folder), "mkdtemp: %s", strerror(errno));
	for (unsigned i = 0; i < PORTS; i++)
		listeners[i] = listen_at(paths[i], sizeof(paths[i]), folder, i);
	harness_start(&dp, 1, 0);
	publish_two_ports(&dp);
	bench = start_bench(options, paths, &output);
	for (uint16_t i = 0; i < PORTS; i++)
		attach_guest(&dp, (uint16_t)(i + 1), listeners[i]);
	report = json_loadf(output, 0, NULL);
	check(report, "no report");
	check(waitpid(bench, &status, 0) == bench && status == 0, "it ended with status %#x",
	      status);
	check(received_of(report) >= n_frames, "only %lld frames came",
	      (long long)received_of(report));
	json_decref(report);
	fclose(output);
	for (uint16_t i = 0; i < PORTS; i++)
		harness_check_ledger(&dp, (uint16_t)(i + 1));
	harness_stop(&dp);
	for (unsigned i = 0; i < PORTS; i++)
		unlink(paths[i]);
	rmdir(folder);
}

static void small_frames(struct scene *scene)
{
	run_with((const char *const[]){PAIR, "--verify", NULL}, 1000);
}

static void mixed_frames_of_many_flows(struct scene *scene)
{
	run_with((const char *const[]){PAIR, "--verify", "--size=imix", "--flows=30000", "--both",
				       NULL},
		 1000);
}

static void giants_in_small_buffers(struct scene *scene)
{
	run_with((const char *const[]){PAIR, "--verify", "--size=9000", "--buffer=2048", NULL},
		 1000);
}

static void without_features(struct scene *scene)
{
	run_with(
		(const char *const[]){PAIR, "--verify", "--mergeable=off", "--event-idx=off", NULL},
		1000);
}

static void latency_at_a_rate(struct scene *scene)
{
	run_with((const char *const[]){PAIR, "--verify", "--rate=20k", NULL}, 1000);
}

static void an_idle_switch_wakes(struct scene *scene)
{
	run_with((const char *const[]){"wake", "--count=20", "--gap=5", NULL}, 20);
}

static void play(const struct runner_test *test)
{
	test->run(NULL);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{"small frames", small_frames},
		{"mixed frames of many flows", mixed_frames_of_many_flows},
		{"giants in small buffers", giants_in_small_buffers},
		{"without features", without_features},
		{"latency at a rate", latency_at_a_rate},
		{"an idle switch wakes", an_idle_switch_wakes},
	};

	return runner_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]), play);
}
