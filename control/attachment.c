/*
 * attachment - see attachment.h.
 *
 * Cookies. The data plane keeps for each device a number that it does not
 * understand: the upper 48 bits are a digest of what the device was made from
 * (so a restarted control process recognizes it), the lower 16 count the
 * attachments (so an event about an earlier device of the same port is
 * recognized as such).
 */
#include "control/attachment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "control/guest_socket.h"
#include "control/netdev.h"
#include "switch/hash.h"

enum {
	RETRY_FIRST_MS = 10,
	RETRY_LAST_MS = 1000,
	SHORT_LIFE_MS = 1000, /* a device that ended sooner is waited for longer each time */
};

struct attachment {
	struct attachments *all;
	struct attachment_spec spec; /* its texts are the attachment's own */
	struct guest_socket *socket; /* vhost-user */
	struct loop_timer retry;
	unsigned retry_ms;
	bool attached;
	bool broken;	      /* it could not be opened */
	int fds[CHANNEL_FDS]; /* tap: our copies, so that it outlives a data plane */
	unsigned n_fds;
	bool link_up;	/* tap, device */
	int link_index; /* device: of the interface it is bound to */
	uint64_t cookie;
	clock_ms attached_at;
	struct attachment_report told; /* what was last told */
	char trouble[CHANNEL_TEXT];    /* of opening it; "" */
	/* from the data plane; the text of a session stays until the next one runs */
	bool driver_runs;
	unsigned queue_pairs;
	uint64_t features;
	pid_t pid;
	uint32_t workers;
	char copy[CHANNEL_COPY];
	char session[CHANNEL_TEXT];
};

struct attachments {
	struct loop *loop;
	struct dataplane *dataplane;
	struct guest_sockets *sockets;
	void (*changed)(void *user, const char *port, const struct attachment_report *report);
	void *user;
	uint16_t count; /* of attachments made, for cookies */
	struct attachment *by_id[LIMIT_PORTS];
	/* adopting: what the data plane had when we came, by port id */
	struct channel_message *found;
};

const char *attachment_state_word(enum attachment_state state)
{
	static const char *const words[] = {
		[ATTACHMENT_WAITING] = "waiting",
		[ATTACHMENT_UP] = "up",
		[ATTACHMENT_DOWN] = "down",
		[ATTACHMENT_FAILED] = "failed",
	};

	return words[state];
}

/* ---- telling ---- */

static enum attachment_state attachment_state(const struct attachment *attachment)
{
	if (attachment->broken)
		return ATTACHMENT_FAILED;
	if (!attachment->attached)
		return ATTACHMENT_WAITING;
	if (attachment->spec.kind == KIND_VHOST_USER)
		return attachment->driver_runs ? ATTACHMENT_UP : ATTACHMENT_WAITING;
	return attachment->link_up ? ATTACHMENT_UP : ATTACHMENT_DOWN;
}

/* After anything that may have changed what users see. */
static void attachment_tell(struct attachment *attachment)
{
	struct attachment_report *told = &attachment->told;
	enum attachment_state state = attachment_state(attachment);
	const char *text = *attachment->trouble ? attachment->trouble : attachment->session;
	bool differs = state != told->state || strcmp(told->text, text);

	if (state != told->state)
		told->since = loop_now();
	told->state = state;
	told->queue_pairs = attachment->attached ? attachment->queue_pairs : 0;
	told->features = attachment->attached ? attachment->features : 0;
	told->cookie = attachment->attached ? attachment->cookie : 0;
	told->pid = attachment->attached ? attachment->pid : 0;
	told->workers = attachment->attached ? attachment->workers : 0;
	snprintf(told->copy, sizeof(told->copy), "%s",
		 attachment->attached ? attachment->copy : "");
	snprintf(told->text, sizeof(told->text), "%s", text);
	if (differs)
		attachment->all->changed(attachment->all->user, attachment->spec.name, told);
}

static void trouble_set(struct attachment *attachment, const char *text)
{
	snprintf(attachment->trouble, sizeof(attachment->trouble), "%s", text);
}

/* ---- attaching ---- */

/* The same in every process: the next one shall recognize what this one attached. */
static uint64_t digest_add(uint64_t digest, uint64_t word)
{
	return hash_word(digest ^ word, 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f);
}

static uint64_t digest_add_text(uint64_t digest, const char *text)
{
	do
		digest = digest_add(digest, (unsigned char)*text);
	while (*text++);
	return digest;
}

