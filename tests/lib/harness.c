/*
 * harness - see harness.h.
 */
#include "tests/lib/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"

static pid_t running; /* for the epilogue of a failed check */

static void say_how_it_died(void)
{
	int status;

	if (!running || waitpid(running, &status, WNOHANG) != running)
		return;
	if (WIFSIGNALED(status))
		fprintf(stderr, "# the data plane died of %s\n", strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "# the data plane ended with status %d\n", WEXITSTATUS(status));
}

/* A listening socket in the abstract name space, under a name that the kernel chooses. */
static int create_listener(struct sockaddr_un *ret_name, socklen_t *ret_size)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	check(fd >= 0, "socket: %s", strerror(errno));
	check(bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0, "bind: %s",
	      strerror(errno));
	check(listen(fd, 4) == 0, "listen: %s", strerror(errno));
	*ret_size = sizeof(*ret_name);
	check(getsockname(fd, (struct sockaddr *)ret_name, ret_size) == 0, "getsockname");
	return fd;
}

static void run_data_plane(int listener, unsigned workers, unsigned fds)
{
	const struct rlimit limit = {fds, fds};
	const char *program = getenv("SLUICE_DP");
	char fd_text[16], cpus[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fds > 0)
		setrlimit(RLIMIT_NOFILE, &limit);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* whatever we inherited ourselves */
	fcntl(listener, F_SETFD, 0);
	snprintf(fd_text, sizeof(fd_text), "%d", listener);
	snprintf(cpus, sizeof(cpus), workers > 1 ? "0-%u" : "%u", workers - 1);
	if (program)
		execl(program, program, "--listen", fd_text, "--workers", cpus,
		      getenv("SLUICE_DP_OPTION"), (char *)NULL);
	fprintf(stderr, "# SLUICE_DP=%s: %s\n", program ? program : "", strerror(errno));
	_exit(127);
}

static void keep_event(struct harness *harness, const struct channel_message *message)
{
	struct harness_port *port;

	if (message->event.port.id >= HARNESS_PORTS)
		return;
	port = &harness->ports[message->event.port.id];
	port->state = message->event.state;
	port->queue_pairs = message->event.queue_pairs;
	port->workers = message->event.workers;
	port->features = message->event.features;
	port->cookie = message->event.cookie;
	memcpy(port->text, message->event.text, sizeof(port->text));
}

/* One message before @end_ms: 0 or -ETIMEDOUT. Events are kept; replies go to the caller. */
static int receive(struct harness *harness, uint64_t end_ms, struct channel_message *ret_message,
		   int *ret_fds, unsigned *ret_n_fds)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = harness->channel, .events = POLLIN};
		uint64_t now = clock_now_ms();
		int error;

		if (poll(&poll_fd, 1, now < end_ms ? (int)(end_ms - now) : 0) == 0)
			return -ETIMEDOUT;
		error = channel_receive(harness->channel, ret_message, ret_fds, ret_n_fds);
		if (error == -EAGAIN)
			continue;
		check(error == 0, "the channel: %s", strerror(-error));
		if (ret_message->type == CHANNEL_EVENT)
			keep_event(harness, ret_message);
		return 0;
	}
}

/* Ask and await the reply; its fds are closed unless @ret_fds takes them. */
static int ask(struct harness *harness, struct channel_message *message, const int *fds,
	       unsigned n_fds, struct channel_message *ret_reply, int *ret_fds, unsigned *ret_n_fds)
{
	uint64_t end = clock_now_ms() + CLOCK_PATIENCE_MS;
	int spare[CHANNEL_FDS];
	unsigned n;
	int error;

	message->seq = ++harness->seq;
	error = channel_send(harness->channel, message, fds, n_fds);
	check(error == 0, "channel_send: %s", strerror(-error));
	do {
		error = receive(harness, end, ret_reply, ret_fds ? ret_fds : spare, &n);
		check(error == 0, "no reply to request %u in %u ms", message->type,
		      CLOCK_PATIENCE_MS);
		for (unsigned i = 0; !ret_fds && i < n; i++)
			close(spare[i]);
	} while (ret_reply->type != CHANNEL_REPLY);
	check(ret_reply->seq == message->seq, "a reply to %u instead of %u", ret_reply->seq,
	      message->seq);
	if (ret_n_fds)
		*ret_n_fds = n;
	return ret_reply->reply.error;
}

