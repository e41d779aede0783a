/*
 * headers - rules, and a guest that rewrites its frame's headers while they are judged.
 *
 * A thread writes all the time, over frames that wait in the transmit ring, fields
 * that a rule reads: back and forth between what the receiver's list accepts and what it
 * does not. What is judged must be what arrives: the receiver sees the one and never
 * the other. Descriptors and what the link layer says are raced in chains.c and offload.c.
 */
#include <netinet/in.h>
#include <string.h>

#include <pthread.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/vhost/pair.h"

enum {
	LISTED = 20, /* a port with an ACL */
	LIST = 1,
	OPEN = 80,
	FORBIDDEN = 23,
	LEN = 60,
	PROTOCOL_AT = 23,
	SOURCE_AT = 29, /* the last byte of the address */
	PORT_AT = 37,	/* the low byte */
	HEADER_AT = 14, /* version and IHL */
};

/* Only UDP from 10.0.0.1 to port 80. */
static void publish(struct scene *scene)
{
	struct policy_builder *builder = scene_begin_policy(scene);
	struct classify_range open = {OPEN, OPEN};
	struct classify_rule rule = CLASSIFY_RULE_ANY;
	struct policy_rules_spec list = {.number = LIST,
					 .kind = POLICY_ACL,
					 .tenant = 1,
					 .name = "mallory/list",
					 .rules = &rule,
					 .n_rules = 1,
					 .hits_tag = 1};
	mac48 mac = scene_mac(LISTED);
	struct policy_port_spec port = {.ref = harness_ref(LISTED),
					.name = "mallory/listed",
					.mode = POLICY_ACCESS,
					.tenant = 1,
					.native = RED,
					.macs_max = 64,
					.macs = &mac,
					.n_macs = 1,
					.acl_out = LIST};

	rule.family = 4;
	rule.protocol = IPPROTO_UDP;
	rule.src = (struct classify_prefix){.address = {0x0a000001}, .length = 32};
	rule.dst_ports = (struct classify_ports){&open, 1};
	rule.accept = true;
	check(policy_builder_rules(builder, &list) == 0, "the list");
	check(policy_builder_port(builder, &port) == 0, "the port");
	harness_publish(&scene->dp, builder);
}

static void write_frame(uint8_t *frame)
{
	static const uint8_t ip[] = {0x45,	  0, 0,	   LEN - 14, 0, 1,    0, 0,	  64,
				     IPPROTO_UDP, 0, 0,	   10,	     0, 0,    1, 10,	  0,
				     0,		  2, 0x0f, 0xa0,     0, OPEN, 0, LEN - 34};

	memset(frame, 0, LEN);
	packet_ethernet(frame, scene_mac(LISTED), scene_mac(OFFENDER), PACKET_UNTAGGED, 0x0800);
	memcpy(frame + PACKET_ETH, ip, sizeof(ip));
}

struct racer {
	uint8_t *frame;
	atomic_bool stop;
};

static void *race(void *argument)
{
	static const struct {
		unsigned at;
		uint8_t right, wrong;
	} fields[] = {{PROTOCOL_AT, IPPROTO_UDP, IPPROTO_TCP},
		      {SOURCE_AT, 1, 3},
		      {PORT_AT, OPEN, FORBIDDEN},
		      {HEADER_AT, 0x45, 0x46},
		      {12, 0x08, 0x88}};
	struct racer *racer = argument;
	uint64_t state = 5;

	while (!atomic_load(&racer->stop)) {
		uint64_t noise = packet_noise(&state);
		unsigned i = (unsigned)(noise % 5);

		__atomic_store_n(racer->frame + fields[i].at,
				 noise >> 32 & 3 ? fields[i].right : fields[i].wrong,
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

/* How many arrived, each of them what the list accepts. */
static unsigned judge(struct frontend *listed)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	unsigned n = 0;

	for (; frontend_take(listed, 0, &hdr, frame, sizeof(frame)) >= 0; n++)
		check(packet_load16(frame + 12) == 0x0800 && frame[HEADER_AT] == 0x45 &&
			      frame[PROTOCOL_AT] == IPPROTO_UDP && frame[SOURCE_AT] == 1 &&
			      packet_load16(frame + PORT_AT - 1) == OPEN,
		      "ethertype %#x, version and IHL %#x, protocol %u from 10.0.0.%u to port %u",
		      packet_load16(frame + 12), frame[HEADER_AT], frame[PROTOCOL_AT],
		      frame[SOURCE_AT], packet_load16(frame + PORT_AT - 1));
	return n;
}

static void t11_rules_race(struct scene *scene)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	uint64_t end = clock_now_ms() + runner_amount(400, 60000), gpa;
	struct frontend fe, listed;
	struct racer racer = {0};
	struct guest_ring *ring;
	unsigned received = 0;
	pthread_t thread;

	publish(scene);
	scene_join(scene, &fe, OFFENDER, &options);
	scene_join(scene, &listed, LISTED, &options);
	ring = frontend_tx(&fe, 0);
	ring->forgiving = true;
	gpa = guest_memory_take(fe.memory, FRONTEND_HEADER + LEN, 64);
	memset(guest_memory_at(fe.memory, gpa, FRONTEND_HEADER), 0, FRONTEND_HEADER);
	racer.frame = guest_memory_at(fe.memory, gpa + FRONTEND_HEADER, LEN);
	write_frame(racer.frame);
	check(pthread_create(&thread, NULL, race, &racer) == 0, "pthread_create");
	while (clock_now_ms() < end) {
		for (unsigned i = 0; i < 64; i++)
			guest_ring_add_crafted(
				ring,
				&(struct vring_desc){.addr = gpa, .len = FRONTEND_HEADER + LEN}, 1);
		guest_ring_publish(ring);
		check(clock_await(CLOCK_PATIENCE_MS, guest_ring_forget_used(ring)),
		      "the ring stands still");
		received += judge(&listed);
	}
	atomic_store(&racer.stop, true);
	pthread_join(thread, NULL);
	check(received > 100, "only %u frames passed: too few to prove anything", received);
	check(scene_dropped(scene, OFFENDER, DROP_ACL_OUT) > 100, "the list refused nothing");
	scene_leave(scene, &fe, OFFENDER);
	scene_leave(scene, &listed, LISTED);
}

int main(int argc, char **argv)
{
	static const struct runner_test tests[] = {
		{.name = "t11_rules_race", t11_rules_race},
	};

	return scene_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
