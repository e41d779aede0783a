/*
 * faults - lets one allocation or system call of sluiced fail: a library for
 * LD_PRELOAD.
 *
 * SLUICE_FAULTS names a file that a test shares: which kind of call, and how many
 * of it from now on until one fails. The children of sluiced are not touched.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NONE, ALLOCATION, CALL };

/* What the test writes, and reads again. */
struct order {
	_Atomic int kind;
	_Atomic int left; /* calls until one fails; 0: it did */
	char what[56];	  /* which one that was */
};

static struct order nothing;
static struct order *order = &nothing;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SLUICE_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	unsetenv("LD_PRELOAD");
	if (fd < 0)
		return;
	void *shared = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		order = shared;
}

/* Is this the one? */
static bool fails(enum kind kind, int error, const char *what)
{
	if (atomic_load(&order->kind) != (int)kind || atomic_fetch_sub(&order->left, 1) != 1)
		return false;
	atomic_store(&order->kind, NONE);
	strncpy(order->what, what, sizeof(order->what) - 1);
	errno = error;
	return true;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	return fails(ALLOCATION, ENOMEM, "malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(ALLOCATION, ENOMEM, "calloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return fails(ALLOCATION, ENOMEM, "realloc") ? NULL : __libc_realloc(old, size);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAILING(result, name, error, parameters, arguments)                                        \
	result name parameters                                                                     \
	{                                                                                          \
		return fails(CALL, error, #name) ? (result)-1 : NEXT(name) arguments;              \
	}

FAILING(int, mkdir, ENOSPC, (const char *path, mode_t mode), (path, mode))
FAILING(int, rename, EIO, (const char *from, const char *to), (from, to))
FAILING(int, renameat, EIO, (int from, const char *a, int to, const char *b), (from, a, to, b))
FAILING(int, unlink, EIO, (const char *path), (path))
FAILING(int, fsync, EIO, (int fd), (fd))
FAILING(int, fdatasync, EIO, (int fd), (fd))
FAILING(int, ftruncate, ENOSPC, (int fd, off_t size), (fd, size))
FAILING(int, chmod, EPERM, (const char *path, mode_t mode), (path, mode))
FAILING(ssize_t, write, ENOSPC, (int fd, const void *bytes, size_t size), (fd, bytes, size))
FAILING(int, memfd_create, EMFILE, (const char *name, unsigned flags), (name, flags))
FAILING(int, socket, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, bind, EADDRINUSE, (int fd, const struct sockaddr *address, socklen_t size),
	(fd, address, size))
FAILING(int, listen, EADDRINUSE, (int fd, int backlog), (fd, backlog))
FAILING(ssize_t, sendmsg, ENOBUFS, (int fd, const struct msghdr *message, int flags),
	(fd, message, flags))
FAILING(int, epoll_ctl, ENOMEM, (int fd, int operation, int of, struct epoll_event *event),
	(fd, operation, of, event))

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return fails(CALL, ENOMEM, "mmap") ? MAP_FAILED
					   : NEXT(mmap)(at, size, protection, flags, fd, offset);
}

static int open_next(const char *name, int fd, const char *path, int flags, mode_t mode)
{
	if (fails(CALL, EMFILE, name))
		return -1;
	return NEXT(openat)(fd, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return open_next("open", AT_FDCWD, path, flags, mode);
}

int openat(int fd, const char *path, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return open_next("openat", fd, path, flags, mode);
}
