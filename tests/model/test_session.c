/*
 * test_session - the session table against a list.
 *
 *	test_session [ROUNDS [FIRST-SEED]]
 *
 * A round is some thousand steps made up from a seed: packets of all kinds in
 * any order and direction, with TCP numbers near every bound and around 2^32,
 * time that passes in any measure, quotas, policies, ports and networks that
 * change, sweeps, flushes, and a successor that takes the table over. Both say the
 * same about each packet, and now and then everything that they remember is
 * compared. What fails names its seed.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "switch/session_table.h"
#include "tests/model/speech.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/sketch/session_sketch.h"

enum {
	STEPS = 4000,
	SESSIONS = 64,
	SHARE = 4,
	PORTS = 8, /* ids 1..8; host i sits behind port i, mostly */
	NETWORKS = 2,
#ifdef SLUICE_SANITIZED
	ROUNDS = 100,
#else
	ROUNDS = 600,
#endif
};

static struct {
	uint64_t seed, noise;
	unsigned step;
	clock_ms now;
	uint64_t generation;
	uint16_t ports[PORTS + 1], networks[NETWORKS + 1]; /* generations */
	uint32_t port_max[PORTS + 1], tenant_max;
	void *memory;
	struct sessions *sessions;
	struct policy *policy;
	struct ref_sessions ref;
} model;

static unsigned long steps, short_ways, verdicts[SESSION_INVALID + 1],
	outcomes[SESSION_REFUSED + 1];

static _Noreturn void disagree(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void disagree(const char *format, ...)
{
	va_list args;

	printf("not ok 1 - the table and the list agree\n# seed %lu, step %u: ",
	       (unsigned long)model.seed, model.step);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n1..1\n");
	exit(EXIT_FAILURE);
}

/* A number below @n. */
static uint32_t any(uint32_t n)
{
	model.noise = model.noise * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((model.noise >> 32) * n >> 32);
}

static bool once_in(uint32_t n)
{
	return any(n) == 0;
}

static struct port_ref port_now(uint16_t id)
{
	return (struct port_ref){id, model.ports[id]};
}

static bool port_is_gone(struct port_ref port)
{
	return !port_ref_is_none(port) && model.ports[port.id] != port.generation;
}

static bool is_gone(const struct ref_session *session)
{
	return model.networks[session->opener.network] != session->opener.network_generation ||
	       port_is_gone(session->in) || port_is_gone(session->out) ||
	       port_is_gone(session->owner);
}

/* A policy with the ports and networks that there are now. */
static void renew_policy(void)
{
	struct policy_network_spec networks[NETWORKS];
	struct policy_port_spec ports[PORTS];

	for (uint16_t i = 0; i < NETWORKS; i++) {
		networks[i] = sketch_network((uint16_t)(i + 1), 0);
		networks[i].generation = model.networks[i + 1];
	}
	for (uint16_t i = 0; i < PORTS; i++) {
		ports[i] = sketch_access((uint16_t)(i + 1), 1);
		ports[i].ref = port_now((uint16_t)(i + 1));
	}
	free(model.policy);
	model.policy = SKETCH_POLICY(networks, ports);
	model.policy->generation = ++model.generation;
}

static struct ref_packet any_stranger(void)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_TCP,
					    IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE};
	uint8_t protocol = protocols[any(6)];
	uint16_t src = (uint16_t)(1 + any(PORTS)), dst = (uint16_t)(1 + any(PORTS));
	uint16_t port = (uint16_t)(protocol == IPPROTO_GRE ? 0 : 1 + any(4));
	struct ref_packet packet = {0};

	if (protocol == IPPROTO_ICMP)
		packet.packet = sketch_echo(src, dst, port, once_in(8));
	else
		packet.packet = sketch_datagram(protocol, src, port, dst,
						port ? (uint16_t)(80 + any(2)) : 0);
	if (protocol != IPPROTO_ICMP && once_in(3)) {
		packet.packet.key.version = 6;
		packet.packet.key.src[0] = packet.packet.key.dst[0] = 0x20010db8ULL << 32;
	}
	packet.packet.key.network = (uint16_t)(1 + once_in(8));
	packet.packet.key.network_generation = model.networks[packet.packet.key.network];
	packet.packet.in = port_now(src);
	packet.packet.out = once_in(20) ? PORT_NONE : port_now(dst);
	if (protocol == IPPROTO_TCP)
		speech_tcp(any, once_in(6) ? speech_flags(any) : SESSION_TCP_SYN,
			   speech_initial(any), speech_initial(any), &packet);
	packet.packet.pickup = once_in(2);
	return packet;
}

