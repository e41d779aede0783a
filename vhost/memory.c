/*
 * memory - builds and searches tables of guest memory.
 *
 * Everything that a front-end says about a region is checked here, once, so that
 * the searches need no check but "is it inside".
 */
#include "vhost/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The most that one session may map: 1 TiB. It is the address space, which all
 * sessions share, that a sparse file could eat.
 */
static const uint64_t memory_max = UINT64_C(1) << 40;

static const char *region_fault(const struct proto_region *region)
{
	uint64_t end;

	if (region->size == 0)
		return "size 0";
	if (__builtin_add_overflow(region->guest_addr, region->size, &end))
		return "guest address and size wrap";
	if (__builtin_add_overflow(region->user_addr, region->size, &end))
		return "user address and size wrap";
	if (__builtin_add_overflow(region->mmap_offset, region->size, &end))
		return "offset and size wrap";
	if (region->size > memory_max)
		return "too much memory";
	return NULL;
}

static const char *mapping_fault(int err)
{
	switch (err) {
	case -EMEDIUMTYPE: return "not a memfd nor a file of tmpfs or hugetlbfs";
	case -ERANGE: return "beyond the end of its file";
	case -EINVAL: return "offset is not that of a page";
	case -EACCES: return "its file cannot be written to";
	default: return "cannot be mapped";
	}
}

static bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a - b < b_size || b - a < a_size;
}

static bool overlaps(const struct memory *memory, const struct proto_region *region)
{
	for (unsigned i = 0; i < memory->n; i++) {
		const struct memory_region *other = &memory->regions[i];

		if (ranges_overlap(other->gpa, other->size, region->guest_addr, region->size) ||
		    ranges_overlap(other->user_addr, other->size, region->user_addr, region->size))
			return true;
	}
	return false;
}

static uint64_t memory_size(const struct memory *memory)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < memory->n; i++)
		size += memory->regions[i].size;
	return size;
}

static struct memory *memory_alloc(unsigned n_max)
{
	struct memory *memory =
		calloc(1, sizeof(*memory) + (n_max ? n_max : 1) * sizeof(memory->regions[0]));

	return memory;
}

/* Put @region in its place. The mapping's reference goes to the table. */
static void memory_insert(struct memory *memory, struct memory_region region)
{
	unsigned at = memory->n;

	while (at > 0 && memory->regions[at - 1].gpa > region.gpa) {
		memory->regions[at] = memory->regions[at - 1];
		at--;
	}
	memory->regions[at] = region;
	memory->n++;
}

static struct mapping *mapping_find(const struct memory *memory, int fd, uint64_t offset,
				    uint64_t size)
{
	for (unsigned i = 0; memory && i < memory->n; i++)
		if (mapping_is_same(memory->regions[i].mapping, fd, offset, size))
			return mapping_get(memory->regions[i].mapping);
	return NULL;
}

/* Check @region, map it or share @old's mapping, and put it into @memory, which has room. */
static int memory_take(struct memory *memory, const struct proto_region *region, int fd,
		       const struct memory *old, atomic_bool *dead, const char **ret_why)
{
	const char *why = region_fault(region);

	if (!why && overlaps(memory, region))
		why = "overlaps another";
	if (!why && memory_size(memory) + region->size > memory_max)
		why = "too much memory";
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}

	struct mapping *mapping = mapping_find(old, fd, region->mmap_offset, region->size);
	if (!mapping) {
		int err = mapping_create(fd, region->mmap_offset, region->size, dead, &mapping);
		if (err < 0) {
			*ret_why = mapping_fault(err);
			return err;
		}
	}
	memory_insert(memory, (struct memory_region){
				      .gpa = region->guest_addr,
				      .size = region->size,
				      .host = mapping->bytes,
				      .user_addr = region->user_addr,
				      .mapping = mapping,
			      });
	return 0;
}

int memory_create(const struct proto_region *regions, const int *fds, unsigned n,
		  const struct memory *old, atomic_bool *dead, struct memory **ret_memory,
		  struct memory_fault *ret_fault)
{
	struct memory *memory = memory_alloc(n);
	if (!memory) {
		*ret_fault = (struct memory_fault){0, "no memory for the table"};
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		const char *why;
		int err = memory_take(memory, &regions[i], fds[i], old, dead, &why);

		if (err < 0) {
			*ret_fault = (struct memory_fault){i, why};
			memory_destroy(memory);
			return err;
		}
	}
	*ret_memory = memory;
	return 0;
}

