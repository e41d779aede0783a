/*
 * test_session - messages of a front-end that means well, in the orders in which
 * they come: when do rings run, with what, and what is left when they stop.
 */
#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vhost/front.h"
#include "vhost/inflight.h"

#define BIT(n) (UINT64_C(1) << (n))
#define MODERN (BIT(VIRTIO_F_VERSION_1) | BIT(PROTO_F_PROTOCOL_FEATURES))

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
	struct front_frame frame;
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
	assert_int_equal(front_take_frames(tx->queue, &frame, 1, 128, pool, 256), 1);
	assert_false(frame.is.fault);
	assert_int_equal(frame.is.len, 1000);
	assert_int_equal(frame.is.head_len, 128);
	assert_int_equal(frame.is.n_tail, 1);
	assert_memory_equal(frame.head, buffer + 12, 128);

	frame.is.hdr.num_buffers = 1;
	assert_true(vhost_queue_begin(rx->queue));
	assert_int_equal(front_put(rx->queue, &frame), 0);
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

/* ---- when a ring runs ---- */

enum step {
	FEATURES,
	MEMORY,
	NUM,
	ADDR,
	KICK,
	ENABLE,
	STEPS,
};

static void do_step(struct front *front, enum step step)
{
	struct proto_vring_addr addr = {
		.index = 1,
		.desc = FRONT_USER + FRONT_MEMORY,
		.avail = FRONT_USER + FRONT_MEMORY + 0x1000,
		.used = FRONT_USER + FRONT_MEMORY + 0x2000,
	};

	switch (step) {
	case FEATURES: assert_int_equal(front_say_number(front, 2, MODERN), 0); break;
	case MEMORY: front_set_memory(front); break;
	case NUM: assert_int_equal(front_say_state(front, 8, 1, 8), 0); break;
	case ADDR:
		assert_int_equal(front_say(front, 9, PROTO_VERSION, &addr, sizeof(addr), NULL, 0),
				 0);
		break;
	case KICK: assert_int_equal(front_say_fd(front, 12, 1, front->rings[1].kick), 0); break;
	default: assert_int_equal(front_say_state(front, 18, 1, 1), 0);
	}
}

/* The messages that a ring needs, in all orders: it runs after the last, not before. */
static void any_order_starts_a_ring(void **state)
{
	for (unsigned order = 0; order < 720; order++) {
		enum step left[STEPS] = {FEATURES, MEMORY, NUM, ADDR, KICK, ENABLE};
		unsigned rest = order;
		struct front front;

		front_open(&front);
		for (unsigned n = STEPS; n > 0; n--) {
			unsigned pick = rest % n;

			rest /= n;
			assert_null(front.rings[1].queue);
			do_step(&front, left[pick]);
			left[pick] = left[n - 1];
		}
		assert_non_null(front.rings[1].queue);
		assert_int_equal(vhost_device_running(front.device), 1);
		assert_int_equal(vhost_queue_features(front.rings[1].queue), MODERN);
		assert_int_equal(front.quiesced, 0);
		assert_string_equal(vhost_device_error(front.device), "");
		front_close(&front);
		assert_int_equal(front.quiesced, 1);
	}
}

/* Without protocol features there is no ENABLE; QEMU before 7.2 does not repeat bit 30. */
static void rings_are_enabled_without_protocol_features(void **state)
{
	for (unsigned said = 0; said < 3; said++) {
		struct front front;

		front_open(&front);
		assert_int_equal(front_say_number(&front, 2, BIT(VIRTIO_F_VERSION_1)), 0);
		front_set_memory(&front);
		if (said > 0)
			assert_int_equal(front_say_state(&front, 18, 1, said - 1), 0);
		front_describe(&front, 1, 8);
		assert_int_equal(front_say_fd(&front, 12, 1, front.rings[1].kick), 0);
		/* who does say it, is heard */
		assert_int_equal(front.rings[1].queue != NULL, said != 1);
		front_close(&front);
	}
}

