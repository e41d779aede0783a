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

/* Descriptors that follow each other: the ring's, or an indirect table. */
struct table {
	const struct guest_desc *descs;
	unsigned size;
	bool indirect;
};

/* The table that @desc points to: whole, in one piece, no longer than the queue (2.7.5.3.1). */
static enum chain_fault table_find(const struct ring *ring, unsigned *hint, struct desc desc,
				   struct table *ret_table)
{
	uint64_t there;

	if (!ring->indirect || (desc.flags & DESC_NEXT) || desc.len == 0 ||
	    desc.len % sizeof(struct guest_desc) ||
	    desc.len / sizeof(struct guest_desc) > ring->size)
		return CHAIN_MALFORMED;
	uint8_t *host = memory_translate(ring->memory, hint, desc.addr, &there);
	if (!host || there < desc.len)
		return CHAIN_ADDRESS;
	*ret_table = (struct table){
		.descs = (const struct guest_desc *)host,
		.size = desc.len / (unsigned)sizeof(struct guest_desc),
		.indirect = true,
	};
	return CHAIN_OK;
}

/* Is @desc, at @place, the last one? In an indirect table of a packed ring NEXT says nothing (2.8.7). */
static bool table_ends(const struct ring *ring, const struct table *table, struct desc desc,
		       unsigned place)
{
	if (ring->packed && table->indirect)
		return place + 1 == table->size;
	return !(desc.flags & DESC_NEXT);
}

/* The place after that of @desc; not below table->size: there is none. */
static unsigned table_next(const struct ring *ring, const struct table *table, struct desc desc,
			   unsigned place)
{
	if (!ring->packed)
		return desc.next;
	return place + 1 == table->size ? 0 : place + 1;
}

/* What a chain is read with. */
struct walk {
	const struct ring *ring;
	unsigned *hint;
	unsigned flags;
	struct iovec *pieces;
	struct chain chain;
};

static enum chain_fault walk_table(struct walk *walk, const struct table *table, struct desc desc,
				   unsigned place);

/* Take what @desc stands for. */
static enum chain_fault walk_desc(struct walk *walk, const struct table *table, struct desc desc)
{
	/* In an indirect table of a packed ring WRITE alone means something (2.8.7). */
	if ((desc.flags & DESC_INDIRECT) && !(walk->ring->packed && table->indirect)) {
		struct table inner;

		if (table->indirect)
			return CHAIN_MALFORMED; /* nested (2.7.5.3.1) */
		enum chain_fault fault = table_find(walk->ring, walk->hint, desc, &inner);
		if (fault)
			return fault;
		return walk_table(walk, &inner, desc_load(&inner.descs[0], walk->ring->packed), 0);
	}
	if ((desc.flags & DESC_WRITE) != walk->flags)
		return CHAIN_MALFORMED;
	return chain_add(walk->ring, walk->hint, desc, walk->pieces, &walk->chain);
}

static enum chain_fault walk_table(struct walk *walk, const struct table *table, struct desc desc,
				   unsigned place)
{
	/* A malformed chain of a packed ring is followed to its end: the next one begins there. */
	bool whole = walk->ring->packed && !table->indirect;
	enum chain_fault fault = CHAIN_OK;

	/* A chain that is longer than its table loops. */
	for (unsigned steps = 1;; steps++) {
		if (!fault)
			fault = walk_desc(walk, table, desc);
		if (whole) {
			walk->chain.slots = steps;
			walk->chain.id = desc.next;
		} else if (fault) {
			return fault;
		}
		if (table_ends(walk->ring, table, desc, place))
			return fault;
		place = table_next(walk->ring, table, desc, place);
		if (steps == table->size || steps == VHOST_CHAIN_PIECES_MAX || place >= table->size)
			return whole ? CHAIN_ENDLESS : CHAIN_MALFORMED;
		desc = desc_load(&table->descs[place], walk->ring->packed);
	}
}

enum chain_fault chain_read(const struct ring *ring, unsigned *hint, struct desc first,
			    unsigned place, unsigned flags, struct iovec *pieces,
			    struct chain *ret_chain)
{
	const struct table table = {ring->desc, ring->size, false};
	struct walk walk = {.ring = ring, .hint = hint, .flags = flags, .pieces = pieces};
	enum chain_fault fault = walk_table(&walk, &table, first, place);

	*ret_chain = walk.chain;
	return fault;
}
