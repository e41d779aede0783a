/*
 * scale - see scale.h.
 */
#include "bench/scale.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "tests/lib/check.h"
#include "tests/lib/clock.h"

enum {
	IDLE_RING = 64,
	IDLE_US = 1000000,
	SETTLE_US = 300000,
	WARM_PPS = 500000, /* so fast, at least, a flow after another is met for the first time */
};

/* What runs for one sweep. */
struct field {
	struct turn turns[SWEEP_POINTS];
	unsigned n;
	struct guest *idle; /* of the sweep of ports */
	unsigned n_idle;
};

/* Start a Sluice of that size in a folder of its own, frozen. */
static int start(const struct scale *scale, const struct sweep *sweep, unsigned size,
		 struct turn *turn)
{
	struct contender *contender = &turn->contender;
	char name[24], document[128];
	struct place own;
	int error;

	*turn = (struct turn){.connected = false};
	snprintf(name, sizeof(name), "%s-%u", sweep->name, size);
	error = contender_settle(contender, &contender_sluice, &scale->place, name, &own);
	if (!error) {
		snprintf(document, sizeof(document), "%s/sluice.yaml", own.folder);
		error = sweep_write(sweep, size, document);
	}
	if (!error)
		error = contender_start_sluice(contender, &own, document);
	if (error)
		fprintf(stderr, "sluice-bench: %s, %u: %s; see %s\n", sweep->title, size,
			strerror(-error), contender->children[0].log);
	return error;
}

/* Guests at all ports but the two that are measured. */
static int attach_idle(struct field *field, const struct turn *turn, unsigned size)
{
	const struct guest_options options = {
		.ring_size = IDLE_RING, .buffer = 2048, .frame_max = 64, .mergeable = true};
	const char *slash = strrchr(turn->contender.paths[0], '/');
	struct guest *more;
	char path[CHILD_PATH + 16];

	if (size <= CONTENDER_PORTS)
		return 0;
	more = realloc(field->idle, (field->n_idle + size) * sizeof(*more));
	check(more, "out of memory");
	field->idle = more;
	for (unsigned i = CONTENDER_PORTS; i < size; i++) {
		struct guest *guest = &field->idle[field->n_idle];
		int error;

		snprintf(path, sizeof(path), "%.*s/idle-%u.sock",
			 (int)(slash - turn->contender.paths[0]), turn->contender.paths[0], i);
		options_progress("guest %u of %u", i + 1, size);
		guest_create(guest, &options);
		field->n_idle++;
		error = guest_connect(guest, path, -1, 10);
		if (error)
			return error;
	}
	return 0;
}

/* The processors that it uses while nobody sends. */
static double measure_idle(const struct contender *contender)
{
	uint64_t cpu, began;

	clock_nap_us(SETTLE_US);
	cpu = contender_cpu_ns(contender);
	began = clock_now_ns();
	clock_nap_us(IDLE_US);
	return (double)(contender_cpu_ns(contender) - cpu) / (double)(clock_now_ns() - began);
}

static int prepare(struct scale *scale, unsigned number, struct field *field)
{
	const struct sweep *sweep = &sweeps[number];
	struct pair_options pair = scale->options->pair;
	unsigned n = sweep_points(sweep);

	pair.guest.huge = scale->place.huge;
	pair.frame_max = STREAM_SIZE_MIN;
	for (unsigned i = 0; i < n && !place_is_interrupted(); i++) {
		unsigned size = sweep->sizes[i];
		struct turn *turn = &field->turns[i];
		int error;

		options_progress("%s: starting %u", sweep->title, size);
		error = start(scale, sweep, size, turn);
		field->n++;
		if (!error && sweep->ports)
			error = attach_idle(field, turn, size);
		if (error)
			return error;
		turn_connect(turn, &pair);
		if (!sweep->ports)
			continue;
		contender_thaw(&turn->contender);
		options_progress("%s: %u, idle", sweep->title, size);
		scale->sweeps[number].idle[i] = measure_idle(&turn->contender);
		contender_freeze(&turn->contender);
	}
	return 0;
}

static void tear_down(struct field *field)
{
	for (unsigned i = 0; i < field->n; i++) {
		turn_disconnect(&field->turns[i]);
		contender_end(&field->turns[i].contender);
	}
	for (unsigned i = 0; i < field->n_idle; i++)
		guest_destroy(&field->idle[i]);
	free(field->idle);
	free(field);
}

/* Load a pair with traffic of a shape (NULL: the plainest), until all flows were met. */
static void load(const struct scale *scale, struct turn *turn,
		 void (*shape)(struct stream_options *stream, unsigned size), unsigned size)
{
	struct stream_options stream = {.size = STREAM_SIZE_MIN, .flows = 1};

	if (shape)
		shape(&stream, size);
	turn_load(turn, &stream, scale->options->warmup_s + (double)stream.flows / WARM_PPS);
}

int scale_run(struct scale *scale, unsigned number)
{
	struct scale_sweep *result = &scale->sweeps[number];
	struct field *field = calloc(1, sizeof(*field));
	int error;

	check(field, "out of memory");
	error = prepare(scale, number, field);
	for (unsigned i = 0; i < field->n && !error && !place_is_interrupted(); i++) {
		if (sweeps[number].warm)
			load(scale, &field->turns[i], sweeps[number].warm, sweeps[number].sizes[i]);
		load(scale, &field->turns[i], sweeps[number].shape, sweeps[number].sizes[i]);
	}
	if (!error) {
		turn_measure(field->turns, result->cells, field->n, scale->options,
			     sweeps[number].title);
		for (unsigned i = 0; i < field->n; i++)
			result->memory_kib[i] = contender_memory_kib(&field->turns[i].contender);
		result->done = true;
	}
	tear_down(field);
	options_progress(NULL);
	return place_is_interrupted() ? -EINTR : error;
}

double scale_mpps(const struct scale *scale, unsigned number, unsigned point,
		  enum placement placement)
{
	const struct turn_cell *cell = &scale->sweeps[number].cells[point];

	return window_summarise(cell->windows, cell->n, placement).mpps;
}

double scale_part(const struct scale *scale, unsigned number, unsigned point,
		  enum placement placement)
{
	double first = scale_mpps(scale, number, 0, placement);

	return first > 0 ? scale_mpps(scale, number, point, placement) / first : 0;
}
