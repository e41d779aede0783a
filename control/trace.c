/*
 * trace - see trace.h.
 */
#include "control/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/explain.h"
#include "control/trace_frame.h"
#include "switch/decide.h"

enum {
	/* Locally administered, for those whose address nobody knows. */
	SOMEBODY_HERE = 0x0200005ec001,
	STEP_TEXT = EXPLAIN_TEXT + 300,
	REFUSALS_TOLD = 16, /* as steps */
};
static const mac48 somebody_there = 0x0200005ec002;

struct trace {
	const struct api_call *call;
	const struct policy *policy;
	const struct model_port *port;
	struct frame frame;
	struct decision decision;
	json_t *stages;
	json_t *refused; /* ports that a flooded frame does not get to */
};

/* One more stage in words. */
__attribute__((format(printf, 4, 5))) static void step(struct trace *trace, const char *stage,
						       bool passed, const char *format, ...)
{
	char text[STEP_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_array_append_new(trace->stages, json_pack("{s:s, s:b, s:o}", "stage", stage, "passed",
						       (int)passed, "text", api_json_text(text)));
}

static const struct model_port *port_of(const struct trace *trace, uint16_t id)
{
	return model_port(trace->call->daemon->running.model,
			  policy_at(trace->policy, policy_ports(trace->policy)[id].name));
}

static const char *port_name(const struct trace *trace, uint16_t id)
{
	return api_port_name(trace->call, port_of(trace, id));
}

static const char *network_name(const struct trace *trace)
{
	return policy_at(trace->policy,
			 policy_networks(trace->policy)[trace->decision.network].name);
}

/* ---- making the frame ---- */

/* The MAC of the port that @address is bound to, in a network that @port carries; 0: unknown. */
static mac48 mac_of_address(const struct trace *trace, const struct address_prefix *address)
{
	const struct model *model = trace->call->daemon->running.model;

	for (uint32_t p = 0; p < model->n_ports; p++) {
		const struct model_port *port = &model->ports[p];
		bool bound = false;

		for (uint32_t i = 0; i < port->n_addresses4 && address->family == AF_INET; i++)
			bound |= port->addresses4[i].address == address->v4.address;
		for (uint32_t i = 0; i < port->n_addresses6 && address->family == AF_INET6; i++)
			bound |= !memcmp(port->addresses6[i].address, address->v6.address,
					 sizeof(address->v6.address));
		if (bound && port->n_macs && port->tenant == trace->port->tenant)
			return port->macs[0];
	}
	return 0;
}

/* An address behind the sending port: bound, or else seen there. */
static mac48 mac_of_sender(const struct trace *trace)
{
	struct port_ref ref = ids_port(trace->call->daemon->running.ids, trace->port->name);
	struct learned learned;

	if (trace->port->n_macs)
		return trace->port->macs[0];
	report_learned(trace->call->daemon, &learned);
	return learned.ports[ref.id] ? learned.ports[ref.id] : SOMEBODY_HERE;
}

/* Give the frame the addresses that were not said. */
static void macs_complete(struct trace *trace, struct trace_frame *made)
{
	char text[ADDRESS_MAC_TEXT];

	if (!made->src)
		made->src = mac_of_sender(trace);
	if (!made->dst && made->target.family)
		made->dst = mac_of_address(trace, &made->target);
	if (!made->dst) {
		made->dst = somebody_there;
		step(trace, "note", true,
		     "no port binds the destination's address, so its MAC is not known here: %s "
		     "stands for it; `dst-mac MAC` says another",
		     address_format_mac(made->dst, text));
	}
}

/* How long the frame is of which @bytes are given: as long, or as `length` says. */
static bool length_read(struct api_call *call, unsigned bytes, uint32_t *ret_length)
{
	const json_t *said = json_object_get(call->params, "length");
	json_int_t length = said ? json_integer_value(said) : bytes;

	if (length < bytes || length > LIMIT_FRAME) {
		api_fail(call, API_USAGE, "bad-frame", "`length` is a number from %u to %d", bytes,
			 LIMIT_FRAME);
		return false;
	}
	*ret_length = (uint32_t)length;
	return true;
}

/* Put the frame that the call describes into @trace; its bytes as hex into @ret_hex. */
static bool frame_make(struct api_call *call, struct trace *trace, json_t **ret_hex)
{
	const char *text = api_text(call, "frame"), *hex = api_text(call, "hex");
	struct trace_frame made = {0};
	uint8_t bytes[TRACE_FRAME_BYTES];
	char digits[2 * TRACE_FRAME_BYTES + 1];
	char why[TRACE_FRAME_WHY];
	int length;

	if (!text == !hex) {
		api_fail(call, API_USAGE, "bad-frame", "give either a frame in words or in hex");
		return false;
	}
	if (text && trace_frame_parse(text, &made, why)) {
		api_fail(call, API_USAGE, "bad-frame", "%s", why);
		return false;
	}
	if (text)
		macs_complete(trace, &made);
	length = text ? (int)trace_frame_write(&made, bytes) : trace_frame_hex(hex, bytes);
	if (length <= 0) {
		api_fail(call, API_USAGE, "bad-frame", "not the hex digits of 1 to %d bytes",
			 TRACE_FRAME_BYTES);
		return false;
	}
	if (!length_read(call, (unsigned)length, &trace->frame.len))
		return false;
	trace->frame.head_len = (uint16_t)(length < FRAME_HEAD ? length : FRAME_HEAD);
	memcpy(trace->frame.head, bytes, trace->frame.head_len);
	for (int i = 0; i < length; i++)
		sprintf(digits + 2 * i, "%02x", bytes[i]);
	*ret_hex = json_string(digits);
	return true;
}

/* ---- putting the decision into words ---- */

/* Say that @stage was passed, in @format's words; or that it dropped the frame. False: the latter. */
__attribute__((format(printf, 4, 5))) static bool stage_passed(struct trace *trace,
							       enum decide_stage stage,
							       const char *name, const char *format,
							       ...)
{
	const struct decision *decision = &trace->decision;
	char text[STEP_TEXT];
	va_list arguments;

	if (decision->fate == FATE_DROP && decision->stage == stage) {
		step(trace, name, false, "dropped: %s: %s", drop_word(decision->drop),
		     drop_text(decision->drop));
		return false;
	}
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	step(trace, name, true, "%s", text);
	return true;
}

static const char *ethertype_word(uint16_t ethertype)
{
	switch (ethertype) {
	case ETHERTYPE_IPV4: return "IPv4";
	case ETHERTYPE_IPV6: return "IPv6";
	case ETHERTYPE_ARP: return "ARP";
	default: return "ethertype";
	}
}

static bool tell_parse(struct trace *trace)
{
	const struct frame_l2 *l2 = &trace->decision.l2;
	char src[ADDRESS_MAC_TEXT], dst[ADDRESS_MAC_TEXT], tag[32] = "untagged";

	if (l2->tagged)
		snprintf(tag, sizeof(tag), "vlan %u", l2->tci & 0xfffU);
	return stage_passed(trace, STAGE_PARSE, "parse", "%s > %s, %s (0x%04x), %s, %u bytes",
			    address_format_mac(l2->src, src), address_format_mac(l2->dst, dst),
			    ethertype_word(l2->ethertype), l2->ethertype, tag, trace->frame.len);
}

static bool tell_place(struct trace *trace)
{
	bool placed = trace->decision.stage > STAGE_PLACE;

	return stage_passed(trace, STAGE_PLACE, "place", "%s port: network %s",
			    trace->port->mode == POLICY_ACCESS ? "access"
			    : trace->port->mode == POLICY_QINQ ? "qinq"
							       : "trunk",
			    placed ? network_name(trace) : "");
}

static bool tell_guard(struct trace *trace)
{
	bool guarded =
		trace->port->spoof_guard &&
		(trace->port->n_macs || trace->port->n_addresses4 || trace->port->n_addresses6);

	return stage_passed(trace, STAGE_GUARD, "guard", "%s",
			    guarded ? "its source is what is bound to the port"
				    : "nothing is bound to the port: any source may speak");
}

/* The rule of @hit, as far as it is the caller's to know. */
static void rule_words(const struct trace *trace, const struct filter_hit *hit,
		       char ret_text[EXPLAIN_TEXT])
{
	if (api_sees_list(trace->call, hit->list))
		explain_hit(trace->call->daemon->running.model, hit, ret_text);
	else
		snprintf(ret_text, EXPLAIN_TEXT, "another tenant's rules");
}

/* What became of it in one step through the rules, which @who's are. */
static bool tell_rules(struct trace *trace, enum filter_step which, enum drop refusal,
		       const char *name, const char *who)
{
	const struct decision *decision = &trace->decision;
	const struct filter_hit *hit = &decision->hits[which];
	bool refused = decision->fate == FATE_DROP && decision->drop == refusal;
	char text[EXPLAIN_TEXT];

	if (!hit->list && !refused)
		return true;
	if (hit->list)
		rule_words(trace, hit, text);
	else
		snprintf(text, sizeof(text), "no groups");
	if (hit->list && hit->rule == FILTER_NO_RULE && !refused)
		snprintf(text, sizeof(text), "neighbour discovery needs no rule");
	step(trace, name, !refused, "%s%s: %s", who, refused ? " refuse it" : "", text);
	return !refused;
}

/* The sender's `acl: in`. */
static bool tell_admit(struct trace *trace)
{
	if (trace->decision.stage == STAGE_ADMIT && trace->decision.drop == DROP_ILLEGIBLE)
		return stage_passed(trace, STAGE_ADMIT, "acl", "%s", "");
	return tell_rules(trace, FILTER_ACL_IN, DROP_ACL_IN, "acl", "the sender's rules");
}

/* What the frame is to the sessions, if it is anything to them. */
static void tell_session(struct trace *trace)
{
	static const char *const words[] = {
		[SESSION_ESTABLISHED] = "goes on with a session",
		[SESSION_REPLY] = "answers in a session",
		[SESSION_RELATED] = "an error about a packet of a session",
		[SESSION_FRAGMENT] = "goes on with a packet that passed",
	};
	const struct filter *filter = &trace->decision.filter;
	unsigned verdict = filter->found.verdict;

	if (trace->decision.fate == FATE_DROP || !filter->tracked ||
	    verdict >= sizeof(words) / sizeof(words[0]) || !words[verdict])
		return;
	step(trace, "session", true, "%s%s", words[verdict],
	     filter->found.again ? ", which the rules still allow" : "");
}

/* The rules of both ports, of a frame for one of them. */
static bool tell_filter(struct trace *trace)
{
	static const struct {
		enum filter_step step;
		enum drop refusal;
		const char *name, *who;
	} steps[] = {
		{FILTER_GROUP_OUT, DROP_GROUP_OUT, "groups", "the sender's groups"},
		{FILTER_GROUP_IN, DROP_GROUP_IN, "groups", "the receiver's groups"},
		{FILTER_ACL_OUT, DROP_ACL_OUT, "acl", "the receiver's rules"},
	};

	tell_session(trace);
	if (trace->decision.stage == STAGE_FILTER && trace->decision.fate == FATE_DROP &&
	    trace->decision.drop != DROP_GROUP_OUT && trace->decision.drop != DROP_GROUP_IN &&
	    trace->decision.drop != DROP_ACL_OUT)
		return stage_passed(trace, STAGE_FILTER, "session", "%s", "");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!tell_rules(trace, steps[i].step, steps[i].refusal, steps[i].name,
				steps[i].who))
			return false;
	return true;
}

