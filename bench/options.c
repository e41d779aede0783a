/*
 * options - see options.h.
 */
#include "bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char options_usage[] =
	"  the session\n"
	"    --server            the switch dials, the guests listen\n"
	"    --ring N            entries of each ring, a power of two (1024)\n"
	"    --mergeable on|off  receive buffers merge (on)\n"
	"    --buffer BYTES      of a receive buffer (2048, or what a frame needs)\n"
	"    --event-idx on|off  (on)\n"
	"    --packed            packed rings\n"
	"    --in-order          buffers come back in order, if the switch has that\n"
	"    --huge              guests' memory in huge pages of 2 MiB\n"
	"  the frames\n"
	"    --size BYTES        64 to 9018, FCS included; or imix (64)\n"
	"    --flows N           1 to 1048576 (1)\n"
	"    --vary ports|macs   what tells flows apart (ports)\n"
	"    --vlan N            tagged\n"
	"    --both              in both directions\n"
	"    --verify            compare every frame byte by byte, not one in 64\n"
	"  the measurement\n"
	"    --windows N         how many (8)\n"
	"    --seconds S         length of each (0.25)\n"
	"    --warmup S          before the first (0.5)\n"
	"    --rate PPS          offer so many frames a second each way, and measure latency;\n"
	"                        with a suffix k or M if you like\n"
	"    --cpu N             processor of the generator (the last one)\n"
	"    --switch-cpu N      processor of the switch: windows are labelled by the distance\n"
	"    --wait S            for the switch to appear (10)\n"
	"  wake\n"
	"    --count N           how often (200)\n"
	"    --gap MS            how long the switch is left alone before each (20)\n"
	"  wake, load\n"
	"    --pid N             a process of the switch at the sockets: its load is measured\n"
	"  compare\n"
	"    --switches LIST     of sluice, ovs, testpmd, wire (all that are here); ndr, load and\n"
	"                        wake without sockets: the one to start (sluice)\n"
	"    --workloads LIST    of 64, 64-1k, 64-30k, 1518, imix, 64-packed,\n"
	"                        1518-packed, tso (all)\n"
	"  scale\n"
	"    --sweeps LIST       of ports, macs, macs-all, flows, networks, tenants, rules,\n"
	"                        rules-new, sessions (all)\n"
	"  the report\n"
	"    -o table|json       (table); --json is short for -o json\n"
	"    --record FILE       the report in JSON, too\n"
	"    --plot FILE         a picture, SVG or PNG, drawn by gnuplot\n";

enum {
	OPT_SERVER = 256,
	OPT_RING,
	OPT_MERGEABLE,
	OPT_BUFFER,
	OPT_EVENT_IDX,
	OPT_PACKED,
	OPT_IN_ORDER,
	OPT_HUGE,
	OPT_SIZE,
	OPT_FLOWS,
	OPT_VARY,
	OPT_VLAN,
	OPT_BOTH,
	OPT_VERIFY,
	OPT_WINDOWS,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_RATE,
	OPT_CPU,
	OPT_SWITCH_CPU,
	OPT_WAIT,
	OPT_COUNT,
	OPT_GAP,
	OPT_PID,
	OPT_SWITCHES,
	OPT_WORKLOADS,
	OPT_SWEEPS,
	OPT_JSON,
	OPT_RECORD,
	OPT_PLOT,
};

