/*
 * mapping - maps files, and finds a mapping from inside of a signal handler.
 *
 * The registry is a list of slots that are never freed, only used again, so
 * that a handler may walk it at any time. The slot of the mapping that faulted
 * cannot change meanwhile (whoever faulted is using it); any other may, and
 * carries a sequence number that tells: odd while it is being written.
 */
#include "vhost/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhost/vhost.h"

struct mapping_slot {
	struct mapping_slot *next; /* set once */
	atomic_uint sequence;
	atomic_uintptr_t start; /* 0: the slot is free */
	atomic_size_t length;
	_Atomic(atomic_bool *) dead;
};

static _Atomic(struct mapping_slot *) registry;
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER; /* of those who write */

static void slot_write(struct mapping_slot *slot, uintptr_t start, size_t length, atomic_bool *dead)
{
	/* Odd before the first field changes, even after the last one did: all are seq_cst. */
	atomic_fetch_add(&slot->sequence, 1);
	atomic_store(&slot->start, start);
	atomic_store(&slot->length, length);
	atomic_store(&slot->dead, dead);
	atomic_fetch_add(&slot->sequence, 1);
}

static struct mapping_slot *registry_add(void *start, size_t length, atomic_bool *dead)
{
	pthread_mutex_lock(&registry_lock);
	struct mapping_slot *slot = atomic_load(&registry);
	while (slot && atomic_load(&slot->start))
		slot = slot->next;
	if (!slot) {
		slot = calloc(1, sizeof(*slot));
		if (slot) {
			slot->next = atomic_load(&registry);
			atomic_store(&registry, slot);
		}
	}
	if (slot)
		slot_write(slot, (uintptr_t)start, length, dead);
	pthread_mutex_unlock(&registry_lock);
	return slot;
}

static void registry_remove(struct mapping_slot *slot)
{
	pthread_mutex_lock(&registry_lock);
	slot_write(slot, 0, 0, NULL);
	pthread_mutex_unlock(&registry_lock);
}

bool vhost_memory_fault(void *address)
{
	for (struct mapping_slot *slot = atomic_load(&registry); slot; slot = slot->next) {
		unsigned sequence = atomic_load(&slot->sequence);
		uintptr_t start = atomic_load(&slot->start);
		size_t length = atomic_load(&slot->length);
		atomic_bool *dead = atomic_load(&slot->dead);

		if ((sequence & 1) || atomic_load(&slot->sequence) != sequence)
			continue; /* being written: not the one that is in use here */
		if (!start || (uintptr_t)address - start >= length)
			continue;
		if (mmap((void *)start, length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) == MAP_FAILED)
			return false;
		atomic_store(dead, true);
		return true;
	}
	return false;
}

/* No other kind has seals to ask for, and nobody is asked. */
bool mapping_accepts(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

int mapping_create(int fd, uint64_t offset, uint64_t size, atomic_bool *dead,
		   struct mapping **ret_mapping)
{
	struct stat st;
	uint64_t end;

	if (!mapping_accepts(fd) || fstat(fd, &st) < 0)
		return -EMEDIUMTYPE;
	if (size == 0 || __builtin_add_overflow(offset, size, &end) || st.st_size < 0 ||
	    end > (uint64_t)st.st_size)
		return -ERANGE;
	if (offset % (uint64_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;

	/* hugetlbfs maps whole huge pages only; its block is one. It is a power of two. */
	uint64_t block = (uint64_t)st.st_blksize;
	uint64_t skip = offset & (block - 1);
	uint64_t length;
	if (__builtin_add_overflow(skip + block - 1, size, &length))
		return -ERANGE;
	length &= ~(block - 1);

	struct mapping *mapping = calloc(1, sizeof(*mapping));
	if (!mapping)
		return -ENOMEM;
	/*
	 * With a reservation: huge pages that are not there are missed here, not
	 * at the first access.
	 */
	mapping->start =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(offset - skip));
	if (mapping->start == MAP_FAILED) {
		int err = -errno;
		free(mapping);
		return err;
	}
	mapping->slot = registry_add(mapping->start, length, dead);
	if (!mapping->slot) {
		munmap(mapping->start, length);
		free(mapping);
		return -ENOMEM;
	}
	/* A core dump of ours is no place for guests' memory. */
	madvise(mapping->start, length, MADV_DONTDUMP);

	mapping->bytes = (uint8_t *)mapping->start + skip;
	mapping->size = size;
	mapping->device = st.st_dev;
	mapping->inode = st.st_ino;
	mapping->offset = offset;
	mapping->users = 1;
	mapping->length = length;
	*ret_mapping = mapping;
	return 0;
}

bool mapping_is_same(const struct mapping *mapping, int fd, uint64_t offset, uint64_t size)
{
	struct stat st;

	return mapping->offset == offset && mapping->size == size && mapping_accepts(fd) &&
	       fstat(fd, &st) == 0 && st.st_dev == mapping->device && st.st_ino == mapping->inode;
}

struct mapping *mapping_get(struct mapping *mapping)
{
	mapping->users++;
	return mapping;
}

void mapping_put(struct mapping *mapping)
{
	if (!mapping || --mapping->users > 0)
		return;
	registry_remove(mapping->slot);
	munmap(mapping->start, mapping->length);
	free(mapping);
}
