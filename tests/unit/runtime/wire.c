/*
 * wire - see wire.h.
 */
#include "tests/unit/runtime/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"

enum { TAG = 4, ADDRESSES = 12 };

bool wire_enter(void)
{
	int fd;

	if (unshare(CLONE_NEWNET))
		return false;
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
	if (fd >= 0) {
		check(write(fd, "1", 1) == 1, "disable_ipv6: %s", strerror(errno));
		close(fd);
	}
	return access("/dev/net/tun", R_OK | W_OK) == 0;
}

static void set_up(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = 0};

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	check(ioctl(fd, SIOCGIFFLAGS, &request) == 0, "%s: %s", name, strerror(errno));
	request.ifr_flags |= IFF_UP;
	check(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "%s: %s", name, strerror(errno));
	close(fd);
}

void wire_tap(const char *name, unsigned n_queues, int *ret_fds)
{
	const unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = sizeof(struct virtio_net_hdr_v1);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	if (n_queues > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	for (unsigned i = 0; i < n_queues; i++) {
		int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

		check(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0, "tap: %s", strerror(errno));
		check(ioctl(fd, TUNSETVNETHDRSZ, &header) == 0, "tap: %s", strerror(errno));
		check(ioctl(fd, TUNSETOFFLOAD, offloads) == 0, "tap: %s", strerror(errno));
		ret_fds[i] = fd;
	}
	set_up(name);
}

/* Does the interface send? It drops what it gets until the kernel has seen that its peer is up. */
static bool sends(const char *name)
{
	static const uint8_t probe[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	bool sent = sendto(fd, probe, sizeof(probe), 0, (struct sockaddr *)&address,
			   sizeof(address)) == sizeof(probe);

	close(fd);
	return sent;
}

void wire_veth(const char *name, const char *peer)
{
	char command[128];

	snprintf(command, sizeof(command), "ip link add %s type veth peer name %s", name, peer);
	check(system(command) == 0, "%s", command);
	set_up(name);
	set_up(peer);
	check(clock_await(CLOCK_PATIENCE_MS, sends(name) && sends(peer)), "%s: %s", name,
	      strerror(errno));
}

static void set_option(int fd, int option, int value)
{
	check(setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0, "option %d: %s",
	      option, strerror(errno));
}

int wire_device(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0, "packet socket: %s", strerror(errno));
	set_option(fd, PACKET_VNET_HDR, 1);
	set_option(fd, PACKET_AUXDATA, 1);
	set_option(fd, PACKET_IGNORE_OUTGOING, 1);
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind: %s",
	      strerror(errno));
	return fd;
}

int wire_far(const char *name)
{
	return wire_device(name);
}

void wire_send(int far, const struct virtio_net_hdr *hdr, const uint8_t *frame, uint32_t len)
{
	static const struct virtio_net_hdr plain;
	struct iovec pieces[] = {
		{(void *)(hdr ? hdr : &plain), sizeof(*hdr)},
		{(void *)frame, len},
	};
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

	check(sendmsg(far, &message, 0) == (ssize_t)(sizeof(*hdr) + len), "sendmsg: %s",
	      strerror(errno));
}

/* Put the tag that the kernel took off back; the new length. */
static uint32_t put_tag_back(struct msghdr *message, uint8_t *frame, uint32_t len)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);
	struct tpacket_auxdata beside;

	if (!cmsg || cmsg->cmsg_type != PACKET_AUXDATA)
		return len;
	memcpy(&beside, CMSG_DATA(cmsg), sizeof(beside));
	if (!(beside.tp_status & TP_STATUS_VLAN_VALID))
		return len;
	memmove(frame + ADDRESSES + TAG, frame + ADDRESSES, len - ADDRESSES);
	frame[ADDRESSES] = (uint8_t)(beside.tp_vlan_tpid >> 8);
	frame[ADDRESSES + 1] = (uint8_t)beside.tp_vlan_tpid;
	frame[ADDRESSES + 2] = (uint8_t)(beside.tp_vlan_tci >> 8);
	frame[ADDRESSES + 3] = (uint8_t)beside.tp_vlan_tci;
	return len + TAG;
}

uint32_t wire_receive(int far, uint8_t *frame, uint32_t size, struct virtio_net_hdr *ret_hdr)
{
	struct virtio_net_hdr hdr;
	struct iovec pieces[] = {{&hdr, sizeof(hdr)}, {frame, size - TAG}};
	char beside[256] __attribute__((aligned(16)));
	struct msghdr message = {
		.msg_iov = pieces,
		.msg_iovlen = 2,
		.msg_control = beside,
		.msg_controllen = sizeof(beside),
	};
	struct pollfd arrival = {.fd = far, .events = POLLIN};
	ssize_t got;

	if (poll(&arrival, 1, CLOCK_PATIENCE_MS) != 1)
		return 0;
	got = recvmsg(far, &message, 0);
	check(got > (ssize_t)(sizeof(hdr) + ADDRESSES), "recvmsg: %s", strerror(errno));
	if (ret_hdr)
		*ret_hdr = hdr;
	return put_tag_back(&message, frame, (uint32_t)got - (uint32_t)sizeof(hdr));
}

bool wire_is_silent(int far)
{
	struct pollfd arrival = {.fd = far, .events = POLLIN};

	return poll(&arrival, 1, 0) == 0;
}
