/*
 * inflight - the memory in which a back-end notes what it holds, for its successor.
 *
 * This back-end has nothing to note. It completes chains in the order in which
 * they were made available and holds none between bursts; the guest's used index
 * alone says where a successor goes on (queue_resume()). The area is offered all
 * the same, because front-ends (Cloud Hypervisor) restart the rings at a wrong
 * place without it. It is handed out empty, which means "nothing in flight" to
 * any back-end that reads it, and is never mapped here.
 */
#ifndef VHOST_INFLIGHT_H
#define VHOST_INFLIGHT_H

#include <stdint.h>

/* Bytes for @n_queues split queues of @queue_size entries. */
uint64_t inflight_size(unsigned n_queues, unsigned queue_size);

/* An empty area of that many bytes, which nobody can shrink. Returns its fd or -errno. */
int inflight_create(uint64_t size) __attribute__((warn_unused_result));

#endif