/* A packet of @session, mostly between its ports. */
static struct ref_packet any_member(const struct ref_session *session)
{
	struct ref_packet packet = speech_member(any, session);

	if (once_in(16))
		packet.packet.in = port_now((uint16_t)(1 + any(PORTS)));
	if (once_in(16))
		packet.packet.out = once_in(2) ? PORT_NONE : port_now((uint16_t)(1 + any(PORTS)));
	return packet;
}

static struct ref_session *any_session(void)
{
	for (unsigned tries = 0; tries < 20; tries++) {
		struct ref_session *session = &model.ref.list[any(REF_SESSIONS)];

		if (session->live)
			return session;
	}
	return NULL;
}

static struct session_grant any_grant(const struct session_packet *packet)
{
	struct session_grant grant = {
		.policy = model.generation,
		.owner = once_in(16) && !port_ref_is_none(packet->out) ? packet->out : packet->in,
		.rule = any(1000),
	};

	grant.tenant = grant.owner.id % 3;
	grant.port_max = model.port_max[grant.owner.id];
	grant.tenant_max = model.tenant_max;
	return grant;
}

static void compare_found(const struct session_found *found, const struct ref_session_found *want)
{
	verdicts[want->verdict]++;
	if (found->verdict != want->verdict || found->fault != want->fault)
		disagree("verdict %d (%s), not %d (%s)", found->verdict,
			 session_fault_word(found->fault), want->verdict,
			 session_fault_word(want->fault));
	if (session_ref_is_none(found->session) != !want->session)
		disagree("found a session, or not");
	if (want->session &&
	    (memcmp(&found->session, &want->session->real, sizeof(found->session)) != 0 ||
	     found->state != want->session->state || found->again != want->again ||
	     found->rule != want->session->rule ||
	     !ref_session_same_ends(&found->opener, &want->session->opener)))
		disagree("another session, or in another state");
}

static void commit(const struct ref_packet *packet, struct session_ref found)
{
	struct session_grant grant = any_grant(&packet->packet);
	struct session_ref session;
	struct ref_session *want;
	enum session_outcome outcome, should;

	grant.session = found;
	outcome = session_commit(model.sessions, &packet->packet, &grant, model.now, &session);
	should = ref_session_commit(&model.ref, packet, &grant, model.now, &want);
	outcomes[should]++;
	if (outcome != should)
		disagree("outcome %d, not %d", outcome, should);
	if (session_ref_is_none(session) != !want)
		disagree("a session, or none");
	if (want && (should == SESSION_CREATED || should == SESSION_RECYCLED))
		want->real = session;
	else if (want && memcmp(&want->real, &session, sizeof(session)) != 0)
		disagree("goes on with another session");
}

static struct ref_packet any_packet(void)
{
	struct ref_session *session = once_in(4) ? NULL : any_session();
	struct ref_packet packet = session ? any_member(session) : any_stranger();
	struct ref_session_found found;

	if (session)
		return packet;
	/* By chance no stranger: then its numbers are to be near, or 64 bits say more than 32. */
	ref_session_find(&model.ref, &packet, model.generation, model.now, &found);
	return found.session ? any_member(found.session) : packet;
}

/* What a caller might find who looked long ago, or found nothing. */
static struct session_ref any_ref(void)
{
	return once_in(2) ? SESSION_NONE : (struct session_ref){any(SESSIONS * 2), 1 + any(20)};
}

