/*
 * plane - see plane.h.
 */
#include "switch/plane.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "switch/pipeline.h"
#include "switch/port_kinds.h"
#include "switch/rate.h"
#include "switch/rcu.h"
#include "switch/worker_set.h"

enum {
	POLICY_SIZE_MAX = 1 << 30,
	POLICY_SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
	SERVE_EVENTS = 64,
	WORD = 64, /* bits of a word of the set of slots that wait to be told */
};

/* What the control thread knows of a slot of the port table. */
struct slot {
	struct port_ref ref; /* of the device, or of the last one */
	uint32_t kind;	     /* enum channel_kind */
	uint64_t cookie;
	bool writing; /* watched for writing, too */
	/* as it is to be told */
	enum channel_port_state state;
	uint32_t queue_pairs;
	uint32_t pid;
	uint32_t workers;
	uint64_t features;
	char copy[CHANNEL_COPY];
	char text[CHANNEL_TEXT];
};

struct plane {
	struct counters *counters;
	struct fdb *fdb;
	struct sessions *sessions;
	struct port_table table;
	const struct policy *_Atomic policy;
	size_t policy_size; /* of its mapping */
	int policy_fd;
	int epoll; /* ports' own fds; the port's id with each */
	uint32_t latency_us;

	struct worker_set workers;
	struct uring_set rings;
	struct pipeline *pipeline; /* the control thread's, for frames of our own */
	struct rate_table *rates;
	struct port_house house;
	uint64_t untold[LIMIT_PORTS / WORD];
	struct slot slots[LIMIT_PORTS];
};

/* Files of ports' front-ends that do not close (vhost.h); they may outlive the plane. */
static atomic_uint unclosed[LIMIT_PORTS];

static void announce(void *user, struct port_ref port, mac48 mac);
static void blame(void *user, struct port_ref port, enum fault kind, uint64_t n);

/* ---- life ---- */

int plane_create(const struct plane_options *options, struct plane **ret_plane)
{
	struct pipeline_options pipeline_options;
	int error = port_vhost_prepare();
	struct plane *plane;

	if (error)
		return error;
	plane = calloc(1, sizeof(*plane));
	if (!plane)
		return -ENOMEM;
	plane->counters = options->counters;
	plane->fdb = options->fdb;
	plane->sessions = options->sessions;
	plane->rings = *options->rings;
	plane->latency_us = options->latency_us;
	plane->workers.counters = options->counters;
	plane->policy_fd = -1;
	plane->house = (struct port_house){
		.workers = &plane->workers,
		.rings = &plane->rings,
		.announce = announce,
		.blame = blame,
		.user = plane,
	};
	plane->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (plane->epoll < 0) {
		error = -errno;
		goto free_plane;
	}
	error = rate_create(&plane->rates);
	if (error)
		goto close_epoll;
	pipeline_options = (struct pipeline_options){
		.ports = &plane->table,
		.counters = plane->counters,
		.writer = plane->counters->n_workers,
		.ring = plane->rings.n ? plane->rings.rings[plane->rings.n - 1] : NULL,
		.rates = plane->rates,
		.sessions = options->sessions,
	};
	error = pipeline_create(&pipeline_options, &plane->pipeline);
	if (error)
		goto destroy_rates;
	*ret_plane = plane;
	return 0;

destroy_rates:
	rate_destroy(plane->rates);
close_epoll:
	close(plane->epoll);
free_plane:
	free(plane);
	return error;
}

int plane_start_workers(struct plane *plane, const int *cpus, unsigned n_cpus)
{
	for (unsigned i = 0; i < n_cpus; i++) {
		struct worker_options options = {
			.index = i,
			.cpu = cpus[i],
			.latency_us = plane->latency_us,
			.counters = plane->counters,
			.ports = &plane->table,
			.policy = &plane->policy,
			.fdb = plane->fdb,
			.sessions = plane->sessions,
			.ring = plane->rings.n ? plane->rings.rings[i] : NULL,
			.rates = plane->rates,
		};
		int error = worker_create(&options, &plane->workers.workers[i]);

		if (error)
			return error;
		plane->workers.n++;
	}
	/* what is recent begins now */
	worker_set_balance(&plane->workers);
	return 0;
}

