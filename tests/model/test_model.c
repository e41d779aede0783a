/*
 * test_model - the switch against ref_switch, at random.
 *
 *	test_model [ROUNDS [FIRST_SEED]]
 *
 * A round is a configuration made up from a seed, and some hundred operations
 * on it: bursts of all kinds of frames, a clock that moves, ports and networks
 * that change, go and come again, sweeps, flushes, another data plane. Both
 * switches must deliver the same bytes to the same ports, give the same reasons,
 * count the same and remember the same. What fails names its seed.
 *
 * The clock moves by what fdb counts as one stamp, so that both agree on when.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/lab.h"
#include "tests/model/ref_switch.h"
#include "tests/sketch/policy_sketch.h"

enum {
	FDB_SLOTS = 1 << 18, /* as many as one sweep looks at */
	OPERATIONS = 300,
	BURST = 8,
	TALK_BYTES = 44, /* of the longest headers that draw_talk() makes */
	STEP_MS = 1024,
	FREE_MACS = 10,
#ifdef SLUICE_SANITIZED
	ROUNDS = 60,
#else
	ROUNDS = 500,
#endif
};

static struct model {
	uint64_t seed, noise;
	unsigned operation;
	uint64_t generation;
	struct lab *lab;
	struct ref_switch ref;
	uint64_t frames, delivered;
} model;

