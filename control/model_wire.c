/*
 * model_wire - which network has which tag on a trunk?
 *
 * A wire is a trunk or an uplink: a tag on it must mean one network. Tenants'
 * trunks list networks of the tenant; an uplink carries all that have a VLAN, or
 * a list over all tenants, and may translate tags.
 */
#include <stdlib.h>
#include <string.h>

#include "control/model_parts.h"

/* The tags that are given out on one wire. */
struct wire {
	const struct model_network *by_vlan[4095];
	const char *name;
};

/*
 * @tenant names another's network: whether there is none or it is not shared with
 * @tenant, which is the same to them.
 */
static const struct model_network *find_shared(struct reading *reading, const struct node *node,
					       const struct model_tenant *tenant, const char *text)
{
	const struct model_network *network = model_network(reading->model, text);
	size_t owner = strcspn(text, "/");

	if (network && model_network_admits(network, tenant) && network->tenant != tenant)
		return network;
	reading_problem(reading, node, PROBLEM_NO_SUCH_NAME,
			"there is no network \"%s\" that is shared with tenant %s", text,
			tenant->name);
	if (strlen(tenant->name) == owner && !strncmp(text, tenant->name, owner))
		problems_hint(reading->problems, "write the name without \"%s/\"", tenant->name);
	else
		problems_hint(reading->problems,
			      "a port joins networks of its own tenant, and others' that say "
			      "\"share: [%s]\"",
			      tenant->name);
	return NULL;
}

const struct model_network *model_find_network(struct reading *reading, const struct node *node,
					       const struct model_tenant *tenant, const char *text)
{
	const struct model_network *network, *each = reading->model->networks;
	size_t prefix = tenant ? strlen(tenant->name) + 1 : 0;
	struct suggest suggest = reading_suggest(reading, text);
	char name[2 * LIMIT_NAME + 2];
	int length;

	if (tenant && strchr(text, '/'))
		return find_shared(reading, node, tenant, text);
	length = snprintf(name, sizeof(name), "%s%s%s", tenant ? tenant->name : "",
			  tenant ? "/" : "", text);
	network = length < (int)sizeof(name) ? model_network(reading->model, name) : NULL;
	if (network)
		return network;
	reading_problem(reading, node, PROBLEM_NO_SUCH_NAME, "there is no network \"%s\"%s%s", text,
			tenant ? " in tenant " : "", tenant ? tenant->name : "");
	for (uint32_t i = 0; i < reading->model->n_networks; i++)
		if (!tenant || each[i].tenant == tenant)
			suggest_offer(&suggest, each[i].name + prefix);
	if (suggest.best)
		problems_hint(reading->problems, "did you mean \"%s\"?", suggest.best);
	else if (!tenant)
		problems_hint(reading->problems, "an uplink names networks as TENANT/NETWORK");
	else
		problems_hint(reading->problems, "describe it under tenants.%s.networks",
			      tenant->name);
	return NULL;
}

/* Give @vlan to @network, or note at @node that another has it. */
static bool wire_claim(struct reading *reading, const struct node *node, struct wire *wire,
		       const struct model_network *network, uint16_t vlan)
{
	const struct model_network *other = wire->by_vlan[vlan];

	if (!other) {
		wire->by_vlan[vlan] = network;
		return true;
	}
	if (other == network) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE,
				"the network is in the list already");
		problems_hint(reading->problems, "remove one of them");
		return false;
	}
	reading_problem(reading, node, PROBLEM_VLAN_TWICE,
			"VLAN %u is used twice on \"%s\": by %s and by %s", vlan, wire->name,
			other->name, network->name);
	problems_hint(reading->problems,
		      "give one of the networks another vlan, or take it off \"%s\"", wire->name);
	return false;
}

static void carry(struct model_port *port, const struct model_network *network, uint16_t vlan)
{
	port->trunk[port->n_trunk++] = (struct model_carried){network, vlan};
}

static int compare_carried(const void *a, const void *b)
{
	const struct model_carried *left = a, *right = b;

	return strcmp(left->network->name, right->network->name);
}

static void sort_carried(struct model_port *port)
{
	if (port->n_trunk)
		qsort(port->trunk, port->n_trunk, sizeof(port->trunk[0]), compare_carried);
}

/* The network that the list's element at @node names, or NULL. */
static const struct model_network *read_listed(struct reading *reading, const struct node *node,
					       const struct model_port *port)
{
	const char *text = reading_text(reading, node);

	return text ? model_find_network(reading, node, port->tenant, text) : NULL;
}

