/*
 * test_threads - workers at work while the control thread changes everything
 * under them: memory tables, call fds, the log, enabled and not.
 *
 * One guest thread keeps both rings going: it hands its buffers to the receive
 * ring, looks at what comes, and sends it back on the transmit ring. Two workers
 * put into the receive queue at the same time; one of them takes from the transmit
 * queue as well. Meant for ThreadSanitizer and AddressSanitizer as much as for its
 * own checks: each frame is whole, none comes twice or out of its producer's order.
 */
#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"

enum {
	HEADER = 12,
	WORKERS = 2,
	PUTS = 4,
	RING = 32,
	BUFFER = 2048,
	ROUNDS = 120,
};

#define FEATURES                                                                                   \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << PROTO_F_PROTOCOL_FEATURES |            \
	 UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

/*
 * A frame that one worker wrote is read by another after the guest had it. That
 * order runs through the guest's own mapping of the rings, at other addresses than
 * the library's, which ThreadSanitizer cannot know to be the same memory.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:copy_\nrace:write_frame\nrace:stream_\n"
	       "race:frame_fill_single\n";
}

/* What lies in a frame, again and again up to its length. */
struct word {
	uint32_t producer;
	uint32_t number;
};

struct worker {
	struct play *play;
	unsigned index;
	pthread_t thread;
	_Alignas(64) atomic_ulong passed; /* quiescent points */
	uint32_t sent;
};

struct play {
	struct front front;
	uint64_t features;
	struct vhost_queue *_Atomic queues[2]; /* what workers may begin with */
	struct worker workers[WORKERS];
	pthread_t guest;
	atomic_bool stop;
	atomic_ulong received; /* by the guest */
	atomic_ulong returned; /* by the guest, seen by the worker that takes */
};

/* ---- the library's callbacks: control thread ---- */

static void queue_started(void *user, unsigned index, struct vhost_queue *queue)
{
	struct play *play = user;

	play->front.rings[index].queue = queue;
	atomic_store(&play->queues[index], queue);
}

static void queue_stopping(void *user, unsigned index, struct vhost_queue *queue)
{
	struct play *play = user;

	play->front.rings[index].queue = NULL;
	atomic_store(&play->queues[index], NULL);
}

static void kick_changed(void *user, unsigned index, struct vhost_queue *queue)
{
}

static void quiesce(void *user)
{
	struct play *play = user;

	for (unsigned i = 0; i < WORKERS; i++) {
		unsigned long from = atomic_load(&play->workers[i].passed);

		/* one that is on its way may have begun before the call: two have not */
		while (atomic_load(&play->workers[i].passed) < from + 2 && !play->stop)
			sched_yield();
	}
}

static void announce(void *user, uint64_t mac)
{
}

static const struct vhost_ops play_ops = {
	.queue_started = queue_started,
	.queue_stopping = queue_stopping,
	.kick_changed = kick_changed,
	.quiesce = quiesce,
	.announce = announce,
};

/* ---- workers ---- */

static bool is_whole(const uint8_t *bytes, uint32_t len)
{
	for (uint32_t at = sizeof(struct word); at + sizeof(struct word) <= len;
	     at += sizeof(struct word))
		if (memcmp(bytes, bytes + at, sizeof(struct word)) != 0)
			return false;
	return true;
}

static void put_some(struct worker *worker, struct vhost_queue *queue)
{
	struct front_frame frames[PUTS];
	struct word words[PUTS][190];
	struct iovec tails[PUTS];
	struct vhost_put puts[PUTS];
	int errors[VHOST_PUT_MAX];
	uint32_t sent = worker->sent;

	for (unsigned i = 0; i < PUTS; i++, sent++) {
		uint32_t len = 64 + sent * 8 % 1400;

		for (unsigned k = 0; k < sizeof(words[i]) / sizeof(words[i][0]); k++)
			words[i][k] = (struct word){worker->index, sent};
		tails[i] = (struct iovec){(char *)words[i] + 40, len - 40};
		frames[i].is = (struct vhost_frame){
			.len = len,
			.head_len = 40,
			.n_tail = 1,
			.tail = &tails[i],
			.hdr = {.num_buffers = 1},
		};
		memcpy(frames[i].head, words[i], 40);
		puts[i] = (struct vhost_put){&frames[i].is, i};
	}
	if (!vhost_queue_begin(queue))
		return;
	uint64_t failed = vhost_queue_put(queue, puts, PUTS, errors);
	vhost_queue_end(queue);
	/* what did not go is the next to go */
	for (unsigned i = 0; i < PUTS && !(failed >> i & 1); i++)
		worker->sent++;
}

static void take_some(struct worker *worker, struct vhost_queue *queue)
{
	static struct front_frame frames[8];
	struct iovec pool[300];
	unsigned n = front_take_frames(queue, frames, 8, 128, pool, 300);

	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(frames[i].is.fault, 0);
		assert_true(is_whole(frames[i].head, frames[i].is.head_len));
	}
	if (n > 0)
		vhost_queue_give_back(queue);
	atomic_fetch_add(&worker->play->returned, n);
	if (!vhost_queue_arm(queue))
		vhost_queue_disarm(queue);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct play *play = worker->play;

	while (!atomic_load(&play->stop)) {
		struct vhost_queue *rx = atomic_load(&play->queues[0]);
		struct vhost_queue *tx = atomic_load(&play->queues[1]);

		if (rx)
			put_some(worker, rx);
		if (tx && worker->index == 0)
			take_some(worker, tx);
		atomic_fetch_add(&worker->passed, 1);
		sched_yield();
	}
	return NULL;
}

/* ---- the guest ---- */

