/*
 * contender - a switch that takes part in a comparison: how it is found and started.
 *
 * Each is started on one processor and in a folder of its own, with two ports that meet our
 * guests, and with the settings that are best for it; its note says which. The comparison
 * freezes all but the one that it measures. One file for each program.
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stdint.h>

#include "bench/child.h"
#include "bench/guest.h"
#include "bench/place.h"

enum {
	CONTENDER_PORTS = 2,
	CONTENDER_CHILDREN = 2,
	CONTENDER_READY_MS = 20000,
	CONTENDER_RULES = 1000, /* of a stateless list */
};

/* Comparisons in which it takes part: a sum. */
enum contender_field {
	FIELD_PLAIN = 1 << 0,  /* moving frames */
	FIELD_POLICY = 1 << 1, /* and deciding by rules */
	FIELD_TAPS = 1 << 2,   /* moving frames between network devices */
};

/* What it decides by, beside addresses: the lists of document.h, or the like. */
enum contender_policy {
	POLICY_NONE = 0,
	POLICY_RULES = 1 << 0,	/* CONTENDER_RULES stateless rules */
	POLICY_GROUPS = 1 << 1, /* stateful */
	POLICY_BOTH = POLICY_RULES | POLICY_GROUPS,
};

struct contender {
	const struct contender_kind *kind;
	struct child children[CONTENDER_CHILDREN]; /* what ends first stands last */
	char paths[CONTENDER_PORTS][CHILD_PATH];   /* of its sockets, or names of devices */
	char note[256];				   /* what it was started with */
};

struct contender_kind {
	const char *name;     /* one word */
	const char *title;    /* in tables */
	const char *package;  /* Debian's, that has it; NULL: it comes with this program */
	enum guest_side side; /* where the guests are */
	bool dials;	      /* they listen */
	bool copies;	      /* no switch: we copy what would be sent (copy_window.h) */
	unsigned fields;
	enum contender_policy policy;
	unsigned huge_mib;		    /* of huge pages that it wants */
	const struct contender_kind *rival; /* the Sluice that it is compared with; or NULL */
	bool (*is_found)(const struct place *place);
	int (*start)(struct contender *contender, const struct place *place);
};

extern const struct contender_kind contender_sluice, contender_sluice_rules,
	contender_sluice_groups, contender_sluice_both, contender_sluice_taps,
	contender_bridge_taps, contender_bridge_veths, contender_ovs, contender_ovs_rules,
	contender_ovs_groups, contender_testpmd, contender_wire, contender_memcpy;

/* Start a switch of @kind: 0, or -errno, which was said on stderr. */
int contender_start(struct contender *contender, const struct contender_kind *kind,
		    const struct place *place);

/*
 * A contender of @kind that has a new folder @name in the place's, and does not run yet; *ret_own
 * is its place. 0 or -errno.
 */
int contender_settle(struct contender *contender, const struct contender_kind *kind,
		     const struct place *place, const char *name, struct place *ret_own);

/* Start Sluice in its place with a document of the caller's (document.h). */
int contender_start_sluice(struct contender *contender, const struct place *own,
			   const char *document);

void contender_end(struct contender *contender);

void contender_freeze(const struct contender *contender);
void contender_thaw(const struct contender *contender);

/* For kinds that listen, or make devices: until both are there. 0 or -errno. */
int contender_await_ports(const struct contender *contender);

/* What all of its processes took until now: processor time in ns, memory in KiB (child.h). */
uint64_t contender_cpu_ns(const struct contender *contender);
uint64_t contender_memory_kib(const struct contender *contender);

/* How long the thread that moves the frames waited until now for a processor that others had. */
uint64_t contender_waited_ns(const struct contender *contender);

/* Does all of it still run? */
bool contender_lives(const struct contender *contender);

#endif
