/*
 * test_loop - timers in their order, and watches that go while others are served.
 */
#include <unistd.h>

#include "control/loop.h"
#include "tests/unit/daemon/unit.h"

enum { TIMERS = 8 };

/* What a test's callbacks write down, and the loop they run on. */
static struct loop *loop;
static char story[64];

static int begin(void **state)
{
	story[0] = '\0';
	return loop_create(&loop);
}

static int end(void **state)
{
	loop_destroy(loop);
	return 0;
}

static void tell(char letter)
{
	size_t length = strlen(story);

	story[length] = letter;
	story[length + 1] = '\0';
}

struct named_timer {
	struct loop_timer timer;
	char name;
	struct loop_timer *cancels; /* when it expires */
	struct loop_timer *sets;    /* anew, for 1 ms */
};

static void expired(void *user)
{
	struct named_timer *timer = user;

	tell(timer->name);
	if (timer->cancels)
		loop_timer_cancel(timer->cancels);
	if (timer->sets)
		loop_timer_set(loop, timer->sets, 1);
	timer->sets = NULL;
	if (timer->name == 'z')
		loop_stop(loop);
}

static void name_timer(struct named_timer *timer, char name)
{
	*timer = (struct named_timer){.timer.expired = expired, .name = name};
	timer->timer.user = timer;
}

static void timers_expire_in_order(void **state)
{
	static const unsigned due[TIMERS] = {30, 5, 20, 5, 1, 25, 60, 0};
	struct named_timer timers[TIMERS];
	clock_ms began = loop_now();

	for (unsigned i = 0; i < TIMERS; i++) {
		name_timer(&timers[i], due[i] == 60 ? 'z' : (char)('a' + i));
		loop_timer_set(loop, &timers[i].timer, due[i]);
	}
	assert_int_equal(loop_run(loop), 0);
	/* equal ones in the order in which they were set; 0 is as soon as 1 */
	assert_string_equal(story, "ehbdcfaz");
	assert_true(loop_now() - began >= 60);
}

static void timers_are_set_and_cancelled_by_others(void **state)
{
	struct named_timer a, b, c, z;

	name_timer(&a, 'a');
	name_timer(&b, 'b');
	name_timer(&c, 'c');
	name_timer(&z, 'z');
	a.cancels = &b.timer; /* due at the same moment */
	c.sets = &c.timer;    /* itself, once */
	loop_timer_set(loop, &a.timer, 5);
	loop_timer_set(loop, &b.timer, 5);
	loop_timer_set(loop, &c.timer, 10);
	loop_timer_set(loop, &z.timer, 200);
	loop_timer_set(loop, &z.timer, 50); /* set anew: the former time does not hold */
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(story, "accz");
	loop_timer_cancel(&b.timer); /* fine for one that is not set */
}

struct pipe_end {
	struct loop_watch watch;
	int fds[2];
	char name;
	struct pipe_end *unwatches;
};

static void readable(void *user, uint32_t events)
{
	struct pipe_end *end = user;
	char byte;

	assert_int_equal(read(end->fds[0], &byte, 1), 1);
	tell(end->name);
	if (end->unwatches)
		loop_unwatch(&end->unwatches->watch);
	if (byte == 'z')
		loop_stop(loop);
}

static void open_pipe(struct pipe_end *end, char name)
{
	*end = (struct pipe_end){.watch.ready = readable, .name = name};
	end->watch.user = end;
	assert_int_equal(pipe(end->fds), 0);
	assert_int_equal(loop_watch(loop, &end->watch, end->fds[0], EPOLLIN), 0);
}

static void close_pipe(struct pipe_end *end)
{
	loop_unwatch(&end->watch);
	close(end->fds[0]);
	close(end->fds[1]);
}

static void write_byte(const struct pipe_end *end, char byte)
{
	assert_int_equal(write(end->fds[1], &byte, 1), 1);
}

/* Of two that are ready at once the first removes the other: its event is forgotten. */
static void a_watch_goes_before_its_turn(void **state)
{
	struct pipe_end a, b;

	open_pipe(&a, 'a');
	open_pipe(&b, 'b');
	a.unwatches = &b;
	b.unwatches = &a;
	write_byte(&a, 'z');
	write_byte(&b, 'z');
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(strlen(story), 1);
	close_pipe(&a);
	close_pipe(&b);
}

static void a_watch_removes_itself(void **state)
{
	struct pipe_end a, b;

	open_pipe(&a, 'a');
	open_pipe(&b, 'b');
	a.unwatches = &a;
	write_byte(&a, 'x');
	write_byte(&a, 'x'); /* would bring it back */
	write_byte(&b, 'x');
	write_byte(&b, 'z');
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(strlen(story), 3);
	assert_non_null(strchr(story, 'a'));
	close_pipe(&a);
	close_pipe(&b);
}

/* A timer that is always due does not keep descriptors from their turn. */
static void again(void *user)
{
	loop_timer_set(loop, user, 0);
}

static void timers_do_not_starve_watches(void **state)
{
	struct loop_timer busy = {.expired = again, .user = &busy};
	struct pipe_end a;

	open_pipe(&a, 'a');
	loop_timer_set(loop, &busy, 0);
	write_byte(&a, 'z');
	assert_int_equal(loop_run(loop), 0);
	assert_string_equal(story, "a");
	loop_timer_cancel(&busy);
	close_pipe(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_expire_in_order, begin, end),
		cmocka_unit_test_setup_teardown(timers_are_set_and_cancelled_by_others, begin, end),
		cmocka_unit_test_setup_teardown(a_watch_goes_before_its_turn, begin, end),
		cmocka_unit_test_setup_teardown(a_watch_removes_itself, begin, end),
		cmocka_unit_test_setup_teardown(timers_do_not_starve_watches, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
