/*
 * ctl_help - help at every level, made from the table of commands.
 */
#include <stdio.h>
#include <string.h>

#include "control/ctl_command.h"
#include "control/suggest.h"

enum { LINE_BYTES = 160, SUMMARY_COLUMN = 34 };

static bool begins_with_word(const char *words, const char *beginning)
{
	size_t length = strlen(beginning);

	return !strncmp(words, beginning, length) && (words[length] == ' ' || !words[length]);
}

static void usage_line(const struct ctl_command *command, char ret_line[static LINE_BYTES])
{
	int length = snprintf(ret_line, LINE_BYTES, "%s", command->words);

	for (unsigned i = 0; i < CTL_ARGUMENTS_MAX && command->arguments[i]; i++)
		length += snprintf(ret_line + length, LINE_BYTES - (size_t)length, " %s",
				   command->arguments[i]);
	if (command->options[0])
		snprintf(ret_line + length, LINE_BYTES - (size_t)length, " [OPTION]...");
}

static void options_print(const struct ctl_option *options, FILE *stream)
{
	for (; options && options->name; options++) {
		char line[LINE_BYTES];

		snprintf(line, sizeof(line), "  %s%s%s%s", strlen(options->name) > 1 ? "--" : "-",
			 options->name, options->value ? " " : "",
			 options->value ? options->value : "");
		fprintf(stream, "%-*s %s\n", SUMMARY_COLUMN + 2, line, options->help);
	}
}

static void command_help(const struct ctl_command *command, FILE *stream)
{
	char line[LINE_BYTES];

	usage_line(command, line);
	fprintf(stream, "Usage: sluicectl %s\n%c%s.\n", line, command->summary[0] - 'a' + 'A',
		command->summary + 1);
	if (command->options[0])
		fputs("\nOptions:\n", stream);
	for (unsigned i = 0; i < CTL_OPTION_GROUPS_MAX; i++)
		options_print(command->options[i], stream);
	fputs("\nOptions of every command:\n", stream);
	options_print(ctl_global_options, stream);
	if (command->example)
		fprintf(stream, "\nExamples (each behind `sluicectl`):\n  %s\n", command->example);
}

/* The commands that begin with @words, a line each. */
static void list_help(const char *words, FILE *stream)
{
	fprintf(stream, "Usage: sluicectl [OPTION]... %s%sCOMMAND ...\n", words, *words ? " " : "");
	if (!*words)
		fputs("Asks and commands a running sluiced.\n", stream);
	fputs("\nCommands:\n", stream);
	for (unsigned i = 0; i < ctl_n_commands; i++) {
		char line[LINE_BYTES];

		if (*words && !begins_with_word(ctl_commands[i].words, words))
			continue;
		usage_line(&ctl_commands[i], line);
		/* The options are told by the command's own help. */
		if (strstr(line, " [OPTION]"))
			*strstr(line, " [OPTION]") = '\0';
		fprintf(stream, "  %-*s %s\n", SUMMARY_COLUMN, line, ctl_commands[i].summary);
	}
	fputs("\nOptions:\n", stream);
	options_print(ctl_global_options, stream);
	fputs("\n`sluicectl COMMAND --help` tells more, with examples. Exit status: 0 done, 1 failed,\n"
	      "2 usage, 3 not found, 4 denied, 5 conflict, 6 quota, 7 no daemon, 8 time-out.\n",
	      stream);
}

void ctl_help(const char *words, FILE *stream)
{
	for (unsigned i = 0; i < ctl_n_commands; i++)
		if (!strcmp(ctl_commands[i].words, words)) {
			command_help(&ctl_commands[i], stream);
			return;
		}
	list_help(words, stream);
}

const char *ctl_suggest(const char *words)
{
	struct suggest suggest = {.word = words};

	for (unsigned i = 0; i < ctl_n_commands; i++)
		suggest_offer(&suggest, ctl_commands[i].words);
	/* One word of two: any command that begins nearly so. */
	for (unsigned i = 0; i < ctl_n_commands && !suggest.best; i++) {
		static char first[LINE_BYTES];
		struct suggest one = {.word = words};

		snprintf(first, sizeof(first), "%.*s", (int)strcspn(ctl_commands[i].words, " "),
			 ctl_commands[i].words);
		suggest_offer(&one, first);
		suggest.best = one.best;
	}
	return suggest.best;
}
