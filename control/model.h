/*
 * model - what a document means: tenants, networks and ports as checked structs.
 *
 * A model is a value: model_build() makes it from a whole document or says
 * everything that is wrong with it, and nothing changes it afterwards. What it
 * holds is enforced: words of the language that are not built yet are read,
 * checked, and refused ("not-yet").
 *
 * Names. An object's `name` is the one that users type: "acme" for a tenant,
 * "acme/web" for a network, "acme/vm1" for a port, "fabric" for an uplink.
 * All arrays are in ascending order of names (strcmp), so what is equal looks
 * equal: model_export() of two documents that mean the same is the same.
 *
 * Uplinks are ports without a tenant.
 *
 * Threads: any, as long as the model lives; it is read-only.
 * Memory: one arena, freed by model_destroy(), and lists of rules, which several models
 * may share; nothing points into the document.
 */
#ifndef CONTROL_MODEL_H
#define CONTROL_MODEL_H

#include "control/document.h"
#include "control/problem.h"
#include "control/rule_list.h"
#include "switch/policy.h"

/* What holds for a network that does not say otherwise. */
enum {
	MODEL_MTU_DEFAULT = LIMIT_MTU_DEFAULT,
	MODEL_AGE_DEFAULT_MS = 300 * 1000, /* IEEE 802.1Q, table 8-6 */
	MODEL_MACS_DEFAULT = LIMIT_NETWORK_MACS,
};

/* Rates that can be asked for, a second; and what may pass at once. */
#define MODEL_BITRATE_MIN    1000ULL
#define MODEL_BITRATE_MAX    1000000000000ULL
#define MODEL_PACKETRATE_MAX 1000000000ULL
enum {
	MODEL_BURST_DEFAULT_MS = 10,
	MODEL_STORM_BURST_MS = 1000, /* a storm limit counts by the second */
};

/* Quotas of a tenant. UINT32_MAX: only the limits of the switch hold. */
struct model_quota {
	uint32_t ports;
	uint32_t networks;
	uint32_t rules;
	uint32_t macs_per_port;
	uint32_t sessions;
};

/* `rate` and `storm`. */
struct model_limits {
	uint64_t a_second[POLICY_LIMITS]; /* 0: as much as there is */
	uint32_t burst_ms;
	bool waits; /* what is over the rate stays with the guest */
};

struct model_tenant {
	const char *name;
	struct model_quota quota;
	struct model_limits limits; /* of all its ports together */
	const char **users; /* Unix users, and groups with an @ before, that may act for it */
	uint32_t n_users;
	uint32_t n_ports; /* how much of the quota is used */
	uint32_t n_networks;
	uint32_t n_rules;
};

/* What the tags of a customer's network are on trunks: of IEEE 802.1ad (0x88a8), or as all others. */
enum model_service {
	MODEL_SERVICE_UNSAID,
	MODEL_SERVICE_802_1AD,
	MODEL_SERVICE_802_1Q,
};

struct model_network {
	const char *name;
	const struct model_tenant *tenant;
	const struct model_tenant **shares; /* who else may have ports in it, by name */
	uint32_t n_shares;
	uint16_t vlan; /* 0: stays on this host */
	bool isolated;
	bool learning;
	bool flood_unknown; /* unknown unicast */
	bool snoop;	    /* multicast goes to who wants it */
	bool suppress;	    /* of whom ARP or ND asks is asked alone */
	uint32_t mtu;
	uint32_t age_ms;
	uint32_t macs_max;
	uint32_t n_ports; /* that carry it, uplinks included */
	enum model_service service;
	uint32_t
		n_customers; /* ports that are `qinq`; with one or `service-tag` it is a customer's */
};

/* `sets`: addresses that rules name as one. */
struct model_set {
	const char *name;
	const struct model_tenant *tenant;
	struct policy_prefix4 *addresses4; /* ascending */
	uint32_t n_addresses4;
	struct policy_prefix6 *addresses6; /* ascending */
	uint32_t n_addresses6;
};

/* One rule of a group or an ACL. */
struct model_rule {
	union {
		const struct rule_group *group;
		const struct rule_acl *acl;
	};
	const struct model_rules *peer_group; /* that it names, or NULL */
	const struct model_set *peer_set;     /* likewise */
	struct place written;		      /* file NULL: not known */
};

/* A group (its rules have no order) or an ACL (the first that matches decides). */
struct model_rules {
	const char *name;
	const struct model_tenant *tenant;
	struct rule_list *list;	  /* a reference; NULL: nothing was read of it */
	struct model_rule *rules; /* as written */
	uint32_t n_rules;
	uint32_t n_ports; /* that use it */
};

enum model_device {
	MODEL_VHOST_USER = 1,
	MODEL_TAP,
	MODEL_DEVICE,
};

/* The network of one tag on a trunk. */
struct model_carried {
	const struct model_network *network;
	uint16_t vlan;
};

enum { MODEL_ANY_WORKER = UINT16_MAX };

