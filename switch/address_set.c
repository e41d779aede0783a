/*
 * address_set - building, checking and asking a table of sets.
 *
 * Prefixes are nested or apart, never crossing; so one walk over them in order,
 * with a stack of those that are open, meets each interval once. The sets of
 * interval i are ids[at[i]..at[i + 1]).
 *
 * Building runs in the control process, asking on any thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/address_set.h"

enum {
	MAGIC = 0x534c4131,		/* "SLA1" */
	OPEN = 129 * CLASSIFY_KEY_SETS, /* prefixes around one address: lengths times sets */
};

/* An IPv6 address; an IPv4 one has only low. */
struct point {
	uint64_t high, low;
};

/* The intervals of one family. Offsets are in bytes, from the head's first one. */
struct intervals {
	uint32_t n;
	uint32_t starts; /* of uint32_t[n] for IPv4, struct point[n] for IPv6, ascending */
	uint32_t at;	 /* of uint32_t[n + 1]: places in the ids */
	uint32_t reserved;
};

struct address_set {
	uint32_t magic;
	uint32_t size;
	uint32_t depth;
	uint32_t n_ids;
	uint32_t ids; /* offset of uint32_t[n_ids] */
	uint32_t reserved;
	struct intervals ipv4;
	struct intervals ipv6;
};

static const void *section_at(const struct address_set *sets, uint32_t offset)
{
	return (const char *)sets + offset;
}

static struct point point_of(const uint32_t address[4])
{
	return (struct point){(uint64_t)address[0] << 32 | address[1],
			      (uint64_t)address[2] << 32 | address[3]};
}

static bool is_before(struct point a, struct point b)
{
	return a.high < b.high || (a.high == b.high && a.low < b.low);
}

/* The last interval that starts at @address or before it; the first starts at 0. */
static uint32_t find_ipv4(const uint32_t *starts, uint32_t n, uint32_t address)
{
	uint32_t at = 0;

	for (uint32_t half; n > 1; n -= half) {
		half = n / 2;
		at += starts[at + half] <= address ? half : 0;
	}
	return at;
}

static uint32_t find_ipv6(const struct point *starts, uint32_t n, struct point address)
{
	uint32_t at = 0;

	for (uint32_t half; n > 1; n -= half) {
		half = n / 2;
		at += is_before(address, starts[at + half]) ? 0 : half;
	}
	return at;
}

unsigned address_set_lookup(const struct address_set *sets, int family, const uint32_t address[4],
			    const uint32_t **ret_sets)
{
	const struct intervals *intervals = family == 4 ? &sets->ipv4 : &sets->ipv6;
	const uint32_t *at = section_at(sets, intervals->at);
	const void *starts = section_at(sets, intervals->starts);
	uint32_t i = family == 4 ? find_ipv4(starts, intervals->n, address[0])
				 : find_ipv6(starts, intervals->n, point_of(address));

	*ret_sets = (const uint32_t *)section_at(sets, sets->ids) + at[i];
	return at[i + 1] - at[i];
}

size_t address_set_size(const struct address_set *sets)
{
	return sets->size;
}

unsigned address_set_depth(const struct address_set *sets)
{
	return sets->depth;
}

static bool array_fits(const struct address_set *sets, uint32_t offset, uint64_t count,
		       size_t element_size)
{
	return offset % 8 == 0 && offset >= sizeof(*sets) && offset <= sets->size &&
	       count * element_size <= sets->size - offset;
}

static const char *check_intervals(const struct address_set *sets,
				   const struct intervals *intervals, size_t start_size)
{
	const uint32_t *at = section_at(sets, intervals->at);

	if (intervals->n == 0 || !array_fits(sets, intervals->starts, intervals->n, start_size) ||
	    !array_fits(sets, intervals->at, (uint64_t)intervals->n + 1, sizeof(*at)))
		return "the intervals lie outside of the section";
	for (uint32_t i = 0; i < intervals->n; i++) {
		if (at[i] > at[i + 1] || at[i + 1] - at[i] > sets->depth)
			return "an interval's sets";
	}
	return at[intervals->n] <= sets->n_ids ? NULL : "an interval's sets lie outside";
}

int address_set_check(const void *section, size_t size, const char **ret_why)
{
	const struct address_set *sets = section;
	const char *why = NULL;

	if (size < sizeof(*sets) || (uintptr_t)section % 8 != 0)
		why = "too short or not aligned";
	else if (sets->magic != MAGIC || sets->size != size)
		why = "no table of sets of this size";
	else if (sets->depth > CLASSIFY_KEY_SETS)
		why = "an address may be in too many sets";
	else if (!array_fits(sets, sets->ids, sets->n_ids, sizeof(uint32_t)))
		why = "the sets lie outside of the section";
	if (!why)
		why = check_intervals(sets, &sets->ipv4, sizeof(uint32_t));
	if (!why)
		why = check_intervals(sets, &sets->ipv6, sizeof(struct point));
	if (!why)
		return 0;
	*ret_why = why;
	return -EPROTO;
}

