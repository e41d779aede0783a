/*
 * sluice-dp - the data plane's process: how it starts and how it ends.
 *
 * It is started by the control process with a listening socket, and outlives
 * it. The order of the start is the point of this file: everything that needs a
 * privilege or a system call that the sandbox forbids is done first, then the
 * door is shut, then the first request is read. It ends by STOP, by SIGTERM, or
 * by a programmer's error; guests cannot end it, and the control process's end
 * does not. It writes to stderr only while it starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "switch/plane.h"
#include "switch/port_kinds.h"
#include "switch/sandbox.h"
#include "switch/server.h"
#include "switch/state.h"
#include "switch/uring.h"
#include "switch/worker.h"

enum {
	TICK_MS = 1000,
	CONTROL_NICE = 10, /* a tenth of what a worker gets */
	EXIT_USAGE = 2,
};

struct options {
	int listen_fd;
	int state_fd; /* -1: make a new one */
	unsigned n_workers;
	int cpus[LIMIT_WORKERS]; /* one a worker */
	uint32_t latency_us;
	bool plain_reads; /* as if the kernel were old; for tests */
};

struct dataplane {
	struct options options;
	uid_t starter;
	clock_ms started;
	int signals;
	int counters_fd;
	struct counters *counters;
	struct state state;
	struct uring_set rings;
	struct plane *plane;
	struct server *server;
};

static clock_ms now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (clock_ms)now.tv_sec * 1000 + (clock_ms)now.tv_nsec / 1000000;
}

/* ---- the command line ---- */

static const char usage[] =
	"usage: sluice-dp --listen FD [--state FD] [--workers CPULIST] [--latency US]\n"
	"                 [--plain-reads]\n"
	"  --listen FD        listening SOCK_SEQPACKET socket of the channel\n"
	"  --state FD         state memory of a data plane that this one succeeds\n"
	"  --workers CPULIST  one worker on each of these processors, as in 2,4-6\n"
	"  --latency US       how long a frame may wait for a worker to look; 0: never sleep\n"
	"  --plain-reads      read taps with a call a frame, as where the kernel is older than 6.5\n"
	"The control process starts it; see sluiced.\n";

/* A decimal number up to @max at *@text, which moves behind it; -1 if there is none. */
static int read_number(const char **text, int max)
{
	char *end;
	long number;

	if (**text < '0' || **text > '9')
		return -1;
	number = strtol(*text, &end, 10);
	*text = end;
	return number > max ? -1 : (int)number;
}

static int read_fd(const char *text)
{
	int fd = read_number(&text, INT16_MAX);

	return *text || fd < 0 || fcntl(fd, F_GETFD) < 0 ? -1 : fd;
}

/* "2,4-6": as many workers as there are processors in it. */
static bool read_cpus(const char *text, struct options *ret_options)
{
	unsigned n = 0;

	do {
		int first = read_number(&text, CPU_SETSIZE - 1);
		int last = first;

		if (first >= 0 && *text == '-') {
			text++;
			last = read_number(&text, CPU_SETSIZE - 1);
		}
		if (first < 0 || last < first || n + (unsigned)(last - first) >= LIMIT_WORKERS)
			return false;
		while (first <= last)
			ret_options->cpus[n++] = first++;
	} while (*text++ == ',');
	ret_options->n_workers = n;
	return text[-1] == '\0';
}

static bool read_latency(const char *text, uint32_t *ret_latency_us)
{
	int number = read_number(&text, WORKER_LATENCY_MAX_US);

	*ret_latency_us = (uint32_t)number;
	return number >= 0 && !*text;
}

