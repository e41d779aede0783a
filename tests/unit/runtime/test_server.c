/*
 * test_server - the real sluice-dp and a control process that is new, old, rude,
 * deaf or gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/clock.h"
#include "tests/lib/harness.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/unit/switch/unit.h"

enum { RED = 1, A = 1, B = 2, ASKED = 3000 };

static struct harness dp;

static int start(void **state)
{
	harness_start(&dp, 1, 0);
	return 0;
}

static int stop(void **state)
{
	harness_stop(&dp);
	return 0;
}

/* Another connection to the data plane. */
static int dial(void)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_int_equal(getpeername(dp.channel, (struct sockaddr *)&name, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, size), 0);
	return fd;
}

/* The next message at @channel, events included; its fds go to @ret_fds. */
static int await(int channel, struct channel_message *ret_message, int *ret_fds,
		 unsigned *ret_n_fds)
{
	int error;

	assert_true(clock_await(
		CLOCK_PATIENCE_MS,
		(error = channel_receive(channel, ret_message, ret_fds, ret_n_fds)) != -EAGAIN));
	return error;
}

/* Ask; the reply's error. Its fds go to @ret_fds, or are closed if that is NULL. */
static int ask(int channel, const struct channel_message *request, const int *fds, unsigned n_fds,
	       struct channel_message *ret_reply, int *ret_fds)
{
	int spare[CHANNEL_FDS];
	unsigned n;

	assert_int_equal(channel_send(channel, request, fds, n_fds), 0);
	do
		assert_int_equal(await(channel, ret_reply, ret_fds ? ret_fds : spare, &n), 0);
	while (ret_reply->type == CHANNEL_EVENT);
	for (unsigned i = 0; !ret_fds && i < n; i++)
		close(spare[i]);
	assert_int_equal(ret_reply->type, CHANNEL_REPLY);
	assert_int_equal(ret_reply->seq, request->seq);
	return ret_reply->reply.error;
}

static int ask_for(int channel, uint32_t type)
{
	struct channel_message request = {.type = type, .seq = 77}, reply;

	if (type == CHANNEL_HELLO)
		request.hello.version = CHANNEL_VERSION;
	return ask(channel, &request, NULL, 0, &reply, NULL);
}

/* Is the other end closed? Events that came before do not count. */
static bool is_closed(int channel)
{
	struct channel_message message;
	int fds[CHANNEL_FDS], error;
	unsigned n;

	do
		error = await(channel, &message, fds, &n);
	while (!error);
	return error == -ECONNRESET;
}

/* Talk over @channel from now on. */
static void move_to(int channel)
{
	close(dp.channel);
	dp.channel = channel;
}

static void publish(uint64_t generation)
{
	struct policy_builder *builder;
	struct policy_network_spec red = sketch_network(RED, 10);
	struct policy_port_spec a = sketch_access(A, RED), b = sketch_access(B, RED);

	dp.generation = generation - 1;
	builder = harness_begin_policy(&dp);
	assert_int_equal(policy_builder_network(builder, &red), 0);
	assert_int_equal(policy_builder_port(builder, &a), 0);
	assert_int_equal(policy_builder_port(builder, &b), 0);
	harness_publish(&dp, builder);
}

static void hello_comes_first(void **state)
{
	struct channel_message request = {.type = CHANNEL_HELLO}, reply;
	int channel = dial();

	assert_true(is_closed(dp.channel));
	move_to(channel);
	assert_int_equal(ask_for(channel, CHANNEL_LIST), -EPROTO);
	assert_int_equal(ask_for(channel, CHANNEL_STOP), -EPROTO);
	request.hello.version = CHANNEL_VERSION + 1;
	assert_int_equal(ask(channel, &request, NULL, 0, &reply, NULL), -EPROTO);
	assert_int_equal(ask_for(channel, CHANNEL_LIST), -EPROTO);
	assert_int_equal(ask_for(channel, CHANNEL_HELLO), 0);
	assert_int_equal(ask_for(channel, CHANNEL_LIST), 0);
}

static void requests_that_are_none(void **state)
{
	static const uint32_t types[] = {0, CHANNEL_SESSION_FLUSH + 1, CHANNEL_REPLY, CHANNEL_EVENT,
					 ~0u};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(ask_for(dp.channel, types[i]), -EPROTO);
}

static void what_is_no_message_costs_the_connection(void **state)
{
	assert_int_equal(send(dp.channel, "x", 1, 0), 1);
	assert_true(is_closed(dp.channel));
	move_to(dial());
	assert_int_equal(ask_for(dp.channel, CHANNEL_HELLO), 0);
}

