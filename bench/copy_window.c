/*
 * copy_window - see copy_window.h.
 */
#include "bench/copy_window.h"

#include <pthread.h>
#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"

struct copier {
	struct pair *pair;
	int cpu;
	uint32_t len;
	double seconds;
	uint64_t copies;
	uint64_t ns;
};

static void *copy(void *user)
{
	struct copier *copier = user;
	const struct driver_ring *from = &copier->pair->guests[0].tx;
	const struct driver_ring *to = &copier->pair->guests[1].rx;
	uint64_t began, end;

	if (placement_pin(copier->cpu))
		return NULL;
	began = clock_now_ns();
	end = began + (uint64_t)(copier->seconds * 1e9);
	while (began + copier->ns < end) {
		unsigned place = (unsigned)copier->copies & (from->size - 1U);

		memcpy(to->buffers[place], from->buffers[place], copier->len);
		copier->copies++;
		copier->ns = clock_now_ns() - began;
	}
	return NULL;
}

void copy_window(struct pair *pair, int cpu, uint32_t len, double seconds,
		 struct window *ret_window)
{
	struct copier copier = {.pair = pair, .cpu = cpu, .len = len, .seconds = seconds};
	enum placement placement = placement_measure(pair->probe);
	pthread_t thread;

	check(pthread_create(&thread, NULL, copy, &copier) == 0, "no thread");
	pthread_join(thread, NULL);
	*ret_window = (struct window){
		.placement = placement,
		.seconds = (double)copier.ns / 1e9,
		.counts = {.sent = copier.copies,
			   .received = copier.copies,
			   .bytes = copier.copies * (len - GUEST_HEADER + STREAM_FCS)},
	};
	if (placement_measure(pair->probe) != placement)
		ret_window->placement = PLACEMENT_UNKNOWN;
}