static struct port *port_at(const struct plane *plane, uint16_t id)
{
	return atomic_load_explicit(&plane->table.slots[id], memory_order_relaxed);
}

/* Take the device of slot @id away: unlink, wait, release. */
static void close_port(struct plane *plane, uint16_t id)
{
	struct port *port = port_at(plane, id);

	rcu_publish(&plane->table.slots[id], NULL);
	if (port->watch >= 0)
		epoll_ctl(plane->epoll, EPOLL_CTL_DEL, port->watch, NULL);
	rcu_synchronize();
	port->ops->destroy(port);
}

void plane_destroy(struct plane *plane)
{
	if (!plane)
		return;
	for (unsigned id = 0; id < LIMIT_PORTS; id++)
		if (port_at(plane, (uint16_t)id))
			close_port(plane, (uint16_t)id);
	for (unsigned i = 0; i < plane->workers.n; i++)
		worker_destroy(plane->workers.workers[i]);
	pipeline_destroy(plane->pipeline);
	rate_destroy(plane->rates);
	if (plane->policy_fd >= 0) {
		munmap((void *)plane->policy, plane->policy_size);
		close(plane->policy_fd);
	}
	close(plane->epoll);
	free(plane);
}

/* ---- events ---- */

static void tell(struct plane *plane, uint16_t id)
{
	plane->untold[id / WORD] |= 1ULL << id % WORD;
}

void plane_told(struct plane *plane, uint16_t id)
{
	plane->untold[id / WORD] &= ~(1ULL << id % WORD);
}

void plane_tell_all(struct plane *plane)
{
	for (unsigned id = 0; id < LIMIT_PORTS; id++)
		if (port_at(plane, (uint16_t)id))
			tell(plane, (uint16_t)id);
}

bool plane_next_event(const struct plane *plane, struct channel_message *ret_event)
{
	for (unsigned i = 0; i < LIMIT_PORTS / WORD; i++) {
		const struct slot *slot;

		if (!plane->untold[i])
			continue;
		slot = &plane->slots[i * WORD + (unsigned)__builtin_ctzll(plane->untold[i])];
		memset(ret_event, 0, sizeof(*ret_event));
		ret_event->type = CHANNEL_EVENT;
		ret_event->event.port = slot->ref;
		ret_event->event.kind = slot->kind;
		ret_event->event.state = slot->state;
		ret_event->event.queue_pairs = slot->queue_pairs;
		ret_event->event.pid = slot->pid;
		ret_event->event.workers = slot->workers;
		ret_event->event.cookie = slot->cookie;
		ret_event->event.features = slot->features;
		memcpy(ret_event->event.copy, slot->copy, CHANNEL_COPY);
		memcpy(ret_event->event.text, slot->text, CHANNEL_TEXT);
		return true;
	}
	return false;
}

/* Note how the port does, and that it is to be told if that is new. */
static void note_status(struct plane *plane, uint16_t id)
{
	struct slot *slot = &plane->slots[id];
	struct port *port = port_at(plane, id);
	struct port_status status;
	enum channel_port_state state;
	const char *copy;
	uint32_t workers = worker_set_serving(&plane->workers, id);

	port->ops->status(port, &status);
	copy = status.copy ? status.copy : "";
	state = status.up ? CHANNEL_PORT_UP : CHANNEL_PORT_WAITING;
	if (slot->state == state && slot->queue_pairs == status.queue_pairs &&
	    slot->workers == workers && slot->features == status.features &&
	    !strcmp(slot->copy, copy) && !strcmp(slot->text, status.text))
		return;
	slot->state = state;
	slot->queue_pairs = status.queue_pairs;
	slot->workers = workers;
	slot->features = status.features;
	snprintf(slot->copy, sizeof(slot->copy), "%s", copy);
	snprintf(slot->text, sizeof(slot->text), "%s", status.text);
	tell(plane, id);
}

