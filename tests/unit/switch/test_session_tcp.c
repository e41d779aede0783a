/*
 * test_session_tcp - connections, packet by packet: what passes, what does not,
 * and how they stand afterwards. Host 1 opens to host 2.
 */
#include <netinet/in.h>
#include <sys/mman.h>

#include "tests/unit/switch/unit.h"
#include "tests/sketch/session_sketch.h"

#define S SESSION_TCP_SYN
#define A SESSION_TCP_ACK
#define F SESSION_TCP_FIN
#define R SESSION_TCP_RST

enum { SESSIONS = 64, CLIENT = 1, SERVER = 2, ISN_SERVER = 5000 };

#define ISN_CLIENT 0xfffffff0U /* its numbers wrap */

static struct sessions *sessions;
static void *memory;
static clock_ms now;
static uint16_t window;
static uint8_t scale;

static int setup(void **state)
{
	size_t size = session_size(SESSIONS, 0);

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(session_init(memory, size, SESSIONS, 0, &sessions), 0);
	now = 1000000;
	window = 1000;
	scale = SESSION_SCALE_NONE;
	return 0;
}

static int teardown(void **state)
{
	session_close(sessions);
	return munmap(memory, session_size(SESSIONS, 0));
}

/* Numbers count from the ends' initial ones. */
static struct session_packet segment(uint16_t from, uint8_t flags, uint32_t seq, uint32_t ack,
				     uint32_t len)
{
	uint32_t mine = from == CLIENT ? ISN_CLIENT : ISN_SERVER;
	uint32_t theirs = from == CLIENT ? ISN_SERVER : ISN_CLIENT;
	struct session_packet packet = sketch_segment(
		from, from == CLIENT ? 4000 : 80, from == CLIENT ? SERVER : CLIENT,
		from == CLIENT ? 80 : 4000, flags, mine + seq, flags & A ? theirs + ack : 0, len);

	packet.tcp.window = window;
	if (flags & S)
		packet.tcp.scale = scale;
	return packet;
}

/* Find and commit agree, so both are asked; the fault as a word, "none" if it passes. */
static const char *judge(const struct session_packet *packet)
{
	struct session_grant grant = sketch_grant(packet);
	struct session_found found;
	struct session_ref session;
	enum session_outcome outcome;

	session_find(sessions, packet, 1, now, &found);
	grant.session = found.session;
	outcome = session_commit(sessions, packet, &grant, now, &session);
	if (packet->kind == SESSION_KIND_PLAIN)
		assert_int_equal(outcome >= SESSION_FULL, found.verdict == SESSION_INVALID);
	return session_fault_word(found.fault);
}

static const char *say(uint16_t from, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct session_packet packet = segment(from, flags, seq, ack, len);

	return judge(&packet);
}

#define passes(...)	 assert_string_equal(say(__VA_ARGS__), "none")
#define fails(word, ...) assert_string_equal(say(__VA_ARGS__), word)

static const char *standing(void)
{
	struct session_entry entry;
	uint32_t cursor = 0;

	return session_next(sessions, &cursor, &entry) ? session_state_word(entry.state) : "none";
}

#define stands(word) assert_string_equal(standing(), word)

static void open_connection(void)
{
	passes(CLIENT, S, 0, 0, 0);
	stands("opening");
	passes(SERVER, S | A, 0, 1, 0);
	stands("syn-received");
	passes(CLIENT, A, 1, 1, 0);
	stands("established");
}

static void a_life(void **state)
{
	open_connection();
	passes(CLIENT, A, 1, 1, 500);
	passes(SERVER, A, 1, 501, 1000);
	passes(CLIENT, A, 501, 1001, 0);
	passes(CLIENT, F | A, 501, 1001, 0);
	stands("closing");
	passes(SERVER, A, 1001, 502, 100);
	passes(SERVER, F | A, 1101, 502, 0);
	stands("closing");
	passes(CLIENT, A, 502, 1102, 0);
	stands("time-wait");
	passes(SERVER, F | A, 1101, 502, 0); /* the last acknowledgement was lost */
	passes(CLIENT, A, 502, 1102, 0);
	/* the same ends again (RFC 9293, 3.6.1) */
	passes(CLIENT, S, 900, 0, 0);
	stands("opening");
}

static void what_cannot_begin(void **state)
{
	fails("no-session", CLIENT, A, 1, 1, 0);
	fails("no-session", CLIENT, S | A, 0, 1, 0);
	fails("no-session", CLIENT, R, 1, 0, 0);
	fails("no-session", CLIENT, F | A, 1, 1, 0);
	stands("none");
}

