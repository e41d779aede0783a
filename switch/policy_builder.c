/*
 * policy_builder - from descriptions of objects to one flat blob.
 *
 * The builder keeps copies of what it was told, in slots by id. Its finish
 * lays the arrays out one after the other in a growing blob and addresses them
 * by offset, since the blob moves as it grows. Tables of trunks that are alike
 * are stored once: sixty-four uplinks of all networks cost one. Whatever
 * concerns one object is checked as it is described; whatever concerns several
 * is left to policy_check(), the last step of the finish, except for what the
 * tables could not even hold (two networks for one VLAN).
 *
 * Stands apart from policy.c because only the control process and tests build.
 * One thread at a time per builder. Nothing is kept but by the builder.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/policy.h"

struct policy_builder {
	uint64_t generation;
	uint64_t hash_seed;
	char *tenants[LIMIT_TENANTS];
	struct policy_limits *tenant_limits[LIMIT_TENANTS];  /* NULL: none */
	struct policy_network_spec networks[LIMIT_NETWORKS]; /* name NULL: free */
	struct policy_port_spec ports[LIMIT_PORTS];	     /* name NULL: free */
	struct policy_rules_spec lists[LIMIT_LISTS];	     /* name NULL: free; rules stay out */
	struct classify *compiled[LIMIT_LISTS];
	struct policy_group groups[LIMIT_GROUPS];
	struct address_set *sets[LIMIT_TENANTS];
};

int policy_builder_create(uint64_t generation, uint64_t hash_seed, struct policy_builder **ret)
{
	struct policy_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return -ENOMEM;
	builder->generation = generation;
	builder->hash_seed = hash_seed;
	*ret = builder;
	return 0;
}

static void free_port(struct policy_port_spec *port)
{
	free((char *)port->name);
	free((void *)port->trunk);
	free((void *)port->macs);
	free((void *)port->addresses4);
	free((void *)port->addresses6);
	free((void *)port->groups);
	free((void *)port->limits);
}

void policy_builder_destroy(struct policy_builder *builder)
{
	if (!builder)
		return;
	for (unsigned i = 0; i < LIMIT_TENANTS; i++) {
		free(builder->tenants[i]);
		free(builder->sets[i]);
		free(builder->tenant_limits[i]);
	}
	for (unsigned i = 0; i < LIMIT_LISTS; i++) {
		free((char *)builder->lists[i].name);
		free(builder->compiled[i]);
	}
	for (unsigned i = 0; i < LIMIT_NETWORKS; i++) {
		free((char *)builder->networks[i].name);
		free((uint16_t *)builder->networks[i].shares);
	}
	for (unsigned i = 0; i < LIMIT_PORTS; i++)
		free_port(&builder->ports[i]);
	free(builder);
}

/* A copy of @count elements, never NULL but for want of memory. */
static void *copy_array(const void *array, size_t count, size_t element_size)
{
	void *copy = calloc(count ? count : 1, element_size);

	if (copy && count)
		memcpy(copy, array, count * element_size);
	return copy;
}

int policy_builder_tenant(struct policy_builder *builder, uint16_t index, const char *name)
{
	if (index == 0 || index >= LIMIT_TENANTS || builder->tenants[index])
		return -EINVAL;
	builder->tenants[index] = strdup(name);
	return builder->tenants[index] ? 0 : -ENOMEM;
}

int policy_builder_tenant_limits(struct policy_builder *builder, uint16_t index,
				 const struct policy_limits *limits)
{
	if (index == 0 || index >= LIMIT_TENANTS || !builder->tenants[index] ||
	    builder->tenant_limits[index])
		return -EINVAL;
	builder->tenant_limits[index] = copy_array(limits, 1, sizeof(*limits));
	return builder->tenant_limits[index] ? 0 : -ENOMEM;
}

