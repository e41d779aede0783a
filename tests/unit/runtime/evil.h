/*
 * evil - what the data plane that turns evil (evil.c) and its test agree on.
 */
#ifndef TESTS_UNIT_RUNTIME_EVIL_H
#define TESTS_UNIT_RUNTIME_EVIL_H

#include <stddef.h>
#include <sys/un.h>

#define EVIL_SOCKET "\0sluice-test-evil"
enum {
	EVIL_SOCKET_SIZE = offsetof(struct sockaddr_un, sun_path) + sizeof(EVIL_SOCKET),
	EVIL_REFUSED = 40,
	EVIL_SUCCEEDED,
	EVIL_UNKNOWN,
};

#endif