static void a_legacy_guest_is_told_so(void **state)
{
	struct front front;

	front_open(&front);
	front_set_memory(&front);
	assert_int_equal(front_say_number(&front, 2, BIT(VIRTIO_NET_F_MRG_RXBUF)), 0);
	front_describe(&front, 1, 8);
	assert_int_equal(front_say_fd(&front, 12, 1, front.rings[1].kick), 0);
	assert_null(front.rings[1].queue);
	assert_non_null(strstr(vhost_device_error(front.device), "legacy"));
	assert_int_equal(front_say_number(&front, 2, BIT(VIRTIO_F_VERSION_1)), 0);
	assert_non_null(front.rings[1].queue);
	assert_string_equal(vhost_device_error(front.device), "");
	front_close(&front);
}

static void memory_that_is_not_shared_is_told_so(void **state)
{
	struct front front;

	front_open(&front);
	front_negotiate(&front, 0);
	front_describe(&front, 1, 8);
	assert_int_equal(front_say_fd(&front, 12, 1, front.rings[1].kick), 0);
	assert_int_equal(front_say_state(&front, 18, 1, 1), 0);
	assert_null(front.rings[1].queue);
	assert_non_null(strstr(vhost_device_error(front.device), "share=on"));
	front_set_memory(&front);
	assert_non_null(front.rings[1].queue);
	front_close(&front);
}

static uint16_t get_base(struct front *front, uint32_t index)
{
	union proto_payload payload = {.state = {index, 0}};
	uint32_t request;
	int fd;

	assert_int_equal(front_say(front, 11, PROTO_VERSION, &payload, 8, NULL, 0), 0);
	assert_int_equal(front_reply(front, &request, &payload, &fd), 8);
	assert_int_equal(payload.state.index, index);
	return (uint16_t)payload.state.num;
}

/* T38, T39: disabled is not stopped: no index and no frame is lost, and no kick is needed. */
static void t38_enable_toggles(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, 0, 8);
	for (unsigned i = 0; i < 100; i++) {
		unsigned quiesced = front.quiesced;

		front_send(&front, 5);
		assert_int_equal(front_take(&front, 3), 3);
		assert_int_equal(front_say_state(&front, 18, 1, 0), 0);
		assert_null(front.rings[1].queue);
		assert_int_equal(front.quiesced, quiesced + 1);
		front_count(front.rings[1].call);
		assert_int_equal(front_say_state(&front, 18, 1, 1), 0);
		assert_int_equal(front_count(front.rings[1].call), 1);
		assert_true(vhost_queue_pending(front.rings[1].queue));
		assert_int_equal(front_take(&front, 16), 2);
	}
	front_close(&front);
}

/*
 * GET_VRING_BASE: the ring is quiet when the answer comes, its fds are closed,
 * it starts again where it was.
 */
static void base_stops_a_ring(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, 0, 8);
	front_send(&front, 5);
	assert_int_equal(front_take(&front, 3), 3);
	assert_int_equal(get_base(&front, 1), 3);
	assert_null(front.rings[1].queue);
	assert_int_equal(front.quiesced, 1);
	assert_int_equal(vhost_device_running(front.device), 1);
	/* again, and of a ring that never ran */
	assert_int_equal(get_base(&front, 1), 3);
	assert_int_equal(get_base(&front, 3), 0);
	assert_int_equal(front_say_state(&front, 10, 3, 77), 0);
	assert_int_equal(get_base(&front, 3), 77);

	assert_int_equal(front_say_state(&front, 10, 1, 3), 0);
	assert_int_equal(front_say_fd(&front, 12, 1, front.rings[1].kick), 0);
	assert_non_null(front.rings[1].queue);
	/* the call fd went with the stop */
	front_count(front.rings[1].call);
	assert_int_equal(front_take(&front, 16), 2);
	assert_int_equal(front_count(front.rings[1].call), 0);
	assert_int_equal(front_say_fd(&front, 13, 1, front.rings[1].call), 0);
	assert_int_equal(front_count(front.rings[1].call), 1);
	front_close(&front);
}

