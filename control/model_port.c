/*
 * model_port - ports and uplinks, from the document.
 *
 * A port is read into a draft that remembers where its keys are; what the keys
 * mean together is checked when all of them have been seen, so their order in
 * the document does not matter.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control/model_parts.h"

enum {
	INTERFACE_NAME_MAX = 15, /* letters: IFNAMSIZ of Linux without the NUL */
	SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

/* The first of the keys that name a device, or a problem at the second. */
static bool claim_device(struct reading *reading, const struct node *node, struct port_draft *draft)
{
	if (!draft->device) {
		draft->device = node;
		return true;
	}
	reading_problem_key(reading, node, PROBLEM_CONFLICT, "the port has \"%s\" already",
			    draft->device->key);
	problems_hint(reading->problems, "a port attaches to one thing: keep one of them");
	return false;
}

/* Would the kernel take it for the name of an interface (its dev_valid_name)? */
static bool is_interface_name(const char *text)
{
	size_t length = strlen(text);

	if (length < 1 || length > INTERFACE_NAME_MAX || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text == 0x7f || strchr("/:%", *text))
			return false;
	return true;
}

static void read_interface(struct reading *reading, const struct node *node,
			   struct port_draft *draft, enum model_device device)
{
	const char *text;

	if (!claim_device(reading, node, draft))
		return;
	text = reading_text(reading, node);
	if (!text)
		return;
	if (!is_interface_name(text)) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE,
				"\"%s\" cannot be the name of a network interface", text);
		problems_hint(reading->problems,
			      "at most %d letters, without spaces, \"/\", \":\" and \"%%\"",
			      INTERFACE_NAME_MAX);
		return;
	}
	draft->port.device = device;
	draft->port.device_name = arena_text(reading->arena, text);
	if (!draft->port.device_name)
		reading->no_memory = true;
}

static void read_tap(struct reading *reading, const struct node *node, void *draft)
{
	read_interface(reading, node, draft, MODEL_TAP);
}

static void read_device(struct reading *reading, const struct node *node, void *draft)
{
	read_interface(reading, node, draft, MODEL_DEVICE);
}

/* One spelling for one path: no empty, `.` or `..` steps, no end in a slash. */
static bool is_plain_path(const char *path)
{
	const char *step = *path == '/' ? path + 1 : path;

	for (;;) {
		size_t length = strcspn(step, "/");

		if (length == 0 || !strncmp(step, ".", length) ||
		    (length == 2 && !strncmp(step, "..", 2)))
			return false;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)step[i] < 0x20 || step[i] == 0x7f)
				return false;
		if (!step[length])
			return true;
		step += length + 1;
	}
}

static bool is_taken(const struct model_host *host, const char *path)
{
	size_t run_length = strlen(host->run_dir);

	if (!host->taken || strncmp(path, host->run_dir, run_length) || path[run_length] != '/')
		return false;
	for (const char *const *name = host->taken; *name; name++)
		if (!strcmp(path + run_length + 1, *name))
			return true;
	return false;
}

static void read_vhost_user(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	const char *text, *path;

	if (!claim_device(reading, node, draft))
		return;
	text = reading_text(reading, node);
	if (!text)
		return;
	if (!is_plain_path(text)) {
		reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a plain path",
				text);
		problems_hint(reading->problems,
			      "write the path of a socket without empty, \".\" and \"..\" steps");
		return;
	}
	path = *text == '/' ? arena_text(reading->arena, text)
			    : arena_format(reading->arena, "%s/%s", reading->host->run_dir, text);
	draft->port.device_name = arena_text(reading->arena, text);
	if (!path || !draft->port.device_name) {
		reading->no_memory = true;
		return;
	}
	if (strlen(path) > SOCKET_PATH_MAX) {
		reading_problem(reading, node, PROBLEM_OUT_OF_RANGE,
				"the path of the socket has %zu bytes", strlen(path));
		problems_hint(reading->problems,
			      "at most %d, the run directory included: choose a shorter name",
			      (int)SOCKET_PATH_MAX);
		return;
	}
	if (is_taken(reading->host, path)) {
		reading_problem(reading, node, PROBLEM_DEVICE_TWICE,
				"\"%s\" belongs to the switch itself", text);
		problems_hint(reading->problems, "choose another name");
		return;
	}
	draft->port.device = MODEL_VHOST_USER;
	draft->port.path = path;
}

static void read_mode(struct reading *reading, const struct node *node, void *object)
{
	static const char *const words[] = {"client", "server", NULL};
	struct port_draft *draft = object;
	unsigned word;

	draft->mode = node;
	if (reading_word(reading, node, words, &word))
		draft->port.dials = word == 0;
}