/* A member as an interval. */
struct block {
	uint32_t family;
	uint32_t set;
	struct point first, last;
};

static int make_block(const struct address_set_member *member, struct block *ret)
{
	unsigned bits = member->family == 4 ? 32 : 128, length = member->prefix.length;
	uint32_t first[4] = {0}, last[4] = {0};

	if ((member->family != 4 && member->family != 6) || length > bits || member->set == 0)
		return -EINVAL;
	for (unsigned i = 0; i < bits / 32; i++) {
		/* an IPv4 address is the last word of a point */
		unsigned word = bits == 32 ? 3 : i, left = length > 32 * i ? length - 32 * i : 0;
		uint32_t host = left >= 32 ? 0 : UINT32_MAX >> left;

		first[word] = member->prefix.address[i] & ~host;
		last[word] = member->prefix.address[i] | host;
	}
	*ret = (struct block){(uint32_t)member->family, member->set, point_of(first),
			      point_of(last)};
	return 0;
}

static int compare_points(struct point a, struct point b)
{
	return is_before(b, a) - is_before(a, b);
}

/* By family and first address, the outer block before the inner one. */
static int compare_blocks(const void *a, const void *b)
{
	const struct block *left = a, *right = b;
	int order = (left->family > right->family) - (left->family < right->family);

	if (!order)
		order = compare_points(left->first, right->first);
	if (!order)
		order = compare_points(right->last, left->last);
	return order ? order : (left->set > right->set) - (left->set < right->set);
}

struct builder {
	struct block *blocks;
	uint32_t n_blocks;
	/* Of the family that is walked over. */
	uint32_t n_open;
	uint32_t open[OPEN]; /* blocks around the place, the innermost last */
	uint32_t n;	     /* intervals so far */
	struct point *starts;
	uint32_t *at;
	/* Of both. */
	uint32_t *ids;
	uint32_t n_ids, room_ids;
	uint32_t depth;
};

/* The sets of the open blocks, ascending, each once. -E2BIG for too many. */
static int collect_sets(const struct builder *builder, uint32_t ret_sets[CLASSIFY_KEY_SETS])
{
	uint32_t sets[CLASSIFY_KEY_SETS], n = 0;

	for (uint32_t i = 0; i < builder->n_open; i++) {
		uint32_t set = builder->blocks[builder->open[i]].set, place = 0;

		while (place < n && sets[place] < set)
			place++;
		if (place < n && sets[place] == set)
			continue;
		if (n == CLASSIFY_KEY_SETS)
			return -E2BIG;
		memmove(&sets[place + 1], &sets[place], (n - place) * sizeof(*sets));
		sets[place] = set;
		n++;
	}
	memcpy(ret_sets, sets, n * sizeof(*sets));
	return (int)n;
}

