/*
 * test_share - tenants, what they share, and no other way between them.
 *
 *	test_share [ROUNDS [FIRST_SEED]]
 *
 * A round is a document made up from a seed: tenants, networks that are shared
 * or not, ports in networks of their own and of others, uplinks that translate
 * tags; often with a mistake that would join two tenants. Beside it stands what
 * the test itself remembers of it.
 *   - The document is taken exactly if it has no such mistake.
 *   - If it is, a frame of each kind is sent from each port, to each and to all, and
 *     from each wire again what left by it: nobody gets one in a network that is neither
 *     his nor shared with him. isolation_check() must have said so.
 *   - Then the compiled policy is spoilt in one word, behind the back of all checks
 *     but isolation_check(), and all frames are sent again: if one comes
 *     through, it must have said that, too.
 * What fails names its seed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "control/compile.h"
#include "control/ids.h"
#include "control/isolation.h"
#include "control/model.h"
#include "switch/decide.h"
#include "tests/sketch/packet_sketch.h"

enum {
	TENANTS = 3,
	NETWORKS = 2, /* of each */
	PORTS = 3,    /* of each */
	UPLINKS = 2,
	TAGS = 4, /* 100 and up */
	FIRST_TAG = 100,
	SPOILT = 4, /* times that each policy is spoilt */
	SLOTS = 128,
	TEXT = 1 << 14,
	NOW = 1000000,
#ifdef SLUICE_SANITIZED
	ROUNDS = 300,
#else
	ROUNDS = 3000,
#endif
};

static const struct model_host host = {.run_dir = "/run/sluice"};
static uint64_t noise;
static unsigned long taken, refused, frames, delivered, shared, spoilt, found, idle;
static struct fdb *fdb;

/* xorshift64* (Marsaglia, Vigna) */
static uint32_t any(uint32_t below)
{
	noise ^= noise >> 12;
	noise ^= noise << 25;
	noise ^= noise >> 27;
	return (uint32_t)((noise * 0x2545f4914f6cdd1dULL >> 32) % below);
}

static bool chance(uint32_t percent)
{
	return any(100) < percent;
}

/* ---- a document, and what is wrong with it ---- */

static struct {
	unsigned vlan[TENANTS][NETWORKS]; /* 0: none */
	bool shared[TENANTS][NETWORKS][TENANTS];
	bool has_macs;
	bool is_wrong;
} truth;

static char text[TEXT];

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, TEXT - used, format, args);
	va_end(args);
}

static bool admits(unsigned owner, unsigned network, unsigned tenant)
{
	return owner == tenant || truth.shared[owner][network][tenant];
}

static void write_networks(unsigned tenant)
{
	say("    networks:\n");
	for (unsigned n = 0; n < NETWORKS; n++) {
		const char *comma = "";

		say("      n%u: {isolated: %s", n, chance(20) ? "on" : "off");
		if (truth.vlan[tenant][n])
			say(", vlan: %u", truth.vlan[tenant][n]);
		say(", share: [");
		for (unsigned t = 0; t < TENANTS; t++)
			if (truth.shared[tenant][n][t]) {
				say("%st%u", comma, t);
				comma = ", ";
			}
		say("]}\n");
	}
}

/* The name of a network that a port of @tenant is put into; one with a VLAN, if @tagged. */
static unsigned name_network(unsigned tenant, bool tagged, unsigned *ret_owner)
{
	unsigned owner, network;

	for (unsigned tries = 0;; tries++) {
		owner = chance(70) ? tenant : any(TENANTS);
		network = any(NETWORKS);
		/* mostly right */
		if (tries < 20 && !admits(owner, network, tenant) && chance(90))
			continue;
		if (!tagged || truth.vlan[owner][network] || tries > 40)
			break;
	}
	truth.is_wrong |= !admits(owner, network, tenant);
	truth.is_wrong |= tagged && !truth.vlan[owner][network];
	if (owner == tenant)
		say("n%u", network);
	else
		say("t%u/n%u", owner, network);
	*ret_owner = owner;
	return network;
}

static void write_port(unsigned tenant, unsigned p)
{
	unsigned owner, other, a, b;

	say("      p%u: {vhost-user: t%up%u", p, tenant, p);
	if (truth.has_macs)
		say(", macs: [02:00:00:00:%02u:%02u]", tenant, p);
	if (chance(75)) {
		say(", network: ");
		name_network(tenant, false, &owner);
	} else {
		say(", trunk: {native: ");
		a = name_network(tenant, false, &owner);
		say(", allow: [");
		b = name_network(tenant, true, &other);
		say("]}");
		/* one tag, two networks */
		truth.is_wrong |=
			(owner != other || a != b) && truth.vlan[owner][a] == truth.vlan[other][b];
	}
	if (chance(20))
		say(", promiscuous: on");
	say("}\n");
}

