/*
 * places - see places.h.
 *
 * Open addressing with linear probing, at most half full. The hash is of
 * pointers and indices, which nobody outside chooses.
 */
#include "control/places.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	const json_t *parent; /* NULL: empty */
	uintptr_t member;     /* the address of jansson's copy of the key, or the index */
	struct spot spot;
};

struct places {
	struct entry *entries;
	size_t size; /* a power of two */
	size_t used;
};

int places_create(struct places **ret)
{
	struct places *places = calloc(1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	places->size = 64;
	places->entries = calloc(places->size, sizeof(places->entries[0]));
	if (!places->entries) {
		free(places);
		return -ENOMEM;
	}
	*ret = places;
	return 0;
}

void places_destroy(struct places *places)
{
	if (!places)
		return;
	free(places->entries);
	free(places);
}

/* What tells the member from its siblings; false: there is no such key. */
static bool member_of(const json_t *parent, const char *key, size_t index, uintptr_t *ret)
{
	void *iter;

	if (!key) {
		*ret = index;
		return true;
	}
	iter = json_object_iter_at((json_t *)parent, key);
	if (!iter)
		return false;
	*ret = (uintptr_t)json_object_iter_key(iter);
	return true;
}

/* The entry of the member, or the empty one where it belongs. */
static struct entry *find_entry(const struct places *places, const json_t *parent, uintptr_t member)
{
	uint64_t hash =
		((uintptr_t)parent ^ member * 0xff51afd7ed558ccdULL) * 0x9e3779b97f4a7c15ULL;
	size_t at = (hash ^ hash >> 32) & (places->size - 1);

	while (places->entries[at].parent &&
	       (places->entries[at].parent != parent || places->entries[at].member != member))
		at = (at + 1) & (places->size - 1);
	return &places->entries[at];
}

static int grow(struct places *places)
{
	struct places larger = {.size = places->size * 2, .used = places->used};

	larger.entries = calloc(larger.size, sizeof(larger.entries[0]));
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < places->size; i++) {
		const struct entry *entry = &places->entries[i];

		if (entry->parent)
			*find_entry(&larger, entry->parent, entry->member) = *entry;
	}
	free(places->entries);
	*places = larger;
	return 0;
}

int places_set(struct places *places, const json_t *parent, const char *key, size_t index,
	       const struct spot *spot)
{
	struct entry *entry;
	uintptr_t member;

	if (places->used * 2 >= places->size && grow(places))
		return -ENOMEM;
	if (!member_of(parent, key, index, &member))
		return -ENOMEM; /* the key was not inserted */
	entry = find_entry(places, parent, member);
	if (!entry->parent)
		places->used++;
	*entry = (struct entry){parent, member, *spot};
	return 0;
}

struct spot *places_find(const struct places *places, const json_t *parent, const char *key,
			 size_t index)
{
	struct entry *entry;
	uintptr_t member;

	if (!member_of(parent, key, index, &member))
		return NULL;
	entry = find_entry(places, parent, member);
	return entry->parent ? &entry->spot : NULL;
}
