/*
 * daemon - see daemon.h.
 */
#include "control/daemon.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/api.h"
#include "control/records.h"
#include "control/socket.h"

enum {
	SOCKET_MODE = 0660,	 /* of the control socket */
	SOCKET_MODE_OPEN = 0666, /* when tenants have users: caller.h decides */
};

const char *const daemon_taken[] = {"control.sock", "dp.sock", "dp.pid", NULL};

/* Say what went wrong: every problem there is; or, if there is none, @why. */
static void complain(const char *what, struct problems *problems, const char *why)
{
	problems_sort(problems);
	if (problems->total)
		problems_print(problems, stderr);
	else
		fprintf(stderr, "sluiced: %s: %s\n", what, why);
}

/* ---- news ---- */

static void port_changed(void *user, const char *port, const struct attachment_report *report)
{
	struct daemon *daemon = user;
	const char *state = attachment_state_word(report->state);

	fprintf(stderr, "sluiced: port %s: %s%s%s\n", port, state, *report->text ? ": " : "",
		report->text);
	api_publish(daemon, port,
		    json_pack("{s:s, s:s, s:s, s:o}", "event", "port", "port", port, "state", state,
			      "text", api_json_text(report->text)));
}

static void link_changed(void *user, const char *name)
{
	struct daemon *daemon = user;

	attachments_link_changed(daemon->attachments, name);
}

static void port_event(void *user, const struct channel_message *event)
{
	struct daemon *daemon = user;

	attachments_event(daemon->attachments, event);
	placement_hurry(daemon->placement);
}

static void dataplane_replaced(void *user)
{
	struct daemon *daemon = user;
	char why[RUNNING_WHY];

	if (running_restore(&daemon->running, why))
		fprintf(stderr, "sluiced: the new data plane: %s\n", why);
}

static char *request_answer(void *user, struct rpc_client *client, const char *line, size_t length)
{
	return api_answer(user, client, rpc_client_peer(client), line, length);
}

/* ---- changing the configuration ---- */

/* Rights anew for the model that runs; the socket is open to those who have any. */
static int daemon_grant(struct daemon *daemon)
{
	struct rights *rights = rights_create(daemon->running.model);

	if (!rights)
		return -ENOMEM;
	rights_destroy(daemon->rights);
	daemon->rights = rights;
	if (daemon->rpc &&
	    chmod(daemon->socket_path, rights_any(rights) ? SOCKET_MODE_OPEN : SOCKET_MODE))
		return -errno;
	return 0;
}

int daemon_commit(struct daemon *daemon, const struct running_change *change,
		  struct problems *problems, json_t **ret_changes, char ret_why[static RUNNING_WHY])
{
	uint64_t before = daemon->running.state.generation;
	int error;

	records_collect(daemon->records);
	error = running_commit(&daemon->running, change, problems, ret_changes, ret_why);

	if (error || daemon->running.state.generation == before)
		return error;
	placement_hurry(daemon->placement);
	records_configure(daemon->records);
	/* It runs; callers whose rights could not be made have none. */
	if (daemon_grant(daemon))
		fprintf(stderr, "sluiced: users of tenants could not be given their rights\n");
	api_publish(daemon, NULL,
		    json_pack("{s:s, s:I}", "event", "generation", "generation",
			      (json_int_t)daemon->running.state.generation));
	return 0;
}

/* The configuration as a document. Problems are said; 0 or -errno. */
static int config_read(struct daemon *daemon, struct document **ret_document)
{
	struct problems problems = {0};
	struct model *model = NULL;
	struct document *document;
	int error = document_create(&document);

	if (error)
		return error;
	error = document_add_path(document, daemon->options.config, &problems);
	/* All problems at once: the model refuses what could not be read, and says what else is wrong. */
	if (error == -EINVAL)
		error = model_build(document, &daemon->running.host, &problems, &model);
	if (error) {
		complain(daemon->options.config, &problems, "it was not applied");
		problems_clear(&problems);
		document_destroy(document);
		return error;
	}
	*ret_document = document;
	return 0;
}