static void *guest(void *argument)
{
	struct play *play = argument;
	struct front_ring *rx = &play->front.rings[0], *tx = &play->front.rings[1];
	uint32_t next[WORKERS] = {0};
	struct vring_used_elem used;

	while (!atomic_load(&play->stop)) {
		/* buffers come back from the transmit ring, and go to the receive ring */
		while (front_used(tx, &used))
			front_make_available(rx, (uint16_t)used.id);
		/* and the other way round */
		while (front_used(rx, &used)) {
			const uint8_t *bytes = front_buffer(&play->front, used.id) + HEADER;
			struct word word;

			assert_in_range(used.len, HEADER + 64, HEADER + 1464);
			memcpy(&word, bytes, sizeof(word));
			assert_true(is_whole(bytes, used.len - HEADER));
			assert_in_range(word.producer, 0, WORKERS - 1);
			assert_int_equal(word.number, next[word.producer]++);
			atomic_fetch_add(&play->received, 1);
			front_desc(tx, used.id, rx->desc[used.id].addr, used.len, 0, 0);
			front_make_available(tx, (uint16_t)used.id);
		}
		sched_yield();
	}
	return NULL;
}

/* ---- the control thread ---- */

static void change_something(struct play *play, unsigned round, int log_fd)
{
	struct front *front = &play->front;
	struct proto_log log = {(FRONT_GPA + FRONT_MEMORY) / 4096 / 8, 0};
	union proto_payload payload;
	struct proto_memory table;
	uint32_t request;
	int fds[2], fd;

	switch (round % 6) {
	case 0: front_set_memory(front); break;
	case 1: assert_int_equal(front_say_fd(front, 13, 0, front->rings[0].call), 0); break;
	case 2:
		assert_int_equal(front_say(front, 6, PROTO_VERSION, &log, sizeof(log), &log_fd, 1),
				 0);
		assert_int_equal(front_reply(front, &request, &payload, &fd), 8);
		break;
	case 3:
		assert_int_equal(front_say_number(front, 2,
						  play->features | (uint64_t)(round / 6 % 2)
									   << VHOST_F_LOG_ALL),
				 0);
		break;
	case 4:
		assert_int_equal(front_say_state(front, 18, round / 6 % 2, 0), 0);
		assert_int_equal(front_say_state(front, 18, round / 6 % 2, 1), 0);
		break;
	default: /* all the memory goes, in effect, and comes back somewhere else */
		front_table(front, &table, fds);
		table.n_regions = 1;
		table.regions[0] = table.regions[1];
		assert_true(front_acked(front, 5, &table, offsetof(struct proto_memory, regions[1]),
					fds, 1));
		front_set_memory(front);
	}
}

static void everything_changes(uint64_t layout)
{
	static struct play play;
	int log_fd = memfd_create("log", MFD_CLOEXEC);

	memset(&play, 0, sizeof(play));
	play.features = FEATURES | layout;
	assert_int_equal(ftruncate(log_fd, (FRONT_GPA + FRONT_MEMORY) / 4096 / 8), 0);
	front_open_with(&play.front, &play_ops, &play);
	front_negotiate(&play.front, play.features);
	front_set_memory(&play.front);
	play.stop = true; /* nobody is there yet to wait for */
	front_start(&play.front, 0, RING);
	front_start(&play.front, 1, RING);
	play.stop = false;
	for (uint16_t i = 0; i < RING; i++) {
		front_desc(&play.front.rings[0], i,
			   front_gpa(&play.front, front_buffer(&play.front, i)), BUFFER,
			   VRING_DESC_F_WRITE, 0);
		front_make_available(&play.front.rings[0], i);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		play.workers[i] = (struct worker){.play = &play, .index = i};
		assert_int_equal(
			pthread_create(&play.workers[i].thread, NULL, work, &play.workers[i]), 0);
	}
	assert_int_equal(pthread_create(&play.guest, NULL, guest, &play), 0);

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned long before = atomic_load(&play.received);

		change_something(&play, round, log_fd);
		/* no change stops the traffic */
		while (atomic_load(&play.received) < before + 20)
			sched_yield();
	}
	assert_true(atomic_load(&play.returned) > 0);
	atomic_store(&play.stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(play.workers[i].thread, NULL);
	pthread_join(play.guest, NULL);
	assert_int_equal(vhost_device_running(play.front.device), 2);
	front_close(&play.front);
	close(log_fd);
}

static void everything_changes_under_traffic(void **state)
{
	everything_changes(0);
	everything_changes(UINT64_C(1) << VIRTIO_F_RING_PACKED);
	everything_changes(UINT64_C(1) << VIRTIO_F_RING_PACKED | UINT64_C(1) << VIRTIO_F_IN_ORDER);
}

/* A worker that has the ring and not a processor holds up another once, and not for long. */
static void *hold(void *argument)
{
	struct vhost_queue *queue = argument;

	assert_false(vhost_queue_begin(queue)); /* after a while */
	for (unsigned i = 0; i < 100000; i++)
		assert_false(vhost_queue_begin(queue)); /* at once */
	return NULL;
}

static void a_stuck_holder_is_not_waited_for(void **state)
{
	struct front front;
	pthread_t other;

	front_open(&front);
	front_up(&front, 0, RING);
	struct vhost_queue *queue = front.rings[0].queue;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(vhost_queue_begin(queue));
		assert_int_equal(pthread_create(&other, NULL, hold, queue), 0);
		pthread_join(other, NULL);
		vhost_queue_end(queue);
	}
	assert_true(vhost_queue_begin(queue));
	vhost_queue_end(queue);
	front_close(&front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_changes_under_traffic),
		cmocka_unit_test(a_stuck_holder_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
