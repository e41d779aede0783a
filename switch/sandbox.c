/*
 * sandbox - users, namespaces, capabilities, files, system calls; see sandbox.h.
 *
 * A sanitizer's run time reads /proc and, at the end, stops the process's
 * threads to look for leaks. In builds with one (SLUICE_SANITIZED) the file
 * system stays, and a system call that is not on the list is logged, not fatal.
 */
#include "switch/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SLUICE_SANITIZED
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

enum {
	NOBODY = 65534, /* the user and group that own nothing */
};

/* An argument's bits: all that C's int and unsigned have; what is above them is nobody's. */
#define WHOLE 0xffffffffU

void sandbox_set_limits(void)
{
	struct rlimit none = {0, 0};
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit fds;

	/* a core dump would hold guests' memory */
	setrlimit(RLIMIT_CORE, &none);
	/* the buffers of io_urings are locked: as much as it takes, if we may say so */
	setrlimit(RLIMIT_MEMLOCK, &all);
	/* a session and its queues are a dozen fds: as many as we may have */
	if (getrlimit(RLIMIT_NOFILE, &fds))
		return;
	fds.rlim_cur = fds.rlim_max;
	setrlimit(RLIMIT_NOFILE, &fds);
}

/* ---- leaving the host ---- */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	bool written = fd >= 0 && write(fd, text, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return written;
}

/* An ordinary user is allowed namespaces only inside a user namespace, in which it is itself. */
static bool enter_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER))
		return false;
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (!write_file("/proc/self/uid_map", map) || !write_file("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	return write_file("/proc/self/gid_map", map);
}

/* An empty, read-only root: pivot_root(2), "pivot_root(".", ".")". */
static bool empty_root(void)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/proc", "tmpfs", flags, "size=4k,nr_inodes=2") == 0 &&
	       chdir("/proc") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
	       umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

static void leave_namespaces(void)
{
	const char *step = "user namespace";

	if (geteuid() != 0 && !enter_user_namespace())
		goto refused;
	step = "network namespace";
	if (unshare(CLONE_NEWNET))
		goto refused;
	step = "namespaces";
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS))
		goto refused;
	step = "empty root";
	if (!SANITIZED && !empty_root())
		goto refused;
	return;

refused:
	fprintf(stderr, "sluice-dp: sandbox: %s: %s; going on without it\n", step, strerror(errno));
}

