/*
 * sluiced - the control process: options, signals, and one place in the file
 * system that is its own.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/build.h"
#include "control/confine.h"
#include "control/daemon.h"
#include "control/document.h"
#include "control/model.h"
#include "control/notify.h"
#include "switch/limits.h"

enum {
	EXIT_USAGE = 2,
	LATENCY_MAX_US = 10000,
	LOCK_ATTEMPTS = 20,
	LOCK_PAUSE_NS = 50000000,
};

#define CONFIG_DEFAULT "/etc/sluice"
#define STATE_DEFAULT  "/var/lib/sluice"
#define RUN_DEFAULT    "/run/sluice"

static const char usage[] =
	"Usage: sluiced [OPTION]...\n"
	"The control process of the Sluice virtual switch. Runs in the foreground.\n"
	"\n"
	"  --config FILE|DIR    the configuration [" CONFIG_DEFAULT ", if it is there]\n"
	"  --state-dir DIR      what was applied, kept over a restart [" STATE_DEFAULT "]\n"
	"  --run-dir DIR        control.sock and guests' sockets [" RUN_DEFAULT "]\n"
	"  --workers CPULIST    processors that move frames: 2 or 2,4-6\n"
	"  --latency TIME       how long a frame may wait for a worker to look, as 50us or 1ms;\n"
	"                       0: workers never sleep [50us]\n"
	"  --check FILE|DIR     say what is wrong with a configuration, and end\n"
	"  --help, --version\n"
	"\n"
	"SIGTERM stops the switch. SIGQUIT ends this process only: frames go on, and the\n"
	"next sluiced takes over. SIGHUP reads the configuration again.\n";

struct sluiced {
	struct loop *loop;
	struct loop_watch signal_watch;
	struct daemon *daemon;
	bool stop; /* the data plane, too */
};

/* ---- the command line ---- */

struct arguments {
	const char *config;
	const char *state_dir;
	const char *run_dir;
	const char *workers;
	char latency[16]; /* microseconds; "": not said */
	const char *check;
};

/* `50us`, `1ms` or `0`, as microseconds for the data plane. */
static bool latency_read(const char *text, char ret_latency[static 16])
{
	char *unit;
	unsigned long us = strtoul(text, &unit, 10);

	if (*text < '0' || *text > '9' || us > LATENCY_MAX_US)
		return false;
	if (!strcmp(unit, "ms"))
		us *= 1000;
	else if (strcmp(unit, "us") && (us || *unit))
		return false;
	snprintf(ret_latency, 16, "%lu", us);
	return us <= LATENCY_MAX_US;
}

