/*
 * event - tells eventfds from other fds, and writes to them without waiting.
 */
#include "vhost/event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

int event_identity_learn(struct event_identity *ret_identity)
{
	struct stat st;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	int err = fstat(fd, &st) < 0 ? -errno : 0;
	close(fd);
	if (err < 0)
		return err;
	ret_identity->device = st.st_dev;
	ret_identity->inode = st.st_ino;
	return 0;
}

bool event_accept(const struct event_identity *identity, int fd)
{
	const uint64_t nothing = 0;
	struct stat st;

	/*
	 * Eventfds have the inode of all files without one (timerfd, signalfd,
	 * epoll... have it too); of those, only an eventfd lets add 0 to it,
	 * which changes nothing and does not wait, full or not.
	 */
	if (fstat(fd, &st) < 0 || st.st_dev != identity->device || st.st_ino != identity->inode)
		return false;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return false;
	return write(fd, &nothing, sizeof(nothing)) == sizeof(nothing);
}

bool event_signal(int fd)
{
	const uint64_t one = 1;
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	/*
	 * A full eventfd needs no write: the other side has not looked at earlier
	 * ones yet. And it must get none: whether a write waits is a property of
	 * the open file, which the front-end has too and may have changed since
	 * event_accept(). A front-end that fills it between these two calls is left:
	 * then the write waits until it has room or a signal comes, which is why it
	 * is not tried again.
	 */
	if (poll(&room, 1, 0) == 0)
		return true;
	return write(fd, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN;
}
