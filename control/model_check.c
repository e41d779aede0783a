/*
 * model_check - what is wrong between objects that are each right.
 *
 * MACs bound twice in a network, sockets and interfaces used twice, roles that
 * nothing enforces. Each check sorts what is claimed and looks at neighbours, so
 * a document with the largest number of ports costs no more than a sort.
 */
#include <stdlib.h>
#include <string.h>

#include "control/model_parts.h"

/* A MAC that a port claims in a network. */
struct mac_claim {
	mac48 mac;
	const struct model_network *network;
	const struct port_draft *draft;
};

static int compare_pointers(const void *a, const void *b)
{
	return (a > b) - (a < b);
}

static int compare_mac_claims(const void *a, const void *b)
{
	const struct mac_claim *left = a, *right = b;
	int order;

	if (left->mac != right->mac)
		return left->mac < right->mac ? -1 : 1;
	order = compare_pointers(left->network, right->network);
	return order ? order : compare_pointers(left->draft, right->draft);
}

/* The element of the draft's `macs` that is @mac. */
static const struct node *mac_node(struct reading *reading, const struct port_draft *draft,
				   mac48 mac)
{
	for (size_t i = 0; i < json_array_size(draft->macs->value); i++) {
		const json_t *element = json_array_get(draft->macs->value, i);
		mac48 found;

		if (json_is_string(element) &&
		    !address_parse_mac(json_string_value(element), &found) && found == mac)
			return reading_element(reading, draft->macs, i);
	}
	return draft->macs;
}

static void refuse_mac(struct reading *reading, const struct mac_claim *a,
		       const struct mac_claim *b)
{
	const struct node *a_node = mac_node(reading, a->draft, a->mac);
	const struct node *b_node = mac_node(reading, b->draft, b->mac);
	const struct node *later;
	const char *other;
	char text[ADDRESS_MAC_TEXT];

	if (!a_node || !b_node)
		return;
	later = reading_later(reading, a_node, b_node);
	other = (later == a_node ? b : a)->draft->port.name;
	if (a->draft->port.tenant != b->draft->port.tenant)
		other = "somebody else";
	reading_problem(reading, later, PROBLEM_MAC_TWICE,
			"%s is bound to %s in network %s already", address_format_mac(a->mac, text),
			other, a->network->name);
	problems_hint(reading->problems, "give one of the ports another MAC");
}

static size_t networks_of(const struct model_port *port)
{
	return port->n_trunk + (port->native != NULL);
}

/* The claims of one port; how many. */
static size_t claim_macs(const struct port_draft *draft, struct mac_claim *claims)
{
	const struct model_port *port = &draft->port;
	size_t count = 0;

	for (uint32_t m = 0; m < port->n_macs; m++) {
		if (port->native)
			claims[count++] = (struct mac_claim){port->macs[m], port->native, draft};
		for (uint32_t i = 0; i < port->n_trunk; i++)
			claims[count++] =
				(struct mac_claim){port->macs[m], port->trunk[i].network, draft};
	}
	return count;
}

static void check_macs(struct reading *reading, const struct node *tenants,
		       const struct port_draft *drafts)
{
	uint32_t n_ports = reading->model->n_ports;
	struct mac_claim *claims;
	size_t room = 0, count = 0;

	for (uint32_t i = 0; i < n_ports; i++)
		room += drafts[i].port.n_macs * networks_of(&drafts[i].port);
	if (room > LIMIT_STATICS) {
		reading_problem_key(
			reading, tenants, PROBLEM_LIMIT,
			"%zu MACs are bound, counted once for each network of their port", room);
		problems_hint(reading->problems, "a switch has at most %d", LIMIT_STATICS);
		return;
	}
	claims = reading_scratch(reading, room, sizeof(claims[0]));
	if (!claims)
		return;
	for (uint32_t i = 0; i < n_ports; i++)
		count += claim_macs(&drafts[i], claims + count);
	qsort(claims, count, sizeof(claims[0]), compare_mac_claims);
	for (size_t i = 1; i < count; i++) {
		const struct mac_claim *claim = &claims[i], *first = &claims[i - 1];
		bool same = claim->mac == first->mac && claim->network == first->network;

		/* two trunks that share many networks are told once */
		if (same && (i < 2 || claims[i - 2].mac != claim->mac ||
			     claims[i - 2].draft != claim->draft))
			refuse_mac(reading, first, claim);
	}
}

/* What the policy has a place for. */
static void check_owners(struct reading *reading, const struct node *tenants,
			 const struct port_draft *drafts)
{
	size_t count = 0;

	for (uint32_t i = 0; i < reading->model->n_ports; i++) {
		const struct model_port *port = &drafts[i].port;

		count += (port->n_addresses4 + port->n_addresses6) * networks_of(port);
	}
	if (count <= LIMIT_OWNERS)
		return;
	reading_problem_key(reading, tenants, PROBLEM_LIMIT,
			    "%zu addresses are bound, counted once for each network of their port",
			    count);
	problems_hint(reading->problems, "a switch has at most %d", LIMIT_OWNERS);
}

/* Sockets by their path; taps and devices are interfaces, and share one name space. */
static const char *device_key(const struct model_port *port)
{
	return port->device == MODEL_VHOST_USER ? port->path : port->device_name;
}

