/*
 * guest - see guest.h.
 */
#include "bench/guest.h"

#include <errno.h>
#include <linux/memfd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/device.h"
#include "tests/lib/check.h"
#include "tests/lib/clock.h"

enum { HUGE_PAGE = 2 << 20 };

/* One region of huge pages: what guest_memory_create() does with ordinary ones. */
static void create_huge(struct guest_memory *memory, uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	void *host;

	check(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "huge pages: %s", strerror(errno));
	host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(host != MAP_FAILED,
	      "%llu huge pages of 2 MiB are needed, more than are free: sysctl vm.nr_hugepages",
	      (unsigned long long)(size / HUGE_PAGE));
	*memory = (struct guest_memory){.n_regions = 1};
	memory->regions[0] = (struct guest_region){.size = size, .fd = fd, .host = host};
}

/*
 * Bytes from one buffer to the next: whole cache lines and an odd number of them,
 * so that the first lines of all buffers use all sets of a cache.
 */
static uint32_t stride(uint32_t bytes)
{
	return (((bytes + 63) / 64) | 1) * 64;
}

/* All buffers in their places, none of them shown. */
static void create_split(struct driver_ring *ring, const struct frontend_queue *queue, uint32_t len,
			 uint16_t flags)
{
	ring->desc = queue->ring.desc;
	ring->avail = queue->ring.avail;
	ring->used = queue->ring.used;
	/* Nobody waits for a call: the rings are polled (virtio 1.3, 2.7.7). */
	ring->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	for (uint16_t i = 0; i < ring->size; i++) {
		ring->desc[i] =
			(struct vring_desc){.addr = queue->slots[i], .len = len, .flags = flags};
		ring->avail->ring[i] = i;
	}
}

/* The three areas of a packed ring are where a split ring has its parts (virtio 1.3, 2.8). */
static void create_packed(struct driver_ring *ring, const struct frontend_queue *queue,
			  uint32_t len, uint16_t flags)
{
	struct vring_packed_desc_event *wish = (void *)queue->ring.avail;

	ring->packed = (void *)queue->ring.desc;
	ring->wish = (void *)queue->ring.used;
	ring->addresses = queue->slots;
	ring->words = calloc(ring->size, sizeof(*ring->words));
	ring->ids = calloc(ring->size, sizeof(*ring->ids));
	check(ring->words && ring->ids, "out of memory");
	wish->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	for (uint16_t i = 0; i < ring->size; i++) {
		ring->packed[i] = (struct vring_packed_desc){.addr = queue->slots[i]};
		ring->words[i] = len | (uint64_t)i << 32 | (uint64_t)flags << 48;
		ring->ids[i] = i;
	}
}

static void create_ring(struct guest *guest, struct driver_ring *ring, unsigned index, uint32_t len,
			uint16_t flags)
{
	const struct frontend_queue *queue = &guest->frontend.queues[index];

	*ring = (struct driver_ring){
		.buffers = calloc(queue->ring.size, sizeof(*ring->buffers)),
		.size = queue->ring.size,
		.kick = queue->ring.kick,
	};
	check(ring->buffers, "out of memory");
	for (uint16_t i = 0; i < ring->size; i++)
		ring->buffers[i] = guest_memory_at(&guest->memory, queue->slots[i], queue->buffer);
	if (guest->options.packed)
		create_packed(ring, queue, len, flags);
	else
		create_split(ring, queue, len, flags);
}

static void destroy_ring(struct driver_ring *ring)
{
	free(ring->buffers);
	free(ring->words);
	free(ring->ids);
}

