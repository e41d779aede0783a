/*
 * plane - the data plane as its control thread sees it: the policy that runs,
 * the ports with their devices, and what the workers share.
 *
 * Theory of operation. Workers read the published policy and the port table;
 * only the control thread changes them, one pointer at a time. Removal is always
 * unlink (take the pointer out), wait (rcu_synchronize()), release. A port that
 * the policy does not know any more loses its device; a device whose guest went
 * away leaves its port without one, and an event says why.
 *
 * Events tell what the control process did not ask for: each slot remembers
 * what was told last, so however much happens, what waits to be told is one
 * event a port and never lost.
 *
 * Threads. All functions belong to the control thread.
 */
#ifndef SWITCH_PLANE_H
#define SWITCH_PLANE_H

#include "switch/channel.h"
#include "switch/counters.h"
#include "switch/fdb.h"
#include "switch/policy.h"
#include "switch/uring.h"

struct plane;

struct plane_options {
	struct counters *counters;
	struct fdb *fdb;
	struct sessions *sessions; /* NULL: none are kept */
	uint32_t latency_us;	   /* worker.h */
	/* none, or one a worker and the last for the control thread */
	const struct uring_set *rings;
};

/* A plane without workers and ports. What the options name stays the caller's. */
int plane_create(const struct plane_options *options, struct plane **ret_plane)
	__attribute__((warn_unused_result));

/* Start a worker for each of @n_cpus entries: a processor, or WORKER_UNPINNED. */
int plane_start_workers(struct plane *plane, const int *cpus, unsigned n_cpus)
	__attribute__((warn_unused_result));

/* Close all ports, stop the workers. NULL is fine. */
void plane_destroy(struct plane *plane);

/* The fd to poll for reading; then call plane_serve(). */
int plane_fd(const struct plane *plane);
void plane_serve(struct plane *plane);

/* Close the ports whose devices are gone: to be called when one may be. */
void plane_check_ports(struct plane *plane);

/* To be called about once a second: ages addresses, looks after devices. */
void plane_tick(struct plane *plane, clock_ms now);

/*
 * Run another policy: the first @size bytes of the memfd @fd, which must be
 * sealed against any change, and becomes the plane's unless the call fails.
 * 0, or -errno with the reason in *@ret_why.
 */
int plane_publish(struct plane *plane, int fd, uint64_t size, const char **ret_why)
	__attribute__((warn_unused_result));

/* The running policy and its memfd; NULL: none yet. */
const struct policy *plane_policy(const struct plane *plane, int *ret_fd);

/* CHANNEL_ATTACH: the port takes its device. The fds are the plane's in any case. */
int plane_attach(struct plane *plane, const struct channel_message *request, const int *fds,
		 unsigned n_fds, const char **ret_why) __attribute__((warn_unused_result));

/* CHANNEL_DETACH. -ENOENT: the port has no device. */
int plane_detach(struct plane *plane, struct port_ref ref, const char **ret_why)
	__attribute__((warn_unused_result));

/* CHANNEL_LEND: the port's fds, which stay its own. How many; -ENOENT: it has no device. */
int plane_lend(const struct plane *plane, struct port_ref ref, int ret_fds[CHANNEL_FDS],
	       const char **ret_why) __attribute__((warn_unused_result));

/* CHANNEL_PLACE: see worker_set_place(). -ENOENT: the port has no device. */
int plane_place(struct plane *plane, struct port_ref ref, uint32_t workers, const char **ret_why)
	__attribute__((warn_unused_result));

/* Forget learned addresses: see fdb_flush(). */
uint32_t plane_flush(struct plane *plane, uint16_t network, struct port_ref port);

/* Forget sessions: see session_flush(). */
uint32_t plane_flush_sessions(struct plane *plane, uint16_t network, struct port_ref port);

/* Every device shall be told about (again). */
void plane_tell_all(struct plane *plane);

/* The next event that waits, or false. It waits on until plane_told(). */
bool plane_next_event(const struct plane *plane, struct channel_message *ret_event);
void plane_told(struct plane *plane, uint16_t port);

#endif
