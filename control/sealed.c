/*
 * sealed - see sealed.h.
 */
#include "control/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int sealed_make(const char *name, const void *bytes, size_t size, int *ret_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;
	int error;

	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t n = write(fd, (const char *)bytes + done, size - done);

		if (n < 0 && errno != EINTR)
			goto close_fd;
		if (n > 0)
			done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		goto close_fd;
	*ret_fd = fd;
	return 0;
close_fd:
	error = -errno;
	close(fd);
	return error;
}

int sealed_map(int fd, int seals, struct sealed *ret_sealed)
{
	int borne = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *memory;

	if (borne < 0 || (borne & seals) != seals || fstat(fd, &st) || st.st_size <= 0)
		return -EPROTO;
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*ret_sealed = (struct sealed){.fd = fd, .memory = memory, .size = (size_t)st.st_size};
	return 0;
}

void sealed_release(struct sealed *sealed)
{
	if (sealed->memory)
		munmap((void *)(uintptr_t)sealed->memory, sealed->size);
	if (sealed->fd >= 0)
		close(sealed->fd);
	*sealed = SEALED_NONE;
}