/* What a ring that starts finds: the used index says where it goes on, unless that cannot be. */
static void rings_resume_where_they_stand(void **state)
{
	const struct {
		uint16_t avail, used, base;
		int at; /* -1: nowhere */
	} cases[] = {
		{0, 0, 0, 0},
		{5, 2, 2, 2},
		{5, 2, 5, 2}, /* Cloud Hypervisor: the available index */
		{5, 2, 0, 2}, /* virtio-user after a reconnection */
		{3, 65533, 65533, 65533},
		{0, 300, 0, 0}, /* what an earlier session left behind a reset */
		{300, 0, 296, 296},
		{300, 0, 0, -1},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct front front;

		front_open(&front);
		front_negotiate(&front, 0);
		front_set_memory(&front);
		front_describe(&front, 1, 8);
		front.rings[1].avail->idx = cases[i].avail;
		front.rings[1].used->idx = cases[i].used;
		assert_int_equal(front_say_state(&front, 10, 1, cases[i].base), 0);
		assert_int_equal(front_say_state(&front, 18, 1, 1), 0);
		assert_int_equal(front_say_fd(&front, 12, 1, front.rings[1].kick), 0);
		assert_non_null(front.rings[1].queue);
		assert_int_equal(vhost_queue_is_broken(front.rings[1].queue), cases[i].at < 0);
		if (cases[i].at >= 0) {
			assert_int_equal(front.rings[1].used->idx, cases[i].at);
			unsigned n = (uint16_t)(cases[i].avail - cases[i].at);
			assert_int_equal(front_take(&front, 16), n);
			assert_int_equal(get_base(&front, 1), cases[i].avail);
		} else {
			assert_non_null(strstr(vhost_device_error(front.device), "indices"));
		}
		front_close(&front);
	}
}

static void running_rings_are_not_described_anew(void **state)
{
	struct front front;
	struct proto_vring_state num = {1, 16}, base = {1, 5};
	struct proto_vring_addr addr = {
		.index = 1,
		.desc = FRONT_USER + FRONT_MEMORY,
		.avail = FRONT_USER + FRONT_MEMORY + 0x1000,
		.used = FRONT_USER + FRONT_MEMORY + 0x2000,
	};
	uint64_t features = MODERN | BIT(VIRTIO_NET_F_MRG_RXBUF);

	front_open(&front);
	front_up(&front, 0, 8);
	assert_false(front_acked(&front, 8, &num, sizeof(num), NULL, 0));
	assert_false(front_acked(&front, 10, &base, sizeof(base), NULL, 0));
	assert_false(front_acked(&front, 9, &addr, sizeof(addr), NULL, 0));
	assert_false(front_acked(&front, 2, &features, sizeof(features), NULL, 0));
	features = MODERN; /* each queue pair of QEMU's says it again */
	assert_true(front_acked(&front, 2, &features, sizeof(features), NULL, 0));
	assert_int_equal(front.quiesced, 0);
	front_send(&front, 5);
	assert_int_equal(front_take(&front, 16), 5);
	front_close(&front);
}

static void bad_rings_are_refused(void **state)
{
	const uint32_t sizes[] = {0, 3, 100, 32769, 65536, UINT32_MAX};
	const uint32_t indices[] = {8, 255, 256, 0x10000, UINT32_MAX};
	struct front front;

	front_open(&front);
	front_negotiate(&front, 0);
	front_set_memory(&front);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct proto_vring_state num = {1, sizes[i]};

		assert_false(front_acked(&front, 8, &num, sizeof(num), NULL, 0));
	}
	for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		struct proto_vring_state number = {indices[i], 1};
		uint64_t fd = indices[i] & 0xff ? indices[i] & 0xff : 0x10000;

		assert_false(front_acked(&front, 8, &number, sizeof(number), NULL, 0));
		assert_false(front_acked(&front, 10, &number, sizeof(number), NULL, 0));
		assert_false(front_acked(&front, 18, &number, sizeof(number), NULL, 0));
		assert_false(front_acked(&front, 12, &fd, sizeof(fd), &front.rings[0].kick, 1));
	}
	/* the last one there is: twice the pairs, for those who take GET_QUEUE_NUM for pairs */
	assert_int_equal(front_ask(&front, 17), 4);
	struct proto_vring_state last = {7, 8};
	assert_true(front_acked(&front, 8, &last, sizeof(last), NULL, 0));

	assert_int_equal(front_say_state(&front, 8, 1, 8), 0);
	for (unsigned i = 0; i < 9; i++) {
		const uint64_t end = FRONT_USER + FRONT_MEMORY + FRONT_SPLIT;
		struct proto_vring_addr addr = {
			.index = 1,
			.desc = FRONT_USER + FRONT_MEMORY,
			.avail = FRONT_USER + FRONT_MEMORY + 0x1000,
			.used = FRONT_USER + FRONT_MEMORY + 0x2000,
		};
		uint64_t *parts[3] = {&addr.desc, &addr.avail, &addr.used};
		const uint64_t odd[3] = {8, 1, 2}, room[3] = {128, 22, 70};

		if (i < 3)
			*parts[i] += odd[i];
		else if (i < 6)
			*parts[i % 3] =
				end - room[i % 3] / 16 * 16; /* too long by a little, or not */
		else
			*parts[i % 3] = i == 6 ? 0 : UINT64_MAX - 15;
		assert_int_equal(front_acked(&front, 9, &addr, sizeof(addr), NULL, 0),
				 i == 3 /* 128 bytes from the end */);
	}
	front_close(&front);
}

