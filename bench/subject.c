/*
 * subject - see subject.h.
 */
#include "bench/subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/compare.h"

enum { HUGE_MIB = 512 + 64 };

/* The first that the options name; Sluice if they name none. */
static const struct contender_kind *kind_of(const struct options *options)
{
	for (unsigned i = 0; i < COMPARE_KINDS; i++)
		if (!compare_kinds[i]->copies && compare_kinds[i]->side == GUEST_VHOST &&
		    compare_chooses(options->switches, compare_kinds[i]->name))
			return compare_kinds[i];
	return NULL;
}

static int start(struct subject *subject, struct options *options)
{
	const struct contender_kind *kind = kind_of(options);
	struct contender *contender = &subject->contender;
	int error;

	if (!kind) {
		fprintf(stderr, "sluice-bench: there is no switch %s\n", options->switches);
		return -ENOENT;
	}
	error = place_create(&subject->place, options->pair.switch_cpu, HUGE_MIB);
	if (error)
		return error;
	options_progress("starting %s", kind->title);
	subject->started = true;
	error = contender_start(contender, kind, &subject->place);
	if (error)
		return error;
	options->pair.guest.server = kind->dials;
	options->pair.guest.huge = subject->place.huge;
	return pair_create(&subject->pair, &options->pair, contender->paths[0],
			   contender->paths[1]);
}

int subject_create(struct subject *subject, struct options *options, char *const *paths)
{
	int error;

	*subject = (struct subject){.started = false};
	if (paths)
		return pair_create(&subject->pair, &options->pair, paths[0], paths[1]);
	error = start(subject, options);
	options_progress(NULL);
	if (error && subject->started) {
		contender_end(&subject->contender);
		place_destroy(&subject->place, true);
	}
	return error;
}

void subject_destroy(struct subject *subject)
{
	bool lives = !subject->started || contender_lives(&subject->contender);

	pair_destroy(&subject->pair);
	if (!subject->started)
		return;
	contender_end(&subject->contender);
	place_destroy(&subject->place, !lives);
}

uint64_t subject_cpu_ns(const struct subject *subject, const struct options *options)
{
	if (subject->started)
		return contender_cpu_ns(&subject->contender);
	return options->pid ? child_process_cpu_ns(options->pid) : 0;
}
