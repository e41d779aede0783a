/*
 * ctl_trace - `sluicectl trace`: one frame, the frames of a capture, or whether one port
 * reaches another.
 *
 * A capture is read here, by libpcap, and not by the daemon: it is whatever a stranger
 * wrote. The daemon is given bytes, which it trusts no more than a guest's.
 */
#include "control/ctl_run.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAME_BYTES = 1518,    /* that the daemon takes of a frame: trace_frame.h */
	FRAME_LONGEST = 65553, /* that it believes in; more is as much too long */
	FRAMES_MAX = 100000,
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- one frame ---- */

/* Options that say more about the frame are words behind it. */
static void trace_add_words(json_t *params)
{
	static const char *const words[] = {"src-mac", "dst-mac", "vlan"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		const char *value = json_string_value(json_object_get(params, words[i]));

		if (value)
			json_object_set_new(params, "frame",
					    json_sprintf("%s %s %s", text_of(params, "frame"),
							 words[i], value));
		json_object_del(params, words[i]);
	}
}

static void trace_print(const struct ctl *ctl, const json_t *result)
{
	const json_t *stage;
	size_t i;

	json_array_foreach (json_object_get(result, "stages"), i, stage) {
		bool passed = json_is_true(json_object_get(stage, "passed"));
		const char *color = passed ? "" : "\033[31m";

		printf("%-8s %s%s%s\n", text_of(stage, "stage"), ctl->color ? color : "",
		       text_of(stage, "text"), ctl->color ? "\033[0m" : "");
	}
	puts(json_is_true(json_object_get(result, "delivered")) ? "delivered" : "not delivered");
}

static int run_frame(struct ctl *ctl, struct ctl_request *request)
{
	json_t *result, *params = request->params;
	bool delivered;

	request->params = NULL;
	trace_add_words(params);
	result = ctl_call(ctl, "trace", params);
	if (!result)
		return ctl->status;
	if (ctl->format == CTL_TABLE)
		trace_print(ctl, result);
	else
		ctl_print_value(ctl, result);
	delivered = json_is_true(json_object_get(result, "delivered"));
	json_decref(result);
	return delivered ? CTL_DONE : CTL_FAILED;
}

/* ---- a capture ---- */

