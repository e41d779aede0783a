/*
 * sealed - memory that two processes share and at least one cannot take back.
 *
 * A memfd that its maker could truncate would make its reader fault. So what is
 * given away is sealed, and what is received is read only if it is sealed.
 */
#ifndef CONTROL_SEALED_H
#define CONTROL_SEALED_H

#include <stddef.h>

/* Mapped for reading. Start with SEALED_NONE. */
struct sealed {
	int fd;
	const void *memory;
	size_t size;
};

#define SEALED_NONE ((struct sealed){.fd = -1})

/* A copy of @size bytes in a memfd that nobody can change any more. */
int sealed_make(const char *name, const void *bytes, size_t size, int *ret_fd)
	__attribute__((warn_unused_result));

/*
 * Map @fd, if it bears all of @seals (F_SEAL_SHRINK, ...): -EPROTO if it does
 * not. After 0 the fd is the memory's.
 */
int sealed_map(int fd, int seals, struct sealed *ret_sealed) __attribute__((warn_unused_result));

/* Unmap and close; SEALED_NONE is fine, and left behind. */
void sealed_release(struct sealed *sealed);

#endif
