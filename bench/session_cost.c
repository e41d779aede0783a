/*
 * session_cost - what sessions cost: to begin one, to find one, to go on with
 * one, and to hold it.
 *
 *	session_cost [SESSIONS [HOT]]
 *
 * One thread and no frames: packets as session_packet_read() leaves them. Each
 * work is done once with as many sessions as are held (1000000), in an order that
 * no cache likes, and again with a few that stay hot (1000). Times are wall time,
 * so the machine should have nothing else to do; memory is what the kernel gave,
 * books included.
 */
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/sketch/session_sketch.h"

enum { PORTS = 16, ROUNDS = 4, NOW = 1000000, STRIDE = 611953 /* a prime */, AHEAD = 16 };

static uint32_t n_sessions = 1000000, n_hot = 1000;
static struct sessions *sessions;
static struct session_ref *refs;

static double seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static size_t resident(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	if (!statm || fscanf(statm, "%*u %lu", &pages) != 1)
		errx(1, "no /proc/self/statm");
	fclose(statm);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void report(const char *work, double start, uint64_t count)
{
	double each = (seconds() - start) / (double)count;

	printf("%-44s %8.1f ns  %8.2f M/s\n", work, each * 1e9, 1e-6 / each);
}

/* Connection @i between two of the ports, in the direction of its opener or back. */
static struct session_packet packet_of(uint32_t i, bool reply, uint8_t flags, uint32_t seq,
				       uint32_t ack)
{
	uint16_t src = (uint16_t)(1 + i % PORTS), dst = (uint16_t)(1 + (i + 1) % PORTS);
	uint16_t src_port = (uint16_t)(1024 + i / PORTS % 60000);
	uint16_t dst_port = (uint16_t)(80 + i / PORTS / 60000);

	return reply ? sketch_segment(dst, dst_port, src, src_port, flags, seq, ack, 0)
		     : sketch_segment(src, src_port, dst, dst_port, flags, seq, ack, 0);
}

static bool commit(const struct session_packet *packet, struct session_ref found,
		   struct session_ref *ret_session)
{
	struct session_grant grant = sketch_grant(packet);

	grant.session = found;
	return session_commit(sessions, packet, &grant, NOW, ret_session) < SESSION_FULL;
}

/* The long way: find, then commit. */
static void pass(const struct session_packet *packet, struct session_ref *ret_session)
{
	struct session_found found;

	session_find(sessions, packet, 1, NOW, &found);
	if (found.verdict == SESSION_INVALID || !commit(packet, found.session, ret_session))
		errx(1, "a packet did not pass: %s", session_fault_word(found.fault));
}

static void open_all(void)
{
	double start = seconds();

	for (uint32_t i = 0; i < n_sessions; i++) {
		struct session_packet packet = packet_of(i, false, SESSION_TCP_SYN, 1000, 0);

		pass(&packet, &refs[i]);
	}
	report("begin: find and commit of a SYN", start, n_sessions);
	start = seconds();
	for (uint32_t i = 0; i < n_sessions; i++) {
		struct session_packet answer =
			packet_of(i, true, SESSION_TCP_SYN | SESSION_TCP_ACK, 5000, 1001);
		struct session_packet last = packet_of(i, false, SESSION_TCP_ACK, 1001, 5001);

		pass(&answer, &refs[i]);
		pass(&last, &refs[i]);
	}
	report("each other packet of a handshake", start, 2 * (uint64_t)n_sessions);
}

/* ACKs, in an order that jumps about among @n sessions. */
static void go_on(const char *work, uint32_t n, bool short_way)
{
	uint64_t count = (uint64_t)n_sessions * ROUNDS, refused = 0;
	double start = seconds();

	for (uint64_t i = 0; i < count; i++) {
		uint32_t which = (uint32_t)(i * STRIDE % n);
		struct session_packet packet = packet_of(which, i & 1, SESSION_TCP_ACK,
							 i & 1 ? 5001 : 1001, i & 1 ? 1001 : 5001);

		if (short_way)
			session_prefetch(sessions, refs[(i + AHEAD) * STRIDE % n], true);
		if (short_way)
			refused +=
				!session_advance(sessions, refs[which], i & 1, &packet.tcp, 1, NOW);
		else
			pass(&packet, &refs[which]);
	}
	report(work, start, count);
	if (refused)
		errx(1, "%lu packets did not go the short way", (unsigned long)refused);
}

static void find(const char *work, uint32_t n, bool known)
{
	uint64_t count = (uint64_t)n_sessions * ROUNDS;
	double start = seconds();

	for (uint64_t i = 0; i < count; i++) {
		uint32_t which = (uint32_t)(i * STRIDE % n);
		struct session_packet packet = packet_of(which, false, SESSION_TCP_ACK, 1001, 5001);
		struct session_found found;

		packet.key.network += !known;
		session_find(sessions, &packet, 1, NOW, &found);
		if (session_ref_is_none(found.session) == known)
			errx(1, "found, or not");
	}
	report(work, start, count);
}

/* One guest sprays at its quota: each newcomer costs it its oldest. */
static void flood(void)
{
	double start = seconds();
	uint32_t refused = 0;

	for (uint32_t i = 0; i < n_sessions; i++) {
		struct session_packet packet =
			sketch_datagram(IPPROTO_UDP, 17, (uint16_t)i, 18, (uint16_t)(i >> 16));
		struct session_grant grant = sketch_grant(&packet);
		struct session_ref session;

		grant.port_max = 1000;
		refused += session_commit(sessions, &packet, &grant, NOW, &session) >= SESSION_FULL;
	}
	report("begin at the quota: the oldest gives way", start, n_sessions);
	printf("%u of them were refused, as their bucket was full of others' sessions\n", refused);
}

int main(int argc, char **argv)
{
	size_t size = session_size(LIMIT_SESSIONS, LIMIT_SESSION_SHARE), before = resident();
	struct session_counts counts;
	struct sessions *successor;
	double start;
	void *memory;

	if (argc > 1)
		n_sessions = (uint32_t)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		n_hot = (uint32_t)strtoul(argv[2], NULL, 0);
	if (n_sessions == 0 || n_sessions > LIMIT_SESSIONS || n_hot == 0 || n_hot > n_sessions)
		errx(2, "usage: session_cost [SESSIONS [HOT]]");
	refs = calloc(n_sessions, sizeof(*refs));
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!refs || memory == MAP_FAILED ||
	    session_init(memory, size, LIMIT_SESSIONS, LIMIT_SESSION_SHARE, &sessions) != 0)
		errx(1, "no memory");
	open_all();
	session_count(sessions, &counts);
	printf("%u sessions held, %.1f bytes each\n", counts.held,
	       (double)(resident() - before - n_sessions * sizeof(*refs)) / counts.held);
	find("find, all", n_sessions, true);
	find("find, hot", n_hot, true);
	find("find what is not there", n_sessions, false);
	go_on("go on, the long way, all", n_sessions, false);
	go_on("go on, the long way, hot", n_hot, false);
	go_on("go on, the short way, all", n_sessions, true);
	go_on("go on, the short way, hot", n_hot, true);
	flood();
	start = seconds();
	session_close(sessions);
	if (session_adopt(memory, size, &successor) != 0)
		errx(1, "was not adopted");
	printf("a successor takes them over in %.0f ms\n", (seconds() - start) * 1e3);
	session_close(successor);
	munmap(memory, size);
	free(refs);
	return EXIT_SUCCESS;
}