static void read_queues(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	uint32_t queues;

	draft->queues = node;
	if (reading_count(reading, node, 1, LIMIT_QUEUE_PAIRS, &queues))
		draft->port.queues = (uint16_t)queues;
}

static void read_worker(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	uint32_t worker;

	if (reading_count(reading, node, 0, LIMIT_WORKERS - 1, &worker))
		draft->port.worker = (uint16_t)worker;
}

/* The first of the keys that say what the port carries. */
static bool claim_network(struct reading *reading, const struct node *node,
			  struct port_draft *draft)
{
	if (!draft->network) {
		draft->network = node;
		return true;
	}
	reading_problem_key(reading, node, PROBLEM_CONFLICT, "the port has \"%s\" already",
			    draft->network->key);
	problems_hint(reading->problems,
		      "an access port has \"network\", a trunk has \"trunk\": keep one of them");
	return false;
}

static void read_network(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	const char *text;

	if (!claim_network(reading, node, draft))
		return;
	text = reading_text(reading, node);
	if (text)
		draft->port.native = model_find_network(reading, node, draft->port.tenant, text);
}

static void read_trunk(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;

	if (!claim_network(reading, node, draft))
		return;
	draft->port.mode = POLICY_TRUNK;
	if (draft->port.tenant)
		model_read_trunk(reading, node, draft);
}

static void read_qinq(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	unsigned total = reading->problems->total;

	read_network(reading, node, draft);
	if (reading->problems->total == total)
		draft->port.mode = POLICY_QINQ;
}

static void read_pcap(struct reading *reading, const struct node *node, void *draft)
{
	if (claim_device(reading, node, draft))
		model_read_pcap(reading, node, draft);
}

/* Read with the trunk that it belongs to. */
static void read_map(struct reading *reading, const struct node *node, void *draft)
{
	if (reading_is_mapping(reading, node))
		((struct port_draft *)draft)->map = node;
}

static int compare_macs(const void *a, const void *b)
{
	mac48 left = *(const mac48 *)a, right = *(const mac48 *)b;

	return (left > right) - (left < right);
}

/* Is the list not longer than @max? */
static bool list_fits(struct reading *reading, const struct node *node, size_t max)
{
	size_t count = json_array_size(node->value);

	if (count <= max)
		return true;
	reading_problem(reading, node, PROBLEM_LIMIT, "%zu are too many", count);
	problems_hint(reading->problems, "at most %zu", max);
	return false;
}

static void read_macs(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	struct model_port *port = &draft->port;

	if (!reading_is_list(reading, node) || !list_fits(reading, node, LIMIT_BOUND_MACS))
		return;
	draft->macs = node;
	port->macs = reading_alloc(reading, json_array_size(node->value), sizeof(mac48));
	for (size_t i = 0; port->macs && i < json_array_size(node->value); i++) {
		const struct node *element = reading_element(reading, node, i);
		bool twice = false;
		mac48 mac;

		if (!element || !reading_mac(reading, element, &mac))
			continue;
		for (uint32_t m = 0; m < port->n_macs; m++)
			twice |= port->macs[m] == mac;
		if (twice) {
			reading_problem(reading, element, PROBLEM_MAC_TWICE,
					"the MAC is in the list already");
			problems_hint(reading->problems, "remove one of them");
		} else {
			port->macs[port->n_macs++] = mac;
		}
	}
	if (port->macs)
		qsort(port->macs, port->n_macs, sizeof(mac48), compare_macs);
}

static void read_addresses(struct reading *reading, const struct node *node, void *object)
{
	struct model_port *port = &((struct port_draft *)object)->port;

	if (reading_is_list(reading, node) && list_fits(reading, node, LIMIT_BOUND_ADDRESSES))
		reading_prefixes(reading, node, &port->addresses4, &port->n_addresses4,
				 &port->addresses6, &port->n_addresses6);
}

static void read_spoof_guard(struct reading *reading, const struct node *node, void *draft)
{
	reading_flag(reading, node, &((struct port_draft *)draft)->port.spoof_guard);
}

/* `deny` or `allow`: what only servers, routers and bridges do. */
static void read_leave(struct reading *reading, const struct node *node, bool *ret)
{
	static const char *const words[] = {"deny", "allow", NULL};
	unsigned word;

	if (reading_word(reading, node, words, &word))
		*ret = word == 1;
}

static void read_dhcp_server(struct reading *reading, const struct node *node, void *draft)
{
	read_leave(reading, node, &((struct port_draft *)draft)->port.dhcp_server);
}

static void read_router(struct reading *reading, const struct node *node, void *draft)
{
	read_leave(reading, node, &((struct port_draft *)draft)->port.router);
}

static void read_bpdu(struct reading *reading, const struct node *node, void *draft)
{
	read_leave(reading, node, &((struct port_draft *)draft)->port.bpdu);
}

