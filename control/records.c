/*
 * records - see records.h.
 */
#include "control/records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/compile_lists.h"
#include "control/frame_words.h"
#include "switch/rule_log.h"

enum {
	COLLECT_MS = 200,
	TIME_TEXT = 32,
};

/* What is kept of one tenant. */
struct book {
	struct book *next;
	char tenant[LIMIT_NAME + 1];
	json_t *rows;
	clock_ms second;
	unsigned told; /* in that second */
	uint64_t left_out;
};

struct records {
	struct daemon *daemon;
	struct loop_timer timer;
	struct book *books;
	uint64_t seen[LIMIT_WORKERS + 1][LIMIT_PORTS];
};

static void timer_expired(void *user)
{
	struct records *records = user;

	records_collect(records);
	loop_timer_set(records->daemon->loop, &records->timer, COLLECT_MS);
}

int records_create(struct daemon *daemon, struct records **ret)
{
	struct records *records = calloc(1, sizeof(*records));

	if (!records)
		return -ENOMEM;
	records->daemon = daemon;
	records->timer.expired = timer_expired;
	records->timer.user = records;
	*ret = records;
	return 0;
}

static void book_destroy(struct book *book)
{
	json_decref(book->rows);
	free(book);
}

void records_destroy(struct records *records)
{
	struct book *book;

	if (!records)
		return;
	loop_timer_cancel(&records->timer);
	while ((book = records->books)) {
		records->books = book->next;
		book_destroy(book);
	}
	free(records);
}

static bool says_log(const struct model *model)
{
	for (uint32_t i = 0; i < model->n_acls; i++)
		for (uint32_t r = 0; r < model->acls[i].n_rules; r++)
			if (model->acls[i].rules[r].acl->log)
				return true;
	return false;
}

void records_configure(struct records *records)
{
	const struct model *model = records->daemon->running.model;
	struct book **at = &records->books, *book;

	while ((book = *at)) {
		if (model_tenant(model, book->tenant)) {
			at = &book->next;
			continue;
		}
		*at = book->next;
		book_destroy(book);
	}
	loop_timer_cancel(&records->timer);
	if (says_log(model))
		loop_timer_set(records->daemon->loop, &records->timer, COLLECT_MS);
}

/* The book of @tenant; NULL without memory. */
static struct book *book_of(struct records *records, const char *tenant)
{
	struct book *book = records->books;

	while (book && strcmp(book->tenant, tenant))
		book = book->next;
	if (book)
		return book;
	book = calloc(1, sizeof(*book));
	if (!book)
		return NULL;
	book->rows = json_array();
	if (!book->rows) {
		free(book);
		return NULL;
	}
	snprintf(book->tenant, sizeof(book->tenant), "%s", tenant);
	book->next = records->books;
	records->books = book;
	return book;
}

/* May one more be told in this second? */
static bool book_has_room(struct book *book, clock_ms now)
{
	if (book->second != now / 1000) {
		book->second = now / 1000;
		book->told = 0;
	}
	if (book->told == RECORDS_A_SECOND) {
		book->left_out++;
		return false;
	}
	book->told++;
	return true;
}

/* The time of day at @when of CLOCK_MONOTONIC, in UTC as RFC 3339 has it. */
static void time_words(clock_ms when, char text[static TIME_TEXT])
{
	struct timespec day;
	clock_ms now = loop_now();
	uint64_t ms;
	time_t seconds;
	struct tm tm;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &day);
	ms = (uint64_t)day.tv_sec * 1000 + (uint64_t)day.tv_nsec / 1000000;
	ms -= now > when ? now - when : 0;
	seconds = (time_t)(ms / 1000);
	gmtime_r(&seconds, &tm);
	used = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + used, TIME_TEXT - used, ".%03uZ", (unsigned)(ms % 1000));
}

static const struct model_port *port_of(const struct running *running, struct port_ref ref)
{
	const struct policy_port *port = policy_port(running->policy, ref);

	return port ? model_port(running->model, policy_at(running->policy, port->name)) : NULL;
}

/* @port as the tenant of the rules may know it. */
static json_t *known_as(const struct model_port *port, const struct model_tenant *tenant)
{
	if (!port)
		return json_null();
	if (port->tenant == tenant)
		return json_string(port->name);
	return json_string(port->tenant ? "(another tenant's)" : "(uplink)");
}