void guest_create(struct guest *guest, const struct guest_options *options)
{
	uint64_t rx = stride(options->buffer), tx = stride(GUEST_HEADER + options->frame_max);
	uint64_t size = options->ring_size * (rx + tx + 128) + HUGE_PAGE;
	struct frontend_options frontend = {
		.features =
			(options->mergeable ? VU_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
			(options->event_idx ? VU_BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
			(options->packed ? VU_BIT(VIRTIO_F_RING_PACKED) : 0) |
			(options->tso ? FRONTEND_SEND_OFFLOADS | FRONTEND_RECEIVE_OFFLOADS : 0) |
			(options->in_order ? VU_BIT(VIRTIO_F_IN_ORDER) : 0),
		.protocol = VU_BIT(VU_PROTOCOL_MQ) | VU_BIT(VU_PROTOCOL_REPLY_ACK) |
			    VU_BIT(VU_PROTOCOL_STATUS),
		.manner = MANNER_VIRTIO_USER,
		.ring_size = options->ring_size,
		.rx_buffer = (uint32_t)rx,
		.tx_buffer = (uint32_t)tx,
		.memory = &guest->memory,
	};

	*guest = (struct guest){.options = *options, .device = {.fd = -1}};
	size = (size + 2 * HUGE_PAGE - 1) / (2 * HUGE_PAGE) * (2 * HUGE_PAGE);
	if (options->huge)
		create_huge(&guest->memory, size);
	else
		guest_memory_create(&guest->memory, GUEST_ONE, size);
	/* All pages are there before the first window begins. */
	memset(guest->memory.regions[0].host, 0, size);
	frontend_create(&guest->frontend, &frontend);
	/* A packed ring begins with its wrap counter set (virtio 1.3, 2.8.1). */
	for (unsigned i = 0; options->packed && i < guest->frontend.n_queues; i++)
		guest->frontend.bases[i] = 1 << VRING_PACKED_EVENT_F_WRAP_CTR;
	create_ring(guest, &guest->rx, 0, options->buffer, VRING_DESC_F_WRITE);
	create_ring(guest, &guest->tx, 1, GUEST_HEADER, 0);
	guest->rx.filled = guest->rx.size;
}

void guest_destroy(struct guest *guest)
{
	device_close(guest);
	destroy_ring(&guest->rx);
	destroy_ring(&guest->tx);
	frontend_destroy(&guest->frontend);
	guest_memory_destroy(&guest->memory);
}

static int create_socket(const char *path, struct sockaddr_un *ret_name)
{
	int fd;

	*ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_name->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret_name->sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int guest_listen(const char *path)
{
	struct sockaddr_un name;
	int fd = create_socket(path, &name);
	int error;

	if (fd < 0)
		return fd;
	/* What is left of an earlier run; never anything but a socket. */
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) && errno == ECONNREFUSED)
		unlink(path);
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 1) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* The switch may still be starting: try again until @limit_s is over. */
static int dial(const char *path, unsigned limit_s)
{
	uint64_t end = clock_now_ms() + limit_s * 1000ULL;
	struct sockaddr_un name;
	int fd = create_socket(path, &name);
	int error = 0;

	if (fd < 0)
		return fd;
	while (connect(fd, (struct sockaddr *)&name, sizeof(name))) {
		error = -errno;
		if ((error != -ENOENT && error != -ECONNREFUSED) || clock_now_ms() > end) {
			close(fd);
			return error;
		}
		clock_nap_us(20000);
	}
	return fd;
}

static int accept_one(int listener, unsigned limit_s)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
	int fd;

	if (poll(&poll_fd, 1, (int)limit_s * 1000) <= 0)
		return -ETIMEDOUT;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Does the switch offer what the guest cannot do without? */
static bool can_all(const struct guest *guest)
{
	const uint64_t tso = FRONTEND_SEND_OFFLOADS | FRONTEND_RECEIVE_OFFLOADS;
	uint64_t wanted = (guest->options.packed ? VU_BIT(VIRTIO_F_RING_PACKED) : 0) |
			  (guest->options.tso ? tso & ~VU_BIT(VIRTIO_NET_F_HOST_ECN) &
							~VU_BIT(VIRTIO_NET_F_GUEST_ECN)
					      : 0);

	return (wanted & ~guest->frontend.features_offered) == 0;
}

int guest_connect(struct guest *guest, const char *path, int listener, unsigned limit_s)
{
	struct frontend *frontend = &guest->frontend;
	int fd, error;

	if (guest->options.side != GUEST_VHOST) {
		error = device_open(guest, path);
		if (!error)
			driver_publish(&guest->rx);
		return error;
	}
	fd = listener >= 0 ? accept_one(listener, limit_s) : dial(path, limit_s);
	if (fd < 0)
		return fd;
	frontend->socket = fd;
	error = frontend_handshake(frontend);
	if (!error && !can_all(guest))
		error = -EPROTONOSUPPORT;
	if (!error)
		error = frontend_start(frontend);
	if (error)
		return error;
	guest->mergeable = frontend->features >> VIRTIO_NET_F_MRG_RXBUF & 1;
	guest->rx.event_idx = guest->tx.event_idx =
		frontend->features >> VIRTIO_RING_F_EVENT_IDX & 1;
	guest->rx.in_order = guest->tx.in_order = frontend->features >> VIRTIO_F_IN_ORDER & 1;
	driver_publish(&guest->rx);
	return 0;
}