/* What @attachment would be made from now, as the upper bits of a cookie. */
static uint64_t attachment_digest(const struct attachment *attachment)
{
	const struct attachment_spec *spec = &attachment->spec;
	uint64_t digest =
		spec->kind | (uint64_t)spec->dials << 8 | (uint64_t)spec->queue_pairs << 16;

	digest = digest_add_text(digest, spec->place);
	if (spec->kind == KIND_DEVICE)
		digest = digest_add(digest, (uint64_t)netdev_look(spec->place).index);
	return digest & ~0xffffULL;
}

/* Later each time, unless the last device lived a while. */
static unsigned retry_pause(struct attachment *attachment)
{
	if (attachment->attached_at && loop_now() - attachment->attached_at > SHORT_LIFE_MS)
		attachment->retry_ms = 0;
	attachment->retry_ms = attachment->retry_ms ? attachment->retry_ms * 2 : RETRY_FIRST_MS;
	if (attachment->retry_ms > RETRY_LAST_MS)
		attachment->retry_ms = RETRY_LAST_MS;
	attachment->attached_at = 0;
	return attachment->retry_ms;
}

/* It did not work, or is over: what comes next. */
static void attachment_again(struct attachment *attachment)
{
	unsigned pause = retry_pause(attachment);

	if (attachment->socket)
		guest_socket_seek(attachment->socket, pause);
	else
		loop_timer_set(attachment->all->loop, &attachment->retry, pause);
}

/* Give @fds, which stay the caller's, to the data plane. */
static int attachment_give(struct attachment *attachment, const int *fds, unsigned n_fds)
{
	struct attachments *all = attachment->all;
	const struct attachment_spec *spec = &attachment->spec;
	struct dataplane_device device = {
		.port = spec->port,
		.kind = spec->kind,
		.queue_pairs = spec->queue_pairs,
		.mtu = spec->mtu,
		.cookie = attachment_digest(attachment) | ++all->count,
		.fds = fds,
		.n_fds = n_fds,
	};
	char why[DATAPLANE_WHY];
	int error = dataplane_attach(all->dataplane, &device, why);

	/* One that we do not know of gives way. */
	if (error == -EBUSY && !dataplane_detach(all->dataplane, spec->port, why))
		error = dataplane_attach(all->dataplane, &device, why);
	if (error) {
		trouble_set(attachment, why);
		/* Without a data plane there is nothing to repair: attachments_restart() comes. */
		attachment->broken = error != -EPIPE && error != -ETIMEDOUT;
		return error;
	}
	attachment->attached = true;
	attachment->broken = false;
	attachment->driver_runs = false;
	attachment->queue_pairs = spec->kind == KIND_VHOST_USER ? 0 : spec->queue_pairs;
	attachment->features = 0;
	attachment->pid = 0;
	attachment->workers = 0;
	attachment->cookie = device.cookie;
	attachment->attached_at = loop_now();
	attachment->trouble[0] = '\0';
	return 0;
}

/* Let go of a tap: it vanishes when the data plane has done so, too. */
static void interface_close(struct attachment *attachment)
{
	while (attachment->n_fds > 0)
		close(attachment->fds[--attachment->n_fds]);
}

static int interface_open(struct attachment *attachment, char ret_why[static NETDEV_WHY])
{
	const struct attachment_spec *spec = &attachment->spec;
	unsigned n = spec->kind == KIND_TAP ? spec->queue_pairs : 1;
	int error;

	if (spec->kind == KIND_DEVICE)
		error = netdev_open_device(spec->place, attachment->fds, ret_why);
	else
		error = netdev_open_tap(spec->place, n, attachment->fds, ret_why);
	if (error)
		return error;
	attachment->n_fds = n;
	if (spec->kind == KIND_TAP)
		error = netdev_configure(spec->place, spec->mtu, spec->mac, ret_why);
	if (error)
		interface_close(attachment);
	return error;
}

static void link_read(struct attachment *attachment)
{
	struct netdev_link link = netdev_look(attachment->spec.place);

	attachment->link_index = link.index;
	/* A tap that is not here was moved to another network namespace: its user looks after it. */
	attachment->link_up = link.up || (attachment->spec.kind == KIND_TAP && !link.index);
}

