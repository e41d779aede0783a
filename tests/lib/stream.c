/*
 * stream - see stream.h.
 */
#include "tests/lib/stream.h"

#include <string.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"
#include "tests/lib/scene.h"

enum { BURST = 32 };

static uint32_t length_of(const struct stream *stream, uint32_t number)
{
	return stream->length ? stream->length : PACKET_MIN + number * 41 % (1514 - PACKET_MIN);
}

/* As many as there is room for, at most a burst. */
static void send_some(struct stream *stream)
{
	mac48 dst = stream->broadcast ? MAC_BROADCAST : scene_mac(stream->to_port);
	uint64_t sent = atomic_load(&stream->sent);
	uint8_t frame[2048];

	for (unsigned i = 0; i < BURST; i++) {
		uint32_t length = length_of(stream, (uint32_t)sent);

		packet_build(frame, length, dst, scene_mac(stream->from_port), stream->from_port,
			     (uint32_t)sent);
		if (!frontend_queue(stream->from, stream->pair, NULL, frame, length))
			break;
		sent++;
	}
	frontend_flush(stream->from, stream->pair);
	atomic_store(&stream->sent, sent);
}

static void take_one(struct stream *stream, uint64_t *next, const uint8_t *frame, uint32_t len)
{
	uint32_t origin, number;

	check(packet_read_stamp(frame, PACKET_ETH, len, &origin, &number),
	      "stream: a frame of %u bytes was changed on its way", len);
	if (origin != stream->from_port)
		return; /* somebody else's, flooded to us */
	check(len == length_of(stream, number), "stream: frame %u has %u bytes", number, len);
	check(number >= *next, "stream: frame %u after frame %llu", number,
	      (unsigned long long)*next - 1);
	check(!stream->lossless || number == *next, "stream: frame %u where %llu was due", number,
	      (unsigned long long)*next);
	*next = (uint64_t)number + 1;
	atomic_fetch_add(&stream->received, 1);
}

static void take_all(struct stream *stream, uint64_t *next)
{
	struct virtio_net_hdr_v1 hdr;
	uint8_t frame[2048];
	ssize_t len;

	while ((len = frontend_take(stream->to, stream->pair, &hdr, frame, sizeof(frame))) >= 0)
		take_one(stream, next, frame, (uint32_t)len);
}

static bool is_complete(struct stream *stream, uint64_t *next)
{
	take_all(stream, next);
	return atomic_load(&stream->received) == atomic_load(&stream->sent);
}

static void *run(void *argument)
{
	struct stream *stream = argument;
	uint64_t next = stream->lossless ? atomic_load(&stream->received) : 0;

	while (!atomic_load(&stream->stop)) {
		if (stream->from)
			send_some(stream);
		if (stream->lossless)
			check(clock_await(CLOCK_PATIENCE_MS, is_complete(stream, &next)),
			      "stream: %llu frames sent, %llu received",
			      (unsigned long long)atomic_load(&stream->sent),
			      (unsigned long long)atomic_load(&stream->received));
		else if (stream->to)
			take_all(stream, &next);
		clock_nap_us(20);
	}
	return NULL;
}

void stream_start(struct stream *stream)
{
	check(pthread_create(&stream->thread, NULL, run, stream) == 0, "pthread_create");
}

void stream_stop(struct stream *stream)
{
	atomic_store(&stream->stop, true);
	pthread_join(stream->thread, NULL);
	atomic_store(&stream->stop, false);
}

void stream_await(struct stream *stream, unsigned n)
{
	_Atomic uint64_t *count = stream->from ? &stream->sent : &stream->received;
	uint64_t goal = atomic_load(count) + n;

	check(clock_await(CLOCK_PATIENCE_MS, atomic_load(count) >= goal),
	      "stream: nothing moves, %llu frames are missing",
	      (unsigned long long)(goal - atomic_load(count)));
}
