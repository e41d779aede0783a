/*
 * noisy - see noisy.h.
 */
#include "bench/noisy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contender.h"
#include "bench/document.h"
#include "tests/lib/check.h"

enum {
	TRIES = 4, /* as many windows as were asked for are measured at most so many times */
	QUIET = 0,
	LOUD = 1,
};

/* A window that counts. */
struct sample {
	enum placement placement;
	double p50_us;
	double p99_us;
};

struct noisy {
	const struct options *options;
	struct contender contender;
	struct pair pair;
	struct flood flood;
	struct sample *samples[2]; /* QUIET and LOUD */
	unsigned n[2];
	struct noisy_result result;
	double flood_s;
};

/* The victim and the guest that floods, each a tenant with a network. */
static int write_document(const char *path, bool stateful)
{
	const char *groups = stateful ? ", groups: [all]" : "";
	FILE *to = fopen(path, "we");

	if (!to)
		return -errno;
	fputs("tenants:\n", to);
	document_begin(to, "vlan: 10");
	document_ports(to, document_mac_a, document_mac_b);
	fprintf(to,
		"  noise:\n    networks: {n: {vlan: 20}}\n"
		"    groups: {all: [allow in any, allow out any]}\n"
		"    ports:\n"
		"      sender: {vhost-user: sender.sock, network: n%s}\n"
		"      taker: {vhost-user: taker.sock, network: n%s}\n",
		groups, groups);
	return fclose(to) ? -EIO : 0;
}

static int start(struct noisy *noisy, const struct place *place, const struct flood_kind *kind)
{
	char document[128], sender[128], taker[128];
	struct pair_options pair = noisy->options->pair;
	struct contender *contender = &noisy->contender;
	struct place own;
	int error = contender_settle(contender, &contender_sluice, place, kind->name, &own);

	if (error)
		return error;
	snprintf(document, sizeof(document), "%s/sluice.yaml", own.folder);
	snprintf(sender, sizeof(sender), "%s/sender.sock", own.folder);
	snprintf(taker, sizeof(taker), "%s/taker.sock", own.folder);
	error = write_document(document, kind->stateful);
	if (!error)
		error = contender_start_sluice(contender, &own, document);
	if (error) {
		fprintf(stderr, "sluice-bench: Sluice does not start (%s); its logs: %s\n",
			strerror(-error), own.folder);
		return error;
	}
	pair.guest.huge = place->huge;
	pair.frame_max = STREAM_SIZE_MIN;
	error = pair_create(&noisy->pair, &pair, contender->paths[0], contender->paths[1]);
	if (error)
		return error;
	error = flood_create(&noisy->flood, kind, sender, taker);
	if (error)
		pair_destroy(&noisy->pair);
	return error;
}

static void step(void *user, uint64_t now_ns)
{
	flood_step(user, now_ns);
}

/* One window, with the flood or without. False: nothing arrived. */
static bool measure(struct noisy *noisy, unsigned which)
{
	const struct options *options = noisy->options;
	struct noisy_result *result = &noisy->result;
	struct pair *pair = &noisy->pair;
	uint64_t before = noisy->flood.frames + noisy->flood.steps * !noisy->flood.frames;
	struct window window;

	pair->latency = (struct histogram){.count = 0};
	pair->beside = which == LOUD ? step : NULL;
	pair->user = &noisy->flood;
	if (!pair_measure(pair, options->seconds, options->rate_pps, &window))
		return false;
	if (window_is_disturbed(&window)) {
		result->disturbed++;
		return true;
	}
	if (which == LOUD) {
		result->sent += window.counts.sent;
		result->lost += window.lost + window.unsent;
		result->wrong += window.counts.late + window.counts.corrupt + window.counts.foreign;
		noisy->flood_s += window.seconds;
		result->flood_pps += (double)(noisy->flood.frames +
					      noisy->flood.steps * !noisy->flood.frames - before);
	}
	noisy->samples[which][noisy->n[which]++] = (struct sample){
		.placement = window.placement,
		.p50_us = (double)histogram_percentile(&pair->latency, 50) / 1000,
		.p99_us = (double)histogram_percentile(&pair->latency, 99) / 1000,
	};
	return true;
}

