/*
 * reach - see reach.h.
 */
#include "control/reach.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/explain.h"
#include "control/trace_frame.h"

enum {
	PORTS_END = 1 << 16,
	ANSWER_MS = 100, /* of one call, however many rules and networks there are: others wait */
	TRAFFIC = 240,	 /* bytes of a row's words */
	RANGE = 16,	 /* of one range of ports */
	FRAME_TEXT = 200,
};

/* Who stands for a port that binds no address (RFC 5737, RFC 3849). */
static const char *const nobody4[] = {"192.0.2.1", "192.0.2.2"};
static const char *const nobody6[] = {"2001:db8::1", "2001:db8::2"};

/* What became of a probe. */
struct verdict {
	enum drop drop;
	const char *stage;
	char rule[EXPLAIN_TEXT]; /* "": none had a say */
};

struct reach {
	const struct api_call *call;
	const struct policy *policy;
	const struct fdb *fdb;
	const struct model_port *ports[2]; /* from, to */
	struct port_ref refs[2];
	mac48 macs[2];
	char addresses[2][ADDRESS_PREFIX_TEXT];
	const struct model_network *network;
	json_t *rows;
	bool reachable;
	bool cut; /* there was more to say */
	clock_ms begun;
	/* ranges begin here that a rule tells from those below */
	bool starts[PORTS_END + 1];
};

/* Is there time for more of the answer? */
static bool has_time(struct reach *reach)
{
	reach->cut |= loop_now() - reach->begun >= ANSWER_MS;
	return !reach->cut;
}

/* ---- asking ---- */

/* What a rule in @hit says, as far as it is the caller's to know. */
static void hit_words(const struct reach *reach, const struct filter_hit *hit,
		      char ret_text[EXPLAIN_TEXT])
{
	if (!api_sees_list(reach->call, hit->list))
		snprintf(ret_text, EXPLAIN_TEXT, "another tenant's rules");
	else
		explain_hit(reach->call->daemon->running.model, hit, ret_text);
}

/* The rule that decided: that refused, or the last one that let it pass. */
static void rule_words(const struct reach *reach, enum drop drop,
		       const struct filter_hit hits[FILTER__STEPS], char ret_text[EXPLAIN_TEXT])
{
	const struct filter_hit *hit = NULL;

	for (unsigned i = 0; drop == DROP_NONE && i < FILTER__STEPS; i++)
		if (hits[i].list && hits[i].rule != FILTER_NO_RULE)
			hit = &hits[i];
	switch (drop) {
	case DROP_ACL_IN: hit = &hits[FILTER_ACL_IN]; break;
	case DROP_GROUP_OUT: hit = &hits[FILTER_GROUP_OUT]; break;
	case DROP_GROUP_IN: hit = &hits[FILTER_GROUP_IN]; break;
	case DROP_ACL_OUT: hit = &hits[FILTER_ACL_OUT]; break;
	default: break;
	}
	ret_text[0] = '\0';
	if (hit && hit->list)
		hit_words(reach, hit, ret_text);
}

/* Does @frame get to the receiver? */
static void ask(struct reach *reach, const struct frame *frame, struct verdict *ret)
{
	struct decision decision;
	uint16_t tag;

	decide(reach->policy, reach->fdb, NULL, frame, reach->refs[0], loop_now(), &decision);
	/* of a flood, the receiver's own part */
	if (!decision.output && decision.stage >= STAGE_PERMIT) {
		decision.drop = decide_flood_permits(reach->policy, &decision, reach->refs[1].id,
						     &tag, decision.hits);
		decision.stage = STAGE_FILTER;
		if (decision.drop == DROP_OTHER_NETWORK || decision.drop == DROP_PRIVATE_VLAN)
			decision.stage = STAGE_PERMIT;
	} else if (decision.fate == FATE_UNICAST && decision.output != reach->refs[1].id) {
		decision.drop = DROP_NO_RECEIVER;
		decision.stage = STAGE_LOOKUP;
	}
	ret->drop = decision.drop;
	ret->stage = decision.drop == DROP_NONE ? "" : explain_stage(decision.stage, decision.drop);
	rule_words(reach, decision.drop, decision.hits, ret->rule);
}

