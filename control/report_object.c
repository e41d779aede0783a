/*
 * report_object - tenants, networks and ports: what is configured, and how it is.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "control/address.h"
#include "control/report.h"

/* ---- pieces ---- */

static json_t *text_or_null(const char *text)
{
	return text && *text ? api_json_text(text) : json_null();
}

static json_t *network_or_null(const struct model_network *network)
{
	return network ? json_string(network->name) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* A network without a tag stays on this host. */
static json_t *vlan_or_null(const struct model_network *network)
{
	return network && network->vlan ? number(network->vlan) : json_null();
}

static json_t *port_addresses(const struct model_port *port)
{
	json_t *list = json_array();
	char text[ADDRESS_PREFIX_TEXT];

	for (uint32_t i = 0; list && i < port->n_addresses4; i++)
		json_array_append_new(
			list, json_string(address_format_prefix4(&port->addresses4[i], text)));
	for (uint32_t i = 0; list && i < port->n_addresses6; i++)
		json_array_append_new(
			list, json_string(address_format_prefix6(&port->addresses6[i], text)));
	return list;
}

static json_t *port_macs(const struct model_port *port)
{
	json_t *list = json_array();
	char text[ADDRESS_MAC_TEXT];

	for (uint32_t i = 0; list && i < port->n_macs; i++)
		json_array_append_new(list, json_string(address_format_mac(port->macs[i], text)));
	return list;
}

/* The address of a port: one that is bound to it, else one that it was seen to use. */
static json_t *port_mac(const struct model_port *port, mac48 learned)
{
	char text[ADDRESS_MAC_TEXT];

	if (!port->n_macs && !learned)
		return json_null();
	return json_string(address_format_mac(port->n_macs ? port->macs[0] : learned, text));
}

static json_t *port_trunk(const struct model_port *port)
{
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < port->n_trunk; i++)
		json_array_append_new(list, json_pack("{s:s, s:i}", "network",
						      port->trunk[i].network->name, "vlan",
						      (int)port->trunk[i].vlan));
	return list;
}

static const char *port_type(const struct model_port *port)
{
	switch (port->device) {
	case MODEL_VHOST_USER: return "vhost-user";
	case MODEL_TAP: return "tap";
	case MODEL_DEVICE: return "device";
	}
	return "";
}

/* Features that the guest's driver and the switch agreed upon (virtio 1.3, 5.1.3 and 6). */
static json_t *feature_words(uint64_t features)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{VIRTIO_NET_F_CSUM, "csum"},
		{VIRTIO_NET_F_GUEST_CSUM, "guest-csum"},
		{VIRTIO_NET_F_MTU, "mtu"},
		{VIRTIO_NET_F_GUEST_TSO4, "guest-tso4"},
		{VIRTIO_NET_F_GUEST_TSO6, "guest-tso6"},
		{VIRTIO_NET_F_GUEST_ECN, "guest-ecn"},
		{VIRTIO_NET_F_HOST_TSO4, "host-tso4"},
		{VIRTIO_NET_F_HOST_TSO6, "host-tso6"},
		{VIRTIO_NET_F_HOST_ECN, "host-ecn"},
		{VIRTIO_NET_F_MRG_RXBUF, "mrg-rxbuf"},
		{VIRTIO_NET_F_STATUS, "status"},
		{VIRTIO_NET_F_GUEST_ANNOUNCE, "guest-announce"},
		{VIRTIO_NET_F_MQ, "mq"},
		{VIRTIO_RING_F_INDIRECT_DESC, "indirect"},
		{VIRTIO_RING_F_EVENT_IDX, "event-idx"},
		{VIRTIO_F_VERSION_1, "version-1"},
		{VIRTIO_F_RING_PACKED, "packed"},
		{VIRTIO_F_IN_ORDER, "in-order"},
	};
	json_t *list = json_array();

	for (size_t i = 0; list && i < sizeof(words) / sizeof(*words); i++)
		if (features >> words[i].bit & 1)
			json_array_append_new(list, json_string(words[i].word));
	return list;
}

/* The workers of a mask, by their numbers. */
static json_t *worker_numbers(uint32_t workers)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < LIMIT_WORKERS; i++)
		if (workers >> i & 1)
			json_array_append_new(list, number(i));
	return list;
}

/* How the port's device is; one without any network has nothing to carry. */
static struct attachment_report port_attachment(const struct daemon *daemon,
						const struct model_port *port)
{
	struct attachment_report report = {.state = ATTACHMENT_WAITING, .since = loop_now()};

	attachments_report(daemon->attachments, ids_port(daemon->running.ids, port->name), &report);
	return report;
}

