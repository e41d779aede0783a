/*
 * stream - see stream.h.
 */
#include "bench/stream.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/check.h"

enum {
	ETHERNET = 14,
	TAG = 4,
	IPV4 = 20,
	UDP = 8,
	TCP = 20,
	SEGMENT = 1448,
	STAMP = 10,
	MAC_FLOW = 2, /* where the flow stands in a MAC address: its last four bytes */
};

/* What of a frame differs from another of its size. */
struct places {
	unsigned ip;
	unsigned ports;
	unsigned mark;
	unsigned number;
};

static inline struct places places_of(const struct stream_options *options)
{
	unsigned ip = ETHERNET + (options->vlan ? TAG : 0);
	unsigned behind = ip + IPV4 + (options->tso ? TCP : UDP);

	return (struct places){
		.ip = ip,
		.ports = ip + IPV4,
		.mark = behind,
		.number = behind + 2,
	};
}

static inline void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &(uint16_t){htobe16(value)}, 2);
}

static inline void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &(uint32_t){htobe32(value)}, 4);
}

/* A frame's flow, where the options say that flows differ. */
static inline void put_flow(uint8_t *frame, const struct stream_options *options,
			    struct places places, uint32_t flow)
{
	if (options->vary == STREAM_MACS) {
		put32(frame + MAC_FLOW, flow);
		put32(frame + 6 + MAC_FLOW, flow);
	} else {
		/*
		 * Source and destination port: 15 and 5 bits of the flow, among those that no
		 * switch has reasons to refuse (a server's of DHCP, for instance).
		 */
		put32(frame + places.ports,
		      (0x8000 | (flow & 0x7fff)) << 16 | (4000 + (flow >> 15)));
	}
}

/* RFC 791: the header's checksum, over ten words of which the checksum's own is still 0. */
static uint16_t ipv4_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < IPV4; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/*
 * RFC 9293, 3.1: a header that says ACK. Its checksum is the pseudo header's alone: the rest
 * belongs to whoever cuts the segment, or to nobody.
 */
static void write_tcp(uint8_t *tcp, uint16_t len)
{
	uint32_t sum = 2 * 0x0a00 + 1 + 2 + 6 + (uint32_t)len;

	tcp[12] = TCP / 4 << 4;
	tcp[13] = 0x10;
	put16(tcp + 14, UINT16_MAX);
	put16(tcp + 16, (uint16_t)((sum & 0xffff) + (sum >> 16)));
}

/* The virtio-net header of all frames (virtio 1.3, 5.1.6.2). */
static struct virtio_net_hdr_v1 header_of(const struct stream_options *options)
{
	const struct places places = places_of(options);

	if (!options->tso)
		return (struct virtio_net_hdr_v1){.flags = 0};
	return (struct virtio_net_hdr_v1){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)places.mark,
		.gso_size = SEGMENT,
		.csum_start = (uint16_t)places.ports,
		.csum_offset = 16,
	};
}

/* The frame of @len bytes as the stream sends it, flow 0 and number 0. */
static void write_template(const struct stream *stream, uint8_t *frame, uint32_t len)
{
	struct places places = places_of(&stream->options);
	uint8_t from = (uint8_t)stream->from_end, to = (uint8_t)(1 - from);
	uint8_t *ip = frame + places.ip;

	memset(frame, 0, places.number + 8);
	/* Locally administered addresses (IEEE 802): 02:0a for the first guest, 02:0b for the second. */
	put16(frame, (uint16_t)(0x020a + to));
	put16(frame + 6, (uint16_t)(0x020a + from));
	if (stream->options.vlan) {
		put16(frame + 12, 0x8100);
		put16(frame + 14, stream->options.vlan);
	}
	put16(ip - 2, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(len - places.ip));
	ip[8] = 64;
	ip[9] = stream->options.tso ? 6 : 17;
	put32(ip + 12, 0x0a000001u + from);
	put32(ip + 16, 0x0a000001u + to);
	put16(ip + 10, ipv4_checksum(ip));
	/* UDP without a checksum (RFC 768): no part of a frame depends on its number. */
	if (stream->options.tso)
		write_tcp(frame + places.ports, (uint16_t)(len - places.ports));
	else
		put16(frame + places.ports + 4, (uint16_t)(len - places.ports));
	memcpy(frame + places.mark, &stream->mark, 2);
	for (uint32_t i = places.number + 8; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + from);
	put_flow(frame, &stream->options, places, 0);
}

