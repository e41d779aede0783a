/*
 * classify_check - is this section a classifier that is safe to look up in?
 *
 * The section may come from anybody. Each node is looked at once: its children
 * are nodes of a smaller line, or leaves that lie within the section, so there
 * is no circle; and its cost and width are at least what its children's make
 * it, so the root's are true. What leaves hold may be anything: it is compared,
 * and never followed. Whether the rules are those that somebody wrote cannot
 * be seen here; the tests of the builder look at that.
 */
#include <errno.h>

#include "switch/classify_table.h"

static bool is_node(const struct classify *classify, uint32_t line)
{
	return line >= classify->nodes && line - classify->nodes < classify->n_nodes;
}

static bool leaf_is_valid(const struct classify *classify, uint32_t line)
{
	const struct classify_leaf *leaf = classify_line(classify, line);
	uint32_t lines;

	if (line < classify->nodes + classify->n_nodes || line >= classify->n_lines)
		return false;
	if (leaf->kind.what != CLASSIFY_IS_LEAF || leaf->kind.width == 0)
		return false;
	if (leaf->n_groups == 0 || leaf->n_words > CLASSIFY_WORDS)
		return false;
	lines = classify_leaf_lines(leaf->n_groups, leaf->n_words);
	if (lines > classify->n_lines - line || leaf->kind.cost < lines)
		return false;
	for (unsigned i = 0; i < leaf->n_words; i++) {
		if (leaf->words[i] >= CLASSIFY_WORDS)
			return false;
	}
	return true;
}

static const char *check_node(const struct classify *classify, uint32_t line)
{
	const struct classify_node *node = classify_line(classify, line);
	bool fork = node->kind.what == CLASSIFY_IS_FORK;
	uint32_t cost = 0, width = 0;

	if (node->kind.what > CLASSIFY_IS_FORK)
		return "a node's kind";
	for (unsigned i = 0; i < CLASSIFY_FAN; i++) {
		uint32_t child = node->child[i];
		const struct classify_kind *kind;

		if (fork && i > 0 && child == 0)
			break;
		if (is_node(classify, child) ? child >= line : !leaf_is_valid(classify, child))
			return "a node's child";
		kind = classify_line(classify, child);
		if (fork) {
			cost += kind->cost;
			width += kind->width;
		} else {
			cost = kind->cost > cost ? kind->cost : cost;
			width = kind->width > width ? kind->width : width;
		}
	}
	if (node->kind.cost < cost + 1)
		return "a node costs more than it says";
	if (node->kind.width < width || node->kind.width > CLASSIFY_WIDTH)
		return "a node leads to more leaves than it says";
	return NULL;
}

static bool root_is_valid(const struct classify *classify, uint32_t line)
{
	return is_node(classify, line) || leaf_is_valid(classify, line);
}

static const char *check_roots(const struct classify *classify)
{
	const struct classify_root *roots = classify_line(classify, 1);

	if (classify->root && !root_is_valid(classify, classify->root))
		return "the root";
	for (uint32_t i = 0; i < classify->n_roots; i++) {
		if (roots[i].set == 0 || (i > 0 && roots[i - 1].set >= roots[i].set))
			return "the sets are not in order";
		if (!root_is_valid(classify, roots[i].line))
			return "the root of a set";
	}
	return NULL;
}

static const char *check_head(const struct classify *classify, size_t size)
{
	if (size < sizeof(*classify) || (uintptr_t)classify % 8 != 0)
		return "too short or not aligned";
	if (classify->magic != CLASSIFY_MAGIC)
		return "no classifier";
	if (size > UINT32_MAX || classify_size(classify) != size)
		return "the size is wrong";
	if (classify->n_rules > CLASSIFY_RULES || classify->words >> CLASSIFY_WORDS)
		return "too many rules or words";
	if (classify->n_roots > classify->n_rules ||
	    classify->nodes != 1 + classify_root_lines(classify->n_roots) ||
	    classify->nodes > classify->n_lines ||
	    classify->n_nodes > classify->n_lines - classify->nodes)
		return "the nodes lie outside of the section";
	return NULL;
}

int classify_check(const void *section, size_t size, const char **ret_why)
{
	const struct classify *classify = section;
	const char *why = check_head(classify, size);

	for (uint32_t i = 0; !why && i < classify->n_nodes; i++)
		why = check_node(classify, classify->nodes + i);
	if (!why)
		why = check_roots(classify);
	if (!why)
		return 0;
	*ret_why = why;
	return -EPROTO;
}