static void memory_share(struct memory *memory, const struct memory_region *region)
{
	mapping_get(region->mapping);
	memory_insert(memory, *region);
}

int memory_add(const struct memory *old, const struct proto_region *region, int fd,
	       atomic_bool *dead, struct memory **ret_memory, struct memory_fault *ret_fault)
{
	unsigned n = old ? old->n : 0;
	struct memory *memory = memory_alloc(n + 1);
	int err = -ENOMEM;

	*ret_fault = (struct memory_fault){n, "no memory for the table"};
	if (!memory)
		return err;
	for (unsigned i = 0; i < n; i++)
		memory_share(memory, &old->regions[i]);
	err = memory_take(memory, region, fd, NULL, dead, &ret_fault->why);
	if (err < 0) {
		memory_destroy(memory);
		return err;
	}
	*ret_memory = memory;
	return 0;
}

/* The place of the region with these addresses and this size; memory->n if there is none. */
static unsigned memory_place(const struct memory *memory, const struct proto_region *region)
{
	unsigned at = 0;

	while (at < memory->n && (memory->regions[at].gpa != region->guest_addr ||
				  memory->regions[at].size != region->size ||
				  memory->regions[at].user_addr != region->user_addr))
		at++;
	return at;
}

bool memory_has(const struct memory *memory, const struct proto_region *region, int fd)
{
	unsigned at = memory ? memory_place(memory, region) : 0;

	return memory && at < memory->n &&
	       mapping_is_same(memory->regions[at].mapping, fd, region->mmap_offset, region->size);
}

int memory_remove(const struct memory *old, const struct proto_region *region,
		  struct memory **ret_memory)
{
	unsigned gone = old ? memory_place(old, region) : 0;

	if (!old || gone == old->n)
		return -ENOENT;

	struct memory *memory = memory_alloc(old->n - 1);
	if (!memory)
		return -ENOMEM;
	for (unsigned i = 0; i < old->n; i++)
		if (i != gone)
			memory_share(memory, &old->regions[i]);
	*ret_memory = memory;
	return 0;
}

void memory_destroy(struct memory *memory)
{
	if (!memory)
		return;
	for (unsigned i = 0; i < memory->n; i++)
		mapping_put(memory->regions[i].mapping);
	free(memory);
}

uint64_t memory_end(const struct memory *memory)
{
	if (!memory || memory->n == 0)
		return 0;
	return memory->regions[memory->n - 1].gpa + memory->regions[memory->n - 1].size;
}

void *memory_translate_user(const struct memory *memory, uint64_t address, uint64_t len,
			    uint64_t *ret_gpa)
{
	for (unsigned i = 0; i < memory->n; i++) {
		const struct memory_region *region = &memory->regions[i];
		uint64_t offset = address - region->user_addr;

		if (offset < region->size && len <= region->size - offset) {
			*ret_gpa = region->gpa + offset;
			return region->host + offset;
		}
	}
	return NULL;
}

uint64_t memory_gpa(const struct memory *memory, const void *host)
{
	for (unsigned i = 0; i < memory->n; i++) {
		const struct memory_region *region = &memory->regions[i];
		uint64_t offset = (uintptr_t)host - (uintptr_t)region->host;

		if (offset < region->size)
			return region->gpa + offset;
	}
	return UINT64_MAX;
}

const struct memory_region *memory_search(const struct memory *memory, uint64_t gpa)
{
	unsigned low = 0, high = memory->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct memory_region *region = &memory->regions[middle];

		if (gpa < region->gpa)
			high = middle;
		else if (gpa - region->gpa >= region->size)
			low = middle + 1;
		else
			return region;
	}
	return NULL;
}

struct memory_window memory_window_search(const struct memory *memory, unsigned *hint, uint64_t gpa)
{
	const struct memory_region *region = memory_search(memory, gpa);

	if (region)
		*hint = (unsigned)(region - memory->regions);
	return memory_window(memory, *hint);
}