/* The frame that @format describes (trace_frame.h), from the sender to the receiver. */
__attribute__((format(printf, 3, 4))) static void probe(struct reach *reach, struct verdict *ret,
							const char *format, ...)
{
	uint16_t tag = policy_tag(
		reach->policy, ids_network(reach->call->daemon->running.ids, reach->network->name),
		reach->refs[0].id);
	char text[FRAME_TEXT], why[TRACE_FRAME_WHY];
	uint8_t bytes[TRACE_FRAME_BYTES];
	struct trace_frame made;
	struct frame frame = {0};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	*ret = (struct verdict){.drop = DROP_NO_RECEIVER, .stage = "parse"};
	if (trace_frame_parse(text, &made, why))
		return;
	made.src = reach->macs[0];
	if (made.ethertype != ETHERTYPE_ARP)
		made.dst = reach->macs[1];
	made.tagged = tag != POLICY_UNTAGGED;
	made.vlan = made.tagged ? tag : 0;
	frame.len = trace_frame_write(&made, bytes);
	frame.head_len = (uint16_t)(frame.len < FRAME_HEAD ? frame.len : FRAME_HEAD);
	memcpy(frame.head, bytes, frame.head_len);
	ask(reach, &frame, ret);
}

/* ---- telling ---- */

static bool same(const struct verdict *a, const struct verdict *b)
{
	return a->drop == b->drop && !strcmp(a->stage, b->stage) && !strcmp(a->rule, b->rule);
}

static void tell(struct reach *reach, const char *traffic, const struct verdict *verdict)
{
	bool passes = verdict->drop == DROP_NONE;

	json_array_append_new(
		reach->rows,
		json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:o}", "network",
			  reach->network ? json_string(reach->network->name) : json_null(),
			  "traffic", traffic, "passes", (int)passes, "stage",
			  passes ? json_null() : json_string(verdict->stage), "reason",
			  passes ? json_null() : json_string(drop_word(verdict->drop)),
			  "explanation",
			  passes ? json_null() : json_string(drop_text(verdict->drop)), "rule",
			  *verdict->rule ? api_json_text(verdict->rule) : json_null()));
}

/* ---- TCP and UDP ---- */

static void divide(struct reach *reach, const struct rule_ports *ports)
{
	for (unsigned i = 0; i < ports->count; i++) {
		reach->starts[ports->ranges[i].first] = true;
		reach->starts[ports->ranges[i].last + 1] = true;
	}
}

static bool is_about(int rule_protocol, int protocol)
{
	return rule_protocol == RULE_ANY || rule_protocol == protocol;
}

static void divide_by_group(struct reach *reach, const struct model_rules *group, bool out,
			    int protocol)
{
	for (uint32_t i = 0; i < group->n_rules; i++) {
		const struct rule_group *rule = group->rules[i].group;

		if (rule->out == out && is_about(rule->protocol, protocol))
			divide(reach, &rule->ports);
	}
}

static void divide_by_acl(struct reach *reach, const struct model_rules *acl, int protocol)
{
	for (uint32_t i = 0; acl && i < acl->n_rules; i++)
		if (is_about(acl->rules[i].acl->protocol, protocol))
			divide(reach, &acl->rules[i].acl->to.ports);
}

/* Where do rules that have a say begin to speak of other ports? */
static void find_starts(struct reach *reach, int protocol)
{
	const struct model_port *from = reach->ports[0], *to = reach->ports[1];

	memset(reach->starts, 0, sizeof(reach->starts));
	/* what the guards of servers speak of (guard.h) */
	divide(reach, &(struct rule_ports){.count = 2, .ranges = {{67, 68}, {546, 547}}});
	for (uint32_t i = 0; i < from->n_groups; i++)
		divide_by_group(reach, from->groups[i], true, protocol);
	for (uint32_t i = 0; i < to->n_groups; i++)
		divide_by_group(reach, to->groups[i], false, protocol);
	divide_by_acl(reach, from->acl_in, protocol);
	divide_by_acl(reach, to->acl_out, protocol);
}

