/*
 * ctl_parse - see ctl_parse.h.
 */
#include "control/ctl_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/suggest.h"

enum { WORDS_BYTES = 128, TEXT_BYTES = 1024 };

/* The command line while it is read. */
struct parser {
	struct ctl *ctl;
	int argc;
	char **argv;
	int at;
	char words[WORDS_BYTES]; /* of the command, as far as they were read */
	const struct ctl_command *command;
	unsigned n_arguments;
	json_t *params;
	bool help;
	bool only_arguments; /* behind `--` */
};

/* Is there a command that begins with these words? Whole words only. */
static bool words_begin_command(const char *words)
{
	size_t length = strlen(words);

	for (unsigned i = 0; i < ctl_n_commands; i++)
		if (!strncmp(ctl_commands[i].words, words, length) &&
		    (ctl_commands[i].words[length] == ' ' || !ctl_commands[i].words[length]))
			return true;
	return false;
}

static const struct ctl_command *command_find(const char *words)
{
	for (unsigned i = 0; i < ctl_n_commands; i++)
		if (!strcmp(ctl_commands[i].words, words))
			return &ctl_commands[i];
	return NULL;
}

/* "[RULE ...]": what the object is, as a list. */
static bool takes_items(const struct ctl_command *command)
{
	const char *last = command->arguments[CTL_ARGUMENTS_MAX - 1];

	return last && strstr(last, " ...");
}

/* Is it a command, or an option, of the language that is not built yet? */
static bool is_planned(const char *word)
{
	static const char *const planned[] = {
		"capture", "confirm",	     "history", "mirror",    "rollback",
		"top",	   "support-bundle", "upgrade", "--confirm", "--pcap",
	};

	for (size_t i = 0; i < sizeof(planned) / sizeof(*planned); i++)
		if (!strcmp(word, planned[i]))
			return true;
	return false;
}

/* One more word of the command. */
static int take_command_word(struct parser *parser, const char *word)
{
	char words[WORDS_BYTES];
	const char *meant;

	if (!*parser->words && !strcmp(word, "help")) {
		parser->help = true;
		return 0;
	}
	if (snprintf(words, sizeof(words), "%s%s%s", parser->words, *parser->words ? " " : "",
		     word) >= (int)sizeof(words) ||
	    !words_begin_command(words)) {
		if (is_planned(words))
			return ctl_fail(parser->ctl, CTL_USAGE, "`%s` is not built yet", words);
		meant = ctl_suggest(words);
		return ctl_fail(parser->ctl, CTL_USAGE,
				"there is no command `%s`%s%s%s (`sluicectl --help` lists all)",
				words, meant ? ": did you mean `" : "", meant ? meant : "",
				meant ? "`?" : "");
	}
	memcpy(parser->words, words, sizeof(words));
	parser->command = command_find(words);
	if (parser->command && takes_items(parser->command))
		json_object_set_new(parser->params, "fields", json_array());
	return 0;
}

/* The place of @path in @params: its parent, made where it is missing, and the last key. */
static json_t *place_make(json_t *params, const char *path, char ret_key[static WORDS_BYTES])
{
	for (;;) {
		size_t length = strcspn(path, ".");
		json_t *child;

		snprintf(ret_key, WORDS_BYTES, "%.*s", (int)length, path);
		if (!path[length])
			return params;
		child = json_object_get(params, ret_key);
		if (!child) {
			child = json_object();
			json_object_set_new(params, ret_key, child);
		}
		params = child;
		path += length + 1;
	}
}

/* Take @field away: one that an option of the command sets, or a part of it; or what that option sets. */
static int field_unset(struct parser *parser, const char *field)
{
	static const char before[] = "fields.";
	struct suggest suggest = {.word = field};
	size_t length = strlen(field);
	char path[WORDS_BYTES], key[WORDS_BYTES];
	json_t *parent;

	*path = '\0';
	for (unsigned i = 0; i < CTL_OPTION_GROUPS_MAX; i++)
		for (const struct ctl_option *o = parser->command->options[i]; o && o->name; o++) {
			const char *rest = o->path + strlen(before);

			if (strncmp(o->path, before, strlen(before)) != 0)
				continue;
			if (strcspn(rest, ".") == length && !strncmp(rest, field, length))
				snprintf(path, sizeof(path), "%s%s", before, field);
			else if (!*path && !strcmp(o->name, field))
				snprintf(path, sizeof(path), "%s", o->path);
			if (!strchr(rest, '.'))
				suggest_offer(&suggest, rest);
		}
	if (!*path)
		return ctl_fail(parser->ctl, CTL_USAGE, "%s knows no field `%s`%s%s%s",
				parser->words, field, suggest.best ? ": did you mean `" : "",
				suggest.best ? suggest.best : "", suggest.best ? "`?" : "");
	parent = place_make(parser->params, path, key);
	json_object_set_new(parent, key, json_null());
	return 0;
}

