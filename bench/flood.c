/*
 * flood - see flood.h.
 */
#include "bench/flood.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum {
	RING = 256,
	TAKER_RING = 1024,
	BURST = 64,
	CONNECT_S = 10,
	ETHERNET = 14,
	IPV4 = 20,
	UDP = 8,
	TCP = 20,
	SHORT = 60,	   /* a frame without its FCS */
	LONG = 64 * 1024,  /* nearly: a length that IPv4 has */
	MSS = 48,	   /* so short a segment Sluice still cuts */
	STORM_NS = 100000, /* 10,000 tables a second */
};

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &(uint16_t){htobe16(value)}, 2);
}

/* Two locally administered addresses (IEEE 802): of the sender's tenant, not the victim's. */
static const uint8_t sender_mac[] = {0x02, 0x0c, 0, 0, 0, 0};
static const uint8_t taker_mac[] = {0x02, 0x0d, 0, 0, 0, 0};

static void make_macs(uint8_t *frame, uint64_t random)
{
	memcpy(frame + 1, &random, 5);
	random *= 0x9e3779b97f4a7c15;
	memcpy(frame + 7, &random, 5);
}

static void make_tuples(uint8_t *frame, uint64_t random)
{
	uint8_t *ip = frame + ETHERNET;

	memcpy(ip + 13, &random, 3); /* source 10.x.x.x, so is the destination */
	memcpy(ip + 17, (uint8_t *)&random + 2, 3);
	memcpy(ip + IPV4, (uint8_t *)&random + 4, 4);
}

static void make_broadcast(uint8_t *frame, uint64_t random)
{
	memset(frame, 0xff, 6);
}

static void make_nothing(uint8_t *frame, uint64_t random)
{
}

static void kick(struct guest *guest)
{
	driver_kick(&guest->tx);
}

/* The same table again; nobody waits for the answer. A full socket is as good as another table. */
static void set_memory(struct guest *guest)
{
	struct frontend *frontend = &guest->frontend;
	struct vu_memory table = {.n_regions = frontend->memory->n_regions};
	int fds[VU_REGIONS_MAX];

	for (unsigned i = 0; i < table.n_regions && i < VU_REGIONS_MAX; i++) {
		table.regions[i] = guest_region_wire(&frontend->memory->regions[i]);
		fds[i] = frontend->memory->regions[i].fd;
	}
	if (frontend_say(frontend, VU_SET_MEM_TABLE, VU_VERSION, &table,
			 (uint32_t)(8 + table.n_regions * sizeof(struct vu_region)), fds,
			 table.n_regions) == -EPIPE)
		guest->tx.broken = true;
}

const struct flood_kind flood_kinds[FLOODS] = {
	{.name = "macs", .title = "64 B, random MACs", .make = make_macs},
	{.name = "tuples",
	 .title = "64 B, random 5-tuples, stateful",
	 .stateful = true,
	 .make = make_tuples},
	{.name = "broadcast", .title = "64 B, broadcast", .make = make_broadcast},
	{.name = "tso", .title = "TSO 64 KiB, segments of 48 B", .tso = true, .make = make_nothing},
	{.name = "kicks", .title = "kicks without frames", .act = kick},
	{.name = "memory",
	 .title = "memory tables, 10,000 a second",
	 .act = set_memory,
	 .pause_ns = STORM_NS},
};

