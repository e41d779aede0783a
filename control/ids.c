/*
 * ids - see ids.h.
 *
 * One table for each kind of object: slots by id, and the ids in use in order
 * of their names. Tenants have no generation of their own, since nothing
 * remembers them; theirs is kept all the same, to be one code for three kinds.
 */
#include "control/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_SIZE = 2 * LIMIT_NAME + 2, /* bytes of "tenant/port", NUL included */
};

struct slot {
	char name[NAME_SIZE]; /* "": free */
	uint16_t generation;
	uint64_t freed; /* in which commit; 0: never used, or nobody remembers */
};

struct table {
	uint32_t n_slots; /* slot 0 is never used */
	struct slot *slots;
	uint32_t n_used;
	uint16_t *by_name; /* ids in use, in order of names */
};

struct ids {
	struct table tenants;
	struct table networks;
	struct table ports;
};

/* An array of the model's; its objects begin with their name. */
struct objects {
	const void *first;
	size_t size;
	uint32_t count;
};

static const char *object_name(const struct objects *objects, uint32_t index)
{
	return *(const char *const *)((const char *)objects->first + index * objects->size);
}

static int table_init(struct table *table, uint32_t n_slots)
{
	table->n_slots = n_slots;
	table->slots = calloc(n_slots, sizeof(table->slots[0]));
	table->by_name = calloc(n_slots, sizeof(table->by_name[0]));
	return table->slots && table->by_name ? 0 : -ENOMEM;
}

static void table_fini(struct table *table)
{
	free(table->slots);
	free(table->by_name);
}

static int compare_ids(const void *a, const void *b, void *table)
{
	const struct slot *slots = ((const struct table *)table)->slots;

	return strcmp(slots[*(const uint16_t *)a].name, slots[*(const uint16_t *)b].name);
}

/* Fill by_name from the slots. -EPROTO if a name is there twice. */
static int table_index(struct table *table)
{
	table->n_used = 0;
	for (uint32_t i = 1; i < table->n_slots; i++)
		if (table->slots[i].name[0])
			table->by_name[table->n_used++] = (uint16_t)i;
	qsort_r(table->by_name, table->n_used, sizeof(table->by_name[0]), compare_ids, table);
	for (uint32_t i = 1; i < table->n_used; i++)
		if (!compare_ids(&table->by_name[i - 1], &table->by_name[i], table))
			return -EPROTO;
	return 0;
}

