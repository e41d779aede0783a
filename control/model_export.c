/*
 * model_export - a model as its canonical document.
 *
 * Two documents that mean the same export the same: what is at its default is
 * left out, keys come in the order of this file, objects by name. Building
 * jansson values can only fail for want of memory; a failed set is remembered
 * once, at the end.
 */
#include <string.h>

#include "control/address.h"
#include "control/model.h"

struct export
{
	bool failed;
};

static void set(struct export *export, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value)) /* refuses NULL, too */
		export->failed = true;
}

static void append(struct export *export, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		export->failed = true;
}

/* The mapping at @key, made if it is not there. */
static json_t *section(struct export *export, json_t *object, const char *key)
{
	json_t *mapping = json_object_get(object, key);

	if (mapping)
		return mapping;
	mapping = json_object();
	set(export, object, key, mapping);
	return export->failed ? NULL : mapping;
}

/* "vm1" of "acme/vm1" */
static const char *local_name(const char *name)
{
	return strchr(name, '/') + 1;
}

static void set_quota(struct export *export, json_t *tenant, const struct model_quota *quota)
{
	const struct {
		const char *key;
		uint32_t amount;
	} amounts[] = {
		{"ports", quota->ports},       {"networks", quota->networks},
		{"rules", quota->rules},       {"macs-per-port", quota->macs_per_port},
		{"sessions", quota->sessions},
	};
	json_t *mapping = json_object();

	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
		if (amounts[i].amount != UINT32_MAX)
			set(export, mapping, amounts[i].key, json_integer(amounts[i].amount));
	if (json_object_size(mapping))
		set(export, tenant, "quota", mapping);
	else
		json_decref(mapping);
}

/* The largest unit that says it exactly. */
static json_t *export_duration(uint32_t duration_ms)
{
	return duration_ms % 1000 ? json_sprintf("%ums", duration_ms)
				  : json_sprintf("%us", duration_ms / 1000);
}

/* Set @key to an amount a second in the largest unit that says it exactly; 0 is none. */
static void set_amount(struct export *export, json_t *object, const char *key, uint64_t amount,
		       const char *unit)
{
	static const char *const prefixes[] = {"", "k", "m", "g"};
	unsigned i = 0;

	if (!amount)
		return;
	for (; i < 3 && amount % 1000 == 0; i++)
		amount /= 1000;
	set(export, object, key, json_sprintf("%lu%s%s", (unsigned long)amount, prefixes[i], unit));
}

static void set_rate(struct export *export, json_t *object, const struct model_limits *limits)
{
	uint64_t in = limits->a_second[POLICY_IN_PACKETS];
	uint64_t out = limits->a_second[POLICY_OUT_PACKETS];
	json_t *mapping = json_object();

	set_amount(export, mapping, "in", limits->a_second[POLICY_IN_BITS], "bit");
	set_amount(export, mapping, "out", limits->a_second[POLICY_OUT_BITS], "bit");
	set_amount(export, mapping, "pps", in == out ? in : 0, "pps");
	set_amount(export, mapping, "in-pps", in == out ? 0 : in, "pps");
	set_amount(export, mapping, "out-pps", in == out ? 0 : out, "pps");
	if (limits->burst_ms != MODEL_BURST_DEFAULT_MS)
		set(export, mapping, "burst", export_duration(limits->burst_ms));
	if (limits->waits)
		set(export, mapping, "over", json_string("wait"));
	if (json_object_size(mapping))
		set(export, object, "rate", json_incref(mapping));
	json_decref(mapping);
}

static void set_storm(struct export *export, json_t *object, const struct model_limits *limits)
{
	json_t *mapping = json_object();

	set_amount(export, object, "storm", limits->a_second[POLICY_FLOODS], "pps");
	set_amount(export, mapping, "broadcast", limits->a_second[POLICY_BROADCASTS], "pps");
	set_amount(export, mapping, "multicast", limits->a_second[POLICY_MULTICASTS], "pps");
	set_amount(export, mapping, "unknown-unicast", limits->a_second[POLICY_UNKNOWNS], "pps");
	if (json_object_size(mapping))
		set(export, object, "storm", json_incref(mapping));
	json_decref(mapping);
}

static json_t *export_tenant(struct export *export, const struct model_tenant *tenant)
{
	json_t *object = json_object();

	set_quota(export, object, &tenant->quota);
	if (tenant->n_users) {
		json_t *users = json_array();

		for (uint32_t i = 0; i < tenant->n_users; i++)
			append(export, users, json_string(tenant->users[i]));
		set(export, object, "users", users);
	}
	set_rate(export, object, &tenant->limits);
	return object;
}

