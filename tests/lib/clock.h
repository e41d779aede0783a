/*
 * clock - how long something took, for tests.
 *
 * Tests wait for a condition up to a limit that only a broken switch reaches;
 * they never sleep and hope. Sanitized builds are slower, their limits longer.
 */
#ifndef TESTS_LIB_CLOCK_H
#define TESTS_LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

#ifdef SLUICE_SANITIZED
enum { CLOCK_PATIENCE_MS = 30000 };
#else
enum { CLOCK_PATIENCE_MS = 10000 };
#endif

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_now_ms(void)
{
	return clock_now_ns() / 1000000;
}

static inline void clock_nap_us(unsigned us)
{
	nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L},
		  NULL);
}

/*
 * Look again and again until @condition holds, for at most @limit_ms: a
 * statement expression, true if it came to hold.
 */
#define clock_await(limit_ms, condition)                                                           \
	({                                                                                         \
		uint64_t await_end = clock_now_ms() + (uint64_t)(limit_ms);                        \
		bool await_held = false;                                                           \
		while (!(await_held = (condition)) && clock_now_ms() < await_end)                  \
			clock_nap_us(200);                                                         \
		await_held;                                                                        \
	})

#endif
