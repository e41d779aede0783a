/*
 * name - what may be the name of a tenant, network, port, group, ...
 */
#ifndef CONTROL_NAME_H
#define CONTROL_NAME_H

#include <stdbool.h>
#include <string.h>

#include "switch/limits.h"

#define NAME_HINT "a name has small letters, digits, \"-\", \"_\", \".\", and at most 63 of them"

static inline bool name_is_valid(const char *text)
{
	size_t length = strlen(text);

	return length >= 1 && length <= LIMIT_NAME &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

#endif
