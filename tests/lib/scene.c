/*
 * scene - see scene.h.
 */
#include "tests/lib/scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"

enum { TESTS_MAX = 64 };

static const struct policy_trunk_entry blue_by_tag = {.network = BLUE, .vlan = 20};

static const struct {
	const char *name;
	uint16_t tenant;
	uint16_t native;
	bool trunk;
	bool bound;
} ports[SCENE_PORT_END] = {
	[OFFENDER] = {"mallory/offender", 1, RED, false, false},
	[PEER] = {"mallory/peer", 1, RED, false, false},
	[WITNESS] = {"mallory/witness", 1, RED, false, false},
	[STRANGER] = {"mallory/stranger", 1, BLUE, false, false},
	[TRUNK] = {"mallory/trunk", 1, RED, true, false},
	[BOUND] = {"mallory/bound", 1, RED, false, true},
	[BOUND_TRUNK] = {"mallory/bound-trunk", 1, RED, true, true},
	[VICTIM_A] = {"alice/a", 2, GREEN, false, false},
	[VICTIM_B] = {"alice/b", 2, GREEN, false, false},
};

static void describe_networks(struct policy_builder *builder)
{
	static const struct policy_network_spec networks[] = {
		{.id = RED, .name = "mallory/red", .vlan = 10, .tenant = 1},
		{.id = BLUE, .name = "mallory/blue", .vlan = 20, .tenant = 1},
		{.id = GREEN, .name = "alice/green", .tenant = 2},
	};

	check(policy_builder_tenant(builder, 1, "mallory") == 0, "tenant");
	check(policy_builder_tenant(builder, 2, "alice") == 0, "tenant");
	for (unsigned i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		struct policy_network_spec spec = networks[i];

		spec.generation = 1;
		spec.mtu = 9000;
		spec.age_ms = 300000;
		spec.macs_max = 1024;
		check(policy_builder_network(builder, &spec) == 0, "network %s", spec.name);
	}
}

struct policy_builder *scene_begin_policy(struct scene *scene)
{
	struct policy_builder *builder = harness_begin_policy(&scene->dp);

	describe_networks(builder);
	for (uint16_t id = 1; id < SCENE_PORT_END; id++) {
		mac48 mac = scene_mac(id);
		struct policy_port_spec spec = {
			.ref = harness_ref(id),
			.name = ports[id].name,
			.mode = ports[id].trunk ? POLICY_TRUNK : POLICY_ACCESS,
			.flags = ports[id].bound ? POLICY_PORT_SPOOF_GUARD : 0,
			.tenant = ports[id].tenant,
			.native = ports[id].native,
			.trunk = ports[id].trunk ? &blue_by_tag : NULL,
			.n_trunk = ports[id].trunk,
			.macs_max = 64,
			.macs = ports[id].bound ? &mac : NULL,
			.n_macs = ports[id].bound,
		};

		check(policy_builder_port(builder, &spec) == 0, "port %s", spec.name);
	}
	return builder;
}

static void open_scene(struct scene *scene, const struct runner_test *test)
{
	scene->packed = test->packed;
	harness_start(&scene->dp, test->workers ? test->workers : 1, test->fds);
	harness_publish(&scene->dp, scene_begin_policy(scene));
	victims_start(&scene->victims, &scene->dp, VICTIM_A);
	victims_await(&scene->victims, 200);
	scene->before = harness_resources(&scene->dp);
}

/* As much as before, once the last grace period is over. */
static bool is_restored(const struct scene *scene, struct harness_resources *ret_now)
{
	*ret_now = harness_resources(&scene->dp);
	return ret_now->fds == scene->before.fds &&
	       ret_now->guest_mappings == scene->before.guest_mappings &&
	       ret_now->anonymous_kib <= scene->before.anonymous_kib + SCENE_GROWTH_KIB;
}

static void search_scene(struct scene *scene)
{
	struct harness_resources now;

	check(harness_is_alive(&scene->dp), "the data plane is gone");
	victims_await(&scene->victims, 1000);
	victims_stop(&scene->victims);
	for (uint16_t id = 1; id < VICTIM_A; id++) {
		(void)harness_detach(&scene->dp, id); /* -ENOENT if the test did it */
		harness_check_ledger(&scene->dp, id);
	}
	harness_check_ledger(&scene->dp, VICTIM_A);
	harness_check_ledger(&scene->dp, VICTIM_B);
	check(clock_await(CLOCK_PATIENCE_MS, is_restored(scene, &now)),
	      "before, then after: fds %u, %u; mappings %u, %u; memory %llu, %llu KiB",
	      scene->before.fds, now.fds, scene->before.guest_mappings, now.guest_mappings,
	      (unsigned long long)scene->before.anonymous_kib,
	      (unsigned long long)now.anonymous_kib);
	harness_stop(&scene->dp);
	frontend_destroy(&scene->victims.guests[0]);
	frontend_destroy(&scene->victims.guests[1]);
}

static void play(const struct runner_test *test)
{
	static struct scene scene;

	open_scene(&scene, test);
	test->run(&scene);
	search_scene(&scene);
}

int scene_main(int argc, char **argv, const struct runner_test *tests, unsigned n_tests)
{
	static struct runner_test both[2 * TESTS_MAX];
	static char names[TESTS_MAX][80];
	unsigned n = 0;

	check(n_tests <= TESTS_MAX, "%u tests", n_tests);
	for (unsigned i = 0; i < n_tests; i++) {
		both[n++] = tests[i];
		if (tests[i].one_layout)
			continue;
#ifdef SLUICE_SANITIZED /* where all is slow, every other test in either layout */
		n -= i % 2;
		if (i % 2 == 0)
			continue;
#endif
		snprintf(names[i], sizeof(names[i]), "%s_packed", tests[i].name);
		both[n] = tests[i];
		both[n].name = names[i];
		both[n++].packed = true;
	}
	return runner_main(argc, argv, both, n, play);
}

