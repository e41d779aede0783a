/*
 * mapping - a front-end's file in this process's address space.
 *
 * Guest memory and dirty logs are files that somebody else can truncate at any
 * time; touching what is gone raises SIGBUS. So each mapping is entered in a
 * registry that a signal handler may search (vhost_memory_fault()), together
 * with the flag of the session that dies of it.
 *
 * Only files that live in memory are mapped (memfd, tmpfs, hugetlbfs): a file
 * system run by the front-end (FUSE) could let any access wait for ever.
 *
 * Threads. Created and released by control threads. The memory behind may be
 * used until mapping_put() by whoever the owner knows of.
 */
#ifndef VHOST_MAPPING_H
#define VHOST_MAPPING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping_slot;

struct mapping {
	uint8_t *bytes; /* the first byte asked for */
	uint64_t size;	/* how many were asked for */
	/* which bytes of which file: two mappings of the same are one */
	dev_t device;
	ino_t inode;
	uint64_t offset;
	unsigned users;
	/* the pages that were mapped to have them */
	void *start;
	uint64_t length;
	struct mapping_slot *slot;
};

/* Is @fd a file that lives in memory? Its size may be asked for then. */
bool mapping_accepts(int fd);

/*
 * Map @size bytes from @offset of @fd, which stays the caller's. @dead is set
 * when the file is truncated under us. -EMEDIUMTYPE: not a file in memory;
 * -ERANGE: no such range in it; -EINVAL: an offset inside of a page; or what
 * mmap() says.
 */
int mapping_create(int fd, uint64_t offset, uint64_t size, atomic_bool *dead,
		   struct mapping **ret_mapping) __attribute__((warn_unused_result));

/* Would mapping_create() give the same bytes of the same file? */
bool mapping_is_same(const struct mapping *mapping, int fd, uint64_t offset, uint64_t size);

/* One more user; one less, and the last one unmaps. NULL is fine. */
struct mapping *mapping_get(struct mapping *mapping);
void mapping_put(struct mapping *mapping);

#endif