/* `keep`, or what all frames get: a number below @end, + 1. */
static void read_mark(struct reading *reading, const struct node *node, uint32_t end, uint8_t *ret)
{
	uint32_t number;

	if (json_is_string(node->value) && !strcmp(json_string_value(node->value), "keep"))
		*ret = 0;
	else if (reading_count(reading, node, 0, end - 1, &number))
		*ret = (uint8_t)(number + 1);
}

static void read_pcp(struct reading *reading, const struct node *node, void *draft)
{
	read_mark(reading, node, 8, &((struct port_draft *)draft)->port.pcp);
}

static void read_dscp(struct reading *reading, const struct node *node, void *draft)
{
	read_mark(reading, node, 64, &((struct port_draft *)draft)->port.dscp);
}

static void set_role(struct reading *reading, const struct node *node, struct port_draft *draft,
		     enum policy_role role)
{
	if (draft->role) {
		reading_problem_key(reading, node, PROBLEM_CONFLICT, "the port is \"%s\" already",
				    draft->role->key);
		problems_hint(reading->problems, "a port has one role: keep one of them");
		return;
	}
	draft->role = node;
	draft->port.role = role;
}

static void read_promiscuous(struct reading *reading, const struct node *node, void *draft)
{
	bool on;

	if (reading_flag(reading, node, &on) && on)
		set_role(reading, node, draft, POLICY_PROMISCUOUS);
}

static void read_isolated(struct reading *reading, const struct node *node, void *draft)
{
	bool on;

	if (reading_flag(reading, node, &on) && on)
		set_role(reading, node, draft, POLICY_ISOLATED);
}

static void read_community(struct reading *reading, const struct node *node, void *object)
{
	struct port_draft *draft = object;
	const char *text = reading_text(reading, node);

	if (!text || !reading_is_name(reading, node, text))
		return;
	set_role(reading, node, draft, POLICY_COMMUNITY);
	draft->port.community = arena_text(reading->arena, text);
	if (!draft->port.community)
		reading->no_memory = true;
}

static const struct reading_key port_keys[] = {
	{"vhost-user", read_vhost_user},
	{"tap", read_tap},
	{"device", read_device},
	{"pcap", read_pcap},
	{"mode", read_mode},
	{"queues", read_queues},
	{"worker", read_worker},
	{"network", read_network},
	{"trunk", read_trunk},
	{"qinq", read_qinq},
	{"macs", read_macs},
	{"addresses", read_addresses},
	{"spoof-guard", read_spoof_guard},
	{"promiscuous", read_promiscuous},
	{"isolated", read_isolated},
	{"community", read_community},
	{"groups", model_read_port_groups},
	{"acl", model_read_port_acl},
	{"rate", model_read_port_rate},
	{"storm", model_read_storm},
	{"dhcp-server", read_dhcp_server},
	{"router-advertisements", read_router},
	{"bpdu", read_bpdu},
	{"pcp", read_pcp},
	{"dscp", read_dscp},
	{NULL, NULL},
};

static const struct reading_key uplink_keys[] = {
	{"device", read_device},
	{"tap", read_tap},
	{"queues", read_queues},
	{"worker", read_worker},
	{"trunk", read_trunk},
	{"map", read_map},
	{"rate", model_read_port_rate},
	{"storm", model_read_storm},
	{"promiscuous", read_promiscuous},
	{NULL, NULL},
};

/* What the keys mean together. */
static void finish_port(struct reading *reading, struct port_draft *draft)
{
	if (!draft->device) {
		reading_problem_key(reading, draft->node, PROBLEM_MISSING_KEY,
				    "nothing to attach to");
		problems_hint(reading->problems,
			      draft->port.tenant ? "add \"vhost-user\", \"tap\" or \"device\""
						 : "add \"device\" or \"tap\"");
	}
	if (draft->mode && draft->device && strcmp(draft->device->key, "vhost-user")) {
		reading_problem_key(reading, draft->mode, PROBLEM_CONFLICT,
				    "\"mode\" means nothing for \"%s\"", draft->device->key);
		problems_hint(reading->problems, "remove it, or attach by \"vhost-user\"");
	}
	if (draft->queues && draft->port.device == MODEL_DEVICE && draft->port.queues > 1) {
		reading_problem(reading, draft->queues, PROBLEM_CONFLICT,
				"a device has one queue here");
		problems_hint(reading->problems, "remove \"queues\"");
	}
	if (draft->port.limits.waits && draft->device && draft->port.device != MODEL_VHOST_USER) {
		reading_problem(reading, reading_member(reading, draft->rate, "over"),
				PROBLEM_CONFLICT, "frames wait in a ring of \"vhost-user\" only");
		problems_hint(reading->problems, "write drop, or attach by \"vhost-user\"");
	}
	if (draft->port.tenant)
		return;
	if (draft->network) {
		model_read_uplink_trunk(reading, draft);
		return;
	}
	reading_problem_key(reading, draft->node, PROBLEM_MISSING_KEY,
			    "the uplink carries no network");
	problems_hint(reading->problems,
		      "add \"trunk: all\", or \"trunk\" with a list of networks");
}