static int ask_simply(struct harness *harness, struct channel_message *message)
{
	struct channel_message reply;

	return ask(harness, message, NULL, 0, &reply, NULL, NULL);
}

static void say_hello(struct harness *harness)
{
	struct channel_message hello = {.type = CHANNEL_HELLO, .hello.version = CHANNEL_VERSION};
	struct channel_message reply;
	int fds[CHANNEL_FDS], error;
	off_t size;
	unsigned n;

	error = ask(harness, &hello, NULL, 0, &reply, fds, &n);
	check(error == 0 && reply.reply.version == CHANNEL_VERSION, "HELLO: %s", strerror(-error));
	check(!reply.reply.has_policy && n == 2, "HELLO brought %u fds", n);
	check((pid_t)reply.reply.pid == harness->pid, "it thinks that it is %u", reply.reply.pid);
	size = lseek(fds[0], 0, SEEK_END);
	check(size >= (off_t)sizeof(struct counters), "counters of %ld bytes", (long)size);
	harness->counters_size = (size_t)size;
	harness->counters = mmap(NULL, harness->counters_size, PROT_READ, MAP_SHARED, fds[0], 0);
	check(harness->counters != MAP_FAILED, "mmap of the counters: %s", strerror(errno));
	check(harness->counters->magic == COUNTERS_MAGIC &&
		      harness->counters->row_size == sizeof(struct port_counters),
	      "these are no counters");
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

void harness_start(struct harness *harness, unsigned workers, unsigned fds)
{
	struct sockaddr_un name;
	socklen_t size;
	int listener = create_listener(&name, &size);

	*harness = (struct harness){.pid = fork()};
	check(harness->pid >= 0, "fork: %s", strerror(errno));
	if (harness->pid == 0)
		run_data_plane(listener, workers, fds);
	close(listener); /* only the data plane holds it now: its end is the end of our connection */
	running = harness->pid;
	check_epilogue = say_how_it_died;
	harness->channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	check(harness->channel >= 0, "socket: %s", strerror(errno));
	check(connect(harness->channel, (struct sockaddr *)&name, size) == 0, "connect: %s",
	      strerror(errno));
	say_hello(harness);
}

void harness_stop(struct harness *harness)
{
	struct channel_message stop = {.type = CHANNEL_STOP};
	int error = ask_simply(harness, &stop);
	int status = 0;

	check(error == 0, "STOP: %s", strerror(-error));
	check(clock_await(CLOCK_PATIENCE_MS, waitpid(harness->pid, &status, WNOHANG) != 0),
	      "it does not stop");
	running = 0;
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ended with status %#x", status);
	munmap((void *)(uintptr_t)harness->counters, harness->counters_size);
	close(harness->channel);
}

bool harness_is_alive(const struct harness *harness)
{
	siginfo_t state = {0};

	/* WNOWAIT: how it died is left for the epilogue to tell. */
	return waitid(P_PID, (id_t)harness->pid, &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       state.si_pid == 0;
}

struct policy_builder *harness_begin_policy(struct harness *harness)
{
	struct policy_builder *builder;

	check(policy_builder_create(++harness->generation, 0x5eed, &builder) == 0, "no builder");
	return builder;
}

void harness_publish(struct harness *harness, struct policy_builder *builder)
{
	struct channel_message message = {.type = CHANNEL_POLICY}, reply;
	struct policy *policy;
	int fd, error;

	error = policy_builder_finish(builder, &policy);
	check(error == 0, "policy_builder_finish: %s", strerror(-error));
	policy_builder_destroy(builder);
	fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	check(fd >= 0 && write(fd, policy, policy->size) == (ssize_t)policy->size,
	      "a policy of %llu bytes: %s", (unsigned long long)policy->size, strerror(errno));
	check(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0,
	      "seals: %s", strerror(errno));
	message.policy.size = policy->size;
	free(policy);
	error = ask(harness, &message, &fd, 1, &reply, NULL, NULL);
	check(error == 0, "POLICY: %s: %s", strerror(-error), reply.reply.text);
	close(fd);
}

int harness_attach(struct harness *harness, uint16_t port, int fd, unsigned queue_pairs)
{
	struct channel_message reply, message = {
					      .type = CHANNEL_ATTACH,
					      .attach = {.port = harness_ref(port),
							 .kind = KIND_VHOST_USER,
							 .queue_pairs = queue_pairs,
							 .mtu = LIMIT_MTU_MAX,
							 .cookie = 0xc00c1e00u + port},
				      };
	int error = ask(harness, &message, &fd, 1, &reply, NULL, NULL);

	close(fd);
	return error;
}

int harness_detach(struct harness *harness, uint16_t port)
{
	struct channel_message message = {.type = CHANNEL_DETACH, .detach.port = harness_ref(port)};

	return ask_simply(harness, &message);
}

void harness_flush_fdb(struct harness *harness)
{
	struct channel_message message = {.type = CHANNEL_FDB_FLUSH};
	int error = ask_simply(harness, &message);

	check(error == 0, "FDB_FLUSH: %s", strerror(-error));
}

unsigned harness_list(struct harness *harness)
{
	struct channel_message message = {.type = CHANNEL_LIST};
	unsigned n = 0;
	int error;

	for (unsigned i = 0; i < HARNESS_PORTS; i++)
		harness->ports[i].state = 0;
	error = ask_simply(harness, &message);
	check(error == 0, "LIST: %s", strerror(-error));
	for (unsigned i = 0; i < HARNESS_PORTS; i++)
		n += harness->ports[i].state != 0;
	return n;
}

const char *harness_await_port(struct harness *harness, uint16_t port, uint32_t state)
{
	static const char *const words[] = {"unheard of", "waiting", "up", "closed"};
	uint64_t end = clock_now_ms() + CLOCK_PATIENCE_MS;
	const struct harness_port *seen = &harness->ports[port];
	struct channel_message message;
	int fds[CHANNEL_FDS];
	unsigned n;

	while (seen->state != state)
		check(receive(harness, end, &message, fds, &n) == 0,
		      "port %u is %s (\"%s\") and does not become %s", port, words[seen->state & 3],
		      seen->text, words[state & 3]);
	return seen->text;
}

const struct port_counters *harness_counters(struct harness *harness, uint16_t port)
{
	counters_sum(harness->counters, harness_ref(port), &harness->sum);
	return &harness->sum;
}

static bool is_balanced(struct harness *harness, uint16_t port)
{
	const struct port_counters *sum = harness_counters(harness, port);
	uint64_t dropped = 0, missed = 0;

	for (unsigned i = 0; i < DROP__COUNT; i++) {
		dropped += sum->dropped[i];
		missed += sum->missed[i];
	}
	return sum->rx_frames == sum->delivered + dropped + sum->consumed &&
	       sum->offered == sum->tx_frames + missed;
}

void harness_check_ledger(struct harness *harness, uint16_t port)
{
	const struct port_counters *sum = &harness->sum;

	/* A worker adds its counters at the end of a burst: an instant later it must be right. */
	check(clock_await(1000, is_balanced(harness, port)),
	      "port %u: received %llu, delivered %llu, consumed %llu; offered %llu, sent %llu: the "
	      "rest has no reason",
	      port, (unsigned long long)sum->rx_frames, (unsigned long long)sum->delivered,
	      (unsigned long long)sum->consumed, (unsigned long long)sum->offered,
	      (unsigned long long)sum->tx_frames);
}

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	check(folder, "%s: %s", path, strerror(errno));
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(folder);
	return n;
}

struct harness_resources harness_resources(const struct harness *harness)
{
	struct harness_resources resources = {.fds = count_fds(harness->pid)};
	unsigned long long kib;
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", harness->pid);
	file = fopen(path, "re");
	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		resources.guest_mappings += strstr(line, "memfd:guest") != NULL;
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/status", harness->pid);
	file = fopen(path, "re");
	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			resources.anonymous_kib = kib;
	fclose(file);
	return resources;
}

uint64_t harness_cpu_ns(const struct harness *harness)
{
	struct timespec used;
	clockid_t clock;

	check(clock_getcpuclockid(harness->pid, &clock) == 0 && clock_gettime(clock, &used) == 0,
	      "its processor time");
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}
