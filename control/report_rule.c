/*
 * report_rule - what filters frames: groups, ACLs, address sets, the hits of their
 * rules, and the sessions that groups let begin.
 *
 * Hits belong to a list, not to a port: of a list that several ports use they are
 * the sum. Of a group's rules only the packets are counted that they were asked
 * about: those that begin sessions, and those of none.
 */
#include <netinet/in.h>

#include "control/address.h"
#include "control/compile_lists.h"
#include "control/report.h"
#include "control/rule_words.h"

enum { SESSIONS_LOOKED_AT = 10000 }; /* for one answer: others wait meanwhile */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* ---- the lists themselves ---- */

/* What a lookup in the list reads at most, in cache lines. */
static uint32_t list_cost(const struct policy *policy, uint16_t list)
{
	const struct policy_rules *rules = policy_rules(policy, list);

	return rules->classify
		       ? classify_cost(policy_at(policy, rules->classify), CLASSIFY_KEY_SETS)
		       : 0;
}

static json_t *rules_make(const struct daemon *daemon, const struct model_rules *rules, bool is_acl)
{
	const struct policy *policy = daemon->running.policy;
	const struct model *model = daemon->running.model;
	uint32_t cost = is_acl ? list_cost(policy, compile_list_acl(model, rules))
			       : list_cost(policy, compile_list_in(model, rules)) +
					 list_cost(policy, compile_list_out(model, rules));

	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", rules->name, "tenant",
			 rules->tenant->name, "rules", number(rules->n_rules), "ports",
			 number(rules->n_ports), "cost", number(cost));
}

static json_t *set_make(const struct model_set *set)
{
	return json_pack("{s:s, s:s, s:o}", "name", set->name, "tenant", set->tenant->name,
			 "addresses", number(set->n_addresses4 + set->n_addresses6));
}

json_t *report_lists(struct api_call *call)
{
	const struct model *model = call->daemon->running.model;
	bool is_acl = call->kind == EDIT_ACL;
	uint32_t count = is_acl ? model->n_acls : model->n_groups;
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < count; i++) {
		const struct model_rules *rules = is_acl ? &model->acls[i] : &model->groups[i];

		if (caller_sees(&call->caller, rules->name))
			json_array_append_new(list, rules_make(call->daemon, rules, is_acl));
	}
	return api_result(call, list);
}

json_t *report_sets(struct api_call *call)
{
	const struct model *model = call->daemon->running.model;
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < model->n_sets; i++)
		if (caller_sees(&call->caller, model->sets[i].name))
			json_array_append_new(list, set_make(&model->sets[i]));
	return api_result(call, list);
}

json_t *report_filter(const struct daemon *daemon, enum edit_kind kind, const char *name)
{
	const struct model *model = daemon->running.model;

	if (kind == EDIT_SET && model_set(model, name))
		return set_make(model_set(model, name));
	if (kind == EDIT_GROUP && model_group(model, name))
		return rules_make(daemon, model_group(model, name), false);
	if (kind == EDIT_ACL && model_acl(model, name))
		return rules_make(daemon, model_acl(model, name), true);
	return NULL;
}

/* ---- hits ---- */

static json_t *place_text(const struct place *place)
{
	return place->file ? json_sprintf("%s:%u", place->file, place->line) : json_null();
}

/* Every rule of the list with its hits. @direction and @port may be NULL. */
static void add_rules(json_t *rows, const struct daemon *daemon, uint16_t list, const char *port,
		      const char *direction)
{
	const struct model *model = daemon->running.model;
	const struct policy_rules *compiled = policy_rules(daemon->running.policy, list);
	const struct counters *counters = dataplane_counters(daemon->dataplane);
	const struct model_rules *rules;
	uint32_t of_list = 0;

	if (!compile_find_rule(model, list, 0, &rules))
		return; /* it has no rules */
	for (uint32_t i = 0; i < rules->n_rules; i++) {
		const struct model_rule *rule = &rules->rules[i];
		uint64_t hits = 0, bytes = 0;
		char line[RULE_TEXT];

		if (compiled->kind == POLICY_ACL)
			rule_format_acl(rule->acl, line);
		else if (rule->group->out == (compiled->kind == POLICY_GROUP_OUT))
			rule_format_group(rule->group, line);
		else
			continue;
		if (counters)
			counters_sum_rule(counters, compiled->hits + of_list, compiled->hits_tag,
					  &hits, &bytes);
		of_list++;
		json_array_append_new(
			rows, json_pack("{s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "port",
					port ? json_string(port) : json_null(), "list", rules->name,
					"number", number(i + 1), "rule", line, "direction",
					direction ? json_string(direction) : json_null(), "hits",
					number(hits), "bytes", number(bytes), "written",
					place_text(&rule->written)));
	}
}

static void add_port_rules(json_t *rows, const struct daemon *daemon, const struct model_port *port)
{
	const struct model *model = daemon->running.model;

	if (port->acl_in)
		add_rules(rows, daemon, compile_list_acl(model, port->acl_in), port->name, "in");
	for (uint32_t i = 0; i < port->n_groups; i++) {
		add_rules(rows, daemon, compile_list_out(model, port->groups[i]), port->name,
			  "out");
		add_rules(rows, daemon, compile_list_in(model, port->groups[i]), port->name, "in");
	}
	if (port->acl_out)
		add_rules(rows, daemon, compile_list_acl(model, port->acl_out), port->name, "out");
}

