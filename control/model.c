/*
 * model - see model.h. Building runs in passes, since names may be used before
 * they are described: tenants, then their networks, then their address sets, groups
 * and ACLs, then all ports, then what concerns several objects.
 */
#include "control/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/model_parts.h"

static void skip_key(struct reading *reading, const struct node *node, void *object)
{
}

/* The keys of the document; the passes read them. */
static const struct reading_key document_keys[] = {
	{"tenants", skip_key},
	{"uplinks", skip_key},
	{"mirrors", skip_key},
	{NULL, NULL},
};

static void read_document(struct reading *reading)
{
	const struct node root = {.value = document_root(reading->document)};
	const struct node *tenants = reading_member(reading, &root, "tenants");
	const struct node *uplinks = reading_member(reading, &root, "uplinks");
	const struct node *mirrors = reading_member(reading, &root, "mirrors");
	struct port_draft *drafts = NULL;

	reading_mapping(reading, &root, document_keys, NULL);
	if (tenants && !reading_is_mapping(reading, tenants))
		tenants = NULL;
	if (uplinks && !reading_is_mapping(reading, uplinks))
		uplinks = NULL;
	if (tenants)
		model_read_tenants(reading, tenants);
	if (tenants && !reading->no_memory)
		model_read_networks(reading, tenants);
	if (tenants && !reading->no_memory)
		model_read_rules(reading, tenants);
	if (!reading->no_memory)
		model_read_ports(reading, tenants, uplinks, &drafts);
	if (mirrors && !reading->no_memory)
		model_read_mirrors(reading, mirrors);
	if (!reading->no_memory)
		model_check(reading, tenants, drafts);
}

static int create_model(struct model **ret)
{
	struct arena *arena;
	struct model *model;
	int error = arena_create(&arena);

	if (error)
		return error;
	model = arena_alloc(arena, 1, sizeof(*model));
	if (!model) {
		arena_destroy(arena);
		return -ENOMEM;
	}
	model->arena = arena;
	*ret = model;
	return 0;
}

int model_build(const struct document *document, const struct model_host *host,
		struct problems *problems, struct model **ret)
{
	return model_build_next(document, host, NULL, problems, ret);
}

int model_build_next(const struct document *document, const struct model_host *host,
		     const struct model *previous, struct problems *problems, struct model **ret)
{
	struct reading reading = {
		.document = document,
		.host = host,
		.previous = previous,
		.problems = problems,
	};
	unsigned problems_before = problems->total;
	int error;

	if (document_is_broken(document))
		return -EINVAL;
	error = create_model(&reading.model);
	if (error)
		return error;
	reading.arena = reading.model->arena;
	error = arena_create(&reading.scratch);
	if (error)
		goto destroy_model;
	read_document(&reading);
	arena_destroy(reading.scratch);
	if (reading.no_memory)
		error = -ENOMEM;
	else if (problems->total > problems_before || document_is_refused(document))
		error = -EINVAL;
	if (error)
		goto destroy_model;
	*ret = reading.model;
	return 0;

destroy_model:
	model_destroy(reading.model);
	return error;
}

void model_destroy(struct model *model)
{
	if (!model)
		return;
	for (uint32_t i = 0; i < model->n_groups; i++)
		rule_list_drop(model->groups[i].list);
	for (uint32_t i = 0; i < model->n_acls; i++)
		rule_list_drop(model->acls[i].list);
	arena_destroy(model->arena); /* the model lies in it */
}

/* Every object begins with its name, so one comparison serves all arrays. */
_Static_assert(offsetof(struct model_tenant, name) == 0 &&
		       offsetof(struct model_network, name) == 0 &&
		       offsetof(struct model_set, name) == 0 &&
		       offsetof(struct model_rules, name) == 0 &&
		       offsetof(struct model_port, name) == 0,
	       "an object begins with its name");

static int compare_name(const void *name, const void *object)
{
	return strcmp(name, *(const char *const *)object);
}

/* The object @name of @count at @objects, of @size bytes each. */
static const void *find(const char *name, const void *objects, uint32_t count, size_t size)
{
	return count ? bsearch(name, objects, count, size, compare_name) : NULL;
}

const struct model_tenant *model_tenant(const struct model *model, const char *name)
{
	return find(name, model->tenants, model->n_tenants, sizeof(model->tenants[0]));
}

const struct model_network *model_network(const struct model *model, const char *name)
{
	return find(name, model->networks, model->n_networks, sizeof(model->networks[0]));
}

const struct model_set *model_set(const struct model *model, const char *name)
{
	return find(name, model->sets, model->n_sets, sizeof(model->sets[0]));
}

const struct model_rules *model_group(const struct model *model, const char *name)
{
	return find(name, model->groups, model->n_groups, sizeof(model->groups[0]));
}

const struct model_rules *model_acl(const struct model *model, const char *name)
{
	return find(name, model->acls, model->n_acls, sizeof(model->acls[0]));
}

const struct model_port *model_port(const struct model *model, const char *name)
{
	return find(name, model->ports, model->n_ports, sizeof(model->ports[0]));
}

uint32_t model_port_mtu(const struct model_port *port)
{
	uint32_t mtu = port->native ? port->native->mtu : 0;

	for (uint32_t i = 0; i < port->n_trunk; i++)
		if (port->trunk[i].network->mtu > mtu)
			mtu = port->trunk[i].network->mtu;
	return mtu ? mtu : LIMIT_MTU_DEFAULT;
}

bool model_network_admits(const struct model_network *network, const struct model_tenant *tenant)
{
	bool admits = network->tenant == tenant;

	for (uint32_t i = 0; i < network->n_shares && !admits; i++)
		admits = network->shares[i] == tenant;
	return admits;
}

bool model_network_is_customers(const struct model_network *network)
{
	return network->n_customers || network->service != MODEL_SERVICE_UNSAID;
}

bool model_port_carries(const struct model_port *port, const struct model_network *network)
{
	if (port->native == network)
		return true;
	for (uint32_t i = 0; i < port->n_trunk; i++)
		if (port->trunk[i].network == network)
			return true;
	return false;
}
