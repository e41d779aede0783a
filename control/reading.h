/*
 * reading - from the nodes of a document to values, noting what is wrong.
 *
 * What the model_*.c files share while a model is built. Each reader looks at
 * one node and gives its value, or notes a problem at the node's place and says
 * false (or NULL); reading goes on, so that all problems are found. A mapping is
 * read by a table of its keys: a new attribute is a line there.
 *
 * Memory. What stays goes into the model's arena; nodes and whatever else only
 * the reading needs go into scratch. Without memory no_memory is set, readers
 * fail without a problem, and the model is thrown away at the end.
 */
#ifndef CONTROL_READING_H
#define CONTROL_READING_H

#include "control/address.h"
#include "control/arena.h"
#include "control/model.h"
#include "control/node.h"
#include "control/suggest.h"

struct reading {
	const struct document *document;
	const struct model_host *host;
	const struct model *previous; /* or NULL */
	struct problems *problems;
	struct arena *arena;
	struct arena *scratch;
	struct model *model;
	bool no_memory;
	size_t n_rules;	       /* of the whole switch, so far */
	size_t n_set_prefixes; /* likewise */
	const char *file;      /* of the document, which the model got a copy of last... */
	const char *file_copy; /* ... and the copy */
};

/* Note a problem at the value of @node, or at its key. problems_hint() may follow. */
void reading_problem(struct reading *reading, const struct node *node, enum problem_reason reason,
		     const char *message, ...) __attribute__((format(printf, 4, 5)));
void reading_problem_key(struct reading *reading, const struct node *node,
			 enum problem_reason reason, const char *message, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Of two nodes that cannot stand together, the one to blame: what was written
 * later. What has no place was there before the text that is read.
 */
const struct node *reading_later(const struct reading *reading, const struct node *a,
				 const struct node *b);

/* Zeroed memory of the model or of scratch; NULL sets no_memory. */
void *reading_alloc(struct reading *reading, size_t count, size_t size);
void *reading_scratch(struct reading *reading, size_t count, size_t size);

/* The member of a mapping or list, in scratch; NULL if there is none (or no memory). */
const struct node *reading_member(struct reading *reading, const struct node *mapping,
				  const char *key);
const struct node *reading_element(struct reading *reading, const struct node *list, size_t index);

/* A key of a mapping, and who reads its value into the @object that the mapping describes. */
struct reading_key {
	const char *name;
	void (*read)(struct reading *reading, const struct node *node, void *object);
};

/* Begin to look for what @word was meant to be; finds nothing once problems are kept no more. */
struct suggest reading_suggest(const struct reading *reading, const char *word);

/* Where @node was written, for the model to keep. */
struct place reading_place(struct reading *reading, const struct node *node);

/* Is it a mapping? An absent value passes for an empty one. */
bool reading_is_mapping(struct reading *reading, const struct node *node);
bool reading_is_list(struct reading *reading, const struct node *node);

/* Read each key of a mapping by the table (ends with a NULL name); others are unknown. */
void reading_mapping(struct reading *reading, const struct node *node,
		     const struct reading_key *keys, void *object);

/* The scalar as text, which lives as long as the document and scratch. */
const char *reading_text(struct reading *reading, const struct node *node);

bool reading_flag(struct reading *reading, const struct node *node, bool *ret);
/* One of @words (NULL at the end): its index. */
bool reading_word(struct reading *reading, const struct node *node, const char *const *words,
		  unsigned *ret);
bool reading_count(struct reading *reading, const struct node *node, uint32_t min, uint32_t max,
		   uint32_t *ret);
bool reading_duration(struct reading *reading, const struct node *node, uint32_t min_ms,
		      uint32_t max_ms, uint32_t *ret_ms);
bool reading_mac(struct reading *reading, const struct node *node, mac48 *ret);
bool reading_prefix(struct reading *reading, const struct node *node, struct address_prefix *ret);

/* The list of addresses and prefixes at @node, in the model: ascending, each once. */
void reading_prefixes(struct reading *reading, const struct node *node,
		      struct policy_prefix4 **ret_prefixes4, uint32_t *ret_count4,
		      struct policy_prefix6 **ret_prefixes6, uint32_t *ret_count6);

/* Is the key of @node a name, or @text of its value? */
bool reading_key_is_name(struct reading *reading, const struct node *node);
bool reading_is_name(struct reading *reading, const struct node *node, const char *text);

#endif
