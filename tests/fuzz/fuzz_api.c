/*
 * fuzz_api - any lines on the control socket.
 *
 * The first byte says who asks: root, a tenant's user or a stranger; the rest
 * are request lines. Everything behind the socket is real but the other
 * process, the devices and the disk, which the functions here stand for: they
 * do what they are asked, or refuse every second time if the first byte says
 * so. Whatever comes in, an answer is JSON-RPC 2.0, a stranger gets nothing,
 * and a tenant's user never sees a word of what another tenant owns.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "control/api.h"
#include "control/document.h"
#include "tests/fuzz/fuzz.h"

/* In another tenant's names and nowhere else; no input holds it. */
#define SECRET "xyzzy"

static const char text[] =
	"tenants:\n"
	"  acme:\n"
	"    users: [nobody]\n"
	"    networks: {web: {vlan: 100}, db: {isolated: true}}\n"
	"    ports:\n"
	"      vm1: {vhost-user: vm1.sock, network: web, macs: [\"52:54:00:00:00:01\"]}\n"
	"      fw: {vhost-user: fw.sock, trunk: {native: web}, addresses: [10.0.0.1]}\n"
	"  " SECRET ":\n"
	"    networks: {" SECRET "-net: {vlan: 200}}\n"
	"    ports: {" SECRET "-port: {tap: " SECRET "0, network: " SECRET "-net}}\n"
	"uplinks: {" SECRET "-up: {device: eth0, trunk: all}}\n";

enum { NOBODY = 65534, STRANGER = 12345, FDB_SLOTS = 1024 };

static unsigned requests; /* to the parts that the functions below stand for */
static bool refuses;
static struct fdb *fdb;

static int ask(char *ret_why)
{
	if (!refuses || requests++ % 2)
		return 0;
	strcpy(ret_why, "refused");
	return -EIO;
}

/* ---- the data plane ---- */

int dataplane_publish(struct dataplane *dataplane, const struct policy *policy,
		      char ret_why[static DATAPLANE_WHY])
{
	const char *why;

	fuzz_demand(!policy_check(policy, policy->size, &why));
	return ask(ret_why);
}

int dataplane_flush_fdb(struct dataplane *dataplane, uint16_t network, struct port_ref port,
			uint32_t *ret_count, char ret_why[static DATAPLANE_WHY])
{
	*ret_count = 0;
	return ask(ret_why);
}

int dataplane_flush_sessions(struct dataplane *dataplane, uint16_t network, struct port_ref port,
			     uint32_t *ret_count, char ret_why[static DATAPLANE_WHY])
{
	*ret_count = 0;
	return ask(ret_why);
}

const struct policy *dataplane_adopted_policy(const struct dataplane *dataplane)
{
	return NULL;
}

const struct counters *dataplane_counters(const struct dataplane *dataplane)
{
	return NULL;
}

const struct fdb *dataplane_fdb(const struct dataplane *dataplane)
{
	return fdb;
}

const struct sessions *dataplane_sessions(const struct dataplane *dataplane)
{
	return NULL;
}

struct dataplane_report dataplane_report(const struct dataplane *dataplane)
{
	return (struct dataplane_report){.trouble = "bro\xffken"};
}

/* ---- devices ---- */

const char *attachment_state_word(enum attachment_state state)
{
	return "up";
}

int attachments_adopt(struct attachments *attachments, char ret_why[static DATAPLANE_WHY])
{
	return 0;
}

int attachments_apply(struct attachments *attachments, const struct attachment_spec *specs,
		      unsigned n)
{
	return 0;
}

void attachments_restart(struct attachments *attachments)
{
}

bool attachments_report(const struct attachments *attachments, struct port_ref port,
			struct attachment_report *ret_report)
{
	*ret_report = (struct attachment_report){.state = ATTACHMENT_UP, .features = ~0ULL};
	return true;
}

/* ---- the disk ---- */

int store_load(struct store *store, struct problems *problems, struct store_state *ret)
{
	*ret = (struct store_state){.document = json_object()};
	return 0;
}

int store_save(struct store *store, const struct store_state *state, struct problems *problems)
{
	char why[DATAPLANE_WHY];

	return ask(why);
}

/* ---- who is who: no directory service has a say in a fuzzer ---- */

struct passwd *getpwnam(const char *name)
{
	static struct passwd nobody = {.pw_uid = NOBODY};

	return strcmp(name, "nobody") ? NULL : &nobody;
}

struct group *getgrnam(const char *name)
{
	static struct group nobody = {.gr_gid = NOBODY};

	return strcmp(name, "nobody") ? NULL : &nobody;
}

/* ---- the daemon ---- */

int daemon_commit(struct daemon *daemon, const struct running_change *change,
		  struct problems *problems, json_t **ret_changes, char ret_why[static RUNNING_WHY])
{
	int error = running_commit(&daemon->running, change, problems, ret_changes, ret_why);

	if (!error) {
		rights_destroy(daemon->rights);
		daemon->rights = rights_create(daemon->running.model);
	}
	return error;
}

static void begin(struct daemon *daemon)
{
	struct running_change change = {0};
	struct problems problems = {0};
	struct document *document;
	char why[RUNNING_WHY];

	daemon->running.host = (struct model_host){.run_dir = "/run/sluice"};
	fuzz_demand(!document_create(&document));
	fuzz_demand(!document_add_text(document, "base", text, strlen(text), &problems));
	change.document = document;
	fuzz_demand(!running_load(&daemon->running, &problems));
	fuzz_demand(!running_begin(&daemon->running, &change, &problems, why));
	document_destroy(document);
	daemon->rights = rights_create(daemon->running.model);
}

static void check_answer(const struct rpc_peer *peer, const char *line, const char *answer)
{
	json_t *json = json_loads(answer, 0, NULL);
	const char *version = json_string_value(json_object_get(json, "jsonrpc"));

	fuzz_demand(json && !strchr(answer, '\n'));
	fuzz_demand(version && !strcmp(version, "2.0") && json_object_get(json, "id"));
	fuzz_demand(!json_object_get(json, "result") != !json_object_get(json, "error"));
	fuzz_demand(peer->uid != STRANGER || !json_object_get(json, "result"));
	fuzz_demand(peer->uid == 0 || !strstr(answer, SECRET) || strstr(line, SECRET));
	json_decref(json);
}

static void ask_lines(struct daemon *daemon, const struct rpc_peer *peer, char *lines)
{
	char *rest, *line;

	for (line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *answer = api_answer(daemon, NULL, peer, line, strlen(line));

		if (answer)
			check_answer(peer, line, answer);
		free(answer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const uid_t users[] = {0, NOBODY, STRANGER, NOBODY};
	struct daemon daemon = {0};
	struct rpc_peer peer = {.uid = size ? users[input[0] % 4] : 0};
	char *lines = calloc(1, size + 1);

	fuzz_demand(lines);
	peer.gid = peer.uid;
	if (!fdb) {
		void *memory = aligned_alloc(4096, (fdb_size(FDB_SLOTS) + 4095) & ~4095UL);

		memset(memory, 0, fdb_size(FDB_SLOTS));
		fuzz_demand(!fdb_init(memory, fdb_size(FDB_SLOTS), FDB_SLOTS, &fdb));
	}
	refuses = false;
	begin(&daemon);
	refuses = size && input[0] & 4;
	if (size > 1)
		memcpy(lines, input + 1, size - 1);
	ask_lines(&daemon, &peer, lines);
	free(lines);
	rights_destroy(daemon.rights);
	running_end(&daemon.running);
	return 0;
}