/* 0, or the exit status after having said why. */
static int read_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option names[] = {
		{"listen", required_argument, NULL, 'l'},
		{"state", required_argument, NULL, 's'},
		{"workers", required_argument, NULL, 'w'},
		{"latency", required_argument, NULL, 't'},
		{"plain-reads", no_argument, NULL, 'p'},
		{NULL, 0, NULL, 0},
	};
	bool fine = true;
	int letter;

	*ret_options = (struct options){
		.listen_fd = -1,
		.state_fd = -1,
		.n_workers = 1,
		.cpus = {WORKER_UNPINNED},
		.latency_us = WORKER_LATENCY_US,
	};
	while (fine && (letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (letter) {
		case 'l': fine = (ret_options->listen_fd = read_fd(optarg)) >= 0; break;
		case 's': fine = (ret_options->state_fd = read_fd(optarg)) >= 0; break;
		case 'w': fine = read_cpus(optarg, ret_options); break;
		case 't': fine = read_latency(optarg, &ret_options->latency_us); break;
		case 'p': ret_options->plain_reads = true; break;
		default: fine = false;
		}
	}
	if (fine && optind == argc && ret_options->listen_fd >= 0)
		return 0;
	fputs(usage, stderr);
	return EXIT_USAGE;
}

/* ---- the start ---- */

static int faults = -1; /* eventfd: guests' memory went away */

/* A guest's memory went away under a worker: its port pays (reference H6). Anything else is ours. */
static void on_sigbus(int number, siginfo_t *about, void *context)
{
	const uint64_t one = 1;
	int interrupted = errno;

	if (!port_vhost_fault(about->si_addr))
		signal(SIGBUS, SIG_DFL);
	else
		(void)!write(faults, &one, sizeof(one));
	errno = interrupted;
}

