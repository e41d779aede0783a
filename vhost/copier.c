/*
 * copier - measures, and settles.
 */
#include "vhost/copier.h"

#include "vhost/stream.h"

enum {
	/* Frames before the first trial (what does not last is not worth one), and between two. */
	FIRST_FRAMES = 1 << 17,
	SETTLED_FRAMES = 1 << 19, /* 30 to 100 ms at full rate */
	PHASE_FRAMES = 2048,	  /* at least, that a trial's phase lasts */
	WEIGHT = 4,		  /* a new cost counts one part of this many */

	/* Of 8 parts: what plain stores may cost before they are given up, and to be taken again. */
	DEAR = 12,
	CHEAP = 10,
};

void copier_create(struct copier *copier, enum vhost_copy wish)
{
	*copier = (struct copier){
		.wish = STREAM_EXISTS ? wish : VHOST_COPY_PLAIN,
		.left = FIRST_FRAMES,
	};
	if (copier->wish == VHOST_COPY_STREAM)
		copier->way = COPIER_STREAM;
}

static void begin(struct copier *copier, unsigned phase, int64_t left)
{
	copier->phase = phase;
	copier->left = left;
	copier->ns = 0;
	copier->lines = 0;
}

/* A phase that was interrupted by another process says little: one is not believed much. */
static void learn(struct copier *copier)
{
	uint64_t *cost = &copier->cost[copier->way];
	uint64_t now = copier->ns * 1000 / (copier->lines + 1) + 1;

	if (*cost > 0 && now > 2 * *cost)
		now = 2 * *cost;
	*cost = *cost > 0 ? (*cost * (WEIGHT - 1) + now) / WEIGHT : now;
}

static enum copier_way settle(const struct copier *copier)
{
	uint64_t plain = copier->cost[COPIER_PLAIN] * 8, stream = copier->cost[COPIER_STREAM];

	if (plain > stream * DEAR)
		return COPIER_STREAM;
	if (plain < stream * CHEAP)
		return COPIER_PLAIN;
	/* in between, as it was before the trial */
	return copier->way == COPIER_PLAIN ? COPIER_STREAM : COPIER_PLAIN;
}

void copier_burst(struct copier *copier, unsigned size, unsigned frames, uint64_t lines,
		  uint64_t ns)
{
	int64_t phase_frames = size > PHASE_FRAMES ? size : PHASE_FRAMES;

	if (copier->wish != VHOST_COPY_MEASURED)
		return;
	copier->left -= frames;
	copier->lines += lines;
	copier->ns += ns;
	if (copier->left > 0)
		return;
	switch (copier->phase) {
	case COPIER_SETTLED: begin(copier, COPIER_TIMED, phase_frames); break;
	case COPIER_TIMED:
		learn(copier);
		copier->way = copier->way == COPIER_PLAIN ? COPIER_STREAM : COPIER_PLAIN;
		begin(copier, COPIER_OTHER, phase_frames);
		break;
	case COPIER_OTHER: begin(copier, COPIER_OTHER_TIMED, phase_frames); break;
	case COPIER_OTHER_TIMED:
		learn(copier);
		copier->way = settle(copier);
		begin(copier, COPIER_SETTLED, SETTLED_FRAMES);
		break;
	}
}

const char *copier_name(const struct copier *copier)
{
	return copier->way == COPIER_STREAM ? "stream" : "plain";
}
