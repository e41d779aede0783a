/*
 * script_expect - what came out, what was counted, what is known.
 */
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/script/script.h"

enum { SERVICE = 1 << 16 }; /* beside a TCI: of a service tag */

static const char *port_name(const struct script *script, uint16_t id)
{
	return script->ports[id].name;
}

/* What @port should have got: @sent with the tag that was expected there. */
static void make_expected(const struct script_sent *sent, int tci, struct sketch *ret)
{
	*ret = sent->untagged;
	if (tci >= 0)
		sketch_tag(ret, tci & SERVICE ? ETHERTYPE_SERVICE : ETHERTYPE_VLAN, (uint16_t)tci);
}

static int tci_of(const struct lab_frame *frame)
{
	int tpid = frame->len < 18 ? 0 : frame->bytes[12] << 8 | frame->bytes[13];

	if (tpid != ETHERTYPE_VLAN && tpid != ETHERTYPE_SERVICE)
		return -1;
	return frame->bytes[14] << 8 | frame->bytes[15] | (tpid == ETHERTYPE_SERVICE ? SERVICE : 0);
}

/* Is @frame, without its first bytes of transport checksum, what was sent? */
static bool check_bytes(struct script *script, uint16_t port, const struct lab_frame *frame,
			int tci)
{
	static struct sketch expected;
	const struct script_sent *sent = &script->sent;
	bool was_partial = sent->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	bool is_partial = frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	make_expected(sent, tci, &expected);
	if (was_partial && !is_partial)
		sketch_end(&expected);
	if (frame->len != expected.len)
		return script_fail(script, "%s got %u bytes, not %u", port_name(script, port),
				   frame->len, expected.len);
	for (uint32_t i = 0; i < expected.len; i++) {
		if (frame->bytes[i] != expected.bytes[i])
			return script_fail(script, "%s got byte %u as %02x, not %02x",
					   port_name(script, port), i, frame->bytes[i],
					   expected.bytes[i]);
	}
	if (is_partial && le16toh(frame->hdr.csum_start) != expected.l4)
		return script_fail(script, "%s got its checksum start as %u, not %u",
				   port_name(script, port), le16toh(frame->hdr.csum_start),
				   expected.l4);
	return true;
}

/* One of several segments: they have the headers that they need, and no more. */
static bool check_segment(struct script *script, uint16_t port, const struct lab_frame *frame)
{
	if (frame->hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return script_fail(script, "%s got a segment that is to be segmented",
				   port_name(script, port));
	if (!(frame->hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    !sketch_checksums_are_right(frame->bytes, frame->len))
		return script_fail(script, "%s got a segment with a wrong checksum",
				   port_name(script, port));
	return true;
}

static bool check_received(struct script *script, uint16_t port, unsigned count, int tci)
{
	const struct lab_port *device = &script->lab->ports[port];

	if (device->n_received != count)
		return script_fail(script, "%s got %u frames, not %u", port_name(script, port),
				   device->n_received, count);
	for (unsigned i = 0; i < count; i++) {
		const struct lab_frame *frame = &device->received[i];

		if (!script->sent.customers && tci_of(frame) != tci)
			return script_fail(script, "%s got tag %d, not %d (-1: none)",
					   port_name(script, port), tci_of(frame), tci);
		if (script->sent.mss && !frame->hdr.gso_type) {
			if (!check_segment(script, port, frame))
				return false;
		} else if (!check_bytes(script, port, frame, tci)) {
			return false;
		}
	}
	return true;
}

/* PORT[:[s]VID[/PCP]][*N] */
static bool expect_port(struct script *script, const char *word, uint16_t *ret_port)
{
	char text[64], *star, *slash, *colon;
	unsigned count = script->sent.times;
	int tci = -1;

	snprintf(text, sizeof(text), "%s", word);
	star = strchr(text, '*');
	if (star) {
		*star = '\0';
		count = (unsigned)atoi(star + 1);
	}
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	colon = strchr(text, ':');
	if (colon) {
		*colon = '\0';
		tci = atoi(colon + 1 + (colon[1] == 's')) | (slash ? atoi(slash + 1) : 0) << 13 |
		      (colon[1] == 's' ? SERVICE : 0);
	}
	return script_port(script, text, ret_port) && check_received(script, *ret_port, count, tci);
}

/* Exactly one reason of the sender was counted for each frame, and it is this one. */
static bool expect_drop(struct script *script, const char *word)
{
	const struct script_sent *sent = &script->sent;
	struct port_counters now;

	lab_count(script->lab, script->ports[sent->port].spec.ref, &now);
	for (unsigned i = 0; i < DROP__COUNT; i++) {
		uint64_t dropped = now.dropped[i] - sent->before.dropped[i];

		if (dropped && strcmp(drop_word((enum drop)i), word) != 0)
			return script_fail(script, "dropped for %s, not for %s",
					   drop_word((enum drop)i), word);
		if (dropped == sent->times)
			return true;
	}
	return script_fail(script, "not dropped");
}

bool script_say_expect(struct script *script)
{
	bool expected[LAB_PORTS] = {false};
	uint16_t port;

	if (script_accept(script, "none")) {
		if (script_accept(script, "drop") && !expect_drop(script, script_next(script)))
			return false;
	} else {
		while (*script_peek(script)) {
			if (!expect_port(script, script_next(script), &port))
				return false;
			expected[port] = true;
		}
	}
	for (uint16_t id = 1; id < LAB_PORTS; id++) {
		if (!expected[id] && script->lab->ports[id].n_received)
			return script_fail(script, "%s got a frame", port_name(script, id));
	}
	return true;
}

static bool count_reason(struct script *script, const counter *counts, const char *word,
			 uint64_t *ret_count)
{
	for (unsigned i = 0; i < DROP__COUNT; i++) {
		if (strcmp(drop_word((enum drop)i), word) == 0) {
			*ret_count = counts[i];
			return true;
		}
	}
	return script_fail(script, "'%s' is no reason", word);
}

static bool count_named(struct script *script, const struct port_counters *sum, const char *word,
			uint64_t *ret_count)
{
	const struct {
		const char *word;
		const counter *count;
	} names[] = {
		{"rx", &sum->rx_frames},
		{"rx-bytes", &sum->rx_bytes},
		{"delivered", &sum->delivered},
		{"offered", &sum->offered},
		{"tx", &sum->tx_frames},
		{"tx-bytes", &sum->tx_bytes},
		{"replicated", &sum->replicated},
		{"moves", &sum->fdb_moves},
		{"evictions", &sum->fdb_evictions},
		{"segmented", &sum->segmented},
	};

	if (strncmp(word, "drop.", 5) == 0)
		return count_reason(script, sum->dropped, word + 5, ret_count);
	if (strncmp(word, "missed.", 7) == 0)
		return count_reason(script, sum->missed, word + 7, ret_count);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].word, word) == 0) {
			*ret_count = *names[i].count;
			return true;
		}
	}
	return script_fail(script, "'%s' is no counter", word);
}

