/*
 * inflight - how large the area is, and an empty one.
 */
#include "vhost/inflight.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	INFLIGHT_HEADER = 16, /* features, version, desc_num, last_batch_head, used_idx */
	INFLIGHT_DESC = 16,   /* inflight, padding, next, counter */
	INFLIGHT_ALIGN = 64,  /* of each queue's part */
};

uint64_t inflight_size(unsigned n_queues, unsigned queue_size)
{
	uint64_t bytes = INFLIGHT_HEADER + (uint64_t)INFLIGHT_DESC * queue_size;

	return (bytes + INFLIGHT_ALIGN - 1) / INFLIGHT_ALIGN * INFLIGHT_ALIGN * n_queues;
}

int inflight_create(uint64_t size)
{
	int fd = memfd_create("vhost-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}
