/*
 * classify_build - from boxes to a tree that finds them.
 *
 * A region of the space and the boxes that meet it, in the order of their
 * rules, become a leaf if they are few, and otherwise a node:
 *
 *   cut   the region is divided along one word, at quantiles of the boxes'
 *         edges, and each part gets the boxes that meet it. A box that meets
 *         several parts is repeated.
 *   fork  where repeating would cost too much, the boxes that reach over many
 *         parts get a tree of their own beside that of the others (EffiCuts'
 *         separation, but at each node and by what is there).
 *
 * Behind a box that covers the whole region no other can be the first match, so
 * the list ends there: this is what keeps lists of overlapping rules small.
 *
 * A little may be repeated always. More may be while lines and visits are below
 * what the enum below grants a list of its length; so memory and time stay near
 * linear, whatever the rules are. A list for which that is not enough gets long
 * leaves, which is slower and says so in its cost. To choose a word and its
 * quantiles, a sample of the boxes is enough: the choice decides about speed
 * only, never about what is found.
 *
 * Stands apart from classify.c because only the control process and tests
 * build. Nothing is kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/classify_box.h"
#include "switch/classify_table.h"

enum {
	FILL = 6,    /* boxes that a leaf should have */
	EDGES = 64,  /* boxes whose edges give the quantiles */
	SAMPLE = 96, /* boxes that a choice looks at */
	DEPTH = 32,  /* nodes below each other */
	/*
	 * How far boxes are repeated where it would be better not to: while there are
	 * fewer lines of leaves, and fewer boxes looked at, than so many for each box
	 * of the list, and some for short lists. Four times that is too much for all.
	 */
	LINES = 8,
	SPARE_LINES = 1 << 14,
	VISITS = 64,
	SPARE_VISITS = 1 << 20,
	TOO_MUCH = 4,

	/* In a line's number, until nodes and leaves have their places. */
	NODE = 1 << 29,
	LEAF = 1 << 30,
	PLACE = NODE - 1,
};

/* A growing array of lines. */
struct lines {
	char *bytes;
	uint32_t n;
	uint32_t room;
};

/* A box of a list, and what it asks for in the word that the list is being cut along. */
struct entry {
	uint32_t box;
	struct classify_span span;
};

struct builder {
	struct classify_boxes boxes;
	struct lines nodes;
	struct lines leaves;
	/* The lists of boxes of all regions that are being divided, the innermost last. */
	struct entry *pool;
	size_t pool_room;
	int error;	 /* the first; makes the rest a no-op */
	uint64_t visits; /* of boxes in lists that were divided */
	/* The sample of the region that is being looked at. */
	uint32_t n_sample;
	uint32_t sample[SAMPLE];
	uint32_t narrow[SAMPLE]; /* a bit for each word in which a box does not cover the region */
	uint8_t left[SAMPLE];	 /* how many bits that are */
	uint32_t n_narrow[CLASSIFY_WORDS]; /* boxes with this bit */
	uint32_t work;			   /* all bits: what is left to decide */
	uint32_t edges[2 * EDGES];
	uint32_t empty; /* the leaf of all regions without boxes */
};

struct region {
	struct classify_span words[CLASSIFY_WORDS];
};

/* Boxes of a region: so many from a place in the pool on. */
struct list {
	size_t start;
	uint32_t n;
};

/* A way to cut a region, and what the sample says would come of it. */
struct cut {
	unsigned word;
	unsigned n_parts;
	uint32_t last[CLASSIFY_FAN];   /* of each part */
	uint32_t counts[CLASSIFY_FAN]; /* boxes of the sample in each part */
	uint32_t total;		       /* their sum */
	uint32_t worst;		       /* the largest work that is left in a part */
	uint32_t n_narrow;	       /* boxes that reach over two parts at most */
	uint32_t narrow_worst;	       /* the largest part, of these alone */
};