/* The step that refused for @drop, if rules did; NULL if not. */
static const struct filter_hit *refusing_hit(enum drop drop,
					     const struct filter_hit hits[FILTER__STEPS])
{
	switch (drop) {
	case DROP_GROUP_OUT: return &hits[FILTER_GROUP_OUT];
	case DROP_GROUP_IN: return &hits[FILTER_GROUP_IN];
	case DROP_ACL_OUT: return &hits[FILTER_ACL_OUT];
	default: return NULL;
	}
}

/* One port that may not get a flooded frame, and why. */
static void tell_refusal(struct trace *trace, uint16_t id, enum drop drop,
			 const struct filter_hit hits[FILTER__STEPS])
{
	const struct filter_hit *hit = refusing_hit(drop, hits);
	const char *name = port_name(trace, id);
	char rule[EXPLAIN_TEXT] = "";

	if (hit && hit->list)
		rule_words(trace, hit, rule);
	if (json_array_size(trace->refused) < REFUSALS_TOLD)
		step(trace, explain_stage(STAGE_FILTER, drop), false, "not to %s: %s: %s", name,
		     drop_word(drop), *rule ? rule : drop_text(drop));
	json_array_append_new(trace->refused,
			      json_pack("{s:s, s:s, s:s, s:o}", "port", name, "reason",
					drop_word(drop), "explanation", drop_text(drop), "rule",
					*rule ? api_json_text(rule) : json_null()));
}

