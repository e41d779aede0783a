/*
 * copier - measures, and settles.
 */
#include "vhost/copier.h"

#include "vhost/stream.h"

enum {
	/* Frames before the first trial (what does not last is not worth one), and between two. */
	FIRST_FRAMES = 1 << 17,
	SETTLED_FRAMES = 1 << 19, /* 30 to 100 ms at full rate */
	YOUNG_FRAMES = 1 << 15,	  /* while little is known */
	YOUNG_TRIALS = 4,
	PHASE_FRAMES = 2048, /* at least, that a trial's phase lasts */

	WATCH_LINES = 2048, /* timed, until they are compared */
	WATCH_ODD = 2,	    /* comparisons that fail, until what was learned is forgotten */

	/* Of 8 parts: what plain stores may cost before they are given up, and to be taken again. */
	DEAR = 12,
	CHEAP = 10,
	/*
	 * Of 8 parts: what a way may cost, of what it did, before somebody has moved; and of
	 * what it did in the trial, where more of it was timed.
	 */
	MOVED = 12,
	MOVED_SINCE = 16,
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

/* Picoseconds a line, of what was timed. */
static uint64_t cost_now(const struct copier *copier)
{
	return copier->ns * 1000 / (copier->lines + 1) + 1;
}

/*
 * A phase that was interrupted by another process says little: a dear one is not believed
 * much. Nothing makes one cheap by chance.
 */
static void learn(struct copier *copier)
{
	uint64_t *cost = &copier->cost[copier->way];
	uint64_t now = cost_now(copier), weight = copier->trials + 1;

	if (*cost > 0 && now > 2 * *cost)
		now = 2 * *cost;
	*cost = now * 2 > *cost && *cost > 0 ? (*cost * (weight - 1) + now) / weight : now;
}

static enum copier_way other(enum copier_way way)
{
	return way == COPIER_PLAIN ? COPIER_STREAM : COPIER_PLAIN;
}

static enum copier_way choose(const struct copier *copier)
{
	uint64_t plain = copier->cost[COPIER_PLAIN] * 8, stream = copier->cost[COPIER_STREAM];

	if (plain > stream * DEAR)
		return COPIER_STREAM;
	if (plain < stream * CHEAP)
		return COPIER_PLAIN;
	/* in between, as it was before the trial */
	return other(copier->way);
}

static void settle(struct copier *copier)
{
	bool young = copier->trials < YOUNG_TRIALS - 1;

	copier->way = choose(copier);
	copier->trials += young;
	copier->usual = 0;
	copier->odd = 0;
	begin(copier, COPIER_SETTLED, young ? YOUNG_FRAMES : SETTLED_FRAMES);
}

static bool is_near(uint64_t a, uint64_t b, unsigned parts)
{
	return a * 8 <= b * parts && b * 8 <= a * parts;
}

/* Is the cost what it was? If not, and not for the first time, a trial is due, as if it were the first. */
static void watch(struct copier *copier)
{
	uint64_t now = cost_now(copier), trial = copier->cost[copier->way];

	if (copier->lines < WATCH_LINES || trial == 0)
		return;
	copier->ns = 0;
	copier->lines = 0;
	if (copier->usual > 0 ? is_near(now, copier->usual, MOVED)
			      : is_near(now, trial, MOVED_SINCE)) {
		copier->usual = copier->usual > 0 ? copier->usual : now;
		copier->odd = 0;
	} else if (++copier->odd == WATCH_ODD) {
		copier->cost[COPIER_PLAIN] = 0;
		copier->cost[COPIER_STREAM] = 0;
		copier->trials = 0;
		copier->left = 0;
	}
}

void copier_burst(struct copier *copier, unsigned size, unsigned frames, uint64_t lines,
		  uint64_t ns)
{
	int64_t phase_frames = size > PHASE_FRAMES ? size : PHASE_FRAMES;

	if (copier->wish != VHOST_COPY_MEASURED)
		return;
	copier->left -= frames;
	copier->bursts++;
	if (ns > 0) {
		copier->lines += lines;
		copier->ns += ns;
	}
	if (copier->phase == COPIER_SETTLED)
		watch(copier);
	if (copier->left > 0)
		return;
	switch (copier->phase) {
	case COPIER_SETTLED: begin(copier, COPIER_TIMED, phase_frames); break;
	case COPIER_TIMED:
		learn(copier);
		copier->way = other(copier->way);
		begin(copier, COPIER_OTHER, phase_frames);
		break;
	case COPIER_OTHER: begin(copier, COPIER_OTHER_TIMED, phase_frames); break;
	case COPIER_OTHER_TIMED:
		learn(copier);
		settle(copier);
		break;
	}
}

const char *copier_name(const struct copier *copier)
{
	return copier->way == COPIER_STREAM ? "stream" : "plain";
}
