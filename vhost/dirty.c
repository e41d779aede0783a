/*
 * dirty - sets bits in the front-end's log.
 */
#include "vhost/dirty.h"

#include <errno.h>
#include <stdlib.h>

int dirty_log_create(int fd, uint64_t offset, uint64_t size, atomic_bool *dead,
		     struct dirty_log **ret_log)
{
	struct dirty_log *log;

	if (size > DIRTY_LOG_MAX)
		return -EFBIG;
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	int err = mapping_create(fd, offset, size, dead, &log->mapping);
	if (err < 0) {
		free(log);
		return err;
	}
	*ret_log = log;
	return 0;
}

void dirty_log_destroy(struct dirty_log *log)
{
	if (!log)
		return;
	mapping_put(log->mapping);
	free(log);
}

bool dirty_log_covers(const struct dirty_log *log, uint64_t end)
{
	return end == 0 || (end - 1) / DIRTY_PAGE / 8 < log->mapping->size;
}

static void mark_byte(const struct dirty_log *log, struct dirty_cache *cache, uint64_t byte,
		      uint8_t bits)
{
	/* The latest first: a burst's buffers are neighbours more often than not. */
	for (unsigned i = cache->n; i-- > 0;) {
		if (cache->entries[i].byte == byte) {
			cache->entries[i].bits |= bits;
			return;
		}
	}
	if (cache->n == DIRTY_CACHE)
		dirty_flush(log, cache);
	cache->entries[cache->n].byte = byte;
	cache->entries[cache->n].bits = bits;
	cache->n++;
}

void dirty_mark(const struct dirty_log *log, struct dirty_cache *cache, uint64_t gpa, uint64_t len)
{
	if (len == 0)
		return;
	/* Of a range that wraps, which no table of memory has, the end is left out. */
	uint64_t last = len - 1 > UINT64_MAX - gpa ? UINT64_MAX : gpa + len - 1;

	for (uint64_t page = gpa / DIRTY_PAGE; page <= last / DIRTY_PAGE; page++) {
		if (page / 8 >= log->mapping->size)
			return;
		mark_byte(log, cache, page / 8, (uint8_t)(1 << page % 8));
	}
}

void dirty_flush(const struct dirty_log *log, struct dirty_cache *cache)
{
	for (unsigned i = 0; i < cache->n; i++) {
		/* Release: the bytes of the page are written before its bit is set. */
		if (cache->entries[i].byte < log->mapping->size)
			__atomic_fetch_or(&log->mapping->bytes[cache->entries[i].byte],
					  cache->entries[i].bits, __ATOMIC_RELEASE);
	}
	cache->n = 0;
}