void scene_attach(struct scene *scene, struct frontend *fe, uint16_t port)
{
	int fd = frontend_dial(fe), error = 0;

	/* Unheard of until it says something about the new session. */
	scene->dp.ports[port].state = 0;
	check(clock_await(CLOCK_PATIENCE_MS, (error = harness_attach(&scene->dp, port, dup(fd),
								     fe->options.pairs)) != -EBUSY),
	      "port %u keeps its last device", port);
	check(error == 0, "attach to port %u: %s", port, strerror(-error));
	close(fd);
	frontend_resume(fe); /* the last session is over: nobody writes to the rings */
}

void scene_create(const struct scene *scene, struct frontend *fe,
		  const struct frontend_options *options)
{
	struct frontend_options layout = *options;

	if (scene->packed)
		layout.features |= VU_BIT(VIRTIO_F_RING_PACKED);
	frontend_create(fe, &layout);
}

void scene_join(struct scene *scene, struct frontend *fe, uint16_t port,
		const struct frontend_options *options)
{
	scene_create(scene, fe, options);
	scene_attach(scene, fe, port);
	frontend_bring_up(fe);
	harness_await_port(&scene->dp, port, CHANNEL_PORT_UP);
}

void scene_leave(struct scene *scene, struct frontend *fe, uint16_t port)
{
	frontend_hang_up(fe);
	(void)harness_detach(&scene->dp, port); /* -ENOENT if the data plane was faster */
	frontend_destroy(fe);
}

void scene_expect_end(struct scene *scene, struct frontend *fe, uint16_t port)
{
	const char *text = harness_await_port(&scene->dp, port, CHANNEL_PORT_CLOSED);

	check(text[0] != '\0', "port %u closed without a word", port);
	check(frontend_is_cut(fe, CLOCK_PATIENCE_MS), "port %u closed, its socket not", port);
}

void scene_expect_refusal(struct scene *scene, struct frontend *fe, uint16_t port, int result,
			  const char *what)
{
	check(result == -EIO || result == -ECONNRESET, "%s was not refused: %s", what,
	      strerror(-result));
	if (result == -ECONNRESET) {
		scene_expect_end(scene, fe, port);
		frontend_hang_up(fe);
		scene_restart(scene, fe, port);
	}
}

void scene_restart(struct scene *scene, struct frontend *fe, uint16_t port)
{
	scene_attach(scene, fe, port);
	frontend_reset(fe);
	frontend_bring_up(fe);
	harness_await_port(&scene->dp, port, CHANNEL_PORT_UP);
}

uint64_t scene_dropped(struct scene *scene, uint16_t port, enum drop reason)
{
	return harness_counters(&scene->dp, port)->dropped[reason];
}

uint64_t scene_missed(struct scene *scene, uint16_t port, enum drop reason)
{
	return harness_counters(&scene->dp, port)->missed[reason];
}

void scene_expect_faults(struct scene *scene, uint16_t port, enum fault kind, uint64_t n)
{
	check(clock_await(CLOCK_PATIENCE_MS, harness_counters(&scene->dp, port)->faults[kind] == n),
	      "%s: %llu times, not %llu", fault_word(kind),
	      (unsigned long long)harness_counters(&scene->dp, port)->faults[kind],
	      (unsigned long long)n);
}

void scene_discard(struct frontend *fe)
{
	static uint8_t frame[FRONTEND_FRAME_MAX];
	struct virtio_net_hdr_v1 hdr;

	for (unsigned pair = 0; pair < fe->options.pairs; pair++)
		while (frontend_take(fe, pair, &hdr, frame, sizeof(frame)) >= 0)
			;
}

void scene_pass(struct frontend *from, uint16_t from_port, struct frontend *to, uint16_t to_port,
		unsigned n)
{
	struct virtio_net_hdr_v1 hdr;
	uint32_t stream, number;
	uint8_t frame[2048];
	ssize_t got;

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = PACKET_MIN + i * 53 % 1400;

		packet_build(frame, len, scene_mac(to_port), scene_mac(from_port), from_port, i);
		frontend_send(from, 0, NULL, frame, len);
		got = frontend_receive(to, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS);
		check(got == (ssize_t)len, "frame %u of %u, %u bytes, from port %u to %u: got %zd",
		      i, n, len, from_port, to_port, got);
		check(packet_read_stamp(frame, PACKET_ETH, len, &stream, &number) &&
			      stream == from_port && number == i,
		      "frame %u from port %u to %u is not what was sent", i, from_port, to_port);
	}
}

void scene_check_idle(struct scene *scene)
{
	uint64_t worst = 0;

	victims_pause(&scene->victims);
	/* Three windows: one quiet one will do, other programs' noise is not ours to judge. */
	for (unsigned i = 0; i < 3; i++) {
		uint64_t used = harness_cpu_ns(&scene->dp);

		clock_nap_us(200000);
		worst = harness_cpu_ns(&scene->dp) - used;
		if (worst < 20000000)
			break;
	}
	check(worst < 20000000, "it used %llu of 200 ms when nothing was to be done",
	      (unsigned long long)worst / 1000000);
	victims_resume(&scene->victims);
}