static uint32_t lines_append(struct builder *builder, struct lines *lines, uint32_t n)
{
	uint32_t at = lines->n;

	if (builder->error)
		return 0;
	if (n > PLACE - lines->n) {
		builder->error = -E2BIG;
		return 0;
	}
	if (at + n > lines->room) {
		uint32_t room = 2 * (at + n);
		char *bytes = realloc(lines->bytes, (size_t)room * CLASSIFY_LINE);

		if (!bytes) {
			builder->error = -ENOMEM;
			return 0;
		}
		lines->bytes = bytes;
		lines->room = room;
	}
	memset(lines->bytes + (size_t)at * CLASSIFY_LINE, 0, (size_t)n * CLASSIFY_LINE);
	lines->n = at + n;
	return at;
}

static void *lines_at(const struct lines *lines, uint32_t line)
{
	return lines->bytes + (size_t)line * CLASSIFY_LINE;
}

/* The kind of a node or leaf that has been built. */
static const struct classify_kind *kind_of(const struct builder *builder, uint32_t line)
{
	return lines_at(line & LEAF ? &builder->leaves : &builder->nodes, line & PLACE);
}

static uint32_t member(const struct builder *builder, struct list list, uint32_t i)
{
	return builder->pool[list.start + i].box;
}

static bool covers(struct classify_span outer, struct classify_span inner)
{
	return outer.first <= inner.first && outer.last >= inner.last;
}

static bool box_covers(const struct builder *builder, const struct classify_span *box,
		       const struct region *region)
{
	for (unsigned w = 0; w < builder->boxes.n_words; w++) {
		if (!covers(box[w], region->words[w]))
			return false;
	}
	return true;
}

/* Prepare @list for being cut along @word: where its boxes lie in it, and room behind the list. */
static void begin_cut(struct builder *builder, struct list list, unsigned word)
{
	size_t room = 2 * (list.start + 2 * (size_t)list.n);

	if (builder->pool_room < list.start + 2 * (size_t)list.n) {
		struct entry *pool = realloc(builder->pool, room * sizeof(*pool));

		if (!pool) {
			builder->error = -ENOMEM;
			return;
		}
		builder->pool = pool;
		builder->pool_room = room;
	}
	for (uint32_t i = 0; i < list.n; i++)
		builder->pool[list.start + i].span =
			classify_box(&builder->boxes, member(builder, list, i))[word];
}

/* The boxes of @list that meet @region, after begin_cut() along @word. */
static struct list select_boxes(struct builder *builder, struct list list,
				const struct region *region, unsigned word)
{
	const struct entry *entries = builder->pool + list.start;
	struct entry *parts = builder->pool + list.start + list.n;
	struct list part = {list.start + list.n, 0};
	struct classify_span span = region->words[word];

	for (uint32_t i = 0; i < list.n; i++) {
		if (entries[i].span.first > span.last || entries[i].span.last < span.first)
			continue;
		parts[part.n++].box = entries[i].box;
		if (covers(entries[i].span, span) &&
		    box_covers(builder, classify_box(&builder->boxes, entries[i].box), region))
			break; /* nothing behind it is ever first */
	}
	return part;
}

static void fill_lane(struct classify_lanes *lanes, unsigned lane, struct classify_span span)
{
	lanes->first[lane] = span.first ^ CLASSIFY_SIGN;
	lanes->reach[lane] = (int32_t)((span.last - span.first) ^ CLASSIFY_SIGN);
}

static uint32_t build_leaf(struct builder *builder, struct list list, const struct region *region)
{
	const struct classify_boxes *boxes = &builder->boxes;
	uint32_t n_groups = list.n ? (list.n + CLASSIFY_LANES - 1) / CLASSIFY_LANES : 1;
	uint32_t n_words = 0, lines, at;
	unsigned words[CLASSIFY_WORDS];
	struct classify_leaf *leaf;
	struct classify_lanes *lanes;

	for (unsigned w = 0; w < boxes->n_words; w++) {
		bool asked = false;

		for (uint32_t i = 0; i < list.n && !asked; i++)
			asked = !covers(classify_box(boxes, member(builder, list, i))[w],
					region->words[w]);
		if (asked)
			words[n_words++] = w;
	}
	lines = classify_leaf_lines(n_groups, n_words);
	if (lines > CLASSIFY_COST)
		builder->error = builder->error ? builder->error : -E2BIG;
	at = lines_append(builder, &builder->leaves, lines);
	if (builder->error)
		return 0;
	leaf = lines_at(&builder->leaves, at);
	leaf->kind = (struct classify_kind){
		.cost = (uint16_t)lines, .width = 1, .what = CLASSIFY_IS_LEAF};
	leaf->n_groups = (uint16_t)n_groups;
	leaf->n_words = (uint16_t)n_words;
	lanes = lines_at(&builder->leaves, at + classify_leaf_front(n_groups));
	for (uint32_t w = 0; w < n_words; w++)
		leaf->words[w] = boxes->words[words[w]];
	for (uint32_t i = 0; i < n_groups * CLASSIFY_LANES; i++) {
		uint32_t id = i < list.n ? member(builder, list, i) : 0;

		leaf->verdicts[i] = i < list.n ? (int32_t)boxes->verdicts[id] : CLASSIFY_NO_VERDICT;
		for (uint32_t w = 0; i < list.n && w < n_words; w++)
			fill_lane(&lanes[i / CLASSIFY_LANES * n_words + w], i % CLASSIFY_LANES,
				  classify_box(boxes, id)[words[w]]);
	}
	return at | LEAF;
}

