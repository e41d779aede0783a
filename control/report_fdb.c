/*
 * report_fdb - which addresses are known, bound and learned ones.
 */
#include <string.h>

#include "control/address.h"
#include "control/report.h"

/* Is a learned entry still good: its network, its port and its age? */
static bool entry_lives(const struct daemon *daemon, const struct fdb_entry *entry)
{
	const struct policy *policy = daemon->running.policy;
	const struct policy_network *network = policy_network(policy, entry->network);

	return network && network->generation == entry->network_generation &&
	       policy_port(policy, entry->port) && loop_now() - entry->seen <= network->age_ms;
}

void report_learned(const struct daemon *daemon, struct learned *ret_learned)
{
	const struct fdb *fdb = dataplane_fdb(daemon->dataplane);
	struct fdb_entry entry;
	uint32_t cursor = 0;

	memset(ret_learned, 0, sizeof(*ret_learned));
	while (fdb && fdb_next(fdb, &cursor, &entry)) {
		if (!entry_lives(daemon, &entry))
			continue;
		ret_learned->networks[entry.network]++;
		ret_learned->ports[entry.port.id] = entry.mac;
	}
}

static json_t *entry_make(const char *network, mac48 mac, const char *port, bool bound,
			  clock_ms age_ms)
{
	char text[ADDRESS_MAC_TEXT];

	return json_pack("{s:s, s:s, s:s, s:o, s:b}", "network", network, "mac",
			 address_format_mac(mac, text), "port", port, "age_s",
			 bound ? json_null() : json_integer((json_int_t)(age_ms / 1000)), "static",
			 bound);
}

/* May the caller see what is behind @port in a network that he sees? */
static bool shows(const struct api_call *call, const struct model_network *network,
		  const struct model_port *port)
{
	return caller_sees(&call->caller, network->name) || caller_sees(&call->caller, port->name);
}

/* The addresses that the configuration binds, in each network that their port carries. */
static void add_bound(json_t *list, const struct api_call *call,
		      const struct model_network *network)
{
	const struct model *model = call->daemon->running.model;

	for (uint32_t p = 0; p < model->n_ports; p++) {
		const struct model_port *port = &model->ports[p];

		if (!port->n_macs || !model_port_carries(port, network) ||
		    !shows(call, network, port))
			continue;
		for (uint32_t m = 0; m < port->n_macs; m++)
			json_array_append_new(list, entry_make(network->name, port->macs[m],
							       api_port_name(call, port), true, 0));
	}
}

static const char *policy_name(const struct policy *policy, uint32_t offset)
{
	return policy_at(policy, offset);
}

/* The learned addresses of @network (0: of all that the caller sees). */
static void add_learned(json_t *list, const struct api_call *call, uint16_t network)
{
	const struct running *running = &call->daemon->running;
	const struct policy *policy = running->policy;
	const struct fdb *fdb = dataplane_fdb(call->daemon->dataplane);
	clock_ms now = loop_now();
	struct fdb_entry entry;
	uint32_t cursor = 0;

	while (fdb && fdb_next(fdb, &cursor, &entry)) {
		const struct model_network *in;
		const struct model_port *port;

		if ((network && entry.network != network) || !entry_lives(call->daemon, &entry))
			continue;
		in = model_network(
			running->model,
			policy_name(policy, policy_network(policy, entry.network)->name));
		port = model_port(running->model,
				  policy_name(policy, policy_port(policy, entry.port)->name));
		if (shows(call, in, port))
			json_array_append_new(
				list, entry_make(in->name, entry.mac, api_port_name(call, port),
						 false, now > entry.seen ? now - entry.seen : 0));
	}
}

json_t *report_fdb(struct api_call *call)
{
	const struct running *running = &call->daemon->running;
	const char *name = api_text(call, "network");
	json_t *list;

	if (name && !api_network(call, name))
		return NULL;
	list = json_array();
	for (uint32_t i = 0; list && i < running->model->n_networks; i++) {
		const struct model_network *network = &running->model->networks[i];

		if (!name || !strcmp(name, network->name))
			add_bound(list, call, network);
	}
	add_learned(list, call, name ? ids_network(running->ids, name) : 0);
	return api_result(call, list);
}

/* The group in words, as RFC 4541 has them for those that are none. */
static json_t *group_words(struct policy_address group)
{
	struct policy_prefix4 four = {(uint32_t)group.low, UINT32_MAX};
	struct policy_prefix6 six = {{group.high, group.low}, {UINT64_MAX, UINT64_MAX}};
	char text[ADDRESS_PREFIX_TEXT];

	if (policy_address_equal(group, FDB_EVERYTHING))
		return json_string("everything");
	if (policy_address_equal(group, FDB_ROUTERS4))
		return json_string("router (IPv4)");
	if (policy_address_equal(group, FDB_ROUTERS6))
		return json_string("router (IPv6)");
	return json_string(group.high ? address_format_prefix6(&six, text)
				      : address_format_prefix4(&four, text));
}

/* What @port wants of @network (0: of all that the caller sees). */
static void add_wanted(json_t *list, const struct api_call *call, const struct model_port *port,
		       uint16_t network)
{
	const struct running *running = &call->daemon->running;
	const struct fdb *fdb = dataplane_fdb(call->daemon->dataplane);
	struct port_ref ref = ids_port(running->ids, port->name);
	struct fdb_wanted wanted;
	uint32_t cursor = 0;

	while (fdb && fdb_next_wanted(fdb, running->policy, ref, &cursor, loop_now(), &wanted)) {
		const char *name;

		if (network && wanted.network != network)
			continue;
		name = policy_name(running->policy,
				   policy_network(running->policy, wanted.network)->name);
		if (!shows(call, model_network(running->model, name), port))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:i}", "network", name,
						      "group", group_words(wanted.group), "port",
						      api_port_name(call, port), "left_s",
						      (int)(wanted.left_ms / 1000)));
	}
}

json_t *report_multicast(struct api_call *call)
{
	const struct running *running = &call->daemon->running;
	const char *name = api_text(call, "network");
	json_t *list;

	if (name && !api_sees(call, name))
		return NULL;
	if (name && !model_network(running->model, name))
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no network `%s`", name);
	list = json_array();
	for (uint32_t i = 0; list && i < running->model->n_ports; i++)
		add_wanted(list, call, &running->model->ports[i],
			   name ? ids_network(running->ids, name) : 0);
	return api_result(call, list);
}
