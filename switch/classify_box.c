/*
 * classify_box - from what a rule says to the values it admits.
 *
 * A rule that does not ask for a word admits all of its values, also such as no
 * frame can have; so a box that is not asked for anything covers any region of
 * the space, and the builder sees that without knowing what a word means.
 *
 * Stands apart from the builder because this file knows Ethernet and IP and
 * that one knows boxes. Runs in the control process; keeps nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/classify_box.h"
#include "switch/classify_table.h"
#include "switch/frame.h"

#define WORD(member) (offsetof(struct classify_key, member) / sizeof(uint32_t))

static const struct classify_span full = {0, UINT32_MAX};

static struct classify_span exactly(uint32_t value)
{
	return (struct classify_span){value, value};
}

static int set_address(const struct classify_prefix *prefix, int family,
		       struct classify_span spans[4])
{
	unsigned bits = family == 4 ? 32 : 128;

	if (prefix->length == 0)
		return 0;
	if (family == 0 || prefix->length > bits)
		return -EINVAL;
	for (unsigned i = 0; i < bits / 32; i++) {
		unsigned length = prefix->length > 32 * i ? prefix->length - 32 * i : 0;
		uint32_t host = length >= 32 ? 0 : UINT32_MAX >> length;

		spans[i].first = prefix->address[i] & ~host;
		spans[i].last = prefix->address[i] | host;
	}
	return 0;
}

static void set_mac(mac48 mac, struct classify_span spans[2])
{
	uint32_t words[2];

	classify_split_mac(mac, words);
	spans[0] = exactly(words[0]);
	spans[1] = exactly(words[1]);
}

/* Everything but the ports. */
static int fill_spans(const struct classify_rule *rule, struct classify_span spans[CLASSIFY_WORDS])
{
	int ethertype = rule->ethertype;

	for (unsigned i = 0; i < CLASSIFY_WORDS; i++)
		spans[i] = full;
	if (rule->family != 0 && rule->family != 4 && rule->family != 6)
		return -EINVAL;
	if (rule->family) {
		ethertype = rule->family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
		if (rule->ethertype != CLASSIFY_ANY && rule->ethertype != ethertype)
			return -EINVAL;
	}
	if (ethertype != CLASSIFY_ANY) {
		if (ethertype < 0 || ethertype > UINT16_MAX)
			return -EINVAL;
		spans[WORD(ethertype)] = exactly((uint32_t)ethertype);
	}
	if (rule->protocol != CLASSIFY_ANY) {
		if (rule->protocol < 0 || rule->protocol > UINT8_MAX)
			return -EINVAL;
		spans[WORD(protocol)] = exactly((uint32_t)rule->protocol);
	}
	if ((rule->has_src_mac && rule->src_mac > MAC_BROADCAST) ||
	    (rule->has_dst_mac && rule->dst_mac > MAC_BROADCAST))
		return -EINVAL;
	if (rule->has_src_mac)
		set_mac(rule->src_mac, &spans[WORD(src_mac)]);
	if (rule->has_dst_mac)
		set_mac(rule->dst_mac, &spans[WORD(dst_mac)]);
	if (set_address(&rule->src, rule->family, &spans[WORD(src)]))
		return -EINVAL;
	return set_address(&rule->dst, rule->family, &spans[WORD(dst)]);
}

static int check_ports(const struct classify_ports *ports)
{
	if (ports->n_ranges > CLASSIFY_RANGES)
		return -E2BIG;
	for (uint32_t i = 0; i < ports->n_ranges; i++) {
		if (ports->ranges[i].first > ports->ranges[i].last)
			return -EINVAL;
	}
	return 0;
}

/* Range @i of a list of ports; one more than it has is that of a frame without ports. */
static struct classify_span port_span(const struct classify_ports *ports, uint32_t i)
{
	if (ports->n_ranges == 0)
		return full;
	if (i == ports->n_ranges)
		return exactly(CLASSIFY_NO_PORT);
	return (struct classify_span){ports->ranges[i].first, ports->ranges[i].last};
}

static uint32_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

static bool has_portless_box(const struct classify_rule *rule)
{
	return rule->portless_too && (rule->src_ports.n_ranges || rule->dst_ports.n_ranges);
}

