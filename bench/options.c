/*
 * options - see options.h.
 */
#include "bench/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/command.h"
#include "bench/option_table.h"

enum { HELP_COLUMN = 24, LONG_OPTIONS = 64 };

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

static bool parse_frames(enum option_id option, const char *text, struct options *options)
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

static bool parse_session(enum option_id option, const char *text, struct options *options)
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

/* Are all words of @text, with commas between them, of those that the option's list has? */
static bool is_list(enum option_id option, const char *text)
{
	for (;; text++) {
		size_t len = strcspn(text, ",");
		const char *word;
		unsigned i = 0;

		while ((word = option_list_word(option, i)) &&
		       (strlen(word) != len || memcmp(word, text, len)))
			i++;
		if (!word)
			return false;
		text += len;
		if (!*text)
			return true;
	}
}

static bool parse_report(enum option_id option, const char *text, struct options *options)
{
	switch (option) {
	case OPT_OUTPUT: return parse_word(text, "table", "json", &options->json);
	case OPT_JSON: return options->json = true;
	case OPT_RECORD: options->record = text; return true;
	case OPT_PLOT: options->plot = text; return true;
	case OPT_POLICY: return options->policy = true;
	case OPT_TAPS: return options->taps = true;
	case OPT_SWITCHES: options->switches = text; return is_list(option, text);
	case OPT_WORKLOADS: options->workloads = text; return is_list(option, text);
	case OPT_FLOODS: options->floods = text; return is_list(option, text);
	case OPT_SWEEPS: options->sweeps = text; return is_list(option, text);
	default: return parse_session(option, text, options);
	}
}

static bool parse_one(enum option_id option, const char *text, struct options *options)
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

/* The last processor that we may use, other than @except; -1: there is none. */
static int last_cpu(int except)
{
	cpu_set_t cpus;
	int last = -1;

	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &cpus) && cpu != except)
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

static struct options defaults_of(const struct command *command)
{
	return (struct options){
		.pair = {.guest = {.ring_size = 1024, .mergeable = true, .event_idx = true},
			 .limit_s = 10,
			 .switch_cpu = -1},
		.stream = {.size = 64, .flows = 1},
		.cpu = -1,
		.windows = command->windows,
		.seconds = command->seconds,
		.warmup_s = command->warmup_s,
		.rate_pps = command->rate_pps,
		.count = 200,
		.gap_ms = 20,
	};
}

/* The row of the option of @command with that name; NULL: it has none. */
static const struct option_row *find_row(const struct command *command, const char *name)
{
	for (unsigned i = 0; i < n_option_rows; i++)
		if (option_rows[i].name && option_rows[i].commands & command->bit &&
		    strcmp(option_rows[i].name, name) == 0)
			return &option_rows[i];
	return NULL;
}

/* The next option: its row, NULL at the end, or -EINVAL, said on stderr. */
static int next_option(const struct command *command, int argc, char **argv,
		       const struct option_row **ret_row)
{
	struct option known[LONG_OPTIONS] = {{.name = NULL}};
	unsigned n = 0;
	int found;

	for (unsigned i = 0; i < n_option_rows && n < LONG_OPTIONS - 1; i++)
		if (option_rows[i].name && option_rows[i].commands & command->bit)
			known[n++] = (struct option){option_rows[i].name,
						     option_rows[i].argument ? required_argument
									     : no_argument,
						     NULL, (int)i};
	opterr = 0;
	found = getopt_long(argc, argv, ":o:", known, NULL);
	*ret_row = found == -1			  ? NULL
		   : found == 'o'		  ? find_row(command, "output")
		   : found == '?' || found == ':' ? NULL
						  : &option_rows[found];
	if (found == -1 || *ret_row)
		return 0;
	fprintf(stderr,
		found == ':' ? "sluice-bench: %s wants a value\n"
			     : "sluice-bench: there is no option %s\n",
		found == 'o' ? "-o" : argv[optind - 1]);
	return -EINVAL;
}

int options_parse(int argc, char **argv, const struct command *command, struct options *ret_options)
{
	struct options options = defaults_of(command);
	const struct option_row *row;

	optind = 1;
	for (;;) {
		if (next_option(command, argc, argv, &row))
			return -EINVAL;
		if (!row)
			break;
		if (!parse_one(row->id, optarg, &options)) {
			fprintf(stderr, "sluice-bench: %s is no value for --%s\n", optarg,
				row->name);
			return -EINVAL;
		}
	}
	if (options.cpu < 0)
		options.cpu = last_cpu(options.pair.switch_cpu);
	if (options.cpu < 0 || options.cpu == options.pair.switch_cpu) {
		fprintf(stderr,
			"sluice-bench: the generator needs another processor than the switch\n");
		return -EINVAL;
	}
	options.pair.frame_max = stream_frame_max(&options.stream);
	*ret_options = options;
	return argc - optind;
}

/* What holds if the option is not said, where that differs from command to command. */
static void print_default(const struct command *command, enum option_id id, FILE *to)
{
	switch (id) {
	case OPT_WINDOWS: fprintf(to, " (%u)", command->windows); return;
	case OPT_SECONDS: fprintf(to, " (%g)", command->seconds); return;
	case OPT_WARMUP: fprintf(to, " (%g)", command->warmup_s); return;
	default: return;
	}
}

static void print_row(const struct command *command, const struct option_row *row, FILE *to)
{
	const char *line = row->help;
	char left[64];

	snprintf(left, sizeof(left), "    --%s %s", row->name, row->argument ? row->argument : "");
	for (size_t len; *line; line += len + (line[len] != 0)) {
		len = strcspn(line, "\n");
		fprintf(to, "%s%-*s %.*s", line == row->help ? "" : "\n", HELP_COLUMN,
			line == row->help ? left : "", (int)len, line);
	}
	print_default(command, row->id, to);
	if (option_list_word(row->id, 0))
		fprintf(to, ":\n%*s", HELP_COLUMN, "");
	for (unsigned i = 0; option_list_word(row->id, i); i++)
		fprintf(to, " %s", option_list_word(row->id, i));
	fputc('\n', to);
}

void options_print(const struct command *command, FILE *to)
{
	const char *heading = NULL;

	for (unsigned i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (!row->name)
			heading = row->help;
		if (!row->name || !(row->commands & command->bit))
			continue;
		/* Not before one stands under it. */
		if (heading)
			fprintf(to, "  %s\n", heading);
		heading = NULL;
		print_row(command, row, to);
	}
}

void options_offer_names(const struct command *command)
{
	for (unsigned i = 0; i < n_option_rows; i++)
		if (option_rows[i].name && option_rows[i].commands & command->bit)
			printf("--%s\n", option_rows[i].name);
	puts("--help");
}

void options_offer_words(const struct command *command, const char *option)
{
	const struct option_row *row = NULL;
	const char *word;

	if (strcmp(option, "-o") == 0)
		option = "--output";
	if (strncmp(option, "--", 2) == 0)
		row = find_row(command, option + 2);
	if (!row || !row->argument)
		return;
	for (unsigned i = 0; option_list_word(row->id, i); i++)
		puts(option_list_word(row->id, i));
	for (word = row->argument; strchr(row->argument, '|') && *word;) {
		int len = (int)strcspn(word, "|");

		if (islower((unsigned char)*word)) /* not BYTES */
			printf("%.*s\n", len, word);
		word += len + (word[len] == '|');
	}
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
