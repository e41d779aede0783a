/*
 * fuzz_frame - any frame with any virtio-net header, from ports of every kind.
 *
 * The input: a byte for the port, a byte for what the destination accepts, 12
 * bytes of virtio-net header, the frame. What must hold: what passed the checks
 * can be completed for every destination, has nothing left that it does not
 * accept, and still passes the guard as it will arrive there. The last is the
 * switch's promise: what was checked is what is delivered. And what the server
 * and claim guards refuse, guard_wants_look() wanted to look at.
 */
#include <string.h>
#include <sys/mman.h>

#include "switch/decide.h"
#include "switch/guard.h"
#include "switch/mark.h"
#include "switch/offload.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sketch/packet_sketch.h"
#include "tests/sketch/policy_sketch.h"

enum { PORTS = 5, SLOTS = 128, NOW = 1000000, HEADER = 14 };

static struct policy *policy;
static struct fdb *fdb;

static void prepare(void)
{
	static const struct policy_trunk_entry pairs[] = {{1, 100}, {2, 200}, {3, 300}};
	static mac48 macs[] = {0x02000000000a};
	static struct policy_prefix4 four[] = {{0x0a000001, UINT32_MAX}};
	static struct policy_prefix6 six[] = {{{0x20010db800000000, 1}, {~0ULL, ~0ULL}}};
	struct policy_network_spec networks[] = {sketch_network(1, 100), sketch_network(2, 200),
						 sketch_network(3, 300)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_access(2, 1),
					   sketch_trunk(3, 2, pairs, 2),
					   sketch_trunk(4, 0, pairs, 3), sketch_access(5, 3)};
	size_t size = fdb_size(SLOTS);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < 4; i += 2) { /* an access port and a trunk with all bound */
		ports[i].flags = POLICY_PORT_SPOOF_GUARD;
		ports[i].addresses4 = four;
		ports[i].n_addresses4 = 1;
		ports[i].addresses6 = six;
		ports[i].n_addresses6 = 1;
	}
	for (unsigned i = 0; i < 3; i++)
		ports[i].flags |= POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD;
	networks[1].flags = POLICY_NET_SUPPRESSES | POLICY_NET_SNOOPS;
	networks[2].flags = POLICY_NET_QINQ | POLICY_NET_SERVICE;
	ports[4].mode = POLICY_QINQ;
	ports[4].flags = POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD;
	ports[3].pcp = 6;
	ports[3].dscp = 47;
	ports[0].macs = macs;
	ports[0].n_macs = 1;
	policy = SKETCH_POLICY(networks, ports);
	fuzz_demand(memory != MAP_FAILED && fdb_init(memory, size, SLOTS, &fdb) == 0);
}

struct arrival {
	const struct decision *decision;
	uint32_t accepts;
	unsigned count;
};

/* A frame as the destination gets it: look at it with the eyes of the guard once more. */
static enum drop arrive(void *user, const struct virtio_net_hdr_v1 *hdr, const struct iovec *pieces,
			unsigned n_pieces, uint32_t len)
{
	static struct sketch packet;
	struct arrival *arrival = user;
	const struct decision *decision = arrival->decision;
	struct frame_l2 l2;
	struct frame frame;

	fuzz_demand((offload_needs(hdr) & ~arrival->accepts) == 0);
	fuzz_demand(len <= LIMIT_FRAME);
	packet.len = 0;
	for (unsigned i = 0; i < n_pieces; i++) {
		memcpy(packet.bytes + packet.len, pieces[i].iov_base, pieces[i].iov_len);
		packet.len += (uint32_t)pieces[i].iov_len;
	}
	fuzz_demand(packet.len == len);
	sketch_frame(&packet, &frame);
	fuzz_demand(frame_parse(&frame, &l2) == DROP_NONE);
	fuzz_demand(memcmp(&l2.dst, &decision->l2.dst, sizeof(l2.dst)) == 0);
	fuzz_demand(guard_check(policy, decision->in, decision->network, &frame, &l2) == DROP_NONE);
	arrival->count++;
	return DROP_NONE;
}

static void deliver(const struct frame *frame, const struct sketch *packet,
		    const struct decision *decision, uint32_t accepts)
{
	struct arrival arrival = {.decision = decision, .accepts = accepts};
	uint8_t *bytes = malloc(packet->len);

	fuzz_demand(bytes);
	memcpy(bytes, packet->bytes, packet->len);
	fuzz_demand(offload_complete(bytes, packet->len, &frame->hdr, accepts, arrive, &arrival) ==
		    DROP_NONE);
	fuzz_demand(arrival.count >= 1 && arrival.count <= 1366);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct sketch packet;
	struct port_ref in;
	struct frame_l2 l2;
	struct decision decision;
	struct frame frame;

	if (!policy)
		prepare();
	if (size < HEADER || size - HEADER > LIMIT_FRAME)
		return 0;
	in = sketch_ref((uint16_t)(1 + input[0] % PORTS));
	packet.len = (uint32_t)(size - HEADER);
	memcpy(packet.bytes, input + HEADER, packet.len);
	sketch_frame(&packet, &frame);
	memcpy(&frame.hdr, input + 2, sizeof(frame.hdr));
	mark_frame(&policy_ports(policy)[in.id], &frame);
	memcpy(packet.bytes, frame.head, frame.head_len);

	if (frame_parse(&frame, &l2) != DROP_NONE || offload_check(&frame, &l2) != DROP_NONE)
		return 0;
	decide(policy, fdb, NULL, &frame, in, NOW, &decision);
	if (decision.drop == DROP_DHCP_SERVER || decision.drop == DROP_ROUTER ||
	    decision.drop == DROP_HIDDEN_HEADER || decision.drop == DROP_CLAIMED_ADDRESS)
		fuzz_demand(guard_wants_look(&policy_ports(policy)[in.id], &frame));
	if (decision.learn)
		(void)fdb_learn(fdb, policy, decision.network, l2.src, in, NOW);
	if (decision.tells)
		snoop_learn(policy, fdb, decision.network, &frame, &decision.l2, in, NOW);
	/* All that passed the guard might be delivered, now or to another port. */
	if (decision.stage > STAGE_GUARD)
		deliver(&frame, &packet, &decision, input[1] & PORT_ACCEPTS_ALL);
	return 0;
}
