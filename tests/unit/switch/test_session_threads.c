/*
 * test_session_threads - workers that begin, advance and end the same sessions
 * from both sides while the control thread sweeps, flushes and lists. Under TSan
 * it says whether the table has a race; anywhere it says whether a reader ever saw
 * a session that nobody wrote.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/sketch/session_sketch.h"
#include "switch/session_table.h"

enum {
	WORKERS = 3,
	HOSTS = 4,
	SESSIONS = 64, /* few, so that slots change hands all the time */
	QUOTA = 24,
	NOW = 1000000,
};

/* Sanitizers are slow. */
#ifdef SLUICE_SANITIZED
enum { ROUNDS = 20000 };
#else
enum { ROUNDS = 200000 };
#endif

static struct policy *policy;
static struct sessions *sessions;
static _Atomic unsigned running, wrong, passed, advanced;

/* Whatever is written about a session can be told from its ports: 1000 + i from i % 4 to the next. */
static struct session_packet packet_of(unsigned i, bool reply)
{
	uint16_t src = (uint16_t)(1 + i % HOSTS), dst = (uint16_t)(1 + (i + 1) % HOSTS);
	uint16_t port = (uint16_t)(1000 + i);

	if (i & 1)
		return reply ? sketch_datagram(IPPROTO_UDP, dst, 53, src, port)
			     : sketch_datagram(IPPROTO_UDP, src, port, dst, 53);
	return reply ? sketch_segment(dst, 80, src, port, SESSION_TCP_ACK, i, i, 10)
		     : sketch_segment(src, port, dst, 80, SESSION_TCP_ACK, i, i, 10);
}

static bool is_as_written(const struct session_key *opener, struct port_ref in, struct port_ref out,
			  uint32_t rule)
{
	unsigned i = opener->src_port - 1000U;
	struct session_packet packet = packet_of(i, false);

	return opener->src[1] == packet.key.src[1] && opener->dst[1] == packet.key.dst[1] &&
	       opener->dst_port == packet.key.dst_port && port_ref_equal(in, packet.in) &&
	       port_ref_equal(out, packet.out) && rule == i;
}

static void try_packet(unsigned i, bool reply, clock_ms now)
{
	struct session_packet packet = packet_of(i, reply);
	struct session_grant grant = sketch_grant(&packet);
	struct session_ref session;
	struct session_found found;

	/* Whoever comes first opens; the handshake is not what this is about. */
	packet.pickup = true;
	grant.port_max = QUOTA;
	grant.owner = (struct port_ref){(uint16_t)(1 + i % HOSTS), 1};
	grant.rule = i;
	session_find(sessions, &packet, 1, now, &found);
	if (!session_ref_is_none(found.session) &&
	    !is_as_written(&found.opener, found.in, found.out, found.rule))
		wrong++;
	if (found.verdict == SESSION_NEW && reply)
		return;
	grant.session = found.session;
	if (session_commit(sessions, &packet, &grant, now, &session) < SESSION_FULL)
		passed++;
	if (session_advance(sessions, session, reply, i & 1 ? NULL : &packet.tcp, 1, now))
		advanced++;
	if (i % 8 == 7 && !reply && !session_ref_is_none(session))
		session_end(sessions, session);
}

static void *work(void *seed)
{
	uint64_t noise = (uintptr_t)seed * 0x9e3779b97f4a7c15ULL + 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
		try_packet((unsigned)(noise >> 33) % 128, noise >> 63, NOW + round / 4);
	}
	running--;
	return NULL;
}

static void *control(void *unused)
{
	unsigned round = 0;

	while (running > 0) {
		struct session_entry entry;
		uint32_t cursor = 0;

		while (session_next(sessions, &cursor, &entry)) {
			if (!is_as_written(&entry.opener, entry.in, entry.out, entry.rule))
				wrong++;
		}
		session_sweep(sessions, policy, SESSIONS / 4, NOW + ROUNDS / 8);
		if (++round % 64 == 0)
			session_flush(sessions, 1, sketch_ref((uint16_t)(1 + round / 64 % HOSTS)));
	}
	return NULL;
}

/* Each session is in the index once, in the books as its slot says, and nowhere else. */
static void the_books_kept_step(const struct sessions *table)
{
	uint32_t held = 0, indexed = 0, weak = 0, listed = 0;

	for (uint32_t slot = 0; slot < table->n_slots; slot++) {
		const struct session_link *link = &table->books->links[slot + 1];
		struct session_image image;

		if (session_slot_read(table, slot, &image) != 0) {
			assert_int_equal(link->owner, 0);
			continue;
		}
		held++;
		weak += session_state_is_weak(session_line_state(&image.line));
		assert_int_equal(link->owner, image.owner.id);
		assert_int_equal(link->weak,
				 session_state_is_weak(session_line_state(&image.line)));
	}
	for (uint32_t bucket = 0; bucket < table->n_buckets; bucket++) {
		for (unsigned way = 0; way < SESSION_WAYS; way++)
			indexed += table->buckets[bucket].entry[way] != 0;
	}
	for (unsigned port = 1; port <= HOSTS; port++) {
		assert_true(table->books->ports[port].count <= QUOTA);
		for (uint32_t at = table->books->ports[port].oldest; at;
		     at = table->books->links[at].newer)
			listed++;
	}
	assert_int_equal(table->books->n_held, held);
	assert_int_equal(indexed, held);
	assert_int_equal(listed, weak);
}

static void nobody_sees_what_nobody_wrote(void **state)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0)};
	struct policy_port_spec ports[HOSTS];
	pthread_t threads[WORKERS + 1];
	size_t size = session_size(SESSIONS, 0);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sessions *successor;

	for (uint16_t i = 0; i < HOSTS; i++)
		ports[i] = sketch_access((uint16_t)(i + 1), 1);
	policy = SKETCH_POLICY(networks, ports);
	assert_int_equal(session_init(memory, size, SESSIONS, 0, &sessions), 0);
	running = WORKERS;
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
	assert_int_equal(pthread_create(&threads[WORKERS], NULL, control, NULL), 0);
	for (unsigned i = 0; i <= WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	assert_true(passed > ROUNDS / 10 && advanced > ROUNDS / 10);
	/* what a worker could not write down at once, since another had the books */
	session_sweep(sessions, policy, SESSIONS, NOW + ROUNDS / 4);
	the_books_kept_step(sessions);
	assert_int_equal(session_adopt(memory, size, &successor), 0);
	the_books_kept_step(successor);
	assert_int_equal(successor->books->n_held, sessions->books->n_held);
	session_close(successor);
	session_close(sessions);
	munmap(memory, size);
	free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_sees_what_nobody_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
