/*
 * snoop - see snoop.h. Messages that no router would believe tell nothing: from afar
 * (a TTL or hop limit but 1), in fragments, with a wrong checksum, MLD from other than
 * link-local addresses (RFC 3810, 5), cut off.
 */
#include <netinet/in.h>
#include <string.h>

#include "switch/snoop.h"

enum {
	IGMP_QUERY = 0x11, /* RFC 3376, 4 */
	IGMP_REPORT = 0x12,
	IGMP_REPORT2 = 0x16,
	IGMP_LEAVE = 0x17,
	IGMP_REPORT3 = 0x22,
	MLD_QUERY = 130, /* RFC 2710, 3; RFC 3810, 5 */
	MLD_REPORT = 131,
	MLD_DONE = 132,
	MLD_REPORT2 = 143,
	PIM = 103,	  /* protocol, RFC 7761, 4.9 */
	PIM_HELLO = 0x20, /* version 2, type 0 */

	RECORD_IS_IN = 1, /* RFC 3376, 4.2.12, and RFC 3810, 5.2.12 */
	RECORD_IS_EX,
	RECORD_TO_IN,
	RECORD_TO_EX,
	RECORD_ALLOW,

	LEAVE_MS = 2000,   /* RFC 3376, 8.8: last member query time */
	PACKET_MAX = 2048, /* of a report: what is behind is not read */
	SNOOP_L4_MIN = 8,  /* bytes of the shortest message */
};

enum told { TELLS_NOTHING, TELLS_WISHES, TELLS_ROUTER };

static struct policy_address load6(const uint8_t *bytes)
{
	struct policy_address address = {0, 0};

	for (unsigned i = 0; i < 8; i++) {
		address.high = address.high << 8 | bytes[i];
		address.low = address.low << 8 | bytes[i + 8];
	}
	return address;
}

static struct policy_address load4(const uint8_t *bytes)
{
	return policy_address4((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
			       (uint32_t)bytes[2] << 8 | bytes[3]);
}

/* May somebody want it by name? Not what all hosts of a link get. */
static bool is_wanted_by_name(struct policy_address group)
{
	if (group.high == 0)
		return (uint32_t)group.low >> 28 == 0xe && (uint32_t)group.low >> 8 != 0xe00000;
	/* ff02::, ff02::1, and what never leaves its host (RFC 4291, 2.7) */
	return group.high >> 56 == 0xff && (group.high >> 48 & 0xf) > 1 &&
	       !(group.high == 0xff02ULL << 48 && group.low <= 1);
}

/* What kind of message the packet at @ip is. */
static enum told read_kind(const struct frame *frame, const struct frame_ip *ip)
{
	uint8_t hops = frame->head[ip->l3 + (ip->version == 4 ? 8 : 7)], type;

	if (ip->fragment || hops != 1 || ip->l4 + 1U > frame->head_len)
		return TELLS_NOTHING;
	type = frame->head[ip->l4];
	if (ip->protocol == PIM)
		return type == PIM_HELLO ? TELLS_ROUTER : TELLS_NOTHING;
	if (ip->protocol == IPPROTO_IGMP && ip->version == 4)
		return type == IGMP_QUERY ? TELLS_ROUTER
		       : type == IGMP_REPORT || type == IGMP_REPORT2 || type == IGMP_LEAVE ||
				       type == IGMP_REPORT3
			       ? TELLS_WISHES
			       : TELLS_NOTHING;
	if (ip->protocol == IPPROTO_ICMPV6 && ip->version == 6)
		return type == MLD_QUERY ? TELLS_ROUTER
		       : type == MLD_REPORT || type == MLD_DONE || type == MLD_REPORT2
			       ? TELLS_WISHES
			       : TELLS_NOTHING;
	return TELLS_NOTHING;
}

/* The ports of @network that want @group, added to *@ports; were there any? */
static bool add_ports(const struct policy *policy, const struct fdb *fdb, uint16_t network,
		      struct policy_address group, clock_ms now, struct snoop_ports *ports)
{
	const struct policy_network *n = &policy_networks(policy)[network];
	const uint16_t *members = policy_at(policy, n->members);
	bool any = false;

