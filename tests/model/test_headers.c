/*
 * test_headers - headers that lie, end early, or hide: none passes what rules forbid.
 *
 *	test_headers [VALUES]		of each byte, 256 at most
 *
 * Systematic, not random: each stack of headers is cut behind each of its bytes, with
 * lengths that still tell of the rest and with lengths that fit; has each byte of its
 * headers changed to many values (IHL, data offset, lengths, checksums, next headers, fragment
 * words, ethertypes); is put behind stacks of tags; and is sent in pieces that are tiny or overlap.
 * The whole pipeline runs. What arrives is read by a receiver who takes whatever can
 * be taken, and must be what the receiver's rules let him have:
 *	strict	an ACL that accepts port 80 and nothing else
 *	lenient	an ACL that drops port 23 and accepts everything else
 *	grouped	a group that allows port 80 in
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/compile_rule.h"
#include "tests/lab/lab.h"
#include "tests/sketch/policy_sketch.h"

enum {
	SENDER = 1,
	STRICT,
	LENIENT,
	GROUPED,
	PORTS,
	OPEN = 80,	/* the port that all let pass */
	FORBIDDEN = 23, /* and one that none does */
	STACKS = 12,
	EXTENSION = 8, /* bytes */
	CHAIN = 10,    /* extension headers at most */
};

static const char *const names[PORTS] = {"", "sender", "strict", "lenient", "grouped"};

static struct {
	struct lab *lab;
	struct sketch sent[LIMIT_BURST];
	unsigned n, values, stack;
	uint16_t to;
	const char *what;
	unsigned long frames, arrived;
} run;

/* ---- the receiver who takes whatever can be taken ---- */

struct reading {
	bool is_ip, is_arp, is_tagged, has_port, is_later; /* fragment */
	uint8_t protocol;
	uint16_t port; /* of the destination */
};

static uint16_t load16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void read_port(const uint8_t *bytes, uint32_t len, uint32_t at, uint8_t protocol,
		      struct reading *ret)
{
	ret->protocol = protocol;
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || at + 4 > len)
		return;
	ret->has_port = true;
	ret->port = load16(bytes + at + 2);
}

static void read_ipv4(const uint8_t *bytes, uint32_t len, struct reading *ret)
{
	uint32_t header;

	if (len < 34)
		return;
	header = (bytes[14] & 0xfU) * 4;
	ret->is_later = load16(bytes + 20) & 0x1fff;
	if (!ret->is_later)
		read_port(bytes, len, 14 + header, bytes[23], ret);
}

static void read_ipv6(const uint8_t *bytes, uint32_t len, struct reading *ret)
{
	uint32_t at = 54;
	uint8_t next = len < 54 ? IPPROTO_NONE : bytes[20];

	for (unsigned i = 0; i < 64 && at + 8 <= len; i++) {
		if (next == IPPROTO_FRAGMENT && load16(bytes + at + 2) & 0xfff8) {
			ret->is_later = true;
			return;
		}
		if (next == IPPROTO_AH)
			next = bytes[at], at += (bytes[at + 1] + 2U) * 4;
		else if (next == IPPROTO_FRAGMENT)
			next = bytes[at], at += EXTENSION;
		else if (
			next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
			next == IPPROTO_DSTOPTS) /* nothing follows a mobility header (RFC 6275, 6.1) */
			next = bytes[at], at += (bytes[at + 1] + 1U) * 8;
		else
			break;
	}
	read_port(bytes, len, at, next, ret);
}

static struct reading read_frame(const uint8_t *bytes, uint32_t len)
{
	struct reading reading = {0};
	uint16_t type = load16(bytes + 12);

	reading.is_tagged =
		type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE || type == ETHERTYPE_QINQ;
	reading.is_arp = type == ETHERTYPE_ARP || type == ETHERTYPE_RARP;
	reading.is_ip = type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
	if (type == ETHERTYPE_IPV4)
		read_ipv4(bytes, len, &reading);
	else if (type == ETHERTYPE_IPV6)
		read_ipv6(bytes, len, &reading);
	return reading;
}

