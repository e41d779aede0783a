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
#include "control/report.h"
#include "switch/refusal.h"

enum { WORDS = 300 };

/* A recorded frame, taken apart. */
struct told {
	const struct refusal *refusal;
	struct frame_l2 l2;
	bool has_l2;
	struct filter filter;
};

static void take_apart(const struct refusal *refusal, struct told *ret_told)
{
	struct frame frame = {.len = refusal->len, .head_len = refusal->head_len};

	*ret_told = (struct told){.refusal = refusal};
	memcpy(frame.head, refusal->head, refusal->head_len);
	ret_told->has_l2 = frame_parse(&frame, &ret_told->l2) == DROP_NONE;
	if (ret_told->has_l2)
		filter_read(&frame, &ret_told->l2, &ret_told->filter);
}

static bool is_ip(const struct told *told)
{
	return told->filter.key.protocol != CLASSIFY_NO_PROTOCOL;
}

static const char *address_text(const struct told *told, const uint32_t words[4],
				char text[static ADDRESS_PREFIX_TEXT])
{
	struct policy_prefix4 four = {words[0], UINT32_MAX};
	struct policy_prefix6 six = {
		{(uint64_t)words[0] << 32 | words[1], (uint64_t)words[2] << 32 | words[3]},
		{UINT64_MAX, UINT64_MAX}};

	return told->l2.ethertype == ETHERTYPE_IPV4 ? address_format_prefix4(&four, text)
						    : address_format_prefix6(&six, text);
}

/* "tcp", "47": as rules have it. */
static const char *protocol_text(uint32_t protocol, char text[static 8])
{
	switch (protocol) {
	case IPPROTO_TCP: return "tcp";
	case IPPROTO_UDP: return "udp";
	case IPPROTO_SCTP: return "sctp";
	case IPPROTO_ICMP: return "icmp";
	case IPPROTO_ICMPV6: return "icmpv6";
	}
	snprintf(text, 8, "%u", protocol);
	return text;
}

/* " 80", of the port or ICMP type that a rule would name; or "". */
static const char *port_text(const struct told *told, char text[static 8])
{
	const struct classify_key *key = &told->filter.key;
	bool icmp = key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;

	text[0] = '\0';
	if (key->dst_port != CLASSIFY_NO_PORT)
		snprintf(text, 8, " %u", icmp ? key->dst_port >> 8 : key->dst_port);
	return text;
}

enum { ENDPOINT_TEXT = ADDRESS_PREFIX_TEXT + 8 };

/* "10.0.0.1:80", "[fd00::1]:80", or the address alone: as `trace` takes it. */
static void endpoint_text(const struct told *told, const uint32_t words[4], uint32_t port,
			  char text[static ENDPOINT_TEXT])
{
	bool six = told->l2.ethertype != ETHERTYPE_IPV4;
	char address[ADDRESS_PREFIX_TEXT];

	address_text(told, words, address);
	if (port == CLASSIFY_NO_PORT)
		snprintf(text, ENDPOINT_TEXT, "%s", address);
	else
		snprintf(text, ENDPOINT_TEXT, "%s%s%s:%u", six ? "[" : "", address, six ? "]" : "",
			 port & 0xffffU);
}

/* What the frame was: "tcp 10.0.0.1:4000 > 10.0.0.2:23, 52:54:... > 52:54:..., 74 bytes" */
static void frame_words(const struct told *told, char words[static WORDS])
{
	const struct classify_key *key = &told->filter.key;
	char macs[2 * ADDRESS_MAC_TEXT + 4], sender[ADDRESS_MAC_TEXT], receiver[ADDRESS_MAC_TEXT];
	char src[ENDPOINT_TEXT], dst[ENDPOINT_TEXT], number[8], type[16] = "", tag[24] = "";
	bool icmp = key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;

	if (!told->has_l2) {
		snprintf(words, WORDS, "%u bytes without a header that can be read",
			 told->refusal->len);
		return;
	}
	snprintf(macs, sizeof(macs), "%s > %s", address_format_mac(told->l2.src, sender),
		 address_format_mac(told->l2.dst, receiver));
	if (told->l2.tagged)
		snprintf(tag, sizeof(tag), ", vlan %u", told->l2.tci & 0xfffU);
	if (!is_ip(told)) {
		snprintf(words, WORDS, "%s 0x%04x, %s%s, %u bytes",
			 told->l2.ethertype == ETHERTYPE_ARP ? "arp, ethertype" : "ethertype",
			 told->l2.ethertype, macs, tag, told->refusal->len);
		return;
	}
	if (icmp && key->dst_port != CLASSIFY_NO_PORT)
		snprintf(type, sizeof(type), ", type %u", key->dst_port >> 8 & 0xffU);
	endpoint_text(told, key->src, icmp ? CLASSIFY_NO_PORT : key->src_port, src);
	endpoint_text(told, key->dst, icmp ? CLASSIFY_NO_PORT : key->dst_port, dst);
	snprintf(words, WORDS, "%s %s > %s%s, %s%s, %u bytes", protocol_text(key->protocol, number),
		 src, dst, type, macs, tag, told->refusal->len);
}