static void a_successor_takes_over(void **state)
{
	struct channel_message hello = {
		.type = CHANNEL_HELLO,
		.seq = 5,
		.hello.version = CHANNEL_VERSION,
	};
	struct channel_message reply;
	struct policy *policy;
	int fds[CHANNEL_FDS];
	const char *why;

	publish(41);
	move_to(dial());
	assert_int_equal(ask(dp.channel, &hello, NULL, 0, &reply, fds), 0);
	assert_true(reply.reply.has_policy);
	assert_int_equal(reply.reply.generation, 41);
	assert_int_equal(reply.reply.pid, dp.pid);
	assert_int_equal(reply.reply.n_workers, 1);
	/* policy, counters, state: and the policy is the one that was given */
	assert_true(fds[2] >= 0 && fds[3] == -1);
	policy = mmap(NULL, (size_t)lseek(fds[0], 0, SEEK_END), PROT_READ, MAP_SHARED, fds[0], 0);
	assert_int_equal(policy_check(policy, policy->size, &why), 0);
	assert_int_equal(policy->generation, 41);
	munmap(policy, policy->size);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	publish(42);
}

static void counters_can_only_be_read(void **state)
{
	struct channel_message hello = {.type = CHANNEL_HELLO, .hello.version = CHANNEL_VERSION};
	struct channel_message reply;
	int fds[CHANNEL_FDS];

	assert_int_equal(ask(dp.channel, &hello, NULL, 0, &reply, fds), 0);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0),
			 MAP_FAILED);
	assert_int_equal(ftruncate(fds[0], 0), -1);
	assert_int_equal(pwrite(fds[0], "", 1, 0), -1);
	close(fds[0]);
	close(fds[1]);
}

/* POLICY with the first @written bytes of @policy in it, said to be @size bytes. */
static int offer(const struct policy *policy, size_t written, uint64_t size, int seals)
{
	struct channel_message request = {.type = CHANNEL_POLICY, .policy.size = size}, reply;
	int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	assert_int_equal(write(fd, policy, written), written);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	error = ask(dp.channel, &request, &fd, 1, &reply, NULL);
	assert_true(error == 0 || *reply.reply.text);
	close(fd);
	return error;
}

/* Another user than root and the starter finds a closed door, and disturbs nobody. */
static void a_stranger_is_not_served(void **state)
{
	enum { STRANGER = 12345 };
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip();
	child = fork();
	if (child == 0)
		_exit(setresuid(STRANGER, STRANGER, STRANGER) || !is_closed(dial()));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ask_for(dp.channel, CHANNEL_LIST), 0);
}

static void a_policy_is_checked(void **state)
{
	enum { ALL = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
	const struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	const struct policy_port_spec ports[] = {sketch_access(A, RED)};
	struct policy *policy = SKETCH_POLICY(networks, ports);
	struct channel_message request = {.type = CHANNEL_POLICY}, reply;
	const int two[] = {dp.channel, dp.channel};
	size_t size = policy->size;

	policy->generation = 10;
	/* what could be changed under us */
	assert_int_equal(offer(policy, size, size, F_SEAL_SHRINK | F_SEAL_GROW), -EPROTO);
	assert_int_equal(offer(policy, size, size, F_SEAL_WRITE | F_SEAL_GROW), -EPROTO);
	assert_int_equal(offer(policy, size, size, F_SEAL_WRITE | F_SEAL_SHRINK), -EPROTO);
	/* what is not as long as it says */
	assert_int_equal(offer(policy, size, size + 4096, ALL), -EPROTO);
	assert_int_equal(offer(policy, size - 8, size - 8, ALL), -EPROTO);
	assert_int_equal(offer(policy, size, 0, ALL), -EPROTO);
	assert_int_equal(offer(policy, size, UINT64_MAX, ALL), -EPROTO);
	/* what is no policy, or no memfd, or not one fd */
	policy->magic++;
	assert_int_equal(offer(policy, size, size, ALL), -EPROTO);
	policy->magic--;
	request.policy.size = size;
	assert_int_equal(ask(dp.channel, &request, two, 1, &reply, NULL), -EPROTO);
	assert_int_equal(ask(dp.channel, &request, two, 2, &reply, NULL), -EINVAL);
	assert_int_equal(ask(dp.channel, &request, NULL, 0, &reply, NULL), -EINVAL);
	/* after all that, the first good one; then no older one, nor the same */
	assert_int_equal(offer(policy, size, size, ALL), 0);
	assert_int_equal(offer(policy, size, size, ALL), -ESTALE);
	policy->generation = 9;
	assert_int_equal(offer(policy, size, size, ALL), -ESTALE);
	policy->generation = 11;
	assert_int_equal(offer(policy, size, size, ALL), 0);
	free(policy);
}

static void a_peer_that_does_not_read_gets_its_answers_later(void **state)
{
	struct channel_message request = {.type = CHANNEL_LIST}, reply;
	unsigned asked = 0, answered = 0;
	int fds[CHANNEL_FDS];
	unsigned n;

	/* until both directions are full */
	for (; asked < ASKED; asked++) {
		request.seq = asked;
		if (!clock_await(100, channel_send(dp.channel, &request, NULL, 0) == 0))
			break;
	}
	assert_true(harness_is_alive(&dp));
	for (; answered < asked; answered++) {
		assert_int_equal(await(dp.channel, &reply, fds, &n), 0);
		assert_int_equal(reply.seq, answered);
	}
}

static int attach_pair(uint16_t id, int *ret_far)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	*ret_far = ends[1];
	return harness_attach(&dp, id, ends[0], 1);
}

