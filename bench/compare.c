/*
 * compare - see compare.h.
 */
#include "bench/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"

enum {
	HUGE_MIB = 512 + 256 + COMPARE_KINDS * 32, /* OVS-DPDK, testpmd, guests */
	CONNECT_S = 15,
	SETTLE_TRIES = 40,
	SETTLE_GOOD = 5,
};

static const double settle_s = 0.2;

const struct contender_kind *const compare_kinds[COMPARE_KINDS] = {
	&contender_sluice,
	&contender_ovs,
	&contender_testpmd,
	&contender_wire,
};

bool compare_chooses(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words && *words) {
		size_t part = strcspn(words, ",");

		if (part == len && strncmp(words, word, len) == 0)
			return true;
		words += part + (words[part] == ',');
	}
	return !words;
}

int compare_find(const struct compare *compare, const struct contender_kind *kind)
{
	for (unsigned i = 0; i < compare->n_contenders; i++)
		if (compare->contenders[i].kind == kind)
			return (int)i;
	return -1;
}

int compare_create(struct compare *compare, const struct options *options)
{
	struct place *place = &compare->place;
	int error;

	*compare = (struct compare){.options = options};
	error = place_create(place, options->pair.switch_cpu, HUGE_MIB);
	if (error)
		return error;
	for (unsigned i = 0; i < COMPARE_KINDS && !place_is_interrupted(); i++) {
		struct contender *contender = &compare->contenders[compare->n_contenders];
		const struct contender_kind *kind = compare_kinds[i];

		if (!compare_chooses(options->switches, kind->name))
			continue;
		options_progress("starting %s", kind->title);
		if (!kind->is_found(place))
			fprintf(stderr, "sluice-bench: no %s here: apt-get install %s\n",
				kind->title, kind->package ? kind->package : kind->name);
		else if (contender_start(contender, kind, place) == 0)
			compare->n_contenders++;
		contender_freeze(contender);
	}
	options_progress(NULL);
	return compare->n_contenders ? 0 : -ENOENT;
}

static void disconnect(struct compare *compare)
{
	for (unsigned i = 0; i < compare->n_contenders; i++) {
		if (!compare->connected[i])
			continue;
		contender_thaw(&compare->contenders[i]);
		pair_destroy(&compare->pairs[i]);
		compare->connected[i] = false;
		contender_freeze(&compare->contenders[i]);
	}
}

void compare_destroy(struct compare *compare)
{
	bool failed = compare->n_contenders == 0;

	disconnect(compare);
	for (unsigned i = 0; i < compare->n_contenders; i++) {
		failed = failed || !contender_lives(&compare->contenders[i]);
		contender_end(&compare->contenders[i]);
		for (unsigned w = 0; w < WORKLOAD__COUNT; w++)
			free(compare->cells[i][w].windows);
	}
	place_destroy(&compare->place, failed);
}

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

static bool connect_one(struct compare *compare, unsigned i, bool packed)
{
	const struct contender *contender = &compare->contenders[i];
	struct pair_options options = compare->options->pair;

	options.guest.server = contender->kind->dials;
	options.guest.packed = packed;
	options.guest.huge = compare->place.huge;
	options.frame_max = 1518 - STREAM_FCS;
	options.limit_s = CONNECT_S;
	if (pair_create(&compare->pairs[i], &options, contender->paths[0], contender->paths[1]))
		return false;
	if (settle(&compare->pairs[i]))
		return true;
	fprintf(stderr, "sluice-bench: %s: nothing arrives\n", contender->kind->title);
	pair_destroy(&compare->pairs[i]);
	return false;
}

/* The guests of all contenders that have such rings. */
static void connect_all(struct compare *compare, bool packed)
{
	for (unsigned i = 0; i < compare->n_contenders && !place_is_interrupted(); i++) {
		options_progress("connecting to %s", compare->contenders[i].kind->title);
		contender_thaw(&compare->contenders[i]);
		compare->connected[i] = connect_one(compare, i, packed);
		contender_freeze(&compare->contenders[i]);
	}
}

/* One window of contender @i. */
static void measure(struct compare *compare, unsigned i, struct compare_cell *cell)
{
	const struct options *options = compare->options;
	struct window window;
	bool heard;

	contender_thaw(&compare->contenders[i]);
	heard = pair_measure(&compare->pairs[i], options->seconds, 0, &window);
	contender_freeze(&compare->contenders[i]);
	if (heard) {
		cell->windows[cell->n++] = window;
		return;
	}
	cell->silent++;
	cell->cause = compare->pairs[i].silence;
	if (cell->cause == PAIR_BROKEN)
		compare->connected[i] = false;
}

static void run_workload(struct compare *compare, unsigned w)
{
	const struct options *options = compare->options;
	unsigned n = compare->n_contenders;

	for (unsigned i = 0; i < n && !place_is_interrupted(); i++) {
		struct compare_cell *cell = &compare->cells[i][w];

		cell->windows = calloc(options->windows, sizeof(*cell->windows));
		check(cell->windows, "out of memory");
		if (!compare->connected[i])
			continue;
		options_progress("%s: warming %s", workloads[w].title,
				 compare->contenders[i].kind->title);
		contender_thaw(&compare->contenders[i]);
		pair_load(&compare->pairs[i], &workloads[w].stream, false, options->warmup_s);
		contender_freeze(&compare->contenders[i]);
	}
	for (unsigned round = 0; round < options->windows && !place_is_interrupted(); round++) {
		options_progress("%s: round %u of %u", workloads[w].title, round + 1,
				 options->windows);
		for (unsigned turn = 0; turn < n; turn++) {
			unsigned i = round % 2 ? n - 1 - turn : turn;

			if (compare->connected[i])
				measure(compare, i, &compare->cells[i][w]);
		}
	}
}

/* All workloads over rings of one layout. */
static void run_layout(struct compare *compare, bool packed)
{
	const char *chosen = compare->options->workloads;
	bool connected = false;

	for (unsigned w = 0; w < WORKLOAD__COUNT && !place_is_interrupted(); w++) {
		if (workloads[w].packed != packed || !compare_chooses(chosen, workloads[w].name))
			continue;
		if (!connected)
			connect_all(compare, packed);
		connected = true;
		run_workload(compare, w);
	}
	disconnect(compare);
}

bool compare_run(struct compare *compare)
{
	run_layout(compare, false);
	run_layout(compare, true);
	options_progress(NULL);
	return !place_is_interrupted();
}
