/*
 * victims - see victims.h.
 */
#include "tests/lib/victims.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/harness.h"
#include "tests/lib/packet.h"

enum { BURST = 16, STREAM = 0x600d };

static const mac48 macs[2] = {0x020000005a01, 0x020000005a02};

static uint32_t length_of(uint32_t number)
{
	return PACKET_MIN + number * 37 % (1514 - PACKET_MIN);
}

static void send_burst(struct frontend *from, unsigned side, uint32_t first)
{
	uint8_t frame[1514];

	for (uint32_t i = first; i < first + BURST; i++) {
		packet_build(frame, length_of(i), macs[!side], macs[side], STREAM + side, i);
		check(clock_await(CLOCK_PATIENCE_MS,
				  frontend_queue(from, 0, NULL, frame, length_of(i))),
		      "victims: transmit buffers do not come back");
	}
	frontend_flush(from, 0);
}

static void receive_burst(struct frontend *to, unsigned side, uint32_t first)
{
	struct virtio_net_hdr_v1 hdr;
	uint32_t stream, number;
	uint8_t frame[2048];

	for (uint32_t i = first; i < first + BURST; i++) {
		ssize_t len =
			frontend_receive(to, 0, &hdr, frame, sizeof(frame), CLOCK_PATIENCE_MS);

		check(len >= 0, "victims: frame %u did not arrive", i);
		check(packet_read_stamp(frame, PACKET_ETH, (uint32_t)len, &stream, &number) &&
			      stream == STREAM + side && (uint32_t)len == length_of(number) &&
			      mac_load(frame) == macs[!side] && mac_load(frame + 6) == macs[side],
		      "victims: a frame of %zd bytes is not what was sent as frame %u", len, i);
		check(number == i, "victims: frame %u where %u was due", number, i);
	}
}

static void *run(void *argument)
{
	struct victims *victims = argument;

	for (uint32_t first = 0; !atomic_load(&victims->stop); first += BURST) {
		for (unsigned side = 0; side < 2; side++) {
			uint64_t took, began = clock_now_ns();

			send_burst(&victims->guests[side], side, first);
			receive_burst(&victims->guests[!side], side, first);
			took = clock_now_ns() - began;
			atomic_fetch_add(&victims->frames, BURST);
			if (took > atomic_load(&victims->worst_ns))
				atomic_store(&victims->worst_ns, took);
		}
		do {
			atomic_store(&victims->paused, atomic_load(&victims->pause));
			clock_nap_us(100);
		} while (atomic_load(&victims->pause) && !atomic_load(&victims->stop));
	}
	return NULL;
}

void victims_start(struct victims *victims, struct harness *harness, uint16_t port)
{
	const struct frontend_options options = {.features = FRONTEND_PLAIN,
						 .memory_size = 8 << 20};

	memset(victims, 0, sizeof(*victims));
	for (unsigned side = 0; side < 2; side++) {
		struct frontend *guest = &victims->guests[side];
		uint16_t id = (uint16_t)(port + side);
		int error;

		frontend_create(guest, &options);
		error = harness_attach(harness, id, frontend_dial(guest), 1);
		check(error == 0, "victims: attach: %s", strerror(-error));
		frontend_bring_up(guest);
		harness_await_port(harness, id, CHANNEL_PORT_UP);
	}
	check(pthread_create(&victims->thread, NULL, run, victims) == 0, "pthread_create");
}

void victims_stop(struct victims *victims)
{
	atomic_store(&victims->stop, true);
	pthread_join(victims->thread, NULL);
	for (unsigned side = 0; side < 2; side++)
		check(frontend_drain(&victims->guests[side], 0, CLOCK_PATIENCE_MS),
		      "victims: transmit buffers do not come back");
}

void victims_pause(struct victims *victims)
{
	atomic_store(&victims->pause, true);
	check(clock_await(CLOCK_PATIENCE_MS, atomic_load(&victims->paused)),
	      "victims: they do not pause");
}

void victims_resume(struct victims *victims)
{
	atomic_store(&victims->pause, false);
}

void victims_await(struct victims *victims, unsigned n)
{
	uint64_t goal = atomic_load(&victims->frames) + n;

	check(clock_await(CLOCK_PATIENCE_MS, atomic_load(&victims->frames) >= goal),
	      "victims: only %llu of %u frames passed",
	      (unsigned long long)(atomic_load(&victims->frames) + n - goal), n);
}