static int set_signals(struct dataplane *dp)
{
	struct sigaction on_bus = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
	sigset_t ending;

	faults = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (faults < 0)
		return -errno;
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	if (sigaction(SIGBUS, &on_bus, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    sigprocmask(SIG_BLOCK, &ending, NULL))
		return -errno;
	dp->signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	return dp->signals < 0 ? -errno : 0;
}

/* Counters that we write and others can only read: the seal forbids them any other mapping. */
static int make_counters(struct dataplane *dp)
{
	const int seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	size_t size = counters_size();
	void *memory;

	dp->counters_fd = memfd_create("sluice-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (dp->counters_fd < 0 || ftruncate(dp->counters_fd, (off_t)size))
		return -errno;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dp->counters_fd, 0);
	if (memory == MAP_FAILED || fcntl(dp->counters_fd, F_ADD_SEALS, seals))
		return -errno;
	dp->counters = memory;
	dp->counters->magic = COUNTERS_MAGIC;
	dp->counters->version = COUNTERS_VERSION;
	dp->counters->size = size;
	dp->counters->n_workers = dp->options.n_workers;
	dp->counters->n_ports = LIMIT_PORTS;
	dp->counters->row_size = sizeof(struct port_counters);
	dp->counters->n_drops = DROP__COUNT;
	return 0;
}

/* One ring a worker, one for the control thread; or none: then there are vhost-user ports only. */
static int make_rings(struct dataplane *dp)
{
	for (unsigned i = 0; i <= dp->options.n_workers; i++) {
		int error = uring_create(dp->options.plain_reads, &dp->rings.rings[i]);

		if (error) {
			fprintf(stderr, "sluice-dp: io_uring: %s; no taps and devices\n",
				strerror(-error));
			while (i-- > 0)
				uring_destroy(dp->rings.rings[i]);
			return 0;
		}
	}
	dp->rings.n = dp->options.n_workers + 1;
	return 0;
}

static int make_plane(struct dataplane *dp)
{
	struct plane_options plane_options = {
		.counters = dp->counters,
		.fdb = dp->state.fdb,
		.sessions = dp->state.sessions,
		.latency_us = dp->options.latency_us,
		.rings = &dp->rings,
	};
	struct server_options server_options = {
		.listen_fd = dp->options.listen_fd,
		.starter = dp->starter,
		.counters_fd = dp->counters_fd,
		.state_fd = dp->state.fd,
		.n_workers = dp->options.n_workers,
		.started = dp->started,
	};
	int error = plane_create(&plane_options, &dp->plane);

	if (error)
		return error;
	error = plane_start_workers(dp->plane, dp->options.cpus, dp->options.n_workers);
	if (error)
		return error;
	server_options.plane = dp->plane;
	return server_create(&server_options, &dp->server);
}

static int make_state(struct dataplane *dp)
{
	return dp->options.state_fd < 0 ? state_create(&dp->state)
					: state_adopt(dp->options.state_fd, &dp->state);
}

/* What the starter forgot to close shall not be inside of the sandbox. */
static int close_strange_fds(struct dataplane *dp)
{
	int listen_fd = dp->options.listen_fd, state_fd = dp->options.state_fd;
	int low = listen_fd < state_fd ? listen_fd : state_fd;
	int high = listen_fd < state_fd ? state_fd : listen_fd;
	int from = STDERR_FILENO + 1;

	for (int i = 0; i < 2; i++) {
		int kept = i ? high : low;

		if (kept > from && close_range((unsigned)from, (unsigned)kept - 1, 0))
			return -errno;
		if (kept >= from)
			from = kept + 1;
	}
	return close_range((unsigned)from, ~0U, 0) ? -errno : 0;
}

static int make_nonblocking(struct dataplane *dp)
{
	int flags = fcntl(dp->options.listen_fd, F_GETFL);

	return flags < 0 || fcntl(dp->options.listen_fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

static int leave_host(struct dataplane *dp)
{
	return sandbox_leave_host();
}

/*
 * Where the control thread shares a processor with a worker, the worker has it: a
 * front-end that asks for one thing after the other delays nobody's frames. Niceness
 * is a thread's; the workers, which there are by now, keep theirs.
 */
static int step_back(struct dataplane *dp)
{
	(void)setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
	return 0;
}

static int shut_door(struct dataplane *dp)
{
	return sandbox_close();
}

/* The start, step by step; the first that fails ends it. */
static int start(struct dataplane *dp)
{
	static const struct {
		const char *what;
		int (*go)(struct dataplane *);
	} steps[] = {
		{"descriptors", close_strange_fds},
		{"listening socket", make_nonblocking},
		{"signals", set_signals},
		{"state memory", make_state},
		{"counters", make_counters},
		{"io_uring", make_rings},
		{"privileges", leave_host},
		{"workers", make_plane},
		{"priority", step_back},
		{"system calls", shut_door},
	};

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int error = steps[i].go(dp);

		if (error) {
			fprintf(stderr, "sluice-dp: %s: %s\n", steps[i].what, strerror(-error));
			return error;
		}
	}
	return 0;
}

/* ---- the run ---- */

static void run(struct dataplane *dp)
{
	enum { SIGNALS, FAULTS, PLANE, SERVER, POLLED = SERVER + 2 };
	clock_ms tick = now_ms() + TICK_MS;
	struct pollfd polled[POLLED] = {
		[SIGNALS] = {.fd = dp->signals, .events = POLLIN},
		[FAULTS] = {.fd = faults, .events = POLLIN},
		[PLANE] = {.fd = plane_fd(dp->plane), .events = POLLIN},
	};
	uint64_t count;

	do {
		clock_ms now;

		server_polled(dp->server, &polled[SERVER]);
		now = now_ms();
		poll(polled, POLLED, now < tick ? (int)(tick - now) : 0);
		if (polled[SIGNALS].revents)
			return;
		if (polled[FAULTS].revents && read(faults, &count, sizeof(count)) > 0)
			plane_check_ports(dp->plane);
		plane_serve(dp->plane);
		now = now_ms();
		if (now >= tick) {
			plane_tick(dp->plane, now);
			tick = now + TICK_MS;
		}
	} while (!server_serve(dp->server));
}

/* Undo what was done of the start. */
static void finish(struct dataplane *dp)
{
	server_destroy(dp->server);
	plane_destroy(dp->plane);
	for (unsigned i = 0; i < dp->rings.n; i++)
		uring_destroy(dp->rings.rings[i]);
	state_close(&dp->state);
	if (dp->counters)
		munmap(dp->counters, dp->counters->size);
}

int main(int argc, char **argv)
{
	struct dataplane dp = {.starter = getuid(), .started = now_ms()};
	int status = read_options(argc, argv, &dp.options);

	if (status)
		return status;
	/* one heap for all threads: those that matter allocate nothing */
	mallopt(M_ARENA_MAX, 1);
	sandbox_set_limits();
	status = start(&dp) ? EXIT_FAILURE : EXIT_SUCCESS;
	if (status == EXIT_SUCCESS)
		run(&dp);
	finish(&dp);
	return status;
}
