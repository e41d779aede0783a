/*
 * device - see device.h.
 */
#include "bench/device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	HEADER = sizeof(struct virtio_net_hdr), /* on this way it has no count of buffers */
	BURST = 64,
	SOCKET_BYTES = 64 << 20, /* what a socket may hold, both ways */
	FORGIVE_NS = 5000000,	 /* what did not arrive for so long is lost */
};

static int open_tap(const struct guest *guest, const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned offload = guest->options.tso ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &request) == 0 && ioctl(fd, TUNSETOFFLOAD, offload) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int open_packet(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;
	const int one = 1, room = SOCKET_BYTES;

	if (fd < 0)
		return -errno;
	/* Large socket buffers and no queueing discipline are welcome, not needed. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/*
 * Up, and with an address that no frame is sent to: what arrives is for the packet socket, this
 * host's own stack need not look at it.
 */
static int bring_up(const char *name)
{
	const unsigned char address[] = {0x02, 0x0e, 0, 0, 0, (unsigned char)if_nametoindex(name)};
	struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	memcpy(request.ifr_hwaddr.sa_data, address, sizeof(address));
	if (ioctl(fd, SIOCSIFHWADDR, &request) || ioctl(fd, SIOCGIFFLAGS, &request))
		error = -errno;
	request.ifr_flags |= IFF_UP;
	if (!error && ioctl(fd, SIOCSIFFLAGS, &request))
		error = -errno;
	close(fd);
	return error;
}

int device_open(struct guest *guest, const char *name)
{
	int fd = guest->options.side == GUEST_TAP ? open_tap(guest, name) : open_packet(name);
	int error = fd < 0 ? fd : bring_up(name);

	if (error) {
		if (fd >= 0)
			close(fd);
		return error;
	}
	guest->device = (struct guest_device){.fd = fd};
	/* Nobody listens for kicks (virtio 1.3, 2.7.10). */
	guest->rx.used->flags = guest->tx.used->flags = VRING_USED_F_NO_NOTIFY;
	return 0;
}

void device_close(struct guest *guest)
{
	if (guest->options.side != GUEST_VHOST && guest->device.fd >= 0)
		close(guest->device.fd);
	guest->device.fd = -1;
}

/* Of a buffer that begins with the longer header of virtio 1: the shorter one, and the frame. */
static void cut(struct iovec parts[2], uint8_t *buffer, uint32_t len)
{
	parts[0] = (struct iovec){buffer, HEADER};
	parts[1] = (struct iovec){buffer + GUEST_HEADER, len - GUEST_HEADER};
}

/* Up to @n frames at once from a packet socket or to it, or one by one where it is a tap: how many. */
static unsigned move(const struct guest *guest, struct mmsghdr *messages, unsigned n, bool out)
{
	int fd = guest->device.fd;
	unsigned i;

	if (guest->options.side == GUEST_PACKET) {
		int done = out ? sendmmsg(fd, messages, n, 0) : recvmmsg(fd, messages, n, 0, NULL);

		return done < 0 ? 0 : (unsigned)done;
	}
	for (i = 0; i < n; i++) {
		const struct iovec *parts = messages[i].msg_hdr.msg_iov;
		ssize_t bytes = out ? writev(fd, parts, 2) : readv(fd, parts, 2);

		if (bytes < 0)
			break;
		messages[i].msg_len = (unsigned)bytes;
	}
	return i;
}

/* The next @n chains of @ring that the device has not seen, as messages. */
static void gather(const struct driver_ring *ring, uint16_t seen, unsigned n,
		   struct mmsghdr messages[BURST], struct iovec parts[BURST][2])
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t id = ring->avail->ring[driver_place(ring, (uint16_t)(seen + i))];

		cut(parts[i], ring->buffers[id], ring->desc[id].len);
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = parts[i], .msg_iovlen = 2}};
	}
}

/* The first @n chains that were not given back are. */
static void give_back(struct driver_ring *ring, unsigned n)
{
	uint16_t used = ring->used->idx;

	for (unsigned i = 0; i < n; i++, used++) {
		uint16_t id = ring->avail->ring[driver_place(ring, used)];

		ring->used->ring[driver_place(ring, used)] = (struct vring_used_elem){.id = id};
	}
	ring->used->idx = used;
}

static void send_some(struct guest *from)
{
	struct guest_device *device = &from->device;
	unsigned n = (uint16_t)(from->tx.published - device->tx_seen);
	unsigned under_way = (uint16_t)(device->tx_seen - from->tx.used->idx);
	struct iovec parts[BURST][2];
	struct mmsghdr messages[BURST];

	n = n < BURST ? n : BURST;
	if (n > DEVICE_WINDOW - under_way)
		n = DEVICE_WINDOW - under_way;
	if (n == 0)
		return;
	gather(&from->tx, device->tx_seen, n, messages, parts);
	n = move(from, messages, n, true);
	device->tx_seen = (uint16_t)(device->tx_seen + n);
}

static unsigned receive_some(struct guest *to)
{
	struct guest_device *device = &to->device;
	unsigned n = (uint16_t)(to->rx.published - device->rx_seen);
	struct iovec parts[BURST][2];
	struct mmsghdr messages[BURST];

	n = n < BURST ? n : BURST;
	if (n == 0)
		return 0;
	gather(&to->rx, device->rx_seen, n, messages, parts);
	n = move(to, messages, n, false);
	for (unsigned i = 0; i < n; i++) {
		unsigned place = driver_place(&to->rx, device->rx_seen++);

		to->rx.used->ring[place] = (struct vring_used_elem){
			.id = to->rx.avail->ring[place],
			.len = messages[i].msg_len + GUEST_HEADER - HEADER,
		};
	}
	to->rx.used->idx = device->rx_seen;
	return n;
}

void device_serve(struct guest guests[2], uint64_t now_ns)
{
	for (unsigned i = 0; i < 2; i++) {
		struct guest *from = &guests[i], *to = &guests[1 - i];
		unsigned under_way, arrived;

		send_some(from);
		arrived = receive_some(to);
		under_way = (uint16_t)(from->device.tx_seen - from->tx.used->idx);
		if (arrived || !under_way)
			from->device.heard_ns = now_ns;
		else if (now_ns > from->device.heard_ns + FORGIVE_NS)
			arrived = under_way;
		give_back(&from->tx, arrived < under_way ? arrived : under_way);
	}
}
