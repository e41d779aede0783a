/*
 * why - see why.h.
 *
 * A record names rules by numbers of the policy that refused the frame. If another
 * one runs by now, its numbers mean nothing here, and only the reason is told.
 */
#include "control/why.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "control/explain.h"
#include "control/frame_words.h"
#include "control/report.h"

/* " 80", of the port or ICMP type that a rule would name; or "". */
static const char *port_text(const struct frame_told *told, char text[static 8])
{
	const struct classify_key *key = &told->filter.key;
	bool icmp = key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;

	text[0] = '\0';
	if (key->dst_port != CLASSIFY_NO_PORT)
		snprintf(text, 8, " %u", icmp ? key->dst_port >> 8 : key->dst_port);
	return text;
}

/* The rule that would let it pass, and where it belongs; "" if no rule would. */
static void remedy_words(const struct frame_told *told, enum drop reason, const char *sender,
			 const char *receiver, char words[static FRAME_WORDS])
{
	char address[ADDRESS_PREFIX_TEXT], other[ADDRESS_PREFIX_TEXT], port[8], number[8];
	const struct classify_key *key = &told->filter.key;
	const char *protocol = frame_protocol_words(key->protocol, number);
	bool out = reason == DROP_GROUP_OUT;

	words[0] = '\0';
	if (reason != DROP_GROUP_IN && !out && reason != DROP_ACL_IN && reason != DROP_ACL_OUT)
		return;
	if (!told->has_l2 || !frame_told_is_ip(told)) {
		snprintf(words, FRAME_WORDS, "%s",
			 reason == DROP_GROUP_IN ? "allow in any, in a group of the receiver"
			 : out			 ? "allow out any, in a group of the sender"
			       : "accept any with its ethertype, before that rule");
		return;
	}
	port_text(told, port);
	if (reason == DROP_GROUP_IN || out) {
		snprintf(words, FRAME_WORDS, "\"allow %s %s%s %s %s\" in a group of %s",
			 out ? "out" : "in", protocol, port, out ? "to" : "from",
			 frame_address_words(told, out ? key->dst : key->src, address),
			 out ? sender : receiver);
		return;
	}
	frame_address_words(told, key->src, address);
	frame_address_words(told, key->dst, other);
	snprintf(words, FRAME_WORDS,
		 "\"accept %s from %s to %s%s%s\" in that ACL, before what drops it", protocol,
		 address, other, *port && key->src_port != CLASSIFY_NO_PORT ? " port" : "",
		 key->src_port != CLASSIFY_NO_PORT ? port : "");
}

static json_t *text_or_null(const char *text)
{
	return *text ? api_json_text(text) : json_null();
}

/* Of a rule that may be gone: what becomes of such a frame by those that run. */
static void earlier_words(const struct api_call *call, const struct frame_told *told,
			  const struct model_port *sender, char words[static EXPLAIN_TEXT])
{
	const struct running *running = &call->daemon->running;
	const struct fdb *fdb = dataplane_fdb(call->daemon->dataplane);
	struct frame frame = {.len = told->refusal->len, .head_len = told->refusal->head_len};
	struct decision decision;

	snprintf(words, EXPLAIN_TEXT, "a rule of an earlier configuration");
	if (!fdb || !sender)
		return;
	memcpy(frame.head, told->refusal->head, frame.head_len);
	decide(running->policy, fdb, dataplane_sessions(call->daemon->dataplane), &frame,
	       ids_port(running->ids, sender->name), loop_now(), &decision);
	snprintf(words, EXPLAIN_TEXT, "a rule of an earlier configuration; now it %s%s",
		 decision.fate == FATE_DROP ? "would be refused: " : "would pass",
		 decision.fate == FATE_DROP ? drop_word(decision.drop) : "");
}

