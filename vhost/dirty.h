/*
 * dirty - the log of written pages that a live migration reads.
 *
 * Bit n stands for the guest-physical page n of 4096 bytes, whatever the size of
 * the pages really is. The front-end fetches and clears bits at the same time,
 * so each is set by an atomic OR. A burst gathers its pages in a small cache of
 * its queue first: neighbours' bits share bytes, and locked accesses are dear.
 *
 * Order (reference 1.8): the bytes, then their bits, then the used index that
 * gives the buffers back. A page whose bit is seen has its bytes; a buffer that
 * is seen has its bit.
 *
 * Threads. A log is immutable and published with the ring that uses it; a cache
 * belongs to whoever works the queue.
 */
#ifndef VHOST_DIRTY_H
#define VHOST_DIRTY_H

#include <stdatomic.h>
#include <stdint.h>

#include "vhost/mapping.h"

enum {
	DIRTY_PAGE = 4096,
	DIRTY_CACHE = 32,
	DIRTY_LOG_MAX = 1 << 30, /* bytes: 32 TiB of guest-physical addresses */
};

struct dirty_log {
	struct mapping *mapping;
};

struct dirty_cache {
	unsigned n;
	struct {
		uint64_t byte; /* of the log */
		uint8_t bits;
	} entries[DIRTY_CACHE];
};

/* As mapping_create(), and -EFBIG. */
int dirty_log_create(int fd, uint64_t offset, uint64_t size, atomic_bool *dead,
		     struct dirty_log **ret_log) __attribute__((warn_unused_result));
void dirty_log_destroy(struct dirty_log *log);

/* Has it a bit for each page below @end? */
bool dirty_log_covers(const struct dirty_log *log, uint64_t end);

/* The @len bytes from @gpa on were written. What has no bit in the log is left out. */
void dirty_mark(const struct dirty_log *log, struct dirty_cache *cache, uint64_t gpa, uint64_t len);

/* Set all bits that were marked: before the used index is published. */
void dirty_flush(const struct dirty_log *log, struct dirty_cache *cache);

#endif