static void try_packet(void)
{
	struct ref_packet packet = any_packet();
	struct ref_session_found want;
	struct session_found found;

	session_find(model.sessions, &packet.packet, model.generation, model.now, &found);
	ref_session_find(&model.ref, &packet, model.generation, model.now, &want);
	compare_found(&found, &want);
	if (want.verdict != SESSION_INVALID || once_in(3))
		commit(&packet, once_in(20) ? any_ref() : found.session);
}

static void try_advance(void)
{
	struct ref_session *session = any_session();
	struct session_tcp segments[4];
	struct ref_packet packet;
	bool reply = once_in(2), tcp;
	unsigned n = 1 + any(4), passed, want = 0;

	if (!session)
		return;
	packet = any_member(session);
	tcp = session->opener.protocol == IPPROTO_TCP;
	packet.packet.fragment = false;
	if (tcp)
		speech_segment(any, session, reply, &packet);
	packet.packet.fragment = false;
	for (unsigned i = 0; i < n; i++)
		segments[i] = packet.packet.tcp;
	passed = session_advance(model.sessions, session->real, reply, tcp ? segments : NULL, n,
				 model.now);
	while (want < n && ref_session_advance(&model.ref, session, reply, &packet, model.now))
		want++;
	if (passed != want)
		disagree("the short way: %u of %u, not %u", passed, n, want);
	short_ways += passed;
}

static void compare_entry(const struct session_entry *entry)
{
	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		const struct ref_session *session = &model.ref.list[i];

		if (!session->live ||
		    memcmp(&session->real, &entry->session, sizeof(entry->session)) != 0)
			continue;
		if (!ref_session_same_ends(&entry->opener, &session->opener) ||
		    !port_ref_equal(entry->in, session->in) ||
		    !port_ref_equal(entry->out, session->out) ||
		    !port_ref_equal(entry->owner, session->owner) ||
		    entry->tenant != session->tenant || entry->state != session->state ||
		    entry->created != session->created || entry->seen != session->seen ||
		    entry->packets != session->packets || entry->rule != session->rule)
			disagree("remembers a session otherwise");
		return;
	}
	disagree("remembers a session that is over");
}

static void compare_all(void)
{
	struct session_entry entry, again;
	struct session_counts counts;
	uint32_t cursor = 0, count = 0, want = 0;

	while (session_next(model.sessions, &cursor, &entry)) {
		compare_entry(&entry);
		if (!session_read(model.sessions, entry.session, &again))
			disagree("lists a session that it cannot read");
		compare_entry(&again);
		count++;
	}
	for (unsigned i = 0; i < REF_SESSIONS; i++)
		want += model.ref.list[i].live;
	session_count(model.sessions, &counts);
	if (count != want || counts.held != want)
		disagree("remembers %u, counts %u, not %u", count, counts.held, want);
}

static void flush(uint16_t network, struct port_ref port)
{
	uint32_t want = 0, flushed = session_flush(model.sessions, network, port);

	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		struct ref_session *session = &model.ref.list[i];

		if (session->live && (network == 0 || session->opener.network == network) &&
		    (port_ref_is_none(port) || port_ref_equal(session->in, port) ||
		     port_ref_equal(session->out, port))) {
			session->live = false;
			want++;
		}
	}
	if (flushed != want)
		disagree("flushed %u, not %u", flushed, want);
}

/* Somebody else takes the table over; who was there last did not finish. */
static void replace(void)
{
	struct sessions *successor;
	size_t size = session_size(SESSIONS, SHARE);
	uint32_t slot = any(model.sessions->books->high);

	if (model.sessions->books->high)
		model.sessions->slots[slot].word |= 1;
	memset(model.sessions->buckets, 0x55, any(2) * sizeof(*model.sessions->buckets));
	if (session_adopt(model.memory, size, &successor) != 0)
		disagree("was not adopted");
	session_close(model.sessions);
	model.sessions = successor;
	for (unsigned i = 0; i < REF_SESSIONS; i++)
		model.ref.list[i].policy = 0;
	compare_all();
	for (unsigned i = 0; i < 100; i++) {
		struct ref_packet packet = any_packet();
		struct ref_session_found want;
		struct session_found found;

		session_find(model.sessions, &packet.packet, model.generation, model.now, &found);
		ref_session_find(&model.ref, &packet, model.generation, model.now, &want);
		compare_found(&found, &want);
	}
	/* Which weak session is the oldest of the same tick is the successor's choice. */
	flush(0, PORT_NONE);
}

