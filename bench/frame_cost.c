/*
 * frame_cost - how many instructions a frame costs the switch.
 *
 * Two guests at two vhost ports with access VLANs, learning, bound MACs and
 * counters, and if asked for with groups or ACLs that let everything pass; this
 * thread is guest, worker and guest in turn, so each burst is as long as it can be
 * and nothing depends on time. Under callgrind, told to collect inside of
 * pipeline_run() only, the instructions of that function divided by the frames are a
 * number that no machine's noise changes: test_frame_cost.py asks for it and compares
 * it with the one in frame_cost.json.
 *
 * It is the worker itself, so it has worker_set_add() and its like instead of
 * switch/worker.c: a queue that a port hands over is remembered.
 */
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "switch/pipeline.h"
#include "switch/port_kinds.h"
#include "switch/rcu.h"
#include "tests/lib/frontend.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"

enum {
	NETWORK = 1,
	PORTS = 2,
	SESSIONS = 1 << 16,
	RING = 1024,
	BUFFER = 2048,
	FCS = 4, /* counted in sizes, as RFC 2544 does; it does not travel through rings */
};

/* Numbers of the lists, and of the group of two of them. */
enum { GROUP_IN = 1, GROUP_OUT, ACL, GROUP = 1, TENANT = 1 };

#define MAC(port) ((mac48)0x525400000000 + (mac48)(port))

struct end {
	struct frontend guest;
	struct port *port;
	struct port_queue *_Atomic queue; /* once the guest's driver runs */
};

struct cost {
	uint32_t size;
	uint32_t flows;
	bool scan;    /* each frame comes from another address, which nothing binds */
	bool learned; /* addresses are not bound but learned */
	bool groups;  /* both ports are in a group, whose sessions are followed */
	bool acls;    /* both ports have one for either direction */
	unsigned bursts;
	struct end ends[PORTS];
	struct port_table table;
	struct sketch frame; /* from end 0 to end 1 */
};

static struct cost cost = {.size = 64, .flows = 1, .bursts = 1000};

void worker_set_add(struct worker_set *set, struct port_queue *queue)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (queue->port == cost.ends[i].port)
			atomic_store(&cost.ends[i].queue, queue);
}

void worker_set_remove(struct worker_set *set, struct port_queue *queue)
{
}

void worker_set_rekick(struct worker_set *set, struct port_queue *queue, int kick)
{
}

static void announce(void *user, struct port_ref port, mac48 mac)
{
}

/* The control thread: answers the front-ends until they are gone. */
static void *serve(void *argument)
{
	struct pollfd fds[PORTS];

	for (unsigned i = 0; i < PORTS; i++)
		fds[i] = (struct pollfd){.fd = cost.ends[i].port->watch, .events = POLLIN};
	for (unsigned open = PORTS; open > 0;) {
		poll(fds, PORTS, -1);
		for (unsigned i = 0; i < PORTS; i++) {
			struct port *port = cost.ends[i].port;

			if (fds[i].revents && port->ops->serve(port) < 0) {
				fds[i].fd = -1;
				open--;
			}
		}
	}
	return NULL;
}

static void demand(int error)
{
	if (error)
		errx(1, "no policy: error %d", -error);
}

/* Lists of one rule that lets everything pass: how long a list is costs a flow once. */
static void add_lists(struct policy_builder *builder)
{
	static const enum policy_rules_kind kinds[] = {
		[GROUP_IN] = POLICY_GROUP_IN, [GROUP_OUT] = POLICY_GROUP_OUT, [ACL] = POLICY_ACL};
	struct classify_rule any = CLASSIFY_RULE_ANY;

	any.accept = true;
	for (uint16_t number = GROUP_IN; number <= ACL; number++) {
		struct policy_rules_spec list = {
			.number = number,
			.kind = kinds[number],
			.tenant = TENANT,
			.name = "rules",
			.rules = &any,
			.n_rules = 1,
			.hits = number,
			.hits_tag = 1,
		};

		demand(policy_builder_rules(builder, &list));
	}
	demand(policy_builder_group(builder, GROUP, GROUP_IN, GROUP_OUT));
}

static void add_port(struct policy_builder *builder, uint16_t id)
{
	static const uint16_t group = GROUP;
	struct policy_port_spec port = sketch_access(id, NETWORK);
	mac48 mac = MAC(id);

	port.tenant = TENANT;
	if (!cost.scan && !cost.learned) {
		port.flags = POLICY_PORT_SPOOF_GUARD;
		port.macs = &mac;
		port.n_macs = 1;
	}
	port.groups = &group;
	port.n_groups = cost.groups;
	port.sessions_max = SESSIONS;
	port.acl_in = port.acl_out = cost.acls ? ACL : 0;
	demand(policy_builder_port(builder, &port));
}

static struct policy *make_policy(void)
{
	struct policy_network_spec network = sketch_network(NETWORK, 100);
	struct policy_builder *builder;
	struct policy *policy;

	network.tenant = TENANT;
	demand(policy_builder_create(1, 0x5eed9e3779b97f4a, &builder));
	demand(policy_builder_tenant(builder, TENANT, "tenant"));
	demand(policy_builder_network(builder, &network));
	for (uint16_t id = 1; id <= PORTS; id++)
		add_port(builder, id);
	add_lists(builder);
	demand(policy_builder_finish(builder, &policy));
	policy_builder_destroy(builder);
	return policy;
}