static void take_sample(struct builder *builder, struct list list, const struct region *region)
{
	const struct classify_boxes *boxes = &builder->boxes;
	uint32_t n = list.n < SAMPLE ? list.n : SAMPLE, *n_narrow = builder->n_narrow;

	builder->work = 0;
	memset(n_narrow, 0, sizeof(builder->n_narrow));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = member(builder, list, (uint32_t)((uint64_t)i * list.n / n));
		const struct classify_span *box = classify_box(boxes, id);
		uint32_t narrow = 0, work = 0;

		for (unsigned w = 0; w < boxes->n_words; w++) {
			uint32_t bit = !covers(box[w], region->words[w]);

			narrow |= bit << w;
			n_narrow[w] += bit;
			work += bit;
		}
		builder->work += work;
		builder->left[i] = (uint8_t)work;
		builder->sample[i] = id;
		builder->narrow[i] = narrow;
	}
	builder->n_sample = n;
}

/* Shell's sort: half of the builder's time would go into qsort() and its calls. */
static void sort_edges(uint32_t *edges, uint32_t n)
{
	static const uint32_t gaps[] = {57, 23, 10, 4, 1};

	for (unsigned g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		for (uint32_t i = gaps[g]; i < n; i++) {
			uint32_t edge = edges[i], at = i;

			for (; at >= gaps[g] && edges[at - gaps[g]] > edge; at -= gaps[g])
				edges[at] = edges[at - gaps[g]];
			edges[at] = edge;
		}
	}
}

/*
 * Divide @span of cut->word into @fan parts or fewer, at quantiles of the
 * sample's edges. False if there are none.
 */
static bool find_parts(struct builder *builder, struct classify_span span, uint32_t fan,
		       struct cut *cut)
{
	uint32_t *edges = builder->edges, n = 0, step = 1 + builder->n_sample / EDGES;

	for (uint32_t i = 0; i < builder->n_sample; i += step) {
		struct classify_span box =
			classify_box(&builder->boxes, builder->sample[i])[cut->word];

		if (box.first > span.first)
			edges[n++] = box.first - 1;
		if (box.last < span.last)
			edges[n++] = box.last;
	}
	if (n == 0)
		return false;
	sort_edges(edges, n);
	cut->n_parts = 0;
	for (uint32_t i = 1; i < fan; i++) {
		uint32_t edge = edges[i * n / fan];

		if (cut->n_parts == 0 || cut->last[cut->n_parts - 1] != edge)
			cut->last[cut->n_parts++] = edge;
	}
	cut->last[cut->n_parts++] = span.last;
	for (uint32_t p = cut->n_parts; p < CLASSIFY_FAN; p++)
		cut->last[p] = UINT32_MAX;
	return true;
}

static unsigned part_of(const struct cut *cut, uint32_t value)
{
	unsigned part = 0;

	for (unsigned p = 0; p < CLASSIFY_FAN - 1; p++)
		part += value > cut->last[p];
	return part < cut->n_parts ? part : cut->n_parts - 1;
}

