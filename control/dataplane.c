/*
 * dataplane - see dataplane.h.
 *
 *            take over, or start
 *                   |
 *                   v    died, hung, broke the protocol
 *                RUNNING ------------------------------> STARTING (killed, not yet gone)
 *                   ^                                        | gone
 *                   |  start succeeded                       v
 *                   +--------------------------- start; too often: FAILED for a second
 *
 * The old one must be gone before another starts: as long as it lives it holds
 * the taps.
 */
#include "control/dataplane.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/channel_client.h"
#include "control/process.h"
#include "control/sealed.h"
#include "control/socket.h"
#include "switch/state.h"

enum {
	DEATHS_MANY = 5,	  /* so many deaths ... */
	DEATHS_WITHIN_MS = 10000, /* ... in so short a time */
	DEATHS_PAUSE_MS = 1000,	  /* make it wait */
	STATE_DOUBTED = 2,	  /* deaths in a row, before the state memory is suspected */
	DYING_MS = 200,		  /* its socket closes a little before it is gone */
};

struct dataplane {
	struct loop *loop;
	struct dataplane_options options;
	struct dataplane_ops ops;
	void *user;
	char *socket_path;
	char *pid_path;

	enum dataplane_state state;
	clock_ms since;
	char trouble[DATAPLANE_WHY];
	struct channel_client client;
	struct loop_watch socket_watch;
	int pidfd; /* -1: not known */
	struct loop_watch pidfd_watch;
	struct loop_timer restart;
	pid_t pid;
	unsigned workers;
	unsigned restarts;
	clock_ms deaths[DEATHS_MANY]; /* the last ones, a ring */
	unsigned deaths_at;
	unsigned deaths_in_a_row; /* without a second of life in between */

	struct sealed counters;
	struct sealed kept; /* the state memory */
	const struct fdb *fdb;
	const struct sessions *sessions;
	struct policy *adopted;

	struct loop_timer tell; /* events that came with a reply */
};

__attribute__((format(printf, 3, 4))) static int fail(char *why, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DATAPLANE_WHY, format, arguments);
	va_end(arguments);
	return error;
}

static void dataplane_lose(struct dataplane *dp, const char *trouble);
static void channel_broke(struct dataplane *dp, int error);

/* ---- what it shares with us ---- */

static bool counters_fit(const struct sealed *sealed)
{
	const struct counters *counters = sealed->memory;

	return sealed->size >= sizeof(*counters) && counters->magic == COUNTERS_MAGIC &&
	       counters->version == COUNTERS_VERSION && counters->n_workers >= 1 &&
	       counters->n_workers <= LIMIT_WORKERS && counters->n_ports == LIMIT_PORTS &&
	       counters->row_size == sizeof(struct port_counters) &&
	       counters->n_drops == DROP__COUNT && sealed->size >= counters_size();
}

/* Keep a private copy of the policy that it runs, if it is ours and whole. */
static void policy_adopt(struct dataplane *dp, int fd)
{
	struct sealed sealed = SEALED_NONE;
	const char *why;

	/* With these seals nobody can have changed it since we made it. */
	if (sealed_map(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, &sealed))
		return;
	free(dp->adopted);
	dp->adopted = malloc(sealed.size);
	if (dp->adopted) {
		memcpy(dp->adopted, sealed.memory, sealed.size);
		if (policy_check(dp->adopted, sealed.size, &why)) {
			free(dp->adopted);
			dp->adopted = NULL;
		}
	}
	sealed.fd = -1; /* the caller's */
	sealed_release(&sealed);
}

/* ---- asking ---- */

/* Tell the events that were kept. */
static void events_tell(void *user)
{
	struct dataplane *dp = user;
	struct channel_message *events;
	unsigned n = channel_client_take(&dp->client, &events);

	for (unsigned i = 0; i < n; i++)
		if (events[i].event.port.id < LIMIT_PORTS)
			dp->ops.port_event(dp->user, &events[i]);
	free(events);
}

