/*
 * ctl_run - see ctl_run.h.
 */
#include "control/ctl_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/address.h"
#include "control/ctl_files.h"
#include "switch/hash.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The call that the command stands for; takes the params. */
static json_t *request_call(struct ctl *ctl, struct ctl_request *request)
{
	json_t *params = request->params;

	request->params = NULL;
	return ctl_call(ctl, request->command->method, params);
}

static void result_print(const struct ctl *ctl, const struct ctl_request *request,
			 const json_t *result)
{
	if (ctl->format != CTL_TABLE)
		ctl_print_value(ctl, result);
	else if (request->command->columns)
		ctl_print_table(ctl, result, request->command->columns);
	else
		ctl_print_object(ctl, result);
}

int ctl_run_plain(struct ctl *ctl, struct ctl_request *request)
{
	json_t *result = request_call(ctl, request);

	if (!result)
		return ctl->status;
	result_print(ctl, request, result);
	json_decref(result);
	return CTL_DONE;
}

/* ---- changes ---- */

static void value_print(const json_t *value)
{
	char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

	fputs(json_is_string(value) ? json_string_value(value)
	      : json_is_null(value) ? "nothing"
	      : text		    ? text
				    : "",
	      stdout);
	free(text);
}

/* "+ port acme/vm1", "~ network acme/web: vlan 100 -> 200", "- port acme/vm2" */
static void change_print(const struct ctl *ctl, const json_t *change)
{
	const char *op = text_of(change, "op"), *key;
	char sign = !strcmp(op, "add") ? '+' : !strcmp(op, "delete") ? '-' : '~';
	const char *color = sign == '+' ? "\033[32m" : sign == '-' ? "\033[31m" : "\033[33m";
	json_t *field;
	bool first = true;

	printf("%s%c %s %s", ctl->color ? color : "", sign, text_of(change, "kind"),
	       text_of(change, "name"));
	json_object_foreach (json_object_get(change, "fields"), key, field) {
		printf("%s%s ", first ? ": " : ", ", key);
		value_print(json_object_get(field, "old"));
		fputs(" -> ", stdout);
		value_print(json_object_get(field, "new"));
		first = false;
	}
	printf("%s\n", ctl->color ? "\033[0m" : "");
}

/* What a commit has changed, or would. */
static void commit_print(const struct ctl *ctl, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes");
	const json_t *change, *port;
	size_t i;

	if (ctl->format != CTL_TABLE) {
		ctl_print_value(ctl, result);
		return;
	}
	json_array_foreach (changes, i, change)
		change_print(ctl, change);
	if (!json_array_size(changes))
		puts("nothing changes");
	json_array_foreach (json_object_get(result, "failed"), i, port)
		fprintf(stderr, "sluicectl: port %s: %s (it is tried again)\n",
			text_of(port, "name"), text_of(port, "text"));
}

int ctl_run_change(struct ctl *ctl, struct ctl_request *request)
{
	json_t *result = request_call(ctl, request);

	if (!result)
		return ctl->status;
	commit_print(ctl, result);
	json_decref(result);
	return CTL_DONE;
}

/* Replace the names of files in the request by their texts. */
static bool request_read_files(struct ctl *ctl, struct ctl_request *request)
{
	const json_t *paths = json_object_get(request->params, "file");
	json_t *files;

	if (!paths) {
		ctl_fail(ctl, CTL_USAGE, "%s needs -f FILE", request->command->words);
		return false;
	}
	files = ctl_files_read(ctl, paths);
	if (!files)
		return false;
	json_object_del(request->params, "file");
	json_object_set_new(request->params, "files", files);
	return true;
}

int ctl_run_apply(struct ctl *ctl, struct ctl_request *request)
{
	return request_read_files(ctl, request) ? ctl_run_change(ctl, request) : ctl->status;
}

int ctl_run_diff(struct ctl *ctl, struct ctl_request *request)
{
	json_t *result = request_read_files(ctl, request) ? request_call(ctl, request) : NULL;
	bool differs;

	if (!result)
		/* 1 says that something differs: what went wrong is more than that. */
		return ctl->status == CTL_FAILED ? CTL_USAGE : ctl->status;
	differs = json_array_size(json_object_get(result, "changes")) > 0;
	commit_print(ctl, result);
	json_decref(result);
	return differs ? CTL_FAILED : CTL_DONE;
}

int ctl_run_export(struct ctl *ctl, struct ctl_request *request)
{
	/* A document is YAML, unless asked for otherwise. */
	if (ctl->format == CTL_TABLE)
		ctl->format = CTL_YAML;
	return ctl_run_plain(ctl, request);
}

/* ---- stats ---- */

static double rate(const json_t *now, const json_t *before, const char *path, double seconds)
{
	json_int_t difference = json_integer_value(ctl_member(now, path)) -
				json_integer_value(ctl_member(before, path));

	/* Counters that begin anew (another data plane) have no rate. */
	return difference > 0 ? (double)difference / seconds : 0;
}