/* The device of slot @id is gone for the reason @error, or one that it can say better. */
static void lose_port(struct plane *plane, uint16_t id, int error)
{
	struct slot *slot = &plane->slots[id];
	struct port *port = port_at(plane, id);
	struct port_status status;

	port->ops->status(port, &status);
	if (error == -ECONNRESET && !*status.text)
		status.text = "the front-end closed the connection";
	snprintf(slot->text, sizeof(slot->text), "%s",
		 *status.text ? status.text : strerrordesc_np(-error));
	slot->state = CHANNEL_PORT_CLOSED;
	slot->queue_pairs = 0;
	slot->workers = 0;
	slot->features = 0;
	close_port(plane, id);
	tell(plane, id);
}

/* ---- ports ---- */

int plane_fd(const struct plane *plane)
{
	return plane->epoll;
}

/* Watch the port's fd, for writing too if @writing. */
static int watch(struct plane *plane, uint16_t id, int operation, bool writing)
{
	struct epoll_event event = {
		.events = EPOLLIN | (writing ? EPOLLOUT : 0),
		.data.u32 = id,
	};

	plane->slots[id].writing = writing;
	return epoll_ctl(plane->epoll, operation, port_at(plane, id)->watch, &event) ? -errno : 0;
}

static void serve_port(struct plane *plane, uint16_t id)
{
	struct port *port = port_at(plane, id);
	int result = port->ops->serve(port);

	if (result >= 0 && (result > 0) != plane->slots[id].writing)
		result = watch(plane, id, EPOLL_CTL_MOD, result > 0);
	if (result < 0)
		lose_port(plane, id, result);
	else
		note_status(plane, id);
}

void plane_serve(struct plane *plane)
{
	struct epoll_event events[SERVE_EVENTS];
	int n = epoll_wait(plane->epoll, events, SERVE_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		uint16_t id = (uint16_t)events[i].data.u32;
		struct port *port = port_at(plane, id);

		/* an earlier event may have cost it its device, or brought it another */
		if (port && port->watch >= 0)
			serve_port(plane, id);
	}
}

void plane_check_ports(struct plane *plane)
{
	for (unsigned id = 0; id < LIMIT_PORTS; id++) {
		struct port *port = port_at(plane, (uint16_t)id);
		int error;

		if (!port)
			continue;
		error = port->ops->check(port);
		if (error < 0)
			lose_port(plane, (uint16_t)id, error);
		else
			note_status(plane, (uint16_t)id);
	}
}

void plane_tick(struct plane *plane, clock_ms now)
{
	worker_set_balance(&plane->workers);
	if (plane->policy_fd >= 0) {
		const struct policy *policy = plane_policy(plane, NULL);

		fdb_sweep(plane->fdb, policy, now);
		/* each place once in five seconds, at a tick a second */
		if (plane->sessions)
			session_sweep(plane->sessions, policy, LIMIT_SESSIONS / 5, now);
	}
	plane_check_ports(plane);
}

static int make_port(const struct plane *plane, const struct channel_message *request,
		     const int *fds, unsigned n_fds, struct port **ret_port)
{
	struct port_request wish = {
		.ref = request->attach.port,
		.fds = fds,
		.n_fds = n_fds,
		.queue_pairs = request->attach.queue_pairs,
		.mtu = request->attach.mtu,
		.unclosed = &unclosed[request->attach.port.id],
	};

	switch (request->attach.kind) {
	case KIND_VHOST_USER: return port_vhost_create(&plane->house, &wish, ret_port);
	case KIND_TAP: return port_tap_create(&plane->house, &wish, ret_port);
	case KIND_DEVICE: return port_device_create(&plane->house, &wish, ret_port);
	}
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
	return -EINVAL;
}