static void refuse_untagged(struct reading *reading, const struct node *node,
			    const struct model_network *network, const char *hint)
{
	reading_problem(reading, node, PROBLEM_NO_VLAN, "network %s has no vlan to be tagged with",
			network->name);
	problems_hint(reading->problems, "%s", hint);
}

/* Room for every network that the list at @node could name. */
static bool make_trunk(struct reading *reading, const struct node *node, struct model_port *port)
{
	size_t count = json_array_size(node->value);

	if (count > LIMIT_NETWORKS) {
		reading_problem(reading, node, PROBLEM_LIMIT, "%zu networks are too many", count);
		problems_hint(reading->problems, "a switch has at most %d", LIMIT_NETWORKS - 1);
		return false;
	}
	port->trunk = reading_alloc(reading, count, sizeof(port->trunk[0]));
	return port->trunk != NULL;
}

static void read_native(struct reading *reading, const struct node *node, void *draft)
{
	struct model_port *port = &((struct port_draft *)draft)->port;
	const char *text = reading_text(reading, node);

	if (text)
		port->native = model_find_network(reading, node, port->tenant, text);
}

/* Read after native, whatever their order. */
static void skip_allow(struct reading *reading, const struct node *node, void *draft)
{
	reading_is_list(reading, node);
}

static const struct reading_key trunk_keys[] = {
	{"native", read_native},
	{"allow", skip_allow},
	{NULL, NULL},
};

void model_read_trunk(struct reading *reading, const struct node *node, struct port_draft *draft)
{
	struct model_port *port = &draft->port;
	struct wire *wire = reading_scratch(reading, 1, sizeof(*wire));
	const struct node *allow;

	if (!wire)
		return;
	if (!json_is_object(node->value)) {
		reading_problem(reading, node, PROBLEM_WRONG_TYPE,
				"a port's trunk must be a mapping");
		problems_hint(reading->problems, "write {native: NETWORK, allow: [NETWORK, ...]}");
		return;
	}
	reading_mapping(reading, node, trunk_keys, draft);
	wire->name = port->name;
	if (port->native && port->native->vlan)
		wire->by_vlan[port->native->vlan] = port->native;
	allow = reading_member(reading, node, "allow");
	if (!allow || !json_is_array(allow->value) || !make_trunk(reading, allow, port))
		return;
	for (size_t i = 0; i < json_array_size(allow->value); i++) {
		const struct node *element = reading_element(reading, allow, i);
		const struct model_network *network =
			element ? read_listed(reading, element, port) : NULL;

		if (!network || network == port->native)
			continue; /* the native network is carried anyway */
		if (!network->vlan)
			refuse_untagged(reading, element, network,
					"give the network a vlan, or make it native");
		else if (wire_claim(reading, element, wire, network, network->vlan))
			carry(port, network, network->vlan);
	}
	sort_carried(port);
}

/* The tags that `map` gives, in order of the networks' names. */
static void read_map(struct reading *reading, const struct node *map, struct model_port *port)
{
	size_t count = json_object_size(map->value);
	const char *key;
	json_t *value;

	if (count > LIMIT_NETWORKS) {
		reading_problem(reading, map, PROBLEM_LIMIT, "%zu networks are too many", count);
		return;
	}
	port->map = reading_alloc(reading, count, sizeof(port->map[0]));
	if (!port->map)
		return;
	json_object_foreach (map->value, key, value) {
		const struct node *node = reading_member(reading, map, key);
		const struct model_network *network;
		uint32_t vlan;

		if (!node || !reading_count(reading, node, 1, 4094, &vlan))
			continue;
		network = model_find_network(reading, node, NULL, key);
		if (network)
			port->map[port->n_map++] = (struct model_carried){network, (uint16_t)vlan};
	}
	qsort(port->map, port->n_map, sizeof(port->map[0]), compare_carried);
}

/* The tag of @network on the uplink; 0: none. */
static uint16_t tag_on(const struct model_port *port, const struct model_network *network)
{
	const struct model_carried key = {network, 0}, *mapped = NULL;

	if (port->n_map)
		mapped = bsearch(&key, port->map, port->n_map, sizeof(key), compare_carried);
	return mapped ? mapped->vlan : network->vlan;
}

/* Where the vlan of @network is written. */
static const struct node *vlan_node(struct reading *reading, const struct node *uplink,
				    const struct model_network *network)
{
	const struct node *node = uplink, *next;
	const char *way[] = {"tenants", network->tenant->name, "networks",
			     strchr(network->name, '/') + 1, "vlan"};

	while (node->up)
		node = node->up;
	for (unsigned i = 0; i < 5; i++) {
		next = reading_member(reading, node, way[i]);
		if (!next)
			return node;
		node = next;
	}
	return node;
}