static void write_uplink(unsigned u)
{
	unsigned tags[TENANTS][NETWORKS] = {{0}};
	bool used[FIRST_TAG + TAGS] = {false};
	const char *comma = "";

	say("  u%u: {device: e%u, trunk: [", u, chance(3) ? 0 : u);
	for (unsigned t = 0; t < TENANTS; t++)
		for (unsigned n = 0; n < NETWORKS; n++)
			if (chance(40)) {
				tags[t][n] = chance(30) || !truth.vlan[t][n] ? FIRST_TAG + any(TAGS)
									     : truth.vlan[t][n];
				if (used[tags[t][n]] && chance(70)) {
					tags[t][n] = 0;
					continue;
				}
				truth.is_wrong |= used[tags[t][n]];
				used[tags[t][n]] = true;
				say("%st%u/n%u", comma, t, n);
				comma = ", ";
			}
	say("], map: {");
	comma = "";
	for (unsigned t = 0; t < TENANTS; t++)
		for (unsigned n = 0; n < NETWORKS; n++)
			if (tags[t][n]) {
				say("%st%u/n%u: %u", comma, t, n, tags[t][n]);
				comma = ", ";
			}
	say("}, promiscuous: on}\n");
}

static void write_document(void)
{
	memset(&truth, 0, sizeof(truth));
	truth.has_macs = chance(50);
	text[0] = '\0';
	for (unsigned t = 0; t < TENANTS; t++)
		for (unsigned n = 0; n < NETWORKS; n++) {
			truth.vlan[t][n] = chance(80) ? FIRST_TAG + any(TAGS) : 0;
			for (unsigned other = 0; other < TENANTS; other++)
				truth.shared[t][n][other] = other != t && chance(30);
		}
	say("tenants:\n");
	for (unsigned t = 0; t < TENANTS; t++) {
		say("  t%u:\n", t);
		write_networks(t);
		say("    ports:\n");
		for (unsigned p = 0; p < PORTS; p++)
			write_port(t, p);
	}
	say("uplinks:\n");
	for (unsigned u = 0; u < UPLINKS; u++)
		write_uplink(u);
	truth.is_wrong |= strstr(text, "u1: {device: e0") != NULL;
}

static _Noreturn void fail(uint64_t seed, const char *what)
{
	printf("not ok 1 - no way between tenants but what they share\n# seed %lu: %s\n%s\n1..1\n",
	       (unsigned long)seed, what, text);
	exit(EXIT_FAILURE);
}

/* ---- sending ---- */

/* A frame that @port may send with @tag to @dst; 0: untagged. */
static void decide_one(const struct policy *policy, uint16_t port, uint16_t tag, mac48 dst,
		       struct decision *ret)
{
	const struct policy_port *p = &policy_ports(policy)[port];
	struct sketch packet;
	struct frame frame;

	sketch_ethernet(&packet, dst,
			p->n_macs ? *(const mac48 *)policy_at(policy, p->macs)
				  : 0x020000009900U + port,
			0x88b5);
	if (tag)
		sketch_tag(&packet, ETHERTYPE_VLAN, tag);
	sketch_frame(&packet, &frame);
	decide(policy, fdb, NULL, &frame, (struct port_ref){port, p->generation}, NOW, ret);
	frames++;
}

/* Should @port be in the network? By reading the policy's tables, plainly. */
static bool belongs(const struct policy *policy, uint16_t network, uint16_t port)
{
	const struct policy_network *n = &policy_networks(policy)[network];
	const struct policy_port *p = &policy_ports(policy)[port];
	bool is_shared = false;

	for (uint32_t i = 0; i < n->n_shares; i++)
		is_shared |= ((const uint16_t *)policy_at(policy, n->shares))[i] == p->tenant;
	return p->flags & POLICY_PORT_UPLINK || n->tenant == p->tenant || is_shared;
}

/* Somebody got it: is that right, and does it come back from the wire as what it was? */
static bool is_leak(const struct policy *policy, const struct decision *decision, uint16_t out,
		    uint16_t tag)
{
	const struct policy_port *ports = policy_ports(policy);
	struct decision again;

	delivered++;
	shared += ports[out].tenant && ports[decision->in].tenant &&
		  ports[out].tenant != ports[decision->in].tenant;
	/* two of one tenant are no leak, wherever they are */
	if (ports[out].tenant != ports[decision->in].tenant &&
	    (!belongs(policy, decision->network, decision->in) ||
	     !belongs(policy, decision->network, out)))
		return true;
	if (!(ports[out].flags & POLICY_PORT_UPLINK))
		return false;
	decide_one(policy, out, tag, MAC_BROADCAST, &again);
	return again.network && again.network != decision->network;
}

static bool leaks_one(const struct policy *policy, uint16_t port, uint16_t tag, mac48 dst)
{
	struct decision decision;
	uint32_t cursor = 0;
	uint16_t out, out_tag;

	decide_one(policy, port, tag, dst, &decision);
	if (decision.fate == FATE_UNICAST)
		return is_leak(policy, &decision, decision.output, decision.tag);
	while (decision.fate == FATE_FLOOD &&
	       decide_flood_next(policy, &decision, &cursor, &out, &out_tag))
		if (is_leak(policy, &decision, out, out_tag))
			return true;
	return false;
}

