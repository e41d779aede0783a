/*
 * ctl_complete - completion for shells, from the table of commands and the
 * names that the daemon knows.
 *
 * The script that a shell loads is a few lines: it asks `sluicectl __complete`
 * with the words so far. So completion never disagrees with the program.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl_run.h"

static const char bash[] =
	"_sluicectl() {\n"
	"	local IFS=$'\\n'\n"
	"	COMPREPLY=($(compgen -W \"$(sluicectl __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
	"2>/dev/null)\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	"}\n"
	"complete -o default -F _sluicectl sluicectl\n";

static const char zsh[] =
	"#compdef sluicectl\n"
	"_sluicectl() {\n"
	"	local -a words_found\n"
	"	words_found=(${(f)\"$(sluicectl __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
	"	compadd -a words_found || _files\n"
	"}\n"
	"compdef _sluicectl sluicectl\n";

int ctl_run_completion(struct ctl *ctl, struct ctl_request *request)
{
	const char *shell = json_string_value(json_object_get(request->params, "shell"));

	if (!strcmp(shell, "bash"))
		fputs(bash, stdout);
	else if (!strcmp(shell, "zsh"))
		fputs(zsh, stdout);
	else
		return ctl_fail(ctl, CTL_USAGE, "completion is for bash and zsh, not `%s`", shell);
	return CTL_DONE;
}

/* The rest of @command behind its first @n words, if these are @words; else NULL. */
static const char *words_behind(const char *command, char **words, int n)
{
	for (int i = 0; i < n; i++) {
		size_t length = strcspn(command, " ");

		if (strlen(words[i]) != length || strncmp(command, words[i], length) != 0)
			return NULL;
		command += length + (command[length] == ' ');
	}
	return command;
}

/* The commands whose first @n words are @words: their next word, each once. */
static void offer_commands(char **words, int n)
{
	const char *last = "";

	for (unsigned i = 0; i < ctl_n_commands; i++) {
		const char *next = words_behind(ctl_commands[i].words, words, n);
		size_t length = next ? strcspn(next, " ") : 0;

		/* Those that share a word stand together in the table. */
		if (!length || (strcspn(last, " ") == length && !strncmp(last, next, length)))
			continue;
		printf("%.*s\n", (int)length, next);
		last = next;
	}
}

static const struct ctl_command *command_of(char **words, int n)
{
	char text[128] = "";

	for (int i = 0; i < n && i < 2; i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "%s%s", i ? " " : "", words[i]);
		for (unsigned c = 0; c < ctl_n_commands; c++)
			if (!strcmp(ctl_commands[c].words, text))
				return &ctl_commands[c];
	}
	return NULL;
}

static void offer_options(const struct ctl_command *command)
{
	const struct ctl_option *const groups[] = {command->options[0], command->options[1],
						   ctl_global_options};

	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		for (const struct ctl_option *o = groups[g]; o && o->name; o++)
			printf("%s%s\n", strlen(o->name) > 1 ? "--" : "-", o->name);
}

/* Is @word an option that wants a value? Then offer the words that it may be, if any. */
static bool offer_values(const struct ctl_command *command, const char *word)
{
	const struct ctl_option *option;
	const char *value;

	if (*word != '-')
		return false;
	option = ctl_option_find(command, word + strspn(word, "-"));
	if (!option || !option->value)
		return false;
	for (value = option->value; strchr(option->value, '|') && *value;) {
		int length = (int)strcspn(value, "|");

		/* not NAME, not 0-7 */
		if (strcspn(value, "abcdefghijklmnopqrstuvwxyz") < (size_t)length)
			printf("%.*s\n", length, value);
		value += length + (value[length] == '|');
	}
	return true;
}

/* Names that the first argument of @command may be. */
static void offer_names(struct ctl *ctl, const struct ctl_command *command)
{
	const char *argument = command->arguments[0] ? command->arguments[0] : "";
	char method[64];
	const json_t *object;
	json_t *list;
	size_t i;

	if (strstr(argument, "PORT") || !strcmp(command->words, "attach"))
		snprintf(method, sizeof(method), "port.list");
	else if (strstr(argument, "NETWORK"))
		snprintf(method, sizeof(method), "network.list");
	else if (strstr(argument, "TENANT"))
		snprintf(method, sizeof(method), "tenant.list");
	else if (strstr(argument, "NAME"))
		snprintf(method, sizeof(method), "%.*s.list", (int)strcspn(command->words, " "),
			 command->words);
	else
		return;
	list = ctl_call(ctl, method, NULL);
	json_array_foreach (list, i, object)
		puts(json_string_value(json_object_get(object, "name")));
	json_decref(list);
}

int ctl_complete(struct ctl *ctl, char **words, int n_words)
{
	const char *current = n_words ? words[n_words - 1] : "";
	const struct ctl_command *command = n_words ? command_of(words, n_words - 1) : NULL;

	if (!command)
		offer_commands(words, n_words ? n_words - 1 : 0);
	else if (*current == '-')
		offer_options(command);
	else if (!offer_values(command, words[n_words - 2]))
		offer_names(ctl, command);
	return CTL_DONE;
}