static const struct option long_options[] = {
	{"server", no_argument, NULL, OPT_SERVER},
	{"ring", required_argument, NULL, OPT_RING},
	{"mergeable", required_argument, NULL, OPT_MERGEABLE},
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"event-idx", required_argument, NULL, OPT_EVENT_IDX},
	{"packed", no_argument, NULL, OPT_PACKED},
	{"in-order", no_argument, NULL, OPT_IN_ORDER},
	{"huge", no_argument, NULL, OPT_HUGE},
	{"size", required_argument, NULL, OPT_SIZE},
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"vary", required_argument, NULL, OPT_VARY},
	{"vlan", required_argument, NULL, OPT_VLAN},
	{"both", no_argument, NULL, OPT_BOTH},
	{"verify", no_argument, NULL, OPT_VERIFY},
	{"windows", required_argument, NULL, OPT_WINDOWS},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"warmup", required_argument, NULL, OPT_WARMUP},
	{"rate", required_argument, NULL, OPT_RATE},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"switch-cpu", required_argument, NULL, OPT_SWITCH_CPU},
	{"wait", required_argument, NULL, OPT_WAIT},
	{"count", required_argument, NULL, OPT_COUNT},
	{"gap", required_argument, NULL, OPT_GAP},
	{"pid", required_argument, NULL, OPT_PID},
	{"switches", required_argument, NULL, OPT_SWITCHES},
	{"workloads", required_argument, NULL, OPT_WORKLOADS},
	{"sweeps", required_argument, NULL, OPT_SWEEPS},
	{"json", no_argument, NULL, OPT_JSON},
	{"record", required_argument, NULL, OPT_RECORD},
	{"plot", required_argument, NULL, OPT_PLOT},
	{"output", required_argument, NULL, 'o'},
	{NULL, 0, NULL, 0},
};

/* A whole number from @low to @high. */
static bool parse_number(const char *text, unsigned low, unsigned high, unsigned *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || number < low || number > high)
		return false;
	*ret_number = (unsigned)number;
	return true;
}

/* A positive number, perhaps with k or M behind it. */
static bool parse_amount(const char *text, double *ret_amount)
{
	char *end;
	double amount = strtod(text, &end);

	if (*end == 'k' || *end == 'M') {
		amount *= *end == 'k' ? 1e3 : 1e6;
		end++;
	}
	if (end == text || *end || !(amount > 0 && amount < 1e12))
		return false;
	*ret_amount = amount;
	return true;
}

/* Which of two words? */
static bool parse_word(const char *text, const char *no, const char *yes, bool *ret_choice)
{
	if (strcmp(text, no) && strcmp(text, yes))
		return false;
	*ret_choice = strcmp(text, yes) == 0;
	return true;
}

static bool parse_frames(int option, const char *text, struct options *options)
{
	unsigned number;
	bool choice;

	switch (option) {
	case OPT_SIZE:
		number = 0;
		if (strcmp(text, "imix") &&
		    !parse_number(text, STREAM_SIZE_MIN, STREAM_SIZE_MAX, &number))
			return false;
		options->stream.size = (uint16_t)number;
		return true;
	case OPT_FLOWS: return parse_number(text, 1, STREAM_FLOWS_MAX, &options->stream.flows);
	case OPT_VARY:
		if (!parse_word(text, "ports", "macs", &choice))
			return false;
		options->stream.vary = choice ? STREAM_MACS : STREAM_PORTS;
		return true;
	case OPT_VLAN:
		if (!parse_number(text, 1, 4094, &number))
			return false;
		options->stream.vlan = (uint16_t)number;
		return true;
	case OPT_BOTH: return options->both = true;
	case OPT_VERIFY: return options->stream.verify = true;
	default: return false;
	}
}

static bool parse_session(int option, const char *text, struct options *options)
{
	struct guest_options *guest = &options->pair.guest;
	unsigned number;

	switch (option) {
	case OPT_SERVER: return guest->server = true;
	case OPT_PACKED: return guest->packed = true;
	case OPT_IN_ORDER: return guest->in_order = true;
	case OPT_HUGE: return guest->huge = true;
	case OPT_MERGEABLE: return parse_word(text, "off", "on", &guest->mergeable);
	case OPT_EVENT_IDX: return parse_word(text, "off", "on", &guest->event_idx);
	case OPT_BUFFER: return parse_number(text, 128, 65536, &guest->buffer);
	case OPT_WAIT: return parse_number(text, 0, 3600, &options->pair.limit_s);
	case OPT_RING:
		if (!parse_number(text, STREAM_BURST, 32768, &number) || number & (number - 1))
			return false;
		guest->ring_size = (uint16_t)number;
		return true;
	default: return parse_frames(option, text, options);
	}
}

