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
	PAGE = 4096, /* of alignment, and of the head */
	SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW,
};

/* A part lies on pages of its own, behind @after and before the memory's end. */
static bool part_fits(uint64_t offset, uint64_t part_size, uint64_t after, uint64_t size)
{
	return offset % PAGE == 0 && offset >= after && offset <= size &&
	       part_size <= size - offset;
}

int state_check(const void *memory, size_t size, struct state_head *ret_head)
{
	struct state_head head;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, memory, sizeof(head));
	if (head.magic != STATE_MAGIC || head.version != STATE_VERSION || head.size != size ||
	    !part_fits(head.fdb, head.fdb_size, PAGE, size) ||
	    !part_fits(head.sessions, head.sessions_size, head.fdb + head.fdb_size, size))
		return -EPROTO;
	*ret_head = head;
	return 0;
}

static struct state_head plan_parts(void)
{
	struct state_head head = {
		.magic = STATE_MAGIC,
		.version = STATE_VERSION,
		.fdb = PAGE,
		.fdb_size = fdb_size(LIMIT_FDB_ENTRIES),
		.sessions_size = session_size(LIMIT_SESSIONS, LIMIT_SESSION_SHARE),
	};

	head.sessions = (head.fdb + head.fdb_size + PAGE - 1) / PAGE * PAGE;
	head.size = head.sessions + head.sessions_size;
	return head;
}

int state_create(struct state *ret_state)
{
	struct state_head head = plan_parts();
	struct state state = {.size = head.size};
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
	error = fdb_init((char *)state.memory + head.fdb, head.fdb_size, LIMIT_FDB_ENTRIES,
			 &state.fdb);
	if (error)
		goto unmap;
	error = session_init((char *)state.memory + head.sessions, head.sessions_size,
			     LIMIT_SESSIONS, LIMIT_SESSION_SHARE, &state.sessions);
	if (error)
		goto close_fdb;
	*(struct state_head *)state.memory = head;
	*ret_state = state;
	return 0;

close_fdb:
	fdb_close(state.fdb);
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
	if (error)
		goto unmap;
	error = fdb_adopt((char *)state.memory + head.fdb, head.fdb_size, &state.fdb);
	if (error)
		goto unmap;
	error = session_adopt((char *)state.memory + head.sessions, head.sessions_size,
			      &state.sessions);
	if (error)
		goto close_fdb;
	*ret_state = state;
	return 0;

close_fdb:
	fdb_close(state.fdb);
unmap:
	munmap(state.memory, state.size);
	return error;
}

void state_close(struct state *state)
{
	if (!state->memory)
		return;
	session_close(state->sessions);
	fdb_close(state->fdb);
	munmap(state->memory, state->size);
	close(state->fd);
}
