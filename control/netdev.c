/*
 * netdev - see netdev.h.
 */
#include "control/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Put a sentence into @why; returns @error, for `return fail(...)`. */
__attribute__((format(printf, 3, 4))) static int fail(char *why, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, NETDEV_WHY, format, arguments);
	va_end(arguments);
	return error;
}

/* libnl's errors as errno, as far as anybody here asks for them. */
static int nl_errno(int nl_error)
{
	switch (-nl_error) {
	case 0: return 0;
	case NLE_NODEV: return -ENODEV;
	case NLE_OBJ_NOTFOUND: return -ENODEV;
	case NLE_PERM: return -EPERM;
	case NLE_NOMEM: return -ENOMEM;
	case NLE_BUSY: return -EBUSY;
	case NLE_INVAL: return -EINVAL;
	case NLE_RANGE: return -ERANGE;
	default: return -EIO;
	}
}

static int route_open(struct nl_sock **ret_socket)
{
	struct nl_sock *socket = nl_socket_alloc();
	int error;

	if (!socket)
		return -ENOMEM;
	error = nl_connect(socket, NETLINK_ROUTE);
	if (error) {
		nl_socket_free(socket);
		return nl_errno(error);
	}
	*ret_socket = socket;
	return 0;
}

/* What makes @link as it shall be (@mtu, @mac 0: as it is), and up; NULL in *@ret_change: it is. */
static int link_difference(struct rtnl_link *link, uint32_t mtu, mac48 mac,
			   struct rtnl_link **ret_change)
{
	struct rtnl_link *change = rtnl_link_alloc();
	uint8_t bytes[ETH_ALEN];
	struct nl_addr *wanted;
	bool differs = false;

	mac_store(mac, bytes);
	wanted = nl_addr_build(AF_LLC, bytes, sizeof(bytes));
	if (!change || !wanted) {
		rtnl_link_put(change);
		nl_addr_put(wanted);
		return -ENOMEM;
	}
	if (mtu && rtnl_link_get_mtu(link) != mtu) {
		rtnl_link_set_mtu(change, mtu);
		differs = true;
	}
	if (mac && nl_addr_cmp(rtnl_link_get_addr(link), wanted)) {
		rtnl_link_set_addr(change, wanted);
		differs = true;
	}
	if (!(rtnl_link_get_flags(link) & IFF_UP)) {
		rtnl_link_set_flags(change, IFF_UP);
		differs = true;
	}
	nl_addr_put(wanted);
	if (!differs) {
		rtnl_link_put(change);
		change = NULL;
	}
	*ret_change = change;
	return 0;
}

int netdev_configure(const char *name, uint32_t mtu, mac48 mac, char ret_why[static NETDEV_WHY])
{
	struct nl_sock *socket;
	struct rtnl_link *link = NULL, *change = NULL;
	int error = route_open(&socket);

	if (error)
		return fail(ret_why, error, "netlink: %s", strerror(-error));
	error = nl_errno(rtnl_link_get_kernel(socket, 0, name, &link));
	if (error) {
		fail(ret_why, error, "there is no interface %s", name);
		goto close_socket;
	}
	error = link_difference(link, mtu, mac, &change);
	if (!error && change)
		error = nl_errno(rtnl_link_change(socket, link, change, 0));
	if (error)
		fail(ret_why, error, "interface %s: mtu, address and up: %s", name,
		     strerror(-error));
	rtnl_link_put(change);
	rtnl_link_put(link);
close_socket:
	nl_socket_free(socket);
	return error;
}

struct netdev_link netdev_look(const char *name)
{
	struct netdev_link look = {0};
	struct nl_sock *socket;
	struct rtnl_link *link;

	if (route_open(&socket))
		return look;
	if (!rtnl_link_get_kernel(socket, 0, name, &link)) {
		unsigned flags = rtnl_link_get_flags(link);

		look.index = rtnl_link_get_ifindex(link);
		look.up = flags & IFF_UP && flags & IFF_RUNNING;
		rtnl_link_put(link);
	}
	nl_socket_free(socket);
	return look;
}

static int tap_open_queue(const char *name, bool multi_queue, int *ret_fd,
			  char ret_why[static NETDEV_WHY])
{
	struct ifreq request = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
				     (multi_queue ? IFF_MULTI_QUEUE : 0)),
	};
	int header = sizeof(struct virtio_net_hdr_v1);
	unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int error;

	if (fd < 0)
		return fail(ret_why, -errno, "/dev/net/tun: %s", strerror(errno));
	memcpy(request.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &request)) {
		error = -errno;
		if (error == -EBUSY)
			fail(ret_why, error, "tap %s is in use by another program", name);
		else if (error == -EINVAL)
			fail(ret_why, error, "%s exists already and is not such a tap", name);
		else if (error == -EPERM)
			fail(ret_why, error,
			     "tap %s: not permitted to make it (needs CAP_NET_ADMIN)", name);
		else
			fail(ret_why, error, "tap %s: %s", name, strerror(-error));
		goto close_fd;
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) || ioctl(fd, TUNSETOFFLOAD, offloads)) {
		error = fail(ret_why, -errno, "tap %s: offloads: %s", name, strerror(errno));
		goto close_fd;
	}
	*ret_fd = fd;
	return 0;