/* Attach the interface of a tap or device port, which is opened unless it still is. */
static void interface_try(void *user)
{
	struct attachment *attachment = user;
	char why[NETDEV_WHY];
	int error = attachment->n_fds ? 0 : interface_open(attachment, why);

	if (error) {
		attachment->broken = true;
		trouble_set(attachment, why);
	} else {
		error = attachment_give(attachment, attachment->fds, attachment->n_fds);
		/* A packet socket is opened anew each time: its interface may be another one then. */
		if (attachment->spec.kind == KIND_DEVICE)
			interface_close(attachment);
		link_read(attachment);
	}
	if (error && (attachment->broken || error == -EBUSY))
		attachment_again(attachment);
	attachment_tell(attachment);
}

static void guest_connected(void *user, int fd)
{
	struct attachment *attachment = user;
	int error = attachment_give(attachment, &fd, 1);

	close(fd);
	if (error)
		attachment_again(attachment);
	attachment_tell(attachment);
}

static void guest_not_yet(void *user, const char *why, bool broken)
{
	struct attachment *attachment = user;

	attachment->broken = broken;
	/* What the last session said stays: "connection refused" would hide it. */
	if (broken || !*why || !*attachment->session)
		trouble_set(attachment, why);
	attachment_tell(attachment);
}

/* ---- coming and going ---- */

/* Does the device that was found fit? Then it is this attachment's. */
static bool attachment_claim(struct attachment *attachment)
{
	struct attachments *all = attachment->all;
	struct channel_message *found;
	char why[DATAPLANE_WHY];

	if (!all->found)
		return false;
	found = &all->found[attachment->spec.port.id];
	if (!port_ref_equal(found->event.port, attachment->spec.port) ||
	    (found->event.cookie & ~0xffffULL) != attachment_digest(attachment))
		return false;
	attachment->attached = true;
	attachment->attached_at = loop_now();
	attachment->cookie = found->event.cookie;
	if ((uint16_t)found->event.cookie > all->count)
		all->count = (uint16_t)found->event.cookie;
	if (attachment->spec.kind != KIND_VHOST_USER)
		link_read(attachment);
	/* Without our own copies a tap would go if the data plane did: worth a line, no more. */
	if (attachment->spec.kind == KIND_TAP &&
	    dataplane_borrow(all->dataplane, attachment->spec.port, attachment->fds,
			     &attachment->n_fds, why))
		fprintf(stderr, "sluiced: port %s: its tap: %s\n", attachment->spec.name, why);
	attachments_event(all, found);
	found->event.port = PORT_NONE;
	return true;
}

/* Take what was found and does not fit out of the way. */
static void attachment_evict(struct attachment *attachment)
{
	struct attachments *all = attachment->all;
	struct port_ref port = attachment->spec.port;
	char why[DATAPLANE_WHY];

	if (!all->found || !port_ref_equal(all->found[port.id].event.port, port))
		return;
	all->found[port.id].event.port = PORT_NONE;
	if (dataplane_detach(all->dataplane, port, why))
		fprintf(stderr, "sluiced: port %s: its former device: %s\n", attachment->spec.name,
			why);
}

static void attachment_free(struct attachment *attachment, bool withdraw)
{
	loop_timer_cancel(&attachment->retry);
	guest_socket_destroy(attachment->socket, withdraw);
	interface_close(attachment);
	free((char *)(uintptr_t)attachment->spec.name);
	free((char *)(uintptr_t)attachment->spec.place);
	free(attachment);
}

static const struct guest_socket_ops guest_ops = {
	.connected = guest_connected,
	.not_yet = guest_not_yet,
};

static int attachment_create(struct attachments *all, const struct attachment_spec *spec,
			     struct attachment **ret_attachment)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));
	int error = -ENOMEM;

	if (!attachment)
		return -ENOMEM;
	attachment->all = all;
	attachment->spec = *spec;
	attachment->spec.name = strdup(spec->name);
	attachment->spec.place = strdup(spec->place);
	attachment->retry.expired = interface_try;
	attachment->retry.user = attachment;
	attachment->told.since = loop_now();
	if (!attachment->spec.name || !attachment->spec.place)
		goto free_attachment;
	if (spec->kind == KIND_VHOST_USER) {
		error = guest_socket_create(all->sockets, attachment->spec.place, spec->dials,
					    &guest_ops, attachment, &attachment->socket);
		if (error)
			goto free_attachment;
	}
	*ret_attachment = attachment;
	return 0;
free_attachment:
	attachment_free(attachment, false);
	return error;
}

