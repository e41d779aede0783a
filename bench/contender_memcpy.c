/*
 * contender_memcpy - no switch at all: memcpy() between the guests' memories, frames of 64 KiB.
 * What moves such frames can be as fast, and hardly faster.
 */
#include <stdio.h>

#include "bench/contender.h"

static bool is_found(const struct place *place)
{
	return true;
}

static int start(struct contender *contender, const struct place *own)
{
	snprintf(contender->note, sizeof(contender->note),
		 "copies 64 KiB from buffer to buffer of such guests, without rings (TSO only)");
	return 0;
}

const struct contender_kind contender_memcpy = {
	.name = "memcpy",
	.title = "memcpy",
	.copies = true,
	.fields = FIELD_PLAIN,
	.rival = &contender_sluice,
	.is_found = is_found,
	.start = start,
};
