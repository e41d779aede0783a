/*
 * state - what outlives a data plane: one memfd that its successor takes over.
 *
 * A head, then the parts at offsets from its first byte, page aligned: the
 * forwarding database (fdb.h) and the sessions (session.h). No pointers, nothing
 * tied to a process. The size is sealed, so that nobody who holds the fd can pull
 * the memory away; what is in it is hearsay, and adopting checks it. Only what is
 * used takes memory: the file is sparse.
 *
 * The control process maps the same memory read-only for `fdb list`, `session
 * list` and `trace`, and finds the parts with state_check().
 */
#ifndef SWITCH_STATE_H
#define SWITCH_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "switch/fdb.h"
#include "switch/session.h"

enum {
	STATE_MAGIC = 0x534c5331, /* "SLS1" */
	STATE_VERSION = 2,
};

struct state_head {
	uint32_t magic;
	uint32_t version;
	uint64_t size; /* of the whole memory */
	uint64_t fdb;  /* offset */
	uint64_t fdb_size;
	uint64_t sessions; /* offset */
	uint64_t sessions_size;
};

struct state {
	int fd;
	void *memory;
	size_t size;
	struct fdb *fdb;
	struct sessions *sessions;
};

/* Make a new state memory, empty. -errno. */
int state_create(struct state *ret_state) __attribute__((warn_unused_result));

/*
 * Take over the state memory @fd, which becomes the state's unless that fails.
 * -EPROTO if it is none of this version, or not sealed against a change of size.
 */
int state_adopt(int fd, struct state *ret_state) __attribute__((warn_unused_result));

/* Forget the mapping and close the fd. One that was never made (all zero) is fine. */
void state_close(struct state *state);

/* Where the parts lie, read from @memory once; -EPROTO if it is not a state memory of @size bytes. */
int state_check(const void *memory, size_t size, struct state_head *ret_head)
	__attribute__((warn_unused_result));

#endif
