/*
 * caller - see caller.h.
 */
#include "control/caller.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct right {
	const char *tenant;
	bool is_group;
	uint32_t id; /* uid or gid */
};

struct rights {
	unsigned count;
	struct right list[];
};

/* The id of @user, or of a group as "@group". False, said once: there is none. */
static bool right_find(const char *tenant, const char *user, struct right *ret_right)
{
	struct right right = {.tenant = tenant, .is_group = *user == '@'};
	const struct group *group = right.is_group ? getgrnam(user + 1) : NULL;
	const struct passwd *passwd = right.is_group ? NULL : getpwnam(user);

	if (!group && !passwd) {
		fprintf(stderr, "sluiced: tenant %s: there is no %s `%s`, nobody acts as such\n",
			tenant, right.is_group ? "group" : "user", user + right.is_group);
		return false;
	}
	right.id = group ? group->gr_gid : passwd->pw_uid;
	*ret_right = right;
	return true;
}

struct rights *rights_create(const struct model *model)
{
	struct rights *rights;
	size_t n = 0;

	for (uint32_t i = 0; i < model->n_tenants; i++)
		n += model->tenants[i].n_users;
	rights = calloc(1, sizeof(*rights) + n * sizeof(*rights->list));
	if (!rights)
		return NULL;
	for (uint32_t i = 0; i < model->n_tenants; i++) {
		const struct model_tenant *tenant = &model->tenants[i];

		for (uint32_t u = 0; u < tenant->n_users; u++)
			rights->count += right_find(tenant->name, tenant->users[u],
						    &rights->list[rights->count]);
	}
	return rights;
}

void rights_destroy(struct rights *rights)
{
	free(rights);
}

bool rights_any(const struct rights *rights)
{
	return rights->count > 0;
}

static bool peer_in_group(const struct rpc_peer *peer, gid_t gid)
{
	bool member = peer->gid == gid;

	for (unsigned i = 0; i < peer->n_groups && !member; i++)
		member = peer->groups[i] == gid;
	return member;
}

struct caller caller_make(const struct rights *rights, const struct rpc_peer *peer)
{
	return (struct caller){
		.rights = rights,
		.peer = peer,
		.full = peer->uid == 0 || peer->uid == geteuid() || peer_in_group(peer, getegid()),
	};
}

static bool right_holds(const struct right *right, const struct rpc_peer *peer)
{
	return right->is_group ? peer_in_group(peer, right->id) : peer->uid == right->id;
}

bool caller_is_known(const struct caller *caller)
{
	bool known = caller->full;

	for (unsigned i = 0; i < caller->rights->count && !known; i++)
		known = right_holds(&caller->rights->list[i], caller->peer);
	return known;
}

bool caller_sees(const struct caller *caller, const char *name)
{
	size_t length = strcspn(name, "/");

	if (caller->full)
		return true;
	for (unsigned i = 0; i < caller->rights->count; i++) {
		const struct right *right = &caller->rights->list[i];

		if (right_holds(right, caller->peer) && strlen(right->tenant) == length &&
		    !memcmp(right->tenant, name, length))
			return true;
	}
	return false;
}

bool caller_sees_network(const struct caller *caller, const struct model_network *network)
{
	bool sees = caller_sees(caller, network->name);

	for (uint32_t i = 0; i < network->n_shares && !sees; i++)
		sees = caller_sees(caller, network->shares[i]->name);
	return sees;
}