/* Ask the running data plane; one that does not answer is lost. @ret_fds: the reply's. */
static int ask_running(struct dataplane *dp, struct channel_message *request, const int *fds,
		       unsigned n_fds, uint32_t *ret_value, int *ret_fds,
		       char ret_why[static DATAPLANE_WHY])
{
	static const char *const names[] = {
		[CHANNEL_POLICY] = "POLICY",
		[CHANNEL_ATTACH] = "ATTACH",
		[CHANNEL_DETACH] = "DETACH",
		[CHANNEL_FDB_FLUSH] = "FDB_FLUSH",
		[CHANNEL_SESSION_FLUSH] = "SESSION_FLUSH",
		[CHANNEL_LIST] = "LIST",
		[CHANNEL_LEND] = "LEND",
		[CHANNEL_PLACE] = "PLACE",
	};
	struct channel_message reply;
	char trouble[DATAPLANE_WHY];
	int error;

	if (dp->client.socket < 0)
		return fail(ret_why, -EPIPE, "no data plane is running%s%s",
			    *dp->trouble ? ": " : "", dp->trouble);
	error = channel_client_ask(&dp->client, request, fds, n_fds, DATAPLANE_ANSWER_MS, &reply,
				   ret_fds);
	if (error == -ETIMEDOUT) {
		fail(trouble, 0, "it did not answer %s within %d ms", names[request->type],
		     DATAPLANE_ANSWER_MS);
		dataplane_lose(dp, trouble);
	} else if (error) {
		channel_broke(dp, error);
	}
	if (error)
		return fail(ret_why, error == -ETIMEDOUT ? error : -EPIPE,
			    "the data plane was lost: %s", dp->trouble);
	if (dp->client.n_events)
		loop_timer_set(dp->loop, &dp->tell, 0);
	/* An error is a negative errno: nothing else is believed. */
	if (reply.reply.error > 0 || reply.reply.error < -4095)
		reply.reply.error = -EPROTO;
	if (reply.reply.error) {
		channel_client_close_fds(ret_fds);
		return fail(ret_why, reply.reply.error, "%s",
			    *reply.reply.text ? reply.reply.text : strerror(-reply.reply.error));
	}
	if (ret_value)
		*ret_value = reply.reply.value;
	return 0;
}

/* A request whose reply has no fds that anybody wants. */
static int ask(struct dataplane *dp, struct channel_message *request, const int *fds,
	       unsigned n_fds, uint32_t *ret_value, char ret_why[static DATAPLANE_WHY])
{
	int reply_fds[CHANNEL_FDS];
	int error = ask_running(dp, request, fds, n_fds, ret_value, reply_fds, ret_why);

	if (!error)
		channel_client_close_fds(reply_fds);
	return error;
}

/* ---- its life ---- */

static void shared_release(struct dataplane *dp)
{
	session_close(dp->sessions);
	dp->sessions = NULL;
	fdb_close(dp->fdb);
	dp->fdb = NULL;
	sealed_release(&dp->counters);
	sealed_release(&dp->kept);
}

/* The fds of HELLO's reply: the policy, if there is one, the counters and the state memory. */
static int shared_take(struct dataplane *dp, bool has_policy, int *fds)
{
	struct sealed counters = SEALED_NONE, kept = SEALED_NONE;
	struct state_head head;
	const struct fdb *fdb = NULL;
	const struct sessions *sessions;
	int *next = fds;
	int error;

	if (has_policy)
		policy_adopt(dp, *next++);
	error = sealed_map(next[0], F_SEAL_SHRINK, &counters);
	if (error)
		return error;
	next[0] = -1;
	error = sealed_map(next[1], F_SEAL_SHRINK, &kept);
	if (error)
		goto release_counters;
	next[1] = -1;
	error = counters_fit(&counters) ? state_check(kept.memory, kept.size, &head) : -EPROTO;
	if (!error)
		error = fdb_view((const char *)kept.memory + head.fdb, head.fdb_size, &fdb);
	if (!error)
		error = session_view((const char *)kept.memory + head.sessions, head.sessions_size,
				     &sessions);
	if (error)
		goto release_kept;
	shared_release(dp);
	dp->counters = counters;
	dp->kept = kept;
	dp->fdb = fdb;
	dp->sessions = sessions;
	return 0;
release_kept:
	fdb_close(fdb);
	sealed_release(&kept);
release_counters:
	sealed_release(&counters);
	return error;
}

