/*
 * chain - reads one chain of descriptors.
 *
 * There is one walker for both directions, for both layouts, and for direct and
 * indirect chains (virtio 1.3, 2.7.5 and 2.8.5 to 2.8.7), because every second walker
 * forgets a check of the first (reference 4.6). Each descriptor is loaded once, into
 * `struct desc`; all lengths and addresses that matter afterwards come from there.
 */
#ifndef VHOST_CHAIN_H
#define VHOST_CHAIN_H

#include <sys/uio.h>

#include "vhost/queue.h"

enum {
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
};

/* A private copy of a descriptor. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* in a packed ring: the buffer's id */
};

/* From the two words of a descriptor in a split ring, or in a packed one. */
static inline struct desc desc_split(uint64_t addr, uint64_t rest)
{
	return (struct desc){
		.addr = addr,
		.len = (uint32_t)rest,
		.flags = (uint16_t)(rest >> 32),
		.next = (uint16_t)(rest >> 48),
	};
}

static inline struct desc desc_packed(uint64_t addr, uint64_t rest)
{
	return (struct desc){
		.addr = addr,
		.len = (uint32_t)rest,
		.next = (uint16_t)(rest >> 32),
		.flags = (uint16_t)(rest >> 48),
	};
}

static inline struct desc desc_load(const struct guest_desc *desc, bool packed)
{
	uint64_t addr = guest_load64(&desc->addr);
	uint64_t rest = guest_load64(&desc->rest);

	return packed ? desc_packed(addr, rest) : desc_split(addr, rest);
}

enum chain_fault {
	CHAIN_OK,
	CHAIN_MALFORMED,
	CHAIN_ADDRESS, /* outside of the guest's memory */
	CHAIN_ENDLESS, /* packed: nobody can tell where the next chain begins */
};

struct chain {
	unsigned n;	/* pieces */
	uint64_t bytes; /* in all */
	/* Packed; of a malformed chain too, but an endless one. */
	unsigned slots; /* places of the ring */
	uint16_t id;	/* of the buffer: it stands in the last descriptor (2.8.6) */
};

/*
 * Read the chain that begins with @first (in a packed ring at the place @place),
 * whose buffers must all be for writing (@flags DESC_WRITE) or for reading (0). Its
 * pieces go to @pieces, of which VHOST_CHAIN_PIECES_MAX are free; empty ones are
 * left out.
 */
enum chain_fault chain_read(const struct ring *ring, unsigned *hint, struct desc first,
			    unsigned place, unsigned flags, struct iovec *pieces,
			    struct chain *ret_chain);

/* Count a fault of a chain. */
static inline void chain_count(struct vhost_queue *queue, enum chain_fault fault)
{
	queue_count(fault == CHAIN_ADDRESS ? &queue->bad_address : &queue->bad_chain);
}

#endif