/* Everything that can be sent. */
static bool leaks(const struct policy *policy)
{
	bool any_leak = false;

	for (uint16_t port = 1; port < policy->n_ports; port++) {
		if (!policy_ports(policy)[port].generation)
			continue;
		for (uint16_t tag = FIRST_TAG - 1; tag <= FIRST_TAG + TAGS; tag++) {
			uint16_t vlan = tag < FIRST_TAG ? 0 : tag;

			any_leak |= leaks_one(policy, port, vlan, MAC_BROADCAST);
			for (unsigned t = 0; truth.has_macs && t < TENANTS; t++)
				for (unsigned p = 0; p < PORTS; p++)
					any_leak |= leaks_one(policy, port, vlan,
							      0x020000000000U + (t << 8) + p);
		}
	}
	return any_leak;
}

/* ---- spoiling ---- */

static uint16_t random_network(const struct policy *policy)
{
	return (uint16_t)(1 + any(policy->n_networks - 1));
}

/* Change one word of it. */
static void spoil(struct policy *policy)
{
	struct policy_port *port =
		(struct policy_port *)policy_ports(policy) + 1 + any(policy->n_ports - 1);
	struct policy_network *network =
		(struct policy_network *)policy_networks(policy) + random_network(policy);
	uint16_t *vlan_in = (uint16_t *)policy_at(policy, port->vlan_in);
	uint16_t *vlan_out = (uint16_t *)policy_at(policy, port->vlan_out);
	uint16_t tag = (uint16_t)(FIRST_TAG + any(TAGS));

	switch (any(5)) {
	case 0: network->tenant = (uint16_t)(1 + any(TENANTS)); break;
	case 1: network->n_shares = 0; break;
	case 2:
		if (port->tenant)
			port->tenant = (uint16_t)(1 + any(TENANTS));
		break;
	case 3:
		if (port->mode == POLICY_ACCESS)
			port->native = random_network(policy);
		else
			vlan_in[tag] = random_network(policy);
		break;
	default:
		if (port->mode == POLICY_TRUNK)
			vlan_out[random_network(policy)] = tag;
	}
}

static void try_spoilt(const struct policy *policy, uint64_t seed)
{
	struct policy *copy = malloc(policy->size);
	char path[ISOLATION_PATH];
	bool said, leak;

	if (!copy)
		fail(seed, "no memory");
	memcpy(copy, policy, policy->size);
	spoil(copy);
	said = isolation_check(copy, path) != 0;
	leak = leaks(copy);
	spoilt++;
	found += said;
	if (leak && !said)
		fail(seed, "a spoilt policy leaks, and is said to isolate");
	/* a door is told of even if nobody is there to go through it */
	idle += said && !leak;
	free(copy);
}

/* ---- a round ---- */

static struct policy *compile(const struct model *model, uint64_t seed)
{
	char why[COMPILE_WHY];
	struct policy *policy;
	struct ids *none, *ids;

	if (ids_create(&none) || ids_next(none, model, 1, &ids))
		fail(seed, "no memory");
	if (compile_policy(model, ids, 1, 99, NULL, why, &policy))
		fail(seed, why);
	ids_destroy(none);
	ids_destroy(ids);
	return policy;
}

static void play(uint64_t seed)
{
	struct problems problems = {0};
	char path[ISOLATION_PATH];
	struct document *document;
	struct model *model = NULL;
	struct policy *policy;

	noise = seed * 0x9e3779b97f4a7c15ULL + 1;
	write_document();
	if (document_create(&document) ||
	    document_add_text(document, "t", text, strlen(text), &problems))
		fail(seed, "the document does not parse");
	if (model_build(document, &host, &problems, &model) == 0 && truth.is_wrong)
		fail(seed, "it is wrong, and was taken");
	if (!model && !truth.is_wrong)
		fail(seed, problems.list[0].message);
	taken += model != NULL;
	refused += model == NULL;
	if (model) {
		policy = compile(model, seed);
		if (isolation_check(policy, path))
			fail(seed, path);
		if (leaks(policy))
			fail(seed, "it leaks");
		for (unsigned i = 0; i < SPOILT && !truth.has_macs; i++)
			try_spoilt(policy, seed);
		free(policy);
	}
	model_destroy(model);
	problems_clear(&problems);
	document_destroy(document);
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : ROUNDS;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	size_t size = fdb_size(SLOTS);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || fdb_init(memory, size, SLOTS, &fdb))
		fail(0, "no table");
	for (uint64_t seed = first; seed < first + rounds; seed++)
		play(seed);
	fdb_close(fdb);
	munmap(memory, size);
	if (!shared || idle > found / 2 || taken < rounds / 10 || refused < rounds / 10)
		fail(first, "the documents are too much of a kind");
	printf("ok 1 - no way between tenants but what they share\n");
	printf("# %lu documents taken, %lu refused; %lu frames, %lu delivered, %lu of them to "
	       "another tenant\n# %lu spoilt policies, %lu with a path, %lu of them not gone by any frame"
	       "\n1..1\n",
	       taken, refused, frames, delivered, shared, spoilt, found, idle);
	return EXIT_SUCCESS;
}