/* ---- tenants and networks ---- */

static json_t *quota_or_null(uint32_t quota)
{
	return quota == UINT32_MAX ? json_null() : number(quota);
}

static json_t *tenant_make(const struct daemon *daemon, const struct model_tenant *tenant)
{
	json_t *users = json_array(), *object;

	for (uint32_t i = 0; users && i < tenant->n_users; i++)
		json_array_append_new(users, json_string(tenant->users[i]));
	object = json_object();
	json_object_set_new(object, "name", json_string(tenant->name));
	json_object_set_new(object, "networks", number(tenant->n_networks));
	json_object_set_new(object, "ports", number(tenant->n_ports));
	json_object_set_new(object, "networks_max", quota_or_null(tenant->quota.networks));
	json_object_set_new(object, "ports_max", quota_or_null(tenant->quota.ports));
	json_object_set_new(object, "users", users);
	return object;
}

json_t *report_tenants(struct api_call *call)
{
	const struct model *model = call->daemon->running.model;
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < model->n_tenants; i++)
		if (caller_sees(&call->caller, model->tenants[i].name))
			json_array_append_new(list, tenant_make(call->daemon, &model->tenants[i]));
	return api_result(call, list);
}

/* How many sessions each tenant's ports hold, by the tenant's number. */
static void count_sessions(const struct daemon *daemon, uint32_t ret_held[LIMIT_TENANTS])
{
	const struct sessions *sessions = dataplane_sessions(daemon->dataplane);
	struct session_entry entry;
	uint32_t cursor = 0;

	memset(ret_held, 0, LIMIT_TENANTS * sizeof(ret_held[0]));
	while (sessions && session_next(sessions, &cursor, &entry))
		if (entry.tenant < LIMIT_TENANTS)
			ret_held[entry.tenant]++;
}

/* A tenant, what it has of what it may have, and what its ports have moved. */
static json_t *usage_make(const struct daemon *daemon, const struct model_tenant *tenant,
			  uint32_t sessions)
{
	const struct model_quota *quota = &tenant->quota;
	const struct running *running = &daemon->running;
	uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
	json_t *object;

	for (uint32_t i = 0; i < running->model->n_ports; i++) {
		const struct model_port *port = &running->model->ports[i];
		const struct port_counters *counters;

		if (port->tenant != tenant)
			continue;
		counters = report_counters(daemon, ids_port(running->ids, port->name));
		rx_packets += counters->rx_frames;
		rx_bytes += counters->rx_bytes;
		tx_packets += counters->tx_frames;
		tx_bytes += counters->tx_bytes;
	}
	object = json_object();
	json_object_set_new(object, "tenant", json_string(tenant->name));
	json_object_set_new(object, "networks", number(tenant->n_networks));
	json_object_set_new(object, "networks_max", quota_or_null(quota->networks));
	json_object_set_new(object, "ports", number(tenant->n_ports));
	json_object_set_new(object, "ports_max", quota_or_null(quota->ports));
	json_object_set_new(object, "rules", number(tenant->n_rules));
	json_object_set_new(object, "rules_max", quota_or_null(quota->rules));
	json_object_set_new(object, "sessions", number(sessions));
	json_object_set_new(
		object, "sessions_max",
		number(quota->sessions == UINT32_MAX ? LIMIT_TENANT_SESSIONS : quota->sessions));
	json_object_set_new(object, "rx_packets", number(rx_packets));
	json_object_set_new(object, "rx_bytes", number(rx_bytes));
	json_object_set_new(object, "tx_packets", number(tx_packets));
	json_object_set_new(object, "tx_bytes", number(tx_bytes));
	return object;
}

json_t *report_usage(struct api_call *call)
{
	const struct model *model = call->daemon->running.model;
	const char *only = api_text(call, "tenant");
	uint32_t held[LIMIT_TENANTS];
	json_t *list;

	if (only && !api_sees(call, only))
		return NULL;
	if (only && !model_tenant(model, only))
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no tenant `%s`", only);
	count_sessions(call->daemon, held);
	list = json_array();
	for (uint32_t i = 0; list && i < model->n_tenants; i++) {
		const struct model_tenant *tenant = &model->tenants[i];

		if (only ? !strcmp(only, tenant->name) : caller_sees(&call->caller, tenant->name))
			json_array_append_new(
				list,
				usage_make(
					call->daemon, tenant,
					held[ids_tenant(call->daemon->running.ids, tenant->name)]));
	}
	return api_result(call, list);
}