int policy_builder_network(struct policy_builder *builder, const struct policy_network_spec *spec)
{
	struct policy_network_spec *network;
	uint16_t *shares;
	char *name;

	if (spec->flags & (POLICY_NET_FILTERED | POLICY_NET_OWNED))
		return -EINVAL; /* nobody's to say */
	if (spec->id == 0 || spec->id >= LIMIT_NETWORKS || spec->generation == 0 ||
	    builder->networks[spec->id].name)
		return -EINVAL;
	name = strdup(spec->name);
	shares = copy_array(spec->shares, spec->n_shares, sizeof(*spec->shares));
	if (!name || !shares) {
		free(name);
		free(shares);
		return -ENOMEM;
	}
	network = &builder->networks[spec->id];
	*network = *spec;
	network->name = name;
	network->shares = shares;
	return 0;
}

static int compare_macs(const void *a, const void *b)
{
	mac48 left = *(const mac48 *)a, right = *(const mac48 *)b;

	return (left > right) - (left < right);
}

int policy_builder_port(struct policy_builder *builder, const struct policy_port_spec *spec)
{
	struct policy_port_spec port = *spec;

	if (spec->flags & (POLICY_PORT_READS_FLOW | POLICY_PORT_CLAIM_GUARD | POLICY_PORT_STACKS))
		return -EINVAL; /* nobody's to say */
	if (spec->ref.id == 0 || spec->ref.id >= LIMIT_PORTS || port_ref_is_none(spec->ref) ||
	    builder->ports[spec->ref.id].name)
		return -EINVAL;
	if (spec->n_trunk > POLICY_VLANS || spec->n_macs > LIMIT_BOUND_MACS ||
	    spec->n_addresses4 > LIMIT_BOUND_ADDRESSES ||
	    spec->n_addresses6 > LIMIT_BOUND_ADDRESSES || spec->n_groups > LIMIT_PORT_GROUPS)
		return -E2BIG;
	port.name = strdup(spec->name);
	port.trunk = copy_array(spec->trunk, spec->n_trunk, sizeof(*spec->trunk));
	port.macs = copy_array(spec->macs, spec->n_macs, sizeof(*spec->macs));
	port.addresses4 =
		copy_array(spec->addresses4, spec->n_addresses4, sizeof(*spec->addresses4));
	port.addresses6 =
		copy_array(spec->addresses6, spec->n_addresses6, sizeof(*spec->addresses6));
	port.groups = copy_array(spec->groups, spec->n_groups, sizeof(*spec->groups));
	port.limits = spec->limits ? copy_array(spec->limits, 1, sizeof(*spec->limits)) : NULL;
	if (!port.name || !port.trunk || !port.macs || !port.addresses4 || !port.addresses6 ||
	    !port.groups || (spec->limits && !port.limits)) {
		free_port(&port);
		return -ENOMEM;
	}
	qsort((mac48 *)port.macs, port.n_macs, sizeof(mac48), compare_macs);
	builder->ports[spec->ref.id] = port;
	return 0;
}

int policy_builder_rules(struct policy_builder *builder, const struct policy_rules_spec *spec)
{
	struct classify *compiled = NULL;
	char *name;
	int error;

	if (spec->number == 0 || spec->number >= LIMIT_LISTS || builder->lists[spec->number].name ||
	    spec->hits > LIMIT_HITS || spec->n_rules > LIMIT_HITS - spec->hits)
		return -EINVAL;
	name = strdup(spec->name);
	if (!name)
		return -ENOMEM;
	error = spec->n_rules && !spec->compiled
			? classify_build(spec->rules, spec->n_rules, &compiled)
			: 0;
	if (!error && compiled && classify_cost(compiled, CLASSIFY_KEY_SETS) > CLASSIFY_BUDGET)
		error = -E2BIG;
	if (error) {
		free(compiled);
		free(name);
		return error;
	}
	builder->lists[spec->number] = *spec;
	builder->lists[spec->number].name = name;
	builder->lists[spec->number].rules = NULL;
	builder->compiled[spec->number] = compiled;
	return 0;
}

int policy_builder_group(struct policy_builder *builder, uint16_t number, uint16_t in, uint16_t out)
{
	if (number == 0 || number >= LIMIT_GROUPS || builder->groups[number].in || in == 0 ||
	    out == 0)
		return -EINVAL;
	builder->groups[number] = (struct policy_group){in, out};
	return 0;
}

