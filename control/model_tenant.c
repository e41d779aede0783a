/*
 * model_tenant - tenants and their networks, from the document.
 *
 * Two passes over the same nodes: networks point to their tenants, so those
 * must stand in their final order first.
 */
#include <stdlib.h>
#include <string.h>

#include "control/model_parts.h"

enum {
	AGE_MIN_MS = 1000,
	AGE_MAX_MS = 1000000 * 1000, /* IEEE 802.1Q, table 8-6 */
	USER_NAME_MAX = 32,	     /* letters; utmp's limit, which useradd keeps */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_amount(struct reading *reading, const struct node *node, void *amount)
{
	uint32_t *ret = amount;

	reading_count(reading, node, 0, UINT32_MAX - 1, ret);
}

static void read_quota_ports(struct reading *reading, const struct node *node, void *quota)
{
	read_amount(reading, node, &((struct model_quota *)quota)->ports);
}

static void read_quota_networks(struct reading *reading, const struct node *node, void *quota)
{
	read_amount(reading, node, &((struct model_quota *)quota)->networks);
}

static void read_quota_rules(struct reading *reading, const struct node *node, void *quota)
{
	read_amount(reading, node, &((struct model_quota *)quota)->rules);
}

static void read_quota_macs(struct reading *reading, const struct node *node, void *quota)
{
	reading_count(reading, node, 0, LIMIT_FDB_ENTRIES / 2,
		      &((struct model_quota *)quota)->macs_per_port);
}

static void read_quota_sessions(struct reading *reading, const struct node *node, void *quota)
{
	read_amount(reading, node, &((struct model_quota *)quota)->sessions);
}

static const struct reading_key quota_keys[] = {
	{"ports", read_quota_ports},	   {"networks", read_quota_networks},
	{"rules", read_quota_rules},	   {"macs-per-port", read_quota_macs},
	{"sessions", read_quota_sessions}, {NULL, NULL},
};

static void read_quota(struct reading *reading, const struct node *node, void *tenant)
{
	reading_mapping(reading, node, quota_keys, &((struct model_tenant *)tenant)->quota);
}

/* A user or "@group" as useradd(8) allows them; whether it exists is the host's affair. */
static bool is_user(const char *text)
{
	size_t length;

	text += *text == '@';
	length = strlen(text);
	return length >= 1 && length <= USER_NAME_MAX && *text != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       length;
}

static void read_users(struct reading *reading, const struct node *node, void *object)
{
	struct model_tenant *tenant = object;

	if (!reading_is_list(reading, node))
		return;
	tenant->users = reading_alloc(reading, json_array_size(node->value), sizeof(char *));
	for (size_t i = 0; tenant->users && i < json_array_size(node->value); i++) {
		const struct node *user = reading_element(reading, node, i);
		const char *text = user ? reading_text(reading, user) : NULL;

		if (!text)
			continue;
		if (is_user(text)) {
			char *copy = arena_text(reading->arena, text);

			if (copy)
				tenant->users[tenant->n_users++] = copy;
			else
				reading->no_memory = true;
			continue;
		}
		reading_problem(reading, user, PROBLEM_BAD_VALUE, "\"%s\" is not a user", text);
		problems_hint(reading->problems, "write a user's name, or @ and a group's");
	}
	if (tenant->users)
		qsort(tenant->users, tenant->n_users, sizeof(char *), compare_names);
}

/* What a tenant owns is read in passes of its own. */
static void read_later(struct reading *reading, const struct node *node, void *tenant)
{
	reading_is_mapping(reading, node);
}

static const struct reading_key tenant_keys[] = {
	{"quota", read_quota},	  {"users", read_users}, {"rate", model_read_tenant_rate},
	{"networks", read_later}, {"sets", read_later},	 {"groups", read_later},
	{"acls", read_later},	  {"ports", read_later}, {NULL, NULL},
};

void model_read_tenants(struct reading *reading, const struct node *tenants)
{
	struct model *model = reading->model;
	size_t count = json_object_size(tenants->value);
	const char *key;
	json_t *value;

	if (count > LIMIT_TENANTS - 1) {
		reading_problem_key(reading, tenants, PROBLEM_LIMIT, "%zu tenants are too many",
				    count);
		problems_hint(reading->problems, "a switch has at most %d", LIMIT_TENANTS - 1);
	}
	model->tenants = reading_alloc(reading, count, sizeof(model->tenants[0]));
	if (!model->tenants)
		return;
	json_object_foreach (tenants->value, key, value) {
		struct model_tenant *tenant = &model->tenants[model->n_tenants];
		const struct node *node = reading_member(reading, tenants, key);

		if (!node)
			return;
		*tenant = (struct model_tenant){
			.name = arena_text(reading->arena, key),
			.quota = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
			.limits.burst_ms = MODEL_BURST_DEFAULT_MS,
		};
		if (!tenant->name)
			reading->no_memory = true;
		if (!reading->no_memory && reading_key_is_name(reading, node)) {
			reading_mapping(reading, node, tenant_keys, tenant);
			model->n_tenants++;
		}
	}
	qsort(model->tenants, model->n_tenants, sizeof(model->tenants[0]), compare_names);
}

static void read_vlan(struct reading *reading, const struct node *node, void *network)
{
	uint32_t vlan;

	if (reading_count(reading, node, 1, 4094, &vlan))
		((struct model_network *)network)->vlan = (uint16_t)vlan;
}

static void read_isolated(struct reading *reading, const struct node *node, void *network)
{
	reading_flag(reading, node, &((struct model_network *)network)->isolated);
}

static void read_mtu(struct reading *reading, const struct node *node, void *network)
{
	reading_count(reading, node, LIMIT_MTU_MIN, LIMIT_MTU_MAX,
		      &((struct model_network *)network)->mtu);
}

static void read_learning(struct reading *reading, const struct node *node, void *network)
{
	reading_flag(reading, node, &((struct model_network *)network)->learning);
}

static void read_age(struct reading *reading, const struct node *node, void *network)
{
	reading_duration(reading, node, AGE_MIN_MS, AGE_MAX_MS,
			 &((struct model_network *)network)->age_ms);
}

static void read_network_macs(struct reading *reading, const struct node *node, void *network)
{
	reading_count(reading, node, 0, LIMIT_FDB_ENTRIES / 2,
		      &((struct model_network *)network)->macs_max);
}

static void read_service_tag(struct reading *reading, const struct node *node, void *network)
{
	static const char *const words[] = {"802.1ad", "802.1q", NULL};
	unsigned word;

	if (reading_word(reading, node, words, &word))
		((struct model_network *)network)->service =
			word == 0 ? MODEL_SERVICE_802_1AD : MODEL_SERVICE_802_1Q;
}

static void read_multicast(struct reading *reading, const struct node *node, void *network)
{
	static const char *const words[] = {"flood", "snoop", NULL};
	unsigned word;

	if (reading_word(reading, node, words, &word))
		((struct model_network *)network)->snoop = word == 1;
}

static void read_suppression(struct reading *reading, const struct node *node, void *network)
{
	reading_flag(reading, node, &((struct model_network *)network)->suppress);
}

static void read_unknown_unicast(struct reading *reading, const struct node *node, void *network)
{
	static const char *const words[] = {"flood", "drop", NULL};
	unsigned word;

	if (reading_word(reading, node, words, &word))
		((struct model_network *)network)->flood_unknown = word == 0;
}

static int compare_tenants(const void *a, const void *b)
{
	return strcmp((*(const struct model_tenant *const *)a)->name,
		      (*(const struct model_tenant *const *)b)->name);
}

/* The tenant that @node names, for @network to be shared with; NULL with a problem. */
static const struct model_tenant *read_sharer(struct reading *reading, const struct node *node,
					      const struct model_network *network)
{
	const char *text = reading_text(reading, node);
	const struct model_tenant *tenant;

	if (!text || !reading_is_name(reading, node, text))
		return NULL;
	tenant = model_tenant(reading->model, text);
	if (!tenant) {
		reading_problem(reading, node, PROBLEM_NO_SUCH_NAME, "there is no tenant \"%s\"",
				text);
		problems_hint(reading->problems, "describe it under tenants, or remove it here");
		return NULL;
	}
	for (uint32_t i = 0; i < network->n_shares; i++)
		if (network->shares[i] == tenant) {
			reading_problem(reading, node, PROBLEM_BAD_VALUE,
					"the tenant is in the list already");
			problems_hint(reading->problems, "remove one of them");
			return NULL;
		}
	if (tenant != network->tenant)
		return tenant;
	reading_problem(reading, node, PROBLEM_BAD_VALUE, "the network is this tenant's own");
	problems_hint(reading->problems, "name other tenants, whose ports may join it");
	return NULL;
}

static void read_share(struct reading *reading, const struct node *node, void *object)
{
	struct model_network *network = object;

	if (!reading_is_list(reading, node))
		return;
	network->shares =
		reading_alloc(reading, json_array_size(node->value), sizeof(network->shares[0]));
	for (size_t i = 0; network->shares && i < json_array_size(node->value); i++) {
		const struct node *element = reading_element(reading, node, i);
		const struct model_tenant *tenant =
			element ? read_sharer(reading, element, network) : NULL;

		if (tenant)
			network->shares[network->n_shares++] = tenant;
	}
	if (network->n_shares)
		qsort(network->shares, network->n_shares, sizeof(network->shares[0]),
		      compare_tenants);
}

static const struct reading_key network_keys[] = {
	{"vlan", read_vlan},
	{"isolated", read_isolated},
	{"mtu", read_mtu},
	{"learning", read_learning},
	{"age", read_age},
	{"macs", read_network_macs},
	{"unknown-unicast", read_unknown_unicast},
	{"neighbour-suppression", read_suppression},
	{"multicast", read_multicast},
	{"service-tag", read_service_tag},
	{"share", read_share},
	{NULL, NULL},
};

static void read_network(struct reading *reading, const struct node *node,
			 struct model_tenant *tenant)
{
	struct model_network *network = &reading->model->networks[reading->model->n_networks];