static json_t *export_network(struct export *export, const struct model_network *network)
{
	json_t *object = json_object();

	if (network->vlan)
		set(export, object, "vlan", json_integer(network->vlan));
	if (network->isolated)
		set(export, object, "isolated", json_true());
	if (network->mtu != MODEL_MTU_DEFAULT)
		set(export, object, "mtu", json_integer(network->mtu));
	if (!network->learning)
		set(export, object, "learning", json_false());
	if (network->service == MODEL_SERVICE_802_1Q)
		set(export, object, "service-tag", json_string("802.1q"));
	if (network->service == MODEL_SERVICE_802_1AD && !network->n_customers)
		set(export, object, "service-tag", json_string("802.1ad"));
	if (network->snoop)
		set(export, object, "multicast", json_string("snoop"));
	if (network->suppress)
		set(export, object, "neighbour-suppression", json_true());
	if (network->age_ms != MODEL_AGE_DEFAULT_MS)
		set(export, object, "age", export_duration(network->age_ms));
	if (network->macs_max != MODEL_MACS_DEFAULT)
		set(export, object, "macs", json_integer(network->macs_max));
	if (!network->flood_unknown)
		set(export, object, "unknown-unicast", json_string("drop"));
	if (network->n_shares) {
		json_t *names = json_array();

		for (uint32_t i = 0; i < network->n_shares; i++)
			append(export, names, json_string(network->shares[i]->name));
		set(export, object, "share", names);
	}
	return object;
}

static void set_device(struct export *export, json_t *object, const struct model_port *port)
{
	json_t *name = json_string(port->device_name);

	switch (port->device) {
	case MODEL_VHOST_USER: set(export, object, "vhost-user", name); break;
	case MODEL_TAP: set(export, object, "tap", name); break;
	case MODEL_DEVICE: set(export, object, "device", name); break;
	}
	if (port->dials)
		set(export, object, "mode", json_string("client"));
	if (port->queues > 1)
		set(export, object, "queues", json_integer(port->queues));
	if (port->worker != MODEL_ANY_WORKER)
		set(export, object, "worker", json_integer(port->worker));
}

/* As @port names @network: in full, if it is not of the port's tenant. */
static json_t *export_network_name(const struct model_port *port,
				   const struct model_network *network)
{
	return json_string(port->tenant == network->tenant ? local_name(network->name)
							   : network->name);
}

static json_t *export_carried(struct export *export, const struct model_port *port)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < port->n_trunk; i++)
		append(export, names, export_network_name(port, port->trunk[i].network));
	return names;
}

static void set_networks(struct export *export, json_t *object, const struct model_port *port)
{
	json_t *trunk;

	if (port->mode != POLICY_TRUNK) {
		if (port->native)
			set(export, object, port->mode == POLICY_QINQ ? "qinq" : "network",
			    export_network_name(port, port->native));
		return;
	}
	if (!port->tenant) {
		set(export, object, "trunk",
		    port->trunk_all ? json_string("all") : export_carried(export, port));
		return;
	}
	trunk = json_object();
	if (port->native)
		set(export, trunk, "native", export_network_name(port, port->native));
	if (port->n_trunk)
		set(export, trunk, "allow", export_carried(export, port));
	set(export, object, "trunk", trunk);
}

static json_t *export_addresses(struct export *export, const struct policy_prefix4 *addresses4,
				uint32_t n_addresses4, const struct policy_prefix6 *addresses6,
				uint32_t n_addresses6)
{
	char text[ADDRESS_PREFIX_TEXT];
	json_t *addresses = json_array();

	for (uint32_t i = 0; i < n_addresses4; i++)
		append(export, addresses,
		       json_string(address_format_prefix4(&addresses4[i], text)));
	for (uint32_t i = 0; i < n_addresses6; i++)
		append(export, addresses,
		       json_string(address_format_prefix6(&addresses6[i], text)));
	return addresses;
}

static void set_bindings(struct export *export, json_t *object, const struct model_port *port)
{
	char text[ADDRESS_MAC_TEXT];
	json_t *macs = json_array();

	for (uint32_t i = 0; i < port->n_macs; i++)
		append(export, macs, json_string(address_format_mac(port->macs[i], text)));
	if (port->n_macs)
		set(export, object, "macs", json_incref(macs));
	json_decref(macs);
	if (port->n_addresses4 || port->n_addresses6)
		set(export, object, "addresses",
		    export_addresses(export, port->addresses4, port->n_addresses4, port->addresses6,
				     port->n_addresses6));
}