/* The medians of @which at @placement: how many windows they are of. */
static unsigned summarise(const struct noisy *noisy, unsigned which, enum placement placement,
			  double *ret_p50_us, double *ret_p99_us)
{
	double *p50 = calloc(2 * (size_t)noisy->n[which] + 1, sizeof(*p50));
	double *p99 = p50 + noisy->n[which];
	unsigned n = 0;

	check(p50, "out of memory");
	for (unsigned i = 0; i < noisy->n[which]; i++) {
		const struct sample *sample = &noisy->samples[which][i];

		if (sample->placement != placement)
			continue;
		p50[n] = sample->p50_us;
		p99[n++] = sample->p99_us;
	}
	if (n) {
		*ret_p50_us = window_median(p50, n);
		*ret_p99_us = window_median(p99, n);
	}
	free(p50);
	return n;
}

/* At the placement of which there are most windows of the rarer kind. */
static void conclude(struct noisy *noisy)
{
	struct noisy_result *result = &noisy->result;

	for (enum placement placement = 0; placement < PLACEMENT__COUNT; placement++) {
		double p50[2], p99[2];
		unsigned quiet = summarise(noisy, QUIET, placement, &p50[QUIET], &p99[QUIET]);
		unsigned loud = summarise(noisy, LOUD, placement, &p50[LOUD], &p99[LOUD]);
		unsigned both = quiet < loud ? quiet : loud;

		if (both <= result->windows)
			continue;
		result->placement = placement;
		result->windows = both;
		memcpy(result->p50_us, p50, sizeof(p50));
		memcpy(result->p99_us, p99, sizeof(p99));
	}
	if (noisy->flood_s > 0)
		result->flood_pps /= noisy->flood_s;
}

static int run(struct noisy *noisy)
{
	const struct options *options = noisy->options;

	for (unsigned i = 0; i < 2; i++) {
		noisy->samples[i] = calloc(options->windows, sizeof(*noisy->samples[i]));
		check(noisy->samples[i], "out of memory");
	}
	pair_load(&noisy->pair, &options->stream, false, options->warmup_s);
	for (unsigned try = 0; try < TRIES * options->windows && !place_is_interrupted(); try++) {
		unsigned first = try % 2;

		if (noisy->n[QUIET] == options->windows && noisy->n[LOUD] == options->windows)
			break;
		options_progress("%s: window %u of %u", noisy->flood.kind->title,
				 noisy->n[LOUD] + 1, options->windows);
		for (unsigned i = 0; i < 2; i++) {
			unsigned which = i ^ first;

			if (noisy->n[which] < options->windows && !measure(noisy, which)) {
				fprintf(stderr, "sluice-bench: %s: %s\n", noisy->flood.kind->title,
					pair_silence_name(noisy->pair.silence));
				return -EIO;
			}
		}
	}
	options_progress(NULL);
	conclude(noisy);
	return 0;
}

bool noisy_is_met(const struct noisy_result *result)
{
	return result->windows > 0 && !result->lost && !result->wrong &&
	       result->p99_us[LOUD] < NOISY_GROWTH * result->p99_us[QUIET];
}

int noisy_measure(const struct options *options, const struct place *place,
		  const struct flood_kind *kind, struct noisy_result *ret_result)
{
	struct noisy noisy = {.options = options};
	int error = start(&noisy, place, kind);

	if (!error) {
		error = run(&noisy);
		flood_destroy(&noisy.flood);
		pair_destroy(&noisy.pair);
	}
	for (unsigned i = 0; i < 2; i++)
		free(noisy.samples[i]);
	contender_end(&noisy.contender);
	if (!error)
		*ret_result = noisy.result;
	return error;
}
