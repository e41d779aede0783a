/*
 * guest_memory - a guest's RAM: memfds, mapped here and handed to the backend.
 *
 * Regions lie at guest-physical addresses (gpa) as the layout says. Memory is
 * given out once, by guest_memory_take(), and never taken back: a test's guest
 * lives for seconds.
 */
#ifndef TESTS_LIB_GUEST_MEMORY_H
#define TESTS_LIB_GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lib/vhost_user.h"

enum guest_layout {
	GUEST_ONE = 0, /* one region at 0 */
	GUEST_PC, /* as QEMU's q35: holes at 640 KiB and below 4 GiB, one memfd, three regions */
	GUEST_ADJACENT, /* four regions with no hole between in gpa, each its own memfd */
	GUEST_SLOTS, /* GUEST_REGIONS_MAX regions, adjacent in gpa: more than a SET_MEM_TABLE holds */
};

enum { GUEST_REGIONS_MAX = 509 };

struct guest_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t offset; /* in fd */
	int fd;		 /* regions may share one */
	uint8_t *host;	 /* our mapping; also its user address on the wire */
};

struct guest_memory {
	unsigned n_regions;
	struct guest_region regions[GUEST_REGIONS_MAX];
	uint64_t next; /* gpa from which guest_memory_take() goes on */
};

/* @size bytes in all, a multiple of 4 MiB. */
void guest_memory_create(struct guest_memory *memory, enum guest_layout layout, uint64_t size);
void guest_memory_destroy(struct guest_memory *memory);

/* @size fresh bytes, @align aligned, that do not cross a region's end: their gpa. */
uint64_t guest_memory_take(struct guest_memory *memory, uint64_t size, uint64_t align);

/* The @size bytes at @gpa, or NULL if they are not all in one region. */
void *guest_memory_at(const struct guest_memory *memory, uint64_t gpa, uint64_t size);

/* Copy to and from memory, across regions. The addresses must exist. */
void guest_memory_write(const struct guest_memory *memory, uint64_t gpa, const void *from,
			size_t size);
void guest_memory_read(const struct guest_memory *memory, uint64_t gpa, void *ret_to, size_t size);

/* What the front-end calls the address on the wire. */
uint64_t guest_memory_user_addr(const struct guest_memory *memory, uint64_t gpa);

/* A region as SET_MEM_TABLE and ADD_MEM_REG send it. */
struct vu_region guest_region_wire(const struct guest_region *region);

#endif
