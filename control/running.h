/*
 * running - the configuration that the switch runs, and the one way to change it.
 *
 * Everything that changes the configuration (a file at the start, `apply`, `port
 * add`, a rollback) ends in running_commit(): a whole document goes in, and it
 * is either what runs from now on, or nothing has changed:
 *
 *	document -> model	all problems of it, or none
 *	model -> policy		with ids that stay with their objects
 *	isolation check		no path between tenants but what they share
 *	save			on disk before it runs; a full disk stops it here
 *	publish			the data plane swaps it at once
 *	-- from here on it is the running configuration --
 *	attach			devices come and go; what cannot be opened is a
 *				port's state, not a failure of the commit
 *
 * If the data plane does not take it (it died), the former state is saved again.
 * A control process that dies between save and publish continues with the new
 * configuration, which nobody was told had failed.
 */
#ifndef CONTROL_RUNNING_H
#define CONTROL_RUNNING_H

#include <jansson.h>

#include "control/attachment.h"
#include "control/dataplane.h"
#include "control/document.h"
#include "control/ids.h"
#include "control/model.h"
#include "control/problem.h"
#include "control/store.h"

enum { RUNNING_WHY = DATAPLANE_WHY };

/* The parts are for reading; only this file changes them. */
struct running {
	struct store *store; /* borrowed, as the next three */
	struct dataplane *dataplane;
	struct attachments *attachments;
	struct model_host host;
	struct store_state state; /* generation and canonical document */
	struct model *model;
	struct ids *ids;
	struct policy *policy;
};

struct running_change {
	const struct document *document; /* whole */
	bool dry_run;			 /* say what would change */
	bool from_config;		 /* it is the configuration file's, with this digest */
	uint64_t config_digest;
};

/*
 * Begin: load what is stored, and run @change, or without one (NULL) what is
 * stored. A data plane that was taken over keeps its ids and devices as far as
 * they fit. -errno; problems say why if it is the document, else @ret_why does.
 */
int running_load(struct running *running, struct problems *problems)
	__attribute__((warn_unused_result));
int running_begin(struct running *running, const struct running_change *change,
		  struct problems *problems, char ret_why[static RUNNING_WHY])
	__attribute__((warn_unused_result));
void running_end(struct running *running);

/*
 * Make it so. 0, and the changes as edit_diff() tells them, the caller's.
 * -EINVAL: problems; another -errno: a sentence in @ret_why and perhaps a problem.
 */
int running_commit(struct running *running, const struct running_change *change,
		   struct problems *problems, json_t **ret_changes,
		   char ret_why[static RUNNING_WHY]) __attribute__((warn_unused_result));

/* There is another data plane: give it the policy and the devices. */
int running_restore(struct running *running, char ret_why[static RUNNING_WHY])
	__attribute__((warn_unused_result));

#endif