int policy_builder_sets(struct policy_builder *builder, uint16_t tenant,
			const struct address_set_member *members, uint32_t n_members)
{
	struct address_set *sets;
	int error;

	if (tenant == 0 || tenant >= LIMIT_TENANTS || builder->sets[tenant])
		return -EINVAL;
	error = address_set_build(members, n_members, &sets);
	if (error)
		return error;
	if (address_set_depth(sets) > POLICY_SETS_DEPTH) {
		free(sets);
		return -E2BIG;
	}
	builder->sets[tenant] = sets;
	return 0;
}

/*
 * The growing blob. The first error sticks and makes the rest a no-op, so the
 * finish asks once. Offsets stay, pointers do not.
 */
struct blob {
	char *bytes;
	size_t size;
	size_t room;
	int error;
	uint32_t tenant_limits[LIMIT_TENANTS]; /* offsets */
	/* offsets of trunk tables stored so far, to find one's like */
	uint32_t tables[2 * LIMIT_PORTS];
	size_t table_sizes[2 * LIMIT_PORTS];
	unsigned n_tables;
};

static void *blob_at(struct blob *blob, uint32_t offset)
{
	return blob->bytes + offset;
}

/* Room for @size zeroed bytes, aligned; its offset, or 0 for none and for errors. */
static uint32_t blob_reserve_aligned(struct blob *blob, size_t size, size_t alignment)
{
	size_t offset = (blob->size + alignment - 1) & ~(alignment - 1);
	size_t room = blob->room ? blob->room : 4096;
	char *bytes;

	if (blob->error || size == 0)
		return 0;
	if (size > UINT32_MAX - offset) {
		blob->error = -E2BIG;
		return 0;
	}
	while (room < offset + size)
		room *= 2;
	if (room > blob->room) {
		bytes = realloc(blob->bytes, room);
		if (!bytes) {
			blob->error = -ENOMEM;
			return 0;
		}
		memset(bytes + blob->room, 0, room - blob->room);
		blob->bytes = bytes;
		blob->room = room;
	}
	blob->size = offset + size;
	return (uint32_t)offset;
}

static uint32_t blob_reserve(struct blob *blob, size_t size)
{
	return blob_reserve_aligned(blob, size, 8);
}

static uint32_t blob_append(struct blob *blob, const void *array, size_t count, size_t element_size)
{
	uint32_t offset = blob_reserve(blob, count * element_size);

	if (offset)
		memcpy(blob_at(blob, offset), array, count * element_size);
	return offset;
}

/* Like blob_append(), but two tables that are alike are one. */
static uint32_t blob_append_table(struct blob *blob, const uint16_t *table, size_t count)
{
	size_t size = count * sizeof(*table);
	uint32_t offset;

	for (unsigned i = 0; !blob->error && i < blob->n_tables; i++) {
		if (blob->table_sizes[i] == size &&
		    memcmp(blob_at(blob, blob->tables[i]), table, size) == 0)
			return blob->tables[i];
	}
	offset = blob_append(blob, table, count, sizeof(*table));
	if (offset) {
		blob->tables[blob->n_tables] = offset;
		blob->table_sizes[blob->n_tables++] = size;
	}
	return offset;
}

static struct policy *blob_policy(struct blob *blob)
{
	return (struct policy *)blob->bytes;
}

static struct policy_port *blob_port(struct blob *blob, uint32_t id)
{
	return (struct policy_port *)blob_at(blob, blob_policy(blob)->ports) + id;
}

static struct policy_network *blob_network(struct blob *blob, uint32_t id)
{
	return (struct policy_network *)blob_at(blob, blob_policy(blob)->networks) + id;
}

static struct policy_rules *blob_rules(struct blob *blob, uint32_t number)
{
	return (struct policy_rules *)blob_at(blob, blob_policy(blob)->rules) + number;
}

