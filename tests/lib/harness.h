/*
 * harness - a real data plane, started and driven as its control process would.
 *
 * The program under test is the one that ships (named by SLUICE_DP in the
 * environment), with its sandbox and its own process; the harness speaks the
 * channel (switch/channel.h), hands it policies made by policy_builder, and
 * connected sockets as ports. It sees what an operator would see: events and
 * counters; and what an operator would fear: /proc says how many fds, how much
 * memory and how much time it uses.
 *
 * What fails here fails the test (check.h). Threads: one.
 */
#ifndef TESTS_LIB_HARNESS_H
#define TESTS_LIB_HARNESS_H

#include <sys/types.h>

#include "switch/channel.h"
#include "switch/counters.h"
#include "switch/policy.h"

enum { HARNESS_PORTS = 64 }; /* port ids 1..63 may be used */

/* What the data plane said last about a port. */
struct harness_port {
	uint32_t state; /* enum channel_port_state; 0: never heard of */
	uint32_t queue_pairs;
	uint32_t workers; /* that serve it, a bit each */
	uint64_t features;
	uint64_t cookie;
	char text[CHANNEL_TEXT];
};

struct harness {
	pid_t pid;
	int channel;
	uint32_t seq;
	uint64_t generation; /* of the last policy */
	const struct counters *counters;
	size_t counters_size;
	struct port_counters sum; /* for harness_counters() */
	struct harness_port ports[HARNESS_PORTS];
};

/* What it holds, to be compared before and after. */
struct harness_resources {
	unsigned fds;
	unsigned guest_mappings; /* of memory made by guest_memory_create() */
	uint64_t anonymous_kib;	 /* resident, without the guests' memory */
};

/* @fds: its RLIMIT_NOFILE; 0: ours. SLUICE_DP is the program, SLUICE_DP_OPTION one more argument. */
void harness_start(struct harness *harness, unsigned workers, unsigned fds);

/* STOP it: it must end with status 0 (which a sanitizer that found something refuses). */
void harness_stop(struct harness *harness);

bool harness_is_alive(const struct harness *harness);

/* A builder with the next generation; harness_publish() consumes it and waits for it to run. */
struct policy_builder *harness_begin_policy(struct harness *harness);
void harness_publish(struct harness *harness, struct policy_builder *builder);

/* ATTACH and DETACH: what the data plane replied. @fd is closed here. */
int harness_attach(struct harness *harness, uint16_t port, int fd, unsigned queue_pairs);
int harness_detach(struct harness *harness, uint16_t port);

/* Forget all learned addresses. */
void harness_flush_fdb(struct harness *harness);

/* Wait until @port was last heard of in @state; its text then. */
const char *harness_await_port(struct harness *harness, uint16_t port, uint32_t state);

/* Ask for all ports: how many there are with a device; ports[] is up to date then. */
unsigned harness_list(struct harness *harness);

/* The counters of a port, as they are now; valid until the next call. */
const struct port_counters *harness_counters(struct harness *harness, uint16_t port);

/* received = delivered + dropped + consumed, offered = sent + missed: waits for it, or fails. */
void harness_check_ledger(struct harness *harness, uint16_t port);

struct harness_resources harness_resources(const struct harness *harness);

/* Processor time it used since its start, of all threads. */
uint64_t harness_cpu_ns(const struct harness *harness);

/* The generation of every port of a test's policies. */
static inline struct port_ref harness_ref(uint16_t port)
{
	return (struct port_ref){port, 1};
}

#endif
