/*
 * chain - follows descriptors; every sin of a guest ends here.
 */
#include "vhost/chain.h"

/* Add the buffer of @desc to @chain, in as many pieces as it has regions. */
static enum chain_fault chain_add(const struct ring *ring, unsigned *hint, struct desc desc,
				  struct iovec *pieces, struct chain *chain)
{
	uint64_t addr = desc.addr;
	uint64_t left = desc.len;

	while (left > 0) {
		uint64_t there;
		uint8_t *host = memory_translate(ring->memory, hint, addr, &there);

		if (!host)
			return CHAIN_ADDRESS;
		if (chain->n == VHOST_CHAIN_PIECES_MAX)
			return CHAIN_MALFORMED;
		if (there > left)
			there = left;
		pieces[chain->n++] = (struct iovec){host, there};
		chain->bytes += there;
		addr += there; /* at most the end of a region: does not wrap */
		left -= there;
	}
	return CHAIN_OK;
}

/* The table that @desc points to: whole, in one piece, no longer than the queue (2.7.5.3.1). */
static enum chain_fault chain_table(const struct ring *ring, unsigned *hint, struct desc desc,
				    const struct guest_desc **ret_table, unsigned *ret_size)
{
	uint64_t there;

	if (!ring->indirect || (desc.flags & DESC_NEXT) || desc.len == 0 ||
	    desc.len % sizeof(struct guest_desc) ||
	    desc.len / sizeof(struct guest_desc) > ring->size)
		return CHAIN_MALFORMED;
	uint8_t *host = memory_translate(ring->memory, hint, desc.addr, &there);
	if (!host || there < desc.len)
		return CHAIN_ADDRESS;
	*ret_table = (const struct guest_desc *)host;
	*ret_size = desc.len / (unsigned)sizeof(struct guest_desc);
	return CHAIN_OK;
}

enum chain_fault chain_read(const struct ring *ring, unsigned *hint, struct desc first,
			    unsigned flags, struct iovec *pieces, struct chain *ret_chain)
{
	const struct guest_desc *table = ring->desc;
	unsigned size = ring->size;
	unsigned steps = 0; /* in this table: a chain that is longer than its table loops */
	bool indirect = false;
	struct desc desc = first;
	struct chain chain = {0};

	for (;;) {
		if (desc.flags & DESC_INDIRECT) {
			if (indirect)
				return CHAIN_MALFORMED; /* nested (2.7.5.3.1) */
			indirect = true;
			enum chain_fault fault = chain_table(ring, hint, desc, &table, &size);
			if (fault)
				return fault;
			steps = 0;
			desc = desc_load(&table[0]);
			continue;
		}
		if ((desc.flags & DESC_WRITE) != flags)
			return CHAIN_MALFORMED;
		enum chain_fault fault = chain_add(ring, hint, desc, pieces, &chain);
		if (fault)
			return fault;
		if (!(desc.flags & DESC_NEXT))
			break;
		if (++steps == size || steps == VHOST_CHAIN_PIECES_MAX || desc.next >= size)
			return CHAIN_MALFORMED;
		desc = desc_load(&table[desc.next]);
	}
	*ret_chain = chain;
	return CHAIN_OK;
}
