/*
 * test_sleep - no wake-up is lost, whatever the order of steps: a model of the
 * argument in worker.c, tried exhaustively.
 *
 * Two threads, each a list of steps on shared words, with a store buffer each as
 * processors have one: a store reaches the other thread at any later time, in order,
 * but at a fence at the latest. Every interleaving of steps and of stores becoming
 * visible is walked through. Lost is a state in which the worker sleeps, nobody has
 * anything left to do, and something waits. Each rule of the argument is also left
 * out once, to see that the model would notice.
 */
#include <stdbool.h>

#include "tests/unit/switch/unit.h"

enum {
	FRAMES = 3,
	BUFFERED = 4, /* stores a thread may have that are not yet visible */
	STATES = 1 << 16,
};

/* Words that both threads see. */
enum word {
	PUBLISHED, /* frames that the sender made available; or places that control filled */
	ARMED,	   /* tell me; or the news flag */
	WORDS,
};

enum rule {
	RULE_SENDER_FENCE = 1 << 0,
	RULE_WORKER_FENCE = 1 << 1,
	RULE_SECOND_LOOK = 1 << 2,
	RULE_DISARM_AFTER =
		1 << 3, /* the event is taken first, then what it is about is looked at */
	RULES_ALL = (1 << 4) - 1,
};

struct thread {
	uint8_t step;
	uint8_t n;		  /* stores in the buffer, oldest first */
	uint8_t words[BUFFERED];  /* which */
	uint8_t values[BUFFERED]; /* and what */
};

struct state {
	uint8_t shared[WORDS];
	uint8_t event; /* the kick, or the wake fd, that the epoll set keeps */
	uint8_t sent, taken;
	struct thread sender, worker;
};

static struct state *seen;
static uint8_t *used;
static unsigned n_lost, n_states, rules;

static void explore(struct state state);

/* ---- a thread's memory ---- */

static uint8_t load(const struct state *state, const struct thread *thread, enum word word)
{
	/* its own stores a thread sees at once */
	for (unsigned i = thread->n; i-- > 0;)
		if (thread->words[i] == word)
			return thread->values[i];
	return state->shared[word];
}

static void drain_one(struct state *state, struct thread *thread)
{
	state->shared[thread->words[0]] = thread->values[0];
	thread->n--;
	memmove(thread->words, thread->words + 1, thread->n);
	memmove(thread->values, thread->values + 1, thread->n);
	/* what is behind the end shall not tell states apart */
	thread->words[thread->n] = thread->values[thread->n] = 0;
}

static void store(struct state *state, struct thread *thread, enum word word, uint8_t value)
{
	/* a processor waits when its buffer is full */
	if (thread->n == BUFFERED)
		drain_one(state, thread);
	thread->words[thread->n] = (uint8_t)word;
	thread->values[thread->n++] = value;
}

static void fence(struct state *state, struct thread *thread)
{
	while (thread->n)
		drain_one(state, thread);
}

/* ---- a guest and its worker ---- */

/* Publish a frame; kick if the worker asks for that. False: done. */
static bool sender_step(struct state *state)
{
	struct thread *self = &state->sender;

	switch (self->step) {
	case 0:
		if (state->sent == FRAMES)
			return false;
		store(state, self, PUBLISHED, ++state->sent);
		break;
	case 1:
		if (rules & RULE_SENDER_FENCE)
			fence(state, self);
		break;
	case 2:
		/* a system call: what was stored before is visible */
		if (load(state, self, ARMED)) {
			fence(state, self);
			state->event = 1;
		}
		self->step = 0;
		return true;
	}
	self->step++;
	return true;
}

/* Take; arm; look again; sleep. False: asleep, with nothing to wake it. */
static bool worker_step(struct state *state)
{
	struct thread *self = &state->worker;

	switch (self->step) {
	case 0: /* a round: stays here as long as there are frames */
		if (load(state, self, PUBLISHED) != state->taken)
			state->taken = load(state, self, PUBLISHED);
		else
			self->step = 1;
		return true;
	case 1: store(state, self, ARMED, 1); break;
	case 2:
		if (rules & RULE_WORKER_FENCE)
			fence(state, self);
		break;
	case 3:
		if ((rules & RULE_SECOND_LOOK) && load(state, self, PUBLISHED) != state->taken) {
			store(state, self, ARMED, 0);
			self->step = 0;
			return true;
		}
		break;
	case 4: /* quiet; the kick is kept until it is asked for */
		fence(state, self);
		if (!state->event)
			return false;
		state->event = 0;
		store(state, self, ARMED, 0);
		self->step = 0;
		return true;
	}
	self->step++;
	return true;
}

/* ---- the control thread and its worker ---- */