/* The rule that refused it, in words; "" if none did. */
static void rule_words(const struct api_call *call, const struct frame_told *told, enum drop reason,
		       const struct model_port *sender, const struct model_port *receiver,
		       char words[static EXPLAIN_TEXT])
{
	const struct running *running = &call->daemon->running;
	const struct refusal *refusal = told->refusal;
	const struct filter_hit hit = {.list = refusal->list, .rule = refusal->rule};
	const struct model_port *grouped = reason == DROP_GROUP_IN ? receiver : sender;
	char groups[EXPLAIN_TEXT];

	words[0] = '\0';
	if (!refusal->list)
		return;
	if (refusal->policy != running->policy->generation)
		earlier_words(call, told, sender, words);
	else if (!api_sees_list(call, refusal->list))
		snprintf(words, EXPLAIN_TEXT, "another tenant's rules");
	else if (reason == DROP_ACL_IN || reason == DROP_ACL_OUT)
		explain_hit(running->model, &hit, words);
	else
		snprintf(words, EXPLAIN_TEXT, "no rule of %.600s allows it",
			 grouped ? explain_groups(grouped, groups) : "its groups");
}

static const struct model_port *port_of(const struct running *running, struct port_ref ref)
{
	const struct policy_port *port = policy_port(running->policy, ref);

	return port ? model_port(running->model, policy_at(running->policy, port->name)) : NULL;
}

static const char *shown_name(const struct api_call *call, const struct model_port *port)
{
	return port ? api_port_name(call, port) : "somebody";
}

static void add_row(json_t *rows, const struct api_call *call, const struct model_port *sender,
		    enum drop reason, const struct refusal *refusal)
{
	const struct running *running = &call->daemon->running;
	const struct model_port *receiver = port_of(running, refusal->output);
	char frame[FRAME_WORDS], rule[EXPLAIN_TEXT], remedy[FRAME_WORDS];
	clock_ms now = loop_now();
	struct frame_told told;

	frame_take_apart(refusal, &told);
	frame_words(&told, frame);
	rule_words(call, &told, reason, sender, receiver, rule);
	remedy_words(&told, reason, shown_name(call, sender), shown_name(call, receiver), remedy);
	json_array_append_new(
		rows,
		json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "port",
			  shown_name(call, sender), "to",
			  receiver ? json_string(shown_name(call, receiver)) : json_null(), "frame",
			  frame, "stage", explain_stage((enum decide_stage)refusal->stage, reason),
			  "reason", drop_word(reason), "explanation", drop_text(reason), "rule",
			  text_or_null(rule), "remedy", text_or_null(remedy), "last_s",
			  json_integer(now > refusal->when
					       ? (json_int_t)((now - refusal->when) / 1000)
					       : 0)));
}

/* Frames of other ports for @ref, which its own rules refused, or its guest had no place for. */
static void add_foreign(json_t *rows, const struct api_call *call, const struct counters *counters,
			struct port_ref ref)
{
	static const enum drop reasons[] = {
		DROP_GROUP_IN,	  DROP_ACL_OUT,	     DROP_RATE,
		DROP_PORT_DOWN,	  DROP_RING_FULL,    DROP_BUFFER_SMALL,
		DROP_RING_BROKEN, DROP_DEVICE_ERROR, DROP_SEGMENT_ERROR,
	};
	const struct running *running = &call->daemon->running;
	struct refusal refusal;

	for (uint32_t p = 0; p < running->model->n_ports; p++) {
		const struct model_port *sender = &running->model->ports[p];

		for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
			if (refusal_read(counters, ids_port(running->ids, sender->name), reasons[i],
					 &refusal) &&
			    port_ref_equal(refusal.output, ref))
				add_row(rows, call, sender, reasons[i], &refusal);
	}
}

json_t *why_port(struct api_call *call)
{
	const struct running *running = &call->daemon->running;
	const struct counters *counters = dataplane_counters(call->daemon->dataplane);
	const char *name = api_text(call, "port");
	const struct model_port *port = model_port(running->model, name);
	struct refusal refusal;
	struct port_ref ref;
	json_t *rows;

	if (!api_sees(call, name))
		return NULL;
	if (!port)
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no port `%s`", name);
	if (!counters)
		return api_fail(call, API_FAILED, "no-dataplane", "no data plane is running");
	ref = ids_port(running->ids, name);
	rows = json_array();
	for (int reason = 1; reason < DROP__COUNT; reason++)
		if (refusal_read(counters, ref, (enum drop)reason, &refusal))
			add_row(rows, call, port, (enum drop)reason, &refusal);
	add_foreign(rows, call, counters, ref);
	return api_result(call, rows);
}