/* An interval begins at @start, within the blocks that are open now. */
static int begin_interval(struct builder *builder, struct point start)
{
	uint32_t sets[CLASSIFY_KEY_SETS], n_sets, before;
	int error = collect_sets(builder, sets);

	if (error < 0)
		return error;
	n_sets = (uint32_t)error;
	/* What began here before had no address of its own. */
	if (builder->n && compare_points(builder->starts[builder->n - 1], start) == 0)
		builder->n_ids = builder->at[--builder->n];
	before = builder->n ? builder->n_ids - builder->at[builder->n - 1] : UINT32_MAX;
	if (n_sets == before &&
	    memcmp(&builder->ids[builder->at[builder->n - 1]], sets, n_sets * sizeof(*sets)) == 0)
		return 0;
	if (builder->n_ids + n_sets > builder->room_ids) {
		uint32_t room = 2 * builder->room_ids + CLASSIFY_KEY_SETS;
		uint32_t *ids = realloc(builder->ids, room * sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		builder->ids = ids;
		builder->room_ids = room;
	}
	if (n_sets)
		memcpy(&builder->ids[builder->n_ids], sets, n_sets * sizeof(*sets));
	builder->starts[builder->n] = start;
	builder->at[builder->n++] = builder->n_ids;
	builder->n_ids += n_sets;
	builder->depth = n_sets > builder->depth ? n_sets : builder->depth;
	return 0;
}

/* Close the blocks that end before @block begins; all of them for NULL. */
static int close_blocks(struct builder *builder, const struct block *block)
{
	while (builder->n_open) {
		const struct block *inner = &builder->blocks[builder->open[builder->n_open - 1]];
		struct point next = inner->last;
		int error;

		if (block && !is_before(inner->last, block->first))
			break;
		builder->n_open--;
		next.high += ++next.low == 0;
		/* Behind the last address of all there is nothing. */
		if (inner->family == 4 ? next.low > UINT32_MAX : next.high == 0 && next.low == 0)
			continue;
		error = begin_interval(builder, next);
		if (error)
			return error;
	}
	return 0;
}

/* The intervals of @family, whose blocks begin at *@next. */
static int walk(struct builder *builder, uint32_t family, uint32_t *next)
{
	int error;

	builder->n = 0;
	error = begin_interval(builder, (struct point){0, 0});
	for (; !error && *next < builder->n_blocks; ++*next) {
		const struct block *block = &builder->blocks[*next];

		if (block->family != family)
			break;
		if (*next > 0 && compare_blocks(block - 1, block) == 0)
			continue;
		error = close_blocks(builder, block);
		if (error)
			break;
		if (builder->n_open == OPEN)
			return -E2BIG;
		builder->open[builder->n_open++] = *next;
		error = begin_interval(builder, block->first);
	}
	if (!error)
		error = close_blocks(builder, NULL);
	builder->at[builder->n] = builder->n_ids;
	return error;
}

/* The table, as it grows: an array behind the others. Its offset. */
static uint32_t append(struct address_set *sets, const void *array, size_t size)
{
	uint32_t offset = sets->size;

	memcpy((char *)sets + offset, array, size);
	sets->size = (uint32_t)((offset + size + 7) & ~(size_t)7);
	return offset;
}

static void append_intervals(struct address_set *sets, const struct builder *builder,
			     uint32_t family)
{
	struct intervals *intervals = family == 4 ? &sets->ipv4 : &sets->ipv6;

	intervals->n = builder->n;
	intervals->at = append(sets, builder->at, (builder->n + 1) * sizeof(*builder->at));
	intervals->starts = sets->size;
	if (family == 6) {
		append(sets, builder->starts, builder->n * sizeof(*builder->starts));
		return;
	}
	for (uint32_t i = 0; i < builder->n; i++)
		((uint32_t *)((char *)sets + intervals->starts))[i] =
			(uint32_t)builder->starts[i].low;
	sets->size = (uint32_t)((sets->size + builder->n * sizeof(uint32_t) + 7) & ~(size_t)7);
}

static int build(struct builder *builder, struct address_set **ret)
{
	/* Each block begins one interval and ends one, and each family has a first. */
	uint32_t room = 2 * builder->n_blocks + 2, next = 0;
	size_t size = sizeof(struct address_set) + 2 * (size_t)room * 24 + 64;
	struct address_set *sets = calloc(1, size), *grown;
	int error = -ENOMEM;

	builder->starts = malloc(room * sizeof(*builder->starts));
	builder->at = malloc((room + 1) * sizeof(*builder->at));
	if (!sets || !builder->starts || !builder->at)
		goto free_sets;
	*sets = (struct address_set){.magic = MAGIC, .size = sizeof(*sets)};
	for (uint32_t family = 4; family <= 6; family += 2) {
		error = walk(builder, family, &next);
		if (error)
			goto free_sets;
		append_intervals(sets, builder, family);
	}
	grown = realloc(sets, sets->size + (size_t)builder->n_ids * sizeof(*builder->ids) + 8);
	if (!grown) {
		error = -ENOMEM;
		goto free_sets;
	}
	sets = grown;
	sets->depth = builder->depth;
	sets->n_ids = builder->n_ids;
	sets->ids = sets->size;
	memset((char *)sets + sets->size, 0, (size_t)builder->n_ids * sizeof(*builder->ids) + 8);
	if (builder->n_ids)
		append(sets, builder->ids, (size_t)builder->n_ids * sizeof(*builder->ids));
	*ret = sets;
	return 0;
free_sets:
	free(sets);
	return error;
}

int address_set_build(const struct address_set_member *members, uint32_t n_members,
		      struct address_set **ret)
{
	struct builder builder = {.n_blocks = n_members};
	int error = 0;

	if (n_members > CLASSIFY_RULES)
		return -E2BIG;
	builder.blocks = malloc((n_members + 1) * sizeof(*builder.blocks));
	if (!builder.blocks)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_members && !error; i++)
		error = make_block(&members[i], &builder.blocks[i]);
	if (!error) {
		qsort(builder.blocks, n_members, sizeof(*builder.blocks), compare_blocks);
		error = build(&builder, ret);
	}
	free(builder.blocks);
	free(builder.starts);
	free(builder.at);
	free(builder.ids);
	return error;
}
