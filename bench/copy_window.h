/*
 * copy_window - how many frames a second memcpy() brings from the sender's buffers to the
 * receiver's, one after the other, on the processor that a switch would have.
 */
#ifndef BENCH_COPY_WINDOW_H
#define BENCH_COPY_WINDOW_H

#include "bench/pair.h"

/* @len: bytes of each, virtio-net header included. */
void copy_window(struct pair *pair, int cpu, uint32_t len, double seconds,
		 struct window *ret_window);

#endif