static void set_filters(struct export *export, json_t *object, const struct model_port *port)
{
	json_t *groups = json_array(), *acl = json_object();

	for (uint32_t i = 0; i < port->n_groups; i++)
		append(export, groups, json_string(local_name(port->groups[i]->name)));
	if (port->acl_in)
		set(export, acl, "in", json_string(local_name(port->acl_in->name)));
	if (port->acl_out)
		set(export, acl, "out", json_string(local_name(port->acl_out->name)));
	if (port->n_groups)
		set(export, object, "groups", json_incref(groups));
	if (json_object_size(acl))
		set(export, object, "acl", json_incref(acl));
	json_decref(groups);
	json_decref(acl);
}

static void set_role(struct export *export, json_t *object, const struct model_port *port)
{
	switch (port->role) {
	case POLICY_ORDINARY: break;
	case POLICY_PROMISCUOUS: set(export, object, "promiscuous", json_true()); break;
	case POLICY_ISOLATED: set(export, object, "isolated", json_true()); break;
	case POLICY_COMMUNITY:
		set(export, object, "community", json_string(port->community));
		break;
	}
}

/* What a guest may not do unless it is said. */
static void set_leaves(struct export *export, json_t *object, const struct model_port *port)
{
	if (port->tenant && port->dhcp_server)
		set(export, object, "dhcp-server", json_string("allow"));
	if (port->tenant && port->router)
		set(export, object, "router-advertisements", json_string("allow"));
	if (port->bpdu)
		set(export, object, "bpdu", json_string("allow"));
}

static json_t *export_port(struct export *export, const struct model_port *port)
{
	json_t *object = json_object();

	set_device(export, object, port);
	set_networks(export, object, port);
	if (port->n_map) {
		json_t *map = json_object();

		for (uint32_t i = 0; i < port->n_map; i++)
			set(export, map, port->map[i].network->name,
			    json_integer(port->map[i].vlan));
		set(export, object, "map", map);
	}
	set_bindings(export, object, port);
	if (port->tenant && !port->spoof_guard)
		set(export, object, "spoof-guard", json_false());
	set_leaves(export, object, port);
	set_filters(export, object, port);
	if (port->pcp)
		set(export, object, "pcp", json_integer(port->pcp - 1));
	if (port->dscp)
		set(export, object, "dscp", json_integer(port->dscp - 1));
	set_rate(export, object, &port->limits);
	set_storm(export, object, &port->limits);
	set_role(export, object, port);
	return object;
}

/* The mapping of the tenant's objects of a kind. */
static json_t *section_of(struct export *export, json_t *tenants, const struct model_tenant *tenant,
			  const char *kind)
{
	return section(export, json_object_get(tenants, tenant->name), kind);
}

static void export_filters(struct export *export, const struct model *model, json_t *tenants)
{
	for (uint32_t i = 0; i < model->n_sets; i++) {
		const struct model_set *each = &model->sets[i];

		set(export, section_of(export, tenants, each->tenant, "sets"),
		    local_name(each->name),
		    export_addresses(export, each->addresses4, each->n_addresses4, each->addresses6,
				     each->n_addresses6));
	}
	for (uint32_t i = 0; i < model->n_groups; i++)
		set(export, section_of(export, tenants, model->groups[i].tenant, "groups"),
		    local_name(model->groups[i].name), json_incref(model->groups[i].list->lines));
	for (uint32_t i = 0; i < model->n_acls; i++)
		set(export, section_of(export, tenants, model->acls[i].tenant, "acls"),
		    local_name(model->acls[i].name), json_incref(model->acls[i].list->lines));
}

static void export_tenants(struct export *export, const struct model *model, json_t *document)
{
	json_t *tenants = model->n_tenants ? section(export, document, "tenants") : NULL;

	for (uint32_t i = 0; i < model->n_tenants; i++)
		set(export, tenants, model->tenants[i].name,
		    export_tenant(export, &model->tenants[i]));
	for (uint32_t i = 0; i < model->n_networks; i++) {
		const struct model_network *network = &model->networks[i];
		json_t *tenant = json_object_get(tenants, network->tenant->name);

		set(export, section(export, tenant, "networks"), local_name(network->name),
		    export_network(export, network));
	}
	export_filters(export, model, tenants);
	for (uint32_t i = 0; i < model->n_ports; i++) {
		const struct model_port *port = &model->ports[i];
		json_t *tenant;

		if (!port->tenant)
			continue;
		tenant = json_object_get(tenants, port->tenant->name);
		set(export, section(export, tenant, "ports"), local_name(port->name),
		    export_port(export, port));
	}
}

json_t *model_export(const struct model *model)
{
	struct export export = {.failed = false};
	json_t *document = json_object();

	export_tenants(&export, model, document);
	for (uint32_t i = 0; i < model->n_ports; i++)
		if (!model->ports[i].tenant)
			set(&export, section(&export, document, "uplinks"), model->ports[i].name,
			    export_port(&export, &model->ports[i]));
	if (!export.failed && document)
		return document;
	json_decref(document);
	return NULL;
}
