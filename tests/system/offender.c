/*
 * offender - a guest without a virtual machine that does one thing wrong.
 *
 *	offender SOCKET DEED MAC
 *
 * Dials a port's vhost-user socket, brings its driver up, says "up", does @DEED, says
 * "done", and stays until its input ends. Frames that it sends go from @MAC to all. A
 * deed that is about receiving is done before "up": then others may send to it.
 *
 * Stands apart from tests/vhost, which has all these deeds and more, because
 * here sluiced is there too, and can be asked what it says of them.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/frontend.h"
#include "tests/sketch/packet_sketch.h"

enum { FLOOD = 20000, HOST = 0x0a000000 };

static struct frontend guest;
static mac48 self;

static void dial(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd;

	close(frontend_dial(&guest)); /* there is somebody to dial */
	check(strlen(path) < sizeof(name.sun_path), "%s is too long", path);
	strcpy(name.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0, "%s: %s", path,
	      strerror(errno));
	check(dup2(fd, guest.socket) >= 0, "dup2");
	close(fd);
}

static void send_bytes(const struct virtio_net_hdr_v1 *hdr, const void *bytes, uint32_t len)
{
	frontend_send(&guest, 0, hdr, bytes, len);
	check(frontend_drain(&guest, 0, CLOCK_PATIENCE_MS), "the frame does not come back");
}

/* A frame to all. */
static struct sketch *plain(void)
{
	static struct sketch sketch;

	sketch_ethernet(&sketch, MAC_BROADCAST, self, 0x88b5);
	sketch_payload(&sketch, 60);
	return &sketch;
}

static void bad_chain(void)
{
	const struct vring_desc outside = {.addr = UINT64_C(1) << 40, .len = 100};

	guest_ring_add_crafted(frontend_tx(&guest, 0), &outside, 1);
	frontend_flush(&guest, 0);
	check(frontend_drain(&guest, 0, CLOCK_PATIENCE_MS), "the chain does not come back");
}

static void bad_offload(void)
{
	const struct virtio_net_hdr_v1 hdr = {.gso_type = 77};

	send_bytes(&hdr, plain()->bytes, plain()->len);
}

static void runt(void)
{
	send_bytes(NULL, plain()->bytes, 13);
}

/* Connections without end, each of one packet. */
static void flood(void)
{
	static struct sketch sketch;

	for (unsigned i = 0; i < FLOOD; i++) {
		memset(&sketch, 0, sizeof(sketch));
		sketch_ethernet(&sketch, 0x020000000002, self, ETHERTYPE_IPV4);
		sketch_ipv4(&sketch, IPPROTO_UDP, HOST + (uint32_t)(self & 0xff), HOST + 2);
		sketch_udp(&sketch, (uint16_t)i, 80);
		sketch_end(&sketch);
		frontend_send(&guest, 0, NULL, sketch.bytes, sketch.len);
	}
	check(frontend_drain(&guest, 0, CLOCK_PATIENCE_MS), "frames do not come back");
}

/* Heads that there are not, where receive buffers should be. */
static void broken_ring(void)
{
	struct guest_ring *ring = frontend_rx(&guest, 0);

	for (unsigned i = 0; i < ring->size; i++)
		ring->avail->ring[i] = (uint16_t)(ring->size + i);
	ring->avail->idx = ring->size;
}

static void nothing(void)
{
}

static const struct deed {
	const char *name;
	void (*before)(void), (*after)(void);
	bool posts;	    /* receive buffers */
	uint32_t rx_buffer; /* 0: large enough */
	uint64_t features;
} deeds[] = {
	{"bad-chain", nothing, bad_chain, true, 0, FRONTEND_PLAIN},
	{"bad-offload", nothing, bad_offload, true, 0, FRONTEND_PLAIN | FRONTEND_SEND_OFFLOADS},
	{"runt", nothing, runt, true, 0, FRONTEND_PLAIN},
	{"flood", nothing, flood, true, 0, FRONTEND_PLAIN},
	{"no-buffers", nothing, nothing, false, 0, FRONTEND_PLAIN},
	{"small-buffers", nothing, nothing, true, 64, VU_BIT(VIRTIO_RING_F_EVENT_IDX)},
	{"broken-ring", broken_ring, nothing, false, 0, FRONTEND_PLAIN},
	{"nothing", nothing, nothing, true, 0, FRONTEND_PLAIN},
};

static const struct deed *find(const char *name)
{
	for (unsigned i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, name) == 0)
			return &deeds[i];
	return NULL;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct deed *deed = argc == 4 ? find(argv[2]) : NULL;
	struct frontend_options options;
	char byte;

	check(deed && sscanf(argv[3], "%lx", &self) == 1, "usage: offender SOCKET DEED MAC");
	options =
		(struct frontend_options){.features = deed->features, .rx_buffer = deed->rx_buffer};
	frontend_create(&guest, &options);
	dial(argv[1]);
	check(frontend_handshake(&guest) == 0 && frontend_start(&guest) == 0, "no handshake");
	if (deed->posts)
		frontend_fill(&guest, 0);
	deed->before();
	say("up");
	deed->after();
	say("done");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return EXIT_SUCCESS;
}
