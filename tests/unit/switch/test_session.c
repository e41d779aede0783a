/*
 * test_session - who pays for sessions, who may look at them, and what a table
 * is refused for. What packets do to them is in the tests beside this one, and
 * everything at once in tests/model/test_session.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/session_sketch.h"
#include "switch/session_table.h"

enum { SESSIONS = 64, SHARE = 2, ATTACKER = 1, VICTIM = 2, PEER = 3, NOW = 1000000 };

static struct sessions *sessions;
static void *memory;

static int setup(void **state)
{
	size_t size = session_size(SESSIONS, SHARE);

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(session_init(memory, size, SESSIONS, SHARE, &sessions), 0);
	return 0;
}

static int teardown(void **state)
{
	session_close(sessions);
	return munmap(memory, session_size(SESSIONS, SHARE));
}

/* A datagram from @src to PEER, at the expense of @src, which may hold @port_max. */
static enum session_outcome begin(uint16_t src, uint16_t port, uint32_t port_max,
				  struct session_ref *ret_session)
{
	struct session_packet packet = sketch_datagram(IPPROTO_UDP, src, port, PEER, 53);
	struct session_grant grant = sketch_grant(&packet);

	grant.tenant = src;
	grant.port_max = port_max;
	return session_commit(sessions, &packet, &grant, NOW, ret_session);
}

static bool is_there(struct session_ref session)
{
	struct session_entry entry;

	return session_read(sessions, session, &entry);
}

static void a_flood_costs_its_port_only(void **state)
{
	struct session_ref first, other, session;

	assert_int_equal(begin(VICTIM, 1, 10, &other), SESSION_CREATED);
	assert_int_equal(begin(ATTACKER, 1, 10, &first), SESSION_CREATED);
	for (uint16_t port = 2; port <= 10; port++)
		assert_int_equal(begin(ATTACKER, port, 10, &session), SESSION_CREATED);
	assert_true(is_there(first));
	assert_int_equal(begin(ATTACKER, 11, 10, &session), SESSION_RECYCLED);
	assert_false(is_there(first));
	for (uint16_t port = 12; port < 2000; port++)
		assert_int_equal(begin(ATTACKER, port, 10, &session), SESSION_RECYCLED);
	assert_true(is_there(other));
}

/* When one has taken all there is, each other port has its share left. */
static void a_full_table_has_shares(void **state)
{
	struct session_ref session;
	uint16_t port = 0;

	while (begin(ATTACKER, port, 1000, &session) == SESSION_CREATED)
		port++;
	assert_int_equal(port, SESSIONS + SHARE);
	assert_int_equal(begin(VICTIM, 1, 1000, &session), SESSION_CREATED);
	assert_int_equal(begin(VICTIM, 2, 1000, &session), SESSION_CREATED);
	assert_int_equal(begin(VICTIM, 3, 1000, &session), SESSION_RECYCLED);
}

/* What both ends use does not give way, not even to its own port. */
static void a_stream_stays(void **state)
{
	struct session_packet question = sketch_datagram(IPPROTO_UDP, ATTACKER, 1, PEER, 53);
	struct session_packet answer = sketch_datagram(IPPROTO_UDP, PEER, 53, ATTACKER, 1);
	struct session_grant grant = sketch_grant(&question);
	struct session_ref stream, session;

	grant.tenant = ATTACKER;
	assert_int_equal(session_commit(sessions, &question, &grant, NOW, &stream),
			 SESSION_CREATED);
	assert_int_equal(session_commit(sessions, &answer, &grant, NOW, &session),
			 SESSION_ADVANCED);
	assert_int_equal(session_commit(sessions, &question, &grant, NOW, &session),
			 SESSION_ADVANCED);
	assert_int_equal(begin(ATTACKER, 2, 1, &session), SESSION_FULL);
	assert_int_equal(begin(ATTACKER, 2, 2, &session), SESSION_CREATED);
	assert_int_equal(begin(ATTACKER, 3, 2, &session), SESSION_RECYCLED);
	assert_true(is_there(stream));
}

/* An answer that was decided as one does not begin a session when its own has ended. */
static void an_answer_stays_one(void **state)
{
	struct session_packet answer = sketch_datagram(IPPROTO_UDP, PEER, 53, ATTACKER, 1);
	struct session_grant grant = sketch_grant(&answer);
	struct session_found found;
	struct session_ref session;

	assert_int_equal(begin(ATTACKER, 1, 10, &session), SESSION_CREATED);
	session_find(sessions, &answer, 1, NOW, &found);
	assert_int_equal(found.verdict, SESSION_REPLY);
	session_end(sessions, found.session);
	grant.session = found.session;
	assert_int_equal(session_commit(sessions, &answer, &grant, NOW, &session), SESSION_REFUSED);
	assert_true(session_ref_is_none(session));
}

/* A predecessor that is not dead yet brings back what was ended: no slot is free twice. */
static void what_comes_back_is_ended_once_more(void **state)
{
	struct session_ref session, first, second;
	struct session_counts counts;
	uint32_t state_then;

	assert_int_equal(begin(ATTACKER, 1, 10, &session), SESSION_CREATED);
	state_then = sessions->slots[session.slot].state;
	session_end(sessions, session);
	sessions->slots[session.slot].state = state_then;
	session.generation++;
	assert_true(is_there(session));
	session_end(sessions, session);
	assert_false(is_there(session));
	session_count(sessions, &counts);
	assert_int_equal(counts.held, 0);
	assert_int_equal(begin(ATTACKER, 2, 10, &first), SESSION_CREATED);
	assert_int_equal(begin(ATTACKER, 3, 10, &second), SESSION_CREATED);
	assert_int_not_equal(first.slot, second.slot);
}

static void a_view_reads(void **state)
{
	size_t size = session_size(SESSIONS, SHARE);
	struct session_packet answer = sketch_datagram(IPPROTO_UDP, PEER, 53, ATTACKER, 1);
	const struct sessions *view;
	struct session_found found;
	struct session_ref session;

	assert_int_equal(begin(ATTACKER, 1, 10, &session), SESSION_CREATED);
	assert_int_equal(mprotect(memory, size, PROT_READ), 0);
	assert_int_equal(session_view(memory, size, &view), 0);
	session_find(view, &answer, 1, NOW, &found);
	assert_int_equal(found.verdict, SESSION_REPLY);
	session_close(view);
	assert_int_equal(mprotect(memory, size, PROT_READ | PROT_WRITE), 0);
}

static void what_is_no_table_is_refused(void **state)
{
	struct session_table *table = memory;
	size_t size = session_size(SESSIONS, SHARE);
	struct sessions *adopted;

	assert_int_equal(session_size(SESSIONS - 1, SHARE), 0);
	assert_int_equal(session_init(memory, size - 1, SESSIONS, SHARE, &adopted), -EINVAL);
	assert_int_equal(session_adopt(memory, size - 1, &adopted), -EPROTO);
	table->n_sessions *= 2;
	assert_int_equal(session_adopt(memory, size, &adopted), -EPROTO);
	table->n_sessions = SESSIONS;
	table->share = LIMIT_SESSION_SHARE + 1;
	assert_int_equal(session_adopt(memory, size, &adopted), -EPROTO);
	table->share = SHARE;
	table->version++;
	assert_int_equal(session_adopt(memory, size, &adopted), -EPROTO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_flood_costs_its_port_only),
		TEST(a_full_table_has_shares),
		TEST(a_stream_stays),
		TEST(an_answer_stays_one),
		TEST(what_comes_back_is_ended_once_more),
		TEST(a_view_reads),
		TEST(what_is_no_table_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
