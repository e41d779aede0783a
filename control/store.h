/*
 * store - the applied configuration on disk.
 *
 * One file in the state directory holds what is applied: the document, the
 * number of its commit, and the digest of the configuration files it was last
 * made from. It is written whole: a temporary file, fsync, rename, fsync of the
 * directory. Whatever happens in between (a full disk, SIGKILL, a power cut),
 * what is found later is the old state or the new.
 *
 * A file that is not what was written (its digest does not fit, it is not JSON, it is of
 * another version) is refused, with what to do about it; it is never
 * overwritten by guess.
 *
 * An open store holds a lock on its directory: two control processes cannot
 * share one. The lock ends with the process.
 */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/problem.h"

struct store;

/* What is kept. */
struct store_state {
	uint64_t generation;	/* of the applied document; 0: none was ever applied */
	json_t *document;	/* canonical; owned, json_decref() it */
	json_t *places;		/* of its rules (model_places()); owned; NULL: not known */
	bool has_config;	/* a configuration file or directory was applied at some time */
	uint64_t config_digest; /* then: its document_digest() */
};

/*
 * Open @dir, which is created if it is not there. -EBUSY: another process holds
 * it; else -errno. Each error is also a problem that says what to do.
 */
int store_open(const char *dir, struct problems *problems, struct store **ret)
	__attribute__((warn_unused_result));
void store_close(struct store *store); /* NULL is fine */

/*
 * Read the state. A directory without one gives generation 0 and an empty
 * document. -EBADMSG: damaged (a problem names the file); else -errno.
 */
int store_load(struct store *store, struct problems *problems, struct store_state *ret)
	__attribute__((warn_unused_result));

/*
 * Replace the state. After 0 it is on disk. After an error (-ENOSPC, -EROFS,
 * -EFBIG, ...; a problem says it in words) the old state stands; only if the
 * very last step fails, the fsync of the directory, either may be found.
 */
int store_save(struct store *store, const struct store_state *state, struct problems *problems)
	__attribute__((warn_unused_result));

#endif
