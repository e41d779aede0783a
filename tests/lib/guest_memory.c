/*
 * guest_memory - see guest_memory.h.
 */
#include "tests/lib/guest_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/check.h"

static int create_memfd(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check(fd >= 0, "memfd_create: %s", strerror(errno));
	check(ftruncate(fd, (off_t)size) == 0, "ftruncate: %s", strerror(errno));
	return fd;
}

static void add_region(struct guest_memory *memory, uint64_t gpa, uint64_t size, int fd,
		       uint64_t offset)
{
	struct guest_region *region = &memory->regions[memory->n_regions++];

	*region = (struct guest_region){.gpa = gpa, .size = size, .fd = fd, .offset = offset};
	region->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	check(region->host != MAP_FAILED, "mmap: %s", strerror(errno));
}

static void add_adjacent(struct guest_memory *memory, unsigned n, uint64_t size)
{
	for (unsigned i = 0; i < n; i++)
		add_region(memory, i * (size / n), size / n, create_memfd(size / n), 0);
}

void guest_memory_create(struct guest_memory *memory, enum guest_layout layout, uint64_t size)
{
	const uint64_t low = 2 << 20, above_hole = 1ULL << 32;
	int fd;

	memory->n_regions = 0;
	memory->next = 0;
	switch (layout) {
	case GUEST_ONE: add_region(memory, 0, size, create_memfd(size), 0); break;
	case GUEST_PC:
		fd = create_memfd(size);
		add_region(memory, 0, 0xa0000, fd, 0);
		add_region(memory, 0xc0000, low - 0xc0000, fd, 0xc0000);
		add_region(memory, above_hole, size - low, fd, low);
		break;
	case GUEST_ADJACENT: add_adjacent(memory, 4, size); break;
	case GUEST_SLOTS:
		size -= size % (GUEST_REGIONS_MAX * 4096ULL);
		add_adjacent(memory, GUEST_REGIONS_MAX, size);
		break;
	}
}

void guest_memory_destroy(struct guest_memory *memory)
{
	int last = -1;

	for (unsigned i = 0; i < memory->n_regions; i++) {
		munmap(memory->regions[i].host, memory->regions[i].size);
		if (memory->regions[i].fd != last)
			close(memory->regions[i].fd);
		last = memory->regions[i].fd;
	}
	memory->n_regions = 0;
}

static const struct guest_region *region_of(const struct guest_memory *memory, uint64_t gpa)
{
	for (unsigned i = 0; i < memory->n_regions; i++)
		if (gpa - memory->regions[i].gpa < memory->regions[i].size)
			return &memory->regions[i];
	return NULL;
}

uint64_t guest_memory_take(struct guest_memory *memory, uint64_t size, uint64_t align)
{
	for (unsigned i = 0; i < memory->n_regions; i++) {
		const struct guest_region *region = &memory->regions[i];
		uint64_t start = memory->next > region->gpa ? memory->next : region->gpa;

		start = (start + align - 1) & ~(align - 1);
		if (start + size <= region->gpa + region->size) {
			memory->next = start + size;
			return start;
		}
	}
	check(false, "the guest has no room for %llu bytes: give it more memory",
	      (unsigned long long)size);
	return 0;
}

void *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
	const struct guest_region *region = region_of(memory, gpa);

	if (!region || size > region->size - (gpa - region->gpa))
		return NULL;
	return region->host + (gpa - region->gpa);
}

/* The bytes from @gpa to the end of its region, at most @size. */
static uint8_t *reach(const struct guest_memory *memory, uint64_t gpa, size_t size,
		      size_t *ret_length)
{
	const struct guest_region *region = region_of(memory, gpa);
	uint64_t left;

	check(region, "no guest memory at %#llx", (unsigned long long)gpa);
	left = region->size - (gpa - region->gpa);
	*ret_length = size < left ? size : (size_t)left;
	return region->host + (gpa - region->gpa);
}

void guest_memory_write(const struct guest_memory *memory, uint64_t gpa, const void *from,
			size_t size)
{
	for (size_t done = 0, length; done < size; done += length) {
		uint8_t *to = reach(memory, gpa + done, size - done, &length);

		memcpy(to, (const uint8_t *)from + done, length);
	}
}

void guest_memory_read(const struct guest_memory *memory, uint64_t gpa, void *ret_to, size_t size)
{
	for (size_t done = 0, length; done < size; done += length) {
		const uint8_t *from = reach(memory, gpa + done, size - done, &length);

		memcpy((uint8_t *)ret_to + done, from, length);
	}
}

uint64_t guest_memory_user_addr(const struct guest_memory *memory, uint64_t gpa)
{
	size_t length;

	return (uint64_t)(uintptr_t)reach(memory, gpa, 1, &length);
}

struct vu_region guest_region_wire(const struct guest_region *region)
{
	return (struct vu_region){
		.gpa = region->gpa,
		.size = region->size,
		.user_addr = (uint64_t)(uintptr_t)region->host,
		.mmap_offset = region->offset,
	};
}