static void lay_out_head(const struct policy_builder *builder, struct blob *blob)
{
	struct policy head = {
		.magic = POLICY_MAGIC,
		.version = POLICY_VERSION,
		.generation = builder->generation,
		.hash_seed = builder->hash_seed,
	};

	for (uint32_t i = 0; i < LIMIT_PORTS; i++)
		head.n_ports = builder->ports[i].name ? i + 1 : head.n_ports;
	for (uint32_t i = 0; i < LIMIT_NETWORKS; i++)
		head.n_networks = builder->networks[i].name ? i + 1 : head.n_networks;
	for (uint32_t i = 0; i < LIMIT_TENANTS; i++)
		head.n_tenants = builder->tenants[i] ? i + 1 : head.n_tenants;
	for (uint32_t i = 0; i < LIMIT_LISTS; i++)
		head.n_rules = builder->lists[i].name ? i + 1 : head.n_rules;
	for (uint32_t i = 0; i < LIMIT_GROUPS; i++)
		head.n_groups = builder->groups[i].in ? i + 1 : head.n_groups;
	blob_reserve(blob, sizeof(head));
	head.ports = blob_reserve(blob, head.n_ports * sizeof(struct policy_port));
	head.networks = blob_reserve(blob, head.n_networks * sizeof(struct policy_network));
	head.tenants = blob_reserve(blob, head.n_tenants * sizeof(uint32_t));
	head.rules = blob_reserve(blob, head.n_rules * sizeof(struct policy_rules));
	head.groups =
		blob_append(blob, builder->groups, head.n_groups, sizeof(struct policy_group));
	head.sets = blob_reserve(blob, head.n_tenants * sizeof(struct policy_section));
	if (!blob->error)
		*blob_policy(blob) = head;
}

/* Put @name at *@cursor and say where it is. */
static uint32_t put_name(struct blob *blob, const char *name, uint32_t *cursor)
{
	uint32_t offset = *cursor;
	size_t size = strlen(name) + 1;

	memcpy(blob_at(blob, offset), name, size);
	*cursor += (uint32_t)size;
	return offset;
}

static void lay_out_names(const struct policy_builder *builder, struct blob *blob)
{
	size_t size = 0;
	uint32_t cursor;

	for (unsigned i = 0; i < LIMIT_TENANTS; i++)
		size += builder->tenants[i] ? strlen(builder->tenants[i]) + 1 : 0;
	for (unsigned i = 0; i < LIMIT_NETWORKS; i++)
		size += builder->networks[i].name ? strlen(builder->networks[i].name) + 1 : 0;
	for (unsigned i = 0; i < LIMIT_PORTS; i++)
		size += builder->ports[i].name ? strlen(builder->ports[i].name) + 1 : 0;
	for (unsigned i = 0; i < LIMIT_LISTS; i++)
		size += builder->lists[i].name ? strlen(builder->lists[i].name) + 1 : 0;
	cursor = blob_reserve(blob, size);
	if (blob->error)
		return;
	blob_policy(blob)->names = cursor;
	blob_policy(blob)->names_size = (uint32_t)size;
	for (unsigned i = 0; i < LIMIT_TENANTS; i++) {
		uint32_t *tenants = blob_at(blob, blob_policy(blob)->tenants);

		if (builder->tenants[i])
			tenants[i] = put_name(blob, builder->tenants[i], &cursor);
	}
	for (unsigned i = 0; i < LIMIT_NETWORKS; i++) {
		if (builder->networks[i].name)
			blob_network(blob, i)->name =
				put_name(blob, builder->networks[i].name, &cursor);
	}
	for (unsigned i = 0; i < LIMIT_PORTS; i++) {
		if (builder->ports[i].name)
			blob_port(blob, i)->name = put_name(blob, builder->ports[i].name, &cursor);
	}
	for (unsigned i = 0; i < LIMIT_LISTS; i++) {
		if (builder->lists[i].name)
			blob_rules(blob, i)->name = put_name(blob, builder->lists[i].name, &cursor);
	}
}

static void lay_out_networks(const struct policy_builder *builder, struct blob *blob)
{
	for (uint32_t i = 0; !blob->error && i < blob_policy(blob)->n_networks; i++) {
		const struct policy_network_spec *spec = &builder->networks[i];
		struct policy_network *network;
		uint32_t shares;

		if (!spec->name)
			continue;
		shares = blob_append(blob, spec->shares, spec->n_shares, sizeof(*spec->shares));
		if (blob->error)
			return;
		network = blob_network(blob, i);
		network->shares = shares;
		network->n_shares = spec->n_shares;
		network->generation = spec->generation;
		network->vlan = spec->vlan;
		network->tenant = spec->tenant;
		network->flags = spec->flags;
		network->mtu = spec->mtu;
		network->age_ms = spec->age_ms;
		network->macs_max = spec->macs_max;
	}
}

