/*
 * api_change - the methods that change something: apply, diff, add, set,
 * delete, and flushing the FDB.
 *
 * Each makes a whole document from the running one and hands it to
 * daemon_commit(): there is no other way into the configuration.
 */
#ifndef CONTROL_API_CHANGE_H
#define CONTROL_API_CHANGE_H

#include "control/api.h"

/* files: [{name, text}, ...], which together are the document; result {generation, changes, failed}. */
json_t *change_apply(struct api_call *call);

/* The same without doing it; result {changes}. */
json_t *change_diff(struct api_call *call);

/* name, fields: one object; same result as apply. */
json_t *change_add(struct api_call *call);
json_t *change_set(struct api_call *call);
json_t *change_delete(struct api_call *call);

/* network or nothing; result {flushed}. */
json_t *change_fdb_flush(struct api_call *call);
json_t *change_session_flush(struct api_call *call);

#endif