static const json_t *same_port(const json_t *list, const json_t *port)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (!strcmp(text_of(item, "port"), text_of(port, "port")))
			return item;
	return NULL;
}

static json_t *rates_make(const json_t *now, const json_t *before, double seconds)
{
	json_t *rates = json_array();
	const json_t *port;
	size_t i;

	json_array_foreach (now, i, port) {
		const json_t *old = same_port(before, port);

		json_array_append_new(
			rates,
			json_pack("{s:s, s:f, s:f, s:f, s:f}", "port", text_of(port, "port"),
				  "rx_pps", rate(port, old, "rx.packets", seconds), "rx_mbit",
				  rate(port, old, "rx.bytes", seconds) * 8 / 1e6, "tx_pps",
				  rate(port, old, "tx.packets", seconds), "tx_mbit",
				  rate(port, old, "tx.bytes", seconds) * 8 / 1e6));
	}
	return rates;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Rates, every second, for as long as the daemon answers. */
static int stats_watch(struct ctl *ctl, const struct ctl_request *request)
{
	static const struct ctl_column columns[] = {
		{"PORT", "port"},
		{"RX-PACKETS/S", "rx_pps", STYLE_FRACTION},
		{"RX-MBIT/S", "rx_mbit", STYLE_FRACTION},
		{"TX-PACKETS/S", "tx_pps", STYLE_FRACTION},
		{"TX-MBIT/S", "tx_mbit", STYLE_FRACTION},
		{0},
	};
	json_t *before = NULL, *now;
	double began = 0;

	while ((now = ctl_call(ctl, request->command->method, json_deep_copy(request->params)))) {
		double at = seconds_now();

		if (before) {
			json_t *rates = rates_make(now, before, at - began);

			/* On a terminal the next table stands over the last one. */
			if (ctl->format == CTL_TABLE && isatty(STDOUT_FILENO))
				fputs("\033[H\033[2J", stdout);
			if (ctl->format == CTL_TABLE)
				ctl_print_table(ctl, rates, columns);
			else
				ctl_print_value(ctl, rates);
			fflush(stdout);
			json_decref(rates);
		}
		json_decref(before);
		before = now;
		began = at;
		sleep(1);
	}
	json_decref(before);
	return ctl->status;
}

int ctl_run_stats(struct ctl *ctl, struct ctl_request *request)
{
	if (!json_object_get(request->params, "watch"))
		return ctl_run_plain(ctl, request);
	json_object_del(request->params, "watch");
	return stats_watch(ctl, request);
}

/* ---- sessions ---- */

enum { SESSIONS_SHOWN = 10000 }; /* unless it is said */

/* All that @request asks for, in as many calls as it takes; *@ret_more: there would be more. */
static json_t *sessions_list(struct ctl *ctl, const struct ctl_request *request, size_t limit,
			     bool *ret_more)
{
	json_t *list = json_array(), *params = json_deep_copy(request->params);
	const json_t *next;

	do {
		json_t *piece = ctl_call(ctl, request->command->method, json_deep_copy(params));

		if (!piece) {
			json_decref(list);
			list = NULL;
			break;
		}
		json_array_extend(list, json_object_get(piece, "sessions"));
		json_object_set(params, "from", json_object_get(piece, "next"));
		json_decref(piece);
		next = json_object_get(params, "from");
	} while (json_is_integer(next) && json_array_size(list) <= limit);
	json_decref(params);
	*ret_more = json_array_size(list) > limit;
	while (json_array_size(list) > limit)
		json_array_remove(list, json_array_size(list) - 1);
	return list;
}

int ctl_run_sessions(struct ctl *ctl, struct ctl_request *request)
{
	const char *text = text_of(request->params, "limit");
	char *end;
	unsigned long limit = *text ? strtoul(text, &end, 10) : SESSIONS_SHOWN;
	json_t *list;
	bool more;

	if (*text && (*end || *text < '0' || *text > '9' || !limit))
		return ctl_fail(ctl, CTL_USAGE, "--limit: a number of sessions, as in 1000");
	json_object_del(request->params, "limit");
	list = sessions_list(ctl, request, limit, &more);
	if (!list)
		return ctl->status;
	result_print(ctl, request, list);
	if (more)
		fprintf(stderr,
			"sluicectl: there are more than %lu: --limit N shows more of them\n",
			limit);
	json_decref(list);
	return CTL_DONE;
}

/* ---- attach ---- */

/* The port's address; if it has none, one that is always the same for a port of that name. */
static mac48 attach_mac(const json_t *port)
{
	const char *name = text_of(port, "name");
	uint64_t digest = 0;
	mac48 mac;

	if (!address_parse_mac(text_of(port, "mac"), &mac))
		return mac;
	for (; *name; name++)
		digest = hash_word(digest ^ (unsigned char)*name, 1, 0x9e3779b97f4a7c15);
	/* 52:54:00 is where QEMU's own come from */
	return 0x525400000000 | (digest & 0xffffff);
}

static void attach_qemu(const json_t *port)
{
	long long queues = json_integer_value(json_object_get(port, "queues"));
	bool listens = strcmp(text_of(port, "socket_mode"), "server") != 0;
	char mac[ADDRESS_MAC_TEXT];

	printf("-object memory-backend-memfd,id=mem,size=1G,share=on -machine memory-backend=mem \\\n"
	       "-chardev socket,id=net0,path=%s%s \\\n"
	       "-netdev vhost-user,id=net0,chardev=net0%s%.0lld \\\n"
	       "-device virtio-net-pci,netdev=net0,mac=%s%s\n",
	       text_of(port, "socket"), listens ? ",server=on,wait=off" : ",reconnect=1",
	       queues > 1 ? ",queues=" : "", queues > 1 ? queues : 0,
	       address_format_mac(attach_mac(port), mac), queues > 1 ? ",mq=on" : "");
	if (queues > 1)
		fprintf(stderr, "sluicectl: with MSI-X, add vectors=%lld to the device\n",
			2 * queues + 2);
}

static void attach_libvirt(const json_t *port)
{
	long long queues = json_integer_value(json_object_get(port, "queues"));
	bool listens = strcmp(text_of(port, "socket_mode"), "server") != 0;
	char mac[ADDRESS_MAC_TEXT];

	printf("<memoryBacking>\n  <source type='memfd'/>\n  <access mode='shared'/>\n"
	       "</memoryBacking>\n"
	       "<interface type='vhostuser'>\n"
	       "  <mac address='%s'/>\n"
	       "  <source type='unix' path='%s' mode='%s'>\n"
	       "%s"
	       "  </source>\n"
	       "  <model type='virtio'/>\n",
	       address_format_mac(attach_mac(port), mac), text_of(port, "socket"),
	       listens ? "server" : "client",
	       listens ? "" : "    <reconnect enabled='yes' timeout='1'/>\n");
	if (queues > 1)
		printf("  <driver queues='%lld'/>\n", queues);
	puts("</interface>");
}

int ctl_run_attach(struct ctl *ctl, struct ctl_request *request)
{
	bool qemu = json_object_get(request->params, "qemu") != NULL;
	bool libvirt = json_object_get(request->params, "libvirt") != NULL;
	json_t *port;

	if (qemu == libvirt)
		return ctl_fail(ctl, CTL_USAGE, "attach needs --qemu or --libvirt");
	json_object_del(request->params, "qemu");
	json_object_del(request->params, "libvirt");
	port = request_call(ctl, request);
	if (!port)
		return ctl->status;
	if (strcmp(text_of(port, "type"), "vhost-user")) {
		ctl_fail(ctl, CTL_USAGE, "%s is a %s port: give its interface %s to the guest",
			 text_of(port, "name"), text_of(port, "type"), text_of(port, "interface"));
		json_decref(port);
		return ctl->status;
	}
	if (qemu)
		attach_qemu(port);
	else
		attach_libvirt(port);
	json_decref(port);
	return CTL_DONE;
}

/* ---- events ---- */

int ctl_run_watch(struct ctl *ctl, struct ctl_request *request)
{
	json_t *event = request_call(ctl, request);

	while (event) {
		if (ctl->format == CTL_TABLE) {
			char *text = json_dumps(event, JSON_COMPACT);

			puts(text ? text : "");
			free(text);
		} else {
			ctl_print_value(ctl, event);
		}
		fflush(stdout);
		json_decref(event);
		event = ctl_next_event(ctl);
	}
	return ctl->status;
}

/* ---- why ---- */

int ctl_run_why(struct ctl *ctl, struct ctl_request *request)
{
	static const char *const lines[][2] = {
		{"rule", "rule"}, {"explanation", "why"}, {"remedy", "passes with"}};
	json_t *result = request_call(ctl, request);
	const json_t *row;
	size_t i;

	if (!result)
		return ctl->status;
	if (ctl->format != CTL_TABLE) {
		ctl_print_value(ctl, result);
		json_decref(result);
		return CTL_DONE;
	}
	if (!json_array_size(result))
		fputs("nothing was refused\n", stderr);
	json_array_foreach (result, i, row) {
		const char *to = text_of(row, "to");

		printf("%s%s, %lld s ago: %s%s%s\n", i ? "\n" : "", text_of(row, "reason"),
		       (long long)json_integer_value(json_object_get(row, "last_s")),
		       text_of(row, "port"), *to ? " > " : "", to);
		printf("  %-12s %s\n", "frame", text_of(row, "frame"));
		printf("  %-12s %s\n", "stage", text_of(row, "stage"));
		for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++)
			if (*text_of(row, lines[l][0]))
				printf("  %-12s %s\n", lines[l][1], text_of(row, lines[l][0]));
	}
	json_decref(result);
	return CTL_DONE;
}