/* What the daemon says of a frame of the capture; NULL and the status if it cannot. */
static json_t *capture_ask(struct ctl *ctl, const char *port, const struct pcap_pkthdr *packet,
			   const uint8_t *bytes)
{
	unsigned given = packet->caplen < FRAME_BYTES ? packet->caplen : FRAME_BYTES;
	unsigned length = packet->len > given ? packet->len : given;
	char hex[2 * FRAME_BYTES + 1];

	for (unsigned i = 0; i < given; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	hex[2 * given] = '\0';
	if (length > FRAME_LONGEST)
		length = FRAME_LONGEST;
	return ctl_call(ctl, "trace",
			json_pack("{s:s, s:s, s:I}", "port", port, "hex", hex, "length",
				  (json_int_t)length));
}

/* "   3  52:54:... > 52:54:..., IPv4 (0x0800), untagged, 74 bytes: not delivered: acl-in: ..." */
static void capture_print(const struct ctl *ctl, unsigned number, const json_t *result)
{
	const json_t *stages = json_object_get(result, "stages");
	bool delivered = json_is_true(json_object_get(result, "delivered"));
	const char *color = delivered ? "" : "\033[31m", *why = "";
	const json_t *stage;
	size_t i;

	json_array_foreach (stages, i, stage)
		if (!json_is_true(json_object_get(stage, "passed")))
			why = text_of(stage, "text");
	printf("%6u  %s: %s%s%s%s%s\n", number, text_of(json_array_get(stages, 0), "text"),
	       ctl->color ? color : "", delivered ? "delivered" : "not delivered",
	       delivered ? "" : ": ", delivered ? "" : why, ctl->color ? "\033[0m" : "");
}

/* All frames of @capture; their number, and how many were not delivered. */
static int capture_trace(struct ctl *ctl, const char *port, pcap_t *capture, unsigned *ret_lost)
{
	json_t *results = json_array(), *result;
	struct pcap_pkthdr *packet;
	const uint8_t *bytes;
	unsigned number = 0;
	int more;

	*ret_lost = 0;
	while ((more = pcap_next_ex(capture, &packet, &bytes)) == 1) {
		if (number == FRAMES_MAX) {
			ctl_fail(ctl, CTL_FAILED, "more than %d frames", FRAMES_MAX);
			break;
		}
		if (packet->caplen == 0)
			continue;
		result = capture_ask(ctl, port, packet, bytes);
		if (!result)
			break;
		number++;
		*ret_lost += !json_is_true(json_object_get(result, "delivered"));
		if (ctl->format == CTL_TABLE)
			capture_print(ctl, number, result);
		else
			json_array_append(results, result);
		json_decref(result);
	}
	if (more == PCAP_ERROR)
		ctl_fail(ctl, CTL_FAILED, "the capture: %s", pcap_geterr(capture));
	if (ctl->format != CTL_TABLE)
		ctl_print_value(ctl, results);
	json_decref(results);
	return (int)number;
}

static int run_capture(struct ctl *ctl, struct ctl_request *request)
{
	const char *file = text_of(request->params, "pcap");
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(file, error);
	unsigned lost;
	int frames;

	if (!capture)
		return ctl_fail(ctl, CTL_FAILED, "%s%s%s", strstr(error, file) ? "" : file,
				strstr(error, file) ? "" : ": ", error);
	if (pcap_datalink(capture) != DLT_EN10MB) {
		pcap_close(capture);
		return ctl_fail(ctl, CTL_FAILED, "%s: no capture of Ethernet", file);
	}
	frames = capture_trace(ctl, text_of(request->params, "port"), capture, &lost);
	pcap_close(capture);
	if (ctl->status != CTL_DONE)
		return ctl->status;
	if (ctl->format == CTL_TABLE)
		printf("%d frames, %u not delivered\n", frames, lost);
	return frames && !lost ? CTL_DONE : CTL_FAILED;
}

/* ---- from port to port ---- */

static void reach_print(const struct ctl *ctl, const json_t *result)
{
	static const struct ctl_column columns[] = {
		{"NETWORK", "network"},
		{"TRAFFIC", "traffic"},
		{"PASSES", "passes"},
		{"STAGE", "stage"},
		{"REASON", "reason"},
		{"RULE", "rule"},
		{0},
	};
	const char *state = text_of(result, "state");

	ctl_print_table(ctl, json_object_get(result, "traffic"), columns);
	if (!json_is_true(json_object_get(result, "complete")))
		puts("there are more ranges of ports than were asked about");
	if (strcmp(state, "up"))
		printf("%s is %s: nothing is delivered until it is up\n", text_of(result, "to"),
		       state);
	printf("%s %s %s\n", text_of(result, "from"),
	       json_is_true(json_object_get(result, "reachable")) ? "reaches" : "does not reach",
	       text_of(result, "to"));
}

static int run_explain(struct ctl *ctl, struct ctl_request *request)
{
	const char *to = text_of(request->params, "frame");
	bool reachable;
	json_t *result;

	if (!*to || strchr(to, ' '))
		return ctl_fail(ctl, CTL_USAGE, "trace --explain needs two ports");
	result = ctl_call(
		ctl, "trace.explain",
		json_pack("{s:s, s:s}", "from", text_of(request->params, "port"), "to", to));
	if (!result)
		return ctl->status;
	if (ctl->format == CTL_TABLE)
		reach_print(ctl, result);
	else
		ctl_print_value(ctl, result);
	reachable = json_is_true(json_object_get(result, "reachable"));
	json_decref(result);
	return reachable ? CTL_DONE : CTL_FAILED;
}

int ctl_run_trace(struct ctl *ctl, struct ctl_request *request)
{
	bool explain = json_object_get(request->params, "explain") != NULL;
	bool pcap = json_object_get(request->params, "pcap") != NULL;

	if (explain + pcap > 1)
		return ctl_fail(ctl, CTL_USAGE, "trace takes --pcap or --explain");
	if (!explain && !pcap && !json_object_get(request->params, "hex") &&
	    !json_object_get(request->params, "frame"))
		return ctl_fail(ctl, CTL_USAGE,
				"trace needs a frame: in words, or by --hex or --pcap");
	if (explain)
		return run_explain(ctl, request);
	return pcap ? run_capture(ctl, request) : run_frame(ctl, request);
}