/* Is @document what was last applied from the configuration? Then what was changed since stays. */
static bool config_is_known(const struct daemon *daemon, const struct document *document)
{
	const struct store_state *state = &daemon->running.state;

	return state->has_config && state->config_digest == document_digest(document);
}

static struct running_change config_change(const struct document *document)
{
	return (struct running_change){
		.document = document,
		.from_config = true,
		.config_digest = document_digest(document),
	};
}

int daemon_configure(struct daemon *daemon)
{
	struct problems problems = {0};
	struct running_change change;
	struct document *document;
	char why[RUNNING_WHY];
	json_t *changes;
	int error = daemon->options.config ? config_read(daemon, &document) : -ENOENT;

	if (error)
		return daemon->options.config ? error : 0;
	if (config_is_known(daemon, document))
		goto destroy_document;
	change = config_change(document);
	error = daemon_commit(daemon, &change, &problems, &changes, why);
	if (error) {
		complain(daemon->options.config, &problems, why);
		problems_clear(&problems);
		goto destroy_document;
	}
	fprintf(stderr, "sluiced: %s applied: %zu objects changed, generation %llu\n",
		daemon->options.config, json_array_size(changes),
		(unsigned long long)daemon->running.state.generation);
	json_decref(changes);
destroy_document:
	document_destroy(document);
	return error;
}

/* ---- coming up ---- */

/* Guests' sockets belong to the group that QEMU runs as on Debian and its likes, if we may give them. */
static gid_t guest_group(void)
{
	const struct group *kvm = getgrnam("kvm");

	return kvm && (geteuid() == 0 || group_member(kvm->gr_gid)) ? kvm->gr_gid : (gid_t)-1;
}

static int create_store(struct daemon *daemon)
{
	struct problems problems = {0};
	int error = store_open(daemon->options.state_dir, &problems, &daemon->store);

	if (error)
		complain("state directory", &problems, strerror(-error));
	problems_clear(&problems);
	return error;
}

static int create_dataplane(struct daemon *daemon)
{
	static const struct dataplane_ops ops = {
		.replaced = dataplane_replaced,
		.port_event = port_event,
	};
	const struct dataplane_options options = {
		.run_dir = daemon->options.run_dir,
		.program = daemon->options.dp_program,
		.workers = daemon->options.workers,
		.latency = daemon->options.latency,
	};
	char why[DATAPLANE_WHY];
	int error = dataplane_create(daemon->loop, &options, &ops, daemon, &daemon->dataplane, why);

	if (error)
		fprintf(stderr, "sluiced: the data plane does not start: %s\n", why);
	return error;
}

static int create_attachments(struct daemon *daemon)
{
	int error = attachments_create(daemon->loop, daemon->dataplane, guest_group(), port_changed,
				       daemon, &daemon->attachments);

	if (!error)
		error = netdev_monitor_create(daemon->loop, link_changed, daemon, &daemon->monitor);
	if (error)
		fprintf(stderr, "sluiced: watching interfaces and sockets: %s\n", strerror(-error));
	return error;
}

static int load_running(struct daemon *daemon)
{
	struct problems problems = {0};
	int error;

	daemon->running.store = daemon->store;
	daemon->running.dataplane = daemon->dataplane;
	daemon->running.attachments = daemon->attachments;
	daemon->running.host = (struct model_host){
		.run_dir = daemon->options.run_dir,
		.taken = daemon_taken,
	};
	error = running_load(&daemon->running, &problems);
	if (error)
		complain(daemon->options.state_dir, &problems, strerror(-error));
	problems_clear(&problems);
	return error;
}

/* Run @document, the configuration's, or (NULL) what is stored. */
static int begin_with(struct daemon *daemon, const struct document *document)
{
	struct running_change change = {0};
	struct problems problems = {0};
	char why[RUNNING_WHY];
	int error;

	if (document)
		change = config_change(document);
	error = running_begin(&daemon->running, document ? &change : NULL, &problems, why);
	if (error)
		complain(document ? daemon->options.config : daemon->options.state_dir, &problems,
			 why);
	problems_clear(&problems);
	return error;
}