/* The rule that would let it pass, and where it belongs; "" if no rule would. */
static void remedy_words(const struct told *told, enum drop reason, const char *sender,
			 const char *receiver, char words[static WORDS])
{
	char address[ADDRESS_PREFIX_TEXT], other[ADDRESS_PREFIX_TEXT], port[8], number[8];
	const struct classify_key *key = &told->filter.key;
	const char *protocol = protocol_text(key->protocol, number);
	bool out = reason == DROP_GROUP_OUT;

	words[0] = '\0';
	if (reason != DROP_GROUP_IN && !out && reason != DROP_ACL_IN && reason != DROP_ACL_OUT)
		return;
	if (!told->has_l2 || !is_ip(told)) {
		snprintf(words, WORDS, "%s",
			 reason == DROP_GROUP_IN ? "allow in any, in a group of the receiver"
			 : out			 ? "allow out any, in a group of the sender"
			       : "accept any with its ethertype, before that rule");
		return;
	}
	port_text(told, port);
	if (reason == DROP_GROUP_IN || out) {
		snprintf(words, WORDS, "\"allow %s %s%s %s %s\" in a group of %s",
			 out ? "out" : "in", protocol, port, out ? "to" : "from",
			 address_text(told, out ? key->dst : key->src, address),
			 out ? sender : receiver);
		return;
	}
	address_text(told, key->src, address);
	address_text(told, key->dst, other);
	snprintf(words, WORDS, "\"accept %s from %s to %s%s%s\" in that ACL, before what drops it",
		 protocol, address, other,
		 *port && key->src_port != CLASSIFY_NO_PORT ? " port" : "",
		 key->src_port != CLASSIFY_NO_PORT ? port : "");
}

/* As `trace` calls the stage. */
static const char *stage_word(uint8_t stage, enum drop reason)
{
	static const char *const words[] = {
		[STAGE_PARSE] = "parse",   [STAGE_PLACE] = "place",   [STAGE_GUARD] = "guard",
		[STAGE_ADMIT] = "acl",	   [STAGE_LOOKUP] = "lookup", [STAGE_PERMIT] = "permit",
		[STAGE_FILTER] = "groups", [STAGE_DONE] = "session",
	};

	switch (reason) { /* of stages that decide() knows nothing of */
	case DROP_BAD_CHAIN:
	case DROP_BAD_OFFLOAD: return "take";
	case DROP_RATE: return "rate";
	case DROP_STORM: return "storm";
	case DROP_PORT_DOWN:
	case DROP_RING_FULL:
	case DROP_BUFFER_SMALL:
	case DROP_RING_BROKEN:
	case DROP_DEVICE_ERROR:
	case DROP_SEGMENT_ERROR: return "deliver";
	default: break;
	}
	if (stage == STAGE_FILTER && reason != DROP_GROUP_IN && reason != DROP_GROUP_OUT)
		return reason == DROP_ACL_OUT ? "acl" : "session";
	return stage < sizeof(words) / sizeof(words[0]) ? words[stage] : "unknown";
}

static json_t *text_or_null(const char *text)
{
	return *text ? api_json_text(text) : json_null();
}

/* The rule that refused it, in words; "" if none did. */
static void rule_words(const struct api_call *call, const struct refusal *refusal, enum drop reason,
		       const struct model_port *sender, const struct model_port *receiver,
		       char words[static EXPLAIN_TEXT])
{
	const struct running *running = &call->daemon->running;
	const struct filter_hit hit = {.list = refusal->list, .rule = refusal->rule};
	const struct model_port *grouped = reason == DROP_GROUP_IN ? receiver : sender;
	char groups[EXPLAIN_TEXT];

	words[0] = '\0';
	if (!refusal->list)
		return;
	if (refusal->policy != running->policy->generation)
		snprintf(words, EXPLAIN_TEXT, "a rule of an earlier configuration");
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
	char frame[WORDS], rule[EXPLAIN_TEXT], remedy[WORDS];
	clock_ms now = loop_now();
	struct told told;

	take_apart(refusal, &told);
	frame_words(&told, frame);
	rule_words(call, refusal, reason, sender, receiver, rule);
	remedy_words(&told, reason, shown_name(call, sender), shown_name(call, receiver), remedy);
	json_array_append_new(
		rows,
		json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "port",
			  shown_name(call, sender), "to",
			  receiver ? json_string(shown_name(call, receiver)) : json_null(), "frame",
			  frame, "stage", stage_word(refusal->stage, reason), "reason",
			  drop_word(reason), "explanation", drop_text(reason), "rule",
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
