/*
 * port_kinds - the kinds of ports, and how each is made from its fds.
 *
 * A maker takes the fds over in any case, puts them to work and gives back a
 * port that is ready to be published; port->ops->destroy() ends it. None looks
 * a name up or opens a file: what a port is made from was opened by the control
 * process.
 *
 * Threads. All functions belong to the control thread.
 */
#ifndef SWITCH_PORT_KINDS_H
#define SWITCH_PORT_KINDS_H

#include "switch/fault.h"
#include "switch/port.h"
#include "switch/uring.h"
#include "switch/worker_set.h"

/* What ports of the data plane share, and what they may ask for. */
struct port_house {
	struct worker_set *workers; /* who polls queues */
	struct uring_set *rings;    /* for I/O with the kernel */
	/* A guest has arrived from elsewhere: tell its network that @mac lives behind @port now. */
	void (*announce)(void *user, struct port_ref port, mac48 mac);
	/* What the guest did wrong, @n times more. */
	void (*blame)(void *user, struct port_ref port, enum fault kind, uint64_t n);
	void *user;
};

struct port_request {
	struct port_ref ref;
	const int *fds;
	unsigned n_fds;
	uint32_t queue_pairs;  /* vhost-user: at most */
	uint32_t mtu;	       /* vhost-user: the largest that the front-end may set */
	bool plain_copy;       /* vhost-user: no other way of copying is tried */
	atomic_uint *unclosed; /* vhost-user: counts files of the front-end that do not close */
};

/* Before the first port is made, and before the sandbox is closed. 0 or -errno. */
int port_vhost_prepare(void) __attribute__((warn_unused_result));

/* A vhost-user session on a connected socket; frames flow when the guest's driver runs. */
int port_vhost_create(const struct port_house *house, const struct port_request *request,
		      struct port **ret_port) __attribute__((warn_unused_result));

/*
 * A tap: one fd a queue pair, made with IFF_NO_PI and IFF_VNET_HDR, a header of
 * 12 bytes, and checksum and segmentation offloads switched on.
 */
int port_tap_create(const struct port_house *house, const struct port_request *request,
		    struct port **ret_port) __attribute__((warn_unused_result));

/*
 * An existing interface: a bound packet socket (SOCK_RAW) with PACKET_VNET_HDR,
 * PACKET_AUXDATA and PACKET_IGNORE_OUTGOING.
 */
int port_device_create(const struct port_house *house, const struct port_request *request,
		       struct port **ret_port) __attribute__((warn_unused_result));

/*
 * For a SIGBUS handler: true if @address was guest memory that its owner took
 * away; the access can be tried again, and the port's check() tells of its end.
 */
bool port_vhost_fault(void *address);

#endif