/* No capability in any set, and no user that owns anything. */
static int drop_privileges(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (geteuid() == 0) {
		if (capng_change_id(NOBODY, NOBODY,
				    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING |
					    CAPNG_CLEAR_AMBIENT))
			return -EPERM;
	} else if (capng_apply(CAPNG_SELECT_CAPS)) {
		return -EPERM;
	}
	if (capng_get_caps_process() || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return -EPERM;
	return 0;
}

/*
 * Landlock without a rule: no path can be opened, made or removed, no TCP port
 * used, nothing outside signalled; what is open stays open. It also holds where
 * the namespaces were refused. Kernels know more or less of it: what a header of
 * today does not name stands here by its number in the kernel's.
 */
static void close_paths(void)
{
	/* how many rights there are from each version (ABI) of Landlock on */
	static const unsigned files[] = {0, 13, 14, 15, 15, 16};
	const int newest = (int)(sizeof(files) / sizeof(files[0])) - 1;
	struct {
		uint64_t files;
		uint64_t ports;
		uint64_t scopes;
	} handled = {0};
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd;

	if (abi < 1)
		return;
	handled.files = (1ULL << files[abi < newest ? abi : newest]) - 1;
	if (abi >= 4)
		handled.ports = 3; /* to bind and to connect */
	if (abi >= 6)
		handled.scopes = 3; /* abstract sockets and signals */
	fd = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		fprintf(stderr, "sluice-dp: sandbox: Landlock: %s; going on without it\n",
			strerror(errno));
	if (fd >= 0)
		close(fd);
}

int sandbox_leave_host(void)
{
	int error;

	leave_namespaces();
	error = drop_privileges();
	if (error)
		return error;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (!SANITIZED)
		close_paths();
	/* no ptrace, no /proc/PID/mem for others of the same user; changing it reset it */
	if (!SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return 0;
}

/* ---- system calls ---- */

/* Who needs it stands before each group; what is not here ends the process. */
/* clang-format off */
static const int allowed[] = {
	/* frames: rings (each closed to all but files), taps of older kernels */
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(read), SCMP_SYS(write),
	/* signalling guests */
	SCMP_SYS(io_setup), SCMP_SYS(io_submit), SCMP_SYS(io_getevents),
	/* sleeping and waking */
	SCMP_SYS(epoll_ctl), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
	SCMP_SYS(epoll_pwait2),
#ifdef __NR_poll
	SCMP_SYS(epoll_wait), SCMP_SYS(poll),
#else
	SCMP_SYS(epoll_pwait), SCMP_SYS(ppoll),
#endif
	/* the channel and vhost-user sessions */
	SCMP_SYS(accept4), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(getsockname),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(ftruncate),
	/* memory */
	SCMP_SYS(munmap), SCMP_SYS(brk),
	/* time, where the vDSO does not serve */
	SCMP_SYS(clock_gettime),
	/* signals: SIGBUS of a guest's memory */
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	/* libc: the end of threads and of the process */
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Allowed with one of these arguments: the bits of @mask have @value. */
static const struct {
	int call;
	unsigned argument;
	scmp_datum_t mask;
	scmp_datum_t value;
} filtered[] = {
	/* memory that can be written or read, never executed */
	{SCMP_SYS(mmap), 2, PROT_EXEC, 0},
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
	{SCMP_SYS(mremap), 3, WHOLE, MREMAP_MAYMOVE},
	{SCMP_SYS(madvise), 2, WHOLE, MADV_DONTDUMP},
	{SCMP_SYS(madvise), 2, WHOLE, MADV_DONTNEED},
	{SCMP_SYS(memfd_create), 1, WHOLE, MFD_CLOEXEC | MFD_ALLOW_SEALING},
	/* what an fd is, and that it does not wait */
	{SCMP_SYS(fcntl), 1, WHOLE, F_GETFL},
	{SCMP_SYS(fcntl), 1, WHOLE, F_SETFL},
	{SCMP_SYS(fcntl), 1, WHOLE, F_GET_SEALS},
	{SCMP_SYS(fcntl), 1, WHOLE, F_ADD_SEALS},
	{SCMP_SYS(fcntl), 1, WHOLE, F_DUPFD_CLOEXEC},
	{SCMP_SYS(getsockopt), 1, WHOLE, SOL_SOCKET},
	{SCMP_SYS(getsockopt), 1, WHOLE, SOL_PACKET},
	{SCMP_SYS(newfstatat), 3, WHOLE, AT_EMPTY_PATH},
	/* after a fault that is nobody's, and in abort() */
	{SCMP_SYS(rt_sigaction), 0, WHOLE, SIGBUS},
	{SCMP_SYS(rt_sigaction), 0, WHOLE, SIGABRT},
};
/* clang-format on */

static int allow(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !error; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(filtered) / sizeof(filtered[0]) && !error; i++) {
		struct scmp_arg_cmp argument = SCMP_CMP(filtered[i].argument, SCMP_CMP_MASKED_EQ,
							filtered[i].mask, filtered[i].value);

		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, filtered[i].call, 1,
					       &argument);
	}
	return error;
}

/*
 * malloc() may look up the system's overcommit policy, abort() signals itself:
 * the first shall hear no and go on, the second shall end with its own signal.
 */
static int allow_libc(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	int error;

	if (SANITIZED)
		return 0;
	error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 0);
	if (error)
		return error;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

int sandbox_close(void)
{
	struct rlimit none = {0, 0};
	scmp_filter_ctx filter = seccomp_init(SANITIZED ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int error;

	if (!filter)
		return -ENOMEM;
	if (!SANITIZED)
		setrlimit(RLIMIT_NPROC, &none);
	error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!error)
		error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!error)
		error = allow(filter);
	if (!error)
		error = allow_libc(filter);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}