/* ---- memory ---- */

static void memory_moves_under_running_rings(void **state)
{
	struct front front;
	struct proto_memory table;
	int fds[2];

	front_open(&front);
	front_up(&front, 0, 8);
	front_set_memory(&front);
	assert_int_equal(front.quiesced, 1); /* another table, of the same mappings */
	for (unsigned i = 0; i < 50; i++) {
		front_send(&front, 5);
		assert_int_equal(front_take(&front, 2), 2);

		/* the half with the rings stays, the other comes and goes */
		front_table(&front, &table, fds);
		table.n_regions = 1 + i % 2;
		assert_true(front_acked(
			&front, 5, &table,
			(uint32_t)offsetof(struct proto_memory, regions[table.n_regions]), fds,
			table.n_regions));
		assert_non_null(front.rings[1].queue);
		assert_int_equal(front_take(&front, 16), 3);
	}

	/* the half with the rings goes: they stop; it comes back: they go on */
	front_send(&front, 5);
	assert_int_equal(front_take(&front, 2), 2);
	front_table(&front, &table, fds);
	table.n_regions = 1;
	table.regions[0] = table.regions[1];
	assert_true(
		front_acked(&front, 5, &table, offsetof(struct proto_memory, regions[1]), fds, 1));
	assert_null(front.rings[1].queue);
	assert_int_equal(vhost_device_running(front.device), 0);
	assert_non_null(strstr(vhost_device_error(front.device), "memory"));
	front_set_memory(&front);
	assert_non_null(front.rings[1].queue);
	assert_int_equal(front_take(&front, 16), 3);
	front_close(&front);
}

/* T20: a table that is refused leaves the old one in place. */
static void t20_bad_tables_change_nothing(void **state)
{
	struct front front;
	struct proto_memory table;
	int fds[9];

	front_open(&front);
	front_up(&front, 0, 8);
	for (unsigned i = 0; i < 9; i++)
		fds[i] = front.memfd;
	const uint32_t n_regions[] = {0, 1, 3, 9, UINT32_MAX};
	for (unsigned i = 0; i < sizeof(n_regions) / sizeof(n_regions[0]); i++) {
		front_table(&front, &table, fds);
		table.n_regions = n_regions[i];
		assert_false(front_acked(&front, 5, &table,
					 offsetof(struct proto_memory, regions[2]), fds, 2));
	}
	front_table(&front, &table, fds);
	table.regions[1].size++;
	assert_false(
		front_acked(&front, 5, &table, offsetof(struct proto_memory, regions[2]), fds, 2));
	assert_int_equal(front.quiesced, 0);
	front_send(&front, 5);
	assert_int_equal(front_take(&front, 16), 5);
	front_close(&front);
}

static void slots_are_added_and_removed(void **state)
{
	struct front front;
	struct proto_memory table;
	int fds[2];

	front_open(&front);
	front_negotiate(&front, 0);
	assert_int_equal(front_ask(&front, 36), 509);
	front_table(&front, &table, fds);
	for (unsigned i = 0; i < 2; i++) {
		struct proto_slot slot = {.region = table.regions[i]};

		assert_true(front_acked(&front, 37, &slot, sizeof(slot), fds, 1));
		assert_true(front_acked(&front, 37, &slot, sizeof(slot), fds, 1)); /* again */
	}
	front_start(&front, 1, 8);
	front_send(&front, 3);
	struct proto_slot other = {.region = table.regions[1]};
	assert_true(front_acked(&front, 38, &other, sizeof(other), fds, 1)); /* an fd may come */
	assert_false(front_acked(&front, 38, &other, sizeof(other), NULL, 0));
	assert_int_equal(front_take(&front, 16), 3);
	struct proto_slot rings = {.region = table.regions[0]};
	assert_true(front_acked(&front, 38, &rings, sizeof(rings), NULL, 0));
	assert_null(front.rings[1].queue);

	/* as many as were promised, and no more */
	for (unsigned i = 0; i <= 509; i++) {
		struct proto_slot page = {.region = {i * UINT64_C(8192), 4096, i * UINT64_C(8192),
						     i * UINT64_C(4096)}};

		assert_int_equal(front_acked(&front, 37, &page, sizeof(page), fds, 1), i < 509);
	}
	front_close(&front);
}