/* Put one item of @option's value in its place. */
static bool item_set(const struct ctl_option *option, json_t *parent, const char *key, char *item)
{
	json_t *collection = json_object_get(parent, key);
	char *equals = strchr(item, '=');

	if (option->shape == SHAPE_LIST || option->shape == SHAPE_ALL_OR_LIST) {
		if (!json_is_array(collection)) {
			collection = json_array();
			json_object_set_new(parent, key, collection);
		}
		json_array_append_new(collection, json_string(item));
		return true;
	}
	if (!json_is_object(collection)) {
		collection = json_object();
		json_object_set_new(parent, key, collection);
	}
	if (!equals)
		return false;
	*equals = '\0';
	json_object_set_new(collection, item, json_string(equals + 1));
	return true;
}

static int option_apply(struct parser *parser, const struct ctl_option *option, const char *value)
{
	char key[WORDS_BYTES], text[TEXT_BYTES];
	char *rest, *item;
	json_t *parent = place_make(parser->params, option->path, key);

	switch (option->shape) {
	case SHAPE_TRUE: json_object_set_new(parent, key, json_true()); return 0;
	case SHAPE_TEXT: json_object_set_new(parent, key, json_string(value)); return 0;
	case SHAPE_ALL_OR_LIST:
		if (!strcmp(value, "all")) {
			json_object_set_new(parent, key, json_string(value));
			return 0;
		}
		break;
	case SHAPE_TEXT_OR_MAP:
		if (!strchr(value, '=')) {
			json_object_set_new(parent, key, json_string(value));
			return 0;
		}
		break;
	case SHAPE_LIST:
	case SHAPE_MAP:
	case SHAPE_UNSET: break;
	}
	if (strlen(value) >= sizeof(text))
		return ctl_fail(parser->ctl, CTL_USAGE, "the value of --%s is too long",
				option->name);
	memcpy(text, value, strlen(value) + 1);
	for (item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
		if (option->shape == SHAPE_UNSET) {
			if (field_unset(parser, item))
				return CTL_USAGE;
		} else if (!item_set(option, parent, key, item)) {
			return ctl_fail(parser->ctl, CTL_USAGE, "--%s takes %s, not `%s`",
					option->name, option->value, item);
		}
	}
	return 0;
}

static int global_apply(struct parser *parser, const char *name, const char *value)
{
	struct ctl *ctl = parser->ctl;
	char *end;

	if (!strcmp(name, "help")) {
		parser->help = true;
	} else if (!strcmp(name, "socket")) {
		ctl->socket_path = value;
	} else if (!strcmp(name, "timeout")) {
		unsigned long seconds = strtoul(value, &end, 10);

		if (!isdigit((unsigned char)*value) || *end || !seconds || seconds > 86400)
			return ctl_fail(ctl, CTL_USAGE, "--timeout takes seconds, not `%s`", value);
		ctl->timeout_s = (unsigned)seconds;
	} else if (!strcmp(value, "table")) {
		ctl->format = CTL_TABLE;
	} else if (!strcmp(value, "json")) {
		ctl->format = CTL_JSON;
	} else if (!strcmp(value, "yaml")) {
		ctl->format = CTL_YAML;
	} else {
		return ctl_fail(ctl, CTL_USAGE, "-o takes table, json or yaml, not `%s`", value);
	}
	return 0;
}

static int option_unknown(struct parser *parser, const char *word, const char *name)
{
	struct suggest suggest = {.word = name};

	if (parser->command && is_planned(word))
		return ctl_fail(parser->ctl, CTL_USAGE, "%s %s is not built yet",
				parser->command->words, word);
	for (unsigned g = 0; parser->command && g < CTL_OPTION_GROUPS_MAX; g++)
		for (const struct ctl_option *o = parser->command->options[g]; o && o->name; o++)
			suggest_offer(&suggest, o->name);
	for (const struct ctl_option *o = ctl_global_options; o->name; o++)
		suggest_offer(&suggest, o->name);
	return ctl_fail(parser->ctl, CTL_USAGE, "%s has no option `%s`%s%s%s",
			parser->command ? parser->command->words : "sluicectl", word,
			suggest.best ? ": did you mean `--" : "", suggest.best ? suggest.best : "",
			suggest.best ? "`?" : "");
}

/* `--name value`, `--name=value`, `-o value`. */
static int take_option(struct parser *parser, const char *word)
{
	const char *equals = strchr(word, '=');
	const struct ctl_option *option;
	const char *value = NULL;
	char name[WORDS_BYTES];

	if (!strcmp(word, "-h"))
		word = "--help";
	snprintf(name, sizeof(name), "%s", word + 1 + (word[1] == '-'));
	name[strcspn(name, "=")] = '\0';
	option = ctl_option_find(parser->command, name);
	if (!option || (word[1] != '-') != (strlen(option->name) == 1))
		return option_unknown(parser, word, name);
	if (option->value) {
		value = equals			    ? equals + 1
			: parser->at < parser->argc ? parser->argv[parser->at++]
						    : NULL;
		if (!value)
			return ctl_fail(parser->ctl, CTL_USAGE, "%s needs a value: %s", word,
					option->value);
	} else if (equals) {
		return ctl_fail(parser->ctl, CTL_USAGE, "--%s takes no value", name);
	}
	return *option->path ? option_apply(parser, option, value)
			     : global_apply(parser, option->name, value);
}