/* Both directions of a trunk as tables. -EINVAL for what they cannot hold. */
static int fill_trunk_tables(const struct policy_builder *builder, uint32_t n_networks,
			     const struct policy_port_spec *spec, uint16_t vlan_in[POLICY_VLANS],
			     uint16_t vlan_out[LIMIT_NETWORKS])
{
	bool native_has_tag = false;

	memset(vlan_in, 0, POLICY_VLANS * sizeof(*vlan_in));
	for (unsigned i = 0; i < LIMIT_NETWORKS; i++)
		vlan_out[i] = POLICY_NOT_MEMBER;
	for (uint32_t i = 0; i < spec->n_trunk; i++) {
		uint16_t network = spec->trunk[i].network, vlan = spec->trunk[i].vlan;

		if (network == 0 || network >= n_networks || vlan == 0 ||
		    vlan >= POLICY_VLANS - 1 || vlan_in[vlan] ||
		    vlan_out[network] != POLICY_NOT_MEMBER)
			return -EINVAL;
		vlan_in[vlan] = network;
		vlan_out[network] = vlan;
		if (builder->networks[network].flags & POLICY_NET_SERVICE)
			vlan_out[network] |= POLICY_SERVICE;
		native_has_tag |= network == spec->native;
	}
	if (spec->native) {
		uint16_t vlan = builder->networks[spec->native].vlan;

		vlan_out[spec->native] = POLICY_UNTAGGED;
		/* A translated trunk may use the number for another network: that one has it. */
		if (!native_has_tag && vlan && vlan < POLICY_VLANS && !vlan_in[vlan])
			vlan_in[vlan] = spec->native;
	}
	return 0;
}

static void lay_out_trunk(const struct policy_builder *builder, struct blob *blob, uint32_t id)
{
	uint16_t vlan_in[POLICY_VLANS], vlan_out[LIMIT_NETWORKS];
	uint32_t n_networks = blob_policy(blob)->n_networks;
	uint32_t in, out;
	int error = fill_trunk_tables(builder, n_networks, &builder->ports[id], vlan_in, vlan_out);

	if (error) {
		blob->error = error;
		return;
	}
	in = blob_append_table(blob, vlan_in, POLICY_VLANS);
	out = blob_append_table(blob, vlan_out, n_networks);
	if (blob->error)
		return;
	blob_port(blob, id)->vlan_in = in;
	blob_port(blob, id)->vlan_out = out;
}

static void lay_out_port(const struct policy_builder *builder, struct blob *blob, uint32_t id)
{
	const struct policy_port_spec *spec = &builder->ports[id];
	uint32_t macs = blob_append(blob, spec->macs, spec->n_macs, sizeof(*spec->macs));
	uint32_t addresses4 =
		blob_append(blob, spec->addresses4, spec->n_addresses4, sizeof(*spec->addresses4));
	uint32_t addresses6 =
		blob_append(blob, spec->addresses6, spec->n_addresses6, sizeof(*spec->addresses6));
	uint32_t groups = blob_append(blob, spec->groups, spec->n_groups, sizeof(*spec->groups));
	uint32_t limits =
		blob_append(blob, spec->limits, spec->limits ? 1 : 0, sizeof(*spec->limits));
	struct policy_port *port;

	if (spec->native && spec->native >= blob_policy(blob)->n_networks)
		blob->error = -EINVAL;
	if (blob->error)
		return;
	port = blob_port(blob, id);
	port->generation = spec->ref.generation;
	port->mode = (uint8_t)spec->mode;
	port->role = (uint8_t)spec->role;
	port->flags = spec->flags;
	port->community = spec->community;
	port->native = spec->native;
	port->tenant = spec->tenant;
	port->macs_max = spec->macs_max;
	port->macs = macs;
	port->addresses4 = addresses4;
	port->addresses6 = addresses6;
	port->limits = limits;
	port->pcp = spec->pcp;
	port->dscp = spec->dscp;
	port->tenant_limits = spec->tenant < LIMIT_TENANTS ? blob->tenant_limits[spec->tenant] : 0;
	port->n_macs = (uint16_t)spec->n_macs;
	port->n_addresses4 = (uint16_t)spec->n_addresses4;
	port->n_addresses6 = (uint16_t)spec->n_addresses6;
	port->groups = groups;
	port->n_groups = (uint16_t)spec->n_groups;
	port->acl_in = spec->acl_in;
	port->acl_out = spec->acl_out;
	port->sessions_max = spec->sessions_max;
	port->tenant_sessions_max = spec->tenant_sessions_max;
	if (spec->mode == POLICY_TRUNK)
		lay_out_trunk(builder, blob, id);
}

