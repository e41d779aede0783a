/*
 * stream - writes a frame past the caches, in whole lines.
 *
 * A line that another core read last is dear to write to: it has to be taken from
 * there first. A store of a whole line that goes to memory need not (on AMD, across
 * L3 caches, a tenth of the time: reference, performance 7.1). So pieces are brought
 * together in a line of private memory where they do not fill one, and the last line
 * is filled up with zeros as far as the buffer has room: the driver must not assume
 * anything of what lies behind the length that it is told (virtio 1.3, 2.7.8.2).
 *
 * These stores are not ordered by the release that publishes a used index:
 * stream_finish() is what orders them.
 *
 * Where there are no such stores, STREAM_EXISTS is 0 and nobody comes here.
 */
#ifndef VHOST_STREAM_H
#define VHOST_STREAM_H

#include "vhost/copy.h"

#if defined(__x86_64__)
#include <emmintrin.h>

#define STREAM_EXISTS 1

/* All of the line at @to, which is aligned. */
static inline void stream_line(uint8_t *to, const uint8_t *from)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)from);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + 16));
	__m128i c = _mm_loadu_si128((const __m128i *)(const void *)(from + 32));
	__m128i d = _mm_loadu_si128((const __m128i *)(const void *)(from + 48));

	_mm_stream_si128((__m128i *)(void *)to, a);
	_mm_stream_si128((__m128i *)(void *)(to + 16), b);
	_mm_stream_si128((__m128i *)(void *)(to + 32), c);
	_mm_stream_si128((__m128i *)(void *)(to + 48), d);
}

/* All lines written so far come before what is stored after this. */
static inline void stream_finish(void)
{
	_mm_sfence();
}
#else
#define STREAM_EXISTS 0

static inline void stream_line(uint8_t *to, const uint8_t *from)
{
	memcpy(to, from, 64);
}

static inline void stream_finish(void)
{
}
#endif

enum { STREAM_LINE = 64 };

/* A buffer that is being written. */
struct stream {
	uint8_t *to;   /* the line to be written next */
	unsigned skip; /* bytes at its beginning that are not the buffer's */
	unsigned fill; /* of it, bytes that are known */
	_Alignas(STREAM_LINE) uint8_t line[STREAM_LINE];
};

static inline void stream_begin(struct stream *stream, uint8_t *host)
{
	stream->skip = (unsigned)((uintptr_t)host % STREAM_LINE);
	stream->fill = stream->skip;
	stream->to = host - stream->skip;
}

/* Write @fill bytes of the line at hand, as a whole if it is one. */
static inline void stream_flush(struct stream *stream)
{
	if (stream->skip == 0 && stream->fill == STREAM_LINE)
		stream_line(stream->to, stream->line);
	else
		copy_up_to_64(stream->to + stream->skip, stream->line + stream->skip,
			      stream->fill - stream->skip);
	stream->to += STREAM_LINE;
	stream->skip = 0;
	stream->fill = 0;
}

static inline void stream_write(struct stream *stream, const uint8_t *from, size_t len)
{
	if (stream->fill > 0) {
		size_t part = STREAM_LINE - stream->fill < len ? STREAM_LINE - stream->fill : len;

		copy_up_to_64(stream->line + stream->fill, from, part);
		stream->fill += (unsigned)part;
		if (stream->fill < STREAM_LINE)
			return;
		stream_flush(stream);
		from += part;
		len -= part;
	}
	for (; len >= STREAM_LINE; len -= STREAM_LINE) {
		stream_line(stream->to, from);
		stream->to += STREAM_LINE;
		from += STREAM_LINE;
	}
	copy_up_to_64(stream->line, from, len);
	stream->fill = (unsigned)len;
}

/* Write what is left; the buffer has room up to @end. */
static inline void stream_end(struct stream *stream, const uint8_t *end)
{
	if (stream->fill == stream->skip)
		return;
	if (stream->skip == 0 && end - stream->to >= STREAM_LINE) {
		memset(stream->line + stream->fill, 0, STREAM_LINE - stream->fill);
		stream->fill = STREAM_LINE;
	}
	stream_flush(stream);
}

#endif