/* Seek a device, as there is none. */
static void attachment_begin(struct attachment *attachment)
{
	if (attachment->socket)
		guest_socket_seek(attachment->socket, 0);
	else
		interface_try(attachment);
}

static void attachment_start(struct attachment *attachment)
{
	if (attachment->socket)
		guest_socket_stand(attachment->socket);
	if (!attachment_claim(attachment)) {
		attachment_evict(attachment);
		attachment_begin(attachment);
	}
	attachment_tell(attachment);
}

/* Can the device stay when the port's description becomes @spec? */
static bool spec_keeps_device(const struct attachment_spec *old, const struct attachment_spec *spec)
{
	return port_ref_equal(old->port, spec->port) && old->kind == spec->kind &&
	       old->dials == spec->dials && old->queue_pairs == spec->queue_pairs &&
	       !strcmp(old->place, spec->place);
}

/* The port stays as it is; what can change under a device that stays is brought in line. */
static void attachment_adjust(struct attachment *attachment, const struct attachment_spec *spec)
{
	bool same = attachment->spec.mtu == spec->mtu && attachment->spec.mac == spec->mac;
	char why[NETDEV_WHY];
	int error;

	attachment->spec.mtu = spec->mtu;
	attachment->spec.mac = spec->mac;
	if (same || spec->kind != KIND_TAP || !attachment->attached)
		return;
	error = netdev_configure(spec->place, spec->mtu, spec->mac, why);
	/* One that moved to another namespace is as its user makes it. */
	trouble_set(attachment, error && error != -ENODEV ? why : "");
	attachment_tell(attachment);
}

static void attachment_remove(struct attachments *all, uint16_t id, bool port_stays)
{
	struct attachment *attachment = all->by_id[id];
	char why[DATAPLANE_WHY];

	/* A port that left the policy has lost its device already. */
	if (attachment->attached && port_stays &&
	    dataplane_detach(all->dataplane, attachment->spec.port, why))
		fprintf(stderr, "sluiced: port %s: detach: %s\n", attachment->spec.name, why);
	all->by_id[id] = NULL;
	attachment_free(attachment, true);
}

int attachments_create(struct loop *loop, struct dataplane *dataplane, gid_t socket_group,
		       void (*changed)(void *user, const char *port,
				       const struct attachment_report *report),
		       void *user, struct attachments **ret_attachments)
{
	struct attachments *all = calloc(1, sizeof(*all));
	int error;

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->dataplane = dataplane;
	all->changed = changed;
	all->user = user;
	error = guest_sockets_create(loop, socket_group, &all->sockets);
	if (error) {
		free(all);
		return error;
	}
	*ret_attachments = all;
	return 0;
}

static void attachments_free_all(struct attachments *all, bool withdraw)
{
	for (unsigned id = 0; id < LIMIT_PORTS; id++) {
		if (all->by_id[id])
			attachment_free(all->by_id[id], withdraw);
		all->by_id[id] = NULL;
	}
}

void attachments_destroy(struct attachments *all)
{
	if (!all)
		return;
	attachments_free_all(all, false);
	guest_sockets_destroy(all->sockets);
	free(all->found);
	free(all);
}

void attachments_withdraw(struct attachments *all)
{
	attachments_free_all(all, true);
}

int attachments_adopt(struct attachments *all, char ret_why[static DATAPLANE_WHY])
{
	free(all->found);
	all->found = calloc(LIMIT_PORTS, sizeof(*all->found));
	if (!all->found) {
		snprintf(ret_why, DATAPLANE_WHY, "no memory");
		return -ENOMEM;
	}
	return dataplane_list(all->dataplane, ret_why);
}

/* What @n ports may need in the data plane: warn while there is time to do something about it. */
static void warn_of_limit(const struct attachment_spec *specs, unsigned n)
{
	/* of a session: its socket, its log; of a queue pair: two kicks, calls and error eventfds */
	enum { OWN = 64, SESSION = 4, QUEUE_PAIR = 6 };
	struct rlimit limit;
	uint64_t need = OWN;

	for (unsigned i = 0; i < n; i++)
		need += specs[i].kind == KIND_VHOST_USER
				? SESSION + (uint64_t)QUEUE_PAIR * specs[i].queue_pairs
				: specs[i].queue_pairs;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && need > limit.rlim_max)
		fprintf(stderr,
			"sluiced: %u ports need up to %llu file descriptors, the limit is %llu: "
			"raise it (LimitNOFILE=, ulimit -Hn) before the data plane starts\n",
			n, (unsigned long long)need, (unsigned long long)limit.rlim_max);
}

