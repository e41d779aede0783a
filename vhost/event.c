/*
 * event - tells eventfds from other fds, and signals them without waiting.
 *
 * The kernel signals the eventfd of an asynchronous request (io_submit(2),
 * IOCB_FLAG_RESFD) when the request is done, however it ended, and as it does
 * for its own events: it adds one, or leaves the eventfd full. Our request is to
 * read no byte of the eventfd itself, which is done before io_submit() returns.
 * What became of it is left in the queue until that is full.
 */
#include "vhost/event.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	REQUESTS =
		256, /* that the queue holds; the kernel makes it more where there are many processors */
	TRIES = 8, /* to find room in it while other threads fill it */
};

static aio_context_t queue; /* of all threads */
static int queue_error;

static void queue_create(void)
{
	queue_error = syscall(SYS_io_setup, REQUESTS, &queue) < 0 ? -errno : 0;
}

int event_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, queue_create);
	return queue_error;
}

/* Forget what is done. */
static void queue_clear(void)
{
	struct io_event done[REQUESTS];
	struct timespec now = {0};

	syscall(SYS_io_getevents, queue, 0, REQUESTS, done, &now);
}

/* Read nothing of @fd with @flags, then signal it. 0 or -errno. */
static int submit(int fd, int flags)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)fd,
		.aio_rw_flags = flags,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *requests[] = {&request};

	for (unsigned i = 0; i < TRIES; i++) {
		if (syscall(SYS_io_submit, queue, 1, requests) == 1)
			return 0;
		if (errno != EAGAIN)
			return -errno;
		queue_clear();
	}
	return -EAGAIN;
}

bool event_accept(int fd)
{
	const int unknown = 1 << 30; /* a flag that no kernel knows */

	/* The eventfd is looked for before the flags: what is none is -EINVAL. */
	return submit(fd, unknown) == -EOPNOTSUPP;
}

void event_signal(int fd)
{
	(void)submit(fd, 0);
}