/* Who may have ports in it besides its tenant, as far as the caller knows of them. */
static json_t *network_shares(const struct caller *caller, const struct model_network *network)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < network->n_shares; i++)
		if (caller_sees(caller, network->name) ||
		    caller_sees(caller, network->shares[i]->name))
			json_array_append_new(names, json_string(network->shares[i]->name));
	return names;
}

/* Of one that is shared with the caller, his own ports. */
static json_t *network_make(const struct api_call *call, const struct model_network *network,
			    const struct learned *learned)
{
	const struct running *running = &call->daemon->running;
	bool owns = caller_sees(&call->caller, network->name);
	uint32_t macs = owns ? learned->networks[ids_network(running->ids, network->name)] : 0;
	uint32_t ports = 0;
	json_t *object;

	for (uint32_t i = 0; i < running->model->n_ports; i++) {
		const struct model_port *port = &running->model->ports[i];

		if (!model_port_carries(port, network) ||
		    (!owns && !caller_sees(&call->caller, port->name)))
			continue;
		ports++;
		macs += port->n_macs;
	}
	object = json_object();
	json_object_set_new(object, "name", json_string(network->name));
	json_object_set_new(object, "tenant", json_string(network->tenant->name));
	json_object_set_new(object, "vlan", owns ? vlan_or_null(network) : json_null());
	json_object_set_new(object, "ports", number(ports));
	json_object_set_new(object, "macs", number(macs));
	json_object_set_new(object, "mtu", number(network->mtu));
	json_object_set_new(object, "isolated", json_boolean(network->isolated));
	json_object_set_new(object, "share", network_shares(&call->caller, network));
	return object;
}

json_t *report_networks(struct api_call *call)
{
	const struct model *model = call->daemon->running.model;
	json_t *list = json_array();
	struct learned learned;

	report_learned(call->daemon, &learned);
	for (uint32_t i = 0; list && i < model->n_networks; i++)
		if (caller_sees_network(&call->caller, &model->networks[i]))
			json_array_append_new(list,
					      network_make(call, &model->networks[i], &learned));
	return api_result(call, list);
}

/* ---- ports ---- */

static json_t *port_groups(const struct model_port *port)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < port->n_groups; i++)
		json_array_append_new(names, json_string(port->groups[i]->name));
	return names;
}

static json_t *acl_or_null(const struct model_rules *acl)
{
	return acl ? json_string(acl->name) : json_null();
}

static json_t *port_make(const struct daemon *daemon, const struct model_port *port,
			 const struct learned *learned)
{
	struct port_ref ref = ids_port(daemon->running.ids, port->name);
	struct attachment_report attachment = port_attachment(daemon, port);
	const struct port_counters *counters = report_counters(daemon, ref);
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(port->name));
	json_object_set_new(object, "tenant",
			    port->tenant ? json_string(port->tenant->name) : json_null());
	json_object_set_new(object, "type", json_string(port_type(port)));
	json_object_set_new(object, "network", network_or_null(port->native));
	json_object_set_new(object, "vlan", vlan_or_null(port->native));
	json_object_set_new(object, "mode",
			    json_string(port->mode == POLICY_ACCESS ? "access"
					: port->mode == POLICY_QINQ ? "qinq"
								    : "trunk"));
	json_object_set_new(object, "state", json_string(attachment_state_word(attachment.state)));
	json_object_set_new(object, "text", text_or_null(attachment.text));
	json_object_set_new(object, "mac", port_mac(port, learned->ports[ref.id]));
	json_object_set_new(object, "addresses", port_addresses(port));
	json_object_set_new(object, "groups", port_groups(port));
	json_object_set_new(object, "queues", number(port->queues));
	json_object_set_new(object, "rx_packets", number(counters->rx_frames));
	json_object_set_new(object, "rx_bytes", number(counters->rx_bytes));
	json_object_set_new(object, "tx_packets", number(counters->tx_frames));
	json_object_set_new(object, "tx_bytes", number(counters->tx_bytes));
	json_object_set_new(object, "drops", number(report_lost(counters)));
	return object;
}

json_t *report_ports(struct api_call *call)
{
	const struct model *model = call->daemon->running.model;
	json_t *list = json_array();
	struct learned learned;

	report_learned(call->daemon, &learned);
	for (uint32_t i = 0; list && i < model->n_ports; i++) {
		const struct model_port *port = &model->ports[i];

		if ((call->kind == EDIT_PORT) == (port->tenant != NULL) &&
		    caller_sees(&call->caller, port->name))
			json_array_append_new(list, port_make(call->daemon, port, &learned));
	}
	return api_result(call, list);
}