/* T22: the session whose memory was truncated ends; the handler is the data plane's own. */
static void on_sigbus(int number, siginfo_t *about, void *context)
{
	if (!vhost_memory_fault(about->si_addr))
		_exit(1);
}

static void t22_truncated_memory(void **state)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO}, before;
	struct front front, other;

	sigaction(SIGBUS, &action, &before);
	front_open(&front);
	front_up(&front, 0, 8);
	front_open(&other);
	front_up(&other, 0, 8);
	front_send(&front, 5);
	front_send(&other, 5);
	assert_int_equal(front_take(&front, 1), 1);
	assert_int_equal(ftruncate(front.memfd, 0), 0);
	assert_false(vhost_device_is_dead(front.device));
	front_take(&front, 16);
	assert_true(vhost_device_is_dead(front.device));
	assert_int_equal(vhost_device_serve(front.device), -EFAULT);
	assert_non_null(strstr(vhost_device_error(front.device), "truncated"));
	assert_false(vhost_device_is_dead(other.device));
	assert_int_equal(front_take(&other, 16), 5);
	front_close(&front);
	front_close(&other);
	sigaction(SIGBUS, &before, NULL);
}

/* ---- notifications ---- */

static void eventfds_are_replaced(void **state)
{
	struct front front;

	front_open(&front);
	front_up(&front, 0, 8);
	int call = eventfd(0, EFD_NONBLOCK), kick = eventfd(0, EFD_NONBLOCK);
	int old = vhost_queue_kick_fd(front.rings[1].queue);
	assert_int_equal(front_say_fd(&front, 13, 1, call), 0);
	assert_int_equal(front_count(call), 1); /* one may have been lost with the old one */
	assert_int_equal(front.quiesced, 1);
	assert_int_equal(front_say_fd(&front, 12, 1, kick), 0);
	assert_int_equal(front.kicks_changed, 1);
	assert_int_equal(front.quiesced, 2);
	assert_int_not_equal(vhost_queue_kick_fd(front.rings[1].queue), old);
	assert_int_equal(front_say_fd(&front, 12, 1, -1), 0);
	assert_int_equal(vhost_queue_kick_fd(front.rings[1].queue), -1);
	assert_int_equal(front_say_fd(&front, 13, 1, -1), 0);
	front_send(&front, 5);
	assert_int_equal(front_take(&front, 16), 5);
	assert_int_equal(front_count(call), 0);
	close(call);
	close(kick);
	front_close(&front);
}

/* ---- the rest of the device ---- */

static void numbers_are_judged(void **state)
{
	const uint64_t mtus[] = {0, 67, 68, 1500, 9000, 9001, UINT64_MAX};
	struct front front;

	front_open(&front);
	front_negotiate(&front, 0);
	for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++)
		assert_int_equal(front_acked(&front, 20, &mtus[i], 8, NULL, 0),
				 mtus[i] >= 68 && mtus[i] <= 9000);
	const uint8_t mac[8] = {0x52, 0x54, 0, 1, 2, 3};
	assert_true(front_acked(&front, 19, mac, 8, NULL, 0));
	assert_int_equal(front.announced, 0x525400010203);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t wish = BIT(bit);

		assert_int_equal(front_acked(&front, 2, &wish, 8, NULL, 0),
				 (vhost_features_offered() >> bit & 1) != 0);
		/* what is not offered is refused; REPLY_ACK stays, to hear of it */
		wish |= BIT(PROTO_F_REPLY_ACK);
		assert_int_equal(front_acked(&front, 16, &wish, 8, NULL, 0),
				 (front_ask(&front, 15) >> bit & 1) != 0);
	}
	front_close(&front);
}