/* Fill a place, set the news flag, write the wake fd; for each of FRAMES places. */
static bool control_step(struct state *state)
{
	struct thread *self = &state->sender;

	switch (self->step) {
	case 0:
		if (state->sent == FRAMES)
			return false;
		store(state, self, PUBLISHED, ++state->sent);
		break;
	case 1: store(state, self, ARMED, 1); break;
	case 2:
		fence(state, self);
		state->event = 1;
		self->step = 0;
		return true;
	}
	self->step++;
	return true;
}

/* Asleep on the wake fd; read it, take the flag back, look at the places. */
static bool listener_step(struct state *state)
{
	struct thread *self = &state->worker;
	bool event_first = rules & RULE_DISARM_AFTER;

	switch (self->step) {
	case 0:
		if (!state->event)
			return false;
		if (event_first)
			state->event = 0;
		break;
	case 1: /* an exchange is a fence */
		fence(state, self);
		if (state->shared[ARMED])
			state->taken = state->shared[PUBLISHED];
		state->shared[ARMED] = 0;
		break;
	case 2:
		if (!event_first)
			state->event = 0;
		self->step = 0;
		return true;
	}
	self->step++;
	return true;
}

/* ---- all interleavings ---- */

static bool (*step_sender)(struct state *), (*step_worker)(struct state *);

/* Has @state been seen? Then nothing new follows from it. */
static bool is_known(const struct state *state)
{
	uint64_t hash = 14695981039346656037ULL;

	for (size_t i = 0; i < sizeof(*state); i++)
		hash = (hash ^ ((const uint8_t *)state)[i]) * 1099511628211ULL;
	for (uint64_t at = hash % STATES;; at = (at + 1) % STATES) {
		if (!used[at]) {
			used[at] = 1;
			seen[at] = *state;
			assert_true(++n_states < STATES / 2);
			return false;
		}
		if (!memcmp(&seen[at], state, sizeof(*state)))
			return true;
	}
}

/* @state and all that follows from it: a step of either thread, or a store becoming visible. */
static void explore(struct state state)
{
	struct state next = state;
	bool sender_goes, worker_goes;

	if (is_known(&state))
		return;
	sender_goes = step_sender(&next);
	if (sender_goes)
		explore(next);
	next = state;
	worker_goes = step_worker(&next);
	if (worker_goes)
		explore(next);
	for (unsigned i = 0; i < 2; i++) {
		next = state;
		struct thread *thread = i ? &next.worker : &next.sender;

		if (thread->n) {
			drain_one(&next, thread);
			explore(next);
		}
	}
	if (!sender_goes && !worker_goes && !state.sender.n && state.taken != FRAMES)
		n_lost++;
}

/* How many ways there are to lose a wake-up under @which rules. */
static unsigned count_lost(unsigned which)
{
	struct state begin;

	memset(&begin, 0, sizeof(begin));
	memset(used, 0, STATES);
	n_lost = n_states = 0;
	rules = which;
	explore(begin);
	return n_lost;
}

static void no_kick_is_lost(void **state)
{
	step_sender = sender_step;
	step_worker = worker_step;
	assert_int_equal(count_lost(RULES_ALL), 0);
	assert_true(n_states > 100);
}

static void each_rule_of_kicks_is_needed(void **state)
{
	step_sender = sender_step;
	step_worker = worker_step;
	assert_true(count_lost(RULES_ALL & ~(unsigned)RULE_SENDER_FENCE) > 0);
	assert_true(count_lost(RULES_ALL & ~(unsigned)RULE_WORKER_FENCE) > 0);
	assert_true(count_lost(RULES_ALL & ~(unsigned)RULE_SECOND_LOOK) > 0);
}

static void no_news_is_lost(void **state)
{
	step_sender = control_step;
	step_worker = listener_step;
	assert_int_equal(count_lost(RULES_ALL), 0);
	assert_true(n_states > 50);
}

static void the_rule_of_news_is_needed(void **state)
{
	step_sender = control_step;
	step_worker = listener_step;
	assert_true(count_lost(RULES_ALL & ~(unsigned)RULE_DISARM_AFTER) > 0);
}

static int allocate(void **state)
{
	seen = calloc(STATES, sizeof(*seen));
	used = calloc(STATES, 1);
	return seen && used ? 0 : -1;
}

static int release(void **state)
{
	free(seen);
	free(used);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_kick_is_lost),
		cmocka_unit_test(each_rule_of_kicks_is_needed),
		cmocka_unit_test(no_news_is_lost),
		cmocka_unit_test(the_rule_of_news_is_needed),
	};

	return cmocka_run_group_tests(tests, allocate, release);
}
