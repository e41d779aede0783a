/*
 * test_session - messages of a front-end that means well, in the orders in which
 * they come.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"

static void features_are_offered(void **state)
{
	struct front front;

	front_open(&front);
	assert_int_equal(front_ask(&front, 1), vhost_features_offered());
	front_close(&front);
}

static void a_frame_crosses_the_rings(void **state)
{
	struct front front;
	struct vring_used_elem element;
	uint8_t head[128];
	struct vhost_frame frame = {.head = head};
	struct iovec pool[256];

	front_open(&front);
	front_up(&front, 0, 8);
	assert_int_equal(vhost_device_running(front.device), 2);

	struct front_ring *tx = &front.rings[1], *rx = &front.rings[0];
	uint8_t *buffer = front_buffer(&front, 0);
	for (unsigned i = 0; i < 1012; i++)
		buffer[i] = (uint8_t)(i < 12 ? 0 : i);
	front_desc(tx, 3, front_gpa(&front, buffer), 1012, 0, 0);
	front_make_available(tx, 3);
	front_desc(rx, 5, front_gpa(&front, front_buffer(&front, 1)), 2048, VRING_DESC_F_WRITE, 0);
	front_make_available(rx, 5);

	assert_true(vhost_queue_pending(tx->queue));
	assert_int_equal(vhost_queue_take(tx->queue, &frame, 1, 128, pool, 256), 1);
	assert_false(frame.malformed);
	assert_int_equal(frame.len, 1000);
	assert_int_equal(frame.head_len, 128);
	assert_int_equal(frame.n_tail, 1);
	assert_memory_equal(head, buffer + 12, 128);

	struct iovec src[2] = {{head, 128}, frame.tail[0]};
	vhost_queue_begin(rx->queue);
	assert_int_equal(vhost_queue_put(rx->queue, &frame.hdr, src, 2, 1000), 0);
	assert_false(front_used(rx, &element));
	vhost_queue_end(rx->queue);
	assert_false(front_used(tx, &element));
	vhost_queue_give_back(tx->queue);

	assert_true(front_used(tx, &element));
	assert_int_equal(element.id, 3);
	assert_int_equal(element.len, 0);
	assert_true(front_used(rx, &element));
	assert_int_equal(element.id, 5);
	assert_int_equal(element.len, 1012);
	assert_memory_equal(front_buffer(&front, 1) + 12, buffer + 12, 1000);
	assert_int_equal(((struct virtio_net_hdr_v1 *)front_buffer(&front, 1))->num_buffers, 1);
	assert_int_equal(front_count(rx->call), 1);
	assert_int_equal(front_count(tx->call), 1);
	front_close(&front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_offered),
		cmocka_unit_test(a_frame_crosses_the_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