/* Connect to RUN/dp.sock and say HELLO. */
static int dataplane_greet(struct dataplane *dp, char ret_why[static DATAPLANE_WHY])
{
	struct channel_message hello = {
		.type = CHANNEL_HELLO,
		.hello.version = CHANNEL_VERSION,
	};
	struct channel_message reply;
	int fds[CHANNEL_FDS];
	char why[SOCKET_WHY];
	int socket;
	int error = socket_dial(dp->socket_path, SOCK_SEQPACKET, &socket, why);

	if (error)
		return fail(ret_why, error, "%s", why);
	channel_client_open(&dp->client, socket);
	error = channel_client_ask(&dp->client, &hello, NULL, 0, DATAPLANE_START_MS, &reply, fds);
	if (error) {
		fail(ret_why, error, "HELLO: %s", strerror(-error));
		goto close_socket;
	}
	error = reply.reply.error || reply.reply.version != CHANNEL_VERSION ? -EPROTO : 0;
	if (error)
		fail(ret_why, error, "it speaks another version of the channel");
	else if ((error = shared_take(dp, reply.reply.has_policy, fds)))
		fail(ret_why, error, "its shared memory is of another version, or not sealed");
	channel_client_close_fds(fds);
	if (error)
		goto close_socket;
	error = loop_watch(dp->loop, &dp->socket_watch, socket, EPOLLIN);
	if (error) {
		fail(ret_why, error, "channel: %s", strerror(-error));
		goto close_socket;
	}
	dp->workers = reply.reply.n_workers;
	/* Only to be shown: what is killed is killed by its pidfd. */
	if (!dp->pid)
		dp->pid = (pid_t)reply.reply.pid;
	return 0;
close_socket:
	channel_client_close(&dp->client);
	return error;
}

static int process_watch(struct dataplane *dp)
{
	return loop_watch(dp->loop, &dp->pidfd_watch, dp->pidfd, EPOLLIN);
}

/* Its pidfd says that it is gone: how it went. */
static void process_reap(struct dataplane *dp, char ret_trouble[static DATAPLANE_WHY])
{
	siginfo_t status = {0};

	/* A data plane that was taken over is not our child: then there is no status. */
	waitid(P_PIDFD, (id_t)dp->pidfd, &status, WEXITED | WNOHANG);
	if (!status.si_pid)
		fail(ret_trouble, 0, "it ended");
	else if (status.si_code == CLD_EXITED)
		fail(ret_trouble, 0, "it ended with status %d", status.si_status);
	else
		fail(ret_trouble, 0, "it was killed by signal %d (%s)", status.si_status,
		     strsignal(status.si_status));
	loop_unwatch(&dp->pidfd_watch);
	close(dp->pidfd);
	dp->pidfd = -1;
}

/* The channel is broken. Is that because it dies? Then how it went. */
static bool process_dies(struct dataplane *dp, char ret_trouble[static DATAPLANE_WHY])
{
	struct pollfd gone = {.fd = dp->pidfd, .events = POLLIN};

	if (dp->pidfd < 0 || poll(&gone, 1, DYING_MS) != 1)
		return false;
	process_reap(dp, ret_trouble);
	return true;
}

/* Kill it, if we know it, and wait until it is gone. */
static void process_end(struct dataplane *dp)
{
	struct pollfd gone = {.fd = dp->pidfd, .events = POLLIN};
	siginfo_t status;

	if (dp->pidfd < 0)
		return;
	pidfd_send_signal(dp->pidfd, SIGKILL, NULL, 0);
	while (poll(&gone, 1, DATAPLANE_ANSWER_MS) < 0 && errno == EINTR)
		;
	waitid(P_PIDFD, (id_t)dp->pidfd, &status, WEXITED | WNOHANG);
	loop_unwatch(&dp->pidfd_watch);
	close(dp->pidfd);
	dp->pidfd = -1;
}