/* Rows of one protocol: ports that fare alike, in one row as long as its words have room. */
struct ranges {
	struct verdict verdict;
	char traffic[TRAFFIC];
	size_t used;	      /* of it, before its last range */
	unsigned first, last; /* that range; none: first is behind last */
};

/* Behind the last range of the row, or as more of it. */
static void add_range(struct ranges *row, unsigned first, unsigned last)
{
	bool more = row->first <= row->last && row->last + 1 == first;
	const char *comma;

	if (!more) {
		row->used = strlen(row->traffic);
		row->first = first;
	}
	row->last = last;
	comma = row->traffic[row->used - 1] == ' ' ? "" : ",";
	if (row->first == last)
		snprintf(row->traffic + row->used, TRAFFIC - row->used, "%s%u", comma, last);
	else
		snprintf(row->traffic + row->used, TRAFFIC - row->used, "%s%u-%u", comma,
			 row->first, last);
}

/* The row of @verdict among @rows, or a new one: "tcp " and no ports yet. */
static struct ranges *row_of(struct ranges **rows, unsigned *count, const struct verdict *verdict,
			     const char *word)
{
	struct ranges *more;

	for (unsigned i = *count; i-- > 0;)
		if (same(&(*rows)[i].verdict, verdict) &&
		    strlen((*rows)[i].traffic) + RANGE < TRAFFIC)
			return &(*rows)[i];
	more = reallocarray(*rows, *count + 1, sizeof(**rows));
	if (!more)
		return NULL;
	*rows = more;
	more[*count] = (struct ranges){.verdict = *verdict, .first = 1};
	snprintf(more[*count].traffic, TRAFFIC, "%s ", word);
	return &more[(*count)++];
}

static void explain_ports(struct reach *reach, int protocol, const char *word)
{
	struct ranges *rows = NULL, *row;
	unsigned count = 0, next;

	find_starts(reach, protocol);
	for (unsigned first = 0; first < PORTS_END && has_time(reach); first = next) {
		struct verdict verdict;

		for (next = first + 1; next < PORTS_END && !reach->starts[next];)
			next++;
		probe(reach, &verdict, "%s [%s]:33000 > [%s]:%u", word, reach->addresses[0],
		      reach->addresses[1], first);
		row = row_of(&rows, &count, &verdict, word);
		if (row)
			add_range(row, first, next - 1);
	}
	for (unsigned i = 0; i < count; i++) {
		reach->reachable |= rows[i].verdict.drop == DROP_NONE;
		tell(reach, rows[i].traffic, &rows[i].verdict);
	}
	free(rows);
}

/* ---- one network ---- */

/* The first address of the family that the port binds, or who stands for it. */
static void choose_address(const struct model_port *port, bool six, const char *nobody,
			   char ret_text[static ADDRESS_PREFIX_TEXT])
{
	struct policy_prefix4 four = {0, UINT32_MAX};
	struct policy_prefix6 host = {{0, 0}, {UINT64_MAX, UINT64_MAX}};

	snprintf(ret_text, ADDRESS_PREFIX_TEXT, "%s", nobody);
	if (six && port->n_addresses6) {
		/* of a prefix its first host */
		host.address[0] = port->addresses6[0].address[0];
		host.address[1] = port->addresses6[0].address[1] |
				  (port->addresses6[0].mask[1] != UINT64_MAX);
		address_format_prefix6(&host, ret_text);
	} else if (!six && port->n_addresses4) {
		four.address =
			port->addresses4[0].address | (port->addresses4[0].mask != UINT32_MAX);
		address_format_prefix4(&four, ret_text);
	}
}

static void explain_family(struct reach *reach, bool six)
{
	struct verdict verdict;

	for (unsigned i = 0; i < 2; i++)
		choose_address(reach->ports[i], six, six ? nobody6[i] : nobody4[i],
			       reach->addresses[i]);
	if (!six) {
		probe(reach, &verdict, "arp who-has %s tell %s", reach->addresses[1],
		      reach->addresses[0]);
		tell(reach, "arp", &verdict);
	}
	probe(reach, &verdict, "icmp %s > %s", reach->addresses[0], reach->addresses[1]);
	reach->reachable |= verdict.drop == DROP_NONE;
	tell(reach, six ? "icmpv6 echo-request" : "icmp echo-request", &verdict);
	explain_ports(reach, IPPROTO_TCP, "tcp");
	explain_ports(reach, IPPROTO_UDP, "udp");
}