/* Where the tag of @network on the uplink of @draft is written. */
static const struct node *tag_node(struct reading *reading, const struct port_draft *draft,
				   const struct model_network *network)
{
	if (tag_on(&draft->port, network) != network->vlan)
		return reading_member(reading, draft->map, network->name);
	return vlan_node(reading, draft->node, network);
}

/* Where to tell that both networks have one tag. */
static const struct node *clash_node(struct reading *reading, const struct port_draft *draft,
				     const struct model_network *a, const struct model_network *b)
{
	const struct node *a_node, *b_node;

	if (reading->problems->count == PROBLEMS_MAX)
		return draft->network; /* it is only counted */
	a_node = tag_node(reading, draft, a);
	b_node = tag_node(reading, draft, b);
	return a_node && b_node ? reading_later(reading, a_node, b_node) : draft->network;
}

static void carry_all(struct reading *reading, struct port_draft *draft, struct wire *wire)
{
	const struct model *model = reading->model;
	struct model_port *port = &draft->port;

	port->trunk_all = true;
	port->trunk = reading_alloc(reading, model->n_networks, sizeof(port->trunk[0]));
	for (uint32_t i = 0; port->trunk && i < model->n_networks; i++) {
		const struct model_network *network = &model->networks[i];
		const struct node *node = draft->network;
		uint16_t tag = tag_on(port, network);

		if (!network->vlan)
			continue; /* stays on this host */
		if (wire->by_vlan[tag])
			node = clash_node(reading, draft, network, wire->by_vlan[tag]);
		if (wire_claim(reading, node, wire, network, tag))
			carry(port, network, tag);
	}
}

static void carry_listed(struct reading *reading, struct port_draft *draft, struct wire *wire)
{
	const struct node *list = draft->network;
	struct model_port *port = &draft->port;

	if (!make_trunk(reading, list, port))
		return;
	for (size_t i = 0; i < json_array_size(list->value); i++) {
		const struct node *element = reading_element(reading, list, i);
		const struct model_network *network =
			element ? read_listed(reading, element, port) : NULL;
		uint16_t tag = network ? tag_on(port, network) : 0;

		if (!network)
			continue;
		if (!tag)
			refuse_untagged(reading, element, network,
					"give the network a vlan, or map it to a tag");
		else if (wire_claim(reading, element, wire, network, tag))
			carry(port, network, tag);
	}
	sort_carried(port);
}

/* `map` may only speak of what the uplink carries; what it does not change is dropped. */
static void finish_map(struct reading *reading, struct port_draft *draft)
{
	struct model_port *port = &draft->port;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < port->n_map; i++) {
		const struct model_network *network = port->map[i].network;

		if (port->trunk_all ? !network->vlan : !model_port_carries(port, network)) {
			const struct node *node =
				reading_member(reading, draft->map, network->name);

			if (!node)
				return;
			reading_problem_key(reading, node, PROBLEM_CONFLICT,
					    "the uplink does not carry %s", network->name);
			problems_hint(reading->problems,
				      port->trunk_all
					      ? "give the network a vlan, or name it in \"trunk\""
					      : "name it in \"trunk\", too");
		}
		if (port->map[i].vlan != network->vlan)
			port->map[kept++] = port->map[i];
	}
	port->n_map = kept;
}

void model_read_uplink_trunk(struct reading *reading, struct port_draft *draft)
{
	const struct node *node = draft->network;
	struct wire *wire = reading_scratch(reading, 1, sizeof(*wire));
	unsigned problems_before = reading->problems->total;

	if (!wire)
		return;
	wire->name = draft->port.name;
	if (draft->map)
		read_map(reading, draft->map, &draft->port);
	if (json_is_string(node->value) && !strcmp(json_string_value(node->value), "all")) {
		carry_all(reading, draft, wire);
	} else if (json_is_array(node->value)) {
		carry_listed(reading, draft, wire);
	} else {
		reading_problem(reading, node, PROBLEM_WRONG_TYPE,
				"an uplink's trunk must be a list");
		problems_hint(reading->problems, "write all, or [TENANT/NETWORK, ...]");
		return;
	}
	/* what the wire lacks because of another mistake is told once */
	if (!reading->no_memory && reading->problems->total == problems_before)
		finish_map(reading, draft);
}
