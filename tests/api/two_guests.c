/*
 * two_guests - two guests who keep themselves connected, and send from one to the other,
 * whatever becomes of the switch.
 *
 * Usage: two_guests SOCKET_A SOCKET_B, until its standard input ends. Says on standard
 * output, with the monotonic time in ns, when a guest lost its session (`down a T`) and has
 * one again (`up a T`), and at the end what became of the frames:
 * `sent N received N disordered N damaged N`. The frames of a session that was lost
 * may be lost with it; what arrives is whole and in order.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/frontend.h"
#include "tests/lib/packet.h"

enum {
	LENGTH = 200, /* bytes of a frame */
	STREAM = 7,
	PAUSE_NS = 500000, /* between frames, and between looks at a ring */
	DRAIN_LOOKS = 400, /* after the end: for the last frames to arrive */
};

struct guest {
	const char *name;
	const char *path;
	mac48 mac;
	struct frontend fe;
	bool up;
	pthread_t thread;
};

static atomic_bool stopping;
static uint32_t sent, received, disordered, damaged;

static void say(const char *what, const struct guest *guest)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%s %s %" PRId64 "\n", what, guest->name,
	       (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

static void pause_shortly(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	nanosleep(&pause, NULL);
}

/* A connection to the switch's socket, or -1. */
static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_cut(const struct guest *guest)
{
	struct pollfd hung_up = {.fd = guest->fe.socket, .events = POLLRDHUP};

	return poll(&hung_up, 1, 0) > 0 && hung_up.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* See that it has a session, and get it another one if not. True: it has. */
static bool keep_connected(struct guest *guest)
{
	int fd;

	if (guest->up && !is_cut(guest))
		return true;
	if (guest->up)
		say("down", guest);
	guest->up = false;
	frontend_hang_up(&guest->fe);
	frontend_resume(&guest->fe);
	fd = dial(guest->path);
	if (fd < 0)
		return false;
	/* as a backend that was started anew: a socket of our own in place of the pair's */
	close(frontend_dial(&guest->fe));
	close(guest->fe.socket);
	guest->fe.socket = fd;
	if (frontend_handshake(&guest->fe) || frontend_start(&guest->fe))
		return false;
	frontend_fill(&guest->fe, 0);
	guest->up = true;
	say("up", guest);
	return true;
}

/* Take back what the switch is done with; without a session the rings only fill. */
static void *send_frames(void *user)
{
	struct guest *guest = user;
	uint8_t frame[LENGTH];

	while (!stopping) {
		if (keep_connected(guest)) {
			packet_build(frame, LENGTH, guest->mac + 1, guest->mac, STREAM, sent);
			if (frontend_queue(&guest->fe, 0, NULL, frame, LENGTH)) {
				frontend_flush(&guest->fe, 0);
				sent++;
			}
		}
		pause_shortly();
	}
	return NULL;
}

static void take_frame(const uint8_t *frame, ssize_t length)
{
	static uint32_t next;
	uint32_t stream, number;

	if (length != LENGTH || !packet_read_stamp(frame, PACKET_ETH, LENGTH, &stream, &number) ||
	    stream != STREAM) {
		damaged++;
		return;
	}
	received++;
	disordered += number < next;
	next = number + 1;
}

static void *take_frames(void *user)
{
	static uint8_t frame[FRONTEND_FRAME_MAX];
	struct virtio_net_hdr_v1 header;
	struct guest *guest = user;

	for (unsigned quiet = 0; !stopping || quiet < DRAIN_LOOKS; quiet++) {
		ssize_t length;

		if (!keep_connected(guest) && stopping)
			break;
		while (guest->up && (length = frontend_take(&guest->fe, 0, &header, frame,
							    sizeof(frame))) >= 0) {
			take_frame(frame, length);
			quiet = 0;
		}
		pause_shortly();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN};
	struct guest guests[] = {
		{.name = "a", .mac = 0x020000000001},
		{.name = "b", .mac = 0x020000000002},
	};
	char end;

	check(argc == 3, "two sockets are needed");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < 2; i++) {
		guests[i].path = argv[1 + i];
		frontend_create(&guests[i].fe, &options);
	}
	check(!pthread_create(&guests[0].thread, NULL, send_frames, &guests[0]) &&
		      !pthread_create(&guests[1].thread, NULL, take_frames, &guests[1]),
	      "no threads");
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	stopping = true;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(guests[i].thread, NULL);
	printf("sent %u received %u disordered %u damaged %u\n", sent, received, disordered,
	       damaged);
	for (unsigned i = 0; i < 2; i++)
		frontend_destroy(&guests[i].fe);
	return 0;
}
