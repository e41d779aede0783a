/*
 * sluicectl - the command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/build.h"
#include "control/ctl_parse.h"
#include "control/ctl_run.h"

enum { TIMEOUT_S = 30 };

#define SOCKET_DEFAULT "/run/sluice/control.sock"

/* Colour is for people, on terminals that have it, who have not said no (no-color.org). */
static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

int main(int argc, char **argv)
{
	const char *socket_path = getenv("SLUICE_SOCKET");
	struct ctl ctl = {
		.socket_path = socket_path && *socket_path ? socket_path : SOCKET_DEFAULT,
		.timeout_s = TIMEOUT_S,
		.color = wants_color(),
		.socket = -1,
	};
	struct ctl_request request = {0};
	int status;

	if (argc > 1 && !strcmp(argv[1], "__complete")) {
		status = ctl_complete(&ctl, argv + 2, argc - 2);
		ctl_close(&ctl);
		return status;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("sluicectl " SLUICE_VERSION);
		return CTL_DONE;
	}
	status = ctl_parse(&ctl, argc, argv, &request);
	if (status != -1)
		return status;
	status = request.command->run ? request.command->run(&ctl, &request)
				      : ctl_run_plain(&ctl, &request);
	json_decref(request.params);
	ctl_close(&ctl);
	/* A full disk or a closed pipe is a failure, too. */
	if (fflush(stdout) && status == CTL_DONE)
		status = ctl_fail(&ctl, CTL_FAILED, "standard output: write error");
	return status;
}
