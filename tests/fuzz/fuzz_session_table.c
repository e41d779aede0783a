/*
 * fuzz_session_table - sessions that somebody else left behind, with anything in
 * them: adopted or refused, and if adopted then in order.
 *
 * The input is edits to a table with some sessions.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "switch/session_table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/sketch/session_sketch.h"

enum {
	SESSIONS = 64,
	TALKS = 48,
	PORTS = 4,
	NOW = 1000000,
	/* the head, the index, the pulses and the slots; the pages of fragments are not edited */
	EDITED = 2 * SESSION_PAGE +
		 SESSIONS * (sizeof(struct session_pulse) + sizeof(struct session_slot)),
};

static struct policy *policy;
static uint8_t *specimen, *memory;

/* What the @i-th pair of ends says: TCP, UDP, ICMP. */
static struct session_packet talk(unsigned i, bool reply)
{
	uint16_t src = (uint16_t)(1 + i % PORTS), dst = (uint16_t)(1 + (i + 1) % PORTS);
	uint16_t port = (uint16_t)(1000 + i);

	switch (i % 3) {
	case 0:
		return reply ? sketch_segment(dst, 80, src, port, SESSION_TCP_SYN | SESSION_TCP_ACK,
					      500, i + 1, 0)
			     : sketch_segment(src, port, dst, 80, SESSION_TCP_SYN, i, 0, 0);
	case 1:
		return reply ? sketch_datagram(IPPROTO_UDP, dst, 53, src, port)
			     : sketch_datagram(IPPROTO_UDP, src, port, dst, 53);
	}
	return reply ? sketch_echo(dst, src, port, true) : sketch_echo(src, dst, port, false);
}

/* Find and commit. */
static enum session_outcome pass(struct sessions *sessions, unsigned i, bool reply, clock_ms now,
				 struct session_ref *ret_session)
{
	struct session_packet packet = talk(i, reply);
	struct session_grant grant = sketch_grant(&packet);
	struct session_found found;

	session_find(sessions, &packet, 1, now, &found);
	grant.session = found.session;
	grant.port_max = SESSIONS / 4;
	if (found.verdict == SESSION_INVALID)
		return SESSION_REFUSED;
	return session_commit(sessions, &packet, &grant, now, ret_session);
}

static void prepare(void)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[PORTS];
	size_t size = session_size(SESSIONS, 0);
	struct sessions *sessions;
	struct session_ref session;

	specimen = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fuzz_demand(specimen != MAP_FAILED);
	memory = specimen + size;
	for (uint16_t i = 0; i < PORTS; i++)
		ports[i] = sketch_access((uint16_t)(i + 1), 1);
	policy = SKETCH_POLICY(networks, ports);
	fuzz_demand(session_init(specimen, size, SESSIONS, 0, &sessions) == 0);
	/* A seed of its own would make the same input another one each time. */
	session_close(sessions);
	memset(specimen + offsetof(struct session_table, seed), 0x5a, 16);
	fuzz_demand(session_adopt(specimen, size, &sessions) == 0);
	for (unsigned i = 0; i < TALKS; i++)
		(void)pass(sessions, i, false, NOW, &session);
	for (unsigned i = 0; i < TALKS / 2; i++)
		(void)pass(sessions, i, true, NOW, &session);
	session_close(sessions);
}

static unsigned count_sessions(const struct sessions *sessions)
{
	struct session_entry entry;
	uint32_t cursor = 0;
	unsigned count = 0;

	while (session_next(sessions, &cursor, &entry))
		count++;
	return count;
}

/* A table that nobody has adopted: only read, whatever is in it. */
static void look(size_t size)
{
	const struct sessions *view;
	struct session_found found;

	if (session_view(memory, size, &view) != 0)
		return;
	fuzz_demand(count_sessions(view) <= SESSIONS);
	for (unsigned i = 0; i < TALKS; i++) {
		struct session_packet packet = talk(i, i & 1);

		session_find(view, &packet, 1, NOW, &found);
	}
	session_close(view);
}

/* Lists, counts and index say the same as the slots. */
static void check_books(const struct sessions *sessions)
{
	unsigned held = 0, weak = 0, listed = 0, indexed = 0;

	for (uint32_t slot = 0; slot < sessions->n_slots; slot++) {
		const struct session_link *link = &sessions->books->links[slot + 1];

		held += link->owner != 0;
		weak += link->weak;
	}
	for (unsigned port = 0; port < LIMIT_PORTS; port++) {
		for (uint32_t at = sessions->books->ports[port].oldest; at && listed <= SESSIONS;
		     at = sessions->books->links[at].newer)
			listed++;
	}
	for (unsigned entry = 0; entry < sessions->n_buckets * SESSION_WAYS; entry++)
		indexed += session_group_is_used(sessions, entry / SESSION_WAYS) &&
			   sessions->buckets[entry / SESSION_WAYS].entry[entry % SESSION_WAYS];
	fuzz_demand(held == sessions->books->n_held);
	fuzz_demand(listed == weak);
	fuzz_demand(indexed == held);
	fuzz_demand(count_sessions(sessions) == held);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	size_t table_size = session_size(SESSIONS, 0);
	struct session_ref session;
	struct sessions *sessions;
	unsigned count;

	if (!policy)
		prepare();
	memcpy(memory, specimen, EDITED);
	fuzz_edit(memory, EDITED, input, size);
	look(table_size);
	if (session_adopt(memory, table_size, &sessions) != 0)
		return 0;
	check_books(sessions);
	for (unsigned i = 0; i < 2 * TALKS; i++) {
		struct session_packet packet = talk(i % TALKS, i & 1);

		session = SESSION_NONE;
		fuzz_demand(pass(sessions, i % TALKS, i & 1, NOW + i, &session) != SESSION_BUSY);
		(void)session_advance(sessions, session, i & 1, i % 3 ? NULL : &packet.tcp, 1,
				      NOW + i);
	}
	check_books(sessions);
	(void)session_sweep(sessions, policy, UINT32_MAX, NOW + 40000);
	count = count_sessions(sessions);
	check_books(sessions);
	fuzz_demand(session_flush(sessions, 0, PORT_NONE) == count);
	fuzz_demand(count_sessions(sessions) == 0);
	session_close(sessions);
	return 0;
}
