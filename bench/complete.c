/*
 * complete - see complete.h.
 */
#include "bench/complete.h"

#include <stdio.h>
#include <string.h>

#include "bench/command.h"

static const char bash[] =
	"_sluice_bench() {\n"
	"	local IFS=$'\\n'\n"
	"	COMPREPLY=($(compgen -W \"$(sluice-bench __complete "
	"\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	"}\n"
	"complete -o default -F _sluice_bench sluice-bench\n";

int complete_script(const char *shell)
{
	if (strcmp(shell, "bash")) {
		fprintf(stderr, "sluice-bench: completion is for bash\n");
		return COMMAND_USAGE;
	}
	fputs(bash, stdout);
	return COMMAND_OK;
}

int complete(int n_words, char **words)
{
	const struct command *command = n_words > 1 ? command_find(words[0]) : NULL;

	if (n_words <= 1) {
		for (unsigned i = 0; i < COMMANDS; i++)
			puts(commands[i].name);
		puts("completion");
	} else if (command && words[n_words - 1][0] == '-') {
		options_offer_names(command);
	} else if (command) {
		options_offer_words(command, words[n_words - 2]);
	} else if (strcmp(words[0], "completion") == 0) {
		puts("bash");
	}
	return COMMAND_OK;
}
