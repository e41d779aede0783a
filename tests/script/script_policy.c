/*
 * script_policy - networks, ports and hosts of a script, and the policy of them.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/script/script.h"

static bool set_name(struct script *script, char *name, const char *word)
{
	if (!*word || strlen(word) >= SCRIPT_NAME)
		return script_fail(script, "'%s' is no name", word);
	strcpy(name, word);
	return true;
}

static uint16_t find_network(const struct script *script, const char *name)
{
	for (uint16_t id = 1; id < SCRIPT_NETWORKS; id++) {
		if (strcmp(script->networks[id].name, name) == 0)
			return id;
	}
	return 0;
}

/* The network @name, in a slot of its own; 0 if there is no slot left. */
static uint16_t make_network(struct script *script, const char *name, uint16_t vlan)
{
	uint16_t id = find_network(script, name);

	if (id)
		return id;
	id = find_network(script, "");
	if (!id || !set_name(script, script->networks[id].name, name))
		return 0;
	script->networks[id].spec = sketch_network(id, vlan);
	script->changed = true;
	return id;
}

/* A number is a network without further ado. */
bool script_network(struct script *script, const char *name, uint16_t *ret_id)
{
	*ret_id = find_network(script, name);
	if (!*ret_id && isdigit((unsigned char)name[0]))
		*ret_id = make_network(script, name, (uint16_t)atoi(name));
	return *ret_id || script_fail(script, "there is no network '%s'", name);
}

bool script_say_network(struct script *script)
{
	struct policy_network_spec *spec;
	uint32_t number = 0;
	uint16_t id = make_network(script, script_next(script), 0);

	if (!id)
		return script_fail(script, "this network cannot be made");
	script->changed = true;
	spec = &script->networks[id].spec;
	while (*script_peek(script)) {
		if (script_accept(script, "isolated")) {
			spec->flags |= POLICY_NET_ISOLATED;
		} else if (script_accept(script, "no-learning")) {
			spec->flags |= POLICY_NET_NO_LEARNING;
		} else if (script_accept(script, "qinq")) {
			spec->flags |= POLICY_NET_QINQ | POLICY_NET_SERVICE;
		} else if (script_accept(script, "qinq-8100")) {
			spec->flags |= POLICY_NET_QINQ;
		} else if (script_accept(script, "snoop")) {
			spec->flags |= POLICY_NET_SNOOPS;
		} else if (script_accept(script, "suppress")) {
			spec->flags |= POLICY_NET_SUPPRESSES;
		} else if (script_accept(script, "no-unknown")) {
			spec->flags |= POLICY_NET_NO_UNKNOWN;
		} else {
			const char *word = script_next(script);

			if (!script_next_number(script, &number))
				return false;
			if (strcmp(word, "vlan") == 0)
				spec->vlan = (uint16_t)number;
			else if (strcmp(word, "mtu") == 0)
				spec->mtu = number;
			else if (strcmp(word, "age") == 0)
				spec->age_ms = number * 1000;
			else if (strcmp(word, "macs") == 0)
				spec->macs_max = number;
			else
				return script_fail(script, "'%s' is nothing of a network", word);
		}
	}
	return true;
}

/* "10.0.0.1", "10.0.0.0/8", "fe80::/10" */
static bool add_prefix(struct script *script, struct script_port *port, char *text)
{
	char *slash = strchr(text, '/');
	struct policy_prefix4 *four = &port->addresses4[port->spec.n_addresses4];
	struct policy_prefix6 *six = &port->addresses6[port->spec.n_addresses6];
	uint8_t bytes[16];
	unsigned bits = slash ? (unsigned)atoi(slash + 1) : 128;

	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, text, bytes) == 1) {
		four->address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
				(uint32_t)bytes[2] << 8 | bytes[3];
		four->mask = bits >= 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
		port->spec.n_addresses4++;
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return script_fail(script, "'%s' is no address", text);
	memset(six, 0, sizeof(*six));
	for (unsigned i = 0; i < 16; i++)
		six->address[i / 8] = six->address[i / 8] << 8 | bytes[i];
	for (unsigned i = 0; i < bits; i++)
		six->mask[i / 64] |= UINT64_C(1) << (63 - i % 64);
	port->spec.n_addresses6++;
	return true;
}

