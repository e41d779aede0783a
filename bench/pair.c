/*
 * pair - see pair.h.
 */
#include "bench/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/device.h"
#include "tests/lib/check.h"
#include "tests/lib/clock.h"

enum {
	CLOCK_PASSES = 16,	  /* at full speed the clock is looked at so seldom */
	QUIET_NS = 50000000,	  /* nothing came for so long: what is missing is lost */
	DRAIN_MAX_NS = 500000000, /* however much still comes */
	RATE_BURST = 32,
	PRIME_NS = 5000000,
};

static const uint64_t PATIENCE_NS = 2000000000;

static void fill_in(struct guest_options *guest, uint32_t frame_max)
{
	uint32_t whole = GUEST_HEADER + frame_max;

	guest->frame_max = frame_max;
	if (!guest->buffer)
		guest->buffer = whole > 2048 ? whole : 2048;
	if (guest->buffer < whole && !guest->mergeable)
		guest->buffer = whole;
}

int pair_create_alone(struct pair *pair, const struct pair_options *options)
{
	struct guest_options guest = options->guest;
	int error = 0;

	*pair = (struct pair){.nonce = (uint16_t)clock_now_ns()};
	fill_in(&guest, options->frame_max);
	if (options->switch_cpu >= 0)
		error = placement_create(options->switch_cpu, &pair->probe);
	if (error) {
		fprintf(stderr, "sluice-bench: processor %d: %s\n", options->switch_cpu,
			strerror(-error));
		return error;
	}
	for (unsigned i = 0; i < 2; i++)
		guest_create(&pair->guests[i], &guest);
	return 0;
}

int pair_create(struct pair *pair, const struct pair_options *options, const char *path_a,
		const char *path_b)
{
	const char *paths[2] = {path_a, path_b};
	int listeners[2] = {-1, -1}, error = pair_create_alone(pair, options);

	if (error)
		return error;
	for (unsigned i = 0; i < 2 && options->guest.server && !error; i++) {
		listeners[i] = guest_listen(paths[i]);
		error = listeners[i] < 0 ? listeners[i] : 0;
		if (error)
			fprintf(stderr, "sluice-bench: %s: %s\n", paths[i], strerror(-error));
	}
	for (unsigned i = 0; i < 2 && !error; i++) {
		error = guest_connect(&pair->guests[i], paths[i], listeners[i], options->limit_s);
		if (error)
			fprintf(stderr, "sluice-bench: %s: %s\n", paths[i],
				error == -EPROTONOSUPPORT
					? "the switch offers no such rings or offloads"
					: strerror(-error));
	}
	for (unsigned i = 0; i < 2; i++)
		if (listeners[i] >= 0) {
			close(listeners[i]);
			unlink(paths[i]);
		}
	if (error)
		pair_destroy(pair);
	return error;
}

static void unload(struct pair *pair)
{
	for (unsigned i = 0; i < 2 && pair->n_streams > 0; i++)
		stream_destroy(&pair->streams[i]);
	pair->n_streams = 0;
}

void pair_destroy(struct pair *pair)
{
	unload(pair);
	for (unsigned i = 0; i < 2; i++)
		guest_destroy(&pair->guests[i]);
	placement_destroy(pair->probe);
}

bool pair_is_broken(const struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++)
		if (pair->guests[i].rx.broken || pair->guests[i].tx.broken)
			return true;
	return false;
}

static void serve_devices(struct pair *pair, uint64_t now)
{
	if (pair->guests[0].options.side != GUEST_VHOST)
		device_serve(pair->guests, now);
}

/* Send and receive on @n streams until @end_ns. Its end. */
static uint64_t run_full(struct pair *pair, unsigned n, uint64_t end_ns)
{
	uint64_t now = clock_now_ns();

	for (unsigned pass = 1; now < end_ns; pass++) {
		serve_devices(pair, now);
		for (unsigned i = 0; i < n; i++) {
			stream_receive(&pair->streams[i], NULL);
			stream_send(&pair->streams[i], STREAM_BURST);
		}
		if (pass % CLOCK_PASSES == 0)
			now = clock_now_ns();
	}
	return now;
}

struct arrivals {
	struct histogram *latency;
	uint64_t now;
};

static void note_arrival(void *user, uint64_t sent_at)
{
	struct arrivals *arrivals = user;

	histogram_add(arrivals->latency, arrivals->now > sent_at ? arrivals->now - sent_at : 0);
}

