/*
 * test_remembered - frames that the flow cache lets pass in their sessions: whatever ends
 * or changes a session is felt by the very next frame, and nothing is counted less.
 *
 * Guest A has a group that lets it ask and nobody else; guest B has none. So what B
 * says passes if it is an answer in a session that lives, and only then.
 */
#include <netinet/in.h>
#include <sys/mman.h>

#include "switch/pipeline.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/unit/runtime/port_memory.h"
#include "tests/unit/switch/unit.h"

enum {
	RED = 1,
	A = 1,
	B,
	PORTS,
	GROUP = 1,
	LIST_IN = 1,
	LIST_OUT,
	SLOTS = 1024,
	SESSIONS = 64,
	START = 1000000,
	OFTEN = 10,
	SYN = 2,
	RST = 4,
	ACK = 16,
};

static const mac48 macs[PORTS] = {[A] = 0x02000000000a, [B] = 0x02000000000b};

static struct port_table table;
static struct memory_port ports[PORTS];
static struct counters *counters;
static struct policy *policy;
static struct fdb *fdb;
static void *fdb_memory, *session_memory;
static size_t session_bytes;
static struct sessions *sessions;
static struct pipeline *pipeline;
static clock_ms now;

/* With or without the rule that lets A ask. */
static struct policy *make_policy(uint64_t generation, bool lets_ask)
{
	static const uint16_t group = GROUP;
	struct classify_rule any = CLASSIFY_RULE_ANY;
	struct policy_network_spec network = sketch_network(RED, 10);
	struct policy_rules_spec lists[] = {
		{.number = LIST_IN, .kind = POLICY_GROUP_IN},
		{.number = LIST_OUT, .kind = POLICY_GROUP_OUT, .rules = &any},
	};
	struct policy_builder *builder;
	struct policy *made;

	any.accept = true;
	lists[1].n_rules = lets_ask;
	network.tenant = 1;
	assert_int_equal(policy_builder_create(generation, 0x5eed, &builder), 0);
	assert_int_equal(policy_builder_tenant(builder, 1, "tenant"), 0);
	assert_int_equal(policy_builder_network(builder, &network), 0);
	for (unsigned i = 0; i < 2; i++) {
		lists[i].tenant = 1;
		lists[i].name = "rules";
		lists[i].hits = i;
		lists[i].hits_tag = 1;
		assert_int_equal(policy_builder_rules(builder, &lists[i]), 0);
	}
	assert_int_equal(policy_builder_group(builder, GROUP, LIST_IN, LIST_OUT), 0);
	for (uint16_t id = A; id < PORTS; id++) {
		struct policy_port_spec port = sketch_access(id, RED);

		port.tenant = 1;
		port.macs = &macs[id];
		port.n_macs = 1;
		port.groups = &group;
		port.n_groups = id == A;
		assert_int_equal(policy_builder_port(builder, &port), 0);
	}
	assert_int_equal(policy_builder_finish(builder, &made), 0);
	policy_builder_destroy(builder);
	return made;
}

