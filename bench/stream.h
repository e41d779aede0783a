/*
 * stream - numbered frames from one guest to another, made and checked.
 *
 * A frame is UDP over IPv4, or one TCP segment that is meant to be cut (TSO). Each buffer of the sender holds a prepared frame; to
 * send it again costs one write to its first cache line: the number, and where
 * flows vary, ports or addresses. That one write is there on purpose: a guest
 * writes what it sends, and a line that its owner just wrote costs a switch
 * something else than one that lies in the switch's own cache.
 *
 *	virtio-net header 12 | Ethernet 14 [VLAN 4] | IPv4 20 | UDP 8 | mark 2 | number 8 | pattern
 *
 * The receiver reads mark and number of every frame: what bears another stream's
 * mark is foreign, a number that is not larger than the one before is late (out
 * of order, or twice), and what was sent and never came is lost. One frame in
 * STREAM_SAMPLE (or each, if `verify`) is compared byte by byte with what it must
 * be, and its length, addresses and ports with it.
 *
 * Sizes count the frame check sequence of 4 bytes, as RFC 2544 and all published
 * figures do; it does not travel through rings.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "bench/guest.h"

enum {
	STREAM_FCS = 4,
	STREAM_SIZE_MIN = 64,
	STREAM_SIZE_MAX = 9018,
	STREAM_SIZE_TSO = 14 + 40 + 45 * 1448 + STREAM_FCS, /* the most whole segments in 64 KiB */
	STREAM_SIZES = 3,				    /* of IMIX */
	STREAM_BURST = 64,
	STREAM_SAMPLE = 64, /* one frame in so many is compared byte by byte */
	STREAM_FLOWS_MAX = 1 << 20,
	STREAM_SENT_AT =
		1 << 16, /* frames whose sending time is remembered; more are never on the way */
};

enum stream_vary {
	STREAM_PORTS = 0, /* of UDP: one pair of addresses */
	STREAM_MACS,	  /* source and destination: one pair a flow */
};

struct stream_options {
	uint16_t size; /* with FCS; 0: IMIX, 64, 570 and 1518 as 7:4:1 */
	uint16_t vlan; /* 0: untagged */
	uint32_t flows;
	enum stream_vary vary;
	bool verify;
	bool tso; /* TCP, to be cut into segments by whoever must: size is STREAM_SIZE_TSO */
};

/* Monotonous. */
struct stream_counts {
	uint64_t sent;
	uint64_t received; /* of this stream, whatever else was wrong */
	uint64_t bytes;	   /* of those, FCS included */
	uint64_t late;
	uint64_t corrupt;
	uint64_t foreign;
};

struct stream {
	struct stream_options options;
	struct guest *from;
	struct guest *to;
	unsigned from_end; /* which of the two ends sends: its addresses, and the mark */
	uint16_t mark;
	uint64_t number; /* of the next frame */
	uint64_t expected;
	uint32_t flow; /* of the next frame */
	struct stream_counts counts;
	uint8_t *samples[STREAM_SIZES]; /* what a frame of each size must be, for comparisons */
	uint8_t *merged;		/* a frame of several buffers, put together */
	uint64_t *sent_at;		/* by number; NULL: nobody wants to know */
	uint64_t timed_from;		/* the first number of which it is known */
};

/* Prepare all buffers of @from, which has nothing under way. @nonce makes the marks of a run its own. */
void stream_create(struct stream *stream, const struct stream_options *options, struct guest *from,
		   struct guest *to, unsigned from_end, uint16_t nonce);
void stream_destroy(struct stream *stream);

/* The longest frame that the options make, without FCS. */
uint32_t stream_frame_max(const struct stream_options *options);

/* Send up to @max frames: how many were. */
unsigned stream_send(struct stream *stream, unsigned max);

/* Who is told of each frame that arrives, and when it was sent. */
struct stream_arrival {
	void (*note)(void *user, uint64_t sent_at);
	void *user;
};

/* Receive up to STREAM_BURST frames: how many. @arrival: needed while the stream remembers times. */
unsigned stream_receive(struct stream *stream, const struct stream_arrival *arrival);

#endif
