/*
 * placement - see placement.h.
 */
#include "bench/placement.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/clock.h"

enum {
	TRIPS = 60,   /* round trips of one reading */
	READINGS = 5, /* of which the fastest counts */
	/* Round trips in ns; between the classes lies nothing that was ever seen. */
	CORE_BELOW = 93,
	L3_BELOW = 310,
	FAR_BELOW = 2500,
	PATIENCE_NS = 100000000,
};

struct placement_probe {
	pthread_t thread;
	sem_t begin;
	bool stop;
	_Alignas(128) atomic_uint go;	/* written here */
	_Alignas(128) atomic_uint done; /* written there */
};

const char *placement_name(enum placement placement)
{
	static const char *const names[PLACEMENT__COUNT] = {
		[PLACEMENT_UNKNOWN] = "any",
		[PLACEMENT_CORE] = "core",
		[PLACEMENT_L3] = "l3",
		[PLACEMENT_FAR] = "far",
	};

	return names[placement];
}

uint64_t placement_stolen_ms(void)
{
	unsigned long long ticks = 0;
	FILE *from = fopen("/proc/stat", "re");

	/* The eighth number of the first line (proc(5)), in ticks of which userspace sees 100 a second. */
	if (from && fscanf(from, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) != 1)
		ticks = 0;
	if (from)
		fclose(from);
	return ticks * 10;
}

uint64_t placement_waited_ns(void)
{
	unsigned long long waited = 0;
	FILE *from = fopen("/proc/thread-self/schedstat", "re");

	if (from && fscanf(from, "%*u %llu", &waited) != 1)
		waited = 0;
	if (from)
		fclose(from);
	return waited;
}

int placement_pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

/* The other side: give back what comes, TRIPS * READINGS times. */
static void *answer(void *argument)
{
	struct placement_probe *probe = argument;

	for (;;) {
		while (sem_wait(&probe->begin))
			;
		if (probe->stop)
			return NULL;
		unsigned last = atomic_load_explicit(&probe->done, memory_order_relaxed);

		for (unsigned trips = 0; trips < TRIPS * READINGS; trips++) {
			unsigned seen;

			do
				seen = atomic_load_explicit(&probe->go, memory_order_acquire);
			while (seen == last);
			last = seen;
			atomic_store_explicit(&probe->done, last, memory_order_release);
		}
	}
}

int placement_create(int cpu, struct placement_probe **ret_probe)
{
	const struct sched_param urgent = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};
	struct placement_probe *probe = aligned_alloc(128, sizeof(*probe));
	pthread_attr_t attributes;
	cpu_set_t cpus;
	int error;

	if (!probe)
		return -ENOMEM;
	*probe = (struct placement_probe){.stop = false};
	sem_init(&probe->begin, 0, 0);
	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	error = pthread_create(&probe->thread, &attributes, answer, probe);
	pthread_attr_destroy(&attributes);
	if (error) {
		free(probe);
		return -error;
	}
	pthread_setschedparam(probe->thread, SCHED_FIFO, &urgent);
	*ret_probe = probe;
	return 0;
}

void placement_destroy(struct placement_probe *probe)
{
	if (!probe)
		return;
	probe->stop = true;
	sem_post(&probe->begin);
	pthread_join(probe->thread, NULL);
	sem_destroy(&probe->begin);
	free(probe);
}

/* @n round trips. False: the other side kept us waiting for longer than any distance explains. */
static bool bounce(struct placement_probe *probe, unsigned n)
{
	uint64_t end = clock_now_ns() + PATIENCE_NS;
	bool prompt = true;

	while (n-- > 0) {
		unsigned ball = atomic_load_explicit(&probe->go, memory_order_relaxed) + 1;
		unsigned looks = 0;

		atomic_store_explicit(&probe->go, ball, memory_order_release);
		while (atomic_load_explicit(&probe->done, memory_order_acquire) != ball)
			if (++looks % 4096 == 0 && clock_now_ns() > end)
				prompt = false;
	}
	return prompt;
}

enum placement placement_measure(struct placement_probe *probe)
{
	uint64_t best = FAR_BELOW;
	bool prompt = true;

	if (!probe)
		return PLACEMENT_UNKNOWN;
	sem_post(&probe->begin);
	for (unsigned reading = 0; reading < READINGS; reading++) {
		uint64_t began = clock_now_ns(), trip;

		prompt = bounce(probe, TRIPS) && prompt;
		trip = (clock_now_ns() - began) / TRIPS;
		best = trip < best ? trip : best;
	}
	if (!prompt || best >= FAR_BELOW)
		return PLACEMENT_UNKNOWN;
	return best < CORE_BELOW ? PLACEMENT_CORE : best < L3_BELOW ? PLACEMENT_L3 : PLACEMENT_FAR;
}