/* May the port have (another) device? */
static int check_attach(const struct plane *plane, struct port_ref ref, const char **ret_why)
{
	const struct policy *policy = plane_policy(plane, NULL);

	if (!policy || !policy_port(policy, ref)) {
		*ret_why = "the running policy has no such port";
		return -ENOENT;
	}
	if (port_at(plane, ref.id)) {
		*ret_why = "the port has a device already";
		return -EBUSY;
	}
	if (atomic_load(&unclosed[ref.id]) > 0) {
		*ret_why = "a file that the port's last front-end sent does not close";
		return -EBUSY;
	}
	return 0;
}

/* The process at the other end of a session, or 0. */
static uint32_t peer_pid(const struct port *port)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	if (port->watch < 0 || getsockopt(port->watch, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return 0;
	return peer.pid > 0 ? (uint32_t)peer.pid : 0;
}

/* Why a device could not be put to work, for people. */
static const char *attach_trouble(int error)
{
	switch (error) {
	case -EINVAL: return "the fds are not what this kind of port is made from";
	case -EMFILE:
	case -ENFILE:
		return "no more file descriptors: raise the limit of open files (LimitNOFILE=)";
	default: return "the device could not be put to work";
	}
}

int plane_attach(struct plane *plane, const struct channel_message *request, const int *fds,
		 unsigned n_fds, const char **ret_why)
{
	struct port_ref ref = request->attach.port;
	struct port *port;
	int error = check_attach(plane, ref, ret_why);

	if (error) {
		for (unsigned i = 0; i < n_fds; i++)
			close(fds[i]);
		return error;
	}
	/* what was said of an earlier port of the slot */
	plane->workers.allowed[ref.id] = 0;
	error = make_port(plane, request, fds, n_fds, &port);
	if (error) {
		*ret_why = attach_trouble(error);
		return error;
	}
	plane->slots[ref.id] = (struct slot){
		.ref = ref,
		.kind = request->attach.kind,
		.cookie = request->attach.cookie,
		.pid = peer_pid(port),
	};
	rcu_publish(&plane->table.slots[ref.id], port);
	error = port->watch < 0 ? 0 : watch(plane, ref.id, EPOLL_CTL_ADD, false);
	if (error) {
		*ret_why = "its socket cannot be watched";
		close_port(plane, ref.id);
		return error;
	}
	note_status(plane, ref.id);
	return 0;
}

int plane_detach(struct plane *plane, struct port_ref ref, const char **ret_why)
{
	struct port *port = ref.id < LIMIT_PORTS ? port_at(plane, ref.id) : NULL;

	if (!port || !port_ref_equal(port->ref, ref)) {
		*ret_why = "the port has no device";
		return -ENOENT;
	}
	close_port(plane, ref.id);
	plane_told(plane, ref.id);
	return 0;
}

int plane_place(struct plane *plane, struct port_ref ref, uint32_t workers, const char **ret_why)
{
	struct port *port = ref.id < LIMIT_PORTS ? port_at(plane, ref.id) : NULL;

	if (!port || !port_ref_equal(port->ref, ref)) {
		*ret_why = "the port has no device";
		return -ENOENT;
	}
	worker_set_place(&plane->workers, ref.id, workers);
	note_status(plane, ref.id);
	return 0;
}

int plane_lend(const struct plane *plane, struct port_ref ref, int ret_fds[CHANNEL_FDS],
	       const char **ret_why)
{
	const struct port *port = ref.id < LIMIT_PORTS ? port_at(plane, ref.id) : NULL;

	if (!port || !port_ref_equal(port->ref, ref)) {
		*ret_why = "the port has no device";
		return -ENOENT;
	}
	return port->ops->lend ? (int)port->ops->lend(port, ret_fds) : 0;
}

/* ---- policy ---- */

const struct policy *plane_policy(const struct plane *plane, int *ret_fd)
{
	if (ret_fd)
		*ret_fd = plane->policy_fd;
	return atomic_load_explicit(&plane->policy, memory_order_relaxed);
}

/* Map and check what may become the policy. */
static int map_policy(int fd, uint64_t size, const struct policy **ret_policy, const char **ret_why)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);
	void *blob;

	*ret_why = "the policy's memory is not sealed, or shorter than it says";
	if (seals < 0 || (seals & POLICY_SEALS) != POLICY_SEALS || fstat(fd, &status) ||
	    size > POLICY_SIZE_MAX || status.st_size < (off_t)size || size < sizeof(**ret_policy))
		return -EPROTO;
	blob = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (blob == MAP_FAILED) {
		*ret_why = "the policy cannot be mapped";
		return -errno;
	}
	if (policy_check(blob, size, ret_why)) {
		munmap(blob, size);
		return -EPROTO;
	}
	*ret_policy = blob;
	return 0;
}