/* The id of @name, or 0. */
static uint16_t table_find(const struct table *table, const char *name)
{
	uint32_t low = 0, high = table->n_used;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(name, table->slots[table->by_name[middle]].name);

		if (!order)
			return table->by_name[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

static int compare_object(const void *name, const void *object)
{
	return strcmp(name, *(const char *const *)object);
}

/* Copy the slots of @from; those of objects that are gone become free. */
static void table_inherit(struct table *table, const struct table *from,
			  const struct objects *objects, uint64_t generation)
{
	memcpy(table->slots, from->slots, table->n_slots * sizeof(table->slots[0]));
	for (uint32_t i = 1; i < table->n_slots; i++) {
		struct slot *slot = &table->slots[i];

		if (slot->name[0] &&
		    (!objects->count || !bsearch(slot->name, objects->first, objects->count,
						 objects->size, compare_object))) {
			slot->name[0] = '\0';
			slot->freed = generation;
		}
	}
}

static int compare_freed(const void *a, const void *b, void *table)
{
	const struct slot *slots = ((const struct table *)table)->slots;
	uint16_t left = *(const uint16_t *)a, right = *(const uint16_t *)b;

	if (slots[left].freed != slots[right].freed)
		return slots[left].freed < slots[right].freed ? -1 : 1;
	return left < right ? -1 : 1;
}

/* The next commit's table from the present one. */
static int table_next(struct table *table, const struct table *from, const struct objects *objects,
		      uint64_t generation)
{
	uint32_t n_free = 0, next = 0;

	table_inherit(table, from, objects, generation);
	/* by_name serves as the list of free slots until it is filled at the end */
	for (uint32_t i = 1; i < table->n_slots; i++)
		if (!table->slots[i].name[0])
			table->by_name[n_free++] = (uint16_t)i;
	qsort_r(table->by_name, n_free, sizeof(table->by_name[0]), compare_freed, table);
	for (uint32_t i = 0; i < objects->count; i++) {
		const char *name = object_name(objects, i);
		struct slot *slot;

		if (table_find(from, name))
			continue;
		if (next == n_free || strlen(name) >= NAME_SIZE)
			return -ENOSPC;
		slot = &table->slots[table->by_name[next++]];
		memcpy(slot->name, name, strlen(name) + 1);
		slot->generation = (uint16_t)(generation % UINT16_MAX + 1);
	}
	return table_index(table);
}

int ids_create(struct ids **ret)
{
	struct ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	if (table_init(&ids->tenants, LIMIT_TENANTS) ||
	    table_init(&ids->networks, LIMIT_NETWORKS) || table_init(&ids->ports, LIMIT_PORTS)) {
		ids_destroy(ids);
		return -ENOMEM;
	}
	*ret = ids;
	return 0;
}

void ids_destroy(struct ids *ids)
{
	if (!ids)
		return;
	table_fini(&ids->tenants);
	table_fini(&ids->networks);
	table_fini(&ids->ports);
	free(ids);
}

/* Take over one slot of a running policy. */
static int adopt_slot(struct table *table, uint32_t id, uint16_t generation, const char *name)
{
	struct slot *slot = &table->slots[id];
	size_t length = strnlen(name, NAME_SIZE);

	if (length < 1 || length == NAME_SIZE)
		return -EPROTO;
	memcpy(slot->name, name, length + 1);
	slot->generation = generation;
	return 0;
}

static int adopt_all(struct ids *ids, const struct policy *policy)
{
	const uint32_t *tenants = policy_at(policy, policy->tenants);
	int error = 0;

	for (uint32_t i = 1; !error && i < policy->n_tenants; i++)
		if (tenants[i])
			error = adopt_slot(&ids->tenants, i, 1, policy_at(policy, tenants[i]));
	for (uint32_t i = 1; !error && i < policy->n_networks; i++) {
		const struct policy_network *network = &policy_networks(policy)[i];

		if (network->generation)
			error = adopt_slot(&ids->networks, i, network->generation,
					   policy_at(policy, network->name));
	}
	for (uint32_t i = 1; !error && i < policy->n_ports; i++) {
		const struct policy_port *port = &policy_ports(policy)[i];

		if (port->generation)
			error = adopt_slot(&ids->ports, i, port->generation,
					   policy_at(policy, port->name));
	}
	if (!error)
		error = table_index(&ids->tenants);
	if (!error)
		error = table_index(&ids->networks);
	return error ? error : table_index(&ids->ports);
}

int ids_adopt(const struct policy *policy, struct ids **ret)
{
	struct ids *ids;
	int error = ids_create(&ids);

	if (error)
		return error;
	error = adopt_all(ids, policy);
	if (error) {
		ids_destroy(ids);
		return error;
	}
	*ret = ids;
	return 0;
}

int ids_next(const struct ids *ids, const struct model *model, uint64_t generation,
	     struct ids **ret)
{
	const struct objects tenants = {model->tenants, sizeof(model->tenants[0]),
					model->n_tenants};
	const struct objects networks = {model->networks, sizeof(model->networks[0]),
					 model->n_networks};
	const struct objects ports = {model->ports, sizeof(model->ports[0]), model->n_ports};
	struct ids *next;
	int error = ids_create(&next);

	if (error)
		return error;
	error = table_next(&next->tenants, &ids->tenants, &tenants, generation);
	if (!error)
		error = table_next(&next->networks, &ids->networks, &networks, generation);
	if (!error)
		error = table_next(&next->ports, &ids->ports, &ports, generation);
	if (error) {
		ids_destroy(next);
		return error;
	}
	*ret = next;
	return 0;
}

struct port_ref ids_port(const struct ids *ids, const char *name)
{
	uint16_t id = table_find(&ids->ports, name);

	return id ? (struct port_ref){id, ids->ports.slots[id].generation} : PORT_NONE;
}

uint16_t ids_network(const struct ids *ids, const char *name)
{
	return table_find(&ids->networks, name);
}

uint16_t ids_network_generation(const struct ids *ids, const char *name)
{
	return ids->networks.slots[table_find(&ids->networks, name)].generation;
}

uint16_t ids_tenant(const struct ids *ids, const char *name)
{
	return table_find(&ids->tenants, name);
}