/* Send what is due by @now, each frame stamped with the time when it was meant to leave. */
static void send_due(struct stream *stream, uint64_t began, uint64_t first, double interval_ns,
		     uint64_t now)
{
	uint64_t due = (uint64_t)((double)(now - began) / interval_ns) + 1;
	uint64_t sent = stream->number - first;
	uint64_t left = due > sent ? due - sent : 0;
	unsigned n = left < RATE_BURST ? (unsigned)left : RATE_BURST;

	/* Before they leave: they may be back when stream_send() returns. */
	for (unsigned i = 0; i < n && stream->sent_at; i++)
		stream->sent_at[(stream->number + i) % STREAM_SENT_AT] =
			began + (uint64_t)((double)(sent + i) * interval_ns);
	if (n > 0)
		stream_send(stream, n);
}

/* In the window, which began just now: what was due and not sent, and the longest gap. */
static uint64_t run_paced(struct pair *pair, unsigned n, uint64_t end_ns, double rate_pps,
			  struct window *window)
{
	struct arrivals arrivals = {&pair->latency, clock_now_ns()};
	const struct stream_arrival arrival = {note_arrival, &arrivals};
	uint64_t began = arrivals.now, last = began, first[2];

	for (unsigned i = 0; i < n; i++)
		pair->streams[i].timed_from = first[i] = pair->streams[i].number;
	while (arrivals.now < end_ns) {
		serve_devices(pair, arrivals.now);
		for (unsigned i = 0; i < n; i++) {
			send_due(&pair->streams[i], began, first[i], 1e9 / rate_pps, arrivals.now);
			arrivals.now = clock_now_ns();
			stream_receive(&pair->streams[i], &arrival);
		}
		if (pair->beside)
			pair->beside(pair->user, arrivals.now);
		if (arrivals.now - last > window->gap_ns)
			window->gap_ns = arrivals.now - last;
		last = arrivals.now;
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t due = (uint64_t)((double)(end_ns - began) * rate_pps / 1e9);
		uint64_t sent = pair->streams[i].number - first[i];

		window->unsent += due > sent ? due - sent : 0;
	}
	return arrivals.now;
}

/* Let arrive what is under way. */
static void drain(struct pair *pair, bool paced)
{
	struct arrivals arrivals = {&pair->latency, clock_now_ns()};
	const struct stream_arrival arrival = {note_arrival, &arrivals};
	uint64_t last = arrivals.now, end = last + DRAIN_MAX_NS;
	bool missing = true;

	while (missing && arrivals.now < last + QUIET_NS && arrivals.now < end) {
		missing = false;
		arrivals.now = clock_now_ns();
		serve_devices(pair, arrivals.now);
		for (unsigned i = 0; i < 2; i++) {
			struct stream *stream = &pair->streams[i];

			if (stream_receive(stream, paced ? &arrival : NULL))
				last = arrivals.now;
			driver_reclaim(&stream->from->tx);
			missing = missing || stream->expected < stream->number ||
				  driver_free(&stream->from->tx) < stream->from->tx.size;
		}
	}
}

void pair_load(struct pair *pair, const struct stream_options *options, bool both, double warmup_s)
{
	unload(pair);
	pair->nonce++;
	for (unsigned i = 0; i < 2; i++)
		stream_create(&pair->streams[i], options, &pair->guests[i], &pair->guests[1 - i], i,
			      pair->nonce);
	pair->n_streams = both ? 2 : 1;
	run_full(pair, 2, clock_now_ns() + (uint64_t)(warmup_s * 1e9));
	drain(pair, false);
}

/* The frames of a stream that wait for their time remember it only while there is a rate. */
static void remember_times(struct pair *pair, bool paced)
{
	for (unsigned i = 0; i < 2; i++) {
		struct stream *stream = &pair->streams[i];

		if (paced && !stream->sent_at) {
			stream->sent_at = calloc(STREAM_SENT_AT, sizeof(*stream->sent_at));
			check(stream->sent_at, "out of memory");
		} else if (!paced) {
			free(stream->sent_at);
			stream->sent_at = NULL;
		}
	}
}

static struct stream_counts sum(const struct pair *pair)
{
	struct stream_counts total = {.sent = 0};

	for (unsigned i = 0; i < 2; i++) {
		const struct stream_counts *counts = &pair->streams[i].counts;

		total.sent += counts->sent;
		total.received += counts->received;
		total.bytes += counts->bytes;
		total.late += counts->late;
		total.corrupt += counts->corrupt;
		total.foreign += counts->foreign;
	}
	return total;
}