static bool parse_report(int option, const char *text, struct options *options)
{
	switch (option) {
	case 'o': return parse_word(text, "table", "json", &options->json);
	case OPT_JSON: return options->json = true;
	case OPT_RECORD: options->record = text; return true;
	case OPT_PLOT: options->plot = text; return true;
	case OPT_SWITCHES: options->switches = text; return true;
	case OPT_WORKLOADS: options->workloads = text; return true;
	case OPT_SWEEPS: options->sweeps = text; return true;
	default: return parse_session(option, text, options);
	}
}

static bool parse_one(int option, const char *text, struct options *options)
{
	unsigned number;

	switch (option) {
	case OPT_WINDOWS: return parse_number(text, 1, 100000, &options->windows);
	case OPT_SECONDS: return parse_amount(text, &options->seconds);
	case OPT_WARMUP: return parse_amount(text, &options->warmup_s);
	case OPT_RATE: return parse_amount(text, &options->rate_pps);
	case OPT_COUNT: return parse_number(text, 1, 1000000, &options->count);
	case OPT_GAP: return parse_number(text, 1, 60000, &options->gap_ms);
	case OPT_PID:
		if (!parse_number(text, 1, 1 << 22, &number))
			return false;
		options->pid = (int)number;
		return true;
	case OPT_CPU:
	case OPT_SWITCH_CPU:
		if (!parse_number(text, 0, CPU_SETSIZE - 1, &number))
			return false;
		*(option == OPT_CPU ? &options->cpu : &options->pair.switch_cpu) = (int)number;
		return true;
	default: return parse_report(option, text, options);
	}
}

/* The last processor that we may use, other than @not; -1: there is none. */
static int last_cpu(int not )
{
	cpu_set_t cpus;
	int last = -1;

	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &cpus) && cpu != not )
			last = cpu;
	return last;
}

int options_choose_switch_cpu(struct options *options)
{
	if (options->pair.switch_cpu < 0)
		options->pair.switch_cpu = last_cpu(options->cpu);
	if (options->pair.switch_cpu >= 0)
		return 0;
	fprintf(stderr, "sluice-bench: two processors are needed, one for the switch\n");
	return -ENODEV;
}

struct options options_defaults(void)
{
	return (struct options){
		.pair = {.guest = {.ring_size = 1024, .mergeable = true, .event_idx = true},
			 .limit_s = 10,
			 .switch_cpu = -1},
		.stream = {.size = 64, .flows = 1},
		.cpu = -1,
		.seconds = 0.25,
		.windows = 8,
		.warmup_s = 0.5,
		.count = 200,
		.gap_ms = 20,
	};
}

int options_parse(int argc, char **argv, struct options *options)
{
	int option, index = 0;

	optind = 1;
	while ((option = getopt_long(argc, argv, "o:", long_options, &index)) != -1) {
		if (option == '?')
			return -EINVAL;
		if (!parse_one(option, optarg, options)) {
			fprintf(stderr, "sluice-bench: %s is no value for %s\n", optarg,
				argv[optind - 2]);
			return -EINVAL;
		}
	}
	if (options->cpu < 0)
		options->cpu = last_cpu(options->pair.switch_cpu);
	if (options->cpu < 0 || options->cpu == options->pair.switch_cpu) {
		fprintf(stderr,
			"sluice-bench: the generator needs another processor than the switch\n");
		return -EINVAL;
	}
	options->pair.frame_max = stream_frame_max(&options->stream);
	return argc - optind;
}

int options_record(const struct options *options, json_t *report)
{
	int error = 0;

	if (options->record &&
	    json_dump_file(report, options->record, JSON_INDENT(1) | JSON_REAL_PRECISION(6))) {
		fprintf(stderr, "sluice-bench: %s cannot be written\n", options->record);
		error = -EIO;
	}
	json_decref(report);
	return error;
}

void options_print_json(json_t *report)
{
	json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(report);
}

void options_progress(const char *format, ...)
{
	va_list arguments;

	if (!isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	if (format) {
		va_start(arguments, format);
		vfprintf(stderr, format, arguments);
		va_end(arguments);
	}
	fflush(stderr);
}