/* Is it `2,4-6`, and of no more workers than there can be? The data plane reads it for good. */
static bool is_cpu_list(const char *text)
{
	unsigned workers = 0;

	do {
		char *end;
		unsigned long first, last;

		if (!isdigit((unsigned char)*text))
			return false;
		last = first = strtoul(text, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if (last < first || last - first >= LIMIT_WORKERS)
			return false;
		workers += (unsigned)(last - first) + 1;
		text = end;
	} while (*text++ == ',');
	return text[-1] == '\0' && workers <= LIMIT_WORKERS;
}

/* -1, or the exit status when there is nothing more to do. */
static int arguments_read(int argc, char **argv, struct arguments *ret_arguments)
{
	enum { CONFIG = 1, STATE_DIR, RUN_DIR, WORKERS, LATENCY, CHECK, HELP, VERSION };
	static const struct option options[] = {
		{"config", required_argument, NULL, CONFIG},
		{"state-dir", required_argument, NULL, STATE_DIR},
		{"run-dir", required_argument, NULL, RUN_DIR},
		{"workers", required_argument, NULL, WORKERS},
		{"latency", required_argument, NULL, LATENCY},
		{"check", required_argument, NULL, CHECK},
		{"help", no_argument, NULL, HELP},
		{"version", no_argument, NULL, VERSION},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case CONFIG: ret_arguments->config = optarg; break;
		case STATE_DIR: ret_arguments->state_dir = optarg; break;
		case RUN_DIR: ret_arguments->run_dir = optarg; break;
		case WORKERS:
			ret_arguments->workers = optarg;
			if (is_cpu_list(optarg))
				break;
			fprintf(stderr, "sluiced: --workers: processors, at most %d, as in 2,4-6\n",
				LIMIT_WORKERS);
			return EXIT_USAGE;
		case LATENCY:
			if (latency_read(optarg, ret_arguments->latency))
				break;
			fputs("sluiced: --latency: a time from 0 to 10ms with its unit, as in "
			      "50us\n",
			      stderr);
			return EXIT_USAGE;
		case CHECK: ret_arguments->check = optarg; break;
		case HELP: fputs(usage, stdout); return EXIT_SUCCESS;
		case VERSION: puts("sluiced " SLUICE_VERSION); return EXIT_SUCCESS;
		default: fputs("Try `sluiced --help`.\n", stderr); return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "sluiced: unexpected argument `%s`. Try `sluiced --help`.\n", argv[optind]);
	return EXIT_USAGE;
}

/* --check: read, build, say everything that is wrong. */
static int check(const char *path, const char *run_dir)
{
	struct model_host host = {.run_dir = run_dir, .taken = daemon_taken};
	struct problems problems = {0};
	struct document *document;
	struct model *model = NULL;
	int error = document_create(&document);

	if (!error) {
		error = document_add_path(document, path, &problems);
		/* All problems at once: the model refuses what could not be read, and says what else is wrong. */
		if (!error || error == -EINVAL)
			error = model_build(document, &host, &problems, &model);
		problems_sort(&problems);
		problems_print(&problems, stderr);
		document_destroy(document);
	}
	if (!error)
		printf("%s: fine: %u tenants, %u networks, %u ports\n", path, model->n_tenants,
		       model->n_networks, model->n_ports);
	else if (!problems.total)
		fprintf(stderr, "sluiced: %s: %s\n", path, strerror(-error));
	model_destroy(model);
	problems_clear(&problems);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- its place ---- */

/* The file sluice-dp in the directory of @program, if it can be run there. */
static char *dp_program_beside(const char *program)
{
	const char *slash = strrchr(program, '/');
	char *path;

	if (!slash || asprintf(&path, "%.*s/sluice-dp", (int)(slash - program), program) < 0)
		return NULL;
	if (!access(path, X_OK))
		return path;
	free(path);
	return NULL;
}

/* sluice-dp lies beside our executable, or beside the link that led to it, or where it was installed. */
static char *dp_program_find(void)
{
	const char *started_as = (const char *)getauxval(AT_EXECFN);
	char *path = started_as ? dp_program_beside(started_as) : NULL;
	char self[4096];
	ssize_t length = path ? 0 : readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length > 0) {
		self[length] = '\0';
		path = dp_program_beside(self);
	}
	return path ? path : strdup(SLUICE_LIBEXECDIR "/sluice-dp");
}

/* One that was just killed may still be on its way out. -1 and errno if another one stays. */
static int lock(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	for (unsigned i = 0; i < LOCK_ATTEMPTS && flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK || i == LOCK_ATTEMPTS - 1)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Make the run directory, and lock it: one control process to a directory. The lock is never closed. */
static int run_dir_take(const char *dir, char **ret_absolute)
{
	int error, fd;

	if (mkdir(dir, 0755) && errno != EEXIST)
		goto say_errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		goto say_errno;
	if (lock(fd)) {
		error = errno;
		fprintf(stderr, "sluiced: %s: %s\n", dir,
			error == EWOULDBLOCK ? "another sluiced runs in this directory"
					     : strerror(error));
		close(fd);
		return -error;
	}
	*ret_absolute = realpath(dir, NULL);
	if (*ret_absolute)
		return 0;
say_errno:
	error = errno;
	fprintf(stderr, "sluiced: run directory %s: %s\n", dir, strerror(error));
	return -error;
}

/* Each port takes a few descriptors: as many as we are allowed. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- signals ---- */

static void signal_ready(void *user, uint32_t events)
{
	struct sluiced *sluiced = user;
	struct signalfd_siginfo signal;

	if (read(sluiced->signal_watch.fd, &signal, sizeof(signal)) != sizeof(signal))
		return;
	if (signal.ssi_signo == SIGHUP) {
		notify_systemd("RELOADING=1");
		if (daemon_configure(sluiced->daemon))
			fputs("sluiced: the running configuration stays\n", stderr);
		notify_systemd("READY=1");
		return;
	}
	sluiced->stop = signal.ssi_signo != SIGQUIT;
	loop_stop(sluiced->loop);
}

static int signals_watch(struct sluiced *sluiced)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sluiced->signal_watch.ready = signal_ready;
	sluiced->signal_watch.user = sluiced;
	return loop_watch(sluiced->loop, &sluiced->signal_watch, fd, EPOLLIN);
}

static void signals_forget(struct sluiced *sluiced)
{
	loop_unwatch(&sluiced->signal_watch);
	close(sluiced->signal_watch.fd);
}

static int serve(const struct daemon_options *options)
{
	struct sluiced sluiced = {0};
	int error = loop_create(&sluiced.loop);

	if (error)
		goto say_error;
	error = signals_watch(&sluiced);
	if (error)
		goto destroy_loop;
	error = daemon_create(options, sluiced.loop, &sluiced.daemon);
	if (error)
		goto forget_signals;
	error = confine_process();
	if (error) {
		fprintf(stderr, "sluiced: privileges cannot be given up: %s\n", strerror(-error));
		goto destroy_daemon;
	}
	fputs("ready\n", stderr);
	notify_systemd("READY=1");
	error = loop_run(sluiced.loop);
	notify_systemd("STOPPING=1");
destroy_daemon:
	daemon_destroy(sluiced.daemon, sluiced.stop);
forget_signals:
	signals_forget(&sluiced);
destroy_loop:
	loop_destroy(sluiced.loop);
say_error:
	/* what exactly, a line before may have said */
	if (error)
		fprintf(stderr, "sluiced: ends: %s\n", strerror(-error));
	return error;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.state_dir = STATE_DEFAULT, .run_dir = RUN_DEFAULT};
	struct daemon_options options = {0};
	char *run_dir = NULL, *dp_program;
	int status = arguments_read(argc, argv, &arguments);

	if (status >= 0)
		return status;
	if (arguments.check)
		return check(arguments.check, arguments.run_dir);
	setvbuf(stderr, NULL, _IOLBF, 0);
	if (run_dir_take(arguments.run_dir, &run_dir))
		return EXIT_FAILURE;
	raise_limits();
	dp_program = dp_program_find();
	if (!dp_program)
		return EXIT_FAILURE;
	options.config = arguments.config;
	if (!options.config && !access(CONFIG_DEFAULT, F_OK))
		options.config = CONFIG_DEFAULT;
	options.state_dir = arguments.state_dir;
	options.run_dir = run_dir;
	options.dp_program = dp_program;
	options.workers = arguments.workers;
	options.latency = *arguments.latency ? arguments.latency : NULL;
	status = serve(&options) ? EXIT_FAILURE : EXIT_SUCCESS;
	free(dp_program);
	free(run_dir);
	return status;
}