/* Count the sample's boxes in each part, as select_boxes() would take them. */
static void weigh_parts(const struct builder *builder, struct classify_span span, struct cut *cut)
{
	uint32_t narrow[CLASSIFY_FAN] = {0}, work[CLASSIFY_FAN] = {0}, closed = 0;

	for (uint32_t i = 0; i < builder->n_sample; i++) {
		struct classify_span box =
			classify_box(&builder->boxes, builder->sample[i])[cut->word];
		unsigned from = part_of(cut, box.first), to = part_of(cut, box.last);
		uint32_t others = builder->narrow[i] & ~(1u << cut->word);
		uint32_t left = builder->left[i] - (builder->narrow[i] >> cut->word & 1);
		bool is_narrow = to - from < 2;

		cut->n_narrow += is_narrow;
		for (unsigned p = from; p <= to; p++) {
			uint32_t first = p ? cut->last[p - 1] + 1 : span.first;
			bool cuts = box.first > first || box.last < cut->last[p];

			narrow[p] += is_narrow;
			if (closed >> p & 1)
				continue;
			cut->counts[p]++;
			work[p] += left + cuts;
			if (!others && !cuts)
				closed |= 1u << p;
		}
	}
	for (unsigned p = 0; p < cut->n_parts; p++) {
		cut->total += cut->counts[p];
		cut->worst = work[p] > cut->worst ? work[p] : cut->worst;
		cut->narrow_worst = narrow[p] > cut->narrow_worst ? narrow[p] : cut->narrow_worst;
	}
}

/*
 * The cut that leaves little to do and repeats little, and the one that would
 * resolve the most boxes if those that reach over many parts went elsewhere.
 * False if no word divides the boxes.
 */
static bool choose_cut(struct builder *builder, const struct region *region, uint32_t n,
		       struct cut *ret_cut, struct cut *ret_fork)
{
	/* Parts of few boxes are leaves that are mostly empty. */
	uint32_t fan = n < CLASSIFY_FAN * FILL ? (n + FILL - 1) / FILL : CLASSIFY_FAN;
	uint64_t least = UINT64_MAX;
	uint32_t most = 0, narrowest = 0;

	for (unsigned w = 0; w < builder->boxes.n_words; w++)
		narrowest = builder->n_narrow[w] > narrowest ? builder->n_narrow[w] : narrowest;
	for (unsigned w = 0; w < builder->boxes.n_words; w++) {
		struct cut cut = {.word = w};
		uint64_t score;
		uint32_t resolved;

		/* A word that divides few boxes is not worth the look. */
		if (builder->n_narrow[w] < narrowest / 4 ||
		    !find_parts(builder, region->words[w], fan, &cut))
			continue;
		weigh_parts(builder, region->words[w], &cut);
		score = (uint64_t)cut.worst * cut.total;
		if (score < least) {
			least = score;
			*ret_cut = cut;
		}
		resolved = cut.n_narrow - cut.narrow_worst;
		if (resolved >= most) {
			most = resolved;
			*ret_fork = cut;
		}
	}
	return least != UINT64_MAX;
}

static uint32_t build(struct builder *builder, struct list list, const struct region *region,
		      unsigned depth);

static uint32_t append_node(struct builder *builder, const struct classify_node *node)
{
	uint32_t at = lines_append(builder, &builder->nodes, 1);

	if (builder->error)
		return 0;
	*(struct classify_node *)lines_at(&builder->nodes, at) = *node;
	return at | NODE;
}

/* What a node's kind must be, given one more child. */
static void account_child(struct builder *builder, struct classify_kind *kind, uint32_t child)
{
	const struct classify_kind *below;
	uint32_t cost, width;

	if (builder->error)
		return;
	below = kind_of(builder, child);
	if (kind->what == CLASSIFY_IS_FORK) {
		cost = kind->cost + below->cost;
		width = kind->width + below->width;
	} else {
		cost = 1u + below->cost;
		width = below->width;
	}
	if (cost > CLASSIFY_COST || width > CLASSIFY_WIDTH) {
		builder->error = -E2BIG;
		return;
	}
	kind->cost = (uint16_t)(cost > kind->cost ? cost : kind->cost);
	kind->width = (uint8_t)(width > kind->width ? width : kind->width);
}