/* The length of a frame of the @i'th size, without FCS; 0: there are no more sizes. */
static uint32_t size_len(const struct stream_options *options, unsigned i)
{
	static const uint16_t imix[STREAM_SIZES] = {64, 570, 1518};

	if (options->size)
		return i == 0 ? options->size - STREAM_FCS : 0;
	return i < STREAM_SIZES ? imix[i] - STREAM_FCS : 0;
}

/* The size of the frame in buffer @i: of IMIX, seven of the first, four of the second, one of the third. */
static unsigned size_of_buffer(const struct stream_options *options, unsigned i)
{
	static const uint8_t imix[12] = {0, 1, 0, 0, 1, 0, 2, 0, 1, 0, 0, 1};

	return options->size ? 0 : imix[i % 12];
}

uint32_t stream_frame_max(const struct stream_options *options)
{
	return size_len(options, options->size ? 0 : STREAM_SIZES - 1);
}

void stream_create(struct stream *stream, const struct stream_options *options, struct guest *from,
		   struct guest *to, unsigned from_end, uint16_t nonce)
{
	const struct virtio_net_hdr_v1 header = header_of(options);
	struct driver_ring *tx = &from->tx;

	*stream = (struct stream){
		.options = *options,
		.from = from,
		.to = to,
		.from_end = from_end,
		.mark = (uint16_t)((unsigned)nonce << 1 | from_end),
		.merged = malloc(FRONTEND_FRAME_MAX + GUEST_HEADER),
	};
	check(stream->merged, "out of memory");
	for (unsigned i = 0; size_len(options, i); i++) {
		stream->samples[i] = malloc(size_len(options, i));
		check(stream->samples[i], "out of memory");
		write_template(stream, stream->samples[i], size_len(options, i));
	}
	for (uint16_t i = 0; i < tx->size; i++) {
		unsigned size = size_of_buffer(options, i);
		uint32_t len = size_len(options, size);

		memcpy(tx->buffers[i], &header, GUEST_HEADER);
		memcpy(tx->buffers[i] + GUEST_HEADER, stream->samples[size], len);
		driver_set_len(tx, i, GUEST_HEADER + len);
	}
}

void stream_destroy(struct stream *stream)
{
	for (unsigned i = 0; i < STREAM_SIZES; i++)
		free(stream->samples[i]);
	free(stream->merged);
	free(stream->sent_at);
}

/* The line will be written: have it brought here, and taken from whoever has it. */
static inline void prefetch_for_writing(const uint8_t *line)
{
#if defined(__x86_64__)
	/* The compiler takes another instruction unless it may use newer ones everywhere. */
	__asm__ volatile("prefetchw %0" ::"m"(*line));
#else
	__builtin_prefetch(line, 1);
#endif
}

unsigned stream_send(struct stream *stream, unsigned max)
{
	const struct stream_options *options = &stream->options;
	struct driver_ring *tx = &stream->from->tx;
	struct places places = places_of(options);
	uint64_t number = stream->number;
	uint32_t flow = stream->flow;
	bool varied = options->flows > 1;
	unsigned n;

	/* Looking for returned buffers moves a cache line: not before there is need. */
	if (driver_free(tx) < max)
		driver_reclaim(tx);
	n = driver_free(tx) < max ? driver_free(tx) : max;
	for (unsigned i = 0; i < n; i++)
		prefetch_for_writing(tx->buffers[driver_peek(tx, i)]);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *frame = tx->buffers[driver_next(tx)] + GUEST_HEADER;

		if (varied) {
			put_flow(frame, options, places, flow);
			flow = flow + 1 == options->flows ? 0 : flow + 1;
		}
		memcpy(frame + places.number, &number, 8);
		number++;
	}
	stream->number = number;
	stream->flow = flow;
	stream->counts.sent += n;
	driver_publish(tx);
	return n;
}

