/*
 * ctl_parse - from the words of a command line to a request.
 */
#ifndef CONTROL_CTL_PARSE_H
#define CONTROL_CTL_PARSE_H

#include "control/ctl_command.h"

/*
 * Take @argv apart. Global options go to @ctl. -1 and a request, whose params
 * are the caller's; or the exit status, after help was printed, or what is wrong
 * and what was perhaps meant.
 */
int ctl_parse(struct ctl *ctl, int argc, char **argv, struct ctl_request *ret_request);

#endif