/* Each port of the network that a flooded frame does not get to. */
static void tell_refusals(struct trace *trace)
{
	const struct policy *policy = trace->policy;
	const struct policy_network *network = &policy_networks(policy)[trace->decision.network];
	const uint16_t *members = policy_at(policy, network->members);
	size_t told;

	for (uint32_t i = 0; i < network->n_members; i++) {
		struct filter_hit hits[FILTER__STEPS] = {{0}};
		uint16_t tag;
		enum drop drop =
			decide_flood_permits(policy, &trace->decision, members[i], &tag, hits);

		if (drop != DROP_NONE && members[i] != trace->decision.in)
			tell_refusal(trace, members[i], drop, hits);
	}
	told = json_array_size(trace->refused);
	if (told > REFUSALS_TOLD)
		step(trace, "note", false, "and not to %zu more", told - REFUSALS_TOLD);
}

/* Who may get a flooded frame. */
static unsigned count_flood(const struct trace *trace)
{
	uint32_t cursor = 0;
	uint16_t port, tag;
	unsigned n = 0;

	while (decide_flood_next(trace->policy, &trace->decision, &cursor, &port, &tag))
		n++;
	return n;
}

static bool tell_lookup(struct trace *trace)
{
	const struct decision *decision = &trace->decision;
	char dst[ADDRESS_MAC_TEXT];
	const char *name = decision->output ? port_name(trace, decision->output) : "";

	address_format_mac(decision->l2.dst, dst);
	switch (decision->lookup) {
	case LOOKUP_STATIC:
		return stage_passed(trace, STAGE_LOOKUP, "lookup", "%s is bound to port %s", dst,
				    name);
	case LOOKUP_LEARNED:
		return stage_passed(trace, STAGE_LOOKUP, "lookup", "%s was learned behind port %s",
				    dst, name);
	case LOOKUP_UNKNOWN:
		return stage_passed(trace, STAGE_LOOKUP, "lookup",
				    "%s is not known: flooded in the network", dst);
	case LOOKUP_GROUP:
		return stage_passed(trace, STAGE_LOOKUP, "lookup",
				    "%s is a group address: flooded in the network", dst);
	case LOOKUP_WANTED:
		return stage_passed(trace, STAGE_LOOKUP, "lookup",
				    "%s is a group address: to the ports that want it", dst);
	case LOOKUP_OWNER:
		return stage_passed(trace, STAGE_LOOKUP, "lookup",
				    "it asks for an address that is bound to port %s: asked alone",
				    name);
	case LOOKUP_NONE: break;
	}
	return stage_passed(trace, STAGE_LOOKUP, "lookup", "%s", dst);
}

