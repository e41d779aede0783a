/*
 * wire - taps and devices in a network namespace of the test's own, and the far
 * end of each: a packet socket that sends and hears raw frames.
 *
 * Needs root; wire_enter() says whether the machine lets us. Everything goes
 * with the process.
 */
#ifndef TESTS_UNIT_RUNTIME_WIRE_H
#define TESTS_UNIT_RUNTIME_WIRE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

/* Move into a new network namespace without IPv6's chatter. */
bool wire_enter(void);

/* A tap of @n_queues as the control process makes it, up; one fd a queue in @ret_fds. */
void wire_tap(const char *name, unsigned n_queues, int *ret_fds);

/* A veth pair, both ends up and sending. */
void wire_veth(const char *name, const char *peer);

/* A packet socket on @name as the control process makes it for a device port. */
int wire_device(const char *name);

/* The far end: a packet socket with virtio-net headers that ignores what it sends itself. */
int wire_far(const char *name);

void wire_send(int far, const struct virtio_net_hdr *hdr, const uint8_t *frame, uint32_t len);

/*
 * The next frame that arrives before patience ends, with its tag where it was: its
 * length, or 0. Its virtio-net header goes to @ret_hdr unless that is NULL.
 */
uint32_t wire_receive(int far, uint8_t *frame, uint32_t size, struct virtio_net_hdr *ret_hdr);

/* Nothing arrives: looks once, after something else has proven that all is quiet. */
bool wire_is_silent(int far);

#endif
