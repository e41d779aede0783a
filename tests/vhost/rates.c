/*
 * rates - what a real guest gets through a port with a rate, by the real clock.
 *
 * A guest sends as fast as its ring takes it, for a second or two, and what arrived
 * is compared with the rate: to 2 %. What is over it is dropped, or waits in the
 * guest's ring; then every frame arrives, in order, and the data plane does not
 * burn a processor meanwhile. The victims' traffic goes on besides.
 */

#include "switch/rate.h"
#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/scene.h"

enum {
	SENDER = 20, /* ports besides the scene's own, red */
	LISTENER,
	LENGTH = 1000,
	BURST_MS = 200, /* longer than a starved test may miss */
	MEASURED_MS = 1500,
};

/* Port @limited, one of ours, has @limits and @flags. */
static void publish(struct scene *scene, uint16_t limited, const struct policy_limits *limits,
		    uint16_t flags)
{
	struct policy_builder *builder = scene_begin_policy(scene);

	for (uint16_t id = SENDER; id <= LISTENER; id++) {
		const struct policy_port_spec spec = {
			.ref = harness_ref(id),
			.name = "mallory/rated",
			.mode = POLICY_ACCESS,
			.tenant = 1,
			.native = RED,
			.macs_max = 64,
			.limits = id == limited ? limits : NULL,
			.flags = id == limited ? flags : 0,
		};

		check(policy_builder_port(builder, &spec) == 0, "port %u", id);
	}
	harness_publish(&scene->dp, builder);
}

/* Frames that have come out of one guest and gone into the other. */
struct passage {
	struct frontend from, to;
	uint32_t sent, arrived;
	bool in_order; /* all that was sent, and nothing else */
};

/* Send what there is room for, take what has come, until @end_ns. */
static void pass_until(struct passage *passage, uint64_t end_ns)
{
	struct virtio_net_hdr_v1 hdr;
	uint32_t stream, number;
	uint8_t frame[2048];

	while (clock_now_ns() < end_ns) {
		for (;; passage->sent++) {
			packet_build(frame, LENGTH, scene_mac(LISTENER), scene_mac(SENDER), 1,
				     passage->sent);
			if (!frontend_queue(&passage->from, 0, NULL, frame, LENGTH))
				break;
		}
		frontend_flush(&passage->from, 0);
		while (frontend_take(&passage->to, 0, &hdr, frame, sizeof(frame)) == LENGTH) {
			check(packet_read_stamp(frame, PACKET_ETH, LENGTH, &stream, &number),
			      "frame %u is not what was sent", passage->arrived);
			passage->in_order &= number == passage->arrived;
			passage->arrived++;
		}
		clock_nap_us(200);
	}
}

/* Who has been heard is not flooded to. */
static void introduce(struct passage *passage)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];

	packet_build(frame, LENGTH, scene_mac(SENDER), scene_mac(LISTENER), 2, 0);
	frontend_send(&passage->to, 0, NULL, frame, LENGTH);
	check(frontend_receive(&passage->from, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS) ==
		      LENGTH,
	      "the guests do not hear each other");
}

/* Frames a second that pass once the burst is spent. */
static double measure(struct scene *scene, struct passage *passage, double *ret_cpu)
{
	uint64_t began, cpu;
	uint32_t before;

	introduce(passage);
	pass_until(passage, clock_now_ns() + 2 * BURST_MS * 1000000ULL);
	cpu = harness_cpu_ns(&scene->dp);
	before = passage->arrived;
	began = clock_now_ns();
	pass_until(passage, began + MEASURED_MS * 1000000ULL);
	*ret_cpu = (double)(harness_cpu_ns(&scene->dp) - cpu) / (double)(clock_now_ns() - began);
	return (double)(passage->arrived - before) * 1e9 / (double)(clock_now_ns() - began);
}

static void open_passage(struct scene *scene, struct passage *passage)
{
	static const struct frontend_options options = {.features = FRONTEND_PLAIN,
							.ring_size = 1024 /* a burst */};

	*passage = (struct passage){.in_order = true};
	scene_join(scene, &passage->from, SENDER, &options);
	scene_join(scene, &passage->to, LISTENER, &options);
}

static void close_passage(struct scene *scene, struct passage *passage)
{
	scene_leave(scene, &passage->from, SENDER);
	scene_leave(scene, &passage->to, LISTENER);
}

/* A sanitized build is too slow for its speed to mean much: nothing may be faster than it should. */
#ifdef SLUICE_SANITIZED
#define LEAST	 0.5
#define CPU_MOST 1.1
#else
#define LEAST	 0.98
#define CPU_MOST 0.8
#endif

static void check_rate(double got, double want)
{
	check(got < 1.02 * want && got > LEAST * want, "%.0f frames a second, not %.0f", got, want);
}

static void r1_bits_over_the_rate_are_dropped(struct scene *scene)
{
	const struct policy_limits limits = {.of[POLICY_IN_BITS] = rate_limit(40000000, BURST_MS)};
	static struct passage passage;
	double cpu;

	publish(scene, SENDER, &limits, 0);
	open_passage(scene, &passage);
	check_rate(measure(scene, &passage, &cpu), 40e6 / 8 / LENGTH);
	check(scene_dropped(scene, SENDER, DROP_RATE) > 0, "nothing was over the rate");
	close_passage(scene, &passage);
}

static void r2_packets_to_a_port_are_missed(struct scene *scene)
{
	const struct policy_limits limits = {.of[POLICY_OUT_PACKETS] = rate_limit(3000, BURST_MS)};
	static struct passage passage;
	double cpu;

	publish(scene, LISTENER, &limits, 0);
	open_passage(scene, &passage);
	check_rate(measure(scene, &passage, &cpu), 3000);
	check(scene_missed(scene, LISTENER, DROP_RATE) > 0, "nothing was over the rate");
	close_passage(scene, &passage);
}

static void r3_who_waits_loses_nothing(struct scene *scene)
{
	const struct policy_limits limits = {.of[POLICY_IN_BITS] = rate_limit(40000000, BURST_MS)};
	static struct passage passage;
	double cpu;

	publish(scene, SENDER, &limits, POLICY_PORT_WAITS);
	open_passage(scene, &passage);
	check_rate(measure(scene, &passage, &cpu), 40e6 / 8 / LENGTH);
	check(passage.in_order, "not all that was sent arrived, or not in order");
	check(scene_dropped(scene, SENDER, DROP_RATE) == 0, "frames were dropped");
	check(cpu < CPU_MOST, "the data plane used %.0f %% of a processor to wait", 100 * cpu);
	close_passage(scene, &passage);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "r1_bits_over_the_rate_are_dropped",
		 r1_bits_over_the_rate_are_dropped,
		 .one_layout = true},
		{.name = "r2_packets_to_a_port_are_missed",
		 r2_packets_to_a_port_are_missed,
		 .one_layout = true},
		{.name = "r3_who_waits_loses_nothing",
		 r3_who_waits_loses_nothing,
		 .one_layout = true},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