/* Received = delivered + dropped + consumed; offered = sent + missed. */
static json_t *ledger_make(const struct port_counters *counters)
{
	uint64_t dropped = 0, missed = 0;
	json_t *ledger;

	for (unsigned i = 0; i < DROP__COUNT; i++) {
		dropped += counters->dropped[i];
		missed += counters->missed[i];
	}
	ledger = json_object();
	json_object_set_new(ledger, "received", number(counters->rx_frames));
	json_object_set_new(ledger, "delivered", number(counters->delivered));
	json_object_set_new(ledger, "dropped", number(dropped));
	json_object_set_new(ledger, "consumed", number(counters->consumed));
	json_object_set_new(ledger, "offered", number(counters->offered));
	json_object_set_new(ledger, "sent", number(counters->tx_frames));
	json_object_set_new(ledger, "missed", number(missed));
	return ledger;
}

/* What the guest did wrong, by its words; what never happened is left out. */
static json_t *faults_make(const struct port_counters *counters)
{
	json_t *faults = json_object();

	for (unsigned i = 0; i < FAULT__COUNT; i++) {
		json_t *fault;

		if (!counters->faults[i])
			continue;
		fault = json_object();
		json_object_set_new(fault, "times", number(counters->faults[i]));
		json_object_set_new(fault, "explanation", json_string(fault_text((enum fault)i)));
		json_object_set_new(faults, fault_word((enum fault)i), fault);
	}
	return faults;
}

/* All that is known about a port. */
static json_t *port_show(const struct daemon *daemon, const struct model_port *port)
{
	struct attachment_report attachment = port_attachment(daemon, port);
	const struct port_counters *counters;
	struct learned learned;
	json_t *object;

	report_learned(daemon, &learned);
	object = port_make(daemon, port, &learned);
	json_object_set_new(object, "macs", port_macs(port));
	json_object_set_new(object, "trunk", port_trunk(port));
	json_object_set_new(object, "mtu", number(model_port_mtu(port)));
	json_object_set_new(object, "acl_in", acl_or_null(port->acl_in));
	json_object_set_new(object, "acl_out", acl_or_null(port->acl_out));
	json_object_set_new(object, "spoof_guard", json_boolean(port->spoof_guard));
	if (port->device == MODEL_VHOST_USER) {
		json_object_set_new(object, "socket", json_string(port->path));
		json_object_set_new(object, "socket_mode",
				    json_string(port->dials ? "client" : "server"));
		json_object_set_new(object, "features", feature_words(attachment.features));
		json_object_set_new(object, "copy",
				    *attachment.copy ? json_string(attachment.copy) : json_null());
	} else {
		json_object_set_new(object, "interface", json_string(port->device_name));
	}
	json_object_set_new(object, "queues_running", number(attachment.queue_pairs));
	json_object_set_new(object, "workers", worker_numbers(attachment.workers));
	json_object_set_new(object, "state_since_s",
			    number((loop_now() - attachment.since) / 1000));
	counters = report_counters(daemon, ids_port(daemon->running.ids, port->name));
	if (port->device == MODEL_VHOST_USER)
		json_object_set_new(object, "faults", faults_make(counters));
	json_object_set_new(object, "ledger", ledger_make(counters));
	return object;
}

/* The object @name of the call's kind, as the model has it. */
static json_t *object_show(struct api_call *call, const char *name)
{
	const struct daemon *daemon = call->daemon;
	const struct model *model = daemon->running.model;
	const struct model_port *port = NULL;
	struct learned learned;

	if (call->kind == EDIT_TENANT && model_tenant(model, name))
		return tenant_make(daemon, model_tenant(model, name));
	if (call->kind == EDIT_NETWORK && model_network(model, name)) {
		report_learned(daemon, &learned);
		return network_make(call, model_network(model, name), &learned);
	}
	if (call->kind == EDIT_SET || call->kind == EDIT_GROUP || call->kind == EDIT_ACL)
		return report_filter(daemon, call->kind, name);
	if (call->kind == EDIT_PORT || call->kind == EDIT_UPLINK)
		port = model_port(model, name);
	return port && (call->kind == EDIT_PORT) == (port->tenant != NULL) ? port_show(daemon, port)
									   : NULL;
}

json_t *report_object(struct api_call *call)
{
	const char *name = api_text(call, "name");
	json_t *object;

	if (call->kind == EDIT_NETWORK ? !api_network(call, name) : !api_sees(call, name))
		return NULL;
	object = object_show(call, name);
	if (!object)
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no %s `%s`",
				edit_kind_word(call->kind), name);
	if (caller_sees(&call->caller, name))
		json_object_set(object, "configuration",
				edit_find(call->daemon->running.state.document, call->kind, name));
	return object;
}

json_t *report_document(struct api_call *call)
{
	return json_incref(call->daemon->running.state.document);
}
