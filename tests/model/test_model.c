/*
 * test_model - the switch against ref_switch, at random.
 *
 *	test_model [ROUNDS [FIRST_SEED]]
 *
 * A round is a configuration made up from a seed, and some hundred operations
 * on it: bursts of all kinds of frames, a clock that moves, ports, networks, groups,
 * ACLs and address sets that change, go and come again, sweeps, flushes, another data
 * plane. Both switches must deliver the same bytes to the same ports, give the same
 * reasons, count the same, and remember the same addresses and connections. What fails names its seed.
 *
 * The clock moves by what fdb counts as one stamp, so that both agree on when.
 */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/compile_rule.h"
#include "tests/lab/lab.h"
#include "tests/model/frames.h"
#include "tests/model/rule_text.h"
#include "tests/sketch/policy_sketch.h"

enum {
	FDB_SLOTS = 1 << 18, /* as many as one sweep looks at */
	OPERATIONS = 300,
	BURST = 8,
	STEP_MS = 1024,
#ifdef SLUICE_SANITIZED
	ROUNDS = 60,
#else
	ROUNDS = 500,
#endif
};

static struct model {
	uint64_t seed, noise;
	unsigned operation;
	struct lab *lab;
	struct ref_switch ref;
	uint64_t frames, delivered, customers, sessions, dropped[DROP__COUNT];
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
static uint32_t any(uint32_t n)
{
	uint64_t z = model.noise += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

static bool once_in(unsigned n)
{
	return any(n) == 0;
}

/* In every other round, the last networks are customers', with tags of either kind. */
static uint16_t customers_flags(uint16_t id)
{
	if (model.seed % 2 || id < REF_NETWORKS - 2)
		return 0;
	return POLICY_NET_QINQ | (id == REF_NETWORKS - 1 ? POLICY_NET_SERVICE : 0);
}

static void make_network(uint16_t id)
{
	struct ref_network *network = &model.ref.networks[id];

	network->live = true;
	network->generation++;
	network->vlan = (uint16_t)(once_in(4) ? 0 : id * 10);
	network->flags = (uint16_t)(once_in(4) ? any(8) : 0);
	network->flags |= once_in(2) ? POLICY_NET_SUPPRESSES : 0;
	network->flags |= customers_flags(id);
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
	port->qinq = port->native && customers_flags(port->native);
	if (port->trunk && port->qinq)
		port->native = 0, port->qinq = false;
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

/* Which of its groups and ACLs a port has; half have none. */
static void bind_lists(struct ref_port *port)
{
	port->n_groups = 0;
	for (uint16_t i = 0; i < REF_LISTS; i++) {
		if (once_in(5))
			port->groups[port->n_groups++] = i;
	}
	port->acl_in = (uint16_t)(once_in(8) ? 1 + any(REF_LISTS) : 0);
	port->acl_out = (uint16_t)(once_in(8) ? 1 + any(REF_LISTS) : 0);
	port->sessions_max = once_in(3) ? any(4) : 8;
}

static void make_group(struct ref_list *list)
{
	struct rule_fault fault;
	char text[RULE_TEXT];

	list->n_rules = any(REF_RULES + 1);
	for (unsigned i = 0; i < list->n_rules; i++) {
		rule_text_group(any, REF_LISTS, REF_SETS, text);
		if (rule_parse_group(text, &list->rules[i].group, &fault))
			disagree("%s: %s", text, fault.message);
	}
}

static void make_acl(struct ref_list *list)
{
	struct rule_fault fault;
	char text[RULE_TEXT];

	list->n_rules = any(REF_RULES + 1);
	for (unsigned i = 0; i < list->n_rules; i++) {
		rule_text_acl(any, text);
		if (rule_parse_acl(text, &list->rules[i].acl, &fault))
			disagree("%s: %s", text, fault.message);
	}
}

static void make_set(unsigned set)
{
	for (unsigned i = 0; i < REF_MEMBERS; i++) {
		if (address_parse_prefix(rule_text_prefix(any, i % 2), &model.ref.sets[set][i]))
			disagree("no prefix");
	}
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
	bind_lists(port);
	port->packets = any_limit();
	port->floods = any_limit();
	port->n_macs = once_in(3) ? 1 + any(REF_BOUND) : 0;
	for (unsigned i = 0; i < REF_BOUND; i++)
		port->macs[i] = frames_bound_mac(id, i);
	port->address = once_in(3) ? 0x0a000001 + any(4) : 0;
	port->guarded &= !port->address; /* what it sends besides is test_guard's */
	model.ref.moves[id] = model.ref.evictions[id] = 0;
}

static void check_built(int error)
{
	if (error)
		disagree("the policy cannot be built: error %d", -error);
}

static void add_networks(struct policy_builder *builder)
{
	for (uint16_t id = 1; id < REF_NETWORKS; id++) {
		const struct ref_network *network = &model.ref.networks[id];
		struct policy_network_spec spec = sketch_network(id, network->vlan);

		if (!network->live)
			continue;
		spec.tenant = REF_TENANT;
		spec.generation = network->generation;
		spec.flags = network->flags;
		spec.age_ms = network->age_ms;
		spec.macs_max = network->macs_max;
		spec.mtu = network->mtu;
		check_built(policy_builder_network(builder, &spec));
	}
}

/* Numbers of lists: those of groups in pairs, then ACLs. */
static uint16_t number_of_acl(unsigned place)
{
	return (uint16_t)(1 + 2 * REF_LISTS + place);
}

static void add_port(struct policy_builder *builder, uint16_t id)
{
	const struct ref_port *port = &model.ref.ports[id];
	struct policy_port_spec spec = sketch_access(id, port->native);
	struct policy_trunk_entry pairs[REF_NETWORKS];
	struct policy_prefix4 address = {port->address, UINT32_MAX};
	struct policy_limits limits = {0};
	uint16_t groups[REF_LISTS];

	spec.ref.generation = port->generation;
	spec.mode = port->trunk ? POLICY_TRUNK : port->qinq ? POLICY_QINQ : POLICY_ACCESS;
	spec.trunk = pairs;
	for (uint16_t n = 1; n < REF_NETWORKS; n++) {
		if (port->tags[n])
			pairs[spec.n_trunk++] = (struct policy_trunk_entry){n, port->tags[n]};
	}
	spec.flags = (uint16_t)((port->guarded ? POLICY_PORT_SPOOF_GUARD : 0) |
				(port->is_server ? 0 : POLICY_PORT_DHCP_GUARD) |
				(port->is_router ? 0 : POLICY_PORT_ROUTER_GUARD) |
				(port->is_bridge ? POLICY_PORT_BPDU : 0));
	spec.limits = &limits;
	limits.of[POLICY_IN_PACKETS] = rate_limit(port->packets.per_second, port->packets.burst_ms);
	limits.of[POLICY_FLOODS] = rate_limit(port->floods.per_second, port->floods.burst_ms);
	spec.role = port->role;
	spec.community = port->community;
	spec.macs_max = port->quota;
	spec.macs = port->macs;
	spec.n_macs = port->n_macs;
	spec.addresses4 = &address;
	spec.n_addresses4 = port->address != 0;
	spec.tenant = REF_TENANT;
	for (unsigned i = 0; i < port->n_groups; i++)
		groups[i] = (uint16_t)(port->groups[i] + 1);
	spec.groups = groups;
	spec.n_groups = port->n_groups;
	spec.acl_in = port->acl_in ? number_of_acl(port->acl_in - 1U) : 0;
	spec.acl_out = port->acl_out ? number_of_acl(port->acl_out - 1U) : 0;
	spec.sessions_max = port->sessions_max;
	spec.tenant_sessions_max = model.ref.tenant_sessions_max;
	check_built(policy_builder_port(builder, &spec));
}

/* One direction of a group, or an ACL. */
static void add_list(struct policy_builder *builder, uint16_t number, enum policy_rules_kind kind,
		     const struct ref_list *list)
{
	struct compile_rule compiled[REF_RULES];
	struct classify_rule rules[REF_RULES];
	struct policy_rules_spec spec = {.number = number,
					 .kind = kind,
					 .tenant = REF_TENANT,
					 .name = "a/list",
					 .rules = rules,
					 .hits = number * (uint32_t)REF_RULES,
					 .hits_tag = 1};

	for (unsigned i = 0; i < list->n_rules; i++) {
		const struct rule_group *rule = &list->rules[i].group;
		uint32_t place = (uint32_t)(rule->peer.name[1] - '0'), peer = 0;

		if (kind == POLICY_ACL) {
			compile_rule_acl(&list->rules[i].acl, &compiled[i]);
		} else if (rule->out == (kind == POLICY_GROUP_OUT)) {
			if (rule->peer.kind == RULE_PEER_GROUP)
				peer = place + 1;
			else if (rule->peer.kind == RULE_PEER_SET)
				peer = POLICY_SETS + place;
			compile_rule_group(rule, peer, &compiled[i]);
		} else {
			continue;
		}
		rules[spec.n_rules++] = compiled[i].rule;
	}
	check_built(policy_builder_rules(builder, &spec));
}

static void add_lists(struct policy_builder *builder)
{
	struct address_set_member members[REF_SETS * REF_MEMBERS];

	for (uint16_t i = 0; i < REF_LISTS; i++) {
		uint16_t in = (uint16_t)(1 + 2 * i), out = (uint16_t)(in + 1);

		add_list(builder, in, POLICY_GROUP_IN, &model.ref.groups[i]);
		add_list(builder, out, POLICY_GROUP_OUT, &model.ref.groups[i]);
		check_built(policy_builder_group(builder, (uint16_t)(i + 1), in, out));
		add_list(builder, number_of_acl(i), POLICY_ACL, &model.ref.acls[i]);
	}
	for (unsigned i = 0; i < REF_SETS * REF_MEMBERS; i++) {
		unsigned set = i / REF_MEMBERS;

		members[i].set = POLICY_SETS + set;
		compile_rule_prefix(&model.ref.sets[set][i % REF_MEMBERS], &members[i].prefix,
				    &members[i].family);
	}
	check_built(policy_builder_sets(builder, REF_TENANT, members, REF_SETS * REF_MEMBERS));
}

/* The policy of the model's configuration, for the real switch. */
static void publish(void)
{
	struct policy_builder *builder;
	struct policy *policy;

	check_built(policy_builder_create(++model.ref.generation, model.seed, &builder));
	check_built(policy_builder_tenant(builder, REF_TENANT, "a"));
	add_networks(builder);
	for (uint16_t id = 1; id < REF_PORTS; id++) {
		if (model.ref.ports[id].live)
			add_port(builder, id);
	}
	add_lists(builder);
	check_built(policy_builder_finish(builder, &policy));
	policy_builder_destroy(builder);
	lab_publish(model.lab, policy);
	for (unsigned id = 1; id < REF_PORTS; id++)
		model.lab->ports[id].down = model.ref.ports[id].down;
}

static void change_something(void)
{
	uint16_t id = (uint16_t)(1 + any(REF_PORTS - 1));
	uint16_t network = (uint16_t)(1 + any(REF_NETWORKS - 1));
	struct ref_port *port = &model.ref.ports[id];

	switch (any(12)) {
	case 0: make_port(id); break;
	case 1: port->live = false; break;
	case 2: wire_port(port); break;
	case 3: port->quota = any(4); break;
	case 4: port->down = !port->down; break;
	case 5: remove_network(network); break;
	case 6: make_network(network); break;
	case 7: bind_lists(port); break;
	case 8:
	case 9: make_group(&model.ref.groups[any(REF_LISTS)]); break;
	case 10: make_acl(&model.ref.acls[any(REF_LISTS)]); break;
	case 11: make_set(any(REF_SETS)); break;
	}
	publish();
}

static void compare_delivery(uint16_t id, unsigned n, const struct ref_copy *copies,
			     const struct sketch *bare)
{
	const struct lab_port *device = &model.lab->ports[id];

	if (device->n_received != n)
		disagree("port %u got %u frames, not %u", id, device->n_received, n);
	for (unsigned i = 0; i < n; i++) {
		static struct sketch expected;

		memcpy(expected.bytes, bare[i].bytes, bare[i].len);
		expected.len = bare[i].len;
		if (copies[i].tci != REF_UNTAGGED)
			sketch_tag(&expected, copies[i].tpid, (uint16_t)copies[i].tci);
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
	static struct sketch due_bytes[REF_PORTS][BURST], bare, whole;
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

		frames_describe(&model.ref, in, any, &frame);
		frames_draw(&frame, &bare, &whole);
		lab_offer(model.lab, in, &whole, &plain);
		drop = ref_send(&model.ref, &frame, copies, &n_copies);
		if (n_copies == 0)
			drops[drop]++, model.dropped[drop]++;
		else
			model.customers += frame.n_tags > frame.n_ours;
		for (unsigned c = 0; c < n_copies; c++) {
			uint16_t out = copies[c].port;

			memcpy(due_bytes[out][n_due[out]].bytes, bare.bytes, bare.len);
			due_bytes[out][n_due[out]].len = bare.len;
			due[out][n_due[out]++] = copies[c];
		}
	}
	lab_run(model.lab, in);
	model.frames += n;
	for (uint16_t id = 1; id < REF_PORTS; id++)
		compare_delivery(id, n_due[id], due[id], due_bytes[id]);
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

/* And of connections: between whom, how far, on whose account. */
static void compare_sessions(void)
{
	const struct ref_session *session;
	struct session_entry entry;
	uint32_t cursor = 0;
	unsigned n_real = 0, n_ref = 0;

	while (session_next(model.lab->sessions, &cursor, &entry)) {
		bool found = false;

		n_real++;
		for (unsigned i = 0; i < REF_SESSIONS && !found; i++) {
			session = &model.ref.sessions.list[i];
			found = session->live &&
				ref_session_same_ends(&session->opener, &entry.opener) &&
				port_ref_equal(session->in, entry.in) &&
				port_ref_equal(session->out, entry.out) &&
				port_ref_equal(session->owner, entry.owner) &&
				session->state == entry.state && session->seen == entry.seen &&
				session->packets == entry.packets;
		}
		if (!found)
			disagree("a connection between ports %u and %u is %s after %lu packets",
				 entry.in.id, entry.out.id, session_state_word(entry.state),
				 (unsigned long)entry.packets);
	}
	for (unsigned i = 0; i < REF_SESSIONS; i++)
		n_ref += model.ref.sessions.list[i].live;
	if (n_real != n_ref)
		disagree("%u connections are remembered, not %u", n_real, n_ref);
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
	for (unsigned i = 0; i < REF_SESSIONS; i++) {
		const struct ref_session *a = &model.ref.sessions.list[i];

		for (unsigned j = 0; j < i && a->live; j++) {
			const struct ref_session *b = &model.ref.sessions.list[j];

			if (b->live && a->owner.id == b->owner.id && a->seen == b->seen)
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
		session_sweep(model.lab->sessions, model.lab->policy, UINT32_MAX, model.lab->now);
		ref_sweep(&model.ref);
		break;
	case 2:
		network = (uint16_t)any(REF_NETWORKS);
		port = (uint16_t)any(REF_PORTS);
		ref = (struct port_ref){port, model.ref.ports[port].generation};
		fdb_flush(model.lab->fdb, network, ref);
		ref_flush(&model.ref, network, ref);
		if (once_in(4)) {
			session_flush(model.lab->sessions, network, ref);
			ref_flush_sessions(&model.ref, network, ref);
		}
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
	model.ref.sessions.n_beyond_max = LAB_SESSIONS;
	model.ref.sessions.share = LAB_SESSION_SHARE;
	model.ref.tenant_sessions_max = 10 + any(40);
	for (unsigned i = 0; i < REF_LISTS; i++) {
		make_group(&model.ref.groups[i]);
		make_acl(&model.ref.acls[i]);
	}
	for (unsigned i = 0; i < REF_SETS; i++)
		make_set(i);
	for (uint16_t id = 1; id < REF_NETWORKS; id++)
		make_network(id);
	for (uint16_t id = 1; id < REF_PORTS; id++)
		make_port(id);
	publish();
	for (; model.operation < OPERATIONS; model.operation++) {
		operate();
		if (model.operation % 8 == 0)
			compare_memory(), compare_sessions();
	}
	compare_memory();
	compare_sessions();
	model.sessions += model.ref.begun;
	lab_destroy(model.lab);
}

/* Enough has happened to call it a test: much was delivered, and each of these was met. */
static void check_variety(void)
{
	static const enum drop met[] = {
		DROP_RUNT,	     DROP_GIANT,
		DROP_TAG_ON_ACCESS,  DROP_VLAN_NOT_ALLOWED,
		DROP_DOUBLE_TAG,     DROP_SPOOFED_MAC,
		DROP_DHCP_SERVER,    DROP_ROUTER,
		DROP_ACL_IN,	     DROP_ACL_OUT,
		DROP_GROUP_OUT,	     DROP_GROUP_IN,
		DROP_SESSION_WINDOW, DROP_SESSION_RESET,
		DROP_SESSION_ENDED,  DROP_SESSION_FULL,
		DROP_NO_RECEIVER,    DROP_UNKNOWN_UNICAST,
		DROP_STORM,	     DROP_PRIVATE_VLAN,
		DROP_RATE,	     DROP_SESSION_STRANGER,
		DROP_SERVICE_TAG,    DROP_VLAN_RESERVED,
	};

	for (unsigned i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
		if (!model.dropped[met[i]])
			disagree("no frame was dropped for %s: nothing was tested",
				 drop_word(met[i]));
	}
	if (model.customers < model.frames / 100)
		disagree("%lu frames had a customer's tags and arrived: nothing was tested",
			 (unsigned long)model.customers);
	if (model.delivered < model.frames / 6 || model.sessions < model.frames / 100)
		disagree("of %lu frames %lu copies arrived, in %lu connections: nothing was tested",
			 (unsigned long)model.frames, (unsigned long)model.delivered,
			 (unsigned long)model.sessions);
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : ROUNDS;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;

	for (uint64_t seed = first; seed < first + rounds; seed++)
		play(seed);
	if (rounds >= 100)
		check_variety();
	printf("ok 1 - the switch and the model agree\n1..1\n# %lu frames (%lu of customers arrived), %lu "
	       "copies, %lu connections\n",
	       (unsigned long)model.frames, (unsigned long)model.customers,
	       (unsigned long)model.delivered, (unsigned long)model.sessions);
	return EXIT_SUCCESS;
}