static uint32_t count_boxes(const struct classify_rule *rule)
{
	return at_least_one(rule->src_ports.n_ranges) * at_least_one(rule->dst_ports.n_ranges) +
	       has_portless_box(rule);
}

/* Count the boxes and find the words that are asked for. */
static int survey(const struct classify_rule *rules, uint32_t n_rules, uint32_t *ret_n,
		  uint32_t *ret_words)
{
	uint32_t words = 0;
	uint64_t n = 0;

	for (uint32_t i = 0; i < n_rules; i++) {
		struct classify_span spans[CLASSIFY_WORDS];
		int error = fill_spans(&rules[i], spans);

		if (!error)
			error = check_ports(&rules[i].src_ports);
		if (!error)
			error = check_ports(&rules[i].dst_ports);
		if (error)
			return error;
		for (unsigned w = 0; w < CLASSIFY_WORDS; w++)
			words |= (uint32_t)!classify_span_is_full(spans[w]) << w;
		words |= (uint32_t)(rules[i].src_ports.n_ranges > 0) << WORD(src_port);
		words |= (uint32_t)(rules[i].dst_ports.n_ranges > 0) << WORD(dst_port);
		n += count_boxes(&rules[i]);
	}
	if (n > CLASSIFY_BOXES)
		return -E2BIG;
	*ret_n = (uint32_t)n;
	*ret_words = words;
	return 0;
}

static void append_box(struct classify_boxes *boxes, const struct classify_rule *rule,
		       uint32_t verdict, const struct classify_span spans[CLASSIFY_WORDS])
{
	struct classify_span *box = boxes->spans + (size_t)boxes->n * boxes->n_words;

	for (unsigned w = 0; w < boxes->n_words; w++)
		box[w] = spans[boxes->words[w]];
	boxes->verdicts[boxes->n] = verdict;
	boxes->sets[boxes->n] = rule->set;
	boxes->n++;
}

static void append_rule(struct classify_boxes *boxes, const struct classify_rule *rule,
			uint32_t number)
{
	uint32_t n_src = rule->src_ports.n_ranges, n_dst = rule->dst_ports.n_ranges;
	uint32_t verdict = number << 2 | (rule->accept ? CLASSIFY_ACCEPTS : 0) |
			   (rule->log ? CLASSIFY_LOGS : 0);
	struct classify_span spans[CLASSIFY_WORDS];

	(void)fill_spans(rule, spans); /* survey() has seen that it can be */
	for (uint32_t s = 0; s < at_least_one(n_src); s++) {
		for (uint32_t d = 0; d < at_least_one(n_dst); d++) {
			spans[WORD(src_port)] = port_span(&rule->src_ports, s);
			spans[WORD(dst_port)] = port_span(&rule->dst_ports, d);
			append_box(boxes, rule, verdict, spans);
		}
	}
	if (has_portless_box(rule)) {
		spans[WORD(src_port)] = port_span(&rule->src_ports, n_src);
		spans[WORD(dst_port)] = port_span(&rule->dst_ports, n_dst);
		append_box(boxes, rule, verdict, spans);
	}
}

int classify_boxes_create(const struct classify_rule *rules, uint32_t n_rules,
			  struct classify_boxes *ret_boxes)
{
	struct classify_boxes boxes = {0};
	uint32_t n, words;
	int error;

	if (n_rules > CLASSIFY_RULES)
		return -E2BIG;
	error = survey(rules, n_rules, &n, &words);
	if (error)
		return error;
	for (unsigned w = 0; w < CLASSIFY_WORDS; w++) {
		if (words >> w & 1)
			boxes.words[boxes.n_words++] = (uint8_t)w;
	}
	boxes.verdicts = malloc((n + 1) * sizeof(*boxes.verdicts));
	boxes.sets = malloc((n + 1) * sizeof(*boxes.sets));
	boxes.spans = malloc(((size_t)n * boxes.n_words + 1) * sizeof(*boxes.spans));
	if (!boxes.verdicts || !boxes.sets || !boxes.spans) {
		classify_boxes_destroy(&boxes);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n_rules; i++)
		append_rule(&boxes, &rules[i], i);
	*ret_boxes = boxes;
	return 0;
}

void classify_boxes_destroy(struct classify_boxes *boxes)
{
	free(boxes->verdicts);
	free(boxes->sets);
	free(boxes->spans);
}
