/*
 * caller - who asks, and which objects exist for them.
 *
 * Root and the daemon's own user and group may do everything. The users and
 * groups that a tenant names may act for that tenant: its objects exist for
 * them, and nothing else does; what others own is not denied to them but not
 * found. Everybody else is denied.
 *
 * Names of users are looked up when a configuration is committed, not with each
 * request: a directory service that is slow shall not make the switch slow.
 */
#ifndef CONTROL_CALLER_H
#define CONTROL_CALLER_H

#include <stdbool.h>

#include "control/model.h"
#include "control/rpc.h"

/* Which users may act for which tenants; a value made from a model. */
struct rights;

/* NULL without memory. @model must live as long as the rights. */
struct rights *rights_create(const struct model *model);
void rights_destroy(struct rights *rights); /* NULL is fine */

/* Does any tenant name users? Then the control socket must be open to all, and this file decides. */
bool rights_any(const struct rights *rights);

struct caller {
	const struct rights *rights;
	const struct rpc_peer *peer;
	bool full; /* may do everything */
};

struct caller caller_make(const struct rights *rights, const struct rpc_peer *peer);

/* May it do anything at all? */
bool caller_is_known(const struct caller *caller);

/* Does @name exist for it: a tenant, or an object of one ("acme/vm1")? Uplinks only if it may do everything. */
bool caller_sees(const struct caller *caller, const char *name);

/* Is @network its own, or shared with a tenant that it acts for? Of the latter it sees its own ports. */
bool caller_sees_network(const struct caller *caller, const struct model_network *network);

#endif
