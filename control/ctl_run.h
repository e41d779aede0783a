/*
 * ctl_run - the commands that are more than one call and its result.
 *
 * Each gets the request as it was typed and returns the exit status.
 */
#ifndef CONTROL_CTL_RUN_H
#define CONTROL_CTL_RUN_H

#include "control/ctl_command.h"

/* Call the method and print what it gives: what a command does that has no function of its own. */
int ctl_run_plain(struct ctl *ctl, struct ctl_request *request);

int ctl_run_apply(struct ctl *ctl, struct ctl_request *request);
int ctl_run_diff(struct ctl *ctl, struct ctl_request *request);
int ctl_run_export(struct ctl *ctl, struct ctl_request *request);
int ctl_run_change(struct ctl *ctl, struct ctl_request *request);
int ctl_run_stats(struct ctl *ctl, struct ctl_request *request);
int ctl_run_sessions(struct ctl *ctl, struct ctl_request *request);
int ctl_run_trace(struct ctl *ctl, struct ctl_request *request);
int ctl_run_why(struct ctl *ctl, struct ctl_request *request);
int ctl_run_attach(struct ctl *ctl, struct ctl_request *request);
int ctl_run_watch(struct ctl *ctl, struct ctl_request *request);
int ctl_run_completion(struct ctl *ctl, struct ctl_request *request);

/* What could stand where the cursor is, a line each: @words are those before it and the one it is in. */
int ctl_complete(struct ctl *ctl, char **words, int n_words);

#endif
