/*
 * evil - sluice-dp as somebody runs it who took it over: the program with its
 * whole start, whose control thread then does the deed that EVIL names instead of
 * serving. Linked in front of server_serve() by --wrap.
 *
 * EVIL_LAYER=namespaces leaves out the list of system calls, so that what is
 * below it has to hold by itself. The exit status says how the deed ended
 * (evil.h), if the process lives to say it.
 */
#include "tests/unit/runtime/evil.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

struct server;
int __wrap_server_serve(struct server *server);
int __wrap_sandbox_close(void);
int __real_sandbox_close(void);

static pid_t control; /* whom sluiced would be */

static bool open_file(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool open_proc(void)
{
	return open("/proc/self/maps", O_RDONLY) >= 0 || open("/proc/1/mem", O_RDWR) >= 0;
}

static bool open_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY) >= 0;
}

static bool make_file(void)
{
	return open("/tmp/evil", O_CREAT | O_RDWR, 0600) >= 0;
}

/* The test listens at an abstract name: no file system is in the way. */
static bool connect_out(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = EVIL_SOCKET};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&name, EVIL_SOCKET_SIZE) == 0;
}

static bool open_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool open_tap(void)
{
	return open("/dev/net/tun", O_RDWR) >= 0;
}

static bool run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL) == 0;
}

static bool trace_control(void)
{
	return ptrace(PTRACE_ATTACH, control, NULL, NULL) == 0;
}

static bool read_control(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {&control, 1};

	return process_vm_readv(control, &here, 1, &there, 1, 0) == 1;
}

static bool kill_control(void)
{
	return kill(control, SIGCONT) == 0;
}

static bool kill_everybody(void)
{
	return kill(-1, 0) == 0;
}

static bool run_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

static bool run_stack(void)
{
	char place;
	uintptr_t page = (uintptr_t)&place & ~(uintptr_t)4095;

	return mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

static bool become_root(void)
{
	return setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0;
}

static bool mount_proc(void)
{
	return mount("proc", "/", "proc", 0, NULL) == 0;
}

static bool load_bpf(void)
{
	return syscall(SYS_bpf, 5 /* BPF_PROG_LOAD */, &(uint64_t[16]){0}, 128) >= 0;
}

static bool call_ioctl(void)
{
	int n;

	return syscall(SYS_ioctl, STDERR_FILENO, 0x541b /* FIONREAD */, &n) == 0;
}

static bool send_to_stranger(void)
{
	return fcntl(STDERR_FILENO, F_SETOWN, control) == 0;
}

static const struct {
	const char *name;
	bool (*deed)(void);
} deeds[] = {
	{"open_file", open_file},
	{"open_proc", open_proc},
	{"open_root", open_root},
	{"make_file", make_file},
	{"connect_out", connect_out},
	{"open_packets", open_packets},
	{"open_tap", open_tap},
	{"run_program", run_program},
	{"trace_control", trace_control},
	{"read_control", read_control},
	{"kill_control", kill_control},
	{"kill_everybody", kill_everybody},
	{"run_code", run_code},
	{"run_stack", run_stack},
	{"become_root", become_root},
	{"mount_proc", mount_proc},
	{"load_bpf", load_bpf},
	{"call_ioctl", call_ioctl},
	{"send_to_stranger", send_to_stranger},
};

static bool (*chosen)(void);
static bool without_list;

__attribute__((constructor)) static void choose(void)
{
	const char *name = getenv("EVIL"), *layer = getenv("EVIL_LAYER");

	control = getppid();
	without_list = layer && strcmp(layer, "namespaces") == 0;
	for (size_t i = 0; name && i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, name) == 0)
			chosen = deeds[i].deed;
}

int __wrap_sandbox_close(void)
{
	return without_list ? 0 : __real_sandbox_close();
}

int __wrap_server_serve(struct server *server)
{
	int status = !chosen ? EVIL_UNKNOWN : chosen() ? EVIL_SUCCEEDED : EVIL_REFUSED;

	syscall(SYS_exit_group, status);
	return 0;
}