static bool tell_permit(struct trace *trace)
{
	const struct decision *decision = &trace->decision;

	if (decision->fate == FATE_FLOOD)
		return stage_passed(trace, STAGE_PERMIT, "permit", "%u ports of %s may get it",
				    count_flood(trace), network_name(trace));
	return stage_passed(trace, STAGE_PERMIT, "permit", "port %s may get it",
			    decision->output ? port_name(trace, decision->output) : "");
}

/* One output; true if the frame gets there. */
static bool tell_output(struct trace *trace, json_t *outputs, uint16_t id, uint16_t tag)
{
	struct attachment_report report = {.state = ATTACHMENT_WAITING};
	const char *name = port_name(trace, id);
	struct port_ref ref = {id, policy_ports(trace->policy)[id].generation};
	char how[32] = "untagged";

	attachments_report(trace->call->daemon->attachments, ref, &report);
	if (policy_ports(trace->policy)[id].mode == POLICY_QINQ)
		snprintf(how, sizeof(how), "as it came");
	else if (tag != POLICY_UNTAGGED)
		snprintf(how, sizeof(how), "with %svlan %u", tag & POLICY_SERVICE ? "service " : "",
			 tag & ~POLICY_SERVICE);
	if (report.state == ATTACHMENT_UP)
		step(trace, "deliver", true, "to %s, %s", name, how);
	else
		step(trace, "deliver", false, "not to %s, which is %s: %s", name,
		     attachment_state_word(report.state), drop_word(DROP_PORT_DOWN));
	json_array_append_new(outputs,
			      json_pack("{s:s, s:o, s:s}", "port", name, "vlan",
					tag != POLICY_UNTAGGED ? json_integer(tag & ~POLICY_SERVICE)
							       : json_null(),
					"state", attachment_state_word(report.state)));
	return report.state == ATTACHMENT_UP;
}