static bool may_have(uint16_t receiver, const struct reading *reading)
{
	bool open = reading->has_port && reading->port == OPEN;

	if (reading->is_tagged)
		return false;
	if (reading->is_arp)
		return true;
	if (receiver == LENIENT)
		return !reading->has_port || reading->port != FORBIDDEN;
	if (receiver == GROUPED && reading->is_later)
		return true; /* behind a first one that was let through, none of which it overlaps */
	return reading->is_ip && open;
}

/* ---- the switch ---- */

static _Noreturn void fail(const char *what, const struct lab_frame *frame)
{
	printf("not ok 1 - no header passes what rules forbid\n# stack %u, %s, to %s: %s",
	       run.stack, run.what, names[run.to], what);
	for (uint32_t i = 0; frame && i < frame->len && i < 128; i++)
		printf(" %02x", frame->bytes[i]);
	printf("\n1..1\n");
	exit(EXIT_FAILURE);
}

static unsigned flush(void)
{
	static const struct virtio_net_hdr_v1 plain;
	unsigned arrived;

	lab_forget(run.lab);
	for (unsigned i = 0; i < run.n; i++)
		lab_offer(run.lab, SENDER, &run.sent[i], &plain);
	if (run.n)
		lab_run(run.lab, SENDER);
	run.frames += run.n;
	run.n = 0;
	for (uint16_t id = STRICT; id < PORTS; id++) {
		const struct lab_port *device = &run.lab->ports[id];

		for (unsigned i = 0; i < device->n_received; i++) {
			const struct lab_frame *frame = &device->received[i];
			struct reading reading = read_frame(frame->bytes, frame->len);

			if (frame->len < 14 || !may_have(id, &reading))
				fail("arrived", frame);
		}
	}
	arrived = run.lab->ports[run.to].n_received;
	run.arrived += arrived;
	return arrived;
}

static void offer(const struct sketch *sketch)
{
	struct sketch *copy = &run.sent[run.n++];

	memcpy(copy->bytes, sketch->bytes, sketch->len);
	copy->len = sketch->len;
	if (run.n == LIMIT_BURST)
		flush();
}

static int add_rule(struct policy_builder *builder, uint16_t number, enum policy_rules_kind kind,
		    const char *const *texts, unsigned n)
{
	struct compile_rule compiled[4];
	struct classify_rule rules[4];
	struct rule_fault fault;
	struct policy_rules_spec spec = {.number = number,
					 .kind = kind,
					 .name = "a/list",
					 .tenant = 1,
					 .rules = rules,
					 .n_rules = n,
					 .hits = number * 4U,
					 .hits_tag = 1};

	for (unsigned i = 0; i < n; i++) {
		struct rule_group group;
		struct rule_acl acl;

		if (kind == POLICY_ACL ? rule_parse_acl(texts[i], &acl, &fault)
				       : rule_parse_group(texts[i], &group, &fault))
			return -1;
		if (kind == POLICY_ACL)
			compile_rule_acl(&acl, &compiled[i]);
		else
			compile_rule_group(&group, 0, &compiled[i]);
		rules[i] = compiled[i].rule;
	}
	return policy_builder_rules(builder, &spec);
}

static mac48 mac_of(uint16_t port)
{
	return 0x020000000000 | port;
}

static int add_port(struct policy_builder *builder, uint16_t id)
{
	static const uint16_t group = 1;
	mac48 mac = mac_of(id);
	struct policy_port_spec spec = sketch_access(id, 1);

	spec.tenant = 1;
	spec.macs = &mac;
	spec.n_macs = 1;
	spec.acl_out = (uint16_t)(id == STRICT ? 1 : id == LENIENT ? 2 : 0);
	spec.groups = &group;
	spec.n_groups = id == GROUPED;
	return policy_builder_port(builder, &spec);
}

