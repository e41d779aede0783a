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
};

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
	for (unsigned i = 0; i < compare->n_turns; i++)
		if (compare->turns[i].contender.kind == kind)
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
		struct contender *contender = &compare->turns[compare->n_turns].contender;
		const struct contender_kind *kind = compare_kinds[i];

		if (!compare_chooses(options->switches, kind->name))
			continue;
		options_progress("starting %s", kind->title);
		if (!kind->is_found(place))
			fprintf(stderr, "sluice-bench: no %s here: apt-get install %s\n",
				kind->title, kind->package ? kind->package : kind->name);
		else if (contender_start(contender, kind, place) == 0)
			compare->n_turns++;
		contender_freeze(contender);
	}
	options_progress(NULL);
	return compare->n_turns ? 0 : -ENOENT;
}

void compare_destroy(struct compare *compare)
{
	bool failed = compare->n_turns == 0;

	for (unsigned i = 0; i < compare->n_turns; i++) {
		turn_disconnect(&compare->turns[i]);
		failed = failed || !contender_lives(&compare->turns[i].contender);
		contender_end(&compare->turns[i].contender);
		for (unsigned w = 0; w < WORKLOAD__COUNT; w++)
			free(compare->cells[w][i].windows);
	}
	place_destroy(&compare->place, failed);
}

static void run_workload(struct compare *compare, unsigned w)
{
	for (unsigned i = 0; i < compare->n_turns && !place_is_interrupted(); i++)
		turn_load(&compare->turns[i], &workloads[w].stream, compare->options->warmup_s);
	turn_measure(compare->turns, compare->cells[w], compare->n_turns, compare->options,
		     workloads[w].title);
}

/* All workloads over rings of one layout. */
static void run_layout(struct compare *compare, bool packed)
{
	const char *chosen = compare->options->workloads;
	struct pair_options pair = compare->options->pair;
	bool connected = false;

	pair.guest.packed = packed;
	pair.guest.huge = compare->place.huge;
	pair.frame_max = 1518 - STREAM_FCS;

	for (unsigned w = 0; w < WORKLOAD__COUNT && !place_is_interrupted(); w++) {
		if (workloads[w].packed != packed || !compare_chooses(chosen, workloads[w].name))
			continue;
		for (unsigned i = 0; i < compare->n_turns && !connected; i++)
			turn_connect(&compare->turns[i], &pair);
		connected = true;
		run_workload(compare, w);
	}
	for (unsigned i = 0; i < compare->n_turns; i++)
		turn_disconnect(&compare->turns[i]);
}

bool compare_run(struct compare *compare)
{
	run_layout(compare, false);
	run_layout(compare, true);
	options_progress(NULL);
	return !place_is_interrupted();
}