/* A port of @tenant, or an uplink. */
static void read_port(struct reading *reading, const struct node *node, struct model_tenant *tenant,
		      struct port_draft *draft)
{
	*draft = (struct port_draft){.node = node};
	draft->port = (struct model_port){
		.name = tenant ? arena_format(reading->arena, "%s/%s", tenant->name, node->key)
			       : arena_text(reading->arena, node->key),
		.tenant = tenant,
		.mode = tenant ? POLICY_ACCESS : POLICY_TRUNK,
		.queues = 1,
		.worker = MODEL_ANY_WORKER,
		.spoof_guard = tenant != NULL,
		.dhcp_server = tenant == NULL,
		.router = tenant == NULL,
		.limits.burst_ms = MODEL_BURST_DEFAULT_MS,
	};
	if (!draft->port.name) {
		reading->no_memory = true;
		return;
	}
	reading_mapping(reading, node, tenant ? port_keys : uplink_keys, draft);
	if (json_is_object(node->value) || json_is_null(node->value))
		finish_port(reading, draft);
}

/* Read the ports in the mapping @ports into @drafts; how many. */
static uint32_t read_mapping_of_ports(struct reading *reading, const struct node *ports,
				      struct model_tenant *tenant, struct port_draft *drafts)
{
	uint32_t count = 0;
	const char *key;
	json_t *value;

	json_object_foreach (ports->value, key, value) {
		const struct node *node = reading_member(reading, ports, key);

		if (node && reading_key_is_name(reading, node))
			read_port(reading, node, tenant, &drafts[count++]);
	}
	return count;
}

static uint32_t read_ports_of(struct reading *reading, const struct node *node,
			      struct port_draft *drafts)
{
	const struct node *ports = reading_member(reading, node, "ports");
	/* the model is still ours to fill */
	struct model_tenant *tenant =
		(struct model_tenant *)model_tenant(reading->model, node->key);

	if (!ports || !tenant || !json_is_object(ports->value))
		return 0;
	tenant->n_ports = read_mapping_of_ports(reading, ports, tenant, drafts);
	if (tenant->n_ports > tenant->quota.ports) {
		reading_problem_key(reading, ports, PROBLEM_QUOTA, "%u ports, the quota is %u",
				    tenant->n_ports, tenant->quota.ports);
		problems_hint(reading->problems, "remove some, or raise quota.ports of %s",
			      tenant->name);
	}
	return tenant->n_ports;
}

static int compare_drafts(const void *a, const void *b)
{
	return strcmp(((const struct port_draft *)a)->port.name,
		      ((const struct port_draft *)b)->port.name);
}

void model_read_ports(struct reading *reading, const struct node *tenants,
		      const struct node *uplinks, struct port_draft **ret_drafts)
{
	struct model *model = reading->model;
	size_t count = uplinks ? json_object_size(uplinks->value) : 0;
	struct port_draft *drafts;
	const char *key;
	json_t *value;

	json_object_foreach (tenants ? tenants->value : NULL, key, value)
		count += json_object_size(json_object_get(value, "ports"));
	if (count > LIMIT_PORTS - 1) {
		reading_problem_key(reading, tenants ? tenants : uplinks, PROBLEM_LIMIT,
				    "%zu ports and uplinks are too many", count);
		problems_hint(reading->problems, "a switch has at most %d", LIMIT_PORTS - 1);
		return;
	}
	drafts = reading_scratch(reading, count, sizeof(drafts[0]));
	model->ports = reading_alloc(reading, count, sizeof(model->ports[0]));
	if (!drafts || !model->ports)
		return;
	json_object_foreach (tenants ? tenants->value : NULL, key, value) {
		const struct node *tenant = reading_member(reading, tenants, key);

		if (tenant)
			model->n_ports += read_ports_of(reading, tenant, drafts + model->n_ports);
	}
	if (uplinks)
		model->n_ports +=
			read_mapping_of_ports(reading, uplinks, NULL, drafts + model->n_ports);
	if (reading->no_memory)
		return;
	qsort(drafts, model->n_ports, sizeof(drafts[0]), compare_drafts);
	for (uint32_t i = 0; i < model->n_ports; i++)
		model->ports[i] = drafts[i].port;
	*ret_drafts = drafts;
}
