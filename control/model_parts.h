/*
 * model_parts - what the model_*.c files give one another. Not for others.
 */
#ifndef CONTROL_MODEL_PARTS_H
#define CONTROL_MODEL_PARTS_H

#include "control/reading.h"

/* A port while it is read, and where its keys are. */
struct port_draft {
	struct model_port port;
	const struct node *node;
	const struct node *device; /* whichever key names it */
	const struct node *mode;
	const struct node *queues;
	const struct node *network; /* network, trunk or qinq */
	const struct node *map;
	const struct node *macs;
	const struct node *rate;
	const struct node *role; /* promiscuous, isolated or community */
};

/* model_tenant.c: fill the model's tenants, then its networks. */
void model_read_tenants(struct reading *reading, const struct node *tenants);
void model_read_networks(struct reading *reading, const struct node *tenants);

/* model_port.c: ports of all tenants and uplinks, by name; *@ret_drafts in the same order. */
void model_read_ports(struct reading *reading, const struct node *tenants,
		      const struct node *uplinks, struct port_draft **ret_drafts);

/* model_rule.c: rule @index of @list. False with a problem, and it is left as it was. */
bool model_read_rule(struct reading *reading, const struct node *node, struct rule_list *list,
		     uint32_t index);

/*
 * model_rules.c: fill the model's sets, groups and ACLs; what a port names of
 * them, for the table of keys.
 */
void model_read_rules(struct reading *reading, const struct node *tenants);
void model_read_port_groups(struct reading *reading, const struct node *node, void *draft);
void model_read_port_acl(struct reading *reading, const struct node *node, void *draft);

/* model_wire.c: read `trunk` and `map`, find two networks with one tag. */
void model_read_trunk(struct reading *reading, const struct node *node, struct port_draft *draft);
void model_read_uplink_trunk(struct reading *reading, struct port_draft *draft);

/*
 * The network that @text at @node names for @tenant; for NULL, an uplink, by its
 * full name. NULL with a problem if there is none.
 */
const struct model_network *model_find_network(struct reading *reading, const struct node *node,
					       const struct model_tenant *tenant, const char *text);

/* model_check.c: what concerns several objects. */
void model_check(struct reading *reading, const struct node *tenants,
		 const struct port_draft *drafts);

/* model_limit.c: rates and storm limits. For the tables of keys. */
void model_read_port_rate(struct reading *reading, const struct node *node, void *draft);
void model_read_tenant_rate(struct reading *reading, const struct node *node, void *tenant);
void model_read_storm(struct reading *reading, const struct node *node, void *draft);

/* model_future.c: read what is not built yet, and refuse it. For the tables of keys. */
void model_refuse_not_yet(struct reading *reading, const struct node *node, const char *word,
			  const char *what);
void model_read_mirrors(struct reading *reading, const struct node *node);
void model_read_pcap(struct reading *reading, const struct node *node, void *draft);

#endif
