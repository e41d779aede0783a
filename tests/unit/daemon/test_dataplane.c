/*
 * test_dataplane - the control process and a data plane that lies, stalls,
 * floods or breaks off.
 *
 * The data plane is a thread behind RUN/dp.sock: it is found running and taken
 * over, as after a restart of the control process. Its program does not exist,
 * so one that is lost is not replaced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/dataplane.h"
#include "control/socket.h"
#include "switch/state.h"
#include "tests/unit/daemon/unit.h"

/* What is wrong with the data plane. */
enum sin {
	SOUND,
	OTHER_VERSION,
	COUNTERS_UNSEALED,
	COUNTERS_SHORT,
	COUNTERS_OF_ANOTHER_BUILD,
	STATE_UNSEALED,
	NO_FDS,
	POLICY_UNSEALED,
	WRONG_SEQ,
	ODD_ERROR,
	SILENT,
	FLOOD,
	REPLY_UNASKED,
	BREAKS_OFF,
};

enum { WAIT_MS = 5000, EVENTS = 40, FLOOD_EVENTS = 20000 };

struct fake {
	enum sin sin;
	int listener;
	int counters_fd;
	int policy_fd;
	struct state state;
	pthread_t thread;
};

static const char dir_template[] = "/tmp/sluice-test-dataplane-XXXXXX";
static char dir[sizeof(dir_template)];
static struct loop *loop;
static struct fake fake;
static struct dataplane *dataplane;
static char why[DATAPLANE_WHY];

/* Events that were told: ports in their order. */
static uint16_t told[EVENTS + 1];
static unsigned n_told;

static void port_event(void *user, const struct channel_message *event)
{
	if (n_told <= EVENTS)
		told[n_told++] = event->event.port.id;
	if (n_told == EVENTS)
		loop_stop(loop);
}

static void replaced(void *user)
{
}

/* ---- the data plane ---- */

static int make_counters(enum sin sin)
{
	size_t size = sin == COUNTERS_SHORT ? sizeof(struct counters) : counters_size();
	int fd = memfd_create("counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct counters head = {
		.magic = COUNTERS_MAGIC,
		.version = COUNTERS_VERSION,
		.size = size,
		.n_workers = 1,
		.n_ports = LIMIT_PORTS,
		.row_size = sizeof(struct port_counters),
		.n_drops = sin == COUNTERS_OF_ANOTHER_BUILD ? DROP__COUNT + 1 : DROP__COUNT,
	};

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
	if (sin != COUNTERS_UNSEALED)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

static int make_policy(enum sin sin)
{
	struct policy_builder *builder;
	struct policy *policy;
	int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(policy_builder_create(7, 1, &builder), 0);
	assert_int_equal(policy_builder_finish(builder, &policy), 0);
	assert_int_equal(write(fd, policy, policy->size), (ssize_t)policy->size);
	if (sin != POLICY_UNSEALED)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
				 0);
	policy_builder_destroy(builder);
	free(policy);
	return fd;
}

static void say(int connection, const struct channel_message *message, const int *fds, unsigned n)
{
	while (channel_send(connection, message, fds, n) == -EAGAIN)
		usleep(100);
}

static void answer_hello(int connection, const struct channel_message *request)
{
	struct channel_message reply = {
		.type = CHANNEL_REPLY,
		.seq = request->seq,
		.reply = {.version = CHANNEL_VERSION, .n_workers = 1, .has_policy = 1},
	};
	int state_fd = fake.state.fd, plain = memfd_create("plain", MFD_CLOEXEC);
	int fds[] = {fake.policy_fd, fake.counters_fd,
		     fake.sin == STATE_UNSEALED ? plain : state_fd};

	if (fake.sin == OTHER_VERSION)
		reply.reply.version++;
	say(connection, &reply, fds, fake.sin == NO_FDS ? 0 : 3);
	close(plain);
}

static void send_events(int connection, unsigned n)
{
	struct channel_message event = {.type = CHANNEL_EVENT};

	for (unsigned i = 1; i <= n; i++) {
		event.event.port = (struct port_ref){(uint16_t)(i % LIMIT_PORTS), 1};
		event.event.state = CHANNEL_PORT_UP;
		/* one in between is about no port that can be */
		if (i == 2) {
			event.event.port.id = LIMIT_PORTS;
			say(connection, &event, NULL, 0);
			event.event.port.id = 2;
		}
		say(connection, &event, NULL, 0);
	}
}