/* Ports that @policy does not know lose their devices. */
static void close_strangers(struct plane *plane, const struct policy *policy)
{
	for (unsigned id = 0; id < LIMIT_PORTS; id++) {
		struct port *port = port_at(plane, (uint16_t)id);

		if (!port || policy_port(policy, port->ref))
			continue;
		close_port(plane, (uint16_t)id);
		plane_told(plane, (uint16_t)id);
	}
}

int plane_publish(struct plane *plane, int fd, uint64_t size, const char **ret_why)
{
	int old_fd;
	const struct policy *old = plane_policy(plane, &old_fd);
	const struct policy *policy = NULL;
	size_t old_size = plane->policy_size;
	int error = map_policy(fd, size, &policy, ret_why);

	if (error)
		return error;
	if (old && policy->generation <= old->generation) {
		*ret_why = "the policy is not newer than the running one";
		munmap((void *)policy, size);
		return -ESTALE;
	}
	/* workers that load the pointer from now on find the new policy, whole */
	rcu_publish(&plane->policy, policy);
	plane->policy_size = size;
	plane->policy_fd = fd;
	rcu_synchronize();
	close_strangers(plane, policy);
	if (old) {
		munmap((void *)old, old_size);
		close(old_fd);
	}
	return 0;
}

uint32_t plane_flush(struct plane *plane, uint16_t network, struct port_ref port)
{
	return fdb_flush(plane->fdb, network, port);
}

uint32_t plane_flush_sessions(struct plane *plane, uint16_t network, struct port_ref port)
{
	return plane->sessions ? session_flush(plane->sessions, network, port) : 0;
}

/*
 * A reverse ARP request for one's own address (RFC 903): what a hypervisor sends
 * for a guest that has moved, so that every bridge on the way learns where to.
 */
static void announce(void *user, struct port_ref port, mac48 mac)
{
	/* RARP; Ethernet, IPv4 and their sizes; request reverse */
	static const uint8_t request[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
	enum { SOURCE = 6, BODY = 12, SENDER = 22, TARGET = 32, SIZE = 60 };
	struct plane *plane = user;
	const struct policy *policy = plane_policy(plane, NULL);
	uint8_t frame[SIZE] = {0};
	struct timespec now;

	mac_store(MAC_BROADCAST, frame);
	mac_store(mac, frame + SOURCE);
	memcpy(frame + BODY, request, sizeof(request));
	mac_store(mac, frame + SENDER);
	mac_store(mac, frame + TARGET);
	clock_gettime(CLOCK_MONOTONIC, &now);
	pipeline_inject(plane->pipeline, policy, plane->fdb, port, frame, SIZE,
			(clock_ms)now.tv_sec * 1000 + (clock_ms)now.tv_nsec / 1000000);
}

static void blame(void *user, struct port_ref port, enum fault kind, uint64_t n)
{
	struct plane *plane = user;
	struct counters *counters = plane->counters;

	counter_add(&counters_own_row(counters, counters->n_workers, port)->faults[kind], n);
}