static int set_stage(void **state)
{
	struct pipeline_options options = {.ports = &table};

	memset(&table, 0, sizeof(table));
	for (uint16_t id = A; id < PORTS; id++)
		memory_port_init(&ports[id], &table, id);
	counters = aligned_alloc(64, counters_size());
	memset(counters, 0, counters_size());
	counters->n_workers = 1;
	counters->n_ports = LIMIT_PORTS;
	fdb_memory = aligned_alloc(4096, (fdb_size(SLOTS) + 4095) / 4096 * 4096);
	memset(fdb_memory, 0, fdb_size(SLOTS));
	assert_int_equal(fdb_init(fdb_memory, fdb_size(SLOTS), SLOTS, &fdb), 0);
	session_bytes = session_size(SESSIONS, 0);
	session_memory = mmap(NULL, session_bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(session_memory, MAP_FAILED);
	assert_int_equal(session_init(session_memory, session_bytes, SESSIONS, 0, &sessions), 0);
	options.counters = counters;
	options.sessions = sessions;
	assert_int_equal(pipeline_create(&options, &pipeline), 0);
	policy = make_policy(1, true);
	now = START;
	return 0;
}

static int strike_stage(void **state)
{
	pipeline_destroy(pipeline);
	session_close(sessions);
	munmap(session_memory, session_bytes);
	fdb_close(fdb);
	free(fdb_memory);
	free(counters);
	free(policy);
	return 0;
}

static uint64_t received_by(uint16_t port)
{
	static struct port_counters sum;

	counters_sum(counters, sketch_ref(port), &sum);
	return sum.tx_frames;
}

static bool arrives(const struct sketch *sketch, uint16_t from)
{
	uint16_t to = from == A ? B : A;
	uint64_t before = received_by(to);

	pipeline_inject(pipeline, policy, fdb, sketch_ref(from), sketch->bytes, sketch->len, now);
	return received_by(to) > before;
}

static void draw_ip(struct sketch *sketch, uint16_t from, uint8_t protocol)
{
	sketch_ethernet(sketch, macs[from == A ? B : A], macs[from], ETHERTYPE_IPV4);
	sketch_ipv4(sketch, protocol, from == A ? 0x0a000001 : 0x0a000002,
		    from == A ? 0x0a000002 : 0x0a000001);
}

/* Does a datagram arrive? */
static bool says(uint16_t from)
{
	struct sketch sketch;

	draw_ip(&sketch, from, IPPROTO_UDP);
	sketch_udp(&sketch, from == A ? 1000 : 53, from == A ? 53 : 1000);
	sketch_payload(&sketch, 20);
	sketch_end(&sketch);
	return arrives(&sketch, from);
}

/* Does a segment? Acknowledging all, and without a byte of its own. */
static bool sends(uint16_t from, uint8_t flags)
{
	struct sketch sketch;

	draw_ip(&sketch, from, IPPROTO_TCP);
	sketch_tcp(&sketch, from == A ? 1000 : 80, from == A ? 80 : 1000, flags & SYN ? 100 : 101,
		   flags);
	if (flags & ACK) /* RFC 9293, 3.1 */
		sketch.bytes[sketch.l4 + 11] = 101;
	sketch.bytes[sketch.l4 + 14] = 0x40; /* a window */
	sketch_end(&sketch);
	return arrives(&sketch, from);
}

static struct session_entry only_session(void)
{
	struct session_entry entry, other;
	uint32_t cursor = 0;

	assert_true(session_next(sessions, &cursor, &entry));
	assert_false(session_next(sessions, &cursor, &other));
	return entry;
}

/* Datagrams both ways, until each way is remembered. */
static void talk(void)
{
	assert_false(says(B));
	for (unsigned i = 0; i < OFTEN; i++) {
		assert_true(says(A));
		assert_true(says(B));
	}
}

static void every_packet_counts(void **state)
{
	talk();
	assert_int_equal(only_session().packets, 2 * OFTEN);
	assert_int_equal(only_session().state, SESSION_STREAM);
}

/* The way there is remembered before there is an answer, which changes what it means. */
static void an_answer_is_noticed(void **state)
{
	for (unsigned i = 0; i < OFTEN; i++)
		assert_true(says(A));
	assert_int_equal(only_session().state, SESSION_OPENING);
	assert_true(says(B));
	assert_int_equal(only_session().state, SESSION_REPLIED);
	assert_true(says(A));
	assert_int_equal(only_session().state, SESSION_STREAM);
	assert_int_equal(only_session().packets, OFTEN + 2);
}

static void a_flush_is_felt_at_once(void **state)
{
	talk();
	assert_int_equal(session_flush(sessions, 0, PORT_NONE), 1);
	assert_false(says(B));
	/* another session in the same place is another one */
	assert_true(says(A));
	assert_true(says(B));
	assert_int_equal(only_session().packets, 2);
}

static void a_withdrawn_rule_is_felt_at_once(void **state)
{
	struct policy *old = policy;

	talk();
	policy = make_policy(2, false);
	assert_false(says(B));
	assert_false(says(A));
	free(policy);
	policy = old;
	/* and nothing is left of what was, though the first policy is back */
	assert_false(says(B));
}

static void silence_ends_a_session(void **state)
{
	talk();
	now += session_timeout_ms(SESSION_STREAM, IPPROTO_UDP) + 1000;
	assert_false(says(B));
	/* whoever speaks now and then keeps it */
	talk();
	for (unsigned i = 0; i < 10; i++) {
		now += session_timeout_ms(SESSION_STREAM, IPPROTO_UDP) / 2;
		assert_true(says(B));
	}
}

/* The milliseconds that are remembered have 32 bits, and so have the ticks of a session. */
static void clocks_wrap(void **state)
{
	now = (UINT64_C(1) << 39) - 500;
	talk();
	for (unsigned i = 0; i < 100; i++) {
		now += 100;
		assert_true(says(A));
		assert_true(says(B));
	}
	assert_int_equal(only_session().packets, 2 * OFTEN + 200);
}

static void a_reset_is_felt_by_the_other_end(void **state)
{
	assert_true(sends(A, SYN));
	assert_true(sends(B, SYN | ACK));
	for (unsigned i = 0; i < OFTEN; i++) {
		assert_true(sends(A, ACK));
		assert_true(sends(B, ACK));
	}
	assert_int_equal(only_session().state, SESSION_ESTABLISHED_TCP);
	assert_int_equal(only_session().packets, 2 * OFTEN + 2);
	assert_true(sends(B, RST | ACK));
	assert_int_equal(only_session().state, SESSION_CLOSED);
	/* a second connection of these ends begins with a SYN, and is not the first */
	assert_true(sends(A, SYN));
	assert_int_equal(only_session().state, SESSION_OPENING);
	assert_int_equal(only_session().packets, 1);
	assert_false(sends(A, ACK));
}

/* Who dies has written down all: his successor finds every packet, and asks about the next. */
static void a_successor_finds_what_was(void **state)
{
	struct sessions *successor;
	struct session_entry entry;
	uint32_t cursor = 0;

	talk();
	now += 5000;
	assert_true(says(A));
	assert_int_equal(session_adopt(session_memory, session_bytes, &successor), 0);
	assert_true(session_next(successor, &cursor, &entry));
	assert_int_equal(entry.packets, 2 * OFTEN + 1);
	assert_int_equal(entry.seen, now / 128 * 128);
	assert_int_equal(session_advance(successor, entry.session, false, NULL, 1, now), 1);
	session_close(successor);
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, set_stage, strike_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(every_packet_counts),
		UNIT(an_answer_is_noticed),
		UNIT(a_flush_is_felt_at_once),
		UNIT(a_withdrawn_rule_is_felt_at_once),
		UNIT(silence_ends_a_session),
		UNIT(clocks_wrap),
		UNIT(a_reset_is_felt_by_the_other_end),
		UNIT(a_successor_finds_what_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