/* A section with a format of its own: where it came to lie. */
static struct policy_section append_section(struct blob *blob, const void *section, size_t size)
{
	uint32_t at = blob_reserve_aligned(blob, size, CLASSIFY_ALIGN);

	if (!at)
		return (struct policy_section){0, 0};
	memcpy(blob_at(blob, at), section, size);
	return (struct policy_section){at, (uint32_t)size};
}

static void lay_out_rules(const struct policy_builder *builder, struct blob *blob, uint32_t number)
{
	const struct policy_rules_spec *spec = &builder->lists[number];
	const struct classify *compiled =
		spec->compiled ? spec->compiled : builder->compiled[number];
	struct policy_section section = {0, 0};
	struct policy_rules *rules;

	if (compiled)
		section = append_section(blob, compiled, classify_size(compiled));
	if (blob->error)
		return;
	rules = blob_rules(blob, number);
	rules->kind = (uint8_t)spec->kind;
	rules->tenant = spec->tenant;
	rules->n_rules = spec->n_rules;
	rules->classify = section.at;
	rules->classify_size = section.size;
	rules->hits = spec->hits;
	rules->hits_tag = spec->hits_tag;
	rules->digest = spec->digest;
}

static void lay_out_sets(const struct policy_builder *builder, struct blob *blob, uint32_t tenant)
{
	const struct address_set *sets = builder->sets[tenant];
	struct policy_section section = append_section(blob, sets, address_set_size(sets));

	if (!blob->error)
		((struct policy_section *)blob_at(blob, blob_policy(blob)->sets))[tenant] = section;
}

static void lay_out_members(struct blob *blob)
{
	for (uint32_t n = 1; !blob->error && n < blob_policy(blob)->n_networks; n++) {
		uint16_t members[LIMIT_PORTS];
		uint32_t count = 0, offset;

		for (uint32_t p = 1; p < blob_policy(blob)->n_ports; p++) {
			if (policy_tag(blob_policy(blob), (uint16_t)n, (uint16_t)p) !=
			    POLICY_NOT_MEMBER)
				members[count++] = (uint16_t)p;
		}
		offset = blob_append(blob, members, count, sizeof(*members));
		if (blob->error)
			return;
		blob_network(blob, n)->members = offset;
		blob_network(blob, n)->n_members = count;
	}
}

static void put_static(struct blob *blob, uint64_t key, uint16_t port)
{
	const struct policy *policy = blob_policy(blob);
	struct policy_static *statics = blob_at(blob, policy->statics);
	uint32_t at = policy_static_home(policy, key);

	while (statics[at].key && statics[at].key != key)
		at = (at + 1) & (policy->n_statics - 1);
	if (statics[at].key)
		blob->error = -EINVAL; /* bound twice in one network */
	statics[at] = (struct policy_static){.key = key, .port = port};
}

/* Every bound MAC of every member of every network: count them, then put them in. */
static void lay_out_statics(const struct policy_builder *builder, struct blob *blob)
{
	uint32_t count = 0, n_statics = 2, offset;

	for (uint32_t n = 1; n < blob_policy(blob)->n_networks; n++) {
		const uint16_t *members = blob_at(blob, blob_network(blob, n)->members);

		for (uint32_t i = 0; i < blob_network(blob, n)->n_members; i++)
			count += builder->ports[members[i]].n_macs;
	}
	if (count == 0)
		return;
	if (count > LIMIT_STATICS) {
		blob->error = -E2BIG;
		return;
	}
	while (n_statics < 2 * count)
		n_statics *= 2;
	offset = blob_reserve(blob, n_statics * sizeof(struct policy_static));
	if (blob->error)
		return;
	blob_policy(blob)->statics = offset;
	blob_policy(blob)->n_statics = n_statics;
	for (uint32_t n = 1; n < blob_policy(blob)->n_networks; n++) {
		const uint16_t *members = blob_at(blob, blob_network(blob, n)->members);

		for (uint32_t i = 0; i < blob_network(blob, n)->n_members; i++) {
			const struct policy_port_spec *port = &builder->ports[members[i]];

			for (uint32_t m = 0; m < port->n_macs; m++)
				put_static(blob, policy_static_key((uint16_t)n, port->macs[m]),
					   members[i]);
		}
	}
}

