/*
 * main - sluice-bench: a vhost-user guest without a VM, to measure switches with.
 */
#include <stdio.h>
#include <string.h>

#include "bench/command.h"
#include "bench/complete.h"

static void print_usage(FILE *to)
{
	fputs("usage: sluice-bench COMMAND [OPTION...] ARGUMENT...\n\n", to);
	for (unsigned i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s %-16s  %s\n", commands[i].name,
			command_arguments(&commands[i]), commands[i].purpose);
	fprintf(to,
		"  %-10s %-16s  %s\n\n`sluice-bench COMMAND --help` tells its options, with examples.\n",
		"completion", "bash", "print a completion script for the shell");
}

static void print_help(const struct command *command)
{
	const char *arguments = command_arguments(command);

	printf("usage: sluice-bench %s [OPTION...]%s%s\n%s\n\nexamples\n%s\noptions\n",
	       command->name, *arguments ? " " : "", arguments, command->purpose,
	       command->examples);
	options_print(command, stdout);
}

/* True if the command can do with so many; else it is told what it takes. */
static bool takes(const struct command *command, int n_arguments)
{
	const char *arguments = command_arguments(command);

	if ((n_arguments == 0 && command->sockets != SOCKETS_TWO) ||
	    (n_arguments == 2 && command->sockets != SOCKETS_NONE))
		return true;
	fprintf(stderr, "sluice-bench: %s takes %s, not %d arguments\n", command->name,
		*arguments ? arguments : "options only", n_arguments);
	return false;
}

/* @argv begins with the command's name. */
static int run(const struct command *command, int argc, char **argv)
{
	struct options options;
	int n = options_parse(argc, argv, command, &options), error;

	if (n < 0 || !takes(command, n))
		return COMMAND_USAGE;
	if (n == 0 && options_choose_switch_cpu(&options))
		return COMMAND_FAILED;
	error = placement_pin(options.cpu);
	if (error) {
		fprintf(stderr, "sluice-bench: processor %d: %s\n", options.cpu, strerror(-error));
		return COMMAND_FAILED;
	}
	return command->run(&options, n ? argv + argc - n : NULL);
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = command_find(name);
	int status;

	if (strcmp(name, "__complete") == 0)
		return complete(argc - 2, argv + 2);
	if (strcmp(name, "completion") == 0 && !asks_for_help(argc, argv))
		return complete_script(argc > 2 ? argv[2] : "");
	if (asks_for_help(argc, argv)) {
		if (command)
			print_help(command);
		else
			print_usage(stdout);
		return COMMAND_OK;
	}
	if (command) {
		status = run(command, argc - 1, argv + 1);
		if (status == COMMAND_USAGE)
			fprintf(stderr, "see sluice-bench %s --help\n", name);
		return status;
	}
	if (argc > 1)
		fprintf(stderr, "sluice-bench: there is no command %s; see sluice-bench --help\n",
			name);
	else
		print_usage(stderr);
	return COMMAND_USAGE;
}
