/*
 * pair - see pair.h.
 */
#include "tests/vhost/pair.h"

#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/packet.h"

void pair_open(struct pair *pair, struct scene *scene, const struct frontend_options *options)
{
	const struct frontend_options plain = {.features = FRONTEND_PLAIN};

	pair->scene = scene;
	scene_join(scene, &pair->fe, OFFENDER, options ? options : &plain);
	scene_join(scene, &pair->peer, PEER, &plain);
}

void pair_close(struct pair *pair)
{
	scene_leave(pair->scene, &pair->fe, OFFENDER);
	scene_leave(pair->scene, &pair->peer, PEER);
}

void pair_restart(struct pair *pair)
{
	frontend_hang_up(&pair->fe);
	scene_restart(pair->scene, &pair->fe, OFFENDER);
}

void pair_restart_without_buffers(struct pair *pair)
{
	frontend_hang_up(&pair->fe);
	scene_attach(pair->scene, &pair->fe, OFFENDER);
	frontend_reset(&pair->fe);
	check(frontend_handshake(&pair->fe) == 0 && frontend_start(&pair->fe) == 0, "start");
	harness_await_port(&pair->scene->dp, OFFENDER, CHANNEL_PORT_UP);
}

void pair_watch_errors(struct pair *pair)
{
	for (unsigned i = 0; i < pair->fe.n_queues; i++)
		check(frontend_set_fd(&pair->fe, VU_SET_VRING_ERR, i,
				      pair->fe.queues[i].ring.err) == 0,
		      "SET_VRING_ERR");
}

void pair_expect_broken(struct pair *pair, struct guest_ring *ring, const char *what)
{
	uint64_t count = 0;

	check(clock_await(CLOCK_PATIENCE_MS, read(ring->err, &count, sizeof(count)) > 0),
	      "%s: no word on the error eventfd", what);
	pair_restart(pair);
	pair_watch_errors(pair);
	pair_pass(pair, 3);
}

void pair_pass(struct pair *pair, unsigned n)
{
	scene_pass(&pair->fe, OFFENDER, &pair->peer, PEER, n);
	scene_pass(&pair->peer, PEER, &pair->fe, OFFENDER, n);
}

void pair_await_return(struct frontend *fe, const char *what)
{
	check(frontend_drain(fe, 0, CLOCK_PATIENCE_MS), "%s: %u chains do not come back", what,
	      guest_ring_held(frontend_tx(fe, 0)));
}

void pair_settle(struct pair *pair)
{
	pair_await_return(&pair->peer, "the last frames of a stream");
	scene_discard(&pair->fe);
	scene_discard(&pair->peer);
}

uint64_t pair_drops(const struct pair *pair)
{
	const struct port_counters *sum = harness_counters(&pair->scene->dp, OFFENDER);
	uint64_t n = 0;

	for (unsigned i = 0; i < DROP__COUNT; i++)
		n += sum->dropped[i];
	return n;
}

static void expect_counted(struct pair *pair, uint64_t before, enum drop reason, const char *what)
{
	pair_await_return(&pair->fe, what);
	check(clock_await(1000, scene_dropped(pair->scene, OFFENDER, reason) == before + 1),
	      "%s: not counted as %s", what, drop_word(reason));
	check(!guest_ring_pending(frontend_rx(&pair->peer, 0)), "%s: it was delivered", what);
	scene_pass(&pair->fe, OFFENDER, &pair->peer, PEER, 1);
	pair_await_return(&pair->fe, what);
}

void pair_expect_drop(struct pair *pair, const struct vring_desc *descs, uint16_t n,
		      enum drop reason, const char *what)
{
	uint64_t before = scene_dropped(pair->scene, OFFENDER, reason);

	guest_ring_add_crafted(frontend_tx(&pair->fe, 0), descs, n);
	frontend_flush(&pair->fe, 0);
	expect_counted(pair, before, reason, what);
}

void pair_expect_frame_drop(struct pair *pair, const struct virtio_net_hdr_v1 *hdr,
			    const void *frame, uint32_t len, enum drop reason, const char *what)
{
	uint64_t before = scene_dropped(pair->scene, OFFENDER, reason);

	frontend_send(&pair->fe, 0, hdr, frame, len);
	expect_counted(pair, before, reason, what);
}

uint64_t pair_make_buffer(struct pair *pair, uint32_t len, uint32_t stream)
{
	struct guest_memory *memory = pair->fe.memory;
	uint64_t gpa = guest_memory_take(memory, FRONTEND_HEADER + len, 64);
	uint8_t frame[2048];

	packet_build(frame, len, scene_mac(PEER), scene_mac(OFFENDER), stream, 0);
	memset(guest_memory_at(memory, gpa, FRONTEND_HEADER), 0, FRONTEND_HEADER);
	guest_memory_write(memory, gpa + FRONTEND_HEADER, frame, len);
	return gpa;
}