/* "[NAME...]" is params.name. */
static void argument_key(const char *argument, char ret_key[static WORDS_BYTES])
{
	unsigned n = 0;

	for (; *argument; argument++)
		if (isalpha((unsigned char)*argument))
			ret_key[n++] = (char)tolower((unsigned char)*argument);
	ret_key[n] = '\0';
}

static int take_argument(struct parser *parser, const char *word)
{
	const char *const *arguments = parser->command->arguments;
	unsigned n = parser->n_arguments;
	char key[WORDS_BYTES];
	const json_t *before;

	/* The last one takes the rest, if it says so. */
	if (n && (n == CTL_ARGUMENTS_MAX || !arguments[n]) && strstr(arguments[n - 1], "..."))
		n--;
	if (n == CTL_ARGUMENTS_MAX || !arguments[n])
		return ctl_fail(parser->ctl, CTL_USAGE,
				"unexpected argument `%s`: try `sluicectl "
				"%s --help`",
				word, parser->command->words);
	parser->n_arguments = n + 1;
	if (strstr(arguments[n], " ...")) {
		json_t *items = json_object_get(parser->params, "fields");

		json_array_append_new(items, json_string(word));
		return 0;
	}
	argument_key(arguments[n], key);
	before = json_object_get(parser->params, key);
	if (before)
		json_object_set_new(parser->params, key,
				    json_sprintf("%s %s", json_string_value(before), word));
	else
		json_object_set_new(parser->params, key, json_string(word));
	return 0;
}

static int take_word(struct parser *parser)
{
	const char *word = parser->argv[parser->at++];

	if (!parser->only_arguments && !strcmp(word, "--")) {
		parser->only_arguments = true;
		return 0;
	}
	if (!parser->only_arguments && word[0] == '-' && word[1])
		return take_option(parser, word);
	if (!parser->command)
		return take_command_word(parser, word);
	return take_argument(parser, word);
}

static int check_complete(struct parser *parser)
{
	const struct ctl_command *command = parser->command;
	const char *missing;

	if (!command) {
		ctl_help(parser->words, stderr);
		return CTL_USAGE;
	}
	missing = parser->n_arguments < CTL_ARGUMENTS_MAX ? command->arguments[parser->n_arguments]
							  : NULL;
	if (missing && *missing != '[')
		return ctl_fail(parser->ctl, CTL_USAGE, "%s needs %s: try `sluicectl %s --help`",
				command->words, missing, command->words);
	return -1;
}

/* @name without its tenant, if that is the tenant of @object: "acme/web" for "acme/vm1" is "web". */
static json_t *local_name(const char *object, const char *name)
{
	size_t length = strcspn(object, "/") + 1;

	return json_string(strchr(object, '/') && !strncmp(name, object, length) ? name + length
										 : name);
}

/* Names that users copied from a list stand with their tenant: fields are without it. */
static void names_localize(struct parser *parser)
{
	const char *object = json_string_value(json_object_get(parser->params, "name"));

	for (const struct ctl_option *o = parser->command->options[0]; object && o && o->name;
	     o++) {
		const json_t *found = ctl_member(parser->params, o->path);
		char key[WORDS_BYTES];
		json_t *parent, *item;
		size_t i;

		if (!o->local || !found)
			continue;
		parent = place_make(parser->params, o->path, key);
		if (json_is_string(found))
			json_object_set_new(parent, key,
					    local_name(object, json_string_value(found)));
		json_array_foreach (json_object_get(parent, key), i, item)
			json_array_set_new(json_object_get(parent, key), i,
					   local_name(object, json_string_value(item)));
	}
}

int ctl_parse(struct ctl *ctl, int argc, char **argv, struct ctl_request *ret_request)
{
	struct parser parser = {.ctl = ctl, .argc = argc, .argv = argv, .at = 1};
	int status = 0;

	parser.params = json_object();
	if (!parser.params)
		return ctl_fail(ctl, CTL_FAILED, "no memory");
	while (!status && parser.at < argc)
		status = take_word(&parser);
	if (!status && parser.help) {
		ctl_help(parser.words, stdout);
		json_decref(parser.params);
		return CTL_DONE;
	}
	if (!status)
		status = check_complete(&parser);
	if (status != -1) {
		json_decref(parser.params);
		return status;
	}
	names_localize(&parser);
	*ret_request = (struct ctl_request){.command = parser.command, .params = parser.params};
	return -1;
}
