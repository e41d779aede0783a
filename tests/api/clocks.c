/*
 * clocks - a time of day that jumps by years, forth and back, with every look at it:
 * a library for LD_PRELOAD. What a switch does may depend on monotonic time only.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

enum { YEARS = 20 };

static _Atomic unsigned looks;

static time_t jump(void)
{
	const time_t years = (time_t)YEARS * 365 * 86400;

	return atomic_fetch_add(&looks, 1) % 2 ? years : -years;
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	int (*next)(clockid_t, struct timespec *);
	int error;

	*(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
	error = next(clock, ret_now);
	if (!error && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret_now->tv_sec += jump();
	return error;
}

time_t time(time_t *ret_now)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_now)
		*ret_now = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	*ret_now = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
	return 0;
}
