/*
 * rcu - read-copy-update between the control thread and the workers: liburcu's
 * QSBR flavour under the few names that the switch uses.
 *
 * Theory of operation. A worker reads what the control thread has published
 * (the policy, the port table, its queues) without any lock, and from time to
 * time says that it holds nothing any more: rcu_quiescent(). The control thread
 * unlinks an object, waits in rcu_synchronize() until each worker has said so
 * once, and frees it. A worker that sleeps says rcu_offline() before and
 * rcu_online() after, and is not waited for.
 *
 * Publication itself is a C11 release store, met by an acquire load: rcu_read()
 * and rcu_publish() say which loads and stores that are.
 *
 * ThreadSanitizer does not see the ordering that liburcu makes, so it is told:
 * all that a worker did before a quiescent point happened before the return of
 * the rcu_synchronize() that waited for it.
 */
#ifndef SWITCH_RCU_H
#define SWITCH_RCU_H

#include <stdatomic.h>
#include <urcu-qsbr.h>

#if defined(__SANITIZE_THREAD__)
#define RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TSAN 1
#endif
#endif

#ifdef RCU_TSAN
#include <sanitizer/tsan_interface.h>
/* What quiescent points release and grace periods acquire; any address of its own would do. */
#define RCU_GRACE     ((void *)urcu_qsbr_synchronize_rcu)
#define RCU_RELEASE() __tsan_release(RCU_GRACE)
#define RCU_ACQUIRE() __tsan_acquire(RCU_GRACE)
#else
#define RCU_RELEASE() ((void)0)
#define RCU_ACQUIRE() ((void)0)
#endif

/* Acquire: whoever sees the pointer sees what it points to as it was when published. */
#define rcu_read(place) atomic_load_explicit((place), memory_order_acquire)
/* Release: the object is whole before anybody can find it. */
#define rcu_publish(place, value) atomic_store_explicit((place), (value), memory_order_release)

/* A worker's life as a reader. */
static inline void rcu_register(void)
{
	urcu_qsbr_register_thread();
}

static inline void rcu_unregister(void)
{
	RCU_RELEASE();
	urcu_qsbr_unregister_thread();
}

/* The calling worker holds nothing that it read before. */
static inline void rcu_quiescent(void)
{
	RCU_RELEASE();
	urcu_qsbr_quiescent_state();
}

static inline void rcu_offline(void)
{
	RCU_RELEASE();
	urcu_qsbr_thread_offline();
}

static inline void rcu_online(void)
{
	urcu_qsbr_thread_online();
}

/* Wait until no worker holds what was unlinked before the call. Not for workers. */
static inline void rcu_synchronize(void)
{
	urcu_qsbr_synchronize_rcu();
	RCU_ACQUIRE();
}

#endif
