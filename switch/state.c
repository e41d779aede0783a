/*
 * state - makes and adopts the state memory; see state.h.
 */
#include "switch/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FDB_OFFSET = 4096,
	SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW,
};

int state_check(const void *memory, size_t size, struct state_head *ret_head)
{
	struct state_head head;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, memory, sizeof(head));
	if (head.magic != STATE_MAGIC || head.version != STATE_VERSION || head.size != size ||
	    head.fdb != FDB_OFFSET || head.fdb > size || head.fdb_size > size - head.fdb)
		return -EPROTO;
	*ret_head = head;
	return 0;
}

int state_create(struct state *ret_state)
{
	struct state state = {.size = FDB_OFFSET + fdb_size(LIMIT_FDB_ENTRIES)};
	int error;

	state.fd = memfd_create("sluice-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (state.fd < 0)
		return -errno;
	if (ftruncate(state.fd, (off_t)state.size) || fcntl(state.fd, F_ADD_SEALS, SIZE_SEALS)) {
		error = -errno;
		goto close_fd;
	}
	state.memory = mmap(NULL, state.size, PROT_READ | PROT_WRITE, MAP_SHARED, state.fd, 0);
	if (state.memory == MAP_FAILED) {
		error = -errno;
		goto close_fd;
	}
	error = fdb_init((char *)state.memory + FDB_OFFSET, state.size - FDB_OFFSET,
			 LIMIT_FDB_ENTRIES, &state.fdb);
	if (error)
		goto unmap;
	*(struct state_head *)state.memory = (struct state_head){
		.magic = STATE_MAGIC,
		.version = STATE_VERSION,
		.size = state.size,
		.fdb = FDB_OFFSET,
		.fdb_size = state.size - FDB_OFFSET,
	};
	*ret_state = state;
	return 0;

unmap:
	munmap(state.memory, state.size);
close_fd:
	close(state.fd);
	return error;
}

int state_adopt(int fd, struct state *ret_state)
{
	struct state state = {.fd = fd};
	struct state_head head;
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);
	int error;

	/* what could shrink could end the process with a SIGBUS */
	if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS || fstat(fd, &status) ||
	    status.st_size <= 0)
		return -EPROTO;
	state.size = (size_t)status.st_size;
	state.memory = mmap(NULL, state.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state.memory == MAP_FAILED)
		return -errno;
	error = state_check(state.memory, state.size, &head);
	if (!error)
		error = fdb_adopt((char *)state.memory + head.fdb, head.fdb_size, &state.fdb);
	if (error) {
		munmap(state.memory, state.size);
		return error;
	}
	*ret_state = state;
	return 0;
}

void state_close(struct state *state)
{
	if (!state->memory)
		return;
	fdb_close(state->fdb);
	munmap(state->memory, state->size);
	close(state->fd);
}
