/*
 * memory - a guest's memory as this process sees it: an immutable table.
 *
 * A session has one table at a time. A change makes a new one, which shares the
 * mappings that stay; rings are given the new one, and the old one is freed when
 * no worker can be using it. Thus whoever holds a table may translate with it
 * without a lock.
 *
 * Guest-physical ranges next to each other need not lie next to each other here
 * (CVE-2018-1059): memory_translate() says how far it goes, and its caller asks
 * again for the rest.
 */
#ifndef VHOST_MEMORY_H
#define VHOST_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/mapping.h"
#include "vhost/proto.h"

struct memory_region {
	uint64_t gpa;  /* guest-physical address of the first byte */
	uint64_t size; /* gpa + size does not wrap */
	uint8_t *host;
	uint64_t user_addr; /* the front-end's address of the first byte */
	struct mapping *mapping;
};

struct memory {
	unsigned n;			/* at least 1 for a table that a ring uses */
	struct memory_region regions[]; /* in order of gpa, none overlaps another */
};

/* Which region of which error: for a sentence. */
struct memory_fault {
	unsigned region;
	const char *why;
};

/*
 * A table of @n regions, each in the file of the same place in @fds (which stay
 * the caller's). Mappings that @old has already are shared. On failure
 * @ret_fault tells in words what is wrong with which region.
 */
int memory_create(const struct proto_region *regions, const int *fds, unsigned n,
		  const struct memory *old, atomic_bool *dead, struct memory **ret_memory,
		  struct memory_fault *ret_fault) __attribute__((warn_unused_result));

/* The regions of @old (may be NULL) and one more, which is none of them yet. */
int memory_add(const struct memory *old, const struct proto_region *region, int fd,
	       atomic_bool *dead, struct memory **ret_memory, struct memory_fault *ret_fault)
	__attribute__((warn_unused_result));

/* The regions of @old but for @region, which is told by its addresses and size; -ENOENT. */
int memory_remove(const struct memory *old, const struct proto_region *region,
		  struct memory **ret_memory) __attribute__((warn_unused_result));

/* Is @region of the file @fd one of its regions? */
bool memory_has(const struct memory *memory, const struct proto_region *region, int fd);

void memory_destroy(struct memory *memory);

/* The end of the highest region; 0 if there is none. */
uint64_t memory_end(const struct memory *memory);

/*
 * Where the front-end's @address lies here, if all of @len bytes lie in one
 * region; NULL otherwise. @ret_gpa: the guest-physical address.
 */
void *memory_translate_user(const struct memory *memory, uint64_t address, uint64_t len,
			    uint64_t *ret_gpa);

/* The guest-physical address of a pointer that memory_translate() returned. */
uint64_t memory_gpa(const struct memory *memory, const void *host);

/* The region of @gpa, or NULL. */
const struct memory_region *memory_search(const struct memory *memory, uint64_t gpa);

/*
 * Where @gpa lies, or NULL; @ret_len: how many bytes from there on are there,
 * at least 1. @hint is the caller's memory of the last hit: a guest's buffers
 * lie in one region for long.
 */
static inline uint8_t *memory_translate(const struct memory *memory, unsigned *hint, uint64_t gpa,
					uint64_t *ret_len)
{
	const struct memory_region *region = &memory->regions[*hint < memory->n ? *hint : 0];
	uint64_t offset = gpa - region->gpa;

	if (__builtin_expect(offset >= region->size, 0)) {
		region = memory_search(memory, gpa);
		if (!region)
			return NULL;
		*hint = (unsigned)(region - memory->regions);
		offset = gpa - region->gpa;
	}
	*ret_len = region->size - offset;
	return region->host + offset;
}

/* The region of the last hit, kept at hand through a burst. */
struct memory_window {
	uint64_t gpa;
	uint64_t size;
	uint8_t *host;
};

static inline struct memory_window memory_window(const struct memory *memory, unsigned hint)
{
	const struct memory_region *region = &memory->regions[hint < memory->n ? hint : 0];

	return (struct memory_window){region->gpa, region->size, region->host};
}

/* The window at @gpa, or the one at @hint if nothing is there. */
struct memory_window memory_window_search(const struct memory *memory, unsigned *hint,
					  uint64_t gpa);

/* Where all of the @len bytes at @gpa lie if they lie in @window, or NULL. */
static inline uint8_t *memory_window_find(const struct memory_window *window, uint64_t gpa,
					  uint64_t len)
{
	uint64_t offset = gpa - window->gpa;

	return offset < window->size && len <= window->size - offset ? window->host + offset : NULL;
}

#endif