static bool add_mac(struct script *script, struct script_port *port, char *text)
{
	return script_mac(script, text, &port->macs[port->spec.n_macs++]);
}

static bool set_accepts(struct script *script, struct script_port *port, char *text)
{
	static const char *const words[] = {"csum", "tso4", "tso6", "ecn"};

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(text, words[i]) == 0) {
			port->accepts |= 1u << i;
			return true;
		}
	}
	return strcmp(text, "none") == 0 || script_fail(script, "'%s' is no offload", text);
}

/* Each item of the comma-separated next word. */
static bool for_each_item(struct script *script, struct script_port *port,
			  bool (*add)(struct script *, struct script_port *, char *))
{
	char list[256], *rest = list, *item;

	snprintf(list, sizeof(list), "%s", script_next(script));
	for (unsigned n = 0; (item = strsep(&rest, ",")); n++) {
		if (n == SCRIPT_BOUND)
			return script_fail(script, "too many in one list");
		if (!add(script, port, item))
			return false;
	}
	return true;
}

/* may dhcp|router|bpdu: what only servers, routers and bridges do */
static bool say_may(struct script *script, struct script_port *port)
{
	const char *word = script_next(script);

	if (strcmp(word, "dhcp") == 0)
		port->spec.flags &= (uint16_t)~POLICY_PORT_DHCP_GUARD;
	else if (strcmp(word, "router") == 0)
		port->spec.flags &= (uint16_t)~POLICY_PORT_ROUTER_GUARD;
	else if (strcmp(word, "bpdu") == 0)
		port->spec.flags |= POLICY_PORT_BPDU;
	else
		return script_fail(script, "'%s' is nothing that a port may do", word);
	return true;
}

static bool add_group(struct script *script, struct script_port *port, char *text)
{
	uint16_t number = script_find_group(script, text);
	uint16_t *groups = port->groups;
	unsigned at = port->spec.n_groups++;

	for (; at > 0 && groups[at - 1] > number; at--)
		groups[at] = groups[at - 1];
	groups[at] = number;
	return number != 0;
}

/* limit KIND N: so many a second, and those of 10 ms, or of a second for floods, at once */
static bool say_limit(struct script *script, struct script_port *port)
{
	static const char *const kinds[POLICY_LIMITS] = {
		"in-bits", "out-bits",	 "in-pps",     "out-pps",
		"floods",  "broadcasts", "multicasts", "unknowns",
	};
	const char *word = script_next(script);
	unsigned kind = 0;
	uint32_t number;

	while (kind < POLICY_LIMITS && strcmp(word, kinds[kind]) != 0)
		kind++;
	if (kind == POLICY_LIMITS)
		return script_fail(script, "'%s' is nothing that is limited", word);
	if (!script_next_number(script, &number))
		return false;
	port->limits.of[kind] = rate_limit(number, kind < POLICY_FLOODS ? 10 : 1000);
	port->spec.limits = &port->limits;
	return true;
}