static void start(void)
{
	static const char *const strict[] = {"accept tcp to any port 80",
					     "accept udp to any port 80"};
	static const char *const lenient[] = {"drop tcp to any port 23", "drop udp to any port 23",
					      "accept any"};
	static const char *const grouped[] = {"allow in tcp 80", "allow in udp 80"};
	struct policy_network_spec network = sketch_network(1, 0);
	struct policy_builder *builder;
	struct policy *policy;
	int error;

	network.tenant = 1;
	error = policy_builder_create(1, 0x5eed, &builder) ||
		policy_builder_tenant(builder, 1, "a") || policy_builder_network(builder, &network);
	error = error || add_rule(builder, 1, POLICY_ACL, strict, 2) ||
		add_rule(builder, 2, POLICY_ACL, lenient, 3) ||
		add_rule(builder, 3, POLICY_GROUP_IN, grouped, 2) ||
		add_rule(builder, 4, POLICY_GROUP_OUT, NULL, 0) ||
		policy_builder_group(builder, 1, 3, 4);
	for (uint16_t id = SENDER; id < PORTS && !error; id++)
		error = add_port(builder, id);
	if (error || policy_builder_finish(builder, &policy))
		fail("no policy", NULL);
	policy_builder_destroy(builder);
	run.lab = lab_create(1024);
	lab_publish(run.lab, policy);
}

/* ---- stacks ---- */

static void put_extensions(struct sketch *sketch, const uint8_t *types, unsigned n,
			   uint8_t protocol)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t next = i + 1 < n ? types[i + 1] : protocol;

		/* a fragment header of an unfragmented packet, or an option that pads */
		sketch_extension(sketch, next, types[i] == IPPROTO_FRAGMENT ? 0 : 0x01020000);
	}
}

/* Stack @number, whole, of which the transport header says @port. False: it is never let through. */
static bool build(unsigned number, bool tcp, uint16_t port, struct sketch *ret)
{
	static const uint8_t chains[STACKS][CHAIN] = {
		[3] = {IPPROTO_HOPOPTS},
		[4] = {IPPROTO_DSTOPTS},
		[5] = {IPPROTO_ROUTING},
		[6] = {IPPROTO_FRAGMENT},
		[7] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS},
		[8] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_DSTOPTS},
		[9] = {IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
		       IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
		       IPPROTO_DSTOPTS, IPPROTO_DSTOPTS}, /* beyond what is read */
	};
	struct sketch_ip6 src = {0xfd00ULL << 48, 1}, dst = {0xfd00ULL << 48, 2};
	uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	const uint8_t *chain = chains[number];
	bool six = number >= 2 && number != 10 && number != 11;
	unsigned n = 0;

	sketch_ethernet(ret, mac_of(run.to), mac_of(SENDER), six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	for (; six && n < CHAIN && chain[n]; n++)
		;
	if (six)
		sketch_ipv6(ret, n ? chain[0] : protocol, src, dst);
	else
		sketch_ipv4(ret, protocol, 0x0a000001, 0x0a000002);
	for (unsigned i = 0; number == 1 && i < 3; i++) { /* options, all NOP */
		sketch_put32(ret, 0x01010101);
		ret->bytes[ret->l3]++;
		ret->l4 = ret->len;
	}
	put_extensions(ret, chain, n, protocol);
	if (tcp)
		sketch_tcp(ret, 4000, port, 1, 0x02);
	else
		sketch_udp(ret, 4000, port);
	sketch_payload(ret, 20);
	sketch_end(ret);
	if (number == 10) /* a first fragment */
		ret->bytes[ret->l3 + 6] = 0x20;
	if (number == 11) { /* a later one of another packet */
		ret->bytes[ret->l3 + 4] = ret->bytes[ret->l3 + 5] = 0x77;
		ret->bytes[ret->l3 + 7] = 0x10;
	}
	return number != 11 && number != 9;
}

static void whole(const struct sketch *sketch, uint16_t port, bool passes)
{
	unsigned arrived;

	flush();
	offer(sketch);
	arrived = flush();
	if (arrived != (port == OPEN && passes))
		fail(arrived ? "arrived" : "did not arrive", NULL);
}

static void cut(const struct sketch *sketch)
{
	static struct sketch piece;

	for (uint32_t len = 1; len < sketch->len; len++) {
		piece = *sketch;
		piece.len = len;
		offer(&piece);
		if (len <= piece.l3 + 8)
			continue;
		/* lengths that fit: an IPv4 header says its own, an IPv6 header that of the rest */
		if (piece.bytes[piece.l3] >> 4 == 4) {
			piece.bytes[piece.l3 + 2] = 0;
			piece.bytes[piece.l3 + 3] = (uint8_t)(len - piece.l3);
		} else if (len >= piece.l3 + 40) {
			piece.bytes[piece.l3 + 4] = 0;
			piece.bytes[piece.l3 + 5] = (uint8_t)(len - piece.l3 - 40);
		}
		offer(&piece);
	}
	flush();
}

