/*
 * classify_box - rules as boxes.
 *
 * The first half of compiling a list: each rule becomes one box or several (one
 * for each pair of its port ranges), a first and a last value for each word
 * that some rule of the list asks for. Words that none asks for are left out.
 * For classify_build.c only.
 */
#ifndef SWITCH_CLASSIFY_BOX_H
#define SWITCH_CLASSIFY_BOX_H

#include "switch/classify.h"

/* The values first..last of a word. */
struct classify_span {
	uint32_t first;
	uint32_t last;
};

struct classify_boxes {
	uint32_t n;
	unsigned n_words;
	uint8_t words[CLASSIFY_WORDS];
	/* of each box: */
	uint32_t *verdicts;	     /* ascending */
	uint32_t *sets;		     /* of its rule, or 0 */
	struct classify_span *spans; /* n_words of them */
};

/* -EINVAL, -E2BIG or -ENOMEM, as classify_build(); *@ret_boxes is untouched then. */
int classify_boxes_create(const struct classify_rule *rules, uint32_t n_rules,
			  struct classify_boxes *ret_boxes) __attribute__((warn_unused_result));
void classify_boxes_destroy(struct classify_boxes *boxes);

static inline const struct classify_span *classify_box(const struct classify_boxes *boxes,
						       uint32_t i)
{
	return boxes->spans + (size_t)i * boxes->n_words;
}

static inline bool classify_span_is_full(struct classify_span span)
{
	return span.first == 0 && span.last == UINT32_MAX;
}

#endif