static uint64_t hits_of(const struct daemon *daemon, const struct refusal *record)
{
	const struct policy_rules *list = policy_rules(daemon->running.policy, record->list);
	uint64_t hits, bytes;

	counters_sum_rule(dataplane_counters(daemon->dataplane), list->hits + record->rule,
			  list->hits_tag, &hits, &bytes);
	return hits;
}

static json_t *row_make(const struct daemon *daemon, const struct model_port *sender,
			const struct refusal *record, const struct model_rules *rules,
			const struct model_rule *rule, uint64_t left_out)
{
	const struct model_port *receiver = port_of(&daemon->running, record->output);
	bool in = record->stage == FILTER_ACL_IN;
	char words[FRAME_WORDS], line[RULE_TEXT], when[TIME_TEXT];
	struct frame_told told;

	frame_take_apart(record, &told);
	frame_words(&told, words);
	rule_format_acl(rule->acl, line);
	time_words(record->when, when);
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I}",
			 "time", when, "tenant", rules->tenant->name, "list", rules->name, "number",
			 (json_int_t)(rule - rules->rules + 1), "rule", line, "written",
			 rule->written.file
				 ? json_sprintf("%s:%u", rule->written.file, rule->written.line)
				 : json_null(),
			 "action", rule->acl->accept ? "accept" : "drop", "direction",
			 in ? "in" : "out", "port", known_as(in ? sender : receiver, rules->tenant),
			 "from", known_as(sender, rules->tenant), "to",
			 known_as(receiver, rules->tenant), "frame", api_json_text(words), "hits",
			 (json_int_t)hits_of(daemon, record), "left_out", (json_int_t)left_out);
}

/* Tell and keep @record of a frame from @sender. What it says is the data plane's, and checked. */
static void take(struct records *records, const struct model_port *sender,
		 const struct refusal *record)
{
	struct daemon *daemon = records->daemon;
	const struct policy *policy = daemon->running.policy;
	const struct model_rules *rules;
	const struct model_rule *rule;
	struct book *book;
	json_t *row, *event;

	if (record->policy != policy->generation || record->list >= policy->n_rules ||
	    policy_rules(policy, record->list)->kind != POLICY_ACL)
		return;
	rule = compile_find_rule(daemon->running.model, record->list, record->rule, &rules);
	book = rule ? book_of(records, rules->tenant->name) : NULL;
	if (!book || !book_has_room(book, loop_now()))
		return;
	row = row_make(daemon, sender, record, rules, rule, book->left_out);
	if (!row)
		return;
	book->left_out = 0;
	event = json_copy(row);
	json_object_set_new(event, "event", json_string("log"));
	api_publish(daemon, rules->name, event);
	if (json_array_size(book->rows) == RECORDS_KEPT)
		json_array_remove(book->rows, 0);
	json_array_append_new(book->rows, row);
}

void records_collect(struct records *records)
{
	const struct running *running = &records->daemon->running;
	const struct counters *counters = dataplane_counters(records->daemon->dataplane);
	struct refusal found[RULE_LOG_PLACES];
	unsigned writers = counters ? *(const volatile uint32_t *)&counters->n_workers : 0;

	if (!counters || !running->model)
		return;
	if (writers > LIMIT_WORKERS)
		writers = LIMIT_WORKERS;
	for (uint32_t p = 0; p < running->model->n_ports; p++) {
		const struct model_port *port = &running->model->ports[p];
		struct port_ref ref = ids_port(running->ids, port->name);

		for (unsigned writer = 0; writer < writers; writer++) {
			unsigned n = rule_log_read(counters, writer, ref,
						   &records->seen[writer][ref.id], found);

			for (unsigned i = 0; i < n; i++)
				take(records, port, &found[i]);
		}
	}
}

static bool is_about(const json_t *row, const char *port)
{
	const char *name = json_string_value(json_object_get(row, "port"));

	return !port || (name && !strcmp(name, port));
}

json_t *records_report(struct api_call *call)
{
	struct records *records = call->daemon->records;
	const char *port = api_text(call, "port");
	json_t *list, *row;
	size_t i;

	if (port && !api_sees(call, port))
		return NULL;
	if (port && !model_port(call->daemon->running.model, port))
		return api_fail(call, API_NOT_FOUND, "not-found", "there is no port `%s`", port);
	records_collect(records);
	list = json_array();
	for (const struct book *book = records->books; list && book; book = book->next) {
		if (!caller_sees(&call->caller, book->tenant))
			continue;
		json_array_foreach (book->rows, i, row)
			if (is_about(row, port))
				json_array_append(list, row);
	}
	return api_result(call, list);
}
