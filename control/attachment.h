/*
 * attachment - what a port is made of, kept in the state that the configuration
 * wants: a guest's socket, a tap, a kernel interface.
 *
 * For each port of the running policy there is one attachment. It opens what is
 * needed, gives the file descriptors to the data plane, and tries again when
 * something is missing: an interface that appears, a socket that a guest makes,
 * a guest that comes back. Nothing of that can fail a commit; it shows as the
 * port's state and a sentence.
 *
 *   vhost-user, server   listens; one session at a time, later ones wait in the
 *                        backlog; accepts again when a session has ended
 *   vhost-user, client   dials, whenever the socket appears (inotify) and from
 *                        time to time
 *   tap                  made and configured; vanishes with the port
 *   device               a packet socket; followed when its interface goes,
 *                        comes back or is another one of the same name
 *
 * The data plane holds the descriptors (of taps we keep copies: a tap, and the
 * namespace it was moved to, outlive a data plane that dies). After a restart of
 * the control process, attachments_adopt() finds what is attached already, by a
 * cookie that says what it was made from, and keeps it untouched.
 */
#ifndef CONTROL_ATTACHMENT_H
#define CONTROL_ATTACHMENT_H

#include <sys/types.h>

#include "control/dataplane.h"
#include "control/loop.h"

enum attachment_state {
	ATTACHMENT_WAITING, /* no guest, or its driver does not run */
	ATTACHMENT_UP,
	ATTACHMENT_DOWN,   /* the interface is there but not up */
	ATTACHMENT_FAILED, /* cannot be opened; tried again */
};

/* The word that users see. */
const char *attachment_state_word(enum attachment_state state);

struct attachment_spec {
	struct port_ref port;
	const char *name; /* of the port */
	enum channel_kind kind;
	bool dials;	   /* vhost-user: mode client */
	const char *place; /* absolute path of the socket, or the interface's name */
	unsigned queue_pairs;
	uint32_t mtu;
	mac48 mac; /* tap: the interface's own address; 0: the kernel's choice */
};

struct attachment_report {
	enum attachment_state state;
	clock_ms since;		 /* in this state */
	unsigned queue_pairs;	 /* running */
	uint64_t features;	 /* vhost-user: virtio features in use */
	uint64_t cookie;	 /* of the device that is attached; 0: none */
	pid_t pid;		 /* vhost-user: of the front-end; 0: not known */
	uint32_t workers;	 /* that serve it, a bit each */
	char copy[CHANNEL_COPY]; /* vhost-user: how frames are copied to the guest, or "" */
	char text[CHANNEL_TEXT]; /* the last thing worth telling, or "" */
};

struct attachments;

/* @changed is called when the state or text of a port changes, from anywhere in here. */
int attachments_create(struct loop *loop, struct dataplane *dataplane, gid_t socket_group,
		       void (*changed)(void *user, const char *port,
				       const struct attachment_report *report),
		       void *user, struct attachments **ret_attachments)
	__attribute__((warn_unused_result));

/* Forget them all: what the data plane has it keeps, sockets' paths stay. NULL is fine. */
void attachments_destroy(struct attachments *attachments);

/* The switch stops: remove the sockets that guests would find. */
void attachments_withdraw(struct attachments *attachments);

/* Ask the data plane what it has; the next attachments_apply() keeps what fits and takes away the rest. */
int attachments_adopt(struct attachments *attachments, char ret_why[static DATAPLANE_WHY])
	__attribute__((warn_unused_result));

/* From now on these @n ports exist, and no others. -ENOMEM leaves out those that had no room. */
int attachments_apply(struct attachments *attachments, const struct attachment_spec *specs,
		      unsigned n) __attribute__((warn_unused_result));

/* News from the data plane, the kernel, and that there is a new data plane, with the policy published. */
void attachments_event(struct attachments *attachments, const struct channel_message *event);
void attachments_link_changed(struct attachments *attachments, const char *name);
void attachments_restart(struct attachments *attachments);

/* How @port is. False: there is no such port. */
bool attachments_report(const struct attachments *attachments, struct port_ref port,
			struct attachment_report *ret_report);

#endif