uint64_t pair_burst(struct pair *pair, uint64_t n)
{
	struct stream_counts before = sum(pair), after = before;
	uint64_t sent, received;

	remember_times(pair, false);
	for (unsigned i = 0; i < pair->n_streams; i++) {
		struct stream *stream = &pair->streams[i];
		uint64_t end = stream->number + n, limit = clock_now_ns() + PATIENCE_NS;

		while (stream->number < end && clock_now_ns() < limit) {
			uint64_t left = end - stream->number;

			stream_receive(stream, NULL);
			stream_send(stream, left < STREAM_BURST ? (unsigned)left : STREAM_BURST);
		}
	}
	drain(pair, false);
	after = sum(pair);
	sent = after.sent - before.sent;
	received = after.received - before.received;
	return sent > received ? sent - received : 0;
}

const char *pair_silence_name(enum pair_silence silence)
{
	static const char *const names[] = {
		[PAIR_HEARD] = "frames arrived",
		[PAIR_STARVED] = "frames arrived late, but by themselves: a processor was missing",
		[PAIR_UNKICKED] = "frames arrived after a second kick only: a wake-up was lost",
		[PAIR_DROPPED] = "the switch took all frames and delivered none",
		[PAIR_DEAF] = "the switch takes no frames, kicked or not",
		[PAIR_BROKEN] = "the switch broke a ring",
	};

	return names[silence];
}

/* Wait until something arrives; the time is the switch's, we send nothing. */
static bool hears(struct pair *pair)
{
	uint64_t before = sum(pair).received, end = clock_now_ns() + PATIENCE_NS;

	while (sum(pair).received == before && clock_now_ns() < end) {
		drain(pair, false);
		clock_nap_us(1000);
	}
	return sum(pair).received > before;
}

/* Nothing arrived. Why? */
static enum pair_silence find_cause(struct pair *pair)
{
	struct driver_ring *tx = &pair->streams[0].from->tx;

	if (pair_is_broken(pair))
		return PAIR_BROKEN;
	driver_reclaim(tx);
	if (driver_free(tx) == tx->size)
		stream_send(&pair->streams[0], 1);
	if (hears(pair))
		return PAIR_STARVED;
	driver_reclaim(tx);
	if (driver_free(tx) == tx->size)
		return PAIR_DROPPED;
	driver_kick(tx);
	return hears(pair) ? PAIR_UNKICKED : PAIR_DEAF;
}

bool pair_measure(struct pair *pair, double seconds, double rate_pps, struct window *ret_window)
{
	enum placement placement = placement_measure(pair->probe);
	struct window window = {.stolen_ms = placement_stolen_ms(),
				.waited_ns = placement_waited_ns()};
	struct stream_counts idle, before, within, after;
	uint64_t began, end, sent, received;

	remember_times(pair, rate_pps > 0 && !pair->untimed);
	idle = sum(pair);
	/* The caches are warm and the ring is full when the window begins. */
	if (rate_pps <= 0)
		run_full(pair, pair->n_streams, clock_now_ns() + PRIME_NS);
	before = sum(pair);
	began = clock_now_ns();
	end = began + (uint64_t)(seconds * 1e9);
	end = rate_pps > 0 ? run_paced(pair, pair->n_streams, end, rate_pps, &window)
			   : run_full(pair, pair->n_streams, end);
	within = sum(pair);
	drain(pair, rate_pps > 0);
	after = sum(pair);
	if (placement_measure(pair->probe) != placement)
		placement = PLACEMENT_UNKNOWN;
	sent = after.sent - idle.sent;
	received = after.received - idle.received;
	window.placement = placement;
	window.seconds = (double)(end - began) / 1e9;
	window.counts = (struct stream_counts){.sent = sent,
					       .received = within.received - before.received,
					       .bytes = within.bytes - before.bytes,
					       .late = after.late - idle.late,
					       .corrupt = after.corrupt - idle.corrupt,
					       .foreign = after.foreign - idle.foreign};
	window.lost = sent > received ? sent - received : 0;
	window.stolen_ms = placement_stolen_ms() - window.stolen_ms;
	window.waited_ns = placement_waited_ns() - window.waited_ns;
	*ret_window = window;
	pair->silence = received > 0 && !pair_is_broken(pair) ? PAIR_HEARD : find_cause(pair);
	return pair->silence == PAIR_HEARD;
}