static bool say_option(struct script *script, struct script_port *port)
{
	const char *word = script_next(script);
	uint32_t number;

	if (strcmp(word, "macs") == 0)
		return for_each_item(script, port, add_mac);
	if (strcmp(word, "addresses") == 0)
		return for_each_item(script, port, add_prefix);
	if (strcmp(word, "groups") == 0)
		return for_each_item(script, port, add_group);
	if (strcmp(word, "acl-in") == 0)
		return (port->spec.acl_in = script_find_acl(script, script_next(script))) != 0;
	if (strcmp(word, "acl-out") == 0)
		return (port->spec.acl_out = script_find_acl(script, script_next(script))) != 0;
	if (strcmp(word, "may") == 0)
		return say_may(script, port);
	if (strcmp(word, "limit") == 0)
		return say_limit(script, port);
	if (strcmp(word, "accepts") == 0) {
		port->accepts = 0;
		return for_each_item(script, port, set_accepts);
	}
	if (strcmp(word, "unguarded") == 0)
		port->spec.flags &= (uint16_t)~POLICY_PORT_SPOOF_GUARD;
	else if (strcmp(word, "uplink") == 0)
		port->spec.flags =
			POLICY_PORT_UPLINK | (port->spec.flags & POLICY_PORT_SPOOF_GUARD);
	else if (strcmp(word, "promiscuous") == 0)
		port->spec.role = POLICY_PROMISCUOUS;
	else if (strcmp(word, "isolated") == 0)
		port->spec.role = POLICY_ISOLATED;
	else if (strcmp(word, "down") == 0)
		port->down = true;
	else if (strcmp(word, "fails") == 0)
		port->fails_late = true;
	else if (!script_next_number(script, &number))
		return script_fail(script, "'%s' is nothing of a port", word);
	else if (strcmp(word, "quota") == 0)
		port->spec.macs_max = number;
	else if (strcmp(word, "sessions") == 0)
		port->spec.sessions_max = number;
	else if (strcmp(word, "pcp") == 0)
		port->spec.pcp = (uint8_t)(number + 1);
	else if (strcmp(word, "room") == 0)
		port->room = number;
	else if (strcmp(word, "community") == 0) {
		port->spec.role = POLICY_COMMUNITY;
		port->spec.community = (uint16_t)number;
	} else
		return script_fail(script, "'%s' is nothing of a port", word);
	return true;
}

static bool is_option(const char *word)
{
	static const char *const options[] = {
		"limit", "pcp",	   "macs",	  "addresses", "accepts",   "unguarded", "uplink",
		"quota", "room",   "promiscuous", "isolated",  "community", "down",	 "fails",
		"may",	 "groups", "acl-in",	  "acl-out",   "sessions"};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(word, options[i]) == 0)
			return true;
	}
	return false;
}

/* [native NETWORK] [NETWORK[=VLAN]... | all] */
static bool say_trunk(struct script *script, struct script_port *port)
{
	if (script_accept(script, "native") &&
	    !script_network(script, script_next(script), &port->spec.native))
		return false;
	port->all = script_accept(script, "all");
	while (*script_peek(script) && !is_option(script_peek(script))) {
		struct policy_trunk_entry *pair = &port->pairs[port->spec.n_trunk++];
		char name[SCRIPT_NAME], *vlan = name;

		snprintf(name, sizeof(name), "%s", script_next(script));
		strsep(&vlan, "=");
		if (!script_network(script, name, &pair->network))
			return false;
		pair->vlan =
			vlan ? (uint16_t)atoi(vlan) : script->networks[pair->network].spec.vlan;
	}
	return true;
}

/* An ordinary port @name, in its slot or in a new one; 0 if there is no slot left. */
static uint16_t make_port(struct script *script, const char *name)
{
	uint16_t id = script_find_port(script, name), generation;

	for (uint16_t i = 1; i < LAB_PORTS && !id; i++)
		id = script->ports[i].name[0] ? 0 : i;
	generation = script->ports[id].spec.ref.generation;
	script->ports[id] = (struct script_port){.room = LAB_ROOM, .accepts = PORT_ACCEPTS_ALL};
	script->ports[id].spec = sketch_access(id, 0);
	script->ports[id].spec.ref.generation = generation ? generation : 1;
	script->ports[id].spec.flags =
		POLICY_PORT_SPOOF_GUARD | POLICY_PORT_DHCP_GUARD | POLICY_PORT_ROUTER_GUARD;
	return id && set_name(script, script->ports[id].name, name) ? id : 0;
}

bool script_say_port(struct script *script)
{
	uint16_t id = make_port(script, script_next(script));
	struct script_port *port = &script->ports[id];

	if (!id)
		return script_fail(script, "this port cannot be made");
	script->changed = true;
	if (script_accept(script, "trunk")) {
		port->spec.mode = POLICY_TRUNK;
		if (!say_trunk(script, port))
			return false;
	} else if (script_accept(script, "qinq")) {
		port->spec.mode = POLICY_QINQ;
		if (!script_network(script, script_next(script), &port->spec.native))
			return false;
	} else if (script_accept(script, "access")) {
		if (!script_accept(script, "none") &&
		    !script_network(script, script_next(script), &port->spec.native))
			return false;
	} else {
		return script_fail(script, "'%s' is no mode of a port", script_peek(script));
	}
	while (*script_peek(script)) {
		if (!say_option(script, port))
			return false;
	}
	return true;
}