bool script_say_count(struct script *script)
{
	struct port_counters sum;
	const char *word;
	uint64_t count;
	uint32_t want;
	uint16_t port;

	if (!script_port(script, script_next(script), &port))
		return false;
	lab_count(script->lab, script->ports[port].spec.ref, &sum);
	word = script_next(script);
	if (!count_named(script, &sum, word, &count) || !script_next_number(script, &want))
		return false;
	if (count != want)
		return script_fail(script, "%s has counted %lu, not %u", port_name(script, port),
				   (unsigned long)count, want);
	return true;
}

/* HOST in NETWORK: behind which port */
static bool look_up(struct script *script, uint16_t *ret_port)
{
	uint16_t network;
	mac48 mac;

	if (!script_compile(script) || !script_mac(script, script_next(script), &mac))
		return false;
	if (!script_accept(script, "in"))
		return script_fail(script, "in which network?");
	if (!script_network(script, script_next(script), &network))
		return false;
	*ret_port =
		fdb_lookup(script->lab->fdb, script->lab->policy, network, mac, script->lab->now)
			.id;
	return true;
}

bool script_say_known(struct script *script)
{
	uint16_t port, want;

	if (!look_up(script, &port))
		return false;
	if (!script_accept(script, "at"))
		return script_fail(script, "at which port?");
	if (!script_port(script, script_next(script), &want))
		return false;
	if (port != want)
		return script_fail(script, "known at '%s'", port_name(script, port));
	return true;
}

bool script_say_unknown(struct script *script)
{
	uint16_t port;

	if (!look_up(script, &port))
		return false;
	return port == 0 || script_fail(script, "known at '%s'", port_name(script, port));
}

bool script_say_entries(struct script *script)
{
	struct fdb_entry entry;
	uint32_t cursor = 0, count = 0, want;

	if (!script_next_number(script, &want))
		return false;
	while (fdb_next(script->lab->fdb, &cursor, &entry))
		count++;
	return count == want || script_fail(script, "there are %u entries, not %u", count, want);
}

bool script_say_flush(struct script *script)
{
	struct port_ref at = PORT_NONE;
	uint16_t network = 0, port;

	if (*script_peek(script) && strcmp(script_peek(script), "at") != 0 &&
	    !script_network(script, script_next(script), &network))
		return false;
	if (script_accept(script, "at")) {
		if (!script_port(script, script_next(script), &port))
			return false;
		at = script->ports[port].spec.ref;
	}
	fdb_flush(script->lab->fdb, network, at);
	return true;
}