/* Every address that a member of a network binds by itself; as the statics. */
static void lay_out_owners(struct blob *blob)
{
	uint64_t count = policy_owners_due(blob_policy(blob));
	uint32_t n_owners = 2, offset;

	if (count == 0)
		return;
	if (count > LIMIT_OWNERS) {
		blob->error = -E2BIG;
		return;
	}
	while (n_owners < 2 * count)
		n_owners *= 2;
	offset = blob_reserve(blob, n_owners * sizeof(struct policy_owner));
	if (blob->error)
		return;
	blob_policy(blob)->owners = offset;
	blob_policy(blob)->n_owners = n_owners;
	policy_owners_fill(blob_policy(blob), blob_at(blob, offset));
}

/* What follows from the rest, and is asked often. */
static void mark_readers(struct blob *blob)
{
	for (uint32_t i = 0; i < blob_policy(blob)->n_networks; i++) {
		struct policy_network *network = blob_network(blob, i);

		if (network->generation &&
		    policy_network_is_filtered(blob_policy(blob), (uint16_t)i))
			network->flags |= POLICY_NET_FILTERED;
		if (network->generation && policy_network_is_owned(blob_policy(blob), (uint16_t)i))
			network->flags |= POLICY_NET_OWNED;
	}
	for (uint32_t i = 0; i < blob_policy(blob)->n_ports; i++) {
		struct policy_port *port = blob_port(blob, i);

		if (port->generation && policy_reads_flow(blob_policy(blob), (uint16_t)i))
			port->flags |= POLICY_PORT_READS_FLOW;
		if (port->generation && policy_guards_claims(blob_policy(blob), (uint16_t)i))
			port->flags |= POLICY_PORT_CLAIM_GUARD;
		if (port->generation && policy_stacks(blob_policy(blob), (uint16_t)i))
			port->flags |= POLICY_PORT_STACKS;
	}
}

int policy_builder_finish(struct policy_builder *builder, struct policy **ret_policy)
{
	struct blob blob = {0};
	const char *why;

	lay_out_head(builder, &blob);
	if (!blob.error)
		lay_out_names(builder, &blob);
	if (!blob.error)
		lay_out_networks(builder, &blob);
	for (uint32_t i = 0; i < LIMIT_TENANTS; i++)
		blob.tenant_limits[i] = blob_append(&blob, builder->tenant_limits[i],
						    builder->tenant_limits[i] ? 1 : 0,
						    sizeof(struct policy_limits));
	for (uint32_t i = 0; !blob.error && i < blob_policy(&blob)->n_ports; i++) {
		if (builder->ports[i].name)
			lay_out_port(builder, &blob, i);
	}
	for (uint32_t i = 0; !blob.error && i < blob_policy(&blob)->n_rules; i++) {
		if (builder->lists[i].name)
			lay_out_rules(builder, &blob, i);
	}
	for (uint32_t i = 0; !blob.error && i < blob_policy(&blob)->n_tenants; i++) {
		if (builder->sets[i])
			lay_out_sets(builder, &blob, i);
	}
	if (!blob.error)
		lay_out_members(&blob);
	if (!blob.error)
		lay_out_statics(builder, &blob);
	if (!blob.error)
		lay_out_owners(&blob);
	if (!blob.error)
		mark_readers(&blob);
	if (!blob.error) {
		blob_policy(&blob)->size = blob.size;
		if (policy_check(blob.bytes, blob.size, &why) != 0)
			blob.error = -EINVAL;
	}
	if (blob.error) {
		free(blob.bytes);
		return blob.error;
	}
	*ret_policy = blob_policy(&blob);
	return 0;
}