close_fd:
	close(fd);
	return error;
}

int netdev_open_tap(const char *name, unsigned n_queues, int *ret_fds,
		    char ret_why[static NETDEV_WHY])
{
	int fds[LIMIT_QUEUE_PAIRS];
	unsigned n = 0;
	int error;

	if (strlen(name) >= IFNAMSIZ)
		return fail(ret_why, -EINVAL, "tap %s: an interface name has at most %d letters",
			    name, IFNAMSIZ - 1);
	for (; n < n_queues; n++) {
		error = tap_open_queue(name, n_queues > 1, &fds[n], ret_why);
		if (error)
			goto close_queues;
	}
	memcpy(ret_fds, fds, n_queues * sizeof(*fds));
	return 0;
close_queues:
	while (n > 0)
		close(fds[--n]);
	return error;
}

static int packet_configure(int fd, int index)
{
	const int on = 1;
	struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = index,
	};

	/* The options stand before bind(): no frame arrives without them. */
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		return -errno;
	return 0;
}

int netdev_open_device(const char *name, int *ret_fd, char ret_why[static NETDEV_WHY])
{
	int index = netdev_look(name).index;
	int error, fd;

	if (!index)
		return fail(ret_why, -ENODEV, "there is no interface %s", name);
	/* Protocol 0: nothing is received until bind() says from where. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(ret_why, -errno, "interface %s: packet socket: %s%s", name,
			    strerror(errno), errno == EPERM ? " (needs CAP_NET_RAW)" : "");
	error = packet_configure(fd, index);
	if (error) {
		fail(ret_why, error, "interface %s: packet socket: %s", name, strerror(-error));
		goto close_fd;
	}
	error = netdev_configure(name, 0, 0, ret_why);
	if (error)
		goto close_fd;
	*ret_fd = fd;
	return 0;
close_fd:
	close(fd);
	return error;
}

struct netdev_monitor {
	struct loop_watch watch;
	struct nl_sock *socket;
	void (*changed)(void *user, const char *name);
	void *user;
};

static void monitor_take_link(struct nl_object *object, void *user)
{
	struct netdev_monitor *monitor = user;
	const char *name = NULL;

	if (!strcmp(nl_object_get_type(object), "route/link"))
		name = rtnl_link_get_name((struct rtnl_link *)object);
	if (name)
		monitor->changed(monitor->user, name);
}

static int monitor_take_message(struct nl_msg *message, void *user)
{
	/* One that cannot be read is like one that was lost. */
	if (nl_msg_parse(message, monitor_take_link, user)) {
		struct netdev_monitor *monitor = user;

		monitor->changed(monitor->user, NULL);
	}
	return NL_OK;
}

static void monitor_ready(void *user, uint32_t events)
{
	struct netdev_monitor *monitor = user;
	int error = nl_recvmsgs_default(monitor->socket);

	/* The kernel had more news than the socket had room for. */
	if (error == -NLE_NOMEM || error == -NLE_MSG_OVERFLOW)
		monitor->changed(monitor->user, NULL);
}

int netdev_monitor_create(struct loop *loop, void (*changed)(void *user, const char *name),
			  void *user, struct netdev_monitor **ret_monitor)
{
	struct netdev_monitor *monitor = calloc(1, sizeof(*monitor));
	int error;

	if (!monitor)
		return -ENOMEM;
	monitor->changed = changed;
	monitor->user = user;
	monitor->watch.ready = monitor_ready;
	monitor->watch.user = monitor;
	error = route_open(&monitor->socket);
	if (error)
		goto free_monitor;
	nl_socket_disable_seq_check(monitor->socket);
	nl_socket_modify_cb(monitor->socket, NL_CB_VALID, NL_CB_CUSTOM, monitor_take_message,
			    monitor);
	error = nl_errno(nl_socket_add_memberships(monitor->socket, RTNLGRP_LINK, 0));
	if (error)
		goto free_socket;
	error = nl_errno(nl_socket_set_nonblocking(monitor->socket));
	if (error)
		goto free_socket;
	error = loop_watch(loop, &monitor->watch, nl_socket_get_fd(monitor->socket), EPOLLIN);
	if (error)
		goto free_socket;
	*ret_monitor = monitor;
	return 0;
free_socket:
	nl_socket_free(monitor->socket);
free_monitor:
	free(monitor);
	return error;
}

void netdev_monitor_destroy(struct netdev_monitor *monitor)
{
	if (!monitor)
		return;
	loop_unwatch(&monitor->watch);
	nl_socket_free(monitor->socket);
	free(monitor);
}
