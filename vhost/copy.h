/*
 * copy - moves bytes between guests.
 *
 * Source and destination may be the same memory: a front-end may share one file
 * between two ports. Where both are the same bytes at the same address, all of a
 * small copy is loaded before any of it is stored, and a large one is a memmove(),
 * which picks its instructions by the processor. Two sessions map one file at two
 * addresses, though; bytes that overlap there may be torn, which hurts nobody but
 * those two.
 */
#ifndef VHOST_COPY_H
#define VHOST_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 16 bytes at any address: a vector register, where there are some. */
typedef uint64_t copy_vector __attribute__((vector_size(16), aligned(1), may_alias));

static inline copy_vector copy_load(const uint8_t *from)
{
	return *(const copy_vector *)from;
}

static inline void copy_store(uint8_t *to, copy_vector vector)
{
	*(copy_vector *)to = vector;
}

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

/* 17 to 32 bytes, 33 to 64, 65 to 128: vectors counted from both ends, which meet in the middle. */
static inline void copy_to_32(uint8_t *to, const uint8_t *from, size_t len)
{
	copy_vector first = copy_load(from), last = copy_load(from + len - 16);

	copy_store(to, first);
	copy_store(to + len - 16, last);
}

static inline void copy_to_64(uint8_t *to, const uint8_t *from, size_t len)
{
	copy_vector a = copy_load(from), b = copy_load(from + 16);
	copy_vector y = copy_load(from + len - 32), z = copy_load(from + len - 16);

	copy_store(to, a);
	copy_store(to + 16, b);
	copy_store(to + len - 32, y);
	copy_store(to + len - 16, z);
}

static inline __attribute__((always_inline)) void copy_to_128(uint8_t *to, const uint8_t *from,
							      size_t len)
{
	copy_vector a = copy_load(from), b = copy_load(from + 16);
	copy_vector c = copy_load(from + 32), d = copy_load(from + 48);
	copy_vector w = copy_load(from + len - 64), x = copy_load(from + len - 48);
	copy_vector y = copy_load(from + len - 32), z = copy_load(from + len - 16);

	copy_store(to, a);
	copy_store(to + 16, b);
	copy_store(to + 32, c);
	copy_store(to + 48, d);
	copy_store(to + len - 64, w);
	copy_store(to + len - 48, x);
	copy_store(to + len - 32, y);
	copy_store(to + len - 16, z);
}

/* No more than a line. */
static inline void copy_up_to_64(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len > 32)
		copy_to_64(to, from, len);
	else if (len > 16)
		copy_to_32(to, from, len);
	else
		copy_to_16(to, from, len);
}

static inline void copy_bytes(void *to, const void *from, size_t len)
{
	if (len > 128)
		memmove(to, from, len);
	else if (len > 64)
		copy_to_128(to, from, len);
	else
		copy_up_to_64(to, from, len);
}

/* More than 64 bytes: whole lines, and a last one that ends where the bytes do. */
static inline void copy_lines(uint8_t *to, const uint8_t *from, size_t len)
{
	for (size_t done = 0; done < len - 64; done += 64)
		copy_to_64(to + done, from + done, 64);
	copy_to_64(to + len - 64, from + len - 64, 64);
}

/*
 * Registers of 32 bytes are not for every x86-64. A function marked COPY_WIDE may use
 * them, and is called where copy_is_wide() says so; it gives its copies @wide. What
 * does not may be called anywhere, and copies the same bytes.
 */
#if defined(__x86_64__)
#define COPY_WIDE __attribute__((target("avx2")))

static inline bool copy_is_wide(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define COPY_WIDE

static inline bool copy_is_wide(void)
{
	return false;
}
#endif

typedef uint64_t copy_wide_vector __attribute__((vector_size(32), aligned(1), may_alias));

/* 65 to 128 bytes. */
static inline __attribute__((always_inline)) void copy_wide_to_128(uint8_t *to, const uint8_t *from,
								   size_t len)
{
	copy_wide_vector a = *(const copy_wide_vector *)from;
	copy_wide_vector b = *(const copy_wide_vector *)(from + 32);
	copy_wide_vector y = *(const copy_wide_vector *)(from + len - 64);
	copy_wide_vector z = *(const copy_wide_vector *)(from + len - 32);

	*(copy_wide_vector *)to = a;
	*(copy_wide_vector *)(to + 32) = b;
	*(copy_wide_vector *)(to + len - 64) = y;
	*(copy_wide_vector *)(to + len - 32) = z;
}

/* More than 128: the same, two lines at a time. */
static inline __attribute__((always_inline)) void copy_wide_lines(uint8_t *to, const uint8_t *from,
								  size_t len)
{
	size_t done = 0;

	for (; done < len - 128; done += 128)
		copy_wide_to_128(to + done, from + done, 128);
	copy_wide_to_128(to + len - 128, from + len - 128, 128);
}

/*
 * The head of a frame with its virtio-net header, to or from private memory: the two
 * cannot be the same. Most are of the length that comes first.
 */
static inline __attribute__((always_inline)) void copy_head(void *to, const void *from, size_t len,
							    bool wide)
{
	if (__builtin_expect(len > 64 && len <= 128, 1)) {
		if (wide)
			copy_wide_to_128(to, from, len);
		else
			copy_to_128(to, from, len);
	} else if (len > 128) {
		if (wide)
			copy_wide_lines(to, from, len);
		else
			copy_lines(to, from, len);
	} else {
		copy_bytes(to, from, len);
	}
}

#endif