/* Run what the configuration says if that is new, else what is stored. */
static int begin_running(struct daemon *daemon)
{
	struct document *document = NULL;
	int error = daemon->options.config ? config_read(daemon, &document) : 0;

	if (!error && document && !config_is_known(daemon, document))
		error = begin_with(daemon, document);
	else if (!error)
		error = begin_with(daemon, NULL);
	document_destroy(document);
	/* A mistake in a file shall not take down networks that ran before. */
	if (error && !daemon->running.model && daemon->running.state.generation) {
		fprintf(stderr, "sluiced: going on with generation %llu\n",
			(unsigned long long)daemon->running.state.generation);
		error = begin_with(daemon, NULL);
	}
	return error ? error : daemon_grant(daemon);
}

static int create_placement(struct daemon *daemon)
{
	const struct placement_options options = {
		.sys = "/sys",
		.proc = "/proc",
		.dataplane = daemon->dataplane,
		.attachments = daemon->attachments,
		.running = &daemon->running,
	};

	return placement_create(daemon->loop, &options, &daemon->placement);
}

static int create_records(struct daemon *daemon)
{
	int error = records_create(daemon, &daemon->records);

	if (!error)
		records_configure(daemon->records);
	return error;
}

static int create_socket(struct daemon *daemon)
{
	char why[SOCKET_WHY];
	int error;

	if (asprintf(&daemon->socket_path, "%s/control.sock", daemon->options.run_dir) < 0) {
		daemon->socket_path = NULL;
		return -ENOMEM;
	}
	error = socket_listen(daemon->socket_path, SOCK_STREAM, SOCKET_MODE, (gid_t)-1,
			      &daemon->socket_fd, why);
	if (error) {
		fprintf(stderr, "sluiced: control socket: %s\n", why);
		return error;
	}
	error = rpc_server_create(daemon->loop, daemon->socket_fd, request_answer, daemon,
				  &daemon->rpc);
	return error ? error : daemon_grant(daemon);
}

int daemon_create(const struct daemon_options *options, struct loop *loop,
		  struct daemon **ret_daemon)
{
	static int (*const steps[])(struct daemon *) = {
		create_store,  create_dataplane, create_attachments, load_running,
		begin_running, create_placement, create_records,     create_socket,
	};
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int error = daemon ? 0 : -ENOMEM;

	if (error)
		return error;
	daemon->options = *options;
	daemon->loop = loop;
	daemon->socket_fd = -1;
	daemon->started = loop_now();
	for (size_t i = 0; !error && i < sizeof(steps) / sizeof(*steps); i++)
		error = steps[i](daemon);
	if (error) {
		/* One that ran before us goes on; one that we started has nothing to do. */
		daemon_destroy(daemon,
			       daemon->dataplane && !dataplane_adopted_policy(daemon->dataplane));
		return error;
	}
	*ret_daemon = daemon;
	return 0;
}

void daemon_destroy(struct daemon *daemon, bool stop)
{
	if (!daemon)
		return;
	/* The socket goes first: whoever finds it finds somebody there. */
	if (daemon->rpc)
		unlink(daemon->socket_path);
	rpc_server_destroy(daemon->rpc);
	daemon->rpc = NULL;
	if (stop) {
		if (daemon->attachments)
			attachments_withdraw(daemon->attachments);
		dataplane_stop(daemon->dataplane);
	}
	records_destroy(daemon->records);
	placement_destroy(daemon->placement);
	netdev_monitor_destroy(daemon->monitor);
	attachments_destroy(daemon->attachments);
	dataplane_destroy(daemon->dataplane);
	running_end(&daemon->running);
	rights_destroy(daemon->rights);
	store_close(daemon->store);
	free(daemon->socket_path);
	free(daemon);
}