/* RFC 791: the header's checksum. */
static uint16_t ipv4_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < IPV4; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* What all frames of the sender have in common. */
static void write_frame(uint8_t *buffer, uint32_t len, bool tso)
{
	struct virtio_net_hdr_v1 header = {.flags = 0};
	uint8_t *frame = buffer + GUEST_HEADER, *ip = frame + ETHERNET, *tcp = ip + IPV4;

	memset(frame, 0, len);
	memcpy(frame, taker_mac, sizeof(taker_mac));
	memcpy(frame + 6, sender_mac, sizeof(sender_mac));
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = tso ? 6 : 17;
	ip[12] = ip[16] = 10;
	put16(ip + 2, (uint16_t)(len - ETHERNET));
	put16(ip + 10, ipv4_checksum(ip));
	put16(ip + IPV4 + 2, 4000);
	if (tso) {
		tcp[12] = TCP / 4 << 4;
		tcp[13] = 0x10;
		header = (struct virtio_net_hdr_v1){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			.hdr_len = ETHERNET + IPV4 + TCP,
			.gso_size = MSS,
			.csum_start = ETHERNET + IPV4,
			.csum_offset = 16,
		};
	} else {
		put16(ip + IPV4 + 4, (uint16_t)(len - ETHERNET - IPV4));
	}
	memcpy(buffer, &header, GUEST_HEADER);
}

static int meet(struct guest *guest, const struct guest_options *options, const char *path)
{
	int error;

	guest_create(guest, options);
	error = guest_connect(guest, path, -1, CONNECT_S);
	if (error) {
		fprintf(stderr, "sluice-bench: %s: %s\n", path, strerror(-error));
		guest_destroy(guest);
	}
	return error;
}

int flood_create(struct flood *flood, const struct flood_kind *kind, const char *path_sender,
		 const char *path_taker)
{
	uint32_t len = kind->tso ? ETHERNET + LONG - 1 : SHORT;
	struct guest_options options = {
		.ring_size = TAKER_RING, .buffer = 2048, .frame_max = SHORT, .mergeable = true};
	int error = 0;

	*flood = (struct flood){.kind = kind, .random = 0x2545f4914f6cdd1d};
	error = meet(&flood->taker, &options, path_taker);
	if (error)
		return error;
	options.ring_size = RING;
	options.tso = kind->tso;
	options.frame_max = len;
	error = meet(&flood->sender, &options, path_sender);
	if (error) {
		guest_destroy(&flood->taker);
		return error;
	}
	/* Nothing that it does may wait. */
	fcntl(flood->sender.frontend.socket, F_SETFL, O_NONBLOCK);
	for (uint16_t i = 0; i < RING; i++) {
		write_frame(flood->sender.tx.buffers[i], len, kind->tso);
		driver_set_len(&flood->sender.tx, i, GUEST_HEADER + len);
	}
	return 0;
}

void flood_destroy(struct flood *flood)
{
	guest_destroy(&flood->sender);
	guest_destroy(&flood->taker);
}

/* Marsaglia's xorshift. */
static uint64_t draw(struct flood *flood)
{
	flood->random ^= flood->random << 13;
	flood->random ^= flood->random >> 7;
	flood->random ^= flood->random << 17;
	return flood->random;
}

static void send_all(struct flood *flood)
{
	struct driver_ring *tx = &flood->sender.tx;

	if (driver_free(tx) < BURST)
		driver_reclaim(tx);
	if (driver_free(tx) < BURST)
		return;
	for (unsigned i = 0; i < BURST; i++)
		flood->kind->make(tx->buffers[driver_next(tx)] + GUEST_HEADER, draw(flood));
	flood->frames += BURST;
	driver_publish(tx);
}

/* Whatever came may be written over. */
static void take_all(struct guest *taker)
{
	driver_reclaim(&taker->rx);
	taker->rx.filled = (uint16_t)(taker->rx.taken + taker->rx.size);
	if ((uint16_t)(taker->rx.filled - taker->rx.published) >= BURST)
		driver_publish(&taker->rx);
}

void flood_step(struct flood *flood, uint64_t now_ns)
{
	if (now_ns < flood->next_ns || flood->sender.tx.broken)
		return;
	flood->next_ns = now_ns + flood->kind->pause_ns;
	flood->steps++;
	if (flood->kind->make)
		send_all(flood);
	if (flood->kind->act)
		flood->kind->act(&flood->sender);
	take_all(&flood->taker);
}