static uint32_t build_cut(struct builder *builder, struct list list, const struct region *region,
			  const struct cut *cut, unsigned depth)
{
	struct classify_node node = {
		.kind = {.cost = 1, .what = builder->boxes.words[cut->word]},
	};
	struct region part = *region;

	begin_cut(builder, list, cut->word);
	for (unsigned p = 0; p < cut->n_parts && !builder->error; p++) {
		struct list boxes;

		part.words[cut->word].last = cut->last[p];
		boxes = select_boxes(builder, list, &part, cut->word);
		node.child[p] = build(builder, boxes, &part, depth + 1);
		account_child(builder, &node.kind, node.child[p]);
		part.words[cut->word].first = cut->last[p] + 1;
	}
	for (unsigned p = cut->n_parts; p < CLASSIFY_FAN; p++)
		node.child[p] = node.child[cut->n_parts - 1];
	for (unsigned p = 0; p < CLASSIFY_FAN - 1; p++)
		node.last[p] = p + 1 < cut->n_parts ? cut->last[p] : UINT32_MAX;
	return append_node(builder, &node);
}

/* Those of @list that reach over many parts of @cut, or those that do not; after begin_cut(). */
static struct list separate_boxes(struct builder *builder, struct list list, const struct cut *cut,
				  bool wide)
{
	const struct entry *entries = builder->pool + list.start;
	struct entry *parts = builder->pool + list.start + list.n;
	struct list part = {list.start + list.n, 0};

	for (uint32_t i = 0; i < list.n; i++) {
		struct classify_span span = entries[i].span;

		if ((part_of(cut, span.last) - part_of(cut, span.first) >= 2) == wide)
			parts[part.n++].box = entries[i].box;
	}
	return part;
}

/* Give @fork one more child; a fork that has just been built gives its own, if that leaves room. */
static void fork_append(struct builder *builder, struct classify_node *fork, unsigned *n,
			uint32_t child)
{
	const struct classify_node *below;
	unsigned n_below = 0;

	if (builder->error)
		return;
	below = (const struct classify_node *)kind_of(builder, child);
	if (below->kind.what == CLASSIFY_IS_FORK && (child & PLACE) == builder->nodes.n - 1) {
		while (n_below < CLASSIFY_FAN && below->child[n_below])
			n_below++;
	}
	if (n_below == 0 || *n + n_below >= CLASSIFY_FAN) {
		account_child(builder, &fork->kind, child);
		fork->child[(*n)++] = child;
		return;
	}
	for (unsigned i = 0; i < n_below; i++) {
		account_child(builder, &fork->kind, below->child[i]);
		fork->child[(*n)++] = below->child[i];
	}
	builder->nodes.n--;
}

static uint32_t build_fork(struct builder *builder, struct list list, const struct region *region,
			   const struct cut *cut, unsigned depth)
{
	struct classify_node node = {.kind = {.cost = 1, .what = CLASSIFY_IS_FORK}};
	unsigned n = 0;

	begin_cut(builder, list, cut->word);
	for (int wide = 0; wide < 2 && !builder->error; wide++) {
		struct list part = separate_boxes(builder, list, cut, wide);

		if (part.n)
			fork_append(builder, &node, &n, build(builder, part, region, depth + 1));
	}
	return append_node(builder, &node);
}

/*
 * A word that all boxes restrict alike, @ret_cut to its part of the region.
 * Cutting there takes the word out of what is below, so that boxes can cover
 * regions and leaves need not compare it.
 */
static bool find_alike(const struct builder *builder, struct list list, const struct region *region,
		       struct cut *ret_cut)
{
	const struct classify_boxes *boxes = &builder->boxes;
	const struct classify_span *box = classify_box(boxes, member(builder, list, 0));

	for (unsigned w = 0; w < boxes->n_words; w++) {
		struct classify_span span = box[w], whole = region->words[w];
		struct cut cut = {.word = w, .total = list.n};
		uint32_t i = 1;

		if (covers(span, whole))
			continue;
		for (; i < list.n; i++) {
			struct classify_span other =
				classify_box(boxes, member(builder, list, i))[w];

			if (other.first != span.first || other.last != span.last)
				break;
		}
		if (i < list.n)
			continue;
		if (span.first > whole.first)
			cut.last[cut.n_parts++] = span.first - 1;
		cut.counts[cut.n_parts] = list.n;
		cut.last[cut.n_parts++] = span.last < whole.last ? span.last : whole.last;
		if (span.last < whole.last)
			cut.last[cut.n_parts++] = whole.last;
		*ret_cut = cut;
		return true;
	}
	return false;
}