static void change(const struct sketch *sketch)
{
	static struct sketch changed;
	uint32_t end = sketch->l4 + 20;

	for (uint32_t at = 12; at < end && at < sketch->len; at++) {
		changed = *sketch;
		for (unsigned i = 0; i < run.values; i++) {
			/* each bit alone, the ends, and so many others */
			uint8_t value = (uint8_t)(run.values == 256 ? i
						  : i < 8	    ? sketch->bytes[at] ^ 1U << i
								    : i * 0x9dU);

			changed.bytes[at] = value;
			offer(&changed);
		}
	}
	flush();
}

static void tag(const struct sketch *sketch)
{
	static const uint16_t tpids[] = {ETHERTYPE_VLAN, ETHERTYPE_SERVICE, ETHERTYPE_QINQ};
	static struct sketch tagged;

	for (unsigned i = 0; i < 3 * 3 * 3 * 4; i++) {
		unsigned depth = 1 + i % 4, noise = i / 4;

		tagged = *sketch;
		for (unsigned t = 0; t < depth; t++, noise /= 3)
			sketch_tag(&tagged, tpids[noise % 3], (uint16_t)(t % 2 ? 0 : i));
		offer(&tagged);
	}
	flush();
}

/* ---- fragments of IPv4, in order and out of it ---- */

/* Bytes @from to @to of the packet's payload as a fragment of its own. */
static void offer_piece(const struct sketch *packet, uint32_t from, uint32_t to, bool more)
{
	static struct sketch piece;
	uint32_t word = (more ? 0x2000U : 0) | from / 8;

	piece = *packet;
	memmove(piece.bytes + piece.l4, packet->bytes + packet->l4 + from, to - from);
	piece.len = piece.l4 + to - from;
	sketch_end(&piece);
	piece.bytes[piece.l3 + 6] = (uint8_t)(word >> 8);
	piece.bytes[piece.l3 + 7] = (uint8_t)word;
	offer(&piece);
}

/*
 * A first fragment that is allowed, then what would write another port over it, by
 * each overlap; and first ones too short to show their ports. Only the first may arrive.
 */
static void overlap(bool tcp)
{
	static struct sketch good, evil;

	for (uint16_t id = 1; id < 200; id++) {
		uint32_t size = 8 * (id % 6), from = 8 * (id / 6 % 4), end;

		build(0, tcp, OPEN, &good);
		build(0, tcp, FORBIDDEN, &evil);
		good.bytes[good.l3 + 5] = evil.bytes[evil.l3 + 5] = (uint8_t)id;
		end = (good.len - good.l4) & ~7U;
		offer_piece(&good, 0, size ? size : end, true);
		if (flush() > 1)
			fail("more than one of one", NULL);
		offer_piece(&evil, from, end, id % 2);
		if (flush() && (from == 0 || from < size))
			fail("a piece that overlaps arrived", NULL);
	}
}

static void try_all(bool tcp)
{
	static const uint16_t ports[] = {OPEN, FORBIDDEN};
	static struct sketch sketch;

	for (unsigned number = 0; number < STACKS; number++) {
		run.stack = number;
		for (unsigned i = 0; i < 2; i++) {
			bool passes = build(number, tcp, ports[i], &sketch);

			run.what = "whole";
			whole(&sketch, ports[i], passes);
			run.what = "cut";
			cut(&sketch);
			run.what = "changed";
			change(&sketch);
			run.what = "tagged";
			tag(&sketch);
		}
	}
	run.what = "in pieces";
	overlap(tcp);
}

int main(int argc, char **argv)
{
	run.values = argc > 1 ? (unsigned)atoi(argv[1]) : 16;
	start();
	for (run.to = STRICT; run.to < PORTS; run.to++) {
		try_all(true);
		try_all(false);
	}
	lab_destroy(run.lab);
	printf("ok 1 - no header passes what rules forbid\n1..1\n# %lu frames, %lu arrived\n",
	       run.frames, run.arrived);
	return EXIT_SUCCESS;
}