struct model_port {
	const char *name;
	const struct model_tenant *tenant; /* NULL: an uplink */

	/* where the guest attaches */
	enum model_device device;
	const char *device_name; /* as written: socket path or interface name */
	const char *path;	 /* vhost-user: the absolute path, below 108 bytes */
	bool dials;		 /* vhost-user, mode client: we connect */
	uint16_t queues;	 /* queue pairs */
	uint16_t worker;	 /* that serves it, or MODEL_ANY_WORKER */

	/* what it carries; an access port or trunk without any network is down */
	enum policy_port_mode mode;
	const struct model_network *native; /* access: its network; trunk: untagged; or NULL */
	struct model_carried *trunk;	    /* in order of the networks' names */
	uint32_t n_trunk;
	bool trunk_all;		   /* uplink: every network that has a VLAN */
	struct model_carried *map; /* uplink: tags other than the networks' VLANs */
	uint32_t n_map;

	/* what is bound to it */
	mac48 *macs; /* ascending */
	uint32_t n_macs;
	struct policy_prefix4 *addresses4; /* ascending */
	uint32_t n_addresses4;
	struct policy_prefix6 *addresses6; /* ascending */
	uint32_t n_addresses6;
	bool dhcp_server; /* may answer DHCP clients */
	bool router;	  /* may advertise itself as one */
	bool bpdu;	  /* may send spanning tree frames */
	bool spoof_guard;

	/* what it may say and hear */
	const struct model_rules **groups; /* in order of their names */
	uint32_t n_groups;
	const struct model_rules *acl_in;  /* of frames from it, or NULL */
	const struct model_rules *acl_out; /* of frames for it, or NULL */

	struct model_limits limits;
	uint8_t pcp, dscp; /* of its frames, + 1; 0: as they came */

	/* in isolated networks */
	enum policy_role role;
	const char *community; /* POLICY_COMMUNITY: its name, within the tenant */
};

struct model {
	struct model_tenant *tenants;
	uint32_t n_tenants;
	struct model_network *networks; /* of all tenants */
	uint32_t n_networks;
	struct model_set *sets; /* of all tenants, as the next two */
	uint32_t n_sets;
	struct model_rules *groups;
	uint32_t n_groups;
	struct model_rules *acls;
	uint32_t n_acls;
	struct model_port *ports; /* of all tenants, and the uplinks */
	uint32_t n_ports;
	struct arena *arena; /* holds all of the above */
};

/* What the model must know of its host. */
struct model_host {
	const char *run_dir;	  /* absolute; relative socket paths lie in it */
	const char *const *taken; /* names in it that no guest may have, NULL at the end; or NULL */
};

/*
 * Read @document. 0; -EINVAL: @problems got at least one more; -ENOMEM. All
 * problems of the document are found at once (problems_sort() is the caller's).
 */
int model_build(const struct document *document, const struct model_host *host,
		struct problems *problems, struct model **ret) __attribute__((warn_unused_result));

/*
 * The same, behind @previous, which may be NULL: lists of rules that say what they said there
 * are taken from it, and rules that come without a place (through the API) were
 * written where they were there.
 */
int model_build_next(const struct document *document, const struct model_host *host,
		     const struct model *previous, struct problems *problems, struct model **ret)
	__attribute__((warn_unused_result));

void model_destroy(struct model *model); /* NULL is fine */

/*
 * Where the rules of @model were written, to be kept with its document; NULL without memory.
 * And for a model that was built from that document again: -ENOMEM. What makes no sense there is
 * passed over.
 */
json_t *model_places(const struct model *model) __attribute__((warn_unused_result));
int model_restore_places(struct model *model, const json_t *places)
	__attribute__((warn_unused_result));

/* The object of that name, or NULL. */
const struct model_tenant *model_tenant(const struct model *model, const char *name);
const struct model_network *model_network(const struct model *model, const char *name);
const struct model_set *model_set(const struct model *model, const char *name);
const struct model_rules *model_group(const struct model *model, const char *name);
const struct model_rules *model_acl(const struct model *model, const char *name);
const struct model_port *model_port(const struct model *model, const char *name);

/* The largest mtu of the networks that @port carries; LIMIT_MTU_DEFAULT if none. */
uint32_t model_port_mtu(const struct model_port *port);

/* May @tenant have ports in @network: is it theirs, or shared with them? */
bool model_network_admits(const struct model_network *network, const struct model_tenant *tenant);

/* Is @network a customer's, whose frames keep their own tags? */
bool model_network_is_customers(const struct model_network *network);

/* Does @port carry @network, tagged or not? */
bool model_port_carries(const struct model_port *port, const struct model_network *network);

/*
 * The canonical document of @model: keys in a fixed order, objects by name,
 * MACs and addresses in one spelling, defaults left out. model_build() of it
 * gives an equal model. NULL without memory.
 */
json_t *model_export(const struct model *model) __attribute__((warn_unused_result));

#endif