static void the_handshake_is_exact(void **state)
{
	passes(CLIENT, S, 0, 0, 0);
	fails("out-of-window", SERVER, S | A, 0, 0, 0);
	fails("out-of-window", SERVER, S | A, 0, 2, 0);
	fails("out-of-window", CLIENT, A, 1, 1, 0); /* of what was never offered */
	fails("out-of-window", SERVER, A, 0, 77, 10);
	stands("opening");
	passes(CLIENT, S, 0, 0, 0); /* again */
	passes(SERVER, S | A, 0, 1, 0);
	passes(SERVER, S | A, 0, 1, 0);
	passes(CLIENT, S, 0, 0, 0);
	stands("syn-received");
	fails("out-of-window", CLIENT, A, 1, 2, 0);
	passes(CLIENT, A, 1, 1, 0);
	stands("established");
}

static void a_new_attempt_has_another_number(void **state)
{
	passes(CLIENT, S, 0, 0, 0);
	passes(CLIENT, S, 70000, 0, 0);
	fails("out-of-window", SERVER, S | A, 0, 1, 0);
	passes(SERVER, S | A, 0, 70001, 0);
	stands("syn-received");
}

static void a_refusal(void **state)
{
	passes(CLIENT, S, 0, 0, 0);
	fails("bad-reset", SERVER, R, 1, 0, 0);
	fails("bad-reset", SERVER, R | A, 0, 2, 0);
	stands("opening");
	passes(SERVER, R | A, 0, 1, 0);
	stands("closed");
	passes(CLIENT, S, 9, 0, 0);
	stands("opening");
}

/* RFC 9293, figure 7. */
static void both_open_at_once(void **state)
{
	passes(CLIENT, S, 0, 0, 0);
	passes(SERVER, S, 0, 0, 0);
	stands("syn-received");
	passes(CLIENT, S | A, 0, 1, 0);
	stands("syn-received");
	passes(SERVER, S | A, 0, 1, 0);
	stands("established");
	passes(CLIENT, A, 1, 1, 100);
}

/* RFC 9293, figure 13. */
static void both_close_at_once(void **state)
{
	open_connection();
	passes(CLIENT, F | A, 1, 1, 0);
	passes(SERVER, F | A, 1, 1, 0);
	stands("closing");
	passes(CLIENT, A, 2, 2, 0);
	stands("closing");
	passes(SERVER, A, 2, 2, 0);
	stands("time-wait");
}

static void nothing_comes_behind_a_fin(void **state)
{
	open_connection();
	passes(CLIENT, F | A, 1, 1, 10);
	passes(CLIENT, F | A, 1, 1, 10);
	fails("out-of-window", CLIENT, A, 12, 1, 1);
	passes(CLIENT, A, 12, 1, 0);
}

static void the_window(void **state)
{
	open_connection();
	passes(CLIENT, A, 1001, 1, 1); /* begins at the edge: a probe */
	fails("out-of-window", CLIENT, A, 1003, 1, 0);
	fails("out-of-window", CLIENT, A, 5000, 1, 10);
	fails("out-of-window", CLIENT, A, (uint32_t)-5000, 1, 10);
	fails("out-of-window", SERVER, A, 1, 1003, 0);	  /* what was not sent */
	fails("out-of-window", SERVER, A, 1, -70000U, 0); /* what is long gone */
	passes(SERVER, A, 1, 1002, 0);
	passes(CLIENT, A, 2002, 1, 1);
	stands("established");
}

/* RFC 7323, 2.2: only if both offer it, and never that of a SYN itself. */
static void the_window_scale(void **state)
{
	scale = 7;
	passes(CLIENT, S, 0, 0, 0);
	passes(SERVER, S | A, 0, 1, 0);
	passes(CLIENT, A, 1, 1, 0);
	fails("out-of-window", CLIENT, A, 1002, 1, 1); /* the SYN's window had no scale */
	passes(SERVER, A, 1, 1, 0);
	passes(CLIENT, A, 128001, 1, 1);
	fails("out-of-window", CLIENT, A, 128003, 1, 1);
}

static void a_scale_that_only_one_offers(void **state)
{
	scale = 7;
	passes(CLIENT, S, 0, 0, 0);
	scale = SESSION_SCALE_NONE;
	passes(SERVER, S | A, 0, 1, 0);
	passes(CLIENT, A, 1, 1, 0);
	passes(SERVER, A, 1, 1, 0);
	passes(SERVER, A, 1001, 1, 1);
	fails("out-of-window", SERVER, A, 1003, 1, 1);
}

static void a_reset_is_exact(void **state)
{
	open_connection();
	passes(CLIENT, A, 1, 1, 500);
	passes(SERVER, A, 1, 101, 0);
	fails("bad-reset", CLIENT, R, 5000, 0, 0);
	passes(CLIENT, R, 102, 0, 0); /* within: the server will challenge it (RFC 5961, 3.2) */
	stands("established");
	passes(CLIENT, R, 101, 0, 0);
	stands("closed");
}