	if (!reading_key_is_name(reading, node))
		return;
	*network = (struct model_network){
		.name = arena_format(reading->arena, "%s/%s", tenant->name, node->key),
		.tenant = tenant,
		.learning = true,
		.flood_unknown = true,
		.mtu = MODEL_MTU_DEFAULT,
		.age_ms = MODEL_AGE_DEFAULT_MS,
		.macs_max = MODEL_MACS_DEFAULT,
	};
	if (!network->name) {
		reading->no_memory = true;
		return;
	}
	reading_mapping(reading, node, network_keys, network);
	reading->model->n_networks++;
	tenant->n_networks++;
}

/* The networks of the tenant at @node. */
static void read_networks_of(struct reading *reading, const struct node *node)
{
	const struct node *networks = reading_member(reading, node, "networks");
	/* the model is still ours to fill */
	struct model_tenant *tenant =
		(struct model_tenant *)model_tenant(reading->model, node->key);
	const char *key;
	json_t *value;

	if (!networks || !tenant || !json_is_object(networks->value))
		return;
	json_object_foreach (networks->value, key, value) {
		const struct node *network = reading_member(reading, networks, key);

		if (network)
			read_network(reading, network, tenant);
	}
	if (tenant->n_networks > tenant->quota.networks) {
		reading_problem_key(reading, networks, PROBLEM_QUOTA,
				    "%u networks, the quota is %u", tenant->n_networks,
				    tenant->quota.networks);
		problems_hint(reading->problems, "remove some, or raise quota.networks of %s",
			      tenant->name);
	}
}

void model_read_networks(struct reading *reading, const struct node *tenants)
{
	struct model *model = reading->model;
	size_t count = 0;
	const char *key;
	json_t *value;

	json_object_foreach (tenants->value, key, value)
		count += json_object_size(json_object_get(value, "networks"));
	if (count > LIMIT_NETWORKS - 1) {
		reading_problem_key(reading, tenants, PROBLEM_LIMIT, "%zu networks are too many",
				    count);
		problems_hint(reading->problems, "a switch has at most %d", LIMIT_NETWORKS - 1);
	}
	model->networks = reading_alloc(reading, count, sizeof(model->networks[0]));
	if (!model->networks)
		return;
	json_object_foreach (tenants->value, key, value) {
		const struct node *tenant = reading_member(reading, tenants, key);

		if (tenant)
			read_networks_of(reading, tenant);
	}
	qsort(model->networks, model->n_networks, sizeof(model->networks[0]), compare_names);
}
