/*
 * fuse_file - see fuse_file.h. The protocol is that of <linux/fuse.h>.
 */
#include "tests/lib/fuse_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/clock.h"

enum { REQUEST_MAX = 1 << 17 };

struct owner {
	int device;	  /* where requests are read and answered */
	const char *path; /* the mount point, a file */
	bool opened;
	atomic_uint *questions;
	atomic_uint *held;
};

static void answer(const struct owner *owner, const struct fuse_in_header *in, int error,
		   const void *body, size_t size)
{
	uint8_t reply[512];
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.error = error,
		.unique = in->unique,
	};

	memcpy(reply, &header, sizeof(header));
	if (size)
		memcpy(reply + sizeof(header), body, size);
	(void)!write(owner->device, reply, header.len);
}

static void answer_attributes(const struct owner *owner, const struct fuse_in_header *in)
{
	/* valid for no time: whoever wants to know asks again */
	const struct fuse_attr_out out = {
		.attr = {.ino = FUSE_ROOT_ID, .size = 1 << 24, .mode = S_IFREG | 0666, .nlink = 1},
	};

	answer(owner, in, 0, &out, sizeof(out));
}

static void serve(struct owner *owner, const struct fuse_in_header *in, const void *body)
{
	const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_write = 4096,
		.max_readahead = ((const struct fuse_init_in *)body)->max_readahead};
	const struct fuse_open_out opened = {0};

	if (owner->opened && in->opcode != FUSE_FLUSH && in->opcode != FUSE_RELEASE)
		atomic_fetch_add(owner->questions, 1);
	switch (in->opcode) {
	case FUSE_INIT: answer(owner, in, 0, &init, sizeof(init)); break;
	case FUSE_GETATTR: answer_attributes(owner, in); break;
	case FUSE_OPEN:
		answer(owner, in, 0, &opened, sizeof(opened));
		owner->opened = true;
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE: answer(owner, in, 0, NULL, 0); break;
	case FUSE_FORGET:
	case FUSE_INTERRUPT: break; /* not answered */
	default: answer(owner, in, -ENOSYS, NULL, 0);
	}
}

static void give_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	char nothing = 0;
	struct iovec byte = {&nothing, 1};
	struct msghdr message = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	(void)!sendmsg(socket, &message, 0);
}

static int take_fd(int socket)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec place = {&byte, 1};
	struct msghdr message = {.msg_iov = &place,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.bytes)};
	int fd = -1;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) > 0 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* Mounts are allowed to root, or to anybody in namespaces of his own. */
static bool enter_namespaces(void)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1\n", geteuid());
	if (geteuid() != 0 && (unshare(CLONE_NEWUSER) || !write_text("/proc/self/uid_map", map)))
		return false;
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool mount_file(struct owner *owner)
{
	char options[100];

	owner->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (owner->device < 0)
		return false;
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0,allow_other",
		 owner->device);
	return mount("test", owner->path, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

/*
 * The owner's process. Opening waits for the owner, so a child of his opens. The
 * owner must not have the file himself: his end would wait for his answer.
 */
static void own(struct owner *owner, int socket)
{
	static uint8_t request[REQUEST_MAX] __attribute__((aligned(8)));
	struct fuse_in_header in;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!enter_namespaces() || !mount_file(owner))
		return;
	if (fork() == 0) {
		close(owner->device);
		give_fd(socket, open(owner->path, O_RDWR | O_CLOEXEC));
		_exit(0);
	}
	close(socket);
	while (read(owner->device, request, sizeof(request)) >= (ssize_t)sizeof(in)) {
		memcpy(&in, request, sizeof(in));
		while (atomic_load(owner->held))
			clock_nap_us(1000);
		serve(owner, &in, request + sizeof(in));
	}
}

bool fuse_file_create(struct fuse_file *file)
{
	char path[] = "/tmp/sluice-fuse-XXXXXX";
	int ends[2], point = mkstemp(path);

	file->questions = mmap(NULL, 2 * sizeof(*file->questions), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (point < 0 || file->questions == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return false;
	file->held = file->questions + 1;
	file->owner = fork();
	if (file->owner == 0) {
		struct owner owner = {
			.path = path, .questions = file->questions, .held = file->held};

		close(ends[0]);
		own(&owner, ends[1]);
		_exit(1);
	}
	close(ends[1]);
	file->fd = take_fd(ends[0]);
	close(ends[0]);
	close(point);
	unlink(path);
	return file->fd >= 0;
}

void fuse_file_destroy(struct fuse_file *file)
{
	atomic_store(file->held, 0);
	/* while there is somebody to answer */
	if (file->fd >= 0)
		close(file->fd);
	kill(file->owner, SIGKILL);
	waitpid(file->owner, NULL, 0);
	munmap(file->questions, 2 * sizeof(*file->questions));
}
