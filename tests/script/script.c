/*
 * script - reading a file line by line, and what all statements need.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/script/script.h"

enum { FDB_SLOTS = 4096 };

bool script_fail(struct script *script, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(script->why, sizeof(script->why), format, args);
	va_end(args);
	return false;
}

const char *script_peek(const struct script *script)
{
	return script->at < script->n_words ? script->words[script->at] : "";
}

const char *script_next(struct script *script)
{
	return script->at < script->n_words ? script->words[script->at++] : "";
}

bool script_accept(struct script *script, const char *word)
{
	if (strcmp(script_peek(script), word) != 0)
		return false;
	script_next(script);
	return true;
}

bool script_number(struct script *script, const char *text, uint32_t *ret_number)
{
	char *end;
	unsigned long number = strtoul(text, &end, 0);

	if (!isdigit((unsigned char)text[0]) || *end || number > UINT32_MAX)
		return script_fail(script, "'%s' is no number", text);
	*ret_number = (uint32_t)number;
	return true;
}

bool script_next_number(struct script *script, uint32_t *ret_number)
{
	return script_number(script, script_next(script), ret_number);
}

bool script_mac(struct script *script, const char *text, mac48 *ret_mac)
{
	unsigned b[6];
	int end = 0;

	for (unsigned i = 0; i < script->n_hosts; i++) {
		if (strcmp(script->hosts[i].name, text) == 0) {
			*ret_mac = script->hosts[i].mac;
			return true;
		}
	}
	if (strcmp(text, "broadcast") == 0) {
		*ret_mac = MAC_BROADCAST;
		return true;
	}
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    text[end])
		return script_fail(script, "'%s' is no host and no MAC", text);
	*ret_mac = 0;
	for (unsigned i = 0; i < 6; i++)
		*ret_mac = *ret_mac << 8 | b[i];
	return true;
}

uint16_t script_find_port(const struct script *script, const char *name)
{
	for (uint16_t id = 1; *name && id < LAB_PORTS; id++) {
		if (strcmp(script->ports[id].name, name) == 0)
			return id;
	}
	return 0;
}

bool script_port(struct script *script, const char *name, uint16_t *ret_id)
{
	*ret_id = script_find_port(script, name);
	return *ret_id || script_fail(script, "there is no port '%s'", name);
}

static bool say_clock(struct script *script)
{
	const char *word = script_next(script);
	char *end;
	double seconds = strtod(word, &end);

	if (word[0] != '+' || strcmp(end, "s") != 0)
		return script_fail(script, "'%s' is no time like +5s", word);
	script->lab->now += (clock_ms)(seconds * 1000);
	return true;
}

static bool say_sweep(struct script *script)
{
	if (!script_compile(script))
		return false;
	fdb_sweep(script->lab->fdb, script->lab->policy, script->lab->now);
	return true;
}

static bool say_restart(struct script *script)
{
	lab_succeed(script->lab);
	return true;
}

static const struct {
	const char *word;
	bool (*say)(struct script *script);
} statements[] = {
	{"network", script_say_network},
	{"port", script_say_port},
	{"host", script_say_host},
	{"group", script_say_group},
	{"acl", script_say_acl},
	{"set", script_say_set},
	{"remove", script_say_remove},
	{"renew", script_say_renew},
	{"send", script_say_send},
	{"expect", script_say_expect},
	{"count", script_say_count},
	{"known", script_say_known},
	{"unknown", script_say_unknown},
	{"entries", script_say_entries},
	{"flush", script_say_flush},
	{"clock", say_clock},
	{"sweep", say_sweep},
	{"restart", say_restart},
};

/* Words are parted by blanks; a comma at the end of one is for the reader. */
static void split(struct script *script, char *line)
{
	char *rest = line, *word;

	script->n_words = script->at = 0;
	line[strcspn(line, "#\n")] = '\0';
	while ((word = strsep(&rest, " \t")) && script->n_words < SCRIPT_WORDS) {
		size_t len = strlen(word);

		if (len && word[len - 1] == ',')
			word[len - 1] = '\0';
		if (len)
			script->words[script->n_words++] = word;
	}
}

static bool run_line(struct script *script, char *line)
{
	const char *word;

	split(script, line);
	if (script->n_words == 0)
		return true;
	word = script_next(script);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		if (strcmp(word, statements[i].word) != 0)
			continue;
		if (!statements[i].say(script))
			return false;
		if (script->at < script->n_words)
			return script_fail(script, "'%s' is not understood", script_peek(script));
		return true;
	}
	return script_fail(script, "'%s' is no statement", word);
}

bool script_run(const char *path, char *ret_why, size_t why_size)
{
	struct script *script = calloc(1, sizeof(*script));
	FILE *file = fopen(path, "r");
	bool held = script && file;
	char line[1024];

	if (!held) {
		snprintf(ret_why, why_size, "cannot be read");
		goto out;
	}
	script->lab = lab_create(FDB_SLOTS);
	script->changed = true;
	while (held && fgets(line, sizeof(line), file)) {
		char text[sizeof(line)];

		script->line++;
		strcpy(text, line);
		held = run_line(script, text);
		if (!held)
			snprintf(ret_why, why_size, "line %u: %s: %s", script->line, script->why,
				 line);
	}
	lab_destroy(script->lab);
out:
	if (file)
		fclose(file);
	free(script);
	return held;
}