int attachments_apply(struct attachments *all, const struct attachment_spec *specs, unsigned n)
{
	const struct attachment_spec *wanted[LIMIT_PORTS] = {0};
	int error = 0;

	warn_of_limit(specs, n);
	for (unsigned i = 0; i < n; i++)
		wanted[specs[i].port.id] = &specs[i];
	/* First all that goes: what comes may need its sockets and interfaces. */
	for (uint16_t id = 0; id < LIMIT_PORTS; id++) {
		struct attachment *old = all->by_id[id];

		if (!old || (wanted[id] && spec_keeps_device(&old->spec, wanted[id])))
			continue;
		attachment_remove(all, id,
				  wanted[id] && port_ref_equal(old->spec.port, wanted[id]->port));
	}
	for (uint16_t id = 0; id < LIMIT_PORTS; id++) {
		int created = 0;

		if (!wanted[id])
			continue;
		if (all->by_id[id]) {
			attachment_adjust(all->by_id[id], wanted[id]);
			continue;
		}
		created = attachment_create(all, wanted[id], &all->by_id[id]);
		if (created)
			error = created;
		else
			attachment_start(all->by_id[id]);
	}
	/* What was found and nobody claimed is no port's: the policy took it away. */
	free(all->found);
	all->found = NULL;
	return error;
}

void attachments_event(struct attachments *all, const struct channel_message *event)
{
	struct port_ref port = event->event.port;
	struct attachment *attachment = all->by_id[port.id];

	if (!attachment) {
		if (all->found)
			all->found[port.id] = *event;
		return;
	}
	if (!attachment->attached || attachment->cookie != event->event.cookie ||
	    !port_ref_equal(port, attachment->spec.port))
		return;
	attachment->queue_pairs = event->event.queue_pairs;
	attachment->features = event->event.features;
	attachment->pid = (pid_t)event->event.pid;
	attachment->workers = event->event.workers;
	memcpy(attachment->copy, event->event.copy, sizeof(attachment->copy));
	attachment->copy[CHANNEL_COPY - 1] = '\0';
	attachment->driver_runs = event->event.state == CHANNEL_PORT_UP;
	if (*event->event.text || attachment->driver_runs)
		memcpy(attachment->session, event->event.text, sizeof(attachment->session));
	if (event->event.state == CHANNEL_PORT_CLOSED) {
		attachment->attached = false;
		interface_close(attachment);
		attachment_again(attachment);
	}
	attachment_tell(attachment);
}

/* Its interface came, went or changed. */
static void interface_changed(struct attachment *attachment)
{
	char why[DATAPLANE_WHY];
	int was = attachment->link_index;

	if (!attachment->attached) {
		attachment->retry_ms = 0;
		loop_timer_set(attachment->all->loop, &attachment->retry, 0);
		return;
	}
	link_read(attachment);
	if (attachment->spec.kind == KIND_DEVICE && attachment->link_index != was) {
		/* The socket stays bound to what is not there any more. */
		if (dataplane_detach(attachment->all->dataplane, attachment->spec.port, why))
			fprintf(stderr, "sluiced: port %s: detach: %s\n", attachment->spec.name,
				why);
		attachment->attached = false;
		interface_try(attachment);
		return;
	}
	attachment_tell(attachment);
}

void attachments_link_changed(struct attachments *all, const char *name)
{
	for (unsigned id = 0; id < LIMIT_PORTS; id++) {
		struct attachment *attachment = all->by_id[id];

		if (attachment && attachment->spec.kind != KIND_VHOST_USER &&
		    (!name || !strcmp(attachment->spec.place, name)))
			interface_changed(attachment);
	}
}

void attachments_restart(struct attachments *all)
{
	for (unsigned id = 0; id < LIMIT_PORTS; id++) {
		struct attachment *attachment = all->by_id[id];

		if (!attachment)
			continue;
		attachment->attached = false;
		attachment->broken = false;
		attachment->retry_ms = 0;
		attachment_begin(attachment);
		attachment_tell(attachment);
	}
}

bool attachments_report(const struct attachments *all, struct port_ref port,
			struct attachment_report *ret_report)
{
	const struct attachment *attachment = all->by_id[port.id];

	if (!attachment || !port_ref_equal(attachment->spec.port, port))
		return false;
	*ret_report = attachment->told;
	return true;
}