/* Every stage that the decision went through, and where the frame ends. */
static bool tell(struct trace *trace, json_t *outputs)
{
	const struct decision *decision = &trace->decision;
	bool delivered = false;
	uint32_t cursor = 0;
	uint16_t port, tag;

	if (!tell_parse(trace) || !tell_place(trace) || !tell_guard(trace) || !tell_admit(trace) ||
	    !tell_lookup(trace))
		return false;
	if (!decision->output && decision->fate == FATE_DROP) { /* nobody gets it */
		tell_refusals(trace);
		return stage_passed(trace, decision->stage, "permit", "%s", "");
	}
	if (!tell_permit(trace) || !tell_filter(trace))
		return false;
	if (decision->fate == FATE_UNICAST)
		return tell_output(trace, outputs, decision->output, decision->tag);
	tell_refusals(trace);
	while (decide_flood_next(trace->policy, decision, &cursor, &port, &tag))
		delivered |= tell_output(trace, outputs, port, tag);
	return delivered;
}

static json_t *trace_run(struct api_call *call, struct trace *trace)
{
	struct running *running = &call->daemon->running;
	struct port_ref in = ids_port(running->ids, trace->port->name);
	const struct fdb *fdb = dataplane_fdb(call->daemon->dataplane);
	json_t *hex = NULL, *outputs;
	enum drop drop;
	bool delivered;

	if (!fdb)
		return api_fail(call, API_FAILED, "no-dataplane", "no data plane is running");
	if (!frame_make(call, trace, &hex))
		return NULL;
	decide(running->policy, fdb, dataplane_sessions(call->daemon->dataplane), &trace->frame, in,
	       loop_now(), &trace->decision);
	outputs = json_array();
	delivered = tell(trace, outputs);
	drop = trace->decision.fate == FATE_DROP ? trace->decision.drop : DROP_PORT_DOWN;
	return json_pack("{s:s, s:o, s:O, s:o, s:O, s:b, s:o, s:o}", "port", trace->port->name,
			 "frame", hex, "stages", trace->stages, "outputs", outputs, "refused",
			 trace->refused, "delivered", (int)delivered, "reason",
			 delivered ? json_null() : json_string(drop_word(drop)), "explanation",
			 delivered ? json_null() : json_string(drop_text(drop)));
}

json_t *trace_port(struct api_call *call)
{
	const char *name = api_text(call, "port");
	struct trace trace = {
		.call = call,
		.policy = call->daemon->running.policy,
		.port = model_port(call->daemon->running.model, name),
	};
	json_t *result;

	if (!api_sees(call, name))
		return NULL;
	if (!trace.port)
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no port `%s`", name);
	trace.stages = json_array();
	trace.refused = json_array();
	result = trace_run(call, &trace);
	json_decref(trace.stages);
	json_decref(trace.refused);
	return result ? result : call->code ? NULL : api_result(call, NULL);
}
