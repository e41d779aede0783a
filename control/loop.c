/*
 * loop - see loop.h.
 *
 * Timers hang in one list, soonest first. There are a few per port at most and
 * they are set rarely, so the walk to a timer's place costs nothing that counts.
 */
#include "control/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOOP_BATCH = 64 };

struct loop {
	int epoll_fd;
	bool stopped;
	struct loop_timer timers; /* head of a ring */
	/* what epoll_wait() returned and has not been served yet */
	struct epoll_event batch[LOOP_BATCH];
	int batch_at;
	int batch_count;
};

int loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int error = errno;

		free(loop);
		return -error;
	}
	loop->timers.next = loop->timers.prev = &loop->timers;
	*ret_loop = loop;
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll_fd);
	free(loop);
}

clock_ms loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (clock_ms)now.tv_sec * 1000 + (clock_ms)now.tv_nsec / 1000000;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

/* How long to sleep: until the first timer, rounded up by loop_now()'s truncation. */
static int loop_timeout(const struct loop *loop)
{
	const struct loop_timer *first = loop->timers.next;
	clock_ms now = loop_now();

	if (first == &loop->timers)
		return -1;
	if (first->due <= now)
		return 0;
	return first->due - now > INT_MAX ? INT_MAX : (int)(first->due - now);
}

/* What a callback sets anew is due after @now: fds get their turn in between. */
static void loop_expire(struct loop *loop)
{
	clock_ms now = loop_now();

	while (loop->timers.next != &loop->timers && loop->timers.next->due <= now) {
		struct loop_timer *timer = loop->timers.next;

		loop_timer_cancel(timer);
		timer->expired(timer->user);
		if (loop->stopped)
			return;
	}
}

int loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, loop_timeout(loop));

		if (count < 0 && errno != EINTR)
			return -errno;
		loop->batch_count = count < 0 ? 0 : count;
		for (loop->batch_at = 0; loop->batch_at < loop->batch_count && !loop->stopped;
		     loop->batch_at++) {
			struct epoll_event *event = &loop->batch[loop->batch_at];
			struct loop_watch *watch = event->data.ptr;

			if (watch)
				watch->ready(watch->user, event->events);
		}
		loop->batch_count = 0;
		if (!loop->stopped)
			loop_expire(loop);
	}
	return 0;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		return -errno;
	watch->loop = loop;
	watch->fd = fd;
	return 0;
}

void loop_watch_change(struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_unwatch(struct loop_watch *watch)
{
	struct loop *loop = watch->loop;

	if (!loop)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = loop->batch_at; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	watch->loop = NULL;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t ms)
{
	struct loop_timer *after;

	loop_timer_cancel(timer);
	timer->due = loop_now() + (ms ? ms : 1);
	timer->loop = loop;
	after = loop->timers.prev;
	while (after != &loop->timers && after->due > timer->due)
		after = after->prev;
	timer->prev = after;
	timer->next = after->next;
	after->next->prev = timer;
	after->next = timer;
}

void loop_timer_cancel(struct loop_timer *timer)
{
	if (!timer->loop)
		return;
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->loop = NULL;
}