json_t *report_rules(struct api_call *call)
{
	const struct daemon *daemon = call->daemon;
	const struct model *model = daemon->running.model;
	const char *name = api_text(call, "port");
	json_t *rows;

	if (name && !api_sees(call, name))
		return NULL;
	if (name && !model_port(model, name))
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no port `%s`", name);
	rows = json_array();
	if (name) {
		add_port_rules(rows, daemon, model_port(model, name));
		return api_result(call, rows);
	}
	for (uint32_t i = 0; i < model->n_groups; i++) {
		if (!caller_sees(&call->caller, model->groups[i].name))
			continue;
		add_rules(rows, daemon, compile_list_in(model, &model->groups[i]), NULL, "in");
		add_rules(rows, daemon, compile_list_out(model, &model->groups[i]), NULL, "out");
	}
	for (uint32_t i = 0; i < model->n_acls; i++)
		if (caller_sees(&call->caller, model->acls[i].name))
			add_rules(rows, daemon, compile_list_acl(model, &model->acls[i]), NULL,
				  NULL);
	return api_result(call, rows);
}

/* ---- sessions ---- */

static json_t *protocol_word(uint8_t protocol, uint8_t version)
{
	switch (protocol) {
	case 1: return version == 4 ? json_string("icmp") : json_integer(1);
	case 6: return json_string("tcp");
	case 17: return json_string("udp");
	case 58: return version == 6 ? json_string("icmpv6") : json_integer(58);
	case 132: return json_string("sctp");
	default: return json_sprintf("%u", protocol);
	}
}

/* "10.0.0.1:80", "[fd00::1]:80" */
static json_t *endpoint_text(const struct session_key *key, const uint64_t address[2],
			     uint16_t port)
{
	struct policy_prefix4 four = {(uint32_t)address[1], UINT32_MAX};
	struct policy_prefix6 six = {{address[0], address[1]}, {UINT64_MAX, UINT64_MAX}};
	char text[ADDRESS_PREFIX_TEXT];

	if (key->version == 4)
		address_format_prefix4(&four, text);
	else
		address_format_prefix6(&six, text);
	if (!port)
		return json_string(text);
	return json_sprintf(key->version == 4 ? "%s:%u" : "[%s]:%u", text, port);
}

/* The type of an ICMP query, as rules have it: "echo-request", or a number. */
static json_t *icmp_word(const struct session_key *key)
{
	const char *word = rule_word_of(key->version == 4 ? rule_icmp_types : rule_icmpv6_types,
					key->dst_port);

	return word ? json_string(word) : json_sprintf("%u", key->dst_port);
}

static bool is_icmp(const struct session_key *key)
{
	return key->protocol == (key->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Is one of the session's ports the caller's? */
static bool takes_part(const struct api_call *call, const struct session_entry *entry)
{
	const struct policy *policy = call->daemon->running.policy;
	const struct policy_port *in = policy_port(policy, entry->in);
	const struct policy_port *out = policy_port(policy, entry->out);

	return (in && caller_sees(&call->caller, policy_at(policy, in->name))) ||
	       (out && caller_sees(&call->caller, policy_at(policy, out->name)));
}

/* The session as a row, if the caller may see it, and it is of @only if that is not 0. */
static json_t *session_make(const struct api_call *call, const struct session_entry *entry,
			    uint16_t only)
{
	const struct policy *policy = call->daemon->running.policy;
	const struct session_key *opener = &entry->opener;
	const struct policy_network *network = policy_network(policy, opener->network);
	bool icmp = is_icmp(opener); /* whose ports are an identifier and a type */
	clock_ms now = loop_now();
	const char *name;

	if (!network || network->generation != opener->network_generation ||
	    (only && opener->network != only))
		return NULL;
	name = policy_at(policy, network->name);
	if (!caller_sees(&call->caller, name) && !takes_part(call, entry))
		return NULL;
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "network", name, "proto",
			 protocol_word(opener->protocol, opener->version), "src",
			 endpoint_text(opener, opener->src, icmp ? 0 : opener->src_port), "dst",
			 endpoint_text(opener, opener->dst, icmp ? 0 : opener->dst_port),
			 "icmp_type", icmp ? icmp_word(opener) : json_null(), "icmp_id",
			 icmp ? json_integer(opener->src_port) : json_null(), "state",
			 session_state_word(entry->state), "age_s",
			 number(now > entry->seen ? (now - entry->seen) / 1000 : 0), "packets",
			 number(entry->packets));
}

json_t *report_sessions(struct api_call *call)
{
	const struct running *running = &call->daemon->running;
	const struct sessions *sessions = dataplane_sessions(call->daemon->dataplane);
	const char *name = api_text(call, "network");
	json_int_t from = json_integer_value(json_object_get(call->params, "from"));
	struct session_entry entry;
	unsigned looked_at = 0;
	uint32_t cursor;
	json_t *list;

	if (name && !api_network(call, name))
		return NULL;
	if (from < 0 || from > UINT32_MAX)
		return api_fail(call, API_INVALID_PARAMS, "bad-params",
				"session.list: `from` is none that was given");
	cursor = (uint32_t)from;
	list = json_array();
	while (sessions && looked_at < SESSIONS_LOOKED_AT &&
	       session_next(sessions, &cursor, &entry)) {
		json_t *row =
			session_make(call, &entry, name ? ids_network(running->ids, name) : 0);

		if (row)
			json_array_append_new(list, row);
		looked_at++;
	}
	return api_result(call,
			  json_pack("{s:o, s:o}", "sessions", list, "next",
				    looked_at < SESSIONS_LOOKED_AT ? json_null() : number(cursor)));
}