	for (uint32_t i = 0; i < n->n_members; i++) {
		if (!fdb_wants(fdb, policy, network, members[i], group, now))
			continue;
		ports->words[members[i] / 64] |= UINT64_C(1) << (members[i] % 64);
		any = true;
	}
	return any;
}

bool snoop_choose(const struct policy *policy, const struct fdb *fdb, uint16_t network,
		  const struct frame *frame, const struct frame_l2 *l2, clock_ms now,
		  bool *ret_tells, struct snoop_ports *ret_ports)
{
	struct policy_address group;
	enum told told;
	struct frame_ip ip;

	*ret_tells = false;
	if (!frame_parse_ip(frame, l2, &ip))
		return false;
	told = read_kind(frame, &ip);
	*ret_tells = told != TELLS_NOTHING;
	group = ip.version == 4 ? load4(frame->head + ip.l3 + 16) : load6(frame->head + ip.l3 + 24);
	if (told == TELLS_ROUTER || (told == TELLS_NOTHING && !is_wanted_by_name(group)))
		return false;
	memset(ret_ports, 0, sizeof(*ret_ports));
	if (!add_ports(policy, fdb, network, ip.version == 4 ? FDB_ROUTERS4 : FDB_ROUTERS6, now,
		       ret_ports))
		return false;
	if (told == TELLS_WISHES)
		return true;
	if (!add_ports(policy, fdb, network, group, now, ret_ports))
		return false;
	(void)add_ports(policy, fdb, network, FDB_EVERYTHING, now, ret_ports);
	return true;
}

/* ---- learning ---- */

/* A message, and whom it is from. */
struct message {
	const struct policy *policy;
	struct fdb *fdb;
	uint16_t network;
	struct port_ref in;
	clock_ms now;
	bool six;
	bool cut;	      /* there is more of it than was read */
	const uint8_t *bytes; /* from the transport header on */
	uint32_t len;
};

static void want(const struct message *message, struct policy_address group, uint32_t left_ms)
{
	if (is_wanted_by_name(group))
		fdb_want(message->fdb, message->policy, message->network, message->in, group,
			 left_ms, message->now);
}

static void leave(const struct message *message, struct policy_address group)
{
	const struct policy_port *port = policy_port(message->policy, message->in);
	bool alone = port->n_macs == 1 && port->flags & POLICY_PORT_SPOOF_GUARD;

	/* who did not want it need not be noted */
	if (fdb_wants(message->fdb, message->policy, message->network, message->in.id, group,
		      message->now))
		want(message, group, alone ? 0 : LEAVE_MS);
}

static struct policy_address load_group(const struct message *message, uint32_t at)
{
	return message->six ? load6(message->bytes + at) : load4(message->bytes + at);
}

/* IGMPv3 and MLDv2: as many records as there are. */
static void learn_records(const struct message *message)
{
	uint32_t size = message->six ? 16 : 4, at = 8;
	unsigned n = (unsigned)(message->bytes[6] << 8 | message->bytes[7]);
	bool cut = message->cut;

	for (; n > 0; n--) {
		uint32_t n_sources, type;
		struct policy_address group;

		if (at + 4 + size > message->len)
			break;
		type = message->bytes[at];
		n_sources = (uint32_t)message->bytes[at + 2] << 8 | message->bytes[at + 3];
		group = load_group(message, at + 4);
		if ((type == RECORD_IS_IN || type == RECORD_TO_IN) && n_sources == 0)
			leave(message, group);
		else if (type >= RECORD_IS_IN && type <= RECORD_ALLOW)
			want(message, group, FDB_WANT_MS);
		at += 4 + size + n_sources * size + message->bytes[at + 1] * 4U;
	}
	if (n > 0 && cut)
		fdb_want(message->fdb, message->policy, message->network, message->in,
			 FDB_EVERYTHING, FDB_WANT_MS, message->now);
}

static void learn_wishes(const struct message *message)
{
	uint32_t at = message->six ? 8 : 4; /* of the group, in the older versions */

	switch (message->bytes[0]) {
	case IGMP_REPORT3:
	case MLD_REPORT2: learn_records(message); break;
	case IGMP_LEAVE:
	case MLD_DONE:
		if (message->len >= at + (message->six ? 16 : 4))
			leave(message, load_group(message, at));
		break;
	default:
		if (message->len >= at + (message->six ? 16 : 4))
			want(message, load_group(message, at), FDB_WANT_MS);
	}
}

static uint32_t sum16(const uint8_t *bytes, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

/* RFC 1071; of ICMPv6 with the pseudo header (RFC 8200, 8.1). */
static bool sum_is_right(const uint8_t *packet, const struct frame_ip *ip, uint32_t len)
{
	uint32_t sum = sum16(packet + ip->l4, len, 0);

	if (ip->version == 6)
		sum = sum16(packet + ip->l3 + 8, 32, sum + len + ip->protocol);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The packet's first bytes, from the snapshot and from where the sender left the rest. */
static uint32_t copy_packet(const struct frame *frame, uint8_t packet[static PACKET_MAX])
{
	uint32_t len = frame->head_len;

	memcpy(packet, frame->head, len);
	for (unsigned i = 0; i < frame->n_tail && len < PACKET_MAX; i++) {
		size_t part = frame->tail[i].iov_len;

		if (part > PACKET_MAX - len)
			part = PACKET_MAX - len;
		memcpy(packet + len, frame->tail[i].iov_base, part);
		len += (uint32_t)part;
	}
	return len;
}

/* May routers and hosts speak from there? Queries of no address are of no router (RFC 4541, 2.1.1). */
static bool source_is_right(const struct frame *frame, const struct frame_ip *ip, enum told told)
{
	struct policy_address source;

	if (ip->version == 4)
		return told == TELLS_WISHES || frame_load32(frame, ip->l3 + 12U) != 0;
	source = load6(frame->head + ip->l3 + 8);
	return source.high >> 54 == 0xfe80 >> 6 ||
	       (told == TELLS_WISHES && (source.high | source.low) == 0);
}

void snoop_learn(const struct policy *policy, struct fdb *fdb, uint16_t network,
		 const struct frame *frame, const struct frame_l2 *l2, struct port_ref in,
		 clock_ms now)
{
	struct message message = {
		.policy = policy, .fdb = fdb, .network = network, .in = in, .now = now};
	uint8_t packet[PACKET_MAX];
	uint32_t have, end;
	struct frame_ip ip;
	enum told told;

	if (!frame_parse_ip(frame, l2, &ip))
		return;
	told = read_kind(frame, &ip);
	/* who is no router would get what others want, and once they are forgotten alone */
	if (told == TELLS_ROUTER && policy_port(policy, in)->flags & POLICY_PORT_ROUTER_GUARD)
		return;
	end = ip.version == 4 ? ip.l3 + frame_load16(frame, ip.l3 + 2U)
			      : ip.l3 + 40U + frame_load16(frame, ip.l3 + 4U);
	have = copy_packet(frame, packet);
	if (told == TELLS_NOTHING || end > frame->len || end < ip.l4 + 4U ||
	    !source_is_right(frame, &ip, told))
		return;
	message.six = ip.version == 6;
	message.cut = end > have;
	message.bytes = packet + ip.l4;
	message.len = (message.cut ? have : end) - ip.l4;
	if (told == TELLS_ROUTER && ip.protocol == PIM) {
		fdb_want(fdb, policy, network, in, message.six ? FDB_ROUTERS6 : FDB_ROUTERS4,
			 FDB_WANT_MS, now);
		return;
	}
	if (message.len < SNOOP_L4_MIN ||
	    (!message.cut && !(frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	     !sum_is_right(packet, &ip, message.len)))
		return;
	if (told == TELLS_ROUTER)
		fdb_want(fdb, policy, network, in, message.six ? FDB_ROUTERS6 : FDB_ROUTERS4,
			 FDB_WANT_MS, now);
	else
		learn_wishes(&message);
}