static void resets_stop_all_rings(void **state)
{
	static const uint64_t nothing;

	for (unsigned way = 0; way < 3; way++) {
		struct front front;

		front_open(&front);
		front_up(&front, 0, 8);
		assert_int_equal(front_say_number(&front, 39, 15), 0);
		assert_int_equal(front_ask(&front, 40), 15);
		if (way == 0)
			assert_true(front_acked(&front, 34, NULL, 0, NULL, 0));
		else if (way == 1)
			assert_true(front_acked(&front, 4, NULL, 0, NULL, 0));
		else
			assert_true(front_acked(&front, 39, &nothing, 8, NULL, 0));
		assert_null(front.rings[0].queue);
		assert_null(front.rings[1].queue);
		assert_int_equal(front.quiesced, 1); /* once for all */
		if (way == 0)
			assert_int_equal(vhost_device_features(front.device), 0);
		front_negotiate(&front, 0);
		front_start(&front, 0, 8); /* the memory is still known */
		front_close(&front);
	}
}

static void inflight_areas_are_handed_out(void **state)
{
	struct front front;

	front_open(&front);
	front_negotiate(&front, 0);
	unsigned before = front_count_fds();
	for (unsigned size = 20; size <= 24; size += 4) {
		const struct proto_inflight bad[] = {
			{.n_queues = 0, .queue_size = 8},
			{.n_queues = 2, .queue_size = 0},
			{.n_queues = 65535, .queue_size = 8},
			{.n_queues = 2, .queue_size = 65535},
		};
		struct proto_inflight wish = {.n_queues = 2, .queue_size = 256};
		union proto_payload payload;
		uint32_t request;
		int fd;

		assert_int_equal(front_say(&front, 31, PROTO_VERSION, &wish, size, NULL, 0), 0);
		assert_int_equal(front_reply(&front, &request, &payload, &fd), size);
		assert_true(fd >= 0);
		assert_int_equal(payload.inflight.mmap_size, inflight_size(2, 256));
		assert_int_equal(payload.inflight.mmap_offset, 0);
		wish = payload.inflight;
		assert_true(front_acked(&front, 32, &wish, size, &fd, 1));
		wish.mmap_size++;
		assert_false(front_acked(&front, 32, &wish, size, &fd, 1));
		wish.mmap_size = inflight_size(2, 256) - 1;
		assert_false(front_acked(&front, 32, &wish, size, &fd, 1));
		wish.mmap_size = UINT64_MAX;
		wish.mmap_offset = 4096;
		assert_false(front_acked(&front, 32, &wish, size, &fd, 1));
		close(fd);
		for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			assert_int_equal(
				front_say(&front, 31, PROTO_VERSION, &bad[i], size, NULL, 0), 0);
			assert_int_equal(front_reply(&front, &request, &payload, &fd), size);
			assert_int_equal(payload.inflight.mmap_size, 0);
			assert_int_equal(fd, -1);
		}
	}
	assert_int_equal(front_count_fds(), before);
	front_close(&front);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_offered),
		cmocka_unit_test(a_frame_crosses_the_rings),
		cmocka_unit_test(any_order_starts_a_ring),
		cmocka_unit_test(rings_are_enabled_without_protocol_features),
		cmocka_unit_test(a_legacy_guest_is_told_so),
		cmocka_unit_test(memory_that_is_not_shared_is_told_so),
		cmocka_unit_test(t38_enable_toggles),
		cmocka_unit_test(base_stops_a_ring),
		cmocka_unit_test(rings_resume_where_they_stand),
		cmocka_unit_test(running_rings_are_not_described_anew),
		cmocka_unit_test(bad_rings_are_refused),
		cmocka_unit_test(memory_moves_under_running_rings),
		cmocka_unit_test(t20_bad_tables_change_nothing),
		cmocka_unit_test(slots_are_added_and_removed),
		cmocka_unit_test(t22_truncated_memory),
		cmocka_unit_test(eventfds_are_replaced),
		cmocka_unit_test(numbers_are_judged),
		cmocka_unit_test(resets_stop_all_rings),
		cmocka_unit_test(inflight_areas_are_handed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