/* How often what may be spent on repeating boxes has been. */
static uint64_t has_spent(const struct builder *builder)
{
	uint64_t n = builder->boxes.n, lines = builder->leaves.n / (LINES * n + SPARE_LINES);
	uint64_t visits = builder->visits / (VISITS * n + SPARE_VISITS);

	return lines > visits ? lines : visits;
}

static bool cut_resolves(const struct builder *builder, const struct cut *cut)
{
	return cut->worst + builder->work / 16 < builder->work;
}

static bool fork_is_worth(const struct builder *builder, const struct cut *cut)
{
	return cut->n_narrow < builder->n_sample && cut->n_narrow >= builder->n_sample / 6 &&
	       cut->narrow_worst < cut->n_narrow;
}

static uint32_t build(struct builder *builder, struct list list, const struct region *region,
		      unsigned depth)
{
	struct cut cut = {0}, fork = {0};
	uint64_t repeats;
	bool resolves, may_repeat = has_spent(builder) == 0;

	if (builder->error)
		return 0;
	if (list.n == 0) {
		if (!builder->empty)
			builder->empty = build_leaf(builder, list, region);
		return builder->empty;
	}
	builder->visits += list.n;
	if (list.n <= CLASSIFY_LANES || depth == DEPTH || has_spent(builder) >= TOO_MUCH)
		return build_leaf(builder, list, region);
	if (find_alike(builder, list, region, &cut))
		return build_cut(builder, list, region, &cut, depth);
	take_sample(builder, list, region);
	if (!choose_cut(builder, region, list.n, &cut, &fork))
		return build_leaf(builder, list, region);
	resolves = cut_resolves(builder, &cut);
	repeats = cut.total > builder->n_sample ? cut.total - builder->n_sample : 0;
	repeats = repeats * list.n / builder->n_sample;
	if (resolves && (repeats <= list.n / 4 || (repeats <= 3 * list.n / 4 + 64 && may_repeat)))
		return build_cut(builder, list, region, &cut, depth);
	if (fork_is_worth(builder, &fork))
		return build_fork(builder, list, region, &fork, depth);
	if (resolves && may_repeat)
		return build_cut(builder, list, region, &cut, depth);
	return build_leaf(builder, list, region);
}

/* The tree of the boxes @ids[@n], which share a set. */
static uint32_t build_root(struct builder *builder, const uint32_t *ids, uint32_t n)
{
	struct region everything;
	struct list list = {0, 0};

	for (unsigned w = 0; w < CLASSIFY_WORDS; w++)
		everything.words[w] = (struct classify_span){0, UINT32_MAX};
	while (list.n < n) {
		builder->pool[list.n].box = ids[list.n];
		if (box_covers(builder, classify_box(&builder->boxes, ids[list.n++]), &everything))
			break;
	}
	return build(builder, list, &everything, 0);
}

/* The trees of a list: that of the boxes without a set, and one for each set. */
struct forest {
	uint32_t root;
	uint32_t n_roots;
	struct classify_root *roots;
};

