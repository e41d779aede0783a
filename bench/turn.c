/*
 * turn - see turn.h.
 */
#include "bench/turn.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/copy_window.h"
#include "tests/lib/check.h"

enum {
	CONNECT_S = 15,
	CONNECT_TRIES = 3,
	SETTLE_TRIES = 40,
	SETTLE_GOOD = 5,
};

static const double settle_s = 0.2;

/*
 * Let traffic flow both ways until it arrives, and on for a while: some switches take their time
 * before ports forward, and are slow at first. False: nothing ever arrives.
 */
static bool settle(struct pair *pair)
{
	const struct stream_options plain = {.size = STREAM_SIZE_MIN, .flows = 1};
	unsigned good = 0;

	for (unsigned i = 0; i < SETTLE_TRIES && good < SETTLE_GOOD && !place_is_interrupted();
	     i++) {
		pair_load(pair, &plain, true, settle_s);
		if (pair->streams[0].counts.received && pair->streams[1].counts.received)
			good++;
	}
	return good > 0;
}

static bool connect_guests(struct turn *turn, const struct pair_options *options)
{
	const struct contender *contender = &turn->contender;
	struct pair_options mine = *options;
	int error = -ECONNRESET;

	if (contender->kind->copies)
		return options->guest.tso && pair_create_alone(&turn->pair, options) == 0;
	mine.guest.server = contender->kind->dials;
	mine.guest.side = contender->kind->side;
	/* A frame on its way to a device lies in one buffer. */
	if (contender->kind->side != GUEST_VHOST)
		mine.guest.mergeable = mine.guest.event_idx = false;
	mine.limit_s = CONNECT_S;
	/* Some connect while they are still being set up, and hang up again. */
	for (unsigned try = 0; try < CONNECT_TRIES && error == -ECONNRESET; try++)
		error = pair_create(&turn->pair, &mine, contender->paths[0], contender->paths[1]);
	if (error)
		return false;
	if (settle(&turn->pair))
		return true;
	fprintf(stderr, "sluice-bench: %s: nothing arrives\n", contender->kind->title);
	pair_destroy(&turn->pair);
	return false;
}

void turn_connect(struct turn *turn, const struct pair_options *options)
{
	options_progress("connecting to %s", turn->contender.kind->title);
	contender_thaw(&turn->contender);
	turn->connected = connect_guests(turn, options);
	turn->frame_max = options->frame_max;
	contender_freeze(&turn->contender);
}

void turn_disconnect(struct turn *turn)
{
	if (!turn->connected)
		return;
	contender_thaw(&turn->contender);
	pair_destroy(&turn->pair);
	turn->connected = false;
	contender_freeze(&turn->contender);
}

void turn_load(struct turn *turn, const struct stream_options *stream, double warmup_s)
{
	if (!turn->connected || turn->contender.kind->copies)
		return;
	options_progress("warming %s", turn->contender.kind->title);
	contender_thaw(&turn->contender);
	pair_load(&turn->pair, stream, false, warmup_s);
	contender_freeze(&turn->contender);
}

static void measure_one(struct turn *turn, struct turn_cell *cell, const struct options *options)
{
	double seconds = options->seconds;
	struct window window;
	uint64_t waited;
	bool heard;

	if (turn->contender.kind->copies) {
		copy_window(&turn->pair, options->pair.switch_cpu, GUEST_HEADER + turn->frame_max,
			    seconds, &cell->windows[cell->n++]);
		return;
	}
	contender_thaw(&turn->contender);
	waited = contender_waited_ns(&turn->contender);
	heard = pair_measure(&turn->pair, seconds, 0, &window);
	window.waited_ns += contender_waited_ns(&turn->contender) - waited;
	contender_freeze(&turn->contender);
	if (heard) {
		cell->windows[cell->n++] = window;
		return;
	}
	cell->silent++;
	cell->cause = turn->pair.silence;
	if (cell->cause == PAIR_BROKEN)
		turn->connected = false;
}

void turn_measure(struct turn *turns, struct turn_cell *cells, unsigned n,
		  const struct options *options, const char *title)
{
	for (unsigned i = 0; i < n; i++) {
		cells[i].windows = calloc(options->windows, sizeof(*cells[i].windows));
		check(cells[i].windows, "out of memory");
	}
	for (unsigned round = 0; round < options->windows && !place_is_interrupted(); round++) {
		options_progress("%s: round %u of %u", title, round + 1, options->windows);
		for (unsigned at = 0; at < n; at++) {
			unsigned i = round % 2 ? n - 1 - at : at;

			if (turns[i].connected)
				measure_one(&turns[i], &cells[i], options);
		}
	}
	options_progress(NULL);
}

enum placement turn_most_seen(const struct turn_cell *cells, unsigned n)
{
	unsigned seen[PLACEMENT__COUNT] = {0};
	enum placement most = PLACEMENT_UNKNOWN;

	for (unsigned i = 0; i < n; i++)
		for (unsigned w = 0; w < cells[i].n; w++)
			seen[cells[i].windows[w].placement]++;
	for (enum placement placement = 0; placement < PLACEMENT__COUNT; placement++)
		most = seen[placement] > seen[most] ? placement : most;
	return most;
}
