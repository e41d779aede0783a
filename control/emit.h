/*
 * emit - a JSON value as YAML that people like to read.
 *
 * Collections of named objects are indented blocks; an object of scalars and
 * small lists stands on one line (`{vhost-user: vm1.sock, network: web}`) if it
 * fits. Text that any YAML reader could take for something else (`no`,
 * `52:54:00:00:00:01`, `1e3`) is quoted. document_add_text() of the result
 * gives the same value again, with every scalar as its text.
 */
#ifndef CONTROL_EMIT_H
#define CONTROL_EMIT_H

#include <jansson.h>

/* @value as YAML, ending in a newline; the caller frees it. NULL without memory. */
char *emit_yaml(const json_t *value) __attribute__((warn_unused_result));

#endif