static int dataplane_spawn(struct dataplane *dp, int listen_fd, char ret_why[static DATAPLANE_WHY])
{
	int fds[2] = {listen_fd, dp->kept.fd};
	const char *arguments[10] = {0};
	unsigned n = 0;
	int error;
	/* Maybe it is the state memory that kills it: begin without. */
	bool with_state = dp->kept.fd >= 0 && dp->deaths_in_a_row < STATE_DOUBTED;

	arguments[n++] = "sluice-dp";
	arguments[n++] = "--listen";
	arguments[n++] = "3";
	if (with_state) {
		arguments[n++] = "--state";
		arguments[n++] = "4";
	}
	if (dp->options.workers) {
		arguments[n++] = "--workers";
		arguments[n++] = dp->options.workers;
	}
	if (dp->options.latency) {
		arguments[n++] = "--latency";
		arguments[n++] = dp->options.latency;
	}
	error = process_spawn(dp->options.program, arguments, fds, with_state ? 2 : 1, &dp->pid,
			      &dp->pidfd);
	if (error)
		return fail(ret_why, error, "%s: %s", dp->options.program, strerror(-error));
	/* Without that file a successor can take over, but could not kill one that hangs. */
	if (process_remember(dp->pid_path, dp->pid))
		unlink(dp->pid_path);
	return 0;
}

static void dataplane_enter(struct dataplane *dp, enum dataplane_state state)
{
	dp->state = state;
	dp->since = loop_now();
}

static int dataplane_start(struct dataplane *dp, char ret_why[static DATAPLANE_WHY])
{
	char why[SOCKET_WHY];
	int listen_fd;
	int error =
		socket_listen(dp->socket_path, SOCK_SEQPACKET, 0600, (gid_t)-1, &listen_fd, why);

	if (error)
		return fail(ret_why, error, "%s", why);
	error = dataplane_spawn(dp, listen_fd, ret_why);
	close(listen_fd);
	if (error)
		return error;
	error = dataplane_greet(dp, ret_why);
	if (error) {
		process_dies(dp, ret_why);
		goto end_process;
	}
	error = process_watch(dp);
	if (error) {
		fail(ret_why, error, "pidfd: %s", strerror(-error));
		goto close_socket;
	}
	dataplane_enter(dp, DATAPLANE_RUNNING);
	return 0;
close_socket:
	loop_unwatch(&dp->socket_watch);
	channel_client_close(&dp->client);
end_process:
	process_end(dp);
	unlink(dp->socket_path);
	unlink(dp->pid_path);
	return error;
}

/* Note a death; how long to wait before the next attempt. */
static unsigned death_note(struct dataplane *dp)
{
	clock_ms now = loop_now();
	clock_ms oldest = dp->deaths[dp->deaths_at];

	dp->deaths_in_a_row = now - dp->since < DEATHS_PAUSE_MS ? dp->deaths_in_a_row + 1 : 1;
	dp->deaths[dp->deaths_at] = now;
	dp->deaths_at = (dp->deaths_at + 1) % DEATHS_MANY;
	return oldest && now - oldest < DEATHS_WITHIN_MS ? DEATHS_PAUSE_MS : 0;
}

/* It is of no use any more. Another is started when it is gone. */
static void dataplane_lose(struct dataplane *dp, const char *trouble)
{
	snprintf(dp->trouble, sizeof(dp->trouble), "%s", trouble);
	fprintf(stderr, "sluiced: data plane %d lost: %s\n", (int)dp->pid, trouble);
	loop_unwatch(&dp->socket_watch);
	channel_client_close(&dp->client);
	loop_timer_cancel(&dp->tell);
	if (dp->pidfd >= 0)
		pidfd_send_signal(dp->pidfd, SIGKILL, NULL, 0);
	loop_timer_set(dp->loop, &dp->restart, death_note(dp));
	dataplane_enter(dp, DATAPLANE_STARTING);
}

static void dataplane_restart(void *user)
{
	struct dataplane *dp = user;
	char why[DATAPLANE_WHY];
	int error;

	process_end(dp);
	dp->restarts++;
	error = dataplane_start(dp, why);
	if (!error) {
		fprintf(stderr, "sluiced: data plane %d started\n", (int)dp->pid);
		dp->ops.replaced(dp->user);
		return;
	}
	if (dp->state != DATAPLANE_FAILED || strcmp(dp->trouble, why))
		fprintf(stderr, "sluiced: no data plane: %s\n", why);
	snprintf(dp->trouble, sizeof(dp->trouble), "%s", why);
	death_note(dp);
	dataplane_enter(dp, DATAPLANE_FAILED);
	loop_timer_set(dp->loop, &dp->restart, DEATHS_PAUSE_MS);
}

