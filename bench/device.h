/*
 * device - two guests that reach their switch through network devices of this host, not through
 * shared memory: what serves their rings is this, with system calls.
 *
 * A guest is at a device in one of two ways: it holds a tap, as a virtual machine does (the frames
 * that it writes come out of the device), or it sends and receives on a device by a packet
 * socket, as programs in a container do. Both carry virtio-net headers, so that long TCP frames
 * pass whole.
 *
 * A device has no ring whose end a sender could see, and drops what comes too fast. So no more than
 * DEVICE_WINDOW frames are under way: a frame is given back to its sender when one has arrived.
 * Those that are lost are forgiven after a while. Threads: one.
 */
#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H

#include "bench/guest.h"

enum { DEVICE_WINDOW = 256 }; /* a tap holds 500 */

/* Open the device @name as the guest's options say. 0 or -errno. */
int device_open(struct guest *guest, const char *name);
void device_close(struct guest *guest);

/* Carry what can be carried, each way. */
void device_serve(struct guest guests[2], uint64_t now_ns);

#endif