static void a_session_that_ends_is_told(void **state)
{
	int far, second;

	publish(1);
	assert_int_equal(attach_pair(9, &far), -ENOENT);
	close(far);
	assert_int_equal(attach_pair(A, &far), 0);
	assert_int_equal(harness_list(&dp), 1);
	assert_int_equal(dp.ports[A].state, CHANNEL_PORT_WAITING);
	assert_int_equal(dp.ports[A].cookie, 0xc00c1e00u + A);
	assert_int_equal(attach_pair(A, &second), -EBUSY);
	close(second);
	close(far);
	assert_true(*harness_await_port(&dp, A, CHANNEL_PORT_CLOSED));
	assert_int_equal(harness_detach(&dp, A), -ENOENT);
	assert_int_equal(attach_pair(A, &far), 0);
	assert_int_equal(harness_detach(&dp, A), 0);
	close(far);
	/* what happens while nobody listens is seen by who lists */
	assert_int_equal(attach_pair(A, &far), 0);
	assert_int_equal(attach_pair(B, &second), 0);
	close(far);
	move_to(dial());
	assert_int_equal(ask_for(dp.channel, CHANNEL_HELLO), 0);
	assert_true(
		clock_await(CLOCK_PATIENCE_MS,
			    harness_list(&dp) > 0 && dp.ports[A].state != CHANNEL_PORT_WAITING));
	assert_int_equal(dp.ports[B].state, CHANNEL_PORT_WAITING);
	close(second);
}

static void bad_devices_are_refused(void **state)
{
	int ends[2];

	publish(1);
	assert_int_equal(pipe(ends), 0);
	assert_int_not_equal(harness_attach(&dp, A, ends[0], 0), 0);
	assert_int_not_equal(harness_attach(&dp, A, ends[1], LIMIT_QUEUE_PAIRS + 1), 0);
	assert_int_equal(harness_list(&dp), 0);
}

/* Run sluice-dp with @arguments; how it ended. */
static int run(const char *const *arguments)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		close(STDERR_FILENO);
		execv(getenv("SLUICE_DP"), (char *const *)arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void wrong_arguments_are_told(void **state)
{
	static const char *const lines[][6] = {
		{"sluice-dp"},
		{"sluice-dp", "--listen", "99"},
		{"sluice-dp", "--listen", "-1"},
		{"sluice-dp", "--listen", "0x"},
		{"sluice-dp", "--listen", "0", "--state", "99"},
		{"sluice-dp", "--listen", "0", "more"},
		{"sluice-dp", "--listen", "0", "--workers", ""},
		{"sluice-dp", "--listen", "0", "--workers", "1,"},
		{"sluice-dp", "--listen", "0", "--workers", "2-1"},
		{"sluice-dp", "--listen", "0", "--workers", "0-16"},
		{"sluice-dp", "--listen", "0", "--workers", "0-99999999999"},
		{"sluice-dp", "--what"},
		/* well said, but this is no state memory */
		{"sluice-dp", "--listen", "0", "--state", "0"},
	};

	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(run(lines[i]), 2);
	assert_int_equal(run(lines[12]), 1);
}

/* What its starter forgot to close is closed: the other end of a pipe sees it. */
static void it_keeps_no_fds_of_others(void **state)
{
	enum { LISTENER = 5, FORGOTTEN = 9 };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), ends[2], status;
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	struct pollfd end;
	pid_t child;

	assert_int_equal(bind(listener, (const struct sockaddr *)&any, sizeof(any.sun_family)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(listener, LISTENER);
		dup2(ends[1], FORGOTTEN);
		execl(getenv("SLUICE_DP"), "sluice-dp", "--listen", "5", (char *)NULL);
		_exit(127);
	}
	close(listener);
	close(ends[1]);
	end = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, CLOCK_PATIENCE_MS), 1);
	assert_true(end.revents & POLLHUP);
	/* and that was not because it ended */
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ends[0]);
}

static void sigterm_ends_it(void **state)
{
	int status = -1;

	harness_start(&dp, 1, 0);
	assert_int_equal(kill(dp.pid, SIGTERM), 0);
	assert_true(clock_await(CLOCK_PATIENCE_MS, waitpid(dp.pid, &status, WNOHANG) == dp.pid));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(dp.channel);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(hello_comes_first),
		UNIT(requests_that_are_none),
		UNIT(what_is_no_message_costs_the_connection),
		UNIT(a_successor_takes_over),
		UNIT(counters_can_only_be_read),
		UNIT(a_stranger_is_not_served),
		UNIT(a_policy_is_checked),
		UNIT(a_peer_that_does_not_read_gets_its_answers_later),
		UNIT(a_session_that_ends_is_told),
		UNIT(bad_devices_are_refused),
		cmocka_unit_test(wrong_arguments_are_told),
		cmocka_unit_test(it_keeps_no_fds_of_others),
		cmocka_unit_test(sigterm_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