static void explain_network(struct reach *reach, const struct model_network *network)
{
	bool has4 = reach->ports[0]->n_addresses4 || reach->ports[1]->n_addresses4;
	bool has6 = reach->ports[0]->n_addresses6 || reach->ports[1]->n_addresses6;

	reach->network = network;
	if (has4 || !has6)
		explain_family(reach, false);
	if (has6)
		explain_family(reach, true);
}

/* They have no network in common: what the predicate says to that. */
static void explain_apart(struct reach *reach)
{
	const struct model_port *from = reach->ports[0];
	const struct model_network *network = from->native    ? from->native
					      : from->n_trunk ? from->trunk[0].network
							      : NULL;
	struct verdict verdict = {.drop = DROP_NO_NETWORK, .stage = "place"};

	reach->network = network;
	if (network) {
		verdict.drop =
			policy_permits(reach->policy,
				       ids_network(reach->call->daemon->running.ids, network->name),
				       reach->refs[0].id, reach->refs[1].id)
				.drop;
		verdict.stage = "permit";
	}
	tell(reach, "any", &verdict);
}

/* ---- the method ---- */

static mac48 mac_of(const struct model_port *port, struct port_ref ref,
		    const struct learned *learned, mac48 nobody)
{
	if (port->n_macs)
		return port->macs[0];
	return learned->ports[ref.id] ? learned->ports[ref.id] : nobody;
}

static void explain(struct reach *reach)
{
	const struct model *model = reach->call->daemon->running.model;
	bool any = false;

	for (uint32_t i = 0; i < model->n_networks && has_time(reach); i++)
		if (model_port_carries(reach->ports[0], &model->networks[i]) &&
		    model_port_carries(reach->ports[1], &model->networks[i])) {
			any = true;
			explain_network(reach, &model->networks[i]);
		}
	if (!any && !reach->cut)
		explain_apart(reach);
}

static json_t *reach_run(struct api_call *call, struct reach *reach)
{
	struct daemon *daemon = call->daemon;
	struct attachment_report report = {.state = ATTACHMENT_WAITING};
	struct learned learned;

	reach->call = call;
	reach->begun = loop_now();
	reach->policy = daemon->running.policy;
	reach->fdb = dataplane_fdb(daemon->dataplane);
	if (!reach->fdb)
		return api_fail(call, API_FAILED, "no-dataplane", "no data plane is running");
	report_learned(daemon, &learned);
	for (unsigned i = 0; i < 2; i++) {
		reach->refs[i] = ids_port(daemon->running.ids, reach->ports[i]->name);
		reach->macs[i] =
			mac_of(reach->ports[i], reach->refs[i], &learned, 0x0200005ec001 + i);
	}
	attachments_report(daemon->attachments, reach->refs[1], &report);
	reach->rows = json_array();
	explain(reach);
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o}", "from", reach->ports[0]->name, "to",
			 reach->ports[1]->name, "state", attachment_state_word(report.state),
			 "reachable", (int)reach->reachable, "complete", (int)!reach->cut,
			 "traffic", reach->rows);
}

json_t *reach_explain(struct api_call *call)
{
	static const char *const params[] = {"from", "to"};
	struct reach *reach = calloc(1, sizeof(*reach));
	json_t *result = NULL;

	for (unsigned i = 0; reach && i < 2; i++) {
		const char *name = api_text(call, params[i]);

		if (api_sees(call, name))
			reach->ports[i] = model_port(call->daemon->running.model, name);
		if (!reach->ports[i]) {
			free(reach);
			return api_fail(call, API_NOT_FOUND, "not-found", "there is no port `%s`",
					name);
		}
	}
	if (reach)
		result = reach_run(call, reach);
	free(reach);
	return result ? result : call->code ? NULL : api_result(call, NULL);
}
