/*
 * fuse_file - a file whose file system is run by the test, as a front-end could
 * run one: whoever asks the file for anything waits for its owner.
 *
 * A process of its own mounts it, where nobody else sees it, and answers what
 * opening and closing needs. What else it is asked is counted: a data plane that
 * is careful asks nothing. Needs /dev/fuse and a mount namespace.
 */
#ifndef TESTS_LIB_FUSE_FILE_H
#define TESTS_LIB_FUSE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct fuse_file {
	int fd; /* the file, open for reading and writing */
	pid_t owner;
	atomic_uint *questions; /* other than to open and close it; shared with the owner */
	atomic_uint *held; /* while not zero, the owner answers nobody, not even who closes it */
};

/* False with errno: this machine has no FUSE for us. */
bool fuse_file_create(struct fuse_file *file);
/* Its held is set to zero. */
void fuse_file_destroy(struct fuse_file *file);

#endif