static int compare_by_set(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* All boxes, those of one set together, in the order of the list. */
static uint32_t *sort_boxes(const struct classify_boxes *boxes)
{
	uint64_t *keys = malloc((boxes->n + 1) * sizeof(*keys));
	uint32_t *ids = malloc((boxes->n + 1) * sizeof(*ids));

	if (keys && ids) {
		for (uint32_t i = 0; i < boxes->n; i++)
			keys[i] = (uint64_t)boxes->sets[i] << 32 | i;
		qsort(keys, boxes->n, sizeof(*keys), compare_by_set);
		for (uint32_t i = 0; i < boxes->n; i++)
			ids[i] = (uint32_t)keys[i];
	} else {
		free(ids);
		ids = NULL;
	}
	free(keys);
	return ids;
}

static int plant(struct builder *builder, struct forest *ret_forest)
{
	const struct classify_boxes *boxes = &builder->boxes;
	struct forest forest = {.roots = malloc((boxes->n + 1) * sizeof(*forest.roots))};
	uint32_t *ids = sort_boxes(boxes);

	builder->pool_room = 2 * (size_t)boxes->n + 1;
	builder->pool = malloc(builder->pool_room * sizeof(*builder->pool));
	if (!forest.roots || !ids || !builder->pool)
		builder->error = -ENOMEM;
	for (uint32_t from = 0, to; !builder->error && from < boxes->n; from = to) {
		uint32_t set = boxes->sets[ids[from]], root;

		for (to = from; to < boxes->n && boxes->sets[ids[to]] == set;)
			to++;
		root = build_root(builder, ids + from, to - from);
		if (set == 0)
			forest.root = root;
		else
			forest.roots[forest.n_roots++] = (struct classify_root){set, root};
	}
	free(ids);
	if (builder->error) {
		free(forest.roots);
		return builder->error;
	}
	*ret_forest = forest;
	return 0;
}

/* The line of what was built as @place, in the finished section; 0 stays 0. */
static uint32_t final_line(const struct classify *head, uint32_t place)
{
	if (place & NODE)
		return head->nodes + (place & PLACE);
	if (place & LEAF)
		return head->nodes + head->n_nodes + (place & PLACE);
	return 0;
}

static uint32_t word_mask(const struct classify_boxes *boxes)
{
	uint32_t mask = 0;

	for (unsigned w = 0; w < boxes->n_words; w++)
		mask |= 1u << boxes->words[w];
	return mask;
}

/* Put the parts together. */
static int lay_out(const struct builder *builder, const struct forest *forest, uint32_t n_rules,
		   struct classify **ret)
{
	uint32_t nodes = 1 + classify_root_lines(forest->n_roots);
	struct classify head = {
		.magic = CLASSIFY_MAGIC,
		.n_lines = nodes + builder->nodes.n + builder->leaves.n,
		.n_rules = n_rules,
		.words = word_mask(&builder->boxes),
		.n_roots = forest->n_roots,
		.n_nodes = builder->nodes.n,
		.nodes = nodes,
	};
	char *section = aligned_alloc(CLASSIFY_ALIGN, (size_t)head.n_lines * CLASSIFY_LINE);
	struct classify_root *roots = (void *)(section + CLASSIFY_LINE);
	struct classify_node *node = (void *)(section + (size_t)nodes * CLASSIFY_LINE);

	if (!section)
		return -ENOMEM;
	head.root = final_line(&head, forest->root);
	memset(section, 0, (size_t)nodes * CLASSIFY_LINE);
	memcpy(section, &head, sizeof(head));
	for (uint32_t i = 0; i < forest->n_roots; i++)
		roots[i] = (struct classify_root){forest->roots[i].set,
						  final_line(&head, forest->roots[i].line)};
	if (builder->nodes.n)
		memcpy(node, builder->nodes.bytes, (size_t)builder->nodes.n * CLASSIFY_LINE);
	for (uint32_t i = 0; i < head.n_nodes; i++) {
		for (unsigned c = 0; c < CLASSIFY_FAN; c++)
			node[i].child[c] = final_line(&head, node[i].child[c]);
	}
	if (builder->leaves.n)
		memcpy(node + head.n_nodes, builder->leaves.bytes,
		       (size_t)builder->leaves.n * CLASSIFY_LINE);
	*ret = (struct classify *)section;
	return 0;
}

int classify_build(const struct classify_rule *rules, uint32_t n_rules, struct classify **ret)
{
	struct builder *builder = calloc(1, sizeof(*builder));
	struct forest forest;
	int error;

	if (!builder)
		return -ENOMEM;
	error = classify_boxes_create(rules, n_rules, &builder->boxes);
	if (error)
		goto free_builder;
	error = plant(builder, &forest);
	if (error)
		goto free_lines;
	error = lay_out(builder, &forest, n_rules, ret);
	free(forest.roots);
free_lines:
	free(builder->pool);
	free(builder->nodes.bytes);
	free(builder->leaves.bytes);
	classify_boxes_destroy(&builder->boxes);
free_builder:
	free(builder);
	return error;
}