static void pidfd_ready(void *user, uint32_t events)
{
	struct dataplane *dp = user;
	char trouble[DATAPLANE_WHY];

	process_reap(dp, trouble);
	if (dp->client.socket >= 0)
		dataplane_lose(dp, trouble);
}

static void channel_broke(struct dataplane *dp, int error)
{
	char trouble[DATAPLANE_WHY];

	if (!process_dies(dp, trouble))
		fail(trouble, 0, "the channel broke: %s", strerror(-error));
	dataplane_lose(dp, trouble);
}

static void socket_ready(void *user, uint32_t events)
{
	struct dataplane *dp = user;
	int error = channel_client_read(&dp->client);

	if (error)
		channel_broke(dp, error);
	else
		events_tell(dp);
}

/* Continue with the data plane of a former control process. */
static int dataplane_take_over(struct dataplane *dp)
{
	char why[DATAPLANE_WHY];
	int error;

	if (process_recall(dp->pid_path, &dp->pid, &dp->pidfd))
		dp->pidfd = -1;
	error = dataplane_greet(dp, why);
	if (!error && dp->pidfd >= 0)
		error = process_watch(dp);
	if (error) {
		if (error != -ENOENT && error != -ECONNREFUSED)
			fprintf(stderr, "sluiced: a data plane runs but cannot be taken over: %s\n",
				why);
		process_end(dp);
		return error;
	}
	dataplane_enter(dp, DATAPLANE_RUNNING);
	return 0;
}

static int path_join(const char *dir, const char *name, char **ret_path)
{
	return asprintf(ret_path, "%s/%s", dir, name) < 0 ? -ENOMEM : 0;
}

int dataplane_create(struct loop *loop, const struct dataplane_options *options,
		     const struct dataplane_ops *ops, void *user, struct dataplane **ret_dataplane,
		     char ret_why[static DATAPLANE_WHY])
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	int error;

	if (!dp)
		return fail(ret_why, -ENOMEM, "no memory");
	dp->loop = loop;
	dp->options = *options;
	dp->ops = *ops;
	dp->user = user;
	dp->client.socket = dp->pidfd = -1;
	dp->counters = dp->kept = SEALED_NONE;
	dp->socket_watch.ready = socket_ready;
	dp->pidfd_watch.ready = pidfd_ready;
	dp->restart.expired = dataplane_restart;
	dp->tell.expired = events_tell;
	dp->socket_watch.user = dp->pidfd_watch.user = dp->restart.user = dp->tell.user = dp;
	error = path_join(options->run_dir, "dp.sock", &dp->socket_path);
	if (!error)
		error = path_join(options->run_dir, "dp.pid", &dp->pid_path);
	if (error) {
		fail(ret_why, error, "no memory");
		goto destroy;
	}
	if (dataplane_take_over(dp)) {
		error = dataplane_start(dp, ret_why);
		if (error)
			goto destroy;
	}
	*ret_dataplane = dp;
	return 0;
destroy:
	dataplane_destroy(dp);
	return error;
}

void dataplane_destroy(struct dataplane *dp)
{
	if (!dp)
		return;
	loop_timer_cancel(&dp->restart);
	loop_timer_cancel(&dp->tell);
	loop_unwatch(&dp->socket_watch);
	loop_unwatch(&dp->pidfd_watch);
	channel_client_close(&dp->client);
	if (dp->pidfd >= 0)
		close(dp->pidfd);
	shared_release(dp);
	free(dp->adopted);
	free(dp->pid_path);
	free(dp->socket_path);
	free(dp);
}

