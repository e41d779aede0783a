/*
 * copy - moves bytes between guests.
 *
 * Source and destination may be the same memory: a front-end may share one file
 * between two ports. All of a small copy is loaded before any of it is stored,
 * and a large one is a memmove().
 */
#ifndef VHOST_COPY_H
#define VHOST_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct copy16 {
	uint64_t words[2];
};

/* Up to 16 bytes, as two loads that overlap. */
static inline void copy_to_16(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len >= 8) {
		uint64_t first, last;

		memcpy(&first, from, 8);
		memcpy(&last, from + len - 8, 8);
		memcpy(to, &first, 8);
		memcpy(to + len - 8, &last, 8);
	} else if (len >= 4) {
		uint32_t first, last;

		memcpy(&first, from, 4);
		memcpy(&last, from + len - 4, 4);
		memcpy(to, &first, 4);
		memcpy(to + len - 4, &last, 4);
	} else if (len > 0) {
		uint8_t first = from[0], middle = from[len / 2], last = from[len - 1];

		to[0] = first;
		to[len / 2] = middle;
		to[len - 1] = last;
	}
}

/* 17 to 128 bytes: @n pairs of 16 bytes, counted from both ends. */
static inline __attribute__((always_inline)) void copy_pairs(uint8_t *to, const uint8_t *from,
							     size_t len, unsigned n)
{
	struct copy16 low[4], high[4];

	for (unsigned i = 0; i < n; i++) {
		memcpy(&low[i], from + 16 * i, 16);
		memcpy(&high[i], from + len - 16 * (i + 1), 16);
	}
	for (unsigned i = 0; i < n; i++) {
		memcpy(to + 16 * i, &low[i], 16);
		memcpy(to + len - 16 * (i + 1), &high[i], 16);
	}
}

static inline void copy_bytes(void *to, const void *from, size_t len)
{
	if (len > 128)
		memmove(to, from, len);
	else if (len > 64)
		copy_pairs(to, from, len, 4);
	else if (len > 32)
		copy_pairs(to, from, len, 2);
	else if (len > 16)
		copy_pairs(to, from, len, 1);
	else
		copy_to_16(to, from, len);
}

#endif
