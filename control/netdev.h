/*
 * netdev - the kernel's network interfaces, for the ports that are made of them.
 *
 * Opens taps (/dev/net/tun) and packet sockets, configures links by netlink,
 * and tells when a link comes, goes or changes. The file descriptors are handed
 * to the data plane: a tap lives as long as one of them is open, whoever holds
 * it, in whatever network namespace its user has moved it to.
 *
 * Functions that fail say why in a sentence, for the user to read.
 */
#ifndef CONTROL_NETDEV_H
#define CONTROL_NETDEV_H

#include "control/loop.h"
#include "switch/limits.h"
#include "switch/types.h"

enum { NETDEV_WHY = 160 };

/*
 * Make the tap @name with @n_queues queues, or join a persistent one, with a
 * virtio-net header of 12 bytes (virtio 1.3, 5.1.6: struct virtio_net_hdr_v1)
 * and offloads on. @ret_fds: one a queue, non-blocking and close-on-exec. It is
 * down unless it was up before.
 */
int netdev_open_tap(const char *name, unsigned n_queues, int *ret_fds,
		    char ret_why[static NETDEV_WHY]) __attribute__((warn_unused_result));

/* A packet socket that sees all of interface @name, with a virtio-net header; the link is taken up. */
int netdev_open_device(const char *name, int *ret_fd, char ret_why[static NETDEV_WHY])
	__attribute__((warn_unused_result));

/*
 * Give an interface an MTU and an Ethernet address (0: the one it has), and take
 * it up. -ENODEV if it is not in this network namespace.
 */
int netdev_configure(const char *name, uint32_t mtu, mac48 mac, char ret_why[static NETDEV_WHY])
	__attribute__((warn_unused_result));

struct netdev_link {
	int index; /* 0: there is none */
	bool up;   /* administratively, and with a carrier */
};

/* How an interface is now. All zero if there is none of that name. */
struct netdev_link netdev_look(const char *name);

/* Call @changed from the loop with the name of each link that came, went or changed; NULL: any may have. */
struct netdev_monitor;
int netdev_monitor_create(struct loop *loop, void (*changed)(void *user, const char *name),
			  void *user, struct netdev_monitor **ret_monitor)
	__attribute__((warn_unused_result));
void netdev_monitor_destroy(struct netdev_monitor *monitor); /* NULL is fine */

#endif