static _Noreturn void disagree(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void disagree(const char *format, ...)
{
	va_list args;

	printf("not ok 1 - the switch and the model agree\n# seed %lu, operation %u: ",
	       (unsigned long)model.seed, model.operation);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n1..1\n");
	exit(EXIT_FAILURE);
}

/* A number below @n (splitmix64). */
static unsigned any(unsigned n)
{
	uint64_t z = model.noise += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (unsigned)((z ^ (z >> 31)) >> 32) % n;
}

static bool once_in(unsigned n)
{
	return any(n) == 0;
}

static mac48 bound_mac(uint16_t port, unsigned i)
{
	return 0x020000000100ULL + port * 16U + i;
}

static void make_network(uint16_t id)
{
	struct ref_network *network = &model.ref.networks[id];

	network->live = true;
	network->generation++;
	network->vlan = (uint16_t)(once_in(4) ? 0 : id * 10);
	network->flags = (uint16_t)(once_in(4) ? any(8) : 0);
	network->age_ms = once_in(3) ? STEP_MS * (1 + any(20)) : 300000;
	network->macs_max = once_in(4) ? any(6) : 1000;
	network->mtu = once_in(4) ? LIMIT_MTU_MIN + any(200) : 1500;
}

static void remove_network(uint16_t id)
{
	model.ref.networks[id].live = false;
	for (unsigned p = 1; p < REF_PORTS; p++) {
		struct ref_port *port = &model.ref.ports[p];

		port->tags[id] = 0;
		if (port->native == id)
			port->native = 0;
	}
}

static uint16_t any_live_network(void)
{
	uint16_t id = (uint16_t)any(REF_NETWORKS);

	return id && model.ref.networks[id].live ? id : 0;
}

static bool tag_is_used(const struct ref_port *port, uint16_t tag)
{
	for (unsigned n = 1; n < REF_NETWORKS; n++) {
		if (port->tags[n] == tag)
			return true;
	}
	return false;
}

/* Give @port some mode. Tags are the networks' own, others, or another network's. */
static void wire_port(struct ref_port *port)
{
	memset(port->tags, 0, sizeof(port->tags));
	port->trunk = once_in(2);
	port->native = any_live_network();
	for (unsigned n = 1; port->trunk && n < REF_NETWORKS; n++) {
		const uint16_t tags[] = {(uint16_t)(n * 10), (uint16_t)(n * 10),
					 (uint16_t)(1000 + n),
					 (uint16_t)(10 + n % (REF_NETWORKS - 1) * 10)};
		uint16_t tag = tags[any(4)];

		if (model.ref.networks[n].live && !once_in(3) && !tag_is_used(port, tag))
			port->tags[n] = tag;
	}
}

static struct ref_limit any_limit(void)
{
	static const uint32_t amounts[] = {1, 4, 8, 20};
	struct ref_limit limit = {.since = model.ref.now};

	if (once_in(4)) {
		limit.per_second = amounts[any(4)];
		limit.burst_ms = 1 + any(5000);
		limit.saved_ms = limit.burst_ms;
	}
	return limit;
}

static void make_port(uint16_t id)
{
	struct ref_port *port = &model.ref.ports[id];

	wire_port(port);
	port->live = true;
	port->generation++;
	port->down = false;
	port->guarded = !once_in(3);
	port->is_server = once_in(2);
	port->is_router = once_in(2);
	port->is_bridge = once_in(2);
	port->role = (enum policy_role)any(4);
	port->community = (uint16_t)(port->role == POLICY_COMMUNITY ? 1 + any(2) : 0);
	port->quota = once_in(3) ? any(4) : 100;
	port->packets = any_limit();
	port->floods = any_limit();
	port->n_macs = once_in(3) ? 1 + any(REF_BOUND) : 0;
	for (unsigned i = 0; i < REF_BOUND; i++)
		port->macs[i] = bound_mac(id, i);
	model.ref.moves[id] = model.ref.evictions[id] = 0;
}

static unsigned describe_networks(struct policy_network_spec *specs)
{
	unsigned n = 0;

	for (uint16_t id = 1; id < REF_NETWORKS; id++) {
		const struct ref_network *network = &model.ref.networks[id];

		if (!network->live)
			continue;
		specs[n] = sketch_network(id, network->vlan);
		specs[n].generation = network->generation;
		specs[n].flags = network->flags;
		specs[n].age_ms = network->age_ms;
		specs[n].macs_max = network->macs_max;
		specs[n++].mtu = network->mtu;
	}
	return n;
}

/* The policy of the model's configuration, for the real switch. */
static void publish(void)
{
	struct policy_network_spec networks[REF_NETWORKS];
	struct policy_port_spec ports[REF_PORTS];
	struct policy_trunk_entry pairs[REF_PORTS][REF_NETWORKS];
	struct policy_limits limits[REF_PORTS] = {0};
	unsigned n_ports = 0;

	for (uint16_t id = 1; id < REF_PORTS; id++) {
		const struct ref_port *port = &model.ref.ports[id];
		struct policy_port_spec *spec = &ports[n_ports];

		if (!port->live)
			continue;
		*spec = sketch_access(id, port->native);
		spec->ref.generation = port->generation;
		spec->mode = port->trunk ? POLICY_TRUNK : POLICY_ACCESS;
		spec->trunk = pairs[id];
		for (uint16_t n = 1; n < REF_NETWORKS; n++) {
			if (port->tags[n])
				pairs[id][spec->n_trunk++] =
					(struct policy_trunk_entry){n, port->tags[n]};
		}
		spec->flags = (uint16_t)((port->guarded ? POLICY_PORT_SPOOF_GUARD : 0) |
					 (port->is_server ? 0 : POLICY_PORT_DHCP_GUARD) |
					 (port->is_router ? 0 : POLICY_PORT_ROUTER_GUARD) |
					 (port->is_bridge ? POLICY_PORT_BPDU : 0));
		spec->limits = &limits[id];
		limits[id].of[POLICY_IN_PACKETS] =
			rate_limit(port->packets.per_second, port->packets.burst_ms);
		limits[id].of[POLICY_FLOODS] =
			rate_limit(port->floods.per_second, port->floods.burst_ms);
		spec->role = port->role;
		spec->community = port->community;
		spec->macs_max = port->quota;
		spec->macs = port->macs;
		spec->n_macs = port->n_macs;
		n_ports++;
	}
	lab_publish(model.lab,
		    sketch_policy(networks, describe_networks(networks), ports, n_ports));
	for (unsigned id = 1; id < REF_PORTS; id++)
		model.lab->ports[id].down = model.ref.ports[id].down;
}

static void change_something(void)
{
	uint16_t id = (uint16_t)(1 + any(REF_PORTS - 1));
	uint16_t network = (uint16_t)(1 + any(REF_NETWORKS - 1));
	struct ref_port *port = &model.ref.ports[id];

	switch (any(7)) {
	case 0: make_port(id); break;
	case 1: port->live = false; break;
	case 2: wire_port(port); break;
	case 3: port->quota = any(4); break;
	case 4: port->down = !port->down; break;
	case 5: remove_network(network); break;
	case 6: make_network(network); break;
	}
	publish();
}

static mac48 any_mac(void)
{
	static const mac48 odd[] = {0,
				    MAC_BROADCAST,
				    0x01005e000001,
				    0x0180c2000000,
				    0x0180c200000f,
				    0x0180c2000010,
				    0x010000000001};

	if (once_in(6))
		return odd[any(sizeof(odd) / sizeof(odd[0]))];
	if (once_in(4))
		return bound_mac((uint16_t)(1 + any(REF_PORTS - 1)), any(REF_BOUND));
	return 0x020000000001ULL + any(FREE_MACS);
}

static uint16_t any_tci(void)
{
	static const uint16_t vids[] = {0,    1,    10,	  20,	30,   40,  50,
					1001, 1002, 1003, 1004, 4094, 4095};

	return (uint16_t)((once_in(3) ? any(16) << 12 : 0) |
			  vids[any(sizeof(vids) / sizeof(vids[0]))]);
}

static void describe_frame(uint16_t port, struct ref_frame *frame)
{
	static const uint16_t tpids[] = {ETHERTYPE_VLAN, ETHERTYPE_SERVICE, ETHERTYPE_QINQ};
	static const uint32_t mtu_edge[] = {1514, 1515, 1518, 1519};

	*frame = (struct ref_frame){.port = port, .src = any_mac(), .dst = any_mac()};
	if (once_in(2) || model.ref.ports[port].trunk)
		frame->n_tags = once_in(12) ? 2 : !once_in(4);
	for (unsigned i = 0; i < frame->n_tags; i++) {
		frame->tpids[i] = tpids[once_in(12) ? any(3) : 0];
		frame->tcis[i] = any_tci();
	}
	frame->len = 14 + 4 * frame->n_tags + any(300);
	if (once_in(8))
		frame->len = mtu_edge[any(4)];
	if (once_in(12)) {
		frame->len = 1 + any(22);
	} else if (once_in(2)) {
		frame->talk = (enum ref_talk)any(REF_TALKS);
		frame->len += TALK_BYTES;
	}
}

/* The headers of what @frame talks of, the Ethernet header included. */
static void draw_talk(const struct ref_frame *frame, struct sketch *ret)
{
	static const struct sketch_ip6 router = {0xfe80000000000000, 1},
				       all = {0xff02000000000000, 1};
	bool dhcp = frame->talk == REF_DHCP_CLIENT || frame->talk == REF_DHCP_SERVER;
	bool asks = frame->talk == REF_DHCP_CLIENT;

	if (frame->talk == REF_PLAIN) {
		sketch_ethernet(ret, frame->dst, frame->src, 0x88b5);
	} else if (dhcp) {
		sketch_ethernet(ret, frame->dst, frame->src, ETHERTYPE_IPV4);
		sketch_ipv4(ret, IPPROTO_UDP, 0x0a000001, 0xffffffff);
		sketch_udp(ret, asks ? 68 : 67, asks ? 67 : 68);
	} else {
		sketch_ethernet(ret, frame->dst, frame->src, ETHERTYPE_IPV6);
		sketch_ipv6(ret, IPPROTO_ICMPV6, router, all);
		sketch_put32(ret, (frame->talk == REF_ROUTER ? 134u : 133u) << 24);
	}
}

/* The bytes of @frame without its tags, which may be fewer than its length says. */
static void draw_frame(const struct ref_frame *frame, struct sketch *ret_untagged,
		       struct sketch *ret_frame)
{
	draw_talk(frame, ret_untagged);
	sketch_payload(ret_untagged, frame->len);
	*ret_frame = *ret_untagged;
	for (unsigned i = frame->n_tags; i > 0; i--)
		sketch_tag(ret_frame, frame->tpids[i - 1], frame->tcis[i - 1]);
	ret_frame->len = frame->len;
	ret_untagged->len = frame->len - 4 * frame->n_tags;
}

static void compare_delivery(uint16_t id, unsigned n, const struct ref_copy *copies,
			     const struct sketch *untagged)
{
	const struct lab_port *device = &model.lab->ports[id];

	if (device->n_received != n)
		disagree("port %u got %u frames, not %u", id, device->n_received, n);
	for (unsigned i = 0; i < n; i++) {
		static struct sketch expected;

		memcpy(expected.bytes, untagged[i].bytes, untagged[i].len);
		expected.len = untagged[i].len;
		if (copies[i].tci != REF_UNTAGGED)
			sketch_tag(&expected, ETHERTYPE_VLAN, (uint16_t)copies[i].tci);
		if (device->received[i].len != expected.len ||
		    memcmp(device->received[i].bytes, expected.bytes, expected.len) != 0)
			disagree("frame %u of port %u has other bytes (tag %d)", i, id,
				 copies[i].tci);
	}
	model.delivered += n;
}

static void compare_counters(uint16_t id, const struct port_counters *before, const unsigned *drops)
{
	struct port_ref ref = {id, model.ref.ports[id].generation};
	struct port_counters now;

	lab_count(model.lab, ref, &now);
	for (unsigned i = 0; i < DROP__COUNT; i++) {
		if (now.dropped[i] - before->dropped[i] != drops[i])
			disagree("port %u dropped %lu for %s, not %u", id,
				 (unsigned long)(now.dropped[i] - before->dropped[i]),
				 drop_word((enum drop)i), drops[i]);
	}
	if (now.fdb_moves != model.ref.moves[id] || now.fdb_evictions != model.ref.evictions[id])
		disagree("port %u counts %lu moves and %lu evictions, not %u and %u", id,
			 (unsigned long)now.fdb_moves, (unsigned long)now.fdb_evictions,
			 model.ref.moves[id], model.ref.evictions[id]);
}

static void send_burst(void)
{
	static struct sketch untagged[REF_PORTS][BURST], bare, whole;
	static const struct virtio_net_hdr_v1 plain;
	struct ref_copy due[REF_PORTS][BURST], copies[REF_PORTS];
	unsigned n_due[REF_PORTS] = {0}, drops[DROP__COUNT] = {0}, n_copies;
	uint16_t in = (uint16_t)(1 + any(REF_PORTS - 1));
	struct port_ref ref = {in, model.ref.ports[in].generation};
	struct port_counters before;
	unsigned n = 1 + any(BURST);

	if (!model.ref.ports[in].live)
		return;
	lab_forget(model.lab);
	lab_count(model.lab, ref, &before);
	for (unsigned i = 0; i < n; i++) {
		struct ref_frame frame;
		enum drop drop;

		describe_frame(in, &frame);
		draw_frame(&frame, &bare, &whole);
		lab_offer(model.lab, in, &whole, &plain);
		drop = ref_send(&model.ref, &frame, copies, &n_copies);
		if (n_copies == 0)
			drops[drop]++;
		for (unsigned c = 0; c < n_copies; c++) {
			uint16_t out = copies[c].port;

			memcpy(untagged[out][n_due[out]].bytes, bare.bytes, bare.len);
			untagged[out][n_due[out]].len = bare.len;
			due[out][n_due[out]++] = copies[c];
		}
	}
	lab_run(model.lab, in);
	model.frames += n;
	for (uint16_t id = 1; id < REF_PORTS; id++)
		compare_delivery(id, n_due[id], due[id], untagged[id]);
	compare_counters(in, &before, drops);
}

/* Both remember the same, stamped at the same time; and no port has more than its quota. */
static void compare_memory(void)
{
	unsigned count = 0;
	struct fdb_entry entry;
	uint32_t cursor = 0;

	while (fdb_next(model.lab->fdb, &cursor, &entry)) {
		bool found = false;

		count++;
		for (unsigned i = 0; i < model.ref.n_learned && !found; i++) {
			const struct ref_learned *learned = &model.ref.learned[i];

			found = learned->network == entry.network && learned->mac == entry.mac &&
				learned->network_generation == entry.network_generation &&
				port_ref_equal(learned->port, entry.port) &&
				learned->seen == entry.seen;
		}
		if (!found)
			disagree("%012lx in network %u is remembered behind port %u",
				 (unsigned long)entry.mac, entry.network, entry.port.id);
	}
	if (count != model.ref.n_learned)
		disagree("%u addresses are remembered, not %u", count, model.ref.n_learned);
}

/* A successor orders by age alone: only where that says it all, both can agree on the oldest. */
static bool ages_differ(void)
{
	for (unsigned i = 0; i < model.ref.n_learned; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (model.ref.learned[i].port.id == model.ref.learned[j].port.id &&
			    model.ref.learned[i].seen == model.ref.learned[j].seen)
				return false;
		}
	}
	return true;
}