void dataplane_stop(struct dataplane *dp)
{
	struct channel_message stop = {.type = CHANNEL_STOP};
	struct channel_message reply;
	struct pollfd gone = {.fd = dp->pidfd, .events = POLLIN};
	int fds[CHANNEL_FDS];

	if (dp->client.socket >= 0 &&
	    !channel_client_ask(&dp->client, &stop, NULL, 0, DATAPLANE_ANSWER_MS, &reply, fds)) {
		channel_client_close_fds(fds);
		poll(&gone, 1, DATAPLANE_ANSWER_MS);
	}
	process_end(dp);
	unlink(dp->socket_path);
	unlink(dp->pid_path);
}

/* ---- requests ---- */

int dataplane_publish(struct dataplane *dp, const struct policy *policy,
		      char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {
		.type = CHANNEL_POLICY,
		.policy.size = policy->size,
	};
	int fd;
	int error = sealed_make("sluice-policy", policy, policy->size, &fd);

	if (error)
		return fail(ret_why, error, "the policy's memory: %s", strerror(-error));
	error = ask(dp, &request, &fd, 1, NULL, ret_why);
	close(fd);
	return error;
}

int dataplane_attach(struct dataplane *dp, const struct dataplane_device *device,
		     char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {
		.type = CHANNEL_ATTACH,
		.attach =
			{
				.port = device->port,
				.kind = device->kind,
				.queue_pairs = device->queue_pairs,
				.mtu = device->mtu,
				.cookie = device->cookie,
			},
	};

	return ask(dp, &request, device->fds, device->n_fds, NULL, ret_why);
}

int dataplane_detach(struct dataplane *dp, struct port_ref port, char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {.type = CHANNEL_DETACH, .detach.port = port};

	return ask(dp, &request, NULL, 0, NULL, ret_why);
}

int dataplane_place(struct dataplane *dp, struct port_ref port, uint32_t workers,
		    char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {
		.type = CHANNEL_PLACE,
		.place = {.port = port, .workers = workers},
	};

	return ask(dp, &request, NULL, 0, NULL, ret_why);
}

int dataplane_borrow(struct dataplane *dp, struct port_ref port, int ret_fds[CHANNEL_FDS],
		     unsigned *ret_n_fds, char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {.type = CHANNEL_LEND, .lend.port = port};
	unsigned n = 0;
	int error = ask_running(dp, &request, NULL, 0, NULL, ret_fds, ret_why);

	if (error)
		return error;
	while (n < CHANNEL_FDS && ret_fds[n] >= 0)
		n++;
	*ret_n_fds = n;
	return 0;
}

int dataplane_flush_fdb(struct dataplane *dp, uint16_t network, struct port_ref port,
			uint32_t *ret_count, char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {
		.type = CHANNEL_FDB_FLUSH,
		.flush = {.network = network, .port = port},
	};

	return ask(dp, &request, NULL, 0, ret_count, ret_why);
}

int dataplane_flush_sessions(struct dataplane *dp, uint16_t network, struct port_ref port,
			     uint32_t *ret_count, char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {
		.type = CHANNEL_SESSION_FLUSH,
		.flush = {.network = network, .port = port},
	};

	return ask(dp, &request, NULL, 0, ret_count, ret_why);
}

int dataplane_list(struct dataplane *dp, char ret_why[static DATAPLANE_WHY])
{
	struct channel_message request = {.type = CHANNEL_LIST};
	int error = ask(dp, &request, NULL, 0, NULL, ret_why);

	if (!error) {
		loop_timer_cancel(&dp->tell);
		events_tell(dp);
	}
	return error;
}

const struct policy *dataplane_adopted_policy(const struct dataplane *dp)
{
	return dp->adopted;
}

const struct counters *dataplane_counters(const struct dataplane *dp)
{
	return dp->counters.memory;
}

const struct fdb *dataplane_fdb(const struct dataplane *dp)
{
	return dp->fdb;
}

const struct sessions *dataplane_sessions(const struct dataplane *dp)
{
	return dp->sessions;
}

struct dataplane_report dataplane_report(const struct dataplane *dp)
{
	return (struct dataplane_report){
		.state = dp->state,
		.pid = dp->pid,
		.workers = dp->workers,
		.restarts = dp->restarts,
		.since = dp->since,
		.trouble = dp->trouble,
	};
}
