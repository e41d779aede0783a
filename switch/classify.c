/*
 * classify - looking a key up in a classifier.
 *
 * The part that runs for frames, apart from building and checking. It reads a
 * section that classify_check() has passed, so lines named inside of it are
 * followed without another look. Nothing is written; any thread may ask.
 */
#include "switch/classify_table.h"

/* The lanes of the first group; often no other is looked at. */
static void leaf_prefetch(const struct classify_leaf *leaf)
{
	const struct classify_lanes *lanes = classify_leaf_lanes(leaf);

	for (unsigned w = 0; w < leaf->n_words; w++)
		__builtin_prefetch(&lanes[w]);
}

/* The smallest verdict of the boxes of a leaf that contain @key. */
static int32_t leaf_find(const struct classify_leaf *leaf, const struct classify_key *key)
{
	uint32_t n_groups = leaf->n_groups, n_words = leaf->n_words;
	const struct classify_lanes *lanes = classify_leaf_lanes(leaf);
	const int32_t *verdicts = leaf->verdicts;

	for (uint32_t g = 0; g < n_groups; g++, verdicts += CLASSIFY_LANES) {
		int32_t outside[CLASSIFY_LANES] = {0}, best = CLASSIFY_NO_VERDICT;

		for (uint32_t w = 0; w < n_words; w++, lanes++) {
			uint32_t value = key->word[leaf->words[w]];

			for (unsigned i = 0; i < CLASSIFY_LANES; i++)
				outside[i] |=
					-((int32_t)(value - lanes->first[i]) > lanes->reach[i]);
		}
		for (unsigned i = 0; i < CLASSIFY_LANES; i++) {
			int32_t verdict = verdicts[i] | (outside[i] & CLASSIFY_NO_VERDICT);

			best = verdict < best ? verdict : best;
		}
		if (best != CLASSIFY_NO_VERDICT)
			return best;
	}
	return CLASSIFY_NO_VERDICT;
}

/* The next line below @node, a cut. */
static uint32_t cut_step(const struct classify_node *node, const struct classify_key *key)
{
	uint32_t value = key->word[node->kind.what], child = 0;

	for (unsigned i = 0; i < CLASSIFY_FAN - 1; i++)
		child += value > node->last[i];
	return node->child[child];
}

/*
 * The smallest verdict from @line on, or @best if that is smaller. All branches
 * go down together, a step each in turn, so that they wait for memory together.
 */
static int32_t tree_find(const struct classify *classify, uint32_t line,
			 const struct classify_key *key, int32_t best)
{
	uint32_t branches[CLASSIFY_WIDTH], leaves[CLASSIFY_WIDTH];
	unsigned n_branches = 1, n_leaves = 0;

	branches[0] = line; /* an initializer would fill all of them */
	while (n_branches) {
		for (unsigned i = 0; i < n_branches; i++) {
			const struct classify_node *node = classify_line(classify, branches[i]);

			if (node->kind.what == CLASSIFY_IS_LEAF) {
				leaf_prefetch((const struct classify_leaf *)node);
				leaves[n_leaves++] = branches[i];
				branches[i--] = branches[--n_branches];
				continue;
			}
			if (node->kind.what == CLASSIFY_IS_FORK) {
				branches[i] = node->child[0];
				for (unsigned c = 1; c < CLASSIFY_FAN && node->child[c]; c++) {
					branches[n_branches++] = node->child[c];
					__builtin_prefetch(classify_line(classify, node->child[c]));
				}
			} else {
				branches[i] = cut_step(node, key);
			}
			__builtin_prefetch(classify_line(classify, branches[i]));
		}
	}
	for (unsigned i = 0; i < n_leaves; i++) {
		const struct classify_leaf *leaf = classify_line(classify, leaves[i]);

		if (leaf->verdicts[0] < best) {
			int32_t found = leaf_find(leaf, key);

			best = found < best ? found : best;
		}
	}
	return best;
}

/* The root of the rules for @set, or 0. */
static uint32_t find_root(const struct classify *classify, uint32_t set)
{
	const struct classify_root *roots = classify_line(classify, 1);
	uint32_t low = 0, high = classify->n_roots;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (roots[middle].set == set)
			return roots[middle].line;
		if (roots[middle].set < set)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

bool classify_lookup(const struct classify *classify, const struct classify_key *key,
		     const uint32_t *sets, unsigned n_sets, struct classify_match *ret)
{
	int32_t best = CLASSIFY_NO_VERDICT;

	if (classify->root)
		best = tree_find(classify, classify->root, key, best);
	if (n_sets > CLASSIFY_KEY_SETS)
		n_sets = CLASSIFY_KEY_SETS;
	for (unsigned i = 0; i < n_sets && classify->n_roots; i++) {
		uint32_t root = find_root(classify, sets[i]);

		if (root)
			best = tree_find(classify, root, key, best);
	}
	/* Verdicts are not checked with the section: there are too many, and here it costs nothing. */
	if ((uint32_t)best >> 2 >= classify->n_rules)
		return false;
	ret->rule = (uint32_t)best >> 2;
	ret->accept = best & CLASSIFY_ACCEPTS;
	ret->log = best & CLASSIFY_LOGS;
	return true;
}

size_t classify_size(const struct classify *classify)
{
	return (size_t)classify->n_lines * CLASSIFY_LINE;
}

uint32_t classify_rules(const struct classify *classify)
{
	return classify->n_rules;
}

static uint32_t line_cost(const struct classify *classify, uint32_t line)
{
	const struct classify_kind *kind = classify_line(classify, line);

	return kind->cost;
}

uint32_t classify_cost(const struct classify *classify, unsigned n_sets)
{
	const struct classify_root *roots = classify_line(classify, 1);
	uint32_t worst[CLASSIFY_KEY_SETS] = {0}; /* of the costliest roots, falling */
	uint32_t cost = 1 + (classify->root ? line_cost(classify, classify->root) : 0);
	uint32_t steps = 0;

	if (n_sets > CLASSIFY_KEY_SETS)
		n_sets = CLASSIFY_KEY_SETS;
	for (uint32_t n = classify->n_roots; n; n /= 2)
		steps++;
	for (uint32_t i = 0; i < classify->n_roots; i++) {
		uint32_t root = line_cost(classify, roots[i].line);

		for (unsigned k = 0; k < n_sets; k++) {
			uint32_t other = worst[k];

			if (root <= other)
				continue;
			worst[k] = root;
			root = other;
		}
	}
	for (unsigned k = 0; k < n_sets; k++)
		cost += steps + worst[k];
	return cost;
}

bool classify_reads_macs(const struct classify *classify)
{
	const uint32_t macs = 0xfu << (offsetof(struct classify_key, src_mac) / sizeof(uint32_t));

	return classify->words & macs;
}