static int compare_devices(const void *a, const void *b)
{
	const struct port_draft *left = *(const struct port_draft *const *)a;
	const struct port_draft *right = *(const struct port_draft *const *)b;
	bool left_socket = left->port.device == MODEL_VHOST_USER;
	bool right_socket = right->port.device == MODEL_VHOST_USER;
	int order;

	if (left_socket != right_socket)
		return left_socket ? -1 : 1;
	order = strcmp(device_key(&left->port), device_key(&right->port));
	return order ? order : compare_pointers(left, right);
}

static bool same_device(const struct port_draft *a, const struct port_draft *b)
{
	return (a->port.device == MODEL_VHOST_USER) == (b->port.device == MODEL_VHOST_USER) &&
	       !strcmp(device_key(&a->port), device_key(&b->port));
}

static void refuse_device_of(struct reading *reading, const struct port_draft *draft,
			     const char *other)
{
	reading_problem(reading, draft->device, PROBLEM_DEVICE_TWICE,
			"\"%s\" is used by %s already", draft->port.device_name, other);
	problems_hint(reading->problems, "each port needs one of its own");
}

/*
 * Two ports of one tenant: told once. Of two: told to each, and neither hears
 * whose the other is.
 */
static void refuse_device(struct reading *reading, const struct port_draft *a,
			  const struct port_draft *b)
{
	if (a->port.tenant != b->port.tenant) {
		refuse_device_of(reading, a, "somebody else");
		refuse_device_of(reading, b, "somebody else");
	} else if (reading_later(reading, a->device, b->device) == a->device) {
		refuse_device_of(reading, a, b->port.name);
	} else {
		refuse_device_of(reading, b, a->port.name);
	}
}

static void check_devices(struct reading *reading, const struct port_draft *drafts)
{
	uint32_t n_ports = reading->model->n_ports, count = 0;
	const struct port_draft **sorted = reading_scratch(reading, n_ports, sizeof(*sorted));

	if (!sorted)
		return;
	for (uint32_t i = 0; i < n_ports; i++)
		if (drafts[i].port.device)
			sorted[count++] = &drafts[i];
	qsort(sorted, count, sizeof(*sorted), compare_devices);
	for (uint32_t i = 1; i < count; i++)
		if (same_device(sorted[i - 1], sorted[i]))
			refuse_device(reading, sorted[i - 1], sorted[i]);
}

/* Who says `isolated` on a port means it: some network must enforce it. */
static void check_role(struct reading *reading, const struct port_draft *draft)
{
	const struct model_port *port = &draft->port;
	bool enforced = networks_of(port) == 0 || (port->native && port->native->isolated);

	for (uint32_t i = 0; i < port->n_trunk; i++)
		enforced |= port->trunk[i].network->isolated;
	if (enforced)
		return;
	reading_problem_key(reading, draft->role, PROBLEM_CONFLICT,
			    "\"%s\" means nothing in a network that is not isolated",
			    draft->role->key);
	problems_hint(reading->problems, "add \"isolated: true\" to the network, or remove it");
}

/*
 * In a customer's network frames have tags of their own. A port that sends them without
 * one of ours must be a customer's: anybody else would take them for ours.
 */
static void check_customers(struct reading *reading, const struct port_draft *drafts)
{
	uint32_t n_ports = reading->model->n_ports;

	for (uint32_t i = 0; i < n_ports; i++) {
		const struct model_network *native = drafts[i].port.native;

		/* the model is still ours to fill */
		if (drafts[i].port.mode == POLICY_QINQ)
			((struct model_network *)native)->n_customers++;
	}
	for (uint32_t i = 0; i < n_ports; i++) {
		const struct model_port *port = &drafts[i].port;

		if (!port->native || port->mode == POLICY_QINQ ||
		    !model_network_is_customers(port->native))
			continue;
		reading_problem_key(
			reading, drafts[i].network, PROBLEM_CONFLICT,
			"%s is a customer's network: untagged it goes to \"qinq\" ports only",
			port->native->name);
		problems_hint(
			reading->problems,
			"write \"qinq\" instead, or take \"qinq\" and \"service-tag\" out of it");
	}
}

static void count_members(struct model *model)
{
	for (uint32_t p = 0; p < model->n_ports; p++) {
		const struct model_port *port = &model->ports[p];

		/* the model is still ours to fill */
		if (port->native)
			((struct model_network *)port->native)->n_ports++;
		for (uint32_t i = 0; i < port->n_trunk; i++)
			((struct model_network *)port->trunk[i].network)->n_ports++;
	}
}

void model_check(struct reading *reading, const struct node *tenants,
		 const struct port_draft *drafts)
{
	for (uint32_t i = 0; i < reading->model->n_ports; i++)
		if (drafts[i].port.role == POLICY_ISOLATED ||
		    drafts[i].port.role == POLICY_COMMUNITY)
			check_role(reading, &drafts[i]);
	check_devices(reading, drafts);
	check_customers(reading, drafts);
	if (tenants) { /* uplinks have nothing bound */
		check_macs(reading, tenants, drafts);
		check_owners(reading, tenants, drafts);
	}
	count_members(reading->model);
}
