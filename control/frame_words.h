/*
 * frame_words - a recorded frame in words: for `why`, and for rules that say `log`.
 */
#ifndef CONTROL_FRAME_WORDS_H
#define CONTROL_FRAME_WORDS_H

#include "control/address.h"
#include "switch/refusal.h"

enum { FRAME_WORDS = 300 }; /* bytes */

/* A recorded frame, taken apart. */
struct frame_told {
	const struct refusal *refusal;
	struct frame_l2 l2;
	bool has_l2;
	struct filter filter;
};

void frame_take_apart(const struct refusal *refusal, struct frame_told *ret_told);

/* What it was: "tcp 10.0.0.1:4000 > 10.0.0.2:23, 52:54:... > 52:54:..., 74 bytes" */
void frame_words(const struct frame_told *told, char words[static FRAME_WORDS]);

/* Is it IP whose headers could be read? Then: an address of its key, and its protocol as rules have it. */
bool frame_told_is_ip(const struct frame_told *told);
const char *frame_address_words(const struct frame_told *told, const uint32_t words[4],
				char text[static ADDRESS_PREFIX_TEXT]);
const char *frame_protocol_words(uint32_t protocol, char text[static 8]);

#endif
