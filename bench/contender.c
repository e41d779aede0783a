/*
 * contender - see contender.h.
 */
#include "bench/contender.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/clock.h"

int contender_settle(struct contender *contender, const struct contender_kind *kind,
		     const struct place *place, const char *name, struct place *ret_own)
{
	struct place own = *place;

	*contender = (struct contender){.kind = kind};
	snprintf(own.folder, sizeof(own.folder), "%.30s/%.24s", place->folder, name);
	if (mkdir(own.folder, 0700))
		return -errno;
	for (int i = 0; i < CONTENDER_PORTS; i++)
		snprintf(contender->paths[i], sizeof(contender->paths[i]), "%s/%c.sock", own.folder,
			 'a' + i);
	*ret_own = own;
	return 0;
}

int contender_start(struct contender *contender, const struct contender_kind *kind,
		    const struct place *place)
{
	struct place own;
	int error = contender_settle(contender, kind, place, kind->name, &own);

	if (!error)
		error = kind->start(contender, &own);
	if (!error)
		return 0;
	fprintf(stderr, "sluice-bench: %s does not start (%s); its logs: %s\n", kind->title,
		strerror(-error), place->folder);
	contender_end(contender);
	return error;
}

void contender_end(struct contender *contender)
{
	for (unsigned i = CONTENDER_CHILDREN; i-- > 0;)
		child_end(&contender->children[i]);
}

static bool stand(const struct contender *contender)
{
	for (unsigned i = 0; i < CONTENDER_PORTS; i++)
		if (contender->kind->side == GUEST_VHOST ? access(contender->paths[i], F_OK) != 0
							 : !if_nametoindex(contender->paths[i]))
			return false;
	return true;
}

int contender_await_ports(const struct contender *contender)
{
	clock_await(CONTENDER_READY_MS, stand(contender) || !contender_lives(contender));
	if (!contender_lives(contender))
		return -ECHILD;
	return stand(contender) ? 0 : -ETIMEDOUT;
}

void contender_freeze(const struct contender *contender)
{
	for (unsigned i = 0; i < CONTENDER_CHILDREN; i++)
		child_freeze(&contender->children[i]);
}

void contender_thaw(const struct contender *contender)
{
	for (unsigned i = 0; i < CONTENDER_CHILDREN; i++)
		child_thaw(&contender->children[i]);
}

bool contender_lives(const struct contender *contender)
{
	for (unsigned i = 0; i < CONTENDER_CHILDREN; i++)
		if (contender->children[i].pid && !child_lives(&contender->children[i]))
			return false;
	return true;
}

uint64_t contender_waited_ns(const struct contender *contender)
{
	struct child_thread busiest = {0, 0};

	for (unsigned i = 0; i < CONTENDER_CHILDREN; i++)
		child_find_busiest(&contender->children[i], &busiest);
	return busiest.waited_ns;
}

uint64_t contender_cpu_ns(const struct contender *contender)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CONTENDER_CHILDREN; i++)
		sum += child_cpu_ns(&contender->children[i]);
	return sum;
}

uint64_t contender_memory_kib(const struct contender *contender)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CONTENDER_CHILDREN; i++)
		sum += child_memory_kib(&contender->children[i]);
	return sum;
}