static void make_frame(void)
{
	struct sketch *frame = &cost.frame;

	sketch_ethernet(frame, MAC(2), MAC(1), ETHERTYPE_IPV4);
	sketch_ipv4(frame, IPPROTO_UDP, 0x0a000001, 0x0a000002);
	sketch_udp(frame, 1024, 1024);
	sketch_payload(frame, cost.size - FCS - frame->len);
	sketch_end(frame);
}

/* The frame of flow @flow: its number stands in the UDP ports, or in both addresses. */
static const struct sketch *frame_of(uint32_t flow)
{
	memcpy(cost.frame.bytes + cost.frame.l4, &flow, sizeof(flow));
	if (cost.scan) {
		mac_store(MAC(flow) + 0x10000, cost.frame.bytes);
		mac_store(MAC(flow) + 0x10000000, cost.frame.bytes + 6);
	}
	return &cost.frame;
}

static void create_ends(void)
{
	const struct port_house house = {.announce = announce};
	const struct frontend_options options = {
		.features = FRONTEND_PLAIN,
		.manner = MANNER_VIRTIO_USER,
		.ring_size = RING,
		.rx_buffer = BUFFER,
		.tx_buffer = BUFFER,
	};

	for (unsigned i = 0; i < PORTS; i++) {
		struct end *end = &cost.ends[i];

		frontend_create(&end->guest, &options);
		int fd = frontend_dial(&end->guest);
		struct port_request request = {
			.ref = {(uint16_t)(i + 1), 1},
			.fds = &fd,
			.n_fds = 1,
			.queue_pairs = 1,
			.mtu = 1500,
			.plain_copy = true, /* what is tried depends on time */
		};
		if (port_vhost_create(&house, &request, &end->port))
			errx(1, "no port");
		atomic_store(&cost.table.slots[i + 1], end->port);
	}
}

/* One burst from the first guest to the second. Returns how many frames came out. */
static unsigned run_burst(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb,
			  uint32_t *flow)
{
	static uint8_t bytes[FRONTEND_FRAME_MAX];
	struct frontend *from = &cost.ends[0].guest, *to = &cost.ends[1].guest;
	struct virtio_net_hdr_v1 hdr;
	unsigned received = 0;

	for (unsigned i = 0; i < LIMIT_BURST; i++) {
		const struct sketch *frame = frame_of(*flow);

		frontend_send(from, 0, NULL, frame->bytes, frame->len);
		*flow = *flow + 1 < cost.flows ? *flow + 1 : 0;
	}
	pipeline_run(pipeline, policy, fdb, atomic_load(&cost.ends[0].queue), LIMIT_BURST, 1000);
	while (frontend_take(to, 0, &hdr, bytes, sizeof(bytes)) >= 0)
		received++;
	rcu_quiescent();
	return received;
}

/* Let the second guest be heard once. */
static void introduce(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb)
{
	uint8_t bytes[60] = {[12] = 0x88, [13] = 0xb5}; /* IEEE 802, 9.2.4: for local experiments */

	mac_store(MAC(1), bytes);
	mac_store(MAC(2), bytes + 6);
	pipeline_inject(pipeline, policy, fdb, (struct port_ref){2, 1}, bytes, sizeof(bytes), 1000);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		uint32_t value = (uint32_t)strtoul(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--size"))
			cost.size = value;
		else if (!strcmp(argv[i], "--flows"))
			cost.flows = value;
		else if (!strcmp(argv[i], "--scan"))
			cost.scan = value;
		else if (!strcmp(argv[i], "--learned"))
			cost.learned = value;
		else if (!strcmp(argv[i], "--groups"))
			cost.groups = value;
		else if (!strcmp(argv[i], "--acls"))
			cost.acls = value;
		else if (!strcmp(argv[i], "--bursts"))
			cost.bursts = value;
		else
			errx(2, "%s: not an option", argv[i]);
	}
	if (argc % 2 == 0 || cost.size < 64 || cost.size > 1518 || cost.flows == 0 ||
	    cost.flows > 1 << 16)
		errx(2, "usage: frame_cost [--size 64..1518] [--flows 1..65536] [--scan 0|1] "
			"[--learned 0|1] [--groups 0|1] [--acls 0|1] [--bursts N]");
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		errx(1, "no memory");
	return memory;
}

int main(int argc, char **argv)
{
	struct pipeline_options options = {.ports = &cost.table};
	struct pipeline *pipeline;
	struct fdb *fdb;
	pthread_t control;
	uint64_t frames = 0;
	uint32_t flow = 0;

	parse(argc, argv);
	make_frame();
	create_ends();
	if (pthread_create(&control, NULL, serve, NULL))
		errx(1, "no thread");
	for (unsigned i = 0; i < PORTS; i++)
		frontend_bring_up(&cost.ends[i].guest);

	struct policy *policy = make_policy();
	size_t sessions_bytes = session_size(SESSIONS, LIMIT_SESSION_SHARE);
	void *memory = map(fdb_size(4096)), *sessions = map(sessions_bytes);

	options.counters = map(counters_size());
	if (fdb_init(memory, fdb_size(4096), 4096, &fdb) ||
	    session_init(sessions, sessions_bytes, SESSIONS, LIMIT_SESSION_SHARE,
			 &options.sessions) ||
	    pipeline_create(&options, &pipeline))
		errx(1, "no switch");
	rcu_register();
	if (cost.learned)
		introduce(pipeline, policy, fdb);
	for (unsigned i = 0; i < cost.bursts; i++)
		frames += run_burst(pipeline, policy, fdb, &flow);
	printf("%llu\n", (unsigned long long)frames);
	/* The system takes the rest back; the control thread may wait for this one no more. */
	fflush(stdout);
	_Exit(frames == (uint64_t)cost.bursts * LIMIT_BURST ? 0 : 1);
}