/* False: the connection is over. */
static bool answer(int connection, const struct channel_message *request)
{
	struct channel_message reply = {.type = CHANNEL_REPLY, .seq = request->seq};

	if (request->type == CHANNEL_HELLO) {
		answer_hello(connection, request);
		if (fake.sin == REPLY_UNASKED)
			say(connection, &reply, NULL, 0);
		return true;
	}
	switch (fake.sin) {
	case SILENT: return true;
	case BREAKS_OFF: return false;
	case WRONG_SEQ: reply.seq++; break;
	case ODD_ERROR: reply.reply.error = 42; break;
	case FLOOD: send_events(connection, FLOOD_EVENTS); break;
	default: send_events(connection, EVENTS); break;
	}
	/* fds that nobody asked for */
	say(connection, &reply, (int[]){fake.counters_fd}, 1);
	return true;
}

static void *serve(void *user)
{
	int connection = accept(fake.listener, NULL, NULL);
	struct channel_message request;
	int fds[CHANNEL_FDS];
	unsigned n_fds;
	bool more = connection >= 0;

	while (more) {
		int error = channel_receive(connection, &request, fds, &n_fds);

		if (error == -EAGAIN) {
			usleep(100);
			continue;
		}
		for (unsigned i = 0; !error && i < n_fds; i++)
			close(fds[i]);
		more = !error && answer(connection, &request);
	}
	close(connection);
	return NULL;
}

/* ---- the beds of the tests ---- */

static int begin(void **state)
{
	memcpy(dir, dir_template, sizeof(dir));
	return mkdtemp(dir) ? loop_create(&loop) : -1;
}

static int end(void **state)
{
	loop_destroy(loop);
	return rmdir(dir);
}

/* Find a data plane with @sin running; the result of taking it over. */
static int find(enum sin sin)
{
	static const struct dataplane_ops ops = {.replaced = replaced, .port_event = port_event};
	const struct dataplane_options options = {.run_dir = dir, .program = "/no/such/sluice-dp"};
	char path[sizeof(dir) + 16];

	snprintf(path, sizeof(path), "%s/dp.sock", dir);
	fake = (struct fake){.sin = sin};
	assert_int_equal(socket_listen(path, SOCK_SEQPACKET, 0600, (gid_t)-1, &fake.listener, why),
			 0);
	assert_int_equal(fcntl(fake.listener, F_SETFL, 0), 0);
	fake.counters_fd = make_counters(sin);
	fake.policy_fd = make_policy(sin);
	assert_int_equal(state_create(&fake.state), 0);
	assert_int_equal(pthread_create(&fake.thread, NULL, serve, NULL), 0);
	n_told = 0;
	dataplane = NULL;
	return dataplane_create(loop, &options, &ops, NULL, &dataplane, why);
}

static void leave(void)
{
	char path[sizeof(dir) + 16];

	dataplane_destroy(dataplane);
	shutdown(fake.listener, SHUT_RDWR);
	pthread_join(fake.thread, NULL);
	close(fake.listener);
	close(fake.counters_fd);
	close(fake.policy_fd);
	state_close(&fake.state);
	snprintf(path, sizeof(path), "%s/dp.sock", dir);
	unlink(path);
}

static unsigned count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

static int flush(void)
{
	uint32_t count;

	return dataplane_flush_fdb(dataplane, 0, PORT_NONE, &count, why);
}

static enum dataplane_state state_now(void)
{
	return dataplane_report(dataplane).state;
}

/* ---- the tests ---- */

static void one_that_runs_is_taken_over(void **state)
{
	assert_int_equal(find(SOUND), 0);
	assert_int_equal(state_now(), DATAPLANE_RUNNING);
	assert_int_equal(dataplane_report(dataplane).workers, 1);
	assert_non_null(dataplane_counters(dataplane));
	assert_non_null(dataplane_fdb(dataplane));
	assert_int_equal(dataplane_adopted_policy(dataplane)->generation, 7);
	leave();
}