static void operate(void)
{
	uint16_t network, port;
	struct port_ref ref;

	switch (any(32)) {
	case 0: change_something(); break;
	case 1:
		fdb_sweep(model.lab->fdb, model.lab->policy, model.lab->now);
		ref_sweep(&model.ref);
		break;
	case 2:
		network = (uint16_t)any(REF_NETWORKS);
		port = (uint16_t)any(REF_PORTS);
		ref = (struct port_ref){port, model.ref.ports[port].generation};
		fdb_flush(model.lab->fdb, network, ref);
		ref_flush(&model.ref, network, ref);
		break;
	case 3:
		if (ages_differ())
			lab_succeed(model.lab), ref_forgive(&model.ref);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		model.ref.now += (clock_ms)STEP_MS * (once_in(6) ? any(300) : 1 + any(3));
		model.lab->now = model.ref.now;
		break;
	default: send_burst(); break;
	}
}

static void play(uint64_t seed)
{
	memset(&model.ref, 0, sizeof(model.ref));
	model.seed = seed;
	model.noise = seed * 0x2545f4914f6cdd1dULL;
	model.operation = 0;
	model.lab = lab_create(FDB_SLOTS);
	model.lab->now = model.ref.now = (clock_ms)STEP_MS * 1000;
	for (uint16_t id = 1; id < REF_NETWORKS; id++)
		make_network(id);
	for (uint16_t id = 1; id < REF_PORTS; id++)
		make_port(id);
	publish();
	for (; model.operation < OPERATIONS; model.operation++) {
		operate();
		if (model.operation % 8 == 0)
			compare_memory();
	}
	compare_memory();
	lab_destroy(model.lab);
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : ROUNDS;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	for (uint64_t seed = first; seed < first + rounds; seed++)
		play(seed);
	if (rounds >= 100 && model.delivered < model.frames / 4)
		disagree("of %lu frames only %lu copies arrived: nothing was tested",
			 (unsigned long)model.frames, (unsigned long)model.delivered);
	printf("ok 1 - the switch and the model agree\n1..1\n# %lu frames, %lu copies\n",
	       (unsigned long)model.frames, (unsigned long)model.delivered);
	return EXIT_SUCCESS;
}
