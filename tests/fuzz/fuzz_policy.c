/*
 * fuzz_policy - a policy with anything changed: either policy_check() says no,
 * or every frame can be decided by it and isolation holds as it stands there.
 *
 * The first byte of the input chooses the specimen, the rest are its edits.
 */
#include <string.h>
#include <sys/mman.h>

#include "switch/decide.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"

enum { SPECIMENS = 3, SLOTS = 128, NOW = 1000000 };

static struct policy *specimens[SPECIMENS];
static struct fdb *fdb;

static void prepare(void)
{
	static const struct policy_trunk_entry pairs[] = {{1, 100}, {2, 200}};
	static mac48 macs[] = {0x020000000001, 0x020000000002};
	static struct policy_prefix4 four[] = {{0x0a000001, UINT32_MAX}};
	static struct policy_prefix6 six[] = {{{0xfe80000000000000, 1}, {~0ULL, ~0ULL}}};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200)};
	static const struct policy_limits limits = {{{1 << 20, 1000000}}};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_access(2, 1),
					   sketch_trunk(3, 2, pairs, 2)};
	size_t size = fdb_size(SLOTS);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	specimens[0] = sketch_policy(NULL, 0, NULL, 0);
	networks[1].flags = POLICY_NET_ISOLATED;
	ports[0].macs = macs;
	ports[0].n_macs = 2;
	ports[0].addresses4 = four;
	ports[0].n_addresses4 = 1;
	ports[0].addresses6 = six;
	ports[0].n_addresses6 = 1;
	ports[0].flags = POLICY_PORT_SPOOF_GUARD | POLICY_PORT_DHCP_GUARD;
	ports[1].flags = POLICY_PORT_ROUTER_GUARD;
	ports[1].limits = &limits;
	ports[1].pcp = 5;
	specimens[1] = sketch_policy(networks, 2, ports, 2);
	specimens[2] = sketch_policy(networks, 2, ports, 3);
	fuzz_demand(memory != MAP_FAILED && fdb_init(memory, size, SLOTS, &fdb) == 0);
}

/* Whatever is permitted is between two members, and with the tag of the second. */
static void check_outputs(const struct policy *policy, const struct decision *decision)
{
	uint32_t cursor = 0;
	uint16_t port = decision->output, tag = decision->tag;
	bool more = decision->fate == FATE_UNICAST;

	if (decision->fate == FATE_FLOOD)
		more = decide_flood_next(policy, decision, &cursor, &port, &tag);
	while (more) {
		fuzz_demand(port != decision->in && port < policy->n_ports);
		fuzz_demand(tag == policy_tag(policy, decision->network, port));
		fuzz_demand(tag < 4095);
		fuzz_demand(policy_tag(policy, decision->network, decision->in) !=
			    POLICY_NOT_MEMBER);
		more = decision->fate == FATE_FLOOD &&
		       decide_flood_next(policy, decision, &cursor, &port, &tag);
	}
}

static void decide_everything(const struct policy *policy)
{
	static const int tcis[] = {-1, 0, 1, 100, 200, 4094, 4095};
	static const mac48 dsts[] = {0x020000000001, 0x020000000003, MAC_BROADCAST};
	struct decision decision;
	struct sketch packet;
	struct frame frame;

	for (unsigned i = 0; i < 7 * 3; i++) {
		sketch_ethernet(&packet, dsts[i % 3], 0x020000000002, 0x88b5);
		if (tcis[i / 3] >= 0)
			sketch_tag(&packet, ETHERTYPE_VLAN, (uint16_t)tcis[i / 3]);
		sketch_frame(&packet, &frame);
		for (uint16_t id = 0; id < policy->n_ports && id < 64; id++) {
			struct port_ref in = {id, policy_ports(policy)[id].generation};

			decide(policy, fdb, NULL, &frame, in, NOW, &decision);
			check_outputs(policy, &decision);
			if (decision.learn)
				(void)fdb_learn(fdb, policy, decision.network, decision.l2.src, in,
						NOW);
		}
	}
	fdb_sweep(fdb, policy, NOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const struct policy *specimen;
	const char *why = NULL;
	void *blob;

	if (!fdb)
		prepare();
	if (size == 0)
		return 0;
	specimen = specimens[input[0] % SPECIMENS];
	blob = malloc(specimen->size);
	fuzz_demand(blob);
	memcpy(blob, specimen, specimen->size);
	fuzz_edit(blob, specimen->size, input + 1, size - 1);
	if (policy_check(blob, specimen->size, &why) == 0)
		decide_everything(blob);
	else
		fuzz_demand(why);
	free(blob);
	return 0;
}
