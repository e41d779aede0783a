/*
 * fault - what a guest, or the front-end that speaks for it, did wrong. One line a
 * kind; none of it costs anybody but its own port.
 *
 * Each line: name in code, word that users see (stable), explanation in one
 * line. Frames that were lost over it are counted as drops as well (drop.h);
 * here is what no frame stands for, or what many frames have in common.
 */
#ifndef SWITCH_FAULT_H
#define SWITCH_FAULT_H

/* clang-format off */
#define FAULT_KINDS(X) \
	X(BAD_INDEX,	"bad-index",	"a ring's index jumped by more than the ring holds, or a descriptor was named that is not in it; the ring stopped until the guest resets it") \
	X(BAD_CHAIN,	"bad-chain",	"a chain of descriptors was looped, too long, of the wrong direction, or its indirect table was odd") \
	X(BAD_ADDRESS,	"bad-address",	"a buffer, or an indirect table, was not in the memory that the guest shares") \
	X(BAD_MESSAGE,	"bad-message",	"a vhost-user message was refused: malformed, out of place, or asking for what cannot be") \
	X(LOST_MEMORY,	"lost-memory",	"the guest's memory was taken away while it was shared (its file truncated, or no page to be had); the session ended")
/* clang-format on */

enum fault {
#define X(name, word, text) FAULT_##name,
	FAULT_KINDS(X)
#undef X
		FAULT__COUNT,
};

/* Never NULL. */
const char *fault_word(enum fault kind);
const char *fault_text(enum fault kind);

#endif
