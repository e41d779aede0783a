/*
 * ctl_files - the texts of a document, read where the user is.
 */
#ifndef CONTROL_CTL_FILES_H
#define CONTROL_CTL_FILES_H

#include "control/ctl.h"

/*
 * The texts of @paths, an array of names: files, directories (their *.yaml,
 * *.yml and *.json in the order of their names), or "-". An array of {name,
 * text} for `apply`, or NULL after ctl_fail().
 */
json_t *ctl_files_read(struct ctl *ctl, const json_t *paths);

#endif