static void what_is_wrong_is_not_taken_over(void **state)
{
	static const enum sin sins[] = {OTHER_VERSION,	COUNTERS_UNSEALED,
					COUNTERS_SHORT, COUNTERS_OF_ANOTHER_BUILD,
					STATE_UNSEALED, NO_FDS};

	for (size_t i = 0; i < sizeof(sins) / sizeof(*sins); i++) {
		unsigned before = count_fds();

		if (find(sins[i]) >= 0)
			fail_msg("sin %d is taken over", (int)sins[i]);
		leave();
		assert_int_equal(count_fds(), before);
	}
}

/* It runs, but what it runs is not known for sure: it gets its policy anew. */
static void a_policy_that_could_change_is_not_believed(void **state)
{
	assert_int_equal(find(POLICY_UNSEALED), 0);
	assert_null(dataplane_adopted_policy(dataplane));
	leave();
}

static void events_that_come_with_a_reply_are_told_later(void **state)
{
	assert_int_equal(find(SOUND), 0);
	assert_int_equal(flush(), 0);
	assert_int_equal(n_told, 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_told, EVENTS);
	for (unsigned i = 0; i < EVENTS; i++)
		assert_int_equal(told[i], i + 1);
	/* LIST is the one that tells before it returns */
	n_told = 0;
	assert_int_equal(dataplane_list(dataplane, why), 0);
	assert_int_equal(n_told, EVENTS);
	leave();
}

static void fds_that_nobody_asked_for_are_closed(void **state)
{
	unsigned before;

	assert_int_equal(find(SOUND), 0);
	/* one for the data plane to be done with HELLO: it is a thread, its fds count */
	assert_int_equal(flush(), 0);
	before = count_fds();
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(flush(), 0);
	assert_int_equal(count_fds(), before);
	leave();
}

static void an_error_that_is_none(void **state)
{
	assert_int_equal(find(ODD_ERROR), 0);
	assert_int_equal(flush(), -EPROTO);
	assert_int_equal(state_now(), DATAPLANE_RUNNING);
	leave();
}

static void one_that_breaks_the_protocol_is_lost(void **state)
{
	static const enum sin sins[] = {WRONG_SEQ, FLOOD, BREAKS_OFF};

	for (size_t i = 0; i < sizeof(sins) / sizeof(*sins); i++) {
		assert_int_equal(find(sins[i]), 0);
		assert_int_equal(flush(), -EPIPE);
		assert_int_equal(state_now(), DATAPLANE_STARTING);
		assert_true(*dataplane_report(dataplane).trouble);
		/* whoever asks next is told at once */
		assert_int_equal(flush(), -EPIPE);
		leave();
	}
}

static void one_that_does_not_answer_is_lost(void **state)
{
	clock_ms began;

	assert_int_equal(find(SILENT), 0);
	began = loop_now();
	assert_int_equal(flush(), -ETIMEDOUT);
	assert_true(loop_now() - began >= DATAPLANE_ANSWER_MS - 1);
	assert_true(loop_now() - began < DATAPLANE_ANSWER_MS + WAIT_MS);
	assert_int_equal(state_now(), DATAPLANE_STARTING);
	leave();
}

/* A reply that nobody waits for: found by the loop. */
static void stop_loop(void *user)
{
	loop_stop(loop);
}

static void a_reply_unasked(void **state)
{
	struct loop_timer limit = {.expired = stop_loop};

	assert_int_equal(find(REPLY_UNASKED), 0);
	loop_timer_set(loop, &limit, 300);
	assert_int_equal(loop_run(loop), 0);
	/* there is no program to replace it with */
	assert_int_equal(state_now(), DATAPLANE_FAILED);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_runs_is_taken_over, begin, end),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_not_taken_over, begin, end),
		cmocka_unit_test_setup_teardown(a_policy_that_could_change_is_not_believed, begin,
						end),
		cmocka_unit_test_setup_teardown(events_that_come_with_a_reply_are_told_later, begin,
						end),
		cmocka_unit_test_setup_teardown(fds_that_nobody_asked_for_are_closed, begin, end),
		cmocka_unit_test_setup_teardown(an_error_that_is_none, begin, end),
		cmocka_unit_test_setup_teardown(one_that_breaks_the_protocol_is_lost, begin, end),
		cmocka_unit_test_setup_teardown(one_that_does_not_answer_is_lost, begin, end),
		cmocka_unit_test_setup_teardown(a_reply_unasked, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
