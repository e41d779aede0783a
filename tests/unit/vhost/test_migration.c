/*
 * test_migration - the dirty log, compared with what really changed.
 */
#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"

enum {
	RING = 1024,
	FAR = 700,
};

#define BIT(n) (UINT64_C(1) << (n))
#define MODERN (BIT(VIRTIO_F_VERSION_1) | BIT(PROTO_F_PROTOCOL_FEATURES))

static void set_log(struct front *front, int fd, uint64_t size)
{
	struct proto_log log = {size, 0};
	union proto_payload payload;
	uint32_t request;
	int reply_fd;

	/* always answered, whether NEED_REPLY is set or not */
	assert_int_equal(front_say(front, 6, PROTO_VERSION, &log, sizeof(log), &fd, 1), 0);
	assert_int_equal(front_reply(front, &request, &payload, &reply_fd), 8);
	assert_int_equal(payload.number, 0);
}

static void log_rings(struct front *front, uint64_t features, bool on)
{
	assert_int_equal(front_say_number(front, 2, features | (on ? BIT(VHOST_F_LOG_ALL) : 0)), 0);
}

/* A ring of three pages of used elements, which stands in the second of them if it is split. */
static void start_far(struct front *front, unsigned index)
{
	struct front_ring *ring = &front->rings[index];

	front_describe(front, index, RING);
	if (!ring->packed)
		ring->avail->idx = ring->used->idx = ring->seen = FAR;
	front_start(front, index, RING);
}

/* Each page that changes has its bit; pages that do not, have none. */
static void log_traffic(uint64_t features)
{
	const uint64_t size = (FRONT_GPA + FRONT_MEMORY) / 4096 / 8;
	static uint8_t copy[FRONT_MEMORY];
	struct front front;
	uint8_t frame[3000];

	memset(frame, 0xaa, sizeof(frame));
	front_open(&front);
	front_negotiate(&front, features);
	front_set_memory(&front);
	start_far(&front, 0);
	start_far(&front, 1);
	int fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	uint8_t *bits = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (unsigned round = 0; round < 20; round++) {
		bool on = round % 3 != 2;

		/* started twice, stopped twice: all the same */
		if (round % 5 == 0)
			set_log(&front, fd, size);
		log_rings(&front, features | MODERN, on);
		log_rings(&front, features | MODERN, on);
		for (unsigned i = 0; i < 5; i++) {
			struct front_ring *rx = &front.rings[0];
			unsigned at = (round * 5 + i) % 64;

			front_desc(rx, at,
				   front_gpa(&front, front_buffer(&front, 2 * at)) + 777 * i, 3500,
				   VRING_DESC_F_WRITE, 0);
			front_make_available(rx, (uint16_t)at);
		}
		front_send(&front, 4);
		memcpy(copy, front.bytes, FRONT_MEMORY);
		memset(bits, 0, size);

		const struct virtio_net_hdr_v1 hdr = {.flags = 1, .num_buffers = 1};
		struct iovec src = {frame, 1000 + round * 100};
		memset(frame, (int)round + 1, sizeof(frame));
		assert_true(vhost_queue_begin(front.rings[0].queue));
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(front_put_tail(front.rings[0].queue, &hdr, &src, 1,
							(uint32_t)src.iov_len),
					 0);
		vhost_queue_end(front.rings[0].queue);
		assert_int_equal(front_take(&front, 16), 4);
		vhost_queue_disarm(front.rings[1].queue);
		vhost_queue_arm(front.rings[1].queue);

		unsigned dirty = 0, logged = 0;
		for (uint64_t page = 0; page < FRONT_MEMORY / 4096; page++) {
			uint64_t number = FRONT_GPA / 4096 + page;
			bool bit = bits[number / 8] >> number % 8 & 1;
			bool changed =
				memcmp(copy + page * 4096, front.bytes + page * 4096, 4096) != 0;

			assert_true(!changed || bit || !on);
			dirty += changed;
			logged += bit;
		}
		assert_true(dirty >= 7);
		/* what was written as it was before: the event of a packed ring */
		unsigned same = front.rings[0].packed;
		assert_in_range(logged, on ? dirty : 0, on ? dirty + same : 0);
	}
	struct proto_log small = {size - 1, 0};
	assert_int_equal(front_say(&front, 6, PROTO_VERSION, &small, sizeof(small), &fd, 1),
			 -EINVAL);
	munmap(bits, size);
	close(fd);
	front_close(&front);
}

static void t37_changed_pages_are_logged(void **state)
{
	log_traffic(0);
	log_traffic(BIT(VIRTIO_RING_F_EVENT_IDX));
	log_traffic(BIT(VIRTIO_F_RING_PACKED));
	log_traffic(BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX));
	log_traffic(BIT(VIRTIO_F_IN_ORDER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(t37_changed_pages_are_logged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
