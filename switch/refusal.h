/*
 * refusal - the last frame of each kind that a port was refused, for `why`.
 *
 * Always recorded, in the counters memory: for each writer and port one place a
 * reason, so a flood of one kind does not wash away the others, and the memory is
 * bounded (and, being sparse, only as large as ports that were refused something).
 * A place is written at most once a millisecond.
 *
 * A record is read while its worker goes on writing: a sequence word, odd while
 * that happens, tells the reader that what it has is torn.
 */
#ifndef SWITCH_REFUSAL_H
#define SWITCH_REFUSAL_H

#include "switch/counters.h"
#include "switch/decide.h"

enum { REFUSAL_HEAD = 80 }; /* bytes of the frame */

/* What was refused, when, and who said so. */
struct refusal {
	clock_ms when;
	uint64_t policy;	/* generation */
	uint32_t len;		/* of the frame */
	uint32_t rule;		/* as in struct filter_hit, of the list that refused it */
	uint16_t list;		/* 0: no rules did */
	struct port_ref output; /* that it would have gone to; PORT_NONE: not known */
	uint8_t stage;		/* enum decide_stage */
	uint8_t head_len;
	uint8_t head[REFUSAL_HEAD];
};

enum { REFUSAL_WORDS = sizeof(struct refusal) / sizeof(uint64_t) };
_Static_assert(sizeof(struct refusal) == 112, "words, and nothing between them");

struct refusal_place {
	_Atomic uint64_t sequence; /* odd: being written; 0: never */
	_Atomic uint64_t words[REFUSAL_WORDS];
	_Atomic uint32_t port; /* whose record: as in struct port_counters */
	uint32_t reserved;
};
_Static_assert(sizeof(struct refusal_place) == COUNTERS_REFUSAL, "as counters.h reserves them");

/* Note that @frame from @in, perhaps to @out, was refused as @decision says. Writer only. */
void refusal_note(struct counters *counters, unsigned writer, struct port_ref in,
		  struct port_ref out, const struct frame *frame, const struct decision *decision,
		  uint64_t policy, clock_ms now);

/*
 * The same for what decide() had no part in: @frame was refused before it for @reason, or behind
 * it, at @out's door. It has no stage.
 */
void refusal_note_undecided(struct counters *counters, unsigned writer, struct port_ref in,
			    struct port_ref out, const struct frame *frame, enum drop reason,
			    uint64_t policy, clock_ms now);

/*
 * What records are made of, for rule_log.h too: put @frame into @refusal, which has all but that,
 * and both into a place of one's own; and read a place of another's. False: it is empty, of
 * another port, or torn.
 */
void refusal_write(struct refusal_place *place, struct port_ref port, const struct frame *frame,
		   struct refusal *refusal);
bool refusal_read_place(const struct refusal_place *place, struct port_ref port,
			struct refusal *ret_refusal);

/* The last frame from @port that was refused for @reason, by any writer; false if there is none. */
bool refusal_read(const struct counters *counters, struct port_ref port, enum drop reason,
		  struct refusal *ret_refusal);

#endif