bool script_say_host(struct script *script)
{
	struct script_host *host = &script->hosts[script->n_hosts];
	char name[SCRIPT_NAME];

	if (script->n_hosts == SCRIPT_HOSTS)
		return script_fail(script, "too many hosts");
	if (!set_name(script, name, script_next(script)) ||
	    !script_mac(script, script_next(script), &host->mac))
		return false;
	strcpy(host->name, name);
	script->n_hosts++;
	return true;
}

bool script_say_remove(struct script *script)
{
	uint16_t id;

	script->changed = true;
	if (script_accept(script, "port")) {
		if (!script_port(script, script_next(script), &id))
			return false;
		script->ports[id].name[0] = '\0';
		script->ports[id].spec.ref.generation++; /* for who comes next */
		return true;
	}
	if (!script_accept(script, "network"))
		return script_fail(script, "remove what?");
	if (!script_network(script, script_next(script), &id))
		return false;
	script->networks[id].name[0] = '\0';
	return true;
}

bool script_say_renew(struct script *script)
{
	uint16_t id;

	script->changed = true;
	if (script_accept(script, "port")) {
		if (!script_port(script, script_next(script), &id))
			return false;
		script->ports[id].spec.ref.generation++;
		return true;
	}
	if (!script_accept(script, "network"))
		return script_fail(script, "renew what?");
	if (!script_network(script, script_next(script), &id))
		return false;
	script->networks[id].spec.generation++;
	return true;
}

/* A trunk of all networks has what there is now. */
static void refresh_pairs(const struct script *script, struct script_port *port)
{
	port->spec.n_trunk = 0;
	for (uint16_t id = 1; id < SCRIPT_NETWORKS; id++) {
		const struct script_network *network = &script->networks[id];

		if (network->name[0] && network->spec.vlan)
			port->pairs[port->spec.n_trunk++] =
				(struct policy_trunk_entry){id, network->spec.vlan};
	}
}

static int add_objects(struct script *script, struct policy_builder *builder)
{
	int error = policy_builder_tenant(builder, SCRIPT_TENANT, "script");

	if (!error)
		error = script_add_lists(script, builder);
	for (unsigned id = 1; id < SCRIPT_NETWORKS && !error; id++) {
		struct script_network *network = &script->networks[id];

		network->spec.name = network->name;
		network->spec.tenant = SCRIPT_TENANT;
		if (network->name[0])
			error = policy_builder_network(builder, &network->spec);
	}
	for (unsigned id = 1; id < LAB_PORTS && !error; id++) {
		struct script_port *port = &script->ports[id];

		if (!port->name[0])
			continue;
		if (port->all)
			refresh_pairs(script, port);
		port->spec.name = port->name;
		port->spec.tenant = port->spec.flags & POLICY_PORT_UPLINK ? 0 : SCRIPT_TENANT;
		port->spec.groups = port->groups;
		port->spec.trunk = port->pairs;
		port->spec.macs = port->macs;
		port->spec.addresses4 = port->addresses4;
		port->spec.addresses6 = port->addresses6;
		error = policy_builder_port(builder, &port->spec);
	}
	return error;
}

bool script_compile(struct script *script)
{
	struct policy_builder *builder;
	struct policy *policy;
	int error;

	if (!script->changed)
		return true;
	error = policy_builder_create(++script->generation, 0x5eed, &builder);
	if (error)
		return script_fail(script, "out of memory");
	error = add_objects(script, builder);
	if (!error)
		error = policy_builder_finish(builder, &policy);
	policy_builder_destroy(builder);
	if (error)
		return script_fail(script, "this configuration is refused: %s", strerror(-error));
	lab_publish(script->lab, policy);
	for (unsigned id = 1; id < LAB_PORTS; id++) {
		struct script_port *port = &script->ports[id];
		struct lab_port *device = &script->lab->ports[id];

		if (!port->name[0])
			continue;
		device->room = port->room;
		device->down = port->down;
		device->fails_late = port->fails_late;
		device->port.accepts = port->accepts;
	}
	script->changed = false;
	return true;
}
