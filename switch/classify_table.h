/*
 * classify_table - what a classifier's section looks like. For classify*.c and
 * its tests only.
 *
 *   head     struct classify, one line
 *   roots    struct classify_root[n_roots], ascending by set: the tree of the
 *            rules whose peer is that set. The tree of all other rules hangs on
 *            the head
 *   nodes    struct classify_node[n_nodes], a line each; children before parents
 *   leaves   each a head, the verdicts, and a line for each word and 8 boxes
 *
 * Everything begins at a line of 64 bytes and is named by the line's number,
 * from the section's start. 0 names nothing (the head is there).
 *
 * A leaf compares 8 boxes at once: a lane for each, in arrays that a compiler
 * turns into vectors of whatever width there is. A value is in a range if
 * value - first <= last - first, without signs. Vectors of old compare only
 * with signs, so both sides are stored with their sign bit turned over.
 */
#ifndef SWITCH_CLASSIFY_TABLE_H
#define SWITCH_CLASSIFY_TABLE_H

#include "switch/classify.h"

enum {
	CLASSIFY_MAGIC = 0x534c4331, /* "SLC1" */
	CLASSIFY_LINE = 64,
	CLASSIFY_LANES = 8,
	CLASSIFY_FAN = 8,     /* children of a cut */
	CLASSIFY_WIDTH = 128, /* leaves that one lookup may have to look into */
	CLASSIFY_COST = UINT16_MAX,

	/* classify_kind.what: below, a cut of that word */
	CLASSIFY_IS_FORK = CLASSIFY_WORDS,
	CLASSIFY_IS_LEAF,

	/* A verdict: rule << 2 | flags; the smaller, the earlier in the list. */
	CLASSIFY_ACCEPTS = 1 << 0,
	CLASSIFY_LOGS = 1 << 1,
	CLASSIFY_NO_VERDICT = INT32_MAX,
};

#define CLASSIFY_SIGN 0x80000000u

struct classify {
	uint32_t magic;
	uint32_t n_lines; /* of the whole section */
	uint32_t n_rules;
	uint32_t words; /* a bit for each word that some rule asks for */
	uint32_t n_roots;
	uint32_t n_nodes;
	uint32_t nodes; /* the line of the first node; the roots are before, the leaves behind */
	uint32_t root;	/* of the rules without a set; 0: there is none */
	uint32_t reserved[8];
};

struct classify_root {
	uint32_t set;
	uint32_t line;
};

/* The first bytes of a node and of a leaf. */
struct classify_kind {
	uint16_t cost; /* lines that a lookup from here reads at most */
	uint8_t width; /* leaves that it may have to look into */
	uint8_t what;
};

/*
 * A cut goes on in one of its children: in the first whose last value of the
 * word is not below the key's. A fork goes on in all of them.
 */
struct classify_node {
	struct classify_kind kind;
	uint32_t last[CLASSIFY_FAN - 1]; /* cut: ascending; UINT32_MAX where there are fewer */
	uint32_t child[CLASSIFY_FAN];	 /* a cut has all of them; a fork ends with a 0 */
};

struct classify_leaf {
	struct classify_kind kind;
	uint16_t n_groups; /* of 8 boxes */
	uint16_t n_words;  /* that are compared */
	uint8_t words[CLASSIFY_WORDS];
	uint32_t reserved[2];
	int32_t verdicts[]; /* [n_groups][LANES], ascending; CLASSIFY_NO_VERDICT in empty lanes */
};

/* One word of 8 boxes. */
struct classify_lanes {
	uint32_t first[CLASSIFY_LANES]; /* ^ CLASSIFY_SIGN */
	int32_t reach[CLASSIFY_LANES];	/* last - first, ^ CLASSIFY_SIGN */
};

_Static_assert(sizeof(struct classify) == CLASSIFY_LINE, "a head is one line");
_Static_assert(sizeof(struct classify_node) == CLASSIFY_LINE, "a node is one line");
_Static_assert(sizeof(struct classify_lanes) == CLASSIFY_LINE, "a word of 8 boxes is one line");
_Static_assert(sizeof(struct classify_leaf) == CLASSIFY_LINE / 2, "and 8 verdicts fill the line");

static inline const void *classify_line(const struct classify *classify, uint32_t line)
{
	return (const char *)classify + (size_t)line * CLASSIFY_LINE;
}

/* The lines of a leaf before its lanes, and all of them. */
static inline uint32_t classify_leaf_front(uint32_t n_groups)
{
	return (n_groups + 2) / 2;
}

static inline uint32_t classify_leaf_lines(uint32_t n_groups, uint32_t n_words)
{
	return classify_leaf_front(n_groups) + n_groups * n_words;
}

static inline const struct classify_lanes *classify_leaf_lanes(const struct classify_leaf *leaf)
{
	return (const void *)((const char *)leaf +
			      (size_t)classify_leaf_front(leaf->n_groups) * CLASSIFY_LINE);
}

static inline uint32_t classify_root_lines(uint32_t n_roots)
{
	return (n_roots + 7) / 8;
}

#endif
