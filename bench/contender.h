/*
 * contender - a switch that takes part in a comparison: how it is found and started.
 *
 * Each is started on one processor, with two ports that meet our guests at two
 * sockets, and with the settings that are best for it; its note says which. The
 * comparison freezes all but the one that it measures. One file for each kind.
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stdint.h>

#include "bench/child.h"
#include "bench/place.h"

enum { CONTENDER_PORTS = 2, CONTENDER_CHILDREN = 2, CONTENDER_READY_MS = 20000 };

struct contender {
	const struct contender_kind *kind;
	struct child children[CONTENDER_CHILDREN]; /* what ends first stands last */
	char paths[CONTENDER_PORTS][CHILD_PATH];   /* of its sockets */
	char note[256];				   /* what it was started with */
};

struct contender_kind {
	const char *name;    /* one word */
	const char *title;   /* in tables */
	const char *package; /* Debian's, that has it; NULL: it comes with this program */
	bool dials;	     /* the guests listen */
	bool (*is_found)(const struct place *place);
	int (*start)(struct contender *contender, const struct place *place);
};

extern const struct contender_kind contender_sluice, contender_ovs, contender_testpmd,
	contender_wire;

/* Start a switch of @kind: 0, or -errno, which was said on stderr. */
int contender_start(struct contender *contender, const struct contender_kind *kind,
		    const struct place *place);

/*
 * Start Sluice with a document of the caller's, whose first two ports are at the sockets
 * sluice-a.sock and sluice-b.sock. It runs in the place's folder, which must be new.
 */
int contender_start_sluice(struct contender *contender, const struct place *place,
			   const char *document);

void contender_end(struct contender *contender);

void contender_freeze(const struct contender *contender);
void contender_thaw(const struct contender *contender);

/* For kinds that listen: until both sockets are there. 0 or -errno. */
int contender_await_sockets(const struct contender *contender);

/* What all of its processes took until now: processor time in ns, private memory in KiB. */
uint64_t contender_cpu_ns(const struct contender *contender);
uint64_t contender_memory_kib(const struct contender *contender);

/* Does all of it still run? */
bool contender_lives(const struct contender *contender);

#endif
