/*
 * closer - a list of fds, and the thread that closes them.
 */
#include "vhost/closer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost/event.h"

enum { CLOSER_STACK = 64 << 10 };

struct unwanted {
	struct unwanted *next;
	int fd;
	atomic_uint *unclosed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static pthread_cond_t began = PTHREAD_COND_INITIALIZER;
static struct unwanted *list; /* the latest first */
static bool running;	      /* the thread */
static int thread_error;

static void *close_all(void *unused)
{
	pthread_mutex_lock(&lock);
	running = true;
	pthread_cond_signal(&began);
	for (;;) {
		struct unwanted *unwanted = list;

		if (!unwanted) {
			pthread_cond_wait(&came, &lock);
			continue;
		}
		list = unwanted->next;
		pthread_mutex_unlock(&lock);
		close(unwanted->fd);
		pthread_mutex_lock(&lock);
		atomic_fetch_sub(unwanted->unclosed, 1);
		free(unwanted);
	}
	return NULL;
}

static void thread_start(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	thread_error = -pthread_attr_init(&attributes);
	if (thread_error)
		return;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, CLOSER_STACK);
	thread_error = -pthread_create(&thread, &attributes, close_all, NULL);
	pthread_attr_destroy(&attributes);
	/* what a thread asks of the system as it begins may soon be forbidden */
	pthread_mutex_lock(&lock);
	while (!thread_error && !running)
		pthread_cond_wait(&began, &lock);
	pthread_mutex_unlock(&lock);
}

int closer_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, thread_start);
	return thread_error;
}

bool closer_is_unix_socket(int fd)
{
	socklen_t size = sizeof(int);
	int domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool closer_is_quick(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0 || closer_is_unix_socket(fd) || event_accept(fd);
}

void closer_close(int fd, atomic_uint *unclosed)
{
	struct unwanted *unwanted = closer_is_quick(fd) ? NULL : malloc(sizeof(*unwanted));

	if (!unwanted) { /* or there is no memory: then somebody waits */
		close(fd);
		return;
	}
	*unwanted = (struct unwanted){.fd = fd, .unclosed = unclosed};
	pthread_mutex_lock(&lock);
	unwanted->next = list;
	list = unwanted;
	atomic_fetch_add(unclosed, 1);
	pthread_cond_signal(&came);
	pthread_mutex_unlock(&lock);
}
