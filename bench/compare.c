/*
 * compare - see compare.h.
 */
#include "bench/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"

enum {
	GUESTS_MIB = 80, /* of two guests, in huge pages */
	LONGEST = 1518,
	TSO_RING = 256, /* 16 MiB in buffers each way: more than caches nearby, less than all */
};

const struct contender_kind *const compare_kinds[COMPARE_KINDS] = {
	&contender_sluice,	 &contender_sluice_rules, &contender_sluice_groups,
	&contender_sluice_both,	 &contender_ovs,	  &contender_ovs_rules,
	&contender_ovs_groups,	 &contender_testpmd,	  &contender_wire,
	&contender_memcpy,	 &contender_sluice_taps,  &contender_bridge_taps,
	&contender_bridge_veths,
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

static bool takes_part(const struct options *options, const struct contender_kind *kind)
{
	enum contender_field field = options->taps     ? FIELD_TAPS
				     : options->policy ? FIELD_POLICY
						       : FIELD_PLAIN;

	return kind->fields & field && compare_chooses(options->switches, kind->name);
}

int compare_create(struct compare *compare, const struct options *options)
{
	struct place *place = &compare->place;
	unsigned huge_mib = 0;
	int error;

	*compare = (struct compare){.options = options};
	for (unsigned i = 0; i < COMPARE_KINDS; i++)
		if (takes_part(options, compare_kinds[i]))
			huge_mib += compare_kinds[i]->huge_mib + GUESTS_MIB;
	error = place_create(place, options->pair.switch_cpu, huge_mib);
	if (!error && options->taps)
		error = place_hide_devices();
	if (error)
		return error;
	for (unsigned i = 0; i < COMPARE_KINDS && !place_is_interrupted(); i++) {
		struct contender *contender = &compare->turns[compare->n_turns].contender;
		const struct contender_kind *kind = compare_kinds[i];

		if (!takes_part(options, kind))
			continue;
		options_progress("starting %s", kind->title);
		if (!kind->is_found(place))
			fprintf(stderr, "sluice-bench: no %s here: apt-get install %s\n",
				kind->title, kind->package ? kind->package : kind->name);
		else if (contender_start(contender, kind, place) == 0)
			compare->n_turns++;
		else
			compare->failed = true;
		contender_freeze(contender);
	}
	options_progress(NULL);
	return compare->n_turns ? 0 : -ENOENT;
}

void compare_destroy(struct compare *compare)
{
	bool failed = compare->failed;

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

/* Can two workloads have the same guests? */
static bool share_guests(const struct workload *a, const struct workload *b)
{
	return a->packed == b->packed && a->stream.tso == b->stream.tso;
}

static struct pair_options guests_for(const struct compare *compare,
				      const struct workload *workload)
{
	struct pair_options pair = compare->options->pair;
	bool tso = workload->stream.tso;

	pair.guest.packed = workload->packed;
	pair.guest.tso = tso;
	pair.guest.huge = compare->place.huge;
	if (tso)
		pair.guest.ring_size = TSO_RING;
	pair.frame_max = (tso ? STREAM_SIZE_TSO : LONGEST) - STREAM_FCS;
	return pair;
}

/* What rules cost is measured with many flows, if nobody says otherwise. */
static bool is_wanted(const struct compare *compare, unsigned w)
{
	const struct options *options = compare->options;

	/* There are no packed rings at devices. */
	if (options->taps && workloads[w].packed)
		return false;
	if (options->taps && !options->workloads)
		return w == WORKLOAD_64 || w == WORKLOAD_1518 || w == WORKLOAD_TSO;
	if (options->policy && !options->workloads)
		return w == WORKLOAD_64_1K;
	return compare_chooses(options->workloads, workloads[w].name);
}

/* The workload, and all behind it that have the same guests; @done has a bit for each that was done. */
static void run_alike(struct compare *compare, unsigned first, uint32_t *done)
{
	struct pair_options pair = guests_for(compare, &workloads[first]);

	for (unsigned i = 0; i < compare->n_turns && !place_is_interrupted(); i++)
		turn_connect(&compare->turns[i], &pair);
	for (unsigned w = first; w < WORKLOAD__COUNT && !place_is_interrupted(); w++) {
		if (!is_wanted(compare, w) || !share_guests(&workloads[first], &workloads[w]))
			continue;
		run_workload(compare, w);
		*done |= 1U << w;
	}
	for (unsigned i = 0; i < compare->n_turns; i++)
		turn_disconnect(&compare->turns[i]);
}

bool compare_run(struct compare *compare)
{
	uint32_t done = 0;

	for (unsigned w = 0; w < WORKLOAD__COUNT && !place_is_interrupted(); w++)
		if (!(done >> w & 1) && is_wanted(compare, w))
			run_alike(compare, w, &done);
	options_progress(NULL);
	return !place_is_interrupted();
}