static void a_reset_of_all_that_was_sent(void **state)
{
	open_connection();
	passes(CLIENT, A, 1, 1, 500);
	passes(CLIENT, R | A, 501, 1, 0);
	stands("closed");
}

/* RFC 5961, 4.2: the guest has lost its memory, its peer has not. */
static void a_syn_in_the_middle(void **state)
{
	open_connection();
	passes(SERVER, A, 1, 1, 100);
	passes(CLIENT, S, 123456, 0, 0);
	stands("established");
	passes(SERVER, A, 101, 1, 0);
	passes(CLIENT, R, 1, 0, 0);
	stands("closed");
	passes(CLIENT, S, 123456, 0, 0);
	stands("opening");
}

/* The peer remembers a connection that the switch does not. */
static void a_forgotten_connection(void **state)
{
	passes(CLIENT, S, 0, 0, 0);
	passes(SERVER, A, 700, 4711, 0);
	passes(CLIENT, R, 4711, 0, 0);
	stands("opening");
	passes(CLIENT, S, 0, 0, 0);
	passes(SERVER, S | A, 0, 1, 0);
}

static void picked_up_in_the_middle(void **state)
{
	struct session_packet packet = segment(CLIENT, A, 1, 1, 10);

	packet.pickup = true;
	assert_string_equal(judge(&packet), "none");
	stands("established");
	passes(SERVER, A, 1, 11, 60000);
	passes(CLIENT, A, 11, 60001, 0); /* windows are not known, and not checked */
	passes(CLIENT, F | A, 11, 60001, 0);
	passes(SERVER, F | A, 60001, 12, 0);
	passes(CLIENT, A, 12, 60002, 0);
	stands("time-wait");
}

static void not_everything_is_picked_up(void **state)
{
	static const uint8_t flags[] = {S | A, R, R | A};

	for (unsigned i = 0; i < sizeof(flags); i++) {
		struct session_packet packet = segment(CLIENT, flags[i], 1, 1, 0);

		packet.pickup = true;
		assert_string_equal(judge(&packet), "no-session");
	}
}

static void errors_quote_what_was_sent(void **state)
{
	struct session_packet packet = segment(CLIENT, A, 1, 1, 100), error;

	open_connection();
	assert_string_equal(judge(&packet), "none");
	error = sketch_error(&packet);
	assert_string_equal(judge(&error), "none");
	error.tcp.seq += 5000;
	assert_string_equal(judge(&error), "out-of-window");
	error = sketch_error(&packet);
	error.error_dst[1]++; /* to somebody else */
	assert_string_equal(judge(&error), "no-session");
	error = sketch_error(&packet);
	error.out.id = 3;
	assert_string_equal(judge(&error), "no-session");
}

/* Once a connection is established, session_advance() says the same. */
static void the_short_way(void **state)
{
	struct session_packet packet = segment(CLIENT, A, 1, 1, 100);
	struct session_found found;

	open_connection();
	session_find(sessions, &packet, 1, now, &found);
	assert_true(session_advance(sessions, found.session, false, &packet.tcp, 1, now));
	packet = segment(SERVER, A, 1, 101, 100);
	assert_true(session_advance(sessions, found.session, true, &packet.tcp, 1, now));
	assert_false(session_advance(sessions, found.session, false, &packet.tcp, 1, now));
	packet = segment(SERVER, A, 1, 102, 100);
	assert_false(session_advance(sessions, found.session, true, &packet.tcp, 1, now));
	packet = segment(SERVER, F | A, 101, 101, 0);
	assert_false(session_advance(sessions, found.session, true, &packet.tcp, 1, now));
	passes(SERVER, F | A, 101, 101, 0);
	found.session.generation++;
	packet = segment(CLIENT, A, 101, 101, 0);
	assert_false(session_advance(sessions, found.session, false, &packet.tcp, 1, now));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_life),
		TEST(what_cannot_begin),
		TEST(the_handshake_is_exact),
		TEST(a_new_attempt_has_another_number),
		TEST(a_refusal),
		TEST(both_open_at_once),
		TEST(both_close_at_once),
		TEST(nothing_comes_behind_a_fin),
		TEST(the_window),
		TEST(the_window_scale),
		TEST(a_scale_that_only_one_offers),
		TEST(a_reset_is_exact),
		TEST(a_reset_of_all_that_was_sent),
		TEST(a_syn_in_the_middle),
		TEST(a_forgotten_connection),
		TEST(picked_up_in_the_middle),
		TEST(not_everything_is_picked_up),
		TEST(errors_quote_what_was_sent),
		TEST(the_short_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
