/*
 * ids - which numbers do ports, networks and tenants have in the policy?
 *
 * The data plane knows objects by id and generation. An id stays with an object
 * as long as it lives, and an object is its name: what is deleted and added
 * under the same name within one commit has not changed its identity, even if
 * it is another kind of port now. A slot that became free is given out last
 * (never used ones first, then the one that has been free the longest).
 *
 * Generations. An object's generation tells in which commit it was born:
 * commit % 65535 + 1. So a slot that is used again has another generation even
 * if its former one was forgotten by a restart, and generation 0 stays nobody.
 *
 * A value, too: ids_next() makes the ids of the next commit and leaves the
 * present ones alone, so that a commit that fails leaves no trace.
 */
#ifndef CONTROL_IDS_H
#define CONTROL_IDS_H

#include "control/model.h"
#include "switch/policy.h"

struct ids;

/* Nobody has an id. */
int ids_create(struct ids **ret) __attribute__((warn_unused_result));

/*
 * The ids that a running policy uses: what a restarted control process goes on
 * with. @policy must have passed policy_check(). -EPROTO if names in it are no names, or
 * occur twice; -ENOMEM.
 */
int ids_adopt(const struct policy *policy, struct ids **ret) __attribute__((warn_unused_result));

void ids_destroy(struct ids *ids); /* NULL is fine */

/*
 * The ids for @model in the commit with number @generation: those of @ids for
 * what it knows, new ones for the rest. -ENOSPC if there are more objects than
 * slots (model_build() refuses such a model); -ENOMEM.
 */
int ids_next(const struct ids *ids, const struct model *model, uint64_t generation,
	     struct ids **ret) __attribute__((warn_unused_result));

/* The number of an object by its name; PORT_NONE or 0 if it has none. */
struct port_ref ids_port(const struct ids *ids, const char *name);
uint16_t ids_network(const struct ids *ids, const char *name);
uint16_t ids_network_generation(const struct ids *ids, const char *name);
uint16_t ids_tenant(const struct ids *ids, const char *name);

#endif
