/*
 * counters - what happened, in memory that the control process reads without
 * asking anybody.
 *
 * One memfd: a head, then rows of struct port_counters, one row per (writer,
 * port id). There is room for all writers and ports that there can ever be (the
 * file is sparse), so a reader that has mapped counters_size() bytes needs to
 * believe no number in them. Writers are the workers 0..n-1 and, last, the data plane's control
 * thread; each writes its own rows only (what is recent of a worker, the control thread writes), with plain relaxed stores, so no
 * counter is ever contended. Readers add the rows up. A row belongs to the port
 * whose generation stands in it; a writer zeroes its row when the slot gets a
 * new port.
 *
 * The ledger, per port, once its worker is quiet:
 *	rx_frames  = delivered + sum(dropped) + consumed
 *	offered    = tx_frames + sum(missed)
 * The first line is about frames that the port sent into the switch, each of
 * which has one fate: delivered if at least one copy was, else dropped for one
 * reason. The second is about copies destined to the port. A flooded frame is
 * one frame delivered, and as many copies offered as ports could get it.
 */
#ifndef SWITCH_COUNTERS_H
#define SWITCH_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>

#include "switch/drop.h"
#include "switch/fault.h"
#include "switch/limits.h"
#include "switch/types.h"

enum {
	COUNTERS_MAGIC = 0x534c4331, /* "SLC1" */
	COUNTERS_VERSION = 7,
	COUNTERS_REFUSAL = 128,	  /* bytes of a struct refusal_place */
	COUNTERS_LOG_PLACES = 16, /* of a writer, for a port: rule_log.h */
};

typedef _Atomic uint64_t counter;

struct port_counters {
	_Atomic uint32_t port; /* its port_ref: id << 16 | generation; 0: row unused */
	uint32_t reserved;
	/* frames and bytes (Ethernet, without FCS and virtio-net header) from the port */
	counter rx_frames;
	counter rx_bytes;
	counter delivered;
	counter consumed; /* taken by the switch itself */
	/* copies for the port */
	counter offered;
	counter tx_frames;
	counter tx_bytes;
	/* events */
	counter replicated;    /* copies beyond the first of a frame the port sent */
	counter fdb_moves;     /* an address moved to this port */
	counter fdb_evictions; /* this port's quota was full */
	counter logged;	       /* records of rules that say `log` (rule_log.h) */
	counter segmented;     /* frames segmented or checksummed in software for this port */
	counter dropped[DROP__COUNT];	      /* frames from the port, by reason */
	counter missed[DROP__COUNT];	      /* copies for the port, by reason */
	counter dropped_last_ms[DROP__COUNT]; /* CLOCK_MONOTONIC of the last one, 0: never */
	counter missed_last_ms[DROP__COUNT];
	counter faults[FAULT__COUNT]; /* by kind; the control thread's */
} __attribute__((aligned(64)));

struct worker_counters {
	counter cpu;	 /* the processor it is pinned to, or UINT64_MAX */
	counter busy_ns; /* time spent moving frames */
	counter idle_ns; /* time spent polling in vain or asleep */
	counter cycles;	 /* TSC (or its like) spent moving frames */
	counter frames;	 /* frames taken */
	counter bursts;
	counter naps;
	counter sleeps;
	counter ports; /* queues that it serves */
	/* of the last seconds: how long that is, and what happened in them */
	counter recent_ns;
	counter recent_busy_ns;
	counter recent_cycles;
	counter recent_frames;
} __attribute__((aligned(64)));

struct counters {
	uint32_t magic;
	uint32_t version;
	uint64_t size;
	uint32_t n_workers;
	uint32_t n_ports;  /* rows per writer: LIMIT_PORTS */
	uint32_t row_size; /* sizeof(struct port_counters): a reader of another build refuses */
	uint32_t n_drops;  /* DROP__COUNT */
	struct worker_counters workers[LIMIT_WORKERS];
	/* then struct port_counters[LIMIT_WORKERS + 1][LIMIT_PORTS] */
	/* then struct rule_counters[LIMIT_WORKERS + 1][LIMIT_HITS] */
	/* then struct refusal_place[LIMIT_WORKERS + 1][LIMIT_PORTS][DROP__COUNT] (refusal.h) */
	/* then struct refusal_place[LIMIT_WORKERS + 1][LIMIT_PORTS][COUNTERS_LOG_PLACES] (rule_log.h) */
};

/* Of one rule; of a group's, only the packets that it was asked about. */
struct rule_counters {
	_Atomic uint32_t tag;	 /* policy_rules.hits_tag: whose counters these are */
	_Atomic uint32_t logged; /* when the rule was recorded, and how often: rule_log.c's */
	counter hits;
	counter bytes;
};

static inline struct port_counters *counters_row(struct counters *counters, unsigned writer,
						 uint16_t port)
{
	return (struct port_counters *)(counters + 1) + (size_t)writer * LIMIT_PORTS + port;
}

static inline struct rule_counters *counters_rule(struct counters *counters, unsigned writer,
						  uint32_t place)
{
	return (struct rule_counters *)counters_row(counters, LIMIT_WORKERS + 1, 0) +
	       (size_t)writer * LIMIT_HITS + place;
}

/*
 * This writer's row of @port, emptied if it still belongs to an earlier port of the slot.
 * Owner only.
 */
struct port_counters *counters_own_row(struct counters *counters, unsigned writer,
				       struct port_ref port);

/* Add to a counter of one's own: no other thread writes it. */
static inline void counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Where the refusals begin: behind a multiple of a cache line. */
static inline size_t counters_refusals(void)
{
	size_t end = sizeof(struct counters) +
		     (size_t)(LIMIT_WORKERS + 1) * (LIMIT_PORTS * sizeof(struct port_counters) +
						    LIMIT_HITS * sizeof(struct rule_counters));

	return (end + 63) & ~(size_t)63;
}

/* Where the records of rules begin. */
static inline size_t counters_logs(void)
{
	return counters_refusals() +
	       (size_t)(LIMIT_WORKERS + 1) * LIMIT_PORTS * DROP__COUNT * COUNTERS_REFUSAL;
}

/* Bytes of a counters memory. */
static inline size_t counters_size(void)
{
	return counters_logs() +
	       (size_t)(LIMIT_WORKERS + 1) * LIMIT_PORTS * COUNTERS_LOG_PLACES * COUNTERS_REFUSAL;
}

/* Count @hits frames of @bytes for the rule that has @place now, as @tag says. Owner only. */
void counters_hit(struct counters *counters, unsigned writer, uint32_t place, uint32_t tag,
		  uint64_t hits, uint64_t bytes);

/* Add up what all writers counted for that rule. */
void counters_sum_rule(const struct counters *counters, uint32_t place, uint32_t tag,
		       uint64_t *ret_hits, uint64_t *ret_bytes);

/*
 * Add up the rows of @port into *@ret_sum (times: the latest). Tolerates
 * writers. A port that no writer has seen is all zero.
 */
void counters_sum(const struct counters *counters, struct port_ref port,
		  struct port_counters *ret_sum);

#endif
