/*
 * model_limit - rates and storm limits, from the document.
 *
 * A rate is of a port, or of all ports of a tenant together; a storm limit is of
 * a port. Whatever is not limited is 0. What limits mean is switch/rate.h's.
 */
#include <errno.h>

#include "control/model_parts.h"
#include "control/quantity.h"

enum {
	BURST_MIN_MS = 1, /* the data plane's clock */
};

static const char bitrates[] = "500mbit, 1gbit", packetrates[] = "500pps, 200kpps";

typedef int quantity_parser(const char *text, uint64_t *ret);

/* An amount a second of at least @min. */
static void read_amount(struct reading *reading, const struct node *node, quantity_parser *parse,
			const char *examples, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *text = reading_text(reading, node);
	uint64_t amount = 0;
	int error = text ? parse(text, &amount) : 0;

	if (!text)
		return;
	if (!error && amount >= min && amount <= max) {
		*ret = amount;
		return;
	}
	if (error == -EDOM)
		reading_problem(reading, node, PROBLEM_MISSING_UNIT, "\"%s\" has no unit", text);
	else if (error == -EINVAL)
		reading_problem(reading, node, PROBLEM_BAD_VALUE, "\"%s\" is not a rate", text);
	else
		reading_problem(reading, node, PROBLEM_OUT_OF_RANGE, "%s is out of range", text);
	problems_hint(reading->problems, "write a number and its unit, as in %s", examples);
}

static void read_bits(struct reading *reading, const struct node *node, uint64_t *ret)
{
	read_amount(reading, node, quantity_bitrate, bitrates, MODEL_BITRATE_MIN, MODEL_BITRATE_MAX,
		    ret);
}

static void read_packets(struct reading *reading, const struct node *node, uint64_t *ret)
{
	read_amount(reading, node, quantity_packetrate, packetrates, 1, MODEL_PACKETRATE_MAX, ret);
}

static void read_in(struct reading *reading, const struct node *node, void *limits)
{
	read_bits(reading, node, &((struct model_limits *)limits)->a_second[POLICY_IN_BITS]);
}

static void read_out(struct reading *reading, const struct node *node, void *limits)
{
	read_bits(reading, node, &((struct model_limits *)limits)->a_second[POLICY_OUT_BITS]);
}

static void read_in_packets(struct reading *reading, const struct node *node, void *limits)
{
	read_packets(reading, node, &((struct model_limits *)limits)->a_second[POLICY_IN_PACKETS]);
}

static void read_out_packets(struct reading *reading, const struct node *node, void *limits)
{
	read_packets(reading, node, &((struct model_limits *)limits)->a_second[POLICY_OUT_PACKETS]);
}

static void read_burst(struct reading *reading, const struct node *node, void *limits)
{
	reading_duration(reading, node, BURST_MIN_MS, LIMIT_BURST_MS,
			 &((struct model_limits *)limits)->burst_ms);
}

/* Read when the keys that say more are known, whatever their order. */
static void skip_packets(struct reading *reading, const struct node *node, void *limits)
{
}

static void read_over(struct reading *reading, const struct node *node, void *limits)
{
	static const char *const words[] = {"drop", "wait", NULL};
	unsigned word;

	if (reading_word(reading, node, words, &word))
		((struct model_limits *)limits)->waits = word == 1;
}

static const struct reading_key tenant_keys[] = {
	{"in", read_in},
	{"out", read_out},
	{"pps", skip_packets},
	{"in-pps", read_in_packets},
	{"out-pps", read_out_packets},
	{"burst", read_burst},
	{NULL, NULL},
};

static const struct reading_key port_keys[] = {
	{"in", read_in},
	{"out", read_out},
	{"pps", skip_packets},
	{"in-pps", read_in_packets},
	{"out-pps", read_out_packets},
	{"burst", read_burst},
	{"over", read_over},
	{NULL, NULL},
};

static void read_rate(struct reading *reading, const struct node *node,
		      const struct reading_key *keys, struct model_limits *limits)
{
	const struct node *both;
	uint64_t packets = 0;

	if (!reading_is_mapping(reading, node))
		return;
	reading_mapping(reading, node, keys, limits);
	both = reading_member(reading, node, "pps");
	if (both)
		read_packets(reading, both, &packets);
	for (unsigned kind = POLICY_IN_PACKETS; kind <= POLICY_OUT_PACKETS; kind++)
		if (!limits->a_second[kind])
			limits->a_second[kind] = packets;
}

void model_read_port_rate(struct reading *reading, const struct node *node, void *draft)
{
	((struct port_draft *)draft)->rate = node;
	read_rate(reading, node, port_keys, &((struct port_draft *)draft)->port.limits);
}

void model_read_tenant_rate(struct reading *reading, const struct node *node, void *tenant)
{
	read_rate(reading, node, tenant_keys, &((struct model_tenant *)tenant)->limits);
}

static void read_broadcasts(struct reading *reading, const struct node *node, void *limits)
{
	read_packets(reading, node, &((struct model_limits *)limits)->a_second[POLICY_BROADCASTS]);
}

static void read_multicasts(struct reading *reading, const struct node *node, void *limits)
{
	read_packets(reading, node, &((struct model_limits *)limits)->a_second[POLICY_MULTICASTS]);
}

static void read_unknowns(struct reading *reading, const struct node *node, void *limits)
{
	read_packets(reading, node, &((struct model_limits *)limits)->a_second[POLICY_UNKNOWNS]);
}

static const struct reading_key storm_keys[] = {
	{"broadcast", read_broadcasts},
	{"multicast", read_multicasts},
	{"unknown-unicast", read_unknowns},
	{NULL, NULL},
};

/* One amount for all kinds together, or one for each. */
void model_read_storm(struct reading *reading, const struct node *node, void *draft)
{
	struct model_limits *limits = &((struct port_draft *)draft)->port.limits;

	if (json_is_object(node->value))
		reading_mapping(reading, node, storm_keys, limits);
	else
		read_packets(reading, node, &limits->a_second[POLICY_FLOODS]);
}
