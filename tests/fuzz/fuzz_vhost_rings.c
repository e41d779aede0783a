/*
 * fuzz_vhost_rings - a guest writes anything into its rings, between the
 * workers' turns: they take what is sound, count the rest, and stay inside of
 * the guest's memory.
 *
 * The first byte of the input chooses the features, the rest is a list of steps:
 *
 *	0..127	N BYTES...	write N (up to 63) bytes at 256 * this byte + the next
 *	128..	the workers' turn, after the next chains of one ring were made available,
 *		this byte & 31 of them
 */
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_session.h"

enum {
	STEPS_MAX = 256,
	RING_SIZE = 16,
	/* of queue i at i * RING: descriptors, avail and used ring; indirect tables behind them */
	RING = 0x400,
	AVAIL = 0x100,
	USED = 0x200,

	PACKED_AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	PACKED_USED = 1 << VRING_PACKED_DESC_F_USED,
};

/* Rings are packed, and where the guest is in each. */
static bool packed;
static unsigned available[2];

/* The next @n chains: an index, or the flags of as many places, of which the rest stays. */
static void make_available(struct fuzz_session *session, unsigned index, unsigned n)
{
	uint8_t *ring = session->memory + index * RING;
	struct vring_packed_desc *slots = (struct vring_packed_desc *)(void *)ring;

	if (!packed) {
		((struct vring_avail *)(void *)(ring + AVAIL))->idx += (uint16_t)n;
		return;
	}
	for (; n > 0; n--, available[index]++) {
		struct vring_packed_desc *slot = &slots[available[index] % RING_SIZE];

		slot->flags &= (uint16_t) ~(PACKED_AVAIL | PACKED_USED);
		slot->flags |= available[index] / RING_SIZE % 2 ? PACKED_USED : PACKED_AVAIL;
	}
}

/* Each descriptor is a buffer of its own, each chain one descriptor, before the input comes. */
static void fill_ring(struct fuzz_session *session, unsigned index)
{
	uint8_t *ring = session->memory + index * RING;
	struct vring_desc *descs = (struct vring_desc *)(void *)ring;
	struct vring_avail *avail = (struct vring_avail *)(void *)(ring + AVAIL);

	available[index] = 0;
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		descs[i] = (struct vring_desc){
			.addr = 0x4000 + (index * RING_SIZE + i) * 0x800u,
			.len = index % 2 ? 100u + i * 100u : 2048,
			.flags = index % 2 ? 0 : VRING_DESC_F_WRITE,
			.next = (uint16_t)((i + 1) % RING_SIZE),
		};
		avail->ring[i] = i;
		if (packed) { /* the last two words change places: a name, and the flags */
			descs[i].next = descs[i].flags;
			descs[i].flags = i;
		}
	}
	if (packed) /* no events asked for */
		memset(avail, 0, sizeof(uint32_t));
}

static void start_ring(struct fuzz_session *session, unsigned index)
{
	const uint64_t base = SESSION_USER + index * RING;
	const struct vu_vring_addr addr = {
		.index = index, .desc = base, .avail = base + AVAIL, .used = base + USED};
	const struct vu_vring_state size = {index, RING_SIZE}, enable = {index, 1};
	const uint64_t number = index;
	int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	fill_ring(session, index);
	fuzz_session_say(session, VU_SET_VRING_NUM, &size, sizeof(size), NULL, 0);
	fuzz_session_say(session, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	fuzz_session_say(session, VU_SET_VRING_CALL, &number, sizeof(number), &kick, 1);
	fuzz_session_say(session, VU_SET_VRING_KICK, &number, sizeof(number), &kick, 1);
	fuzz_session_say(session, VU_SET_VRING_ENABLE, &enable, sizeof(enable), NULL, 0);
	fuzz_demand(fuzz_session_serve(session));
	close(kick);
}

/* Two regions, neighbours for the guest only, and two rings that run. */
static void start(struct fuzz_session *session, uint8_t choice)
{
	const uint64_t half = SESSION_MEMORY / 2;
	const struct vu_memory table = {
		.n_regions = 2,
		.regions = {{0, half, SESSION_USER, 0}, {half, half, SESSION_USER + half, half}}};
	uint64_t features =
		vhost_features_offered() &
		~(VU_BIT(VU_F_LOG_ALL) | VU_BIT(VIRTIO_NET_F_MRG_RXBUF) |
		  VU_BIT(VIRTIO_RING_F_EVENT_IDX) | VU_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		  VU_BIT(VIRTIO_F_RING_PACKED) | VU_BIT(VIRTIO_F_IN_ORDER));
	int fds[2] = {session->memory_fd, session->memory_fd};

	features |= choice & 1 ? VU_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0;
	features |= choice & 2 ? VU_BIT(VIRTIO_RING_F_EVENT_IDX) : 0;
	features |= choice & 4 ? VU_BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0;
	features |= choice & 8 ? VU_BIT(VIRTIO_F_RING_PACKED) : 0;
	features |= choice & 16 ? VU_BIT(VIRTIO_F_IN_ORDER) : 0;
	packed = choice & 8;
	fuzz_session_say(session, VU_SET_FEATURES, &features, sizeof(features), NULL, 0);
	fuzz_session_say(session, VU_SET_MEM_TABLE, &table, 8 + 2 * sizeof(struct vu_region), fds,
			 2);
	fuzz_demand(fuzz_session_serve(session));
	start_ring(session, 0);
	start_ring(session, 1);
	fuzz_demand(session->queues[0] && session->queues[1]);
}

/* One step; how many bytes it took. */
static size_t step(struct fuzz_session *session, const uint8_t *input, size_t size)
{
	size_t place, length;

	if (input[0] >= 128) {
		make_available(session, input[0] >> 5 & 1, input[0] & 31);
		fuzz_session_work(session);
		return 1;
	}
	if (size < 3)
		return size;
	place = input[0] * 256u + input[1];
	length = input[2] & 63;
	if (length > size - 3)
		length = size - 3;
	memcpy(session->memory + place, input + 3, length);
	return 3 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct fuzz_session session;

	if (size == 0)
		return 0;
	fuzz_session_open(&session);
	start(&session, input[0]);
	for (size_t at = 1, i = 0; at < size && i < STEPS_MAX; i++)
		at += step(&session, input + at, size - at);
	fuzz_session_work(&session);
	fuzz_session_close(&session);
	return 0;
}