/* Is the frame what was sent, byte by byte? */
static bool is_intact(struct stream *stream, const uint8_t *frame, uint32_t len, uint64_t number)
{
	const struct stream_options *options = &stream->options;
	struct places places = places_of(options);
	unsigned size = 0;

	while (size_len(options, size) && size_len(options, size) != len)
		size++;
	if (!size_len(options, size))
		return false;
	put_flow(stream->samples[size], options, places, (uint32_t)(number % options->flows));
	memcpy(stream->samples[size] + places.number, &number, 8);
	return memcmp(stream->samples[size], frame, len) == 0;
}

/* Judge a frame of @len bytes. */
static inline void judge(struct stream *stream, const uint8_t *frame, uint32_t len,
			 const struct stream_arrival *arrival)
{
	struct places places = places_of(&stream->options);
	struct stream_counts *counts = &stream->counts;
	uint64_t number;
	uint16_t mark;

	memcpy(&mark, frame + places.mark, 2);
	memcpy(&number, frame + places.number, 8);
	if (__builtin_expect(len < places.number + 8 || mark != stream->mark, 0)) {
		counts->foreign++;
		return;
	}
	counts->received++;
	counts->bytes += len + STREAM_FCS;
	if (__builtin_expect(number >= stream->number, 0)) {
		counts->corrupt++;
		return;
	}
	if (__builtin_expect(number < stream->expected, 0))
		counts->late++;
	else
		stream->expected = number + 1;
	if (__builtin_expect(number % STREAM_SAMPLE == 0 || stream->options.verify, 0) &&
	    !is_intact(stream, frame, len, number))
		counts->corrupt++;
	if (stream->sent_at && number >= stream->timed_from)
		arrival->note(arrival->user, stream->sent_at[number % STREAM_SENT_AT]);
}

/* A frame that was merged from @n buffers (virtio 1.3, 5.1.6.4). False: they are not all there yet. */
static bool receive_merged(struct stream *stream, uint16_t used, unsigned n,
			   const struct stream_arrival *arrival)
{
	struct driver_ring *rx = &stream->to->rx;
	uint32_t total = 0, len;
	uint16_t id;

	if (n > used)
		return false;
	for (unsigned i = 0; i < n && driver_look(rx, 0, &id, &len); i++) {
		if (total + len <= FRONTEND_FRAME_MAX + GUEST_HEADER &&
		    len <= stream->to->options.buffer)
			memcpy(stream->merged + total, rx->buffers[id], len);
		total += len;
		driver_take(rx, id);
	}
	if (total < GUEST_HEADER || total > FRONTEND_FRAME_MAX + GUEST_HEADER)
		stream->counts.foreign++;
	else
		judge(stream, stream->merged + GUEST_HEADER, total - GUEST_HEADER, arrival);
	return true;
}

unsigned stream_receive(struct stream *stream, const struct stream_arrival *arrival)
{
	struct driver_ring *rx = &stream->to->rx;
	uint16_t used = driver_used(rx);
	uint16_t n = used < STREAM_BURST ? used : STREAM_BURST;
	unsigned frames = 0;
	uint32_t len;
	uint16_t id;

	for (uint16_t i = 0; i < n && driver_look(rx, i, &id, &len); i++)
		__builtin_prefetch(rx->buffers[id]);
	for (uint16_t done = 0; done < n && driver_look(rx, 0, &id, &len); frames++) {
		const struct virtio_net_hdr_v1 *hdr = (const void *)rx->buffers[id];

		if (__builtin_expect(stream->to->mergeable && hdr->num_buffers > 1, 0)) {
			uint16_t buffers = hdr->num_buffers;

			if (!receive_merged(stream, (uint16_t)(used - done), buffers, arrival))
				break;
			done = (uint16_t)(done + buffers);
			continue;
		}
		judge(stream, rx->buffers[id] + GUEST_HEADER,
		      len < GUEST_HEADER ? 0 : len - GUEST_HEADER, arrival);
		driver_take(rx, id);
		done++;
	}
	/* Each buffer goes back as it is, its descriptor never changes; not too few at a time. */
	rx->filled = (uint16_t)(rx->taken + rx->size);
	if (n == 0 || (uint16_t)(rx->filled - rx->published) >= STREAM_BURST / 2)
		driver_publish(rx);
	return frames;
}