static void sweep(void)
{
	uint32_t freed = session_sweep(model.sessions, model.policy, UINT32_MAX, model.now);
	uint32_t want = ref_session_sweep(&model.ref, model.now, is_gone);

	if (freed != want)
		disagree("swept %u, not %u", freed, want);
}

static void end_one(void)
{
	struct ref_session *session = any_session();

	if (!session)
		return;
	session_end(model.sessions, session->real);
	session->live = false;
}

static void change_quotas(void)
{
	static const uint32_t maxima[] = {0, 3, 8, 20, 100};

	for (unsigned i = 1; i <= PORTS; i++)
		model.port_max[i] = maxima[any(5)];
	model.tenant_max = 5 + any(60);
}

static void change_something(void)
{
	switch (any(12)) {
	case 0:
	case 1:
	case 2: sweep(); break;
	case 3: flush((uint16_t)any(3), port_now((uint16_t)(1 + any(PORTS)))); break;
	case 4:
		if (once_in(4))
			flush((uint16_t)any(3), PORT_NONE);
		break;
	case 5:
	case 6: end_one(); break;
	case 7: change_quotas(); break;
	case 8: renew_policy(); break;
	case 9:
		model.ports[1 + any(PORTS)]++;
		renew_policy();
		break;
	case 10:
		if (once_in(4))
			model.networks[1 + any(NETWORKS)]++;
		renew_policy();
		break;
	case 11:
		if (once_in(8))
			replace();
		break;
	}
}

static void pass_time(void)
{
	if (once_in(5000))
		model.now += 25 * 3600 * 1000;
	else if (once_in(300))
		model.now += any(1000 * 1000);
	else if (once_in(50))
		model.now += any(20 * 1000);
	else
		model.now += any(20);
}

static void play(uint64_t seed)
{
	size_t size = session_size(SESSIONS, SHARE);

	memset(&model, 0, sizeof(model));
	model.seed = seed;
	model.noise = seed * 0x2545f4914f6cdd1dULL;
	model.now = 1000000 + any(1000);
	model.ref.n_beyond_max = SESSIONS;
	model.ref.share = SHARE;
	for (unsigned i = 1; i <= PORTS; i++)
		model.ports[i] = 1;
	for (unsigned i = 1; i <= NETWORKS; i++)
		model.networks[i] = 1;
	renew_policy();
	change_quotas();
	model.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (model.memory == MAP_FAILED ||
	    session_init(model.memory, size, SESSIONS, SHARE, &model.sessions) != 0)
		disagree("no table");
	for (model.step = 0; model.step < STEPS; model.step++) {
		pass_time();
		if (once_in(40))
			change_something();
		else if (once_in(12))
			try_advance();
		else
			try_packet();
		if (model.step % 256 == 0)
			compare_all();
		steps++;
	}
	compare_all();
	session_close(model.sessions);
	munmap(model.memory, size);
	free(model.policy);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : ROUNDS;
	unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	for (unsigned long seed = first; seed < first + rounds; seed++)
		play(seed);
	printf("ok 1 - the table and the list agree\n1..1\n# %lu steps; new %lu, established %lu, "
	       "reply %lu, related %lu, invalid %lu; created %lu, recycled %lu, full %lu; the short way %lu\n",
	       steps, verdicts[SESSION_NEW], verdicts[SESSION_ESTABLISHED], verdicts[SESSION_REPLY],
	       verdicts[SESSION_RELATED], verdicts[SESSION_INVALID], outcomes[SESSION_CREATED],
	       outcomes[SESSION_RECYCLED], outcomes[SESSION_FULL], short_ways);
	return EXIT_SUCCESS;
}
