/*
 * dataplane - the other process: started, watched, replaced, and asked.
 *
 * At its beginning a control process looks for a data plane that is running
 * already (RUN/dp.sock) and takes it over; only if there is none, or it speaks
 * another version, it starts one. The data plane is in a session of its own and
 * outlives its starter. One that dies, or leaves a request unanswered for two
 * seconds, is replaced at once by another, which gets the old one's state
 * memory; if that happens too often, after a pause.
 *
 * Requests wait for their reply. Events that come meanwhile are kept and told
 * from the loop, so a callback never runs inside of a request.
 *
 * Trust. The data plane maps guests' memory: what it says is checked. Memory
 * that it gave us is read only if it is sealed against shrinking. It is killed
 * by a pidfd of the process that we started, never by a number that it told.
 */
#ifndef CONTROL_DATAPLANE_H
#define CONTROL_DATAPLANE_H

#include "control/loop.h"
#include "switch/channel.h"
#include "switch/counters.h"
#include "switch/fdb.h"
#include "switch/policy.h"
#include "switch/session.h"

enum {
	DATAPLANE_WHY = CHANNEL_TEXT,
	DATAPLANE_ANSWER_MS = 2000, /* a request that takes longer has failed */
	DATAPLANE_START_MS = 5000,  /* the first one, while it starts */
};

struct dataplane;

struct dataplane_options {
	const char *run_dir; /* borrowed, as the others */
	const char *program; /* path of sluice-dp */
	const char *workers; /* CPULIST, or NULL: its own choice */
	const char *latency; /* in microseconds, or NULL: its own choice */
};

/* Called from the loop. */
struct dataplane_ops {
	/* Another data plane runs: it has no policy and no device. */
	void (*replaced)(void *user);
	/* Something about a port's device: a CHANNEL_EVENT, checked. */
	void (*port_event)(void *user, const struct channel_message *event);
};

enum dataplane_state {
	DATAPLANE_RUNNING,
	DATAPLANE_STARTING, /* the old one dies, the new one is about to be started */
	DATAPLANE_FAILED,   /* it died too often; the next attempt waits for a second */
};

/*
 * Take over or start. -errno with a sentence in @ret_why if no data plane could
 * be brought to run.
 */
int dataplane_create(struct loop *loop, const struct dataplane_options *options,
		     const struct dataplane_ops *ops, void *user, struct dataplane **ret_dataplane,
		     char ret_why[static DATAPLANE_WHY]) __attribute__((warn_unused_result));

/* Let go of it: it runs on. NULL is fine. */
void dataplane_destroy(struct dataplane *dataplane);

/* Ask it to end, and see to it that it does. */
void dataplane_stop(struct dataplane *dataplane);

/*
 * Requests: 0 or -errno with a sentence in @ret_why, its own or ours (-EPIPE:
 * there is none at the moment, ops->replaced() will tell; -ETIMEDOUT).
 */
int dataplane_publish(struct dataplane *dataplane, const struct policy *policy,
		      char ret_why[static DATAPLANE_WHY]) __attribute__((warn_unused_result));

struct dataplane_device {
	struct port_ref port;
	enum channel_kind kind;
	unsigned queue_pairs;
	uint32_t mtu;
	uint64_t cookie;
	const int *fds; /* stay the caller's */
	unsigned n_fds;
};
int dataplane_attach(struct dataplane *dataplane, const struct dataplane_device *device,
		     char ret_why[static DATAPLANE_WHY]) __attribute__((warn_unused_result));
int dataplane_detach(struct dataplane *dataplane, struct port_ref port,
		     char ret_why[static DATAPLANE_WHY]) __attribute__((warn_unused_result));

/* Only the workers of the mask @workers (0: any) serve the port, until it is attached anew. */
int dataplane_place(struct dataplane *dataplane, struct port_ref port, uint32_t workers,
		    char ret_why[static DATAPLANE_WHY]) __attribute__((warn_unused_result));

/* Copies of the fds that a tap was attached with, which become the caller's. */
int dataplane_borrow(struct dataplane *dataplane, struct port_ref port, int ret_fds[CHANNEL_FDS],
		     unsigned *ret_n_fds, char ret_why[static DATAPLANE_WHY])
	__attribute__((warn_unused_result));

/* Forget learned addresses of a network (0: all) and a port (PORT_NONE: all). */
int dataplane_flush_fdb(struct dataplane *dataplane, uint16_t network, struct port_ref port,
			uint32_t *ret_count, char ret_why[static DATAPLANE_WHY])
	__attribute__((warn_unused_result));

/* Forget sessions, likewise. */
int dataplane_flush_sessions(struct dataplane *dataplane, uint16_t network, struct port_ref port,
			     uint32_t *ret_count, char ret_why[static DATAPLANE_WHY])
	__attribute__((warn_unused_result));

/* Tell every device through ops->port_event(), before this returns. */
int dataplane_list(struct dataplane *dataplane, char ret_why[static DATAPLANE_WHY])
	__attribute__((warn_unused_result));

/* The policy that the data plane ran when it was taken over, or NULL. Checked; until destroy. */
const struct policy *dataplane_adopted_policy(const struct dataplane *dataplane);

/* Its counters, its FDB and its sessions, or NULL while there is none. Do not keep them. */
const struct counters *dataplane_counters(const struct dataplane *dataplane);
const struct fdb *dataplane_fdb(const struct dataplane *dataplane);
const struct sessions *dataplane_sessions(const struct dataplane *dataplane);

/* For `status`. */
struct dataplane_report {
	enum dataplane_state state;
	pid_t pid;
	unsigned workers;
	unsigned restarts;   /* since this control process began */
	clock_ms since;	     /* in this state */
	const char *trouble; /* why the last one was lost, or "" */
};
struct dataplane_report dataplane_report(const struct dataplane *dataplane);

#endif
